/* client.c -- zookeeper-client: puts operations to one ZooKeeper server. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "targets/zookeeper/task.h"

enum { SESSION_MS_MIN = 1000, ANSWER_SIZE = 4096, REFUSED_PAUSE_MS = 20 };

struct zk_client {
    const struct ord_client_init *init;
    bool syncs;
    int64_t lock_session;
    struct zk_link links[ORD_CLIENT_NODES_MAX];
};

static int zk_open(const struct ord_client_init *init, void **state,
                   struct ord_err *err)
{
    struct zk_client *client = *state;
    const char *sync = ord_client_setting(init, "sync", "yes");

    client->init = init;
    client->syncs = strcmp(sync, "yes") == 0;
    for (int32_t i = 0; i < init->node_count; i++)
        zk_link_init(&client->links[i], init->nodes[i].ip);
    if (!client->syncs && strcmp(sync, "no") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "setting sync: '%s' is neither yes "
                        "nor no",
                        sync);
    if (init->workload == ORD_CLIENT_LISTS ||
        init->workload == ORD_CLIENT_COUNTER ||
        init->workload == ORD_CLIENT_BANK ||
        init->workload >= ORD_CLIENT_LONG_FORK)
        return ord_fail(err, ORD_EUSAGE, "workload '%s' is not known here",
                        init->workload_name);
    return ORD_OK;
}

static void zk_close(void *state)
{
    struct zk_client *client = state;

    for (int32_t i = 0; i < client->init->node_count; i++)
        zk_link_close(&client->links[i]);
}

static void zk_invoke(void *state, const struct ord_client_op *op,
                      struct ord_client_done *done)
{
    struct zk_client *client = state;
    int32_t node =
        op->node != ORD_CLIENT_NO_NODE ? op->node : client->init->home;
    int64_t timeout_ms = client->init->timeout_ms;
    struct zk_task task = {
        .init = client->init,
        .op = op,
        .done = done,
        .link = &client->links[node],
        .syncs = client->syncs,
        .lock_session = &client->lock_session,
    };

    done->node = node;
    if (zk_link_up(task.link,
                   timeout_ms > SESSION_MS_MIN ? (int)timeout_ms
                                               : SESSION_MS_MIN,
                   ord_now_ns() + timeout_ms * ORD_MS / 2)) {
        zk_task_run(&task);
        return;
    }
    ord_client_pause(REFUSED_PAUSE_MS);
    ord_client_conclude(done, ORD_CLIENT_FAIL, "%s", task.link->why);
}

/* ---- probes: the four-letter word srvr -------------------------------------
 */

static int connect_to(const char *ip, int64_t deadline_ns)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(ZOOKEEPER_PORT)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int64_t left_ms = (deadline_ns - ord_now_ns()) / ORD_MS;
    int error = 0;
    socklen_t size = sizeof error;

    if (fd < 0 || inet_pton(AF_INET, ip, &to.sin_addr) != 1)
        return fd;
    (void)connect(fd, (const struct sockaddr *)&to, sizeof to);
    if (poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0) == 1 &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
        return fd;
    close(fd);
    return -1;
}

/* The server's words about itself; "" if it has none. */
static void ask_srvr(const char *ip, int64_t deadline_ns,
                     char text[ANSWER_SIZE])
{
    int fd = connect_to(ip, deadline_ns);
    size_t used = 0;

    text[0] = '\0';
    if (fd < 0)
        return;
    (void)send(fd, "srvr", 4, MSG_NOSIGNAL);
    while (used < ANSWER_SIZE - 1) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left_ms = (deadline_ns - ord_now_ns()) / ORD_MS;
        ssize_t got;

        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) != 1)
            break;
        got = recv(fd, text + used, ANSWER_SIZE - 1 - used, 0);
        if (got <= 0)
            break;
        used += (size_t)got;
        text[used] = '\0';
    }
    close(fd);
}

/* It leads or follows; while it looks for a leader it has no mode. */
static bool zk_ready(const char *ip, int64_t deadline_ns)
{
    char text[ANSWER_SIZE];

    ask_srvr(ip, deadline_ns, text);
    return strstr(text, "Mode: leader") != NULL ||
           strstr(text, "Mode: follower") != NULL ||
           strstr(text, "Mode: standalone") != NULL;
}

/* The upper half of a transaction's number is the leader's epoch. */
static bool zk_primary(const char *ip, int64_t deadline_ns, int64_t *epoch)
{
    char text[ANSWER_SIZE];
    const char *zxid;

    ask_srvr(ip, deadline_ns, text);
    zxid = strstr(text, "Zxid: ");
    *epoch = 0;
    if (zxid != NULL)
        *epoch = (int64_t)(strtoull(zxid + 6, NULL, 16) >> 32);
    return strstr(text, "Mode: leader") != NULL;
}

int main(int argc, char **argv)
{
    static struct zk_client client;
    const struct ord_client_ops ops = {
        .name = "zookeeper-client",
        .context = &client,
        .open = zk_open,
        .invoke = zk_invoke,
        .close = zk_close,
        .ready = zk_ready,
        .primary = zk_primary,
    };

    return ord_client_main(argc, argv, &ops);
}
