/* client.c -- redis-client: puts operations to Redis, alone, under Sentinel or
 * as a cluster. */
#include <stdlib.h>

#include "harness/base/clock.h"
#include "targets/redis/command.h"
#include "targets/redis/probe.h"
#include "targets/redis/route.h"

enum { REFUSED_PAUSE_MS = 20, HOPS_MAX = 4 };

struct redis_client {
    const struct ord_client_init *init;
    struct redis_route route;
    bool reads_home; /* from the own node, leader or not */
    struct redis_lock lock;
    int64_t wait; /* WAIT for so many replicas after a write */
    struct redis_conn conns[ORD_CLIENT_NODES_MAX];
    redisReply *reply; /* of the last operation: its texts are lent */
};

/* One row for each way a call can end. */
static const uint8_t conclusion[] = {
    [REDIS_DONE] = ORD_CLIENT_OK,
    [REDIS_REFUSED] = ORD_CLIENT_FAIL,   /* said so before it did anything */
    [REDIS_ELSEWHERE] = ORD_CLIENT_FAIL, /* sent on too often */
    [REDIS_NOT_SENT] = ORD_CLIENT_FAIL,  /* not one byte was sent */
    [REDIS_LOST] = ORD_CLIENT_INFO,      /* done or not: nobody says */
};
_Static_assert(sizeof conclusion == REDIS_ENDS, "every end has its conclusion");

static int redis_open(const struct ord_client_init *init, void **state,
                      struct ord_err *err)
{
    struct redis_client *client = *state;
    const char *read = ord_client_setting(init, "read", "leader");
    const char *wait = ord_client_setting(init, "wait", "0");

    client->init = init;
    client->reads_home = strcmp(read, "home") == 0;
    client->wait = strtoll(wait, NULL, 10);
    for (int32_t i = 0; i < init->node_count; i++)
        redis_conn_init(&client->conns[i], init->nodes[i].ip, REDIS_PORT);
    if (!client->reads_home && strcmp(read, "leader") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "setting read: '%s' is neither leader nor home", read);
    if (init->workload == ORD_CLIENT_BANK ||
        init->workload >= ORD_CLIENT_LONG_FORK)
        return ord_fail(err, ORD_EUSAGE, "workload '%s' is not known here",
                        init->workload_name);
    return redis_route_init(&client->route, init, err);
}

static void redis_close(void *state)
{
    struct redis_client *client = state;

    for (int32_t i = 0; i < client->init->node_count; i++)
        redis_conn_close(&client->conns[i]);
    redis_route_close(&client->route);
    freeReplyObject(client->reply);
}

/* What MOVED and ASK refuse was not done, so it may be sent on. */
static enum redis_end call_anywhere(struct redis_client *client, int32_t *node,
                                    const struct redis_args *args,
                                    int64_t deadline_ns)
{
    enum redis_end end = REDIS_ELSEWHERE;

    for (int hops = 0; end == REDIS_ELSEWHERE && hops < HOPS_MAX; hops++) {
        struct redis_conn *conn = &client->conns[*node];
        int32_t other;

        end = redis_call(conn, args, deadline_ns, &client->reply);
        if (end != REDIS_ELSEWHERE)
            break;
        other = redis_route_find(client->init, conn->other_ip);
        if (other == ORD_CLIENT_NO_NODE || conn->is_ask)
            break; /* ASK wants ASKING first: only while slots move */
        *node = other;
    }
    return end;
}

/* The write is done here; is it on enough replicas?  If not it may be lost
 * with this node: nobody knows. */
static void wait_for_replicas(struct redis_client *client, int32_t node,
                              int64_t deadline_ns, struct ord_client_done *done)
{
    int64_t there = redis_wait(&client->conns[node], client->wait, deadline_ns);

    done->received_ns = ord_now_ns();
    if (there < client->wait)
        ord_client_conclude(done, ORD_CLIENT_INFO,
                            "WAIT: %lld of %lld replicas", (long long)there,
                            (long long)client->wait);
}

static void redis_invoke(void *state, const struct ord_client_op *op,
                         struct ord_client_done *done)
{
    struct redis_client *client = state;
    int64_t deadline_ns =
        ord_now_ns() + client->init->timeout_ms * ORD_MS * 9 / 10;
    bool is_read = op->f == ORD_CLIENT_READ;
    bool is_pinned = op->node != ORD_CLIENT_NO_NODE;
    struct redis_command command;
    const char *why =
        redis_command_make(client->init, op, &client->lock, &command);
    enum redis_end end;
    int32_t node = client->init->home;

    freeReplyObject(client->reply);
    client->reply = NULL;
    if (why != NULL) { /* nothing is sent */
        ord_client_conclude(done, ORD_CLIENT_FAIL, "%s", why);
        return;
    }
    if (is_pinned)
        node = op->node;
    else if (!is_read || !client->reads_home)
        node = redis_route_node(&client->route, deadline_ns);
    end = call_anywhere(client, &node, &command.args, deadline_ns);
    done->node = node;
    if (end != REDIS_NOT_SENT)
        done->sent_ns = client->conns[node].sent_ns;
    done->received_ns = client->conns[node].received_ns;
    if (end == REDIS_DONE) {
        redis_command_conclude(client->init, op, client->reply, &client->lock,
                               done);
        if (client->wait > 0 && !is_read && done->type == ORD_CLIENT_OK)
            wait_for_replicas(client, node, deadline_ns, done);
        if (done->type == ORD_CLIENT_FAIL)
            ord_client_pause(REFUSED_PAUSE_MS);
        return;
    }
    redis_route_doubt(&client->route);
    ord_client_conclude(done, ord_client_eased(conclusion[end], !is_read), "%s",
                        client->conns[node].why);
    if (end != REDIS_LOST)
        ord_client_pause(REFUSED_PAUSE_MS);
}

int main(int argc, char **argv)
{
    struct redis_client client = {0};
    const struct ord_client_ops ops = {
        .name = "redis-client",
        .context = &client,
        .open = redis_open,
        .invoke = redis_invoke,
        .close = redis_close,
        .ready = redis_ready,
        .settled = redis_settled,
        .primary = redis_primary,
    };

    return ord_client_main(argc, argv, &ops);
}
