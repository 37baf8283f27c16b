/* test_outcome.c -- lost, convergence, split-brain, availability, stats. */
#include <criterion/criterion.h>
#include <string.h>

#include "checkers/registry.h"
#include "support_check.h"

/* Final reads of set and register by node. */
#define FIN(p, n, v)                                                           \
    "; " #p " inv read n" #n " final; " #p " ok read " v " n" #n " final"

Test(lost, sets)
{
    static const struct check_row rows[] = {
        {"1 inv add 1; 1 ok add 1 n1" FIN(8, 1, "[]") FIN(9, 2, "[]"),
         ORD_INVALID, "process 1's add of 1 on n1, acknowledged at"},
        {"1 inv add 1; 1 ok add 1" FIN(8, 1, "[1]") FIN(9, 2, "[1]"), ORD_VALID,
         "none of 1"},
        /* On one replica only: that is for convergence to say. */
        {"1 inv add 1; 1 ok add 1" FIN(8, 1, "[1]") FIN(9, 2, "[]"), ORD_VALID,
         NULL},
        /* The last round counts. */
        {"1 inv add 1; 1 ok add 1" FIN(8, 1, "[]") FIN(8, 1, "[1]"), ORD_VALID,
         NULL},
        {"1 inv add 1; 1 ok add 1" FIN(8, 1, "[1]") FIN(8, 1, "[]"),
         ORD_INVALID, NULL},
        /* Never acknowledged: present or absent. */
        {"1 inv add 1; 1 info add 1; 2 inv add 2; 2 ok add 2" FIN(8, 1, "[2]"),
         ORD_VALID, NULL},
        {"1 inv add 1; 1 info add 1" FIN(8, 1, "[1]"), ORD_UNKNOWN,
         "no write was acknowledged"},
        /* Present though nobody added it, or though it failed. */
        {"1 inv add 1; 1 ok add 1" FIN(8, 1, "[1 7]"), ORD_INVALID,
         "nobody had written it"},
        {"1 inv add 1; 1 fail add 1" FIN(8, 1, "[1]"), ORD_INVALID,
         "had been told that this add failed"},
        {"1 inv add 1; 1 fail add 1; 2 inv add 1; 2 ok add 1" FIN(8, 1, "[1]"),
         ORD_VALID, NULL},
        /* Twice. */
        {"1 inv append 1; 1 ok append 1" FIN(8, 1, "[1 1]"), ORD_INVALID,
         "has 1 2 times"},
        {"1 inv append 1; 1 ok append 1; 2 inv append 1;"
         "2 info append 1" FIN(8, 1, "[1 1]"),
         ORD_VALID, NULL},
        /* Once on each of two replicas is once. */
        {"1 inv append 1; 1 ok append 1" FIN(8, 1, "[1]") FIN(9, 2, "[1]"),
         ORD_VALID, NULL},
        /* Acknowledged after the final reads began. */
        {"1 inv add 1; 1 ok add 1; 2 inv add 2; 8 inv read final; 2 ok add 2;"
         "8 ok read [1] final",
         ORD_VALID, NULL},
        {"1 inv add 1; 1 ok add 1; 2 inv remove 1; 2 info remove 1;"
         "1 inv add 3; 1 ok add 3" FIN(8, 1, "[3]"),
         ORD_VALID, NULL},
        /* A node that was asked and never answered may have it. */
        {"1 inv add 1; 1 ok add 1; 9 inv read n2 final;"
         "9 info read n2 final" FIN(8, 1, "[]"),
         ORD_UNKNOWN, "no answer from n2"},
        {"1 inv add 1; 1 ok add 1" FIN(8, 1, "[]") FIN(9, 2, "[]")
             FIN(8, 1, "[]") "; 9 inv read n2 final; 9 info read n2 final",
         ORD_UNKNOWN, "no answer from n2"},
        {"1 inv add 1; 1 ok add 1" FIN(8, 1, "[]") FIN(9, 2, "[]")
             FIN(8, 1, "[]"),
         ORD_UNKNOWN, "no answer from n2"},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read [1]", ORD_UNKNOWN,
         "no final read"},
        {"1 inv add k1 1; 1 ok add k1 1; 1 inv add k2 1; 1 ok add k2 1;"
         "2 inv read k1 final; 2 ok read k1 [1] final",
         ORD_UNKNOWN, "no final read of k2"},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_lost, rows);
}

