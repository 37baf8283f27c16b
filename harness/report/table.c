#include "harness/report/table.h"

#include <stdio.h>
#include <string.h>

enum {
    COLUMN_GAP = 2,
    ABOUT_MIN = 16,
    FOUND_MIN = 24,
    TEXT_MAX = 4096,
    SENTENCES_MAX = 8, /* of deviations, per row */
};

/* Cells [first, first + count) of one id. */
struct group {
    const struct ord_campaign_result *campaign;
    uint32_t first, count;
};

enum column { CELL, ABOUT, FOUND, FAULTS, VERDICT, COLUMNS };

static const char *const titles[COLUMNS] = {"cell", "about", "found", "faults",
                                            "verdict"};

enum ord_color ord_cell_verdict_color(enum ord_cell_verdict verdict)
{
    switch (verdict) {
    case ORD_CELL_PASS:
        return ORD_COLOR_GREEN;
    case ORD_CELL_VIOLATION:
    case ORD_CELL_LIVENESS:
    case ORD_CELL_INFRASTRUCTURE:
    case ORD_CELL_USAGE:
        return ORD_COLOR_RED;
    case ORD_CELL_UNEXPECTED_PASS:
    case ORD_CELL_UNKNOWN:
    case ORD_CELL_VACUOUS:
        return ORD_COLOR_YELLOW;
    case ORD_CELL_SKIPPED:
        break;
    }
    return ORD_COLOR_DIM;
}

static const struct ord_cell_result *member(const struct group *group,
                                            uint32_t i)
{
    ORD_ASSERT(i < group->count);
    return group->campaign->cells[group->first + i];
}

static bool is_same_id(const struct ord_cell_result *a,
                       const struct ord_cell_result *b)
{
    return a->cell != NULL && b->cell != NULL && strcmp(a->cell, b->cell) == 0;
}

static struct group group_at(const struct ord_campaign_result *campaign,
                             uint32_t first)
{
    struct group group = {campaign, first, 1};

    while (first + group.count < campaign->cell_count &&
           is_same_id(campaign->cells[first],
                      campaign->cells[first + group.count]))
        group.count++;
    return group;
}

/* How often the check called `name` came to what, over a group. */
struct tally {
    uint32_t violations, unknowns, missing, count;
    bool is_expected;
    bool is_allowed; /* whatever comes is fine */
};

static struct tally tally_of(const struct group *group, const char *name)
{
    struct tally tally = {.is_expected = true};

    for (uint32_t i = 0; i < group->count; i++) {
        const struct ord_cell_result *cell = member(group, i);

        for (uint32_t k = 0; k < cell->check_count; k++) {
            const struct ord_check_result *check = &cell->checks[k];
            enum ord_outcome outcome = check->verdict.outcome;

            if (strcmp(check->name, name) != 0)
                continue;
            tally.count++;
            tally.violations += outcome == ORD_INVALID;
            tally.unknowns += outcome == ORD_UNKNOWN;
            tally.missing +=
                outcome == ORD_VALID && check->expected == ORD_EXPECT_VIOLATION;
            tally.is_allowed = check->expected == ORD_EXPECT_ANY;
            if (outcome != ORD_VALID && !ord_check_result_is_expected(check))
                tally.is_expected = false;
        }
    }
    return tally;
}

static void say_times(struct ord_buf *out, uint32_t times, uint32_t count)
{
    if (count > 1)
        ord_buf_printf(out, "%u/%u ", times, count);
}

static void say_tally(struct ord_buf *out, const char *name,
                      const struct tally *tally)
{
    bool is_open = false;

    if (tally->violations + tally->unknowns + tally->missing == 0)
        return;
    if (out->size > 0)
        ord_buf_text(out, ", ");
    ord_buf_printf(out, "%s: ", name);
    if (tally->violations > 0) {
        say_times(out, tally->violations, tally->count);
        ord_buf_text(out, "violation");
        is_open = true;
    }
    if (tally->unknowns > 0) {
        ord_buf_text(out, is_open ? " / " : "");
        say_times(out, tally->unknowns, tally->count);
        ord_buf_text(out, "unknown");
        is_open = true;
    }
    if (is_open && tally->is_expected)
        ord_buf_text(out, tally->is_allowed ? " (allowed)" : " (expected)");
    if (tally->missing > 0) {
        ord_buf_text(out, is_open ? " / " : "");
        say_times(out, tally->missing, tally->count);
        ord_buf_text(out, "not found");
        ord_buf_text(out, is_open ? "" : " (expected)");
    }
}

