#include "checkers/exact_search.h"

#include <string.h>

enum { ROOM_MIN = 16, TRACES_MIN = 1 << 12, SWEEP_TRACES_MIN = 1 << 16 };

static uint32_t *row_at(const struct exact_search *s,
                        const struct exact_layer *layer, uint32_t i)
{
    return &layer->at[(size_t)i * s->stride];
}

static uint32_t hash_row(const struct exact_search *s, const uint32_t *row)
{
    uint64_t h = 0;

    for (uint32_t i = 0; i + 1 < s->stride; i++)
        h = (h ^ row[i]) * UINT64_C(0x9e3779b97f4a7c15) + (h >> 29);
    return (uint32_t)(ord_map_mix(h) >> 16);
}

static void put_into_table(const struct exact_search *s,
                           struct exact_layer *layer, uint32_t i)
{
    uint32_t at = hash_row(s, row_at(s, layer, i)) & (layer->table_size - 1);

    while (layer->table[at] != 0)
        at = (at + 1) & (layer->table_size - 1);
    layer->table[at] = i + 1;
}

static bool layer_resize(struct exact_search *s, struct exact_layer *layer,
                         uint32_t room)
{
    struct exact_layer old = *layer;
    size_t size = (size_t)room * (s->stride + 2) * sizeof(uint32_t) + 64;

    if (old.memory.taken_size >= old.memory.size_max ||
        size > old.memory.size_max - old.memory.taken_size)
        return false;
    ord_arena_init(&layer->memory, old.memory.size_max);
    layer->at = ord_arena_alloc(&layer->memory,
                                (size_t)room * s->stride * sizeof *layer->at);
    layer->table =
        ord_arena_zalloc(&layer->memory, (size_t)room * 2, sizeof(uint32_t));
    if (layer->at == NULL || layer->table == NULL) {
        ord_arena_fini(&layer->memory);
        *layer = old;
        return false;
    }
    layer->room = room;
    layer->table_size = room * 2;
    if (old.count > 0)
        memcpy(layer->at, old.at,
               (size_t)old.count * s->stride * sizeof *layer->at);
    if (old.memory.block != NULL)
        ord_arena_fini(&old.memory);
    for (uint32_t i = 0; i < layer->count; i++)
        put_into_table(s, layer, i);
    return true;
}

bool exact_layer_init(struct exact_search *s, struct exact_layer *layer,
                      size_t bytes_max)
{
    memset(layer, 0, sizeof *layer);
    ord_arena_init(&layer->memory, bytes_max);
    return layer_resize(s, layer, ROOM_MIN);
}

static void layer_clear(struct exact_layer *layer)
{
    if (layer->count * 4 < layer->table_size / 8) {
        /* A large table that few used is cheaper to clear row by row: but
         * rows have moved on, so it shrinks its use instead. */
        uint32_t size = ROOM_MIN * 2;

        while (size < layer->count * 8)
            size *= 2;
        layer->table_size = size;
        layer->room = size / 2;
    }
    memset(layer->table, 0, layer->table_size * sizeof *layer->table);
    layer->count = 0;
}

/* False: it was there, or there is no room (then stuck). */
static bool layer_add(struct exact_search *s, struct exact_layer *layer,
                      const uint32_t *row)
{
    size_t key_size = (s->stride - 1) * sizeof *row;
    uint32_t at = hash_row(s, row) & (layer->table_size - 1);

    for (; layer->table[at] != 0; at = (at + 1) & (layer->table_size - 1)) {
        if (memcmp(row_at(s, layer, layer->table[at] - 1), row, key_size) == 0)
            return false;
    }
    if (layer->count == layer->room) {
        if (layer->room > UINT32_MAX / 4 ||
            !layer_resize(s, layer, layer->room * 2)) {
            s->stuck = "no memory is left for configurations";
            return false;
        }
    }
    memcpy(row_at(s, layer, layer->count), row, s->stride * sizeof *row);
    put_into_table(s, layer, layer->count++);
    return true;
}

/* ---- placed calls and how they came about ------------------------------- */

static bool is_placed(const struct exact_search *s, const uint32_t *row,
                      uint32_t call)
{
    uint32_t slot = s->slot_of[call];

    return (row[EXACT_PLACED + slot / 32] >> slot % 32 & 1) != 0;
}

