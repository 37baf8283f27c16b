/* small.h -- random small histories of every family of models, and what their
 * calls mean, written down once more: the checkers are judged by this, so it
 * shares nothing with them.
 *
 * Values are numbers from 1 to 15; 0 is nil.  A state fits into 64 bits, and
 * so does an answer: a value, a set's members, a string's tokens.
 */
#ifndef ORD_CI_STRESS_SMALL_H
#define ORD_CI_STRESS_SMALL_H

#include "harness/base/rng.h"
#include "histories/history.h"

enum {
    SMALL_CALLS_MAX = 8,
    SMALL_PROCESSES_MAX = 4, /* at a time */
    SMALL_EVENTS_MAX = 2 * SMALL_CALLS_MAX,
    SMALL_VALUE_MAX = 15,
    SMALL_KEYS_MAX = 2,
    SMALL_MICRO_MAX = 2,
    SMALL_REGISTERS = 3,
    SMALL_NEVER = 255,
};

struct small_micro { /* of a multi-register's transaction */
    bool is_read;
    uint8_t at;
    uint8_t value; /* written, or read */
};

struct small_call {
    uint8_t begin; /* places among the events */
    uint8_t done;  /* of its completion of any type, or SMALL_NEVER */
    uint8_t f;     /* enum ord_f */
    uint8_t type;  /* ORD_OP_OK, ORD_OP_FAIL, ORD_OP_INFO */
    uint8_t process;
    uint8_t key;
    uint8_t in;   /* what it puts */
    uint8_t from; /* cas: what it expects */
    uint8_t micro_count;
    struct small_micro micro[SMALL_MICRO_MAX];
    uint64_t answer; /* of an ok; 0 for calls that tell nothing */
};

struct small {
    const struct small_family *family;
    uint32_t count;
    uint32_t event_count;
    uint32_t key_count;
    bool is_unique;
    uint8_t value_count; /* repeated values: 1 to this */
    uint8_t value_next;
    bool is_mutated;
    struct small_call calls[SMALL_CALLS_MAX];
};

struct small_family {
    const char *name;
    const char *model;
    uint64_t start; /* state */
    /* Chooses f and what it puts. */
    void (*draw)(struct small *small, struct small_call *call,
                 struct ord_rng *rng);
    /* In how many ways the call may go from there (1, but for an unordered
     * queue's dequeue). */
    uint32_t (*ways)(uint64_t state, const struct small_call *call);
    /* The nth way: the state after it and its answer; false: it is refused,
     * which changes nothing. */
    bool (*apply)(uint64_t *state, const struct small_call *call, uint32_t way,
                  uint64_t *answer);
    /* Some answer that such a call might have had elsewhere. */
    uint64_t (*invent)(const struct small *small, const struct small_call *call,
                       struct ord_rng *rng);
    uint8_t shape; /* of answers, as values: enum small_shape */
};

enum small_shape { /* of answers */
                   SMALL_IS_VALUE,
                   SMALL_IS_NUMBER, /* a counter's: 0 is 0 */
                   SMALL_IS_TXN,
                   SMALL_IS_SET, /* contains: truth; read: members */
                   SMALL_IS_STRING,
};

/* All families, name NULL at the end. */
extern const struct small_family small_families[];

/* What a correct object might have done; every second one is then changed, and
 * may be wrong. */
void small_random(const struct small_family *family, struct ord_rng *rng,
                  struct small *out);

static inline uint32_t small_below(struct ord_rng *rng, uint32_t n)
{
    return (uint32_t)(((ord_rng_next(rng) >> 32) * n) >> 32);
}

/* Places for what the values of one history point to. */
struct small_values {
    struct ord_value items[SMALL_EVENTS_MAX][SMALL_VALUE_MAX + 1];
    struct ord_value micro[SMALL_EVENTS_MAX][SMALL_MICRO_MAX][3];
    char text[SMALL_EVENTS_MAX][64];
};

/* The events in order; SMALL_EVENTS_MAX of them at most.  Values point into
 * `values`. */
uint32_t small_events(const struct small *small, struct small_values *values,
                      struct ord_op *ops);
/* In the text form of tests. */
void small_print(const struct small *small, struct ord_buf *out);

#endif
