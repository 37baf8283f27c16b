/* facts_behind.c -- k-atomicity and staleness, counted again from the
 * definitions at the head of these checkers. */
#include <stdlib.h>
#include <string.h>

#include "harness/verify/behind.h"
#include "harness/verify/ring.h"

enum { NUMBER_SIZE = 64 };

/* An option that is a number; `other` where it is not given. */
static double option(const struct facts *f, const char *name, double other)
{
    const struct claim *claim = f->v->claim;

    for (uint32_t i = 0; i < claim->option_count; i++) {
        struct ord_bytes value = claim->options[i].value;
        char text[NUMBER_SIZE] = "";

        if (!ord_bytes_is(claim->options[i].name, name))
            continue;
        if (value.size < sizeof text)
            memcpy(text, value.at, value.size);
        return strtod(text, NULL);
    }
    return other;
}

/* ---- k-atomicity --------------------------------------------------------- */

struct atomic {
    struct facts *f;
    struct deeds d;
    struct behind b;
    double k;
    uint64_t k_min, k_max, reads;
    bool *is_ordered; /* by key: the proof has an order of it */
    uint8_t *marks;
    bool is_open;
};

/* All writes and judged reads of the object, in real time, each read of one of
 * the last two writes. */
static void replay(struct atomic *a, const struct serial *s)
{
    struct deeds *d = &a->d;
    uint32_t *rank = a->b.id; /* by write: its number in the order, from 1 */
    uint32_t writes = 0;
    uint32_t newest = 0;
    uint32_t wanted = 0;
    const char *why = NULL;
    uint32_t i = 0;

    for (; i < s->count && why == NULL; i++) {
        uint32_t deed = s->deeds[i];

        s->is_placed[deed] = 0; /* for the next order */
        if (ord_deeds_key(d, deed) != s->key ||
            (d->is_read[deed] != 0 && !ord_saw_judged(d->saw[deed])))
            why = "is of another key, or cannot be judged";
        else if (ord_deeds_end(d, deed) < newest)
            why = "ended before one that stands before it began";
        newest = ord_deeds_begin(d, deed) > newest ? ord_deeds_begin(d, deed)
                                                   : newest;
        if (d->is_read[deed] == 0)
            rank[deed] = ++writes;
        else if (why == NULL &&
                 (double)(writes - (d->saw[deed] == SAW_INITIAL
                                        ? 0
                                        : rank[d->saw[deed]])) >= a->k)
            why = "is too many versions behind";
        else if (why == NULL && ord_saw_deed(d->saw[deed]) &&
                 rank[d->saw[deed]] == 0)
            why = "stands before what it saw";
    }
    for (uint32_t j = d->key_first[s->key]; j < d->key_first[s->key + 1]; j++) {
        uint32_t deed = d->by_key[j];

        wanted += d->is_read[deed] == 0 || ord_saw_judged(d->saw[deed]);
        rank[deed] = 0;
    }
    if (why == NULL && (s->count != wanted || a->is_ordered[s->key]))
        why = "is the last, and not all stand once";
    a->is_ordered[s->key] = true;
    if (why == NULL)
        return;
    a->f->is_over = true;
    (void)ord_verify_refuse(a->f->v, "element %u %s", i, why);
}

static void read_orders(struct atomic *a)
{
    struct facts *f = a->f;
    struct ord_json in = f->v->claim->objects;
    struct serial s = {.d = &a->d};

    s.deeds = ord_facts_room(f, (size_t)a->d.count + 1, sizeof *s.deeds);
    s.is_placed = ord_facts_room(f, (size_t)a->d.count + 1, 1);
    if (f->is_over)
        return;
    if (!ord_json_enter(&in, '[')) {
        f->is_over = true;
        return;
    }
    while (!f->is_over && ord_serial_read(&s, &in))
        replay(a, &s);
    if (!f->is_over && !ord_json_left(&in, ']'))
        f->is_over = true;
    if (!f->is_over)
        f->v->object = 0;
}

static bool has_cas(const struct deeds *d, uint32_t key)
{
    for (uint32_t i = d->key_first[key]; i < d->key_first[key + 1]; i++) {
        if (ord_deeds_is_cas(d, d->by_key[i]))
            return true;
    }
    return false;
}