static void set_placed(const struct exact_search *s, uint32_t *row,
                       uint32_t call, bool is_on)
{
    uint32_t slot = s->slot_of[call];
    uint32_t bit = UINT32_C(1) << slot % 32;

    if (is_on)
        row[EXACT_PLACED + slot / 32] |= bit;
    else
        row[EXACT_PLACED + slot / 32] &= ~bit;
}

static bool traces_grow(struct exact_search *s)
{
    struct ord_arena old = s->trace_memory;
    struct exact_trace *traces = s->traces;
    uint32_t room = s->trace_room == 0 ? TRACES_MIN : s->trace_room * 2;
    size_t size = (size_t)room * sizeof *traces;

    if (room <= s->trace_room || old.taken_size >= old.size_max ||
        size > old.size_max - old.taken_size)
        return false;
    ord_arena_init(&s->trace_memory, old.size_max);
    s->traces = ord_arena_alloc(&s->trace_memory, size);
    if (s->traces == NULL) {
        ord_arena_fini(&s->trace_memory);
        s->trace_memory = old;
        s->traces = traces;
        return false;
    }
    if (traces != NULL)
        memcpy(s->traces, traces, s->trace_count * sizeof *traces);
    ord_arena_fini(&old);
    s->trace_room = room;
    return true;
}

static void trace(struct exact_search *s, uint32_t *row, uint32_t call)
{
    uint32_t *last = &row[s->stride - 1];

    if (!s->is_traced)
        return;
    if (s->trace_count == s->trace_room && !traces_grow(s)) {
        s->stuck = "no memory is left for the order";
        return;
    }
    s->traces[s->trace_count] =
        (struct exact_trace){*last, call, s->exact.note};
    *last = s->trace_count++;
}

/* Between events, the current layer alone says which traces are needed. */
static void sweep_traces(struct exact_search *s)
{
    struct exact_layer *layer = &s->layers[s->current];
    struct ord_arena scratch;
    uint32_t *moved = NULL;
    uint32_t kept = 0;

    if (s->trace_count < SWEEP_TRACES_MIN || s->trace_count < s->trace_kept * 2)
        return;
    ord_arena_init(&scratch, (size_t)s->trace_count * sizeof *moved + 64);
    moved = ord_arena_zalloc(&scratch, s->trace_count, sizeof *moved);
    if (moved == NULL) {
        ord_arena_fini(&scratch);
        return; /* it goes on without */
    }
    for (uint32_t i = 0; i < layer->count; i++) {
        uint32_t at = row_at(s, layer, i)[s->stride - 1];

        if (at != EXACT_NONE)
            moved[at] = 1;
    }
    for (uint32_t i = s->trace_count; i-- > 0;) {
        if (moved[i] != 0 && s->traces[i].parent != EXACT_NONE)
            moved[s->traces[i].parent] = 1;
    }
    for (uint32_t i = 0; i < s->trace_count; i++) {
        struct exact_trace old = s->traces[i];

        if (moved[i] == 0)
            continue;
        if (old.parent != EXACT_NONE)
            old.parent = moved[old.parent];
        s->traces[kept] = old;
        moved[i] = kept++;
    }
    for (uint32_t i = 0; i < layer->count; i++) {
        uint32_t *at = &row_at(s, layer, i)[s->stride - 1];

        if (*at != EXACT_NONE)
            *at = moved[*at];
    }
    ord_arena_fini(&scratch);
    s->trace_count = kept;
    s->trace_kept = kept;
}

static void sweep_map(struct exact_search *s)
{
    struct exact_layer *layer = &s->layers[s->current];
    struct ord_map *map = &s->exact.map;

    if (!ord_map_wants_sweep(map))
        return;
    for (uint32_t i = 0; i < layer->count; i++) {
        ord_map_mark(map, row_at(s, layer, i)[EXACT_ROOT]);
        ord_map_mark(map, row_at(s, layer, i)[EXACT_USED]);
    }
    for (uint32_t i = 0; i < s->open_count; i++)
        ord_map_mark(map, s->exact.root[s->open[i]]);
    for (uint32_t i = 0; i < s->live_count; i++) {
        const struct exact_kind *kind = &s->kinds[s->live[i]];

        for (uint32_t k = 0; k < kind->begun; k++)
            ord_map_mark(map, s->exact.root[s->crashed[kind->first + k]]);
    }
    ord_map_sweep(map);
}

