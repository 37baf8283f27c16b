#include <criterion/criterion.h>
#include <stdio.h>

#include "targets/client/line.h"

static struct ord_arena arena;
static struct ord_client_init init;
static struct ord_err err;

static void set_up(void)
{
    ord_arena_init(&arena, 1 << 24);
    init = (struct ord_client_init){.node_count = 2};
    init.nodes[0] = (struct ord_client_node){"n1", "10.77.0.11"};
    init.nodes[1] = (struct ord_client_node){"n2", "10.77.0.12"};
}

static void tear_down(void)
{
    ord_arena_fini(&arena);
}

TestSuite(client_line, .init = set_up, .fini = tear_down, .timeout = 10);

Test(client_line, init_is_read_whole)
{
    const char *text =
        "{\"ordeal\":1,\"node\":\"n2\",\"ip\":\"10.77.0.12\",\"nodes\":["
        "{\"name\":\"n1\",\"ip\":\"10.77.0.11\",\"new\":[1,{}]},"
        "{\"ip\":\"10.77.0.12\",\"name\":\"n2\"}],\"worker\":3,\"process\":17,"
        "\"seed\":18446744073709551615,\"timeout_ms\":250,\"future\":[{}],"
        "\"workload\":\"list\",\"params\":{\"lists\":\"8\",\"share\":\"30%\"},"
        "\"settings\":{\"ack\":\"async\","
        "\"read-from\":\"a\\u00e9\\n\"}}";

    cr_assert_eq(ord_client_init_parse(ord_bytes_of(text), &arena, &init, &err),
                 ORD_OK, "%s", err.text);
    cr_expect_eq(init.node_count, 2);
    cr_expect_eq(init.home, 1);
    cr_expect_str_eq(init.nodes[1].ip, "10.77.0.12");
    cr_expect_eq(init.worker, 3);
    cr_expect_eq(init.process, 17);
    cr_expect_eq(init.seed, UINT64_MAX);
    cr_expect_eq(init.timeout_ms, 250);
    cr_expect_eq(init.workload, ORD_CLIENT_LISTS);
    cr_expect_str_eq(ord_client_setting(&init, "read-from", "x"),
                     "a\xc3\xa9\n");
    cr_expect_str_eq(ord_client_setting(&init, "none", "x"), "x");
    cr_expect_eq(ord_client_param(&init, "lists", 1), 8);
    cr_expect_eq(ord_client_param(&init, "share", 7), 7, "no whole number");
    cr_expect_eq(ord_client_param(&init, "none", 9), 9);
    cr_expect_not(ord_client_is_first(&init));
}

Test(client_line, bad_inits_are_told_from_good_ones)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"ordeal\":2,\"node\":\"n1\",\"ip\":\"1.2.3.4\"}",
        "{\"node\":\"n1\",\"ip\":\"1.2.3.4\"}",
        "{\"ordeal\":1,\"ip\":\"1.2.3.4\"}",
        "{\"ordeal\":1,\"node\":\"n1\"}",
        "{\"ordeal\":1,\"node\":\"n9\",\"nodes\":[{\"name\":\"n1\",\"ip\":"
        "\"1.2.3.4\"}]}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":7}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"1\",\"timeout_ms\":0}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"1\",\"timeout_ms\":1e9}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"1\",\"seed\":\"x\"}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"1\",\"seed\":"
        "18446744073709551616}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"1\",\"settings\":{\"a\":1}}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"1\",\"settings\":{\"a\":\"b\"}",
        "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"1\"} x",
        "{\"ordeal\":1,\"node\":\"n1\",\"nodes\":[{\"name\":\"n1\"}]}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(
            ord_client_init_parse(ord_bytes_of(bad[i]), &arena, &init, &err),
            ORD_EFORMAT, "%s", bad[i]);
}

static int parse(const char *text, struct ord_client_op *op)
{
    static struct ord_client_value pair[2];

    return ord_client_op_parse(ord_bytes_of(text), &init, &arena, pair, op,
                               &err);
}

Test(client_line, operations_are_read_whole)
{
    struct ord_client_op op;

    cr_assert_eq(parse("{\"value\":[null,-5],\"key\":\"a\\\"b\",\"id\":17,"
                       "\"f\":\"cas\",\"session\":4,\"device\":1,"
                       "\"node\":\"n2\",\"final\":true,\"more\":{\"x\":[]}}",
                       &op),
                 ORD_OK, "%s", err.text);
    cr_expect_eq(op.id, 17);
    cr_expect_eq(op.f, ORD_CLIENT_CAS);
    cr_expect_eq(op.key.count, 3);
    cr_expect_arr_eq(op.key.as.text, "a\"b", 3);
    cr_expect_eq(op.value.as.items[0].kind, ORD_CLIENT_NIL);
    cr_expect_eq(op.value.as.items[1].as.number, -5);
    cr_expect_eq(op.session, 4);
    cr_expect_eq(op.device, 1);
    cr_expect_eq(op.node, 1);
    cr_expect(op.is_final);

    cr_assert_eq(parse("{\"id\":1,\"f\":\"read\"}", &op), ORD_OK);
    cr_expect_eq(op.key.kind, ORD_CLIENT_NIL);
    cr_expect_eq(op.session, -1);
    cr_expect_eq(op.device, 0);
    cr_expect_eq(op.node, ORD_CLIENT_NO_NODE);
    cr_expect_not(op.is_final);
    cr_expect_eq(arena.used_size, 4 + 12, "only the escape was copied");
}

