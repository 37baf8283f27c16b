#include "checkers/exact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/exact_search.h"

struct ending {
    uint32_t at;
    uint32_t call;
};

static int compare_endings(const void *a, const void *b)
{
    const struct ending *x = a;
    const struct ending *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->call > y->call) - (x->call < y->call);
}

/* What makes two calls interchangeable. */
struct effect {
    uint8_t f;
    uint32_t in;
    uint32_t out;
    uint32_t arg;
};

static struct effect effect_of(const struct exact_search *s, uint32_t call)
{
    const struct ord_lin *lin = s->exact.lin;
    struct effect e = {lin->f[call], lin->in[call], lin->out[call],
                       s->exact.arg[call]};

    switch (e.f) {
    case ORD_F_DEQUEUE:
    case ORD_F_POP:
        e.out = ord_exact_taken(lin, call);
        e.in = 0;
        break;
    case ORD_F_WRITE:
    case ORD_F_PUT:
    case ORD_F_APPEND:
    case ORD_F_ADD:
    case ORD_F_REMOVE:
    case ORD_F_ENQUEUE:
    case ORD_F_PUSH:
        e.out = 0; /* what an acknowledgement carries says nothing */
        break;
    case ORD_F_ACQUIRE:
    case ORD_F_RELEASE:
        e.in = 0;
        e.out = 0;
        break;
    default:
        break;
    }
    return e;
}

static bool is_same(const struct effect *a, const struct effect *b)
{
    return a->f == b->f && a->in == b->in && a->out == b->out &&
           a->arg == b->arg;
}

/* Numbers the effects of all calls that are not dropped. */
static bool find_kinds(struct exact_search *s)
{
    const struct ord_lin *lin = s->exact.lin;
    uint32_t size = 16;
    uint32_t *table = NULL; /* call + 1 */

    while (size < lin->count * 2 && size < UINT32_C(1) << 31)
        size *= 2;
    table = ord_arena_zalloc(lin->arena, size, sizeof *table);
    if (table == NULL)
        return false;
    for (uint32_t i = 0; i < lin->count; i++) {
        struct effect e = effect_of(s, i);
        uint64_t h = ord_map_mix(((uint64_t)e.in << 32 | e.out) ^
                                 ord_map_mix((uint64_t)e.arg << 8 | e.f));
        uint32_t at = (uint32_t)h & (size - 1);

        if (s->exact.drops[i])
            continue;
        while (table[at] != 0) {
            struct effect other = effect_of(s, table[at] - 1);

            if (is_same(&e, &other))
                break;
            at = (at + 1) & (size - 1);
        }
        if (table[at] == 0) {
            table[at] = i + 1;
            s->kind_of[i] = s->kind_count++;
        } else {
            s->kind_of[i] = s->kind_of[table[at] - 1];
        }
    }
    return true;
}

static bool group_crashed(struct exact_search *s)
{
    const struct ord_lin *lin = s->exact.lin;
    uint32_t first = 0;

    s->kinds = ord_arena_zalloc(lin->arena, (size_t)s->kind_count + 1,
                                sizeof *s->kinds);
    if (s->kinds == NULL)
        return false;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (!s->exact.drops[i] && lin->end[i] == ORD_CALL_NEVER)
            s->kinds[s->kind_of[i]].crash_count++;
    }
    for (uint32_t k = 0; k < s->kind_count; k++) {
        s->kinds[k].first = first;
        first += s->kinds[k].crash_count;
        s->kinds[k].crash_count = 0;
    }
    s->crashed =
        ord_arena_zalloc(lin->arena, (size_t)first + 1, sizeof *s->crashed);
    s->live = ord_arena_zalloc(lin->arena, (size_t)s->kind_count + 1,
                               sizeof *s->live);
    if (s->crashed == NULL || s->live == NULL)
        return false;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (!s->exact.drops[i] && lin->end[i] == ORD_CALL_NEVER) {
            struct exact_kind *kind = &s->kinds[s->kind_of[i]];

            s->crashed[kind->first + kind->crash_count++] = i;
        }
    }
    return true;
}

