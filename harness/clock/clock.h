/* clock.h -- a clock of its own for every process of a node, whatever it is
 * written in; the host's clock is never touched (x86-64, Linux 5.19 or newer).
 *
 * A clock is a page of memory (page.h).  A program that is to read it is
 * started through ord_clock_filter(), which makes each exec of it and of its
 * descendants stop for a moment until the guard has put the page in front of
 * the vDSO (patch.h); nothing traces it afterwards.  The guard also answers
 * clock calls that avoid the vDSO, and puts right absolute deadlines
 * (deadline.h), which the kernel measures by the host's clock.
 *
 * README.md says what is covered and what is not.
 */
#ifndef ORD_CLOCK_CLOCK_H
#define ORD_CLOCK_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/base/err.h"

struct ord_clock_page;

struct ord_clock {
    int fd;                      /* of the page, owned; -1: none */
    struct ord_clock_page *page; /* mapped, owned */
};

#define ORD_CLOCK_NONE ((struct ord_clock){.fd = -1, .page = NULL})

/* A clock that runs with the host's. */
int ord_clock_open(struct ord_clock *clock, struct ord_err *err);
void ord_clock_close(struct ord_clock *clock);

/* Programs that exec from here on read it by system calls, as where the kernel
 * has no clock in user space: for measurements and tests. */
void ord_clock_slow(struct ord_clock *clock);

/* Each change takes some 5 ms, in force a moment before it returns, for all
 * processes at once.  Rates are in parts per million, from -900000 (a tenth of
 * the speed) to 10000000 (eleven times).  For one thread. */
void ord_clock_jump(struct ord_clock *clock, int64_t by_ns);
/* Both clocks of the node run at another speed from here on, without a step. */
void ord_clock_drift(struct ord_clock *clock, int64_t rate_ppm);
/* The real clock is delta off in every other period, until for_ns from now. */
void ord_clock_strobe(struct ord_clock *clock, int64_t delta_ns,
                      int64_t period_ns, int64_t for_ns);
/* Monotonic time by a step, which nothing may ever see: for a test's sake. */
void ord_clock_jump_mono(struct ord_clock *clock, int64_t by_ns);
/* The real clock is right again; the monotonic one keeps what it has gained or
 * lost, so that it does not step, and runs at the host's speed. */
void ord_clock_reset(struct ord_clock *clock);

/* How far off the clocks are now. */
struct ord_clock_offset {
    int64_t real_ns;
    int64_t mono_ns;
};
struct ord_clock_offset ord_clock_offset(const struct ord_clock *clock);
/* The same without the strobe, and the law behind it. */
struct ord_clock_state {
    struct ord_clock_offset offset;
    int64_t rate_ppm;         /* by how much both run fast */
    int64_t strobe_ns;        /* 0: it does not strobe */
    int64_t strobe_period_ns; /* of one half */
};
struct ord_clock_state ord_clock_state(const struct ord_clock *clock);
/* Processes so far that run by the host's clock: traced by somebody else,
 * 32-bit, without a free descriptor at exec. */
uint32_t ord_clock_blind(const struct ord_clock *clock);
/* Does the real clock show the host's time, and both run at its speed? */
bool ord_clock_is_true(const struct ord_clock *clock);
/* Has some process read the time since the last change? */
bool ord_clock_is_seen(const struct ord_clock *clock);

/* ---- starting programs -------------------------------------------------- */

/* Tries whether programs can be given a clock here: some ms, with a child.
 * ORD_EDENIED says why not. */
int ord_clock_probe(struct ord_err *err);

/* In a child that is about to exec: from here on exec waits for the guard at
 * the other end of the socket.  Closes the socket.  False sets errno. */
bool ord_clock_filter(int socket);

/* The guard's life, in a process of its own: takes over what the children at
 * the other end of the socket send, ends when the last of them is gone or when
 * stop_fd is readable.  Must see their pids and be allowed to trace them. */
void ord_clock_guard(const struct ord_clock *clock, int socket, int stop_fd);

#endif
