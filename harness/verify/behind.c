/* behind.c -- see behind.h. */
#include "harness/verify/behind.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

static uint32_t end_of(const struct deeds *d, uint32_t deed)
{
    uint32_t end = ord_deeds_end(d, deed);

    return end == NEVER ? NEVER : end + 1;
}

bool ord_behind_init(struct behind *b, struct deeds *d)
{
    struct facts *f = d->f;
    size_t room = (size_t)d->count + 2;

    *b = (struct behind){.d = d};
    b->at = ord_facts_room(f, room, sizeof *b->at);
    b->reads = ord_facts_room(f, room, sizeof *b->reads);
    b->of_read = ord_facts_room(f, room, sizeof *b->of_read);
    b->own_reads = ord_facts_room(f, room, sizeof *b->own_reads);
    b->by_end = ord_facts_room(f, room, sizeof *b->by_end);
    b->versions = ord_facts_room(f, room, sizeof *b->versions);
    b->id = ord_facts_room(f, room, sizeof *b->id);
    return !f->is_over;
}

static void add_cluster(struct behind *b, uint32_t write, uint32_t begin,
                        uint32_t end)
{
    b->at[b->count++] = (struct cluster){.write = write,
                                         .begin = begin,
                                         .end = end,
                                         .first_end = end,
                                         .last_begin = begin};
}

static void list(struct behind *b)
{
    const struct deeds *d = b->d;
    uint32_t first = d->key_first[b->key];
    uint32_t last = d->key_first[b->key + 1];
    uint32_t sum = 0;

    b->count = b->read_count = 0;
    add_cluster(b, SAW_INITIAL, 0, 0);
    for (uint32_t i = first; i < last; i++) {
        if (d->is_read[d->by_key[i]] != 0)
            continue;
        b->id[d->by_key[i]] = b->count;
        add_cluster(b, d->by_key[i], ord_deeds_begin(d, d->by_key[i]) + 1,
                    end_of(d, d->by_key[i]));
    }
    for (uint32_t i = first; i < last; i++) {
        uint32_t read = d->by_key[i];
        uint32_t saw = d->saw[read];
        struct cluster *c;

        if (d->is_read[read] == 0 || !ord_saw_judged(saw))
            continue;
        b->reads[b->read_count] = read;
        b->of_read[b->read_count] = saw == SAW_INITIAL ? 0 : b->id[saw];
        c = &b->at[b->of_read[b->read_count++]];
        c->count++;
        if (end_of(d, read) < c->first_end)
            c->first_end = end_of(d, read);
        if (ord_deeds_begin(d, read) + 1 > c->last_begin)
            c->last_begin = ord_deeds_begin(d, read) + 1;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        b->at[i].first = sum;
        sum += b->at[i].count;
        b->at[i].count = 0;
    }
    for (uint32_t i = 0; i < b->read_count; i++) {
        struct cluster *c = &b->at[b->of_read[i]];

        b->own_reads[c->first + c->count++] = i;
    }
}

struct place { /* of a cluster */
    uint32_t at;
    uint32_t cluster;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->cluster > y->cluster) - (x->cluster < y->cluster);
}

/* Reads by begin: of the clusters that ended before, those are newer that did
 * not begin before the read's own ended.  A tree of sums counts the others
 * (Fenwick, 1994). */
static void count_versions(struct behind *b, uint32_t *tree)
{
    uint32_t done = 0;

    b->most = 0;
    for (uint32_t i = 0; i < b->read_count; i++) {
        uint32_t own_end = b->at[b->of_read[i]].end;
        uint32_t low = 0;
        uint32_t high = b->count;
        uint32_t older = 0;

        for (; done < b->count &&
               b->at[b->by_end[done]].end < ord_behind_begin(b, i);
             done++) {
            for (uint32_t j = b->by_end[done] + 1; j <= b->count; j += j & -j)
                tree[j]++;
        }
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (b->at[middle].begin <= own_end)
                low = middle + 1;
            else
                high = middle;
        }
        for (; low > 0; low -= low & -low)
            older += tree[low];
        b->versions[i] = done - older;
        b->most = b->versions[i] > b->most ? b->versions[i] : b->most;
    }
}

void ord_behind_turn(struct behind *b, uint32_t key, bool cuts)
{
    struct facts *f = b->d->f;
    struct place *ends;
    uint32_t *tree;

    b->key = key;
    list(b);
    ends = ord_facts_room(f, (size_t)b->count + 1, sizeof *ends);
    tree = ord_facts_room(f, (size_t)b->count + 2, sizeof *tree);
    if (f->is_over)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        if (cuts)
            b->at[i].end = b->at[i].first_end;
        ends[i] = (struct place){b->at[i].end, i};
    }
    qsort(ends, b->count, sizeof *ends, compare_places);
    for (uint32_t i = 0; i < b->count; i++)
        b->by_end[i] = ends[i].cluster;
    count_versions(b, tree);
}

/* ---- one order ----------------------------------------------------------- */

/* A cluster is there for certain from its first end to its last begin, if that
 * is later; nothing of another may lie across such a time, nor within it all of
 * another (Gibbons and Korach, 1997). */
