/* The pool against real client programs, without a sandbox. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/run/pool.h"
#include "histories/history.h"
#include "support_run.h"

enum { EVENTS_MAX = 16, PROCESSES_MAX = 512 };

static struct scratch scratch;
static struct ord_facts facts;

struct bench {
    struct ord_cell cell;
    struct ord_log *log;
    struct ord_pool *pool;
    struct ord_workload workload;
    int epoll_fd;
    uint64_t told; /* completions */
    const char *history;
};

static void setup(void)
{
    scratch_init(&scratch);
    scratch_target(&scratch);
    facts = (struct ord_facts){0};
}

static void teardown(void)
{
    scratch_fini(&scratch);
}

TestSuite(pool, .init = setup, .fini = teardown, .timeout = 60);

static void on_done(void *ctx, const struct ord_op *op)
{
    struct bench *bench = ctx;

    cr_assert_neq(op->type, ORD_OP_INVOKE);
    bench->told++;
}

static const char *program(const char *name)
{
    return ord_arena_printf(&scratch.arena, "%s/%s", bin_dir(), name);
}

static int bench_open(struct bench *bench, const char *lines,
                      const char *const *argv)
{
    struct ord_pool_config config = {.cell = &bench->cell,
                                     .argv = argv,
                                     .facts = &facts,
                                     .ctx = bench,
                                     .on_done = on_done};

    *bench = (struct bench){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    cr_assert_eq(scratch_cell(&scratch, lines), ORD_OK, "%s", scratch.err.text);
    bench->cell = scratch.campaign.cells[0];
    bench->history =
        ord_arena_printf(&scratch.arena, "%s/history.ordeal", scratch.dir);
    cr_assert_eq(ord_log_create(bench->history,
                                "{\"nodes\":[\"n1\",\"n2\",\"n3\"],"
                                "\"start_ns\":0}",
                                &bench->log, &scratch.err),
                 ORD_OK, "%s", scratch.err.text);
    cr_assert_eq(ord_cell_workload(&bench->cell, &scratch.arena, NULL,
                                   &bench->workload, &scratch.err),
                 ORD_OK);
    config.log = bench->log;
    config.clients_dir = scratch.dir;
    config.start_ns = ord_now_ns();
    config.epoll_fd = bench->epoll_fd;
    return ord_pool_open(&config, &bench->pool, &scratch.err);
}

static void bench_close(struct bench *bench)
{
    ord_pool_close(&bench->pool);
    cr_assert_null(bench->pool);
    cr_assert_eq(ord_log_close(&bench->log, &scratch.err), ORD_OK);
    close(bench->epoll_fd);
}

static void turn(struct bench *bench, int64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now_ns = ord_now_ns();
    int64_t wake_ns = ord_pool_pump(bench->pool, now_ns);
    struct timespec wait;
    int count;

    wake_ns = wake_ns < until_ns ? wake_ns : until_ns;
    wake_ns = wake_ns > now_ns ? wake_ns : now_ns;
    wait.tv_sec = (wake_ns - now_ns) / ORD_S;
    wait.tv_nsec = (wake_ns - now_ns) % ORD_S;
    count = epoll_pwait2(bench->epoll_fd, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < count; i++)
        ord_pool_event(bench->pool, events[i].data.u32);
}

/* Runs the main phase: until time_ns is over and nothing is in flight, or the
 * pool gives up.  Nothing may take longer than spare_ns beyond it. */
static int bench_run(struct bench *bench, int64_t time_ns, int64_t spare_ns)
{
    int64_t begin_ns = ord_now_ns();

    while (!ord_pool_is_ready(bench->pool) &&
           ord_pool_error(bench->pool, &scratch.err) == ORD_OK &&
           ord_now_ns() - begin_ns < 40 * ORD_S)
        turn(bench, ord_now_ns() + ORD_S);
    begin_ns = ord_now_ns();
    ord_pool_phase(bench->pool, bench->workload.main, begin_ns,
                   begin_ns + time_ns);
    while (!ord_pool_is_done(bench->pool, ord_now_ns()) &&
           ord_pool_error(bench->pool, &scratch.err) == ORD_OK)
        turn(bench, begin_ns + time_ns);
    cr_expect_lt(ord_now_ns() - begin_ns, time_ns + spare_ns);
    return ord_pool_error(bench->pool, &scratch.err);
}

struct counts {
    uint64_t invoked, ok, fail, info;
};

/* Reads the history back and holds it against the rules of every recording:
 * one open operation per process, nothing after an info, process p belongs to
 * worker p % clients. */
static struct counts read_back(const struct bench *bench)
{
    const struct ord_history_options how = {.format = ORD_FORMAT_OWN,
                                            .size_max = 1 << 30};
    struct ord_history *history = NULL;
    bool is_open[PROCESSES_MAX] = {false};
    bool is_gone[PROCESSES_MAX] = {false};
    struct counts counts = {0};

    cr_assert_eq(ord_history_open(bench->history, &how, &history, &scratch.err),
                 ORD_OK, "%s", scratch.err.text);
    ORD_OPS (history, op) {
        cr_assert(op->process >= 0 && op->process < PROCESSES_MAX);
        cr_assert_not(is_gone[op->process], "process %lld comes back",
                      (long long)op->process);
        cr_assert_eq(is_open[op->process], op->type != ORD_OP_INVOKE);
        is_open[op->process] = op->type == ORD_OP_INVOKE;
        is_gone[op->process] = op->type == ORD_OP_INFO;
        counts.invoked += op->type == ORD_OP_INVOKE;
        counts.ok += op->type == ORD_OP_OK;
        counts.fail += op->type == ORD_OP_FAIL;
        counts.info += op->type == ORD_OP_INFO;
        cr_assert(op->type == ORD_OP_INVOKE || op->pair < op->index);
    }
    ord_history_free(&history);
    cr_expect_eq(counts.invoked, facts.invoked);
    cr_expect_eq(counts.ok, facts.ok);
    cr_expect_eq(counts.fail, facts.fail);
    cr_expect_eq(counts.info, facts.info);
    cr_expect_eq(bench->told, counts.ok + counts.fail + counts.info);
    return counts;
}

Test(pool, what_is_recorded_is_what_was_done)
{
    const char *const argv[] = {program("ordeal-null-client"), NULL};
    struct bench bench;
    struct counts counts;
    uint64_t begun = 0;

    cr_assert_eq(bench_open(&bench, "    clients: 4\n    time: 300ms\n", argv),
                 ORD_OK, "%s", scratch.err.text);
    cr_expect_not(ord_pool_is_ready(bench.pool));
    cr_assert_eq(bench_run(&bench, 300 * ORD_MS, 2 * ORD_S), ORD_OK);
    for (uint32_t i = 0; i < 4; i++) {
        cr_expect_gt(ord_pool_begun(bench.pool)[i], 0);
        begun += ord_pool_begun(bench.pool)[i];
    }
    bench_close(&bench);
    counts = read_back(&bench);
    cr_expect_eq(begun, counts.invoked);
    cr_expect_eq(counts.invoked, counts.ok);
    cr_expect_eq(facts.problem_count, 0);
}

Test(pool, a_rate_is_kept)
{
    const char *const argv[] = {program("ordeal-null-client"), NULL};
    struct bench bench;
    struct counts counts;

    cr_assert_eq(bench_open(&bench,
                            "    clients: 4\n    rate: 100\n    time: 1s\n",
                            argv),
                 ORD_OK);
    cr_assert_eq(bench_run(&bench, ORD_S, 2 * ORD_S), ORD_OK);
    bench_close(&bench);
    counts = read_back(&bench);
    cr_expect_geq(counts.ok, 60);
    cr_expect_leq(counts.ok, 110, "%llu", (unsigned long long)counts.ok);
}

struct way {
    char name[16];
    char words[48];
};

ParameterizedTestParameters(pool, each_misbehaviour)
{
    static struct way rows[] = {
        {"hang", "did not answer within 1.1 s"},
        {"exit", "exited with status 3"},
        {"garbage", "is no JSON object: ??{]garbage"},
        {"long", "a line of over 1 MiB"},
        {"twice", "answered"},
        {"wrong-id", "it was given"},
        {"bad-type", "has a bad 'type'"},
    };
    return cr_make_param_array(struct way, rows, sizeof rows / sizeof *rows);
}

/* It costs its one operation and its process number, nothing more. */
ParameterizedTest(struct way *row, pool, each_misbehaviour)
{
    const char *const argv[] = {program("ordeal-bad-client"), row->name, "5",
                                NULL};
    bool is_late = strcmp(row->name, "twice") == 0;
    struct bench bench;
    struct counts counts;

    cr_assert_eq(bench_open(&bench,
                            "    clients: 2\n    rate: 100\n    time: 400ms\n"
                            "    timeout: 100ms\n",
                            argv),
                 ORD_OK);
    cr_assert_eq(bench_run(&bench, 400 * ORD_MS, 4 * ORD_S), ORD_OK, "%s",
                 scratch.err.text);
    bench_close(&bench);
    counts = read_back(&bench);
    cr_expect_geq(counts.ok, 10);
    cr_expect(is_late || counts.info >= 2);
    cr_expect_leq(counts.info * 5, counts.ok + 5);
    cr_assert_gt(facts.problem_count, 0);
    cr_expect_eq(facts.problems[0].kind, ORD_PROBLEM_NOTE);
    cr_expect_not_null(strstr(facts.problems[0].text, row->words), "%s",
                       facts.problems[0].text);
}

Test(pool, a_client_that_dies_at_its_start_ends_the_run)
{
    const char *const argv[] = {program("ordeal-bad-client"), "die-at-start",
                                NULL};
    struct bench bench;

    cr_assert_eq(bench_open(&bench, "    clients: 2\n", argv), ORD_OK);
    cr_assert_eq(bench_run(&bench, ORD_S, 2 * ORD_S), ORD_EDIED);
    cr_expect_not_null(strstr(scratch.err.text, "3 times in a row"), "%s",
                       scratch.err.text);
    bench_close(&bench);
    cr_expect_eq(read_back(&bench).invoked, 0);
}

Test(pool, a_program_that_is_not_there_is_named)
{
    const char *const argv[] = {"/nowhere/client", NULL};
    struct bench bench;

    cr_expect_eq(bench_open(&bench, "", argv), ORD_ENOTFOUND);
    cr_expect_not_null(strstr(scratch.err.text, "/nowhere/client"));
    cr_expect_null(bench.pool);
    bench_close(&bench);
}

Test(pool, a_slow_start_is_waited_for)
{
    const char *const argv[] = {program("ordeal-bad-client"), "slow-start",
                                "300", NULL};
    struct bench bench;

    cr_assert_eq(bench_open(&bench, "    clients: 2\n    time: 100ms\n", argv),
                 ORD_OK);
    cr_assert_eq(bench_run(&bench, 100 * ORD_MS, 2 * ORD_S), ORD_OK);
    bench_close(&bench);
    cr_expect_gt(read_back(&bench).ok, 0);
}

/* Shell programs for what no bad client of ours does. */
static struct counts run_script(const char *script, const char *lines,
                                int64_t time_ns)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct bench bench;

    cr_assert_eq(bench_open(&bench, lines, argv), ORD_OK, "%s",
                 scratch.err.text);
    cr_assert_eq(bench_run(&bench, time_ns, 6 * ORD_S), ORD_OK, "%s",
                 scratch.err.text);
    bench_close(&bench);
    return read_back(&bench);
}

