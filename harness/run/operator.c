#include "harness/run/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/node.h"
#include "harness/run/membership.h"
#include "harness/run/ready.h"
#include "harness/run/watch.h"
#include "nemesis/engine.h"

enum { LOG_TAIL_SIZE = 300 };

static const int64_t ARENA_SIZE_MAX = INT64_C(1) << 28;
static const int64_t READY_AGAIN_NS = 5 * ORD_MS;
static const int64_t READY_TIMEOUT_NS = ORD_S;
static const int64_t READY_TIMEOUT_MAX_NS = 4 * ORD_S;
static const int64_t PRIMARY_AGAIN_NS = 60 * ORD_MS;
static const int64_t LEADS_AGAIN_NS = 20 * ORD_MS;
static const int64_t PRIMARY_TIMEOUT_NS = 300 * ORD_MS;
static const int64_t POLL_NS = 2 * ORD_MS;
static const int64_t IDLE_NS = 200 * ORD_MS;
static const int64_t HEAL_AGAIN_NS = 100 * ORD_MS;

enum state { STATE_IDLE, STATE_STARTING, STATE_MAIN, STATE_HEALING };

struct operator_state {
    const struct ord_operator_config *config;
    struct ord_arena arena;
    struct ord_nemesis_env env;
    struct ord_nemesis_engine *engine;
    struct ord_ledger *ledger;
    struct ord_ask_nodes ready;
    struct ord_ask_nodes settled;
    struct ord_ask_nodes primary;
    struct ord_ask_nodes leads; /* the same question, after healing */
    struct ord_watch watch;
    struct ord_membership members;
    bool wants_primary; /* some fault or trigger depends on it */
    enum state state;
    int64_t deadline_ns;     /* of STARTING and HEALING */
    int64_t step_ns;         /* when the engine wants to be called */
    struct ord_err heal_err; /* of the final heal, which is tried again; rc 0:
                                all is healed */
    int64_t heal_again_ns;
    bool is_quitting;
    struct ord_clock_state clocks[ORD_NODES_MAX + 1]; /* as last told */
};

/* Members at the beginning; at the end, too. */
static uint64_t home_nodes(const struct operator_state *op)
{
    return UINT64_MAX >> (64 - op->config->cell->start_count);
}

static uint64_t all_nodes(const struct operator_state *op)
{
    return UINT64_MAX >> (64 - op->config->cell->node_count);
}

static void send_notice(struct operator_state *op,
                        const struct ord_notice *notice)
{
    /* If the conductor is gone we are about to die with it. */
    (void)send(op->config->orders_fd, notice, sizeof *notice, MSG_NOSIGNAL);
}

static void put_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

static void fail_phase(struct operator_state *op, bool is_infrastructure,
                       const char *text)
{
    struct ord_notice notice = {.kind = ORD_NOTICE_FAILED,
                                .is_infrastructure = is_infrastructure,
                                .time_ns = ord_now_ns()};

    put_text(notice.text, sizeof notice.text, text);
    send_notice(op, &notice);
    op->state = STATE_IDLE;
}

/* ---- nodes ----------------------------------------------------------------
 */

static int start_node(void *ctx, uint32_t node, struct ord_err *err)
{
    struct operator_state *op = ctx;
    const struct ord_cell *cell = op->config->cell;
    char data[ORD_PATH_MAX];
    char name[16];
    struct ord_arena arena;
    struct ord_command command = {.env = cell->target->env};
    struct ord_template in;
    int rc;

    snprintf(name, sizeof name, "n%u", node);
    rc = ord_path_join(data, op->config->nodes_dir, name, err);
    if (rc == ORD_OK)
        rc = ord_mkdir_all(data, err);
    if (rc != ORD_OK)
        return rc;
    ord_arena_init(&arena, (size_t)ARENA_SIZE_MAX);
    in = ord_cell_template(cell, node, data);
    in.members = op->members.listed | ord_node_mask(node);
    rc = ord_template_argv(&in, ord_membership_start(&op->members, node),
                           &arena, &command.argv, err);
    if (rc == ORD_OK && cell->target->stop_argv != NULL)
        rc = ord_template_argv(&in, cell->target->stop_argv, &arena,
                               &command.stop_argv, err);
    command.stop_signal = cell->target->stop_signal;
    command.cwd = data;
    if (rc == ORD_OK)
        rc = ord_node_start(op->config->cluster, node, &command, err);
    ord_arena_fini(&arena);
    return rc;
}

