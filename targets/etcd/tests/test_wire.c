#include <criterion/criterion.h>

#include "targets/etcd/wire.h"

static struct ord_arena arena;
static struct ord_buf out;

static void set_up(void)
{
    ord_arena_init(&arena, 1 << 22);
    ord_buf_init(&out, 1 << 16);
}

static void tear_down(void)
{
    ord_buf_fini(&out);
    ord_arena_fini(&arena);
}

TestSuite(etcd_wire, .init = set_up, .fini = tear_down, .timeout = 20);

Test(etcd_wire, base64_there_and_back)
{
    static const char *const rows[][2] = {
        /* RFC 4648, section 10 */
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfb", "//77"},
    };
    static const char *const bad[] = {
        "Z", "Zg=", "Zg", "Z===", "Zm9$", "Zg==Zg==", "===="};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ord_buf_clear(&out);
        etcd_base64_put(&out, ord_bytes_of(rows[i][0]));
        cr_expect_str_eq(ord_buf_str(&out), rows[i][1]);
        cr_expect(
            ord_bytes_is(etcd_base64_take(ord_bytes_of(rows[i][1]), &arena),
                         rows[i][0]),
            "%s", rows[i][1]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_null(etcd_base64_take(ord_bytes_of(bad[i]), &arena).at, "%s",
                       bad[i]);
}

Test(etcd_wire, requests)
{
    struct ord_client_value key = ord_client_int(3);
    struct ord_client_value nil = {.kind = ORD_CLIENT_NIL};
    struct ord_client_value four = ord_client_int(4);
    struct ord_client_value text = ord_client_text(ord_bytes_of("a\"b"));

    etcd_put_range(&out, &key, false);
    cr_expect_str_eq(ord_buf_str(&out), "{\"key\":\"azM=\"}");
    ord_buf_clear(&out);
    etcd_put_range(&out, &nil, true);
    cr_expect_str_eq(ord_buf_str(&out),
                     "{\"key\":\"aw==\",\"serializable\":true}");
    ord_buf_clear(&out);
    etcd_put_put(&out, &key, &text);
    cr_expect_str_eq(ord_buf_str(&out),
                     "{\"key\":\"azM=\",\"value\":\"YSJi\"}");
    ord_buf_clear(&out);
    etcd_put_cas(&out, &key, &nil, &four);
    cr_expect_str_eq(
        ord_buf_str(&out),
        "{\"compare\":[{\"result\":\"EQUAL\",\"key\":\"azM=\",\"target\":"
        "\"CREATE\",\"createRevision\":\"0\"}],\"success\":[{\"requestPut\":"
        "{\"key\":\"azM=\",\"value\":\"NA==\"}}]}");
    ord_buf_clear(&out);
    etcd_put_cas(&out, &key, &four, &text);
    cr_expect_str_eq(
        ord_buf_str(&out),
        "{\"compare\":[{\"result\":\"EQUAL\",\"key\":\"azM=\",\"target\":"
        "\"VALUE\",\"value\":\"NA==\"}],\"success\":[{\"requestPut\":"
        "{\"key\":\"azM=\",\"value\":\"YSJi\"}}]}");
}

Test(etcd_wire, requests_of_sets_lists_and_locks)
{
    struct ord_client_value key = ord_client_int(3);
    struct ord_client_value four = ord_client_int(4);

    etcd_put_add(&out, &key, &four); /* "s3/4" */
    cr_expect_str_eq(ord_buf_str(&out),
                     "{\"key\":\"czMvNA==\",\"value\":\"\"}");
    ord_buf_clear(&out);
    etcd_put_elements(&out, &key, false); /* from "s3/" to "s30" */
    cr_expect_str_eq(ord_buf_str(&out),
                     "{\"key\":\"czMv\",\"range_end\":\"czMw\","
                     "\"keys_only\":true}");
    ord_buf_clear(&out);
    etcd_put_if_unchanged(&out, &key, 17, &four);
    cr_expect_str_eq(
        ord_buf_str(&out),
        "{\"compare\":[{\"result\":\"EQUAL\",\"key\":\"azM=\",\"target\":"
        "\"MOD\",\"mod_revision\":\"17\"}],\"success\":[{\"requestPut\":"
        "{\"key\":\"azM=\",\"value\":\"NA==\"}}]}");
    ord_buf_clear(&out);
    etcd_put_lock(&out, &key, &four, 99);
    cr_expect_str_eq(
        ord_buf_str(&out),
        "{\"compare\":[{\"result\":\"EQUAL\",\"key\":\"bG9jazM=\",\"target\":"
        "\"CREATE\",\"createRevision\":\"0\"}],\"success\":[{\"requestPut\":"
        "{\"key\":\"bG9jazM=\",\"value\":\"NA==\",\"lease\":\"99\"}}]}");
    ord_buf_clear(&out);
    etcd_put_unlock(&out, &key, &four);
    cr_expect_str_eq(
        ord_buf_str(&out),
        "{\"compare\":[{\"result\":\"EQUAL\",\"key\":\"bG9jazM=\",\"target\":"
        "\"VALUE\",\"value\":\"NA==\"}],\"success\":[{\"requestDeleteRange\":"
        "{\"key\":\"bG9jazM=\"}}]}");
}

Test(etcd_wire, a_range_brings_all_its_keys)
{
    const char *text =
        "{\"header\":{\"revision\":\"9\"},\"kvs\":[{\"key\":\"czMvMQ==\"},"
        "{\"key\":\"czMvMg==\",\"mod_revision\":\"4\"},{\"key\":\"czMvMw==\"},"
        "{\"key\":\"czMvNA==\"},{\"key\":\"czMvNQ==\"}],\"count\":\"5\"}";
    struct etcd_reply reply;

    cr_assert(etcd_reply_parse(ord_bytes_of(text), &arena, &reply));
    cr_assert_eq(reply.kv_count, 5);
    cr_expect(ord_bytes_is(reply.kvs[0].key, "s3/1"));
    cr_expect(ord_bytes_is(reply.kvs[4].key, "s3/5"));
    cr_expect_eq(reply.kvs[1].mod_revision, 4);
    cr_assert(etcd_reply_parse(
        ord_bytes_of("{\"header\":{},\"ID\":\"7587\",\"TTL\":\"10\"}"), &arena,
        &reply));
    cr_expect_eq(reply.lease, 7587);
}

Test(etcd_wire, replies_that_are_none)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"header\":7}",
        "{\"header\":{\"revision\":\"x\"}}",
        "{\"header\":{\"revision\":\"-1\"}}",
        "{\"header\":{\"revision\":\"9223372036854775808\"}}",
        "{\"header\":{\"member_id\":\"18446744073709551616\"}}",
        "{\"kvs\":{}}",
        "{\"kvs\":[{\"value\":\"Z\"}]}",
        "{\"succeeded\":\"yes\"}",
        "{} {}",
    };
    struct etcd_reply reply;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(etcd_reply_parse(ord_bytes_of(bad[i]), &arena, &reply),
                      "%s", bad[i]);
}

