/* k_atomicity.c -- reads are at most k - 1 versions behind.
 *
 * Registers, each value written once, object by object.
 * Claim:       with k (an option, 2 where not told) there is an order of the
 *              reads and writes that respects real time and in which each read
 *              returns one of the last k writes before it (nil: a write before
 *              all).  k = 1 is atomicity, that is linearizability.
 * Not claimed: that a cas is atomic (it is a read and a write, apart and in
 *              either order: with a cas k = 1 is weaker than linearizability),
 *              final reads, unfinished writes that nobody saw.
 * Unknown:     a read object is no register; a read returned a value that was
 *              written more than once, or k > 2 lies between the bounds;
 *              nothing was read; the budget of steps (of k = 2) is used up.
 * Exact:       for k = 1 by zones (Gibbons, Korach, SIAM J. Comput. 26(4),
 *              1997), for k = 2 by LBT (atomic_two.c).  For k > 2 nobody knows
 *              a polynomial test: where some read is k or more writes behind
 *              for certain it fails, where the order of the writes' ends is
 *              good enough it passes.
 * Measures:    k_min and k_max, between which the least k lies.
 * Cost:        O(calls log calls); k = 2: times the writes open at one time.
 * Source:      Golab, Hurwitz, Li: On the k-atomicity-verification problem,
 *              ICDCS 2013 (arXiv 1309.5522); Golab, Li, Shah: Analyzing
 *              consistency properties for fun and profit, PODC 2011.
 */
#include <stdio.h>
#include <stdlib.h>

#include "checkers/atomic.h"
#include "checkers/registry.h"

#define STEPS_DEFAULT UINT64_C(200000000)

struct work {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_trace trace;
    struct ord_arena arena; /* of one object */
    uint64_t steps_left;
    uint64_t k;
    uint64_t k_min; /* over all objects */
    uint64_t k_max;
    uint64_t read_count;
    uint64_t undecided_count;
    bool is_cut;
};

static struct ord_text cluster_text(const struct ord_trace *t, uint32_t write)
{
    struct ord_text text = {"the initial value"};

    return write == ORD_FROM_INITIAL ? text : ord_deed_text(t, write);
}

static const struct ord_op *cluster_op(const struct ord_trace *t, uint32_t deed)
{
    return deed == ORD_FROM_INITIAL ? NULL : ord_deed_op(t, deed);
}

static void prove(struct work *work, const struct ord_named *named)
{
    struct ord_proof *proof = NULL;
    uint32_t *ops = NULL;

    if (!work->in->wants_proof || work->out->violation_count != 1)
        return;
    proof = ord_arena_zalloc(work->in->arena, 1, sizeof *proof);
    ops = ord_arena_zalloc(work->in->arena, ORD_NAMED_MAX, sizeof *ops);
    if (proof == NULL || ops == NULL)
        return;
    *proof = (struct ord_proof){
        .next = work->out->proof, .key = named->key, .ops = ops};
    for (uint32_t i = 0; i < named->count; i++) {
        if (named->ops[i] != NULL)
            ops[proof->count++] = (uint32_t)named->ops[i]->index;
    }
    work->out->proof = proof;
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
    why = ord_deed_unwritten(t, read, &named);
    ord_found(work->in, work->out, &named, "%s, and %s",
              ord_deed_did(t, read).at, why.at);
    prove(work, &named);
}

/* k writes of the object that certainly came between a read and its write; as
 * many of them as can be told. */
