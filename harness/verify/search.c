/* search.c -- tries every order of a core's calls.
 *
 * Place by place: a call may happen from its begin on, and has to have
 * happened when it ends.  Nothing is decided until then (Lowe, CPE 29(4),
 * 2017); then each configuration (the state, and which of the open calls have
 * happened) goes on until that call has.  Only one layer is kept, so a long
 * core with few calls open at once takes linear time.
 *
 * Exact, for two things only are skipped that no order needs: of open calls
 * that do the same, the one that ends first goes first; and a call that only
 * looks happens as soon as its answer is there.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/base/rng.h"
#include "harness/verify/lin.h"

struct event {
    uint32_t place;
    uint32_t part;
    bool is_end;
};

/* Records of a fixed or a given length, one behind the other, each once. */
struct table {
    uint32_t *words;
    uint64_t size;
    uint64_t room;
    uint64_t *starts; /* by number; one more at the end */
    uint32_t count;
    uint32_t count_room;
    uint32_t *slots; /* number + 1; 0: free */
    uint32_t slot_count;
};

struct search {
    struct verify *v;
    const struct world *world;
    struct part *parts;
    uint32_t *open; /* parts by kind, end, number */
    uint32_t open_count;
    uint32_t stride; /* words of a configuration: its state, then bits by slot
                      */
    struct table states;
    struct table layers[2];
    struct table work;
    uint32_t current;
    struct state state; /* where steps are taken */
    uint32_t *config;   /* the one at hand */
    uint32_t *next;     /* what becomes of it */
    bool is_out;        /* of memory or steps */
};

/* ---- tables ------------------------------------------------------------- */

static void *grow(struct search *s, const void *old, uint64_t size,
                  uint64_t room)
{
    void *at =
        room > SIZE_MAX / 16 ? NULL : ord_arena_alloc(s->v->scratch, room);

    if (at == NULL)
        s->is_out = true;
    else if (size > 0)
        memcpy(at, old, size);
    return at;
}

static void table_clear(struct table *table)
{
    table->size = 0;
    table->count = 0;
    if (table->slot_count > 0)
        memset(table->slots, 0, table->slot_count * sizeof *table->slots);
}

static uint64_t hash_words(const uint32_t *words, uint64_t count)
{
    uint64_t hash = ord_mix(count);

    for (uint64_t i = 0; i < count; i++)
        hash = ord_mix(hash ^ words[i]);
    return hash;
}

static bool table_rehash(struct search *s, struct table *table)
{
    uint32_t slots = table->slot_count == 0 ? 64 : table->slot_count * 2;

    if (slots > UINT32_C(1) << 30) {
        s->is_out = true;
        return false;
    }
    table->slots = grow(s, NULL, 0, slots * sizeof *table->slots);
    if (table->slots == NULL)
        return false;
    memset(table->slots, 0, slots * sizeof *table->slots);
    table->slot_count = slots;
    for (uint32_t i = 0; i < table->count; i++) {
        uint64_t start = table->starts[i];
        uint32_t slot = (uint32_t)hash_words(table->words + start,
                                             table->starts[i + 1] - start) &
                        (slots - 1);

        while (table->slots[slot] != 0)
            slot = (slot + 1) & (slots - 1);
        table->slots[slot] = i + 1;
    }
    return true;
}

static bool table_room(struct search *s, struct table *table, uint64_t count)
{
    if (table->size + count > table->room) {
        uint64_t room = (table->size + count) * 2 + 64;

        table->words = grow(s, table->words, table->size * sizeof(uint32_t),
                            room * sizeof(uint32_t));
        if (table->words == NULL)
            return false;
        table->room = room;
    }
    if (table->count + 2 > table->count_room) {
        uint32_t room = table->count_room * 2 + 64;

        table->starts =
            grow(s, table->starts, table->count_room * sizeof(uint64_t),
                 room * sizeof(uint64_t));
        if (table->starts == NULL)
            return false;
        table->count_room = room;
    }
    return table->count < table->slot_count / 2 || table_rehash(s, table);
}

