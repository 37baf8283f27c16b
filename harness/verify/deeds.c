/* deeds.c -- see deeds.h. */
#include "harness/verify/deeds.h"

#include <stdlib.h>

struct origin { /* a write, by key, value, begin */
    uint64_t what;
    uint32_t call;
};

struct maker {
    struct deeds *d;
    struct origin *origins;
    uint32_t origin_count;
    struct pairs first; /* (key, value) -> place in origins + 1 */
    uint32_t *saw;      /* by call: a call */
    uint32_t *until;    /* by call: when its read was over */
    uint8_t *happened;  /* by call */
    uint32_t *stack;    /* calls that are to be looked at */
    uint32_t stack_count;
};

static bool is_look(uint8_t f)
{
    return f == ORD_F_READ || f == ORD_F_GET;
}

static uint64_t what_of(const struct ord_calls *calls, uint32_t call,
                        uint32_t value)
{
    uint32_t key = calls->key == NULL ? 0 : calls->key[call];

    return (uint64_t)key << 32 | value;
}

/* ---- kinds --------------------------------------------------------------- */

static uint8_t kind_by(uint8_t f)
{
    if (f == ORD_F_WRITE || f == ORD_F_PUT || f == ORD_F_CAS)
        return KIND_REGISTER;
    if (f == ORD_F_ADD || f == ORD_F_REMOVE)
        return KIND_SET;
    return f == ORD_F_APPEND ? KIND_LIST : KIND_MIXED;
}

/* By what is done to an object. */
static uint8_t kind_of(struct facts *f)
{
    const struct ord_calls *calls = f->calls;
    uint8_t kind = KIND_EMPTY;
    bool others = false; /* a read brought neither a list nor nil */

    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        uint8_t one = kind_by(calls->f[call]);

        if (is_look(calls->f[call])) {
            others = others ||
                     (calls->type[call] == ORD_OP_OK &&
                      calls->out[call] != ORD_ATOM_NIL &&
                      ord_atom_value(calls, calls->out[call]).kind != ORD_LIST);
        } else if (one != KIND_MIXED || calls->type[call] != ORD_OP_FAIL) {
            kind = kind == KIND_EMPTY || kind == one ? one : KIND_MIXED;
        }
    }
    return (kind == KIND_SET || kind == KIND_LIST) && others ? KIND_MIXED
                                                             : kind;
}

/* Only read: what the first answered read brought says what it is. */
static uint8_t kind_of_reads(struct facts *f)
{
    const struct ord_calls *calls = f->calls;
    uint8_t kind = KIND_EMPTY;

    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        bool is_list;

        if (!is_look(calls->f[call]) || calls->type[call] != ORD_OP_OK)
            continue;
        is_list = ord_atom_value(calls, calls->out[call]).kind == ORD_LIST;
        if (kind == KIND_EMPTY)
            kind = is_list ? KIND_SET : KIND_REGISTER;
        else if (kind == KIND_SET && !is_list &&
                 calls->out[call] != ORD_ATOM_NIL)
            return KIND_MIXED;
    }
    return kind;
}

static void find_kinds(struct deeds *d)
{
    struct facts *f = d->f;

    d->kind = ord_facts_room(f, (size_t)d->calls->key_count + 1, 1);
    for (uint32_t key = 0; !f->is_over && key < d->calls->key_count; key++) {
        if (!ord_facts_turn(f, key))
            return;
        d->kind[key] = kind_of(f);
        if (d->kind[key] == KIND_EMPTY)
            d->kind[key] = kind_of_reads(f);
    }
}

static bool is_of_register(const struct deeds *d, uint32_t call)
{
    return d->kind[d->calls->key == NULL ? 0 : d->calls->key[call]] ==
           KIND_REGISTER;
}

/* ---- who saw what -------------------------------------------------------- */

static int compare_origins(const void *a, const void *b)
{
    const struct origin *x = a;
    const struct origin *y = b;

    if (x->what != y->what)
        return x->what < y->what ? -1 : 1;
    return (x->call > y->call) - (x->call < y->call);
}

