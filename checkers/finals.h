/* finals.h -- the final reads of an object, node by node; for checkers only.
 *
 * A replica is the node that was asked, else the node that answered.  Rounds
 * are repeated final reads of one object at one node; the last one counts, and
 * where it brought no answer the node is silent: what it said in an earlier
 * round may be out of date.  A node that the recorder knows and nobody asked
 * about the object is silent, too.
 */
#ifndef ORD_CHECKERS_FINALS_H
#define ORD_CHECKERS_FINALS_H

#include "checkers/view.h"

struct ord_finals {
    /* By node, 0 for "not told": the last final read, if it was ok; or NULL. */
    const struct ord_call *last[ORD_NODES_MAX + 1];
    uint32_t ask_count[ORD_NODES_MAX + 1];
    uint32_t round_count; /* the greatest of these */
    uint32_t read_count;  /* nodes that answered the last time */
    uint16_t silent;      /* a node that did not; ORD_NODE_NONE: none */
    int64_t begin;        /* where the first of the last reads began */
};

static inline uint16_t ord_final_node(const struct ord_call *call)
{
    uint16_t node =
        call->inv->node != ORD_NODE_NONE ? call->inv->node : call->node;

    return node <= ORD_NODES_MAX ? node : ORD_NODE_NONE;
}

static inline bool ord_call_is_final_read(const struct ord_call *call)
{
    return call->f == ORD_F_READ && call->is_final;
}

/* The node's answer is from an earlier round than the last, which was cut short
 * or asked again only of another node. */
static inline bool ord_finals_is_behind(const struct ord_finals *finals,
                                        uint32_t node)
{
    ORD_ASSERT(node <= ORD_NODES_MAX);
    return finals->ask_count[node] < finals->round_count;
}

/* The recorder says how many nodes there are; other histories do not. */
bool ord_history_knows_nodes(const struct ord_history *history);

/* O(calls of the object). */
void ord_finals_init(struct ord_finals *finals, const struct ord_view *view,
                     const struct ord_object *object);

#endif
