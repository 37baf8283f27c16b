/* burden.c -- which fault has laid what on which node; see env.h. */
#include <string.h>

#include "harness/control/cluster.h"
#include "nemesis/env.h"
#include "nemesis/params.h"

/* All that is on a node, taken together. */
static struct ord_burden burden_on(const struct ord_nemesis_env *env,
                                   uint32_t node)
{
    struct ord_burden all = ord_burden_none();

    for (uint32_t i = 0; i < env->burden_count; i++) {
        const struct ord_burden *one = &env->burdens[i].burden;

        if (!ord_has_node(env->burdens[i].nodes, node))
            continue;
        if (one->share_ppm < all.share_ppm) {
            all.share_ppm = one->share_ppm;
            all.period_ns = one->period_ns;
        }
        for (uint32_t k = 0; k < ORD_LIMITS; k++) {
            if (one->soft[k] < all.soft[k])
                all.soft[k] = one->soft[k];
        }
    }
    return all;
}

static int put_on(struct ord_nemesis_env *env, uint64_t nodes,
                  struct ord_err *err)
{
    int first = ORD_OK;

    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_burden burden = burden_on(env, node);
        struct ord_err one;

        if (!ord_has_node(nodes, node) || env->cluster == NULL ||
            ord_node_burden(env->cluster, node, &burden, &one) == ORD_OK ||
            first != ORD_OK)
            continue;
        first = one.rc;
        *err = one;
    }
    return first;
}

int ord_env_burden(struct ord_nemesis_env *env, uint32_t fault_id,
                   uint64_t nodes, const struct ord_burden *burden,
                   struct ord_err *err)
{
    ORD_ASSERT((nodes & ~ord_all_nodes(env->node_count)) == 0);
    if (env->burden_count >= ORD_CLAIMS_MAX)
        return ord_fail(err, ORD_ELIMIT, "more than %d faults in force",
                        ORD_CLAIMS_MAX);
    env->burdens[env->burden_count++] = (struct ord_laid){
        .fault_id = fault_id, .nodes = nodes, .burden = *burden};
    return put_on(env, nodes, err);
}

int ord_env_unburden(struct ord_nemesis_env *env, uint32_t fault_id,
                     uint64_t nodes, struct ord_err *err)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < env->burden_count; i++) {
        if (env->burdens[i].fault_id != fault_id)
            env->burdens[kept++] = env->burdens[i];
    }
    env->burden_count = kept;
    return put_on(env, nodes & ord_all_nodes(env->node_count), err);
}

int ord_env_unburden_all(struct ord_nemesis_env *env, struct ord_err *err)
{
    env->burden_count = 0;
    return put_on(env, ord_all_nodes(env->node_count), err);
}
