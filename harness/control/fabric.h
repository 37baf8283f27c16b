/* fabric.h -- the switch's own state, for the files that it is made of.
 *
 * Internal to switch.c and reset.c; the process that forwards owns all of it.
 */
#ifndef ORD_CONTROL_FABRIC_H
#define ORD_CONTROL_FABRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/rng.h"
#include "harness/control/flow.h"
#include "harness/control/frame.h"
#include "harness/control/pcapng.h"
#include "harness/control/queue.h"
#include "harness/control/switch.h"
#include "harness/control/wire_shared.h"

/* What a random number decides; part of the hash, so keep the order. */
enum ord_decision {
    DECIDE_LOSS,
    DECIDE_DUPLICATE,
    DECIDE_REORDER,
    DECIDE_CORRUPT,
    DECIDE_SILENT,
    DECIDE_JITTER,
    DECIDE_BIT,
    DECIDE_RESET,
};

struct ord_pair {
    uint64_t judged;       /* frames that went through judge() */
    uint64_t reset_judged; /* TCP segments that might have met a reset */
    uint64_t spent_id;     /* the byte limit that has been reached */
    int64_t free_ns;       /* when the rate lets the next one go */
    int64_t last_due_ns;
    uint32_t waiting;           /* in the queue */
    bool in_burst;              /* of losses */
    struct ord_queue_line held; /* by a clog */
};

struct ord_fabric {
    const struct ord_switch_config *config;
    struct ord_wire_shared *shared;
    uint32_t port_count;
    int epoll_fd;
    int timer_fd;
    int64_t timer_ns;    /* what the timer is set to; INT64_MAX: off */
    int64_t now_ns;      /* of this batch */
    uint64_t generation; /* of the rules in force */
    struct ord_queue queue;
    struct ord_pcapng capture;
    struct ord_flows flows;
    struct ord_pair pairs[ORD_LINKS_MAX];
    uint8_t in[ORD_FRAME_MAX];
    uint8_t cut[ORD_FRAME_MAX];
    uint8_t copy[ORD_FRAME_MAX]; /* of a frame for many */
};

/* One frame on its way. */
struct ord_passage {
    struct ord_frame frame;
    uint32_t from;
    uint32_t to;
    uint32_t slot;
    bool is_damaged; /* its checksum tells on it: nobody takes it */
};

static inline uint64_t ord_decide(const struct ord_fabric *f,
                                  const struct ord_passage *p,
                                  enum ord_decision decision, uint64_t judged)
{
    uint64_t where = (uint64_t)decision << 32 | p->from << 8 | p->to;

    return ord_hash(f->shared->seed, where, judged);
}

static inline bool ord_chance(const struct ord_fabric *f,
                              const struct ord_passage *p,
                              enum ord_decision decision, uint64_t judged,
                              uint32_t ppm)
{
    return ppm > 0 && ord_decide(f, p, decision, judged) % ORD_PPM < ppm;
}

static inline struct ord_bytes ord_ip_of(const struct ord_frame *frame)
{
    return (struct ord_bytes){.at = (const char *)frame->at + frame->ip_at,
                              .size = ord_frame_ip_size(frame)};
}

/* ---- reset.c ------------------------------------------------------------- */

/* Connections older than a reset that has come into force on their way. */
void ord_reset_flows(struct ord_fabric *f, const struct ord_rule *bank);
/* Does the segment meet a reset instead of its receiver?  Then both ends have
 * been sent one; the caller drops it. */
bool ord_reset_meets(struct ord_fabric *f, const struct ord_passage *p,
                     const struct ord_link *link);

#endif
