#include "harness/run/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/child.h"
#include "harness/run/line.h"

enum {
    READ_SIZE = 1 << 16,
    LINES_PER_EVENT_MAX = 16,
    FAILURES_TO_SLOW_MAX = 50, /* caps the pause before a replacement */
    STARTS_IN_VAIN_MAX = 3,
    LOG_SIZE_MAX = 4 << 20, /* of what a worker's clients say on stderr */
};

static const int64_t READY_WITHIN_NS = 10 * ORD_S;
static const int64_t GRACE_NS = ORD_S; /* beyond the client's own timeout */
static const int64_t SLOWER_NS = 10 * ORD_MS;
static const int64_t TRIM_EVERY_NS = 100 * ORD_MS;
static const size_t SCRATCH_SIZE_MAX = (size_t)64 << 20;

enum state {
    WORKER_DOWN,     /* to be started at wake_ns */
    WORKER_STARTING, /* has not said ready; deadline_ns */
    WORKER_FREE,     /* asks its generator at wake_ns */
    WORKER_BUSY,     /* an operation is open; deadline_ns */
    WORKER_DONE,     /* its generator has nothing more in this phase */
};

struct worker {
    enum state state;
    struct ord_child child;
    int fd;
    struct ord_buf in; /* an unfinished line */
    struct ord_arena scratch;
    int64_t process;
    int64_t id;
    int64_t wake_ns;
    bool has_time; /* its generator said when: wake_ns */
    int64_t deadline_ns;
    struct ord_op op;        /* the open invocation */
    uint32_t failures;       /* in a row */
    uint32_t starts_in_vain; /* in a row */
    bool is_log_full;
};

struct ord_pool {
    struct ord_pool_config config;
    struct worker *workers;
    uint64_t *begun;
    uint32_t count;
    uint32_t busy_count;
    uint32_t starting_count; /* not yet ready */
    uint32_t done_count;
    struct ord_gen *gen;
    int64_t begin_ns;
    int64_t until_ns;
    int64_t trim_ns; /* when to look at the logs next */
    struct ord_buf line;
    struct ord_err err; /* rc != 0: it is over */
};

static void enter(struct ord_pool *pool, struct worker *w, enum state state)
{
    pool->busy_count -= w->state == WORKER_BUSY;
    pool->done_count -= w->state == WORKER_DONE;
    pool->starting_count -=
        w->state == WORKER_DOWN || w->state == WORKER_STARTING;
    w->state = state;
    pool->busy_count += state == WORKER_BUSY;
    pool->done_count += state == WORKER_DONE;
    pool->starting_count += state == WORKER_DOWN || state == WORKER_STARTING;
}

/* ---- starting and replacing clients ---------------------------------------
 */

static bool log_path(const struct ord_pool *pool, uint32_t number,
                     char out[ORD_PATH_MAX])
{
    return pool->config.clients_dir != NULL &&
           snprintf(out, ORD_PATH_MAX, "%s/w%u.log", pool->config.clients_dir,
                    number) < ORD_PATH_MAX;
}

static int open_stderr(const struct ord_pool *pool, uint32_t number)
{
    char path[ORD_PATH_MAX];

    if (!log_path(pool, number, path))
        return -1;
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

/* Keeps the beginning of what a talkative client says: it appends. */
static void trim_logs(struct ord_pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        char path[ORD_PATH_MAX];
        struct stat info;

        if (!log_path(pool, i, path) || stat(path, &info) != 0 ||
            info.st_size <= LOG_SIZE_MAX)
            continue;
        if (!pool->workers[i].is_log_full)
            ord_facts_problem(pool->config.facts, ORD_PROBLEM_NOTE,
                              "client %u wrote over %d MiB to its standard "
                              "error; the rest of it is not kept",
                              i, LOG_SIZE_MAX >> 20);
        pool->workers[i].is_log_full = true;
        (void)truncate(path, LOG_SIZE_MAX); /* tried again soon */
    }
}

