/* sequential.c -- all sessions see one order, which need not be real time's.
 *
 * Claim:       registers, each value written once: there is one order of all
 *              reads and writes in which each session's stand as it made them
 *              (where one had ended before the next began) and each read
 *              returns the last write of its object before it, or nil.  With
 *              proofs, that order.
 * Not claimed: real time (linearizable); that a cas is atomic (a read and then
 *              a write); final reads; unfinished writes that nobody saw.
 * Unknown:     a read object is no register; a read returned a value that was
 *              written more than once; no read could be judged; the budget of
 *              steps or memory is used up: the question is NP-complete.
 * How:         what follows from there being one order (saturation.h), which is
 *              polynomial and finds what occurs in practice; then a search
 *              for an order that never overwrites a value still to be read.
 * Cost:        O(calls x sessions) a round of the first part, few rounds; the
 *              search is linear where it need not go back.
 * Source:      Lamport, IEEE Trans. Computers C-28(9), 1979; Gibbons, Korach:
 *              Testing shared memories, SIAM J. Comput. 26(4), 1997; Cantin,
 *              Lipasti, Smith, IEEE TPDS 16(7), 2005.
 */
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "checkers/saturation.h"

#define STEPS_DEFAULT UINT64_C(200000000)
#define NONE UINT32_MAX

struct search {
    const struct ord_trace *t;
    const struct ord_saturation *sat;
    uint64_t *steps_left;
    uint32_t *first; /* arrows by `from`: the deeds that wait; count + 1 */
    uint32_t *after;
    uint32_t *pending; /* by deed: how many must still come before it */
    uint32_t *readers; /* by write: the first read of it, then by read: NONE */
    uint32_t *next_reader;
    uint32_t *unread;        /* by key: reads of the present value to come */
    uint32_t *order;         /* done so far */
    uint32_t *unread_before; /* by deed: what unread was before a write */
    uint32_t *ready;    /* writes that may be next, but for unread values */
    uint32_t *ready_at; /* by write: its place in ready */
    uint32_t ready_count;
    uint32_t *queue; /* reads that may be next */
    uint32_t queue_count;
    uint32_t depth;
    uint32_t *choices; /* depths at which one was chosen of several */
    uint32_t choice_count;
};

static void make_ready(struct search *s, uint32_t deed)
{
    if (ord_deed_is_read(s->t, deed)) {
        s->queue[s->queue_count++] = deed;
        return;
    }
    s->ready_at[deed] = s->ready_count;
    s->ready[s->ready_count++] = deed;
}

static void unready(struct search *s, uint32_t write)
{
    uint32_t last = s->ready[--s->ready_count];

    s->ready[s->ready_at[write]] = last;
    s->ready_at[last] = s->ready_at[write];
}

/* Takes one off from what waits for it. */
static void release(struct search *s, uint32_t deed)
{
    if (--s->pending[deed] == 0)
        make_ready(s, deed);
}

static void run(struct search *s, uint32_t deed)
{
    uint32_t key = ord_deed_key(s->t, deed);

    s->order[s->depth++] = deed;
    if (ord_deed_is_read(s->t, deed)) {
        uint32_t from = s->t->from[deed];

        if (from == ORD_FROM_INITIAL || ORD_FROM_IS_DEED(from))
            s->unread[key]--;
    } else {
        unready(s, deed);
        s->unread_before[deed] = s->unread[key];
        s->unread[key] = s->t->from[deed];
        for (uint32_t r = s->readers[deed]; r != NONE; r = s->next_reader[r])
            release(s, r);
    }
    for (uint32_t i = s->first[deed]; i < s->first[deed + 1]; i++)
        release(s, s->after[i]);
}

/* Deeds that were ready wait again; a read that was is forgotten: the queue is
 * empty whenever something is taken back. */
static void hold(struct search *s, uint32_t deed)
{
    if (s->pending[deed]++ == 0 && !ord_deed_is_read(s->t, deed))
        unready(s, deed);
}

