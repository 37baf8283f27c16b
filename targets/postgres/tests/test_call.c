/* What is concluded from each way that a call to PostgreSQL can end. */
#include <criterion/criterion.h>
#include <poll.h>

#include "harness/base/clock.h"
#include "support_fake.h"
#include "targets/postgres/bank.h"
#include "targets/postgres/call.h"
#include "targets/postgres/route.h"
#include "targets/postgres/txn.h"

enum { TIMEOUT_MS = 300 };

static struct pg_conn conn;
static struct ord_buf sql;
static struct ord_arena arena;

static void set_up(void)
{
    ord_buf_init(&sql, 1 << 16);
    ord_arena_init(&arena, 1 << 20);
    fakes_start();
    pg_conn_init(&conn, fakes[0].where, "serializable");
}

static void tear_down(void)
{
    pg_conn_close(&conn);
    fakes_stop();
    ord_arena_fini(&arena);
    ord_buf_fini(&sql);
}

TestSuite(pg_call, .init = set_up, .fini = tear_down, .timeout = 60);

static int64_t soon(void)
{
    return ord_now_ns() + TIMEOUT_MS * ORD_MS;
}

static enum pg_end call(enum way way, bool commits)
{
    PGresult *result = NULL;
    enum pg_end end;

    fakes[0].way = way;
    end = pg_call(&conn, "INSERT INTO sets VALUES ('1', '2')", commits, soon(),
                  &result);
    cr_expect_eq(result != NULL, end == PG_DONE);
    PQclear(result);
    return end;
}

Test(pg_call, an_answer_is_read)
{
    int64_t before_ns = ord_now_ns();

    cr_assert_eq(call(WAY_ANSWERS, true), PG_DONE, "%s", conn.why);
    cr_expect_str_eq(fakes[0].sql, "INSERT INTO sets VALUES ('1', '2')");
    cr_expect_not(conn.is_standby);
    cr_expect_eq(conn.timeline, 3);
    cr_expect(before_ns < conn.sent_ns && conn.sent_ns < conn.received_ns &&
              conn.received_ns < ord_now_ns());
}

struct row {
    enum way way;
    enum pg_end want;      /* of what may commit */
    enum pg_end read_want; /* of what may not */
    char why[24];
};

static const struct row rows[] = {
    {WAY_ANSWERS, PG_DONE, PG_DONE, ""},
    {WAY_NO_ROW, PG_DONE, PG_DONE, ""},
    {WAY_OTHER_NOTICE, PG_DONE, PG_DONE, ""},
    {WAY_CONFLICT, PG_REFUSED, PG_REFUSED, "40001"},
    {WAY_DEADLOCK, PG_REFUSED, PG_REFUSED, "40P01"},
    {WAY_CONSTRAINT, PG_REFUSED, PG_REFUSED, "23505"},
    {WAY_READ_ONLY, PG_REFUSED, PG_REFUSED, "25006"},
    {WAY_ROLLED_BACK, PG_REFUSED, PG_DONE, ""},
    {WAY_WAIT_BROKEN, PG_UNSURE, PG_UNSURE, "synchronous replication"},
    {WAY_WHO_KNOWS, PG_LOST, PG_ABANDONED, "40003"},
    {WAY_INTERNAL, PG_LOST, PG_ABANDONED, "XX000"},
    {WAY_CANCELLED, PG_LOST, PG_ABANDONED, "57014"},
    {WAY_SHUTDOWN, PG_LOST, PG_ABANDONED, "57P01"},
    {WAY_FATAL, PG_LOST, PG_ABANDONED, "53200"},
    {WAY_NOTHING, PG_LOST, PG_ABANDONED, "without results"},
    {WAY_CLOSES, PG_LOST, PG_ABANDONED, "closed"},
    {WAY_RESETS, PG_LOST, PG_ABANDONED, ""},
    {WAY_SILENT, PG_LOST, PG_ABANDONED, "in time"},
    {WAY_HALF, PG_LOST, PG_ABANDONED, ""},
    {WAY_GARBAGE, PG_LOST, PG_ABANDONED, ""},
};

