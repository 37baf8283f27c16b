/* test_tcp.c -- connections live through cuts and rough links; the same seed
 * makes the same decisions.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "support_trial.h"

enum { PORT = 7200, BULK = 3 << 20, DATAGRAMS = 500 };

static int stall_without_reset(struct trial *t)
{
    const struct ord_link cut = {.up = false};
    int client;
    int server;
    char got[8];

    CHECK(trial_connect(t, 1, 2, PORT, &client, &server));
    CHECK(send(client, "one", 3, 0) == 3);
    CHECK(trial_receive(server, got, sizeof got, 1000) == 3);
    CHECK(trial_fault_both(t, 1, 1, 2, &cut) == ORD_OK);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    CHECK(send(client, "two", 3, 0) == 3);
    CHECK(trial_receive(server, got, sizeof got, 600) == -1);
    CHECK(trial_receive(client, got, sizeof got, 0) == -1); /* no reset */
    ord_wire_clear(t->wire, 1);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    CHECK(trial_receive(server, got, sizeof got, 5000) == 3);
    CHECK(memcmp(got, "two", 3) == 0);
    (void)close(client);
    (void)close(server);
    return 0;
}

/* Sends BULK bytes whose value tells their place; true if all came so. */
static bool bulk(int client, int server)
{
    static uint8_t chunk[65536];
    size_t sent = 0;
    size_t received = 0;
    bool right = true;
    int64_t deadline_ns = ord_now_ns() + 30 * ORD_S;

    (void)fcntl(client, F_SETFL, O_NONBLOCK);
    (void)fcntl(server, F_SETFL, O_NONBLOCK);
    while (received < BULK && right && ord_now_ns() < deadline_ns) {
        struct pollfd fds[2] = {
            {.fd = client, .events = sent < BULK ? POLLOUT : 0},
            {.fd = server, .events = POLLIN}};
        ssize_t got;

        (void)poll(fds, 2, 1000);
        if (fds[0].revents & POLLOUT) {
            size_t size =
                BULK - sent < sizeof chunk ? BULK - sent : sizeof chunk;

            for (size_t i = 0; i < size; i++)
                chunk[i] = (uint8_t)((sent + i) * 31 >> 3);
            got = send(client, chunk, size, MSG_NOSIGNAL);
            sent += got > 0 ? (size_t)got : 0;
        }
        got = recv(server, chunk, sizeof chunk, 0);
        for (ssize_t i = 0; i < got; i++)
            right = right &&
                    chunk[i] == (uint8_t)((received + (size_t)i) * 31 >> 3);
        received += got > 0 ? (size_t)got : 0;
    }
    return right && received == BULK;
}

/* Super-frames are cut, lost in parts, reordered, and nothing is wrong. */
static int rough_links_are_whole(struct trial *t)
{
    static const struct ord_link rough = {.up = true,
                                          .delay_us = 300,
                                          .loss_ppm = 5000,
                                          .duplicate_ppm = 10000,
                                          .reorder_ppm = 20000,
                                          .corrupt_ppm = 5000,
                                          .rate_bit_s = 400000000};
    struct ord_link_counts counts;
    int client;
    int server;

    CHECK(trial_connect(t, 1, 2, PORT, &client, &server));
    CHECK(bulk(client, server));
    CHECK(trial_fault(t, 1, 1, 2, &rough) == ORD_OK);
    CHECK(bulk(client, server));
    counts = ord_wire_counts(t->wire, 1, 2);
    CHECK(counts.lost > 0 && counts.corrupted > 0);
    CHECK(counts.duplicated > 0 && counts.reordered > 0);
    CHECK(counts.delayed > BULK / 1500); /* single packets, not 64 KiB */
    ord_wire_clear_all(t->wire);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    CHECK(bulk(client, server));
    (void)close(client);
    (void)close(server);
    return 0;
}

