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

/* ---- disks that fail ----------------------------------------------------- */

/* Waits until the node's log holds the text. */
static bool log_has(struct bench *bench, uint32_t node, const char *text)
{
    struct ord_buf log;
    struct ord_err err;
    bool has = false;

    for (uint32_t i = 0; i < 1000 && !has; i++) {
        ord_buf_init(&log, 64 << 20);
        has = ord_file_read(ord_node_log(bench->trial->cluster, node), &log,
                            &err) == ORD_OK &&
              strstr(ord_buf_str(&log), text) != NULL;
        ord_buf_fini(&log);
        if (!has)
            trial_sleep_ms(10);
    }
    if (!has)
        (void)fprintf(stderr, "the log of n%u lacks: %s\n", node, text);
    return has;
}

/* A loop that writes, syncs and reads, says what fails, and goes on. */
static const char busy[] =
    "i=0; echo old > r; sync r; while :; do i=$((i+1)); "
    "if ! echo $i >> w; then echo write; fi; "
    "if ! sync w; then echo sync; fi; "
    "if ! cat r > /dev/null; then echo read; fi; sleep 0.01; done";

static int body_rules(struct trial *t)
{
    struct bench bench;
    struct stat stat;
    long size;

    CHECK(bench_init(&bench, t, busy) == 0);
    CHECK(grows_to(&bench, 1, "w", 6) && grows_to(&bench, 2, "w", 6));
    CHECK(begin(&bench, "disk kind=eio who=n1") == 0);
    CHECK(log_has(&bench, 1, "error syncing 'w': Input/output error\nsync"));
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(says(&bench, "calls got EIO"));
    CHECK(begin(&bench, "disk kind=eio op=read,write who=n1 files=r*") == 0);
    CHECK(log_has(&bench, 1, "cat: r: Input/output error\nread"));
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(begin(&bench, "disk kind=full who=n1 room=8") == 0);
    CHECK(log_has(&bench, 1, "echo: I/O error\nwrite"));
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(says(&bench, "writes that needed more space got ENOSPC"));
    /* Healed: it goes on, and n2 never noticed. */
    size = size_of(&bench, 1, "w");
    CHECK(grows_to(&bench, 1, "w", size + 9));
    CHECK(lstat(ord_node_log(t->cluster, 2), &stat) == 0 && stat.st_size == 0);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, a_disk_that_fails_or_is_full_fails_calls_and_heals)
{
    try_with(body_rules, true);
}

static int body_slow(struct trial *t)
{
    struct bench bench;
    const struct ord_disk_slot *slot;
    int64_t begin_ns;

    CHECK(bench_init(&bench, t, busy) == 0);
    CHECK(grows_to(&bench, 1, "w", 6));
    CHECK(begin(&bench, "disk kind=slow delay=50ms who=n1") == 0);
    trial_sleep_ms(600);
    slot =
        ord_disk_rule_find(ord_node_disk(t->cluster, 1), bench.state.fault->id);
    CHECK(slot != NULL && atomic_load(&slot->struck) >= 2);
    CHECK(atomic_load(&slot->waited_ns) >=
          (atomic_load(&slot->struck) - 1) * 50 * ORD_MS);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(says(&bench, "calls waited 5") || says(&bench, "calls waited 4"));
    /* Who waits for a slow disk can be killed and paused all the same. */
    CHECK(begin(&bench, "disk kind=slow delay=30s who=n1") == 0);
    trial_sleep_ms(300);
    begin_ns = ord_now_ns();
    CHECK(ord_node_pause(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_resume(t->cluster, 1, &t->err) == ORD_OK);
    trial_sleep_ms(300);
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_now_ns() - begin_ns < 10 * ORD_S);
    CHECK(end(&bench) == 0 && bench.held);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, a_slow_disk_delays_calls_but_not_the_end_of_a_program)
{
    try_with(body_slow, true);
}

static int body_lying(struct trial *t)
{
    struct bench bench;

    CHECK(bench_init(&bench, t,
                     "echo 1 > a; sync a; while [ ! -e go ]; do sleep 0.01; "
                     "done; echo 2 > b; sync b && echo synced; sleep 100") ==
          0);
    CHECK(grows_to(&bench, 1, "a", 2));
    CHECK(begin(&bench, "disk kind=lying-fsync who=n1") == 0);
    CHECK(ord_disk_settle(ord_node_disk(t->cluster, 1), &t->err) == ORD_OK);
    {
        char dir[ORD_PATH_MAX];
        char path[ORD_PATH_MAX];

        CHECK(ord_node_dir(t->cluster, 1, dir, &t->err) == ORD_OK);
        CHECK(ord_path_join(path, dir, "go", &t->err) == ORD_OK);
        CHECK(close(creat(path, 0644)) == 0);
    }
    CHECK(log_has(&bench, 1, "synced"));
    CHECK(size_of(&bench, 1, "b") == 2);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(says(&bench, "1 of 1 fsyncs said ok and made nothing durable"));
    bench.script = "sleep 100";
    CHECK(begin(&bench, "disk who=n1") == 0);
    CHECK(size_of(&bench, 1, "a") == 2 && size_of(&bench, 1, "b") == -1);
    CHECK(end(&bench) == 0 && bench.held);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, an_fsync_that_lies_is_found_out_at_the_next_power_cut)
{
    try_with(body_lying, true);
}

/* ---- damage -------------------------------------------------------------- */

static int body_damage(struct trial *t)
{
    struct bench bench;

    CHECK(bench_init(&bench, t,
                     "mkdir -p d; head -c 9000 /dev/zero | tr '\\0' x > d/log; "
                     "head -c 5000 /dev/zero >> d/log; echo hi > other; "
                     "exec sleep 100") == 0);
    CHECK(grows_to(&bench, 1, "other", 3) && grows_to(&bench, 2, "other", 3));
    bench.script = "exec sleep 100";
    CHECK(begin(&bench, "disk kind=flip files=*log region=tail size=100 "
                        "count=3 who=n1") == 0);
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_KILLED) == 1);
    CHECK(end(&bench) == 0 && bench.held);
    /* The tail is that of the data, not of the zeros that it reserved. */
    CHECK(says(&bench, "flipped in d/log, the first in byte 89"));
    CHECK(says(&bench, "of 14000: 0x78 became 0x"));
    CHECK(size_of(&bench, 1, "d/log") == 14000);
    CHECK(begin(&bench, "disk kind=truncate files=d/* region=tail size=50 "
                        "who=n1") == 0);
    CHECK(size_of(&bench, 1, "d/log") >= 8950 &&
          size_of(&bench, 1, "d/log") < 9000);
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(says(&bench, "n1: d/log had 14000 bytes, has 89"));
    CHECK(begin(&bench, "disk kind=flip files=*.sst who=n2") == 0);
    CHECK(end(&bench) == 0 && !bench.held);
    CHECK(says(&bench, "n2: no file that is not empty has such a name"));
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_RUNNING) == 3);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, damage_is_where_it_says_with_and_without_a_disk_of_ours)
{
    try_with(body_damage, false);
    try_with(body_damage, true);
}
