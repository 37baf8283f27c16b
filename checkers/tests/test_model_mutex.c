/* test_model_mutex.c -- tables, and every order of small histories. */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_mutex, tables)
{
    static const struct model_row rows[] = {
        {"1 inv acquire; 1 ok acquire; 1 inv release; 1 ok release;"
         "2 inv acquire; 2 ok acquire",
         ORD_VALID},
        {"1 inv acquire; 1 ok acquire; 2 inv acquire; 2 ok acquire",
         ORD_INVALID},
        {"1 inv acquire; 1 ok acquire; 2 inv release; 2 ok release;"
         "2 inv acquire; 2 ok acquire",
         ORD_VALID},
        {"1 inv release; 1 ok release", ORD_INVALID},
        {"1 inv acquire; 1 ok acquire; 1 inv release; 1 info release;"
         "2 inv acquire; 2 ok acquire",
         ORD_VALID},
        {"1 inv acquire; 1 info acquire; 2 inv acquire; 2 ok acquire",
         ORD_VALID},
    };

    MODEL_ROWS("mutex", rows);
}

static void ask(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values)
{
    (void)fresh;
    (void)values;
    call->f = ord_rng_below(rng, 2) == 0 ? ORD_F_ACQUIRE : ORD_F_RELEASE;
}

static void act(struct tiny_state *state, struct tiny_call *call)
{
    if (state->n == (call->f == ORD_F_RELEASE))
        state->n = 1 - state->n;
    else if (call->type == ORD_OP_OK)
        call->type = ORD_OP_FAIL;
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    if (alt > 0 || state->n != (call->f == ORD_F_RELEASE))
        return false;
    state->n = 1 - state->n;
    return true;
}

static void change(struct ord_rng *rng, struct tiny_call *call, int values)
{
    (void)values;
    if (ord_rng_below(rng, 2) == 0)
        call->f = ORD_F_ACQUIRE + ORD_F_RELEASE - call->f;
}

static bool looks(const struct tiny_call *call)
{
    (void)call;
    return false;
}

Test(model_mutex, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {"mutex", ask,   act, step,
                                            change,  looks, 2};

    tiny_compare(&rules, 20000);
}
