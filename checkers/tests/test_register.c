/* test_register.c -- stale, monotonic-reads and read-your-writes. */
#include <criterion/criterion.h>

#include "checkers/registry.h"
#include "support_check.h"

/* 21 follows 17 for certain. */
#define W17_21                                                                 \
    "1 inv write k4 17 @100; 1 ok write k4 17 n1 @200;"                        \
    "1 inv write k4 21 @300; 1 ok write k4 21 n1 @400;"
/* 17 and 21 overlap. */
#define C17_21                                                                 \
    "1 inv write k4 17 @100; 2 inv write k4 21 @150;"                          \
    "1 ok write k4 17 n1 @200; 2 ok write k4 21 n1 @400;"

Test(stale, registers)
{
    static const struct check_row rows[] = {
        {W17_21 "3 inv read k4 @710; 3 ok read k4 17 n3 @720", ORD_INVALID,
         "process 3 read 17 from k4 at 0.710 s on n3, 310 ms after process 1's "
         "write of 21 to k4 on n1 was acknowledged (0.400 s)"},
        {W17_21 "3 inv read k4 @710; 3 ok read k4 21 n3 @720", ORD_VALID,
         "none of 1 reads"},
        {W17_21 "3 inv read k4; 3 ok read k4 nil", ORD_INVALID,
         "nobody had written nil after that"},
        /* Another key says nothing. */
        {W17_21 "3 inv read k5; 3 ok read k5 nil", ORD_VALID, NULL},
        /* Concurrent writes: either may be the last. */
        {C17_21 "3 inv read k4; 3 ok read k4 17", ORD_VALID, NULL},
        {C17_21 "3 inv read k4; 3 ok read k4 21", ORD_VALID, NULL},
        /* The read began before the newer write was acknowledged. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 3 inv read;"
         "1 ok write 2; 3 ok read 1",
         ORD_VALID, NULL},
        /* A write with an unknown end is never older, and never newer. */
        {"1 inv write 1; 1 info write 1; 2 inv write 2; 2 ok write 2;"
         "3 inv read; 3 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv write 2; 2 info write 2;"
         "3 inv read; 3 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv write 2;"
         "3 inv read; 3 ok read 1",
         ORD_VALID, NULL},
        /* What failed did not happen. */
        {"1 inv write 1; 1 ok write 1; 2 inv write 2; 2 fail write 2;"
         "3 inv read; 3 ok read 1",
         ORD_VALID, NULL},
        /* A cas is a write of its new value; a failed one is none. */
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 2 ok cas [1 2];"
         "3 inv read; 3 ok read 1",
         ORD_INVALID, "process 2's cas of 1 -> 2"},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 2 fail cas [1 2];"
         "3 inv read; 3 ok read 1",
         ORD_VALID, NULL},
        /* Written again: the second 1 is current. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "1 inv write 1; 1 ok write 1; 3 inv read; 3 ok read 1",
         ORD_UNKNOWN, "more than once"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "1 inv write 2; 1 ok write 2; 3 inv read; 3 ok read 1",
         ORD_INVALID, NULL},
        /* ... but a write that began after the read's end is no excuse. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "3 inv read; 3 ok read 1; 1 inv write 1; 1 ok write 1",
         ORD_INVALID, NULL},
        {"1 inv write nil; 1 ok write nil; 1 inv write 2; 1 ok write 2;"
         "3 inv read; 3 ok read nil",
         ORD_INVALID, NULL},
        /* Final reads and reads without an answer say nothing. */
        {W17_21 "3 inv read k4 final; 3 ok read k4 17 final", ORD_UNKNOWN,
         NULL},
        {W17_21 "3 inv read k4; 3 fail read k4", ORD_UNKNOWN, NULL},
        {W17_21 "3 inv read k4; 3 info read k4", ORD_UNKNOWN, NULL},
        {W17_21 "3 inv read k4; 3 ok read k4 99", ORD_UNKNOWN, NULL},
        {"", ORD_UNKNOWN, NULL},
        {"nemesis info partition [\"begin\" 1 \"x\"]", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_stale, rows);
}