static int start(struct ord_pool *pool, struct worker *w, struct ord_err *err)
{
    uint32_t number = (uint32_t)(w - pool->workers);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = number}};
    struct ord_child_spec spec = {.argv = pool->config.argv, .net_fd = -1};
    int pair[2] = {-1, -1};
    ssize_t sent;
    int rc = ORD_OK;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return ord_fail_errno(err, "socketpair for client %u", number);
    spec.in_fd = pair[1];
    spec.out_fd = pair[1];
    spec.err_fd = open_stderr(pool, number);
    rc = ord_child_spawn(&spec, &w->child, err);
    if (spec.err_fd >= 0)
        close(spec.err_fd);
    close(pair[1]);
    if (rc != ORD_OK) {
        close(pair[0]);
        return ord_wrap(err, "client %u", number);
    }
    w->fd = pair[0];
    if (fcntl(w->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(pool->config.epoll_fd, EPOLL_CTL_ADD, w->fd, &event) != 0)
        return ord_fail_errno(err, "watch client %u", number);
    ord_buf_clear(&pool->line);
    ord_line_init(pool->config.cell, number, w->process, &pool->line);
    if (pool->line.failed)
        return ord_fail(err, ORD_ELIMIT,
                        "client %u: its first line, with all "
                        "settings, is over 1 MiB",
                        number);
    /* A client that is gone already shows as end of file. */
    sent = send(w->fd, pool->line.at, pool->line.size, MSG_NOSIGNAL);
    if (sent >= 0 && (size_t)sent != pool->line.size)
        return ord_fail(err, ORD_ELIMIT,
                        "client %u: its first line, with all "
                        "settings, does not fit a socket",
                        number);
    ord_buf_clear(&w->in);
    w->deadline_ns = ord_now_ns() + READY_WITHIN_NS;
    enter(pool, w, WORKER_STARTING);
    return ORD_OK;
}

static void stop(struct worker *w)
{
    if (w->fd >= 0)
        close(w->fd); /* leaves the epoll by itself */
    w->fd = -1;
    ord_child_kill(&w->child);
    w->child = ORD_CHILD_NONE;
}

static void give_up(struct ord_pool *pool, const struct ord_err *why)
{
    if (pool->err.rc == ORD_OK)
        pool->err = *why;
}

static void complete(struct ord_pool *pool, struct worker *w,
                     const struct ord_reply *reply);

/* The client failed us: its operation becomes info, it gets a successor. */
static void replace(struct ord_pool *pool, struct worker *w, const char *why)
{
    uint32_t number = (uint32_t)(w - pool->workers);
    bool was_starting = w->state == WORKER_STARTING;
    int64_t process = w->process;
    struct ord_err err = {0};

    if (w->state == WORKER_BUSY) {
        const struct ord_reply reply = {.type = ORD_OP_INFO,
                                        .sent_ns = ORD_NONE,
                                        .received_ns = ORD_NONE,
                                        .epoch = ORD_NONE,
                                        .position = ORD_NONE,
                                        .error = why};
        complete(pool, w, &reply);
    }
    ord_facts_problem(pool->config.facts, ORD_PROBLEM_NOTE,
                      "client %u (process %lld): %s; it was replaced", number,
                      (long long)process, why);
    stop(w);
    if (w->process == process)
        w->process += pool->count;
    if (w->failures < FAILURES_TO_SLOW_MAX)
        w->failures++;
    w->starts_in_vain = was_starting ? w->starts_in_vain + 1 : 0;
    if (w->starts_in_vain >= STARTS_IN_VAIN_MAX) {
        ord_fail(&err, ORD_EDIED, "client program %s: %s, %u times in a row",
                 pool->config.argv[0], why, w->starts_in_vain);
        give_up(pool, &err);
    }
    w->wake_ns = ord_now_ns() + (w->failures - 1) * SLOWER_NS;
    enter(pool, w, WORKER_DOWN);
}

static void describe_end(const struct ord_pool *pool, struct worker *w,
                         char *out, size_t size)
{
    uint32_t number = (uint32_t)(w - pool->workers);
    struct ord_exit exit = {0};
    struct ord_err err = {0};

    if (ord_child_wait(&w->child, 5 * ORD_MS, &exit, &err) != ORD_OK)
        snprintf(out, size, "the client closed its output");
    else if (exit.is_signal)
        snprintf(out, size, "the client was killed by signal %d", exit.code);
    else
        snprintf(out, size,
                 "the client exited with status %d (clients/w%u.log has its "
                 "standard error)",
                 exit.code, number);
}

/* ---- operations ------------------------------------------------------------
 */

static void count(struct ord_facts *facts, enum ord_op_type type)
{
    facts->ok += type == ORD_OP_OK;
    facts->fail += type == ORD_OP_FAIL;
    facts->info += type == ORD_OP_INFO;
}

