/* clock.h -- the one monotonic clock of a run, and how people write times. */
#ifndef ORD_BASE_CLOCK_H
#define ORD_BASE_CLOCK_H

#include <stdint.h>

#include "harness/base/bytes.h"
#include "harness/base/err.h"

#define ORD_US INT64_C(1000)
#define ORD_MS INT64_C(1000000)
#define ORD_S INT64_C(1000000000)

/* CLOCK_MONOTONIC in ns; the same in every process of this machine. */
int64_t ord_now_ns(void);

/* "250us", "20ms", "1.5s", "2m" (a unit is required) to ns, at most 30 days.
 * ORD_EUSAGE says what was expected. */
int ord_duration_parse(struct ord_bytes text, int64_t *ns, struct ord_err *err);

#endif
