/* session.c -- connections of clients: one request at a time each. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "targets/refdb/node.h"

enum {
    OUT_SIZE_MAX = 64 << 20,
    PUMP_MAX = 64, /* requests of one session in one turn */
    CRC_SIZE = 8,  /* hexadecimal digits */
};

uint64_t rd_token(const struct rd_node *node, const struct rd_session *session)
{
    return (uint64_t)session->generation << 32 |
           (uint64_t)(session - node->session);
}

static struct rd_session *of_token(struct rd_node *node, uint64_t token,
                                   enum rd_session_state state)
{
    struct rd_session *session = &node->session[token & UINT32_MAX];

    ORD_ASSERT((token & UINT32_MAX) < RD_SESSION_MAX);
    if (session->state != state || session->generation != token >> 32)
        return NULL;
    return session;
}

static void session_close(struct rd_session *session)
{
    ORD_ASSERT(session->state != RD_SESSION_FREE);
    (void)close(session->fd);
    ord_buf_fini(&session->in);
    ord_buf_fini(&session->out);
    ord_buf_fini(&session->key);
    session->state = RD_SESSION_FREE;
    session->fd = -1;
}

static void session_open(struct rd_node *node, int fd)
{
    int yes = 1;

    for (uint32_t i = 0; i < RD_SESSION_MAX; i++) {
        struct rd_session *session = &node->session[i];
        uint32_t generation = session->generation + 1;

        if (session->state != RD_SESSION_FREE)
            continue;
        *session = (struct rd_session){
            .state = RD_SESSION_IDLE, .fd = fd, .generation = generation};
        ord_buf_init(&session->in, RD_RESP_REQUEST_MAX + (64 << 10));
        ord_buf_init(&session->out, OUT_SIZE_MAX);
        ord_buf_init(&session->key, RD_RESP_BULK_MAX);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (!rd_watch(node, fd, RD_TAG_SESSION, i, false, true)) {
            session_close(session);
            return;
        }
        if (node->session_high <= i)
            node->session_high = i + 1;
        return;
    }
    (void)close(fd);
}

