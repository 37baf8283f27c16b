/* cell.h -- one cell from start to result.json, in a process of its own.
 *
 *     <dir>/cell.json        what was asked for, and the schedule of faults
 *     <dir>/history.ordeal   every operation
 *     <dir>/ledger.jsonl     every fault
 *     <dir>/nodes/           data and logs of the nodes
 *     <dir>/clients/         stderr of the clients
 *     <dir>/report.html      for people
 *     <dir>/result.json      for machines; written last
 */
#ifndef ORD_RUN_CELL_H
#define ORD_RUN_CELL_H

#include "harness/report/result.h"
#include "harness/report/run_dir.h"
#include "harness/run/campaign.h"
#include "harness/run/facts.h"

#define ORD_REPORT_FILE "report.html"
#define ORD_CELL_FILE "cell.json"

struct ord_cell_run {
    const struct ord_cell *cell;
    const char *dir;         /* created; must not hold an earlier run */
    struct ord_facts *facts; /* shared with whoever watches */
    int control_fd;          /* becomes readable: finish and report; -1: none */
};

/* Runs, checks, judges and writes.  Blocks.  The verdict is in *out (texts in
 * the arena) even if writing it failed; ORD_EFULL and the like then say so. */
int ord_cell_run(const struct ord_cell_run *run, struct ord_arena *arena,
                 struct ord_cell_result *out, struct ord_err *err);

/* Fills in what is known of a cell without running it. */
void ord_cell_describe(const struct ord_cell *cell, struct ord_arena *arena,
                       struct ord_cell_result *out);

#endif
