#include "harness/base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/base/err.h"
#include "harness/base/utf8.h"

enum { ROOM_MIN = 256, INT_SIZE_MAX = 20 };

void ord_buf_init(struct ord_buf *buf, size_t size_max)
{
    ORD_ASSERT(size_max > 0);
    *buf = (struct ord_buf){.size_max = size_max};
}

void ord_buf_fini(struct ord_buf *buf)
{
    free(buf->at);
    *buf = (struct ord_buf){.size_max = buf->size_max};
}

void ord_buf_clear(struct ord_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

char *ord_buf_reserve(struct ord_buf *buf, size_t size)
{
    size_t need;
    size_t room;
    char *at;

    if (buf->failed || __builtin_add_overflow(buf->size, size, &need) ||
        need > buf->size_max) {
        buf->failed = true;
        return NULL;
    }
    if (need <= buf->room && buf->at != NULL)
        return buf->at + buf->size;
    room = buf->room < ROOM_MIN ? ROOM_MIN : buf->room * 2;
    if (room < need)
        room = need;
    if (room > buf->size_max)
        room = buf->size_max;
    at = realloc(buf->at, room);
    if (at == NULL) {
        buf->failed = true;
        return NULL;
    }
    buf->at = at;
    buf->room = room;
    return buf->at + buf->size;
}

void ord_buf_commit(struct ord_buf *buf, size_t size)
{
    ORD_ASSERT(size <= buf->room - buf->size);
    buf->size += size;
}

void ord_buf_consume(struct ord_buf *buf, size_t size)
{
    ORD_ASSERT(size <= buf->size);
    if (size < buf->size)
        memmove(buf->at, buf->at + size, buf->size - size);
    buf->size -= size;
}

void ord_buf_add(struct ord_buf *buf, struct ord_bytes bytes)
{
    char *at = ord_buf_reserve(buf, bytes.size);

    if (at == NULL || bytes.size == 0)
        return;
    memcpy(at, bytes.at, bytes.size);
    ord_buf_commit(buf, bytes.size);
}

void ord_buf_text(struct ord_buf *buf, const char *text)
{
    ord_buf_add(buf, ord_bytes_of(text));
}

void ord_buf_char(struct ord_buf *buf, char c)
{
    ord_buf_add(buf, (struct ord_bytes){.at = &c, .size = 1});
}

void ord_buf_int(struct ord_buf *buf, int64_t value)
{
    char digits[INT_SIZE_MAX];
    size_t from = sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        digits[--from] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0)
        digits[--from] = '-';
    ord_buf_add(buf, (struct ord_bytes){.at = digits + from,
                                        .size = sizeof digits - from});
}

void ord_buf_printf(struct ord_buf *buf, const char *format, ...)
{
    va_list args;
    va_list again;
    char *at;
    int size;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    ORD_ASSERT(size >= 0);
    at = ord_buf_reserve(buf, (size_t)size + 1);
    if (at != NULL) {
        vsnprintf(at, (size_t)size + 1, format, again);
        ord_buf_commit(buf, (size_t)size);
    }
    va_end(again);
    va_end(args);
}

static void json_escape(struct ord_buf *buf, unsigned char c)
{
    switch (c) {
    case '"':
        ord_buf_text(buf, "\\\"");
        break;
    case '\\':
        ord_buf_text(buf, "\\\\");
        break;
    case '\n':
        ord_buf_text(buf, "\\n");
        break;
    case '\r':
        ord_buf_text(buf, "\\r");
        break;
    case '\t':
        ord_buf_text(buf, "\\t");
        break;
    default:
        ord_buf_printf(buf, "\\u%04x", c);
        break;
    }
}

void ord_buf_json(struct ord_buf *buf, struct ord_bytes text)
{
    size_t i = 0;

    ord_buf_char(buf, '"');
    while (i < text.size) {
        unsigned char c = (unsigned char)text.at[i];
        size_t size = 1;

        if (c < 0x20 || c == '"' || c == '\\') {
            json_escape(buf, c);
        } else {
            size = ord_utf8_size(text.at + i, text.size - i);
            if (size == 0) {
                ord_buf_text(buf, "\xef\xbf\xbd");
                size = 1;
            } else {
                ord_buf_add(buf, (struct ord_bytes){text.at + i, size});
            }
        }
        i += size;
    }
    ord_buf_char(buf, '"');
}

const char *ord_buf_str(struct ord_buf *buf)
{
    char *at = ord_buf_reserve(buf, 1);

    if (at == NULL) { /* the limit is reached: the last byte has to go */
        if (buf->size == 0)
            return "";
        at = buf->at + buf->size - 1;
    }
    *at = '\0';
    return buf->at;
}
