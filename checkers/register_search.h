/* register_search.h -- the state of the search for registers with any values;
 * only for register_search.c (what to try), register_prepare.c (calls to
 * events), register_layer.c (what is possible), register_moves.c (what may
 * happen next) and register_order.c (the proof).
 *
 * Time is counted in events: begins and ends of the calls that matter, in
 * their order.  A configuration is what may be the case between two events:
 * the value, and of each open call whether it has happened.
 */
#ifndef ORD_CHECKERS_REGISTER_SEARCH_H
#define ORD_CHECKERS_REGISTER_SEARCH_H

#include "checkers/models.h"
#include "checkers/proof.h"

#define NONE UINT32_MAX
#define NEVER ORD_CALL_NEVER

enum {
    BUCKETS = 256,      /* of a layer, by value */
    LAYER_MAX = 200000, /* configurations */
    SNAPSHOTS_MAX = 64,
    SWEEP_MIN = 1 << 16, /* traces worth sweeping */
};

enum { CALL_READ, CALL_WRITE, CALL_CAS, CALL_NOT }; /* a cas that failed */

struct call {
    uint32_t index; /* in lin */
    uint32_t begin; /* events */
    uint32_t end;   /* NEVER: it may have happened or not */
    uint32_t value; /* read or put */
    uint32_t from;  /* CAS: expected; NOT: what it cannot have been */
    uint32_t effect;
    uint32_t slot; /* bit in the configurations; NONE: never ends */
    uint32_t next; /* open, of the same effect, ends next */
    uint8_t f;
};

struct effect { /* writes, and cas, that do the same */
    uint32_t from;
    uint32_t to;
    uint32_t open;   /* its open calls, by end; NONE: none */
    uint32_t supply; /* calls that may happen at any time from now on */
    uint32_t first;  /* its calls that never end, into never_calls */
    uint32_t count;
    uint32_t kind;   /* place among the counts; NONE: all of its calls end */
    uint32_t active; /* place in the list of active ones; NONE */
    uint32_t next;   /* cas from the same value; NONE */
    uint8_t f;
};

struct config {
    uint32_t value;
    uint32_t freed; /* writes that began before this event may be hidden */
    uint32_t trace; /* how it came about; NONE: from the start */
    uint32_t used_sum;
    uint64_t words[]; /* done, by slot; then counts of each kind, two a word */
};

struct layer {
    char *at;
    uint32_t *next; /* chain of a bucket; + 1 */
    uint32_t head[BUCKETS];
    uint32_t count;
    uint32_t holes; /* configurations without a value */
    uint32_t room;
};

struct trace {
    uint32_t parent;
    uint32_t call;  /* twice, + 1: it was hidden before the last blind write */
    uint32_t event; /* when it happened */
};

struct snapshot { /* the layer before an event */
    uint32_t event;
    uint32_t count; /* of configurations */
    uint32_t open_count;
    uint32_t *open;
    char *at;
    uint32_t open_room;
    uint32_t room;
};

struct search {
    struct ord_lin *lin;
    struct call *calls;
    uint32_t call_count;
    uint32_t *events; /* call * 2, + 1 at its end */
    uint32_t event_count;
    struct effect *effects;
    uint32_t effect_count;
    uint32_t *never_calls;
    uint32_t *never_effects;
    uint32_t never_effect_count;
    uint32_t *cas_from;  /* by value: effects of cas from it; NONE */
    uint32_t *last_look; /* by value: the last event that cares; NEVER */
    uint32_t value_count;
    uint32_t words; /* of bits in a configuration */
    uint32_t kinds;
    uint32_t stride; /* bytes of a configuration */

