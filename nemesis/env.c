#include "nemesis/env.h"

#include <string.h>

#include "harness/clock/clock.h"
#include "harness/control/cluster.h"
#include "harness/control/node.h"
#include "harness/control/wire.h"
#include "harness/disk/disk.h"
#include "nemesis/params.h"

/* ---- the nodes of a cluster ---------------------------------------------- */

static int cluster_kill(struct ord_nemesis_env *env, uint64_t nodes,
                        struct ord_err *err)
{
    return ord_nodes_kill(env->cluster, nodes, err);
}

static int cluster_pause(struct ord_nemesis_env *env, uint64_t nodes,
                         struct ord_err *err)
{
    return ord_nodes_pause(env->cluster, nodes, err);
}

static int cluster_resume(struct ord_nemesis_env *env, uint64_t nodes,
                          struct ord_err *err)
{
    return ord_nodes_resume(env->cluster, nodes, err);
}

static uint64_t cluster_running(struct ord_nemesis_env *env)
{
    return ord_nodes_in(env->cluster, ORD_NODE_RUNNING);
}

static uint64_t cluster_paused(struct ord_nemesis_env *env)
{
    return ord_nodes_in(env->cluster, ORD_NODE_PAUSED);
}

static bool cluster_all_stopped(struct ord_nemesis_env *env, uint64_t nodes)
{
    return ord_nodes_all_stopped(env->cluster, nodes);
}

const struct ord_node_actions *
ord_env_actions(const struct ord_nemesis_env *env)
{
    static const struct ord_node_actions cluster = {
        .kill = cluster_kill,
        .pause = cluster_pause,
        .resume = cluster_resume,
        .running = cluster_running,
        .paused = cluster_paused,
        .all_stopped = cluster_all_stopped,
    };

    ORD_ASSERT(env->nodes != NULL || env->cluster != NULL);
    return env->nodes != NULL ? env->nodes : &cluster;
}

/* ---- claims -------------------------------------------------------------- */

void ord_nemesis_env_init(struct ord_nemesis_env *env, uint32_t node_count)
{
    ORD_ASSERT(node_count >= 1);
    ORD_ASSERT(node_count <= ORD_NODES_MAX);
    *env = (struct ord_nemesis_env){.node_count = node_count};
}

static uint64_t claimed(const struct ord_nemesis_env *env, bool is_down)
{
    uint64_t nodes = 0;

    for (uint32_t i = 0; i < env->claim_count; i++) {
        if (env->claims[i].is_down == is_down)
            nodes |= env->claims[i].nodes;
    }
    return nodes;
}

uint64_t ord_env_down(const struct ord_nemesis_env *env)
{
    return claimed(env, true) | env->absent;
}

uint64_t ord_env_frozen(const struct ord_nemesis_env *env)
{
    return claimed(env, false);
}

uint64_t ord_env_claimed_by(const struct ord_nemesis_env *env,
                            uint32_t fault_id)
{
    uint64_t nodes = 0;

    for (uint32_t i = 0; i < env->claim_count; i++) {
        if (env->claims[i].fault_id == fault_id)
            nodes |= env->claims[i].nodes;
    }
    return nodes;
}

static void drop_claims(struct ord_nemesis_env *env, uint32_t fault_id)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < env->claim_count; i++) {
        if (env->claims[i].fault_id != fault_id)
            env->claims[kept++] = env->claims[i];
    }
    env->claim_count = kept;
}

/* Thaws those of these nodes that are frozen; who froze them has lost them. */
static int thaw(struct ord_nemesis_env *env, uint64_t nodes,
                struct ord_err *err)
{
    const struct ord_node_actions *actions = ord_env_actions(env);
    uint64_t frozen = nodes & actions->paused(env);

    for (uint32_t i = 0; i < env->claim_count; i++) {
        if (!env->claims[i].is_down)
            env->claims[i].nodes &= ~nodes;
    }
    return frozen == 0 ? ORD_OK : actions->resume(env, frozen, err);
}

int ord_env_hold(struct ord_nemesis_env *env, uint32_t fault_id, uint64_t nodes,
                 uint64_t *struck, struct ord_err *err)
{
    const struct ord_node_actions *actions = ord_env_actions(env);

    *struck = 0;
    if (env->claim_count >= ORD_CLAIMS_MAX)
        return ord_fail(err, ORD_ELIMIT, "more than %d faults in force",
                        ORD_CLAIMS_MAX);
    env->claims[env->claim_count++] = (struct ord_claim){
        .fault_id = fault_id, .is_down = true, .nodes = nodes};
    *struck = nodes & (actions->running(env) | actions->paused(env));
    return thaw(env, *struck, err);
}

