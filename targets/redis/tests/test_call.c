/* What is concluded from each way that a Redis command can end; above all,
 * that it is sent once. */
#include <criterion/criterion.h>
#include <sys/socket.h>

#include "harness/base/clock.h"
#include "targets/client/tests/support_server.h"
#include "targets/redis/call.h"

enum { TIMEOUT_MS = 300, REQUEST_SIZE = 4096 };

static struct server server;
static const char *_Atomic server_reply; /* NULL: silent; "": closes */
static _Atomic bool server_resets;

/* A request: an array of bulk strings, ended as the last one is; of WAIT's the
 * last one is a time. */
static bool is_request(const char *text, size_t size)
{
    (void)size;
    return strstr(text, "$1\r\nx\r\n") != NULL ||
           strstr(text, "WAIT\r\n") != NULL;
}

static void serve(int fd)
{
    char text[REQUEST_SIZE];

    while (server_read_text(&server, fd, text, sizeof text, is_request)) {
        const char *reply = server_reply;

        server.request_count++;
        if (server_resets)
            server_will_reset(fd);
        if (reply != NULL && *reply == '\0')
            return;
        if (reply != NULL)
            server_say(fd, reply, strlen(reply));
    }
}

static void setup(void)
{
    server_start(&server, serve);
}

static void teardown(void)
{
    server_stop(&server);
}

TestSuite(redis_call, .init = setup, .fini = teardown, .timeout = 30);

static void connect_to(struct redis_conn *conn)
{
    redis_conn_init(conn, server.address, REDIS_PORT);
}

static enum redis_end call(struct redis_conn *conn, redisReply **reply)
{
    struct redis_args args = {0};

    redis_word(&args, "SET");
    redis_word(&args, "k");
    redis_word(&args, "x");
    return redis_call(conn, &args, ord_now_ns() + TIMEOUT_MS * ORD_MS, reply);
}

Test(redis_call, each_end_is_told_from_the_others_and_nothing_is_sent_twice)
{
    static const struct {
        const char *reply;
        enum redis_end end;
    } rows[] = {
        {"+OK\r\n", REDIS_DONE},
        {":3\r\n", REDIS_DONE},
        {"$-1\r\n", REDIS_DONE},
        {"*2\r\n$1\r\na\r\n$1\r\nb\r\n", REDIS_DONE},
        {"-READONLY You can't write against a read only replica.\r\n",
         REDIS_REFUSED},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", REDIS_REFUSED},
        {"-LOADING Redis is loading the dataset in memory\r\n", REDIS_REFUSED},
        {"-MASTERDOWN Link with MASTER is down\r\n", REDIS_REFUSED},
        {"-CLUSTERDOWN The cluster is down\r\n", REDIS_REFUSED},
        {"-TRYAGAIN Multiple keys request\r\n", REDIS_REFUSED},
        {"-MISCONF Redis is configured to save\r\n", REDIS_REFUSED},
        {"-OOM command not allowed\r\n", REDIS_REFUSED},
        {"-NOAUTH Authentication required.\r\n", REDIS_REFUSED},
        {"-NOPERM this user has no permissions\r\n", REDIS_REFUSED},
        {"-BUSY Redis is busy running a script\r\n", REDIS_REFUSED},
        {"-WRONGTYPE Operation against a key\r\n", REDIS_REFUSED},
        {"-MOVED 866 10.77.0.12:6379\r\n", REDIS_ELSEWHERE},
        {"-ASK 866 10.77.0.12:6379\r\n", REDIS_ELSEWHERE},
        {"-MOVED to Mars\r\n", REDIS_REFUSED},
        {"-ERR something else\r\n", REDIS_LOST},
        {"?nonsense\r\n", REDIS_LOST},
        {"$5\r\nab", REDIS_LOST}, /* half a reply */
        {"", REDIS_LOST},         /* closes after it has read */
        {NULL, REDIS_LOST},       /* says nothing */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_conn conn;
        redisReply *reply = NULL;
        int before = server.request_count;
        enum redis_end end;

        connect_to(&conn);
        server_reply = rows[i].reply;
        end = call(&conn, &reply);
        cr_expect_eq(end, rows[i].end, "%s: %d, %s", rows[i].reply, (int)end,
                     conn.why);
        cr_expect_eq(reply != NULL, end == REDIS_DONE, "%s", rows[i].reply);
        cr_expect_eq(conn.why[0] == '\0', end == REDIS_DONE, "%s",
                     rows[i].reply);
        cr_expect_eq(server.request_count, before + 1, "%s", rows[i].reply);
        if (end == REDIS_ELSEWHERE)
            cr_expect_str_eq(conn.other_ip, "10.77.0.12");
        if (end == REDIS_LOST && rows[i].reply != NULL &&
            rows[i].reply[0] != '-')
            cr_expect_null(conn.context, "an answer may still come");
        freeReplyObject(reply);
        redis_conn_close(&conn);
    }
}

