/* model_set.c -- add, remove, contains, and reads of the whole.
 *
 * Each element's truth is an object of its own (Horn and Kroening, FORTE 2015)
 * as long as nobody reads the whole.  An element that was added and removed at
 * most once is absent, then present, then absent: added as late as possible
 * and removed as early as possible, it fits everyone whom it can fit.
 */
#include <string.h>

#include "checkers/model_points.h"
#include "checkers/model_sets.h"
#include "checkers/models.h"

struct element {
    uint32_t add; /* call + 1 */
    uint32_t remove;
    uint32_t present_end;   /* first end of those that saw it; NEVER: none */
    uint32_t present_begin; /* last begin of those */
    uint32_t absent_begin;  /* last begin of those that did not */
    uint32_t added;         /* place; NEVER: not at all */
    uint32_t removed;       /* place; NEVER: not, or before */
    bool is_hard;           /* added or removed more than once */
    bool is_bad;
    bool is_seen;
};

enum ord_set_does ord_set_does(const struct ord_lin *lin, uint32_t call)
{
    uint32_t out = lin->out[call];
    bool is_told = lin->type[call] == ORD_OP_OK || out != ORD_ATOM_NONE;
    struct ord_value v = ord_value_nil();

    if (lin->type[call] == ORD_OP_FAIL)
        return ORD_SET_SKIP;
    if (lin->f[call] == ORD_F_READ)
        return ord_exact_skips(lin, call, true) ? ORD_SET_SKIP : ORD_SET_READ;
    if (lin->f[call] == ORD_F_CONTAINS) {
        if (ord_exact_skips(lin, call, true))
            return ORD_SET_SKIP;
        v = ord_lin_value(lin, out);
        return v.kind != ORD_NIL && v.kind < ORD_TEXT && v.as.number != 0
                   ? ORD_SET_PRESENT
                   : ORD_SET_ABSENT;
    }
    if (is_told && out != lin->in[call] && out != ORD_ATOM_NONE)
        v = ord_lin_value(lin, out);
    if (lin->f[call] == ORD_F_ADD) {
        if (v.kind != ORD_BOOL)
            return ORD_SET_ADD;
        if (v.as.number != 0)
            return ORD_SET_ADDED;
        return lin->end[call] == ORD_CALL_NEVER ? ORD_SET_SKIP
                                                : ORD_SET_PRESENT;
    }
    if (v.kind != ORD_BOOL)
        return ORD_SET_REMOVE;
    if (v.as.number != 0)
        return ORD_SET_REMOVED;
    return lin->end[call] == ORD_CALL_NEVER ? ORD_SET_SKIP : ORD_SET_ABSENT;
}

uint32_t ord_set_items(const struct ord_lin *lin, uint32_t call,
                       const uint32_t **items)
{
    uint32_t atom = lin->out[call];

    if (lin->atom_of != NULL)
        atom = lin->atom_of[atom];
    return ord_atom_items(lin->calls, atom, items);
}

int ord_set_validate(const struct ord_lin *lin, struct ord_err *err)
{
    for (uint32_t i = 0; i < lin->count; i++) {
        struct ord_value v;

        if (lin->f[i] != ORD_F_READ || ord_set_does(lin, i) != ORD_SET_READ)
            continue;
        v = ord_lin_value(lin, lin->out[i]);
        if (v.kind != ORD_LIST && v.kind != ORD_NIL)
            return ord_fail(err, ORD_EFORMAT,
                            "the read at %u brought no list of elements",
                            lin->begin[i]);
    }
    return ORD_OK;
}

