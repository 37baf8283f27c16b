/* sql.h -- a history as SQL tables, read in place (SQLite virtual tables).
 *
 * ops: one row per operation of a client, in the order of the invocations
 *     idx end_idx       places in the history; end_idx NULL: never answered
 *     time_ns end_ns    since the start; NULL where the history has no times
 *     latency_ns        end_ns - time_ns
 *     process session device node epoch position
 *     type              what became of it: ok, fail, info
 *     f key
 *     value             what it put or read: an ok read's answer, else asked
 *     asked answer      the invocation's value and the completion's
 *     error final       text or NULL; 1 or 0
 * events: one row per event, those of the nemesis (process -1) included
 *     idx pair time_ns process session device node epoch position
 *     type f key value error final
 *
 * clocks: one row per look of the nemesis at a node's clock, out of events
 *     idx time_ns node fault real_ns mono_ns rate_ppm strobe_ns
 *     strobe_period_ns  see histories/FORMAT.md, "The nemesis"
 *
 * Numbers are INTEGER, nil is NULL, truth is 1 or 0, a list is JSON text (so
 * json_each() takes it apart).  Conditions on idx are used to skip rows.
 */
#ifndef ORD_HISTORIES_SQL_SQL_H
#define ORD_HISTORIES_SQL_SQL_H

#include "histories/history.h"

struct sqlite3;

/* All tables into the connection; the history is borrowed until the
 * connection is closed.  ORD_ENOMEM. */
int ord_sql_attach(struct sqlite3 *db, const struct ord_history *history,
                   struct ord_err *err);

enum ord_sql_form {
    ORD_SQL_TABLE, /* aligned columns under a head */
    ORD_SQL_TSV,   /* head and rows, separated by tabs */
    ORD_SQL_JSON,  /* {"ordeal":1,"columns":[...],"rows":[[...],...]} */
};

enum {
    ORD_SQL_ROWS_ALIGNED_MAX = 2000, /* rows that decide the widths */
    ORD_SQL_CELL_MAX = 1 << 16,      /* bytes of a cell, then ".." (not JSON) */
};

/* Runs one statement on the connection, which may only read, and writes the
 * rows to fd.  ORD_EUSAGE says what SQLite says of a wrong statement; ORD_EIO,
 * ORD_EFULL. */
int ord_sql_print(struct sqlite3 *db, const char *sql, enum ord_sql_form form,
                  int fd, struct ord_err *err);

/* As above, over a history of its own in memory.  memory_max: bytes for
 * SQLite's sorting and grouping; 0: no limit. */
int ord_sql_query(const struct ord_history *history, const char *sql,
                  enum ord_sql_form form, int64_t memory_max, int fd,
                  struct ord_err *err);

/* All of them as ordinary ones into a new database file, whole or not at all.
 * ORD_EUSAGE: the file exists. */
int ord_sql_copy(const struct ord_history *history, const char *path,
                 struct ord_err *err);

#endif
