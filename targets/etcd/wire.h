/* wire.h -- what etcd's JSON gateway (/v3) says and wants to hear: requests
 * written, replies read, base64 both ways.  No I/O. */
#ifndef ORD_ETCD_WIRE_H
#define ORD_ETCD_WIRE_H

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "targets/client/client.h"

enum { ETCD_KVS_MAX = 1 << 20 };

struct etcd_kv { /* decoded into the arena */
    struct ord_bytes key;
    struct ord_bytes value;
    int64_t mod_revision;
};

struct etcd_reply {
    int64_t revision;    /* of the store; -1: not said */
    int64_t term;        /* raft's; -1: not said */
    uint64_t member;     /* who spoke; 0: not said */
    uint64_t leader;     /* of a status; 0: none */
    bool is_succeeded;   /* of a transaction; etcd leaves a false out */
    struct etcd_kv *kvs; /* of a range, in the order of their keys */
    uint32_t kv_count;
    int64_t lease;          /* granted; 0: none */
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

/* Elements are keys below "s<key>/", so that adds never meet. */
void etcd_put_add(struct ord_buf *out, const struct ord_client_value *key,
                  const struct ord_client_value *element);
void etcd_put_elements(struct ord_buf *out, const struct ord_client_value *key,
                       bool is_serializable);
/* Writes value if the key was last written at that revision; 0: never. */
void etcd_put_if_unchanged(struct ord_buf *out,
                           const struct ord_client_value *key,
                           int64_t mod_revision,
                           const struct ord_client_value *value);
/* All that the key was ever set to, from the first revision on. */
void etcd_put_watch(struct ord_buf *out, const struct ord_client_value *key);
void etcd_put_grant(struct ord_buf *out, int64_t ttl_s);
/* Makes the lock's key, under a lease, if it is not there; and removes it if
 * it is still the holder's. */
void etcd_put_lock(struct ord_buf *out, const struct ord_client_value *key,
                   const struct ord_client_value *holder, int64_t lease);
void etcd_put_unlock(struct ord_buf *out, const struct ord_client_value *key,
                     const struct ord_client_value *holder);

/* False where it is not a JSON object of etcd's. */
bool etcd_reply_parse(struct ord_bytes text, struct ord_arena *arena,
                      struct etcd_reply *out);

/* One line of a watch: appends what was put to out->kvs.  False where it is no
 * such line, or etcd says that the watch is over. */
bool etcd_events_parse(struct ord_bytes line, struct ord_arena *arena,
                       struct etcd_reply *out);

void etcd_base64_put(struct ord_buf *out, struct ord_bytes bytes);
/* at == NULL on bad input or without memory. */
struct ord_bytes etcd_base64_take(struct ord_bytes text,
                                  struct ord_arena *arena);

#endif
