/* env.h -- what a nemesis works on: wire, nodes, and how a node is started.
 *
 * Belongs to the operator process.  Several faults may want the same node down
 * or frozen, so each lays a claim on it under its own number; a node is
 * started (or thawed) only when no claim keeps it down (or frozen).  A node
 * that is down is not frozen, and a frozen one is thawed before it is killed:
 * whoever froze it has lost it.  Claims are memory only: heal works without
 * them, from the fault alone.
 */
#ifndef ORD_NEMESIS_ENV_H
#define ORD_NEMESIS_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/limits.h"
#include "harness/control/node.h"

struct ord_cluster; /* harness/control/cluster.h */
struct ord_nemesis_env;

enum { ORD_CLAIMS_MAX = 512 }; /* faults on nodes in force at once */

struct ord_claim {
    uint32_t fault_id;
    bool is_down; /* else: frozen */
    uint64_t nodes;
};

struct ord_laid { /* a burden that a fault has laid on nodes */
    uint32_t fault_id;
    uint64_t nodes;
    struct ord_burden burden;
};

/* What faults do to nodes: bit i-1 of a mask is node i. */
struct ord_node_actions {
    int (*kill)(struct ord_nemesis_env *env, uint64_t nodes,
                struct ord_err *err);
    int (*pause)(struct ord_nemesis_env *env, uint64_t nodes,
                 struct ord_err *err);
    int (*resume)(struct ord_nemesis_env *env, uint64_t nodes,
                  struct ord_err *err);
    uint64_t (*running)(struct ord_nemesis_env *env); /* alive, not frozen */
    uint64_t (*paused)(struct ord_nemesis_env *env);
    bool (*all_stopped)(struct ord_nemesis_env *env, uint64_t nodes);
};

/* What a command of the target's said about a node. */
struct ord_node_answer {
    bool is_yes;    /* it exited with 0 */
    int64_t number; /* that it printed, 0 if none */
    char text[160]; /* the beginning of what it printed, on one line */
};

struct ord_nemesis_env {
    struct ord_cluster *cluster;
    uint32_t node_count;
    /* Starts the target on this node; returns once its program runs. */
    int (*start_node)(void *ctx, uint32_t node, struct ord_err *err);
    /* Runs a command of target.yaml ("primary", "promote") for this node, in
     * the clients' network, and waits for its end; one that is late is killed
     * and has said no.  ORD_EUSAGE: the target has no such command.  NULL:
     * there is no target. */
    int (*ask_target)(void *ctx, const char *what, uint32_t node,
                      int64_t timeout_ns, struct ord_node_answer *answer,
                      struct ord_err *err);
    void *ctx;
    const struct ord_node_actions *nodes; /* NULL: those of the cluster */
    struct ord_claim claims[ORD_CLAIMS_MAX];
    uint32_t claim_count;
    struct ord_laid burdens[ORD_CLAIMS_MAX];
    uint32_t burden_count;
    int64_t stop_within_ns; /* how long a graceful end may take; 0: 2 s */
};

/* Zero claims; the caller then sets cluster, start_node and ctx. */
void ord_nemesis_env_init(struct ord_nemesis_env *env, uint32_t node_count);

/* env->nodes, or those of the cluster. */
const struct ord_node_actions *
ord_env_actions(const struct ord_nemesis_env *env);

/* Nodes that some fault in force wants down, or frozen.  A node that is down
 * and not wanted down crashed by itself. */
uint64_t ord_env_down(const struct ord_nemesis_env *env);
uint64_t ord_env_frozen(const struct ord_nemesis_env *env);

/* Those that this fault still has down or frozen. */
uint64_t ord_env_claimed_by(const struct ord_nemesis_env *env,
                            uint32_t fault_id);

/* Kills (or freezes) what runs of these nodes and claims them all, but freezes
 * none that is down.  The claim is there even if the rest fails: heal is owed.
 * *struck: those that ran. */
int ord_env_claim(struct ord_nemesis_env *env, uint32_t fault_id, bool is_down,
                  uint64_t nodes, uint64_t *struck, struct ord_err *err);
/* Claims nodes as down and thaws them, without killing: the caller sees to
 * their end. */
int ord_env_hold(struct ord_nemesis_env *env, uint32_t fault_id, uint64_t nodes,
                 uint64_t *struck, struct ord_err *err);
/* Drops the fault's claim, then starts (is_down) or thaws those of `nodes` that
 * nobody else keeps.  Thawing starts nobody: a node that crashed by itself
 * stays down.  Idempotent; never stops early: the first error is returned. */
int ord_env_release(struct ord_nemesis_env *env, uint32_t fault_id,
                    bool is_down, uint64_t nodes, struct ord_err *err);
/* Starts those of these nodes that are not alive and not wanted down. */
int ord_env_start(struct ord_nemesis_env *env, uint64_t nodes,
                  struct ord_err *err);
/* Lays a burden on nodes, under the fault's number; several on one node: the
 * smaller share, the lower limits.  Owed even after an error. */
int ord_env_burden(struct ord_nemesis_env *env, uint32_t fault_id,
                   uint64_t nodes, const struct ord_burden *burden,
                   struct ord_err *err);
/* Takes off what this fault has laid on (or everybody).  Idempotent; never
 * stops early: the first error is returned. */
int ord_env_unburden(struct ord_nemesis_env *env, uint32_t fault_id,
                     uint64_t nodes, struct ord_err *err);
int ord_env_unburden_all(struct ord_nemesis_env *env, struct ord_err *err);
/* Every clock of these nodes that is not the host's is set right. */
void ord_env_reset_clocks(struct ord_nemesis_env *env, uint64_t nodes);
/* Forgets all claims and burdens, sets clocks right, lifts the rules of disks,
 * thaws and starts every node, clears every overlay of the wire.  Never stops
 * early: the first error is returned.
 */
int ord_env_reset(struct ord_nemesis_env *env, struct ord_err *err);

#endif
