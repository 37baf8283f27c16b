#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/report/progress.h"
#include "harness/report/table.h"
#include "harness/report/tests/support_report.h"

enum { OUT_MAX = 1 << 20 };

Test(term, widths)
{
    cr_expect_eq(ord_text_width("abc"), 3);
    cr_expect_eq(ord_text_width("na\xc3\xafve"), 5);             /* two bytes */
    cr_expect_eq(ord_text_width("e\xcc\x81"), 1);                /* combining */
    cr_expect_eq(ord_text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* wide */
    cr_expect_eq(ord_text_width("\xff"), 1);
}

Test(term, no_control_character_gets_through)
{
    struct ord_buf out;

    ord_buf_init(&out, OUT_MAX);
    ord_term_text(&out, "a\x1b[2J\x07\nb\xc2\x9b\xe2\x80\xae", 0);
    cr_expect_str_eq(ord_buf_str(&out),
                     "a\xef\xbf\xbd[2J\xef\xbf\xbd b\xef\xbf\xbd\xef\xbf\xbd");
    ord_buf_fini(&out);
}

Test(term, a_cell_is_exactly_as_wide)
{
    static const char *const texts[] = {"", "ab", "abcdefghij",
                                        "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5"};

    for (int i = 0; i < 4; i++) {
        struct ord_buf out;

        ord_buf_init(&out, OUT_MAX);
        ord_term_cell(&out, texts[i], 4);
        cr_expect_eq(ord_text_width(ord_buf_str(&out)), 4, "%d: '%s'", i,
                     ord_buf_str(&out));
        ord_buf_fini(&out);
    }
}

Test(term, wraps_words)
{
    const struct ord_term term = {.width = 24};
    struct ord_buf out;

    ord_buf_init(&out, OUT_MAX);
    ord_term_wrap(&out, &term, "one two three four five six", 4, 4);
    cr_expect_str_eq(ord_buf_str(&out), "one two three four\n    five six");
    ord_buf_fini(&out);
}

static struct ord_buf table_of(const struct ord_campaign_result *campaign,
                               struct ord_term term)
{
    struct ord_buf out;

    ord_buf_init(&out, OUT_MAX);
    ord_table_campaign(campaign, &term, &out);
    cr_assert(!out.failed);
    return out;
}

Test(table, a_pass_with_a_note_tells_it)
{
    struct made made;
    const struct ord_cell_result *cells[] = {&made.cell};
    struct ord_campaign_result campaign = {.cells = cells, .cell_count = 1};
    struct ord_buf out;

    made_init(&made);
    made.problems[0] =
        (struct ord_problem){ORD_PROBLEM_NOTE, "client 0: no JSON"};
    made.cell.problem_count = 1;
    ord_cell_judge(&made.cell);
    ord_campaign_judge(&campaign);
    out = table_of(&campaign, (struct ord_term){0});
    cr_expect_eq(made.cell.verdict, ORD_CELL_PASS);
    cr_expect_not_null(strstr(ord_buf_str(&out), "note: client 0: no JSON"),
                       "%s", ord_buf_str(&out));
    ord_buf_fini(&out);
}

Test(table, plain)
{
    struct made bad, good;
    const struct ord_cell_result *cells[] = {&good.cell, &bad.cell};
    struct ord_campaign_result campaign = {
        .name = "quickstart", .cells = cells, .cell_count = 2, .wall_ms = 8300};
    struct ord_buf out;

    made_init(&good);
    made_init(&bad);
    bad.cell.cell = "A3";
    bad.cell.about = "semi-sync";
    bad.checks[0].expected = ORD_EXPECT_PASS;
    ord_cell_judge(&good.cell);
    ord_cell_judge(&bad.cell);
    ord_campaign_judge(&campaign);
    out = table_of(&campaign, (struct ord_term){0});
    cr_expect_str_eq(
        ord_buf_str(&out),
        "cell  about                                     found             "
        "                                           faults    verdict\n"
        "A2    async, leader cut off, follower promoted  lost: violation "
        "(expected), linearizable: unknown (allowed)  1/1 held  pass\n"
        "A3    semi-sync                                 lost: violation, "
        "linearizable: unknown (allowed)             1/1 held  violation\n"
        "\n"
        "A2    lost: k4: process 1's add of 17, acknowledged by n1 at 1.298 s, "
        "is in none of the final reads\n"
        "A3    violation: lost: k4: process 1's add of 17, acknowledged by n1 "
        "at 1.298 s, is in none of the final reads\n"
        "\n"
        "quickstart: violation - 1 of 2 cells as expected, 8.3 s\n");
    ord_buf_fini(&out);
}

Test(table, no_line_is_wider_than_the_terminal)
{
    struct made made;
    const struct ord_cell_result *cells[] = {&made.cell};
    struct ord_campaign_result campaign = {
        .name = "quickstart", .cells = cells, .cell_count = 1, .wall_ms = 1};

    made_init(&made);
    made.cell.about = "na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac async, and more "
                      "words than there is room for";
    ord_cell_judge(&made.cell);
    ord_campaign_judge(&campaign);
    for (uint32_t width = 72; width <= 200; width += 16) {
        struct ord_buf out =
            table_of(&campaign, (struct ord_term){.width = width});
        char *text = strdup(ord_buf_str(&out));
        char *rest = text;

        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
            cr_expect_leq(ord_text_width(line), width, "%u: %s", width, line);
        free(text);
        ord_buf_fini(&out);
    }
}

Test(table, seeds_of_one_cell_share_a_row)
{
    struct made made[3];
    const struct ord_cell_result *cells[] = {&made[0].cell, &made[1].cell,
                                             &made[2].cell};
    struct ord_campaign_result campaign = {
        .name = "q", .cells = cells, .cell_count = 3};
    struct ord_buf out;

    for (int i = 0; i < 3; i++) {
        made_init(&made[i]);
        made[i].checks[2].verdict.outcome = ORD_VALID;
        if (i == 1)
            made[i].checks[0].verdict.outcome = ORD_VALID;
        ord_cell_judge(&made[i].cell);
    }
    ord_campaign_judge(&campaign);
    out = table_of(&campaign, (struct ord_term){.has_color = true});
    cr_expect_not_null(strstr(ord_buf_str(&out), "A2 x3"));
    cr_expect_not_null(strstr(ord_buf_str(&out),
                              "lost: 2/3 violation (expected) / 1/3 not found"),
                       "%s", ord_buf_str(&out));
    cr_expect_not_null(
        strstr(ord_buf_str(&out), "\x1b[33munexpected-pass 1/3\x1b[0m"));
    ord_buf_fini(&out);
}

static void drain(int fd, char *text, size_t size)
{
    ssize_t got = read(fd, text, size - 1);

    text[got > 0 ? got : 0] = '\0';
}

static void run_progress(struct ord_term term, char *text, size_t size)
{
    struct ord_progress progress;
    struct made made;
    int fds[2];

    made_init(&made);
    ord_cell_judge(&made.cell);
    cr_assert_eq(pipe(fds), 0);
    ord_progress_init(&progress, fds[1], &term, 2);
    ord_progress_begin(&progress, 7, "A2", "async", 1, 0);
    ord_progress_update(&progress, 7, "main", 10, 50 * ORD_MS);
    ord_progress_update(&progress, 7, "main", 20, 150 * ORD_MS);
    ord_progress_end(&progress, 7, &made.cell, 2 * ORD_S);
    ord_progress_fini(&progress);
    drain(fds[0], text, size);
    close(fds[0]);
    close(fds[1]);
}

Test(progress, plain_lines_at_start_and_end)
{
    char text[4096];

    run_progress((struct ord_term){0}, text, sizeof text);
    cr_expect_str_eq(text,
                     "A2 (seed 1) begins: async\n"
                     "[1/2] A2       pass              2.0 s  lost: violation "
                     "(expected), linearizable: unknown (allowed)\n");
}

Test(progress, live_lines_are_redrawn_in_place)
{
    char text[4096];

    run_progress((struct ord_term){.is_tty = true, .width = 60}, text,
                 sizeof text);
    cr_expect_null(strstr(text, "10 ops"), "too soon to draw again");
    cr_expect_not_null(strstr(text, "\x1b[1A\r\x1b[J"), "%s", text);
    cr_expect_not_null(strstr(text, "20 ops"));
    cr_expect_not_null(strstr(text, "[1/2] A2"));
}
