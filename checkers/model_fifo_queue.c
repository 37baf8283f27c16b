/* model_fifo_queue.c -- enqueue at one end, dequeue at the other.
 *
 * The exact search does not order the enqueues.  In a queue the order of the
 * dequeues says all: each takes an element that no other was put before for
 * certain; of several with its value, the one whose enqueue ended first, for
 * what stays then hinders less (and if there is one behind that ended still
 * earlier, both ways are tried).  An unfinished enqueue hinders nobody, so it
 * comes last.  An empty answer needs all gone whose enqueue had ended.  Only
 * dequeues that overlap make configurations, however long the queue is.
 *
 * State: a is the first enqueue not taken (of those that ended), root says
 * which of the later ones are taken, and of the unfinished ones behind them.
 */
#include "checkers/exact.h"
#include "checkers/model_queue_fast.h"
#include "checkers/model_queues.h"
#include "checkers/models.h"

struct fifo {
    uint32_t *puts; /* calls that ended, by begin; then unfinished ones */
    uint32_t count; /* that ended */
    uint32_t all_count;
};

static int fifo_init(struct ord_exact *exact, struct ord_state *start,
                     struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    struct fifo *fifo = ord_arena_zalloc(lin->arena, 1, sizeof *fifo);

    *start = (struct ord_state){0};
    if (fifo != NULL)
        fifo->puts = ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) *
                                                     sizeof *fifo->puts);
    if (fifo == NULL || fifo->puts == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls", lin->count);
    exact->own = fifo;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->f[i] != ORD_F_ENQUEUE || lin->type[i] == ORD_OP_FAIL)
            continue;
        exact->arg[i] = i; /* each has its own end */
        if (lin->end[i] != ORD_CALL_NEVER)
            fifo->puts[fifo->count++] = i;
        else
            exact->drops[i] = 1; /* there for whom it helps */
    }
    fifo->all_count = fifo->count;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->f[i] == ORD_F_ENQUEUE && lin->type[i] != ORD_OP_FAIL &&
            lin->end[i] == ORD_CALL_NEVER)
            fifo->puts[fifo->all_count++] = i;
    }
    return ORD_OK;
}

static uint32_t fifo_key_max(const struct ord_exact *exact)
{
    return exact->lin->count;
}

/* Whether the ith enqueue is still there. */
static bool is_there(const struct ord_exact *exact,
                     const struct ord_state *state, uint32_t i)
{
    return i == state->a || ord_map_get(&exact->map, state->root, i) == 0;
}

/* The enqueue to take for that value (NONE: the nth that is the best of its
 * value), or ORD_LIN_NONE.  *first_end: of all that are there. */
static uint32_t find(const struct ord_exact *exact,
                     const struct ord_state *state, uint32_t value,
                     uint32_t nth, uint32_t *first_end)
{
    const struct ord_lin *lin = exact->lin;
    const struct fifo *fifo = exact->own;
    uint32_t best = ORD_LIN_NONE;
    uint32_t i = state->a;

    *first_end = ORD_CALL_NEVER;
    for (; i < fifo->count; i++) {
        uint32_t call = fifo->puts[i];

        if (lin->begin[call] > exact->now || lin->begin[call] > *first_end)
            break;
        if (!is_there(exact, state, i))
            continue;
        if (lin->end[call] < *first_end)
            *first_end = lin->end[call];
        if (lin->in[call] == value &&
            (best == ORD_LIN_NONE ||
             lin->end[call] < lin->end[fifo->puts[best]]))
            best = i;
    }
    for (uint32_t k = state->a; value == ORD_ATOM_NONE && k < i; k++) {
        if (is_there(exact, state, k) && nth-- == 0)
            return k;
    }
    for (i = fifo->count; best == ORD_LIN_NONE && i < fifo->all_count; i++) {
        uint32_t call = fifo->puts[i];

        if (lin->begin[call] > exact->now || lin->begin[call] > *first_end)
            break;
        if (lin->in[call] == value &&
            ord_map_get(&exact->map, state->root, i) == 0)
            best = i;
    }
    return best;
}

/* Once others are taken, one of the same value might be to take whose enqueue
 * ended earlier. */
