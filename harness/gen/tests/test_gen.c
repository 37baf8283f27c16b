#include <criterion/criterion.h>

#include "support_gen.h"

static struct ord_arena arena;
static struct ord_gen_shape shape;

static void setup(void)
{
    ord_arena_init(&arena, 64 << 20);
    shape = (struct ord_gen_shape){
        .arena = &arena, .seed = 7, .worker_count = 4, .node_count = 3};
}

static void teardown(void)
{
    ord_arena_fini(&arena);
}

TestSuite(gen, .init = setup, .fini = teardown, .timeout = 20);

/* An operation that says which leaf made it, and its number there. */
static void leaf(const void *ctx, const struct ord_gen_draw *draw,
                 struct ord_op *op)
{
    op->f = ORD_F_WRITE;
    op->key = ord_value_int(*(const int *)ctx);
    op->value = ord_value_int((int64_t)draw->number);
    op->device = (uint8_t)ord_rng_below(draw->rng, 200);
}

static const int one = 1, two = 2;

static struct ord_gen *ops(const int *which)
{
    return ord_gen_ops(&shape, leaf, which);
}

static enum ord_gen_answer ask_at(struct ord_gen *gen, uint32_t worker,
                                  int64_t time_ns, struct ord_op *op,
                                  int64_t *until_ns)
{
    struct ord_gen_ask ask = {.time_ns = time_ns, .worker = worker};

    return ord_gen_ask(gen, &ask, op, until_ns);
}

/* How many operations this worker gets, asked at time 0. */
static uint32_t drain(struct ord_gen *gen, uint32_t worker)
{
    struct ord_op op;
    int64_t until_ns;
    uint32_t count = 0;

    while (count < 1000 && ask_at(gen, worker, 0, &op, &until_ns) == ORD_GEN_OP)
        count++;
    return count;
}

Test(gen, an_operation_says_nothing_that_was_not_set)
{
    struct ord_op op;
    int64_t until_ns;

    cr_assert_eq(ask_at(ops(&one), 0, 5, &op, &until_ns), ORD_GEN_OP);
    cr_expect_eq(op.type, ORD_OP_INVOKE);
    cr_expect_eq(op.session, ORD_NONE);
    cr_expect_eq(op.epoch, ORD_NONE);
    cr_expect_eq(op.position, ORD_NONE);
    cr_expect_eq(op.node, ORD_NODE_NONE);
    cr_expect_str_eq(op.name, "write");
}

Test(gen, limit_is_shared_evenly_whoever_asks_first)
{
    struct ord_gen *gen = ord_gen_limit(&shape, ops(&one), 10);

    cr_expect_eq(drain(gen, 3), 2);
    cr_expect_eq(drain(gen, 0), 3);
    cr_expect_eq(drain(gen, 2), 2);
    cr_expect_eq(drain(gen, 1), 3);
}

Test(gen, each_process_has_the_whole_limit)
{
    struct ord_gen *gen =
        ord_gen_each_process(&shape, ord_gen_limit(&shape, ops(&one), 10));

    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(drain(gen, i), 10);
}

Test(gen, reserve_gives_ranges_and_the_rest)
{
    struct ord_gen *children[] = {ord_gen_limit(&shape, ops(&one), 3),
                                  ord_gen_limit(&shape, ops(&two), 8)};
    uint32_t counts[] = {1, 0};
    struct ord_gen *gen = ord_gen_reserve(&shape, children, counts, 2);
    struct ord_op op;
    int64_t until_ns;

    ask_at(gen, 0, 0, &op, &until_ns);
    cr_expect_eq(op.key.as.number, 1);
    ask_at(gen, 3, 0, &op, &until_ns);
    cr_expect_eq(op.key.as.number, 2);
    cr_expect_eq(drain(gen, 0), 2, "worker 0 alone has the limit of 3");
    cr_expect_eq(drain(gen, 1), 3, "8 over three workers");
    cr_expect_eq(drain(gen, 2), 3);
    cr_expect_eq(drain(gen, 3), 1);
}

Test(gen, reserve_more_than_there_are)
{
    struct ord_gen *children[] = {ops(&one), ops(&two)};
    uint32_t counts[] = {9, 0};
    struct ord_gen *gen = ord_gen_reserve(&shape, children, counts, 2);
    struct ord_op op;
    int64_t until_ns;

    ask_at(gen, 3, 0, &op, &until_ns);
    cr_expect_eq(op.key.as.number, 1);
}

Test(gen, mix_draws_by_weight)
{
    struct ord_gen *children[] = {ops(&one), ops(&two)};
    uint32_t weights[] = {3, 1};
    struct ord_gen *gen = ord_gen_mix(&shape, children, weights, 2);
    uint32_t ones = 0;

    for (uint32_t i = 0; i < 4000; i++) {
        struct ord_op op;
        int64_t until_ns;

        ask_at(gen, i % 4, 0, &op, &until_ns);
        ones += op.key.as.number == 1;
    }
    cr_expect(ones > 2850 && ones < 3150, "%u of 4000", ones);
}

