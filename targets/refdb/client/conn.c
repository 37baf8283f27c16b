#include "targets/refdb/client/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "targets/refdb/client/reply.h"

enum { OUT_MAX = 4 << 20, READ_SIZE = 1 << 16, HOST_SIZE = 64 };

/* ---- life --------------------------------------------------------------- */

bool kv_conn_init(struct kv_conn *conn, const char *ip, bool wants_meta)
{
    const char *colon = strchr(ip, ':');
    size_t size = colon != NULL ? (size_t)(colon - ip) : strlen(ip);
    char host[HOST_SIZE];
    int64_t port = KV_PORT;

    *conn = (struct kv_conn){.fd = -1, .wants_meta = wants_meta};
    ord_buf_init(&conn->in, KV_REPLY_MAX + READ_SIZE);
    ord_buf_init(&conn->out, OUT_MAX);
    if (size >= sizeof host)
        return false;
    memcpy(host, ip, size);
    host[size] = '\0';
    if (colon != NULL) {
        struct ord_client_value value =
            ord_client_scalar(ord_bytes_of(colon + 1));

        if (value.kind != ORD_CLIENT_INT)
            return false;
        port = value.as.number;
    }
    conn->address.sin_family = AF_INET;
    conn->address.sin_port = htons((uint16_t)port);
    conn->has_address = port > 0 && port <= UINT16_MAX &&
                        inet_pton(AF_INET, host, &conn->address.sin_addr) == 1;
    return conn->has_address;
}

void kv_conn_drop(struct kv_conn *conn)
{
    if (conn->fd >= 0)
        (void)close(conn->fd);
    conn->fd = -1;
    conn->is_checked = false;
    conn->reply_size = 0;
    ord_buf_clear(&conn->in);
}

void kv_conn_fini(struct kv_conn *conn)
{
    kv_conn_drop(conn);
    ord_buf_fini(&conn->in);
    ord_buf_fini(&conn->out);
}

void kv_cmd_add(struct kv_cmd *cmd, struct ord_bytes arg)
{
    ORD_ASSERT(cmd->count < KV_ARGS_MAX);
    cmd->args[cmd->count++] = arg;
}

/* ---- bytes -------------------------------------------------------------- */

/* True once fd has one of the events; false at the deadline. */
static bool wait_for(int fd, short events, int64_t deadline_ns)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left_ns = deadline_ns - ord_now_ns();
        struct timespec left;
        int got;

        if (left_ns <= 0)
            return false;
        left = (struct timespec){.tv_sec = left_ns / ORD_S,
                                 .tv_nsec = left_ns % ORD_S};
        got = ppoll(&poll_fd, 1, &left, NULL);
        if (got > 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
    }
}

static bool connect_until(struct kv_conn *conn, int64_t deadline_ns)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    int error = 0;
    socklen_t size = sizeof error;

    if (fd < 0)
        return false;
    conn->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&conn->address,
                sizeof conn->address) == 0)
        return true;
    return errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline_ns) &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
           error == 0;
}

/* Nothing may be there before we ask: neither an end nor old bytes. */
static bool is_quiet(const struct kv_conn *conn)
{
    char byte;
    ssize_t got;

    if (conn->in.size > 0)
        return false;
    got = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* KV_DONE: all of `out` is in the kernel's hands. */
static enum kv_end send_until(struct kv_conn *conn, int64_t deadline_ns)
{
    size_t sent = 0;

    while (sent < conn->out.size) {
        ssize_t got = send(conn->fd, conn->out.at + sent, conn->out.size - sent,
                           MSG_NOSIGNAL);

        if (got > 0)
            sent += (size_t)got;
        else if (got < 0 && errno == EINTR)
            continue;
        else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) &&
                 wait_for(conn->fd, POLLOUT, deadline_ns))
            continue;
        else
            return sent == 0 ? KV_NOT_SENT : KV_LOST;
    }
    return KV_DONE;
}

/* Reads what there is, once something is. */
static enum kv_end read_some(struct kv_conn *conn, int64_t deadline_ns)
{
    for (;;) {
        char *room = ord_buf_reserve(&conn->in, READ_SIZE);
        ssize_t got;

        if (room == NULL)
            return KV_LOST;
        got = recv(conn->fd, room, READ_SIZE, 0);
        if (got > 0) {
            ord_buf_commit(&conn->in, (size_t)got);
            return KV_DONE;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK) ||
            !wait_for(conn->fd, POLLIN, deadline_ns))
            return KV_LOST;
    }
}

