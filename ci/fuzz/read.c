#include "histories/read.h"
#include "ci/fuzz/fuzz.h"

struct ord_history *fuzz_read(const uint8_t *data, size_t size, bool is_general,
                              struct ord_err *err)
{
    const struct ord_history_options how = {
        .format = (data[0] & FUZZ_FORMAT_MASK) % ORD_FORMAT_COUNT,
        .is_keyed = (data[0] & FUZZ_KEYED) != 0,
        .is_general = is_general,
        .size_max = FUZZ_MEMORY_MAX,
    };
    struct ord_history *history = NULL;
    struct ord_source source;

    ORD_ASSERT(size > 0);
    ord_source_memory(&source,
                      (struct ord_bytes){(const char *)data + 1, size - 1});
    if (ord_read_any(&source, &how, &history, err) != ORD_OK)
        history = NULL;
    ord_source_close(&source);
    return history;
}
