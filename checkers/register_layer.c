/* register_layer.c -- what may be the case at one moment, and how it came. */
#include <stdlib.h>
#include <string.h>

#include "checkers/register_search.h"

enum { LAYER_ROOM = 16 };

/* ---- memory ------------------------------------------------------------- */

static struct layer *layer_new(struct search *s)
{
    struct ord_arena *arena = s->lin->arena;
    struct layer *layer = ord_arena_zalloc(arena, 1, sizeof *layer);

    if (layer == NULL)
        return NULL;
    layer->room = LAYER_ROOM;
    layer->at = ord_arena_alloc(arena, (size_t)layer->room * s->stride);
    layer->next =
        ord_arena_alloc(arena, (size_t)layer->room * sizeof *layer->next);
    return layer->at == NULL || layer->next == NULL ? NULL : layer;
}

static bool layer_grow(struct search *s, struct layer *layer)
{
    struct ord_arena *arena = s->lin->arena;
    uint32_t room = layer->room * 2;
    char *at = NULL;
    uint32_t *next = NULL;

    if (layer->room >= LAYER_MAX) {
        s->stuck = "too many states are possible";
        return false;
    }
    at = ord_arena_alloc(arena, (size_t)room * s->stride);
    next = ord_arena_alloc(arena, (size_t)room * sizeof *next);
    if (at == NULL || next == NULL) {
        s->stuck = "the memory is used up";
        return false;
    }
    memcpy(at, layer->at, (size_t)layer->count * s->stride);
    memcpy(next, layer->next, (size_t)layer->count * sizeof *next);
    layer->at = at;
    layer->next = next;
    layer->room = room;
    return true;
}

bool ord_rs_layers(struct search *s)
{
    struct ord_arena *arena = s->lin->arena;

    s->layer = layer_new(s);
    s->spare = layer_new(s);
    s->work = layer_new(s);
    s->from = ord_arena_zalloc(arena, 1, s->stride);
    s->to = ord_arena_zalloc(arena, 1, s->stride);
    return s->layer != NULL && s->spare != NULL && s->work != NULL &&
           s->from != NULL && s->to != NULL;
}

void ord_rs_clear(struct search *s, struct layer *layer)
{
    if (layer->count > BUCKETS)
        memset(layer->head, 0, sizeof layer->head);
    for (uint32_t i = 0; i < layer->count && i <= BUCKETS; i++)
        layer->head[config_at(s, layer, i)->value % BUCKETS] = 0;
    layer->count = layer->holes = 0;
}

/* ---- what is in it ------------------------------------------------------ */

/* Whatever b can still do, a can.  Same value. */
static bool dominates(const struct search *s, struct config *a,
                      struct config *b)
{
    if (a->freed < b->freed)
        return false;
    for (uint32_t w = 0; w < s->words; w++) {
        uint64_t x = a->words[w];
        uint64_t y = b->words[w];

        /* A read that b has behind it; a write that b may still use; a cas,
         * which is both. */
        if (((x ^ y) &
             (s->cases[w] | (y & s->reads[w]) | (x & s->writes[w]))) != 0)
            return false;
    }
    if (s->is_relaxed || s->kinds == 0)
        return true;
    if (!s->is_exact)
        return a->used_sum <= b->used_sum;
    for (uint32_t i = 0; i < s->kinds; i++) {
        if (counts_of(s, a)[i] > counts_of(s, b)[i])
            return false;
    }
    return true;
}

static void append(struct search *s, struct layer *layer,
                   const struct config *config)
{
    uint32_t bucket = config->value % BUCKETS;

    if (layer->count == layer->room && !layer_grow(s, layer))
        return;
    memcpy(config_at(s, layer, layer->count), config, s->stride);
    layer->next[layer->count] = layer->head[bucket];
    layer->head[bucket] = ++layer->count;
}

void ord_rs_add(struct search *s, struct layer *layer,
                const struct config *config, uint32_t keep)
{
    struct config *it = (struct config *)config;
    uint32_t *link = &layer->head[config->value % BUCKETS];
    bool has_place = false;
    uint64_t count = 1;

    while (*link != 0) {
        uint32_t i = *link - 1;
        struct config *other = config_at(s, layer, i);

        count++;
        if (other->value != config->value) {
            link = &layer->next[i];
            continue;
        }
        if (!has_place && dominates(s, other, it))
            break;
        if (i < keep || !dominates(s, it, other)) {
            link = &layer->next[i];
            continue;
        }
        if (!has_place) {
            memcpy(other, config, s->stride);
            has_place = true;
            link = &layer->next[i];
        } else {
            other->value = NONE;
            layer->holes++;
            *link = layer->next[i];
        }
    }
    if (s->steps < count) {
        s->steps = 0;
        s->stuck = "the budget of steps is used up";
        return;
    }
    s->steps -= count;
    if (*link == 0 && !has_place)
        append(s, layer, config);
}

