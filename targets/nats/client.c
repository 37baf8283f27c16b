/* client.c -- nats-client: puts operations to JetStream through one server. */
#include "harness/base/clock.h"
#include "targets/nats/task.h"

struct nats_client {
    const struct ord_client_init *init;
    bool is_prepared[ORD_CLIENT_NODES_MAX];
    struct nats_link links[ORD_CLIENT_NODES_MAX];
};

/* Connected, and the bucket or the stream is there: whoever is first makes it,
 * and until then operations are refused. */
static bool is_usable(struct nats_client *client, int32_t node)
{
    struct nats_link *link = &client->links[node];
    bool is_new = link->conn == NULL;

    if (!nats_link_up(link, client->init->timeout_ms / 2 + 1))
        return false;
    if (is_new || link->conn == NULL)
        client->is_prepared[node] = false;
    if (client->is_prepared[node])
        return true;
    client->is_prepared[node] = nats_task_prepare(link, client->init);
    if (!client->is_prepared[node])
        nats_link_close(link);
    return client->is_prepared[node];
}

static int nats_open(const struct ord_client_init *init, void **state,
                     struct ord_err *err)
{
    struct nats_client *client = *state;

    client->init = init;
    if (init->workload == ORD_CLIENT_BANK ||
        init->workload == ORD_CLIENT_LOCK ||
        init->workload == ORD_CLIENT_COUNTER ||
        init->workload >= ORD_CLIENT_LONG_FORK)
        return ord_fail(err, ORD_EUSAGE, "workload '%s' is not known here",
                        init->workload_name);
    for (int32_t i = 0; i < init->node_count; i++)
        nats_link_init(&client->links[i], init->nodes[i].ip);
    return ORD_OK;
}

static void nats_close(void *state)
{
    struct nats_client *client = state;

    for (int32_t i = 0; i < client->init->node_count; i++)
        nats_link_close(&client->links[i]);
}

static void nats_invoke(void *state, const struct ord_client_op *op,
                        struct ord_client_done *done)
{
    struct nats_client *client = state;
    int32_t node =
        op->node != ORD_CLIENT_NO_NODE ? op->node : client->init->home;
    struct nats_task task = {
        .init = client->init,
        .op = op,
        .done = done,
        .link = &client->links[node],
        .deadline_ns =
            ord_now_ns() + client->init->timeout_ms * ORD_MS * 9 / 10,
    };

    done->node = node;
    if (!is_usable(client, node)) {
        ord_client_pause(20);
        ord_client_conclude(done, ORD_CLIENT_FAIL, "%s",
                            client->links[node].why);
        return;
    }
    nats_task_run(&task);
}

/* JetStream answers: the cluster has a leader for its own data, and this
 * server hears from it. */
static bool nats_ready(const char *ip, int64_t deadline_ns)
{
    struct nats_link link;
    jsAccountInfo *info = NULL;
    int64_t ms = (deadline_ns - ord_now_ns()) / ORD_MS;
    bool is_ready;

    nats_link_init(&link, ip);
    is_ready = nats_link_up(&link, ms * 3 / 4) &&
               js_GetAccountInfo(&info, link.js, NULL, NULL) == NATS_OK;
    jsAccountInfo_Destroy(info);
    nats_link_close(&link);
    return is_ready;
}

int main(int argc, char **argv)
{
    static struct nats_client client;
    const struct ord_client_ops ops = {
        .name = "nats-client",
        .context = &client,
        .open = nats_open,
        .invoke = nats_invoke,
        .close = nats_close,
        .ready = nats_ready,
    };

    return ord_client_main(argc, argv, &ops);
}
