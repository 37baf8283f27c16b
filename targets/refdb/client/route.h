/* route.h -- which node a refdb client asks, and whom it asks next.
 *
 * A call may be sent to several nodes, one after the other, but only as long
 * as each of them has surely done nothing (or it is a read): see
 * kv_may_go_on().  Everything ends by the call's deadline.
 */
#ifndef ORD_REFDB_CLIENT_ROUTE_H
#define ORD_REFDB_CLIENT_ROUTE_H

#include "harness/base/rng.h"
#include "targets/refdb/client/conn.h"
#include "targets/refdb/client/memory.h"

enum kv_read_from {
    KV_FROM_LEADER,
    KV_FROM_ANY,
    KV_FROM_STICKY,
    KV_FROM_OWN_FROM_LEADER,
    KV_FROM_LEADER_FOR,
    KV_FROM_LAG_BELOW,
    KV_FROM_POSITION,
    KV_FROM_POSITION_CENTRAL,
    KV_FROM_COUNT
};

struct kv_client {
    const struct ord_client_init *init;
    struct ord_arena arena; /* for the memory; lives as long as the client */
    struct kv_memory memory;
    struct kv_conn conns[ORD_CLIENT_NODES_MAX];
    struct ord_rng rng;
    enum kv_read_from read_from;
    bool is_home_only; /* route=home */
    int64_t leader_for_ns;
    int64_t lag_below_ms;
    int64_t rediscover;   /* calls after which the leader is looked for again */
    int64_t leader_calls; /* made since then */
    int32_t leader;       /* index of the last known leader, or NO_NODE */
};

struct kv_call {
    struct kv_cmd cmd; /* without the options of a replica's read */
    bool is_read;
    int64_t session; /* identity of the user, see kv_user() */
    int64_t device;
    uint64_t owned; /* hash of (user, key) */
    bool is_own;    /* key == session */
    int64_t begin_ns;
    int64_t deadline_ns;
    struct ord_arena *arena;
    /* Out: how the last attempt ended, whom it asked. */
    enum kv_end end;
    struct kv_reply reply;
    int32_t node;
    bool is_from_leader; /* a leader's answer was asked for, not a replica's */
};

/* Names of KV_FROM_*, as the setting spells them. */
extern const char *const kv_read_from_names[KV_FROM_COUNT];

/* At exactly this node; local: from its own state (reads). */
void kv_ask_node(struct kv_client *client, struct kv_call *call, int32_t node,
                 bool is_local);
/* At the leader, wherever it is; or, where follow is false, at home only. */
void kv_ask_leader(struct kv_client *client, struct kv_call *call,
                   bool follows);
/* A read, where the setting `read-from` sends it. */
void kv_ask_read(struct kv_client *client, struct kv_call *call);
/* Remembers for the user what this call has shown or done. */
void kv_remember(struct kv_client *client, const struct kv_call *call);

#endif
