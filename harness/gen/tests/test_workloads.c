#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "support_gen.h"

static struct ord_arena arena;
static struct ord_workload_in in;
static struct ord_err err;

static void setup(void)
{
    ord_arena_init(&arena, 256 << 20);
    in = (struct ord_workload_in){
        .shape = {.arena = &arena,
                  .seed = 11,
                  .worker_count = 6,
                  .node_count = 3},
        .time_ns = INT64_C(5000000000),
    };
}

static void teardown(void)
{
    ord_arena_fini(&arena);
}

TestSuite(workloads, .init = setup, .fini = teardown, .timeout = 20);

static struct ord_workload built(const char *name)
{
    struct ord_workload out = {0};
    const struct ord_workload_ops *ops = ord_workload_find(name);

    cr_assert_not_null(ops, "%s", name);
    cr_assert_eq(ops->build(&in, &out, &err), ORD_OK, "%s: %s", name, err.text);
    return out;
}

static int build_rc(const char *name, const char *param, const char *value)
{
    struct ord_param params[] = {{param, value}};
    struct ord_workload out;

    in.params = params;
    in.param_count = 1;
    return ord_workload_find(name)->build(&in, &out, &err);
}

static void next(struct ord_gen *gen, uint32_t worker, struct ord_op *op)
{
    struct ord_gen_ask ask = {.worker = worker};
    int64_t until_ns;

    cr_assert_eq(ord_gen_ask(gen, &ask, op, &until_ns), ORD_GEN_OP);
}

