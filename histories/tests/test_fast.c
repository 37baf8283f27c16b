#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "histories/read.h"
#include "support_history.h"

/* The fast readers against the general ones: the same events or the same
 * error, whatever the bytes.  ORD_SEED and ORD_ROUNDS in the environment. */

enum { ROUNDS = 4000, PIECES_MAX = 12, TEXT_MAX = 1 << 16 };

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* What came of reading: the error, or all events. */
static void told(struct ord_source *source, enum ord_history_format format,
                 bool is_general, bool is_keyed, struct ord_buf *out)
{
    const struct ord_history_options how = {
        .format = format,
        .is_general = is_general,
        .is_keyed = is_keyed,
        .size_max = 1 << 26,
    };
    struct ord_history *h = NULL;
    struct ord_err err = {0};

    if (ord_read_any(source, &how, &h, &err) == ORD_OK) {
        jsonl_of(h, out);
    } else {
        ord_buf_init(out, 1 << 20);
        ord_buf_printf(out, "%d %s", err.rc, err.text);
    }
    ord_history_free(&h);
}

static bool compare(struct ord_bytes text, enum ord_history_format format,
                    bool is_keyed)
{
    struct ord_source source;
    struct ord_buf fast;
    struct ord_buf general;
    bool is_good;

    ord_source_memory(&source, text);
    told(&source, format, false, is_keyed, &fast);
    ord_source_memory(&source, text);
    told(&source, format, true, is_keyed, &general);
    cr_assert_str_eq(ord_buf_str(&fast), ord_buf_str(&general), "%.*s\n%s\n%s",
                     (int)text.size, text.at, ord_buf_str(&fast),
                     ord_buf_str(&general));
    is_good = fast.size > 0 && fast.at[0] == '{';
    ord_buf_fini(&fast);
    ord_buf_fini(&general);
    return is_good;
}

/* ---- made-up operations ----------------------------------------------------
 */

static const char *pick(struct ord_rng *rng, const char *const *from)
{
    size_t count = 0;

    while (from[count] != NULL)
        count++;
    return from[ord_rng_below(rng, count)];
}

/* Mostly the first: what looks like the operation before is guessed. */
static const char *gap(struct ord_rng *rng, const char *const *from)
{
    return ord_rng_below(rng, 4) == 0 ? pick(rng, from) : from[0];
}

static const char *const edn_values[] = {"nil",
                                         "0",
                                         "-0",
                                         "+3",
                                         "7N",
                                         "1.5",
                                         "12345678",
                                         "123456789012",
                                         "-42",
                                         "999999999999999999",
                                         "1234567890123456789",
                                         "9223372036854775807",
                                         "9223372036854775808",
                                         "-9223372036854775808",
                                         "00000012",
                                         "1/2",
                                         "2M",
                                         "true",
                                         "false",
                                         "truex",
                                         ":k",
                                         ":a/b",
                                         "::k",
                                         ":",
                                         ":#x",
                                         "sym",
                                         "Sym",
                                         "\"\"",
                                         "\"abc\"",
                                         "\"a b } ] \\\" c\"",
                                         "\"\\u00e4\"",
                                         "\"\t\"",
                                         "\"two\nlines\"",
                                         "\"twenty bytes of text!\"",
                                         "\"\xc3\xa4\"",
                                         "\\a",
                                         "\\newline",
                                         "\\}",
                                         "[]",
                                         "[1 2]",
                                         "[1,2,]",
                                         "[ 1  2 ]",
                                         "(1 2)",
                                         "()",
                                         "[[1 nil] [2 \"x\"]]",
                                         "[[:append 1 2] [:r 3 [1 2 3]]]",
                                         "#{3 1 2}",
                                         "#{}",
                                         "{}",
                                         "{:b 1 :a 2}",
                                         "{0 10, 1 20}",
                                         "{:a {:b {:c 1}}}",
                                         "[[[[[[[1]]]]]]]",
                                         "[1 ; no\n 2]",
                                         "[1 #_ 3 2]",
                                         "#inst \"2020\"",
                                         "#object[java.X 0x1 \"y\"]",
                                         "^:m [1]",
                                         "##Inf",
                                         "#\"re\\\"g\"",
                                         "1N2",
                                         "-",
                                         "-a",
                                         "0x10",
                                         "#foo{:a 1}",
                                         NULL};

