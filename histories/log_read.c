/* log_read.c -- our own file, and what a recorder left beside it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "harness/base/file.h"
#include "histories/build.h"
#include "histories/log_row.h"
#include "histories/read.h"

/* ---- the header ---------------------------------------------------------- */

struct header {
    uint32_t version;
    uint32_t crc;
    size_t size;
    struct ord_bytes meta;
};

static int read_header(struct ord_bytes bytes, struct header *out,
                       struct ord_err *err)
{
    const char *at = bytes.at;
    uint32_t crc;

    if (bytes.size >= ORD_LOG_MAGIC_SIZE &&
        memcmp(at, ORD_LOG_MAGIC, ORD_LOG_MAGIC_SIZE) != 0)
        return ord_fail(err, ORD_EFORMAT, "not a log of ordeal");
    if (bytes.size < ORD_LOG_HEADER_SIZE)
        return ord_fail(err, ORD_EFORMAT,
                        "the header of the log is cut after %zu bytes",
                        bytes.size);
    out->version = ord_get32(at + 8);
    if (out->version != ORD_LOG_VERSION && out->version != ORD_LOG_VERSION_ROWS)
        return ord_fail(err, ORD_EFORMAT, "version %u of the log, expected %d",
                        out->version, ORD_LOG_VERSION);
    out->meta.size = ord_get32(at + 16);
    out->crc = ord_get32(at + 20);
    if (out->meta.size > ORD_LOG_META_MAX)
        return ord_fail(err, ORD_EFORMAT, "the header of the log is damaged");
    if (bytes.size < ORD_LOG_HEADER_SIZE + out->meta.size)
        return ord_fail(err, ORD_EFORMAT,
                        "the header of the log is cut after %zu bytes",
                        bytes.size);
    out->meta.at = at + ORD_LOG_HEADER_SIZE;
    crc = (uint32_t)crc32_z(0, (const void *)at, ORD_LOG_HEADER_SIZE - 4);
    crc = (uint32_t)crc32_z(crc, (const void *)out->meta.at, out->meta.size);
    if (crc != out->crc)
        return ord_fail(err, ORD_EFORMAT, "the header of the log is damaged");
    if (ord_get32(at + 12) != 0)
        return ord_fail(err, ORD_EFORMAT,
                        "the log has flags of a newer version");
    out->size = ORD_LOG_HEADER_SIZE + ord_log_align(out->meta.size);
    if (out->size > bytes.size)
        out->size = bytes.size;
    return ORD_OK;
}

static int name_nodes(struct ord_history_builder *builder,
                      struct ord_bytes meta, struct ord_err *err)
{
    struct ord_json in = {.at = meta.at, .end = meta.at + meta.size};
    struct ord_arena *arena = &builder->history->arena;
    struct ord_bytes key;
    struct ord_bytes raw;
    uint16_t node = 0;
    bool is_good = ord_json_enter(&in, '{');

    while (is_good && ord_json_member(&in, &key)) {
        if (!ord_bytes_is(key, "nodes") ||
            ord_json_peek(&in) != ORD_JSON_ARRAY) {
            is_good = ord_json_skip(&in);
            continue;
        }
        in.at++;
        while (is_good && ord_json_element(&in)) {
            is_good = ord_json_string(&in, &raw);
            if (!is_good)
                break;
            raw = ord_json_unescape(arena, raw);
            if (raw.at == NULL)
                return ord_fail(err, ORD_EFORMAT, "meta: a bad node name");
            node = (uint16_t)(node + 1);
            if (raw.size > 0 && /* "": there is none of that number */
                ord_builder_name_node(builder, node, raw, err) != ORD_OK)
                return ord_wrap(err, "meta");
        }
        is_good = is_good && ord_json_left(&in, ']');
    }
    if (!is_good || !ord_json_left(&in, '}'))
        return ord_fail(err, ORD_EFORMAT,
                        "meta: expected an object with a list of names as "
                        "its \"nodes\"");
    return ord_builder_meta(builder, meta, err);
}

/* ---- blocks -------------------------------------------------------------- */

