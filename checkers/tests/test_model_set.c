/* test_model_set.c -- tables, and every order of small histories. */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_set, tables)
{
    static const struct model_row rows[] = {
        {"1 inv add 1; 1 ok add 1; 2 inv contains 1; 2 ok contains true",
         ORD_VALID},
        {"1 inv add 1; 1 ok add 1; 2 inv contains 1; 2 ok contains false",
         ORD_INVALID},
        {"1 inv add 1; 1 ok add 1; 2 inv remove 1; 2 ok remove 1;"
         "2 inv contains 1; 2 ok contains true",
         ORD_INVALID},
        {"1 inv add 1; 1 ok add 1; 2 inv remove 1; 2 info remove 1;"
         "3 inv contains 1; 3 ok contains true;"
         "3 inv contains 1; 3 ok contains false",
         ORD_VALID},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read [1]", ORD_VALID},
        {"1 inv add 1; 1 ok add 1; 2 inv read; 2 ok read [1 2]", ORD_INVALID},
        {"1 inv add 1; 2 inv add 2; 3 inv read; 3 ok read [1]; 4 inv read;"
         "4 ok read [2]; 1 ok add 1; 2 ok add 2",
         ORD_INVALID},
        {"1 inv add 1; 2 inv add 2; 3 inv read; 3 ok read [1]; 4 inv read;"
         "4 ok read [1 2]; 1 ok add 1; 2 ok add 2",
         ORD_VALID},
        {"1 inv add 1; 1 ok add 1; 1 inv add 2; 1 ok add 2; 2 inv read;"
         "2 ok read [2]",
         ORD_INVALID},
        {"1 inv add 1; 1 info add 1; 2 inv read; 2 ok read; 2 inv read;"
         "2 ok read [1]; 2 inv read; 2 ok read",
         ORD_INVALID},
    };

    MODEL_ROWS("set", rows);
}

/* n is a mask of elements; at[15] says which flavour this history has. */
static void ask(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values)
{
    uint64_t dice = ord_rng_below(rng, 10);

    if (values == 0) { /* only grows; whole reads */
        call->f = dice < 5 ? ORD_F_ADD : ORD_F_READ;
        if (call->f == ORD_F_ADD)
            call->in = 1 + (fresh - 1) % 6;
    } else {
        call->f = dice < 3                  ? ORD_F_ADD
                  : dice < 5                ? ORD_F_REMOVE
                  : dice < 9 || values == 2 ? ORD_F_CONTAINS
                                            : ORD_F_READ;
        if (call->f != ORD_F_READ)
            call->in = 1 + (int)ord_rng_below(rng, values);
    }
    call->out = call->f == ORD_F_CONTAINS ? TINY_FALSE : call->in;
    if (values == 3 && call->f != ORD_F_READ)
        call->out = TINY_TRUE; /* the answers are truths */
}

static void act(struct tiny_state *state, struct tiny_call *call)
{
    int bit = 1 << call->in >> 1;
    bool is_there = (state->n & bit) != 0;
    bool is_told = call->out == TINY_TRUE;

    if (call->f == ORD_F_READ) {
        call->out = TINY_LIST + state->n;
        return;
    }
    if (call->f == ORD_F_ADD)
        state->n |= bit;
    if (call->f == ORD_F_REMOVE)
        state->n &= ~bit;
    if (call->f == ORD_F_ADD)
        is_there = !is_there;
    if (call->f == ORD_F_CONTAINS || is_told)
        call->out = is_there ? TINY_TRUE : TINY_FALSE;
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    int bit = 1 << call->in >> 1;
    bool is_there = (state->n & bit) != 0;

    if (alt > 0)
        return false;
    switch (call->f) {
    case ORD_F_READ:
        return call->out == TINY_LIST + state->n ||
               (call->out == TINY_NIL && state->n == 0);
    case ORD_F_CONTAINS:
        return call->out == (is_there ? TINY_TRUE : TINY_FALSE);
    case ORD_F_ADD:
        state->n |= bit;
        return call->out < TINY_TRUE || is_there == (call->out == TINY_FALSE);
    default:
        state->n &= ~bit;
        return call->out < TINY_TRUE || is_there == (call->out == TINY_TRUE);
    }
}

static void change(struct ord_rng *rng, struct tiny_call *call, int values)
{
    (void)values;
    if (call->f == ORD_F_READ && call->out >= TINY_LIST)
        call->out ^= 1 << ord_rng_below(rng, 4);
    else if (call->f != ORD_F_READ && call->out >= TINY_TRUE)
        call->out = TINY_TRUE + TINY_FALSE - call->out;
}

/* An add or remove that is told to have changed nothing looks, too. */
static bool looks(const struct tiny_call *call)
{
    return call->f == ORD_F_READ || call->f == ORD_F_CONTAINS ||
           call->out == TINY_FALSE;
}

Test(model_set, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {"set",  ask,   act, step,
                                            change, looks, 2};

    tiny_compare(&rules, 20000);
}
