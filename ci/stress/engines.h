/* engines.h -- the engines of a model, asked one by one: the exact one also
 * where the fast one would have answered, and both about calls of which less
 * is known than was recorded, as the minimiser asks them. */
#ifndef ORD_CI_STRESS_ENGINES_H
#define ORD_CI_STRESS_ENGINES_H

#include "ci/stress/judge.h"

struct engine_counts {
    uint64_t asked;
    uint64_t valid;
    uint64_t invalid;
    uint64_t unknown;
    uint64_t declined;
};

struct engines {
    struct engine_counts fast;
    struct engine_counts exact;
    char why[256]; /* what was asked, where something is wrong */
};

/* Asks about the history that judge_ask() has built last.  NULL, or what is
 * wrong with an answer. */
const char *engines_look(struct engines *engines, struct judge *judge,
                         const struct small *small, struct brute *brute,
                         struct ord_rng *rng);

#endif
