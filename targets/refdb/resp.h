/* resp.h -- RESP2, the protocol of Redis: requests in, replies out.
 *
 * A request is an array of bulk strings or one inline line of words ("quoted
 * words" with \-escapes allowed).  Nothing is copied: arguments point into the
 * input (inline quotes are resolved in place).
 */
#ifndef RD_RESP_H
#define RD_RESP_H

#include <stdint.h>

#include "harness/base/buf.h"

enum {
    RD_RESP_ARGS_MAX = 16,
    RD_RESP_BULK_MAX = 256 << 10,  /* bytes of one argument */
    RD_RESP_INLINE_MAX = 64 << 10, /* bytes of one line */
    RD_RESP_REQUEST_MAX = 1 << 20, /* bytes of one request */
};

struct rd_request {
    uint32_t count; /* 0: an empty request, to be skipped */
    struct ord_bytes arg[RD_RESP_ARGS_MAX];
};

/* Bytes of the first whole request in `in`: 0 if more are needed, -1 if this
 * can never be one.  `in` may be changed within those bytes. */
int64_t rd_resp_parse(char *in, size_t size, struct rd_request *request);

void rd_resp_simple(struct ord_buf *out, const char *text);
/* text: "CODE what"; CR and LF become spaces. */
void rd_resp_error(struct ord_buf *out, const char *text);
void rd_resp_int(struct ord_buf *out, int64_t value);
void rd_resp_bulk(struct ord_buf *out, struct ord_bytes bytes);
void rd_resp_bulk_int(struct ord_buf *out, int64_t value);
void rd_resp_nil(struct ord_buf *out);
void rd_resp_array(struct ord_buf *out, int64_t count);

#endif
