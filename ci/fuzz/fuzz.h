/* fuzz.h -- what the fuzzers share: libFuzzer's entry, reading, first inputs.
 *
 * An input is one byte, which says how to read, and the bytes of a file.
 */
#ifndef ORD_CI_FUZZ_FUZZ_H
#define ORD_CI_FUZZ_FUZZ_H

#include "harness/base/buf.h"
#include "histories/history.h"

enum {
    FUZZ_KEYED = 0x80,
    FUZZ_FORMAT_MASK = 0x0f, /* modulo ORD_FORMAT_COUNT */
    FUZZ_MEMORY_MAX = 1 << 26,
};

/* Each fuzzer has one. Returns 0; aborts when something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NULL: refused, err says why. */
struct ord_history *fuzz_read(const uint8_t *data, size_t size, bool is_general,
                              struct ord_err *err);

/* Input number i, from 0; false: there is none. */
bool fuzz_seed(unsigned i, struct ord_buf *out);

#endif
