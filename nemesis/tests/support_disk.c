/* support_disk.c -- see support_disk.h. */
#include "support_disk.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/disk/disk.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

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

int bench_init(struct bench *bench, struct trial *t, const char *script)
{
    memset(bench, 0, sizeof *bench);
    bench->trial = t;
    bench->script = script;
    ord_arena_init(&bench->arena, 256 << 20);
    ord_buf_init(&bench->evidence, 1 << 16);
    ord_nemesis_env_init(&bench->env, ord_cluster_node_count(t->cluster));
    bench->env.cluster = t->cluster;
    bench->env.start_node = start_node;
    bench->env.ctx = bench;
    for (uint32_t node = 1; node <= ord_cluster_node_count(t->cluster); node++)
        CHECK(start_node(bench, node, &t->err) == ORD_OK);
    return 0;
}

void bench_fini(struct bench *bench)
{
    ord_buf_fini(&bench->evidence);
    ord_arena_fini(&bench->arena);
}

int bench_begin(struct bench *bench, const char *text)
{
    struct ord_fault *fault;
    struct ord_err *err = &bench->trial->err;

    bench->plan = plan_of(&bench->arena, text, bench->env.node_count, 3);
    fault = &bench->plan.faults[0];
    CHECK(ord_fault_resolve(fault, &bench->arena, bench->env.node_count, 0,
                            err) == ORD_OK);
    bench->state =
        (struct ord_fault_state){.fault = fault, .arena = &bench->arena};
    CHECK(fault->ops->inject(&bench->env, &bench->state, err) == ORD_OK);
    return 0;
}

int bench_end(struct bench *bench)
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

bool bench_says(struct bench *bench, const char *text)
{
    if (strstr(ord_buf_str(&bench->evidence), text) != NULL)
        return true;
    (void)fprintf(stderr, "evidence: %s\n", ord_buf_str(&bench->evidence));
    return false;
}

/* Size of a file of a node; -1: there is none. */
long bench_size(struct bench *bench, uint32_t node, const char *name)
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
bool bench_grows(struct bench *bench, uint32_t node, const char *name,
                 long size)
{
    for (uint32_t i = 0; i < 2000; i++) {
        if (bench_size(bench, node, name) >= size)
            return true;
        trial_sleep_ms(10);
    }
    (void)fprintf(stderr, "%s does not reach %ld bytes\n", name, size);
    return false;
}

static void try_on(struct trial_config *config, int (*body)(struct trial *))
{
    int result = trial_run(config, body);

    if (result == -1)
        cr_skip_test("namespaces are refused here: see above");
    cr_assert_eq(result, 0);
}

void bench_try(int (*body)(struct trial *), uint32_t node_count, bool has_disks)
{
    struct trial_config config = {.cluster = {.node_count = node_count,
                                              .seed = 5,
                                              .has_disks = has_disks}};
    struct ord_err err;

    if (has_disks && ord_disk_probe(&err) != ORD_OK) {
        (void)fprintf(stderr, "skipped: %s\n", err.text);
        cr_skip_test("no FUSE here: see above");
    }
    try_on(&config, body);
}

void bench_try_ext4(int (*body)(struct trial *), uint32_t node_count)
{
    struct trial_config config = {
        .cluster = {.node_count = node_count,
                    .seed = 5,
                    .has_disks = true,
                    .disk_backend = ORD_DISK_BY_EXT4}};
    struct ord_err err;

    if (ord_disk_probe_ext4(&err) != ORD_OK) {
        (void)fprintf(stderr, "skipped: %s\n", err.text);
        cr_skip_test("no ext4 on a loop device here: see above");
    }
    try_on(&config, body);
}

/* Waits until the node's log holds the text. */
bool bench_logs(struct bench *bench, uint32_t node, const char *text)
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