Test(etcd_wire, what_etcd_leaves_out_is_its_zero)
{
    struct etcd_reply reply;

    cr_assert(etcd_reply_parse(
        ord_bytes_of("{\"header\":{\"revision\":\"2\"},\"kvs\":[{}]}"), &arena,
        &reply));
    cr_expect_not(reply.is_succeeded);
    cr_assert_eq(reply.kv_count, 1);
    cr_expect(ord_bytes_is(reply.kvs[0].value, ""));
    cr_expect_eq(reply.term, -1);
    cr_assert(etcd_reply_parse(ord_bytes_of("{\"error\":\"a\",\"code\":14}"),
                               &arena, &reply));
    cr_expect_eq(reply.revision, -1);
    cr_expect_eq(reply.kv_count, 0);
    cr_expect(ord_bytes_is(reply.error, "a"));
}

Test(etcd_wire, a_watch_tells_what_was_put)
{
    static const struct {
        const char *line;
        const char *values; /* NULL: it is no line of a watch */
    } rows[] = {
        {"{\"result\":{\"header\":{\"revision\":\"9\"},\"created\":true}}", ""},
        {"{\"result\":{\"header\":{\"revision\":\"9\"},\"events\":["
         "{\"kv\":{\"key\":\"aw==\",\"mod_revision\":\"4\",\"value\":\"NA==\"}}"
         ","
         "{\"type\":\"DELETE\",\"kv\":{\"key\":\"aw==\"}},"
         "{\"kv\":{\"key\":\"aw==\",\"mod_revision\":\"7\",\"value\":\"NQ==\"}}"
         "]}}",
         "45"},
        {"{\"result\":{\"canceled\":true}}", NULL},
        {"{\"error\":{\"message\":\"no\"}}", NULL},
        {"{\"result\":{\"events\":[{\"kv\":{\"value\":\"!\"}}]}}", NULL},
        {"{\"result\":{}", NULL},
        {"{\"result\":{}}x", NULL},
        {"{}", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct etcd_reply reply = {.revision = -1};
        bool good =
            etcd_events_parse(ord_bytes_of(rows[i].line), &arena, &reply);

        cr_expect_eq(good, rows[i].values != NULL, "%s", rows[i].line);
        ord_buf_clear(&out);
        for (uint32_t k = 0; good && k < reply.kv_count; k++)
            ord_buf_add(&out, reply.kvs[k].value);
        if (good)
            cr_expect_str_eq(ord_buf_str(&out), rows[i].values);
    }
}

Test(etcd_wire, many_events_need_room)
{
    static const char line[] =
        "{\"result\":{\"events\":[{\"kv\":{\"mod_revision\":\"4\"}}]}}";
    struct etcd_reply reply = {.revision = -1};

    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert(etcd_events_parse(ord_bytes_of(line), &arena, &reply));
        cr_assert_eq(reply.kv_count, i + 1);
        cr_assert_eq(reply.kvs[i].mod_revision, 4);
    }
}
