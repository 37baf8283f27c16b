/* The fault `process` on programs that we did not write: it reaches all of
 * their processes, says what it measured, and healing undoes it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/tests/support_trial.h"
#include "nemesis/nemesis.h"
#include "nemesis/params.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

enum { PROCESSES_MAX = 256, FEW = 64 };

TestSuite(process, .timeout = 180);

struct program {
    const char *needs[3];    /* NULL: nothing more */
    const char *script;      /* for sh; ends by becoming the program */
    const char *is_ready[4]; /* exits 0 once it serves; NULL: at once */
    int stop_signal;         /* 0: SIGTERM */
    const char *stops_with;  /* words of the evidence */
    uint32_t processes_min;
};

struct bench {
    struct trial *trial;
    const struct program *program;
    struct ord_arena arena;
    struct ord_nemesis_env env;
    struct ord_fault_plan plan;
    struct ord_fault_state state;
    struct ord_buf evidence;
    bool held;
};

/* ---- the bench ----------------------------------------------------------- */

static bool is_installed(const char *program)
{
    char text[128];

    (void)snprintf(text, sizeof text, "command -v %s >/dev/null", program);
    /* A shell of the test's own: PATH is what it is for the nodes. */
    {
        const char *const argv[] = {"sh", "-c", text, NULL};
        const struct ord_child_spec spec = {.argv = argv,
                                            .in_fd = -1,
                                            .out_fd = -1,
                                            .err_fd = -1,
                                            .net_fd = -1};
        struct ord_child child = ORD_CHILD_NONE;
        struct ord_exit exit = {.code = 1};
        struct ord_err err;

        return ord_child_spawn(&spec, &child, &err) == ORD_OK &&
               ord_child_wait(&child, 5 * ORD_S, &exit, &err) == ORD_OK &&
               !exit.is_signal && exit.code == 0;
    }
}

static int start_node(void *ctx, uint32_t node, struct ord_err *err)
{
    struct bench *bench = ctx;
    const char *const argv[] = {"sh", "-c", bench->program->script, NULL};
    const struct ord_command command = {.argv = argv,
                                        .cwd = bench->trial->run_dir,
                                        .stop_signal =
                                            bench->program->stop_signal};

    return ord_node_start(bench->trial->cluster, node, &command, err);
}

static int await_ready(struct bench *bench)
{
    struct ord_exit exit = {.code = 1};
    struct ord_buf out;

    for (int i = 0; i < 600; i++) {
        if (bench->program->is_ready[0] == NULL)
            return 0;
        ord_buf_init(&out, 1 << 16);
        if (ord_cluster_run(bench->trial->cluster, 1, bench->program->is_ready,
                            2 * ORD_S, &out, &exit,
                            &bench->trial->err) != ORD_OK)
            exit.code = 1;
        ord_buf_fini(&out);
        if (!exit.is_signal && exit.code == 0)
            return 0;
        trial_sleep_ms(50);
    }
    CHECK(!"it never became ready");
    return 1;
}

static int begin(struct bench *bench, const char *text)
{
    struct ord_fault *fault;
    struct ord_err *err = &bench->trial->err;

    bench->plan = plan_of(&bench->arena, text, 1, 3);
    fault = &bench->plan.faults[0];
    CHECK(ord_fault_resolve(fault, &bench->arena, 1, 0, err) == ORD_OK);
    bench->state = (struct ord_fault_state){.fault = fault,
                                            .arena = &bench->arena,
                                            .injected_ns = ord_now_ns(),
                                            .step_ns = ORD_NEVER};
    CHECK(fault->ops->inject(&bench->env, &bench->state, err) == ORD_OK);
    return 0;
}

/* Lets time pass, and the fault take its steps, as the engine does. */
static int pass(struct bench *bench, int64_t time_ms)
{
    int64_t end_ns = ord_now_ns() + time_ms * ORD_MS;

    while (ord_now_ns() < end_ns) {
        int64_t now_ns = ord_now_ns();

        if (now_ns >= bench->state.step_ns) {
            bench->state.step_ns = ORD_NEVER;
            CHECK(bench->state.fault->ops->step(&bench->env, &bench->state,
                                                now_ns,
                                                &bench->trial->err) == ORD_OK);
        }
        trial_sleep_ms(2);
    }
    return 0;
}

