/* test_model_unordered_queue.c -- tables, and every order of small histories.
 */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_unordered_queue, tables)
{
    static const struct model_row rows[] = {
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "2 inv dequeue; 2 ok dequeue 2; 2 inv dequeue; 2 ok dequeue 1",
         ORD_VALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 2 inv dequeue; 2 ok dequeue 1;"
         "2 inv dequeue; 2 ok dequeue 1",
         ORD_INVALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "2 inv dequeue; 2 ok dequeue 2; 2 inv dequeue; 2 ok dequeue nil",
         ORD_INVALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "3 inv dequeue; 3 info dequeue;"
         "2 inv dequeue; 2 ok dequeue 2; 2 inv dequeue; 2 ok dequeue nil",
         ORD_VALID},
        {"1 inv enqueue 1; 1 info enqueue 1; 2 inv dequeue; 2 ok dequeue nil",
         ORD_VALID},
        {"2 inv dequeue; 2 ok dequeue 1; 1 inv enqueue 1; 1 ok enqueue 1",
         ORD_INVALID},
    };

    MODEL_ROWS("unordered-queue", rows);
}

static void ask(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values)
{
    bool is_put = ord_rng_below(rng, 2) == 0;

    call->f = is_put ? ORD_F_ENQUEUE : ORD_F_DEQUEUE;
    if (is_put)
        call->in = values == 0 ? fresh : 1 + (int)ord_rng_below(rng, values);
    call->out = call->in;
}

static void put(struct tiny_state *state, int value)
{
    state->at[state->n++] = value;
    for (int i = state->n - 1; i > 0 && state->at[i - 1] > state->at[i]; i--) {
        int swap = state->at[i];

        state->at[i] = state->at[i - 1];
        state->at[i - 1] = swap;
    }
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
    if (call->f == ORD_F_ENQUEUE)
        put(state, call->in);
    else
        call->out = state->n == 0 ? TINY_NIL : take(state, state->n / 2);
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    if (call->f == ORD_F_ENQUEUE) {
        put(state, call->in);
        return alt == 0;
    }
    if (state->n == 0)
        return alt == 0 && (call->out == TINY_NIL || call->out == TINY_NONE);
    for (int i = 0; i < state->n; i++) {
        if (call->out != TINY_NONE && call->out != state->at[i])
            continue;
        if (alt-- == 0) {
            (void)take(state, i);
            return true;
        }
    }
    return false;
}

static void change(struct ord_rng *rng, struct tiny_call *call, int values)
{
    if (call->f == ORD_F_DEQUEUE)
        call->out = (int)ord_rng_below(rng, values + 3);
}

static bool looks(const struct tiny_call *call)
{
    return call->f == ORD_F_DEQUEUE && call->out == TINY_NIL;
}

Test(model_unordered_queue, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {
        "unordered-queue", ask, act, step, change, looks, 1};

    tiny_compare(&rules, 20000);
}
