/* model_queue_order.c -- the order of a valid queue or bag.
 *
 * A bag: everything goes in as late and comes out as early as possible.
 *
 * A queue: one order of the elements for both ends, which has to agree with
 * the time of the puts and with that of the takes; an empty answer is an
 * element that was put and taken at once.  Taking away again and again an
 * element that is first by both finds it, if there is one.  Puts and takes then
 * come in that order, each as early as it can.
 */
#include "checkers/model_queue_fast.h"

struct item {
    uint32_t put_begin;
    uint32_t put_end;
    uint32_t take_begin;
    uint32_t take_end;
    uint32_t put;  /* calls; NONE for an empty answer */
    uint32_t take; /* ORD_LIN_NONE: it stays */
};

struct line_up {
    struct ord_queue_fast *q;
    struct item *items; /* by put_begin */
    uint32_t count;
    struct ord_point *put_ends; /* items by put_end */
    struct ord_point *take_ends;
    uint32_t *heap; /* items that are first by their puts, by take_begin */
    uint32_t heap_count;
    uint32_t *order; /* items */
    uint8_t *is_out;
};

static void eat(struct ord_queue_fast *q)
{
    for (uint32_t i = 0; i < q->eaten; i++) {
        struct ord_element *e = &q->elements[q->left[i]];
        uint32_t begin = q->lin->begin[q->takes[i]];

        e->take = q->takes[i];
        e->take_begin = begin > e->put_begin ? begin : e->put_begin;
    }
}

static int order_bag(struct ord_queue_fast *q, struct ord_err *err)
{
    struct ord_lin *lin = q->lin;
    size_t room = (size_t)q->count * 2 + q->empty_count + 1;
    struct ord_point *points =
        ord_arena_alloc(lin->arena, room * sizeof *points);
    uint32_t count = 0;

    if (points == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < q->count; i++) {
        const struct ord_element *e = &q->elements[i];
        bool is_short = e->take_begin <= e->put_end;

        if (e->take == ORD_LIN_NONE || !is_short)
            points[count++] =
                (struct ord_point){ord_point_key(e->put_end, 3), e->put};
        else
            points[count++] =
                (struct ord_point){ord_point_key(e->take_begin, 1), e->put};
        if (e->take != ORD_LIN_NONE)
            points[count++] = (struct ord_point){
                ord_point_key(e->take_begin, is_short ? 1 : 0), e->take};
    }
    for (uint32_t i = 0; i < q->empty_count; i++)
        points[count++] =
            (struct ord_point){ord_point_key(q->empty_at[i], 2), q->empties[i]};
    if (!ord_points_sort(lin->arena, points, count))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    return ord_points_conclude(lin, points, count, err);
}

/* Elements and empty answers, by put_begin. */
static bool make_items(struct line_up *l)
{
    const struct ord_queue_fast *q = l->q;
    uint32_t x = 0;

    for (uint32_t i = 0; i <= q->count; i++) {
        for (; x < q->empty_count &&
               (i == q->count || q->empty_at[x] < q->elements[i].put_begin);
             x++) {
            uint32_t at = q->empty_at[x];

            l->items[l->count++] =
                (struct item){at, at, at, at, ORD_LIN_NONE, q->empties[x]};
        }
        if (i < q->count) {
            const struct ord_element *e = &q->elements[i];

            l->items[l->count++] =
                (struct item){e->put_begin, e->put_end, e->take_begin,
                              e->take_end,  e->put,     e->take};
        }
    }
    for (uint32_t i = 0; i < l->count; i++) {
        l->put_ends[i] = (struct ord_point){l->items[i].put_end, i};
        l->take_ends[i] = (struct ord_point){l->items[i].take_end, i};
    }
    return ord_points_sort(q->lin->arena, l->put_ends, l->count) &&
           ord_points_sort(q->lin->arena, l->take_ends, l->count);
}

static uint32_t key(const struct line_up *l, uint32_t item)
{
    return l->items[item].take_begin;
}

