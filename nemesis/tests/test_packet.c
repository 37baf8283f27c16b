/* The fault `packet`, each of its effects and the undoing, with figures: on
 * datagrams of our own, and on programs that know nothing of it. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/switch.h"
#include "harness/control/tests/support_trial.h"
#include "nemesis/env.h"
#include "nemesis/plan.h"
#include "support_nemesis.h"

enum { NODES = 3, PORT = 7400, REDIS = 6379, ETCD = 2379 };

TestSuite(packet, .timeout = 120);

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

static void bench_init(struct bench *bench, struct trial *t)
{
    memset(bench, 0, sizeof *bench);
    bench->trial = t;
    ord_arena_init(&bench->arena, 512 << 20);
    ord_buf_init(&bench->evidence, 1 << 16);
    ord_nemesis_env_init(&bench->env, NODES);
    bench->env.cluster = t->cluster;
}

static void bench_fini(struct bench *bench)
{
    ord_buf_fini(&bench->evidence);
    ord_arena_fini(&bench->arena);
}

static int begin(struct bench *bench, const char *text)
{
    struct ord_err *err = &bench->trial->err;
    struct ord_fault *fault;

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

    trial_sleep_ms(20); /* a frame is counted after it was delivered */
    ord_buf_clear(&bench->evidence);
    CHECK(fault->ops->took_hold(&bench->env, &bench->state, &bench->held,
                                &bench->evidence, err) == ORD_OK);
    CHECK(fault->ops->heal(&bench->env, &bench->state, err) == ORD_OK);
    CHECK(fault->ops->heal(&bench->env, &bench->state, err) == ORD_OK);
    (void)fprintf(stderr, "%s: %s\n", fault->what,
                  ord_buf_str(&bench->evidence));
    return 0;
}

static bool is_said(const struct bench *bench, const char *text)
{
    return strstr(ord_buf_str((struct ord_buf *)&bench->evidence), text) !=
           NULL;
}

static void try_on_a_cluster(int (*body)(struct trial *))
{
    struct trial_config config = {.cluster = {.node_count = NODES, .seed = 5}};
    int result = trial_run(&config, body);

    if (result == -1)
        cr_skip_test("namespaces are refused here: see above");
    cr_assert_eq(result, 0);
}

/* ---- datagrams ----------------------------------------------------------- */

struct tally {
    uint32_t received, twice, behind, wrong;
};

static void take(int in, int timeout_ms, uint32_t count, uint8_t *seen,
                 uint32_t *last, struct tally *tally)
{
    uint32_t got[25];

    while (trial_receive(in, got, sizeof got, timeout_ms) == sizeof got) {
        bool is_wrong = got[0] >= count || got[24] != ~got[0];

        for (uint32_t i = 1; i < 24; i++)
            is_wrong = is_wrong || got[i] != i;
        tally->received++;
        tally->wrong += is_wrong;
        if (is_wrong)
            continue;
        tally->twice += seen[got[0]];
        tally->behind += got[0] < *last;
        seen[got[0]] = 1;
        *last = got[0] > *last ? got[0] : *last;
    }
}

/* `count` datagrams of 128 bytes of IP from n1 to n2. */
static struct tally send_many(struct trial *t, uint32_t count)
{
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    struct tally tally = {0};
    uint8_t *seen = calloc(count, 1);
    uint32_t data[25] = {0};
    uint32_t last = 0;

    for (uint32_t i = 1; i < 24; i++)
        data[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        data[0] = i;
        data[24] = ~i;
        (void)trial_send(t, out, 2, PORT, data, sizeof data);
        if (i % 50 == 49)
            trial_sleep_ms(1);
        take(in, 0, count, seen, &last, &tally);
    }
    take(in, 600, count, seen, &last, &tally);
    free(seen);
    (void)close(out);
    (void)close(in);
    return tally;
}

