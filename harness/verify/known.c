/* known.c -- see known.h. */
#include "harness/verify/known.h"

#include <stdlib.h>
#include <string.h>

struct order { /* something by its place */
    uint64_t at;
    uint32_t what;
};

static int compare_orders(const void *a, const void *b)
{
    const struct order *x = a;
    const struct order *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->what > y->what) - (x->what < y->what);
}

static void sort(struct order *all, uint32_t count)
{
    if (count > 0)
        qsort(all, count, sizeof *all, compare_orders);
}

static bool is_over(struct known *k)
{
    (void)ord_facts_room(k->d->f, SIZE_MAX, 2);
    return false;
}

/* ---- nodes and arcs ------------------------------------------------------ */

static uint32_t add_node(struct known *k, uint32_t when)
{
    ORD_ASSERT(k->node_count < k->node_max);
    k->nodes[k->node_count] = (uint64_t)when << 32 | k->node_count;
    k->head[k->node_count] = NO_NODE;
    return k->node_count++;
}

bool ord_known_arc(struct known *k, uint32_t from, uint32_t to)
{
    if (k->arc_count == k->arc_room) {
        uint32_t room = k->arc_room == 0 ? 1024 : k->arc_room * 2;
        struct arc *more;

        if (k->arc_room > UINT32_MAX / 4)
            return is_over(k);
        more = ord_facts_room(k->d->f, room, sizeof *more);
        if (more == NULL)
            return false;
        if (k->arc_count > 0)
            memcpy(more, k->arcs, k->arc_count * sizeof *more);
        k->arcs = more;
        k->arc_room = room;
    }
    k->arcs[k->arc_count] = (struct arc){from, k->head[to]};
    k->head[to] = k->arc_count++;
    return true;
}

/* From the gathering node of all in `sorted` (by when they were there) that
 * were so before a deed began, to that deed.  `nodes` has room. */
static bool add_gathering(struct known *k, const struct order *sorted,
                          uint32_t count, uint32_t *nodes, uint32_t deed)
{
    uint64_t begin = ord_deeds_begin(k->d, deed);
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (sorted[middle].at < begin)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 || ord_known_arc(k, nodes[low - 1], deed);
}

static bool gather(struct known *k, const struct order *sorted, uint32_t count,
                   uint32_t *nodes)
{
    for (uint32_t i = 0; i < count; i++) {
        nodes[i] = add_node(k, (uint32_t)sorted[i].at);
        if (!ord_known_arc(k, sorted[i].what, nodes[i]) ||
            (i > 0 && !ord_known_arc(k, nodes[i - 1], nodes[i])))
            return false;
    }
    return true;
}

/* Deeds of one session, by begin. */
static bool add_session(struct known *k, const struct order *deeds,
                        uint32_t count, struct order *ended, uint32_t *nodes)
{
    const struct deeds *d = k->d;
    uint32_t ended_count = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = ord_deeds_end(d, deeds[i].what);

        if (end != ORD_CALL_NEVER)
            ended[ended_count++] = (struct order){end, deeds[i].what};
    }
    sort(ended, ended_count);
    if (!gather(k, ended, ended_count, nodes))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t deed = deeds[i].what;

        if (!add_gathering(k, ended, ended_count, nodes, deed))
            return false;
        if (d->is_read[deed] != 0 && ord_deeds_is_cas(d, deed) &&
            !ord_known_arc(k, deed, deed + 1))
            return false;
        if (d->is_read[deed] != 0 && ord_saw_deed(d->saw[deed]) &&
            !ord_known_arc(k, d->saw[deed], deed))
            return false;
    }
    return true;
}

static bool add_sessions(struct known *k)
{
    struct deeds *d = k->d;
    size_t room = (size_t)d->count + 1;
    struct order *sorted = ord_facts_room(d->f, room, sizeof *sorted);
    struct order *ended = ord_facts_room(d->f, room, sizeof *ended);
    uint32_t *nodes = ord_facts_room(d->f, room, sizeof *nodes);

    if (d->f->is_over)
        return false;
    for (uint32_t i = 0; i < d->count; i++)
        sorted[i] = (struct order){ord_deeds_session(d, i), i};
    sort(sorted, d->count);
    for (uint32_t i = 0, end; i < d->count; i = end) {
        for (end = i; end < d->count && sorted[end].at == sorted[i].at;)
            end++;
        if (!add_session(k, sorted + i, end - i, ended, nodes))
            return false;
    }
    return true;
}

/* A write is known once it is acknowledged, or a read that saw it has ended;
 * then it is before what its log is given later. */
