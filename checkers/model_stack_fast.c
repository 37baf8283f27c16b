/* model_stack_fast.c -- a stack whose values are pushed once each.
 *
 * Decrease and conquer (Lee and Mathur, OOPSLA 2025; LiMo, PLDI 2025), worked
 * out anew.  An element is in for certain between the end of its push and the
 * begin of its pop.
 *
 * 1. Where these do not overlap, it may be popped as soon as it is pushed, at
 *    any such moment: it is left aside until the order is written.
 * 2. At a place where no element is in for certain the stack may be empty:
 *    what was in before goes before, all else after, each alone.  An answer
 *    "empty" needs such a place, any will do.
 * 3. A group with no such place has one element below all others: any whose
 *    push began before the first push ended, and whose pop ended after the
 *    last pop began.  If there is none, it is a violation.  Without it, the
 *    rest falls into groups again.
 *
 * O(n log n) by a segment tree over the places where pops begin.
 */
#include "checkers/model_stack_fast.h"

#include "checkers/exact.h"
#include "checkers/model_queues.h"
#include "checkers/model_stack_tree.h"

struct block {
    uint32_t from; /* of longs */
    uint32_t to;
    uint32_t parent; /* long_count: none */
};

struct ord_stack_fast {
    struct ord_queue_fast q;
    struct ord_element *longs; /* by take_begin */
    uint32_t *cover_from;      /* places that each covers, up to itself */
    uint32_t long_count;
    bool has_left; /* values that are left are among the longs */
    struct ord_stack_tree tree;
    struct block *blocks; /* to do */
    uint32_t block_count;
    uint32_t *parent;
    uint32_t *first_child; /* one more: of none */
    uint32_t *last_child;
    uint32_t *next;      /* sibling */
    uint32_t *block_end; /* place at which its group is over */
};

static bool is_long(const struct ord_stack_fast *s, const struct ord_element *e)
{
    if (e->take == ORD_LIN_NONE)
        return s->has_left;
    return e->put_end < e->take_begin && e->take_begin - e->put_end > 1;
}

static bool pick_longs(struct ord_stack_fast *s)
{
    struct ord_queue_fast *q = &s->q;
    struct ord_arena *arena = q->lin->arena;
    struct ord_point *points = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < q->count; i++)
        s->long_count += is_long(s, &q->elements[i]);
    points =
        ord_arena_alloc(arena, ((size_t)s->long_count + 1) * sizeof *points);
    s->longs =
        ord_arena_alloc(arena, ((size_t)s->long_count + 1) * sizeof *s->longs);
    if (points == NULL || s->longs == NULL)
        return false;
    for (uint32_t i = 0; i < q->count; i++) {
        if (is_long(s, &q->elements[i]))
            points[count++] = (struct ord_point){q->elements[i].take_begin, i};
    }
    if (!ord_points_sort(arena, points, count))
        return false;
    for (uint32_t i = 0; i < count; i++)
        s->longs[i] = q->elements[points[i].call];
    return true;
}

/* The first element from low on whose take begins after `place`. */
static uint32_t first_after(const struct ord_stack_fast *s, uint32_t place)
{
    uint32_t low = 0;
    uint32_t high = s->long_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->longs[middle].take_begin > place)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool count_covers(struct ord_stack_fast *s)
{
    struct ord_arena *arena = s->q.lin->arena;
    uint32_t n = s->long_count;
    uint32_t *covers = ord_arena_zalloc(arena, (size_t)n + 2, sizeof *covers);
    uint32_t sum = 0;

    s->cover_from = ord_arena_alloc(arena, ((size_t)n + 1) * sizeof(uint32_t));
    if (covers == NULL || s->cover_from == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        s->cover_from[i] = first_after(s, s->longs[i].put_end);
        ORD_ASSERT(s->cover_from[i] <= i);
        covers[s->cover_from[i]]++;
        covers[i]--; /* wraps, and the sum wraps back */
    }
    for (uint32_t i = 0; i < n; i++) {
        sum += covers[i];
        covers[i] = sum;
    }
    /* Of several at one place, the last speaks for all; what the others count
     * is not right, for they do not cover each other. */
    for (uint32_t i = 0; i + 1 < n; i++) {
        if (s->longs[i].take_begin == s->longs[i + 1].take_begin)
            covers[i] = ORD_CALL_NEVER;
    }
    return ord_stack_tree_init(&s->tree, arena, s->longs, n, covers);
}