Test(client_line, what_cannot_be_done_is_told_from_what_is_no_operation)
{
    static const struct {
        const char *text;
        int want;
    } rows[] = {
        {"{\"id\":1,\"f\":\"fly\"}", ORD_ENOTFOUND},
        {"{\"id\":1}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"write\"}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"write\",\"value\":[1]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"add\",\"value\":null}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"cas\",\"value\":[1]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"cas\",\"value\":[1,2,3]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"cas\",\"value\":[1,null]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"enqueue\"}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"dequeue\"}", ORD_OK},
        {"{\"id\":1,\"f\":\"acquire\",\"key\":1}", ORD_OK},
        {"{\"id\":1,\"f\":\"generate\"}", ORD_OK},
        {"{\"id\":1,\"f\":\"transfer\",\"value\":[1,2,3]}", ORD_OK},
        {"{\"id\":1,\"f\":\"transfer\",\"value\":[1,2]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"transfer\",\"value\":[1,2,null]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"read\",\"node\":\"n9\"}", ORD_ENOTFOUND},
        {"{\"f\":\"read\"}", ORD_EFORMAT},
        {"{\"id\":\"x\",\"f\":\"read\"}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":7}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"write\",\"value\":1.5}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"write\",\"value\":{}}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"write\",\"value\":[[1]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"write\",\"value\":[[[1]]]}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"write\",\"value\":[[{}]]}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"cas\",\"value\":[[1],2]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"cas\",\"value\":[1,[2]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"transfer\",\"value\":[[1],2,3]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"insert\",\"key\":1,\"value\":2}", ORD_OK},
        {"{\"id\":1,\"f\":\"insert\",\"key\":1}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[\"r\",1,null]]}", ORD_OK},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[\"w\",\"k\",0]]}", ORD_OK},
        {"{\"id\":1,\"f\":\"txn\"}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[\"r\",1,null]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[\"r\",1]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[\"r\",1,2]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[\"w\",1,null]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[\"w\",null,2]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[\"a\",1,2]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"txn\",\"value\":[[1,1,2]]}", ORD_ENOTFOUND},
        {"{\"id\":1,\"f\":\"write\",\"value\":[1,]}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"write\",\"value\":\"\\q\"}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"read\",\"key\":[1]}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"read\"} {}", ORD_EFORMAT},
        {"{\"id\":1,\"f\":\"read\"", ORD_EFORMAT},
        {"", ORD_EFORMAT},
        {"17", ORD_EFORMAT},
    };
    struct ord_client_op op;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(parse(rows[i].text, &op), rows[i].want, "%s",
                     rows[i].text);
}

Test(client_line, a_txn_is_a_list_of_its_parts)
{
    const struct ord_client_value *parts;
    struct ord_client_op op;

    cr_assert_eq(parse("{\"id\":1,\"f\":\"txn\",\"value\":[[\"r\",3,null],"
                       "[\"w\",4,-1],[\"r\",\"k\",null]]}",
                       &op),
                 ORD_OK, "%s", err.text);
    parts = op.value.as.items;
    cr_assert_eq(op.value.count, 3);
    cr_expect_eq(parts[0].as.items[0].as.text[0], 'r');
    cr_expect_eq(parts[0].as.items[1].as.number, 3);
    cr_expect_eq(parts[1].as.items[2].as.number, -1);
    cr_expect_eq(parts[2].as.items[1].as.text[0], 'k');
    cr_expect_eq(parts[2].as.items[2].kind, ORD_CLIENT_NIL);
}

Test(client_line, long_lists_are_read)
{
    struct ord_client_op op;
    struct ord_buf text;

    ord_buf_init(&text, 1 << 20);
    ord_buf_text(&text, "{\"id\":1,\"f\":\"read\",\"value\":[0");
    for (int i = 1; i < 10000; i++)
        ord_buf_printf(&text, ",%d", i);
    ord_buf_text(&text, "]}");
    cr_assert_eq(parse(ord_buf_str(&text), &op), ORD_OK);
    cr_expect_eq(op.value.count, 10000);
    for (uint32_t i = 0; i < op.value.count; i++)
        cr_assert_eq(op.value.as.items[i].as.number, i);
    ord_buf_fini(&text);
}

