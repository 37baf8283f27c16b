/* gen_build.h -- the parts that generators are built of.
 *
 * Every constructor takes what it needs from the arena and returns NULL when
 * that is used up; a NULL argument gives NULL, so one look at the root is
 * enough.  A generator may stand in one place of one tree only.
 *
 * The crew of a generator is the workers that share it: all of them at the
 * root, a range under reserve, one worker under each-process.  limit and
 * stagger divide what they are given by the crew.
 */
#ifndef ORD_GEN_GEN_BUILD_H
#define ORD_GEN_GEN_BUILD_H

#include "harness/gen/gen.h"

enum { ORD_GEN_CHILDREN_MAX = 16, ORD_GEN_ITEMS_MAX = 64 };

struct ord_gen_draw { /* what an operation may be made of */
    uint64_t number;  /* the worker's so many-th operation here, from 0 */
    uint32_t worker;
    struct ord_rng *rng;     /* of this operation alone */
    struct ord_value *items; /* ORD_GEN_ITEMS_MAX, for a list in op->value */
};

/* Makes the operation: a pure function of ctx and draw.  op comes with all
 * fields at "nothing said"; f is to be set, and name follows it; of ORD_F_OTHER
 * name is to be set. */
typedef void ord_gen_make(const void *ctx, const struct ord_gen_draw *draw,
                          struct ord_op *op);

/* Operations without end; ctx is borrowed for as long as the arena lives. */
struct ord_gen *ord_gen_ops(const struct ord_gen_shape *shape,
                            ord_gen_make *make, const void *ctx);
/* Each operation from one of the children, drawn by weight.  A child that is
 * done drops out; done when all are. */
struct ord_gen *ord_gen_mix(const struct ord_gen_shape *shape,
                            struct ord_gen *const *children,
                            const uint32_t *weights, uint32_t count);
/* The crew together one operation per mean_ns: each worker has due times of
 * its own, uniform in 0 .. 2 means apart, from its first question on.  Who is
 * late catches up at once. */
struct ord_gen *ord_gen_stagger(const struct ord_gen_shape *shape,
                                struct ord_gen *child, int64_t mean_ns);
/* The same mean, but all workers in step: each one's n-th operation is due at a
 * random moment of the first spread_ppm millionths of the n-th beat; a beat is
 * mean_ns times the crew.  For operations that shall meet.  Who is late catches
 * up at once. */
struct ord_gen *ord_gen_in_step(const struct ord_gen_shape *shape,
                                struct ord_gen *child, int64_t mean_ns,
                                uint32_t spread_ppm);
/* count operations in all: each worker of the crew gets an even share, the
 * first ones one more, however fast the others are. */
struct ord_gen *ord_gen_limit(const struct ord_gen_shape *shape,
                              struct ord_gen *child, uint64_t count);
/* Done once the time since the phase began is time_ns. */
struct ord_gen *ord_gen_time_limit(const struct ord_gen_shape *shape,
                                   struct ord_gen *child, int64_t time_ns);
/* The first counts[0] workers have children[0], and so on; the last child has
 * all that remain (its count is not looked at).  A child whose range is empty
 * is never asked. */
struct ord_gen *ord_gen_reserve(const struct ord_gen_shape *shape,
                                struct ord_gen *const *children,
                                const uint32_t *counts, uint32_t count);
/* One after the other.  A worker goes on to the next child when it is itself
 * done with the one before: it does not wait for the others. */
struct ord_gen *ord_gen_phases(const struct ord_gen_shape *shape,
                               struct ord_gen *const *children, uint32_t count);
/* Each worker has a copy for itself: it is a crew of one. */
struct ord_gen *ord_gen_each_process(const struct ord_gen_shape *shape,
                                     struct ord_gen *child);
/* Goes on until one of the worker's operations was ok, then done.  This and
 * the next look at outcomes: with them a worker's operations depend on what the
 * database answered to that worker. */
struct ord_gen *ord_gen_until_ok(const struct ord_gen_shape *shape,
                                 struct ord_gen *child);

/* Goes on until that many of the worker's operations in a row were not ok,
 * then done: how a queue is emptied. */
struct ord_gen *ord_gen_until_fails(const struct ord_gen_shape *shape,
                                    struct ord_gen *child, uint32_t in_a_row);

#endif