static void take_back(struct search *s)
{
    uint32_t deed = s->order[--s->depth];
    uint32_t key = ord_deed_key(s->t, deed);

    for (uint32_t i = s->first[deed]; i < s->first[deed + 1]; i++)
        hold(s, s->after[i]);
    if (ord_deed_is_read(s->t, deed)) {
        uint32_t from = s->t->from[deed];

        if (from == ORD_FROM_INITIAL || ORD_FROM_IS_DEED(from))
            s->unread[key]++;
        return;
    }
    for (uint32_t r = s->readers[deed]; r != NONE; r = s->next_reader[r])
        hold(s, r);
    s->unread[key] = s->unread_before[deed];
    make_ready(s, deed);
}

/* Reads never stand in the way: all that may come do. */
static void run_reads(struct search *s)
{
    while (s->queue_count > 0)
        run(s, s->queue[--s->queue_count]);
}

/* The write to come next, greater than `but` (in the order of the saturation,
 * `rank`); one that nobody reads is free.  *others: there are more. */
static uint32_t choose(const struct search *s, const uint32_t *rank,
                       uint32_t but, bool *others)
{
    uint32_t best = NONE;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->ready_count; i++) {
        uint32_t write = s->ready[i];

        if (s->unread[ord_deed_key(s->t, write)] != 0 ||
            (but != NONE && rank[write] <= rank[but]))
            continue;
        if (s->t->from[write] == 0 && but == NONE) {
            *others = false;
            return write;
        }
        count++;
        if (best == NONE || rank[write] < rank[best])
            best = write;
    }
    *others = count > 1;
    return best;
}

static enum ord_outcome search(struct search *s, const uint32_t *rank)
{
    uint32_t but = NONE;

    for (uint32_t i = 0; i < s->t->count; i++) {
        if (s->pending[i] == 0)
            make_ready(s, i);
    }
    for (;;) {
        bool others = false;
        uint32_t write = NONE;

        run_reads(s);
        if (s->depth == s->t->count)
            return ORD_VALID;
        if (*s->steps_left < 1 + s->ready_count)
            return ORD_UNKNOWN;
        *s->steps_left -= 1 + s->ready_count;
        write = choose(s, rank, but, &others);
        if (write != NONE) {
            if (others)
                s->choices[s->choice_count++] = s->depth;
            but = NONE;
            run(s, write);
            continue;
        }
        if (s->choice_count == 0)
            return ORD_INVALID;
        s->choice_count--;
        but = s->order[s->choices[s->choice_count]];
        while (s->depth > s->choices[s->choice_count])
            take_back(s);
        s->queue_count = 0;
    }
}

static void *zalloc(const struct ord_saturation *sat, size_t count)
{
    return ord_arena_zalloc(sat->arena, count + 2, sizeof(uint32_t));
}

static bool prepare(struct search *s)
{
    const struct ord_trace *t = s->t;
    const struct ord_saturation *sat = s->sat;
    size_t n = t->count;

    s->first = zalloc(sat, n);
    s->after = zalloc(sat, sat->arrow_count);
    s->pending = zalloc(sat, n);
    s->readers = zalloc(sat, n);
    s->next_reader = zalloc(sat, n);
    s->unread = zalloc(sat, t->calls.key_count);
    s->order = zalloc(sat, n);
    s->unread_before = zalloc(sat, n);
    s->ready = zalloc(sat, n);
    s->ready_at = zalloc(sat, n);
    s->queue = zalloc(sat, n);
    s->choices = zalloc(sat, n);
    if (s->first == NULL || s->after == NULL || s->pending == NULL ||
        s->readers == NULL || s->next_reader == NULL || s->unread == NULL ||
        s->order == NULL || s->unread_before == NULL || s->ready == NULL ||
        s->ready_at == NULL || s->queue == NULL || s->choices == NULL)
        return false;
    memset(s->readers, 0xff, n * sizeof *s->readers);
    for (uint32_t i = 0; i < sat->arrow_count; i++) {
        s->first[sat->arrows[i].from + 2]++;
        s->pending[sat->arrows[i].to]++;
    }
    for (uint32_t i = 0; i < n; i++)
        s->first[i + 2] += s->first[i + 1];
    for (uint32_t i = 0; i < t->count; i++) {
        if (!ord_deed_is_read(t, i))
            continue;
        if (t->from[i] == ORD_FROM_INITIAL)
            s->unread[ord_deed_key(t, i)]++;
        if (!ORD_FROM_IS_DEED(t->from[i]))
            continue;
        s->next_reader[i] = s->readers[t->from[i]];
        s->readers[t->from[i]] = i;
        s->pending[i]++;
    }
    return true;
}

