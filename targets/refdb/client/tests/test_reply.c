#include <criterion/criterion.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "targets/refdb/client/memory.h"
#include "targets/refdb/client/reply.h"

Test(client_reply, scan_tells_whole_from_more_from_bad, .timeout = 10)
{
    static const struct {
        const char *text;
        enum kv_scan want;
        size_t size; /* of a whole one; the rest is the next reply's */
    } rows[] = {
        {"+OK\r\n", KV_SCAN_WHOLE, 5},
        {"+\r\n", KV_SCAN_WHOLE, 3},
        {":-12\r\n+OK", KV_SCAN_WHOLE, 6},
        {"-ERR no\r\n", KV_SCAN_WHOLE, 9},
        {"$0\r\n\r\n", KV_SCAN_WHOLE, 6},
        {"$3\r\na\r\n\r\n", KV_SCAN_WHOLE, 9},
        {"$-1\r\n", KV_SCAN_WHOLE, 5},
        {"*-1\r\n", KV_SCAN_WHOLE, 5},
        {"*0\r\n", KV_SCAN_WHOLE, 4},
        {"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n", KV_SCAN_WHOLE, 19},
        {"", KV_SCAN_MORE, 0},
        {"+OK", KV_SCAN_MORE, 0},
        {"+OK\r", KV_SCAN_MORE, 0},
        {"$3\r\nab", KV_SCAN_MORE, 0},
        {"$3\r\nabc\r", KV_SCAN_MORE, 0},
        {"*2\r\n:1\r\n", KV_SCAN_MORE, 0},
        {"220 mail\r\n", KV_SCAN_BAD, 0},
        {"\r\n", KV_SCAN_BAD, 0},
        {"+OK\rX", KV_SCAN_BAD, 0},
        {":1.5\r\n", KV_SCAN_BAD, 0},
        {":\r\n", KV_SCAN_BAD, 0},
        {"$-2\r\n", KV_SCAN_BAD, 0},
        {"$99999999999\r\n", KV_SCAN_BAD, 0},
        {"*9999999\r\n", KV_SCAN_BAD, 0},
        {"$1\r\nabc\r\n", KV_SCAN_BAD, 0},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", KV_SCAN_BAD, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size = 0;

        cr_expect_eq(kv_reply_scan(ord_bytes_of(rows[i].text), &size),
                     rows[i].want, "%s", rows[i].text);
        if (rows[i].want == KV_SCAN_WHOLE)
            cr_expect_eq(size, rows[i].size, "%s: %zu", rows[i].text, size);
    }
}

/* Whatever comes is whole, unfinished or bad; and the parser agrees with the
 * scanner, or it would abort. */
Test(client_reply, mutations_are_survived, .timeout = 30)
{
    static const char good[] =
        "*4\r\n*3\r\n$2\r\n17\r\n$-1\r\n+x\r\n:2\r\n:3\r\n:-45\r\n";
    static const char bytes[] = "*$:+-0129\r\nx\x80";
    static char text[sizeof good - 1]; /* exactly: ASan watches its end */
    struct ord_arena arena;
    struct kv_item item;
    uint32_t whole_count = 0;

    ord_arena_init(&arena, 1 << 28);
    for (size_t at = 0; at < sizeof text; at++) {
        for (size_t i = 0; i < sizeof bytes - 1; i++) {
            size_t size = 0;

            memcpy(text, good, sizeof text);
            text[at] = bytes[i];
            if (kv_reply_scan((struct ord_bytes){text, sizeof text}, &size) !=
                KV_SCAN_WHOLE)
                continue;
            whole_count++;
            cr_assert(
                kv_reply_parse((struct ord_bytes){text, size}, &arena, &item));
        }
    }
    cr_expect_gt(whole_count, 10);
    memcpy(text, good, sizeof text);
    cr_assert(
        kv_reply_parse((struct ord_bytes){text, sizeof text}, &arena, &item));
    cr_expect_eq(item.count, 4);
    cr_expect(ord_bytes_is(item.items[0].items[0].text, "17"));
    cr_expect_eq(item.items[0].items[1].kind, KV_NIL);
    cr_expect_eq(item.items[3].number, -45);
    ord_arena_fini(&arena);
}

Test(client_memory, entries_are_found_again_up_to_the_limit, .timeout = 30)
{
    struct ord_arena arena;
    struct kv_memory memory;
    uint64_t count = 0;

    ord_arena_init(&arena, 64 << 20);
    kv_memory_init(&memory, &arena);
    cr_expect_not(kv_memory_has(&memory, 0));
    while (count <= 2 * KV_MEMORY_MAX) {
        struct kv_entry *entry = kv_memory_at(&memory, count * 3);

        if (entry == NULL)
            break;
        cr_assert_eq(entry->wrote_ns, -1);
        entry->wrote_ns = (int64_t)count++;
    }
    cr_expect_eq(count, KV_MEMORY_MAX);
    for (uint64_t i = 0; i < count; i++) {
        cr_assert(kv_memory_has(&memory, i * 3));
        cr_assert_eq(kv_memory_at(&memory, i * 3)->wrote_ns, (int64_t)i);
    }
    cr_expect_not(kv_memory_has(&memory, 4));
    ord_arena_fini(&arena);
}

Test(client_memory, tokens, .timeout = 10)
{
    static const struct {
        struct kv_token token;
        struct kv_token said;
        bool is_from_leader;
        struct kv_token want;
    } rows[] = {
        {{-1, -1}, {1, 5}, false, {1, 5}},
        {{1, 5}, {1, 7}, false, {1, 7}},
        {{1, 5}, {1, 3}, true, {1, 5}},
        {{1, 5}, {-1, -1}, true, {1, 5}},
        /* a newer epoch: only its leader may take a position back */
        {{1, 5}, {2, 3}, true, {2, 3}},
        {{1, 5}, {2, 3}, false, {2, 5}},
        {{1, 5}, {2, 9}, false, {2, 9}},
        /* an older one: a history that was given up */
        {{2, 5}, {1, 9}, true, {2, 5}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kv_token token = rows[i].token;

        kv_token_take(&token, &rows[i].said, rows[i].is_from_leader);
        cr_expect_eq(token.epoch, rows[i].want.epoch, "row %zu", i);
        cr_expect_eq(token.position, rows[i].want.position, "row %zu", i);
    }
}
