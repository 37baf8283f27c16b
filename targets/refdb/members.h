/* members.h -- who belongs to the cluster, and how a log entry says so.
 *
 * An entry holds the whole list, so that the newest one is all that counts.
 * Bit id-1 of a mask is node id.  An identity tells a node from one that had
 * its id before and lost its disk: what that one has promised, the new one does
 * not know, so it must not count in its place.
 */
#ifndef RD_MEMBERS_H
#define RD_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"
#include "targets/refdb/msg.h"

struct rd_members {
    uint64_t voters;
    uint64_t joining;             /* they take the log and do not count yet */
    uint64_t cluster;             /* hash of the founders; 0: not known yet */
    uint32_t ip[RD_NODE_MAX + 1]; /* by id, network byte order */
    uint64_t identity[RD_NODE_MAX + 1]; /* 0: a founder's, or not known yet */
};

bool rd_has(uint64_t nodes, uint32_t id);
uint64_t rd_bit(uint32_t id);
uint32_t rd_count(uint64_t nodes);

/* True for the data of an entry that holds a list of members. */
bool rd_is_members(struct ord_bytes data);
void rd_members_encode(struct ord_buf *out, const struct rd_members *members);
/* False on bytes that rd_members_encode() does not write. */
bool rd_members_decode(struct ord_bytes data, struct rd_members *members);
/* "voters=1,2,3 joining=4", for people. */
void rd_members_print(struct ord_buf *out, const struct rd_members *members);

#endif
