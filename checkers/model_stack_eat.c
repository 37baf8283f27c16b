/* model_stack_eat.c -- see model_stack_fast.h. */
#include "checkers/exact.h"
#include "checkers/model_stack_fast.h"

struct eat {
    struct ord_queue_fast *q;
    const uint32_t *line;
    uint32_t count;
    uint32_t *earliest; /* of each call of the line */
    uint32_t *latest;
    uint32_t *depth;        /* behind that many calls */
    uint32_t *close;        /* there: the call that needs what is on top gone */
    struct ord_point *puts; /* what is left, by its place in the line */
    uint32_t *open;         /* what is in: indexes into puts */
};

static bool is_put(const struct ord_lin *lin, uint32_t call)
{
    return lin->f[call] == ORD_F_PUSH || lin->f[call] == ORD_F_ENQUEUE;
}

static bool prepare(struct eat *e, struct ord_stack_line *line)
{
    const struct ord_queue_fast *q = e->q;
    struct ord_arena *arena = q->lin->arena;
    size_t size = ((size_t)line->count + 2) * sizeof(uint32_t);
    uint32_t *copy = ord_arena_alloc(arena, size);

    e->earliest = ord_arena_alloc(arena, size);
    e->latest = ord_arena_alloc(arena, size);
    e->depth = ord_arena_alloc(arena, size);
    e->close = ord_arena_alloc(arena, size);
    e->puts =
        ord_arena_alloc(arena, ((size_t)q->left_count + 1) * sizeof *e->puts);
    e->open =
        ord_arena_alloc(arena, ((size_t)q->left_count + 1) * sizeof *e->open);
    if (copy == NULL || e->earliest == NULL || e->latest == NULL ||
        e->depth == NULL || e->close == NULL || e->puts == NULL ||
        e->open == NULL)
        return false;
    for (uint32_t i = 0; i < line->count; i++)
        copy[i] = line->calls[i];
    e->line = copy;
    e->count = line->count;
    return true;
}

static void find_times(struct eat *e)
{
    const struct ord_lin *lin = e->q->lin;
    uint32_t at = 0;

    for (uint32_t i = 0; i < e->count; i++) {
        uint32_t begin = lin->begin[e->line[i]];

        at = begin > at ? begin : at;
        e->earliest[i] = at;
    }
    at = ORD_CALL_NEVER;
    for (uint32_t i = e->count; i-- > 0;) {
        uint32_t end = lin->end[e->line[i]];

        at = end < at ? end : at;
        e->latest[i] = at;
    }
}

/* From the end: a pop opens what its push closes.  e->close is used as the
 * stack of pops while it is filled from the other side. */
static void find_closes(struct eat *e)
{
    const struct ord_lin *lin = e->q->lin;
    uint32_t depth = 0;
    uint32_t empty = e->count; /* the next empty answer */

    e->depth[e->count] = 0;
    e->close[e->count] = e->count;
    for (uint32_t i = e->count; i-- > 0;) {
        uint32_t call = e->line[i];

        if (is_put(lin, call)) {
            depth--;
        } else if (ord_exact_taken(lin, call) == ORD_ATOM_NIL) {
            empty = i;
        } else {
            depth++;
        }
        e->depth[i] = depth;
        if (depth == 0) {
            e->close[i] = empty;
        } else if (!is_put(lin, call)) {
            e->close[i] = i; /* this pop needs its element on top */
        } else {
            /* Behind the push it was an inner level: ours is the level that
             * the inner one's pop fell back to. */
            uint32_t pop = e->close[i + 1];

            e->close[i] = e->close[pop + 1];
        }
    }
}

/* Where in the line each may stay longest. */
static void find_places(struct eat *e)
{
    const struct ord_queue_fast *q = e->q;
    uint32_t from = 0;

    for (uint32_t i = 0; i < q->left_count; i++) {
        const struct ord_element *u = &q->elements[q->left[i]];
        uint32_t best = ORD_LIN_NONE;

        /* By put_end: the first place that is not too late for all. */
        while (from > 0 && e->latest[from - 1] >= u->put_begin)
            from--;
        while (from < e->count && e->latest[from] < u->put_begin)
            from++;
        for (uint32_t k = from;
             k <= e->count && (k == 0 || e->earliest[k - 1] <= u->put_end);
             k++) {
            if (best == ORD_LIN_NONE || e->depth[k] <= e->depth[best])
                best = k;
        }
        if (best == ORD_LIN_NONE)
            best = from; /* it will not fit */
        e->puts[i] = (struct ord_point){best, q->left[i]};
    }
}

static void weave(struct eat *e, struct ord_stack_line *line, bool *fits)
{
    const struct ord_queue_fast *q = e->q;
    const struct ord_lin *lin = q->lin;
    uint32_t open = 0;
    uint32_t next = 0;
    uint32_t take = 0;

    line->count = 0;
    for (uint32_t i = 0; i <= e->count; i++) {
        for (; next < q->left_count && e->puts[next].key == i; next++) {
            e->open[open++] = next;
            line->calls[line->count++] = q->elements[e->puts[next].call].put;
        }
        while (open > 0 && i < e->count &&
               e->close[e->puts[e->open[open - 1]].key] == i) {
            if (take == q->take_count ||
                lin->begin[q->takes[take]] > e->latest[i]) {
                *fits = false;
                return;
            }
            open--;
            line->calls[line->count++] = q->takes[take++];
        }
        if (i < e->count)
            line->calls[line->count++] = e->line[i];
    }
}

int ord_stack_eat(struct ord_queue_fast *q, struct ord_stack_line *line,
                  bool *fits, struct ord_err *err)
{
    struct eat e = {.q = q};

    ORD_ASSERT(line->count + q->left_count * 2 < line->room + 1);
    if (!prepare(&e, line))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    find_times(&e);
    find_closes(&e);
    find_places(&e);
    if (!ord_points_sort(q->lin->arena, e.puts, q->left_count))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    weave(&e, line, fits);
    return ORD_OK;
}
