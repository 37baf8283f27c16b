/* switch.c -- how fast the user-space switch is, beside the kernel's bridge.
 *
 * Prints one line per figure: name value unit goal.  All in one run, so that a
 * busy machine is busy for all of them; best of three rounds, taken in turns.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/child.h"
#include "harness/control/netdev.h"
#include "harness/control/proc.h"
#include "harness/control/sandbox.h"
#include "harness/control/switch.h"
#include "harness/control/uplink.h"

enum {
    PORT = 5001,
    ROUNDS = 3,
    PINGS = 4000,
    PING_SIZE = 64,
    OPEN_NODES = 5,
    CUTS = 50,
    BULK_MS = 700,
};

/* Two ends of a network: where each one's sockets live, and its address. */
struct path {
    const char *name;
    int net_fds[2];
    uint32_t ipv4[2];
    double gbit_s; /* best so far */
    double p50_us;
};

static int socket_in(int net_fd, int type)
{
    int one = 1;
    int fd;

    if (setns(net_fd, CLONE_NEWNET) != 0)
        return -1;
    fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd;
}

static struct sockaddr_in address_of(uint32_t ipv4)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(PORT),
                                .sin_addr.s_addr = htonl(ipv4)};
}

/* A connection over the path; false and nothing open if there is none. */
static bool connect_over(const struct path *path, int fds[2])
{
    struct sockaddr_in to = address_of(path->ipv4[1]);
    int listener = socket_in(path->net_fds[1], SOCK_STREAM);
    int one = 1;
    bool ok;

    fds[0] = socket_in(path->net_fds[0], SOCK_STREAM);
    fds[1] = -1;
    ok = listener >= 0 && fds[0] >= 0 &&
         bind(listener, (struct sockaddr *)&to, sizeof to) == 0 &&
         listen(listener, 1) == 0 &&
         connect(fds[0], (struct sockaddr *)&to, sizeof to) == 0;
    if (ok)
        fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (listener >= 0)
        (void)close(listener);
    if (fds[1] >= 0) {
        for (int i = 0; i < 2; i++)
            (void)setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one,
                             sizeof one);
        return true;
    }
    if (fds[0] >= 0)
        (void)close(fds[0]);
    return false;
}

static bool transfer(int fd, bool is_read, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = is_read ? read(fd, (char *)data + done, size - done)
                              : write(fd, (char *)data + done, size - done);

        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* The other end of a measurement, in a process of its own. */
static pid_t fork_peer(int fd, int other_fd, bool echoes)
{
    static char data[262144];
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)close(other_fd);
    if (echoes) {
        while (transfer(fd, true, data, PING_SIZE) &&
               transfer(fd, false, data, PING_SIZE)) {
        }
    } else {
        while (read(fd, data, sizeof data) > 0) {
        }
    }
    _exit(0);
}