static void found_behind(struct work *work, const struct ord_clusters *c,
                         uint32_t at)
{
    const struct ord_trace *t = &work->trace;
    uint32_t read = c->reads[at];
    const struct ord_cluster *own = &c->at[c->of_read[at]];
    struct ord_named named = {.key = t->calls.keys[c->key],
                              .ops = {ord_deed_op(t, read),
                                      cluster_op(t, own->write),
                                      cluster_op(t, own->first_ended)},
                              .count = 3};
    uint32_t newer = 0;

    if (ord_found_enough(work->out))
        return;
    for (uint32_t i = 0; i < c->count && named.count < ORD_NAMED_MAX; i++) {
        const struct ord_cluster *other = &c->at[c->by_end[i]];

        if (other->end >= ord_read_begin(c, at))
            break;
        if (other->begin <= own->end)
            continue;
        named.ops[named.count++] = ord_deed_op(t, other->write);
        newer++;
    }
    ord_found(
        work->in, work->out, &named,
        "%s, written by %s: %u newer write%s had happened before the read "
        "began%s, so that it is %u version%s behind",
        ord_deed_did(t, read).at, cluster_text(t, own->write).at, c->behind[at],
        c->behind[at] == 1 ? "" : "s",
        newer < c->behind[at] ? " (the first of them are named)" : "",
        c->behind[at], c->behind[at] == 1 ? "" : "s");
    prove(work, &named);
}

static void found_clash(struct work *work, const struct ord_clusters *c,
                        uint32_t a, uint32_t b)
{
    const struct ord_trace *t = &work->trace;
    const struct ord_cluster *x = &c->at[a];
    const struct ord_cluster *y = &c->at[b];
    struct ord_named named = {
        .key = t->calls.keys[c->key],
        .ops = {cluster_op(t, x->write), cluster_op(t, x->first_ended),
                cluster_op(t, x->last_begun), cluster_op(t, y->write),
                cluster_op(t, y->first_ended), cluster_op(t, y->last_begun)},
        .count = 6};

    if (ord_found_enough(work->out))
        return;
    ord_found(
        work->in, work->out, &named,
        "%s and %s have no order: each was still to be seen when the "
        "other had happened (%s; %s)",
        cluster_text(t, x->write).at, cluster_text(t, y->write).at,
        x->last_begun == ORD_FROM_INITIAL ? "-"
                                          : ord_deed_did(t, x->last_begun).at,
        y->last_begun == ORD_FROM_INITIAL ? "-"
                                          : ord_deed_did(t, y->last_begun).at);
    prove(work, &named);
}

static void found_two(struct work *work, const struct ord_clusters *c)
{
    const struct ord_trace *t = &work->trace;
    struct ord_named named = {.key = t->calls.keys[c->key], .count = 0};
    uint32_t worst = 0;

    if (ord_found_enough(work->out))
        return;
    for (uint32_t i = 1; i < c->read_count; i++)
        worst = c->behind[i] > c->behind[worst] ? i : worst;
    named.ops[named.count++] = ord_deed_op(t, c->reads[worst]);
    ord_found(work->in, work->out, &named,
              "no order of what was done to %s lets each read return one of "
              "the last two writes before it (some read must be two or more "
              "behind, whatever the order; the worst for certain: %s)",
              ord_text_key(&t->calls.keys[c->key]).at,
              ord_deed_did(t, c->reads[worst]).at);
}

/* The least k for the order of the writes by their (cut) ends. */
static uint64_t upper_bound(struct work *work, const struct ord_clusters *c,
                            struct ord_err *err)
{
    uint32_t *rank =
        ord_arena_zalloc(&work->arena, (size_t)c->count + 1, sizeof *rank);
    uint64_t most = 1;

    if (rank == NULL) {
        (void)ord_fail(err, ORD_ENOMEM, "no memory for %u writes", c->count);
        return 0;
    }
    for (uint32_t i = 0; i < c->count; i++)
        rank[c->by_end[i]] = i;
    for (uint32_t i = 0; i < c->read_count; i++) {
        uint32_t low = 0;
        uint32_t high = c->count;

        while (low < high) { /* writes that ended before it began */
            uint32_t middle = low + (high - low) / 2;

            if (c->at[c->by_end[middle]].end < ord_read_begin(c, i))
                low = middle + 1;
            else
                high = middle;
        }
        if (low > rank[c->of_read[i]] && low - rank[c->of_read[i]] > most)
            most = low - rank[c->of_read[i]];
    }
    return most;
}

/* Where the write of a cas may stand before its read, an order of operations
 * could not tell which is which. */
static bool has_cas(const struct ord_clusters *c)
{
    const struct ord_trace *t = c->trace;

    for (uint32_t i = t->key_first[c->key]; i < t->key_first[c->key + 1]; i++) {
        if ((t->kind[t->by_key[i]] & ORD_DEED_CAS) != 0)
            return true;
    }
    return false;
}

