/* saturation.h -- all that follows from sessions, from what reads saw, and from
 * there being one order; for checkers only.
 *
 * Starts with a -> b where a is earlier in b's session or the write that b saw,
 * and the pairs given.  Then, as long as something new follows:
 *   (1) where a write w1 is before a read (of the session in question, or of
 *       any) that saw another write w2 of that object: w1 -> w2;
 *   (2) where a write is before another of that object: its readers -> the
 *       other (only with is_sequential); and reads of nil -> every write.
 * INVALID: there is a cycle, or a nil-read has a write of its object before it.
 *
 * Cost: rounds x O(deeds x lanes); 12 bytes an arrow.
 */
#ifndef ORD_CHECKERS_SATURATION_H
#define ORD_CHECKERS_SATURATION_H

#include "checkers/causality.h"
#include "checkers/lanes.h"

#define ORD_ANY_SESSION UINT32_MAX

struct ord_arrow {
    uint32_t from;
    uint32_t to;
    uint32_t why; /* the read (1) or write (2); UINT32_MAX: session order */
};

struct ord_saturation {
    const struct ord_trace *trace;
    struct ord_arena *arena;
    uint64_t *steps_left; /* lent */
    bool derives;         /* (1); else only the pairs given count */
    bool is_sequential;   /* (2), too */
    uint32_t session;     /* whose reads count for (1); or ORD_ANY_SESSION */
    const struct ord_causal_pair *pairs;
    uint32_t pair_count;

    /* ---- the answer ---- */
    enum ord_outcome outcome; /* UNKNOWN: the steps were used up */
    uint32_t *order;          /* VALID: deeds, each after all before it */
    uint32_t *cycle;          /* INVALID: deeds, each before the next */
    uint8_t *marks;           /* enum ord_edge */
    uint32_t *whys;
    uint32_t cycle_count; /* 2 for a nil-read: the write, and the read */
    struct ord_arrow *arrows;
    uint32_t arrow_count;
    uint32_t round_count;
};

int ord_saturate(struct ord_saturation *saturation, struct ord_err *err);

#endif