/* Reads until one whole reply stands at the front of `in`. */
static enum kv_end receive_until(struct kv_conn *conn, int64_t deadline_ns)
{
    for (;;) {
        enum kv_scan scan =
            kv_reply_scan(ord_buf_bytes(&conn->in), &conn->reply_size);

        if (scan == KV_SCAN_WHOLE)
            return KV_DONE;
        if (scan == KV_SCAN_BAD || conn->in.size > KV_REPLY_MAX)
            return KV_GARBAGE;
        if (read_some(conn, deadline_ns) != KV_DONE)
            return KV_LOST;
    }
}

/* ---- checksums: see CHECK in refdb's README.md --------------------------- */

enum { CRC_TEXT_SIZE = 14 }; /* "$8\r\n0123abcd\r\n" */

static uint32_t crc_add(uint32_t crc, struct ord_bytes bytes)
{
    return (uint32_t)crc32(crc, (const unsigned char *)bytes.at,
                           (unsigned)bytes.size);
}

static uint32_t crc_add_size(uint32_t crc, uint32_t size)
{
    const char at[4] = {(char)(size & 255), (char)(size >> 8 & 255),
                        (char)(size >> 16 & 255), (char)(size >> 24)};

    return crc_add(crc, (struct ord_bytes){at, sizeof at});
}

static void crc_print(uint32_t crc, char out[CRC_TEXT_SIZE + 1])
{
    (void)snprintf(out, CRC_TEXT_SIZE + 1, "$8\r\n%08x\r\n", crc);
}

/* The checksum behind the reply covers the request's and the reply. */
static enum kv_end check_reply(struct kv_conn *conn, int64_t deadline_ns)
{
    struct ord_bytes reply = {.size = conn->reply_size};
    char want[CRC_TEXT_SIZE + 1];

    while (conn->in.size < reply.size + CRC_TEXT_SIZE) {
        if (read_some(conn, deadline_ns) != KV_DONE)
            return KV_LOST;
    }
    reply.at = conn->in.at;
    crc_print(crc_add(crc_add_size(0, conn->request_crc), reply), want);
    return memcmp(reply.at + reply.size, want, CRC_TEXT_SIZE) == 0 ? KV_DONE
                                                                   : KV_GARBAGE;
}

/* ---- calls -------------------------------------------------------------- */

struct refusal_word {
    const char *word;
    enum kv_refusal refusal;
};

static const struct refusal_word refusal_words[] = {
    {"NOTLEADER", KV_REFUSED_NOT_LEADER}, {"NOLEADER", KV_REFUSED_NO_LEADER},
    {"LAGGING", KV_REFUSED_LAGGING},      {"FENCED", KV_REFUSED_FENCED},
    {"LOADING", KV_REFUSED_LOADING},      {"ERR", KV_REFUSED_COMMAND},
};
_Static_assert(sizeof refusal_words / sizeof *refusal_words == KV_REFUSALS,
               "every refusal has its word");

static struct ord_bytes word_of(struct ord_bytes text, size_t *next)
{
    size_t start = *next;
    size_t end;

    while (start < text.size && text.at[start] == ' ')
        start++;
    end = start;
    while (end < text.size && text.at[end] != ' ')
        end++;
    *next = end;
    return (struct ord_bytes){text.at + start, end - start};
}

/* Only a word that we know to mean "I did nothing" is a rejection. */
static enum kv_end judge_error(struct ord_bytes text, struct kv_reply *reply)
{
    size_t next = 0;
    struct ord_bytes word = word_of(text, &next);

    for (size_t i = 0; i < KV_REFUSALS; i++) {
        struct ord_client_value hint;

        if (!ord_bytes_is(word, refusal_words[i].word))
            continue;
        reply->refusal = refusal_words[i].refusal;
        hint = ord_client_scalar(word_of(text, &next));
        if (reply->refusal == KV_REFUSED_NOT_LEADER &&
            hint.kind == ORD_CLIENT_INT)
            reply->hint = hint.as.number;
        return KV_REJECTED;
    }
    return ord_bytes_is(word, "UNCERTAIN") ? KV_UNCERTAIN : KV_GARBAGE;
}

static enum kv_end judge(const struct kv_conn *conn, struct ord_arena *arena,
                         struct kv_reply *reply)
{
    struct kv_item item;

    if (!kv_reply_parse((struct ord_bytes){conn->in.at, conn->reply_size},
                        arena, &item))
        return KV_LOST;
    reply->item = item;
    if (item.kind == KV_ERROR)
        return judge_error(item.text, reply);
    if (!conn->wants_meta)
        return KV_DONE;
    if (item.kind != KV_ARRAY || item.count != 4 ||
        item.items[1].kind != KV_INT || item.items[2].kind != KV_INT ||
        item.items[3].kind != KV_INT)
        return KV_GARBAGE;
    reply->item = item.items[0];
    reply->node_id = item.items[1].number;
    reply->epoch = item.items[2].number;
    reply->position = item.items[3].number;
    return reply->item.kind == KV_ERROR ? judge_error(reply->item.text, reply)
                                        : KV_DONE;
}

