/* wire_shared.h -- the memory that the operator and the switch share.
 *
 * Internal to this module.  Who writes what: the operator `bank`,
 * `generation`, `commit_ns`, `quit`; the switch all else.  The switch may read
 * bank[generation & 1] without locks: the operator fills the other one, and
 * only after `seen` has reached the present generation.
 */
#ifndef ORD_CONTROL_WIRE_SHARED_H
#define ORD_CONTROL_WIRE_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/control/link.h"
#include "harness/control/wire.h"

enum {
    ORD_LINKS_MAX = ORD_PORTS_MAX * ORD_PORTS_MAX,
    ORD_SWITCH_ERROR_SIZE = 256,
};

/* One writer each, so a relaxed load and store is an increment. */
struct ord_wire_count {
    _Atomic uint64_t passed;
    _Atomic uint64_t bytes;
    _Atomic uint64_t cut;
    _Atomic uint64_t lost;
    _Atomic uint64_t over;
    _Atomic uint64_t spent;
    _Atomic uint64_t swallowed;
    _Atomic uint64_t delayed;
    _Atomic uint64_t held;
    _Atomic uint64_t waited;
    _Atomic uint64_t waited_ns;
    _Atomic uint64_t duplicated;
    _Atomic uint64_t reordered;
    _Atomic uint64_t corrupted;
    _Atomic uint64_t corrupted_silent;
    _Atomic uint64_t reset;
    _Atomic uint64_t foreign;
    _Atomic uint64_t drop_generation; /* drop_ns belongs to this commit */
    _Atomic int64_t drop_ns;
};

/* A link in force: base and overlays, and what follows from them. */
struct ord_rule {
    struct ord_link link;
    bool is_plain;       /* it does nothing to its frames */
    bool wants_packets;  /* no super-frames: each packet has its own fate */
    uint64_t bytes_stop; /* what count.bytes may not pass; UINT64_MAX: none */
    uint64_t bytes_id;   /* the commit that set it */
    uint64_t reset_id;   /* the commit that last brought a reset; 0: none */
};

struct ord_wire_shared {
    _Atomic uint64_t generation;
    _Atomic int64_t commit_ns;
    _Atomic uint64_t seen;
    _Atomic bool has_switch;
    _Atomic bool quit;
    uint32_t port_count;
    uint64_t seed;
    char error[ORD_SWITCH_ERROR_SIZE];
    struct ord_rule bank[2][ORD_LINKS_MAX]; /* [from * port_count + to] */
    struct ord_wire_count count[ORD_LINKS_MAX];
};

static inline void ord_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + by,
        memory_order_relaxed);
}

struct ord_wire_shared *ord_wire_shared(const struct ord_wire *wire);
/* An eventfd that wakes the switch; lent. */
int ord_wire_wake_fd(const struct ord_wire *wire);
/* Asks the switch to flush and end. */
void ord_wire_quit(struct ord_wire *wire);

#endif
