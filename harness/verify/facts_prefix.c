/* facts_prefix.c -- consistent prefixes, told again from the definition at the
 * head of checkers/consistent_prefix.c: registers by clocks (known.h), sets and
 * lists by when each element was known. */
#include <stdlib.h>

#include "harness/verify/known.h"

struct item { /* an element of the object at hand, by atom */
    uint32_t stamp;
    uint32_t add;   /* the call + 1 that brought it; 0: none */
    uint32_t known; /* place */
    uint32_t read;  /* + 1: the read that was seen to have it */
    bool is_odd;    /* brought twice, or taken away */
};

struct known_at { /* in groups: of one session, or all */
    uint32_t group;
    uint32_t place;
};

struct prefix {
    struct facts *f;
    struct item *items;
    struct known_at *known;
    uint32_t known_count;
    uint32_t *stamp; /* by group: the read + 1 that all below is of */
    uint32_t *begin; /* the latest begin of an add of an element that it has */
    uint32_t *have;  /* how many known before that it has */
    uint32_t *first; /* the earliest that one behind was known */
    uint64_t reads;
    bool by_session;
};

static struct item *item_of(struct prefix *p, uint32_t atom)
{
    struct item *item = &p->items[atom];

    if (item->stamp != p->f->key + 1)
        *item = (struct item){.stamp = p->f->key + 1, .known = NEVER};
    return item;
}

static bool is_read(const struct facts *f, uint32_t call)
{
    return (f->calls->f[call] == ORD_F_READ ||
            f->calls->f[call] == ORD_F_GET) &&
           f->calls->type[call] == ORD_OP_OK && !ord_look_final(f, call);
}

/* Brought once, and by whom is known. */
static bool is_sure(struct prefix *p, uint32_t atom)
{
    const struct item *item = item_of(p, atom);

    return item->add != 0 && !item->is_odd;
}

static uint32_t group_of(const struct prefix *p, const struct item *item)
{
    return p->by_session ? p->f->calls->session[item->add - 1] : 0;
}

static uint32_t begin_of(const struct prefix *p, const struct item *item)
{
    return p->f->calls->begin[item->add - 1];
}

static void note_changes(struct prefix *p)
{
    const struct ord_calls *calls = p->f->calls;

    for (uint32_t i = 0; i < p->f->count; i++) {
        uint32_t call = p->f->at[i];
        uint8_t fn = calls->f[call];
        struct item *item;

        if (calls->type[call] == ORD_OP_FAIL ||
            (fn != ORD_F_ADD && fn != ORD_F_APPEND && fn != ORD_F_REMOVE))
            continue;
        item = item_of(p, calls->in[call]);
        item->is_odd = item->is_odd || item->add != 0 || fn == ORD_F_REMOVE;
        if (fn == ORD_F_REMOVE)
            continue;
        item->add = call + 1;
        item->known = calls->end[call];
    }
}

/* What a read had was there when that had ended; of a session, only what it
 * did itself is certain. */
static void note_reads(struct prefix *p)
{
    const struct ord_calls *calls = p->f->calls;

    for (uint32_t i = 0; i < p->f->count && !p->by_session; i++) {
        uint32_t call = p->f->at[i];
        const uint32_t *atoms = NULL;
        uint32_t count;

        if (!is_read(p->f, call))
            continue;
        count = ord_atom_items(calls, calls->out[call], &atoms);
        for (uint32_t j = 0; j < count; j++) {
            struct item *item = item_of(p, atoms[j]);

            if (item->add != 0 && begin_of(p, item) < calls->end[call] &&
                calls->end[call] < item->known)
                item->known = calls->end[call];
        }
    }
}

