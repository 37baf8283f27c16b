/* facts_twice.c -- duplicated, long-fork and adya-g2, counted again. */
#include <stdlib.h>
#include <string.h>

#include "harness/verify/deeds.h"

/* ---- adya-g2 ------------------------------------------------------------- */

void ord_recount_adya_g2(struct facts *f)
{
    const struct ord_calls *calls = f->calls;
    uint64_t keys = 0;
    uint64_t inserts = 0;

    for (uint32_t key = 0; key < calls->key_count; key++) {
        uint32_t any = 0;
        uint32_t ok = 0;

        if (!ord_facts_turn(f, key))
            return;
        for (uint32_t i = 0; i < f->count; i++) {
            uint32_t call = f->at[i];
            const struct ord_op *op;

            if (calls->f[call] != ORD_F_OTHER)
                continue;
            op = ord_history_op(f->v->history, calls->begin[call]);
            if (strcmp(op->name, "insert") != 0)
                continue;
            if (calls->keys[key].kind == ORD_NIL) {
                f->unknown = "an insert has no key";
                continue;
            }
            any++;
            ok += calls->type[call] == ORD_OP_OK;
            if (ok == 2 && calls->type[call] == ORD_OP_OK)
                ord_blame(f, call);
        }
        keys += any > 0;
        inserts += ok;
    }
    if (inserts == 0 && f->unknown == NULL)
        f->unknown = "no insert returned ok";
    ord_fact(f, "keys", (double)keys);
    ord_fact(f, "inserts", (double)inserts);
    ord_fact(f, "illegal", (double)f->violations);
}

/* ---- long-fork ----------------------------------------------------------- */

struct glance {            /* one read of several keys */
    const uint64_t *items; /* key * 2 + 1 where something was there */
    uint32_t count;
    uint32_t seen;
    uint32_t call;
};

struct forks {
    struct facts *f;
    uint8_t *writes; /* by key atom: 0, 1, 2 or more that may have happened */
    uint64_t *items;
    uint32_t item_count;
    struct glance *reads;
    uint32_t read_count;
    uint32_t left_out;
};

/* [r key value] or [w key value], the name also with a colon; else 0. */
static char part_of(const struct ord_calls *calls, uint32_t atom,
                    const uint32_t **parts)
{
    struct ord_value name;
    uint32_t skip;

    if (ord_atom_items(calls, atom, parts) != 3)
        return 0;
    name = ord_atom_value(calls, (*parts)[0]);
    if (name.kind != ORD_TEXT || name.count < 1 || name.count > 2)
        return 0;
    skip = name.as.text[0] == ':' && name.count == 2;
    if (name.count - skip != 1 ||
        (name.as.text[skip] != 'r' && name.as.text[skip] != 'w'))
        return 0;
    return name.as.text[skip];
}

static void count_writes(struct forks *k)
{
    const struct ord_calls *calls = k->f->calls;

    for (uint32_t i = 0; i < calls->count; i++) {
        const uint32_t *items = NULL;
        uint32_t count = ord_atom_items(calls, calls->in[i], &items);

        for (uint32_t j = 0; j < count && calls->type[i] != ORD_OP_FAIL; j++) {
            const uint32_t *parts = NULL;

            if (part_of(calls, items[j], &parts) == 'w' &&
                k->writes[parts[1]] < 2)
                k->writes[parts[1]]++;
        }
    }
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static uint32_t reads_in(const struct ord_calls *calls, uint32_t call,
                         const uint32_t **items)
{
    uint32_t count;

    if (calls->type[call] != ORD_OP_OK || calls->out[call] == ORD_ATOM_NONE)
        return 0;
    count = ord_atom_items(calls, calls->out[call], items);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *parts = NULL;

        if (part_of(calls, (*items)[i], &parts) != 'r')
            return 0;
    }
    return count;
}

static void add_read(struct forks *k, uint32_t call, const uint32_t *items,
                     uint32_t count)
{
    struct glance *read = &k->reads[k->read_count];
    uint64_t *at = k->items + k->item_count;

    *read = (struct glance){.items = at, .count = count, .call = call};
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *parts = NULL;

        (void)part_of(k->f->calls, items[i], &parts);
        if (k->writes[parts[1]] > 1) {
            k->left_out++;
            return;
        }
        at[i] = (uint64_t)parts[1] * 2 + (parts[2] != ORD_ATOM_NIL);
        read->seen += parts[2] != ORD_ATOM_NIL;
    }
    qsort(at, count, sizeof *at, compare_u64);
    k->item_count += count;
    k->read_count++;
}

