/* Operations that met faults, told by hand and by a slow count. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "harness/base/rng.h"
#include "harness/report/exposure.h"

enum { FAULTS_MAX = 32 };

struct scene {
    struct ord_arena arena;
    struct ord_history_builder *builder;
    struct ord_history *history;
    struct ord_cell_result cell;
    struct ord_fault_result faults[FAULTS_MAX];
    struct ord_fault_kind kinds[2];
    struct ord_err err;
};

static void scene_init(struct scene *scene)
{
    *scene = (struct scene){.kinds = {{.fault = "kill"}, {.fault = "pause"}}};
    ord_arena_init(&scene->arena, 1 << 26);
    scene->cell.faults = scene->faults;
    scene->cell.kinds = scene->kinds;
    scene->cell.kind_count = 2;
    cr_assert_eq(ord_history_builder_new(1 << 26, &scene->builder, &scene->err),
                 ORD_OK);
}

static void scene_fini(struct scene *scene)
{
    ord_history_free(&scene->history);
    ord_arena_fini(&scene->arena);
}

static void event(struct scene *scene, int64_t process, int64_t time_ns,
                  enum ord_op_type type, bool is_final)
{
    const struct ord_op op = {.f = ORD_F_READ,
                              .type = (uint8_t)type,
                              .process = process,
                              .time_ns = time_ns,
                              .session = ORD_NONE,
                              .epoch = ORD_NONE,
                              .position = ORD_NONE,
                              .name = "read",
                              .is_final = is_final};

    cr_assert_eq(ord_history_add(scene->builder, &op, &scene->err), ORD_OK,
                 "%s", scene->err.text);
}

static void fault(struct scene *scene, const char *name, int64_t from,
                  int64_t to, bool held)
{
    scene->faults[scene->cell.fault_count++] =
        (struct ord_fault_result){.fault = name,
                                  .what = "n1",
                                  .begin_ns = from,
                                  .injected_ns = from,
                                  .end_ns = to,
                                  .held = held};
}

static void measure(struct scene *scene)
{
    cr_assert_eq(
        ord_history_finish(&scene->builder, true, &scene->history, &scene->err),
        ORD_OK, "%s", scene->err.text);
    cr_assert_eq(ord_exposure(scene->history, &scene->cell, scene->faults,
                              scene->kinds, &scene->arena, &scene->err),
                 ORD_OK);
}

Test(exposure, an_operation_meets_what_is_in_force_while_it_is_open)
{
    struct scene scene;

    scene_init(&scene);
    fault(&scene, "kill", 100, 200, true);
    fault(&scene, "pause", 150, 250, true);
    fault(&scene, "kill", 300, 400, false); /* it had no effect */
    fault(&scene, "pause", 600, ORD_NONE, true);
    event(&scene, 1, 50, ORD_OP_INVOKE, false); /* nothing */
    event(&scene, 1, 99, ORD_OP_OK, false);
    event(&scene, 1, 100, ORD_OP_INVOKE, false); /* the kill */
    event(&scene, 1, 101, ORD_OP_FAIL, false);
    event(&scene, 2, 120, ORD_OP_INVOKE, false); /* kill and pause */
    event(&scene, 2, 180, ORD_OP_INFO, false);
    event(&scene, 3, 210, ORD_OP_INVOKE, false); /* both pauses: never ends */
    event(&scene, 4, 310, ORD_OP_INVOKE, false); /* nothing that held */
    event(&scene, 4, 320, ORD_OP_OK, false);
    event(&scene, 5, 700, ORD_OP_INVOKE, true); /* a final read */
    event(&scene, 5, 710, ORD_OP_OK, true);
    measure(&scene);
    cr_expect_eq(scene.cell.ops_main, 5);
    cr_expect_eq(scene.cell.ops_met, 3);
    cr_expect_eq(scene.faults[0].ops, 2);
    cr_expect_eq(scene.faults[1].ops, 2);
    cr_expect_eq(scene.faults[2].ops, 0);
    cr_expect_eq(scene.faults[3].ops, 1);
    cr_expect_eq(scene.kinds[0].ops, 2);
    cr_expect_eq(scene.kinds[1].ops, 2);
    scene_fini(&scene);
}

static bool touches(const struct ord_fault_result *fault, int64_t from,
                    int64_t to)
{
    return fault->begin_ns <= to && fault->end_ns >= from;
}

Test(exposure, many_are_counted_as_one_by_one)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct ord_rng rng = ord_rng_stream(seed, "exposure", 0);
        uint64_t of_fault[FAULTS_MAX] = {0};
        uint64_t met = 0;
        struct scene scene;

        scene_init(&scene);
        for (uint32_t i = 0; i < FAULTS_MAX; i++) {
            int64_t from = ord_rng_range(&rng, 0, 500);

            fault(&scene, i % 3 == 0 ? "kill" : "pause", from,
                  from + ord_rng_range(&rng, 0, 20), true);
        }
        for (int64_t at = 0, i = 0; at < 500; i++) {
            int64_t to = at + ord_rng_range(&rng, 0, 9);
            bool is_met = false;

            event(&scene, 1, at, ORD_OP_INVOKE, false);
            event(&scene, 1, to, ORD_OP_OK, false);
            for (uint32_t k = 0; k < FAULTS_MAX; k++) {
                bool touched = touches(&scene.faults[k], at, to);

                of_fault[k] += touched;
                is_met = is_met || touched;
            }
            met += is_met;
            at = to + ord_rng_range(&rng, 1, 9);
        }
        measure(&scene);
        cr_assert_eq(scene.cell.ops_met, met);
        for (uint32_t k = 0; k < FAULTS_MAX; k++)
            cr_assert_eq(scene.faults[k].ops, of_fault[k], "seed %d fault %u",
                         (int)seed, k);
        scene_fini(&scene);
    }
}

Test(exposure, percent_says_all_and_none_only_where_it_is_so)
{
    cr_expect_eq(ord_met_percent(0, 0), 0);
    cr_expect_eq(ord_met_percent(0, 10), 0);
    cr_expect_eq(ord_met_percent(1, 1000000), 1);
    cr_expect_eq(ord_met_percent(999999, 1000000), 99);
    cr_expect_eq(ord_met_percent(10, 10), 100);
    cr_expect_eq(ord_met_percent(435, 1000), 44);
}