/* What a clog held has come, before somebody else listens there. */
static void settle(struct trial *t)
{
    uint64_t before = UINT64_MAX;

    for (uint32_t i = 0; i < 100; i++) {
        struct ord_link_counts now = ord_wire_counts(t->wire, 1, 2);

        if (now.passed + now.over == before)
            return;
        before = now.passed + now.over;
        trial_sleep_ms(50);
    }
}

struct kind {
    const char *text;
    uint32_t least, most; /* of 1000 received */
    uint32_t twice, behind, wrong;
    const char *evidence;
};

static const struct kind kinds[] = {
    {"packet delay=40ms jitter=20ms from=n1 to=n2", 1000, 1000, 0, 0, 0,
     "1000 delayed by "},
    {"packet loss=30% from=n1 to=n2", 620, 780, 0, 0, 0, " lost ("},
    {"packet loss=30% burst=10 who=n2", 480, 900, 0, 0, 0, " lost ("},
    {"packet duplicate=50% links=all", 1400, 1600, 400, 0, 0, " duplicated"},
    {"packet reorder=20% links=node nodes=n2 direction=in", 1000, 1000, 0, 100,
     0, " reordered"},
    {"packet corrupt=100% links=between from=n2 to=n1", 0, 0, 0, 0, 0,
     "1000 corrupted"},
    {"packet corrupt-undetected=100% from=n1", 1000, 1000, 0, 0, 1000,
     "1000 corrupted undetected"},
    {"packet rate=100kbit", 10, 200, 0, 0, 0, " lost by the rate"},
    {"packet clog=yes to=n2", 0, 0, 0, 0, 0, "1000 held by the clog"},
    {"packet bytes=12800 from=n1 to=n2", 100, 100, 0, 0, 0,
     "900 stopped by the byte limit; 100 frames, 12800 bytes passed"},
    {"packet delay=5ms loss=20% duplicate=20% corrupt=10% from=n1", 700, 1000,
     50, 0, 0, " lost ("},
};

/* Each does what it says on its link; nothing of it is left; and where nothing
 * is carried, it has not bitten. */
static int body_kinds(struct trial *t)
{
    struct bench bench;

    bench_init(&bench, t);
    for (uint32_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *kind = &kinds[i];
        struct tally tally;

        CHECK(begin(&bench, kind->text) == 0);
        tally = send_many(t, 1000);
        CHECK(trial_passes(t, 0, 3) || strstr(kind->text, "all") != NULL);
        CHECK(end(&bench) == 0 && bench.held);
        (void)fprintf(stderr, "  %u received, %u twice, %u behind, %u wrong\n",
                      tally.received, tally.twice, tally.behind, tally.wrong);
        CHECK(tally.received >= kind->least && tally.received <= kind->most);
        CHECK(tally.twice >= kind->twice && tally.behind >= kind->behind);
        CHECK(tally.wrong >= kind->wrong);
        CHECK(is_said(&bench, kind->evidence));
        settle(t);
        tally = send_many(t, 200);
        CHECK(tally.received == 200 && tally.twice + tally.behind == 0);
        CHECK(tally.wrong == 0);
        CHECK(begin(&bench, kind->text) == 0);
        CHECK(end(&bench) == 0 && !bench.held);
    }
    bench_fini(&bench);
    return 0;
}

Test(packet, each_kind_bites_is_measured_and_is_undone)
{
    try_on_a_cluster(body_kinds);
}

