/* model_queue_read.c -- from calls to elements that were put and taken. */
#include "checkers/exact.h"
#include "checkers/model_queue_fast.h"

static bool is_put(const struct ord_lin *lin, uint32_t call)
{
    return lin->f[call] == ORD_F_ENQUEUE || lin->f[call] == ORD_F_PUSH;
}

static uint32_t value_of(const struct ord_lin *lin, uint32_t call)
{
    return is_put(lin, call) ? lin->in[call] : ord_exact_taken(lin, call);
}

/* The answer: these parts, and without any mark all other calls of their
 * elements. */
static int conclude(struct ord_queue_fast *q, const struct ord_lin_part *parts,
                    uint32_t count, struct ord_err *err)
{
    struct ord_lin *lin = q->lin;
    uint8_t *is_in =
        ord_arena_zalloc(lin->arena, (size_t)lin->atom_count + 1, 1);
    struct ord_lin_part *core = NULL;
    uint32_t room = count;

    if (is_in == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = value_of(lin, parts[i].call);

        if (value != ORD_ATOM_NONE && value != ORD_ATOM_NIL)
            is_in[value] = 1;
    }
    for (uint32_t i = 0; i < lin->count; i++)
        room += value_of(lin, i) < lin->atom_count && is_in[value_of(lin, i)];
    core = ord_arena_alloc(lin->arena, ((size_t)room + 1) * sizeof *core);
    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    room = 0;
    for (uint32_t i = 0; i < count; i++)
        core[room++] = parts[i];
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->type[i] != ORD_OP_FAIL && value_of(lin, i) < lin->atom_count &&
            is_in[value_of(lin, i)])
            ord_core_add(core, &room, i, 0);
    }
    lin->is_declined = false;
    ord_core_conclude(lin, core, room);
    return ORD_OK;
}

/* Calls by value, + 1.  Declines where values are not unique, or where one was
 * taken for certain and nobody knows it. */
static int index_calls(struct ord_queue_fast *q, uint32_t *put, uint32_t *take,
                       struct ord_err *err)
{
    struct ord_lin *lin = q->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t value = lin->in[i];

        if (lin->type[i] == ORD_OP_FAIL || !is_put(lin, i))
            continue;
        if (value == ORD_ATOM_NIL || value == ORD_ATOM_NONE ||
            put[value] != 0) {
            lin->is_declined = true;
            return ORD_OK;
        }
        put[value] = i + 1;
    }
    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t value = 0;

        if (lin->type[i] == ORD_OP_FAIL || is_put(lin, i))
            continue;
        value = ord_exact_taken(lin, i);
        if (value == ORD_ATOM_NIL) {
            if (!ord_exact_skips(lin, i, true))
                q->empties[q->empty_count++] = i;
        } else if (value == ORD_ATOM_NONE) {
            lin->is_declined |= lin->end[i] != ORD_CALL_NEVER;
            q->takes[q->take_count++] = i;
        } else if (take[value] == 0 ||
                   lin->end[take[value] - 1] == ORD_CALL_NEVER) {
            take[value] = i + 1;
        } else if (lin->end[i] != ORD_CALL_NEVER && put[value] != 0) {
            struct ord_lin_part parts[3] = {{put[value] - 1, 0},
                                            {take[value] - 1, ORD_KEEP_MUST},
                                            {i, ORD_KEEP_MUST}};

            return conclude(q, parts, 3, err);
        }
    }
    return ORD_OK;
}

/* A take whose value nobody put, or put too late; or whose value may be left
 * after all. */
static int look_at_takes(struct ord_queue_fast *q, const uint32_t *put,
                         const uint32_t *take, struct ord_err *err)
{
    struct ord_lin *lin = q->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        uint32_t value = 0;
        uint32_t by = 0;

        if (lin->type[i] == ORD_OP_FAIL || is_put(lin, i))
            continue;
        value = ord_exact_taken(lin, i);
        if (value == ORD_ATOM_NIL || value == ORD_ATOM_NONE)
            continue;
        by = put[value];
        if (lin->end[i] == ORD_CALL_NEVER) {
            /* It may have taken it or not: the search decides. */
            lin->is_declined |= by != 0 && take[value] == i + 1;
            continue;
        }
        if (by == 0)
            return conclude(q, &(struct ord_lin_part){i, ORD_KEEP_MUST}, 1,
                            err);
        if (lin->end[i] < lin->begin[by - 1]) {
            struct ord_lin_part parts[2] = {{by - 1, ORD_KEEP_BEGIN},
                                            {i, ORD_KEEP_END}};

            return conclude(q, parts, 2, err);
        }
    }
    return ORD_OK;
}

/* take: by value, or by the call that put it; + 1. */
static void make_elements(struct ord_queue_fast *q, const uint32_t *take,
                          bool is_by_call)
{
    const struct ord_lin *lin = q->lin;

    for (uint32_t i = 0; i < lin->count; i++) {
        struct ord_element e = {.put_begin = lin->begin[i],
                                .put_end = lin->end[i],
                                .take_begin = ORD_CALL_NEVER,
                                .take_end = ORD_CALL_NEVER,
                                .put = i,
                                .take = ORD_LIN_NONE};
        uint32_t by = 0;

        if (!is_put(lin, i) || lin->type[i] == ORD_OP_FAIL)
            continue;
        by = take[is_by_call ? i : lin->in[i]];
        if (by == 0 && e.put_end == ORD_CALL_NEVER)
            continue; /* nobody saw it */
        if (by != 0) {
            e.take = by - 1;
            e.take_begin = lin->begin[e.take];
            e.take_end = lin->end[e.take];
            if (e.put_end > e.take_end)
                e.put_end = e.take_end;
            if (e.take_begin < e.put_begin)
                e.take_begin = e.put_begin;
        }
        q->elements[q->count++] = e;
    }
}

