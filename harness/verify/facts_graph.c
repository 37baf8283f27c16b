/* facts_graph.c -- orders of versions of monotonic-writes and
 * writes-follow-reads, told again from the heads of these checkers.
 *
 * For each object a graph of its writes and of gathering nodes: "what a session
 * had written so far" and "had read so far".  An arc from such a node to a
 * write is one that the guarantee keeps; to a read's version, one that was
 * seen.  Broken are the components (of nodes that all lead to each other) with
 * an arc of the former kind.  They are found by two walks (Kosaraju, 1978).
 */
#include <stdlib.h>
#include <string.h>

#include "harness/verify/ring.h"

#define NONE UINT32_MAX

struct step {
    uint32_t from, to;
    uint32_t next[2]; /* out of `from`, and into `to` */
    bool is_kept;
};

struct graph {
    struct deeds *d;
    uint32_t *node; /* by deed: of a write */
    uint32_t node_count;
    uint32_t *head[2]; /* steps out of a node, and into it */
    struct step *steps;
    uint32_t step_count, step_room;
    uint32_t *path, *finished; /* of the walks */
    uint32_t *at;              /* by node: the next step to take */
    uint32_t *part;            /* by node: its component, from 1 */
    uint8_t *is_broken;        /* by component */
    bool keeps_writes;         /* monotonic-writes */
    bool trusts_readers;
    uint64_t kept_count, read_count;
};

struct ended { /* what a session did to the object, by end */
    uint32_t end;
    uint32_t begin;
    uint32_t deed;
};

static int compare_ended(const void *a, const void *b)
{
    const struct ended *x = a;
    const struct ended *y = b;

    return (x->end > y->end) - (x->end < y->end);
}

static bool add_step(struct graph *g, uint32_t from, uint32_t to, bool is_kept)
{
    if (g->step_count == g->step_room) {
        uint32_t room = g->step_room == 0 ? 256 : g->step_room * 2;
        struct step *more = ord_facts_room(g->d->f, room, sizeof *more);

        if (more == NULL)
            return false;
        if (g->step_count > 0)
            memcpy(more, g->steps, g->step_count * sizeof *more);
        g->steps = more;
        g->step_room = room;
    }
    g->steps[g->step_count] =
        (struct step){from, to, {g->head[0][from], g->head[1][to]}, is_kept};
    g->head[0][from] = g->head[1][to] = g->step_count++;
    return true;
}

/* The node of the version that a deed wrote or read. */
static uint32_t node_of(const struct graph *g, uint32_t deed)
{
    const struct deeds *d = g->d;

    if (d->is_read[deed] == 0)
        return g->node[deed];
    return ord_saw_deed(d->saw[deed]) ? g->node[d->saw[deed]] : NONE;
}

/* ---- steps --------------------------------------------------------------- */

static uint32_t ended_before(const struct ended *ended, uint32_t count,
                             uint32_t place)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ended[middle].end < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Those that ended before, none of them before another of them began. */
static uint32_t count_front(const struct ended *ended, const uint32_t *newest,
                            uint32_t before)
{
    uint32_t count = 0;

    while (count < before &&
           ended[before - 1 - count].end >= newest[before - 1])
        count++;
    return count;
}

/* What the session wrote (or read): a chain of gathering nodes by end; their
 * numbers from `first` on.  newest: the latest begin of those up to each. */
static bool gather(struct graph *g, struct ended *ended, uint32_t count,
                   uint32_t *newest, uint32_t *first)
{
    if (count > 0)
        qsort(ended, count, sizeof *ended, compare_ended);
    *first = g->node_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = g->node_count++;

        g->head[0][node] = g->head[1][node] = NONE;
        newest[i] = i > 0 && newest[i - 1] > ended[i].begin ? newest[i - 1]
                                                            : ended[i].begin;
        if (!add_step(g, node_of(g, ended[i].deed), node, false) ||
            (i > 0 && !add_step(g, node - 1, node, false)))
            return false;
    }
    return true;
}

struct chains { /* of one session: its writes, and its reads */
    struct ended *ended[2];
    uint32_t *newest[2];
    uint32_t count[2];
    uint32_t first[2];
};

static bool add_deed(struct graph *g, const struct chains *c, uint32_t deed)
{
    const struct deeds *d = g->d;
    bool is_read = d->is_read[deed] != 0;
    uint32_t node = node_of(g, deed);

    if (node == NONE)
        return true;
    g->read_count += is_read;
    if (!is_read && ord_deeds_is_cas(d, deed) && node_of(g, deed - 1) != NONE &&
        !add_step(g, node_of(g, deed - 1), node, false))
        return false;
    for (int i = 0; i < 2; i++) {
        uint32_t before =
            ended_before(c->ended[i], c->count[i], ord_deeds_begin(d, deed));
        bool is_kept = !is_read && i == (g->keeps_writes ? 0 : 1);

        if (before == 0 || (is_read ? !g->trusts_readers : !is_kept))
            continue;
        if (is_kept)
            g->kept_count += count_front(c->ended[i], c->newest[i], before);
        if (!add_step(g, c->first[i] + before - 1, node, is_kept))
            return false;
    }
    return true;
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static bool add_session(struct graph *g, struct chains *c,
                        const uint64_t *deeds, uint32_t count)
{
    const struct deeds *d = g->d;

    c->count[0] = c->count[1] = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t deed = (uint32_t)deeds[i];
        int which = d->is_read[deed] != 0;

        if (node_of(g, deed) != NONE && ord_deeds_end(d, deed) != NEVER)
            c->ended[which][c->count[which]++] = (struct ended){
                ord_deeds_end(d, deed), ord_deeds_begin(d, deed), deed};
    }
    for (int i = 0; i < 2; i++) {
        if (!gather(g, c->ended[i], c->count[i], c->newest[i], &c->first[i]))
            return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!add_deed(g, c, (uint32_t)deeds[i]))
            return false;
    }
    return true;
}

