/* model_stack.c -- push and pop at the same end.
 *
 * State of the exact search: depth -> value, a: how many.
 */
#include "checkers/exact.h"
#include "checkers/model_queues.h"
#include "checkers/models.h"

static uint32_t stack_key_max(const struct ord_exact *exact)
{
    return exact->lin->count;
}

static bool stack_step(struct ord_exact *exact, const struct ord_state *from,
                       uint32_t call, uint32_t nth, struct ord_state *to)
{
    uint32_t taken = 0;
    uint32_t top = 0;

    *to = *from;
    if (nth > 0)
        return false;
    if (exact->lin->f[call] == ORD_F_PUSH) {
        to->root = ord_map_set(&exact->map, from->root, from->a,
                               exact->lin->in[call] + 1);
        to->a++;
        return true;
    }
    taken = ord_exact_taken(exact->lin, call);
    if (from->a == 0)
        return taken == ORD_ATOM_NIL || taken == ORD_ATOM_NONE;
    top = ord_map_get(&exact->map, from->root, from->a - 1);
    if (taken != ORD_ATOM_NONE && top != taken + 1)
        return false;
    to->root = ord_map_set(&exact->map, from->root, from->a - 1, 0);
    to->a--;
    return true;
}

static bool stack_helps(struct ord_exact *exact, const struct ord_state *state,
                        uint32_t call, uint32_t other)
{
    const struct ord_lin *lin = exact->lin;
    bool is_put = lin->f[other] == ORD_F_PUSH;
    uint32_t taken = 0;

    if (lin->f[call] == ORD_F_PUSH)
        return true;
    taken = ord_exact_taken(lin, call);
    if (taken == ORD_ATOM_NONE)
        return true;
    if (taken == ORD_ATOM_NIL)
        return !is_put;
    if (state->a > 0 &&
        ord_map_get(&exact->map, state->root, state->a - 1) == taken + 1)
        return exact->open_looks > 0 && !is_put; /* it can be popped now */
    return !is_put || lin->in[other] == taken;
}

static const struct ord_exact_model stack_exact = {
    .init = ord_queues_init,
    .key_max = stack_key_max,
    .step = stack_step,
    .looks = ord_queues_look,
    .helps = stack_helps,
};

static int stack_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&stack_exact, lin, err);
}

const struct ord_model ord_model_stack = {
    .name = "stack",
    .about = "push v; pop: the latest, nil where it is empty",
    .law =
        "the latest element comes out first, and nil only where there is none",
    .fs = ORD_STACK_FS,
    .fast = ord_stack_fast,
    .exact = stack_decide,
};
