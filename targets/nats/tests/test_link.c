/* What is concluded from each way that a call of JetStream can end, against a
 * server that speaks as little of NATS as a publish needs. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "targets/nats/link.h"

enum { TIMEOUT_MS = 400, LINE_SIZE = 4096, REPLY_SIZE = 1024 };

enum way {
    WAY_ANSWERS,
    WAY_UNEQUAL, /* wrong last sequence */
    WAY_ERROR,   /* another error of JetStream's */
    WAY_NOBODY,  /* no responders */
    WAY_NONSENSE,
    WAY_SILENT,
    WAY_CLOSES,
    WAY_MUTE, /* does not even say who it is */
};

static struct {
    pthread_t thread;
    int listener;
    int port;
    _Atomic int way;
    _Atomic int publish_count;
    _Atomic bool is_over;
} server;

/* A line without its end; false: closed, or the test is over. */
static bool read_line(int fd, char line[LINE_SIZE])
{
    size_t size = 0;

    while (size < LINE_SIZE - 1) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        if (server.is_over)
            return false;
        if (poll(&ready, 1, 10) <= 0)
            continue;
        if (recv(fd, line + size, 1, 0) != 1)
            return false;
        if (line[size] == '\n')
            break;
        size += line[size] != '\r';
    }
    line[size] = '\0';
    return true;
}

static void say(int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void answer(int fd, const char *inbox, const char *sid)
{
    static const char *const bodies[] = {
        [WAY_ANSWERS] = "{\"stream\":\"ordeal\",\"seq\":7}",
        [WAY_UNEQUAL] = "{\"error\":{\"code\":400,\"err_code\":10071,"
                        "\"description\":\"wrong last sequence: 5\"}}",
        [WAY_ERROR] = "{\"error\":{\"code\":503,\"err_code\":10008,"
                      "\"description\":\"system unavailable\"}}",
        [WAY_NONSENSE] = "<html>",
    };
    char text[REPLY_SIZE];

    if (server.way == WAY_NOBODY)
        (void)snprintf(text, sizeof text,
                       "HMSG %s %s 16 16\r\nNATS/1.0 503\r\n\r\n\r\n", inbox,
                       sid);
    else
        (void)snprintf(text, sizeof text, "MSG %s %s %zu\r\n%s\r\n", inbox, sid,
                       strlen(bodies[server.way]), bodies[server.way]);
    say(fd, text);
}

static void serve(int fd)
{
    char line[LINE_SIZE], sid[32] = "", a[256], b[256];

    if (server.way != WAY_MUTE)
        say(fd, "INFO {\"server_id\":\"x\",\"version\":\"2.9.10\","
                "\"headers\":true,\"max_payload\":1048576,"
                "\"jetstream\":true}\r\n");
    while (read_line(fd, line)) {
        if (strncmp(line, "PING", 4) == 0)
            say(fd, "PONG\r\n");
        if (sscanf(line, "SUB %255s %255s", a, b) == 2)
            (void)snprintf(sid, sizeof sid, "%.31s", b);
        if (sscanf(line, "PUB %255s %255s", a, b) != 2 &&
            sscanf(line, "HPUB %255s %255s", a, b) != 2)
            continue;
        server.publish_count++;
        if (server.way == WAY_CLOSES)
            return;
        if (server.way != WAY_SILENT)
            answer(fd, b, sid);
    }
}

static void *run(void *unused)
{
    (void)unused;
    while (!server.is_over) {
        struct pollfd ready = {.fd = server.listener, .events = POLLIN};
        int fd;

        if (poll(&ready, 1, 10) <= 0)
            continue;
        fd = accept4(server.listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        serve(fd);
        close(fd);
    }
    return NULL;
}

static void setup(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;

    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(server.listener, (struct sockaddr *)&at, size), 0);
    cr_assert_eq(listen(server.listener, 8), 0);
    cr_assert_eq(getsockname(server.listener, (struct sockaddr *)&at, &size),
                 0);
    server.port = ntohs(at.sin_port);
    cr_assert_eq(pthread_create(&server.thread, NULL, run, NULL), 0);
}

static void teardown(void)
{
    server.is_over = true;
    (void)pthread_join(server.thread, NULL);
    close(server.listener);
}

TestSuite(nats_link, .init = setup, .fini = teardown, .timeout = 60);

static enum nats_end publish(struct nats_link *link, enum way way)
{
    char ip[32];
    jsErrCode code = 0;
    natsStatus status;

    server.way = (int)way;
    (void)snprintf(ip, sizeof ip, "127.0.0.1:%d", server.port);
    nats_link_init(link, ip);
    if (!nats_link_up(link, TIMEOUT_MS))
        return NATS_END_NOT_SENT;
    status = js_Publish(NULL, link->js, "o.k1", "5", 1, NULL, &code);
    return nats_link_judge(link, status, code);
}

Test(nats_link, each_end_is_told_from_the_others)
{
    static const struct {
        enum way way;
        enum nats_end end;
        enum ord_client_type write, read;
    } rows[] = {
        {WAY_ANSWERS, NATS_END_DONE, ORD_CLIENT_OK, ORD_CLIENT_OK},
        {WAY_UNEQUAL, NATS_END_UNEQUAL, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {WAY_NOBODY, NATS_END_REFUSED, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
        {WAY_ERROR, NATS_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_NONSENSE, NATS_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_SILENT, NATS_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_CLOSES, NATS_END_LOST, ORD_CLIENT_INFO, ORD_CLIENT_FAIL},
        {WAY_MUTE, NATS_END_NOT_SENT, ORD_CLIENT_FAIL, ORD_CLIENT_FAIL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nats_link link;
        int before = server.publish_count;
        enum nats_end end = publish(&link, rows[i].way);

        cr_expect_eq(end, rows[i].end, "way %d: %d, %s", (int)rows[i].way,
                     (int)end, link.why);
        cr_expect_eq(nats_conclusion(end, true), rows[i].write);
        cr_expect_eq(nats_conclusion(end, false), rows[i].read);
        cr_expect_eq(link.why[0] == '\0', end == NATS_END_DONE);
        if (end == NATS_END_LOST)
            cr_expect_null(link.conn, "an answer may still come");
        if (rows[i].way != WAY_NOBODY) /* who reached nobody may try again */
            cr_expect_eq(server.publish_count - before,
                         end == NATS_END_NOT_SENT ? 0 : 1, "way %d",
                         (int)rows[i].way);
        nats_link_close(&link);
    }
}

Test(nats_link, no_server_is_not_sent)
{
    struct nats_link link;

    nats_link_init(&link, "127.0.0.1:1");
    cr_expect_not(nats_link_up(&link, TIMEOUT_MS));
    cr_expect_neq(link.why[0], '\0');
    nats_link_close(&link);
}
