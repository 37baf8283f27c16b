/* cycle.c -- a cycle of versions, each of whose steps is looked at again.
 *
 * Of one register, as the heads of checkers/monotonic_writes.c and
 * writes_follow_reads.c have it.  A version is a write; a read saw the only
 * write of its value that had begun when it ended, if there was one only.
 * Elements come in pairs: a step "session" from a call to a later one of the
 * same session, whose version must be the newer; then a step "version" to
 * another call of that version.  Round the circle, a version is newer than
 * itself.
 */
#include "harness/verify/ring.h"

#define NONE UINT32_MAX

struct cycle {
    struct verify *v;
    const struct deeds *d;
    bool keeps_writes; /* monotonic-writes; else writes-follow-reads */
    bool keeps_reads;  /* sessions read nothing older than before */
    uint32_t *calls;
    uint32_t *seen; /* the write that it saw, or NONE */
    uint32_t count;
    uint32_t room;
};

/* The call whose write a read or cas saw; NONE: it is not known. */
static uint32_t write_seen(const struct cycle *c, uint32_t call)
{
    const struct deeds *d = c->d;
    uint32_t deed = d->of_call[call];
    uint32_t saw = deed == 0 ? SAW_NOBODY : d->saw[deed - 1];

    return ord_saw_deed(saw) ? d->call[saw] : NONE;
}

/* It happened, as far as anybody knows. */
static bool is_write(const struct cycle *c, uint32_t call)
{
    const struct deeds *d = c->d;
    uint32_t deed = d->of_call[call];

    return deed != 0 &&
           (d->is_read[deed - 1] == 0 || ord_deeds_is_cas(d, deed - 1));
}

/* The versions that two elements have in common: that one wrote it, or saw it;
 * a cas does both.  How many. */
static uint32_t common(const struct cycle *c, uint32_t a, uint32_t b,
                       uint32_t out[2])
{
    const uint32_t mine[2] = {c->calls[a], c->seen[a]};
    const uint32_t theirs[2] = {c->calls[b], c->seen[b]};
    uint32_t count = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t version = mine[i / 2];

        if (version != NONE && version == theirs[i % 2] &&
            is_write(c, version) && (count == 0 || out[0] != version) &&
            count < 2)
            out[count++] = version;
    }
    return count;
}

/* In one session, that version at element a, and then this one at b, so this
 * one is the newer. */
static bool is_newer(const struct cycle *c, uint32_t a, uint32_t old,
                     uint32_t b, uint32_t new)
{
    const struct ord_calls *calls = &c->v->calls;
    uint32_t x = c->calls[a];
    uint32_t y = c->calls[b];

    if (old == new ||
        ord_verify_object_of(c->v, x) != ord_verify_object_of(c->v, y))
        return false;
    if (x == y) /* a cas is newer than what it found */
        return calls->f[x] == ORD_F_CAS && c->seen[a] == old && new == y;
    if (calls->session[x] != calls->session[y] ||
        calls->end[x] >= calls->begin[y])
        return false;
    if (c->seen[b] == new && c->keeps_reads)
        return true;
    return y == new && (c->keeps_writes ? x == old : c->seen[a] == old);
}

/* From that version, round the cycle, to itself: which versions the steps can
 * have led to so far are bits.  Else: where no step leads on. */
static bool leads_round(const struct cycle *c, uint32_t first, uint32_t *stuck)
{
    uint32_t old[2] = {first, NONE};
    unsigned from = 1;

    for (uint32_t i = 0; i < c->count && from != 0; i += 2) {
        uint32_t new[2] = {NONE, NONE};
        uint32_t count = common(c, i + 1, (i + 2) % c->count, new);
        unsigned to = 0;

        for (uint32_t j = 0; j < 2 * count; j++) {
            if ((from >> (j & 1) & 1) != 0 &&
                is_newer(c, i, old[j & 1], i + 1, new[j >> 1]))
                to |= 1U << (j >> 1);
        }
        if (to == 0 && i + 1 > *stuck)
            *stuck = i + 1;
        from = to;
        old[0] = new[0];
        old[1] = new[1];
    }
    return ((from & 1) != 0 && old[0] == first) ||
           ((from & 2) != 0 && old[1] == first);
}

static bool check_steps(struct cycle *c)
{
    uint32_t first[2];
    uint32_t count = common(c, c->count - 1, 0, first);
    uint32_t stuck = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (leads_round(c, first[i], &stuck))
            return true;
    }
    return ord_verify_refuse(c->v,
                             "element %u need not come before the next, or "
                             "they have no version in common",
                             stuck == 0 ? c->count : stuck);
}

