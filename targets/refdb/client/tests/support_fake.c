#include "targets/refdb/client/tests/support_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/err.h"

enum { ARGS_MAX = 8, STEP_MS = 5, LATE_MS = 600, SAY_MS = 8000 };

/* ---- what a node says --------------------------------------------------- */

static void speak(struct fake_conn *conn, const char *text)
{
    (void)send(conn->fd, text, strlen(text), MSG_NOSIGNAL);
}

static void trace_add(struct fake *fake, int node, char **args, int count)
{
    size_t used;

    (void)pthread_mutex_lock(&fake->lock);
    used = strlen(fake->trace);
    used += (size_t)snprintf(fake->trace + used, sizeof fake->trace - used,
                             "%s%d", used > 0 ? ", " : "", node + 1);
    for (int i = 0; i < count && used < sizeof fake->trace; i++)
        used += (size_t)snprintf(fake->trace + used, sizeof fake->trace - used,
                                 " %s", args[i]);
    (void)pthread_mutex_unlock(&fake->lock);
}

static int put_bulk(char *out, size_t size, const char *text)
{
    if (text[0] == '\0')
        return snprintf(out, size, "$-1\r\n");
    return snprintf(out, size, "$%zu\r\n%s\r\n", strlen(text), text);
}

/* Does the command to the one register and the one list of the test. */
static void perform(struct fake *fake, char **args, int count, char *out,
                    size_t size)
{
    const char *word = args[0];

    (void)pthread_mutex_lock(&fake->lock);
    if (strcmp(word, "GET") == 0) {
        (void)put_bulk(out, size, fake->value);
    } else if (strcmp(word, "SET") == 0 && count == 3) {
        (void)snprintf(fake->value, sizeof fake->value, "%s", args[2]);
        fake->position++;
        (void)snprintf(out, size, "+OK\r\n");
    } else if (strcmp(word, "CAS") == 0 || strcmp(word, "CASNIL") == 0) {
        const char *was = strcmp(word, "CAS") == 0 ? args[2] : "";
        bool is_equal = strcmp(was, fake->value) == 0;

        if (is_equal)
            (void)snprintf(fake->value, sizeof fake->value, "%s",
                           args[count - 1]);
        (void)snprintf(out, size, ":%d\r\n", is_equal);
    } else if (strcmp(word, "SADD") == 0 || strcmp(word, "RPUSH") == 0) {
        (void)snprintf(fake->elements[fake->element_count++ & 15], 32, "%s",
                       args[2]);
        (void)snprintf(out, size, ":1\r\n");
    } else {
        int used = snprintf(out, size, "*%d\r\n", fake->element_count);

        for (int i = 0; i < fake->element_count; i++)
            used +=
                put_bulk(out + used, size - (size_t)used, fake->elements[i]);
    }
    (void)pthread_mutex_unlock(&fake->lock);
}

static void answer(struct fake *fake, struct fake_conn *conn, char **args,
                   int count)
{
    char body[1024];
    char text[1200];

    perform(fake, args, count, body, sizeof body);
    (void)snprintf(text, sizeof text, "*4\r\n%s:%d\r\n:%lld\r\n:%lld\r\n", body,
                   conn->node + 1, (long long)fake->epochs[conn->node],
                   (long long)fake->position);
    speak(conn, text);
}

static void break_off(struct fake_conn *conn, enum fake_way way)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (way == FAKE_RESETS)
        (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (way == FAKE_HALF)
        speak(conn, "*4\r\n+OK\r\n:1");
    conn->is_doomed = true;
}

static void trickle(struct fake *fake, struct fake_conn *conn)
{
    char text[200];

    (void)snprintf(text, sizeof text, "*4\r\n+OK\r\n:%d\r\n:3\r\n:%lld\r\n",
                   conn->node + 1, (long long)++fake->position);
    for (size_t i = 0; text[i] != '\0'; i++) {
        (void)send(conn->fd, text + i, 1, MSG_NOSIGNAL);
        (void)poll(NULL, 0, 1);
    }
}

