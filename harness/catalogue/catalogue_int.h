/* catalogue_int.h -- the tables, and one run's rows; internal. */
#ifndef ORD_CATALOGUE_CATALOGUE_INT_H
#define ORD_CATALOGUE_CATALOGUE_INT_H

#include <sqlite3.h>

#include "harness/catalogue/catalogue.h"
#include "harness/report/run_dir.h"

/* The version of the tables, kept as the file's user_version. */
enum { ORD_CATALOGUE_VERSION = 2 };

/* Creates the tables, or looks whether they are of this version. */
int ord_catalogue_prepare(sqlite3 *db, struct ord_err *err);
/* Deletes the rows of the run and inserts new ones; the caller's transaction.
 * written_ns: of its result.json. */
int ord_catalogue_put(sqlite3 *db, const char *run,
                      const struct ord_campaign_result *campaign,
                      int64_t written_ns, struct ord_err *err);
/* A statement without rows; ORD_EFULL, ORD_ENOMEM, ORD_EIO. */
int ord_catalogue_do(sqlite3 *db, const char *sql, struct ord_err *err);
int ord_catalogue_fail(sqlite3 *db, struct ord_err *err);

#endif
