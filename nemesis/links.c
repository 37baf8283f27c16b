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
    LINKS_FROM_TO,
    LINKS_BETWEEN,
};

enum direction { WAY_BOTH, WAY_IN, WAY_OUT };

struct ends { /* `from` or `to` */
    bool clients, leader, random;
    uint64_t nodes;
};

struct choice { /* the parameters */
    enum which which;
    enum direction direction;
    struct ord_pick_nodes pick;
    struct ends from, to;
};

/* ---- reading ------------------------------------------------------------- */

static bool read_end(struct ord_bytes word, uint32_t node_count,
                     struct ends *out)
{
    struct ord_pick_nodes pick;
    struct ord_err ignored;
    char name[4];

    if (ord_bytes_is(word, "leader")) {
        out->leader = true;
    } else if (ord_bytes_is(word, "random")) {
        out->random = true;
    } else if (ord_bytes_is(word, "clients")) {
        out->clients = true;
    } else if (ord_bytes_is(word, "nodes") || ord_bytes_is(word, "all")) {
        out->clients = out->clients || ord_bytes_is(word, "all");
        out->nodes = ord_all_nodes(node_count);
    } else {
        if (word.size >= sizeof name)
            return false;
        memcpy(name, word.at, word.size);
        name[word.size] = '\0';
        if (ord_parse_nodes("", name, node_count, &pick, &ignored) != ORD_OK)
            return false;
        out->nodes |= pick.nodes;
    }
    return true;
}

static int read_ends(const char *name, const char *text, uint32_t node_count,
                     struct ends *out, struct ord_err *err)
{
    const char *at = text;
    bool is_right = true;

    *out = (struct ends){.nodes = 0};
    while (is_right && *at != '\0') {
        size_t size = strcspn(at, ", ");

        if (size > 0)
            is_right = read_end((struct ord_bytes){.at = at, .size = size},
                                node_count, out);
        at += size + (at[size] != '\0');
    }
    if (is_right &&
        (out->nodes != 0 || out->clients || out->leader || out->random))
        return ORD_OK;
    return ord_fail(err, ORD_EUSAGE,
                    "%s: %s: expected all, nodes, clients, leader, random, or "
                    "names out of n1 to n%u, separated by commas",
                    name, text, node_count);
}

static int read_choice(const struct ord_nemesis_ops *ops,
                       const struct ord_fault_param *params, uint32_t count,
                       uint32_t node_count, struct choice *out,
                       struct ord_err *err)
{
    static const char *const choices[] = {
        "all",     "nodes",           "clients",
        "node",    "leader-follower", "leader-followers",
        "from-to", "between",         NULL};
    static const char *const ways[] = {"both", "in", "out", NULL};
    uint32_t which;
    uint32_t way;

    if (ord_parse_choice("links", ord_fault_param(ops, params, count, "links"),
                         choices, &which, err) != ORD_OK ||
        ord_parse_choice("direction",
                         ord_fault_param(ops, params, count, "direction"), ways,
                         &way, err) != ORD_OK ||
        ord_parse_nodes("nodes", ord_fault_param(ops, params, count, "nodes"),
                        node_count, &out->pick, err) != ORD_OK ||
        read_ends("from", ord_fault_param(ops, params, count, "from"),
                  node_count, &out->from, err) != ORD_OK ||
        read_ends("to", ord_fault_param(ops, params, count, "to"), node_count,
                  &out->to, err) != ORD_OK)
        return err->rc;
    out->which = (enum which)which;
    out->direction = (enum direction)way;
    if (!ord_fault_has(params, count, "links") &&
        (ord_fault_has(params, count, "from") ||
         ord_fault_has(params, count, "to")))
        out->which = LINKS_FROM_TO;
    return ORD_OK;
}

static bool is_by_ends(enum which which)
{
    return which == LINKS_FROM_TO || which == LINKS_BETWEEN;
}