static bool make_forest(struct ord_stack_fast *s)
{
    struct ord_arena *arena = s->q.lin->arena;
    size_t size = ((size_t)s->long_count + 1) * sizeof(uint32_t);

    s->blocks = ord_arena_alloc(arena, ((size_t)s->long_count + 2) * 2 *
                                           sizeof *s->blocks);
    s->parent = ord_arena_alloc(arena, size);
    s->first_child = ord_arena_alloc(arena, size);
    s->last_child = ord_arena_alloc(arena, size);
    s->next = ord_arena_alloc(arena, size);
    s->block_end = ord_arena_alloc(arena, size);
    if (s->blocks == NULL || s->parent == NULL || s->first_child == NULL ||
        s->last_child == NULL || s->next == NULL || s->block_end == NULL)
        return false;
    for (uint32_t i = 0; i <= s->long_count; i++)
        s->first_child[i] = s->last_child[i] = s->next[i] = ORD_LIN_NONE;
    return true;
}

/* Splits [from, to) where it may be empty; the first part comes on top. */
static void push_blocks(struct ord_stack_fast *s, uint32_t from, uint32_t to,
                        uint32_t parent)
{
    for (;;) {
        uint32_t at = ord_stack_tree_split(&s->tree, from, to - 1);
        uint32_t begin = at == ORD_LIN_NONE ? from : at + 1;

        if (ord_stack_tree_last(&s->tree, begin, to) != ORD_LIN_NONE)
            s->blocks[s->block_count++] = (struct block){begin, to, parent};
        if (at == ORD_LIN_NONE || begin == from)
            return;
        to = begin;
    }
}

static void adopt(struct ord_stack_fast *s, uint32_t child,
                  const struct block *block)
{
    uint32_t *last = &s->last_child[block->parent];

    s->parent[child] = block->parent;
    s->block_end[child] = s->longs[block->to - 1].take_begin;
    if (*last == ORD_LIN_NONE)
        s->first_child[block->parent] = child;
    else
        s->next[*last] = child;
    *last = child;
}

/* No element of the block is below all others: those that hold it together
 * from its first push to its last pop, and no other can be, either. */
