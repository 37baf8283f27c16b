/* switch.c -- see switch.h.
 *
 * The common case, a link that does nothing, is one read and one write per
 * frame.  TCP's offloaded super-frames pass as they are unless the link has
 * something to do to single packets; then they are cut first.
 */
#include "harness/control/switch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/fabric.h"
#include "harness/control/proc.h"

enum {
    BATCH_MAX = 64,    /* frames from one port before the next gets its turn */
    RELEASE_MAX = 256, /* late frames before the ports get theirs */
    CAPTURE_FLUSH_MS = 50,
    KEY_WAKE = ORD_PORTS_MAX, /* epoll keys beyond the ports */
    KEY_TIMER,
};

static const int64_t rate_queue_ns = 200 * ORD_MS;

static void drop(struct ord_fabric *f, const struct ord_passage *p,
                 _Atomic uint64_t *counter, const char *why)
{
    char comment[64];

    ord_count(counter, 1);
    if (f->capture.fd < 0)
        return;
    (void)snprintf(comment, sizeof comment, "port %u to %u: %s", p->from, p->to,
                   why);
    ord_pcapng_add(&f->capture, ORD_PCAPNG_DROPPED, f->now_ns,
                   ord_ip_of(&p->frame), comment);
}

static void drop_cut(struct ord_fabric *f, const struct ord_passage *p)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];
    uint64_t generation = atomic_load(&f->shared->seen);

    if (atomic_load_explicit(&count->drop_generation, memory_order_relaxed) !=
        generation) {
        atomic_store(&count->drop_ns, ord_now_ns());
        atomic_store(&count->drop_generation, generation);
    }
    drop(f, p, &count->cut, "cut");
}

static void deliver(struct ord_fabric *f, const struct ord_passage *p)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];
    ssize_t sent =
        write(f->config->port_fds[p->to], p->frame.at, p->frame.size);
    struct ord_tcp tcp;

    if (sent < 0) {
        drop(f, p, &count->over, "receiver is full");
        return;
    }
    ord_count(&count->passed, 1);
    ord_count(&count->bytes, ord_frame_ip_size(&p->frame));
    ord_pcapng_add(&f->capture, ORD_PCAPNG_DELIVERED, f->now_ns,
                   ord_ip_of(&p->frame), NULL);
    if (!p->is_damaged && ord_frame_tcp(&p->frame, &tcp))
        ord_flow_note(&f->flows, &tcp, p->from, p->to, f->generation);
}

/* Once one frame was too much for its bytes, all are, small ones too. */
static bool is_spent(struct ord_fabric *f, const struct ord_passage *p,
                     const struct ord_rule *rule)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];
    struct ord_pair *pair = &f->pairs[p->slot];
    uint64_t bytes = atomic_load_explicit(&count->bytes, memory_order_relaxed);

    if (rule->bytes_stop == UINT64_MAX)
        return false;
    if (bytes + ord_frame_ip_size(&p->frame) > rule->bytes_stop)
        pair->spent_id = rule->bytes_id;
    return pair->spent_id == rule->bytes_id;
}

static struct ord_queued *copy_of(struct ord_fabric *f,
                                  const struct ord_passage *p)
{
    struct ord_queued *copy =
        ord_queue_copy(&f->queue, &p->frame, p->from, p->to, f->now_ns);

    if (copy != NULL)
        copy->is_damaged = p->is_damaged;
    return copy;
}

/* A clogged link keeps it; `queued` is the frame if it was in the queue. */
static void hold(struct ord_fabric *f, const struct ord_passage *p,
                 struct ord_queued *queued)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];
    struct ord_pair *pair = &f->pairs[p->slot];

    if (pair->held.size + p->frame.size > ORD_CLOG_SIZE_MAX) {
        drop(f, p, &count->over, "the clog is full");
    } else {
        if (queued == NULL)
            queued =
                ord_queue_copy(&f->queue, &p->frame, p->from, p->to, f->now_ns);
        if (queued != NULL) {
            ord_queue_line_add(&f->queue, &pair->held, queued);
            ord_count(&count->held, 1);
            return;
        }
        drop(f, p, &count->over, "no memory");
    }
    if (queued != NULL)
        ord_queue_release(&f->queue, queued);
}

