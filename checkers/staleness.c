/* staleness.c -- how far behind each read is, in versions and in time.
 *
 * Registers, each value written once.  A write is newer than another for
 * certain iff it began after that was acknowledged; of a read's value, newer
 * writes that were acknowledged before the read began are counted.
 * Claim:       none unless max_versions or max_ms is given: then no read was
 *              more than max_versions newer acknowledged writes behind, and
 *              the first of these was acknowledged no more than max_ms before
 *              the read began.  Without them it passes with its figures.
 * Not claimed: final reads; values that nobody wrote (linearizable, lost);
 *              reads of values written more than once; sets and lists (stale).
 * Unknown:     no read could be judged; with a limit: a read object is no
 *              register, or reads of repeated values were left out.
 * Measures:    versions_p50, _p99, _max and age_p50_ms, _p99, _max over all
 *              judged reads, the fresh ones with 0 (Bailis et al.,
 * Probabilistically bounded staleness, VLDB 2012); stale_reads, stale_share;
 *              delta_ms: the least time by which all reads must have begun
 *              earlier for the objects to be atomic (Golab, Li, Shah, PODC
 *              2011); gamma_ms: the least by which all operations must have
 *              been longer, half at each end (Golab et al., ICDCS 2014).  Both
 *              are 0 iff reads and writes are linearizable; not told where the
 *              times of the history run backwards.
 * Cost:        O(calls log calls).
 */
#include <stdio.h>
#include <stdlib.h>

#include "checkers/atomic.h"
#include "checkers/registry.h"

struct work {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_trace trace;
    struct ord_arena arena; /* of one object */
    double max_versions;    /* negative: no limit */
    double max_ms;
    uint32_t *versions; /* of each judged read */
    float *ages_ms;
    uint32_t count;
    uint32_t stale_count;
    int64_t delta_ns;
    int64_t gamma_ns;
    bool has_times; /* that do not run backwards */
};

struct zone {
    uint32_t f; /* places: first end, last begin */
    uint32_t s;
    uint32_t write_begin;
};

static int64_t time_at(const struct work *work, uint32_t place)
{
    int64_t time = 0;

    if (place == 0)
        return INT64_MIN / 4; /* the initial value, before all */
    time = ord_history_op(work->trace.history, (int64_t)place - 1)->time_ns;
    return time < 0 ? 0 : time;
}

