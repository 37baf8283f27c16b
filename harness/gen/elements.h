/* elements.h -- what set and list have in common: unique elements put into a
 * few collections, and whole collections read; for harness/gen only. */
#ifndef ORD_GEN_ELEMENTS_H
#define ORD_GEN_ELEMENTS_H

#include "harness/gen/workload.h"

/* Sets main and final; `keys` and `read_share` are parameters of ops, the
 * first one by the name given; `put` is ORD_F_ADD or ORD_F_APPEND. */
int ord_elements_build(const struct ord_workload_ops *ops, const char *keys,
                       uint8_t put, const struct ord_workload_in *in,
                       struct ord_workload *out, struct ord_err *err);

#endif
