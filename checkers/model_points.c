#include "checkers/model_points.h"

#include <stdlib.h>
#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS };

bool ord_points_sort(struct ord_arena *arena, struct ord_point *points,
                     uint32_t count)
{
    struct ord_point *from = points;
    struct ord_point *to = NULL;
    uint32_t *first = ord_arena_alloc(arena, DIGITS * sizeof *first);
    uint64_t key_max = 0;

    to = ord_arena_alloc(arena, ((size_t)count + 1) * sizeof *to);
    if (first == NULL || to == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        key_max = points[i].key > key_max ? points[i].key : key_max;
    for (uint32_t shift = 0; shift < 64 && key_max >> shift != 0;
         shift += DIGIT_BITS) {
        struct ord_point *swap = from;
        uint32_t sum = 0;

        memset(first, 0, DIGITS * sizeof *first);
        for (uint32_t i = 0; i < count; i++)
            first[from[i].key >> shift & (DIGITS - 1)]++;
        for (uint32_t d = 0; d < DIGITS; d++) {
            uint32_t here = first[d];

            first[d] = sum;
            sum += here;
        }
        for (uint32_t i = 0; i < count; i++)
            to[first[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
        from = to;
        to = swap;
    }
    if (from != points)
        memcpy(points, from, count * sizeof *points);
    return true;
}

int ord_points_conclude(struct ord_lin *lin, const struct ord_point *points,
                        uint32_t count, struct ord_err *err)
{
    uint32_t *order =
        ord_arena_alloc(lin->arena, ((size_t)count + 1) * sizeof *order);

    if (order == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for the order");
    for (uint32_t i = 0; i < count; i++)
        order[i] = points[i].call;
    lin->order = order;
    lin->order_count = count;
    lin->outcome = ORD_VALID;
    return ORD_OK;
}

static int compare_parts(const void *a, const void *b)
{
    const struct ord_lin_part *x = a;
    const struct ord_lin_part *y = b;

    return (x->call > y->call) - (x->call < y->call);
}

void ord_core_conclude(struct ord_lin *lin, struct ord_lin_part *core,
                       uint32_t count)
{
    uint32_t kept = 0;

    ORD_ASSERT(count > 0);
    qsort(core, count, sizeof *core, compare_parts);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && core[kept - 1].call == core[i].call)
            core[kept - 1].keep |= core[i].keep;
        else
            core[kept++] = core[i];
    }
    for (uint32_t i = 0; i < kept; i++) {
        if ((core[i].keep & ORD_KEEP_END) != 0)
            core[i].keep |= ORD_KEEP_MUST;
    }
    lin->outcome = ORD_INVALID;
    lin->core = core;
    lin->core_count = kept;
}