/* Begins and ends in order of place; at one place, begins first. */
static bool order_events(struct exact_search *s)
{
    const struct ord_lin *lin = s->exact.lin;
    struct ending *ends =
        ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) * sizeof *ends);
    uint32_t end_count = 0;
    uint32_t next = 0;
    uint32_t open = 0;
    uint32_t open_max = 0;

    s->events = ord_arena_alloc(lin->arena, ((size_t)lin->count * 2 + 1) *
                                                sizeof *s->events);
    if (ends == NULL || s->events == NULL)
        return false;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (!s->exact.drops[i] && lin->end[i] != ORD_CALL_NEVER)
            ends[end_count++] = (struct ending){lin->end[i], i};
    }
    qsort(ends, end_count, sizeof *ends, compare_endings);
    for (uint32_t i = 0; i <= lin->count; i++) {
        if (i < lin->count && s->exact.drops[i])
            continue;
        for (; next < end_count &&
               (i == lin->count || ends[next].at < lin->begin[i]);
             next++, open--)
            s->events[s->event_count++] =
                (struct exact_event){ends[next].at, ends[next].call, true};
        if (i == lin->count)
            break;
        s->events[s->event_count++] =
            (struct exact_event){lin->begin[i], i, false};
        if (lin->end[i] != ORD_CALL_NEVER)
            open++;
        open_max = open > open_max ? open : open_max;
    }
    s->free_count = open_max;
    s->words = (open_max + 31) / 32 == 0 ? 1 : (open_max + 31) / 32;
    s->stride = EXACT_PLACED + s->words + 1;
    return true;
}

static bool make_slots(struct exact_search *s)
{
    const struct ord_lin *lin = s->exact.lin;

    s->free_slots = ord_arena_zalloc(lin->arena, (size_t)s->free_count + 1,
                                     sizeof *s->free_slots);
    s->open = ord_arena_zalloc(lin->arena, (size_t)s->free_count + 1,
                               sizeof *s->open);
    s->row = ord_arena_zalloc(lin->arena, s->stride, sizeof *s->row);
    s->from = ord_arena_zalloc(lin->arena, s->stride, sizeof *s->from);
    if (s->free_slots == NULL || s->open == NULL || s->row == NULL ||
        s->from == NULL)
        return false;
    for (uint32_t i = 0; i < s->free_count; i++)
        s->free_slots[i] = s->free_count - 1 - i;
    return true;
}

static bool prepare(struct exact_search *s)
{
    const struct ord_lin *lin = s->exact.lin;
    size_t room = (size_t)lin->count + 1;

    s->kind_of = ord_arena_zalloc(lin->arena, room, sizeof *s->kind_of);
    s->slot_of = ord_arena_zalloc(lin->arena, room, sizeof *s->slot_of);
    s->is_look = ord_arena_zalloc(lin->arena, room, 1);
    if (s->kind_of == NULL || s->slot_of == NULL || s->is_look == NULL)
        return false;
    for (uint32_t i = 0; i < lin->count; i++) {
        bool is_look = s->exact.model->looks != NULL &&
                       s->exact.model->looks(&s->exact, i);

        s->is_look[i] = is_look;
        if (ord_exact_skips(lin, i, is_look))
            s->exact.drops[i] = 1;
    }
    return find_kinds(s) && group_crashed(s) && order_events(s) &&
           make_slots(s);
}

/* Shares what is left of the budget among states, layers and traces. */
static bool take_memory(struct exact_search *s)
{
    const struct ord_arena *arena = s->exact.lin->arena;
    size_t left = arena->size_max - arena->taken_size;
    uint32_t key_max = s->exact.model->key_max(&s->exact);

    if (key_max < s->kind_count)
        key_max = s->kind_count;
    if (left / 16 == 0)
        return false;
    ord_arena_init(&s->trace_memory, left / 8);
    return exact_layer_init(s, &s->layers[0], left / 8) &&
           exact_layer_init(s, &s->layers[1], left / 8) &&
           exact_layer_init(s, &s->work, left / 8) &&
           ord_map_init(&s->exact.map, key_max, left / 2);
}

static void give_back(struct exact_search *s)
{
    ord_map_fini(&s->exact.map);
    for (uint32_t i = 0; i < 2; i++) {
        if (s->layers[i].memory.size_max != 0)
            ord_arena_fini(&s->layers[i].memory);
    }
    if (s->work.memory.size_max != 0)
        ord_arena_fini(&s->work.memory);
    if (s->trace_memory.size_max != 0)
        ord_arena_fini(&s->trace_memory);
}