static const char *const sayings[] = {
    [FAKE_LOST_HINT] = "-NOTLEADER 0 who knows\r\n",
    [FAKE_HINTS_3] = "-NOTLEADER 3\r\n",
    [FAKE_NO_LEADER] = "-NOLEADER\r\n",
    [FAKE_FENCED] = "-FENCED cut off\r\n",
    [FAKE_LOADING] = "-LOADING\r\n",
    [FAKE_BAD_COMMAND] = "-ERR bad command\r\n",
    [FAKE_UNCERTAIN] = "-UNCERTAIN leadership lost\r\n",
    [FAKE_ODD_ERROR] = "-WHAT is this\r\n",
    [FAKE_GARBAGE] = "220 mail server ready\r\n",
    [FAKE_PLAIN] = "+OK\r\n",
    [FAKE_WRONG] = "*4\r\n*1\r\n*0\r\n:1\r\n:3\r\n:9\r\n",
    [FAKE_DOWN] = NULL,
};

static void obey(struct fake *fake, struct fake_conn *conn, char **args,
                 int count)
{
    enum fake_way way = (enum fake_way)fake->ways[conn->node];
    int options = 0;

    if (strcmp(args[0], "META") == 0) {
        speak(conn, "+OK\r\n");
        return;
    }
    if (strcmp(args[0], "CHECK") == 0) {
        speak(conn, "-ERR unknown command 'CHECK'\r\n");
        return;
    }
    if (strcmp(args[0], "READY") == 0 || strcmp(args[0], "ROLE") == 0) {
        if (way != FAKE_LEADS)
            speak(conn, "-LOADING\r\n");
        else
            speak(conn, args[0][1] == 'E'
                            ? "+READY\r\n"
                            : "*3\r\n$6\r\nleader\r\n:1\r\n:7\r\n");
        return;
    }
    trace_add(fake, conn->node, args, count);
    if (strcmp(args[0], "LOCAL") == 0)
        options = 1;
    else if (strcmp(args[0], "MAXLAG") == 0)
        options = 2;
    else if (strcmp(args[0], "MINPOS") == 0)
        options = 3;
    if (way == FAKE_LATE)
        (void)poll(NULL, 0, LATE_MS);
    if (way == FAKE_TRICKLES)
        trickle(fake, conn);
    else if (way == FAKE_LAGS && options > 1)
        speak(conn, "-LAGGING applied=1 wanted=2\r\n");
    else if ((way == FAKE_FOLLOWS || way == FAKE_LAGS) && options == 0)
        speak(conn, "-NOTLEADER 1 so ask that\r\n");
    else if (way <= FAKE_LAGS || way == FAKE_LATE)
        answer(fake, conn, args + options, count - options);
    else if (way == FAKE_CLOSES || way == FAKE_RESETS || way == FAKE_HALF)
        break_off(conn, way);
    else if (sayings[way] != NULL)
        speak(conn, sayings[way]);
}

/* ---- the loop of the three nodes ---------------------------------------- */

/* One RESP array at the front of conn->in, cut into args in place; bytes
 * used, or 0. */
static size_t take_command(struct fake_conn *conn, char **args, int *count)
{
    char *at = conn->in;
    char *end = conn->in + conn->size;

    *count = 0;
    for (int want = -1; want != *count;) {
        char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);
        long number;

        if (eol == NULL)
            return 0;
        number = strtol(at + 1, NULL, 10);
        at = eol + 2;
        if (want < 0) {
            want = (int)number;
            continue;
        }
        if (number < 0 || *count == ARGS_MAX || end - at < number + 2)
            return 0;
        args[(*count)++] = at;
        at += number + 2;
    }
    for (int i = 0; i < *count; i++)
        *(char *)memmem(args[i], (size_t)(end - args[i]), "\r\n", 2) = '\0';
    return (size_t)(at - conn->in);
}

static void hear(struct fake *fake, struct fake_conn *conn)
{
    ssize_t got = recv(conn->fd, conn->in + conn->size,
                       sizeof conn->in - conn->size, MSG_DONTWAIT);
    char *args[ARGS_MAX];
    int count;
    size_t used;

    if (got <= 0 && errno != EAGAIN)
        conn->is_doomed = true;
    if (got > 0)
        conn->size += (size_t)got;
    used = take_command(conn, args, &count);
    if (used > 0 && count > 0) {
        obey(fake, conn, args, count);
        memmove(conn->in, conn->in + used, conn->size - used);
        conn->size -= used;
    }
    if (conn->is_doomed) {
        (void)close(conn->fd);
        conn->fd = -1;
    }
}

