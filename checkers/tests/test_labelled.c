/* test_labelled.c -- every line of histories/corpus/LABELS.tsv: a history of
 * the literature, a checker, and the verdict that it must give.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/lin.h"
#include "checkers/registry.h"

enum {
    LINE_MAX = 1024,
    FIELDS = 6,
    FILES_MIN = 80,
    LINES_MIN = 300,
    OPTIONS_MAX = 4,
    ARENA_MAX = 64 << 20,
    PATH_SIZE = 1024,
};

enum field { FILE_NAME, CHECKER, MODEL, OPTIONS, EXPECTED, SOURCE };

static const char *folder(void)
{
    const char *source = getenv("ORD_SOURCE");

    return source == NULL ? "." : source;
}

static FILE *open_labels(void)
{
    char path[PATH_SIZE];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/histories/corpus/LABELS.tsv",
                   folder());
    file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    return file;
}

/* Cuts a line at its tabulators; false: it has not all the fields. */
static bool cut(char *line, char *fields[FIELDS])
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = line;
        line = strchr(line, '\t');
        if (line == NULL)
            return i == FIELDS - 1;
        *line++ = '\0';
    }
    return false;
}

/* "a=b,c=d"; "-": none. */
static uint32_t cut_options(char *text, struct ord_option *options)
{
    uint32_t count = 0;

    while (strcmp(text, "-") != 0 && count < OPTIONS_MAX) {
        char *value = strchr(text, '=');
        char *next = strchr(text, ',');

        cr_assert_not_null(value, "%s", text);
        *value++ = '\0';
        options[count++] = (struct ord_option){text, value};
        if (next == NULL)
            break;
        *next = '\0';
        text = next + 1;
    }
    return count;
}

/* The checker speaks of the first option, if there is one. */
static bool has_option(const struct ord_checker *checker, const char *options)
{
    char name[LINE_MAX];

    if (strcmp(options, "-") == 0)
        return true;
    (void)snprintf(name, sizeof name, "%.*s:", (int)strcspn(options, "="),
                   options);
    return checker->options != NULL && strstr(checker->options, name) != NULL;
}

/* What a line names and is not there; NULL: all is. */
static const char *missing(char *fields[FIELDS])
{
    const struct ord_checker *checker = ord_checker_find(fields[CHECKER]);

    if (checker == NULL)
        return fields[CHECKER];
    if (strcmp(fields[MODEL], "-") != 0 &&
        ord_model_find(fields[MODEL]) == NULL)
        return fields[MODEL];
    if (!has_option(checker, fields[OPTIONS])) {
        fields[OPTIONS][strcspn(fields[OPTIONS], "=")] = '\0';
        return fields[OPTIONS];
    }
    return NULL;
}

static void judge(char *fields[FIELDS], const struct ord_checker *checker)
{
    struct ord_option options[OPTIONS_MAX];
    struct ord_history_options how = {.format = ORD_FORMAT_GUESS};
    struct ord_verdict verdict;
    struct ord_history *history = NULL;
    struct ord_arena arena;
    struct ord_err err = {0};
    char path[PATH_SIZE];
    struct ord_check_in in = {
        .arena = &arena,
        .model = strcmp(fields[MODEL], "-") == 0 ? NULL : fields[MODEL],
        .options = options,
        .option_count = cut_options(fields[OPTIONS], options),
        .wants_proof = true,
    };

    (void)snprintf(path, sizeof path, "%s/histories/corpus/%s", folder(),
                   fields[FILE_NAME]);
    cr_assert_eq(ord_history_open(path, &how, &history, &err), ORD_OK, "%s: %s",
                 path, err.text);
    ord_arena_init(&arena, ARENA_MAX);
    in.history = history;
    ord_check_run(checker, &in, &verdict);
    cr_expect(strcmp(ord_outcome_name(verdict.outcome), fields[EXPECTED]) == 0,
              "%s by %s %s %s: %s, not %s: %s", fields[FILE_NAME],
              fields[CHECKER], fields[MODEL],
              in.option_count > 0 ? options[0].name : "",
              ord_outcome_name(verdict.outcome), fields[EXPECTED], verdict.why);
    if (verdict.outcome == ORD_INVALID)
        cr_expect_gt(verdict.op_count, 0, "%s by %s: no evidence",
                     fields[FILE_NAME], fields[CHECKER]);
    ord_arena_fini(&arena);
    ord_history_free(&history);
}

Test(labelled, verdicts, .timeout = 120)
{
    FILE *labels = open_labels();
    char line[LINE_MAX];
    int count = 0;

    cr_assert_not_null(fgets(line, sizeof line, labels)); /* the heading */
    while (fgets(line, sizeof line, labels) != NULL) {
        char *fields[FIELDS];
        const char *name;

        cr_assert(cut(line, fields), "%s", line);
        name = missing(fields);
        cr_expect_null(name, "%s by %s: there is no %s", fields[FILE_NAME],
                       fields[CHECKER], name);
        if (name == NULL)
            judge(fields, ord_checker_find(fields[CHECKER]));
        count++;
    }
    cr_expect_geq(count, LINES_MIN);
    cr_expect_eq(fclose(labels), 0);
}

/* Lines of one file stand together, so changes of the name count the files. */
Test(labelled, is_no_small_corpus)
{
    FILE *labels = open_labels();
    char last[LINE_MAX] = "";
    char line[LINE_MAX];
    int file_count = 0;

    cr_assert_not_null(fgets(line, sizeof line, labels));
    while (fgets(line, sizeof line, labels) != NULL) {
        line[strcspn(line, "\t")] = '\0';
        file_count += strcmp(line, last) != 0;
        (void)snprintf(last, sizeof last, "%s", line);
    }
    cr_expect_geq(file_count, FILES_MIN);
    cr_expect_eq(fclose(labels), 0);
}
