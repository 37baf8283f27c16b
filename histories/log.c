/* log.c -- the recorder's end of the log. See FORMAT.md for the bytes.
 *
 * A row is encoded aside, copied behind the last one of the tail, and becomes
 * part of the log by one aligned store of its size: until then a reader sees
 * the zero that the allocation put there.
 *
 * When the tail is long, those of its events that nothing can come before any
 * more are appended to the main file as a block, and a new tail with the rest
 * takes the old one's place by a rename.  A tail says which bytes of the main
 * file it follows, so a block counts from the rename on: killed in between, a
 * reader ignores the block and finds its events in the old tail.
 */
#include "histories/log.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "harness/base/file.h"
#include "histories/build.h"
#include "histories/log_row.h"
#include "histories/log_tail.h"

enum {
    ROWS_PRESET = 8192, /* rows before the first look for a block */
    ROWS_FORCED = 8,    /* times that: then events are placed regardless */
    MIN_SHARE = 4,      /* of the rows that a block must take, else it waits */
};

struct ord_log {
    int fd;
    uint64_t end;        /* of the main file */
    uint32_t header_crc; /* of its header */
    struct ord_tail tail;
    uint32_t rows_preset;
    uint32_t next_look; /* rows at which to look for a block */
    uint64_t event_count;
    int64_t clock_ns;    /* the latest; the controller's never runs back */
    int64_t frontier_ns; /* of the events in blocks */
    bool is_stuck;       /* no more blocks: the disk is full, or the events */
                         /* break a rule, which the reader will tell */
    struct ord_history_builder *builder; /* of blocks */
    struct ord_buf blocks;               /* packed, to be written */
    struct ord_buf record;
    char path[ORD_PATH_MAX];
};

/* ---- blocks -------------------------------------------------------------- */

/* The events before this moment have their places for good: an answer that is
 * still to come may be placed as early as its invocation, no earlier. */
static int64_t settled_until(const struct ord_log *log,
                             const struct ord_rows *rows)
{
    int64_t until = log->clock_ns;

    if (log->tail.row_count >= (uint64_t)log->rows_preset * ROWS_FORCED)
        return until; /* the open ones stay where they were invoked */
    for (int64_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].is_open && rows->ops[i].time_ns < until)
            until = rows->ops[i].time_ns;
    }
    return until;
}

/* A new tail with the rows from `first` on, in place of the old one. */
static int turn_tail(struct ord_log *log, const struct ord_rows *rows,
                     int64_t first, uint64_t main_size, struct ord_err *err)
{
    struct ord_tail_head head = {
        .header_crc = log->header_crc,
        .main_size = main_size,
        .event_count = (uint64_t)log->builder->history->count,
        .frontier_ns = log->frontier_ns,
    };
    struct ord_tail fresh;
    int rc = ord_tail_create(&fresh, log->path, &head, err);

    for (int64_t i = first; i < rows->count && rc == ORD_OK; i++) {
        const struct ord_op *op = &rows->ops[i];
        /* Stamps have done their work, but for what is still open. */
        const struct ord_row row = {
            .sent_ns = ORD_NONE,
            .received_ns = ORD_NONE,
            .is_placed = !rows->rows[op->index].is_open,
        };

        rc = ord_tail_append(&fresh, op, &row, &log->record, err);
    }
    if (rc == ORD_OK)
        rc = ord_tail_publish(&fresh, log->path, err);
    if (rc != ORD_OK) {
        ord_tail_discard(&fresh, log->path);
        return rc;
    }
    ord_tail_fini(&log->tail);
    log->tail = fresh;
    return ORD_OK;
}

static void be_stuck(struct ord_log *log)
{
    log->is_stuck = true;
    /* What was written of the block is no part of the log. */
    if (ftruncate(log->fd, (off_t)log->end) == 0)
        (void)lseek(log->fd, (off_t)log->end, SEEK_SET);
}

/* Events [0, count) of the rows into blocks behind the main file. */
static int write_blocks(struct ord_log *log, const struct ord_rows *rows,
                        int64_t count, struct ord_err *err)
{
    ord_buf_clear(&log->blocks);
    for (int64_t i = 0; i < count; i++) {
        if (ord_history_add(log->builder, &rows->ops[i], err) != ORD_OK)
            return err->rc;
    }
    if (ord_builder_pack(log->builder, err) != ORD_OK)
        return err->rc;
    return ord_write_all(log->fd, ord_buf_bytes(&log->blocks), err);
}

/* Moves settled events into blocks.  What fails here costs no event: they stay
 * in the tail.  is_last: all of them. */
