#include "harness/base/json.h"

#include <stdlib.h>

#include "harness/base/utf8.h"

enum { NUMBER_SIZE_MAX = 64 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_space(struct ord_json *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' ||
                                *in->at == '\n' || *in->at == '\r'))
        in->at++;
}

static bool take(struct ord_json *in, char c)
{
    skip_space(in);
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool take_word(struct ord_json *in, const char *word)
{
    size_t size = strlen(word);

    skip_space(in);
    if ((size_t)(in->end - in->at) < size || memcmp(in->at, word, size) != 0)
        return false;
    in->at += size;
    return true;
}

enum ord_json_kind ord_json_peek(struct ord_json *in)
{
    skip_space(in);
    if (in->at == in->end)
        return ORD_JSON_BAD;
    switch (*in->at) {
    case '{':
        return ORD_JSON_OBJECT;
    case '[':
        return ORD_JSON_ARRAY;
    case '"':
        return ORD_JSON_STRING;
    case 't':
    case 'f':
        return ORD_JSON_BOOL;
    case 'n':
        return ORD_JSON_NULL;
    default:
        return *in->at == '-' || is_digit(*in->at) ? ORD_JSON_NUMBER
                                                   : ORD_JSON_BAD;
    }
}

bool ord_json_enter(struct ord_json *in, char bracket)
{
    return take(in, bracket);
}

/* After an opening bracket or a value: a comma must stand before the next
 * item, and must not stand before the first. */
static bool next_item(struct ord_json *in, char close)
{
    const char *before = in->at;
    bool is_first;

    /* The byte before us tells: only brackets open, only values end. */
    while (before[-1] == ' ' || before[-1] == '\t' || before[-1] == '\n' ||
           before[-1] == '\r')
        before--;
    is_first = before[-1] == '{' || before[-1] == '[';
    skip_space(in);
    if (in->at == in->end || *in->at == close)
        return false;
    if (!is_first && !take(in, ',')) {
        in->is_bad = true;
        return false;
    }
    return true;
}

bool ord_json_member(struct ord_json *in, struct ord_bytes *key)
{
    if (!next_item(in, '}'))
        return false;
    if (!ord_json_string(in, key) || !take(in, ':'))
        in->is_bad = true;
    return !in->is_bad;
}

bool ord_json_element(struct ord_json *in)
{
    if (!next_item(in, ']'))
        return false;
    if (ord_json_peek(in) == ORD_JSON_BAD)
        in->is_bad = true; /* such as a bracket after a comma */
    return !in->is_bad;
}

bool ord_json_left(struct ord_json *in, char bracket)
{
    return !in->is_bad && take(in, bracket);
}

bool ord_json_int(struct ord_json *in, int64_t *value)
{
    uint64_t number = 0;
    bool is_negative;
    const char *first;

    skip_space(in);
    is_negative = in->at < in->end && *in->at == '-';
    if (is_negative)
        in->at++;
    first = in->at;
    while (in->at < in->end && is_digit(*in->at)) {
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*in->at - '0'), &number))
            return false;
        in->at++;
    }
    if (in->at == first || (*first == '0' && in->at - first > 1))
        return false;
    if (in->at < in->end &&
        (*in->at == '.' || *in->at == 'e' || *in->at == 'E'))
        return false;
    if (number > (uint64_t)INT64_MAX + (is_negative ? 1u : 0u))
        return false;
    *value = is_negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

/* Moves over one number by the grammar of RFC 8259, section 6. */
static bool scan_number(struct ord_json *in)
{
    const char *first;

    if (in->at < in->end && *in->at == '-')
        in->at++;
    first = in->at;
    while (in->at < in->end && is_digit(*in->at))
        in->at++;
    if (in->at == first || (*first == '0' && in->at - first > 1))
        return false;
    if (in->at < in->end && *in->at == '.') {
        first = ++in->at;
        while (in->at < in->end && is_digit(*in->at))
            in->at++;
        if (in->at == first)
            return false;
    }
    if (in->at < in->end && (*in->at == 'e' || *in->at == 'E')) {
        in->at++;
        if (in->at < in->end && (*in->at == '+' || *in->at == '-'))
            in->at++;
        first = in->at;
        while (in->at < in->end && is_digit(*in->at))
            in->at++;
        if (in->at == first)
            return false;
    }
    return true;
}

