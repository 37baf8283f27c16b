/* line.h -- the lines between the conductor and a client program.
 *
 * One JSON object a line, as targets/client/PROTOCOL.md has it.
 */
#ifndef ORD_RUN_LINE_H
#define ORD_RUN_LINE_H

#include "harness/base/buf.h"
#include "harness/run/campaign.h"

enum { ORD_LINE_SIZE_MAX = 1 << 20 }; /* a longer answer is nonsense */

/* The first line a client gets, with its line break. */
void ord_line_init(const struct ord_cell *cell, uint32_t worker,
                   int64_t process, struct ord_buf *out);
/* An operation, with its line break. */
void ord_line_op(const struct ord_op *op, int64_t id, uint16_t node,
                 struct ord_buf *out);

struct ord_reply {
    int64_t id;
    enum ord_op_type type; /* OK, FAIL or INFO */
    bool has_value;
    struct ord_value value; /* in the arena */
    int64_t sent_ns;        /* CLOCK_MONOTONIC, ORD_NONE if not said */
    int64_t received_ns;
    int64_t epoch;
    int64_t position;
    uint16_t node;     /* ORD_NODE_NONE if not said */
    const char *error; /* in the arena; NULL if not said */
};

/* ORD_EFORMAT says in a few words what is wrong with the line. */
int ord_line_reply(struct ord_bytes line, uint32_t node_count,
                   struct ord_arena *arena, struct ord_reply *out,
                   struct ord_err *err);
/* The beginning of a line in printable characters, with a NUL: it may end up on
 * a terminal. */
void ord_line_begin(struct ord_bytes line, char *out, size_t size);
/* {"ready":true} */
bool ord_line_is_ready(struct ord_bytes line);

#endif
