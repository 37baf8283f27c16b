#include "targets/etcd/task.h"

#include <stdio.h>

#include "harness/base/clock.h"

enum { REFUSED_PAUSE_MS = 20, HOLDER_SIZE = 48 };

/* One row for each way a call can end. */
static const uint8_t conclusion[] = {
    [ETCD_DONE] = ORD_CLIENT_OK,
    [ETCD_REFUSED] = ORD_CLIENT_FAIL,  /* etcd itself was never asked */
    [ETCD_NOT_SENT] = ORD_CLIENT_FAIL, /* not one byte was sent */
    [ETCD_LOST] = ORD_CLIENT_INFO,     /* most of these happen after all */
};
_Static_assert(sizeof conclusion == ETCD_ENDS, "every end has its conclusion");

/* Posts conn->plain; until > 0: to watch until that revision.  False: it is
 * over, and concluded. */
static bool ask(struct etcd_task *task, const char *path, bool changes,
                int64_t until, struct etcd_reply *reply)
{
    struct etcd_conn *conn = task->conn;
    int64_t left_ms = (task->deadline_ns - ord_now_ns()) / ORD_MS;
    enum etcd_end end = ETCD_NOT_SENT;

    if (left_ms > 0 && until > 0)
        end = etcd_watch(conn, until, left_ms, task->done->arena, reply);
    else if (left_ms > 0)
        end = etcd_call(conn, path, left_ms, task->done->arena, reply);
    if (left_ms > 0 && task->done->sent_ns == 0)
        task->done->sent_ns = conn->sent_ns;
    if (left_ms > 0)
        task->done->received_ns = conn->received_ns;
    if (end == ETCD_NOT_SENT || end == ETCD_REFUSED)
        ord_client_pause(REFUSED_PAUSE_MS);
    ord_buf_clear(&conn->plain);
    if (end == ETCD_DONE) {
        /* No epoch: any member takes a write and passes it on to the leader,
         * so the one that answers is not the one that decided. */
        task->done->position = reply->revision;
        task->done->type = ORD_CLIENT_OK;
        return true;
    }
    ord_client_conclude(task->done, ord_client_eased(conclusion[end], changes),
                        "%s", left_ms > 0 ? conn->why : "no time was left");
    return false;
}

static bool post(struct etcd_task *task, const char *path, bool changes,
                 struct etcd_reply *reply)
{
    return ask(task, path, changes, 0, reply);
}

static void refuse(struct etcd_task *task, const char *why)
{
    ord_client_conclude(task->done, ORD_CLIENT_FAIL, "%s", why);
}

/* ---- registers ---------------------------------------------------------- */

static bool read_one(struct etcd_task *task, struct etcd_reply *reply)
{
    etcd_put_range(&task->conn->plain, &task->op->key, task->is_serializable);
    return post(task, "/v3/kv/range", false, reply);
}

static void do_read(struct etcd_task *task)
{
    struct etcd_reply reply;

    if (!read_one(task, &reply))
        return;
    task->done->has_value = true;
    if (reply.kv_count > 0)
        task->done->value = ord_client_scalar(reply.kvs[0].value);
}

static void do_write(struct etcd_task *task)
{
    struct etcd_reply reply;

    etcd_put_put(&task->conn->plain, &task->op->key, &task->op->value);
    (void)post(task, "/v3/kv/put", true, &reply);
}

static void do_cas(struct etcd_task *task)
{
    const struct ord_client_value *pair = task->op->value.as.items;
    struct etcd_reply reply;

    etcd_put_cas(&task->conn->plain, &task->op->key, &pair[0], &pair[1]);
    if (post(task, "/v3/kv/txn", true, &reply) && !reply.is_succeeded)
        refuse(task, "compared unequal");
}

