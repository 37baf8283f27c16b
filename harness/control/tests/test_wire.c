/* test_wire.c -- overlays compose, and come and go in any order. */
#include <criterion/criterion.h>
#include <string.h>

#include "harness/base/rng.h"
#include "harness/control/wire.h"

enum { PORTS = 5, FAULTS = 6, ROUNDS = 200 };

static struct ord_wire *wire_of(uint32_t ports)
{
    struct ord_wire *wire;
    struct ord_err err;

    cr_assert_eq(ord_wire_new(ports, 1, &wire, &err), ORD_OK);
    return wire;
}

static void lay(struct ord_wire *wire, uint64_t fault, uint32_t from,
                uint32_t to, struct ord_link change)
{
    struct ord_err err;

    cr_assert_eq(ord_wire_overlay(wire, fault, from, to, &change, &err),
                 ORD_OK);
}

static void commit(struct ord_wire *wire)
{
    struct ord_err err;

    cr_assert_eq(ord_wire_commit(wire, &err), ORD_OK);
}

static void expect_plain(const struct ord_wire *wire)
{
    struct ord_link plain = ord_link_plain();

    for (uint32_t from = 0; from < PORTS; from++) {
        for (uint32_t to = 0; to < PORTS; to++) {
            struct ord_link link = ord_wire_link(wire, from, to);

            cr_expect_eq(link.up, plain.up);
            cr_expect_eq(link.delay_us | link.jitter_us | link.loss_ppm |
                             link.duplicate_ppm | link.reorder_ppm |
                             link.corrupt_ppm | link.corrupt_silent_ppm,
                         0);
            cr_expect_eq(link.rate_bit_s, 0);
            cr_expect_not(link.clog || link.reset);
            cr_expect_eq(link.reset_ppm | link.loss_burst, 0);
            cr_expect_eq(link.bytes_max, 0);
        }
    }
}

Test(wire, composes)
{
    struct ord_wire *wire = wire_of(PORTS);
    struct ord_link link;

    lay(wire, 1, 1, 2,
        (struct ord_link){.up = true,
                          .delay_us = 100,
                          .loss_ppm = 500000,
                          .rate_bit_s = 2000});
    lay(wire, 2, 1, 2,
        (struct ord_link){.up = true,
                          .delay_us = 50,
                          .jitter_us = 7,
                          .loss_ppm = 500000,
                          .rate_bit_s = 1000});
    link = ord_wire_link(wire, 1, 2);
    cr_expect_eq(link.delay_us, 0, "nothing is in force before the commit");
    commit(wire);
    link = ord_wire_link(wire, 1, 2);
    cr_expect_eq(link.delay_us, 150);
    cr_expect_eq(link.jitter_us, 7);
    cr_expect_eq(link.loss_ppm, 750000);
    cr_expect_eq(link.rate_bit_s, 1000);
    cr_expect(link.up);
    cr_expect_eq(ord_wire_link(wire, 2, 1).delay_us, 0);
    lay(wire, 3, 1, 2, (struct ord_link){.up = false});
    commit(wire);
    cr_expect_not(ord_wire_link(wire, 1, 2).up);
    ord_wire_clear(wire, 2);
    commit(wire);
    cr_expect_eq(ord_wire_link(wire, 1, 2).loss_ppm, 500000);
    cr_expect_eq(ord_wire_link(wire, 1, 2).rate_bit_s, 2000);
    cr_expect_not(ord_wire_link(wire, 1, 2).up, "fault 3 still cuts");
    lay(wire, 4, 1, 2, (struct ord_link){.up = true});
    commit(wire);
    cr_expect_not(ord_wire_link(wire, 1, 2).up, "nobody else mends it");
    ord_wire_clear_all(wire);
    commit(wire);
    expect_plain(wire);
    ord_wire_free(&wire);
}

Test(wire, composes_clogs_resets_bursts_and_bytes)
{
    struct ord_wire *wire = wire_of(PORTS);
    struct ord_link link;

    lay(wire, 1, 1, 2,
        (struct ord_link){.up = true, .clog = true, .loss_burst = 3});
    lay(wire, 2, 1, 2,
        (struct ord_link){.up = true,
                          .clog = true,
                          .reset = true,
                          .reset_ppm = 500000,
                          .loss_burst = 7,
                          .bytes_max = 5000});
    lay(wire, 3, 1, 2,
        (struct ord_link){.up = true, .reset_ppm = 500000, .bytes_max = 3000});
    commit(wire);
    link = ord_wire_link(wire, 1, 2);
    cr_expect(link.clog && link.reset);
    cr_expect_eq(link.reset_ppm, 750000);
    cr_expect_eq(link.loss_burst, 7);
    cr_expect_eq(link.bytes_max, 3000);
    ord_wire_clear(wire, 2);
    commit(wire);
    link = ord_wire_link(wire, 1, 2);
    cr_expect(link.clog && !link.reset);
    cr_expect_eq(link.loss_burst, 3);
    ord_wire_clear(wire, 1);
    ord_wire_clear(wire, 3);
    commit(wire);
    expect_plain(wire);
    ord_wire_free(&wire);
}

