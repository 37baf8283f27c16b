/* support_store.c -- the simulated store; see support_store.h. */
#include "support_store.h"

#include <criterion/criterion.h>
#include <string.h>

enum { WORKERS_MAX = 5, NONE = -1 };

struct worker {
    int call; /* NONE: idle */
    bool is_done;
    int64_t process;
    int64_t session;
    uint8_t device;
};

struct sim {
    struct store *store;
    struct ord_rng *rng;
    struct ord_history_builder *builder;
    struct worker workers[WORKERS_MAX];
    uint32_t worker_count;
    int log[STORE_KEYS][STORE_LOG_MAX]; /* what happened; -v: v was removed */
    uint32_t log_count[STORE_KEYS];
    int late[STORE_CALLS_MAX]; /* unfinished calls that may yet happen */
    uint32_t late_count;
    int64_t place;
    int64_t next_process;
    int64_t epoch;
    uint8_t leader;
    int fresh;
    int few; /* values to choose from; 0: each is new */
    bool has_cas;
    bool has_remove;
    uint64_t unsure_percent;
};

static bool chance(struct sim *sim, uint64_t percent)
{
    return ord_rng_below(sim->rng, 100) < percent;
}

static struct store_call *call_at(struct sim *sim, int i)
{
    ORD_ASSERT(i >= 0 && (uint32_t)i < sim->store->count);
    return &sim->store->calls[i];
}

static struct ord_value number(int v)
{
    return v == 0 ? ord_value_nil() : ord_value_int(v);
}

/* Adds the invocation or, with its type, the completion to the history. */
static void record(struct sim *sim, const struct store_call *call, uint8_t type)
{
    bool is_bag = sim->store->kind != STORE_REGISTER;
    struct ord_value items[STORE_LOG_MAX];
    struct ord_op op = ord_op_empty();
    struct ord_err err = {0};

    op.time_ns = sim->place++ * 1000000;
    op.process = call->process;
    op.session = call->session;
    op.device = call->device;
    op.key = ord_value_int(call->key);
    op.type = type;
    op.f = call->f;
    op.name = ord_f_name(call->f);
    op.is_final = call->is_final;
    if (type != ORD_OP_INVOKE || call->is_final)
        op.node = call->node;
    if (type == ORD_OP_OK && call->f != ORD_F_READ)
        op.epoch = call->epoch;
    op.value = number(call->value);
    if (call->f == ORD_F_READ && type != ORD_OP_OK)
        op.value = ord_value_nil();
    if (call->f == ORD_F_READ && type == ORD_OP_OK && is_bag) {
        for (uint32_t i = 0; i < call->item_count; i++)
            items[i] = ord_value_int(call->items[i]);
        op.value = ord_value_list(items, call->item_count);
    }
    if (call->f == ORD_F_CAS) {
        items[0] = number(call->from);
        items[1] = number(call->value);
        op.value = ord_value_list(items, 2);
    }
    cr_assert_eq(ord_history_add(sim->builder, &op, &err), ORD_OK, "%s",
                 err.text);
}

/* ---- the store ---------------------------------------------------------- */

static void push(struct sim *sim, const struct store_call *call, int what)
{
    uint32_t at = sim->log_count[call->key];

    ORD_ASSERT(at < STORE_LOG_MAX);
    sim->log[call->key][at] = what;
    sim->log_count[call->key]++;
}

static void take_item(struct store_call *call, enum store_kind kind, int what)
{
    uint32_t count = 0;

    for (uint32_t i = 0; kind == STORE_SET && i < call->item_count; i++) {
        if (call->items[i] == what)
            return;
        if (call->items[i] != -what)
            call->items[count++] = call->items[i];
    }
    if (kind == STORE_SET)
        call->item_count = count;
    if (what > 0)
        call->items[call->item_count++] = what;
}

/* The answer of a replica that has seen that much of the log. */
static void look(struct sim *sim, struct store_call *call, uint32_t position)
{
    const int *log = sim->log[call->key];

    call->item_count = 0;
    call->value = 0;
    for (uint32_t i = 0; i < position; i++) {
        if (sim->store->kind == STORE_REGISTER)
            call->value = log[i];
        else
            take_item(call, sim->store->kind, log[i]);
    }
}

static uint32_t older(struct sim *sim, const struct store_call *call)
{
    uint32_t all = sim->log_count[call->key];
    uint32_t back = (uint32_t)ord_rng_below(sim->rng, 4);

    return all > back ? all - back : 0;
}

