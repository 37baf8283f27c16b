/* write_skew.c -- inserts that exclude each other, at the same time.
 *
 * An insert reads by predicate that nothing of its key is there, and inserts a
 * row of its own; so of all that insert at a key one may commit.  Two that do
 * not see each other both do: under snapshot isolation nothing is in their way,
 * for they write different rows (Adya's G2; Jepsen's tests/adya.clj has two
 * tables and two inserts a key).
 *
 * Rivals are of the same beat, so what is asked of the workers is to keep pace.
 * Where there is no rate to keep they drift apart, and seldom meet.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

struct skew {
    uint64_t seed;
    uint32_t worker_count;
    uint32_t rivals;
    uint32_t keys_per_beat;
};

static void make_insert(const void *ctx, const struct ord_gen_draw *draw,
                        struct ord_op *op)
{
    const struct skew *skew = ctx;
    /* Turned, so that everyone meets everyone's neighbours. */
    uint64_t turn = ord_hash(skew->seed, draw->number, 0);
    uint64_t place = (turn % skew->worker_count + draw->worker) %
                     skew->worker_count / skew->rivals;

    op->f = ORD_F_OTHER;
    op->name = "insert";
    op->key =
        ord_value_int((int64_t)(draw->number * skew->keys_per_beat + place));
    op->value = ord_value_int(
        ord_unique_value(skew->worker_count, draw->worker, draw->number));
}

static const struct ord_param_spec write_skew_params[] = {
    {"rivals", "2", "inserts of different workers at a key, 2 to 16"},
    {"spread", "5%",
     "how far apart rivals begin, as a share of the time between two inserts "
     "of a worker (clients / rate), 0 to 1 or percent"},
    {NULL, NULL, NULL},
};

static int write_skew_build(const struct ord_workload_in *in,
                            struct ord_workload *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_write_skew;
    struct skew *skew = ord_arena_zalloc(in->shape.arena, 1, sizeof *skew);
    uint32_t spread_ppm;

    if (skew == NULL)
        return ord_fail(err, ORD_ENOMEM, "write-skew: no memory");
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, "rivals", 2, 16, &skew->rivals, err) !=
            ORD_OK ||
        ord_param_share(ops, in, "spread", &spread_ppm, err) != ORD_OK)
        return err->rc;
    skew->seed = ord_rng_stream(in->shape.seed, "write-skew", 0).state;
    skew->worker_count = in->shape.worker_count;
    skew->keys_per_beat = (skew->worker_count - 1) / skew->rivals + 1;
    *out = (struct ord_workload){
        .main = ord_gen_paced_in_step(
            in, ord_gen_ops(&in->shape, make_insert, skew), spread_ppm),
        .checkers = {"adya-g2", "stats"},
    };
    return out->main == NULL
               ? ord_fail(err, ORD_ENOMEM, "write-skew: no memory")
               : ORD_OK;
}

const struct ord_workload_ops ord_workload_write_skew = {
    .name = "write-skew",
    .about = "inserts that exclude each other; do two of them commit?",
    .params = write_skew_params,
    .build = write_skew_build,
};
