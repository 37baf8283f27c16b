#include "harness/run/conductor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/cluster.h"
#include "harness/run/agree.h"
#include "harness/run/operator.h"
#include "harness/run/pool.h"
#include "nemesis/disk.h"

enum {
    TAG_ORDERS = ORD_WORKERS_MAX + 1,
    TAG_SWITCH,
    TAG_CONTROL,
    EVENTS_MAX = 64,
    META_SIZE_MAX = 1 << 16,
};

static const int64_t ROUND_PAUSE_NS = 50 * ORD_MS;
static const int64_t OPS_NOTICE_NS = 20 * ORD_MS;
static const int64_t OP_NOTICE_NS = 10 * ORD_MS; /* of one entry */
static const int64_t QUIT_WITHIN_NS = 5 * ORD_S;
/* For what heals take beside the waiting: some kills of 2 s, clients of 10. */
static const int64_t HEAL_WITHIN_NS = 30 * ORD_S;
static const size_t ARENA_SIZE_MAX = (size_t)1 << 30;

struct conductor {
    const struct ord_conductor_config *config;
    const struct ord_cell *cell;
    struct ord_facts *facts;
    struct ord_arena arena;
    struct ord_cluster *cluster;
    struct ord_log *log;
    struct ord_pool *pool;
    struct ord_agree *agree;
    int epoll_fd;
    int orders_fd;
    pid_t operator_pid;
    int64_t ops_told_ns;
    bool counts_ops;      /* some fault waits for a number of operations */
    int64_t *op_quiet_ns; /* by entry: no news of its operation before this;
                             NULL: no fault waits for an operation */
    bool is_ready;        /* the operator's answers */
    bool is_healed;
    bool has_failed; /* a phase came to nothing: go to stop */
    bool is_finishing;
};

static void give_up(struct conductor *c, enum ord_problem_kind kind,
                    const char *text)
{
    if (!c->has_failed)
        ord_facts_problem(c->facts, kind, "%s", text);
    c->has_failed = true;
}

static void fail_infrastructure(struct conductor *c, const struct ord_err *err)
{
    give_up(c, ORD_PROBLEM_INFRASTRUCTURE, err->text);
}

static void order(struct conductor *c, enum ord_order_kind kind, int64_t value)
{
    const struct ord_order message = {.kind = kind, .value = value};

    if (send(c->orders_fd, &message, sizeof message, MSG_NOSIGNAL) < 0)
        give_up(c, ORD_PROBLEM_INFRASTRUCTURE, "the operator process is gone");
}

/* ---- what the nemesis does goes into the history --------------------------
 */

static struct ord_value text_value(const char *text)
{
    return (struct ord_value){.kind = ORD_TEXT,
                              .count = (uint32_t)strlen(text),
                              .as = {.text = text}};
}

static void record_event(struct conductor *c, const char *name, uint32_t node,
                         struct ord_value value, int64_t time_ns)
{
    struct ord_op op = {
        .time_ns = time_ns - c->facts->start_ns,
        .process = ORD_PROCESS_NEMESIS,
        .session = ORD_NONE,
        .epoch = ORD_NONE,
        .position = ORD_NONE,
        .type = ORD_OP_INFO,
        .name = name,
        .node = (uint16_t)node,
        .value = value,
    };
    struct ord_err err = {0};

    if (ord_log_append(c->log, &op, ORD_NONE, ORD_NONE, &err) != ORD_OK)
        fail_infrastructure(c, &err);
}

static void record_nemesis(struct conductor *c, const char *fault,
                           const char *what, const char *stage, uint32_t id,
                           int64_t time_ns)
{
    const struct ord_value items[] = {
        text_value(stage),
        ord_value_int(id),
        text_value(what),
    };

    record_event(c, fault, ORD_NODE_NONE,
                 ord_value_list(items, sizeof items / sizeof *items), time_ns);
}

/* What ord_op_clock() reads (harness/report/opview.h). */
static void record_clock(struct conductor *c, const struct ord_notice *notice)
{
    const struct ord_clock_state *clock = &notice->clock;
    const struct ord_value items[] = {
        text_value("offset"),
        ord_value_int(notice->fault_id),
        ord_value_int(clock->offset.real_ns),
        ord_value_int(clock->offset.mono_ns),
        ord_value_int(clock->rate_ppm),
        ord_value_int(clock->strobe_ns),
        ord_value_int(clock->strobe_period_ns),
    };

    record_event(c, "clock", notice->node,
                 ord_value_list(items, sizeof items / sizeof *items),
                 notice->time_ns);
}

