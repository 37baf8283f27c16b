/* support_weak.c -- the replicas and the clients; see support_weak.h. */
#include "support_weak.h"

#include <criterion/criterion.h>
#include <string.h>

enum { REPLICAS = 3, WORKERS_MAX = 4, LOG_MAX = WEAK_CALLS_MAX, IDLE = -1 };

struct put { /* a write as it travels */
    uint8_t key, value, stamp;
    uint16_t needs; /* puts that must be there first */
};

struct worker {
    int call;
    bool is_done;
    int32_t process, session;
    int replica;
};

struct sim {
    struct weak *weak;
    struct ord_rng *rng;
    struct worker workers[WORKERS_MAX];
    uint32_t worker_count;
    struct put log[LOG_MAX];
    int log_count;
    uint16_t has[REPLICAS]; /* puts delivered */
    uint8_t value[REPLICAS][WEAK_KEYS_MAX];
    uint8_t stamp[REPLICAS][WEAK_KEYS_MAX];
    int32_t place, next_process;
    uint8_t next_value, clock;
    uint32_t keys;
    int few;
    bool has_cas, moves;
    uint64_t unsure;
};

static uint32_t below(struct sim *sim, uint32_t n)
{
    return (uint32_t)ord_rng_below(sim->rng, n);
}

static bool chance(struct sim *sim, uint64_t percent)
{
    return ord_rng_below(sim->rng, 100) < percent;
}

/* ---- replicas ------------------------------------------------------------ */

static void deliver(struct sim *sim, int r, int i)
{
    const struct put *put = &sim->log[i];
    bool is_newest = true;

    if ((sim->has[r] >> i & 1) != 0)
        return;
    sim->has[r] |= (uint16_t)(1 << i);
    if (sim->weak->store == WEAK_CONVERGING)
        is_newest = put->stamp > sim->stamp[r][put->key];
    if (!is_newest)
        return;
    sim->value[r][put->key] = put->value;
    sim->stamp[r][put->key] = put->stamp;
}

static void deliver_some(struct sim *sim)
{
    int r = (int)below(sim, REPLICAS);

    for (int i = 0; i < sim->log_count; i++) {
        bool may = true;

        if (sim->weak->store == WEAK_CONVERGING ||
            sim->weak->store == WEAK_MEMORY)
            may = (sim->log[i].needs & ~sim->has[r]) == 0;
        if (sim->weak->store == WEAK_LAGGING)
            may = i == 0 || (sim->has[r] >> (i - 1) & 1) != 0;
        if (may && chance(sim, 40))
            deliver(sim, r, i);
    }
}

static void put(struct sim *sim, int r, uint8_t key, uint8_t value)
{
    int i = sim->log_count;

    if (i == LOG_MAX)
        return;
    if (sim->weak->store == WEAK_LAGGING || sim->weak->store == WEAK_ONE_COPY)
        r = 0; /* the leader */
    sim->log[i] =
        (struct put){key, value, (uint8_t)(++sim->clock), sim->has[r]};
    sim->log_count++;
    deliver(sim, r, i);
}

/* ---- clients ------------------------------------------------------------- */

static uint8_t any_value(struct sim *sim, uint8_t key)
{
    uint8_t found[WEAK_CALLS_MAX + 1] = {0};
    uint32_t count = 1;

    for (int i = 0; i < sim->weak->count; i++) {
        const struct weak_call *call = &sim->weak->calls[i];

        if (call->key == key && call->f != ORD_F_READ)
            found[count++] = call->value;
    }
    return found[below(sim, count)];
}

static void invoke(struct sim *sim, struct worker *worker)
{
    struct weak_call *call = &sim->weak->calls[sim->weak->count];

    *call = (struct weak_call){
        .begin = sim->place++,
        .end = INT32_MAX,
        .process = worker->process,
        .session = worker->session,
        .key = (uint8_t)below(sim, sim->keys),
        .f = chance(sim, 50) ? ORD_F_READ : ORD_F_WRITE,
        .type = ORD_OP_INFO,
    };
    if (call->f == ORD_F_WRITE && sim->has_cas && chance(sim, 40))
        call->f = ORD_F_CAS;
    if (call->f != ORD_F_READ)
        call->value = sim->few > 0
                          ? (uint8_t)(1 + below(sim, (uint32_t)sim->few))
                          : sim->next_value++;
    if (call->f == ORD_F_CAS)
        call->expected = chance(sim, 70)
                             ? sim->value[worker->replica][call->key]
                             : any_value(sim, call->key);
    worker->call = sim->weak->count++;
    worker->is_done = false;
}

