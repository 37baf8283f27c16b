#include "targets/refdb/resp.h"

#include <stdbool.h>
#include <stdio.h>

#include "harness/base/err.h"

enum { NUMBER_SIZE_MAX = 12 };

/* "<digits>\r\n" at `at`: bytes taken, 0 for more, -1 for never. */
static int64_t parse_number(const char *at, size_t size, int64_t *value)
{
    int64_t sum = 0;
    bool is_negative = size > 0 && at[0] == '-';
    size_t i = is_negative ? 1 : 0;
    size_t first = i;

    for (; i < size && at[i] != '\r'; i++) {
        if (at[i] < '0' || at[i] > '9' || i >= NUMBER_SIZE_MAX)
            return -1;
        sum = sum * 10 + (at[i] - '0');
    }
    if (i == size)
        return i > NUMBER_SIZE_MAX ? -1 : 0;
    if (i == first)
        return -1;
    if (i + 1 == size)
        return 0;
    if (at[i + 1] != '\n')
        return -1;
    *value = is_negative ? -sum : sum;
    return (int64_t)i + 2;
}

static int64_t parse_bulk(char *in, size_t size, struct ord_bytes *arg)
{
    int64_t bytes;
    int64_t head;
    size_t total;

    if (size == 0)
        return 0;
    if (in[0] != '$')
        return -1;
    head = parse_number(in + 1, size - 1, &bytes);
    if (head <= 0)
        return head;
    if (bytes < 0 || bytes > RD_RESP_BULK_MAX)
        return -1;
    total = 1 + (size_t)head + (size_t)bytes;
    if (size < total + 2)
        return 0;
    if (in[total] != '\r' || in[total + 1] != '\n')
        return -1;
    *arg = (struct ord_bytes){.at = in + 1 + head, .size = (size_t)bytes};
    return (int64_t)total + 2;
}

static int64_t parse_array(char *in, size_t size, struct rd_request *request)
{
    int64_t count;
    int64_t head = parse_number(in + 1, size - 1, &count);
    size_t at;

    if (head <= 0)
        return head;
    if (count > RD_RESP_ARGS_MAX)
        return -1;
    at = 1 + (size_t)head;
    for (int64_t i = 0; i < count; i++) {
        int64_t used =
            parse_bulk(in + at, size - at, &request->arg[request->count]);

        if (used <= 0)
            return used;
        at += (size_t)used;
        request->count++;
    }
    return (int64_t)at;
}

/* One word of an inline request, unquoted in place; its end, NULL if bad. */
static char *parse_word(char *at, const char *end, struct ord_bytes *word)
{
    char quote = 0;
    char *to = at;

    *word = (struct ord_bytes){.at = at};
    for (; at < end; at++) {
        char c = *at;

        if (quote == 0 && (c == ' ' || c == '\t'))
            break;
        if (quote == 0 && (c == '"' || c == '\'')) {
            quote = c;
        } else if (quote != 0 && c == quote) {
            quote = 0;
        } else if (quote == '"' && c == '\\' && at + 1 < end) {
            at++;
            *to++ = *at == 'n' ? '\n' : *at == 'r' ? '\r' : *at;
        } else {
            *to++ = c;
        }
    }
    word->size = (size_t)(to - word->at);
    return quote == 0 ? at : NULL;
}

static int64_t parse_inline(char *in, size_t size, struct rd_request *request)
{
    char *newline = memchr(in, '\n', size);
    char *end = newline;
    char *at = in;

    if (newline == NULL)
        return size > RD_RESP_INLINE_MAX ? -1 : 0;
    if (newline - in > RD_RESP_INLINE_MAX)
        return -1;
    if (end > in && end[-1] == '\r')
        end--;
    while (at < end) {
        if (*at == ' ' || *at == '\t') {
            at++;
            continue;
        }
        if (request->count == RD_RESP_ARGS_MAX)
            return -1;
        at = parse_word(at, end, &request->arg[request->count]);
        if (at == NULL)
            return -1;
        request->count++;
    }
    return newline - in + 1;
}

int64_t rd_resp_parse(char *in, size_t size, struct rd_request *request)
{
    int64_t used;

    *request = (struct rd_request){0};
    if (size == 0)
        return 0;
    used = in[0] == '*' ? parse_array(in, size, request)
                        : parse_inline(in, size, request);
    if (used == 0 && size > RD_RESP_REQUEST_MAX)
        return -1;
    return used;
}

static void add_line(struct ord_buf *out, char kind, const char *text)
{
    ord_buf_char(out, kind);
    for (const char *at = text; *at != '\0'; at++)
        ord_buf_char(out, *at == '\r' || *at == '\n' ? ' ' : *at);
    ord_buf_text(out, "\r\n");
}

void rd_resp_simple(struct ord_buf *out, const char *text)
{
    add_line(out, '+', text);
}

void rd_resp_error(struct ord_buf *out, const char *text)
{
    add_line(out, '-', text);
}

static void add_number(struct ord_buf *out, char kind, int64_t value)
{
    ord_buf_char(out, kind);
    ord_buf_int(out, value);
    ord_buf_text(out, "\r\n");
}

void rd_resp_int(struct ord_buf *out, int64_t value)
{
    add_number(out, ':', value);
}

void rd_resp_bulk(struct ord_buf *out, struct ord_bytes bytes)
{
    add_number(out, '$', (int64_t)bytes.size);
    ord_buf_add(out, bytes);
    ord_buf_text(out, "\r\n");
}

void rd_resp_bulk_int(struct ord_buf *out, int64_t value)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%lld", (long long)value);

    ORD_ASSERT(size > 0 && size < (int)sizeof text);
    rd_resp_bulk(out, (struct ord_bytes){.at = text, .size = (size_t)size});
}

void rd_resp_nil(struct ord_buf *out)
{
    ord_buf_text(out, "$-1\r\n");
}

void rd_resp_array(struct ord_buf *out, int64_t count)
{
    add_number(out, '*', count);
}
