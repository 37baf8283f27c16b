#include "checkers/exact_map.h"

#include <string.h>

#include "harness/base/err.h"

enum {
    BITS = 3,
    LEVELS_MAX = 11, /* 33 bits of key */
    ROOM_MIN = 1 << 8,
    SWEEP_MIN = 1 << 14,
};

static uint32_t digit(uint32_t key, uint32_t level)
{
    uint32_t shift = level * BITS;

    return shift >= 32 ? 0 : key >> shift & (ORD_MAP_FANOUT - 1);
}

static uint32_t bucket_of(const struct ord_map *map, const uint32_t *child,
                          uint32_t level)
{
    uint64_t h = level;

    for (uint32_t i = 0; i < ORD_MAP_FANOUT; i += 2)
        h = ord_map_mix(h ^ ((uint64_t)child[i] << 32 | child[i + 1]) *
                                UINT64_C(0x9e3779b97f4a7c15));
    return (uint32_t)h & (map->bucket_count - 1);
}

static void put_into_bucket(struct ord_map *map, uint32_t id)
{
    struct ord_map_node *node = &map->nodes[id];
    uint32_t bucket = bucket_of(map, node->child, node->level);

    node->next = map->buckets[bucket];
    map->buckets[bucket] = id;
}

/* Everything moves to a fresh arena: nothing else points into the old one. */
static bool grow(struct ord_map *map)
{
    struct ord_arena old = map->memory;
    struct ord_map_node *nodes = map->nodes;
    uint32_t room = map->room * 2;
    size_t size = (size_t)room * (sizeof *nodes + sizeof *map->buckets) + 64;

    if (room <= map->room || old.taken_size >= old.size_max ||
        size > old.size_max - old.taken_size)
        return false;
    ord_arena_init(&map->memory, old.size_max);
    map->nodes = ord_arena_alloc(&map->memory, room * sizeof *nodes);
    map->buckets = ord_arena_zalloc(&map->memory, room, sizeof *map->buckets);
    if (map->nodes == NULL || map->buckets == NULL) {
        ord_arena_fini(&map->memory);
        map->memory = old;
        map->nodes = nodes;
        return false;
    }
    memcpy(map->nodes, nodes, map->count * sizeof *nodes);
    ord_arena_fini(&old);
    map->room = room;
    map->bucket_count = room;
    for (uint32_t id = 1; id < map->count; id++)
        put_into_bucket(map, id);
    return true;
}

bool ord_map_init(struct ord_map *map, uint32_t key_max, size_t bytes_max)
{
    memset(map, 0, sizeof *map);
    if (bytes_max == 0)
        return false;
    ord_arena_init(&map->memory, bytes_max);
    map->room = ROOM_MIN;
    map->bucket_count = ROOM_MIN;
    map->nodes = ord_arena_zalloc(&map->memory, map->room, sizeof *map->nodes);
    map->buckets =
        ord_arena_zalloc(&map->memory, map->room, sizeof *map->buckets);
    if (map->nodes == NULL || map->buckets == NULL) {
        ord_arena_fini(&map->memory);
        return false;
    }
    map->count = 1;
    map->sweep_at = SWEEP_MIN;
    while (map->level_max + 1 < LEVELS_MAX &&
           (uint64_t)key_max >> (map->level_max + 1) * BITS != 0)
        map->level_max++;
    return true;
}

void ord_map_fini(struct ord_map *map)
{
    if (map->memory.size_max != 0)
        ord_arena_fini(&map->memory);
    memset(map, 0, sizeof *map);
}

uint32_t ord_map_get(const struct ord_map *map, uint32_t root, uint32_t key)
{
    uint32_t at = root;

    for (uint32_t level = map->level_max; at != 0; level--) {
        at = map->nodes[at].child[digit(key, level)];
        if (level == 0)
            return at;
    }
    return 0;
}

/* The node with these children: the one there is, or a new one. */
static uint32_t intern(struct ord_map *map, const uint32_t *child,
                       uint32_t level)
{
    uint32_t bucket = bucket_of(map, child, level);
    uint32_t id = map->buckets[bucket];

    for (; id != 0; id = map->nodes[id].next) {
        if (map->nodes[id].level == level &&
            memcmp(map->nodes[id].child, child, sizeof map->nodes[id].child) ==
                0)
            return id;
    }
    if (map->free != 0) {
        id = map->free;
        map->free = map->nodes[id].next;
    } else {
        if (map->count == map->room && !grow(map))
            return ORD_MAP_FULL;
        id = map->count++;
    }
    memcpy(map->nodes[id].child, child, sizeof map->nodes[id].child);
    map->nodes[id].level = (uint8_t)level;
    map->nodes[id].is_live = false;
    put_into_bucket(map, id);
    map->live++;
    return id;
}

