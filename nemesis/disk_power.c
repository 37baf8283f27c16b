/* disk_power.c -- disk: the power goes; see disk.c. */
#include "harness/base/rng.h"
#include "harness/control/cluster.h"
#include "nemesis/disk_int.h"
#include "nemesis/params.h"

struct cut {
    uint64_t ran;   /* nodes that it killed */
    uint64_t nodes; /* nodes whose disk was cut */
    bool is_ext4;
    struct ord_disk_loss loss[ORD_PORTS_MAX]; /* by node */
};

static struct ord_disk_cut how(const struct ord_fault *fault,
                               const struct disk_fault *disk, uint32_t node)
{
    return (struct ord_disk_cut){
        .keep_ppm = disk->keep_ppm,
        .torn = (enum ord_disk_torn)disk->torn,
        .seed = ord_hash(fault->seed, node, 1),
    };
}

static int power_inject(struct ord_nemesis_env *env,
                        struct ord_fault_state *state,
                        const struct disk_fault *disk, struct ord_err *err)
{
    const struct ord_fault *fault = state->fault;
    struct cut *cut = ord_arena_zalloc(state->arena, 1, sizeof *cut);

    if (cut == NULL)
        return ord_fail(err, ORD_ENOMEM, "power-cut: no memory");
    state->before = cut;
    cut->is_ext4 = disk->backend == ORD_DISK_BY_EXT4;
    if (ord_env_claim(env, fault->id, true, fault->nodes, &cut->ran, err) !=
        ORD_OK)
        return ord_wrap(err, "power-cut");
    for (uint32_t node = 1; node <= env->node_count; node++) {
        const struct ord_disk_cut one = how(fault, disk, node);
        struct ord_disk *under;

        if (!ord_has_node(fault->nodes, node))
            continue;
        under = ord_node_disk(env->cluster, node);
        if (under == NULL)
            return ord_fail(err, ORD_EUSAGE,
                            "power-cut: the nodes have no disk of ours");
        if (ord_disk_power_cut(under, &one, &cut->loss[node], err) != ORD_OK ||
            ord_node_forget_shm(env->cluster, node, err) != ORD_OK)
            return ord_wrap(err, "n%u", node);
        cut->nodes |= ord_one_node(node);
    }
    return ORD_OK;
}

static void tell(const struct ord_disk_loss *loss, bool is_ext4,
                 struct ord_buf *out)
{
    if (loss->changes == 0 && loss->torn_at == 0) {
        ord_buf_text(out, loss->kept > 0
                              ? "all that was not synced survived"
                              : "all was synced, nothing was there to lose");
        return;
    }
    ord_buf_printf(out, "%llu changes undone",
                   (unsigned long long)loss->changes);
    if (loss->writes > 0)
        ord_buf_printf(out, ", %llu of them %s of %llu bytes (%s)",
                       (unsigned long long)loss->writes,
                       is_ext4 ? "pages" : "writes",
                       (unsigned long long)loss->bytes, loss->what);
    if (loss->names > 0)
        ord_buf_printf(out, ", %llu of names", (unsigned long long)loss->names);
    if (loss->kept > 0)
        ord_buf_printf(out, ", %llu unsynced ones survived",
                       (unsigned long long)loss->kept);
    if (loss->torn_at > 0)
        ord_buf_printf(out, ", %s torn at byte %llu", loss->torn,
                       (unsigned long long)loss->torn_at);
}

static int power_took_hold(struct ord_nemesis_env *env,
                           struct ord_fault_state *state, bool *held,
                           struct ord_buf *evidence, struct ord_err *err)
{
    const struct cut *cut = state->before;
    const char *comma = "";

    (void)err;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        const struct ord_disk_loss *loss = &cut->loss[node];

        if (!ord_has_node(cut->nodes, node))
            continue;
        *held = *held || loss->changes > 0 || loss->torn_at > 0;
        ord_buf_printf(evidence, "%sn%u: %s", comma, node,
                       ord_has_node(cut->ran, node) ? "" : "was down; ");
        tell(loss, cut->is_ext4, evidence);
        comma = "; ";
    }
    return ORD_OK;
}

const struct disk_kind_ops ord_disk_power_ops = {
    .needs_disk = true,
    .kills = true,
    .inject = power_inject,
    .heal = ord_disk_restart,
    .took_hold = power_took_hold,
};
