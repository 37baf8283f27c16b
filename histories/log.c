/* log.c -- the recorder's end of the log. See FORMAT.md for the bytes.
 *
 * A record is encoded aside, copied behind the last one, and becomes part of
 * the log by one aligned store of its size: until then a reader sees the zero
 * that the allocation put there.
 */
#include "histories/log.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "harness/base/file.h"
#include "histories/log_format.h"

enum {
    LOG_CHUNK = 1 << 20,
    LOG_CHUNK_FIRST = 1 << 16,
    VARINT_MAX = 10,
    FIXED_MAX = 16 * VARINT_MAX, /* every part of a record but text, values */
    EINTR_MAX = 100,
};

struct ord_log {
    int fd;
    unsigned char *map; /* NULL: no window yet */
    uint64_t map_at;    /* file offset of the window */
    size_t map_size;
    uint64_t end;       /* file offset behind the last record */
    uint64_t allocated; /* size of the file */
    uint64_t event_count;
    int64_t last_ns;
    struct ord_buf record;
    uint8_t f_ids[ORD_F_COUNT];         /* 0: not defined yet */
    char *names[ORD_LOG_NAMES_MAX + 1]; /* of defined ids; owned */
    uint8_t name_count;
};

/* ---- room ---------------------------------------------------------------- */

static int fail_alloc(int code, uint64_t size, struct ord_err *err)
{
    errno = code;
    if (code == EFBIG)
        return ord_fail(err, ORD_EFULL,
                        "the log may not grow to %" PRIu64
                        " bytes: file size limit reached",
                        size);
    return ord_fail_errno(err, "allocate %" PRIu64 " bytes of log", size);
}

/* Has `size` bytes allocated and mapped behind the last record.  After a
 * failure the log is as it was, and the next append may try again. */
static int make_room(struct ord_log *log, size_t size, struct ord_err *err)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t need = log->end + size;
    uint64_t want = log->allocated;
    uint64_t from = log->end / page * page;
    int code = EINTR;
    void *map;

    if (log->map != NULL && need <= log->map_at + log->map_size)
        return ORD_OK;
    if (need > want) {
        want += log->map == NULL ? LOG_CHUNK_FIRST : LOG_CHUNK;
        if (want < need)
            want = need;
        want = (want + page - 1) / page * page;
        for (int i = 0; i < EINTR_MAX && code == EINTR; i++)
            code = posix_fallocate(log->fd, (off_t)log->allocated,
                                   (off_t)(want - log->allocated));
        if (code != 0)
            return fail_alloc(code, want, err);
        log->allocated = want;
    }
    map = mmap(NULL, (size_t)(want - from), PROT_READ | PROT_WRITE, MAP_SHARED,
               log->fd, (off_t)from);
    if (map == MAP_FAILED)
        return ord_fail_errno(err, "map %" PRIu64 " bytes of log", want - from);
    if (log->map != NULL)
        (void)munmap(log->map, log->map_size);
    log->map = map;
    log->map_at = from;
    log->map_size = (size_t)(want - from);
    return ORD_OK;
}

/* ---- encoding ------------------------------------------------------------ */

