/* register_prepare.c -- from the columns to what the search walks over. */
#include <string.h>

#include "checkers/register_search.h"

/* ---- which calls matter ------------------------------------------------- */

static bool is_read(const struct ord_lin *lin, uint32_t i)
{
    return lin->f[i] == ORD_F_READ && lin->type[i] == ORD_OP_OK &&
           lin->end[i] != NEVER && lin->out[i] != ORD_ATOM_NONE &&
           (lin->is_final == NULL || lin->is_final[i] == 0);
}

static bool is_put(const struct ord_lin *lin, uint32_t i)
{
    return (lin->f[i] == ORD_F_WRITE || lin->f[i] == ORD_F_CAS) &&
           lin->type[i] != ORD_OP_FAIL;
}

static bool is_not(const struct ord_lin *lin, uint32_t i)
{
    return lin->is_strict && lin->f[i] == ORD_F_CAS &&
           lin->type[i] == ORD_OP_FAIL && lin->end[i] != NEVER;
}

struct needs {
    uint8_t *is_needed; /* by value: somebody asks for it for certain ... */
    uint32_t *head;     /* ... or makes from it what is needed */
    uint32_t *next;
    uint32_t *stack;
};

static void need(struct needs *needs, uint32_t value, uint32_t *depth)
{
    if (needs->is_needed[value])
        return;
    needs->is_needed[value] = 1;
    needs->stack[(*depth)++] = value;
}

/* Of what never ended only that matters whose value is needed. */
static bool find_needed(const struct search *s, struct needs *needs)
{
    const struct ord_lin *lin = s->lin;
    size_t values = s->value_count;
    uint32_t depth = 0;

    needs->is_needed = ord_arena_zalloc(lin->arena, values, 1);
    needs->head = ord_arena_zalloc(lin->arena, values, sizeof(uint32_t));
    needs->stack = ord_arena_alloc(lin->arena, values * sizeof(uint32_t));
    needs->next = ord_arena_alloc(lin->arena,
                                  ((size_t)lin->count + 1) * sizeof(uint32_t));
    if (needs->is_needed == NULL || needs->head == NULL ||
        needs->stack == NULL || needs->next == NULL)
        return false;
    for (uint32_t i = 0; i < lin->count; i++) {
        if (is_read(lin, i) || is_not(lin, i)) {
            need(needs, lin->out[i], &depth);
        } else if (lin->f[i] == ORD_F_CAS && is_put(lin, i)) {
            if (lin->end[i] != NEVER) {
                need(needs, lin->out[i], &depth);
                continue;
            }
            needs->next[i] = needs->head[lin->in[i]];
            needs->head[lin->in[i]] = i + 1;
        }
    }
    while (depth > 0) {
        uint32_t value = needs->stack[--depth];

        for (uint32_t i = needs->head[value]; i != 0; i = needs->next[i - 1])
            need(needs, lin->out[i - 1], &depth);
    }
    return true;
}

/* ---- effects ------------------------------------------------------------ */

struct table {
    uint32_t *slots; /* effect + 1 */
    uint32_t mask;
};

