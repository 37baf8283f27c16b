/* test_impair.c -- loss, delay, duplicates, order, corruption and rate are
 * what the link says, on both kinds of uplink.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "support_trial.h"

enum { PORT = 7100, COUNT = 2000, PAYLOAD = 64, WINDOW = 50 };

/* What came of COUNT numbered datagrams from node 1 to node 2. */
struct tally {
    uint32_t received; /* datagrams */
    uint32_t distinct;
    uint32_t swapped; /* came after one with a higher number */
    uint32_t wrong;   /* not as they were sent */
    bool got[COUNT];
};

static void take(struct tally *tally, int in, int timeout_ms, uint32_t *highest)
{
    uint8_t data[PAYLOAD + 1];
    uint32_t number;
    int size;

    while ((size = trial_receive(in, data, sizeof data, timeout_ms)) > 0) {
        bool wrong = size != PAYLOAD;

        tally->received++;
        memcpy(&number, data, sizeof number);
        for (size_t i = sizeof number; i < PAYLOAD; i++)
            wrong = wrong || data[i] != (uint8_t)i;
        if (wrong || number >= COUNT) {
            tally->wrong++;
            continue;
        }
        tally->distinct += !tally->got[number];
        tally->got[number] = true;
        tally->swapped += number < *highest;
        if (number > *highest)
            *highest = number;
    }
}

static int send_all(struct trial *t, struct tally *tally)
{
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    uint8_t data[PAYLOAD];
    uint32_t highest = 0;

    memset(tally, 0, sizeof *tally);
    for (size_t i = 0; i < PAYLOAD; i++)
        data[i] = (uint8_t)i;
    CHECK(out >= 0);
    CHECK(in >= 0);
    for (uint32_t i = 0; i < COUNT; i++) {
        memcpy(data, &i, sizeof i);
        CHECK(trial_send(t, out, 2, PORT, data, sizeof data));
        if (i % WINDOW == WINDOW - 1) {
            trial_sleep_ms(1); /* a user's socket buffers are small */
            take(tally, in, 0, &highest);
        }
    }
    take(tally, in, 100, &highest);
    (void)close(out);
    (void)close(in);
    return 0;
}

static bool near(uint32_t value, uint32_t want, uint32_t slack)
{
    return value + slack >= want && value <= want + slack;
}

static int loss(struct trial *t)
{
    static struct tally clean;
    static struct tally tally;
    const struct ord_link change = {.up = true, .loss_ppm = 300000};

    CHECK(send_all(t, &clean) == 0);
    CHECK(clean.distinct == COUNT && clean.swapped == 0);
    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(send_all(t, &tally) == 0);
    CHECK(near(tally.distinct, COUNT * 7 / 10, 90)); /* 4 sigma */
    CHECK(ord_wire_counts(t->wire, 1, 2).lost == COUNT - tally.distinct);
    CHECK(ord_wire_counts(t->wire, 2, 1).lost == 0);
    CHECK(tally.wrong == 0);
    return 0;
}

static int duplicate(struct trial *t)
{
    static struct tally tally;
    const struct ord_link change = {.up = true, .duplicate_ppm = 200000};

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(send_all(t, &tally) == 0);
    CHECK(tally.distinct == COUNT);
    CHECK(near(tally.received, COUNT * 12 / 10, 80));
    CHECK(ord_wire_counts(t->wire, 1, 2).duplicated == tally.received - COUNT);
    return 0;
}

static int corrupt_is_detected(struct trial *t)
{
    static struct tally tally;
    const struct ord_link change = {.up = true, .corrupt_ppm = 250000};

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(send_all(t, &tally) == 0);
    CHECK(tally.wrong == 0);
    CHECK(near(tally.distinct, COUNT * 3 / 4, 85));
    CHECK(ord_wire_counts(t->wire, 1, 2).corrupted == COUNT - tally.distinct);
    return 0;
}

static int corrupt_is_silent(struct trial *t)
{
    static struct tally tally;
    const struct ord_link change = {.up = true, .corrupt_silent_ppm = 250000};

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(send_all(t, &tally) == 0);
    CHECK(tally.received == COUNT); /* no checksum said a word */
    CHECK(near((uint32_t)ord_wire_counts(t->wire, 1, 2).corrupted_silent,
               COUNT / 4, 85));
    /* Some flips hit the number: then it is another one, not a wrong one. */
    CHECK(tally.wrong > COUNT / 5);
    CHECK(tally.distinct < COUNT);
    return 0;
}

static int reorder(struct trial *t)
{
    static struct tally tally;
    /* Jitter alone keeps the order. */
    const struct ord_link delayed = {
        .up = true, .delay_us = 20000, .jitter_us = 10000};
    const struct ord_link change = {
        .up = true, .delay_us = 20000, .reorder_ppm = 250000};

    CHECK(trial_fault(t, 1, 1, 2, &delayed) == ORD_OK);
    CHECK(send_all(t, &tally) == 0);
    CHECK(tally.distinct == COUNT && tally.swapped == 0);
    trial_sleep_ms(50);
    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    CHECK(send_all(t, &tally) == 0);
    CHECK(tally.distinct == COUNT);
    CHECK(tally.swapped > COUNT / 3);
    CHECK(near((uint32_t)ord_wire_counts(t->wire, 1, 2).reordered, COUNT / 4,
               85));
    return 0;
}