Test(workloads, each_gives_each_worker_the_same_in_any_order)
{
    for (const struct ord_workload_ops *const *at = ord_workloads();
         *at != NULL; at++) {
        struct run a, b;
        struct ord_workload one = built((*at)->name);
        struct ord_workload two = built((*at)->name);

        run_gen(one.main, 6, 1, 6000, &a);
        run_gen(two.main, 6, 2, 6000, &b);
        cr_expect(a.counts[0] > 50, "%s", (*at)->name);
        cr_expect(run_agrees(&a, &b, 6), "%s", (*at)->name);
        run_fini(&a);
        run_fini(&b);
    }
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

Test(workloads, no_value_is_written_twice)
{
    static const char *const names[] = {"register", "set", "sessions", "list",
                                        "queue"};

    for (uint32_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct ord_workload load = built(names[k]);
        static int64_t values[12000];
        size_t count = 0;

        for (uint32_t i = 0; i < 12000; i++) {
            struct ord_op op;

            next(load.main, i % 6, &op);
            if (op.f == ORD_F_CAS)
                values[count++] = op.value.as.items[1].as.number;
            else if (op.f != ORD_F_READ && op.f != ORD_F_DEQUEUE)
                values[count++] = op.value.as.number;
        }
        cr_assert(count > 1000, "%s", names[k]);
        qsort(values, count, sizeof *values, compare_values);
        for (size_t i = 1; i < count; i++)
            cr_assert_neq(values[i - 1], values[i], "%s", names[k]);
    }
}

/* Workers that keep pace on a store that works: how often does cas? */
Test(workloads, compare_and_set_succeeds_often_enough)
{
    struct ord_workload load = built("register");
    int64_t store[10] = {0};
    uint32_t tried = 0, done = 0, writes = 0, reads = 0;

    for (uint32_t i = 0; i < 6000; i++) {
        struct ord_op op;
        int64_t *cell;

        next(load.main, i % 6, &op);
        cell = &store[op.key.as.number];
        reads += op.f == ORD_F_READ;
        writes += op.f == ORD_F_WRITE;
        if (op.f == ORD_F_WRITE)
            *cell = op.value.as.number;
        if (op.f != ORD_F_CAS)
            continue;
        tried++;
        if (op.value.as.items[0].as.number == *cell) {
            *cell = op.value.as.items[1].as.number;
            done++;
        }
    }
    cr_expect(tried > 1300 && writes > 1300 && reads > 2800);
    cr_expect(done * 4 > tried, "%u of %u succeeded", done, tried);
    cr_expect(done * 10 < tried * 9, "%u of %u: and some must fail", done,
              tried);
}

Test(workloads, the_window_moves_over_many_keys)
{
    struct ord_param params[] = {
        {"keys", "0"}, {"window", "3"}, {"ops_per_key", "60"}};
    uint32_t used[400] = {0};
    uint64_t done[6];
    struct ord_workload load;
    struct ord_op op;

    in.params = params;
    in.param_count = 3;
    load = built("register");
    for (uint32_t i = 0; i < 6000; i++) {
        next(load.main, i % 6, &op);
        cr_assert(op.key.as.number < 400);
        used[op.key.as.number]++;
    }
    for (uint32_t key = 3; key < 90; key++)
        cr_expect(used[key] > 20 && used[key] < 120, "k%u: %u", key, used[key]);
    /* The final reads end with the newest key begun, and take 200 of them. */
    for (uint32_t i = 0; i < 6; i++)
        done[i] = i == 0 ? 400 : 1000;
    in.done = done;
    load = built("register");
    for (uint32_t i = 0; i < 99; i++) {
        next(load.final, i % 6, &op);
        cr_assert(op.key.as.number <= 99 && used[op.key.as.number] > 0, "k%lld",
                  (long long)op.key.as.number);
    }
}

Test(workloads, final_reads_cover_every_key_on_every_node_once)
{
    struct ord_workload load = built("register");
    uint32_t seen[10][3] = {{0}};

    for (uint32_t worker = 0; worker < 6; worker++) {
        struct ord_gen_ask ask = {.worker = worker};
        struct ord_op op;
        int64_t until_ns;

        while (ord_gen_ask(load.final, &ask, &op, &until_ns) == ORD_GEN_OP) {
            cr_assert(op.is_final && op.f == ORD_F_READ);
            cr_assert(op.node >= 1 && op.node <= 3);
            seen[op.key.as.number][op.node - 1]++;
        }
    }
    for (uint32_t i = 0; i < 30; i++)
        cr_expect_eq(seen[i / 3][i % 3], 1);
}

Test(workloads, sessions_write_only_their_own_page_and_read_it_back)
{
    struct ord_workload load = built("sessions");
    int64_t last[6] = {0};
    bool wrote[6] = {false};
    uint32_t follow = 0, writes = 0, devices = 0, foreign = 0, again = 0;
    int64_t before[6];

    memset(before, -1, sizeof before);
    for (uint32_t i = 0; i < 6000; i++) {
        struct ord_op op;
        uint32_t w = i % 6;

        next(load.main, w, &op);
        cr_assert_eq(op.session, w);
        cr_assert(op.device < 2);
        devices += op.device;
        if (op.f == ORD_F_WRITE) {
            cr_assert_eq(op.key.as.number, w);
            cr_assert(op.value.as.number > last[w], "values rise");
            last[w] = op.value.as.number;
            writes++;
        } else if (wrote[w]) {
            follow += op.key.as.number == w;
        }
        if (op.f == ORD_F_READ && op.key.as.number != w) {
            foreign++;
            again += op.key.as.number == before[w];
            before[w] = op.key.as.number;
        }
        wrote[w] = op.f == ORD_F_WRITE;
    }
    cr_expect(writes > 1500 && writes < 2100, "%u", writes);
    cr_expect(follow > 900, "%u own pages read right after", follow);
    cr_expect(devices > 2700 && devices < 3300);
    cr_expect(foreign > 2000 && again * 10 > foreign * 6, "%u of %u", again,
              foreign);
}

Test(workloads, the_rate_is_kept)
{
    struct run run;
    uint32_t total = 0;

    in.rate_per_s = 100;
    run_gen(built("set").main, 6, 3, 60000, &run);
    for (uint32_t i = 0; i < 6; i++)
        total += run.counts[i];
    cr_expect(total > 420 && total < 580, "%u in 5 s at 100/s", total);
    run_fini(&run);
}

Test(workloads, bad_parameters_say_what_was_expected)
{
    cr_expect_eq(build_rc("register", "kyes", "3"), ORD_EUSAGE);
    cr_expect_not_null(strstr(err.text, "ops_per_key"), "%s", err.text);
    cr_expect_eq(build_rc("register", "keys", "3x"), ORD_EUSAGE);
    cr_expect_not_null(strstr(err.text, "0 to 1000000"), "%s", err.text);
    cr_expect_eq(build_rc("register", "keys", "-1"), ORD_EUSAGE);
    cr_expect_eq(build_rc("set", "read_share", "120%"), ORD_EUSAGE);
    cr_expect_eq(build_rc("set", "read_share", "nan"), ORD_EUSAGE);
    cr_expect_eq(build_rc("set", "sets", "0"), ORD_EUSAGE);
    cr_expect_eq(build_rc("set", "read_share", "50%"), ORD_OK, "%s", err.text);
    cr_expect_eq(build_rc("sessions", "devices", "9"), ORD_EUSAGE);
    cr_expect_eq(build_rc("list", "lists", ""), ORD_EUSAGE);
    cr_expect_eq(build_rc("long-fork", "group", "1"), ORD_EUSAGE);
    cr_expect_eq(build_rc("long-fork", "group", "17"), ORD_EUSAGE);
    cr_expect_eq(build_rc("long-fork", "group", "16"), ORD_OK, "%s", err.text);
    cr_expect_eq(build_rc("write-skew", "rivals", "1"), ORD_EUSAGE);
    cr_expect_eq(build_rc("write-skew", "spread", "101%"), ORD_EUSAGE);
}

Test(workloads, a_worker_releases_the_lock_that_it_asked_for)
{
    struct ord_param params[] = {{"locks", "3"}};
    struct ord_workload load;

    in.params = params;
    in.param_count = 1;
    load = built("lock");
    cr_assert_null(load.final);
    for (uint32_t i = 0; i < 60; i++) {
        struct ord_op acquire, release;

        next(load.main, i % 6, &acquire);
        next(load.main, i % 6, &release);
        cr_assert(acquire.f == ORD_F_ACQUIRE && release.f == ORD_F_RELEASE);
        cr_assert_eq(acquire.key.as.number, release.key.as.number);
    }
}

Test(workloads, a_transfer_goes_between_two_accounts)
{
    struct ord_workload load = built("bank");
    uint32_t reads = 0;

    for (uint32_t i = 0; i < 6000; i++) {
        const struct ord_value *items;
        struct ord_op op;

        next(load.main, i % 6, &op);
        reads += op.f == ORD_F_READ;
        if (op.f == ORD_F_READ)
            continue;
        items = op.value.as.items;
        cr_assert(op.f == ORD_F_TRANSFER && op.value.count == 3);
        cr_assert(items[0].as.number != items[1].as.number);
        for (uint32_t k = 0; k < 2; k++)
            cr_assert(items[k].as.number >= 0 && items[k].as.number < 8);
        cr_assert(items[2].as.number >= 1 && items[2].as.number <= 5);
    }
    cr_expect(reads > 2100 && reads < 2700, "%u", reads);
}

static enum ord_gen_answer answered(struct ord_gen *gen, struct ord_op *op,
                                    enum ord_op_type type)
{
    struct ord_gen_ask ask = {.worker = 2};
    int64_t until_ns;
    enum ord_gen_answer answer = ord_gen_ask(gen, &ask, op, &until_ns);

    op->type = (uint8_t)type;
    if (answer == ORD_GEN_OP)
        ord_gen_update(gen, &ask, op);
    return answer;
}

Test(workloads, a_queue_is_emptied_until_it_is_found_empty_again_and_again)
{
    struct ord_param params[] = {{"empties", "3"}, {"queues", "2"}};
    struct ord_workload load;
    struct ord_op op;
    uint32_t fails = 0;

    in.params = params;
    in.param_count = 2;
    load = built("queue");
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(answered(load.final, &op, ORD_OP_FAIL), ORD_GEN_OP);
        cr_assert(op.f == ORD_F_DEQUEUE && op.is_final);
    }
    cr_assert_eq(answered(load.final, &op, ORD_OP_OK), ORD_GEN_OP);
    while (answered(load.final, &op, ORD_OP_FAIL) == ORD_GEN_OP)
        fails++;
    cr_expect_eq(fails, 6, "%u", fails);
}

