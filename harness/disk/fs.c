#include "harness/disk/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/disk/undo.h"

static void fs_lock(struct fs *fs)
{
    (void)pthread_mutex_lock(&fs->store.lock);
}

static void fs_unlock(struct fs *fs)
{
    (void)pthread_mutex_unlock(&fs->store.lock);
}

/* The kernel may keep nothing of names and attributes: a power cut changes
 * them behind its back. */
static bool fill_entry(struct fs *fs, struct inode *inode,
                       struct fuse_entry_param *out)
{
    memset(out, 0, sizeof *out);
    if (!inode_stat(inode, &out->attr)) {
        inode_unref(&fs->store, inode);
        return false;
    }
    out->ino =
        inode == &fs->store.root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)inode;
    inode->lookups++;
    inode_unref(&fs->store, inode);
    return true;
}

static void fs_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fs_of(request);
    struct fuse_entry_param entry;
    struct inode *inode;
    int error = 0;

    fs_lock(fs);
    inode = store_find(&fs->store, inode_of(fs, parent), name);
    if (inode == NULL || !fill_entry(fs, inode, &entry))
        error = errno;
    fs_unlock(fs);
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_entry(request, &entry);
}

static void fs_forget(fuse_req_t request, fuse_ino_t number, uint64_t lookups)
{
    struct fs *fs = fs_of(request);

    fs_lock(fs);
    inode_forget(&fs->store, inode_of(fs, number), lookups);
    fs_unlock(fs);
    fuse_reply_none(request);
}

static void fs_forget_multi(fuse_req_t request, size_t count,
                            struct fuse_forget_data *forgets)
{
    struct fs *fs = fs_of(request);

    fs_lock(fs);
    for (size_t i = 0; i < count; i++)
        inode_forget(&fs->store, inode_of(fs, forgets[i].ino),
                     forgets[i].nlookup);
    fs_unlock(fs);
    fuse_reply_none(request);
}

static void fs_getattr(fuse_req_t request, fuse_ino_t number,
                       struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    struct stat stat;
    int error = 0;

    (void)file;
    fs_lock(fs);
    if (!inode_stat(inode_of(fs, number), &stat))
        error = errno;
    fs_unlock(fs);
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_attr(request, &stat, 0);
}

/* ---- attributes ---------------------------------------------------------- */

static int set_owner_and_mode(struct fs *fs, struct inode *inode,
                              const struct stat *to, int what)
{
    uid_t uid = (what & FUSE_SET_ATTR_UID) != 0 ? to->st_uid : (uid_t)-1;
    gid_t gid = (what & FUSE_SET_ATTR_GID) != 0 ? to->st_gid : (gid_t)-1;
    char link[64];

    if (!note_attributes(&fs->store, inode))
        return errno;
    if ((what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0 &&
        fchownat(inode->fd, "", uid, gid,
                 AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0)
        return errno;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", inode->fd);
    if ((what & FUSE_SET_ATTR_MODE) != 0 &&
        chmod(link, to->st_mode & 07777) != 0)
        return errno;
    return 0;
}

static int set_size(struct fs *fs, struct inode *inode, uint64_t size)
{
    int fd = inode_data_fd(inode);
    int error = 0;

    if (fd < 0 || !note_content(&fs->store, inode, size, 0))
        return errno;
    if (ftruncate(fd, (off_t)size) != 0)
        error = errno;
    inode_rest(inode);
    return error;
}

static int set_times(const struct inode *inode, const struct stat *to, int what)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_nsec = UTIME_OMIT}};
    char link[64];

    if ((what & FUSE_SET_ATTR_ATIME) != 0)
        times[0] = to->st_atim;
    if ((what & FUSE_SET_ATTR_ATIME_NOW) != 0)
        times[0].tv_nsec = UTIME_NOW;
    if ((what & FUSE_SET_ATTR_MTIME) != 0)
        times[1] = to->st_mtim;
    if ((what & FUSE_SET_ATTR_MTIME_NOW) != 0)
        times[1].tv_nsec = UTIME_NOW;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", inode->fd);
    return utimensat(AT_FDCWD, link, times, 0) == 0 ? 0 : errno;
}

