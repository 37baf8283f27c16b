/* flow.h -- the TCP connections that went through the switch, so that it can
 * reset them, idle ones too: which byte each end waits for next.
 *
 * Internal to this module.  A table of fixed size; where it is full, who was
 * silent longest is forgotten, until it speaks again.
 */
#ifndef ORD_CONTROL_FLOW_H
#define ORD_CONTROL_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/control/frame.h"

enum { ORD_FLOWS_MAX = 16384 };

/* Between ports low < high of the switch; side 0 is the low one. */
struct ord_flow {
    uint64_t key;  /* 0: free */
    uint64_t born; /* the commit in force when it was opened */
    uint64_t used;
    uint32_t expects[2]; /* the sequence number that a side waits for */
    bool is_known[2];
    bool has_ended[2]; /* the side has sent its FIN */
    bool is_reset;
};

struct ord_flows {
    uint64_t time; /* of the table's least recently used */
    struct ord_flow at[ORD_FLOWS_MAX];
};

static inline uint32_t ord_flow_side(uint32_t port, uint32_t other)
{
    return port < other ? 0 : 1;
}

/* Where the flow runs. */
struct ord_flow_ends {
    uint32_t port[2];    /* of the switch */
    uint32_t address[2]; /* TCP's port */
};
struct ord_flow_ends ord_flow_ends(const struct ord_flow *flow);

/* The flow of a TCP segment on its way; NULL if it is not known. */
struct ord_flow *ord_flow_find(struct ord_flows *flows,
                               const struct ord_tcp *tcp, uint32_t from,
                               uint32_t to);
/* The segment has been delivered, under commit `generation`. */
void ord_flow_note(struct ord_flows *flows, const struct ord_tcp *tcp,
                   uint32_t from, uint32_t to, uint64_t generation);

/* A segment that resets the connection, as its other end would send it to
 * `side`; `out` has room for ORD_RESET_SIZE. */
void ord_flow_make_reset(const struct ord_flow *flow, uint32_t side,
                         bool ethernet, struct ord_frame *out);

#endif