/* Whether the bytes end with a trailer. */
static bool has_trailer(struct ord_bytes bytes)
{
    const char *at;

    if (bytes.size < ORD_TRAILER_SIZE)
        return false;
    at = bytes.at + bytes.size - ORD_TRAILER_SIZE;
    return ord_get32(at) == ORD_TRAILER_MAGIC &&
           ord_get32(at + 4) ==
               crc32_z(0, (const void *)(at + 8), ORD_TRAILER_SIZE - 8);
}

static bool is_trailer(struct ord_bytes rest, const struct ord_history *h)
{
    const char *at = rest.at;

    return rest.size == ORD_TRAILER_SIZE && has_trailer(rest) &&
           ord_get64(at + 8) == (uint64_t)h->count &&
           ord_get64(at + 16) == (uint64_t)h->call_count;
}

/* Blocks as far as they are whole; *end: behind the last one, or the trailer.
 */
static int read_blocks(struct ord_bytes bytes, size_t from,
                       struct ord_history *h, size_t *end, struct ord_err *err)
{
    struct ord_block block;

    *end = from;
    while (ord_block_open(
        (struct ord_bytes){bytes.at + *end, bytes.size - *end}, &block)) {
        if (block.first_event != (uint64_t)h->count ||
            block.first_call != (uint64_t)h->call_count)
            return ORD_OK;
        if (h->count + block.event_count > ORD_EVENTS_MAX)
            return ord_fail(err, ORD_ELIMIT, "more than %" PRId64 " events",
                            ORD_EVENTS_MAX);
        /* A few bytes may unpack into a great many. */
        if (!ord_block_fits(&block, h->size_max))
            return ord_fail(err, ORD_ENOMEM,
                            "the block of operation %" PRIu64
                            " needs more than %zu bytes of memory",
                            block.first_event, h->size_max);
        if (ord_history_add_block(h, &block, err) != ORD_OK)
            return err->rc;
        ord_history_release(h, &block);
        *end += block.size;
    }
    if (is_trailer((struct ord_bytes){bytes.at + *end, bytes.size - *end}, h))
        *end = bytes.size;
    return ORD_OK;
}

/* ---- both parts ---------------------------------------------------------- */

struct parts {
    struct ord_bytes main;
    struct ord_bytes tail; /* size 0: there is none */
    const struct ord_history_options *how;
};

static bool read_tail_head(struct ord_bytes tail, struct ord_tail_head *out)
{
    const char *at = tail.at;

    if (tail.size < ORD_TAIL_HEADER_SIZE ||
        memcmp(at, ORD_TAIL_MAGIC, ORD_LOG_MAGIC_SIZE) != 0 ||
        crc32_z(0, (const void *)at, ORD_TAIL_HEADER_SIZE - 4) !=
            ord_get32(at + ORD_TAIL_HEADER_SIZE - 4))
        return false;
    out->header_crc = ord_get32(at + 12);
    out->main_size = ord_get64(at + 16);
    out->event_count = ord_get64(at + 24);
    out->frontier_ns = (int64_t)ord_get64(at + 32);
    return true;
}

static int add_op(struct ord_history_builder *builder, struct ord_op op,
                  const struct parts *parts, struct ord_err *err)
{
    if (parts->how->is_keyed && ord_split_key(&op, err) != ORD_OK)
        return err->rc;
    return ord_history_add(builder, &op, err);
}

/* Rows, placed and sorted, behind what the builder has. */
static int add_rows(struct ord_history_builder *builder, struct ord_bytes bytes,
                    int64_t frontier_ns, const struct parts *parts,
                    struct ord_err *err)
{
    struct ord_arena arena;
    struct ord_rows rows;
    int rc;

    ord_arena_init(&arena, builder->size_max);
    rc = ord_rows_read(bytes, &arena, &rows, err);
    if (rc == ORD_OK)
        rc = ord_rows_place(&rows, frontier_ns, err);
    if (rc == ORD_OK)
        rc = ord_order_sort(rows.ops, rows.count, ORD_ORDER_TIME_ADDED, err);
    for (int64_t i = 0; i < rows.count && rc == ORD_OK; i++)
        rc = add_op(builder, rows.ops[i], parts, err);
    if (rc == ORD_OK)
        builder->history->torn_size += ord_torn_size(
            (struct ord_bytes){bytes.at + rows.size, bytes.size - rows.size});
    ord_arena_fini(&arena);
    return rc;
}

