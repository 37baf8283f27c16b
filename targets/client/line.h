/* line.h -- the lines of PROTOCOL.md: in, parsed; out, written.  Private to
 * this folder and its tests. */
#ifndef ORD_CLIENT_LINE_H
#define ORD_CLIENT_LINE_H

#include "harness/base/buf.h"
#include "targets/client/client.h"

/* The first line; texts are copied into the arena.  ORD_EFORMAT. */
int ord_client_init_parse(struct ord_bytes line, struct ord_arena *arena,
                          struct ord_client_init *out, struct ord_err *err);

/* An operation.  Texts without escapes are borrowed from the line; the rest
 * comes from the arena; a list of two or fewer is put into pair
 * (a list in a list is not).
 * ORD_EFORMAT: not an operation at all.  ORD_ENOTFOUND: an operation (out->id
 * is set) that this library cannot hand on, such as an unknown f. */
int ord_client_op_parse(struct ord_bytes line,
                        const struct ord_client_init *init,
                        struct ord_arena *arena,
                        struct ord_client_value pair[2],
                        struct ord_client_op *out, struct ord_err *err);

/* Appends the answer and its line end. */
void ord_client_answer_write(const struct ord_client_init *init, int64_t id,
                             const struct ord_client_done *done,
                             struct ord_buf *out);

#endif
