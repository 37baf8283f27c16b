/* msg.h -- what nodes say to each other, and how it looks on the wire.
 *
 * A frame is u32 size, u32 its complement, u32 CRC-32 of the body, body; all
 * numbers are little endian.  A body is one version byte, the fixed fields,
 * then data.  A frame that is short, of another version or fails its checks is
 * refused: the connection has to be closed, for framing is lost.
 */
#ifndef RD_MSG_H
#define RD_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"

enum {
    RD_WIRE_VERSION = 3,
    RD_NODE_MAX = 64,              /* node ids are 1 .. RD_NODE_MAX */
    RD_FRAME_SIZE_MAX = 4 << 20,   /* bytes of a body */
    RD_BATCH_SIZE_MAX = 256 << 10, /* entries of one append, beyond the 1st */
    RD_BATCH_COUNT_MAX = 512,
};

enum rd_msg_type {
    RD_HELLO = 1,    /* first frame of a connection; round: cluster's hash */
    RD_PING,         /* keeps a silent connection alive */
    RD_APPEND,       /* leader: entries after index, or none: a heartbeat */
    RD_APPEND_REPLY, /* ok: holds all up to index; else see commit */
    RD_PREVOTE,      /* would you vote for me in this epoch? */
    RD_PREVOTE_REPLY,
    RD_VOTE,
    RD_VOTE_REPLY,
    RD_SNAP,       /* leader: piece number round of the state at index */
    RD_SNAP_REPLY, /* piece number round has been taken */
    RD_QUERY,      /* where are you? (controller, bootstrap) */
    RD_QUERY_REPLY,
    RD_APPOINT, /* controller: lead in this epoch */
    RD_DUEL,    /* leader to leader: I lead too */
    RD_MSG_TYPES,
};

enum {
    RD_FLAG_OK = 1,       /* granted, accepted, or: hears a leader */
    RD_FLAG_SNAPSHOT = 2, /* reply: only a snapshot can help me */
    RD_FLAG_PROMOTED = 4, /* append: first word of a newly promoted leader */
    RD_FLAG_LAST = 8,     /* snapshot: this piece is the last */
};

struct rd_msg {
    uint8_t type;
    uint8_t flags;
    uint32_t from;
    uint32_t to;
    uint64_t epoch;       /* sender's; (pre)vote: the one to be won */
    uint64_t index;       /* append: entry before; vote: last; snap: position */
    uint64_t index_epoch; /* epoch of that entry */
    uint64_t commit;      /* refusal: the highest index that may match */
    uint64_t last;        /* sender's last index (append, reply) */
    uint64_t identity;    /* sender's, see members.h */
    uint64_t probe;       /* leader's counter, echoed: confirms leadership */
    uint64_t round; /* of an election or query, echoed; piece of a snapshot */
    int64_t stamp;  /* sender's clock, ns */
    int64_t echo;   /* newest stamp the sender has from the receiver */
    uint32_t count; /* entries in data */
    struct ord_bytes data;
};

/* Appends one frame.  The buffer's limit decides about failure. */
void rd_msg_encode(struct ord_buf *out, const struct rd_msg *msg);

/* Bytes of the first whole frame in `in`: 0 if more are needed, -1 if this can
 * never be one.  msg->data is lent by `in`. */
int64_t rd_msg_decode(struct ord_bytes in, struct rd_msg *msg);

/* Entries inside data: u64 epoch, u32 size, bytes. */
void rd_msg_put_entry(struct ord_buf *out, uint64_t epoch,
                      struct ord_bytes data);
/* Takes the next entry off data; false at the end or on bad bytes. */
bool rd_msg_take_entry(struct ord_bytes *data, uint64_t *epoch,
                       struct ord_bytes *entry);

uint32_t rd_crc32(uint32_t crc, struct ord_bytes bytes);
uint64_t rd_get_u64(const char *at);
uint32_t rd_get_u32(const char *at);
void rd_put_u64(struct ord_buf *out, uint64_t value);
void rd_put_u32(struct ord_buf *out, uint32_t value);

#endif
