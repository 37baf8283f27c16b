/* Every fault on real packets and real processes: it does what it says to whom
 * it says and to nobody else, says so itself, and healing undoes it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/tests/support_trial.h"
#include "nemesis/engine.h"
#include "nemesis/params.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

enum { NODES = 3, PORT = 7100 };

TestSuite(faults, .timeout = 120);

/* Runs it in a sandbox; what this machine refuses is skipped, with why. */
static void try_on_a_cluster(int (*body)(struct trial *))
{
    struct trial_config config = {.cluster = {.node_count = NODES, .seed = 5}};
    int result = trial_run(&config, body);

    if (result == -1)
        cr_skip_test("namespaces are refused here: see above");
    cr_assert_eq(result, 0);
}

/* One fault on its way through plan, inject, took_hold and heal. */
struct bench {
    struct trial *trial;
    struct ord_arena arena;
    struct ord_nemesis_env env;
    struct ord_fault_plan plan;
    struct ord_fault_state state;
    struct ord_buf evidence;
    bool held;
};

/* A program with a grandchild that left its process group. */
static int start_node(void *ctx, uint32_t node, struct ord_err *err)
{
    static const char *const argv[] = {
        "sh", "-c",
        "setsid sh -c 'while :; do echo child; sleep 0.01; done' & "
        "while :; do echo main; sleep 0.01; done",
        NULL};
    struct bench *bench = ctx;
    const struct ord_command command = {.argv = argv,
                                        .cwd = bench->trial->run_dir};

    return ord_node_start(bench->trial->cluster, node, &command, err);
}

static void bench_init(struct bench *bench, struct trial *t)
{
    memset(bench, 0, sizeof *bench);
    bench->trial = t;
    ord_arena_init(&bench->arena, 256 << 20);
    ord_buf_init(&bench->evidence, 1 << 16);
    ord_nemesis_env_init(&bench->env, NODES);
    bench->env.cluster = t->cluster;
    bench->env.start_node = start_node;
    bench->env.ctx = bench;
}

static void bench_fini(struct bench *bench)
{
    ord_buf_fini(&bench->evidence);
    ord_arena_fini(&bench->arena);
}

static int begin(struct bench *bench, const char *text, uint32_t primary)
{
    struct ord_fault *fault;
    struct ord_err *err = &bench->trial->err;

    bench->plan = plan_of(&bench->arena, text, NODES, 3);
    fault = &bench->plan.faults[0];
    CHECK(ord_fault_resolve(fault, &bench->arena, NODES, primary, err) ==
          ORD_OK);
    bench->state =
        (struct ord_fault_state){.fault = fault, .arena = &bench->arena};
    CHECK(fault->ops->inject(&bench->env, &bench->state, err) == ORD_OK);
    return 0;
}

static int end(struct bench *bench)
{
    const struct ord_fault *fault = bench->state.fault;
    struct ord_err *err = &bench->trial->err;

    ord_buf_clear(&bench->evidence);
    CHECK(fault->ops->took_hold(&bench->env, &bench->state, &bench->held,
                                &bench->evidence, err) == ORD_OK);
    CHECK(fault->ops->heal(&bench->env, &bench->state, err) == ORD_OK);
    CHECK(fault->ops->heal(&bench->env, &bench->state, err) == ORD_OK);
    return 0;
}

/* ---- links --------------------------------------------------------------- */

/* On a machine with much else to do a packet may be late. */
static bool passes_in_the_end(struct trial *t, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < 20; i++) {
        if (trial_passes(t, from, to))
            return true;
    }
    return false;
}

/* Does exactly what is cut not pass?  NULL: everything has to pass. */
static int check_links(struct bench *bench, const struct ord_link_set *cut)
{
    for (uint32_t from = 0; from <= NODES; from++) {
        for (uint32_t to = 0; to <= NODES; to++) {
            bool is_right;

            if (from == to)
                continue;
            if (cut != NULL && cut->is_set[from][to])
                is_right = !trial_passes(bench->trial, from, to);
            else
                is_right = passes_in_the_end(bench->trial, from, to);
            if (!is_right)
                (void)fprintf(stderr, "%u > %u is wrong: %s\n", from, to,
                              bench->state.fault->what);
            CHECK(is_right);
        }
    }
    return 0;
}

