#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "harness/base/rng.h"
#include "targets/refdb/cmd.h"
#include "targets/refdb/msg.h"
#include "targets/refdb/resp.h"

struct row {
    char in[80];
    int64_t used; /* 0: more needed, -1: never */
    uint32_t count;
    char args[80]; /* joined by '|' */
};

ParameterizedTestParameters(resp, requests)
{
    static struct row rows[] = {
        {"PING\r\n", 6, 1, "PING"},
        {"PING\n", 5, 1, "PING"},
        {"\r\n", 2, 0, ""},
        {"  SET   a \"b c\"\r\n", 17, 3, "SET|a|b c"},
        {"SET a 'x\\y'\r\n", 13, 3, "SET|a|x\\y"},
        {"SET a \"x\\\"y\"\r\n", 14, 3, "SET|a|x\"y"},
        {"SET a \"open\r\n", -1, 0, ""},
        {"SET a", 0, 0, ""},
        {"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", 20, 2, "GET|a"},
        {"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", 19, 2, "GET|"},
        {"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n", 20, 2, "GET|a"},
        {"*2\r\n$3\r\nGET\r\n$1\r\na\r", 0, 0, ""},
        {"*2\r\n$3\r\nGET", 0, 0, ""},
        {"*2\r", 0, 0, ""},
        {"*", 0, 0, ""},
        {"*0\r\n", 4, 0, ""},
        {"*-1\r\n", 5, 0, ""},
        {"*2\r\n:3\r\n", -1, 0, ""},
        {"*x\r\n", -1, 0, ""},
        {"*\r\n", -1, 0, ""},
        {"*1\r\n$-1\r\n", -1, 0, ""},
        {"*1\r\n$3\r\nabcde", -1, 0, ""},
        {"*1\r\n$999999999\r\n", -1, 0, ""},
        {"*99999999999999999999\r\n", -1, 0, ""},
        {"*17\r\n", -1, 0, ""},
        {"a b c d e f g h i j k l m n o p q\r\n", -1, 0, ""},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, resp, requests, .timeout = 5)
{
    struct rd_request request;
    struct ord_buf joined;
    char in[80];

    memcpy(in, row->in, sizeof in);
    cr_expect_eq(rd_resp_parse(in, strlen(in), &request), row->used, "%s",
                 row->in);
    if (row->used <= 0)
        return;
    cr_expect_eq(request.count, row->count, "%s", row->in);
    ord_buf_init(&joined, 1000);
    for (uint32_t i = 0; i < request.count; i++) {
        if (i > 0)
            ord_buf_char(&joined, '|');
        ord_buf_add(&joined, request.arg[i]);
    }
    cr_expect_str_eq(ord_buf_str(&joined), row->args);
    ord_buf_fini(&joined);
}

/* Bytes on the heap, exactly as long as they are: the sanitizer sees every
 * step too far. */
static int64_t parse_exactly(const char *bytes, size_t size,
                             struct rd_request *request)
{
    char *copy = malloc(size + (size == 0));
    int64_t used;

    memcpy(copy, bytes, size);
    used = rd_resp_parse(copy, size, request);
    for (uint32_t i = 0; used > 0 && i < request->count; i++) {
        cr_assert(request->arg[i].at >= copy);
        cr_assert(request->arg[i].at + request->arg[i].size <= copy + used);
    }
    free(copy);
    return used;
}

Test(resp, any_bytes_are_survived, .timeout = 30)
{
    static const char good[] =
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\nGET \"a b\"\r\n";
    struct ord_rng rng = ord_rng_stream(1, "fuzz", 0);

    for (int i = 0; i < 30000; i++) {
        char bytes[sizeof good];
        struct rd_request request;
        uint64_t changes = ord_rng_below(&rng, 5);
        size_t size = (size_t)ord_rng_below(&rng, sizeof good);

        memcpy(bytes, good, sizeof good);
        for (uint64_t j = 0; j < changes; j++)
            bytes[ord_rng_below(&rng, sizeof bytes)] =
                "*$\r\n019-\"'\\ \t\xff"[ord_rng_below(&rng, 14)];
        cr_assert_leq(parse_exactly(bytes, size, &request), (int64_t)size);
    }
}

Test(resp, a_request_in_pieces_is_the_same_request)
{
    static const char good[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nv1\r\n";
    struct rd_request request;

    for (size_t size = 0; size < sizeof good - 1; size++)
        cr_expect_eq(parse_exactly(good, size, &request), 0, "%zu bytes", size);
    cr_expect_eq(parse_exactly(good, sizeof good - 1, &request),
                 (int64_t)sizeof good - 1);
}

Test(msg, frames_survive_the_wire_and_nothing_else_does, .timeout = 30)
{
    struct ord_rng rng = ord_rng_stream(2, "fuzz", 0);
    struct ord_buf wire;
    struct ord_buf entries;
    struct rd_msg got;
    struct rd_msg msg = {.type = RD_APPEND,
                         .flags = RD_FLAG_OK,
                         .from = 3,
                         .to = 2,
                         .epoch = 7,
                         .index = UINT64_MAX,
                         .stamp = -5,
                         .count = 1};

    ord_buf_init(&wire, 4096);
    ord_buf_init(&entries, 4096);
    rd_msg_put_entry(&entries, 7, ord_bytes_of("hello"));
    msg.data = ord_buf_bytes(&entries);
    rd_msg_encode(&wire, &msg);
    cr_assert_eq(rd_msg_decode(ord_buf_bytes(&wire), &got), (int64_t)wire.size);
    cr_expect_eq(got.epoch, 7);
    cr_expect_eq(got.index, UINT64_MAX);
    cr_expect_eq(got.stamp, -5);
    cr_expect(ord_bytes_equal(got.data, msg.data));
    for (size_t size = 0; size < wire.size; size++)
        cr_expect_eq(rd_msg_decode((struct ord_bytes){wire.at, size}, &got), 0);
    for (int i = 0; i < 20000; i++) {
        size_t at = (size_t)ord_rng_below(&rng, wire.size);
        char old = wire.at[at];

        wire.at[at] ^= (char)(1u << ord_rng_below(&rng, 8));
        /* Nor may it wait for bytes that a damaged size promises. */
        cr_expect_eq(rd_msg_decode(ord_buf_bytes(&wire), &got), -1,
                     "a flipped bit at %zu went unnoticed", at);
        wire.at[at] = old;
    }
    ord_buf_fini(&wire);
    ord_buf_fini(&entries);
}

Test(cmd, commands_survive_the_log_and_garbage_does_not)
{
    struct rd_cmd cmd = {
        .kind = RD_CMD_CAS, .count = 3, .arg = {{"k", 1}, {"", 0}, {"new", 3}}};
    struct rd_cmd got;
    struct ord_buf bytes;
    struct ord_buf text;

    ord_buf_init(&bytes, 1000);
    ord_buf_init(&text, 1000);
    rd_cmd_encode(&bytes, &cmd);
    cr_assert(rd_cmd_decode(ord_buf_bytes(&bytes), &got));
    cr_expect_eq(got.kind, RD_CMD_CAS);
    cr_expect(ord_bytes_is(got.arg[2], "new"));
    for (size_t size = 0; size < bytes.size; size++)
        cr_expect_not(rd_cmd_decode((struct ord_bytes){bytes.at, size}, &got));
    rd_cmd_print(&text, ord_buf_bytes(&bytes));
    cr_expect_str_eq(ord_buf_str(&text), "CAS k  new");
    ord_buf_fini(&bytes);
    ord_buf_fini(&text);
}

Test(cmd, integers)
{
    int64_t value = 1;

    cr_expect(rd_parse_int(ord_bytes_of("-9223372036854775808"), &value));
    cr_expect_eq(value, INT64_MIN);
    cr_expect(rd_parse_int(ord_bytes_of("9223372036854775807"), &value));
    cr_expect_eq(value, INT64_MAX);
    cr_expect_not(rd_parse_int(ord_bytes_of("9223372036854775808"), &value));
    cr_expect_not(rd_parse_int(ord_bytes_of(""), &value));
    cr_expect_not(rd_parse_int(ord_bytes_of("-"), &value));
    cr_expect_not(rd_parse_int(ord_bytes_of("1x"), &value));
}
