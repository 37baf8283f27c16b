#include "targets/refdb/client/memory.h"

#include "harness/base/err.h"
#include "harness/base/rng.h"

enum { ROOM_MIN = 64 };

void kv_memory_init(struct kv_memory *memory, struct ord_arena *arena)
{
    *memory = (struct kv_memory){.arena = arena};
}

/* Where the hash stands or would stand; a free place always exists. */
static struct kv_entry *probe(struct kv_entry *entries, uint32_t room,
                              uint64_t hash)
{
    uint32_t at = (uint32_t)ord_mix(hash) & (room - 1);

    ORD_ASSERT(room > 0 && (room & (room - 1)) == 0);
    while (entries[at].hash != 0 && entries[at].hash != hash)
        at = (at + 1) & (room - 1);
    return &entries[at];
}

static bool grow(struct kv_memory *memory)
{
    uint32_t room = memory->room == 0 ? ROOM_MIN : memory->room * 2;
    struct kv_entry *entries;

    if (room / 2 > KV_MEMORY_MAX)
        return false;
    entries = ord_arena_zalloc(memory->arena, room, sizeof *entries);
    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < memory->room; i++) {
        if (memory->entries[i].hash != 0)
            *probe(entries, room, memory->entries[i].hash) = memory->entries[i];
    }
    memory->entries = entries;
    memory->room = room;
    return true;
}

struct kv_entry *kv_memory_at(struct kv_memory *memory, uint64_t hash)
{
    struct kv_entry *entry = NULL;

    hash = hash == 0 ? 1 : hash;
    if (memory->room > 0)
        entry = probe(memory->entries, memory->room, hash);
    if (entry != NULL && entry->hash == hash)
        return entry;
    if (memory->count >= memory->room / 2) {
        if (!grow(memory))
            return NULL;
        entry = probe(memory->entries, memory->room, hash);
    }
    *entry = (struct kv_entry){
        .hash = hash, .wrote_ns = -1, .token = {.epoch = -1, .position = -1}};
    memory->count++;
    return entry;
}

bool kv_memory_has(const struct kv_memory *memory, uint64_t hash)
{
    hash = hash == 0 ? 1 : hash;
    return memory->room > 0 &&
           probe(memory->entries, memory->room, hash)->hash == hash;
}

void kv_token_take(struct kv_token *token, const struct kv_token *said,
                   bool is_from_leader)
{
    if (said->position < 0 || said->epoch < token->epoch)
        return;
    if (said->position > token->position ||
        (is_from_leader && said->epoch > token->epoch))
        token->position = said->position;
    token->epoch = said->epoch;
}
