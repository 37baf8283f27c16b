/* frame.c -- see frame.h.
 *
 * Nothing here trusts a length from the wire: every access is checked against
 * the frame's size first.
 */
#include "harness/control/frame.h"

#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>

#include "harness/base/err.h"

enum {
    IP_HEADER_MIN = 20,
    TCP_HEADER_MIN = 20,
    UDP_HEADER_SIZE = 8,
    TCP_FIN_PSH = 0x09,
    TCP_CWR = 0x80,
    ETHERTYPE_IPV4 = 0x0800,
    TTL = 64,
    GSO_UDP_L4 = 5, /* VIRTIO_NET_HDR_GSO_UDP_L4 of newer headers */
};

_Static_assert(sizeof(struct virtio_net_hdr) == ORD_VNET_SIZE, "as on the fd");

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static uint32_t sum16(const uint8_t *at, uint32_t size, uint32_t sum)
{
    for (uint32_t i = 0; i + 1 < size; i += 2)
        sum += get16(at + i);
    if (size % 2 != 0)
        sum += (uint32_t)at[size - 1] << 8;
    return sum;
}

static uint32_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

static struct virtio_net_hdr vnet_of(const struct ord_frame *frame)
{
    struct virtio_net_hdr vnet;

    memcpy(&vnet, frame->at, sizeof vnet);
    return vnet;
}

bool ord_frame_parse(struct ord_frame *frame, bool ethernet, uint32_t *to)
{
    const uint8_t *ip;
    uint32_t total;

    frame->ip_at = ORD_VNET_SIZE + (ethernet ? ORD_ETHERNET_SIZE : 0);
    if (frame->size < frame->ip_at + IP_HEADER_MIN)
        return false;
    ip = frame->at + frame->ip_at;
    total = get16(ip + 2);
    if (ip[0] >> 4 != 4 || (ip[0] & 15) * 4 < IP_HEADER_MIN ||
        total < (ip[0] & 15u) * 4 || total > ord_frame_ip_size(frame))
        return false;
    frame->size = frame->ip_at + total; /* Ethernet pads short ones */
    *to = get32(ip + 16);
    return true;
}

/* Where the parts of TCP or UDP lie; false if it is neither, or a fragment. */
struct layout {
    uint32_t l4_at;
    uint32_t payload_at;
    uint32_t sum_at; /* of the checksum field */
    uint8_t protocol;
};

static bool layout_of(const struct ord_frame *frame, struct layout *out)
{
    const uint8_t *ip = frame->at + frame->ip_at;
    uint32_t l4_at = frame->ip_at + (ip[0] & 15u) * 4;
    uint32_t header;

    out->l4_at = l4_at;
    out->protocol = ip[9];
    if ((get16(ip + 6) & 0x3fff) != 0)
        return false;
    if (out->protocol == IPPROTO_UDP) {
        header = UDP_HEADER_SIZE;
        out->sum_at = l4_at + 6;
    } else if (out->protocol == IPPROTO_TCP &&
               frame->size >= l4_at + TCP_HEADER_MIN) {
        header = (uint32_t)(frame->at[l4_at + 12] >> 4) * 4;
        out->sum_at = l4_at + 16;
    } else {
        return false;
    }
    out->payload_at = l4_at + header;
    return frame->size >= out->payload_at && out->payload_at > out->sum_at + 1;
}

/* The sum over the pseudo header, not folded. */
static uint32_t pseudo_sum(const struct ord_frame *frame,
                           const struct layout *layout)
{
    const uint8_t *ip = frame->at + frame->ip_at;

    return sum16(ip + 12, 8, layout->protocol + (frame->size - layout->l4_at));
}

/* The whole checksum of TCP or UDP as the wire would carry it. */
static void make_checksum(struct ord_frame *frame, const struct layout *layout)
{
    uint32_t sum;

    put16(frame->at + layout->sum_at, 0);
    sum = sum16(frame->at + layout->l4_at, frame->size - layout->l4_at,
                pseudo_sum(frame, layout));
    sum = ~fold(sum) & 0xffff;
    if (sum == 0 && layout->protocol == IPPROTO_UDP)
        sum = 0xffff; /* 0 would say: none */
    put16(frame->at + layout->sum_at, sum);
}

