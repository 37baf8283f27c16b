/* fuzz_history.c -- bytes through every reader of histories.
 *
 * Whatever is accepted keeps the rules; whatever is refused has a reason; and
 * where there is a fast reader, the general one reads the same.
 */
#include <string.h>

#include "ci/fuzz/fuzz.h"

/* All events as ordeal prints them, or the reason. */
static void told(const struct ord_history *h, const struct ord_err *err,
                 struct ord_buf *out)
{
    ord_buf_init(out, SIZE_MAX / 4);
    if (h == NULL) {
        ORD_ASSERT(err->rc != ORD_OK);
        ORD_ASSERT(err->text[0] != '\0');
        ord_buf_text(out, err->text);
        return;
    }
    ORD_OPS (h, op) {
        const struct ord_op *pair = ord_history_pair(h, op);

        ORD_ASSERT(pair == NULL || pair->pair == op->index);
        ORD_ASSERT(pair == NULL || pair->process == op->process);
        ord_op_print(op, out);
        ord_buf_text(out, ord_history_node_name(h, op->node));
        ord_buf_char(out, '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ord_buf first;
    struct ord_buf second;
    struct ord_err err = {0};
    struct ord_history *h;

    if (size == 0)
        return 0;
    h = fuzz_read(data, size, false, &err);
    told(h, &err, &first);
    ord_history_free(&h);
    h = fuzz_read(data, size, true, &err);
    told(h, &err, &second);
    ord_history_free(&h);
    ORD_ASSERT(ord_bytes_equal(ord_buf_bytes(&first), ord_buf_bytes(&second)));
    ord_buf_fini(&first);
    ord_buf_fini(&second);
    return 0;
}
