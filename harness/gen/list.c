/* list.c -- unique elements are appended to lists, and whole lists are read.
 *
 * Every read shows all of the history of its list, so an older state after a
 * newer one, or one's own append missing, is plain to see.
 */
#include "harness/gen/elements.h"
#include "harness/gen/workloads.h"

static const struct ord_param_spec list_params[] = {
    {"lists", "8", "how many lists, 1 to 1000"},
    {"read_share", "30%", "share of reads, 0 to 1 or percent"},
    {NULL, NULL, NULL},
};

static int list_build(const struct ord_workload_in *in,
                      struct ord_workload *out, struct ord_err *err)
{
    *out = (struct ord_workload){
        .checkers = {"lost", "convergence", "monotonic-reads",
                     "read-your-writes", "availability", "stats"},
    };
    return ord_elements_build(&ord_workload_list, "lists", ORD_F_APPEND, in,
                              out, err);
}

static const struct ord_workload_kind list_kinds[] = {
    {"read", "read_share", "0", ORD_KIND_READ},
    {0},
};

const struct ord_workload_ops ord_workload_list = {
    .name = "list",
    .about = "unique elements appended to lists; whole lists read",
    .params = list_params,
    .kinds = list_kinds,
    .build = list_build,
};