bool ord_json_real(struct ord_json *in, double *value)
{
    char text[NUMBER_SIZE_MAX + 1];
    const char *first;
    size_t size;

    skip_space(in);
    first = in->at;
    if (!scan_number(in))
        return false;
    size = (size_t)(in->at - first);
    if (size > NUMBER_SIZE_MAX)
        return false;
    memcpy(text, first, size);
    text[size] = '\0';
    *value = strtod(text, NULL);
    return true;
}

bool ord_json_bool(struct ord_json *in, bool *value)
{
    if (take_word(in, "true")) {
        *value = true;
        return true;
    }
    *value = false;
    return take_word(in, "false");
}

bool ord_json_null(struct ord_json *in)
{
    return take_word(in, "null");
}

bool ord_json_string(struct ord_json *in, struct ord_bytes *raw)
{
    if (!take(in, '"'))
        return false;
    raw->at = in->at;
    while (in->at < in->end && *in->at != '"') {
        if ((unsigned char)*in->at < 0x20)
            return false;
        if (*in->at == '\\' && ++in->at == in->end)
            return false;
        in->at++;
    }
    if (in->at == in->end)
        return false;
    raw->size = (size_t)(in->at - raw->at);
    in->at++;
    return true;
}

static bool skip_scalar(struct ord_json *in)
{
    struct ord_bytes raw;
    bool truth;

    switch (ord_json_peek(in)) {
    case ORD_JSON_NULL:
        return ord_json_null(in);
    case ORD_JSON_BOOL:
        return ord_json_bool(in, &truth);
    case ORD_JSON_NUMBER:
        return scan_number(in);
    case ORD_JSON_STRING:
        return ord_json_string(in, &raw);
    default:
        return false;
    }
}

bool ord_json_skip(struct ord_json *in)
{
    char close[ORD_JSON_DEPTH_MAX];
    int depth = 0;

    for (;;) {
        enum ord_json_kind kind = ord_json_peek(in);
        bool is_open = kind == ORD_JSON_ARRAY || kind == ORD_JSON_OBJECT;

        if (is_open) {
            if (depth == ORD_JSON_DEPTH_MAX)
                return false;
            close[depth++] = kind == ORD_JSON_ARRAY ? ']' : '}';
            in->at++;
        } else if (!skip_scalar(in)) {
            return false;
        }
        for (;;) { /* leave what ends here, or come to the next item */
            struct ord_bytes key;

            if (depth == 0)
                return true;
            if (close[depth - 1] == '}' ? ord_json_member(in, &key)
                                        : ord_json_element(in))
                break;
            if (!ord_json_left(in, close[depth - 1]))
                return false;
            depth--;
        }
    }
}

bool ord_json_done(struct ord_json *in)
{
    skip_space(in);
    return in->at == in->end;
}

static bool hex4(const char *at, const char *end, uint32_t *value)
{
    *value = 0;
    if (end - at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        uint32_t digit;

        if (is_digit(c))
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return false;
        *value = *value * 16 + digit;
    }
    return true;
}

/* \uXXXX, at behind the 'u'; a surrogate pair takes two.  Returns the bytes
 * read, 0 if it is bad. */
static size_t unescape_u(const char *at, const char *end, uint32_t *code)
{
    uint32_t low;

    if (!hex4(at, end, code))
        return 0;
    if (*code < 0xd800 || *code > 0xdfff)
        return 4;
    if (*code > 0xdbff || end - at < 10 || at[4] != '\\' || at[5] != 'u' ||
        !hex4(at + 6, end, &low) || low < 0xdc00 || low > 0xdfff)
        return 0;
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return 10;
}

struct ord_bytes ord_json_unescape(struct ord_arena *arena,
                                   struct ord_bytes raw)
{
    static const char plain[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const struct ord_bytes bad = {0};
    char *out = ord_arena_alloc(arena, raw.size + 1);
    const char *end = raw.at + raw.size;
    size_t used = 0;

    if (out == NULL)
        return bad;
    for (const char *at = raw.at; at < end; at++) {
        const char *found;
        uint32_t code;
        size_t size;

        if (*at != '\\') {
            out[used++] = *at;
            continue;
        }
        if (++at == end)
            return bad;
        found = *at == '\0' ? NULL : strchr(plain, *at);
        if (found != NULL) {
            out[used++] = meant[found - plain];
            continue;
        }
        size = *at == 'u' ? unescape_u(at + 1, end, &code) : 0;
        if (size == 0)
            return bad;
        used += ord_utf8_put(out + used, code);
        at += size;
    }
    out[used] = '\0';
    return (struct ord_bytes){.at = out, .size = used};
}
