/* frame.h -- one frame as the kernel hands it over with offload headers:
 * struct virtio_net_hdr, link layer (none or Ethernet), IPv4.
 *
 * Internal to this module.  Formats: RFC 791, 793, 768, 1071; virtio 1.2,
 * section 5.1.6.
 */
#ifndef ORD_CONTROL_FRAME_H
#define ORD_CONTROL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ORD_VNET_SIZE = 10, /* struct virtio_net_hdr without num_buffers */
    ORD_ETHERNET_SIZE = 14,
    ORD_FRAME_MAX = 65536 + 512, /* all headers and 64 KiB */
    ORD_RESET_SIZE = 64,         /* of a segment that resets a connection */
};

struct ord_frame {
    uint8_t *at; /* borrowed; starts with the virtio_net_hdr */
    uint32_t size;
    uint32_t ip_at; /* offset of the IPv4 header */
};

/* Is it whole IPv4?  Then *to is its destination, host order, and ip_at is
 * set; `ethernet` tells whether a link layer header is there. */
bool ord_frame_parse(struct ord_frame *frame, bool ethernet, uint32_t *to);

/* Bytes of IP. */
static inline uint32_t ord_frame_ip_size(const struct ord_frame *frame)
{
    return frame->size - frame->ip_at;
}

/* Several TCP or UDP segments in one? */
bool ord_frame_is_gso(const struct ord_frame *frame);
/* Cuts segment number `index` of a GSO frame into `out` (room for
 * ORD_FRAME_MAX bytes); false when there is none left. */
bool ord_frame_segment(const struct ord_frame *frame, uint32_t index,
                       struct ord_frame *out);

/* Flips one bit behind the IP header, which `random` picks, and leaves a
 * checksum that tells on it; false if there is nothing to flip. */
bool ord_frame_corrupt(struct ord_frame *frame, uint64_t random);
/* Flips one bit of TCP's or UDP's payload and makes the checksum right
 * again; false if there is no payload. */
bool ord_frame_corrupt_silent(struct ord_frame *frame, uint64_t random);

enum { ORD_TCP_FIN = 1, ORD_TCP_SYN = 2, ORD_TCP_RST = 4, ORD_TCP_ACK = 16 };

struct ord_tcp {
    uint32_t from; /* TCP's ports */
    uint32_t to;
    uint32_t seq;
    uint32_t ack;
    uint32_t size;  /* bytes of payload */
    uint32_t flags; /* ORD_TCP_... and others */
};

/* Is it TCP, and no fragment? */
bool ord_frame_tcp(const struct ord_frame *frame, struct ord_tcp *out);

struct ord_reset {
    uint32_t from_ipv4; /* host order */
    uint32_t to_ipv4;
    struct ord_tcp tcp; /* size and flags are not used */
    const uint8_t *mac; /* of sender and receiver; NULL: no Ethernet */
};

/* Makes `out`, which has room for ORD_RESET_SIZE, a whole RST segment. */
void ord_frame_make_reset(const struct ord_reset *reset, struct ord_frame *out);

#endif