Test(lost, registers)
{
    static const struct check_row rows[] = {
        {"1 inv write 1; 1 ok write 1 n1; 1 inv write 2;"
         "1 ok write 2 n1" FIN(8, 1, "1") FIN(9, 2, "1"),
         ORD_INVALID, "process 1's write of 2 on n1"},
        {"1 inv write 1; 1 ok write 1" FIN(8, 1, "nil"), ORD_INVALID, NULL},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2;"
         "1 ok write 2" FIN(8, 1, "2") FIN(9, 2, "1"),
         ORD_VALID, NULL},
        /* Concurrent or unknown: it may be the last one. */
        {"1 inv write 1; 2 inv write 2; 1 ok write 1;"
         "2 ok write 2" FIN(8, 1, "1"),
         ORD_VALID, NULL},
        {"1 inv write 1; 1 info write 1; 2 inv write 2;"
         "2 ok write 2" FIN(8, 1, "1"),
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv write 2;"
         "2 info write 2" FIN(8, 1, "1"),
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2];"
         "2 ok cas [1 2]" FIN(8, 1, "1"),
         ORD_INVALID, "cas of 1 -> 2"},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2];"
         "2 fail cas [1 2]" FIN(8, 1, "1"),
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1" FIN(8, 1, "5"), ORD_INVALID,
         "nobody had written it"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 5;"
         "1 fail write 5" FIN(8, 1, "5"),
         ORD_INVALID, "this write failed"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "1 inv write 1; 1 ok write 1" FIN(8, 1, "1"),
         ORD_UNKNOWN, "more than once"},
    };

    CHECK_ROWS(ord_checker_lost, rows);
}

Test(lost, names_the_span_and_the_fault)
{
    struct checked got;

    checked_init(&got, &ord_checker_lost,
                 "1 inv add 1 @10; 1 ok add 1 n1 @11;"
                 "nemesis info partition [\"begin\" 1 \"isolate n1\"] @900;"
                 "1 inv add 2 @1000; 1 ok add 2 n1 @1002;"
                 "1 inv add 3 @1200; 1 ok add 3 n1 @1298;"
                 "nemesis info partition [\"end\" 1 \"isolate n1\"] @1300;"
                 "nemesis info kill [\"begin\" 2 \"n2\"] @1400;"
                 "8 inv read n2 final @2000; 8 ok read [1] n2 final @2001");
    cr_expect_eq(got.verdict.outcome, ORD_INVALID);
    cr_expect_not_null(
        strstr(got.verdict.why,
               "all 2 lost writes were acknowledged on n1 between 1.002 s and "
               "1.298 s, while partition (isolate n1) was in force"),
        "%s", got.verdict.why);
    cr_expect_null(strstr(got.verdict.why, "kill"), "%s", got.verdict.why);
    cr_expect_eq(checked_stat(&got, "lost"), 2.0);
    cr_expect_eq(got.verdict.violation_count, 2);
    checked_fini(&got);
}

Test(convergence, verdicts)
{
    static const struct check_row rows[] = {
        {"1 inv write 1" FIN(8, 1, "1") FIN(9, 2, "1"), ORD_VALID, NULL},
        {"1 inv write 1" FIN(8, 1, "1") FIN(9, 2, "nil"), ORD_INVALID,
         "n1 answered 1"},
        {"1 inv write 1" FIN(8, 1, "nil") FIN(9, 2, "1") FIN(8, 1, "1"),
         ORD_VALID, NULL},
        /* Order matters in a list, not in a set. */
        {"1 inv add 1" FIN(8, 1, "[1 2]") FIN(9, 2, "[2 1]"), ORD_VALID, NULL},
        {"1 inv append 1" FIN(8, 1, "[1 2]") FIN(9, 2, "[2 1]"), ORD_INVALID,
         "n2 answered 2 elements (2 in place 1)"},
        {"1 inv append 1" FIN(8, 1, "[1 1]") FIN(9, 2, "[1]"), ORD_INVALID,
         "with 1, which"},
        /* A register's value may be a list. */
        {"1 inv write [1]" FIN(8, 1, "[1]") FIN(9, 2, "[2]"), ORD_INVALID,
         "n1 answered [1]"},
        {"1 inv add 1" FIN(8, 1, "[1 2]") FIN(9, 2, "[1]"), ORD_INVALID,
         "with 2, which the other lacks"},
        {"1 inv add 1" FIN(8, 1, "[]") FIN(9, 2, "nil"), ORD_VALID, NULL},
        /* Who is silent, or alone, proves nothing. */
        {"9 inv read n2 final; 9 info read n2 final" FIN(8, 1, "1")
             FIN(7, 3, "1"),
         ORD_UNKNOWN, "n2 never answered"},
        /* What n2 said a round earlier may be out of date by now. */
        {"1 inv write 1" FIN(8, 1, "1") FIN(9, 2, "nil")
             FIN(8, 1, "1") "; 9 inv read n2 final; 9 info read n2 final",
         ORD_UNKNOWN, "n2 never answered the last final read"},
        {"1 inv write 1" FIN(8, 1, "1") FIN(9, 2, "nil")
             FIN(8, 1, "1") "; 9 inv read n2 final",
         ORD_UNKNOWN, "n2 never answered the last final read"},
        {"1 inv write 1" FIN(8, 1, "nil") FIN(9, 2, "nil") FIN(8, 1, "1"),
         ORD_UNKNOWN, "did not get as far as n2"},
        {"1 inv write 1" FIN(8, 1, "1") FIN(9, 2, "nil")
             FIN(7, 3, "2") "; 8 inv read n1 final; 8 info read n1 final",
         ORD_UNKNOWN, NULL},
        {"9 inv read n2 final; 9 info read n2 final" FIN(8, 1, "1")
             FIN(7, 3, "2"),
         ORD_INVALID, NULL},
        {"1 inv write 1" FIN(8, 1, "1"), ORD_UNKNOWN, "only one node"},
        {"1 inv write 1; 2 inv read; 2 ok read 1 n1", ORD_UNKNOWN, NULL},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_convergence, rows);
}

