/* bench-recorder: how much of a bare ping-pong is left once every operation is
 * generated, recorded and read back.
 *
 * usage: bench-recorder RECORDER.YAML.  For 10 and 50 clients, in one run: N
 * child processes that echo a line over a socket pair, driven by one epoll
 * loop; then N null clients behind the real pool, with the real workload, the
 * real recorder and the real file.  Prints `name value unit goal`.
 */
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/run/pool.h"

enum { CLIENTS_MAX = 64, EVENTS_MAX = 64, LINE_SIZE = 64 };

static const int64_t SECONDS_NS = 3 * ORD_S;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void check(int rc, const struct ord_err *err)
{
    if (rc != ORD_OK) {
        fprintf(stderr, "bench-recorder: %s\n", err->text);
        exit(1);
    }
}

/* ---- bare ping-pong ---------------------------------------------------------
 */

static _Noreturn void echo(int fd)
{
    char line[LINE_SIZE];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        ssize_t got = read(fd, line, sizeof line);

        if (got <= 0 || write(fd, line, (size_t)got) != got)
            _exit(0);
    }
}

static uint64_t ping_pong(int epoll_fd, const int *fds)
{
    const int64_t end_ns = ord_now_ns() + SECONDS_NS;
    char line[LINE_SIZE];
    uint64_t count = 0;

    while (ord_now_ns() < end_ns) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(epoll_fd, events, EVENTS_MAX, 100);

        for (int i = 0; i < ready; i++) {
            int fd = fds[events[i].data.u32];
            ssize_t got = read(fd, line, sizeof line);

            if (got <= 0 || send(fd, line, (size_t)got, MSG_NOSIGNAL) != got)
                fail("ping-pong");
            count++;
        }
    }
    return count;
}

static double bare(uint32_t clients)
{
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    char line[LINE_SIZE] = {0};
    int fds[CLIENTS_MAX];
    uint64_t count;

    for (uint32_t i = 0; i < clients; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = i}};
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
            fail("socketpair");
        pid = fork();
        if (pid == 0) {
            close(pair[0]);
            for (uint32_t k = 0; k < i; k++)
                close(fds[k]);
            echo(pair[1]);
        }
        close(pair[1]);
        fds[i] = pair[0];
        if (pid < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event) != 0)
            fail("echo process");
    }
    for (uint32_t i = 0; i < clients; i++) {
        if (write(fds[i], line, sizeof line) != (ssize_t)sizeof line)
            fail("first ping");
    }
    count = ping_pong(epoll_fd, fds);
    for (uint32_t i = 0; i < clients; i++)
        close(fds[i]);
    while (wait(NULL) > 0) {
    }
    close(epoll_fd);
    return (double)count / ((double)SECONDS_NS / 1e9);
}

