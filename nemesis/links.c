#include "nemesis/links.h"

#include <stdio.h>
#include <string.h>

#include "harness/control/cluster.h"
#include "harness/control/wire.h"

enum which {
    LINKS_ALL,
    LINKS_NODES,
    LINKS_CLIENTS,
    LINKS_NODE,
    LINKS_LEADER_FOLLOWER,
    LINKS_LEADER_FOLLOWERS,
};

static int read_which(const struct ord_nemesis_ops *ops,
                      const struct ord_fault_param *params, uint32_t count,
                      uint32_t node_count, enum which *which,
                      struct ord_pick_nodes *pick, struct ord_err *err)
{
    static const char *const choices[] = {
        "all",  "nodes",           "clients",
        "node", "leader-follower", "leader-followers",
        NULL};
    uint32_t choice;

    if (ord_parse_choice("links", ord_fault_param(ops, params, count, "links"),
                         choices, &choice, err) != ORD_OK ||
        ord_parse_nodes("nodes", ord_fault_param(ops, params, count, "nodes"),
                        node_count, pick, err) != ORD_OK)
        return err->rc;
    *which = (enum which)choice;
    return ORD_OK;
}

int ord_links_check(const struct ord_nemesis_ops *ops,
                    const struct ord_nemesis_entry *entry, uint32_t node_count,
                    struct ord_err *err)
{
    struct ord_pick_nodes pick;
    enum which which;

    if (read_which(ops, entry->params, entry->param_count, node_count, &which,
                   &pick, err) != ORD_OK)
        return err->rc;
    if (ord_fault_has(entry->params, entry->param_count, "nodes") &&
        which != LINKS_NODE && which != LINKS_LEADER_FOLLOWER)
        return ord_fail(err, ORD_EUSAGE,
                        "nodes: expected only with links: node or "
                        "leader-follower");
    if (which == LINKS_LEADER_FOLLOWER && pick.pick == ORD_PICK_LEADER)
        return ord_fail(err, ORD_EUSAGE,
                        "nodes: leader: expected the follower's name");
    if (node_count < 2 && which != LINKS_CLIENTS && which != LINKS_ALL &&
        which != LINKS_NODE)
        return ord_fail(err, ORD_EUSAGE,
                        "links: expected all, clients or node where there is "
                        "one node only");
    return ORD_OK;
}

bool ord_links_need_primary(const struct ord_fault *fault)
{
    const char *links =
        ord_fault_param(fault->ops, fault->params, fault->param_count, "links");
    const char *nodes =
        ord_fault_param(fault->ops, fault->params, fault->param_count, "nodes");

    return strncmp(links, "leader-", 7) == 0 || strcmp(nodes, "leader") == 0;
}

static bool is_chosen(enum which which, uint64_t nodes, uint64_t followers,
                      uint32_t from, uint32_t to)
{
    switch (which) {
    case LINKS_ALL:
        return true;
    case LINKS_NODES:
        return from != 0 && to != 0;
    case LINKS_CLIENTS:
        return from == 0 || to == 0;
    case LINKS_NODE:
        return ord_has_node(nodes, from) || ord_has_node(nodes, to);
    case LINKS_LEADER_FOLLOWER:
    case LINKS_LEADER_FOLLOWERS:
        return ord_has_node(nodes, from) && ord_has_node(followers, to);
    }
    return false;
}

/* To whom the leader is slow: the named ones, else one by the seed. */
static uint64_t pick_followers(const struct ord_fault *fault, enum which which,
                               const struct ord_pick_nodes *pick,
                               uint32_t node_count, uint64_t leader)
{
    uint64_t others = ord_all_nodes(node_count) & ~leader;
    uint32_t order[ORD_NODES_MAX];

    if (which == LINKS_LEADER_FOLLOWERS)
        return others;
    if (pick->pick == ORD_PICK_NAMED && (pick->nodes & others) != 0)
        return pick->nodes & others;
    ord_fault_order(fault, node_count, order);
    return ord_one_node(ord_has_node(leader, order[0]) ? order[1] : order[0]);
}

static void say(struct ord_fault *fault, enum which which, const char *how,
                uint64_t nodes, uint64_t followers)
{
    struct ord_buf text;

    ord_buf_init(&text, 2048);
    ord_buf_text(&text, how);
    if (which == LINKS_ALL)
        ord_buf_text(&text, " on all links");
    if (which == LINKS_NODES)
        ord_buf_text(&text, " between nodes");
    if (which == LINKS_CLIENTS)
        ord_buf_text(&text, " between clients and nodes");
    if (which == LINKS_NODE)
        ord_buf_text(&text, " on all links of ");
    if (which >= LINKS_LEADER_FOLLOWER)
        ord_buf_text(&text, " from ");
    if (which >= LINKS_NODE) {
        ord_print_nodes(nodes, &text);
        ord_buf_text(&text, nodes == 0 ? "the leader" : "");
    }
    if (which == LINKS_LEADER_FOLLOWER || which == LINKS_LEADER_FOLLOWERS) {
        ord_buf_text(&text, " to ");
        if (nodes != 0)
            ord_print_nodes(followers, &text);
        else
            ord_buf_text(&text, which == LINKS_LEADER_FOLLOWER
                                    ? "one follower"
                                    : "its followers");
    }
    (void)snprintf(fault->what, sizeof fault->what, "%s", ord_buf_str(&text));
    ord_buf_fini(&text);
}