Test(convergence, measures_from_the_heal)
{
    struct checked got;

    checked_init(&got, &ord_checker_convergence,
                 "1 inv write 1 @0; 1 ok write 1 n1 @100;"
                 "nemesis info heal [\"end\" 1 \"all\"] @1000;"
                 "8 inv read n1 final @1100; 8 ok read 1 n1 final @1110;"
                 "8 inv read n2 final @1110; 8 ok read nil n2 final @1120;"
                 "8 inv read n1 final @1200; 8 ok read 1 n1 final @1210;"
                 "8 inv read n2 final @1210; 8 ok read 1 n2 final @1250");
    cr_expect_eq(got.verdict.outcome, ORD_VALID, "%s", got.verdict.why);
    cr_expect_eq(checked_stat(&got, "converge_ms"), 250.0);
    checked_fini(&got);
}

Test(split_brain, verdicts)
{
    static const struct check_row rows[] = {
        {"1 inv write 1; 1 ok write 1 n1 e2; 2 inv write 2; 2 ok write 2 n3 e2",
         ORD_INVALID, "two nodes acknowledged writes in epoch 2"},
        {"1 inv write 1; 1 ok write 1 n1 e2; 2 inv write 2; 2 ok write 2 n3 e3",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1 n1 e2; 2 inv write 2;"
         "2 info write 2 n3 e2",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1 n1 e2; 2 inv read; 2 ok read 1 n3 e2",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1 n1; 2 inv write 2; 2 ok write 2 n3",
         ORD_UNKNOWN, NULL},
        {"1 inv add 1; 1 ok add 1 n1 e0; 2 inv add 2; 2 ok add 2 n3 e0",
         ORD_INVALID, "epoch 0"},
        {"1 inv write 1 n1; 1 ok write 1 n2 e1; 2 inv write 2 n3;"
         "2 ok write 2 n2 e1",
         ORD_VALID, NULL},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_split_brain, rows);
}