static void say_stuck(const struct group *group, struct ord_buf *out)
{
    uint32_t stuck = 0;

    for (uint32_t i = 0; i < group->count; i++)
        stuck += ord_is_stuck_as_expected(member(group, i));
    if (stuck == 0)
        return;
    ord_buf_text(out, "liveness: ");
    say_times(out, stuck, group->count);
    ord_buf_text(out, member(group, 0)->liveness == ORD_EXPECT_ANY
                          ? "not there (allowed)"
                          : "not there (expected)");
}

static void say_found(const struct group *group, struct ord_buf *out)
{
    const struct ord_cell_result *cell = member(group, 0);
    size_t start = out->size;

    ORD_ASSERT(start == 0);
    say_stuck(group, out);
    for (uint32_t i = 0; i < cell->check_count; i++) {
        struct tally tally = tally_of(group, cell->checks[i].name);
        bool is_first = true;

        for (uint32_t k = 0; k < i; k++)
            if (strcmp(cell->checks[k].name, cell->checks[i].name) == 0)
                is_first = false;
        if (is_first)
            say_tally(out, cell->checks[i].name, &tally);
    }
    if (out->size > start)
        return;
    if (cell->skipped != NULL || cell->verdict == ORD_CELL_SKIPPED)
        ord_buf_text(out, "not run");
    else if (cell->check_count == 0)
        ord_buf_text(out, "nothing was checked");
    else
        ord_buf_printf(out, "nothing (%u check%s)", cell->check_count,
                       cell->check_count == 1 ? "" : "s");
}

void ord_table_found(const struct ord_cell_result *cell, struct ord_buf *out)
{
    const struct ord_campaign_result one = {.cells = &cell, .cell_count = 1};
    const struct group group = {&one, 0, 1};
    struct ord_buf text;

    ord_buf_init(&text, out->size_max);
    say_found(&group, &text);
    ord_buf_add(out, ord_buf_bytes(&text));
    ord_buf_fini(&text);
}

static enum ord_cell_verdict worst_of(const struct group *group)
{
    enum ord_cell_verdict worst = ORD_CELL_SKIPPED;

    for (uint32_t i = 0; i < group->count; i++)
        worst = ord_cell_verdict_worse(worst, member(group, i)->verdict);
    return worst;
}

static void say_verdict(const struct group *group, struct ord_buf *out)
{
    enum ord_cell_verdict worst = worst_of(group);
    uint32_t times = 0;

    for (uint32_t i = 0; i < group->count; i++)
        times += member(group, i)->verdict == worst;
    ord_buf_text(out, ord_cell_verdict_name(worst));
    if (group->count > 1)
        ord_buf_printf(out, " %u/%u", times, group->count);
}

static void say_faults(const struct group *group, struct ord_buf *out)
{
    uint64_t ops_main = 0;
    uint64_t ops_met = 0;
    uint32_t held = 0;
    uint32_t planned = 0;

    for (uint32_t i = 0; i < group->count; i++) {
        held += ord_faults_held(member(group, i));
        planned += member(group, i)->faults_planned;
        ops_main += member(group, i)->ops_main;
        ops_met += member(group, i)->ops_met;
    }
    if (planned == 0)
        ord_buf_text(out, "-");
    else
        ord_buf_printf(out, "%u/%u held", held, planned);
    if (planned > 0 && ops_main > 0)
        ord_buf_printf(out, ", met by %u%%",
                       ord_met_percent(ops_met, ops_main));
}

/* Appends the plain text of one place in the table to an empty buffer. */
static void say(const struct group *group, enum column column,
                struct ord_buf *out)
{
    const struct ord_cell_result *cell = member(group, 0);

