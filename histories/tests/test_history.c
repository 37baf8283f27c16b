#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "support_history.h"

/* Text in, printed operations out, joined by " | ". */
static void told(const struct ord_history *history, struct ord_buf *out)
{
    ord_buf_init(out, 1 << 16);
    ORD_OPS (history, op) {
        if (op->index > 0)
            ord_buf_text(out, " | ");
        ord_op_print(op, out);
    }
    (void)ord_buf_str(out);
}

struct row {
    char text[160];
    char want[200]; /* what is printed, or what the error says */
    bool is_bad;
};

ParameterizedTestParameters(history, text_form)
{
    static struct row rows[] = {
        {"", "", false},
        {" \n;; # only a comment", "", false},
        {"0 inv write 5", "0 0.000000 0 invoke write 5", false},
        {"0 inv write k1 5 ; 0 ok write k1 5 n2",
         "0 0.000000 0 invoke write k1 5 | 1 0.001000 0 ok write k1 5 n2",
         false},
        {"3 inv read k\"a b\" # c ; no\n3 ok read k\"a b\" nil",
         "0 0.000000 3 invoke read k\"a b\" | "
         "1 0.001000 3 ok read k\"a b\" nil",
         false},
        {"7 invoke cas [1 2] @12.5 e3 u4 d1 p9 final ; 7 fail cas !timeout",
         "0 0.012500 7 invoke cas [1 2] e3 p9 u4 d1 final | "
         "1 0.013500 7 fail cas !\"timeout\"",
         false},
        {"0 inv txn [[:r 1 nil] [:append 2 #{9 8}]]",
         "0 0.000000 0 invoke txn [[\"r\" 1 nil] [\"append\" 2 [8 9]]]", false},
        {"nemesis info kill [\"n1\"]; nemesis inv x",
         "0 0.000000 nemesis info kill [\"n1\"] | 1 0.001000 nemesis info x",
         false},
        {"0 inv add 1; 0 info add; 1 inv read; 1 ok read [1 2]",
         "0 0.000000 0 invoke add 1 | 1 0.001000 0 info add | "
         "2 0.002000 1 invoke read | 3 0.003000 1 ok read [1 2]",
         false},
        {"x inv read", "line 1, column 2: expected nemesis or a number", true},
        {"0 bark read", "line 1, column 7: expected inv, ok, fail or info",
         true},
        {"0 inv", "line 1, column 6: expected a function", true},
        {"0 inv read [1", "line 1, column 14: expected a value, found the end",
         true},
        {"0 inv write 1 2", "line 1, column 15: expected one value", true},
        {"0 inv write one", "expected a value, a key k1", true},
        {"0 inv write n65", "a smaller number", true},
        {"0 inv write @x", "milliseconds behind @", true},
        {"99999999999999999999 inv read", "expected a process", true},
        {"0 inv read; 0 inv read",
         "line 1, column 13: process 0 invokes read (operation 1) while its "
         "read "
         "(operation 0) is still open",
         true},
        {"0 ok read 5",
         "line 1, column 1: ok of read by process 0 (operation 0) has no "
         "invocation",
         true},
        {"0 inv read\n0 ok write 1",
         "line 2, column 1: process 0 completes write (operation 1) but had "
         "invoked read "
         "(operation 0)",
         true},
        {"0 inv foo\n0 ok bar", "completes bar", true},
        {"0 inv write k1 1\n0 ok write k2 1",
         "process 0 answers its write with the key 2 (operation 1), which is "
         "not the one invoked",
         true},
        {"0 inv read k[1 2]\n0 fail read k[1 3]", "with the key [1 3]", true},
        {"0 inv read ktrue\n0 ok read k1 5", "with the key 1 (op", true},
        {"0 inv write k1 1; 0 ok write 1; 0 inv read; 0 ok read k2 2",
         "0 0.000000 0 invoke write k1 1 | 1 0.001000 0 ok write 1 | "
         "2 0.002000 0 invoke read | 3 0.003000 0 ok read k2 2",
         false},
        {"0 inv add 1\n0 info add\n\n0 inv add 2",
         "line 4, column 1: process 0 invokes add (operation 2) after its add "
         "ended in "
         "info (operation 1)",
         true},
        {"0 inv read; 0 ok read 1; 0 ok read 1", "has no invocation", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, history, text_form, .timeout = 5)
{
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    struct ord_buf out;
    int rc = ord_history_parse_text(row->text, &history, &err);

    if (row->is_bad) {
        cr_expect_eq(rc, ORD_EFORMAT, "%s", row->text);
        cr_expect_not_null(strstr(err.text, row->want), "%s: %s", row->text,
                           err.text);
        cr_expect_null(history);
        return;
    }
    cr_assert_eq(rc, ORD_OK, "%s: %s", row->text, err.text);
    cr_expect_str_empty(err.text, "written only on failure");
    told(history, &out);
    cr_expect_str_eq(ord_buf_str(&out), row->want);
    ord_buf_fini(&out);
    ord_history_free(&history);
    cr_expect_null(history);
}

Test(history, pairs_point_at_each_other)
{
    struct ord_history *h = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_parse_text("0 inv write 1; 1 inv read; nemesis "
                                        "info cut; 1 ok read 1; 0 ok write 1;"
                                        "2 inv read",
                                        &h, &err),
                 ORD_OK);
    cr_expect_eq(ord_history_op(h, 0)->pair, 4);
    cr_expect_eq(ord_history_op(h, 4)->pair, 0);
    cr_expect_eq(ord_history_pair(h, ord_history_op(h, 1))->index, 3);
    cr_expect_null(ord_history_pair(h, ord_history_op(h, 2)));
    cr_expect_null(ord_history_pair(h, ord_history_op(h, 5)));
    cr_expect_str_eq(ord_history_meta(h), "{}");
    cr_expect_eq(ord_history_node_count(h), 0);
    cr_expect_str_eq(ord_history_node_name(h, 0), "-");
    cr_expect_str_eq(ord_history_node_name(h, 3), "-");
    ord_history_free(&h);
}

/* ---- the builder --------------------------------------------------------- */

static void add(struct ord_history_builder *b, int64_t process,
                enum ord_op_type type, int64_t time_ns)
{
    struct ord_op op = ord_op_empty();
    struct ord_err err = {0};

    op.process = process;
    op.type = (uint8_t)type;
    op.f = ORD_F_READ;
    op.time_ns = time_ns;
    cr_assert_eq(ord_history_add(b, &op, &err), ORD_OK, "%s", err.text);
}

Test(history, sorting_takes_one_instant_for_concurrent)
{
    struct ord_history_builder *b = NULL;
    struct ord_history *h = NULL;
    struct ord_err err = {0};
    static const int64_t want[] = {0, 1, 0, 0, 1, 2, 0, 1};
    static const uint8_t types[] = {ORD_OP_INVOKE, ORD_OP_INVOKE, ORD_OP_OK,
                                    ORD_OP_INVOKE, ORD_OP_OK,     ORD_OP_INVOKE,
                                    ORD_OP_OK,     ORD_OP_INVOKE};

    cr_assert_eq(ord_history_builder_new(1 << 20, &b, &err), ORD_OK);
    add(b, 0, ORD_OP_INVOKE, 10);
    add(b, 1, ORD_OP_INVOKE, 20);
    add(b, 1, ORD_OP_OK, 50);
    add(b, 0, ORD_OP_OK, 50); /* and at once again: a chain */
    add(b, 0, ORD_OP_INVOKE, 50);
    add(b, 0, ORD_OP_OK, 90);
    add(b, 2, ORD_OP_INVOKE, 60);
    add(b, 1, ORD_OP_INVOKE, 95);
    cr_assert_eq(ord_history_finish(&b, true, &h, &err), ORD_OK, "%s",
                 err.text);
    cr_expect_null(b);
    for (int i = 0; i < 8; i++) {
        cr_expect_eq(ord_history_op(h, i)->process, want[i], "at %d", i);
        cr_expect_eq(ord_history_op(h, i)->type, types[i], "at %d", i);
        cr_expect_eq(ord_history_op(h, i)->index, i);
    }
    ord_history_free(&h);
}

Test(history, sorting_puts_invocations_before_completions)
{
    struct ord_history_builder *b = NULL;
    struct ord_history *h = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_builder_new(1 << 20, &b, &err), ORD_OK);
    add(b, 0, ORD_OP_INVOKE, 5);
    add(b, 0, ORD_OP_OK, 9);
    add(b, 1, ORD_OP_INVOKE, 9);
    add(b, 1, ORD_OP_OK, 9); /* invoked and answered within one instant */
    cr_assert_eq(ord_history_finish(&b, true, &h, &err), ORD_OK, "%s",
                 err.text);
    cr_expect_eq(ord_history_op(h, 1)->process, 1);
    cr_expect_eq(ord_history_op(h, 1)->pair, 3);
    cr_expect_eq(ord_history_op(h, 2)->process, 0);
    ord_history_free(&h);
}

