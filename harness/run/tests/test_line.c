#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "harness/base/rng.h"
#include "harness/run/line.h"

static struct ord_arena arena;
static struct ord_buf out;

static void setup(void)
{
    ord_arena_init(&arena, 1 << 26);
    ord_buf_init(&out, 1 << 20);
}

static void teardown(void)
{
    ord_buf_fini(&out);
    ord_arena_fini(&arena);
}

TestSuite(line, .init = setup, .fini = teardown, .timeout = 30);

Test(line, the_first_line_tells_all)
{
    static const struct ord_target target = {.name = "tiny"};
    const struct ord_param params[] = {{"accounts", "4"}};
    struct ord_cell cell = {
        .target = &target,
        .node_count = 3,
        .seed = 7,
        .timeout_ns = 1500000000,
        .workload = ord_workload_find("bank"),
        .params = params,
        .param_count = 1,
        .setting_count = 3,
    };

    cell.settings[0] = (struct ord_setting){"way", "a \"b\"\n"};
    cell.settings[1] = (struct ord_setting){"unset", ""};
    cell.settings[2] = (struct ord_setting){"k", "v"};
    ord_line_init(&cell, 4, 104, &out);
    cr_expect_str_eq(
        ord_buf_str(&out),
        "{\"ordeal\":1,\"node\":\"n2\",\"ip\":\"10.77.0.12\",\"nodes\":["
        "{\"name\":\"n1\",\"ip\":\"10.77.0.11\"},"
        "{\"name\":\"n2\",\"ip\":\"10.77.0.12\"},"
        "{\"name\":\"n3\",\"ip\":\"10.77.0.13\"}],"
        "\"worker\":4,\"process\":104,\"seed\":7,\"timeout_ms\":1500,"
        "\"workload\":\"bank\",\"params\":{\"accounts\":\"4\","
        "\"balance\":\"10\",\"amount_max\":\"5\",\"read_share\":\"40%\"},"
        "\"settings\":{"
        "\"way\":\"a \\\"b\\\"\\n\",\"k\":\"v\"}}\n");
}

Test(line, an_operation_is_one_line)
{
    struct ord_op op = ord_op_empty();

    op.name = "read";
    ord_line_op(&op, 1, ORD_NODE_NONE, &out);
    op.name = "write";
    op.key = ord_value_int(3);
    op.value = ord_value_int(-9);
    op.session = 5;
    op.device = 1;
    op.is_final = true;
    ord_line_op(&op, 2, 12, &out);
    cr_expect_str_eq(ord_buf_str(&out),
                     "{\"id\":1,\"f\":\"read\"}\n"
                     "{\"id\":2,\"f\":\"write\",\"key\":3,\"value\":-9,"
                     "\"session\":5,\"device\":1,\"node\":\"n12\","
                     "\"final\":true}\n");
}

Test(line, a_full_answer_is_read)
{
    struct ord_reply reply;
    struct ord_err err = {0};
    static const char text[] =
        " {\"error\":\"so \\u00e4\\n\",\"id\":12,\"type\":\"ok\",\"value\":"
        "[1,[2]],\"sent_ns\":10,\"received_ns\":20,\"node\":\"n3\",\"epoch\":4,"
        "\"position\":99,\"later\":{\"a\":[null]}} ";

    cr_assert_eq(ord_line_reply(ord_bytes_of(text), 3, &arena, &reply, &err),
                 ORD_OK, "%s", err.text);
    cr_expect_eq(reply.id, 12);
    cr_expect_eq(reply.type, ORD_OP_OK);
    cr_expect(reply.has_value);
    cr_expect_eq(reply.value.count, 2);
    cr_expect_eq(reply.sent_ns, 10);
    cr_expect_eq(reply.received_ns, 20);
    cr_expect_eq(reply.node, 3);
    cr_expect_eq(reply.epoch, 4);
    cr_expect_eq(reply.position, 99);
    cr_expect_str_eq(reply.error, "so \xc3\xa4\n");
}

Test(line, a_short_answer_says_nothing_more)
{
    struct ord_reply reply;
    struct ord_err err = {0};

    cr_assert_eq(ord_line_reply(ord_bytes_of("{\"id\":0,\"type\":\"info\"}"), 1,
                                &arena, &reply, &err),
                 ORD_OK);
    cr_expect_eq(reply.type, ORD_OP_INFO);
    cr_expect_not(reply.has_value);
    cr_expect_eq(reply.sent_ns, ORD_NONE);
    cr_expect_eq(reply.received_ns, ORD_NONE);
    cr_expect_eq(reply.node, ORD_NODE_NONE);
    cr_expect_null(reply.error);
}

struct bad {
    char text[96];
    char words[48];
};

