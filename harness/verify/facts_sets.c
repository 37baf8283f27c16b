/* facts_sets.c -- what became of each element of a set, counted again. */
#include "harness/verify/facts.h"

#define MEMBER_FS                                                              \
    (ord_bit(ORD_F_READ) | ord_bit(ORD_F_ADD) | ord_bit(ORD_F_REMOVE) |        \
     ord_bit(ORD_F_APPEND) | ord_bit(ORD_F_CONTAINS))

struct element {    /* of one object */
    uint32_t key;   /* + 1: of which; else all the rest is old */
    uint32_t add;   /* + 1: an add of it, acknowledged if one was */
    uint32_t begun; /* first attempt that may have happened, or NEVER */
    uint32_t acked; /* first acknowledgement, or NEVER */
    uint32_t attempts;
    uint32_t known; /* first acknowledgement or end of a read with it */
    uint32_t seen;  /* the read with it that began last, + 1 */
    uint32_t read;  /* the last read that was looked at with it, + 1 */
    uint32_t times; /* in that read */
    uint32_t after; /* reads with it that began after it was known */
    bool is_tried;  /* somebody added or removed it, or failed to */
    bool is_removed;
    bool is_listed;
    bool is_double;
    bool is_strange; /* it was read and cannot have been there */
    bool is_counted;
};

struct sets {
    struct facts *f;
    struct element *all;
    uint64_t attempted, acknowledged, ok, lost, unexpected, recovered;
    uint64_t stable, never_read, stale, duplicated;
    bool is_odd; /* the object has other functions */
};

static struct element *element_of(struct sets *s, uint32_t atom)
{
    struct element *e = &s->all[atom];

    if (e->key != s->f->key + 1)
        *e = (struct element){.key = s->f->key + 1,
                              .begun = NEVER,
                              .acked = NEVER,
                              .known = NEVER};
    return e;
}

static void note_add(struct sets *s, struct element *e, uint32_t call)
{
    const struct ord_calls *calls = s->f->calls;

    if (e->add == 0)
        e->add = call + 1;
    if (calls->f[call] == ORD_F_APPEND)
        e->is_listed = true;
    if (calls->type[call] == ORD_OP_FAIL &&
        !ord_facts_option(s->f, "fail_may_happen", "true"))
        return;
    e->attempts++;
    if (calls->begin[call] < e->begun)
        e->begun = calls->begin[call];
    if (calls->type[call] == ORD_OP_OK && calls->end[call] < e->acked) {
        e->acked = calls->end[call];
        e->add = call + 1;
    }
}

/* Turns to the object and reads who added and removed what.  False: there is
 * nothing to count in it. */
static bool turn_to_set(struct sets *s, uint32_t key)
{
    struct facts *f = s->f;
    bool has_members = false;

    if (!ord_facts_turn(f, key))
        return false;
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t call = f->at[i];
        uint8_t fn = f->calls->f[call];
        struct element *e;

        if (fn != ORD_F_ADD && fn != ORD_F_APPEND && fn != ORD_F_REMOVE)
            continue;
        has_members = true;
        e = element_of(s, f->calls->in[call]);
        e->is_tried = true;
        if (fn != ORD_F_REMOVE)
            note_add(s, e, call);
        else if (f->calls->type[call] != ORD_OP_FAIL)
            e->is_removed = true;
    }
    if (!ord_facts_is_odd(f, MEMBER_FS))
        return true;
    if (has_members)
        f->unknown = "a set has other functions, too";
    return false;
}

/* False: it brought no collection. */
static bool items_of(const struct facts *f, uint32_t read, uint32_t *count,
                     const uint32_t **items)
{
    uint32_t out = f->calls->out[read];

    *count = ord_atom_items(f->calls, out, items);
    return *count > 0 || out == ORD_ATOM_NIL ||
           ord_atom_value(f->calls, out).kind == ORD_LIST;
}

static bool can_be_in(const struct element *e, uint32_t end)
{
    return e->attempts > 0 && e->begun < end;
}

/* ---- set ---------------------------------------------------------------- */