    /* ---- now ---- */
    uint32_t event;
    uint64_t *is_open; /* slots, as all masks below */
    uint64_t *reads;   /* and what a failed cas saw */
    uint64_t *writes;
    uint64_t *cases;
    uint64_t *nots;         /* a subset of reads */
    uint64_t *read_of;      /* by value: reads that wait for it */
    uint64_t *cas_of;       /* by value: cas that wait for it */
    uint64_t *not_of;       /* by value: failed cas that saw another one */
    uint32_t *open_calls;   /* by slot */
    uint32_t *write_begins; /* of open writes, ascending */
    uint32_t write_count;
    uint8_t *is_pinned; /* by value: something optional could use it */
    uint32_t *pins;
    uint32_t pin_count;
    uint32_t *active; /* effects that something may have */
    uint32_t active_count;
    bool is_relaxed; /* what never ends may happen any number of times */
    bool is_exact;   /* else of two, the one that used less is the better */
    bool was_narrowed;
    uint32_t width; /* most configurations to keep; 0: all */
    struct layer *layer;
    struct layer *spare;
    struct layer *work;
    struct config *from; /* being expanded */
    struct config *to;
    uint64_t steps;      /* that may be spent on this run */
    uint64_t steps_kept; /* not to be spent yet */

    struct trace *traces;
    uint32_t *moved; /* for the sweep; as long as traces */
    uint32_t trace_count;
    uint32_t trace_room;
    uint32_t trace_kept; /* by the last sweep */
    bool is_traced;

    struct snapshot snapshots[SNAPSHOTS_MAX];
    uint32_t snapshot_count;
    uint32_t snapshot_gap; /* events between two */
    uint32_t width_min;
    uint32_t window_min;

    bool wants_trace;
    bool is_any;         /* snapshot 0 is no real start: see skip() */
    uint32_t *base_open; /* is_any: what was open there, and is optional */
    uint32_t base_open_count;
    uint32_t furthest;     /* event where a beam died */
    uint32_t refuted_from; /* snapshot */

    const char *stuck; /* why it cannot go on; NULL: it can */
    bool is_dead;      /* no configuration survived the event */
};

static inline struct config *config_at(const struct search *s,
                                       const struct layer *layer, uint32_t i)
{
    return (struct config *)(void *)(layer->at + (size_t)i * s->stride);
}

static inline uint32_t *counts_of(const struct search *s, struct config *config)
{
    return (uint32_t *)(void *)(config->words + s->words);
}

static inline bool is_set(const uint64_t *words, uint32_t slot)
{
    return (words[slot / 64] >> (slot % 64) & 1) != 0;
}

static inline void set_bit(uint64_t *words, uint32_t slot)
{
    words[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static inline void clear_bit(uint64_t *words, uint32_t slot)
{
    words[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

/* The value that nobody will ask for again. */
static inline uint32_t dead_value(const struct search *s)
{
    return s->value_count - 1;
}

/* Nobody will ask for it after this event, or from it on. */
static inline bool is_dead_value(const struct search *s, uint32_t value,
                                 uint32_t event)
{
    return s->last_look[value] < event && !s->is_pinned[value];
}

/* register_prepare.c: calls, effects, events; false without memory. */
bool ord_rs_prepare(struct search *s);

/* register_layer.c */
bool ord_rs_layers(struct search *s);
void ord_rs_clear(struct search *s, struct layer *layer);
/* Closes the holes. */
void ord_rs_pack(struct search *s, struct layer *layer);
/* Adds it unless one that is there can do all that it can; takes out those of
 * which it can do all, unless they stand before keep. */
void ord_rs_add(struct search *s, struct layer *layer,
                const struct config *config, uint32_t keep);
/* Keeps the best, if it has more than s->width. */
void ord_rs_narrow(struct search *s, struct layer *layer);
void ord_rs_trace(struct search *s, struct config *config, uint32_t call,
                  bool is_hidden);
bool ord_rs_save(struct search *s);
void ord_rs_restore(struct search *s, const struct snapshot *snapshot);

/* register_moves.c */
bool ord_rs_moves(struct search *s); /* its memory */
/* To before an event, with these calls open.  If is_any, nothing is known of
 * what came before: what is open may happen any number of times or not. */
void ord_rs_seek(struct search *s, uint32_t event, const uint32_t *open,
                 uint32_t open_count, bool is_any);
/* To a later event, watching only what is open. */
void ord_rs_skip(struct search *s, uint32_t event);
/* The next event; sets is_dead or stuck, and then stays before it. */
void ord_rs_step(struct search *s);

/* register_order.c: the order that led to the first configuration of the
 * layer; false without memory. */
bool ord_rs_order(struct search *s);

#endif
