/* test_planted.c -- one error among a million operations, of each kind that the
 * counting checkers know; without it, the same history passes.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "histories/history.h"

#if defined(__SANITIZE_ADDRESS__)
enum { COUNT = 20000 };
#else
enum { COUNT = 500000 }; /* pairs of calls */
#endif
enum { PLANT = COUNT / 7 * 5, CLIENTS = 20, READS = 4 };

struct world {
    struct ord_history_builder *builder;
    struct ord_value *items;
    int64_t time_ns;
};

static void add(struct world *world, int64_t process, uint8_t type,
                enum ord_f f, struct ord_value value)
{
    struct ord_op op = ord_op_empty();
    struct ord_err err = {0};

    op.time_ns = world->time_ns++ * 1000;
    op.process = process;
    op.type = type;
    op.f = (uint8_t)f;
    op.name = ord_f_name(f);
    op.value = value;
    cr_assert_eq(ord_history_add(world->builder, &op, &err), ORD_OK, "%s",
                 err.text);
}

static void world_init(struct world *world)
{
    struct ord_err err = {0};

    *world = (struct world){.items = calloc(COUNT + 2, sizeof *world->items)};
    cr_assert_not_null(world->items);
    cr_assert_eq(ord_history_builder_new(SIZE_MAX, &world->builder, &err),
                 ORD_OK);
}

/* One call after the other, of changing clients. */
static void call(struct world *world, int64_t i, enum ord_f f, int64_t in,
                 int64_t out)
{
    struct ord_value nil = ord_value_nil();

    add(world, i % CLIENTS, ORD_OP_INVOKE, f, in < 0 ? nil : ord_value_int(in));
    add(world, i % CLIENTS, ORD_OP_OK, f, out < 0 ? nil : ord_value_int(out));
}

struct plant {
    char name[24]; /* of the error; empty: none */
    char checker[16];
    char option[24]; /* that must be true, or violation */
    char why[48];
};

static int check(struct world *world, const struct plant *plant,
                 bool is_planted)
{
    struct ord_history *history = NULL;
    struct ord_option option = {
        plant->option,
        strcmp(plant->option, "duplicates") == 0 ? "violation" : "true"};
    struct ord_verdict *verdict = calloc(1, sizeof *verdict);
    struct ord_arena arena;
    struct ord_err err = {0};
    struct ord_check_in in = {.arena = &arena,
                              .options = &option,
                              .option_count = plant->option[0] != '\0'};
    int outcome = 0;

    cr_assert_not_null(verdict);
    cr_assert_eq(ord_history_finish(&world->builder, false, &history, &err),
                 ORD_OK, "%s", err.text);
    free(world->items);
    ord_arena_init(&arena, (size_t)4 << 30);
    in.history = history;
    ord_check_run(ord_checker_find(plant->checker), &in, verdict);
    outcome = (int)verdict->outcome;
    cr_expect_eq(outcome, is_planted ? ORD_INVALID : ORD_VALID, "%s by %s: %s",
                 plant->name, plant->checker, verdict->why);
    if (is_planted) {
        cr_expect_eq(verdict->violation_count, 1, "%s by %s: %llu", plant->name,
                     plant->checker,
                     (unsigned long long)verdict->violation_count);
        cr_expect_not_null(strstr(verdict->why, plant->why), "%s: %s",
                           plant->name, verdict->why);
    }
    ord_arena_fini(&arena);
    ord_history_free(&history);
    free(verdict);
    return outcome;
}

/* ---- sets -----------------------------------------------------------------
 */

/* What a read has: the first `count` elements but for what is planted. */
static void read_all(struct world *world, int64_t count, const char *plant,
                     bool is_last)
{
    int64_t process = CLIENTS;
    uint32_t n = 0;
    bool misses =
        strcmp(plant, "lost") == 0 || (strcmp(plant, "stale") == 0 && !is_last);

    for (int64_t i = 0; i < count; i++) {
        if (i == PLANT && misses)
            continue;
        world->items[n++] = ord_value_int(i);
        if (i == PLANT && strcmp(plant, "twice") == 0 && is_last)
            world->items[n++] = ord_value_int(i);
    }
    if (strcmp(plant, "unexpected") == 0 && is_last)
        world->items[n++] = ord_value_int(COUNT + 7);
    add(world, process, ORD_OP_INVOKE, ORD_F_READ, ord_value_nil());
    add(world, process, ORD_OP_OK, ORD_F_READ, ord_value_list(world->items, n));
}

static void set_history(struct world *world, const char *plant)
{
    for (int64_t i = 0; i < COUNT; i++) {
        call(world, i, ORD_F_ADD, i, i);
        if ((i + 1) % (COUNT / READS) == 0 && i + 1 < COUNT)
            read_all(world, i + 1, plant, false);
    }
    read_all(world, COUNT, plant, true);
}

