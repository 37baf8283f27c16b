/* partition.c -- cut links, so that some cannot hear others.
 *
 * Inject: frames of the cut links are dropped, also those already under way;
 * nobody is told (no reset): a connection just stalls.  Heal: the cuts of this
 * fault are taken away.  Took hold: frames were dropped on its links.
 * Models: a broken switch, a routing error, a pulled cable, one-way fibre.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nemesis/links.h"
#include "nemesis/registry.h"
#include "nemesis/swizzle.h"

enum shape {
    ISOLATE_ONE,
    ISOLATE_LEADER,
    HALVES,
    RANDOM_HALVES,
    BRIDGE,
    MAJORITIES_RING,
    ONE_WAY,
    CLIENTS,
    SWIZZLE,
};

static const char *const shapes[] = {
    "isolate-one",     "isolate-leader", "halves",  "random-halves", "bridge",
    "majorities-ring", "one-way",        "clients", "swizzle",       NULL};

enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes - 1 };
_Static_assert(SHAPE_COUNT == SWIZZLE + 1, "every shape has its name");

/* What each shape understands beside itself, and how many nodes it takes. */
static const struct {
    bool nodes, leader, direction, clients;
    uint32_t nodes_min;
} rules[] = {
    [ISOLATE_ONE] = {.nodes = true, .leader = true, .clients = true, 2},
    [ISOLATE_LEADER] = {.clients = true, .nodes_min = 2},
    [HALVES] = {.nodes = true, .clients = true, .nodes_min = 2},
    [RANDOM_HALVES] = {.clients = true, .nodes_min = 2},
    [BRIDGE] = {.nodes = true, .leader = true, .nodes_min = 3},
    [MAJORITIES_RING] = {.nodes_min = 3},
    [ONE_WAY] = {true, true, true, true, 2},
    [CLIENTS] = {.nodes = true, .leader = true, .nodes_min = 1},
    [SWIZZLE] = {.clients = true, .nodes_min = 2},
};
_Static_assert(sizeof rules / sizeof *rules == SHAPE_COUNT, "and its rule");

enum direction { WAY_RANDOM, WAY_IN, WAY_OUT };

struct cut { /* the parameters */
    enum shape shape;
    struct ord_pick_nodes pick;
    enum direction direction;
    bool cut_clients;
};

static int read_cut(const struct ord_fault_param *params, uint32_t count,
                    uint32_t node_count, struct cut *out, struct ord_err *err)
{
    static const char *const directions[] = {"random", "in", "out", NULL};
    static const char *const clients[] = {"keep", "cut", NULL};
    const struct ord_nemesis_ops *ops = &ord_nemesis_partition;
    uint32_t shape, direction, cut_clients;

    if (ord_parse_choice("shape", ord_fault_param(ops, params, count, "shape"),
                         shapes, &shape, err) != ORD_OK ||
        ord_parse_choice("direction",
                         ord_fault_param(ops, params, count, "direction"),
                         directions, &direction, err) != ORD_OK ||
        ord_parse_choice("clients",
                         ord_fault_param(ops, params, count, "clients"),
                         clients, &cut_clients, err) != ORD_OK ||
        ord_parse_nodes("nodes", ord_fault_param(ops, params, count, "nodes"),
                        node_count, &out->pick, err) != ORD_OK)
        return err->rc;
    out->shape = (enum shape)shape;
    out->direction = (enum direction)direction;
    out->cut_clients = cut_clients != 0;
    return ORD_OK;
}

static int partition_check(const struct ord_nemesis_entry *entry,
                           uint32_t node_count, struct ord_err *err)
{
    struct cut cut;
    const char *name;
    bool has_nodes = ord_fault_has(entry->params, entry->param_count, "nodes");

    if (read_cut(entry->params, entry->param_count, node_count, &cut, err) !=
        ORD_OK)
        return err->rc;
    name = shapes[cut.shape];
    if (node_count < rules[cut.shape].nodes_min)
        return ord_fail(err, ORD_EUSAGE,
                        "shape: %s: expected a cluster of %u nodes or more",
                        name, rules[cut.shape].nodes_min);
    if (has_nodes && !rules[cut.shape].nodes)
        return ord_fail(err, ORD_EUSAGE, "nodes: not with shape: %s", name);
    if (cut.pick.pick == ORD_PICK_LEADER && !rules[cut.shape].leader)
        return ord_fail(err, ORD_EUSAGE,
                        "nodes: leader: expected names with shape: %s", name);
    if (cut.pick.pick == ORD_PICK_NAMED && cut.shape != CLIENTS &&
        cut.pick.nodes == ord_all_nodes(node_count))
        return ord_fail(err, ORD_EUSAGE,
                        "nodes: expected some of the nodes, not all");
    if (cut.pick.pick == ORD_PICK_NAMED && cut.shape == BRIDGE &&
        (cut.pick.nodes & (cut.pick.nodes - 1)) != 0)
        return ord_fail(err, ORD_EUSAGE, "nodes: expected one with bridge");
    if (cut.direction != WAY_RANDOM && !rules[cut.shape].direction)
        return ord_fail(err, ORD_EUSAGE,
                        "direction: expected only with shape: one-way");
    if (cut.cut_clients && !rules[cut.shape].clients)
        return ord_fail(err, ORD_EUSAGE,
                        "clients: cut: shape %s has no side to be cut off",
                        name);
    if (cut.shape == SWIZZLE && entry->for_low_ns == 0)
        return ord_fail(err, ORD_EUSAGE, "shape: swizzle: needs `for`");
    return ORD_OK;
}

