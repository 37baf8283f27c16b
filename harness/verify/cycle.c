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
#include "harness/verify/facts.h"

enum { ELEMENTS_MAX = 1024 };

#define NONE UINT32_MAX

struct cycle {
    struct verify *v;
    bool keeps_writes; /* monotonic-writes; else writes-follow-reads */
    bool keeps_reads;  /* sessions read nothing older than before */
    uint32_t calls[ELEMENTS_MAX];
    uint32_t seen[ELEMENTS_MAX]; /* the write that it saw, or NONE */
    uint32_t count;
};

static bool is_write(const struct cycle *c, uint32_t call)
{
    const struct ord_calls *calls = &c->v->calls;

    return calls->type[call] != ORD_OP_FAIL &&
           (calls->f[call] == ORD_F_WRITE || calls->f[call] == ORD_F_CAS);
}

/* The write that a read or successful cas saw; NONE: it is not known. */
static uint32_t write_seen(const struct cycle *c, uint32_t call)
{
    const struct ord_calls *calls = &c->v->calls;
    uint32_t object = ord_verify_object_of(c->v, call);
    uint32_t found = NONE;

    if (calls->type[call] != ORD_OP_OK ||
        (calls->f[call] != ORD_F_READ && calls->f[call] != ORD_F_CAS) ||
        calls->out[call] == ORD_ATOM_NIL)
        return NONE;
    for (uint32_t i = calls->key_first[object];
         i < calls->key_first[object + 1]; i++) {
        uint32_t other = calls->by_key[i];

        if (calls->begin[other] > calls->end[call])
            break;
        if (!is_write(c, other) || other == call ||
            calls->in[other] != calls->out[call])
            continue;
        if (found != NONE)
            return NONE;
        found = other;
    }
    return found;
}

/* The version that two elements have in common; NONE: there is none. */
static uint32_t common(const struct cycle *c, uint32_t a, uint32_t b)
{
    uint32_t x = c->calls[a];
    uint32_t y = c->calls[b];

    if (is_write(c, x) && (x == y || c->seen[b] == x))
        return x;
    if (is_write(c, y) && c->seen[a] == y)
        return y;
    return c->seen[a] == c->seen[b] ? c->seen[a] : NONE;
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

static bool check_steps(struct cycle *c)
{
    uint32_t last = common(c, c->count - 1, 0);

    for (uint32_t i = 0; i < c->count; i += 2) {
        uint32_t next = common(c, i + 1, (i + 2) % c->count);

        if (last == NONE || next == NONE)
            return ord_verify_refuse(c->v,
                                     "element %u and the next have no "
                                     "version in common",
                                     i + 2);
        if (!is_newer(c, i, last, i + 1, next))
            return ord_verify_refuse(c->v,
                                     "element %u need not come before "
                                     "the next",
                                     i + 1);
        last = next;
    }
    return true;
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
    if (call == UINT32_MAX || c->count == ELEMENTS_MAX ||
        !ord_bytes_is(edge, c->count % 2 == 0 ? "session" : "version"))
        return ord_verify_refuse(c->v, "element %u is none of a cycle",
                                 c->count + 1);
    c->seen[c->count] = write_seen(c, call);
    c->calls[c->count++] = call;
    return true;
}

static bool read_cycle(struct cycle *c, struct ord_json *in)
{
    bool more = ord_json_enter(in, '[');
    uint32_t hint = 0;

    while (more && ord_json_element(in)) {
        if (!read_element(c, in, &hint))
            return false;
    }
    if (!more || !ord_json_left(in, ']'))
        return false;
    if (c->count == 0 || c->count % 2 != 0)
        return ord_verify_refuse(c->v, "half a cycle");
    c->v->out->core_count += c->count;
    return check_steps(c);
}

static bool read_object(struct verify *v, struct ord_json *in)
{
    const struct claim *claim = v->claim;
    struct ord_bytes name;
    struct cycle *c;

    ord_arena_reset(v->scratch);
    c = ord_arena_zalloc(v->scratch, 1, sizeof *c);
    if (c == NULL)
        return ord_verify_give_up(v, ORD_ENOMEM, "no memory");
    c->v = v;
    c->keeps_writes = ord_bytes_is(claim->checker, "monotonic-writes");
    c->keeps_reads = !ord_claim_option_is(claim, "readers", "any");
    return ord_json_enter(in, '{') && ord_json_member(in, &name) &&
           ord_bytes_is(name, "key") && ord_json_skip(in) &&
           ord_json_member(in, &name) && ord_bytes_is(name, "cycle") &&
           read_cycle(c, in) && !ord_json_member(in, &name) &&
           ord_json_left(in, '}');
}

bool ord_verify_cycles(struct verify *v)
{
    const struct claim *claim = v->claim;
    struct ord_json in = claim->objects;
    bool more = ord_json_enter(&in, '[');

    if (claim->verdict == CLAIM_PASS && claim->has_objects)
        return ord_verify_refuse(v, "it passed, yet there is a cycle");
    if (claim->verdict == CLAIM_VIOLATION && !claim->has_objects)
        return ord_verify_refuse(v, "a violation without a cycle");
    if (claim->verdict == CLAIM_PASS) {
        v->out->vouched_count++;
        return true;
    }
    while (more && ord_json_element(&in)) {
        v->object++;
        if (!read_object(v, &in))
            return false;
    }
    return more && ord_json_left(&in, ']');
}