/* The number of a record, which is put there if it is new. */
static uint32_t table_add(struct search *s, struct table *table,
                          const uint32_t *words, uint64_t count)
{
    uint32_t mask;
    uint32_t slot;

    if (!table_room(s, table, count))
        return 0;
    mask = table->slot_count - 1;
    slot = (uint32_t)hash_words(words, count) & mask;
    for (; table->slots[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t other = table->slots[slot] - 1;
        uint64_t start = table->starts[other];

        if (table->starts[other + 1] - start == count &&
            (count == 0 ||
             memcmp(table->words + start, words, count * sizeof *words) == 0))
            return other;
    }
    table->slots[slot] = table->count + 1;
    if (count > 0)
        memcpy(table->words + table->size, words, count * sizeof *words);
    table->starts[table->count] = table->size;
    table->size += count;
    table->starts[table->count + 1] = table->size;
    return table->count++;
}

/* ---- one step ----------------------------------------------------------- */

static bool has(const uint32_t *config, uint32_t slot)
{
    return (config[1 + slot / 32] >> slot % 32 & 1) != 0;
}

static void put(uint32_t *config, uint32_t slot, bool is_set)
{
    uint32_t bit = UINT32_C(1) << slot % 32;

    if (is_set)
        config[1 + slot / 32] |= bit;
    else
        config[1 + slot / 32] &= ~bit;
}

static bool load(struct search *s, uint32_t number)
{
    uint64_t start = s->states.starts[number];
    uint64_t count = s->states.starts[number + 1] - start;

    s->state.first = 0;
    s->state.count = 0;
    if (!ord_state_room(&s->state, (uint32_t)count)) {
        s->is_out = true;
        return false;
    }
    if (count > 0)
        memcpy(s->state.at, s->states.words + start,
               count * sizeof *s->state.at);
    s->state.count = (uint32_t)count;
    return true;
}

static uint32_t keep(struct search *s)
{
    const struct state *state = &s->state;

    return table_add(s, &s->states,
                     state->at == NULL ? NULL : state->at + state->first,
                     state->count - state->first);
}

/* The state after the part, or UINT32_MAX. */
static uint32_t step(struct search *s, uint32_t from, const struct part *part,
                     uint32_t choice, uint32_t *choices)
{
    *choices = 1;
    if (s->v->steps_left == 0) {
        s->is_out = true;
        return UINT32_MAX;
    }
    s->v->steps_left--;
    if (!load(s, from) || !s->world->model->step(s->world, &s->state,
                                                 &part->act, choice, choices))
        return UINT32_MAX;
    /* Nothing is got before the next put, which covers it: what need not have
     * happened had better not. */
    if (part->end == ORD_CALL_NEVER && ord_state_is_lost(s->world, &s->state))
        return UINT32_MAX;
    return keep(s);
}

/* Open looks whose answer is there happen. */
static void settle(struct search *s, uint32_t *config)
{
    uint32_t choices = 1;

    for (uint32_t i = 0; i < s->open_count && !s->is_out; i++) {
        const struct part *part = &s->parts[s->open[i]];

        if (part->is_look && !has(config, part->slot) &&
            step(s, config[0], part, 0, &choices) == config[0])
            put(config, part->slot, true);
    }
}

/* ---- one place ---------------------------------------------------------- */

static int compare_parts(const struct part *a, const struct part *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

static void begin(struct search *s, uint32_t number)
{
    struct table *layer = &s->layers[s->current];
    const struct part *part = &s->parts[number];
    uint32_t at = s->open_count++;

    while (at > 0 && compare_parts(part, &s->parts[s->open[at - 1]]) < 0) {
        s->open[at] = s->open[at - 1];
        at--;
    }
    s->open[at] = number;
    for (uint32_t i = 0; part->is_look && i < layer->count; i++)
        settle(s, layer->words + layer->starts[i]);
}

static void closed(struct search *s, uint32_t number)
{
    uint32_t to = 0;

    for (uint32_t i = 0; i < s->open_count; i++) {
        if (s->open[i] != number)
            s->open[to++] = s->open[i];
    }
    ORD_ASSERT(to + 1 == s->open_count);
    s->open_count = to;
}

/* Where the part that has to happen now has happened, it goes into the next
 * layer. */
static void sort_in(struct search *s, uint32_t *config, uint32_t slot)
{
    if (has(config, slot)) {
        put(config, slot, false);
        (void)table_add(s, &s->layers[1 - s->current], config, s->stride);
        put(config, slot, true);
    } else {
        (void)table_add(s, &s->work, config, s->stride);
    }
}

static void go_on(struct search *s, uint32_t slot)
{
    uint32_t kind = UINT32_MAX;

    for (uint32_t i = 0; i < s->open_count && !s->is_out; i++) {
        const struct part *part = &s->parts[s->open[i]];
        uint32_t choices = 1;

        if (has(s->config, part->slot) || part->kind == kind)
            continue;
        kind = part->kind;
        for (uint32_t choice = 0; choice < choices && !s->is_out; choice++) {
            uint32_t after = step(s, s->config[0], part, choice, &choices);

            if (after == UINT32_MAX || s->is_out)
                continue;
            memcpy(s->next, s->config, s->stride * sizeof *s->next);
            s->next[0] = after;
            put(s->next, part->slot, true);
            settle(s, s->next);
            sort_in(s, s->next, slot);
        }
    }
}

/* False: no configuration is left. */
static bool end(struct search *s, uint32_t number)
{
    struct table *layer = &s->layers[s->current];
    uint32_t slot = s->parts[number].slot;

    table_clear(&s->work);
    table_clear(&s->layers[1 - s->current]);
    for (uint32_t i = 0; i < layer->count && !s->is_out; i++)
        sort_in(s, layer->words + layer->starts[i], slot);
    for (uint32_t i = 0; i < s->work.count && !s->is_out; i++) {
        memcpy(s->config, s->work.words + s->work.starts[i],
               s->stride * sizeof *s->config);
        go_on(s, slot);
    }
    s->current = 1 - s->current;
    closed(s, number);
    return s->layers[s->current].count > 0;
}

/* ---- all of them -------------------------------------------------------- */

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a;
    const struct event *y = b;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->is_end != y->is_end)
        return x->is_end ? 1 : -1;
    return (x->part > y->part) - (x->part < y->part);
}