Test(redis_call, a_reset_leaves_it_open_and_no_connection_does_not)
{
    struct redis_conn conn;
    redisReply *reply = NULL;

    connect_to(&conn);
    server_reply = "";
    server_resets = true;
    cr_expect_eq(call(&conn, &reply), REDIS_LOST);
    redis_conn_close(&conn);
    redis_conn_init(&conn, "127.0.0.1:1", REDIS_PORT);
    cr_expect_eq(call(&conn, &reply), REDIS_NOT_SENT);
    cr_expect_null(reply);
    cr_expect_neq(conn.why[0], '\0');
}

/* The server hung up while nobody was asking: that is seen before a command is
 * sent, which goes out on a new connection. */
Test(redis_call, a_connection_that_died_idle_is_not_used)
{
    struct redis_conn conn;
    redisReply *reply = NULL;

    connect_to(&conn);
    server_reply = "+OK\r\n";
    cr_expect_eq(call(&conn, &reply), REDIS_DONE);
    freeReplyObject(reply);
    (void)shutdown(conn.context->fd, SHUT_WR); /* the server closes its end */
    ord_client_pause(50);
    cr_expect_eq(call(&conn, &reply), REDIS_DONE);
    freeReplyObject(reply);
    cr_expect_eq(server.request_count, 2);
    cr_expect_eq(conn.count, 2, "which WAIT must know: the client counts");
    redis_conn_close(&conn);
}

Test(redis_call, wait_says_how_many_replicas_or_nothing)
{
    static const struct {
        const char *reply;
        int64_t there;
    } rows[] = {
        {":2\r\n", 2},
        {":1\r\n", 1},
        {":0\r\n", 0},
        {"+OK\r\n", -1},
        {"-UNBLOCKED force unblock from blocking operation\r\n", -1},
        {"-ERR WAIT cannot be used with replica instances.\r\n", -1},
        {"-LOADING Redis is loading the dataset in memory\r\n", -1},
        {"?nonsense\r\n", -1},
        {"", -1},   /* closes after it has read */
        {NULL, -1}, /* says nothing */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redis_conn conn;
        redisReply *reply = NULL;

        connect_to(&conn);
        server_reply = "+OK\r\n";
        cr_assert_eq(call(&conn, &reply), REDIS_DONE);
        freeReplyObject(reply);
        server_reply = rows[i].reply;
        cr_expect_eq(redis_wait(&conn, 2, ord_now_ns() + TIMEOUT_MS * ORD_MS),
                     rows[i].there, "%s", rows[i].reply);
        redis_conn_close(&conn);
    }
}

/* WAIT is about the writes of its connection: of a new one, which has written
 * nothing, any replica has everything. */
Test(redis_call, wait_on_a_new_connection_says_nothing)
{
    struct redis_conn conn;
    redisReply *reply = NULL;

    connect_to(&conn);
    server_reply = "+OK\r\n";
    cr_assert_eq(call(&conn, &reply), REDIS_DONE);
    freeReplyObject(reply);
    (void)shutdown(conn.context->fd, SHUT_WR); /* the server closes its end */
    ord_client_pause(50);
    server_reply = ":2\r\n";
    cr_expect_eq(redis_wait(&conn, 2, ord_now_ns() + TIMEOUT_MS * ORD_MS), -1);
    cr_expect_eq(conn.count, 2);
    redis_conn_close(&conn);
}
