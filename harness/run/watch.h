/* watch.h -- tells when a node writes a line to a log that a fault waits for.
 *
 * A process of its own reads what nodes write: a regular expression may take
 * its time, and the operator has none to give.  It watches each node's log
 * (standard output and error) and the files that target.yaml names (`logs`),
 * from the moment of its start on; files that appear later, or are replaced,
 * from their beginning.  A sighting comes about a millisecond after the line.
 * Lines count up to their first 4096 bytes; who writes over 16 MiB faster than
 * they can be read has some of it skipped.
 */
#ifndef ORD_RUN_WATCH_H
#define ORD_RUN_WATCH_H

#include <sys/types.h>

#include "harness/control/cluster.h"
#include "harness/run/campaign.h"

struct ord_watch {
    pid_t pid; /* 0: none */
    int fd;    /* poll it; -1: none */
};

#define ORD_WATCH_NONE ((struct ord_watch){.pid = 0, .fd = -1})

struct ord_sighting {
    uint32_t entry; /* of the cell's nemesis list */
    uint32_t node;  /* who wrote it */
};

/* Does some fault of the cell wait for a line? */
bool ord_watch_is_needed(const struct ord_cell *cell);
/* Returns once every log's present end has been noted.  ORD_EIO, ORD_ENOMEM. */
int ord_watch_start(const struct ord_cell *cell,
                    const struct ord_cluster *cluster, const char *nodes_dir,
                    struct ord_watch *out, struct ord_err *err);
/* The next sighting; never blocks.  False: none.  *is_dead: the watcher is
 * gone, which it never is by itself. */
bool ord_watch_next(const struct ord_watch *watch, struct ord_sighting *out,
                    bool *is_dead);
/* Kills and reaps it; ORD_WATCH_NONE is fine. */
void ord_watch_stop(struct ord_watch *watch);

#endif