Test(gen, mix_ends_when_all_children_have)
{
    struct ord_gen *children[] = {ord_gen_limit(&shape, ops(&one), 4),
                                  ord_gen_limit(&shape, ops(&two), 8)};
    uint32_t weights[] = {1, 1};
    struct ord_gen *gen = ord_gen_mix(&shape, children, weights, 2);

    for (uint32_t i = 0; i < 4; i++)
        cr_expect_eq(drain(gen, i), 3);
}

/* Which child was drawn may not depend on when the worker asks. */
Test(gen, mix_keeps_its_draw_while_the_child_waits)
{
    struct run a, b;
    uint32_t weights[] = {1, 1};

    for (uint32_t k = 0; k < 2; k++) {
        struct ord_gen *children[] = {
            ord_gen_stagger(&shape, ops(&one), 3000000), ops(&two)};
        struct ord_gen *gen = ord_gen_limit(
            &shape, ord_gen_mix(&shape, children, weights, 2), 200);

        run_gen(gen, 4, k, 20000, k == 0 ? &a : &b);
    }
    cr_expect_eq(a.counts[0], 50);
    cr_expect_eq(b.counts[0], 50);
    cr_expect(run_agrees(&a, &b, 4));
    run_fini(&a);
    run_fini(&b);
}

Test(gen, stagger_keeps_the_rate_and_its_due_times)
{
    struct ord_gen *gen = ord_gen_stagger(&shape, ops(&one), 1000000);
    struct ord_gen *again = ord_gen_stagger(&shape, ops(&one), 1000000);
    struct ord_op op;
    int64_t until_ns = 0;
    int64_t due_ns = 0;

    ask_at(again, 2, 0, &op, &until_ns); /* due times count from here */
    for (uint32_t i = 0; i < 2000; i++) {
        int64_t other_ns;

        while (ask_at(gen, 2, due_ns, &op, &until_ns) == ORD_GEN_WAIT)
            due_ns = until_ns;
        if (i > 0 && due_ns > 1) /* the other asks early, often */
            cr_assert_neq(ask_at(again, 2, due_ns - 1, &op, &other_ns),
                          ORD_GEN_DONE);
        while (ask_at(again, 2, due_ns, &op, &other_ns) == ORD_GEN_WAIT)
            cr_assert_fail("not due at the same time");
    }
    /* 4 workers, 1 ms together: one of them every 4 ms. */
    cr_expect(due_ns > 2000 * INT64_C(3800000), "%lld", (long long)due_ns);
    cr_expect(due_ns < 2000 * INT64_C(4200000), "%lld", (long long)due_ns);
}

Test(gen, time_limit_ends_and_wakes_for_the_end)
{
    struct ord_gen *gen = ord_gen_time_limit(
        &shape, ord_gen_stagger(&shape, ops(&one), INT64_C(1000000000000)),
        1000);
    struct ord_op op;
    int64_t until_ns;

    cr_expect_eq(ask_at(gen, 1, 10, &op, &until_ns), ORD_GEN_WAIT);
    cr_expect_eq(until_ns, 1000);
    cr_expect_eq(ask_at(gen, 1, 1000, &op, &until_ns), ORD_GEN_DONE);
    cr_expect_eq(ask_at(ord_gen_time_limit(&shape, ops(&one), 1000), 1, 999,
                        &op, &until_ns),
                 ORD_GEN_OP);
}

Test(gen, phases_are_each_workers_own)
{
    struct ord_gen *children[] = {ord_gen_limit(&shape, ops(&one), 4),
                                  ord_gen_limit(&shape, ops(&two), 4)};
    struct ord_gen *gen = ord_gen_phases(&shape, children, 2);
    struct ord_op op;
    int64_t until_ns;

    ask_at(gen, 0, 0, &op, &until_ns);
    cr_expect_eq(op.key.as.number, 1);
    ask_at(gen, 0, 0, &op, &until_ns); /* others have not even begun */
    cr_expect_eq(op.key.as.number, 2);
    cr_expect_eq(drain(gen, 0), 0);
    cr_expect_eq(drain(gen, 1), 2);
}

