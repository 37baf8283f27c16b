/* catalogue.h -- the runs below one folder, their verdicts and anomalies, as
 * tables of one SQLite file, FOLDER/catalogue.sqlite.
 *
 *     runs      run (name of its folder) campaign verdict cells passed wall_ms
 *               finished (UTC, of its result.json)
 *     cells     run cell dir about target workload seed nodes clients verdict
 *               reason invoked ok fail info faults faults_held total_ms
 *     checks    run dir checker model expected verdict why key violations
 *     anomalies run dir checker key why ops (JSON: indexes of the history)
 *     stats     run dir checker name value
 *     faults    run dir id fault what begin_ns end_ns held evidence
 *     settings  run dir name value
 *
 * It is made from the result.json of the runs and can be made again.  Several
 * processes may add to it at once.  A run that is gone keeps its rows.
 */
#ifndef ORD_CATALOGUE_CATALOGUE_H
#define ORD_CATALOGUE_CATALOGUE_H

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "histories/sql/sql.h"

#define ORD_CATALOGUE_FILE "catalogue.sqlite"

enum { ORD_CATALOGUE_RUNS_MAX = 100000, ORD_CATALOGUE_WAIT_MS = 10000 };

struct ord_catalogue;

/* Opens or creates folder/catalogue.sqlite; is_kept false: a private one in
 * memory.  ORD_EFORMAT: the file is no catalogue of this version. */
int ord_catalogue_open(const char *folder, bool is_kept,
                       struct ord_catalogue **out, struct ord_err *err);
void ord_catalogue_close(struct ord_catalogue **catalogue);

/* The run in folder/name, all its rows at once, in place of older ones; name
 * "." is the folder itself.  ORD_ENOTFOUND: it has no result.json. */
int ord_catalogue_add(struct ord_catalogue *catalogue, const char *name,
                      struct ord_err *err);
/* Adds every run of the folder that is new or was written since.  A run that
 * cannot be read is told to `skipped` (may be NULL) and passed over. */
int ord_catalogue_sync(struct ord_catalogue *catalogue,
                       void (*skipped)(const struct ord_err *why),
                       struct ord_err *err);
/* See ord_sql_print(). */
int ord_catalogue_query(struct ord_catalogue *catalogue, const char *sql,
                        enum ord_sql_form form, int fd, struct ord_err *err);

#endif
