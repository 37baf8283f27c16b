/* conn.h -- one RESP connection to one refdb node, with a deadline for
 * everything.
 *
 * A call ends in exactly one enum kv_end, which says what may be concluded; a
 * connection whose next bytes could belong to an older call is closed.  META
 * ON is said once per connection, so replies carry node, epoch and position.
 * Texts in a reply are lent until the next call on the same connection.
 */
#ifndef ORD_REFDB_CLIENT_CONN_H
#define ORD_REFDB_CLIENT_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "targets/client/client.h"

enum {
    KV_PORT = 6379,
    KV_ARGS_MAX = 8,
    KV_REPLY_MAX = 8 << 20, /* bytes of one reply */
};

enum kv_end {
    KV_DONE,      /* the node did it and says so */
    KV_REJECTED,  /* the node says that it did nothing */
    KV_NOT_SENT,  /* not one byte of it reached the kernel */
    KV_UNCERTAIN, /* the node says that it does not know */
    KV_LOST,      /* no answer in time, or the connection broke */
    KV_GARBAGE,   /* an answer that means nothing */
    KV_ENDS
};

enum kv_refusal {
    KV_REFUSED_NOT_LEADER,
    KV_REFUSED_NO_LEADER,
    KV_REFUSED_LAGGING,
    KV_REFUSED_FENCED,
    KV_REFUSED_LOADING,
    KV_REFUSED_COMMAND, /* -ERR: the same anywhere else */
    KV_REFUSALS
};

enum kv_kind {
    KV_NIL,
    KV_STATUS,
    KV_INT,
    KV_BULK,
    KV_ARRAY,
    KV_ERROR,
};

struct kv_item {
    enum kv_kind kind;
    uint32_t count;        /* of items */
    int64_t number;        /* of INT */
    struct ord_bytes text; /* of STATUS, BULK, ERROR */
    const struct kv_item *items;
};

struct kv_reply {
    struct kv_item item;
    int64_t node_id;         /* from 1; 0: not said */
    int64_t epoch;           /* -1: not said */
    int64_t position;        /* -1: not said */
    enum kv_refusal refusal; /* with KV_REJECTED */
    int64_t hint;            /* node id of the leader, 0: none */
    int64_t sent_ns;         /* 0: nothing was sent */
    int64_t received_ns;     /* 0: no answer */
};

struct kv_cmd {
    struct ord_bytes args[KV_ARGS_MAX];
    uint32_t count;
};

struct kv_conn {
    struct sockaddr_in address;
    bool has_address;
    bool wants_meta;
    bool is_checked;      /* this connection's calls carry checksums */
    uint32_t request_crc; /* of the last call */
    int fd;               /* -1: closed */
    struct ord_buf in;
    struct ord_buf out;
    size_t reply_size; /* bytes of `in` that the last reply used */
};

/* ip is "a.b.c.d" or "a.b.c.d:port".  False if it is neither. */
bool kv_conn_init(struct kv_conn *conn, const char *ip, bool wants_meta);
void kv_conn_fini(struct kv_conn *conn);

/* Connects where needed (until connect_ns), sends, waits (until deadline_ns).
 * Items of arrays come from the arena. */
enum kv_end kv_conn_call(struct kv_conn *conn, const struct kv_cmd *cmd,
                         int64_t connect_ns, int64_t deadline_ns,
                         struct ord_arena *arena, struct kv_reply *reply);

/* Closes it: a reply of the wrong shape makes all that follow doubtful. */
void kv_conn_drop(struct kv_conn *conn);

void kv_cmd_add(struct kv_cmd *cmd, struct ord_bytes arg);

#endif
