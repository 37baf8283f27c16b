/* model_queues.h -- what fifo-queue, unordered-queue and stack have in common:
 * calls that put a value in and calls that take one out.
 */
#ifndef ORD_CHECKERS_MODEL_QUEUES_H
#define ORD_CHECKERS_MODEL_QUEUES_H

#include "checkers/exact.h"

#define ORD_QUEUE_FS                                                           \
    (UINT64_C(1) << ORD_F_ENQUEUE | UINT64_C(1) << ORD_F_DEQUEUE)
#define ORD_STACK_FS (UINT64_C(1) << ORD_F_PUSH | UINT64_C(1) << ORD_F_POP)

/* ---- for the exact search ------------------------------------------------ */
/* Leaves out unfinished puts of values that nobody is known to have taken. */
int ord_queues_init(struct ord_exact *exact, struct ord_state *start,
                    struct ord_err *err);
/* It found nothing to take. */
bool ord_queues_look(const struct ord_exact *exact, uint32_t call);
/* A call that ends later than now may take what this one puts. */
bool ord_queues_want(const struct ord_exact *exact, uint32_t call);

/* ---- fast engines -------------------------------------------------------- */
/* Values that are put once each; see model_queue_fast.c.  O(n) but for a heap
 * of what is open at once; some 100 bytes a call. */
int ord_queue_fast(struct ord_lin *lin, bool is_fifo, struct ord_err *err);
/* See model_stack_fast.c.  O(n log n); declines, too, where it cannot tell
 * which unfinished pop ate what. */
int ord_stack_fast(struct ord_lin *lin, struct ord_err *err);

#endif
