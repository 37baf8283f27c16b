/* model_queue_fast.c -- fifo-queue and unordered-queue with values that are
 * put once each, near-linear.
 *
 * Bad patterns of Henzinger, Sezgin and Vafeiadis (CONCUR 2013): a value taken
 * that was not put, or twice; put in one order and taken in the other (or the
 * first not at all); found empty while something was in it all the time.
 * With these two additions of ours:
 *
 * An unfinished put whose value nobody took did not happen; else it ended
 * when its take did.
 *
 * An unfinished take that nobody knows the value of may have eaten one of the
 * values that are left.  Each of these has a deadline: the end of the first
 * take of a value that was put after it, or the moment of an empty answer that
 * comes after it.  By put_end deadlines ascend, and takes are alike but for
 * their begin.  So the ith value left needs the ith take, and it is enough
 * that at each deadline as many takes have begun.  An empty answer may be
 * placed wherever nothing is certainly in and as many takes have begun as
 * values left were put for certain: which place it gets does not matter, for
 * what it demands of later ones is less than what is asked there anyway.
 */
#include "checkers/model_queue_fast.h"
#include "checkers/model_queues.h"

static uint32_t element_taken_first(const struct ord_queue_fast *q, uint32_t a,
                                    uint32_t b)
{
    if (a == ORD_LIN_NONE || (b != ORD_LIN_NONE && q->elements[b].take_end <
                                                       q->elements[a].take_end))
        return b;
    return a;
}

/* For each that is left, whose take demands that it be gone: the first to end
 * of those put after it. */
static bool find_takers(struct ord_queue_fast *q)
{
    uint32_t *first =
        ord_arena_alloc(q->lin->arena, ((size_t)q->count + 1) * sizeof *first);
    uint32_t at = 0;

    if (first == NULL)
        return false;
    first[q->count] = ORD_LIN_NONE;
    for (uint32_t i = q->count; i-- > 0;)
        first[i] = element_taken_first(
            q, q->elements[i].take == ORD_LIN_NONE ? ORD_LIN_NONE : i,
            first[i + 1]);
    for (uint32_t i = 0; i < q->left_count; i++) {
        uint32_t end = q->elements[q->left[i]].put_end;

        while (at < q->count && q->elements[at].put_begin <= end)
            at++;
        q->taker[i] = first[at];
    }
    return true;
}

/* Put in one order, taken in the other. */
static int look_at_order(struct ord_queue_fast *q, struct ord_err *err)
{
    uint32_t next = 0;
    uint32_t last = ORD_LIN_NONE; /* of those put before: taken last */

    for (uint32_t i = 0; i < q->count; i++) {
        const struct ord_element *e = &q->elements[i];

        for (; next < q->count &&
               q->elements[q->by_put_end[next]].put_end < e->put_begin;
             next++) {
            uint32_t other = q->by_put_end[next];

            if (q->elements[other].take != ORD_LIN_NONE &&
                (last == ORD_LIN_NONE ||
                 q->elements[other].take_begin > q->elements[last].take_begin))
                last = other;
        }
        if (last != ORD_LIN_NONE &&
            q->elements[last].take_begin > e->take_end) {
            uint32_t pair[2] = {last, i};

            return ord_queue_fast_core(q, pair, 2, ORD_LIN_NONE, false, err);
        }
    }
    return ORD_OK;
}

/* The ith that is left needs the ith take by its deadline. */
static int look_at_left(struct ord_queue_fast *q, struct ord_err *err)
{
    const struct ord_lin *lin = q->lin;

    for (uint32_t i = 0; i < q->left_count; i++) {
        uint32_t *core = NULL;
        uint32_t count = 0;

        if (q->taker[i] == ORD_LIN_NONE)
            break; /* nor have those after it */
        q->eaten = i + 1;
        if (i < q->take_count &&
            lin->begin[q->takes[i]] <= q->elements[q->taker[i]].take_end)
            continue;
        core = ord_arena_alloc(lin->arena, ((size_t)i + 1) * 2 * sizeof *core);
        if (core == NULL)
            return ord_fail(err, ORD_ENOMEM, "no memory for the core");
        for (uint32_t k = 0; k <= i; k++) {
            core[count++] = q->left[k];
            core[count++] = q->taker[k];
        }
        return ord_queue_fast_core(q, core, count, ORD_LIN_NONE, true, err);
    }
    return ORD_OK;
}

/* A sweep over the places where something begins to be in for certain or ends
 * to be, or a take begins. */
struct sweep {
    struct ord_queue_fast *q;
    const struct ord_point *gone; /* elements by take_begin */
    uint32_t gone_count;
    uint32_t in_at;   /* into by_put_end */
    uint32_t gone_at; /* into gone */
    uint32_t take_at; /* into takes */
    uint32_t in;      /* elements in for certain, and taken later */
    uint32_t left;    /* values left that were put for certain */
    uint32_t at;      /* the place */
};

