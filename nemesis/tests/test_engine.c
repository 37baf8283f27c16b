/* The engine and the claims, on a cluster that pretends and a clock that only
 * moves when told to.  The expectations are what the cluster was told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "nemesis/engine.h"
#include "support_nemesis.h"

static struct ord_arena arena;
static struct fake fake;
static struct ord_nemesis_engine *engine;
static struct ord_ledger *ledger;
static struct ord_err err;
static struct ord_buf events; /* "10 began kill n1; " in ms */
static char ledger_path[64];

static int64_t fake_clock(void *ctx)
{
    (void)ctx;
    return fake.now_ns;
}

static void on_event(void *ctx, const struct ord_nemesis_event *event)
{
    static const char *const kinds[] = {"began", "ended", "failed",
                                        "not begun"};

    (void)ctx;
    ord_buf_printf(&events, "%d %s %s %s", (int)(fake.now_ns / ORD_MS),
                   kinds[event->kind], event->fault->ops->name,
                   event->fault->what);
    if (event->kind == ORD_FAULT_ENDED)
        ord_buf_text(&events, event->held ? " (held)" : " (no hold)");
    ord_buf_printf(&events, "%s%s; ", event->error == NULL ? "" : " error ",
                   event->error == NULL ? "" : event->error);
}

static void setup(void)
{
    ord_arena_init(&arena, 1 << 30);
    ord_buf_init(&events, 1 << 20);
    fake_init(&fake, 3);
    (void)snprintf(ledger_path, sizeof ledger_path, "/tmp/ordeal-ledger-%d",
                   (int)getpid());
}

static void teardown(void)
{
    ord_nemesis_engine_free(&engine);
    ord_ledger_close(&ledger);
    (void)unlink(ledger_path);
    fake_fini(&fake);
    ord_buf_fini(&events);
    ord_arena_fini(&arena);
}

TestSuite(engine, .init = setup, .fini = teardown, .timeout = 20);

/* An engine for these entries, started at time 0, with a ledger. */
static void given(const char *const *texts, uint32_t count, uint64_t seed)
{
    static struct ord_nemesis_entry entries[8];
    static struct ord_fault_plan plan;
    struct ord_plan_in in = {.arena = &arena,
                             .seed = seed,
                             .node_count = fake.env.node_count,
                             .time_ns = 10 * ORD_S};
    struct ord_nemesis_config config = {.plan = &plan,
                                        .env = &fake.env,
                                        .clock_ns = fake_clock,
                                        .on_event = on_event};

    for (uint32_t i = 0; i < count; i++)
        entries[i] = entry_of(&arena, texts[i]);
    cr_assert_eq(ord_fault_plan(entries, count, &in, &plan, NULL, &err), ORD_OK,
                 "%s", err.text);
    cr_assert_eq(ord_ledger_open(ledger_path, &ledger, &err), ORD_OK);
    config.ledger = ledger;
    cr_assert_eq(ord_nemesis_engine_new(&config, &engine, &err), ORD_OK);
    ord_nemesis_start(engine, 0);
}

/* Lets time pass; jumps from deadline to deadline. */
static void pass(int64_t until_ms)
{
    for (uint32_t i = 0; i < 10000; i++) {
        int64_t next_ns = ord_nemesis_step(engine, fake.now_ns);

        if (next_ns <= fake.now_ns)
            continue;
        if (next_ns > until_ms * ORD_MS)
            break;
        fake.now_ns = next_ns;
    }
    fake.now_ns = until_ms * ORD_MS;
}

static const char *said(void)
{
    return fake_said(&arena, &fake);
}

Test(engine, begins_and_ends_when_due_and_tells)
{
    const char *texts[] = {"kill who=n1 at=100 for=200",
                           "pause who=n2 at=150 for=100"};

    given(texts, 2, 1);
    pass(99);
    cr_expect_str_eq(said(), "");
    pass(1000);
    cr_expect_str_eq(said(), "kill n1; pause n2; resume n2; start n1; ");
    cr_expect_str_eq(ord_buf_str(&events),
                     "100 began kill n1; 150 began pause n2; 250 ended pause "
                     "n2 (held); 300 ended kill n1 (held); ");
    cr_expect_eq(ord_nemesis_step(engine, fake.now_ns), ORD_NEVER);
}

Test(engine, two_kills_of_a_node_start_it_when_the_last_is_over)
{
    const char *texts[] = {"kill who=n1 at=100 for=200",
                           "kill who=n1,n2 at=200 for=300"};

    given(texts, 2, 1);
    pass(400);
    cr_expect_str_eq(said(), "kill n1; kill n2; ", "n1 stays down");
    pass(600);
    cr_expect_str_eq(said(), "start n1; start n2; ");
}