ParameterizedTestParameters(line, bad_answers)
{
    static struct bad rows[] = {
        {"", "no JSON object"},
        {"ok", "no JSON object"},
        {"[1]", "no JSON object"},
        {"{}", "lacks id or type"},
        {"{\"id\":1}", "lacks id or type"},
        {"{\"type\":\"ok\"}", "lacks id or type"},
        {"{\"id\":\"1\",\"type\":\"ok\"}", "bad 'id'"},
        {"{\"id\":1.5,\"type\":\"ok\"}", "bad 'id'"},
        {"{\"id\":99999999999999999999,\"type\":\"ok\"}", "bad 'id'"},
        {"{\"id\":1,\"type\":\"maybe\"}", "bad 'type'"},
        {"{\"id\":1,\"type\":\"invoke\"}", "bad 'type'"},
        {"{\"id\":1,\"type\":ok}", "bad 'type'"},
        {"{\"id\":1,\"type\":\"ok\",\"node\":\"n0\"}", "bad 'node'"},
        {"{\"id\":1,\"type\":\"ok\",\"node\":\"n4\"}", "bad 'node'"},
        {"{\"id\":1,\"type\":\"ok\",\"node\":\"n99999\"}", "bad 'node'"},
        {"{\"id\":1,\"type\":\"ok\",\"node\":\"x1\"}", "bad 'node'"},
        {"{\"id\":1,\"type\":\"ok\",\"node\":1}", "bad 'node'"},
        {"{\"id\":1,\"type\":\"ok\",\"value\":}", "bad 'value'"},
        {"{\"id\":1,\"type\":\"ok\",\"error\":3}", "bad 'error'"},
        {"{\"id\":1,\"type\":\"ok\",\"sent_ns\":\"x\"}", "bad 'sent_ns'"},
        {"{\"id\":1,\"type\":\"ok\"", "broken JSON"},
        {"{\"id\":1,\"type\":\"ok\"} {}", "broken JSON"},
        {"{\"id\":1,\"type\":\"ok\"}x", "broken JSON"},
        {"{\"id\":1 \"type\":\"ok\"}", "broken JSON"},
        {"\x1b[31mred\x07", "no JSON object: ?[31mred?"},
    };
    return cr_make_param_array(struct bad, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct bad *row, line, bad_answers)
{
    struct ord_reply reply;
    struct ord_err err = {0};

    cr_assert_eq(
        ord_line_reply(ord_bytes_of(row->text), 3, &arena, &reply, &err),
        ORD_EFORMAT, "%s", row->text);
    cr_expect_not_null(strstr(err.text, row->words), "%s: %s", row->text,
                       err.text);
}

struct ready {
    char text[48];
    bool is_ready;
};

ParameterizedTestParameters(line, ready_lines)
{
    static struct ready rows[] = {
        {"{\"ready\":true}", true},
        {" {\"name\":\"x\",\"ready\": true, \"v\":[1]} ", true},
        {"{\"ready\":false}", false},
        {"{\"ready\":1}", false},
        {"{\"ready\":\"true\"}", false},
        {"{\"ready\":true", false},
        {"{\"ready\":true} x", false},
        {"{}", false},
        {"ready", false},
        {"", false},
    };
    return cr_make_param_array(struct ready, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct ready *row, line, ready_lines)
{
    cr_expect_eq(ord_line_is_ready(ord_bytes_of(row->text)), row->is_ready,
                 "%s", row->text);
}

/* An answer with bytes exchanged or cut: read or refused, never a crash, and
 * what is refused says so in printable characters. */
Test(line, any_bytes_are_survived)
{
    static const char good[] =
        "{\"id\":12,\"type\":\"ok\",\"value\":[1,\"\\u00e4\",{\"a\":null}],"
        "\"node\":\"n3\",\"error\":\"why\",\"sent_ns\":1}";
    static const char spice[] = "{}[]\",:\\0-9ntu \x01\x80\xff";
    struct ord_rng rng = ord_rng_stream(1, "line-fuzz", 0);
    char text[sizeof good];
    uint32_t refused = 0;

    for (int i = 0; i < 30000; i++) {
        size_t size = 1 + ord_rng_below(&rng, sizeof good - 1);
        int changes = (int)ord_rng_below(&rng, 5);
        struct ord_reply reply;
        struct ord_err err = {0};

        if (i % 2 == 0)
            size = sizeof good - 1;
        memcpy(text, good, sizeof good);
        for (int k = 0; k < changes; k++)
            text[ord_rng_below(&rng, size)] =
                spice[ord_rng_below(&rng, sizeof spice - 1)];
        ord_arena_reset(&arena);
        (void)ord_line_is_ready((struct ord_bytes){text, size});
        if (ord_line_reply((struct ord_bytes){text, size}, 3, &arena, &reply,
                           &err) == ORD_OK)
            continue;
        refused++;
        for (const char *c = err.text; *c != '\0'; c++)
            cr_assert(*c >= ' ' && *c <= '~', "%s", err.text);
    }
    cr_expect_gt(refused, 10000);
    cr_expect_lt(refused, 30000);
}
