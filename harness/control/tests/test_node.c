/* test_node.c -- nodes start, die, freeze and are told on. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "support_trial.h"

/* Starts a shell script on a node. */
static int shell(struct trial *t, uint32_t node, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const struct ord_command command = {.argv = argv, .cwd = t->run_dir};

    return ord_node_start(t->cluster, node, &command, &t->err);
}

static bool log_has(struct trial *t, uint32_t node, const char *text)
{
    struct ord_buf log;
    bool has;

    ord_buf_init(&log, 64 << 20);
    has = ord_file_read(ord_node_log(t->cluster, node), &log, &t->err) ==
              ORD_OK &&
          strstr(ord_buf_str(&log), text) != NULL;
    ord_buf_fini(&log);
    return has;
}

static bool log_gets(struct trial *t, uint32_t node, const char *text)
{
    for (int i = 0; i < 300; i++) {
        if (log_has(t, node, text))
            return true;
        trial_sleep_ms(10);
    }
    return false;
}

static struct ord_event await_event(struct trial *t)
{
    struct pollfd in = {.fd = ord_cluster_event_fd(t->cluster),
                        .events = POLLIN};

    for (int i = 0; i < 10; i++) {
        struct ord_event event = ord_cluster_next_event(t->cluster);

        if (event.kind != ORD_EVENT_NONE)
            return event;
        (void)poll(&in, 1, 1000);
    }
    return (struct ord_event){.kind = ORD_EVENT_NONE};
}

static off_t file_size(struct trial *t, const char *name)
{
    char path[ORD_PATH_MAX];
    struct stat stat_of;

    if (ord_path_join(path, t->run_dir, name, &t->err) != ORD_OK ||
        stat(path, &stat_of) != 0)
        return -1;
    return stat_of.st_size;
}

static enum ord_node_phase phase(struct trial *t, uint32_t node)
{
    return ord_node_state(t->cluster, node).phase;
}

static int names_and_logs(struct trial *t)
{
    struct ord_exit ended;

    CHECK(phase(t, 1) == ORD_NODE_ABSENT);
    CHECK(shell(t, 1,
                "trap 'echo bye; exit 3' TERM; hostname; grep n2 /etc/hosts; "
                "echo wrong >&2; while :; do sleep 0.01; done") == ORD_OK);
    CHECK(phase(t, 1) == ORD_NODE_RUNNING);
    CHECK(log_gets(t, 1, "n1\n10.77.0.12 n2\nwrong\n"));
    CHECK(shell(t, 1, "true") == ORD_EUSAGE);
    CHECK(strstr(t->err.text, "n1 is running") != NULL);
    CHECK(ord_node_stop(t->cluster, 1, ORD_S, &ended, &t->err) == ORD_OK);
    CHECK(!ended.is_signal && ended.code == 3);
    CHECK(phase(t, 1) == ORD_NODE_ABSENT);
    CHECK(log_has(t, 1, "bye"));
    CHECK(ord_cluster_next_event(t->cluster).kind == ORD_EVENT_NONE);
    return 0;
}

