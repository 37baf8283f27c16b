/* counter.c -- each read of a counter lies within what it can have been.
 *
 * Key by key; a counter starts at 0; the value of an add is what is added, and
 * may be negative.  For an ok read, an add is certain if it was acknowledged
 * before the read began, and possible if it is not certain, may have happened
 * (not failed) and began before the read ended.
 * Claim:       lower <= read <= upper, where
 *                lower = sum of certain adds + sum of negative possible adds,
 *                upper = sum of certain adds + sum of positive possible adds.
 * Not claimed: that some subset of the possible adds has exactly that sum; that
 *              reads agree with each other (two reads, one after the other, may
 *              go back): for `linearizable` with the model counter.
 * Unknown:     a read brought no whole number; the value of an add is none;
 *              an object with adds has other functions than add and read; a
 *              sum is beyond 63 bits; nothing was acknowledged and nothing
 *              read.  Adds without any read pass, as with Jepsen: no read is
 *              out of bounds.
 * Cost:        O(events) time, 4 bytes an event, 4 a call and 16 a read.
 * Stats:       adds (acknowledged), reads (judged), out_of_bounds,
 *              error_max (the farthest that a read was out of its bounds), and
 *              slack_max (the widest bounds of a read).
 *
 * Jepsen's `counter` is this rule, but it aborts at a negative add: its sums
 * only grow, so that an add of -1 in flight would raise the lower bound.
 */
#include "checkers/registry.h"
#include "checkers/teller.h"

#define COUNTER_FS (UINT64_C(1) << ORD_F_ADD | UINT64_C(1) << ORD_F_READ)

struct bounds {
    int64_t lower;
    int64_t upper;
};

struct counter {
    struct ord_teller teller;
    struct ord_ends ends;
    uint32_t *pending;    /* by call: an ok read's number in `acked` */
    struct bounds *acked; /* sums of acknowledged adds when it began */
    /* So far: positive and negative parts. */
    struct bounds acked_sum; /* lower: max(v, 0); upper: min(v, 0) */
    struct bounds begun_sum; /* lower: min(v, 0); upper: max(v, 0) */
    uint32_t acked_count;
    uint64_t add_count;
    uint64_t read_count;
    uint64_t wrong_count;
    double error_max;
    double slack_max;
    uint32_t no_number; /* a call, or NEVER */
    uint32_t no_number_key;
    uint32_t odd;
    uint32_t odd_key;
    bool is_over;  /* a sum does not fit 63 bits */
    bool is_blind; /* the sums of this object are not known */
};

static void sum(struct counter *counter, int64_t *to, int64_t value)
{
    if (__builtin_add_overflow(*to, value, to))
        counter->is_over = counter->is_blind = true;
}

static void not_a_number(struct counter *counter, uint32_t call)
{
    if (counter->no_number != ORD_CALL_NEVER)
        return;
    counter->no_number = call;
    counter->no_number_key = counter->teller.key;
}

static void found_wrong(struct counter *counter, uint32_t read, int64_t value,
                        struct bounds bounds)
{
    struct ord_teller *teller = &counter->teller;
    struct ord_named named =
        ord_tell_named(teller, read, ORD_CALL_NEVER, ORD_CALL_NEVER);
    double error = value < bounds.lower ? (double)bounds.lower - (double)value
                                        : (double)value - (double)bounds.upper;

    counter->wrong_count++;
    if (error > counter->error_max)
        counter->error_max = error;
    if (ord_found_enough(teller->out))
        return;
    if (value < bounds.lower)
        ord_found(teller->in, teller->out, &named,
                  "%s, less than %lld: the sum of the adds acknowledged before "
                  "it began and of the negative ones that may have happened",
                  ord_tell_did(teller, read).at, (long long)bounds.lower);
    else
        ord_found(teller->in, teller->out, &named,
                  "%s, more than %lld: the sum of the adds acknowledged before "
                  "it began and of the positive ones that may have happened "
                  "before it ended",
                  ord_tell_did(teller, read).at, (long long)bounds.upper);
}

static void begin(struct counter *counter, uint32_t call)
{
    const struct ord_calls *calls = &counter->teller.calls;
    int64_t value = 0;

    if (calls->f[call] == ORD_F_READ) {
        if (calls->type[call] != ORD_OP_OK)
            return;
        counter->pending[call] = counter->acked_count;
        counter->acked[counter->acked_count++] = counter->acked_sum;
        return;
    }
    if (calls->f[call] != ORD_F_ADD || calls->type[call] == ORD_OP_FAIL)
        return;
    if (!ord_atom_int(calls, calls->in[call], &value)) {
        counter->is_blind = true;
        not_a_number(counter, call);
        return;
    }
    sum(counter, &counter->begun_sum.lower, value < 0 ? value : 0);
    sum(counter, &counter->begun_sum.upper, value > 0 ? value : 0);
}

static void end(struct counter *counter, uint32_t call)
{
    const struct ord_calls *calls = &counter->teller.calls;
    struct bounds bounds = counter->begun_sum;
    int64_t value = 0;

    if (calls->f[call] == ORD_F_ADD) {
        counter->add_count++;
        if (!ord_atom_int(calls, calls->in[call], &value))
            return;
        sum(counter, &counter->acked_sum.lower, value > 0 ? value : 0);
        sum(counter, &counter->acked_sum.upper, value < 0 ? value : 0);
        return;
    }
    if (!ord_atom_int(calls, calls->out[call], &value)) {
        not_a_number(counter, call);
        return;
    }
    sum(counter, &bounds.lower, counter->acked[counter->pending[call]].lower);
    sum(counter, &bounds.upper, counter->acked[counter->pending[call]].upper);
    if (counter->is_blind)
        return;
    counter->read_count++;
    if ((double)bounds.upper - (double)bounds.lower > counter->slack_max)
        counter->slack_max = (double)bounds.upper - (double)bounds.lower;
    if (value < bounds.lower || value > bounds.upper)
        found_wrong(counter, call, value, bounds);
}

