/* sandbox_control.c -- nodes as process trees on this machine.
 *
 * Every node's processes live under an init of ours (init.c) in a pid
 * namespace: killing that init kills them all, whatever they did to hide.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/control.h"
#include "harness/control/init.h"
#include "harness/control/proc.h"
#include "harness/control/switch.h"
#include "harness/control/wire_shared.h"

enum { REPORTS_MAX = 64 }; /* taken from one node per look */

static const uint64_t capture_size_default = 256 << 20;
static const int64_t start_timeout_ns = 5 * ORD_S;
static const int64_t answer_timeout_ns = 2 * ORD_S;
static const int64_t kill_timeout_ns = 2 * ORD_S;
static const int64_t switch_timeout_ns = ORD_S;

static int sandbox_open(struct ord_cluster *cluster,
                        const struct ord_cluster_config *config,
                        struct ord_err *err)
{
    struct ord_switch_config sw = {
        .wire = cluster->wire,
        .capture_path = config->capture_path,
        .capture_size_max = config->capture_size_max != 0
                                ? config->capture_size_max
                                : capture_size_default,
    };
    int rc = ord_uplinks_open(cluster->node_count + 1, config->uplink,
                              config->tcp_rto_max_ms, &cluster->uplinks, err);

    if (rc != ORD_OK)
        return rc;
    memcpy(sw.port_fds, cluster->uplinks.port_fds, sizeof sw.port_fds);
    sw.has_ethernet = cluster->uplinks.kind == ORD_UPLINK_PACKET;
    rc = ord_switch_spawn(&sw, &cluster->switch_pidfd, err);
    ord_uplinks_close_ports(&cluster->uplinks);
    return rc;
}

static void handle_close(struct ord_node_handle *handle)
{
    int *fds[] = {&handle->pidfd, &handle->socket, &handle->log_fd,
                  &handle->pipe_fd};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            (void)close(*fds[i]);
        *fds[i] = -1;
    }
    ord_child_kill(&handle->guard);
    handle->pid = 0;
    handle->is_ending = handle->has_ended = handle->was_asked = false;
}

static bool has_node(uint64_t nodes, uint32_t node)
{
    return (nodes & ord_node_mask(node)) != 0;
}

static int await_death(struct ord_cluster *cluster, uint32_t node,
                       int64_t deadline_ns, struct ord_err *err)
{
    struct ord_node_handle *handle = &cluster->handles[node];
    struct ord_exit ignored;
    int64_t left_ns = deadline_ns - ord_now_ns();

    /* An init is gone only after the last process of its namespace. */
    if (!ord_pidfd_ended(handle->pidfd, left_ns > 0 ? left_ns : 0))
        return ord_fail(err, ORD_ETIMEOUT,
                        "%s still has processes 2 s after SIGKILL",
                        cluster->names[node]);
    (void)ord_pidfd_reap(handle->pidfd, &ignored, err);
    (void)ord_log_drain(handle->pipe_fd, handle->log_fd, cluster->log_size_max);
    handle_close(handle);
    return ORD_OK;
}

static int sandbox_destroy(struct ord_cluster *cluster, uint64_t nodes,
                           struct ord_err *err)
{
    int64_t deadline_ns = ord_now_ns() + kill_timeout_ns;
    int rc = ORD_OK;

    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        struct ord_node_handle *handle = &cluster->handles[node];

        if (!has_node(nodes, node) || handle->pid == 0)
            continue;
        handle->is_ending = true;
        (void)pidfd_send_signal(handle->pidfd, SIGKILL, NULL, 0);
    }
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        if (has_node(nodes, node) && cluster->handles[node].pid != 0 &&
            await_death(cluster, node, deadline_ns, err) != ORD_OK)
            rc = err->rc;
    }
    return rc;
}

static void sandbox_close(struct ord_cluster *cluster)
{
    struct ord_err err;

    (void)sandbox_destroy(cluster, UINT64_MAX, &err);
    if (cluster->switch_pidfd >= 0 && cluster->opener == getpid()) {
        struct ord_exit ignored;

        ord_wire_quit(cluster->wire);
        if (!ord_pidfd_ended(cluster->switch_pidfd, switch_timeout_ns)) {
            (void)pidfd_send_signal(cluster->switch_pidfd, SIGKILL, NULL, 0);
            (void)ord_pidfd_ended(cluster->switch_pidfd, switch_timeout_ns);
        }
        (void)ord_pidfd_reap(cluster->switch_pidfd, &ignored, &err);
    }
    if (cluster->switch_pidfd >= 0)
        (void)close(cluster->switch_pidfd);
    ord_uplinks_close(&cluster->uplinks);
}

