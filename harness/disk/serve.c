/* serve.c -- the daemon: FUSE on some threads, orders on one. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/disk/fs.h"
#include "harness/disk/order.h"
#include "harness/disk/undo.h"

enum { THREADS_MAX = 64, IDLE_THREADS_MAX = 8 };

struct daemon {
    struct fs fs;
    int socket;
};

/* Inodes that the kernel holds, each with a ref of ours.  NULL: no memory. */
static struct inode **held_inodes(struct store *store, size_t *count)
{
    struct inode **out;
    size_t all = 0;

    *count = 0;
    for (uint32_t i = 0; i < INODE_BUCKETS; i++) {
        for (struct inode *at = store->buckets[i]; at != NULL; at = at->next)
            all++;
    }
    out = calloc(all + 1, sizeof(struct inode *));
    for (uint32_t i = 0; out != NULL && i < INODE_BUCKETS; i++) {
        for (struct inode *at = store->buckets[i]; at != NULL; at = at->next) {
            if (at->lookups == 0)
                continue;
            inode_ref(at);
            out[(*count)++] = at;
        }
    }
    return out;
}

void fs_drop_caches(struct fs *fs)
{
    struct inode **inodes;
    size_t count;

    (void)pthread_mutex_lock(&fs->store.lock);
    inodes = held_inodes(&fs->store, &count);
    (void)pthread_mutex_unlock(&fs->store.lock);
    /* Without the lock: the kernel may have to ask us something first. */
    for (size_t i = 0; i < count; i++)
        (void)fuse_lowlevel_notify_inval_inode(
            fs->session, (fuse_ino_t)(uintptr_t)inodes[i], 0, 0);
    (void)fuse_lowlevel_notify_inval_inode(fs->session, FUSE_ROOT_ID, 0, 0);
    (void)pthread_mutex_lock(&fs->store.lock);
    for (size_t i = 0; i < count; i++)
        inode_unref(&fs->store, inodes[i]);
    (void)pthread_mutex_unlock(&fs->store.lock);
    free(inodes);
}

static void *obey(void *arg)
{
    struct daemon *daemon = arg;
    struct disk_order order;

    while (recv(daemon->socket, &order, sizeof order, 0) ==
           (ssize_t)sizeof order) {
        struct disk_answer answer;

        memset(&answer, 0, sizeof answer);
        (void)pthread_mutex_lock(&daemon->fs.store.lock);
        if (order.kind == DISK_CUT)
            undo_all(&daemon->fs.store, &order.cut, &answer.loss);
        else if (order.kind == DISK_SETTLE)
            undo_forget(&daemon->fs.store);
        (void)pthread_mutex_unlock(&daemon->fs.store.lock);
        if (order.kind != DISK_SETTLE)
            fs_drop_caches(&daemon->fs);
        (void)send(daemon->socket, &answer, sizeof answer, MSG_NOSIGNAL);
    }
    _exit(0); /* nobody is left to give orders */
}

static void on_init(void *arg, struct fuse_conn_info *conn)
{
    struct daemon *daemon =
        (struct daemon *)((char *)arg - offsetof(struct daemon, fs));

    /* Truncation comes as its own call; pages stay as they are until we say
     * otherwise; locks are the kernel's own business. */
    conn->want &=
        ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA |
                    FUSE_CAP_READDIRPLUS | FUSE_CAP_WRITEBACK_CACHE |
                    FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS |
                    FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_SPLICE_READ |
                    FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
    (void)send(daemon->socket, "", 1, MSG_NOSIGNAL);
}

/* Each inode that the kernel holds costs one or two descriptors. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int loop(struct daemon *daemon)
{
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    pthread_t orders;
    int rc = -1;

    if (config == NULL)
        return -1;
    fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
    fuse_loop_cfg_set_idle_threads(config, IDLE_THREADS_MAX);
    if (pthread_create(&orders, NULL, obey, daemon) == 0)
        rc = fuse_session_loop_mt(daemon->fs.session, config);
    fuse_loop_cfg_destroy(config);
    return rc;
}

int ord_disk_serve(struct ord_disk *disk)
{
    struct fuse_lowlevel_ops ops = {.init = on_init};
    struct daemon *daemon = calloc(1, sizeof *daemon);
    char *argv[] = {(char[]){"ordeal-disk"}, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    char path[32];

    (void)umask(0);
    raise_limits();
    fs_add_names(&ops);
    fs_add_data(&ops);
    if (daemon == NULL || !store_init(&daemon->fs.store, disk->model,
                                      disk->below_fd, disk->trash_fd))
        return 1;
    daemon->fs.page = disk->page;
    daemon->socket = disk->daemon_fd;
    daemon->fs.session = fuse_session_new(&args, &ops, sizeof ops, &daemon->fs);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", disk->fuse_fd);
    if (daemon->fs.session == NULL ||
        fuse_session_mount(daemon->fs.session, path) != 0)
        return 1;
    return loop(daemon) == 0 ? 0 : 1;
}