static int body_partition(struct trial *t)
{
    static const char *const shapes[] = {
        "partition shape=isolate-one nodes=n2",
        "partition shape=isolate-leader clients=cut",
        "partition shape=random-halves",
        "partition shape=bridge nodes=n3",
        "partition shape=majorities-ring",
        "partition shape=one-way nodes=n1 direction=in",
        "partition shape=one-way nodes=n1 direction=out clients=cut",
        "partition shape=clients nodes=leader",
        "partition shape=swizzle for=1000",
    };
    struct bench bench;

    bench_init(&bench, t);
    for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        CHECK(begin(&bench, shapes[i], 2) == 0);
        CHECK(check_links(&bench, bench.state.fault->links) == 0);
        CHECK(end(&bench) == 0);
        CHECK(bench.held);
        CHECK(strstr(ord_buf_str(&bench.evidence), "frames dropped") != NULL);
        CHECK(check_links(&bench, NULL) == 0);
    }
    /* Where nobody speaks, it says that it has shown nothing. */
    CHECK(begin(&bench, shapes[0], 0) == 0);
    CHECK(trial_passes(t, 1, 3));
    CHECK(end(&bench) == 0);
    CHECK(!bench.held);
    CHECK(strstr(ord_buf_str(&bench.evidence), "no packet tried") != NULL);
    bench_fini(&bench);
    return 0;
}

Test(faults, partitions_cut_these_links_these_ways_and_no_others)
{
    try_on_a_cluster(body_partition);
}

/* How long one datagram takes, in us; -1 if it does not come within 1 s. */
static int64_t time_once(struct trial *t, uint32_t from, uint32_t to)
{
    int out = trial_socket(t, from, SOCK_DGRAM, 0);
    int in = trial_socket(t, to, SOCK_DGRAM, PORT);
    int64_t begin_ns = ord_now_ns();
    int64_t took_ns = -1000;
    char got[16];

    if (trial_send(t, out, to, PORT, "hello", 5) &&
        trial_receive(in, got, sizeof got, 1000) == 5)
        took_ns = ord_now_ns() - begin_ns;
    (void)close(out);
    (void)close(in);
    return took_ns / 1000;
}

/* The best of several: what the link adds, not what the machine does. */
static int64_t time_of(struct trial *t, uint32_t from, uint32_t to)
{
    int64_t best_us = -1;

    for (uint32_t i = 0; i < 5; i++) {
        int64_t us = time_once(t, from, to);

        if (us >= 0 && (best_us < 0 || us < best_us))
            best_us = us;
    }
    return best_us;
}

static int body_slow(struct trial *t)
{
    struct bench bench;

    bench_init(&bench, t);
    CHECK(begin(&bench, "slow delay=80ms links=leader-follower nodes=n3", 1) ==
          0);
    for (uint32_t from = 0; from <= NODES; from++) {
        for (uint32_t to = 0; to <= NODES; to++) {
            int64_t us = from == to ? 0 : time_of(t, from, to);
            bool is_slow = from == 1 && to == 3;

            CHECK(us >= 0);
            CHECK(!is_slow || (us >= 80000 && us < 160000));
            CHECK(is_slow || us < 70000);
        }
    }
    CHECK(end(&bench) == 0);
    CHECK(bench.held);
    CHECK(strcmp(ord_buf_str(&bench.evidence), "5 frames delayed") == 0);
    CHECK(time_of(t, 1, 3) < 70000);
    CHECK(begin(&bench, "slow delay=50ms jitter=50ms links=node nodes=n2", 0) ==
          0);
    CHECK(time_of(t, 2, 1) >= 50000);
    CHECK(time_of(t, 0, 2) >= 50000);
    CHECK(time_of(t, 1, 3) < 45000);
    CHECK(end(&bench) == 0);
    CHECK(bench.held);
    bench_fini(&bench);
    return 0;
}

Test(faults, slow_links_are_late_by_what_was_said)
{
    try_on_a_cluster(body_slow);
}

/* Sends `count` datagrams with rising numbers; counts what comes. */
struct tally {
    uint32_t received, twice, behind;
};

static struct tally send_many(struct trial *t, uint32_t count)
{
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    struct tally tally = {0};
    uint8_t *seen = calloc(count, 1);
    uint32_t last = 0;
    uint32_t number;

