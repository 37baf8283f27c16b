/* uplink.c -- see uplink.h.
 *
 * tun:    the card is a TUN device, its descriptor the other end.
 * packet: the card is one end of a veth pair; the outer end lives in a
 *         namespace of its own, under a raw socket that keeps it alive.  All
 *         inner ends have the same MAC and no ARP, so that every frame is
 *         addressed to the MAC of whoever gets it.
 */
#include "harness/control/uplink.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/control/netdev.h"
#include "harness/control/proc.h"
#include "harness/control/switch.h"

enum { TUN_QUEUE_LEN = 5000 };

static int net_here(struct ord_err *err)
{
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    return fd >= 0 ? fd : ord_fail_errno(err, "open /proc/self/ns/net");
}

static int net_enter(int fd, struct ord_err *err)
{
    return setns(fd, CLONE_NEWNET) == 0
               ? ORD_OK
               : ord_fail_errno(err, "enter a network namespace");
}

/* A new, empty network namespace, entered; its descriptor or an error. */
static int net_new(struct ord_err *err)
{
    if (unshare(CLONE_NEWNET) != 0)
        return ord_fail_errno(err, "make a network namespace");
    return net_here(err);
}

static int tune(uint32_t tcp_rto_max_ms, struct ord_err *err)
{
    char text[16];

    /* No chatter of IPv6 on the cards; where there is none, all the better. */
    (void)ord_proc_write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6",
                              "1");
    (void)snprintf(text, sizeof text, "%u", tcp_rto_max_ms);
    if (tcp_rto_max_ms != 0 &&
        !ord_proc_write_file("/proc/sys/net/ipv4/tcp_rto_max_ms", text))
        return ord_fail_errno(err,
                              "set net.ipv4.tcp_rto_max_ms to %s "
                              "(needs Linux 6.15)",
                              text);
    return ORD_OK;
}

/* Makes the card of `port` in namespace net_fd, which is entered; outer_fd is
 * where the outer end goes. */
static int make_card(struct ord_uplinks *links, uint32_t port, int outer_fd,
                     struct ord_err *err)
{
    char outer[16];
    int rc;

    if (links->kind == ORD_UPLINK_TUN)
        return ord_netdev_tun("eth0", &links->port_fds[port], err);
    (void)snprintf(outer, sizeof outer, "port%u", port);
    rc = net_enter(outer_fd, err);
    if (rc == ORD_OK) {
        struct ord_veth veth = {.name = outer,
                                .peer_name = "eth0",
                                .peer_net_fd = links->net_fds[port]};

        for (int i = 0; i < 6; i++)
            veth.peer_mac[i] = ord_port_mac[i];
        rc = ord_netdev_veth(&veth, err);
    }
    if (rc == ORD_OK)
        rc = ord_netdev_set(&(struct ord_netdev){.name = outer, .no_arp = true},
                            err);
    if (rc == ORD_OK)
        rc = ord_netdev_packet(outer, &links->port_fds[port], err);
    if (net_enter(links->net_fds[port], err) != ORD_OK)
        rc = err->rc;
    return rc;
}

static int make_port(struct ord_uplinks *links, uint32_t port, int outer_fd,
                     uint32_t tcp_rto_max_ms, struct ord_err *err)
{
    struct ord_netdev card = {
        .name = "eth0",
        .ipv4 = ord_port_ipv4(port),
        .tx_queue_len = TUN_QUEUE_LEN,
        .no_arp = true,
    };
    int fd = port == 0 ? links->net_fds[0] : net_new(err);
    int rc;

    if (fd < 0)
        return fd;
    links->net_fds[port] = fd;
    rc = tune(tcp_rto_max_ms, err);
    if (rc == ORD_OK)
        rc = ord_netdev_set(&(struct ord_netdev){.name = "lo"}, err);
    if (rc == ORD_OK)
        rc = make_card(links, port, outer_fd, err);
    if (rc == ORD_OK)
        rc = ord_netdev_set(&card, err);
    return rc == ORD_OK ? rc : ord_wrap(err, "port %u", port);
}

static enum ord_uplink choose(enum ord_uplink kind)
{
    int fd;

    if (kind != ORD_UPLINK_AUTO)
        return kind;
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return ORD_UPLINK_PACKET;
    (void)close(fd);
    return ORD_UPLINK_TUN;
}

int ord_uplinks_open(uint32_t port_count, enum ord_uplink kind,
                     uint32_t tcp_rto_max_ms, struct ord_uplinks *out,
                     struct ord_err *err)
{
    struct ord_err back;
    int outer_fd = -1;
    int rc = ORD_OK;

    ORD_ASSERT(port_count <= ORD_PORTS_MAX);
    *out = (struct ord_uplinks){.kind = choose(kind), .port_count = port_count};
    for (uint32_t i = 0; i < ORD_PORTS_MAX; i++)
        out->port_fds[i] = out->net_fds[i] = -1;
    out->net_fds[0] = net_here(err);
    if (out->net_fds[0] < 0)
        return err->rc;
    if (out->kind == ORD_UPLINK_PACKET) {
        outer_fd = net_new(err);
        rc = outer_fd < 0 ? outer_fd : tune(0, err);
        if (rc == ORD_OK)
            rc = net_enter(out->net_fds[0], err);
    }
    for (uint32_t i = 0; rc == ORD_OK && i < port_count; i++)
        rc = make_port(out, i, outer_fd, tcp_rto_max_ms, err);
    /* Whatever happened, the caller wakes up in its own network. */
    if (net_enter(out->net_fds[0], &back) != ORD_OK && rc == ORD_OK) {
        *err = back;
        rc = back.rc;
    }
    if (outer_fd >= 0)
        (void)close(outer_fd);
    if (rc != ORD_OK)
        ord_uplinks_close(out);
    return rc;
}

static void close_all(int *fds)
{
    for (uint32_t i = 0; i < ORD_PORTS_MAX; i++) {
        if (fds[i] >= 0)
            (void)close(fds[i]);
        fds[i] = -1;
    }
}

void ord_uplinks_close_ports(struct ord_uplinks *links)
{
    close_all(links->port_fds);
}

void ord_uplinks_close(struct ord_uplinks *links)
{
    close_all(links->port_fds);
    close_all(links->net_fds);
}
