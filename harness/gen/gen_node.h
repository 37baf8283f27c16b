/* gen_node.h -- how a generator is made inside; for harness/gen only.
 *
 * A node of the tree keeps one record per worker and nothing else that
 * changes, so no worker can see another.  Its random stream is named by its
 * place: the path is hashed on the way down, and given with the question.
 */
#ifndef ORD_GEN_GEN_NODE_H
#define ORD_GEN_GEN_NODE_H

#include "harness/gen/gen.h"

struct ord_gen_call {
    const struct ord_gen_ask *ask;
    uint64_t path;       /* seed of this place in the tree */
    uint32_t crew_first; /* the workers who share this generator */
    uint32_t crew_count;
    struct ord_op *op;
    int64_t *until_ns;
};

struct ord_gen_kind {
    enum ord_gen_answer (*ask)(struct ord_gen *gen,
                               const struct ord_gen_call *call);
    void (*update)(struct ord_gen *gen, const struct ord_gen_ask *ask,
                   const struct ord_op *completion);
};

struct ord_gen { /* first member of every kind's own struct */
    const struct ord_gen_kind *kind;
    uint64_t seed;
    uint32_t worker_count;
};

/* The same question for child number `index`. */
static inline struct ord_gen_call ord_gen_below(const struct ord_gen_call *call,
                                                uint64_t index)
{
    struct ord_gen_call below = *call;

    below.path = ord_hash(call->path, index, 1);
    return below;
}

#endif
