#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/report/html.h"
#include "harness/report/tests/support_report.h"
#include "harness/report/timeline.h"

#define HOSTILE "\"'><script>alert(1)</script><img src=x onerror=a()>&\x01\xff"

static void page_of(const struct ord_cell_result *cell,
                    const struct ord_history *history, struct ord_buf *out)
{
    char path[] = "/tmp/ord-report-XXXXXX";
    const char *keep = getenv("ORD_KEEP_HTML"); /* to look at it */
    struct ord_err err = {0};
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    close(fd);
    cr_assert_eq(
        ord_report_html(cell, history, keep == NULL ? path : keep, &err),
        ORD_OK, "%s", err.text);
    ord_buf_init(out, ORD_HTML_SIZE_MAX);
    cr_assert_eq(ord_file_read(keep == NULL ? path : keep, out, &err), ORD_OK);
    unlink(path);
}

static void expect_has(struct ord_buf *page, const char *text)
{
    cr_expect_not_null(strstr(ord_buf_str(page), text), "lacks: %s", text);
}

Test(html, a_run_with_its_evidence)
{
    struct made made;
    struct ord_history *history;
    struct ord_buf page;

    made_init(&made);
    made_history(&made, 3000, &history);
    ord_cell_judge(&made.cell);
    page_of(&made.cell, history, &page);
    expect_has(&page, "lost: violation found, as this cell expects");
    expect_has(&page, "<h1>k4: process 1&#39;s add of 17, acknowledged by n1");
    expect_has(&page, "add k4 17</td><td class=\"tight ok\">ok</td>");
    expect_has(&page, "read k4 \xe2\x86\x92 [1000 1001 1002");
    expect_has(&page, "... of 200]");
    expect_has(&page, "118 frames dropped on 4 links");
    expect_has(&page, "ordeal run FILE --only 'A2' --seed 1");
    cr_expect_null(strstr(ord_buf_str(&page), "http://"));
    cr_expect_null(strstr(ord_buf_str(&page), "https://"));
    ord_buf_fini(&page);
    ord_history_free(&history);
}

/* The data between the script tags, parsed. */
static json_t *data_of(struct ord_buf *page)
{
    static const char open[] = "<script type=\"application/json\" id=\"data\">";
    const char *at = strstr(ord_buf_str(page), open);
    const char *end;
    json_error_t trouble;
    json_t *tree;

    cr_assert_not_null(at);
    at += sizeof open - 1;
    end = strstr(at, "</script>");
    cr_assert_not_null(end);
    tree = json_loadb(at, (size_t)(end - at), JSON_ALLOW_NUL, &trouble);
    cr_assert_not_null(tree, "%s", trouble.text);
    return tree;
}

Test(html, a_long_run_stays_small_and_keeps_its_evidence)
{
    struct made made;
    struct ord_history *history;
    struct ord_buf page;
    json_t *tree, *bins;
    json_int_t sum = 0;
    bool has_lost = false;

    made_init(&made);
    made_history(&made, 40000, &history);
    ord_cell_judge(&made.cell);
    page_of(&made.cell, history, &page);
    cr_expect_gt(ord_op_counts_of(history).invoked, 5 * ORD_TIMELINE_OPS_MAX);
    cr_expect_lt(page.size, 2 << 20);
    tree = data_of(&page);
    cr_expect_leq(json_array_size(json_object_get(tree, "ops")),
                  ORD_TIMELINE_OPS_MAX);
    for (size_t i = 0; i < json_array_size(json_object_get(tree, "ops")); i++)
        has_lost |= json_integer_value(json_array_get(
                        json_array_get(json_object_get(tree, "ops"), i), 0)) ==
                    made.checks[0].verdict.ops[0];
    cr_expect(has_lost);
    bins = json_object_get(json_object_get(tree, "bins"), "ok");
    for (size_t i = 0; i < json_array_size(bins); i++)
        sum += json_integer_value(json_array_get(bins, i));
    cr_expect_eq(sum, (json_int_t)ord_op_counts_of(history).ok);
    json_decref(tree);
    ord_buf_fini(&page);
    ord_history_free(&history);
}