static int ask_target(void *ctx, const char *what, uint32_t node,
                      int64_t timeout_ns, struct ord_node_answer *answer,
                      struct ord_err *err)
{
    const struct operator_state *op = ctx;

    return ord_ask_target(op->config->cluster, op->config->cell, what, node,
                          timeout_ns, answer, err);
}

/* The last lines of the node's log, on one line. */
static void log_tail(struct operator_state *op, uint32_t node, char *out,
                     size_t size)
{
    char tail[LOG_TAIL_SIZE + 1] = "";
    int fd =
        open(ord_node_log(op->config->cluster, node), O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    if (fd >= 0) {
        off_t end = lseek(fd, 0, SEEK_END);

        got = pread(fd, tail, LOG_TAIL_SIZE,
                    end > LOG_TAIL_SIZE ? end - LOG_TAIL_SIZE : 0);
        close(fd);
    }
    while (got > 0 && tail[got - 1] == '\n')
        got--;
    tail[got > 0 ? got : 0] = '\0';
    for (char *c = tail; *c != '\0'; c++) {
        if (*c == '\n')
            *c = '|';
    }
    snprintf(out, size, "%s%s",
             got > 0 ? "; its log ends: " : "; its log is empty", tail);
}

static void begin_start(struct operator_state *op)
{
    struct ord_err err = {0};

    for (uint32_t i = 1; i <= op->config->cell->start_count; i++) {
        if (start_node(op, i, &err) != ORD_OK) {
            fail_phase(op, true, err.text);
            return;
        }
    }
    op->state = STATE_STARTING;
    op->deadline_ns = ord_now_ns() + op->config->cell->target->ready_within_ns;
}

/* A node that ended during the start will not become ready. */
static bool is_start_hopeless(struct operator_state *op)
{
    char how[64];
    char tail[LOG_TAIL_SIZE + 64];
    char text[600];

    for (uint32_t i = 1; i <= op->config->cell->start_count; i++) {
        struct ord_node_state state = ord_node_state(op->config->cluster, i);
        bool is_quiet = !state.exit.is_signal && state.exit.code == 0;

        if (state.phase == ORD_NODE_RUNNING || state.phase == ORD_NODE_PAUSED)
            continue;
        ord_exit_describe(&state.exit, how, sizeof how);
        log_tail(op, i, tail, sizeof tail);
        snprintf(text, sizeof text, "node n%u %s before it was ready%s%s", i,
                 how, is_quiet ? " ('start' must stay in the foreground)" : "",
                 tail);
        fail_phase(op, false, text);
        return true;
    }
    return false;
}

static void give_up_waiting(struct operator_state *op, uint64_t missing)
{
    uint32_t first = (uint32_t)__builtin_ctzll(missing) + 1;
    int others = __builtin_popcountll(missing) - 1;
    const struct ord_target *target = op->config->cell->target;
    char tail[LOG_TAIL_SIZE + 64];
    char more[32] = "";
    char asked[256];
    char text[700];
    bool is_ready = op->state == STATE_HEALING &&
                    (target->ready == NULL || op->ready.yes == home_nodes(op));
    bool is_settled = is_ready && (target->settled == NULL ||
                                   op->settled.yes == home_nodes(op));
    double waited_s =
        (double)(op->state == STATE_STARTING ? target->ready_within_ns
                                             : op->config->cell->settle_ns) /
        1e9;

    log_tail(op, first, tail, sizeof tail);
    ord_ask_describe(is_ready ? &op->settled : &op->ready, first, asked,
                     sizeof asked);
    if (others > 0)
        snprintf(more, sizeof more, " (nor %d more)", others);
    if (is_settled)
        snprintf(text, sizeof text,
                 "no node said that it leads within %.1f s of the healing",
                 waited_s);
    else
        snprintf(text, sizeof text, "node n%u%s %s within %.1f s %s%s%s", first,
                 more, is_ready ? "did not settle" : "was not ready", waited_s,
                 op->state == STATE_STARTING ? "of its start"
                                             : "of the healing",
                 asked, tail);
    fail_phase(op, false, text);
}

/* Asks those nodes that have not yet said yes; *missing: who still has not.
 * argv is what the target has for it, NULL: nothing. */
static int ask_rest(struct operator_state *op, struct ord_ask_nodes *ask,
                    const char *const *argv, int64_t now_ns, uint64_t *missing,
                    struct ord_err *err)
{
    int rc = ORD_OK;

    *missing = 0;
    if (argv == NULL)
        return ORD_OK;
    rc = ord_ask_step(ask, home_nodes(op) & ~ask->yes, now_ns, READY_AGAIN_NS,
                      err);
    *missing = home_nodes(op) & ~ask->yes;
    return rc;
}

static void tell_heal_trouble(struct operator_state *op, bool is_last)
{
    struct ord_notice notice = {.kind = ORD_NOTICE_HEAL_TROUBLE,
                                .is_infrastructure = is_last,
                                .time_ns = ord_now_ns()};

    snprintf(notice.text, sizeof notice.text, "the final heal failed%s: %s",
             is_last ? " again and again" : " and is tried again",
             op->heal_err.text);
    send_notice(op, &notice);
}

/* One fault that cannot be healed must not keep the rest from being seen: after
 * the deadline the run goes on, but the harness has failed.  False: not yet. */
static bool heal_again(struct operator_state *op, bool is_late)
{
    int64_t now_ns = ord_now_ns();

    if (now_ns < op->heal_again_ns)
        return false;
    op->heal_again_ns = now_ns + HEAL_AGAIN_NS;
    op->heal_err.rc = ORD_OK;
    if (ord_nemesis_heal_all(op->engine, now_ns, &op->heal_err) == ORD_OK) {
        /* What is whole only now may take its time from here. */
        op->deadline_ns = ord_now_ns() + op->config->cell->settle_ns;
        return true;
    }
    if (!is_late)
        return false;
    tell_heal_trouble(op, true);
    op->heal_err.rc = ORD_OK;
    op->deadline_ns = ord_now_ns() + op->config->cell->settle_ns;
    return true;
}

/* Whoever has not yet said that all is well: that it can serve; after healing
 * also that it has settled; then, as long as nobody leads, everybody. */
static int ask_all(struct operator_state *op, int64_t now_ns, uint64_t *missing,
                   struct ord_err *err)
{
    const struct ord_target *target = op->config->cell->target;
    int rc = ask_rest(op, &op->ready, target->ready, now_ns, missing, err);

    if (rc != ORD_OK || *missing != 0 || op->state != STATE_HEALING)
        return rc;
    rc = ask_rest(op, &op->settled, target->settled, now_ns, missing, err);
    if (rc != ORD_OK || *missing != 0 || target->primary == NULL)
        return rc;
    rc = ord_ask_step(&op->leads, home_nodes(op), now_ns, LEADS_AGAIN_NS, err);
    *missing = op->leads.yes != 0 ? 0 : home_nodes(op);
    return rc;
}

static void wait_ready(struct operator_state *op)
{
    struct ord_notice notice = {.time_ns = ord_now_ns()};
    struct ord_err err = {0};
    uint64_t missing = 0;
    bool is_healing = op->state == STATE_HEALING;
    bool is_late = notice.time_ns > op->deadline_ns;

    if (is_healing && op->heal_err.rc != ORD_OK && !heal_again(op, is_late))
        return;
    if (ask_all(op, notice.time_ns, &missing, &err) != ORD_OK) {
        fail_phase(op, true, err.text);
        return;
    }
    if (missing == 0) {
        notice.kind =
            op->state == STATE_STARTING ? ORD_NOTICE_READY : ORD_NOTICE_HEALED;
        ord_ask_reset(&op->ready);
        ord_ask_reset(&op->settled);
        ord_ask_reset(&op->leads);
        op->state = STATE_IDLE;
        send_notice(op, &notice);
    } else if (op->state == STATE_STARTING && is_start_hopeless(op)) {
        return;
    } else if (is_late) {
        give_up_waiting(op, missing);
    }
}

/* ---- faults ----------------------------------------------------------------
 */

static bool is_changed(const struct ord_clock_state *before,
                       const struct ord_clock_state *now)
{
    return llabs(now->offset.real_ns - before->offset.real_ns) >= ORD_MS ||
           llabs(now->offset.mono_ns - before->offset.mono_ns) >= ORD_MS ||
           now->rate_ppm != before->rate_ppm ||
           now->strobe_ns != before->strobe_ns ||
           now->strobe_period_ns != before->strobe_period_ns;
}

/* Tells of the clocks that are not as they were when last told of; at first,
 * of all of them. */
static void tell_clocks(struct operator_state *op, uint32_t fault_id,
                        bool is_first)
{
    for (uint32_t i = 1; i <= op->config->cell->node_count; i++) {
        const struct ord_clock *clock = ord_node_clock(op->config->cluster, i);
        struct ord_notice notice = {
            .kind = ORD_NOTICE_CLOCK, .fault_id = fault_id, .node = i};

        if (clock == NULL)
            continue;
        notice.clock = ord_clock_state(clock);
        notice.time_ns = ord_now_ns();
        if (!is_first && !is_changed(&op->clocks[i], &notice.clock))
            continue;
        op->clocks[i] = notice.clock;
        send_notice(op, &notice);
    }
}

static void on_fault(void *ctx, const struct ord_nemesis_event *event)
{
    struct operator_state *op = ctx;
    static const enum ord_notice_kind kinds[] = {
        [ORD_FAULT_BEGAN] = ORD_NOTICE_FAULT_BEGAN,
        [ORD_FAULT_ENDED] = ORD_NOTICE_FAULT_ENDED,
        [ORD_FAULT_FAILED] = ORD_NOTICE_FAULT_FAILED,
        [ORD_FAULT_NOT_BEGUN] = ORD_NOTICE_FAULT_NOT_BEGUN,
    };
    struct ord_notice notice = {
        .kind = kinds[event->kind],
        .held = event->held,
        .fault_id = event->fault->id,
        .begin_ns = event->begin_ns,
        .time_ns = event->done_ns,
    };

    if (event->kind == ORD_FAULT_BEGAN)
        ord_lateness_add(op->config->late, event->due_ns, event->begin_ns);
    put_text(notice.fault, sizeof notice.fault, event->fault->ops->name);
    put_text(notice.what, sizeof notice.what, event->fault->what);
    put_text(notice.text, sizeof notice.text,
             event->error != NULL ? event->error : event->evidence);
    send_notice(ctx, &notice);
    if (event->kind != ORD_FAULT_NOT_BEGUN)
        tell_clocks(ctx, event->fault->id, false);
}

static uint32_t primary_now(const struct ord_ask_nodes *ask, uint32_t count)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i <= count; i++) {
        if ((ask->yes & ord_node_mask(i)) != 0 &&
            (best == 0 || ask->number[i] > ask->number[best]))
            best = i;
    }
    return best;
}