/* A stream of TCP gets the rate, and the evidence tells it. */
static int body_rate(struct trial *t)
{
    static char chunk[32768];
    struct bench bench;
    int64_t begin_ns;
    uint64_t bytes = 0;
    double mbit_s;
    const char *at;
    int fds[2];

    bench_init(&bench, t);
    CHECK(trial_connect(t, 1, 2, PORT, &fds[0], &fds[1]));
    for (int i = 0; i < 2; i++)
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    CHECK(begin(&bench, "packet rate=8Mbit from=n1 to=n2") == 0);
    begin_ns = ord_now_ns();
    while (ord_now_ns() < begin_ns + 2 * ORD_S) {
        ssize_t got;

        (void)send(fds[0], chunk, sizeof chunk, MSG_NOSIGNAL);
        while ((got = recv(fds[1], chunk, sizeof chunk, 0)) > 0)
            bytes += (uint64_t)got;
        trial_sleep_ms(2);
    }
    mbit_s = (double)bytes * 8e3 / (double)(ord_now_ns() - begin_ns);
    CHECK(end(&bench) == 0 && bench.held);
    (void)fprintf(stderr, "  %.2f Mbit/s of payload arrived\n", mbit_s);
    CHECK(mbit_s > 2 && mbit_s < 8.2); /* a busy machine makes it less */
    at = strstr(ord_buf_str(&bench.evidence), "link had ");
    CHECK(at != NULL);
    mbit_s = strtod(at + strlen("link had "), NULL);
    CHECK(mbit_s > 2 && mbit_s < 8.4);
    for (int i = 0; i < 2; i++)
        (void)close(fds[i]);
    bench_fini(&bench);
    return 0;
}

Test(packet, the_rate_is_measured)
{
    try_on_a_cluster(body_rate);
}

/* The mean delay that the evidence tells is the one that was asked for. */
static int body_delay(struct trial *t)
{
    struct bench bench;
    const char *at;
    double mean_ms;

    bench_init(&bench, t);
    CHECK(begin(&bench, "packet delay=30ms jitter=20ms from=n1 to=n2") == 0);
    for (uint32_t i = 0; i < 40; i++)
        CHECK(send_many(t, 1).received == 1);
    CHECK(end(&bench) == 0 && bench.held);
    at = strstr(ord_buf_str(&bench.evidence), "delayed by ");
    CHECK(at != NULL);
    mean_ms = strtod(at + strlen("delayed by "), NULL);
    CHECK(mean_ms > 35 && mean_ms < 120); /* 40, or a busy machine's more */
    bench_fini(&bench);
    return 0;
}

Test(packet, the_mean_delay_is_measured)
{
    try_on_a_cluster(body_delay);
}

/* ---- programs ------------------------------------------------------------ */

static bool has_program(const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/usr/bin/%s", name);
    if (access(path, X_OK) == 0)
        return true;
    (void)snprintf(path, sizeof path, "/usr/local/bin/%s", name);
    return access(path, X_OK) == 0;
}

