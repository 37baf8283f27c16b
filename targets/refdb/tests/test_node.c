/* test_node.c -- real refdb processes on loopback addresses. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"

enum { NODES = 3, EXTRA_MAX = 4, REPLY_SIZE = 1024, PATIENCE_S = 20 };

/* Failover timeouts are long where no failover is wanted: a machine busy with
 * other tests must not cause one.  Each test has its own third octet, so that
 * all may run at once. */
struct lab {
    uint32_t run; /* second octet: apart from other runs of this test */
    uint32_t net;
    char dir[64];
    pid_t pid[NODES + 1];
    int fd[NODES + 1]; /* connection to each node */
    const char *extra[EXTRA_MAX];
};

static void node_start(struct lab *lab, uint32_t id)
{
    char text[8][200];
    char *argv[16] = {NULL};
    int argc = 0;
    char path[300];
    int log;
    const char *bin = getenv("ORD_BIN");

    snprintf(path, sizeof path, "%s/refdb", bin == NULL ? "." : bin);
    snprintf(text[0], 200, "--id=%u", id);
    snprintf(text[1], 200, "--ip=127.%u.%u.%u", lab->run, lab->net, id);
    snprintf(text[2], 200, "--peers=1=127.%u.%u.1,2=127.%u.%u.2,3=127.%u.%u.3",
             lab->run, lab->net, lab->run, lab->net, lab->run, lab->net);
    snprintf(text[3], 200, "--data=%s/n%u", lab->dir, id);
    snprintf(text[4], 200, "--client-port=16379");
    snprintf(text[5], 200, "--peer-port=17000");
    argv[argc++] = path;
    for (int i = 0; i < 6; i++)
        argv[argc++] = text[i];
    for (int i = 0; i < EXTRA_MAX && lab->extra[i] != NULL; i++)
        argv[argc++] = (char *)(uintptr_t)lab->extra[i];
    snprintf(text[6], 200, "%s/log%u", lab->dir, id);
    lab->pid[id] = fork();
    cr_assert_geq(lab->pid[id], 0);
    if (lab->pid[id] > 0)
        return;
    /* A test that fails leaves no node behind. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    log = open(text[6], O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0 && dup2(log, STDERR_FILENO) >= 0)
        (void)execv(path, argv);
    _exit(127);
}

static int node_end(struct lab *lab, uint32_t id, int signal)
{
    int status = 0;

    if (lab->fd[id] >= 0)
        close(lab->fd[id]);
    lab->fd[id] = -1;
    if (lab->pid[id] == 0)
        return 0;
    kill(lab->pid[id], signal);
    cr_assert_eq(waitpid(lab->pid[id], &status, 0), lab->pid[id]);
    lab->pid[id] = 0;
    return status;
}

static void lab_start(struct lab *lab, uint32_t net)
{
    struct ord_err err;

    lab->run = 1 + (uint32_t)getpid() % 250;
    lab->net = net;
    snprintf(lab->dir, sizeof lab->dir, "/tmp/refdb-lab-%u-XXXXXX", net);
    cr_assert_not_null(mkdtemp(lab->dir), "%s", err.text);
    for (uint32_t i = 1; i <= NODES; i++)
        lab->fd[i] = -1;
    for (uint32_t i = 1; i <= NODES; i++)
        node_start(lab, i);
}

static void lab_end(struct lab *lab)
{
    struct ord_err err;

    for (uint32_t i = 1; i <= NODES; i++) {
        bool was_up = lab->pid[i] != 0;
        int status = node_end(lab, i, SIGTERM);

        cr_expect(!was_up || (WIFEXITED(status) && WEXITSTATUS(status) == 0),
                  "node %u: status %x", i, status);
    }
    cr_expect_eq(ord_remove_all(lab->dir, &err), ORD_OK);
}

static bool node_connect(struct lab *lab, uint32_t id)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(16379)};
    struct timeval patience = {.tv_sec = 12};

    if (lab->fd[id] >= 0)
        return true;
    to.sin_addr.s_addr =
        htonl(UINT32_C(127) << 24 | lab->run << 16 | lab->net << 8 | id);
    lab->fd[id] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(lab->fd[id], SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof patience);
    if (connect(lab->fd[id], (struct sockaddr *)&to, sizeof to) == 0)
        return true;
    close(lab->fd[id]);
    lab->fd[id] = -1;
    return false;
}

/* One inline request, its reply as text with CR LF as '|'; "" if none. */
static const char *ask(struct lab *lab, uint32_t id, const char *request,
                       char reply[REPLY_SIZE])
{
    ssize_t got;
    size_t used = 0;

    reply[0] = '\0';
    if (!node_connect(lab, id))
        return reply;
    /* Two packets would wait for each other: Nagle, and a delayed ack. */
    if (send(lab->fd[id], request, strlen(request), MSG_NOSIGNAL | MSG_MORE) <
            0 ||
        send(lab->fd[id], "\n", 1, MSG_NOSIGNAL) < 0 ||
        (got = recv(lab->fd[id], reply, REPLY_SIZE - 1, 0)) <= 0) {
        close(lab->fd[id]);
        lab->fd[id] = -1;
        return reply;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (reply[i] == '\r')
            continue;
        reply[used++] = reply[i] == '\n' ? '|' : reply[i];
    }
    reply[used] = '\0';
    return reply;
}

/* Asks until the reply is the one wanted. */
static void await(struct lab *lab, uint32_t id, const char *request,
                  const char *want)
{
    int64_t deadline = ord_now_ns() + PATIENCE_S * ORD_S;
    char reply[REPLY_SIZE];

    do {
        if (strcmp(ask(lab, id, request, reply), want) == 0)
            return;
        (void)poll(NULL, 0, 5);
    } while (ord_now_ns() < deadline);
    cr_assert_fail("node %u, %s: '%s' instead of '%s'", id, request, reply,
                   want);
}

static void expect(struct lab *lab, uint32_t id, const char *request,
                   const char *want)
{
    char reply[REPLY_SIZE];

    (void)ask(lab, id, request, reply);
    cr_assert_str_eq(reply, want, "node %u, %s: %s", id, request, reply);
}

static uint32_t await_leader(struct lab *lab, uint32_t not_this)
{
    int64_t deadline = ord_now_ns() + PATIENCE_S * ORD_S;
    char reply[REPLY_SIZE];

    do {
        for (uint32_t i = 1; i <= NODES; i++)
            if (i != not_this && lab->pid[i] != 0 &&
                strncmp(ask(lab, i, "ROLE", reply), "*7|$6|leader", 12) == 0 &&
                strcmp(ask(lab, i, "READY", reply), "+READY|") == 0)
                return i;
        (void)poll(NULL, 0, 5);
    } while (ord_now_ns() < deadline);
    cr_assert_fail("no leader");
    return 0;
}

Test(node, speaks_as_agreed, .timeout = 60)
{
    struct lab lab = {.extra = {"--timeout=3s"}};
    char reply[REPLY_SIZE];

    lab_start(&lab, 101);
    await(&lab, 1, "READY", "+READY|");
    await(&lab, 2, "READY", "+READY|");
    expect(&lab, 1, "PING", "+PONG|");
    expect(&lab, 1, "GET a", "$-1|");
    expect(&lab, 1, "SET a 1", "+OK|");
    expect(&lab, 1, "CAS a 1 2", ":1|");
    expect(&lab, 1, "CAS a 1 3", ":0|");
    expect(&lab, 1, "CASNIL b 7", ":1|");
    expect(&lab, 1, "GET a", "$1|2|");
    expect(&lab, 1, "SADD s x", ":1|");
    expect(&lab, 1, "SMEMBERS s", "*1|$1|x|");
    expect(&lab, 1, "RPUSH l x", ":1|");
    expect(&lab, 1, "RPUSH l x", ":2|");
    expect(&lab, 1, "LRANGE l 0 -1", "*2|$1|x|$1|x|");
    expect(&lab, 1, "INCRBY c 5", ":5|");
    expect(&lab, 1, "META ON", "+OK|");
    expect(&lab, 1, "SET a 9", "*4|+OK|:1|:1|:10|");
    expect(&lab, 1, "GET a", "*4|$1|9|:1|:1|:10|");
    expect(&lab, 2, "GET a", "-NOTLEADER 1 leads|");
    expect(&lab, 2, "SET a 1", "-NOTLEADER 1 leads|");
    expect(&lab, 2, "MINPOS 10 1000 GET a", "$1|9|");
    expect(&lab, 2, "LOCAL GET a", "$1|9|");
    expect(&lab, 2, "MAXLAG 1000 GET a", "$1|9|");
    expect(&lab, 2, "MINPOS 999 20 GET a", "-LAGGING applied=10 wanted=999|");
    expect(&lab, 2, "PROMOTE",
           "-ERR failover=election: the nodes vote for a leader|");
    expect(&lab, 2, "SET a", "-ERR SET takes 2 arguments|");
    expect(&lab, 2, "NONSENSE", "-ERR unknown command 'NONSENSE'|");
    cr_expect_not_null(strstr(ask(&lab, 2, "INFO", reply), "ack:quorum|"));
    expect(&lab, 3, "CHECK ON", "+OK|");
    expect(&lab, 3, "PING d36cdec6", "+PONG|$8|1174627b|");
    expect(&lab, 3, "PING d36cdec7", "");
    expect(&lab, 2, "*9999", "-ERR Protocol error: bad request|");
    lab_end(&lab);
}

Test(node, quorum_keeps_what_it_acknowledged, .timeout = 60)
{
    struct lab lab = {.extra = {"--timeout=2s", "--request-timeout=10s"}};
    uint32_t leader;
    uint32_t next;
    char text[64];
    char want[64];

    lab_start(&lab, 102);
    leader = await_leader(&lab, 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++) {
            snprintf(text, sizeof text, "RPUSH l %d", round * 20 + i);
            snprintf(want, sizeof want, ":%d|", round * 20 + i + 1);
            expect(&lab, leader, text, want);
        }
        (void)node_end(&lab, leader, SIGKILL);
        next = await_leader(&lab, leader);
        node_start(&lab, leader);
        await(&lab, leader, "READY", "+READY|");
        leader = next;
    }
    expect(&lab, leader, "RPUSH l last", ":61|");
    for (uint32_t i = 1; i <= NODES; i++)
        (void)node_end(&lab, i, SIGKILL);
    for (uint32_t i = 1; i <= NODES; i++)
        node_start(&lab, i);
    leader = await_leader(&lab, 0);
    expect(&lab, leader, "RPUSH l again", ":62|");
    lab_end(&lab);
}