static void watch_primary(struct operator_state *op, int64_t now_ns)
{
    struct ord_err err = {0};
    uint32_t count = op->config->cell->node_count;

    if (!op->wants_primary)
        return;
    if (ord_ask_step(&op->primary, all_nodes(op), now_ns, PRIMARY_AGAIN_NS,
                     &err) != ORD_OK)
        return;
    ord_nemesis_leader_changed(op->engine, primary_now(&op->primary, count),
                               now_ns);
    op->step_ns = 0; /* it may have made something due */
}

/* From the main phase's begin on, nodes' logs are watched. */
static void begin_main(struct operator_state *op, int64_t begin_ns)
{
    struct ord_err err = {0};

    op->state = STATE_MAIN;
    tell_clocks(op, 0, true);
    if (ord_cluster_settle_disks(op->config->cluster, &err) != ORD_OK)
        fail_phase(op, true, err.text);
    ord_nemesis_start(op->engine, begin_ns);
    op->step_ns = begin_ns;
    if (ord_watch_is_needed(op->config->cell) &&
        ord_watch_start(op->config->cell, op->config->cluster,
                        op->config->nodes_dir, &op->watch, &err) != ORD_OK)
        fail_phase(op, true, err.text);
}

static void event_came(struct operator_state *op, uint32_t entry, uint32_t node)
{
    if (op->state != STATE_MAIN)
        return;
    ord_nemesis_event_came(op->engine, entry, node, ord_now_ns());
    op->step_ns = 0; /* it may have made something due */
}