static int conclude_valid(struct exact_search *s, struct ord_err *err)
{
    struct ord_lin *lin = s->exact.lin;
    const struct exact_layer *layer = &s->layers[s->current];
    uint32_t last = 0;
    uint32_t count = 0;
    uint32_t *order = NULL;
    uint32_t *notes = NULL;

    ORD_ASSERT(layer->count > 0);
    lin->outcome = ORD_VALID;
    if (!lin->wants_order)
        return ORD_OK;
    last = layer->at[s->stride - 1];
    for (uint32_t at = last; at != EXACT_NONE; at = s->traces[at].parent)
        count++;
    order = ord_arena_alloc(lin->arena, ((size_t)count + 1) * sizeof *order);
    notes = ord_arena_alloc(lin->arena, ((size_t)count + 1) * sizeof *notes);
    if (order == NULL || notes == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    lin->order_count = count;
    for (uint32_t at = last; at != EXACT_NONE; at = s->traces[at].parent) {
        order[--count] = s->traces[at].call;
        notes[count] = s->traces[at].note;
    }
    if (s->exact.model->finish != NULL)
        return s->exact.model->finish(&s->exact, order, notes, lin->order_count,
                                      err);
    lin->order = order;
    return ORD_OK;
}

/* The shortest bad prefix: all that began up to where it died. */
static int conclude_dead(struct exact_search *s, uint32_t event,
                         struct ord_err *err)
{
    struct ord_lin *lin = s->exact.lin;
    uint32_t died = s->events[event].at;
    uint32_t place = s->exact.peeked > died ? s->exact.peeked : died;
    struct ord_lin_part *core =
        ord_arena_alloc(lin->arena, ((size_t)lin->count + 1) * sizeof *core);

    if (core == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the core");
    lin->outcome = ORD_INVALID;
    for (uint32_t i = 0; i < lin->count && lin->begin[i] <= place; i++) {
        uint8_t keep = ORD_KEEP_BEGIN;

        if (ord_exact_skips(lin, i, s->is_look[i]))
            continue;
        if (lin->end[i] <= place)
            keep |= ORD_KEEP_END | ORD_KEEP_MUST;
        core[lin->core_count++] = (struct ord_lin_part){i, keep};
    }
    lin->core = core;
    return ORD_OK;
}

static int run(struct exact_search *s, const struct ord_state *start,
               struct ord_err *err)
{
    struct ord_lin *lin = s->exact.lin;
    uint32_t event = 0;

    if (!take_memory(s))
        return ord_fail(err, ORD_ENOMEM, "no memory for the search");
    event = exact_run(s, start);
    if (s->stuck != NULL) {
        lin->undecided_from = s->event_count == 0 ? 0 : s->events[event].at;
        lin->undecided_to = lin->event_count;
        (void)snprintf(lin->why, sizeof lin->why, "%s", s->stuck);
        return ORD_OK;
    }
    if (s->is_dead)
        return conclude_dead(s, event, err);
    return conclude_valid(s, err);
}

int ord_exact_decide(const struct ord_exact_model *model, struct ord_lin *lin,
                     struct ord_err *err)
{
    struct exact_search s = {.exact = {.lin = lin, .model = model},
                             .is_traced = lin->wants_order};
    struct ord_state start = {0};
    size_t room = (size_t)lin->count + 1;
    int rc = ORD_OK;

    ORD_ASSERT(model->step != NULL);
    ORD_ASSERT(model->key_max != NULL);
    s.exact.drops = ord_arena_zalloc(lin->arena, room, 1);
    s.exact.arg = ord_arena_zalloc(lin->arena, room, sizeof *s.exact.arg);
    s.exact.root = ord_arena_zalloc(lin->arena, room, sizeof *s.exact.root);
    if (s.exact.drops == NULL || s.exact.arg == NULL || s.exact.root == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u calls", lin->count);
    if (model->init != NULL)
        rc = model->init(&s.exact, &start, err);
    if (rc == ORD_OK && !prepare(&s))
        rc = ord_fail(err, ORD_ENOMEM, "no memory for %u calls", lin->count);
    if (rc == ORD_OK)
        rc = run(&s, &start, err);
    give_back(&s);
    return rc;
}