static void list_origins(struct maker *m)
{
    struct facts *f = m->d->f;
    const struct ord_calls *calls = m->d->calls;
    size_t room = (size_t)calls->count + 1;

    m->origins = ord_facts_room(f, room, sizeof *m->origins);
    if (f->is_over || !ord_pairs_init(&m->first, f->v->scratch, calls->count)) {
        (void)ord_facts_room(f, SIZE_MAX, 2); /* says that it is over */
        return;
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        if (kind_by(calls->f[i]) == KIND_REGISTER &&
            calls->type[i] != ORD_OP_FAIL && is_of_register(m->d, i))
            m->origins[m->origin_count++] =
                (struct origin){what_of(calls, i, calls->in[i]), i};
    }
    qsort(m->origins, m->origin_count, sizeof *m->origins, compare_origins);
    for (uint32_t i = m->origin_count; i > 0; i--)
        *ord_pairs_add(&m->first, m->origins[i - 1].what) = i;
}

/* The write that a call's read saw; no call sees itself. */
static uint32_t find_seen(const struct maker *m, uint32_t call, uint32_t until)
{
    const struct ord_calls *calls = m->d->calls;
    uint64_t what = what_of(calls, call, calls->out[call]);
    const uint32_t *first = ord_pairs_find(&m->first, what);
    uint32_t saw = calls->out[call] == ORD_ATOM_NIL ? SAW_INITIAL : SAW_NOBODY;
    uint32_t at = first == NULL ? m->origin_count : *first - 1;

    for (; at < m->origin_count && m->origins[at].what == what; at++) {
        if (calls->begin[m->origins[at].call] >= until)
            break;
        if (m->origins[at].call == call)
            continue;
        if (saw != SAW_NOBODY)
            return SAW_SEVERAL;
        saw = m->origins[at].call;
    }
    return saw;
}

/* What it saw happened; if that is a cas, it saw something, too, by then. */
static void look_at(struct maker *m, uint32_t call, uint32_t until)
{
    uint32_t saw = find_seen(m, call, until);

    m->saw[call] = saw;
    if (!ord_saw_deed(saw) || m->happened[saw] != 0)
        return;
    m->happened[saw] = 1;
    if (m->d->calls->f[saw] != ORD_F_CAS)
        return;
    m->until[saw] = until;
    m->stack[m->stack_count++] = saw;
}

static void look_all(struct maker *m)
{
    struct facts *f = m->d->f;
    const struct ord_calls *calls = m->d->calls;
    size_t room = (size_t)calls->count + 1;

    m->saw = ord_facts_room(f, room, sizeof *m->saw);
    m->until = ord_facts_room(f, room, sizeof *m->until);
    m->stack = ord_facts_room(f, room, sizeof *m->stack);
    m->happened = ord_facts_room(f, room, 1);
    if (f->is_over)
        return;
    for (uint32_t i = 0; i < m->origin_count; i++) {
        uint32_t call = m->origins[i].call;

        m->happened[call] = calls->type[call] == ORD_OP_OK;
    }
    for (uint32_t i = 0; i < calls->count; i++) {
        bool is_read = is_look(calls->f[i]) && !ord_look_final(f, i);

        if (calls->type[i] != ORD_OP_OK || !is_of_register(m->d, i) ||
            (!is_read && calls->f[i] != ORD_F_CAS))
            continue;
        m->happened[i] = 1;
        look_at(m, i, calls->end[i]);
    }
    while (m->stack_count > 0) {
        uint32_t cas = m->stack[--m->stack_count];

        look_at(m, cas, m->until[cas]);
    }
}

/* ---- deeds --------------------------------------------------------------- */

static void add_deed(struct deeds *d, uint32_t call, bool is_read)
{
    d->call[d->count] = call;
    d->is_read[d->count++] = is_read;
}

static void list_deeds(struct maker *m)
{
    struct deeds *d = m->d;
    const struct ord_calls *calls = d->calls;
    size_t room = (size_t)calls->count * 2 + 1;

    d->call = ord_facts_room(d->f, room, sizeof *d->call);
    d->saw = ord_facts_room(d->f, room, sizeof *d->saw);
    d->is_read = ord_facts_room(d->f, room, 1);
    d->of_call = ord_facts_room(d->f, room, sizeof *d->of_call);
    for (uint32_t i = 0; !d->f->is_over && i < calls->count; i++) {
        bool is_cas = calls->f[i] == ORD_F_CAS;

        if (m->happened[i] == 0)
            continue;
        d->of_call[i] = d->count + 1;
        if (is_cas || is_look(calls->f[i]))
            add_deed(d, i, true);
        if (!is_look(calls->f[i]))
            add_deed(d, i, false);
    }
    for (uint32_t i = 0; !d->f->is_over && i < d->count; i++) {
        uint32_t saw = m->saw[d->call[i]];

        if (d->is_read[i] == 0)
            d->saw[i] = SAW_NOBODY;
        else if (!ord_saw_deed(saw))
            d->saw[i] = saw;
        else /* of a cas its write, which is the second */
            d->saw[i] = d->of_call[saw] - 1 + (calls->f[saw] == ORD_F_CAS);
        d->read_count += d->is_read[i];
        d->several_count += d->is_read[i] != 0 && saw == SAW_SEVERAL;
    }
}