/* A history of its own: blocks and rows, event by event. */
static int rebuild(const struct ord_history *blocks, struct ord_bytes rows,
                   int64_t frontier_ns, const struct parts *parts,
                   struct ord_history **out, struct ord_err *err)
{
    struct ord_history_builder *builder = NULL;
    int rc = ord_history_builder_new(ord_history_size_max(parts->how), &builder,
                                     err);

    if (rc == ORD_OK)
        rc = ord_builder_copy_head(builder, blocks, err);
    for (int64_t i = 0; i < blocks->count && rc == ORD_OK; i++)
        rc = add_op(builder, *ord_history_op(blocks, i), parts, err);
    if (rc == ORD_OK)
        rc = ord_history_trouble(blocks, err);
    if (rc == ORD_OK && rows.size > 0)
        rc = add_rows(builder, rows, frontier_ns, parts, err);
    if (rc == ORD_OK)
        rc = ord_builder_finish(&builder, ORD_ORDER_AS_ADDED, out, err);
    ord_history_builder_free(&builder);
    return rc;
}

/* Whether the tail goes with these blocks; cuts main where it begins.  A file
 * that was closed needs none, whatever lies beside it. */
static bool has_tail(struct parts *parts, const struct header *header,
                     struct ord_tail_head *head)
{
    if (has_trailer(parts->main))
        parts->tail.size = 0;
    if (!read_tail_head(parts->tail, head) || head->header_crc != header->crc ||
        head->main_size < header->size || head->main_size > parts->main.size)
        return false;
    parts->main.size = (size_t)head->main_size;
    return true;
}

/* A crash cuts a file; it does not close it.  Half of a history must not pass
 * for the whole. */
static int refuse_damage(const struct ord_history *h, size_t at,
                         struct ord_err *err)
{
    return ord_fail(err, ORD_EFORMAT,
                    "damaged at byte %zu: its checksum is wrong, and the file "
                    "had been closed whole; `head -c %zu` keeps the %" PRId64
                    " events before it",
                    at, at, h->count);
}

/* h: what owns the bytes of main; it is freed or becomes *out. */
static int read_parts(struct parts *parts, struct ord_history *h,
                      struct ord_history **out, struct ord_err *err)
{
    struct ord_history_builder head_only = {.history = h,
                                            .size_max = h->size_max};
    struct header header = {0};
    struct ord_tail_head tail = {.frontier_ns = INT64_MIN};
    struct ord_bytes rows = {0};
    size_t end;
    bool has_rows = false;
    int rc = read_header(parts->main, &header, err);

    if (rc == ORD_OK)
        rc = name_nodes(&head_only, header.meta, err);
    if (rc != ORD_OK)
        return rc;
    end = header.size;
    if (header.version == ORD_LOG_VERSION_ROWS) {
        rows = (struct ord_bytes){parts->main.at + end, parts->main.size - end};
        has_rows = true;
        end = parts->main.size;
    } else {
        has_rows = has_tail(parts, &header, &tail);
        rc = read_blocks(parts->main, header.size, h, &end, err);
        if (rc == ORD_OK && end < parts->main.size && has_trailer(parts->main))
            rc = refuse_damage(h, end, err);
        h->torn_size = ord_torn_size(
            (struct ord_bytes){parts->main.at + end, parts->main.size - end});
        /* Rows that do not follow the last block would leave a gap. */
        if (has_rows && end == parts->main.size &&
            tail.event_count == (uint64_t)h->count)
            rows = (struct ord_bytes){parts->tail.at + ORD_TAIL_HEADER_SIZE,
                                      parts->tail.size - ORD_TAIL_HEADER_SIZE};
        else
            h->torn_size += ord_torn_size(parts->tail);
    }
    if (rc == ORD_OK)
        rc = ord_history_seal(h, err);
    if (rc == ORD_OK && (ord_torn_size(rows) > 0 || parts->how->is_keyed))
        return rebuild(h, rows, tail.frontier_ns, parts, out, err);
    if (rc == ORD_OK)
        *out = h;
    return rc;
}

