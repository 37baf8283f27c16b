/* The fault `member` on a cluster that pretends: its commands fail, or do what
 * they are told and say that they did not; nodes die meanwhile. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/engine.h"
#include "nemesis/params.h"
#include "support_nemesis.h"

struct ord_member_job {
    enum ord_member_verb verb;
    uint32_t via;
    uint32_t node;
    uint32_t looks_left;
};

static struct ord_arena arena;
static struct fake fake;
static struct ord_rng rng;
static uint64_t members, joining, wiped;
static uint32_t trouble;   /* percent of commands that fail */
static uint32_t jobs;      /* that run */
static const char *broken; /* "": no rule was broken */
static char evidence[512];
static uint32_t held;

static bool chance(uint32_t percent)
{
    return ord_rng_below(&rng, 100) < percent;
}

static int begin(void *ctx, enum ord_member_verb verb, uint32_t via,
                 uint32_t node, struct ord_member_job **out,
                 struct ord_err *err)
{
    (void)ctx;
    (void)err;
    *out = malloc(sizeof **out);
    **out = (struct ord_member_job){
        .verb = verb,
        .via = via,
        .node = node,
        .looks_left = (uint32_t)ord_rng_below(&rng, 4),
    };
    jobs++;
    return ORD_OK;
}

static void do_it(const struct ord_member_job *job)
{
    uint64_t node = ord_one_node(job->node);

    if (job->verb == ORD_MEMBER_LEAVE) {
        members &= ~node;
        joining &= ~node;
    }
    if (job->verb == ORD_MEMBER_JOIN && (members & node) == 0)
        joining |= node;
}

static int look(struct ord_member_job *job, struct ord_member_answer *out,
                struct ord_err *err)
{
    uint64_t level = joining & fake.running;

    (void)err;
    if (job->looks_left-- > 0)
        return ORD_OK;
    out->is_over = true;
    members |= level; /* who runs has caught up by now */
    joining &= ~level;
    out->is_yes = ord_has_node(fake.running, job->via) && !chance(trouble);
    if (out->is_yes || (chance(50) && ord_has_node(fake.running, job->via)))
        do_it(job);
    out->members = members;
    out->joining = joining;
    return ORD_OK;
}

static void drop(struct ord_member_job **job)
{
    free(*job);
    *job = NULL;
    jobs--;
}

static int wipe(void *ctx, uint32_t node, struct ord_err *err)
{
    uint64_t it = ord_one_node(node);

    (void)ctx;
    (void)err;
    if (((members | joining) & it) != 0)
        broken = "a member's data was wiped";
    if ((fake.running & it) != 0)
        broken = "a running node's data was wiped";
    wiped |= it;
    return ORD_OK;
}

static int64_t fake_clock(void *ctx)
{
    (void)ctx;
    return fake.now_ns;
}

static void on_event(void *ctx, const struct ord_nemesis_event *event)
{
    (void)ctx;
    if (event->kind != ORD_FAULT_ENDED ||
        strcmp(event->fault->ops->name, "member") != 0)
        return;
    held += event->held;
    (void)snprintf(evidence, sizeof evidence, "%s", event->evidence);
}

static void setup(void)
{
    static const struct ord_member_actions actions = {
        .begin = begin, .look = look, .drop = drop, .wipe = wipe};

    ord_arena_init(&arena, 1 << 30);
    fake_init(&fake, 5);
    fake.env.members = &actions;
    fake.env.spare = fake.env.absent = 0x18; /* n4 n5 */
    fake.running = members = 7;
    joining = wiped = 0;
    held = jobs = trouble = 0;
    evidence[0] = '\0';
    broken = "";
    rng = ord_rng_stream(1, "member", 0);
}

static void teardown(void)
{
    fake_fini(&fake);
    ord_arena_fini(&arena);
}

TestSuite(member, .init = setup, .fini = teardown, .timeout = 60);

static struct ord_nemesis_engine *engine_of(const char *const *texts,
                                            uint32_t count, uint64_t seed)
{
    struct ord_nemesis_entry *entries =
        ord_arena_zalloc(&arena, count, sizeof *entries);
    struct ord_plan_in in = {.arena = &arena,
                             .seed = seed,
                             .node_count = 5,
                             .home_count = 3,
                             .time_ns = 4 * ORD_S};
    struct ord_nemesis_engine *engine = NULL;
    struct ord_fault_plan plan = {0};
    struct ord_nemesis_config config = {.plan = &plan,
                                        .env = &fake.env,
                                        .clock_ns = fake_clock,
                                        .on_event = on_event};
    struct ord_err err;

    for (uint32_t i = 0; i < count; i++)
        entries[i] = entry_of(&arena, texts[i]);
    cr_assert_eq(ord_fault_plan(entries, count, &in, &plan, NULL, &err), ORD_OK,
                 "%s", err.text);
    cr_assert_eq(ord_nemesis_engine_new(&config, &engine, &err), ORD_OK);
    ord_nemesis_start(engine, 0);
    return engine;
}

static void run_to(struct ord_nemesis_engine *engine, int64_t until_ms)
{
    for (; fake.now_ns <= until_ms * ORD_MS; fake.now_ns += ORD_MS) {
        for (int i = 0; i < 20; i++)
            if (ord_nemesis_step(engine, fake.now_ns) > fake.now_ns)
                break;
    }
}