static uint32_t low(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t high(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t element_of(const struct ord_lin *lin, uint32_t call)
{
    return low(lin->in[call], lin->atom_count); /* where in is NONE: none */
}

static void gather(const struct ord_lin *lin, struct element *elements)
{
    for (uint32_t i = 0; i < lin->count; i++) {
        struct element *e = &elements[element_of(lin, i)];

        switch (ord_set_does(lin, i)) {
        case ORD_SET_ADDED:
        case ORD_SET_ADD:
            e->is_hard |= e->add != 0;
            e->add = i + 1;
            break;
        case ORD_SET_REMOVED:
        case ORD_SET_REMOVE:
            e->is_hard |= e->remove != 0;
            e->remove = i + 1;
            break;
        case ORD_SET_PRESENT:
            e->present_end = low(e->present_end, lin->end[i]);
            e->present_begin = high(e->present_begin, lin->begin[i]);
            e->is_seen = true;
            break;
        case ORD_SET_ABSENT:
            e->absent_begin = high(e->absent_begin, lin->begin[i]);
            break;
        default:
            break;
        }
    }
}

/* Where an element that is not hard was added and removed, leaving aside who
 * saw it absent after it was removed: place() looks at those. */
static void settle(const struct ord_lin *lin, struct element *e)
{
    uint32_t add = e->add - 1;
    uint32_t remove = e->remove - 1;
    bool has_remove = e->remove != 0;
    bool is_removed =
        has_remove && ord_set_does(lin, remove) == ORD_SET_REMOVED;
    bool must_remove = has_remove && lin->end[remove] != ORD_CALL_NEVER;

    e->added = ORD_CALL_NEVER;
    e->removed = ORD_CALL_NEVER;
    if (e->add == 0 || (lin->end[add] == ORD_CALL_NEVER && !e->is_seen &&
                        !(is_removed && must_remove))) {
        e->is_bad = e->add == 0 && (e->is_seen || (is_removed && must_remove));
        return;
    }
    /* Removed before, or never. */
    e->added = low(lin->end[add], e->present_end);
    if (lin->begin[add] <= e->added && e->absent_begin <= e->added &&
        (!must_remove || (!is_removed && lin->begin[remove] <= e->added)))
        return;
    e->is_bad = true;
    if (!has_remove)
        return;
    e->added = low(e->added, lin->end[remove]);
    e->removed = high(high(lin->begin[remove], e->added), e->present_begin);
    e->is_bad = lin->begin[add] > e->added || e->removed > lin->end[remove];
}

/* The point of a call of an element that is fine so far; false: it did not
 * happen. */
static bool place(const struct ord_lin *lin, uint32_t call, struct element *e,
                  struct ord_point *point)
{
    uint32_t begin = lin->begin[call];

    point->call = call;
    switch (ord_set_does(lin, call)) {
    case ORD_SET_ADDED:
    case ORD_SET_ADD:
        point->key = ord_point_key(e->added, 1);
        return e->added != ORD_CALL_NEVER;
    case ORD_SET_REMOVE:
    case ORD_SET_REMOVED:
        if (e->removed != ORD_CALL_NEVER)
            point->key = ord_point_key(e->removed, 3);
        else if (lin->end[call] != ORD_CALL_NEVER)
            point->key = ord_point_key(begin, 0);
        else
            return false;
        return true;
    case ORD_SET_PRESENT:
        point->key = ord_point_key(high(begin, e->added), 2);
        return true;
    case ORD_SET_ABSENT:
        if (begin <= e->added) {
            point->key = ord_point_key(begin, 0);
            return true;
        }
        point->key = ord_point_key(high(begin, e->removed), 4);
        e->is_bad |= lin->end[call] < e->removed;
        return true;
    default:
        return false;
    }
}

/* All calls of an element that contradict each other. */
static int conclude_bad(struct ord_lin *lin, uint32_t element,
                        struct ord_err *err)
{
    struct ord_lin_part *core = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < lin->count; i++)
        count += element_of(lin, i) == element;
    core = ord_arena_alloc(lin->arena, ((size_t)count + 1) * sizeof *core);
    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    count = 0;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (element_of(lin, i) == element &&
            ord_set_does(lin, i) != ORD_SET_SKIP)
            ord_core_add(core, &count, i,
                         lin->end[i] == ORD_CALL_NEVER
                             ? ORD_KEEP_BEGIN
                             : ORD_KEEP_BEGIN | ORD_KEEP_END);
    }
    ord_core_conclude(lin, core, count);
    return ORD_OK;
}

struct split {
    struct ord_lin *lin;
    struct element *elements;
    struct ord_point *points;
    uint32_t point_count;
    bool is_unknown;
};