Test(availability, verdicts)
{
    static const char gap[] =
        "1 inv write 1 @0; 1 ok write 1 @10; 1 inv write 2 @20;"
        "1 info write 2 @500; 2 inv write 3 @510; 2 ok write 3 @520;"
        "2 inv read @530; 2 ok read 3 @540";
    const struct check_row rows[] = {
        {gap, ORD_VALID, "writes 500 ms", {NULL, NULL}},
        {gap,
         ORD_INVALID,
         "no write succeeded for 500 ms, from 0.020 s",
         {"max_write_stall_ms", "499"}},
        {gap, ORD_VALID, NULL, {"max_write_stall_ms", "500"}},
        {gap, ORD_VALID, NULL, {"max_read_stall_ms", "100"}},
        {gap, ORD_INVALID, NULL, {"max_stall_ms", "100"}},
        {gap, ORD_UNKNOWN, "no number", {"max_stall_ms", "soon"}},
        /* Idle is not stalled. */
        {"1 inv write 1 @0; 1 ok write 1 @10; 1 inv write 2 @5000;"
         "1 ok write 2 @5010",
         ORD_VALID,
         "writes 10 ms",
         {"max_stall_ms", "100"}},
        /* To the end of the load. */
        {"1 inv write 1 @0; 1 ok write 1 @10; 1 inv write 2 @20;"
         "1 fail write 2 @30; 1 inv write 3 @900; 1 fail write 3 @910",
         ORD_INVALID,
         "for 880 ms, from 0.020 s to the end of the load",
         {"max_write_stall_ms", "500"}},
        {"1 inv write 1 @0; 1 fail write 1 @10; 1 inv write 1 @900;"
         "1 fail write 1 @910",
         ORD_INVALID,
         "for 900 ms",
         {"max_stall_ms", "500"}},
        {"1 inv read final @0; 1 ok read 1 final @9000",
         ORD_UNKNOWN,
         NULL,
         {NULL, NULL}},
        /* Writers that have gone are not refused anything. */
        {"1 inv write 1 @0; 1 ok write 1 @10; 1 inv write 2 @20;"
         "1 info write 2 @30; 2 inv read @40; 2 ok read 1 @50;"
         "2 inv read @5000; 2 ok read 1 @5001",
         ORD_VALID,
         "writes 10 ms",
         {"max_write_stall_ms", "500"}},
        {"1 inv write 1 @0; 1 ok write 1 @10; 1 inv write 2 @20;"
         "2 inv read @40; 2 ok read 1 @50; 2 inv read @5000; 2 ok read 1 @5001",
         ORD_INVALID,
         "for 4980 ms",
         {"max_write_stall_ms", "500"}},
        {"", ORD_UNKNOWN, "nothing was attempted", {NULL, NULL}},
    };

    CHECK_ROWS(ord_checker_availability, rows);
}

/* As in the files of those who do not record when. */
Test(availability, without_times)
{
    struct ord_history_builder *builder = NULL;
    struct ord_history *history = NULL;
    struct ord_op op = ord_op_empty();
    struct ord_option option = {"max_stall_ms", "5"};
    struct ord_check_in in = {.options = &option, .option_count = 1};
    struct ord_verdict verdict;
    struct ord_arena arena;
    struct ord_err err;

    cr_assert_eq(ord_history_builder_new(1 << 20, &builder, &err), ORD_OK);
    op.process = 1;
    op.f = ORD_F_WRITE;
    op.name = "write";
    op.value = ord_value_int(1);
    for (int i = 0; i < 2; i++) {
        op.type = i == 0 ? ORD_OP_INVOKE : ORD_OP_OK;
        cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK);
    }
    cr_assert_eq(ord_history_finish(&builder, false, &history, &err), ORD_OK);
    ord_arena_init(&arena, 1 << 20);
    in.arena = &arena;
    in.history = history;
    ord_check_run(&ord_checker_availability, &in, &verdict);
    cr_expect_eq(verdict.outcome, ORD_UNKNOWN, "%s", verdict.why);
    cr_expect_not_null(strstr(verdict.why, "no times"), "%s", verdict.why);
    ord_arena_fini(&arena);
    ord_history_free(&history);
}

Test(stats, verdicts)
{
    static const struct check_row rows[] = {
        {"1 inv write 1 @0; 1 ok write 1 @10", ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 1 inv read; 1 fail read", ORD_UNKNOWN,
         "not one read succeeded"},
        {"", ORD_UNKNOWN, "nothing was attempted"},
    };
    struct checked got;

    CHECK_ROWS(ord_checker_stats, rows);
    checked_init(&got, &ord_checker_stats,
                 "1 inv write 1 @0; 1 ok write 1 n2 @10; 1 inv write 2 @20;"
                 "1 ok write 2 n2 @50; 1 inv write 3 @60; 1 info write 3 @70");
    cr_expect_eq(checked_stat(&got, "write_ok"), 2.0);
    cr_expect_eq(checked_stat(&got, "write_info"), 1.0);
    cr_expect_eq(checked_stat(&got, "write_max_ms"), 30.0);
    cr_expect_eq(checked_stat(&got, "n2_ok"), 2.0);
    checked_fini(&got);
}

Test(registry, lists_every_checker)
{
    static const char *const names[] = {
        "lost",        "stale",       "monotonic-reads", "read-your-writes",
        "convergence", "split-brain", "linearizable",    "availability",
        "stats",       "bank",        "counter",         "queue",
        "set",         "set-full",    "total-queue",     "unique-ids"};
    const struct ord_checker *const *all = ord_checkers();

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect_not_null(ord_checker_find(names[i]), "%s", names[i]);
    for (size_t i = 0; all[i] != NULL; i++) {
        cr_expect_eq(ord_checker_find(all[i]->name), all[i], "%s twice",
                     all[i]->name);
        cr_expect_not_null(all[i]->claim);
        cr_expect_not_null(all[i]->check);
    }
    cr_expect_null(ord_checker_find("no such"));
}
