/* fuzz_history.c -- libFuzzer's bytes through every reader of histories.
 *
 * The first byte chooses the format; the rest is the file.
 */
#include <stdint.h>

#include "histories/read.h"

enum { MEMORY_MAX = 1 << 26 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ord_history_options how = {.size_max = MEMORY_MAX};
    struct ord_history *history = NULL;
    struct ord_source source;
    struct ord_err err;

    if (size == 0)
        return 0;
    how.format = (data[0] & 0x7f) % ORD_FORMAT_COUNT;
    how.is_keyed = (data[0] & 0x80) != 0;
    ord_source_memory(&source,
                      (struct ord_bytes){(const char *)data + 1, size - 1});
    if (ord_read_any(&source, &how, &history, &err) == ORD_OK)
        ord_history_free(&history);
    return 0;
}
