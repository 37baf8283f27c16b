/* rollback.c -- the power cut itself; see undo.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/rng.h"
#include "harness/disk/record.h"
#include "harness/disk/undo.h"

enum { SECTOR = 512, FILES_TOLD = 3, DEPTH_MAX = 64 };

/* One file that loses something, for the report. */
struct loser {
    char path[200];
    uint64_t bytes;
};

struct rollback {
    struct store *store;
    struct ord_disk_loss *loss;
    struct inode *resized; /* refs held */
    struct loser worst[FILES_TOLD];
};

static void write_back(int fd, const void *bytes, uint64_t size,
                       uint64_t offset)
{
    uint64_t done = 0;

    while (done < size) {
        ssize_t put = pwrite(fd, (const char *)bytes + done, size - done,
                             (off_t)(offset + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return;
        done += (uint64_t)put;
    }
}

/* Writes back what was there from `from` on; the size is left to resize(). */
static void undo_content(const struct record *record, uint64_t from)
{
    int fd = inode_data_fd(record->inode);
    uint64_t skip = from - record->offset;

    if (fd >= 0 && skip < record->saved_size)
        write_back(fd, (const char *)record->saved + skip,
                   record->saved_size - skip, from);
}

/* The size is set once, at the end: each time costs a journal entry below.
 * Until then too much may be there, but nothing that belongs there is missing:
 * what a truncation cut off, its own record brings back. */
static void note_size(struct rollback *back, struct inode *inode, uint64_t size)
{
    if (!inode->is_resized) {
        inode->is_resized = true;
        inode->next_resized = back->resized;
        back->resized = inode;
        inode_ref(inode);
    }
    inode->size = size;
}

static void resize_all(struct rollback *back)
{
    while (back->resized != NULL) {
        struct inode *inode = back->resized;
        int fd = inode_data_fd(inode);

        if (fd >= 0)
            (void)!ftruncate(fd, (off_t)inode->size);
        back->resized = inode->next_resized;
        inode->is_resized = false;
        inode_rest(inode);
        inode_unref(back->store, inode);
    }
}

static void undo_attributes(const struct record *record)
{
    char link[64];

    (void)fchownat(record->inode->fd, "", record->uid, record->gid,
                   AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", record->inode->fd);
    (void)chmod(link, record->mode);
}

/* Empties and removes a directory that the power cut unmade; what is in it
 * was made durable without it.  Only names that we moved here ourselves. */
static void remove_tree(int dir, const char *name)
{
    char link[64];
    char path[ORD_PATH_MAX];
    struct ord_err ignored;
    ssize_t got;

    if (unlinkat(dir, name, 0) == 0 || unlinkat(dir, name, AT_REMOVEDIR) == 0)
        return;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    got = readlink(link, path, sizeof path - 1);
    if (got <= 0)
        return;
    path[got] = '\0';
    if ((size_t)got + strlen(name) + 2 > sizeof path)
        return;
    path[got] = '/';
    (void)snprintf(path + got + 1, sizeof path - (size_t)got - 1, "%s", name);
    (void)ord_remove_all(path, &ignored);
}

static void undo_born(struct store *store, const struct record *record)
{
    char trash[TRASH_NAME_SIZE];

    trash_name(++store->trash_count, trash);
    if (renameat(record->at.dir->fd, record->at.text, store->trash_fd, trash) ==
        0)
        remove_tree(store->trash_fd, trash);
}

static void back_from_trash(struct store *store, const struct record *record,
                            struct inode *inode)
{
    char trash[TRASH_NAME_SIZE];

    if (record->trash_number == 0)
        return;
    trash_name(record->trash_number, trash);
    (void)renameat(store->trash_fd, trash, record->at.dir->fd, record->at.text);
    if (inode->trashed > 0)
        inode->trashed--;
}

static void undo_moved(struct store *store, const struct record *record)
{
    (void)renameat2(record->at.dir->fd, record->at.text, record->from.dir->fd,
                    record->from.text,
                    record->is_exchange ? RENAME_EXCHANGE : 0);
    if (record->victim != NULL)
        back_from_trash(store, record, record->victim);
}

static void undo_one(struct rollback *back, struct record *record)
{
    struct store *store = back->store;

    switch (record->kind) {
    case RECORD_CONTENT:
        undo_content(record, record->offset);
        note_size(back, record->inode, record->old_size);
        break;
    case RECORD_ATTRIBUTES:
        undo_attributes(record);
        break;
    case RECORD_BORN:
        undo_born(store, record);
        break;
    case RECORD_GONE:
        back_from_trash(store, record, record->inode);
        break;
    case RECORD_MOVED:
        undo_moved(store, record);
        break;
    }
    record_free(store, record);
}

/* ---- what survives, and what is torn ------------------------------------- */

/* SQLite's index of its log, shared memory that happens to have a name: never
 * synced, never missed. */
static bool is_scratch(const struct store *store, struct inode *inode)
{
    static const char suffix[] = "-shm";
    char path[ORD_PATH_MAX];
    size_t size;

    if (inode->scratch == SCRATCH_UNKNOWN) {
        inode_path(store, inode, path, sizeof path);
        size = strlen(path);
        inode->scratch = SCRATCH_NO;
        if (size >= sizeof suffix &&
            strcmp(path + size - (sizeof suffix - 1), suffix) == 0)
            inode->scratch = SCRATCH_YES;
    }
    return inode->scratch == SCRATCH_YES;
}

/* Where the write may be cut: 0: nowhere. */
static uint64_t cut_point(const struct record *record,
                          const struct ord_disk_cut *cut)
{
    struct ord_rng rng = ord_rng_stream(cut->seed, "torn", 0);
    uint64_t first = record->offset / SECTOR + 1;
    uint64_t last = (record->offset + record->size - 1) / SECTOR;

    if (record->kind != RECORD_CONTENT || !record->is_write || record->size < 2)
        return 0;
    if (cut->torn == ORD_DISK_BYTE)
        return record->offset + 1 + ord_rng_below(&rng, record->size - 1);
    if (cut->torn == ORD_DISK_SECTOR && first <= last)
        return SECTOR * (first + ord_rng_below(&rng, last - first + 1));
    return 0;
}

/* How many of the oldest records survive, and whether the newest of them is
 * torn: if nothing else survives, the first write that can be torn does, with
 * what came before it. */
static uint64_t survivors(const struct store *store,
                          const struct ord_disk_cut *cut,
                          const struct record **torn)
{
    uint64_t keep =
        (uint64_t)((double)store->record_count * (double)cut->keep_ppm / 1e6 +
                   0.5);
    uint64_t index = 0;

    *torn = NULL;
    if (cut->torn == ORD_DISK_WHOLE)
        return keep;
    for (const struct record *at = store->all.oldest; at != NULL;
         at = at->newer) {
        index++;
        if (index > keep && *torn != NULL)
            break;
        if (cut_point(at, cut) == 0 || is_scratch(store, at->inode))
            continue;
        *torn = at;
        if (index > keep)
            keep = index;
    }
    return keep;
}

static void tear(struct rollback *back, const struct record *record,
                 const struct ord_disk_cut *cut)
{
    struct ord_disk_loss *loss = back->loss;

    /* Newer changes of the same file survive only if they can not be torn;
     * then the file is left as it is. */
    if (record->newer_kin != NULL)
        return;
    loss->torn_at = cut_point(record, cut);
    inode_path(back->store, record->inode, loss->torn, sizeof loss->torn);
    undo_content(record, loss->torn_at);
    note_size(back, record->inode,
              record->old_size > loss->torn_at ? record->old_size
                                               : loss->torn_at);
}

/* ---- the report ---------------------------------------------------------- */

/* Where it is, or where it was before it went into the trash. */
static void last_path(const struct store *store, const struct inode *inode,
                      char *out, size_t size)
{
    char dir[ORD_PATH_MAX];

    inode_path(store, inode, out, size);
    for (const struct record *at = store->names.newest;
         at != NULL && out[0] == '?'; at = at->older_kin) {
        if ((at->kind != RECORD_GONE || at->inode != inode) &&
            at->victim != inode)
            continue;
        inode_path(store, at->at.dir, dir, sizeof dir);
        (void)snprintf(out, size, "%s%s%s", dir[0] == '.' ? "" : dir,
                       dir[0] == '.' ? "" : "/", at->at.text);
    }
}

static void tell_loser(struct rollback *back, struct inode *inode)
{
    struct loser one = {.bytes = inode->lost_bytes};

    last_path(back->store, inode, one.path, sizeof one.path);
    for (uint32_t i = 0; i < FILES_TOLD; i++) {
        if (back->worst[i].path[0] == '\0' ||
            one.bytes > back->worst[i].bytes) {
            struct loser other = back->worst[i];

            back->worst[i] = one;
            one = other;
        }
        if (one.path[0] == '\0')
            return;
    }
}

static void count_one(const struct store *store, const struct record *record,
                      struct ord_disk_loss *loss)
{
    struct inode *inode = record->inode;

    if (is_scratch(store, inode)) {
        loss->scratch++;
        return;
    }
    loss->changes++;
    if (record_is_about_names(record))
        loss->names++;
    if (record->kind != RECORD_CONTENT)
        return;
    loss->writes++;
    loss->bytes += record->size;
    loss->files += !inode->is_lost;
    inode->is_lost = true;
    inode->lost_bytes += record->size;
}

/* Counts what is about to be undone, while names are still what they were. */
static void count_losses(struct rollback *back, uint64_t keep)
{
    struct store *store = back->store;
    uint64_t lost = store->record_count - keep;
    const struct record *at = store->all.newest;

    for (uint64_t i = 0; i < lost; i++, at = at->older)
        count_one(store, at, back->loss);
    at = store->all.newest;
    for (uint64_t i = 0; i < lost; i++, at = at->older) {
        if (at->inode->is_lost)
            tell_loser(back, at->inode);
        at->inode->is_lost = false;
        at->inode->lost_bytes = 0;
    }
    for (; at != NULL; at = at->older)
        back->loss->kept += !is_scratch(store, at->inode);
}

static void print_losers(const struct rollback *back)
{
    struct ord_buf text;

    ord_buf_init(&text, sizeof back->loss->what - 1);
    for (uint32_t i = 0; i < FILES_TOLD; i++) {
        if (back->worst[i].path[0] != '\0')
            ord_buf_printf(&text, "%s%s %llu bytes", i > 0 ? ", " : "",
                           back->worst[i].path,
                           (unsigned long long)back->worst[i].bytes);
    }
    if (back->loss->files > FILES_TOLD)
        ord_buf_printf(&text, ", and %u more", back->loss->files - FILES_TOLD);
    (void)snprintf(back->loss->what, sizeof back->loss->what, "%s",
                   ord_buf_str(&text));
    ord_buf_fini(&text);
}

void undo_all(struct store *store, const struct ord_disk_cut *cut,
              struct ord_disk_loss *loss)
{
    struct rollback back = {.store = store, .loss = loss};
    const struct record *torn;
    uint64_t keep = survivors(store, cut, &torn);

    memset(loss, 0, sizeof *loss);
    count_losses(&back, keep);
    while (store->record_count > keep)
        undo_one(&back, store->all.newest);
    if (torn != NULL)
        tear(&back, torn, cut);
    resize_all(&back);
    print_losers(&back);
    undo_forget(store);
}
