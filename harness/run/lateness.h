/* lateness.h -- how much later than due something was done; for how the
 * harness itself keeps time.  A histogram with four steps per octave, of
 * microseconds, in shared memory: one process writes. */
#ifndef ORD_RUN_LATENESS_H
#define ORD_RUN_LATENESS_H

#include <stdint.h>

enum { ORD_LATENESS_BUCKETS = 160 }; /* up to 2^40 us */

struct ord_lateness {
    uint64_t count;
    int64_t max_ns;
    uint32_t buckets[ORD_LATENESS_BUCKETS];
};

/* Early counts as in time. */
void ord_lateness_add(struct ord_lateness *late, int64_t due_ns,
                      int64_t done_ns);
/* At most the share (0..1) of them was later than what this returns, which is
 * at most a quarter, or 1 us, too high; 0 of none. */
int64_t ord_lateness_quantile(const struct ord_lateness *late, double share);

#endif