void rd_sessions_accept(struct rd_node *node)
{
    for (int i = 0; i < RD_SESSION_MAX; i++) {
        int fd = accept4(node->client_listen, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        session_open(node, fd);
    }
}

/* ---- checksums: see CHECK in README.md ------------------------------------
 */

static uint32_t crc_of_size(uint32_t crc, uint32_t size)
{
    const char at[4] = {(char)(size & 255), (char)(size >> 8 & 255),
                        (char)(size >> 16 & 255), (char)(size >> 24)};

    return rd_crc32(crc, (struct ord_bytes){at, sizeof at});
}

/* Takes the checksum off a request's end; false if it does not fit. */
static bool take_check(struct rd_session *session, struct rd_request *request)
{
    char text[CRC_SIZE + 1];
    uint32_t crc = 0;

    if (request->count < 2)
        return false;
    request->count--;
    for (uint32_t i = 0; i < request->count; i++) {
        crc = crc_of_size(crc, (uint32_t)request->arg[i].size);
        crc = rd_crc32(crc, request->arg[i]);
    }
    (void)snprintf(text, sizeof text, "%08x", crc);
    session->request_crc = crc;
    return ord_bytes_is(request->arg[request->count], text);
}

/* The reply at the end of out is whole: its checksum, which also covers the
 * request's, goes behind it. */
static void seal(struct rd_session *session)
{
    char text[CRC_SIZE + 1];
    uint32_t crc;

    ORD_ASSERT(session->sealed_size <= session->out.size);
    if (session->is_sealing && !session->out.failed) {
        crc = crc_of_size(0, session->request_crc);
        crc = rd_crc32(
            crc, (struct ord_bytes){session->out.at + session->sealed_size,
                                    session->out.size - session->sealed_size});
        (void)snprintf(text, sizeof text, "%08x", crc);
        rd_resp_bulk(&session->out, ord_bytes_of(text));
    }
    session->sealed_size = session->out.size;
}

/* Takes requests until one has to wait or none is whole. */
static void pump(struct rd_node *node, struct rd_session *session)
{
    for (int i = 0; i < PUMP_MAX; i++) {
        struct rd_request request;
        int64_t used;

        if (session->state != RD_SESSION_IDLE || session->is_closing)
            return;
        used = rd_resp_parse(session->in.at, session->in.size, &request);
        if (used == 0)
            return;
        if (used < 0) {
            rd_answer_error(session, "ERR Protocol error: bad request");
            session->is_closing = true;
            return;
        }
        session->is_sealing = session->is_checked;
        if (session->is_checked && !take_check(session, &request)) {
            session_close(session); /* damaged: there is nobody to answer */
            return;
        }
        if (request.count > 0)
            rd_command(node, session, &request);
        if (session->state == RD_SESSION_IDLE)
            seal(session);
        ord_buf_consume(&session->in, (size_t)used);
    }
    node->is_pump_due = true;
}

void rd_sessions_event(struct rd_node *node, uint32_t slot, uint32_t events)
{
    struct rd_session *session = &node->session[slot];

    if (session->state == RD_SESSION_FREE)
        return;
    if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
        return;
    if (!rd_pull(session->fd, &session->in)) {
        session_close(session);
        return;
    }
    pump(node, session);
}

void rd_sessions_pump(struct rd_node *node)
{
    node->is_pump_due = false;
    for (uint32_t i = 0; i < node->session_high; i++)
        if (node->session[i].state == RD_SESSION_IDLE &&
            node->session[i].in.size > 0)
            pump(node, &node->session[i]);
}

static void went_idle(struct rd_node *node, struct rd_session *session)
{
    session->state = RD_SESSION_IDLE;
    seal(session);
    if (session->in.size > 0)
        node->is_pump_due = true;
}

void rd_sessions_tick(struct rd_node *node)
{
    for (uint32_t i = 0; i < node->session_high; i++) {
        struct rd_session *session = &node->session[i];

        if (session->state <= RD_SESSION_IDLE ||
            node->now < session->deadline_ns)
            continue;
        if (session->state == RD_SESSION_WRITE)
            rd_answer_error(session, "UNCERTAIN not acknowledged in time");
        else if (session->state == RD_SESSION_READ)
            rd_answer_error(session,
                            "LAGGING the leader could not confirm in time");
        else
            rd_answer_error(session, "LAGGING applied=%llu wanted=%llu",
                            (unsigned long long)node->core.applied,
                            (unsigned long long)session->wanted);
        went_idle(node, session);
    }
}

void rd_sessions_moved(struct rd_node *node)
{
    for (uint32_t i = 0; i < node->session_high; i++) {
        struct rd_session *session = &node->session[i];

        if (session->state != RD_SESSION_BEHIND ||
            node->core.applied < session->wanted)
            continue;
        rd_answer_read(node, session);
        went_idle(node, session);
    }
}

void rd_sessions_read(struct rd_node *node, uint64_t token, bool is_ok)
{
    struct rd_session *session = of_token(node, token, RD_SESSION_READ);

    if (session == NULL)
        return; /* gave up waiting */
    if (is_ok)
        rd_answer_read(node, session);
    else
        rd_answer_elsewhere(node, session);
    went_idle(node, session);
}

void rd_sessions_applied(struct rd_node *node, const struct rd_entry *entry,
                         const struct rd_result *result)
{
    size_t done = 0;

    while (done < node->pending.size) {
        struct rd_pending pending;
        struct rd_session *session;

        memcpy(&pending, node->pending.at + done, sizeof pending);
        if (pending.index > entry->index)
            break;
        done += sizeof pending;
        if (pending.index < entry->index)
            continue;
        session = of_token(node, pending.token, RD_SESSION_WRITE);
        if (session == NULL || session->wanted != entry->index)
            continue;
        rd_answer_write(node, session, entry, result);
        went_idle(node, session);
    }
    if (done > 0)
        ord_buf_consume(&node->pending, done);
}

void rd_sessions_lost(struct rd_node *node)
{
    ord_buf_clear(&node->pending);
    for (uint32_t i = 0; i < node->session_high; i++) {
        struct rd_session *session = &node->session[i];

        if (session->state != RD_SESSION_WRITE)
            continue;
        rd_answer_error(session, "UNCERTAIN leadership was lost");
        went_idle(node, session);
    }
}

void rd_sessions_flush(struct rd_node *node)
{
    for (uint32_t i = 0; i < node->session_high; i++) {
        struct rd_session *session = &node->session[i];
        bool is_more;

        if (session->state == RD_SESSION_FREE ||
            (session->out.size == 0 && !session->is_writing &&
             !session->out.failed))
            continue;
        if (session->out.failed || !rd_push(session->fd, &session->out) ||
            (session->is_closing && session->out.size == 0)) {
            session_close(session);
            continue;
        }
        session->sealed_size = session->out.size;
        is_more = session->out.size > 0;
        if (is_more != session->is_writing) {
            session->is_writing = is_more;
            (void)rd_watch(node, session->fd, RD_TAG_SESSION, i, is_more,
                           false);
        }
    }
}

void rd_sessions_close(struct rd_node *node)
{
    for (uint32_t i = 0; i < node->session_high; i++)
        if (node->session[i].state != RD_SESSION_FREE)
            session_close(&node->session[i]);
}
