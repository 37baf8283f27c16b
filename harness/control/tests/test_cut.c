/* test_cut.c -- what is cut is cut, in that direction and no other. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "support_trial.h"

static const struct ord_link cut = {.up = false};

/* Which of the directed links of 0..n pass, row by row. */
static bool matrix_is(struct trial *t, uint32_t ports, uint32_t except_from,
                      uint32_t except_to)
{
    for (uint32_t from = 0; from < ports; from++) {
        for (uint32_t to = 0; to < ports; to++) {
            bool want = from != except_from || to != except_to;

            if (from != to && trial_passes(t, from, to) != want) {
                (void)fprintf(stderr, "%u to %u: want %d\n", from, to, want);
                return false;
            }
        }
    }
    return true;
}

static int cut_one_way(struct trial *t)
{
    int64_t drop_ns;

    CHECK(matrix_is(t, 4, 9, 9));
    CHECK(trial_fault(t, 1, 1, 2, &cut) == ORD_OK);
    CHECK(matrix_is(t, 4, 1, 2));
    CHECK(ord_wire_counts(t->wire, 1, 2).cut == 1);
    CHECK(ord_wire_counts(t->wire, 2, 1).cut == 0);
    drop_ns = ord_wire_first_drop_ns(t->wire, 1, 2);
    CHECK(drop_ns >= ord_wire_commit_ns(t->wire));
    CHECK(ord_wire_first_drop_ns(t->wire, 2, 1) == 0);
    ord_wire_clear(t->wire, 1);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    CHECK(matrix_is(t, 4, 9, 9));
    /* The clients' port is cut like any other. */
    CHECK(trial_fault(t, 2, 0, 3, &cut) == ORD_OK);
    CHECK(matrix_is(t, 4, 0, 3));
    ord_wire_clear(t->wire, 2);
    CHECK(trial_fault(t, 3, 3, 1, &cut) == ORD_OK); /* downwards, too */
    CHECK(matrix_is(t, 4, 3, 1));
    CHECK(ord_wire_seen(t->wire) == ord_wire_generation(t->wire));
    return 0;
}

static void run(uint32_t nodes, enum ord_uplink uplink,
                int (*body)(struct trial *))
{
    struct trial_config config = {
        .cluster = {.node_count = nodes, .seed = 7, .uplink = uplink}};

    if (uplink == ORD_UPLINK_TUN && !trial_has_tun())
        cr_skip_test("no /dev/net/tun");
    switch (trial_run(&config, body)) {
    case 0:
        break;
    case -1:
        cr_skip_test("no sandbox");
        break;
    default:
        cr_assert_fail("the trial failed, see above");
    }
}

Test(cut, one_way_tun, .timeout = 60)
{
    run(3, ORD_UPLINK_TUN, cut_one_way);
}

Test(cut, one_way_packet, .timeout = 60)
{
    run(3, ORD_UPLINK_PACKET, cut_one_way);
}