Test(gen, until_ok_repeats_until_its_own_ok)
{
    struct ord_gen *children[] = {ord_gen_until_ok(&shape, ops(&one)),
                                  ord_gen_limit(&shape, ops(&two), 4)};
    struct ord_gen *gen = ord_gen_phases(&shape, children, 2);
    struct ord_gen_ask ask = {.worker = 1};
    struct ord_gen_ask other = {.worker = 2};
    struct ord_op op;
    int64_t until_ns;

    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(ord_gen_ask(gen, &ask, &op, &until_ns), ORD_GEN_OP);
        cr_expect_eq(op.key.as.number, 1);
        op.type = i == 0 ? ORD_OP_FAIL : ORD_OP_INFO;
        ord_gen_update(gen, &ask, &op);
    }
    ord_gen_ask(gen, &ask, &op, &until_ns);
    op.type = ORD_OP_OK;
    ord_gen_update(gen, &ask, &op);
    ord_gen_ask(gen, &ask, &op, &until_ns);
    cr_expect_eq(op.key.as.number, 2, "an ok ends it");
    ord_gen_ask(gen, &other, &op, &until_ns);
    cr_expect_eq(op.key.as.number, 1, "somebody else's ok does not");
}

Test(gen, the_same_leaf_twice_has_two_streams)
{
    struct ord_gen *children[] = {ord_gen_limit(&shape, ops(&one), 400),
                                  ord_gen_limit(&shape, ops(&one), 400)};
    struct ord_gen *gen = ord_gen_phases(&shape, children, 2);
    uint32_t equal = 0;
    uint8_t first[100];

    for (uint32_t i = 0; i < 200; i++) {
        struct ord_op op;
        int64_t until_ns;

        ask_at(gen, 0, 0, &op, &until_ns);
        if (i < 100)
            first[i] = op.device;
        else
            equal += first[i - 100] == op.device;
    }
    cr_expect(equal < 10, "%u of 100 equal", equal);
}

/* Everything together, asked in twenty random orders. */
Test(gen, no_interleaving_changes_what_a_worker_gets)
{
    struct run first;

    for (uint64_t chaos = 0; chaos < 20; chaos++) {
        struct ord_gen *mixed[] = {ops(&one),
                                   ord_gen_stagger(&shape, ops(&two), 400000),
                                   ord_gen_limit(&shape, ops(&one), 37)};
        uint32_t weights[] = {2, 3, 1};
        struct ord_gen *phases[] = {
            ord_gen_until_ok(&shape, ops(&two)),
            ord_gen_limit(&shape, ord_gen_mix(&shape, mixed, weights, 3), 300),
            ord_gen_each_process(&shape, ord_gen_limit(&shape, ops(&two), 20))};
        struct ord_gen *gen = ord_gen_phases(&shape, phases, 3);
        struct run run;

        run_gen(gen, 4, chaos, 4000, chaos == 0 ? &first : &run);
        if (chaos == 0)
            continue;
        cr_expect(run.counts[0] > 90, "%u", run.counts[0]);
        cr_expect(run_agrees(&first, &run, 4), "chaos %d", (int)chaos);
        run_fini(&run);
    }
    run_fini(&first);
}

Test(gen, another_seed_gives_other_operations)
{
    struct run a, b;

    run_gen(ops(&one), 4, 1, 500, &a);
    shape.seed = 8;
    run_gen(ops(&one), 4, 1, 500, &b);
    cr_expect_not(run_agrees(&a, &b, 4));
    run_fini(&a);
    run_fini(&b);
}

Test(gen, an_arena_that_is_used_up_gives_null)
{
    struct ord_arena small;

    ord_arena_init(&small, 64);
    shape.arena = &small;
    cr_expect_null(ops(&one));
    cr_expect_null(ord_gen_limit(&shape, NULL, 1));
    ord_arena_fini(&small);
}

/* 4 workers, 100 in a second: a beat of 40 ms, of which the first tenth. */
Test(gen, workers_in_step_stay_in_step)
{
    struct ord_gen *gen =
        ord_gen_in_step(&shape, ops(&one), INT64_C(10000000), 100000);

    for (uint32_t i = 0; i < 400; i++) {
        int64_t beat_ns = (int64_t)(i / 4) * INT64_C(40000000);
        struct ord_op op;
        int64_t until_ns = -1;

        if (ask_at(gen, i % 4, beat_ns, &op, &until_ns) == ORD_GEN_WAIT) {
            cr_assert(until_ns > beat_ns && until_ns <= beat_ns + 4000000);
            cr_assert_eq(ask_at(gen, i % 4, until_ns - 1, &op, &until_ns),
                         ORD_GEN_WAIT);
            cr_assert_eq(ask_at(gen, i % 4, until_ns, &op, &until_ns),
                         ORD_GEN_OP);
        }
        cr_assert_eq(op.value.as.number, i / 4);
    }
    /* Who is late catches up at once. */
    for (uint32_t i = 0; i < 50; i++) {
        struct ord_op op;
        int64_t until_ns;

        cr_assert_eq(ask_at(gen, 0, INT64_C(40000000) * 150, &op, &until_ns),
                     ORD_GEN_OP);
    }
}
