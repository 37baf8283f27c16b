/* client.c -- mariadb-client: puts operations to one MariaDB server. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/clock.h"
#include "targets/mariadb/task.h"

enum { REFUSED_PAUSE_MS = 20 };

struct my_client {
    const struct ord_client_init *init;
    bool is_in_place;
    bool is_prepared; /* the bank's accounts are there */
    char setup[MY_SQL_SIZE];
    struct my_link links[ORD_CLIENT_NODES_MAX];
};

static unsigned timeout_s(const struct my_client *client)
{
    int64_t seconds = client->init->timeout_ms / 1000;

    return seconds > 1 ? (unsigned)seconds - 1 : 1;
}

static int my_open(const struct ord_client_init *init, void **state,
                   struct ord_err *err)
{
    struct my_client *client = *state;
    const char *bank = ord_client_setting(init, "bank", "in-place");
    const char *level =
        ord_client_setting(init, "isolation", "repeatable-read");
    bool waits = strcmp(ord_client_setting(init, "sync-wait", "0"), "1") == 0;

    client->init = init;
    client->is_in_place = strcmp(bank, "in-place") == 0;
    (void)snprintf(client->setup, sizeof client->setup,
                   "set session tx_isolation = '%.30s'%s", level,
                   waits ? ", wsrep_sync_wait = 1" : "");
    for (int32_t i = 0; i < init->node_count; i++)
        my_link_init(&client->links[i], init->nodes[i].ip, client->setup);
    if (init->workload == ORD_CLIENT_LISTS ||
        init->workload == ORD_CLIENT_QUEUE ||
        init->workload == ORD_CLIENT_LOCK ||
        init->workload >= ORD_CLIENT_LONG_FORK)
        return ord_fail(err, ORD_EUSAGE, "workload '%s' is not known here",
                        init->workload_name);
    client->is_prepared =
        init->workload != ORD_CLIENT_BANK || !ord_client_is_first(init);
    return ORD_OK;
}

static void my_close(void *state)
{
    struct my_client *client = state;

    for (int32_t i = 0; i < client->init->node_count; i++)
        my_link_close(&client->links[i]);
}

/* A user's other devices are elsewhere: each talks to another node. */
static int32_t node_of(const struct my_client *client,
                       const struct ord_client_op *op)
{
    if (op->node != ORD_CLIENT_NO_NODE)
        return op->node;
    return (int32_t)((client->init->home + op->device) %
                     client->init->node_count);
}

static void my_invoke(void *state, const struct ord_client_op *op,
                      struct ord_client_done *done)
{
    struct my_client *client = state;
    int32_t node = node_of(client, op);
    struct my_task task = {
        .init = client->init,
        .op = op,
        .done = done,
        .link = &client->links[node],
        .is_in_place = client->is_in_place,
    };

    done->node = node;
    if (my_link_up(task.link, timeout_s(client))) {
        client->is_prepared = client->is_prepared ||
                              my_task_has_accounts(task.link, client->init);
        if (client->is_prepared) {
            my_task_run(&task);
            return;
        }
    }
    ord_client_pause(REFUSED_PAUSE_MS);
    ord_client_conclude(done, ORD_CLIENT_FAIL, "%s", task.link->why);
}

/* It serves; as a member of Galera: it belongs to the primary component. */
static bool my_ready(const char *ip, int64_t deadline_ns)
{
    struct my_link link;
    MYSQL_RES *rows = NULL;
    bool is_ready = false;

    (void)deadline_ns; /* the library counts in seconds: one is what we have */
    my_link_init(&link, ip, NULL);
    if (my_link_up(&link, 1) &&
        my_link_do(&link, "show status like 'wsrep_ready'", &rows) ==
            MY_END_DONE &&
        rows != NULL) {
        MYSQL_ROW row = mysql_fetch_row(rows);

        /* Without Galera it says OFF, and has no provider. */
        is_ready = row == NULL || strcmp(row[1], "ON") == 0;
        mysql_free_result(rows);
        if (!is_ready &&
            my_link_do(&link, "show variables like 'wsrep_on'", &rows) ==
                MY_END_DONE &&
            rows != NULL) {
            row = mysql_fetch_row(rows);
            is_ready = row == NULL || strcmp(row[1], "OFF") == 0;
            mysql_free_result(rows);
        }
    }
    my_link_close(&link);
    return is_ready;
}

int main(int argc, char **argv)
{
    static struct my_client client;
    const struct ord_client_ops ops = {
        .name = "mariadb-client",
        .context = &client,
        .open = my_open,
        .invoke = my_invoke,
        .close = my_close,
        .ready = my_ready,
        .settled = my_ready,
    };

    return ord_client_main(argc, argv, &ops);
}