/* The hard elements, one after the other. */
static int decide_hard(struct split *split, struct ord_err *err)
{
    struct ord_lin *lin = split->lin;
    struct ord_arena scratch;
    uint32_t *first = ord_arena_zalloc(lin->arena, (size_t)lin->atom_count + 3,
                                       sizeof *first);
    uint32_t *calls =
        ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) * sizeof *calls);
    int rc = ORD_OK;

    if (first == NULL || calls == NULL ||
        lin->arena->taken_size >= lin->arena->size_max)
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    for (uint32_t i = 0; i < lin->count; i++)
        first[element_of(lin, i) + 2] +=
            split->elements[element_of(lin, i)].is_hard;
    for (uint32_t e = 2; e < lin->atom_count + 3; e++)
        first[e] += first[e - 1];
    for (uint32_t i = 0; i < lin->count; i++) {
        if (split->elements[element_of(lin, i)].is_hard)
            calls[first[element_of(lin, i) + 1]++] = i;
    }
    ord_arena_init(&scratch, lin->arena->size_max - lin->arena->taken_size);
    for (uint32_t e = 0;
         e <= lin->atom_count && rc == ORD_OK && lin->outcome != ORD_INVALID;
         e++) {
        struct ord_set_part part = {.calls = &calls[first[e]],
                                    .count = first[e + 1] - first[e]};
        uint32_t at = 0;

        if (!split->elements[e].is_hard)
            continue;
        ord_arena_reset(&scratch);
        rc = ord_set_decide_part(lin, &part, &scratch, err);
        split->is_unknown |= lin->outcome == ORD_UNKNOWN;
        for (uint32_t i = 0; i < part.order_count; i++) {
            at = high(at, lin->begin[part.order[i]]);
            split->points[split->point_count++] = (struct ord_point){
                .key = ord_point_key(at, 0), .call = part.order[i]};
        }
    }
    ord_arena_fini(&scratch);
    return rc;
}

int ord_set_elements(struct ord_lin *lin, struct ord_err *err)
{
    struct split split = {.lin = lin};
    bool is_any_hard = false;

    split.elements = ord_arena_zalloc(lin->arena, (size_t)lin->atom_count + 1,
                                      sizeof *split.elements);
    split.points = ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) *
                                                   sizeof *split.points);
    if (split.elements == NULL || split.points == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the elements");
    for (uint32_t e = 0; e <= lin->atom_count; e++)
        split.elements[e].present_end = ORD_CALL_NEVER;
    gather(lin, split.elements);
    for (uint32_t e = 0; e <= lin->atom_count; e++) {
        if (split.elements[e].is_hard)
            is_any_hard = true;
        else
            settle(lin, &split.elements[e]);
    }
    for (uint32_t i = 0; i < lin->count; i++) {
        struct element *e = &split.elements[element_of(lin, i)];

        if (!e->is_hard && !e->is_bad &&
            place(lin, i, e, &split.points[split.point_count]))
            split.point_count++;
        if (e->is_bad)
            return conclude_bad(lin, element_of(lin, i), err);
    }
    if (is_any_hard && decide_hard(&split, err) != ORD_OK)
        return err->rc;
    if (lin->outcome == ORD_INVALID)
        return ORD_OK;
    lin->outcome = split.is_unknown ? ORD_UNKNOWN : ORD_VALID;
    if (split.is_unknown || !lin->wants_order)
        return ORD_OK;
    if (!ord_points_sort(lin->arena, split.points, split.point_count))
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    return ord_points_conclude(lin, split.points, split.point_count, err);
}

static bool has_reads(const struct ord_lin *lin)
{
    for (uint32_t i = 0; i < lin->count; i++) {
        if (lin->f[i] == ORD_F_READ && ord_set_does(lin, i) == ORD_SET_READ)
            return true;
    }
    return false;
}

static int set_fast(struct ord_lin *lin, struct ord_err *err)
{
    if (!has_reads(lin))
        return ord_set_elements(lin, err);
    if (ord_set_validate(lin, err) != ORD_OK)
        return err->rc;
    return ord_set_reads(lin, err);
}

const struct ord_model ord_model_set = {
    .name = "set",
    .about = "add, remove, contains (truth), read (all); empty at first",
    .law = "an element is in the set from its add to its remove",
    .fs = UINT64_C(1) << ORD_F_ADD | UINT64_C(1) << ORD_F_REMOVE |
          UINT64_C(1) << ORD_F_CONTAINS | UINT64_C(1) << ORD_F_READ,
    .fast = set_fast,
    .exact = ord_set_exact,
};
