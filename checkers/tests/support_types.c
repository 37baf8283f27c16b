/* support_types.c -- see support_types.h. */
#include "support_types.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS_MAX = 4, ARENA_MAX = 16 << 20, NONE = -1, ACCOUNTS = 3 };

struct worker {
    int call; /* NONE: idle */
    int64_t process;
};

struct sim {
    struct types *types;
    enum types_kind kind;
    struct ord_rng *rng;
    struct ord_history_builder *builder;
    struct worker workers[WORKERS_MAX];
    int worker_count;
    int64_t next_process;
    int place;
    int held[TYPES_KEYS][TYPES_VALUES]; /* how often; balances of a bank */
    int sum[TYPES_KEYS];
    int next_id;
    uint64_t error_percent;
    uint64_t key_count;
    bool has_remove;
};

static bool chance(struct sim *sim, uint64_t percent)
{
    return ord_rng_below(sim->rng, 100) < percent;
}

static int draw(struct sim *sim)
{
    return 1 + (int)ord_rng_below(sim->rng, TYPES_VALUES - 1);
}

static void record(struct sim *sim, const struct worker *worker,
                   const struct types_call *call, uint8_t type)
{
    struct ord_value items[TYPES_ITEMS_MAX];
    struct ord_value pairs[TYPES_ITEMS_MAX][2];
    struct ord_op op = ord_op_empty();
    struct ord_err err = {0};

    op.time_ns = (int64_t)sim->place * 1000000;
    op.process = worker->process;
    op.f = call->f;
    op.name = ord_f_name(call->f);
    op.type = type;
    if (sim->key_count > 1)
        op.key = ord_value_int(call->key);
    if (call->in != 0)
        op.value = ord_value_int(call->in);
    for (int i = 0; i < call->count; i++) {
        items[i] = ord_value_int(call->items[i]);
        if (sim->kind == TYPES_BANK) {
            pairs[i][0] = ord_value_int(i);
            pairs[i][1] = items[i];
            items[i] = ord_value_list(pairs[i], 2);
        }
    }
    if (type == ORD_OP_OK && call->is_list)
        op.value = ord_value_list(items, (uint32_t)call->count);
    else if (type == ORD_OP_OK && call->in == 0 && !call->is_nil)
        op.value = ord_value_int(call->out);
    cr_assert_eq(ord_history_add(sim->builder, &op, &err), ORD_OK, "%s",
                 err.text);
    sim->place++;
}

static uint8_t draw_f(struct sim *sim)
{
    switch (sim->kind) {
    case TYPES_SET:
        if (sim->has_remove && chance(sim, 10))
            return ORD_F_REMOVE;
        return chance(sim, 50) ? ORD_F_READ : ORD_F_ADD;
    case TYPES_QUEUE:
        return chance(sim, 10)   ? ORD_F_DRAIN
               : chance(sim, 50) ? ORD_F_ENQUEUE
                                 : ORD_F_DEQUEUE;
    case TYPES_COUNTER:
        return chance(sim, 50) ? ORD_F_READ : ORD_F_ADD;
    case TYPES_IDS:
        return ORD_F_GENERATE;
    default:
        return chance(sim, 60) ? ORD_F_READ : ORD_F_TRANSFER;
    }
}

/* It happens, if it is of the kind that changes something. */
static void happen(struct sim *sim, const struct types_call *call)
{
    int *held = sim->held[call->key];

    if (call->f == ORD_F_ADD && sim->kind == TYPES_COUNTER)
        sim->sum[call->key] += call->in;
    else if (call->f == ORD_F_ADD)
        held[call->in] = 1;
    else if (call->f == ORD_F_REMOVE)
        held[call->in] = 0;
    else if (call->f == ORD_F_ENQUEUE)
        held[call->in]++;
    else if (call->f == ORD_F_TRANSFER) {
        held[call->in % ACCOUNTS]--;
        held[(call->in + 1) % ACCOUNTS]++;
    }
}

static void bring_items(struct sim *sim, struct types_call *call)
{
    int *held = sim->held[call->key];

    call->is_list = true;
    for (int v = 1; v < TYPES_VALUES; v++) {
        for (int i = 0; i < held[v] && call->count < TYPES_ITEMS_MAX - 2; i++) {
            if (!chance(sim, sim->error_percent))
                call->items[call->count++] = v;
        }
        if (call->f == ORD_F_DRAIN)
            held[v] = 0;
    }
    if (chance(sim, sim->error_percent))
        call->items[call->count++] = draw(sim);
}

static void take(struct sim *sim, struct types_call *call)
{
    int *held = sim->held[call->key];
    int v = draw(sim);

    call->is_nil = true;
    for (int i = 0; i < TYPES_VALUES && held[v] == 0; i++)
        v = v % (TYPES_VALUES - 1) + 1;
    if (held[v] == 0 && !chance(sim, sim->error_percent))
        return;
    call->is_nil = false;
    call->out = chance(sim, sim->error_percent) ? draw(sim) : v;
    if (held[v] > 0 && !chance(sim, sim->error_percent))
        held[v]--;
}

static void bring(struct sim *sim, struct types_call *call)
{
    if (call->f == ORD_F_DEQUEUE) {
        take(sim, call);
    } else if (call->f == ORD_F_GENERATE) {
        call->out = ++sim->next_id;
        if (chance(sim, sim->error_percent))
            call->out = 1 + (int)ord_rng_below(sim->rng, 9);
    } else if (sim->kind == TYPES_BANK && call->f == ORD_F_READ) {
        call->is_list = true;
        call->count =
            chance(sim, sim->error_percent / 4) ? ACCOUNTS + 1 : ACCOUNTS;
        for (int i = 0; i < call->count; i++)
            call->items[i] = i < ACCOUNTS ? sim->held[call->key][i] : 0;
        if (chance(sim, sim->error_percent))
            call->items[ord_rng_below(sim->rng, ACCOUNTS)]++;
    } else if (sim->kind == TYPES_COUNTER && call->f == ORD_F_READ) {
        call->out = sim->sum[call->key];
        if (chance(sim, sim->error_percent))
            call->out += (int)ord_rng_range(sim->rng, -3, 3);
    } else if (call->f == ORD_F_READ || call->f == ORD_F_DRAIN) {
        bring_items(sim, call);
    }
}