static bool put_cmd(struct kv_conn *conn, const struct kv_cmd *cmd)
{
    struct ord_buf *out = &conn->out;
    char check[CRC_TEXT_SIZE + 1];

    ord_buf_clear(out);
    ord_buf_char(out, '*');
    ord_buf_int(out, cmd->count + (conn->is_checked ? 1 : 0));
    ord_buf_text(out, "\r\n");
    conn->request_crc = 0;
    for (uint32_t i = 0; i < cmd->count; i++) {
        ord_buf_char(out, '$');
        ord_buf_int(out, (int64_t)cmd->args[i].size);
        ord_buf_text(out, "\r\n");
        ord_buf_add(out, cmd->args[i]);
        ord_buf_text(out, "\r\n");
        conn->request_crc =
            crc_add_size(conn->request_crc, (uint32_t)cmd->args[i].size);
        conn->request_crc = crc_add(conn->request_crc, cmd->args[i]);
    }
    crc_print(conn->request_crc, check);
    if (conn->is_checked)
        ord_buf_text(out, check);
    return !out->failed;
}

/* A switch of the connection; the reply stays in `in` until it is dropped. */
static bool set_switch(struct kv_conn *conn, const char *request,
                       int64_t deadline_ns)
{
    ord_buf_consume(&conn->in, conn->reply_size);
    conn->reply_size = 0;
    ord_buf_clear(&conn->out);
    ord_buf_text(&conn->out, request);
    return send_until(conn, deadline_ns) == KV_DONE &&
           receive_until(conn, deadline_ns) == KV_DONE;
}

/* A connection that is ready to be asked something. */
static bool open_until(struct kv_conn *conn, int64_t deadline_ns)
{
    static const char unknown[] = "-ERR unknown command 'CHECK'\r\n";
    struct ord_bytes reply;

    if (conn->fd >= 0 && is_quiet(conn))
        return true;
    kv_conn_drop(conn);
    if (!connect_until(conn, deadline_ns))
        return false;
    if (!conn->wants_meta)
        return true;
    if (!set_switch(conn, "*2\r\n$4\r\nMETA\r\n$2\r\nON\r\n", deadline_ns) ||
        conn->in.at[0] == '-' ||
        !set_switch(conn, "*2\r\n$5\r\nCHECK\r\n$2\r\nON\r\n", deadline_ns))
        return false;
    reply = (struct ord_bytes){conn->in.at, conn->reply_size};
    conn->is_checked = reply.at[0] != '-';
    /* Any other error may be a damaged request: do not go on unprotected. */
    if (!conn->is_checked && !ord_bytes_is(reply, unknown))
        return false;
    ord_buf_consume(&conn->in, conn->reply_size);
    conn->reply_size = 0;
    return is_quiet(conn);
}

enum kv_end kv_conn_call(struct kv_conn *conn, const struct kv_cmd *cmd,
                         int64_t connect_ns, int64_t deadline_ns,
                         struct ord_arena *arena, struct kv_reply *reply)
{
    enum kv_end end;

    ORD_ASSERT(cmd->count > 0);
    *reply = (struct kv_reply){.epoch = -1, .position = -1};
    /* What the last reply lent is taken back now. */
    ord_buf_consume(&conn->in, conn->reply_size);
    conn->reply_size = 0;
    if (connect_ns > deadline_ns)
        connect_ns = deadline_ns;
    if (!conn->has_address || !open_until(conn, connect_ns) ||
        !put_cmd(conn, cmd)) {
        kv_conn_drop(conn);
        return KV_NOT_SENT;
    }
    reply->sent_ns = ord_now_ns();
    end = send_until(conn, deadline_ns);
    if (end == KV_DONE)
        end = receive_until(conn, deadline_ns);
    if (end == KV_DONE && conn->is_checked)
        end = check_reply(conn, deadline_ns);
    if (end == KV_DONE) {
        reply->received_ns = ord_now_ns();
        end = judge(conn, arena, reply);
        if (conn->is_checked)
            conn->reply_size += CRC_TEXT_SIZE;
    }
    /* A late answer must never be taken for the next call's. */
    if (end == KV_NOT_SENT || end == KV_LOST || end == KV_GARBAGE)
        kv_conn_drop(conn);
    return end;
}
