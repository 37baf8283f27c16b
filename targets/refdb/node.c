#include "targets/refdb/node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"

enum {
    TURN_MS = 5, /* longest sleep; timers are looked at that often */
    EVENTS_MAX = 128,
    READ_SIZE = 128 << 10,
    LOOSE_MS = 20,        /* applied entries are synced that late at most */
    MUTANT_SYNC_MS = 500, /* mutant no-fsync-ack: disk comes that late */
    SYNC_ROUNDS_MAX = 4,
    PIECE_SIZE = 128 << 10, /* of a snapshot */
    STAGING_SIZE_MAX = 1 << 30,
    PENDING_SIZE_MAX = 16 << 20,
    SCRATCH_SIZE_MAX = RD_ENTRY_SIZE_MAX,
    BACKLOG = 128,
};

void rd_say(struct rd_node *node, const char *format, ...)
{
    char text[512];
    va_list args;
    int64_t now = ord_now_ns();

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(stderr, "%" PRId64 ".%06" PRId64 " n%u %s\n", now / ORD_S,
                  now % ORD_S / ORD_US, node->config.core.id, text);
}

bool rd_watch(struct rd_node *node, int fd, enum rd_tag tag, uint32_t slot,
              bool is_writing, bool is_new)
{
    struct epoll_event event = {
        .events = EPOLLIN | (is_writing ? (uint32_t)EPOLLOUT : 0),
        .data.u64 = (uint64_t)tag << 32 | slot,
    };

    return epoll_ctl(node->epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
                     &event) == 0;
}