static bool add_log(struct known *k, const struct order *writes, uint32_t count,
                    struct order *known, const uint32_t *when, uint32_t *nodes)
{
    uint32_t known_count = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (when[writes[i].what] != ORD_CALL_NEVER)
            known[known_count++] =
                (struct order){when[writes[i].what], writes[i].what};
    }
    sort(known, known_count);
    if (!gather(k, known, known_count, nodes))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!add_gathering(k, known, known_count, nodes, writes[i].what))
            return false;
    }
    return true;
}

static bool add_logs(struct known *k, enum log log)
{
    struct deeds *d = k->d;
    size_t room = (size_t)d->count + 1;
    struct order *writes = ord_facts_room(d->f, room, sizeof *writes);
    struct order *known = ord_facts_room(d->f, room, sizeof *known);
    uint32_t *nodes = ord_facts_room(d->f, room, sizeof *nodes);
    uint32_t *when = ord_facts_room(d->f, room, sizeof *when);
    uint32_t count = 0;

    if (d->f->is_over)
        return false;
    for (uint32_t i = 0; i < d->count; i++)
        when[i] = ord_deeds_end(d, i);
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->is_read[i] != 0 && ord_saw_deed(d->saw[i]) &&
            ord_deeds_end(d, i) < when[d->saw[i]])
            when[d->saw[i]] = ord_deeds_end(d, i);
        if (d->is_read[i] == 0)
            writes[count++] =
                (struct order){log == LOG_ALL ? 0 : ord_deeds_key(d, i), i};
    }
    sort(writes, count);
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && writes[end].at == writes[i].at;)
            end++;
        if (!add_log(k, writes + i, end - i, known, when, nodes))
            return false;
    }
    return true;
}

/* ---- lanes --------------------------------------------------------------- */

/* Into the first lane of the session whose last write came before. */
static void choose_lane(struct known *k, uint32_t deed, uint32_t first,
                        uint32_t *last)
{
    uint32_t lane = first;

    while (lane < k->lane_count && !ord_deeds_then(k->d, last[lane], deed))
        lane++;
    k->pos[deed] = lane == k->lane_count ? 1 : k->pos[last[lane]] + 1;
    k->lane_count += lane == k->lane_count;
    k->lane[deed] = lane;
    last[lane] = deed;
}

static void make_lanes(struct known *k)
{
    struct deeds *d = k->d;
    size_t room = (size_t)d->count + 1;
    struct order *sorted = ord_facts_room(d->f, room, sizeof *sorted);
    uint32_t *last = ord_facts_room(d->f, room, sizeof *last);
    uint32_t count = 0;
    uint32_t first = 0;

    k->lane = ord_facts_room(d->f, room, sizeof *k->lane);
    k->pos = ord_facts_room(d->f, room, sizeof *k->pos);
    if (d->f->is_over)
        return;
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->is_read[i] == 0)
            sorted[count++] = (struct order){ord_deeds_session(d, i), i};
    }
    sort(sorted, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && sorted[i].at != sorted[i - 1].at)
            first = k->lane_count;
        choose_lane(k, sorted[i].what, first, last);
    }
}

static void make_rows(struct known *k)
{
    struct deeds *d = k->d;
    size_t room = (size_t)d->count + 1;
    struct order *sorted = ord_facts_room(d->f, room, sizeof *sorted);
    uint32_t keys = d->calls->key_count;
    uint32_t count = 0;
    uint32_t rows = 0;

    k->rows = ord_facts_room(d->f, room, sizeof *k->rows);
    k->writes = ord_facts_room(d->f, room, sizeof *k->writes);
    k->row_first = ord_facts_room(d->f, (size_t)keys + 2, sizeof(uint32_t));
    if (d->f->is_over)
        return;
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->is_read[i] == 0)
            sorted[count++] = (struct order){
                (uint64_t)ord_deeds_key(d, i) << 32 | k->lane[i], i};
    }
    sort(sorted, count);
    for (uint32_t i = 0; i < count; i++) {
        k->writes[i] = sorted[i].what;
        if (i == 0 || sorted[i].at != sorted[i - 1].at) {
            k->rows[rows++] =
                (struct row){.lane = (uint32_t)sorted[i].at, .first = i};
            k->row_first[(sorted[i].at >> 32) + 1]++;
        }
        k->rows[rows - 1].count++;
    }
    for (uint32_t key = 0; key <= keys; key++)
        k->row_first[key + 1] += k->row_first[key];
}

uint32_t ord_known_last(const struct known *k, const struct row *row,
                        uint32_t node)
{
    uint32_t upto = ord_known_clock(k, node)[row->lane];
    uint32_t low = 0;
    uint32_t high = row->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (k->pos[k->writes[row->first + middle]] <= upto)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NO_NODE : k->writes[row->first + low - 1];
}

