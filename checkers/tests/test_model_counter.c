/* test_model_counter.c -- tables, and every order of small histories. */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_counter, tables)
{
    static const struct model_row rows[] = {
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read 1", ORD_VALID},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read 0", ORD_INVALID},
        {"1 inv add 1; 2 inv read; 2 ok read 0; 1 ok add 1", ORD_VALID},
        {"1 inv add 2; 1 info add 2; 2 inv read; 2 ok read 2;"
         "2 inv read; 2 ok read 0",
         ORD_INVALID},
        {"1 inv add 2; 1 info add 2; 2 inv read; 2 ok read 0;"
         "2 inv read; 2 ok read 2",
         ORD_VALID},
        /* Within Jepsen's bounds, but no order explains it. */
        {"1 inv add 1; 2 inv add 2; 3 inv read; 3 ok read 1; 3 inv read;"
         "3 ok read 2; 1 ok add 1; 2 ok add 2",
         ORD_INVALID},
        {"1 inv add -1; 1 ok add -1; 2 inv read; 2 ok read -1", ORD_VALID},
        /* Beyond 63 bits: neither does it wrap, nor is the true sum wrong. */
        {"1 inv add 9223372036854775807; 1 ok add 9223372036854775807;"
         "1 inv add 9223372036854775807; 1 ok add 9223372036854775807;"
         "1 inv read; 1 ok read -2",
         ORD_UNKNOWN},
        {"1 inv add 9223372036854775807; 1 ok add 9223372036854775807;"
         "1 inv add 9223372036854775807; 1 ok add 9223372036854775807;"
         "1 inv read; 1 ok read 18446744073709551614",
         ORD_UNKNOWN},
        {"1 inv add 9223372036854775807; 1 ok add 9223372036854775807;"
         "1 inv add -9223372036854775807; 1 ok add -9223372036854775807;"
         "1 inv read; 1 ok read 0",
         ORD_VALID},
    };

    MODEL_ROWS("counter", rows);
}

static void ask(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values)
{
    (void)fresh;
    call->f = ord_rng_below(rng, 2) == 0 ? ORD_F_ADD : ORD_F_READ;
    if (call->f == ORD_F_ADD)
        call->in = 1 + (int)ord_rng_below(rng, values + 1);
    call->out = call->in;
}

static int sum_code(int sum)
{
    /* 0 is a number here, too, and nil reads as 0. */
    return sum > 15 ? 15 : sum;
}

static void act(struct tiny_state *state, struct tiny_call *call)
{
    if (call->f == ORD_F_ADD)
        state->n += call->in;
    else
        call->out = sum_code(state->n);
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    if (alt > 0)
        return false;
    if (call->f == ORD_F_READ)
        return call->out == state->n;
    state->n += call->in;
    return true;
}

static void change(struct ord_rng *rng, struct tiny_call *call, int values)
{
    (void)values;
    if (call->f == ORD_F_READ)
        call->out = (int)ord_rng_below(rng, 7);
}

static bool looks(const struct tiny_call *call)
{
    return call->f == ORD_F_READ;
}

Test(model_counter, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {"counter", ask,   act, step,
                                            change,    looks, 0};

    tiny_compare(&rules, 20000);
}
