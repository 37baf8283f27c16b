/* model_points.h -- calls put at points of time become an order.
 *
 * An engine gives each call that happened a point inside its interval, and
 * ranks for those at the same point.  Sorted, that is an order in real time.
 */
#ifndef ORD_CHECKERS_MODEL_POINTS_H
#define ORD_CHECKERS_MODEL_POINTS_H

#include "checkers/lin.h"

struct ord_point {
    uint64_t key; /* ord_point_key() */
    uint32_t call;
};

enum { ORD_POINT_RANKS = 8 };

static inline uint64_t ord_point_key(uint32_t at, uint32_t rank)
{
    return (uint64_t)at * ORD_POINT_RANKS + rank;
}

/* Stable, by key.  O(count x bytes of the largest key) time, 16 bytes a point;
 * false: no memory. */
bool ord_points_sort(struct ord_arena *arena, struct ord_point *points,
                     uint32_t count);

/* The calls of sorted points as the order of a valid answer. */
int ord_points_conclude(struct ord_lin *lin, const struct ord_point *points,
                        uint32_t count, struct ord_err *err);

/* Adds a call to a core that has room for it. */
static inline void ord_core_add(struct ord_lin_part *core, uint32_t *count,
                                uint32_t call, unsigned keep)
{
    core[(*count)++] = (struct ord_lin_part){call, (uint8_t)keep};
}

/* Sorts by call, joins what is kept of one call, and sets the answer. */
void ord_core_conclude(struct ord_lin *lin, struct ord_lin_part *core,
                       uint32_t count);

#endif
