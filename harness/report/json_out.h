/* json_out.h -- JSON written member by member into a buffer.
 *
 * The comma goes in by itself: the last byte tells whether one is due.  Texts
 * become UTF-8 whatever they were.  Errors: look at out->failed at the end.
 */
#ifndef ORD_REPORT_JSON_OUT_H
#define ORD_REPORT_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"

void ord_out_next(struct ord_buf *out); /* before an element of an array */
void ord_out_name(struct ord_buf *out, const char *name);
void ord_out_text(struct ord_buf *out, const char *name, const char *text);
void ord_out_uint(struct ord_buf *out, const char *name, uint64_t value);
void ord_out_int(struct ord_buf *out, const char *name, int64_t value);
/* Not finite: null. */
void ord_out_real(struct ord_buf *out, const char *name, double value);
void ord_out_bool(struct ord_buf *out, const char *name, bool value);

#endif
