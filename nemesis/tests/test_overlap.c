/* Which faults may be in force beside which: foreseen by the plan, decided by
 * the engine, and told by both. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/engine.h"
#include "nemesis/overlap.h"
#include "support_nemesis.h"

static struct ord_arena arena;
static struct fake fake;
static struct ord_nemesis_engine *engine;
static struct ord_err err;
static struct ord_buf events;

static int64_t fake_clock(void *ctx)
{
    (void)ctx;
    return fake.now_ns;
}

static void on_event(void *ctx, const struct ord_nemesis_event *event)
{
    (void)ctx;
    if (event->kind == ORD_FAULT_NOT_BEGUN)
        ord_buf_printf(&events, "%s %s: %s; ", event->fault->ops->name,
                       event->fault->what, event->error);
}

static void setup(void)
{
    ord_arena_init(&arena, 1 << 30);
    ord_buf_init(&events, 1 << 20);
    fake_init(&fake, 5);
}

static void teardown(void)
{
    ord_nemesis_engine_free(&engine);
    fake_fini(&fake);
    ord_buf_fini(&events);
    ord_arena_fini(&arena);
}

TestSuite(overlap, .init = setup, .fini = teardown, .timeout = 20);

static struct ord_fault_plan planned(const char *const *texts, uint32_t count,
                                     uint32_t away_max)
{
    static struct ord_nemesis_entry entries[8];
    struct ord_plan_in in = {.arena = &arena,
                             .seed = 1,
                             .node_count = 5,
                             .time_ns = 10 * ORD_S,
                             .away_max = away_max};
    struct ord_fault_plan plan;

    for (uint32_t i = 0; i < count; i++)
        entries[i] = entry_of(&arena, texts[i]);
    cr_assert_eq(ord_fault_plan(entries, count, &in, &plan, NULL, &err), ORD_OK,
                 "%s", err.text);
    return plan;
}

struct row {
    char first[48], second[48];
    uint32_t away_max;
    char why[96]; /* the second is not begun; empty: it is */
};

ParameterizedTestParameters(overlap, pairs)
{
    static struct row rows[] = {
        {"kill who=n1 at=100 for=500", "pause who=n1 at=200", 0, "n1 is down"},
        {"kill who=n1 at=100 for=500", "pause who=n1,n2 at=200", 0, ""},
        {"kill who=n1 at=100 for=500", "pause who=n1 at=600", 0, ""},
        {"kill who=n1 at=100", "pause who=n1 at=9000", 0, "n1 is down"},
        {"kill who=n1 at=100 for=500", "kill who=n1 at=200", 0, "n1 is down"},
        {"kill who=n1 at=100 for=500", "kill who=n1,n2 at=200", 0, ""},
        {"pause who=n1 at=100 for=500", "kill who=n1 at=200", 0, ""},
        {"pause who=n1 at=100 for=500", "pause who=n1 at=200", 0,
         "n1 is frozen"},
        {"clock who=n1 at=100 for=500", "clock who=n1 kind=drift at=200", 0,
         "clock jump"},
        {"clock who=n1 at=100 for=500", "clock who=n2 at=200", 0, ""},
        {"clock who=n1 at=100 for=500", "clock who=n1 at=600", 0, ""},
        {"clock who=n1 at=100 for=500", "kill who=n1 at=200", 0, ""},
        {"kill who=n1,n2 at=100 for=500", "pause who=n3 at=200", 2,
         "3 nodes would be down, frozen or out at once, 2 may be"},
        {"kill who=n1,n2 at=100 for=500", "pause who=n3 at=200", 3, ""},
        {"pause who=n1,n2 at=100 for=500", "kill who=n2 at=200", 2, ""},
        {"partition at=100 for=10", "kill who=majority at=200", 2, "3 nodes"},
        {"kill who=n1,n2 at=100 for=500", "partition at=200", 2, ""},
    };

    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, overlap, pairs)
{
    const char *texts[] = {row->first, row->second};
    struct ord_fault_plan plan = planned(texts, 2, row->away_max);
    const char *why = plan.faults[1].not_begun;
    struct ord_buf line;

    cr_assert_null(plan.faults[0].not_begun);
    if (row->why[0] == '\0') {
        cr_expect_null(why, "%s, %s: %s", row->first, row->second, why);
        return;
    }
    cr_assert_not_null(why, "%s, %s", row->first, row->second);
    cr_expect_not_null(strstr(why, row->why), "%s", why);
    ord_buf_init(&line, 1 << 16);
    ord_fault_print(&plan.faults[1], &line);
    cr_expect_not_null(strstr(ord_buf_str(&line), why), "the plan tells");
    ord_buf_fini(&line);
}

