/* disk_rules.c -- disk: full, eio, lying-fsync, slow; see disk.c. */
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/rng.h"
#include "harness/control/cluster.h"
#include "nemesis/disk_int.h"
#include "nemesis/params.h"

static struct ord_disk_rule rule_of(const struct ord_fault *fault,
                                    const struct disk_fault *disk,
                                    uint32_t node)
{
    static const enum ord_disk_deed deeds[DISK_KINDS] = {
        [DISK_FULL] = ORD_DISK_FULL,
        [DISK_EIO] = ORD_DISK_EIO,
        [DISK_LYING_FSYNC] = ORD_DISK_LIE,
        [DISK_SLOW] = ORD_DISK_SLOW,
    };
    struct ord_disk_rule rule = {
        .deed = deeds[disk->kind],
        .ops = disk->ops,
        .ppm = disk->ppm,
        .delay_ns = disk->delay_us * ORD_US,
        .room = disk->room,
        .seed = ord_hash(fault->seed, node, 2),
    };

    if (disk->kind == DISK_FULL)
        rule.ops = 1U << ORD_DISK_WRITE;
    if (disk->kind == DISK_LYING_FSYNC)
        rule.ops = 1U << ORD_DISK_FSYNC;
    if (strcmp(disk->files, "*") != 0)
        (void)snprintf(rule.files, sizeof rule.files, "%s", disk->files);
    return rule;
}

static int rule_inject(struct ord_nemesis_env *env,
                       struct ord_fault_state *state,
                       const struct disk_fault *disk, struct ord_err *err)
{
    const struct ord_fault *fault = state->fault;
    uint64_t *ruled = ord_arena_zalloc(state->arena, 1, sizeof *ruled);

    if (ruled == NULL)
        return ord_fail(err, ORD_ENOMEM, "disk: no memory");
    state->before = ruled;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        const struct ord_disk_rule rule = rule_of(fault, disk, node);
        struct ord_disk *under;

        if (!ord_has_node(fault->nodes, node))
            continue;
        under = ord_node_disk(env->cluster, node);
        if (under == NULL)
            return ord_fail(err, ORD_EUSAGE,
                            "disk: the nodes have no disk of ours");
        /* What the kernel has in its cache would never ask the disk.  Before
         * the rule is in force: it waits for reads that are on their way. */
        if ((rule.ops & 1U << ORD_DISK_READ) != 0 &&
            ord_disk_drop_caches(under, err) != ORD_OK)
            return ord_wrap(err, "n%u", node);
        if (ord_disk_rule_set(under, fault->id, &rule, err) != ORD_OK)
            return ord_wrap(err, "n%u", node);
        /* And once more what was read meanwhile; reads that fail do not keep
         * us waiting. */
        if ((rule.ops & 1U << ORD_DISK_READ) != 0 &&
            rule.deed == ORD_DISK_EIO &&
            ord_disk_drop_caches(under, err) != ORD_OK)
            return ord_wrap(err, "n%u", node);
        *ruled |= ord_one_node(node);
    }
    return ORD_OK;
}

static int rule_heal(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     struct ord_err *err)
{
    (void)err;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_disk *under =
            env->cluster != NULL && ord_has_node(state->fault->nodes, node)
                ? ord_node_disk(env->cluster, node)
                : NULL;

        if (under != NULL)
            ord_disk_rule_clear(under, state->fault->id);
    }
    return ORD_OK;
}

static void tell(const struct ord_disk_slot *slot, struct ord_buf *out)
{
    unsigned long long calls = atomic_load(&slot->calls);
    unsigned long long struck = atomic_load(&slot->struck);
    double waited_ms = (double)atomic_load(&slot->waited_ns) / ORD_MS;

    switch ((enum ord_disk_deed)slot->rule.deed) {
    case ORD_DISK_EIO:
        ord_buf_printf(out, "%llu of %llu calls got EIO", struck, calls);
        break;
    case ORD_DISK_SLOW:
        ord_buf_printf(out, "%llu of %llu calls waited %.1f ms each", struck,
                       calls, struck > 0 ? waited_ms / (double)struck : 0);
        break;
    case ORD_DISK_FULL:
        ord_buf_printf(out,
                       "%llu of %llu writes that needed more space got ENOSPC",
                       struck, calls);
        break;
    case ORD_DISK_LIE:
        ord_buf_printf(out,
                       "%llu of %llu fsyncs said ok and made nothing durable",
                       struck, calls);
        break;
    }
}

static int rule_took_hold(struct ord_nemesis_env *env,
                          struct ord_fault_state *state, bool *held,
                          struct ord_buf *evidence, struct ord_err *err)
{
    const uint64_t *ruled = state->before;
    const char *comma = "";

    (void)err;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        const struct ord_disk_slot *slot;

        if (!ord_has_node(*ruled, node))
            continue;
        slot = ord_disk_rule_find(ord_node_disk(env->cluster, node),
                                  state->fault->id);
        if (slot == NULL)
            continue;
        *held = *held || atomic_load(&slot->struck) > 0;
        ord_buf_printf(evidence, "%sn%u: ", comma, node);
        tell(slot, evidence);
        comma = "; ";
    }
    return ORD_OK;
}

const struct disk_kind_ops ord_disk_rule_ops = {
    .needs_disk = true,
    .inject = rule_inject,
    .heal = rule_heal,
    .took_hold = rule_took_hold,
};