static int end(struct bench *bench)
{
    const struct ord_fault *fault = bench->state.fault;
    struct ord_err *err = &bench->trial->err;

    ord_buf_clear(&bench->evidence);
    CHECK(fault->ops->took_hold(&bench->env, &bench->state, &bench->held,
                                &bench->evidence, err) == ORD_OK);
    (void)fprintf(stderr, "%s: %s\n", fault->what,
                  ord_buf_str(&bench->evidence));
    CHECK(fault->ops->heal(&bench->env, &bench->state, err) == ORD_OK);
    CHECK(fault->ops->heal(&bench->env, &bench->state, err) == ORD_OK);
    CHECK(bench->held);
    return 0;
}

static bool says(struct bench *bench, const char *words)
{
    return strstr(ord_buf_str(&bench->evidence), words) != NULL;
}

/* ---- what the kernel says ------------------------------------------------ */

struct limits { /* of descriptors, of every process of the node */
    uint32_t count;
    pid_t pids[PROCESSES_MAX];
    long soft[PROCESSES_MAX];
};

static long soft_of(const char *pid)
{
    struct ord_err err;
    struct ord_buf text;
    char path[64];
    const char *at;
    long soft = -1;

    (void)snprintf(path, sizeof path, "/proc/%.20s/limits", pid);
    ord_buf_init(&text, 1 << 14);
    if (ord_file_read(path, &text, &err) == ORD_OK &&
        (at = strstr(ord_buf_str(&text), "Max open files")) != NULL)
        soft = strtol(at + strlen("Max open files"), NULL, 10);
    ord_buf_fini(&text);
    return soft;
}

static void read_limits(struct bench *bench, struct limits *out)
{
    struct ord_survey survey = {0};
    char ours[128] = "", path[64], one[128];
    const struct dirent *entry;
    DIR *dir = opendir("/proc");

    *out = (struct limits){0};
    (void)ord_node_survey(bench->trial->cluster, 1, &survey,
                          &bench->trial->err);
    (void)snprintf(path, sizeof path, "/proc/%d/ns/pid", survey.pid);
    (void)!readlink(path, ours, sizeof ours - 1);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        memset(one, 0, sizeof one);
        (void)snprintf(path, sizeof path, "/proc/%.20s/ns/pid", entry->d_name);
        if (pid == 0 || pid == survey.pid || out->count == PROCESSES_MAX ||
            readlink(path, one, sizeof one - 1) < 0 || strcmp(one, ours) != 0 ||
            soft_of(entry->d_name) < 0)
            continue;
        out->pids[out->count] = pid;
        out->soft[out->count++] = soft_of(entry->d_name);
    }
    if (dir != NULL)
        (void)closedir(dir);
}

static uint32_t count_soft(const struct limits *limits, long soft)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < limits->count; i++)
        count += limits->soft[i] == soft;
    return count;
}

/* ---- kind by kind -------------------------------------------------------- */

static int try_throttle(struct bench *bench)
{
    struct ord_survey survey;
    struct ord_cluster *cluster = bench->trial->cluster;
    double before, during;

    trial_sleep_ms(1200);
    CHECK(begin(bench, "process kind=throttle share=20% period=50ms") == 0);
    CHECK(pass(bench, 1500) == 0);
    CHECK(ord_node_survey(cluster, 1, &survey, &bench->trial->err) == ORD_OK);
    CHECK(survey.process_count >= bench->program->processes_min);
    before = (double)survey.before_cpu_ns / (double)survey.before_ns;
    during = (double)survey.throttled_cpu_ns / (double)survey.throttled_ns;
    CHECK(survey.stopped_ns * 10 > survey.throttled_ns * 6);
    CHECK(before < 0.4 || during < before * 0.6);
    CHECK(end(bench) == 0);
    CHECK(says(bench, "of a processor"));
    CHECK(ord_node_survey(cluster, 1, &survey, &bench->trial->err) == ORD_OK);
    CHECK(survey.stops == 0);
    return await_ready(bench);
}

