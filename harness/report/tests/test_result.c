#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/report/tests/support_report.h"

enum { ARENA_MAX = 4 << 20 };

/* ---- judging: one row per verdict of DESIGN.md, section 6 --------------- */

enum change {
    NOTHING,
    VIOLATION_UNEXPECTED,
    VIOLATION_MISSING,
    UNKNOWN_UNEXPECTED,
    UNKNOWN_MISSING,
    UNKNOWN_FOR_VIOLATION,
    NO_FAULT_HELD,
    NO_FAULT_BEGAN,
    NO_FAULT_ASKED,
    NO_OP_OK,
    NO_CHECK,
    CRASH,
    BROKEN,
    NOTE,
    CRASH_AND_VIOLATION,
    BROKEN_AND_VACUOUS,
    MISSING_AND_UNKNOWN,
    SKIPPED,
    NOT_MET,
    MET,
    NEVER_BEGUN,
    STUCK_EXPECTED,
    STUCK_AND_UNDECIDED,
    STUCK_MISSED,
};

struct row {
    enum change change;
    enum ord_cell_verdict want;
    char says[3][64]; /* in this order */
};

static void change(struct made *made, enum change what)
{
    struct ord_cell_result *cell = &made->cell;
    struct ord_check_result *checks = made->checks;

    if (what == VIOLATION_UNEXPECTED || what == CRASH_AND_VIOLATION)
        checks[1].verdict.outcome = ORD_INVALID;
    if (what == VIOLATION_MISSING || what == MISSING_AND_UNKNOWN)
        checks[0].verdict.outcome = ORD_VALID;
    if (what == UNKNOWN_UNEXPECTED || what == MISSING_AND_UNKNOWN)
        checks[1].verdict.outcome = ORD_UNKNOWN;
    if (what == UNKNOWN_MISSING)
        checks[1].expected = ORD_EXPECT_UNKNOWN;
    if (what == UNKNOWN_FOR_VIOLATION)
        checks[0].verdict.outcome = ORD_UNKNOWN;
    if (what == NO_FAULT_HELD)
        made->faults[0].held = false;
    if (what == NO_FAULT_BEGAN || what == NO_FAULT_ASKED)
        cell->fault_count = 0;
    if (what == NO_FAULT_ASKED)
        cell->faults_planned = 0;
    if (what == NO_OP_OK || what == BROKEN_AND_VACUOUS)
        cell->ops.ok = 0;
    if (what == NO_CHECK)
        cell->check_count = 0;
    if (what >= CRASH && what <= BROKEN_AND_VACUOUS) {
        made->problems[0].what = "n2 died of signal 11";
        made->problems[0].kind = what == CRASH || what == CRASH_AND_VIOLATION
                                     ? ORD_PROBLEM_LIVENESS
                                 : what == NOTE ? ORD_PROBLEM_NOTE
                                                : ORD_PROBLEM_INFRASTRUCTURE;
        cell->problem_count = 1;
    }
    if (what == NOT_MET || what == MET)
        cell->ops_main = 200;
    if (what == MET)
        cell->ops_met = 86;
    if (what == NEVER_BEGUN) {
        made->faults[0].held = false;
        made->faults[0].not_begun = "n1 is down";
    }
    if (what >= STUCK_EXPECTED)
        cell->liveness = ORD_EXPECT_VIOLATION;
    if (what == STUCK_EXPECTED || what == STUCK_AND_UNDECIDED) {
        made->problems[0] =
            (struct ord_problem){ORD_PROBLEM_LIVENESS, "n2 was not ready"};
        cell->problem_count = 1;
    }
    if (what == STUCK_AND_UNDECIDED)
        checks[1].verdict.outcome = ORD_UNKNOWN;
    if (what == SKIPPED)
        cell->skipped = "etcd is not installed";
}

