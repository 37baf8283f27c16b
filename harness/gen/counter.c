/* counter.c -- amounts are added to counters, and the sums are read.
 *
 * An increment that was acknowledged and is not in the sum was lost; a sum
 * beyond all that was tried was counted twice.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

struct counters {
    uint32_t key_count;
    uint32_t read_ppm;
    uint32_t amount_max;
};

static void make_counter_op(const void *ctx, const struct ord_gen_draw *draw,
                            struct ord_op *op)
{
    const struct counters *counters = ctx;

    op->key =
        ord_value_int((int64_t)ord_rng_below(draw->rng, counters->key_count));
    op->f = ORD_F_READ;
    if (ord_param_hit(draw->rng, counters->read_ppm))
        return;
    op->f = ORD_F_ADD;
    op->value = ord_value_int(
        (int64_t)ord_rng_below(draw->rng, counters->amount_max) + 1);
}

static const struct ord_param_spec counter_params[] = {
    {"counters", "1", "how many counters, 1 to 1000"},
    {"read_share", "30%", "share of reads, 0 to 1 or percent"},
    {"amount_max", "5", "the most that is added at a time, 1 to 1000000"},
    {NULL, NULL, NULL},
};

static int counter_build(const struct ord_workload_in *in,
                         struct ord_workload *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_counter;
    struct counters *counters =
        ord_arena_zalloc(in->shape.arena, 1, sizeof *counters);

    if (counters == NULL)
        return ord_fail(err, ORD_ENOMEM, "counter: no memory");
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, "counters", 1, 1000, &counters->key_count,
                        err) != ORD_OK ||
        ord_param_share(ops, in, "read_share", &counters->read_ppm, err) !=
            ORD_OK ||
        ord_param_count(ops, in, "amount_max", 1, 1000000,
                        &counters->amount_max, err) != ORD_OK)
        return err->rc;
    *out = (struct ord_workload){
        .main = ord_gen_paced(
            in, ord_gen_ops(&in->shape, make_counter_op, counters)),
        .final = ord_gen_final_reads(&in->shape, 0, counters->key_count),
        .model = "counter",
        .checkers = {"counter", "convergence", "availability", "stats"},
    };
    if (out->main == NULL || out->final == NULL)
        return ord_fail(err, ORD_ENOMEM, "counter: no memory");
    return ORD_OK;
}

static const struct ord_workload_kind counter_kinds[] = {
    {"read", "read_share", "0", ORD_KIND_READ},
    {0},
};

const struct ord_workload_ops ord_workload_counter = {
    .name = "counter",
    .about = "amounts added to counters; is every acknowledged one in the sum?",
    .params = counter_params,
    .kinds = counter_kinds,
    .build = counter_build,
};
