/* deadline.h -- absolute deadlines in system calls: which clock they are on,
 * where they stand, and when the host's clock will have reached them.
 *
 * The kernel measures them by the host's clock, the program reckons them by
 * the node's.  Internal.
 */
#ifndef ORD_CLOCK_DEADLINE_H
#define ORD_CLOCK_DEADLINE_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>
#include <time.h>

#include "harness/clock/page.h"

struct ord_deadline {
    enum ord_clock_kind kind;
    uint32_t argument; /* of the call: the address, 2 to 4 */
    bool is_timer;     /* a struct itimerspec, else a struct timespec */
};

/* False: the call has no absolute deadline on a clock that is ours to change.
 * pid's /proc is asked for the clocks of timers. */
bool ord_deadline_of(const struct seccomp_data *data, pid_t pid,
                     struct ord_deadline *out);
/* Puts another address into that argument of the call. */
void ord_deadline_move(struct user_regs_struct *regs, uint32_t argument,
                       uint64_t address);

/* The first moment of the host's clock, from now_ns on, when the node's shows
 * deadline_ns or more; by the law in force, whose beginning is over. */
int64_t ord_deadline_host(const struct ord_clock_page *page, uint32_t index,
                          enum ord_clock_kind kind, int64_t deadline_ns,
                          int64_t now_ns);

static inline struct timespec ord_timespec_of(int64_t time_ns)
{
    int64_t seconds = time_ns / ORD_CLOCK_S;
    int64_t rest = time_ns % ORD_CLOCK_S;

    if (rest < 0) {
        rest += ORD_CLOCK_S;
        seconds--;
    }
    return (struct timespec){.tv_sec = seconds, .tv_nsec = rest};
}

/* Saturates: programs wait until the end of days. */
static inline int64_t ord_timespec_ns(struct timespec time)
{
    ord_wide ns = (ord_wide)time.tv_sec * ORD_CLOCK_S + time.tv_nsec;

    if (ns > INT64_MAX / 2)
        return INT64_MAX / 2;
    return ns < INT64_MIN / 2 ? INT64_MIN / 2 : (int64_t)ns;
}

#endif