    switch (column) {
    case CELL:
        ord_buf_text(out, cell->cell == NULL ? "?" : cell->cell);
        if (group->count > 1)
            ord_buf_printf(out, " x%u", group->count);
        break;
    case ABOUT:
        ord_buf_text(out, cell->about == NULL ? "" : cell->about);
        break;
    case FOUND:
        say_found(group, out);
        break;
    case FAULTS:
        say_faults(group, out);
        break;
    case VERDICT:
        say_verdict(group, out);
        break;
    case COLUMNS:
        break;
    }
}

static uint32_t sum_of(const uint32_t widths[COLUMNS])
{
    uint32_t sum = COLUMN_GAP * (COLUMNS - 1);

    for (int i = 0; i < COLUMNS; i++)
        sum += widths[i];
    return sum;
}

/* Takes from a column what is too much, but not below its least width. */
static void shrink(uint32_t *width, uint32_t least, uint32_t sum,
                   uint32_t limit)
{
    uint32_t excess = sum > limit ? sum - limit : 0;
    uint32_t spare = *width > least ? *width - least : 0;

    *width -= excess < spare ? excess : spare;
}

static void measure(const struct ord_campaign_result *campaign,
                    const struct ord_term *term, uint32_t widths[COLUMNS])
{
    struct group group;
    struct ord_buf text;

    ord_buf_init(&text, TEXT_MAX);
    for (int c = 0; c < COLUMNS; c++)
        widths[c] = ord_text_width(titles[c]);
    for (uint32_t i = 0; i < campaign->cell_count; i += group.count) {
        group = group_at(campaign, i);
        for (int c = 0; c < COLUMNS; c++) {
            uint32_t width;

            ord_buf_clear(&text);
            say(&group, (enum column)c, &text);
            width = ord_text_width(ord_buf_str(&text));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    ord_buf_fini(&text);
    if (term->width == 0)
        return;
    shrink(&widths[ABOUT], ABOUT_MIN, sum_of(widths), term->width);
    shrink(&widths[FOUND], FOUND_MIN, sum_of(widths), term->width);
    shrink(&widths[ABOUT], 1, sum_of(widths), term->width);
    shrink(&widths[CELL], 4, sum_of(widths), term->width);
}

static void gap(struct ord_buf *out)
{
    for (int i = 0; i < COLUMN_GAP; i++)
        ord_buf_char(out, ' ');
}

static void print_head(const uint32_t widths[COLUMNS],
                       const struct ord_term *term, struct ord_buf *out)
{
    ord_term_color(out, term, ORD_COLOR_BOLD);
    for (int c = 0; c < COLUMNS; c++) {
        if (c == VERDICT)
            ord_buf_text(out, titles[c]);
        else
            ord_term_cell(out, titles[c], widths[c]);
        if (c != VERDICT)
            gap(out);
    }
    ord_term_color(out, term, ORD_COLOR_NONE);
    ord_buf_char(out, '\n');
}

static void print_row(const struct group *group, const uint32_t widths[COLUMNS],
                      const struct ord_term *term, struct ord_buf *out)
{
    struct ord_buf text;

    ord_buf_init(&text, TEXT_MAX);
    for (int c = 0; c < VERDICT; c++) {
        ord_buf_clear(&text);
        say(group, (enum column)c, &text);
        ord_term_cell(out, ord_buf_str(&text), widths[c]);
        gap(out);
    }
    ord_buf_clear(&text);
    say(group, VERDICT, &text);
    ord_term_color(out, term, ord_cell_verdict_color(worst_of(group)));
    ord_buf_add(out, ord_buf_bytes(&text));
    ord_term_color(out, term, ORD_COLOR_NONE);
    ord_buf_char(out, '\n');
    ord_buf_fini(&text);
}

/* "A2    lost: 37 acknowledged ..." wrapped beside the id. */
static void print_sentence(const struct ord_cell_result *cell, const char *head,
                           const char *text, uint32_t indent,
                           const struct ord_term *term, struct ord_buf *out)
{
    uint32_t column;

    ord_term_color(out, term, ord_cell_verdict_color(cell->verdict));
    ord_term_cell(out, cell->cell == NULL ? "?" : cell->cell,
                  indent - COLUMN_GAP);
    ord_term_color(out, term, ORD_COLOR_NONE);
    gap(out);
    column = indent;
    if (head != NULL) {
        ord_term_color(out, term, ORD_COLOR_BOLD);
        column += ord_term_text(out, head, 0) + 2;
        ord_buf_text(out, ":");
        ord_term_color(out, term, ORD_COLOR_NONE);
        ord_buf_text(out, " ");
    }
    ord_term_wrap(out, term, text, indent, column);
    ord_buf_char(out, '\n');
}

/* A client that was replaced may be why a verdict is no good, a pass too. */
static void print_note(const struct ord_cell_result *cell, uint32_t indent,
                       const struct ord_term *term, struct ord_buf *out)
{
    for (uint32_t i = 0; i < cell->problem_count; i++) {
        if (cell->problems[i].kind != ORD_PROBLEM_NOTE ||
            strstr(cell->reason, cell->problems[i].what) != NULL)
            continue;
        print_sentence(cell, "note", cell->problems[i].what, indent, term, out);
        return;
    }
}

static void print_sentences(const struct group *group, uint32_t indent,
                            const struct ord_term *term, struct ord_buf *out)
{
    const char *said = NULL; /* the check whose expected violation was told */
    uint32_t deviations = 0;

    for (uint32_t i = 0; i < group->count; i++) {
        const struct ord_cell_result *cell = member(group, i);

        for (uint32_t k = 0; k < cell->problem_count && i == 0; k++) {
            if (cell->problems[k].kind == ORD_PROBLEM_LIVENESS &&
                ord_is_stuck_as_expected(cell))
                print_sentence(cell, "liveness", cell->problems[k].what, indent,
                               term, out);
        }
        for (uint32_t k = 0; k < cell->check_count; k++) {
            const struct ord_check_result *check = &cell->checks[k];

            if (check->verdict.outcome != ORD_INVALID ||
                check->expected != ORD_EXPECT_VIOLATION || (said && i > 0))
                continue;
            said = check->name;
            print_sentence(cell, check->name, check->verdict.why, indent, term,
                           out);
        }
        if (i == 0)
            print_note(cell, indent, term, out);
        if (cell->verdict == ORD_CELL_PASS)
            continue;
        if (deviations++ < SENTENCES_MAX)
            print_sentence(cell, ord_cell_verdict_name(cell->verdict),
                           cell->reason, indent, term, out);
    }
    if (deviations > SENTENCES_MAX)
        ord_buf_printf(out, "%*s... and %u more like these\n", (int)indent, "",
                       deviations - SENTENCES_MAX);
}

static void print_total(const struct ord_campaign_result *campaign,
                        const struct ord_term *term, struct ord_buf *out)
{
    uint32_t passed = 0;

    for (uint32_t i = 0; i < campaign->cell_count; i++)
        passed += campaign->cells[i]->verdict == ORD_CELL_PASS;
    ord_buf_char(out, '\n');
    ord_term_color(out, term, ord_cell_verdict_color(campaign->verdict));
    ord_buf_printf(out, "%s: %s", campaign->name == NULL ? "?" : campaign->name,
                   ord_cell_verdict_name(campaign->verdict));
    ord_term_color(out, term, ORD_COLOR_NONE);
    ord_buf_printf(out, " - %u of %u cells as expected, %.1f s\n", passed,
                   campaign->cell_count, campaign->wall_ms / 1000);
}

void ord_table_campaign(const struct ord_campaign_result *campaign,
                        const struct ord_term *term, struct ord_buf *out)
{
    uint32_t widths[COLUMNS];
    struct group group;
    size_t start;

    measure(campaign, term, widths);
    print_head(widths, term, out);
    for (uint32_t i = 0; i < campaign->cell_count; i += group.count) {
        group = group_at(campaign, i);
        print_row(&group, widths, term, out);
    }
    ord_buf_char(out, '\n');
    start = out->size;
    for (uint32_t i = 0; i < campaign->cell_count; i += group.count) {
        group = group_at(campaign, i);
        print_sentences(&group, widths[CELL] + COLUMN_GAP, term, out);
    }
    if (out->size == start && start > 0)
        out->size--; /* nothing was said: one empty line is enough */
    print_total(campaign, term, out);
}
