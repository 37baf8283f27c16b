/* lock.c -- workers acquire and release locks, each its own in turn.
 *
 * A lock that two hold at once does not exclude.  A worker releases even if it
 * did not get the lock: the client then says fail, for it holds none.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

struct locks {
    uint64_t seed;
    uint32_t key_count;
};

static void make_lock_op(const void *ctx, const struct ord_gen_draw *draw,
                         struct ord_op *op)
{
    const struct locks *locks = ctx;
    uint64_t turn = draw->number / 2;

    op->key = ord_value_int((
        int64_t)(ord_hash(locks->seed, draw->worker, turn) % locks->key_count));
    op->f = draw->number % 2 == 0 ? ORD_F_ACQUIRE : ORD_F_RELEASE;
}

static const struct ord_param_spec lock_params[] = {
    {"locks", "1", "how many locks, 1 to 1000"},
    {NULL, NULL, NULL},
};

static int lock_build(const struct ord_workload_in *in,
                      struct ord_workload *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_lock;
    struct locks *locks = ord_arena_zalloc(in->shape.arena, 1, sizeof *locks);

    if (locks == NULL)
        return ord_fail(err, ORD_ENOMEM, "lock: no memory");
    locks->seed = ord_rng_stream(in->shape.seed, "lock", 0).state;
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, "locks", 1, 1000, &locks->key_count, err) !=
            ORD_OK)
        return err->rc;
    *out = (struct ord_workload){
        .main = ord_gen_paced(in, ord_gen_ops(&in->shape, make_lock_op, locks)),
        .model = "mutex",
        .checkers = {"linearizable", "availability", "stats"},
    };
    return out->main == NULL ? ord_fail(err, ORD_ENOMEM, "lock: no memory")
                             : ORD_OK;
}

const struct ord_workload_ops ord_workload_lock = {
    .name = "lock",
    .about = "locks acquired and released; do two ever hold one?",
    .params = lock_params,
    .build = lock_build,
};
