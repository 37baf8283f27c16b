/* model_counter.c -- add a number, read the sum.
 *
 * State of the exact search: the sum in a (low) and b (high).  With adds of
 * any size this is a subset sum, so hard; few adds are open at once.  Where
 * some of the adds together are beyond 63 bits the answer is unknown.  If the
 * sum may be any at first, it is what was added since until a read says more;
 * then the root is no longer 0.
 */
#include <stdio.h>

#include "checkers/exact.h"
#include "checkers/models.h"

static uint32_t counter_key_max(const struct ord_exact *exact)
{
    (void)exact;
    return 1;
}

static int counter_init(struct ord_exact *exact, struct ord_state *start,
                        struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    int64_t *number =
        ord_arena_zalloc(lin->arena, (size_t)lin->count + 1, sizeof *number);

    *start = (struct ord_state){0};
    if (number == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u numbers",
                        lin->count);
    exact->own = number;
    for (uint32_t i = 0; i < lin->count; i++) {
        bool is_add = lin->f[i] == ORD_F_ADD;
        struct ord_value v =
            ord_lin_value(lin, is_add ? lin->in[i] : lin->out[i]);

        if (v.kind == ORD_INT)
            number[i] = v.as.number;
        else if (is_add && lin->type[i] != ORD_OP_FAIL)
            return ord_fail(err, ORD_EFORMAT, "an add of what is no number");
        else if (v.kind != ORD_NIL)
            exact->arg[i] = 1; /* no sum is that */
    }
    return ORD_OK;
}

static bool counter_looks(const struct ord_exact *exact, uint32_t call)
{
    const int64_t *number = exact->own;

    if (exact->lin->f[call] == ORD_F_READ)
        return !exact->lin->is_open; /* that sets the sum */
    return number[call] == 0;
}

static bool counter_step(struct ord_exact *exact, const struct ord_state *from,
                         uint32_t call, uint32_t nth, struct ord_state *to)
{
    const int64_t *number = exact->own;
    uint64_t sum = (uint64_t)from->b << 32 | from->a;

    *to = *from;
    if (nth > 0 || exact->arg[call] != 0)
        return false;
    if (exact->lin->f[call] == ORD_F_READ) {
        if (!exact->lin->is_open || from->root != 0)
            return sum == (uint64_t)number[call];
        to->root = ord_map_set(&exact->map, 0, 0, 1);
        sum = 0;
    }
    sum += (uint64_t)number[call];
    to->a = (uint32_t)sum;
    to->b = (uint32_t)(sum >> 32);
    return true;
}

static bool counter_helps(struct ord_exact *exact,
                          const struct ord_state *state, uint32_t call,
                          uint32_t other)
{
    (void)state;
    (void)call;
    (void)other;
    return exact->lin->is_open || exact->open_looks > 0; /* adds commute */
}

static const struct ord_exact_model counter_exact = {
    .init = counter_init,
    .key_max = counter_key_max,
    .step = counter_step,
    .looks = counter_looks,
    .helps = counter_helps,
};

/* No sum of any of the adds is beyond 63 bits. */
static bool is_within(const struct ord_lin *lin)
{
    int64_t most = 0;
    int64_t least = 0;

    for (uint32_t i = 0; i < lin->count; i++) {
        struct ord_value v;
        int64_t *sum;

        if (lin->f[i] != ORD_F_ADD || lin->type[i] == ORD_OP_FAIL)
            continue;
        v = ord_lin_value(lin, lin->in[i]);
        sum = v.as.number < 0 ? &least : &most;
        if (v.kind == ORD_INT && __builtin_add_overflow(*sum, v.as.number, sum))
            return false;
    }
    return true;
}

static int counter_decide(struct ord_lin *lin, struct ord_err *err)
{
    if (!is_within(lin)) {
        lin->outcome = ORD_UNKNOWN;
        (void)snprintf(lin->why, sizeof lin->why, "a sum is beyond 63 bits");
        return ORD_OK;
    }
    return ord_exact_decide(&counter_exact, lin, err);
}

const struct ord_model ord_model_counter = {
    .name = "counter",
    .about = "add a number, read the sum; 0 at first",
    .law = "a read is the sum of what was added before it",
    .fs = UINT64_C(1) << ORD_F_ADD | UINT64_C(1) << ORD_F_READ,
    .exact = counter_decide,
};
