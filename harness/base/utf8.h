/* utf8.h -- well-formed UTF-8 (RFC 3629), one character at a time. */
#ifndef ORD_BASE_UTF8_H
#define ORD_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at `at`, 0 if it is not well-formed within size. */
size_t ord_utf8_size(const char *at, size_t size);
/* Writes a code point (at most 0x10ffff, no surrogate); returns its size. */
size_t ord_utf8_put(char out[4], uint32_t code_point);

#endif
