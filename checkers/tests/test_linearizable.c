/* test_linearizable.c -- tables, other people's histories, and a checker that
 * tries every order. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/registry.h"
#include "harness/base/file.h"
#include "support_brute.h"
#include "support_check.h"

/* A read that no sum can be is told with the sum. */
Test(linearizable, sums)
{
    static const struct check_row rows[] = {
        {"1 inv add 5; 1 ok add 5; 1 inv add 2; 1 ok add 2; 2 inv read;"
         "2 ok read 5",
         ORD_INVALID,
         "process 2's read of 5 began at 0.004 s, but what had been added by "
         "then sums to at least 7; the last was process 1's add of 2"},
        {"1 inv add 5; 1 ok add 5; 3 inv add 2; 2 inv read; 2 ok read 8",
         ORD_INVALID, "sums to at most 7"},
        {"1 inv add 5; 1 ok add 5; 3 inv add 2; 2 inv read; 2 ok read 6",
         ORD_INVALID, "no order explains process 2's read of 6"},
    };

    check_rows(&ord_checker_linearizable, rows, sizeof rows / sizeof *rows);
}

Test(linearizable, locks)
{
    static const struct check_row rows[] = {
        {"1 inv acquire; 1 ok acquire; 2 inv acquire; 1 inv release;"
         "2 ok acquire; 1 ok release",
         ORD_VALID, NULL},
        {"1 inv acquire; 1 ok acquire; 1 inv release; 1 ok release;"
         "2 inv acquire; 2 ok acquire; 3 inv acquire; 3 ok acquire",
         ORD_INVALID, "process 3's acquire succeeded at"},
        {"1 inv acquire; 1 ok acquire; 2 inv acquire; 2 ok acquire;"
         "1 inv release; 1 ok release",
         ORD_INVALID,
         "while it was held: process 1's acquire had succeeded at"},
        {"1 inv acquire; 1 ok acquire; 1 inv release; 1 ok release;"
         "2 inv release; 2 ok release",
         ORD_INVALID, "by then nobody held it: 2 releases had succeeded"},
    };

    CHECK_ROWS(ord_checker_linearizable, rows);
}

Test(linearizable, unique_values)
{
    static const struct check_row rows[] = {
        {"1 inv write 1; 1 ok write 1; 2 inv read; 2 ok read 1", ORD_VALID,
         NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv read; 2 ok read nil", ORD_INVALID,
         "the initial value"},
        {"1 inv write k3 5 @1; 1 ok write k3 5 n1 @2; 1 inv write k3 7 @3;"
         "1 ok write k3 7 n1 @4; 2 inv read k3 @6; 2 ok read k3 5 n2 @8",
         ORD_INVALID,
         "k3: process 2 read 5 from k3 at 0.006 s on n2, but that had been "
         "replaced"},
        /* The older value is the stale one, though a fresh read came later. */
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "2 inv read; 2 ok read 1; 2 inv read; 2 ok read 2",
         ORD_INVALID,
         "process 2 read 1 at 0.004 s, but that had been replaced: process 1's "
         "write of 1 ended at 0.001 s, before process 1's write of 2 began at "
         "0.002 s"},
        {"1 inv write 1; 2 inv read; 2 ok read 1; 3 inv read; 3 ok read nil;"
         "1 ok write 1",
         ORD_INVALID, NULL},
        {"1 inv write 1; 2 inv read; 2 ok read nil; 3 inv read; 3 ok read 1;"
         "1 ok write 1",
         ORD_VALID, NULL},
        /* Concurrent writes, seen in one order, and in both. */
        {"1 inv write 1; 2 inv write 2; 1 ok write 1; 2 ok write 2;"
         "3 inv read; 3 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 2 inv write 2; 1 ok write 1; 2 ok write 2;"
         "3 inv read; 3 ok read 1; 3 inv read; 3 ok read 2",
         ORD_INVALID, NULL},
        {"1 inv write 1; 1 ok write 1; 3 inv write 7; 3 fail write 7;"
         "2 inv read; 2 ok read 7",
         ORD_INVALID, "been told that it failed: process 3's write of 7"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "3 inv write 7; 3 fail write 7; 2 inv read; 2 ok read 7",
         ORD_INVALID, "been told that it failed: process 3's write of 7"},
        {"2 inv read; 2 ok read 5", ORD_INVALID, "nobody had written"},
        {"2 inv read; 2 ok read 5; 1 inv write 5; 1 ok write 5", ORD_INVALID,
         "needs the value"},
        /* An unfinished write: late, never, but not before it began. */
        {"1 inv write 1; 1 info write 1; 2 inv read; 2 ok read nil;"
         "2 inv read; 2 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 info write 1; 2 inv read; 2 ok read 1;"
         "2 inv read; 2 ok read nil",
         ORD_INVALID, NULL},
        {"1 inv write 1; 1 info write 1; 2 inv read; 2 ok read nil", ORD_VALID,
         NULL},
        /* Failed: it did not happen. */
        {"1 inv write 1; 1 fail write 1; 2 inv read; 2 ok read 1", ORD_INVALID,
         NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 2 fail cas [1 2];"
         "2 inv read; 2 ok read 1",
         ORD_VALID, NULL},
        /* Keys are on their own. */
        {"1 inv write k1 1; 1 ok write k1 1; 2 inv read k2; 2 ok read k2 nil",
         ORD_VALID, "on 2 registers"},
        /* Final reads are not judged. */
        {"1 inv write 1; 1 ok write 1; 2 inv read final; 2 ok read nil final",
         ORD_VALID, NULL},
        {"1 inv frob 1; 1 ok frob 1", ORD_UNKNOWN, "no model is known"},
        {"1 inv read; 1 info read", ORD_VALID, "no operation succeeded"},
        {"", ORD_UNKNOWN, NULL},
    };

    CHECK_ROWS(ord_checker_linearizable, rows);
}

