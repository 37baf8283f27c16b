#include <criterion/criterion.h>

#include "checkers/fitting.h"
#include "checkers/registry.h"
#include "harness/base/buf.h"
#include "histories/history.h"

Test(fitting, by_what_was_done_and_read)
{
    static const struct {
        const char *text;
        const char *names;
    } rows[] = {
        {"1 inv write 1;1 ok write 1", "stats linearizable"},
        {"1 inv read;1 ok read nil", "stats linearizable"},
        {"1 inv cas [1 2];1 ok cas [1 2]", "stats linearizable"},
        {"1 inv add 1;1 ok add 1;2 inv read;2 ok read [1]",
         "stats set-full stale"},
        {"1 inv add 1;1 ok add 1;2 inv read final;2 ok read [1] final",
         "stats set-full stale lost convergence"},
        {"1 inv add 1;1 ok add 1;2 inv contains 1;2 ok contains true",
         "stats linearizable"},
        {"1 inv add 1;1 ok add 1;1 inv remove 1;1 ok remove 1;"
         "2 inv read;2 ok read []",
         "stats linearizable"},
        {"1 inv add 5;1 ok add 5;2 inv read;2 ok read 5", "stats counter"},
        {"1 inv add 5;1 ok add 5;1 inv add 5;1 ok add 5", "stats counter"},
        {"1 inv append 1;1 ok append 1;2 inv read;2 ok read [1]",
         "stats set-full stale consistent-prefix"},
        {"1 inv append k1 \"a\";1 ok append k1 \"a\";2 inv get k1;"
         "2 ok get k1 \"a\"",
         "stats linearizable"},
        {"1 inv enqueue 1;1 ok enqueue 1;2 inv dequeue;2 ok dequeue 1",
         "stats queue linearizable"},
        {"1 inv enqueue 1;1 ok enqueue 1;2 inv drain;2 ok drain [1]",
         "stats total-queue linearizable"},
        {"1 inv generate;1 ok generate 5", "stats unique-ids"},
        {"1 inv transfer [0 1 5];1 ok transfer [0 1 5]", "stats bank"},
        {"1 inv read;1 ok read [[0 10] [1 0]]", "stats bank"},
        {"1 inv insert k1 [1 nil];1 ok insert k1 [1 nil]", "stats adya-g2"},
        {"1 inv push 1;1 ok push 1", "stats linearizable"},
        {"1 inv dream;1 ok dream", "stats linearizable"},
        {"", "stats linearizable"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *names[ORD_FITTING_MAX];
        struct ord_history *history = NULL;
        struct ord_err err = {0};
        struct ord_buf all;
        uint32_t count;

        ord_buf_init(&all, 4096);
        cr_assert_eq(ord_history_parse_text(rows[i].text, &history, &err),
                     ORD_OK, "%s: %s", rows[i].text, err.text);
        count = ord_fitting_checkers(history, names);
        for (uint32_t k = 0; k < count; k++) {
            cr_assert_not_null(ord_checker_find(names[k]), "%s", names[k]);
            ord_buf_printf(&all, "%s%s", k == 0 ? "" : " ", names[k]);
        }
        cr_expect_str_eq(ord_buf_str(&all), rows[i].names, "%s: %s",
                         rows[i].text, ord_buf_str(&all));
        ord_history_free(&history);
        ord_buf_fini(&all);
    }
}
