/* sandbox.c -- see sandbox.h. */
#include "harness/control/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/child.h"
#include "harness/control/netdev.h"
#include "harness/control/proc.h"

enum { KEEP_MAX = 60 };

static const int64_t spawn_timeout_ns = 10 * ORD_S;

/* What the new process needs to know of the old. */
struct birth {
    const struct ord_sandbox_config *config;
    uid_t uid;
    gid_t gid;
    bool maps_user;
    int parent_pidfd;
    int report_fd; /* takes one struct ord_err; rc 0: ready */
};

/* A number from /proc/sys, or `missing`. */
static long setting(const char *path, long missing)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return missing;
    got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    return got > 0 ? strtol(text, NULL, 10) : missing;
}

static bool under_seccomp(void)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const char *line;
    ssize_t got;

    if (fd < 0)
        return false;
    got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    line = strstr(text, "\nSeccomp:");
    return line != NULL && strchr("12", line[strcspn(line, "012")]) != NULL &&
           line[strcspn(line, "012")] != '\0';
}

#define LIMIT(name)                                                            \
    {                                                                          \
        .path = "/proc/sys/user/" name,                                        \
        .remedy = "user." name " is 0; grant it with `sysctl -w user." name    \
                  "=10000`"                                                    \
    }

static const struct limit {
    const char *path;
    const char *remedy;
} limits[] = {
    LIMIT("max_user_namespaces"), LIMIT("max_net_namespaces"),
    LIMIT("max_pid_namespaces"),  LIMIT("max_mnt_namespaces"),
    LIMIT("max_uts_namespaces"),  LIMIT("max_ipc_namespaces"),
};

/* Which setting stands in the way, and how to grant it. */
static const char *remedy(int error)
{
    if (setting("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
        return "kernel.unprivileged_userns_clone is 0; grant it with "
               "`sysctl -w kernel.unprivileged_userns_clone=1`, or run as "
               "root";
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (setting(limits[i].path, 1) == 0)
            return limits[i].remedy;
    }
    if (error == ENOSPC || error == EUSERS)
        return "the machine's namespaces are used up; raise "
               "user.max_user_namespaces and its likes with sysctl";
    if (setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) !=
        0)
        return "AppArmor restricts user namespaces; grant it with `sysctl -w "
               "kernel.apparmor_restrict_unprivileged_userns=0`, or run as "
               "root";
    if (geteuid() != 0 && ord_proc_in_chroot())
        return "this is a chroot, where Linux gives nobody a user namespace; "
               "run as root, or enter it another way (systemd-nspawn, or "
               "pivot_root as containers do)";
    if (under_seccomp())
        return "a seccomp filter (a container's?) forbids it; start the "
               "container with `--security-opt seccomp=unconfined` and "
               "`--cap-add SYS_ADMIN`, or privileged";
    if (geteuid() == 0)
        return "root lacks CAP_SYS_ADMIN here (a container?); start the "
               "container with `--cap-add SYS_ADMIN` or privileged";
    return "this kernel, container or chroot does not allow user namespaces; "
           "run as root or ask its administrator";
}

static int denied(struct ord_err *err, const char *what, int error)
{
    if (error != EPERM && error != EACCES && error != ENOSPC &&
        error != ENOSYS && error != EINVAL && error != EUSERS) {
        errno = error;
        return ord_fail_errno(err, "sandbox: %s", what);
    }
    return ord_fail(err, ORD_EDENIED, "sandbox: cannot %s (%s): %s", what,
                    error == ENOSPC ? "limit reached" : strerror(error),
                    remedy(error));
}

/* Root inside is whoever we were outside.  A process may write these maps
 * itself as long as they name only its own ids. */
static const char *map_ids(const struct birth *birth)
{
    char map[64];

    if (!ord_proc_write_file("/proc/self/setgroups", "deny"))
        return "deny setgroups";
    (void)snprintf(map, sizeof map, "0 %u 1", birth->uid);
    if (!ord_proc_write_file("/proc/self/uid_map", map))
        return "map the user id";
    (void)snprintf(map, sizeof map, "0 %u 1", birth->gid);
    if (!ord_proc_write_file("/proc/self/gid_map", map))
        return "map the group id";
    return NULL;
}

/* NULL, or what failed, with errno. */
static const char *enter_mounts(const char *name)
{
    if (!ord_proc_private_mounts())
        return "make the mounts private";
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) != 0)
        return "mount /proc";
    /* Shared memory of nodes ends with the sandbox; no /dev/shm: none asked. */
    if (mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") !=
            0 &&
        errno != ENOENT)
        return "mount /dev/shm";
    if (sethostname(name, strlen(name)) != 0)
        return "set the host name";
    if (!ord_proc_null_fd(0, O_RDONLY))
        return "open /dev/null";
    return NULL;
}