/* Its time has come; takes `queued`, where it was in the queue. */
static void hand_over(struct ord_fabric *f, const struct ord_passage *p,
                      const struct ord_rule *rule, struct ord_queued *queued)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];

    if (rule->link.up && rule->link.clog) {
        hold(f, p, queued);
        return;
    }
    if (!rule->link.up) {
        drop_cut(f, p);
    } else if (is_spent(f, p, rule)) {
        drop(f, p, &count->spent, "beyond the byte limit");
    } else {
        deliver(f, p);
        if (queued != NULL) {
            ord_count(&count->waited, 1);
            ord_count(&count->waited_ns,
                      (uint64_t)(ord_now_ns() - queued->arrived_ns));
        }
    }
    if (queued != NULL)
        ord_queue_release(&f->queue, queued);
}

/* Now, or when its time has come. */
static void send_at(struct ord_fabric *f, const struct ord_passage *p,
                    const struct ord_rule *rule, int64_t due_ns)
{
    struct ord_pair *pair = &f->pairs[p->slot];
    struct ord_queued *queued;

    if (due_ns <= f->now_ns && pair->waiting == 0) {
        hand_over(f, p, rule, NULL);
        return;
    }
    queued = copy_of(f, p);
    if (queued == NULL) {
        drop(f, p, &f->shared->count[p->slot].over, "no memory");
        return;
    }
    ord_queue_put(&f->queue, queued, due_ns);
    pair->waiting++;
}

/* When the rate lets it through; -1 if too much waits already. */
static int64_t rate_due(struct ord_fabric *f, const struct ord_passage *p,
                        uint64_t rate_bit_s)
{
    struct ord_pair *pair = &f->pairs[p->slot];
    uint64_t bits = (uint64_t)ord_frame_ip_size(&p->frame) * 8;
    int64_t start_ns = pair->free_ns > f->now_ns ? pair->free_ns : f->now_ns;

    if (rate_bit_s == 0)
        return f->now_ns;
    if (start_ns - f->now_ns > rate_queue_ns)
        return -1;
    pair->free_ns = start_ns + (int64_t)(bits * (uint64_t)ORD_S / rate_bit_s);
    return pair->free_ns;
}

static void corrupt(struct ord_fabric *f, struct ord_passage *p,
                    const struct ord_link *link, uint64_t judged)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];
    uint64_t bit;

    if (ord_frame_is_gso(&p->frame))
        return; /* an IPv6-in-IPv4 or other oddity we cannot cut */
    bit = ord_decide(f, p, DECIDE_BIT, judged);
    if (ord_chance(f, p, DECIDE_CORRUPT, judged, link->corrupt_ppm) &&
        ord_frame_corrupt(&p->frame, bit)) {
        ord_count(&count->corrupted, 1);
        p->is_damaged = true;
    } else if (ord_chance(f, p, DECIDE_SILENT, judged,
                          link->corrupt_silent_ppm) &&
               ord_frame_corrupt_silent(&p->frame, bit)) {
        ord_count(&count->corrupted_silent, 1);
    }
}

/* When the link would hand the frame over, after delay, jitter and reorder. */
static int64_t delay_due(struct ord_fabric *f, const struct ord_passage *p,
                         const struct ord_link *link, uint64_t judged,
                         int64_t due_ns)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];
    struct ord_pair *pair = &f->pairs[p->slot];
    int64_t delay_ns = (int64_t)link->delay_us * ORD_US;

    if (link->jitter_us > 0)
        delay_ns += (int64_t)(ord_decide(f, p, DECIDE_JITTER, judged) %
                              ((uint64_t)link->jitter_us * 1000 + 1));
    if (delay_ns > 0 &&
        ord_chance(f, p, DECIDE_REORDER, judged, link->reorder_ppm)) {
        ord_count(&count->reordered, pair->waiting > 0);
        return due_ns;
    }
    if (delay_ns > 0 || due_ns > f->now_ns) /* the rate holds back, too */
        ord_count(&count->delayed, 1);
    due_ns += delay_ns;
    if (pair->waiting > 0 && due_ns < pair->last_due_ns)
        due_ns = pair->last_due_ns; /* first in, first out */
    pair->last_due_ns = due_ns;
    return due_ns;
}