static int64_t since_start(const struct ord_pool *pool, int64_t ns)
{
    return ns == ORD_NONE ? ORD_NONE : ns - pool->config.start_ns;
}

static void complete(struct ord_pool *pool, struct worker *w,
                     const struct ord_reply *reply)
{
    struct ord_gen_ask ask = {.worker = (uint32_t)(w - pool->workers)};
    int64_t now_ns = ord_now_ns();
    struct ord_op done = w->op;
    struct ord_err err = {0};

    ORD_ASSERT(w->state == WORKER_BUSY);
    done.type = (uint8_t)reply->type;
    done.time_ns = since_start(pool, now_ns);
    if (reply->has_value)
        done.value = reply->value;
    done.epoch = reply->epoch;
    done.position = reply->position;
    done.error = reply->error;
    if (reply->node != ORD_NODE_NONE)
        done.node = reply->node;
    if (ord_log_append(pool->config.log, &done,
                       since_start(pool, reply->sent_ns),
                       since_start(pool, reply->received_ns), &err) != ORD_OK)
        give_up(pool, &err);
    count(pool->config.facts, reply->type);
    if (pool->config.on_done != NULL)
        pool->config.on_done(pool->config.ctx, &done);
    ask.time_ns = now_ns - pool->begin_ns;
    if (pool->gen != NULL)
        ord_gen_update(pool->gen, &ask, &done);
    if (reply->type == ORD_OP_INFO)
        w->process += pool->count; /* a crashed process never comes back */
    w->wake_ns = now_ns;
    enter(pool, w, WORKER_FREE);
}

static void send_op(struct ord_pool *pool, struct worker *w, int64_t now_ns)
{
    const struct ord_cell *cell = pool->config.cell;
    uint32_t number = (uint32_t)(w - pool->workers);
    uint16_t asked = w->op.node;
    struct ord_err err = {0};
    ssize_t sent;

    w->op.type = ORD_OP_INVOKE;
    w->op.process = w->process;
    w->op.time_ns = since_start(pool, now_ns);
    w->op.epoch = ORD_NONE;
    w->op.position = ORD_NONE;
    w->op.error = NULL;
    if (asked == ORD_NODE_NONE)
        w->op.node = (uint16_t)(number % cell->node_count + 1);
    if (ord_log_append(pool->config.log, &w->op, ORD_NONE, ORD_NONE, &err) !=
        ORD_OK) {
        give_up(pool, &err); /* what is not on record is not sent */
        return;
    }
    pool->begun[number]++;
    pool->config.facts->invoked++;
    w->deadline_ns = now_ns + cell->timeout_ns + GRACE_NS;
    enter(pool, w, WORKER_BUSY);
    ord_buf_clear(&pool->line);
    ord_line_op(&w->op, ++w->id, asked, &pool->line);
    sent = send(w->fd, pool->line.at, pool->line.size, MSG_NOSIGNAL);
    if (sent != (ssize_t)pool->line.size)
        replace(pool, w, "the client does not read its operations");
    else if (pool->config.on_sent != NULL)
        pool->config.on_sent(pool->config.ctx, &w->op);
}

static void ask_generator(struct ord_pool *pool, struct worker *w,
                          int64_t now_ns)
{
    struct ord_gen_ask ask = {.worker = (uint32_t)(w - pool->workers),
                              .time_ns = now_ns - pool->begin_ns};
    int64_t until_ns = 0;
    bool had_time = w->has_time;

    w->has_time = false;
    if (pool->gen == NULL || now_ns >= pool->until_ns) {
        w->wake_ns = INT64_MAX; /* until the next phase */
        return;
    }
    switch (ord_gen_ask(pool->gen, &ask, &w->op, &until_ns)) {
    case ORD_GEN_OP:
        if (had_time)
            ord_lateness_add(&pool->config.facts->workers_late, w->wake_ns,
                             now_ns);
        send_op(pool, w, now_ns);
        break;
    case ORD_GEN_WAIT:
        w->wake_ns = until_ns < INT64_MAX - pool->begin_ns
                         ? pool->begin_ns + until_ns
                         : INT64_MAX;
        w->has_time = w->wake_ns > now_ns && w->wake_ns < INT64_MAX;
        if (w->wake_ns <= now_ns)
            w->wake_ns = now_ns + ORD_MS;
        break;
    case ORD_GEN_DONE:
        enter(pool, w, WORKER_DONE);
        break;
    }
}

