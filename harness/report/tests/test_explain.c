#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/report/explain.h"
#include "harness/report/show.h"
#include "harness/report/tests/support_report.h"

enum { OUT_MAX = 1 << 20 };

static const struct ord_term plain = {.width = 80};

static struct ord_history *history_of(const char *text)
{
    struct ord_history *history;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_parse_text(text, &history, &err), ORD_OK, "%s",
                 err.text);
    return history;
}

static const char stale[] = "1 inv write k4 5 @1000 n1; 1 ok write k4 5 @1010;"
                            "2 inv write k4 6 @1020 n1; 3 inv read k4 @2000 n3;"
                            "3 ok read k4 nil @2004 n3";

static struct ord_check_result check_of(enum ord_outcome outcome)
{
    struct ord_check_result check = {.name = "stale"};

    check.verdict.outcome = outcome;
    check.verdict.ops[0] = 4;
    check.verdict.ops[1] = 0;
    check.verdict.ops[2] = 2;
    check.verdict.op_count = 3;
    snprintf(check.verdict.why, ORD_WHY_SIZE,
             "k4: process 3 read nil on n3 at 2.000 s, 990 ms after process "
             "1's write of 5 was acknowledged");
    return check;
}

static void expect_text(struct ord_buf *out, const char *want)
{
    cr_expect_str_eq(ord_buf_str(out), want, "got:\n%s\nwant:\n%s",
                     ord_buf_str(out), want);
    ord_buf_fini(out);
}

Test(explain, golden)
{
    struct ord_history *history = history_of(stale);
    struct ord_check_result check = check_of(ORD_INVALID);
    struct ord_buf out;

    ord_buf_init(&out, OUT_MAX);
    ord_explain_checks(&check, 1, history, &plain, &out);
    expect_text(
        &out,
        "stale: violation\n"
        "    k4: process 3 read nil on n3 at 2.000 s, 990 ms after process 1's "
        "write of 5\n"
        "    was acknowledged\n"
        "\n"
        "           1.000 s                                                    "
        "   2.004 s\n"
        "    p1     |A--|\n"
        "    p2             "
        "|B---------------------------------------------------------->\n"
        "    p3                                                                "
        "     |C--|\n"
        "\n"
        "    A  write k4 5      ok    p1     n1  1.000 s to 1.010 s  #0\n"
        "    B  write k4 6      info  p2     n1  1.020 s, never answered  #2\n"
        "    C  read k4 -> nil  ok    p3     n3  2.000 s to 2.004 s  #3\n");
    ord_history_free(&history);
}

/* A label that runs backwards: the axis follows the order of the events. */
Test(explain, times_that_contradict_the_order)
{
    struct ord_history *history =
        history_of("1 inv write k4 5 @5000; 1 ok write k4 5 @4000;"
                   "2 inv write k4 6 @1020; 3 inv read k4 @9000;"
                   "3 ok read k4 nil @9100");
    struct ord_check_result check = check_of(ORD_INVALID);
    struct ord_buf out;

    check.verdict.why[0] = '\0';
    ord_buf_init(&out, OUT_MAX);
    ord_explain_checks(&check, 1, history, &plain, &out);
    expect_text(
        &out,
        "stale: violation\n"
        "\n"
        "           #0                                                         "
        "        #4\n"
        "    p1     |A---------------|\n"
        "    p2                                       "
        "|B-------------------------------->\n"
        "    p3                                                        "
        "|C---------------|\n"
        "\n"
        "    A  write k4 5      ok    p1     -  #0 to #1\n"
        "    B  write k4 6      info  p2     -  #2, never answered\n"
        "    C  read k4 -> nil  ok    p3     -  #3 to #4\n");
    ord_history_free(&history);
}

Test(explain, faults_are_a_row)
{
    struct ord_check_result check = check_of(ORD_UNKNOWN);
    struct made made;
    struct ord_history *history;
    struct ord_buf out;

    made_init(&made);
    made_history(&made, 600, &history);
    memcpy(check.verdict.ops, made.checks[0].verdict.ops,
           sizeof check.verdict.ops);
    check.verdict.op_count = made.checks[0].verdict.op_count;
    ord_buf_init(&out, OUT_MAX);
    ord_explain_checks(&check, 1, history, &plain, &out);
    cr_expect_not_null(strstr(ord_buf_str(&out), "    fault  <==="), "%s",
                       ord_buf_str(&out));
    cr_expect_not_null(
        strstr(ord_buf_str(&out),
               "=  partition: isolate n1, from 1.000 s to 1.800 s"));
    ord_buf_fini(&out);
    ord_history_free(&history);
}

