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
    char text[480];
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
        /* More fields than are guessed, in the next operation again. */
        {"{:a 1 :b 1 :c 1 :d 1 :e 1 :g 1 :h 1 :i 1 :j 1 :k 1 :l 1 :m 1 :n 1 :o "
         "1 :p 1 :process 0 :type :invoke :f :read}\n"
         "{:a 1 :b 1 :c 1 :d 1 :e 1 :g 1 :h 1 :i 1 :j 1 :k 1 :l 1 :m 1 :n 1 :o "
         "1 :p 1 :process 0 :type :fail :f :read}",
         READ0 "null}\"type\":\"fail\",\"process\":0,\"f\":\"read\","
               "\"value\":null}",
         false},
        {"{:process 0 :type :invoke}", "expected :f before this", true},
        {"{:process 0 :type :invoke :f :read}{:type :ok :f :read}",
         "line 1, column 55: expected :process (0, 1, ... or a name) before",
         true},
        {"{:type :invoke :f :read}{:process 1 :type :invoke :f :read}",
         "line 1, column 25: expected no :process", true},
        {"{:type :invoke :f :read}{:type :ok :f :read :value 1}",
         READ0 "null}\"type\":\"ok\",\"process\":0,\"f\":\"read\",\"value\":1}",
         false},
        {"{:process 0 :type :invoke :f :read\n :f :write}",
         "line 2, column 2: expected another key, found :f once more", true},
        {"{:process 0 :type :invoke :f :read :value 1}\n"
         "{:process 0 :type :ok :f :read :value 1 :value 2}",
         "line 2, column 41: expected another key, found :value once", true},
        {"{:process 0 :type :invoke :f :write :value 1}\n"
         " {:process 0 :type :ok :f :write :value 2}",
         "line 2, column 2: process 0 answers its write with the value 2 "
         "(operation 1)",
         true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, edn, .timeout = 5)
{
    judge(row);
}