static void take_notice(struct conductor *c, const struct ord_notice *notice)
{
    switch (notice->kind) {
    case ORD_NOTICE_READY:
        c->is_ready = true;
        break;
    case ORD_NOTICE_HEALED:
        c->is_healed = true;
        break;
    case ORD_NOTICE_FAILED:
        give_up(c,
                notice->is_infrastructure ? ORD_PROBLEM_INFRASTRUCTURE
                                          : ORD_PROBLEM_LIVENESS,
                notice->text);
        break;
    case ORD_NOTICE_FAULT_BEGAN:
        c->facts->faults_begun++;
        record_nemesis(c, notice->fault, notice->what, "begin",
                       notice->fault_id, notice->time_ns);
        break;
    case ORD_NOTICE_FAULT_ENDED:
        record_nemesis(c, notice->fault, notice->what, "end", notice->fault_id,
                       notice->time_ns);
        break;
    case ORD_NOTICE_FAULT_FAILED:
        ord_facts_problem(c->facts, ORD_PROBLEM_INFRASTRUCTURE,
                          "fault %u (%s) could not be injected: %s",
                          notice->fault_id, notice->what, notice->text);
        break;
    case ORD_NOTICE_FAULT_NOT_BEGUN:
        break; /* in the ledger, and so in the result */
    case ORD_NOTICE_NODE_FALLEN:
        ord_facts_problem(c->facts, ORD_PROBLEM_NOTE, "%s", notice->text);
        break;
    case ORD_NOTICE_NODE_ENDED:
        ord_facts_problem(c->facts, ORD_PROBLEM_LIVENESS, "%s", notice->text);
        break;
    case ORD_NOTICE_CLOCK:
        record_clock(c, notice);
        break;
    case ORD_NOTICE_HEAL_TROUBLE:
        ord_facts_problem(c->facts,
                          notice->is_infrastructure ? ORD_PROBLEM_INFRASTRUCTURE
                                                    : ORD_PROBLEM_NOTE,
                          "%s", notice->text);
        break;
    case ORD_NOTICE_LOG_FULL:
        ord_facts_problem(c->facts, ORD_PROBLEM_NOTE, "%s", notice->text);
        break;
    }
}

static void read_notices(struct conductor *c)
{
    struct ord_notice notice;
    ssize_t got;

    while ((got = recv(c->orders_fd, &notice, sizeof notice, MSG_DONTWAIT)) ==
           (ssize_t)sizeof notice)
        take_notice(c, &notice);
    if (got == 0)
        give_up(c, ORD_PROBLEM_INFRASTRUCTURE, "the operator process died");
}

/* ---- the loop that all phases share ----------------------------------------
 */

static void take_event(struct conductor *c, uint32_t tag)
{
    char text[512];

    switch (tag) {
    case TAG_ORDERS:
        read_notices(c);
        break;
    case TAG_SWITCH:
        snprintf(text, sizeof text, "the switch died: %s",
                 ord_cluster_switch_error(c->cluster));
        give_up(c, ORD_PROBLEM_INFRASTRUCTURE, text);
        break;
    case TAG_CONTROL:
        c->is_finishing = true;
        c->facts->is_interrupted = true;
        (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, c->config->control_fd,
                        NULL);
        break;
    default:
        ord_pool_event(c->pool, tag);
        break;
    }
}

static void tell_ops(struct conductor *c, int64_t now_ns)
{
    if (!c->counts_ops || now_ns - c->ops_told_ns < OPS_NOTICE_NS)
        return;
    c->ops_told_ns = now_ns;
    order(c, ORD_ORDER_OPS,
          (int64_t)(c->facts->ok + c->facts->fail + c->facts->info));
}

/* One turn: gives out operations, waits at most until until_ns, takes in what
 * came. */
