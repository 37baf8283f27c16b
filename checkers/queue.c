/* queue.c -- every dequeue came from somewhere.
 *
 * Key by key.  A put is an enqueue or push that may have happened (not failed);
 * a take is an ok dequeue or pop of a value that is not nil, or one item of
 * what an ok drain brought.
 * Claim:       takes can be paired with puts of the same value, each take with
 *              another put, one that began before the take ended.
 * Not claimed: any order of takes, that what was put is ever taken
 *              (total-queue), that "empty" (nil) was right: for `linearizable`
 *              with the models fifo-queue, unordered-queue and stack.
 * Unknown:     nothing was taken, or an object has other functions, too.
 * Cost:        O(events + items drained) time, 4 bytes an event and an atom.
 * Stats:       puts, takes, unpaired (takes beyond the largest pairing; each is
 *              a violation), over all keys.
 *
 * Takes in order of their ends, each paired with any put that began before, are
 * a largest pairing: a put that one of them may have, all later ones may have.
 * Jepsen's `queue` is this rule, but it also pairs with enqueues that failed
 * (fail_may_happen=true does), takes a dequeue of nil for one of a value nil,
 * and does not know drain.
 */
#include <stdio.h>

#include "checkers/queues.h"
#include "checkers/registry.h"

struct queue {
    struct ord_teller teller;
    struct ord_ends ends;
    int32_t *balance; /* by atom: puts begun and not paired yet */
    uint64_t put_count;
    uint64_t take_count;
    uint64_t unpaired_count;
    uint32_t odd;
    uint32_t odd_key;
    bool fail_may_happen;
};

/* The first put of the value, wherever it is; ORD_CALL_NEVER: none. */
static uint32_t first_put(const struct queue *queue, uint32_t atom)
{
    const struct ord_calls *calls = &queue->teller.calls;
    uint32_t failed = ORD_CALL_NEVER;

    for (uint32_t i = queue->teller.from; i < queue->teller.to; i++) {
        uint32_t call = ord_teller_at(&queue->teller, i);

        if (!ord_call_is_put(calls, call) || calls->in[call] != atom)
            continue;
        if (ord_put_may_happen(calls, call, queue->fail_may_happen))
            return call;
        if (failed == ORD_CALL_NEVER)
            failed = call;
    }
    return failed;
}

/* The first take of the value, other than this one. */
static uint32_t other_take(const struct queue *queue, uint32_t atom,
                           uint32_t take)
{
    const struct ord_ends *ends = &queue->ends;
    uint32_t key = queue->teller.key;

    for (uint32_t i = ends->first[key]; i < ends->first[key + 1]; i++) {
        const uint32_t *items = NULL;
        uint32_t single = 0;
        uint32_t count =
            ord_take_items(&queue->teller.calls, ends->at[i], &single, &items);

        for (uint32_t j = 0; ends->at[i] != take && j < count; j++) {
            if (items[j] == atom)
                return ends->at[i];
        }
    }
    return ORD_CALL_NEVER;
}

static void found_unpaired(struct queue *queue, uint32_t take, uint32_t atom)
{
    struct ord_teller *teller = &queue->teller;
    const struct ord_calls *calls = &teller->calls;
    uint32_t put = ORD_CALL_NEVER;
    uint32_t other = ORD_CALL_NEVER;
    struct ord_text why = {"nobody had enqueued it"};
    struct ord_named named;

    queue->unpaired_count++;
    if (ord_found_enough(teller->out))
        return;
    put = first_put(queue, atom);
    if (put != ORD_CALL_NEVER && calls->type[put] == ORD_OP_FAIL &&
        !queue->fail_may_happen) {
        (void)snprintf(why.at, sizeof why.at, "%.200s had failed",
                       ord_tell_call(teller, put).at);
    } else if (put != ORD_CALL_NEVER && calls->begin[put] > calls->end[take]) {
        (void)snprintf(why.at, sizeof why.at, "%.200s began only at %.30s",
                       ord_tell_call(teller, put).at,
                       ord_tell_begin(teller, put).at);
    } else if (put != ORD_CALL_NEVER) {
        other = other_take(queue, atom, take);
        (void)snprintf(why.at, sizeof why.at,
                       "it was dequeued more often than it had been enqueued "
                       "(%.150s)",
                       ord_tell_call(teller, put).at);
    }
    named = ord_tell_named(teller, put, other, take);
    ord_found(teller->in, teller->out, &named,
              "%s at %s brought %s from nowhere: %s",
              ord_tell_call(teller, take).at, ord_tell_end(teller, take).at,
              ord_tell_atom(teller, atom).at, why.at);
}

