/* linear.h -- one register as the two engines of `linearizable` see it.
 *
 * Only what bears on the question: failed calls, unfinished reads, final reads
 * and unfinished writes whose value nobody can have seen are left out.
 */
#ifndef ORD_CHECKERS_LINEAR_H
#define ORD_CHECKERS_LINEAR_H

#include "checkers/proof.h"

enum { ORD_LINEAR_NIL = 0 }; /* the id of the initial value */

struct ord_linear_call {
    const struct ord_call *call;
    int64_t begin;
    int64_t end;   /* ORD_NEVER: unfinished, it may have happened or not */
    uint32_t from; /* value id that a cas expects */
    uint32_t to;   /* value id read or written */
    uint8_t f;     /* ORD_F_READ, ORD_F_WRITE or ORD_F_CAS */
};

struct ord_linear {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    const struct ord_view *view;
    const struct ord_object *object;
    struct ord_linear_call *calls; /* by begin */
    struct ord_intern values;
    uint32_t count;
    bool is_unique;      /* no value written twice, nor nil by anyone */
    uint64_t steps_left; /* of the whole check */
    uint32_t *order;     /* valid: indexes into calls, in order */
    uint32_t order_count;
    bool has_order; /* false: no memory was left to keep it */
};

/* Both set out when they end INVALID (ord_found) or UNKNOWN (ord_conclude),
 * and order when they end VALID. */

/* Unique values: zones of Gibbons and Korach (SIAM J. Comput. 26(4), 1997),
 * extended by chains of compare-and-set (ours; see zones.c).
 * O(n log n) time, O(n) bytes.  Always decides. */
int ord_zones(struct ord_linear *linear, enum ord_outcome *outcome,
              struct ord_err *err);

/* Any values: the frontier of configurations, one layer at a time (see
 * frontier.c).  Exponential in the calls open at once; UNKNOWN when steps or
 * a limit are used up. */
int ord_frontier(struct ord_linear *linear, enum ord_outcome *outcome,
                 struct ord_err *err);

#endif