bool ord_behind_clash(struct behind *b, uint8_t *marks)
{
    struct facts *f = b->d->f;
    struct place *zones =
        ord_facts_room(f, (size_t)b->count + 1, sizeof *zones);
    uint32_t reach = NONE;
    bool clashes = false;

    for (uint32_t i = 0; !f->is_over && i < b->count; i++) {
        const struct cluster *c = &b->at[i];
        uint32_t from =
            c->first_end < c->last_begin ? c->first_end : c->last_begin;

        marks[i] = 0;
        zones[i] = (struct place){from, i};
    }
    if (f->is_over)
        return false;
    qsort(zones, b->count, sizeof *zones, compare_places);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct cluster *c = &b->at[zones[i].cluster];
        uint32_t upto = reach == NONE ? 0 : b->at[reach].last_begin;

        if (reach != NONE && c->first_end < upto) {
            clashes = true;
            marks[reach] = marks[zones[i].cluster] = 1;
        }
        if (c->first_end < c->last_begin && c->last_begin > upto)
            reach = zones[i].cluster;
    }
    return clashes;
}

/* ---- two ----------------------------------------------------------------- */

/* From the end: whatever comes last, reads that began after it had ended saw
 * it or the one before, and so on, until none says which is before; then any
 * that can be last is tried.  What succeeded so far need not be undone (LBT of
 * Golab, Hurwitz and Li, ICDCS 2013; here without its limits). */
struct two {
    struct behind *b;
    uint8_t *is_placed;      /* by cluster */
    uint8_t *is_gone;        /* by read */
    uint32_t *placed, *gone; /* in this round */
    uint32_t placed_count, gone_count;
    uint32_t top;      /* clusters from here on are placed */
    uint32_t top_read; /* reads from here on are gone */
    uint32_t left;
    uint64_t steps;
};

static void let_go(struct two *t, uint32_t read)
{
    t->is_gone[read] = 1;
    t->gone[t->gone_count++] = read;
}

/* None that is left began after it had ended. */
static bool can_be_last(struct two *t, uint32_t cluster)
{
    uint32_t i = t->top;

    while (i > 0 && (t->is_placed[i - 1] != 0 || i - 1 == cluster)) {
        i--;
        t->steps++;
    }
    return i == 0 || t->b->at[i - 1].begin <= t->b->at[cluster].end;
}

static bool put_last(struct two *t, uint32_t cluster, uint32_t *next)
{
    struct behind *b = t->b;
    const struct cluster *c = &b->at[cluster];

    *next = NONE;
    if (!can_be_last(t, cluster))
        return false;
    for (uint32_t i = t->top_read; i > 0; i--) {
        uint32_t from = b->of_read[i - 1];

        t->steps++;
        if (t->is_gone[i - 1] != 0)
            continue;
        if (ord_behind_begin(b, i - 1) <= c->end)
            break;
        if (from != cluster && *next != NONE && from != *next)
            return false;
        *next = from != cluster ? from : *next;
        let_go(t, i - 1);
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (t->is_gone[b->own_reads[c->first + i]] == 0)
            let_go(t, b->own_reads[c->first + i]);
    }
    t->is_placed[cluster] = 1;
    t->placed[t->placed_count++] = cluster;
    t->left--;
    while (t->top > 0 && t->is_placed[t->top - 1] != 0)
        t->top--;
    while (t->top_read > 0 && t->is_gone[t->top_read - 1] != 0)
        t->top_read--;
    return true;
}

static bool round_from(struct two *t, uint32_t cluster)
{
    uint32_t top = t->top;
    uint32_t top_read = t->top_read;

    t->placed_count = t->gone_count = 0;
    while (cluster != NONE) {
        uint32_t next = NONE;

        if (put_last(t, cluster, &next)) {
            cluster = next;
            continue;
        }
        for (uint32_t i = 0; i < t->gone_count; i++)
            t->is_gone[t->gone[i]] = 0;
        for (uint32_t i = 0; i < t->placed_count; i++)
            t->is_placed[t->placed[i]] = 0;
        t->left += t->placed_count;
        t->top = top;
        t->top_read = top_read;
        return false;
    }
    return true;
}

static bool any_round(struct two *t)
{
    const struct behind *b = t->b;

    for (uint32_t i = b->count; i > 0; i--) {
        uint32_t cluster = b->by_end[i - 1];

        t->steps++;
        if (t->is_placed[cluster] != 0)
            continue;
        if (!can_be_last(t, cluster))
            return false; /* nor can what ended before */
        if (round_from(t, cluster))
            return true;
    }
    return false;
}

bool ord_behind_two(struct behind *b, bool *exists)
{
    struct facts *f = b->d->f;
    struct two t = {
        .b = b, .top = b->count, .top_read = b->read_count, .left = b->count};

    t.is_placed = ord_facts_room(f, (size_t)b->count + 1, 1);
    t.placed = ord_facts_room(f, (size_t)b->count + 1, sizeof *t.placed);
    t.is_gone = ord_facts_room(f, (size_t)b->read_count + 1, 1);
    t.gone = ord_facts_room(f, (size_t)b->read_count + 1, sizeof *t.gone);
    *exists = !f->is_over;
    while (!f->is_over && t.left > 0 && *exists) {
        *exists = any_round(&t);
        if (f->v->steps_left < t.steps) {
            f->is_over = true;
            return ord_verify_give_up(f->v, ORD_ELIMIT,
                                      "the steps are used up: whether reads "
                                      "are two versions behind is not known");
        }
        f->v->steps_left -= t.steps;
        t.steps = 0;
    }
    return !f->is_over;
}