Test(pg_call, each_end_has_its_conclusion)
{
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        const struct row *row = &rows[i / 2];
        enum pg_end want = i % 2 == 0 ? row->want : row->read_want;
        int before = fakes[0].count;

        cr_expect_eq(call(row->way, i % 2 == 0), want, "way %d: %s", row->way,
                     conn.why);
        cr_expect_not_null(strstr(conn.why, row->why), "way %d: %s", row->way,
                           conn.why);
        cr_expect_eq(fakes[0].count, before + 1, "sent once");
        /* What is owed on a connection would be taken for another answer. */
        cr_expect_eq(conn.pg == NULL, want == PG_LOST || want == PG_ABANDONED);
    }
}

Test(pg_call, nothing_sent_is_known)
{
    struct pg_conn nobody;
    PGresult *result = NULL;

    cr_expect_eq(call(WAY_STARTING, true), PG_NOT_SENT);
    cr_expect_not_null(strstr(conn.why, "starting up"), "%s", conn.why);
    cr_expect_eq(fakes[0].count, 0);
    pg_conn_init(&nobody, "127.0.0.1:1", NULL); /* nobody listens there */
    cr_expect_eq(pg_call(&nobody, "SELECT 1", true, soon(), &result),
                 PG_NOT_SENT);
    cr_expect_not_null(strstr(nobody.why, "refused"), "%s", nobody.why);
    pg_conn_close(&nobody);
}

/* A server that went away between two calls has not seen the second one. */
Test(pg_call, a_dead_connection_is_replaced_before_anything_is_sent)
{
    cr_assert_eq(call(WAY_LEAVES, true), PG_DONE);
    (void)poll(NULL, 0, 50); /* until its end is known here */
    cr_expect_eq(call(WAY_ANSWERS, true), PG_DONE, "%s", conn.why);
}

Test(pg_call, a_standby_that_was_promoted_is_noticed)
{
    fakes[0].is_standby = true;
    cr_assert(pg_conn_meet(&conn, soon()), "%s", conn.why);
    cr_expect(conn.is_standby);
    cr_expect_eq(conn.timeline, -1);
    fakes[0].is_standby = false;
    cr_assert(pg_conn_meet(&conn, soon()));
    cr_expect_not(conn.is_standby);
    cr_expect_eq(conn.timeline, 3);
}

Test(pg_call, a_standby_has_the_highest_level_that_it_can_have)
{
    conn.commit = "local";
    fakes[0].is_standby = true;
    cr_assert(pg_conn_meet(&conn, soon()));
    cr_expect_str_eq(fakes[0].set,
                     "SET default_transaction_isolation = 'repeatable read'; "
                     "SET synchronous_commit = 'local'");
    fakes[0].set[0] = '\0';
    cr_assert(pg_conn_meet(&conn, soon()));
    cr_expect_str_eq(fakes[0].set, "", "once is enough");
    fakes[0].is_standby = false;
    cr_assert(pg_conn_meet(&conn, soon()));
    cr_expect_str_eq(fakes[0].set,
                     "SET default_transaction_isolation = 'serializable'; "
                     "SET synchronous_commit = 'local'");
}

/* ---- transfers ----------------------------------------------------------- */

static enum pg_end transfer(int64_t amount, enum way way,
                            enum ord_client_type *type)
{
    struct ord_client_value items[] = {ord_client_int(1), ord_client_int(2),
                                       ord_client_int(amount)};
    struct ord_client_op op = {
        .f = ORD_CLIENT_TRANSFER,
        .value = {.kind = ORD_CLIENT_LIST, .count = 3, .as = {.items = items}}};

    fakes[0].way = way;
    return pg_bank_transfer(&conn, &op, soon(), type);
}

Test(pg_call, a_transfer_writes_what_it_computed)
{
    enum ord_client_type type;

    cr_expect_eq(transfer(3, WAY_ANSWERS, &type), PG_DONE, "%s", conn.why);
    cr_expect_eq(type, ORD_CLIENT_OK);
    cr_expect_str_eq(fakes[0].sql,
                     "UPDATE accounts SET balance = 7 WHERE id = 1; UPDATE "
                     "accounts SET balance = 23 WHERE id = 2; COMMIT");
    cr_expect_eq(transfer(11, WAY_ANSWERS, &type), PG_DONE);
    cr_expect_eq(type, ORD_CLIENT_FAIL);
    cr_expect_str_eq(conn.why, "not enough");
    cr_expect_eq(fakes[0].count, 1, "nothing is written");
    cr_expect_eq(transfer(3, WAY_CONFLICT, &type), PG_REFUSED);
    cr_expect_eq(transfer(3, WAY_ROLLED_BACK, &type), PG_REFUSED);
    cr_expect_eq(transfer(3, WAY_CLOSES, &type), PG_LOST);
}

