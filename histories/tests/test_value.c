#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "support_history.h"

struct row {
    char json[96];
    char edn[96];
    char back[96];
};

ParameterizedTestParameters(value, json)
{
    static struct row rows[] = {
        {"null", "nil", "null"},
        {"true", "true", "true"},
        {" -7 ", "-7", "-7"},
        {"9223372036854775807", "9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808",
         "-9223372036854775808"},
        {"9223372036854775808", "\"9223372036854775808\"",
         "\"9223372036854775808\""},
        {"1.5e3", "1500", "1500"},
        {"[0.0, -0e9, 1.0, 100e-2, 0.001e3]", "[0 0 1 1 1]", "[0,0,1,1,1]"},
        {"[9223372036854775807.0, -92233720368547758.08e2]",
         "[9223372036854775807 -9223372036854775808]",
         "[9223372036854775807,-9223372036854775808]"},
        {"[1.50, -15E-1, 0.15e+1]", "[\"1.5\" \"-1.5\" \"1.5\"]",
         "[\"1.5\",\"-1.5\",\"1.5\"]"},
        {"[0.0000001, 0.00000015e-1, 0.000001]",
         "[\"0.0000001\" \"1.5e-8\" \"0.000001\"]",
         "[\"0.0000001\",\"1.5e-8\",\"0.000001\"]"},
        {"[1e21, 1e22, 12e21, 1e400, 10e399]",
         "[\"1000000000000000000000\" \"1e22\" \"12000000000000000000000\" "
         "\"1e400\" \"1e400\"]",
         "[\"1000000000000000000000\",\"1e22\",\"12000000000000000000000\","
         "\"1e400\",\"1e400\"]"},
        {"[0.1000000000000000055511151231257827, 1e9999999999]",
         "[\"0.1000000000000000055511151231257827\" \"1e9999999999\"]",
         "[\"0.1000000000000000055511151231257827\",\"1e9999999999\"]"},
        {"\"a\\u00e4\\n\"", "\"a\xc3\xa4\\n\"", "\"a\xc3\xa4\\n\""},
        {"[]", "[]", "[]"},
        {"[1, [2, 3, 4, 5, 6], \"x\"]", "[1 [2 3 4 5 6] \"x\"]",
         "[1,[2,3,4,5,6],\"x\"]"},
        {"{\"b\": 1, \"a\": [2]}", "[[\"a\" [2]] [\"b\" 1]]",
         "[[\"a\",[2]],[\"b\",1]]"},
        {"{}", "[]", "[]"},
        {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
         "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
         "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"},
        /* What must be refused has no EDN. */
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "", ""},
        {"[1,]", "", ""},
        {"[1 2]", "", ""},
        {"{\"a\" 1}", "", ""},
        {"{\"a\":}", "", ""},
        {"\"open", "", ""},
        {"01", "", ""},
        {"nul", "", ""},
        {"", "", ""},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, value, json, .timeout = 5)
{
    struct ord_json in = {.at = row->json,
                          .end = row->json + strlen(row->json)};
    struct ord_value value;
    struct ord_arena arena;
    struct ord_buf out;

    ord_arena_init(&arena, 1 << 20);
    ord_buf_init(&out, 1 << 20);
    if (row->edn[0] == '\0') {
        cr_expect_not(ord_value_from_json(&in, &arena, &value) &&
                          ord_json_done(&in),
                      "%s", row->json);
    } else {
        cr_assert(ord_value_from_json(&in, &arena, &value), "%s", row->json);
        cr_expect(ord_json_done(&in));
        ord_value_to_edn(&value, &out);
        cr_expect_str_eq(ord_buf_str(&out), row->edn);
        ord_buf_clear(&out);
        ord_value_to_json(&value, &out);
        cr_expect_str_eq(ord_buf_str(&out), row->back);
    }
    ord_buf_fini(&out);
    ord_arena_fini(&arena);
}

static struct ord_value text(const char *at)
{
    return (struct ord_value){
        .kind = ORD_TEXT, .count = (uint32_t)strlen(at), .as = {.text = at}};
}

Test(value, order_is_total_and_agrees_with_equality)
{
    const struct ord_value one_two[] = {ord_value_int(1), ord_value_int(2)};
    const struct ord_value rising[] = {
        ord_value_nil(),
        {.kind = ORD_BOOL, .as = {.number = 0}},
        {.kind = ORD_BOOL, .as = {.number = 1}},
        ord_value_int(INT64_MIN),
        ord_value_int(-1),
        ord_value_int(INT64_MAX),
        text(""),
        text("a"),
        text("ab"),
        text("b"),
        ord_value_list(NULL, 0),
        ord_value_list(one_two, 1),
        ord_value_list(one_two, 2),
        ord_value_list(one_two + 1, 1),
    };
    const int count = sizeof rising / sizeof *rising;

    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            int want = (i > j) - (i < j);

            cr_expect_eq(ord_value_compare(&rising[i], &rising[j]), want,
                         "%d %d", i, j);
            cr_expect_eq(ord_value_equal(&rising[i], &rising[j]), i == j);
            cr_expect_eq(ord_value_hash(&rising[i]) ==
                             ord_value_hash(&rising[j]),
                         i == j);
        }
    }
}

Test(value, copies_are_deep_equal_and_bounded)
{
    struct ord_value chain[ORD_VALUE_DEPTH_MAX + 1];
    struct ord_value copy;
    struct ord_arena arena;

    ord_arena_init(&arena, 1 << 16);
    chain[0] = text("deep");
    for (int i = 1; i <= ORD_VALUE_DEPTH_MAX; i++)
        chain[i] = ord_value_list(&chain[i - 1], 1);
    cr_assert(ord_value_copy(&arena, &chain[ORD_VALUE_DEPTH_MAX], &copy));
    cr_expect(ord_value_equal(&chain[ORD_VALUE_DEPTH_MAX], &copy));
    cr_expect_neq(copy.as.items, chain[ORD_VALUE_DEPTH_MAX].as.items);
    copy = ord_value_list(&chain[ORD_VALUE_DEPTH_MAX], 1);
    cr_expect_not(ord_value_copy(&arena, &copy, &copy), "17 deep");
    ord_arena_fini(&arena);

    ord_arena_init(&arena, 64);
    copy = text("much longer than the sixty-four bytes that the arena may "
                "take from the system in all");
    cr_expect_not(ord_value_copy(&arena, &copy, &copy), "no memory");
    ord_arena_fini(&arena);
}

Test(value, pushing_grows_by_powers_of_two)
{
    struct ord_value list = ord_value_list(NULL, 0);
    struct ord_arena arena;

    ord_arena_init(&arena, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        struct ord_value item = ord_value_int((i * 37) % 1000);

        cr_assert(ord_value_push(&arena, &list, &item));
    }
    cr_expect_eq(list.count, 1000);
    ord_value_sort(&list);
    for (int i = 0; i < 1000; i++)
        cr_expect_eq(list.as.items[i].as.number, i);
    ord_arena_fini(&arena);
}
