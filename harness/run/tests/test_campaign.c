#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "support_run.h"

static struct scratch scratch;

static void setup(void)
{
    scratch_init(&scratch);
    scratch_target(&scratch);
}

static void teardown(void)
{
    scratch_fini(&scratch);
}

TestSuite(campaign, .init = setup, .fini = teardown, .timeout = 60);

static const struct ord_cell *cell_of(uint32_t index)
{
    cr_assert_lt(index, scratch.campaign.cell_count);
    return &scratch.campaign.cells[index];
}

static const char *setting(const struct ord_cell *cell, const char *name)
{
    for (uint32_t i = 0; i < cell->setting_count; i++) {
        if (strcmp(cell->settings[i].name, name) == 0)
            return cell->settings[i].value;
    }
    return NULL;
}

#define GOOD(lines)                                                            \
    cr_assert_eq(scratch_cell(&scratch, lines), ORD_OK, "%s", scratch.err.text)

Test(campaign, a_bare_cell_has_defaults)
{
    const struct ord_cell *cell;

    GOOD("");
    cr_assert_eq(scratch.campaign.cell_count, 1);
    cr_expect_str_eq(scratch.campaign.name, "t");
    cell = cell_of(0);
    cr_expect_str_eq(cell->id, "c");
    cr_expect_eq(cell->seed, 1);
    cr_expect_eq(cell->node_count, 3);
    cr_expect_eq(cell->client_count, 5);
    cr_expect_eq(cell->time_ns, 5 * ORD_S);
    cr_expect_eq(cell->timeout_ns, ORD_S, "the target's");
    cr_expect_eq(cell->line, 4);
    cr_expect_eq(cell->rate_per_s, 0);
    cr_expect_str_eq(setting(cell, "way"), "good");
    cr_expect_gt(cell->check_count, 0, "the workload's");
    for (uint32_t i = 0; i < cell->check_count; i++)
        cr_expect_eq(cell->checks[i].expected,
                     strcmp(cell->checks[i].checker->name, "stats") == 0
                         ? ORD_EXPECT_ANY
                         : ORD_EXPECT_PASS);
}

Test(campaign, varied_settings_and_seeds_multiply)
{
    static const char *const ids[] = {"c/way=good,level=1", "c/way=bad,level=1",
                                      "c/way=good,level=2",
                                      "c/way=bad,level=2"};

    GOOD("    vary: {way: [good, bad], level: [1, 2]}\n"
         "    seeds: [7, 3, 12]\n");
    cr_assert_eq(scratch.campaign.cell_count, 12);
    for (uint32_t i = 0; i < 12; i++) {
        static const uint64_t seeds[] = {7, 3, 12};

        cr_expect_str_eq(cell_of(i)->id, ids[i / 3]);
        cr_expect_eq(cell_of(i)->seed, seeds[i % 3]);
        cr_expect_str_eq(setting(cell_of(i), "level"), i < 6 ? "1" : "2");
    }
}

Test(campaign, seeds_are_a_number_a_list_or_a_range)
{
    uint64_t mine = 77;

    GOOD("    seeds: 4\n");
    cr_expect_eq(scratch.campaign.cell_count, 4);
    cr_expect_eq(cell_of(3)->seed, 4);
    GOOD("    seeds: {from: 100, count: 2}\n");
    cr_expect_eq(cell_of(1)->seed, 101);
    scratch.options.seed = &mine;
    GOOD("    seeds: 4\n");
    cr_assert_eq(scratch.campaign.cell_count, 1);
    cr_expect_eq(cell_of(0)->seed, 77);
}