Test(stale, sets)
{
    static const struct check_row rows[] = {
        {"1 inv add 1 @10; 1 ok add 1 n1 @20; 2 inv read @50;"
         "2 ok read [] n2 @60",
         ORD_INVALID, "misses 1, 30 ms after process 1's add of 1 on n1"},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read nil", ORD_INVALID,
         NULL},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read [1]", ORD_VALID, NULL},
        {"1 inv append 1; 1 ok append 1; 2 inv read; 2 ok read [2]",
         ORD_INVALID, NULL},
        {"1 inv add 1; 2 inv read; 1 ok add 1; 2 ok read []", ORD_VALID, NULL},
        {"1 inv add 1; 1 info add 1; 2 inv read; 2 ok read []", ORD_VALID,
         NULL},
        {"1 inv add 1; 1 fail add 1; 2 inv read; 2 ok read []", ORD_VALID,
         NULL},
        /* Seen twice does not make up for what is missing. */
        {"1 inv add 1; 1 ok add 1; 1 inv add 2; 1 ok add 2;"
         "2 inv read; 2 ok read [1 1]",
         ORD_INVALID, "misses 2"},
        /* Somebody may have removed it. */
        {"1 inv add 1; 1 ok add 1; 3 inv remove 1; 3 info remove 1;"
         "2 inv read; 2 ok read []",
         ORD_VALID, NULL},
        /* A list among numbers is no register. */
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read 5", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_stale, rows);
}

Test(stale, measures)
{
    struct checked got;

    checked_init(&got, &ord_checker_stale,
                 W17_21 "3 inv read k4 @710; 3 ok read k4 17 @720;"
                        "3 inv read k4 @1400; 3 ok read k4 17 @1500;"
                        "3 inv read k4 @1600; 3 ok read k4 21 @1700");
    cr_expect_eq(got.verdict.violation_count, 2);
    cr_expect_eq(got.verdict.finding_count, 1);
    cr_expect_eq(checked_stat(&got, "staleness_max_ms"), 1000.0);
    cr_expect_eq(checked_stat(&got, "reads"), 3.0);
    cr_expect_eq(checked_stat(&got, "stale_reads"), 2.0);
    cr_expect_eq(got.verdict.key.as.number, 4);
    checked_fini(&got);
}