Test(engine, thawed_before_it_is_killed_and_not_frozen_again)
{
    const char *texts[] = {"pause who=n1 at=100 for=500",
                           "kill who=n1 at=200 for=100"};

    given(texts, 2, 1);
    pass(400);
    cr_expect_str_eq(said(), "pause n1; resume n1; kill n1; start n1; ");
    cr_expect_eq(fake.paused, 0);
    pass(700);
    cr_expect_str_eq(said(), "");
    cr_expect_not_null(strstr(ord_buf_str(&events), "ended pause n1 (held)"));
}

Test(engine, paused_while_down_stays_down)
{
    const char *texts[] = {"kill who=n1 at=100 for=500",
                           "pause who=n1 at=200 for=100"};

    given(texts, 2, 1);
    pass(400);
    cr_expect_str_eq(said(), "kill n1; ");
    cr_expect_not_null(
        strstr(ord_buf_str(&events), "not begun pause n1 error n1 is down"));
    pass(700);
    cr_expect_str_eq(said(), "start n1; ");
}

Test(engine, two_pauses_thaw_when_the_last_is_over)
{
    const char *texts[] = {"pause who=n1 at=100 for=200",
                           "pause who=all at=200 for=300"};

    given(texts, 2, 1);
    pass(400);
    cr_expect_str_eq(said(), "pause n1; pause n1 n2 n3; ");
    pass(600);
    cr_expect_str_eq(said(), "resume n1 n2 n3; ");
}

Test(engine, a_node_that_crashed_by_itself_is_not_started_by_a_resume)
{
    const char *texts[] = {"pause who=n1 at=100 for=200"};

    given(texts, 1, 1);
    pass(200);
    fake.paused = 0; /* it is gone */
    pass(400);
    cr_expect_str_eq(said(), "pause n1; ");
    cr_expect_not_null(strstr(ord_buf_str(&events), "(no hold)"));
}

Test(engine, the_leader_is_the_one_of_the_moment)
{
    const char *texts[] = {"kill who=leader at=100 at=500 for=100"};

    given(texts, 1, 1);
    ord_nemesis_leader_changed(engine, 2, 0);
    pass(300);
    ord_nemesis_leader_changed(engine, 3, fake.now_ns);
    pass(1000);
    cr_expect_str_eq(said(), "kill n2; start n2; kill n3; start n3; ");
}

Test(engine, without_a_leader_the_seed_decides)
{
    const char *texts[] = {"kill who=leader at=100 for=100"};
    const char *first;

    given(texts, 1, 4);
    pass(1000);
    first = said();
    cr_expect_not_null(strstr(first, "kill n"));
    ord_nemesis_engine_free(&engine);
    ord_ledger_close(&ledger);
    fake.now_ns = 0;
    given(texts, 1, 4);
    pass(1000);
    cr_expect_str_eq(said(), first);
}

Test(engine, leader_changes_trigger_but_not_the_first_nor_a_return)
{
    const char *texts[] = {"pause who=leader on=leader wait=50 for=100"};

    given(texts, 1, 1);
    cr_expect_eq(ord_nemesis_step(engine, 0), ORD_NEVER);
    ord_nemesis_leader_changed(engine, 1, fake.now_ns);
    pass(100);
    ord_nemesis_leader_changed(engine, 0, fake.now_ns);
    ord_nemesis_leader_changed(engine, 1, fake.now_ns);
    pass(200);
    cr_expect_str_eq(said(), "");
    ord_nemesis_leader_changed(engine, 0, fake.now_ns);
    ord_nemesis_leader_changed(engine, 2, fake.now_ns);
    pass(280);
    cr_expect_str_eq(said(), "pause n2; ");
    ord_nemesis_leader_changed(engine, 3, fake.now_ns); /* still in force */
    pass(1000);
    cr_expect_str_eq(said(), "resume n2; ",
                     "one entry does not overlap itself");
    ord_nemesis_leader_changed(engine, 1, fake.now_ns);
    pass(2000);
    cr_expect_str_eq(said(), "pause n1; resume n1; ");
    cr_expect_eq(ord_nemesis_counts(engine).planned, 2);
    cr_expect_eq(ord_nemesis_counts(engine).held, 2);
}

