/* model_stack_fast.h -- the stack's engine, and pops that nobody knows the
 * value of.
 */
#ifndef ORD_CHECKERS_MODEL_STACK_FAST_H
#define ORD_CHECKERS_MODEL_STACK_FAST_H

#include "checkers/model_queue_fast.h"

struct ord_stack_line { /* calls in order */
    uint32_t *calls;
    uint32_t count;
    uint32_t room;
};

/* Weaves the values that are left into the line of all others: each at the
 * place where it may stay longest, eaten as late as possible by one of the
 * pops that nobody knows the value of.  *fits becomes false where there are
 * not enough of these; another line might still do, so that decides nothing.
 * line has room for two calls for each that is left. */
int ord_stack_eat(struct ord_queue_fast *q, struct ord_stack_line *line,
                  bool *fits, struct ord_err *err);

#endif
