/* What is concluded from each way that a statement can end, against a server
 * that speaks as little of the protocol as an insert needs. */
#include <criterion/criterion.h>
#include <mysqld_error.h>

#include "targets/client/tests/support_server.h"
#include "targets/mariadb/link.h"

enum {
    TIMEOUT_S = 1,
    PACKET_SIZE = 4096,
    COM_QUERY_BYTE = 3,
    /* Ways that are none of the server's errors. */
    WAY_SILENT = 1,
    WAY_CLOSES,
    WAY_NONSENSE,
    WAY_TURNS_AWAY, /* no greeting but an error */
};

/* way: 0, ok; an error of the server's, or one of the above. */
static struct server server;

/* Its payload; *number is its place in the exchange. */
static bool read_packet(int fd, unsigned char packet[PACKET_SIZE],
                        unsigned char *number)
{
    unsigned char head[4];
    size_t size;

    if (!server_read(&server, fd, head, 4))
        return false;
    size = (size_t)head[0] | (size_t)head[1] << 8;
    *number = head[3];
    return size <= PACKET_SIZE && server_read(&server, fd, packet, size);
}

static void send_packet(int fd, unsigned char number, const void *payload,
                        size_t size)
{
    unsigned char packet[4 + 256] = {(unsigned char)size, 0, 0, number};

    cr_assert(size <= 255);
    memcpy(packet + 4, payload, size);
    server_say(fd, packet, size + 4);
}

static void send_error(int fd, unsigned char number, int code)
{
    unsigned char error[32] = {0xff, (unsigned char)code,
                               (unsigned char)(code >> 8)};

    memcpy(error + 3, "#HY000no", 8);
    send_packet(fd, number, error, 11);
}

static void send_ok(int fd, unsigned char number)
{
    send_packet(fd, number, "\0\0\0\2\0\0\0", 7);
}

static void greet(int fd)
{
    static const char version[] = "5.5.5-10.11.0-MariaDB";
    unsigned char greeting[128] = {10};
    size_t at = 1;

    memcpy(greeting + at, version, sizeof version);
    at += sizeof version + 4; /* the thread's number */
    memcpy(greeting + at, "abcdefgh", 8);
    at += 8 + 1;
    greeting[at++] = 0x00; /* what it can do: 4.1's protocol and */
    greeting[at++] = 0x82; /* a secure connection */
    greeting[at++] = 8;    /* character set */
    greeting[at++] = 2;    /* status */
    at++;
    greeting[at++] = 0x08; /* names its way to check a password */
    at++;
    greeting[at++] = 21;
    at += 10;
    memcpy(greeting + at, "abcdefghijkl", 12);
    at += 13;
    memcpy(greeting + at, "mysql_native_password", 22);
    send_packet(fd, 0, greeting, at + 22);
}

static void serve(int fd)
{
    unsigned char packet[PACKET_SIZE];
    unsigned char number;

    if (server.way == WAY_TURNS_AWAY) {
        send_error(fd, 0, ER_CON_COUNT_ERROR);
        return;
    }
    greet(fd);
    if (!read_packet(fd, packet, &number))
        return;
    send_ok(fd, (unsigned char)(number + 1));
    while (read_packet(fd, packet, &number) && packet[0] == COM_QUERY_BYTE) {
        server.request_count++;
        if (server.way == WAY_CLOSES)
            return;
        if (server.way == WAY_NONSENSE)
            server_say(fd, "\1\0\0\7\xfe", 5);
        else if (server.way == 0)
            send_ok(fd, 1);
        else if (server.way != WAY_SILENT)
            send_error(fd, 1, server.way);
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

TestSuite(mariadb_link, .init = setup, .fini = teardown, .timeout = 60);

static enum my_end insert(struct my_link *link, int way)
{
    server.way = way;
    my_link_init(link, server.address, NULL);
    if (!my_link_up(link, TIMEOUT_S))
        return MY_END_NOT_SENT;
    return my_link_do(link, "insert into t values (1)", NULL);
}

Test(mariadb_link, each_end_is_told_from_the_others)
{
    static const struct {
        int way;
        enum my_end end;
        enum ord_client_type write, read;
    } rows[] = {
        {0, MY_END_DONE, ORD_CLIENT_OK, ORD_CLIENT_OK},
        {ER_LOCK_DEADLOCK, MY_END_NO, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ER_LOCK_WAIT_TIMEOUT, MY_END_NO, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ER_DUP_ENTRY, MY_END_NO, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ER_UNKNOWN_COM_ERROR, MY_END_REFUSED, ORD_CLIENT_FAIL,
         ORD_CLIENT_FAIL},
        {ER_OPTION_PREVENTS_STATEMENT, MY_END_REFUSED, ORD_CLIENT_FAIL,
         ORD_CLIENT_FAIL},
        {ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, MY_END_REFUSED,
         ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ER_UNKNOWN_ERROR, MY_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {ER_QUERY_INTERRUPTED, MY_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_SILENT, MY_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_CLOSES, MY_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_NONSENSE, MY_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_TURNS_AWAY, MY_END_NOT_SENT, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct my_link link;
        int before = server.request_count;
        enum my_end end = insert(&link, rows[i].way);

        cr_expect_eq(end, rows[i].end, "%d: %d, %s", rows[i].way, (int)end,
                     link.why);
        cr_expect_eq(my_conclusion(end, true), rows[i].write);
        cr_expect_eq(my_conclusion(end, false), rows[i].read);
        cr_expect_eq(link.why[0] == '\0', end == MY_END_DONE, "%d",
                     rows[i].way);
        cr_expect_eq(server.request_count - before, end != MY_END_NOT_SENT,
                     "%d: sent once", rows[i].way);
        if (end == MY_END_LOST)
            cr_expect_null(link.mysql, "an answer may still come");
        my_link_close(&link);
    }
}

Test(mariadb_link, no_server_is_not_sent)
{
    struct my_link link;

    my_link_init(&link, "127.0.0.1:1", NULL);
    cr_expect_not(my_link_up(&link, TIMEOUT_S));
    cr_expect_neq(link.why[0], '\0');
    cr_expect_eq(my_link_do(&link, "select 1", NULL), MY_END_NOT_SENT);
    my_link_close(&link);
}
