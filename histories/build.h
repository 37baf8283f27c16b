/* build.h -- what readers need of the builder beyond history.h; internal.
 *
 * A builder pairs and checks each event as it is added, and keeps it in the
 * columns of a block; a full block is packed away.  Everything stays within
 * size_max bytes.
 */
#ifndef ORD_HISTORIES_BUILD_H
#define ORD_HISTORIES_BUILD_H

#include "harness/base/arena.h"
#include "histories/atoms.h"
#include "histories/block.h"
#include "histories/history.h"
#include "histories/pair.h"

enum {
    ORD_NAMES_MAX = 256,     /* interned names of f; more are kept singly */
    ORD_NODE_NAME_MAX = 255, /* bytes */
    ORD_PROCESS_NAME_MAX = 255,
};

/* Events of one history. */
#define ORD_EVENTS_MAX (INT64_C(4294967294))

/* The bytes that `how` allows; "no limit" where it says 0 or is NULL. */
size_t ord_history_size_max(const struct ord_history_options *how);

/* Where processes that have names are numbered from. */
#define ORD_PROCESS_NAMED INT64_C(1000000000000)

/* How ord_history_finish() orders. */
enum ord_order {
    ORD_ORDER_AS_ADDED,
    ORD_ORDER_TIME,       /* invocations first within one instant */
    ORD_ORDER_TIME_ADDED, /* as added within one instant */
};

/* Sorts ops by time; ORD_ENOMEM. See order.c. */
int ord_order_sort(struct ord_op *ops, int64_t count, enum ord_order order,
                   struct ord_err *err);

struct ord_wide; /* whole operations, as they are asked for; wide.c */

struct ord_history {
    struct ord_arena arena;
    struct ord_block *blocks; /* owned */
    uint32_t block_count;
    uint32_t block_room;
    int64_t count;
    int64_t call_count;
    size_t size_max;
    size_t blocks_size; /* bytes of blocks in memory of our own */
    void *map;          /* a file, owned; NULL: blocks are allocated one by */
    size_t map_size;    /* one, or all stand in `bytes` */
    char *bytes;        /* owned */
    const char *nodes[ORD_NODES_MAX + 1]; /* by number; NULL: no such node */
    uint16_t node_count;                  /* the highest number */
    const char *meta;
    uint64_t torn_size;
    struct ord_wide *wide; /* owned; NULL until ord_history_seal() */
};

/* An empty history; ORD_ENOMEM. */
int ord_history_new(size_t size_max, struct ord_history **out,
                    struct ord_err *err);
/* Appends a block, which must follow the last one. ORD_ENOMEM. */
int ord_history_add_block(struct ord_history *history,
                          const struct ord_block *block, struct ord_err *err);
/* Nothing is added any more: makes room for whole operations, which is but
 * address space. ORD_ENOMEM. */
int ord_history_seal(struct ord_history *history, struct ord_err *err);
/* What of size_max is left, bytes. */
size_t ord_history_left(const struct ord_history *history);
/* The pages of a block in a file are not needed soon. */
void ord_history_release(const struct ord_history *history,
                         const struct ord_block *block);

int ord_wide_new(const struct ord_history *history, struct ord_wide **out,
                 struct ord_err *err);
void ord_wide_free(struct ord_wide **wide);
/* All whole operations, to be changed; NULL: see ord_history_trouble(). */
struct ord_op *ord_wide_ops(const struct ord_history *history);

struct ord_history_builder {
    struct ord_history *history; /* owned */
    size_t size_max;
    bool pairs_at_once; /* said by readers; it is always so */
    struct ord_process_map open;
    struct ord_open_calls calls;
    struct ord_maker maker;
    struct ord_buf value; /* of the event, as bytes */
    struct ord_buf key;
    struct ord_buf packed;
    struct ord_buf *sink; /* lent; blocks go there, small; NULL: into memory */
    const char *names[ORD_NAMES_MAX];
    uint32_t name_count;
    struct ord_arena process_arena;
    struct ord_atoms *processes; /* by name; NULL: none has one */
    bool has_named_number;       /* a process had a number of those of names */
};

/* What was added so far becomes a block, if there is anything. */
int ord_builder_pack(struct ord_history_builder *builder, struct ord_err *err);
/* The number of a node by its name, new if need be: K for "nK" where that is
 * free, else the lowest free one.  ORD_ELIMIT after ORD_NODES_MAX. */
int ord_builder_node(struct ord_history_builder *builder, struct ord_bytes name,
                     uint16_t *node, struct ord_err *err);
/* The same of a name that was there before; ORD_NODE_NONE: it was not. */
uint16_t ord_builder_known_node(const struct ord_history_builder *builder,
                                struct ord_bytes name);
/* Names node number `node`; ORD_EFORMAT beyond ORD_NODES_MAX. */
int ord_builder_name_node(struct ord_history_builder *builder, uint16_t node,
                          struct ord_bytes name, struct ord_err *err);
/* The process of a name: the nemesis, where it begins with that word (or is a
 * keyword that does), else one of its own, from ORD_PROCESS_NAMED on in the
 * order of their coming.  ORD_EFORMAT says what was expected. */
int ord_builder_process(struct ord_history_builder *builder,
                        struct ord_bytes name, int64_t *process,
                        struct ord_err *err);
/* Whether a process may have this number: none that a name could have, or no
 * process has a name. */
bool ord_builder_may_number(struct ord_history_builder *builder,
                            int64_t process);
int ord_builder_meta(struct ord_history_builder *builder, struct ord_bytes meta,
                     struct ord_err *err);
/* Nodes and meta of another history. */
int ord_builder_copy_head(struct ord_history_builder *builder,
                          const struct ord_history *from, struct ord_err *err);
/* Splits the value [k v] of a client's operation without a key.  A completion
 * may carry the bare value: clients that crash, and some that answer, do. */
int ord_split_key(struct ord_op *op, struct ord_err *err);
int ord_builder_finish(struct ord_history_builder **builder,
                       enum ord_order order, struct ord_history **out,
                       struct ord_err *err);

#endif
