#include "histories/log_tail.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "harness/base/file.h"

enum {
    CHUNK = 1 << 20,
    CHUNK_FIRST = 1 << 16,
    PAGE = 1 << 12, /* a multiple of it is fine for a file of any page size */
    EINTR_MAX = 100,
};

void ord_tail_none(struct ord_tail *tail)
{
    *tail = (struct ord_tail){.fd = -1};
}

void ord_tail_fini(struct ord_tail *tail)
{
    if (tail->map != NULL)
        (void)munmap(tail->map, tail->size);
    if (tail->fd >= 0)
        (void)close(tail->fd);
    ord_row_state_fini(&tail->state);
    ord_tail_none(tail);
}

static int fail_alloc(int code, size_t size, struct ord_err *err)
{
    errno = code;
    if (code == EFBIG)
        return ord_fail(err, ORD_EFULL,
                        "the log may not grow to %zu bytes: file size limit "
                        "reached",
                        size);
    return ord_fail_errno(err, "allocate %zu bytes of log", size);
}

/* Has `size` bytes allocated and mapped behind the last row. */
static int make_room(struct ord_tail *tail, size_t size, struct ord_err *err)
{
    size_t need = tail->end + size;
    size_t want = tail->size + (tail->size == 0 ? CHUNK_FIRST : CHUNK);
    int code = EINTR;
    void *map;

    if (need <= tail->size)
        return ORD_OK;
    if (want < need)
        want = (need + PAGE - 1) / PAGE * PAGE;
    for (int i = 0; i < EINTR_MAX && code == EINTR; i++)
        code = posix_fallocate(tail->fd, (off_t)tail->size,
                               (off_t)(want - tail->size));
    if (code != 0)
        return fail_alloc(code, want, err);
    if (tail->map == NULL)
        map = mmap(NULL, want, PROT_READ | PROT_WRITE, MAP_SHARED, tail->fd, 0);
    else
        map = mremap(tail->map, tail->size, want, MREMAP_MAYMOVE);
    if (map == MAP_FAILED)
        return ord_fail_errno(err, "map %zu bytes of log", want);
    tail->map = map;
    tail->size = want;
    return ORD_OK;
}

int ord_tail_append(struct ord_tail *tail, const struct ord_op *op,
                    const struct ord_row *row, struct ord_buf *record,
                    struct ord_err *err)
{
    uint8_t defines;
    size_t size;
    unsigned char *at;

    if (ord_row_encode(&tail->state, op, row, record, &defines, err) != ORD_OK)
        return err->rc;
    size = ORD_LOG_RECORD_HEAD + ord_log_align(record->size);
    if (make_room(tail, size, err) != ORD_OK ||
        ord_row_written(&tail->state, op, defines, err) != ORD_OK)
        return err->rc;
    at = tail->map + tail->end;
    ORD_ASSERT(ord_get32(at) == 0);
    memcpy(at + ORD_LOG_RECORD_HEAD, record->at, record->size);
    ord_put32(at + 4,
              (uint32_t)crc32_z(0, (const void *)record->at, record->size));
    /* One aligned store: the offset is a multiple of four. */
    __atomic_store_n((uint32_t *)(void *)at, htole32((uint32_t)record->size),
                     __ATOMIC_RELEASE);
    tail->end += size;
    tail->row_count++;
    return ORD_OK;
}

struct ord_bytes ord_tail_rows(const struct ord_tail *tail)
{
    return (struct ord_bytes){(const char *)tail->map + ORD_TAIL_HEADER_SIZE,
                              tail->end - ORD_TAIL_HEADER_SIZE};
}

/* ---- the file ------------------------------------------------------------ */

static int path_of(char path[ORD_PATH_MAX], const char *log_path,
                   const char *suffix, struct ord_err *err)
{
    if (snprintf(path, ORD_PATH_MAX, "%s%s", log_path, suffix) >= ORD_PATH_MAX)
        return ord_fail(err, ORD_ELIMIT, "path over %d bytes", ORD_PATH_MAX);
    return ORD_OK;
}

static void write_head(struct ord_tail *tail, const struct ord_tail_head *head)
{
    unsigned char *at = tail->map;

    memcpy(at, ORD_TAIL_MAGIC, ORD_LOG_MAGIC_SIZE);
    ord_put32(at + 8, ORD_LOG_VERSION);
    ord_put32(at + 12, head->header_crc);
    ord_put64(at + 16, head->main_size);
    ord_put64(at + 24, head->event_count);
    ord_put64(at + 32, (uint64_t)head->frontier_ns);
    ord_put32(at + 40, 0);
    ord_put32(at + ORD_TAIL_HEADER_SIZE - 4,
              (uint32_t)crc32_z(0, at, ORD_TAIL_HEADER_SIZE - 4));
    tail->end = ORD_TAIL_HEADER_SIZE;
}

int ord_tail_create(struct ord_tail *tail, const char *log_path,
                    const struct ord_tail_head *head, struct ord_err *err)
{
    char path[ORD_PATH_MAX];

    ord_tail_none(tail);
    if (path_of(path, log_path, ORD_TAIL_NEW_SUFFIX, err) != ORD_OK)
        return err->rc;
    tail->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (tail->fd < 0)
        return ord_fail_errno(err, "create %s", path);
    if (make_room(tail, ORD_TAIL_HEADER_SIZE, err) != ORD_OK)
        return err->rc;
    write_head(tail, head);
    return ORD_OK;
}

int ord_tail_publish(struct ord_tail *tail, const char *log_path,
                     struct ord_err *err)
{
    char from[ORD_PATH_MAX];
    char to[ORD_PATH_MAX];

    ORD_ASSERT(tail->fd >= 0);
    if (path_of(from, log_path, ORD_TAIL_NEW_SUFFIX, err) != ORD_OK ||
        path_of(to, log_path, ORD_TAIL_SUFFIX, err) != ORD_OK)
        return err->rc;
    if (rename(from, to) != 0)
        return ord_fail_errno(err, "publish %s", to);
    return ORD_OK;
}

static int remove_file(const char *log_path, const char *suffix,
                       struct ord_err *err)
{
    char path[ORD_PATH_MAX];

    if (path_of(path, log_path, suffix, err) != ORD_OK)
        return err->rc;
    if (unlink(path) != 0 && errno != ENOENT)
        return ord_fail_errno(err, "remove %s", path);
    return ORD_OK;
}

void ord_tail_discard(struct ord_tail *tail, const char *log_path)
{
    struct ord_err ignored = {0};

    ord_tail_fini(tail);
    (void)remove_file(log_path, ORD_TAIL_NEW_SUFFIX, &ignored);
}

int ord_tail_cut(struct ord_tail *tail, struct ord_err *err)
{
    if (ftruncate(tail->fd, (off_t)tail->end) != 0)
        return ord_fail_errno(err, "cut the log to %zu bytes", tail->end);
    return ORD_OK;
}

int ord_tail_remove(const char *log_path, struct ord_err *err)
{
    return remove_file(log_path, ORD_TAIL_SUFFIX, err);
}