static bool partition_needs_primary(const struct ord_fault *fault)
{
    const struct ord_nemesis_ops *ops = fault->ops;

    return strcmp(
               ord_fault_param(ops, fault->params, fault->param_count, "shape"),
               "isolate-leader") == 0 ||
           strcmp(
               ord_fault_param(ops, fault->params, fault->param_count, "nodes"),
               "leader") == 0;
}

static int partition_plan(const struct ord_nemesis_entry *entry,
                          const struct ord_occasion *when,
                          const struct ord_plan_in *in,
                          struct ord_fault_plan *out, struct ord_err *err)
{
    if (strcmp(ord_fault_param(&ord_nemesis_partition, entry->params,
                               entry->param_count, "shape"),
               "swizzle") == 0)
        return ord_swizzle_plan(entry, when, in, out, err);
    return ord_plan_add(out, entry, when, in, err) == NULL ? err->rc : ORD_OK;
}

/* ---- which links --------------------------------------------------------- */

static void cut_one_way(struct ord_link_set *links, uint64_t from, uint64_t to)
{
    for (uint32_t a = 1; a <= ORD_NODES_MAX; a++) {
        for (uint32_t b = 1; b <= ORD_NODES_MAX; b++) {
            if (a != b && ord_has_node(from, a) && ord_has_node(to, b))
                links->is_set[a][b] = true;
        }
    }
}

static void cut_clients_off(struct ord_link_set *links, uint64_t nodes, bool in,
                            bool out)
{
    for (uint32_t node = 1; node <= ORD_NODES_MAX; node++) {
        if (!ord_has_node(nodes, node))
            continue;
        links->is_set[0][node] = links->is_set[0][node] || in;
        links->is_set[node][0] = links->is_set[node][0] || out;
    }
}

static void cut_apart(struct ord_link_set *links, uint64_t a, uint64_t b)
{
    cut_one_way(links, a, b);
    cut_one_way(links, b, a);
}

/* The first `count` nodes of the order, without those of `except`. */
static uint64_t first_of(const uint32_t *order, uint32_t node_count,
                         uint64_t except, uint32_t count)
{
    uint64_t nodes = 0;

    for (uint32_t i = 0; i < node_count && count > 0; i++) {
        if (ord_has_node(except, order[i]))
            continue;
        nodes |= ord_one_node(order[i]);
        count--;
    }
    return nodes;
}

static void say_sides(struct ord_fault *fault, uint64_t a, uint64_t b,
                      uint64_t bridge)
{
    struct ord_buf text;

    ord_buf_init(&text, 1024);
    ord_print_nodes(a, &text);
    ord_buf_text(&text, " | ");
    ord_print_nodes(b, &text);
    if (bridge != 0) {
        ord_buf_text(&text, ", joined by ");
        ord_print_nodes(bridge, &text);
    }
    (void)snprintf(fault->what, sizeof fault->what, "%s", ord_buf_str(&text));
    ord_buf_fini(&text);
}

/* Every node hears just a majority, itself included, and no two the same one:
 * its neighbours in a random ring, one more after it than before it where they
 * are odd.  So with three nodes each hears one other, one way. */
static void cut_ring(struct ord_fault *fault, const uint32_t *order,
                     uint32_t node_count)
{
    uint32_t others = node_count / 2; /* of a majority */
    uint32_t before = others / 2;
    uint32_t after = others - before;

    for (uint32_t i = 0; i < node_count; i++) {
        for (uint32_t k = 1; k < node_count; k++) { /* k places further on */
            if (k <= after || node_count - k <= before)
                continue;
            fault->links->is_set[order[(i + k) % node_count]][order[i]] = true;
        }
    }
    fault->nodes = ord_all_nodes(node_count);
    (void)snprintf(fault->what, sizeof fault->what,
                   "ring: every node hears another majority");
}

static void cut_bridge(struct ord_fault *fault, const struct cut *cut,
                       const uint32_t *order, uint32_t node_count,
                       uint32_t primary)
{
    uint64_t bridge = ord_pick_one(fault, &cut->pick, node_count, primary);
    uint64_t a = first_of(order, node_count, bridge, (node_count - 1) / 2);
    uint64_t b = ord_all_nodes(node_count) & ~a & ~bridge;

    if (bridge == 0) {
        ord_fault_say(fault, "halves joined by ", 0, "");
        return;
    }
    cut_apart(fault->links, a, b);
    fault->nodes = bridge;
    say_sides(fault, a, b, bridge);
}