static int rto_max_is_set(struct trial *t)
{
    const char *const argv[] = {"cat", "/proc/sys/net/ipv4/tcp_rto_max_ms",
                                NULL};
    struct ord_exit ended;
    struct ord_buf out;

    ord_buf_init(&out, 100);
    for (uint32_t node = 0; node <= 2; node++) {
        ord_buf_clear(&out);
        CHECK(ord_cluster_run(t->cluster, node, argv, ORD_S, &out, &ended,
                              &t->err) == ORD_OK);
        CHECK(strcmp(ord_buf_str(&out), "1000\n") == 0);
    }
    ord_buf_fini(&out);
    return 0;
}

/* Which of the datagrams came, told to the test through shared memory. */
static uint8_t *arrived;

static uint32_t burst; /* in runs of so many, in the mean */

static int which_arrive(struct trial *t)
{
    /* Not every frame's fate is its own: some come in runs. */
    const struct ord_link change = {
        .up = true, .loss_ppm = 500000, .loss_burst = burst};
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    uint16_t number;

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    for (uint16_t i = 0; i < DATAGRAMS; i++) {
        /* On a busy machine the last ones take their time. */
        int wait_ms = i == DATAGRAMS - 1 ? 500 : i % 50 == 49 ? 20 : 0;

        CHECK(trial_send(t, out, 2, PORT, &i, sizeof i));
        while (trial_receive(in, &number, sizeof number, wait_ms) == 2)
            arrived[number] = 1;
    }
    (void)close(out);
    (void)close(in);
    return 0;
}

static int run(struct ord_cluster_config cluster, int (*body)(struct trial *))
{
    struct trial_config config = {.cluster = cluster};
    int result;

    config.cluster.node_count = 2;
    if (cluster.uplink == ORD_UPLINK_TUN && !trial_has_tun())
        cr_skip_test("no /dev/net/tun");
    result = trial_run(&config, body);
    if (result < 0)
        cr_skip_test("no sandbox");
    cr_assert_eq(result, 0, "the trial failed, see above");
    return result;
}

Test(tcp, stall_tun, .timeout = 60)
{
    run((struct ord_cluster_config){.uplink = ORD_UPLINK_TUN},
        stall_without_reset);
}

Test(tcp, stall_packet, .timeout = 60)
{
    run((struct ord_cluster_config){.uplink = ORD_UPLINK_PACKET},
        stall_without_reset);
}

Test(tcp, rough_tun, .timeout = 90)
{
    run((struct ord_cluster_config){.uplink = ORD_UPLINK_TUN},
        rough_links_are_whole);
}

Test(tcp, rough_packet, .timeout = 90)
{
    run((struct ord_cluster_config){.uplink = ORD_UPLINK_PACKET},
        rough_links_are_whole);
}

Test(tcp, rto_max, .timeout = 60)
{
    if (access("/proc/sys/net/ipv4/tcp_rto_max_ms", F_OK) != 0)
        cr_skip_test("this kernel has no tcp_rto_max_ms");
    run((struct ord_cluster_config){.tcp_rto_max_ms = 1000}, rto_max_is_set);
}

static void same_seed_same_fate(void)
{
    uint8_t *first = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *second = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    arrived = first;
    run((struct ord_cluster_config){.seed = 5}, which_arrive);
    arrived = second;
    run((struct ord_cluster_config){.seed = 5}, which_arrive);
    arrived = other;
    run((struct ord_cluster_config){.seed = 6}, which_arrive);
    cr_assert_arr_eq(first, second, DATAGRAMS);
    cr_assert_neq(memcmp(first, other, DATAGRAMS), 0);
    (void)munmap(first, 4096);
    (void)munmap(second, 4096);
    (void)munmap(other, 4096);
}

Test(tcp, same_seed_same_fate, .timeout = 60)
{
    same_seed_same_fate();
}

Test(tcp, same_seed_same_bursts, .timeout = 60)
{
    burst = 4;
    same_seed_same_fate();
}