static int conclude_block(struct ord_stack_fast *s, const struct block *block,
                          uint32_t put_end, uint32_t last, struct ord_err *err)
{
    struct ord_arena *arena = s->q.lin->arena;
    size_t room = (size_t)(block->to - block->from) + 2;
    struct ord_point *points = ord_arena_alloc(arena, room * sizeof *points);
    uint32_t *core = ord_arena_alloc(arena, room * sizeof *core);
    uint32_t at = put_end + 1;
    uint32_t best = ORD_LIN_NONE;
    uint32_t count = 0;
    uint32_t core_count = 0;

    if (points == NULL || core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    for (uint32_t i = block->from; i < block->to; i++) {
        if (s->tree.nodes[s->tree.leaf_count + i].take_end_max != 0)
            points[count++] = (struct ord_point){s->longs[i].put_end, i};
    }
    if (!ord_points_sort(arena, points, count))
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    core[core_count++] = points[0].call;
    for (uint32_t i = 0; at < s->longs[last].take_begin;) {
        for (; i < count && points[i].key < at; i++) {
            if (best == ORD_LIN_NONE ||
                s->longs[points[i].call].take_begin > s->longs[best].take_begin)
                best = points[i].call;
        }
        ORD_ASSERT(best != ORD_LIN_NONE && s->longs[best].take_begin > at);
        if (core[core_count - 1] != best)
            core[core_count++] = best;
        at = s->longs[best].take_begin;
    }
    if (core[core_count - 1] != last)
        core[core_count++] = last;
    /* Cores speak of elements as the calls had them. */
    s->q.elements = s->longs;
    return ord_queue_fast_core(&s->q, core, core_count, ORD_LIN_NONE, false,
                               err);
}

static int decompose(struct ord_stack_fast *s, struct ord_err *err)
{
    if (s->long_count == 0)
        return ORD_OK;
    push_blocks(s, 0, s->long_count, s->long_count);
    while (s->block_count > 0) {
        struct block b = s->blocks[--s->block_count];
        uint32_t last = ord_stack_tree_last(&s->tree, b.from, b.to);
        uint32_t put_end = ord_stack_tree_put_end(&s->tree, b.from, b.to);
        uint32_t bottom = last;

        ORD_ASSERT(last != ORD_LIN_NONE);
        if (s->longs[last].put_begin > put_end)
            bottom = ord_stack_tree_bottom(&s->tree, b.from, b.to, put_end,
                                           s->longs[last].take_begin);
        if (bottom == ORD_LIN_NONE)
            return conclude_block(s, &b, put_end, last, err);
        adopt(s, bottom, &b);
        ord_stack_tree_remove(&s->tree, bottom, s->cover_from[bottom], bottom);
        push_blocks(s, b.from, b.to, bottom);
    }
    return ORD_OK;
}

static void emit(struct ord_stack_line *line, uint32_t call)
{
    if (call != ORD_LIN_NONE)
        line->calls[line->count++] = call;
}

/* The forest from left to right, and empty answers between its trees. */
static bool write_line(struct ord_stack_fast *s, struct ord_stack_line *line)
{
    const struct ord_queue_fast *q = &s->q;
    uint32_t at = s->first_child[s->long_count];
    uint32_t x = 0;

    line->room = s->long_count * 2 + q->empty_count +
                 (s->has_left ? 0 : q->left_count * 2) + 1;
    line->calls = ord_arena_alloc(q->lin->arena,
                                  (size_t)line->room * sizeof *line->calls);
    if (line->calls == NULL)
        return false;
    while (at != ORD_LIN_NONE && s->long_count > 0) {
        while (s->parent[at] == s->long_count && x < q->empty_count &&
               q->empty_at[x] < s->block_end[at])
            emit(line, q->empties[x++]);
        emit(line, s->longs[at].put);
        if (s->first_child[at] != ORD_LIN_NONE) {
            at = s->first_child[at];
            continue;
        }
        emit(line, s->longs[at].take);
        while (s->next[at] == ORD_LIN_NONE && s->parent[at] != s->long_count) {
            at = s->parent[at];
            emit(line, s->longs[at].take);
        }
        at = s->next[at];
    }
    while (x < q->empty_count)
        emit(line, q->empties[x++]);
    return true;
}

/* Each call of the line as early as it can be, and those left aside between.
 * False in *fits: the line is no order in real time. */
static int conclude_line(struct ord_stack_fast *s,
                         const struct ord_stack_line *line, bool *fits,
                         struct ord_err *err)
{
    struct ord_queue_fast *q = &s->q;
    struct ord_lin *lin = q->lin;
    size_t room = (size_t)line->count + (size_t)q->count * 2 + 1;
    struct ord_point *points =
        ord_arena_alloc(lin->arena, room * sizeof *points);
    uint32_t count = 0;
    uint32_t at = 0;

    if (points == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < line->count; i++) {
        uint32_t call = line->calls[i];

        at = lin->begin[call] > at ? lin->begin[call] : at;
        if (lin->end[call] < at)
            *fits = false;
        points[count++] = (struct ord_point){ord_point_key(at, 0), call};
    }
    for (uint32_t i = 0; i < q->count; i++) {
        const struct ord_element *e = &q->elements[i];
        uint64_t key = 0;

        if (e->take == ORD_LIN_NONE || is_long(s, e))
            continue;
        key = ord_point_key(
            e->put_end < e->take_begin ? e->put_end : e->take_begin, 1);
        points[count++] = (struct ord_point){key, e->put};
        points[count++] = (struct ord_point){key, e->take};
    }
    if (!*fits)
        return ORD_OK;
    lin->outcome = ORD_VALID;
    if (!lin->wants_order)
        return ORD_OK;
    if (!ord_points_sort(lin->arena, points, count))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    return ord_points_conclude(lin, points, count, err);
}

static int conclude(struct ord_stack_fast *s, struct ord_err *err)
{
    struct ord_lin *lin = s->q.lin;
    struct ord_stack_line line = {.count = 0};
    bool must_eat = !s->has_left && s->q.left_count > 0;
    bool fits = true;

    if (!must_eat && !lin->wants_order) {
        lin->outcome = ORD_VALID;
        return ORD_OK;
    }
    if (!write_line(s, &line))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    if (must_eat && ord_stack_eat(&s->q, &line, &fits, err) != ORD_OK)
        return err->rc;
    if (fits && conclude_line(s, &line, &fits, err) != ORD_OK)
        return err->rc;
    lin->is_declined = !fits;
    return ORD_OK;
}

int ord_stack_fast(struct ord_lin *lin, struct ord_err *err)
{
    struct ord_stack_fast s = {.q = {.lin = lin}};

    if (ord_queue_fast_read(&s.q, err) != ORD_OK)
        return err->rc;
    if (lin->is_declined || lin->outcome == ORD_INVALID)
        return ORD_OK;
    s.has_left = s.q.take_count == 0;
    if (ord_queue_fast_empties(&s.q, err) != ORD_OK)
        return err->rc;
    if (lin->outcome == ORD_INVALID)
        return ORD_OK;
    if (!pick_longs(&s) || !count_covers(&s) || !make_forest(&s))
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    if (decompose(&s, err) != ORD_OK)
        return err->rc;
    return lin->outcome == ORD_INVALID ? ORD_OK : conclude(&s, err);
}