/* Takes in one report that nobody waits for. */
static void take_report(struct ord_cluster *cluster, uint32_t node,
                        const struct ord_report *report)
{
    struct ord_event event = {.node = node, .time_ns = report->time_ns};

    if (report->kind == ORD_REPORT_LOG_FULL) {
        event.kind = ORD_EVENT_LOG_FULL;
    } else if (report->kind == ORD_REPORT_EXITED) {
        event.kind = ORD_EVENT_EXITED;
        event.exit = report->exit;
        atomic_store(&cluster->shared[node].exit,
                     (uint32_t)report->exit.code << 1 | report->exit.is_signal);
        cluster->handles[node].has_ended = true;
        cluster->handles[node].exit = report->exit;
        cluster->handles[node].ended_ns = report->time_ns;
        if (cluster->handles[node].is_ending)
            return;
        ord_node_set_phase(cluster, node, ORD_NODE_EXITED);
    } else {
        return; /* an answer that came after its deadline */
    }
    ord_cluster_note(cluster, &event);
}

/* The node's init is gone though we did not kill it. */
static void take_death(struct ord_cluster *cluster, uint32_t node)
{
    struct ord_event event = {.kind = ORD_EVENT_DIED,
                              .node = node,
                              .exit = {.is_signal = true, .code = SIGKILL},
                              .time_ns = ord_now_ns()};
    struct ord_err err;

    ord_node_set_phase(cluster, node, ORD_NODE_EXITED);
    atomic_store(&cluster->shared[node].exit, SIGKILL << 1 | 1);
    (void)await_death(cluster, node, ord_now_ns() + kill_timeout_ns, &err);
    ord_cluster_note(cluster, &event);
}

static void pump_node(struct ord_cluster *cluster, uint32_t node)
{
    for (uint32_t i = 0; i < REPORTS_MAX; i++) {
        struct ord_report report;
        ssize_t got = recv(cluster->handles[node].socket, &report,
                           sizeof report, MSG_DONTWAIT);

        if (got == (ssize_t)sizeof report) {
            take_report(cluster, node, &report);
        } else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            take_death(cluster, node);
            return;
        } else {
            return;
        }
    }
}

static void sandbox_pump(struct ord_cluster *cluster)
{
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        if (cluster->handles[node].pid != 0)
            pump_node(cluster, node);
    }
}

/* Waits for a report of this kind, taking in others meanwhile. */
static bool await_report(struct ord_cluster *cluster, uint32_t node,
                         enum ord_report_kind kind, int64_t deadline_ns,
                         struct ord_report *out)
{
    int socket = cluster->handles[node].socket;

    for (;;) {
        struct pollfd in = {.fd = socket, .events = POLLIN};

        if (poll(&in, 1, ord_poll_ms(deadline_ns)) == 0)
            return false;
        if (recv(socket, out, sizeof *out, MSG_DONTWAIT) !=
            (ssize_t)sizeof *out) {
            if (in.revents & (POLLHUP | POLLERR))
                return false;
            continue;
        }
        if (out->kind == kind)
            return true;
        take_report(cluster, node, out);
    }
}

/* The guard of a node's clock sees the node's processes from outside, so what
 * stops them all does not stop it.  *init_end is for the node's init. */
static int start_guard(struct ord_cluster *cluster, uint32_t node,
                       int *init_end, struct ord_err *err)
{
    const struct ord_clock *clock = &cluster->clocks[node];
    struct ord_node_handle *handle = &cluster->handles[node];
    int parent_pidfd = pidfd_open(getpid(), 0);
    int sockets[2] = {-1, -1};
    pid_t pid = -1;

    if (parent_pidfd >= 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0)
        pid = fork();
    if (pid == 0) {
        const int keep[] = {clock->fd, sockets[0], parent_pidfd};

        (void)setpgid(0, 0);
        ord_proc_reset_signals();
        ord_proc_die_with(parent_pidfd);
        ord_proc_close_others(keep, sizeof keep / sizeof *keep);
        ord_clock_guard(clock, sockets[0], parent_pidfd);
        _exit(0);
    }
    if (pid < 0)
        (void)ord_fail_errno(err, "the guard of its clock");
    if (parent_pidfd >= 0)
        (void)close(parent_pidfd);
    if (sockets[0] >= 0)
        (void)close(sockets[0]);
    if (pid < 0 && sockets[1] >= 0)
        (void)close(sockets[1]);
    if (pid < 0)
        return err->rc;
    handle->guard = (struct ord_child){.pid = pid, .pidfd = pidfd_open(pid, 0)};
    *init_end = sockets[1];
    return ORD_OK;
}

