/* init.c -- see init.h. */
#include "harness/control/init.h"

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
#include "harness/control/herd.h"
#include "harness/control/proc.h"
#include "harness/control/throttle.h"

enum {
    DRAIN_MAX = 1 << 20,
    REAP_MAX = 4096,
};

static const int64_t sample_every_ns = ORD_S;
static const int64_t keep_every_ns = 20 * ORD_MS; /* limits */

struct sample { /* of the processor time used */
    int64_t at_ns;
    int64_t cpu_ns;
};

struct init {
    const struct ord_init_config *config;
    struct ord_child main; /* reaped here, not through ord_child_wait */
    int signal_fd;
    bool log_is_full;
    int64_t start_ns;
    struct ord_throttle throttle;
    struct ord_limiter limiter;
    int64_t keep_ns;          /* when to look after limits next */
    struct sample samples[2]; /* the older one first, some second apart */
    struct sample before;     /* the throttle: how long, how much */
};

static void report(const struct init *init, struct ord_report *out)
{
    out->time_ns = ord_now_ns();
    (void)send(init->config->socket, out, sizeof *out, MSG_NOSIGNAL);
}

static int hide_others(const struct ord_init_config *config,
                       struct ord_err *err)
{
    for (uint32_t i = 1; i <= config->node_count; i++) {
        if (i != config->node &&
            ord_disk_hide(&config->disks[i], err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

/* Its part of the sandbox's shared memory: nobody else's, and there still
 * after it was killed. */
static int own_shm(const struct ord_init_config *config, struct ord_err *err)
{
    char dir[ORD_PATH_MAX];

    if (access("/dev/shm", F_OK) != 0)
        return ORD_OK;
    (void)snprintf(dir, sizeof dir, "/dev/shm/%s", config->name);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return ord_fail_errno(err, "make its /dev/shm");
    if (chmod(dir, 01777) != 0 ||
        mount(dir, "/dev/shm", NULL, MS_BIND, NULL) != 0)
        return ord_fail_errno(err, "mount its /dev/shm");
    return ORD_OK;
}

static int enter_node(const struct ord_init_config *config, struct ord_err *err)
{
    if (setns(config->net_fd, CLONE_NEWNET) != 0)
        return ord_fail_errno(err, "enter its network");
    if (!ord_proc_private_mounts())
        return ord_fail_errno(err, "make its mounts private");
    if (hide_others(config, err) != ORD_OK || own_shm(config, err) != ORD_OK)
        return err->rc;
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
        .soft_limits = config->burden->soft,
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

/* Asks the program to end.  A signal to who is stopped waits for its turn. */
static void stop_main(struct init *init)
{
    const struct ord_command *command = init->config->command;
    const struct ord_child_spec spec = {
        .argv = command->stop_argv,
        .env = command->env,
        .cwd = command->cwd,
        .in_fd = -1,
        .out_fd = init->config->pipe_fds[1],
        .err_fd = init->config->pipe_fds[1],
        .net_fd = -1,
    };
    struct ord_child child; /* reaped with all the others */
    struct ord_err err;

    if (init->main.pid <= 0)
        return;
    if (command->stop_argv == NULL) {
        (void)kill(init->main.pid,
                   command->stop_signal > 0 ? command->stop_signal : SIGTERM);
    } else if (ord_child_spawn(&spec, &child, &err) != ORD_OK) {
        (void)dprintf(init->config->log_fd, "[ordeal: stop: %s]\n", err.text);
    } else {
        (void)close(child.pidfd);
    }
}

static void survey(struct init *init, struct ord_survey *out)
{
    const struct ord_throttle *throttle = &init->throttle;
    int64_t now_ns = ord_now_ns();

    ord_throttle_account(&init->throttle, now_ns);
    *out = (struct ord_survey){
        .alive_ns = now_ns - init->start_ns,
        .cpu_ns = ord_herd_cpu_ns(),
        .before_cpu_ns = init->before.cpu_ns,
        .before_ns = init->before.at_ns,
        .throttled_ns = throttle->on_ns,
        .stopped_ns = throttle->stopped_ns,
        .stops = throttle->stops,
        .looks = throttle->looks,
        .looks_stopped = throttle->looks_stopped,
        .raised = init->limiter.raised,
        .refused = init->limiter.refused,
    };
    out->throttled_cpu_ns = out->cpu_ns - throttle->cpu_begin_ns;
    (void)ord_herd_look(&out->process_count);
    ord_limiter_read(&init->limiter, out->limited, out->reached);
}

static void take_sample(struct init *init, int64_t now_ns)
{
    init->samples[0] = init->samples[1];
    init->samples[1] =
        (struct sample){.at_ns = now_ns, .cpu_ns = ord_herd_cpu_ns()};
}

static void take_burden(struct init *init, const struct ord_burden *burden)
{
    int64_t now_ns = ord_now_ns();
    bool was_slow = init->throttle.share_ppm < ORD_SHARE_ALL;

    if (!was_slow)
        init->before = (struct sample){.at_ns = now_ns - init->samples[0].at_ns,
                                       .cpu_ns = ord_herd_cpu_ns() -
                                                 init->samples[0].cpu_ns};
    ord_throttle_set(&init->throttle, burden->share_ppm, burden->period_ns,
                     now_ns);
    ord_limiter_set(&init->limiter, burden->soft);
}

/* What is to be done without being told; returns when it is due again. */
static int64_t keep_up(struct init *init)
{
    int64_t now_ns = ord_now_ns();
    int64_t next_ns;

    ord_throttle_step(&init->throttle, now_ns);
    if (now_ns >= init->samples[1].at_ns + sample_every_ns)
        take_sample(init, now_ns);
    next_ns = init->samples[1].at_ns + sample_every_ns;
    if (init->throttle.next_ns < next_ns)
        next_ns = init->throttle.next_ns;
    if (ord_limiter_is_idle(&init->limiter))
        return next_ns;
    if (now_ns >= init->keep_ns) {
        ord_limiter_keep(&init->limiter);
        init->keep_ns = ord_now_ns() + keep_every_ns;
    }
    return init->keep_ns < next_ns ? init->keep_ns : next_ns;
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
    case ORD_ORDER_STOP:
        stop_main(init);
        return true;
    case ORD_ORDER_SIGNAL:
        (void)kill(-1, SIGTERM);
        return true;
    case ORD_ORDER_FREEZE:
        ord_throttle_frozen(&init->throttle, true, ord_now_ns());
        answer.all_stopped = ord_herd_freeze(&answer.process_count);
        break;
    case ORD_ORDER_THAW:
        (void)kill(-1, SIGCONT);
        ord_throttle_frozen(&init->throttle, false, ord_now_ns());
        answer.all_stopped = ord_herd_look(&answer.process_count);
        break;
    case ORD_ORDER_LOOK:
        answer.all_stopped = ord_herd_look(&answer.process_count);
        break;
    case ORD_ORDER_BURDEN:
        take_burden(init, &order.burden);
        break;
    case ORD_ORDER_SURVEY:
        survey(init, &answer.survey);
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
        int64_t left_ns = keep_up(init) - ord_now_ns();
        struct timespec wait = {0};

        if (left_ns > 0)
            wait = (struct timespec){.tv_sec = left_ns / ORD_S,
                                     .tv_nsec = left_ns % ORD_S};
        for (size_t i = 0; i < 3; i++)
            fds[i].revents = 0;
        if (ppoll(fds, 3, &wait, NULL) < 0 && errno != EINTR)
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

    init.start_ns = ord_now_ns();
    init.samples[0].at_ns = init.samples[1].at_ns = init.start_ns;
    ord_throttle_init(&init.throttle);
    ord_limiter_init(&init.limiter, config->burden->soft);
    ord_proc_reset_signals();
    ord_proc_die_with(config->parent_pidfd);
    ord_proc_close_others(keep, sizeof keep / sizeof *keep);
    (void)snprintf(name, sizeof name, "ordeal-%s", config->name);
    (void)prctl(PR_SET_NAME, name);
    (void)start_main(&init, &started.err);
    report(&init, &started);
    /* We keep the pipe's writing end, so that it never reports an end. */
    if (started.err.rc == ORD_OK) {
        take_burden(&init, config->burden);
        serve(&init);
    }
    _exit(1);
}
