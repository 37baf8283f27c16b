/* step.h -- what one call does to an object, model by model; only for
 * harness/verify.
 *
 * A model is one function that takes the state one call further, or says that
 * the call's answer does not fit.  Orders are replayed with it call by call,
 * cores are searched with it.
 *
 * In a core, what an unlisted call puts is free: there at any time, any number
 * of times.  So a wanted value is there if the state says so, or if it is
 * free: that is the only place where the two uses differ.
 */
#ifndef ORD_VERIFY_STEP_H
#define ORD_VERIFY_STEP_H

#include "harness/verify/claim.h"

/* Numbers to numbers, of a fixed capacity; in an arena. */
struct pairs {
    uint64_t *keys; /* + 1; 0: free slot */
    uint32_t *values;
    uint32_t slot_count; /* a power of two; 0: not in use */
    uint32_t count;
    uint32_t count_max;
};
bool ord_pairs_init(struct pairs *pairs, struct ord_arena *arena,
                    uint32_t count_max);
uint32_t *ord_pairs_find(const struct pairs *pairs, uint64_t key); /* or NULL */
/* The value's place, 0 in it if it is new; NULL: full. */
uint32_t *ord_pairs_add(struct pairs *pairs, uint64_t key);

struct state {
    uint32_t *at;
    uint32_t first; /* of a queue's content, which is at[first .. count) */
    uint32_t count;
    uint32_t room;
    struct ord_arena *arena; /* where it grows */
};
bool ord_state_room(struct state *state, uint32_t room);
bool ord_state_push(struct state *state, uint32_t word);

struct act { /* a call, as a model sees it */
    uint32_t in;
    uint32_t out;
    uint32_t process;
    uint8_t f;
    bool is_answered; /* else out says nothing, but for a cas */
    bool is_failed;   /* a failed cas that says something */
};

enum rule {                /* for the calls that a core does not list */
            RULE_FREE,     /* what they put is free */
            RULE_LOCK,     /* they are free, but each needs its state */
            RULE_ELEMENTS, /* none on an element of the core; unknown takes are
                              free */
            RULE_LISTED,   /* all that change the state are listed */
};

struct world;

struct model {
    const char *name;
    uint64_t fs;
    enum rule rule;
    bool has_owner;     /* a lock is released by who has it */
    bool has_parts;     /* the state has one place for each element or name */
    bool has_names;     /* a call is a list of [f name value], or a map */
    bool has_members;   /* ... which is in or out */
    bool has_leftovers; /* unknown takes may take any element */
    bool has_pieces;    /* values are put together from texts */
    bool has_windows;   /* it knows what to do in any state at first */
    bool (*init)(const struct world *world, struct state *state);
    /* The choice-th way for it to happen; *choices: how many ways there are. */
    bool (*step)(const struct world *world, struct state *state,
                 const struct act *act, uint32_t choice, uint32_t *choices);
};

struct world {
    const struct ord_calls *calls;
    const struct model *model;
    bool is_strict;     /* a failed cas says that the value was another */
    bool is_open;       /* of a core: it may be in any state at first */
    struct pairs parts; /* of a core: atom -> dense number from 1; an order
                           uses the atoms themselves */
    struct pairs frees; /* of a core: (part, value) wanted -> 1: it is free */
    bool frees_any;     /* some part has a free value: */
    bool frees_more;    /* ... and not only free_first */
    uint32_t free_first;
    bool frees_takes; /* an unlisted call may have taken anything */
    uint32_t part_count;
    /* Of a core of texts: what its calls got.  A text with which none of these
     * begins is as good as any other such. NULL: all texts are told apart. */
    const uint32_t *gots;
    uint32_t got_count;
};

const struct model *ord_model_of(struct ord_bytes name); /* NULL: none */
/* Some model that knows all these functions, bit by bit; NULL: none. */
const struct model *ord_model_with(uint64_t fs);

static inline bool ord_model_knows(const struct model *model, uint8_t f)
{
    return (model->fs >> f & 1) != 0;
}

/* Counters. */
bool ord_init_counter(const struct world *world, struct state *state);
bool ord_step_counter(const struct world *world, struct state *state,
                      const struct act *act, uint32_t choice,
                      uint32_t *choices);
/* The step of keys with append. */
bool ord_step_kv(const struct world *world, struct state *state,
                 const struct act *act, uint32_t choice, uint32_t *choices);
/* A text that no call of the core can get. */
bool ord_state_is_lost(const struct world *world, const struct state *state);

/* Where a part stands in the state, from 1; at[0] is for other uses. */
uint32_t ord_place_of(const struct world *world, uint32_t atom);
/* Gives the parts of one object's calls their places, in v->scratch. */
bool ord_world_of_object(struct verify *v, struct world *world,
                         uint32_t object);

/* It never changes the state. */
bool ord_act_is_look(const struct world *world, const struct act *act);
/* The call as an act; answered as it was. */
struct act ord_act_of(const struct ord_calls *calls, uint32_t call);
/* A final look at replicas, which no model speaks of. */
bool ord_act_is_final(const struct ord_calls *calls, uint32_t call);
/* It is in the question at all: no failure, no final read, no look without an
 * answer. */
bool ord_act_counts(const struct world *world, const struct ord_calls *calls,
                    uint32_t call);
/* What a take brought: an atom, NIL: it was empty, NONE: nobody knows. */
uint32_t ord_act_taken(const struct act *act);

/* Each part and value that an act wants or puts: `each` is told them. */
typedef void ord_touch(void *context, uint32_t part, uint32_t value);
void ord_act_wants(const struct world *world, const struct act *act,
                   ord_touch *each, void *context);
void ord_act_puts(const struct world *world, const struct act *act,
                  ord_touch *each, void *context);

#endif
