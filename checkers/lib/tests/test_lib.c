#include <criterion/criterion.h>
#include <string.h>

#include "checkers/lib/ordeal.h"

static char error[ORDEAL_ERROR_SIZE];

static struct ordeal_event event(int64_t process, int type, const char *f,
                                 const char *value)
{
    return (struct ordeal_event){.process = process,
                                 .type = type,
                                 .f = f,
                                 .value = value,
                                 .time_ns = -1,
                                 .session = -1};
}

static int add(struct ordeal_history *history, struct ordeal_event what)
{
    return ordeal_add(history, &what, error);
}

Test(lib, a_history_made_by_hand_is_judged)
{
    struct ordeal_history *h = ordeal_history_new(0, error);
    struct ordeal_event keyed = event(0, ORDEAL_INVOKE, "write", "7");
    struct ordeal_result *result;
    const int64_t *ops = NULL;
    char line[100];

    keyed.key = "\"x\"";
    cr_assert_eq(add(h, keyed), 0, "%s", error);
    keyed.type = ORDEAL_OK;
    cr_assert_eq(add(h, keyed), 0, "%s", error);
    keyed = event(1, ORDEAL_INVOKE, "read", NULL);
    keyed.key = "\"x\"";
    cr_assert_eq(add(h, keyed), 0, "%s", error);
    keyed.type = ORDEAL_OK;
    keyed.value = "8";
    cr_assert_eq(add(h, keyed), 0, "%s", error);
    cr_assert_eq(ordeal_end(h, error), 0, "%s", error);
    cr_expect_eq(ordeal_event_count(h), 4);
    cr_expect_gt(ordeal_event_text(h, 3, line, sizeof line), 1);
    cr_expect_not_null(strstr(line, "read"), "%s", line);
    cr_expect_eq(ordeal_event_text(h, 4, line, sizeof line), 0);

    result = ordeal_check(h, "linearizable", "register", NULL, error);
    cr_assert_not_null(result, "%s", error);
    cr_expect_eq(ordeal_result_verdict(result), ORDEAL_VIOLATION);
    cr_expect_not_null(strstr(ordeal_result_why(result), "read"));
    cr_expect_gt(ordeal_result_ops(result, &ops), 0);
    cr_expect_str_eq(ordeal_result_key(result), "\"x\"");
    cr_expect_geq(ordeal_result_violations(result), 1);
    cr_expect_not_null(ordeal_result_stat(result, 0, NULL));
    cr_expect_null(ordeal_result_stat(result, 1000, NULL));
    ordeal_result_free(result);
    ordeal_history_free(h);
}

Test(lib, wrong_use_is_an_error_and_leaves_the_history)
{
    static const char *const pairs[][3] = {{"strct", "true", NULL},
                                           {"strict", "yes", NULL}};
    const struct ordeal_check_options typo = {.options = pairs[0]};
    const struct ordeal_check_options wrong = {.options = pairs[1]};
    struct ordeal_history *h = ordeal_history_new(0, error);
    struct ordeal_event bad = event(0, 9, "read", NULL);

    cr_expect_lt(add(h, bad), 0);
    bad = event(-1, ORDEAL_INVOKE, "read", NULL);
    cr_expect_lt(add(h, bad), 0);
    bad = event(0, ORDEAL_INVOKE, "write", "{nonsense");
    cr_expect_lt(add(h, bad), 0);
    cr_expect_not_null(strstr(error, "JSON"), "%s", error);
    cr_expect_null(ordeal_check(h, "stats", NULL, NULL, error));
    cr_expect_not_null(strstr(error, "not ended"), "%s", error);
    cr_expect_eq(add(h, event(0, ORDEAL_INVOKE, "write", "1")), 0);
    cr_expect_eq(ordeal_end(h, error), 0);
    cr_expect_lt(ordeal_end(h, error), 0);
    cr_expect_lt(add(h, event(1, ORDEAL_INVOKE, "write", "1")), 0);
    cr_expect_null(ordeal_check(h, "nothing", NULL, NULL, error));
    cr_expect_null(ordeal_check(h, "linearizable", "nothing", NULL, error));
    cr_expect_null(ordeal_check(h, NULL, NULL, NULL, error));
    cr_expect_null(ordeal_check(h, "stats", "register", NULL, error));
    cr_expect_str_eq(error, "stats has no model");
    cr_expect_null(ordeal_check(h, "linearizable", NULL, &typo, error));
    cr_expect_str_eq(error, "linearizable has no option 'strct'");
    cr_expect_null(ordeal_check(h, "linearizable", NULL, &wrong, error));
    cr_expect_str_eq(error, "linearizable: strict: expected true or false, "
                            "found 'yes'");
    ordeal_history_free(h);
    ordeal_history_free(NULL);
    ordeal_result_free(NULL);
}

Test(lib, bytes_and_options)
{
    static const char text[] =
        "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\","
        "\"value\":null}\n{\"process\":0,\"type\":\"ok\","
        "\"f\":\"read\",\"value\":null}\n";
    const struct ordeal_read_options json = {.format = "jsonl"};
    const struct ordeal_read_options none = {.format = "morse"};
    const char *const pairs[] = {"max_stall_ms", NULL, NULL};
    const struct ordeal_check_options half = {.options = pairs};
    struct ordeal_history *h = ordeal_read(text, sizeof text - 1, &json, error);
    struct ordeal_result *result;

    cr_assert_not_null(h, "%s", error);
    result = ordeal_check(h, "linearizable", "register", NULL, error);
    cr_expect_eq(ordeal_result_verdict(result), ORDEAL_PASS);
    ordeal_result_free(result);
    cr_expect_null(ordeal_check(h, "stats", NULL, &half, error));
    ordeal_history_free(h);
    cr_expect_null(ordeal_read(text, sizeof text - 1, &none, error));
    cr_expect_not_null(strstr(error, "morse"));
    cr_expect_null(ordeal_open("/nonexistent", NULL, NULL));
}

Test(lib, lists_end)
{
    const char *claim = NULL;
    size_t i = 0;

    for (; ordeal_checker(i, &claim) != NULL; i++)
        cr_expect_not_null(claim);
    cr_expect_geq(i, 9);
    for (i = 0; ordeal_model(i) != NULL; i++)
        cr_expect_lt(i, 100);
    cr_expect_geq(i, 2);
    cr_expect_str_eq(ordeal_version(), "1.0");
}