static void read_sightings(struct operator_state *op)
{
    struct ord_sighting seen;
    bool is_dead = false;

    while (op->watch.fd >= 0 && ord_watch_next(&op->watch, &seen, &is_dead))
        event_came(op, seen.entry, seen.node);
    if (is_dead) {
        ord_watch_stop(&op->watch);
        fail_phase(op, true, "the process that watches the logs died");
    }
}

static void begin_heal(struct operator_state *op)
{
    int64_t now_ns = ord_now_ns();

    op->step_ns = ORD_NEVER;
    op->wants_primary = false;
    ord_watch_stop(&op->watch);
    ord_ask_reset(&op->primary);
    ord_ask_reset(&op->ready);
    ord_ask_reset(&op->settled);
    ord_ask_reset(&op->leads);
    op->state = STATE_HEALING;
    op->heal_err.rc = ORD_OK;
    if (ord_nemesis_heal_all(op->engine, now_ns, &op->heal_err) != ORD_OK)
        tell_heal_trouble(op, false);
    tell_clocks(op, 0, false);
    op->heal_again_ns = ord_now_ns() + HEAL_AGAIN_NS;
    op->deadline_ns = ord_now_ns() + op->config->cell->settle_ns;
}

/* ---- events -----------------------------------------------------------------
 */

