/* pair.h -- which completion belongs to which invocation; internal.
 *
 * A process does one thing at a time, so its open invocation is the only one
 * that its next completion can answer.  O(1) an event.
 */
#ifndef ORD_HISTORIES_PAIR_H
#define ORD_HISTORIES_PAIR_H

#include "harness/base/err.h"
#include "histories/op.h"

/* process -> the last event that matters of it; open addressing. */
struct ord_process_slot {
    int64_t process;
    int64_t event;    /* index + 1 of its last event; 0: the slot is free */
    int64_t group;    /* scratch of the sort */
    const char *name; /* of f of that event */
    uint32_t rank;    /* scratch of the sort; or its open call */
    uint8_t type;     /* enum ord_op_type of that event */
    uint8_t f;
};

struct ord_process_map {
    struct ord_process_slot *slots; /* owned */
    size_t room;                    /* a power of two, or 0 */
    size_t count;
};

void ord_process_map_fini(struct ord_process_map *map);
/* The slot of the process, made if need be; NULL: no memory.  As the map
 * grows it forgets processes that are idle: their slots' type is OK or FAIL. */
struct ord_process_slot *ord_process_slot(struct ord_process_map *map,
                                          int64_t process);

/* What an answer may have in common with its invocation. */
struct ord_open_call {
    uint64_t call;
    struct ord_value value; /* texts and lists: only what kind it is */
    struct ord_value key;
    char *held;        /* value and key as bytes, where they are texts or */
    size_t value_size; /* lists; owned, kept for the next call */
    size_t key_size;
    size_t held_room;
    int64_t session;
    uint32_t next_free; /* + 1 */
    uint16_t node;
    uint8_t device;
};

/* A pool: as many as were ever open at once. */
struct ord_open_calls {
    struct ord_open_call *at; /* owned */
    uint32_t count;
    uint32_t room;
    uint32_t free; /* + 1 */
};

void ord_open_calls_fini(struct ord_open_calls *calls);
/* False: no memory. */
bool ord_open_call_take(struct ord_open_calls *calls, uint32_t *at);
void ord_open_call_give(struct ord_open_calls *calls, uint32_t at);
/* Keeps the bytes of value and key, of which either may be empty. */
bool ord_open_call_hold(struct ord_open_call *call, struct ord_bytes value,
                        struct ord_bytes key);

/* Whether the event may be the next one of its process.  Sets *slot, whose
 * rank is the open call that a completion answers.  op->index is told in
 * errors: ORD_EFORMAT; ORD_ENOMEM. */
int ord_pair_check(struct ord_process_map *map, const struct ord_op *op,
                   struct ord_process_slot **slot, struct ord_err *err);
/* Whether the answer fits: it is of the key that was asked for, and a write
 * that was carried out wrote what it was asked to.  value, key: their bytes,
 * where a call would hold them. ORD_EFORMAT. */
int ord_pair_check_reply(const struct ord_open_call *call,
                         const struct ord_op *op, struct ord_bytes value,
                         struct ord_bytes key, struct ord_err *err);

#endif
