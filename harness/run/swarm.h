/* swarm.h -- what a seed makes of a cell: parameters that are ranges or lists
 * are drawn; in swarm mode part of the faults and of the kinds of operations is
 * left out (nemesis/draw.h). */
#ifndef ORD_RUN_SWARM_H
#define ORD_RUN_SWARM_H

#include "harness/base/buf.h"
#include "harness/run/campaign.h"

/* Could every seed of the cell be planned? Asked once for all of them.
 * ORD_EUSAGE with file and line. */
int ord_swarm_check(const struct ord_cell *cell, struct ord_arena *arena,
                    struct ord_err *err);
/* Sets entries, params and kinds_left_out for the cell's seed, from what was
 * written.  A pure function of both. */
int ord_swarm_draw(struct ord_cell *cell, struct ord_arena *arena,
                   struct ord_err *err);
/* What was drawn and left out; nothing if the seed has no say. */
void ord_swarm_print(const struct ord_cell *cell, struct ord_buf *out);
/* The same as a member "swarm" of an object, after a comma. */
void ord_swarm_json(const struct ord_cell *cell, struct ord_buf *out);

#endif
