#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/rng.h"
#include "harness/run/yaml.h"
#include "support_run.h"

static struct scratch scratch;

static void setup(void)
{
    scratch_init(&scratch);
}

static void teardown(void)
{
    scratch_fini(&scratch);
}

TestSuite(yaml, .init = setup, .fini = teardown, .timeout = 30);

static int load_bytes(struct ord_bytes text, const struct ord_yaml **root)
{
    const char *path = scratch_file(&scratch, "f.yaml", text);

    scratch.err = (struct ord_err){0};
    return ord_yaml_load(path, &scratch.arena, root, &scratch.err);
}

static int load(const char *text, const struct ord_yaml **root)
{
    return load_bytes(ord_bytes_of(text), root);
}

Test(yaml, a_tree_knows_its_lines)
{
    const struct ord_yaml *root = NULL;
    const struct ord_yaml *list;

    cr_assert_eq(load("# one\na: x\nb:\n  - 1\n  -\n    c: [d, e]\n", &root),
                 ORD_OK, "%s", scratch.err.text);
    cr_assert_eq(root->kind, ORD_YAML_MAP);
    cr_expect_eq(root->line, 2);
    cr_expect_str_eq(ord_yaml_get(root, "a")->text, "x");
    cr_expect_null(ord_yaml_get(root, "z"));
    list = ord_yaml_get(root, "b");
    cr_assert_eq(list->kind, ORD_YAML_LIST);
    cr_assert_eq(list->count, 2);
    cr_expect_eq(list->items[0].line, 4);
    cr_expect_eq(list->items[1].line, 6);
    cr_expect_str_eq(ord_yaml_get(&list->items[1], "c")->items[1].text, "e");
}

Test(yaml, an_alias_is_what_it_names)
{
    const struct ord_yaml *root = NULL;

    cr_assert_eq(load("a: &x {k: v}\nb: *x\n", &root), ORD_OK);
    cr_expect_str_eq(ord_yaml_get(ord_yaml_get(root, "b"), "k")->text, "v");
}

struct bad {
    char text[96];
    char words[64];
};

ParameterizedTestParameters(yaml, bad_files)
{
    static struct bad rows[] = {
        {"", ":1: the file is empty"},
        {"# nothing\n", ":1: the file is empty"},
        {"a: 1\nb: 2\na: 3\n", ":3: key 'a' stands here twice"},
        {"a: 1\n? [b]\n: 2\n", ":2: a key must be a plain word"},
        {"a: [1\nb: 2\n", ":2:"},
        {"a: 'x\n", ":2:"},
        {"\ta: 1\n", ":1:"},
        {"a: 1\nb: *nobody\n", ":2:"},
        {"a: &x [*x]\n", ":1: nested too deep"},
        {"&x {? *x : 1}\n", ":1:"},
        {"a: 1\nb: \"x\\0y\"\n", ":2: a NUL byte"},
        {"a: 1\n\"b\\0c\": 2\n", ":2: a NUL byte"},
        {"a: 1\n---\nb: 2\n", ":2: a second document"},
        {"a: 1\n...\nb: [\n", ":3:"},
        {"%YAML 9.9\n---\na: 1\n", ":1:"},
        {"a: \xff\xfe\n", ":1:"},
    };
    return cr_make_param_array(struct bad, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct bad *row, yaml, bad_files)
{
    const struct ord_yaml *root = NULL;

    cr_assert_eq(load(row->text, &root), ORD_EUSAGE, "%s", row->text);
    cr_expect_not_null(strstr(scratch.err.text, row->words), "%s: %s",
                       row->text, scratch.err.text);
    cr_expect_null(strchr(scratch.err.text, '\n'));
}

Test(yaml, raw_zero_bytes_are_no_text)
{
    const struct ord_yaml *root = NULL;

    cr_expect_neq(load_bytes((struct ord_bytes){"a: b\0c\n", 7}, &root),
                  ORD_OK);
    cr_expect_neq(load_bytes((struct ord_bytes){"\0", 1}, &root), ORD_OK);
}

/* Ten lists, each of ten times the one before: 10^10 nodes if unfolded. */
Test(yaml, an_alias_bomb_is_refused)
{
    const struct ord_yaml *root = NULL;
    struct ord_buf text;

    ord_buf_init(&text, 1 << 20);
    ord_buf_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        ord_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            ord_buf_printf(&text, "%s*a%d", k > 0 ? ", " : "", i - 1);
        ord_buf_text(&text, "]\n");
    }
    cr_expect_eq(load_bytes(ord_buf_bytes(&text), &root), ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "too large"));
    ord_buf_fini(&text);
}

