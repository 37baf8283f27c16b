/* queue.c -- unique elements go into queues and come out again.
 *
 * In the end the queues are emptied: what was acknowledged and never came out
 * was lost, what came out twice was delivered twice.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

struct queues {
    uint32_t worker_count;
    uint32_t key_count;
    uint32_t dequeue_ppm;
};

static void make_queue_op(const void *ctx, const struct ord_gen_draw *draw,
                          struct ord_op *op)
{
    const struct queues *queues = ctx;

    op->key =
        ord_value_int((int64_t)ord_rng_below(draw->rng, queues->key_count));
    op->f = ORD_F_DEQUEUE;
    if (ord_param_hit(draw->rng, queues->dequeue_ppm))
        return;
    op->f = ORD_F_ENQUEUE;
    op->value = ord_value_int(
        ord_unique_value(queues->worker_count, draw->worker, draw->number));
}

/* Each worker goes round all queues, so one that is empty is not taken for
 * the others. */
static void make_emptying(const void *ctx, const struct ord_gen_draw *draw,
                          struct ord_op *op)
{
    const struct queues *queues = ctx;

    op->key = ord_value_int(
        (int64_t)((draw->number + draw->worker) % queues->key_count));
    op->f = ORD_F_DEQUEUE;
    op->is_final = true;
}

static const struct ord_param_spec queue_params[] = {
    {"queues", "1", "how many queues, 1 to 1000"},
    {"dequeue_share", "45%", "share of dequeues, 0 to 1 or percent"},
    {"empties", "5",
     "in the end a worker stops after so many empty answers of each queue, 1 "
     "to 1000"},
    {NULL, NULL, NULL},
};

static int queue_build(const struct ord_workload_in *in,
                       struct ord_workload *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_queue;
    struct queues *queues =
        ord_arena_zalloc(in->shape.arena, 1, sizeof *queues);
    uint32_t empties;

    if (queues == NULL)
        return ord_fail(err, ORD_ENOMEM, "queue: no memory");
    queues->worker_count = in->shape.worker_count;
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, "queues", 1, 1000, &queues->key_count, err) !=
            ORD_OK ||
        ord_param_share(ops, in, "dequeue_share", &queues->dequeue_ppm, err) !=
            ORD_OK ||
        ord_param_count(ops, in, "empties", 1, 1000, &empties, err) != ORD_OK)
        return err->rc;
    *out = (struct ord_workload){
        .main =
            ord_gen_paced(in, ord_gen_ops(&in->shape, make_queue_op, queues)),
        .final = ord_gen_until_fails(
            &in->shape, ord_gen_ops(&in->shape, make_emptying, queues),
            empties * queues->key_count),
        .model = "fifo-queue",
        .checkers = {"total-queue", "queue", "availability", "stats"},
    };
    if (out->main == NULL || out->final == NULL)
        return ord_fail(err, ORD_ENOMEM, "queue: no memory");
    return ORD_OK;
}

static const struct ord_workload_kind queue_kinds[] = {
    {"dequeue", "dequeue_share", "0", ORD_KIND_OTHER},
    {0},
};

const struct ord_workload_ops ord_workload_queue = {
    .name = "queue",
    .about = "unique elements through queues, which are emptied in the end",
    .params = queue_params,
    .kinds = queue_kinds,
    .build = queue_build,
};