int ord_links_resolve(struct ord_fault *fault, uint32_t node_count,
                      uint32_t primary, const char *how, struct ord_err *err)
{
    struct ord_pick_nodes pick;
    struct ord_pick_nodes leader = {.pick = ORD_PICK_LEADER};
    uint64_t nodes = ord_all_nodes(node_count);
    uint64_t followers = 0;
    enum which which;

    ORD_ASSERT(fault->links != NULL);
    if (read_which(fault->ops, fault->params, fault->param_count, node_count,
                   &which, &pick, err) != ORD_OK)
        return err->rc;
    if (which == LINKS_NODE)
        nodes = ord_pick_one(fault, &pick, node_count, primary);
    if (which == LINKS_LEADER_FOLLOWER || which == LINKS_LEADER_FOLLOWERS) {
        nodes = ord_pick_one(fault, &leader, node_count, primary);
        followers = pick_followers(fault, which, &pick, node_count, nodes);
    }
    for (uint32_t from = 0; from <= node_count; from++) {
        for (uint32_t to = 0; to <= node_count; to++)
            fault->links->is_set[from][to] =
                from != to && is_chosen(which, nodes, followers, from, to);
    }
    fault->nodes = nodes | followers;
    say(fault, which, how, nodes, followers);
    return ORD_OK;
}

/* ---- on the wire --------------------------------------------------------- */

static struct ord_link_counts sum_counts(struct ord_nemesis_env *env,
                                         const struct ord_link_set *links)
{
    struct ord_wire *wire = ord_cluster_wire(env->cluster);
    struct ord_link_counts sum = {0};

    for (uint32_t from = 0; from <= env->node_count; from++) {
        for (uint32_t to = 0; to <= env->node_count; to++) {
            struct ord_link_counts one;

            if (!links->is_set[from][to])
                continue;
            one = ord_wire_counts(wire, from, to);
            sum.passed += one.passed;
            sum.bytes += one.bytes;
            sum.cut += one.cut;
            sum.lost += one.lost;
            sum.over += one.over;
            sum.delayed += one.delayed;
            sum.duplicated += one.duplicated;
            sum.reordered += one.reordered;
            sum.corrupted += one.corrupted;
            sum.corrupted_silent += one.corrupted_silent;
        }
    }
    return sum;
}

int ord_links_inject(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     const struct ord_link *change, struct ord_err *err)
{
    const struct ord_fault *fault = state->fault;
    struct ord_wire *wire = ord_cluster_wire(env->cluster);
    struct ord_link_counts *before =
        ord_arena_alloc(state->arena, sizeof *before);

    ORD_ASSERT(fault->links != NULL);
    if (before == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s: no memory", fault->ops->name);
    *before = sum_counts(env, fault->links);
    state->before = before;
    for (uint32_t from = 0; from <= env->node_count; from++) {
        for (uint32_t to = 0; to <= env->node_count; to++) {
            if (fault->links->is_set[from][to] &&
                ord_wire_overlay(wire, fault->id, from, to, change, err) !=
                    ORD_OK)
                return ord_wrap(err, "%s", fault->ops->name);
        }
    }
    if (ord_wire_commit(wire, err) != ORD_OK)
        return ord_wrap(err, "%s", fault->ops->name);
    return ORD_OK;
}

int ord_links_heal(struct ord_nemesis_env *env, struct ord_fault_state *state,
                   struct ord_err *err)
{
    struct ord_wire *wire = ord_cluster_wire(env->cluster);

    ord_wire_clear(wire, state->fault->id);
    if (ord_wire_commit(wire, err) != ORD_OK)
        return ord_wrap(err, "%s", state->fault->ops->name);
    return ORD_OK;
}

struct ord_link_counts ord_links_since(struct ord_nemesis_env *env,
                                       const struct ord_fault_state *state)
{
    struct ord_link_counts now = {0};
    const struct ord_link_counts *before = state->before;

    if (before == NULL || state->fault->links == NULL)
        return now;
    now = sum_counts(env, state->fault->links);
    now.passed -= before->passed;
    now.bytes -= before->bytes;
    now.cut -= before->cut;
    now.lost -= before->lost;
    now.over -= before->over;
    now.delayed -= before->delayed;
    now.duplicated -= before->duplicated;
    now.reordered -= before->reordered;
    now.corrupted -= before->corrupted;
    now.corrupted_silent -= before->corrupted_silent;
    return now;
}
