/* call.h -- one Redis command with a deadline, and what its end means.
 *
 * A command is sent once: never again behind the caller's back, and a
 * connection on which an answer is owed is closed, so that it cannot be taken
 * for the answer to the next one.
 */
#ifndef ORD_REDIS_CALL_H
#define ORD_REDIS_CALL_H

#include <hiredis/hiredis.h>

#include "targets/client/client.h"

enum {
    REDIS_PORT = 6379,
    SENTINEL_PORT = 26379,
    REDIS_ARGS_MAX = 12,
    REDIS_WHY_SIZE = 120,
};

enum redis_end {
    REDIS_DONE,      /* it was done and answered */
    REDIS_REFUSED,   /* the server said that it does not do it */
    REDIS_ELSEWHERE, /* MOVED or ASK: refused, and who would do it */
    REDIS_NOT_SENT,  /* not one byte left: no connection */
    REDIS_LOST,      /* sent, and no answer, or one that says nothing */
    REDIS_ENDS
};

struct redis_conn {
    redisContext *context; /* NULL: not connected */
    char ip[ORD_CLIENT_IP_SIZE];
    int port;
    int64_t count;   /* of connections made so far */
    int64_t sent_ns; /* of the last call: just before its bytes left */
    int64_t received_ns;
    char why[REDIS_WHY_SIZE]; /* of the last call that was not done */
    char other_ip[64];        /* ELSEWHERE: who would do it */
    bool is_ask;
};

struct redis_args { /* of one command; texts are borrowed */
    const char *at[REDIS_ARGS_MAX];
    size_t size[REDIS_ARGS_MAX];
    int count;
};

/* Connects at the first call.  ip may be IP:PORT. */
void redis_conn_init(struct redis_conn *conn, const char *ip, int port);
void redis_conn_close(struct redis_conn *conn);

void redis_arg(struct redis_args *args, struct ord_bytes text);
static inline void redis_word(struct redis_args *args, const char *text)
{
    redis_arg(args, ord_bytes_of(text));
}

/* Sends and waits until deadline_ns.  *reply is set on REDIS_DONE alone: free
 * it with freeReplyObject(). */
enum redis_end redis_call(struct redis_conn *conn,
                          const struct redis_args *args, int64_t deadline_ns,
                          redisReply **reply);

/* WAIT: how many replicas have all that was written on this connection.  -1:
 * nobody says, or a new connection does, of which nothing is known. */
int64_t redis_wait(struct redis_conn *conn, int64_t replicas,
                   int64_t deadline_ns);

#endif