static void invoke(struct sim *sim, struct worker *worker)
{
    struct types_call *call = &sim->types->calls[sim->types->count];

    *call = (struct types_call){
        .begin = sim->place,
        .end = TYPES_NEVER,
        .f = draw_f(sim),
        .type = ORD_OP_INFO,
        .key = (int)ord_rng_below(sim->rng, sim->key_count),
    };
    if (call->f != ORD_F_READ && call->f != ORD_F_DEQUEUE &&
        call->f != ORD_F_DRAIN && call->f != ORD_F_GENERATE)
        call->in = draw(sim);
    if (sim->kind == TYPES_COUNTER && call->in > 4)
        call->in = 4 - call->in; /* negative, and never 0 */
    worker->call = sim->types->count++;
    record(sim, worker, call, ORD_OP_INVOKE);
    if ((sim->kind == TYPES_SET || sim->kind == TYPES_BANK) && call->in != 0 &&
        chance(sim, 30))
        happen(sim, call); /* already, and once more when it ends */
}

static void complete(struct sim *sim, struct worker *worker)
{
    struct types_call *call = &sim->types->calls[worker->call];

    if (chance(sim, 12)) {
        call->type = ORD_OP_INFO;
        if (chance(sim, 50))
            happen(sim, call);
    } else if (chance(sim, 12)) {
        call->type = ORD_OP_FAIL;
    } else {
        call->type = ORD_OP_OK;
        call->end = sim->place;
        if (sim->kind != TYPES_BANK || call->f == ORD_F_TRANSFER ||
            call->f == ORD_F_READ)
            happen(sim, call);
        bring(sim, call);
    }
    record(sim, worker, call, call->type);
    if (call->type == ORD_OP_INFO)
        worker->process = sim->next_process++;
    worker->call = NONE;
}

void types_random(struct types *types, enum types_kind kind,
                  struct ord_rng *rng)
{
    struct sim sim = {.types = types, .kind = kind, .rng = rng};
    struct ord_err err = {0};
    int most = 3 + (int)ord_rng_below(rng, TYPES_CALLS_MAX - 4);

    types->count = 0;
    ord_arena_init(&types->arena, ARENA_MAX);
    cr_assert_eq(ord_history_builder_new(1 << 24, &sim.builder, &err), ORD_OK);
    sim.key_count = 1 + ord_rng_below(rng, TYPES_KEYS);
    sim.error_percent = ord_rng_below(rng, 3) * 5;
    sim.has_remove = chance(&sim, 30);
    sim.worker_count = 1 + (int)ord_rng_below(rng, WORKERS_MAX);
    for (int i = 0; i < sim.worker_count; i++)
        sim.workers[i] = (struct worker){NONE, sim.next_process++};
    for (int k = 0; kind == TYPES_BANK && k < TYPES_KEYS; k++)
        sim.held[k][0] = sim.held[k][1] = sim.held[k][2] = 4;
    while (types->count < most) {
        struct worker *worker =
            &sim.workers[ord_rng_below(rng, (uint64_t)sim.worker_count)];

        if (worker->call == NONE)
            invoke(&sim, worker);
        else
            complete(&sim, worker);
    }
    for (int i = 0; i < sim.worker_count; i++) {
        if (sim.workers[i].call != NONE && chance(&sim, 80))
            complete(&sim, &sim.workers[i]);
    }
    cr_assert_eq(ord_history_finish(&sim.builder, false, &types->history, &err),
                 ORD_OK, "%s", err.text);
}

void types_fini(struct types *types)
{
    ord_history_free(&types->history);
    ord_arena_fini(&types->arena);
}

void types_check(struct types *types, const struct ord_checker *checker,
                 const struct ord_option *option)
{
    struct ord_check_in in = {.history = types->history,
                              .arena = &types->arena,
                              .options = option,
                              .option_count = option != NULL};

    ord_arena_reset(&types->arena);
    ord_check_run(checker, &in, &types->verdict);
}

double types_stat(const struct types *types, const char *name)
{
    for (uint32_t i = 0; i < types->verdict.stat_count; i++) {
        if (strcmp(types->verdict.stats[i].name, name) == 0)
            return types->verdict.stats[i].value;
    }
    return -1;
}

void types_explain(const struct types *types, const char *what, uint64_t seed)
{
    struct ord_buf buf;

    ord_buf_init(&buf, 1 << 20);
    ORD_OPS (types->history, op) {
        ord_op_print(op, &buf);
        ord_buf_char(&buf, '\n');
    }
    cr_assert_fail("seed %llu: %s; the checker says %s: %s\n%s",
                   (unsigned long long)seed, what,
                   ord_outcome_name(types->verdict.outcome), types->verdict.why,
                   ord_buf_str(&buf));
}

static uint64_t setting(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text == NULL ? preset : strtoull(text, NULL, 10);
}

uint64_t types_count(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return setting("ORD_TYPES_COUNT", 2000);
#else
    return setting("ORD_TYPES_COUNT", 20000);
#endif
}

uint64_t types_seed(void)
{
    return setting("ORD_TYPES_SEED", 1);
}
