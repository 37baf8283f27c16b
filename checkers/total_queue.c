/* total_queue.c -- what went in came out.
 *
 * Key by key, by counting; puts and takes as for `queue`.  Of each value v:
 *   attempted(v)    puts that may have happened
 *   acknowledged(v) puts that returned ok
 *   taken(v)        takes
 *   missing(v)      acknowledged(v) - taken(v), if positive
 *   unexpected(v)   taken(v), if attempted(v) is 0
 *   duplicated(v)   taken(v) - attempted(v), if both are positive
 *   recovered(v)    min(taken(v), attempted(v)) - acknowledged(v), if positive
 * Each sum is over the values of a key.  A dequeue, pop or drain that nobody
 * saw end may have taken what nobody has seen since: a dequeue or pop one
 * element, a drain any number.  So lost is, of a key, missing less its
 * unfinished dequeues and pops, if positive, and 0 if it has an unfinished
 * drain.
 *
 * Claim:       lost is 0, unexpected is 0; with duplicates=violation,
 *              duplicated is 0.
 * Not claimed: any order, in time or of the elements (queue, linearizable).
 * Assumed:     somebody drained the queue in the end: asking for this checker
 *              says so.  What is still inside counts as missing.
 * Unknown:     something is missing, but unfinished dequeues or drains may have
 *              taken it; nothing was put, or nothing acknowledged and nothing
 *              taken; an object has other functions, too.
 * Cost:        O(calls + items drained) time, 16 bytes an atom.
 * Stats:       attempted, acknowledged, taken, missing, lost, unexpected,
 *              duplicated, recovered, unfinished (dequeues and pops),
 *              unfinished_drains, over all keys.
 *
 * Jepsen's `total-queue` counts so, too; its ok-count is the sum of
 * min(taken, attempted).  It calls everything missing lost, whatever became of
 * unfinished dequeues (unfinished=nothing does so here), throws at an
 * unfinished drain, and takes an enqueue that failed for an attempt
 * (fail_may_happen=true).  As there, a duplicate alone is no violation: at
 * least once is what many queues promise.
 */
#include <stdio.h>
#include <string.h>

#include "checkers/queues.h"
#include "checkers/registry.h"

struct tally {
    uint32_t attempted;
    uint32_t acknowledged;
    uint32_t taken;
    uint32_t put; /* the first acknowledged, else the first; + 1 */
};

struct total {
    struct ord_teller teller;
    struct tally *tallies; /* by atom */
    uint32_t *values;      /* of the object */
    uint32_t value_count;
    uint64_t attempted;
    uint64_t acknowledged;
    uint64_t taken;
    uint64_t missing;
    uint64_t lost;
    uint64_t unexpected;
    uint64_t duplicated;
    uint64_t recovered;
    uint64_t unfinished;
    uint64_t unfinished_drains;
    uint64_t maybe; /* missing of keys where unfinished calls may have it */
    uint32_t maybe_key;
    uint32_t odd;
    uint32_t odd_key;
    bool fail_may_happen;
    bool takes_nothing; /* what did not finish */
    bool forbids_duplicates;
};

static struct tally *tally_of(struct total *total, uint32_t atom)
{
    struct tally *tally = &total->tallies[atom];

    if (tally->put == 0 && tally->taken == 0)
        total->values[total->value_count++] = atom;
    return tally;
}

static void count_put(struct total *total, uint32_t call)
{
    const struct ord_calls *calls = &total->teller.calls;
    struct tally *tally = tally_of(total, calls->in[call]);
    bool is_first_acked =
        calls->type[call] == ORD_OP_OK && tally->acknowledged == 0;

    if (tally->put == 0 || is_first_acked)
        tally->put = call + 1;
    tally->attempted += ord_put_may_happen(calls, call, total->fail_may_happen);
    tally->acknowledged += calls->type[call] == ORD_OP_OK;
}

/* A value with an earlier put or take of any kind is known already. */
static void count_takes(struct total *total, uint32_t call)
{
    const uint32_t *items = NULL;
    uint32_t single = 0;
    uint32_t count =
        ord_take_items(&total->teller.calls, call, &single, &items);

    for (uint32_t i = 0; i < count; i++)
        tally_of(total, items[i])->taken++;
}

/* A take of the value, to be named. */
static uint32_t a_take(const struct total *total, uint32_t atom)
{
    const struct ord_calls *calls = &total->teller.calls;

    for (uint32_t i = total->teller.from; i < total->teller.to; i++) {
        uint32_t call = ord_teller_at(&total->teller, i);
        const uint32_t *items = NULL;
        uint32_t single = 0;
        uint32_t count = 0;

        if (ord_call_is_put(calls, call) || calls->type[call] != ORD_OP_OK)
            continue;
        count = ord_take_items(calls, call, &single, &items);
        for (uint32_t j = 0; j < count; j++) {
            if (items[j] == atom)
                return call;
        }
    }
    return ORD_CALL_NEVER;
}