/* The time of one datagram from node 1 to node 2, ns. */
static int64_t flight_ns(struct trial *t)
{
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    char got[8];
    int64_t start_ns = ord_now_ns();
    bool ok = trial_send(t, out, 2, PORT, "x", 1) &&
              trial_receive(in, got, sizeof got, 2000) == 1;
    int64_t took_ns = ord_now_ns() - start_ns;

    (void)close(out);
    (void)close(in);
    return ok ? took_ns : -1;
}

static int delay(struct trial *t)
{
    const struct ord_link change = {
        .up = true, .delay_us = 30000, .jitter_us = 10000};
    int64_t lowest_ns = INT64_MAX;
    int64_t highest_ns = 0;

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    for (int i = 0; i < 20; i++) {
        int64_t took_ns = flight_ns(t);

        CHECK(took_ns >= 30 * ORD_MS);
        lowest_ns = took_ns < lowest_ns ? took_ns : lowest_ns;
        highest_ns = took_ns > highest_ns ? took_ns : highest_ns;
    }
    CHECK(lowest_ns < 36 * ORD_MS);
    CHECK(highest_ns - lowest_ns > 3 * ORD_MS); /* the jitter */
    CHECK(ord_wire_counts(t->wire, 1, 2).delayed == 20);
    ord_wire_clear(t->wire, 1);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    lowest_ns = INT64_MAX;
    for (int i = 0; i < 10; i++) {
        int64_t took_ns = flight_ns(t);

        CHECK(took_ns >= 0);
        lowest_ns = took_ns < lowest_ns ? took_ns : lowest_ns;
    }
    CHECK(lowest_ns < 5 * ORD_MS);
    return 0;
}

static int cut_drops_what_waits(struct trial *t)
{
    const struct ord_link slow = {.up = true, .delay_us = 100000};
    const struct ord_link cut = {.up = false};
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    char got[8];

    CHECK(trial_fault(t, 1, 1, 2, &slow) == ORD_OK);
    CHECK(trial_send(t, out, 2, PORT, "x", 1));
    trial_sleep_ms(20);
    CHECK(trial_fault(t, 2, 1, 2, &cut) == ORD_OK);
    CHECK(trial_receive(in, got, sizeof got, 200) == -1);
    CHECK(ord_wire_counts(t->wire, 1, 2).cut == 1);
    CHECK(ord_wire_counts(t->wire, 1, 2).passed == 0);
    (void)close(out);
    (void)close(in);
    return 0;
}

static int rate(struct trial *t)
{
    const struct ord_link change = {.up = true, .rate_bit_s = 8000000};
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    int in = trial_socket(t, 2, SOCK_DGRAM, PORT);
    int64_t start_ns = ord_now_ns();
    int64_t last_ns = start_ns;
    char data[1000] = "";
    uint64_t bytes = 0;
    double bit_s;

    CHECK(trial_fault(t, 1, 1, 2, &change) == ORD_OK);
    /* 400 datagrams of 1028 bytes are 411 ms at this rate; 200 ms may wait. */
    for (int i = 0; i < 400; i++)
        CHECK(trial_send(t, out, 2, PORT, data, sizeof data));
    while (trial_receive(in, data, sizeof data, 100) > 0) {
        bytes += sizeof data + 28;
        last_ns = ord_now_ns();
    }
    bit_s = (double)bytes * 8e9 / (double)(last_ns - start_ns);
    CHECK(bit_s < 8.4e6);
    CHECK(bit_s > 2e6); /* a busy machine is late with the last ones */
    CHECK(ord_wire_counts(t->wire, 1, 2).over > 100);
    (void)close(out);
    (void)close(in);
    return 0;
}

static void run(enum ord_uplink uplink, int (*body)(struct trial *))
{
    struct trial_config config = {
        .cluster = {.node_count = 2, .seed = 42, .uplink = uplink}};
    int result;

    if (uplink == ORD_UPLINK_TUN && !trial_has_tun())
        cr_skip_test("no /dev/net/tun");
    result = trial_run(&config, body);
    if (result < 0)
        cr_skip_test("no sandbox");
    cr_assert_eq(result, 0, "the trial failed, see above");
}

struct row {
    enum ord_uplink uplink;
    uint32_t body; /* pointers do not survive the trip to the test */
};

static int (*const bodies[])(struct trial *) = {
    loss,    duplicate, corrupt_is_detected,  corrupt_is_silent,
    reorder, delay,     cut_drops_what_waits, rate,
};

ParameterizedTestParameters(impair, link)
{
    static struct row rows[2 * sizeof bodies / sizeof *bodies];

    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
        rows[i] = (struct row){.uplink = i % 2 == 0 ? ORD_UPLINK_TUN
                                                    : ORD_UPLINK_PACKET,
                               .body = i / 2};
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, impair, link, .timeout = 60)
{
    (void)fprintf(stderr, "body %u uplink %d\n", row->body, row->uplink);
    run(row->uplink, bodies[row->body]);
}
