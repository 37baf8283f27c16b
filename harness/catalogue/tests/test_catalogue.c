#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/catalogue/catalogue.h"
#include "harness/report/run_dir.h"

static char folder[64];
static struct ord_err err;

static void begin(void)
{
    snprintf(folder, sizeof folder, "/tmp/ord-catalogue-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    err = (struct ord_err){0};
}

static void end(void)
{
    (void)ord_remove_all(folder, &err);
}

TestSuite(catalogue, .init = begin, .fini = end, .timeout = 30);

/* A campaign of one cell that lost a write, as `ordeal run` leaves it. */
static void make_run(const char *name, uint64_t seed)
{
    static struct ord_stat stat = {"lost_writes", 3};
    struct ord_check_result check = {.name = "lost"};
    const struct ord_fault_result fault = {.id = 1,
                                           .fault = "partition",
                                           .what = "isolate n1",
                                           .begin_ns = 5,
                                           .end_ns = ORD_NONE,
                                           .held = true};
    struct ord_cell_result cell = {.cell = "A2",
                                   .target = "refdb",
                                   .workload = "set",
                                   .seed = seed,
                                   .checks = &check,
                                   .check_count = 1,
                                   .faults = &fault,
                                   .fault_count = 1,
                                   .faults_planned = 1,
                                   .ops = {10, 8, 1, 1},
                                   .dir = "A2-s1"};
    const struct ord_cell_result *cells[] = {&cell};
    struct ord_campaign_result campaign = {
        .name = "quick", .cells = cells, .cell_count = 1, .wall_ms = 1500};
    char dir[128];
    char path[256];

    check.verdict.outcome = ORD_INVALID;
    snprintf(check.verdict.why, ORD_WHY_SIZE, "5 was lost");
    check.verdict.key = ord_value_int(4);
    check.verdict.ops[0] = 7;
    check.verdict.ops[1] = 9;
    check.verdict.op_count = 2;
    check.verdict.violation_count = 1;
    check.verdict.stats[0] = stat;
    check.verdict.stat_count = 1;
    ord_cell_judge(&cell);
    ord_campaign_judge(&campaign);
    snprintf(dir, sizeof dir, "%s/%s/A2-s1", folder, name);
    cr_assert_eq(ord_mkdir_all(dir, &err), ORD_OK, "%s", err.text);
    snprintf(path, sizeof path, "%s/result.json", dir);
    cr_assert_eq(ord_cell_write(&cell, path, &err), ORD_OK, "%s", err.text);
    snprintf(path, sizeof path, "%s/%s/result.json", folder, name);
    cr_assert_eq(ord_campaign_write(&campaign, path, &err), ORD_OK);
}

static void expect_rows(struct ord_catalogue *c, const char *sql,
                        const char *want)
{
    char path[128];
    struct ord_buf out;
    FILE *file;

    snprintf(path, sizeof path, "%s/rows", folder);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_expect_eq(ord_catalogue_query(c, sql, ORD_SQL_TSV, fileno(file), &err),
                 ORD_OK, "%s", err.text);
    fclose(file);
    ord_buf_init(&out, 1 << 20);
    cr_assert_eq(ord_file_read(path, &out, &err), ORD_OK);
    cr_expect_str_eq(ord_buf_str(&out), want);
    ord_buf_fini(&out);
}

static struct ord_catalogue *open_synced(void)
{
    struct ord_catalogue *c = NULL;

    cr_assert_eq(ord_catalogue_open(folder, true, &c, &err), ORD_OK, "%s",
                 err.text);
    cr_assert_eq(ord_catalogue_sync(c, NULL, &err), ORD_OK, "%s", err.text);
    return c;
}

Test(catalogue, knows_runs_verdicts_and_anomalies)
{
    struct ord_catalogue *c;

    make_run("first", 1);
    make_run("second", 2);
    c = open_synced();
    expect_rows(c, "select run, campaign, verdict, cells, passed from runs",
                "run\tcampaign\tverdict\tcells\tpassed\n"
                "first\tquick\tviolation\t1\t0\n"
                "second\tquick\tviolation\t1\t0\n");
    expect_rows(c,
                "select run, dir, checker, key, why, ops from anomalies "
                "where run = 'second'",
                "run\tdir\tchecker\tkey\twhy\tops\n"
                "second\tA2-s1\tlost\t4\t5 was lost\t[7,9]\n");
    expect_rows(c, "select seed, ok, faults_held from cells order by seed",
                "seed\tok\tfaults_held\n1\t8\t1\n2\t8\t1\n");
    expect_rows(c, "select fault, begin_ns, end_ns from faults limit 1",
                "fault\tbegin_ns\tend_ns\npartition\t5\t\n");
    expect_rows(c, "select distinct name, value from stats",
                "name\tvalue\nlost_writes\t3.0\n");
    ord_catalogue_close(&c);
}

Test(catalogue, adds_what_is_new_and_keeps_what_is_gone)
{
    struct ord_catalogue *c;
    char path[128];

    make_run("first", 1);
    c = open_synced();
    ord_catalogue_close(&c);
    make_run("first", 9); /* written again */
    make_run("second", 2);
    c = open_synced();
    expect_rows(c, "select run, seed from cells order by run",
                "run\tseed\nfirst\t9\nsecond\t2\n");
    ord_catalogue_close(&c);
    snprintf(path, sizeof path, "%s/first", folder);
    cr_assert_eq(ord_remove_all(path, &err), ORD_OK);
    c = open_synced();
    expect_rows(c, "select count(*) from runs", "count(*)\n2\n");
    ord_catalogue_close(&c);
}

static int skip_count;

static void count_skip(const struct ord_err *why)
{
    cr_expect_not_null(strstr(why->text, "broken"), "%s", why->text);
    skip_count++;
}

Test(catalogue, a_broken_result_is_told_and_passed_over)
{
    struct ord_catalogue *c = NULL;
    char path[128];

    make_run("good", 1);
    snprintf(path, sizeof path, "%s/broken", folder);
    cr_assert_eq(ord_mkdir_all(path, &err), ORD_OK);
    snprintf(path, sizeof path, "%s/broken/result.json", folder);
    cr_assert_eq(ord_file_replace(path, (struct ord_bytes){"{", 1}, &err),
                 ORD_OK);
    cr_assert_eq(ord_catalogue_open(folder, true, &c, &err), ORD_OK);
    cr_expect_eq(ord_catalogue_sync(c, count_skip, &err), ORD_OK);
    cr_expect_eq(skip_count, 1);
    expect_rows(c, "select run from runs", "run\ngood\n");
    cr_expect_eq(ord_catalogue_add(c, "nothing", &err), ORD_ENOTFOUND);
    ord_catalogue_close(&c);
}

Test(catalogue, another_file_is_refused_and_left)
{
    struct ord_catalogue *c = NULL;
    char path[128];
    struct ord_buf text;

    snprintf(path, sizeof path, "%s/" ORD_CATALOGUE_FILE, folder);
    cr_assert_eq(
        ord_file_replace(path, (struct ord_bytes){"no database, you see", 20},
                         &err),
        ORD_OK);
    cr_expect_eq(ord_catalogue_open(folder, true, &c, &err), ORD_EFORMAT, "%s",
                 err.text);
    ord_buf_init(&text, 100);
    cr_assert_eq(ord_file_read(path, &text, &err), ORD_OK);
    cr_expect_str_eq(ord_buf_str(&text), "no database, you see");
    ord_buf_fini(&text);
}
