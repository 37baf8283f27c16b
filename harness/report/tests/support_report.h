/* support_report.h -- results and histories made up for the tests. */
#ifndef ORD_REPORT_TESTS_SUPPORT_REPORT_H
#define ORD_REPORT_TESTS_SUPPORT_REPORT_H

#include "harness/report/result.h"

struct made {
    struct ord_cell_result cell;
    struct ord_check_result checks[4];
    struct ord_fault_result faults[2];
    struct ord_problem problems[2];
    struct ord_option settings[2];
};

/* A2 as it should go: lost found and expected, two checks pass, one fault of
 * one held.  Not judged yet.  Points into itself: do not copy. */
void made_init(struct made *made);

enum { MADE_LOST_ADD = 17 }; /* the value that no final read returns */

/* A run like A2: 3 nodes, 6 workers add to one set, n1 leads and is cut off
 * from 1.0 s to 1.8 s, acknowledges on for a while, and all of that is lost.
 * Sets the evidence of made's check `lost` to one such add and a final read.
 * About `calls` operations in 3 s. */
void made_history(struct made *made, uint32_t calls,
                  struct ord_history **history);

#endif
