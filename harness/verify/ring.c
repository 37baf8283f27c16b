/* ring.c -- cycles and orders of deeds: see ring.h. */
#include "harness/verify/ring.h"

#include <string.h>

enum edge { EDGE_SESSION, EDGE_READS, EDGE_VERSION, EDGE_COUNT };

struct ring {
    struct known *k;
    uint32_t *calls;
    uint8_t *edges;
    uint32_t count;
    uint32_t room;
};

static bool refuse(struct facts *f, const char *what, uint32_t element)
{
    f->is_over = true;
    return ord_verify_refuse(f->v, "element %u %s", element, what);
}

/* Not as the schema has it. */
static bool is_odd(struct facts *f)
{
    f->is_over = true;
    return false;
}

/* "key": the key of that call, and then a member of that name. */
static bool read_head(struct facts *f, struct ord_json *in, const char *member,
                      struct ord_bytes *key)
{
    struct ord_bytes name;

    f->v->object++;
    if (!ord_json_enter(in, '{') || !ord_json_member(in, &name) ||
        !ord_bytes_is(name, "key"))
        return is_odd(f);
    (void)ord_json_peek(in);
    key->at = in->at;
    if (!ord_json_skip(in))
        return is_odd(f);
    key->size = (size_t)(in->at - key->at);
    if (!ord_json_member(in, &name) || !ord_bytes_is(name, member))
        return is_odd(f);
    return true;
}

static bool is_key(struct facts *f, uint32_t call, struct ord_bytes key)
{
    if (ord_verify_is_key(f->v, ord_verify_object_of(f->v, call), key))
        return true;
    f->is_over = true;
    return ord_verify_refuse(f->v, "its first operation is of another key");
}

/* ---- cycles -------------------------------------------------------------- */

static bool read_element(struct ring *r, struct ord_json *in, uint32_t *hint)
{
    static const char *const names[EDGE_COUNT] = {"session", "reads-from",
                                                  "version"};
    struct facts *f = r->k->d->f;
    struct ord_bytes name;
    struct ord_bytes edge = {0};
    int64_t op = -1;
    uint32_t call;
    uint8_t e = 0;

    if (!ord_json_enter(in, '{') || !ord_json_member(in, &name) ||
        !ord_bytes_is(name, "op") || !ord_json_int(in, &op) ||
        !ord_json_member(in, &name) || !ord_bytes_is(name, "edge") ||
        !ord_json_string(in, &edge) || ord_json_member(in, &name) ||
        !ord_json_left(in, '}'))
        return is_odd(f);
    while (e < EDGE_COUNT && !ord_bytes_is(edge, names[e]))
        e++;
    call = ord_verify_call_at(f->v, op, hint);
    if (call == UINT32_MAX || r->k->d->of_call[call] == 0 || e == EDGE_COUNT ||
        r->count == r->room)
        return refuse(f, "is none of a cycle", r->count + 1);
    if (r->count > 0 && e == EDGE_SESSION &&
        r->edges[r->count - 1] == EDGE_SESSION)
        return refuse(f, "is one too many: sessions go on", r->count + 1);
    r->calls[r->count] = call;
    r->edges[r->count++] = e;
    return true;
}

/* Somebody who saw b knew of a. */
static bool was_known(const struct known *k, uint32_t a, uint32_t b)
{
    const struct deeds *d = k->d;
    uint32_t key = ord_deeds_key(d, b);
    uint32_t count = d->key_first[key + 1] - d->key_first[key];

    if (d->f->v->steps_left < count)
        return false;
    d->f->v->steps_left -= count;
    for (uint32_t i = d->key_first[key]; i < d->key_first[key + 1]; i++) {
        uint32_t r = d->by_key[i];

        if (d->is_read[r] != 0 && d->saw[r] == b && ord_knows(k, r, a) &&
            (k->session == ANY_SESSION ||
             ord_deeds_session(d, r) == k->session))
            return true;
    }
    return false;
}

static bool is_version_step(const struct known *k, uint32_t a, uint32_t b)
{
    const struct deeds *d = k->d;

    if (ord_deeds_key(d, a) != ord_deeds_key(d, b) || a == b)
        return false;
    if (d->is_read[a] == 0 && d->is_read[b] == 0)
        return was_known(k, a, b);
    if (d->is_read[a] == 0) /* a read of nil, by who knew better */
        return d->saw[b] == SAW_INITIAL && ord_knows(k, b, a);
    if (d->is_read[b] != 0)
        return false;
    if (d->saw[a] == SAW_INITIAL)
        return k->is_sequential || ord_knows(k, a, b);
    return k->is_sequential && ord_saw_deed(d->saw[a]) && d->saw[a] != b &&
           ord_knows(k, b, d->saw[a]);
}