Test(linearizable, compare_and_set)
{
    static const struct check_row rows[] = {
        {"1 inv cas [nil 1]; 1 ok cas [nil 1]; 2 inv read; 2 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 2 ok cas [1 2];"
         "3 inv cas [2 3]; 3 ok cas [2 3]; 4 inv read; 4 ok read 3",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 3 inv cas [1 3];"
         "2 ok cas [1 2]; 3 ok cas [1 3]",
         ORD_INVALID, "both succeeded"},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 2 ok cas [1 2];"
         "3 inv read; 3 ok read 1",
         ORD_INVALID, NULL},
        {"1 inv cas [1 2]; 2 inv cas [2 1]; 1 ok cas [1 2]; 2 ok cas [2 1]",
         ORD_INVALID, "nobody can have written"},
        {"1 inv cas [7 2]; 1 ok cas [7 2]", ORD_INVALID, "nobody had written"},
        /* An unfinished cas that somebody saw did happen. */
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 2 info cas [1 2];"
         "3 inv read; 3 ok read 2; 3 inv read; 3 ok read 1",
         ORD_INVALID, NULL},
        {"1 inv write 1; 1 ok write 1; 2 inv cas [1 2]; 2 info cas [1 2];"
         "3 inv read; 3 ok read 1; 3 inv read; 3 ok read 2",
         ORD_VALID, NULL},
        {"2 inv cas [8 2]; 2 info cas [8 2]; 3 inv read; 3 ok read 2",
         ORD_INVALID, NULL},
        {"2 inv cas [8 2]; 2 info cas [8 2]; 3 inv read; 3 ok read nil",
         ORD_VALID, NULL},
    };

    CHECK_ROWS(ord_checker_linearizable, rows);
}

Test(linearizable, repeated_values)
{
    static const struct check_row rows[] = {
        {"1 inv write 1; 1 ok write 1; 1 inv write 2; 1 ok write 2;"
         "1 inv write 1; 1 ok write 1; 2 inv read; 2 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "1 inv write 2; 1 ok write 2; 2 inv read; 2 ok read 1",
         ORD_INVALID, "the value can only be 2"},
        {"1 inv write 1; 1 ok write 1; 1 inv write 1; 1 ok write 1;"
         "2 inv read; 2 ok read 7",
         ORD_INVALID, "nobody had written"},
        {"1 inv write 1; 2 inv write 2; 3 inv write 1; 1 ok write 1;"
         "2 ok write 2; 4 inv read; 4 ok read 1; 4 inv read; 4 ok read 2;"
         "4 inv read; 4 ok read 1; 3 ok write 1",
         ORD_INVALID, NULL},
        {"1 inv write 1; 2 inv write 2; 3 inv write 1; 1 ok write 1;"
         "4 inv read; 4 ok read 1; 4 inv read; 4 ok read 2;"
         "4 inv read; 4 ok read 1; 2 ok write 2; 3 ok write 1",
         ORD_VALID, NULL},
        {"1 inv write 1; 1 info write 1; 2 inv write 1; 2 ok write 1;"
         "3 inv write 2; 3 ok write 2; 4 inv read; 4 ok read 1",
         ORD_VALID, NULL},
        {"1 inv write nil; 1 ok write nil; 2 inv read; 2 ok read nil",
         ORD_VALID, NULL},
    };

    CHECK_ROWS(ord_checker_linearizable, rows);
}

