/* support_gen.h -- asks generators in a simulated run. */
#ifndef ORD_GEN_TESTS_SUPPORT_GEN_H
#define ORD_GEN_TESTS_SUPPORT_GEN_H

#include "harness/gen/gen_build.h"
#include "harness/gen/workload.h"

enum { RUN_OPS_MAX = 4096 };

/* What one worker got: a printed line per operation. */
struct run {
    struct ord_buf lines[16];
    uint32_t counts[16];
};

/* Asks for all workers until all are done or `asks` questions were asked, in
 * an order drawn from chaos; operations take up to 20 ms and end as ok. */
void run_gen(struct ord_gen *gen, uint32_t workers, uint64_t chaos,
             uint32_t asks, struct run *run);
void run_fini(struct run *run);
/* The common beginning of the two is all of the shorter one. */
bool run_agrees(struct run *a, struct run *b, uint32_t workers);

void print_op(const struct ord_op *op, struct ord_buf *out);

#endif