static void found_unexpected(struct total *total, uint32_t atom)
{
    struct ord_teller *teller = &total->teller;
    uint32_t put = total->tallies[atom].put;
    uint32_t take = ORD_CALL_NEVER;
    struct ord_named named;

    if (ord_found_enough(teller->out))
        return;
    take = a_take(total, atom);
    named = ord_tell_named(teller, put == 0 ? ORD_CALL_NEVER : put - 1, take,
                           ORD_CALL_NEVER);
    ord_found(teller->in, teller->out, &named,
              "%s at %s brought %s, though %s%s",
              ord_tell_call(teller, take).at, ord_tell_end(teller, take).at,
              ord_tell_atom(teller, atom).at,
              put == 0 ? "nobody ever enqueued it"
                       : ord_tell_call(teller, put - 1).at,
              put == 0 ? "" : " had failed");
}

static void found_duplicated(struct total *total, uint32_t atom)
{
    struct ord_teller *teller = &total->teller;
    const struct tally *tally = &total->tallies[atom];
    uint32_t take = ORD_CALL_NEVER;
    struct ord_named named;

    if (ord_found_enough(teller->out))
        return;
    take = a_take(total, atom);
    named = ord_tell_named(teller, tally->put - 1, take, ORD_CALL_NEVER);
    ord_found(teller->in, teller->out, &named,
              "%s came out %u times, the first time by %s at %s, and %u "
              "enqueues of it can have happened",
              ord_tell_call(teller, tally->put - 1).at, tally->taken,
              ord_tell_call(teller, take).at, ord_tell_end(teller, take).at,
              tally->attempted);
}

static uint32_t missing_of(const struct tally *tally)
{
    return tally->acknowledged > tally->taken
               ? tally->acknowledged - tally->taken
               : 0;
}

/* How many are missing, and who may have them. */
static struct ord_text tell_missing(uint64_t missing, uint64_t unfinished)
{
    struct ord_text text = {{0}};

    if (unfinished == 0)
        (void)snprintf(text.at, sizeof text.at, "; %llu element%s missing",
                       (unsigned long long)missing,
                       missing == 1 ? " is" : "s are");
    else
        (void)snprintf(text.at, sizeof text.at,
                       "; %llu elements are missing, and only %llu of them can "
                       "have gone to dequeues that did not finish",
                       (unsigned long long)missing,
                       (unsigned long long)unfinished);
    return text;
}

static void found_lost(struct total *total, uint64_t missing,
                       uint64_t unfinished)
{
    struct ord_teller *teller = &total->teller;
    bool is_first = true;

    for (uint32_t i = 0; i < total->value_count; i++) {
        const struct tally *tally = &total->tallies[total->values[i]];
        struct ord_named named;

        if (missing_of(tally) == 0 || ord_found_enough(teller->out))
            continue;
        named = ord_tell_named(teller, tally->put - 1, ORD_CALL_NEVER,
                               ORD_CALL_NEVER);
        ord_found(teller->in, teller->out, &named,
                  "%s, acknowledged at %s, never came out%s",
                  ord_tell_call(teller, tally->put - 1).at,
                  ord_tell_end(teller, tally->put - 1).at,
                  is_first ? tell_missing(missing, unfinished).at : "");
        is_first = false;
    }
}

/* Sums up the values of the object; the number that is missing. */
static uint64_t sum_up(struct total *total)
{
    uint64_t missing = 0;

    for (uint32_t i = 0; i < total->value_count; i++) {
        uint32_t atom = total->values[i];
        const struct tally *t = &total->tallies[atom];
        uint32_t ok = t->taken < t->attempted ? t->taken : t->attempted;

        total->attempted += t->attempted;
        total->acknowledged += t->acknowledged;
        total->taken += t->taken;
        missing += missing_of(t);
        if (ok > t->acknowledged)
            total->recovered += ok - t->acknowledged;
        if (t->attempted == 0 && t->taken > 0) {
            total->unexpected += t->taken;
            found_unexpected(total, atom);
        } else if (t->taken > t->attempted) {
            total->duplicated += t->taken - t->attempted;
            if (total->forbids_duplicates)
                found_duplicated(total, atom);
        }
    }
    total->missing += missing;
    return missing;
}

static void check_object(struct total *total)
{
    const struct ord_calls *calls = &total->teller.calls;
    uint64_t unfinished = 0;
    uint64_t drains = 0;
    uint64_t missing = 0;

    for (uint32_t i = total->teller.from; i < total->teller.to; i++) {
        uint32_t call = ord_teller_at(&total->teller, i);

        if (ord_call_is_put(calls, call))
            count_put(total, call);
        else if (calls->type[call] == ORD_OP_OK)
            count_takes(total, call);
        else if (calls->type[call] == ORD_OP_INFO &&
                 calls->f[call] == ORD_F_DRAIN)
            drains++;
        else if (calls->type[call] == ORD_OP_INFO)
            unfinished++;
    }
    missing = sum_up(total);
    total->unfinished += unfinished;
    total->unfinished_drains += drains;
    if (total->takes_nothing)
        unfinished = drains = 0;
    if (drains == 0 && missing > unfinished) {
        total->lost += missing - unfinished;
        found_lost(total, missing, unfinished);
    } else if (missing > 0) {
        if (total->maybe == 0)
            total->maybe_key = total->teller.key;
        total->maybe += missing;
    }
    for (uint32_t i = 0; i < total->value_count; i++)
        total->tallies[total->values[i]] = (struct tally){0};
    total->value_count = 0;
}