static int make_init(struct ord_cluster *cluster, uint32_t node,
                     struct ord_init_config *init, struct ord_err *err)
{
    struct ord_node_handle *handle = &cluster->handles[node];
    int sockets[2];
    pid_t pid;

    handle->log_fd = open(cluster->logs[node],
                          O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (handle->log_fd < 0)
        return ord_fail_errno(err, "open %s", cluster->logs[node]);
    if (pipe2(init->pipe_fds, O_CLOEXEC) != 0)
        return ord_fail_errno(err, "pipe for its log");
    handle->pipe_fd = init->pipe_fds[0];
    /* Our end only: a program does not expect EAGAIN from its stdout. */
    (void)fcntl(handle->pipe_fd, F_SETFL, O_NONBLOCK);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
        return ord_fail_errno(err, "socket pair");
    handle->socket = sockets[0];
    init->socket = sockets[1];
    init->log_fd = handle->log_fd;
    init->parent_pidfd = pidfd_open(getpid(), 0);
    pid =
        ord_proc_clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC,
                       &handle->pidfd);
    if (pid == 0)
        ord_init_run(init);
    (void)close(sockets[1]);
    if (init->parent_pidfd >= 0)
        (void)close(init->parent_pidfd);
    if (pid < 0)
        return ord_fail_errno(err, "make its namespaces");
    handle->pid = pid;
    return ORD_OK;
}

static int sandbox_start(struct ord_cluster *cluster, uint32_t node,
                         const struct ord_command *command, struct ord_err *err)
{
    struct ord_node_handle *handle = &cluster->handles[node];
    char hosts[ORD_PATH_MAX];
    struct ord_init_config init = {
        .name = cluster->names[node],
        .hosts_path = hosts,
        .command = command,
        .burden = &cluster->burdens[node],
        .net_fd = cluster->uplinks.net_fds[node],
        .clock_socket = -1,
        .pipe_fds = {-1, -1},
        .log_size_max = cluster->log_size_max,
        .disks = cluster->disks,
        .node = node,
        .node_count = cluster->has_disks ? cluster->node_count : 0,
    };
    struct ord_report report;
    struct ord_err ignored;
    int rc = ord_path_join(hosts, cluster->run_dir, "hosts", err);

    ORD_ASSERT(handle->pid == 0);
    ord_child_kill(&handle->guard);
    if (rc == ORD_OK && cluster->has_clocks)
        rc = start_guard(cluster, node, &init.clock_socket, err);
    if (rc == ORD_OK)
        rc = make_init(cluster, node, &init, err);
    if (init.clock_socket >= 0)
        (void)close(init.clock_socket);
    if (init.pipe_fds[1] >= 0)
        (void)close(init.pipe_fds[1]);
    if (rc == ORD_OK && !await_report(cluster, node, ORD_REPORT_STARTED,
                                      ord_now_ns() + start_timeout_ns, &report))
        rc = ord_fail(err, ORD_EDIED, "its init did not answer");
    else if (rc == ORD_OK && report.err.rc != ORD_OK)
        rc = (*err = report.err).rc;
    if (rc == ORD_OK && !ord_cluster_watch(cluster, handle->socket))
        rc = ord_fail_errno(err, "watch it");
    if (rc != ORD_OK && handle->pid != 0)
        (void)sandbox_destroy(cluster, ord_node_mask(node), &ignored);
    if (rc != ORD_OK)
        handle_close(handle);
    return rc;
}

static bool order(const struct ord_cluster *cluster, uint32_t node,
                  enum ord_order_kind kind)
{
    struct ord_order out = {.kind = kind, .burden = cluster->burdens[node]};

    return send(cluster->handles[node].socket, &out, sizeof out,
                MSG_NOSIGNAL) == (ssize_t)sizeof out;
}

static bool sandbox_terminate(struct ord_cluster *cluster, uint32_t node,
                              int64_t grace_ns, struct ord_exit *exit)
{
    struct ord_report report;

    cluster->handles[node].is_ending = true;
    if (!order(cluster, node, ORD_ORDER_TERMINATE) ||
        !await_report(cluster, node, ORD_REPORT_EXITED, ord_now_ns() + grace_ns,
                      &report))
        return false;
    *exit = report.exit;
    return true;
}

