/* facts.h -- counting again what a checker counted; only for harness/verify.
 *
 * One function per checker, written from the definition at the head of
 * checkers/NAME.c.  It tells the numbers that it found, blames the calls that
 * break the claim, and says why the verdict could not be a pass.
 */
#ifndef ORD_VERIFY_FACTS_H
#define ORD_VERIFY_FACTS_H

#include "harness/verify/claim.h"

#define NEVER ORD_CALL_NEVER

enum { FACTS_MAX = 64 };

struct fact {
    const char *name;
    double value;
};

struct facts {
    struct verify *v;
    const struct ord_calls *calls;
    uint32_t key;       /* the object that is looked at */
    const uint32_t *at; /* its calls, by begin */
    uint32_t count;
    const uint32_t *ends; /* its ok calls, by end */
    uint32_t end_count;
    uint8_t *blamed; /* by call */
    struct fact facts[FACTS_MAX];
    uint32_t fact_count;
    uint64_t violations;
    const char *unknown; /* no pass, and why; NULL: it can be one */
    bool blames_none;    /* violations that no operation shows */
    bool names_no_key;   /* a violation of no one object */
    bool is_over;        /* refused, or no memory: the verification gave up */
};

typedef void ord_recount(struct facts *f);

ord_recount ord_recount_adya_g2, ord_recount_availability, ord_recount_bank,
    ord_recount_causal, ord_recount_convergence, ord_recount_counter,
    ord_recount_duplicated, ord_recount_k_atomicity, ord_recount_long_fork,
    ord_recount_lost, ord_recount_monotonic_reads, ord_recount_monotonic_writes,
    ord_recount_prefix, ord_recount_queue, ord_recount_read_your_writes,
    ord_recount_sequential, ord_recount_stale, ord_recount_staleness,
    ord_recount_stats, ord_recount_set, ord_recount_set_full,
    ord_recount_split_brain, ord_recount_total_queue, ord_recount_unique_ids,
    ord_recount_writes_follow_reads;

/* ---- tools -------------------------------------------------------------- */

void ord_fact(struct facts *f, const char *name, double value);
/* One more violation, which that call takes part in. */
void ord_blame(struct facts *f, uint32_t call);
/* The verdict names that event, or has no room for more. */
bool ord_facts_names(const struct facts *f, int64_t index);
/* Turns to an object: at, count, ends, end_count. */
bool ord_facts_turn(struct facts *f, uint32_t key);
/* count * size zeroed bytes for all of the recount; NULL: it is over. */
void *ord_facts_room(struct facts *f, size_t count, size_t size);
/* Some call of the object may have happened and is of no function in fs. */
bool ord_facts_is_odd(const struct facts *f, uint64_t fs);
/* Some call of the object, failed or not, is of a function in fs. */
bool ord_facts_has(const struct facts *f, uint64_t fs);
static inline bool ord_facts_option(const struct facts *f, const char *name,
                                    const char *value)
{
    return ord_claim_option_is(f->v->claim, name, value);
}
static inline uint64_t ord_bit(uint8_t f)
{
    return UINT64_C(1) << f;
}

#endif
