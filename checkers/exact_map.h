/* exact_map.h -- maps from small numbers to numbers, equal iff they are the
 * same node: states of the exact search.
 *
 * Persistent, hash-consed radix trees of a depth that is fixed by the largest
 * key: changing a key makes a few nodes and leaves the old map as it was; two
 * maps with the same content have the same root, whatever their past.  0 is
 * the empty map, and 0 as a value means that the key is not there.
 *
 * Nodes that no root reaches any more are swept: mark the roots, then sweep.
 * O(log8 keys) for all but sweeping; 40 bytes a node and 4 a bucket.
 */
#ifndef ORD_CHECKERS_EXACT_MAP_H
#define ORD_CHECKERS_EXACT_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"

enum { ORD_MAP_FANOUT = 8 };

#define ORD_MAP_FULL UINT32_MAX /* no memory for one more node */

/* The finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static inline uint64_t ord_map_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

struct ord_map_node {
    uint32_t child[ORD_MAP_FANOUT]; /* nodes; values where level is 0 */
    uint32_t next;                  /* of its bucket, or of the free ones */
    uint8_t level;
    bool is_live;
};

struct ord_map {
    struct ord_arena memory; /* owned: nodes and buckets, replaced to grow */
    struct ord_map_node *nodes;
    uint32_t *buckets;
    uint32_t bucket_count;
    uint32_t count; /* nodes ever used; node 0 is none */
    uint32_t room;
    uint32_t free;      /* chain of swept nodes; 0: none */
    uint32_t live;      /* nodes in use */
    uint32_t sweep_at;  /* nodes in use that make sweeping worth it */
    uint32_t level_max; /* of a root */
};

/* For keys up to key_max.  False: no memory. */
bool ord_map_init(struct ord_map *map, uint32_t key_max, size_t bytes_max);
void ord_map_fini(struct ord_map *map);

uint32_t ord_map_get(const struct ord_map *map, uint32_t root, uint32_t key);
/* The map with that key changed, or ORD_MAP_FULL. */
uint32_t ord_map_set(struct ord_map *map, uint32_t root, uint32_t key,
                     uint32_t value);
/* The first key from *key on that is there; false: none is. */
bool ord_map_next(const struct ord_map *map, uint32_t root, uint32_t *key,
                  uint32_t *value);

static inline bool ord_map_wants_sweep(const struct ord_map *map)
{
    return map->live >= map->sweep_at;
}

void ord_map_mark(struct ord_map *map, uint32_t root);
void ord_map_sweep(struct ord_map *map);

#endif
