#include "ci/stress/engines.h"

#include <stdio.h>
#include <string.h>

#include "checkers/lin.h"

/* The columns of one key, and which call of `brute` each is. */
struct columns {
    uint32_t count;
    uint32_t begin[SMALL_CALLS_MAX];
    uint32_t end[SMALL_CALLS_MAX];
    uint32_t in[SMALL_CALLS_MAX];
    uint32_t out[SMALL_CALLS_MAX];
    uint32_t process[SMALL_CALLS_MAX];
    uint8_t f[SMALL_CALLS_MAX];
    uint8_t type[SMALL_CALLS_MAX];
    uint32_t brute_call[SMALL_CALLS_MAX]; /* SMALL_CALLS_MAX: failed */
};

static uint32_t call_at(const struct brute *brute, uint32_t begin)
{
    for (uint32_t i = 0; i < brute->count; i++) {
        if (brute->calls[i].call->begin == begin)
            return i;
    }
    return SMALL_CALLS_MAX;
}

/* Forgets some of what is known of a call, in both forms. */
static void relax(struct columns *c, uint32_t at, struct brute *brute,
                  uint32_t event_count, struct ord_rng *rng)
{
    uint64_t dice = ord_rng_next(rng);
    struct brute_call *call = &brute->calls[c->brute_call[at]];

    if (dice % 4 == 0) {
        c->begin[at] = 0;
        call->begin = 0;
    }
    if (!call->must)
        return;
    if (dice >> 2 & 1) {
        c->end[at] = event_count;
        call->end = event_count;
    }
    if ((dice >> 3) % 8 == 0) {
        c->end[at] = ORD_CALL_NEVER;
        c->type[at] = ORD_OP_INFO;
        call->end = UINT32_MAX;
        call->must = false;
    }
}

static void exchange(uint32_t *a, uint32_t i)
{
    uint32_t b = a[i];

    a[i] = a[i - 1];
    a[i - 1] = b;
}

static void exchange_bytes(uint8_t *a, uint32_t i)
{
    uint8_t b = a[i];

    a[i] = a[i - 1];
    a[i - 1] = b;
}

/* Begins are to ascend. */
static void sort(struct columns *c)
{
    for (uint32_t i = 1; i < c->count; i++) {
        for (uint32_t j = i; j > 0 && c->begin[j] < c->begin[j - 1]; j--) {
            exchange(c->begin, j);
            exchange(c->end, j);
            exchange(c->in, j);
            exchange(c->out, j);
            exchange(c->process, j);
            exchange_bytes(c->f, j);
            exchange_bytes(c->type, j);
            exchange(c->brute_call, j);
        }
    }
}

static void gather(struct columns *c, const struct ord_calls *calls,
                   uint32_t key, struct brute *brute, struct ord_rng *rng,
                   bool relaxes)
{
    c->count = 0;
    for (uint32_t i = 0; i < calls->count; i++) {
        uint32_t n = c->count;

        if (calls->key != NULL && calls->key[i] != key)
            continue;
        ORD_ASSERT(n < SMALL_CALLS_MAX);
        c->begin[n] = calls->begin[i];
        c->end[n] = calls->end[i];
        c->in[n] = calls->in[i];
        c->out[n] = calls->out[i];
        c->f[n] = calls->f[i];
        c->type[n] = calls->type[i];
        c->process[n] = calls->process[i];
        c->brute_call[n] = call_at(brute, calls->begin[i]);
        if (relaxes && c->brute_call[n] != SMALL_CALLS_MAX)
            relax(c, n, brute, calls->event_count, rng);
        c->count++;
    }
    sort(c);
}

/* ---- answers ----------------------------------------------------------------
 */

static bool is_order(const struct ord_lin *lin, const struct columns *c,
                     const struct brute *brute,
                     const struct small_family *family)
{
    uint32_t order[SMALL_CALLS_MAX];

    if (lin->order_count > SMALL_CALLS_MAX)
        return false;
    for (uint32_t i = 0; i < lin->order_count; i++) {
        if (lin->order[i] >= c->count)
            return false;
        order[i] = c->brute_call[lin->order[i]];
    }
    return brute_accepts(brute, family, order, lin->order_count);
}

/* What it keeps of the calls is contradictory already. */
static bool is_core(const struct ord_lin *lin, const struct columns *c,
                    struct brute *brute, const struct small_family *family)
{
    uint8_t keeps[SMALL_CALLS_MAX] = {0};
    struct brute_call saved[SMALL_CALLS_MAX];
    bool has_order;