static int make_blocks(struct ord_log *log, bool is_last, struct ord_err *err)
{
    struct ord_arena arena;
    struct ord_rows rows;
    int64_t until;
    int64_t count = 0;
    int rc;

    ord_arena_init(&arena, SIZE_MAX / 4);
    rc = ord_rows_read(ord_tail_rows(&log->tail), &arena, &rows, err);
    if (rc == ORD_OK)
        rc = ord_rows_place(&rows, log->frontier_ns, err);
    until = rc == ORD_OK ? settled_until(log, &rows) : 0;
    if (rc == ORD_OK)
        rc = ord_order_sort(rows.ops, rows.count, ORD_ORDER_TIME_ADDED, err);
    while (rc == ORD_OK && count < rows.count &&
           (is_last || rows.ops[count].time_ns < until))
        count++;
    if (rc == ORD_OK && !is_last && count < rows.count / MIN_SHARE) {
        log->next_look *= 2; /* something stays open: wait for it */
        ord_arena_fini(&arena);
        return ORD_OK;
    }
    if (rc == ORD_OK && count > 0) {
        log->frontier_ns = rows.ops[count - 1].time_ns;
        rc = write_blocks(log, &rows, count, err);
    }
    if (rc == ORD_OK && !is_last)
        rc = turn_tail(log, &rows, count, log->end + log->blocks.size, err);
    if (rc == ORD_OK)
        log->end += log->blocks.size;
    else
        be_stuck(log);
    log->next_look = (uint32_t)log->tail.row_count + log->rows_preset;
    ord_arena_fini(&arena);
    return rc;
}

/* ---- appending ----------------------------------------------------------- */

int ord_log_append(struct ord_log *log, const struct ord_op *op,
                   int64_t sent_ns, int64_t received_ns, struct ord_err *err)
{
    const struct ord_row row = {.sent_ns = sent_ns, .received_ns = received_ns};
    struct ord_op kept = *op;
    struct ord_err ignored = {0};

    ORD_ASSERT(op->type <= ORD_OP_INFO);
    ORD_ASSERT(op->f < ORD_F_COUNT);
    ORD_ASSERT(op->node <= ORD_NODES_MAX);
    ORD_ASSERT(op->process >= ORD_PROCESS_NEMESIS);
    if (kept.time_ns < log->clock_ns)
        kept.time_ns = log->clock_ns;
    if (ord_tail_append(&log->tail, &kept, &row, &log->record, err) != ORD_OK)
        return err->rc;
    log->clock_ns = kept.time_ns;
    log->event_count++;
    if (log->tail.row_count >= log->next_look && !log->is_stuck)
        (void)make_blocks(log, false, &ignored);
    return ORD_OK;
}

uint64_t ord_log_event_count(const struct ord_log *log)
{
    return log->event_count;
}

void ord_log_set_rows(struct ord_log *log, uint32_t rows)
{
    ORD_ASSERT(rows > 0);
    log->rows_preset = rows;
    log->next_look = (uint32_t)log->tail.row_count + rows;
}

/* ---- opening and closing ------------------------------------------------- */

uint32_t ord_log_add_header(struct ord_buf *out, struct ord_bytes meta)
{
    unsigned char head[ORD_LOG_HEADER_SIZE] = {0};
    size_t first = out->size;
    uint32_t crc;

    memcpy(head, ORD_LOG_MAGIC, ORD_LOG_MAGIC_SIZE);
    ord_put32(head + 8, ORD_LOG_VERSION);
    ord_put32(head + 12, 0);
    ord_put32(head + 16, (uint32_t)meta.size);
    crc = (uint32_t)crc32_z(0, head, ORD_LOG_HEADER_SIZE - 4);
    crc = (uint32_t)crc32_z(crc, (const void *)meta.at, meta.size);
    ord_put32(head + 20, crc);
    ord_buf_add(out, (struct ord_bytes){(const char *)head, sizeof head});
    ord_buf_add(out, meta);
    while ((out->size - first) % ORD_LOG_ALIGN != 0 && !out->failed)
        ord_buf_char(out, '\0');
    return crc;
}

static int write_header(struct ord_log *log, const char *meta,
                        struct ord_err *err)
{
    size_t meta_size = strlen(meta);
    struct ord_buf all;
    int rc;

    if (meta_size > ORD_LOG_META_MAX)
        return ord_fail(err, ORD_ELIMIT, "meta of %zu bytes (max %d)",
                        meta_size, ORD_LOG_META_MAX);
    ord_buf_init(&all, ORD_LOG_HEADER_SIZE + ord_log_align(meta_size));
    log->header_crc = ord_log_add_header(&all, ord_bytes_of(meta));
    log->end = all.size;
    rc = all.failed ? ord_fail(err, ORD_ENOMEM, "the header of a log")
                    : ord_write_all(log->fd, ord_buf_bytes(&all), err);
    ord_buf_fini(&all);
    return rc;
}

