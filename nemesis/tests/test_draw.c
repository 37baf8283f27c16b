/* What seeds draw of entries, and what swarm mode leaves out. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/draw.h"
#include "support_nemesis.h"

static struct ord_arena arena;
static struct ord_err err;

static void setup(void)
{
    ord_arena_init(&arena, 1 << 30);
}

static void teardown(void)
{
    ord_arena_fini(&arena);
}

TestSuite(draw, .init = setup, .fini = teardown, .timeout = 30);

static const char *drawn(const char *text, uint64_t seed)
{
    const struct ord_fault_param param = {"p", text};
    const struct ord_nemesis_entry entry = {
        .fault = "kill", .params = &param, .param_count = 1};
    struct ord_nemesis_entry out;

    cr_assert_eq(ord_entries_draw(&entry, 1, seed, false, &arena, &out, &err),
                 ORD_OK);
    return out.params[0].value;
}

struct row {
    char text[32];
    char unit[16]; /* empty: not drawn */
    double low, high;
};

ParameterizedTestParameters(draw, ranges)
{
    static struct row rows[] = {
        {"5ms..2s", "us", 5000, 2000000},
        {"1%..10%", "%", 1, 10},
        {"0.5%..10%", "%", 0.5, 10},
        {"300kbit..5000kbit", "kbit", 300, 5000},
        {"-10%..10%", "%", -10, 10},
        {"-2s..-1s", "us", -2000000, -1000000},
        {"3..3", "", 0, 0},
        {"one", "", 0, 0},
        {"n1..n3", "", 0, 0},
        {"1%..10kbit", "", 0, 0},
        {"2s..1s", "", 0, 0},
        {"log..", "", 0, 0},
        {"1ms..2", "", 0, 0},
    };

    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, draw, ranges)
{
    double least = 1e18, most = -1e18;

    for (uint64_t seed = 0; seed < 400; seed++) {
        const char *text = drawn(row->text, seed);
        char *unit;
        double value = strtod(text, &unit);

        cr_assert_str_eq(text, drawn(row->text, seed), "the same again");
        if (row->unit[0] == '\0') {
            cr_assert(strcmp(text, row->text) == 0 || strcmp(text, "3") == 0,
                      "%s", text);
            continue;
        }
        cr_assert_str_eq(unit, row->unit, "%s", text);
        cr_assert(value >= row->low && value <= row->high, "%s", text);
        least = value < least ? value : least;
        most = value > most ? value : most;
    }
    if (row->unit[0] != '\0') {
        cr_expect(least <= row->low + (row->high - row->low) / 4);
        cr_expect(most >= row->high - (row->high - row->low) / 4);
    }
}

Test(draw, either_sign_stays_the_seeds)
{
    cr_expect_eq(strncmp(drawn("+-1s..+-30s", 3), "+-", 2), 0);
    cr_expect_neq(strcmp(drawn("+-1s..+-30s", 3), drawn("+-1s..+-30s", 4)), 0);
}

Test(draw, of_a_list_every_text_comes)
{
    static const char *const values[] = {"one", "leader", "1ms..2ms"};
    const struct ord_choice choice = {0, values, 3};
    const struct ord_fault_param param = {"who", "one"};
    const struct ord_nemesis_entry entry = {.fault = "kill",
                                            .params = &param,
                                            .param_count = 1,
                                            .choices = &choice,
                                            .choice_count = 1};
    uint32_t seen = 0;

    cr_expect(ord_entries_vary(&entry, 1));
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct ord_nemesis_entry out;

        cr_assert_eq(
            ord_entries_draw(&entry, 1, seed, false, &arena, &out, &err),
            ORD_OK);
        seen |= strcmp(out.params[0].value, "one") == 0      ? 1
                : strcmp(out.params[0].value, "leader") == 0 ? 2
                                                             : 4;
    }
    cr_expect_eq(seen, 7);
}

Test(draw, a_swarm_leaves_out_half_but_never_all)
{
    uint32_t left_out = 0;

    for (uint64_t seed = 0; seed < 1000; seed++) {
        bool out[6];
        uint32_t count = 0;

        ord_swarm_pick(seed, "x", 6, out);
        for (uint32_t i = 0; i < 6; i++)
            count += out[i];
        cr_assert(count < 6);
        left_out += count;
    }
    cr_expect(left_out > 2700 && left_out < 3200, "%u", left_out);
    for (uint64_t seed = 0; seed < 100; seed++) {
        bool out;

        ord_swarm_pick(seed, "x", 1, &out);
        cr_assert_not(out);
    }
}

Test(draw, a_swarm_plans_nothing_of_what_it_leaves_out)
{
    const struct ord_nemesis_entry entries[] = {
        entry_of(&arena, "kill every=100-900 for=50-700"),
        entry_of(&arena, "pause every=100-900 for=50-700"),
        entry_of(&arena, "partition every=100-900 for=50-700")};
    uint32_t with = 0, without = 0;

    for (uint64_t seed = 0; seed < 60; seed++) {
        struct ord_nemesis_entry out[3];
        struct ord_fault_plan plan;
        struct ord_plan_in in = {.arena = &arena,
                                 .seed = seed,
                                 .node_count = 3,
                                 .time_ns = 10 * ORD_S};
        uint32_t of_entry[3] = {0};

        cr_assert_eq(
            ord_entries_draw(entries, 3, seed, true, &arena, out, &err),
            ORD_OK);
        cr_assert_eq(ord_fault_plan(out, 3, &in, &plan, NULL, &err), ORD_OK);
        for (uint32_t i = 0; i < plan.count; i++)
            of_entry[plan.faults[i].entry]++;
        for (uint32_t i = 0; i < 3; i++) {
            cr_assert_eq(of_entry[i] == 0, out[i].is_left_out);
            cr_assert(out[i].every_low_ns >= 100 * ORD_MS);
            cr_assert(out[i].every_low_ns <= out[i].every_high_ns);
            cr_assert(out[i].every_high_ns <= 900 * ORD_MS);
        }
        with += plan.count > 60;
        without += plan.count < 20;
    }
    cr_expect(with > 0, "some seeds are wild");
    cr_expect(without > 0, "and some are calm");
}

Test(draw, what_could_be_drawn_is_checked_before)
{
    static const char *const values[] = {"one", "nobody"};
    const struct ord_choice choice = {0, values, 2};
    struct ord_fault_param param = {"who", "one"};
    struct ord_nemesis_entry entry = {.fault = "kill",
                                      .params = &param,
                                      .param_count = 1,
                                      .choices = &choice,
                                      .choice_count = 1};
    struct ord_nemesis_entry range =
        entry_of(&arena, "flaky loss=1%..200% at=1 for=1");
    const struct ord_plan_in in = {.arena = &arena, .node_count = 3};

    cr_expect_eq(ord_entry_check(&entry, &in, &err), ORD_EUSAGE);
    cr_expect_not_null(strstr(err.text, "nobody"), "%s", err.text);
    cr_expect_eq(ord_entry_check(&range, &in, &err), ORD_EUSAGE);
    cr_expect_not_null(strstr(err.text, "loss"), "%s", err.text);
}