static bool is_step(const struct known *k, uint32_t a, uint32_t b, uint8_t edge)
{
    const struct deeds *d = k->d;

    if (edge == EDGE_SESSION)
        return ord_deeds_session(d, a) == ord_deeds_session(d, b) &&
               ord_deeds_then(d, a, b);
    if (edge == EDGE_READS)
        return d->is_read[b] != 0 && d->saw[b] == a;
    return is_version_step(k, a, b);
}

/* A call may be two deeds: from those that the way can have come to (bits), to
 * those of the next call. */
static unsigned follow(const struct ring *r, uint32_t at, unsigned from)
{
    const struct deeds *d = r->k->d;
    uint32_t next = (at + 1) % r->count;
    unsigned to = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t a = d->of_call[r->calls[at]] - 1 + (i & 1);
        uint32_t b = d->of_call[r->calls[next]] - 1 + (i >> 1);

        if ((from >> (i & 1) & 1) != 0 && a < d->count && b < d->count &&
            d->call[a] == r->calls[at] && d->call[b] == r->calls[next] &&
            is_step(r->k, a, b, r->edges[at]))
            to |= 1U << (i >> 1);
    }
    return to;
}

static bool check_steps(struct ring *r)
{
    uint32_t furthest = 0;

    for (unsigned start = 1; start <= 2; start++) {
        unsigned at = start;

        for (uint32_t i = 0; i < r->count && at != 0; i++) {
            at = follow(r, i, at);
            if (at != 0 && i + 1 > furthest)
                furthest = i + 1;
        }
        if ((at & start) != 0)
            return true;
    }
    return refuse(r->k->d->f, "need not come before the next",
                  furthest < r->count ? furthest + 1 : r->count);
}

/* Twice only what is two deeds; and the verdict names it, if it has room. */
static bool check_calls(struct ring *r)
{
    struct facts *f = r->k->d->f;
    uint8_t *times = ord_facts_room(f, (size_t)f->calls->count + 1, 1);

    for (uint32_t i = 0; !f->is_over && i < r->count; i++) {
        uint32_t call = r->calls[i];

        if (times[call]++ > (f->calls->f[call] == ORD_F_CAS))
            return refuse(f, "stands twice", i + 1);
        if (!ord_facts_names(f, f->calls->begin[call]))
            return refuse(f, "is not named by the verdict", i + 1);
        f->blamed[call] = 1;
    }
    return !f->is_over;
}

/* The deed of a call that reads, or the one that writes; NONE. */
static uint32_t part_of(const struct deeds *d, uint32_t call, bool reads)
{
    uint32_t deed = d->of_call[call];

    if (deed == 0)
        return UINT32_MAX;
    if (reads)
        return d->is_read[deed - 1] != 0 ? deed - 1 : UINT32_MAX;
    if (d->is_read[deed - 1] == 0)
        return deed - 1;
    return ord_deeds_is_cas(d, deed - 1) ? deed : UINT32_MAX;
}

/* The call is why some step "version" holds: it saw the later write and knew of
 * the earlier, or it is what the read before the write saw. */
static bool is_reason(const struct ring *r, uint32_t call)
{
    const struct deeds *d = r->k->d;
    uint32_t read = part_of(d, call, true);
    uint32_t write = part_of(d, call, false);

    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t now = r->calls[i];
        uint32_t a = part_of(d, now, false);
        uint32_t b = part_of(d, r->calls[(i + 1) % r->count], false);

        if (r->edges[i] != EDGE_VERSION)
            continue;
        if (read != UINT32_MAX && a != UINT32_MAX && b != UINT32_MAX &&
            d->saw[read] == b && ord_knows(r->k, read, a))
            return true;
        a = part_of(d, now, true);
        if (a != UINT32_MAX && write != UINT32_MAX && d->saw[a] == write)
            return true;
    }
    return false;
}

/* The verdict names nothing but the cycle and its reasons, so that none was
 * left out. */
static bool check_named(const struct ring *r)
{
    struct facts *f = r->k->d->f;
    const struct claim *claim = f->v->claim;
    uint32_t hint = 0;

    for (uint32_t i = 0; i < claim->op_count; i++) {
        uint32_t call = ord_verify_call_at(f->v, claim->ops[i], &hint);

        if (call == UINT32_MAX || f->blamed[call] != 0 || is_reason(r, call))
            continue;
        f->is_over = true;
        return ord_verify_refuse(f->v,
                                 "operation %lld is named, but is no "
                                 "part of the cycle",
                                 (long long)claim->ops[i]);
    }
    return true;
}

