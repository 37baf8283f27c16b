#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/run/plan.h"
#include "support_run.h"

static struct scratch scratch;

static void setup(void)
{
    scratch_init(&scratch);
    scratch_target(&scratch);
}

static void teardown(void)
{
    scratch_fini(&scratch);
}

TestSuite(plan_cell, .init = setup, .fini = teardown, .timeout = 30);

static const char lines[] =
    "    rate: 200\n    time: 2s\n    nemesis:\n"
    "      - {fault: partition, shape: random-halves, every: 200ms..500ms, "
    "for: 100ms..300ms}\n"
    "      - {fault: kill, who: one, at: [500ms, 1s], for: 100ms}\n";

static const char *plan_of(uint32_t clients, uint64_t seed, bool is_json)
{
    struct ord_buf out;
    const char *text;
    int rc;

    scratch.options.seed = &seed;
    cr_assert_eq(scratch_cell(&scratch, lines), ORD_OK, "%s", scratch.err.text);
    scratch.campaign.cells[0].client_count = clients;
    ord_buf_init(&out, 1 << 24);
    rc = (is_json ? ord_plan_cell_json : ord_plan_cell_text)(
        &scratch.campaign.cells[0], 50, &out, &scratch.err);
    cr_assert_eq(rc, ORD_OK, "%s", scratch.err.text);
    cr_assert_not(out.failed);
    text = ord_arena_copy(&scratch.arena, ord_buf_bytes(&out));
    ord_buf_fini(&out);
    return text;
}

/* From the faults on: what does not name the number of clients. */
static struct ord_bytes faults_of(const char *json)
{
    const char *begin = strstr(json, "\"faults\":");
    const char *end = strstr(json, "\"workers\":");

    cr_assert_not_null(begin);
    cr_assert_not_null(end);
    return (struct ord_bytes){begin, (size_t)(end - begin)};
}

Test(plan_cell, the_same_seed_gives_the_same_bytes)
{
    cr_expect_str_eq(plan_of(4, 7, true), plan_of(4, 7, true));
    cr_expect_str_eq(plan_of(4, 7, false), plan_of(4, 7, false));
    cr_expect_str_neq(plan_of(4, 7, true), plan_of(4, 8, true));
}

Test(plan_cell, the_number_of_workers_does_not_change_the_faults)
{
    struct ord_bytes few = faults_of(plan_of(2, 7, true));
    struct ord_bytes many = faults_of(plan_of(60, 7, true));

    cr_expect(ord_bytes_equal(few, many));
    cr_expect_not_null(strstr(few.at, "partition"));
    cr_expect_not_null(strstr(few.at, "kill"));
}

Test(plan_cell, the_text_names_each_worker_and_each_fault)
{
    const char *text = plan_of(3, 7, false);

    cr_expect_not_null(strstr(text, "cell c  seed 7"));
    cr_expect_not_null(strstr(text, "worker 0"));
    cr_expect_not_null(strstr(text, "worker 2"));
    cr_expect_null(strstr(text, "worker 3"));
    cr_expect_not_null(strstr(text, "way = good"));
    cr_expect_not_null(strstr(text, "check lost: expect pass"));
}

Test(plan_cell, the_json_is_json)
{
    const char *text = plan_of(5, 7, true);
    struct ord_json in = {.at = text, .end = text + strlen(text)};
    struct ord_bytes key;
    uint32_t workers = 0;
    uint32_t ops = 0;

    cr_assert(ord_json_enter(&in, '{'));
    while (ord_json_member(&in, &key)) {
        if (!ord_bytes_is(key, "workers")) {
            cr_assert(ord_json_skip(&in));
            continue;
        }
        cr_assert(ord_json_enter(&in, '['));
        while (ord_json_element(&in)) {
            workers++;
            cr_assert(ord_json_enter(&in, '['));
            while (ord_json_element(&in)) {
                ops++;
                cr_assert(ord_json_skip(&in));
            }
            cr_assert(ord_json_left(&in, ']'));
        }
        cr_assert(ord_json_left(&in, ']'));
    }
    cr_assert(ord_json_left(&in, '}'));
    cr_expect(ord_json_done(&in));
    cr_expect_eq(workers, 5);
    cr_expect_gt(ops, 5 * 20);
}
