/* test_model_fifo_queue.c -- tables, and every order of small histories. */
#include <criterion/criterion.h>

#include "support_model.h"

Test(model_fifo_queue, tables)
{
    static const struct model_row rows[] = {
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "2 inv dequeue; 2 ok dequeue 1; 2 inv dequeue; 2 ok dequeue 2",
         ORD_VALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "2 inv dequeue; 2 ok dequeue 2; 2 inv dequeue; 2 ok dequeue 1",
         ORD_INVALID},
        /* The first was never dequeued. */
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "2 inv dequeue; 2 ok dequeue 2",
         ORD_INVALID},
        /* Unless somebody did, whom nobody heard of. */
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "3 inv dequeue; 3 info dequeue; 2 inv dequeue; 2 ok dequeue 2",
         ORD_VALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "2 inv dequeue; 2 ok dequeue 2; 3 inv dequeue; 3 info dequeue",
         ORD_INVALID},
        /* One unheard dequeue for two lost values. */
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 2; 1 ok enqueue 2;"
         "1 inv enqueue 3; 1 ok enqueue 3;"
         "3 inv dequeue; 3 info dequeue; 2 inv dequeue; 2 ok dequeue 3",
         ORD_INVALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 2 inv dequeue; 2 ok dequeue nil",
         ORD_INVALID},
        {"1 inv enqueue 1; 2 inv dequeue; 2 ok dequeue nil; 1 ok enqueue 1",
         ORD_VALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 3 inv dequeue; 3 info dequeue;"
         "2 inv dequeue; 2 ok dequeue nil",
         ORD_VALID},
        {"1 inv enqueue 1; 1 info enqueue 1; 2 inv dequeue; 2 ok dequeue nil;"
         "2 inv dequeue; 2 ok dequeue 1",
         ORD_VALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 2 inv dequeue; 2 ok dequeue 1;"
         "2 inv dequeue; 2 ok dequeue 1",
         ORD_INVALID},
        {"2 inv dequeue; 2 ok dequeue 1; 1 inv enqueue 1; 1 ok enqueue 1",
         ORD_INVALID},
        {"1 inv enqueue 1; 1 fail enqueue 1; 2 inv dequeue; 2 ok dequeue 1",
         ORD_INVALID},
        /* Never empty between: 1 is there until 2 is. */
        {"1 inv enqueue 1; 1 ok enqueue 1; 2 inv dequeue; 1 inv enqueue 2;"
         "1 ok enqueue 2; 3 inv dequeue; 3 ok dequeue 1; 2 ok dequeue nil;"
         "3 inv dequeue; 3 ok dequeue 2",
         ORD_INVALID},
        {"1 inv enqueue 1; 1 ok enqueue 1; 1 inv enqueue 1; 1 ok enqueue 1;"
         "2 inv dequeue; 2 ok dequeue 1; 2 inv dequeue; 2 ok dequeue 1",
         ORD_VALID},
    };

    MODEL_ROWS("fifo-queue", rows);
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
        call->out = state->n == 0 ? TINY_NIL : take(state, 0);
}

static bool step(struct tiny_state *state, const struct tiny_call *call,
                 int alt)
{
    if (alt > 0)
        return false;
    if (call->f == ORD_F_ENQUEUE) {
        put(state, call->in);
        return true;
    }
    if (state->n == 0)
        return call->out == TINY_NIL || call->out == TINY_NONE;
    if (call->out != TINY_NONE && call->out != state->at[0])
        return false;
    (void)take(state, 0);
    return true;
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

Test(model_fifo_queue, every_order, .timeout = 0)
{
    static const struct tiny_rules rules = {"fifo-queue", ask,   act, step,
                                            change,       looks, 1};

    tiny_compare(&rules, 20000);
}
