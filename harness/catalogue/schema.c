/* schema.c -- the tables of a catalogue. */
#include "harness/catalogue/catalogue_int.h"

static const char schema[] =
    "create table runs(run text primary key, campaign text, verdict text, "
    "cells integer, passed integer, wall_ms real, finished text, written_ns "
    "integer);"
    "create table cells(run text, dir text, cell text, about text, target "
    "text, workload text, seed integer, nodes integer, clients integer, "
    "verdict text, reason text, invoked integer, ok integer, fail integer, "
    "info integer, faults integer, faults_held integer, faults_not_begun "
    "integer, ops_main integer, ops_met integer, total_ms real);"
    "create index cells_run on cells(run);"
    "create table checks(run text, dir text, checker text, model text, "
    "expected text, verdict text, why text, key text, violations integer);"
    "create index checks_run on checks(run);"
    "create table anomalies(run text, dir text, checker text, key text, why "
    "text, ops text);"
    "create index anomalies_run on anomalies(run);"
    "create table stats(run text, dir text, checker text, name text, value "
    "real);"
    "create index stats_run on stats(run);"
    "create table faults(run text, dir text, id integer, fault text, what "
    "text, begin_ns integer, injected_ns integer, end_ns integer, held "
    "integer, "
    "evidence text, not_begun text, ops_met integer);"
    "create index faults_run on faults(run);"
    "create table fault_kinds(run text, dir text, fault text, asked integer, "
    "tried integer, held integer, not_begun integer, ops_met integer);"
    "create index fault_kinds_run on fault_kinds(run);"
    "create table settings(run text, dir text, name text, value text);"
    "create index settings_run on settings(run);"
    "pragma user_version = 2;";
_Static_assert(ORD_CATALOGUE_VERSION == 2, "the pragma above says it, too");

int ord_catalogue_fail(sqlite3 *db, struct ord_err *err)
{
    int code = sqlite3_errcode(db);
    int rc = code == SQLITE_FULL     ? ORD_EFULL
             : code == SQLITE_NOMEM  ? ORD_ENOMEM
             : code == SQLITE_NOTADB ? ORD_EFORMAT
                                     : ORD_EIO;

    return ord_fail(err, rc, "SQLite: %s", sqlite3_errmsg(db));
}

int ord_catalogue_do(sqlite3 *db, const char *sql, struct ord_err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return ORD_OK;
    return ord_catalogue_fail(db, err);
}

static int version_of(sqlite3 *db, int *version, struct ord_err *err)
{
    sqlite3_stmt *rows = NULL;
    int rc = ORD_OK;

    if (sqlite3_prepare_v2(db, "pragma user_version", -1, &rows, NULL) !=
            SQLITE_OK ||
        sqlite3_step(rows) != SQLITE_ROW)
        rc = ord_catalogue_fail(db, err);
    else
        *version = sqlite3_column_int(rows, 0);
    sqlite3_finalize(rows);
    return rc;
}

int ord_catalogue_prepare(sqlite3 *db, struct ord_err *err)
{
    int version = 0;
    int rc = ord_catalogue_do(db, "begin immediate", err);

    if (rc == ORD_OK)
        rc = version_of(db, &version, err);
    if (rc == ORD_OK && version == 0)
        rc = ord_catalogue_do(db, schema, err);
    else if (rc == ORD_OK && version != ORD_CATALOGUE_VERSION)
        rc = ord_fail(err, ORD_EFORMAT,
                      "a catalogue of version %d, expected %d: delete it, and "
                      "it is made anew",
                      version, ORD_CATALOGUE_VERSION);
    if (rc == ORD_OK)
        return ord_catalogue_do(db, "commit", err);
    (void)sqlite3_exec(db, "rollback", NULL, NULL, NULL);
    return rc;
}
