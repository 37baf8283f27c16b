#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "histories/read.h"
#include "support_history.h"

struct row {
    char text[320];
    char want[320]; /* JSON lines without index and time, or the error */
    bool is_bad;
};

/* The lines from "type" on: index and time are another matter. */
static void short_lines(const struct ord_history *h, struct ord_buf *out)
{
    struct ord_buf all;
    const char *at;

    ord_buf_init(out, 1 << 20);
    jsonl_of(h, &all);
    at = ord_buf_str(&all);
    while ((at = strstr(at, "\"type\"")) != NULL) {
        const char *end = strchr(at, '\n');

        ord_buf_add(out, (struct ord_bytes){at, (size_t)(end - at)});
        at = end;
    }
    (void)ord_buf_str(out);
    ord_buf_fini(&all);
}

static void judge(const struct row *row)
{
    struct ord_err err = {0};
    struct ord_history *h =
        read_bytes(ord_bytes_of(row->text), ORD_FORMAT_GUESS, &err);
    struct ord_buf out;

    if (row->is_bad) {
        cr_expect_null(h, "%s", row->text);
        cr_expect_eq(err.rc, ORD_EFORMAT);
        cr_expect_not_null(strstr(err.text, row->want), "%s: %s", row->text,
                           err.text);
        ord_history_free(&h);
        return;
    }
    cr_assert_not_null(h, "%s: %s", row->text, err.text);
    short_lines(h, &out);
    cr_expect_str_eq(ord_buf_str(&out), row->want, "%s: %s", row->text,
                     ord_buf_str(&out));
    ord_buf_fini(&out);
    ord_history_free(&h);
}

#define READ0 "\"type\":\"invoke\",\"process\":0,\"f\":\"read\",\"value\":"

ParameterizedTestParameters(readers, edn)
{
    static struct row rows[] = {
        {"{:process 0 :type :invoke :f :read :value nil}", READ0 "null}",
         false},
        {"[{:f :read, :value 1N, :process 0, :type :invoke}]", READ0 "1}",
         false},
        {"; c\n({:f :read :value \\a :process 0 :type \"invoke\"})",
         READ0 "\"a\"}", false},
        {"#jepsen.history.Op{:index 3, :time 9, :type :invoke, :process 0, "
         ":f :read, :value #{3 1 2} :clock-offsets {\"n1\" 0.5} "
         ":exception #error{:via [{:a \"x\\\"}\"}]}}",
         READ0 "[1,2,3]}", false},
        {"{:process 0 :type :invoke :f :read #_ #_ :x y :value #_9 "
         "#foo/bar [:r 1.5 +3 -0]}",
         READ0 "[\"r\",\"1.5\",3,0]}", false},
        {"{:process 0 :type :invoke :f :read :value {:b \"\\u00e4\" :a ()}}",
         READ0 "[[\"a\",[]],[\"b\",\"\xc3\xa4\"]]}", false},
        {"{:process :nemesis :type :info :f :start-partition :value :majority}",
         "\"type\":\"info\",\"process\":\"nemesis\",\"f\":\"start-partition\","
         "\"value\":\"majority\"}",
         false},
        {"{:process 0 :type :invoke :f :read}{:process 0 :type :info :f :read "
         ":error [:no \"x\"] :node \"n3\"}",
         READ0 "null}\"type\":\"info\",\"process\":0,\"f\":\"read\",\"value\":"
               "null,\"node\":\"n3\",\"error\":\"[\\\"no\\\" \\\"x\\\"]\"}",
         false},
        {"{:process 0 :type :invoke}", "expected :f before this", true},
        {"{:type :invoke :f :read}", "expected :process before this", true},
        {"{:process 0 :type :maybe :f :read}", "a :type of :invoke", true},
        {"{:process 0\n :type :invoke :f :read :value [1 }",
         "line 2, column 35: expected a value, found '}'", true},
        {"[{:process 0 :type :invoke :f :read}", "expected an operation", true},
        {"[{:process 0 :type :invoke :f :read}] x", "expected the end", true},
        {"{:process 0 :type :invoke :f :read :value \"x", "closing quote",
         true},
        {"\n{:process 0 :type :ok :f :read}", "line 2: ok of read by process 0",
         true},
        {"{:process 1.5 :type :ok :f :read :value", "expected a value", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, edn, .timeout = 5)
{
    judge(row);
}

ParameterizedTestParameters(readers, jsonl)
{
    static struct row rows[] = {
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}", READ0 "null}",
         false},
        {"\n{\"value\":[1,\"a\"],\"f\":\":read\",\"type\":\":invoke\","
         "\"process\":0,\"other\":{\"x\":[{}]}}\n\n",
         READ0 "[1,\"a\"]}", false},
        {"{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"cut\"}",
         "\"type\":\"info\",\"process\":\"nemesis\",\"f\":\"cut\","
         "\"value\":null}",
         false},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"node\":\"b\","
         "\"epoch\":4,\"position\":null,\"session\":1,\"device\":2,"
         "\"final\":true,\"error\":{\"a\":1}}",
         READ0 "null,\"node\":\"b\",\"epoch\":4,\"session\":1,\"device\":2,"
               "\"final\":true,\"error\":\"{\\\"a\\\":1}\"}",
         false},
        {"{\"process\":0,\"type\":\"invoke\"}", "expected an \"f\"", true},
        {"{\"process\":-4,\"type\":\"invoke\",\"f\":\"read\"}",
         "a \"process\" that is", true},
        {"{\"process\":0,\"type\":\"huh\",\"f\":\"read\"}", "a \"type\" of",
         true},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"} x",
         "line 1, column 42: expected the end of the line", true},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":[1,}",
         "line 1, column ", true},
        {"{\"process\":0,\"type\":\"ok\",\"f\":\"read\"}",
         "line 1: ok of read by process 0", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, jsonl, .timeout = 5)
{
    judge(row);
}