enum { FORK_KEYS = 1200, GROUP = 3 };

static void look_at_group_read(const struct ord_op *op)
{
    int64_t group = op->value.as.items[0].as.items[1].as.number / GROUP;
    int64_t sum = 0;

    cr_assert_eq(op->key.kind, ORD_NIL);
    cr_assert_eq(op->value.count, GROUP);
    for (uint32_t i = 0; i < GROUP; i++) {
        const struct ord_value *part = &op->value.as.items[i];

        cr_assert(part->kind == ORD_LIST && part->count == 3);
        cr_assert(part->as.items[0].count == 1 &&
                  part->as.items[0].as.text[0] == 'r');
        cr_assert_eq(part->as.items[1].as.number / GROUP, group);
        cr_assert_eq(part->as.items[2].kind, ORD_NIL);
        sum += part->as.items[1].as.number;
    }
    cr_assert_eq(sum, GROUP * GROUP * group + GROUP, "each key once");
}

/* Of 5 workers in blocks of 4: 300 rounds are 75 blocks, so 375 keys. */
Test(workloads, keys_of_a_long_fork_are_written_once_by_different_workers)
{
    struct ord_param params[] = {{"group", "3"}};
    static uint32_t writer[FORK_KEYS]; /* worker + 1 */
    static uint32_t round_of[FORK_KEYS];
    uint32_t near = 0, reads = 0, first_first = 0;
    struct ord_workload load;

    in.params = params;
    in.param_count = 1;
    in.shape.worker_count = 5;
    load = built("long-fork");
    for (uint32_t i = 0; i < 1500; i++) {
        struct ord_op op;
        int64_t key;

        next(load.main, i % 5, &op);
        if (op.f == ORD_F_WRITE) {
            key = op.key.as.number;
            cr_assert(key >= 0 && key < 375, "k%lld", (long long)key);
            cr_assert_eq(writer[key], 0, "k%lld again", (long long)key);
            writer[key] = i % 5 + 1;
            round_of[key] = i / 5;
            continue;
        }
        cr_assert_eq(op.f, ORD_F_TXN);
        look_at_group_read(&op);
        reads++;
        key = op.value.as.items[0].as.items[1].as.number;
        first_first += key % GROUP == 0;
        near += writer[key] != 0 && i / 5 - round_of[key] <= 1;
    }
    cr_expect_eq(reads, 1125);
    cr_expect(first_first > 280 && first_first < 470, "%u", first_first);
    cr_expect(near > 300, "%u", near);
    for (uint32_t key = 0; key < 375; key++) {
        cr_assert_neq(writer[key], 0, "k%u was left out", key);
        if (key % GROUP > 0 && key % 5 > 0)
            cr_expect(writer[key] != writer[key - 1] &&
                          round_of[key] == round_of[key - 1],
                      "k%u", key);
    }
}

