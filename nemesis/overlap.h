/* overlap.h -- which faults may be in force beside which; for nemesis/ only.
 *
 *  - two faults whose descriptors exclude each other, at one node: no;
 *  - a fault that wants running nodes where all of its nodes are down, frozen
 *    or out, and a kill where all are down already: no;
 *  - more nodes down, frozen or out than the campaign allows: no.
 * A frozen node may be killed: it is thawed first (env.h).  The plan asks about
 * what it knows beforehand, the engine about what is in force; both say why.
 */
#ifndef ORD_NEMESIS_OVERLAP_H
#define ORD_NEMESIS_OVERLAP_H

#include "nemesis/nemesis.h"

enum { ORD_WHY_NOT_SIZE = 256 };

struct ord_beside { /* what is in force */
    const struct ord_fault **faults;
    uint32_t count;
    uint64_t down; /* nodes that do not run, whoever wanted it */
    uint64_t frozen;
    uint32_t away_max; /* 0: any number */
};

enum ord_grip ord_fault_grip(const struct ord_fault *fault);

/* Adds a fault to what is in force, and its nodes to down or frozen. */
void ord_beside_add(struct ord_beside *beside, const struct ord_fault *fault);
/* May this fault begin? If not, why: "n1 is down". */
bool ord_may_begin(const struct ord_fault *fault,
                   const struct ord_beside *beside, char why[ORD_WHY_NOT_SIZE]);

/* Marks those faults of a plan, ordered by time, that must not begin.  What is
 * not known beforehand (who leads, when an event comes) is left to the engine.
 * ORD_ENOMEM. */
int ord_plan_overlaps(struct ord_fault_plan *plan, const struct ord_plan_in *in,
                      struct ord_err *err);

#endif