Test(engine, a_rolling_kill_on_an_event_rolls)
{
    const char *texts[] = {"kill who=rolling on=leader for=300"};

    given(texts, 1, 1);
    ord_nemesis_leader_changed(engine, 1, 0);
    ord_nemesis_leader_changed(engine, 2, 0);
    pass(1000);
    cr_expect_eq(ord_nemesis_counts(engine).begun, 3);
    cr_expect_eq(ord_nemesis_counts(engine).held, 3);
    cr_expect_eq(fake.running, 7);
}

Test(engine, an_operation_count_triggers_once)
{
    const char *texts[] = {"kill who=n3 on=ops:100 wait=10 for=20"};

    given(texts, 1, 1);
    ord_nemesis_ops_done(engine, 99, fake.now_ns);
    pass(100);
    cr_expect_str_eq(said(), "");
    ord_nemesis_ops_done(engine, 150, fake.now_ns);
    ord_nemesis_ops_done(engine, 160, fake.now_ns);
    pass(1000);
    ord_nemesis_ops_done(engine, 300, fake.now_ns);
    pass(2000);
    cr_expect_str_eq(said(), "kill n3; start n3; ");
    cr_expect_not_null(strstr(ord_buf_str(&events), "110 began kill n3"));
}

Test(engine, heal_all_ends_everything_and_forgets_the_rest)
{
    const char *texts[] = {"kill who=n1 at=100", "pause who=n2 at=100",
                           "kill who=n3 at=5000"};

    given(texts, 3, 1);
    pass(1000);
    fake.running &= ~UINT64_C(4); /* n3 crashed by itself */
    cr_expect_str_eq(said(), "kill n1; pause n2; ");
    cr_expect_eq(ord_nemesis_heal_all(engine, fake.now_ns, &err), ORD_OK);
    cr_expect_str_eq(said(), "resume n2; start n1; start n3; ");
    cr_expect_eq(fake.running, 7);
    cr_expect_eq(ord_nemesis_counts(engine).in_force, 0);
    cr_expect_eq(ord_nemesis_counts(engine).held, 2);
    pass(9000);
    cr_expect_eq(ord_nemesis_heal_all(engine, fake.now_ns, &err), ORD_OK);
    cr_expect_str_eq(said(), "", "twice is fine");
}

Test(engine, heal_all_goes_on_after_errors_and_reports_the_first)
{
    const char *texts[] = {"kill who=n1,n2 at=100", "pause who=n3 at=100"};

    given(texts, 2, 1);
    pass(1000);
    (void)said();
    fake.fail_start = 1;
    cr_expect_eq(ord_nemesis_heal_all(engine, fake.now_ns, &err),
                 ORD_ENOTFOUND);
    cr_expect_not_null(strstr(err.text, "n1"), "%s", err.text);
    cr_expect_eq(fake.running, 6, "n2 and n3 run all the same");
    fake.fail_start = 0;
    cr_expect_eq(ord_nemesis_heal_all(engine, fake.now_ns, &err), ORD_OK);
    cr_expect_eq(fake.running, 7);
}

Test(engine, what_cannot_be_injected_is_told_and_healed)
{
    const char *texts[] = {"kill who=n1 at=100 for=100",
                           "pause who=n2 at=200 for=100"};

    given(texts, 2, 1);
    fake.fail_kill = true;
    pass(1000);
    cr_expect_str_eq(said(), "kill n1; pause n2; resume n2; ");
    cr_expect_not_null(strstr(ord_buf_str(&events),
                              "failed kill n1 error kill: it will not die"),
                       "%s", ord_buf_str(&events));
    cr_expect_eq(ord_nemesis_counts(engine).failed, 1);
    cr_expect_eq(ord_env_down(&fake.env), 0, "no claim is left");
}

Test(engine, ends_come_before_begins_of_the_same_time)
{
    const char *texts[] = {"kill who=n1 at=100 for=100",
                           "pause who=n1 at=200 for=100"};

    given(texts, 2, 1);
    pass(1000);
    cr_expect_str_eq(said(), "kill n1; start n1; pause n1; resume n1; ");
}

/* It would else be told that the node was frozen while it served again. */
Test(engine, a_pause_ends_when_its_node_is_killed)
{
    const char *texts[] = {"pause who=n1 at=100 for=900",
                           "kill who=n1 at=300 for=200"};
    struct ord_ledger_list list;

    given(texts, 2, 1);
    pass(2000);
    cr_expect_str_eq(said(), "pause n1; resume n1; kill n1; start n1; ");
    cr_assert_eq(ord_ledger_read(ledger_path, &arena, &list, &err), ORD_OK);
    cr_expect_eq(list.faults[0].healed_ns, 300 * ORD_MS);
    cr_expect(list.faults[0].is_held);
    cr_expect_not_null(strstr(list.faults[0].evidence, "until another fault"),
                       "%s", list.faults[0].evidence);
    cr_expect_eq(list.faults[1].healed_ns, 500 * ORD_MS);
}