Test(explain, no_two_moments_share_a_column_however_many)
{
    char text[8192];
    size_t size = 0;
    struct ord_history *history;
    struct ord_check_result check = check_of(ORD_INVALID);
    struct ord_buf out;

    /* 40 operations within a microsecond, and one an hour later. */
    for (int i = 0; i < 40; i++)
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "%d inv write %d @1; %d ok write %d @%d;", i,
                                 i, i, i, i == 39 ? 3600000 : 2);
    history = history_of(text);
    check.verdict.op_count = 40;
    for (int i = 0; i < 40; i++)
        check.verdict.ops[i] = 2 * i;
    ord_buf_init(&out, OUT_MAX);
    ord_explain_checks(&check, 1, history, &plain, &out);
    cr_expect_not_null(strstr(ord_buf_str(&out), "... and 28 more"));
    ord_buf_fini(&out);
    ord_history_free(&history);
}

Test(explain, a_pass_is_two_lines)
{
    struct ord_check_result check = check_of(ORD_VALID);
    struct ord_buf out;

    snprintf(check.verdict.why, ORD_WHY_SIZE, "all is well");
    ord_buf_init(&out, OUT_MAX);
    ord_explain_checks(&check, 1, NULL, &plain, &out);
    expect_text(&out, "stale: pass\n    all is well\n");
}

static void show(const struct ord_show *how, struct ord_buf *out)
{
    struct ord_history *history = history_of(stale);
    struct ord_err err = {0};

    ord_buf_init(out, OUT_MAX);
    cr_assert_eq(ord_show_history(history, how, &plain, out, &err), ORD_OK,
                 "%s", err.text);
    ord_history_free(&history);
}

Test(show, whole)
{
    struct ord_buf out;

    show(&(struct ord_show){.around = ORD_NONE}, &out);
    expect_text(
        &out,
        "        0    1.000000  p1      n1   invoke write k4 5\n"
        "        1    1.010000  p1      -    ok     write k4 5  10.00 ms\n"
        "        2    1.020000  p2      n1   invoke write k4 6  never "
        "answered\n"
        "        3    2.000000  p3      n3   invoke read k4\n"
        "        4    2.004000  p3      n3   ok     read k4 nil  4.00 ms\n");
}

Test(show, around_an_index)
{
    struct ord_buf out;

    show(&(struct ord_show){.around = 3, .rows = 3}, &out);
    expect_text(
        &out,
        "  ... 2 before\n"
        "        2    1.020000  p2      n1   invoke write k4 6  never "
        "answered\n"
        ">       3    2.000000  p3      n3   invoke read k4\n"
        ">       4    2.004000  p3      n3   ok     read k4 nil  4.00 ms\n");
}

Test(show, one_process_and_one_key)
{
    struct ord_buf out;

    show(
        &(struct ord_show){
            .around = ORD_NONE, .has_process = true, .process = 2, .key = "4"},
        &out);
    expect_text(&out, "        2    1.020000  p2      n1   invoke write k4 6  "
                      "never answered\n");
    show(&(struct ord_show){.around = ORD_NONE, .key = "k5"}, &out);
    expect_text(&out, "");
}

Test(show, an_index_that_is_not_there)
{
    struct ord_history *history = history_of(stale);
    struct ord_show how = {.around = 5};
    struct ord_err err = {0};
    struct ord_buf out;

    ord_buf_init(&out, OUT_MAX);
    cr_expect_eq(ord_show_history(history, &how, &plain, &out, &err),
                 ORD_EUSAGE);
    cr_expect_str_eq(err.text, "no event 5: the history has 5, from 0");
    ord_buf_fini(&out);
    ord_history_free(&history);
}

Test(show, a_cell)
{
    struct made made;
    struct ord_buf out;

    made_init(&made);
    ord_cell_judge(&made.cell);
    ord_buf_init(&out, OUT_MAX);
    ord_show_cell(&made.cell, &plain, &out);
    cr_expect_not_null(
        strstr(ord_buf_str(&out), "cell        quickstart A2, seed 1\n"));
    cr_expect_not_null(strstr(ord_buf_str(&out),
                              "faults      partition: isolate n1, 1.000 s to "
                              "1.800 s, held: 118 frames dropped\n"),
                       "%s", ord_buf_str(&out));
    cr_expect_not_null(strstr(ord_buf_str(&out), "verdict     pass\n"));
    ord_buf_fini(&out);
}