static void log_free(struct ord_log *log)
{
    ord_tail_fini(&log->tail);
    if (log->fd >= 0)
        (void)close(log->fd);
    ord_history_builder_free(&log->builder);
    ord_buf_fini(&log->blocks);
    ord_buf_fini(&log->record);
    free(log);
}

static int begin(struct ord_log *log, const char *path, const char *meta,
                 struct ord_err *err)
{
    struct ord_json json = {.at = meta, .end = meta + strlen(meta)};
    const struct ord_rows none = {0};

    if (ord_json_peek(&json) != ORD_JSON_OBJECT || !ord_json_skip(&json) ||
        !ord_json_done(&json))
        return ord_fail(err, ORD_EFORMAT, "meta: expected one JSON object");
    if (snprintf(log->path, sizeof log->path, "%s", path) >=
        (int)(sizeof log->path - sizeof ORD_TAIL_NEW_SUFFIX))
        return ord_fail(err, ORD_ELIMIT, "path over %zu bytes",
                        sizeof log->path);
    if (ord_history_builder_new(0, &log->builder, err) != ORD_OK)
        return err->rc;
    log->builder->sink = &log->blocks;
    log->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (log->fd < 0)
        return ord_fail_errno(err, "create %s", path);
    if (write_header(log, meta, err) == ORD_OK &&
        turn_tail(log, &none, 0, log->end, err) == ORD_OK)
        return ORD_OK;
    (void)ord_wrap(err, "%s", path);
    (void)unlink(path);
    return err->rc;
}

int ord_log_create(const char *path, const char *meta, struct ord_log **out,
                   struct ord_err *err)
{
    struct ord_log *log = calloc(1, sizeof *log);

    if (log == NULL)
        return ord_fail(err, ORD_ENOMEM, "a log");
    ord_buf_init(&log->record, ORD_LOG_PAYLOAD_MAX);
    ord_buf_init(&log->blocks, SIZE_MAX / 4);
    log->fd = -1;
    ord_tail_none(&log->tail);
    log->clock_ns = INT64_MIN;
    log->frontier_ns = INT64_MIN;
    log->rows_preset = ROWS_PRESET;
    log->next_look = ROWS_PRESET;
    if (begin(log, path, meta, err) == ORD_OK) {
        *out = log;
        return ORD_OK;
    }
    log_free(log);
    return err->rc;
}

void ord_log_add_trailer(struct ord_buf *out, uint64_t events, uint64_t calls)
{
    unsigned char at[ORD_TRAILER_SIZE] = {0};

    ord_put32(at, ORD_TRAILER_MAGIC);
    ord_put64(at + 8, events);
    ord_put64(at + 16, calls);
    ord_put32(at + 4, (uint32_t)crc32_z(0, at + 8, ORD_TRAILER_SIZE - 8));
    ord_buf_add(out, (struct ord_bytes){(const char *)at, sizeof at});
}

static int write_trailer(struct ord_log *log, struct ord_err *err)
{
    const struct ord_history *h = log->builder->history;

    ord_buf_clear(&log->blocks);
    ord_log_add_trailer(&log->blocks, (uint64_t)h->count,
                        log->builder->maker.first_call);
    if (ord_write_all(log->fd, ord_buf_bytes(&log->blocks), err) == ORD_OK)
        return ORD_OK;
    be_stuck(log);
    return err->rc;
}

/* Synced where the file system knows how. */
static int sync_file(int fd, const char *what, struct ord_err *err)
{
    if (fsync(fd) != 0 && errno != EINVAL)
        return ord_fail_errno(err, "sync %s", what);
    return ORD_OK;
}

int ord_log_close(struct ord_log **log, struct ord_err *err)
{
    struct ord_log *l = *log;
    struct ord_err ignored = {0};
    bool is_whole;
    int rc;

    if (l == NULL)
        return ORD_OK;
    /* Room that nobody needs any more may be what the last block needs. */
    rc = ord_tail_cut(&l->tail, err);
    is_whole = !l->is_stuck && make_blocks(l, true, &ignored) == ORD_OK &&
               write_trailer(l, &ignored) == ORD_OK;
    if (rc == ORD_OK)
        rc = sync_file(l->fd, "the log", err);
    if (rc == ORD_OK && !is_whole)
        rc = sync_file(l->tail.fd, "the log's tail", err);
    if (close(l->fd) != 0 && rc == ORD_OK)
        rc = ord_fail_errno(err, "close the log");
    l->fd = -1;
    /* Without the trailer the tail is part of the log, and a reader takes it
     * for that. */
    if (rc == ORD_OK && is_whole)
        rc = ord_tail_remove(l->path, err);
    log_free(l);
    *log = NULL;
    return rc;
}