/* One long text and many aliases: few nodes, but gigabytes if copied. */
Test(yaml, an_alias_bomb_of_text_is_refused)
{
    const struct ord_yaml *root = NULL;
    struct ord_buf text;

    ord_buf_init(&text, 1 << 20);
    ord_buf_text(&text, "a: &a ");
    for (int i = 0; i < 400000; i++)
        ord_buf_char(&text, 'x');
    ord_buf_text(&text, "\nb: [");
    for (int i = 0; i < 100000; i++)
        ord_buf_text(&text, "*a,");
    ord_buf_text(&text, "*a]\n");
    cr_assert_not(text.failed);
    cr_expect_eq(load_bytes(ord_buf_bytes(&text), &root), ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "too large"), "%s",
                       scratch.err.text);
    ord_buf_fini(&text);
}

Test(yaml, depth_size_and_keys_have_limits)
{
    const struct ord_yaml *root = NULL;
    struct ord_buf text;

    ord_buf_init(&text, 4 << 20);
    for (int i = 0; i < 60; i++)
        ord_buf_char(&text, '[');
    for (int i = 0; i < 60; i++)
        ord_buf_char(&text, ']');
    cr_expect_eq(load_bytes(ord_buf_bytes(&text), &root), ORD_OK, "%s",
                 scratch.err.text);
    ord_buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        ord_buf_char(&text, '[');
    cr_expect_eq(load_bytes(ord_buf_bytes(&text), &root), ORD_EUSAGE);
    ord_buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        ord_buf_printf(&text, "k%d:\n", i);
    cr_expect_eq(load_bytes(ord_buf_bytes(&text), &root), ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "keys"), "%s",
                       scratch.err.text);
    ord_buf_clear(&text);
    for (int i = 0; i < (1 << 20) + 1; i++)
        ord_buf_char(&text, '#');
    cr_expect_eq(load_bytes(ord_buf_bytes(&text), &root), ORD_EUSAGE);
    cr_expect_not_null(strstr(scratch.err.text, "1 MiB"), "%s",
                       scratch.err.text);
    ord_buf_fini(&text);
}

struct all_types {
    const char *text;
    uint64_t count;
    double real;
    bool flag;
    int64_t span_ns;
    const struct ord_yaml *strings;
    const struct ord_yaml *map;
};

static int read_all_types(const char *text, struct all_types *to)
{
    const struct ord_yaml *root = NULL;
    const struct ord_yaml_field fields[] = {
        {"text", ORD_YAML_TEXT, &to->text, 0, 0, true},
        {"count", ORD_YAML_COUNT, &to->count, 1, 9, false},
        {"real", ORD_YAML_REAL, &to->real, 0, 1, false},
        {"flag", ORD_YAML_BOOL, &to->flag, 0, 0, false},
        {"span", ORD_YAML_DURATION, &to->span_ns, ORD_MS, ORD_S, false},
        {"strings", ORD_YAML_STRINGS, &to->strings, 0, 0, false},
        {"map", ORD_YAML_MAPPING, &to->map, 0, 0, false},
        {0},
    };

    *to = (struct all_types){.count = 5};
    cr_assert_eq(load(text, &root), ORD_OK, "%s", scratch.err.text);
    return ord_yaml_read(root, fields, &scratch.err);
}