/* The order of the writes by their (cut) ends, each read as early as it can
 * be: how far it is behind there. */
static uint64_t furthest(struct behind *b)
{
    uint64_t most = 1;

    for (uint32_t i = 0; i < b->count; i++) /* ranks, in place of first_end */
        b->at[b->by_end[i]].first_end = i;
    for (uint32_t i = 0; i < b->read_count; i++) {
        uint32_t rank = b->at[b->of_read[i]].first_end;
        uint32_t low = 0;
        uint32_t high = b->count;

        while (low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (b->at[b->by_end[middle]].end < ord_behind_begin(b, i))
                low = middle + 1;
            else
                high = middle;
        }
        if (low > rank && low - rank > most)
            most = low - rank;
    }
    return most;
}

static void blame(struct atomic *a, bool only_marked)
{
    struct behind *b = &a->b;

    a->f->violations++;
    for (uint32_t i = 0; i < b->count; i++) {
        const struct cluster *c = &b->at[i];

        if (only_marked && a->marks[i] == 0)
            continue;
        if (c->write != SAW_INITIAL)
            a->f->blamed[a->d.call[c->write]] = 1;
        for (uint32_t j = 0; j < c->count; j++)
            a->f->blamed[a->d.call[b->reads[b->own_reads[c->first + j]]]] = 1;
    }
}

/* Between which the object's least k lies. */
static bool bound(struct atomic *a, uint32_t key, uint64_t bounds[2])
{
    struct behind *b = &a->b;
    bool exists = true;

    bounds[0] = bounds[1] = 1;
    if (!ord_behind_clash(b, a->marks))
        return !a->f->is_over;
    bounds[0] = b->most + 1 > 2 ? b->most + 1 : 2;
    bounds[1] = furthest(b);
    if (a->k != 2 || bounds[0] > 2 || bounds[1] <= 2)
        return true;
    if (!a->is_ordered[key] && !ord_behind_two(b, &exists))
        return false;
    bounds[exists ? 1 : 0] = exists ? 2 : 3;
    return true;
}

static void check_object(struct atomic *a, uint32_t key)
{
    struct behind *b = &a->b;
    uint64_t bounds[2];

    ord_behind_turn(b, key, true);
    if (a->f->is_over || b->read_count == 0)
        return;
    a->reads += b->read_count;
    if (a->k == 2 && a->f->v->claim->verdict == CLAIM_PASS &&
        !a->is_ordered[key] && !has_cas(&a->d, key)) {
        a->f->is_over = true;
        (void)ord_verify_refuse(a->f->v, "an object passed without its order");
        return;
    }
    if (!bound(a, key, bounds))
        return;
    a->k_min = bounds[0] > a->k_min ? bounds[0] : a->k_min;
    a->k_max = bounds[1] > a->k_max ? bounds[1] : a->k_max;
    for (uint32_t i = 0; i < b->read_count; i++) {
        if (b->versions[i] >= a->k)
            ord_blame(a->f, a->d.call[b->reads[i]]);
    }
    if ((double)bounds[0] > a->k && b->most < a->k)
        blame(a, a->k == 1);
    a->is_open =
        a->is_open || ((double)bounds[0] <= a->k && (double)bounds[1] > a->k);
}

void ord_recount_k_atomicity(struct facts *f)
{
    struct atomic a = {.f = f, .k_min = 1, .k_max = 1};

    a.k = option(f, "k", 2);
    if (!ord_deeds_init(&a.d, f) || !ord_behind_init(&a.b, &a.d))
        return;
    a.is_ordered = ord_facts_room(f, (size_t)f->calls->key_count + 1,
                                  sizeof *a.is_ordered);
    a.marks = ord_facts_room(f, (size_t)a.d.count + 2, 1);
    ord_deeds_thin_air(&a.d);
    if (!f->is_over)
        read_orders(&a);
    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++)
        check_object(&a, key);
    ord_deeds_doubt(&a.d, 1U << KIND_REGISTER, a.reads);
    if (a.is_open)
        f->unknown = "the least k of an object lies between two bounds";
    ord_fact(f, "reads", (double)a.reads);
    if (a.reads > 0) {
        ord_fact(f, "k_min", (double)a.k_min);
        ord_fact(f, "k_max", (double)a.k_max);
    }
    ord_fact(f, "violations", (double)f->violations);
}

