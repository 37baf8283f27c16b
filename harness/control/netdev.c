/* netdev.c -- see netdev.h.  ioctl where the kernel has one, rtnetlink for the
 * veth pair (RFC 3549, rtnetlink(7)).
 */
#include "harness/control/netdev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum { SOCKET_BUFFER_SIZE = 16 << 20, MESSAGE_MAX = 512 };

static void request_init(struct ifreq *request, const char *name)
{
    *request = (struct ifreq){.ifr_flags = 0};
    (void)snprintf(request->ifr_name, sizeof request->ifr_name, "%s", name);
}

static bool set_address(int fd, const char *name, unsigned long what,
                        uint32_t ipv4)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(ipv4)};
    struct ifreq request;

    request_init(&request, name);
    memcpy(&request.ifr_addr, &address, sizeof address);
    return ioctl(fd, what, &request) == 0;
}

static bool set_flags(int fd, const struct ord_netdev *dev)
{
    struct ifreq request;

    request_init(&request, dev->name);
    if (ioctl(fd, SIOCGIFFLAGS, &request) != 0)
        return false;
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (dev->no_arp)
        request.ifr_flags = (short)(request.ifr_flags | IFF_NOARP);
    return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

/* One netlink message being written; attributes nest. */
struct message {
    union {
        struct nlmsghdr header;
        uint8_t bytes[MESSAGE_MAX];
    } u;
};

static struct rtattr *attr_put(struct message *m, unsigned short type,
                               const void *data, size_t size)
{
    size_t at = NLMSG_ALIGN(m->u.header.nlmsg_len);
    struct rtattr *attr = (struct rtattr *)(void *)(m->u.bytes + at);

    ORD_ASSERT(at + RTA_SPACE(size) <= MESSAGE_MAX);
    attr->rta_type = type;
    attr->rta_len = (unsigned short)RTA_LENGTH(size);
    if (size > 0)
        memcpy(RTA_DATA(attr), data, size);
    m->u.header.nlmsg_len = (uint32_t)(at + RTA_SPACE(size));
    return attr;
}

static void attr_end(const struct message *m, struct rtattr *attr)
{
    const uint8_t *end = m->u.bytes + m->u.header.nlmsg_len;

    attr->rta_len = (unsigned short)(end - (const uint8_t *)attr);
}

static void message_begin(struct message *m, uint16_t flags,
                          const struct ifinfomsg *info)
{
    memset(m, 0, sizeof *m);
    m->u.header.nlmsg_type = RTM_NEWLINK;
    m->u.header.nlmsg_flags = flags;
    memcpy(NLMSG_DATA(&m->u.header), info, sizeof *info);
    m->u.header.nlmsg_len = NLMSG_LENGTH(sizeof *info);
}

static void veth_message(struct message *m, const struct ord_veth *veth)
{
    static const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    struct rtattr *info;
    struct rtattr *data;
    struct rtattr *peer;

    message_begin(m, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
                  &any);
    (void)attr_put(m, IFLA_IFNAME, veth->name, strlen(veth->name) + 1);
    info = attr_put(m, IFLA_LINKINFO, NULL, 0);
    (void)attr_put(m, IFLA_INFO_KIND, "veth", 4);
    data = attr_put(m, IFLA_INFO_DATA, NULL, 0);
    peer = attr_put(m, VETH_INFO_PEER, &any, sizeof any);
    (void)attr_put(m, IFLA_IFNAME, veth->peer_name,
                   strlen(veth->peer_name) + 1);
    (void)attr_put(m, IFLA_ADDRESS, veth->peer_mac, sizeof veth->peer_mac);
    (void)attr_put(m, IFLA_NET_NS_FD, &veth->peer_net_fd,
                   sizeof veth->peer_net_fd);
    attr_end(m, peer);
    attr_end(m, data);
    attr_end(m, info);
}

/* Sends and reads the kernel's answer; 0 or an errno. */
static int exchange(struct message *m)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct timeval limit = {.tv_sec = 5};
    struct message answer;
    struct nlmsgerr result;
    int error = 0;

    if (fd < 0)
        return errno;
    memset(&answer, 0, sizeof answer);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (send(fd, m->u.bytes, m->u.header.nlmsg_len, 0) < 0 ||
        recv(fd, answer.u.bytes, sizeof answer.u.bytes, 0) <
            (ssize_t)NLMSG_LENGTH(sizeof result)) {
        error = errno != 0 ? errno : EPROTO;
    } else if (answer.u.header.nlmsg_type != NLMSG_ERROR) {
        error = EPROTO;
    } else {
        memcpy(&result, NLMSG_DATA(&answer.u.header), sizeof result);
        error = -result.error;
    }
    (void)close(fd);
    return error;
}

