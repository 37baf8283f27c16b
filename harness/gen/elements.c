#include "harness/gen/elements.h"

#include "harness/gen/param.h"

struct elements {
    uint32_t worker_count;
    uint32_t key_count;
    uint32_t read_ppm;
    uint8_t put;
};

static void make_element_op(const void *ctx, const struct ord_gen_draw *draw,
                            struct ord_op *op)
{
    const struct elements *elements = ctx;

    op->key =
        ord_value_int((int64_t)ord_rng_below(draw->rng, elements->key_count));
    op->f = ORD_F_READ;
    if (ord_param_hit(draw->rng, elements->read_ppm))
        return;
    op->f = elements->put;
    op->value = ord_value_int(
        ord_unique_value(elements->worker_count, draw->worker, draw->number));
}

int ord_elements_build(const struct ord_workload_ops *ops, const char *keys,
                       uint8_t put, const struct ord_workload_in *in,
                       struct ord_workload *out, struct ord_err *err)
{
    struct elements *elements =
        ord_arena_zalloc(in->shape.arena, 1, sizeof *elements);

    if (elements == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s: no memory", ops->name);
    elements->worker_count = in->shape.worker_count;
    elements->put = put;
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, keys, 1, 1000, &elements->key_count, err) !=
            ORD_OK ||
        ord_param_share(ops, in, "read_share", &elements->read_ppm, err) !=
            ORD_OK)
        return err->rc;
    out->main =
        ord_gen_paced(in, ord_gen_ops(&in->shape, make_element_op, elements));
    out->final = ord_gen_final_reads(&in->shape, 0, elements->key_count);
    if (out->main == NULL || out->final == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s: no memory", ops->name);
    return ORD_OK;
}
