/* watch.c -- see watch.h. */
#include "harness/run/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"

enum {
    FILES_MAX = 256,
    LINE_SIZE_MAX = 4096,
    CHUNK_SIZE = 1 << 16,
    CHUNKS_MAX = 16, /* of one file at one look */
    OUR_SOCKET = 3,
    LOOK_AGAIN_MS = 100, /* for files that are new, or were replaced */
};

static const off_t BEHIND_MAX = 16 << 20;
static const int64_t TELL_EVERY_NS = 10 * ORD_MS; /* of one entry */
static const size_t ARENA_SIZE_MAX = (size_t)16 << 20;

struct file {
    char path[ORD_PATH_MAX];
    uint32_t node;
    int fd; /* -1: it is not there */
    ino_t inode;
    off_t at;
    size_t line_size;
    char line[LINE_SIZE_MAX + 1];
};

struct waiting { /* for a line */
    uint32_t entry;
    bool is_once;
    int64_t quiet_until_ns;
    regex_t pattern;
};

struct watcher {
    const struct ord_cell *cell;
    const struct ord_cluster *cluster;
    const char *nodes_dir;
    struct ord_arena arena;
    const char *const *globs[ORD_NODES_MAX + 1]; /* NULL at the end */
    struct waiting *waiting;
    uint32_t waiting_count;
    struct file *files;
    uint32_t file_count;
    bool is_begun; /* what comes now is read from its beginning */
    int inotify_fd;
    int socket;
};

bool ord_watch_is_needed(const struct ord_cell *cell)
{
    for (uint32_t i = 0; i < cell->entry_count; i++) {
        if (cell->entries[i].trigger == ORD_ON_LOG)
            return true;
    }
    return false;
}

/* ---- which files ----------------------------------------------------------
 */

static void open_file(struct watcher *w, struct file *file)
{
    struct stat info;

    file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0)
        return;
    if (fstat(file->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        (void)close(file->fd);
        file->fd = -1;
        return;
    }
    file->inode = info.st_ino;
    file->at = w->is_begun ? 0 : info.st_size;
    file->line_size = 0;
    /* Without a watch it is still looked at ten times a second. */
    (void)inotify_add_watch(w->inotify_fd, file->path, IN_MODIFY);
}

static void add_file(struct watcher *w, uint32_t node, const char *path)
{
    struct file *file = &w->files[w->file_count];

    for (uint32_t i = 0; i < w->file_count; i++) {
        if (strcmp(w->files[i].path, path) == 0)
            return;
    }
    if (w->file_count == FILES_MAX || strlen(path) >= sizeof file->path)
        return;
    memcpy(file->path, path, strlen(path) + 1);
    file->node = node;
    open_file(w, file);
    w->file_count++;
}

static void look_for_files(struct watcher *w)
{
    for (uint32_t i = 0; i < w->file_count; i++) {
        struct file *file = &w->files[i];
        struct stat info;

        if (stat(file->path, &info) == 0 && file->fd >= 0 &&
            info.st_ino == file->inode)
            continue;
        if (file->fd >= 0)
            (void)close(file->fd);
        open_file(w, file);
    }
    for (uint32_t node = 1; node <= w->cell->node_count; node++) {
        for (uint32_t i = 0; w->globs[node][i] != NULL; i++) {
            glob_t found = {0};

            if (glob(w->globs[node][i], GLOB_NOSORT, NULL, &found) == 0) {
                for (size_t k = 0; k < found.gl_pathc; k++)
                    add_file(w, node, found.gl_pathv[k]);
            }
            globfree(&found);
        }
    }
}

static int expand_globs(struct watcher *w, struct ord_err *err)
{
    static const char *const none[] = {NULL};
    int rc = ORD_OK;

    for (uint32_t node = 1; rc == ORD_OK && node <= w->cell->node_count;
         node++) {
        const struct ord_template in = {
            .target = w->cell->target,
            .node = node,
            .count = w->cell->start_count,
            .seed = w->cell->seed,
            .data = ord_arena_printf(&w->arena, "%s/n%u", w->nodes_dir, node),
        };

        w->globs[node] = none;
        if (w->cell->target->logs != NULL)
            rc = ord_template_argv(&in, w->cell->target->logs, &w->arena,
                                   &w->globs[node], err);
        if (rc == ORD_OK)
            add_file(w, node, ord_node_log(w->cluster, node));
    }
    return rc;
}

/* ---- lines ----------------------------------------------------------------
 */

static void take_line(struct watcher *w, struct file *file)
{
    int64_t now_ns = ord_now_ns();

    file->line[file->line_size] = '\0';
    file->line_size = 0;
    for (uint32_t i = 0; i < w->waiting_count; i++) {
        struct waiting *it = &w->waiting[i];
        struct ord_sighting seen = {.entry = it->entry, .node = file->node};

        if (now_ns < it->quiet_until_ns ||
            regexec(&it->pattern, file->line, 0, NULL, 0) != 0)
            continue;
        it->quiet_until_ns = it->is_once ? INT64_MAX : now_ns + TELL_EVERY_NS;
        (void)send(w->socket, &seen, sizeof seen, MSG_NOSIGNAL);
    }
}

static void take_bytes(struct watcher *w, struct file *file, const char *bytes,
                       size_t size)
{
    while (size > 0) {
        const char *end = memchr(bytes, '\n', size);
        size_t part = end == NULL ? size : (size_t)(end - bytes);
        size_t room = LINE_SIZE_MAX - file->line_size;
        size_t kept = part < room ? part : room;

        memcpy(file->line + file->line_size, bytes, kept);
        file->line_size += kept;
        if (end != NULL) {
            take_line(w, file);
            part++;
        }
        bytes += part;
        size -= part;
    }
}

