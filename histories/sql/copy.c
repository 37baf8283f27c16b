/* copy.c -- a history as an ordinary SQLite file, for whatever reads those.
 *
 * Written beside its final name and renamed at the end, so that a full disk or
 * a crash leaves no half database under that name.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "histories/sql/sql.h"

static const char *const statements[] = {
    /* The file is new and renamed when whole: no journal, one sync. */
    "pragma file.journal_mode = off",
    "pragma file.synchronous = off",
    "begin",
    "create table file.ops as select * from temp.o",
    "create table file.events as select * from temp.e",
    "create table file.clocks as select * from temp.c",
    "create unique index file.ops_idx on ops(idx)",
    "create unique index file.events_idx on events(idx)",
    "commit",
};

static int run(sqlite3 *db, const char *sql, struct ord_err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        return ORD_OK;
    return ord_fail(err,
                    rc == SQLITE_FULL    ? ORD_EFULL
                    : rc == SQLITE_NOMEM ? ORD_ENOMEM
                                         : ORD_EIO,
                    "SQLite: %s", sqlite3_errmsg(db));
}

static int attach_file(sqlite3 *db, const char *path, struct ord_err *err)
{
    char *sql = sqlite3_mprintf("attach %Q as file", path);
    int rc;

    if (sql == NULL)
        return ord_fail(err, ORD_ENOMEM, "SQLite");
    rc = run(db, sql, err);
    sqlite3_free(sql);
    /* The names of the virtual tables are wanted in the file. */
    if (rc == ORD_OK)
        rc = run(db, "create temp view o as select * from ops", err);
    if (rc == ORD_OK)
        rc = run(db, "create temp view e as select * from events", err);
    if (rc == ORD_OK)
        rc = run(db, "create temp view c as select * from clocks", err);
    return rc;
}

int ord_sql_copy(const struct ord_history *history, const char *path,
                 struct ord_err *err)
{
    char part[ORD_PATH_MAX];
    sqlite3 *db = NULL;
    int rc = ORD_OK;

    if (access(path, F_OK) == 0)
        return ord_fail(err, ORD_EUSAGE, "%s is there already", path);
    if (snprintf(part, sizeof part, "%s.tmp", path) >= (int)sizeof part)
        return ord_fail(err, ORD_ELIMIT, "path over %zu bytes", sizeof part);
    (void)unlink(part); /* of a copy that was killed */
    if (sqlite3_open(":memory:", &db) != SQLITE_OK) {
        sqlite3_close(db);
        return ord_fail(err, ORD_ENOMEM, "SQLite");
    }
    rc = ord_sql_attach(db, history, err);
    if (rc == ORD_OK)
        rc = attach_file(db, part, err);
    for (size_t i = 0;
         rc == ORD_OK && i < sizeof statements / sizeof *statements; i++)
        rc = run(db, statements[i], err);
    sqlite3_close(db);
    if (rc == ORD_OK && rename(part, path) != 0)
        rc = ord_fail_errno(err, "publish %s", path);
    if (rc != ORD_OK) {
        (void)unlink(part);
        return ord_wrap(err, "%s", path);
    }
    return ORD_OK;
}
