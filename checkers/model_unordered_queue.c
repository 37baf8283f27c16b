/* model_unordered_queue.c -- a bag: dequeue takes any one of the values.
 *
 * State of the exact search: value -> how many, a: how many in all.
 */
#include "checkers/exact.h"
#include "checkers/model_queues.h"
#include "checkers/models.h"

static uint32_t bag_key_max(const struct ord_exact *exact)
{
    return exact->lin->atom_count;
}

/* One less of that value. */
static void take(struct ord_exact *exact, const struct ord_state *from,
                 uint32_t value, uint32_t number, struct ord_state *to)
{
    to->root = ord_map_set(&exact->map, from->root, value, number - 1);
    to->a = from->a - 1;
}

static bool bag_step(struct ord_exact *exact, const struct ord_state *from,
                     uint32_t call, uint32_t nth, struct ord_state *to)
{
    uint32_t value = exact->lin->in[call];
    uint32_t number = 0;

    *to = *from;
    if (exact->lin->f[call] == ORD_F_ENQUEUE) {
        number = ord_map_get(&exact->map, from->root, value);
        to->root = ord_map_set(&exact->map, from->root, value, number + 1);
        to->a++;
        return nth == 0;
    }
    value = ord_exact_taken(exact->lin, call);
    if (value == ORD_ATOM_NONE && from->a > 0) { /* the nth value there is */
        value = 0;
        for (uint32_t i = 0;; i++, value++) {
            if (!ord_map_next(&exact->map, from->root, &value, &number))
                return false;
            if (i == nth)
                break;
        }
        take(exact, from, value, number, to);
        return true;
    }
    if (nth > 0)
        return false;
    if (value == ORD_ATOM_NIL || value == ORD_ATOM_NONE)
        return from->a == 0;
    number = ord_map_get(&exact->map, from->root, value);
    if (number == 0)
        return false;
    take(exact, from, value, number, to);
    return true;
}

static bool bag_helps(struct ord_exact *exact, const struct ord_state *state,
                      uint32_t call, uint32_t other)
{
    const struct ord_lin *lin = exact->lin;
    bool is_put = lin->f[other] == ORD_F_ENQUEUE;
    uint32_t taken = 0;

    if (lin->f[call] == ORD_F_ENQUEUE) /* only who found nothing cares */
        return !is_put && exact->open_looks > 0;
    taken = ord_exact_taken(lin, call);
    if (taken == ORD_ATOM_NONE)
        return true;
    if (taken == ORD_ATOM_NIL)
        return !is_put;
    if (ord_map_get(&exact->map, state->root, taken) > 0)
        return !is_put && exact->open_looks > 0;
    return is_put ? lin->in[other] == taken || exact->open_looks > 0
                  : exact->open_looks > 0;
}

static const struct ord_exact_model bag_exact = {
    .init = ord_queues_init,
    .key_max = bag_key_max,
    .step = bag_step,
    .looks = ord_queues_look,
    .helps = bag_helps,
};

static int bag_decide(struct ord_lin *lin, struct ord_err *err)
{
    return ord_exact_decide(&bag_exact, lin, err);
}

static int bag_fast(struct ord_lin *lin, struct ord_err *err)
{
    return ord_queue_fast(lin, false, err);
}

const struct ord_model ord_model_unordered_queue = {
    .name = "unordered-queue",
    .about = "enqueue v; dequeue: any of them, nil where it is empty",
    .law = "what went in comes out once, and nil only where there is none",
    .fs = ORD_QUEUE_FS,
    .fast = bag_fast,
    .exact = bag_decide,
};
