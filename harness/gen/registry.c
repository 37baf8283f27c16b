#include <stddef.h>
#include <string.h>

#include "harness/gen/workload.h"
#include "harness/gen/workloads.h"

const struct ord_workload_ops *const *ord_workloads(void)
{
    static const struct ord_workload_ops *const all[] = {
        &ord_workload_register,   &ord_workload_set,
        &ord_workload_sessions,   &ord_workload_list,
        &ord_workload_counter,    &ord_workload_queue,
        &ord_workload_lock,       &ord_workload_bank,
        &ord_workload_unique_ids, &ord_workload_long_fork,
        &ord_workload_write_skew, NULL,
    };

    return all;
}

const struct ord_workload_ops *ord_workload_find(const char *name)
{
    for (const struct ord_workload_ops *const *at = ord_workloads();
         *at != NULL; at++) {
        if (strcmp((*at)->name, name) == 0)
            return *at;
    }
    return NULL;
}
