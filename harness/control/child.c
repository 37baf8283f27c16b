/* child.c -- see child.h.
 *
 * What goes wrong between fork and exec comes back over a pipe that a
 * successful exec closes.
 */
#include "harness/control/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/clock/clock.h"
#include "harness/control/herd.h"
#include "harness/control/proc.h"

static const int64_t kill_timeout_ns = 2 * ORD_S;

/* What the child was about to do when it failed. */
enum step { STEP_FDS, STEP_NET, STEP_CWD, STEP_LIMITS, STEP_CLOCK, STEP_EXEC };

struct report {
    enum step step;
    int error;
};

static bool place_fds(const int from[3])
{
    int high[3]; /* out of the way of 0, 1, 2 first */

    for (int fd = 0; fd < 3; fd++) {
        high[fd] = -1;
        if (from[fd] >= 0)
            high[fd] = fcntl(from[fd], F_DUPFD_CLOEXEC, 3);
        if (from[fd] >= 0 && high[fd] < 0)
            return false;
    }
    for (int fd = 0; fd < 3; fd++) {
        if (high[fd] >= 0
                ? dup2(high[fd], fd) < 0
                : !ord_proc_null_fd(fd, fd == 0 ? O_RDONLY : O_WRONLY))
            return false;
    }
    return true;
}

static enum step become(const struct ord_child_spec *spec)
{
    const int fds[3] = {spec->in_fd, spec->out_fd, spec->err_fd};

    ord_proc_reset_signals();
    (void)setpgid(0, 0);
    if (spec->net_fd >= 0 && setns(spec->net_fd, CLONE_NEWNET) != 0)
        return STEP_NET;
    if (!place_fds(fds) || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
        return STEP_FDS;
    if (spec->cwd != NULL && chdir(spec->cwd) != 0)
        return STEP_CWD;
    if (spec->soft_limits != NULL && !ord_limits_take(spec->soft_limits))
        return STEP_LIMITS;
    if (spec->clock_socket != NULL && !ord_clock_filter(*spec->clock_socket))
        return STEP_CLOCK;
    /* exec takes pointers to writable strings for history's sake only. */
    (void)execvpe(spec->argv[0], (char *const *)spec->argv,
                  spec->env != NULL ? (char *const *)spec->env : environ);
    return STEP_EXEC;
}

static _Noreturn void run_child(const struct ord_child_spec *spec, pid_t parent,
                                int report_fd)
{
    struct report report;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(128 + SIGKILL); /* it died before the line above */
    report.step = become(spec);
    report.error = errno;
    (void)!write(report_fd, &report, sizeof report);
    _exit(127);
}

/* exec says "permission denied" also if some directory of PATH is closed to
 * us and the program is nowhere else. */
static bool is_in_path(const char *name)
{
    const char *path = getenv("PATH");
    char file[ORD_PATH_MAX];

    while (path != NULL && *path != '\0') {
        int size = (int)strcspn(path, ":");

        if (snprintf(file, sizeof file, "%.*s/%s", size, path, name) <
                (int)sizeof file &&
            access(file, F_OK) == 0)
            return true;
        path += size + (path[size] == ':');
    }
    return false;
}

static int explain(const struct ord_child_spec *spec,
                   const struct report *report, struct ord_err *err)
{
    errno = report->error;
    switch (report->step) {
    case STEP_NET:
        return ord_fail_errno(err, "enter the network of %s", spec->argv[0]);
    case STEP_CWD:
        return ord_fail_errno(err, "run %s in directory %s", spec->argv[0],
                              spec->cwd);
    case STEP_FDS:
        return ord_fail_errno(err, "descriptors of %s", spec->argv[0]);
    case STEP_LIMITS:
        return ord_fail_errno(err, "limits of %s", spec->argv[0]);
    case STEP_CLOCK:
        return ord_fail_errno(err, "the clock of %s", spec->argv[0]);
    case STEP_EXEC:
        break;
    }
    if (report->error == ENOENT ||
        (report->error == EACCES && strchr(spec->argv[0], '/') == NULL &&
         !is_in_path(spec->argv[0])))
        return ord_fail(err, ORD_ENOTFOUND, "cannot run %s: no such program%s",
                        spec->argv[0],
                        strchr(spec->argv[0], '/') ? "" : " in PATH");
    errno = report->error;
    return ord_fail_errno(err, "cannot run %s", spec->argv[0]);
}

int ord_child_spawn(const struct ord_child_spec *spec, struct ord_child *out,
                    struct ord_err *err)
{
    struct report report;
    pid_t parent = getpid();
    int pipes[2];
    int pidfd;
    pid_t pid;
    size_t got;

