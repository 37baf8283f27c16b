#include "targets/zookeeper/task.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/clock.h"

enum { PATH_SIZE = 96, VALUE_SIZE = 4096, HANDED_OUT_MAX = 16 };

/* ---- what all of them do --------------------------------------------------
 */

/* False: it is over, and concluded. */
static bool is_done(struct zk_task *task, int code, bool changes)
{
    enum zk_end end = zk_link_judge(task->link, code);

    ord_client_conclude(task->done, zk_conclusion(end, changes), "%s",
                        task->link->why);
    if (end == ZK_END_REFUSED)
        ord_client_pause(20);
    return end == ZK_END_DONE;
}

static void refuse(struct zk_task *task, const char *why)
{
    ord_client_conclude(task->done, ORD_CLIENT_FAIL, "%s", why);
}

/* "/k3", and "/k3/17" below it. */
static void name_path(const struct zk_task *task, const char *below,
                      char path[PATH_SIZE])
{
    char digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes key = ord_client_bytes(&task->op->key, digits);

    (void)snprintf(
        path, PATH_SIZE, "/k%.*s%s%s", (int)(key.size < 24 ? key.size : 24),
        key.size > 0 ? key.at : "", *below != '\0' ? "/" : "", below);
}

static int create(struct zk_task *task, const char *path,
                  struct ord_bytes value, int mode, char *made)
{
    return zoo_create(task->link->handle, path, value.at, (int)value.size,
                      &ZOO_OPEN_ACL_UNSAFE, mode, made,
                      made != NULL ? PATH_SIZE : 0);
}

/* Makes a node below the key's, and the key's if that is not there. */
static int create_below(struct zk_task *task, const char *name,
                        struct ord_bytes value, int mode, char *made)
{
    char parent[PATH_SIZE], path[PATH_SIZE];
    int code;

    name_path(task, "", parent);
    name_path(task, name, path);
    code = create(task, path, value, mode, made);
    if (code != ZNONODE)
        return code;
    code = create(task, parent, (struct ord_bytes){"", 0}, 0, NULL);
    return code == ZOK || code == ZNODEEXISTS
               ? create(task, path, value, mode, made)
               : code;
}

/* What a node holds; it is told as -1 bytes where it holds nothing. */
static struct ord_client_value value_of(const struct zk_task *task,
                                        const char *text, int size)
{
    return ord_client_copied(
        task->done, (struct ord_bytes){text, size > 0 ? (size_t)size : 0});
}

/* ---- sync -----------------------------------------------------------------
 */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_over;
    int code;
};

static void on_synced(int code, const char *value, const void *context)
{
    struct waiting *waiting = (struct waiting *)(uintptr_t)context;

    (void)value;
    (void)pthread_mutex_lock(&waiting->lock);
    waiting->code = code;
    waiting->is_over = true;
    (void)pthread_cond_signal(&waiting->changed);
    (void)pthread_mutex_unlock(&waiting->lock);
}

/* The server has heard of all that was committed before; the library answers
 * each call, at the latest when the connection is lost. */
static int sync_server(struct zk_task *task, const char *path)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    int code = zoo_async(task->link->handle, path, on_synced, &waiting);

    if (code != ZOK)
        return code;
    (void)pthread_mutex_lock(&waiting.lock);
    while (!waiting.is_over)
        (void)pthread_cond_wait(&waiting.changed, &waiting.lock);
    (void)pthread_mutex_unlock(&waiting.lock);
    return waiting.code;
}

/* ---- registers ------------------------------------------------------------
 */

/* NIL and version -1 where there is no such node.  A final read wants the
 * server's own state, so nothing is synced then. */