static bool is_end(const struct ends *ends, uint32_t port)
{
    return port == 0 ? ends->clients : ord_has_node(ends->nodes, port);
}

static bool is_chosen(const struct choice *choice, uint64_t nodes,
                      uint64_t followers, uint32_t from, uint32_t to)
{
    switch (choice->which) {
    case LINKS_ALL:
        return true;
    case LINKS_NODES:
        return from != 0 && to != 0;
    case LINKS_CLIENTS:
        return (from == 0 && choice->direction != WAY_OUT) ||
               (to == 0 && choice->direction != WAY_IN);
    case LINKS_NODE:
        return (ord_has_node(nodes, from) && choice->direction != WAY_IN) ||
               (ord_has_node(nodes, to) && choice->direction != WAY_OUT);
    case LINKS_LEADER_FOLLOWER:
    case LINKS_LEADER_FOLLOWERS:
        return ord_has_node(nodes, from) && ord_has_node(followers, to);
    case LINKS_FROM_TO:
        return is_end(&choice->from, from) && is_end(&choice->to, to);
    case LINKS_BETWEEN:
        return (is_end(&choice->from, from) && is_end(&choice->to, to)) ||
               (is_end(&choice->from, to) && is_end(&choice->to, from));
    }
    return false;
}

/* Are there links from the ones to the others at all? */
static bool has_links(const struct choice *choice, uint32_t node_count)
{
    if (choice->from.leader || choice->from.random || choice->to.leader ||
        choice->to.random)
        return true;
    for (uint32_t from = 0; from <= node_count; from++) {
        for (uint32_t to = 0; to <= node_count; to++) {
            if (from != to && is_chosen(choice, 0, 0, from, to))
                return true;
        }
    }
    return false;
}

static int check_ends(const struct choice *choice,
                      const struct ord_nemesis_entry *entry,
                      uint32_t node_count, struct ord_err *err)
{
    if (!is_by_ends(choice->which) &&
        (ord_fault_has(entry->params, entry->param_count, "from") ||
         ord_fault_has(entry->params, entry->param_count, "to")))
        return ord_fail(err, ORD_EUSAGE,
                        "from, to: expected only with links: from-to or "
                        "between");
    if (is_by_ends(choice->which) && !has_links(choice, node_count))
        return ord_fail(err, ORD_EUSAGE,
                        "from, to: expected two that differ: nobody has a "
                        "link to itself");
    if (choice->direction != WAY_BOTH && choice->which != LINKS_NODE &&
        choice->which != LINKS_CLIENTS)
        return ord_fail(err, ORD_EUSAGE,
                        "direction: expected only with links: node or "
                        "clients");
    return ORD_OK;
}

int ord_links_check(const struct ord_nemesis_ops *ops,
                    const struct ord_nemesis_entry *entry, uint32_t node_count,
                    struct ord_err *err)
{
    struct choice choice;
    enum which which;

    if (read_choice(ops, entry->params, entry->param_count, node_count, &choice,
                    err) != ORD_OK ||
        check_ends(&choice, entry, node_count, err) != ORD_OK)
        return err->rc;
    which = choice.which;
    if (ord_fault_has(entry->params, entry->param_count, "nodes") &&
        which != LINKS_NODE && which != LINKS_LEADER_FOLLOWER)
        return ord_fail(err, ORD_EUSAGE,
                        "nodes: expected only with links: node or "
                        "leader-follower");
    if (which == LINKS_LEADER_FOLLOWER && choice.pick.pick == ORD_PICK_LEADER)
        return ord_fail(err, ORD_EUSAGE,
                        "nodes: leader: expected the follower's name");
    if (node_count < 2 && which != LINKS_CLIENTS && which != LINKS_ALL &&
        which != LINKS_NODE && !is_by_ends(which))
        return ord_fail(err, ORD_EUSAGE,
                        "links: expected all, clients or node where there is "
                        "one node only");
    return ORD_OK;
}

