/* log_row.h -- the rows of a tail: events as the recorder wrote them; internal.
 *
 * Each row carries its size and a checksum.  Rows become events of a history
 * when each has its place: see log.h, "Order".
 */
#ifndef ORD_HISTORIES_LOG_ROW_H
#define ORD_HISTORIES_LOG_ROW_H

#include "harness/base/err.h"
#include "histories/log_format.h"
#include "histories/op.h"

/* What rows refer to: names that were defined, the time of the row before.
 * Starts zeroed; both ends keep one. */
struct ord_row_state {
    int64_t last_ns;
    uint8_t f_ids[ORD_F_COUNT];         /* 0: not defined yet */
    char *names[ORD_LOG_NAMES_MAX + 1]; /* of defined ids; owned */
    uint8_t f[ORD_LOG_NAMES_MAX + 1];
    uint32_t name_count;
};

void ord_row_state_fini(struct ord_row_state *state);

struct ord_row {
    int64_t sent_ns;
    int64_t received_ns;
    bool is_placed;
    bool is_open; /* an invocation whose answer is not among the rows */
};

/* Encodes one row into out, which is cleared before.  *defines: the id that it
 * gives a name, for ord_row_defined() once the row is written; 0: none. */
int ord_row_encode(const struct ord_row_state *state, const struct ord_op *op,
                   const struct ord_row *row, struct ord_buf *out,
                   uint8_t *defines, struct ord_err *err);
/* The row was written. ORD_ENOMEM before anything has changed. */
int ord_row_written(struct ord_row_state *state, const struct ord_op *op,
                    uint8_t defines, struct ord_err *err);

/* Rows in memory, in the order of the file; everything owned by `arena`. */
struct ord_rows {
    struct ord_arena *arena;
    struct ord_op *ops; /* index is the place in `rows` */
    struct ord_row *rows;
    int64_t count;
    int64_t room;
    size_t size; /* bytes of rows that were whole */
};

/* Reads as many whole rows as there are.  ORD_EFORMAT: one is whole but makes
 * no sense; ORD_ENOMEM. */
int ord_rows_read(struct ord_bytes bytes, struct ord_arena *arena,
                  struct ord_rows *out, struct ord_err *err);
/* Moves each row's time to its place and tells which are open.  What has its
 * place in blocks already lies up to frontier_ns.  Does not sort. */
int ord_rows_place(struct ord_rows *rows, int64_t frontier_ns,
                   struct ord_err *err);
/* Counts the bytes up to the last one that is not zero: the room that a
 * killed writer had allocated is no loss. */
uint64_t ord_torn_size(struct ord_bytes bytes);

#endif