/* ---- components ---------------------------------------------------------- */

/* From a node along all steps (0: out of nodes; 1: into them) to what has no
 * component yet, or was not met; nodes are listed as they are left. */
static uint32_t walk(struct graph *g, uint32_t start, int way, uint32_t part,
                     uint32_t done)
{
    uint32_t depth = 0;

    g->path[depth++] = start;
    g->part[start] = part;
    g->at[start] = g->head[way][start];
    while (depth > 0) {
        uint32_t node = g->path[depth - 1];
        uint32_t step = g->at[node];
        uint32_t to;

        if (step == NONE) {
            depth--;
            if (way == 0)
                g->finished[done++] = node;
            continue;
        }
        g->at[node] = g->steps[step].next[way];
        to = way == 0 ? g->steps[step].to : g->steps[step].from;
        if (g->part[to] != 0)
            continue;
        g->part[to] = part;
        g->at[to] = g->head[way][to];
        g->path[depth++] = to;
    }
    return done;
}

static void find_components(struct graph *g)
{
    uint32_t done = 0;
    uint32_t part = 0;

    memset(g->part, 0, g->node_count * sizeof *g->part);
    for (uint32_t i = 0; i < g->node_count; i++) {
        if (g->part[i] == 0)
            done = walk(g, i, 0, 1, done);
    }
    memset(g->part, 0, g->node_count * sizeof *g->part);
    for (uint32_t i = done; i > 0; i--) {
        if (g->part[g->finished[i - 1]] == 0)
            (void)walk(g, g->finished[i - 1], 1, ++part, 0);
    }
    memset(g->is_broken, 0, (size_t)part + 1);
    for (uint32_t i = 0; i < g->step_count; i++) {
        const struct step *step = &g->steps[i];

        if (step->is_kept && g->part[step->from] == g->part[step->to])
            g->is_broken[g->part[step->to]] = 1;
    }
    for (uint32_t i = 1; i <= part; i++)
        g->d->f->violations += g->is_broken[i];
}

/* ---- objects ------------------------------------------------------------- */

static void check_object(struct graph *g, struct chains *c, uint32_t key,
                         uint64_t *sorted)
{
    const struct deeds *d = g->d;
    uint32_t first = d->key_first[key];
    uint32_t count = d->key_first[key + 1] - first;

    g->node_count = g->step_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t deed = d->by_key[first + i];

        sorted[i] = (uint64_t)ord_deeds_session(d, deed) << 32 | deed;
        if (d->is_read[deed] != 0)
            continue;
        g->head[0][g->node_count] = g->head[1][g->node_count] = NONE;
        g->node[deed] = g->node_count++;
    }
    qsort(sorted, count, sizeof *sorted, compare_u64);
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && sorted[end] >> 32 == sorted[i] >> 32;)
            end++;
        if (!add_session(g, c, sorted + i, end - i))
            return;
    }
    find_components(g);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = node_of(g, d->by_key[first + i]);

        if (node != NONE && g->is_broken[g->part[node]] != 0)
            d->f->blamed[d->call[d->by_key[first + i]]] = 1;
    }
}

static bool make_room(struct graph *g, struct chains *c)
{
    struct facts *f = g->d->f;
    size_t room = (size_t)g->d->count * 2 + 1;

    g->node = ord_facts_room(f, room, sizeof *g->node);
    g->path = ord_facts_room(f, room, sizeof *g->path);
    g->finished = ord_facts_room(f, room, sizeof *g->finished);
    g->at = ord_facts_room(f, room, sizeof *g->at);
    g->part = ord_facts_room(f, room, sizeof *g->part);
    g->is_broken = ord_facts_room(f, room + 1, 1);
    for (int i = 0; i < 2; i++) {
        g->head[i] = ord_facts_room(f, room, sizeof *g->head[i]);
        c->ended[i] = ord_facts_room(f, room, sizeof *c->ended[i]);
        c->newest[i] = ord_facts_room(f, room, sizeof *c->newest[i]);
    }
    return !f->is_over;
}

static void recount(struct facts *f, bool keeps_writes)
{
    struct deeds d;
    struct chains c;
    struct graph g = {.d = &d,
                      .keeps_writes = keeps_writes,
                      .trusts_readers = !ord_facts_option(f, "readers", "any")};
    uint64_t *sorted;

    if (!ord_deeds_init(&d, f) || !make_room(&g, &c))
        return;
    sorted = ord_facts_room(f, (size_t)d.count + 1, sizeof *sorted);
    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++) {
        if (d.key_first[key] < d.key_first[key + 1])
            check_object(&g, &c, key, sorted);
    }
    if (!f->is_over && !ord_verify_cycles(f->v, &d))
        f->is_over = true;
    ord_deeds_doubt(&d, 1U << KIND_REGISTER, g.read_count);
    if (g.kept_count == 0)
        f->unknown = "no session did what the guarantee is about";
    ord_fact(f, keeps_writes ? "writes_after_writes" : "writes_after_reads",
             (double)g.kept_count);
    ord_fact(f, "violations", (double)f->violations);
}

void ord_recount_monotonic_writes(struct facts *f)
{
    recount(f, true);
}

void ord_recount_writes_follow_reads(struct facts *f)
{
    recount(f, false);
}