/* ---- one step ------------------------------------------------------------ */

static bool step(struct exact_search *s, const uint32_t *row, uint32_t call,
                 uint32_t nth, struct ord_state *to)
{
    struct ord_state from = {row[EXACT_ROOT], row[EXACT_A], row[EXACT_B]};

    if (*s->exact.lin->steps_left == 0) {
        s->stuck = "the budget of steps is used up";
        return false;
    }
    --*s->exact.lin->steps_left;
    if (!s->exact.model->step(&s->exact, &from, call, nth, to))
        return false;
    if (to->root == ORD_MAP_FULL) {
        s->stuck = "no memory is left for states";
        return false;
    }
    return true;
}

/* Places what only looks and sees its answer. */
static void settle(struct exact_search *s, uint32_t *row)
{
    for (uint32_t i = 0; i < s->open_count && s->stuck == NULL; i++) {
        uint32_t call = s->open[i];
        struct ord_state to;

        if (!s->is_look[call] || is_placed(s, row, call) ||
            !step(s, row, call, 0, &to))
            continue;
        set_placed(s, row, call, true);
        trace(s, row, call);
    }
}

/* The configuration in s->from after `call`: into the next layer if `due` is
 * placed, else to be expanded.  used: the map of taken calls after it. */
static void go(struct exact_search *s, uint32_t call, uint32_t used,
               uint32_t due)
{
    struct ord_state to;

    for (uint32_t nth = 0; s->stuck == NULL && step(s, s->from, call, nth, &to);
         nth++) {
        bool is_crashed = s->exact.lin->end[call] == ORD_CALL_NEVER;

        if (is_crashed && to.root == s->from[EXACT_ROOT] &&
            to.a == s->from[EXACT_A] && to.b == s->from[EXACT_B])
            continue; /* taken for nothing */
        memcpy(s->row, s->from, s->stride * sizeof *s->row);
        s->row[EXACT_ROOT] = to.root;
        s->row[EXACT_A] = to.a;
        s->row[EXACT_B] = to.b;
        s->row[EXACT_USED] = used;
        if (!is_crashed)
            set_placed(s, s->row, call, true);
        trace(s, s->row, call);
        settle(s, s->row);
        if (s->stuck != NULL)
            return;
        if (is_placed(s, s->row, due)) {
            set_placed(s, s->row, due, false);
            (void)layer_add(s, &s->layers[1 - s->current], s->row);
        } else {
            (void)layer_add(s, &s->work, s->row);
        }
    }
}

static bool helps(struct exact_search *s, uint32_t due, uint32_t other)
{
    struct ord_state state = {s->from[EXACT_ROOT], s->from[EXACT_A],
                              s->from[EXACT_B]};

    if (s->exact.model->helps == NULL)
        return true;
    return s->exact.model->helps(&s->exact, &state, due, other);
}

/* Everything that may happen next, up to `due`. */
static void expand(struct exact_search *s, uint32_t due)
{
    struct exact_kind *kinds = s->kinds;

    s->stamp++;
    s->exact.open_looks = 0;
    for (uint32_t i = 0; i < s->open_count; i++) {
        if (s->is_look[s->open[i]] && !is_placed(s, s->from, s->open[i]))
            s->exact.open_looks++;
    }
    if (!s->is_look[due])
        go(s, due, s->from[EXACT_USED], due);
    kinds[s->kind_of[due]].stamp = s->stamp;
    for (uint32_t i = 0; i < s->open_count && s->stuck == NULL; i++) {
        uint32_t call = s->open[i];
        struct exact_kind *kind = &kinds[s->kind_of[call]];

        if (s->is_look[call] || is_placed(s, s->from, call) ||
            kind->stamp == s->stamp)
            continue;
        kind->stamp = s->stamp;
        if (helps(s, due, call))
            go(s, call, s->from[EXACT_USED], due);
    }
    for (uint32_t i = 0; i < s->live_count && s->stuck == NULL; i++) {
        struct exact_kind *kind = &kinds[s->live[i]];
        uint32_t taken = 0;
        uint32_t used = 0;

        if (kind->stamp == s->stamp)
            continue;
        taken = ord_map_get(&s->exact.map, s->from[EXACT_USED], s->live[i]);
        if (taken == kind->begun ||
            !helps(s, due, s->crashed[kind->first + taken]))
            continue;
        used = ord_map_set(&s->exact.map, s->from[EXACT_USED], s->live[i],
                           taken + 1);
        if (used == ORD_MAP_FULL)
            s->stuck = "no memory is left for states";
        else
            go(s, s->crashed[kind->first + taken], used, due);
    }
}