static bool read_element(struct cycle *c, struct ord_json *in, uint32_t *hint)
{
    struct ord_bytes name;
    struct ord_bytes edge = {0};
    int64_t op = -1;
    uint32_t call;

    if (!ord_json_enter(in, '{') || !ord_json_member(in, &name) ||
        !ord_bytes_is(name, "op") || !ord_json_int(in, &op) ||
        !ord_json_member(in, &name) || !ord_bytes_is(name, "edge") ||
        !ord_json_string(in, &edge) || ord_json_member(in, &name) ||
        !ord_json_left(in, '}'))
        return false;
    call = ord_verify_call_at(c->v, op, hint);
    if (call == UINT32_MAX || c->count == c->room ||
        !ord_bytes_is(edge, c->count % 2 == 0 ? "session" : "version"))
        return ord_verify_refuse(c->v, "element %u is none of a cycle",
                                 c->count + 1);
    c->seen[c->count] = write_seen(c, call);
    c->calls[c->count++] = call;
    return true;
}

static bool read_cycle(struct cycle *c, struct ord_json *in,
                       struct ord_bytes key, int64_t length)
{
    /* A cycle is of different versions, two elements each. */
    uint64_t room = 2 * (uint64_t)c->d->count;
    uint32_t hint = 0;
    bool more;

    if (length < 0 || (uint64_t)length > room || room > UINT32_MAX)
        return ord_verify_refuse(c->v, "there are not so many versions");
    c->room = (uint32_t)length;
    c->calls = ord_arena_alloc(c->v->scratch,
                               ((size_t)c->room + 1) * sizeof *c->calls);
    c->seen =
        ord_arena_alloc(c->v->scratch, ((size_t)c->room + 1) * sizeof *c->seen);
    if (c->calls == NULL || c->seen == NULL)
        return ord_verify_give_up(c->v, ORD_ENOMEM, "no memory for a cycle");
    more = ord_json_enter(in, '[');
    while (more && ord_json_element(in)) {
        if (!read_element(c, in, &hint))
            return false;
    }
    if (!more || !ord_json_left(in, ']'))
        return false;
    if (c->count == 0 || c->count % 2 != 0 || c->count != length)
        return ord_verify_refuse(c->v, "half a cycle");
    if (!ord_verify_is_key(c->v, ord_verify_object_of(c->v, c->calls[0]), key))
        return ord_verify_refuse(c->v, "it is of another key");
    c->v->out->core_count += c->count;
    return check_steps(c);
}

static bool read_object(struct verify *v, const struct deeds *d,
                        struct ord_json *in)
{
    const struct claim *claim = v->claim;
    struct ord_bytes name;
    struct ord_bytes key;
    int64_t length = -1;
    struct cycle *c;

    c = ord_arena_zalloc(v->scratch, 1, sizeof *c);
    if (c == NULL)
        return ord_verify_give_up(v, ORD_ENOMEM, "no memory");
    c->v = v;
    c->d = d;
    c->keeps_writes = ord_bytes_is(claim->checker, "monotonic-writes");
    c->keeps_reads = !ord_claim_option_is(claim, "readers", "any");
    if (!ord_json_enter(in, '{') || !ord_json_member(in, &name) ||
        !ord_bytes_is(name, "key"))
        return false;
    (void)ord_json_peek(in);
    key.at = in->at;
    if (!ord_json_skip(in))
        return false;
    key.size = (size_t)(in->at - key.at);
    return ord_json_member(in, &name) && ord_bytes_is(name, "length") &&
           ord_json_int(in, &length) && ord_json_member(in, &name) &&
           ord_bytes_is(name, "cycle") && read_cycle(c, in, key, length) &&
           !ord_json_member(in, &name) && ord_json_left(in, '}');
}

bool ord_verify_cycles(struct verify *v, const struct deeds *d)
{
    const struct claim *claim = v->claim;
    struct ord_json in = claim->objects;
    bool more = ord_json_enter(&in, '[');

    if (claim->verdict == CLAIM_PASS && claim->has_objects)
        return ord_verify_refuse(v, "it passed, yet there is a cycle");
    if (claim->verdict == CLAIM_VIOLATION && !claim->has_objects)
        return ord_verify_refuse(v, "a violation without a cycle");
    while (more && ord_json_element(&in)) {
        if (v->object++ > 0)
            return ord_verify_refuse(v, "one cycle is enough");
        if (!read_object(v, d, &in))
            return false;
    }
    v->object = 0;
    return more && ord_json_left(&in, ']');
}
