/* disk_damage.c -- disk: flip, truncate: files of a node that is stopped; see
 * disk.c.
 *
 * Of the files below the data directory that the pattern names and that are
 * not empty, the seed chooses one per node, and where.  A file's tail ends
 * with its last byte that is not 0: databases reserve room for their logs.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "harness/base/rng.h"
#include "harness/control/cluster.h"
#include "nemesis/disk_int.h"
#include "nemesis/params.h"

enum { FILES_MAX = 1 << 16, PATH_SHOWN = 120, CHUNK = 65536 };

struct damaged { /* one node */
    char path[PATH_SHOWN];
    uint64_t size_before;
    uint64_t size_after;
    uint64_t offset; /* of the first byte that was flipped */
    uint8_t before, after;
    uint32_t bytes; /* that differ now */
    uint32_t files; /* that the pattern names */
};

struct damage {
    uint64_t ran;
    uint64_t nodes;
    struct damaged of[ORD_PORTS_MAX];
};

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool matches(const FTSENT *entry, const char *below, const char *files)
{
    return entry->fts_info == FTS_F && S_ISREG(entry->fts_statp->st_mode) &&
           entry->fts_statp->st_size > 0 &&
           (fnmatch(files, below, 0) == 0 ||
            fnmatch(files, entry->fts_name, 0) == 0);
}

/* Walks the directory in order of names: how many files match, and the path of
 * number `want` of them. */
static uint32_t walk(const char *dir, const char *files, uint32_t want,
                     char out[ORD_PATH_MAX], struct ord_err *err)
{
    char root[ORD_PATH_MAX];
    char *const roots[] = {root, NULL};
    uint32_t count = 0;
    const FTSENT *entry;
    FTS *fts;

    (void)snprintf(root, sizeof root, "%s", dir);
    fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, by_name);
    if (fts == NULL) {
        (void)ord_fail_errno(err, "look into %s", dir);
        return 0;
    }
    while (count < FILES_MAX && (entry = fts_read(fts)) != NULL) {
        if (!matches(entry, entry->fts_path + strlen(dir) + 1, files))
            continue;
        if (count++ == want)
            (void)snprintf(out, ORD_PATH_MAX, "%s", entry->fts_path);
    }
    (void)fts_close(fts);
    return count;
}

/* Where the last byte that is not 0 ends. */
static uint64_t end_of_data(int fd, uint64_t size)
{
    char chunk[CHUNK];

    while (size > 0) {
        uint64_t from = size > CHUNK ? (size - 1) / CHUNK * CHUNK : 0;
        ssize_t got = pread(fd, chunk, size - from, (off_t)from);

        if (got <= 0)
            return size;
        while (got > 0 && chunk[got - 1] == '\0')
            got--;
        if (got > 0)
            return from + (uint64_t)got;
        size = from;
    }
    return 0;
}

static void region_of(const struct disk_fault *disk, int fd, uint64_t size,
                      struct ord_rng *rng, uint64_t *from, uint64_t *until)
{
    *from = 0;
    *until = size;
    if (disk->region == DISK_TAIL) {
        *until = end_of_data(fd, size);
        if (*until == 0)
            *until = size;
        *from = *until > disk->size ? *until - disk->size : 0;
    } else if (disk->region == DISK_HEAD) {
        *until = size < disk->size ? size : disk->size;
    } else {
        *from = ord_rng_below(rng, (size + disk->size - 1) / disk->size) *
                disk->size;
        *until = size - *from > disk->size ? *from + disk->size : size;
    }
}

static int flip(const struct disk_fault *disk, int fd, struct ord_rng *rng,
                struct damaged *out, struct ord_err *err)
{
    uint64_t from;
    uint64_t until;

    region_of(disk, fd, out->size_before, rng, &from, &until);
    for (uint32_t i = 0; i < disk->count; i++) {
        uint64_t at = from + ord_rng_below(rng, until - from);
        uint8_t bit = (uint8_t)(1U << ord_rng_below(rng, 8));
        uint8_t byte = 0;

        if (pread(fd, &byte, 1, (off_t)at) != 1)
            return ord_fail_errno(err, "read %s", out->path);
        if (i > 0 && at == out->offset)
            continue; /* it would undo what is told of the first one */
        byte = (uint8_t)(byte ^ bit);
        if (pwrite(fd, &byte, 1, (off_t)at) != 1)
            return ord_fail_errno(err, "write %s", out->path);
        out->bytes++;
        if (i > 0)
            continue;
        out->offset = at;
        out->before = (uint8_t)(byte ^ bit);
    }
    return pread(fd, &out->after, 1, (off_t)out->offset) == 1
               ? ORD_OK
               : ord_fail_errno(err, "read %s", out->path);
}

static int cut_short(const struct disk_fault *disk, int fd, struct ord_rng *rng,
                     struct damaged *out, struct ord_err *err)
{
    uint64_t size = out->size_before;