static int try_limit(struct bench *bench)
{
    struct limits before, during, after;

    read_limits(bench, &before);
    CHECK(before.count >= bench->program->processes_min);
    CHECK(count_soft(&before, FEW) == 0);
    CHECK(begin(bench, "process kind=limit descriptors=64") == 0);
    read_limits(bench, &during);
    CHECK(during.count > 0 && count_soft(&during, FEW) == during.count);
    CHECK(pass(bench, 100) == 0);
    CHECK(end(bench) == 0);
    CHECK(says(bench, "open files at most 64 in "));
    read_limits(bench, &after);
    CHECK(after.count > 0 && count_soft(&after, FEW) == 0);
    for (uint32_t i = 0; i < before.count; i++) {
        for (uint32_t k = 0; k < after.count; k++)
            CHECK(before.pids[i] != after.pids[k] ||
                  before.soft[i] == after.soft[k]);
    }
    return await_ready(bench);
}

static int try_storm(struct bench *bench)
{
    uint32_t starts = ord_node_state(bench->trial->cluster, 1).starts;

    CHECK(begin(bench, "process kind=storm times=3 interval=300ms for=1000") ==
          0);
    CHECK(pass(bench, 1000) == 0);
    CHECK(end(bench) == 0);
    CHECK(says(bench, "3 of 3 restarts seen, as process "));
    CHECK(ord_node_state(bench->trial->cluster, 1).starts == starts + 3);
    return await_ready(bench);
}

static int try_stop(struct bench *bench)
{
    CHECK(begin(bench, "process kind=stop within=20s") == 0);
    for (int i = 0; i < 2200 && bench->state.step_ns != ORD_NEVER; i++)
        CHECK(pass(bench, 10) == 0);
    CHECK(ord_env_down(&bench->env) == 1);
    CHECK(ord_nodes_in(bench->trial->cluster, ORD_NODE_RUNNING) == 0);
    CHECK(end(bench) == 0);
    CHECK(says(bench, bench->program->stops_with));
    CHECK(ord_cluster_next_event(bench->trial->cluster).kind == ORD_EVENT_NONE);
    CHECK(ord_nodes_in(bench->trial->cluster, ORD_NODE_RUNNING) == 1);
    return await_ready(bench);
}

static int all_kinds(struct trial *t, const struct program *program,
                     int (*more)(struct bench *bench))
{
    struct bench *bench = calloc(1, sizeof *bench);
    int result = 1;

    CHECK(bench != NULL);
    bench->trial = t;
    bench->program = program;
    ord_arena_init(&bench->arena, 256 << 20);
    ord_buf_init(&bench->evidence, 1 << 16);
    ord_nemesis_env_init(&bench->env, 1);
    bench->env.cluster = t->cluster;
    bench->env.start_node = start_node;
    bench->env.ctx = bench;
    if (start_node(bench, 1, &t->err) == ORD_OK && await_ready(bench) == 0 &&
        try_throttle(bench) == 0 && try_limit(bench) == 0 &&
        try_storm(bench) == 0 && try_stop(bench) == 0)
        result = more == NULL ? 0 : more(bench);
    if (result != 0)
        (void)fprintf(stderr, "%s\n", t->err.text);
    ord_buf_fini(&bench->evidence);
    ord_arena_fini(&bench->arena);
    free(bench);
    return result;
}

static void try_on(const struct program *program, int (*body)(struct trial *))
{
    struct trial_config config = {.cluster = {.node_count = 1, .seed = 5}};
    int result;

    for (uint32_t i = 0; i < 3 && program->needs[i] != NULL; i++) {
        if (!is_installed(program->needs[i]))
            cr_skip_test("%s is not installed", program->needs[i]);
    }
    result = trial_run(&config, body);
    if (result == -1)
        cr_skip_test("namespaces are refused here: see above");
    cr_assert_eq(result, 0);
}

/* ---- a shell script with daemons ----------------------------------------- */

static const struct program script = {
    .script = "setsid sh -c '(while :; do date > /dev/null; done) & "
              "(setsid sh -c \"while :; do :; done\" &)' & "
              "trap 'exit 3' TERM; i=0; while :; do i=$((i + 1)); "
              "[ $((i % 1000)) != 0 ] || echo line $i >> grows; done",
    .stops_with = "exited with status 3 after",
    .processes_min = 3,
};