static int compare_keys(const struct glance *x, const struct glance *y)
{
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    for (uint32_t i = 0; i < x->count; i++) {
        if (x->items[i] / 2 != y->items[i] / 2)
            return x->items[i] < y->items[i] ? -1 : 1;
    }
    return 0;
}

/* By keys, then by how many were there, then by begin. */
static int compare_reads(const void *a, const void *b)
{
    const struct glance *x = a;
    const struct glance *y = b;
    int keys = compare_keys(x, y);

    if (keys != 0)
        return keys;
    if (x->seen != y->seen)
        return x->seen < y->seen ? -1 : 1;
    return (x->call > y->call) - (x->call < y->call);
}

/* Of the same keys: each that x saw, y saw. */
static bool is_within(const struct glance *x, const struct glance *y)
{
    for (uint32_t i = 0; i < x->count; i++) {
        if (x->items[i] % 2 > y->items[i] % 2)
            return false;
    }
    return true;
}

static void list_reads(struct forks *k)
{
    const struct ord_calls *calls = k->f->calls;
    const uint32_t *items = NULL;
    size_t room = 1;
    size_t reads = 1;

    for (uint32_t i = 0; i < calls->count; i++) {
        uint32_t count = reads_in(calls, i, &items);

        room += count;
        reads += count > 0;
    }
    k->items = ord_facts_room(k->f, room, sizeof *k->items);
    k->reads = ord_facts_room(k->f, reads, sizeof *k->reads);
    for (uint32_t i = 0; !k->f->is_over && i < calls->count; i++) {
        uint32_t count = reads_in(calls, i, &items);

        if (count > 0)
            add_read(k, i, items, count);
    }
    if (!k->f->is_over)
        qsort(k->reads, k->read_count, sizeof *k->reads, compare_reads);
}

/* In that order neighbours are within each other, so all of the same keys are,
 * unless somewhere one is not within the next. */
void ord_recount_long_fork(struct facts *f)
{
    struct forks k = {.f = f};
    uint32_t early = 0;
    uint32_t late = 0;
    uint32_t pairs = 0;

    k.writes = ord_facts_room(f, (size_t)f->calls->atom_count + 1, 1);
    if (f->is_over)
        return;
    count_writes(&k);
    list_reads(&k);
    for (uint32_t i = 0; !f->is_over && i < k.read_count; i++) {
        const struct glance *y = &k.reads[i];

        early += y->seen == 0;
        late += y->seen == y->count;
        if (i == 0 || compare_keys(y - 1, y) != 0)
            continue;
        pairs++;
        if (!is_within(y - 1, y))
            ord_blame(f, y->call);
    }
    f->names_no_key = true;
    if (k.left_out > 0)
        f->unknown = "a key may have been written more than once";
    else if (pairs == 0)
        f->unknown = "no two reads are of the same keys";
    ord_fact(f, "reads", k.read_count);
    ord_fact(f, "early_reads", early);
    ord_fact(f, "late_reads", late);
    ord_fact(f, "forks", (double)f->violations);
}

/* ---- duplicated ---------------------------------------------------------- */

struct tally { /* of an element of the object at hand, by atom */
    uint32_t stamp;
    uint32_t put;
    uint32_t taken;
    uint32_t read; /* + 1: `taken` counts within it */
};

struct twice {
    struct facts *f;
    struct deeds d;
    struct tally *tallies;
    uint32_t *user; /* by deed: the cas (+ 1) that found it */
    uint64_t looked;
};

static struct tally *tally_of(struct twice *t, uint32_t atom)
{
    struct tally *tally = &t->tallies[atom];

    if (tally->stamp != t->f->key + 1)
        *tally = (struct tally){.stamp = t->f->key + 1};
    return tally;
}

/* In a read, an element is one violation however often it is there. */
static void came_out(struct twice *t, uint32_t call, uint32_t atom)
{
    struct tally *tally = tally_of(t, atom);
    bool is_read = t->f->calls->f[call] == ORD_F_READ;

    if (is_read && tally->read != call + 1) {
        tally->read = call + 1;
        tally->taken = 0;
    }
    tally->taken++;
    if (tally->put > 0 &&
        (is_read ? tally->taken == tally->put + 1 : tally->taken > tally->put))
        ord_blame(t->f, call);
}