static const char *const edn_bad[] = {"{:a}", "[1 2",   "[1 2)",  "}", "\"open",
                                      "1}",   "[1 2]3", "\"a\"b", NULL};

static const char *const edn_keys[] = {
    ":value", ":value",   ":key",     ":time",     ":index",     ":error",
    ":node",  ":session", ":epoch",   ":position", ":device",    ":final?",
    ":final", ":x",       ":process", ":type",     ":f",         "::f",
    ":f/x",   ":",        "\"f\"",    "f",         "#_ :f 1 :x", "; c\n :x",
    "#t :f",  NULL};

static const char *const edn_gaps[] = {" ",    " ",  " ",   ", ", "\n",
                                       "\r\n", "\t", " \f", NULL};

static const char *maybe_bad(struct ord_rng *rng, const char *const *good,
                             const char *const *bad)
{
    return pick(rng, ord_rng_below(rng, 60) == 0 ? bad : good);
}

/* A number, or now and then a name; the same for the same number. */
static void put_process(int process, bool is_edn, struct ord_buf *out)
{
    static const char *const names[] = {"\"w1\"", "\":w1\"", "\"nemesis\"",
                                        "\"0\"",  "\"\"",    "\"\\u0041b\"",
                                        "1e3",    "1.5",     "1000000000000"};
    static const char *const words[] = {":w1", "w1", ":nemesis", ":nemesis-2"};

    if (process % 16 != 0)
        ord_buf_printf(out, "%d", process);
    else if (is_edn && process % 32 == 0)
        ord_buf_text(out, words[process / 32 % 4]);
    else
        ord_buf_text(out, names[process / 32 % 9]);
}

static void edn_map(struct ord_rng *rng, int process, const char *type,
                    const char *f, struct ord_buf *out)
{
    uint64_t extras = ord_rng_below(rng, 4);

    ord_buf_text(out, "{:process ");
    put_process(process, true, out);
    ord_buf_printf(out, "%s:type%s%s", gap(rng, edn_gaps), gap(rng, edn_gaps),
                   type);
    ord_buf_printf(out, "%s:f%s%s", gap(rng, edn_gaps), gap(rng, edn_gaps), f);
    for (uint64_t i = 0; i < extras; i++)
        ord_buf_printf(out, "%s%s%s%s", gap(rng, edn_gaps),
                       i == 0 ? ":value" : pick(rng, edn_keys),
                       gap(rng, edn_gaps), maybe_bad(rng, edn_values, edn_bad));
    ord_buf_text(out, "}");
    ord_buf_text(out, gap(rng, edn_gaps));
}

static void edn_op(struct ord_rng *rng, struct ord_buf *out)
{
    static const char *const types[] = {":ok",    ":info", ":fail",
                                        "\"ok\"", "ok",    NULL};
    static const char *const bad[] = {":maybe", "nil", "1", NULL};
    static const char *const fs[] = {
        ":read",    ":write", ":cas", ":odd",
        "\"read\"", ":a/b",   ":txn", ":a-name-of-more-than-thirty-one-bytes",
        "nil",      "3",      NULL};
    int process = (int)ord_rng_below(rng, 1000000000);
    const char *f = pick(rng, fs);

    edn_map(rng, process, ":invoke", f, out);
    if (ord_rng_below(rng, 2) == 0)
        edn_map(rng, process, maybe_bad(rng, types, bad), f, out);
}

static const char *const json_values[] = {"null",
                                          "0",
                                          "-0",
                                          "7",
                                          "-42",
                                          "1.5",
                                          "1e3",
                                          "12345678",
                                          "123456789012",
                                          "999999999999999999",
                                          "1234567890123456789",
                                          "9223372036854775808",
                                          "true",
                                          "false",
                                          "\"\"",
                                          "\"abc\"",
                                          "\":k\"",
                                          "\"a } ] \\\" c\"",
                                          "\"\\u00e4\"",
                                          "\"twenty bytes of text!\"",
                                          "\"\xc3\xa4\"",
                                          "[]",
                                          "[ ]",
                                          "[1,2]",
                                          "[1 ,2 ]",
                                          "[[1,null],[2,\"x\"]]",
                                          "[[]]",
                                          "{}",
                                          "{ }",
                                          "{\"b\":1,\"a\":2}",
                                          "{\"a\":{\"b\":{\"c\":1}}}",
                                          "{\"a\":[1,{}]}",
                                          "[[[[[[[1]]]]]]]",
                                          NULL};

