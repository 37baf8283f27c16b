/* client.c -- what ordeal's operations mean to NAME: one line in, one out.
 *
 *     cc -O2 -o client client.c -ljansson
 *
 * Change call() and ask(); the rest can stay.  The protocol is PROTOCOL.md in
 * targets/client of ordeal.  Say "ok" if it happened, "fail" only if it surely
 * did not, "info" if nobody knows: a wrong "fail" makes every verdict wrong.
 */
#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 7000, NODES_MAX = 64, SIZE = 256 };

struct node {
    char name[16];
    char ip[64];
    int fd; /* -1: no connection */
};

struct cluster {
    struct node nodes[NODES_MAX];
    int count;
    int home; /* the node that we shall talk to; -1: not told yet */
    struct timeval timeout;
};

static long long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int open_link(const char *ip, const struct timeval *timeout)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, ip, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, sizeof *timeout);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, sizeof *timeout);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* One request, one reply: "ok"; else "fail" if not one byte left, "info" if
 * nobody knows.  Never a second time, never a late reply. */
static const char *ask(struct node *node, const struct timeval *timeout,
                       const char *request, char reply[SIZE])
{
    size_t size = 0, length = strlen(request);

    if (node->fd < 0)
        node->fd = open_link(node->ip, timeout);
    if (node->fd < 0) {
        /* Or a node that is down fills the history. */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        return "fail";
    }
    if (send(node->fd, request, length, MSG_NOSIGNAL) == (ssize_t)length) {
        while (size < SIZE - 1) {
            ssize_t got = recv(node->fd, reply + size, SIZE - 1 - size, 0);

            if (got <= 0)
                break;
            size += (size_t)got;
            if (reply[size - 1] == '\n') {
                reply[size - 1] = '\0';
                return "ok";
            }
        }
    }
    close(node->fd); /* its reply may still come: not for us */
    node->fd = -1;
    return "info";
}

/* Does the operation and puts type and value into the answer. */
static void call(const json_t *op, struct cluster *all, int node,
                 json_t *answer)
{
    const char *f = json_string_value(json_object_get(op, "f"));
    json_t *value = json_object_get(op, "value");
    long long key = json_integer_value(json_object_get(op, "key"));
    char request[SIZE], reply[SIZE] = "";
    const char *type;

    if (strcmp(f, "read") == 0) {
        snprintf(request, SIZE, "GET k%lld\n", key);
    } else if (strcmp(f, "write") == 0) {
        snprintf(request, SIZE, "SET k%lld %lld\n", key,
                 (long long)json_integer_value(value));
    } else if (strcmp(f, "cas") == 0) {
        const json_t *old = json_array_get(value, 0);
        char from[32] = "-";

        if (!json_is_null(old))
            snprintf(from, sizeof from, "%lld",
                     (long long)json_integer_value(old));
        snprintf(request, SIZE, "CAS k%lld %s %lld\n", key, from,
                 (long long)json_integer_value(json_array_get(value, 1)));
    } else {
        json_object_set_new(answer, "type", json_string("fail"));
        return;
    }
    type = ask(&all->nodes[node], &all->timeout, request, reply);
    if (strcmp(type, "ok") == 0 && strcmp(f, "read") == 0)
        json_object_set_new(answer, "value",
                            strcmp(reply, "-") == 0
                                ? json_null()
                                : json_integer(strtoll(reply, NULL, 10)));
    if (strcmp(f, "cas") == 0 && strcmp(type, "ok") == 0 &&
        strcmp(reply, "OK") != 0)
        type = "fail"; /* it compared unequal */
    if (strcmp(f, "read") == 0 && strcmp(type, "info") == 0)
        type = "fail"; /* a read changed nothing */
    json_object_set_new(answer, "type", json_string(type));
}

/* The first line names all nodes, and which of them is ours. */
static void begin(const json_t *init, struct cluster *all)
{
    const char *own = json_string_value(json_object_get(init, "node"));
    const json_t *list = json_object_get(init, "nodes");
    long long ms = json_integer_value(json_object_get(init, "timeout_ms"));

    all->timeout.tv_sec = (time_t)(ms * 9 / 10 / 1000);
    all->timeout.tv_usec = (suseconds_t)(ms * 9 / 10 % 1000 * 1000);
    for (size_t i = 0; i < json_array_size(list) && i < NODES_MAX; i++) {
        const json_t *from = json_array_get(list, i);
        struct node *node = &all->nodes[all->count];

        snprintf(node->name, sizeof node->name, "%s",
                 json_string_value(json_object_get(from, "name")));
        snprintf(node->ip, sizeof node->ip, "%s",
                 json_string_value(json_object_get(from, "ip")));
        node->fd = -1;
        if (strcmp(node->name, own) == 0)
            all->home = all->count;
        all->count++;
    }
}

static int node_of(const json_t *op, const struct cluster *all)
{
    const char *asked = json_string_value(json_object_get(op, "node"));

    for (int i = 0; asked != NULL && i < all->count; i++) {
        if (strcmp(asked, all->nodes[i].name) == 0)
            return i;
    }
    return all->home;
}

static void answer_to(const json_t *op, struct cluster *all)
{
    json_t *answer = json_object();

    json_object_set(answer, "id", json_object_get(op, "id"));
    json_object_set_new(answer, "sent_ns", json_integer(now_ns()));
    call(op, all, node_of(op, all), answer);
    json_object_set_new(answer, "received_ns", json_integer(now_ns()));
    json_dumpf(answer, stdout, JSON_COMPACT);
    json_decref(answer);
}

int main(void)
{
    static char line[1 << 20];
    static struct cluster all = {.home = -1};

    while (fgets(line, sizeof line, stdin) != NULL) {
        json_t *said = json_loads(line, 0, NULL);

        if (said == NULL)
            return 64;
        if (all.home < 0) {
            begin(said, &all);
            fputs("{\"ready\":true}", stdout);
        } else {
            answer_to(said, &all);
        }
        putchar('\n');
        fflush(stdout);
        json_decref(said);
    }
    return 0;
}
