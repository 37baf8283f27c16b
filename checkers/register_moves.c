/* register_moves.c -- what may happen until a call ends.
 *
 * Just-in-time search (Lowe, "Testing for linearizability", CPE 29(4), 2017):
 * nothing is decided until a call ends; then every configuration in which it
 * has not happened is extended until it has.  What keeps that small:
 *  - a read happens the moment its value is there: that never hurts;
 *  - a blind write lets every open write that began before it happen just
 *    before it, unseen, at any time until that ends (`freed`);
 *  - what ends happens last of all: the others can wait; other than that, a
 *    write happens only if somebody open needs its value, and of a cas that
 *    never ended the same;
 *  - of calls with the same effect the one that ends first is taken, those
 *    that never end last: so these are but a count;
 *  - a value that nobody will ask for again is like any other such.
 */
#include <string.h>

#include "checkers/register_search.h"

enum { NEED_MAX = 8 };

static uint64_t *of(const struct search *s, uint64_t *masks, uint32_t value)
{
    ORD_ASSERT(value < s->value_count);
    return masks + (size_t)value * s->words;
}

bool ord_rs_moves(struct search *s)
{
    struct ord_arena *arena = s->lin->arena;
    size_t slots = (size_t)s->words * 64;
    uint64_t *masks = ord_arena_zalloc(arena, 5, s->words * sizeof *masks);
    uint64_t *by_value = ord_arena_zalloc(arena, 3 * (size_t)s->value_count,
                                          s->words * sizeof *masks);

    s->open_calls = ord_arena_alloc(arena, slots * sizeof(uint32_t));
    s->write_begins = ord_arena_alloc(arena, slots * sizeof(uint32_t));
    s->active = ord_arena_alloc(arena, ((size_t)s->effect_count + 1) *
                                           sizeof(uint32_t));
    s->is_pinned = ord_arena_zalloc(arena, s->value_count, 1);
    s->pins = ord_arena_alloc(arena, 2 * slots * sizeof(uint32_t));
    if (s->is_pinned == NULL || s->pins == NULL || masks == NULL ||
        by_value == NULL || s->open_calls == NULL || s->write_begins == NULL ||
        s->active == NULL)
        return false;
    s->is_open = masks;
    s->reads = masks + s->words;
    s->writes = masks + 2 * (size_t)s->words;
    s->cases = masks + 3 * (size_t)s->words;
    s->nots = masks + 4 * (size_t)s->words;
    s->read_of = by_value;
    s->cas_of = by_value + (size_t)s->value_count * s->words;
    s->not_of = by_value + 2 * (size_t)s->value_count * s->words;
    return true;
}

/* ---- what is open ------------------------------------------------------- */

static void activate(struct search *s, uint32_t id)
{
    if (s->effects[id].active != NONE)
        return;
    s->effects[id].active = s->active_count;
    s->active[s->active_count++] = id;
}

static void deactivate(struct search *s, uint32_t id)
{
    uint32_t at = s->effects[id].active;

    if (at == NONE)
        return;
    s->active[at] = s->active[--s->active_count];
    s->effects[s->active[at]].active = at;
    s->effects[id].active = NONE;
}

static void open_effect(struct search *s, uint32_t i)
{
    struct call *call = &s->calls[i];
    uint32_t *link = &s->effects[call->effect].open;

    while (*link != NONE && s->calls[*link].end < call->end)
        link = &s->calls[*link].next;
    call->next = *link;
    *link = i;
    activate(s, call->effect);
}

/* Mostly the last one. */
static void remember_write(struct search *s, uint32_t begin)
{
    uint32_t at = s->write_count++;

    for (; at > 0 && s->write_begins[at - 1] > begin; at--)
        s->write_begins[at] = s->write_begins[at - 1];
    s->write_begins[at] = begin;
}

