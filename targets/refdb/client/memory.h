/* memory.h -- what a client remembers of its users: when they wrote, how far
 * they have seen, which replica serves them, which keys are theirs.
 *
 * One open-addressed table under 64-bit hashes; it doubles up to
 * KV_MEMORY_MAX entries, then kv_memory_at() returns NULL, which callers take
 * for "anything may have happened": the leader is asked.
 */
#ifndef ORD_REFDB_CLIENT_MEMORY_H
#define ORD_REFDB_CLIENT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"

enum { KV_MEMORY_MAX = 1 << 18 };

/* How far somebody has seen: the log position, in the epoch of the node that
 * said it.  Positions compare within one epoch; see kv_token_take(). */
struct kv_token {
    int64_t epoch;
    int64_t position;
};

struct kv_entry {
    uint64_t hash; /* 0: free */
    int64_t wrote_ns;
    struct kv_token token;
    uint32_t moved; /* replicas given up so far (sticky) */
};

struct kv_memory {
    struct ord_arena *arena;
    struct kv_entry *entries;
    uint32_t room; /* a power of two, or 0 */
    uint32_t count;
};

void kv_memory_init(struct kv_memory *memory, struct ord_arena *arena);
/* The entry, made if need be; valid until the next call that makes one. */
struct kv_entry *kv_memory_at(struct kv_memory *memory, uint64_t hash);
bool kv_memory_has(const struct kv_memory *memory, uint64_t hash);

/* Takes in what a reply said.  Within an epoch a token only rises.  A newer
 * epoch's word replaces it if the leader spoke, even downwards: a failover
 * that lost writes has taken back what the token stood for, and nobody will
 * ever reach it; waiting for it would send every read to the leader for ever.
 * What a node of an older epoch says changes nothing. */
void kv_token_take(struct kv_token *token, const struct kv_token *said,
                   bool is_from_leader);

#endif
