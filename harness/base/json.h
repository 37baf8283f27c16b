/* json.h -- a pull scanner for JSON (RFC 8259) on hot paths.
 *
 * No allocation, no copy: strings come back as they stand between their
 * quotes.  Every function returns false on bad input and leaves `at` where the
 * trouble is; a bad member or element makes the ord_json_left() after it fail
 * too.  The scanner never reads beyond `end`.  Cold paths use jansson.
 *
 *     struct ord_json in = {.at = text, .end = text + size};
 *     struct ord_bytes key;
 *     bool more = ord_json_enter(&in, '{');
 *     while (more && ord_json_member(&in, &key)) { ...one value... }
 *     // then ord_json_left(&in, '}') tells a clean end from bad input
 */
#ifndef ORD_BASE_JSON_H
#define ORD_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"
#include "harness/base/bytes.h"

enum { ORD_JSON_DEPTH_MAX = 64 };

enum ord_json_kind {
    ORD_JSON_BAD, /* also: nothing left */
    ORD_JSON_NULL,
    ORD_JSON_BOOL,
    ORD_JSON_NUMBER,
    ORD_JSON_STRING,
    ORD_JSON_ARRAY,
    ORD_JSON_OBJECT,
};

struct ord_json {
    const char *at;
    const char *end;
    bool is_bad; /* starts false; set by a bad member or element */
};

/* Skips white space and tells what comes next. */
enum ord_json_kind ord_json_peek(struct ord_json *in);
/* Enters an array '[' or an object '{'. */
bool ord_json_enter(struct ord_json *in, char bracket);
/* In an object: the next key (raw), the scanner before its value; false at the
 * end or on bad input. */
bool ord_json_member(struct ord_json *in, struct ord_bytes *key);
/* In an array: true if another element follows. */
bool ord_json_element(struct ord_json *in);
/* Consumes the closing bracket; false if something else stands there. */
bool ord_json_left(struct ord_json *in, char bracket);

bool ord_json_int(struct ord_json *in, int64_t *value); /* no fraction */
bool ord_json_real(struct ord_json *in, double *value);
bool ord_json_bool(struct ord_json *in, bool *value);
bool ord_json_null(struct ord_json *in);
/* The bytes between the quotes, escapes untouched. */
bool ord_json_string(struct ord_json *in, struct ord_bytes *raw);
/* Skips one whole value, nested at most ORD_JSON_DEPTH_MAX deep. */
bool ord_json_skip(struct ord_json *in);
/* Only white space is left. */
bool ord_json_done(struct ord_json *in);

/* Resolves the escapes of a raw string into the arena, zero-terminated;
 * at == NULL on a bad escape or without memory.  *raw may contain none: then
 * it is still copied. */
struct ord_bytes ord_json_unescape(struct ord_arena *arena,
                                   struct ord_bytes raw);

#endif
