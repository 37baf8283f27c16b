#include "harness/disk/undo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/disk/record.h"

/* ---- content ------------------------------------------------------------- */

/* Reads what is there; less if the file ends before.  False sets errno. */
static bool save(struct record *record, int fd, uint64_t size)
{
    uint64_t have = 0;

    if (size == 0)
        return true;
    record->saved = malloc(size);
    if (record->saved == NULL)
        return false;
    while (have < size) {
        ssize_t got = pread(fd, (char *)record->saved + have, size - have,
                            (off_t)(record->offset + have));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        have += (uint64_t)got;
    }
    record->saved_size = have;
    return true;
}

/* What [offset, offset + size) holds is about to change. */
static bool note_bytes(struct store *store, struct inode *inode,
                       uint64_t offset, uint64_t size, bool is_write)
{
    int fd = inode_data_fd(inode);
    struct record *record;
    struct stat stat;
    uint64_t end;

    if (fd < 0 || fstat(fd, &stat) != 0)
        return false;
    record = record_new(RECORD_CONTENT, inode);
    if (record == NULL)
        return (errno = ENOMEM, false);
    record->offset = offset;
    record->size = size;
    record->is_write = is_write;
    record->old_size = (uint64_t)stat.st_size;
    end = offset + size < record->old_size ? offset + size : record->old_size;
    if (end > offset && !save(record, fd, end - offset)) {
        record_free(store, record);
        return (errno = ENOMEM, false);
    }
    record_add(store, record);
    return true;
}

bool note_content(struct store *store, struct inode *inode, uint64_t offset,
                  uint64_t size)
{
    struct stat stat;

    if (size > 0)
        return note_bytes(store, inode, offset, size, true);
    if (fstat(inode->fd, &stat) != 0)
        return false;
    if ((uint64_t)stat.st_size > offset)
        size = (uint64_t)stat.st_size - offset;
    return note_bytes(store, inode, offset, size, false);
}

bool note_range(struct store *store, struct inode *inode, uint64_t offset,
                uint64_t size)
{
    return note_bytes(store, inode, offset, size, false);
}

bool note_attributes(struct store *store, struct inode *inode)
{
    struct record *record;
    struct stat stat;

    if (!inode_stat(inode, &stat))
        return false;
    record = record_new(RECORD_ATTRIBUTES, inode);
    if (record == NULL)
        return (errno = ENOMEM, false);
    record->mode = stat.st_mode & 07777;
    record->uid = stat.st_uid;
    record->gid = stat.st_gid;
    record_add(store, record);
    return true;
}

/* ---- names --------------------------------------------------------------- */

void note_born(struct store *store, struct inode *dir, const char *name,
               struct inode *inode)
{
    struct record *record = record_new(RECORD_BORN, inode);

    if (record == NULL)
        return;
    if (record_name(&record->at, dir, name))
        record_add(store, record);
    else
        record_free(store, record);
}

static bool is_empty_dir(const struct inode *inode)
{
    int fd = openat(inode->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct dirent *entry;
    bool is_empty = true;
    DIR *dir;

    if (fd < 0)
        return true; /* not a directory */
    dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return false;
    }
    while (is_empty && (entry = readdir(dir)) != NULL)
        is_empty =
            strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    (void)closedir(dir);
    return is_empty;
}

static int to_trash(struct store *store, const struct inode *dir,
                    const char *name, struct inode *inode, uint64_t *number)
{
    char trash[TRASH_NAME_SIZE];

    if (!is_empty_dir(inode))
        return ENOTEMPTY;
    trash_name(store->trash_count + 1, trash);
    if (renameat(dir->fd, name, store->trash_fd, trash) != 0)
        return errno;
    *number = ++store->trash_count;
    inode->trashed++;
    return 0;
}

static int from_trash(struct store *store, uint64_t number,
                      const struct inode *dir, const char *name,
                      struct inode *inode)
{
    char trash[TRASH_NAME_SIZE];

