/* support_store.h -- histories of a simulated replicated store, sound or with a
 * known defect, and the anomalies in them as a reader with patience finds them:
 * all pairs and triples of calls, straight from the definitions, no index and
 * no code shared with the checkers.
 */
#ifndef ORD_CHECKERS_TESTS_SUPPORT_STORE_H
#define ORD_CHECKERS_TESTS_SUPPORT_STORE_H

#include "harness/base/rng.h"
#include "histories/history.h"

enum {
    STORE_CALLS_MAX = 160,
    STORE_KEYS = 2,
    STORE_NODES = 3,
    STORE_LOG_MAX = 2 * STORE_CALLS_MAX,
};

enum store_kind { STORE_REGISTER, STORE_SET, STORE_LIST, STORE_KINDS };

enum store_defect {
    STORE_SOUND,     /* linearizable */
    STORE_STALE,     /* a read may see an older state */
    STORE_FORGETS,   /* an acknowledged write may not happen */
    STORE_REPEATS,   /* a write may happen twice */
    STORE_LIES,      /* a write said to have failed may happen */
    STORE_DIVERGES,  /* a replica may stay behind for good */
    STORE_TWO_HEADS, /* two nodes acknowledge in one epoch */
    STORE_DEFECTS
};

struct store_call {
    int64_t begin; /* places in the history */
    int64_t end;   /* of an ok; else INT64_MAX */
    int64_t process;
    int64_t session; /* -1: none */
    int64_t epoch;
    uint32_t position; /* of the log when a read looked, before it answered */
    uint32_t round;    /* of final reads */
    uint8_t device, key, node, f, type;
    bool is_final;
    int value; /* written or read; 0: nil */
    int from;  /* of a cas */
    uint32_t item_count;
    int items[STORE_LOG_MAX];
};

struct store {
    enum store_kind kind;
    enum store_defect defect;
    struct store_call calls[STORE_CALLS_MAX];
    uint32_t count;
    struct ord_history *history;
};

/* Draws a history; store_fini() frees it. */
void store_random(struct store *store, enum store_defect defect,
                  struct ord_rng *rng);
void store_fini(struct store *store);

/* The definitions, in the order of the checkers' heads. */
bool store_is_stale(const struct store *store);
bool store_goes_back(const struct store *store);
bool store_misses_own(const struct store *store);
bool store_has_lost(const struct store *store);
bool store_diverged(const struct store *store);
bool store_is_split(const struct store *store);

#endif
