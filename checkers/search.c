/* search.c -- the moves of the frontier search; see frontier.c. */
#include "checkers/search.h"

#include <stdlib.h>
#include <string.h>

static bool step(struct search *s, uint64_t count)
{
    if (s->linear->steps_left < count) {
        s->linear->steps_left = 0;
        s->stuck = "the budget of steps is used up";
        return false;
    }
    s->linear->steps_left -= count;
    return true;
}

/* ---- layers ------------------------------------------------------------- */

static bool layer_init(struct search *s, struct layer *layer)
{
    struct ord_arena *arena = s->linear->in->arena;
    uint32_t room = 8; /* there may be 100,000 keys */

    *layer = (struct layer){
        .at = ord_arena_alloc(arena, room * sizeof *layer->at),
        .next = ord_arena_alloc(arena, room * sizeof *layer->next),
        .head = ord_arena_zalloc(arena, s->linear->values.count,
                                 sizeof *layer->head),
        .room = room,
    };
    return layer->at != NULL && layer->next != NULL && layer->head != NULL;
}

static void layer_clear(struct layer *layer)
{
    for (uint32_t i = 0; i < layer->count; i++)
        layer->head[layer->at[i].value] = 0;
    layer->count = 0;
}

static bool layer_grow(struct search *s, struct layer *layer)
{
    struct ord_arena *arena = s->linear->in->arena;
    uint32_t room = layer->room * 2;
    struct config *at = NULL;
    uint32_t *next = NULL;

    if (room > LAYER_MAX * 2) {
        s->stuck = "there are too many possible states";
        return false;
    }
    at = ord_arena_alloc(arena, room * sizeof *at);
    next = ord_arena_alloc(arena, room * sizeof *next);
    if (at == NULL || next == NULL) {
        s->stuck = "the memory is used up";
        return false;
    }
    memcpy(at, layer->at, layer->count * sizeof *at);
    memcpy(next, layer->next, layer->count * sizeof *next);
    layer->at = at;
    layer->next = next;
    layer->room = room;
    return true;
}

/* Whatever b can still do, a can. Same value. */
static bool dominates(const struct search *s, const struct config *a,
                      const struct config *b)
{
    uint64_t done_a = a->placed | a->freed;
    uint64_t done_b = b->placed | b->freed;

    if ((done_b & ~done_a) != 0)
        return false;
    if ((a->placed & s->writes & ~b->placed) != 0)
        return false; /* a write that b may still use */
    if (((a->placed ^ b->placed) & s->cases) != 0)
        return false;
    if (s->pass == RELAXED)
        return true;
    if (s->pass == BEAM)
        return a->used_sum <= b->used_sum;
    for (uint32_t i = 0; i < s->kind_count; i++) {
        if (a->used[i] > b->used[i])
            return false;
    }
    return true;
}

/* Adds it unless one there dominates it. */
static void layer_add(struct search *s, struct layer *layer,
                      const struct config *config)
{
    uint64_t count = 1;

    for (uint32_t i = layer->head[config->value]; i != 0;
         i = layer->next[i - 1]) {
        count++;
        if (dominates(s, &layer->at[i - 1], config)) {
            (void)step(s, count);
            return;
        }
    }
    if (!step(s, count))
        return;
    if (layer->count == layer->room && !layer_grow(s, layer))
        return;
    layer->at[layer->count] = *config;
    layer->next[layer->count] = layer->head[config->value];
    layer->head[config->value] = ++layer->count;
}

/* ---- how it came about -------------------------------------------------- */

static void trace_add(struct search *s, struct config *config, uint32_t call,
                      bool is_absorbed)
{
    if (!s->is_traced)
        return;
    if (s->trace_count == s->trace_room) {
        uint32_t room = s->trace_room == 0 ? 1024 : s->trace_room * 2;
        struct trace *traces =
            s->trace_room > UINT32_MAX / 4
                ? NULL
                : ord_arena_alloc(s->linear->in->arena,
                                  (size_t)room * sizeof *traces);

        s->moved = ord_arena_alloc(s->linear->in->arena,
                                   (size_t)room * sizeof *s->moved);
        if (traces == NULL || s->moved == NULL) {
            s->is_traced = false; /* decide all the same, without the order */
            return;
        }
        if (s->trace_count > 0)
            memcpy(traces, s->traces, s->trace_count * sizeof *traces);
        s->traces = traces;
        s->trace_room = room;
    }
    s->traces[s->trace_count] =
        (struct trace){config->trace, call, is_absorbed};
    config->trace = s->trace_count++;
}

/* Keeps only the traces that lead to the current layer; parents come before
 * their children, so one pass down marks and one up moves. */