/* A socket of the clients, connected to a node; -1 if it is not let in. */
static int call_node(struct trial *t, uint32_t node, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(ord_port_ipv4(node))};
    int fd = trial_socket(t, 0, SOCK_STREAM, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* Sends it and takes one answer; false if none comes within 3 s. */
static bool ask(int fd, const char *text, char *answer, size_t size)
{
    int got;

    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        return false;
    got = trial_receive(fd, answer, size - 1, 3000);
    answer[got > 0 ? got : 0] = '\0';
    return got > 0;
}

static bool ask_once(struct trial *t, uint32_t node, uint16_t port,
                     const char *text, char *answer, size_t size)
{
    int fd = call_node(t, node, port);
    bool is_answered = fd >= 0 && ask(fd, text, answer, size);

    if (fd >= 0)
        (void)close(fd);
    return is_answered;
}

/* Until the answer holds `want`; at most so long. */
static bool comes(struct trial *t, uint32_t node, const char *text,
                  const char *want, int time_ms)
{
    int64_t end_ns = ord_now_ns() + time_ms * ORD_MS;
    char answer[16384];

    do {
        if (ask_once(t, node, REDIS, text, answer, sizeof answer) &&
            strstr(answer, want) != NULL)
            return true;
        trial_sleep_ms(30);
    } while (ord_now_ns() < end_ns);
    return false;
}

/* n1, and n2 and n3 that follow it. */
static int start_redis(struct trial *t)
{
    for (uint32_t node = 1; node <= NODES; node++) {
        const char *const argv[] = {"redis-server",
                                    "--bind",
                                    "0.0.0.0",
                                    "--protected-mode",
                                    "no",
                                    "--save",
                                    "",
                                    "--dir",
                                    t->run_dir,
                                    "--repl-diskless-sync-delay",
                                    "0",
                                    "--repl-ping-replica-period",
                                    "1",
                                    node == 1 ? NULL : "--replicaof",
                                    ord_node_ip(t->cluster, 1),
                                    "6379",
                                    NULL};
        const struct ord_command command = {.argv = argv, .cwd = t->run_dir};

        CHECK(ord_node_start(t->cluster, node, &command, &t->err) == ORD_OK);
    }
    for (uint32_t node = 2; node <= NODES; node++)
        CHECK(comes(t, node, "INFO replication\r\n", "master_link_status:up",
                    20000));
    return 0;
}

static bool log_has(struct trial *t, uint32_t node, const char *text)
{
    static char log[1 << 20];
    int fd = open(ord_node_log(t->cluster, node), O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, log, sizeof log - 1);

    if (fd >= 0)
        (void)close(fd);
    log[size > 0 ? size : 0] = '\0';
    return strstr(log, text) != NULL;
}

/* redis-cli on one connection: how long 20 round trips take. */
static int64_t round_trips_ms(struct trial *t)
{
    const char *const argv[] = {"redis-cli", "-h", ord_node_ip(t->cluster, 1),
                                "-r",        "20", "PING",
                                NULL};
    int64_t begin_ns = ord_now_ns();
    struct ord_exit ended;
    struct ord_buf out;
    int64_t took_ms = -1;

    ord_buf_init(&out, 1 << 16);
    if (ord_cluster_run(t->cluster, 0, argv, 30 * ORD_S, &out, &ended,
                        &t->err) == ORD_OK &&
        !ended.is_signal && ended.code == 0)
        took_ms = (ord_now_ns() - begin_ns) / ORD_MS;
    ord_buf_fini(&out);
    return took_ms;
}

static int redis_delay(struct bench *bench)
{
    int64_t plain_ms = round_trips_ms(bench->trial);
    int64_t slow_ms;

    CHECK(plain_ms >= 0);
    CHECK(begin(bench, "packet delay=15ms links=clients") == 0);
    slow_ms = round_trips_ms(bench->trial);
    CHECK(end(bench) == 0 && bench->held);
    (void)fprintf(stderr,
                  "redis-cli, 20 PINGs: %d ms, %d ms with 15 ms each "
                  "way\n",
                  (int)plain_ms, (int)slow_ms);
    CHECK(slow_ms >= 600);
    for (uint32_t i = 0; i < 5 && plain_ms > slow_ms - 300; i++)
        plain_ms = round_trips_ms(bench->trial); /* a busy machine */
    CHECK(plain_ms <= slow_ms - 300);
    for (uint32_t i = 0; i < 5 && slow_ms > plain_ms + 300; i++)
        slow_ms = round_trips_ms(bench->trial);
    CHECK(slow_ms <= plain_ms + 300);
    return 0;
}

/* redis-cli says what its system told it; the server lives on. */
static int redis_reset_client(struct bench *bench)
{
    struct trial *t = bench->trial;
    const char *const argv[] = {
        "redis-cli", "-h", ord_node_ip(t->cluster, 1), "BLPOP", "nothing",
        "30",        NULL};
    struct ord_probe *probe;
    struct ord_exit ended;
    bool has_ended = false;

    CHECK(ord_probe_start(t->cluster, 0, argv, 20 * ORD_S, 1 << 16, &probe,
                          &t->err) == ORD_OK);
    CHECK(comes(t, 1, "INFO clients\r\n", "blocked_clients:1", 10000));
    trial_sleep_ms(200); /* it waits on an idle connection */
    CHECK(begin(bench, "packet reset=all links=clients") == 0);
    for (int i = 0; i < 500 && !has_ended; i++) {
        trial_sleep_ms(10);
        CHECK(ord_probe_poll(probe, &has_ended, &ended, &t->err) == ORD_OK);
    }
    CHECK(has_ended);
    CHECK(end(bench) == 0 && bench->held);
    CHECK(is_said(bench, "1 connection reset"));
    (void)fprintf(stderr, "redis-cli: %s",
                  ord_buf_str(ord_probe_output(probe)));
    CHECK(strstr(ord_buf_str(ord_probe_output(probe)),
                 "Connection reset by peer") != NULL);
    ord_probe_free(&probe);
    CHECK(comes(t, 1, "PING\r\n", "PONG", 5000));
    return 0;
}

/* The followers lose their connection, say so, and come back by themselves. */
static int redis_reset_followers(struct bench *bench)
{
    struct trial *t = bench->trial;

    CHECK(!log_has(t, 2, "MASTER aborted") &&
          !log_has(t, 2, "Connection with master lost"));
    CHECK(begin(bench, "packet reset=all from=n1 to=n2") == 0);
    for (int i = 0; i < 500 && !log_has(t, 2, "Connection with master lost");
         i++)
        trial_sleep_ms(10);
    CHECK(log_has(t, 2, "Connection with master lost"));
    CHECK(!log_has(t, 3, "Connection with master lost"));
    CHECK(comes(t, 2, "INFO replication\r\n", "master_link_status:up", 20000));
    CHECK(end(bench) == 0 && bench->held);
    CHECK(is_said(bench, "1 connection reset"));
    return 0;
}

/* What is written stays on its way, and arrives when the fault ends. */
static int redis_stalls(struct bench *bench, const char *fault, const char *key)
{
    struct trial *t = bench->trial;
    char *value = calloc(1, 30000);
    char answer[64];
    char get[64];

    (void)snprintf(get, sizeof get, "STRLEN %s\r\n", key);
    (void)snprintf(value, 64, "SET %s ", key);
    memset(value + strlen(value), 'x', 20000);
    memcpy(value + strlen(value), "\r\n", 3);
    CHECK(begin(bench, fault) == 0);
    CHECK(ask_once(t, 1, REDIS, value, answer, sizeof answer));
    CHECK(strstr(answer, "+OK") != NULL);
    CHECK(comes(t, 3, get, ":20000", 5000));
    trial_sleep_ms(200);
    CHECK(!comes(t, 2, get, ":20000", 300));
    CHECK(end(bench) == 0 && bench->held);
    CHECK(comes(t, 2, get, ":20000", 20000));
    free(value);
    return 0;
}

/* All of the rough ones: slow, and nothing is wrong with the data. */
static int redis_rough(struct bench *bench)
{
    struct trial *t = bench->trial;
    char text[64];

    CHECK(begin(bench, "packet delay=2ms jitter=3ms loss=2% burst=3 "
                       "duplicate=10% reorder=10% corrupt=2% rate=5Mbit "
                       "links=all") == 0);
    /* Asked again where no answer came, so it must not matter how often. */
    for (uint32_t i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "SADD numbers %u\r\n", i);
        CHECK(comes(t, 1, text, ":", 20000));
    }
    CHECK(end(bench) == 0 && bench->held);
    CHECK(comes(t, 2, "SCARD numbers\r\n", ":100", 20000));
    CHECK(comes(t, 3, "SCARD numbers\r\n", ":100", 20000));
    return 0;
}

