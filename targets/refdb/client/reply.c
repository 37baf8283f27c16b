#include "targets/refdb/client/reply.h"

#include "harness/base/err.h"

enum { LINE_MAX_SIZE = 4096, ITEMS_MAX = 1 << 20 };

/* The line at `at` without its end, and where the next byte stands. */
static enum kv_scan take_line(struct ord_bytes bytes, size_t *at,
                              struct ord_bytes *line)
{
    size_t left = bytes.size - *at;
    const char *end = left == 0 ? NULL : memchr(bytes.at + *at, '\r', left);

    if (end == NULL || end + 1 == bytes.at + bytes.size)
        return left > LINE_MAX_SIZE ? KV_SCAN_BAD : KV_SCAN_MORE;
    if (end[1] != '\n')
        return KV_SCAN_BAD;
    *line =
        (struct ord_bytes){bytes.at + *at, (size_t)(end - (bytes.at + *at))};
    *at += line->size + 2;
    return line->size == 0 ? KV_SCAN_BAD : KV_SCAN_WHOLE;
}

/* The number behind the first byte of a line. */
static bool line_number(struct ord_bytes line, int64_t *number)
{
    struct ord_client_value value =
        ord_client_scalar((struct ord_bytes){line.at + 1, line.size - 1});

    *number = value.as.number;
    return value.kind == ORD_CLIENT_INT;
}

/* One header line: what it is, and how many bytes or items follow. */
static enum kv_scan take_head(struct ord_bytes bytes, size_t *at,
                              struct kv_item *out, int64_t *follows)
{
    struct ord_bytes line;
    enum kv_scan scan = take_line(bytes, at, &line);
    bool good = true;

    if (scan != KV_SCAN_WHOLE)
        return scan;
    *follows = 0;
    *out = (struct kv_item){.text = {line.at + 1, line.size - 1}};
    switch (line.at[0]) {
    case '+':
        out->kind = KV_STATUS;
        break;
    case '-':
        out->kind = KV_ERROR;
        break;
    case ':':
        out->kind = KV_INT;
        good = line_number(line, &out->number);
        break;
    case '$':
        out->kind = KV_BULK;
        good = line_number(line, follows) && *follows >= -1 &&
               *follows <= KV_REPLY_MAX;
        break;
    case '*':
        out->kind = KV_ARRAY;
        good = line_number(line, follows) && *follows >= -1 &&
               *follows <= ITEMS_MAX;
        break;
    default:
        return KV_SCAN_BAD;
    }
    if (good && *follows == -1) {
        out->kind = KV_NIL;
        *follows = 0;
    }
    return good ? KV_SCAN_WHOLE : KV_SCAN_BAD;
}

static enum kv_scan take_bulk(struct ord_bytes bytes, size_t *at, size_t size,
                              struct ord_bytes *text)
{
    if (bytes.size - *at < size + 2)
        return KV_SCAN_MORE;
    *text = (struct ord_bytes){bytes.at + *at, size};
    if (memcmp(bytes.at + *at + size, "\r\n", 2) != 0)
        return KV_SCAN_BAD;
    *at += size + 2;
    return KV_SCAN_WHOLE;
}

/* Walks one reply without recursion: how many items are still open at each
 * depth is all there is to know. */
enum kv_scan kv_reply_scan(struct ord_bytes bytes, size_t *size)
{
    int64_t open[KV_DEPTH_MAX + 1] = {1};
    int depth = 0;
    size_t at = 0;

    while (depth >= 0) {
        struct kv_item item;
        int64_t follows;
        enum kv_scan scan;

        if (open[depth] == 0) {
            depth--;
            continue;
        }
        scan = take_head(bytes, &at, &item, &follows);
        if (scan == KV_SCAN_WHOLE && item.kind == KV_BULK)
            scan = take_bulk(bytes, &at, (size_t)follows, &item.text);
        if (scan != KV_SCAN_WHOLE)
            return scan;
        open[depth]--;
        if (item.kind == KV_ARRAY) {
            if (depth == KV_DEPTH_MAX)
                return KV_SCAN_BAD;
            open[++depth] = follows;
        }
    }
    *size = at;
    return KV_SCAN_WHOLE;
}

bool kv_reply_parse(struct ord_bytes bytes, struct ord_arena *arena,
                    struct kv_item *out)
{
    struct {
        struct kv_item *items;
        uint32_t count;
        uint32_t used;
    } stack[KV_DEPTH_MAX + 1] = {{out, 1, 0}};
    int depth = 0;
    size_t at = 0;

    while (depth >= 0) {
        struct kv_item *item;
        int64_t follows;
        enum kv_scan scan;

        if (stack[depth].used == stack[depth].count) {
            depth--;
            continue;
        }
        item = &stack[depth].items[stack[depth].used++];
        scan = take_head(bytes, &at, item, &follows);
        if (scan == KV_SCAN_WHOLE && item->kind == KV_BULK)
            scan = take_bulk(bytes, &at, (size_t)follows, &item->text);
        ORD_ASSERT(scan == KV_SCAN_WHOLE); /* or kv_reply_scan() lied */
        if (item->kind == KV_ARRAY) {
            struct kv_item *items =
                ord_arena_zalloc(arena, (size_t)follows, sizeof *items);

            if (items == NULL)
                return false;
            item->items = items;
            item->count = (uint32_t)follows;
            ORD_ASSERT(depth < KV_DEPTH_MAX);
            depth++;
            stack[depth].items = items;
            stack[depth].count = item->count;
            stack[depth].used = 0;
        }
    }
    return true;
}