static void node_event(struct operator_state *op, const struct ord_event *event)
{
    struct ord_notice notice = {.kind = ORD_NOTICE_NODE_ENDED,
                                .node = event->node,
                                .time_ns = event->time_ns};
    const struct ord_fault *because;
    char tail[LOG_TAIL_SIZE + 64];
    char how[64];

    if (event->kind == ORD_EVENT_LOG_FULL) {
        notice.kind = ORD_NOTICE_LOG_FULL;
        snprintf(notice.text, sizeof notice.text,
                 "n%u filled its log; the rest of it is not kept", event->node);
        send_notice(op, &notice);
        return;
    }
    if (op->state == STATE_STARTING || op->is_quitting ||
        ord_cluster_dead_disk(op->config->cluster) == event->node ||
        (ord_env_down(&op->env) & ord_node_mask(event->node)) != 0)
        return;
    ord_exit_describe(&event->exit, how, sizeof how);
    log_tail(op, event->node, tail, sizeof tail);
    because = ord_nemesis_node_ended(op->engine, event->node, event->time_ns);
    if (because != NULL) {
        notice.kind = ORD_NOTICE_NODE_FALLEN;
        snprintf(notice.text, sizeof notice.text,
                 "node n%u %s under fault %u (%s %s)%s", event->node, how,
                 because->id, because->ops->name, because->what, tail);
        op->step_ns = 0; /* it may be started again at once */
    } else {
        snprintf(notice.text, sizeof notice.text, "node n%u %s by itself%s",
                 event->node, how, tail);
    }
    send_notice(op, &notice);
}

static void take_order(struct operator_state *op, const struct ord_order *order)
{
    switch (order->kind) {
    case ORD_ORDER_START:
        begin_start(op);
        break;
    case ORD_ORDER_BEGIN:
        begin_main(op, order->value);
        break;
    case ORD_ORDER_EVENT:
        event_came(op, (uint32_t)order->value, order->node);
        break;
    case ORD_ORDER_OPS:
        ord_nemesis_ops_done(op->engine, (uint64_t)order->value, ord_now_ns());
        op->step_ns = 0;
        break;
    case ORD_ORDER_HEAL:
        begin_heal(op);
        break;
    case ORD_ORDER_QUIT:
        op->is_quitting = true;
        break;
    }
}

static void sleep_until_something(struct operator_state *op)
{
    struct pollfd fds[] = {
        {.fd = op->config->orders_fd, .events = POLLIN},
        {.fd = ord_cluster_event_fd(op->config->cluster), .events = POLLIN},
        {.fd = op->watch.fd, .events = POLLIN}, /* -1 is left out */
    };
    int64_t now_ns = ord_now_ns();
    int64_t until_ns = now_ns + IDLE_NS;
    struct timespec wait;

    if (op->state == STATE_STARTING || op->state == STATE_HEALING ||
        op->wants_primary)
        until_ns = now_ns + POLL_NS;
    if (op->state == STATE_MAIN && op->step_ns < until_ns)
        until_ns = op->step_ns;
    if (until_ns < now_ns)
        until_ns = now_ns;
    wait.tv_sec = (until_ns - now_ns) / ORD_S;
    wait.tv_nsec = (until_ns - now_ns) % ORD_S;
    (void)ppoll(fds, sizeof fds / sizeof *fds, &wait, NULL);
}

static void read_orders(struct operator_state *op)
{
    struct ord_order order;
    ssize_t got;

    while ((got = recv(op->config->orders_fd, &order, sizeof order,
                       MSG_DONTWAIT)) == (ssize_t)sizeof order)
        take_order(op, &order);
    if (got == 0)
        op->is_quitting = true; /* the conductor is gone */
}

static void watch_disks(struct operator_state *op)
{
    uint32_t node = ord_cluster_dead_disk(op->config->cluster);

    if (node != 0 && op->state != STATE_IDLE)
        fail_phase(op, true, "a node's disk is gone: its daemon died");
}