static int body_redis(struct trial *t)
{
    struct bench bench;

    bench_init(&bench, t);
    CHECK(start_redis(t) == 0);
    CHECK(redis_delay(&bench) == 0);
    CHECK(redis_reset_client(&bench) == 0);
    CHECK(redis_reset_followers(&bench) == 0);
    CHECK(redis_stalls(&bench, "packet clog=yes from=n1 to=n2", "clog") == 0);
    CHECK(redis_stalls(&bench, "packet bytes=4KiB from=n1 to=n2", "bytes") ==
          0);
    CHECK(redis_rough(&bench) == 0);
    bench_fini(&bench);
    return 0;
}

Test(packet, redis_meets_it_and_recovers)
{
    if (!has_program("redis-server") || !has_program("redis-cli"))
        cr_skip_test("no redis-server or redis-cli here");
    try_on_a_cluster(body_redis);
}

/* ---- etcd ---------------------------------------------------------------- */

static int start_etcd(struct trial *t, uint32_t node)
{
    char name[8], peer[40], client[40], data[96];
    const char *const argv[] = {
        "etcd",
        "--name",
        name,
        "--data-dir",
        data,
        "--listen-peer-urls",
        peer,
        "--initial-advertise-peer-urls",
        peer,
        "--listen-client-urls",
        client,
        "--advertise-client-urls",
        client,
        "--initial-cluster",
        "n1=http://10.77.0.11:2380,n2=http://10.77.0.12:2380,"
        "n3=http://10.77.0.13:2380",
        "--heartbeat-interval",
        "50",
        "--election-timeout",
        "500",
        "--logger",
        "zap",
        NULL};
    const struct ord_command command = {.argv = argv, .cwd = t->run_dir};

    (void)snprintf(name, sizeof name, "n%u", node);
    (void)snprintf(data, sizeof data, "%s/etcd-n%u", t->run_dir, node);
    (void)snprintf(peer, sizeof peer, "http://10.77.0.%u:2380", 10 + node);
    (void)snprintf(client, sizeof client, "http://10.77.0.%u:%d", 10 + node,
                   ETCD);
    CHECK(ord_node_start(t->cluster, node, &command, &t->err) == ORD_OK);
    return 0;
}