static void trace_sweep(struct search *s)
{
    struct layer *layer = &s->layers[s->current];
    uint32_t *moved = s->moved;
    uint32_t count = 0;

    if (!s->is_traced || s->trace_count < SWEEP_MIN ||
        s->trace_count / 2 < s->trace_kept)
        return;
    memset(moved, 0, s->trace_count * sizeof *moved);
    for (uint32_t i = 0; i < layer->count; i++) {
        if (layer->at[i].trace != NO_TRACE)
            moved[layer->at[i].trace] = 1;
    }
    for (uint32_t i = s->trace_count; i-- > 0;) {
        if (moved[i] != 0 && s->traces[i].parent != NO_TRACE)
            moved[s->traces[i].parent] = 1;
    }
    for (uint32_t i = 0; i < s->trace_count; i++) {
        struct trace trace = s->traces[i];

        if (moved[i] == 0)
            continue;
        if (trace.parent != NO_TRACE)
            trace.parent = moved[trace.parent];
        s->traces[count] = trace;
        moved[i] = count++;
    }
    for (uint32_t i = 0; i < layer->count; i++) {
        if (layer->at[i].trace != NO_TRACE)
            layer->at[i].trace = moved[layer->at[i].trace];
    }
    s->trace_count = count;
    s->trace_kept = count;
}

/* ---- moves -------------------------------------------------------------- */

/* Somebody open wants to see this value. */
static bool is_needed(const struct search *s, const struct config *config,
                      uint32_t value)
{
    uint64_t rest = s->open & ~s->writes & ~config->placed;

    for (; rest != 0; rest &= rest - 1) {
        const struct ord_linear_call *call = call_in(s, lowest(rest));

        if ((call->f == ORD_F_READ ? call->to : call->from) == value)
            return true;
    }
    for (uint32_t i = 0; i < s->kind_count; i++) {
        const struct kind *kind = &s->kinds[i];

        if (kind->f == ORD_F_CAS && kind->from == value &&
            kind->begun > (s->pass == RELAXED ? 0U : config->used[i]))
            return true;
    }
    return false;
}

/* The value has come: everybody who waits to read it does. */
static void read_all(struct search *s, struct config *config)
{
    uint64_t rest = s->open & s->reads & ~config->placed;

    for (; rest != 0; rest &= rest - 1) {
        int slot = lowest(rest);

        if (call_in(s, slot)->to == config->value) {
            config->placed |= bit(slot);
            trace_add(s, config, s->slots[slot], false);
        }
    }
}

static void put(struct search *s, const struct config *from, int slot,
                struct config *to)
{
    const struct ord_linear_call *call = call_in(s, slot);

    *to = *from;
    to->value = call->to;
    to->placed |= bit(slot);
    to->freed &= ~bit(slot);
    trace_add(s, to, s->slots[slot], false);
    if (call->f == ORD_F_WRITE)
        to->freed |= s->open & s->writes & ~to->placed;
    read_all(s, to);
}

static void put_kind(struct search *s, const struct config *from, uint32_t i,
                     struct config *to)
{
    const struct kind *kind = &s->kinds[i];
    uint32_t nth = s->pass == RELAXED ? 0 : from->used[i];

    *to = *from;
    to->value = kind->to;
    if (s->pass != RELAXED) {
        to->used[i]++;
        to->used_sum++;
    }
    trace_add(s, to, s->kind_calls[kind->first + nth], false);
    if (kind->f == ORD_F_WRITE)
        to->freed |= s->open & s->writes & ~to->placed;
    read_all(s, to);
}

static bool same_effect(const struct ord_linear_call *a,
                        const struct ord_linear_call *b)
{
    return a->f == b->f && a->to == b->to &&
           (a->f != ORD_F_CAS || a->from == b->from);
}

/* Of the open calls of this effect not yet put, this one ends first. */
static bool is_first(const struct search *s, const struct config *config,
                     int slot)
{
    const struct ord_linear_call *call = call_in(s, slot);
    uint64_t rest = s->open & ~s->reads & ~config->placed & ~bit(slot);

    for (; rest != 0; rest &= rest - 1) {
        const struct ord_linear_call *other = call_in(s, lowest(rest));

        if (same_effect(call, other) && other->end < call->end)
            return false;
    }
    return true;
}

/* A finished open call does the same and is not yet put. */
static bool has_live(const struct search *s, const struct config *config,
                     const struct kind *kind)
{
    struct ord_linear_call as = {
        .f = kind->f, .from = kind->from, .to = kind->to};
    uint64_t rest = s->open & ~s->reads & ~config->placed;

    for (; rest != 0; rest &= rest - 1) {
        if (same_effect(&as, call_in(s, lowest(rest))))
            return true;
    }
    return false;
}

static void expand(struct search *s, struct config config, int ending)
{
    uint64_t rest = s->open & ~s->reads & ~config.placed;
    struct config to;

    for (; rest != 0 && s->stuck == NULL; rest &= rest - 1) {
        int slot = lowest(rest);
        const struct ord_linear_call *call = call_in(s, slot);

        if (call->f == ORD_F_CAS
                ? call->from != config.value
                : slot != ending && !is_needed(s, &config, call->to))
            continue;
        if (!is_first(s, &config, slot))
            continue;
        put(s, &config, slot, &to);
        layer_add(s, &s->work, &to);
    }
    for (uint32_t i = 0; i < s->kind_count && s->stuck == NULL; i++) {
        const struct kind *kind = &s->kinds[i];

        if (kind->begun <= (s->pass == RELAXED ? 0U : config.used[i]) ||
            (kind->f == ORD_F_CAS && kind->from != config.value) ||
            !is_needed(s, &config, kind->to) || has_live(s, &config, kind))
            continue;
        put_kind(s, &config, i, &to);
        layer_add(s, &s->work, &to);
    }
}