Test(monotonic, registers)
{
    static const struct check_row rows[] = {
        {W17_21 "3 inv read k4; 3 ok read k4 21 n1;"
                "3 inv read k4; 3 ok read k4 17 n3",
         ORD_INVALID, "process 3 went back in time"},
        {W17_21 "3 inv read k4; 3 ok read k4 17;"
                "3 inv read k4; 3 ok read k4 21",
         ORD_VALID, NULL},
        {W17_21 "3 inv read k4; 3 ok read k4 17;"
                "3 inv read k4; 3 ok read k4 nil",
         ORD_INVALID, "as if nothing had ever been written"},
        /* Two processes, two sessions: each its own. */
        {W17_21 "3 inv read k4; 3 ok read k4 21;"
                "5 inv read k4; 5 ok read k4 17",
         ORD_UNKNOWN, "no session read one object twice"},
        /* One session over two processes. */
        {W17_21 "3 inv read k4 u9; 3 ok read k4 21 u9;"
                "5 inv read k4 u9; 5 ok read k4 17 u9",
         ORD_INVALID, "session 9 went back in time"},
        /* Reads of one session that overlap have no order. */
        {W17_21 "3 inv read k4 u9; 5 inv read k4 u9; 3 ok read k4 21 u9;"
                "5 ok read k4 17 u9",
         ORD_UNKNOWN, NULL},
        /* Concurrent writes have no order, but one cannot come back. */
        {C17_21 "3 inv read k4; 3 ok read k4 21; 3 inv read k4;"
                "3 ok read k4 17",
         ORD_VALID, NULL},
        {C17_21 "3 inv read k4; 3 ok read k4 21; 3 inv read k4;"
                "3 ok read k4 17; 3 inv read k4; 3 ok read k4 21",
         ORD_INVALID, "then process 3 read 17 from k4"},
        {C17_21 "3 inv read k4; 3 ok read k4 17; 3 inv read k4;"
                "3 ok read k4 17; 3 inv read k4; 3 ok read k4 21",
         ORD_VALID, NULL},
        /* The same with the first value twice, then a third in between. */
        {C17_21 "3 inv read k4; 3 ok read k4 21; 3 inv read k4;"
                "3 ok read k4 21; 3 inv read k4; 3 ok read k4 17;"
                "3 inv read k4; 3 ok read k4 21",
         ORD_INVALID, NULL},
        /* The other read overlaps the first: it may have come before it. */
        {C17_21 "3 inv read k4 u9; 5 inv read k4 u9; 3 ok read k4 21 u9;"
                "5 ok read k4 17 u9; 3 inv read k4 u9; 3 ok read k4 21 u9",
         ORD_VALID, NULL},
        /* What nobody wrote has no place in time. */
        {W17_21 "3 inv read k4; 3 ok read k4 21; 3 inv read k4;"
                "3 ok read k4 99; 3 inv read k4; 3 ok read k4 21",
         ORD_VALID, NULL},
        /* A write with an unknown end may come late. */
        {"1 inv write 1; 1 info write 1; 2 inv write 2; 2 ok write 2;"
         "3 inv read; 3 ok read 2; 3 inv read; 3 ok read 1",
         ORD_VALID, NULL},
        /* A value written again may come back. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "1 inv write 1; 1 ok write 1; 3 inv read; 3 ok read 1; 3 inv read;"
         "3 ok read 2; 3 inv read; 3 ok read 1",
         ORD_UNKNOWN, "more than once"},
        /* Two keys do not mix. */
        {"1 inv write k1 1; 1 ok write k1 1; 3 inv read k1; 3 ok read k1 1;"
         "3 inv read k2; 3 ok read k2 nil",
         ORD_UNKNOWN, NULL},
        {W17_21 "3 inv read k4; 3 ok read k4 21;"
                "3 inv read k4 final; 3 ok read k4 17 final",
         ORD_UNKNOWN, NULL},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_monotonic_reads, rows);
}

Test(monotonic, sets)
{
    static const struct check_row rows[] = {
        {"1 inv add 1; 2 inv read; 2 ok read [1] n1; 2 inv read;"
         "2 ok read [] n2",
         ORD_INVALID, "it saw 1 in the object"},
        {"1 inv add 1; 2 inv read; 2 ok read [1]; 2 inv read; 2 ok read [1]",
         ORD_VALID, NULL},
        {"1 inv add 1; 2 inv read; 2 ok read []; 2 inv read; 2 ok read [1]",
         ORD_VALID, NULL},
        {"1 inv add 1; 1 ok add 1; 3 inv remove 1; 2 inv read; 2 ok read [1];"
         "2 inv read; 2 ok read []",
         ORD_VALID, NULL},
        {"1 inv append 1; 1 ok append 1; 1 inv append 2; 1 ok append 2;"
         "2 inv read u1; 2 ok read [1 2] u1; 3 inv read u1; 3 ok read [1] u1",
         ORD_INVALID, "session 1"},
        /* A different session has its own past. */
        {"1 inv add 1; 2 inv read; 2 ok read [1]; 3 inv read; 3 ok read [];"
         "3 inv read; 3 ok read []",
         ORD_VALID, NULL},
        /* Seen in the first, missed in the third. */
        {"1 inv add 1; 1 ok add 1; 1 inv add 2; 1 ok add 2; 2 inv read;"
         "2 ok read [1]; 2 inv read; 2 ok read [1 2]; 2 inv read;"
         "2 ok read [2 2]",
         ORD_INVALID, "it saw 1"},
    };

    CHECK_ROWS(ord_checker_monotonic_reads, rows);
}