static struct ord_history *hostile_history(void)
{
    const struct ord_value value = {
        .kind = ORD_TEXT, .count = sizeof HOSTILE - 1, .as.text = HOSTILE};
    struct ord_history_builder *builder;
    struct ord_history *history;
    struct ord_err err = {0};
    struct ord_op op = {.process = 0,
                        .session = ORD_NONE,
                        .epoch = ORD_NONE,
                        .position = ORD_NONE,
                        .key = value,
                        .value = value,
                        .name = HOSTILE,
                        .error = HOSTILE,
                        .f = ORD_F_OTHER,
                        .node = 1};

    cr_assert_eq(ord_history_builder_new(1 << 20, &builder, &err), ORD_OK);
    cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK);
    op.type = ORD_OP_OK;
    op.time_ns = 1000;
    cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK);
    cr_assert_eq(ord_history_finish(&builder, false, &history, &err), ORD_OK,
                 "%s", err.text);
    return history;
}

Test(html, nothing_hostile_becomes_markup)
{
    struct ord_history *history = hostile_history();
    struct made made;
    struct ord_buf page;

    made_init(&made);
    made.cell.cell = made.cell.campaign = made.cell.about = HOSTILE;
    made.cell.target = made.cell.workload = HOSTILE;
    made.cell.history_file = HOSTILE;
    made.faults[0].fault = made.faults[0].what = HOSTILE;
    made.faults[0].evidence = HOSTILE;
    made.settings[0] = (struct ord_option){HOSTILE, HOSTILE};
    made.problems[0] = (struct ord_problem){ORD_PROBLEM_NOTE, HOSTILE};
    made.cell.problem_count = 1;
    made.checks[0].name = made.checks[0].model = HOSTILE;
    made.checks[0].verdict.stats[0].name = HOSTILE;
    made.checks[0].verdict.findings[0].why = HOSTILE;
    snprintf(made.checks[0].verdict.why, ORD_WHY_SIZE, "%s", HOSTILE);
    ord_cell_judge(&made.cell);
    page_of(&made.cell, history, &page);
    cr_expect_null(strstr(ord_buf_str(&page), "<script>alert"));
    cr_expect_null(strstr(ord_buf_str(&page), "<img"));
    cr_expect_null(strstr(ord_buf_str(&page), "\"'>"));
    cr_expect_null(strchr(ord_buf_str(&page), '\x01'));
    json_decref(data_of(&page));
    ord_buf_fini(&page);
    ord_history_free(&history);
}

Test(html, without_a_history_and_without_anything)
{
    struct ord_cell_result nothing = {.verdict = ORD_CELL_INFRASTRUCTURE};
    struct made made;
    struct ord_buf page;

    made_init(&made);
    ord_cell_judge(&made.cell);
    page_of(&made.cell, NULL, &page);
    cr_expect_null(strstr(ord_buf_str(&page), "<canvas"));
    ord_buf_fini(&page);
    page_of(&nothing, NULL, &page);
    expect_has(&page, "infrastructure");
    ord_buf_fini(&page);
}

Test(html, an_empty_history)
{
    struct ord_history *history;
    struct ord_err err = {0};
    struct made made;
    struct ord_buf page;

    cr_assert_eq(ord_history_parse_text("", &history, &err), ORD_OK, "%s",
                 err.text);
    made_init(&made);
    ord_cell_judge(&made.cell);
    page_of(&made.cell, history, &page);
    json_decref(data_of(&page));
    ord_buf_fini(&page);
    ord_history_free(&history);
}

Test(html, campaign_links_cannot_leave_the_folder_by_a_scheme)
{
    char path[] = "/tmp/ord-report-XXXXXX";
    struct made made;
    const struct ord_cell_result *cells[] = {&made.cell};
    struct ord_campaign_result campaign = {
        .name = "<q>", .cells = cells, .cell_count = 1};
    struct ord_err err = {0};
    struct ord_buf page;
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    close(fd);
    made_init(&made);
    made.cell.dir = "javascript:a\"";
    ord_cell_judge(&made.cell);
    ord_campaign_judge(&campaign);
    cr_assert_eq(ord_campaign_html(&campaign, path, &err), ORD_OK);
    ord_buf_init(&page, ORD_HTML_SIZE_MAX);
    cr_assert_eq(ord_file_read(path, &page, &err), ORD_OK);
    expect_has(&page, "href=\"./javascript%3Aa%22/./report.html\"");
    expect_has(&page, "<b>&lt;q&gt;</b>");
    expect_has(&page, "1 of 1 cells ended as expected");
    ord_buf_fini(&page);
    unlink(path);
}
