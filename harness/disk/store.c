#include "harness/disk/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/rng.h"

bool store_init(struct store *store, enum ord_disk_model model, int below_fd,
                int trash_fd)
{
    struct stat stat;
    char link[64];
    ssize_t got;

    memset(store, 0, sizeof *store);
    (void)pthread_mutex_init(&store->lock, NULL);
    store->model = model;
    store->trash_fd = trash_fd;
    store->root = (struct inode){.fd = below_fd, .data_fd = -1, .refs = 1};
    if (fstat(below_fd, &stat) != 0)
        return false;
    store->root.dev = stat.st_dev;
    store->root.number = stat.st_ino;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", below_fd);
    got = readlink(link, store->below, sizeof store->below - 1);
    store->below[got > 0 ? got : 0] = '\0';
    return true;
}

static struct inode **bucket_of(struct store *store, dev_t dev, ino_t number)
{
    return &store->buckets[ord_hash(0, dev, number) % INODE_BUCKETS];
}

static struct inode *held(struct store *store, const struct stat *stat)
{
    struct inode *inode = *bucket_of(store, stat->st_dev, stat->st_ino);

    while (inode != NULL &&
           (inode->dev != stat->st_dev || inode->number != stat->st_ino))
        inode = inode->next;
    return inode;
}

struct inode *store_find(struct store *store, const struct inode *dir,
                         const char *name)
{
    int fd = openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct inode **bucket;
    struct inode *inode;
    struct stat stat;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &stat) != 0) {
        (void)close(fd);
        return NULL;
    }
    inode = held(store, &stat);
    if (inode != NULL) {
        (void)close(fd);
        inode->refs++;
        return inode;
    }
    inode = calloc(1, sizeof *inode);
    if (inode == NULL) {
        (void)close(fd);
        errno = ENOMEM;
        return NULL;
    }
    bucket = bucket_of(store, stat.st_dev, stat.st_ino);
    *inode = (struct inode){.next = *bucket,
                            .dev = stat.st_dev,
                            .number = stat.st_ino,
                            .fd = fd,
                            .data_fd = -1,
                            .refs = 1};
    *bucket = inode;
    return inode;
}

void inode_ref(struct inode *inode)
{
    inode->refs++;
}

static void free_if_unheld(struct store *store, struct inode *inode)
{
    struct inode **at;

    if (inode->refs > 0 || inode->lookups > 0 || inode == &store->root)
        return;
    ORD_ASSERT(inode->content.oldest == NULL);
    at = bucket_of(store, inode->dev, inode->number);
    while (*at != inode)
        at = &(*at)->next;
    *at = inode->next;
    (void)close(inode->fd);
    if (inode->data_fd >= 0)
        (void)close(inode->data_fd);
    free(inode);
}

void inode_unref(struct store *store, struct inode *inode)
{
    ORD_ASSERT(inode->refs > 0);
    inode->refs--;
    free_if_unheld(store, inode);
}

void inode_forget(struct store *store, struct inode *inode, uint64_t lookups)
{
    inode->lookups -= lookups < inode->lookups ? lookups : inode->lookups;
    free_if_unheld(store, inode);
}

int inode_data_fd(struct inode *inode)
{
    char link[64];

    if (inode->data_fd >= 0)
        return inode->data_fd;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", inode->fd);
    inode->data_fd = open(link, O_RDWR | O_CLOEXEC);
    if (inode->data_fd < 0 && (errno == EACCES || errno == EROFS))
        inode->data_fd = open(link, O_RDONLY | O_CLOEXEC);
    return inode->data_fd;
}

void inode_rest(struct inode *inode)
{
    if (inode->data_fd < 0 || inode->opens > 0 || inode->content.oldest != NULL)
        return;
    (void)close(inode->data_fd);
    inode->data_fd = -1;
}

bool inode_stat(const struct inode *inode, struct stat *out)
{
    if (fstatat(inode->fd, "", out, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    /* To the program these names are gone. */
    out->st_nlink -=
        inode->trashed < out->st_nlink ? inode->trashed : out->st_nlink;
    return true;
}

void inode_path(const struct store *store, const struct inode *inode, char *out,
                size_t size)
{
    char path[ORD_PATH_MAX];
    size_t below = strlen(store->below);
    char link[64];
    ssize_t got;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", inode->fd);
    got = readlink(link, path, sizeof path - 1);
    path[got > 0 ? got : 0] = '\0';
    if (strncmp(path, store->below, below) == 0 && path[below] == '/')
        (void)snprintf(out, size, "%s", path + below + 1);
    else
        (void)snprintf(out, size, "%s", inode == &store->root ? "." : "?");
}
