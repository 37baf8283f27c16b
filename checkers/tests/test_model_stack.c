/* test_model_stack.c -- tables, and every order of small histories. */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_stack, tables)
{
    static const struct model_row rows[] = {
        {"1 inv push 1; 1 ok push 1; 1 inv push 2; 1 ok push 2;"
         "2 inv pop; 2 ok pop 2; 2 inv pop; 2 ok pop 1",
         ORD_VALID},
        {"1 inv push 1; 1 ok push 1; 1 inv push 2; 1 ok push 2;"
         "2 inv pop; 2 ok pop 1; 2 inv pop; 2 ok pop 2",
         ORD_INVALID},
        {"1 inv push 1; 1 ok push 1; 1 inv push 2; 1 ok push 2;"
         "2 inv pop; 2 ok pop 1",
         ORD_INVALID},
        {"1 inv push 1; 1 ok push 1; 1 inv push 2; 1 ok push 2;"
         "3 inv pop; 3 info pop; 2 inv pop; 2 ok pop 1",
         ORD_VALID},
        {"1 inv push 1; 1 ok push 1; 1 inv push 2; 1 ok push 2;"
         "2 inv pop; 2 ok pop 1; 3 inv pop; 3 info pop",
         ORD_INVALID},
        {"1 inv push 1; 2 inv push 2; 1 ok push 1; 2 ok push 2;"
         "2 inv pop; 2 ok pop 1; 2 inv pop; 2 ok pop 2",
         ORD_VALID},
        {"1 inv push 1; 1 ok push 1; 2 inv pop; 2 ok pop nil", ORD_INVALID},
        {"1 inv push 1; 1 info push 1; 2 inv pop; 2 ok pop nil;"
         "2 inv pop; 2 ok pop 1",
         ORD_VALID},
        {"1 inv push 1; 1 ok push 1; 2 inv pop; 2 ok pop 1;"
         "2 inv pop; 2 ok pop 1",
         ORD_INVALID},
        /* 1 below 2 and 2 below 1: the pushes overlap, the pops do not help. */
        {"1 inv push 1; 1 ok push 1; 2 inv push 2; 2 ok push 2;"
         "3 inv push 3; 3 ok push 3; 1 inv pop; 2 inv pop; 1 ok pop 1;"
         "2 ok pop 2; 3 inv pop; 3 ok pop 3",
         ORD_INVALID},
    };

    MODEL_ROWS("stack", rows);
}

static void ask(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values)
{
    bool is_put = ord_rng_below(rng, 2) == 0;

    call->f = is_put ? ORD_F_PUSH : ORD_F_POP;
    if (is_put)
        call->in = values == 0 ? fresh : 1 + (int)ord_rng_below(rng, values);
    call->out = call->in;
}

static void put(struct tiny_state *state, int value)
{
    state->at[state->n++] = value;
}

static int take(struct tiny_state *state, int i)
{
    int value = state->at[i];

    for (state->n--; i < state->n; i++)
        state->at[i] = state->at[i + 1];
    state->at[state->n] = 0;
    return value;
}

static void act(struct tiny_state *state, struct tiny_call *call)
{
    if (call->f == ORD_F_PUSH)
        put(state, call->in);
    else
        call->out = state->n == 0 ? TINY_NIL : take(state, state->n - 1);
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    if (alt > 0)
        return false;
    if (call->f == ORD_F_PUSH) {
        put(state, call->in);
        return true;
    }
    if (state->n == 0)
        return call->out == TINY_NIL || call->out == TINY_NONE;
    if (call->out != TINY_NONE && call->out != state->at[state->n - 1])
        return false;
    (void)take(state, state->n - 1);
    return true;
}

static void change(struct ord_rng *rng, struct tiny_call *call, int values)
{
    if (call->f == ORD_F_POP)
        call->out = (int)ord_rng_below(rng, values + 3);
}

static bool looks(const struct tiny_call *call)
{
    return call->f == ORD_F_POP && call->out == TINY_NIL;
}

Test(model_stack, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {"stack", ask,   act, step,
                                            change,  looks, 1};

    tiny_compare(&rules, 20000);
}
