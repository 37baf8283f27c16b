#include "harness/disk/contents.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/rng.h"

enum {
    PAGE = 4096,
    ENTRIES_MAX = 1 << 16,
    PAGES_MAX = 1 << 20,
    NAMED_MAX = 8, /* files that a loss names */
};

static bool make_room(void **at, size_t *room, size_t count, size_t size)
{
    size_t wanted = *room == 0 ? 256 : 2 * *room;
    void *more;

    if (count < *room)
        return true;
    more = realloc(*at, wanted * size);
    if (more == NULL)
        return false;
    *at = more;
    *room = wanted;
    return true;
}

static uint64_t hash_page(const unsigned char *page, size_t size)
{
    uint64_t hash = size;

    for (size_t i = 0; i < size; i += sizeof hash) {
        uint64_t word = 0;

        memcpy(&word, page + i, size - i < sizeof word ? size - i : 8);
        hash = ord_hash(hash, word, i);
    }
    return hash;
}

static int read_pages(const char *path, struct contents *out,
                      struct contents_entry *entry, struct ord_err *err)
{
    unsigned char page[PAGE];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    int rc = ORD_OK;

    if (fd < 0)
        return ord_fail_errno(err, "disk: open %s", path);
    entry->size = 0;
    for (;;) {
        ssize_t got = pread(fd, page, sizeof page, (off_t)entry->size);

        if (got < 0)
            rc = ord_fail_errno(err, "disk: read %s", path);
        if (got <= 0)
            break;
        if (out->page_count == PAGES_MAX ||
            !make_room((void **)&out->pages, &out->page_room, out->page_count,
                       sizeof *out->pages)) {
            rc = ord_fail(err, ORD_ELIMIT, "disk: over 4 GiB of data");
            break;
        }
        out->pages[out->page_count++] = hash_page(page, (size_t)got);
        entry->size += (uint64_t)got;
        if (got < PAGE)
            break;
    }
    (void)close(fd);
    return rc;
}

static int add(struct contents *out, const FTSENT *found, size_t skip,
               struct ord_err *err)
{
    struct contents_entry *entry;

    if (out->count == ENTRIES_MAX ||
        !make_room((void **)&out->entries, &out->room, out->count,
                   sizeof *out->entries))
        return ord_fail(err, ORD_ELIMIT, "disk: over %d files", ENTRIES_MAX);
    entry = &out->entries[out->count];
    *entry = (struct contents_entry){.path = strdup(found->fts_path + skip),
                                     .type = found->fts_statp->st_mode & S_IFMT,
                                     .first = out->page_count};
    if (entry->path == NULL)
        return ord_fail(err, ORD_ENOMEM, "disk: no memory");
    out->count++;
    return entry->type == S_IFREG
               ? read_pages(found->fts_accpath, out, entry, err)
               : ORD_OK;
}

static int by_path(const void *a, const void *b)
{
    const struct contents_entry *left = a;
    const struct contents_entry *right = b;

    return strcmp(left->path, right->path);
}

int contents_read(const char *dir, struct contents *out, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    char *const roots[] = {path, NULL};
    size_t skip = strlen(dir) + 1;
    int rc = ORD_OK;
    FTSENT *found;
    FTS *walk;

    *out = (struct contents){0};
    (void)snprintf(path, sizeof path, "%s", dir);
    walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (walk == NULL)
        return ord_fail_errno(err, "disk: walk %s", dir);
    while (rc == ORD_OK && (found = fts_read(walk)) != NULL) {
        if (found->fts_info == FTS_DNR || found->fts_info == FTS_ERR ||
            found->fts_info == FTS_NS) {
            errno = found->fts_errno;
            rc = ord_fail_errno(err, "disk: look at %s", found->fts_path);
        } else if (found->fts_info != FTS_DP && found->fts_level > 0) {
            rc = add(out, found, skip, err);
        }
    }
    (void)fts_close(walk);
    if (rc == ORD_OK && out->count > 0)
        qsort(out->entries, out->count, sizeof *out->entries, by_path);
    return rc;
}