Test(node, a_paused_leader_does_not_read_the_past, .timeout = 60)
{
    struct lab lab = {.extra = {"--timeout=500ms"}};
    uint32_t old;
    uint32_t leader;
    char reply[REPLY_SIZE];

    lab_start(&lab, 103);
    old = await_leader(&lab, 0);
    expect(&lab, old, "SET a 1", "+OK|");
    kill(lab.pid[old], SIGSTOP);
    leader = await_leader(&lab, old);
    expect(&lab, leader, "SET a 2", "+OK|");
    kill(lab.pid[old], SIGCONT);
    ask(&lab, old, "GET a", reply);
    cr_expect(reply[0] == '-' || strcmp(reply, "$1|2|") == 0, "%s", reply);
    await(&lab, old, "LOCAL GET a", "$1|2|");
    lab_end(&lab);
}

Test(node, an_empty_follower_gets_a_snapshot, .timeout = 60)
{
    struct lab lab = {
        .extra = {"--ack=async", "--snapshot-after=50", "--timeout=3s"}};
    struct ord_err err;
    char path[100];
    char text[64];
    char reply[REPLY_SIZE];

    lab_start(&lab, 104);
    await(&lab, 1, "READY", "+READY|");
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "SADD s %d", i);
        expect(&lab, 1, text, ":1|");
    }
    (void)node_end(&lab, 3, SIGKILL);
    snprintf(path, sizeof path, "%s/n3", lab.dir);
    cr_assert_eq(ord_remove_all(path, &err), ORD_OK);
    expect(&lab, 1, "SET a b", "+OK|");
    node_start(&lab, 3);
    await(&lab, 3, "LOCAL GET a", "$1|b|");
    expect(&lab, 1, "SET a c", "+OK|");
    await(&lab, 3, "LOCAL GET a", "$1|c|");
    cr_expect_not_null(strstr(ask(&lab, 3, "INFO", reply), "snapshots:1|"),
                       "%s", reply);
    lab_end(&lab);
}

