/* brute.h -- is there an order?  Tries them all. */
#ifndef ORD_CI_STRESS_BRUTE_H
#define ORD_CI_STRESS_BRUTE_H

#include "ci/stress/small.h"

enum { BRUTE_SLOTS = 1 << 13 };

/* A call as it is asked about: as recorded, or with less known of it. */
struct brute_call {
    const struct small_call *call;
    uint32_t begin;
    uint32_t end; /* UINT32_MAX: nobody saw it end */
    bool must;    /* it happened; else it may have */
    bool is_told; /* if it happened, then with that answer */
};

struct brute {
    /* For the self-test of stress: it forgets what some calls did. */
    bool is_broken;
    uint32_t count;
    struct brute_call calls[SMALL_CALLS_MAX];
    /* What has been tried already: (calls done, state). */
    uint32_t round;
    uint32_t rounds[BRUTE_SLOTS];
    uint64_t states[BRUTE_SLOTS];
    uint8_t masks[BRUTE_SLOTS];
};

/* The calls of one key, as recorded. */
void brute_take(struct brute *brute, const struct small *small, uint8_t key);
/* Forgets of a call what a core does not keep of it (ORD_KEEP_... bits: began
 * 1, ended 2, must 4); a call that is not in the core has none. */
void brute_keep(struct brute_call *call, uint8_t keep);
bool brute_has_order(struct brute *brute, const struct small_family *family);
/* Of all keys. */
bool brute_is_valid(struct brute *brute, const struct small *small);
/* Does this order explain the calls in `brute`?  order: indexes into its
 * calls.  All that must have happened are in it, none twice. */
bool brute_accepts(const struct brute *brute, const struct small_family *family,
                   const uint32_t *order, uint32_t count);

#endif
