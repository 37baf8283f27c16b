/* model_stack_tree.h -- what the stack's engine asks about its elements.
 *
 * Long elements in order of take_begin.  At the place where one's take begins,
 * others may be in for certain; each removal uncovers places.  A segment tree
 * with a minimum that can be raised and lowered over ranges.
 */
#ifndef ORD_CHECKERS_MODEL_STACK_TREE_H
#define ORD_CHECKERS_MODEL_STACK_TREE_H

#include "checkers/model_queue_fast.h"

struct ord_stack_node {
    int32_t cover_min; /* of places not split at yet, without what is above */
    int32_t cover_add; /* for all below */
    uint32_t put_end_min; /* of elements still there */
    uint32_t put_begin_min;
    uint32_t take_end_max;
};

struct ord_stack_tree {
    struct ord_stack_node *nodes; /* from 1; leaves from leaf_count */
    uint32_t leaf_count;
    uint32_t count;
};

/* Every element, and its place covered covers[i] times; covers NEVER: it is
 * none to split at.  False: no memory. */
bool ord_stack_tree_init(struct ord_stack_tree *tree, struct ord_arena *arena,
                         const struct ord_element *elements, uint32_t count,
                         const uint32_t *covers);
/* Takes an element away, and its cover of the places [from, to). */
void ord_stack_tree_remove(struct ord_stack_tree *tree, uint32_t element,
                           uint32_t from, uint32_t to);
/* The last uncovered place in [from, to), then no place to split at any more;
 * ORD_LIN_NONE: there is none. */
uint32_t ord_stack_tree_split(struct ord_stack_tree *tree, uint32_t from,
                              uint32_t to);
/* An element of [from, to) that can be below all others of it: put before
 * any of them was put for certain, taken after all. */
uint32_t ord_stack_tree_bottom(const struct ord_stack_tree *tree, uint32_t from,
                               uint32_t to, uint32_t put_by,
                               uint32_t take_from);
uint32_t ord_stack_tree_put_end(const struct ord_stack_tree *tree,
                                uint32_t from, uint32_t to);
/* The last element that is still there; ORD_LIN_NONE. */
uint32_t ord_stack_tree_last(const struct ord_stack_tree *tree, uint32_t from,
                             uint32_t to);

#endif
