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

#endif
