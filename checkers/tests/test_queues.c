/* test_queues.c -- queue and total-queue: tables, and both against naive
 * versions of their definitions on random histories.
 */
#include <criterion/criterion.h>

#include "checkers/registry.h"
#include "support_check.h"
#include "support_types.h"

static const struct check_row queue_rows[] = {
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 ok dequeue 1",
     ORD_VALID, "each of 1"},
    {"1 inv dequeue; 1 ok dequeue 1", ORD_INVALID,
     "process 1's dequeue of 1 at 0.001 s brought 1 from nowhere: nobody "
     "had enqueued it"},
    /* Concurrent is early enough, an unknown end, too. */
    {"1 inv dequeue; 0 inv enqueue 1; 1 ok dequeue 1", ORD_VALID, NULL},
    {"0 inv enqueue 1; 0 info enqueue 1; 1 inv dequeue; 1 ok dequeue 1",
     ORD_VALID, NULL},
    {"1 inv dequeue; 1 ok dequeue 1; 0 inv enqueue 1; 0 ok enqueue 1",
     ORD_INVALID, "began only at 0.002 s"},
    {"0 inv enqueue 1; 0 fail enqueue 1; 1 inv dequeue; 1 ok dequeue 1",
     ORD_INVALID, "process 0's enqueue of 1 had failed"},
    {"0 inv enqueue 1; 0 fail enqueue 1; 1 inv dequeue; 1 ok dequeue 1",
     ORD_VALID,
     NULL,
     {"fail_may_happen", "true"}},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 ok dequeue 1;"
     "2 inv dequeue; 2 ok dequeue 1",
     ORD_INVALID, "more often than it had been enqueued"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 1; 0 info enqueue 1;"
     "1 inv dequeue; 1 ok dequeue 1; 2 inv dequeue; 2 ok dequeue 1",
     ORD_VALID, NULL},
    /* Out of order: not this checker's business. */
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
     "1 inv dequeue; 1 ok dequeue 2; 1 inv dequeue; 1 ok dequeue 1",
     ORD_VALID, NULL},
    /* nil says that it was empty. */
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 ok dequeue nil",
     ORD_UNKNOWN, "nothing was dequeued"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv drain; 1 ok drain [1]", ORD_VALID,
     NULL},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv drain; 1 ok drain [1 1]",
     ORD_INVALID, "brought 1 from nowhere"},
    {"0 inv push 1; 0 ok push 1; 1 inv pop; 1 ok pop 2", ORD_INVALID,
     "process 1's pop of 2"},
    {"0 inv enqueue k1 1; 0 ok enqueue k1 1; 1 inv dequeue k2;"
     "1 ok dequeue k2 1",
     ORD_INVALID, "k2"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv write 1; 0 ok write 1;"
     "1 inv dequeue; 1 ok dequeue 1",
     ORD_UNKNOWN, "is no queue"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 fail dequeue",
     ORD_UNKNOWN, NULL},
    {"", ORD_UNKNOWN, NULL},
};

Test(queue, verdicts)
{
    CHECK_ROWS(ord_checker_queue, queue_rows);
}

