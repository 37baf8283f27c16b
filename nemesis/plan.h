/* plan.h -- what planner and engine share; for nemesis/ only. */
#ifndef ORD_NEMESIS_PLAN_H
#define ORD_NEMESIS_PLAN_H

#include "nemesis/nemesis.h"

/* Is this parameter's value ORD_THAT_NODE? */
bool ord_is_that_node(const char *text);

/* Names, values and times of an entry; ORD_EUSAGE. */
int ord_plan_check(const struct ord_nemesis_entry *entry,
                   const struct ord_plan_in *in, struct ord_err *err);
/* Fills in nodes, links and what, with memory for the links. */
int ord_fault_resolve(struct ord_fault *fault, struct ord_arena *arena,
                      uint32_t node_count, uint32_t primary,
                      struct ord_err *err);

#endif
