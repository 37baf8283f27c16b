/* Disk faults under real programs: what each does, how it is told, and that
 * healing undoes it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/tests/support_trial.h"
#include "nemesis/engine.h"
#include "nemesis/params.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

enum { NODES = 2 };

TestSuite(disk_faults, .timeout = 120);

struct bench {
    struct trial *trial;
    struct ord_arena arena;
    struct ord_nemesis_env env;
    struct ord_fault_plan plan;
    struct ord_fault_state state;
    struct ord_buf evidence;
    const char *script; /* that each node runs in its data directory */
    bool held;
};

static int start_node(void *ctx, uint32_t node, struct ord_err *err)
{
    struct bench *bench = ctx;
    const char *const argv[] = {"sh", "-c", bench->script, NULL};
    char dir[ORD_PATH_MAX];
    const struct ord_command command = {.argv = argv, .cwd = dir};

    if (ord_node_dir(bench->trial->cluster, node, dir, err) != ORD_OK ||
        ord_mkdir_all(dir, err) != ORD_OK)
        return err->rc;
    return ord_node_start(bench->trial->cluster, node, &command, err);
}

static int bench_init(struct bench *bench, struct trial *t, const char *script)
{
    memset(bench, 0, sizeof *bench);
    bench->trial = t;
    bench->script = script;
    ord_arena_init(&bench->arena, 256 << 20);
    ord_buf_init(&bench->evidence, 1 << 16);
    ord_nemesis_env_init(&bench->env, NODES);
    bench->env.cluster = t->cluster;
    bench->env.start_node = start_node;
    bench->env.ctx = bench;
    for (uint32_t node = 1; node <= NODES; node++)
        CHECK(start_node(bench, node, &t->err) == ORD_OK);
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

static bool says(struct bench *bench, const char *text)
{
    if (strstr(ord_buf_str(&bench->evidence), text) != NULL)
        return true;
    (void)fprintf(stderr, "evidence: %s\n", ord_buf_str(&bench->evidence));
    return false;
}

/* Size of a file of a node; -1: there is none. */
static long size_of(struct bench *bench, uint32_t node, const char *name)
{
    char dir[ORD_PATH_MAX];
    char path[ORD_PATH_MAX];
    struct stat stat;
    struct ord_err err;

    if (ord_node_dir(bench->trial->cluster, node, dir, &err) != ORD_OK ||
        ord_path_join(path, dir, name, &err) != ORD_OK ||
        lstat(path, &stat) != 0)
        return -1;
    return stat.st_size;
}

/* Waits until the file has so many bytes. */
static bool grows_to(struct bench *bench, uint32_t node, const char *name,
                     long size)
{
    for (uint32_t i = 0; i < 2000; i++) {
        if (size_of(bench, node, name) >= size)
            return true;
        trial_sleep_ms(10);
    }
    (void)fprintf(stderr, "%s does not reach %ld bytes\n", name, size);
    return false;
}

static void try_with(int (*body)(struct trial *), bool has_disks)
{
    struct trial_config config = {
        .cluster = {.node_count = NODES, .seed = 5, .has_disks = has_disks}};
    struct ord_err err;
    int result;

    if (has_disks && ord_disk_probe(&err) != ORD_OK) {
        (void)fprintf(stderr, "skipped: %s\n", err.text);
        cr_skip_test("no FUSE here: see above");
    }
    result = trial_run(&config, body);
    if (result == -1)
        cr_skip_test("namespaces are refused here: see above");
    cr_assert_eq(result, 0);
}

/* ---- power cuts ---------------------------------------------------------- */

static int body_power_cut(struct trial *t)
{
    struct bench bench;
    long synced;

    CHECK(bench_init(&bench, t,
                     "for i in 1 2 3 4 5 6 7 8 9; do echo $i >> kept; done; "
                     "sync kept; for i in 1 2 3; do echo $i >> lost; done; "
                     "exec sleep 100") == 0);
    CHECK(grows_to(&bench, 1, "lost", 6) && grows_to(&bench, 2, "lost", 6));
    synced = size_of(&bench, 1, "kept");
    CHECK(synced == 18);
    /* A kill loses nothing: the kernel has it all. */
    CHECK(begin(&bench, "kill who=n1") == 0);
    CHECK(size_of(&bench, 1, "lost") == 6);
    bench.script = "exec sleep 100";
    CHECK(end(&bench) == 0);
    CHECK(begin(&bench, "disk who=n1") == 0);
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_KILLED) == 1);
    CHECK(size_of(&bench, 1, "lost") == -1);
    CHECK(size_of(&bench, 1, "kept") == 18);
    CHECK(size_of(&bench, 2, "lost") == 6);
    CHECK(end(&bench) == 0);
    CHECK(bench.held);
    CHECK(says(&bench, "n1: 4 changes undone, 3 of them writes of 6 bytes "
                       "(lost 6 bytes), 1 of names"));
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_RUNNING) == 3);
    /* Once more: now there is nothing to lose, and it says so. */
    CHECK(begin(&bench, "disk who=n1") == 0);
    CHECK(end(&bench) == 0);
    CHECK(!bench.held);
    CHECK(says(&bench, "n1: all was synced, nothing was there to lose"));
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, a_power_cut_loses_what_was_not_synced_and_only_that)
{
    try_with(body_power_cut, true);
}