static void happen(struct sim *sim, struct worker *worker)
{
    struct weak_call *call = &sim->weak->calls[worker->call];
    enum weak_store store = sim->weak->store;
    int r = store == WEAK_ONE_COPY ? 0 : worker->replica;

    worker->is_done = true;
    if (sim->moves && store >= WEAK_LAGGING)
        r = worker->replica = (int)below(sim, REPLICAS);
    if (chance(sim, sim->unsure)) {
        if (chance(sim, 50) && call->f == ORD_F_WRITE)
            put(sim, r, call->key, call->value);
        return;
    }
    call->type = ORD_OP_OK;
    if (call->f == ORD_F_READ) {
        call->value = sim->value[r][call->key];
        if (store == WEAK_RANDOM)
            call->value = any_value(sim, call->key);
        return;
    }
    if (call->f == ORD_F_CAS && call->expected != sim->value[r][call->key] &&
        (store != WEAK_RANDOM || chance(sim, 50))) {
        call->type = ORD_OP_FAIL;
        return;
    }
    if (chance(sim, 4)) { /* it failed; a broken store may do it all the same */
        call->type = ORD_OP_FAIL;
        if (store != WEAK_RANDOM)
            return;
    }
    put(sim, r, call->key, call->value);
}

static void complete(struct sim *sim, struct worker *worker)
{
    struct weak_call *call = &sim->weak->calls[worker->call];

    if (call->type == ORD_OP_INFO) {
        worker->process = sim->next_process++;
        if (!sim->weak->has_sessions)
            worker->session = worker->process;
    } else {
        call->end = sim->place++;
    }
    worker->call = IDLE;
}

static void step(struct sim *sim, bool may_invoke)
{
    struct worker *worker = &sim->workers[below(sim, sim->worker_count)];

    deliver_some(sim);
    if (worker->call == IDLE && may_invoke)
        invoke(sim, worker);
    else if (worker->call != IDLE && !worker->is_done)
        happen(sim, worker);
    else if (worker->call != IDLE)
        complete(sim, worker);
}

/* ---- what was seen ------------------------------------------------------- */

/* Which write a read part saw that ended before the bound. */
static int from_of(const struct weak *w, int call, int32_t bound)
{
    const struct weak_call *c = &w->calls[call];
    uint8_t value = c->f == ORD_F_CAS ? c->expected : c->value;
    int found = WEAK_NOBODY;

    if (value == 0)
        found = WEAK_NIL;
    for (int i = 0; i < w->count; i++) {
        const struct weak_call *o = &w->calls[i];

        if (i == call || o->f == ORD_F_READ || o->type == ORD_OP_FAIL ||
            o->key != c->key || o->value != value || o->begin >= bound)
            continue;
        if (found != WEAK_NOBODY)
            return WEAK_SEVERAL;
        found = i;
    }
    return found;
}

static int deed_of(const struct weak *w, int call, bool is_read)
{
    for (int i = 0; i < w->deed_count; i++) {
        if (w->deeds[i].call == call && w->deeds[i].is_read == is_read)
            return i;
    }
    return WEAK_NOBODY;
}

static void find_deeds(struct weak *w)
{
    bool is_certain[WEAK_CALLS_MAX] = {false};
    int from[WEAK_CALLS_MAX];
    int32_t bound[WEAK_CALLS_MAX];

    for (int i = 0; i < w->count; i++) {
        is_certain[i] = w->calls[i].type == ORD_OP_OK;
        bound[i] = w->calls[i].end;
    }
    /* Again and again, until no more unfinished write is known to be seen. */
    for (int round = 0; round < w->count; round++) {
        for (int i = 0; i < w->count; i++) {
            if (!is_certain[i] || w->calls[i].f == ORD_F_WRITE)
                continue;
            from[i] = from_of(w, i, bound[i]);
            if (from[i] < 0)
                continue;
            if (!is_certain[from[i]])
                bound[from[i]] = bound[i];
            is_certain[from[i]] = true;
        }
    }
    for (int i = 0; i < w->count; i++) {
        if (!is_certain[i])
            continue;
        if (w->calls[i].f != ORD_F_WRITE)
            w->deeds[w->deed_count++] = (struct weak_deed){i, true, from[i]};
        if (w->calls[i].f != ORD_F_READ)
            w->deeds[w->deed_count++] = (struct weak_deed){i, false, 0};
    }
    for (int i = 0; i < w->deed_count; i++) {
        struct weak_deed *d = &w->deeds[i];

        if (d->is_read && d->from >= 0)
            d->from = deed_of(w, d->from, false);
        if (d->is_read && d->from == WEAK_SEVERAL)
            w->is_open = true;
    }
}

