/* support_types.h -- small random histories of sets, queues, counters, id
 * generators and banks, mostly sound, and their calls as a reader with patience
 * has them: all that the naive versions of the checkers look at.
 */
#ifndef ORD_CHECKERS_TESTS_SUPPORT_TYPES_H
#define ORD_CHECKERS_TESTS_SUPPORT_TYPES_H

#include "checkers/checker.h"
#include "harness/base/rng.h"

enum {
    TYPES_CALLS_MAX = 40,
    TYPES_ITEMS_MAX = 12,
    TYPES_VALUES = 8, /* values are 1 .. 7 */
    TYPES_KEYS = 2,
    TYPES_NEVER = 1 << 20,
};

enum types_kind {
    TYPES_SET,
    TYPES_QUEUE,
    TYPES_COUNTER,
    TYPES_IDS,
    TYPES_BANK
};

struct types_call {
    int begin; /* places in the history */
    int end;   /* of an ok; else TYPES_NEVER */
    int key;
    uint8_t f;
    uint8_t type;
    bool is_nil; /* it brought nil */
    bool is_list;
    int in;
    int out;
    int count;
    int items[TYPES_ITEMS_MAX];
};

struct types {
    struct types_call calls[TYPES_CALLS_MAX];
    int count;
    struct ord_history *history;
    struct ord_arena arena;
    struct ord_verdict verdict;
};

/* Draws a history; types_fini() frees it. */
void types_random(struct types *types, enum types_kind kind,
                  struct ord_rng *rng);
void types_fini(struct types *types);
/* Runs a checker on it; option may be NULL. */
void types_check(struct types *types, const struct ord_checker *checker,
                 const struct ord_option *option);
/* -1: there is no such number. */
double types_stat(const struct types *types, const char *name);
/* Fails the test with the history. */
void types_explain(const struct types *types, const char *what, uint64_t seed);

/* ORD_TYPES_COUNT and ORD_TYPES_SEED, or what is preset. */
uint64_t types_count(void);
uint64_t types_seed(void);

#endif
