/* peers.c -- connections to the other nodes.
 *
 * One two-way connection per pair; the higher id dials.  After a cut, TCP
 * alone may stay silent for seconds: a connection on which nothing was heard
 * for SILENCE_MS is closed and dialled again.  A dial that hangs does not hold
 * up the next one: several run side by side and the first to get through wins.
 * So a healed link is in use again within DIAL_EVERY_MS and a round trip.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "targets/refdb/node.h"

enum {
    PING_MS = 50,
    SILENCE_MS = 400,
    DIAL_EVERY_MS = 60,
    CROWD = 5,      /* nodes that these intervals are meant for */
    DIAL_MS = 4000, /* a slow link may need that long */
    NAMELESS_MS = 2000,
    OUT_SIZE_MAX = 64 << 20,
    IN_SIZE_MAX = 2 * RD_FRAME_SIZE_MAX,
};

static struct rd_conn *conn_new(struct rd_node *node, int fd,
                                enum rd_conn_state state, uint32_t peer)
{
    int yes = 1;

    for (uint32_t i = 0; i < RD_CONN_MAX; i++) {
        struct rd_conn *conn = &node->conn[i];

        if (conn->state != RD_CONN_FREE)
            continue;
        *conn = (struct rd_conn){.state = state,
                                 .fd = fd,
                                 .peer = peer,
                                 .since_ns = node->now,
                                 .heard_ns = node->now,
                                 .sent_ns = node->now};
        ord_buf_init(&conn->in, IN_SIZE_MAX);
        ord_buf_init(&conn->out, OUT_SIZE_MAX);
        ord_buf_init(&conn->late, OUT_SIZE_MAX);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        conn->is_writing = state == RD_CONN_DIALING;
        if (!rd_watch(node, fd, RD_TAG_CONN, i, conn->is_writing, true))
            break;
        return conn;
    }
    (void)close(fd);
    return NULL;
}

static void conn_close(struct rd_node *node, struct rd_conn *conn)
{
    uint32_t slot = (uint32_t)(conn - node->conn);
    uint32_t peer = conn->peer;
    bool was_link = conn->state == RD_CONN_UP && node->link[peer] == slot + 1;

    ORD_ASSERT(conn->state != RD_CONN_FREE);
    (void)close(conn->fd);
    ord_buf_fini(&conn->in);
    ord_buf_fini(&conn->out);
    ord_buf_fini(&conn->late);
    conn->state = RD_CONN_FREE;
    conn->fd = -1;
    if (was_link) {
        node->link[peer] = 0;
        rd_core_link(&node->core, peer, false, node->now);
    }
}

static void say_hello(struct rd_node *node, struct rd_conn *conn)
{
    struct rd_msg msg = {
        .type = RD_HELLO,
        .from = node->config.core.id,
        .to = conn->peer,
        .round = node->config.cluster,
        .stamp = node->now,
    };

    rd_msg_encode(&conn->out, &msg);
}

static void conn_up(struct rd_node *node, struct rd_conn *conn, uint32_t peer)
{
    uint32_t slot = (uint32_t)(conn - node->conn);
    uint32_t old = node->link[peer];

    if (old != 0)
        conn_close(node, &node->conn[old - 1]);
    /* Dials that were slower than this one. */
    for (uint32_t i = 0; i < RD_CONN_MAX; i++)
        if (node->conn[i].state == RD_CONN_DIALING &&
            node->conn[i].peer == peer && &node->conn[i] != conn)
            conn_close(node, &node->conn[i]);
    conn->state = RD_CONN_UP;
    conn->peer = peer;
    conn->heard_ns = node->now;
    node->link[peer] = slot + 1;
    rd_core_link(&node->core, peer, true, node->now);
}

