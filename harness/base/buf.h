/* buf.h -- bytes that grow, up to a limit given at the start.
 *
 * An append beyond the limit (or without memory) appends nothing and sets
 * `failed`; later appends do nothing, so one look at the end is enough.
 */
#ifndef ORD_BASE_BUF_H
#define ORD_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/bytes.h"

struct ord_buf {
    char *at; /* owned */
    size_t size;
    size_t room;
    size_t size_max;
    bool failed;
};

void ord_buf_init(struct ord_buf *buf, size_t size_max);
void ord_buf_fini(struct ord_buf *buf);
void ord_buf_clear(struct ord_buf *buf); /* keeps the memory, clears failed */

/* Makes room for `size` more bytes; NULL if that is not to be had.  Write
 * there, then ord_buf_commit() what was written. */
char *ord_buf_reserve(struct ord_buf *buf, size_t size);
void ord_buf_commit(struct ord_buf *buf, size_t size);
/* Removes `size` bytes at the front. O(rest). */
void ord_buf_consume(struct ord_buf *buf, size_t size);

void ord_buf_add(struct ord_buf *buf, struct ord_bytes bytes);
void ord_buf_text(struct ord_buf *buf, const char *text);
void ord_buf_char(struct ord_buf *buf, char c);
void ord_buf_int(struct ord_buf *buf, int64_t value); /* decimal, fast */
void ord_buf_printf(struct ord_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void ord_buf_json(struct ord_buf *buf, struct ord_bytes text);

static inline struct ord_bytes ord_buf_bytes(const struct ord_buf *buf)
{
    return (struct ord_bytes){.at = buf->at, .size = buf->size};
}
/* The content as a zero-terminated string, "" when empty; lent until the next
 * change. */
const char *ord_buf_str(struct ord_buf *buf);

#endif
