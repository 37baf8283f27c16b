#include "ci/stress/brute.h"

#include <string.h>

#include "harness/base/err.h"

void brute_take(struct brute *brute, const struct small *small, uint8_t key)
{
    brute->count = 0;
    for (uint32_t i = 0; i < small->count; i++) {
        const struct small_call *call = &small->calls[i];
        bool is_ok = call->type == ORD_OP_OK;

        if (call->key != key || call->type == ORD_OP_FAIL)
            continue;
        brute->calls[brute->count++] = (struct brute_call){
            .call = call,
            .begin = call->begin,
            .end = is_ok ? call->done : UINT32_MAX,
            .must = is_ok,
            .is_told = is_ok,
        };
    }
}

/* It may be that a core leaves a call out for good reasons, which verify looks
 * at; here it is enough that it may have happened, so that a core that needs a
 * call, and does not say so, is found out. */
void brute_keep(struct brute_call *call, uint8_t keep)
{
    bool is_in = keep != 0;

    if (is_in && (keep & 1) == 0)
        call->begin = 0;
    if ((keep & 2) == 0)
        call->end = UINT32_MAX;
    if ((keep & (2 | 4)) == 0)
        call->must = false;
}

/* True the first time that it is asked for this pair. */
static bool is_new(struct brute *brute, uint32_t mask, uint64_t state)
{
    uint64_t at = ord_mix(state * 256 + mask + 1);

    for (uint32_t i = 0; i < BRUTE_SLOTS; i++) {
        uint32_t slot = (uint32_t)(at + i) & (BRUTE_SLOTS - 1);

        if (brute->rounds[slot] != brute->round) {
            brute->rounds[slot] = brute->round;
            brute->states[slot] = state;
            brute->masks[slot] = (uint8_t)mask;
            return true;
        }
        if (brute->states[slot] == state && brute->masks[slot] == mask)
            return false;
    }
    return true; /* full: what is tried twice is only slow */
}

/* The calls that ended before each one began. */
static void find_before(const struct brute *brute, uint32_t *before)
{
    for (uint32_t i = 0; i < brute->count; i++) {
        before[i] = 0;
        for (uint32_t j = 0; j < brute->count; j++) {
            if (brute->calls[j].end < brute->calls[i].begin)
                before[i] |= 1u << j;
        }
    }
}

struct level { /* of the search: calls done, and what is tried next */
    uint64_t state;
    uint32_t mask;
    uint32_t call;
    uint32_t way;
};

/* The next level below, if the next thing to try can happen. */
static bool descend(const struct brute *brute,
                    const struct small_family *family, const uint32_t *before,
                    struct level *level, struct level *below)
{
    const struct brute_call *c = &brute->calls[level->call];
    uint64_t answer = 0;
    uint32_t way;

    if ((level->mask >> level->call & 1) != 0 ||
        (before[level->call] & ~level->mask) != 0 ||
        level->way >= family->ways(level->state, c->call)) {
        level->call++;
        level->way = 0;
        return false;
    }
    way = level->way++;
    below->state = level->state;
    if (!family->apply(&below->state, c->call, way, &answer) ||
        (c->is_told && answer != c->call->answer))
        return false;
    if (brute->is_broken && c->call->begin % 4 == 1)
        below->state = level->state;
    below->mask = level->mask | 1u << level->call;
    below->call = 0;
    below->way = 0;
    return true;
}

bool brute_has_order(struct brute *brute, const struct small_family *family)
{
    struct level levels[SMALL_CALLS_MAX + 1] = {{.state = family->start}};
    uint32_t before[SMALL_CALLS_MAX];
    uint32_t must = 0;
    uint32_t depth = 0;

    find_before(brute, before);
    for (uint32_t i = 0; i < brute->count; i++)
        must |= brute->calls[i].must ? 1u << i : 0;
    if (++brute->round == 0) {
        memset(brute->rounds, 0, sizeof brute->rounds);
        brute->round = 1;
    }
    for (;;) {
        struct level *level = &levels[depth];

        if ((must & ~level->mask) == 0)
            return true;
        if (level->call == brute->count) {
            if (depth == 0)
                return false;
            depth--;
        } else if (descend(brute, family, before, level, level + 1) &&
                   is_new(brute, level[1].mask, level[1].state)) {
            depth++;
            ORD_ASSERT(depth <= SMALL_CALLS_MAX);
        }
    }
}

bool brute_is_valid(struct brute *brute, const struct small *small)
{
    for (uint8_t key = 0; key < small->key_count; key++) {
        brute_take(brute, small, key);
        if (!brute_has_order(brute, small->family))
            return false;
    }
    return true;
}

/* Where the object may be after the call with that answer: a handful of
 * states, for an unordered queue's dequeue without an answer. */
static uint32_t follow(const struct small_family *family,
                       const struct brute_call *c, const uint64_t *from,
                       uint32_t from_count, uint64_t *to, uint32_t to_max)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < from_count; i++) {
        uint32_t ways = family->ways(from[i], c->call);

        for (uint32_t way = 0; way < ways && count < to_max; way++) {
            uint64_t answer = 0;

            to[count] = from[i];
            if (family->apply(&to[count], c->call, way, &answer) &&
                (!c->is_told || answer == c->call->answer))
                count++;
        }
    }
    return count;
}

bool brute_accepts(const struct brute *brute, const struct small_family *family,
                   const uint32_t *order, uint32_t count)
{
    enum { STATES_MAX = 4096 };
    uint64_t states[2][STATES_MAX];
    uint32_t state_count = 1;
    uint32_t before[SMALL_CALLS_MAX];
    uint32_t mask = 0;

    states[0][0] = family->start;
    find_before(brute, before);
    for (uint32_t i = 0; i < count; i++) {
        if (order[i] >= brute->count || (mask >> order[i] & 1) != 0 ||
            (before[order[i]] & ~mask) != 0)
            return false;
        mask |= 1u << order[i];
        state_count = follow(family, &brute->calls[order[i]], states[i & 1],
                             state_count, states[(i & 1) ^ 1], STATES_MAX);
        if (state_count == 0)
            return false;
    }
    for (uint32_t i = 0; i < brute->count; i++) {
        if (brute->calls[i].must && (mask >> i & 1) == 0)
            return false;
    }
    return true;
}