static const struct check_row total_queue_rows[] = {
    /* Jepsen's cases. */
    {"1 inv enqueue 1; 2 inv enqueue 2; 2 ok enqueue 2; 3 inv dequeue;"
     "3 ok dequeue 1; 3 inv dequeue; 3 ok dequeue 2",
     ORD_VALID, "each of 1"},
    {"1 inv enqueue 8; 2 inv enqueue 2; 2 ok enqueue 2; 3 inv enqueue 3;"
     "3 ok enqueue 3; 4 inv dequeue; 5 inv dequeue; 5 ok dequeue 9;"
     "6 inv dequeue; 6 ok dequeue 3; 7 inv dequeue; 7 ok dequeue 3",
     ORD_INVALID,
     "process 5's dequeue of 9 at 0.007 s brought 9, though nobody ever "
     "enqueued it"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
     "1 inv dequeue; 1 ok dequeue 2",
     ORD_INVALID,
     "process 0's enqueue of 1, acknowledged at 0.001 s, never came out; 1 "
     "element is missing"},
    {"0 inv enqueue 1; 0 info enqueue 1; 2 inv enqueue 2; 2 ok enqueue 2;"
     "1 inv dequeue; 1 ok dequeue 2",
     ORD_VALID, NULL},
    /* A dequeue that did not finish may have it, one element at most. */
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 info dequeue",
     ORD_UNKNOWN, "1 dequeues and 0 drains did not finish"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 info dequeue",
     ORD_INVALID,
     NULL,
     {"unfinished", "nothing"}},
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
     "1 inv dequeue; 1 info dequeue",
     ORD_INVALID, "2 elements are missing, and only 1"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
     "1 inv drain; 1 info drain",
     ORD_UNKNOWN, "0 dequeues and 1 drains"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv dequeue; 1 fail dequeue",
     ORD_INVALID, NULL},
    /* Twice: at least once is what many promise. */
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv drain; 1 ok drain [1 1]",
     ORD_VALID, "1 came out too often"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv drain; 1 ok drain [1 1]",
     ORD_INVALID,
     "came out 2 times",
     {"duplicates", "violation"}},
    {"0 inv enqueue 1; 0 ok enqueue 1; 1 inv drain; 1 ok drain [1 1]",
     ORD_UNKNOWN,
     "expected allowed or violation",
     {"duplicates", "x"}},
    {"0 inv enqueue 1; 0 fail enqueue 1; 1 inv dequeue; 1 ok dequeue 1",
     ORD_INVALID, "though process 0's enqueue of 1 had failed"},
    {"0 inv enqueue 1; 0 fail enqueue 1; 1 inv dequeue; 1 ok dequeue 1",
     ORD_VALID,
     NULL,
     {"fail_may_happen", "true"}},
    {"0 inv push 1; 0 ok push 1; 1 inv pop; 1 ok pop nil", ORD_INVALID,
     "process 0's push of 1"},
    {"0 inv enqueue k1 1; 0 ok enqueue k1 1; 1 inv dequeue k2;"
     "1 info dequeue k2",
     ORD_INVALID, "to k1"},
    {"1 inv dequeue; 1 ok dequeue nil", ORD_UNKNOWN, "no enqueue"},
    {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv read; 0 ok read 1", ORD_UNKNOWN,
     "is no queue"},
    {"", ORD_UNKNOWN, NULL},
};

Test(total_queue, verdicts)
{
    CHECK_ROWS(ord_checker_total_queue, total_queue_rows);
}

/* ---- the definitions ------------------------------------------------------
 */

static bool is_take(const struct types_call *c)
{
    return (c->f == ORD_F_DEQUEUE || c->f == ORD_F_DRAIN) &&
           c->type == ORD_OP_OK;
}

static int taken_by(const struct types_call *c, int value)
{
    int times = 0;

    if (!is_take(c))
        return 0;
    for (int i = 0; i < c->count; i++)
        times += c->items[i] == value;
    return times + (!c->is_list && !c->is_nil && c->out == value);
}

static bool is_put(const struct types_call *c, int key, int value)
{
    return c->f == ORD_F_ENQUEUE && c->key == key && c->in == value;
}

/* The largest pairing of takes and puts of one value, by augmenting paths. */
struct pairing {
    int puts[TYPES_CALLS_MAX];                    /* where each began */
    int takes[TYPES_CALLS_MAX * TYPES_ITEMS_MAX]; /* where each ended */
    int partner[TYPES_CALLS_MAX];                 /* take of a put, or -1 */
    bool seen[TYPES_CALLS_MAX];
    int put_count;
    int take_count;
};

static bool augment(struct pairing *p, int take)
{
    for (int i = 0; i < p->put_count; i++) {
        if (p->seen[i] || p->puts[i] > p->takes[take])
            continue;
        p->seen[i] = true;
        if (p->partner[i] < 0 || augment(p, p->partner[i])) {
            p->partner[i] = take;
            return true;
        }
    }
    return false;
}

static int unpaired(const struct types *types, int key, int value)
{
    struct pairing p = {.put_count = 0};
    int paired = 0;

    for (int i = 0; i < types->count; i++) {
        const struct types_call *c = &types->calls[i];

        if (is_put(c, key, value) && c->type != ORD_OP_FAIL)
            p.puts[p.put_count++] = c->begin;
        for (int j = 0; c->key == key && j < taken_by(c, value); j++)
            p.takes[p.take_count++] = c->end;
    }
    for (int i = 0; i < p.put_count; i++)
        p.partner[i] = -1;
    for (int i = 0; i < p.take_count; i++) {
        for (int j = 0; j < p.put_count; j++)
            p.seen[j] = false;
        paired += augment(&p, i);
    }
    return p.take_count - paired;
}

static void compare(struct types *types, uint64_t seed, const char *name,
                    int want)
{
    if ((int)types_stat(types, name) != want)
        types_explain(types, name, seed);
}