Test(engine, the_ledger_tells_the_whole_story)
{
    const char *texts[] = {"kill who=n1 at=100 for=200", "pause who=n2 at=150"};
    struct ord_ledger_list list;

    given(texts, 2, 1);
    pass(1000);
    cr_assert_eq(ord_ledger_read(ledger_path, &arena, &list, &err), ORD_OK,
                 "%s", err.text);
    cr_assert_eq(list.count, 2);
    cr_expect_eq(list.faults[0].intent_ns, 100 * ORD_MS);
    cr_expect_eq(list.faults[0].injected_ns, 100 * ORD_MS);
    cr_expect_eq(list.faults[0].healed_ns, 300 * ORD_MS);
    cr_expect(list.faults[0].is_held);
    cr_expect_not_null(strstr(list.faults[0].evidence, "gone"));
    cr_expect_str_eq(list.faults[1].fault.what, "n2");
    cr_expect_eq(list.faults[1].healed_ns, -1);
    cr_expect_not(list.is_cut);
}

/* A new operator that knows nothing but the file puts everything right. */
Test(engine, heal_works_from_the_ledger_alone)
{
    const char *texts[] = {"kill who=n1 at=100", "pause who=n2 at=150",
                           "kill who=n3 at=200 for=100"};
    struct ord_ledger_list list;
    struct fake fresh;

    given(texts, 3, 1);
    pass(1000);
    cr_assert_eq(fake.running, 4);
    cr_assert_eq(ord_ledger_read(ledger_path, &arena, &list, &err), ORD_OK);
    fake_init(&fresh, 3);
    fresh.running = 4;
    fresh.paused = 2;
    cr_expect_eq(ord_ledger_heal(&list, &fresh.env, &arena, &err), ORD_OK);
    cr_expect_str_eq(fake_said(&arena, &fresh), "start n1; resume n2; ");
    cr_expect_eq(ord_ledger_heal(&list, &fresh.env, &arena, &err), ORD_OK);
    cr_expect_str_eq(fake_said(&arena, &fresh), "", "idempotent");
    fake_fini(&fresh);
}

Test(engine, a_ledger_cut_anywhere_reads_up_to_its_last_whole_line)
{
    const char *texts[] = {"kill who=n1 at=100 for=200",
                           "pause who=n2 at=150 for=100"};
    struct ord_buf whole;
    char cut_path[80];
    uint32_t best = 0;

    given(texts, 2, 1);
    pass(1000);
    ord_buf_init(&whole, 1 << 20);
    cr_assert_eq(ord_file_read(ledger_path, &whole, &err), ORD_OK);
    (void)snprintf(cut_path, sizeof cut_path, "%s.cut", ledger_path);
    for (size_t size = 0; size <= whole.size; size += 7) {
        struct ord_ledger_list list;
        struct ord_arena one;
        FILE *file = fopen(cut_path, "we");

        cr_assert_not_null(file);
        cr_assert_eq(fwrite(whole.at, 1, size, file), size);
        (void)fclose(file);
        ord_arena_init(&one, 64 << 20);
        cr_assert_eq(ord_ledger_read(cut_path, &one, &list, &err), ORD_OK,
                     "cut at %zu: %s", size, err.text);
        cr_expect_eq(list.is_cut, size > 0 && whole.at[size - 1] != '\n');
        cr_expect(list.count >= best, "never less");
        best = list.count;
        ord_arena_fini(&one);
    }
    (void)unlink(cut_path);
    ord_buf_fini(&whole);
}

Test(engine, a_line_that_is_not_ours_is_an_error_with_its_number)
{
    struct ord_ledger_list list;
    FILE *file = fopen(ledger_path, "we");

    cr_assert_not_null(file);
    (void)fputs("{\"event\":\"healed\",\"time_ns\":1,\"id\":4}\nrubbish\n",
                file);
    (void)fclose(file);
    cr_expect_eq(ord_ledger_read(ledger_path, &arena, &list, &err),
                 ORD_EFORMAT);
    cr_expect_not_null(strstr(err.text, ":1: fault 4 has no intent"), "%s",
                       err.text);
}