    ORD_ASSERT(spec->argv != NULL && spec->argv[0] != NULL);
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return ord_fail_errno(err, "pipe for %s", spec->argv[0]);
    pid = fork();
    if (pid == 0)
        run_child(spec, parent, pipes[1]);
    (void)close(pipes[1]);
    if (pid < 0) {
        (void)close(pipes[0]);
        return ord_fail_errno(err, "fork for %s", spec->argv[0]);
    }
    pidfd = pidfd_open(pid, 0); /* not reaped yet, so the pid is still its */
    got = ord_proc_read_until(pipes[0], &report, sizeof report,
                              ord_now_ns() + 10 * ORD_S);
    (void)close(pipes[0]);
    *out = (struct ord_child){.pid = pid, .pidfd = pidfd};
    if (pidfd >= 0 && got == 0)
        return ORD_OK;
    if (pidfd < 0) {
        int rc = ord_fail_errno(err, "pidfd of %s", spec->argv[0]);

        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        *out = ORD_CHILD_NONE;
        return rc;
    }
    ord_child_kill(out);
    return explain(spec, &report, err);
}

bool ord_pidfd_ended(int pidfd, int64_t timeout_ns)
{
    int64_t deadline_ns = ord_now_ns() + timeout_ns;
    struct pollfd in = {.fd = pidfd, .events = POLLIN};
    int got;

    do {
        got = poll(&in, 1, ord_poll_ms(deadline_ns));
    } while (got < 0 && errno == EINTR);
    return got > 0;
}

int ord_pidfd_reap(int pidfd, struct ord_exit *out, struct ord_err *err)
{
    siginfo_t info = {.si_pid = 0};

    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0)
        return ord_fail_errno(err, "reap a child");
    if (info.si_pid == 0)
        return ord_fail(err, ORD_ETIMEOUT, "the child still runs");
    out->is_signal = info.si_code != CLD_EXITED;
    out->code = info.si_status;
    return ORD_OK;
}

int ord_child_wait(struct ord_child *child, int64_t timeout_ns,
                   struct ord_exit *out, struct ord_err *err)
{
    int rc;

    ORD_ASSERT(child->pidfd >= 0);
    if (!ord_pidfd_ended(child->pidfd, timeout_ns))
        return ord_fail(err, ORD_ETIMEOUT, "process %d still runs",
                        (int)child->pid);
    rc = ord_pidfd_reap(child->pidfd, out, err);
    if (rc == ORD_OK) {
        (void)close(child->pidfd);
        *child = ORD_CHILD_NONE;
    }
    return rc;
}

void ord_child_signal(const struct ord_child *child, int signal)
{
    if (child->pid <= 0)
        return;
    /* Until the leader is reaped its pid, and so its group, is not reused.
     * The leader alone, should it not have made its group yet. */
    if (kill(-child->pid, signal) != 0)
        (void)pidfd_send_signal(child->pidfd, signal, NULL, 0);
}

void ord_child_kill(struct ord_child *child)
{
    struct ord_exit ignored;
    struct ord_err err;

    if (child->pid <= 0)
        return;
    ord_child_signal(child, SIGKILL);
    if (ord_child_wait(child, kill_timeout_ns, &ignored, &err) == ORD_OK)
        return;
    (void)close(child->pidfd); /* stuck in the kernel: nobody can help it */
    *child = ORD_CHILD_NONE;
}
