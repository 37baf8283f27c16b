/* search.h -- the state of the frontier search; only for frontier.c, which
 * prepares it and says what came of it, and search.c, which runs it.
 */
#ifndef ORD_CHECKERS_SEARCH_H
#define ORD_CHECKERS_SEARCH_H

#include "checkers/linear.h"

enum {
    SLOTS_MAX = 64, /* finished calls open at once */
    KINDS_MAX = 32, /* kinds of unfinished calls on one key */
    BEAM_MAX = 256,
    LAYER_MAX = 50000,
    SWEEP_MIN = 1 << 18, /* traces worth sweeping */
};

#define NO_TRACE UINT32_MAX

enum pass { RELAXED, BEAM, EXACT };

struct config {
    uint32_t value;
    uint32_t trace;  /* how it came about; NO_TRACE: from the start */
    uint64_t placed; /* by slot: it has happened */
    uint64_t freed;  /* by slot: an open write that may vanish */
    uint32_t used_sum;
    uint16_t used[KINDS_MAX]; /* of each kind of unfinished call */
};

struct layer {
    struct config *at;
    uint32_t *next; /* chain of configurations of one value; + 1 */
    uint32_t *head; /* by value; + 1 */
    uint32_t count;
    uint32_t room;
};

struct kind { /* unfinished calls of one effect */
    uint32_t from;
    uint32_t to;
    uint8_t f;
    uint32_t begun; /* so far */
    uint32_t first; /* into kind_calls */
    uint32_t count;
};

struct trace {
    uint32_t parent;
    uint32_t call;
    bool is_absorbed; /* it goes before the last blind write */
};

struct event {
    int64_t at;
    uint32_t call;
    bool is_end;
};

struct search {
    struct ord_linear *linear;
    enum pass pass;
    struct event *events;
    uint32_t event_count;
    struct kind kinds[KINDS_MAX];
    uint32_t kind_count;
    uint32_t *kind_of;         /* by call */
    uint32_t *kind_calls;      /* grouped by kind, in order of begin */
    uint32_t slots[SLOTS_MAX]; /* the call that has it */
    uint64_t open;
    uint64_t reads; /* of the open slots */
    uint64_t writes;
    uint64_t cases;
    struct layer layers[2];
    struct layer work;
    uint32_t current;
    struct trace *traces;
    uint32_t trace_count;
    uint32_t trace_room;
    uint32_t trace_kept; /* by the last sweep */
    uint32_t *moved;     /* for the sweep; as long as traces */
    bool is_traced;
    bool is_dead;      /* no configuration survived the last event */
    const char *stuck; /* why it cannot go on; NULL: it can */
};

static inline const struct ord_linear_call *call_in(const struct search *s,
                                                    int slot)
{
    ORD_ASSERT(slot >= 0 && slot < SLOTS_MAX);
    return &s->linear->calls[s->slots[slot]];
}

static inline int lowest(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

static inline uint64_t bit(int slot)
{
    return UINT64_C(1) << slot;
}

/* All three layers, empty; false without memory. */
bool ord_search_layers(struct search *s);

/* Runs one pass; the event at which it died or got stuck, or event_count. */
uint32_t ord_search_run(struct search *s, enum pass pass);

#endif
