#include "nemesis/who.h"

#include <string.h>

enum who { ONE, MINORITY, MAJORITY, ALL, LEADER, ROLLING, NAMED, THAT };

static const char *const words[] = {"one", "minority", "majority",
                                    "all", "leader",   "rolling"};
_Static_assert(sizeof words / sizeof *words == NAMED, "every word is here");

static const char *text_of(const struct ord_nemesis_ops *ops,
                           const struct ord_fault_param *params, uint32_t count)
{
    return ord_fault_param(ops, params, count, "who");
}

static int read_who(const char *text, uint32_t node_count, enum who *who,
                    uint64_t *named, struct ord_err *err)
{
    struct ord_pick_nodes pick;

    *named = 0;
    for (uint32_t i = 0; i < NAMED; i++) {
        if (strcmp(text, words[i]) == 0) {
            *who = (enum who)i;
            return ORD_OK;
        }
    }
    if (ord_parse_nodes("who", text, node_count, &pick, err) != ORD_OK ||
        (pick.pick != ORD_PICK_NAMED && pick.pick != ORD_PICK_THAT))
        return ord_fail(err, ORD_EUSAGE,
                        "who: %s: expected one, minority, majority, all, "
                        "leader, rolling, that node, or names out of n1 to "
                        "n%u",
                        text, node_count);
    *who = pick.pick == ORD_PICK_THAT ? THAT : NAMED;
    *named = pick.nodes;
    return ORD_OK;
}

int ord_who_check(const struct ord_nemesis_entry *entry, uint32_t node_count,
                  struct ord_err *err)
{
    const char *text = text_of(ord_nemesis_find(entry->fault), entry->params,
                               entry->param_count);
    uint64_t named;
    enum who who;

    if (read_who(text, node_count, &who, &named, err) != ORD_OK)
        return err->rc;
    if (who == MINORITY && node_count < 3)
        return ord_fail(err, ORD_EUSAGE,
                        "who: minority: expected 3 nodes or more, to have one");
    if (who == ROLLING && entry->for_low_ns < 2 * (int64_t)node_count)
        return ord_fail(err, ORD_EUSAGE,
                        "who: rolling: needs `for`, to be shared by the nodes");
    return ORD_OK;
}

int ord_who_plan(const struct ord_nemesis_entry *entry,
                 const struct ord_occasion *when, const struct ord_plan_in *in,
                 struct ord_fault_plan *out, struct ord_err *err)
{
    const char *text = text_of(ord_nemesis_find(entry->fault), entry->params,
                               entry->param_count);
    int64_t share_ns = when->duration_ns / in->node_count;

    if (strcmp(text, "rolling") != 0)
        return ord_plan_add(out, entry, when, in, err) == NULL ? err->rc
                                                               : ORD_OK;
    for (uint32_t i = 0; i < in->node_count; i++) {
        struct ord_occasion part = *when;
        struct ord_fault *fault;

        part.at_ns += share_ns * i;
        part.duration_ns = share_ns / 2;
        if (entry->trigger == ORD_AT_TIME && part.at_ns >= in->time_ns)
            break;
        fault = ord_plan_add(out, entry, &part, in, err);
        if (fault == NULL)
            return err->rc;
        fault->part = i;
        fault->part_count = in->node_count;
    }
    return ORD_OK;
}

bool ord_who_needs_primary(const struct ord_fault *fault)
{
    return strcmp(text_of(fault->ops, fault->params, fault->param_count),
                  "leader") == 0;
}

int ord_who_resolve(struct ord_fault *fault, uint32_t node_count,
                    uint32_t primary, struct ord_err *err)
{
    struct ord_pick_nodes leader = {.pick = ORD_PICK_LEADER};
    const char *text = text_of(fault->ops, fault->params, fault->param_count);
    uint32_t order[ORD_NODES_MAX];
    uint32_t count = 1;
    enum who who;

    if (read_who(text, node_count, &who, &fault->nodes, err) != ORD_OK)
        return err->rc;
    ord_fault_order(fault, node_count, order);
    if (who == LEADER)
        fault->nodes = ord_pick_one(fault, &leader, node_count, primary);
    if (who == THAT && fault->that_node != 0)
        fault->nodes = ord_one_node(fault->that_node);
    if (who == ROLLING)
        fault->nodes = ord_one_node(order[fault->part % node_count]);
    if (who == MINORITY)
        count = (node_count - 1) / 2;
    if (who == MAJORITY)
        count = node_count / 2 + 1;
    if (who == ALL)
        count = node_count;
    if (who == ONE || who == MINORITY || who == MAJORITY || who == ALL) {
        for (uint32_t i = 0; i < count; i++)
            fault->nodes |= ord_one_node(order[i]);
    }
    ord_fault_say(fault, "", fault->nodes, "");
    return ORD_OK;
}