/* Sorted; gives each part a slot.  Returns how many slots there are. */
static uint32_t plan(struct search *s, uint32_t count, struct event *events,
                     uint32_t *event_count, uint32_t *free_slots)
{
    uint32_t free_count = 0;
    uint32_t slots = 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        events[n++] = (struct event){s->parts[i].begin, i, false};
        if (s->parts[i].end != ORD_CALL_NEVER)
            events[n++] = (struct event){s->parts[i].end, i, true};
    }
    qsort(events, n, sizeof *events, compare_events);
    for (uint32_t i = 0; i < n; i++) {
        struct part *part = &s->parts[events[i].part];

        if (events[i].is_end)
            free_slots[free_count++] = part->slot;
        else
            part->slot = free_count > 0 ? free_slots[--free_count] : slots++;
    }
    *event_count = n;
    return slots;
}

enum searched ord_verify_search(struct verify *v, const struct world *world,
                                struct part *parts, uint32_t count)
{
    struct search s = {
        .v = v, .world = world, .parts = parts, .state = {.arena = v->scratch}};
    size_t room = (size_t)count + 1;
    struct event *events =
        ord_arena_zalloc(v->scratch, 2 * room, sizeof *events);
    uint32_t *slots = ord_arena_zalloc(v->scratch, room, sizeof *slots);
    uint32_t event_count = 0;
    bool is_alive = true;

    s.open = ord_arena_zalloc(v->scratch, room, sizeof *s.open);
    if (events == NULL || slots == NULL || s.open == NULL)
        return SEARCH_GAVE_UP;
    s.stride = 1 + (plan(&s, count, events, &event_count, slots) + 31) / 32;
    s.config = ord_arena_zalloc(v->scratch, s.stride, sizeof *s.config);
    s.next = ord_arena_zalloc(v->scratch, s.stride, sizeof *s.next);
    if (s.config == NULL || s.next == NULL ||
        !world->model->init(world, &s.state))
        return SEARCH_GAVE_UP;
    s.config[0] = keep(&s);
    if (!s.is_out)
        (void)table_add(&s, &s.layers[0], s.config, s.stride);
    for (uint32_t i = 0; i < event_count && is_alive && !s.is_out; i++) {
        if (events[i].is_end)
            is_alive = end(&s, events[i].part);
        else
            begin(&s, events[i].part);
    }
    if (s.is_out)
        return SEARCH_GAVE_UP;
    return is_alive ? SEARCH_FOUND : SEARCH_NONE;
}