    for (uint32_t i = 0; i < lin->core_count; i++) {
        uint32_t at = lin->core[i].call;

        if (at >= c->count)
            return false;
        if (c->brute_call[at] != SMALL_CALLS_MAX)
            keeps[c->brute_call[at]] = lin->core[i].keep;
    }
    memcpy(saved, brute->calls, sizeof saved);
    for (uint32_t i = 0; i < brute->count; i++)
        brute_keep(&brute->calls[i], keeps[i]);
    has_order = brute_has_order(brute, family);
    memcpy(brute->calls, saved, sizeof saved);
    return !has_order;
}

static const char *ask(ord_lin_engine *engine, struct ord_lin lin,
                       const struct columns *c, struct brute *brute,
                       const struct small *small, struct engine_counts *counts)
{
    uint64_t steps = UINT64_C(100000000);
    struct ord_err err = {0};
    bool is_valid = brute_has_order(brute, small->family);

    counts->asked++;
    lin.steps_left = &steps;
    if (engine(&lin, &err) != ORD_OK)
        return "an engine fails";
    if (lin.is_declined) {
        counts->declined++;
        return lin.outcome == ORD_UNKNOWN ? NULL : "it declined and answered";
    }
    if (lin.outcome == ORD_UNKNOWN) {
        counts->unknown++;
        return NULL;
    }
    if (lin.outcome == ORD_VALID) {
        counts->valid++;
        if (!is_valid)
            return "it says valid, brute force finds no order";
        return lin.wants_order && !is_order(&lin, c, brute, small->family)
                   ? "its order is none"
                   : NULL;
    }
    counts->invalid++;
    if (is_valid)
        return "it says invalid, brute force finds an order";
    return lin.core != NULL && !is_core(&lin, c, brute, small->family)
               ? "its core contradicts nothing"
               : NULL;
}

static void describe(struct engines *engines, const struct columns *c,
                     const char *engine)
{
    size_t size = (size_t)snprintf(engines->why, sizeof engines->why,
                                   "engine %s, [begin,end] type:", engine);

    for (uint32_t i = 0; i < c->count && size < sizeof engines->why; i++)
        size += (size_t)snprintf(
            engines->why + size, sizeof engines->why - size, " [%u,%d] %s",
            c->begin[i], (int)c->end[i], ord_op_type_name(c->type[i]));
}

static const char *look_at_key(struct engines *engines, struct judge *judge,
                               const struct small *small, struct brute *brute,
                               const struct columns *c,
                               const struct ord_calls *calls)
{
    const struct ord_model *model = ord_model_find(small->family->model);
    struct ord_lin lin = {
        .count = c->count,
        .event_count = calls->event_count,
        .begin = c->begin,
        .end = c->end,
        .in = c->in,
        .out = c->out,
        .f = c->f,
        .type = c->type,
        .process = c->process,
        .atom_count = calls->atom_count,
        .calls = calls,
        .arena = &judge->arena,
        .wants_order = true,
        .outcome = ORD_UNKNOWN,
        .undecided_to = calls->event_count,
    };
    const char *wrong = NULL;

    if (model->fast != NULL) {
        wrong = ask(model->fast, lin, c, brute, small, &engines->fast);
        if (wrong != NULL)
            describe(engines, c, "fast");
    }
    if (wrong == NULL && model->exact != NULL) {
        wrong = ask(model->exact, lin, c, brute, small, &engines->exact);
        if (wrong != NULL)
            describe(engines, c, "exact");
    }
    return wrong;
}

const char *engines_look(struct engines *engines, struct judge *judge,
                         const struct small *small, struct brute *brute,
                         struct ord_rng *rng)
{
    struct ord_calls calls = {0};
    struct ord_err err = {0};
    struct columns columns;
    const char *wrong = NULL;
    bool relaxes = ord_rng_next(rng) % 2 == 0;

    ord_arena_reset(&judge->arena);
    if (ord_calls_build(judge->history, ORD_CALLS_KEYS | ORD_CALLS_PROCESSES,
                        &judge->arena, &calls, &err) != ORD_OK)
        return "no calls can be made of it";
    for (uint32_t key = 0; key < calls.key_count && wrong == NULL; key++) {
        uint8_t number = calls.keys[key].kind == ORD_INT
                             ? (uint8_t)(calls.keys[key].as.number - 1)
                             : 0;

        brute_take(brute, small, number);
        gather(&columns, &calls, key, brute, rng, relaxes);
        wrong = look_at_key(engines, judge, small, brute, &columns, &calls);
    }
    return wrong;
}