static void open_call(struct search *s, uint32_t i)
{
    struct call *call = &s->calls[i];
    uint32_t slot = call->slot;

    ORD_ASSERT(!is_set(s->is_open, slot));
    set_bit(s->is_open, slot);
    s->open_calls[slot] = i;
    switch (call->f) {
    case CALL_READ:
        set_bit(s->reads, slot);
        set_bit(of(s, s->read_of, call->value), slot);
        break;
    case CALL_NOT:
        set_bit(s->reads, slot);
        set_bit(s->nots, slot);
        set_bit(of(s, s->not_of, call->value), slot);
        break;
    case CALL_WRITE:
        set_bit(s->writes, slot);
        remember_write(s, call->begin);
        open_effect(s, i);
        break;
    default:
        set_bit(s->cases, slot);
        set_bit(of(s, s->cas_of, call->from), slot);
        open_effect(s, i);
        break;
    }
}

static void forget_write(struct search *s, uint32_t begin)
{
    uint32_t at = 0;

    while (s->write_begins[at] != begin)
        at++;
    ORD_ASSERT(at < s->write_count);
    s->write_count--;
    for (; at < s->write_count; at++)
        s->write_begins[at] = s->write_begins[at + 1];
}

static void close_call(struct search *s, uint32_t i)
{
    struct call *call = &s->calls[i];
    uint32_t slot = call->slot;

    clear_bit(s->is_open, slot);
    clear_bit(s->reads, slot);
    clear_bit(s->writes, slot);
    clear_bit(s->cases, slot);
    clear_bit(s->nots, slot);
    if (call->f == CALL_READ) {
        clear_bit(of(s, s->read_of, call->value), slot);
    } else if (call->f == CALL_NOT) {
        clear_bit(of(s, s->not_of, call->value), slot);
    } else {
        struct effect *effect = &s->effects[call->effect];
        uint32_t *link = &effect->open;

        while (*link != i)
            link = &s->calls[*link].next;
        *link = call->next;
        if (effect->open == NONE && effect->supply == 0)
            deactivate(s, call->effect);
        if (call->f == CALL_WRITE)
            forget_write(s, call->begin);
        else
            clear_bit(of(s, s->cas_of, call->from), slot);
    }
}

static void close_all(struct search *s)
{
    for (uint32_t w = 0; w < s->words; w++) {
        for (uint64_t rest = s->is_open[w]; rest != 0; rest &= rest - 1)
            close_call(s,
                       s->open_calls[64 * w + (uint32_t)__builtin_ctzll(rest)]);
    }
    while (s->pin_count > 0)
        s->is_pinned[s->pins[--s->pin_count]] = 0;
    while (s->active_count > 0) {
        struct effect *effect = &s->effects[s->active[0]];

        effect->supply = 0;
        deactivate(s, s->active[0]);
    }
}

static void supply_call(struct search *s, uint32_t i)
{
    uint32_t effect = s->calls[i].effect;

    if (effect == NONE)
        return;
    s->effects[effect].supply++;
    activate(s, effect);
    /* It need not happen before it ends, so its time may seem to be over. */
    if (s->calls[i].f == CALL_CAS && !s->is_pinned[s->calls[i].from]) {
        s->is_pinned[s->calls[i].from] = 1;
        s->pins[s->pin_count++] = s->calls[i].from;
    }
}

void ord_rs_seek(struct search *s, uint32_t event, const uint32_t *open,
                 uint32_t open_count, bool is_any)
{
    close_all(s);
    s->event = event;
    s->is_dead = false;
    s->stuck = NULL;
    for (uint32_t k = 0; k < s->never_effect_count; k++) {
        uint32_t id = s->never_effects[k];
        struct effect *effect = &s->effects[id];

        effect->supply = 0;
        while (effect->supply < effect->count &&
               s->calls[s->never_calls[effect->first + effect->supply]].begin <
                   event)
            effect->supply++;
        if (effect->supply > 0)
            activate(s, id);
    }
    for (uint32_t i = 0; i < s->base_open_count; i++)
        supply_call(s, s->base_open[i]);
    for (uint32_t i = 0; i < open_count; i++) {
        if (is_any)
            supply_call(s, open[i]);
        else
            open_call(s, open[i]);
    }
}

/* ---- happening ---------------------------------------------------------- */

