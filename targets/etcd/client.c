/* client.c -- etcd-client: puts operations to one member of etcd.
 *
 * A client stays with its node, as users behind one load balancer do; members
 * forward writes to their leader by themselves.
 */
#include "targets/etcd/call.h"

#include "harness/base/clock.h"

enum { PROBE_ARENA_MAX = 1 << 20, REFUSED_PAUSE_MS = 20 };

struct etcd_client {
    const struct ord_client_init *init;
    bool is_serializable;
    bool is_open[ORD_CLIENT_NODES_MAX];
    struct etcd_conn conns[ORD_CLIENT_NODES_MAX];
};

/* One row for each way a call can end. */
static const uint8_t conclusion[] = {
    [ETCD_DONE] = ORD_CLIENT_OK,
    [ETCD_REFUSED] = ORD_CLIENT_FAIL,  /* etcd itself was never asked */
    [ETCD_NOT_SENT] = ORD_CLIENT_FAIL, /* not one byte was sent */
    [ETCD_LOST] = ORD_CLIENT_INFO,     /* most of these happen after all */
};
_Static_assert(sizeof conclusion == ETCD_ENDS, "every end has its conclusion");

/* Only a read may be eased to FAIL: it changed nothing either way. */
static enum ord_client_type conclude(enum etcd_end end, bool is_read)
{
    if (is_read && conclusion[end] == ORD_CLIENT_INFO)
        return ORD_CLIENT_FAIL;
    return (enum ord_client_type)conclusion[end];
}

static int etcd_open(const struct ord_client_init *init, void **state,
                     struct ord_err *err)
{
    struct etcd_client *client = *state;
    const char *read = ord_client_setting(init, "read", "linearizable");

    client->init = init;
    client->is_serializable = strcmp(read, "serializable") == 0;
    if (!client->is_serializable && strcmp(read, "linearizable") != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "setting read: '%s' is neither linearizable nor "
                        "serializable",
                        read);
    if (init->workload != ORD_CLIENT_REGISTER &&
        init->workload != ORD_CLIENT_SESSIONS)
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

/* Writes the request; returns the path it goes to, NULL if there is none. */
static const char *make_request(const struct ord_client_op *op,
                                bool is_serializable, struct ord_buf *out)
{
    switch (op->f) {
    case ORD_CLIENT_READ:
        etcd_put_range(out, &op->key, is_serializable);
        return "/v3/kv/range";
    case ORD_CLIENT_WRITE:
        etcd_put_put(out, &op->key, &op->value);
        return "/v3/kv/put";
    case ORD_CLIENT_CAS:
        etcd_put_cas(out, &op->key, &op->value.as.items[0],
                     &op->value.as.items[1]);
        return "/v3/kv/txn";
    default:
        return NULL;
    }
}

static void etcd_invoke(void *state, const struct ord_client_op *op,
                        struct ord_client_done *done)
{
    struct etcd_client *client = state;
    bool is_pinned = op->node != ORD_CLIENT_NO_NODE;
    int32_t node = is_pinned ? op->node : client->init->home;
    struct etcd_conn *conn = conn_of(client, node, done);
    struct etcd_reply reply;
    const char *path;
    enum etcd_end end;

    if (conn == NULL)
        return;
    /* One replica's own state is what etcd calls serializable. */
    path = make_request(op, client->is_serializable || is_pinned, &conn->plain);
    if (path == NULL) {
        ord_client_conclude(done, ORD_CLIENT_FAIL, "not a register's");
        return;
    }
    end = etcd_call(conn, path, client->init->timeout_ms, done->arena, &reply);
    done->node = node;
    done->sent_ns = conn->sent_ns;
    done->received_ns = conn->received_ns;
    /* No epoch: any member takes a write and passes it on to the leader, so
     * the one that answers is not the one that decided. */
    done->position = reply.revision;
    if (end == ETCD_NOT_SENT || end == ETCD_REFUSED)
        ord_client_pause(REFUSED_PAUSE_MS);
    if (end != ETCD_DONE) {
        ord_client_conclude(done, conclude(end, op->f == ORD_CLIENT_READ), "%s",
                            conn->why);
        return;
    }
    done->type = ORD_CLIENT_OK;
    if (op->f == ORD_CLIENT_CAS && !reply.is_succeeded)
        ord_client_conclude(done, ORD_CLIENT_FAIL, "compared unequal");
    done->has_value = op->f == ORD_CLIENT_READ;
    if (done->has_value && reply.has_value)
        done->value = ord_client_scalar(reply.value);
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