Test(read_your_writes, registers)
{
    static const struct check_row rows[] = {
        {"1 inv write 1 @1; 1 ok write 1 n1 @2; 1 inv read @5;"
         "1 ok read nil n2 @6",
         ORD_INVALID, "process 1 did not read its own write"},
        {"1 inv write 1; 1 ok write 1; 1 inv read; 1 ok read 1", ORD_VALID,
         NULL},
        /* Somebody else's, but older. */
        {"2 inv write 7; 2 ok write 7; 1 inv write 1; 1 ok write 1;"
         "1 inv read; 1 ok read 7",
         ORD_INVALID, "which that write had replaced"},
        /* Somebody else's, concurrent or newer. */
        {"2 inv write 7; 1 inv write 1; 2 ok write 7; 1 ok write 1;"
         "1 inv read; 1 ok read 7",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv write 7; 2 ok write 7;"
         "1 inv read; 1 ok read 7",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv write 7; 2 info write 7;"
         "1 inv read; 1 ok read 7",
         ORD_VALID, NULL},
        /* Not acknowledged, or failed: nothing was promised. */
        {"1 inv write 1; 1 fail write 1; 1 inv read; 1 ok read nil",
         ORD_UNKNOWN, NULL},
        {"1 inv write 1 u3; 1 info write 1 u3; 2 inv read u3;"
         "2 ok read nil u3",
         ORD_UNKNOWN, NULL},
        /* The read overlaps the acknowledgement. */
        {"1 inv write 1 u3; 2 inv read u3; 1 ok write 1 u3;"
         "2 ok read nil u3",
         ORD_UNKNOWN, NULL},
        /* Own older write, own newer write. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "1 inv read; 1 ok read 1",
         ORD_INVALID, "write of 2"},
        {"1 inv write 1; 1 ok write 1; 1 inv cas [1 2]; 1 ok cas [1 2];"
         "1 inv read; 1 ok read 1",
         ORD_INVALID, "cas of 1 -> 2"},
        /* Another user's read. */
        {"1 inv write 1 u1; 1 ok write 1 u1; 1 inv read u2; 1 ok read nil u2",
         ORD_UNKNOWN, NULL},
        /* The value was there before as well. */
        {"2 inv write 1; 2 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv write 1; 2 ok write 1; 1 inv read; 1 ok read 1",
         ORD_UNKNOWN, "more than once"},
        {"1 inv write 1; 1 ok write 1; 1 inv read final; 1 ok read nil final",
         ORD_UNKNOWN, NULL},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_read_your_writes, rows);
}

Test(read_your_writes, sets)
{
    static const struct check_row rows[] = {
        {"1 inv add 1; 1 ok add 1; 1 inv read; 1 ok read []", ORD_INVALID,
         "without its own element"},
        {"1 inv add 1; 1 ok add 1; 1 inv read; 1 ok read [1]", ORD_VALID, NULL},
        {"1 inv append 1; 1 ok append 1; 1 inv append 2; 1 ok append 2;"
         "1 inv read; 1 ok read [1]",
         ORD_INVALID, "append of 2"},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read []", ORD_UNKNOWN,
         NULL},
        /* Somebody may have removed it: nothing was shown. */
        {"1 inv add 1; 1 ok add 1; 2 inv remove 1; 1 inv read; 1 ok read []",
         ORD_UNKNOWN, "that must still be there"},
        {"1 inv add 1; 1 ok add 1; 2 inv remove 1; 1 inv add 3; 1 ok add 3;"
         "1 inv read; 1 ok read [3]",
         ORD_VALID, NULL},
    };

    CHECK_ROWS(ord_checker_read_your_writes, rows);
}