/* What the ledger holds is enough: nobody remembers what was laid on whom. */
static int heal_from_memory_of_nothing(struct bench *bench)
{
    static const char *const texts[] = {
        "process kind=throttle share=1% period=10s",
        "process kind=limit descriptors=64", "process kind=stop within=50s"};
    const struct ord_nemesis_ops *ops = ord_nemesis_find("process");
    struct ord_survey survey;
    struct limits limits;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ord_fault_state state = {.arena = &bench->arena};

        CHECK(begin(bench, texts[i]) == 0);
        state.fault = bench->state.fault;
        ord_nemesis_env_init(&bench->env, 1);
        bench->env.cluster = bench->trial->cluster;
        bench->env.start_node = start_node;
        bench->env.ctx = bench;
        CHECK(ops->heal(&bench->env, &state, &bench->trial->err) == ORD_OK);
        CHECK(ord_node_survey(bench->trial->cluster, 1, &survey,
                              &bench->trial->err) == ORD_OK);
        CHECK(survey.stops == 0 && survey.process_count > 0);
        read_limits(bench, &limits);
        CHECK(count_soft(&limits, FEW) == 0);
        CHECK(!ord_node_is_stopping(bench->trial->cluster, 1));
    }
    return 0;
}

/* A file that may not grow ends who writes to it. */
static int fill_file(struct bench *bench)
{
    struct ord_err *err = &bench->trial->err;

    CHECK(begin(bench, "process kind=limit file_size=1000B memory=1GiB") == 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(pass(bench, 10) == 0);
        if (ord_node_state(bench->trial->cluster, 1).phase == ORD_NODE_EXITED)
            break;
        (void)ord_cluster_next_event(bench->trial->cluster);
    }
    CHECK(end(bench) == 0);
    CHECK(says(bench, "ended by signal 25"));
    CHECK(ord_node_state(bench->trial->cluster, 1).phase == ORD_NODE_RUNNING);
    if (heal_from_memory_of_nothing(bench) != 0)
        return 1;
    /* Who does not listen is killed when its time is over. */
    CHECK(ord_node_kill(bench->trial->cluster, 1, err) == ORD_OK);
    bench->program = &(const struct program){
        .script = "trap '' TERM; (trap '' TERM; setsid sleep 1000) & "
                  "while :; do sleep 0.1; done"};
    CHECK(start_node(bench, 1, err) == ORD_OK);
    trial_sleep_ms(200);
    CHECK(begin(bench, "process kind=stop within=400ms") == 0);
    CHECK(pass(bench, 700) == 0);
    CHECK(end(bench) == 0);
    CHECK(says(bench, "had not ended after 0.4"));
    CHECK(says(bench, ", and was killed"));
    return 0;
}

static int body_script(struct trial *t)
{
    return all_kinds(t, &script, fill_file);
}

Test(process, a_script_with_daemons)
{
    try_on(&script, body_script);
}

/* ---- redis --------------------------------------------------------------- */

static const struct program redis = {
    .needs = {"redis-server", "redis-cli", NULL},
    .script = "exec redis-server --port 6379 --bind 0.0.0.0 "
              "--protected-mode no --save '' --appendonly yes",
    .is_ready = {"redis-cli", "ping", NULL},
    .stops_with = "exited with status 0 after",
    .processes_min = 1,
};

/* One connection too many: the program itself says so. */
static int connect_many(struct bench *bench)
{
    int fds[100];

    CHECK(begin(bench, "process kind=limit descriptors=20") == 0);
    for (uint32_t i = 0; i < 100; i++) {
        const struct sockaddr_in to = {.sin_family = AF_INET,
                                       .sin_port = htons(6379),
                                       .sin_addr.s_addr =
                                           htonl(0x0a4d000b)}; /* 10.77.0.11 */

        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (const struct sockaddr *)&to, sizeof to);
    }
    CHECK(pass(bench, 500) == 0);
    CHECK(end(bench) == 0);
    for (uint32_t i = 0; i < 100; i++)
        (void)close(fds[i]);
    CHECK(says(bench, "its log says \"too many open files\""));
    CHECK(says(bench, "1 of which have reached it"));
    return await_ready(bench);
}

