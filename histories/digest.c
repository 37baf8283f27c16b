/* digest.c -- see digest.h. */
#include "histories/digest.h"

/* One round of the finaliser of MurmurHash3 (Appleby, public domain). */
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

static uint64_t digest_text(const char *text)
{
    return ord_digest_bytes(ORD_DIGEST_START, ord_bytes_of(text));
}

static uint64_t digest_event(uint64_t digest, const struct ord_op *op,
                             uint64_t node)
{
    uint64_t small = (uint64_t)op->type | (uint64_t)op->f << 8 |
                     (uint64_t)op->device << 16 | (uint64_t)op->is_final << 24 |
                     (uint64_t)op->key.kind << 32;

    digest = mix(digest, small);
    digest = mix(digest, (uint64_t)op->process);
    digest = mix(digest, (uint64_t)op->time_ns);
    digest = mix(digest, (uint64_t)op->session);
    digest = mix(digest, (uint64_t)op->epoch);
    digest = mix(digest, (uint64_t)op->position);
    digest = mix(digest, node);
    if (op->f == ORD_F_OTHER)
        digest = mix(digest, digest_text(op->name));
    if (op->key.kind != ORD_NIL)
        digest = mix(digest, ord_value_hash(&op->key));
    return mix(digest, ord_value_hash(&op->value));
}

uint64_t ord_history_digest(const struct ord_history *history)
{
    uint64_t digest = mix(0, (uint64_t)ord_history_count(history));
    uint64_t nodes[ORD_NODES_MAX + 1];
    uint16_t count = ord_history_node_count(history);

    for (uint16_t i = 0; i <= ORD_NODES_MAX; i++)
        nodes[i] =
            i <= count ? digest_text(ord_history_node_name(history, i)) : 0;
    ORD_OPS (history, op)
        digest = digest_event(
            digest, op, op->node <= ORD_NODES_MAX ? nodes[op->node] : op->node);
    return digest;
}
