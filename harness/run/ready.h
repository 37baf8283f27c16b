/* ready.h -- asks every node, again and again, whether it can serve; and who
 * the primary is.  Never blocks; the operator polls. */
#ifndef ORD_RUN_READY_H
#define ORD_RUN_READY_H

#include "harness/control/cluster.h"
#include "harness/run/campaign.h"
#include "nemesis/env.h"

/* One short program per node (the target's `ready` or `primary`). */
struct ord_ask_nodes {
    struct ord_cluster *cluster;
    const char *const *argv[ORD_NODES_MAX + 1]; /* NULL: the target has none */
    struct ord_probe *probes[ORD_NODES_MAX + 1];
    int64_t again_ns[ORD_NODES_MAX + 1]; /* when to ask the node next */
    int64_t timeout_ns;
    uint64_t asking;                   /* nodes whose probe runs */
    uint64_t yes;                      /* bit i-1: node i has said yes */
    int64_t number[ORD_NODES_MAX + 1]; /* what it printed, 0 if nothing */
};

/* Fills in the command lines (in the arena). */
int ord_ask_nodes_init(struct ord_ask_nodes *ask, struct ord_cluster *cluster,
                       const struct ord_cell *cell, const char *const *argv,
                       int64_t timeout_ns, struct ord_arena *arena,
                       struct ord_err *err);
void ord_ask_reset(struct ord_ask_nodes *ask); /* kills probes, forgets */
/* Starts probes that are due at nodes of `whom`, looks at those that run.  An
 * error is the harness's (the program cannot be run). */
int ord_ask_step(struct ord_ask_nodes *ask, uint64_t whom, int64_t now_ns,
                 int64_t again_ns, struct ord_err *err);

/* What a cell's command lines are filled in with; data may be NULL. */
struct ord_template ord_cell_template(const struct ord_cell *cell,
                                      uint32_t node, const char *data);
/* Runs the target's command of this name ("promote") for a node and waits for
 * its end, at most timeout_ns: then it has said no.  ORD_EUSAGE: the target has
 * none of this name. */
int ord_ask_target(struct ord_cluster *cluster, const struct ord_cell *cell,
                   const char *what, uint32_t node, int64_t timeout_ns,
                   struct ord_node_answer *answer, struct ord_err *err);

#endif
