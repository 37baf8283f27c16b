/* exact.h -- the search that decides any model and any values: what a model
 * brings, and what it may use.
 *
 * Just-in-time frontier search: Wing and Gong (JPDC 17, 1993); decide nothing
 * until a call ends (Lowe, CPE 29(4), 2017); keep one layer of configurations
 * (state, which open calls were placed), not the history of them.  Exact
 * within the budget; exponential in the calls open at once at worst.
 *
 * What keeps the layers small: calls that only look are placed as soon as
 * their answer fits; of calls with one effect the one that ends first is
 * placed first; unfinished calls are counted by effect and taken only where
 * the model says that they help; so are all others.
 */
#ifndef ORD_CHECKERS_EXACT_H
#define ORD_CHECKERS_EXACT_H

#include "checkers/exact_map.h"
#include "checkers/lin.h"

/* A state of an object; the map's root makes it equal to another iff all
 * three numbers are. */
struct ord_state {
    uint32_t root; /* of ord_exact.map */
    uint32_t a;
    uint32_t b;
};

struct ord_exact_model;

struct ord_exact { /* lent to the model's functions */
    struct ord_lin *lin;
    const struct ord_exact_model *model;
    struct ord_map map;
    void *own;       /* the model's, in lin->arena */
    uint8_t *drops;  /* by call: the model sets it for what bears on nothing */
    uint32_t *arg;   /* by call: the model's; calls with f, in, out and arg
                        alike have one effect */
    uint32_t *root;  /* by call: a map that the model made when it began, kept
                        alive while the call is open */
    uint32_t now;    /* the place that the search has come to */
    uint32_t note;   /* a step may set it, for finish() */
    uint32_t peeked; /* a step was refused for what a call up to there says */
    uint32_t open_looks; /* calls open that only look and are not placed yet, in
                            the configuration at hand */
};

/* All but init, step and key_max may be NULL. */
struct ord_exact_model {
    /* Own tables, drops, arg; the initial state.  ORD_ENOMEM. */
    int (*init)(struct ord_exact *exact, struct ord_state *start,
                struct ord_err *err);
    /* The largest key of the map. */
    uint32_t (*key_max)(const struct ord_exact *exact);
    /* A call begins: may set root[call]; false: no memory. */
    bool (*begin)(struct ord_exact *exact, uint32_t call);
    /* The nth way in which the call can happen there (only 0 for all but
     * unknown answers); false: none.  to->root may become ORD_MAP_FULL. */
    bool (*step)(struct ord_exact *exact, const struct ord_state *from,
                 uint32_t call, uint32_t nth, struct ord_state *to);
    /* It never changes the state. */
    bool (*looks)(const struct ord_exact *exact, uint32_t call);
    /* May it matter that `other` happens before `call`, which has to happen
     * now?  False only where each order with it before has a like one with it
     * after, or without it. */
    bool (*helps)(struct ord_exact *exact, const struct ord_state *state,
                  uint32_t call, uint32_t other);
    /* Valid, and the order is wanted: makes it of what was placed, and of the
     * notes of those steps.  Else they are the order as they stand. */
    int (*finish)(struct ord_exact *exact, const uint32_t *calls,
                  const uint32_t *notes, uint32_t count, struct ord_err *err);
};

/* An engine as in lin.h. */
int ord_exact_decide(const struct ord_exact_model *model, struct ord_lin *lin,
                     struct ord_err *err);

/* What a dequeue or pop brought: an atom, NIL for empty, NONE for unknown. */
static inline uint32_t ord_exact_taken(const struct ord_lin *lin, uint32_t call)
{
    uint32_t in = lin->in[call];
    uint32_t out = lin->out[call];

    if (in == ORD_ATOM_NIL || in == ORD_ATOM_NONE)
        return out;
    return out == ORD_ATOM_NIL || out == ORD_ATOM_NONE ? in : out;
}

/* Left out by every model: failed, or a final read, or a look without an
 * answer (is_look: it never changes the state). */
static inline bool ord_exact_skips(const struct ord_lin *lin, uint32_t call,
                                   bool is_look)
{
    if (lin->type[call] == ORD_OP_FAIL)
        return true;
    if (!is_look)
        return false;
    return lin->end[call] == ORD_CALL_NEVER ||
           lin->out[call] == ORD_ATOM_NONE ||
           (lin->is_final != NULL && lin->is_final[call] != 0);
}

#endif