/* Each by itself; or in runs, which begin and end by chance (the two-state
 * model of Gilbert, "Capacity of a burst-noise channel", 1960), so that the
 * share of what is lost stays loss_ppm. */
static bool loses(struct ord_fabric *f, const struct ord_passage *p,
                  const struct ord_link *link, uint64_t judged)
{
    struct ord_pair *pair = &f->pairs[p->slot];
    uint64_t lost = link->loss_ppm;
    uint64_t enter;
    uint64_t stay;

    if (link->loss_burst <= 1 || lost == 0 || lost >= ORD_PPM)
        return ord_chance(f, p, DECIDE_LOSS, judged, link->loss_ppm);
    enter = lost * ORD_PPM / (link->loss_burst * (ORD_PPM - lost));
    stay = ORD_PPM - ORD_PPM / link->loss_burst;
    if (enter > ORD_PPM) { /* only longer runs lose so much */
        enter = ORD_PPM;
        stay = ORD_PPM - ORD_PPM * (ORD_PPM - lost) / lost;
    }
    pair->in_burst = ord_chance(f, p, DECIDE_LOSS, judged,
                                (uint32_t)(pair->in_burst ? stay : enter));
    return pair->in_burst;
}

/* All that a link can do to one frame. */
static void judge(struct ord_fabric *f, struct ord_passage *p,
                  const struct ord_rule *rule)
{
    struct ord_wire_count *count = &f->shared->count[p->slot];
    const struct ord_link *link = &rule->link;
    uint64_t judged = f->pairs[p->slot].judged++;
    int64_t due_ns;

    if (loses(f, p, link, judged)) {
        drop(f, p, &count->lost, "lost");
        return;
    }
    due_ns = rate_due(f, p, link->rate_bit_s);
    if (due_ns < 0) {
        drop(f, p, &count->over, "over the rate");
        return;
    }
    if ((link->corrupt_ppm | link->corrupt_silent_ppm) != 0)
        corrupt(f, p, link, judged);
    due_ns = delay_due(f, p, link, judged, due_ns);
    send_at(f, p, rule, due_ns);
    if (ord_chance(f, p, DECIDE_DUPLICATE, judged, link->duplicate_ppm)) {
        ord_count(&count->duplicated, 1);
        send_at(f, p, rule, due_ns);
    }
}

/* ---- commits ------------------------------------------------------------- */

/* New rules: what they set free, goes; what they reset, is reset. */
static void obey(struct ord_fabric *f, const struct ord_rule *bank)
{
    uint32_t count = f->port_count * f->port_count;
    bool has_new_reset = false;

    for (uint32_t slot = 0; slot < count; slot++) {
        struct ord_pair *pair = &f->pairs[slot];

        has_new_reset = has_new_reset || bank[slot].reset_id == f->generation;
        if (pair->held.count == 0 || bank[slot].link.clog)
            continue;
        pair->waiting += pair->held.count;
        ord_queue_line_end(&f->queue, &pair->held, f->now_ns);
        if (pair->last_due_ns < f->now_ns)
            pair->last_due_ns = f->now_ns;
    }
    if (has_new_reset)
        ord_reset_flows(f, bank);
}

static const struct ord_rule *rule_of(struct ord_fabric *f, uint32_t slot)
{
    uint64_t generation =
        atomic_load_explicit(&f->shared->generation, memory_order_acquire);
    const struct ord_rule *bank = f->shared->bank[generation & 1];

    if (generation != f->generation) {
        f->generation = generation;
        /* From here on the other bank may be overwritten. */
        atomic_store(&f->shared->seen, generation);
        obey(f, bank);
    }
    return &bank[slot];
}

/* ---- frames -------------------------------------------------------------- */

