/* log_format.h -- the byte layout of our own log; see FORMAT.md. Internal. */
#ifndef ORD_HISTORIES_LOG_FORMAT_H
#define ORD_HISTORIES_LOG_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define ORD_LOG_MAGIC "ORDEAL1\n"

enum {
    ORD_LOG_MAGIC_SIZE = 8,
    ORD_LOG_VERSION = 1,
    ORD_LOG_HEADER_SIZE = 24, /* magic, version, flags, meta size, crc */
    ORD_LOG_RECORD_HEAD = 8,  /* size, crc */
    ORD_LOG_ALIGN = 4,        /* so that a size word is one aligned store */
    ORD_LOG_PAYLOAD_MAX = 1 << 24,
    ORD_LOG_META_MAX = 1 << 20,
    ORD_LOG_NAMES_MAX = 255, /* defined names of f; others stand inline */
};

/* The bits of a payload's first varint. */
enum {
    ORD_LOG_TYPE_MASK = 0x3,
    ORD_LOG_IS_FINAL = 1 << 2,
    ORD_LOG_HAS_KEY = 1 << 3,
    ORD_LOG_HAS_VALUE = 1 << 4,
    ORD_LOG_HAS_NODE = 1 << 5,
    ORD_LOG_HAS_SESSION = 1 << 6,
    ORD_LOG_HAS_EPOCH = 1 << 7,
    ORD_LOG_HAS_POSITION = 1 << 8,
    ORD_LOG_HAS_DEVICE = 1 << 9,
    ORD_LOG_HAS_ERROR = 1 << 10,
    ORD_LOG_HAS_SENT = 1 << 11,
    ORD_LOG_HAS_RECEIVED = 1 << 12,
    ORD_LOG_BITS = (1 << 13) - 1,
};

enum ord_log_tag {
    ORD_LOG_NIL,
    ORD_LOG_FALSE,
    ORD_LOG_TRUE,
    ORD_LOG_INT,
    ORD_LOG_TEXT,
    ORD_LOG_LIST,
};

static inline size_t ord_log_align(size_t size)
{
    return (size + ORD_LOG_ALIGN - 1) & ~(size_t)(ORD_LOG_ALIGN - 1);
}

static inline uint64_t ord_log_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t ord_log_unzigzag(uint64_t value)
{
    uint64_t half = value >> 1;

    return (int64_t)((value & 1) != 0 ? ~half : half);
}

static inline void ord_log_put32(unsigned char *at, uint32_t value)
{
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
    at[2] = (unsigned char)(value >> 16);
    at[3] = (unsigned char)(value >> 24);
}

static inline uint32_t ord_log_get32(const void *bytes)
{
    const unsigned char *at = bytes;

    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

#endif