static void take_line(struct ord_pool *pool, struct worker *w,
                      struct ord_bytes line)
{
    struct ord_reply reply;
    struct ord_err err = {0};
    char why[192];
    char begin[80];

    if (w->state == WORKER_STARTING) {
        if (!ord_line_is_ready(line)) {
            ord_line_begin(line, begin, sizeof begin);
            snprintf(why, sizeof why,
                     "the client's first line is not {\"ready\":true}: %s",
                     begin);
            replace(pool, w, why);
            return;
        }
        w->starts_in_vain = 0;
        w->wake_ns = 0;
        enter(pool, w, WORKER_FREE);
        return;
    }
    ord_arena_reset(&w->scratch);
    if (ord_line_reply(line, pool->config.cell->node_count, &w->scratch, &reply,
                       &err) != ORD_OK) {
        replace(pool, w, err.text);
        return;
    }
    if (w->state != WORKER_BUSY) {
        replace(pool, w, "the client answered though it was asked nothing");
        return;
    }
    if (reply.id != w->id) {
        snprintf(why, sizeof why,
                 "the client answered operation %lld, it was given %lld",
                 (long long)reply.id, (long long)w->id);
        replace(pool, w, why);
        return;
    }
    w->failures = 0;
    complete(pool, w, &reply);
}

/* Takes the whole lines of what was read; keeps the rest. */
static void take_lines(struct ord_pool *pool, struct worker *w,
                       struct ord_bytes bytes)
{
    for (int i = 0; i < LINES_PER_EVENT_MAX && bytes.size > 0; i++) {
        const char *end = memchr(bytes.at, '\n', bytes.size);
        int fd = w->fd;

        if (end == NULL)
            break;
        if (w->in.size > 0) {
            ord_buf_add(&w->in,
                        (struct ord_bytes){bytes.at, (size_t)(end - bytes.at)});
            take_line(pool, w, ord_buf_bytes(&w->in));
            ord_buf_clear(&w->in);
        } else {
            take_line(pool, w,
                      (struct ord_bytes){bytes.at, (size_t)(end - bytes.at)});
        }
        bytes.size -= (size_t)(end + 1 - bytes.at);
        bytes.at = end + 1;
        if (w->fd != fd)
            return; /* replaced: the rest is of its predecessor */
    }
    ord_buf_add(&w->in, bytes);
    if (w->in.failed)
        replace(pool, w, "the client printed a line of over 1 MiB");
}

void ord_pool_event(struct ord_pool *pool, uint32_t worker)
{
    char bytes[READ_SIZE];
    char why[128];
    struct worker *w;
    ssize_t got;

    ORD_ASSERT(worker < pool->count);
    w = &pool->workers[worker];
    if (w->fd < 0)
        return; /* an event of a client that was replaced meanwhile */
    got = read(w->fd, bytes, sizeof bytes);
    if (got > 0) {
        take_lines(pool, w, (struct ord_bytes){bytes, (size_t)got});
        if (w->state == WORKER_FREE && pool->err.rc == ORD_OK)
            ask_generator(pool, w, ord_now_ns()); /* while it is warm */
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        describe_end(pool, w, why, sizeof why);
        replace(pool, w, why);
    }
}

static void overdue(struct ord_pool *pool, struct worker *w)
{
    char why[96];

    if (w->state == WORKER_STARTING)
        snprintf(why, sizeof why, "the client was not ready within %.0f s",
                 (double)READY_WITHIN_NS / 1e9);
    else
        snprintf(why, sizeof why, "the client did not answer within %.1f s",
                 (double)(pool->config.cell->timeout_ns + GRACE_NS) / 1e9);
    replace(pool, w, why);
}

static int64_t pump_one(struct ord_pool *pool, struct worker *w, int64_t now_ns)
{
    struct ord_err err = {0};

    if ((w->state == WORKER_STARTING || w->state == WORKER_BUSY) &&
        now_ns >= w->deadline_ns)
        overdue(pool, w);
    if (w->state == WORKER_DOWN && now_ns >= w->wake_ns &&
        start(pool, w, &err) != ORD_OK)
        give_up(pool, &err);
    if (w->state == WORKER_FREE && now_ns >= w->wake_ns)
        ask_generator(pool, w, now_ns);
    switch (w->state) {
    case WORKER_STARTING:
    case WORKER_BUSY:
        return w->deadline_ns;
    case WORKER_DONE:
        return INT64_MAX;
    default:
        return w->wake_ns;
    }
}

