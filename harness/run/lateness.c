#include "harness/run/lateness.h"

#include "harness/base/clock.h"

/* 0, 1, 2, 3, then four for each power of two. */
static uint32_t bucket_of(uint64_t us)
{
    uint32_t octave;

    if (us < 4)
        return (uint32_t)us;
    octave = 63 - (uint32_t)__builtin_clzll(us);
    return 4 * (octave - 1) + (uint32_t)(us >> (octave - 2) & 3);
}

static uint64_t upper_edge(uint32_t bucket)
{
    uint32_t octave = bucket / 4 + 1;

    if (bucket < 4)
        return bucket + 1;
    return (UINT64_C(5) + bucket % 4) << (octave - 2);
}

void ord_lateness_add(struct ord_lateness *late, int64_t due_ns,
                      int64_t done_ns)
{
    int64_t ns = done_ns > due_ns ? done_ns - due_ns : 0;
    uint32_t bucket = bucket_of((uint64_t)(ns / ORD_US));

    if (bucket >= ORD_LATENESS_BUCKETS)
        bucket = ORD_LATENESS_BUCKETS - 1;
    late->count++;
    late->buckets[bucket]++;
    if (ns > late->max_ns)
        late->max_ns = ns;
}

int64_t ord_lateness_quantile(const struct ord_lateness *late, double share)
{
    uint64_t below = 0;

    for (uint32_t i = 0; i < ORD_LATENESS_BUCKETS; i++) {
        int64_t edge_ns = (int64_t)upper_edge(i) * ORD_US;

        below += late->buckets[i];
        if (late->count > 0 && (double)below >= share * (double)late->count)
            return edge_ns < late->max_ns ? edge_ns : late->max_ns;
    }
    return late->max_ns;
}
