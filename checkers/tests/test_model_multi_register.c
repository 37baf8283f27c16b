/* test_model_multi_register.c -- tables, and every order of small histories. */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_multi_register, tables)
{
    static const struct model_row rows[] = {
        {"1 inv txn [[w x 1] [w y 2]]; 1 ok txn [[w x 1] [w y 2]];"
         "2 inv txn [[r x nil] [r y nil]]; 2 ok txn [[r x 1] [r y 2]]",
         ORD_VALID},
        {"1 inv txn [[w x 1] [w y 2]]; 1 ok txn [[w x 1] [w y 2]];"
         "2 inv txn [[r x nil] [r y nil]]; 2 ok txn [[r x 1] [r y nil]]",
         ORD_INVALID},
        {"1 inv txn [[w x 1] [w y 2]]; 1 info txn [[w x 1] [w y 2]];"
         "2 inv txn [[r x nil]]; 2 ok txn [[r x 1]];"
         "2 inv txn [[r y nil]]; 2 ok txn [[r y nil]]",
         ORD_INVALID},
        {"1 inv txn [[w x 1]]; 2 inv txn [[r x nil]]; 2 ok txn [[r x nil]];"
         "1 ok txn [[w x 1]]",
         ORD_VALID},
        {"1 inv write [[x 1] [y 2]]; 1 ok write [[x 1] [y 2]];"
         "2 inv read; 2 ok read [[x 1] [y 2]]",
         ORD_VALID},
    };

    MODEL_ROWS("multi-register", rows);
}

static void ask(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values)
{
    uint64_t size = 1 + ord_rng_below(rng, 2);
    int bits = 1;

    (void)fresh;
    for (uint64_t i = 0; i < size; i++) {
        int is_write = ord_rng_below(rng, 2) == 0;
        int value = is_write ? (int)ord_rng_below(rng, values + 2) & 3 : 0;

        bits =
            bits * 16 + is_write * 8 + (int)ord_rng_below(rng, 2) * 4 + value;
    }
    call->f = ORD_F_TXN;
    call->in = TINY_TXN + bits;
    call->out = call->in;
}

static int size_of(int code)
{
    return (31 - __builtin_clz((unsigned)(code - TINY_TXN))) / 4;
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    int code = call->out == TINY_NONE ? call->in : call->out;
    int size = size_of(code);

    if (alt > 0)
        return false;
    for (int i = 0; i < size; i++) {
        int micro = (code - TINY_TXN) >> 4 * (size - 1 - i) & 15;
        int *now = &state->at[micro >> 2 & 1];

        if ((micro & 8) != 0)
            *now = micro & 3;
        else if (call->out != TINY_NONE && *now != (micro & 3))
            return false;
    }
    return true;
}

static void act(struct tiny_state *state, struct tiny_call *call)
{
    int code = call->in - TINY_TXN;
    int size = size_of(call->in);

    for (int i = 0; i < size; i++) {
        int shift = 4 * (size - 1 - i);
        int micro = code >> shift & 15;
        int *now = &state->at[micro >> 2 & 1];

        if ((micro & 8) != 0)
            *now = micro & 3;
        else
            code |= *now << shift;
    }
    call->out = TINY_TXN + code;
}

static void change(struct ord_rng *rng, struct tiny_call *call, int values)
{
    int size = size_of(call->out);
    int shift = 4 * (int)ord_rng_below(rng, (uint64_t)size);

    (void)values;
    if (((call->out - TINY_TXN) >> shift & 8) == 0)
        call->out = TINY_TXN + ((call->out - TINY_TXN) ^ (1 << shift));
}

static bool looks(const struct tiny_call *call)
{
    int size = size_of(call->in);

    for (int i = 0; i < size; i++) {
        if (((call->in - TINY_TXN) >> 4 * i & 8) != 0)
            return false;
    }
    return true;
}

Test(model_multi_register, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {"multi-register", ask,   act, step,
                                            change,           looks, 0};

    tiny_compare(&rules, 20000);
}