static bool port_of(const struct ord_fabric *f, uint32_t ipv4, uint32_t *port)
{
    uint32_t host = ipv4 - ORD_NET_BASE;

    *port = host == 1 ? 0 : host - 10;
    return (host == 1 || host > 10) && *port < f->port_count;
}

static bool is_for_all(uint32_t ipv4)
{
    return ipv4 >> 28 == 14 || ipv4 == UINT32_MAX ||
           ipv4 == (ORD_NET_BASE | 255);
}

static void forward_to(struct ord_fabric *f, struct ord_passage *p)
{
    const struct ord_rule *rule;
    struct ord_passage part;

    p->slot = p->from * f->port_count + p->to;
    rule = rule_of(f, p->slot);
    if (rule->is_plain && f->pairs[p->slot].waiting == 0) {
        deliver(f, p);
        return;
    }
    if (!rule->link.up) {
        drop_cut(f, p);
        return;
    }
    if ((rule->link.reset || rule->link.reset_ppm > 0) &&
        ord_reset_meets(f, p, &rule->link)) {
        drop(f, p, &f->shared->count[p->slot].swallowed,
             "its connection is reset");
        return;
    }
    if (!rule->wants_packets || !ord_frame_is_gso(&p->frame)) {
        judge(f, p, rule);
        return;
    }
    part = *p;
    part.frame.at = f->cut;
    for (uint32_t i = 0; ord_frame_segment(&p->frame, i, &part.frame); i++)
        judge(f, &part, rule);
}

/* Multicast and broadcast: every link does to its copy what it does. */
static void flood(struct ord_fabric *f, const struct ord_passage *p)
{
    for (uint32_t port = 0; port < f->port_count; port++) {
        struct ord_passage copy = *p;

        if (port == p->from)
            continue;
        copy.to = port;
        copy.frame.at = memcpy(f->copy, p->frame.at, p->frame.size);
        forward_to(f, &copy);
    }
}

static void forward(struct ord_fabric *f, struct ord_passage *p)
{
    uint32_t ipv4 = 0;
    bool is_ipv4 = ord_frame_parse(&p->frame, f->config->has_ethernet, &ipv4);

    if (is_ipv4 && port_of(f, ipv4, &p->to) && p->to != p->from)
        forward_to(f, p);
    else if (is_ipv4 && is_for_all(ipv4))
        flood(f, p);
    else
        ord_count(&f->shared->count[p->from * f->port_count + p->from].foreign,
                  1);
}

static void read_port(struct ord_fabric *f, uint32_t port)
{
    for (uint32_t i = 0; i < BATCH_MAX; i++) {
        struct ord_passage p = {.from = port, .frame.at = f->in};
        ssize_t got = read(f->config->port_fds[port], f->in, sizeof f->in);

        if (got <= 0)
            break;
        p.frame.size = (uint32_t)got;
        forward(f, &p);
    }
}

static void release_due(struct ord_fabric *f)
{
    for (uint32_t i = 0;
         i < RELEASE_MAX && ord_queue_due_ns(&f->queue) <= f->now_ns; i++) {
        struct ord_queued *queued = ord_queue_take(&f->queue);
        struct ord_passage p = {
            .frame = {.at = queued->bytes,
                      .size = queued->size,
                      .ip_at = queued->ip_at},
            .from = queued->from,
            .to = queued->to,
            .slot = queued->from * f->port_count + queued->to,
            .is_damaged = queued->is_damaged,
        };

        f->pairs[p.slot].waiting--;
        hand_over(f, &p, rule_of(f, p.slot), queued);
    }
}