void contents_free(struct contents *contents)
{
    for (size_t i = 0; i < contents->count; i++)
        free(contents->entries[i].path);
    free(contents->entries);
    free(contents->pages);
    *contents = (struct contents){0};
}

/* ---- what was lost ------------------------------------------------------- */

struct worst { /* the files that lost most, those first */
    const char *path[NAMED_MAX];
    uint64_t bytes[NAMED_MAX];
    uint32_t count;
};

static void remember(struct worst *worst, const char *path, uint64_t bytes)
{
    uint32_t at = worst->count;

    if (worst->count < NAMED_MAX)
        worst->count++;
    else if (worst->bytes[--at] >= bytes)
        return;
    for (; at > 0 && worst->bytes[at - 1] < bytes; at--) {
        worst->path[at] = worst->path[at - 1];
        worst->bytes[at] = worst->bytes[at - 1];
    }
    worst->path[at] = path;
    worst->bytes[at] = bytes;
}

static uint64_t bytes_in(const struct contents_entry *entry, size_t page)
{
    uint64_t begin = (uint64_t)page * PAGE;

    if (entry == NULL || entry->size <= begin)
        return 0;
    return entry->size - begin < PAGE ? entry->size - begin : PAGE;
}

/* SQLite's shared memory: nobody syncs it, and nobody misses it. */
static bool is_scratch(const char *path)
{
    static const char suffix[] = "-shm";
    size_t size = strlen(path);

    return size >= sizeof suffix - 1 &&
           strcmp(path + size - (sizeof suffix - 1), suffix) == 0;
}

/* One file, before and after; NULL: it is not there. */
static void compare_file(const struct contents *before,
                         const struct contents_entry *was,
                         const struct contents *after,
                         const struct contents_entry *is,
                         struct ord_disk_loss *loss, struct worst *worst)
{
    const char *path = was != NULL ? was->path : is->path;
    uint64_t names = was == NULL || is == NULL || was->type != is->type;
    uint64_t pages = 0;
    uint64_t bytes = 0;

    for (size_t i = 0;; i++) {
        uint64_t had = bytes_in(was, i);
        uint64_t has = bytes_in(is, i);

        if (had == 0 && has == 0)
            break;
        if (had == has &&
            before->pages[was->first + i] == after->pages[is->first + i])
            continue;
        pages++;
        bytes += had > has ? had : has;
    }
    if (is_scratch(path)) {
        loss->scratch += pages + names;
        return;
    }
    loss->names += names;
    if (pages == 0)
        return;
    loss->writes += pages;
    loss->bytes += bytes;
    loss->files++;
    remember(worst, path, bytes);
}

void contents_compare(const struct contents *before,
                      const struct contents *after, struct ord_disk_loss *loss)
{
    struct worst worst = {.count = 0};
    size_t size = 0;

    *loss = (struct ord_disk_loss){0};
    for (size_t i = 0, j = 0; i < before->count || j < after->count;) {
        int order = i == before->count ? 1
                    : j == after->count
                        ? -1
                        : by_path(&before->entries[i], &after->entries[j]);

        compare_file(before, order <= 0 ? &before->entries[i] : NULL, after,
                     order >= 0 ? &after->entries[j] : NULL, loss, &worst);
        i += order <= 0 ? 1 : 0;
        j += order >= 0 ? 1 : 0;
    }
    loss->changes = loss->writes + loss->names;
    for (uint32_t i = 0; i < worst.count && size < sizeof loss->what; i++)
        size +=
            (size_t)snprintf(loss->what + size, sizeof loss->what - size,
                             "%s%s %llu bytes", i > 0 ? ", " : "",
                             worst.path[i], (unsigned long long)worst.bytes[i]);
}