static void turn(struct conductor *c, int64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now_ns = ord_now_ns();
    int64_t wake_ns = ord_pool_pump(c->pool, now_ns);
    struct ord_err err = {0};
    struct timespec wait;
    int count;

    if (wake_ns > until_ns)
        wake_ns = until_ns;
    if (wake_ns < now_ns)
        wake_ns = now_ns;
    wait.tv_sec = (wake_ns - now_ns) / ORD_S;
    wait.tv_nsec = (wake_ns - now_ns) % ORD_S;
    count = epoll_pwait2(c->epoll_fd, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < count; i++)
        take_event(c, events[i].data.u32);
    if (ord_pool_error(c->pool, &err) != ORD_OK)
        fail_infrastructure(c, &err);
}

/* ---- setup
 * ------------------------------------------------------------------- */

static int watch(struct conductor *c, int fd, uint32_t tag, struct ord_err *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = tag}};

    if (epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return ord_fail_errno(err, "epoll");
    return ORD_OK;
}

static bool has_fault(const struct ord_cell *cell, const char *name)
{
    for (uint32_t i = 0; i < cell->entry_count; i++) {
        if (strcmp(cell->entries[i].fault, name) == 0 &&
            !cell->entries[i].is_left_out)
            return true;
    }
    return false;
}

static int open_cluster(struct conductor *c, struct ord_err *err)
{
    char nodes[ORD_PATH_MAX];
    char packets[ORD_PATH_MAX];
    struct ord_cluster_config config = {
        .node_count = c->cell->node_count,
        .seed = c->cell->seed,
        .run_dir = nodes,
        .has_clocks = has_fault(c->cell, "clock"),
    };
    struct ord_disk_wish wish;
    int rc = ord_path_join(nodes, c->config->dir, "nodes", err);

    if (rc == ORD_OK)
        rc = ord_disk_wish(c->cell->entries, c->cell->entry_count, &wish, NULL,
                           err);
    config.has_disks = rc == ORD_OK && wish.has_disks;
    config.disk_model = rc == ORD_OK ? wish.model : ORD_DISK_EXT4;
    config.disk_backend = rc == ORD_OK ? wish.backend : ORD_DISK_BY_FUSE;
    if (rc == ORD_OK)
        rc = ord_path_join(packets, c->config->dir, ORD_PACKETS_FILE, err);
    if (c->cell->is_captured)
        config.capture_path = packets;
    return rc == ORD_OK ? ord_cluster_open(&config, &c->cluster, err) : rc;
}

static void put_member(struct ord_buf *out, const char *name, const char *text)
{
    ord_buf_printf(out, ",\"%s\":", name);
    ord_buf_json(out, ord_bytes_of(text));
}

static int open_log(struct conductor *c, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    struct ord_buf meta;
    int rc = ord_path_join(path, c->config->dir, ORD_HISTORY_FILE, err);

    if (rc != ORD_OK)
        return rc;
    ord_buf_init(&meta, META_SIZE_MAX);
    ord_buf_printf(&meta, "{\"ordeal\":1,\"start_ns\":%lld,\"nodes\":[",
                   (long long)c->facts->start_ns);
    for (uint32_t i = 1; i <= c->cell->node_count; i++)
        ord_buf_printf(&meta, "%s\"n%u\"", i > 1 ? "," : "", i);
    ord_buf_printf(&meta, "],\"seed\":%llu", (unsigned long long)c->cell->seed);
    if (c->cell->start_count < c->cell->node_count)
        ord_buf_printf(&meta, ",\"start_with\":%u", c->cell->start_count);
    put_member(&meta, "campaign", c->cell->campaign);
    put_member(&meta, "cell", c->cell->id);
    put_member(&meta, "target", c->cell->target->name);
    put_member(&meta, "workload", c->cell->workload->name);
    ord_buf_text(&meta, ",\"checks\":[");
    for (uint32_t i = 0; i < c->cell->check_count; i++) {
        const struct ord_cell_check *check = &c->cell->checks[i];

        ord_buf_printf(&meta, "%s{\"name\":\"%s\"", i > 0 ? "," : "",
                       check->checker->name);
        if (check->model != NULL)
            put_member(&meta, "model", check->model);
        for (uint32_t j = 0; j < check->option_count; j++)
            put_member(&meta, check->options[j].name, check->options[j].value);
        ord_buf_char(&meta, '}');
    }
    ord_buf_text(&meta, "]}");
    rc = ord_log_create(path, ord_buf_str(&meta), &c->log, err);
    ord_buf_fini(&meta);
    return rc;
}