/* The moment at which it happens; false: a cas that found another value. */
static bool happen(struct sim *sim, struct store_call *call)
{
    enum store_defect defect = sim->store->defect;
    uint32_t all = sim->log_count[call->key];

    call->epoch = sim->epoch;
    if (call->f == ORD_F_READ) {
        call->node = (uint8_t)(1 + ord_rng_below(sim->rng, STORE_NODES));
        look(sim, call, defect == STORE_STALE ? older(sim, call) : all);
        return true;
    }
    call->node = sim->leader;
    if (defect == STORE_TWO_HEADS && chance(sim, 10))
        call->node = (uint8_t)(1 + ord_rng_below(sim->rng, STORE_NODES));
    if (call->f == ORD_F_CAS &&
        call->from != (all == 0 ? 0 : sim->log[call->key][all - 1]))
        return false;
    if (defect == STORE_FORGETS && chance(sim, 12))
        return true;
    push(sim, call, call->f == ORD_F_REMOVE ? -call->value : call->value);
    if (defect == STORE_REPEATS && chance(sim, 12))
        push(sim, call, call->value);
    return true;
}

/* ---- the clients -------------------------------------------------------- */

static uint8_t draw_f(struct sim *sim)
{
    if (chance(sim, 45))
        return ORD_F_READ;
    if (sim->store->kind == STORE_REGISTER)
        return sim->has_cas && chance(sim, 40) ? ORD_F_CAS : ORD_F_WRITE;
    if (sim->store->kind == STORE_LIST)
        return ORD_F_APPEND;
    return sim->has_remove && sim->fresh > 2 && chance(sim, 15) ? ORD_F_REMOVE
                                                                : ORD_F_ADD;
}

static void invoke(struct sim *sim, struct worker *worker)
{
    struct store_call *call = &sim->store->calls[sim->store->count];
    int known = sim->few > 0 ? sim->few + 1 : sim->fresh;

    *call = (struct store_call){
        .begin = sim->place,
        .end = INT64_MAX,
        .process = worker->process,
        .session = worker->session,
        .device = worker->device,
        .key = (uint8_t)ord_rng_below(sim->rng, STORE_KEYS),
        .f = draw_f(sim),
        .type = ORD_OP_OK,
    };
    if (call->f == ORD_F_CAS)
        call->from = (int)ord_rng_below(sim->rng, (uint64_t)known);
    if (call->f == ORD_F_CAS && sim->log_count[call->key] > 0 &&
        chance(sim, 60))
        call->from = sim->log[call->key][sim->log_count[call->key] - 1];
    if (call->f == ORD_F_REMOVE || (call->f != ORD_F_READ && sim->few > 0) ||
        (sim->store->kind != STORE_REGISTER && sim->fresh > 1 &&
         call->f != ORD_F_READ && chance(sim, 5)))
        call->value = 1 + (int)ord_rng_below(sim->rng, (uint64_t)known - 1);
    else if (call->f != ORD_F_READ)
        call->value = sim->fresh++;
    worker->call = (int)sim->store->count++;
    worker->is_done = false;
    record(sim, call, ORD_OP_INVOKE);
}

static void decide(struct sim *sim, struct worker *worker)
{
    struct store_call *call = call_at(sim, worker->call);

    worker->is_done = true;
    if (chance(sim, 5)) {
        call->type = ORD_OP_FAIL;
        if (sim->store->defect == STORE_LIES && call->f != ORD_F_READ)
            (void)happen(sim, call);
        return;
    }
    if (chance(sim, sim->unsure_percent)) {
        call->type = ORD_OP_INFO;
        if (chance(sim, 40))
            (void)happen(sim, call);
        else if (chance(sim, 50) && call->f != ORD_F_READ)
            sim->late[sim->late_count++] = worker->call;
        return;
    }
    if (!happen(sim, call))
        call->type = ORD_OP_FAIL;
}

static void complete(struct sim *sim, struct worker *worker)
{
    struct store_call *call = call_at(sim, worker->call);

    if (call->type == ORD_OP_OK)
        call->end = sim->place;
    record(sim, call, call->type);
    if (call->type == ORD_OP_INFO)
        worker->process = sim->next_process++;
    worker->call = NONE;
}

