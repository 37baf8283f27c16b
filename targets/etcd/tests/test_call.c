/* What is concluded from each way that an HTTP call can end; above all, that
 * libcurl never sends one twice. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>

#include "harness/base/clock.h"
#include "targets/client/tests/support_server.h"
#include "targets/etcd/call.h"

enum { TIMEOUT_MS = 300, REQUEST_SIZE = 4096 };

enum way {
    WAY_ANSWERS,
    WAY_NO_REVISION, /* 200 from something that is not etcd */
    WAY_TIMED_OUT,   /* 503, as of a member that is cut off */
    WAY_BAD_REQUEST,
    WAY_TOO_MANY,
    WAY_GARBAGE,
    WAY_NOT_JSON,
    WAY_CLOSES, /* after it has read the request */
    WAY_RESETS,
    WAY_SILENT,
    WAY_HALF,
    WAY_WATCH,       /* line by line, and then nothing */
    WAY_WATCH_ENDS,  /* ... and then the end */
    WAY_WATCH_WRONG, /* ... and then nonsense */
    WAY_DOWN,        /* not listening */
};

static struct server server;
static char request[REQUEST_SIZE]; /* the last one */

static const char *body_of(enum way way)
{
    switch (way) {
    case WAY_ANSWERS:
        return "{\"header\":{\"cluster_id\":\"1\",\"member_id\":"
               "\"16534512345678901234\",\"revision\":\"7\",\"raft_term\":"
               "\"3\"},\"kvs\":[{\"key\":\"azE=\",\"mod_revision\":\"7\","
               "\"value\":\"NQ==\"}],\"count\":\"1\",\"succeeded\":true}";
    case WAY_TIMED_OUT:
        return "{\"error\":\"etcdserver: request timed out\",\"message\":\"x\","
               "\"code\":14}";
    case WAY_BAD_REQUEST:
        return "{\"error\":\"no\",\"code\":3}";
    case WAY_NOT_JSON:
        return "<html>";
    default:
        return "{}";
    }
}

static void answer(int fd, enum way way)
{
    static const int status[] = {
        [WAY_TIMED_OUT] = 503,
        [WAY_BAD_REQUEST] = 400,
        [WAY_TOO_MANY] = 429,
        [WAY_DOWN] = 0,
    };
    const char *body = body_of(way);
    char text[1024];

    (void)snprintf(text, sizeof text,
                   way == WAY_GARBAGE
                       ? "+OK\r\n"
                       : "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                   status[way] != 0 ? status[way] : 200,
                   strlen(body) + (way == WAY_HALF ? 10 : 0), body);
    server_say(fd, text, strlen(text));
}

/* Two lines in three pieces, chunk by chunk. */
static void tell_watch(int fd, enum way way)
{
    static const char *const chunks[] = {
        "{\"result\":{\"created\":true}}\n{\"result\":",
        "{\"events\":[{\"kv\":{\"mod_revision\":\"5\",\"value\":\"NQ==\"}}",
        ",{\"kv\":{\"mod_revision\":\"7\",\"value\":\"Nw==\"}}]}}\n"};
    char text[256];

    (void)snprintf(text, sizeof text,
                   "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n");
    server_say(fd, text, strlen(text));
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        (void)snprintf(text, sizeof text, "%zx\r\n%s\r\n", strlen(chunks[i]),
                       chunks[i]);
        server_say(fd, text, strlen(text));
    }
    if (way == WAY_WATCH_ENDS)
        server_say(fd, "0\r\n\r\n", 5);
    if (way == WAY_WATCH_WRONG)
        server_say(fd, "3\r\n{}\n\r\n", 8);
}

/* A request ends with the last brace of its body. */
static bool is_request(const char *text, size_t size)
{
    return strstr(text, "\r\n\r\n") != NULL && text[size - 1] == '}';
}

static void serve(int fd)
{
    while (server_read_text(&server, fd, request, sizeof request, is_request)) {
        enum way way = (enum way)server.way;

        server.request_count++;
        if (way == WAY_RESETS)
            server_will_reset(fd);
        if (way == WAY_CLOSES || way == WAY_RESETS)
            return;
        if (way >= WAY_WATCH)
            tell_watch(fd, way);
        else if (way != WAY_SILENT)
            answer(fd, way);
        if (way == WAY_HALF || way == WAY_GARBAGE)
            return;
    }
}

static struct etcd_conn conn;
static struct ord_arena arena;
static struct etcd_reply reply;

static void set_up(void)
{
    struct ord_err err;

    server_start(&server, serve);
    cr_assert_eq(etcd_conn_open(&conn, server.address, &err), ORD_OK, "%s",
                 err.text);
    ord_arena_init(&arena, 1 << 20);
}

static void tear_down(void)
{
    server_stop(&server);
    etcd_conn_close(&conn);
    ord_arena_fini(&arena);
}

TestSuite(etcd_call, .init = set_up, .fini = tear_down, .timeout = 30);

static enum etcd_end call(enum way way)
{
    struct ord_client_value key = ord_client_int(1);
    struct ord_client_value value = ord_client_int(5);

