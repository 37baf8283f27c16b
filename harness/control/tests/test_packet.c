/* test_packet.c -- clogs, byte limits, resets and bursts are what the link
 * says, and end with it; what is not IPv4 to one node has its rule, too.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/control.h"
#include "harness/control/switch.h"
#include "support_trial.h"

enum { PORT = 7300, FLOWS = 20 };

static int heal(struct trial *t)
{
    ord_wire_clear_all(t->wire);
    return ord_wire_commit(t->wire, &t->err);
}

/* The switch counts a frame when it has been delivered: then we have it. */
static struct ord_link_counts counts_of(struct trial *t, uint32_t from,
                                        uint32_t to)
{
    trial_sleep_ms(20);
    return ord_wire_counts(t->wire, from, to);
}

/* Sends `count` datagrams of `size` bytes that carry their number. */
static int send_numbers(struct trial *t, int out, uint32_t first,
                        uint32_t count, uint32_t size)
{
    static uint8_t data[1400];

    for (uint32_t i = first; i < first + count; i++) {
        memcpy(data, &i, sizeof i);
        CHECK(trial_send(t, out, 2, PORT, data, size));
        if (i % 20 == 19)
            trial_sleep_ms(1); /* a user's socket buffers are small */
    }
    return 0;
}

static int clog_holds(struct trial *t)
{
    const struct ord_link change = {.up = true, .clog = true};
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    struct ord_link_counts counts;
    uint32_t number;

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(trial_passes(t, 2, 1)); /* the other way is free */
    CHECK(send_numbers(t, out, 0, 60, 100) == 0);
    CHECK(trial_receive(in, &number, sizeof number, 150) == -1);
    CHECK(ord_wire_counts(t->wire, 1, 2).held == 60);
    CHECK(ord_wire_counts(t->wire, 1, 2).passed == 0);
    CHECK(heal(t) == ORD_OK);
    CHECK(send_numbers(t, out, 60, 10, 100) == 0); /* these overtake nobody */
    for (uint32_t i = 0; i < 70; i++) {
        CHECK(trial_receive(in, &number, sizeof number, 2000) > 0);
        CHECK(number == i);
    }
    counts = counts_of(t, 1, 2);
    CHECK(counts.held == 60 && counts.passed == 70);
    CHECK(counts.waited >= 60 && counts.over == 0);
    CHECK(counts.waited_ns / counts.waited > 100 * (uint64_t)ORD_MS);
    (void)close(out);
    (void)close(in);
    return 0;
}

/* The bound: 8 MiB, then the newest are lost.  Two clogs: the last to end
 * lets go.  A cut at the release drops what was held. */
static int clog_is_bounded(struct trial *t)
{
    const struct ord_link change = {.up = true, .clog = true};
    const struct ord_link cut = {.up = false};
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    struct ord_link_counts counts;
    uint32_t number;

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(trial_fault(t, 2, 1, 2, &change) == ORD_OK);
    CHECK(send_numbers(t, out, 0, 7000, 1400) == 0);
    for (int i = 0; i < 200; i++) { /* the switch has its own pace */
        counts = ord_wire_counts(t->wire, 1, 2);
        if (counts.held + counts.over == 7000)
            break;
        trial_sleep_ms(10);
    }
    CHECK(counts.held * 1428 <= ORD_CLOG_SIZE_MAX);
    CHECK(counts.held * 1500 > ORD_CLOG_SIZE_MAX);
    CHECK(counts.over > 500);
    ord_wire_clear(t->wire, 1);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    CHECK(trial_receive(in, &number, sizeof number, 100) == -1);
    ord_wire_clear(t->wire, 2);
    CHECK(trial_fault(t, 3, 1, 2, &cut) == ORD_OK);
    CHECK(trial_receive(in, &number, sizeof number, 100) == -1);
    CHECK(ord_wire_counts(t->wire, 1, 2).cut == counts.held);
    CHECK(heal(t) == ORD_OK);
    CHECK(trial_passes(t, 1, 2));
    (void)close(out);
    (void)close(in);
    return 0;
}

