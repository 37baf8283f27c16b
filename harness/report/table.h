/* table.h -- a campaign on a terminal: the table, and what convinces. */
#ifndef ORD_REPORT_TABLE_H
#define ORD_REPORT_TABLE_H

#include "harness/base/buf.h"
#include "harness/report/result.h"
#include "harness/report/term.h"

/* One row per cell (cells of one id that stand together, as over many seeds,
 * share a row), then the sentence of each violation that was expected and of
 * each deviation.  O(cells * checks). */
void ord_table_campaign(const struct ord_campaign_result *campaign,
                        const struct ord_term *term, struct ord_buf *out);

/* "lost: violation (expected)", "nothing (7 checks)", "lost: not found
 * (expected)": what the checks of one cell came to, in a few words. */
void ord_table_found(const struct ord_cell_result *cell, struct ord_buf *out);

enum ord_color ord_cell_verdict_color(enum ord_cell_verdict verdict);

#endif