static void look_at_last(struct sets *s, uint32_t read, uint32_t count,
                         const uint32_t *items)
{
    for (uint32_t i = 0; i < count; i++) {
        struct element *e = element_of(s, items[i]);

        if (e->read == read + 1)
            continue;
        e->read = read + 1;
        if (can_be_in(e, s->f->calls->end[read])) {
            s->ok++;
            s->recovered += e->acked == NEVER;
        } else {
            s->unexpected++;
            ord_blame(s->f, read);
        }
    }
}

static void count_set(struct sets *s)
{
    struct facts *f = s->f;
    const struct ord_calls *calls = f->calls;
    uint32_t read = NEVER;
    const uint32_t *items = NULL;
    uint32_t count = 0;
    bool was_tried = false;

    for (uint32_t e = 0; e < f->end_count; e++) {
        if (calls->f[f->ends[e]] == ORD_F_READ)
            read = f->ends[e];
    }
    for (uint32_t i = 0; i < f->count; i++) {
        struct element *e = element_of(s, calls->in[f->at[i]]);

        if (!e->is_tried || e->is_counted)
            continue;
        e->is_counted = true;
        s->attempted += e->attempts > 0;
        s->acknowledged += e->acked != NEVER;
        was_tried = was_tried || e->attempts > 0;
    }
    if (read == NEVER || !items_of(f, read, &count, &items) ||
        calls->out[read] == ORD_ATOM_NIL) {
        if (was_tried)
            f->unknown = "a set was not read";
        return;
    }
    look_at_last(s, read, count, items);
    for (uint32_t i = 0; i < f->count; i++) {
        struct element *e = element_of(s, calls->in[f->at[i]]);

        if (!e->is_counted || e->is_removed || e->read == read + 1 ||
            e->acked >= calls->begin[read])
            continue;
        e->is_counted = false; /* once */
        s->lost++;
        ord_blame(f, e->add - 1);
    }
}

void ord_recount_set(struct facts *f)
{
    struct sets s = {.f = f};

    s.all = ord_facts_room(f, (size_t)f->calls->atom_count + 1, sizeof *s.all);
    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++) {
        if (turn_to_set(&s, key))
            count_set(&s);
    }
    ord_fact(f, "attempted", (double)s.attempted);
    ord_fact(f, "acknowledged", (double)s.acknowledged);
    ord_fact(f, "ok", (double)s.ok);
    ord_fact(f, "lost", (double)s.lost);
    ord_fact(f, "unexpected", (double)s.unexpected);
    ord_fact(f, "recovered", (double)s.recovered);
    if (s.attempted == 0)
        f->unknown = "nothing was added";
}

/* ---- set-full ----------------------------------------------------------- */

struct reads { /* of an object, by begin */
    uint32_t *at;
    uint32_t *ends_max; /* the latest end of those that began later */
    uint32_t count;
};

static void look_at_item(struct sets *s, uint32_t read, uint32_t number,
                         uint32_t atom)
{
    struct facts *f = s->f;
    struct element *e = element_of(s, atom);

    if (!can_be_in(e, f->calls->end[read])) {
        if (!e->is_strange) {
            s->unexpected++;
            ord_blame(f, read);
        }
        e->is_strange = true;
        return;
    }
    e->times = e->read == read + 1 ? e->times + 1 : 1;
    e->read = read + 1;
    e->seen = number + 1;
    if (e->times > (e->is_listed ? e->attempts : 1) && !e->is_double) {
        e->is_double = true;
        s->duplicated++;
        ord_blame(f, read);
    }
    if (f->calls->end[read] < e->known)
        e->known = f->calls->end[read];
}

static bool gather_reads(struct sets *s, struct reads *reads)
{
    struct facts *f = s->f;
    uint32_t latest = 0;

    reads->count = 0;
    reads->at = ord_facts_room(f, (size_t)f->count + 1, sizeof *reads->at);
    reads->ends_max =
        ord_facts_room(f, (size_t)f->count + 1, sizeof *reads->ends_max);
    if (f->is_over)
        return false;
    for (uint32_t i = 0; i < f->count; i++) {
        const uint32_t *items = NULL;
        uint32_t count = 0;

        if (f->calls->f[f->at[i]] != ORD_F_READ ||
            f->calls->type[f->at[i]] != ORD_OP_OK)
            continue;
        if (!items_of(f, f->at[i], &count, &items)) {
            f->unknown = "a read brought no collection";
            continue;
        }
        for (uint32_t j = 0; j < count; j++)
            look_at_item(s, f->at[i], reads->count, items[j]);
        reads->at[reads->count++] = f->at[i];
    }
    for (uint32_t r = reads->count; r > 0; r--) {
        reads->ends_max[r - 1] = latest;
        if (f->calls->end[reads->at[r - 1]] > latest)
            latest = f->calls->end[reads->at[r - 1]];
    }
    return true;
}

