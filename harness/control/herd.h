/* herd.h -- all processes of a node as its init sees them.
 *
 * For PID 1 of a node only: its /proc shows the node and nothing else.  What a
 * process did to get away (setsid, a double fork) does not matter here.
 * Internal to this module.
 */
#ifndef ORD_CONTROL_HERD_H
#define ORD_CONTROL_HERD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/control/node.h"

/* What /proc/PID/stat tells after the name. */
struct ord_stat {
    char state;
    pid_t parent;
    uint64_t child_ticks; /* of its children that were waited for */
    uint64_t start_ticks;
};

/* pid is a path below the directory.  False: it is gone. */
bool ord_stat_read(int dir, const char *pid, struct ord_stat *out);

/* Is every thread of every process but us stopped? */
bool ord_herd_look(uint32_t *process_count);
/* Stops all and makes sure of it; false after 1.8 s in vain. */
bool ord_herd_freeze(uint32_t *process_count);
/* The processor time that all of them have used, also those that are gone,
 * since the node's start. */
int64_t ord_herd_cpu_ns(void);

/* ---- soft limits: in force on who lives, and on who will ---------------- */

enum { ORD_HERD_MAX = 4096 }; /* processes whose limits are remembered */
#define ORD_UNKNOWN_LIMIT (UINT64_MAX - 1)

struct ord_limited { /* a process under limits of ours */
    pid_t pid;
    uint64_t start; /* so that the number's next owner is another */
    bool is_alive;
    uint64_t before[ORD_LIMITS]; /* its soft limits */
};

struct ord_limiter {
    uint64_t soft[ORD_LIMITS]; /* in force; ORD_NO_LIMIT: its own */
    uint32_t raised;           /* how often somebody raised it, and in vain */
    uint32_t refused;          /* how often the kernel would not set it */
    uint32_t known_count;
    struct ord_limited *known; /* NULL until it is needed */
};

void ord_limiter_init(struct ord_limiter *limiter,
                      const uint64_t soft[ORD_LIMITS]);
/* Lowers soft limits to these; gives back what they were where these are
 * ORD_NO_LIMIT.  Hard limits stay, so nobody needs privileges for it. */
void ord_limiter_set(struct ord_limiter *limiter,
                     const uint64_t soft[ORD_LIMITS]);
/* Once more, for who was born meanwhile, or raised it.  Some 10 us a process.
 */
void ord_limiter_keep(struct ord_limiter *limiter);
bool ord_limiter_is_idle(const struct ord_limiter *limiter);
/* Reads the limits back from /proc/PID/limits: how many processes have ours or
 * less, and how many use all of it. */
void ord_limiter_read(const struct ord_limiter *limiter,
                      uint32_t held[ORD_LIMITS], uint32_t reached[ORD_LIMITS]);

/* In a new child, before exec: the same for itself. */
bool ord_limits_take(const uint64_t soft[ORD_LIMITS]);

#endif
