/* set.c -- unique elements are added to a set, and the whole set is read.
 *
 * What was acknowledged and is missing in the end was lost: the plainest way
 * to see a write disappear.
 */
#include "harness/gen/elements.h"
#include "harness/gen/workloads.h"

static const struct ord_param_spec set_params[] = {
    {"sets", "1", "how many sets, 1 to 1000"},
    {"read_share", "2%", "share of reads in the main phase, 0 to 1 or percent"},
    {NULL, NULL, NULL},
};

static int set_build(const struct ord_workload_in *in, struct ord_workload *out,
                     struct ord_err *err)
{
    *out = (struct ord_workload){
        .checkers = {"lost", "convergence", "availability", "stats"},
    };
    return ord_elements_build(&ord_workload_set, "sets", ORD_F_ADD, in, out,
                              err);
}

static const struct ord_workload_kind set_kinds[] = {
    {"read", "read_share", "0", ORD_KIND_READ},
    {0},
};

const struct ord_workload_ops ord_workload_set = {
    .name = "set",
    .about = "unique elements added to a set; what is missing in the end?",
    .params = set_params,
    .kinds = set_kinds,
    .build = set_build,
};
