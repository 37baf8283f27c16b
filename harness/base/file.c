#include "harness/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 16, REMOVE_FDS_MAX = 32 };

int ord_path_join(char out[ORD_PATH_MAX], const char *dir, const char *name,
                  struct ord_err *err)
{
    if (snprintf(out, ORD_PATH_MAX, "%s/%s", dir, name) >= ORD_PATH_MAX)
        return ord_fail(err, ORD_ELIMIT, "path over %d bytes: %.64s...",
                        ORD_PATH_MAX, dir);
    return ORD_OK;
}

int ord_write_all(int fd, struct ord_bytes data, struct ord_err *err)
{
    while (data.size > 0) {
        ssize_t wrote = write(fd, data.at, data.size);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return ord_fail_errno(err, "write");
        data.at += wrote;
        data.size -= (size_t)wrote;
    }
    return ORD_OK;
}

static int sync_dir_of(const char *path, struct ord_err *err)
{
    char copy[ORD_PATH_MAX];
    int rc = ORD_OK;
    int fd;

    snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ord_fail_errno(err, "open the folder of %s", path);
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
        rc = ord_fail_errno(err, "fsync the folder of %s", path);
    close(fd);
    return rc;
}

/* Devices, pipes and terminals are written to, not replaced. */
static bool is_special(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

int ord_new_file_open(struct ord_new_file *file, const char *path,
                      struct ord_err *err)
{
    file->fd = -1;
    file->is_direct = is_special(path);
    if (snprintf(file->path, sizeof file->path, "%s", path) >=
            (int)sizeof file->path ||
        snprintf(file->temporary, sizeof file->temporary, "%s%s", path,
                 file->is_direct ? "" : ".tmp") >= (int)sizeof file->temporary)
        return ord_fail(err, ORD_ELIMIT, "path over %d bytes", ORD_PATH_MAX);
    file->fd =
        open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file->fd < 0)
        return ord_fail_errno(err, "create %s", file->temporary);
    return ORD_OK;
}

static void remove_temporary(const struct ord_new_file *file)
{
    if (!file->is_direct)
        (void)unlink(file->temporary); /* ENOENT after the rename is fine */
}

void ord_new_file_discard(struct ord_new_file *file)
{
    if (file->fd < 0)
        return;
    (void)close(file->fd);
    file->fd = -1;
    remove_temporary(file);
}

int ord_new_file_publish(struct ord_new_file *file, struct ord_err *err)
{
    int rc = ORD_OK;

    ORD_ASSERT(file->fd >= 0);
    if (fsync(file->fd) != 0 && !file->is_direct)
        rc = ord_fail_errno(err, "fsync %s", file->temporary);
    if (close(file->fd) != 0 && rc == ORD_OK)
        rc = ord_fail_errno(err, "close %s", file->temporary);
    file->fd = -1;
    if (file->is_direct)
        return rc;
    if (rc == ORD_OK && rename(file->temporary, file->path) != 0)
        rc =
            ord_fail_errno(err, "rename %s to %s", file->temporary, file->path);
    if (rc == ORD_OK)
        rc = sync_dir_of(file->path, err);
    if (rc != ORD_OK)
        remove_temporary(file);
    return rc;
}

int ord_file_replace(const char *path, struct ord_bytes data,
                     struct ord_err *err)
{
    struct ord_new_file file;

    if (ord_new_file_open(&file, path, err) != ORD_OK)
        return err->rc;
    if (ord_write_all(file.fd, data, err) != ORD_OK) {
        ord_new_file_discard(&file);
        return ord_wrap(err, "%s", path);
    }
    return ord_new_file_publish(&file, err);
}

int ord_file_read(const char *path, struct ord_buf *out, struct ord_err *err)
{
    char chunk[READ_SIZE];
    int rc = ORD_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return ord_fail_errno(err, "open %s", path);
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = ord_fail_errno(err, "read %s", path);
        if (got <= 0)
            break;
        ord_buf_add(out, (struct ord_bytes){chunk, (size_t)got});
        if (out->failed) {
            rc = ord_fail(err, ORD_ELIMIT, "%s is over %zu bytes", path,
                          out->size_max);
            break;
        }
    }
    close(fd);
    return rc;
}

int ord_mkdir_all(const char *path, struct ord_err *err)
{
    char copy[ORD_PATH_MAX];
    size_t size = strlen(path);

    if (size == 0 || size >= sizeof copy)
        return ord_fail(err, ORD_ELIMIT, "path of %zu bytes", size);
    memcpy(copy, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (copy[i] != '/' && copy[i] != '\0')
            continue;
        copy[i] = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            return ord_fail_errno(err, "create folder %s", copy);
        copy[i] = path[i];
    }
    return ORD_OK;
}

static int remove_one(const char *path, const struct stat *stat, int kind,
                      struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

int ord_remove_all(const char *path, struct ord_err *err)
{
    if (nftw(path, remove_one, REMOVE_FDS_MAX,
             FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 &&
        errno != ENOENT)
        return ord_fail_errno(err, "remove %s", path);
    return ORD_OK;
}
