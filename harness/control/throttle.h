/* throttle.h -- a slow node: its processes are stopped for a part of the time.
 *
 * Run by the node's init, which cannot die without its node, so nothing stays
 * stopped.  Periods stand on a fixed grid: a late turn does not add up.
 * Internal to this module.
 */
#ifndef ORD_CONTROL_THROTTLE_H
#define ORD_CONTROL_THROTTLE_H

#include "harness/control/node.h"

struct ord_throttle {
    uint32_t share_ppm; /* of each period they run; ORD_SHARE_ALL: all of it */
    int64_t period_ns;
    bool is_frozen;  /* by a pause, which comes first */
    bool is_stopped; /* by us, now */
    int64_t grid_ns; /* some period's begin */
    int64_t next_ns; /* when to turn; INT64_MAX: never */
    int64_t since_ns;
    int64_t look_ns; /* the last look at whether all had stopped */
    /* What has been measured since this share came into force. */
    int64_t on_ns; /* without the time they were frozen */
    int64_t stopped_ns;
    int64_t cpu_begin_ns;
    uint32_t stops;
    uint32_t looks;
    uint32_t looks_stopped;
};

void ord_throttle_init(struct ord_throttle *throttle);
void ord_throttle_set(struct ord_throttle *throttle, uint32_t share_ppm,
                      int64_t period_ns, int64_t now_ns);
/* A pause begins or has ended; it stops and continues them itself. */
void ord_throttle_frozen(struct ord_throttle *throttle, bool is_frozen,
                         int64_t now_ns);
/* Stops or continues them if it is time. */
void ord_throttle_step(struct ord_throttle *throttle, int64_t now_ns);
/* Until now, for a survey. */
void ord_throttle_account(struct ord_throttle *throttle, int64_t now_ns);

#endif