/* All that is so at place s->at; returns the next place that changes it. */
static uint32_t sweep_on(struct sweep *s)
{
    const struct ord_queue_fast *q = s->q;
    const struct ord_lin *lin = q->lin;
    uint32_t next = ORD_CALL_NEVER;

    for (; s->in_at < q->count; s->in_at++) {
        const struct ord_element *e = &q->elements[q->by_put_end[s->in_at]];

        if (e->put_end >= s->at) {
            next = e->put_end + 1;
            break;
        }
        if (e->take == ORD_LIN_NONE)
            s->left++;
        else if (e->put_end < e->take_begin)
            s->in++;
    }
    for (; s->gone_at < s->gone_count; s->gone_at++) {
        const struct ord_element *e = &q->elements[s->gone[s->gone_at].call];

        if (e->take_begin > s->at) {
            next = e->take_begin < next ? e->take_begin : next;
            break;
        }
        if (e->put_end < e->take_begin)
            s->in--;
    }
    for (; s->take_at < q->take_count; s->take_at++) {
        uint32_t begin = lin->begin[q->takes[s->take_at]];

        if (begin > s->at) {
            next = begin < next ? begin : next;
            break;
        }
    }
    return next;
}

/* Elements that cover an empty answer, as far as certain ones do; and where
 * they do not, of those that are left one more than takes can have eaten. */
static int conclude_empty(struct ord_queue_fast *q, uint32_t empty,
                          struct ord_err *err)
{
    const struct ord_lin *lin = q->lin;
    uint32_t *core =
        ord_arena_alloc(lin->arena, ((size_t)q->count + 1) * sizeof *core);
    uint32_t count = 0;
    uint32_t takes = 0;
    uint32_t best = ORD_LIN_NONE; /* put before, and taken last */
    uint32_t at = lin->begin[empty];
    uint32_t end = lin->end[empty];
    uint32_t i = 0;
    bool has_gap = false;

    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    while (at <= end) {
        for (; i < q->count && q->elements[q->by_put_end[i]].put_end < at;
             i++) {
            uint32_t e = q->by_put_end[i];

            if (q->elements[e].take != ORD_LIN_NONE &&
                (best == ORD_LIN_NONE ||
                 q->elements[e].take_begin > q->elements[best].take_begin))
                best = e;
        }
        if (best != ORD_LIN_NONE && q->elements[best].take_begin > at) {
            core[count++] = best;
            at = q->elements[best].take_begin;
            continue;
        }
        has_gap = true;
        if (i == q->count)
            break;
        at = q->elements[q->by_put_end[i]].put_end + 1;
    }
    while (takes < q->take_count && lin->begin[q->takes[takes]] <= end)
        takes++;
    for (i = 0; has_gap && i < q->left_count && i <= takes &&
                q->elements[q->left[i]].put_end < end;
         i++)
        core[count++] = q->left[i];
    return ord_queue_fast_core(q, core, count, empty, has_gap, err);
}

static bool sort_gone(struct ord_queue_fast *q, struct sweep *s)
{
    struct ord_point *gone =
        ord_arena_alloc(q->lin->arena, ((size_t)q->count + 1) * sizeof *gone);

    if (gone == NULL)
        return false;
    for (uint32_t i = 0; i < q->count; i++) {
        if (q->elements[i].take != ORD_LIN_NONE)
            gone[s->gone_count++] =
                (struct ord_point){q->elements[i].take_begin, i};
    }
    s->gone = gone;
    return ord_points_sort(q->lin->arena, gone, s->gone_count);
}

int ord_queue_fast_empties(struct ord_queue_fast *q, struct ord_err *err)
{
    const struct ord_lin *lin = q->lin;
    struct sweep s = {.q = q};
    uint32_t i = 0;

    if (q->empty_count == 0)
        return ORD_OK;
    if (!sort_gone(q, &s))
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    while (i < q->empty_count) {
        uint32_t next = sweep_on(&s);

        if (s.in == 0 && s.take_at >= s.left) { /* fine up to before next */
            for (; i < q->empty_count &&
                   (next == ORD_CALL_NEVER || lin->begin[q->empties[i]] < next);
                 i++) {
                uint32_t begin = lin->begin[q->empties[i]];

                q->empty_at[i] = begin > s.at ? begin : s.at;
                if (q->empty_at[i] > lin->end[q->empties[i]])
                    return conclude_empty(q, q->empties[i], err);
                if (s.left > q->eaten)
                    q->eaten = s.left;
            }
        } else if (next == ORD_CALL_NEVER) {
            return conclude_empty(q, q->empties[i], err);
        }
        s.at = next;
    }
    return ORD_OK;
}

int ord_queue_fast(struct ord_lin *lin, bool is_fifo, struct ord_err *err)
{
    struct ord_queue_fast q = {.lin = lin, .is_fifo = is_fifo};

    if (ord_queue_fast_read(&q, err) != ORD_OK)
        return err->rc;
    if (lin->is_declined || lin->outcome == ORD_INVALID)
        return ORD_OK;
    if (is_fifo) {
        if (!find_takers(&q))
            return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
        if (look_at_order(&q, err) != ORD_OK)
            return err->rc;
        if (lin->outcome != ORD_INVALID && look_at_left(&q, err) != ORD_OK)
            return err->rc;
    }
    if (lin->outcome != ORD_INVALID &&
        ord_queue_fast_empties(&q, err) != ORD_OK)
        return err->rc;
    if (lin->outcome == ORD_INVALID)
        return ORD_OK;
    lin->outcome = ORD_VALID;
    return lin->wants_order ? ord_queue_fast_order(&q, err) : ORD_OK;
}