    if (disk->region == DISK_TAIL) {
        uint64_t end = end_of_data(fd, size);
        uint64_t most;

        if (end == 0)
            end = size;
        most = end < disk->size ? end : disk->size;
        size = end - 1 - ord_rng_below(rng, most);
    } else if (disk->region == DISK_HEAD) {
        size = ord_rng_below(rng, size < disk->size ? size : disk->size);
    } else {
        size = ord_rng_below(rng, size);
    }
    return ftruncate(fd, (off_t)size) == 0
               ? ORD_OK
               : ord_fail_errno(err, "truncate %s", out->path);
}

static int damage_file(const struct disk_fault *disk, const char *path,
                       struct ord_rng *rng, struct damaged *out,
                       struct ord_err *err)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat stat;
    int rc;

    if (fd < 0 || fstat(fd, &stat) != 0) {
        rc = ord_fail_errno(err, "open %s", path);
        goto out;
    }
    out->size_before = (uint64_t)stat.st_size;
    rc = disk->kind == DISK_FLIP ? flip(disk, fd, rng, out, err)
                                 : cut_short(disk, fd, rng, out, err);
    /* A power cut later on must not make it good again. */
    if (rc == ORD_OK && (fsync(fd) != 0 || fstat(fd, &stat) != 0))
        rc = ord_fail_errno(err, "sync %s", path);
    out->size_after = (uint64_t)stat.st_size;
out:
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int damage_node(struct ord_nemesis_env *env, uint32_t node,
                       const struct ord_fault *fault,
                       const struct disk_fault *disk, struct damaged *out,
                       struct ord_err *err)
{
    struct ord_rng rng = ord_rng_stream(fault->seed, "damage", node);
    char dir[ORD_PATH_MAX];
    char path[ORD_PATH_MAX] = "";

    err->rc = ORD_OK;
    if (ord_node_dir(env->cluster, node, dir, err) != ORD_OK)
        return err->rc;
    out->files = walk(dir, disk->files, UINT32_MAX, path, err);
    if (out->files == 0)
        return err->rc;
    (void)walk(dir, disk->files, (uint32_t)ord_rng_below(&rng, out->files),
               path, err);
    if (path[0] == '\0')
        return ord_fail(err, ORD_EIO, "the files of n%u changed", node);
    (void)snprintf(out->path, sizeof out->path, "%s", path + strlen(dir) + 1);
    return damage_file(disk, path, &rng, out, err);
}

static int damage_inject(struct ord_nemesis_env *env,
                         struct ord_fault_state *state,
                         const struct disk_fault *disk, struct ord_err *err)
{
    const struct ord_fault *fault = state->fault;
    struct damage *damage = ord_arena_zalloc(state->arena, 1, sizeof *damage);

    if (damage == NULL)
        return ord_fail(err, ORD_ENOMEM, "disk: no memory");
    state->before = damage;
    if (ord_env_claim(env, fault->id, true, fault->nodes, &damage->ran, err) !=
        ORD_OK)
        return ord_wrap(err, "stop it");
    for (uint32_t node = 1; node <= env->node_count; node++) {
        if (!ord_has_node(fault->nodes, node))
            continue;
        damage->nodes |= ord_one_node(node);
        if (damage_node(env, node, fault, disk, &damage->of[node], err) !=
            ORD_OK)
            return ord_wrap(err, "n%u", node);
    }
    return ORD_OK;
}

static int damage_took_hold(struct ord_nemesis_env *env,
                            struct ord_fault_state *state, bool *held,
                            struct ord_buf *evidence, struct ord_err *err)
{
    const struct damage *damage = state->before;
    const char *comma = "";

    (void)err;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        const struct damaged *of = &damage->of[node];

        if (!ord_has_node(damage->nodes, node))
            continue;
        ord_buf_printf(evidence, "%sn%u: ", comma, node);
        comma = "; ";
        if (of->path[0] == '\0') {
            ord_buf_text(evidence, "no file that is not empty has such a name");
            continue;
        }
        *held = *held || of->before != of->after ||
                of->size_before != of->size_after;
        if (of->size_before != of->size_after)
            ord_buf_printf(evidence, "%s had %llu bytes, has %llu", of->path,
                           (unsigned long long)of->size_before,
                           (unsigned long long)of->size_after);
        else
            ord_buf_printf(evidence,
                           "%u bits flipped in %s, the first in byte %llu of "
                           "%llu: 0x%02x became 0x%02x",
                           of->bytes, of->path, (unsigned long long)of->offset,
                           (unsigned long long)of->size_before, of->before,
                           of->after);
    }
    return ORD_OK;
}

const struct disk_kind_ops ord_disk_damage_ops = {
    .needs_disk = false,
    .kills = true,
    .inject = damage_inject,
    .heal = ord_disk_restart,
    .took_hold = damage_took_hold,
};