ParameterizedTestParameters(readers, edn_more)
{
    static struct row rows[] = {
        /* Tags, also with blanks behind them; others in front; ^meta. */
        {"#jepsen.history.Op {:process 0, :type :invoke, :f :read}\n"
         "#jepsen.history.Op {:process 0, :type :ok, :f :read, :value 2}\n",
         READ0 "null}\"type\":\"ok\",\"process\":0,\"f\":\"read\",\"value\":2}",
         false},
        {"#a #a {:process 0 :type :invoke :f :read}", READ0 "null}", false},
        {"#a\n#b/c [{:process 0 :type :invoke :f :read}]", READ0 "null}",
         false},
        {"#_#_ 1 2 {:process 0 :type :invoke :f :read}", READ0 "null}", false},
        {"^{:a 1} [{:process 0 :type :invoke :f :read}]", READ0 "null}", false},
        {"#a #a x", "no operation in it", true},
        {"#a #b", "no operation in it: it looks like the format edn", true},
        {"#_ {:process 0}", "no operation in it", true},
        {"; nothing", "no operation in it: it looks like the format edn", true},
        {"#a #a {x", "expected a form, found the end", true},
        {"()", "", false},
        /* Numbers are what they are, however they are written. */
        {"{:process 0 :type :invoke :f :read :value [1.0 1e2 1.50M -0.0 "
         "1.5e-1 99999999999999999999N 1e20 9223372036854775807.0]}",
         READ0 "[1,100,\"1.5\",0,\"0.15\",\"99999999999999999999\","
               "\"100000000000000000000\",9223372036854775807]}",
         false},
        {"{:process 0 :type :invoke :f :write :value 1.5}\n"
         "{:process 0 :type :ok :f :write :value 1.500}",
         "\"type\":\"invoke\",\"process\":0,\"f\":\"write\",\"value\":\"1.5\"}"
         "\"type\":\"ok\",\"process\":0,\"f\":\"write\",\"value\":\"1.5\"}",
         false},
        {"{:process 0 :type :invoke :f :write :value 1.0}\n"
         "{:process 0 :type :ok :f :write :value 2}",
         "with the value 2 (operation 1)", true},
        {"{:process 0 :type :maybe :f :read}", "a :type of :invoke", true},
        {"{:process 0\n :type :invoke :f :read :value [1 }",
         "line 2, column 35: expected a value, found '}'", true},
        {"[{:process 0 :type :invoke :f :read}", "expected an operation", true},
        {"[{:process 0 :type :invoke :f :read}] x", "expected the end", true},
        {"{:process 0 :type :invoke :f :read :value \"x", "closing quote",
         true},
        {"\n{:process 0 :type :ok :f :read}",
         "line 2, column 1: ok of read by process 0", true},
        {"{:process 1 :type :ok :f :read :value", "expected a value", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, edn_more, .timeout = 5)
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
        /* An array; objects over several lines. */
        {" [{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"},\n"
         "{\"process\":1,\n\"type\":\"info\" ,\"f\":\"x\", "
         "\"process\":\":nemesis-2\"}\n]\n",
         READ0 "null}\"type\":\"info\",\"process\":\"nemesis\",\"f\":"
               "\"x\",\"value\":null}",
         false},
        {"\n{\n  \"process\": 0,\n  \"type\": \"invoke\",\n"
         "  \"f\": \"read\", \"value\": [\"}\\\"\"]\n}\n",
         READ0 "[\"}\\\"\"]}", false},
        {"[]", "", false},
        {"[{\"process\":0,\n\"type\":\"invoke\",\n \"f\":read}]",
         "line 3, column 6: expected a string as", true},
        {"[{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}",
         "line 1, column 42: expected an object {...}, a comma or ]", true},
        {"[{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"},]",
         "line 1, column 43: expected an object", true},
        {"[{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}]\n{",
         "line 2, column 1: expected the end", true},
        {"[{\"process\":0,\n\"type\":\"invoke\",\"f\":\"re", "line 2, column",
         true},
        {"{\"process\":0,\"type\":\"invoke\"}", "expected an \"f\"", true},
        {"{\"process\":-4,\"type\":\"invoke\",\"f\":\"read\"}",
         "a \"process\" that is", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, jsonl, .timeout = 5)
{
    judge(row);
}

ParameterizedTestParameters(readers, jsonl_more)
{
    static struct row rows[] = {
        {"{\"process\":1.0,\"type\":\"invoke\",\"f\":\"read\"}",
         "a \"process\" that is", true},
        {"{\"process\":\"\",\"type\":\"invoke\",\"f\":\"read\"}",
         "line 1, column 14: expected a process that is 0, 1, ... or a name",
         true},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\n"
         "\"value\":[\"a\\\\\\\"\\ud83d\\ude00\",\"\\n\\ud83d\"]}",
         "line 2, column 33: expected an escape that stands for a character",
         true},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"\\x\"}",
         "column 35: expected an escape", true},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":[1.0,"
         "100e-2,"
         "-0.0,0.10,1e400,12E-1]}",
         "\"type\":\"invoke\",\"process\":0,\"f\":\"write\",\"value\":[1,1,0,"
         "\"0.1\",\"1e400\",\"1.2\"]}",
         false},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n"
         " {\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":2}",
         "line 2, column 1: process 0 answers its write with the value 2",
         true},
        {"{\"process\":0,\"type\":\"huh\",\"f\":\"read\"}", "a \"type\" of",
         true},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"} x",
         "line 1, column 42: expected the end of the line", true},
        {"{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":[1,}",
         "line 1, column ", true},
        {"{\"type\":\"invoke\",\"process\":0,\"f\":\"write\",\"key\":\"k\"}\n"
         "{\"type\":\"ok\",\"process\":0,\"f\":\"write\",\"key\":\"j\"}",
         "answers its write with the key \"j\" (operation 1)", true},
        {"{\"process\":0,\"type\":\"ok\",\"f\":\"read\"}",
         "line 1, column 1: ok of read by process 0", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, jsonl_more, .timeout = 5)
{
    judge(row);
}

