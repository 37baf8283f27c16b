/* workloads.h -- the workloads that registry.c lists, one file each. */
#ifndef ORD_GEN_WORKLOADS_H
#define ORD_GEN_WORKLOADS_H

#include "harness/gen/workload.h"

extern const struct ord_workload_ops ord_workload_register;
extern const struct ord_workload_ops ord_workload_set;
extern const struct ord_workload_ops ord_workload_sessions;
extern const struct ord_workload_ops ord_workload_list;
extern const struct ord_workload_ops ord_workload_counter;
extern const struct ord_workload_ops ord_workload_queue;
extern const struct ord_workload_ops ord_workload_lock;
extern const struct ord_workload_ops ord_workload_bank;
extern const struct ord_workload_ops ord_workload_unique_ids;
extern const struct ord_workload_ops ord_workload_long_fork;
extern const struct ord_workload_ops ord_workload_write_skew;

#endif
