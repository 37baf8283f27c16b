/* long_fork.c -- keys in groups, each written once, and whole groups read.
 *
 * Two who read a group while it is written may see some of its writes and not
 * others; but never one of them this one and not that, and the other that one
 * and not this (Jepsen's tests/long_fork.clj).
 *
 * A worker writes once in a block of `reads` + 1 operations, and all of a group
 * in the same beat; who does not write then reads what is written in this beat
 * or was in the last one, mostly, and else another group of the block.  A read
 * is a transaction [["r", key, nil] ..], of the keys in random order.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

enum {
    GROUP_MAX = 16, /* lists of three, and the list of them: 4 items a key */
    NEAR_IN_FOUR = 3,
};
_Static_assert(GROUP_MAX * 4 <= ORD_GEN_ITEMS_MAX, "a read has room");

struct forks {
    uint64_t seed;
    uint32_t worker_count;
    uint32_t group_size;
    uint32_t block_beats;
};

static uint64_t group_of(const struct forks *forks, uint64_t key)
{
    return key / forks->group_size;
}

/* In which beat of its block a group is written. */
static uint64_t beat_of(const struct forks *forks, uint64_t group)
{
    return ord_hash(forks->seed, group, 1) % forks->block_beats;
}

/* The worker's own key of a block. */
static uint64_t key_of(const struct forks *forks, uint64_t block,
                       uint32_t worker)
{
    uint64_t turn = ord_hash(forks->seed, block, 0);

    return block * forks->worker_count +
           (turn % forks->worker_count + worker) % forks->worker_count;
}

static uint64_t pick_group(const struct forks *forks,
                           const struct ord_gen_draw *draw)
{
    uint64_t block = draw->number / forks->block_beats;
    uint64_t beat = draw->number % forks->block_beats;
    uint64_t first = group_of(forks, block * forks->worker_count);
    uint64_t last = group_of(forks, (block + 1) * forks->worker_count - 1);
    uint64_t count = last - first + 1;
    uint64_t at = ord_rng_below(draw->rng, count);
    bool is_near = ord_rng_below(draw->rng, 4) < NEAR_IN_FOUR;

    for (uint64_t i = 0; is_near && i < count; i++) {
        uint64_t group = first + (at + i) % count;
        uint64_t written = beat_of(forks, group);

        if (written == beat || written + 1 == beat)
            return group;
    }
    return first + at;
}

static void make_read(const struct forks *forks,
                      const struct ord_gen_draw *draw, struct ord_op *op)
{
    uint64_t first = pick_group(forks, draw) * forks->group_size;
    struct ord_value *parts = draw->items + forks->group_size;

    for (uint32_t i = 0; i < forks->group_size; i++) {
        /* Inside out: key i changes places with one before it. */
        uint64_t to = ord_rng_below(draw->rng, i + 1);

        parts[3 * i + 1] = parts[3 * to + 1];
        parts[3 * to + 1] = ord_value_int((int64_t)(first + i));
    }
    for (uint32_t i = 0; i < forks->group_size; i++) {
        parts[3 * i] = (struct ord_value){
            .kind = ORD_TEXT, .count = 1, .as = {.text = "r"}};
        parts[3 * i + 2] = ord_value_nil();
        draw->items[i] = ord_value_list(&parts[3 * i], 3);
    }
    op->f = ORD_F_TXN;
    op->value = ord_value_list(draw->items, forks->group_size);
}

static void make_long_fork_op(const void *ctx, const struct ord_gen_draw *draw,
                              struct ord_op *op)
{
    const struct forks *forks = ctx;
    uint64_t block = draw->number / forks->block_beats;
    uint64_t key = key_of(forks, block, draw->worker);

    if (beat_of(forks, group_of(forks, key)) !=
        draw->number % forks->block_beats) {
        make_read(forks, draw, op);
        return;
    }
    op->f = ORD_F_WRITE;
    op->key = ord_value_int((int64_t)key);
    op->value = ord_value_int(
        ord_unique_value(forks->worker_count, draw->worker, draw->number));
}

static const struct ord_param_spec long_fork_params[] = {
    {"group", "2", "keys in a group, 2 to 16"},
    {"reads", "3", "reads of a worker for each write, 0 to 1000"},
    {"spread", "50%",
     "how far apart the operations of a beat begin, as a share of the time "
     "between two of a worker (clients / rate), 0 to 1 or percent"},
    {"final_keys", "200", "how many keys, the newest, are read in the end"},
    {NULL, NULL, NULL},
};

/* How many keys have been begun, by what each worker has done. */
static uint64_t keys_begun(const struct forks *forks,
                           const struct ord_workload_in *in)
{
    uint64_t done_max = 0;

    for (uint32_t i = 0; in->done != NULL && i < forks->worker_count; i++) {
        if (in->done[i] > done_max)
            done_max = in->done[i];
    }
    if (done_max > 0)
        done_max--;
    return (done_max / forks->block_beats + 1) * forks->worker_count;
}

static int long_fork_build(const struct ord_workload_in *in,
                           struct ord_workload *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_long_fork;
    struct forks *forks = ord_arena_zalloc(in->shape.arena, 1, sizeof *forks);
    uint32_t reads, spread_ppm, final_keys;
    uint64_t keys;

    if (forks == NULL)
        return ord_fail(err, ORD_ENOMEM, "long-fork: no memory");
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, "group", 2, GROUP_MAX, &forks->group_size,
                        err) != ORD_OK ||
        ord_param_count(ops, in, "reads", 0, 1000, &reads, err) != ORD_OK ||
        ord_param_share(ops, in, "spread", &spread_ppm, err) != ORD_OK ||
        ord_param_count(ops, in, "final_keys", 1, 10000, &final_keys, err) !=
            ORD_OK)
        return err->rc;
    forks->seed = ord_rng_stream(in->shape.seed, "long-fork", 0).state;
    forks->worker_count = in->shape.worker_count;
    forks->block_beats = reads + 1;
    keys = keys_begun(forks, in);
    if (keys < final_keys)
        final_keys = (uint32_t)keys;
    *out = (struct ord_workload){
        .main = ord_gen_paced_in_step(
            in, ord_gen_ops(&in->shape, make_long_fork_op, forks), spread_ppm),
        .final = ord_gen_final_reads(&in->shape, (int64_t)(keys - final_keys),
                                     final_keys),
        .checkers = {"long-fork", "convergence", "stats"},
    };
    if (out->main == NULL || out->final == NULL)
        return ord_fail(err, ORD_ENOMEM, "long-fork: no memory");
    return ORD_OK;
}

const struct ord_workload_ops ord_workload_long_fork = {
    .name = "long-fork",
    .about = "keys written once, read in groups; do two readers disagree on "
             "the order?",
    .params = long_fork_params,
    .build = long_fork_build,
};
