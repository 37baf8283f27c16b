/* test_burden.c -- graceful ends, throttles and limits, on all processes of a
 * node. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "support_trial.h"

TestSuite(burden, .timeout = 120);

static void try_it(int (*body)(struct trial *))
{
    struct trial_config config = {.cluster = {.node_count = 1, .seed = 5}};
    int result = trial_run(&config, body);

    if (result == -1)
        cr_skip_test("namespaces are refused here: see above");
    cr_assert_eq(result, 0);
}

static int start(struct trial *t, const char *script, const char *const *stop)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const struct ord_command command = {
        .argv = argv, .cwd = t->run_dir, .stop_argv = stop};

    CHECK(ord_node_start(t->cluster, 1, &command, &t->err) == ORD_OK);
    return 0;
}

/* Does the end of the log hold this line within 3 s? */
static bool log_gets(struct trial *t, const char *line)
{
    for (int i = 0; i < 300; i++) {
        struct ord_buf log;
        const char *text;
        bool has;

        trial_sleep_ms(10);
        ord_buf_init(&log, 64 << 20);
        has =
            ord_file_read(ord_node_log(t->cluster, 1), &log, &t->err) == ORD_OK;
        text = ord_buf_str(&log);
        if (log.size > 40)
            text += log.size - 40;
        has = has && strstr(text, line) != NULL;
        ord_buf_fini(&log);
        if (has)
            return true;
    }
    return false;
}

static double rate(int64_t part_ns, int64_t of_ns)
{
    return of_ns > 0 ? (double)part_ns / (double)of_ns : 0;
}

/* Two that spin, one of them with nobody to look after it. */
static const char spinners[] =
    "setsid sh -c '(while :; do :; done) &' & while :; do :; done";

static int throttled(struct trial *t)
{
    struct ord_burden slow = ord_burden_none();
    const struct ord_burden none = ord_burden_none();
    struct ord_survey survey;
    int64_t cpu_ns;

    slow.share_ppm = 200000;
    slow.period_ns = 50 * ORD_MS;
    CHECK(start(t, spinners, NULL) == 0);
    trial_sleep_ms(1500);
    CHECK(ord_node_burden(t->cluster, 1, &slow, &t->err) == ORD_OK);
    trial_sleep_ms(2000);
    CHECK(ord_node_survey(t->cluster, 1, &survey, &t->err) == ORD_OK);
    (void)fprintf(stderr,
                  "stopped %.3f of the time in %u periods, cpu %.3f "
                  "against %.3f before\n",
                  rate(survey.stopped_ns, survey.throttled_ns), survey.stops,
                  rate(survey.throttled_cpu_ns, survey.throttled_ns),
                  rate(survey.before_cpu_ns, survey.before_ns));
    CHECK(survey.process_count >= 2);
    CHECK(survey.stops > 15 && survey.looks > 5);
    CHECK(survey.looks_stopped == survey.looks);
    CHECK(survey.stopped_ns * 10 > survey.throttled_ns * 6);
    CHECK(survey.stopped_ns * 100 < survey.throttled_ns * 95);
    CHECK(rate(survey.throttled_cpu_ns, survey.throttled_ns) <
          rate(survey.before_cpu_ns, survey.before_ns) * 0.6);
    CHECK(ord_node_burden(t->cluster, 1, &none, &t->err) == ORD_OK);
    CHECK(ord_node_survey(t->cluster, 1, &survey, &t->err) == ORD_OK);
    cpu_ns = survey.cpu_ns;
    trial_sleep_ms(1000);
    CHECK(ord_node_survey(t->cluster, 1, &survey, &t->err) == ORD_OK);
    CHECK(survey.cpu_ns - cpu_ns > 300 * ORD_MS);
    CHECK(survey.stops == 0);
    return 0;
}

Test(burden, a_throttled_node_stands_for_its_share_of_the_time)
{
    try_it(throttled);
}

static int paused(struct trial *t)
{
    struct ord_burden slow = ord_burden_none();
    struct ord_survey before, after;

    slow.share_ppm = 500000;
    slow.period_ns = 10 * ORD_MS;
    CHECK(start(t, spinners, NULL) == 0);
    CHECK(ord_node_burden(t->cluster, 1, &slow, &t->err) == ORD_OK);
    for (int i = 0; i < 3; i++) {
        trial_sleep_ms(53);
        CHECK(ord_node_pause(t->cluster, 1, &t->err) == ORD_OK);
        CHECK(ord_node_survey(t->cluster, 1, &before, &t->err) == ORD_OK);
        for (int k = 0; k < 5; k++) {
            trial_sleep_ms(23);
            CHECK(ord_nodes_all_stopped(t->cluster, 1));
        }
        CHECK(ord_node_survey(t->cluster, 1, &after, &t->err) == ORD_OK);
        CHECK(before.cpu_ns == after.cpu_ns);
        CHECK(before.stops == after.stops);
        CHECK(ord_node_resume(t->cluster, 1, &t->err) == ORD_OK);
        trial_sleep_ms(300);
        CHECK(ord_node_survey(t->cluster, 1, &after, &t->err) == ORD_OK);
        CHECK(after.cpu_ns > before.cpu_ns + 20 * ORD_MS);
        CHECK(after.stops > before.stops);
    }
    /* It also dies in the middle of it, and the next one is slow, too. */
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(start(t, spinners, NULL) == 0);
    trial_sleep_ms(300);
    CHECK(ord_node_survey(t->cluster, 1, &after, &t->err) == ORD_OK);
    CHECK(after.stops > 5 && after.pid != before.pid);
    return 0;
}