void weak_close(bool m[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX], int count)
{
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < count; i++) {
            for (int j = 0; m[i][k] && j < count; j++)
                m[i][j] = m[i][j] || m[k][j];
        }
    }
}

static void find_orders(struct weak *w)
{
    for (int i = 0; i < w->deed_count; i++) {
        const struct weak_call *a = &w->calls[w->deeds[i].call];

        for (int j = 0; j < w->deed_count; j++) {
            const struct weak_call *b = &w->calls[w->deeds[j].call];

            w->so[i][j] = a->session == b->session &&
                          (a->end < b->begin || (a == b && i < j));
            w->co[i][j] =
                w->so[i][j] || (w->deeds[j].is_read && w->deeds[j].from == i);
        }
    }
    weak_close(w->co, w->deed_count);
}

void weak_random(struct weak *w, enum weak_store store, struct ord_rng *rng)
{
    struct sim sim = {.weak = w, .rng = rng, .next_value = 1};
    int most = 0;

    *w = (struct weak){.store = store,
                       .has_sessions = ord_rng_below(rng, 3) == 0};
    most = 2 + (int)below(&sim, WEAK_CALLS_MAX - 1);
    sim.keys = 1 + below(&sim, WEAK_KEYS_MAX);
    sim.worker_count = 1 + below(&sim, WORKERS_MAX);
    sim.has_cas = chance(&sim, 40);
    sim.moves = chance(&sim, 60);
    sim.unsure = chance(&sim, 50) ? 15 : 0;
    sim.few = chance(&sim, 15) ? 3 : 0;
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        int32_t process = sim.next_process++;

        sim.workers[i] = (struct worker){
            IDLE, false, process, w->has_sessions ? (int32_t)i / 2 : process,
            (int)below(&sim, REPLICAS)};
        if (w->has_sessions && i % 2 == 1 && store < WEAK_LAGGING)
            sim.workers[i].replica = sim.workers[i - 1].replica;
    }
    while (w->count < most)
        step(&sim, true);
    for (int i = 0; i < 20; i++)
        step(&sim, false);
    for (uint32_t i = 0; i < sim.worker_count; i++) {
        if (sim.workers[i].call != IDLE) /* the end of the record */
            w->calls[sim.workers[i].call].type = ORD_OP_INFO;
    }
    find_deeds(w);
    find_orders(w);
}

/* ---- as a history -------------------------------------------------------- */

static struct ord_value number(uint8_t v)
{
    return v == 0 ? ord_value_nil() : ord_value_int(v);
}

static void record(struct ord_history_builder *builder, const struct weak *w,
                   const struct weak_call *call, uint8_t type, int32_t place)
{
    struct ord_value pair[2] = {number(call->expected), number(call->value)};
    struct ord_op op = ord_op_empty();
    struct ord_err err = {0};

    op.time_ns = place * INT64_C(1000000);
    op.process = call->process;
    if (w->has_sessions)
        op.session = call->session;
    op.key = ord_value_int(call->key);
    op.type = type;
    op.f = call->f;
    op.name = ord_f_name(call->f);
    op.value = number(call->value);
    if (call->f == ORD_F_READ && type != ORD_OP_OK)
        op.value = ord_value_nil();
    if (call->f == ORD_F_CAS)
        op.value = ord_value_list(pair, 2);
    cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK, "%s", err.text);
}

struct ord_history *weak_history(const struct weak *w)
{
    struct ord_history_builder *builder = NULL;
    struct ord_history *history = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_builder_new(1 << 24, &builder, &err), ORD_OK);
    for (int32_t place = 0; place < 2 * WEAK_CALLS_MAX; place++) {
        for (int i = 0; i < w->count; i++) {
            if (w->calls[i].begin == place)
                record(builder, w, &w->calls[i], ORD_OP_INVOKE, place);
            if (w->calls[i].end == place)
                record(builder, w, &w->calls[i], w->calls[i].type, place);
        }
    }
    cr_assert_eq(ord_history_finish(&builder, false, &history, &err), ORD_OK,
                 "%s", err.text);
    return history;
}
