#include "harness/base/utf8.h"

#include <stdbool.h>

#include "harness/base/err.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xc0u) == 0x80u;
}

size_t ord_utf8_size(const char *at, size_t size)
{
    const unsigned char *c = (const unsigned char *)at;

    if (size == 0)
        return 0;
    if (c[0] < 0x80)
        return 1;
    if (c[0] >= 0xc2 && c[0] <= 0xdf)
        return size >= 2 && is_tail(c[1]) ? 2 : 0;
    if (c[0] >= 0xe0 && c[0] <= 0xef) {
        if (size < 3 || !is_tail(c[1]) || !is_tail(c[2]))
            return 0;
        if (c[0] == 0xe0 && c[1] < 0xa0)
            return 0;                               /* overlong */
        return c[0] == 0xed && c[1] > 0x9f ? 0 : 3; /* surrogates */
    }
    if (c[0] >= 0xf0 && c[0] <= 0xf4) {
        if (size < 4 || !is_tail(c[1]) || !is_tail(c[2]) || !is_tail(c[3]))
            return 0;
        if (c[0] == 0xf0 && c[1] < 0x90)
            return 0;
        return c[0] == 0xf4 && c[1] > 0x8f ? 0 : 4;
    }
    return 0;
}

size_t ord_utf8_put(char out[4], uint32_t code_point)
{
    ORD_ASSERT(code_point <= 0x10ffff);
    ORD_ASSERT(code_point < 0xd800 || code_point > 0xdfff);
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | (code_point >> 6));
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | (code_point >> 12));
        out[1] = (char)(0x80 | ((code_point >> 6) & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code_point >> 18));
    out[1] = (char)(0x80 | ((code_point >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((code_point >> 6) & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}