static unsigned char *put_varint(unsigned char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (unsigned char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (unsigned char)value;
    return at;
}

static unsigned char *put_signed(unsigned char *at, int64_t value)
{
    return put_varint(at, ord_log_zigzag(value));
}

/* Stamps stand as their distance, whatever they are: it wraps. */
static int64_t distance(int64_t from, int64_t to)
{
    return (int64_t)((uint64_t)to - (uint64_t)from);
}

static void add_varint(struct ord_buf *out, uint64_t value)
{
    unsigned char *at = (unsigned char *)ord_buf_reserve(out, VARINT_MAX);

    if (at != NULL)
        ord_buf_commit(out, (size_t)(put_varint(at, value) - at));
}

static void add_text(struct ord_buf *out, struct ord_bytes text)
{
    add_varint(out, text.size);
    ord_buf_add(out, text);
}

/* False: deeper than a reader would take. */
static bool add_value(struct ord_buf *out, const struct ord_value *value,
                      int depth)
{
    bool is_flat = true;

    switch (value->kind) {
    case ORD_BOOL:
        ord_buf_char(out, value->as.number != 0 ? ORD_LOG_TRUE : ORD_LOG_FALSE);
        break;
    case ORD_INT:
        ord_buf_char(out, ORD_LOG_INT);
        add_varint(out, ord_log_zigzag(value->as.number));
        break;
    case ORD_TEXT:
        ord_buf_char(out, ORD_LOG_TEXT);
        add_text(out, (struct ord_bytes){value->as.text, value->count});
        break;
    case ORD_LIST:
        if (depth == ORD_VALUE_DEPTH_MAX)
            return false;
        ord_buf_char(out, ORD_LOG_LIST);
        add_varint(out, value->count);
        for (uint32_t i = 0; i < value->count && is_flat && !out->failed; i++)
            is_flat = add_value(out, &value->as.items[i], depth + 1);
        break;
    default:
        ord_buf_char(out, ORD_LOG_NIL);
        break;
    }
    return is_flat;
}

static uint32_t bits_of(const struct ord_op *op, int64_t sent_ns,
                        int64_t received_ns)
{
    uint32_t bits = op->type;

    bits |= op->is_final ? ORD_LOG_IS_FINAL : 0;
    bits |= op->key.kind != ORD_NIL ? ORD_LOG_HAS_KEY : 0;
    bits |= op->value.kind != ORD_NIL ? ORD_LOG_HAS_VALUE : 0;
    bits |= op->node != ORD_NODE_NONE ? ORD_LOG_HAS_NODE : 0;
    bits |= op->session != ORD_NONE ? ORD_LOG_HAS_SESSION : 0;
    bits |= op->epoch != ORD_NONE ? ORD_LOG_HAS_EPOCH : 0;
    bits |= op->position != ORD_NONE ? ORD_LOG_HAS_POSITION : 0;
    bits |= op->device != 0 ? ORD_LOG_HAS_DEVICE : 0;
    bits |= op->error != NULL ? ORD_LOG_HAS_ERROR : 0;
    bits |= sent_ns != ORD_NONE ? ORD_LOG_HAS_SENT : 0;
    bits |= received_ns != ORD_NONE ? ORD_LOG_HAS_RECEIVED : 0;
    return bits;
}

/* The id under which f's name was defined; 0: not yet, or no id left. */
static uint8_t name_id(const struct ord_log *log, const struct ord_op *op)
{
    if (op->f != ORD_F_OTHER)
        return log->f_ids[op->f];
    for (uint32_t id = 1; id <= log->name_count; id++) {
        if (strcmp(log->names[id], op->name) == 0)
            return (uint8_t)id;
    }
    return 0;
}

static const char *name_of(const struct ord_op *op)
{
    return op->f != ORD_F_OTHER ? ord_f_name(op->f) : op->name;
}

/* Bits, process, f, times and numbers: what has a bounded size. */
static void add_fixed(struct ord_log *log, const struct ord_op *op,
                      int64_t sent_ns, int64_t received_ns, uint8_t id)
{
    uint32_t bits = bits_of(op, sent_ns, received_ns);
    unsigned char *first =
        (unsigned char *)ord_buf_reserve(&log->record, FIXED_MAX);
    unsigned char *at = first;

    if (first == NULL)
        return;
    at = put_varint(at, bits);
    at = put_signed(at, op->process);
    at = put_signed(at, distance(log->last_ns, op->time_ns));
    if ((bits & ORD_LOG_HAS_SENT) != 0)
        at = put_signed(at, distance(op->time_ns, sent_ns));
    if ((bits & ORD_LOG_HAS_RECEIVED) != 0)
        at = put_signed(at, distance(op->time_ns, received_ns));
    if ((bits & ORD_LOG_HAS_NODE) != 0)
        at = put_varint(at, op->node);
    if ((bits & ORD_LOG_HAS_SESSION) != 0)
        at = put_signed(at, op->session);
    if ((bits & ORD_LOG_HAS_EPOCH) != 0)
        at = put_signed(at, op->epoch);
    if ((bits & ORD_LOG_HAS_POSITION) != 0)
        at = put_signed(at, op->position);
    if ((bits & ORD_LOG_HAS_DEVICE) != 0)
        at = put_varint(at, op->device);
    at = put_varint(at, id);
    ord_buf_commit(&log->record, (size_t)(at - first));
}

/* Encodes into log->record; *defines: the id that this record gives a name. */
static int encode(struct ord_log *log, const struct ord_op *op, int64_t sent_ns,
                  int64_t received_ns, uint8_t *defines, struct ord_err *err)
{
    struct ord_buf *out = &log->record;
    uint8_t id = name_id(log, op);
    bool is_flat = true;

    *defines = 0;
    if (id == 0 && log->name_count < ORD_LOG_NAMES_MAX)
        *defines = (uint8_t)(log->name_count + 1);
    ord_buf_clear(out);
    add_fixed(log, op, sent_ns, received_ns, id == 0 ? *defines : id);
    if (id == 0)
        add_text(out, ord_bytes_of(name_of(op)));
    if (op->key.kind != ORD_NIL)
        is_flat = add_value(out, &op->key, 0);
    if (op->value.kind != ORD_NIL)
        is_flat = add_value(out, &op->value, 0) && is_flat;
    if (op->error != NULL)
        add_text(out, ord_bytes_of(op->error));
    if (!is_flat)
        return ord_fail(err, ORD_ELIMIT, "%s: a value nested more than %d deep",
                        name_of(op), ORD_VALUE_DEPTH_MAX);
    if (out->failed)
        return ord_fail(err, ORD_ELIMIT, "%s: a record of over %d bytes",
                        name_of(op), ORD_LOG_PAYLOAD_MAX);
    return ORD_OK;
}

/* ---- appending ----------------------------------------------------------- */

static uint32_t crc_of(const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(0, bytes, size);
}

int ord_log_append(struct ord_log *log, const struct ord_op *op,
                   int64_t sent_ns, int64_t received_ns, struct ord_err *err)
{
    const struct ord_buf *record = &log->record;
    unsigned char *at;
    uint8_t defines;
    size_t size;

    ORD_ASSERT(op->type <= ORD_OP_INFO);
    ORD_ASSERT(op->f < ORD_F_COUNT);
    ORD_ASSERT(op->node <= ORD_NODES_MAX);
    ORD_ASSERT(op->process >= ORD_PROCESS_NEMESIS);
    if (encode(log, op, sent_ns, received_ns, &defines, err) != ORD_OK)
        return err->rc;
    size = ORD_LOG_RECORD_HEAD + ord_log_align(record->size);
    if (make_room(log, size, err) != ORD_OK)
        return err->rc;
    if (defines != 0) {
        log->names[defines] = strdup(name_of(op));
        if (log->names[defines] == NULL)
            return ord_fail(err, ORD_ENOMEM, "the name %s", name_of(op));
        log->name_count = defines;
        if (op->f != ORD_F_OTHER)
            log->f_ids[op->f] = defines;
    }
    at = log->map + (log->end - log->map_at);
    ORD_ASSERT(ord_log_get32(at) == 0);
    memcpy(at + ORD_LOG_RECORD_HEAD, record->at, record->size);
    ord_log_put32(at + 4, crc_of(record->at, record->size));
    /* One aligned store: the offset is a multiple of four. */
    __atomic_store_n((uint32_t *)(void *)at, htole32((uint32_t)record->size),
                     __ATOMIC_RELEASE);
    log->end += size;
    log->last_ns = op->time_ns;
    log->event_count++;
    return ORD_OK;
}

uint64_t ord_log_event_count(const struct ord_log *log)
{
    return log->event_count;
}

/* ---- opening and closing ------------------------------------------------- */

static int write_header(struct ord_log *log, const char *meta,
                        struct ord_err *err)
{
    unsigned char head[ORD_LOG_HEADER_SIZE] = {0};
    size_t meta_size = strlen(meta);
    struct ord_buf all;
    uint32_t crc;
    int rc;

    if (meta_size > ORD_LOG_META_MAX)
        return ord_fail(err, ORD_ELIMIT, "meta of %zu bytes (max %d)",
                        meta_size, ORD_LOG_META_MAX);
    memcpy(head, ORD_LOG_MAGIC, ORD_LOG_MAGIC_SIZE);
    ord_log_put32(head + 8, ORD_LOG_VERSION);
    ord_log_put32(head + 12, 0);
    ord_log_put32(head + 16, (uint32_t)meta_size);
    crc = crc_of(head, ORD_LOG_HEADER_SIZE - 4);
    crc = (uint32_t)crc32_z(crc, (const void *)meta, meta_size);
    ord_log_put32(head + 20, crc);

    ord_buf_init(&all, sizeof head + ord_log_align(meta_size));
    ord_buf_add(&all, (struct ord_bytes){(const char *)head, sizeof head});
    ord_buf_add(&all, (struct ord_bytes){meta, meta_size});
    while (all.size % ORD_LOG_ALIGN != 0)
        ord_buf_char(&all, '\0');
    log->end = all.size;
    log->allocated = all.size;
    rc = all.failed ? ord_fail(err, ORD_ENOMEM, "the header of a log")
                    : ord_write_all(log->fd, ord_buf_bytes(&all), err);
    ord_buf_fini(&all);
    return rc;
}

static void log_free(struct ord_log *log)
{
    if (log->map != NULL)
        (void)munmap(log->map, log->map_size);
    if (log->fd >= 0)
        (void)close(log->fd);
    for (int id = 1; id <= log->name_count; id++)
        free(log->names[id]);
    ord_buf_fini(&log->record);
    free(log);
}

int ord_log_create(const char *path, const char *meta, struct ord_log **out,
                   struct ord_err *err)
{
    struct ord_log *log = calloc(1, sizeof *log);
    struct ord_json json = {.at = meta, .end = meta + strlen(meta)};
    int rc;

    if (log == NULL)
        return ord_fail(err, ORD_ENOMEM, "a log");
    ord_buf_init(&log->record, ORD_LOG_PAYLOAD_MAX);
    log->fd = -1;
    if (ord_json_peek(&json) != ORD_JSON_OBJECT || !ord_json_skip(&json) ||
        !ord_json_done(&json)) {
        rc = ord_fail(err, ORD_EFORMAT, "meta: expected one JSON object");
        goto fail;
    }
    log->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (log->fd < 0) {
        rc = ord_fail_errno(err, "create %s", path);
        goto fail;
    }
    rc = write_header(log, meta, err);
    if (rc == ORD_OK)
        rc = make_room(log, ORD_LOG_RECORD_HEAD, err);
    if (rc == ORD_OK) {
        *out = log;
        return ORD_OK;
    }
    (void)ord_wrap(err, "%s", path);
    (void)unlink(path);
fail:
    log_free(log);
    return rc;
}

int ord_log_close(struct ord_log **log, struct ord_err *err)
{
    struct ord_log *l = *log;
    int rc = ORD_OK;

    if (l == NULL)
        return ORD_OK;
    if (ftruncate(l->fd, (off_t)l->end) != 0)
        rc = ord_fail_errno(err, "cut the log to %" PRIu64 " bytes", l->end);
    if (rc == ORD_OK && fsync(l->fd) != 0 && errno != EINVAL)
        rc = ord_fail_errno(err, "sync the log");
    if (close(l->fd) != 0 && rc == ORD_OK)
        rc = ord_fail_errno(err, "close the log");
    l->fd = -1;
    log_free(l);
    *log = NULL;
    return rc;
}