Test(node, manual_promotion_and_discarded_writes, .timeout = 60)
{
    struct lab lab = {
        .extra = {"--ack=async", "--failover=manual", "--timeout=2s"}};
    struct ord_buf log;
    struct ord_err err;
    char path[100];

    lab_start(&lab, 105);
    for (uint32_t i = 1; i <= NODES; i++)
        await(&lab, i, "READY", "+READY|");
    /* Nobody hears node 1 any more, but it still answers its client. */
    kill(lab.pid[2], SIGSTOP);
    kill(lab.pid[3], SIGSTOP);
    expect(&lab, 1, "SET a lost", "+OK|");
    (void)node_end(&lab, 1, SIGKILL);
    (void)node_end(&lab, 2, SIGKILL);
    (void)node_end(&lab, 3, SIGKILL);
    node_start(&lab, 2);
    node_start(&lab, 3);
    await(&lab, 2, "PROMOTE", "+OK|");
    await(&lab, 2, "SET b kept", "+OK|");
    node_start(&lab, 1);
    await(&lab, 1, "LOCAL GET b", "$4|kept|");
    expect(&lab, 1, "LOCAL GET a", "$-1|");
    snprintf(path, sizeof path, "%s/log1", lab.dir);
    ord_buf_init(&log, 1 << 20);
    cr_assert_eq(ord_file_read(path, &log, &err), ORD_OK);
    cr_expect_not_null(strstr(ord_buf_str(&log), "SET a lost"), "%s",
                       ord_buf_str(&log));
    cr_expect_not_null(strstr(ord_buf_str(&log), "discarded index=2 epoch=1"));
    ord_buf_fini(&log);
    lab_end(&lab);
}

