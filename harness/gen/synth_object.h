/* synth_object.h -- what the simulated objects of synth.c are made of;
 * internal. */
#ifndef ORD_GEN_SYNTH_OBJECT_H
#define ORD_GEN_SYNTH_OBJECT_H

#include "harness/base/rng.h"
#include "harness/gen/synth.h"

enum {
    SYNTH_TEXT_SIZE = 2048, /* of kv's values */
    SYNTH_REGISTERS = 3,    /* of a multi-register */
    SYNTH_FAR = 1000000,    /* values that nobody writes are so far away */
};

enum synth_stage { SYNTH_IDLE, SYNTH_CALLED, SYNTH_APPLIED };

/* What becomes of a call. */
enum synth_fate { SYNTH_RETURNS, SYNTH_NOW, SYNTH_LATER, SYNTH_NEVER };

/* Where the planting of the error has got to.  Kinds use the steps between
 * OPEN and DONE as they need them. */
enum synth_plan {
    SYNTH_WAIT,  /* its place is not reached */
    SYNTH_OPEN,  /* no object is chosen */
    SYNTH_START, /* in the chosen object */
    SYNTH_CLEAN, /* nobody is writing the victim any more */
    SYNTH_MARKING,
    SYNTH_READY, /* the next suitable call is the bad one */
    SYNTH_CALLING,
    SYNTH_AFTER, /* waiting for what makes it certain */
    SYNTH_DONE,
};

struct synth_call {
    uint64_t began;                /* step */
    uint64_t began_sum;            /* counter: what was acknowledged by then */
    int64_t from;                  /* cas: what it expects */
    int64_t to;                    /* what it puts */
    int64_t puts[SYNTH_REGISTERS]; /* multi-register; 0: not that one */
    uint32_t object;
    uint8_t f;
    uint8_t fate;
    bool is_bad;
    bool is_marker;
    bool is_watched; /* counted in victim_writers */
    bool has_failed;
    struct ord_value value; /* as invoked */
    struct ord_value answer;
};

struct synth_client {
    uint64_t process;
    uint64_t holds; /* mutex: object + 1 */
    uint8_t stage;
    bool is_held_back; /* until the bad call is over */
    struct synth_call call;
    struct ord_value list[2]; /* cas: [old new] */
    struct ord_value micro[2 * SYNTH_REGISTERS][3];
    struct ord_value txn[2 * SYNTH_REGISTERS];
    struct ord_value *items; /* owned; of a read of a whole set */
    uint32_t item_room;
    char text[SYNTH_TEXT_SIZE];
};

struct synth_element {
    int64_t value;
    uint64_t began; /* step of its put's invocation */
    uint64_t ended; /* of its return; 0: none yet, or too long ago to see */
};

struct synth_object {
    uint64_t key;
    uint64_t begun; /* calls */
    bool is_used;   /* new calls may go there */
    uint32_t refs;  /* calls that may still take effect */
    int64_t value;
    int64_t registers[SYNTH_REGISTERS];
    int64_t next_value;
    int64_t old; /* a value acknowledged long ago; 0: none */
    uint64_t old_begun;
    uint32_t victim_writers;    /* calls in flight */
    uint64_t acknowledged;      /* sums of the counter */
    uint64_t attempted;         /* */
    uint32_t holder;            /* mutex: client + 1 */
    struct synth_element *ring; /* owned; head..tail, room a power of two */
    uint64_t head;
    uint64_t tail;
    uint64_t room;
    uint8_t *present; /* owned; set: by value */
    uint64_t present_room;
    char text[SYNTH_TEXT_SIZE];
};

struct ord_synth {
    struct ord_synth_config config;
    const struct synth_kind *kind;
    struct ord_rng rng;
    struct synth_client *clients; /* owned */
    struct synth_object *objects; /* owned */
    uint32_t *used;               /* owned: objects in use, config.keys */
    uint32_t *free;               /* owned: objects that nobody uses */
    uint32_t object_count;
    uint32_t free_count;
    struct synth_call *late; /* owned: will take effect */
    uint32_t late_count;
    uint64_t info_below;
    uint64_t idle_below;
    uint64_t begun;
    uint64_t step;
    uint64_t process_next;
    uint64_t key_next;
    uint64_t bad_from; /* calls */
    uint32_t busy;
    int64_t time_ns;
    enum synth_plan plan;
    uint32_t bad_object;
    int64_t victim;
    struct synth_element limbo; /* taken out, not yet handed out */
    bool has_failed;            /* no memory */
};

struct synth_kind {
    const char *name;
    const char *model;
    unsigned bads;        /* bits of enum ord_synth_bad */
    unsigned bads_unique; /* with unique values only */
    /* Decides f, value, fate (preset) and what there is to know of the call. */
    void (*invoke)(struct ord_synth *s, struct synth_object *o,
                   struct synth_client *c);
    /* It takes effect.  c is NULL where nobody will hear the answer. */
    void (*apply)(struct ord_synth *s, struct synth_object *o,
                  struct synth_call *call, struct synth_client *c);
    /* It returns (not: crashes). */
    void (*finish)(struct ord_synth *s, struct synth_object *o,
                   struct synth_client *c);
};

extern const struct synth_kind synth_registers[]; /* name NULL at the end */
extern const struct synth_kind synth_containers[];

/* Uniform in [0, n), n > 0, near enough. */
static inline uint32_t synth_below(struct ord_synth *s, uint32_t n)
{
    return (uint32_t)(((ord_rng_next(&s->rng) >> 32) * n) >> 32);
}

static inline bool synth_is_planting(const struct ord_synth *s,
                                     const struct synth_object *o)
{
    return s->plan >= SYNTH_START && s->plan < SYNTH_DONE &&
           o == &s->objects[s->bad_object];
}

/* The call gets an answer, whatever was drawn. */
static inline void synth_keep(struct synth_client *c)
{
    c->call.fate = SYNTH_RETURNS;
}

/* A value to put: unique in its object, or one of config.values. */
static inline int64_t synth_value(struct ord_synth *s, struct synth_object *o)
{
    if (s->config.values == 0)
        return ++o->next_value;
    return 1 + synth_below(s, s->config.values);
}

#endif