static void check_bag(struct twice *t)
{
    const struct ord_calls *calls = t->f->calls;
    uint32_t next = 0;

    for (uint32_t e = 0; e < t->f->end_count; e++) {
        uint32_t call = t->f->ends[e];
        uint8_t fn = calls->f[call];
        const uint32_t *items = NULL;
        uint32_t count;

        if (fn != ORD_F_DEQUEUE && fn != ORD_F_POP && fn != ORD_F_DRAIN &&
            fn != ORD_F_READ)
            continue;
        for (; next < t->f->count; next++) {
            uint32_t put = t->f->at[next];
            uint8_t how = calls->f[put];

            if (calls->begin[put] >= calls->end[call])
                break;
            if (calls->type[put] != ORD_OP_FAIL &&
                (how == ORD_F_ENQUEUE || how == ORD_F_PUSH ||
                 how == ORD_F_ADD || how == ORD_F_APPEND))
                tally_of(t, calls->in[put])->put++;
        }
        if (calls->out[call] == ORD_ATOM_NONE)
            continue;
        if (fn == ORD_F_DEQUEUE || fn == ORD_F_POP) {
            t->looked++;
            came_out(t, call, calls->out[call]);
            continue;
        }
        count = ord_atom_items(calls, calls->out[call], &items);
        t->looked += fn == ORD_F_READ ? count > 0 : count + (count > 0);
        for (uint32_t i = 0; i < count; i++)
            came_out(t, call, items[i]);
    }
}

struct acked_write {
    uint32_t end;
    uint32_t newest; /* the latest begin of those that ended up to here */
};

static int compare_acked(const void *a, const void *b)
{
    const struct acked_write *x = a;
    const struct acked_write *y = b;

    return (x->end > y->end) - (x->end < y->end);
}

static uint32_t list_acked(struct twice *t, struct acked_write *acked)
{
    const struct deeds *d = &t->d;
    uint32_t count = 0;

    for (uint32_t i = d->key_first[t->f->key]; i < d->key_first[t->f->key + 1];
         i++) {
        uint32_t deed = d->by_key[i];

        if (d->is_read[deed] == 0 && ord_deeds_end(d, deed) != NEVER)
            acked[count++] = (struct acked_write){ord_deeds_end(d, deed),
                                                  ord_deeds_begin(d, deed)};
    }
    if (count > 0)
        qsort(acked, count, sizeof *acked, compare_acked);
    for (uint32_t i = 1; i < count; i++) {
        if (acked[i - 1].newest > acked[i].newest)
            acked[i].newest = acked[i - 1].newest;
    }
    return count;
}

/* Between what the cas found and the cas another write came and was known. */
static bool came_back(const struct twice *t, uint32_t cas,
                      const struct acked_write *acked, uint32_t count)
{
    const struct deeds *d = &t->d;
    uint32_t saw = d->saw[cas];
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (acked[middle].end < ord_deeds_begin(d, cas))
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && (saw == SAW_INITIAL ||
                       acked[low - 1].newest > ord_deeds_end(d, saw));
}

static void check_register(struct twice *t, struct acked_write *acked)
{
    const struct deeds *d = &t->d;
    uint32_t count = list_acked(t, acked);
    uint32_t initial = 0;

    for (uint32_t i = d->key_first[t->f->key]; i < d->key_first[t->f->key + 1];
         i++) {
        uint32_t cas = d->by_key[i];
        uint32_t *user;

        if (d->is_read[cas] == 0 || !ord_deeds_is_cas(d, cas) ||
            !ord_saw_judged(d->saw[cas]))
            continue;
        t->looked++;
        user = d->saw[cas] == SAW_INITIAL ? &initial : &t->user[d->saw[cas]];
        if (*user != 0)
            ord_blame(t->f, d->call[cas]);
        else
            *user = cas + 1;
        if (came_back(t, cas, acked, count))
            ord_blame(t->f, d->call[cas]);
    }
}

void ord_recount_duplicated(struct facts *f)
{
    struct twice t = {.f = f};
    struct acked_write *acked;

    if (!ord_deeds_init(&t.d, f))
        return;
    t.tallies =
        ord_facts_room(f, (size_t)f->calls->atom_count + 1, sizeof *t.tallies);
    t.user = ord_facts_room(f, (size_t)t.d.count + 1, sizeof *t.user);
    acked = ord_facts_room(f, (size_t)t.d.count + 1, sizeof *acked);
    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++) {
        if (!ord_facts_turn(f, key))
            return;
        if (t.d.kind[key] == KIND_REGISTER)
            check_register(&t, acked);
        else
            check_bag(&t);
    }
    if (t.looked == 0)
        f->unknown = "nothing could have shown it";
    ord_fact(f, "looked_at", (double)t.looked);
    ord_fact(f, "duplicates", (double)f->violations);
}