Test(linearizable, budget_and_model)
{
    static const char text[] =
        "1 inv write 1; 2 inv write 1; 3 inv write 2; 1 ok write 1;"
        "2 ok write 1; 3 ok write 2; 4 inv read; 4 ok read 1";
    struct ord_check_in in = {.steps_max = 2};
    struct ord_history *history = NULL;
    struct ord_verdict verdict;
    struct ord_arena arena;
    struct ord_err err;

    cr_assert_eq(ord_history_parse_text(text, &history, &err), ORD_OK);
    ord_arena_init(&arena, 1 << 24);
    in.history = history;
    in.arena = &arena;
    ord_check_run(&ord_checker_linearizable, &in, &verdict);
    cr_expect_eq(verdict.outcome, ORD_UNKNOWN);
    cr_expect_not_null(strstr(verdict.why, "budget of steps"), "%s",
                       verdict.why);
    in.steps_max = 1000;
    ord_check_run(&ord_checker_linearizable, &in, &verdict);
    cr_expect_eq(verdict.outcome, ORD_VALID, "%s", verdict.why);
    in.model = "queue";
    ord_check_run(&ord_checker_linearizable, &in, &verdict);
    cr_expect_eq(verdict.outcome, ORD_UNKNOWN);
    cr_expect_not_null(strstr(verdict.why, "cas-register"));
    ord_arena_fini(&arena);
    ord_arena_init(&arena, 64);
    in.model = NULL;
    ord_check_run(&ord_checker_linearizable, &in, &verdict);
    cr_expect_eq(verdict.outcome, ORD_UNKNOWN, "memory is a budget too");
    ord_arena_fini(&arena);
    ord_history_free(&history);
}

/* ORD_BRUTE_COUNT and ORD_BRUTE_SEED: more of it, by hand. */
static uint64_t number_of(const char *name, uint64_t usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : strtoull(text, NULL, 10);
}

static void compare_one(const struct brute *brute, struct ord_arena *arena,
                        uint64_t i, uint64_t counts[2])
{
    bool want = brute_is_linearizable(brute);
    struct ord_check_in in = {
        .arena = arena, .steps_max = 1000000, .wants_proof = true};
    struct ord_history *history = brute_history(brute);
    struct ord_verdict got;
    const char *wrong = NULL;
    struct ord_buf say;

    in.history = history;
    ord_check_run(&ord_checker_linearizable, &in, &got);
    if (got.outcome == ORD_VALID)
        wrong = check_order(history, &got);
    if (got.outcome == ORD_INVALID && got.op_count == 0)
        wrong = "no evidence";
    counts[want]++;
    /* Nothing to check is not decided. */
    if (got.outcome == ORD_UNKNOWN && strstr(got.why, "no operation") != NULL)
        cr_assert(want);
    else if (got.outcome != (want ? ORD_VALID : ORD_INVALID) || wrong != NULL) {
        ord_buf_init(&say, 1 << 16);
        brute_print(brute, &say);
        cr_assert(false, "history %llu is %s, said %s (%s) %s\n%s",
                  (unsigned long long)i, want ? "valid" : "invalid",
                  ord_outcome_name(got.outcome), got.why,
                  wrong == NULL ? "" : wrong, ord_buf_str(&say));
    }
    ord_history_free(&history);
}

Test(linearizable, agrees_with_trying_every_order, .timeout = 7200)
{
    uint64_t count = number_of("ORD_BRUTE_COUNT", 200000);
    uint64_t seed = number_of("ORD_BRUTE_SEED", 1);
    uint64_t counts[2] = {0, 0};

    for (uint64_t i = 0; i < count; i++) {
        struct ord_rng rng = ord_rng_stream(seed, "brute", i);
        struct ord_arena arena;
        struct brute brute;

        ord_arena_init(&arena, 1 << 24);
        brute_random(&brute, &rng);
        compare_one(&brute, &arena, i, counts);
        ord_arena_fini(&arena);
    }
    /* Otherwise this shows nothing. */
    cr_expect_gt(counts[0], count / 20);
    cr_expect_gt(counts[1], count / 20);
}

/* ---- histories of others: the folder corpus beside the sources ----------- */