static void chain_all(struct search *s, struct layer *layer)
{
    memset(layer->head, 0, sizeof layer->head);
    for (uint32_t i = 0; i < layer->count; i++) {
        uint32_t bucket = config_at(s, layer, i)->value % BUCKETS;

        layer->next[i] = layer->head[bucket];
        layer->head[bucket] = i + 1;
    }
}

void ord_rs_pack(struct search *s, struct layer *layer)
{
    uint32_t count = 0;

    if (layer->holes == 0)
        return;
    for (uint32_t i = 0; i < layer->count; i++) {
        struct config *config = config_at(s, layer, i);

        if (config->value == NONE)
            continue;
        if (i != count)
            memcpy(config_at(s, layer, count), config, s->stride);
        count++;
    }
    layer->count = count;
    layer->holes = 0;
    chain_all(s, layer);
}

/* ---- the best of many --------------------------------------------------- */

struct rank {
    uint32_t cost;
    uint32_t i;
};

static int compare_ranks(const void *a, const void *b)
{
    const struct rank *x = a;
    const struct rank *y = b;

    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

/* How much is still to be done: reads that wait, cas that wait; and what was
 * spent. */
static uint32_t cost_of(const struct search *s, const struct config *config)
{
    uint32_t cost = 4 * config->used_sum;

    for (uint32_t w = 0; w < s->words; w++) {
        uint64_t left = s->is_open[w] & ~config->words[w];
        uint64_t used = s->is_open[w] & config->words[w];

        cost += 2 * (uint32_t)__builtin_popcountll(left & s->reads[w]) +
                2 * (uint32_t)__builtin_popcountll(left & s->cases[w]) +
                (uint32_t)__builtin_popcountll(used & s->writes[w]);
    }
    for (uint32_t i = s->write_count; i-- > 0;) {
        if (s->write_begins[i] < config->freed)
            break;
        cost++;
    }
    return cost;
}

void ord_rs_narrow(struct search *s, struct layer *layer)
{
    struct rank *ranks = NULL;
    uint32_t count = 0;

    if (s->width == 0 || layer->count <= s->width)
        return;
    s->was_narrowed = true;
    /* The layer for work is idle: its memory holds the ranks. */
    ord_rs_clear(s, s->work);
    while ((size_t)s->work->room * s->stride < layer->count * sizeof *ranks) {
        if (!layer_grow(s, s->work))
            return;
    }
    ranks = (struct rank *)(void *)s->work->at;
    for (uint32_t i = 0; i < layer->count; i++)
        ranks[i] = (struct rank){cost_of(s, config_at(s, layer, i)), i};
    qsort(ranks, layer->count, sizeof *ranks, compare_ranks);
    for (uint32_t i = s->width; i < layer->count; i++)
        config_at(s, layer, ranks[i].i)->value = NONE;
    count = layer->count - s->width;
    layer->holes = count;
    ord_rs_pack(s, layer);
}

/* ---- how it came about -------------------------------------------------- */

static bool grow_traces(struct search *s)
{
    uint32_t room = s->trace_room == 0 ? 256 : s->trace_room * 2;
    struct trace *traces = NULL;

    if (s->trace_room > UINT32_MAX / 4)
        return false;
    traces = ord_arena_alloc(s->lin->arena, (size_t)room * sizeof *traces);
    s->moved = ord_arena_alloc(s->lin->arena, (size_t)room * sizeof *s->moved);
    if (traces == NULL || s->moved == NULL)
        return false;
    if (s->trace_count > 0)
        memcpy(traces, s->traces, (size_t)s->trace_count * sizeof *traces);
    s->traces = traces;
    s->trace_room = room;
    return true;
}

void ord_rs_trace(struct search *s, struct config *config, uint32_t call,
                  bool is_hidden)
{
    if (!s->is_traced)
        return;
    if (s->trace_count == s->trace_room && !grow_traces(s)) {
        s->is_traced = false; /* decide all the same, without the order */
        return;
    }
    s->traces[s->trace_count] =
        (struct trace){config->trace, 2 * call + is_hidden, s->event};
    config->trace = s->trace_count++;
}

static void each_config(struct search *s,
                        void (*visit)(struct search *s, struct config *config))
{
    for (uint32_t i = 0; i < s->layer->count; i++)
        visit(s, config_at(s, s->layer, i));
    for (uint32_t k = 0; k < s->snapshot_count; k++) {
        struct snapshot *snapshot = &s->snapshots[k];

        for (uint32_t i = 0; i < snapshot->count; i++)
            visit(s, (struct config *)(void *)(snapshot->at +
                                               (size_t)i * s->stride));
    }
}

static void mark(struct search *s, struct config *config)
{
    if (config->trace != NONE)
        s->moved[config->trace] = 1;
}

static void move(struct search *s, struct config *config)
{
    if (config->trace != NONE)
        config->trace = s->moved[config->trace];
}

/* Keeps only the traces that lead to what is still there; parents come before
 * their children, so one pass down marks and one up moves. */
static void sweep(struct search *s)
{
    uint32_t count = 0;

    if (!s->is_traced || s->trace_count < SWEEP_MIN ||
        s->trace_count / 2 < s->trace_kept)
        return;
    memset(s->moved, 0, (size_t)s->trace_count * sizeof *s->moved);
    each_config(s, mark);
    for (uint32_t i = s->trace_count; i-- > 0;) {
        if (s->moved[i] != 0 && s->traces[i].parent != NONE)
            s->moved[s->traces[i].parent] = 1;
    }
    for (uint32_t i = 0; i < s->trace_count; i++) {
        struct trace trace = s->traces[i];

        if (s->moved[i] == 0)
            continue;
        if (trace.parent != NONE)
            trace.parent = s->moved[trace.parent];
        s->traces[count] = trace;
        s->moved[i] = count++;
    }
    each_config(s, move);
    s->trace_count = count;
    s->trace_kept = count;
}

/* ---- places to come back to --------------------------------------------- */

/* Drops every second one of the older half, so that they lie denser the
 * nearer they are. */
static void thin(struct search *s)
{
    uint32_t count = 1;

    ORD_ASSERT(s->snapshot_count == SNAPSHOTS_MAX);
    for (uint32_t i = 1; i < SNAPSHOTS_MAX; i++) {
        struct snapshot snapshot = s->snapshots[i];

        if (i < SNAPSHOTS_MAX * 3 / 4 && i % 2 != 0)
            continue;
        s->snapshots[i] = s->snapshots[count]; /* its memory is used again */
        s->snapshots[count++] = snapshot;
    }
    s->snapshot_count = count;
}

static bool make_room(struct search *s, struct snapshot *snapshot,
                      uint32_t open_count)
{
    struct ord_arena *arena = s->lin->arena;

    if (snapshot->room < s->layer->count) {
        snapshot->room = s->layer->count * 2;
        snapshot->at =
            ord_arena_alloc(arena, (size_t)snapshot->room * s->stride);
    }
    if (snapshot->open_room < open_count) {
        snapshot->open_room = open_count * 2;
        snapshot->open = ord_arena_alloc(arena, (size_t)snapshot->open_room *
                                                    sizeof(uint32_t));
    }
    return (snapshot->room == 0 || snapshot->at != NULL) &&
           (snapshot->open_room == 0 || snapshot->open != NULL);
}

bool ord_rs_save(struct search *s)
{
    struct snapshot *snapshot = NULL;
    uint32_t open_count = 0;

    sweep(s);
    for (uint32_t w = 0; w < s->words; w++)
        open_count += (uint32_t)__builtin_popcountll(s->is_open[w]);
    if (s->snapshot_count == SNAPSHOTS_MAX)
        thin(s);
    snapshot = &s->snapshots[s->snapshot_count];
    if (!make_room(s, snapshot, open_count)) {
        snapshot->room = snapshot->open_room = 0;
        s->stuck = "the memory is used up";
        return false;
    }
    s->snapshot_count++;
    snapshot->event = s->event;
    snapshot->count = s->layer->count;
    snapshot->open_count = 0;
    memcpy(snapshot->at, s->layer->at, (size_t)s->layer->count * s->stride);
    for (uint32_t w = 0; w < s->words; w++) {
        for (uint64_t rest = s->is_open[w]; rest != 0; rest &= rest - 1)
            snapshot->open[snapshot->open_count++] =
                s->open_calls[64 * w + (uint32_t)__builtin_ctzll(rest)];
    }
    return true;
}

void ord_rs_restore(struct search *s, const struct snapshot *snapshot)
{
    ord_rs_clear(s, s->layer);
    for (uint32_t i = 0; i < snapshot->count; i++)
        append(s, s->layer,
               (const struct config *)(const void *)(snapshot->at +
                                                     (size_t)i * s->stride));
}