/* ---- events -------------------------------------------------------------- */

static void begin(struct exact_search *s, uint32_t call)
{
    struct exact_layer *layer = &s->layers[s->current];
    const struct ord_lin *lin = s->exact.lin;
    uint32_t i = s->open_count;

    if (s->exact.model->begin != NULL &&
        !s->exact.model->begin(&s->exact, call)) {
        s->stuck = "no memory is left for states";
        return;
    }
    if (lin->end[call] == ORD_CALL_NEVER) {
        struct exact_kind *kind = &s->kinds[s->kind_of[call]];

        if (kind->begun++ == 0)
            s->live[s->live_count++] = s->kind_of[call];
        return;
    }
    ORD_ASSERT(s->free_count > 0);
    s->slot_of[call] = s->free_slots[--s->free_count];
    for (; i > 0 && lin->end[s->open[i - 1]] > lin->end[call]; i--)
        s->open[i] = s->open[i - 1];
    s->open[i] = call;
    s->open_count++;
    if (!s->is_look[call])
        return;
    for (uint32_t k = 0; k < layer->count && s->stuck == NULL; k++) {
        uint32_t *row = row_at(s, layer, k);
        struct ord_state to;

        if (!step(s, row, call, 0, &to))
            continue;
        set_placed(s, row, call, true);
        trace(s, row, call);
    }
}

static void close_slot(struct exact_search *s, uint32_t call)
{
    uint32_t i = 0;

    while (s->open[i] != call)
        i++;
    for (; i + 1 < s->open_count; i++)
        s->open[i] = s->open[i + 1];
    s->open_count--;
    s->free_slots[s->free_count++] = s->slot_of[call];
}

static void end(struct exact_search *s, uint32_t call)
{
    struct exact_layer *now = &s->layers[s->current];
    struct exact_layer *next = &s->layers[1 - s->current];
    uint32_t placed = 0;

    for (uint32_t i = 0; i < now->count; i++)
        placed += is_placed(s, row_at(s, now, i), call);
    if (placed == now->count) {
        for (uint32_t i = 0; i < now->count; i++)
            set_placed(s, row_at(s, now, i), call, false);
        close_slot(s, call);
        return;
    }
    layer_clear(next);
    layer_clear(&s->work);
    for (uint32_t i = 0; i < now->count && s->stuck == NULL; i++) {
        uint32_t *row = row_at(s, now, i);

        if (!is_placed(s, row, call)) {
            (void)layer_add(s, &s->work, row);
            continue;
        }
        set_placed(s, row, call, false);
        (void)layer_add(s, next, row);
    }
    for (uint32_t i = 0; i < s->work.count && s->stuck == NULL; i++) {
        memcpy(s->from, row_at(s, &s->work, i), s->stride * sizeof *s->from);
        expand(s, call);
    }
    if (s->stuck != NULL)
        return;
    close_slot(s, call);
    s->current = 1 - s->current;
    s->is_dead = next->count == 0;
}

uint32_t exact_run(struct exact_search *s, const struct ord_state *start)
{
    memset(s->row, 0, s->stride * sizeof *s->row);
    s->row[EXACT_ROOT] = start->root;
    s->row[EXACT_A] = start->a;
    s->row[EXACT_B] = start->b;
    s->row[s->stride - 1] = EXACT_NONE;
    (void)layer_add(s, &s->layers[0], s->row);
    for (uint32_t i = 0; i < s->event_count; i++) {
        s->exact.now = s->events[i].at;
        if (s->events[i].is_end)
            end(s, s->events[i].call);
        else
            begin(s, s->events[i].call);
        if (s->is_dead || s->stuck != NULL)
            return i;
        sweep_map(s);
        sweep_traces(s);
    }
    return s->event_count;
}