static void fs_setattr(fuse_req_t request, fuse_ino_t number, struct stat *to,
                       int what, struct fuse_file_info *file)
{
    const int owner_and_mode =
        FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID;
    const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME |
                      FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
    struct fs *fs = fs_of(request);
    struct inode *inode = inode_of(fs, number);
    struct stat stat;
    int error = 0;

    (void)file;
    fs_lock(fs);
    if ((what & owner_and_mode) != 0)
        error = set_owner_and_mode(fs, inode, to, what);
    if (error == 0 && (what & FUSE_SET_ATTR_SIZE) != 0)
        error = set_size(fs, inode, (uint64_t)to->st_size);
    if (error == 0 && (what & times) != 0)
        error = set_times(inode, to, what);
    if (error == 0 && !inode_stat(inode, &stat))
        error = errno;
    fs_unlock(fs);
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_attr(request, &stat, 0);
}

static void fs_readlink(fuse_req_t request, fuse_ino_t number)
{
    struct fs *fs = fs_of(request);
    char text[ORD_PATH_MAX];
    ssize_t got =
        readlinkat(inode_of(fs, number)->fd, "", text, sizeof text - 1);

    if (got < 0) {
        (void)fuse_reply_err(request, errno);
        return;
    }
    text[got] = '\0';
    (void)fuse_reply_readlink(request, text);
}

/* ---- new names ----------------------------------------------------------- */

/* What the directory beneath has just got under this name: the caller's, with
 * its note.  0 or an errno. */
static int adopt(fuse_req_t request, struct inode *dir, const char *name,
                 struct fuse_entry_param *entry)
{
    const struct fuse_ctx *caller = fuse_req_ctx(request);
    struct fs *fs = fs_of(request);
    struct inode *inode = store_find(&fs->store, dir, name);

    if (inode == NULL)
        return errno;
    if (caller->uid != geteuid() || caller->gid != getegid())
        (void)fchownat(inode->fd, "", caller->uid, caller->gid,
                       AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    note_born(&fs->store, dir, name, inode);
    return fill_entry(fs, inode, entry) ? 0 : errno;
}

static void reply_new(fuse_req_t request, int error,
                      const struct fuse_entry_param *entry)
{
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_entry(request, entry);
}

static void fs_mknod(fuse_req_t request, fuse_ino_t parent, const char *name,
                     mode_t mode, dev_t device)
{
    struct fs *fs = fs_of(request);
    struct inode *dir = inode_of(fs, parent);
    struct fuse_entry_param entry;
    int error;

    fs_lock(fs);
    error = mknodat(dir->fd, name, mode, device) == 0
                ? adopt(request, dir, name, &entry)
                : errno;
    fs_unlock(fs);
    reply_new(request, error, &entry);
}

static void fs_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name,
                     mode_t mode)
{
    struct fs *fs = fs_of(request);
    struct inode *dir = inode_of(fs, parent);
    struct fuse_entry_param entry;
    int error;

    fs_lock(fs);
    error = mkdirat(dir->fd, name, mode) == 0
                ? adopt(request, dir, name, &entry)
                : errno;
    fs_unlock(fs);
    reply_new(request, error, &entry);
}

static void fs_symlink(fuse_req_t request, const char *text, fuse_ino_t parent,
                       const char *name)
{
    struct fs *fs = fs_of(request);
    struct inode *dir = inode_of(fs, parent);
    struct fuse_entry_param entry;
    int error;

    fs_lock(fs);
    error = symlinkat(text, dir->fd, name) == 0
                ? adopt(request, dir, name, &entry)
                : errno;
    fs_unlock(fs);
    reply_new(request, error, &entry);
}

static void fs_link(fuse_req_t request, fuse_ino_t number, fuse_ino_t parent,
                    const char *name)
{
    struct fs *fs = fs_of(request);
    struct inode *dir = inode_of(fs, parent);
    struct inode *inode = inode_of(fs, number);
    struct fuse_entry_param entry;
    char from[64];
    int error = 0;

    (void)snprintf(from, sizeof from, "/proc/self/fd/%d", inode->fd);
    fs_lock(fs);
    if (linkat(AT_FDCWD, from, dir->fd, name, AT_SYMLINK_FOLLOW) != 0)
        error = errno;
    if (error == 0) {
        note_born(&fs->store, dir, name, inode);
        inode_ref(inode);
        error = fill_entry(fs, inode, &entry) ? 0 : errno;
    }
    fs_unlock(fs);
    reply_new(request, error, &entry);
}

