/* test_long_fork.c -- tables, and random reads compared in all pairs. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "checkers/registry.h"
#include "harness/base/rng.h"
#include "support_check.h"

#define W12                                                                    \
    "1 inv txn [[:w 1 1]]; 1 ok txn [[:w 1 1]];"                               \
    "2 inv txn [[:w 2 1]]; 2 ok txn [[:w 2 1]];"

Test(long_fork, tables)
{
    static const struct check_row rows[] = {
        {W12 "3 inv txn [[:r 1 nil] [:r 2 nil]]; 4 inv txn [[:r 2 nil] [:r 1 "
             "nil]]; 3 ok txn [[:r 1 1] [:r 2 nil]];"
             "4 ok txn [[:r 2 1] [:r 1 nil]]",
         ORD_INVALID, "saw the write of key 1 and not that of 2"},
        {W12 "3 inv read [[:r 1 nil] [:r 2 nil]]; 3 ok read [[:r 1 1] [:r 2 "
             "nil]]; 3 inv read [[:r 2 nil] [:r 1 nil]];"
             "3 ok read [[:r 2 1] [:r 1 1]]",
         ORD_VALID, "any two of the same keys"},
        /* One of them does more than read. */
        {W12 "3 inv txn [[:r 1 nil] [:r 2 nil]];"
             "3 ok txn [[:r 1 1] [:r 2 nil]];"
             "4 inv txn [[:r 2 nil] [:r 1 nil] [:w 3 1]];"
             "4 ok txn [[:r 2 1] [:r 1 nil] [:w 3 1]]",
         ORD_UNKNOWN, "no two reads"},
        /* Other keys, and an answer that never came. */
        {W12 "3 inv txn [[:r 1 nil] [:r 2 nil]];"
             "3 ok txn [[:r 1 1] [:r 2 nil]];"
             "3 inv txn [[:r 2 nil] [:r 3 nil]];"
             "3 ok txn [[:r 2 1] [:r 3 nil]];"
             "4 inv txn [[:r 2 nil] [:r 1 nil]];"
             "4 info txn [[:r 2 1] [:r 1 nil]]",
         ORD_UNKNOWN, "no two reads"},
        /* Written twice: the reads may have seen one write each. */
        {W12 "2 inv txn [[:w 2 2]]; 2 info txn [[:w 2 2]];"
             "3 inv txn [[:r 1 nil] [:r 2 nil]];"
             "3 ok txn [[:r 1 1] [:r 2 nil]];"
             "4 inv txn [[:r 2 nil] [:r 1 nil]];"
             "4 ok txn [[:r 2 1] [:r 1 nil]]",
         ORD_UNKNOWN, "more than once"},
        {W12 "2 inv txn [[:w 2 2]]; 2 fail txn [[:w 2 2]];"
             "3 inv txn [[:r 1 nil] [:r 2 nil]];"
             "3 ok txn [[:r 1 1] [:r 2 nil]];"
             "4 inv txn [[:r 2 nil] [:r 1 nil]];"
             "4 ok txn [[:r 2 1] [:r 1 nil]]",
         ORD_INVALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv read; 2 ok read 1", ORD_UNKNOWN,
         NULL},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_long_fork, rows);
}

/* The writes are named, too, if they were no transactions. */
Test(long_fork, plain_writes)
{
    struct checked got;
    int writes = 0;

    checked_init(&got, &ord_checker_long_fork,
                 "1 inv write k1 5; 1 ok write k1 5; 2 inv write k2 6;"
                 "2 info write k2 6; 3 inv txn [[r 1 nil] [r 2 nil]];"
                 "4 inv txn [[r 2 nil] [r 1 nil]];"
                 "3 ok txn [[r 1 5] [r 2 nil]]; 4 ok txn [[r 2 6] [r 1 nil]]");
    cr_assert_eq(got.verdict.outcome, ORD_INVALID);
    for (uint32_t i = 0; i < got.verdict.op_count; i++)
        writes += got.verdict.ops[i] == 0 || got.verdict.ops[i] == 2;
    cr_expect_eq(writes, 2);
    checked_fini(&got);
}

enum { READS = 6, KEYS = 4 };

/* Two groups of two keys, or one of four; a bit for each key seen. */
static void one(struct ord_rng *rng, uint64_t seed, uint32_t *bad)
{
    uint32_t seen[READS];
    uint32_t group[READS];
    char text[2000] = "";
    int size = 0;
    bool is_bad = false;
    struct checked got;

    for (int i = 0; i < READS; i++) {
        static const uint32_t masks[] = {3, 12, 15};

        group[i] = masks[ord_rng_below(rng, 3)];
        seen[i] = (uint32_t)ord_rng_below(rng, 16) & group[i];
        if (ord_rng_below(rng, 2) == 0)
            seen[i] = (seen[i] | seen[i] >> 1) & group[i];
        size += snprintf(text + size, sizeof text - (size_t)size,
                         "1 inv txn []; 1 ok txn [");
        for (int k = 0; k < KEYS; k++) {
            if ((group[i] >> k & 1) != 0)
                size += snprintf(text + size, sizeof text - (size_t)size,
                                 "[:r %d %s]", k,
                                 (seen[i] >> k & 1) != 0 ? "1" : "nil");
        }
        size += snprintf(text + size, sizeof text - (size_t)size, "];");
        for (int j = 0; j < i; j++)
            is_bad =
                is_bad || (group[i] == group[j] && (seen[i] & ~seen[j]) != 0 &&
                           (seen[j] & ~seen[i]) != 0);
    }
    checked_init(&got, &ord_checker_long_fork, text);
    cr_assert_eq(got.verdict.outcome == ORD_INVALID, is_bad, "seed %llu: %s",
                 (unsigned long long)seed, text);
    checked_fini(&got);
    *bad += is_bad;
}

Test(long_fork, all_pairs)
{
    uint32_t bad = 0;

    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "fork", 0);

        one(&rng, seed, &bad);
    }
    cr_expect_gt(bad, 200);
    cr_expect_lt(bad, 1800);
}