static bool get(struct zk_task *task, struct ord_client_value *value,
                int *version)
{
    char path[PATH_SIZE], text[VALUE_SIZE];
    int size = sizeof text;
    struct Stat stat;
    int code = ZOK;

    *value = (struct ord_client_value){.kind = ORD_CLIENT_NIL};
    *version = -1;
    name_path(task, "", path);
    if (task->syncs && task->op->node == ORD_CLIENT_NO_NODE)
        code = sync_server(task, path);
    if (code == ZOK)
        code = zoo_get(task->link->handle, path, 0, text, &size, &stat);
    if (code == ZNONODE) {
        task->done->type = ORD_CLIENT_OK;
        return true;
    }
    if (!is_done(task, code, false))
        return false;
    *value = value_of(task, text, size);
    *version = stat.version;
    task->done->position = stat.mzxid;
    return true;
}

static void do_read(struct zk_task *task)
{
    int version;

    task->done->has_value = get(task, &task->done->value, &version);
}

static void do_write(struct zk_task *task)
{
    char path[PATH_SIZE], digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes value = ord_client_bytes(&task->op->value, digits);
    int code;

    name_path(task, "", path);
    code = zoo_set(task->link->handle, path, value.at, (int)value.size, -1);
    if (code == ZNONODE)
        code = create(task, path, value, 0, NULL);
    if (code == ZNODEEXISTS)
        code = zoo_set(task->link->handle, path, value.at, (int)value.size, -1);
    (void)is_done(task, code, true);
}