Test(client_line, answers_say_what_is_known_and_no_more)
{
    struct ord_client_value items[2] = {ord_client_int(-3),
                                        ord_client_text(ord_bytes_of("a\n"))};
    struct ord_client_done done = {
        .node = ORD_CLIENT_NO_NODE, .epoch = -1, .position = -1};
    struct ord_buf out;

    ord_buf_init(&out, 4096);
    ord_client_answer_write(&init, 7, &done, &out);
    cr_expect_str_eq(ord_buf_str(&out), "{\"id\":7,\"type\":\"info\"}\n");
    ord_buf_clear(&out);
    done = (struct ord_client_done){
        .type = ORD_CLIENT_OK,
        .has_value = true,
        .value = {.kind = ORD_CLIENT_LIST, .count = 2, .as = {.items = items}},
        .sent_ns = 5,
        .received_ns = 6,
        .node = 1,
        .epoch = 0,
        .position = 9,
    };
    ord_client_conclude(&done, ORD_CLIENT_FAIL, "\"%s\"", "no");
    ord_client_answer_write(&init, -1, &done, &out);
    cr_expect_str_eq(
        ord_buf_str(&out),
        "{\"id\":-1,\"type\":\"fail\",\"value\":[-3,\"a\\n\"],\"sent_ns\":5,"
        "\"received_ns\":6,\"node\":\"n2\",\"epoch\":0,\"position\":9,"
        "\"error\":\"\\\"no\\\"\"}\n");
    ord_buf_fini(&out);
}

Test(client_line, an_answer_may_be_a_list_of_pairs)
{
    struct ord_client_value pairs[2][2] = {
        {ord_client_int(0), ord_client_int(7)},
        {ord_client_text(ord_bytes_of("b")), ord_client_int(-1)}};
    struct ord_client_value items[2];
    struct ord_client_done done = {
        .type = ORD_CLIENT_OK,
        .has_value = true,
        .value = {.kind = ORD_CLIENT_LIST, .count = 2, .as = {.items = items}},
        .node = ORD_CLIENT_NO_NODE,
        .epoch = -1,
        .position = -1};
    struct ord_buf out;

    ord_buf_init(&out, 4096);
    for (uint32_t i = 0; i < 2; i++)
        items[i] = (struct ord_client_value){
            .kind = ORD_CLIENT_LIST, .count = 2, .as = {.items = pairs[i]}};
    ord_client_answer_write(&init, 7, &done, &out);
    cr_expect_str_eq(ord_buf_str(&out), "{\"id\":7,\"type\":\"ok\",\"value\":"
                                        "[[0,7],[\"b\",-1]]}\n");
    ord_buf_fini(&out);
}

Test(client_line, scalars_come_back_as_they_went)
{
    static const struct {
        const char *text;
        bool is_number;
    } rows[] = {
        {"0", true},
        {"-1", true},
        {"9223372036854775807", true},
        {"-9223372036854775808", true},
        {"9223372036854775808", false},
        {"-9223372036854775809", false},
        {"", false},
        {"-", false},
        {"007", false},
        {"1.5", false},
        {" 1", false},
        {"+1", false},
        {"abc", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char digits[ORD_CLIENT_DIGITS_SIZE];
        struct ord_client_value value =
            ord_client_scalar(ord_bytes_of(rows[i].text));

        cr_expect_eq(value.kind == ORD_CLIENT_INT, rows[i].is_number, "'%s'",
                     rows[i].text);
        cr_expect(ord_bytes_is(ord_client_bytes(&value, digits), rows[i].text),
                  "'%s'", rows[i].text);
    }
}

/* No input may do more than be refused: every byte of a good line changed,
 * and every cut of it. */
Test(client_line, mutations_are_survived, .timeout = 60)
{
    static const char good[] =
        "{\"id\":17,\"f\":\"txn\",\"key\":\"k\\u00e9\",\"value\":[[\"r\",3,"
        "null],[\"w\",\"\\t\",5]],"
        "\"node\":\"n1\",\"final\":false,\"z\":[1,{\"a\":null}]}";
    static const char bytes[] = "\"\\{}[],:0-e\x01\x80\xff nt";
    static char text[sizeof good - 1]; /* exactly: ASan watches its end */
    struct ord_client_value pair[2];
    struct ord_client_op op;
    uint32_t good_count = 0;

    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (size_t i = 0; i < sizeof bytes - 1; i++) {
            memcpy(text, good, sizeof good - 1);
            text[at] = bytes[i];
            good_count +=
                ord_client_op_parse((struct ord_bytes){text, sizeof good - 1},
                                    &init, &arena, pair, &op, &err) == ORD_OK;
        }
        memcpy(text, good, sizeof good - 1);
        cr_expect_neq(ord_client_op_parse((struct ord_bytes){text, at}, &init,
                                          &arena, pair, &op, &err),
                      ORD_OK);
    }
    cr_expect_gt(good_count, 0);
}
