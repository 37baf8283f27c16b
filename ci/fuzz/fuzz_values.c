/* fuzz_values.c -- what was read is written, and reads back as the same.
 *
 * As JSON lines, and as EDN where no operation has a key (there a key is a
 * tuple, which nothing tells from a value).  Bytes that are no UTF-8 become
 * U+FFFD when they are written first, so what is compared is the second and
 * the third text.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ci/fuzz/fuzz.h"
#include "histories/build.h"
#include "histories/read.h"

typedef int write_fn(const struct ord_history *, int, struct ord_err *);

static void written(const struct ord_history *h, write_fn *write_to,
                    struct ord_buf *out)
{
    struct ord_err err = {0};
    int fd = memfd_create("history", MFD_CLOEXEC);
    off_t size;
    char *room;

    ORD_ASSERT(fd >= 0);
    ORD_ASSERT(write_to(h, fd, &err) == ORD_OK);
    size = lseek(fd, 0, SEEK_END);
    ord_buf_init(out, SIZE_MAX / 4);
    room = ord_buf_reserve(out, (size_t)size + 1);
    ORD_ASSERT(room != NULL);
    ORD_ASSERT(pread(fd, room, (size_t)size, 0) == size);
    ord_buf_commit(out, (size_t)size);
    (void)close(fd);
}

static struct ord_history *again(struct ord_bytes text,
                                 enum ord_history_format format)
{
    const struct ord_history_options how = {.format = format};
    struct ord_history *h = NULL;
    struct ord_source source;
    struct ord_err err = {0};

    ord_source_memory(&source, text);
    if (ord_read_any(&source, &how, &h, &err) != ORD_OK)
        (void)fprintf(stderr, "%s\n%.*s\n", err.text, (int)text.size, text.at);
    ORD_ASSERT(h != NULL);
    ord_source_close(&source);
    return h;
}

static void round_trip(const struct ord_history *h, write_fn *write_to,
                       enum ord_history_format format)
{
    struct ord_history *second;
    struct ord_history *third;
    struct ord_buf texts[3];

    written(h, write_to, &texts[0]);
    second = again(ord_buf_bytes(&texts[0]), format);
    ORD_ASSERT(ord_history_count(second) == ord_history_count(h));
    written(second, write_to, &texts[1]);
    third = again(ord_buf_bytes(&texts[1]), format);
    written(third, write_to, &texts[2]);
    ORD_ASSERT(
        ord_bytes_equal(ord_buf_bytes(&texts[1]), ord_buf_bytes(&texts[2])));
    for (int i = 0; i < 3; i++)
        ord_buf_fini(&texts[i]);
    ord_history_free(&second);
    ord_history_free(&third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ord_err err = {0};
    struct ord_history *h;
    bool has_keys = false;
    bool has_colons = false;
    bool has_long_names = false;

    if (size == 0)
        return 0;
    h = fuzz_read(data, size, false, &err);
    if (h == NULL)
        return 0;
    ORD_OPS (h, op) {
        has_keys |= op->key.kind != ORD_NIL;
        /* JSON lines may have keywords with their colon. */
        has_colons |= op->name[0] == ':';
        /* U+FFFD has three bytes for one: the name may become too long. */
        has_long_names |=
            strlen(ord_history_node_name(h, op->node)) > ORD_NODE_NAME_MAX / 3;
    }
    has_colons |= has_long_names;
    has_keys |= has_long_names;
    if (!has_colons)
        round_trip(h, ord_history_write_jsonl, ORD_FORMAT_JSONL);
    if (!has_keys)
        round_trip(h, ord_history_write_edn, ORD_FORMAT_EDN);
    ord_history_free(&h);
    return 0;
}
