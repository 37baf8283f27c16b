/* What is concluded from each way that a call of ZooKeeper can end, against a
 * server that speaks as little of the protocol as a write needs. */
#include <criterion/criterion.h>

#include "harness/base/clock.h"
#include "targets/client/tests/support_server.h"
#include "targets/zookeeper/link.h"

enum {
    SESSION_MS = 1000,
    PACKET_SIZE = 1024,
    STAT_SIZE = 68,
    SET_DATA = 5,
    /* Ways that are none of ZooKeeper's codes. */
    WAY_SILENT = 1,
    WAY_CLOSES,
    WAY_MUTE, /* does not even open a session */
};

/* way: a code to answer with, or one of the above. */
static struct server server;

static uint32_t get32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

static void put32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static bool read_packet(int fd, unsigned char packet[PACKET_SIZE])
{
    unsigned char size[4];

    return server_read(&server, fd, size, 4) && get32(size) <= PACKET_SIZE &&
           server_read(&server, fd, packet, get32(size));
}

static void send_packet(int fd, unsigned char *packet, uint32_t size)
{
    put32(packet, size);
    server_say(fd, packet, size + 4);
}

static void open_session(int fd)
{
    unsigned char packet[4 + 37] = {0};

    put32(packet + 8, SESSION_MS);
    packet[19] = 7; /* the session's number */
    put32(packet + 20, 16);
    send_packet(fd, packet, 37);
}

static void answer(int fd, uint32_t xid, int code)
{
    unsigned char packet[4 + 16 + STAT_SIZE] = {0};

    put32(packet + 4, xid);
    put32(packet + 16, (uint32_t)code);
    send_packet(fd, packet, code == 0 ? 16 + STAT_SIZE : 16);
}

static void serve(int fd)
{
    unsigned char packet[PACKET_SIZE];

    if (!read_packet(fd, packet))
        return;
    if (server.way != WAY_MUTE)
        open_session(fd);
    while (read_packet(fd, packet)) {
        if (get32(packet + 4) != SET_DATA) {
            answer(fd, get32(packet), ZAPIERROR); /* pings, good-byes */
            continue;
        }
        server.request_count++;
        if (server.way == WAY_CLOSES)
            return;
        if (server.way != WAY_SILENT)
            answer(fd, get32(packet), server.way);
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

TestSuite(zookeeper_link, .init = setup, .fini = teardown, .timeout = 120);

static enum zk_end set_one(struct zk_link *link, int way)
{
    int64_t deadline_ns = ord_now_ns() + SESSION_MS * ORD_MS;

    server.way = way;
    zk_link_init(link, server.address);
    if (!zk_link_up(link, SESSION_MS, deadline_ns))
        return ZK_END_NOT_SENT;
    return zk_link_judge(link, zoo_set(link->handle, "/k1", "5", 1, -1));
}

Test(zookeeper_link, each_end_is_told_from_the_others)
{
    static const struct {
        int way;
        enum zk_end end;
        enum ord_client_type write, read;
    } rows[] = {
        {ZOK, ZK_END_DONE, ORD_CLIENT_OK, ORD_CLIENT_OK},
        {ZNONODE, ZK_END_NO, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ZBADVERSION, ZK_END_NO, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ZNODEEXISTS, ZK_END_NO, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ZSESSIONMOVED, ZK_END_REFUSED, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ZTHROTTLEDOP, ZK_END_REFUSED, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {ZSYSTEMERROR, ZK_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_SILENT, ZK_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_CLOSES, ZK_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_MUTE, ZK_END_NOT_SENT, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zk_link link;
        int before = server.request_count;
        enum zk_end end = set_one(&link, rows[i].way);

        cr_expect_eq(end, rows[i].end, "%d: %d, %s", rows[i].way, (int)end,
                     link.why);
        cr_expect_eq(zk_conclusion(end, true), rows[i].write);
        cr_expect_eq(zk_conclusion(end, false), rows[i].read);
        cr_expect_eq(server.request_count - before, end != ZK_END_NOT_SENT,
                     "%d: sent once", rows[i].way);
        if (end == ZK_END_LOST)
            cr_expect_null(link.handle, "an answer may still come");
        zk_link_close(&link);
    }
}

Test(zookeeper_link, no_server_is_not_sent)
{
    struct zk_link link;

    zk_link_init(&link, "127.0.0.1:1");
    cr_expect_not(zk_link_up(&link, SESSION_MS, ord_now_ns() + 300 * ORD_MS));
    cr_expect_str_eq(link.why, "no session");
    zk_link_close(&link);
}