Test(workloads, final_reads_of_a_long_fork_are_of_the_newest_keys)
{
    struct ord_param params[] = {{"final_keys", "7"}};
    uint64_t done[] = {400, 3, 401, 5, 0, 1};
    struct ord_workload load;
    int64_t last = 0;

    in.params = params;
    in.param_count = 1;
    in.done = done; /* 401 operations: the 101st block has begun */
    load = built("long-fork");
    for (uint32_t i = 0; i < 21; i++) {
        struct ord_op op;

        next(load.final, i % 6, &op);
        cr_assert(op.f == ORD_F_READ && op.is_final);
        cr_assert(op.key.as.number >= 599 && op.key.as.number < 606);
        last = op.key.as.number > last ? op.key.as.number : last;
    }
    cr_expect_eq(last, 605);
}

Test(workloads, rivals_of_a_write_skew_are_two_workers_of_one_beat)
{
    enum { BEATS = 200 };
    static uint32_t inserts[BEATS * 3];
    static uint32_t by[BEATS * 3][2];
    struct ord_workload load = built("write-skew");
    uint32_t met[6][6] = {{0}};

    cr_assert_null(load.final);
    for (uint32_t i = 0; i < BEATS * 6; i++) {
        struct ord_op op;
        int64_t key;

        next(load.main, i % 6, &op);
        key = op.key.as.number;
        cr_assert_eq(op.f, ORD_F_OTHER);
        cr_assert_str_eq(op.name, "insert");
        cr_assert_eq(op.value.as.number, i + 1);
        cr_assert_eq(key / 3, i / 6);
        cr_assert(inserts[key] < 2);
        by[key][inserts[key]++] = i % 6;
    }
    for (uint32_t key = 0; key < BEATS * 3; key++) {
        cr_assert_eq(inserts[key], 2);
        met[by[key][0]][by[key][1]]++;
    }
    for (uint32_t worker = 1; worker < 6; worker++)
        cr_expect(met[worker - 1][worker] > 60, "worker %u", worker);
}