int rd_listen(struct rd_node *node, uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)inet_pton(AF_INET, node->config.ip, &at.sin_addr);
    if (fd >= 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    (void)ord_fail_errno(&node->err, "listen on %s:%u", node->config.ip, port);
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

bool rd_push(int fd, struct ord_buf *out)
{
    while (out->size > 0) {
        ssize_t sent = send(fd, out->at, out->size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        ord_buf_consume(out, (size_t)sent);
    }
    return true;
}

bool rd_pull(int fd, struct ord_buf *in)
{
    size_t room = in->size_max - in->size;
    size_t size = room < READ_SIZE ? room : READ_SIZE;
    char *at;
    ssize_t got;

    if (size == 0)
        return true; /* what is there has to be used up first */
    at = ord_buf_reserve(in, size);
    if (at == NULL)
        return false;
    got = recv(fd, at, size, 0);
    if (got > 0)
        ord_buf_commit(in, (size_t)got);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* --- what the core asks for ------------------------------------------- */

static void out_send(void *ctx, const struct rd_msg *msg, bool is_early)
{
    rd_peers_send(ctx, msg, is_early);
}

static bool is_sound(const struct rd_node *node)
{
    return node->err.rc == ORD_OK;
}

static void out_hard(void *ctx, const struct rd_hard *hard)
{
    struct rd_node *node = ctx;
    struct rd_hard kept = *hard;

    if (node->config.core.mutant == RD_MUTANT_FORGET_VOTE)
        kept.vote = 0;
    if (is_sound(node))
        (void)rd_storage_hard(node->storage, &kept, &node->err);
}

static void out_append(void *ctx, const struct rd_entry *entry)
{
    struct rd_node *node = ctx;

    if (is_sound(node))
        (void)rd_storage_append(node->storage, entry, &node->err);
}

static void out_truncate(void *ctx, uint64_t from)
{
    struct rd_node *node = ctx;

    if (is_sound(node))
        (void)rd_storage_truncate(node->storage, from, &node->err);
}

static void out_trim(void *ctx, uint64_t base, uint64_t base_epoch)
{
    struct rd_node *node = ctx;

    if (is_sound(node))
        (void)rd_storage_trim(node->storage, base, base_epoch, &node->err);
}

static void out_apply(void *ctx, const struct rd_entry *entry, bool is_twice)
{
    struct rd_node *node = ctx;
    struct rd_result result;
    bool is_push = entry->data.size > 0 && entry->data.at[0] == RD_CMD_RPUSH;

    if (!is_sound(node) ||
        rd_storage_apply(node->storage, entry, &result, &node->err) != ORD_OK)
        return;
    if (is_twice && is_push)
        (void)rd_storage_apply(node->storage, entry, &result, &node->err);
    rd_sessions_applied(node, entry, &result);
}

static void out_discard(void *ctx, const struct rd_entry *entry)
{
    struct rd_node *node = ctx;
    struct ord_buf text;

    ord_buf_init(&text, 512);
    rd_cmd_print(&text, entry->data);
    rd_say(node, "discarded index=%" PRIu64 " epoch=%" PRIu64 " %s",
           entry->index, entry->epoch, ord_buf_str(&text));
    ord_buf_fini(&text);
}

static void out_read(void *ctx, uint64_t token, bool is_ok)
{
    rd_sessions_read(ctx, token, is_ok);
}

static void out_lost(void *ctx)
{
    rd_sessions_lost(ctx);
}

static void out_role(void *ctx)
{
    struct rd_node *node = ctx;
    struct rd_core *core = &node->core;

    if (core->role == RD_LEADER)
        rd_say(node, "leader epoch=%" PRIu64 " last=%" PRIu64, core->hard.epoch,
               core->log.last);
    else if (core->leader != 0)
        rd_say(node, "follower of=%u epoch=%" PRIu64, core->leader,
               core->hard.epoch);
    else
        rd_say(node, "follower of=none epoch=%" PRIu64, core->hard.epoch);
}

static void out_note(void *ctx, const char *what, uint64_t a, uint64_t b)
{
    rd_say(ctx, "%s=%" PRIu64 " was=%" PRIu64, what, a, b);
}

static void send_piece(struct rd_node *node, uint32_t to, uint64_t piece)
{
    struct ord_buf rows;
    struct ord_err err;
    bool is_last;

    ord_buf_init(&rows, RD_FRAME_SIZE_MAX - 1024);
    if (rd_snapshot_next(node->snapshot[to], PIECE_SIZE, &rows, &is_last,
                         &err) == ORD_OK &&
        !rows.failed)
        rd_core_snap(&node->core, to, node->snapshot_index[to],
                     node->snapshot_epoch[to], piece, ord_buf_bytes(&rows),
                     is_last, node->now);
    else
        rd_say(node, "snapshot to=%u failed", to);
    ord_buf_fini(&rows);
}

static void out_snap_open(void *ctx, uint32_t to)
{
    struct rd_node *node = ctx;
    struct ord_err err;

    /* The reader sees what is synced: let that be the present. */
    if (!is_sound(node) || rd_storage_sync(node->storage, &node->err) != ORD_OK)
        return;
    rd_snapshot_close(&node->snapshot[to]);
    if (rd_snapshot_open(node->config.data, &node->snapshot[to],
                         &node->snapshot_index[to], &node->snapshot_epoch[to],
                         &err) != ORD_OK) {
        rd_say(node, "snapshot to=%u: %s", to, err.text);
        return; /* the core gives up after a while and tries again */
    }
    rd_say(node, "snapshot to=%u index=%" PRIu64 " epoch=%" PRIu64, to,
           node->snapshot_index[to], node->snapshot_epoch[to]);
    send_piece(node, to, 0);
}

static void out_snap_next(void *ctx, uint32_t to, uint64_t piece)
{
    struct rd_node *node = ctx;

    if (node->snapshot[to] != NULL)
        send_piece(node, to, piece);
}

static void out_snap_close(void *ctx, uint32_t to)
{
    struct rd_node *node = ctx;

    rd_snapshot_close(&node->snapshot[to]);
}

static bool out_snap_data(void *ctx, const struct rd_msg *msg,
                          struct rd_members *members)
{
    struct rd_node *node = ctx;
    struct ord_err err;
    bool is_there;
    int rc;

    if (msg->round == 0)
        ord_buf_clear(&node->staging);
    ord_buf_add(&node->staging, msg->data);
    if (node->staging.failed || !is_sound(node))
        return false;
    if (!(msg->flags & RD_FLAG_LAST))
        return true;
    rc = rd_storage_install(node->storage, ord_buf_bytes(&node->staging),
                            msg->index, msg->index_epoch, &err);
    ord_buf_fini(&node->staging);
    ord_buf_init(&node->staging, STAGING_SIZE_MAX);
    if (rc == ORD_EFORMAT) {
        rd_say(node, "snapshot from=%u refused: %s", msg->from, err.text);
        return false;
    }
    if (rc == ORD_OK)
        rc = rd_storage_load_members(node->storage, members, &is_there, &err);
    if (rc == ORD_OK && !is_there)
        rc = ord_fail(&err, ORD_EFORMAT, "snapshot: it names no members");
    if (rc != ORD_OK) {
        node->err = err;
        return false;
    }
    rd_say(node, "snapshot from=%u index=%" PRIu64 " epoch=%" PRIu64, msg->from,
           msg->index, msg->index_epoch);
    return true;
}

/* Whoever was a member once stays in the address book: a node that has just
 * been removed is still to be answered. */
static void out_members(void *ctx, const struct rd_members *members)
{
    struct rd_node *node = ctx;
    struct ord_buf text;

    for (uint32_t i = 1; i <= RD_NODE_MAX; i++)
        if (members->ip[i] != 0)
            (void)inet_ntop(AF_INET, &members->ip[i], node->config.peer_ip[i],
                            RD_IP_SIZE);
    if (members->cluster != 0)
        node->config.cluster = members->cluster;
    ord_buf_init(&text, 1024);
    rd_members_print(&text, members);
    rd_say(node, "members %s", ord_buf_str(&text));
    ord_buf_fini(&text);
}

static void out_shutdown(void *ctx, const char *why)
{
    struct rd_node *node = ctx;

    rd_say(node, "shut down: %s", why);
    node->is_stopping = true;
}

static const struct rd_core_out out_table = {
    .send = out_send,
    .hard = out_hard,
    .append = out_append,
    .truncate = out_truncate,
    .trim = out_trim,
    .apply = out_apply,
    .discard = out_discard,
    .read = out_read,
    .lost = out_lost,
    .role = out_role,
    .note = out_note,
    .snap_open = out_snap_open,
    .snap_next = out_snap_next,
    .snap_close = out_snap_close,
    .snap_data = out_snap_data,
    .members = out_members,
    .shutdown = out_shutdown,
};

/* --- the loop ----------------------------------------------------------- */

static void take_signal(struct rd_node *node)
{
    struct signalfd_siginfo info;

    if (read(node->signals, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    rd_say(node, "stopping: signal %u", info.ssi_signo);
    node->is_stopping = true;
}

static int64_t wall_ns(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * ORD_S + now.tv_nsec;
}

static void take_events(struct rd_node *node, int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(node->epoll, events, EVENTS_MAX, timeout_ms);

    node->now = ord_now_ns();
    if (node->config.core.mutant == RD_MUTANT_WALL_LEASE)
        node->core.wall_ahead_ns = wall_ns() - node->now;
    for (int i = 0; i < count; i++) {
        uint32_t slot = (uint32_t)events[i].data.u64;

        switch (events[i].data.u64 >> 32) {
        case RD_TAG_SIGNAL:
            take_signal(node);
            break;
        case RD_TAG_CLIENTS:
            rd_sessions_accept(node);
            break;
        case RD_TAG_PEERS:
            rd_peers_accept(node);
            break;
        case RD_TAG_SESSION:
            rd_sessions_event(node, slot, events[i].events);
            break;
        default:
            rd_peers_event(node, slot, events[i].events);
            break;
        }
    }
}

static bool must_sync(const struct rd_node *node)
{
    int64_t age = node->now - node->last_sync_ns;

    if (rd_storage_is_dirty(node->storage))
        return node->config.core.mutant != RD_MUTANT_NO_FSYNC_ACK ||
               age > MUTANT_SYNC_MS * ORD_MS;
    return rd_storage_is_loose(node->storage) && age > LOOSE_MS * ORD_MS;
}

/* Makes durable what has changed, then says so; what that moves may change
 * something again. */
static void sync_turn(struct rd_node *node)
{
    for (int i = 0; i < SYNC_ROUNDS_MAX && is_sound(node); i++) {
        if (must_sync(node)) {
            if (rd_storage_sync(node->storage, &node->err) != ORD_OK)
                return;
            node->last_sync_ns = node->now = ord_now_ns();
        }
        rd_core_synced(&node->core, node->now);
        if (!rd_storage_is_dirty(node->storage) || !must_sync(node))
            return;
    }
    /* Still dirty: nothing may be released before one more. */
    if (is_sound(node) && must_sync(node))
        (void)rd_storage_sync(node->storage, &node->err);
}

static void turn(struct rd_node *node)
{
    uint64_t applied = node->core.applied;

    take_events(node, node->is_pump_due ? 0 : TURN_MS);
    rd_sessions_pump(node);
    rd_peers_tick(node);
    rd_core_tick(&node->core, node->now);
    rd_core_flush(&node->core, node->now);
    rd_peers_flush(node, false);
    sync_turn(node);
    if (!is_sound(node))
        return; /* promise nothing any more */
    if (node->core.applied != applied)
        rd_sessions_moved(node);
    rd_sessions_tick(node);
    rd_peers_flush(node, true);
    rd_sessions_flush(node);
}

static bool open_sockets(struct rd_node *node)
{
    sigset_t mask;

    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    node->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    (void)sigaddset(&mask, SIGPIPE); /* stderr may be gone */
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    node->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (node->signals < 0 || node->epoll < 0) {
        (void)ord_fail_errno(&node->err, "event loop");
        return false;
    }
    node->client_listen = rd_listen(node, node->config.client_port);
    if (node->client_listen < 0)
        return false;
    node->peer_listen = rd_listen(node, node->config.peer_port);
    if (node->peer_listen < 0)
        return false;
    if (rd_watch(node, node->signals, RD_TAG_SIGNAL, 0, false, true) &&
        rd_watch(node, node->client_listen, RD_TAG_CLIENTS, 0, false, true) &&
        rd_watch(node, node->peer_listen, RD_TAG_PEERS, 0, false, true))
        return true;
    (void)ord_fail_errno(&node->err, "event loop");
    return false;
}

/* A new disk, a new identity; only founders are known by their ids alone. */
static int open_identity(struct rd_node *node)
{
    uint64_t fresh = 0;

    while (node->config.core.is_join && fresh == 0) {
        if (getrandom(&fresh, sizeof fresh, 0) != (ssize_t)sizeof fresh)
            return ord_fail_errno(&node->err, "identity");
        fresh >>= 1; /* a positive SQL integer */
    }
    return rd_storage_identity(node->storage, fresh,
                               &node->config.core.identity, &node->err);
}

/* What the disk says, or else the founders, unless this node is to join. */
static int open_members(struct rd_node *node, struct rd_members *members,
                        bool *is_there)
{
    struct ord_buf data;
    int rc =
        rd_storage_load_members(node->storage, members, is_there, &node->err);

    if (rc != ORD_OK || *is_there || node->config.core.is_join)
        return rc;
    *members = node->config.core.founders;
    *is_there = true;
    ord_buf_init(&data, 1024);
    rd_members_encode(&data, members);
    rc = rd_storage_members(node->storage, ord_buf_bytes(&data), &node->err);
    if (rc == ORD_OK)
        rc = rd_storage_sync(node->storage, &node->err);
    ord_buf_fini(&data);
    return rc;
}

static bool open_core(struct rd_node *node)
{
    struct rd_core_out out = out_table;
    struct rd_members members;
    struct rd_hard hard;
    struct rd_log log;
    uint64_t applied;
    bool is_there = false;

    if (rd_storage_open(node->config.data, &node->storage, &hard, &log,
                        &applied, &node->err) != ORD_OK)
        return false;
    if ((node->config.is_fsync_off &&
         rd_storage_fsync_off(node->storage, &node->err) != ORD_OK) ||
        open_identity(node) != ORD_OK ||
        open_members(node, &members, &is_there) != ORD_OK) {
        rd_log_fini(&log);
        return false;
    }
    out.ctx = node;
    node->now = node->last_sync_ns = ord_now_ns();
    rd_core_init(&node->core, &node->config.core, &out, &hard, &log, applied,
                 is_there ? &members : NULL, node->now);
    rd_say(node, "start epoch=%" PRIu64 " last=%" PRIu64 " applied=%" PRIu64,
           hard.epoch, node->core.log.last, applied);
    return true;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

int rd_node_run(struct rd_node *node, const struct rd_config *config,
                struct ord_err *err)
{
    *node = (struct rd_node){.config = *config,
                             .epoll = -1,
                             .signals = -1,
                             .client_listen = -1,
                             .peer_listen = -1};
    ord_buf_init(&node->staging, STAGING_SIZE_MAX);
    ord_buf_init(&node->scratch, SCRATCH_SIZE_MAX);
    ord_buf_init(&node->pending, PENDING_SIZE_MAX);
    if (open_sockets(node) && open_core(node)) {
        while (!node->is_stopping && is_sound(node))
            turn(node);
        rd_sessions_close(node);
        rd_peers_close(node);
        for (uint32_t i = 1; i <= RD_NODE_MAX; i++)
            rd_snapshot_close(&node->snapshot[i]);
        rd_core_fini(&node->core);
    }
    rd_storage_close(&node->storage);
    ord_buf_fini(&node->staging);
    ord_buf_fini(&node->scratch);
    ord_buf_fini(&node->pending);
    close_fd(node->epoll);
    close_fd(node->signals);
    close_fd(node->client_listen);
    close_fd(node->peer_listen);
    if (node->err.rc == ORD_OK)
        return ORD_OK;
    *err = node->err;
    return err->rc;
}