static void dial(struct rd_node *node, uint32_t peer)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(node->config.peer_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    (void)inet_pton(AF_INET, node->config.ip, &from.sin_addr);
    (void)inet_pton(AF_INET, node->config.peer_ip[peer], &to.sin_addr);
    if (bind(fd, (const struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0 &&
         errno != EINPROGRESS)) {
        (void)close(fd);
        return;
    }
    (void)conn_new(node, fd, RD_CONN_DIALING, peer);
}

static void dial_done(struct rd_node *node, struct rd_conn *conn)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ||
        error != 0) {
        conn_close(node, conn);
        return;
    }
    say_hello(node, conn);
    conn_up(node, conn, conn->peer);
}

/* The first frame of an accepted connection; false: not one of us. */
static bool take_hello(struct rd_node *node, struct rd_conn *conn,
                       const struct rd_msg *msg)
{
    if (msg->type != RD_HELLO || msg->from > RD_NODE_MAX ||
        msg->from == node->config.core.id || msg->to != node->config.core.id) {
        rd_say(node, "refused a peer: it does not say who it is");
        return false;
    }
    /* One that is about to join knows of no cluster yet. */
    if (msg->round != node->config.cluster && msg->round != 0 &&
        node->config.cluster != 0) {
        rd_say(node, "refused peer %u: it has another --peers or --ack",
               msg->from);
        return false;
    }
    conn_up(node, conn, msg->from);
    return true;
}

/* Takes all whole frames; the connection may be closed by that. */
static void take_frames(struct rd_node *node, struct rd_conn *conn)
{
    size_t done = 0;

    while (conn->state == RD_CONN_UP || conn->state == RD_CONN_NAMELESS) {
        struct ord_bytes rest = {.at = conn->in.at + done,
                                 .size = conn->in.size - done};
        struct rd_msg msg;
        int64_t used = rd_msg_decode(rest, &msg);

        if (used < 0) {
            rd_say(node, "closed a peer's connection: bad frame");
            conn_close(node, conn);
            return;
        }
        if (used == 0)
            break;
        done += (size_t)used;
        if (conn->state == RD_CONN_NAMELESS) {
            if (!take_hello(node, conn, &msg)) {
                conn_close(node, conn);
                return;
            }
        } else if (msg.from == conn->peer) {
            rd_core_step(&node->core, &msg, node->now);
        }
    }
    if (conn->state != RD_CONN_FREE && done > 0)
        ord_buf_consume(&conn->in, done);
}

void rd_peers_accept(struct rd_node *node)
{
    for (int i = 0; i < RD_NODE_MAX; i++) {
        int fd = accept4(node->peer_listen, NULL, NULL,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        (void)conn_new(node, fd, RD_CONN_NAMELESS, 0);
    }
}

void rd_peers_event(struct rd_node *node, uint32_t slot, uint32_t events)
{
    struct rd_conn *conn = &node->conn[slot];

    if (conn->state == RD_CONN_FREE)
        return;
    if (conn->state == RD_CONN_DIALING) {
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
            dial_done(node, conn);
        return;
    }
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        bool is_there = rd_pull(conn->fd, &conn->in);

        conn->heard_ns = node->now;
        take_frames(node, conn);
        if (!is_there && conn->state != RD_CONN_FREE)
            conn_close(node, conn);
    }
}

/* All talk to all: in a large cluster each pair talks, listens and dials at
 * longer intervals, or keeping in touch would be all that anybody does. */
static int64_t scaled_ns(const struct rd_node *node, int64_t ms)
{
    int64_t crowd = rd_count(node->core.members.voters) / CROWD;

    return ms * ORD_MS * (crowd > 1 ? crowd : 1);
}

