/* test_flow.c -- which byte each end waits for, told from what was delivered;
 * and the segment that resets them is one that a kernel takes.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/rng.h"
#include "harness/control/flow.h"
#include "harness/control/switch.h"

enum { LOW = 1, HIGH = 2, CLIENT = 40000, SERVER = 80, FRAMES = 200000 };

static struct ord_flows flows; /* as large as the switch's */

static void reset_flows(void)
{
    memset(&flows, 0, sizeof flows);
}

TestSuite(flow, .init = reset_flows, .timeout = 30);

/* From the low port's client to the server, or back. */
static struct ord_tcp segment(bool is_back, uint32_t seq, uint32_t ack,
                              uint32_t size, uint32_t flags)
{
    return (struct ord_tcp){.from = is_back ? SERVER : CLIENT,
                            .to = is_back ? CLIENT : SERVER,
                            .seq = seq,
                            .ack = ack,
                            .size = size,
                            .flags = flags};
}

static void note(bool is_back, struct ord_tcp tcp, uint64_t generation)
{
    ord_flow_note(&flows, &tcp, is_back ? HIGH : LOW, is_back ? LOW : HIGH,
                  generation);
}

static struct ord_flow *find(void)
{
    struct ord_tcp any = segment(false, 0, 0, 0, 0);

    return ord_flow_find(&flows, &any, LOW, HIGH);
}

static void shake_hands(uint32_t client_seq, uint32_t server_seq)
{
    note(false, segment(false, client_seq, 0, 0, ORD_TCP_SYN), 7);
    note(
        true,
        segment(true, server_seq, client_seq + 1, 0, ORD_TCP_SYN | ORD_TCP_ACK),
        7);
    note(false, segment(false, client_seq + 1, server_seq + 1, 0, ORD_TCP_ACK),
         7);
}

Test(flow, both_ends_are_known_after_the_handshake_and_move_with_data)
{
    const struct ord_flow *flow;

    shake_hands(100, UINT32_MAX - 9);
    flow = find();
    cr_assert_not_null(flow);
    cr_expect_eq(flow->expects[0], UINT32_MAX - 8);
    cr_expect_eq(flow->expects[1], 101);
    cr_expect_eq(flow->born, 7);
    note(false, segment(false, 101, UINT32_MAX - 8, 50, ORD_TCP_ACK), 8);
    note(true, segment(true, UINT32_MAX - 8, 151, 20, ORD_TCP_ACK), 8);
    cr_expect_eq(flow->expects[1], 151);
    cr_expect_eq(flow->expects[0], 11, "numbers go round");
    note(false, segment(false, 101, 11, 50, ORD_TCP_ACK), 8);
    cr_expect_eq(flow->expects[1], 151, "an old one came again");
    cr_expect_eq(flow->born, 7);
}

Test(flow, ends_with_both_fins_or_a_reset_and_last_words_do_not_open_it)
{
    shake_hands(100, 500);
    note(false, segment(false, 101, 501, 0, ORD_TCP_FIN | ORD_TCP_ACK), 7);
    cr_expect_not_null(find(), "half closed");
    cr_expect_eq(find()->expects[1], 102);
    note(true, segment(true, 501, 102, 0, ORD_TCP_FIN | ORD_TCP_ACK), 7);
    cr_expect_null(find());
    note(false, segment(false, 102, 502, 0, ORD_TCP_ACK), 7);
    cr_expect_null(find());
    shake_hands(900, 1900);
    note(true, segment(true, 1901, 0, 0, ORD_TCP_RST), 7);
    cr_expect_null(find());
    note(false, segment(false, 901, 1901, 5, ORD_TCP_ACK), 9);
    cr_expect_not_null(find(), "one that we had forgotten");
}

Test(flow, the_same_ports_again_are_a_new_connection)
{
    shake_hands(100, 500);
    find()->is_reset = true;
    note(false, segment(false, 70, 0, 0, ORD_TCP_SYN), 12);
    cr_expect_not(find()->is_reset);
    cr_expect_eq(find()->born, 12);
    cr_expect_eq(find()->expects[1], 71);
    cr_expect_not(find()->is_known[0]);
}