/* The revision of a write of its own is nobody else's. */
static void do_generate(struct etcd_task *task)
{
    const struct ord_client_value nothing = ord_client_int(0);
    struct etcd_reply reply;

    etcd_put_put(&task->conn->plain, &task->op->key, &nothing);
    if (!post(task, "/v3/kv/put", true, &reply))
        return;
    task->done->has_value = true;
    task->done->value = ord_client_int(reply.revision);
}

/* ---- sets and lists ------------------------------------------------------ */

static struct ord_client_value *new_items(struct etcd_task *task,
                                          uint32_t count)
{
    struct ord_client_value *items =
        ord_arena_zalloc(task->done->arena, count + 1, sizeof *items);

    if (items == NULL)
        refuse(task, "no memory");
    return items;
}

static void take_items(struct etcd_task *task,
                       const struct ord_client_value *items, uint32_t count)
{
    task->done->has_value = true;
    task->done->value = (struct ord_client_value){
        .kind = ORD_CLIENT_LIST, .count = count, .as = {.items = items}};
}

static void do_read_set(struct etcd_task *task)
{
    struct ord_client_value *items;
    struct etcd_reply reply;

    etcd_put_elements(&task->conn->plain, &task->op->key,
                      task->is_serializable);
    if (!post(task, "/v3/kv/range", false, &reply))
        return;
    items = new_items(task, reply.kv_count);
    for (uint32_t i = 0; items != NULL && i < reply.kv_count; i++) {
        struct ord_bytes key = reply.kvs[i].key; /* "s3/17" */
        const char *slash = memchr(key.at, '/', key.size);

        if (slash == NULL)
            slash = key.at;
        items[i] = ord_client_scalar((struct ord_bytes){
            slash + 1, key.size - (size_t)(slash + 1 - key.at)});
    }
    if (items != NULL)
        take_items(task, items, reply.kv_count);
}

static void do_add(struct etcd_task *task)
{
    struct etcd_reply reply;

    etcd_put_add(&task->conn->plain, &task->op->key, &task->op->value);
    (void)post(task, "/v3/kv/put", true, &reply);
}

/* "1 5 2" */
static void do_read_list(struct etcd_task *task)
{
    struct ord_client_value *items;
    struct ord_bytes text = {"", 0};
    struct etcd_reply reply;
    uint32_t count = 0, most = 1;

    if (!read_one(task, &reply))
        return;
    if (reply.kv_count > 0)
        text = reply.kvs[0].value;
    for (size_t i = 0; i < text.size; i++)
        most += text.at[i] == ' ';
    items = new_items(task, most);
    while (items != NULL && text.size > 0) {
        const char *space = memchr(text.at, ' ', text.size);
        size_t size = space != NULL ? (size_t)(space - text.at) : text.size;

        items[count++] = ord_client_scalar((struct ord_bytes){text.at, size});
        size += space != NULL;
        text = (struct ord_bytes){text.at + size, text.size - size};
    }
    if (items != NULL)
        take_items(task, items, count);
}

/* Reads, then writes if nobody else did; what compared unequal was surely not
 * done, so it may be tried again. */
static void do_append(struct etcd_task *task)
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes element = ord_client_bytes(&task->op->value, digits);
    struct etcd_reply reply;

    do {
        struct ord_buf text;
        struct ord_client_value value;
        int64_t revision = 0;
        bool is_done;

        if (!read_one(task, &reply))
            return;
        ord_buf_init(&text, ORD_CLIENT_LINE_MAX);
        if (reply.kv_count > 0) {
            revision = reply.kvs[0].mod_revision;
            ord_buf_add(&text, reply.kvs[0].value);
            ord_buf_char(&text, ' ');
        }
        ord_buf_add(&text, element);
        value = ord_client_text(ord_buf_bytes(&text));
        etcd_put_if_unchanged(&task->conn->plain, &task->op->key, revision,
                              &value);
        is_done = !text.failed && post(task, "/v3/kv/txn", true, &reply);
        if (text.failed)
            refuse(task, "the list is too long");
        ord_buf_fini(&text);
        if (!is_done)
            return;
    } while (!reply.is_succeeded);
}