Test(readers, what_is_no_history_says_what_would_be)
{
    struct ord_err err = {0};

    cr_expect_null(read_bytes(ord_bytes_of("INFO  x"), ORD_FORMAT_GUESS, &err));
    cr_expect_not_null(strstr(err.text, "expected a log of ordeal"));
    cr_expect_null(read_bytes(ord_bytes_of(""), ORD_FORMAT_GUESS, &err));
    cr_expect_not_null(strstr(err.text, "empty"));
    cr_expect_null(read_bytes(ord_bytes_of("ORDE"), ORD_FORMAT_GUESS, &err));
    cr_expect_not_null(strstr(err.text, "cut after 4 bytes"), "%s", err.text);
}

Test(readers, keyed_values_are_split)
{
    struct ord_history_options how = {.is_keyed = true};
    struct ord_history *h = NULL;
    struct ord_err err = {0};
    struct ord_source source;

    ord_source_memory(
        &source,
        ord_bytes_of("{:process 0 :type :invoke :f :cas :value "
                     "[3 [1 2]]}{:process :nemesis :type :info :f :x}"
                     "{:process 0 :type :ok :f :cas :value [3 [1 2]]}"));
    cr_assert_eq(ord_read_any(&source, &how, &h, &err), ORD_OK, "%s", err.text);
    cr_expect_eq(ord_history_op(h, 0)->key.as.number, 3);
    cr_expect_eq(ord_history_op(h, 2)->value.count, 2);
    ord_history_free(&h);
    /* Some answer with the bare value. */
    ord_source_memory(
        &source, ord_bytes_of("{:process 0 :type :invoke :f :read :value "
                              "[3 nil]}{:process 0 :type :ok :f :read :value "
                              "[1 2 4]}{:process 0 :type :invoke :f :read "
                              ":value [3 nil]}{:process 0 :type :info :f :read "
                              ":value nil}"));
    cr_assert_eq(ord_read_any(&source, &how, &h, &err), ORD_OK, "%s", err.text);
    cr_expect_eq(ord_history_op(h, 1)->value.count, 3);
    cr_expect_eq(ord_history_op(h, 3)->value.kind, ORD_NIL);
    ord_history_free(&h);
    ord_source_memory(&source, ord_bytes_of("0 inv write 5"));
    cr_expect_eq(ord_read_any(&source, &how, &h, &err), ORD_EFORMAT);
    cr_expect_not_null(strstr(err.text, "said to be keyed"), "%s", err.text);
}

