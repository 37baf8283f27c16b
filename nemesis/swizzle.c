/* swizzle.c -- see swizzle.h. */
#include "nemesis/swizzle.h"

#include <stdlib.h>

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void sorted_times(struct ord_rng *rng, int64_t low, int64_t high,
                         int64_t *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = ord_rng_range(rng, low, high);
    qsort(out, count, sizeof *out, compare_times);
}

int ord_swizzle_plan(const struct ord_nemesis_entry *entry,
                     const struct ord_occasion *when,
                     const struct ord_plan_in *in, struct ord_fault_plan *out,
                     struct ord_err *err)
{
    struct ord_rng rng = ord_rng_stream(when->seed, "swizzle", 0);
    uint32_t count = (uint32_t)ord_rng_range(&rng, 2, in->node_count);
    int64_t half_ns = when->duration_ns / 2;
    int64_t begins[ORD_NODES_MAX];
    int64_t ends[ORD_NODES_MAX];
    uint32_t order[ORD_NODES_MAX];
    bool is_same = true;

    sorted_times(&rng, 0, half_ns, begins, count);
    sorted_times(&rng, half_ns, when->duration_ns, ends, count);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    ord_rng_shuffle(&rng, order, count);
    for (uint32_t i = 0; i < count; i++)
        is_same = is_same && order[i] == i;
    if (is_same) { /* they would end as they have begun */
        order[0] = 1;
        order[1] = 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct ord_occasion part = *when;
        struct ord_fault *fault;

        part.at_ns += begins[i];
        part.duration_ns = ends[order[i]] - begins[i];
        if (part.duration_ns < 1)
            part.duration_ns = 1; /* 0 would be for ever */
        if (entry->trigger == ORD_AT_TIME && part.at_ns >= in->time_ns)
            break;
        fault = ord_plan_add(out, entry, &part, in, err);
        if (fault == NULL)
            return err->rc;
        fault->part = i;
        fault->part_count = count;
    }
    return ORD_OK;
}

uint64_t ord_swizzle_node(const struct ord_fault *fault, uint32_t node_count)
{
    uint32_t order[ORD_NODES_MAX];

    ord_fault_order(fault, node_count, order);
    return ord_one_node(order[fault->part % node_count]);
}
