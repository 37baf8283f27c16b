/* model_fifo_queue.c -- enqueue at one end, dequeue at the other.
 *
 * State of the exact search: place -> value, from place a up to before b.  The
 * places never start over, so equal contents after equal calls are equal.
 */
#include "checkers/exact.h"
#include "checkers/model_queues.h"
#include "checkers/models.h"

static uint32_t fifo_key_max(const struct ord_exact *exact)
{
    return exact->lin->count;
}

static bool fifo_step(struct ord_exact *exact, const struct ord_state *from,
                      uint32_t call, uint32_t nth, struct ord_state *to)
{
    uint32_t taken = 0;
    uint32_t front = 0;

    *to = *from;
    if (nth > 0)
        return false;
    if (exact->lin->f[call] == ORD_F_ENQUEUE) {
        to->root = ord_map_set(&exact->map, from->root, from->b,
                               exact->lin->in[call] + 1);
        to->b++;
        return true;
    }
    taken = ord_exact_taken(exact->lin, call);
    if (from->a == from->b)
        return taken == ORD_ATOM_NIL || taken == ORD_ATOM_NONE;
    front = ord_map_get(&exact->map, from->root, from->a);
    if (taken != ORD_ATOM_NONE && front != taken + 1)
        return false;
    to->root = ord_map_set(&exact->map, from->root, from->a, 0);
    to->a++;
    return true;
}

static bool holds(const struct ord_exact *exact, const struct ord_state *state,
                  uint32_t value)
{
    for (uint32_t at = state->a; at < state->b; at++) {
        if (ord_map_get(&exact->map, state->root, at) == value + 1)
            return true;
    }
    return false;
}

static bool fifo_helps(struct ord_exact *exact, const struct ord_state *state,
                       uint32_t call, uint32_t other)
{
    const struct ord_lin *lin = exact->lin;
    bool is_put = lin->f[other] == ORD_F_ENQUEUE;
    uint32_t taken = 0;

    if (lin->f[call] == ORD_F_ENQUEUE) {
        /* A value that nobody will take is better enqueued behind; what is
         * dequeued before only matters to a dequeue that found nothing. */
        if (is_put)
            return ord_queues_want(exact, other);
        return exact->open_looks > 0;
    }
    taken = ord_exact_taken(lin, call);
    if (taken == ORD_ATOM_NONE)
        return true;
    if (taken == ORD_ATOM_NIL)
        return !is_put;
    if (state->a < state->b &&
        ord_map_get(&exact->map, state->root, state->a) == taken + 1)
        return false; /* it can be dequeued now */
    return !is_put || !holds(exact, state, taken);
}

static const struct ord_exact_model fifo_exact = {
    .init = ord_queues_init,
    .key_max = fifo_key_max,
    .step = fifo_step,
    .looks = ord_queues_look,
    .helps = fifo_helps,
};

static int fifo_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&fifo_exact, lin, err);
}

static int fifo_fast(struct ord_lin *lin, struct ord_err *err)
{
    return ord_queue_fast(lin, true, err);
}

const struct ord_model ord_model_fifo_queue = {
    .name = "fifo-queue",
    .about = "enqueue v; dequeue: the oldest, nil where it is empty",
    .fs = ORD_QUEUE_FS,
    .fast = fifo_fast,
    .exact = fifo_decide,
};
