/* rng.h -- seeded random numbers, split into named streams.
 *
 * splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014): the state is one counter, so a stream is cheap
 * to keep per worker, per fault and per link.
 */
#ifndef ORD_BASE_RNG_H
#define ORD_BASE_RNG_H

#include <stdint.h>

struct ord_rng {
    uint64_t state;
};

/* The finalizer of splitmix64: a good 64-bit mix of one word. */
static inline uint64_t ord_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* One decision from its coordinates, whatever was decided before. */
static inline uint64_t ord_hash(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t h = ord_mix(seed + UINT64_C(0x9e3779b97f4a7c15));

    h = ord_mix(h ^ (a + UINT64_C(0x9e3779b97f4a7c15)));
    return ord_mix(h ^ (b * UINT64_C(0xd1342543de82ef95) + 1));
}

/* The stream `name` number `index` of this seed: independent of all others. */
struct ord_rng ord_rng_stream(uint64_t seed, const char *name, uint64_t index);

static inline uint64_t ord_rng_next(struct ord_rng *rng)
{
    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    return ord_mix(rng->state);
}

/* Uniform in [0, bound); bound > 0. */
uint64_t ord_rng_below(struct ord_rng *rng, uint64_t bound);
/* Uniform in [low, high]; low <= high. */
int64_t ord_rng_range(struct ord_rng *rng, int64_t low, int64_t high);
/* Uniform in [0, 1). */
double ord_rng_unit(struct ord_rng *rng);
/* Shuffles count items. */
void ord_rng_shuffle(struct ord_rng *rng, uint32_t *items, uint32_t count);

#endif