Test(wire, replaces_the_same_fault)
{
    struct ord_wire *wire = wire_of(PORTS);

    lay(wire, 1, 1, 2, (struct ord_link){.up = true, .delay_us = 100});
    lay(wire, 1, 1, 2, (struct ord_link){.up = true, .delay_us = 30});
    commit(wire);
    cr_expect_eq(ord_wire_link(wire, 1, 2).delay_us, 30);
    ord_wire_free(&wire);
}

Test(wire, keeps_its_base)
{
    struct ord_wire *wire = wire_of(PORTS);
    const struct ord_link far = {.up = true, .delay_us = 40000};

    ord_wire_base(wire, 3, 4, &far);
    lay(wire, 1, 3, 4, (struct ord_link){.up = false});
    commit(wire);
    cr_expect_not(ord_wire_link(wire, 3, 4).up);
    ord_wire_clear(wire, 1);
    commit(wire);
    cr_expect(ord_wire_link(wire, 3, 4).up);
    cr_expect_eq(ord_wire_link(wire, 3, 4).delay_us, 40000);
    ord_wire_free(&wire);
}

Test(wire, extremes_do_not_wrap)
{
    struct ord_wire *wire = wire_of(PORTS);

    for (uint64_t fault = 1; fault <= 3; fault++)
        lay(wire, fault, 0, 1,
            (struct ord_link){.up = true,
                              .delay_us = UINT32_MAX / 2,
                              .loss_ppm = UINT32_MAX});
    commit(wire);
    cr_expect_eq(ord_wire_link(wire, 0, 1).delay_us, UINT32_MAX);
    cr_expect_eq(ord_wire_link(wire, 0, 1).loss_ppm, ORD_PPM);
    ord_wire_free(&wire);
}

/* What fault f does, if anything, to a link. */
static struct ord_link change_of(uint64_t fault, uint32_t from, uint32_t to)
{
    uint64_t h = ord_hash(99, fault, from * 100 + to);

    return (struct ord_link){.up = h % 4 != 0,
                             .delay_us = (uint32_t)(h >> 8 & 1023),
                             .loss_ppm = (uint32_t)(h >> 20 & 0x7ffff),
                             .reorder_ppm = (uint32_t)(h >> 40 & 0x7ffff),
                             .rate_bit_s = h >> 60};
}

static void lay_all(struct ord_wire *wire, uint64_t fault, bool backwards)
{
    for (uint32_t i = 0; i < PORTS * PORTS; i++) {
        uint32_t at = backwards ? PORTS * PORTS - 1 - i : i;

        lay(wire, fault, at / PORTS, at % PORTS,
            change_of(fault, at / PORTS, at % PORTS));
    }
}

/* Faults come and go at random; what is left must look as if only those that
 * are left had ever been there, in ascending order. */
Test(wire, any_order, .timeout = 20)
{
    struct ord_wire *wire = wire_of(PORTS);
    struct ord_rng rng = ord_rng_stream(1, "any_order", 0);
    bool on[FAULTS] = {false};

    for (int round = 0; round < ROUNDS; round++) {
        struct ord_wire *fresh = wire_of(PORTS);
        uint64_t fault = ord_rng_below(&rng, FAULTS);

        if (on[fault])
            ord_wire_clear(wire, fault);
        else
            lay_all(wire, fault, round % 2 != 0);
        on[fault] = !on[fault];
        for (uint64_t f = 0; f < FAULTS; f++) {
            if (on[f])
                lay_all(fresh, f, false);
        }
        commit(wire);
        commit(fresh);
        for (uint32_t i = 0; i < PORTS * PORTS; i++) {
            struct ord_link a = ord_wire_link(wire, i / PORTS, i % PORTS);
            struct ord_link b = ord_wire_link(fresh, i / PORTS, i % PORTS);

            cr_assert(a.up == b.up && a.delay_us == b.delay_us &&
                      a.loss_ppm == b.loss_ppm &&
                      a.reorder_ppm == b.reorder_ppm &&
                      a.rate_bit_s == b.rate_bit_s);
        }
        ord_wire_free(&fresh);
    }
    for (uint64_t f = 0; f < FAULTS; f++)
        ord_wire_clear(wire, f);
    commit(wire);
    expect_plain(wire);
    ord_wire_free(&wire);
}

Test(wire, has_a_limit)
{
    struct ord_wire *wire = wire_of(ORD_PORTS_MAX);
    struct ord_err err;
    int rc = ORD_OK;
    uint64_t count = 0;

    for (uint64_t fault = 0; fault < 20 && rc == ORD_OK; fault++) {
        for (uint32_t i = 0; i < ORD_PORTS_MAX * ORD_PORTS_MAX; i++) {
            struct ord_link cut = {.up = false};

            rc = ord_wire_overlay(wire, fault, i / ORD_PORTS_MAX,
                                  i % ORD_PORTS_MAX, &cut, &err);
            if (rc != ORD_OK)
                break;
            count++;
        }
    }
    cr_expect_eq(rc, ORD_ELIMIT);
    cr_expect_eq(count, ORD_WIRE_OVERLAYS_MAX);
    ord_wire_free(&wire);
}
