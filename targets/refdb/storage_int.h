/* storage_int.h -- what storage.c and state.c share. */
#ifndef RD_STORAGE_INT_H
#define RD_STORAGE_INT_H

#include <sqlite3.h>

#include "targets/refdb/storage.h"

enum rd_sql {
    RD_SQL_BEGIN,
    RD_SQL_COMMIT,
    RD_SQL_ROLLBACK,
    RD_SQL_HARD,
    RD_SQL_APPEND,
    RD_SQL_TRUNCATE,
    RD_SQL_TRIM,
    RD_SQL_BASE,
    RD_SQL_APPLIED,
    RD_SQL_REGISTER_GET,
    RD_SQL_REGISTER_PUT,
    RD_SQL_SET_ADD,
    RD_SQL_SET_GET,
    RD_SQL_LIST_COUNT,
    RD_SQL_LIST_PUT,
    RD_SQL_LIST_GET,
    RD_SQL_COUNTER_GET,
    RD_SQL_COUNTER_PUT,
    RD_SQL_MEMBERS_GET,
    RD_SQL_MEMBERS_PUT,
    RD_SQL_COUNT,
};

struct rd_storage {
    sqlite3 *db;
    sqlite3_stmt *sql[RD_SQL_COUNT];
    bool is_open;  /* a transaction is */
    bool is_dirty; /* and it holds more than applied entries */
};

int rd_sql_fail(sqlite3 *db, const char *what, struct ord_err *err);
/* A statement ready to be bound. */
sqlite3_stmt *rd_sql(struct rd_storage *storage, enum rd_sql which);
/* Runs a statement that gives no rows. */
int rd_sql_run(struct rd_storage *storage, enum rd_sql which, const char *what,
               struct ord_err *err);
/* The same, beginning a transaction if none is open. */
int rd_sql_change(struct rd_storage *storage, enum rd_sql which,
                  const char *what, struct ord_err *err);
int rd_sql_begin(struct rd_storage *storage, struct ord_err *err);
void rd_bind_bytes(sqlite3_stmt *stmt, int at, struct ord_bytes bytes);
struct ord_bytes rd_column_bytes(sqlite3_stmt *stmt, int at);

#endif
