/* log_format.h -- the byte layout of our own file; see FORMAT.md. Internal. */
#ifndef ORD_HISTORIES_LOG_FORMAT_H
#define ORD_HISTORIES_LOG_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "histories/tagged.h"

#define ORD_LOG_MAGIC "ORDEAL1\n" /* of all versions */
#define ORD_TAIL_MAGIC "ORDTAIL\n"
#define ORD_TAIL_SUFFIX ".tail"
#define ORD_TAIL_NEW_SUFFIX ".tail.new"

enum {
    ORD_LOG_MAGIC_SIZE = 8,
    ORD_LOG_VERSION = 2,
    ORD_LOG_VERSION_ROWS = 1, /* a header, then rows; still read */
    ORD_LOG_HEADER_SIZE = 24, /* magic, version, flags, meta size, crc */
    ORD_TAIL_HEADER_SIZE = 48,
    ORD_LOG_RECORD_HEAD = 8, /* size, crc */
    ORD_LOG_ALIGN = 4,       /* so that a size word is one aligned store */
    ORD_LOG_PAYLOAD_MAX = 1 << 24,
    ORD_LOG_META_MAX = 1 << 20,
    ORD_LOG_NAMES_MAX = 255, /* defined names of f; others stand inline */
};

/* The bits of a row's first varint. */
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
    ORD_LOG_IS_PLACED = 1 << 13, /* its time is its place for good */
    ORD_LOG_BITS = (1 << 14) - 1,
};

/* What the head of a tail says. */
struct ord_tail_head {
    uint32_t header_crc;  /* of the main file's header: they belong together */
    uint64_t main_size;   /* the tail follows these bytes of the main file */
    uint64_t event_count; /* in there */
    int64_t frontier_ns;  /* the latest of their times */
};

static inline size_t ord_log_align(size_t size)
{
    return (size + ORD_LOG_ALIGN - 1) & ~(size_t)(ORD_LOG_ALIGN - 1);
}

/* Appends a file's header with its meta, whose crc is returned. */
uint32_t ord_log_add_header(struct ord_buf *out, struct ord_bytes meta);
/* The end of a file that was closed. */
void ord_log_add_trailer(struct ord_buf *out, uint64_t events, uint64_t calls);

#endif