/* ---- transactions ---------------------------------------------------------
 */

/* Of three parts: reads, or with a write in the middle. */
static enum pg_end txn(bool writes, int calm, enum way way,
                       struct ord_client_done *done)
{
    const struct ord_client_value r = ord_client_text(ord_bytes_of("r"));
    const struct ord_client_value w = ord_client_text(ord_bytes_of("w"));
    const struct ord_client_value parts[3][3] = {
        {r, ord_client_int(7), {0}},
        {writes ? w : r, ord_client_int(8),
         writes ? ord_client_int(4) : (struct ord_client_value){0}},
        {r, ord_client_text(ord_bytes_of("k")), {0}}};
    const struct ord_client_value items[] = {
        {.kind = ORD_CLIENT_LIST, .count = 3, .as = {.items = parts[0]}},
        {.kind = ORD_CLIENT_LIST, .count = 3, .as = {.items = parts[1]}},
        {.kind = ORD_CLIENT_LIST, .count = 3, .as = {.items = parts[2]}}};
    const struct ord_client_op op = {
        .f = ORD_CLIENT_TXN,
        .value = {.kind = ORD_CLIENT_LIST, .count = 3, .as = {.items = items}}};
    enum pg_end end;

    *done = (struct ord_client_done){.arena = &arena};
    fakes[0].calm = calm;
    fakes[0].way = way;
    cr_expect_eq(pg_is_read(&op), !writes);
    end = pg_txn(&conn, &op, &sql, soon(), done);
    cr_expect(done->type == ORD_CLIENT_OK || !done->has_value);
    return end;
}

Test(pg_call, a_txn_tells_what_it_read)
{
    const struct ord_client_value *parts;
    struct ord_client_done done;

    cr_assert_eq(txn(false, 3, WAY_ANSWERS, &done), PG_DONE, "%s", conn.why);
    cr_assert(done.type == ORD_CLIENT_OK && done.has_value);
    cr_expect_str_eq(fakes[0].sql, "COMMIT");
    parts = done.value.as.items;
    cr_assert_eq(done.value.count, 3);
    cr_expect_eq(parts[0].as.items[0].as.text[0], 'r');
    cr_expect_eq(parts[0].as.items[1].as.number, 7);
    cr_expect_eq(parts[1].as.items[2].as.number, 5);
    cr_expect_eq(parts[2].as.items[1].as.text[0], 'k');
    cr_expect_eq(parts[2].as.items[2].kind, ORD_CLIENT_NIL, "no row");
    cr_assert_eq(txn(true, 3, WAY_ANSWERS, &done), PG_DONE, "%s", conn.why);
    cr_expect_eq(done.value.as.items[1].as.items[0].as.text[0], 'w');
    cr_expect_eq(done.value.as.items[1].as.items[2].as.number, 4);
}

/* Reads that got no answer did nothing; nor did a write before its COMMIT. */
Test(pg_call, each_end_of_a_txn_has_its_conclusion)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum way way = rows[i].way;
        bool goes_on = rows[i].read_want == PG_DONE;
        struct ord_client_done done;

        cr_expect_eq(txn(false, 3, way, &done), rows[i].read_want, "way %d",
                     way);
        cr_expect_eq(done.type == ORD_CLIENT_OK,
                     goes_on && way != WAY_ROLLED_BACK, "way %d", way);
        /* One of its statements ends like this. */
        if (goes_on)
            continue;
        for (int calm = 0; calm < 3; calm++)
            cr_expect_eq(txn(false, calm, way, &done), rows[i].read_want,
                         "way %d after %d", way, calm);
        cr_expect_eq(txn(true, 1, way, &done), rows[i].read_want, "way %d",
                     way);
    }
}

Test(pg_call, a_commit_without_an_answer_leaves_writes_open)
{
    static const char commit[] = "COMMIT";
    struct ord_client_done done;

    fakes[0].strikes_at = commit;
    cr_expect_eq(txn(true, 3, WAY_CLOSES, &done), PG_LOST);
    cr_expect_str_eq(fakes[0].sql, commit);
    cr_expect_eq(txn(true, 3, WAY_ROLLED_BACK, &done), PG_REFUSED);
    cr_expect_eq(txn(true, 3, WAY_CONFLICT, &done), PG_REFUSED);
    cr_expect_eq(txn(true, 3, WAY_WAIT_BROKEN, &done), PG_UNSURE);
    cr_expect_eq(txn(false, 3, WAY_CLOSES, &done), PG_ABANDONED);
}

