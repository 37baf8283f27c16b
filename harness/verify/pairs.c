/* pairs.c -- a table of numbers, and states that grow; see step.h. */
#include "harness/base/rng.h"
#include "harness/verify/step.h"

bool ord_pairs_init(struct pairs *pairs, struct ord_arena *arena,
                    uint32_t count_max)
{
    uint32_t slots = 16;

    while (slots < count_max * UINT64_C(2) && slots < UINT32_C(1) << 31)
        slots *= 2;
    *pairs = (struct pairs){
        .keys = ord_arena_zalloc(arena, slots, sizeof *pairs->keys),
        .values = ord_arena_zalloc(arena, slots, sizeof *pairs->values),
        .slot_count = slots,
        .count_max = slots / 2,
    };
    return pairs->keys != NULL && pairs->values != NULL;
}

static uint32_t slot_of(const struct pairs *pairs, uint64_t key)
{
    uint32_t mask = pairs->slot_count - 1;
    uint32_t slot = (uint32_t)ord_mix(key) & mask;

    ORD_ASSERT(key != UINT64_MAX);
    while (pairs->keys[slot] != 0 && pairs->keys[slot] != key + 1)
        slot = (slot + 1) & mask; /* at least half is free */
    return slot;
}

uint32_t *ord_pairs_find(const struct pairs *pairs, uint64_t key)
{
    uint32_t slot;

    if (pairs->slot_count == 0)
        return NULL;
    slot = slot_of(pairs, key);
    return pairs->keys[slot] == 0 ? NULL : &pairs->values[slot];
}

uint32_t *ord_pairs_add(struct pairs *pairs, uint64_t key)
{
    uint32_t slot = slot_of(pairs, key);

    if (pairs->keys[slot] == 0) {
        if (pairs->count == pairs->count_max)
            return NULL;
        pairs->count++;
        pairs->keys[slot] = key + 1;
    }
    return &pairs->values[slot];
}

bool ord_state_room(struct state *state, uint32_t room)
{
    uint32_t *at;
    uint64_t bigger = (uint64_t)state->room * 2 + 16;

    if (room <= state->room)
        return true;
    if (bigger < room)
        bigger = room;
    if (bigger > UINT32_MAX)
        return false;
    at = ord_arena_alloc(state->arena, bigger * sizeof *at);
    if (at == NULL)
        return false;
    for (uint32_t i = 0; i < state->count; i++)
        at[i] = state->at[i];
    state->at = at;
    state->room = (uint32_t)bigger;
    return true;
}

bool ord_state_push(struct state *state, uint32_t word)
{
    if (!ord_state_room(state, state->count + 1))
        return false;
    state->at[state->count++] = word;
    return true;
}
