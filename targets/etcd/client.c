/* client.c -- etcd-client: puts operations to one member of etcd.
 *
 * A client stays with its node, as users behind one load balancer do; members
 * forward writes to their leader by themselves.
 */
#include <stdlib.h>

#include "harness/base/clock.h"
#include "targets/etcd/task.h"

enum { PROBE_ARENA_MAX = 1 << 20 };

struct etcd_client {
    const struct ord_client_init *init;
    bool is_serializable;
    bool is_watched;
    struct etcd_lock lock;
    bool is_open[ORD_CLIENT_NODES_MAX];
    struct etcd_conn conns[ORD_CLIENT_NODES_MAX];
};

static int etcd_open(const struct ord_client_init *init, void **state,
                     struct ord_err *err)
{
    struct etcd_client *client = *state;
    const char *read = ord_client_setting(init, "read", "linearizable");
    const char *lists = ord_client_setting(init, "lists", "transactions");
    const char *ttl = ord_client_setting(init, "lock-ttl", "10");

    client->init = init;
    client->lock.process = init->process;
    client->lock.ttl_s = strtoll(ttl, NULL, 10);
    client->is_serializable = strcmp(read, "serializable") == 0;
    if (!client->is_serializable && strcmp(read, "linearizable") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "setting read: '%s' is neither linearizable nor "
                        "serializable",
                        read);
    client->is_watched =
        init->workload == ORD_CLIENT_LISTS && strcmp(lists, "watched") == 0;
    if (strcmp(lists, "watched") != 0 && strcmp(lists, "transactions") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "setting lists: '%s' is neither transactions nor "
                        "watched",
                        lists);
    if (client->lock.ttl_s < 1)
        return ord_fail(err, ORD_EUSAGE,
                        "setting lock-ttl: '%s' is no number of seconds", ttl);
    if (init->workload == ORD_CLIENT_COUNTER ||
        init->workload == ORD_CLIENT_QUEUE ||
        init->workload == ORD_CLIENT_BANK ||
        init->workload >= ORD_CLIENT_LONG_FORK)
        return ord_fail(err, ORD_EUSAGE, "workload '%s' is not known here",
                        init->workload_name);
    return ORD_OK;
}

static void etcd_close(void *state)
{
    struct etcd_client *client = state;

    for (int i = 0; i < ORD_CLIENT_NODES_MAX; i++) {
        if (client->is_open[i])
            etcd_conn_close(&client->conns[i]);
    }
}

/* The connection to a node, opened when it is first asked. */
static struct etcd_conn *conn_of(struct etcd_client *client, int32_t node,
                                 struct ord_client_done *done)
{
    struct ord_err err;

    ORD_ASSERT(node >= 0 && node < client->init->node_count);
    if (!client->is_open[node] &&
        etcd_conn_open(&client->conns[node], client->init->nodes[node].ip,
                       &err) != ORD_OK) {
        etcd_conn_close(&client->conns[node]);
        ord_client_conclude(done, ORD_CLIENT_FAIL, "%.100s", err.text);
        return NULL;
    }
    client->is_open[node] = true;
    ord_buf_clear(&client->conns[node].plain);
    return &client->conns[node];
}

static void etcd_invoke(void *state, const struct ord_client_op *op,
                        struct ord_client_done *done)
{
    struct etcd_client *client = state;
    bool is_pinned = op->node != ORD_CLIENT_NO_NODE;
    int32_t node = is_pinned ? op->node : client->init->home;
    struct etcd_task task = {
        .init = client->init,
        .op = op,
        .done = done,
        .conn = conn_of(client, node, done),
        .lock = &client->lock,
        .deadline_ns = ord_now_ns() + client->init->timeout_ms * ORD_MS,
        /* One replica's own state is what etcd calls serializable. */
        .is_serializable = client->is_serializable || is_pinned,
        .is_watched = client->is_watched,
    };

    if (task.conn == NULL)
        return;
    done->node = node;
    etcd_task_run(&task);
}

/* ---- probes ------------------------------------------------------------- */

static bool probe(const char *ip, const char *path, const char *body,
                  int64_t deadline_ns, struct etcd_reply *reply)
{
    struct ord_arena arena;
    struct etcd_conn conn;
    struct ord_err err;
    bool good = false;

    ord_arena_init(&arena, PROBE_ARENA_MAX);
    if (etcd_conn_open(&conn, ip, &err) == ORD_OK) {
        ord_buf_text(&conn.plain, body);
        good = etcd_call(&conn, path, (deadline_ns - ord_now_ns()) / ORD_MS,
                         &arena, reply) == ETCD_DONE;
    }
    etcd_conn_close(&conn);
    ord_arena_fini(&arena);
    return good;
}

/* This member hears from a leader, and a linearizable read of a key that
 * nobody writes comes back.  In that order: a read that finds no leader would
 * be kept waiting until long after there is one. */
static bool etcd_ready(const char *ip, int64_t deadline_ns)
{
    struct etcd_reply reply;

    return probe(ip, "/v3/maintenance/status", "{}", deadline_ns, &reply) &&
           reply.leader != 0 &&
           probe(ip, "/v3/kv/range", "{\"key\":\"cmVhZHk=\"}", deadline_ns,
                 &reply);
}

static bool etcd_primary(const char *ip, int64_t deadline_ns, int64_t *epoch)
{
    struct etcd_reply reply;

    if (!probe(ip, "/v3/maintenance/status", "{}", deadline_ns, &reply))
        return false;
    *epoch = reply.term;
    return reply.leader != 0 && reply.leader == reply.member;
}

int main(int argc, char **argv)
{
    struct etcd_client client = {0};
    const struct ord_client_ops ops = {
        .name = "etcd-client",
        .context = &client,
        .open = etcd_open,
        .invoke = etcd_invoke,
        .close = etcd_close,
        .ready = etcd_ready,
        .primary = etcd_primary,
    };

    return ord_client_main(argc, argv, &ops);
}