static void keep_listener(struct fake *fake, int node)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    const int on = 1;

    if (fake->ways[node] == FAKE_DOWN && fake->listeners[node] >= 0) {
        (void)close(fake->listeners[node]);
        fake->listeners[node] = -1;
    }
    if (fake->ways[node] == FAKE_DOWN || fake->listeners[node] >= 0)
        return;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)fake->ports[node]);
    fake->listeners[node] =
        socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)setsockopt(fake->listeners[node], SOL_SOCKET, SO_REUSEADDR, &on,
                     sizeof on);
    ORD_ASSERT(bind(fake->listeners[node], (struct sockaddr *)&address,
                    sizeof address) == 0);
    ORD_ASSERT(listen(fake->listeners[node], 16) == 0);
    if (fake->ports[node] == 0) {
        socklen_t size = sizeof address;

        (void)getsockname(fake->listeners[node], (struct sockaddr *)&address,
                          &size);
        fake->ports[node] = ntohs(address.sin_port);
    }
}

static void greet(struct fake *fake, int node)
{
    int fd = accept4(fake->listeners[node], NULL, NULL, SOCK_CLOEXEC);

    for (int i = 0; i < FAKE_CONNS_MAX && fd >= 0; i++) {
        if (fake->conns[i].fd < 0) {
            fake->conns[i] = (struct fake_conn){.fd = fd, .node = node};
            return;
        }
    }
    if (fd >= 0)
        (void)close(fd);
}

static void *fake_main(void *context)
{
    struct fake *fake = context;

    while (!fake->is_over) {
        for (int node = 0; node < FAKE_NODES; node++) {
            keep_listener(fake, node);
            if (fake->listeners[node] >= 0)
                greet(fake, node);
        }
        for (int i = 0; i < FAKE_CONNS_MAX; i++) {
            struct fake_conn *conn = &fake->conns[i];
            struct pollfd ready = {.fd = conn->fd, .events = POLLIN};

            if (conn->fd >= 0 && fake->ways[conn->node] == FAKE_DOWN) {
                (void)close(conn->fd);
                conn->fd = -1;
            } else if (conn->fd >= 0 && fake->ways[conn->node] != FAKE_DEAF &&
                       poll(&ready, 1, 0) > 0) {
                hear(fake, conn);
            }
        }
        (void)poll(NULL, 0, 1);
    }
    return NULL;
}

void fake_start(struct fake *fake)
{
    memset(fake, 0, sizeof *fake);
    (void)pthread_mutex_init(&fake->lock, NULL);
    for (int i = 0; i < FAKE_CONNS_MAX; i++)
        fake->conns[i].fd = -1;
    fake->position = 10;
    for (int node = 0; node < FAKE_NODES; node++) {
        fake->listeners[node] = -1;
        fake->epochs[node] = 3;
        fake->ways[node] = node == 0 ? FAKE_LEADS : FAKE_FOLLOWS;
        keep_listener(fake, node); /* now, so that the ports are known */
    }
    ORD_ASSERT(pthread_create(&fake->thread, NULL, fake_main, fake) == 0);
}

void fake_stop(struct fake *fake)
{
    fake->is_over = true;
    (void)pthread_join(fake->thread, NULL);
    for (int i = 0; i < FAKE_CONNS_MAX; i++) {
        if (fake->conns[i].fd >= 0)
            (void)close(fake->conns[i].fd);
    }
    for (int node = 0; node < FAKE_NODES; node++) {
        if (fake->listeners[node] >= 0)
            (void)close(fake->listeners[node]);
    }
}

void fake_look(struct fake *fake, char out[FAKE_TRACE_SIZE])
{
    (void)pthread_mutex_lock(&fake->lock);
    memcpy(out, fake->trace, FAKE_TRACE_SIZE);
    fake->trace[0] = '\0';
    (void)pthread_mutex_unlock(&fake->lock);
}