/* The order of LBT: each write with the reads behind it, by begin. */
static void prove_order(struct work *work, const struct ord_clusters *c,
                        const uint32_t *order, const uint32_t *slot,
                        uint32_t *by_place)
{
    struct ord_arena *arena = work->in->arena;
    size_t room = (size_t)c->count + c->read_count + 1;
    uint32_t *deeds = ord_arena_zalloc(arena, room, sizeof *deeds);
    uint32_t *first =
        ord_arena_zalloc(&work->arena, (size_t)c->count + 2, sizeof *first);
    uint32_t *place =
        ord_arena_zalloc(&work->arena, (size_t)c->count + 1, sizeof *place);
    const struct ord_trace *t = c->trace;
    uint32_t count = 0;

    if (deeds == NULL || first == NULL || place == NULL)
        return;
    for (uint32_t i = 0; i < c->count; i++)
        place[order[i]] = i;
    for (uint32_t i = 0; i < c->read_count; i++)
        first[place[slot[i]] + 1]++;
    for (uint32_t i = 0; i < c->count; i++)
        first[i + 1] += first[i];
    /* Behind the i-th write come first[i] reads of earlier ones: its own place
     * is first[i] + i, less one where the initial value, no deed, is first. */
    for (uint32_t i = 0; i < c->read_count; i++)
        by_place[c->reads[i]] = place[slot[i]] + 1;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->at[order[i]].write != ORD_FROM_INITIAL)
            deeds[first[i] + i - 1] = c->at[order[i]].write;
    }
    for (uint32_t i = t->key_first[c->key]; i < t->key_first[c->key + 1]; i++) {
        uint32_t at = by_place[t->by_key[i]];

        if (!ord_deed_is_read(t, t->by_key[i]) || at-- == 0)
            continue;
        deeds[first[at]++ + at] = t->by_key[i];
        count++;
    }
    ord_trace_prove(t, work->in, work->out, ORD_PROOF_ORDER, deeds, NULL,
                    count + c->count - 1);
}

static int decide_two(struct work *work, const struct ord_clusters *c,
                      uint32_t *scratch, uint64_t bounds[2],
                      struct ord_err *err)
{
    uint32_t *order =
        ord_arena_zalloc(&work->arena, (size_t)c->count + 1, sizeof *order);
    uint32_t *slot =
        ord_arena_zalloc(&work->arena, (size_t)c->read_count + 1, sizeof *slot);
    enum ord_outcome outcome = ORD_UNKNOWN;

    if (order == NULL || slot == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u writes", c->count);
    err->rc = ORD_OK;
    outcome =
        ord_clusters_two(c, &work->arena, &work->steps_left, order, slot, err);
    if (err->rc != ORD_OK)
        return err->rc;
    if (outcome == ORD_VALID)
        bounds[1] = bounds[1] < 2 ? bounds[1] : 2;
    if (outcome == ORD_INVALID)
        bounds[0] = 3;
    work->is_cut = work->is_cut || outcome == ORD_UNKNOWN;
    if (outcome == ORD_VALID && work->in->wants_proof &&
        work->out->violation_count == 0 && !has_cas(c))
        prove_order(work, c, order, slot, scratch);
    return ORD_OK;
}

static int check_object(struct work *work, uint32_t key, uint32_t *scratch,
                        struct ord_err *err)
{
    struct ord_clusters c;
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t worst = 0;
    uint64_t bounds[2] = {1, 1}; /* of the least k */
    bool clashes = false;

