#include "harness/gen/gen.h"

#include "harness/base/err.h"
#include "harness/gen/gen_node.h"

/* What an operation says of itself when nobody says anything. */
static struct ord_op blank_op(void)
{
    return (struct ord_op){
        .index = ORD_NONE,
        .pair = ORD_NO_PAIR,
        .session = ORD_NONE,
        .epoch = ORD_NONE,
        .position = ORD_NONE,
        .node = ORD_NODE_NONE,
        .type = ORD_OP_INVOKE,
        .key = ord_value_nil(),
        .value = ord_value_nil(),
    };
}

enum ord_gen_answer ord_gen_ask(struct ord_gen *gen,
                                const struct ord_gen_ask *ask,
                                struct ord_op *op, int64_t *until_ns)
{
    struct ord_gen_call call;

    ORD_ASSERT(gen != NULL);
    ORD_ASSERT(ask->worker < gen->worker_count);
    ORD_ASSERT(ask->time_ns >= 0);
    *op = blank_op();
    *until_ns = ask->time_ns;
    call = (struct ord_gen_call){
        .ask = ask,
        .path = gen->seed,
        .crew_count = gen->worker_count,
        .op = op,
        .until_ns = until_ns,
    };
    return gen->kind->ask(gen, &call);
}

void ord_gen_update(struct ord_gen *gen, const struct ord_gen_ask *ask,
                    const struct ord_op *completion)
{
    ORD_ASSERT(gen != NULL);
    ORD_ASSERT(ask->worker < gen->worker_count);
    ORD_ASSERT(completion->type != ORD_OP_INVOKE);
    gen->kind->update(gen, ask, completion);
}