static void arm_timer(struct ord_fabric *f)
{
    int64_t due_ns = ord_queue_due_ns(&f->queue);
    struct itimerspec at = {.it_value.tv_sec = 0};

    if (due_ns == f->timer_ns)
        return;
    f->timer_ns = due_ns;
    if (due_ns != INT64_MAX) {
        at.it_value.tv_sec = due_ns / ORD_S;
        at.it_value.tv_nsec = due_ns % ORD_S;
    }
    (void)timerfd_settime(f->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void drain(int fd)
{
    uint64_t ignored;

    (void)!read(fd, &ignored, sizeof ignored);
}

static const char *run(struct ord_fabric *f)
{
    struct epoll_event events[ORD_PORTS_MAX + 2];

    while (!atomic_load_explicit(&f->shared->quit, memory_order_relaxed)) {
        int timeout_ms =
            ord_pcapng_has_unwritten(&f->capture) ? CAPTURE_FLUSH_MS : -1;
        int count =
            epoll_wait(f->epoll_fd, events, ORD_PORTS_MAX + 2, timeout_ms);

        if (count < 0 && errno != EINTR)
            return "epoll_wait";
        if (count == 0)
            ord_pcapng_flush(&f->capture);
        f->now_ns = ord_now_ns();
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 == KEY_WAKE) {
                drain(ord_wire_wake_fd(f->config->wire));
            } else if (events[i].data.u32 == KEY_TIMER) {
                drain(f->timer_fd);
                f->timer_ns = 0; /* it has fired: set it anew */
            } else {
                read_port(f, events[i].data.u32);
            }
        }
        (void)rule_of(f, 0); /* says that we have seen the commit */
        release_due(f);
        arm_timer(f);
    }
    return NULL;
}

static bool watch(const struct ord_fabric *f, int fd, uint32_t key)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = key};

    return epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static const char *start(struct ord_fabric *f)
{
    f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    f->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    f->timer_ns = INT64_MAX;
    ord_queue_init(&f->queue, ORD_QUEUE_SIZE_MAX);
    if (f->epoll_fd < 0 || f->timer_fd < 0 ||
        !watch(f, ord_wire_wake_fd(f->config->wire), KEY_WAKE) ||
        !watch(f, f->timer_fd, KEY_TIMER))
        return "make its epoll";
    for (uint32_t i = 0; i < f->port_count; i++) {
        if (!watch(f, f->config->port_fds[i], i))
            return "watch a port";
    }
    return NULL;
}

static _Noreturn void be_switch(struct ord_fabric *f, int parent_pidfd)
{
    int keep[ORD_PORTS_MAX + 2];
    const char *failed;

    ord_proc_reset_signals();
    ord_proc_die_with(parent_pidfd);
    (void)prctl(PR_SET_NAME, "ordeal-switch");
    memcpy(keep, f->config->port_fds, f->port_count * sizeof *keep);
    keep[f->port_count] = ord_wire_wake_fd(f->config->wire);
    keep[f->port_count + 1] = f->capture.fd;
    ord_proc_close_others(keep, f->port_count + 2);
    failed = start(f);
    if (failed == NULL)
        failed = run(f);
    ord_pcapng_close(&f->capture);
    if (failed != NULL)
        (void)snprintf(f->shared->error, sizeof f->shared->error, "%s: %s",
                       failed, strerror(errno));
    _exit(failed == NULL ? 0 : 1);
}

int ord_switch_spawn(const struct ord_switch_config *config, int *pidfd,
                     struct ord_err *err)
{
    struct ord_fabric *f = calloc(1, sizeof *f);
    int parent_pidfd = pidfd_open(getpid(), 0);
    int rc = ORD_OK;
    pid_t pid;

    if (f == NULL)
        return ord_fail(err, ORD_ENOMEM, "switch");
    f->config = config;
    f->shared = ord_wire_shared(config->wire);
    f->port_count = f->shared->port_count;
    f->capture = ORD_PCAPNG_NONE;
    if (config->capture_path != NULL)
        rc = ord_pcapng_open(&f->capture, config->capture_path,
                             config->capture_size_max, err);
    if (rc == ORD_OK) {
        pid = ord_proc_clone(0, pidfd);
        if (pid == 0)
            be_switch(f, parent_pidfd);
        if (pid < 0)
            rc = ord_fail_errno(err, "fork the switch");
        else
            atomic_store(&f->shared->has_switch, true);
    }
    ord_buf_clear(&f->capture.buf); /* the switch writes its copy */
    ord_pcapng_close(&f->capture);
    if (parent_pidfd >= 0)
        (void)close(parent_pidfd);
    free(f);
    return rc;
}