    for (uint32_t i = 0; i < count; i++) {
        (void)trial_send(t, out, 2, PORT, &i, sizeof i);
        if (i % 50 == 49)
            trial_sleep_ms(1);
    }
    while (trial_receive(in, &number, sizeof number, 200) == sizeof number) {
        if (number >= count)
            continue;
        tally.received++;
        tally.twice += seen[number];
        tally.behind += number < last;
        seen[number] = 1;
        last = number > last ? number : last;
    }
    free(seen);
    (void)close(out);
    (void)close(in);
    return tally;
}

static int body_flaky(struct trial *t)
{
    struct bench bench;
    struct tally tally;

    bench_init(&bench, t);
    tally = send_many(t, 1000);
    CHECK(tally.received == 1000 && tally.twice == 0 && tally.behind == 0);
    CHECK(begin(&bench, "flaky loss=30% links=nodes", 0) == 0);
    tally = send_many(t, 2000);
    CHECK(tally.received > 1200 && tally.received < 1600);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(begin(&bench, "flaky duplicate=50% reorder=20%", 0) == 0);
    tally = send_many(t, 1000);
    CHECK(tally.received > 1350 && tally.twice > 350 && tally.behind > 50);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(strstr(ord_buf_str(&bench.evidence), "reordered") != NULL);
    CHECK(begin(&bench, "flaky corrupt=100%", 0) == 0);
    tally = send_many(t, 200);
    CHECK(tally.received == 0); /* the checksum finds every one */
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(begin(&bench, "flaky rate=100kbit", 0) == 0);
    tally = send_many(t, 1000);
    CHECK(tally.received < 900);
    CHECK(end(&bench) == 0 && bench.held);
    tally = send_many(t, 1000);
    CHECK(tally.received == 1000 && tally.twice == 0 && tally.behind == 0);
    bench_fini(&bench);
    return 0;
}

Test(faults, flaky_links_lose_repeat_reorder_damage_and_throttle)
{
    try_on_a_cluster(body_flaky);
}

/* ---- processes ----------------------------------------------------------- */

static off_t log_size(struct trial *t, uint32_t node)
{
    struct stat st;

    return stat(ord_node_log(t->cluster, node), &st) == 0 ? st.st_size : -1;
}

/* Do its programs write all the time (or never)?  What was under way may still
 * arrive, and a busy machine may keep them from it for a while. */
static bool is_writing(struct trial *t, uint32_t node, bool expected)
{
    for (uint32_t i = 0; i < 8; i++) {
        off_t before;

        trial_sleep_ms(30);
        before = log_size(t, node);
        trial_sleep_ms(200);
        if ((log_size(t, node) > before) == expected)
            return expected;
    }
    return !expected;
}

static int check_writing(struct trial *t, uint64_t nodes)
{
    for (uint32_t node = 1; node <= NODES; node++) {
        bool expected = ord_has_node(nodes, node);

        CHECK(is_writing(t, node, expected) == expected);
    }
    return 0;
}

static int start_all(struct bench *bench)
{
    for (uint32_t node = 1; node <= NODES; node++)
        CHECK(start_node(bench, node, &bench->trial->err) == ORD_OK);
    return check_writing(bench->trial, 7);
}

static int body_kill(struct trial *t)
{
    struct bench bench;

    bench_init(&bench, t);
    CHECK(start_all(&bench) == 0);
    CHECK(begin(&bench, "kill who=n1,n3", 0) == 0);
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_KILLED) == 5);
    CHECK(check_writing(t, 2) == 0);
    CHECK(ord_env_down(&bench.env) == 5);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(strstr(ord_buf_str(&bench.evidence), "n1 n3: all") != NULL);
    CHECK(check_writing(t, 7) == 0);
    CHECK(ord_node_state(t->cluster, 1).starts == 2);
    CHECK(begin(&bench, "kill who=leader", 2) == 0);
    CHECK(check_writing(t, 5) == 0);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(check_writing(t, 7) == 0);
    bench_fini(&bench);
    return 0;
}

Test(faults, killed_nodes_are_gone_and_come_back)
{
    try_on_a_cluster(body_kill);
}