/* Each node's own; there after a kill, and gone with the power. */
static int shared_memory(struct trial *t)
{
    CHECK(
        shell(t, 1, "touch /dev/shm/one; echo one: $(ls /dev/shm); sleep 60") ==
        ORD_OK);
    CHECK(log_gets(t, 1, "one: one\n"));
    CHECK(shell(t, 2, "touch /dev/shm/two; echo two: $(ls /dev/shm)") ==
          ORD_OK);
    CHECK(log_gets(t, 2, "two: two\n"));
    CHECK(ord_nodes_kill(t->cluster, ord_node_mask(1), &t->err) == ORD_OK);
    CHECK(shell(t, 1, "echo again: $(ls /dev/shm); sleep 60") == ORD_OK);
    CHECK(log_gets(t, 1, "again: one\n"));
    CHECK(ord_nodes_kill(t->cluster, ord_node_mask(1), &t->err) == ORD_OK);
    CHECK(ord_node_forget_shm(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(shell(t, 1, "echo after: $(ls /dev/shm)") == ORD_OK);
    CHECK(log_gets(t, 1, "after:\n"));
    return 0;
}

static int stop_then_kill(struct trial *t)
{
    struct ord_exit ended;

    CHECK(shell(t, 1, "trap '' TERM; echo up; while :; do sleep 1; done") ==
          ORD_OK);
    CHECK(log_gets(t, 1, "up"));
    CHECK(ord_node_stop(t->cluster, 1, 50 * ORD_MS, &ended, &t->err) == ORD_OK);
    CHECK(ended.is_signal && ended.code == SIGKILL);
    CHECK(phase(t, 1) == ORD_NODE_KILLED);
    return 0;
}

/* Grandchildren that left the session write on until the node is killed. */
static int kill_daemons(struct trial *t)
{
    off_t size;

    CHECK(shell(t, 1,
                "setsid sh -c 'setsid sh -c \"while :; do echo x >> d; "
                "sleep 0.01; done\" & exit 0' & echo up; sleep 100") == ORD_OK);
    CHECK(log_gets(t, 1, "up"));
    for (int i = 0; i < 300 && file_size(t, "d") < 4; i++)
        trial_sleep_ms(10);
    CHECK(file_size(t, "d") >= 4);
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    size = file_size(t, "d");
    trial_sleep_ms(100);
    CHECK(file_size(t, "d") == size);
    CHECK(phase(t, 1) == ORD_NODE_KILLED);
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(ord_node_resume(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(shell(t, 1, "echo again; sleep 100") == ORD_OK);
    CHECK(log_gets(t, 1, "again"));
    CHECK(ord_node_state(t->cluster, 1).starts == 2);
    return 0;
}

static int freeze_and_thaw(struct trial *t)
{
    const uint64_t both = ord_node_mask(1) | ord_node_mask(2);
    off_t size;

    for (uint32_t node = 1; node <= 2; node++)
        CHECK(shell(t, node,
                    "(setsid sh -c 'while :; do echo x >> f; done') & "
                    "while :; do :; done") == ORD_OK);
    for (int i = 0; i < 300 && file_size(t, "f") < 100; i++)
        trial_sleep_ms(10);
    CHECK(!ord_nodes_all_stopped(t->cluster, both));
    CHECK(ord_nodes_pause(t->cluster, both, &t->err) == ORD_OK);
    size = file_size(t, "f");
    CHECK(phase(t, 1) == ORD_NODE_PAUSED);
    CHECK(ord_nodes_all_stopped(t->cluster, both));
    trial_sleep_ms(200);
    CHECK(file_size(t, "f") == size);
    CHECK(shell(t, 1, "true") == ORD_EUSAGE);
    CHECK(ord_node_resume(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(phase(t, 1) == ORD_NODE_RUNNING);
    CHECK(!ord_nodes_all_stopped(t->cluster, both));
    CHECK(ord_nodes_all_stopped(t->cluster, ord_node_mask(2)));
    trial_sleep_ms(200);
    CHECK(file_size(t, "f") > size);
    CHECK(ord_nodes_kill(t->cluster, both, &t->err) == ORD_OK); /* one paused */
    CHECK(phase(t, 2) == ORD_NODE_KILLED);
    return 0;
}

static int crashes_are_noticed(struct trial *t)
{
    struct ord_event event;

    CHECK(shell(t, 1, "echo last words; exit 7") == ORD_OK);
    event = await_event(t);
    CHECK(event.kind == ORD_EVENT_EXITED && event.node == 1);
    CHECK(!event.exit.is_signal && event.exit.code == 7);
    CHECK(phase(t, 1) == ORD_NODE_EXITED);
    CHECK(log_has(t, 1, "last words"));
    CHECK(shell(t, 1, "kill -SEGV $$") == ORD_OK);
    event = await_event(t);
    CHECK(event.kind == ORD_EVENT_EXITED && event.exit.is_signal);
    CHECK(event.exit.code == SIGSEGV);
    CHECK(ord_node_state(t->cluster, 1).exit.code == SIGSEGV);
    CHECK(ord_node_kill(t->cluster, 1, &t->err) == ORD_OK);
    CHECK(phase(t, 1) == ORD_NODE_EXITED); /* we did not kill it */
    return 0;
}

static int log_has_a_limit(struct trial *t)
{
    CHECK(shell(t, 1,
                "yes 0123456789 | head -c 3000000; echo > done; "
                "sleep 100") == ORD_OK);
    CHECK(await_event(t).kind == ORD_EVENT_LOG_FULL);
    for (int i = 0; i < 300 && file_size(t, "done") < 0; i++)
        trial_sleep_ms(10);
    CHECK(file_size(t, "done") == 1); /* it went on */
    CHECK(file_size(t, "n1.log") < 100200);
    CHECK(file_size(t, "n1.log") >= 100000);
    CHECK(log_has(t, 1, "reached its limit"));
    CHECK(phase(t, 1) == ORD_NODE_RUNNING);
    return 0;
}

static int bad_programs(struct trial *t)
{
    const char *const none[] = {"no-such-program", NULL};
    const char *const noexec[] = {"/etc/passwd", NULL};
    const char *const good[] = {"true", NULL};

    CHECK(ord_node_start(t->cluster, 1, &(struct ord_command){.argv = none},
                         &t->err) == ORD_ENOTFOUND);
    CHECK(strstr(t->err.text, "start n1: cannot run no-such-program: no such "
                              "program in PATH") != NULL);
    CHECK(ord_node_start(t->cluster, 1, &(struct ord_command){.argv = noexec},
                         &t->err) == ORD_EDENIED);
    CHECK(ord_node_start(
              t->cluster, 1,
              &(struct ord_command){.argv = good, .cwd = "/no/such/dir"},
              &t->err) < 0);
    CHECK(strstr(t->err.text, "/no/such/dir") != NULL);
    CHECK(phase(t, 1) == ORD_NODE_ABSENT);
    return 0;
}

static int probes(struct trial *t)
{
    const char *const echo[] = {"sh", "-c", "echo out; echo err >&2; exit 4",
                                NULL};
    const char *const hang[] = {"sleep", "100", NULL};
    const char *const flood[] = {"sh", "-c", "yes | head -c 5000000", NULL};
    const char *const none[] = {"no-such-program", NULL};
    struct ord_probe *probe;
    struct ord_exit ended;
    struct ord_buf out;
    bool is_over = false;

    ord_buf_init(&out, 1000);
    CHECK(ord_cluster_run(t->cluster, 0, echo, ORD_S, &out, &ended, &t->err) ==
          ORD_OK);
    CHECK(ended.code == 4 && strcmp(ord_buf_str(&out), "out\nerr\n") == 0);
    CHECK(ord_cluster_run(t->cluster, 0, hang, 50 * ORD_MS, &out, &ended,
                          &t->err) == ORD_ETIMEOUT);
    CHECK(ord_cluster_run(t->cluster, 0, none, ORD_S, &out, &ended, &t->err) ==
          ORD_ENOTFOUND);
    ord_buf_clear(&out);
    CHECK(ord_cluster_run(t->cluster, 1, flood, 5 * ORD_S, &out, &ended,
                          &t->err) == ORD_OK);
    CHECK(ended.code == 0 && out.size == 1000);
    ord_buf_fini(&out);
    CHECK(ord_probe_start(t->cluster, 1, hang, ORD_S, 100, &probe, &t->err) ==
          ORD_OK);
    CHECK(ord_probe_poll(probe, &is_over, &ended, &t->err) == ORD_OK);
    CHECK(!is_over);
    ord_probe_free(&probe);
    return 0;
}

static int many_nodes(struct trial *t)
{
    int64_t start_ns = ord_now_ns();

    for (uint32_t node = 1; node <= 64; node++)
        CHECK(shell(t, node, "sleep 100 & sleep 100") == ORD_OK);
    CHECK(ord_nodes_pause(t->cluster, UINT64_MAX, &t->err) == ORD_OK);
    CHECK(ord_nodes_in(t->cluster, ORD_NODE_PAUSED) == UINT64_MAX);
    CHECK(ord_nodes_kill(t->cluster, UINT64_MAX, &t->err) == ORD_OK);
    CHECK(trial_passes(t, 64, 0));
    CHECK(trial_passes(t, 1, 64));
    CHECK(ord_now_ns() - start_ns < 20 * ORD_S);
    return 0;
}

static void run(uint32_t nodes, uint64_t log_size_max,
                int (*body)(struct trial *))
{
    struct trial_config config = {
        .cluster = {.node_count = nodes, .log_size_max = log_size_max}};
    int result = trial_run(&config, body);

    if (result < 0)
        cr_skip_test("no sandbox");
    cr_assert_eq(result, 0, "the trial failed, see above");
}

Test(node, names_and_logs, .timeout = 30)
{
    run(2, 0, names_and_logs);
}

Test(node, shared_memory, .timeout = 30)
{
    run(2, 0, shared_memory);
    cr_expect_neq(access("/dev/shm/n1", F_OK), 0, "nothing is left of it");
}

Test(node, stop_then_kill, .timeout = 30)
{
    run(1, 0, stop_then_kill);
}

Test(node, kill_reaches_daemons, .timeout = 30)
{
    run(1, 0, kill_daemons);
}

Test(node, freeze_and_thaw, .timeout = 30)
{
    run(2, 0, freeze_and_thaw);
}

Test(node, crashes_are_noticed, .timeout = 30)
{
    run(1, 0, crashes_are_noticed);
}

Test(node, log_has_a_limit, .timeout = 30)
{
    run(1, 100000, log_has_a_limit);
}

Test(node, bad_programs, .timeout = 30)
{
    run(1, 0, bad_programs);
}

Test(node, probes, .timeout = 30)
{
    run(1, 0, probes);
}

Test(node, sixty_four, .timeout = 60)
{
    run(64, 0, many_nodes);
}