#define LINES "    clients: 1\n    time: 300ms\n    timeout: 50ms\n"

Test(pool, a_child_of_a_client_may_keep_its_socket)
{
    struct counts counts =
        run_script("read x; echo '{\"ready\":true}'; sleep 30 & exit 0", LINES,
                   300 * ORD_MS);

    cr_expect_gt(counts.info, 0);
    cr_expect_eq(counts.ok, 0);
}

Test(pool, an_answer_may_come_in_pieces)
{
    struct counts counts = run_script(
        "read x; printf '{\"rea'; sleep 0.05; echo 'dy\":true}'; i=0;"
        "while read x; do i=$((i+1)); printf '{\"id\":'; sleep 0.01;"
        "printf \"$i,\\\"type\\\":\"; sleep 0.01; echo '\"fail\"}'; done",
        LINES, 300 * ORD_MS);

    cr_expect_gt(counts.fail, 2);
    cr_expect_eq(counts.info, 0);
}

Test(pool, a_client_that_reads_nothing_is_replaced)
{
    struct counts counts = run_script("echo '{\"ready\":true}'; exec sleep 30",
                                      LINES, 300 * ORD_MS);

    cr_expect_gt(counts.info, 0);
}

Test(pool, what_clients_say_on_stderr_is_kept_but_not_for_ever)
{
    const char *path =
        ord_arena_printf(&scratch.arena, "%s/w0.log", scratch.dir);
    struct stat info;

    (void)run_script("read x; echo '{\"ready\":true}'; exec yes >&2",
                     "    clients: 1\n    time: 2500ms\n    timeout: 1s\n",
                     2500 * ORD_MS);
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_geq(info.st_size, 1 << 20);
    cr_expect_leq(info.st_size, 8 << 20, "%lld", (long long)info.st_size);
}