/* True if there is more than one look may take. */
static bool read_file(struct watcher *w, struct file *file)
{
    static char chunk[CHUNK_SIZE];
    struct stat info;

    if (file->fd < 0 || fstat(file->fd, &info) != 0)
        return false;
    if (info.st_size < file->at) /* it was truncated */
        file->at = 0;
    if (info.st_size - file->at > BEHIND_MAX) {
        file->at = info.st_size - BEHIND_MAX / 16;
        file->line_size = 0;
    }
    for (uint32_t i = 0; i < CHUNKS_MAX; i++) {
        ssize_t got = pread(file->fd, chunk, sizeof chunk, file->at);

        if (got <= 0)
            return false;
        file->at += got;
        take_bytes(w, file, chunk, (size_t)got);
    }
    return true;
}

static void watch(struct watcher *w)
{
    const struct timespec nap = {.tv_nsec = ORD_MS};
    struct pollfd in = {.fd = w->inotify_fd, .events = POLLIN};
    int64_t look_ns = 0;
    bool is_more = false;

    for (;;) {
        char news[4096];
        int64_t now_ns = ord_now_ns();

        while (read(w->inotify_fd, news, sizeof news) > 0)
            ;
        if (now_ns >= look_ns) {
            look_for_files(w);
            look_ns = now_ns + LOOK_AGAIN_MS * ORD_MS;
        }
        is_more = false;
        for (uint32_t i = 0; i < w->file_count; i++)
            is_more = read_file(w, &w->files[i]) || is_more;
        /* Who writes all the time is read a thousand times a second. */
        (void)nanosleep(&nap, NULL);
        if (!is_more)
            (void)poll(&in, 1, LOOK_AGAIN_MS);
    }
}

/* ---- the process ----------------------------------------------------------
 */

static int compile(struct watcher *w, struct ord_err *err)
{
    w->waiting =
        ord_arena_zalloc(&w->arena, w->cell->entry_count, sizeof *w->waiting);
    w->files = calloc(FILES_MAX, sizeof *w->files);
    if (w->waiting == NULL || w->files == NULL)
        return ord_fail(err, ORD_ENOMEM, "watch logs");
    for (uint32_t i = 0; i < w->cell->entry_count; i++) {
        const struct ord_nemesis_entry *entry = &w->cell->entries[i];
        struct waiting *it = &w->waiting[w->waiting_count];

        if (entry->trigger != ORD_ON_LOG)
            continue;
        it->entry = i;
        it->is_once = entry->cooldown_ns == 0;
        if (regcomp(&it->pattern, entry->on, REG_EXTENDED | REG_NOSUB) != 0)
            return ord_fail(err, ORD_EUSAGE, "on: log: %s: no expression",
                            entry->on);
        w->waiting_count++;
    }
    return ORD_OK;
}

static _Noreturn void be_watcher(struct watcher *w, pid_t parent)
{
    struct ord_err result = {0};
    int rc;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "ordeal-watch");
    if (getppid() != parent)
        _exit(1);
    /* Nobody's end may stay open because of us. */
    if (dup3(w->socket, OUR_SOCKET, O_CLOEXEC) < 0 && w->socket != OUR_SOCKET)
        _exit(1);
    (void)close_range(OUR_SOCKET + 1, UINT32_MAX, 0);
    w->socket = OUR_SOCKET;
    ord_arena_init(&w->arena, ARENA_SIZE_MAX);
    w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    rc = compile(w, &result);
    if (rc == ORD_OK)
        rc = expand_globs(w, &result);
    if (rc == ORD_OK)
        look_for_files(w);
    w->is_begun = true;
    (void)send(w->socket, &result, sizeof result, MSG_NOSIGNAL);
    if (rc == ORD_OK)
        watch(w);
    _exit(1);
}

int ord_watch_start(const struct ord_cell *cell,
                    const struct ord_cluster *cluster, const char *nodes_dir,
                    struct ord_watch *out, struct ord_err *err)
{
    struct watcher w = {
        .cell = cell, .cluster = cluster, .nodes_dir = nodes_dir};
    struct ord_err result;
    pid_t parent = getpid();
    int pair[2];

    *out = ORD_WATCH_NONE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return ord_fail_errno(err, "watch logs");
    w.socket = pair[1];
    out->pid = fork();
    if (out->pid == 0)
        be_watcher(&w, parent);
    (void)close(pair[1]);
    out->fd = pair[0];
    if (out->pid < 0) {
        out->pid = 0;
        (void)ord_fail_errno(err, "watch logs: fork");
    } else if (recv(out->fd, &result, sizeof result, 0) !=
               (ssize_t)sizeof result) {
        (void)ord_fail(err, ORD_EDIED, "watch logs: the watcher died");
    } else if (result.rc != ORD_OK) {
        *err = result;
    } else {
        return ORD_OK;
    }
    ord_watch_stop(out);
    return err->rc;
}

bool ord_watch_next(const struct ord_watch *watch, struct ord_sighting *out,
                    bool *is_dead)
{
    ssize_t got = recv(watch->fd, out, sizeof *out, MSG_DONTWAIT);

    *is_dead = got == 0;
    return got == (ssize_t)sizeof *out;
}

void ord_watch_stop(struct ord_watch *watch)
{
    if (watch->pid > 0) {
        (void)kill(watch->pid, SIGKILL);
        (void)waitpid(watch->pid, NULL, 0);
    }
    if (watch->fd >= 0)
        (void)close(watch->fd);
    *watch = ORD_WATCH_NONE;
}