/* By netlink, for the ioctl asks for more rights than a user namespace gives.
 */
static bool set_queue_len(const struct ord_netdev *dev)
{
    const struct ifinfomsg any = {.ifi_family = AF_UNSPEC};
    struct message m;

    message_begin(&m, NLM_F_REQUEST | NLM_F_ACK, &any);
    (void)attr_put(&m, IFLA_IFNAME, dev->name, strlen(dev->name) + 1);
    (void)attr_put(&m, IFLA_TXQLEN, &dev->tx_queue_len,
                   sizeof dev->tx_queue_len);
    errno = exchange(&m);
    return errno == 0;
}

int ord_netdev_set(const struct ord_netdev *dev, struct ord_err *err)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc = ORD_OK;
    bool ok = fd >= 0;

    if (ok && dev->ipv4 != 0)
        ok = set_address(fd, dev->name, SIOCSIFADDR, dev->ipv4) &&
             set_address(fd, dev->name, SIOCSIFNETMASK, 0xffffff00);
    if (ok && dev->tx_queue_len != 0)
        ok = set_queue_len(dev);
    ok = ok && set_flags(fd, dev);
    if (!ok)
        rc = ord_fail_errno(err, "configure interface %s", dev->name);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int ord_netdev_veth(const struct ord_veth *veth, struct ord_err *err)
{
    struct message message;
    int error;

    veth_message(&message, veth);
    error = exchange(&message);
    if (error == 0)
        return ORD_OK;
    errno = error;
    return ord_fail_errno(err, "make the veth pair %s", veth->name);
}

int ord_netdev_tun(const char *name, int *fd, struct ord_err *err)
{
    struct ifreq request;
    int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int rc;

    if (tun < 0)
        return ord_fail_errno(err, "open /dev/net/tun");
    request_init(&request, name);
    request.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
    /* PERSIST: closing a device that is not costs 30 ms each; the end of its
     * namespace frees all in a batch. */
    if (ioctl(tun, TUNSETIFF, &request) == 0 &&
        ioctl(tun, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) == 0 &&
        ioctl(tun, TUNSETPERSIST, 1) == 0) {
        *fd = tun;
        return ORD_OK;
    }
    rc = ord_fail_errno(err, "make the TUN device %s", name);
    (void)close(tun);
    return rc;
}

static bool packet_options(int fd)
{
    int one = 1;
    int size = SOCKET_BUFFER_SIZE;

    /* Beyond the system's limit where we may, else as far as it lets us. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) == 0 &&
           setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
                      sizeof one) == 0;
}

int ord_netdev_packet(const char *name, int *fd, struct ord_err *err)
{
    /* Protocol 0 first: nothing comes in before the options are set. */
    int packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_IP),
        .sll_ifindex = (int)if_nametoindex(name),
    };
    int rc;

    if (packet >= 0 && packet_options(packet) &&
        bind(packet, (struct sockaddr *)&address, sizeof address) == 0) {
        *fd = packet;
        return ORD_OK;
    }
    rc = ord_fail_errno(err, "raw socket on %s", name);
    if (packet >= 0)
        (void)close(packet);
    return rc;
}