/* ---- building ------------------------------------------------------------ */

/* Who saw a write goes into a node of its own, so that one arc is enough to
 * put all of them before another write; those of nil stand before all. */
static bool add_readers(struct known *k)
{
    struct deeds *d = k->d;
    uint64_t room = 0;

    k->readers = ord_facts_room(d->f, (size_t)d->count + 1, sizeof(uint32_t));
    k->told_first =
        ord_facts_room(d->f, (size_t)d->count + 1, sizeof(uint32_t));
    k->initial =
        ord_facts_room(d->f, (size_t)d->calls->key_count + 1, sizeof(uint32_t));
    if (d->f->is_over)
        return false;
    for (uint32_t i = 0; i < d->calls->key_count; i++)
        k->initial[i] = add_node(k, 0);
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t key = ord_deeds_key(d, i);

        if (d->is_read[i] != 0)
            continue;
        k->readers[i] = add_node(k, ord_deeds_begin(d, i));
        k->told_first[i] = (uint32_t)room;
        room += k->row_first[key + 1] - k->row_first[key];
        if (room > UINT32_MAX)
            return is_over(k);
        if (!ord_known_arc(k, k->initial[key], i))
            return false;
    }
    k->told = ord_facts_room(d->f, room + 1, sizeof *k->told);
    for (uint32_t i = 0; !d->f->is_over && i < d->count; i++) {
        if (d->is_read[i] == 0)
            continue;
        if (d->saw[i] == SAW_INITIAL &&
            !ord_known_arc(k, i, k->initial[ord_deeds_key(d, i)]))
            return false;
        if (ord_saw_deed(d->saw[i]) &&
            !ord_known_arc(k, i, k->readers[d->saw[i]]))
            return false;
    }
    return !d->f->is_over;
}

static int compare_nodes(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static bool make_clocks(struct known *k)
{
    struct facts *f = k->d->f;

    k->clock = ord_facts_room(f, (size_t)k->node_count + 1,
                              ((size_t)k->lane_count + 1) * sizeof(uint32_t));
    k->base = ord_facts_room(f, (size_t)k->node_count + 1, sizeof(uint32_t));
    k->changed = ord_facts_room(f, (size_t)k->node_count + 1, sizeof(uint32_t));
    if (f->is_over)
        return false;
    qsort(k->nodes, k->node_count, sizeof *k->nodes, compare_nodes);
    memcpy(k->base, k->head, k->node_count * sizeof *k->base);
    k->base_count = k->arc_count;
    return true;
}

bool ord_known_init(struct known *k, struct deeds *d, enum log log,
                    bool is_sequential)
{
    *k = (struct known){.d = d,
                        .session = ANY_SESSION,
                        .is_sequential = is_sequential,
                        .derives = is_sequential};
    k->node_max =
        d->count > UINT32_MAX / 8 ? 0 : d->count * 4 + d->calls->key_count + 1;
    if (k->node_max == 0)
        return is_over(k);
    k->nodes = ord_facts_room(d->f, k->node_max, sizeof *k->nodes);
    k->head = ord_facts_room(d->f, k->node_max, sizeof *k->head);
    if (d->f->is_over)
        return false;
    for (uint32_t i = 0; i < d->count; i++) {
        bool late = d->is_read[i] != 0 || ord_deeds_is_cas(d, i);

        (void)add_node(k, late ? ord_deeds_end(d, i) : ord_deeds_begin(d, i));
    }
    make_lanes(k);
    if (!d->f->is_over)
        make_rows(k);
    return !d->f->is_over && add_sessions(k) &&
           (log == LOG_NONE || add_logs(k, log)) &&
           (!is_sequential || add_readers(k)) && make_clocks(k);
}

void ord_known_restart(struct known *k)
{
    memset(k->clock, 0,
           (size_t)k->node_count * k->lane_count * sizeof *k->clock);
    memset(k->changed, 0, k->node_count * sizeof *k->changed);
    memcpy(k->head, k->base, k->node_count * sizeof *k->head);
    k->arc_count = k->base_count;
    k->pass = 0;
}

/* ---- closing ------------------------------------------------------------- */

static bool join(const struct known *k, uint32_t from, uint32_t to)
{
    const uint32_t *known = ord_known_clock(k, from);
    uint32_t *clock = ord_known_clock(k, to);
    bool is_more = false;

    for (uint32_t i = 0; i < k->lane_count; i++) {
        is_more |= known[i] > clock[i];
        clock[i] = known[i] > clock[i] ? known[i] : clock[i];
    }
    if (from < k->d->count && k->pos[from] > 0 &&
        clock[k->lane[from]] < k->pos[from]) {
        clock[k->lane[from]] = k->pos[from];
        is_more = true;
    }
    return is_more;
}

/* What a read saw is after all that it knew. */
static bool derive_read(struct known *k, uint32_t read)
{
    const struct deeds *d = k->d;
    uint32_t saw = d->saw[read];
    uint32_t key = ord_deeds_key(d, read);

    if (!ord_saw_deed(saw) ||
        (k->session != ANY_SESSION && ord_deeds_session(d, read) != k->session))
        return true;
    for (uint32_t i = k->row_first[key]; i < k->row_first[key + 1]; i++) {
        uint32_t last = ord_known_last(k, &k->rows[i], read);

        if (last == NO_NODE || last == saw || ord_knows(k, saw, last))
            continue;
        if (!ord_known_arc(k, last, saw))
            return false;
        k->changed[last] = k->pass;
    }
    return true;
}

/* Who saw what a write knew of is before it; where another one that it knows
 * of knows that, it says so, too. */
static bool derive_write(struct known *k, uint32_t write)
{
    uint32_t key = ord_deeds_key(k->d, write);
    uint32_t first = k->row_first[key];
    uint32_t count = k->row_first[key + 1] - first;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t old = ord_known_last(k, &k->rows[first + i], write);
        uint32_t *told = &k->told[k->told_first[write] + i];
        bool is_said = false;

        if (old == NO_NODE || old == write || *told == old + 1)
            continue;
        for (uint32_t j = 0; j < count && !is_said; j++) {
            uint32_t other = ord_known_last(k, &k->rows[first + j], write);

            is_said = other != NO_NODE && other != write && other != old &&
                      ord_knows(k, other, old) && !ord_knows(k, old, other);
        }
        if (is_said)
            continue;
        *told = old + 1;
        if (!ord_known_arc(k, k->readers[old], write))
            return false;
        k->changed[k->readers[old]] = k->pass;
    }
    return true;
}

