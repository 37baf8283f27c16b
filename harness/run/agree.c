#include "harness/run/agree.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/rng.h"

struct slot {
    uint64_t key;
    uint64_t value;
    bool is_used;
};

struct ord_agree {
    struct slot slots[ORD_AGREE_KEYS_MAX];
    uint32_t used;
    bool is_ordered;
    bool is_begun;  /* something came */
    bool is_broken; /* a read failed, or two differ */
    uint32_t read_count;
    uint32_t failed_count;
};

struct ord_agree *ord_agree_new(bool is_ordered)
{
    struct ord_agree *agree = calloc(1, sizeof *agree);

    if (agree != NULL)
        agree->is_ordered = is_ordered;
    return agree;
}

void ord_agree_free(struct ord_agree **agree)
{
    free(*agree);
    *agree = NULL;
}

void ord_agree_clear(struct ord_agree *agree)
{
    memset(agree->slots, 0, sizeof agree->slots);
    agree->used = 0;
    agree->is_begun = false;
    agree->is_broken = false;
    agree->read_count = 0;
    agree->failed_count = 0;
}

static uint64_t hash_value(const struct ord_value *value, bool is_ordered)
{
    uint64_t sum = value->count;

    if (value->kind != ORD_LIST || is_ordered)
        return ord_value_hash(value);
    for (uint32_t i = 0; i < value->count; i++)
        sum += ord_mix(ord_value_hash(&value->as.items[i]));
    return sum;
}

void ord_agree_add(struct ord_agree *agree, const struct ord_op *op)
{
    uint64_t key = ord_value_hash(&op->key);
    uint64_t value;
    uint32_t at = (uint32_t)(key % ORD_AGREE_KEYS_MAX);

    agree->is_begun = true;
    if (op->f != ORD_F_READ)
        return;
    agree->read_count++;
    if (op->type != ORD_OP_OK) {
        agree->failed_count++;
        agree->is_broken = true;
        return;
    }
    value = hash_value(&op->value, agree->is_ordered);
    while (agree->slots[at].is_used && agree->slots[at].key != key)
        at = (at + 1) % ORD_AGREE_KEYS_MAX;
    if (agree->slots[at].is_used) {
        if (agree->slots[at].value != value)
            agree->is_broken = true;
        return;
    }
    if (agree->used == ORD_AGREE_KEYS_MAX / 2) {
        agree->is_broken = true; /* half full: enough, and it stays fast */
        return;
    }
    agree->slots[at] =
        (struct slot){.key = key, .value = value, .is_used = true};
    agree->used++;
}

bool ord_agree_is_reached(const struct ord_agree *agree)
{
    return !agree->is_broken && agree->is_begun;
}

uint32_t ord_agree_read_count(const struct ord_agree *agree)
{
    return agree->read_count;
}

uint32_t ord_agree_failed_count(const struct ord_agree *agree)
{
    return agree->failed_count;
}
