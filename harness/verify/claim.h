/* claim.h -- a verdict as its proof states it; only for harness/verify. */
#ifndef ORD_VERIFY_CLAIM_H
#define ORD_VERIFY_CLAIM_H

#include "harness/verify/verify.h"
#include "histories/calls.h"

enum { CLAIM_OPTIONS_MAX = 32, CLAIM_STATS_MAX = 256, CLAIM_OPS_MAX = 256 };

enum { CLAIM_OPS_FULL = 63 }; /* with so many, a verdict may not name all */

enum claim_verdict { CLAIM_PASS, CLAIM_UNKNOWN, CLAIM_VIOLATION };

struct claim_option { /* raw text between the quotes */
    struct ord_bytes name;
    struct ord_bytes value;
};

struct claim_stat {
    struct ord_bytes name;
    double value; /* NAN: null */
};

struct claim {
    struct ord_bytes checker;
    struct ord_bytes model; /* at NULL: none */
    struct ord_bytes key;   /* JSON as it stands */
    struct claim_option options[CLAIM_OPTIONS_MAX];
    uint32_t option_count;
    struct claim_stat stats[CLAIM_STATS_MAX];
    uint32_t stat_count;
    int64_t ops[CLAIM_OPS_MAX];
    uint32_t op_count;
    int64_t violations;
    enum claim_verdict verdict;
    struct ord_json objects; /* just before the array */
    bool has_objects;        /* the array is not empty */
};

/* One verification.  Its functions return true where the claim holds; else
 * they have called ord_verify_refuse() or ord_verify_give_up(). */
struct verify {
    const struct ord_history *history;
    struct ord_arena *arena;   /* of all of it */
    struct ord_arena *scratch; /* of one object */
    struct ord_calls calls;    /* keys, processes, sessions */
    bool has_calls;
    uint8_t *seen; /* by call: it stands in an order */
    uint64_t steps_left;
    struct ord_verify_out *out;
    struct ord_err *err; /* rc != ORD_OK: neither accepted nor not */
    const struct claim *claim;
    uint32_t check;  /* which one, from 1 */
    uint32_t object; /* and which of its objects, from 1; 0: none */
};

/* "check 2 (lost), object 3: ..." into out->why; returns false. */
bool ord_verify_refuse(struct verify *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* No memory, or no steps left; returns false. */
bool ord_verify_give_up(struct verify *v, int rc, const char *what);

/* Builds v->calls if they are not there yet. */
bool ord_verify_need_calls(struct verify *v);
/* The call that began at this index of the history, or UINT32_MAX.  *hint
 * makes near neighbours cheap. */
uint32_t ord_verify_call_at(const struct verify *v, int64_t index,
                            uint32_t *hint);
/* The object whose key is that JSON; false: there is none. */
bool ord_verify_is_key(const struct verify *v, uint32_t object,
                       struct ord_bytes json);
static inline uint32_t ord_verify_object_of(const struct verify *v,
                                            uint32_t call)
{
    return v->calls.key == NULL ? 0 : v->calls.key[call];
}
bool ord_claim_option_is(const struct claim *claim, const char *name,
                         const char *value);

/* ---- the parts ---------------------------------------------------------- */
bool ord_verify_linearizable(struct verify *v);
/* Counts again what any other checker counted, and reads what its proof has. */
bool ord_verify_facts(struct verify *v);

#endif