static bool sort_elements(struct ord_queue_fast *q)
{
    struct ord_arena *arena = q->lin->arena;
    size_t size = ((size_t)q->count + 1) * sizeof(uint32_t);
    struct ord_point *points =
        ord_arena_alloc(arena, ((size_t)q->count + 1) * sizeof *points);

    q->by_put_end = ord_arena_alloc(arena, size);
    if (points == NULL || q->by_put_end == NULL)
        return false;
    for (uint32_t i = 0; i < q->count; i++) {
        points[i] = (struct ord_point){q->elements[i].put_end, i};
        q->left_count += q->elements[i].take == ORD_LIN_NONE;
    }
    if (!ord_points_sort(arena, points, q->count))
        return false;
    q->left =
        ord_arena_alloc(arena, ((size_t)q->left_count + 1) * sizeof *q->left);
    q->taker =
        ord_arena_alloc(arena, ((size_t)q->left_count + 1) * sizeof *q->taker);
    if (q->left == NULL || q->taker == NULL)
        return false;
    q->left_count = 0;
    for (uint32_t i = 0; i < q->count; i++) {
        q->by_put_end[i] = points[i].call;
        if (q->elements[points[i].call].take == ORD_LIN_NONE) {
            q->taker[q->left_count] = ORD_LIN_NONE;
            q->left[q->left_count++] = points[i].call;
        }
    }
    return true;
}

int ord_queue_fast_read(struct ord_queue_fast *q, struct ord_err *err)
{
    struct ord_lin *lin = q->lin;
    size_t atoms = (size_t)lin->atom_count + 1;
    size_t size = ((size_t)lin->count + 1) * sizeof(uint32_t);
    uint32_t *put = ord_arena_zalloc(lin->arena, atoms, sizeof *put);
    uint32_t *take = ord_arena_zalloc(lin->arena, atoms, sizeof *take);
    uint32_t puts = 0;

    q->takes = ord_arena_alloc(lin->arena, size);
    q->empties = ord_arena_alloc(lin->arena, size);
    q->empty_at = ord_arena_alloc(lin->arena, size);
    for (uint32_t i = 0; i < lin->count; i++)
        puts += is_put(lin, i);
    q->elements =
        ord_arena_alloc(lin->arena, ((size_t)puts + 1) * sizeof *q->elements);
    if (put == NULL || take == NULL || q->takes == NULL || q->empties == NULL ||
        q->empty_at == NULL || q->elements == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    if (index_calls(q, put, take, err) != ORD_OK)
        return err->rc;
    if (lin->is_declined || lin->outcome == ORD_INVALID)
        return ORD_OK;
    if (look_at_takes(q, put, take, err) != ORD_OK)
        return err->rc;
    if (lin->is_declined || lin->outcome == ORD_INVALID)
        return ORD_OK;
    make_elements(q, take, false);
    if (!sort_elements(q))
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    return ORD_OK;
}

int ord_queue_fast_match(struct ord_queue_fast *q, const uint32_t *take,
                         struct ord_err *err)
{
    struct ord_lin *lin = q->lin;
    size_t room = (size_t)lin->count + 1;

    q->elements = ord_arena_alloc(lin->arena, room * sizeof *q->elements);
    q->empties = ord_arena_alloc(lin->arena, room * sizeof *q->empties);
    q->empty_at = ord_arena_alloc(lin->arena, room * sizeof *q->empty_at);
    if (q->elements == NULL || q->empties == NULL || q->empty_at == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < lin->count; i++) {
        if (!is_put(lin, i) && ord_exact_taken(lin, i) == ORD_ATOM_NIL &&
            !ord_exact_skips(lin, i, true))
            q->empties[q->empty_count++] = i;
    }
    make_elements(q, take, true);
    if (!sort_elements(q))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    return ORD_OK;
}

static void add_call(const struct ord_lin *lin, struct ord_lin_part *core,
                     uint32_t *count, uint32_t call, uint32_t *last_end)
{
    unsigned keep = ORD_KEEP_BEGIN;

    if (lin->end[call] != ORD_CALL_NEVER) {
        keep |= ORD_KEEP_END;
        if (lin->end[call] > *last_end)
            *last_end = lin->end[call];
    }
    ord_core_add(core, count, call, keep);
}

int ord_queue_fast_core(struct ord_queue_fast *q, const uint32_t *elements,
                        uint32_t count, uint32_t empty, bool with_left,
                        struct ord_err *err)
{
    struct ord_lin *lin = q->lin;
    size_t room = (size_t)count * 2 + 1 + q->take_count;
    struct ord_lin_part *core =
        ord_arena_alloc(lin->arena, room * sizeof *core);
    uint32_t core_count = 0;
    uint32_t last_end = 0;

    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    if (empty != ORD_LIN_NONE)
        add_call(lin, core, &core_count, empty, &last_end);
    for (uint32_t i = 0; i < count; i++) {
        const struct ord_element *e = &q->elements[elements[i]];

        add_call(lin, core, &core_count, e->put, &last_end);
        if (e->take != ORD_LIN_NONE)
            add_call(lin, core, &core_count, e->take, &last_end);
    }
    for (uint32_t i = 0; with_left && i < q->take_count; i++) {
        if (lin->begin[q->takes[i]] <= last_end)
            ord_core_add(core, &core_count, q->takes[i], ORD_KEEP_BEGIN);
    }
    return conclude(q, core, core_count, err);
}
