/* probe.c -- short helper programs; see cluster.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/child.h"
#include "harness/control/control.h"
#include "harness/control/proc.h"

enum { READ_MAX = 1 << 20 }; /* bytes per look, so that none blocks us */

struct ord_probe {
    struct ord_child child;
    int out_fd;   /* reading end of its stdout and stderr; non-blocking */
    int timer_fd; /* its deadline */
    int epoll_fd; /* all of these */
    int64_t deadline_ns;
    struct ord_buf out;
    size_t out_size_max;
};

static bool watch(const struct ord_probe *probe, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return fd >= 0 &&
           epoll_ctl(probe->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool watch_all(struct ord_probe *probe, int64_t timeout_ns)
{
    struct itimerspec at = {.it_value = {.tv_sec = timeout_ns / ORD_S,
                                         .tv_nsec = timeout_ns % ORD_S + 1}};

    probe->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    probe->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (at.it_value.tv_nsec >= ORD_S)
        at.it_value.tv_nsec = ORD_S - 1;
    return probe->epoll_fd >= 0 && watch(probe, probe->timer_fd) &&
           timerfd_settime(probe->timer_fd, 0, &at, NULL) == 0 &&
           watch(probe, probe->out_fd) && watch(probe, probe->child.pidfd);
}

static int launch(struct ord_cluster *cluster, uint32_t node,
                  const char *const *argv, struct ord_probe *probe,
                  struct ord_err *err)
{
    struct ord_child_spec spec = {
        .argv = argv,
        .in_fd = -1,
        .net_fd = cluster->ops->net_fd(cluster, node),
    };
    int pipes[2];
    int rc;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return ord_fail_errno(err, "pipe for %s", argv[0]);
    (void)fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    probe->out_fd = pipes[0];
    spec.out_fd = spec.err_fd = pipes[1];
    rc = ord_child_spawn(&spec, &probe->child, err);
    (void)close(pipes[1]);
    return rc;
}

int ord_probe_start(struct ord_cluster *cluster, uint32_t node,
                    const char *const *argv, int64_t timeout_ns,
                    size_t out_size_max, struct ord_probe **out,
                    struct ord_err *err)
{
    struct ord_probe *probe = calloc(1, sizeof *probe);
    int rc;

    ORD_ASSERT(node <= cluster->node_count);
    ORD_ASSERT(timeout_ns > 0);
    if (probe == NULL)
        return ord_fail(err, ORD_ENOMEM, "probe");
    probe->child = ORD_CHILD_NONE;
    probe->out_fd = probe->timer_fd = probe->epoll_fd = -1;
    probe->deadline_ns = ord_now_ns() + timeout_ns;
    probe->out_size_max = out_size_max;
    ord_buf_init(&probe->out, out_size_max);
    rc = launch(cluster, node, argv, probe, err);
    if (rc == ORD_OK && !watch_all(probe, timeout_ns))
        rc = ord_fail_errno(err, "watch %s", argv[0]);
    if (rc != ORD_OK) {
        ord_probe_free(&probe);
        return rc;
    }
    *out = probe;
    return ORD_OK;
}

static void read_output(struct ord_probe *probe)
{
    char chunk[16384];

    for (size_t total = 0; total < READ_MAX;) {
        ssize_t got = read(probe->out_fd, chunk, sizeof chunk);
        size_t left = probe->out_size_max - probe->out.size;

        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0) {
            /* At its end it would be readable for ever. */
            (void)epoll_ctl(probe->epoll_fd, EPOLL_CTL_DEL, probe->out_fd,
                            NULL);
        }
        if (got <= 0)
            return;
        total += (size_t)got;
        if ((size_t)got > left)
            got = (ssize_t)left;
        ord_buf_add(&probe->out,
                    (struct ord_bytes){.at = chunk, .size = (size_t)got});
    }
}

int ord_probe_poll(struct ord_probe *probe, bool *ended, struct ord_exit *exit,
                   struct ord_err *err)
{
    ORD_ASSERT(probe->child.pid != 0); /* no poll after the end */
    *ended = ord_pidfd_ended(probe->child.pidfd, 0);
    read_output(probe);
    if (*ended)
        return ord_child_wait(&probe->child, 0, exit, err);
    if (ord_now_ns() < probe->deadline_ns)
        return ORD_OK;
    ord_child_kill(&probe->child);
    *ended = true;
    return ord_fail(err, ORD_ETIMEOUT, "no end before its deadline");
}

int ord_probe_fd(const struct ord_probe *probe)
{
    return probe->epoll_fd;
}

struct ord_buf *ord_probe_output(struct ord_probe *probe)
{
    return &probe->out;
}

void ord_probe_free(struct ord_probe **probe)
{
    struct ord_probe *p = *probe;

    *probe = NULL;
    if (p == NULL)
        return;
    ord_child_kill(&p->child);
    if (p->out_fd >= 0)
        (void)close(p->out_fd);
    if (p->timer_fd >= 0)
        (void)close(p->timer_fd);
    if (p->epoll_fd >= 0)
        (void)close(p->epoll_fd);
    ord_buf_fini(&p->out);
    free(p);
}

int ord_cluster_run(struct ord_cluster *cluster, uint32_t node,
                    const char *const *argv, int64_t timeout_ns,
                    struct ord_buf *out, struct ord_exit *exit,
                    struct ord_err *err)
{
    struct ord_probe *probe;
    bool ended = false;
    int rc = ord_probe_start(cluster, node, argv, timeout_ns, out->size_max,
                             &probe, err);

    if (rc != ORD_OK)
        return rc;
    while (rc == ORD_OK && !ended) {
        struct pollfd in = {.fd = probe->epoll_fd, .events = POLLIN};

        (void)poll(&in, 1, ord_poll_ms(probe->deadline_ns));
        rc = ord_probe_poll(probe, &ended, exit, err);
    }
    ord_buf_add(out, ord_buf_bytes(&probe->out));
    ord_probe_free(&probe);
    return rc == ORD_OK ? rc : ord_wrap(err, "%s", argv[0]);
}