static int compare_known(const void *a, const void *b)
{
    const struct known_at *x = a;
    const struct known_at *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static void sort_known(struct prefix *p)
{
    const struct ord_calls *calls = p->f->calls;

    p->known_count = 0;
    for (uint32_t i = 0; i < p->f->count; i++) {
        uint32_t call = p->f->at[i];
        const struct item *item;

        if (calls->f[call] != ORD_F_ADD && calls->f[call] != ORD_F_APPEND)
            continue;
        item = item_of(p, calls->in[call]);
        if (item->add == call + 1 && !item->is_odd && item->known != NEVER)
            p->known[p->known_count++] =
                (struct known_at){group_of(p, item), item->known};
    }
    if (p->known_count > 0)
        qsort(p->known, p->known_count, sizeof *p->known, compare_known);
}

/* How many of the group were known before the place. */
static uint32_t known_before(const struct prefix *p, struct known_at what)
{
    uint32_t bounds[2];

    for (int i = 0; i < 2; i++) {
        struct known_at at = {what.group, i == 0 ? 0 : what.place};
        uint32_t low = 0;
        uint32_t high = p->known_count;

        while (low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (compare_known(&p->known[middle], &at) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        bounds[i] = low;
    }
    return bounds[1] - bounds[0];
}

/* It has an element, and misses one of the group known before that came. */
static bool misses(struct prefix *p, uint32_t read, const uint32_t *atoms,
                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct item *item = item_of(p, atoms[i]);
        uint32_t g;

        if (!is_sure(p, atoms[i]))
            continue;
        g = group_of(p, item);
        if (p->stamp[g] != read + 1 || begin_of(p, item) > p->begin[g])
            p->begin[g] = begin_of(p, item);
        p->stamp[g] = read + 1;
        p->have[g] = 0;
        p->first[g] = NEVER;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct item *item = item_of(p, atoms[i]);

        if (!is_sure(p, atoms[i]) || item->read == read + 1)
            continue;
        item->read = read + 1;
        p->have[group_of(p, item)] += item->known < p->begin[group_of(p, item)];
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct item *item = item_of(p, atoms[i]);
        uint32_t g;

        if (!is_sure(p, atoms[i]))
            continue;
        g = group_of(p, item);
        if (p->stamp[g] != 0 &&
            p->have[g] < known_before(p, (struct known_at){g, p->begin[g]}))
            return true;
        p->stamp[g] = 0; /* once is enough */
    }
    return false;
}

/* One stands before another that was known before it came. */
static bool is_disordered(struct prefix *p, const uint32_t *atoms,
                          uint32_t count)
{
    for (uint32_t i = count; i > 0; i--) {
        const struct item *item = item_of(p, atoms[i - 1]);
        uint32_t *first;

        if (!is_sure(p, atoms[i - 1]))
            continue;
        first = &p->first[group_of(p, item)];
        if (*first < begin_of(p, item))
            return true;
        *first = item->known < *first ? item->known : *first;
    }
    return false;
}

/* The next sure one from there on; count: there is none. */
static uint32_t skip(struct prefix *p, const uint32_t *atoms, uint32_t count,
                     uint32_t from)
{
    while (from < count && !is_sure(p, atoms[from]))
        from++;
    return from;
}

/* The first of the reads with most sure items; NEVER: none has any. */
static uint32_t longest_of(struct prefix *p)
{
    const struct facts *f = p->f;
    uint32_t best = NEVER;
    uint32_t most = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        const uint32_t *atoms = NULL;
        uint32_t have = 0;
        uint32_t count;

        if (!is_read(f, f->at[i]))
            continue;
        count = ord_atom_items(f->calls, f->calls->out[f->at[i]], &atoms);
        for (uint32_t j = skip(p, atoms, count, 0); j < count;
             j = skip(p, atoms, count, j + 1))
            have++;
        best = have > most ? f->at[i] : best;
        most = have > most ? have : most;
    }
    return best;
}

/* Somewhere the list goes on otherwise than the longest one. */
static bool parts_from(struct prefix *p, uint32_t read, uint32_t longest)
{
    const struct ord_calls *calls = p->f->calls;
    const uint32_t *a = NULL;
    const uint32_t *b = NULL;
    uint32_t count_a = ord_atom_items(calls, calls->out[read], &a);
    uint32_t count_b = ord_atom_items(calls, calls->out[longest], &b);
    uint32_t i = skip(p, a, count_a, 0);
    uint32_t j = skip(p, b, count_b, 0);

    while (i < count_a && j < count_b && a[i] == b[j]) {
        i = skip(p, a, count_a, i + 1);
        j = skip(p, b, count_b, j + 1);
    }
    return i < count_a;
}

static void check_object(struct prefix *p, bool is_list)
{
    struct facts *f = p->f;

    uint32_t longest;

    note_changes(p);
    note_reads(p);
    sort_known(p);
    longest = is_list && !p->by_session ? longest_of(p) : NEVER;
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t read = f->at[i];
        const uint32_t *atoms = NULL;
        uint32_t count;

        if (!is_read(f, read))
            continue;
        p->reads++;
        count = ord_atom_items(f->calls, f->calls->out[read], &atoms);
        if (misses(p, read, atoms, count) ||
            (is_list && is_disordered(p, atoms, count)) ||
            (longest != NEVER && parts_from(p, read, longest)))
            ord_blame(f, read);
    }
}

static void check_bags(struct prefix *p, const struct deeds *d)
{
    struct facts *f = p->f;
    size_t groups = (size_t)f->calls->session_count + 1;

    p->items =
        ord_facts_room(f, (size_t)f->calls->atom_count + 1, sizeof *p->items);
    p->known = ord_facts_room(f, (size_t)f->calls->count + 1, sizeof *p->known);
    p->stamp = ord_facts_room(f, groups, sizeof *p->stamp);
    p->begin = ord_facts_room(f, groups, sizeof *p->begin);
    p->have = ord_facts_room(f, groups, sizeof *p->have);
    p->first = ord_facts_room(f, groups, sizeof *p->first);
    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++) {
        if (d->kind[key] != KIND_SET && d->kind[key] != KIND_LIST)
            continue;
        if (ord_facts_turn(f, key))
            check_object(p, d->kind[key] == KIND_LIST);
    }
}

void ord_recount_prefix(struct facts *f)
{
    struct prefix p = {.f = f};
    struct deeds d;
    struct known k;
    enum log log = LOG_KEY;

    if (ord_facts_option(f, "log", "all"))
        log = LOG_ALL;
    if (ord_facts_option(f, "log", "none"))
        log = LOG_NONE;
    p.by_session = log == LOG_NONE;
    if (!ord_deeds_init(&d, f) || !ord_known_init(&k, &d, log, false) ||
        !ord_known_close(&k))
        return;
    p.reads = ord_known_judge(&k);
    check_bags(&p, &d);
    ord_deeds_doubt(&d, 1U << KIND_REGISTER | 1U << KIND_SET | 1U << KIND_LIST,
                    p.reads);
    ord_fact(f, "reads", (double)p.reads);
    ord_fact(f, "violations", (double)f->violations);
}
