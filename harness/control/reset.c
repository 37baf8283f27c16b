/* reset.c -- connections that the switch resets, in the name of their ends. */
#include <unistd.h>

#include "harness/control/fabric.h"

/* To a side of the connection, as if its other end had sent it. */
static void forge_reset(struct ord_fabric *f, const struct ord_flow *flow,
                        uint32_t side)
{
    struct ord_flow_ends ends = ord_flow_ends(flow);
    uint8_t bytes[ORD_RESET_SIZE];
    struct ord_frame frame = {.at = bytes};

    if (!flow->is_known[side])
        return;
    ord_flow_make_reset(flow, side, f->config->has_ethernet, &frame);
    if (write(f->config->port_fds[ends.port[side]], frame.at, frame.size) < 0)
        return; /* it speaks again, and is answered again */
    ord_pcapng_add(&f->capture, ORD_PCAPNG_DELIVERED, f->now_ns,
                   ord_ip_of(&frame), "forged: the link resets the connection");
}

static void reset_flow(struct ord_fabric *f, struct ord_flow *flow,
                       uint32_t slot)
{
    flow->is_reset = true;
    ord_count(&f->shared->count[slot].reset, 1);
    forge_reset(f, flow, 0);
    forge_reset(f, flow, 1);
}

void ord_reset_flows(struct ord_fabric *f, const struct ord_rule *bank)
{
    for (uint32_t i = 0; i < ORD_FLOWS_MAX; i++) {
        struct ord_flow *flow = &f->flows.at[i];
        struct ord_flow_ends ends = ord_flow_ends(flow);
        uint32_t there = ends.port[0] * f->port_count + ends.port[1];
        uint32_t back = ends.port[1] * f->port_count + ends.port[0];

        if (flow->key == 0 || flow->is_reset || !bank[there].link.up ||
            !bank[back].link.up)
            continue;
        if (bank[there].reset_id > flow->born)
            reset_flow(f, flow, there);
        else if (bank[back].reset_id > flow->born)
            reset_flow(f, flow, back);
    }
}

/* The sender gets one for each segment, until it believes it: only the exact
 * sequence number is taken (RFC 5961), and its own acknowledgement tells that.
 */
bool ord_reset_meets(struct ord_fabric *f, const struct ord_passage *p,
                     const struct ord_link *link)
{
    uint32_t sender = ord_flow_side(p->from, p->to);
    struct ord_flow *flow;
    struct ord_tcp tcp;

    if (!ord_frame_tcp(&p->frame, &tcp) ||
        (tcp.flags & (ORD_TCP_SYN | ORD_TCP_RST | ORD_TCP_ACK)) != ORD_TCP_ACK)
        return false;
    flow = ord_flow_find(&f->flows, &tcp, p->from, p->to);
    if (flow == NULL)
        return false;
    flow->expects[sender] = tcp.ack;
    flow->is_known[sender] = true;
    if (flow->is_reset)
        forge_reset(f, flow, sender);
    else if (ord_chance(f, p, DECIDE_RESET, f->pairs[p->slot].reset_judged++,
                        link->reset_ppm))
        reset_flow(f, flow, p->slot);
    else
        return false;
    return true;
}