/* ---- a client program --------------------------------------------------- */

static bool spawn(struct program *program, char *const *argv)
{
    posix_spawn_file_actions_t actions;
    int to[2];
    int from[2];
    int rc;

    program->size = 0;
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
        return false;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    (void)posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    rc = posix_spawn(&program->pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(to[0]);
    (void)close(from[1]);
    program->to = to[1];
    program->from = from[0];
    return rc == 0;
}

static bool read_line(struct program *program)
{
    int64_t deadline_ns = ord_now_ns() + SAY_MS * ORD_MS;

    while (ord_now_ns() < deadline_ns) {
        struct pollfd ready = {.fd = program->from, .events = POLLIN};
        char *end = memchr(program->in, '\n', program->size);
        ssize_t got;

        if (end != NULL) {
            size_t size = (size_t)(end - program->in);

            memcpy(program->line, program->in, size);
            program->line[size] = '\0';
            program->size -= size + 1;
            memmove(program->in, end + 1, program->size);
            return true;
        }
        if (poll(&ready, 1, STEP_MS) <= 0)
            continue;
        got = read(program->from, program->in + program->size,
                   sizeof program->in - program->size);
        if (got <= 0)
            return false;
        program->size += (size_t)got;
    }
    return false;
}

bool program_say(struct program *program, const char *line)
{
    char text[4096];
    int size = snprintf(text, sizeof text, "%s\n", line);

    return write(program->to, text, (size_t)size) == size && read_line(program);
}

static void program_path(enum program_kind kind, char *out, size_t size)
{
    if (kind == PROGRAM_C)
        (void)snprintf(out, size, "%s/refdb-client", getenv("ORD_BIN"));
    else
        (void)snprintf(out, size, "%s/targets/refdb/client.py",
                       getenv("ORD_SOURCE"));
}

bool program_start(struct program *program, enum program_kind kind,
                   const struct fake *fake, int home, const char *workload,
                   const char *settings, int timeout_ms)
{
    char path[1024];
    char line[2048];
    char *argv[] = {path, NULL};

    program_path(kind, path, sizeof path);
    if (!spawn(program, argv))
        return false;
    (void)snprintf(
        line, sizeof line,
        "{\"ordeal\":1,\"node\":\"n%d\",\"ip\":\"127.0.0.1:%d\",\"nodes\":["
        "{\"name\":\"n1\",\"ip\":\"127.0.0.1:%d\"},"
        "{\"name\":\"n2\",\"ip\":\"127.0.0.1:%d\"},"
        "{\"name\":\"n3\",\"ip\":\"127.0.0.1:%d\"}],\"worker\":0,"
        "\"process\":5,\"seed\":9,\"timeout_ms\":%d,\"workload\":\"%s\","
        "\"settings\":{%s}}",
        home, fake->ports[home - 1], fake->ports[0], fake->ports[1],
        fake->ports[2], timeout_ms, workload, settings);
    return program_say(program, line) && strstr(program->line, "ready") != NULL;
}

static int reap(struct program *program)
{
    int64_t deadline_ns = ord_now_ns() + SAY_MS * ORD_MS;
    int status;

    (void)close(program->from);
    while (ord_now_ns() < deadline_ns) {
        if (waitpid(program->pid, &status, WNOHANG) == program->pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        (void)poll(NULL, 0, STEP_MS);
    }
    (void)kill(program->pid, SIGKILL);
    (void)waitpid(program->pid, &status, 0);
    return -1;
}

int program_end(struct program *program)
{
    (void)close(program->to);
    return reap(program);
}

int program_probe(struct program *program, const char *option,
                  const char *address)
{
    char path[1024];
    char first[64];
    char second[64];
    char *argv[] = {path, first, second, NULL};

    program_path(PROGRAM_C, path, sizeof path);
    (void)snprintf(first, sizeof first, "%s", option);
    (void)snprintf(second, sizeof second, "%s", address);
    program->line[0] = '\0';
    if (!spawn(program, argv))
        return -1;
    (void)read_line(program);
    return program_end(program);
}
