/* client.c -- postgres-client: puts operations to PostgreSQL servers. */
#include <stdio.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/rng.h"
#include "targets/postgres/bank.h"
#include "targets/postgres/command.h"
#include "targets/postgres/probe.h"
#include "targets/postgres/route.h"
#include "targets/postgres/txn.h"

enum { REFUSED_PAUSE_MS = 20 };

enum pg_read { PG_READ_PRIMARY, PG_READ_HOME, PG_READ_ANY };

struct pg_client {
    const struct ord_client_init *init;
    struct pg_route route;
    bool is_prepared; /* the bank's accounts are there */
    enum pg_read read;
    struct ord_rng rng; /* for PG_READ_ANY */
    struct ord_buf sql;
    struct pg_conn conns[ORD_CLIENT_NODES_MAX];
};

/* One row for each way a call can end. */
static const uint8_t conclusion[] = {
    [PG_DONE] = ORD_CLIENT_OK,
    [PG_REFUSED] = ORD_CLIENT_FAIL,   /* the transaction was undone */
    [PG_NOT_SENT] = ORD_CLIENT_FAIL,  /* not one byte of it was sent */
    [PG_ABANDONED] = ORD_CLIENT_FAIL, /* without COMMIT it never happens */
    [PG_UNSURE] = ORD_CLIENT_INFO,    /* here it is; after a failover? */
    [PG_LOST] = ORD_CLIENT_INFO,      /* done or not: nobody says */
};
_Static_assert(sizeof conclusion == PG_ENDS, "every end has its conclusion");

/* Of the NULL at the end if it is none of them. */
static size_t index_of(const char *text, const char *const *words)
{
    size_t i = 0;

    while (words[i] != NULL && strcmp(words[i], text) != 0)
        i++;
    return i;
}

static int pg_open(const struct ord_client_init *init, void **state,
                   struct ord_err *err)
{
    static const char *const levels[] = {"read committed", "repeatable read",
                                         "serializable", NULL};
    struct pg_client *client = *state;
    static const char *const reads[] = {"primary", "home", "any", NULL};
    const char *read = ord_client_setting(init, "read", reads[0]);
    const char *level = ord_client_setting(init, "isolation", levels[0]);
    static const char *const commits[] = {
        "same", "off", "local", "remote_write", "on", "remote_apply", NULL};
    const char *commit = ord_client_setting(init, "odd-clients", commits[0]);
    bool has_own = init->worker % 2 != 0 && index_of(commit, commits) > 0;

    client->init = init;
    client->is_prepared =
        init->workload != ORD_CLIENT_BANK || !ord_client_is_first(init);
    client->read = (enum pg_read)index_of(read, reads);
    client->rng = ord_rng_stream(init->seed, "read", (uint64_t)init->process);
    ord_buf_init(&client->sql, 4 * ORD_CLIENT_LINE_MAX);
    if (levels[index_of(level, levels)] == NULL)
        return ord_fail(err, ORD_EUSAGE, "setting isolation: '%s' is no level",
                        level);
    if (commits[index_of(commit, commits)] == NULL)
        return ord_fail(err, ORD_EUSAGE,
                        "setting odd-clients: '%s' is no synchronous_commit",
                        commit);
    for (int32_t i = 0; i < init->node_count; i++) {
        pg_conn_init(&client->conns[i], init->nodes[i].ip, level);
        client->conns[i].commit = has_own ? commit : NULL;
    }
    if (reads[client->read] == NULL)
        return ord_fail(err, ORD_EUSAGE,
                        "setting read: '%s' is neither primary, home nor any",
                        read);
    if (init->workload == ORD_CLIENT_OTHER)
        return ord_fail(err, ORD_EUSAGE, "workload '%s' is not known here",
                        init->workload_name);
    return pg_route_init(&client->route, init, client->conns, err);
}

static void pg_close(void *state)
{
    struct pg_client *client = state;

    for (int32_t i = 0; i < client->init->node_count; i++)
        pg_conn_close(&client->conns[i]);
    ord_buf_fini(&client->sql);
}

/* Says what came of it, and of whom. */
static void conclude(const struct pg_conn *conn, enum pg_end end,
                     struct ord_client_done *done)
{
    if (end != PG_DONE)
        ord_client_conclude(done, (enum ord_client_type)conclusion[end], "%s",
                            conn->why);
    else if (done->type == ORD_CLIENT_FAIL && done->error[0] == '\0')
        ord_client_conclude(done, ORD_CLIENT_FAIL, "%s", conn->why);
    done->sent_ns = conn->sent_ns;
    done->received_ns = conn->received_ns;
    /* A standby decides nothing: it has no epoch of its own. */
    if (conn->pg != NULL && !conn->is_standby)
        done->epoch = conn->timeline;
}

