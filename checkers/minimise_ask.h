/* minimise_ask.h -- asks an engine whether a few calls, widened, have an order;
 * only for the minimiser.
 *
 * What is not listed is asked for as its model's rule has it (minimise.h): as
 * unfinished calls without a time, as many as could be of use.
 */
#ifndef ORD_CHECKERS_MINIMISE_ASK_H
#define ORD_CHECKERS_MINIMISE_ASK_H

#include "checkers/lin.h"

enum ord_ask_rule {
    ORD_ASK_FREE,     /* what unlisted calls put is there at any time */
    ORD_ASK_LOCK,     /* unlisted calls are there at any time */
    ORD_ASK_ELEMENTS, /* no element is listed in part */
    ORD_ASK_LISTED,   /* all that changes the state is listed */
};

struct ord_ask {
    const struct ord_model *model;
    const struct ord_lin *lin;
    struct ord_arena *arena; /* of tables */
    struct ord_arena work;   /* of one question */
    enum ord_ask_rule rule;
    bool is_set;
    bool has_maps;    /* states are maps, which cost more */
    bool has_windows; /* it may begin in the middle, in any state */
    bool has_owner;
    uint32_t key_count;
    uint32_t *key_first; /* calls that change the state, by key, then begin */
    uint32_t *by_key;
    uint32_t *wanted; /* by key: by how many of the calls asked about */
    uint32_t *listed; /* by key: how many of them are listed */
    uint32_t *touched;
    uint32_t touched_count;
    uint32_t *local; /* by atom, of the question at hand; + 1 */
    uint32_t *atoms; /* and back */
    uint32_t local_count;
    uint64_t steps_left;
    bool is_windowed; /* calls that ended before ord_ask_first() are not listed
                         though they change the state */
    uint32_t listed_to; /* ... nor those that began after that place; else
                           ORD_CALL_NEVER */
    bool is_unsure;     /* a question stayed undecided */
    bool is_broke;      /* no steps or memory are left */
};

/* ORD_ENOMEM. */
int ord_ask_init(struct ord_ask *ask, const struct ord_model *model,
                 const struct ord_lin *lin, struct ord_arena *arena,
                 struct ord_err *err);
void ord_ask_fini(struct ord_ask *ask);

/* True: for certain no order of these calls exists, whatever the others did.
 * Parts in any order, each call once. */
bool ord_ask_is_violating(struct ord_ask *ask, const struct ord_lin_part *parts,
                          uint32_t count);

/* The last kept end, if all that must have happened has one: what began later
 * came too late.  Else UINT32_MAX. */
uint32_t ord_ask_last(const struct ord_ask *ask,
                      const struct ord_lin_part *parts, uint32_t count);

/* Where the window opens: the first begin of what must have happened, if each
 * of these keeps it and the model knows windows.  What ended before it only
 * says in which state the object was then, and that may be any.  Else 0. */
uint32_t ord_ask_first(const struct ord_ask *ask,
                       const struct ord_lin_part *parts, uint32_t count);

/* It bears on the question. */
bool ord_ask_counts(const struct ord_ask *ask, uint32_t call);
/* It never changes the state. */
bool ord_ask_is_look(const struct ord_ask *ask, uint32_t call);
/* What it put or took: an atom, NONE where that is not known. */
uint32_t ord_ask_element(const struct ord_ask *ask, uint32_t call);
/* What need not have happened and left a text that nobody of the core got is
 * of no use to it: verify does not miss it either.  Returns how many are left.
 */
uint32_t ord_ask_drop_unseen(const struct ord_ask *ask,
                             struct ord_lin_part *parts, uint32_t count);

#endif
