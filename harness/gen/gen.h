/* gen.h -- generators: time and a free worker come in; an operation, "wait"
 * or "done" comes out.
 *
 * Pure and seeded: no clock, no ambient randomness.  Each worker draws from a
 * stream of its own, and no answer depends on what other workers have done, so
 * the same seed gives each worker the same operations however the run goes;
 * only how far it gets differs.  A generator is a tree built by the functions
 * below in an arena, which owns it; the state per worker is allocated at
 * once, so asking never allocates.
 */
#ifndef ORD_GEN_GEN_H
#define ORD_GEN_GEN_H

#include "harness/base/arena.h"
#include "harness/base/rng.h"
#include "histories/op.h"

struct ord_gen; /* opaque */

enum ord_gen_answer {
    ORD_GEN_OP,
    ORD_GEN_WAIT, /* nothing before *until_ns (or before the next update) */
    ORD_GEN_DONE, /* nothing more for this worker */
};

struct ord_gen_ask {
    int64_t time_ns; /* since the phase began */
    uint32_t worker; /* 0 .. workers-1, stable for the whole run */
};

struct ord_gen_shape { /* what every constructor needs to know */
    struct ord_arena *arena;
    uint64_t seed;
    uint32_t worker_count; /* 1 .. 1024 */
    uint32_t node_count;   /* 1 .. 64 */
};

/* op: f, key, value, session, device, node, is_final are set; lists in it are
 * lent until the worker asks again. */
enum ord_gen_answer ord_gen_ask(struct ord_gen *gen,
                                const struct ord_gen_ask *ask,
                                struct ord_op *op, int64_t *until_ns);
/* Tells the outcome of the worker's last operation. */
void ord_gen_update(struct ord_gen *gen, const struct ord_gen_ask *ask,
                    const struct ord_op *completion);

#endif