Test(campaign, the_cell_wins_over_defaults_and_the_command_line_over_both)
{
    static const char text[] =
        "ordeal: 1\nname: t\n"
        "defaults: {target: tiny, nodes: 4, clients: 9, time: 1s, seeds: 2,\n"
        "  workload: register, settings: {way: bad, level: 7}}\n"
        "cells:\n"
        "  - {id: a}\n"
        "  - {id: b, nodes: 2, workload: {name: set}, seeds: 1,\n"
        "     settings: {level: 8}}\n";
    static const struct ord_setting sets[] = {{"level", "9"}, {"time", "10ms"}};

    cr_assert_eq(scratch_campaign(&scratch, text), ORD_OK, "%s",
                 scratch.err.text);
    cr_assert_eq(scratch.campaign.cell_count, 3);
    cr_expect_eq(cell_of(0)->node_count, 4);
    cr_expect_eq(cell_of(2)->node_count, 2);
    cr_expect_eq(cell_of(2)->client_count, 9);
    cr_expect_str_eq(cell_of(0)->workload->name, "register");
    cr_expect_str_eq(cell_of(2)->workload->name, "set");
    cr_expect_str_eq(setting(cell_of(2), "way"), "bad", "maps are merged");
    cr_expect_str_eq(setting(cell_of(2), "level"), "8");
    scratch.options.sets = sets;
    scratch.options.set_count = 2;
    cr_assert_eq(scratch_campaign(&scratch, text), ORD_OK, "%s",
                 scratch.err.text);
    cr_expect_str_eq(setting(cell_of(2), "level"), "9");
    cr_expect_eq(cell_of(2)->time_ns, 10 * ORD_MS);
}

struct set {
    char name[16];
    char value[16];
    char words[48];
};

ParameterizedTestParameters(campaign, bad_sets)
{
    static struct set rows[] = {
        {"nodes", "0", "--set:1: 0 is not between 1 and 64"},
        {"nodes", "x", "--set:1: 'x' is no whole number"},
        {"clients", "1025", "--set:1:"},
        {"time", "5", "--set:1: '5' is no duration"},
        {"rate", "-1", "--set:1: -1 is not between"},
        {"colour", "red", "target tiny has no setting 'colour'"},
        {"way", "ugly", "'ugly' is not one of: good, bad"},
        {"id", "x", "no setting 'id'"},
    };
    return cr_make_param_array(struct set, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct set *row, campaign, bad_sets)
{
    const struct ord_setting set = {row->name, row->value};

    scratch.options.sets = &set;
    scratch.options.set_count = 1;
    cr_assert_eq(scratch_cell(&scratch, ""), ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, row->words), "%s",
                       scratch.err.text);
}

Test(campaign, only_takes_patterns_and_whole_ids)
{
    static const char lines[] = "    vary: {way: [good, bad], level: [1, 2]}\n";
    static const struct {
        const char *only;
        uint32_t count;
    } rows[] = {
        {"*", 4},        {"c/*", 4},         {"c/way=good*", 2},
        {"*level=2", 2}, {"c/way=bad,*", 2}, {"c/way=good,level=1", 1},
        {"c?way=*1", 2},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scratch.options.only = rows[i].only;
        GOOD(lines);
        cr_expect_eq(scratch.campaign.cell_count, rows[i].count, "%s: %u",
                     rows[i].only, scratch.campaign.cell_count);
    }
    scratch.options.only = "d*";
    cr_expect_eq(scratch_cell(&scratch, lines), ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "no cell is called 'd*'"));
}

Test(campaign, expectations_are_of_checkers_that_run)
{
    const struct ord_cell *cell;

    GOOD("    checkers: [lost, {linearizable: {model: register}}, stats]\n"
         "    expect: {lost: violation, stats: pass}\n");
    cell = cell_of(0);
    cr_assert_eq(cell->check_count, 3);
    cr_expect_eq(cell->checks[0].expected, ORD_EXPECT_VIOLATION);
    cr_expect_eq(cell->checks[1].expected, ORD_EXPECT_PASS);
    cr_expect_str_eq(cell->checks[1].model, "register");
    cr_expect_eq(cell->checks[2].expected, ORD_EXPECT_PASS);
}

struct bad {
    char lines[96];
    char words[64];
};

