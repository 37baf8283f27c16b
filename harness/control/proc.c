/* proc.c -- see proc.h. */
#include "harness/control/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/base/clock.h"

enum { KEEP_MAX = 80 };

pid_t ord_proc_clone(uint64_t flags, int *pidfd)
{
    int fd = -1;
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&fd,
        .exit_signal = SIGCHLD,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);

    if (pid > 0)
        *pidfd = fd; /* close-on-exec by itself */
    return (pid_t)pid;
}

void ord_proc_die_with(int parent_pidfd)
{
    struct pollfd parent = {.fd = parent_pidfd, .events = POLLIN};

    /* Before any look at the parent: who dies after this takes us along, who
     * died before it is seen by the look. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (parent_pidfd >= 0 && poll(&parent, 1, 0) != 0)
        _exit(128 + SIGKILL);
}

void ord_proc_close_others(const int *keep, uint32_t keep_count)
{
    unsigned from = 3;

    ORD_ASSERT(keep_count <= KEEP_MAX);
    for (uint32_t round = 0; round <= keep_count; round++) {
        unsigned next = UINT_MAX; /* the lowest kept one from `from` up */

        for (uint32_t i = 0; i < keep_count; i++) {
            if (keep[i] >= 0 && (unsigned)keep[i] >= from &&
                (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        }
        if (next == UINT_MAX)
            break;
        if (next > from)
            (void)close_range(from, next - 1, 0);
        from = next + 1;
    }
    (void)close_range(from, UINT_MAX, 0);
}

void ord_proc_reset_signals(void)
{
    sigset_t none;

    for (int signal_number = 1; signal_number < NSIG; signal_number++)
        (void)signal(signal_number, SIG_DFL); /* KILL and STOP refuse: fine */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

bool ord_proc_null_fd(int fd, int flags)
{
    int null = open("/dev/null", flags | O_CLOEXEC);
    bool ok = null >= 0 &&
              (null == fd ? fcntl(fd, F_SETFD, 0) == 0 : dup2(null, fd) == fd);

    if (null >= 0 && null != fd)
        (void)close(null);
    return ok;
}

static bool make_private(void)
{
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* Private is said of mounts, and a chroot's root is not one.  So up to the
 * namespace's own root, which is where setns() leads, and back again. */
static bool make_private_from_chroot(void)
{
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    bool ok = root >= 0 && here >= 0 && mounts >= 0 &&
              setns(mounts, CLONE_NEWNS) == 0 && make_private() &&
              fchdir(root) == 0 && chroot(".") == 0 && fchdir(here) == 0;
    int kept = errno;

    if (root >= 0)
        (void)close(root);
    if (here >= 0)
        (void)close(here);
    if (mounts >= 0)
        (void)close(mounts);
    errno = kept;
    return ok;
}

bool ord_proc_in_chroot(void)
{
    struct statx stat;

    return statx(AT_FDCWD, "/", 0, STATX_TYPE, &stat) == 0 &&
           (stat.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 &&
           (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0;
}

bool ord_proc_private_mounts(void)
{
    return ord_proc_in_chroot() ? make_private_from_chroot() : make_private();
}

bool ord_proc_write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t size = strlen(text);
    bool ok;
    int kept;

    if (fd < 0)
        return false;
    ok = write(fd, text, size) == (ssize_t)size;
    kept = errno;
    (void)close(fd);
    errno = kept;
    return ok;
}

size_t ord_proc_read_until(int fd, void *out, size_t size, int64_t deadline_ns)
{
    size_t have = 0;

    while (have < size) {
        struct pollfd in = {.fd = fd, .events = POLLIN};
        ssize_t got;

        if (poll(&in, 1, ord_poll_ms(deadline_ns)) == 0)
            break;
        got = read(fd, (char *)out + have, size - have);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            break;
        have += (size_t)got;
    }
    return have;
}

int ord_poll_ms(int64_t deadline_ns)
{
    int64_t left = deadline_ns - ord_now_ns();

    if (left <= 0)
        return 0;
    left = (left + ORD_MS - 1) / ORD_MS;
    return left > INT_MAX ? INT_MAX : (int)left;
}