Test(overlap, what_is_not_begun_hinders_nobody)
{
    const char *texts[] = {"kill who=n1 at=100 for=200",
                           "pause who=n1 at=200 for=900",
                           "pause who=n1 at=500 for=100"};
    struct ord_fault_plan plan = planned(texts, 3, 0);

    cr_expect_not_null(plan.faults[1].not_begun);
    cr_expect_null(plan.faults[2].not_begun);
}

static void given(struct ord_fault_plan plan, uint32_t away_max)
{
    struct ord_nemesis_config config = {.plan = &plan,
                                        .env = &fake.env,
                                        .away_max = away_max,
                                        .clock_ns = fake_clock,
                                        .on_event = on_event};

    cr_assert_eq(ord_nemesis_engine_new(&config, &engine, &err), ORD_OK);
    ord_nemesis_start(engine, 0);
}

static void pass(int64_t until_ms)
{
    for (uint32_t i = 0; i < 1000; i++) {
        int64_t next_ns = ord_nemesis_step(engine, fake.now_ns);

        if (next_ns > until_ms * ORD_MS)
            break;
        fake.now_ns = next_ns > fake.now_ns ? next_ns : fake.now_ns;
    }
    fake.now_ns = until_ms * ORD_MS;
    (void)ord_nemesis_step(engine, fake.now_ns);
}

Test(overlap, the_engine_decides_about_leaders_and_crashes)
{
    const char *texts[] = {
        "kill who=leader at=100 for=500", "pause who=n2 at=200 for=100",
        "pause who=n3 at=300 for=100", "kill who=n4,n5 at=400 for=50"};

    given(planned(texts, 4, 2), 2);
    ord_nemesis_leader_changed(engine, 2, 0);
    pass(250);
    fake.running &= ~UINT64_C(4); /* n3 is gone by itself */
    pass(900);
    cr_expect_str_eq(fake_said(&arena, &fake), "kill n2; start n2; ");
    cr_expect_str_eq(ord_buf_str(&events),
                     "pause n2: n2 is down; pause n3: n3 is down; kill n4 n5: "
                     "4 nodes would be down, frozen or out at once, 2 may be; "
                     "");
    cr_expect_eq(ord_nemesis_counts(engine).not_begun, 3);
}

/* ---- programs that end because of a fault -------------------------------- */

static int nothing(struct ord_nemesis_env *env, struct ord_fault_state *state,
                   struct ord_err *unused)
{
    (void)env;
    (void)state;
    (void)unused;
    return ORD_OK;
}

static int held(struct ord_nemesis_env *env, struct ord_fault_state *state,
                bool *is_held, struct ord_buf *evidence, struct ord_err *unused)
{
    (void)env;
    (void)state;
    (void)evidence;
    (void)unused;
    *is_held = true;
    return ORD_OK;
}

static const struct ord_nemesis_ops harsh = {
    .name = "harsh",
    .inject = nothing,
    .heal = nothing,
    .took_hold = held,
    .may_crash = true,
};

Test(overlap, a_node_that_a_fault_has_made_end_is_started_after_it)
{
    struct ord_fault fault = {.id = 1,
                              .ops = &harsh,
                              .at_ns = 100 * ORD_MS,
                              .duration_ns = 200 * ORD_MS,
                              .nodes = 2};

    given((struct ord_fault_plan){&fault, 1}, 0);
    pass(50);
    cr_expect_null(ord_nemesis_node_ended(engine, 2, fake.now_ns), "too early");
    pass(200);
    cr_expect_null(ord_nemesis_node_ended(engine, 1, fake.now_ns), "another");
    fake.running &= ~UINT64_C(2);
    cr_expect_not_null(ord_nemesis_node_ended(engine, 2, fake.now_ns));
    pass(299);
    cr_expect_str_eq(fake_said(&arena, &fake), "", "it would end again");
    pass(301);
    cr_expect_str_eq(fake_said(&arena, &fake), "start n2; ");
    fake.running &= ~UINT64_C(2);
    cr_expect_not_null(ord_nemesis_node_ended(engine, 2, fake.now_ns),
                       "it took a while to find out");
    pass(302);
    cr_expect_str_eq(fake_said(&arena, &fake), "start n2; ");
    pass(2000);
    cr_expect_null(ord_nemesis_node_ended(engine, 2, fake.now_ns));
}