bool ord_links_need_primary(const struct ord_fault *fault)
{
    static const char *const names[] = {"nodes", "from", "to"};
    const char *links =
        ord_fault_param(fault->ops, fault->params, fault->param_count, "links");

    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strstr(ord_fault_param(fault->ops, fault->params,
                                   fault->param_count, names[i]),
                   "leader") != NULL)
            return true;
    }
    return strncmp(links, "leader-", 7) == 0;
}

/* ---- resolving ----------------------------------------------------------- */

/* To whom the leader is slow: the named ones, else one by the seed. */
static uint64_t pick_followers(const struct ord_fault *fault,
                               const struct choice *choice, uint32_t node_count,
                               uint64_t leader)
{
    const struct ord_pick_nodes *pick = &choice->pick;
    uint64_t others = ord_all_nodes(node_count) & ~leader;
    uint32_t order[ORD_NODES_MAX];

    if (choice->which == LINKS_LEADER_FOLLOWERS)
        return others;
    if (pick->pick == ORD_PICK_NAMED && (pick->nodes & others) != 0)
        return pick->nodes & others;
    ord_fault_order(fault, node_count, order);
    return ord_one_node(ord_has_node(leader, order[0]) ? order[1] : order[0]);
}

/* Puts nodes in the place of words; a random one is nobody of `others`, if it
 * can be helped. */
static void resolve_ends(const struct ord_fault *fault, struct ends *ends,
                         const struct ends *others, uint32_t node_count,
                         uint64_t leader)
{
    uint32_t order[ORD_NODES_MAX];

    if (ends->leader)
        ends->nodes |= leader;
    if (!ends->random)
        return;
    ord_fault_order(fault, node_count, order);
    for (uint32_t i = 0; i < node_count; i++) {
        uint64_t one = ord_one_node(order[i]);

        if ((one & (ends->nodes | others->nodes)) == 0) {
            ends->nodes |= one;
            return;
        }
    }
    ends->nodes |= ord_one_node(order[0]);
}

static void say_ends(const struct ends *ends, uint32_t node_count,
                     struct ord_buf *text)
{
    const char *gap = ends->clients && ends->nodes != 0 ? " " : "";

    if (ends->clients && ends->nodes == ord_all_nodes(node_count)) {
        ord_buf_text(text, "all");
        return;
    }
    ord_buf_text(text, ends->clients ? "clients" : "");
    ord_buf_text(text, gap);
    if (ends->nodes == ord_all_nodes(node_count))
        ord_buf_text(text, "all nodes");
    else
        ord_print_nodes(ends->nodes, text);
    if (ends->leader && ends->nodes == 0)
        ord_buf_text(text, " the leader"); /* not known yet: planning */
}

static void say_leader(struct ord_buf *text, enum which which, uint64_t nodes,
                       uint64_t followers)
{
    ord_print_nodes(nodes, text);
    ord_buf_text(text, nodes == 0 ? "the leader" : "");
    if (which == LINKS_NODE)
        return;
    ord_buf_text(text, " to ");
    if (nodes != 0)
        ord_print_nodes(followers, text);
    else
        ord_buf_text(text, which == LINKS_LEADER_FOLLOWER ? "one follower"
                                                          : "its followers");
}

