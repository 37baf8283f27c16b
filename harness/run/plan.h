/* plan.h -- what a cell will do, before it does it: each worker's first
 * operations and the schedule of faults.  Pure: same campaign and seed, same
 * bytes. */
#ifndef ORD_RUN_PLAN_H
#define ORD_RUN_PLAN_H

#include "harness/base/buf.h"
#include "harness/run/campaign.h"

/* For people; ops_per_worker first operations of each worker. */
int ord_plan_cell_text(const struct ord_cell *cell, uint32_t ops_per_worker,
                       struct ord_buf *out, struct ord_err *err);
/* One JSON object, without line break. */
int ord_plan_cell_json(const struct ord_cell *cell, uint32_t ops_per_worker,
                       struct ord_buf *out, struct ord_err *err);

#endif