ParameterizedTestParameters(campaign, bad_cells)
{
    static struct bad rows[] = {
        {"    seeds: 0\n", ":7: 0 is not between 1 and"},
        {"    seeds: []\n", ":7: expected at least one seed"},
        {"    seeds: [1, 2, 1]\n", ":7: seed 1 stands here twice"},
        {"    seeds: {from: 1}\n", ":7: key 'count' is missing"},
        {"    seeds: 100001\n", ":7: 100001 is not between"},
        {"    vary: {way: good}\n", ":7: expected a list of values"},
        {"    vary: {way: []}\n", ":7: expected a list of values"},
        {"    vary: {way: [[a]]}\n", ":7: expected a plain value"},
        {"    vary: {way: [good, ugly]}\n", "'ugly' is not one of"},
        {"    vary: {way: [good, good]}\n", "called 'c/way=good' already"},
        {"    vary: [way]\n", ":7: expected a map"},
        {"  - {id: c, target: tiny, workload: set}\n", ":7: another cell"},
        {"  - {id: a/b, target: tiny, workload: set}\n", ":7: 'id' is part"},
        {"  - {id: .., target: tiny, workload: set}\n", ":7: 'id' is part"},
        {"  - {id: \"a\\nb\", target: tiny, workload: set}\n", ":7: 'id'"},
        {"  - {id: '', target: tiny, workload: set}\n", ":7: 'id'"},
        {"  - {id: d, workload: set}\n", ":7: key 'target' is missing"},
        {"  - {id: d, target: tiny}\n", ":7: key 'workload' is missing"},
        {"  - {id: d, target: tiny, workload: sessions}\n", "does not speak"},
        {"  - {id: d, target: tiny, workload: long-fork}\n",
         "tiny does not speak workload 'long-fork'"},
        {"  - d\n", ":7: expected a cell"},
        {"    client: ['{nobody}']\n", ":7: target tiny: '{nobody}'"},
        {"    client: []\n", ":7: expected a program"},
        {"    rate: many\n", ":7: 'many' is no number"},
        {"    time: 31h\n    timeout: 0ms\n", ":8:"},
        {"    nemesis: {fault: kill}\n", ":7: expected a list of faults"},
        {"    nemesis: [kill]\n", ":7: expected a map with 'fault: NAME'"},
        {"    nemesis: [{fault: kill, at: 1s, every: 2s}]\n", "exactly one"},
        {"    nemesis: [{fault: kill, every: 2s..1s}]\n", "ends before"},
        {"    nemesis: [{fault: kill, on: {ops: 0}}]\n", ":7: 0 is not"},
        {"    nemesis: [{fault: kill, on: noon}]\n", "leader-change or"},
        {"    nemesis: [{fault: kill, on: {log: '('}}]\n", "extended regular"},
        {"    nemesis: [{fault: kill, on: {log: a, op: cas}}]\n", "'op'"},
        {"    nemesis: [{fault: kill, on: {op: dance}}]\n", "'dance'"},
        {"    nemesis: [{fault: kill, on: {op: cas, type: maybe}}]\n",
         "or done"},
        {"    checkers: lost\n", ":7: expected a list of checkers"},
        {"    checkers: [{lost: {nope: 1}}]\n", "knows no option 'nope'"},
        {"    expect: [lost]\n", ":7: expected a map"},
        {"    expect: death\n", ":7: expected a map"},
        {"    expect: {liveness: unknown}\n",
         ":7: expected pass, violation or"},
        {"    memory_mib: 0\n", ":7: 0 is not between"},
    };
    return cr_make_param_array(struct bad, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct bad *row, campaign, bad_cells)
{
    cr_assert_eq(scratch_cell(&scratch, row->lines), ORD_EUSAGE, "%s",
                 row->lines);
    cr_expect_not_null(strstr(scratch.err.text, "c.yaml"), "%s",
                       scratch.err.text);
    cr_expect_not_null(strstr(scratch.err.text, row->words), "%s: %s",
                       row->lines, scratch.err.text);
}

Test(campaign, names_that_are_no_part_of_a_path)
{
    static const char *const names[] = {"a/b", "''", "'a b'", "..",
                                        "\"a\\tb\""};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = ord_arena_printf(
            &scratch.arena,
            "ordeal: 1\nname: %s\ncells: [{id: c, target: tiny, workload: "
            "set}]\n",
            names[i]);

        cr_expect_eq(scratch_campaign(&scratch, text), ORD_EUSAGE, "%s",
                     names[i]);
        cr_expect_not_null(strstr(scratch.err.text, "part of a path"));
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Values chosen so that a careless replacement makes two cells one. */
Test(campaign, no_two_cells_share_a_folder)
{
    static const char *const lines =
        "    vary: {level: [a/b, a_b, 'a b', 'a,b', \"a\\tb\", ä, å, "
        "LONG1, LONG2, a.b]}\n"
        "    seeds: [1, 11]\n"
        "  - {id: c_level, target: tiny, workload: set}\n"
        "  - {id: c-s1, target: tiny, workload: set}\n";
    char names[32][ORD_CELL_FOLDER_SIZE];
    char text[1024];
    char *at = text;
    uint32_t count;

    for (const char *c = lines; *c != '\0';) {
        if (strncmp(c, "LONG", 4) == 0) {
            memset(at, 'x', 150);
            at += 150;
            c += 4;
        }
        *at++ = *c++;
    }
    *at = '\0';
    GOOD(text);
    count = scratch.campaign.cell_count;
    cr_assert_eq(count, 22);
    for (uint32_t i = 0; i < count; i++) {
        ord_cell_folder(cell_of(i), names[i], sizeof names[i]);
        cr_expect_null(strpbrk(names[i], "/ ,\t"), "%s", names[i]);
    }
    qsort(names, count, sizeof names[0], compare_names);
    for (uint32_t i = 1; i < count; i++)
        cr_expect_str_neq(names[i], names[i - 1]);
}

Test(campaign, usual_folders_are_readable)
{
    char name[ORD_CELL_FOLDER_SIZE];

    GOOD("    vary: {way: [good], level: [1.5]}\n");
    ord_cell_folder(cell_of(0), name, sizeof name);
    cr_expect_str_eq(name, "c_way=good_level=1.5-s1");
}

Test(campaign, ten_thousand_cells_are_planned_in_no_time)
{
    struct ord_buf text;
    int64_t begin_ns;

    ord_buf_init(&text, 1 << 20);
    ord_buf_text(&text, "    seeds: 1\n    vary: {level: [");
    for (int i = 0; i < 400; i++)
        ord_buf_printf(&text, "%s%d", i > 0 ? ", " : "", i);
    ord_buf_text(&text, "]}\n  - {id: d, target: tiny, workload: set, seeds: "
                        "9600}\n");
    begin_ns = ord_now_ns();
    GOOD(ord_buf_str(&text));
    cr_expect_eq(scratch.campaign.cell_count, 10000);
    cr_expect_lt(ord_now_ns() - begin_ns, 10 * ORD_S); /* under ASan */
    ord_buf_fini(&text);
}

Test(campaign, too_much_is_refused)
{
    struct ord_buf text;

    ord_buf_init(&text, 1 << 20);
    ord_buf_text(&text, "    vary: {level: [");
    for (int i = 0; i < 1001; i++)
        ord_buf_printf(&text, "%s%d", i > 0 ? ", " : "", i);
    ord_buf_text(&text, "]}\n");
    cr_expect_eq(scratch_cell(&scratch, ord_buf_str(&text)), ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "1000 combinations"), "%s",
                       scratch.err.text);
    cr_expect_eq(
        scratch_cell(&scratch,
                     "    seeds: 100000\n  - {id: d, target: tiny, workload: "
                     "set}\n"),
        ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "100000 cells"), "%s",
                       scratch.err.text);
    ord_buf_fini(&text);
}
