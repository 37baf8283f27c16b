/* node.h -- start, stop, kill, freeze and watch the nodes of a cluster.
 *
 * The operator's side (see cluster.h); ord_node_state() is everybody's.  A
 * node is a process tree in its own pid, mount and UTS namespaces under a tiny
 * init of ours, so a fault reaches daemonised grandchildren too.
 *
 *            start          pause
 *     absent -----> running <----> paused
 *       exited, killed ^     resume
 */
#ifndef ORD_CONTROL_NODE_H
#define ORD_CONTROL_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/control/cluster.h"

struct ord_command {
    const char *const *argv; /* ends with NULL; argv[0] is searched in PATH */
    const char *const *env;  /* ends with NULL; NULL: ours */
    const char *cwd;         /* NULL: ours */
};

enum ord_node_phase {
    ORD_NODE_ABSENT,  /* never started, or stopped by us */
    ORD_NODE_RUNNING, /* its main program runs */
    ORD_NODE_PAUSED,
    ORD_NODE_EXITED, /* its main program ended by itself; see `exit` */
    ORD_NODE_KILLED, /* by us */
};

struct ord_node_state {
    enum ord_node_phase phase;
    struct ord_exit exit;
    uint32_t starts; /* how many times it was started */
};

struct ord_node_state ord_node_state(const struct ord_cluster *cluster,
                                     uint32_t node);
/* "running", "exited"... */
const char *ord_node_phase_name(enum ord_node_phase phase);
/* The nodes in this phase, as a mask. */
uint64_t ord_nodes_in(const struct ord_cluster *cluster,
                      enum ord_node_phase phase);

/* Returns once the program runs (some 3 ms, deadline 5 s).  What is left of
 * an exited node is killed first.  ORD_EUSAGE if it runs or is paused,
 * ORD_ENOTFOUND and ORD_EDENIED name the program. */
int ord_node_start(struct ord_cluster *cluster, uint32_t node,
                   const struct ord_command *command, struct ord_err *err);
/* SIGTERM to the main program, kill after grace_ns.  Blocks until all is dead;
 * *exit (may be NULL) tells how the main program ended.  Fine if absent. */
int ord_node_stop(struct ord_cluster *cluster, uint32_t node, int64_t grace_ns,
                  struct ord_exit *exit, struct ord_err *err);

/* SIGKILL to every process of these nodes, at once; returns when all are dead
 * (some 10-80 ms).  ORD_ETIMEOUT after 2 s.  Not running is fine. */
int ord_nodes_kill(struct ord_cluster *cluster, uint64_t nodes,
                   struct ord_err *err);
/* SIGSTOP to every process; returns when each of their threads has stopped.
 * Nodes that do not run are left alone.  ORD_ETIMEOUT after 2 s. */
int ord_nodes_pause(struct ord_cluster *cluster, uint64_t nodes,
                    struct ord_err *err);
/* SIGCONT to every process.  Nodes that are not paused are left alone.  Never
 * stops early: the first error is returned. */
int ord_nodes_resume(struct ord_cluster *cluster, uint64_t nodes,
                     struct ord_err *err);
/* Are these nodes alive with every thread stopped right now?  Asks the
 * kernel, not our notes. */
bool ord_nodes_all_stopped(struct ord_cluster *cluster, uint64_t nodes);

static inline uint64_t ord_node_mask(uint32_t node)
{
    return UINT64_C(1) << (node - 1);
}

static inline int ord_node_kill(struct ord_cluster *cluster, uint32_t node,
                                struct ord_err *err)
{
    return ord_nodes_kill(cluster, ord_node_mask(node), err);
}

static inline int ord_node_pause(struct ord_cluster *cluster, uint32_t node,
                                 struct ord_err *err)
{
    return ord_nodes_pause(cluster, ord_node_mask(node), err);
}

static inline int ord_node_resume(struct ord_cluster *cluster, uint32_t node,
                                  struct ord_err *err)
{
    return ord_nodes_resume(cluster, ord_node_mask(node), err);
}

#endif
