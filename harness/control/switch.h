/* switch.h -- the process that is the network: it forwards every frame.
 *
 * Internal to this module and to ci/bench.  One descriptor per port; IPv4 by
 * destination, multicast and broadcast to every other port, each by its link.
 * All else (IPv6, which the cards have switched off, and ARP, which they do
 * not need) is dropped and counted under the port's link to itself.  Obeys the
 * wire's matrix; counts there. Each random decision is a hash of the seed, the
 * link, and how many frames that link has judged.
 */
#ifndef ORD_CONTROL_SWITCH_H
#define ORD_CONTROL_SWITCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/base/err.h"
#include "harness/control/link.h"
#include "harness/control/wire.h"

enum {
    ORD_NET_BASE = 10 << 24 | 77 << 16, /* 10.77.0.0/24 */
    ORD_QUEUE_SIZE_MAX = 256 << 20,     /* bytes that may wait in all */
};

/* The address of a port, host order. */
static inline uint32_t ord_port_ipv4(uint32_t port)
{
    return ORD_NET_BASE + (port == 0 ? 1 : 10 + port);
}

/* The MAC of every node's card, so that a frame for oneself is one for all. */
static const uint8_t ord_port_mac[6] = {0x02, 'o', 'r', 'd', 'e', 'a'};

struct ord_switch_config {
    struct ord_wire *wire;       /* borrowed; tells the number of ports */
    int port_fds[ORD_PORTS_MAX]; /* borrowed; non-blocking, offload headers */
    bool has_ethernet;
    const char *capture_path; /* or NULL */
    uint64_t capture_size_max;
};

/* Forks the switch; it dies with the calling thread, or by ord_wire_quit()
 * after it has flushed.  The caller may then close its port_fds, and owns and
 * reaps *pidfd.  Errors: of the capture file, ORD_EIO. */
int ord_switch_spawn(const struct ord_switch_config *config, int *pidfd,
                     struct ord_err *err);

#endif