/* Reads that the value has come for. */
static void read_all(struct search *s, struct config *config)
{
    const uint64_t *reads = of(s, s->read_of, config->value);
    const uint64_t *nots = of(s, s->not_of, config->value);

    for (uint32_t w = 0; w < s->words; w++)
        config->words[w] |= reads[w] | (s->nots[w] & ~nots[w]);
}

static uint32_t value_now(const struct search *s, uint32_t value)
{
    return is_dead_value(s, value, s->event) ? dead_value(s) : value;
}

static void put(struct search *s, const struct config *from, uint32_t i,
                struct config *to)
{
    const struct call *call = &s->calls[i];

    memcpy(to, from, s->stride);
    to->value = value_now(s, call->value);
    if (call->slot != NONE && is_set(s->is_open, call->slot) &&
        s->open_calls[call->slot] == i)
        set_bit(to->words, call->slot);
    if (call->f == CALL_WRITE)
        to->freed = s->event;
    ord_rs_trace(s, to, i, false);
    read_all(s, to);
}

static void put_never(struct search *s, const struct config *from,
                      const struct effect *effect, struct config *to)
{
    uint32_t nth = 0;

    memcpy(to, from, s->stride);
    to->value = value_now(s, effect->to);
    if (!s->is_relaxed) {
        nth = counts_of(s, to)[effect->kind]++;
        to->used_sum++;
        ord_rs_trace(s, to, s->never_calls[effect->first + nth], false);
    }
    if (effect->f == CALL_WRITE)
        to->freed = s->event;
    read_all(s, to);
}

static bool has_supply(const struct search *s, struct config *config,
                       const struct effect *effect)
{
    if (s->is_relaxed || effect->supply == 0)
        return effect->supply > 0;
    return effect->supply > counts_of(s, config)[effect->kind];
}

static bool is_asked_for(const struct search *s, const struct config *config,
                         uint32_t value)
{
    const uint64_t *reads = of(s, s->read_of, value);
    const uint64_t *cases = of(s, s->cas_of, value);
    uint64_t left = 0;

    for (uint32_t w = 0; w < s->words; w++) {
        left |= (reads[w] | cases[w]) & ~config->words[w];
        if (value != config->value)
            left |= s->nots[w] & ~config->words[w];
    }
    return left != 0;
}

/* Somebody open asks for it, or a cas that never ended could make something
 * of it that is asked for. */
static bool is_needed(const struct search *s, struct config *config,
                      uint32_t value)
{
    uint32_t values[NEED_MAX] = {value};
    uint32_t count = 1;

    for (uint32_t i = 0; i < count; i++) {
        if (is_asked_for(s, config, values[i]))
            return true;
        for (uint32_t id = s->cas_from[values[i]]; id != NONE;
             id = s->effects[id].next) {
            if (!has_supply(s, config, &s->effects[id]))
                continue;
            if (count == NEED_MAX)
                return true; /* rather too much than too little */
            values[count++] = s->effects[id].to;
        }
    }
    return false;
}

/* ---- a call ends -------------------------------------------------------- */

static bool can_hide(const struct call *x, const struct config *config)
{
    return x->f == CALL_WRITE && x->begin < config->freed;
}

/* Into the next layer, without the slot of the call that ended. */
static void pass_on(struct search *s, struct config *config, uint32_t slot)
{
    uint32_t freed = s->event;

    clear_bit(config->words, slot);
    if (is_dead_value(s, config->value, s->event + 1))
        config->value = dead_value(s);
    /* The same, said in one way: up to the next open write. */
    for (uint32_t i = s->write_count; i-- > 0;) {
        if (s->write_begins[i] < config->freed)
            break;
        freed = s->write_begins[i];
    }
    config->freed = freed;
    ord_rs_add(s, s->spare, config, 0);
}

static void pass_hidden(struct search *s, const struct config *config,
                        uint32_t x)
{
    struct config *to = s->to;

    if (to != config)
        memcpy(to, config, s->stride);
    ord_rs_trace(s, to, x, true);
    pass_on(s, to, s->calls[x].slot);
}

