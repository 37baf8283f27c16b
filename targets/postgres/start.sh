#!/bin/sh
# start.sh CLIENT NODE IP DATA PEERS --NAME=VALUE...: one PostgreSQL server.
#
# An empty data folder is prepared: by initdb on the first node, by a base
# backup of it on the others.  A node that comes back looks for a primary with
# a newer timeline; if there is one it follows it, rewound or copied anew.
# Else it starts as what it was.
#
# With logical replication every node is prepared by initdb; n1 publishes all
# tables (one-way), or each node the rows of `sets` it was told itself (both).
set -eu
client=$1 node=$2 ip=$3 data=$4 peers=$5
here=$(cd "$(dirname "$0")" && pwd)
shift 5
commit=on standbys=none fsync=on mode=streaming
for setting; do
    case $setting in
    --synchronous_commit=*) commit=${setting#*=} ;;
    --standbys=*) standbys=${setting#*=} ;;
    --fsync=*) fsync=${setting#*=} ;;
    --mode=*) mode=${setting#*=} ;;
    --promotion=*) ;; # is asked when one is promoted
    *) echo "start.sh: what is $setting?" >&2; exit 64 ;;
    esac
done
first=${peers%%,*}
for bin in /usr/lib/postgresql/*/bin; do PATH=$bin:$PATH; done # the newest
names='' others='' i=0
for peer in $(echo "$peers" | tr , ' '); do
    i=$((i + 1))
    names=$names${names:+,}n$i
    [ "$peer" = "$ip" ] || others=$others${others:+,}$peer
done
case $standbys in
none) names= ;;
any-1) names="ANY 1 ($names)" ;;
first-2) names="FIRST 2 ($names)" ;;
esac
cd "$data"
umask 077

# PostgreSQL refuses uid 0.  In a user namespace of its own it has another one,
# and the files stay ours; where there may be none, root becomes that user.
user=postgres
id -u "$user" >/dev/null 2>&1 || user=nobody
uid=$(id -u "$user") gid=$(id -g "$user")
if unshare -U --map-user="$uid" --map-group="$gid" true 2>/dev/null; then
    as="unshare -U --map-user=$uid --map-group=$gid"
elif [ "$(id -u)" -eq 0 ]; then
    chown -R "$uid:$gid" .
    as="setpriv --reuid $uid --regid $gid --clear-groups"
else
    as=
fi

# What is prepared becomes the node's when it is whole.
publish() {
    rm -rf db.old
    [ ! -e db ] || mv db db.old
    mv db.new db
    rm -rf db.old
}

ask() {
    psql -q -A -t -1 -v ON_ERROR_STOP=1 -d \
        "host=$1 user=postgres dbname=postgres connect_timeout=2" -c "$2"
}

publish_tables() {
    tables=$(grep '^CREATE' "$here/schema.sql")
    case $mode-$node in
    logical-n1) tables="$tables CREATE PUBLICATION ordeal FOR ALL TABLES;" ;;
    both-*) tables="$tables ALTER TABLE sets ADD node text
        DEFAULT current_setting('cluster_name'); CREATE PUBLICATION ordeal
        FOR TABLE sets WHERE (node = '$node') WITH (publish = 'insert');" ;;
    esac
    until [ "$(ask "$ip" "SELECT to_regclass('sets')" 2>/dev/null)" = sets ]; do
        sleep 0.1
        ask "$ip" "SET synchronous_commit = local; $tables" 2>/dev/null || :
    done
}

# To the node with address $1, called $2.  The slot comes first, by itself: to
# make one waits for transactions, and two nodes that subscribe to each other
# would wait for each other.
subscribe_to() {
    slot=s$(echo "$ip" | tr . _)
    until [ "$(ask "$ip" "SELECT count(*) FROM pg_subscription
            WHERE subname = 'from_$2'" 2>/dev/null)" = 1 ]; do
        sleep 0.1
        found="FROM pg_replication_slots WHERE slot_name = '$slot'"
        ask "$1" "SELECT pg_create_logical_replication_slot('$slot',
            'pgoutput') WHERE EXISTS (SELECT FROM pg_publication)
            AND NOT EXISTS (SELECT $found)" >/dev/null 2>&1 || :
        [ "$(ask "$1" "SELECT count(*) $found" 2>/dev/null)" = 1 ] &&
            ask "$ip" "CREATE SUBSCRIPTION from_$2 CONNECTION 'host=$1
                user=postgres dbname=postgres connect_timeout=2
                application_name=$node' PUBLICATION ordeal WITH (
                create_slot = false, slot_name = '$slot', copy_data = false,
                synchronous_commit = local)" 2>/dev/null || :
    done
}

subscribe() {
    publish_tables
    i=0
    for peer in $(echo "$peers" | tr , ' '); do
        i=$((i + 1))
        case $mode-n$i in
        logical-n1 | both-*)
            [ "$peer" = "$ip" ] || subscribe_to "$peer" n$i
            ;;
        esac
    done
}

prepare_first() {
    rm -rf db.new
    $as initdb -D db.new -U postgres -A trust -E UTF8 --no-locale -k -N
    echo "host all,replication all all trust" >>db.new/pg_hba.conf
    cat >>db.new/postgresql.conf <<END
port = 5432
unix_socket_directories = ''
max_connections = 200
shared_buffers = 32MB
wal_keep_size = 64MB
wal_sender_timeout = 3s
wal_receiver_timeout = 3s
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
log_min_messages = log
autovacuum = off
jit = off
END
    # One statement a line is what a server without clients reads.
    # What is made so is not published: that takes a server that runs.
    words='^[^-]'
    [ "$mode" = streaming ] || words='^[^-C]'
    grep "$words" "$here/schema.sql" |
        $as postgres --single -F -D db.new postgres >/dev/null
    publish
}

copy_from() {
    rm -rf db.new
    $as pg_basebackup -h "$1" -U postgres -D db.new -X fetch -c fast \
        --no-sync || return 1
    $as touch db.new/standby.signal
    publish
}

# The newest timeline that it has seen.
timeline() {
    LC_ALL=C $as pg_controldata db |
        sed -n "s/^Latest checkpoint's TimeLineID: *//p
            s/^Min recovery ending loc's timeline: *//p" | sort -n | tail -n 1
}

