/* call.h -- one HTTP call to one etcd member, with a deadline, never sent
 * twice.
 *
 * libcurl sends a request again by itself when a reused connection turns out
 * to be dead; a write could so happen twice, or happen and then be reported
 * as refused.  The callback just before each request's first byte counts: the
 * second time it stops the transfer, and as long as it was never called not a
 * byte was sent.  Nothing else is concluded from libcurl's error codes.
 */
#ifndef ORD_ETCD_CALL_H
#define ORD_ETCD_CALL_H

#include <curl/curl.h>

#include "targets/etcd/wire.h"

enum { ETCD_PORT = 2379, ETCD_URL_SIZE = 128, ETCD_REPLY_MAX = 4 << 20 };

enum etcd_end {
    ETCD_DONE,     /* etcd's answer, in the reply */
    ETCD_REFUSED,  /* the gateway would not take it: a bad request, too many */
    ETCD_NOT_SENT, /* not one byte of it was sent */
    ETCD_LOST,     /* no answer, an error of etcd's, nonsense: who knows */
    ETCD_ENDS
};

struct etcd_conn {
    char base[ETCD_URL_SIZE]; /* http://ip:port */
    CURL *curl;
    struct curl_slist *headers;
    struct ord_buf body;  /* of the reply; of a watch: what is no line yet */
    struct ord_buf plain; /* of the request: the caller's to fill */
    uint32_t begun_count; /* requests begun in this call */
    int64_t sent_ns;
    int64_t received_ns;
    long status;
    char why[160];
    struct {
        struct ord_arena *arena;
        struct etcd_reply *reply;
        int64_t until;
        bool is_there, is_broken;
    } watch;
};

/* ip is "a.b.c.d" or "a.b.c.d:port".  To be closed also when it failed. */
int etcd_conn_open(struct etcd_conn *conn, const char *ip, struct ord_err *err);
void etcd_conn_close(struct etcd_conn *conn);

/* Posts conn->plain to the path; blocks at most timeout_ms. */
enum etcd_end etcd_call(struct etcd_conn *conn, const char *path,
                        int64_t timeout_ms, struct ord_arena *arena,
                        struct etcd_reply *reply);
/* Watches what conn->plain asks for until the revision has come; reply->kvs
 * is all of it, in the order of its coming.  Blocks at most timeout_ms. */
enum etcd_end etcd_watch(struct etcd_conn *conn, int64_t until,
                         int64_t timeout_ms, struct ord_arena *arena,
                         struct etcd_reply *reply);

#endif