/* Through the JSON gateway; "eA==" is x. */
static bool etcd_puts(struct trial *t, uint32_t node, int time_ms)
{
    static const char put[] =
        "POST /v3/kv/put HTTP/1.1\r\nHost: e\r\nConnection: close\r\n"
        "Content-Length: 31\r\n\r\n{\"key\":\"eA==\",\"value\":\"eA==\"} \n";
    int64_t end_ns = ord_now_ns() + time_ms * ORD_MS;
    char answer[4096];

    do {
        if (ask_once(t, node, ETCD, put, answer, sizeof answer) &&
            strstr(answer, "200 OK") != NULL)
            return true;
        trial_sleep_ms(50);
    } while (ord_now_ns() < end_ns);
    (void)fprintf(stderr, "no put through n%u: %.200s\n", node, answer);
    return false;
}

static bool etcd_says_so(struct trial *t)
{
    for (uint32_t node = 1; node <= NODES; node++) {
        if (log_has(t, node, "connection reset by peer"))
            return true;
    }
    return false;
}

/* Its peers hold streams to each other: they are reset and made anew. */
static int body_etcd(struct trial *t)
{
    struct bench bench;

    bench_init(&bench, t);
    for (uint32_t node = 1; node <= NODES; node++)
        CHECK(start_etcd(t, node) == 0);
    CHECK(etcd_puts(t, 1, 20000));
    trial_sleep_ms(500);
    CHECK(begin(&bench, "packet reset=all") == 0);
    for (uint32_t node = 1; node <= NODES; node++)
        CHECK(etcd_puts(t, node, 20000));
    CHECK(end(&bench) == 0 && bench.held);
    for (int i = 0; i < 500 && !etcd_says_so(t); i++)
        trial_sleep_ms(10);
    CHECK(etcd_says_so(t));
    CHECK(begin(&bench, "packet loss=5% duplicate=10% reorder=10% delay=3ms "
                        "reset=1% links=all") == 0);
    for (uint32_t i = 0; i < 20; i++)
        CHECK(etcd_puts(t, 1 + i % NODES, 20000));
    CHECK(end(&bench) == 0 && bench.held);
    CHECK(begin(&bench, "packet clog=yes who=n3 links=all") == 0);
    CHECK(etcd_puts(t, 1, 20000) || etcd_puts(t, 2, 20000));
    CHECK(end(&bench) == 0 && bench.held);
    for (uint32_t node = 1; node <= NODES; node++)
        CHECK(etcd_puts(t, node, 20000));
    bench_fini(&bench);
    return 0;
}

Test(packet, etcd_meets_it_and_recovers)
{
    if (!has_program("etcd"))
        cr_skip_test("no etcd here");
    try_on_a_cluster(body_etcd);
}
