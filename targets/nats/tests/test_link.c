/* What is concluded from each way that a call of JetStream can end, against a
 * server that speaks as little of NATS as a publish needs. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "targets/client/tests/support_server.h"
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

static struct server server;

static bool is_line(const char *text, size_t size)
{
    return text[size - 1] == '\n';
}

static void say(int fd, const char *text)
{
    server_say(fd, text, strlen(text));
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
    while (server_read_text(&server, fd, line, sizeof line, is_line)) {
        if (strncmp(line, "PING", 4) == 0)
            say(fd, "PONG\r\n");
        if (sscanf(line, "SUB %255s %255s", a, b) == 2)
            (void)snprintf(sid, sizeof sid, "%.31s", b);
        if (sscanf(line, "PUB %255s %255s", a, b) != 2 &&
            sscanf(line, "HPUB %255s %255s", a, b) != 2)
            continue;
        server.request_count++;
        if (server.way == WAY_CLOSES)
            return;
        if (server.way != WAY_SILENT)
            answer(fd, b, sid);
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

TestSuite(nats_link, .init = setup, .fini = teardown, .timeout = 60);

static enum nats_end publish(struct nats_link *link, enum way way)
{
    jsErrCode code = 0;
    natsStatus status;

    server.way = (int)way;
    nats_link_init(link, server.address);
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
        int before = server.request_count;
        enum nats_end end = publish(&link, rows[i].way);

        cr_expect_eq(end, rows[i].end, "way %d: %d, %s", (int)rows[i].way,
                     (int)end, link.why);
        cr_expect_eq(nats_conclusion(end, true), rows[i].write);
        cr_expect_eq(nats_conclusion(end, false), rows[i].read);
        cr_expect_eq(link.why[0] == '\0', end == NATS_END_DONE);
        if (end == NATS_END_LOST)
            cr_expect_null(link.conn, "an answer may still come");
        if (rows[i].way != WAY_NOBODY) /* who reached nobody may try again */
            cr_expect_eq(server.request_count - before,
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
