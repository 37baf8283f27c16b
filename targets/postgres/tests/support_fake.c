#include "support_fake.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/buf.h"

enum { CONNS_MAX = 16, INPUT_SIZE = 4096 };

struct conn {
    int fd; /* -1: none */
    struct fake *fake;
    bool is_greeted;
    size_t size;
    char input[INPUT_SIZE];
};

struct fake fakes[FAKES_MAX];
static struct conn conns[CONNS_MAX];
static pthread_t thread;
static _Atomic bool is_over;

/* ---- messages ------------------------------------------------------------ */

static void put(struct ord_buf *out, char type, const char *body, size_t size)
{
    uint32_t length = htonl((uint32_t)size + 4);

    ord_buf_char(out, type);
    ord_buf_add(out, (struct ord_bytes){(const char *)&length, 4});
    ord_buf_add(out, (struct ord_bytes){body, size});
}

static void put_tag(struct ord_buf *out, const char *tag)
{
    put(out, 'C', tag, strlen(tag) + 1);
}

static void put_problem(struct ord_buf *out, char type, const char *severity,
                        const char *state, const char *text)
{
    char body[256];
    int size = snprintf(body, sizeof body, "S%s%cV%s%cC%s%cM%s%c%c", severity,
                        0, severity, 0, state, 0, text, 0, 0);

    put(out, type, body, (size_t)size);
}

/* Rows of as many columns of text. */
static void put_rows(struct ord_buf *out, uint16_t columns,
                     const char *const *fields)
{
    uint16_t count = htons(columns);
    struct ord_buf body;

    ord_buf_init(&body, 4096);
    ord_buf_add(&body, (struct ord_bytes){(const char *)&count, 2});
    for (uint16_t i = 0; i < columns; i++) { /* name, table, type text, ... */
        ord_buf_add(&body, (struct ord_bytes){"c\0", 2});
        ord_buf_add(&body, (struct ord_bytes){"\0\0\0\0\0\0", 6});
        ord_buf_add(&body, (struct ord_bytes){"\0\0\0\x19\xff\xff", 6});
        ord_buf_add(&body, (struct ord_bytes){"\xff\xff\xff\xff\0\0", 6});
    }
    put(out, 'T', body.at, body.size);
    while (*fields != NULL) {
        ord_buf_clear(&body);
        ord_buf_add(&body, (struct ord_bytes){(const char *)&count, 2});
        for (uint16_t i = 0; i < columns; i++, fields++) {
            uint32_t length = htonl((uint32_t)strlen(*fields));

            ord_buf_add(&body, (struct ord_bytes){(const char *)&length, 4});
            ord_buf_text(&body, *fields);
        }
        put(out, 'D', body.at, body.size);
    }
    put_tag(out, "SELECT 1");
    ord_buf_fini(&body);
}

static void put_ready(struct ord_buf *out, char state)
{
    put(out, 'Z', &state, 1);
}

/* ---- answers ------------------------------------------------------------- */