static double bulk_gbit_s(int fd)
{
    static char data[262144];
    int64_t start_ns = ord_now_ns();
    int64_t end_ns = start_ns + BULK_MS * ORD_MS;
    uint64_t bytes = 0;

    while (ord_now_ns() < end_ns) {
        if (!transfer(fd, false, data, sizeof data))
            return 0;
        bytes += sizeof data;
    }
    return (double)bytes * 8 / (double)(ord_now_ns() - start_ns);
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static double ping_p50_us(int fd)
{
    static int64_t took_ns[PINGS];
    char data[PING_SIZE] = "";

    for (int i = 0; i < PINGS; i++) {
        int64_t start_ns = ord_now_ns();

        if (!transfer(fd, false, data, sizeof data) ||
            !transfer(fd, true, data, sizeof data))
            return 1e9;
        took_ns[i] = ord_now_ns() - start_ns;
    }
    qsort(took_ns, PINGS, sizeof *took_ns, by_size);
    return (double)took_ns[PINGS / 2] / 1000;
}

static int measure(struct path *path)
{
    for (int echoes = 0; echoes < 2; echoes++) {
        double value;
        pid_t peer;
        int fds[2];

        if (!connect_over(path, fds)) {
            (void)fprintf(stderr, "%s: no connection: %s\n", path->name,
                          strerror(errno));
            return 1;
        }
        peer = fork_peer(fds[1], fds[0], echoes != 0);
        (void)close(fds[1]);
        value = echoes ? ping_p50_us(fds[0]) : bulk_gbit_s(fds[0]);
        (void)close(fds[0]);
        (void)waitpid(peer, NULL, 0);
        if (!echoes && value > path->gbit_s)
            path->gbit_s = value;
        if (echoes && (path->p50_us <= 0 || value < path->p50_us))
            path->p50_us = value;
    }
    return 0;
}

/* --- the three networks -------------------------------------------------- */

static bool ioctl_name(unsigned long what, const char *name, int index)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_ifindex = index};
    bool ok;

    (void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    ok = fd >= 0 && (what == SIOCBRADDBR ? ioctl(fd, what, name)
                                         : ioctl(fd, what, &request)) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static int net_new(void)
{
    struct ord_err err;

    if (unshare(CLONE_NEWNET) != 0 ||
        ord_netdev_set(&(struct ord_netdev){.name = "lo"}, &err) != ORD_OK)
        return -1;
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Two namespaces on a kernel bridge in a third. */
static int open_bridge(struct path *path, struct ord_err *err)
{
    int rc = ORD_OK;
    int bridge;

    *path = (struct path){.name = "bridge", .net_fds = {net_new(), net_new()}};
    bridge = net_new();
    if (bridge < 0 || !ioctl_name(SIOCBRADDBR, "br0", 0))
        return ord_fail_errno(err, "make a bridge");
    rc = ord_netdev_set(&(struct ord_netdev){.name = "br0"}, err);
    for (int i = 0; rc == ORD_OK && i < 2; i++) {
        struct ord_veth veth = {
            .name = i == 0 ? "a" : "b",
            .peer_name = "eth0",
            .peer_net_fd = path->net_fds[i],
            .peer_mac = {2, 0, 0, 0, 0, (uint8_t)(i + 1)},
        };
        struct ord_netdev card = {
            .name = "eth0", .ipv4 = 10u << 24 | 78 << 16 | (uint32_t)(i + 1)};

        path->ipv4[i] = card.ipv4;
        rc = ord_netdev_veth(&veth, err);
        if (rc == ORD_OK &&
            !ioctl_name(SIOCBRADDIF, "br0", (int)if_nametoindex(veth.name)))
            rc = ord_fail_errno(err, "add to the bridge");
        if (rc == ORD_OK)
            rc = ord_netdev_set(&(struct ord_netdev){.name = veth.name}, err);
        (void)setns(path->net_fds[i], CLONE_NEWNET);
        if (rc == ORD_OK)
            rc = ord_netdev_set(&card, err);
        (void)setns(bridge, CLONE_NEWNET);
    }
    return rc; /* bridge stays open: it keeps the namespace alive */
}

struct fabric {
    struct path path;
    struct ord_uplinks uplinks;
    struct ord_switch_config config;
    int pidfd;
};

static int open_switch(struct fabric *fabric, enum ord_uplink kind,
                       struct ord_err *err)
{
    int64_t start_ns = ord_now_ns();
    int rc;

    *fabric = (struct fabric){
        .path = {.name = kind == ORD_UPLINK_TUN ? "tun" : "packet"},
        .pidfd = -1};
    (void)net_new(); /* its port 0 goes there */
    rc = ord_uplinks_open(1 + OPEN_NODES, kind, 0, &fabric->uplinks, err);
    if (rc == ORD_OK)
        rc = ord_wire_new(1 + OPEN_NODES, 1, &fabric->config.wire, err);
    if (rc != ORD_OK)
        return rc;
    memcpy(fabric->config.port_fds, fabric->uplinks.port_fds,
           sizeof fabric->config.port_fds);
    fabric->config.has_ethernet = kind == ORD_UPLINK_PACKET;
    rc = ord_switch_spawn(&fabric->config, &fabric->pidfd, err);
    ord_uplinks_close_ports(&fabric->uplinks);
    for (int i = 0; i < 2; i++) {
        fabric->path.net_fds[i] = fabric->uplinks.net_fds[i];
        fabric->path.ipv4[i] = ord_port_ipv4((uint32_t)i);
    }
    (void)printf("switch.%s.open_5_nodes %.1f ms <30\n", fabric->path.name,
                 (double)(ord_now_ns() - start_ns) / 1e6);
    return rc;
}

/* From the commit's store to the first frame dropped, with one process sending
 * datagrams without pause; the median of CUTS. */
static int measure_cut(struct fabric *fabric, struct ord_err *err)
{
    static int64_t took_ns[CUTS];
    const struct ord_link cut = {.up = false};
    struct sockaddr_in to = address_of(fabric->path.ipv4[1]);
    struct ord_wire *wire = fabric->config.wire;
    int rc = ORD_OK;
    pid_t sender = fork();

    if (sender == 0) {
        int fd = socket_in(fabric->path.net_fds[0], SOCK_DGRAM);

        for (;;) {
            (void)sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
            (void)ppoll(NULL, 0, &(struct timespec){.tv_nsec = 1000}, NULL);
        }
    }
    for (int i = 0; rc == ORD_OK && i < CUTS; i++) {
        int64_t decided_ns;
        int64_t drop_ns = 0;

        (void)poll(NULL, 0, 3);
        decided_ns = ord_now_ns();
        rc = ord_wire_overlay(wire, 1, 0, 1, &cut, err);
        if (rc == ORD_OK)
            rc = ord_wire_commit(wire, err);
        for (int wait = 0; wait < 1000 && drop_ns == 0; wait++) {
            (void)poll(NULL, 0, 1);
            drop_ns = ord_wire_first_drop_ns(wire, 0, 1);
        }
        took_ns[i] = drop_ns - decided_ns;
        ord_wire_clear(wire, 1);
        if (rc == ORD_OK)
            rc = ord_wire_commit(wire, err);
    }
    (void)kill(sender, SIGKILL);
    (void)waitpid(sender, NULL, 0);
    qsort(took_ns, CUTS, sizeof *took_ns, by_size);
    if (rc == ORD_OK)
        (void)printf("switch.%s.cut_p50 %.3f ms <1\n"
                     "switch.%s.cut_max %.3f ms -\n",
                     fabric->path.name, (double)took_ns[CUTS / 2] / 1e6,
                     fabric->path.name, (double)took_ns[CUTS - 1] / 1e6);
    return rc;
}

static void print(const struct path *path, const char *more, const char *less)
{
    (void)printf("switch.%s.tcp %.2f Gbit/s %s\n", path->name, path->gbit_s,
                 more);
    (void)printf("switch.%s.rtt_p50 %.1f us %s\n", path->name, path->p50_us,
                 less);
}

static int bench(void *arg)
{
    static struct fabric fabrics[2];
    const enum ord_uplink kinds[2] = {ORD_UPLINK_TUN, ORD_UPLINK_PACKET};
    struct path bridge;
    struct ord_err err = {.rc = ORD_OK};
    int count = 0;
    int failed = 0;

    (void)arg;
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* peers are forked */
    if (open_bridge(&bridge, &err) != ORD_OK)
        (void)fprintf(stderr, "bridge: %s\n", err.text);
    for (int i = 0; i < 2; i++) {
        if (open_switch(&fabrics[count], kinds[i], &err) == ORD_OK)
            count++;
        else
            (void)fprintf(stderr, "left out: %s\n", err.text);
    }
    for (int round = 0; round < ROUNDS; round++) {
        failed |= measure(&bridge);
        for (int i = 0; i < count; i++)
            failed |= measure(&fabrics[i].path);
    }
    print(&bridge, "-", "-");
    for (int i = 0; i < count; i++) {
        print(&fabrics[i].path, ">4", "<60");
        if (measure_cut(&fabrics[i], &err) != ORD_OK) {
            (void)fprintf(stderr, "cut: %s\n", err.text);
            failed = 1;
        }
    }
    return failed;
}

int main(void)
{
    const struct ord_sandbox_config config = {.name = "bench"};
    struct ord_exit ended;
    struct ord_err err;
    pid_t pid;
    int pidfd;
    int rc = ord_sandbox_spawn(&config, bench, NULL, &pid, &pidfd, &err);

    if (rc == ORD_OK && !ord_pidfd_ended(pidfd, 120 * ORD_S))
        rc = ord_fail(&err, ORD_ETIMEOUT, "no end within 120 s");
    if (rc == ORD_OK)
        rc = ord_pidfd_reap(pidfd, &ended, &err);
    if (rc != ORD_OK) {
        (void)fprintf(stderr, "bench-switch: %s\n", err.text);
        return 5;
    }
    return ended.is_signal ? 5 : ended.code;
}