static int bytes(struct trial *t)
{
    const struct ord_link change = {.up = true, .bytes_max = 10000};
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    struct ord_link_counts counts;
    uint32_t number;

    for (uint64_t round = 1; round <= 2; round++) { /* counted anew */
        uint32_t got = 0;

        CHECK(trial_passes(t, 1, 2));
        counts = counts_of(t, 1, 2);
        CHECK(trial_fault(t, round, 1, 2, &change) == ORD_OK);
        CHECK(send_numbers(t, out, 0, 12, 1000) == 0); /* 1028 of IP each */
        CHECK(send_numbers(t, out, 12, 5, 10) == 0);   /* would still fit */
        CHECK(trial_passes(t, 2, 1));
        while (trial_receive(in, &number, sizeof number, 100) > 0)
            CHECK(number == got++);
        CHECK(got == 9);
        CHECK(ord_wire_counts(t->wire, 1, 2).bytes - counts.bytes == 9 * 1028);
        CHECK(ord_wire_counts(t->wire, 1, 2).spent - counts.spent == 8);
        ord_wire_clear(t->wire, round);
        CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    }
    CHECK(trial_passes(t, 1, 2));
    (void)close(out);
    (void)close(in);
    return 0;
}

/* What a program is told; 0: nothing yet. */
static int error_of(int fd)
{
    char got[16];
    struct pollfd in = {.fd = fd, .events = POLLIN};

    if (poll(&in, 1, 1000) <= 0)
        return 0;
    return recv(fd, got, sizeof got, MSG_DONTWAIT) < 0 ? errno : -1;
}

static bool talks(int from, int to)
{
    char got[16];

    return send(from, "word", 4, MSG_NOSIGNAL) == 4 &&
           trial_receive(to, got, sizeof got, 5000) == 4;
}

/* Connections that are open when it begins, idle as they are; later ones and
 * those of other links live. */
static int reset_the_idle(struct trial *t)
{
    const struct ord_link change = {.up = true, .reset = true};
    int clients[FLOWS + 2];
    int servers[FLOWS + 2];

    for (uint32_t i = 0; i < FLOWS; i++) {
        CHECK(trial_connect(t, 1, 2, (uint16_t)(PORT + i), &clients[i],
                            &servers[i]));
        CHECK(talks(clients[i], servers[i]));
        CHECK(i % 2 == 0 || talks(servers[i], clients[i]));
    }
    (void)close(clients[0]); /* it has ended: nothing to reset */
    (void)close(servers[0]);
    CHECK(
        trial_connect(t, 0, 2, PORT + FLOWS, &clients[FLOWS], &servers[FLOWS]));
    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    for (uint32_t i = 1; i < FLOWS; i++) {
        CHECK(error_of(clients[i]) == ECONNRESET);
        CHECK(error_of(servers[i]) == ECONNRESET);
        (void)close(clients[i]);
        (void)close(servers[i]);
    }
    CHECK(ord_wire_counts(t->wire, 1, 2).reset == FLOWS - 1);
    CHECK(ord_wire_counts(t->wire, 2, 1).reset == 0);
    CHECK(talks(clients[FLOWS], servers[FLOWS]));
    CHECK(trial_connect(t, 1, 2, PORT, &clients[0], &servers[0]));
    CHECK(talks(clients[0], servers[0]) && talks(servers[0], clients[0]));
    CHECK(heal(t) == ORD_OK);
    CHECK(talks(clients[0], servers[0]) && talks(servers[0], clients[0]));
    /* It may come again. */
    CHECK(trial_fault(t, 2, 2, 1, &change) == ORD_OK);
    CHECK(error_of(clients[0]) == ECONNRESET);
    CHECK(error_of(servers[0]) == ECONNRESET);
    CHECK(ord_wire_counts(t->wire, 2, 1).reset == 1);
    for (uint32_t i = 0; i <= FLOWS; i += FLOWS) {
        (void)close(clients[i]);
        (void)close(servers[i]);
    }
    return 0;
}