static _Noreturn void be_operator(struct conductor *c, int orders_fd)
{
    char nodes[ORD_PATH_MAX];
    char ledger[ORD_PATH_MAX];
    struct ord_err err = {0};
    struct ord_operator_config config = {
        .cell = c->cell,
        .cluster = c->cluster,
        .nodes_dir = nodes,
        .ledger_path = ledger,
        .run_start_ns = c->facts->start_ns,
        .late = &c->facts->faults_late,
        .orders_fd = orders_fd,
    };

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "ordeal-operator");
    if (ord_path_join(nodes, c->config->dir, "nodes", &err) != ORD_OK ||
        ord_path_join(ledger, c->config->dir, ORD_LEDGER_FILE, &err) != ORD_OK)
        _exit(1);
    _exit(ord_operator_run(&config));
}

static int fork_operator(struct conductor *c, struct ord_err *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return ord_fail_errno(err, "socketpair for the operator");
    c->operator_pid = fork();
    if (c->operator_pid < 0) {
        close(pair[0]);
        close(pair[1]);
        return ord_fail_errno(err, "fork the operator");
    }
    if (c->operator_pid == 0) {
        close(pair[0]);
        be_operator(c, pair[1]);
    }
    close(pair[1]);
    c->orders_fd = pair[0];
    return watch(c, c->orders_fd, TAG_ORDERS, err);
}

/* Tells the operator of operations that some fault waits for.  Whether it
 * begins is for the engine to say; it need not hear of each. */
