/* config.h -- the command line of refdb; README.md lists the settings. */
#ifndef RD_CONFIG_H
#define RD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/file.h"
#include "targets/refdb/core.h"

enum { RD_IP_SIZE = 16 }; /* dotted IPv4 with its zero */

struct rd_config {
    struct rd_core_config core;
    char ip[RD_IP_SIZE];
    char peer_ip[RD_NODE_MAX + 1][RD_IP_SIZE]; /* by id; "" = no such node */
    char data[ORD_PATH_MAX];
    bool is_fsync_off; /* acknowledged is what the kernel has, not the disk */
    uint16_t client_port;
    uint16_t peer_port;
    int64_t request_timeout_ns;
    uint64_t cluster; /* hash of the members: strangers are refused */
};

/* ORD_EUSAGE with one sentence on anything unknown, malformed, missing or
 * contradictory. */
int rd_config_parse(struct rd_config *config, int argc, char *const argv[],
                    struct ord_err *err);
/* One line "name:value" per setting. */
void rd_config_print(const struct rd_config *config, struct ord_buf *out);

#endif