uint32_t ord_map_set(struct ord_map *map, uint32_t root, uint32_t key,
                     uint32_t value)
{
    uint32_t path[LEVELS_MAX] = {0};
    uint32_t at = root;
    uint32_t made = value;

    ORD_ASSERT((uint64_t)key >> (map->level_max + 1) * BITS == 0);
    for (uint32_t level = map->level_max;; level--) {
        path[level] = at;
        at = at == 0 ? 0 : map->nodes[at].child[digit(key, level)];
        if (level == 0)
            break;
    }
    if (at == value)
        return root;
    for (uint32_t level = 0; level <= map->level_max; level++) {
        uint32_t child[ORD_MAP_FANOUT] = {0};
        uint32_t left = 0;

        if (path[level] != 0)
            memcpy(child, map->nodes[path[level]].child, sizeof child);
        child[digit(key, level)] = made;
        for (uint32_t i = 0; i < ORD_MAP_FANOUT; i++)
            left |= child[i];
        made = left == 0 ? 0 : intern(map, child, level);
        if (made == ORD_MAP_FULL)
            return ORD_MAP_FULL;
    }
    return made;
}

bool ord_map_next(const struct ord_map *map, uint32_t root, uint32_t *key,
                  uint32_t *value)
{
    uint32_t path[LEVELS_MAX];
    uint64_t from = *key;
    uint32_t level = map->level_max;

    if (root == 0 || from >> (map->level_max + 1) * BITS != 0)
        return false;
    path[level] = root;
    for (;;) {
        const struct ord_map_node *node = &map->nodes[path[level]];
        uint32_t shift = level * BITS;
        uint32_t i = (uint32_t)(from >> shift) & (ORD_MAP_FANOUT - 1);
        uint64_t up = 0;

        while (i < ORD_MAP_FANOUT && node->child[i] == 0) {
            i++;
            from = (from >> shift << shift) + (UINT64_C(1) << shift);
        }
        if (i < ORD_MAP_FANOUT && level == 0) {
            *key = (uint32_t)from;
            *value = node->child[i];
            return true;
        }
        if (i < ORD_MAP_FANOUT) {
            path[--level] = node->child[i];
            continue;
        }
        /* from has been carried over: the path above that still holds. */
        do {
            level++;
            if (level > map->level_max)
                return false;
            up = from >> level * BITS & (ORD_MAP_FANOUT - 1);
        } while (up == 0);
    }
}

void ord_map_mark(struct ord_map *map, uint32_t root)
{
    uint32_t stack[LEVELS_MAX * ORD_MAP_FANOUT];
    uint32_t depth = 0;

    if (root == 0 || map->nodes[root].is_live)
        return;
    map->nodes[root].is_live = true;
    stack[depth++] = root;
    while (depth > 0) {
        const struct ord_map_node *node = &map->nodes[stack[--depth]];

        if (node->level == 0)
            continue;
        for (uint32_t i = 0; i < ORD_MAP_FANOUT; i++) {
            uint32_t child = node->child[i];

            if (child == 0 || map->nodes[child].is_live)
                continue;
            map->nodes[child].is_live = true;
            ORD_ASSERT(depth < LEVELS_MAX * ORD_MAP_FANOUT);
            stack[depth++] = child;
        }
    }
}

void ord_map_sweep(struct ord_map *map)
{
    memset(map->buckets, 0, map->bucket_count * sizeof *map->buckets);
    map->free = 0;
    map->live = 0;
    for (uint32_t id = 1; id < map->count; id++) {
        struct ord_map_node *node = &map->nodes[id];

        if (node->is_live) {
            node->is_live = false;
            map->live++;
            put_into_bucket(map, id);
        } else {
            node->next = map->free;
            map->free = id;
        }
    }
    map->sweep_at = map->live * 2 < SWEEP_MIN ? SWEEP_MIN : map->live * 2;
}