static void fill_after(struct search *s)
{
    const struct ord_saturation *sat = s->sat;

    for (uint32_t i = 0; i < sat->arrow_count; i++)
        s->after[s->first[sat->arrows[i].from + 1]++] = sat->arrows[i].to;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* In which order to try the writes: by the first end or the last begin of a
 * write and its reads, whichever comes first.  Where the history happens to be
 * linearizable that is an order (zones: atomic.h), and nothing is tried twice.
 * Ranks differ. */
static bool rank_writes(const struct search *s, uint32_t *rank)
{
    const struct ord_trace *t = s->t;
    uint64_t *points =
        ord_arena_zalloc(s->sat->arena, (size_t)t->count + 1, sizeof *points);

    if (points == NULL)
        return false;
    for (uint32_t i = 0; i < t->count; i++) {
        uint32_t end = ord_deed_end(t, i);
        uint32_t begin = ord_deed_begin(t, i);

        if (!ord_deed_is_read(t, i)) {
            for (uint32_t r = s->readers[i]; r != NONE; r = s->next_reader[r]) {
                if (ord_deed_end(t, r) < end)
                    end = ord_deed_end(t, r);
                if (ord_deed_begin(t, r) > begin)
                    begin = ord_deed_begin(t, r);
            }
        }
        points[i] = (uint64_t)(end < begin ? end : begin) << 32 | i;
    }
    qsort(points, t->count, sizeof *points, compare_u64);
    for (uint32_t i = 0; i < t->count; i++)
        rank[(uint32_t)points[i]] = i;
    return true;
}

/* ---- the verdict --------------------------------------------------------- */

struct work {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_trace trace;
    uint64_t steps_left;
};

static void found_cycle(struct work *work, const struct ord_saturation *sat)
{
    const struct ord_trace *t = &work->trace;
    struct ord_named named = {
        .key = t->calls.keys[ord_deed_key(t, sat->cycle[0])]};
    char text[800];

    ord_causal_describe(t, sat->cycle, sat->marks, sat->cycle_count + 1, text,
                        sizeof text);
    for (uint32_t i = 0; i < sat->cycle_count && named.count < ORD_NAMED_MAX;
         i++)
        named.ops[named.count++] = ord_deed_op(t, sat->cycle[i]);
    ord_found(work->in, work->out, &named,
              "there is no one order: %s; and so round again to the first",
              text);
    for (uint32_t i = 0; i < sat->cycle_count; i++) {
        ord_evidence(work->out, ord_deed_op(t, sat->cycle[i]));
        if (sat->whys[i] != NONE)
            ord_evidence(work->out, ord_deed_op(t, sat->whys[i]));
    }
    ord_trace_prove(t, work->in, work->out, ORD_PROOF_CYCLE, sat->cycle,
                    sat->marks, sat->cycle_count);
}

static void found_thin_air(struct work *work, uint32_t read)
{
    const struct ord_trace *t = &work->trace;
    struct ord_named named = {.key = t->calls.keys[ord_deed_key(t, read)],
                              .ops = {ord_deed_op(t, read)},
                              .count = 1};
    struct ord_text why;

    if (ord_found_enough(work->out))
        return;
    if (work->out->violation_count == 0)
        ord_trace_prove(t, work->in, work->out, ORD_PROOF_FACTS, &read, NULL,
                        1);
    why = ord_deed_unwritten(t, read, &named);
    ord_found(work->in, work->out, &named, "%s, and %s",
              ord_deed_did(t, read).at, why.at);
}

static int decide(struct work *work, struct ord_err *err)
{
    struct ord_saturation sat = {.trace = &work->trace,
                                 .arena = work->in->arena,
                                 .steps_left = &work->steps_left,
                                 .derives = true,
                                 .is_sequential = true,
                                 .session = ORD_ANY_SESSION};
    struct search s = {
        .t = &work->trace, .sat = &sat, .steps_left = &work->steps_left};
    uint32_t *rank = NULL;
    enum ord_outcome outcome = ORD_UNKNOWN;

    if (ord_saturate(&sat, err) != ORD_OK)
        return err->rc;
    if (sat.outcome == ORD_INVALID) {
        found_cycle(work, &sat);
        return ORD_OK;
    }
    rank = zalloc(&sat, work->trace.count);
    if (rank == NULL || !prepare(&s))
        return ord_fail(err, ORD_ENOMEM, "no memory for the search");
    fill_after(&s);
    if (!rank_writes(&s, rank))
        return ord_fail(err, ORD_ENOMEM, "no memory for the search");
    if (sat.outcome == ORD_VALID)
        outcome = search(&s, rank);
    if (outcome == ORD_UNKNOWN)
        return ord_conclude(work->out, ORD_UNKNOWN,
                            "the budget of steps is used up: no contradiction "
                            "follows, and no order was found (%u of %u "
                            "operations have their place)",
                            s.depth, work->trace.count);
    if (outcome == ORD_INVALID) {
        struct ord_named named = {.key = ord_value_nil()};

        ord_found(work->in, work->out, &named,
                  "there is no one order of these %u operations: all were "
                  "tried",
                  work->trace.count);
        for (uint32_t i = 0; i < work->trace.count; i++)
            ord_evidence(work->out, ord_deed_op(&work->trace, i));
        return ORD_OK;
    }
    /* What was left out may still contradict: then it is no pass. */
    if (ord_trace_is_odd(&work->trace, 0, work->out) ||
        ord_trace_is_open(&work->trace, work->out))
        return ORD_OK;
    if (work->in->wants_proof)
        ord_trace_prove(&work->trace, work->in, work->out, ORD_PROOF_ORDER,
                        s.order, NULL, s.depth); /* a cas stands there twice */
    return ord_conclude(work->out, ORD_VALID,
                        "one order explains all %u reads and writes of %u "
                        "sessions",
                        work->trace.count, work->trace.session_count);
}

static int sequential_check(const struct ord_check_in *in,
                            struct ord_verdict *out, struct ord_err *err)
{
    struct work work = {.in = in, .out = out};
    uint32_t judged = 0;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    work.steps_left = in->steps_max == 0 ? STEPS_DEFAULT : in->steps_max;
    if (ord_trace_init(&work.trace, in, err) != ORD_OK)
        return err->rc;
    ord_stat(out, "operations", (double)work.trace.count);
    ord_stat(out, "sessions", (double)work.trace.session_count);
    for (uint32_t i = 0; i < work.trace.count; i++) {
        if (!ord_deed_is_read(&work.trace, i))
            continue;
        judged += work.trace.from[i] != ORD_FROM_SEVERAL;
        if (work.trace.from[i] == ORD_FROM_NOBODY)
            found_thin_air(&work, i);
    }
    if (out->violation_count > 0)
        return ORD_OK;
    if (judged == 0) {
        if (!ord_trace_is_odd(&work.trace, 0, out) &&
            !ord_trace_is_open(&work.trace, out))
            (void)ord_conclude(out, ORD_UNKNOWN, "no read could be judged");
        return ORD_OK;
    }
    return decide(&work, err);
}

const struct ord_checker ord_checker_sequential = {
    .name = "sequential",
    .claim = "all sessions see one order, which need not be real time's",
    .check = sequential_check,
};
