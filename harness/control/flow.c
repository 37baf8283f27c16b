/* flow.c -- see flow.h. */
#include "harness/control/flow.h"

#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/rng.h"
#include "harness/control/switch.h"

enum { WAYS = 8, SETS = ORD_FLOWS_MAX / WAYS };
_Static_assert((SETS & (SETS - 1)) == 0, "a mask picks the set");

static uint64_t key_of(const struct ord_tcp *tcp, uint32_t from, uint32_t to)
{
    bool is_up = from < to;
    uint64_t low = is_up ? from : to;
    uint64_t high = is_up ? to : from;
    uint64_t low_address = is_up ? tcp->from : tcp->to;
    uint64_t high_address = is_up ? tcp->to : tcp->from;

    ORD_ASSERT(from != to); /* so the key is not 0 */
    return low << 48 | high << 32 | low_address << 16 | high_address;
}

struct ord_flow_ends ord_flow_ends(const struct ord_flow *flow)
{
    return (struct ord_flow_ends){
        .port = {(uint32_t)(flow->key >> 48),
                 (uint32_t)(flow->key >> 32 & 0xffff)},
        .address = {(uint32_t)(flow->key >> 16 & 0xffff),
                    (uint32_t)(flow->key & 0xffff)},
    };
}

static struct ord_flow *set_of(struct ord_flows *flows, uint64_t key)
{
    return &flows->at[(ord_mix(key) & (SETS - 1)) * WAYS];
}

struct ord_flow *ord_flow_find(struct ord_flows *flows,
                               const struct ord_tcp *tcp, uint32_t from,
                               uint32_t to)
{
    uint64_t key = key_of(tcp, from, to);
    struct ord_flow *set = set_of(flows, key);

    for (uint32_t i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
    }
    return NULL;
}

static struct ord_flow *make(struct ord_flows *flows, uint64_t key,
                             uint64_t generation)
{
    struct ord_flow *set = set_of(flows, key);
    struct ord_flow *oldest = set;

    for (uint32_t i = 1; i < WAYS; i++) { /* free ones were never used */
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    *oldest = (struct ord_flow){.key = key, .born = generation};
    return oldest;
}

static void advance(struct ord_flow *flow, uint32_t side, uint32_t next)
{
    /* Sequence numbers go round: RFC 793, section 3.3. */
    if (flow->is_known[side] && (int32_t)(next - flow->expects[side]) < 0)
        return;
    flow->expects[side] = next;
    flow->is_known[side] = true;
}

void ord_flow_note(struct ord_flows *flows, const struct ord_tcp *tcp,
                   uint32_t from, uint32_t to, uint64_t generation)
{
    struct ord_flow *flow = ord_flow_find(flows, tcp, from, to);
    uint32_t sender = ord_flow_side(from, to);
    bool is_open = (tcp->flags & (ORD_TCP_SYN | ORD_TCP_ACK)) == ORD_TCP_SYN;

    if (is_open && flow != NULL)
        *flow = (struct ord_flow){.key = flow->key, .born = generation};
    /* The last words of a connection that is over do not open it again. */
    if (flow == NULL && (is_open || tcp->size > 0))
        flow = make(flows, key_of(tcp, from, to), generation);
    if (flow == NULL)
        return;
    flow->used = ++flows->time;
    advance(flow, 1 - sender,
            tcp->seq + tcp->size + ((tcp->flags & ORD_TCP_SYN) != 0) +
                ((tcp->flags & ORD_TCP_FIN) != 0));
    if ((tcp->flags & ORD_TCP_ACK) != 0)
        advance(flow, sender, tcp->ack);
    if ((tcp->flags & ORD_TCP_FIN) != 0)
        flow->has_ended[sender] = true;
    if ((tcp->flags & ORD_TCP_RST) != 0 ||
        (flow->has_ended[0] && flow->has_ended[1]))
        *flow = (struct ord_flow){.key = 0};
}

void ord_flow_make_reset(const struct ord_flow *flow, uint32_t side,
                         bool ethernet, struct ord_frame *out)
{
    struct ord_flow_ends ends = ord_flow_ends(flow);
    const struct ord_reset reset = {
        .from_ipv4 = ord_port_ipv4(ends.port[1 - side]),
        .to_ipv4 = ord_port_ipv4(ends.port[side]),
        .tcp = {.from = ends.address[1 - side],
                .to = ends.address[side],
                .seq = flow->expects[side],
                .ack = flow->expects[1 - side]},
        .mac = ethernet ? ord_port_mac : NULL,
    };

    ord_frame_make_reset(&reset, out);
}