Test(flow, a_full_table_forgets_who_was_silent_longest)
{
    shake_hands(100, 500);
    for (uint32_t i = 0; i < 4 * ORD_FLOWS_MAX; i++) {
        struct ord_tcp other = segment(false, i, 0, 0, ORD_TCP_SYN);

        other.from = i % 39999;
        other.to = 1000 + i / 39999;
        ord_flow_note(&flows, &other, LOW, HIGH, 1);
        if (i % 4 == 0) /* who speaks is remembered */
            note(false, segment(false, 101, 501, 1, ORD_TCP_ACK), 1);
        if (i % 1000 == 0)
            cr_assert_not_null(find(), "%u", i);
    }
}

static uint32_t get(const uint8_t *at, int size)
{
    uint32_t value = 0;

    for (int i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static uint32_t sum(const uint8_t *at, uint32_t size, uint32_t start)
{
    for (uint32_t i = 0; i < size; i += 2)
        start += get(at + i, 2);
    while (start > 0xffff)
        start = (start & 0xffff) + (start >> 16);
    return start;
}

Test(flow, the_reset_has_the_number_that_its_receiver_waits_for)
{
    for (uint32_t ethernet = 0; ethernet < 2; ethernet++) {
        uint8_t bytes[ORD_RESET_SIZE];
        struct ord_frame frame = {.at = bytes};
        const uint8_t *ip;
        struct ord_tcp tcp;
        uint32_t to;

        shake_hands(100, 500);
        ord_flow_make_reset(find(), 1, ethernet != 0, &frame);
        cr_assert(ord_frame_parse(&frame, ethernet != 0, &to));
        cr_expect_eq(to, ord_port_ipv4(HIGH));
        ip = frame.at + frame.ip_at;
        cr_expect_eq(get(ip + 12, 4), ord_port_ipv4(LOW));
        cr_assert(ord_frame_tcp(&frame, &tcp));
        cr_expect_eq(tcp.from, CLIENT);
        cr_expect_eq(tcp.to, SERVER);
        cr_expect_eq(tcp.seq, 101);
        cr_expect_eq(tcp.ack, 501);
        cr_expect_eq(tcp.flags, ORD_TCP_RST | ORD_TCP_ACK);
        cr_expect_eq(tcp.size, 0);
        cr_expect_eq(sum(ip, 20, 0), 0xffff);
        cr_expect_eq(sum(ip + 20, 20, sum(ip + 12, 8, 6 + 20)), 0xffff);
        cr_expect_eq(get(bytes, 4), 0, "no offload is claimed");
    }
}

/* Whatever a node sends, lengths and all: nothing is read beyond it. */
Test(flow, frames_of_noise_are_read_within_their_bounds)
{
    struct ord_rng rng = ord_rng_stream(3, "noise", 0);
    uint32_t count = 0;

    for (uint32_t i = 0; i < FRAMES; i++) {
        uint32_t size = (uint32_t)ord_rng_range(&rng, 0, 90);
        uint8_t *bytes = malloc(size + 1);
        struct ord_frame frame = {.at = bytes, .size = size};
        struct ord_tcp tcp;
        uint32_t to;

        for (uint32_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)ord_rng_next(&rng);
        if (size >= 30) { /* more than noise, so that it comes further */
            bytes[10] = (uint8_t)(0x40 | (bytes[10] & 15));
            bytes[12] = 0;
            bytes[16] &= 0xc0;
            bytes[17] = 0;
            bytes[19] = 6;
        }
        if (ord_frame_parse(&frame, false, &to) &&
            ord_frame_tcp(&frame, &tcp)) {
            count++;
            cr_assert(tcp.size <= frame.size);
            ord_flow_note(&flows, &tcp, LOW, HIGH, 1);
        }
        free(bytes);
    }
    cr_expect(count > 100, "%u", count);
}
