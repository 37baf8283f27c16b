/* model_set_exact.c -- any set: the exact search.
 *
 * State: element -> 1, elements as atoms of the history.  The answer of a read
 * of the whole is a map, too, made once when it begins, so that comparing is
 * comparing two roots.
 */
#include <string.h>

#include "checkers/model_sets.h"

struct set {
    uint8_t *does; /* by call, enum ord_set_does */
    bool has_reads;
};

static uint32_t history_atom(const struct ord_lin *lin, uint32_t atom)
{
    return atom == ORD_ATOM_NONE || lin->atom_of == NULL ? atom
                                                         : lin->atom_of[atom];
}

static int exact_init(struct ord_exact *exact, struct ord_state *start,
                      struct ord_err *err)
{
    const struct ord_lin *lin = exact->lin;
    struct set *set = ord_arena_zalloc(lin->arena, 1, sizeof *set);

    *start = (struct ord_state){0};
    if (set != NULL)
        set->does = ord_arena_zalloc(lin->arena, (size_t)lin->count + 1, 1);
    if (set == NULL || set->does == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls", lin->count);
    exact->own = set;
    for (uint32_t i = 0; i < lin->count; i++) {
        set->does[i] = (uint8_t)ord_set_does(lin, i);
        set->has_reads |= set->does[i] == ORD_SET_READ;
        exact->arg[i] = set->does[i];
        if (set->does[i] == ORD_SET_SKIP)
            exact->drops[i] = 1;
    }
    return ORD_OK;
}

static uint32_t exact_key_max(const struct ord_exact *exact)
{
    const struct ord_lin *lin = exact->lin;

    return lin->calls == NULL ? lin->atom_count : lin->calls->atom_count;
}

static bool exact_looks(const struct ord_exact *exact, uint32_t call)
{
    const struct set *set = exact->own;

    return set->does[call] == ORD_SET_READ ||
           set->does[call] == ORD_SET_PRESENT ||
           set->does[call] == ORD_SET_ABSENT;
}

static bool exact_begin(struct ord_exact *exact, uint32_t call)
{
    const struct set *set = exact->own;
    const uint32_t *items = NULL;
    uint32_t count = 0;
    uint32_t root = 0;

    if (set->does[call] != ORD_SET_READ)
        return true;
    count = ord_set_items(exact->lin, call, &items);
    for (uint32_t i = 0; i < count && root != ORD_MAP_FULL; i++)
        root = ord_map_set(&exact->map, root, items[i], 1);
    exact->root[call] = root;
    return root != ORD_MAP_FULL;
}

static bool exact_step(struct ord_exact *exact, const struct ord_state *from,
                       uint32_t call, uint32_t nth, struct ord_state *to)
{
    const struct set *set = exact->own;
    uint32_t element = history_atom(exact->lin, exact->lin->in[call]);
    bool is_there = false;

    *to = *from;
    if (nth > 0)
        return false;
    if (set->does[call] == ORD_SET_READ)
        return from->root == exact->root[call];
    is_there = ord_map_get(&exact->map, from->root, element) != 0;
    switch (set->does[call]) {
    case ORD_SET_ADDED:
    case ORD_SET_ADD:
        to->root = ord_map_set(&exact->map, from->root, element, 1);
        return !is_there || set->does[call] == ORD_SET_ADD;
    case ORD_SET_REMOVE:
    case ORD_SET_REMOVED:
        to->root = ord_map_set(&exact->map, from->root, element, 0);
        return is_there || set->does[call] == ORD_SET_REMOVE;
    case ORD_SET_PRESENT:
        return is_there;
    case ORD_SET_ABSENT:
        return !is_there;
    default:
        return false;
    }
}

/* Calls on different elements commute; a read of the whole sees them all. */
static bool exact_helps(struct ord_exact *exact, const struct ord_state *state,
                        uint32_t call, uint32_t other)
{
    const struct set *set = exact->own;

    (void)state;
    return set->does[call] == ORD_SET_READ ||
           exact->lin->in[call] == exact->lin->in[other] ||
           (set->has_reads && exact->open_looks > 0);
}

static const struct ord_exact_model set_exact = {
    .init = exact_init,
    .key_max = exact_key_max,
    .begin = exact_begin,
    .step = exact_step,
    .looks = exact_looks,
    .helps = exact_helps,
};

struct columns {
    uint32_t *begin;
    uint32_t *end;
    uint32_t *in;
    uint32_t *out;
    uint8_t *f;
    uint8_t *type;
    uint8_t *is_final;
};

static bool columns_init(struct columns *to, struct ord_arena *arena,
                         uint32_t count)
{
    size_t size = (size_t)count * sizeof *to->begin + 1;

    to->begin = ord_arena_alloc(arena, size);
    to->end = ord_arena_alloc(arena, size);
    to->in = ord_arena_alloc(arena, size);
    to->out = ord_arena_alloc(arena, size);
    to->f = ord_arena_alloc(arena, (size_t)count + 1);
    to->type = ord_arena_alloc(arena, (size_t)count + 1);
    to->is_final = ord_arena_zalloc(arena, (size_t)count + 1, 1);
    return to->begin != NULL && to->end != NULL && to->in != NULL &&
           to->out != NULL && to->f != NULL && to->type != NULL &&
           to->is_final != NULL;
}

/* The answer about the part as one about the whole. */
static int keep_answer(struct ord_lin *lin, const struct ord_lin *sub,
                       struct ord_set_part *part, struct ord_arena *scratch,
                       struct ord_err *err)
{
    struct ord_lin_part *core = NULL;
    uint32_t *order = NULL;

