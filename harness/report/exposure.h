/* exposure.h -- how many operations ran under a fault.
 *
 * A fault that nobody met has tested nothing.  An operation of the main phase
 * counts as having met a fault if any moment between its invocation and its
 * completion lies between the fault's beginning and its end; one that was never
 * answered goes on for ever.  A fault begins with the decision: what it does
 * (nodes that are killed one after the other) is felt before all of it is done.
 * Only faults that took hold count.
 */
#ifndef ORD_REPORT_EXPOSURE_H
#define ORD_REPORT_EXPOSURE_H

#include "harness/report/result.h"
#include "histories/history.h"

/* Sets ops of each of the cell's faults and kinds, ops_main and ops_met of the
 * cell.  faults and kinds are the cell's own, to be written to.
 * O(operations * kinds * log faults).  ORD_ENOMEM. */
int ord_exposure(const struct ord_history *history,
                 struct ord_cell_result *cell, struct ord_fault_result *faults,
                 struct ord_fault_kind *kinds, struct ord_arena *arena,
                 struct ord_err *err);

#endif
