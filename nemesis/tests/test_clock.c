/* Clock faults on nodes whose children exec `date`: each node's own clock is
 * off by what was asked for, the others' are not, and healing undoes it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/clock/clock.h"
#include "harness/control/node.h"
#include "harness/control/tests/support_trial.h"
#include "nemesis/params.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

enum { NODES = 3, TRIES = 100 };

TestSuite(clock_fault, .timeout = 120);

struct bench {
    struct trial *trial;
    struct ord_arena arena;
    struct ord_nemesis_env env;
    struct ord_fault_plan plan;
    struct ord_fault_state state;
    struct ord_buf evidence;
    bool held;
};

static int start_node(void *ctx, uint32_t node, struct ord_err *err)
{
    static const char *const argv[] = {
        "sh", "-c", "while :; do (date +%s%N); sleep 0.01; done", NULL};
    struct bench *bench = ctx;
    const struct ord_command command = {.argv = argv,
                                        .cwd = bench->trial->run_dir};

    return ord_node_start(bench->trial->cluster, node, &command, err);
}

static int bench_init(struct bench *bench, struct trial *t)
{
    memset(bench, 0, sizeof *bench);
    bench->trial = t;
    ord_arena_init(&bench->arena, 256 << 20);
    ord_buf_init(&bench->evidence, 1 << 16);
    ord_nemesis_env_init(&bench->env, NODES);
    bench->env.cluster = t->cluster;
    bench->env.start_node = start_node;
    bench->env.ctx = bench;
    for (uint32_t i = 1; i <= NODES; i++)
        CHECK(start_node(bench, i, &t->err) == ORD_OK);
    return 0;
}

static void bench_fini(struct bench *bench)
{
    ord_buf_fini(&bench->evidence);
    ord_arena_fini(&bench->arena);
}

static int begin(struct bench *bench, const char *text)
{
    struct ord_fault *fault;
    struct ord_err *err = &bench->trial->err;

    bench->plan = plan_of(&bench->arena, text, NODES, 3);
    fault = &bench->plan.faults[0];
    CHECK(ord_fault_resolve(fault, &bench->arena, NODES, 0, err) == ORD_OK);
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

static int64_t host_real_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * ORD_S + now.tv_nsec;
}

/* How far off is what the node's next `date` says; it is late, never early. */
static int64_t node_skew(struct bench *bench, uint32_t node)
{
    char tail[64] = "";
    int fd =
        open(ord_node_log(bench->trial->cluster, node), O_RDONLY | O_CLOEXEC);
    off_t from = lseek(fd, 0, SEEK_END);
    int64_t shown = 0;

    /* The line in the making may be of before: the second from here on. */
    for (int i = 0; i < TRIES; i++) {
        ssize_t got;

        trial_sleep_ms(20);
        got = pread(fd, tail, sizeof tail - 1, from);
        tail[got > 0 ? got : 0] = '\0';
        if (strchr(tail, '\n') != NULL &&
            strchr(strchr(tail, '\n') + 1, '\n') != NULL)
            break;
    }
    close(fd);
    if (strchr(tail, '\n') != NULL)
        shown = strtoll(strchr(tail, '\n') + 1, NULL, 10);
    return shown - host_real_ns();
}

/* A busy machine reads its log late. */
static bool is_about(int64_t skew_ns, int64_t want_ns)
{
    bool is_fine = skew_ns <= want_ns && skew_ns >= want_ns - 3 * ORD_S;

    if (!is_fine)
        fprintf(stderr, "%" PRId64 " instead of %" PRId64 "\n", skew_ns,
                want_ns);
    return is_fine;
}

static int body_jump(struct trial *t)
{
    struct bench bench;

    CHECK(bench_init(&bench, t) == 0);
    CHECK(begin(&bench, "clock by=30s who=n2") == 0);
    CHECK(is_about(node_skew(&bench, 2), 30 * ORD_S));
    CHECK(is_about(node_skew(&bench, 1), 0));
    /* What is started meanwhile has it, too. */
    CHECK(ord_nodes_kill(t->cluster, 2, &t->err) == ORD_OK);
    CHECK(start_node(&bench, 2, &t->err) == ORD_OK);
    CHECK(is_about(node_skew(&bench, 2), 30 * ORD_S));
    CHECK(end(&bench) == 0);
    CHECK(bench.held);
    CHECK(strstr(ord_buf_str(&bench.evidence), "n2: +30.000 s") != NULL);
    CHECK(is_about(node_skew(&bench, 2), 0));
    bench_fini(&bench);
    return 0;
}