/* ---- lists as watched keys ----------------------------------------------- */

/* Now it stands at a revision; up to there the watch tells every one before,
 * in an order that had better be that of the appends. */
static void do_read_watched(struct etcd_task *task)
{
    struct ord_client_value *items;
    struct etcd_reply reply;
    uint32_t count = 0;
    int64_t until = 0;

    if (!read_one(task, &reply))
        return;
    if (reply.kv_count > 0) {
        until = reply.kvs[0].mod_revision;
        etcd_put_watch(&task->conn->plain, &task->op->key);
        if (!ask(task, "/v3/watch", false, until, &reply))
            return;
    }
    items = new_items(task, reply.kv_count);
    for (; items != NULL && count < reply.kv_count; count++) {
        if (reply.kvs[count].mod_revision > until)
            break; /* it came after the read */
        items[count] = ord_client_scalar(reply.kvs[count].value);
    }
    if (items != NULL)
        take_items(task, items, count);
}

/* ---- locks --------------------------------------------------------------- */

static struct ord_client_value holder(const struct etcd_lock *lock,
                                      char text[HOLDER_SIZE])
{
    (void)snprintf(text, HOLDER_SIZE, "p%lld-%lld", (long long)lock->process,
                   (long long)lock->count);
    return ord_client_text(ord_bytes_of(text));
}

static void do_acquire(struct etcd_task *task)
{
    struct etcd_lock *lock = task->lock;
    struct etcd_reply reply;
    struct ord_client_value who;
    char text[HOLDER_SIZE];

    lock->is_held = false;
    lock->count++;
    etcd_put_grant(&task->conn->plain, lock->ttl_s);
    if (!post(task, "/v3/lease/grant", false, &reply))
        return; /* a lease is no lock */
    who = holder(lock, text);
    etcd_put_lock(&task->conn->plain, &task->op->key, &who, reply.lease);
    if (!post(task, "/v3/kv/txn", true, &reply))
        return;
    lock->is_held = reply.is_succeeded;
    if (!lock->is_held)
        refuse(task, "held by another");
}

static void do_release(struct etcd_task *task)
{
    struct etcd_lock *lock = task->lock;
    struct etcd_reply reply;
    struct ord_client_value who;
    char text[HOLDER_SIZE];

    if (!lock->is_held) {
        refuse(task, "this client holds no lock");
        return;
    }
    lock->is_held = false;
    who = holder(lock, text);
    etcd_put_unlock(&task->conn->plain, &task->op->key, &who);
    if (post(task, "/v3/kv/txn", true, &reply) && !reply.is_succeeded)
        refuse(task, "the lease had run out");
}

void etcd_task_run(struct etcd_task *task)
{
    static void (*const tasks[ORD_CLIENT_F_COUNT])(struct etcd_task *) = {
        [ORD_CLIENT_READ] = do_read,       [ORD_CLIENT_WRITE] = do_write,
        [ORD_CLIENT_CAS] = do_cas,         [ORD_CLIENT_ADD] = do_add,
        [ORD_CLIENT_APPEND] = do_append,   [ORD_CLIENT_GENERATE] = do_generate,
        [ORD_CLIENT_ACQUIRE] = do_acquire, [ORD_CLIENT_RELEASE] = do_release,
    };
    enum ord_client_f f = task->op->f;

    if (f == ORD_CLIENT_READ && task->init->workload == ORD_CLIENT_SET)
        do_read_set(task);
    else if (f == ORD_CLIENT_READ && task->is_watched)
        do_read_watched(task);
    else if (f == ORD_CLIENT_APPEND && task->is_watched)
        do_write(task);
    else if (f == ORD_CLIENT_READ && task->init->workload == ORD_CLIENT_LISTS)
        do_read_list(task);
    else if (tasks[f] != NULL)
        tasks[f](task);
    else
        refuse(task, "not an operation of etcd");
}
