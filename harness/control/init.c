/* init.c -- see init.h. */
#include "harness/control/init.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/child.h"
#include "harness/control/proc.h"

enum {
    DRAIN_MAX = 1 << 20,
    REAP_MAX = 4096,
    PROCESSES_MAX = 1 << 16,
};

static const int64_t freeze_timeout_ns = 1800 * ORD_MS;
static const int64_t freeze_retry_ns = 100 * ORD_MS;

struct init {
    const struct ord_init_config *config;
    struct ord_child main; /* reaped here, not through ord_child_wait */
    int signal_fd;
    bool log_is_full;
};

static void report(const struct init *init, struct ord_report *out)
{
    out->time_ns = ord_now_ns();
    (void)send(init->config->socket, out, sizeof *out, MSG_NOSIGNAL);
}

static int enter_node(const struct ord_init_config *config, struct ord_err *err)
{
    if (setns(config->net_fd, CLONE_NEWNET) != 0)
        return ord_fail_errno(err, "enter its network");
    if (!ord_proc_private_mounts())
        return ord_fail_errno(err, "make its mounts private");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) != 0)
        return ord_fail_errno(err, "mount its /proc");
    if (sethostname(config->name, strlen(config->name)) != 0)
        return ord_fail_errno(err, "set its host name");
    /* Names are a comfort: an image without /etc/hosts runs as well. */
    (void)mount(config->hosts_path, "/etc/hosts", NULL, MS_BIND, NULL);
    return ORD_OK;
}

static int open_signals(struct init *init, struct ord_err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    init->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return init->signal_fd >= 0 ? ORD_OK : ord_fail_errno(err, "signalfd");
}

static int start_main(struct init *init, struct ord_err *err)
{
    const struct ord_init_config *config = init->config;
    const struct ord_child_spec spec = {
        .argv = config->command->argv,
        .env = config->command->env,
        .cwd = config->command->cwd,
        .in_fd = -1,
        .out_fd = config->pipe_fds[1],
        .err_fd = config->pipe_fds[1],
        .net_fd = -1,
        .clock_socket =
            config->clock_socket >= 0 ? &config->clock_socket : NULL,
    };
    int rc;

    if (enter_node(config, err) != ORD_OK || open_signals(init, err) != ORD_OK)
        return err->rc;
    rc = ord_child_spawn(&spec, &init->main, err);
    /* The program has its own: the guard ends when nobody is left to send. */
    if (config->clock_socket >= 0)
        (void)close(config->clock_socket);
    return rc;
}

bool ord_log_drain(int pipe_fd, int log_fd, uint64_t size_max)
{
    static const char note[] = "\n[ordeal: the log reached its limit; the "
                               "rest is discarded]\n";
    char chunk[16384];
    struct stat stat;
    struct ord_err err;
    uint64_t size;
    bool reached = false;

    if (fstat(log_fd, &stat) != 0)
        return false;
    size = (uint64_t)stat.st_size;
    for (size_t moved = 0; moved < DRAIN_MAX;) {
        ssize_t got = read(pipe_fd, chunk, sizeof chunk);
        uint64_t left = size < size_max ? size_max - size : 0;
        size_t keep;

        if (got <= 0)
            break;
        moved += (size_t)got;
        keep = (size_t)got < left ? (size_t)got : (size_t)left;
        /* A full disk costs log lines, not the run. */
        if (keep > 0 &&
            ord_write_all(log_fd, (struct ord_bytes){.at = chunk, .size = keep},
                          &err) == ORD_OK)
            size += keep;
        if (left > 0 && keep == left) {
            reached = true;
            (void)!write(log_fd, note, sizeof note - 1);
        }
    }
    return reached;
}

static void drain_log(struct init *init)
{
    const struct ord_init_config *config = init->config;
    struct ord_report full = {.kind = ORD_REPORT_LOG_FULL};

    if (ord_log_drain(config->pipe_fds[0], config->log_fd,
                      config->log_size_max) &&
        !init->log_is_full) {
        init->log_is_full = true;
        report(init, &full);
    }
}

static void reap(struct init *init)
{
    struct signalfd_siginfo ignored;

    (void)!read(init->signal_fd, &ignored, sizeof ignored);
    for (uint32_t i = 0; i < REAP_MAX; i++) {
        struct ord_report ended = {.kind = ORD_REPORT_EXITED};
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);

        if (pid <= 0)
            break;
        if (pid != init->main.pid)
            continue;
        init->main.pid = 0;
        drain_log(init); /* its last words come before the news */
        ended.exit.is_signal = WIFSIGNALED(status);
        ended.exit.code =
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
        report(init, &ended);
    }
}

/* The state letter of a thread, from /proc/PID/task/TID/stat; 'X' if it is
 * gone. */