/* Removed, without its disk, and added again; then the leader is removed. */
Test(node, members_are_replaced_and_removed, .timeout = 90)
{
    struct lab lab = {.extra = {"--timeout=1s", "--request-timeout=10s"}};
    uint32_t leader;
    uint32_t out;
    struct ord_err err;
    char text[100];
    char path[100];
    char reply[REPLY_SIZE];

    lab_start(&lab, 106);
    leader = await_leader(&lab, 0);
    out = leader == 3 ? 2 : 3;
    expect(&lab, leader, "SET a 1", "+OK|");
    snprintf(text, sizeof text, "MEMBER REMOVE %u", out);
    await(&lab, leader, text, "+OK|");
    (void)node_end(&lab, out, SIGKILL);
    snprintf(path, sizeof path, "%s/n%u", lab.dir, out);
    cr_assert_eq(ord_remove_all(path, &err), ORD_OK);
    expect(&lab, leader, "SET a 2", "+OK|");
    lab.extra[2] = "--join=on";
    node_start(&lab, out);
    snprintf(text, sizeof text, "MEMBER ADD %u 127.%u.%u.%u", out, lab.run,
             lab.net, out);
    await(&lab, leader, text, "+OK|");
    await(&lab, out, "LOCAL GET a", "$1|2|");
    snprintf(text, sizeof text, "MEMBER ADD %u 127.1.1.1", out);
    expect(&lab, leader, text,
           "-ERR that node is a member at another address|");
    snprintf(text, sizeof text, "MEMBER REMOVE %u", leader);
    await(&lab, leader, text, "+OK|");
    cr_expect_eq(
        strncmp(ask(&lab, leader, "MEMBER LIST LOCAL", reply), "*2|", 3), 0,
        "%s", reply);
    out = leader;
    leader = await_leader(&lab, out);
    expect(&lab, leader, "GET a", "$1|2|");
    expect(&lab, leader, "MEMBER ADD 3",
           "-ERR expected MEMBER LIST [LOCAL] | ADD id ip | REMOVE id, id "
           "from 1 to 64|");
    lab_end(&lab);
}
