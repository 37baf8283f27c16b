/* frontier.c -- linearizability of a register with any values.
 *
 * Just-in-time search (Lowe, "Testing for linearizability", CPE 29(4), 2017)
 * over one layer of configurations: the value, and of each call that is open
 * what became of it.  Nothing is decided until a call ends; then every
 * configuration in which it has not happened is extended until it has.  What
 * keeps the layer small:
 *  - a read happens the moment its value is there: that never hurts;
 *  - a blind write frees all other open writes: each of them may be put just
 *    before it, unseen, at any time until it ends (`freed`);
 *  - a write is put only if somebody open needs its value, or it is the call
 *    that ends;
 *  - of open calls with the same effect the one that ends first is taken, an
 *    unfinished one last: so unfinished calls of one kind are a count;
 *  - a configuration that another one dominates is dropped.
 * With unfinished calls there are three passes: RELAXED (any number of them;
 * if that dies, so does the truth), BEAM (the BEAM_MAX configurations that use
 * least of them; if that lives, so does the truth), and EXACT if needed.
 *
 * UNKNOWN: the steps or memory are used up, or a limit below is reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/linear.h"

enum {
    SLOTS_MAX = 64, /* finished calls open at once */
    KINDS_MAX = 32, /* kinds of unfinished calls on one key */
    BEAM_MAX = 256,
    LAYER_MAX = 50000,
    SWEEP_MIN = 1 << 18, /* traces worth sweeping */
};

#define NO_TRACE UINT32_MAX

enum pass { RELAXED, BEAM, EXACT };

struct config {
    uint32_t value;
    uint32_t trace;  /* how it came about; NO_TRACE: from the start */
    uint64_t placed; /* by slot: it has happened */
    uint64_t freed;  /* by slot: an open write that may vanish */
    uint32_t used_sum;
    uint16_t used[KINDS_MAX]; /* of each kind of unfinished call */
};

struct layer {
    struct config *at;
    uint32_t *next; /* chain of configurations of one value; + 1 */
    uint32_t *head; /* by value; + 1 */
    uint32_t count;
    uint32_t room;
};

struct kind { /* unfinished calls of one effect */
    uint32_t from;
    uint32_t to;
    uint8_t f;
    uint32_t begun; /* so far */
    uint32_t first; /* into kind_calls */
    uint32_t count;
};

struct trace {
    uint32_t parent;
    uint32_t call;
    bool is_absorbed; /* it goes before the last blind write */
};

struct event {
    int64_t at;
    uint32_t call;
    bool is_end;
};

struct search {
    struct ord_linear *linear;
    enum pass pass;
    struct event *events;
    uint32_t event_count;
    struct kind kinds[KINDS_MAX];
    uint32_t kind_count;
    uint32_t *kind_of;         /* by call */
    uint32_t *kind_calls;      /* grouped by kind, in order of begin */
    uint32_t slots[SLOTS_MAX]; /* the call that has it */
    uint64_t open;
    uint64_t reads; /* of the open slots */
    uint64_t writes;
    uint64_t cases;
    struct layer layers[2];
    struct layer work;
    uint32_t current;
    struct trace *traces;
    uint32_t trace_count;
    uint32_t trace_room;
    uint32_t trace_kept; /* by the last sweep */
    uint32_t *moved;     /* for the sweep; as long as traces */
    bool is_traced;
    bool is_dead;      /* no configuration survived the last event */
    const char *stuck; /* why it cannot go on; NULL: it can */
};

static const struct ord_linear_call *call_in(const struct search *s, int slot)
{
    ORD_ASSERT(slot >= 0 && slot < SLOTS_MAX);
    return &s->linear->calls[s->slots[slot]];
}