static bool visit(struct known *k, uint32_t node, bool *is_more)
{
    const struct deeds *d = k->d;
    bool grew = false;
    bool is_due = k->pass == 1;

    for (uint32_t a = k->head[node]; a != NO_NODE && !is_due;
         a = k->arcs[a].next)
        is_due = k->changed[k->arcs[a].from] + 1 >= k->pass;
    if (!is_due)
        return true;
    for (uint32_t a = k->head[node]; a != NO_NODE; a = k->arcs[a].next)
        grew |= join(k, k->arcs[a].from, node);
    if (grew) {
        *is_more = true;
        k->changed[node] = k->pass;
    }
    if (node >= d->count || !k->derives || (!grew && k->pass > 1))
        return true;
    if (d->is_read[node] != 0)
        return derive_read(k, node);
    return !k->is_sequential || derive_write(k, node);
}

bool ord_known_close(struct known *k)
{
    struct verify *v = k->d->f->v;
    bool is_more = true;

    k->pass = 0;
    while (is_more) {
        uint32_t arcs = k->arc_count;

        k->pass++;
        is_more = false;
        if (v->steps_left < k->node_count) {
            k->d->f->is_over = true;
            return ord_verify_give_up(v, ORD_ELIMIT,
                                      "the steps are used up: what must come "
                                      "before what is not known");
        }
        v->steps_left -= k->node_count;
        for (uint32_t i = 0; i < k->node_count; i++) {
            if (!visit(k, (uint32_t)k->nodes[i], &is_more))
                return false;
        }
        is_more = is_more || k->arc_count > arcs;
    }
    return true;
}

bool ord_known_is_cyclic(const struct known *k)
{
    for (uint32_t i = 0; i < k->d->count; i++) {
        if (k->pos[i] > 0 && ord_knows(k, i, i))
            return true;
    }
    return false;
}

/* ---- reads --------------------------------------------------------------- */

bool ord_known_is_bad(const struct known *k, uint32_t read)
{
    const struct deeds *d = k->d;
    uint32_t key = ord_deeds_key(d, read);
    uint32_t saw = d->saw[read];

    for (uint32_t i = k->row_first[key]; i < k->row_first[key + 1]; i++) {
        uint32_t last = ord_known_last(k, &k->rows[i], read);

        if (last != NO_NODE && last != saw &&
            (saw == SAW_INITIAL || ord_knows(k, last, saw)))
            return true;
    }
    return false;
}

uint64_t ord_known_judge(struct known *k)
{
    const struct deeds *d = k->d;
    uint64_t judged = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        if (d->is_read[i] == 0 || !ord_saw_judged(d->saw[i]))
            continue;
        judged++;
        if (ord_known_is_bad(k, i))
            ord_blame(d->f, d->call[i]);
    }
    return judged;
}