static int sandbox_freeze(struct ord_cluster *cluster, uint64_t nodes,
                          bool freeze, struct ord_err *err)
{
    int64_t deadline_ns = ord_now_ns() + answer_timeout_ns;
    int rc = ORD_OK;

    /* All orders first, so that many nodes freeze together. */
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        if (has_node(nodes, node))
            (void)order(cluster, node,
                        freeze ? ORD_ORDER_FREEZE : ORD_ORDER_THAW);
    }
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        struct ord_report report;

        if (!has_node(nodes, node))
            continue;
        if (!await_report(cluster, node, ORD_REPORT_ANSWER, deadline_ns,
                          &report))
            rc = ord_fail(err, ORD_ETIMEOUT, "%s: no answer from its init",
                          cluster->names[node]);
        else if (freeze && !report.all_stopped)
            rc = ord_fail(err, ORD_ETIMEOUT, "%s: not every thread has stopped",
                          cluster->names[node]);
    }
    return rc;
}

static bool sandbox_all_stopped(struct ord_cluster *cluster, uint64_t nodes)
{
    int64_t deadline_ns = ord_now_ns() + answer_timeout_ns;

    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        struct ord_report report;

        if (!has_node(nodes, node))
            continue;
        if (cluster->handles[node].pid == 0 ||
            !order(cluster, node, ORD_ORDER_LOOK) ||
            !await_report(cluster, node, ORD_REPORT_ANSWER, deadline_ns,
                          &report) ||
            !report.all_stopped || report.process_count == 0)
            return false;
    }
    return true;
}

static bool sandbox_stop_begin(struct ord_cluster *cluster, uint32_t node)
{
    struct ord_node_handle *handle = &cluster->handles[node];

    handle->is_ending = true;
    handle->asked_ns = ord_now_ns();
    return order(cluster, node, ORD_ORDER_STOP);
}

static bool ask(struct ord_cluster *cluster, uint32_t node,
                enum ord_order_kind kind, struct ord_report *answer)
{
    return cluster->handles[node].pid != 0 && order(cluster, node, kind) &&
           await_report(cluster, node, ORD_REPORT_ANSWER,
                        ord_now_ns() + answer_timeout_ns, answer);
}

static bool sandbox_stop_look(struct ord_cluster *cluster, uint32_t node,
                              struct ord_stop *out)
{
    struct ord_node_handle *handle = &cluster->handles[node];
    struct ord_report answer;

    if (!ask(cluster, node, ORD_ORDER_LOOK, &answer))
        return false;
    *out = (struct ord_stop){
        .has_ended = handle->has_ended,
        .exit = handle->exit,
        .took_ns = (handle->has_ended ? handle->ended_ns : ord_now_ns()) -
                   handle->asked_ns,
        .still_there = answer.process_count,
    };
    if (handle->has_ended && out->still_there > 0 && !handle->was_asked) {
        handle->was_asked = true;
        return order(cluster, node, ORD_ORDER_SIGNAL);
    }
    return true;
}

static bool sandbox_burden(struct ord_cluster *cluster, uint32_t node)
{
    struct ord_report answer;

    return ask(cluster, node, ORD_ORDER_BURDEN, &answer);
}

static bool sandbox_survey(struct ord_cluster *cluster, uint32_t node,
                           struct ord_survey *out)
{
    struct ord_report answer;

    if (!ask(cluster, node, ORD_ORDER_SURVEY, &answer))
        return false;
    *out = answer.survey;
    out->pid = cluster->handles[node].pid;
    return true;
}

static int sandbox_net_fd(const struct ord_cluster *cluster, uint32_t node)
{
    return node == 0 ? -1 : cluster->uplinks.net_fds[node];
}

const struct ord_control_ops ord_control_sandbox = {
    .name = "sandbox",
    .open = sandbox_open,
    .close = sandbox_close,
    .start = sandbox_start,
    .terminate = sandbox_terminate,
    .destroy = sandbox_destroy,
    .freeze = sandbox_freeze,
    .all_stopped = sandbox_all_stopped,
    .stop_begin = sandbox_stop_begin,
    .stop_look = sandbox_stop_look,
    .burden = sandbox_burden,
    .survey = sandbox_survey,
    .pump = sandbox_pump,
    .net_fd = sandbox_net_fd,
};
