/* Disk faults under real programs: what each does, how it is told, and that
 * healing undoes it. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/disk/disk.h"
#include "support_disk.h"

enum { NODES = 2 };

TestSuite(disk_faults, .timeout = 120);

/* ---- power cuts ---------------------------------------------------------- */

static int body_power_cut(struct trial *t)
{
    struct bench bench;
    long synced;

    CHECK(bench_init(&bench, t,
                     "for i in 1 2 3 4 5 6 7 8 9; do echo $i >> kept; done; "
                     "sync kept; for i in 1 2 3; do echo $i >> lost; done; "
                     "exec sleep 100") == 0);
    CHECK(bench_grows(&bench, 1, "lost", 6) &&
          bench_grows(&bench, 2, "lost", 6));
    synced = bench_size(&bench, 1, "kept");
    CHECK(synced == 18);
    /* A kill loses nothing: the kernel has it all. */
    CHECK(bench_begin(&bench, "kill who=n1") == 0);
    CHECK(bench_size(&bench, 1, "lost") == 6);
    bench.script = "exec sleep 100";
    CHECK(bench_end(&bench) == 0);
    CHECK(bench_begin(&bench, "disk who=n1") == 0);
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_KILLED) == 1);
    CHECK(bench_size(&bench, 1, "lost") == -1);
    CHECK(bench_size(&bench, 1, "kept") == 18);
    CHECK(bench_size(&bench, 2, "lost") == 6);
    CHECK(bench_end(&bench) == 0);
    CHECK(bench.held);
    CHECK(bench_says(&bench,
                     "n1: 4 changes undone, 3 of them writes of 6 bytes "
                     "(lost 6 bytes), 1 of names"));
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_RUNNING) == 3);
    /* Once more: now there is nothing to lose, and it says so. */
    CHECK(bench_begin(&bench, "disk who=n1") == 0);
    CHECK(bench_end(&bench) == 0);
    CHECK(!bench.held);
    CHECK(bench_says(&bench, "n1: all was synced, nothing was there to lose"));
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, a_power_cut_loses_what_was_not_synced_and_only_that)
{
    bench_try(body_power_cut, NODES, true);
}

/* The sync of `kept` is the first commit; the kernel's next by itself is 5 s
 * later. */
static int body_power_cut_ext4(struct trial *t)
{
    struct bench bench;

    CHECK(bench_init(&bench, t,
                     "echo 1 > kept; echo 2 > grown; sync kept grown; "
                     "echo 3 >> grown; echo 4 > a-shm; "
                     "head -c 9000 /dev/zero > lost; "
                     "exec sleep 100") == 0);
    CHECK(bench_grows(&bench, 1, "lost", 9000) &&
          bench_grows(&bench, 2, "lost", 9000));
    CHECK(bench_begin(&bench, "kill who=n1") == 0);
    CHECK(bench_size(&bench, 1, "lost") == 9000);
    bench.script = "exec sleep 100";
    CHECK(bench_end(&bench) == 0);
    /* n2 has its namespace, and n1 a new one: none may hold the other's. */
    CHECK(bench_begin(&bench, "disk backend=ext4 who=n1") == 0);
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_KILLED) == 1);
    CHECK(bench_size(&bench, 1, "lost") == -1);
    CHECK(bench_size(&bench, 1, "kept") == 2);
    CHECK(bench_size(&bench, 1, "grown") == 2);
    CHECK(bench_size(&bench, 2, "lost") == 9000);
    CHECK(bench_end(&bench) == 0 && bench.held);
    CHECK(bench_says(&bench,
                     "n1: 5 changes undone, 4 of them pages of 9004 bytes "
                     "(lost 9000 bytes, grown 4 bytes), 1 of names"));
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_RUNNING) == 3);
    CHECK(bench_begin(&bench, "disk backend=ext4 who=n1") == 0);
    CHECK(bench_end(&bench) == 0 && !bench.held);
    CHECK(bench_says(&bench, "n1: all was synced, nothing was there to lose"));
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, a_power_cut_of_a_real_ext4_does_the_same)
{
    bench_try_ext4(body_power_cut_ext4, NODES);
}

/* ---- disks that fail ----------------------------------------------------- */

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
    CHECK(bench_grows(&bench, 1, "w", 6) && bench_grows(&bench, 2, "w", 6));
    CHECK(bench_begin(&bench, "disk kind=eio who=n1") == 0);
    CHECK(bench_logs(&bench, 1, "error syncing 'w': Input/output error\nsync"));
    CHECK(bench_end(&bench) == 0 && bench.held);
    CHECK(bench_says(&bench, "calls got EIO"));
    CHECK(bench_begin(&bench, "disk kind=eio op=read,write who=n1 files=r*") ==
          0);
    CHECK(bench_logs(&bench, 1, "cat: r: Input/output error\nread"));
    CHECK(bench_end(&bench) == 0 && bench.held);
    CHECK(bench_begin(&bench, "disk kind=full who=n1 room=8") == 0);
    CHECK(bench_logs(&bench, 1, "echo: I/O error\nwrite"));
    CHECK(bench_end(&bench) == 0 && bench.held);
    CHECK(bench_says(&bench, "writes that needed more space got ENOSPC"));
    /* Healed: it goes on, and n2 never noticed. */
    size = bench_size(&bench, 1, "w");
    CHECK(bench_grows(&bench, 1, "w", size + 9));
    CHECK(lstat(ord_node_log(t->cluster, 2), &stat) == 0 && stat.st_size == 0);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, a_disk_that_fails_or_is_full_fails_calls_and_heals)
{
    bench_try(body_rules, NODES, true);
}

