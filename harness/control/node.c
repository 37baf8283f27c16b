/* node.c -- see node.h.  What may follow what; how is the control's affair. */
#include "harness/control/node.h"

#include "harness/control/control.h"

static const char *const phase_names[] = {
    [ORD_NODE_ABSENT] = "absent", [ORD_NODE_RUNNING] = "running",
    [ORD_NODE_PAUSED] = "paused", [ORD_NODE_EXITED] = "exited",
    [ORD_NODE_KILLED] = "killed",
};

static uint64_t all_nodes(const struct ord_cluster *cluster)
{
    return UINT64_MAX >> (64 - cluster->node_count);
}

struct ord_node_state ord_node_state(const struct ord_cluster *cluster,
                                     uint32_t node)
{
    const struct ord_node_shared *shared;
    uint32_t ended;

    ORD_ASSERT(node >= 1);
    ORD_ASSERT(node <= cluster->node_count);
    shared = &cluster->shared[node];
    ended = atomic_load(&shared->exit);
    return (struct ord_node_state){
        .phase = (enum ord_node_phase)atomic_load(&shared->phase),
        .exit = {.is_signal = (ended & 1) != 0, .code = (int)(ended >> 1)},
        .starts = atomic_load(&shared->starts),
    };
}

const char *ord_node_phase_name(enum ord_node_phase phase)
{
    ORD_ASSERT(phase <= ORD_NODE_KILLED);
    return phase_names[phase];
}

void ord_node_set_phase(struct ord_cluster *cluster, uint32_t node,
                        enum ord_node_phase phase)
{
    atomic_store(&cluster->shared[node].phase, phase);
}

uint64_t ord_nodes_in(const struct ord_cluster *cluster,
                      enum ord_node_phase phase)
{
    uint64_t nodes = 0;

    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        if (ord_node_state(cluster, node).phase == phase)
            nodes |= ord_node_mask(node);
    }
    return nodes;
}

static bool is_alive(const struct ord_cluster *cluster, uint32_t node)
{
    enum ord_node_phase phase = ord_node_state(cluster, node).phase;

    return phase == ORD_NODE_RUNNING || phase == ORD_NODE_PAUSED;
}

int ord_node_start(struct ord_cluster *cluster, uint32_t node,
                   const struct ord_command *command, struct ord_err *err)
{
    const char *name = ord_node_name(cluster, node);
    int rc;

    ORD_ASSERT(node >= 1);
    cluster->ops->pump(cluster); /* it may have ended just now */
    if (is_alive(cluster, node))
        return ord_fail(
            err, ORD_EUSAGE, "%s is %s: it cannot be started", name,
            ord_node_phase_name(ord_node_state(cluster, node).phase));
    rc = cluster->ops->destroy(cluster, ord_node_mask(node), err);
    if (rc == ORD_OK)
        rc = cluster->ops->start(cluster, node, command, err);
    if (rc != ORD_OK)
        return ord_wrap(err, "start %s", name);
    atomic_fetch_add(&cluster->shared[node].starts, 1);
    ord_node_set_phase(cluster, node, ORD_NODE_RUNNING);
    return ORD_OK;
}

int ord_node_stop(struct ord_cluster *cluster, uint32_t node, int64_t grace_ns,
                  struct ord_exit *exit, struct ord_err *err)
{
    struct ord_exit ended = {.is_signal = true, .code = 9};
    bool in_time = true;

    cluster->ops->pump(cluster);
    if (is_alive(cluster, node)) {
        in_time = cluster->ops->terminate(cluster, node, grace_ns, &ended);
        atomic_store(&cluster->shared[node].exit,
                     (uint32_t)ended.code << 1 | ended.is_signal);
    }
    if (cluster->ops->destroy(cluster, ord_node_mask(node), err) != ORD_OK)
        return ord_wrap(err, "stop %s", ord_node_name(cluster, node));
    ord_node_set_phase(cluster, node,
                       in_time ? ORD_NODE_ABSENT : ORD_NODE_KILLED);
    if (exit != NULL)
        *exit = ord_node_state(cluster, node).exit;
    return ORD_OK;
}

int ord_nodes_kill(struct ord_cluster *cluster, uint64_t nodes,
                   struct ord_err *err)
{
    uint64_t alive = ord_nodes_in(cluster, ORD_NODE_RUNNING) |
                     ord_nodes_in(cluster, ORD_NODE_PAUSED);

    ORD_ASSERT((nodes & ~all_nodes(cluster)) == 0);
    if (cluster->ops->destroy(cluster, nodes, err) != ORD_OK)
        return ord_wrap(err, "kill");
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        if ((nodes & alive & ord_node_mask(node)) != 0)
            ord_node_set_phase(cluster, node, ORD_NODE_KILLED);
    }
    return ORD_OK;
}

static int freeze(struct ord_cluster *cluster, uint64_t nodes, bool freeze_them,
                  struct ord_err *err)
{
    enum ord_node_phase from = freeze_them ? ORD_NODE_RUNNING : ORD_NODE_PAUSED;
    enum ord_node_phase to = freeze_them ? ORD_NODE_PAUSED : ORD_NODE_RUNNING;
    int rc;