    lin->outcome = sub->outcome;
    if (sub->outcome == ORD_UNKNOWN) {
        lin->undecided_from = sub->undecided_from;
        lin->undecided_to = sub->undecided_to;
        memcpy(lin->why, sub->why, sizeof lin->why);
        return ORD_OK;
    }
    if (sub->outcome == ORD_VALID) {
        order = ord_arena_alloc(scratch,
                                ((size_t)sub->order_count + 1) * sizeof *order);
        if (order == NULL)
            return ord_fail(err, ORD_ENOMEM, "no memory for the order");
        for (uint32_t i = 0; i < sub->order_count; i++)
            order[i] = part->calls[sub->order[i]];
        part->order = order;
        part->order_count = sub->order_count;
        return ORD_OK;
    }
    core = ord_arena_alloc(lin->arena,
                           ((size_t)sub->core_count + 1) * sizeof *core);
    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    for (uint32_t i = 0; i < sub->core_count; i++)
        core[i] = (struct ord_lin_part){part->calls[sub->core[i].call],
                                        sub->core[i].keep};
    lin->core = core;
    lin->core_count = sub->core_count;
    return ORD_OK;
}

int ord_set_decide_part(struct ord_lin *lin, struct ord_set_part *part,
                        struct ord_arena *scratch, struct ord_err *err)
{
    struct ord_lin sub = {.count = part->count,
                          .event_count = lin->event_count,
                          .atom_count = lin->atom_count,
                          .calls = lin->calls,
                          .atom_of = lin->atom_of,
                          .arena = scratch,
                          .steps_left = lin->steps_left,
                          .wants_order = lin->wants_order};
    struct columns to;

    if (!columns_init(&to, scratch, part->count))
        return ord_fail(err, ORD_ENOMEM, "no memory for an element");
    for (uint32_t i = 0; i < part->count; i++) {
        uint32_t call = part->calls[i];

        to.begin[i] = lin->begin[call];
        to.end[i] = lin->end[call];
        to.in[i] = lin->in[call];
        to.out[i] = lin->out[call];
        to.f[i] = lin->f[call];
        to.type[i] = lin->type[call];
        if (lin->is_final != NULL)
            to.is_final[i] = lin->is_final[call];
    }
    sub.begin = to.begin;
    sub.end = to.end;
    sub.in = to.in;
    sub.out = to.out;
    sub.f = to.f;
    sub.type = to.type;
    sub.is_final = to.is_final;
    if (ord_exact_decide(&set_exact, &sub, err) != ORD_OK)
        return err->rc;
    return keep_answer(lin, &sub, part, scratch, err);
}

int ord_set_exact(struct ord_lin *lin, struct ord_err *err)
{
    if (ord_set_validate(lin, err) != ORD_OK)
        return err->rc;
    return ord_exact_decide(&set_exact, lin, err);
}
