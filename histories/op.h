/* op.h -- one event of a history: an invocation or its completion. */
#ifndef ORD_HISTORIES_OP_H
#define ORD_HISTORIES_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/limits.h"
#include "histories/value.h"

enum ord_op_type {
    ORD_OP_INVOKE,
    ORD_OP_OK,   /* it happened */
    ORD_OP_FAIL, /* it surely did not */
    ORD_OP_INFO, /* nobody knows; and every event of the nemesis */
};

/* The functions that checkers know; all others are ORD_F_OTHER and keep their
 * name.  Values: READ nil -> v; WRITE v; CAS [old new]; ADD v, with READ nil ->
 * list; APPEND v, with READ nil -> list in order. */
enum ord_f {
    ORD_F_OTHER,
    ORD_F_READ,
    ORD_F_WRITE,
    ORD_F_CAS,
    ORD_F_ADD,
    ORD_F_REMOVE,
    ORD_F_APPEND,
    ORD_F_ENQUEUE,
    ORD_F_DEQUEUE,
    ORD_F_PUSH,
    ORD_F_POP,
    ORD_F_ACQUIRE,
    ORD_F_RELEASE,
    ORD_F_GENERATE,
    ORD_F_TXN,
    ORD_F_PUT,
    ORD_F_GET,
    ORD_F_CONTAINS, /* v -> truth */
    ORD_F_DRAIN,    /* nil -> list of all that was dequeued */
    ORD_F_TRANSFER,
    ORD_F_COUNT
};

enum {
    ORD_PROCESS_NEMESIS = -1,
    ORD_NODE_NONE = 0, /* nodes count from 1 */
    ORD_NO_PAIR = -1,
};

#define ORD_NONE INT64_C(-1) /* no epoch, no position, no session */

struct ord_op {
    int64_t time_ns;  /* since the start of the run; ORD_NONE: not told */
    int64_t index;    /* place in the history, from 0 */
    int64_t pair;     /* index of the completion or invocation, ORD_NO_PAIR */
    int64_t process;  /* never used again after an info; nemesis: -1 */
    int64_t session;  /* the user for whom it was done; ORD_NONE: the process */
    int64_t epoch;    /* the term in which the node says it acted */
    int64_t position; /* the node's log position or version, as it says */
    struct ord_value key; /* ORD_NIL: the history has one object */
    struct ord_value value;
    const char *name;  /* of f, never NULL; lent by the history */
    const char *error; /* NULL: none */
    uint16_t node;     /* who answered; in an invocation: who was asked */
    uint8_t type;      /* enum ord_op_type */
    uint8_t f;         /* enum ord_f */
    uint8_t device;    /* of the session, from 0 */
    bool is_final;     /* read after healing, to look at the outcome */
};

enum ord_f ord_f_of(struct ord_bytes name); /* ORD_F_OTHER if unknown */
const char *ord_f_name(enum ord_f f);
const char *ord_op_type_name(enum ord_op_type type); /* invoke ok fail info */

/* The other way round; false: no such type. */
bool ord_op_type_of(struct ord_bytes name, uint8_t *type);
/* Nothing said: every number ORD_NONE, no key, value, node or error. */
struct ord_op ord_op_empty(void);

/* One line: `12 0.482193 3 ok write k7 41 n2`; also of what ordeal shows. */
void ord_op_print(const struct ord_op *op, struct ord_buf *out);

#endif