/* ---- the pool
 * ----------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
    struct rusage use;

    if (getrusage(RUSAGE_SELF, &use) != 0)
        fail("getrusage");
    return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * ORD_S +
           (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * ORD_US;
}

static void turn(struct ord_pool *pool, int epoll_fd, int64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t now_ns = ord_now_ns();
    int64_t wake_ns = ord_pool_pump(pool, now_ns);
    struct timespec wait = {0};
    int ready;

    if (wake_ns > until_ns)
        wake_ns = until_ns;
    if (wake_ns > now_ns) {
        wait.tv_sec = (wake_ns - now_ns) / ORD_S;
        wait.tv_nsec = (wake_ns - now_ns) % ORD_S;
    }
    ready = epoll_pwait2(epoll_fd, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < ready; i++)
        ord_pool_event(pool, events[i].data.u32);
}

struct figures {
    double per_s;
    double cpu_us;
};

static struct figures drive(struct ord_pool *pool, int epoll_fd,
                            const struct ord_cell *cell,
                            struct ord_facts *facts)
{
    struct ord_workload workload;
    struct ord_arena arena;
    struct ord_err err = {0};
    int64_t begin_ns;
    int64_t cpu;

    ord_arena_init(&arena, (size_t)1 << 30);
    check(ord_cell_workload(cell, &arena, NULL, &workload, &err), &err);
    while (!ord_pool_is_ready(pool) && ord_pool_error(pool, &err) == ORD_OK)
        turn(pool, epoll_fd, ord_now_ns() + ORD_S);
    begin_ns = ord_now_ns();
    cpu = cpu_ns();
    ord_pool_phase(pool, workload.main, begin_ns, begin_ns + SECONDS_NS);
    while (ord_now_ns() < begin_ns + SECONDS_NS)
        turn(pool, epoll_fd, begin_ns + SECONDS_NS);
    cpu = cpu_ns() - cpu;
    while (!ord_pool_is_idle(pool))
        turn(pool, epoll_fd, ord_now_ns() + ORD_S);
    check(ord_pool_error(pool, &err), &err);
    ord_arena_fini(&arena);
    return (struct figures){
        .per_s = (double)facts->ok / ((double)SECONDS_NS / 1e9),
        .cpu_us = (double)cpu / 1e3 / (double)(facts->ok + 1)};
}

static struct figures recorded(const struct ord_cell *cell, const char *dir,
                               const char *client)
{
    const char *const argv[] = {client, NULL};
    static struct ord_facts facts;
    char path[ORD_PATH_MAX];
    struct ord_log *log = NULL;
    struct ord_pool *pool = NULL;
    struct ord_err err = {0};
    struct figures figures;
    struct ord_pool_config config = {
        .cell = cell,
        .argv = argv,
        .facts = &facts,
        .start_ns = ord_now_ns(),
        .epoll_fd = epoll_create1(EPOLL_CLOEXEC),
    };

    memset(&facts, 0, sizeof facts);
    check(ord_path_join(path, dir, cell->id, &err), &err);
    check(
        ord_log_create(path, "{\"nodes\":[\"n1\"],\"start_ns\":0}", &log, &err),
        &err);
    config.log = log;
    check(ord_pool_open(&config, &pool, &err), &err);
    figures = drive(pool, config.epoll_fd, cell, &facts);
    ord_pool_close(&pool);
    check(ord_log_close(&log, &err), &err);
    close(config.epoll_fd);
    return figures;
}

int main(int argc, char **argv)
{
    char bin[ORD_PATH_MAX] = {0};
    char client[ORD_PATH_MAX];
    char dir[] = "/tmp/ordeal-bench-XXXXXX";
    struct ord_campaign_options options = {.targets_dir = ".", .bin_dir = bin};
    struct ord_campaign campaign;
    struct ord_arena arena;
    struct ord_err err = {0};

    if (argc != 2 || readlink("/proc/self/exe", bin, sizeof bin - 1) < 0 ||
        mkdtemp(dir) == NULL) {
        fprintf(stderr, "usage: bench-recorder RECORDER.YAML\n");
        return 64;
    }
    (void)dirname(bin);
    ord_arena_init(&arena, (size_t)1 << 30);
    check(ord_path_join(client, bin, "ordeal-null-client", &err), &err);
    check(ord_campaign_load(argv[1], &options, &arena, &campaign, &err), &err);
    for (uint32_t i = 0; i < campaign.cell_count; i++) {
        const struct ord_cell *cell = &campaign.cells[i];
        double base = bare(cell->client_count);
        struct figures got = recorded(cell, dir, client);

        printf("ping-pong_%u %.0f round-trips/s -\n", cell->client_count, base);
        printf("recorded_%u %.0f op/s -\n", cell->client_count, got.per_s);
        printf("recorded_share_%u %.1f %% >=60\n", cell->client_count,
               100 * got.per_s / base);
        printf("harness_cpu_%u %.2f us/op -\n", cell->client_count, got.cpu_us);
    }
    ord_arena_fini(&arena);
    check(ord_remove_all(dir, &err), &err);
    return 0;
}