static const char *const json_bad[] = {
    "nullx", "01",      "\"\\ud800\"", "\"\t\"", "[1,]", "[,1]",
    "[1 2]", "{\"a\"}", "{\"a\":1,}",  "[1",     "}",    "\"open",
    "-",     "x",       "[1]2",        "\"a\"b", "1}",   NULL};

static const char *const json_keys[] = {
    "value",  "key", "error", "node",        "x",
    ":value", ":",   "",      "v\\u0061lue", NULL};

/* Members that take numbers, and others that are choosy. */
static const char *const json_strict[] = {
    "time",   "index",   "session", "epoch", "position", "device", "final",
    "final?", "process", "type",    "f",     ":f",       ":type",  NULL};

static const char *const json_gaps[] = {"",   "",   "",     " ",
                                        "\t", "\r", " \r ", NULL};

static void json_map(struct ord_rng *rng, int process, const char *type,
                     const char *f, struct ord_buf *out)
{
    static const char *const ends[] = {"\n", "\r\n", " \n", NULL};
    static const char *const bad[] = {"", ",\n", " x\n", NULL};
    uint64_t extras = ord_rng_below(rng, 4);

    ord_buf_printf(out, "{%s\"process\"%s:%s", gap(rng, json_gaps),
                   gap(rng, json_gaps), gap(rng, json_gaps));
    put_process(process, false, out);
    ord_buf_printf(out, "%s,", gap(rng, json_gaps));
    ord_buf_printf(out, "\"type\":%s,%s\"f\":%s", type, gap(rng, json_gaps), f);
    for (uint64_t i = 0; i < extras; i++)
        ord_buf_printf(out, ",%s\"%s\"%s:%s%s%s", gap(rng, json_gaps),
                       ord_rng_below(rng, 8) == 0 ? pick(rng, json_strict)
                                                  : pick(rng, json_keys),
                       gap(rng, json_gaps), gap(rng, json_gaps),
                       maybe_bad(rng, json_values, json_bad),
                       gap(rng, json_gaps));
    ord_buf_text(out, "}");
    ord_buf_text(out, maybe_bad(rng, ends, bad));
}

static void json_op(struct ord_rng *rng, struct ord_buf *out)
{
    static const char *const types[] = {"\"ok\"", "\":info\"", "\"fail\"",
                                        NULL};
    static const char *const bad[] = {"\"maybe\"", "null", NULL};
    static const char *const fs[] = {"\"read\"",       "\":write\"", "\"cas\"",
                                     "\"odd\"",        "\"\"",       "\":\"",
                                     "\"re\\u0061d\"", NULL};
    int process = (int)ord_rng_below(rng, 1000000000);
    const char *f = pick(rng, fs);

    json_map(rng, process, "\"invoke\"", f, out);
    if (ord_rng_below(rng, 2) == 0)
        json_map(rng, process, maybe_bad(rng, types, bad), f, out);
}

static void json_element(struct ord_rng *rng, struct ord_buf *out)
{
    json_map(rng, (int)ord_rng_below(rng, 1000000000), "\"invoke\"",
             "\"write\"", out);
}

/* ---- comparing --------------------------------------------------------------
 */

static void spoil(struct ord_rng *rng, struct ord_buf *text)
{
    size_t where = ord_rng_below(rng, text->size);

    switch (ord_rng_below(rng, 8)) {
    case 0:
        text->at[where] = (char)ord_rng_below(rng, 256);
        break;
    case 1:
        text->at[where] = "{}[]()\"\\;#^:, \n0"[ord_rng_below(rng, 16)];
        break;
    case 2:
        text->size = where;
        break;
    default:
        break;
    }
}