Test(planted, in_sets, .timeout = 300)
{
    static const struct plant plants[] = {
        {"", "set", "", ""},
        {"", "set-full", "linearizable", ""},
        {"lost", "set", "", "does not have it; 1 of"},
        {"lost", "set-full", "", "no read has it"},
        {"unexpected", "set", "", "though nobody had added it"},
        {"unexpected", "set-full", "", "though nobody had added it"},
        {"stale", "set-full", "linearizable", "was missed by"},
        {"twice", "set-full", "", "more than once"},
    };

    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        struct world world;

        world_init(&world);
        set_history(&world, plants[i].name);
        (void)check(&world, &plants[i], plants[i].name[0] != '\0');
    }
}

/* ---- queues ---------------------------------------------------------------
 */

static void queue_history(struct world *world, const char *plant)
{
    for (int64_t i = 0; i < COUNT; i++) {
        int64_t v = i;

        if (i == PLANT && strcmp(plant, "early") == 0)
            call(world, i, ORD_F_DEQUEUE, -1, i);
        call(world, i, ORD_F_ENQUEUE, i, i);
        if (i == PLANT &&
            (strcmp(plant, "lost") == 0 || strcmp(plant, "early") == 0))
            continue;
        if (i == PLANT && strcmp(plant, "unexpected") == 0)
            call(world, i + 1, ORD_F_DEQUEUE, -1, COUNT + 7);
        call(world, i + 1, ORD_F_DEQUEUE, -1, v);
        if (i == PLANT && strcmp(plant, "twice") == 0)
            call(world, i + 2, ORD_F_DEQUEUE, -1, v);
    }
}

Test(planted, in_queues, .timeout = 300)
{
    static const struct plant plants[] = {
        {"", "queue", "", ""},
        {"", "total-queue", "duplicates", ""},
        {"early", "queue", "", "began only at"},
        {"unexpected", "queue", "", "nobody had enqueued it"},
        {"twice", "queue", "", "more often than it had been enqueued"},
        {"lost", "total-queue", "", "never came out; 1 element is"},
        {"unexpected", "total-queue", "", "nobody ever enqueued it"},
        {"twice", "total-queue", "duplicates", "came out 2 times"},
    };

    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        struct world world;

        world_init(&world);
        queue_history(&world, plants[i].name);
        (void)check(&world, &plants[i], plants[i].name[0] != '\0');
    }
}

/* ---- counters, ids, banks -------------------------------------------------
 */

static void counter_history(struct world *world, const char *plant)
{
    int64_t off = strcmp(plant, "below") == 0   ? -1
                  : strcmp(plant, "above") == 0 ? 1
                                                : 0;

    for (int64_t i = 0; i < COUNT; i++) {
        call(world, i, ORD_F_ADD, 2, 2);
        call(world, i + 1, ORD_F_READ, -1,
             2 * (i + 1) + (i == PLANT ? off : 0));
    }
}

static void ids_history(struct world *world, const char *plant)
{
    for (int64_t i = 0; i < 2 * COUNT; i++)
        call(world, i, ORD_F_GENERATE, -1,
             i == PLANT && plant[0] != '\0' ? PLANT / 2 : i);
}

static void bank_history(struct world *world, const char *plant)
{
    struct ord_value pairs[3][2];
    struct ord_value items[3];

    for (int64_t i = 0; i < COUNT; i++) {
        int64_t balances[] = {i % 7, 20 - i % 7 - i % 5, i % 5};
        bool is_here = i == PLANT;

        if (is_here && strcmp(plant, "total") == 0)
            balances[2]++;
        if (is_here && strcmp(plant, "negative") == 0) {
            balances[0] += balances[2] + 1;
            balances[2] = -1;
        }
        for (int j = 0; j < 3; j++) {
            pairs[j][0] = ord_value_int(j);
            pairs[j][1] = ord_value_int(balances[j]);
            items[j] = ord_value_list(pairs[j], 2);
        }
        call(world, i, ORD_F_TRANSFER, -1, -1);
        add(world, CLIENTS, ORD_OP_INVOKE, ORD_F_READ, ord_value_nil());
        add(world, CLIENTS, ORD_OP_OK, ORD_F_READ, ord_value_list(items, 3));
    }
}

Test(planted, in_counters_ids_and_banks, .timeout = 300)
{
    static const struct plant plants[] = {
        {"", "counter", "", ""},
        {"below", "counter", "", ", less than"},
        {"above", "counter", "", ", more than"},
        {"", "unique-ids", "", ""},
        {"twice", "unique-ids", "", "had brought it, too"},
        {"", "bank", "", ""},
        {"total", "bank", "", "add up to 21, not to 20"},
        {"negative", "bank", "", "with a balance of -1"},
    };

    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        const struct plant *plant = &plants[i];
        struct world world;

        world_init(&world);
        if (strcmp(plant->checker, "counter") == 0)
            counter_history(&world, plant->name);
        else if (strcmp(plant->checker, "bank") == 0)
            bank_history(&world, plant->name);
        else
            ids_history(&world, plant->name);
        (void)check(&world, plant, plant->name[0] != '\0');
    }
}
