/* lin.h -- one object and one model, as the engines of `linearizable` see it.
 *
 * An engine is pure: calls in columns in, an order or a core out.  Times are
 * places in the history; a came before b for certain iff end[a] < begin[b]
 * (closed intervals: what touches is concurrent).  A call with end NEVER may
 * have happened at any time from its begin on, once, or never.  Begins ascend
 * but need not differ, for the minimiser widens intervals; an end of
 * event_count is "some time, for certain".  The minimiser also makes calls
 * with an answer optional (type INFO, end NEVER, out known): if such a call
 * happened, it got that answer.
 *
 * What to leave out, and the engine does: calls of type FAIL (but see
 * is_strict), final reads, reads without an answer.
 */
#ifndef ORD_CHECKERS_LIN_H
#define ORD_CHECKERS_LIN_H

#include "checkers/checker.h"
#include "histories/calls.h"

/* What a core keeps of a call; a call without any mark happened at any time,
 * once, or never.  What may be left out of a core: minimise.h. */
enum {
    ORD_KEEP_BEGIN = 1, /* it began no earlier than on record */
    ORD_KEEP_END = 2,   /* it ended no later; implies MUST */
    ORD_KEEP_MUST = 4,  /* it happened */
};

struct ord_lin_part {
    uint32_t call;
    uint8_t keep;
};

/* Why it is a violation, for the words: which calls stand in why_calls. */
enum ord_lin_reason {
    ORD_LIN_UNSAID,    /* those that the text `why` is about */
    ORD_LIN_UNWRITTEN, /* [call]: needs a value that nobody wrote */
    ORD_LIN_TWICE,     /* [cas, cas, writer or NONE]: both took one value */
    ORD_LIN_REVERSED,  /* [early, late]: late ended before early began */
    ORD_LIN_CYCLE,     /* [cas, ...]: needs a value that needs its own */
    ORD_LIN_CONFLICT,  /* [x1 or NONE, y1, y2, x2]: x1 ended before y1 began,
                          y2 before x2; x are of one value, y of another */
    ORD_LIN_HELD,      /* [acquire]: more had succeeded by its end than begun to
                          be released */
    ORD_LIN_FREE,      /* [release]: more had succeeded by its end than begun to
                          be acquired */
    ORD_LIN_DEAD,      /* [call, open ..., writers ...]: cannot have ended so */
};

enum { ORD_LIN_WHY_MAX = 24 };

#define ORD_LIN_NONE UINT32_MAX /* no call */

struct ord_lin {
    /* ---- the question, lent ---- */
    uint32_t count;
    uint32_t event_count;
    const uint32_t *begin;
    const uint32_t *end;
    const uint32_t *in;  /* atoms of calls.h, or dense ones of this object */
    const uint32_t *out; /* ORD_ATOM_NONE: the answer is not known */
    const uint8_t *f;
    const uint8_t *type;
    const uint8_t *is_final;       /* NULL: none */
    const uint32_t *process;       /* NULL unless the model asks for it */
    uint32_t atom_count;           /* every in and out is below, or NONE */
    const struct ord_calls *calls; /* for values: ord_lin_value() */
    const uint32_t *atom_of;       /* dense -> atom of calls; NULL: the same */
    struct ord_arena *arena;       /* for the engine's work and its answer */
    uint64_t *steps_left;          /* of the whole check */
    bool is_strict;   /* a failed cas says that the value was another */
    bool wants_order; /* else order stays NULL, which saves memory */
    bool is_open;     /* it may be in any state at first: counter and
                         multi-register only, and only the minimiser */

    /* ---- the answer ---- */
    enum ord_outcome outcome;
    bool is_declined;      /* a fast engine: the values are not unique */
    const uint32_t *order; /* VALID: calls in order, those that happened */
    uint32_t order_count;
    /* INVALID: calls that already contradict each other, not yet minimal;
     * NULL where the engine knows no smaller ones than all. */
    const struct ord_lin_part *core;
    uint32_t core_count;
    uint8_t reason; /* enum ord_lin_reason */
    uint32_t why_calls[ORD_LIN_WHY_MAX];
    uint32_t why_count;
    uint32_t open_count;    /* DEAD: so many of them were open, too */
    char why[ORD_WHY_SIZE]; /* UNKNOWN: what was used up; INVALID: optional */
    /* UNKNOWN: the places between which it stayed undecided; all before is
     * fine, and so is all after if is_rest_decided. */
    uint32_t undecided_from;
    uint32_t undecided_to;
    bool is_rest_decided;
};

/* Sets the answer; returns ORD_OK, or ORD_ENOMEM as an error. */
typedef int ord_lin_engine(struct ord_lin *lin, struct ord_err *err);

struct ord_model {
    const char *name;      /* "fifo-queue" */
    const char *about;     /* one line: operations, initial state */
    const char *law;       /* what a core of few calls breaks, for sentences */
    uint64_t fs;           /* bit f: it knows that function */
    ord_lin_engine *fast;  /* near-linear where it does not decline; or NULL */
    ord_lin_engine *exact; /* any values, within the budget */
};

static inline struct ord_value ord_lin_value(const struct ord_lin *lin,
                                             uint32_t atom)
{
    if (lin->atom_of != NULL && atom < lin->atom_count)
        atom = lin->atom_of[atom];
    return ord_atom_value(lin->calls, atom);
}

/* All models, NULL at the end; and by name (NULL: there is none). */
const struct ord_model *const *ord_models(void);
const struct ord_model *ord_model_find(const char *name);

/* Asks fast, then exact: what `linearizable` and the minimiser call. */
int ord_lin_decide(const struct ord_model *model, struct ord_lin *lin,
                   struct ord_err *err);

#endif