static uint32_t effect_of(struct search *s, struct table *table,
                          const struct call *call)
{
    uint32_t from = call->f == CALL_CAS ? call->from : NONE;
    uint64_t hash = (uint64_t)from << 32 | call->value;
    uint32_t at = (uint32_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

    for (;; at++) {
        uint32_t id = table->slots[at & table->mask];

        if (id == 0)
            break; /* at most half of them are ever taken */
        if (s->effects[id - 1].from == from &&
            s->effects[id - 1].to == call->value)
            return id - 1;
    }
    s->effects[s->effect_count] = (struct effect){
        .from = from,
        .to = call->value,
        .open = NONE,
        .kind = NONE,
        .active = NONE,
        .f = call->f,
    };
    table->slots[at & table->mask] = ++s->effect_count;
    return s->effect_count - 1;
}

static void take(struct search *s, const struct needs *needs,
                 struct table *table, uint32_t i)
{
    const struct ord_lin *lin = s->lin;
    struct call call = {.index = i,
                        .begin = lin->begin[i],
                        .end = lin->end[i],
                        .effect = NONE,
                        .slot = NONE,
                        .next = NONE};

    if (is_read(lin, i)) {
        call.f = CALL_READ;
        call.value = lin->out[i];
    } else if (is_not(lin, i)) {
        call.f = CALL_NOT;
        call.value = call.from = lin->out[i];
    } else if (is_put(lin, i)) {
        if (lin->end[i] == NEVER && !needs->is_needed[lin->in[i]] &&
            !lin->is_strict)
            return; /* strict: it may be another value than one expected */
        call.f = lin->f[i] == ORD_F_CAS ? CALL_CAS : CALL_WRITE;
        call.value = lin->in[i];
        call.from = call.f == CALL_CAS ? lin->out[i] : NONE;
        call.effect = effect_of(s, table, &call);
    } else {
        return;
    }
    s->calls[s->call_count++] = call;
}

static bool take_all(struct search *s)
{
    const struct ord_lin *lin = s->lin;
    struct table table = {.mask = 7};
    struct needs needs = {0};
    uint32_t puts = 0;

    for (uint32_t i = 0; i < lin->count; i++)
        puts += is_put(lin, i);
    while (table.mask / 2 <= puts)
        table.mask = table.mask * 2 + 1;
    table.slots =
        ord_arena_zalloc(lin->arena, (size_t)table.mask + 1, sizeof(uint32_t));
    s->effects =
        ord_arena_alloc(lin->arena, ((size_t)puts + 1) * sizeof *s->effects);
    s->calls = ord_arena_alloc(lin->arena,
                               ((size_t)lin->count + 1) * sizeof *s->calls);
    if (table.slots == NULL || s->effects == NULL || s->calls == NULL ||
        !find_needed(s, &needs))
        return false;
    for (uint32_t i = 0; i < lin->count; i++)
        take(s, &needs, &table, i);
    return true;
}

/* ---- events ------------------------------------------------------------- */

struct heap { /* of open calls, the one that ends first on top */
    uint32_t *at;
    uint32_t count;
};

static void heap_push(const struct search *s, struct heap *heap, uint32_t call)
{
    uint32_t i = heap->count++;
    uint32_t end = s->calls[call].end;

    while (i > 0 && s->calls[heap->at[(i - 1) / 2]].end > end) {
        heap->at[i] = heap->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap->at[i] = call;
}

static uint32_t heap_pop(const struct search *s, struct heap *heap)
{
    uint32_t top = heap->at[0];
    uint32_t call = heap->at[--heap->count];
    uint32_t end = s->calls[call].end;
    uint32_t i = 0;

    for (uint32_t child = 1; child < heap->count; child = 2 * i + 1) {
        if (child + 1 < heap->count &&
            s->calls[heap->at[child + 1]].end < s->calls[heap->at[child]].end)
            child++;
        if (s->calls[heap->at[child]].end >= end)
            break;
        heap->at[i] = heap->at[child];
        i = child;
    }
    heap->at[i] = call;
    return top;
}

/* Begins and ends in their order; of the same place, the begin first: what
 * touches is concurrent.  Slots are given here, so that every run has the
 * same; begin and end become numbers of events. */
static bool order_events(struct search *s)
{
    struct ord_arena *arena = s->lin->arena;
    size_t room = (size_t)s->call_count + 1;
    struct heap heap = {.at = ord_arena_alloc(arena, room * sizeof(uint32_t))};
    uint32_t *free_slots = ord_arena_alloc(arena, room * sizeof(uint32_t));
    uint32_t free_count = 0;
    uint32_t slot_count = 0;
    uint32_t begun = 0;

    s->events = ord_arena_alloc(arena, 2 * room * sizeof(uint32_t));
    if (heap.at == NULL || free_slots == NULL || s->events == NULL)
        return false;
    while (begun < s->call_count || heap.count > 0) {
        if (begun < s->call_count &&
            (heap.count == 0 ||
             s->calls[begun].begin <= s->calls[heap.at[0]].end)) {
            struct call *call = &s->calls[begun];

            call->begin = s->event_count;
            s->events[s->event_count++] = 2 * begun;
            if (call->end != NEVER) {
                call->slot =
                    free_count > 0 ? free_slots[--free_count] : slot_count++;
                heap_push(s, &heap, begun);
            }
            begun++;
        } else {
            uint32_t ended = heap_pop(s, &heap);

            free_slots[free_count++] = s->calls[ended].slot;
            s->calls[ended].end = s->event_count;
            s->events[s->event_count++] = 2 * ended + 1;
        }
    }
    s->words = slot_count == 0 ? 1 : (slot_count + 63) / 64;
    return true;
}

/* ---- what is of interest until when ------------------------------------- */

static void look_until(struct search *s, uint32_t value, uint32_t event)
{
    if (s->last_look[value] < event)
        s->last_look[value] = event;
}

static bool find_last_looks(struct search *s)
{
    enum { ROUNDS_MAX = 16 };
    bool is_settled = false;

    s->last_look =
        ord_arena_zalloc(s->lin->arena, s->value_count, sizeof(uint32_t));
    if (s->last_look == NULL)
        return false;
    for (uint32_t i = 0; i < s->call_count; i++) {
        const struct call *call = &s->calls[i];

        if (call->end == NEVER) {
            if (s->lin->is_strict)
                look_until(s, call->value, NEVER);
            continue;
        }
        if (call->f == CALL_READ || call->f == CALL_NOT)
            look_until(s, call->value, call->end);
        else if (call->f == CALL_CAS)
            look_until(s, call->from, call->end);
    }
    /* A cas that never ended cares as long as somebody cares for its value. */
    for (uint32_t round = 0; !is_settled; round++) {
        is_settled = true;
        for (uint32_t i = 0; i < s->effect_count; i++) {
            const struct effect *effect = &s->effects[i];
            uint32_t until = s->last_look[effect->to];

            if (effect->f != CALL_CAS || effect->count == 0 ||
                s->last_look[effect->from] >= until)
                continue;
            is_settled = false;
            look_until(s, effect->from, round < ROUNDS_MAX ? until : NEVER);
        }
    }
    return true;
}

/* What never ends, by effect; a count in the configurations for each effect
 * whose value is still of interest. */
static bool group_never(struct search *s)
{
    struct ord_arena *arena = s->lin->arena;
    uint32_t sum = 0;

    for (uint32_t i = 0; i < s->call_count; i++) {
        if (s->calls[i].end == NEVER)
            s->effects[s->calls[i].effect].count++;
    }
    s->never_effects = ord_arena_alloc(arena, ((size_t)s->effect_count + 1) *
                                                  sizeof(uint32_t));
    s->cas_from =
        ord_arena_alloc(arena, (size_t)s->value_count * sizeof(uint32_t));
    if (s->never_effects == NULL || s->cas_from == NULL)
        return false;
    memset(s->cas_from, 0xff, (size_t)s->value_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < s->effect_count; i++) {
        struct effect *effect = &s->effects[i];

        effect->first = sum;
        effect->next = NONE;
        sum += effect->count;
        if (effect->count > 0)
            s->never_effects[s->never_effect_count++] = i;
        if (effect->f == CALL_CAS) {
            effect->next = s->cas_from[effect->from];
            s->cas_from[effect->from] = i;
        }
    }
    s->never_calls =
        ord_arena_alloc(arena, ((size_t)sum + 1) * sizeof *s->never_calls);
    if (s->never_calls == NULL)
        return false;
    for (uint32_t i = 0; i < s->call_count; i++) {
        struct effect *effect = NULL;

        if (s->calls[i].end != NEVER)
            continue;
        effect = &s->effects[s->calls[i].effect];
        s->never_calls[effect->first + effect->supply++] = i;
    }
    for (uint32_t i = 0; i < s->effect_count; i++)
        s->effects[i].supply = 0;
    return true;
}

static bool give_kinds(struct search *s)
{
    uint32_t *owner = ord_arena_alloc(
        s->lin->arena, ((size_t)s->effect_count + 1) * sizeof(uint32_t));

    if (owner == NULL)
        return false;
    for (uint32_t i = 0; i < s->call_count; i++) {
        struct effect *effect = NULL;
        uint32_t kind = 0;

        if (s->calls[i].end != NEVER)
            continue;
        effect = &s->effects[s->calls[i].effect];
        if (effect->kind != NONE)
            continue;
        while (kind < s->kinds &&
               s->last_look[s->effects[owner[kind]].to] >= s->calls[i].begin)
            kind++;
        if (kind == s->kinds)
            s->kinds++;
        owner[kind] = s->calls[i].effect;
        effect->kind = kind;
    }
    return true;
}

bool ord_rs_prepare(struct search *s)
{
    s->value_count = s->lin->atom_count + 1;
    if (!take_all(s) || !order_events(s) || !group_never(s) ||
        !find_last_looks(s) || !give_kinds(s))
        return false;
    s->stride =
        (uint32_t)(sizeof(struct config) + (size_t)s->words * sizeof(uint64_t) +
                   ((size_t)s->kinds + 1) / 2 * sizeof(uint64_t));
    return true;
}
