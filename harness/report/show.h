/* show.h -- a history as text, a page at a time: `ordeal show`. */
#ifndef ORD_REPORT_SHOW_H
#define ORD_REPORT_SHOW_H

#include "harness/report/result.h"
#include "harness/report/term.h"

struct ord_show {
    int64_t around;   /* an index to centre on and to mark; ORD_NONE: none */
    bool has_process; /* only this process (and the nemesis) */
    int64_t process;
    const char *key; /* only this key, as printed ("k4" or 4); NULL: all */
    uint32_t rows;   /* events at most; 0: all of them */
};

/* One event a line: index, time, process, node, type, what; a completion says
 * how long it took. Says how many events before and after are left out.
 * O(events). ORD_EUSAGE: the history has no event `around`. */
int ord_show_history(const struct ord_history *history,
                     const struct ord_show *how, const struct ord_term *term,
                     struct ord_buf *out, struct ord_err *err);
/* A cell's result in a dozen lines: verdict, reason, checks, faults. */
void ord_show_cell(const struct ord_cell_result *cell,
                   const struct ord_term *term, struct ord_buf *out);

#endif
