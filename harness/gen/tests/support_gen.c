#include "support_gen.h"

#include <string.h>

void print_op(const struct ord_op *op, struct ord_buf *out)
{
    ord_buf_printf(out, "%s ", op->name);
    ord_value_to_edn(&op->key, out);
    ord_buf_char(out, ' ');
    ord_value_to_edn(&op->value, out);
    ord_buf_printf(out, " n%u u%lld d%u%s\n", op->node, (long long)op->session,
                   op->device, op->is_final ? " final" : "");
}

void run_gen(struct ord_gen *gen, uint32_t workers, uint64_t chaos,
             uint32_t asks, struct run *run)
{
    struct ord_rng rng = ord_rng_stream(chaos, "chaos", 0);
    int64_t free_ns[16] = {0};
    int64_t now_ns = 0;

    for (uint32_t i = 0; i < 16; i++) {
        ord_buf_init(&run->lines[i], 1 << 20);
        run->counts[i] = 0;
    }
    for (uint32_t i = 0; i < asks; i++) {
        struct ord_gen_ask ask = {.time_ns = now_ns,
                                  .worker =
                                      (uint32_t)ord_rng_below(&rng, workers)};
        struct ord_op op;
        int64_t until_ns;

        now_ns += ord_rng_range(&rng, 0, 2000000);
        if (free_ns[ask.worker] > now_ns)
            continue;
        if (ord_gen_ask(gen, &ask, &op, &until_ns) != ORD_GEN_OP)
            continue;
        print_op(&op, &run->lines[ask.worker]);
        run->counts[ask.worker]++;
        free_ns[ask.worker] = now_ns + ord_rng_range(&rng, 0, 20000000);
        op.type = ORD_OP_OK;
        ord_gen_update(gen, &ask, &op);
    }
}

void run_fini(struct run *run)
{
    for (uint32_t i = 0; i < 16; i++)
        ord_buf_fini(&run->lines[i]);
}

bool run_agrees(struct run *a, struct run *b, uint32_t workers)
{
    for (uint32_t i = 0; i < workers; i++) {
        size_t size = a->lines[i].size;

        if (b->lines[i].size < size)
            size = b->lines[i].size;
        if (size > 0 && memcmp(a->lines[i].at, b->lines[i].at, size) != 0)
            return false;
    }
    return true;
}
