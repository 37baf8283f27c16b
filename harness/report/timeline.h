/* timeline.h -- what the browser needs to draw a run.
 *
 * A history may have millions of events.  Embedded are the rates of the whole
 * run in TIMELINE_BINS bins, and single operations: all of them when there are
 * few, else those that prove something, their neighbours, and those of the
 * same key, at most ORD_TIMELINE_OPS_MAX.
 */
#ifndef ORD_REPORT_TIMELINE_H
#define ORD_REPORT_TIMELINE_H

#include "harness/base/buf.h"
#include "harness/report/result.h"

enum { ORD_TIMELINE_OPS_MAX = 5000, ORD_TIMELINE_BINS = 600 };

/* Appends one JSON object (see assets/timeline.js). O(events); takes one byte
 * per event.  ORD_ENOMEM. */
int ord_timeline_json(const struct ord_cell_result *cell,
                      const struct ord_history *history, struct ord_buf *out,
                      struct ord_err *err);

#endif
