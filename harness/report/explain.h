/* explain.h -- what `ordeal check` prints for people: the verdicts, and the
 * operations that prove them on a small time axis. */
#ifndef ORD_REPORT_EXPLAIN_H
#define ORD_REPORT_EXPLAIN_H

#include "harness/report/result.h"
#include "harness/report/term.h"

enum {
    ORD_EXPLAIN_OPS_MAX = 12,   /* operations drawn for one check */
    ORD_EXPLAIN_FAULTS_MAX = 4, /* faults drawn for one check */
};

/* One line per check and its sentence; below what is not a pass the axis:
 * processes as rows, operations as |A---|, faults as |===|.  Distances are
 * those of time where the width allows, but no two moments share a column.
 * Where times are missing or contradict the order of the events, the axis
 * counts events (#12).  The faults are those of the history itself.  history
 * may be NULL. */
void ord_explain_checks(const struct ord_check_result *checks, uint32_t count,
                        const struct ord_history *history,
                        const struct ord_term *term, struct ord_buf *out);

#endif