/* A step aside: what becomes of it. */
static void detour(struct search *s, uint32_t x, uint32_t cursor)
{
    struct config *to = s->to;
    const struct call *call = &s->calls[x];

    if (is_set(to->words, call->slot)) {
        pass_on(s, to, call->slot);
        return;
    }
    ord_rs_add(s, s->work, to, cursor);
    if (can_hide(call, to) && !can_hide(call, s->from))
        pass_hidden(s, to, x);
}

static void expand(struct search *s, uint32_t x, uint32_t cursor)
{
    struct config *config = s->from;
    const struct call *call = &s->calls[x];

    if (call->f == CALL_WRITE ||
        (call->f == CALL_CAS && call->from == config->value)) {
        put(s, config, x, s->to);
        pass_on(s, s->to, call->slot);
    }
    for (uint32_t k = 0; k < s->active_count && s->stuck == NULL; k++) {
        const struct effect *effect = &s->effects[s->active[k]];
        uint32_t i = effect->open;

        if (effect->f == CALL_CAS ? effect->from != config->value
                                  : !is_needed(s, config, effect->to))
            continue;
        while (i != NONE && is_set(config->words, s->calls[i].slot))
            i = s->calls[i].next;
        if (i == x)
            continue;
        if (i != NONE)
            put(s, config, i, s->to);
        else if (has_supply(s, config, effect) &&
                 (effect->f == CALL_WRITE || is_needed(s, config, effect->to)))
            put_never(s, config, effect, s->to);
        else
            continue;
        detour(s, x, cursor);
    }
}

static void end_call(struct search *s, uint32_t x)
{
    const struct call *call = &s->calls[x];
    struct layer *layer = s->layer;

    ord_rs_clear(s, s->spare);
    ord_rs_clear(s, s->work);
    for (uint32_t c = 0; c < layer->count && s->stuck == NULL; c++) {
        struct config *config = config_at(s, layer, c);

        read_all(s, config);
        memcpy(s->to, config, s->stride);
        if (is_set(config->words, call->slot)) {
            pass_on(s, s->to, call->slot);
            continue;
        }
        if (can_hide(call, config))
            pass_hidden(s, config, x);
        ord_rs_add(s, s->work, config, 0);
    }
    /* work grows while it is walked: it is the closure. */
    for (uint32_t c = 0; c < s->work->count && s->stuck == NULL; c++) {
        if (config_at(s, s->work, c)->value == NONE)
            continue;
        memcpy(s->from, config_at(s, s->work, c), s->stride);
        expand(s, x, c + 1);
    }
    s->is_dead = s->stuck == NULL && s->spare->count == 0;
    if (s->stuck != NULL || s->is_dead)
        return;
    close_call(s, x);
    ord_rs_pack(s, s->spare);
    s->layer = s->spare;
    s->spare = layer;
    ord_rs_narrow(s, s->layer);
}

/* ---- events ------------------------------------------------------------- */

static void begin_call(struct search *s, uint32_t i)
{
    struct call *call = &s->calls[i];
    struct effect *effect = NULL;

    if (call->slot != NONE) {
        open_call(s, i);
        return;
    }
    effect = &s->effects[call->effect];
    if (effect->supply++ > 0)
        return;
    activate(s, call->effect);
    /* The count may have been another's, whose value nobody needs now. */
    for (uint32_t c = 0; c < s->layer->count; c++)
        counts_of(s, config_at(s, s->layer, c))[effect->kind] = 0;
}

void ord_rs_skip(struct search *s, uint32_t event)
{
    ORD_ASSERT(s->layer->count == 0);
    for (; s->event < event; s->event++) {
        uint32_t i = s->events[s->event] / 2;

        if (s->events[s->event] % 2 == 0)
            begin_call(s, i);
        else
            close_call(s, i);
    }
}

void ord_rs_step(struct search *s)
{
    uint32_t event = s->events[s->event];
    uint32_t i = event / 2;

    ORD_ASSERT(s->event < s->event_count);
    if (event % 2 == 0)
        begin_call(s, i);
    else if (is_set(s->is_open, s->calls[i].slot) &&
             s->open_calls[s->calls[i].slot] == i)
        end_call(s, i);
    if (s->stuck == NULL && !s->is_dead)
        s->event++;
}
