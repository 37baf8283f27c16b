/* node.h -- one running node: core, storage and sockets joined by a loop.
 *
 * A turn of the loop takes what epoll has, lets the core act, makes all
 * changes durable with one commit, and only then releases the messages and
 * replies that promise anything.  session.c talks to clients, peers.c to
 * other nodes, node.c is the rest.  One thread, no globals.
 */
#ifndef RD_NODE_H
#define RD_NODE_H

#include "targets/refdb/config.h"
#include "targets/refdb/core.h"
#include "targets/refdb/resp.h"
#include "targets/refdb/storage.h"

enum {
    RD_SESSION_MAX = 2048,
    RD_CONN_MAX = 640, /* of peers: in use, being dialled, not yet named */
    RD_DIAL_MAX = 8,   /* at once to one peer */
};

/* What an epoll event is about: kind << 32 | slot. */
enum rd_tag {
    RD_TAG_SIGNAL,
    RD_TAG_CLIENTS,
    RD_TAG_PEERS,
    RD_TAG_SESSION,
    RD_TAG_CONN
};

enum rd_session_state {
    RD_SESSION_FREE,
    RD_SESSION_IDLE,
    RD_SESSION_WRITE, /* proposed, waits for its entry to be applied */
    RD_SESSION_READ,  /* waits for the core's word */
    RD_SESSION_BEHIND /* waits until the position `wanted` is applied */
};

struct rd_session {
    enum rd_session_state state;
    int fd;
    uint32_t generation; /* tells apart those who used this slot */
    bool is_meta;
    bool is_checked;      /* requests and replies carry checksums */
    bool is_sealing;      /* the reply that is due gets one */
    uint32_t request_crc; /* of the request that it answers */
    size_t sealed_size;   /* bytes of out that are whole replies */
    bool is_closing;      /* after what is in out has been sent */
    bool is_writing;      /* epoll waits for room */
    struct ord_buf in;
    struct ord_buf out;
    int64_t deadline_ns;
    uint64_t wanted;
    enum rd_read_kind read_kind;
    struct ord_buf key;
};

enum rd_conn_state {
    RD_CONN_FREE,
    RD_CONN_DIALING,
    RD_CONN_NAMELESS,
    RD_CONN_UP
};

struct rd_conn {
    enum rd_conn_state state;
    int fd;
    uint32_t peer;
    int64_t since_ns;
    int64_t heard_ns;
    int64_t sent_ns;
    bool is_writing;
    struct ord_buf in;
    struct ord_buf out;
    struct ord_buf late; /* to be sent after the sync */
};

/* A write that waits for its entry; in order of index. */
struct rd_pending {
    uint64_t index;
    uint64_t token;
};

struct rd_node {
    struct rd_config config;
    struct rd_core core;
    struct rd_storage *storage;
    struct rd_snapshot *snapshot[RD_NODE_MAX + 1]; /* by receiver */
    uint64_t snapshot_index[RD_NODE_MAX + 1];
    uint64_t snapshot_epoch[RD_NODE_MAX + 1];
    struct ord_buf staging; /* pieces of the snapshot being received */
    struct ord_buf scratch;
    struct ord_buf pending;
    int epoll;
    int signals;
    int client_listen;
    int peer_listen;
    int64_t now;
    int64_t last_sync_ns;
    bool is_stopping;
    bool is_pump_due;      /* a session may have another request at hand */
    struct ord_err err;    /* rc != 0: fatal */
    uint32_t session_high; /* slots ever used */
    uint32_t link[RD_NODE_MAX + 1]; /* conn slot + 1 of each peer, 0: none */
    int64_t next_dial_ns[RD_NODE_MAX + 1];
    struct rd_session session[RD_SESSION_MAX];
    struct rd_conn conn[RD_CONN_MAX];
};

/* Runs until SIGTERM, SIGINT, a stonith or a fatal error; blocks. */
int rd_node_run(struct rd_node *node, const struct rd_config *config,
                struct ord_err *err);

/* One line on stderr: monotonic seconds, node, text. */
void rd_say(struct rd_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool rd_watch(struct rd_node *node, int fd, enum rd_tag tag, uint32_t slot,
              bool is_writing, bool is_new);
/* A listening socket on config.ip; -1 and node->err on failure. */
int rd_listen(struct rd_node *node, uint16_t port);
/* Sends what it can; false: the connection is gone. */
bool rd_push(int fd, struct ord_buf *out);
/* Reads once; false: the connection is gone. */
bool rd_pull(int fd, struct ord_buf *in);

/* peers.c */
void rd_peers_accept(struct rd_node *node);
void rd_peers_event(struct rd_node *node, uint32_t slot, uint32_t events);
void rd_peers_tick(struct rd_node *node);
void rd_peers_send(struct rd_node *node, const struct rd_msg *msg,
                   bool is_early);
void rd_peers_flush(struct rd_node *node, bool is_synced);
void rd_peers_close(struct rd_node *node);

/* session.c */
void rd_sessions_accept(struct rd_node *node);
void rd_sessions_event(struct rd_node *node, uint32_t slot, uint32_t events);
void rd_sessions_tick(struct rd_node *node);  /* deadlines */
void rd_sessions_moved(struct rd_node *node); /* applied has grown */
void rd_sessions_flush(struct rd_node *node);
void rd_sessions_pump(struct rd_node *node);
void rd_sessions_close(struct rd_node *node);
void rd_sessions_lost(struct rd_node *node);
/* The entry has been applied: answers whoever proposed it. */
void rd_sessions_applied(struct rd_node *node, const struct rd_entry *entry,
                         const struct rd_result *result);
void rd_sessions_read(struct rd_node *node, uint64_t token, bool is_ok);

/* command.c: one request of a session. */
void rd_command(struct rd_node *node, struct rd_session *session,
                const struct rd_request *request);
/* The value asked for, as of the applied state. */
void rd_answer_read(struct rd_node *node, struct rd_session *session);
void rd_answer_write(struct rd_node *node, struct rd_session *session,
                     const struct rd_entry *entry,
                     const struct rd_result *result);
void rd_answer_error(struct rd_session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* -NOTLEADER or -NOLEADER. */
void rd_answer_elsewhere(struct rd_node *node, struct rd_session *session);
/* member_cmd.c: MEMBER ADD | REMOVE | LIST. */
void rd_member_command(struct rd_node *node, struct rd_session *session,
                       const struct rd_request *request);
void rd_answer_members(struct rd_node *node, struct rd_session *session);
/* Asks the core for a linearizable read of session->read_kind. */
void rd_await_read(struct rd_node *node, struct rd_session *session);
/* The session waits for its entry at this index. */
void rd_await_write(struct rd_node *node, struct rd_session *session,
                    uint64_t index);
/* Why a proposal was not taken, to a client. */
void rd_refuse(struct rd_node *node, struct rd_session *session,
               enum rd_proposal why);
/* Is the argument this word, in whatever case? */
bool rd_is_word(struct ord_bytes arg, const char *word);
/* With META ON every reply is [reply, node, epoch, position]. */
void rd_open_reply(struct rd_session *session);
void rd_close_reply(struct rd_node *node, struct rd_session *session,
                    uint64_t epoch, uint64_t position);
uint64_t rd_token(const struct rd_node *node, const struct rd_session *session);

#endif