/* ---- from files ---------------------------------------------------------- */

/* Maps a whole regular file; size 0: it is empty or not there. */
static int map_file(const char *path, void **map, size_t *size,
                    struct ord_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;

    *map = NULL;
    *size = 0;
    if (fd < 0)
        return errno == ENOENT ? ORD_OK : ord_fail_errno(err, "open");
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
        *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        *size = (size_t)info.st_size;
    }
    (void)close(fd);
    if (*map != MAP_FAILED)
        return ORD_OK;
    *map = NULL;
    *size = 0;
    return ord_fail_errno(err, "map");
}

static bool has_magic(const char *path)
{
    char magic[ORD_LOG_MAGIC_SIZE];
    struct stat info;
    bool has;
    int fd;

    /* A pipe is not even opened: its writer would see it closed again. */
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    has = pread(fd, magic, sizeof magic, 0) == sizeof magic &&
          memcmp(magic, ORD_LOG_MAGIC, sizeof magic) == 0;
    (void)close(fd);
    return has;
}

int ord_own_open(const char *path, const struct ord_history_options *how,
                 bool *is_own, struct ord_history **out, struct ord_err *err)
{
    struct parts parts = {.how = how};
    struct ord_history *h = NULL;
    char tail[ORD_PATH_MAX];
    void *map = NULL;
    size_t size = 0;
    int rc;

    *is_own = has_magic(path);
    if (!*is_own)
        return ORD_OK;
    if (snprintf(tail, sizeof tail, "%s" ORD_TAIL_SUFFIX, path) >=
        (int)sizeof tail)
        return ord_fail(err, ORD_ELIMIT, "path over %zu bytes", sizeof tail);
    rc = ord_history_new(ord_history_size_max(how), &h, err);
    /* The tail first: what it says of main stays true, also if a recorder is
     * at work. */
    if (rc == ORD_OK)
        rc = map_file(tail, &map, &size, err);
    parts.tail = (struct ord_bytes){map, size};
    if (rc == ORD_OK)
        rc = map_file(path, &h->map, &h->map_size, err);
    if (rc == ORD_OK) {
        parts.main = (struct ord_bytes){h->map, h->map_size};
        rc = read_parts(&parts, h, out, err);
    }
    if (rc != ORD_OK || *out != h)
        ord_history_free(&h);
    if (map != NULL)
        (void)munmap(map, size);
    return rc;
}

/* All bytes of a stream, within the limit. */
static int slurp(struct ord_source *source, size_t size_max,
                 struct ord_buf *out, struct ord_err *err)
{
    ord_buf_init(out, size_max);
    while (ord_source_need(source, 1) > 0) {
        ord_buf_add(out, (struct ord_bytes){
                             source->at, (size_t)(source->end - source->at)});
        source->at = source->end;
        if (out->failed)
            return ord_fail(err, ORD_ENOMEM,
                            "the history needs more than %zu bytes of memory",
                            size_max);
    }
    return ord_source_check(source, err);
}

int ord_read_own(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err)
{
    struct parts parts = {.how = how};
    struct ord_history *h = NULL;
    struct ord_buf bytes;
    int rc = slurp(source, ord_history_size_max(how), &bytes, err);

    if (rc == ORD_OK)
        rc = ord_history_new(ord_history_size_max(how), &h, err);
    if (rc == ORD_OK && ord_buf_reserve(&bytes, 1) == NULL)
        rc = ord_fail(err, ORD_ENOMEM, "a history");
    if (rc != ORD_OK) {
        ord_buf_fini(&bytes);
        ord_history_free(&h);
        return rc;
    }
    h->bytes = bytes.at;
    h->blocks_size = bytes.room;
    parts.main = ord_buf_bytes(&bytes);
    rc = read_parts(&parts, h, out, err);
    if (rc != ORD_OK || *out != h)
        ord_history_free(&h);
    return rc;
}