static int body_slow(struct trial *t)
{
    struct bench bench;
    const struct ord_disk_slot *slot;
    int64_t begin_ns;

    CHECK(bench_init(&bench, t, busy) == 0);
    CHECK(bench_grows(&bench, 1, "w", 6));
    CHECK(bench_begin(&bench, "disk kind=slow delay=50ms who=n1") == 0);
    trial_sleep_ms(600);
    slot =
        ord_disk_rule_find(ord_node_disk(t->cluster, 1), bench.state.fault->id);
    CHECK(slot != NULL && atomic_load(&slot->struck) >= 2);
    CHECK(atomic_load(&slot->waited_ns) >=
          (atomic_load(&slot->struck) - 1) * 50 * ORD_MS);
    CHECK(bench_end(&bench) == 0 && bench.held);
    CHECK(bench_says(&bench, "calls waited 5") ||
          bench_says(&bench, "calls waited 4"));
    /* Who waits for a slow disk can be killed and paused all the same. */
    CHECK(bench_begin(&bench, "disk kind=slow delay=30s who=n1") == 0);
    trial_sleep_ms(300);
    begin_ns = ord_now_ns();
    CHECK(ord_node_pause(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_resume(t->cluster, 1, &t->err) == ORD_OK);
    trial_sleep_ms(300);
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_now_ns() - begin_ns < 10 * ORD_S);
    CHECK(bench_end(&bench) == 0 && bench.held);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, a_slow_disk_delays_calls_but_not_the_end_of_a_program)
{
    bench_try(body_slow, NODES, true);
}

static int body_lying(struct trial *t)
{
    struct bench bench;

    CHECK(bench_init(&bench, t,
                     "echo 1 > a; sync a; while [ ! -e go ]; do sleep 0.01; "
                     "done; echo 2 > b; sync b && echo synced; sleep 100") ==
          0);
    CHECK(bench_grows(&bench, 1, "a", 2));
    CHECK(bench_begin(&bench, "disk kind=lying-fsync who=n1") == 0);
    CHECK(ord_disk_settle(ord_node_disk(t->cluster, 1), &t->err) == ORD_OK);
    {
        char dir[ORD_PATH_MAX];
        char path[ORD_PATH_MAX];

        CHECK(ord_node_dir(t->cluster, 1, dir, &t->err) == ORD_OK);
        CHECK(ord_path_join(path, dir, "go", &t->err) == ORD_OK);
        CHECK(close(creat(path, 0644)) == 0);
    }
    CHECK(bench_logs(&bench, 1, "synced"));
    CHECK(bench_size(&bench, 1, "b") == 2);
    CHECK(bench_end(&bench) == 0 && bench.held);
    CHECK(bench_says(&bench, "1 of 1 fsyncs said ok and made nothing durable"));
    bench.script = "sleep 100";
    CHECK(bench_begin(&bench, "disk who=n1") == 0);
    CHECK(bench_size(&bench, 1, "a") == 2 && bench_size(&bench, 1, "b") == -1);
    CHECK(bench_end(&bench) == 0 && bench.held);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, an_fsync_that_lies_is_found_out_at_the_next_power_cut)
{
    bench_try(body_lying, NODES, true);
}

/* ---- damage -------------------------------------------------------------- */

static int body_damage(struct trial *t)
{
    struct bench bench;

    CHECK(bench_init(&bench, t,
                     "mkdir -p d; head -c 9000 /dev/zero | tr '\\0' x > d/log; "
                     "head -c 5000 /dev/zero >> d/log; echo hi > other; "
                     "exec sleep 100") == 0);
    CHECK(bench_grows(&bench, 1, "other", 3) &&
          bench_grows(&bench, 2, "other", 3));
    bench.script = "exec sleep 100";
    CHECK(bench_begin(&bench, "disk kind=flip files=*log region=tail size=100 "
                              "count=3 who=n1") == 0);
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_KILLED) == 1);
    CHECK(bench_end(&bench) == 0 && bench.held);
    /* The tail is that of the data, not of the zeros that it reserved. */
    CHECK(bench_says(&bench, "flipped in d/log, the first in byte 89"));
    CHECK(bench_says(&bench, "of 14000: 0x78 became 0x"));
    CHECK(bench_size(&bench, 1, "d/log") == 14000);
    CHECK(bench_begin(&bench,
                      "disk kind=truncate files=d/* region=tail size=50 "
                      "who=n1") == 0);
    CHECK(bench_size(&bench, 1, "d/log") >= 8950 &&
          bench_size(&bench, 1, "d/log") < 9000);
    CHECK(bench_end(&bench) == 0 && bench.held);
    CHECK(bench_says(&bench, "n1: d/log had 14000 bytes, has 89"));
    CHECK(bench_begin(&bench, "disk kind=flip files=*.sst who=n2") == 0);
    CHECK(bench_end(&bench) == 0 && !bench.held);
    CHECK(bench_says(&bench, "n2: no file that is not empty has such a name"));
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_RUNNING) == 3);
    bench_fini(&bench);
    return 0;
}

Test(disk_faults, damage_is_where_it_says_with_and_without_a_disk_of_ours)
{
    bench_try(body_damage, NODES, false);
    bench_try(body_damage, NODES, true);
}