static void compare_many(enum ord_history_format format, const char *name,
                         bool is_array,
                         void (*op)(struct ord_rng *, struct ord_buf *))
{
    uint64_t rounds = from_environment("ORD_ROUNDS", ROUNDS);
    struct ord_rng rng =
        ord_rng_stream(from_environment("ORD_SEED", 1), name, 0);
    uint64_t good = 0;

    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t pieces = ord_rng_below(&rng, i % 4 == 0 ? PIECES_MAX : 2) + 1;
        struct ord_buf text;
        char *exact;

        ord_buf_init(&text, TEXT_MAX);
        if (is_array)
            ord_buf_char(&text, '[');
        for (uint64_t j = 0; j < pieces; j++) {
            if (is_array && j > 0)
                ord_buf_char(&text, ',');
            op(&rng, &text);
        }
        if (is_array)
            ord_buf_char(&text, ']');
        if (i % 3 == 0)
            spoil(&rng, &text);
        exact = malloc(text.size + 1); /* ASan sees a read beyond it */
        cr_assert_not_null(exact);
        memcpy(exact, text.at, text.size);
        good +=
            compare((struct ord_bytes){exact, text.size}, format, i % 8 == 7);
        free(exact);
        ord_buf_fini(&text);
    }
    cr_expect_gt(good, rounds / 4, "%d of %d are read", (int)good, (int)rounds);
}

/* Read, and of processes that no other piece is likely to have? */
static bool is_apart(struct ord_bytes text, enum ord_history_format format)
{
    struct ord_err err = {0};
    struct ord_history *h = read_bytes(text, format, &err);
    bool is = h != NULL;

    if (h == NULL)
        return false;
    ORD_OPS (h, op)
        is &= op->process == ORD_PROCESS_NEMESIS ||
              (op->process > 100000000 && op->process < 1000000000);
    ord_history_free(&h);
    return is;
}

/* Through windows: plain and gzip files of a length that no window holds. */
static void compare_file(enum ord_history_format format, const char *name,
                         void (*op)(struct ord_rng *, struct ord_buf *))
{
    struct ord_rng rng = ord_rng_stream(7, name, 0);
    char path[PATH_SIZE];
    struct ord_buf text;
    struct ord_buf general;
    struct ord_source source;

    ord_buf_init(&text, 1 << 24);
    while (text.size < 1 << 20) {
        struct ord_buf piece;

        ord_buf_init(&piece, TEXT_MAX);
        op(&rng, &piece);
        ord_buf_char(&piece, '\n');
        if (is_apart(ord_buf_bytes(&piece), format))
            ord_buf_add(&text, ord_buf_bytes(&piece));
        ord_buf_fini(&piece);
    }
    ord_source_memory(&source, ord_buf_bytes(&text));
    told(&source, format, true, false, &general);
    cr_assert_eq(general.at[0], '{', "%s", ord_buf_str(&general));
    for (int i = 0; i < 2; i++) {
        struct ord_err err = {0};
        struct ord_buf fast;
        gzFile file;

        fresh_path(path);
        file = gzopen(path, i == 0 ? "wbT" : "wb1");
        cr_assert_eq(gzwrite(file, text.at, (unsigned)text.size),
                     (int)text.size);
        gzclose(file);
        cr_assert_eq(ord_source_open(&source, path, &err), ORD_OK);
        told(&source, format, false, false, &fast);
        ord_source_close(&source);
        cr_expect_str_eq(ord_buf_str(&fast), ord_buf_str(&general));
        ord_buf_fini(&fast);
        unlink(path);
    }
    ord_buf_fini(&general);
    ord_buf_fini(&text);
}

Test(fast, windows_make_no_difference, .timeout = 300)
{
    compare_file(ORD_FORMAT_EDN, "edn file", edn_op);
    compare_file(ORD_FORMAT_JSONL, "json file", json_op);
}

Test(fast, edn_reads_as_the_general_reader_does, .timeout = 300)
{
    compare_many(ORD_FORMAT_EDN, "fast edn", false, edn_op);
}

Test(fast, json_reads_as_the_general_reader_does, .timeout = 300)
{
    compare_many(ORD_FORMAT_JSONL, "fast json", false, json_op);
}

Test(fast, arrays_read_as_by_the_general_reader, .timeout = 300)
{
    compare_many(ORD_FORMAT_JSONL, "fast array", true, json_element);
}