static void put_way(struct ord_buf *out, enum way way)
{
    switch (way) {
    case WAY_NO_ROW:
        put_tag(out, "UPDATE 0");
        break;
    case WAY_CONFLICT:
        put_problem(out, 'E', "ERROR", "40001", "could not serialize");
        break;
    case WAY_DEADLOCK:
        put_problem(out, 'E', "ERROR", "40P01", "deadlock detected");
        break;
    case WAY_CONSTRAINT:
        put_problem(out, 'E', "ERROR", "23505", "duplicate key");
        break;
    case WAY_READ_ONLY:
        put_problem(out, 'E', "ERROR", "25006", "read-only transaction");
        break;
    case WAY_WHO_KNOWS:
        put_problem(out, 'E', "ERROR", "40003", "completion unknown");
        break;
    case WAY_INTERNAL:
        put_problem(out, 'E', "ERROR", "XX000", "internal");
        break;
    case WAY_CANCELLED:
        put_problem(out, 'E', "ERROR", "57014", "canceling statement");
        break;
    case WAY_SHUTDOWN:
        put_problem(out, 'E', "FATAL", "57P01", "terminating connection");
        return;
    case WAY_FATAL:
        put_problem(out, 'E', "FATAL", "53200", "out of memory");
        return;
    case WAY_WAIT_BROKEN:
        put_problem(out, 'N', "WARNING", "01000",
                    "canceling wait for synchronous replication due to user "
                    "request");
        put_tag(out, "INSERT 0 1");
        break;
    case WAY_OTHER_NOTICE:
        put_problem(out, 'N', "WARNING", "01000", "beware");
        put_tag(out, "INSERT 0 1");
        break;
    case WAY_ROLLED_BACK:
        put_tag(out, "ROLLBACK");
        break;
    case WAY_NOTHING:
        break;
    case WAY_HALF:
        ord_buf_add(out, (struct ord_bytes){"C\0\0\0\x0fINS", 8});
        return;
    case WAY_GARBAGE:
        ord_buf_text(out, "HTTP/1.1 200 OK\r\n\r\n");
        return;
    case WAY_SILENT:
        return;
    default:
        put_tag(out, "INSERT 0 1");
        break;
    }
    put_ready(out, 'I');
}

/* False: the connection ends here. */
static bool answer(struct conn *conn, const char *sql, struct ord_buf *out)
{
    static const char *const primary[] = {"f", "3", NULL};
    static const char *const standby[] = {"t", "-1", NULL};
    static const char *const value[] = {"5", NULL};
    static const char *const nothing[] = {NULL};
    static const char *const balances[] = {"1", "10", "2", "20", NULL};
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    struct fake *fake = conn->fake;
    enum way way = (enum way)fake->way;

    if (strncmp(sql, "SELECT pg_is_in_recovery()", 26) == 0) {
        put_rows(out, 2, fake->is_standby ? standby : primary);
        put_ready(out, 'I');
        return true;
    }
    if (strncmp(sql, "SET ", 4) == 0)
        (void)snprintf(fake->set, sizeof fake->set, "%s", sql);
    if (strncmp(sql, "SET ", 4) == 0 || strcmp(sql, "ROLLBACK") == 0) {
        put_tag(out, *sql == 'S' ? "SET" : "ROLLBACK");
        put_ready(out, 'I');
        return true;
    }
    if (strncmp(sql, "BEGIN; SELECT id FROM inserts", 29) == 0) {
        put_tag(out, "BEGIN");
        put_rows(out, 1, fake->has_insert ? value : nothing);
        put_ready(out, 'T');
        return true;
    }
    if (strstr(sql, "SELECT v") != NULL && fake->calm-- > 0) {
        if (*sql == 'B')
            put_tag(out, "BEGIN");
        put_rows(out, 1, fake->calm == 0 ? nothing : value);
        put_ready(out, 'T');
        return true;
    }
    if (strncmp(sql, "BEGIN; SELECT id, balance", 25) == 0) {
        put_tag(out, "BEGIN");
        put_rows(out, 2, balances);
        put_ready(out, 'T');
        return true;
    }
    (void)snprintf(fake->sql, sizeof fake->sql, "%s", sql);
    fake->count++;
    if (fake->strikes_at != NULL && strcmp(sql, fake->strikes_at) != 0) {
        put_tag(out, "INSERT 0 1");
        put_ready(out, 'T');
        return true;
    }
    if (way == WAY_RESETS)
        (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (way == WAY_CLOSES || way == WAY_RESETS)
        return false;
    put_way(out, way);
    return way != WAY_SHUTDOWN && way != WAY_FATAL && way != WAY_HALF &&
           way != WAY_GARBAGE && way != WAY_LEAVES;
}

static bool greet(const struct conn *conn, struct ord_buf *out)
{
    if (conn->fake->way == WAY_STARTING) {
        put_problem(out, 'E', "FATAL", "57P03", "is starting up");
        return false;
    }
    put(out, 'R', "\0\0\0\0", 4);
    put_ready(out, 'I');
    return true;
}

/* Handles every whole message in the input; false: the end. */
static bool digest(struct conn *conn, struct ord_buf *out)
{
    for (;;) {
        size_t head = conn->is_greeted ? 5 : 4;
        uint32_t length;

        if (conn->size < head)
            return true;
        memcpy(&length, conn->input + head - 4, 4);
        length = ntohl(length) + (conn->is_greeted ? 1 : 0);
        if (conn->size < length)
            return true;
        if (!conn->is_greeted) {
            conn->is_greeted = true;
            if (!greet(conn, out))
                return false;
        } else if (conn->input[0] != 'Q' ||
                   !answer(conn, conn->input + 5, out)) {
            return false;
        }
        conn->size -= length;
        memmove(conn->input, conn->input + length, conn->size);
    }
}

/* ---- the loop ------------------------------------------------------------ */

static void serve(struct conn *conn)
{
    ssize_t got =
        recv(conn->fd, conn->input + conn->size, INPUT_SIZE - conn->size, 0);
    bool goes_on = got > 0;
    struct ord_buf out;

    ord_buf_init(&out, 1 << 16);
    if (goes_on) {
        conn->size += (size_t)got;
        goes_on = digest(conn, &out);
    }
    if (out.size > 0)
        (void)send(conn->fd, out.at, out.size, MSG_NOSIGNAL);
    ord_buf_fini(&out);
    if (!goes_on) {
        (void)close(conn->fd);
        conn->fd = -1;
    }
}

static void take(struct fake *fake)
{
    int fd = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);

    for (int i = 0; fd >= 0 && i < CONNS_MAX; i++) {
        if (conns[i].fd >= 0)
            continue;
        conns[i] = (struct conn){.fd = fd, .fake = fake};
        return;
    }
    (void)close(fd);
}