static void loop(struct operator_state *op)
{
    while (!op->is_quitting) {
        struct ord_event event;
        int64_t now_ns;

        sleep_until_something(op);
        read_orders(op);
        read_sightings(op);
        watch_disks(op);
        while ((event = ord_cluster_next_event(op->config->cluster)).kind !=
               ORD_EVENT_NONE)
            node_event(op, &event);
        now_ns = ord_now_ns();
        if (op->state == STATE_STARTING || op->state == STATE_HEALING)
            wait_ready(op);
        if (op->state == STATE_MAIN || op->state == STATE_IDLE)
            watch_primary(op, now_ns);
        if (op->state == STATE_HEALING) /* who fell in the last moment */
            (void)ord_nemesis_step(op->engine, now_ns);
        if (op->state == STATE_MAIN && now_ns >= op->step_ns)
            op->step_ns = ord_nemesis_step(op->engine, now_ns);
    }
}

static int set_up(struct operator_state *op, struct ord_err *err)
{
    const struct ord_operator_config *config = op->config;
    const struct ord_cell *cell = config->cell;
    struct ord_fault_plan plan = {0};
    struct ord_nemesis_config engine = {
        .plan = &plan,
        .env = &op->env,
        .away_max = cell->away_max,
        .run_start_ns = config->run_start_ns,
        .on_event = on_fault,
        .ctx = op,
    };
    int rc = ord_cell_faults(cell, &op->arena, &plan, err);

    for (uint32_t i = 0; rc == ORD_OK && i < plan.count; i++)
        op->wants_primary = op->wants_primary || plan.faults[i].needs_primary ||
                            plan.faults[i].trigger == ORD_ON_LEADER_CHANGE;
    op->wants_primary = op->wants_primary && cell->target->primary != NULL;
    if (rc == ORD_OK)
        rc = ord_ask_nodes_init(&op->ready, config->cluster, cell, "ready",
                                READY_TIMEOUT_NS, READY_TIMEOUT_MAX_NS,
                                &op->arena, err);
    if (rc == ORD_OK)
        rc = ord_ask_nodes_init(&op->settled, config->cluster, cell, "settled",
                                READY_TIMEOUT_NS, READY_TIMEOUT_MAX_NS,
                                &op->arena, err);
    if (rc == ORD_OK)
        rc = ord_ask_nodes_init(&op->primary, config->cluster, cell, "primary",
                                PRIMARY_TIMEOUT_NS, PRIMARY_TIMEOUT_NS,
                                &op->arena, err);
    if (rc == ORD_OK)
        rc = ord_ask_nodes_init(&op->leads, config->cluster, cell, "primary",
                                READY_TIMEOUT_NS, READY_TIMEOUT_NS, &op->arena,
                                err);
    if (rc == ORD_OK)
        rc = ord_ledger_open(config->ledger_path, &op->ledger, err);
    engine.ledger = op->ledger;
    return rc == ORD_OK ? ord_nemesis_engine_new(&engine, &op->engine, err)
                        : rc;
}

int ord_operator_run(const struct ord_operator_config *config)
{
    struct operator_state *op = calloc(1, sizeof *op);
    struct ord_err err = {0};

    ORD_ASSERT(op != NULL);
    op->config = config;
    op->step_ns = ORD_NEVER;
    op->watch = ORD_WATCH_NONE;
    ord_arena_init(&op->arena, (size_t)ARENA_SIZE_MAX);
    ord_nemesis_env_init(&op->env, config->cell->node_count);
    op->env.cluster = config->cluster;
    op->env.start_node = start_node;
    op->env.ask_target = ask_target;
    op->env.ctx = op;
    op->env.stop_within_ns = config->cell->target->grace_ns;
    ord_membership_init(&op->members, config->cell, config->nodes_dir,
                        &op->env);
    if (set_up(op, &err) == ORD_OK) {
        loop(op);
        (void)ord_nodes_kill(config->cluster, all_nodes(op), &err);
    } else {
        fail_phase(op, true, err.text);
    }
    ord_ask_reset(&op->ready);
    ord_ask_reset(&op->settled);
    ord_ask_reset(&op->primary);
    ord_ask_reset(&op->leads);
    ord_watch_stop(&op->watch);
    ord_nemesis_engine_free(&op->engine);
    ord_ledger_close(&op->ledger);
    ord_arena_fini(&op->arena);
    free(op);
    return 0;
}