Test(engine, a_fault_takes_its_steps_and_those_before_its_end)
{
    const char *texts[] = {"process kind=storm times=3 who=n1 at=100 for=300",
                           "kill who=n2 at=150 for=100"};

    given(texts, 2, 1);
    pass(150);
    cr_expect_str_eq(said(), "kill n1; start n1; kill n2; ");
    pass(299);
    cr_expect_str_eq(said(), "kill n1; start n1; start n2; ");
    pass(1000);
    cr_expect_str_eq(said(), "kill n1; start n1; ");
    cr_expect_not_null(strstr(ord_buf_str(&events), "400 ended process"), "%s",
                       ord_buf_str(&events));
}

Test(engine, a_storm_starts_nobody_whom_another_fault_wants_down)
{
    const char *texts[] = {"process kind=storm times=4 who=n1 at=100 for=400",
                           "kill who=n1,n2 at=150 for=200"};

    given(texts, 2, 1);
    pass(340);
    cr_expect_str_eq(said(), "kill n1; start n1; kill n1 n2; ");
    pass(1000);
    cr_expect_str_eq(said(), "start n1; start n2; kill n1; start n1; ");
}

Test(engine, a_line_in_a_log_strikes_once_at_who_wrote_it)
{
    const char *texts[] = {"kill who=that-node on=log:boom wait=10 for=20"};

    given(texts, 1, 1);
    pass(50);
    ord_nemesis_event_came(engine, 0, 3, fake.now_ns);
    ord_nemesis_event_came(engine, 0, 2, fake.now_ns);
    pass(59);
    cr_expect_str_eq(said(), "");
    pass(200);
    cr_expect_str_eq(said(), "kill n3; start n3; ");
    ord_nemesis_event_came(engine, 0, 2, fake.now_ns);
    pass(300);
    cr_expect_str_eq(said(), "", "the first one only");
}

Test(engine, events_strike_again_after_their_cooldown)
{
    const char *texts[] = {"pause who=that-node on=op:cas cool=100 for=20",
                           "kill who=n1 on=op:read for=20"};

    given(texts, 2, 1);
    pass(10);
    for (uint32_t i = 0; i < 30; i++) {
        ord_nemesis_event_came(engine, 0, i % 3 + 1, fake.now_ns);
        pass(10 + 10 * (i + 1));
    }
    cr_expect_str_eq(said(), "pause n1; resume n1; pause n2; resume n2; "
                             "pause n3; resume n3; ");
    ord_nemesis_event_came(engine, 1, 0, fake.now_ns);
    pass(1000);
    cr_expect_str_eq(said(), "kill n1; start n1; ");
}

Test(engine, an_event_of_nobody_strikes_nobody)
{
    const char *texts[] = {"kill who=that-node on=op:cas for=20"};

    given(texts, 1, 1);
    ord_nemesis_event_came(engine, 0, 0, 0);
    pass(100);
    cr_expect_str_eq(said(), "");
    cr_expect_not_null(strstr(ord_buf_str(&events), "which node it was"), "%s",
                       ord_buf_str(&events));
}

Test(engine, a_change_of_leader_is_the_new_ones_event)
{
    const char *texts[] = {"kill who=that-node on=leader for=20"};

    given(texts, 1, 1);
    ord_nemesis_leader_changed(engine, 1, 0);
    ord_nemesis_leader_changed(engine, 3, 0);
    pass(100);
    cr_expect_str_eq(said(), "kill n3; start n3; ");
}

Test(engine, a_ledger_that_cannot_be_written_stops_the_fault)
{
    const char *texts[] = {"kill who=n1 at=100 for=200"};

    given(texts, 1, 1);
    ord_nemesis_engine_free(&engine);
    ord_ledger_close(&ledger);
    if (access("/dev/full", W_OK) != 0 ||
        ord_ledger_open("/dev/full", &ledger, &err) != ORD_OK)
        cr_skip_test("no /dev/full here");
    {
        static struct ord_nemesis_entry entry;
        struct ord_fault_plan plan;
        struct ord_plan_in in = {
            .arena = &arena, .seed = 1, .node_count = 3, .time_ns = ORD_S};
        struct ord_nemesis_config config = {.plan = &plan,
                                            .env = &fake.env,
                                            .ledger = ledger,
                                            .clock_ns = fake_clock,
                                            .on_event = on_event};

        entry = entry_of(&arena, texts[0]);
        cr_assert_eq(ord_fault_plan(&entry, 1, &in, &plan, NULL, &err), ORD_OK);
        cr_assert_eq(ord_nemesis_engine_new(&config, &engine, &err), ORD_OK);
    }
    ord_nemesis_start(engine, 0);
    pass(1000);
    cr_expect_str_eq(said(), "", "not on record, not done");
    cr_expect_not_null(strstr(ord_buf_str(&events), "failed kill"));
}