static void tell_op(void *ctx, const struct ord_op *op)
{
    struct conductor *c = ctx;

    for (uint32_t i = 0; c->op_quiet_ns != NULL && i < c->cell->entry_count;
         i++) {
        const struct ord_nemesis_entry *entry = &c->cell->entries[i];
        const struct ord_order came = {
            .kind = ORD_ORDER_EVENT, .value = i, .node = op->node};
        int64_t now_ns;

        if (entry->trigger != ORD_ON_OP || op->is_final ||
            (entry->op_types >> op->type & 1) == 0 ||
            strcmp(entry->on, op->name) != 0)
            continue;
        now_ns = ord_now_ns();
        if (now_ns < c->op_quiet_ns[i])
            continue;
        c->op_quiet_ns[i] =
            entry->cooldown_ns == 0 ? INT64_MAX : now_ns + OP_NOTICE_NS;
        (void)send(c->orders_fd, &came, sizeof came,
                   MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void on_done(void *ctx, const struct ord_op *op)
{
    struct conductor *c = ctx;

    tell_op(c, op);
    if (op->is_final)
        ord_agree_add(c->agree, op);
}

static int open_pool(struct conductor *c, struct ord_err *err)
{
    const struct ord_template in = {
        .target = c->cell->target,
        .count = c->cell->start_count,
        .seed = c->cell->seed,
        .settings = c->cell->settings,
        .setting_count = c->cell->setting_count,
    };
    struct ord_pool_config config = {
        .cell = c->cell,
        .clients_dir =
            ord_arena_printf(&c->arena, "%s/clients", c->config->dir),
        .log = c->log,
        .facts = c->facts,
        .start_ns = c->facts->start_ns,
        .epoll_fd = c->epoll_fd,
        .on_sent = tell_op,
        .on_done = on_done,
        .ctx = c,
    };
    int rc = ord_template_argv(
        &in,
        c->cell->client != NULL ? c->cell->client : c->cell->target->client,
        &c->arena, &config.argv, err);

    return rc == ORD_OK ? ord_pool_open(&config, &c->pool, err) : rc;
}

static int look_for_ops_trigger(struct conductor *c, struct ord_err *err)
{
    struct ord_fault_plan plan = {0};
    int rc = ord_cell_faults(c->cell, &c->arena, &plan, err);

    for (uint32_t i = 0; rc == ORD_OK && i < plan.count; i++) {
        c->counts_ops = c->counts_ops || plan.faults[i].trigger == ORD_ON_OPS;
        if (plan.faults[i].trigger == ORD_ON_OP && c->op_quiet_ns == NULL) {
            c->op_quiet_ns = ord_arena_zalloc(&c->arena, c->cell->entry_count,
                                              sizeof *c->op_quiet_ns);
            if (c->op_quiet_ns == NULL)
                rc = ord_fail(err, ORD_ENOMEM, "faults on operations");
        }
    }
    return rc;
}

static int set_up(struct conductor *c, struct ord_err *err)
{
    int rc = ORD_OK;

    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->agree = ord_agree_new(strcmp(c->cell->workload->name, "list") == 0);
    if (c->epoll_fd < 0 || c->agree == NULL)
        return ord_fail_errno(err, "set up the run");
    c->facts->start_ns = ord_now_ns();
    rc = look_for_ops_trigger(c, err);
    if (rc == ORD_OK)
        rc = open_log(c, err);
    if (rc == ORD_OK)
        rc = open_cluster(c, err);
    if (rc == ORD_OK)
        rc = watch(c, ord_cluster_switch_fd(c->cluster), TAG_SWITCH, err);
    if (rc == ORD_OK && c->config->control_fd >= 0)
        rc = watch(c, c->config->control_fd, TAG_CONTROL, err);
    if (rc == ORD_OK)
        rc = fork_operator(c, err);
    return rc;
}

/* ---- phases
 * --------------------------------------------------------------------- */

static void phase_start(struct conductor *c)
{
    struct ord_err err = {0};

    ord_facts_phase(c->facts, ORD_PHASE_START);
    order(c, ORD_ORDER_START, 0);
    if (open_pool(c, &err) != ORD_OK) {
        fail_infrastructure(c, &err);
        return;
    }
    /* Both sides have deadlines of their own and report when they pass. */
    while (!c->has_failed && !(c->is_ready && ord_pool_is_ready(c->pool)))
        turn(c, ord_now_ns() + ORD_S);
}

static void phase_main(struct conductor *c)
{
    struct ord_workload workload;
    struct ord_err err = {0};
    int64_t begin_ns;
    int64_t end_ns;

    if (ord_cell_workload(c->cell, &c->arena, NULL, &workload, &err) !=
        ORD_OK) {
        fail_infrastructure(c, &err);
        return;
    }
    ord_facts_phase(c->facts, ORD_PHASE_MAIN);
    begin_ns = c->facts->begin_ns[ORD_PHASE_MAIN];
    end_ns = begin_ns + c->cell->time_ns;
    order(c, ORD_ORDER_BEGIN, begin_ns);
    ord_pool_phase(c->pool, workload.main, begin_ns, end_ns);
    while (!c->has_failed && !c->is_finishing && ord_now_ns() < end_ns &&
           !ord_pool_is_done(c->pool, ord_now_ns())) {
        turn(c, end_ns);
        tell_ops(c, ord_now_ns());
    }
    ord_pool_phase(c->pool, NULL, begin_ns, end_ns);
}

static void phase_heal(struct conductor *c)
{
    int64_t within_ns =
        2 * c->cell->settle_ns + c->cell->timeout_ns + HEAL_WITHIN_NS;
    int64_t give_up_ns;
    char text[160];

    ord_facts_phase(c->facts, ORD_PHASE_HEAL);
    give_up_ns = c->facts->begin_ns[ORD_PHASE_HEAL] + within_ns;
    order(c, ORD_ORDER_HEAL, 0);
    while (!c->has_failed && !(c->is_healed && ord_pool_is_idle(c->pool) &&
                               ord_pool_is_ready(c->pool))) {
        turn(c, ord_now_ns() + ORD_S);
        if (ord_now_ns() < give_up_ns)
            continue;
        snprintf(text, sizeof text, "%s still not done %.0f s after its begin",
                 c->is_healed ? "the clients' last operations are"
                              : "the final heal is",
                 (double)within_ns / 1e9);
        give_up(c, ORD_PROBLEM_INFRASTRUCTURE, text);
    }
    if (!c->has_failed)
        record_nemesis(c, "heal", "everything is healed and ready", "end", 0,
                       ord_now_ns());
}

/* One round of final reads; false when there is nothing to read. */
static bool final_round(struct conductor *c, int64_t give_up_ns)
{
    struct ord_arena arena;
    struct ord_workload workload;
    struct ord_err err = {0};
    bool has_reads;

    ord_arena_init(&arena, ARENA_SIZE_MAX);
    if (ord_cell_workload(c->cell, &arena, ord_pool_begun(c->pool), &workload,
                          &err) != ORD_OK)
        fail_infrastructure(c, &err);
    has_reads = !c->has_failed && workload.final != NULL;
    if (has_reads) {
        ord_agree_clear(c->agree);
        c->facts->final_rounds++;
        ord_pool_phase(c->pool, workload.final, ord_now_ns(), give_up_ns);
        while (!c->has_failed && !ord_pool_is_done(c->pool, ord_now_ns()))
            turn(c, ord_now_ns() + 100 * ORD_MS);
        ord_pool_phase(c->pool, NULL, 0, 0);
    }
    ord_arena_fini(&arena);
    return has_reads;
}

static void phase_final(struct conductor *c)
{
    int64_t deadline_ns;

    ord_facts_phase(c->facts, ORD_PHASE_FINAL);
    deadline_ns = ord_now_ns() + c->cell->settle_ns;
    for (;;) {
        int64_t pause_ns = ord_now_ns() + ROUND_PAUSE_NS;

        /* A round that began in time may take its time. */
        if (!final_round(c, deadline_ns + c->cell->settle_ns))
            return;
        c->facts->is_agreed = ord_agree_is_reached(c->agree);
        c->facts->finals = ord_agree_read_count(c->agree);
        c->facts->finals_failed = ord_agree_failed_count(c->agree);
        if (c->has_failed || c->facts->is_agreed || ord_now_ns() >= deadline_ns)
            return;
        while (!c->has_failed && ord_now_ns() < pause_ns)
            turn(c, pause_ns);
    }
}

static void reap_operator(struct conductor *c)
{
    int64_t deadline_ns = ord_now_ns() + QUIT_WITHIN_NS;
    const struct timespec nap = {.tv_nsec = ORD_MS};

    if (c->operator_pid <= 0)
        return;
    while (waitpid(c->operator_pid, NULL, WNOHANG) == 0) {
        if (ord_now_ns() > deadline_ns)
            (void)kill(c->operator_pid, SIGKILL);
        if (ord_now_ns() > deadline_ns + QUIT_WITHIN_NS)
            break; /* not even that: it goes with the sandbox */
        (void)nanosleep(&nap, NULL);
    }
}

static void phase_stop(struct conductor *c)
{
    struct ord_err err = {0};

    ord_facts_phase(c->facts, ORD_PHASE_STOP);
    if (c->orders_fd >= 0) {
        const struct ord_order quit = {.kind = ORD_ORDER_QUIT};
        (void)send(c->orders_fd, &quit, sizeof quit, MSG_NOSIGNAL);
    }
    ord_pool_close(&c->pool);
    reap_operator(c);
    if (c->log != NULL && ord_log_close(&c->log, &err) != ORD_OK)
        fail_infrastructure(c, &err);
    ord_cluster_close(&c->cluster);
    ord_agree_free(&c->agree);
    if (c->orders_fd >= 0)
        close(c->orders_fd);
    if (c->epoll_fd >= 0)
        close(c->epoll_fd);
}

int ord_conductor_run(void *arg)
{
    const struct ord_conductor_config *config = arg;
    struct conductor c = {
        .config = config,
        .cell = config->cell,
        .facts = config->facts,
        .epoll_fd = -1,
        .orders_fd = -1,
    };
    struct ord_err err = {0};

    (void)setsid(); /* the terminal's Ctrl-C is for `ordeal run` alone */
    ord_arena_init(&c.arena, ARENA_SIZE_MAX);
    if (set_up(&c, &err) != ORD_OK)
        fail_infrastructure(&c, &err);
    if (!c.has_failed)
        phase_start(&c);
    if (!c.has_failed)
        phase_main(&c);
    if (!c.has_failed)
        phase_heal(&c);
    if (!c.has_failed)
        phase_final(&c);
    phase_stop(&c);
    ord_arena_fini(&c.arena);
    return c.has_failed ? 1 : 0;
}
