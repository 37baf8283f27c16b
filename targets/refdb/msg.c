#include "targets/refdb/msg.h"

#include <zlib.h>

#include "harness/base/err.h"

enum {
    FRAME_HEAD_SIZE = 12,
    BODY_HEAD_SIZE = 3 + 3 * 4 + 10 * 8,
    ENTRY_HEAD_SIZE = 12,
};

uint32_t rd_crc32(uint32_t crc, struct ord_bytes bytes)
{
    ORD_ASSERT(bytes.size <= UINT32_MAX);
    return (uint32_t)crc32(crc, (const unsigned char *)bytes.at,
                           (unsigned)bytes.size);
}

uint64_t rd_get_u64(const char *at)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | (uint8_t)at[i];
    return value;
}

uint32_t rd_get_u32(const char *at)
{
    uint32_t value = 0;

    for (int i = 3; i >= 0; i--)
        value = value << 8 | (uint8_t)at[i];
    return value;
}

void rd_put_u64(struct ord_buf *out, uint64_t value)
{
    char *at = ord_buf_reserve(out, 8);

    if (at == NULL)
        return;
    for (int i = 0; i < 8; i++)
        at[i] = (char)(uint8_t)(value >> (8 * i));
    ord_buf_commit(out, 8);
}

void rd_put_u32(struct ord_buf *out, uint32_t value)
{
    char *at = ord_buf_reserve(out, 4);

    if (at == NULL)
        return;
    for (int i = 0; i < 4; i++)
        at[i] = (char)(uint8_t)(value >> (8 * i));
    ord_buf_commit(out, 4);
}

void rd_msg_encode(struct ord_buf *out, const struct rd_msg *msg)
{
    size_t start = out->size;
    size_t size = BODY_HEAD_SIZE + msg->data.size;
    struct ord_bytes body;
    uint32_t crc;

    ORD_ASSERT(msg->type > 0 && msg->type < RD_MSG_TYPES);
    ORD_ASSERT(size <= RD_FRAME_SIZE_MAX);
    if (ord_buf_reserve(out, FRAME_HEAD_SIZE + size) == NULL)
        return;
    rd_put_u32(out, (uint32_t)size);
    rd_put_u32(out, ~(uint32_t)size);
    rd_put_u32(out, 0);
    ord_buf_char(out, RD_WIRE_VERSION);
    ord_buf_char(out, (char)msg->type);
    ord_buf_char(out, (char)msg->flags);
    rd_put_u32(out, msg->from);
    rd_put_u32(out, msg->to);
    rd_put_u32(out, msg->count);
    rd_put_u64(out, msg->epoch);
    rd_put_u64(out, msg->index);
    rd_put_u64(out, msg->index_epoch);
    rd_put_u64(out, msg->commit);
    rd_put_u64(out, msg->last);
    rd_put_u64(out, msg->probe);
    rd_put_u64(out, msg->round);
    rd_put_u64(out, (uint64_t)msg->stamp);
    rd_put_u64(out, (uint64_t)msg->echo);
    rd_put_u64(out, msg->identity);
    ord_buf_add(out, msg->data);
    body = (struct ord_bytes){.at = out->at + start + FRAME_HEAD_SIZE,
                              .size = size};
    ORD_ASSERT(out->size == start + FRAME_HEAD_SIZE + size);
    crc = rd_crc32(0, body);
    for (int i = 0; i < 4; i++)
        out->at[start + 8 + (size_t)i] = (char)(uint8_t)(crc >> (8 * i));
}

int64_t rd_msg_decode(struct ord_bytes in, struct rd_msg *msg)
{
    struct ord_bytes body;
    const char *at;
    uint32_t size;

    if (in.size < FRAME_HEAD_SIZE)
        return 0;
    size = rd_get_u32(in.at);
    /* A damaged size must not make us wait for megabytes to come. */
    if (rd_get_u32(in.at + 4) != ~size || size < BODY_HEAD_SIZE ||
        size > RD_FRAME_SIZE_MAX)
        return -1;
    if (in.size < FRAME_HEAD_SIZE + (size_t)size)
        return 0;
    body = (struct ord_bytes){.at = in.at + FRAME_HEAD_SIZE, .size = size};
    if (rd_crc32(0, body) != rd_get_u32(in.at + 8))
        return -1;
    at = body.at;
    if (at[0] != RD_WIRE_VERSION || at[1] < 1 || at[1] >= RD_MSG_TYPES)
        return -1;
    *msg = (struct rd_msg){
        .type = (uint8_t)at[1],
        .flags = (uint8_t)at[2],
        .from = rd_get_u32(at + 3),
        .to = rd_get_u32(at + 7),
        .count = rd_get_u32(at + 11),
        .epoch = rd_get_u64(at + 15),
        .index = rd_get_u64(at + 23),
        .index_epoch = rd_get_u64(at + 31),
        .commit = rd_get_u64(at + 39),
        .last = rd_get_u64(at + 47),
        .probe = rd_get_u64(at + 55),
        .round = rd_get_u64(at + 63),
        .stamp = (int64_t)rd_get_u64(at + 71),
        .echo = (int64_t)rd_get_u64(at + 79),
        .identity = rd_get_u64(at + 87),
        .data = {.at = at + BODY_HEAD_SIZE, .size = size - BODY_HEAD_SIZE},
    };
    if (msg->from < 1 || msg->from > RD_NODE_MAX)
        return -1;
    return FRAME_HEAD_SIZE + (int64_t)size;
}

void rd_msg_put_entry(struct ord_buf *out, uint64_t epoch,
                      struct ord_bytes data)
{
    rd_put_u64(out, epoch);
    rd_put_u32(out, (uint32_t)data.size);
    ord_buf_add(out, data);
}

bool rd_msg_take_entry(struct ord_bytes *data, uint64_t *epoch,
                       struct ord_bytes *entry)
{
    uint32_t size;

    if (data->size < ENTRY_HEAD_SIZE)
        return false;
    *epoch = rd_get_u64(data->at);
    size = rd_get_u32(data->at + 8);
    if (size > data->size - ENTRY_HEAD_SIZE)
        return false;
    *entry = (struct ord_bytes){.at = data->at + ENTRY_HEAD_SIZE, .size = size};
    data->at += ENTRY_HEAD_SIZE + size;
    data->size -= ENTRY_HEAD_SIZE + (size_t)size;
    return true;
}