static bool runs_forwards(const struct ord_history *history)
{
    int64_t last = 0;

    ORD_OPS (history, op) {
        int64_t time = op->time_ns < 0 ? 0 : op->time_ns;

        if (time < last)
            return false;
        last = time;
    }
    return true;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int compare_zone(const void *a, const void *b)
{
    const struct zone *x = a;
    const struct zone *y = b;

    return (x->f > y->f) - (x->f < y->f);
}

/* The forward zones by their begin, and the furthest end of the first i. */
struct zones {
    struct zone *at;
    uint32_t *reach; /* reach[i]: over the first i */
    uint32_t count;
};

static uint32_t begun_before(const struct zones *zones, uint32_t place)
{
    uint32_t low = 0;
    uint32_t high = zones->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (zones->at[middle].f < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Over all zones A begun before: either A ends by the time that B's first
 * operation ended, or B by the time that A's did.  The first grows along the
 * row, the second falls, so that the best of the lesser is where they cross. */
static int64_t worst_pair(const struct work *work, const struct zones *zones,
                          const struct zone *b, uint32_t count)
{
    int64_t f = time_at(work, b->f);
    int64_t s = time_at(work, b->s);
    int64_t most = 0;
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int64_t first = time_at(work, zones->reach[middle + 1]) - f;
        int64_t second = s - time_at(work, zones->at[middle].f);

        if (least(first, second) > most)
            most = least(first, second);
        if (first < second)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < count && least(time_at(work, zones->reach[low + 1]) - f,
                             s - time_at(work, zones->at[low].f)) > most)
        most = least(time_at(work, zones->reach[low + 1]) - f,
                     s - time_at(work, zones->at[low].f));
    return most;
}

/* Against the first `count` zones. */
static void measure_zone(struct work *work, const struct zones *zones,
                         const struct zone *b, uint32_t count)
{
    /* In those that began before B's write only A can be moved. */
    uint32_t fixed = begun_before(zones, b->write_begin);
    int64_t pair = worst_pair(work, zones, b, count);
    int64_t alone = 0;

    if (zones->reach[fixed < count ? fixed : count] > b->f)
        alone = time_at(work, zones->reach[fixed < count ? fixed : count]) -
                time_at(work, b->f);
    work->gamma_ns = pair > work->gamma_ns ? pair : work->gamma_ns;
    pair = alone > pair ? alone : pair;
    work->delta_ns = pair > work->delta_ns ? pair : work->delta_ns;
}

static int measure_zones(struct work *work, const struct ord_clusters *c,
                         struct ord_err *err)
{
    struct zones zones = {0};
    size_t room = (size_t)c->count + 2;

    zones.at = ord_arena_zalloc(&work->arena, room, sizeof *zones.at);
    zones.reach = ord_arena_zalloc(&work->arena, room, sizeof *zones.reach);
    if (zones.at == NULL || zones.reach == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u writes", c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->at[i].first_end < c->at[i].last_begin)
            zones.at[zones.count++] = (struct zone){
                c->at[i].first_end, c->at[i].last_begin, c->at[i].begin};
    }
    qsort(zones.at, zones.count, sizeof *zones.at, compare_zone);
    for (uint32_t i = 0; i < zones.count; i++)
        zones.reach[i + 1] =
            zones.at[i].s > zones.reach[i] ? zones.at[i].s : zones.reach[i];
    for (uint32_t i = 0; i < zones.count; i++)
        measure_zone(work, &zones, &zones.at[i], i);
    for (uint32_t i = 0; i < c->count; i++) {
        struct zone zone = {c->at[i].first_end, c->at[i].last_begin,
                            c->at[i].begin};

        if (zone.f != ORD_CALL_NEVER && zone.f >= zone.s)
            measure_zone(work, &zones, &zone, begun_before(&zones, zone.s));
    }
    return ORD_OK;
}

/* ---- reads --------------------------------------------------------------- */

static void found(struct work *work, const struct ord_clusters *c, uint32_t at,
                  uint32_t newer, double ms)
{
    const struct ord_trace *t = &work->trace;
    const struct ord_cluster *own = &c->at[c->of_read[at]];
    uint32_t write = c->at[newer].write;
    struct ord_named named = {
        .key = t->calls.keys[c->key],
        .ops = {ord_deed_op(t, write), ord_deed_op(t, c->reads[at]),
                own->write == ORD_FROM_INITIAL ? NULL
                                               : ord_deed_op(t, own->write)},
        .count = 3};
    struct ord_value is = {0};

    if (ord_found_enough(work->out))
        return;
    is = ord_deed_value(t, c->reads[at]);
    ord_found(work->in, work->out, &named,
              "%s, %u version%s behind: %s, newer than %s, had been "
              "acknowledged at %s, %.3g ms before",
              ord_deed_did(t, c->reads[at]).at, c->behind[at],
              c->behind[at] == 1 ? "" : "s", ord_deed_text(t, write).at,
              ord_text_value(&is).at, ord_text_when(ord_deed_done(t, write)).at,
              ms);
    if (work->out->violation_count == 1) {
        uint32_t deeds[3] = {write, c->reads[at], own->write};

        ord_trace_prove(t, work->in, work->out, ORD_PROOF_FACTS, deeds, NULL,
                        own->write == ORD_FROM_INITIAL ? 2 : 3);
    }
}

/* newest[i]: the latest begin among the first i + 1 by end. */
static void judge(struct work *work, const struct ord_clusters *c, uint32_t at,
                  const uint32_t *newest)
{
    uint32_t own_end = c->at[c->of_read[at]].end;
    uint32_t low = 0;
    uint32_t high = c->count;
    double ms = 0;

    work->versions[work->count] = c->behind[at];
    if (c->behind[at] > 0) {
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (newest[middle] > own_end)
                high = middle;
            else
                low = middle + 1;
        }
        ORD_ASSERT(low < c->count);
        ms =
            ord_ms_between(ord_deed_done(c->trace, c->at[c->by_end[low]].write),
                           ord_deed_op(c->trace, c->reads[at]));
        work->stale_count++;
        if ((work->max_versions >= 0 && c->behind[at] > work->max_versions) ||
            (work->max_ms >= 0 && ms > work->max_ms))
            found(work, c, at, c->by_end[low], ms);
    }
    work->ages_ms[work->count++] = (float)ms;
}

static int check_object(struct work *work, uint32_t key, uint32_t *scratch,
                        struct ord_err *err)
{
    struct ord_clusters c;
    uint32_t *newest = NULL;
    uint32_t latest = 0;

    if (ord_clusters_init(&c, &work->trace, key, false, scratch, &work->arena,
                          err) != ORD_OK)
        return err->rc;
    newest =
        ord_arena_zalloc(&work->arena, (size_t)c.count + 1, sizeof *newest);
    if (newest == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u writes", c.count);
    for (uint32_t i = 0; i < c.count; i++) {
        if (c.at[c.by_end[i]].begin > latest)
            latest = c.at[c.by_end[i]].begin;
        newest[i] = latest;
    }
    for (uint32_t i = 0; i < c.read_count; i++)
        judge(work, &c, i, newest);
    return measure_zones(work, &c, err);
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int compare_float(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;

    return (x > y) - (x < y);
}

/* The least that at least that share of the reads does not exceed. */
static uint32_t rank(uint32_t count, uint32_t percent)
{
    uint64_t at = ((uint64_t)count * percent + 99) / 100;

    return at == 0 ? 0 : (uint32_t)at - 1;
}

static int conclude(struct work *work)
{
    struct ord_verdict *out = work->out;
    bool has_limit = work->max_versions >= 0 || work->max_ms >= 0;
    uint32_t n = work->count;

    ord_stat(out, "reads", (double)n);
    ord_stat(out, "stale_reads", (double)work->stale_count);
    ord_stat(out, "reads_left_out", (double)work->trace.several_count);
    if (n > 0) {
        qsort(work->versions, n, sizeof *work->versions, compare_u32);
        qsort(work->ages_ms, n, sizeof *work->ages_ms, compare_float);
        ord_stat(out, "stale_share", (double)work->stale_count / (double)n);
        ord_stat(out, "versions_p50", work->versions[rank(n, 50)]);
        ord_stat(out, "versions_p99", work->versions[rank(n, 99)]);
        ord_stat(out, "versions_max", work->versions[n - 1]);
        ord_stat(out, "age_p50_ms", (double)work->ages_ms[rank(n, 50)]);
        ord_stat(out, "age_p99_ms", (double)work->ages_ms[rank(n, 99)]);
        ord_stat(out, "age_max_ms", (double)work->ages_ms[n - 1]);
    }
    if (n > 0 && work->has_times) {
        ord_stat(out, "delta_ms", (double)work->delta_ns / 1e6);
        ord_stat(out, "gamma_ms", (double)work->gamma_ns / 1e6);
    }
    if (out->violation_count > 0)
        return ORD_OK;
    if (has_limit && (ord_trace_is_odd(&work->trace, 0, out) ||
                      ord_trace_is_open(&work->trace, out)))
        return ORD_OK;
    if (n == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no read could be judged");
    return ord_conclude(
        out, ORD_VALID,
        "of %u reads %u were stale%s; the furthest was %u version%s, the "
        "oldest "
        "%.3g ms behind",
        n, work->stale_count, has_limit ? ", none beyond the limit" : "",
        work->versions[n - 1], work->versions[n - 1] == 1 ? "" : "s",
        (double)work->ages_ms[n - 1]);
}

static int limit(const struct ord_check_in *in, const char *name, double *out,
                 struct ord_err *err)
{
    const char *text = ord_check_option(in, name);
    char *end = NULL;

    *out = -1;
    if (text == NULL)
        return ORD_OK;
    *out = strtod(text, &end);
    if (end == text || *end != '\0' || !(*out >= 0))
        return ord_fail(err, ORD_EUSAGE, "%s: a number from 0 on", name);
    return ORD_OK;
}

static int staleness_check(const struct ord_check_in *in,
                           struct ord_verdict *out, struct ord_err *err)
{
    struct work work = {.in = in, .out = out};
    uint32_t *scratch = NULL;
    size_t room = 0;
    int rc = ORD_OK;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (limit(in, "max_versions", &work.max_versions, err) != ORD_OK ||
        limit(in, "max_ms", &work.max_ms, err) != ORD_OK ||
        ord_trace_init(&work.trace, in, err) != ORD_OK)
        return err->rc;
    work.has_times = runs_forwards(in->history);
    room = (size_t)work.trace.count + 1;
    scratch = ord_arena_zalloc(in->arena, room, sizeof *scratch);
    work.versions = ord_arena_zalloc(in->arena, room, sizeof *work.versions);
    work.ages_ms = ord_arena_zalloc(in->arena, room, sizeof *work.ages_ms);
    if (scratch == NULL || work.versions == NULL || work.ages_ms == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %zu operations", room);
    ord_arena_init(&work.arena, in->arena->size_max);
    for (uint32_t k = 0; rc == ORD_OK && k < work.trace.calls.key_count; k++) {
        rc = check_object(&work, k, scratch, err);
        ord_arena_reset(&work.arena);
    }
    ord_arena_fini(&work.arena);
    return rc == ORD_OK ? conclude(&work) : rc;
}

const struct ord_checker ord_checker_staleness = {
    .name = "staleness",
    .claim = "figures: how many versions and how much time reads are behind",
    .options = "max_versions: no read may be more versions behind\n"
               "max_ms: nor longer",
    .check = staleness_check,
};
