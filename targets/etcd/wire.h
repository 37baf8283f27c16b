/* wire.h -- what etcd's JSON gateway (/v3) says and wants to hear: requests
 * written, replies read, base64 both ways.  No I/O. */
#ifndef ORD_ETCD_WIRE_H
#define ORD_ETCD_WIRE_H

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "targets/client/client.h"

struct etcd_reply {
    int64_t revision;  /* of the store; -1: not said */
    int64_t term;      /* raft's; -1: not said */
    uint64_t member;   /* who spoke; 0: not said */
    uint64_t leader;   /* of a status; 0: none */
    bool is_succeeded; /* of a transaction; etcd leaves a false out */
    bool has_value;
    struct ord_bytes value; /* of the first key, decoded into the arena */
    struct ord_bytes error; /* etcd's own words, escapes as they came */
};

/* Key and value are NIL, INT or TEXT. */
void etcd_put_range(struct ord_buf *out, const struct ord_client_value *key,
                    bool is_serializable);
void etcd_put_put(struct ord_buf *out, const struct ord_client_value *key,
                  const struct ord_client_value *value);
/* Writes to_be if the key's value is was; NIL: if there is no such key. */
void etcd_put_cas(struct ord_buf *out, const struct ord_client_value *key,
                  const struct ord_client_value *was,
                  const struct ord_client_value *to_be);

/* False where it is not a JSON object of etcd's. */
bool etcd_reply_parse(struct ord_bytes text, struct ord_arena *arena,
                      struct etcd_reply *out);

void etcd_base64_put(struct ord_buf *out, struct ord_bytes bytes);
/* at == NULL on bad input or without memory. */
struct ord_bytes etcd_base64_take(struct ord_bytes text,
                                  struct ord_arena *arena);

#endif
