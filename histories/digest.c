/* digest.c -- see digest.h. */
#include "histories/digest.h"

#define MEMORY_MAX ((size_t)1 << 36)

/* Close to the finaliser of MurmurHash3 (Appleby, public domain). */
static uint64_t mix(uint64_t digest, uint64_t word)
{
    digest = (digest ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return digest ^ (digest >> 33);
}

uint64_t ord_digest_bytes(uint64_t digest, struct ord_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        digest =
            (digest ^ (uint8_t)bytes.at[i]) * UINT64_C(0x100000001b3); /* FNV */
    return digest;
}

/* A list's hash is that of its items, so none has to be made whole. */
static uint64_t hash_atom(const struct ord_calls *calls, uint32_t atom)
{
    const uint32_t *items = NULL;
    uint32_t count = ord_atom_items(calls, atom, &items);
    struct ord_value value;
    uint64_t hash;

    if (count == 0) {
        value = ord_atom_value(calls, atom);
        return ord_value_hash(&value);
    }
    hash = mix(ORD_LIST, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *inner = NULL;

        /* Lists in lists by their size and first item: enough to tell. */
        if (ord_atom_items(calls, items[i], &inner) > 0) {
            value = ord_atom_value(calls, inner[0]);
            hash = mix(hash, ord_atom_items(calls, items[i], &inner));
        } else {
            value = ord_atom_value(calls, items[i]);
        }
        hash = mix(hash, ord_value_hash(&value));
    }
    return hash;
}

uint64_t ord_calls_digest(const struct ord_calls *calls)
{
    uint64_t digest = mix(calls->event_count, calls->count);

    /* Atoms are numbered as they come, so the numbers tell what is equal to
     * what, and each value has to be looked at once only. */
    for (uint32_t atom = 0; atom < calls->atom_count; atom++)
        digest = mix(digest, hash_atom(calls, atom));
    for (uint32_t i = 0; i < calls->count; i++) {
        uint64_t small = (uint64_t)calls->f[i] | (uint64_t)calls->type[i] << 8;

        if (calls->is_final != NULL && calls->is_final[i] != 0)
            small |= 1U << 16;
        digest = mix(digest, (uint64_t)calls->begin[i] << 32 | calls->end[i]);
        digest = mix(digest, (uint64_t)calls->in[i] << 32 | calls->out[i]);
        digest = mix(digest, small);
        if (calls->key != NULL)
            digest = mix(digest, calls->key[i]);
    }
    for (uint32_t key = 0; key < calls->key_count; key++)
        digest = mix(digest, ord_value_hash(&calls->keys[key]));
    return digest;
}

int ord_history_digest(const struct ord_history *history, uint64_t *digest,
                       struct ord_err *err)
{
    struct ord_arena arena;
    struct ord_calls calls;
    int rc;

    ord_arena_init(&arena, MEMORY_MAX);
    rc = ord_calls_build(history, ORD_CALLS_KEYS, &arena, &calls, err);
    if (rc == ORD_OK)
        *digest = ord_calls_digest(&calls);
    ord_arena_fini(&arena);
    return rc;
}