/* Jepsen's etcd runs as Porcupine keeps them: process, :type, :f, value. */
static struct ord_history *read_etcd_log(const char *path)
{
    struct ord_history_builder *builder = NULL;
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    char line[512];
    FILE *in = fopen(path, "re");

    cr_assert_not_null(in, "%s", path);
    cr_assert_eq(ord_history_builder_new(1 << 26, &builder, &err), ORD_OK);
    while (fgets(line, sizeof line, in) != NULL) {
        struct ord_value v[2] = {ord_value_nil(), ord_value_nil()};
        struct ord_op op = {.session = ORD_NONE,
                            .epoch = ORD_NONE,
                            .position = ORD_NONE,
                            .time_ns = -1};
        long long process = 0;
        long long a = 0;
        long long b = 0;
        char type[16];
        char f[16];
        int count =
            sscanf(line, "INFO jepsen.util - %lld :%15s :%15s [%lld %lld",
                   &process, type, f, &a, &b);

        if (count != 5)
            count = sscanf(line, "INFO jepsen.util - %lld :%15s :%15s %lld",
                           &process, type, f, &a);
        if (count < 3)
            continue; /* the nemesis, or chatter */
        if (count > 3)
            v[0] = ord_value_int(a);
        if (count > 4)
            v[1] = ord_value_int(b);
        op.process = process;
        op.type = strcmp(type, "invoke") == 0 ? ORD_OP_INVOKE
                  : strcmp(type, "ok") == 0   ? ORD_OP_OK
                  : strcmp(type, "fail") == 0 ? ORD_OP_FAIL
                                              : ORD_OP_INFO;
        op.f = ord_f_of(ord_bytes_of(f));
        op.name = f;
        op.value =
            op.f == ORD_F_CAS && count == 5 ? ord_value_list(v, 2) : v[0];
        cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK, "%s: %s",
                     path, err.text);
    }
    (void)fclose(in);
    cr_assert_eq(ord_history_finish(&builder, false, &history, &err), ORD_OK,
                 "%s: %s", path, err.text);
    return history;
}

static struct ord_history *read_labelled(const char *path, const char *format)
{
    struct ord_history_options how = {.size_max = 1 << 28};
    struct ord_history *history = NULL;
    struct ord_err err = {0};

    if (strcmp(format, "porcupine-etcd") == 0)
        return read_etcd_log(path);
    cr_assert_eq(ord_history_open(path, &how, &history, &err), ORD_OK, "%s: %s",
                 path, err.text);
    return history;
}

static void check_labelled(const char *path, const char *format,
                           const char *model, const char *expected)
{
    struct ord_arena arena;
    struct ord_verdict got;
    struct ord_history *history = read_labelled(path, format);
    struct ord_check_in in = {.history = history,
                              .arena = &arena,
                              .steps_max = 200000000,
                              .wants_proof = true,
                              .model = model};

    ord_arena_init(&arena, (size_t)1 << 30);
    ord_check_run(&ord_checker_linearizable, &in, &got);
    cr_expect_str_eq(ord_outcome_name(got.outcome), expected, "%s: %s (%s)",
                     path, ord_outcome_name(got.outcome), got.why);
    if (got.outcome == ORD_VALID)
        cr_expect_null(check_order(history, &got), "%s: %s", path,
                       check_order(history, &got));
    if (got.outcome == ORD_INVALID && getenv("ORD_TEST_LOUD") != NULL)
        (void)fprintf(stderr, "%s: %u ops: %s\n", path, got.op_count, got.why);
    ord_arena_fini(&arena);
    ord_history_free(&history);
}

Test(linearizable, agrees_with_the_labels_of_the_corpus, .timeout = 250)
{
    const char *source = getenv("ORD_SOURCE");
    char path[ORD_PATH_MAX];
    char line[512];
    FILE *labels = NULL;
    uint32_t count = 0;

    (void)snprintf(path, sizeof path, "%s/../shared/corpus/LABELS.tsv",
                   source == NULL ? "." : source);
    labels = fopen(path, "re");
    if (labels == NULL)
        cr_skip_test("no corpus beside the sources");
    while (fgets(line, sizeof line, labels) != NULL) {
        char file[200];
        char format[40];
        char checker[40];
        char model[40];
        char expected[40];

        if (sscanf(line, "%199s\t%39s\t%39s\t%39s\t%39s", file, format, checker,
                   model, expected) != 5 ||
            strcmp(model, "cas-register") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/../shared/corpus/%s", source,
                       file);
        check_labelled(path, format, model, expected);
        count++;
    }
    (void)fclose(labels);
    cr_expect_gt(count, 60, "only %u files", count);
}
