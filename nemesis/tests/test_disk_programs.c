/* Power cuts under databases that know nothing of us: SQLite and PostgreSQL
 * keep what they acknowledged, unless they are told to be careless. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "support_disk.h"

enum { ROWS = 300 };

TestSuite(disk_programs, .timeout = 120);

static bool has_program(const char *test, const char *why)
{
    const char *const argv[] = {"sh", "-c", test, NULL};
    const struct ord_child_spec spec = {
        .argv = argv, .in_fd = -1, .out_fd = -1, .err_fd = -1, .net_fd = -1};
    struct ord_child child = ORD_CHILD_NONE;
    struct ord_exit ended = {.code = 1};
    struct ord_err err;

    if (ord_child_spawn(&spec, &child, &err) == ORD_OK &&
        ord_child_wait(&child, 10 * ORD_S, &ended, &err) == ORD_OK &&
        !ended.is_signal && ended.code == 0)
        return true;
    (void)fprintf(stderr, "skipped: %s\n", why);
    return false;
}

/* What a command in the node's data directory prints, as a number; -1 if it
 * fails. */
static long ask(struct bench *bench, const char *command)
{
    char dir[ORD_PATH_MAX];
    char line[ORD_PATH_MAX + 400];
    const char *const argv[] = {"sh", "-c", line, NULL};
    struct ord_exit ended = {.code = 1};
    struct ord_buf out;
    struct ord_err err;
    long number = -1;

    if (ord_node_dir(bench->trial->cluster, 1, dir, &err) != ORD_OK)
        return -1;
    (void)snprintf(line, sizeof line, "cd %s && %s", dir, command);
    ord_buf_init(&out, 1 << 16);
    if (ord_cluster_run(bench->trial->cluster, 0, argv, 20 * ORD_S, &out,
                        &ended, &err) == ORD_OK &&
        !ended.is_signal && ended.code == 0)
        number = strtol(ord_buf_str(&out), NULL, 10);
    ord_buf_fini(&out);
    return number;
}

/* ---- SQLite -------------------------------------------------------------- */

#define SQLITE(mode)                                                           \
    "{ echo 'PRAGMA journal_mode=WAL; PRAGMA synchronous=" mode ";'; "         \
    "echo 'CREATE TABLE t(x);'; i=0; while [ $i -lt 300 ]; do i=$((i+1)); "    \
    "echo \"INSERT INTO t VALUES($i); SELECT 'row-' || $i;\"; done; "          \
    "sleep 100; } | sqlite3 db"

static int sqlite_after_a_power_cut(struct trial *t, const char *script,
                                    long *rows)
{
    struct bench bench;

    CHECK(bench_init(&bench, t, script) == 0);
    CHECK(bench_logs(&bench, 1, "row-300"));
    bench.script = "exec sleep 100";
    CHECK(bench_begin(&bench, "disk who=n1") == 0);
    CHECK(bench_end(&bench) == 0);
    *rows = ask(&bench, "sqlite3 db 'SELECT count(*) FROM t'");
    (void)fprintf(stderr, "sqlite: %d acknowledged, %ld kept; %s\n", ROWS,
                  *rows, ord_buf_str(&bench.evidence));
    CHECK(ask(&bench, "sqlite3 db 'PRAGMA integrity_check' | grep -c ok") == 1);
    bench_fini(&bench);
    return 0;
}

static int body_sqlite_full(struct trial *t)
{
    long rows = -1;

    CHECK(sqlite_after_a_power_cut(t, SQLITE("FULL"), &rows) == 0);
    CHECK(rows == ROWS);
    return 0;
}

static int body_sqlite_normal(struct trial *t)
{
    long rows = -1;

    CHECK(sqlite_after_a_power_cut(t, SQLITE("NORMAL"), &rows) == 0);
    CHECK(rows < ROWS); /* -1: even the table is gone */
    return 0;
}

Test(disk_programs, sqlite_full_loses_nothing_and_normal_does)
{
    if (!has_program("command -v sqlite3", "sqlite3 is not installed"))
        cr_skip_test("no sqlite3");
    bench_try(body_sqlite_full, 1, true);
    bench_try(body_sqlite_normal, 1, true);
}

/* ---- PostgreSQL ---------------------------------------------------------- */

#define PG_PATH "PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1); "
#define AS_NOBODY "setpriv --reuid 65534 --regid 65534 --clear-groups "

/* initdb once, then the server, its socket in the data directory. */
#define POSTGRES(options)                                                      \
    PG_PATH "export PATH; chown 65534:65534 .; exec " AS_NOBODY "sh -c '"      \
            "export HOME=$PWD; [ -e pg/PG_VERSION ] || "                       \
            "initdb -D pg -A trust -U p -E UTF8 --locale=C > /dev/null; "      \
            "exec postgres -D pg -k $PWD -c listen_addresses= " options "'"

#define PSQL PG_PATH AS_NOBODY "psql -X -q -t -A -h $PWD -U p -d postgres -c "

static bool is_up(struct bench *bench)
{
    for (uint32_t i = 0; i < 300; i++) {
        if (ask(bench, PSQL "'SELECT 7' 2> /dev/null") == 7)
            return true;
        trial_sleep_ms(100);
    }
    (void)fprintf(stderr, "postgres does not come up\n");
    return false;
}

static int postgres_after_a_power_cut(struct trial *t, const char *script,
                                      long *rows)
{
    struct bench bench;

    CHECK(chmod(t->run_dir, 0755) == 0); /* for the other user */
    CHECK(bench_init(&bench, t, script) == 0);
    CHECK(is_up(&bench));
    CHECK(ask(&bench, PSQL "'CREATE TABLE t(x int)' && echo 1") == 1);
    CHECK(
        ask(&bench,
            "i=0; while [ $i -lt 300 ]; do i=$((i+1)); "
            "echo \"INSERT INTO t VALUES($i);\"; done > /tmp/rows.$$; " PG_PATH
            "psql -X -q -h $PWD -U p -d postgres -v ON_ERROR_STOP=1 "
            "-f /tmp/rows.$$ && rm /tmp/rows.$$ && echo 1") == 1);
    CHECK(bench_begin(&bench, "disk who=n1") == 0);
    CHECK(bench_end(&bench) == 0);
    CHECK(bench.held);
    if (is_up(&bench))
        *rows = ask(&bench, PSQL "'SELECT count(*) FROM t'");
    (void)fprintf(stderr, "postgres: %d acknowledged, %ld kept; %s\n", ROWS,
                  *rows, ord_buf_str(&bench.evidence));
    bench_fini(&bench);
    return 0;
}

static int body_postgres(struct trial *t)
{
    long rows = -1;

    CHECK(postgres_after_a_power_cut(t, POSTGRES(""), &rows) == 0);
    CHECK(rows == ROWS);
    return 0;
}

static int body_postgres_async(struct trial *t)
{
    long rows = -1;

    CHECK(postgres_after_a_power_cut(
              t, POSTGRES("-c synchronous_commit=off -c wal_writer_delay=10s"),
              &rows) == 0);
    CHECK(rows < ROWS);
    return 0;
}

Test(disk_programs, postgres_loses_nothing_unless_it_commits_in_memory)
{
    if (geteuid() != 0)
        cr_skip_test("postgres wants a user who is not root, beside root");
    if (!has_program(PG_PATH "command -v initdb && command -v setpriv",
                     "PostgreSQL is not installed"))
        cr_skip_test("no PostgreSQL");
    bench_try(body_postgres, 1, true);
    bench_try(body_postgres_async, 1, true);
}
