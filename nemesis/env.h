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

/* Changes of members, by the target's own commands. */
enum ord_member_verb { ORD_MEMBER_LIST, ORD_MEMBER_JOIN, ORD_MEMBER_LEAVE };

struct ord_member_job; /* a command that runs, in the sandbox of a node */

struct ord_member_answer {
    bool is_over;
    bool is_yes;      /* it did what it was asked for */
    uint64_t members; /* of LIST: who counts, */
    uint64_t joining; /* and who is to, soon */
};

struct ord_member_actions { /* ctx: members_ctx */
    /* Asks `via` about `node` (LIST: of all).  Ends within a second or so. */
    int (*begin)(void *ctx, enum ord_member_verb verb, uint32_t via,
                 uint32_t node, struct ord_member_job **out,
                 struct ord_err *err);
    int (*look)(struct ord_member_job *job, struct ord_member_answer *out,
                struct ord_err *err); /* never blocks */
    void (*drop)(struct ord_member_job **job);
    /* The node's data is gone: started next, it starts as one that joins. */
    int (*wipe)(void *ctx, uint32_t node, struct ord_err *err);
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
    const struct ord_node_actions *nodes;     /* NULL: those of the cluster */
    const struct ord_member_actions *members; /* NULL: they never change */
    void *members_ctx;                        /* of these */
    uint64_t spare;  /* nodes that are no members at the beginning */
    uint64_t absent; /* nodes that are none now: nobody starts them */
    bool is_final;   /* the final heal is under way: it may take its time */
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

/* Nodes that some fault in force wants down (or absent), or frozen.  A node
 * that is down and not wanted down crashed by itself. */
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
