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
    /* How the program is asked to end: a command that is run inside the node,
     * or (NULL) this signal to the program; 0: SIGTERM. */
    const char *const *stop_argv;
    int stop_signal;
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
/* SIGCONT to every process of the nodes that are not paused, too: for those
 * that have stopped themselves, or each other. */
int ord_nodes_wake(struct ord_cluster *cluster, uint64_t nodes,
                   struct ord_err *err);
/* Are these nodes alive with every thread stopped right now?  Asks the
 * kernel, not our notes. */
bool ord_nodes_all_stopped(struct ord_cluster *cluster, uint64_t nodes);

/* --- a graceful end, in steps: nobody has to wait ------------------------- */

struct ord_stop {
    bool has_ended; /* the main program has, by itself; `exit` tells how */
    struct ord_exit exit;
    int64_t took_ns; /* from the request to that end, or to now */
    uint32_t
        still_there; /* processes that the program left behind, or itself */
};

/* Asks the program to end as its ord_command says; from now on its end is no
 * event.  A node that is frozen hears of it when it is thawed.  ORD_EUSAGE
 * unless it runs. */
int ord_node_stop_begin(struct ord_cluster *cluster, uint32_t node,
                        struct ord_err *err);
/* How far it is.  Once the main program has ended, whoever is left gets SIGTERM
 * (once).  ORD_ENOTFOUND: the node was killed or died meanwhile. */
int ord_node_stop_look(struct ord_cluster *cluster, uint32_t node,
                       struct ord_stop *out, struct ord_err *err);
/* SIGKILL to whoever is left; absent if the program had ended, else killed. */
int ord_node_stop_end(struct ord_cluster *cluster, uint32_t node,
                      struct ord_err *err);
bool ord_node_is_stopping(const struct ord_cluster *cluster, uint32_t node);

/* --- burdens: slow nodes, and nodes that run out of something ------------- */

enum ord_limit {
    ORD_LIMIT_DESCRIPTORS, /* RLIMIT_NOFILE */
    ORD_LIMIT_FILE_SIZE,   /* RLIMIT_FSIZE, bytes */
    ORD_LIMIT_MEMORY,      /* RLIMIT_AS, bytes of address space */
    ORD_LIMITS,
};

#define ORD_NO_LIMIT UINT64_MAX
#define ORD_SHARE_ALL 1000000

struct ord_burden {
    uint32_t share_ppm;        /* of the time in which its processes run */
    int64_t period_ns;         /* they run, then stand, once in each */
    uint64_t soft[ORD_LIMITS]; /* of every process, each for itself */
};

struct ord_burden ord_burden_none(void);

/* In force from now on for all processes of the node, those that will be
 * started included, until another burden is.  Lowers soft limits only; with
 * ORD_NO_LIMIT each gets back what it had.  A node that does not run has it
 * when it is started. */
int ord_node_burden(struct ord_cluster *cluster, uint32_t node,
                    const struct ord_burden *burden, struct ord_err *err);

struct ord_survey { /* of a node's processes, by its init */
    pid_t pid;      /* of the init: another one after each start */
    uint32_t process_count;
    int64_t alive_ns;
    int64_t cpu_ns; /* of all its processes, also those that are gone */
    /* The processor time it used in the last second or two before the present
     * throttle, and in how long that was. */
    int64_t before_cpu_ns, before_ns;
    /* Of the throttle in force: how long, without pauses; how much of it the
     * processes were stopped; what they used; how often it was looked whether
     * every thread had stopped, and how often that was so. */
    int64_t throttled_ns, stopped_ns, throttled_cpu_ns;
    uint32_t stops, looks, looks_stopped;
    /* Of limits: processes that have ours or less, as /proc/PID/limits says;
     * those that use all of it; how often one was raised, and lowered again. */
    uint32_t limited[ORD_LIMITS], reached[ORD_LIMITS];
    uint32_t raised, refused;
};

/* Takes some 20 us a process.  ORD_ENOTFOUND: it has no process. */
int ord_node_survey(struct ord_cluster *cluster, uint32_t node,
                    struct ord_survey *out, struct ord_err *err);

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