# Of a primary.  A server that was killed recovers first, by itself and alone,
# and writes; what a standby would write then the primary never had.
rewind_to() {
    if $as pg_rewind -D db --no-sync \
        --source-server="host=$1 user=postgres dbname=postgres"; then
        $as touch db/standby.signal
    else
        echo "start.sh: pg_rewind failed: a base backup"
        copy_from "$1"
    fi
}

# Two that were promoted at once gave different histories the same number.
follow() {
    ours=$(timeline)
    if [ -e db/standby.signal ]; then
        [ "$2" -le "$ours" ] || copy_from "$1" # it may have what $1 has not
    elif [ "$2" -gt "$ours" ]; then
        rewind_to "$1"
    elif [ "$2" -eq "$ours" ]; then
        copy_from "$1"
    fi
}

if [ -e db ]; then
    # Of a server that was killed; that number is somebody else's by now.
    rm -f db/postmaster.pid
    if [ "$mode" != streaming ]; then
        : # none follows another
    elif found=$("$client" --look "$others"); then
        follow "${found% *}" "${found#* }"
        # It shall be asked first, before another that thinks it is one.
        others=${found% *},$others
    fi
elif [ "$ip" = "$first" ] || [ "$mode" != streaming ]; then
    prepare_first
else
    until copy_from "$first" 2>/dev/null; do sleep 0.2; done
fi

level=replica messages=log
if [ "$mode" != streaming ]; then
    level=logical messages=error # conflicts
    subscribe &
    [ "$mode-$node" = logical-n1 ] || [ "$mode" = both ] || names=
fi
exec $as postgres -D db -c listen_addresses="$ip" -c fsync="$fsync" \
    -c wal_level=$level -c cluster_name="$node" -c log_min_messages=$messages \
    -c synchronous_commit="$commit" -c synchronous_standby_names="$names" \
    -c primary_conninfo="host=$others user=postgres dbname=postgres \
application_name=$node connect_timeout=2 target_session_attrs=read-write"
