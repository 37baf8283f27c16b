/* test_duplicated.c -- tables, and random queues counted one by one. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "checkers/registry.h"
#include "harness/base/rng.h"
#include "support_check.h"

Test(duplicated, tables)
{
    static const struct check_row rows[] = {
        {"1 inv enqueue 5; 1 ok enqueue 5; 2 inv dequeue; 2 ok dequeue 5;"
         "3 inv dequeue; 3 ok dequeue 5",
         ORD_INVALID, "5 in the object was taken out 2 times"},
        {"1 inv enqueue 5; 1 ok enqueue 5; 2 inv dequeue; 2 ok dequeue 5",
         ORD_VALID, NULL},
        /* An insertion of which nobody knows may have happened. */
        {"1 inv enqueue 5; 1 ok enqueue 5; 4 inv enqueue 5;"
         "2 inv dequeue; 2 ok dequeue 5; 3 inv dequeue; 3 ok dequeue 5",
         ORD_VALID, NULL},
        {"1 inv enqueue 5; 1 ok enqueue 5; 4 inv enqueue 5; 4 fail enqueue 5;"
         "2 inv dequeue; 2 ok dequeue 5; 3 inv dequeue; 3 ok dequeue 5",
         ORD_INVALID, NULL},
        /* Inserted again, but only later. */
        {"1 inv enqueue 5; 1 ok enqueue 5; 2 inv dequeue; 2 ok dequeue 5;"
         "3 inv dequeue; 3 ok dequeue 5; 1 inv enqueue 5; 1 ok enqueue 5",
         ORD_INVALID, NULL},
        {"1 inv enqueue 5; 1 ok enqueue 5; 2 inv dequeue; 2 ok dequeue 5;"
         "3 inv dequeue; 3 info dequeue",
         ORD_VALID, NULL},
        {"1 inv enqueue 5; 1 ok enqueue 5; 2 inv dequeue; 2 ok dequeue 5;"
         "3 inv drain; 3 ok drain [5]",
         ORD_INVALID, NULL},
        /* Nobody's is another's to tell. */
        {"2 inv dequeue; 2 ok dequeue 5; 3 inv dequeue; 3 ok dequeue 5",
         ORD_VALID, NULL},
        {"1 inv push 5; 1 ok push 5; 2 inv pop; 2 ok pop 5; 3 inv pop;"
         "3 ok pop 5",
         ORD_INVALID, NULL},
        {"1 inv append 1; 1 ok append 1; 2 inv read; 2 ok read [1 1]",
         ORD_INVALID, "was seen 2 times"},
        {"1 inv append 1; 1 ok append 1; 1 inv append 1; 1 info append 1;"
         "2 inv read; 2 ok read [1 1]",
         ORD_VALID, NULL},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read [1];"
         "2 inv read; 2 ok read [1]",
         ORD_VALID, NULL},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read [1 2 1]", ORD_INVALID,
         NULL},
        /* Two that found one version. */
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 3 inv cas [1 3];"
         "2 ok cas [1 2]; 3 ok cas [1 3]",
         ORD_INVALID, "one version was found twice"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "2 inv cas [1 2]; 2 ok cas [1 2]; 3 inv cas [1 3]; 3 ok cas [1 3]",
         ORD_UNKNOWN, NULL},
        {"2 inv cas [nil 2]; 2 ok cas [nil 2]; 3 inv cas [nil 3];"
         "3 ok cas [nil 3]",
         ORD_INVALID, "only the initial value"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv cas [1 3]; 2 ok cas [1 3]",
         ORD_INVALID, "a replaced version came back"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv cas [1 3]; 2 fail cas [1 3]",
         ORD_UNKNOWN, NULL},
        /* A replica may lag: a read proves nothing. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv read; 2 ok read 1",
         ORD_UNKNOWN, NULL},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_duplicated, rows);
}

/* Few values in a queue that may give them twice: for each dequeue, those of
 * its value that ended up to it against the insertions begun by then. */
static void one(struct ord_rng *rng, uint64_t seed, uint32_t *bad)
{
    char text[2000] = "";
    int size = 0;
    uint32_t added[3] = {0};
    uint32_t taken[3] = {0};
    bool is_bad = false;
    struct checked got;

    for (int i = 0; i < 10; i++) {
        uint32_t value = (uint32_t)ord_rng_below(rng, 3);
        static const char *const ends[] = {"ok", "info", "fail"};
        const char *end = ends[ord_rng_below(rng, 4) % 3];

        if (ord_rng_below(rng, 2) == 0) {
            added[value] += end[0] != 'f';
            size += snprintf(text + size, sizeof text - (size_t)size,
                             "%d inv enqueue %u; %d %s enqueue %u;", i, value,
                             i, end, value);
            continue;
        }
        taken[value] += end[0] == 'o';
        size += snprintf(text + size, sizeof text - (size_t)size,
                         end[0] == 'o' ? "%d inv dequeue; %d %s dequeue %u;"
                                       : "%d inv dequeue; %d %s dequeue;",
                         i, i, end, value);
        is_bad = is_bad || (end[0] == 'o' && added[value] > 0 &&
                            taken[value] > added[value]);
    }
    checked_init(&got, &ord_checker_duplicated, text);
    cr_assert_eq(got.verdict.outcome == ORD_INVALID, is_bad, "seed %llu: %s",
                 (unsigned long long)seed, text);
    checked_fini(&got);
    *bad += is_bad;
}

Test(duplicated, counted)
{
    uint32_t bad = 0;

    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "dup", 0);

        one(&rng, seed, &bad);
    }
    cr_expect_gt(bad, 200);
    cr_expect_lt(bad, 1900);
}