static void say(struct ord_fault *fault, const struct choice *choice,
                const char *how, uint64_t nodes, uint64_t followers,
                uint32_t node_count)
{
    static const char *const where[] = {
        [LINKS_ALL] = " on all links",
        [LINKS_NODES] = " between nodes",
        [LINKS_CLIENTS] = " between clients and nodes",
        [LINKS_NODE] = " on all links of ",
        [LINKS_LEADER_FOLLOWER] = " from ",
        [LINKS_LEADER_FOLLOWERS] = " from ",
        [LINKS_FROM_TO] = " from ",
        [LINKS_BETWEEN] = " between ",
    };
    static const char *const ways[] = {"", ", inwards", ", outwards"};
    struct ord_buf text;

    ord_buf_init(&text, 2048);
    ord_buf_text(&text, how);
    ord_buf_text(&text, where[choice->which]);
    if (choice->which == LINKS_NODE || choice->which == LINKS_LEADER_FOLLOWER ||
        choice->which == LINKS_LEADER_FOLLOWERS)
        say_leader(&text, choice->which, nodes, followers);
    if (is_by_ends(choice->which)) {
        say_ends(&choice->from, node_count, &text);
        ord_buf_text(&text, choice->which == LINKS_FROM_TO ? " to " : " and ");
        say_ends(&choice->to, node_count, &text);
    }
    ord_buf_text(&text, ways[choice->direction]);
    (void)snprintf(fault->what, sizeof fault->what, "%s", ord_buf_str(&text));
    ord_buf_fini(&text);
}

int ord_links_resolve(struct ord_fault *fault, uint32_t node_count,
                      uint32_t primary, const char *how, struct ord_err *err)
{
    struct choice choice;
    struct ord_pick_nodes leader = {.pick = ORD_PICK_LEADER};
    uint64_t nodes = ord_all_nodes(node_count);
    uint64_t lead = ord_pick_one(fault, &leader, node_count, primary);
    uint64_t followers = 0;

    ORD_ASSERT(fault->links != NULL);
    if (read_choice(fault->ops, fault->params, fault->param_count, node_count,
                    &choice, err) != ORD_OK)
        return err->rc;
    if (choice.which == LINKS_NODE)
        nodes = ord_pick_one(fault, &choice.pick, node_count, primary);
    if (choice.which == LINKS_LEADER_FOLLOWER ||
        choice.which == LINKS_LEADER_FOLLOWERS) {
        nodes = lead;
        followers = pick_followers(fault, &choice, node_count, nodes);
    }
    resolve_ends(fault, &choice.from, &choice.to, node_count, lead);
    resolve_ends(fault, &choice.to, &choice.from, node_count, lead);
    if (is_by_ends(choice.which))
        nodes = choice.from.nodes | choice.to.nodes;
    for (uint32_t from = 0; from <= node_count; from++) {
        for (uint32_t to = 0; to <= node_count; to++)
            fault->links->is_set[from][to] =
                from != to && is_chosen(&choice, nodes, followers, from, to);
    }
    fault->nodes = nodes | followers;
    say(fault, &choice, how, nodes, followers, node_count);
    return ORD_OK;
}

void ord_links_narrow(struct ord_fault *fault, uint64_t nodes)
{
    ORD_ASSERT(fault->links != NULL);
    for (uint32_t from = 0; from < ORD_PORTS_MAX; from++) {
        for (uint32_t to = 0; to < ORD_PORTS_MAX; to++) {
            if (!ord_has_node(nodes, from) && !ord_has_node(nodes, to))
                fault->links->is_set[from][to] = false;
        }
    }
    fault->nodes = nodes;
}

/* ---- on the wire --------------------------------------------------------- */

enum { COUNTERS = sizeof(struct ord_link_counts) / sizeof(uint64_t) };
_Static_assert(sizeof(struct ord_link_counts) == COUNTERS * sizeof(uint64_t),
               "nothing but counters, so they can be summed as such");

/* sum += factor * one, counter by counter. */
static void add_counts(struct ord_link_counts *sum,
                       const struct ord_link_counts *one, uint64_t factor)
{
    uint64_t to[COUNTERS];
    uint64_t from[COUNTERS];

    memcpy(to, sum, sizeof to);
    memcpy(from, one, sizeof from);
    for (uint32_t i = 0; i < COUNTERS; i++)
        to[i] += factor * from[i];
    memcpy(sum, to, sizeof to);
}

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
            add_counts(&sum, &one, 1);
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
    add_counts(&now, before, UINT64_MAX); /* minus, modulo 2^64 */
    return now;
}
