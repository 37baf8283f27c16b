/* uplink.h -- builds the cards of a run: one network namespace per node, one
 * descriptor per card's other end.  Internal to this module and to ci/bench.
 */
#ifndef ORD_CONTROL_UPLINK_H
#define ORD_CONTROL_UPLINK_H

#include <stdint.h>

#include "harness/base/err.h"
#include "harness/control/cluster.h"
#include "harness/control/link.h"

struct ord_uplinks {
    enum ord_uplink kind; /* tun or packet */
    uint32_t port_count;
    int port_fds[ORD_PORTS_MAX]; /* owned; for the switch */
    int net_fds[ORD_PORTS_MAX];  /* owned; [0] is the clients' own */
};

/* Port 0's card is put into the caller's network namespace.  ORD_EDENIED if
 * `tun` is asked for and /dev/net/tun does not open. */
int ord_uplinks_open(uint32_t port_count, enum ord_uplink kind,
                     uint32_t tcp_rto_max_ms, struct ord_uplinks *out,
                     struct ord_err *err);
/* After the switch has been forked: it has its own. */
void ord_uplinks_close_ports(struct ord_uplinks *links);
void ord_uplinks_close(struct ord_uplinks *links);

#endif
