/* calls.h -- a history as calls in columns: what the fast checkers read.
 *
 * A call is a client's invocation with what became of it.  Calls are numbered
 * by the place of their invocation.  Call a came before call b for certain iff
 * end[a] < begin[b].  Events of the nemesis and processes below 0 are left out.
 *
 * Values are atoms: small numbers, equal iff the values are equal, counted
 * from 0 in the order of their coming; atom 0 is nil.  A list is an atom, too,
 * and its items are atoms.
 *
 * Everything is lent by the arena that ord_calls_build() was given; about 22
 * bytes a call and 9 an atom.  Straight from the history's columns: no whole
 * operation is made for it.  O(events + items of lists).
 */
#ifndef ORD_HISTORIES_CALLS_H
#define ORD_HISTORIES_CALLS_H

#include "histories/history.h"

enum {
    ORD_ATOM_NIL = 0,
    ORD_CALLS_KEYS = 1,      /* group by object, even where there is one */
    ORD_CALLS_PROCESSES = 2, /* fill in `process` */
    ORD_CALLS_SESSIONS = 4,  /* fill in `session` */
};

#define ORD_ATOM_NONE UINT32_MAX  /* nobody knows: the answer never came */
#define ORD_CALL_NEVER UINT32_MAX /* the end of a call that nobody saw end */

struct ord_atoms; /* opaque; see below */

struct ord_calls {
    uint32_t count;
    uint32_t event_count;
    const uint32_t *begin; /* index of the invocation, ascending */
    const uint32_t *end;   /* index of an ok completion, else NEVER */
    const uint8_t *f;      /* enum ord_f */
    const uint8_t *type;   /* ORD_OP_OK, ORD_OP_FAIL or ORD_OP_INFO */
    /* What it put, and what it got back or expected:
     *   write, put, append, add, remove, enqueue, push ...: in = the value;
     *       out = what the completion carried where it differs, else in
     *   read, get, dequeue, pop, contains ...: in = what was invoked, out =
     *       what an ok brought
     *   cas: in = the new value, out = the one expected (also where it failed)
     *   else, and txn: in = invoked, out = completed
     * out is NONE where no ok completion told it; a cas always tells. */
    const uint32_t *in;
    const uint32_t *out;
    const uint8_t *is_final; /* NULL: no call is a final read */
    const uint32_t *process; /* dense from 0; NULL unless asked for */
    /* Whom it was done for: op->session of the invocation, else its process;
     * dense from 0 over both kinds.  NULL unless asked for. */
    const uint32_t *session;
    uint32_t session_count;

    uint32_t key_count;           /* objects; 1 where no operation has a key */
    const struct ord_value *keys; /* by object */
    const uint32_t *key;          /* object of each call; NULL: all are 0 */
    const uint32_t *by_key;       /* calls by object, then begin; NULL: as they
                                     stand (one object, not asked for) */
    const uint32_t *key_first;    /* into by_key; key_count + 1 of them */

    const struct ord_atoms *atoms;
    uint32_t atom_count;
};

/* want: ORD_CALLS_KEYS and the others or'ed.  ORD_ENOMEM; ORD_ELIMIT beyond
 * 2^32 - 2 events or atoms; ORD_EFORMAT (a cas without [old new]). */
int ord_calls_build(const struct ord_history *history, unsigned want,
                    struct ord_arena *arena, struct ord_calls *out,
                    struct ord_err *err);

/* The value of an atom; texts and items are lent.  A list's items are made on
 * demand in the atoms' arena; kind ORD_NIL for ORD_ATOM_NONE. */
struct ord_value ord_atom_value(const struct ord_calls *calls, uint32_t atom);
/* False: it is no number. */
bool ord_atom_int(const struct ord_calls *calls, uint32_t atom, int64_t *n);
/* Items of a list as atoms, lent; 0 and NULL for what is no list. */
uint32_t ord_atom_items(const struct ord_calls *calls, uint32_t atom,
                        const uint32_t **items);

#endif