    trash_name(number, trash);
    if (renameat(store->trash_fd, trash, dir->fd, name) != 0)
        return errno;
    if (inode->trashed > 0)
        inode->trashed--;
    return 0;
}

int take_name(struct store *store, struct inode *dir, const char *name,
              struct inode *inode)
{
    struct record *record = record_new(RECORD_GONE, inode);
    int error;

    if (record == NULL)
        return ENOMEM;
    error = record_name(&record->at, dir, name)
                ? to_trash(store, dir, name, inode, &record->trash_number)
                : ENOMEM;
    if (error != 0)
        record_free(store, record);
    else
        record_add(store, record);
    return error;
}

static int do_move(struct store *store, struct record *record,
                   const struct name_move *move)
{
    int error = 0;

    record->is_exchange = (move->flags & RENAME_EXCHANGE) != 0;
    if (record->victim != NULL && !record->is_exchange)
        error = to_trash(store, move->to_dir, move->to, record->victim,
                         &record->trash_number);
    if (error != 0)
        return error;
    if (renameat2(move->from_dir->fd, move->from, move->to_dir->fd, move->to,
                  move->flags) != 0)
        error = errno;
    if (error != 0 && record->trash_number != 0) {
        (void)from_trash(store, record->trash_number, move->to_dir, move->to,
                         record->victim);
        record->trash_number = 0;
    }
    return error;
}

int move_name(struct store *store, const struct name_move *move)
{
    struct inode *inode = store_find(store, move->from_dir, move->from);
    struct record *record;
    int error = ENOMEM;

    if (inode == NULL)
        return errno;
    record = record_new(RECORD_MOVED, inode);
    inode_unref(store, inode); /* the record holds it */
    if (record == NULL)
        return ENOMEM;
    if ((move->flags & RENAME_NOREPLACE) == 0)
        record->victim = store_find(store, move->to_dir, move->to);
    if (record_name(&record->from, move->from_dir, move->from) &&
        record_name(&record->at, move->to_dir, move->to))
        error = do_move(store, record, move);
    if (error != 0)
        record_free(store, record);
    else
        record_add(store, record);
    return error;
}

/* ---- durable ------------------------------------------------------------- */

/* Makes durable, newest to oldest, each change of a name that is wanted: one
 * of an inode that is wanted, or in a directory that is walked.  What happened
 * earlier in the same directory comes along, so what is left can always be
 * undone. */
static void settle_names(struct store *store)
{
    bool follows = store->model == ORD_DISK_EXT4;
    struct record *record = store->names.newest;

    while (record != NULL) {
        struct record *older = record->older_kin;
        struct inode *dirs[] = {record->at.dir, record->from.dir};
        bool is_wanted = record->inode->wanted == store->pass;

        for (uint32_t i = 0; i < 2; i++)
            is_wanted = is_wanted ||
                        (dirs[i] != NULL && dirs[i]->walked == store->pass);
        for (uint32_t i = 0; is_wanted && i < 2; i++) {
            if (dirs[i] == NULL)
                continue;
            dirs[i]->walked = store->pass;
            if (follows)
                dirs[i]->wanted = store->pass;
        }
        if (is_wanted)
            record_settle(store, record);
        record = older;
    }
}

void make_durable(struct store *store, struct inode *inode, bool is_dir)
{
    bool follows = store->model == ORD_DISK_EXT4;

    inode_ref(inode);
    while (inode->content.oldest != NULL)
        record_settle(store, inode->content.oldest);
    if (is_dir || (follows && inode->name_records > 0)) {
        store->pass++;
        if (is_dir)
            inode->walked = store->pass;
        if (follows)
            inode->wanted = store->pass;
        settle_names(store);
    }
    inode_unref(store, inode);
}

void undo_forget(struct store *store)
{
    while (store->all.oldest != NULL)
        record_settle(store, store->all.oldest);
}
