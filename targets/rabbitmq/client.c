/* client.c -- rabbitmq-client: puts operations to RabbitMQ through one node.
 *
 *     rabbitmq-client --declare IP TYPE COUNT
 *
 * makes the queues, of TYPE quorum or mirrored; start.sh does so once all nodes
 * have met, for a queue that is made before has fewer replicas.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/clock.h"
#include "targets/rabbitmq/link.h"

enum {
    QUEUES_MAX = 4,
    NAME_SIZE = 16,
    BODY_SIZE_MAX = 1 << 16,
    REFUSED_PAUSE_MS = 20,
    DECLARE_NS_S = 20,
};

struct rabbit_client {
    const struct ord_client_init *init;
    struct ord_buf body;
    struct rabbit_link links[ORD_CLIENT_NODES_MAX];
};

static int rabbit_open(const struct ord_client_init *init, void **state,
                       struct ord_err *err)
{
    struct rabbit_client *client = *state;

    client->init = init;
    ord_buf_init(&client->body, BODY_SIZE_MAX);
    for (int32_t i = 0; i < init->node_count; i++)
        rabbit_link_init(&client->links[i], init->nodes[i].ip);
    return init->workload == ORD_CLIENT_QUEUE
               ? ORD_OK
               : ord_fail(err, ORD_EUSAGE, "workload '%s' is not known here",
                          init->workload_name);
}

static void rabbit_close(void *state)
{
    struct rabbit_client *client = state;

    for (int32_t i = 0; i < client->init->node_count; i++)
        rabbit_link_close(&client->links[i]);
    ord_buf_fini(&client->body);
}

static void put(struct rabbit_link *link, const char *queue,
                const struct ord_client_op *op, int64_t deadline_ns,
                struct ord_client_done *done)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    enum rabbit_end end = rabbit_link_publish(
        link, queue, ord_client_bytes(&op->value, digits), deadline_ns);

    ord_client_conclude(done, rabbit_conclusion(end, true), "%s", link->why);
}

static void take(struct rabbit_client *client, struct rabbit_link *link,
                 const char *queue, struct ord_client_done *done)
{
    bool is_empty;
    enum rabbit_end end =
        rabbit_link_get(link, queue, &client->body, &is_empty);

    ord_client_conclude(done, rabbit_conclusion(end, false), "%s", link->why);
    if (is_empty) {
        ord_client_pause(REFUSED_PAUSE_MS);
        ord_client_conclude(done, ORD_CLIENT_FAIL, "empty");
    } else if (end == RABBIT_DONE) {
        done->has_value = true;
        done->value = ord_client_scalar(ord_buf_bytes(&client->body));
    }
}

static void rabbit_invoke(void *state, const struct ord_client_op *op,
                          struct ord_client_done *done)
{
    struct rabbit_client *client = state;
    int32_t node =
        op->node != ORD_CLIENT_NO_NODE ? op->node : client->init->home;
    struct rabbit_link *link = &client->links[node];
    int64_t deadline_ns =
        ord_now_ns() + client->init->timeout_ms * ORD_MS * 9 / 10;
    int64_t key = op->key.kind == ORD_CLIENT_INT ? op->key.as.number : 0;
    char queue[NAME_SIZE];

    done->node = node;
    if (key < 0 || key >= QUEUES_MAX) {
        ord_client_conclude(done, ORD_CLIENT_FAIL,
                            "queues 0 to %d are known here", QUEUES_MAX - 1);
        return;
    }
    (void)snprintf(queue, sizeof queue, "q%d", (int)key);
    if (!rabbit_link_up(link, deadline_ns)) {
        ord_client_pause(REFUSED_PAUSE_MS);
        ord_client_conclude(done, ORD_CLIENT_FAIL, "%s", link->why);
    } else if (op->f == ORD_CLIENT_ENQUEUE) {
        put(link, queue, op, deadline_ns, done);
    } else if (op->f == ORD_CLIENT_DEQUEUE) {
        take(client, link, queue, done);
    } else {
        ord_client_conclude(done, ORD_CLIENT_FAIL,
                            "not an operation of RabbitMQ");
    }
}

/* The queues are there, as this node hears. */
static bool rabbit_ready(const char *ip, int64_t deadline_ns)
{
    struct rabbit_link link;
    bool is_ready;

    rabbit_link_init(&link, ip);
    is_ready =
        rabbit_link_up(&link, deadline_ns) && rabbit_link_has(&link, "q0");
    rabbit_link_close(&link);
    return is_ready;
}

static int declare_all(const char *ip, const char *type, const char *count)
{
    struct rabbit_link link;
    bool good;

    rabbit_link_init(&link, ip);
    good = rabbit_link_up(&link, ord_now_ns() + DECLARE_NS_S * ORD_S);
    for (int i = 0; good && i < QUEUES_MAX; i++) {
        char queue[NAME_SIZE];

        (void)snprintf(queue, sizeof queue, "q%d", i);
        good = rabbit_link_declare(&link, queue, strcmp(type, "quorum") == 0,
                                   (int)strtol(count, NULL, 10));
    }
    if (!good)
        (void)fprintf(stderr, "rabbitmq-client: %s: %s\n", ip, link.why);
    rabbit_link_close(&link);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct rabbit_client client;
    const struct ord_client_ops ops = {
        .name = "rabbitmq-client",
        .context = &client,
        .open = rabbit_open,
        .invoke = rabbit_invoke,
        .close = rabbit_close,
        .ready = rabbit_ready,
    };

    if (argc == 5 && strcmp(argv[1], "--declare") == 0)
        return declare_all(argv[2], argv[3], argv[4]);
    return ord_client_main(argc, argv, &ops);
}
