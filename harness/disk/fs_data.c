/* fs_data.c -- what is in files; see fs.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "harness/disk/fs.h"
#include "harness/disk/undo.h"

static void fs_lock(struct fs *fs)
{
    (void)pthread_mutex_lock(&fs->store.lock);
}

static void fs_unlock(struct fs *fs)
{
    (void)pthread_mutex_unlock(&fs->store.lock);
}

static void fs_open(fuse_req_t request, fuse_ino_t number,
                    struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    struct inode *inode = inode_of(fs, number);
    int error = 0;

    fs_lock(fs);
    if (inode_data_fd(inode) < 0)
        error = errno;
    else
        inode->opens++;
    fs_unlock(fs);
    /* Nobody but the power cut changes files behind the kernel's back, and
     * that drops its caches. */
    file->keep_cache = 1;
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_open(request, file);
}

static void fs_release(fuse_req_t request, fuse_ino_t number,
                       struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    struct inode *inode = inode_of(fs, number);

    (void)file;
    fs_lock(fs);
    ORD_ASSERT(inode->opens > 0);
    inode->opens--;
    inode_rest(inode);
    fs_unlock(fs);
    (void)fuse_reply_err(request, 0);
}

static void fs_read(fuse_req_t request, fuse_ino_t number, size_t size,
                    off_t offset, struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    struct inode *inode = inode_of(fs, number);
    const struct gate gate = {.inode = inode, .op = ORD_DISK_READ};
    int error = gate_pass(request, &gate);
    char *out = error == 0 ? malloc(size) : NULL;
    ssize_t got = 0;

    (void)file;
    if (error == 0 && out == NULL)
        error = ENOMEM;
    if (error == 0) {
        got = pread(inode->data_fd, out, size, offset);
        if (got < 0)
            error = errno;
    }
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_buf(request, out, (size_t)got);
    free(out);
}

/* How many bytes more than now a file of that end needs. */
static uint64_t growth_to(const struct inode *inode, uint64_t end)
{
    struct stat stat;

    if (fstat(inode->fd, &stat) != 0 || end <= (uint64_t)stat.st_size)
        return 0;
    return end - (uint64_t)stat.st_size;
}

/* fsync: 0 or an errno. */
static int sync_inode(fuse_req_t request, struct inode *inode, bool is_dir)
{
    const struct gate gate = {.inode = inode, .op = ORD_DISK_FSYNC};
    struct fs *fs = fs_of(request);
    int error = gate_pass(request, &gate);

    if (error != 0 || gate_lies(request, inode))
        return error;
    fs_lock(fs);
    make_durable(&fs->store, inode, is_dir);
    fs_unlock(fs);
    return 0;
}

static void fs_write(fuse_req_t request, fuse_ino_t number, const char *bytes,
                     size_t size, off_t offset, struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    struct inode *inode = inode_of(fs, number);
    const struct gate gate = {.inode = inode,
                              .op = ORD_DISK_WRITE,
                              .growth =
                                  growth_to(inode, (uint64_t)offset + size)};
    int error = gate_pass(request, &gate);
    ssize_t put = 0;

    if (error == 0) {
        fs_lock(fs);
        if (!note_content(&fs->store, inode, (uint64_t)offset, size))
            error = errno;
        if (error == 0) {
            put = pwrite(inode->data_fd, bytes, size, offset);
            if (put < 0)
                error = errno;
        }
        fs_unlock(fs);
    }
    if (error == 0 && !file->writepage && (file->flags & O_DSYNC) != 0)
        error = sync_inode(request, inode, false);
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_write(request, (size_t)put);
}

static void fs_fsync(fuse_req_t request, fuse_ino_t number, int is_data,
                     struct fuse_file_info *file)
{
    (void)is_data; /* fdatasync makes the size durable, too */
    (void)file;
    (void)fuse_reply_err(
        request, sync_inode(request, inode_of(fs_of(request), number), false));
}

static void fs_fsyncdir(fuse_req_t request, fuse_ino_t number, int is_data,
                        struct fuse_file_info *file)
{
    (void)is_data;
    (void)file;
    (void)fuse_reply_err(
        request, sync_inode(request, inode_of(fs_of(request), number), true));
}

/* Notes what a fallocate of this mode changes.  False sets errno. */
static bool note_fallocate(struct fs *fs, struct inode *inode, int mode,
                           uint64_t offset, uint64_t size)
{
    const int moves = FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE;
    struct stat stat;

    if (fstat(inode->fd, &stat) != 0)
        return false;
    if ((mode & moves) != 0)
        size = (uint64_t)stat.st_size > offset ? (uint64_t)stat.st_size - offset
                                               : 0;
    /* Plain allocation changes nothing but the size. */
    if ((mode & ~FALLOC_FL_KEEP_SIZE) == 0)
        offset = (uint64_t)stat.st_size, size = 0;
    return note_range(&fs->store, inode, offset, size);
}

static void fs_fallocate(fuse_req_t request, fuse_ino_t number, int mode,
                         off_t offset, off_t size, struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    struct inode *inode = inode_of(fs, number);
    const struct gate gate = {
        .inode = inode,
        .op = ORD_DISK_WRITE,
        .growth = (mode & FALLOC_FL_PUNCH_HOLE) != 0
                      ? 0
                      : growth_to(inode, (uint64_t)(offset + size))};
    int error = gate_pass(request, &gate);

    (void)file;
    if (error == 0) {
        fs_lock(fs);
        if (!note_fallocate(fs, inode, mode, (uint64_t)offset,
                            (uint64_t)size) ||
            fallocate(inode->data_fd, mode, offset, size) != 0)
            error = errno;
        fs_unlock(fs);
    }
    (void)fuse_reply_err(request, error);
}

static void fs_statfs(fuse_req_t request, fuse_ino_t number)
{
    struct fs *fs = fs_of(request);
    struct statvfs stat;
    uint64_t room;

    if (fstatvfs(inode_of(fs, number)->fd, &stat) != 0) {
        (void)fuse_reply_err(request, errno);
        return;
    }
    if (gate_is_full(fs, &room)) {
        uint64_t blocks = room / (stat.f_frsize > 0 ? stat.f_frsize : 4096);

        if (blocks < stat.f_bfree)
            stat.f_bfree = blocks;
        if (blocks < stat.f_bavail)
            stat.f_bavail = blocks;
    }
    (void)fuse_reply_statfs(request, &stat);
}

void fs_add_data(struct fuse_lowlevel_ops *ops)
{
    ops->open = fs_open;
    ops->release = fs_release;
    ops->read = fs_read;
    ops->write = fs_write;
    ops->fsync = fs_fsync;
    ops->fsyncdir = fs_fsyncdir;
    ops->fallocate = fs_fallocate;
    ops->statfs = fs_statfs;
}
