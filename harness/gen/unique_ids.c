/* unique_ids.c -- ids are drawn from the database's own generator.
 *
 * A sequence or an auto-increment column that gives two clients the same id has
 * forgotten what it gave: after a failover, or with several leaders.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

static void make_generate(const void *ctx, const struct ord_gen_draw *draw,
                          struct ord_op *op)
{
    (void)ctx;
    (void)draw;
    op->f = ORD_F_GENERATE;
}

static const struct ord_param_spec unique_ids_params[] = {
    {NULL, NULL, NULL},
};

static int unique_ids_build(const struct ord_workload_in *in,
                            struct ord_workload *out, struct ord_err *err)
{
    if (ord_param_names(&ord_workload_unique_ids, in, err) != ORD_OK)
        return err->rc;
    *out = (struct ord_workload){
        .main = ord_gen_paced(in, ord_gen_ops(&in->shape, make_generate, NULL)),
        .checkers = {"unique-ids", "availability", "stats"},
    };
    return out->main == NULL
               ? ord_fail(err, ORD_ENOMEM, "unique-ids: no memory")
               : ORD_OK;
}

const struct ord_workload_ops ord_workload_unique_ids = {
    .name = "unique-ids",
    .about = "ids from the database's own generator; is one given twice?",
    .params = unique_ids_params,
    .build = unique_ids_build,
};
