/* links.h -- faults that change links: which ones, and laying changes on the
 * wire; for nemesis/ only. */
#ifndef ORD_NEMESIS_LINKS_H
#define ORD_NEMESIS_LINKS_H

#include "harness/control/link.h"
#include "nemesis/env.h"
#include "nemesis/params.h"

/* ---- which: the parameters of slow, flaky and packet --------------------- */

#define ORD_LINKS_PARAMS                                                       \
    {"links", "nodes",                                                         \
     "all | nodes: between nodes | clients: between clients and nodes | "      \
     "node: all of one node | leader-follower: from the leader to one | "      \
     "leader-followers: from the leader to each | from-to | between: from-to " \
     "both ways"},                                                             \
        {"nodes", "random",                                                    \
         "links=node: of whom; links=leader-follower: to whom; random, "       \
         "leader or names as n1,n3"},                                          \
        {"from", "all",                                                        \
         "one way, from whom: all | nodes | clients | leader | random | "      \
         "names, also several as leader,n3"},                                  \
        {"to", "all", "one way, to whom: as from"},                            \
    {                                                                          \
        "direction", "both",                                                   \
            "links=node, clients: both | in: towards the nodes | out: away "   \
            "from them"                                                        \
    }

int ord_links_check(const struct ord_nemesis_ops *ops,
                    const struct ord_nemesis_entry *entry, uint32_t node_count,
                    struct ord_err *err);
bool ord_links_need_primary(const struct ord_fault *fault);
/* Sets links, nodes and what: "<how> between nodes". */
int ord_links_resolve(struct ord_fault *fault, uint32_t node_count,
                      uint32_t primary, const char *how, struct ord_err *err);
/* Of these links, only those that begin or end at one of `nodes`. */
void ord_links_narrow(struct ord_fault *fault, uint64_t nodes);

/* ---- on the wire --------------------------------------------------------- */

/* Lays `change` over the fault's links, in force when it returns; remembers
 * the counters of these links in state->before. */
int ord_links_inject(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     const struct ord_link *change, struct ord_err *err);
/* Takes it away, in force when it returns.  Idempotent. */
int ord_links_heal(struct ord_nemesis_env *env, struct ord_fault_state *state,
                   struct ord_err *err);
/* What became of the frames of the fault's links since inject, in all. */
struct ord_link_counts ord_links_since(struct ord_nemesis_env *env,
                                       const struct ord_fault_state *state);

#endif