Test(history, a_million_equal_times_sort_quickly, .timeout = 30)
{
    struct ord_history_builder *b = NULL;
    struct ord_history *h = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_builder_new(0, &b, &err), ORD_OK);
    for (int i = 0; i < 200000; i++) {
        add(b, i / 10 * 10, i % 2 ? ORD_OP_OK : ORD_OP_INVOKE, 7);
    }
    cr_assert_eq(ord_history_finish(&b, true, &h, &err), ORD_OK, "%s",
                 err.text);
    cr_expect_eq(ord_history_count(h), 200000);
    ord_history_free(&h);
}

Test(history, memory_is_bounded)
{
    struct ord_history_builder *b = NULL;
    struct ord_err err = {0};
    struct ord_op op = ord_op_empty();
    int rc = ORD_OK;

    op.f = ORD_F_READ;
    cr_assert_eq(ord_history_builder_new(100000, &b, &err), ORD_OK);
    for (op.process = 0; op.process < 100000 && rc == ORD_OK; op.process++)
        rc = ord_history_add(b, &op, &err);
    cr_expect_eq(rc, ORD_ENOMEM);
    cr_expect_lt(op.process, 1000);
    cr_expect_gt(op.process, 300, "most of it is used: %ld", (long)op.process);
    cr_expect_not_null(strstr(err.text, "more than 100000 bytes"), "%s",
                       err.text);
    ord_history_builder_free(&b);
    cr_expect_null(b);
}

Test(history, bad_nodes_and_processes_are_refused)
{
    struct ord_history_builder *b = NULL;
    struct ord_err err = {0};
    struct ord_op op = ord_op_empty();

    cr_assert_eq(ord_history_builder_new(0, &b, &err), ORD_OK);
    op.node = ORD_NODES_MAX + 1;
    cr_expect_eq(ord_history_add(b, &op, &err), ORD_ELIMIT);
    op.node = 0;
    op.process = -2;
    cr_expect_eq(ord_history_add(b, &op, &err), ORD_EFORMAT);
    ord_history_builder_free(&b);
}
