/* sessions.c -- users who write their own page and read each other's.
 *
 * A worker is a user: session and key of its own page are its number, so each
 * page has one writer and its values rise.  A user writes its page and reads
 * it right after, each time from any of its devices (read-your-writes), and
 * reads another user's page several times in a row before it goes to the next
 * (monotonic reads).
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

struct users {
    uint64_t seed;
    uint32_t count;
    uint32_t device_count;
    uint32_t write_ppm;
    uint32_t reread_ppm;
    uint32_t run_length;
};

static bool is_write(const struct users *users, uint32_t worker,
                     uint64_t number)
{
    struct ord_rng rng = {ord_hash(users->seed, worker, number)};

    return ord_param_hit(&rng, users->write_ppm);
}

static void make_session_op(const void *ctx, const struct ord_gen_draw *draw,
                            struct ord_op *op)
{
    const struct users *users = ctx;
    uint32_t own = draw->worker;
    uint32_t page = own;

    op->session = own;
    op->device = (uint8_t)ord_rng_below(draw->rng, users->device_count);
    op->f = ORD_F_READ;
    if (is_write(users, own, draw->number)) {
        op->f = ORD_F_WRITE;
        op->value =
            ord_value_int(ord_unique_value(users->count, own, draw->number));
    } else if (draw->number > 0 && is_write(users, own, draw->number - 1) &&
               ord_param_hit(draw->rng, users->reread_ppm)) {
        page = own;
    } else if (users->count > 1) {
        uint64_t run = draw->number / users->run_length;

        page = (uint32_t)(ord_hash(users->seed + 1, own, run) %
                          (users->count - 1));
        page += page >= own;
    }
    op->key = ord_value_int(page);
}

static const struct ord_param_spec session_params[] = {
    {"devices", "2", "devices of a user, 1 to 8"},
    {"own_share", "30%", "share of writes to the own page"},
    {"reread_share", "90%", "how often a write is followed by reading it"},
    {"run_length", "12", "operations before another user's page is looked at"},
    {NULL, NULL, NULL},
};

static int sessions_build(const struct ord_workload_in *in,
                          struct ord_workload *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_sessions;
    struct users *users = ord_arena_zalloc(in->shape.arena, 1, sizeof *users);

    if (users == NULL)
        return ord_fail(err, ORD_ENOMEM, "sessions: no memory");
    users->seed = ord_rng_stream(in->shape.seed, "sessions", 0).state;
    users->count = in->shape.worker_count;
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, "devices", 1, 8, &users->device_count, err) !=
            ORD_OK ||
        ord_param_share(ops, in, "own_share", &users->write_ppm, err) !=
            ORD_OK ||
        ord_param_share(ops, in, "reread_share", &users->reread_ppm, err) !=
            ORD_OK ||
        ord_param_count(ops, in, "run_length", 1, 10000, &users->run_length,
                        err) != ORD_OK)
        return err->rc;
    *out = (struct ord_workload){
        .main =
            ord_gen_paced(in, ord_gen_ops(&in->shape, make_session_op, users)),
        .final = ord_gen_final_reads(&in->shape, 0, users->count),
        .checkers = {"read-your-writes", "monotonic-reads", "convergence",
                     "lost", "availability", "stats"},
    };
    if (out->main == NULL || out->final == NULL)
        return ord_fail(err, ORD_ENOMEM, "sessions: no memory");
    return ORD_OK;
}

const struct ord_workload_ops ord_workload_sessions = {
    .name = "sessions",
    .about = "users with devices, who read their own writes and each other's",
    .params = session_params,
    .build = sessions_build,
};