static char thread_state(int task_dir, const char *tid)
{
    char path[300];
    char text[512];
    const char *end;
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "%s/stat", tid);
    fd = openat(task_dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 'X';
    got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (got <= 0)
        return 'X';
    text[got] = '\0';
    end = strrchr(text, ')'); /* the name before it may hold anything */
    return (char)(end != NULL && end[1] == ' ' ? end[2] : 'R');
}

static bool process_is_stopped(const char *pid)
{
    char path[300];
    const struct dirent *entry;
    bool stopped = true;
    DIR *dir;

    (void)snprintf(path, sizeof path, "/proc/%s/task", pid);
    dir = opendir(path);
    if (dir == NULL)
        return true; /* it has just ended */
    while (stopped && (entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            strchr("TtZX", thread_state(dirfd(dir), entry->d_name)) == NULL)
            stopped = false;
    }
    (void)closedir(dir);
    return stopped;
}

/* Is every thread of every process but us stopped? */
static bool look(uint32_t *process_count)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    bool stopped = true;

    *process_count = 0;
    if (dir == NULL)
        return false;
    while ((entry = readdir(dir)) != NULL && *process_count < PROCESSES_MAX) {
        if (!isdigit((unsigned char)entry->d_name[0]) ||
            strcmp(entry->d_name, "1") == 0)
            continue;
        (*process_count)++;
        stopped = stopped && process_is_stopped(entry->d_name);
    }
    (void)closedir(dir);
    return stopped;
}

static void pause_ns(long time_ns)
{
    (void)ppoll(NULL, 0, &(struct timespec){.tv_nsec = time_ns}, NULL);
}

static bool freeze(uint32_t *process_count)
{
    int64_t start_ns = ord_now_ns();
    int64_t retry_ns = start_ns + freeze_retry_ns;

    (void)kill(-1, SIGSTOP);
    while (!look(process_count)) {
        int64_t now_ns = ord_now_ns();

        if (now_ns - start_ns > freeze_timeout_ns)
            return false;
        /* A parent inside vfork() stops only after its child has moved on, and
         * that is stopped: let all run for a moment, then try again. */
        if (now_ns > retry_ns) {
            (void)kill(-1, SIGCONT);
            pause_ns(2 * ORD_MS);
            retry_ns = now_ns + freeze_retry_ns;
        }
        (void)kill(-1, SIGSTOP); /* also those born meanwhile */
        pause_ns(100 * ORD_US);
    }
    return true;
}

/* False when the operator is gone. */
static bool obey(struct init *init)
{
    struct ord_report answer = {.kind = ORD_REPORT_ANSWER};
    struct ord_order order;

    if (recv(init->config->socket, &order, sizeof order, MSG_DONTWAIT) !=
        (ssize_t)sizeof order)
        return false;
    switch (order.kind) {
    case ORD_ORDER_TERMINATE:
        if (init->main.pid > 0) {
            (void)kill(init->main.pid, SIGTERM);
            (void)kill(init->main.pid, SIGCONT);
        }
        return true;
    case ORD_ORDER_FREEZE:
        answer.all_stopped = freeze(&answer.process_count);
        break;
    case ORD_ORDER_THAW:
        (void)kill(-1, SIGCONT);
        answer.all_stopped = look(&answer.process_count);
        break;
    case ORD_ORDER_LOOK:
        answer.all_stopped = look(&answer.process_count);
        break;
    }
    report(init, &answer);
    return true;
}

static void serve(struct init *init)
{
    struct pollfd fds[3] = {
        {.fd = init->config->socket, .events = POLLIN},
        {.fd = init->signal_fd, .events = POLLIN},
        {.fd = init->config->pipe_fds[0], .events = POLLIN},
    };

    for (;;) {
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return;
        if (fds[2].revents & POLLIN)
            drain_log(init);
        if (fds[1].revents & POLLIN)
            reap(init);
        if (fds[0].revents != 0 && !obey(init))
            return;
    }
}

_Noreturn void ord_init_run(const struct ord_init_config *config)
{
    struct init init = {.config = config, .main = ORD_CHILD_NONE};
    struct ord_report started = {.kind = ORD_REPORT_STARTED};
    const int keep[] = {config->net_fd,      config->socket,
                        config->log_fd,      config->pipe_fds[0],
                        config->pipe_fds[1], config->clock_socket};
    char name[16];

    ord_proc_reset_signals();
    ord_proc_die_with(config->parent_pidfd);
    ord_proc_close_others(keep, sizeof keep / sizeof *keep);
    (void)snprintf(name, sizeof name, "ordeal-%s", config->name);
    (void)prctl(PR_SET_NAME, name);
    (void)start_main(&init, &started.err);
    report(&init, &started);
    /* We keep the pipe's writing end, so that it never reports an end. */
    if (started.err.rc == ORD_OK)
        serve(&init);
    _exit(1);
}
