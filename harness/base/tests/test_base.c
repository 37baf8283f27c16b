#include <criterion/criterion.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/file.h"
#include "harness/base/json.h"
#include "harness/base/rng.h"

Test(base, wrap_adds_a_noun_in_front)
{
    struct ord_err err = {0};

    cr_expect_eq(ord_fail(&err, ORD_ELIMIT, "%d ops", 3), ORD_ELIMIT);
    cr_expect_eq(ord_wrap(&err, "node %s", "n1"), ORD_ELIMIT);
    cr_expect_str_eq(err.text, "node n1: 3 ops");
}

Test(base, arena_keeps_to_its_limit)
{
    struct ord_arena arena;

    ord_arena_init(&arena, 100000);
    cr_expect_not_null(ord_arena_alloc(&arena, 60000));
    cr_expect_null(ord_arena_alloc(&arena, 60000));
    cr_expect_null(ord_arena_zalloc(&arena, SIZE_MAX, 2));
    cr_expect_str_eq(ord_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    ord_arena_fini(&arena);
}

Test(base, buf_keeps_to_its_limit)
{
    struct ord_buf buf;

    ord_buf_init(&buf, 8);
    ord_buf_int(&buf, INT64_C(-1234567));
    cr_expect_not(buf.failed);
    cr_expect_str_eq(ord_buf_str(&buf), "-123456"); /* cut to fit the zero */
    ord_buf_text(&buf, "x");
    cr_expect(buf.failed);
    ord_buf_fini(&buf);
}

Test(base, buf_writes_json_strings)
{
    struct ord_buf buf;

    ord_buf_init(&buf, 1000);
    ord_buf_json(&buf, ord_bytes_of("a\"\\\n\x01\xff\xc3\xa9"));
    cr_expect_str_eq(ord_buf_str(&buf),
                     "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\"");
    ord_buf_clear(&buf);
    ord_buf_int(&buf, INT64_MIN);
    cr_expect_str_eq(ord_buf_str(&buf), "-9223372036854775808");
    ord_buf_fini(&buf);
}

Test(base, durations)
{
    struct ord_err err;
    int64_t ns = 0;

    cr_expect_eq(ord_duration_parse(ord_bytes_of("1.5s"), &ns, &err), ORD_OK);
    cr_expect_eq(ns, 1500 * ORD_MS);
    cr_expect_eq(ord_duration_parse(ord_bytes_of("250us"), &ns, &err), ORD_OK);
    cr_expect_eq(ns, 250 * ORD_US);
    cr_expect_lt(ord_duration_parse(ord_bytes_of("5"), &ns, &err), 0);
    cr_expect_lt(ord_duration_parse(ord_bytes_of("-5s"), &ns, &err), 0);
    cr_expect_lt(ord_duration_parse(ord_bytes_of("9999h"), &ns, &err), 0);
}

Test(base, streams_are_independent_and_repeat)
{
    struct ord_rng a = ord_rng_stream(1, "worker", 0);
    struct ord_rng b = ord_rng_stream(1, "worker", 1);
    struct ord_rng again = ord_rng_stream(1, "worker", 0);

    cr_expect_neq(ord_rng_next(&a), ord_rng_next(&b));
    ord_rng_next(&again);
    cr_expect_eq(a.state, again.state);
    for (int i = 0; i < 1000; i++) {
        int64_t n = ord_rng_range(&a, -2, 2);
        cr_expect(n >= -2 && n <= 2);
        cr_expect_lt(ord_rng_unit(&a), 1.0);
    }
}

static bool skips(const char *text)
{
    struct ord_json in = {.at = text, .end = text + strlen(text)};

    return ord_json_skip(&in) && ord_json_done(&in);
}

Test(base, json_tells_good_from_bad)
{
    static const char *const good[] = {
        "0",  "-1.5e+3",      "\"a\\\"b\"",
        "[]", "[1, [2,{}] ]", "{\"a\":[true,null],\"b\":{\"c\":\"\"}} ",
    };
    static const char *const bad[] = {
        "",           "01",  "1.", "\"a", "[1,]", "[1 2]", "{\"a\"}",
        "{\"a\":1,}", "{,}", "]",  "[1}", "nul",  "1 2",   "{\"a\":1 \"b\":2}",
        "\"\n\"",
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_expect(skips(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(skips(bad[i]), "%s", bad[i]);
}

Test(base, json_depth_is_bounded)
{
    char deep[1000];

    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = '\0';
    cr_expect_not(skips(deep));
}

Test(base, json_members_and_escapes)
{
    const char *text = "{\"key\": 12, \"s\": \"\\u00e9\\ud83d\\ude00\\n\"}";
    struct ord_json in = {.at = text, .end = text + strlen(text)};
    struct ord_arena arena;
    struct ord_bytes key;
    struct ord_bytes raw;
    int64_t n;

    ord_arena_init(&arena, 10000);
    cr_assert(ord_json_enter(&in, '{'));
    cr_assert(ord_json_member(&in, &key));
    cr_expect(ord_bytes_is(key, "key"));
    cr_assert(ord_json_int(&in, &n));
    cr_expect_eq(n, 12);
    cr_assert(ord_json_member(&in, &key));
    cr_assert(ord_json_string(&in, &raw));
    cr_expect_str_eq(ord_json_unescape(&arena, raw).at,
                     "\xc3\xa9\xf0\x9f\x98\x80\n");
    cr_expect_not(ord_json_member(&in, &key));
    cr_expect(ord_json_left(&in, '}'));
    cr_expect_null(ord_json_unescape(&arena, ord_bytes_of("\\ud83d")).at);
    ord_arena_fini(&arena);
}

Test(base, file_replace_and_read)
{
    char dir[] = "/tmp/ordeal-base-XXXXXX";
    char path[ORD_PATH_MAX];
    struct ord_err err = {0};
    struct ord_buf buf;

    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(ord_path_join(path, dir, "a/b/c", &err), ORD_OK);
    cr_assert_eq(ord_mkdir_all(path, &err), ORD_OK, "%s", err.text);
    cr_assert_eq(ord_path_join(path, dir, "a/b/c/file", &err), ORD_OK);
    cr_assert_eq(ord_file_replace(path, ord_bytes_of("hello"), &err), ORD_OK,
                 "%s", err.text);
    ord_buf_init(&buf, 5);
    cr_assert_eq(ord_file_read(path, &buf, &err), ORD_OK, "%s", err.text);
    cr_expect(ord_bytes_is(ord_buf_bytes(&buf), "hello"));
    ord_buf_fini(&buf);
    ord_buf_init(&buf, 4);
    cr_expect_eq(ord_file_read(path, &buf, &err), ORD_ELIMIT);
    ord_buf_fini(&buf);
    cr_assert_eq(ord_remove_all(dir, &err), ORD_OK, "%s", err.text);
    cr_expect_eq(ord_remove_all(dir, &err), ORD_OK);
}