static void *loop(void *context)
{
    (void)context;
    while (!is_over) {
        struct pollfd fds[FAKES_MAX + CONNS_MAX];

        for (int i = 0; i < FAKES_MAX; i++)
            fds[i] = (struct pollfd){.fd = fakes[i].listener, .events = POLLIN};
        for (int i = 0; i < CONNS_MAX; i++)
            fds[FAKES_MAX + i] =
                (struct pollfd){.fd = conns[i].fd, .events = POLLIN};
        if (poll(fds, FAKES_MAX + CONNS_MAX, 10) <= 0)
            continue;
        for (int i = 0; i < CONNS_MAX; i++) {
            if (fds[FAKES_MAX + i].revents != 0)
                serve(&conns[i]);
        }
        for (int i = 0; i < FAKES_MAX; i++) {
            if (fds[i].revents != 0)
                take(&fakes[i]);
        }
    }
    return NULL;
}

void fakes_start(void)
{
    for (int i = 0; i < CONNS_MAX; i++)
        conns[i].fd = -1;
    for (int i = 0; i < FAKES_MAX; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        socklen_t size = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
        cr_assert_eq(listen(fd, 8), 0);
        (void)getsockname(fd, (struct sockaddr *)&address, &size);
        fakes[i].listener = fd;
        (void)snprintf(fakes[i].where, sizeof fakes[i].where, "127.0.0.1:%d",
                       ntohs(address.sin_port));
    }
    cr_assert_eq(pthread_create(&thread, NULL, loop, NULL), 0);
}

void fakes_stop(void)
{
    is_over = true;
    (void)pthread_join(thread, NULL);
    for (int i = 0; i < FAKES_MAX; i++)
        (void)close(fakes[i].listener);
    for (int i = 0; i < CONNS_MAX; i++) {
        if (conns[i].fd >= 0)
            (void)close(conns[i].fd);
    }
}
