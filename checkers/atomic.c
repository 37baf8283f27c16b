/* atomic.c -- clusters, their zones, and how far each read is behind. */
#include "checkers/atomic.h"

#include <stdlib.h>

struct by_place { /* to sort clusters, or places in a key, by one number */
    uint32_t place;
    uint32_t what;
};

static int compare_place(const void *a, const void *b)
{
    const struct by_place *x = a;
    const struct by_place *y = b;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return (x->what > y->what) - (x->what < y->what);
}

static int no_memory(const struct ord_clusters *c, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM, "no memory for %u writes and reads",
                    c->trace->key_first[c->key + 1] -
                        c->trace->key_first[c->key]);
}

static bool has_cluster(const struct ord_trace *t, uint32_t deed)
{
    return ord_deed_is_read(t, deed) && (ORD_FROM_IS_DEED(t->from[deed]) ||
                                         t->from[deed] == ORD_FROM_INITIAL);
}

static uint32_t end_of(const struct ord_trace *t, uint32_t deed)
{
    uint32_t end = ord_deed_end(t, deed);

    return end == ORD_CALL_NEVER ? end : end + 1;
}

/* Writes and reads of the key; of_write[deed] becomes its cluster. */
static void list_clusters(struct ord_clusters *c, uint32_t *of_write)
{
    const struct ord_trace *t = c->trace;
    uint32_t sum = 0;

    c->at[0] = (struct ord_cluster){.write = ORD_FROM_INITIAL};
    c->count = 1;
    for (uint32_t i = t->key_first[c->key]; i < t->key_first[c->key + 1]; i++) {
        uint32_t deed = t->by_key[i];

        if (ord_deed_is_read(t, deed))
            continue;
        of_write[deed] = c->count;
        c->at[c->count++] =
            (struct ord_cluster){.write = deed,
                                 .begin = ord_deed_begin(t, deed) + 1,
                                 .end = end_of(t, deed),
                                 .count = t->from[deed]};
    }
    for (uint32_t i = t->key_first[c->key]; i < t->key_first[c->key + 1]; i++) {
        if (ord_deed_is_read(t, t->by_key[i]) &&
            t->from[t->by_key[i]] == ORD_FROM_INITIAL)
            c->at[0].count++;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        struct ord_cluster *at = &c->at[i];

        at->first = sum;
        sum += at->count;
        at->count = 0;
        at->first_end = at->end;
        at->last_begin = at->begin;
        at->first_ended = at->write;
        at->last_begun = at->write;
    }
}

static void list_reads(struct ord_clusters *c, const uint32_t *of_write)
{
    const struct ord_trace *t = c->trace;

    for (uint32_t i = t->key_first[c->key]; i < t->key_first[c->key + 1]; i++) {
        uint32_t deed = t->by_key[i];
        uint32_t id = 0;
        struct ord_cluster *at = NULL;

        if (!has_cluster(t, deed))
            continue;
        id = ORD_FROM_IS_DEED(t->from[deed]) ? of_write[t->from[deed]] : 0;
        at = &c->at[id];
        c->reads[at->first + at->count] = deed;
        c->of_read[at->first + at->count++] = id;
        c->read_count++;
        if (end_of(t, deed) < at->first_end) {
            at->first_end = end_of(t, deed);
            at->first_ended = deed;
        }
        if (ord_deed_begin(t, deed) + 1 > at->last_begin) {
            at->last_begin = ord_deed_begin(t, deed) + 1;
            at->last_begun = deed;
        }
    }
}

/* Sweeps over the reads by begin; writes that have ended are counted in a
 * Fenwick tree by begin, and those begun after the read's own had ended are
 * how far it is behind. */
static int count_behind(struct ord_clusters *c, struct by_place *ends,
                        struct by_place *begins, uint32_t *tree)
{
    uint32_t done = 0;

