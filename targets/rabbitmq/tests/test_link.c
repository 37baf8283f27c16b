/* What is concluded from each way that a publish can end, against a server that
 * speaks as little of AMQP 0-9-1 as it needs. */
#include <criterion/criterion.h>

#include "harness/base/clock.h"
#include "targets/client/tests/support_server.h"
#include "targets/rabbitmq/link.h"

enum { TIMEOUT_MS = 500, FRAME_SIZE = 4096, METHOD = 1, BODY = 3 };

enum way {
    WAY_ACKS,
    WAY_RETURNS, /* and then acks, as RabbitMQ does */
    WAY_NACKS,
    WAY_CLOSES_CHANNEL,
    WAY_CLOSES,
    WAY_SILENT,
    WAY_NONSENSE,
    WAY_MUTE, /* does not even say who it is */
};

static struct server server;

static void send_frame(int fd, unsigned char type, unsigned char channel,
                       const char *payload, size_t size)
{
    unsigned char frame[8 + 256] = {
        type, 0, channel, 0, 0, 0, (unsigned char)size};

    cr_assert(size < 250);
    memcpy(frame + 7, payload, size);
    frame[7 + size] = 0xce;
    server_say(fd, frame, size + 8);
}

#define SEND(fd, channel, text)                                                \
    send_frame(fd, METHOD, channel, text, sizeof text - 1)

/* Class and method as one number; 0: not a method's. */
static bool read_frame(int fd, int *method, unsigned char *type)
{
    unsigned char head[7], payload[FRAME_SIZE];
    size_t size;

    if (!server_read(&server, fd, head, sizeof head))
        return false;
    size = (size_t)head[5] << 8 | head[6];
    *type = head[0];
    if (size + 1 > sizeof payload ||
        !server_read(&server, fd, payload, size + 1))
        return false;
    *method = head[0] == METHOD ? payload[1] * 256 + payload[3] : 0;
    return true;
}

static void answer_publish(int fd)
{
    switch ((enum way)server.way) {
    case WAY_RETURNS:
        SEND(fd, 1, "\0\x3c\0\x32\1\x38\10NO_ROUTE\0\2q0");
        send_frame(fd, 2, 1, "\0\x3c\0\0\0\0\0\0\0\0\0\1\0\0", 14);
        send_frame(fd, BODY, 1, "5", 1);
        /* fall through */
    case WAY_ACKS:
        SEND(fd, 1, "\0\x3c\0\x50\0\0\0\0\0\0\0\1\0");
        break;
    case WAY_NACKS:
        SEND(fd, 1, "\0\x3c\0\x78\0\0\0\0\0\0\0\1\0");
        break;
    case WAY_CLOSES_CHANNEL:
        SEND(fd, 1, "\0\x14\0\x28\1\x96\0\0\0\0\0");
        break;
    case WAY_NONSENSE:
        server_say(fd, "HTTP/1.1 200\r\n\r\n", 16);
        break;
    default:
        break;
    }
}

static void answer_method(int fd, int method)
{
    switch (method) {
    case 10 * 256 + 11: /* start-ok: tune */
        SEND(fd, 0, "\0\12\0\36\0\0\0\2\0\0\0\0");
        break;
    case 10 * 256 + 40: /* open */
        SEND(fd, 0, "\0\12\0\51\0");
        break;
    case 20 * 256 + 10: /* channel.open */
        SEND(fd, 1, "\0\24\0\13\0\0\0\0");
        break;
    case 85 * 256 + 10: /* confirm.select */
        SEND(fd, 1, "\0\125\0\13");
        break;
    default:
        break;
    }
}

static void serve(int fd)
{
    unsigned char hello[8];
    unsigned char type;
    int method;

    if (!server_read(&server, fd, hello, sizeof hello))
        return;
    if (server.way != WAY_MUTE)
        SEND(fd, 0, "\0\12\0\12\0\11\0\0\0\0\0\0\0\5PLAIN\0\0\0\5en_US");
    while (read_frame(fd, &method, &type)) {
        answer_method(fd, method);
        if (type != BODY)
            continue;
        server.request_count++;
        if (server.way == WAY_CLOSES)
            return;
        answer_publish(fd);
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

TestSuite(rabbitmq_link, .init = setup, .fini = teardown, .timeout = 60);

static enum rabbit_end publish(struct rabbit_link *link, enum way way)
{
    int64_t deadline_ns = ord_now_ns() + TIMEOUT_MS * ORD_MS;

    server.way = (int)way;
    rabbit_link_init(link, server.address);
    if (!rabbit_link_up(link, deadline_ns))
        return RABBIT_NOT_SENT;
    return rabbit_link_publish(link, "q0", ord_bytes_of("5"), deadline_ns);
}

Test(rabbitmq_link, each_end_is_told_from_the_others)
{
    static const struct {
        enum way way;
        enum rabbit_end end;
        enum ord_client_type write;
    } rows[] = {
        {WAY_ACKS, RABBIT_DONE, ORD_CLIENT_OK},
        {WAY_RETURNS, RABBIT_RETURNED, ORD_CLIENT_FAIL},
        {WAY_NACKS, RABBIT_LOST, ORD_CLIENT_INFO},
        {WAY_CLOSES_CHANNEL, RABBIT_LOST, ORD_CLIENT_INFO},
        {WAY_CLOSES, RABBIT_LOST, ORD_CLIENT_INFO},
        {WAY_SILENT, RABBIT_LOST, ORD_CLIENT_INFO},
        {WAY_NONSENSE, RABBIT_LOST, ORD_CLIENT_INFO},
        {WAY_MUTE, RABBIT_NOT_SENT, ORD_CLIENT_FAIL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rabbit_link link;
        int before = server.request_count;
        enum rabbit_end end = publish(&link, rows[i].way);

        cr_expect_eq(end, rows[i].end, "way %d: %d, %s", (int)rows[i].way,
                     (int)end, link.why);
        cr_expect_eq(rabbit_conclusion(end, true), rows[i].write);
        cr_expect_eq(link.why[0] == '\0', end == RABBIT_DONE, "way %d",
                     (int)rows[i].way);
        cr_expect_eq(server.request_count - before, end != RABBIT_NOT_SENT,
                     "way %d: sent once", (int)rows[i].way);
        if (end == RABBIT_LOST)
            cr_expect_null(link.state, "an answer may still come");
        rabbit_link_close(&link);
    }
}

Test(rabbitmq_link, no_server_is_not_sent)
{
    struct rabbit_link link;

    rabbit_link_init(&link, "127.0.0.1:1");
    cr_expect_not(rabbit_link_up(&link, ord_now_ns() + TIMEOUT_MS * ORD_MS));
    cr_expect_str_eq(link.why, "no connection");
    cr_expect_eq(rabbit_link_publish(&link, "q0", ord_bytes_of("5"),
                                     ord_now_ns() + ORD_MS),
                 RABBIT_NOT_SENT);
    rabbit_link_close(&link);
}
