/* log_tail.h -- the mapped file behind which rows are appended; internal. */
#ifndef ORD_HISTORIES_LOG_TAIL_H
#define ORD_HISTORIES_LOG_TAIL_H

#include "histories/log.h"
#include "histories/log_row.h"

struct ord_tail {
    int fd;             /* -1: none */
    unsigned char *map; /* the whole file, owned */
    size_t size;        /* of the file */
    size_t end;         /* behind the last row */
    uint64_t row_count;
    struct ord_row_state state;
};

void ord_tail_none(struct ord_tail *tail);
/* Creates a tail under a name of its own; publish gives it its name, in place
 * of the tail that had it.  Room is allocated before it is mapped: ORD_EFULL is
 * an error here, never a signal. */
int ord_tail_create(struct ord_tail *tail, const char *log_path,
                    const struct ord_tail_head *head, struct ord_err *err);
int ord_tail_publish(struct ord_tail *tail, const char *log_path,
                     struct ord_err *err);
void ord_tail_discard(struct ord_tail *tail, const char *log_path);
void ord_tail_fini(struct ord_tail *tail); /* the file stays */
/* record is scratch.  After a failure the tail is as it was. */
int ord_tail_append(struct ord_tail *tail, const struct ord_op *op,
                    const struct ord_row *row, struct ord_buf *record,
                    struct ord_err *err);
struct ord_bytes ord_tail_rows(const struct ord_tail *tail);
/* Cuts the file to its rows; nothing is appended any more. */
int ord_tail_cut(struct ord_tail *tail, struct ord_err *err);
int ord_tail_remove(const char *log_path, struct ord_err *err);

/* For tests: look for a block every `rows` rows. */
void ord_log_set_rows(struct ord_log *log, uint32_t rows);

#endif