/* Operations of several statements. */
static bool takes_steps(enum ord_client_f f)
{
    return f == ORD_CLIENT_TRANSFER || f == ORD_CLIENT_TXN ||
           f == ORD_CLIENT_INSERT;
}

static enum pg_end run_steps(struct pg_client *client, struct pg_conn *conn,
                             const struct ord_client_op *op,
                             int64_t deadline_ns, struct ord_client_done *done)
{
    if (op->f == ORD_CLIENT_TRANSFER)
        return pg_bank_transfer(conn, op, deadline_ns, &done->type);
    if (op->f == ORD_CLIENT_TXN)
        return pg_txn(conn, op, &client->sql, deadline_ns, done);
    return pg_insert(conn, op, &client->sql, deadline_ns, &done->type);
}

static void run_on(struct pg_client *client, int32_t node, int64_t deadline_ns,
                   const struct ord_client_op *op, struct ord_client_done *done)
{
    struct pg_conn *conn = &client->conns[node];
    bool is_read = pg_is_read(op);
    enum pg_shape shape = PG_SHAPE_NOTHING;
    PGresult *result = NULL;
    const char *why = NULL;
    enum pg_end end = PG_NOT_SENT;

    done->node = node;
    ord_buf_clear(&client->sql);
    if (!takes_steps(op->f))
        why = pg_command_make(client->init, op, &client->sql, &shape);
    if (why != NULL) {
        ord_client_conclude(done, ORD_CLIENT_FAIL, "%s", why);
        return;
    }
    client->is_prepared =
        client->is_prepared || pg_bank_is_open(conn, client->init, deadline_ns);
    if (!client->is_prepared) {
        ord_client_conclude(done, ORD_CLIENT_FAIL, "the accounts are not open");
        ord_client_pause(REFUSED_PAUSE_MS);
        return;
    }
    /* Before more than a statement that reads: whether a standby has been
     * promoted meanwhile.  Its level is another one then. */
    if (op->f == ORD_CLIENT_READ || pg_conn_meet(conn, deadline_ns)) {
        if (takes_steps(op->f))
            end = run_steps(client, conn, op, deadline_ns, done);
        else
            end = pg_call(conn, ord_buf_str(&client->sql), !is_read,
                          deadline_ns, &result);
    }
    if (result != NULL)
        pg_command_conclude(result, shape, done);
    PQclear(result);
    conclude(conn, end, done);
    /* Conflicts are no reason to look for another primary. */
    if (end == PG_REFUSED && !conn->is_standby)
        return;
    if (end != PG_DONE)
        pg_route_doubt(&client->route);
    /* Refused at once: without a pause refusals would fill the history. */
    if (end == PG_REFUSED || end == PG_NOT_SENT)
        ord_client_pause(REFUSED_PAUSE_MS);
}

static void pg_invoke(void *state, const struct ord_client_op *op,
                      struct ord_client_done *done)
{
    struct pg_client *client = state;
    int64_t deadline_ns =
        ord_now_ns() + client->init->timeout_ms * ORD_MS * 9 / 10;
    int32_t node = client->init->home;

    if (op->node != ORD_CLIENT_NO_NODE)
        node = op->node;
    else if (!pg_is_read(op) || client->read == PG_READ_PRIMARY)
        node = pg_route_node(&client->route, deadline_ns);
    else if (client->read == PG_READ_ANY)
        node = (int32_t)ord_rng_below(&client->rng,
                                      (uint64_t)client->init->node_count);
    if (node == ORD_CLIENT_NO_NODE) {
        ord_client_conclude(done, ORD_CLIENT_FAIL, "no primary found");
        ord_client_pause(REFUSED_PAUSE_MS);
        return;
    }
    run_on(client, node, deadline_ns, op, done);
}

int main(int argc, char **argv)
{
    struct pg_client client = {0};
    const struct ord_client_ops ops = {
        .name = "postgres-client",
        .context = &client,
        .open = pg_open,
        .invoke = pg_invoke,
        .close = pg_close,
        .ready = pg_ready,
        .settled = pg_settled,
        .primary = pg_primary,
    };

    if (argc == 3 && strcmp(argv[1], "--look") == 0)
        return pg_look(argv[2]);
    if (argc >= 3 && strcmp(argv[1], "--promote") == 0) {
        bool only_ahead = false;

        for (int i = 3; i < argc; i++)
            only_ahead =
                only_ahead || strcmp(argv[i], "--promotion=ahead") == 0;
        return pg_promote(argv[2], only_ahead);
    }
    return ord_client_main(argc, argv, &ops);
}