static void tell_stats(const struct total *total)
{
    struct ord_verdict *out = total->teller.out;

    ord_stat(out, "attempted", (double)total->attempted);
    ord_stat(out, "acknowledged", (double)total->acknowledged);
    ord_stat(out, "taken", (double)total->taken);
    ord_stat(out, "missing", (double)total->missing);
    ord_stat(out, "lost", (double)total->lost);
    ord_stat(out, "unexpected", (double)total->unexpected);
    ord_stat(out, "duplicated", (double)total->duplicated);
    ord_stat(out, "recovered", (double)total->recovered);
    ord_stat(out, "unfinished", (double)total->unfinished);
    ord_stat(out, "unfinished_drains", (double)total->unfinished_drains);
}

static int total_conclude(struct total *total, struct ord_err *err)
{
    struct ord_verdict *out = total->teller.out;

    tell_stats(total);
    if (out->violation_count > 0)
        return ord_prove_facts(total->teller.in, out, err);
    if (total->odd != ORD_CALL_NEVER)
        return ord_conclude_odd_queue(&total->teller, total->odd_key,
                                      total->odd);
    if (total->maybe > 0) {
        ord_teller_turn(&total->teller, total->maybe_key);
        return ord_conclude(out, ORD_UNKNOWN,
                            "%llu acknowledged elements never came out, but "
                            "%llu dequeues and %llu drains did not finish and "
                            "may have taken them (first of %s)",
                            (unsigned long long)total->maybe,
                            (unsigned long long)total->unfinished,
                            (unsigned long long)total->unfinished_drains,
                            ord_text_key(&total->teller.object.key).at);
    }
    if (total->acknowledged == 0 && total->taken == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no enqueue was acknowledged and nothing dequeued");
    (void)ord_conclude(out, ORD_VALID,
                       "each of %llu acknowledged elements came out, and "
                       "nothing that had not been put in; %llu came out too "
                       "often",
                       (unsigned long long)total->acknowledged,
                       (unsigned long long)total->duplicated);
    return ord_prove_facts(total->teller.in, out, err);
}

/* An option of two words: the one that is preset, and the other. */
static int option_word(const struct ord_check_in *in, const char *name,
                       const char *preset, const char *other, bool *is_other,
                       struct ord_err *err)
{
    const char *text = ord_check_option(in, name);

    if (text == NULL)
        return ORD_OK;
    if (strcmp(text, preset) != 0 && strcmp(text, other) != 0)
        return ord_fail(err, ORD_EUSAGE, "%s: expected %s or %s, found '%.40s'",
                        name, preset, other, text);
    *is_other = strcmp(text, other) == 0;
    return ORD_OK;
}

static int total_init(struct total *total, const struct ord_check_in *in,
                      struct ord_verdict *out, struct ord_err *err)
{
    size_t atoms = 0;

    if (ord_option_truth(in, "fail_may_happen", &total->fail_may_happen, err) !=
            ORD_OK ||
        option_word(in, "unfinished", "something", "nothing",
                    &total->takes_nothing, err) != ORD_OK ||
        option_word(in, "duplicates", "allowed", "violation",
                    &total->forbids_duplicates, err) != ORD_OK ||
        ord_teller_init(&total->teller, in, out, err) != ORD_OK)
        return err->rc;
    atoms = (size_t)total->teller.calls.atom_count + 1;
    total->tallies = ord_arena_zalloc(in->arena, atoms, sizeof *total->tallies);
    total->values = ord_arena_zalloc(in->arena, atoms, sizeof *total->values);
    if (total->tallies == NULL || total->values == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %zu values", atoms);
    return ORD_OK;
}

static int total_check(const struct ord_check_in *in, struct ord_verdict *out,
                       struct ord_err *err)
{
    struct total total = {.odd = ORD_CALL_NEVER};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (total_init(&total, in, out, err) != ORD_OK)
        return err->rc;
    for (uint32_t key = 0; key < total.teller.calls.key_count; key++) {
        uint32_t odd = ORD_CALL_NEVER;

        ord_teller_turn(&total.teller, key);
        odd = ord_teller_odd(&total.teller, ORD_TAKE_FS | ORD_PUT_FS);
        if (odd == ORD_CALL_NEVER) {
            check_object(&total);
        } else if (total.odd == ORD_CALL_NEVER &&
                   ord_object_is_queue(&total.teller)) {
            total.odd = odd;
            total.odd_key = key;
        }
    }
    return total_conclude(&total, err);
}

const struct ord_checker ord_checker_total_queue = {
    .name = "total-queue",
    .claim = "every acknowledged enqueue came out, and nothing that was never "
             "put in",
    .options = "duplicates: allowed (preset) or violation\n"
               "unfinished: a dequeue that did not finish took something "
               "(preset) or nothing\n"
               "fail_may_happen: true takes a failed enqueue for one that may "
               "have happened",
    .check = total_check,
};
