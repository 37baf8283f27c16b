/* cmd.h -- the writes a client can ask for, as bytes in the log.
 *
 * One byte of kind, then each argument as u32 size and bytes.  The result is
 * decided when the entry is applied, so it is the same on every node.
 */
#ifndef RD_CMD_H
#define RD_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"

enum rd_cmd_kind {
    RD_CMD_SET = 1, /* k v */
    RD_CMD_CAS,     /* k old new */
    RD_CMD_CASNIL,  /* k new */
    RD_CMD_SADD,    /* k e */
    RD_CMD_RPUSH,   /* k e */
    RD_CMD_INCRBY,  /* k n */
    RD_CMD_KINDS,
};

enum { RD_CMD_ARGS_MAX = 3 };

struct rd_cmd {
    enum rd_cmd_kind kind;
    uint32_t count;
    struct ord_bytes arg[RD_CMD_ARGS_MAX]; /* lent */
};

/* What applying it gave. */
enum rd_result_kind { RD_RESULT_OK, RD_RESULT_INT, RD_RESULT_BAD };

struct rd_result {
    enum rd_result_kind kind;
    int64_t value;
};

struct rd_cmd_spec {
    char name[8];
    uint32_t count; /* of arguments */
};

/* By kind; SET .. INCRBY. */
const struct rd_cmd_spec *rd_cmd_spec(enum rd_cmd_kind kind);
void rd_cmd_encode(struct ord_buf *out, const struct rd_cmd *cmd);
/* False on bytes that rd_cmd_encode() does not write. */
bool rd_cmd_decode(struct ord_bytes data, struct rd_cmd *cmd);
/* "SET k v", for people; bytes that do not print become '?'. */
void rd_cmd_print(struct ord_buf *out, struct ord_bytes data);
/* A whole decimal int64. */
bool rd_parse_int(struct ord_bytes text, int64_t *value);

#endif