    server.way = way;
    ord_buf_clear(&conn.plain);
    etcd_put_put(&conn.plain, &key, &value);
    return etcd_call(&conn, "/v3/kv/put", TIMEOUT_MS, &arena, &reply);
}

Test(etcd_call, an_answer_is_read)
{
    int64_t before_ns = ord_now_ns();

    cr_assert_eq(call(WAY_ANSWERS), ETCD_DONE, "%s", conn.why);
    cr_expect_not_null(strstr(request, "POST /v3/kv/put HTTP/1.1"));
    cr_expect_not_null(
        strstr(request, "\r\n\r\n{\"key\":\"azE=\",\"value\":\"NQ==\"}"));
    cr_expect_eq(reply.revision, 7);
    cr_expect_eq(reply.term, 3);
    cr_expect_eq(reply.member, UINT64_C(16534512345678901234));
    cr_expect(reply.is_succeeded);
    cr_assert_eq(reply.kv_count, 1);
    cr_expect(ord_bytes_is(reply.kvs[0].value, "5"));
    cr_expect_eq(reply.kvs[0].mod_revision, 7);
    cr_expect(before_ns < conn.sent_ns && conn.sent_ns < conn.received_ns &&
              conn.received_ns < ord_now_ns());
}

Test(etcd_call, each_end_has_its_conclusion)
{
    static const struct {
        enum way way;
        enum etcd_end want;
    } rows[] = {
        {WAY_ANSWERS, ETCD_DONE},     {WAY_BAD_REQUEST, ETCD_REFUSED},
        {WAY_TOO_MANY, ETCD_REFUSED}, {WAY_TIMED_OUT, ETCD_LOST},
        {WAY_NO_REVISION, ETCD_LOST}, {WAY_NOT_JSON, ETCD_LOST},
        {WAY_GARBAGE, ETCD_LOST},     {WAY_HALF, ETCD_LOST},
        {WAY_CLOSES, ETCD_LOST},      {WAY_RESETS, ETCD_LOST},
        {WAY_SILENT, ETCD_LOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int before = server.request_count;

        cr_expect_eq(call(rows[i].way), rows[i].want, "way %d: %s", rows[i].way,
                     conn.why);
        cr_expect_eq(server.request_count, before + 1);
    }
}

/* A reused connection that dies is where libcurl would send again. */
Test(etcd_call, a_request_is_sent_once)
{
    static const enum way ways[] = {WAY_CLOSES, WAY_RESETS};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int before;

        cr_assert_eq(call(WAY_ANSWERS), ETCD_DONE);
        before = server.request_count;
        cr_expect_eq(call(ways[i]), ETCD_LOST, "%s", conn.why);
        (void)poll(NULL, 0, 50);
        cr_expect_eq(server.request_count, before + 1, "way %d", ways[i]);
    }
}

Test(etcd_call, nothing_sent_is_known)
{
    struct etcd_conn nobody;
    struct ord_err err;

    /* Port 1: nobody listens there. */
    cr_assert_eq(etcd_conn_open(&nobody, "127.0.0.1:1", &err), ORD_OK);
    ord_buf_text(&nobody.plain, "{}");
    cr_expect_eq(etcd_call(&nobody, "/v3/kv/put", TIMEOUT_MS, &arena, &reply),
                 ETCD_NOT_SENT, "%s", nobody.why);
    etcd_conn_close(&nobody);
    cr_expect_eq(etcd_conn_open(&nobody,
                                "an address that is far too long for one, "
                                "and has no dots either",
                                &err),
                 ORD_EUSAGE);
    etcd_conn_close(&nobody);
}

static enum etcd_end watch(enum way way, int64_t until)
{
    struct ord_client_value key = ord_client_int(1);

    server.way = way;
    ord_buf_clear(&conn.plain);
    etcd_put_watch(&conn.plain, &key);
    return etcd_watch(&conn, until, TIMEOUT_MS, &arena, &reply);
}

Test(etcd_call, a_watch_ends_where_it_is_enough)
{
    static const struct {
        enum way way;
        int64_t until;
        enum etcd_end want;
    } rows[] = {
        {WAY_WATCH, 7, ETCD_DONE},       {WAY_WATCH, 6, ETCD_DONE},
        {WAY_WATCH, 8, ETCD_LOST},       {WAY_WATCH_ENDS, 7, ETCD_DONE},
        {WAY_WATCH_ENDS, 8, ETCD_LOST},  {WAY_WATCH_WRONG, 8, ETCD_LOST},
        {WAY_BAD_REQUEST, 7, ETCD_LOST}, {WAY_SILENT, 7, ETCD_LOST},
        {WAY_RESETS, 7, ETCD_LOST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(watch(rows[i].way, rows[i].until), rows[i].want,
                     "row %zu: %s", i, conn.why);
        if (rows[i].want == ETCD_DONE)
            cr_expect_eq(reply.kv_count, 2, "row %zu", i);
    }
    cr_expect_eq(call(WAY_ANSWERS), ETCD_DONE, "calls go on after watches");
}
