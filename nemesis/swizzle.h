/* swizzle.h -- one occasion as many parts, a node each, which begin one by one
 * and end in another order; for nemesis/ only.
 *
 * After FoundationDB's "swizzle clogging": what it finds is a system that
 * comes back only in the order in which it went.
 */
#ifndef ORD_NEMESIS_SWIZZLE_H
#define ORD_NEMESIS_SWIZZLE_H

#include "nemesis/params.h"

/* Two to all of the nodes; all have begun by half of the duration, which must
 * not be 0. */
int ord_swizzle_plan(const struct ord_nemesis_entry *entry,
                     const struct ord_occasion *when,
                     const struct ord_plan_in *in, struct ord_fault_plan *out,
                     struct ord_err *err);
/* The node of a part. */
uint64_t ord_swizzle_node(const struct ord_fault *fault, uint32_t node_count);

#endif