static int body_redis(struct trial *t)
{
    return all_kinds(t, &redis, connect_many);
}

Test(process, redis)
{
    try_on(&redis, body_redis);
}

/* ---- etcd ---------------------------------------------------------------- */

static const struct program etcd = {
    .needs = {"etcd", "bash", NULL},
    .script =
        "exec etcd --data-dir etcd.data --logger zap --log-outputs stderr",
    .is_ready = {"bash", "-c", ": < /dev/tcp/127.0.0.1/2379", NULL},
    .stops_with = "n1: e", /* exited, or ended: by Go's own signal */
    .processes_min = 1,
};

static int body_etcd(struct trial *t)
{
    return all_kinds(t, &etcd, NULL);
}

Test(process, etcd)
{
    try_on(&etcd, body_etcd);
}

/* ---- postgres ------------------------------------------------------------ */

/* It refuses to be root: root becomes another user, and who is root of a user
 * namespace only becomes another user of one more. */
#define AS_SOMEBODY                                                            \
    "as() { if grep -q 4294967295 /proc/self/uid_map; then "                   \
    "chown 65534 pg; exec setpriv --reuid 65534 --regid 65534 "                \
    "--clear-groups \"$@\"; else "                                             \
    "exec unshare --user --map-user=1000 --map-group=1000 \"$@\"; fi; }; "

static const struct program postgres = {
    .needs = {"postgres", "initdb", "setpriv"},
    .script = AS_SOMEBODY
    "mkdir -p pg; chmod 755 .; "
    "[ -f pg/done ] || { rm -rf pg/data; "
    "(as initdb -D pg/data -U me -A trust -N) > initdb.log 2>&1 && "
    "(as touch pg/done); }; "
    "as postgres -D pg/data -k /tmp -c unix_socket_directories= "
    "-c listen_addresses=127.0.0.1",
    .is_ready = {"pg_isready", "-h", "127.0.0.1", NULL},
    .stop_signal = SIGINT,
    .stops_with = "exited with status 0 after",
    .processes_min = 5,
};

static int body_postgres(struct trial *t)
{
    return all_kinds(t, &postgres, NULL);
}

Test(process, postgres_with_its_many_processes)
{
    try_on(&postgres, body_postgres);
}

/* ---- java ---------------------------------------------------------------- */

static const struct program java = {
    .needs = {"java", "javac", "bash"},
    .script =
        "[ -f Busy.class ] || { cat > Busy.java <<'END'\n"
        "public class Busy {\n"
        "  static volatile long n;\n"
        "  public static void main(String[] a) throws Exception {\n"
        "    Thread t = new Thread(() -> { while (true) n++; });\n"
        "    t.setDaemon(true); t.start();\n"
        "    var held = new java.util.ArrayList<Object>();\n"
        "    new java.net.ServerSocket(7000);\n"
        "    while (true) {\n"
        "      Thread.sleep(5);\n"
        "      if (!new java.io.File(\"java.open\").exists()) continue;\n"
        "      try { held.add(new java.io.FileInputStream(\"Busy.java\")); }\n"
        "      catch (java.io.IOException e) { System.err.println(e); }\n"
        "    }\n"
        "  }\n"
        "}\n"
        "END\n"
        "javac Busy.java; }\n"
        "rm -f java.open; exec java -XX:+UseSerialGC -Xmx64m Busy",
    .is_ready = {"bash", "-c", ": < /dev/tcp/127.0.0.1/7000", NULL},
    .stops_with = "exited with status 143 after",
    .processes_min = 1,
};

static int open_many(struct bench *bench)
{
    char path[ORD_PATH_MAX];
    int fd;

    CHECK(ord_path_join(path, bench->trial->run_dir, "java.open",
                        &bench->trial->err) == ORD_OK);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    CHECK(fd >= 0);
    (void)close(fd);
    CHECK(begin(bench, "process kind=limit descriptors=40") == 0);
    CHECK(pass(bench, 1500) == 0);
    CHECK(end(bench) == 0);
    CHECK(says(bench, "its log says \"too many open files\""));
    return 0;
}

static int body_java(struct trial *t)
{
    return all_kinds(t, &java, open_many);
}

Test(process, java)
{
    try_on(&java, body_java);
}