/* ---- events ------------------------------------------------------------- */

static void begin_call(struct search *s, uint32_t i)
{
    const struct ord_linear_call *call = &s->linear->calls[i];
    struct layer *layer = &s->layers[s->current];
    int slot = 0;

    if (call->end == ORD_NEVER) {
        s->kinds[s->kind_of[i]].begun++;
        return;
    }
    if (s->open == UINT64_MAX) {
        s->stuck = "more than 64 operations are open at once";
        return;
    }
    slot = lowest(~s->open);
    s->open |= bit(slot);
    s->slots[slot] = i;
    if (call->f == ORD_F_WRITE)
        s->writes |= bit(slot);
    else if (call->f == ORD_F_CAS)
        s->cases |= bit(slot);
    else
        s->reads |= bit(slot);
    if (call->f != ORD_F_READ || !step(s, layer->count))
        return;
    for (uint32_t c = 0; c < layer->count; c++) {
        if (layer->at[c].value == call->to)
            read_all(s, &layer->at[c]);
    }
}

static int compare_used(const void *a, const void *b)
{
    const struct config *x = a;
    const struct config *y = b;

    return (x->used_sum > y->used_sum) - (x->used_sum < y->used_sum);
}

/* Leaves the slot; into the next layer. */
static void pass_on(struct search *s, struct layer *next,
                    const struct config *config, int slot)
{
    struct config to = *config;

    if ((to.placed & bit(slot)) == 0) {
        ORD_ASSERT((to.freed & bit(slot)) != 0);
        trace_add(s, &to, s->slots[slot], true);
    }
    to.placed &= ~bit(slot);
    to.freed &= ~bit(slot);
    layer_add(s, next, &to);
}

static void narrow(struct layer *layer)
{
    if (layer->count <= BEAM_MAX)
        return;
    qsort(layer->at, layer->count, sizeof *layer->at, compare_used);
    for (uint32_t i = 0; i < layer->count; i++)
        layer->head[layer->at[i].value] = 0;
    layer->count = BEAM_MAX;
    for (uint32_t i = 0; i < layer->count; i++) {
        layer->next[i] = layer->head[layer->at[i].value];
        layer->head[layer->at[i].value] = i + 1;
    }
}

static void end_call(struct search *s, uint32_t i)
{
    struct layer *layer = &s->layers[s->current];
    struct layer *next = &s->layers[1 - s->current];
    int slot = 0;

    while ((s->open & bit(slot)) == 0 || s->slots[slot] != i) {
        slot++;
        ORD_ASSERT(slot < SLOTS_MAX);
    }
    layer_clear(next);
    layer_clear(&s->work);
    for (uint32_t c = 0; c < layer->count && s->stuck == NULL; c++)
        layer_add(s, &s->work, &layer->at[c]);
    /* work grows while it is walked: it is the closure. */
    for (uint32_t c = 0; c < s->work.count && s->stuck == NULL; c++) {
        struct config config = s->work.at[c];
        uint64_t done = config.placed | config.freed;

        if ((done & bit(slot)) != 0)
            pass_on(s, next, &config, slot);
        if ((config.placed & bit(slot)) == 0)
            expand(s, config, slot);
    }
    s->is_dead = s->stuck == NULL && next->count == 0;
    if (s->stuck != NULL || s->is_dead)
        return; /* keep the slot: the proof names what was open */
    s->open &= ~bit(slot);
    s->reads &= s->open;
    s->writes &= s->open;
    s->cases &= s->open;
    s->current = 1 - s->current;
    if (s->pass == BEAM)
        narrow(next);
    trace_sweep(s);
}

bool ord_search_layers(struct search *s)
{
    return layer_init(s, &s->layers[0]) && layer_init(s, &s->layers[1]) &&
           layer_init(s, &s->work);
}

uint32_t ord_search_run(struct search *s, enum pass pass)
{
    struct config start = {.value = ORD_LINEAR_NIL, .trace = NO_TRACE};

    s->pass = pass;
    s->open = s->reads = s->writes = s->cases = 0;
    s->trace_count = s->trace_kept = 0;
    s->is_traced = pass != RELAXED;
    s->is_dead = false;
    s->stuck = NULL;
    s->current = 0;
    for (uint32_t i = 0; i < s->kind_count; i++)
        s->kinds[i].begun = 0;
    layer_clear(&s->layers[0]);
    layer_clear(&s->layers[1]);
    layer_add(s, &s->layers[0], &start);
    for (uint32_t e = 0; e < s->event_count; e++) {
        if (s->events[e].is_end)
            end_call(s, s->events[e].call);
        else
            begin_call(s, s->events[e].call);
        if (s->stuck != NULL || s->is_dead)
            return e;
    }
    return s->event_count;
}