/* Reads, and writes if the version is still the same. */
static void do_cas(struct zk_task *task)
{
    const struct ord_client_value *pair = task->op->value.as.items;
    char path[PATH_SIZE], digits[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes value = ord_client_bytes(&pair[1], digits);
    struct ord_client_value now;
    int version;

    if (!get(task, &now, &version))
        return;
    if (!ord_client_equal(&now, &pair[0])) {
        refuse(task, "compared unequal");
        return;
    }
    name_path(task, "", path);
    (void)is_done(task,
                  version < 0 ? create(task, path, value, 0, NULL)
                              : zoo_set(task->link->handle, path, value.at,
                                        (int)value.size, version),
                  true);
}

/* ---- sets and ids -----------------------------------------------------------
 */

static void do_add(struct zk_task *task)
{
    char digits[ORD_CLIENT_DIGITS_SIZE], name[ORD_CLIENT_DIGITS_SIZE];
    struct ord_bytes element = ord_client_bytes(&task->op->value, digits);

    (void)snprintf(name, sizeof name, "%.*s",
                   (int)(element.size < 20 ? element.size : 20), element.at);
    (void)is_done(task,
                  create_below(task, name, (struct ord_bytes){"", 0}, 0, NULL),
                  true);
}

static void do_read_set(struct zk_task *task)
{
    struct String_vector names = {0};
    struct ord_client_value *items;
    char path[PATH_SIZE];
    int code = ZOK;

    name_path(task, "", path);
    if (task->syncs && task->op->node == ORD_CLIENT_NO_NODE)
        code = sync_server(task, path);
    if (code == ZOK)
        code = zoo_get_children(task->link->handle, path, 0, &names);
    if (code != ZNONODE && !is_done(task, code, false))
        return;
    items = ord_arena_zalloc(task->done->arena, (size_t)names.count + 1,
                             sizeof *items);
    for (int32_t i = 0; items != NULL && i < names.count; i++)
        items[i] = ord_client_copied(task->done, ord_bytes_of(names.data[i]));
    task->done->type = items != NULL ? ORD_CLIENT_OK : ORD_CLIENT_FAIL;
    task->done->has_value = items != NULL;
    task->done->value =
        (struct ord_client_value){.kind = ORD_CLIENT_LIST,
                                  .count = (uint32_t)names.count,
                                  .as = {.items = items}};
    (void)deallocate_String_vector(&names);
}

static void do_generate(struct zk_task *task)
{
    char made[PATH_SIZE] = "";
    const char *digits;

    if (!is_done(task,
                 create_below(task, "i-", (struct ord_bytes){"", 0},
                              ZOO_SEQUENCE, made),
                 true))
        return;
    digits = strrchr(made, '-');
    task->done->has_value = digits != NULL;
    if (digits != NULL)
        task->done->value = ord_client_int(strtoll(digits + 1, NULL, 10));
}

/* ---- queues: nodes in sequence
 * ------------------------------------------------ */

static void do_enqueue(struct zk_task *task)
{
    char digits[ORD_CLIENT_DIGITS_SIZE], made[PATH_SIZE];

    (void)is_done(task,
                  create_below(task, "q-",
                               ord_client_bytes(&task->op->value, digits),
                               ZOO_SEQUENCE, made),
                  true);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes this one, if nobody else was faster; true: it is over. */
static bool take(struct zk_task *task, const char *name)
{
    char path[PATH_SIZE], text[VALUE_SIZE];
    int size = sizeof text;
    int code;

    name_path(task, name, path);
    code = zoo_get(task->link->handle, path, 0, text, &size, NULL);
    if (code == ZNONODE)
        return false;
    if (!is_done(task, code, false))
        return true;
    code = zoo_delete(task->link->handle, path, -1);
    if (code == ZNONODE)
        return false;
    if (is_done(task, code, true)) {
        task->done->has_value = true;
        task->done->value = value_of(task, text, size);
    }
    return true;
}

static void do_dequeue(struct zk_task *task)
{
    struct String_vector names = {0};
    char path[PATH_SIZE];
    bool is_over = false;
    int code;

    name_path(task, "", path);
    code = zoo_get_children(task->link->handle, path, 0, &names);
    if (code != ZNONODE && !is_done(task, code, false))
        return;
    if (names.count > 0)
        qsort(names.data, (size_t)names.count, sizeof *names.data,
              compare_names);
    for (int32_t i = 0; !is_over && i < names.count && i < HANDED_OUT_MAX; i++)
        is_over = take(task, names.data[i]);
    if (!is_over)
        refuse(task, names.count == 0 ? "empty" : "others were faster");
    (void)deallocate_String_vector(&names);
}

/* ---- locks: a node that goes with its session
 * ---------------------------------- */

static int64_t session_of(const struct zk_task *task)
{
    return zoo_client_id(task->link->handle)->client_id;
}

static void do_acquire(struct zk_task *task)
{
    int64_t session = session_of(task);
    char path[PATH_SIZE];

    name_path(task, "", path);
    *task->lock_session = 0;
    if (is_done(
            task,
            create(task, path, (struct ord_bytes){"", 0}, ZOO_EPHEMERAL, NULL),
            true))
        *task->lock_session = session;
}

/* Under another session the node would be another holder's. */
static void do_release(struct zk_task *task)
{
    int64_t session = *task->lock_session;
    char path[PATH_SIZE];

    *task->lock_session = 0;
    if (session == 0 || session != session_of(task)) {
        refuse(task, session == 0 ? "this client holds no lock"
                                  : "the session that held it is over");
        return;
    }
    name_path(task, "", path);
    (void)is_done(task, zoo_delete(task->link->handle, path, -1), true);
}

void zk_task_run(struct zk_task *task)
{
    static void (*const tasks[ORD_CLIENT_F_COUNT])(struct zk_task *) = {
        [ORD_CLIENT_READ] = do_read,         [ORD_CLIENT_WRITE] = do_write,
        [ORD_CLIENT_CAS] = do_cas,           [ORD_CLIENT_ADD] = do_add,
        [ORD_CLIENT_ENQUEUE] = do_enqueue,   [ORD_CLIENT_DEQUEUE] = do_dequeue,
        [ORD_CLIENT_ACQUIRE] = do_acquire,   [ORD_CLIENT_RELEASE] = do_release,
        [ORD_CLIENT_GENERATE] = do_generate,
    };
    enum ord_client_f f = task->op->f;

    if (f == ORD_CLIENT_READ && task->init->workload == ORD_CLIENT_SET)
        do_read_set(task);
    else if (tasks[f] != NULL)
        tasks[f](task);
    else
        refuse(task, "not an operation of ZooKeeper");
}
