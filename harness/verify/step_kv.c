/* step_kv.c -- keys with append: texts put together from pieces. */
#include "harness/verify/step.h"

enum { PIECES_MAX = 1 << 24, TEXT_MAX = 1 << 20 };
#define NOBODYS (UINT32_MAX - 1) /* the only piece of a text that is lost */

/* What a piece is as text; nil is nothing, other values as they are written. */
static struct ord_bytes text_of(const struct ord_calls *calls, uint32_t atom,
                                struct ord_buf *room)
{
    const struct ord_value value = ord_atom_value(calls, atom);

    ord_buf_clear(room);
    if (value.kind == ORD_TEXT)
        return (struct ord_bytes){value.as.text, value.count};
    if (value.kind != ORD_NIL)
        ord_value_to_edn(&value, room);
    return ord_buf_bytes(room);
}

/* The pieces that a value was put together from make that text, or its
 * beginning. */
static bool is_joined(const struct ord_calls *calls, const struct state *state,
                      uint32_t out, bool is_whole)
{
    struct ord_buf rooms[2];
    struct ord_bytes whole;
    bool fits = true;
    size_t at = 0;

    if (state->count == 1 && (state->at[0] == NOBODYS || state->at[0] == out))
        return state->at[0] == out;
    ord_buf_init(&rooms[0], TEXT_MAX);
    ord_buf_init(&rooms[1], TEXT_MAX);
    whole = text_of(calls, out, &rooms[0]);
    for (uint32_t i = 0; i < state->count && fits; i++) {
        struct ord_bytes piece = text_of(calls, state->at[i], &rooms[1]);

        fits = piece.size <= whole.size - at &&
               (piece.size == 0 ||
                memcmp(piece.at, whole.at + at, piece.size) == 0);
        at += fits ? piece.size : 0;
    }
    fits = fits && (!is_whole || at == whole.size) && !rooms[0].failed &&
           !rooms[1].failed;
    ord_buf_fini(&rooms[0]);
    ord_buf_fini(&rooms[1]);
    return fits;
}

/* A text that no call of the core can get any more: until the next put, what
 * it is does not matter. */
static bool put_text(const struct world *world, struct state *state,
                     uint32_t in)
{
    if (state->count == 1 && state->at[0] == NOBODYS)
        return true;
    if (state->count == PIECES_MAX || !ord_state_push(state, in))
        return false;
    for (uint32_t i = 0; i < world->got_count; i++) {
        if (is_joined(world->calls, state, world->gots[i], false))
            return true;
    }
    if (world->gots == NULL)
        return true;
    state->count = 1;
    state->at[0] = NOBODYS;
    return true;
}

bool ord_state_is_lost(const struct world *world, const struct state *state)
{
    return world->gots != NULL && state->count == 1 && state->at[0] == NOBODYS;
}

bool ord_step_kv(const struct world *world, struct state *state,
                 const struct act *act, uint32_t choice, uint32_t *choices)
{
    (void)choice;
    *choices = 1;
    switch (act->f) {
    case ORD_F_GET:
    case ORD_F_READ:
        return is_joined(world->calls, state, act->out, true);
    case ORD_F_APPEND:
        return put_text(world, state, act->in);
    default:
        state->count = 0;
        return put_text(world, state, act->in);
    }
}