static void step(struct sim *sim)
{
    struct worker *worker =
        &sim->workers[ord_rng_below(sim->rng, sim->worker_count)];

    if (chance(sim, 3)) {
        sim->epoch++;
        sim->leader = (uint8_t)(1 + ord_rng_below(sim->rng, STORE_NODES));
    }
    if (sim->late_count > 0 && chance(sim, 10))
        (void)happen(sim, call_at(sim, sim->late[--sim->late_count]));
    if (worker->call == NONE)
        invoke(sim, worker);
    else if (!worker->is_done)
        decide(sim, worker);
    else
        complete(sim, worker);
}

/* ---- the outcome -------------------------------------------------------- */

static void final_read(struct sim *sim, uint32_t round, bool is_last,
                       uint8_t place, uint32_t behind)
{
    struct store_call *call = &sim->store->calls[sim->store->count++];
    bool is_behind = !is_last || (sim->store->defect == STORE_DIVERGES &&
                                  place / STORE_KEYS == behind);

    *call = (struct store_call){
        .begin = sim->place,
        .end = INT64_MAX,
        .process = sim->next_process++,
        .session = NONE,
        .round = round,
        .key = place % STORE_KEYS,
        .node = (uint8_t)(1 + place / STORE_KEYS),
        .f = ORD_F_READ,
        .is_final = true,
        .type = chance(sim, 5) ? ORD_OP_INFO : ORD_OP_OK,
    };
    record(sim, call, ORD_OP_INVOKE);
    look(sim, call, is_behind ? older(sim, call) : sim->log_count[call->key]);
    if (call->type == ORD_OP_OK)
        call->end = sim->place;
    record(sim, call, call->type);
}

/* Replicas catch up before the last round, which may be cut short, but not
 * before it has come to every key: no checker could know of it. */
static void final_reads(struct sim *sim)
{
    uint32_t rounds = 1 + (uint32_t)ord_rng_below(sim->rng, 3);
    uint32_t behind = (uint32_t)ord_rng_below(sim->rng, STORE_NODES);
    uint8_t all = STORE_NODES * STORE_KEYS;

    for (uint32_t round = 1; round <= rounds; round++) {
        uint8_t count = all;

        if (round == rounds && chance(sim, 25))
            count = (uint8_t)ord_rng_range(sim->rng, STORE_KEYS, all);
        for (uint8_t i = 0; i < count; i++)
            final_read(sim, round, round == rounds, i, behind);
    }
}

void store_random(struct store *store, enum store_defect defect,
                  struct ord_rng *rng)
{
    enum { FINALS_MAX = 3 * STORE_NODES * STORE_KEYS };
    struct sim sim = {.store = store, .rng = rng, .leader = 1, .fresh = 1};
    struct ord_err err = {0};
    uint32_t most = 0;
    bool has_sessions = ord_rng_below(rng, 2) == 0;

    store->kind = (enum store_kind)ord_rng_below(rng, STORE_KINDS);
    store->defect = defect;
    store->count = 0;
    cr_assert_eq(ord_history_builder_new(1 << 24, &sim.builder, &err), ORD_OK);
    most = 4 + (uint32_t)ord_rng_below(rng, STORE_CALLS_MAX / 2 - FINALS_MAX);
    if (store->kind == STORE_REGISTER && ord_rng_below(rng, 2) == 0)
        sim.few = 2 + (int)ord_rng_below(rng, 3);
    sim.has_cas = ord_rng_below(rng, 2) == 0;
    sim.has_remove = ord_rng_below(rng, 4) == 0;
    sim.unsure_percent = ord_rng_below(rng, 4) * 8;
    sim.worker_count = 1 + (uint32_t)ord_rng_below(rng, WORKERS_MAX);
    for (uint32_t i = 0; i < sim.worker_count; i++)
        sim.workers[i] = (struct worker){NONE, false, sim.next_process++,
                                         has_sessions ? (int64_t)i / 2 : NONE,
                                         (uint8_t)(i % 2)};
    while (store->count < most)
        step(&sim);
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        struct worker *worker = &sim.workers[i];

        if (worker->call != NONE && !worker->is_done)
            decide(&sim, worker);
        if (worker->call != NONE && chance(&sim, 70))
            complete(&sim, worker);
        else if (worker->call != NONE)
            call_at(&sim, worker->call)->type = ORD_OP_INFO;
    }
    final_reads(&sim);
    cr_assert_eq(ord_history_finish(&sim.builder, false, &store->history, &err),
                 ORD_OK, "%s", err.text);
}

void store_fini(struct store *store)
{
    ord_history_free(&store->history);
}