/* Connections that are busy: their bytes are on the way while it happens. */
static int reset_the_busy(struct trial *t)
{
    static char chunk[65536];
    const struct ord_link change = {.up = true, .delay_us = 2000};
    const struct ord_link reset = {.up = true, .reset = true};
    int64_t end_ns = ord_now_ns() + 10 * ORD_S;
    bool is_told[2] = {false, false};
    int fds[2];

    CHECK(trial_connect(t, 1, 2, PORT, &fds[0], &fds[1]));
    CHECK(trial_fault_both(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    for (int i = 0; i < 2; i++)
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    for (uint32_t round = 0; ord_now_ns() < end_ns; round++) {
        for (int i = 0; i < 2; i++) {
            if (send(fds[i], chunk, sizeof chunk, MSG_NOSIGNAL) < 0 &&
                errno == ECONNRESET)
                is_told[i] = true;
            if (recv(fds[i], chunk, sizeof chunk, 0) < 0 && errno == ECONNRESET)
                is_told[i] = true;
        }
        if (round == 50)
            CHECK(trial_fault(t, 2, 1, 2, &reset) == ORD_OK);
        if (is_told[0] && is_told[1])
            break;
        (void)poll(NULL, 0, 1);
    }
    CHECK(is_told[0] && is_told[1]);
    CHECK(ord_wire_counts(t->wire, 1, 2).reset == 1);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return 0;
}

/* What a damaged header said is not believed. */
static int reset_after_damage(struct trial *t)
{
    const struct ord_link damage = {.up = true, .corrupt_ppm = 300000};
    const struct ord_link reset = {.up = true, .reset = true};
    int client;
    int server;

    CHECK(trial_connect(t, 1, 2, PORT, &client, &server));
    CHECK(trial_fault_both(t, 1, 1, 2, &damage) == ORD_OK);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    for (uint32_t i = 0; i < 15; i++)
        CHECK(talks(i % 2 ? client : server, i % 2 ? server : client));
    CHECK(heal(t) == ORD_OK);
    CHECK(ord_wire_counts(t->wire, 1, 2).corrupted > 0);
    trial_sleep_ms(300);
    CHECK(trial_fault(t, 2, 1, 2, &reset) == ORD_OK);
    CHECK(error_of(client) == ECONNRESET);
    CHECK(error_of(server) == ECONNRESET);
    CHECK(ord_wire_counts(t->wire, 1, 2).reset == 1);
    (void)close(client);
    (void)close(server);
    return 0;
}

/* By chance: a fifth of the segments of node 1, so soon all who speak. */
static int reset_by_chance(struct trial *t)
{
    const struct ord_link change = {.up = true, .reset_ppm = 200000};
    uint32_t words = 0;
    uint32_t ends = 0;

    for (uint32_t i = 0; i < FLOWS; i++) {
        int client;
        int server;

        CHECK(heal(t) == ORD_OK);
        CHECK(trial_connect(t, 1, 2, PORT, &client, &server));
        trial_sleep_ms(5); /* the handshake's last word is one, too */
        CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
        while (words < 1000 && talks(client, server))
            words++;
        CHECK(error_of(client) == ECONNRESET);
        ends++;
        (void)close(client);
        (void)close(server);
    }
    CHECK(ends == FLOWS);
    CHECK(ord_wire_counts(t->wire, 1, 2).reset == FLOWS);
    CHECK(words > FLOWS && words < FLOWS * 10); /* 4 words or so each */
    return 0;
}

/* Losses come in runs: the share is the same, the runs are longer. */
static int burst(struct trial *t)
{
    enum { COUNT = 6000 };
    static bool got[COUNT];
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    uint32_t lost[2] = {0, 0};
    uint32_t runs[2] = {0, 0};
    uint32_t number;

    for (uint32_t kind = 0; kind < 2; kind++) {
        const struct ord_link change = {
            .up = true, .loss_ppm = 200000, .loss_burst = kind * 8};

        memset(got, 0, sizeof got);
        CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
        for (uint32_t i = 0; i < COUNT; i += 20) {
            CHECK(send_numbers(t, out, i, 20, 40) == 0);
            while (trial_receive(in, &number, sizeof number, 0) > 0)
                got[number % COUNT] = true;
        }
        while (trial_receive(in, &number, sizeof number, 100) > 0)
            got[number % COUNT] = true;
        for (uint32_t i = 0; i < COUNT; i++) {
            lost[kind] += !got[i];
            runs[kind] += !got[i] && (i == 0 || got[i - 1]);
        }
    }
    (void)fprintf(stderr, "lost %u in %u runs, %u in %u\n", lost[0], runs[0],
                  lost[1], runs[1]);
    CHECK(lost[0] > 1050 && lost[0] < 1350);
    CHECK(lost[1] > 850 && lost[1] < 1550);
    CHECK((double)lost[0] / runs[0] < 1.5);
    CHECK((double)lost[1] / runs[1] > 6 && (double)lost[1] / runs[1] < 11);
    (void)close(out);
    (void)close(in);
    return 0;
}

/* ---- not IPv4 to one node ------------------------------------------------ */

static int socket_for_all(struct trial *t, uint32_t node, const char *group)
{
    const int *nets = t->cluster->uplinks.net_fds;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct ip_mreqn join = {.imr_address.s_addr = htonl(ord_port_ipv4(node))};
    int one = 1;
    int fd;

    (void)inet_aton(group, &join.imr_multiaddr);
    (void)setns(nets[node], CLONE_NEWNET);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &join, sizeof join);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) !=
            0) {
        (void)close(fd);
        fd = -1;
    }
    (void)setns(nets[0], CLONE_NEWNET);
    return fd;
}

