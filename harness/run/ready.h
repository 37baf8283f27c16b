/* ready.h -- asks every node, again and again, whether it can serve; and who
 * the primary is.  Never blocks; the operator polls. */
#ifndef ORD_RUN_READY_H
#define ORD_RUN_READY_H

#include "harness/control/cluster.h"
#include "harness/run/campaign.h"
#include "nemesis/env.h"

/* How a node has answered so far. */
struct ord_asked {
    uint32_t times;  /* answers, and deadlines without one */
    int64_t late_ns; /* the last had no answer within this; 0: it had */
    struct ord_exit exit;
    char said[160];     /* the end of what it printed, on one line */
    int64_t timeout_ns; /* of the next; doubled when one was late */
};

/* One short program per node (the target's `ready` or `primary`). */
struct ord_ask_nodes {
    struct ord_cluster *cluster;
    const char *what; /* "ready" */
    struct ord_asked asked[ORD_NODES_MAX + 1];
    const char *const *argv[ORD_NODES_MAX + 1]; /* NULL: the target has none */
    struct ord_probe *probes[ORD_NODES_MAX + 1];
    int64_t again_ns[ORD_NODES_MAX + 1]; /* when to ask the node next */
    int64_t timeout_ns, timeout_max_ns;
    uint64_t asking;                   /* nodes whose probe runs */
    uint64_t yes;                      /* bit i-1: node i has said yes */
    int64_t number[ORD_NODES_MAX + 1]; /* what it printed, 0 if nothing */
};

/* Fills in the command lines (in the arena) of the target's `what`: ready,
 * settled or primary.  A node whose program was late gets twice as long the
 * next time, up to timeout_max_ns. */
int ord_ask_nodes_init(struct ord_ask_nodes *ask, struct ord_cluster *cluster,
                       const struct ord_cell *cell, const char *what,
                       int64_t timeout_ns, int64_t timeout_max_ns,
                       struct ord_arena *arena, struct ord_err *err);
void ord_ask_reset(struct ord_ask_nodes *ask); /* kills probes, forgets */
/* Starts probes that are due at nodes of `whom`, looks at those that run.  An
 * error is the harness's (the program cannot be run). */
int ord_ask_step(struct ord_ask_nodes *ask, uint64_t whom, int64_t now_ns,
                 int64_t again_ns, struct ord_err *err);
/* "; 'ready' was asked 7 times, at last it exited with status 1, saying: ...":
 * what to tell of a node that has not said yes. */
void ord_ask_describe(const struct ord_ask_nodes *ask, uint32_t node, char *out,
                      size_t size);
/* "exited with status 1" */
void ord_exit_describe(const struct ord_exit *exit, char *out, size_t size);

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