static void tick_conn(struct rd_node *node, struct rd_conn *conn)
{
    int64_t silence = node->now - conn->heard_ns;
    int64_t age = node->now - conn->since_ns;

    if ((conn->state == RD_CONN_UP && silence > scaled_ns(node, SILENCE_MS)) ||
        (conn->state == RD_CONN_NAMELESS && age > NAMELESS_MS * ORD_MS) ||
        (conn->state == RD_CONN_DIALING && age > DIAL_MS * ORD_MS)) {
        conn_close(node, conn);
        return;
    }
    if (conn->state == RD_CONN_UP &&
        node->now - conn->sent_ns > scaled_ns(node, PING_MS)) {
        struct rd_msg ping = {.type = RD_PING,
                              .from = node->config.core.id,
                              .to = conn->peer,
                              .stamp = node->now};

        rd_msg_encode(&conn->out, &ping);
    }
}

static uint32_t count_dials(struct rd_node *node, uint32_t peer,
                            struct rd_conn **oldest)
{
    uint32_t count = 0;

    *oldest = NULL;
    for (uint32_t i = 0; i < RD_CONN_MAX; i++) {
        struct rd_conn *conn = &node->conn[i];

        if (conn->state != RD_CONN_DIALING || conn->peer != peer)
            continue;
        count++;
        if (*oldest == NULL || conn->since_ns < (*oldest)->since_ns)
            *oldest = conn;
    }
    return count;
}

void rd_peers_tick(struct rd_node *node)
{
    for (uint32_t i = 0; i < RD_CONN_MAX; i++)
        if (node->conn[i].state != RD_CONN_FREE)
            tick_conn(node, &node->conn[i]);
    for (uint32_t peer = 1; peer < node->config.core.id; peer++) {
        struct rd_conn *oldest;
        int64_t wait = scaled_ns(node, DIAL_EVERY_MS);

        if (node->config.peer_ip[peer][0] == '\0' || node->link[peer] != 0 ||
            node->now < node->next_dial_ns[peer])
            continue;
        /* Young dials come often, so that a heal is noticed; of the others
         * the oldest live on, for a link that is only slow. */
        if (count_dials(node, peer, &oldest) >= RD_DIAL_MAX) {
            struct rd_conn *newest = oldest;

            for (uint32_t i = 0; i < RD_CONN_MAX; i++)
                if (node->conn[i].state == RD_CONN_DIALING &&
                    node->conn[i].peer == peer &&
                    node->conn[i].since_ns > newest->since_ns)
                    newest = &node->conn[i];
            conn_close(node, newest);
        }
        dial(node, peer);
        node->next_dial_ns[peer] = node->now + wait;
    }
}

void rd_peers_send(struct rd_node *node, const struct rd_msg *msg,
                   bool is_early)
{
    uint32_t link = node->link[msg->to];

    if (link == 0)
        return; /* the core is told when it is back */
    rd_msg_encode(
        is_early ? &node->conn[link - 1].out : &node->conn[link - 1].late, msg);
}

void rd_peers_flush(struct rd_node *node, bool is_synced)
{
    for (uint32_t i = 0; i < RD_CONN_MAX; i++) {
        struct rd_conn *conn = &node->conn[i];

        if (conn->state != RD_CONN_UP)
            continue;
        if (is_synced && conn->late.size > 0) {
            ord_buf_add(&conn->out, ord_buf_bytes(&conn->late));
            ord_buf_clear(&conn->late);
        }
        if (conn->out.size == 0 && !conn->is_writing && !conn->out.failed)
            continue;
        if (conn->out.size > 0)
            conn->sent_ns = node->now;
        if (conn->out.failed || conn->late.failed ||
            !rd_push(conn->fd, &conn->out)) {
            conn_close(node, conn);
            continue;
        }
        if (conn->is_writing != (conn->out.size > 0)) {
            conn->is_writing = conn->out.size > 0;
            (void)rd_watch(node, conn->fd, RD_TAG_CONN, i, conn->is_writing,
                           false);
        }
    }
}

void rd_peers_close(struct rd_node *node)
{
    for (uint32_t i = 0; i < RD_CONN_MAX; i++)
        if (node->conn[i].state != RD_CONN_FREE)
            conn_close(node, &node->conn[i]);
}