    ORD_ASSERT((nodes & ~all_nodes(cluster)) == 0);
    cluster->ops->pump(cluster);
    nodes &= ord_nodes_in(cluster, from);
    if (nodes == 0)
        return ORD_OK;
    rc = cluster->ops->freeze(cluster, nodes, freeze_them, err);
    /* Also after a failure: whoever got the signal has to be resumed. */
    for (uint32_t node = 1; node <= cluster->node_count; node++) {
        if ((nodes & ord_node_mask(node)) != 0 &&
            ord_node_state(cluster, node).phase == from)
            ord_node_set_phase(cluster, node, to);
    }
    return rc;
}

int ord_nodes_pause(struct ord_cluster *cluster, uint64_t nodes,
                    struct ord_err *err)
{
    return freeze(cluster, nodes, true, err);
}

int ord_nodes_resume(struct ord_cluster *cluster, uint64_t nodes,
                     struct ord_err *err)
{
    return freeze(cluster, nodes, false, err);
}

int ord_nodes_wake(struct ord_cluster *cluster, uint64_t nodes,
                   struct ord_err *err)
{
    int rc = freeze(cluster, nodes, false, err);

    nodes &= ord_nodes_in(cluster, ORD_NODE_RUNNING);
    if (rc != ORD_OK || nodes == 0)
        return rc;
    return cluster->ops->freeze(cluster, nodes, false, err);
}

bool ord_nodes_all_stopped(struct ord_cluster *cluster, uint64_t nodes)
{
    if (nodes == 0 || (nodes & ~ord_nodes_in(cluster, ORD_NODE_PAUSED)) != 0)
        return false;
    return cluster->ops->all_stopped(cluster, nodes);
}

/* ---- a graceful end -------------------------------------------------------
 */

int ord_node_stop_begin(struct ord_cluster *cluster, uint32_t node,
                        struct ord_err *err)
{
    const char *name = ord_node_name(cluster, node);

    cluster->ops->pump(cluster);
    if (!is_alive(cluster, node))
        return ord_fail(
            err, ORD_EUSAGE, "%s is %s: it cannot be stopped", name,
            ord_node_phase_name(ord_node_state(cluster, node).phase));
    if (!cluster->ops->stop_begin(cluster, node))
        return ord_fail(err, ORD_EIO, "%s: its init is gone", name);
    return ORD_OK;
}

bool ord_node_is_stopping(const struct ord_cluster *cluster, uint32_t node)
{
    return is_alive(cluster, node) && cluster->handles[node].is_ending;
}

int ord_node_stop_look(struct ord_cluster *cluster, uint32_t node,
                       struct ord_stop *out, struct ord_err *err)
{
    cluster->ops->pump(cluster);
    if (!ord_node_is_stopping(cluster, node) ||
        !cluster->ops->stop_look(cluster, node, out))
        return ord_fail(err, ORD_ENOTFOUND, "%s is gone",
                        ord_node_name(cluster, node));
    return ORD_OK;
}

int ord_node_stop_end(struct ord_cluster *cluster, uint32_t node,
                      struct ord_err *err)
{
    bool has_ended = cluster->handles[node].has_ended;

    if (!ord_node_is_stopping(cluster, node))
        return ORD_OK;
    if (cluster->ops->destroy(cluster, ord_node_mask(node), err) != ORD_OK)
        return ord_wrap(err, "stop %s", ord_node_name(cluster, node));
    ord_node_set_phase(cluster, node,
                       has_ended ? ORD_NODE_ABSENT : ORD_NODE_KILLED);
    return ORD_OK;
}

/* ---- burdens --------------------------------------------------------------
 */

struct ord_burden ord_burden_none(void)
{
    struct ord_burden none = {.share_ppm = ORD_SHARE_ALL};

    for (uint32_t i = 0; i < ORD_LIMITS; i++)
        none.soft[i] = ORD_NO_LIMIT;
    return none;
}

int ord_node_burden(struct ord_cluster *cluster, uint32_t node,
                    const struct ord_burden *burden, struct ord_err *err)
{
    ORD_ASSERT(node >= 1);
    ORD_ASSERT(node <= cluster->node_count);
    cluster->ops->pump(cluster);
    cluster->burdens[node] = *burden;
    if (is_alive(cluster, node) && !cluster->ops->burden(cluster, node)) {
        cluster->ops->pump(cluster); /* it may have died of something else */
        if (is_alive(cluster, node))
            return ord_fail(err, ORD_ETIMEOUT, "%s: no answer from its init",
                            ord_node_name(cluster, node));
    }
    return ORD_OK;
}

int ord_node_survey(struct ord_cluster *cluster, uint32_t node,
                    struct ord_survey *out, struct ord_err *err)
{
    cluster->ops->pump(cluster);
    if (!is_alive(cluster, node) || !cluster->ops->survey(cluster, node, out))
        return ord_fail(err, ORD_ENOTFOUND, "%s does not run",
                        ord_node_name(cluster, node));
    return ORD_OK;
}
