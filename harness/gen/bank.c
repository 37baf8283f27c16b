/* bank.c -- money moves between accounts, and all balances are read at once.
 *
 * Transfers neither make nor destroy money.  A sum that changes shows half a
 * transfer: a lost update, a dirty or a torn read, a transaction lost in part.
 * Who starts the database's first client opens the accounts, with what the
 * parameters say.
 */
#include "harness/gen/param.h"
#include "harness/gen/workloads.h"

struct bank {
    uint32_t account_count;
    uint32_t amount_max;
    uint32_t read_ppm;
};

static void make_bank_op(const void *ctx, const struct ord_gen_draw *draw,
                         struct ord_op *op)
{
    const struct bank *bank = ctx;
    uint64_t from, to;

    op->f = ORD_F_READ;
    if (ord_param_hit(draw->rng, bank->read_ppm))
        return;
    op->f = ORD_F_TRANSFER;
    from = ord_rng_below(draw->rng, bank->account_count);
    to = ord_rng_below(draw->rng, bank->account_count - 1);
    to += to >= from;
    draw->items[0] = ord_value_int((int64_t)from);
    draw->items[1] = ord_value_int((int64_t)to);
    draw->items[2] =
        ord_value_int((int64_t)ord_rng_below(draw->rng, bank->amount_max) + 1);
    op->value = ord_value_list(draw->items, 3);
}

/* Every node once: the replicas shall agree on all balances. */
static void make_final_read(const void *ctx, const struct ord_gen_draw *draw,
                            struct ord_op *op)
{
    const struct ord_gen_shape *shape = ctx;
    uint64_t place = draw->number * shape->worker_count + draw->worker;

    op->f = ORD_F_READ;
    op->node = (uint16_t)(place % shape->node_count + 1);
    op->is_final = true;
}

static const struct ord_param_spec bank_params[] = {
    {"accounts", "8", "how many accounts, 2 to 1000"},
    {"balance", "10", "of each account at first, 0 to 1000000"},
    {"amount_max", "5", "the most that is moved at a time, 1 to 1000000"},
    {"read_share", "40%", "share of reads, 0 to 1 or percent"},
    {NULL, NULL, NULL},
};

static int bank_build(const struct ord_workload_in *in,
                      struct ord_workload *out, struct ord_err *err)
{
    const struct ord_workload_ops *ops = &ord_workload_bank;
    struct bank *bank = ord_arena_zalloc(in->shape.arena, 1, sizeof *bank);
    struct ord_gen_shape *shape =
        ord_arena_zalloc(in->shape.arena, 1, sizeof *shape);
    uint32_t balance;

    if (bank == NULL || shape == NULL)
        return ord_fail(err, ORD_ENOMEM, "bank: no memory");
    *shape = in->shape;
    if (ord_param_names(ops, in, err) != ORD_OK ||
        ord_param_count(ops, in, "accounts", 2, 1000, &bank->account_count,
                        err) != ORD_OK ||
        ord_param_count(ops, in, "balance", 0, 1000000, &balance, err) !=
            ORD_OK ||
        ord_param_count(ops, in, "amount_max", 1, 1000000, &bank->amount_max,
                        err) != ORD_OK ||
        ord_param_share(ops, in, "read_share", &bank->read_ppm, err) != ORD_OK)
        return err->rc;
    *out = (struct ord_workload){
        .main = ord_gen_paced(in, ord_gen_ops(&in->shape, make_bank_op, bank)),
        .final = ord_gen_limit(&in->shape,
                               ord_gen_ops(&in->shape, make_final_read, shape),
                               in->shape.node_count),
        .checkers = {"bank", "convergence", "availability", "stats"},
    };
    if (out->main == NULL || out->final == NULL)
        return ord_fail(err, ORD_ENOMEM, "bank: no memory");
    return ORD_OK;
}

static const struct ord_workload_kind bank_kinds[] = {
    {"read", "read_share", "0", ORD_KIND_READ},
    {0},
};

const struct ord_workload_ops ord_workload_bank = {
    .name = "bank",
    .about = "transfers between accounts; does the sum ever change?",
    .params = bank_params,
    .kinds = bank_kinds,
    .build = bank_build,
};
