#include "checkers/model_queues.h"

static bool is_put(const struct ord_lin *lin, uint32_t call)
{
    return lin->f[call] == ORD_F_ENQUEUE || lin->f[call] == ORD_F_PUSH;
}

/* own: by atom, the end + 1 of the last call that took it; 0: none. */
int ord_queues_init(struct ord_exact *exact, struct ord_state *start,
                    struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    uint32_t *last =
        ord_arena_zalloc(lin->arena, (size_t)lin->atom_count + 1, sizeof *last);

    *start = (struct ord_state){0};
    if (last == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u values",
                        lin->atom_count);
    exact->own = last;
    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t taken = 0;
        uint32_t end = lin->end[i];

        if (is_put(lin, i) || lin->type[i] == ORD_OP_FAIL)
            continue;
        taken = ord_exact_taken(lin, i);
        end = end == ORD_CALL_NEVER ? end : end + 1;
        if (taken != ORD_ATOM_NONE && last[taken] < end)
            last[taken] = end;
    }
    for (uint32_t i = 0; i < lin->count; i++) {
        if (is_put(lin, i) && lin->end[i] == ORD_CALL_NEVER &&
            last[lin->in[i]] == 0)
            exact->drops[i] = 1;
    }
    return ORD_OK;
}

bool ord_queues_look(const struct ord_exact *exact, uint32_t call)
{
    return !is_put(exact->lin, call) &&
           ord_exact_taken(exact->lin, call) == ORD_ATOM_NIL;
}

bool ord_queues_want(const struct ord_exact *exact, uint32_t call)
{
    const uint32_t *last = exact->own;

    return last[exact->lin->in[call]] > exact->now;
}