static int lowest(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

static uint64_t bit(int slot)
{
    return UINT64_C(1) << slot;
}

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
    uint32_t room = 64;

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

/* Runs one pass; the event at which it died or got stuck, or event_count. */
static uint32_t run(struct search *s, enum pass pass)
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

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* The kind of an unfinished call; false when there are too many. */
static bool find_kind(struct search *s, uint32_t i)
{
    const struct ord_linear_call *call = &s->linear->calls[i];
    uint32_t k = 0;

    while (k < s->kind_count &&
           (s->kinds[k].f != call->f || s->kinds[k].to != call->to ||
            (call->f == ORD_F_CAS && s->kinds[k].from != call->from)))
        k++;
    if (k == KINDS_MAX)
        return false;
    if (k == s->kind_count) {
        s->kinds[k] =
            (struct kind){.from = call->from, .to = call->to, .f = call->f};
        s->kind_count++;
    }
    s->kind_of[i] = k;
    if (s->kinds[k].count++ < UINT16_MAX)
        return true;
    return false;
}

static void group_kinds(struct search *s)
{
    uint32_t sum = 0;

    for (uint32_t k = 0; k < s->kind_count; k++) {
        s->kinds[k].first = sum;
        sum += s->kinds[k].count;
        s->kinds[k].count = 0;
    }
    for (uint32_t i = 0; i < s->linear->count; i++) {
        if (s->linear->calls[i].end == ORD_NEVER) {
            struct kind *kind = &s->kinds[s->kind_of[i]];

            s->kind_calls[kind->first + kind->count++] = i;
        }
    }
}

static int search_init(struct search *s, struct ord_err *err)
{
    const struct ord_linear *linear = s->linear;
    struct ord_arena *arena = linear->in->arena;
    size_t room = (size_t)linear->count + 1;

    s->events = ord_arena_zalloc(arena, 2 * room, sizeof *s->events);
    s->kind_of = ord_arena_zalloc(arena, room, sizeof *s->kind_of);
    s->kind_calls = ord_arena_zalloc(arena, room, sizeof *s->kind_calls);
    if (s->events == NULL || s->kind_of == NULL || s->kind_calls == NULL ||
        !layer_init(s, &s->layers[0]) || !layer_init(s, &s->layers[1]) ||
        !layer_init(s, &s->work))
        return ord_fail(err, ORD_ENOMEM, "no memory to search %u calls",
                        linear->count);
    for (uint32_t i = 0; i < linear->count; i++) {
        const struct ord_linear_call *call = &linear->calls[i];

        s->events[s->event_count++] = (struct event){call->begin, i, false};
        if (call->end != ORD_NEVER)
            s->events[s->event_count++] = (struct event){call->end, i, true};
        else if (!find_kind(s, i))
            s->stuck = "there are too many kinds of unfinished operations";
    }
    group_kinds(s);
    qsort(s->events, s->event_count, sizeof *s->events, compare_events);
    return ORD_OK;
}

/* ---- what comes out ----------------------------------------------------- */

/* The order that led to a surviving configuration.  What was absorbed goes
 * just before the last blind write put before it ended. */
static int write_order(struct search *s, struct ord_err *err)
{
    struct ord_linear *linear = s->linear;
    struct ord_arena *arena = linear->in->arena;
    size_t room = (size_t)linear->count + 1;
    uint32_t *path = ord_arena_zalloc(arena, room, sizeof *path);
    uint32_t *hidden = ord_arena_zalloc(arena, room, sizeof *hidden);
    uint32_t *next = ord_arena_zalloc(arena, room, sizeof *next);
    uint32_t count = 0;
    uint32_t blind = 0;

    if (path == NULL || hidden == NULL || next == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t t = s->layers[s->current].at[0].trace; t != NO_TRACE;
         t = s->traces[t].parent) {
        ORD_ASSERT(count < linear->count); /* each call at most once */
        path[count++] = t;
    }
    for (uint32_t i = count; i-- > 0;) {
        const struct trace *trace = &s->traces[path[i]];

        if (trace->is_absorbed) {
            next[i] = hidden[blind];
            hidden[blind] = i + 1;
        } else if (linear->calls[trace->call].f == ORD_F_WRITE) {
            blind = i;
        }
    }
    linear->order_count = 0;
    for (uint32_t i = count; i-- > 0;) {
        if (s->traces[path[i]].is_absorbed)
            continue;
        for (uint32_t h = hidden[i]; h != 0; h = next[h - 1])
            linear->order[linear->order_count++] = s->traces[path[h - 1]].call;
        linear->order[linear->order_count++] = s->traces[path[i]].call;
    }
    ORD_ASSERT(linear->order_count == count);
    linear->has_order = true;
    return ORD_OK;
}

/* "7, 9 or nil": the values that the closure of the last event reached. */
static struct ord_text possible(const struct search *s)
{
    enum { SHOWN_MAX = 4 };
    struct ord_text text = {{0}};
    uint32_t shown = 0;
    uint32_t total = 0;
    size_t size = 0;

    for (uint32_t v = 0; v < s->linear->values.count; v++) {
        if (s->work.head[v] == 0)
            continue;
        total++;
        if (shown == SHOWN_MAX)
            continue;
        (void)snprintf(text.at + size, sizeof text.at - size, "%s%.24s",
                       shown == 0 ? "" : " or ",
                       ord_text_value(&s->linear->values.values[v]).at);
        size = strlen(text.at);
        shown++;
    }
    if (total > shown)
        (void)snprintf(text.at + size, sizeof text.at - size,
                       " or %u other values", total - shown);
    return text;
}

static void found_dead(struct search *s, uint32_t e)
{
    struct ord_linear *linear = s->linear;
    const struct ord_linear_call *call = &linear->calls[s->events[e].call];
    struct ord_named named = {
        .key = linear->object->key, .ops = {call->call->inv}, .count = 1};
    uint32_t other_count = (uint32_t)__builtin_popcountll(s->open) - 1;

    ord_found(linear->in, linear->out, &named,
              "%s: no order explains %s, which ended at %s: after all that had "
              "ended before, and whatever of the %u other open operations "
              "happened, the value can only be %s",
              ord_text_key(&linear->object->key).at,
              ord_text_call(linear->view, call->call).at,
              ord_text_when(call->call->done).at, other_count, possible(s).at);
    if (linear->out->violation_count > 1)
        return; /* the evidence is another object's */
    for (uint64_t rest = s->open; rest != 0; rest &= rest - 1)
        ord_evidence(linear->out, call_in(s, lowest(rest))->call->inv);
    /* Who wrote the values that were possible. */
    for (uint32_t i = s->events[e].call; i-- > 0;) {
        const struct ord_linear_call *other = &linear->calls[i];

        if (other->f != ORD_F_READ && other->end < s->events[e].at &&
            (s->work.head[other->to] != 0 || other->to == call->to)) {
            ord_evidence(linear->out, other->call->inv);
            if (other->end < call->begin)
                break;
        }
    }
}

static void say_stuck(struct search *s, uint32_t e)
{
    struct ord_linear *linear = s->linear;
    const struct ord_op *op = linear->calls[0].call->inv;

    if (e < s->event_count)
        op = ord_history_op(linear->in->history, s->events[e].at);
    (void)ord_conclude(
        linear->out, ORD_UNKNOWN,
        "%s: %s; decided up to operation %lld (%s), with %u possible states "
        "and %d operations open",
        ord_text_key(&linear->object->key).at, s->stuck, (long long)op->index,
        ord_text_when(op).at, s->layers[s->current].count,
        __builtin_popcountll(s->open));
}

int ord_frontier(struct ord_linear *linear, enum ord_outcome *outcome,
                 struct ord_err *err)
{
    /* On the heap of the check: too large for a stack. */
    struct search *s = ord_arena_zalloc(linear->in->arena, 1, sizeof *s);
    uint32_t e = 0;

    if (s == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory to search");
    s->linear = linear;
    *outcome = ORD_UNKNOWN;
    if (search_init(s, err) != ORD_OK)
        return err->rc;
    if (s->stuck == NULL && s->kind_count > 0)
        e = run(s, RELAXED);
    if (s->stuck == NULL && !s->is_dead && s->kind_count > 0) {
        e = run(s, BEAM);
        if (s->is_dead)
            e = run(s, EXACT);
    } else if (s->stuck == NULL && s->kind_count == 0) {
        e = run(s, EXACT);
    }
    if (s->stuck != NULL) {
        /* Nothing was decided; a violation of another object stands. */
        if (linear->out->outcome != ORD_INVALID)
            say_stuck(s, e);
        return ORD_OK;
    }
    *outcome = s->is_dead ? ORD_INVALID : ORD_VALID;
    if (s->is_dead)
        found_dead(s, e);
    else if (s->is_traced)
        return write_order(s, err);
    return ORD_OK;
}