bool ord_frame_is_gso(const struct ord_frame *frame)
{
    return vnet_of(frame).gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

static void segment_headers(struct ord_frame *out, const struct layout *layout,
                            uint32_t index, uint32_t done, bool is_last)
{
    uint8_t *ip = out->at + out->ip_at;
    uint8_t *l4 = out->at + layout->l4_at;
    uint32_t sum;

    put16(ip + 2, ord_frame_ip_size(out));
    put16(ip + 4, (get16(ip + 4) + index) & 0xffff);
    put16(ip + 10, 0);
    sum = sum16(ip, (ip[0] & 15u) * 4, 0);
    put16(ip + 10, ~fold(sum) & 0xffff);
    if (layout->protocol == IPPROTO_UDP) {
        put16(l4 + 4, out->size - layout->l4_at);
    } else {
        put32(l4 + 4, get32(l4 + 4) + done);
        if (!is_last)
            l4[13] &= (uint8_t)~TCP_FIN_PSH;
        if (index > 0)
            l4[13] &= (uint8_t)~TCP_CWR;
    }
    put16(out->at + layout->sum_at, fold(pseudo_sum(out, layout)));
}

bool ord_frame_segment(const struct ord_frame *frame, uint32_t index,
                       struct ord_frame *out)
{
    struct virtio_net_hdr vnet = vnet_of(frame);
    unsigned kind = vnet.gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
    struct layout layout;
    uint32_t done;
    uint32_t left;
    uint32_t size;

    if ((kind != VIRTIO_NET_HDR_GSO_TCPV4 && kind != GSO_UDP_L4) ||
        vnet.gso_size == 0 || !layout_of(frame, &layout))
        return false;
    if (__builtin_mul_overflow(index, (uint32_t)vnet.gso_size, &done) ||
        done >= frame->size - layout.payload_at)
        return false;
    left = frame->size - layout.payload_at - done;
    size = left < vnet.gso_size ? left : vnet.gso_size;
    out->ip_at = frame->ip_at;
    out->size = layout.payload_at + size;
    memcpy(out->at, frame->at, layout.payload_at);
    memcpy(out->at + layout.payload_at, frame->at + layout.payload_at + done,
           size);
    vnet.gso_type = VIRTIO_NET_HDR_GSO_NONE;
    vnet.gso_size = 0;
    vnet.hdr_len = 0;
    vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    vnet.csum_start = (uint16_t)(layout.l4_at - ORD_VNET_SIZE);
    vnet.csum_offset = (uint16_t)(layout.sum_at - layout.l4_at);
    memcpy(out->at, &vnet, sizeof vnet);
    segment_headers(out, &layout, index, done, size == left);
    return true;
}

/* Leaves the receiver to look at the checksum itself. */
static void drop_offload(struct ord_frame *frame)
{
    struct virtio_net_hdr vnet;

    memset(&vnet, 0, sizeof vnet);
    memcpy(frame->at, &vnet, sizeof vnet);
}

static bool flip(struct ord_frame *frame, uint32_t from, uint64_t random)
{
    uint64_t bits = (uint64_t)(frame->size - from) * 8;
    uint64_t bit;

    if (bits == 0)
        return false;
    bit = random % bits;
    frame->at[from + bit / 8] ^= (uint8_t)(1u << (bit % 8));
    return true;
}

bool ord_frame_corrupt(struct ord_frame *frame, uint64_t random)
{
    const uint8_t *ip = frame->at + frame->ip_at;
    struct layout layout;

    ORD_ASSERT(!ord_frame_is_gso(frame));
    if (!layout_of(frame, &layout)) {
        drop_offload(frame);
        return flip(frame, frame->ip_at + (ip[0] & 15u) * 4, random);
    }
    if ((vnet_of(frame).flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0)
        make_checksum(frame, &layout);
    drop_offload(frame);
    /* A flip in UDP's checksum field could make it 0, "none": leave it out. */
    return flip(frame,
                frame->size > layout.payload_at ? layout.payload_at
                                                : layout.l4_at,
                random);
}

bool ord_frame_corrupt_silent(struct ord_frame *frame, uint64_t random)
{
    struct layout layout;

    ORD_ASSERT(!ord_frame_is_gso(frame));
    if (!layout_of(frame, &layout) || !flip(frame, layout.payload_at, random))
        return false;
    drop_offload(frame);
    make_checksum(frame, &layout);
    return true;
}

bool ord_frame_tcp(const struct ord_frame *frame, struct ord_tcp *out)
{
    const uint8_t *ip = frame->at + frame->ip_at;
    const uint8_t *l4 = ip + (ip[0] & 15u) * 4;
    struct layout layout;

    if (ip[9] != IPPROTO_TCP || !layout_of(frame, &layout))
        return false;
    *out = (struct ord_tcp){.from = get16(l4),
                            .to = get16(l4 + 2),
                            .seq = get32(l4 + 4),
                            .ack = get32(l4 + 8),
                            .size = frame->size - layout.payload_at,
                            .flags = l4[13]};
    return true;
}

void ord_frame_make_reset(const struct ord_reset *reset, struct ord_frame *out)
{
    uint32_t ethernet = reset->mac == NULL ? 0 : ORD_ETHERNET_SIZE;
    struct layout layout = {.protocol = IPPROTO_TCP};
    uint8_t *ip;
    uint8_t *l4;

    out->ip_at = ORD_VNET_SIZE + ethernet;
    out->size = out->ip_at + IP_HEADER_MIN + TCP_HEADER_MIN;
    ORD_ASSERT(out->size <= ORD_RESET_SIZE);
    memset(out->at, 0, out->size);
    if (reset->mac != NULL) {
        memcpy(out->at + ORD_VNET_SIZE, reset->mac, 6);
        memcpy(out->at + ORD_VNET_SIZE + 6, reset->mac, 6);
        put16(out->at + ORD_VNET_SIZE + 12, ETHERTYPE_IPV4);
    }
    ip = out->at + out->ip_at;
    ip[0] = 0x45;
    put16(ip + 2, IP_HEADER_MIN + TCP_HEADER_MIN);
    ip[8] = TTL;
    ip[9] = IPPROTO_TCP;
    put32(ip + 12, reset->from_ipv4);
    put32(ip + 16, reset->to_ipv4);
    put16(ip + 10, ~fold(sum16(ip, IP_HEADER_MIN, 0)) & 0xffff);
    l4 = ip + IP_HEADER_MIN;
    put16(l4, reset->tcp.from);
    put16(l4 + 2, reset->tcp.to);
    put32(l4 + 4, reset->tcp.seq);
    put32(l4 + 8, reset->tcp.ack);
    l4[12] = TCP_HEADER_MIN / 4 << 4;
    l4[13] = ORD_TCP_RST | ORD_TCP_ACK;
    layout.l4_at = out->ip_at + IP_HEADER_MIN;
    layout.sum_at = layout.l4_at + 16;
    make_checksum(out, &layout);
}
