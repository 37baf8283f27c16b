/* lanes.h -- clocks over what sessions did; for checkers only.
 *
 * A lane is a row of deeds each of which is earlier in its session than the
 * next: a session's writes (or all it did), or several rows where it did
 * several things at a time.  A clock says for each lane how many of its deeds
 * are known; a deed is known with all before it.
 *
 * O(deeds), 12 bytes a deed.  ORD_ENOMEM.
 */
#ifndef ORD_CHECKERS_LANES_H
#define ORD_CHECKERS_LANES_H

#include "checkers/trace.h"

struct ord_lane_group { /* the writes of one key in one lane, ascending */
    uint32_t lane;
    uint32_t first; /* into writes */
    uint32_t count;
    uint32_t hint; /* where the last look ended */
};

struct ord_lanes {
    const struct ord_trace *trace;
    struct ord_arena *arena;
    uint32_t count;
    uint32_t *lane;    /* of each deed that has one */
    uint32_t *pos;     /* in its lane, from 1; 0: it has none */
    uint8_t *overlaps; /* by session: it did several things at a time */
    struct ord_lane_group *groups;
    uint32_t *group_first; /* by key */
    uint32_t *writes;      /* by group */
    uint32_t *free_row;
};

/* has_reads: reads have their places, too. */
int ord_lanes_init(struct ord_lanes *lanes, const struct ord_trace *trace,
                   struct ord_arena *arena, bool has_reads,
                   struct ord_err *err);

/* The group's last write up to that place of its lane; NULL: none.  O(log),
 * and O(1) where the places asked for move slowly. */
const uint32_t *ord_lanes_last(const struct ord_lanes *lanes,
                               struct ord_lane_group *group, uint32_t upto);

static inline bool ord_lanes_knows(const struct ord_lanes *lanes,
                                   const uint32_t *clock, uint32_t deed)
{
    ORD_ASSERT(lanes->pos[deed] > 0);
    return clock[lanes->lane[deed]] >= lanes->pos[deed];
}

/* Clocks: all zero at first; NULL without memory. */
uint32_t *ord_row_new(struct ord_lanes *lanes);
/* To be used again; nulls. */
void ord_row_free(struct ord_lanes *lanes, uint32_t **row);
void ord_row_copy(const struct ord_lanes *lanes, uint32_t *to,
                  const uint32_t *from);
void ord_row_join(const struct ord_lanes *lanes, uint32_t *to,
                  const uint32_t *from);

#endif
