/* support_brute.c -- see support_brute.h. */
#include "support_brute.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PROCESSES_MAX = 6 };

struct plan { /* one call of the run that is being made up */
    uint32_t call;
    int64_t begin;
    int64_t end;
    int64_t point; /* when it happens; -1: it does not */
};

/* Runs a register: every call happens at its point. */
static void happen(struct brute *brute, const struct plan *plans,
                   int64_t point_max)
{
    uint8_t now = 0;

    for (int64_t point = 0; point <= point_max; point++) {
        for (uint32_t i = 0; i < brute->count; i++) {
            struct brute_call *call = &brute->calls[i];

            if (plans[i].point != point)
                continue;
            if (call->f == ORD_F_READ) {
                call->to = now;
            } else if (call->f == ORD_F_WRITE) {
                now = call->to;
            } else if (call->from == now) {
                now = call->to;
            } else if (call->type == ORD_OP_OK) {
                call->type = ORD_OP_FAIL;
            }
        }
    }
}

static void change_answers(struct brute *brute, struct ord_rng *rng,
                           uint32_t values)
{
    uint64_t changes = 1 + ord_rng_below(rng, 2);

    for (uint64_t i = 0; i < changes; i++) {
        struct brute_call *call =
            &brute->calls[ord_rng_below(rng, brute->count)];

        if (call->f == ORD_F_READ)
            call->to = (uint8_t)ord_rng_below(rng, values + 1);
        else if (call->f == ORD_F_CAS && call->type == ORD_OP_FAIL)
            call->type = ORD_OP_OK;
        else if (call->type == ORD_OP_INFO && ord_rng_below(rng, 2) == 0)
            call->type = ORD_OP_OK;
    }
}

static uint8_t random_f(struct ord_rng *rng, bool has_cas)
{
    uint64_t dice = ord_rng_below(rng, has_cas ? 10 : 7);

    if (dice < 4)
        return ORD_F_READ;
    return dice < 7 ? ORD_F_WRITE : ORD_F_CAS;
}

/* Places of begin and end: each process does one call after the other. */
static int64_t draw_times(struct brute *brute, struct plan *plans,
                          struct ord_rng *rng)
{
    uint64_t processes = 1 + ord_rng_below(rng, PROCESSES_MAX);
    int64_t free_at[PROCESSES_MAX] = {0};
    int64_t last = 0;

    for (uint32_t i = 0; i < brute->count; i++) {
        uint64_t p = ord_rng_below(rng, processes);
        int64_t begin = free_at[p] + (int64_t)ord_rng_below(rng, 4);
        int64_t end = begin + 1 + (int64_t)ord_rng_below(rng, 8);

        plans[i] = (struct plan){i, begin, end, ord_rng_range(rng, begin, end)};
        free_at[p] = end + 1;
        last = end > last ? end : last;
    }
    return last + 4;
}

void brute_random(struct brute *brute, struct ord_rng *rng)
{
    struct plan plans[BRUTE_CALLS_MAX];
    bool is_unique = ord_rng_below(rng, 2) == 0;
    bool has_cas = ord_rng_below(rng, 3) != 0;
    uint64_t info_share = ord_rng_below(rng, 8) * 10;
    uint32_t values = 1 + (uint32_t)ord_rng_below(rng, 4);
    int64_t end_of_time = 0;
    uint8_t fresh = 1;

    memset(brute, 0, sizeof *brute);
    brute->count = 2 + (uint32_t)ord_rng_below(rng, BRUTE_CALLS_MAX - 1);
    end_of_time = draw_times(brute, plans, rng);
    if (is_unique)
        values = brute->count;
    for (uint32_t i = 0; i < brute->count; i++) {
        struct brute_call *call = &brute->calls[i];

        call->f = random_f(rng, has_cas);
        call->to =
            is_unique ? fresh++ : (uint8_t)(1 + ord_rng_below(rng, values));
        call->from = (uint8_t)ord_rng_below(rng, values + 1);
        if (call->f != ORD_F_READ && !is_unique && ord_rng_below(rng, 12) == 0)
            call->to = 0;
        if (ord_rng_below(rng, 100) < info_share) {
            call->type = ORD_OP_INFO;
            /* Now, much later, or never. */
            if (ord_rng_below(rng, 3) == 0)
                plans[i].point = end_of_time + 1;
            else if (ord_rng_below(rng, 2) == 0)
                plans[i].point =
                    ord_rng_range(rng, plans[i].begin, end_of_time);
        } else if (call->f != ORD_F_READ && ord_rng_below(rng, 12) == 0) {
            call->type = ORD_OP_FAIL;
            plans[i].point = end_of_time + 1;
        } else {
            call->type = ORD_OP_OK;
        }
    }
    happen(brute, plans, end_of_time);
    if (ord_rng_below(rng, 2) == 0)
        change_answers(brute, rng, values);
    /* Places: invocations before completions of the same instant. */
    for (uint32_t i = 0; i < brute->count; i++) {
        brute->calls[i].begin = plans[i].begin * 64 + i;
        brute->calls[i].done = plans[i].end * 64 + 32 + i;
        brute->calls[i].end = brute->calls[i].type == ORD_OP_OK
                                  ? plans[i].end * 64 + 32 + i
                                  : INT64_MAX;
    }
}

