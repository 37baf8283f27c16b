#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "histories/sql/sql.h"

static const char story[] =
    "0 inv write k1 5 @1 n1 u7; 1 inv read k1 @2 n2; 0 ok write k1 5 @4 n1 e3;"
    "1 ok read k1 5 @5 n2; 2 inv write k2 6 @6; 2 info write k2 6 @9;"
    "3 inv read k2 @9; 3 ok read k2 nil @10; 4 inv add k3 [1 [2 \"x\"]] @11;"
    "5 inv write k1 7 @12; 5 fail write k1 7 @13 final;"
    "nemesis info clock [\"begin\" 4 \"jump n2\"] @14;"
    "nemesis info clock [\"offset\" 4 -30000000000 0 100 0 0] @15 n2";

static char *query(const char *sql, enum ord_sql_form form, struct ord_err *err)
{
    struct ord_history *history = NULL;
    char path[] = "/tmp/ord-sql-XXXXXX";
    int fd = mkstemp(path);
    struct ord_buf out;
    char *text;

    cr_assert_geq(fd, 0);
    cr_assert_eq(ord_history_parse_text(story, &history, err), ORD_OK, "%s",
                 err->text);
    err->rc = ord_sql_query(history, sql, form, 0, fd, err);
    ord_buf_init(&out, 1 << 20);
    cr_assert_eq(
        ord_file_read(path, &out, err->rc == 0 ? err : &(struct ord_err){0}),
        ORD_OK);
    text = strdup(ord_buf_str(&out));
    ord_buf_fini(&out);
    ord_history_free(&history);
    close(fd);
    unlink(path);
    return text;
}

struct row {
    char sql[160];
    char want[320]; /* "!": an error that has the rest */
};

ParameterizedTestParameters(sql, tsv)
{
    static struct row rows[] = {
        {"select f, count(*), avg(latency_ns) from ops group by f",
         "f\tcount(*)\tavg(latency_ns)\nadd\t1\t\nread\t2\t2000000.0\nwrite\t3"
         "\t2333333.33333333\n"},
        {"select idx, end_idx, type, value, asked, answer from ops",
         "idx\tend_idx\ttype\tvalue\tasked\tanswer\n0\t2\tok\t5\t5\t5\n"
         "1\t3\tok\t5\t\t5\n4\t5\tinfo\t6\t6\t6\n6\t7\tok\t\t\t\n"
         "8\t\tinfo\t[1,[2,\"x\"]]\t[1,[2,\"x\"]]\t\n9\t10\tfail\t7\t7\t7\n"},
        {"select j.value from ops, json_each(ops.value) j where f = 'add'",
         "value\n1\n[2,\"x\"]\n"},
        {"select node, epoch, session, key from ops where idx = 0",
         "node\tepoch\tsession\tkey\nn1\t3\t7\t1\n"},
        {"select count(*) from events", "count(*)\n13\n"},
        {"select count(*) from events where idx > 3 and idx <= 5",
         "count(*)\n2\n"},
        {"select count(*) from events where idx < 0", "count(*)\n0\n"},
        {"select * from clocks",
         "idx\ttime_ns\tnode\tfault\treal_ns\tmono_ns\trate_ppm\tstrobe_ns"
         "\tstrobe_period_ns\n12\t15000000\tn2\t4\t-30000000000\t0\t100\t0"
         "\t0\n"},
        {"select count(*) from ops where idx = 1.0", "count(*)\n1\n"},
        {"select count(*) from ops where idx > 'a'", "count(*)\n0\n"},
        {"select idx from ops order by idx desc limit 1", "idx\n9\n"},
        {"select a.idx, b.f from events a join events b on b.idx = a.pair "
         "where a.type = 'fail'",
         "idx\tf\n10\twrite\n"},
        {"select type, final from events where idx in (9, 10)",
         "type\tfinal\ninvoke\t0\nfail\t1\n"},
        {"select nope from ops", "!no such column: nope"},
        {"select", "!SQL: "},
        {"", "!expected one statement"},
        {"select 1; select 2", "!expected one statement"},
        {"insert into ops(idx) values (1)", "!only reads"},
    };

    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, sql, tsv, .timeout = 20)
{
    struct ord_err err = {0};
    char *got = query(row->sql, ORD_SQL_TSV, &err);

    if (row->want[0] == '!') {
        cr_expect_eq(err.rc, ORD_EUSAGE);
        cr_expect_not_null(strstr(err.text, row->want + 1), "%s", err.text);
    } else {
        cr_expect_eq(err.rc, ORD_OK, "%s", err.text);
        cr_expect_str_eq(got, row->want);
    }
    free(got);
}

Test(sql, json_is_one_object)
{
    struct ord_err err = {0};
    char *got = query("select idx, key, latency_ns / 2e6 as half, value from "
                      "ops where idx < 5",
                      ORD_SQL_JSON, &err);

    cr_expect_str_eq(got, "{\"ordeal\":1,\"columns\":[\"idx\",\"key\",\"half\","
                          "\"value\"],\"rows\":[\n[0,1,1.5,5],\n[1,1,1.5,5],\n"
                          "[4,2,1.5,6]\n]}\n");
    free(got);
}

Test(sql, numbers_stand_on_the_right)
{
    struct ord_err err = {0};
    char *got = query("select f, idx * 100 as n from ops where idx < 5",
                      ORD_SQL_TABLE, &err);

    cr_expect_str_eq(got, "f        n\nwrite    0\nread   100\nwrite  400\n");
    free(got);
}

Test(sql, no_rows_leave_the_head)
{
    struct ord_err err = {0};
    char *got = query("select f from ops where idx > 50", ORD_SQL_TABLE, &err);

    cr_expect_str_eq(got, "f\n");
    free(got);
}

/* More rows than decide the widths: all of them come out. */
Test(sql, long_tables_stream)
{
    struct ord_err err = {0};
    char *got = query("with recursive n(i) as (select 1 union all select i + 1 "
                      "from n where i < 5000) select i from n",
                      ORD_SQL_TABLE, &err);
    size_t lines = 0;

    for (const char *at = got; *at != '\0'; at++)
        lines += *at == '\n';
    cr_expect_eq(lines, 5001);
    cr_expect_not_null(strstr(got, "\n5000\n"));
    free(got);
}

static int count_of(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    int count;

    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), 0);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), 0, "%s",
                 sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(rows), SQLITE_ROW);
    count = sqlite3_column_int(rows, 0);
    sqlite3_finalize(rows);
    sqlite3_close(db);
    return count;
}

Test(sql, copy_is_a_database_of_its_own)
{
    struct ord_history *history = NULL;
    char path[] = "/tmp/ord-sql-copy-XXXXXX";
    struct ord_err err = {0};

    close(mkstemp(path));
    cr_assert_eq(ord_history_parse_text(story, &history, &err), ORD_OK);
    cr_expect_eq(ord_sql_copy(history, path, &err), ORD_EUSAGE, "it is there");
    unlink(path);
    cr_expect_eq(ord_sql_copy(history, path, &err), ORD_OK, "%s", err.text);
    cr_expect_eq(count_of(path, "select count(*) from ops"), 6);
    cr_expect_eq(count_of(path, "select count(*) from events"), 13);
    cr_expect_eq(count_of(path, "select count(*) from clocks"), 1);
    cr_expect_eq(count_of(path, "select value from ops where idx = 1"), 5);
    unlink(path);
    cr_expect_neq(ord_sql_copy(history, "/nonexistent/x.db", &err), ORD_OK);
    ord_history_free(&history);
}
