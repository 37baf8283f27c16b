/* write.h -- a history as lines of text; for histories/ only. */
#ifndef ORD_HISTORIES_WRITE_H
#define ORD_HISTORIES_WRITE_H

#include "histories/history.h"

/* Appends one event with its line break. */
typedef void ord_op_out(const struct ord_history *history,
                        const struct ord_op *op, struct ord_buf *out);

/* Every event through op_out to fd, some 64 KiB at a time.  ORD_ENOMEM names
 * the operation that did not fit; ORD_EIO, ORD_EFULL. */
int ord_history_write_ops(const struct ord_history *history, int fd,
                          ord_op_out *op_out, struct ord_err *err);

#endif