/* ---- staleness ----------------------------------------------------------- */

struct zone { /* places: from the first end to the last begin */
    uint32_t from, to;
    uint32_t begin; /* of the write */
};

struct stale {
    struct facts *f;
    struct deeds d;
    struct behind b;
    double max_versions, max_ms;
    uint32_t *versions; /* of all reads */
    double *ages;
    uint32_t count, stale_count;
    int64_t delta, gamma;
    bool has_times; /* that do not run backwards */
};

static int64_t event_time(const struct facts *f, int64_t index)
{
    return ord_history_op(f->v->history, index)->time_ns;
}

static int64_t time_at(const struct stale *s, uint32_t place)
{
    int64_t time;

    if (place == 0)
        return INT64_MIN / 4; /* the initial value */
    time = event_time(s->f, (int64_t)place - 1);
    return time < 0 ? 0 : time;
}

static bool runs_forwards(const struct facts *f)
{
    int64_t last = 0;

    ORD_OPS (f->v->history, op) {
        int64_t time = op->time_ns < 0 ? 0 : op->time_ns;

        if (time < last)
            return false;
        last = time;
    }
    return true;
}

/* Of the newer writes, the first to be acknowledged: how long before. */
static double age_of(const struct stale *s, uint32_t read,
                     const uint32_t *newest)
{
    const struct behind *b = &s->b;
    uint32_t own_end = b->at[b->of_read[read]].end;
    uint32_t low = 0;
    uint32_t high = b->count;
    int64_t times[2];

    if (b->versions[read] == 0)
        return 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (newest[middle] > own_end)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == b->count)
        return 0;
    times[0] = event_time(s->f, (int64_t)b->at[b->by_end[low]].end - 1);
    times[1] = event_time(s->f, ord_deeds_begin(b->d, b->reads[read]));
    return times[0] < 0 || times[1] < 0 ? 0
                                        : (double)(times[1] - times[0]) / 1e6;
}

static int compare_zones(const void *a, const void *b)
{
    const struct zone *x = a;
    const struct zone *y = b;

    return (x->from > y->from) - (x->from < y->from);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first `count` zones, by where they begin, and b, which begins later: the
 * one that costs most to be moved apart from b, whichever of both is moved.
 * reach[i], the latest end of the first i, grows, and what b is moved by falls:
 * the most is where the two meet. */
static int64_t apart(const struct stale *s, const struct zone *zones,
                     const uint32_t *reach, uint32_t count,
                     const struct zone *b)
{
    int64_t from = time_at(s, b->from);
    int64_t to = time_at(s, b->to);
    int64_t most = 0;
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (time_at(s, reach[middle + 1]) - from <
            to - time_at(s, zones[middle].from))
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t i = low > 0 ? low - 1 : 0; i < count && i <= low; i++) {
        int64_t cost = lesser(time_at(s, reach[i + 1]) - from,
                              to - time_at(s, zones[i].from));

        most = cost > most ? cost : most;
    }
    return most;
}

static uint32_t begun_before(const struct zone *zones, uint32_t count,
                             uint32_t place)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (zones[middle].from < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void measure(struct stale *s, const struct zone *zones,
                    const uint32_t *reach, uint32_t count, uint32_t total,
                    const struct zone *b)
{
    int64_t both = apart(s, zones, reach, count, b);
    uint32_t older = begun_before(zones, total, b->begin);
    uint32_t latest = reach[older < count ? older : count];
    /* From one that began before b was written only that can be moved. */
    int64_t one =
        latest > b->from ? time_at(s, latest) - time_at(s, b->from) : 0;

    s->gamma = both > s->gamma ? both : s->gamma;
    s->delta = both > s->delta ? both : s->delta;
    s->delta = one > s->delta ? one : s->delta;
}

static void measure_all(struct stale *s)
{
    struct facts *f = s->f;
    struct behind *b = &s->b;
    struct zone *zones = ord_facts_room(f, (size_t)b->count + 1, sizeof *zones);
    uint32_t *reach = ord_facts_room(f, (size_t)b->count + 2, sizeof *reach);
    uint32_t count = 0;

    if (f->is_over)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->at[i].first_end < b->at[i].last_begin)
            zones[count++] = (struct zone){b->at[i].first_end,
                                           b->at[i].last_begin, b->at[i].begin};
    }
    qsort(zones, count, sizeof *zones, compare_zones);
    for (uint32_t i = 0; i < count; i++)
        reach[i + 1] = zones[i].to > reach[i] ? zones[i].to : reach[i];
    for (uint32_t i = 0; i < count; i++)
        measure(s, zones, reach, i, count, &zones[i]);
    for (uint32_t i = 0; i < b->count; i++) {
        struct zone zone = {b->at[i].first_end, b->at[i].last_begin,
                            b->at[i].begin};

        if (zone.from != NEVER && zone.from >= zone.to)
            measure(s, zones, reach, begun_before(zones, count, zone.to), count,
                    &zone);
    }
}

