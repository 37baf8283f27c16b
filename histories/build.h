/* build.h -- what readers need of the builder beyond history.h; internal.
 *
 * A builder grows one array of events and one arena for what they carry, both
 * within size_max bytes.  Pairing is a pass of its own, or is done event by
 * event so that a reader can name the line that breaks the rules.
 */
#ifndef ORD_HISTORIES_BUILD_H
#define ORD_HISTORIES_BUILD_H

#include "harness/base/arena.h"
#include "histories/history.h"

enum {
    ORD_NAMES_MAX = 256,     /* interned names of f; more are kept singly */
    ORD_NODE_NAME_MAX = 255, /* bytes */
};

/* The bytes that `how` allows; "no limit" where it says 0 or is NULL. */
size_t ord_history_size_max(const struct ord_history_options *how);

/* process -> the last event that matters of it; open addressing. */
struct ord_process_slot {
    int64_t process;
    int64_t event; /* index + 1 of its last event; 0: the slot is free */
    int64_t group; /* scratch of the sort */
    uint32_t rank;
};

struct ord_process_map {
    struct ord_process_slot *slots; /* owned */
    size_t room;                    /* a power of two, or 0 */
    size_t count;
};

void ord_process_map_fini(struct ord_process_map *map);
/* The slot of the process, made if need be; NULL: no memory. */
struct ord_process_slot *ord_process_slot(struct ord_process_map *map,
                                          int64_t process);

/* Sets ops[i].pair (and its partner's); ORD_EFORMAT names the operation. */
int ord_pair_step(struct ord_process_map *map, struct ord_op *ops, int64_t i,
                  struct ord_err *err);

/* How ord_history_finish() orders. */
enum ord_order {
    ORD_ORDER_AS_ADDED,
    ORD_ORDER_TIME,       /* invocations first within one instant */
    ORD_ORDER_TIME_ADDED, /* as added within one instant */
};

/* Sorts ops by time; ORD_ENOMEM. See order.c. */
int ord_order_sort(struct ord_op *ops, int64_t count, enum ord_order order,
                   struct ord_err *err);

struct ord_history {
    struct ord_arena arena;
    struct ord_op *ops; /* owned */
    int64_t count;
    int64_t room;
    const char *nodes[ORD_NODES_MAX + 1]; /* by number; NULL: no such node */
    uint16_t node_count;                  /* the highest number */
    const char *meta;
    uint64_t torn_size;
};

struct ord_history_builder {
    struct ord_history *history; /* owned */
    size_t size_max;
    bool pairs_at_once; /* pair in ord_history_add() */
    struct ord_process_map open;
    const char *names[ORD_NAMES_MAX];
    uint32_t name_count;
    const char *last_error; /* errors repeat: the same text is kept once */
};

/* The number of a node by its name, new if need be: K for "nK" where that is
 * free, else the lowest free one.  ORD_ELIMIT after ORD_NODES_MAX. */
int ord_builder_node(struct ord_history_builder *builder, struct ord_bytes name,
                     uint16_t *node, struct ord_err *err);
/* Names node number `node`; ORD_EFORMAT beyond ORD_NODES_MAX. */
int ord_builder_name_node(struct ord_history_builder *builder, uint16_t node,
                          struct ord_bytes name, struct ord_err *err);
int ord_builder_meta(struct ord_history_builder *builder, struct ord_bytes meta,
                     struct ord_err *err);
/* Splits the value [k v] of a client's operation without a key.  A completion
 * may carry the bare value: clients that crash, and some that answer, do. */
int ord_split_key(struct ord_op *op, struct ord_err *err);
int ord_builder_finish(struct ord_history_builder **builder,
                       enum ord_order order, struct ord_history **out,
                       struct ord_err *err);

#endif