static void fs_create(fuse_req_t request, fuse_ino_t parent, const char *name,
                      mode_t mode, struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    struct inode *dir = inode_of(fs, parent);
    struct fuse_entry_param entry;
    int error = 0;
    int fd;

    fs_lock(fs);
    fd = openat(dir->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        error = errno;
    else
        error = adopt(request, dir, name, &entry);
    if (error == 0) {
        struct inode *inode = inode_of(fs, entry.ino);

        inode->opens++;
        if (inode->data_fd < 0)
            inode->data_fd = fd;
        else
            (void)close(fd);
        file->keep_cache = 1;
    } else if (fd >= 0) {
        (void)close(fd);
    }
    fs_unlock(fs);
    if (error != 0)
        (void)fuse_reply_err(request, error);
    else
        (void)fuse_reply_create(request, &entry, file);
}

/* ---- names that go and move ---------------------------------------------- */

static void fs_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fs_of(request);
    struct inode *dir = inode_of(fs, parent);
    struct inode *inode;
    int error;

    fs_lock(fs);
    inode = store_find(&fs->store, dir, name);
    error = inode == NULL ? errno : take_name(&fs->store, dir, name, inode);
    if (inode != NULL)
        inode_unref(&fs->store, inode);
    fs_unlock(fs);
    (void)fuse_reply_err(request, error);
}

static void fs_rename(fuse_req_t request, fuse_ino_t parent, const char *name,
                      fuse_ino_t new_parent, const char *new_name,
                      unsigned flags)
{
    struct fs *fs = fs_of(request);
    const struct name_move move = {
        .from_dir = inode_of(fs, parent),
        .from = name,
        .to_dir = inode_of(fs, new_parent),
        .to = new_name,
        .flags = flags,
    };
    int error = EINVAL;

    if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) == 0) {
        fs_lock(fs);
        error = move_name(&fs->store, &move);
        fs_unlock(fs);
    }
    (void)fuse_reply_err(request, error);
}

/* ---- directories --------------------------------------------------------- */

static void fs_opendir(fuse_req_t request, fuse_ino_t number,
                       struct fuse_file_info *file)
{
    struct fs *fs = fs_of(request);
    int fd = openat(inode_of(fs, number)->fd, ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

    if (dir == NULL) {
        (void)fuse_reply_err(request, errno);
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    file->fh = (uint64_t)(uintptr_t)dir;
    (void)fuse_reply_open(request, file);
}

static void fs_readdir(fuse_req_t request, fuse_ino_t number, size_t size,
                       off_t offset, struct fuse_file_info *file)
{
    DIR *dir = (DIR *)(uintptr_t)file->fh;
    char *out = malloc(size);
    size_t used = 0;
    const struct dirent *entry;

    (void)number;
    if (out == NULL) {
        (void)fuse_reply_err(request, ENOMEM);
        return;
    }
    if (offset == 0)
        rewinddir(dir);
    else
        seekdir(dir, offset);
    while ((entry = readdir(dir)) != NULL) {
        struct stat stat = {.st_ino = entry->d_ino,
                            .st_mode = (mode_t)entry->d_type << 12};
        size_t needs = fuse_add_direntry(request, out + used, size - used,
                                         entry->d_name, &stat, entry->d_off);

        if (needs > size - used)
            break;
        used += needs;
    }
    (void)fuse_reply_buf(request, out, used);
    free(out);
}

static void fs_releasedir(fuse_req_t request, fuse_ino_t number,
                          struct fuse_file_info *file)
{
    (void)number;
    (void)closedir((DIR *)(uintptr_t)file->fh);
    (void)fuse_reply_err(request, 0);
}

void fs_add_names(struct fuse_lowlevel_ops *ops)
{
    ops->lookup = fs_lookup;
    ops->forget = fs_forget;
    ops->forget_multi = fs_forget_multi;
    ops->getattr = fs_getattr;
    ops->setattr = fs_setattr;
    ops->readlink = fs_readlink;
    ops->mknod = fs_mknod;
    ops->mkdir = fs_mkdir;
    ops->symlink = fs_symlink;
    ops->link = fs_link;
    ops->create = fs_create;
    ops->unlink = fs_unlink;
    ops->rmdir = fs_unlink;
    ops->rename = fs_rename;
    ops->opendir = fs_opendir;
    ops->readdir = fs_readdir;
    ops->releasedir = fs_releasedir;
}