static enum pg_end insert(bool has_insert, enum way way,
                          enum ord_client_type *type)
{
    struct ord_client_op op = {.f = ORD_CLIENT_INSERT,
                               .key = ord_client_int(7),
                               .value = ord_client_int(9)};

    fakes[0].has_insert = has_insert;
    fakes[0].way = way;
    return pg_insert(&conn, &op, &sql, soon(), type);
}

Test(pg_call, an_insert_is_one_where_nothing_was)
{
    enum ord_client_type type;
    int before;

    cr_expect_eq(insert(false, WAY_ANSWERS, &type), PG_DONE, "%s", conn.why);
    cr_expect_eq(type, ORD_CLIENT_OK);
    cr_expect_str_eq(fakes[0].sql,
                     "INSERT INTO inserts VALUES ('7', '9'); COMMIT");
    before = fakes[0].count;
    cr_expect_eq(insert(true, WAY_ANSWERS, &type), PG_DONE);
    cr_expect_eq(type, ORD_CLIENT_FAIL);
    cr_expect_str_eq(conn.why, "something was there");
    cr_expect_eq(fakes[0].count, before, "nothing is written");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(insert(false, rows[i].way, &type), rows[i].want, "way %d",
                     rows[i].way);
}

/* ---- routes -------------------------------------------------------------- */

struct routed {
    struct ord_client_init init;
    struct pg_conn conns[FAKES_MAX];
    struct pg_route route;
};

static void route_open(struct routed *r, const char *name)
{
    struct ord_err err;

    memset(r, 0, sizeof *r);
    r->init.node_count = FAKES_MAX;
    r->init.home = 1;
    r->init.settings[0] = (struct ord_client_setting){"route", name};
    r->init.settings[1] = (struct ord_client_setting){"look-every", "2"};
    r->init.setting_count = 2;
    for (int i = 0; i < FAKES_MAX; i++) {
        pg_conn_init(&r->conns[i], fakes[i].where, NULL);
        fakes[i].is_standby = i != 0;
    }
    cr_assert_eq(pg_route_init(&r->route, &r->init, r->conns, &err), ORD_OK);
}

static void route_close(struct routed *r)
{
    for (int i = 0; i < FAKES_MAX; i++)
        pg_conn_close(&r->conns[i]);
}

static int32_t node_of(struct routed *r)
{
    return pg_route_node(&r->route, ord_now_ns() + ORD_S);
}

Test(pg_call, routes)
{
    static const char *const names[] = {"home", "sticky", "discover"};
    static const int32_t before[] = {1, 0, 0};
    /* n3 is promoted while n1 still says that it is the primary. */
    static const int32_t after[] = {1, 0, 2};
    struct routed r;

    for (int i = 0; i < 3; i++) {
        route_open(&r, names[i]);
        cr_expect_eq(node_of(&r), before[i], "%s", names[i]);
        fakes[2].is_standby = false;
        cr_expect_eq(node_of(&r), before[i], "%s: not yet", names[i]);
        cr_expect_eq(node_of(&r), after[i], "%s: looked again", names[i]);
        route_close(&r);
    }
}

Test(pg_call, in_doubt_it_looks_again_and_says_if_there_is_none)
{
    struct routed r;

    route_open(&r, "discover");
    cr_expect_eq(node_of(&r), 0);
    fakes[0].way = WAY_STARTING;
    pg_conn_close(&r.conns[0]);
    pg_route_doubt(&r.route);
    cr_expect_eq(node_of(&r), ORD_CLIENT_NO_NODE);
    fakes[1].is_standby = false;
    cr_expect_eq(node_of(&r), 1);
    route_close(&r);
}

Test(pg_call, settings_that_mean_nothing_are_refused)
{
    struct routed r;
    struct ord_err err;

    route_open(&r, "home");
    r.init.settings[0].value = "elsewhere";
    cr_expect_eq(pg_route_init(&r.route, &r.init, r.conns, &err), ORD_EUSAGE);
    r.init.settings[0].value = "home";
    r.init.settings[1].value = "0";
    cr_expect_eq(pg_route_init(&r.route, &r.init, r.conns, &err), ORD_EUSAGE);
}
