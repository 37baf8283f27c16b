/* finals.h -- the final reads of an object, node by node; for checkers only.
 *
 * A replica is the node that was asked, else the node that answered.  Rounds
 * are repeated final reads of one object at one node; the last answer counts.
 */
#ifndef ORD_CHECKERS_FINALS_H
#define ORD_CHECKERS_FINALS_H

#include "checkers/view.h"

struct ord_finals {
    /* By node, 0 for "not told": the last ok final read, or NULL. */
    const struct ord_call *last[ORD_NODES_MAX + 1];
    bool was_asked[ORD_NODES_MAX + 1];
    uint32_t read_count; /* nodes that answered */
    uint16_t silent;     /* a node that never answered; ORD_NODE_NONE: none */
    int64_t begin;       /* where the first of the last reads began */
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

/* O(calls of the object). */
void ord_finals_init(struct ord_finals *finals, const struct ord_view *view,
                     const struct ord_object *object);

#endif
