/* `promote`: whom it asks, in which order, and what healing does. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/params.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

/* A database of which some nodes may be promoted. */
static struct fake fake;
static struct ord_arena arena;
static uint64_t willing;
static int64_t epochs[8]; /* of primaries; 0: none */
static struct ord_fault_plan plan;
static struct ord_fault_state state;
static struct ord_err err;

static int ask_target(void *ctx, const char *what, uint32_t node,
                      int64_t timeout_ns, struct ord_node_answer *answer,
                      struct ord_err *why)
{
    (void)ctx;
    (void)why;
    cr_expect(timeout_ns > 0);
    *answer = (struct ord_node_answer){0};
    if (strcmp(what, "primary") == 0) {
        answer->is_yes = epochs[node] != 0;
        answer->number = epochs[node];
        return ORD_OK;
    }
    cr_expect_str_eq(what, "promote");
    ord_buf_printf(&fake.said, "promote n%u; ", node);
    answer->is_yes = ord_has_node(willing, node);
    (void)snprintf(answer->text, sizeof answer->text, "not fit");
    return ORD_OK;
}

static void set_up(void)
{
    fake_init(&fake, 3);
    fake.env.ask_target = ask_target;
    ord_arena_init(&arena, 1 << 26);
    willing = 0;
    memset(epochs, 0, sizeof epochs);
    epochs[1] = 1;
}

static void tear_down(void)
{
    fake_fini(&fake);
    ord_arena_fini(&arena);
}

TestSuite(promote, .init = set_up, .fini = tear_down, .timeout = 10);

static int begin(const char *text, uint32_t primary)
{
    struct ord_fault *fault;

    plan = plan_of(&arena, text, 3, 3);
    fault = &plan.faults[0];
    cr_assert_eq(ord_fault_resolve(fault, &arena, 3, primary, &err), ORD_OK);
    state = (struct ord_fault_state){.fault = fault, .arena = &arena};
    return fault->ops->inject(&fake.env, &state, &err);
}

static bool took_hold(const char **evidence)
{
    static struct ord_buf text;
    bool held = false;

    ord_buf_init(&text, 4096);
    cr_assert_eq(
        state.fault->ops->took_hold(&fake.env, &state, &held, &text, &err),
        ORD_OK);
    *evidence = ord_arena_strdup(&arena, ord_buf_str(&text));
    ord_buf_fini(&text);
    return held;
}

Test(promote, asks_those_that_are_not_the_primary_until_one_agrees)
{
    const char *evidence;

    willing = ord_one_node(1) | ord_one_node(3);
    cr_assert_eq(begin("promote at=100", 1), ORD_OK, "%s", err.text);
    cr_expect_not_null(strstr(fake_said(&arena, &fake), "promote n3; "));
    cr_assert_eq(state.step_ns, 100 * ORD_MS);
    cr_expect_not(took_hold(&evidence));
    cr_assert_eq(state.fault->ops->step(&fake.env, &state, 100 * ORD_MS, &err),
                 ORD_OK);
    cr_expect_not(took_hold(&evidence), "it has not said so yet");
    cr_expect_eq(state.step_ns, 200 * ORD_MS);
    epochs[3] = 2;
    cr_assert_eq(state.fault->ops->step(&fake.env, &state, 200 * ORD_MS, &err),
                 ORD_OK);
    cr_expect(took_hold(&evidence));
    cr_expect_str_eq(evidence, "n3 agreed, and said within 0.2 s that it is "
                               "the primary");
}

Test(promote, heal_restarts_all_but_the_newest_primary)
{
    willing = ord_one_node(2);
    cr_assert_eq(begin("promote who=n2 at=100", 1), ORD_OK);
    cr_expect_str_eq(fake_said(&arena, &fake), "promote n2; ");
    epochs[2] = 2; /* and n1 goes on: there are two */
    cr_assert_eq(state.fault->ops->heal(&fake.env, &state, &err), ORD_OK);
    cr_expect_str_eq(fake_said(&arena, &fake),
                     "kill n1 n3; start n1; start n3; ");
    cr_assert_eq(state.fault->ops->heal(&fake.env, &state, &err), ORD_OK);
    cr_expect_eq(fake.running, 7);
}

Test(promote, a_node_that_another_fault_keeps_down_stays_down)
{
    uint64_t struck;

    willing = 7;
    cr_assert_eq(
        ord_env_claim(&fake.env, 99, true, ord_one_node(1), &struck, &err),
        ORD_OK);
    (void)fake_said(&arena, &fake);
    epochs[1] = 0;
    cr_assert_eq(begin("promote at=100", 0), ORD_OK);
    cr_expect_null(strstr(fake_said(&arena, &fake), "n1"), "n1 is dead");
    epochs[2] = 2;
    cr_assert_eq(state.fault->ops->heal(&fake.env, &state, &err), ORD_OK);
    cr_expect_str_eq(fake_said(&arena, &fake), "kill n3; start n3; ");
}

Test(promote, nobody_agrees_and_nobody_to_follow)
{
    const char *evidence;

    cr_expect_eq(begin("promote at=100", 1), ORD_EIO);
    cr_expect_not_null(strstr(err.text, "no node agreed; the last said: not "
                                        "fit"));
    cr_expect_not(took_hold(&evidence));
    (void)fake_said(&arena, &fake);
    epochs[1] = 0;
    cr_assert_eq(state.fault->ops->heal(&fake.env, &state, &err), ORD_OK);
    cr_expect_str_eq(fake_said(&arena, &fake), "", "nobody is restarted");
}

Test(promote, parameters)
{
    cr_expect_not_null(strstr(plan_error(&arena, "promote who=leader", 3),
                              "expected one, or names out of n1 to n3"));
    cr_expect_not_null(
        strstr(plan_error(&arena, "promote", 1), "2 nodes or more"));
}
