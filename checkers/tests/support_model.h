/* support_model.h -- small random histories of any model, and a judge so
 * simple that it can be believed: it tries every order. */
#ifndef ORD_CHECKERS_TESTS_SUPPORT_MODEL_H
#define ORD_CHECKERS_TESTS_SUPPORT_MODEL_H

#include "checkers/lin.h"
#include "harness/base/rng.h"

enum { TINY_MAX = 31, TINY_STATE_MAX = 16 };

/* Values are codes: they stand for what tiny_value() says. */
enum {
    TINY_NONE = -1,
    TINY_NIL = 0, /* 1 to 15: that number */
    TINY_TRUE = 16,
    TINY_FALSE = 17,
    TINY_LIST = 32,  /* + a mask of the numbers 1 to 6 */
    TINY_TEXT = 128, /* + 1 and then a bit for each letter, a or b */
    TINY_TXN = 2048, /* + 1, then 4 bits for each [f name value] */
    TINY_VALUES = 2048 + 512,
};

struct tiny_call {
    uint32_t begin;
    uint32_t end;
    uint8_t f;
    uint8_t type;
    uint8_t process;
    bool never; /* while it is made up: it does not happen */
    int in;
    int out;
};

struct tiny {
    struct tiny_call calls[TINY_MAX];
    uint32_t count;
    uint32_t event_count;
};

struct tiny_state {
    int n;
    int at[TINY_STATE_MAX];
};

struct tiny_rules {
    const char *model;
    /* What a process asks for; fresh is a number that nobody used yet. */
    void (*ask)(struct ord_rng *rng, struct tiny_call *call, int fresh,
                int values);
    /* Does it at that moment and sets what came back. */
    void (*act)(struct tiny_state *state, struct tiny_call *call);
    /* The altth way in which a call with that answer can happen; false: there
     * is none. */
    bool (*step)(struct tiny_state *state, const struct tiny_call *call,
                 int alt);
    /* Another answer, that may be wrong. */
    void (*change)(struct ord_rng *rng, struct tiny_call *call, int values);
    bool (*looks)(const struct tiny_call *call);
    int core_rule; /* of minimise.h: 0 all stay, 1 elements, 2 any time */
};

/* Compares both engines with the judge over random histories: `count` of them,
 * or ORD_BRUTE_COUNT; seed ORD_BRUTE_SEED.  Replays orders, and judges what a
 * core keeps. */
void tiny_compare(const struct tiny_rules *rules, uint64_t count);

bool tiny_is_linearizable(const struct tiny_rules *rules,
                          const struct tiny *tiny);

/* A table of histories in the text form, decided by fast and by exact. */
struct model_row {
    const char *history;
    enum ord_outcome want;
};

void model_rows(const char *model, const struct model_row *rows, size_t count);

#define MODEL_ROWS(model, rows)                                                \
    model_rows(model, rows, sizeof(rows) / sizeof *(rows))

#endif