/* Reads that began after the place. */
static uint32_t reads_after(const struct facts *f, const struct reads *reads,
                            uint32_t place)
{
    uint32_t low = 0;
    uint32_t high = reads->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (f->calls->begin[reads->at[middle]] > place)
            high = middle;
        else
            low = middle + 1;
    }
    return reads->count - low;
}

/* How many reads that began after an element was known have it. */
static void count_after(struct sets *s, const struct reads *reads)
{
    struct facts *f = s->f;

    for (uint32_t r = 0; r < reads->count; r++) {
        const uint32_t *items = NULL;
        uint32_t count = 0;

        (void)items_of(f, reads->at[r], &count, &items);
        for (uint32_t i = 0; i < count; i++) {
            struct element *e = element_of(s, items[i]);

            if (e->times == UINT32_MAX - r)
                continue; /* it was in this read already */
            e->times = UINT32_MAX - r;
            e->after += f->calls->begin[reads->at[r]] > e->known;
        }
    }
}

static bool judge(struct sets *s, const struct reads *reads, struct element *e)
{
    struct facts *f = s->f;
    bool is_strict = ord_facts_option(f, "linearizable", "true");
    uint32_t last = reads->count;

    if (e->seen > 0 && reads->ends_max[e->seen - 1] <= e->begun) {
        s->stable++;
        if (e->after < reads_after(f, reads, e->known)) {
            s->stale++;
            if (is_strict)
                ord_blame(f, e->add - 1);
        }
        return true;
    }
    if (last > 0 && e->known < f->calls->begin[reads->at[last - 1]] &&
        e->seen != last) {
        s->lost++;
        ord_blame(f, e->add - 1);
    } else {
        s->never_read++;
    }
    return false;
}

static void count_set_full(struct sets *s)
{
    struct facts *f = s->f;
    struct reads reads;
    uint64_t acked = 0;
    uint64_t stable = 0;

    if (!gather_reads(s, &reads))
        return;
    for (uint32_t i = 0; i < f->count; i++) {
        struct element *e = element_of(s, f->calls->in[f->at[i]]);

        if (e->is_tried && e->acked < e->known)
            e->known = e->acked;
    }
    count_after(s, &reads);
    for (uint32_t i = 0; i < f->count; i++) {
        struct element *e = element_of(s, f->calls->in[f->at[i]]);

        if (!e->is_tried || e->is_counted || e->attempts == 0 || e->is_removed)
            continue;
        e->is_counted = true;
        s->attempted++;
        acked += e->acked != NEVER;
        stable += judge(s, &reads, e);
    }
    s->acknowledged += acked;
    if (acked > 0 && stable == 0)
        f->unknown = "nothing that was added is stable";
}

void ord_recount_set_full(struct facts *f)
{
    struct sets s = {.f = f};

    s.all = ord_facts_room(f, (size_t)f->calls->atom_count + 1, sizeof *s.all);
    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++) {
        if (turn_to_set(&s, key))
            count_set_full(&s);
    }
    ord_fact(f, "attempted", (double)s.attempted);
    ord_fact(f, "acknowledged", (double)s.acknowledged);
    ord_fact(f, "stable", (double)s.stable);
    ord_fact(f, "lost", (double)s.lost);
    ord_fact(f, "never_read", (double)s.never_read);
    ord_fact(f, "stale", (double)s.stale);
    ord_fact(f, "duplicated", (double)s.duplicated);
    ord_fact(f, "unexpected", (double)s.unexpected);
    if (s.stable == 0)
        f->unknown = "nothing is stable";
}