bool ord_ring_check(struct known *k)
{
    struct facts *f = k->d->f;
    struct ord_json in = f->v->claim->objects;
    struct ring r = {.k = k, .room = k->d->count + 1};
    struct ord_bytes key;
    struct ord_bytes name;
    uint32_t hint = 0;
    int64_t length = -1;

    r.calls = ord_facts_room(f, r.room, sizeof *r.calls);
    r.edges = ord_facts_room(f, r.room, 1);
    if (f->is_over || !ord_json_enter(&in, '[') || !ord_json_element(&in))
        return is_odd(f);
    if (!read_head(f, &in, "length", &key))
        return false;
    if (!ord_json_int(&in, &length) || !ord_json_member(&in, &name) ||
        !ord_bytes_is(name, "cycle") || !ord_json_enter(&in, '['))
        return is_odd(f);
    while (ord_json_element(&in)) {
        if (!read_element(&r, &in, &hint))
            return false;
    }
    if (!ord_json_left(&in, ']') || ord_json_member(&in, &name) ||
        !ord_json_left(&in, '}') || ord_json_element(&in) ||
        !ord_json_left(&in, ']'))
        return is_odd(f);
    if (r.count < 2 || length != r.count)
        return refuse(f, "is the last, and not as many as there should be",
                      r.count);
    if (!is_key(f, r.calls[0], key) || !check_steps(&r) || !check_calls(&r) ||
        !check_named(&r))
        return false;
    f->violations++;
    f->v->out->core_count += r.count;
    f->v->object = 0;
    return true;
}

/* ---- orders -------------------------------------------------------------- */

static bool place(struct serial *s, int64_t op, uint32_t *hint)
{
    struct deeds *d = s->d;
    uint32_t call = ord_verify_call_at(d->f->v, op, hint);
    uint32_t deed;

    if (call == UINT32_MAX || d->of_call[call] == 0)
        return refuse(d->f, "is no read or write that happened", s->count + 1);
    deed = d->of_call[call] - 1;
    if (s->is_placed[deed] != 0 && deed + 1 < d->count &&
        d->call[deed + 1] == call)
        deed++;
    if (s->is_placed[deed]++ != 0)
        return refuse(d->f, "stands there too often", s->count + 1);
    s->deeds[s->count++] = deed;
    return true;
}

bool ord_serial_read(struct serial *s, struct ord_json *in)
{
    struct facts *f = s->d->f;
    struct ord_bytes key;
    struct ord_bytes name;
    uint32_t hint = 0;
    int64_t op = -1;

    s->count = 0;
    if (!ord_json_element(in))
        return false;
    if (!read_head(f, in, "order", &key))
        return false;
    if (!ord_json_enter(in, '['))
        return is_odd(f);
    while (ord_json_element(in)) {
        if (!ord_json_int(in, &op))
            return is_odd(f);
        if (!place(s, op, &hint))
            return false;
    }
    if (!ord_json_left(in, ']') || ord_json_member(in, &name) ||
        !ord_json_left(in, '}') || s->count == 0)
        return is_odd(f);
    f->v->out->order_count += s->count;
    s->key = ord_deeds_key(s->d, s->deeds[0]);
    return is_key(f, s->d->call[s->deeds[0]], key);
}

static bool replay(struct serial *s)
{
    struct deeds *d = s->d;
    struct facts *f = d->f;
    uint32_t *last = ord_facts_room(f, (size_t)f->calls->key_count + 1,
                                    sizeof *last); /* + 1 */
    uint32_t *newest = ord_facts_room(f, (size_t)f->calls->session_count + 1,
                                      sizeof *newest); /* begin */

    for (uint32_t i = 0; !f->is_over && i < s->count; i++) {
        uint32_t deed = s->deeds[i];
        uint32_t *now = &newest[ord_deeds_session(d, deed)];
        uint32_t *value = &last[ord_deeds_key(d, deed)];

        if (ord_deeds_end(d, deed) < *now)
            return refuse(f, "stands behind a later one of its session", i + 1);
        if (ord_deeds_begin(d, deed) > *now)
            *now = ord_deeds_begin(d, deed);
        if (d->is_read[deed] == 0)
            *value = deed + 1;
        else if (d->saw[deed] != SAW_SEVERAL &&
                 *value != (d->saw[deed] == SAW_INITIAL ? 0 : d->saw[deed] + 1))
            return refuse(f, "did not return the last write before it", i + 1);
    }
    return !f->is_over;
}

bool ord_serial_check(struct deeds *d)
{
    struct facts *f = d->f;
    struct ord_json in = f->v->claim->objects;
    struct serial s = {.d = d};

    s.deeds = ord_facts_room(f, (size_t)d->count + 1, sizeof *s.deeds);
    s.is_placed = ord_facts_room(f, (size_t)d->count + 1, 1);
    if (f->is_over || !ord_json_enter(&in, '['))
        return is_odd(f);
    if (!ord_serial_read(&s, &in)) {
        if (!f->is_over)
            (void)ord_verify_refuse(f->v, "it passed without an order");
        return is_odd(f);
    }
    if (ord_json_element(&in) || !ord_json_left(&in, ']'))
        return is_odd(f);
    if (s.count != d->count) {
        f->is_over = true;
        return ord_verify_refuse(f->v, "%u of %u reads and writes are in order",
                                 s.count, d->count);
    }
    if (!replay(&s))
        return false;
    f->v->object = 0;
    return true;
}
