/* run_dir.h -- the folder of a run, read back: a campaign's or one cell's. */
#ifndef ORD_REPORT_RUN_DIR_H
#define ORD_REPORT_RUN_DIR_H

#include "harness/report/result.h"

#define ORD_RESULT_FILE "result.json"

/* A campaign with all that its cells' own files hold; a cell's folder is a
 * campaign of one (its dir is NULL).  A cell without a file (skipped) has what
 * the campaign's file says of it.  ORD_ENOTFOUND: no result.json. */
int ord_run_read(const char *dir, struct ord_arena *arena,
                 struct ord_campaign_result *out, struct ord_err *err);

#endif
