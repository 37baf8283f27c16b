# common.sh -- what the scripts in ci/ share.  Sourced, never run.
#
# say TEXT      a line of talk, on standard error
# die TEXT      the same, and exit 1
# run_quietly LOG COMMAND...   the log is shown only where the command fails
# build_root    prints the folder for build trees: $ORD_BUILD, else build/ in
#               the source tree, else (not ours to write) one in the user's
#               cache, else one in $TMPDIR that nobody else may write
# runnable_tmp FOLDER   temporary files go there if /tmp is mounted noexec

say()
{
    printf '%s\n' "$*" >&2
}

die()
{
    say "$*"
    exit 1
}

run_quietly()
{
    local log=$1
    shift
    if "$@" > "$log" 2>&1; then
        return 0
    fi
    tail -n 200 "$log" >&2
    say "failed: $*"
    return 1
}

runnable_tmp()
{
    local probe
    probe=$(mktemp) || return
    printf '#!/bin/sh\n' > "$probe"
    chmod u+x "$probe"
    if ! "$probe" 2> /dev/null; then
        mkdir -p "$1" && export TMPDIR=$1
    fi
    rm -f "$probe"
}

# A folder that we can make or write, as can all that was built in it before.
is_ours()
{
    mkdir -p "$1" 2>/dev/null && [ -w "$1" ] || return 1
    local made
    for made in "$1"/*/CMakeCache.txt "$1"/*/.ninja_log; do
        if [ -e "$made" ] && [ ! -w "$made" ]; then
            return 1
        fi
    done
}

build_root()
{
    local root=$1
    local tree candidate
    # Two clones must not share a build tree: CMake would refuse the second.
    tree=$(printf '%s' "$root" | cksum | cut -d ' ' -f 1)
    if [ -n "${ORD_BUILD:-}" ]; then
        is_ours "$ORD_BUILD" || die "ORD_BUILD: cannot write $ORD_BUILD"
        printf '%s\n' "$ORD_BUILD"
        return
    fi
    if is_ours "$root/build"; then
        printf '%s\n' "$root/build"
        return
    fi
    candidate=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/ordeal/$tree
    if is_ours "$candidate"; then
        printf '%s\n' "$candidate"
        return
    fi
    candidate=${TMPDIR:-/tmp}/ordeal-$(id -u)
    mkdir -m 700 -p "$candidate" 2>/dev/null
    # In a shared folder the name may have been taken by somebody else.
    if [ -O "$candidate" ] && [ ! -L "$candidate" ] &&
        is_ours "$candidate/$tree"; then
        printf '%s\n' "$candidate/$tree"
        return
    fi
    die "no folder to build in: set ORD_BUILD to one that you can write"
}