static void enter(const struct birth *birth, struct ord_err *result)
{
    const struct ord_sandbox_config *config = birth->config;
    const char *name = config->name != NULL ? config->name : "ordeal";
    int keep[KEEP_MAX + 2];
    const char *failed = birth->maps_user ? map_ids(birth) : NULL;
    int error = errno;

    result->rc = ORD_OK;
    ord_proc_die_with(birth->parent_pidfd);
    if (config->keep_count > 0)
        memcpy(keep, config->keep_fds, config->keep_count * sizeof *keep);
    keep[config->keep_count] = birth->report_fd;
    ord_proc_close_others(keep, config->keep_count + 1);
    (void)setsid(); /* a terminal's Ctrl-C is for the supervisor alone */
    (void)prctl(PR_SET_NAME, name);
    if (failed == NULL) {
        failed = enter_mounts(name);
        error = errno;
    }
    if (failed != NULL)
        (void)denied(result, failed, error);
    else
        (void)ord_netdev_set(&(struct ord_netdev){.name = "lo"}, result);
}

static pid_t clone_sandbox(struct birth *birth, int *pidfd)
{
    const uint64_t flags =
        CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;
    pid_t pid = -1;

    birth->maps_user = birth->uid != 0;
    if (!birth->maps_user)
        pid = ord_proc_clone(flags, pidfd);
    /* A container's root may lack CAP_SYS_ADMIN and still be allowed user
     * namespaces. */
    if (!birth->maps_user && pid < 0 && errno == EPERM)
        birth->maps_user = true;
    if (birth->maps_user)
        pid = ord_proc_clone(flags | CLONE_NEWUSER, pidfd);
    return pid;
}

/* The child said how it went, or died before it could. */
static int settle(int report_fd, pid_t pid, int *pidfd, struct ord_err *err)
{
    struct ord_err result;
    size_t got = ord_proc_read_until(report_fd, &result, sizeof result,
                                     ord_now_ns() + spawn_timeout_ns);

    if (got == sizeof result && result.rc == ORD_OK)
        return ORD_OK;
    (void)pidfd_send_signal(*pidfd, SIGKILL, NULL, 0);
    (void)waitpid(pid, NULL, 0);
    (void)close(*pidfd);
    *pidfd = -1;
    if (got != sizeof result)
        return ord_fail(err, ORD_EDIED, "sandbox: its first process died");
    *err = result;
    return result.rc;
}

int ord_sandbox_spawn(const struct ord_sandbox_config *config,
                      int (*fn)(void *arg), void *arg, pid_t *pid, int *pidfd,
                      struct ord_err *err)
{
    struct birth birth = {.config = config, .uid = geteuid(), .gid = getegid()};
    struct ord_err result;
    int report[2];
    int rc;

    ORD_ASSERT(fn != NULL);
    ORD_ASSERT(config->keep_count <= KEEP_MAX);
    if (pipe2(report, O_CLOEXEC) != 0)
        return ord_fail_errno(err, "sandbox: pipe");
    birth.report_fd = report[1];
    birth.parent_pidfd = pidfd_open(getpid(), 0);
    *pid = clone_sandbox(&birth, pidfd);
    if (*pid == 0) {
        memset(&result, 0, sizeof result);
        enter(&birth, &result);
        (void)!write(report[1], &result, sizeof result);
        (void)close(report[1]);
        _exit(result.rc == ORD_OK ? fn(arg) : 125);
    }
    rc = *pid < 0 ? denied(err, "make namespaces", errno) : ORD_OK;
    (void)close(report[1]);
    if (birth.parent_pidfd >= 0)
        (void)close(birth.parent_pidfd);
    if (rc == ORD_OK)
        rc = settle(report[0], *pid, pidfd, err);
    (void)close(report[0]);
    return rc;
}

static int end_at_once(void *arg)
{
    (void)arg;
    return 0;
}

int ord_sandbox_probe(struct ord_err *err)
{
    const struct ord_sandbox_config config = {.name = NULL};
    struct ord_exit ended;
    pid_t pid;
    int pidfd;
    int rc = ord_sandbox_spawn(&config, end_at_once, NULL, &pid, &pidfd, err);

    if (rc != ORD_OK)
        return rc;
    if (!ord_pidfd_ended(pidfd, spawn_timeout_ns))
        rc = ord_fail(err, ORD_ETIMEOUT, "sandbox: its end takes too long");
    else
        rc = ord_pidfd_reap(pidfd, &ended, err);
    (void)close(pidfd);
    return rc;
}
