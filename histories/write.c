#include "histories/write.h"

#include <inttypes.h>

#include "harness/base/file.h"

enum {
    FLUSH_SIZE = 1 << 16,
    OUT_MAX = 1 << 28, /* of one operation, with what waits before it */
};

int ord_history_write_ops(const struct ord_history *history, int fd,
                          ord_op_out *op_out, struct ord_err *err)
{
    struct ord_buf out;
    int rc = ORD_OK;

    ORD_ASSERT(fd >= 0);
    ord_buf_init(&out, OUT_MAX);
    ORD_OPS (history, op) {
        op_out(history, op, &out);
        if (out.failed)
            rc = ord_fail(err, ORD_ENOMEM, "writing operation %" PRId64,
                          op->index);
        else if (out.size >= FLUSH_SIZE)
            rc = ord_write_all(fd, ord_buf_bytes(&out), err);
        if (rc != ORD_OK)
            break;
        if (out.size >= FLUSH_SIZE)
            ord_buf_clear(&out);
    }
    if (rc == ORD_OK)
        rc = ord_write_all(fd, ord_buf_bytes(&out), err);
    ord_buf_fini(&out);
    return rc;
}
