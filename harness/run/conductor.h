/* conductor.h -- one cell's run, as PID 1 of its sandbox.
 *
 *     setup -> start -> main -> heal -> final -> stop
 *
 * A phase that fails leads straight to stop; what went wrong is a problem in
 * the facts.  The history and the ledger are on disk all the while.
 */
#ifndef ORD_RUN_CONDUCTOR_H
#define ORD_RUN_CONDUCTOR_H

#include "harness/run/campaign.h"
#include "harness/run/facts.h"

struct ord_conductor_config {
    const struct ord_cell *cell;
    const char *dir;         /* the cell's: nodes/ and clients/ are there */
    struct ord_facts *facts; /* shared with the cell's process */
    int control_fd;          /* readable or closed: finish now, and report */
};

#define ORD_HISTORY_FILE "history.ordeal"
#define ORD_LEDGER_FILE "ledger.jsonl"
#define ORD_PACKETS_FILE "packets.pcapng"

/* For ord_sandbox_spawn(): arg is a struct ord_conductor_config.  Returns the
 * exit status: 0 when every phase was gone through. */
int ord_conductor_run(void *arg);

#endif