/* As judge(), with events as ordeal prints them: `INDEX - PROCESS TYPE F ...`
 * and what follows, one a line. */
static void judge_printed(const struct row *row)
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
    ord_buf_init(&out, 1 << 20);
    ORD_OPS (h, op) {
        ord_op_print(op, &out);
        ord_buf_char(&out, '\n');
    }
    cr_expect_str_eq(ord_buf_str(&out), row->want, "%s: %s", row->text,
                     ord_buf_str(&out));
    ord_buf_fini(&out);
    ord_history_free(&h);
}

ParameterizedTestParameters(readers, jepsen_log)
{
    static struct row rows[] = {
        {"INFO  jepsen.util - 0 \t:invoke :read \tnil \t:hint 0\n"
         "INFO  jepsen.util - 0 \t:ok :read \t3 \t:hint 7 :x [1 2]\n",
         "0 - 0 invoke read\n1 - 0 ok read 3\n", false},
        {"INFO  jepsen.util - 0\t:invoke\t:read\tnil\n"
         "INFO  jepsen.util - 0\t:ok\t:read\t3\n",
         "0 - 0 invoke read\n1 - 0 ok read 3\n", false},
        /* Spaces, and a process that goes on after it crashed. */
        {"INFO  jepsen.util - 4   :invoke :cas    [0 3]\r\n"
         "INFO  jepsen.util - 4   :info   :cas    :timed-out\r\n"
         "INFO  jepsen.util - 4   :invoke :write  1\r\n",
         "0 - 4 invoke cas [0 3]\n1 - 4 info cas !\"timed-out\"\n"
         "2 - 1000000000 invoke write 1\n",
         false},
        {"0 :invoke :read nil\n0 :fail :read :timed-out\n0 :invoke :read nil",
         "0 - 0 invoke read\n1 - 0 info read !\"timed-out\"\n"
         "2 - 1000000000 invoke read\n",
         false},
        /* history.txt, and somebody else's lines in a log. */
        {"2026-01-02 03:04:05,678\tINFO\t[main] jepsen.core: Setting up\n"
         "2026-01-02 03:04:06,678{GMT}\tINFO\t[jepsen worker 1] jepsen.util: "
         "1\t:invoke\t:write\t5\n"
         "java.lang.Exception: no\n"
         ":nemesis\t:info\t:start\t{\"n1\" #{\"n2\"}}\n"
         "1\t:fail\t:write\t5\t[:no \"way\"]\n",
         "0 - 1 invoke write 5\n1 - nemesis info start [[\"n1\" [\"n2\"]]]\n"
         "2 - 1 fail write 5 !\"[:no \\\"way\\\"]\"\n",
         false},
        {":nemesis\t:info\t:start\tCut off [n1\n",
         "0 - nemesis info start \"Cut off [n1\"\n", false},
        {"INFO  jepsen.util - 0\t:invoke\t:read\tnil\n"
         "INFO  jepsen.util - 0\t:i",
         "line 2, column 1: expected an operation", true},
        {"0\t:invoke\t:write\t5 6\n", "line 1, column 20: expected the end",
         true},
        {"\n0\t:invoke\t:write\t[5\n", "line 2, column 20: expected a value",
         true},
        {"0\t:invoke\t:write\t5\n0\t:invoke\t:write\t5\n",
         "line 2: process 0 invokes write (operation 1)", true},
        {"9000000000\t:invoke\t:write\t5\n", "a process below", true},
        {"0\t:invoke\n", "a function", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, jepsen_log, .timeout = 5)
{
    judge_printed(row);
}

ParameterizedTestParameters(readers, limo)
{
    static struct row rows[] = {
        {"# @object atomic-stack\n[1] call push(3)\n  [2] call pop\n"
         "[1] return\n\t[2] return 3",
         "0 - 1 invoke push 3\n1 - 2 invoke pop\n2 - 1 ok push 3\n"
         "3 - 2 ok pop 3\n",
         false},
        /* What comes out is told by the call; and nothing, by no value. */
        {"[0] call pop(?<1,0>)\n[0] return\n[0] call pop()\n[0] return\r\n"
         "[0] call deq\n[0] return empty # nothing\n",
         "0 - 0 invoke pop\n1 - 0 ok pop \"?<1,0>\"\n2 - 0 invoke pop\n"
         "3 - 0 ok pop nil\n4 - 0 invoke dequeue\n5 - 0 ok dequeue nil\n",
         false},
        {"# of 2015\n# @object atomic-queue\n\n[1] call add a\n[1] return "
         "true\n"
         "[2] call offer(b)\n[2] return false\n[3] call rem",
         "0 - 1 invoke enqueue \"a\"\n1 - 1 ok enqueue \"a\"\n"
         "2 - 2 invoke enqueue \"b\"\n3 - 2 fail enqueue \"b\"\n"
         "4 - 3 invoke dequeue\n",
         false},
        {"[1] call contains(5)\n[1] return true\n[1] call f(1, x)",
         "0 - 1 invoke contains 5\n1 - 1 ok contains true\n"
         "2 - 1 invoke f [1 \"x\"]\n",
         false},
        {"[1] call push(3)\n[2] return", "line 2, column 11: expected a call",
         true},
        {"[1] call push(3)\n[1] call pop",
         "line 2: process 1 invokes pop (operation 1) while its push (operation"
         " 0) is still open",
         true},
        {"[1] call push(3", "column 14: expected arguments", true},
        {"[1] push(3)", "expected call or return before this", true},
        {"[1] call (3)", "expected a name", true},
        {"[1 call x", "expected [N]", true},
        {"[1] call x\ncall y", "line 2, column 1: expected [THREAD]", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, limo, .timeout = 5)
{
    judge_printed(row);
}

/* Names of processes: in JSON lines and EDN, read at a glance or not. */
ParameterizedTestParameters(readers, names)
{
    static struct row rows[] = {
        {"{\"process\":\"w1\",\"type\":\"invoke\",\"f\":\"read\"}\n"
         "{\"process\":\"w2\",\"type\":\"invoke\",\"f\":\"read\"}\n"
         "{\"process\":0,\"type\":\"invoke\",\"f\":\"read\"}\n"
         "{\"process\":\":w1\",\"type\":\"ok\",\"f\":\"read\",\"value\":3}\n"
         "{\"process\":\"0\",\"type\":\"invoke\",\"f\":\"read\"}\n"
         "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"cut\"}\n",
         "0 - 1000000000000 invoke read\n1 - 1000000000001 invoke read\n"
         "2 - 0 invoke read\n3 - 1000000000000 ok read 3\n"
         "4 - 1000000000002 invoke read\n5 - nemesis info cut\n",
         false},
        {"{:process \"w1\" :type :invoke :f :read}\n"
         "{:process w2 :type :invoke :f :read}\n"
         "{:process :w1 :type :ok :f :read :value \"\\u0041\"}\n"
         "{:process :nemesis :type :info :f :cut}\n",
         "0 - 1000000000000 invoke read\n1 - 1000000000001 invoke read\n"
         "2 - 1000000000000 ok read \"A\"\n3 - nemesis info cut\n",
         false},
        {"{\"process\":\"w1\",\"type\":\"invoke\",\"f\":\"read\"}\n"
         "{\"process\":\"w1\",\"type\":\"invoke\",\"f\":\"read\"}\n",
         "line 2, column 1: process 1000000000000 invokes read", true},
        {"{\"process\":\"w1\",\"type\":\"invoke\",\"f\":\"read\"}\n"
         "{\"process\":1000000000000,\"type\":\"invoke\",\"f\":\"read\"}\n",
         "line 2, column 25: expected a \"process\" that is 0, 1,", true},
        {"{:process 1000000000000 :type :invoke :f :read}\n"
         "{:process :w1 :type :invoke :f :read}\n",
         "expected processes below 1000000000000 where others have names",
         true},
        {"{:process 1000000000000 :type :invoke :f :read}\n",
         "0 - 1000000000000 invoke read\n", false},
        {"{:process 1.5 :type :invoke :f :read}\n",
         "expected a :process that is 0, 1, ... or a name", true},
        {"{:process [1] :type :invoke :f :read}\n", "a :process that", true},
        {"{:process \"\" :type :invoke :f :read}\n", "a process that is", true},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, readers, names, .timeout = 5)
{
    judge_printed(row);
}

Test(readers, what_is_no_history_says_what_would_be)
{
    struct ord_err err = {0};

    cr_expect_null(read_bytes(ord_bytes_of("WARN  x"), ORD_FORMAT_GUESS, &err));
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
    ord_source_memory(
        &source, ord_bytes_of("{:process 0 :type :invoke :f :write :value "
                              "[:k 1]}{:process 0 :type :ok :f :write :value "
                              "[:j 1]}"));
    cr_expect_eq(ord_read_any(&source, &how, &h, &err), ORD_EFORMAT);
    cr_expect_not_null(
        strstr(err.text, "write with the key \"j\" (operation 1"), "%s",
        err.text);
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

/* ---- files of others, when their folder is there --------------------------
 */

static int count_of(const char *text, const char *word)
{
    int count = 0;

    while ((text = strstr(text, word)) != NULL) {
        text += strlen(word);
        count++;
    }
    return count;
}

/* Lines whose first visible byte is '['. */
static int count_brackets(const char *text)
{
    int count = 0;

    while (text != NULL && *text != '\0') {
        text += strspn(text, " \t\n");
        count += *text == '[';
        text = strchr(text, '\n');
    }
    return count;
}

/* Events of a file, counted by other means than by reading it. */
static int independent_count(const char *name, const char *text)
{
    if (strstr(name, ".hist") != NULL)
        return count_brackets(text);
    if (strstr(name, ".log") != NULL)
        return count_of(text, "jepsen.util - ");
    return count_of(text, ":process");
}

static int read_folder(const char *corpus, const char *name)
{
    char folder[512];
    struct dirent *entry;
    int count = 0;
    DIR *dir;

    snprintf(folder, sizeof folder, "%s/%s", corpus, name);
    dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[1024];
        struct ord_history *h = NULL;
        struct ord_err err = {0};
        struct ord_buf text;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        slurp(path, &text);
        cr_assert_eq(ord_history_open(path, NULL, &h, &err), ORD_OK, "%s",
                     err.text);
        cr_expect_eq(ord_history_count(h),
                     independent_count(entry->d_name, ord_buf_str(&text)),
                     "%s: %d", path, (int)ord_history_count(h));
        ORD_OPS (h, op)
            cr_expect_neq(op->f, ORD_F_OTHER, "%s: %s", path, op->name);
        ord_buf_fini(&text);
        ord_history_free(&h);
        count++;
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

Test(readers, histories_of_others_are_read, .timeout = 60)
{
    const char *source = getenv("ORD_SOURCE");
    const char *corpus = getenv("ORD_CORPUS");
    char folder[512];

    snprintf(folder, sizeof folder, "%s/../shared/corpus",
             source == NULL ? "." : source);
    if (corpus == NULL)
        corpus = folder;
    if (access(corpus, R_OK) != 0)
        return;
    cr_expect_eq(read_folder(corpus, "knossos"), 32);
    cr_expect_eq(read_folder(corpus, "elle-cli"), 3);
    cr_expect_eq(read_folder(corpus, "porcupine"), 39);
    cr_expect_eq(read_folder(corpus, "queues"), 37);
}