    for (uint32_t i = 0; i < c->count; i++)
        ends[i] = (struct by_place){c->at[i].end, i};
    qsort(ends, c->count, sizeof *ends, compare_place);
    for (uint32_t i = 0; i < c->count; i++)
        c->by_end[i] = ends[i].what;
    for (uint32_t i = 0; i < c->read_count; i++)
        begins[i] = (struct by_place){ord_read_begin(c, i), i};
    qsort(begins, c->read_count, sizeof *begins, compare_place);
    for (uint32_t i = 0; i < c->read_count; i++) {
        uint32_t own_end = c->at[c->of_read[begins[i].what]].end;
        uint32_t low = 0;
        uint32_t high = c->count;
        uint32_t older = 0;

        for (; done < c->count && ends[done].place < begins[i].place; done++) {
            for (uint32_t j = ends[done].what + 1; j <= c->count; j += j & -j)
                tree[j]++;
        }
        while (low < high) { /* clusters begun before own_end */
            uint32_t middle = low + (high - low) / 2;

            if (c->at[middle].begin <= own_end)
                low = middle + 1;
            else
                high = middle;
        }
        for (uint32_t j = low; j > 0; j -= j & -j)
            older += tree[j];
        c->behind[begins[i].what] = done - older;
    }
    return ORD_OK;
}

int ord_clusters_init(struct ord_clusters *c, const struct ord_trace *trace,
                      uint32_t key, bool cuts, uint32_t *scratch,
                      struct ord_arena *arena, struct ord_err *err)
{
    uint32_t n = trace->key_first[key + 1] - trace->key_first[key];
    size_t room = (size_t)n + 2;
    struct by_place *ends = NULL;
    struct by_place *begins = NULL;
    uint32_t *tree = NULL;

    *c = (struct ord_clusters){.trace = trace, .key = key};
    c->at = ord_arena_zalloc(arena, room, sizeof *c->at);
    c->reads = ord_arena_zalloc(arena, room, sizeof *c->reads);
    c->of_read = ord_arena_zalloc(arena, room, sizeof *c->of_read);
    c->by_end = ord_arena_zalloc(arena, room, sizeof *c->by_end);
    c->behind = ord_arena_zalloc(arena, room, sizeof *c->behind);
    ends = ord_arena_zalloc(arena, room, sizeof *ends);
    begins = ord_arena_zalloc(arena, room, sizeof *begins);
    tree = ord_arena_zalloc(arena, room, sizeof *tree);
    if (c->at == NULL || c->reads == NULL || c->of_read == NULL ||
        c->by_end == NULL || c->behind == NULL || ends == NULL ||
        begins == NULL || tree == NULL)
        return no_memory(c, err);
    list_clusters(c, scratch);
    list_reads(c, scratch);
    for (uint32_t i = 0; cuts && i < c->count; i++)
        c->at[i].end = c->at[i].first_end;
    return count_behind(c, ends, begins, tree);
}

/* ---- zones --------------------------------------------------------------- */

static bool is_forward(const struct ord_cluster *at)
{
    return at->first_end < at->last_begin;
}

bool ord_clusters_clash(const struct ord_clusters *c, struct ord_arena *arena,
                        uint32_t *a, uint32_t *b, struct ord_err *err)
{
    struct by_place *zones =
        ord_arena_zalloc(arena, (size_t)c->count + 1, sizeof *zones);
    uint32_t reach = ORD_CLUSTER_NONE; /* the forward zone that ends last */
    uint32_t count = 0;

    if (zones == NULL) {
        (void)no_memory(c, err);
        return false;
    }
    /* By the beginning of the zone: a clash is with one that began before. */
    for (uint32_t i = 0; i < c->count; i++) {
        const struct ord_cluster *at = &c->at[i];

        zones[count++] = (struct by_place){
            is_forward(at) ? at->first_end : at->last_begin, i};
    }
    qsort(zones, count, sizeof *zones, compare_place);
    for (uint32_t i = 0; i < count; i++) {
        const struct ord_cluster *at = &c->at[zones[i].what];
        uint32_t limit =
            reach == ORD_CLUSTER_NONE ? 0 : c->at[reach].last_begin;

        if (reach != ORD_CLUSTER_NONE && at->first_end < limit) {
            *a = reach;
            *b = zones[i].what;
            return true;
        }
        if (is_forward(at) && at->last_begin > limit)
            reach = zones[i].what;
    }
    return false;
}
