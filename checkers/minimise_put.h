/* minimise_put.h -- rows of calls as a question to an engine; only for
 * minimise_ask.c. */
#ifndef ORD_CHECKERS_MINIMISE_PUT_H
#define ORD_CHECKERS_MINIMISE_PUT_H

#include "checkers/minimise_ask.h"

struct row { /* a call of the question */
    uint32_t call;
    uint32_t in;
    uint32_t begin;
    uint32_t end; /* event_count: some time */
    uint8_t f;
    uint8_t type;
    bool is_told; /* the answer stands */
};

struct rows {
    struct row *at;
    uint32_t count;
    uint32_t room;
};

static inline uint32_t ord_ask_atom(const struct ord_lin *lin, uint32_t atom)
{
    return lin->atom_of == NULL || atom == ORD_ATOM_NONE ? atom
                                                         : lin->atom_of[atom];
}

static inline void ord_ask_spend(struct ord_ask *ask, uint64_t steps)
{
    ask->steps_left -= steps < ask->steps_left ? steps : ask->steps_left;
}

/* True: they have no order.  is_open: whatever the state at first.  Sorts the
 * rows; spends steps. */
bool ord_ask_put(struct ord_ask *ask, const struct rows *rows, bool is_open);

#endif