Test(queue, agrees_with_its_definition, .timeout = 120)
{
    struct types types;
    uint64_t found[3] = {0};

    for (uint64_t seed = types_seed(); seed < types_seed() + types_count();
         seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "queue", 0);
        enum ord_outcome want = ORD_UNKNOWN;
        int wrong = 0;

        types_random(&types, TYPES_QUEUE, &rng);
        for (int i = 0; i < types.count; i++) {
            for (int v = 0; v < TYPES_VALUES; v++) {
                if (taken_by(&types.calls[i], v) > 0)
                    want = ORD_VALID;
            }
        }
        for (int key = 0; key < TYPES_KEYS; key++) {
            for (int v = 0; v < TYPES_VALUES; v++)
                wrong += unpaired(&types, key, v);
        }
        types_check(&types, &ord_checker_queue, NULL);
        if (types.verdict.outcome != (wrong > 0 ? ORD_INVALID : want))
            types_explain(&types, "another verdict", seed);
        compare(&types, seed, "unpaired", wrong);
        found[types.verdict.outcome]++;
        types_fini(&types);
    }
    for (int i = 0; i < 3; i++)
        cr_expect_gt(found[i], types_count() / 50, "%d: %llu", i,
                     (unsigned long long)found[i]);
}

struct sums {
    int missing, lost, unexpected, duplicated, recovered, acked, taken;
    bool is_undecided;
};

static void naive_total(const struct types *types, int key, struct sums *sums)
{
    int missing = 0;
    int unfinished = 0;
    bool has_drain = false;

    for (int v = 0; v < TYPES_VALUES; v++) {
        int attempted = 0;
        int acked = 0;
        int taken = 0;
        int ok;

        for (int i = 0; i < types->count; i++) {
            const struct types_call *c = &types->calls[i];

            attempted += is_put(c, key, v) && c->type != ORD_OP_FAIL;
            acked += is_put(c, key, v) && c->type == ORD_OP_OK;
            taken += c->key == key ? taken_by(c, v) : 0;
        }
        ok = taken < attempted ? taken : attempted;
        missing += acked > taken ? acked - taken : 0;
        sums->unexpected += attempted == 0 ? taken : 0;
        sums->duplicated +=
            attempted > 0 && taken > attempted ? taken - attempted : 0;
        sums->recovered += ok > acked ? ok - acked : 0;
        sums->acked += acked;
        sums->taken += taken;
    }
    for (int i = 0; i < types->count; i++) {
        const struct types_call *c = &types->calls[i];

        if (c->key != key || c->type != ORD_OP_INFO)
            continue;
        unfinished += c->f == ORD_F_DEQUEUE;
        has_drain = has_drain || c->f == ORD_F_DRAIN;
    }
    sums->missing += missing;
    if (!has_drain && missing > unfinished)
        sums->lost += missing - unfinished;
    else
        sums->is_undecided = sums->is_undecided || missing > 0;
}

Test(total_queue, agrees_with_its_definition, .timeout = 120)
{
    static const struct ord_option option = {"duplicates", "violation"};
    struct types types;
    uint64_t found[3] = {0};

    for (uint64_t seed = types_seed(); seed < types_seed() + types_count();
         seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "total-queue", 0);
        struct sums n = {0};
        enum ord_outcome want = ORD_VALID;
        bool is_strict = seed % 2 == 0;

        types_random(&types, TYPES_QUEUE, &rng);
        for (int key = 0; key < TYPES_KEYS; key++)
            naive_total(&types, key, &n);
        if (n.is_undecided || n.acked + n.taken == 0)
            want = ORD_UNKNOWN;
        if (n.lost + n.unexpected > 0 || (is_strict && n.duplicated > 0))
            want = ORD_INVALID;
        types_check(&types, &ord_checker_total_queue,
                    is_strict ? &option : NULL);
        if (types.verdict.outcome != want)
            types_explain(&types, ord_outcome_name(want), seed);
        compare(&types, seed, "missing", n.missing);
        compare(&types, seed, "lost", n.lost);
        compare(&types, seed, "unexpected", n.unexpected);
        compare(&types, seed, "duplicated", n.duplicated);
        compare(&types, seed, "recovered", n.recovered);
        found[want]++;
        types_fini(&types);
    }
    for (int i = 0; i < 3; i++)
        cr_expect_gt(found[i], types_count() / 50, "%d: %llu", i,
                     (unsigned long long)found[i]);
}
