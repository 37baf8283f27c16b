/* step_counter.c -- counters, whose sums are exact. */
#include <string.h>

#include "harness/verify/step.h"

__extension__ typedef __int128 wide;

enum { DIGITS_MAX = 27 }; /* 2^32 of these are still no sum too wide */

/* A number; where it is too large for a reader, its digits as a text. */
static bool number_of(const struct ord_calls *calls, uint32_t atom, wide *out)
{
    const struct ord_value value = ord_atom_value(calls, atom);
    const char *text = value.as.text;
    bool is_negative;
    uint32_t i;

    *out = 0;
    if (value.kind == ORD_INT)
        *out = value.as.number;
    if (value.kind != ORD_TEXT || value.count == 0)
        return value.kind == ORD_INT;
    is_negative = text[0] == '-';
    if (value.count - is_negative > DIGITS_MAX)
        return false;
    for (i = is_negative; i < value.count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *out = *out * 10 + (text[i] - '0');
    }
    if (is_negative)
        *out = -*out;
    return *out < INT64_MIN || *out > INT64_MAX;
}

bool ord_init_counter(const struct world *world, struct state *state)
{
    enum { WORDS = sizeof(wide) / sizeof *state->at };

    /* The last: the sum is only what was added so far, to nobody knows what. */
    state->first = 0;
    state->count = 0;
    if (!ord_state_room(state, WORDS + 1))
        return false;
    memset(state->at, 0, WORDS * sizeof *state->at);
    state->at[WORDS] = world->is_open;
    state->count = WORDS + 1;
    return true;
}

bool ord_step_counter(const struct world *world, struct state *state,
                      const struct act *act, uint32_t choice, uint32_t *choices)
{
    wide number = 0;
    wide sum;

    (void)choice;
    *choices = 1;
    memcpy(&sum, state->at, sizeof sum);
    if (act->f == ORD_F_READ) { /* nil is 0 */
        if (act->out != ORD_ATOM_NIL &&
            !number_of(world->calls, act->out, &number))
            return false;
        if (state->at[state->count - 1] == 0)
            return number == sum;
        state->at[state->count - 1] = 0;
        sum = 0;
    } else if (!number_of(world->calls, act->in, &number)) {
        return false;
    }
    sum += number;
    memcpy(state->at, &sum, sizeof sum);
    return true;
}