static void check_object(struct counter *counter)
{
    const struct ord_teller *teller = &counter->teller;
    const struct ord_calls *calls = &teller->calls;
    uint32_t place = teller->from;

    counter->acked_sum = counter->begun_sum = (struct bounds){0};
    counter->acked_count = 0;
    counter->is_blind = false;
    for (uint32_t i = counter->ends.first[teller->key];
         i < counter->ends.first[teller->key + 1]; i++) {
        uint32_t ended = counter->ends.at[i];

        for (; place < teller->to; place++) {
            uint32_t call = ord_teller_at(teller, place);

            if (calls->begin[call] > calls->end[ended])
                break;
            begin(counter, call);
        }
        end(counter, ended);
    }
}

static int counter_conclude(struct counter *counter, struct ord_err *err)
{
    struct ord_teller *teller = &counter->teller;
    struct ord_verdict *out = teller->out;

    ord_stat(out, "adds", (double)counter->add_count);
    ord_stat(out, "reads", (double)counter->read_count);
    ord_stat(out, "out_of_bounds", (double)counter->wrong_count);
    ord_stat(out, "error_max", counter->error_max);
    ord_stat(out, "slack_max", counter->slack_max);
    if (out->violation_count > 0)
        return ord_prove_facts(teller->in, out, err);
    if (counter->odd != ORD_CALL_NEVER) {
        ord_teller_turn(teller, counter->odd_key);
        return ord_conclude(out, ORD_UNKNOWN,
                            "%s is no counter: %s at %s does not fit",
                            ord_text_key(&teller->object.key).at,
                            ord_tell_call(teller, counter->odd).at,
                            ord_tell_begin(teller, counter->odd).at);
    }
    if (counter->no_number != ORD_CALL_NEVER) {
        ord_teller_turn(teller, counter->no_number_key);
        return ord_conclude(out, ORD_UNKNOWN, "%s carries no whole number",
                            ord_tell_call(teller, counter->no_number).at);
    }
    if (counter->is_over)
        return ord_conclude(out, ORD_UNKNOWN, "a sum is beyond 63 bits");
    if (counter->add_count == 0 && counter->read_count == 0)
        return ord_conclude(out, ORD_UNKNOWN,
                            "no add was acknowledged and nothing was read");
    (void)ord_conclude(
        out, ORD_VALID,
        counter->read_count == 0
            ? "%llu reads, of %llu acknowledged adds: nothing "
              "to contradict them"
            : "each of %llu reads is within the bounds that %llu "
              "acknowledged adds and those in flight allow",
        (unsigned long long)counter->read_count,
        (unsigned long long)counter->add_count);
    return ord_prove_facts(teller->in, out, err);
}

static int counter_init(struct counter *counter, const struct ord_check_in *in,
                        struct ord_verdict *out, struct ord_err *err)
{
    size_t calls = 0;
    size_t reads = 1;

    if (ord_teller_init(&counter->teller, in, out, err) != ORD_OK ||
        ord_ends_init(&counter->ends, &counter->teller, COUNTER_FS, err) !=
            ORD_OK)
        return err->rc;
    calls = counter->teller.calls.count;
    for (size_t i = 0; i < calls; i++)
        reads += counter->teller.calls.f[i] == ORD_F_READ;
    counter->pending =
        ord_arena_alloc(in->arena, (calls + 1) * sizeof *counter->pending);
    counter->acked = ord_arena_alloc(in->arena, reads * sizeof *counter->acked);
    if (counter->pending == NULL || counter->acked == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %zu calls", calls);
    return ORD_OK;
}

static bool has_add(const struct ord_teller *teller)
{
    for (uint32_t i = teller->from; i < teller->to; i++) {
        if (teller->calls.f[ord_teller_at(teller, i)] == ORD_F_ADD)
            return true;
    }
    return false;
}

static int counter_check(const struct ord_check_in *in, struct ord_verdict *out,
                         struct ord_err *err)
{
    struct counter counter = {.odd = ORD_CALL_NEVER,
                              .no_number = ORD_CALL_NEVER};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (counter_init(&counter, in, out, err) != ORD_OK)
        return err->rc;
    for (uint32_t key = 0; key < counter.teller.calls.key_count; key++) {
        uint32_t odd = ORD_CALL_NEVER;

        ord_teller_turn(&counter.teller, key);
        odd = ord_teller_odd(&counter.teller, COUNTER_FS);
        if (odd == ORD_CALL_NEVER) {
            check_object(&counter);
        } else if (counter.odd == ORD_CALL_NEVER && has_add(&counter.teller)) {
            counter.odd = odd;
            counter.odd_key = key;
        }
    }
    return counter_conclude(&counter, err);
}

const struct ord_checker ord_checker_counter = {
    .name = "counter",
    .claim = "each read is at least the acknowledged and at most the attempted "
             "sum",
    .check = counter_check,
};
