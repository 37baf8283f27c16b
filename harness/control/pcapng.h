/* pcapng.h -- a capture file that Wireshark reads.  Internal to this module.
 *
 * Format: pcapng (IETF draft-ietf-opsawg-pcapng), one section, raw IPv4,
 * nanoseconds; interface 0 "delivered", 1 "dropped", where each packet's
 * comment says why.
 */
#ifndef ORD_CONTROL_PCAPNG_H
#define ORD_CONTROL_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"

enum ord_pcapng_interface { ORD_PCAPNG_DELIVERED, ORD_PCAPNG_DROPPED };

struct ord_pcapng {
    int fd; /* owned; -1: no capture */
    struct ord_buf buf;
    uint64_t size; /* bytes so far, written and not */
    uint64_t size_max;
    int64_t epoch_ns; /* wall clock minus monotonic, at the start */
    bool is_full;     /* the limit or the disk: the file ends here */
};

#define ORD_PCAPNG_NONE ((struct ord_pcapng){.fd = -1})

/* Makes the file; blocks only on writes.  ORD_EIO, ORD_EFULL, ORD_EDENIED. */
int ord_pcapng_open(struct ord_pcapng *capture, const char *path,
                    uint64_t size_max, struct ord_err *err);
/* Adds one IP packet.  Never fails: at the limit or on a full disk the capture
 * just ends, after its last whole packet. */
void ord_pcapng_add(struct ord_pcapng *capture,
                    enum ord_pcapng_interface interface, int64_t time_ns,
                    struct ord_bytes packet, const char *comment);
bool ord_pcapng_has_unwritten(const struct ord_pcapng *capture);
void ord_pcapng_flush(struct ord_pcapng *capture);
void ord_pcapng_close(struct ord_pcapng *capture);

#endif