int64_t ord_pool_pump(struct ord_pool *pool, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;

    for (uint32_t i = 0; i < pool->count && pool->err.rc == ORD_OK; i++) {
        int64_t wake_ns = pump_one(pool, &pool->workers[i], now_ns);

        if (wake_ns < next_ns)
            next_ns = wake_ns;
    }
    if (now_ns >= pool->trim_ns) {
        trim_logs(pool);
        pool->trim_ns = now_ns + TRIM_EVERY_NS;
    }
    if (next_ns > pool->trim_ns)
        next_ns = pool->trim_ns;
    return next_ns;
}

/* ---- the whole
 * --------------------------------------------------------------- */

int ord_pool_open(const struct ord_pool_config *config, struct ord_pool **out,
                  struct ord_err *err)
{
    struct ord_pool *pool = calloc(1, sizeof *pool);
    uint32_t workers = config->cell->client_count;
    int rc = ORD_OK;

    ORD_ASSERT(workers > 0);
    *out = NULL;
    if (pool != NULL)
        pool->workers = calloc(workers, sizeof *pool->workers);
    if (pool != NULL)
        pool->begun = calloc(workers, sizeof *pool->begun);
    if (pool == NULL || pool->workers == NULL || pool->begun == NULL) {
        if (pool != NULL)
            free(pool->workers);
        free(pool);
        return ord_fail(err, ORD_ENOMEM, "%u clients", workers);
    }
    pool->config = *config;
    pool->count = workers;
    pool->starting_count = workers;
    ord_buf_init(&pool->line, ORD_LINE_SIZE_MAX);
    for (uint32_t i = 0; i < workers; i++) {
        pool->workers[i] = (struct worker){.fd = -1, .process = i};
        pool->workers[i].child = ORD_CHILD_NONE;
        ord_buf_init(&pool->workers[i].in, ORD_LINE_SIZE_MAX);
        ord_arena_init(&pool->workers[i].scratch, SCRATCH_SIZE_MAX);
    }
    for (uint32_t i = 0; i < workers && rc == ORD_OK; i++)
        rc = start(pool, &pool->workers[i], err);
    *out = pool;
    if (rc != ORD_OK)
        ord_pool_close(out);
    return rc;
}

void ord_pool_close(struct ord_pool **pool)
{
    struct ord_pool *p = *pool;

    if (p == NULL)
        return;
    for (uint32_t i = 0; i < p->count; i++)
        stop(&p->workers[i]);
    trim_logs(p);
    for (uint32_t i = 0; i < p->count; i++) {
        ord_buf_fini(&p->workers[i].in);
        ord_arena_fini(&p->workers[i].scratch);
    }
    ord_buf_fini(&p->line);
    free(p->begun);
    free(p->workers);
    free(p);
    *pool = NULL;
}

void ord_pool_phase(struct ord_pool *pool, struct ord_gen *gen,
                    int64_t begin_ns, int64_t until_ns)
{
    pool->gen = gen;
    pool->begin_ns = begin_ns;
    pool->until_ns = until_ns;
    for (uint32_t i = 0; i < pool->count; i++) {
        struct worker *w = &pool->workers[i];

        if (w->state == WORKER_DONE)
            enter(pool, w, WORKER_FREE);
        if (w->state == WORKER_FREE)
            w->wake_ns = begin_ns;
        w->has_time = false;
    }
}

bool ord_pool_is_ready(const struct ord_pool *pool)
{
    return pool->starting_count == 0;
}

bool ord_pool_is_idle(const struct ord_pool *pool)
{
    return pool->busy_count == 0;
}

bool ord_pool_is_done(const struct ord_pool *pool, int64_t now_ns)
{
    return pool->busy_count == 0 &&
           (pool->gen == NULL || now_ns >= pool->until_ns ||
            pool->done_count == pool->count);
}

int ord_pool_error(const struct ord_pool *pool, struct ord_err *err)
{
    if (pool->err.rc != ORD_OK)
        *err = pool->err;
    return pool->err.rc;
}

const uint64_t *ord_pool_begun(const struct ord_pool *pool)
{
    return pool->begun;
}