static int to_all(struct trial *t)
{
    static const char *const groups[] = {"239.1.2.3", "10.77.0.255"};
    const struct ord_link cut = {.up = false};
    int fds[4];
    char got[16];

    for (uint32_t i = 0; i < 4; i++) {
        fds[i] = socket_for_all(t, i, groups[0]);
        CHECK(fds[i] >= 0);
    }
    CHECK(trial_fault(t, 1, 1, 3, &cut) == ORD_OK);
    for (uint32_t i = 0; i < 2; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons(PORT)};

        (void)inet_aton(groups[i], &to.sin_addr);
        CHECK(sendto(fds[1], "all", 3, 0, (struct sockaddr *)&to, sizeof to) ==
              3);
        CHECK(trial_receive(fds[0], got, sizeof got, 2000) == 3);
        CHECK(trial_receive(fds[2], got, sizeof got, 2000) == 3);
        CHECK(trial_receive(fds[3], got, sizeof got, 50) == -1);
    }
    CHECK(ord_wire_counts(t->wire, 1, 3).cut >= 2);
    for (uint32_t i = 0; i < 4; i++)
        (void)close(fds[i]);
    return 0;
}

/* IPv6 goes nowhere: first there is none at all, then a node switches it on
 * and looks for its neighbours.  A TUN device's frames are counted; the raw
 * socket of the other kind takes IPv4 only and does not see it. */
static int ipv6(struct trial *t)
{
    static const char *const argv[] = {
        "sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6", NULL};
    struct ord_exit ended;
    struct ord_buf out;
    bool is_tun = ord_cluster_uplink(t->cluster) == ORD_UPLINK_TUN;
    uint64_t foreign = 0;

    if (access("/proc/sys/net/ipv6/conf/all/disable_ipv6", F_OK) != 0)
        return 0; /* a kernel without IPv6 */
    for (uint32_t i = 0; i <= 3; i++)
        CHECK(ord_wire_counts(t->wire, i, i).foreign == 0);
    ord_buf_init(&out, 1000);
    CHECK(ord_cluster_run(t->cluster, 1, argv, 5 * ORD_S, &out, &ended,
                          &t->err) == ORD_OK);
    CHECK(!ended.is_signal && ended.code == 0);
    ord_buf_fini(&out);
    for (int i = 0; i < (is_tun ? 500 : 30) && foreign == 0; i++) {
        trial_sleep_ms(10);
        foreign = ord_wire_counts(t->wire, 1, 1).foreign;
    }
    CHECK((foreign > 0) == is_tun);
    CHECK(ord_wire_counts(t->wire, 1, 2).passed == 0);
    CHECK(trial_passes(t, 1, 2));
    return 0;
}

static void run(enum ord_uplink uplink, int (*body)(struct trial *))
{
    struct trial_config config = {
        .cluster = {.node_count = 3, .seed = 42, .uplink = uplink}};
    int result;

    if (uplink == ORD_UPLINK_TUN && !trial_has_tun())
        cr_skip_test("no /dev/net/tun");
    result = trial_run(&config, body);
    if (result < 0)
        cr_skip_test("no sandbox");
    cr_assert_eq(result, 0, "the trial failed, see above");
}

struct row {
    enum ord_uplink uplink;
    uint32_t body; /* pointers do not survive the trip to the test */
};

static int (*const bodies[])(struct trial *) = {
    clog_holds,      clog_is_bounded,    bytes, reset_the_idle, reset_the_busy,
    reset_by_chance, reset_after_damage, burst, to_all,         ipv6,
};

ParameterizedTestParameters(packet, link)
{
    static struct row rows[2 * sizeof bodies / sizeof *bodies];

    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
        rows[i] = (struct row){.uplink = i % 2 == 0 ? ORD_UPLINK_TUN
                                                    : ORD_UPLINK_PACKET,
                               .body = i / 2};
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, packet, link, .timeout = 60)
{
    (void)fprintf(stderr, "body %u uplink %d\n", row->body, row->uplink);
    run(row->uplink, bodies[row->body]);
}