static void heap_push(struct line_up *l, uint32_t item)
{
    uint32_t at = l->heap_count++;

    while (at > 0 && key(l, l->heap[(at - 1) / 2]) > key(l, item)) {
        l->heap[at] = l->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    l->heap[at] = item;
}

static uint32_t heap_pop(struct line_up *l)
{
    uint32_t first = l->heap[0];
    uint32_t last = l->heap[--l->heap_count];
    uint32_t at = 0;

    for (uint32_t child = 1; child < l->heap_count; child = at * 2 + 1) {
        if (child + 1 < l->heap_count &&
            key(l, l->heap[child + 1]) < key(l, l->heap[child]))
            child++;
        if (key(l, last) <= key(l, l->heap[child]))
            break;
        l->heap[at] = l->heap[child];
        at = child;
    }
    l->heap[at] = last;
    return first;
}

/* False: no item is first by both, which the checks before rule out. */
static bool line_up(struct line_up *l)
{
    uint32_t put_at = 0;
    uint32_t take_at = 0;
    uint32_t next = 0;

    for (uint32_t i = 0; i < l->count; i++) {
        while (l->is_out[l->put_ends[put_at].call])
            put_at++;
        while (l->is_out[l->take_ends[take_at].call])
            take_at++;
        for (; next < l->count &&
               l->items[next].put_begin <= l->put_ends[put_at].key;
             next++)
            heap_push(l, next);
        if (l->heap_count == 0)
            return false;
        l->order[i] = heap_pop(l);
        if (key(l, l->order[i]) > l->take_ends[take_at].key)
            return false;
        l->is_out[l->order[i]] = 1;
    }
    return true;
}

static uint32_t high(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Puts and takes in that order, merged by the time at which they can happen. */
static void merge(const struct line_up *l, uint32_t *order, uint32_t *count)
{
    uint32_t put_time = 0;
    uint32_t take_time = 0;
    uint32_t t = 0; /* items taken so far, or left */

    for (uint32_t p = 0; p <= l->count; p++) {
        bool is_end = p == l->count;
        const struct item *put = &l->items[l->order[is_end ? 0 : p]];
        bool is_empty = !is_end && put->put == ORD_LIN_NONE;

        if (!is_end)
            put_time = high(put_time, put->put_begin);
        for (; t < p; t++) {
            const struct item *take = &l->items[l->order[t]];

            if (take->take == ORD_LIN_NONE)
                continue;
            if (!is_end && !is_empty &&
                high(take_time, take->take_begin) > put_time)
                break;
            take_time = high(take_time, take->take_begin);
            order[(*count)++] = take->take;
        }
        if (is_end)
            break;
        if (is_empty) {
            put_time = high(put_time, take_time);
            take_time = put_time;
            order[(*count)++] = put->take;
            t = p + 1;
        } else {
            order[(*count)++] = put->put;
        }
    }
}

static int order_fifo(struct ord_queue_fast *q, struct ord_err *err)
{
    struct ord_lin *lin = q->lin;
    size_t room = (size_t)q->count + q->empty_count + 1;
    struct line_up l = {.q = q};
    uint32_t *order = ord_arena_alloc(lin->arena, 2 * room * sizeof *order);
    uint32_t count = 0;

    l.items = ord_arena_alloc(lin->arena, room * sizeof *l.items);
    l.put_ends = ord_arena_alloc(lin->arena, room * sizeof *l.put_ends);
    l.take_ends = ord_arena_alloc(lin->arena, room * sizeof *l.take_ends);
    l.heap = ord_arena_alloc(lin->arena, room * sizeof *l.heap);
    l.order = ord_arena_alloc(lin->arena, room * sizeof *l.order);
    l.is_out = ord_arena_zalloc(lin->arena, room, 1);
    if (order == NULL || l.items == NULL || l.put_ends == NULL ||
        l.take_ends == NULL || l.heap == NULL || l.order == NULL ||
        l.is_out == NULL || !make_items(&l))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    if (!line_up(&l)) {
        lin->outcome = ORD_UNKNOWN;
        lin->is_declined = true;
        return ORD_OK;
    }
    merge(&l, order, &count);
    lin->order = order;
    lin->order_count = count;
    return ORD_OK;
}

int ord_queue_fast_order(struct ord_queue_fast *q, struct ord_err *err)
{
    eat(q);
    return q->is_fifo ? order_fifo(q, err) : order_bag(q, err);
}
