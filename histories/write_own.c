/* write_own.c -- a history into a file of our own. */
#include "harness/base/file.h"
#include "histories/build.h"
#include "histories/log_format.h"

/* Names of nodes as meta has them; "" where there is no node of that number. */
static void add_nodes(const struct ord_history *h, struct ord_buf *out)
{
    ord_buf_text(out, "{\"nodes\":[");
    for (uint16_t i = 1; i <= h->node_count; i++) {
        if (i > 1)
            ord_buf_char(out, ',');
        ord_buf_json(out, ord_bytes_of(h->nodes[i] == NULL ? "" : h->nodes[i]));
    }
    ord_buf_text(out, "]}");
}

static int write_header(const struct ord_history *h, int fd,
                        struct ord_err *err)
{
    struct ord_buf meta;
    struct ord_buf all;
    int rc;

    ord_buf_init(&meta, ORD_LOG_META_MAX);
    ord_buf_init(&all, ORD_LOG_META_MAX + ORD_LOG_HEADER_SIZE + ORD_LOG_ALIGN);
    /* Another tool's history has no meta, but it may have nodes. */
    if (strcmp(h->meta, "{}") == 0)
        add_nodes(h, &meta);
    else
        ord_buf_text(&meta, h->meta);
    (void)ord_log_add_header(&all, ord_buf_bytes(&meta));
    rc = meta.failed || all.failed
             ? ord_fail(err, ORD_ENOMEM, "the header of a log")
             : ord_write_all(fd, ord_buf_bytes(&all), err);
    ord_buf_fini(&meta);
    ord_buf_fini(&all);
    return rc;
}

/* Packs a block's columns again, into fewer bytes. */
static int repack(struct ord_repacker *repacker, const struct ord_block *block,
                  struct ord_buf *out, struct ord_err *err)
{
    ord_buf_clear(out);
    return ord_block_repack(repacker, block, out, err);
}

static int write_all(const struct ord_history *h, int fd, struct ord_err *err)
{
    struct ord_repacker repacker = {0};
    struct ord_buf out;
    int rc = write_header(h, fd, err);

    ord_buf_init(&out, SIZE_MAX / 4);
    for (uint32_t i = 0; i < h->block_count && rc == ORD_OK; i++) {
        rc = repack(&repacker, &h->blocks[i], &out, err);
        if (rc == ORD_OK)
            rc = ord_write_all(fd, ord_buf_bytes(&out), err);
    }
    ord_buf_clear(&out);
    ord_log_add_trailer(&out, (uint64_t)h->count, (uint64_t)h->call_count);
    if (rc == ORD_OK)
        rc = ord_write_all(fd, ord_buf_bytes(&out), err);
    ord_buf_fini(&out);
    ord_repacker_fini(&repacker);
    return rc;
}

int ord_history_write_own(const struct ord_history *history, const char *path,
                          struct ord_err *err)
{
    struct ord_new_file file;

    if (ord_new_file_open(&file, path, err) != ORD_OK)
        return err->rc;
    if (write_all(history, file.fd, err) != ORD_OK) {
        ord_new_file_discard(&file);
        return ord_wrap(err, "%s", path);
    }
    return ord_new_file_publish(&file, err);
}
