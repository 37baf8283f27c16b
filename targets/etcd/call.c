#include "targets/etcd/call.h"

#include <stdio.h>

#include "harness/base/clock.h"

enum { STATUS_OK = 200 };

/* What the gateway answers before it asks etcd anything. */
static const long refusals[] = {400, 404, 405, 429};

static int on_begin(void *context, char *ip, char *local_ip, int port,
                    int local_port)
{
    struct etcd_conn *conn = context;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    if (conn->begun_count++ > 0)
        return CURL_PREREQFUNC_ABORT; /* libcurl would send it again */
    conn->sent_ns = ord_now_ns();
    return CURL_PREREQFUNC_OK;
}

static size_t on_body(char *at, size_t size, size_t count, void *context)
{
    struct etcd_conn *conn = context;

    ord_buf_add(&conn->body, (struct ord_bytes){at, size * count});
    return conn->body.failed ? 0 : size * count;
}

int etcd_conn_open(struct etcd_conn *conn, const char *ip, struct ord_err *err)
{
    int size;

    *conn = (struct etcd_conn){0};
    ord_buf_init(&conn->body, ETCD_REPLY_MAX);
    ord_buf_init(&conn->plain, 2 * ORD_CLIENT_LINE_MAX);
    size = strchr(ip, ':') != NULL
               ? snprintf(conn->base, sizeof conn->base, "http://%s", ip)
               : snprintf(conn->base, sizeof conn->base, "http://%s:%d", ip,
                          ETCD_PORT);
    if (size < 0 || size >= ETCD_URL_SIZE / 2)
        return ord_fail(err, ORD_EUSAGE, "'%.64s' is not an address", ip);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ord_fail(err, ORD_EIO, "libcurl does not start");
    conn->curl = curl_easy_init();
    conn->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (conn->curl == NULL || conn->headers == NULL)
        return ord_fail(err, ORD_ENOMEM, "libcurl");
    curl_easy_setopt(conn->curl, CURLOPT_HTTPHEADER, conn->headers);
    curl_easy_setopt(conn->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(conn->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(conn->curl, CURLOPT_PROXY, ""); /* whatever env says */
    curl_easy_setopt(conn->curl, CURLOPT_WRITEDATA, conn);
    curl_easy_setopt(conn->curl, CURLOPT_PREREQFUNCTION, on_begin);
    if (curl_easy_setopt(conn->curl, CURLOPT_PREREQDATA, conn) != CURLE_OK)
        return ord_fail(err, ORD_EIO, "this libcurl is too old");
    return ORD_OK;
}

void etcd_conn_close(struct etcd_conn *conn)
{
    curl_easy_cleanup(conn->curl);
    curl_slist_free_all(conn->headers);
    ord_buf_fini(&conn->body);
    ord_buf_fini(&conn->plain);
    curl_global_cleanup();
}

static enum etcd_end judge(struct etcd_conn *conn, struct ord_arena *arena,
                           struct etcd_reply *reply)
{
    bool is_known = etcd_reply_parse(ord_buf_bytes(&conn->body), arena, reply);

    if (conn->status == STATUS_OK && is_known && reply->revision >= 0)
        return ETCD_DONE;
    (void)snprintf(conn->why, sizeof conn->why, "HTTP %ld: %.*s", conn->status,
                   (int)(reply->error.size < 120 ? reply->error.size : 120),
                   reply->error.size > 0 ? reply->error.at : "");
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (conn->status == refusals[i])
            return ETCD_REFUSED;
    }
    return ETCD_LOST;
}

/* What comes, as libcurl says it; conn->sent_ns and received_ns. */
static CURLcode perform(struct etcd_conn *conn, const char *path,
                        int64_t timeout_ms, curl_write_callback on_bytes,
                        struct etcd_reply *reply)
{
    char url[ETCD_URL_SIZE];
    CURLcode code;

    ORD_ASSERT(strlen(conn->base) + strlen(path) < sizeof url);
    *reply = (struct etcd_reply){.revision = -1, .term = -1};
    conn->begun_count = 0;
    conn->sent_ns = 0;
    conn->received_ns = 0;
    conn->why[0] = '\0';
    ord_buf_clear(&conn->body);
    if (conn->plain.failed)
        return CURLE_OUT_OF_MEMORY;
    (void)snprintf(url, sizeof url, "%s%s", conn->base, path);
    curl_easy_setopt(conn->curl, CURLOPT_URL, url);
    curl_easy_setopt(conn->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(conn->curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)conn->plain.size);
    curl_easy_setopt(conn->curl, CURLOPT_POSTFIELDS, conn->plain.at);
    curl_easy_setopt(conn->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(conn->curl, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(timeout_ms / 2 + 1));
    code = curl_easy_perform(conn->curl);
    conn->received_ns = ord_now_ns();
    curl_easy_getinfo(conn->curl, CURLINFO_RESPONSE_CODE, &conn->status);
    return code;
}

static enum etcd_end broken(struct etcd_conn *conn, CURLcode code)
{
    (void)snprintf(conn->why, sizeof conn->why, "%s", curl_easy_strerror(code));
    conn->received_ns = 0;
    return conn->begun_count == 0 ? ETCD_NOT_SENT : ETCD_LOST;
}

enum etcd_end etcd_call(struct etcd_conn *conn, const char *path,
                        int64_t timeout_ms, struct ord_arena *arena,
                        struct etcd_reply *reply)
{
    CURLcode code = perform(conn, path, timeout_ms, on_body, reply);

    return code == CURLE_OK ? judge(conn, arena, reply) : broken(conn, code);
}

/* ---- watches ------------------------------------------------------------ */

/* One line after the other, until it is enough: then the transfer is broken
 * off, which is the only way to end it. */
static size_t on_lines(char *at, size_t size, size_t count, void *context)
{
    struct etcd_conn *conn = context;
    struct etcd_reply *reply = conn->watch.reply;
    size_t used = 0;
    const char *end;

    ord_buf_add(&conn->body, (struct ord_bytes){at, size * count});
    conn->watch.is_broken |= conn->body.failed;
    while (!conn->watch.is_broken && !conn->watch.is_there &&
           conn->body.size > used &&
           (end = memchr(conn->body.at + used, '\n', conn->body.size - used)) !=
               NULL) {
        struct ord_bytes line = {conn->body.at + used, 0};

        line.size = (size_t)(end - line.at);
        used += line.size + 1;
        conn->watch.is_broken =
            !etcd_events_parse(line, conn->watch.arena, reply);
        conn->watch.is_there =
            reply->kv_count > 0 &&
            reply->kvs[reply->kv_count - 1].mod_revision >= conn->watch.until;
    }
    ord_buf_consume(&conn->body, used);
    return conn->watch.is_broken || conn->watch.is_there ? 0 : size * count;
}

enum etcd_end etcd_watch(struct etcd_conn *conn, int64_t until,
                         int64_t timeout_ms, struct ord_arena *arena,
                         struct etcd_reply *reply)
{
    CURLcode code;

    conn->watch.arena = arena;
    conn->watch.reply = reply;
    conn->watch.until = until;
    conn->watch.is_there = conn->watch.is_broken = false;
    code = perform(conn, "/v3/watch", timeout_ms, on_lines, reply);
    if (conn->watch.is_there && !conn->watch.is_broken)
        return ETCD_DONE;
    return broken(conn, code);
}
