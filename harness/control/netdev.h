/* netdev.h -- make and configure network interfaces without any program.
 *
 * All act in the network namespace of the calling thread.  Internal to this
 * module and to ci/bench.
 */
#ifndef ORD_CONTROL_NETDEV_H
#define ORD_CONTROL_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"

/* A card to configure; what is zero or false is left as it is. */
struct ord_netdev {
    const char *name;
    uint32_t ipv4; /* host order, with a /24 mask */
    int tx_queue_len;
    bool no_arp;
};

/* Configures and brings it up. */
int ord_netdev_set(const struct ord_netdev *dev, struct ord_err *err);

/* A pair of virtual Ethernet cards: `name` here, `peer_name` with `peer_mac`
 * in the namespace peer_net_fd.  Both down. */
struct ord_veth {
    const char *name;
    const char *peer_name;
    int peer_net_fd;
    uint8_t peer_mac[6];
};
int ord_netdev_veth(const struct ord_veth *veth, struct ord_err *err);

/* An IFF_TUN device `name` with offload headers, kept until its namespace
 * ends; *fd (owned by the caller, non-blocking) is its other end. */
int ord_netdev_tun(const char *name, int *fd, struct ord_err *err);

/* A raw socket on `name` with offload headers; non-blocking. */
int ord_netdev_packet(const char *name, int *fd, struct ord_err *err);

#endif