struct tried {
    uint8_t seen[1 << BRUTE_CALLS_MAX][BRUTE_VALUES_MAX];
};

static bool try_all(const struct brute *brute, uint32_t left, uint8_t now,
                    struct tried *tried)
{
    int64_t first_end = INT64_MAX;
    bool owes = false;

    if (tried->seen[left][now])
        return false;
    tried->seen[left][now] = 1;
    for (uint32_t i = 0; i < brute->count; i++) {
        if ((left >> i & 1) != 0 && brute->calls[i].type == ORD_OP_OK) {
            owes = true;
            if (brute->calls[i].end < first_end)
                first_end = brute->calls[i].end;
        }
    }
    if (!owes)
        return true;
    for (uint32_t i = 0; i < brute->count; i++) {
        const struct brute_call *call = &brute->calls[i];
        uint32_t rest = left & ~(1U << i);

        if (rest == left || call->begin > first_end ||
            (call->f == ORD_F_READ && call->to != now) ||
            (call->f == ORD_F_CAS && call->from != now))
            continue;
        if (try_all(brute, rest, call->to, tried))
            return true;
    }
    return false;
}

bool brute_is_linearizable(const struct brute *brute)
{
    static struct tried tried; /* too large for the stack; one thread */
    uint32_t left = 0;

    for (uint32_t i = 0; i < brute->count; i++) {
        const struct brute_call *call = &brute->calls[i];

        if (call->type == ORD_OP_OK ||
            (call->type == ORD_OP_INFO && call->f != ORD_F_READ))
            left |= 1U << i;
    }
    memset(&tried, 0, sizeof tried.seen[0] << brute->count);
    return try_all(brute, left, 0, &tried);
}

static struct ord_value value_of(uint8_t v)
{
    return v == 0 ? ord_value_nil() : ord_value_int(v);
}

static void add_event(struct ord_history_builder *builder,
                      const struct brute *brute, uint32_t i, bool is_end)
{
    const struct brute_call *call = &brute->calls[i];
    struct ord_value pair[2] = {value_of(call->from), value_of(call->to)};
    struct ord_err err = {0};
    struct ord_op op = {
        .process = i,
        .session = ORD_NONE,
        .epoch = ORD_NONE,
        .position = ORD_NONE,
        .f = call->f,
        .name = ord_f_name(call->f),
        .type = is_end ? call->type : ORD_OP_INVOKE,
        .value = call->f == ORD_F_CAS ? ord_value_list(pair, 2) : pair[1],
    };

    if (call->f == ORD_F_READ && (!is_end || call->type != ORD_OP_OK))
        op.value = ord_value_nil();
    op.time_ns = call->begin * 1000000;
    if (is_end)
        op.time_ns =
            call->end == INT64_MAX ? op.time_ns + 1000000 : call->end * 1000000;
    cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK, "%s", err.text);
}

struct ord_history *brute_history(const struct brute *brute)
{
    struct ord_history_builder *builder = NULL;
    struct ord_history *history = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_builder_new(1 << 24, &builder, &err), ORD_OK);
    for (uint32_t i = 0; i < brute->count; i++) {
        add_event(builder, brute, i, false);
        add_event(builder, brute, i, true);
    }
    cr_assert_eq(ord_history_finish(&builder, true, &history, &err), ORD_OK,
                 "%s", err.text);
    return history;
}

void brute_print(const struct brute *brute, struct ord_buf *out)
{
    for (uint32_t i = 0; i < brute->count; i++) {
        const struct brute_call *call = &brute->calls[i];

        ord_buf_printf(out, "[%lld %lld] %s %s %u->%u\n",
                       (long long)call->begin,
                       call->end == INT64_MAX ? -1LL : (long long)call->end,
                       ord_op_type_name(call->type), ord_f_name(call->f),
                       call->from, call->to);
    }
}