static void expect_home(void)
{
    cr_expect_eq(members, 7, "members %llx", (unsigned long long)members);
    cr_expect_eq(joining, 0);
    cr_expect_eq(fake.running, 7, "running %llx",
                 (unsigned long long)fake.running);
    cr_expect_eq(fake.env.absent, 0x18);
    cr_expect_eq(jobs, 0);
    cr_expect_str_empty(broken);
}

Test(member, removed_and_back)
{
    struct ord_nemesis_engine *engine = engine_of(
        (const char *const[]){"member kind=remove who=n2 at=100 for=1000"}, 1,
        1);
    struct ord_err err;

    run_to(engine, 700);
    cr_expect_eq(members, 5);
    cr_expect_eq(fake.running, 5);
    cr_expect_eq(wiped, 2);
    cr_expect_eq(fake.env.absent, 0x1a);
    cr_expect_eq(ord_env_start(&fake.env, 2, &err), ORD_OK);
    cr_expect_eq(fake.running, 5, "who is no member is not started");
    run_to(engine, 1200);
    expect_home();
    cr_expect_eq(held, 1);
    cr_expect_not_null(strstr(evidence, "members n1 n2 n3; n1 n3 after 0.0"),
                       "%s", evidence);
    ord_nemesis_engine_free(&engine);
}

Test(member, replaced_at_once)
{
    struct ord_nemesis_engine *engine = engine_of(
        (const char *const[]){"member kind=replace who=n1 at=100 for=1000"}, 1,
        1);

    run_to(engine, 600);
    cr_expect_eq(members, 7);
    cr_expect_eq(wiped, 1);
    run_to(engine, 1200);
    expect_home();
    cr_expect_eq(held, 1);
    cr_expect_not_null(strstr(evidence, "with new data"), "%s", evidence);
    ord_nemesis_engine_free(&engine);
}

Test(member, added_and_out_again)
{
    struct ord_nemesis_engine *engine = engine_of(
        (const char *const[]){"member kind=add who=n5 at=100 for=1000"}, 1, 1);

    run_to(engine, 700);
    cr_expect_eq(members, 0x17);
    cr_expect_eq(fake.running, 0x17);
    run_to(engine, 1200);
    expect_home();
    cr_expect_eq(wiped, 0x10);
    cr_expect_eq(held, 1);
    ord_nemesis_engine_free(&engine);
}

Test(member, what_never_was_is_not_said_to_have_held)
{
    struct ord_nemesis_engine *engine = engine_of(
        (const char *const[]){"member kind=remove who=n2 at=100 for=1000"}, 1,
        1);

    trouble = 100; /* not even the list is to be had */
    run_to(engine, 1150);
    cr_expect_eq(held, 0);
    cr_expect_not_null(strstr(evidence, "did not say"), "%s", evidence);
    trouble = 0;
    cr_expect_eq(
        ord_nemesis_heal_all(engine, fake.now_ns, &(struct ord_err){0}),
        ORD_OK);
    expect_home();
    ord_nemesis_engine_free(&engine);
}

/* Healed at any moment, after any trouble: what was there is there again, and
 * nobody's data is wiped who is still a member. */
Test(member, healed_from_wherever_it_was)
{
    static const char *const texts[] = {
        "member kind=replace every=50-400 for=200-900",
        "member kind=add every=50-400 for=200-900",
        "member kind=remove who=n2 at=700",
        "kill every=100-300 for=50-300",
        "pause every=100-300 for=50-300",
    };
    uint32_t total = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct ord_nemesis_engine *engine;
        struct ord_err err = {0};

        teardown();
        setup();
        rng = ord_rng_stream(seed, "member", 0);
        trouble = (uint32_t)ord_rng_below(&rng, 70);
        engine = engine_of(texts, 5, seed);
        run_to(engine, (int64_t)ord_rng_below(&rng, 3000));
        trouble = (uint32_t)ord_rng_below(&rng, 30);
        cr_assert_eq(ord_nemesis_heal_all(engine, fake.now_ns, &err), ORD_OK,
                     "seed %llu: %s", (unsigned long long)seed, err.text);
        cr_assert_str_empty(broken, "seed %llu: %s", (unsigned long long)seed,
                            broken);
        expect_home();
        cr_assert_eq(ord_nemesis_heal_all(engine, fake.now_ns, &err), ORD_OK);
        expect_home();
        total += held;
        ord_nemesis_engine_free(&engine);
    }
    cr_expect_gt(total, 20, "%u", total);
}

Test(member, spares_are_needed_to_add_and_members_to_remove)
{
    struct ord_nemesis_entry entries[] = {
        entry_of(&arena, "member kind=add who=n3"),
        entry_of(&arena, "member kind=remove who=n4"),
        entry_of(&arena, "member kind=add who=leader"),
    };
    struct ord_plan_in in = {
        .arena = &arena, .node_count = 5, .home_count = 3, .time_ns = ORD_S};
    struct ord_fault_plan plan;
    struct ord_err err;

    for (uint32_t i = 0; i < 3; i++) {
        plan = (struct ord_fault_plan){0};
        cr_expect_eq(ord_fault_plan(&entries[i], 1, &in, &plan, NULL, &err),
                     ORD_EUSAGE, "%u", i);
    }
}
