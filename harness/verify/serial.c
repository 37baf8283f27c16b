/* serial.c -- whether there is one order of all deeds, by trying: see ring.h.
 *
 * A state is what has happened so far and the last write of each object.  Reads
 * that can come do at once, for they stand in nobody's way; a write comes only
 * when nobody is left to see the one before.  All states that can be reached
 * are looked at, each once.
 */
#include <string.h>

#include "harness/verify/ring.h"
#include "histories/digest.h"

enum { DEEDS_MAX = 2048, WORD = 64 };

struct trial {
    struct deeds *d;
    uint32_t words;
    uint64_t *needs; /* by deed: those that come before */
    uint64_t **states;
    uint32_t count;
    uint32_t room;
    uint32_t *slots; /* state + 1 */
    size_t size;
};

static uint64_t bit_of(uint32_t deed)
{
    return UINT64_C(1) << (deed % WORD);
}

static bool is_done(const uint64_t *done, uint32_t deed)
{
    return (done[deed / WORD] & bit_of(deed)) != 0;
}

static uint32_t *last_of(const struct trial *t, uint64_t *state)
{
    return (uint32_t *)(state + t->words);
}

static bool can_come(const struct trial *t, const uint64_t *done, uint32_t deed)
{
    const uint64_t *needs = t->needs + (size_t)deed * t->words;

    if (is_done(done, deed))
        return false;
    for (uint32_t i = 0; i < t->words; i++) {
        if ((needs[i] & ~done[i]) != 0)
            return false;
    }
    return true;
}

static bool fits(const struct trial *t, uint64_t *state, uint32_t read)
{
    uint32_t saw = t->d->saw[read];
    uint32_t last = last_of(t, state)[ord_deeds_key(t->d, read)];

    return saw == SAW_SEVERAL || last == (saw == SAW_INITIAL ? 0 : saw + 1);
}

/* Somebody has still to see what the write would replace. */
static bool is_wanted(const struct trial *t, uint64_t *state, uint32_t write)
{
    const struct deeds *d = t->d;
    uint32_t key = ord_deeds_key(d, write);

    for (uint32_t i = d->key_first[key]; i < d->key_first[key + 1]; i++) {
        uint32_t r = d->by_key[i];

        if (d->is_read[r] != 0 && !is_done(state, r) &&
            d->saw[r] != SAW_SEVERAL && fits(t, state, r))
            return true;
    }
    return false;
}

static void come_reads(const struct trial *t, uint64_t *state)
{
    bool more = true;

    while (more) {
        more = false;
        for (uint32_t i = 0; i < t->d->count; i++) {
            if (t->d->is_read[i] != 0 && can_come(t, state, i) &&
                fits(t, state, i)) {
                state[i / WORD] |= bit_of(i);
                more = true;
            }
        }
    }
}

/* Doubles the tables; false: no memory. */
static bool grow(struct trial *t)
{
    struct facts *f = t->d->f;
    uint32_t room = t->room == 0 ? 256 : t->room * 2;
    uint64_t **states = ord_facts_room(f, room, sizeof *states);
    uint32_t *slots = ord_facts_room(f, (size_t)room * 2, sizeof *slots);

    if (f->is_over || room > UINT32_MAX / 4)
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        struct ord_bytes bytes = {(const char *)t->states[i], t->size};
        uint64_t at = ord_digest_bytes(ORD_DIGEST_START, bytes);

        states[i] = t->states[i];
        while (slots[at & (room * 2 - 1)] != 0)
            at++;
        slots[at & (room * 2 - 1)] = i + 1;
    }
    t->states = states;
    t->slots = slots;
    t->room = room;
    return true;
}

/* Takes the state in if it is new. */
static bool keep(struct trial *t, uint64_t *state)
{
    struct ord_bytes bytes = {(const char *)state, t->size};
    uint64_t at = ord_digest_bytes(ORD_DIGEST_START, bytes);
    uint32_t mask;

    if (t->count == t->room && !grow(t))
        return false;
    mask = t->room * 2 - 1;
    for (; t->slots[at & mask] != 0; at++) {
        if (memcmp(t->states[t->slots[at & mask] - 1], state, t->size) == 0)
            return true;
    }
    t->states[t->count++] = state;
    t->slots[at & mask] = t->count;
    return true;
}

static bool is_all_done(const struct trial *t, const uint64_t *done)
{
    for (uint32_t i = 0; i < t->d->count; i++) {
        if (!is_done(done, i))
            return false;
    }
    return true;
}

/* All states that one write leads to. */
static bool expand(struct trial *t, uint64_t *state)
{
    struct facts *f = t->d->f;

    for (uint32_t i = 0; i < t->d->count; i++) {
        uint64_t *next;

        if (t->d->is_read[i] != 0 || !can_come(t, state, i) ||
            is_wanted(t, state, i))
            continue;
        next = ord_facts_room(f, t->size, 1);
        if (next == NULL)
            return false;
        memcpy(next, state, t->size);
        next[i / WORD] |= bit_of(i);
        last_of(t, next)[ord_deeds_key(t->d, i)] = i + 1;
        come_reads(t, next);
        if (!keep(t, next))
            return false;
    }
    return true;
}

static bool prepare(struct trial *t)
{
    struct deeds *d = t->d;
    struct facts *f = d->f;

    t->words = d->count / WORD + 1;
    t->size = (size_t)t->words * sizeof(uint64_t) +
              ((size_t)f->calls->key_count + 1) / 2 * 2 * sizeof(uint32_t);
    t->needs =
        ord_facts_room(f, (size_t)d->count * t->words + 1, sizeof *t->needs);
    for (uint32_t b = 0; !f->is_over && b < d->count; b++) {
        for (uint32_t a = 0; a < d->count; a++) {
            if (a != b && ord_deeds_session(d, a) == ord_deeds_session(d, b) &&
                ord_deeds_then(d, a, b))
                t->needs[(size_t)b * t->words + a / WORD] |= bit_of(a);
        }
    }
    return !f->is_over;
}

static bool give_up(struct deeds *d)
{
    d->f->is_over = true;
    return ord_verify_give_up(d->f->v, ORD_ELIMIT,
                              "too many operations, or steps, to try all "
                              "orders");
}

bool ord_serial_search(struct deeds *d, bool *exists)
{
    struct trial t = {.d = d};
    uint64_t *start;

    *exists = false;
    if (d->count > DEEDS_MAX)
        return give_up(d);
    if (!prepare(&t))
        return false;
    start = ord_facts_room(d->f, t.size, 1);
    if (start == NULL)
        return false;
    come_reads(&t, start);
    if (!keep(&t, start))
        return false;
    for (uint32_t i = 0; i < t.count; i++) {
        if (is_all_done(&t, t.states[i])) {
            *exists = true;
            return true;
        }
        if (d->f->v->steps_left < d->count)
            return give_up(d);
        d->f->v->steps_left -= d->count;
        if (!expand(&t, t.states[i]))
            return false;
    }
    return true;
}