ParameterizedTestParameters(result, judge)
{
    static struct row rows[] = {
        {NOT_MET,
         ORD_CELL_VACUOUS,
         {"none of 200 operations met a fault, though 1 took hold"}},
        {MET,
         ORD_CELL_PASS,
         {"1 of 1 faults took hold and 43% of operations met"}},
        {STUCK_EXPECTED,
         ORD_CELL_PASS,
         {"as expected, liveness: n2 was not ready", "1 of 3 checks"}},
        {STUCK_AND_UNDECIDED,
         ORD_CELL_PASS,
         {"as expected, liveness: n2 was not ready", "0 of 3 checks"}},
        {STUCK_MISSED, ORD_CELL_UNEXPECTED_PASS, {"it went on and recovered"}},
        {NEVER_BEGUN,
         ORD_CELL_VACUOUS,
         {"no fault took hold (1 planned", "not begun: n1 is down"}},
        {NOTHING,
         ORD_CELL_PASS,
         {"as expected, lost: k4", "1 of 3 checks", "1 of 1 faults"}},
        {VIOLATION_UNEXPECTED,
         ORD_CELL_VIOLATION,
         {"convergence: all replicas"}},
        {VIOLATION_MISSING,
         ORD_CELL_UNEXPECTED_PASS,
         {"lost passed, though 'violation'"}},
        {UNKNOWN_UNEXPECTED,
         ORD_CELL_UNKNOWN,
         {"convergence could not decide"}},
        {UNKNOWN_MISSING,
         ORD_CELL_UNEXPECTED_PASS,
         {"convergence passed, though 'unknown'"}},
        {UNKNOWN_FOR_VIOLATION, ORD_CELL_UNKNOWN, {"lost could not decide"}},
        {NO_FAULT_HELD, ORD_CELL_VACUOUS, {"no fault took hold (1 planned"}},
        {NO_FAULT_BEGAN,
         ORD_CELL_VACUOUS,
         {"no fault took hold (1 planned; what they wait for never came)"}},
        {NO_FAULT_ASKED, ORD_CELL_PASS, {"as expected", "5210 of 5300"}},
        {NO_OP_OK, ORD_CELL_VACUOUS, {"not one of 5300 operations succeeded"}},
        {NO_CHECK, ORD_CELL_VACUOUS, {"no checker looked"}},
        {CRASH, ORD_CELL_LIVENESS, {"n2 died of signal 11"}},
        {BROKEN, ORD_CELL_INFRASTRUCTURE, {"n2 died of signal 11"}},
        {NOTE, ORD_CELL_PASS, {"as expected"}},
        /* Nothing masks anything, the worst comes first. */
        {CRASH_AND_VIOLATION,
         ORD_CELL_VIOLATION,
         {"convergence: ", "; n2 died"}},
        {BROKEN_AND_VACUOUS,
         ORD_CELL_INFRASTRUCTURE,
         {"n2 died", "; not one of"}},
        {MISSING_AND_UNKNOWN,
         ORD_CELL_UNEXPECTED_PASS,
         {"lost passed", "; convergence could"}},
        {SKIPPED, ORD_CELL_SKIPPED, {"etcd is not installed"}},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, result, judge, .timeout = 10)
{
    struct made made;
    const char *at;

    made_init(&made);
    change(&made, row->change);
    ord_cell_judge(&made.cell);
    cr_expect_eq(made.cell.verdict, row->want, "row %d is %s: %s", row->change,
                 ord_cell_verdict_name(made.cell.verdict), made.cell.reason);
    at = made.cell.reason;
    for (int i = 0; i < 3 && row->says[i][0] != '\0'; i++) {
        at = strstr(at, row->says[i]);
        cr_assert_not_null(at, "'%s' in: %s", row->says[i], made.cell.reason);
    }
}

Test(result, an_endless_reason_says_how_many_more)
{
    static struct ord_problem problems[64];
    static char long_text[ORD_WHY_SIZE];
    struct made made;

    memset(long_text, 'x', sizeof long_text - 1);
    for (int i = 0; i < 64; i++)
        problems[i] = (struct ord_problem){ORD_PROBLEM_LIVENESS, long_text};
    made_init(&made);
    made.cell.problems = problems;
    made.cell.problem_count = 64;
    ord_cell_judge(&made.cell);
    cr_expect_eq(made.cell.verdict, ORD_CELL_LIVENESS);
    cr_expect_not_null(strstr(made.cell.reason, "; and 57 more"), "%s",
                       made.cell.reason + strlen(made.cell.reason) - 40);
}

Test(result, what_never_began_says_why_and_no_more)
{
    static const char why[] = "node n1 was not ready within 10.0 s";
    struct made made;

    made_init(&made);
    made.problems[0] = (struct ord_problem){ORD_PROBLEM_LIVENESS, why};
    made.cell.problem_count = 1;
    made.cell.ops = (struct ord_op_counts){0};
    made.cell.ops_main = 0;
    made.faults[0].held = false;
    for (uint32_t i = 0; i < made.cell.check_count; i++) {
        made.checks[i].verdict.outcome = ORD_UNKNOWN;
        made.checks[i].expected = ORD_EXPECT_PASS;
    }
    ord_cell_judge(&made.cell);
    cr_expect_eq(made.cell.verdict, ORD_CELL_LIVENESS);
    cr_expect_str_eq(made.cell.reason, why);
    made.cell.liveness = ORD_EXPECT_VIOLATION; /* then nothing is said of it */
    ord_cell_judge(&made.cell);
    cr_expect_eq(made.cell.verdict, ORD_CELL_VACUOUS, "%s", made.cell.reason);
}

Test(result, worse_is_a_total_order)
{
    static const enum ord_cell_verdict order[] = {
        ORD_CELL_SKIPPED,         ORD_CELL_PASS,
        ORD_CELL_VACUOUS,         ORD_CELL_UNKNOWN,
        ORD_CELL_UNEXPECTED_PASS, ORD_CELL_INFRASTRUCTURE,
        ORD_CELL_LIVENESS,        ORD_CELL_VIOLATION,
        ORD_CELL_USAGE,
    };
    static const int exits[] = {0, 0, 4, 3, 6, 5, 2, 1, 64};

    for (int a = 0; a < 9; a++) {
        enum ord_cell_verdict back;

        for (int b = 0; b < 9; b++)
            cr_expect_eq(ord_cell_verdict_worse(order[a], order[b]),
                         order[a > b ? a : b]);
        cr_expect_eq(ord_cell_verdict_exit(order[a]), exits[a]);
        cr_expect(ord_cell_verdict_parse(
            ord_bytes_of(ord_cell_verdict_name(order[a])), &back));
        cr_expect_eq(back, order[a]);
    }
}

Test(result, campaign_is_its_worst_cell)
{
    struct ord_cell_result cells[3] = {{.verdict = ORD_CELL_PASS},
                                       {.verdict = ORD_CELL_UNKNOWN},
                                       {.verdict = ORD_CELL_SKIPPED}};
    const struct ord_cell_result *list[] = {&cells[0], &cells[1], &cells[2]};
    struct ord_campaign_result campaign = {.cells = list, .cell_count = 3};

    ord_campaign_judge(&campaign);
    cr_expect_eq(campaign.verdict, ORD_CELL_UNKNOWN);
    campaign.cell_count = 0;
    ord_campaign_judge(&campaign);
    cr_expect_eq(campaign.verdict, ORD_CELL_VACUOUS);
}

/* ---- JSON --------------------------------------------------------------- */

static struct ord_buf json_of(const struct ord_cell_result *cell)
{
    struct ord_buf out;

    ord_buf_init(&out, ORD_RESULT_SIZE_MAX);
    ord_cell_to_json(cell, &out);
    cr_assert(!out.failed);
    return out;
}

Test(result, round_trip_keeps_every_byte)
{
    struct made made;
    struct ord_arena arena;
    struct ord_cell_result back;
    struct ord_err err = {0};
    struct ord_buf first, second;

    made_init(&made);
    made.cell.seed = UINT64_MAX; /* jansson's integers end at 2^63 */
    made.problems[0] = (struct ord_problem){ORD_PROBLEM_NOTE, "a \"note\"\n"};
    made.cell.problem_count = 1;
    ord_cell_judge(&made.cell);
    ord_arena_init(&arena, ARENA_MAX);
    first = json_of(&made.cell);
    cr_assert_eq(ord_cell_parse(ord_buf_bytes(&first), &arena, &back, &err),
                 ORD_OK, "%s", err.text);
    second = json_of(&back);
    cr_expect_str_eq(ord_buf_str(&first), ord_buf_str(&second));
    cr_expect_eq(back.checks[0].verdict.key.as.number, 4);
    cr_expect_eq(back.faults[0].nodes, 1);
    cr_expect_eq(back.seed, UINT64_MAX);
    ord_buf_fini(&first);
    ord_buf_fini(&second);
    ord_arena_fini(&arena);
}

Test(result, files_are_json_with_the_documented_members)
{
    char path[] = "/tmp/ord-result-XXXXXX";
    int fd = mkstemp(path);
    struct made made;
    struct ord_err err = {0};
    json_t *tree;

    cr_assert(fd >= 0);
    close(fd);
    made_init(&made);
    /* What a database said need not be UTF-8, nor harmless. */
    snprintf(made.checks[0].verdict.why, ORD_WHY_SIZE,
             "bad \xff\xfe \x01 </b>");
    ord_cell_judge(&made.cell);
    cr_assert_eq(ord_cell_write(&made.cell, path, &err), ORD_OK, "%s",
                 err.text);
    tree = json_load_file(path, 0, NULL);
    cr_assert_not_null(tree);
    cr_expect_eq(json_integer_value(json_object_get(tree, "ordeal")), 1);
    cr_expect_str_eq(json_string_value(json_object_get(tree, "verdict")),
                     "pass");
    cr_expect_eq(json_array_size(json_object_get(tree, "checks")), 3);
    cr_expect_str_eq(
        json_string_value(json_object_get(
            json_array_get(json_object_get(tree, "checks"), 0), "why")),
        "bad \xef\xbf\xbd\xef\xbf\xbd \x01 </b>");
    json_decref(tree);
    unlink(path);
}

Test(result, campaign_file_comes_back)
{
    char path[] = "/tmp/ord-result-XXXXXX";
    int fd = mkstemp(path);
    struct made made;
    const struct ord_cell_result *cells[] = {&made.cell, &made.cell};
    struct ord_campaign_result campaign = {
        .name = "quickstart", .cells = cells, .cell_count = 2, .wall_ms = 9};
    struct ord_campaign_result back;
    struct ord_arena arena;
    struct ord_err err = {0};

    cr_assert(fd >= 0);
    close(fd);
    made_init(&made);
    made.checks[1].name = "lost"; /* looked twice: the worse one counts */
    ord_cell_judge(&made.cell);
    ord_campaign_judge(&campaign);
    ord_arena_init(&arena, ARENA_MAX);
    cr_assert_eq(ord_campaign_write(&campaign, path, &err), ORD_OK);
    cr_assert_eq(ord_campaign_read(path, &arena, &back, &err), ORD_OK, "%s",
                 err.text);
    cr_expect_eq(back.cell_count, 2);
    cr_expect_str_eq(back.cells[1]->dir, "A2-1");
    cr_expect_str_eq(back.cells[0]->reason, made.cell.reason);
    cr_expect_eq(back.cells[0]->check_count, 2);
    cr_expect_eq(back.cells[0]->checks[0].verdict.outcome, ORD_INVALID);
    ord_arena_fini(&arena);
    unlink(path);
}

struct bad {
    char json[128];
    char says[64];
};

ParameterizedTestParameters(result, bad_json)
{
    static struct bad rows[] = {
        {"", "line"},
        {"[]", "not the result of a cell"},
        {"{\"ordeal\":2,\"kind\":\"cell\"}", "version 1"},
        {"{\"ordeal\":1,\"kind\":\"campaign\"}", "not the result of a cell"},
        {"{\"ordeal\":1,\"kind\":\"cell\"}", "'verdict'"},
        {"{\"ordeal\":1,\"kind\":\"cell\",\"verdict\":\"good\"}", "'verdict'"},
        {"{\"ordeal\":1,\"kind\":\"cell\",\"verdict\":\"pass\",\"seed\":-1}",
         "'seed'"},
        {"{\"ordeal\":1,\"kind\":\"cell\",\"verdict\":\"pass\",\"checks\":[3]}",
         "'name'"},
        {"{\"ordeal\":1,\"kind\":\"cell\",\"verdict\":\"pass\",\"faults\":{}}",
         "'faults'"},
        {"{\"ordeal\":1,\"kind\":\"cell\",\"verdict\":\"pass\",\"nodes\":"
         "99999999999}",
         "2^32"},
    };
    return cr_make_param_array(struct bad, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct bad *row, result, bad_json, .timeout = 10)
{
    struct ord_arena arena;
    struct ord_cell_result back;
    struct ord_err err = {0};

    ord_arena_init(&arena, ARENA_MAX);
    cr_expect_eq(ord_cell_parse(ord_bytes_of(row->json), &arena, &back, &err),
                 ORD_EFORMAT, "%s", row->json);
    cr_expect_not_null(strstr(err.text, row->says), "%s", err.text);
    ord_arena_fini(&arena);
}

Test(result, check_json)
{
    struct made made;
    struct ord_buf out;
    json_t *tree, *check;

    made_init(&made);
    ord_buf_init(&out, ORD_RESULT_SIZE_MAX);
    ord_checks_to_json(made.checks, 3, &out);
    tree = json_loadb(out.at, out.size, 0, NULL);
    cr_assert_not_null(tree, "%s", ord_buf_str(&out));
    cr_expect_str_eq(json_string_value(json_object_get(tree, "verdict")),
                     "violation");
    check = json_array_get(json_object_get(tree, "checks"), 0);
    cr_expect_eq(json_array_size(json_object_get(check, "ops")), 2);
    cr_expect_eq(json_object_size(json_object_get(check, "keys")), 1);
    cr_expect_eq(json_integer_value(json_object_get(
                     json_object_get(check, "stats"), "lost_count")),
                 37);
    json_decref(tree);
    ord_buf_fini(&out);
}

Test(result, a_kept_check_outlives_its_arena)
{
    struct ord_arena theirs, ours;
    struct ord_verdict verdict = {.outcome = ORD_INVALID, .key = {0}};
    struct ord_check_result kept;
    struct ord_err err = {0};

    ord_arena_init(&theirs, ARENA_MAX);
    ord_arena_init(&ours, ARENA_MAX);
    verdict.findings[0].why = ord_arena_strdup(&theirs, "second");
    verdict.finding_count = 1;
    verdict.stats[0] = (struct ord_stat){ord_arena_strdup(&theirs, "a_ms"), 2};
    verdict.stat_count = 1;
    cr_assert_eq(ord_check_result_set(&kept, &ours, "lost", NULL,
                                      ORD_EXPECT_ANY, &verdict, &err),
                 ORD_OK);
    ord_arena_fini(&theirs);
    cr_expect_str_eq(kept.verdict.findings[0].why, "second");
    cr_expect_str_eq(kept.verdict.stats[0].name, "a_ms");
    ord_arena_fini(&ours);
}