static int body_each(struct trial *t)
{
    struct bench bench;

    CHECK(bench_init(&bench, t) == 0);
    CHECK(begin(&bench, "clock by=-2m who=all each=different") == 0);
    for (uint32_t i = 1; i <= NODES; i++) {
        struct ord_clock_state clock =
            ord_clock_state(ord_node_clock(t->cluster, i));

        CHECK(clock.offset.real_ns < 0);
        CHECK(clock.offset.real_ns >= -120 * ORD_S);
        CHECK(is_about(node_skew(&bench, i), clock.offset.real_ns));
        CHECK(
            i == 1 ||
            clock.offset.real_ns !=
                ord_clock_state(ord_node_clock(t->cluster, 1)).offset.real_ns);
    }
    CHECK(end(&bench) == 0);
    CHECK(bench.held);
    for (uint32_t i = 1; i <= NODES; i++)
        CHECK(is_about(node_skew(&bench, i), 0));
    bench_fini(&bench);
    return 0;
}

static int body_drift(struct trial *t)
{
    const struct ord_clock *clock = ord_node_clock(t->cluster, 1);
    struct bench bench;
    int64_t gained_ns;

    CHECK(bench_init(&bench, t) == 0);
    CHECK(begin(&bench, "clock kind=drift rate=-50% who=n1") == 0);
    trial_sleep_ms(1000);
    CHECK(ord_clock_state(clock).rate_ppm == -500000);
    gained_ns = ord_clock_state(clock).offset.mono_ns;
    CHECK(gained_ns < -450 * ORD_MS);
    CHECK(is_about(node_skew(&bench, 1), -500 * ORD_MS));
    CHECK(end(&bench) == 0);
    CHECK(bench.held);
    CHECK(strstr(ord_buf_str(&bench.evidence), "n1: -50") != NULL);
    CHECK(ord_clock_is_true(clock));
    CHECK(ord_clock_state(clock).offset.mono_ns <= gained_ns);
    bench_fini(&bench);
    return 0;
}

static int body_step(struct trial *t)
{
    const struct ord_clock *clock = ord_node_clock(t->cluster, 3);
    struct bench bench;

    CHECK(bench_init(&bench, t) == 0);
    CHECK(begin(&bench, "clock kind=step by=-40ms who=n3") == 0);
    CHECK(ord_clock_state(clock).offset.mono_ns == -40 * ORD_MS);
    CHECK(is_about(node_skew(&bench, 3), 0));
    CHECK(end(&bench) == 0);
    CHECK(bench.held);
    CHECK(ord_clock_state(clock).offset.mono_ns == -40 * ORD_MS);
    /* Where nothing runs, nothing bites. */
    CHECK(ord_nodes_kill(t->cluster, 4, &t->err) == ORD_OK);
    CHECK(begin(&bench, "clock kind=strobe by=1s who=n3") == 0);
    CHECK(end(&bench) == 0);
    CHECK(!bench.held);
    bench_fini(&bench);
    return 0;
}

static void try_on_a_cluster(int (*body)(struct trial *))
{
    struct trial_config config = {
        .cluster = {.node_count = NODES, .seed = 5, .has_clocks = true}};
    struct ord_err err;
    int result;

    if (ord_clock_probe(&err) != ORD_OK)
        cr_skip_test("%s", err.text);
    result = trial_run(&config, body);
    if (result == -1)
        cr_skip_test("namespaces are refused here: see above");
    cr_assert_eq(result, 0);
}

Test(clock_fault, a_jump_is_one_node_s)
{
    try_on_a_cluster(body_jump);
}

Test(clock_fault, each_node_may_have_its_own)
{
    try_on_a_cluster(body_each);
}

Test(clock_fault, a_drift_is_kept_by_monotonic_time)
{
    try_on_a_cluster(body_drift);
}

Test(clock_fault, monotonic_time_steps_where_asked_for)
{
    try_on_a_cluster(body_step);
}