int ord_env_claim(struct ord_nemesis_env *env, uint32_t fault_id, bool is_down,
                  uint64_t nodes, uint64_t *struck, struct ord_err *err)
{
    const struct ord_node_actions *actions = ord_env_actions(env);
    struct ord_err ignored;

    ORD_ASSERT((nodes & ~ord_all_nodes(env->node_count)) == 0);
    *struck = 0;
    if (env->claim_count >= ORD_CLAIMS_MAX)
        return ord_fail(err, ORD_ELIMIT, "more than %d faults in force",
                        ORD_CLAIMS_MAX);
    if (!is_down)
        nodes &= ~ord_env_down(env);
    env->claims[env->claim_count++] = (struct ord_claim){
        .fault_id = fault_id, .is_down = is_down, .nodes = nodes};
    *struck = nodes & (actions->running(env) | actions->paused(env));
    if (*struck == 0)
        return ORD_OK;
    if (!is_down)
        return actions->pause(env, *struck, err);
    (void)thaw(env, nodes, &ignored); /* killing works on what stays frozen */
    return actions->kill(env, *struck, err);
}

/* Notes the first of several errors. */
static void note(int rc, const struct ord_err *one, int *first,
                 struct ord_err *err)
{
    if (rc == ORD_OK || *first != ORD_OK)
        return;
    *first = rc;
    *err = *one;
}

/* Starts each of these nodes that is not alive. */
static int start_all(struct ord_nemesis_env *env, uint64_t nodes,
                     struct ord_err *err)
{
    const struct ord_node_actions *actions = ord_env_actions(env);
    int first = ORD_OK;

    for (uint32_t node = 1; node <= env->node_count; node++) {
        uint64_t alive = actions->running(env) | actions->paused(env);
        struct ord_err one;
        int rc = ORD_OK;

        if (!ord_has_node(nodes & ~alive & ~env->absent, node))
            continue;
        if (env->start_node == NULL)
            rc = ord_fail(&one, ORD_EUSAGE, "nobody knows how to start it");
        else
            rc = env->start_node(env->ctx, node, &one);
        if (rc != ORD_OK)
            rc = ord_wrap(&one, "n%u", node);
        note(rc, &one, &first, err);
    }
    return first;
}

int ord_env_release(struct ord_nemesis_env *env, uint32_t fault_id,
                    bool is_down, uint64_t nodes, struct ord_err *err)
{
    const struct ord_node_actions *actions = ord_env_actions(env);
    uint64_t thawed;

    drop_claims(env, fault_id);
    nodes &= ord_all_nodes(env->node_count);
    if (is_down)
        return start_all(env, nodes & ~ord_env_down(env), err);
    thawed = nodes & actions->paused(env) & ~ord_env_frozen(env);
    return thawed == 0 ? ORD_OK : actions->resume(env, thawed, err);
}

int ord_env_start(struct ord_nemesis_env *env, uint64_t nodes,
                  struct ord_err *err)
{
    return start_all(env, nodes & ~ord_env_down(env), err);
}

void ord_env_reset_clocks(struct ord_nemesis_env *env, uint64_t nodes)
{
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_clock *clock =
            env->cluster != NULL && ord_has_node(nodes, node)
                ? ord_node_clock(env->cluster, node)
                : NULL;

        if (clock != NULL && !ord_clock_is_true(clock))
            ord_clock_reset(clock);
    }
}

/* Who is still busy with its end is given no more time for it. */
static void finish_stops(struct ord_nemesis_env *env, int *first,
                         struct ord_err *err)
{
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_err one;

        if (env->cluster != NULL)
            note(ord_node_stop_end(env->cluster, node, &one), &one, first, err);
    }
}

static void reset_disks(struct ord_nemesis_env *env)
{
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_disk *disk =
            env->cluster != NULL ? ord_node_disk(env->cluster, node) : NULL;

        if (disk != NULL)
            ord_disk_rules_clear(disk);
    }
}

int ord_env_reset(struct ord_nemesis_env *env, struct ord_err *err)
{
    const struct ord_node_actions *actions = ord_env_actions(env);
    struct ord_err one;
    uint64_t frozen;
    int first = ORD_OK;

    env->claim_count = 0;
    if (env->cluster != NULL) {
        struct ord_wire *wire = ord_cluster_wire(env->cluster);

        ord_wire_clear_all(wire);
        note(ord_wire_commit(wire, &one), &one, &first, err);
    }
    ord_env_reset_clocks(env, ord_all_nodes(env->node_count));
    note(ord_env_unburden_all(env, &one), &one, &first, err);
    finish_stops(env, &first, err);
    reset_disks(env);
    frozen = actions->paused(env);
    if (env->cluster != NULL && env->nodes == NULL)
        note(ord_nodes_wake(env->cluster, ord_all_nodes(env->node_count), &one),
             &one, &first, err);
    else if (frozen != 0)
        note(actions->resume(env, frozen, &one), &one, &first, err);
    note(start_all(env, ord_all_nodes(env->node_count), &one), &one, &first,
         err);
    return first;
}