Test(yaml, fields_are_read_by_their_types)
{
    struct all_types got;

    cr_assert_eq(read_all_types("text: a b\nreal: 0.25\nflag: true\n"
                                "span: 20ms\nstrings: [x, y]\nmap: {k: v}\n",
                                &got),
                 ORD_OK, "%s", scratch.err.text);
    cr_expect_str_eq(got.text, "a b");
    cr_expect_eq(got.count, 5, "an absent key leaves its value alone");
    cr_expect_eq(got.real, 0.25);
    cr_expect(got.flag);
    cr_expect_eq(got.span_ns, 20 * ORD_MS);
    cr_expect_eq(got.strings->count, 2);
    cr_expect_eq(got.map->count, 1);
}

ParameterizedTestParameters(yaml, bad_fields)
{
    static struct bad rows[] = {
        {"text: [a]\n", ":1: expected a plain word"},
        {"text: a\nwhat: 1\n", ":2: unknown key 'what'"},
        {"count: 3\n", "key 'text' is missing"},
        {"text: a\ncount: 0\n", ":2: 0 is not between 1 and 9"},
        {"text: a\ncount: 10\n", ":2: 10 is not between"},
        {"text: a\ncount: -1\n", ":2: '-1' is no whole number"},
        {"text: a\ncount: +1\n", "is no whole number"},
        {"text: a\ncount: 1e1\n", "is no whole number"},
        {"text: a\ncount: 99999999999999999999999\n", "is no whole number"},
        {"text: a\nreal: nan\n", ":2: nan is not between"},
        {"text: a\nreal: inf\n", "is not between"},
        {"text: a\nreal: 1x\n", "'1x' is no number"},
        {"text: a\nreal: ''\n", "is no number"},
        {"text: a\nflag: maybe\n", "expected true or false, found 'maybe'"},
        {"text: a\nspan: 5\n", ":2: '5' is no duration"},
        {"text: a\nspan: 2s\n", ":2:"},
        {"text: a\nspan: 1us\n", ":2:"},
        {"text: a\nspan: -1s\n", "is no duration"},
        {"text: a\nspan: [1s]\n", "expected a duration"},
        {"text: a\nstrings: x\n", "expected a list"},
        {"text: a\nstrings: [[x]]\n", "plain words"},
        {"text: a\nmap: [x]\n", ":2:"},
        {"[text]\n", ":1: expected a map"},
        {"text\n", ":1: expected a map"},
    };
    return cr_make_param_array(struct bad, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct bad *row, yaml, bad_fields)
{
    struct all_types got;

    cr_assert_eq(read_all_types(row->text, &got), ORD_EUSAGE, "%s", row->text);
    cr_expect_not_null(strstr(scratch.err.text, row->words), "%s: %s",
                       row->text, scratch.err.text);
}

/* Bytes of a good file, some exchanged: an error or a tree, never a crash. */
Test(yaml, any_bytes_are_survived)
{
    static const char good[] =
        "a: &x [1, 'two', \"t\\x41\"]\nb: {c: *x, d: |\n  text\n  more}\n";
    static const char spice[] = "[]{}&*!|>'\"%@`:-?,\\#\n\t \0\xff"
                                "ax1";
    struct ord_rng rng = ord_rng_stream(1, "yaml-fuzz", 0);
    char text[sizeof good];

    for (int i = 0; i < 1500; i++) {
        const struct ord_yaml *root = NULL;
        size_t size = 1 + ord_rng_below(&rng, sizeof good - 1);
        int changes = (int)ord_rng_below(&rng, 6);
        struct ord_arena arena;
        const char *path;
        struct ord_err err = {0};

        memcpy(text, good, sizeof good);
        for (int k = 0; k < changes; k++)
            text[ord_rng_below(&rng, size)] =
                spice[ord_rng_below(&rng, sizeof spice - 1)];
        ord_arena_init(&arena, 1 << 26);
        path =
            scratch_file(&scratch, "fuzz.yaml", (struct ord_bytes){text, size});
        if (ord_yaml_load(path, &arena, &root, &err) == ORD_OK)
            cr_expect_not_null(root);
        else
            cr_expect_not_null(strstr(err.text, path), "%s", err.text);
        ord_arena_fini(&arena);
    }
}
