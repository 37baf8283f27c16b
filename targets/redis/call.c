#include "targets/redis/call.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "harness/base/clock.h"

/* Errors that Redis gives before it has done anything.  All other errors are
 * taken for "nobody knows": a script may have failed half way. */
static const char *const refusals[] = {
    "READONLY",   /* a replica */
    "NOREPLICAS", /* min-replicas-to-write */
    "LOADING",    /* not up yet */
    "MASTERDOWN", /* replica-serve-stale-data no */
    "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "OOM",
    "NOAUTH",      "NOPERM",   "BUSY",    "WRONGTYPE",
};

void redis_conn_init(struct redis_conn *conn, const char *ip, int port)
{
    *conn = (struct redis_conn){0};
    conn->port = ord_client_address(ip, port, conn->ip);
}

void redis_conn_close(struct redis_conn *conn)
{
    if (conn->context != NULL)
        redisFree(conn->context);
    conn->context = NULL;
}

void redis_arg(struct redis_args *args, struct ord_bytes text)
{
    ORD_ASSERT(args->count < REDIS_ARGS_MAX);
    args->at[args->count] = text.at;
    args->size[args->count++] = text.size;
}

static struct timeval until(int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - ord_now_ns();

    if (left_ns < ORD_MS) /* 0 would be for ever */
        left_ns = ORD_MS;
    return (struct timeval){.tv_sec = left_ns / ORD_S,
                            .tv_usec = left_ns % ORD_S / 1000};
}

/* The other side hung up, or said what it was not asked, while we were idle. */
static bool is_stale(const struct redis_conn *conn)
{
    struct pollfd fd = {.fd = conn->context->fd, .events = POLLIN};

    return conn->context->err != 0 || poll(&fd, 1, 0) != 0;
}

static bool connected(struct redis_conn *conn, int64_t deadline_ns)
{
    if (conn->context != NULL && is_stale(conn))
        redis_conn_close(conn);
    if (conn->context != NULL)
        return true;
    conn->context =
        redisConnectWithTimeout(conn->ip, conn->port, until(deadline_ns));
    if (conn->context != NULL && conn->context->err == 0) {
        conn->count++;
        return true;
    }
    (void)snprintf(conn->why, sizeof conn->why, "connect: %.100s",
                   conn->context != NULL ? conn->context->errstr : "memory");
    redis_conn_close(conn);
    return false;
}

/* "MOVED 866 10.77.0.12:6379" */
static enum redis_end elsewhere(struct redis_conn *conn, const char *text)
{
    const char *at = strrchr(text, ' ');
    const char *colon = at != NULL ? strrchr(at, ':') : NULL;

    conn->is_ask = strncmp(text, "ASK ", 4) == 0;
    if (colon == NULL || colon - at > 60)
        return REDIS_REFUSED;
    (void)snprintf(conn->other_ip, sizeof conn->other_ip, "%.*s",
                   (int)(colon - at - 1), at + 1);
    return REDIS_ELSEWHERE;
}

static enum redis_end judge(struct redis_conn *conn, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR)
        return REDIS_DONE;
    (void)snprintf(conn->why, sizeof conn->why, "%.110s", reply->str);
    if (strncmp(reply->str, "MOVED ", 6) == 0 ||
        strncmp(reply->str, "ASK ", 4) == 0)
        return elsewhere(conn, reply->str);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (strncmp(reply->str, refusals[i], strlen(refusals[i])) == 0)
            return REDIS_REFUSED;
    }
    return REDIS_LOST;
}

enum redis_end redis_call(struct redis_conn *conn,
                          const struct redis_args *args, int64_t deadline_ns,
                          redisReply **reply)
{
    enum redis_end end;
    void *got = NULL;

    *reply = NULL;
    conn->why[0] = '\0';
    conn->received_ns = 0;
    if (!connected(conn, deadline_ns))
        return REDIS_NOT_SENT;
    conn->sent_ns = ord_now_ns();
    (void)redisSetTimeout(conn->context, until(deadline_ns));
    if (redisAppendCommandArgv(conn->context, args->count,
                               (const char **)(uintptr_t)args->at,
                               args->size) != REDIS_OK) {
        (void)snprintf(conn->why, sizeof conn->why, "no memory");
        redis_conn_close(conn);
        return REDIS_NOT_SENT;
    }
    if (redisGetReply(conn->context, &got) != REDIS_OK) {
        (void)snprintf(conn->why, sizeof conn->why, "%.110s",
                       conn->context->errstr);
        redis_conn_close(conn); /* an answer may still come: not for us */
        return REDIS_LOST;
    }
    conn->received_ns = ord_now_ns();
    end = judge(conn, got);
    if (end == REDIS_DONE)
        *reply = got;
    else
        freeReplyObject(got);
    return end;
}

int64_t redis_wait(struct redis_conn *conn, int64_t replicas,
                   int64_t deadline_ns)
{
    char count[ORD_CLIENT_DIGITS_SIZE], ms[ORD_CLIENT_DIGITS_SIZE];
    int64_t left_ms = (deadline_ns - ord_now_ns()) / ORD_MS;
    struct ord_client_value numbers[2] = {
        ord_client_int(replicas),
        ord_client_int(left_ms > 0 ? left_ms : 1)}; /* 0 would be for ever */
    struct redis_args args = {0};
    redisReply *reply = NULL;
    int64_t made = conn->count, there = -1;

    redis_word(&args, "WAIT");
    redis_arg(&args, ord_client_bytes(&numbers[0], count));
    redis_arg(&args, ord_client_bytes(&numbers[1], ms));
    /* A little longer than Redis itself waits, for its answer to come. */
    if (redis_call(conn, &args, deadline_ns + 50 * ORD_MS, &reply) ==
            REDIS_DONE &&
        reply->type == REDIS_REPLY_INTEGER && conn->count == made)
        there = reply->integer;
    freeReplyObject(reply);
    return there;
}