static void cut_one_way_off(struct ord_fault *fault, const struct cut *cut,
                            uint64_t victim, uint64_t rest)
{
    bool is_in = cut->direction == WAY_IN;

    if (cut->direction == WAY_RANDOM)
        is_in = (ord_hash(fault->seed, 1, 0) & 1) != 0;
    if (is_in)
        cut_one_way(fault->links, rest, victim);
    else
        cut_one_way(fault->links, victim, rest);
    if (cut->cut_clients)
        cut_clients_off(fault->links, victim, is_in, !is_in);
    ord_fault_say(fault, "one way: ", victim,
                  is_in ? " hears nobody" : " is heard by nobody");
}

/* One side against the rest; which side, by the shape. */
static void cut_side(struct ord_fault *fault, const struct cut *cut,
                     const uint32_t *order, uint32_t node_count,
                     uint32_t primary)
{
    struct ord_pick_nodes leader = {.pick = ORD_PICK_LEADER};
    uint64_t all = ord_all_nodes(node_count);
    uint64_t side = ord_pick_one(fault, &cut->pick, node_count, primary);

    if (cut->shape == ISOLATE_LEADER)
        side = ord_pick_one(fault, &leader, node_count, primary);
    if (cut->shape == HALVES && cut->pick.pick != ORD_PICK_NAMED)
        side = ord_all_nodes(node_count / 2);
    if (cut->shape == RANDOM_HALVES)
        side = first_of(order, node_count, 0, node_count / 2);
    if (cut->shape == SWIZZLE)
        side = ord_swizzle_node(fault, node_count);
    fault->nodes = side;
    if (cut->shape == CLIENTS) {
        cut_clients_off(fault->links, side, true, true);
        ord_fault_say(fault, "clients cut from ", side, "");
        return;
    }
    if (cut->shape == ONE_WAY) {
        cut_one_way_off(fault, cut, side, all & ~side);
        return;
    }
    cut_apart(fault->links, side, all & ~side);
    if (cut->cut_clients)
        cut_clients_off(fault->links, side, true, true);
    if (cut->shape == HALVES || cut->shape == RANDOM_HALVES)
        say_sides(fault, side, all & ~side, 0);
    else
        ord_fault_say(fault, "isolate ", side,
                      cut->cut_clients ? ", also from clients" : "");
}

static int partition_resolve(struct ord_fault *fault, uint32_t node_count,
                             uint32_t primary, struct ord_err *err)
{
    uint32_t order[ORD_NODES_MAX];
    struct cut cut;

    ORD_ASSERT(fault->links != NULL);
    if (read_cut(fault->params, fault->param_count, node_count, &cut, err) !=
        ORD_OK)
        return err->rc;
    ord_fault_order(fault, node_count, order);
    if (cut.shape == MAJORITIES_RING)
        cut_ring(fault, order, node_count);
    else if (cut.shape == BRIDGE)
        cut_bridge(fault, &cut, order, node_count, primary);
    else
        cut_side(fault, &cut, order, node_count, primary);
    return ORD_OK;
}

/* ---- in force ------------------------------------------------------------ */

static int partition_inject(struct ord_nemesis_env *env,
                            struct ord_fault_state *state, struct ord_err *err)
{
    struct ord_link down = ord_link_plain();

    down.up = false;
    return ord_links_inject(env, state, &down, err);
}

static int partition_took_hold(struct ord_nemesis_env *env,
                               struct ord_fault_state *state, bool *held,
                               struct ord_buf *evidence, struct ord_err *err)
{
    struct ord_link_counts since = ord_links_since(env, state);

    (void)err;
    *held = since.cut > 0;
    if (*held)
        ord_buf_printf(evidence, "%" PRIu64 " frames dropped on the cut links",
                       since.cut);
    else
        ord_buf_text(evidence, "no packet tried to cross the cut links");
    return ORD_OK;
}

static const struct ord_fault_spec partition_params[] = {
    {"shape", "random-halves",
     "isolate-one | isolate-leader | halves (n1 .. against the rest) | "
     "random-halves | bridge | majorities-ring | one-way | clients (cut off "
     "from a node) | swizzle (cut one by one, heal in another order)"},
    {"nodes", "random",
     "whom: random, leader, or names as n1,n3; the isolated side, the bridge"},
    {"direction", "random",
     "one-way: in (the node hears nobody) | out (nobody hears it) | random"},
    {"clients", "keep",
     "keep | cut: does the isolated (smaller) side lose its clients too?"},
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_partition = {
    .name = "partition",
    .about = "cuts links: a broken switch, a wrong route, one-way fibre",
    .params = partition_params,
    .check = partition_check,
    .plan = partition_plan,
    .needs_primary = partition_needs_primary,
    .resolve = partition_resolve,
    .is_about_links = true,
    .inject = partition_inject,
    .heal = ord_links_heal,
    .took_hold = partition_took_hold,
};