static void take(struct queue *queue, uint32_t call)
{
    const uint32_t *items = NULL;
    uint32_t single = 0;
    uint32_t count =
        ord_take_items(&queue->teller.calls, call, &single, &items);

    for (uint32_t i = 0; i < count; i++) {
        queue->take_count++;
        if (queue->balance[items[i]] > 0)
            queue->balance[items[i]]--;
        else
            found_unpaired(queue, call, items[i]);
    }
}

/* Begins of puts and ends of takes, in the order of the history. */
static void check_object(struct queue *queue)
{
    const struct ord_teller *teller = &queue->teller;
    const struct ord_calls *calls = &teller->calls;
    uint32_t place = teller->from;

    for (uint32_t i = queue->ends.first[teller->key];
         i < queue->ends.first[teller->key + 1]; i++) {
        uint32_t taker = queue->ends.at[i];

        for (; place < teller->to; place++) {
            uint32_t call = ord_teller_at(teller, place);

            if (calls->begin[call] > calls->end[taker])
                break;
            if (ord_put_may_happen(calls, call, queue->fail_may_happen))
                queue->balance[calls->in[call]]++;
        }
        take(queue, taker);
    }
    for (uint32_t i = teller->from; i < teller->to; i++) {
        uint32_t call = ord_teller_at(teller, i);

        if (!ord_put_may_happen(calls, call, queue->fail_may_happen))
            continue;
        queue->put_count++;
        queue->balance[calls->in[call]] = 0;
    }
}

static int queue_conclude(struct queue *queue, struct ord_err *err)
{
    struct ord_verdict *out = queue->teller.out;

    ord_stat(out, "puts", (double)queue->put_count);
    ord_stat(out, "takes", (double)queue->take_count);
    ord_stat(out, "unpaired", (double)queue->unpaired_count);
    if (out->violation_count > 0)
        return ord_prove_facts(queue->teller.in, out, err);
    if (queue->odd != ORD_CALL_NEVER)
        return ord_conclude_odd_queue(&queue->teller, queue->odd_key,
                                      queue->odd);
    if (queue->take_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "nothing was dequeued");
    (void)ord_conclude(out, ORD_VALID,
                       "each of %llu dequeued values had been enqueued",
                       (unsigned long long)queue->take_count);
    return ord_prove_facts(queue->teller.in, out, err);
}

static int queue_check(const struct ord_check_in *in, struct ord_verdict *out,
                       struct ord_err *err)
{
    struct queue queue = {.odd = ORD_CALL_NEVER};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (ord_option_truth(in, "fail_may_happen", &queue.fail_may_happen, err) !=
            ORD_OK ||
        ord_teller_init(&queue.teller, in, out, err) != ORD_OK ||
        ord_ends_init(&queue.ends, &queue.teller, ORD_TAKE_FS, err) != ORD_OK)
        return err->rc;
    queue.balance =
        ord_arena_zalloc(in->arena, (size_t)queue.teller.calls.atom_count + 1,
                         sizeof *queue.balance);
    if (queue.balance == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the values");
    for (uint32_t key = 0; key < queue.teller.calls.key_count; key++) {
        uint32_t odd = ORD_CALL_NEVER;

        ord_teller_turn(&queue.teller, key);
        odd = ord_teller_odd(&queue.teller, ORD_TAKE_FS | ORD_PUT_FS);
        if (odd == ORD_CALL_NEVER) {
            check_object(&queue);
        } else if (queue.odd == ORD_CALL_NEVER &&
                   ord_object_is_queue(&queue.teller)) {
            queue.odd = odd;
            queue.odd_key = key;
        }
    }
    return queue_conclude(&queue, err);
}

const struct ord_checker ord_checker_queue = {
    .name = "queue",
    .claim = "every dequeue came from somewhere",
    .options = "fail_may_happen: true takes a failed enqueue for one that may "
               "have happened, as Jepsen does",
    .check = queue_check,
};