/* own -> jsonl -> jsonl, and own -> edn -> edn, for random histories. */
Test(readers, written_histories_read_back_identically, .timeout = 60)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct ord_history_builder *b = NULL;
        struct ord_history *h = NULL;
        struct ord_history *again;
        struct ord_err err = {0};
        struct ord_buf first;
        struct ord_buf second;
        struct story story;

        cr_assert_eq(ord_history_builder_new(0, &b, &err), ORD_OK);
        story_begin(&story, seed, true);
        /* EDN cannot tell a tuple from a value: without keys. */
        story.has_keys = seed % 2 == 0;
        for (int i = 0; i < 100; i++) {
            struct ord_op op = story_next(&story);

            cr_assert_eq(ord_history_add(b, &op, &err), ORD_OK);
        }
        story_end(&story);
        cr_assert_eq(ord_history_finish(&b, false, &h, &err), ORD_OK);
        jsonl_of(h, &first);
        again = read_bytes(ord_buf_bytes(&first), ORD_FORMAT_GUESS, &err);
        cr_assert_not_null(again, "%s", err.text);
        jsonl_of(again, &second);
        cr_assert_str_eq(ord_buf_str(&first), ord_buf_str(&second));
        ord_buf_fini(&first);
        ord_buf_fini(&second);
        ord_history_free(&again);
        if (story.has_keys) {
            ord_history_free(&h);
            continue;
        }

        edn_of(h, &first);
        again = read_bytes(ord_buf_bytes(&first), ORD_FORMAT_GUESS, &err);
        cr_assert_not_null(again, "%s", err.text);
        edn_of(again, &second);
        cr_assert_str_eq(ord_buf_str(&first), ord_buf_str(&second));
        ord_buf_fini(&first);
        ord_buf_fini(&second);
        ord_history_free(&again);
        ord_history_free(&h);
    }
}

Test(readers, gzip_is_read_and_a_cut_one_refused)
{
    char path[PATH_SIZE];
    struct ord_history *h = NULL;
    struct ord_err err = {0};
    gzFile file;

    fresh_path(path);
    file = gzopen(path, "wb");
    cr_assert_not_null(file);
    for (int i = 0; i < 20000; i++)
        gzprintf(file, "{:process %d, :type :invoke, :f :read}\n", i);
    gzclose(file);
    cr_assert_eq(ord_history_open(path, NULL, &h, &err), ORD_OK, "%s",
                 err.text);
    cr_expect_eq(ord_history_count(h), 20000);
    ord_history_free(&h);
    cr_assert_eq(truncate(path, 20000), 0);
    cr_expect_eq(ord_history_open(path, NULL, &h, &err), ORD_EFORMAT);
    cr_expect_not_null(strstr(err.text, "the gzip data is cut"), "%s",
                       err.text);
    unlink(path);
    cr_expect_eq(ord_history_open(path, NULL, &h, &err), ORD_EIO);
}

/* Files of others, when the folder is there: each is parsed and comes back
 * the same from EDN of our own. */
static int read_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int count = 0;

    if (dir == NULL)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        char path[1024];
        struct ord_history *h = NULL;
        struct ord_err err = {0};

        if (strstr(entry->d_name, ".edn") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        cr_expect_eq(ord_history_open(path, NULL, &h, &err), ORD_OK, "%s",
                     err.text);
        cr_expect(h != NULL && ord_history_count(h) > 1, "%s", path);
        ord_history_free(&h);
        count++;
    }
    closedir(dir);
    return count;
}

Test(readers, histories_of_others_are_read, .timeout = 60)
{
    const char *source = getenv("ORD_SOURCE");
    char folder[512];
    int count;

    if (source == NULL)
        return;
    snprintf(folder, sizeof folder, "%s/../shared/corpus/knossos", source);
    if (access(folder, R_OK) != 0)
        return;
    count = read_folder(folder);
    snprintf(folder, sizeof folder, "%s/../shared/corpus/elle-cli", source);
    count += read_folder(folder);
    cr_expect_eq(count, 35);
}
