#include "harness/base/rng.h"

#include <stddef.h>

#include "harness/base/err.h"

__extension__ typedef unsigned __int128 wide;

struct ord_rng ord_rng_stream(uint64_t seed, const char *name, uint64_t index)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    ORD_ASSERT(name != NULL);
    for (const char *c = name; *c != '\0'; c++)
        h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    return (struct ord_rng){.state = ord_hash(seed, h, index)};
}

uint64_t ord_rng_below(struct ord_rng *rng, uint64_t bound)
{
    ORD_ASSERT(bound > 0);
    /* Lemire's multiply-shift; the bias is under bound / 2^64. */
    return (uint64_t)(((wide)ord_rng_next(rng) * bound) >> 64);
}

int64_t ord_rng_range(struct ord_rng *rng, int64_t low, int64_t high)
{
    uint64_t span;

    ORD_ASSERT(low <= high);
    span = (uint64_t)high - (uint64_t)low;
    if (span == UINT64_MAX)
        return (int64_t)ord_rng_next(rng);
    return (int64_t)((uint64_t)low + ord_rng_below(rng, span + 1));
}

double ord_rng_unit(struct ord_rng *rng)
{
    return (double)(ord_rng_next(rng) >> 11) * 0x1.0p-53;
}

void ord_rng_shuffle(struct ord_rng *rng, uint32_t *items, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)ord_rng_below(rng, i);
        uint32_t item = items[i - 1];

        items[i - 1] = items[j];
        items[j] = item;
    }
}