/* From when on each write can be seen: a cas's no sooner than what it saw. */
static void find_times(const struct deeds *d, uint32_t *time, uint8_t *state,
                       uint32_t *path)
{
    enum { NEW, OPEN, KNOWN };

    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t at = i;
        uint32_t count = 0;
        uint32_t latest = 0;

        if (d->is_read[i] != 0)
            continue;
        while (state[at] == NEW) {
            state[at] = OPEN;
            path[count++] = at;
            if (!ord_deeds_is_cas(d, at) || !ord_saw_deed(d->saw[at - 1]))
                break;
            at = d->saw[at - 1];
        }
        if (count > 0 && state[at] == KNOWN)
            latest = time[at];
        else if (count > 0 && at != path[count - 1])
            latest = ORD_CALL_NEVER; /* a ring: each expects another's value */
        for (; count > 0; count--) {
            at = path[count - 1];
            latest = ord_deeds_begin(d, at) > latest ? ord_deeds_begin(d, at)
                                                     : latest;
            time[at] = latest;
            state[at] = KNOWN;
        }
    }
}

static void drop_impossible(struct deeds *d)
{
    uint32_t *time = ord_facts_room(d->f, (size_t)d->count + 1, sizeof *time);
    uint8_t *state = ord_facts_room(d->f, (size_t)d->count + 1, 1);
    uint32_t *path = ord_facts_room(d->f, (size_t)d->count + 1, sizeof *path);

    if (d->f->is_over)
        return;
    find_times(d, time, state, path);
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->is_read[i] != 0 && ord_saw_deed(d->saw[i]) &&
            ord_deeds_is_cas(d, d->saw[i]) &&
            time[d->saw[i]] >= ord_deeds_end(d, i))
            d->saw[i] = SAW_NOBODY;
        d->nobody_count += d->is_read[i] != 0 && d->saw[i] == SAW_NOBODY;
    }
}

static void sort_keys(struct deeds *d)
{
    uint32_t keys = d->calls->key_count;

    d->key_first = ord_facts_room(d->f, (size_t)keys + 2, sizeof(uint32_t));
    d->by_key = ord_facts_room(d->f, (size_t)d->count + 1, sizeof(uint32_t));
    if (d->f->is_over)
        return;
    for (uint32_t i = 0; i < d->count; i++)
        d->key_first[ord_deeds_key(d, i) + 2]++;
    for (uint32_t key = 0; key < keys; key++)
        d->key_first[key + 2] += d->key_first[key + 1];
    for (uint32_t i = 0; i < d->count; i++)
        d->by_key[d->key_first[ord_deeds_key(d, i) + 1]++] = i;
}

bool ord_deeds_init(struct deeds *d, struct facts *f)
{
    struct maker m = {.d = d};

    *d = (struct deeds){.f = f, .calls = f->calls};
    find_kinds(d);
    if (!f->is_over)
        list_origins(&m);
    if (!f->is_over)
        look_all(&m);
    if (!f->is_over)
        list_deeds(&m);
    if (!f->is_over)
        drop_impossible(d);
    if (!f->is_over)
        sort_keys(d);
    return !f->is_over;
}

void ord_deeds_thin_air(struct deeds *d)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->is_read[i] != 0 && d->saw[i] == SAW_NOBODY)
            ord_blame(d->f, d->call[i]);
    }
}

void ord_deeds_doubt(struct deeds *d, unsigned kinds, uint64_t judged)
{
    const struct ord_calls *calls = d->calls;

    if (judged == 0)
        d->f->unknown = "there is no read to judge";
    if (d->several_count > 0)
        d->f->unknown = "a read returned a value that was written twice";
    for (uint32_t i = 0; i < calls->count; i++) {
        uint8_t kind = d->kind[calls->key == NULL ? 0 : calls->key[i]];

        if (is_look(calls->f[i]) && calls->type[i] == ORD_OP_OK &&
            !ord_look_final(d->f, i) && (kinds >> kind & 1) == 0)
            d->f->unknown = "an object that was read is none that is judged";
    }
}