Test(burden, a_pause_comes_before_a_throttle_and_a_restart_keeps_it)
{
    try_it(paused);
}

/* A daemon whose children tell their limits; a child that raises its own. */
static const char limits[] =
    "ulimit -S -n 1000; ulimit -S -f 5000; "
    "setsid sh -c '(while :; do sh -c \"ulimit -Sn\"; sleep 0.02; done) &'; "
    "while :; do sh -c 'ulimit -S -n 700; ulimit -S -n 700; sleep 0.2'; done";

static int limited(struct trial *t)
{
    struct ord_burden tight = ord_burden_none();
    struct ord_survey survey;

    CHECK(start(t, limits, NULL) == 0);
    CHECK(log_gets(t, "\n1000\n"));
    tight.soft[ORD_LIMIT_DESCRIPTORS] = 50;
    CHECK(ord_node_burden(t->cluster, 1, &tight, &t->err) == ORD_OK);
    CHECK(log_gets(t, "\n50\n50\n50\n"));
    for (int i = 0; i < 100; i++) {
        trial_sleep_ms(20);
        CHECK(ord_node_survey(t->cluster, 1, &survey, &t->err) == ORD_OK);
        if (survey.raised > 0)
            break;
    }
    CHECK(survey.raised > 0 && survey.refused == 0);
    CHECK(survey.limited[ORD_LIMIT_DESCRIPTORS] > 1);
    CHECK(survey.limited[ORD_LIMIT_FILE_SIZE] == 0);
    tight.soft[ORD_LIMIT_DESCRIPTORS] = 30;
    CHECK(ord_node_burden(t->cluster, 1, &tight, &t->err) == ORD_OK);
    CHECK(log_gets(t, "\n30\n30\n30\n"));
    tight.soft[ORD_LIMIT_DESCRIPTORS] = 60;
    CHECK(ord_node_burden(t->cluster, 1, &tight, &t->err) == ORD_OK);
    CHECK(log_gets(t, "\n60\n60\n60\n"));
    tight = ord_burden_none();
    CHECK(ord_node_burden(t->cluster, 1, &tight, &t->err) == ORD_OK);
    CHECK(log_gets(t, "\n1000\n1000\n1000\n"));
    CHECK(ord_node_survey(t->cluster, 1, &survey, &t->err) == ORD_OK);
    CHECK(survey.limited[ORD_LIMIT_DESCRIPTORS] == 0);
    /* Who is started under a limit has it from the first moment. */
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    tight.soft[ORD_LIMIT_DESCRIPTORS] = 40;
    CHECK(ord_node_burden(t->cluster, 1, &tight, &t->err) == ORD_OK);
    CHECK(start(t, "ulimit -Sn; while :; do sleep 1; done", NULL) == 0);
    CHECK(log_gets(t, "\n40\n"));
    return 0;
}

Test(burden, limits_are_on_all_processes_and_can_be_taken_back)
{
    try_it(limited);
}

static bool stops_within(struct trial *t, int64_t time_ms, struct ord_stop *out)
{
    for (int64_t i = 0; i < time_ms / 5; i++) {
        if (ord_node_stop_look(t->cluster, 1, out, &t->err) != ORD_OK)
            return false;
        if (out->has_ended && out->still_there == 0)
            return true;
        trial_sleep_ms(5);
    }
    return false;
}

static int stopped(struct trial *t)
{
    static const char *const by_hand[] = {"sh", "-c", "kill -USR1 2", NULL};
    struct ord_stop stop;

    CHECK(start(t,
                "setsid sleep 1000 & trap 'sleep 0.2; exit 3' TERM; "
                "while :; do sleep 0.01; done",
                NULL) == 0);
    trial_sleep_ms(100);
    CHECK(ord_node_stop_begin(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_is_stopping(t->cluster, 1));
    CHECK(stops_within(t, 5000, &stop));
    CHECK(!stop.exit.is_signal && stop.exit.code == 3);
    CHECK(stop.took_ns > 150 * ORD_MS);
    CHECK(ord_cluster_next_event(t->cluster).kind == ORD_EVENT_NONE);
    CHECK(ord_node_stop_end(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_state(t->cluster, 1).phase == ORD_NODE_ABSENT);

    /* By a command inside the node; a daemon that does not listen stays. */
    CHECK(start(t,
                "setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' & "
                "trap 'exit 4' USR1; while :; do sleep 0.01; done",
                by_hand) == 0);
    trial_sleep_ms(100);
    CHECK(ord_node_stop_begin(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(!stops_within(t, 600, &stop));
    CHECK(stop.has_ended && stop.exit.code == 4 && stop.still_there >= 1);
    CHECK(ord_node_stop_end(t->cluster, 1, &t->err) == ORD_OK);

    /* Who does not listen at all is killed in the end; so is who is killed. */
    CHECK(start(t, "trap '' TERM; while :; do sleep 0.01; done", NULL) == 0);
    trial_sleep_ms(100);
    CHECK(ord_node_stop_begin(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(!stops_within(t, 300, &stop) && !stop.has_ended);
    CHECK(ord_node_stop_end(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_state(t->cluster, 1).phase == ORD_NODE_KILLED);
    CHECK(start(t, "trap '' TERM; while :; do sleep 0.01; done", NULL) == 0);
    CHECK(ord_node_stop_begin(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_stop_look(t->cluster, 1, &stop, &t->err) == ORD_ENOTFOUND);
    return 0;
}

Test(burden, a_graceful_end_is_asked_for_and_told)
{
    try_it(stopped);
}