static int body_pause(struct trial *t)
{
    struct bench bench;

    bench_init(&bench, t);
    CHECK(start_all(&bench) == 0);
    CHECK(begin(&bench, "pause who=n2", 0) == 0);
    CHECK(ord_nodes_all_stopped(t->cluster, 2));
    CHECK(check_writing(t, 5) == 0);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(check_writing(t, 7) == 0);
    CHECK(ord_node_state(t->cluster, 2).starts == 1);
    /* Somebody who thaws it in between is found out. */
    CHECK(begin(&bench, "pause who=n2", 0) == 0);
    CHECK(ord_nodes_resume(t->cluster, 2, &t->err) == ORD_OK);
    CHECK(end(&bench) == 0 && !bench.held);
    bench_fini(&bench);
    return 0;
}

Test(faults, paused_nodes_stand_still_and_go_on)
{
    try_on_a_cluster(body_pause);
}

/* ---- all of it ----------------------------------------------------------- */

struct told {
    uint32_t began, held, failed, not_begun;
    int64_t slowest_cut_ns; /* from the decision to the commit */
};

static void on_event(void *ctx, const struct ord_nemesis_event *event)
{
    struct told *told = ctx;

    told->not_begun += event->kind == ORD_FAULT_NOT_BEGUN;
    if (event->kind == ORD_FAULT_NOT_BEGUN)
        return;
    told->began += event->kind == ORD_FAULT_BEGAN;
    told->failed += event->kind == ORD_FAULT_FAILED || event->error != NULL;
    told->held += event->kind == ORD_FAULT_ENDED && event->held;
    if (event->error != NULL)
        (void)fprintf(stderr, "%s\n", event->error);
    if (event->kind == ORD_FAULT_BEGAN && event->fault->links != NULL &&
        event->done_ns - event->begin_ns > told->slowest_cut_ns)
        told->slowest_cut_ns = event->done_ns - event->begin_ns;
}

/* Two seconds of overlapping faults, with somebody talking all the while. */
static int drive(struct bench *bench, struct ord_nemesis_engine *engine)
{
    int64_t end_ns = ord_now_ns() + 2 * ORD_S;
    int sockets[NODES + 1];

    for (uint32_t i = 0; i <= NODES; i++)
        sockets[i] = trial_socket(bench->trial, i, SOCK_DGRAM, PORT);
    ord_nemesis_start(engine, ord_now_ns());
    while (ord_now_ns() < end_ns) {
        for (uint32_t i = 0; i < (NODES + 1) * (NODES + 1); i++)
            (void)trial_send(bench->trial, sockets[i / (NODES + 1)],
                             i % (NODES + 1), PORT, "x", 1);
        while (ord_nemesis_step(engine, ord_now_ns()) <= ord_now_ns())
            ;
        trial_sleep_ms(5);
    }
    for (uint32_t i = 0; i <= NODES; i++)
        (void)close(sockets[i]);
    return 0;
}

static int plan_storm(struct bench *bench)
{
    static const char *const texts[] = {
        "partition shape=random-halves every=20-100 for=100-300",
        "partition shape=swizzle every=50 for=200-400",
        "partition shape=one-way every=20-60 for=50-200 clients=cut",
        "slow delay=5ms every=10-50 for=100-400",
        "flaky loss=30% duplicate=10% every=10-50 for=100-400",
        "packet clog=yes loss=20% bytes=500 delay=3ms swizzle=mixed links=all "
        "every=50-200 for=100-400",
        "packet clog=yes from=random to=random every=10-50 for=50-200",
        "kill who=one every=50-200 for=50-300",
        "kill who=rolling every=100 for=300",
        "pause who=minority every=30-100 for=50-200",
        "process who=one within=100ms every=100-200 for=150-300",
        "process kind=storm times=2 interval=50ms every=200-400 for=150",
        "process kind=throttle who=minority share=30% period=20ms "
        "every=50-200 for=200-400",
        "process kind=limit who=one descriptors=16 every=50-200 for=100-300",
    };
    enum { COUNT = sizeof texts / sizeof *texts };
    struct ord_nemesis_entry *entries =
        ord_arena_zalloc(&bench->arena, COUNT, sizeof *entries);
    struct ord_plan_in in = {.arena = &bench->arena,
                             .seed = 11,
                             .node_count = NODES,
                             .time_ns = 2 * ORD_S};

    for (uint32_t i = 0; i < COUNT; i++)
        entries[i] = entry_of(&bench->arena, texts[i]);
    CHECK(ord_fault_plan(entries, COUNT, &in, &bench->plan, NULL,
                         &bench->trial->err) == ORD_OK);
    CHECK(bench->plan.count > 40);
    return 0;
}