static bool is_better_behind(const struct ord_exact *exact,
                             const struct ord_state *state, uint32_t best)
{
    const struct ord_lin *lin = exact->lin;
    const struct fifo *fifo = exact->own;
    uint32_t end = lin->end[fifo->puts[best]]; /* NEVER: it did not end */

    for (uint32_t i = state->a; i < fifo->count; i++) {
        uint32_t call = fifo->puts[i];

        if (lin->begin[call] > exact->now || lin->begin[call] >= end)
            break;
        if (lin->in[call] == lin->in[fifo->puts[best]] &&
            lin->end[call] < end && is_there(exact, state, i))
            return true;
    }
    return false;
}

static void take(struct ord_exact *exact, uint32_t i, struct ord_state *state)
{
    const struct fifo *fifo = exact->own;

    exact->note = fifo->puts[i];
    if (i != state->a || i >= fifo->count) {
        state->root = ord_map_set(&exact->map, state->root, i, 1);
        return;
    }
    state->a++;
    while (state->a < fifo->count && state->root != ORD_MAP_FULL &&
           ord_map_get(&exact->map, state->root, state->a) != 0)
        state->root = ord_map_set(&exact->map, state->root, state->a++, 0);
}

static bool fifo_step(struct ord_exact *exact, const struct ord_state *from,
                      uint32_t call, uint32_t nth, struct ord_state *to)
{
    uint32_t value = 0;
    uint32_t first_end = 0;
    uint32_t i = 0;

    *to = *from;
    exact->note = ORD_LIN_NONE;
    if (exact->lin->f[call] == ORD_F_ENQUEUE)
        return nth == 0;
    value = ord_exact_taken(exact->lin, call);
    if (nth > 0 && value != ORD_ATOM_NONE)
        return false;
    i = find(exact, from, value, nth, &first_end);
    if (value == ORD_ATOM_NIL)
        return first_end >= exact->now;
    if (i == ORD_LIN_NONE) /* it may have found nothing, once */
        return value == ORD_ATOM_NONE && first_end >= exact->now &&
               (nth == 0 ||
                find(exact, from, value, nth - 1, &first_end) != ORD_LIN_NONE);
    take(exact, i, to);
    return true;
}

static bool fifo_helps(struct ord_exact *exact, const struct ord_state *state,
                       uint32_t call, uint32_t other)
{
    const struct ord_lin *lin = exact->lin;
    uint32_t first_end = 0;
    uint32_t taken = 0;
    uint32_t best = 0;

    if (lin->f[other] == ORD_F_ENQUEUE)
        return false;
    if (lin->f[call] == ORD_F_ENQUEUE)
        return exact->open_looks > 0; /* empty before it has ended? */
    taken = ord_exact_taken(lin, call);
    if (taken == ORD_ATOM_NIL || taken == ORD_ATOM_NONE)
        return true;
    best = find(exact, state, taken, 0, &first_end);
    return best == ORD_LIN_NONE || is_better_behind(exact, state, best);
}

/* Who took what is known: that makes the values unique. */
static int fifo_finish(struct ord_exact *exact, const uint32_t *calls,
                       const uint32_t *notes, uint32_t count,
                       struct ord_err *err)
{
    struct ord_lin *lin = exact->lin;
    struct ord_queue_fast q = {.lin = lin, .is_fifo = true};
    uint32_t *take_of =
        ord_arena_zalloc(lin->arena, (size_t)lin->count + 1, sizeof *take_of);

    if (take_of == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < count; i++) {
        if (notes[i] != ORD_LIN_NONE)
            take_of[notes[i]] = calls[i] + 1;
    }
    lin->order_count = 0;
    if (ord_queue_fast_match(&q, take_of, err) != ORD_OK ||
        ord_queue_fast_empties(&q, err) != ORD_OK)
        return err->rc;
    ORD_ASSERT(lin->outcome == ORD_VALID);
    if (ord_queue_fast_order(&q, err) != ORD_OK)
        return err->rc;
    ORD_ASSERT(!lin->is_declined);
    return ORD_OK;
}

static const struct ord_exact_model fifo_exact = {
    .init = fifo_init,
    .key_max = fifo_key_max,
    .step = fifo_step,
    .looks = ord_queues_look,
    .helps = fifo_helps,
    .finish = fifo_finish,
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
    .law =
        "the oldest element comes out first, and nil only where there is none",
    .fs = ORD_QUEUE_FS,
    .fast = fifo_fast,
    .exact = fifo_decide,
};