static void judge_object(struct stale *s, uint32_t key)
{
    struct behind *b = &s->b;
    uint32_t *newest;

    ord_behind_turn(b, key, false);
    newest = ord_facts_room(s->f, (size_t)b->count + 1, sizeof *newest);
    if (s->f->is_over)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        newest[i] = b->at[b->by_end[i]].begin;
        if (i > 0 && newest[i - 1] > newest[i])
            newest[i] = newest[i - 1];
    }
    for (uint32_t i = 0; i < b->read_count; i++) {
        double age = age_of(s, i, newest);

        if (b->versions[i] > 0 &&
            ((s->max_versions >= 0 && b->versions[i] > s->max_versions) ||
             (s->max_ms >= 0 && age > s->max_ms)))
            ord_blame(s->f, s->d.call[b->reads[i]]);
        s->stale_count += b->versions[i] > 0;
        s->versions[s->count] = b->versions[i];
        s->ages[s->count++] = (double)(float)age;
    }
    if (s->has_times)
        measure_all(s);
}

static int compare_versions(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

static int compare_ages(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}

/* What that share of the reads does not exceed. */
static uint32_t rank_of(const struct stale *s, uint64_t percent)
{
    uint64_t rank = ((uint64_t)s->count * percent + 99) / 100;

    return rank == 0 ? 0 : (uint32_t)rank - 1;
}

static void tell(struct stale *s)
{
    struct facts *f = s->f;
    uint32_t n = s->count;

    ord_fact(f, "reads", n);
    ord_fact(f, "stale_reads", s->stale_count);
    ord_fact(f, "reads_left_out", s->d.several_count);
    if (n == 0)
        return;
    qsort(s->versions, n, sizeof *s->versions, compare_versions);
    qsort(s->ages, n, sizeof *s->ages, compare_ages);
    ord_fact(f, "stale_share", (double)s->stale_count / (double)n);
    ord_fact(f, "versions_p50", s->versions[rank_of(s, 50)]);
    ord_fact(f, "versions_p99", s->versions[rank_of(s, 99)]);
    ord_fact(f, "versions_max", s->versions[n - 1]);
    ord_fact(f, "age_p50_ms", s->ages[rank_of(s, 50)]);
    ord_fact(f, "age_p99_ms", s->ages[rank_of(s, 99)]);
    ord_fact(f, "age_max_ms", s->ages[n - 1]);
    if (!s->has_times)
        return;
    ord_fact(f, "delta_ms", (double)s->delta / 1e6);
    ord_fact(f, "gamma_ms", (double)s->gamma / 1e6);
}

void ord_recount_staleness(struct facts *f)
{
    struct stale s = {.f = f, .has_times = runs_forwards(f)};

    s.max_versions = option(f, "max_versions", -1);
    s.max_ms = option(f, "max_ms", -1);
    if (!ord_deeds_init(&s.d, f) || !ord_behind_init(&s.b, &s.d))
        return;
    s.versions = ord_facts_room(f, (size_t)s.d.count + 1, sizeof *s.versions);
    s.ages = ord_facts_room(f, (size_t)s.d.count + 1, sizeof *s.ages);
    for (uint32_t key = 0; !f->is_over && key < f->calls->key_count; key++)
        judge_object(&s, key);
    if (f->is_over)
        return;
    if (s.max_versions >= 0 || s.max_ms >= 0)
        ord_deeds_doubt(&s.d, 1U << KIND_REGISTER, s.count);
    else if (s.count == 0)
        f->unknown = "there is no read to judge";
    tell(&s);
}