static int body_storm(struct trial *t)
{
    struct bench bench;
    struct told told = {0};
    struct ord_nemesis_engine *engine;
    struct ord_ledger *ledger;
    struct ord_ledger_list list;
    char path[128];
    struct ord_nemesis_config config = {.plan = &bench.plan,
                                        .env = &bench.env,
                                        .on_event = on_event,
                                        .ctx = &told};

    bench_init(&bench, t);
    CHECK(start_all(&bench) == 0);
    CHECK(plan_storm(&bench) == 0);
    (void)snprintf(path, sizeof path, "%s/ledger.jsonl", t->run_dir);
    CHECK(ord_ledger_open(path, &ledger, &t->err) == ORD_OK);
    config.ledger = ledger;
    config.run_start_ns = ord_now_ns();
    CHECK(ord_nemesis_engine_new(&config, &engine, &t->err) == ORD_OK);
    CHECK(drive(&bench, engine) == 0);
    CHECK(ord_nemesis_heal_all(engine, ord_now_ns(), &t->err) == ORD_OK);
    CHECK(told.failed == 0);
    CHECK(told.began > 40);
    CHECK(told.held * 4 > told.began * 3);
    CHECK(told.not_begun > 0); /* pauses of the dead */
    (void)fprintf(stderr, "%u faults, %u held, slowest cut %.0f us\n",
                  told.began, told.held, (double)told.slowest_cut_ns / 1e3);
    bench.state.fault = &bench.plan.faults[0];
    CHECK(check_links(&bench, NULL) == 0);
    CHECK(check_writing(t, 7) == 0);
    CHECK(ord_ledger_read(path, &bench.arena, &list, &t->err) == ORD_OK);
    CHECK(list.count == told.began + told.not_begun);
    for (uint32_t i = 0; i < list.count; i++)
        CHECK(list.faults[i].healed_ns >= list.faults[i].injected_ns);
    ord_ledger_close(&ledger);
    ord_nemesis_engine_free(&engine);
    bench_fini(&bench);
    return 0;
}

Test(faults, after_a_storm_of_all_of_them_everything_is_as_before)
{
    try_on_a_cluster(body_storm);
}

/* The operator's memory is gone; the file is not. */
static int body_ledger(struct trial *t)
{
    static const char *const texts[] = {
        "partition shape=isolate-one nodes=n2", "slow delay=300ms",
        "kill who=n1", "pause who=n3", "packet clog=yes bytes=1 links=all"};
    struct ord_ledger *ledger;
    struct ord_ledger_list list;
    struct bench bench;
    char path[128];

    bench_init(&bench, t);
    CHECK(start_all(&bench) == 0);
    (void)snprintf(path, sizeof path, "%s/ledger.jsonl", t->run_dir);
    CHECK(ord_ledger_open(path, &ledger, &t->err) == ORD_OK);
    for (uint32_t i = 0; i < 5; i++) {
        struct ord_fault *fault;

        CHECK(begin(&bench, texts[i], 0) == 0);
        fault = &bench.plan.faults[0];
        CHECK(ord_nemesis_find("kill") != NULL);
        ord_wire_clear(t->wire, fault->id); /* every plan's number is 1 */
        fault->id = i + 2; /* not 1: the next turn clears that */
        CHECK(fault->links == NULL ||
              fault->ops->inject(&bench.env, &bench.state, &t->err) == ORD_OK);
        CHECK(ord_ledger_intent(ledger, 0, fault, &t->err) == ORD_OK);
    }
    ord_ledger_close(&ledger);
    CHECK(!trial_passes(t, 1, 2));
    CHECK(check_writing(t, 2) == 0);
    ord_nemesis_env_init(&bench.env, NODES);
    bench.env.cluster = t->cluster;
    bench.env.start_node = start_node;
    bench.env.ctx = &bench;
    CHECK(ord_ledger_read(path, &bench.arena, &list, &t->err) == ORD_OK);
    CHECK(list.count == 5);
    CHECK(ord_ledger_heal(&list, &bench.env, &bench.arena, &t->err) == ORD_OK);
    CHECK(check_links(&bench, NULL) == 0);
    CHECK(time_of(t, 1, 3) < 250000);
    CHECK(check_writing(t, 7) == 0);
    bench_fini(&bench);
    return 0;
}

Test(faults, healing_from_the_ledger_alone_undoes_real_faults)
{
    try_on_a_cluster(body_ledger);
}