    if (ord_clusters_init(&c, &work->trace, key, true, scratch, &work->arena,
                          err) != ORD_OK)
        return err->rc;
    if (c.read_count == 0)
        return ORD_OK;
    work->read_count += c.read_count;
    err->rc = ORD_OK;
    clashes = ord_clusters_clash(&c, &work->arena, &a, &b, err);
    if (err->rc != ORD_OK)
        return err->rc;
    for (uint32_t i = 1; i < c.read_count; i++)
        worst = c.behind[i] > c.behind[worst] ? i : worst;
    if (clashes) {
        bounds[0] = c.behind[worst] + 1 > 2 ? c.behind[worst] + 1 : 2;
        bounds[1] = upper_bound(work, &c, err);
        if (bounds[1] == 0)
            return err->rc;
    }
    if (work->k == 2 && bounds[0] <= 2 &&
        (bounds[1] > 2 || work->in->wants_proof) &&
        decide_two(work, &c, scratch, bounds, err) != ORD_OK)
        return err->rc;
    work->k_min = bounds[0] > work->k_min ? bounds[0] : work->k_min;
    work->k_max = bounds[1] > work->k_max ? bounds[1] : work->k_max;
    for (uint32_t i = 0; i < c.read_count && c.behind[worst] >= work->k; i++) {
        if (c.behind[i] >= work->k)
            found_behind(work, &c, i);
    }
    if (bounds[0] > work->k && c.behind[worst] < work->k) {
        if (work->k == 1)
            found_clash(work, &c, a, b);
        else
            found_two(work, &c);
    }
    work->undecided_count += bounds[0] <= work->k && bounds[1] > work->k;
    return ORD_OK;
}

static int conclude(struct work *work)
{
    struct ord_verdict *out = work->out;

    ord_stat(out, "reads", (double)work->read_count);
    if (work->read_count > 0) {
        ord_stat(out, "k_min", (double)work->k_min);
        ord_stat(out, "k_max", (double)work->k_max);
    }
    ord_stat(out, "violations", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (ord_trace_is_odd(&work->trace, 0, out) ||
        ord_trace_is_open(&work->trace, out))
        return ORD_OK;
    if (work->read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no read could be judged");
    if (work->undecided_count > 0)
        return ord_conclude(
            out, ORD_UNKNOWN,
            "%llu object%s may or may not be %llu-atomic: the least k lies "
            "between %llu and %llu%s",
            (unsigned long long)work->undecided_count,
            work->undecided_count == 1 ? "" : "s", (unsigned long long)work->k,
            (unsigned long long)work->k_min, (unsigned long long)work->k_max,
            work->is_cut ? "; the budget of steps is used up" : "");
    return ord_conclude(out, ORD_VALID,
                        "each of %llu reads returned one of the last %llu "
                        "writes before it",
                        (unsigned long long)work->read_count,
                        (unsigned long long)work->k);
}

static int k_check(const struct ord_check_in *in, struct ord_verdict *out,
                   struct ord_err *err)
{
    const char *option = ord_check_option(in, "k");
    struct work work = {.in = in, .out = out, .k = 2, .k_min = 1, .k_max = 1};
    uint32_t *scratch = NULL;
    char *end = NULL;
    int rc = ORD_OK;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    work.steps_left = in->steps_max == 0 ? STEPS_DEFAULT : in->steps_max;
    if (option != NULL)
        work.k = strtoull(option, &end, 10);
    if (work.k == 0 || (end != NULL && *end != '\0'))
        return ord_fail(err, ORD_EUSAGE, "k: a number from 1 on");
    if (ord_trace_init(&work.trace, in, err) != ORD_OK)
        return err->rc;
    scratch = ord_arena_zalloc(in->arena, (size_t)work.trace.count + 1,
                               sizeof *scratch);
    if (scratch == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u operations",
                        work.trace.count);
    for (uint32_t i = 0; i < work.trace.count; i++) {
        if (ord_deed_is_read(&work.trace, i) &&
            work.trace.from[i] == ORD_FROM_NOBODY)
            found_thin_air(&work, i);
    }
    ord_arena_init(&work.arena, in->arena->size_max);
    for (uint32_t k = 0; rc == ORD_OK && k < work.trace.calls.key_count; k++) {
        rc = check_object(&work, k, scratch, err);
        ord_arena_reset(&work.arena);
    }
    ord_arena_fini(&work.arena);
    return rc == ORD_OK ? conclude(&work) : rc;
}

const struct ord_checker ord_checker_k_atomicity = {
    .name = "k-atomicity",
    .claim = "reads are at most k - 1 versions behind",
    .options = "k: 1 (atomic), 2 (the default), ...",
    .check = k_check,
};
