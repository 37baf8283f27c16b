/* tagged.h -- numbers and values as bytes; internal. FORMAT.md, "Values".
 *
 * What is read comes from files: a cursor never runs past its end, and says
 * in is_bad that something made no sense.
 */
#ifndef ORD_HISTORIES_TAGGED_H
#define ORD_HISTORIES_TAGGED_H

#include "histories/value.h"

enum { ORD_VARINT_MAX = 10 }; /* bytes */

struct ord_cursor {
    const unsigned char *at;
    const unsigned char *end;
    bool is_bad;
    bool is_full; /* it is bad only because the arena was used up */
};

static inline uint64_t ord_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t ord_unzigzag(uint64_t value)
{
    uint64_t half = value >> 1;

    return (int64_t)((value & 1) != 0 ? ~half : half);
}

/* Differences wrap: they are right for any two numbers. */
static inline int64_t ord_distance(int64_t from, int64_t to)
{
    return (int64_t)((uint64_t)to - (uint64_t)from);
}

static inline int64_t ord_moved(int64_t from, int64_t by)
{
    return (int64_t)((uint64_t)from + (uint64_t)by);
}

/* Has ORD_VARINT_MAX bytes of room; returns the end. */
static inline unsigned char *ord_put_varint(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

static inline void ord_put32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static inline void ord_put64(unsigned char *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static inline uint32_t ord_get32(const void *bytes)
{
    const unsigned char *at = bytes;

    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

static inline uint64_t ord_get64(const void *bytes)
{
    const unsigned char *at = bytes;

    return ord_get32(at) | (uint64_t)ord_get32(at + 4) << 32;
}

uint64_t ord_get_varint(struct ord_cursor *in);
static inline int64_t ord_get_signed(struct ord_cursor *in)
{
    return ord_unzigzag(ord_get_varint(in));
}
/* Zero-terminated, in the arena; "" where it is bad. */
struct ord_bytes ord_get_text(struct ord_cursor *in, struct ord_arena *arena);
/* Texts and items go to the arena. */
struct ord_value ord_get_value(struct ord_cursor *in, struct ord_arena *arena);

void ord_add_varint(struct ord_buf *out, uint64_t value);
void ord_add_text(struct ord_buf *out, struct ord_bytes text);
/* False: deeper than a reader would take. */
bool ord_add_value(struct ord_buf *out, const struct ord_value *value);

#endif
