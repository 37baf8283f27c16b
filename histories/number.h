/* number.h -- the value that a number is, however it is written; internal.
 *
 * 1, 1.0, 1.00 and 10e-1 are one value, for what was written has to be found
 * again when it is read.  Exact: no number is rounded.
 */
#ifndef ORD_HISTORIES_NUMBER_H
#define ORD_HISTORIES_NUMBER_H

#include "histories/value.h"

enum ord_number {
    ORD_NUMBER_DONE,
    ORD_NUMBER_NONE, /* not one, or with an exponent beyond 10^9 */
    ORD_NUMBER_FULL, /* the arena's limit */
};

/* Of [+-]digits[.[digits]][e[+-]digits].  An INT where int64 holds it; else a
 * text in the arena, the same for the same number: 1.5, 18446744073709551616,
 * 1e22 (more than 21 zeros), 1.5e-7 (more than 6).  O(bytes). */
enum ord_number ord_number_value(struct ord_bytes written,
                                 struct ord_arena *arena,
                                 struct ord_value *out);

#endif
