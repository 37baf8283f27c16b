/* bytes.h -- a borrowed run of bytes, not zero-terminated. */
#ifndef ORD_BASE_BYTES_H
#define ORD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct ord_bytes {
    const char *at;
    size_t size;
};

static inline struct ord_bytes ord_bytes_of(const char *text)
{
    return (struct ord_bytes){.at = text, .size = strlen(text)};
}

static inline bool ord_bytes_equal(struct ord_bytes a, struct ord_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline bool ord_bytes_is(struct ord_bytes a, const char *text)
{
    return ord_bytes_equal(a, ord_bytes_of(text));
}

#endif
