#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#include "harness/run/agree.h"
#include "histories/history.h"

struct row {
    char history[160];
    bool ordered; /* is it reached if order counts? */
    bool free;    /* and if not? */
};

ParameterizedTestParameters(agree, rounds)
{
    static struct row rows[] = {
        {"0 ok read [1 2]; 1 ok read [1 2]", true, true},
        {"0 ok read [1 2]; 1 ok read [2 1]", false, true},
        {"0 ok read [1 2]; 1 ok read [1]", false, false},
        {"0 ok read [1 1]; 1 ok read [1]", false, false},
        {"0 ok read []; 1 ok read []", true, true},
        {"0 ok read []; 1 ok read nil", false, false},
        {"0 ok read 1; 1 ok read 2", false, false},
        {"0 ok read k1 1; 1 ok read k2 2", true, true},
        {"0 ok read k1 1; 1 ok read k2 2; 2 ok read k1 3", false, false},
        {"0 ok read 1; 1 fail read", false, false},
        {"0 fail read; 1 ok read 1", false, false},
        {"0 ok read 1; 1 info read", false, false},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

static bool is_reached(const char *text, bool is_ordered)
{
    struct ord_agree *agree = ord_agree_new(is_ordered);
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    bool reached;

    cr_assert_not_null(agree);
    cr_expect_not(ord_agree_is_reached(agree), "nothing was said yet");
    cr_assert_eq(ord_history_parse_text(text, &history, &err), ORD_OK, "%s",
                 err.text);
    for (int round = 0; round < 2; round++) {
        ord_agree_clear(agree);
        ORD_OPS (history, op) {
            if (op->type != ORD_OP_INVOKE)
                ord_agree_add(agree, op);
        }
    }
    reached = ord_agree_is_reached(agree);
    ord_history_free(&history);
    ord_agree_free(&agree);
    cr_expect_null(agree);
    return reached;
}

ParameterizedTest(struct row *row, agree, rounds, .timeout = 10)
{
    char text[512] = "";
    int used = 0;

    /* Each completion gets its invocation. */
    for (int p = 0; p < 3; p++)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "%d inv read; ", p);
    snprintf(text + used, sizeof text - (size_t)used, "%s", row->history);
    cr_expect_eq(is_reached(text, true), row->ordered, "%s", row->history);
    cr_expect_eq(is_reached(text, false), row->free, "%s", row->history);
}

Test(agree, many_keys, .timeout = 10)
{
    struct ord_agree *agree = ord_agree_new(false);
    struct ord_op op = ord_op_empty();

    op.type = ORD_OP_OK;
    op.f = ORD_F_READ;
    op.name = "read";
    for (int node = 0; node < 3; node++) {
        for (int64_t key = 0; key < ORD_AGREE_KEYS_MAX / 2; key++) {
            op.key = ord_value_int(key);
            op.value = ord_value_int(key * 3);
            ord_agree_add(agree, &op);
        }
    }
    cr_expect(ord_agree_is_reached(agree));
    op.key = ord_value_int(-1); /* more than fit: it will not say "agreed" */
    ord_agree_add(agree, &op);
    cr_expect_not(ord_agree_is_reached(agree));
    ord_agree_free(&agree);
}
