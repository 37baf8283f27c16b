/* test_model_kv.c -- tables, and every order of small histories. */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_kv, tables)
{
    static const struct model_row rows[] = {
        {"1 inv put \"a\"; 1 ok put \"a\"; 1 inv append \"b\"; 1 ok append "
         "\"b\";"
         "2 inv get; 2 ok get \"ab\"",
         ORD_VALID},
        {"1 inv put \"a\"; 1 ok put \"a\"; 1 inv append \"b\"; 1 ok append "
         "\"b\";"
         "2 inv get; 2 ok get \"ba\"",
         ORD_INVALID},
        {"2 inv get; 2 ok get nil; 1 inv put \"a\"; 1 ok put \"a\"", ORD_VALID},
        {"1 inv append \"a\"; 2 inv append \"b\"; 1 ok append \"a\"; 2 ok "
         "append \"b\";"
         "2 inv get; 2 ok get \"ba\"",
         ORD_VALID},
        {"1 inv append \"a\"; 1 info append \"a\"; 2 inv append \"b\"; 2 ok "
         "append \"b\";"
         "2 inv get; 2 ok get \"b\"; 2 inv get; 2 ok get \"ba\"",
         ORD_VALID},
        {"1 inv append \"a\"; 1 info append \"a\"; 2 inv append \"b\"; 2 ok "
         "append \"b\";"
         "2 inv get; 2 ok get \"b\"; 2 inv get; 2 ok get \"ab\"",
         ORD_INVALID},
    };

    MODEL_ROWS("kv", rows);
}

/* A text of n letters in the bits of at[0], behind a leading 1. */
static int code_of(const struct tiny_state *state)
{
    return state->n == 0 ? TINY_TEXT + 1 : TINY_TEXT + state->at[0];
}

static void ask(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values)
{
    uint64_t dice = ord_rng_below(rng, 8);

    (void)fresh;
    call->f = dice < 3 ? ORD_F_GET : dice < 7 ? ORD_F_APPEND : ORD_F_PUT;
    if (call->f != ORD_F_GET) /* one letter */
        call->in = TINY_TEXT + 2 + (int)ord_rng_below(rng, values == 1 ? 1 : 2);
    call->out = call->in;
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    if (alt > 0)
        return false;
    if (call->f == ORD_F_GET)
        return call->out == code_of(state) ||
               (call->out == TINY_NIL && state->n == 0);
    if (call->f == ORD_F_PUT || state->n == 0) {
        state->n = 1;
        state->at[0] = 1;
    }
    state->at[0] = state->at[0] * 2 + ((call->in - TINY_TEXT) & 1);
    return true;
}

static void act(struct tiny_state *state, struct tiny_call *call)
{
    if (call->f == ORD_F_GET)
        call->out = code_of(state);
    else
        (void)step(state, call, 0);
}

static void change(struct ord_rng *rng, struct tiny_call *call, int values)
{
    (void)values;
    if (call->f != ORD_F_GET)
        return;
    if (ord_rng_below(rng, 2) == 0)
        call->out = TINY_TEXT + 1 + (int)ord_rng_below(rng, 15);
    else
        call->out ^= call->out > TINY_TEXT + 1 ? 1 : 0;
}

static bool looks(const struct tiny_call *call)
{
    return call->f == ORD_F_GET;
}

Test(model_kv, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {"kv",   ask,   act, step,
                                            change, looks, 0};

    tiny_compare(&rules, 20000);
}
