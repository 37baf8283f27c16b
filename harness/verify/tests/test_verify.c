/* test_verify.c -- proofs by hand: what is accepted, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "harness/verify/verify.h"
#include "histories/digest.h"

enum { MEMORY_MAX = 64 << 20 };

#define ALL "[\"begin\",\"end\",\"must\"]"
#define ORDER(list) "[{\"key\":null,\"order\":[" list "]}]"
#define CORE(list) "[{\"key\":null,\"minimal\":true,\"core\":[" list "]}]"
#define OP(op, keep) "{\"op\":" #op ",\"keep\":" keep "}"

struct row {
    const char *history;
    const char *model; /* NULL: each object names its own */
    const char *verdict;
    const char *objects;
    const char *why; /* part of the reason; NULL: it is accepted */
};

/* A file with one verdict of `linearizable`, its digests as they should be. */
static void write_file(const struct ord_history *h, const struct row *row,
                       struct ord_buf *out)
{
    bool is_violation = strcmp(row->verdict, "violation") == 0;
    const char *quote = row->model == NULL ? "" : "\"";
    uint64_t digest = 0;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_digest(h, &digest, &err), ORD_OK);
    ord_buf_printf(out,
                   "{\"ordeal_proof\":1,\"history\":{\"events\":%lld,"
                   "\"digest\":\"%016llx\"},\"keyed\":false,\"checks\":["
                   "{\"checker\":\"linearizable\",\"model\":%s%s%s,"
                   "\"options\":{},\"verdict\":\"%s\",\"why\":\"\","
                   "\"key\":null,\"violations\":%d,\"ops\":[],\"stats\":{},"
                   "\"objects\":%s,\"digest\":\"",
                   (long long)ord_history_count(h), (unsigned long long)digest,
                   quote, row->model == NULL ? "null" : row->model, quote,
                   row->verdict, is_violation, row->objects);
    ord_buf_printf(out, "%016llx\"}],\"digest\":\"",
                   (unsigned long long)ord_digest_bytes(ORD_DIGEST_START,
                                                        ord_buf_bytes(out)));
    ord_buf_printf(out, "%016llx\"}\n",
                   (unsigned long long)ord_digest_bytes(ORD_DIGEST_START,
                                                        ord_buf_bytes(out)));
}

static void try_row(const struct row *row)
{
    struct ord_history *h = NULL;
    struct ord_buf file;
    struct ord_err err = {0};
    struct ord_verify_out out;
    struct ord_verify_in in = {.size_max = MEMORY_MAX};

    cr_assert_eq(ord_history_parse_text(row->history, &h, &err), ORD_OK,
                 "%s: %s", row->history, err.text);
    ord_buf_init(&file, 1 << 20);
    write_file(h, row, &file);
    in.history = h;
    in.proof = ord_buf_bytes(&file);
    cr_assert_eq(ord_verify(&in, &out, &err), ORD_OK, "%s", err.text);
    if (row->why == NULL)
        cr_expect(out.is_accepted, "%s\n  %s\n  refused: %s", row->history,
                  row->objects, out.why);
    else
        cr_expect(!out.is_accepted && strstr(out.why, row->why) != NULL,
                  "%s\n  %s\n  %s: %s", row->history, row->objects,
                  out.is_accepted ? "accepted" : "refused", out.why);
    ord_buf_fini(&file);
    ord_history_free(&h);
}

#define TRY(rows)                                                              \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                 \
    try_row(&(rows)[i])

/* 0: write 1; 2: write 2 (unfinished); 3: read 1. */
#define WWR                                                                    \
    "0 inv write 1; 0 ok write 1; 2 inv write 2; 1 inv read; 1 ok read 1;"     \
    "2 info write 2"

Test(verify, orders)
{
    static const struct row rows[] = {
        {WWR, "register", "pass", ORDER("0,3"), NULL},
        {WWR, "register", "pass", ORDER("0,3,2"), NULL},
        {WWR, "register", "pass", ORDER("0,2,3"), "does not follow"},
        {WWR, "register", "pass", ORDER("3,0"), "does not follow"},
        {WWR, "register", "pass", ORDER("0"), "no order has operation 3"},
        {WWR, "register", "pass", ORDER("0,0,3"), "stands twice"},
        {WWR, "register", "pass", ORDER("0,4"), "no client's invocation"},
        {WWR, "register", "pass", ORDER("0,3,99"), "no client's invocation"},
        {WWR, "register", "pass", ORDER("0,3,-1"), "no client's invocation"},
        {WWR, "register", "pass", "[]", "no order has operation"},
        {WWR, "register", "violation", ORDER("0,3"), "without a core"},
        {WWR, "register", "unknown", ORDER("0,3"), "yet it has objects"},
        {WWR, "register", "unknown", "[]", NULL},
        {WWR, "set", "pass", ORDER("0,3"), "failed, or says nothing"},
        {WWR, "nonsense", "pass", ORDER("0,3"), "is not known here"},
        {"0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2;1 inv read;"
         "1 ok read 1",
         "register", "pass", ORDER("2,0,4"), "began, which stands before it"},
        {"0 inv write k1 1; 0 ok write k1 1; 1 inv write k2 2; 1 ok write k2 2",
         "register", "pass",
         "[{\"key\":1,\"order\":[0]},{\"key\":2,\"order\":[2]}]", NULL},
        {"0 inv write k1 1; 0 ok write k1 1; 1 inv write k2 2; 1 ok write k2 2",
         "register", "pass",
         "[{\"key\":1,\"order\":[0]},{\"key\":3,\"order\":[2]}]",
         "of another key"},
        {"0 inv write k1 1; 0 ok write k1 1; 1 inv write k2 2; 1 ok write k2 2",
         "register", "pass", "[{\"key\":1,\"order\":[0,2]}]",
         "is of another key"},
        {"0 inv write k1 1; 0 ok write k1 1; 1 inv write k2 2; 1 ok write k2 2",
         "register", "pass", "[{\"key\":1,\"order\":[0]}]",
         "no order has operation 2"},
        {"0 inv write 1; 0 fail write 1; 1 inv read; 1 ok read 1", "register",
         "pass", ORDER("0,2"), "failed, or says nothing"},
    };

    TRY(rows);
}

Test(verify, orders_of_models)
{
    static const struct row rows[] = {
        {"0 inv cas [nil 1]; 0 ok cas [nil 1]; 0 inv cas [1 2]; 0 ok cas [1 2]",
         "cas-register", "pass", ORDER("0,2"), NULL},
        {"0 inv cas [1 2]; 0 ok cas [1 2]", "cas-register", "pass", ORDER("0"),
         "does not follow"},
        {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
         "0 inv dequeue; 0 ok dequeue 1",
         "fifo-queue", "pass", ORDER("0,2,4"), NULL},
        {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
         "0 inv dequeue; 0 ok dequeue 2",
         "fifo-queue", "pass", ORDER("0,2,4"), "does not follow"},
        {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"
         "0 inv dequeue; 0 ok dequeue 2",
         "unordered-queue", "pass", ORDER("0,2,4"), NULL},
        {"0 inv push 1; 0 ok push 1; 0 inv push 2; 0 ok push 2;"
         "0 inv pop; 0 ok pop 2; 0 inv pop; 0 ok pop 1; 0 inv pop; 0 ok pop",
         "stack", "pass", ORDER("0,2,4,6,8"), NULL},
        {"0 inv push 1; 0 ok push 1; 0 inv pop; 0 ok pop nil", "stack", "pass",
         ORDER("0,2"), "does not follow"},
        /* An unknown take has the element only once it is there for good. */
        {"1 inv dequeue; 0 inv enqueue 1; 0 ok enqueue 1; 0 inv dequeue;"
         "0 ok dequeue nil; 1 info dequeue",
         "unordered-queue", "pass", ORDER("1,0,3"), NULL},
        {"1 inv dequeue; 0 inv enqueue 1; 0 ok enqueue 1; 0 inv dequeue;"
         "0 ok dequeue nil; 1 info dequeue",
         "unordered-queue", "pass", ORDER("0,1,3"), "does not follow"},
        {"0 inv add 1; 0 ok add 1; 0 inv read; 0 ok read [1]; 0 inv remove 1;"
         "0 ok remove 1; 0 inv contains 1; 0 ok contains false",
         "set", "pass", ORDER("0,2,4,6"), NULL},
        {"0 inv add 1; 0 ok add 1; 0 inv read; 0 ok read []", "set", "pass",
         ORDER("0,2"), "does not follow"},
        {"0 inv acquire; 0 ok acquire; 0 inv release; 0 ok release; 1 inv "
         "acquire; 1 ok acquire",
         "mutex", "pass", ORDER("0,2,4"), NULL},
        {"0 inv acquire; 0 ok acquire; 1 inv release; 1 ok release", "mutex",
         "pass", ORDER("0,2"), NULL},
        {"0 inv acquire; 0 ok acquire; 1 inv release; 1 ok release",
         "owner-mutex", "pass", ORDER("0,2"), "does not follow"},
        {"0 inv add 5; 0 ok add 5; 0 inv add -7; 0 ok add -7; 0 inv read;"
         "0 ok read -2",
         "counter", "pass", ORDER("0,2,4"), NULL},
        {"0 inv put \"a\"; 0 ok put \"a\"; 0 inv append \"b\"; 0 ok append "
         "\"b\"; 0 inv get; 0 ok get \"ab\"",
         "kv", "pass", ORDER("0,2,4"), NULL},
        {"0 inv put \"a\"; 0 ok put \"a\"; 0 inv append \"b\"; 0 ok append "
         "\"b\"; 0 inv get; 0 ok get \"ba\"",
         "kv", "pass", ORDER("0,2,4"), "does not follow"},
        {"0 inv txn [[\"w\" 1 5] [\"r\" 2 nil]]; 0 ok txn [[\"w\" 1 5] [\"r\" "
         "2 nil]]; 0 inv txn [[\"r\" 1 nil]]; 0 ok txn [[\"r\" 1 5]]",
         "multi-register", "pass", ORDER("0,2"), NULL},
        {"0 inv txn [[\"w\" 1 5]]; 0 ok txn [[\"w\" 1 5]]; 0 inv txn [[\"r\" 1 "
         "nil]]; 0 ok txn [[\"r\" 1 6]]",
         "multi-register", "pass", ORDER("0,2"), "does not follow"},
    };

    TRY(rows);
}

#define OLD                                                                    \
    "0 inv write 1; 0 ok write 1; 0 inv write 2; 0 ok write 2; 1 inv read;"    \
    "1 ok read 1"

Test(verify, cores)
{
    static const struct row rows[] = {
        {OLD, "register", "violation",
         CORE(OP(0, "[\"end\"]") "," OP(2, ALL) "," OP(4, ALL)), NULL},
        /* The write of 1 is not listed, so it may come at any time. */
        {OLD, "register", "violation", CORE(OP(2, "[\"end\"]") "," OP(4, ALL)),
         "has an order"},
        {OLD, "register", "violation",
         CORE(OP(0, "[]") "," OP(2, ALL) "," OP(4, ALL)), "has an order"},
        {OLD, "register", "violation",
         CORE(OP(0, ALL) "," OP(2, "[\"must\"]") "," OP(4, ALL)),
         "has an order"},
        {OLD, "register", "violation", CORE(OP(4, ALL) "," OP(2, ALL)),
         "do not ascend"},
        {OLD, "register", "pass",
         CORE(OP(0, ALL) "," OP(2, ALL) "," OP(4, ALL)), "yet there is a core"},
        {OLD, "register", "violation", CORE(""), "a core of nothing"},
        {OLD, "register", "violation", CORE(OP(1, ALL)), "no client's"},
        /* Nobody wrote it. */
        {"0 inv read; 0 ok read 7", "register", "violation",
         CORE(OP(0, "[\"must\"]")), NULL},
        {"0 inv write 7; 0 fail write 7; 0 inv read; 0 ok read 7", "register",
         "violation", CORE(OP(2, "[\"must\"]")), NULL},
        {"0 inv write 7; 0 info write 7; 1 inv read; 1 ok read 7", "register",
         "violation", CORE(OP(2, "[\"must\"]")), "has an order"},
        {"0 inv write 7; 0 info write 7; 1 inv read; 1 ok read 7", "register",
         "violation", CORE(OP(0, "[\"must\"]")), "nobody knows whether"},
        {"0 inv write 7; 0 info write 7; 1 inv read; 1 ok read 7", "register",
         "violation", CORE(OP(0, "[\"end\"]")), "nobody knows whether"},
        /* It was written only after the read. */
        {"1 inv read; 1 ok read 7; 0 inv write 7; 0 ok write 7", "register",
         "violation", CORE(OP(0, "[\"end\"]")), NULL},
        {"1 inv read; 1 ok read 7; 0 inv write 7; 0 ok write 7", "register",
         "violation", CORE(OP(0, "[\"must\"]")), "has an order"},
    };

    TRY(rows);
}

#define FIFO                                                                   \
    "0 inv enqueue 1; 0 ok enqueue 1; 0 inv enqueue 2; 0 ok enqueue 2;"        \
    "0 inv enqueue 3; 0 ok enqueue 3; 1 inv dequeue; 1 ok dequeue 2"

#define BAG                                                                    \
    "0 inv dequeue; 0 info dequeue; 1 inv dequeue; 1 info dequeue;"            \
    "2 inv enqueue 1; 2 ok enqueue 1; 2 inv dequeue; 2 ok dequeue nil;"        \
    "2 inv dequeue; 2 ok dequeue 1"

Test(verify, cores_of_models)
{
    static const struct row rows[] = {
        {FIFO, "fifo-queue", "violation",
         CORE(OP(0, ALL) "," OP(2, ALL) "," OP(6, ALL)), NULL},
        {FIFO, "fifo-queue", "violation", CORE(OP(0, ALL) "," OP(6, ALL)),
         "is on an element of the core, but not in it"},
        {FIFO, "unordered-queue", "violation",
         CORE(OP(0, ALL) "," OP(2, ALL) "," OP(6, ALL)), "has an order"},
        /* A take that did not finish may have the first. */
        {"2 inv dequeue; " FIFO "; 2 info dequeue", "fifo-queue", "violation",
         CORE(OP(1, ALL) "," OP(3, ALL) "," OP(7, ALL)), "has an order"},
        {FIFO "; 2 inv dequeue; 2 info dequeue", "fifo-queue", "violation",
         CORE(OP(0, ALL) "," OP(2, ALL) "," OP(6, ALL)), NULL},
        /* Nobody knows what the first two took: whatever was there when it was
         * empty, but then nothing came back. */
        {BAG, "unordered-queue", "violation",
         CORE(OP(4, "[\"end\"]") "," OP(6, "[\"begin\",\"end\"]") "," OP(
             8, "[\"begin\",\"must\"]")),
         NULL},
        {BAG, "fifo-queue", "violation",
         CORE(OP(4, "[\"end\"]") "," OP(6, "[\"begin\",\"end\"]") "," OP(
             8, "[\"begin\",\"must\"]")),
         NULL},
        {BAG, "unordered-queue", "violation",
         CORE(OP(4, "[\"end\"]") "," OP(6, "[\"begin\",\"end\"]") "," OP(
             8, "[\"must\"]")),
         "has an order"},
        {BAG, "unordered-queue", "violation",
         CORE(OP(4, "[\"must\"]") "," OP(6, "[\"begin\",\"end\"]") "," OP(
             8, "[\"begin\",\"must\"]")),
         "has an order"},
        {"0 inv acquire; 0 ok acquire; 1 inv acquire; 1 ok acquire", "mutex",
         "violation", CORE(OP(0, "[\"must\"]") "," OP(2, "[\"must\"]")), NULL},
        {"0 inv acquire; 0 ok acquire; 1 inv acquire; 1 ok acquire; 0 inv "
         "release; 0 ok release",
         "mutex", "violation", CORE(OP(0, ALL) "," OP(2, ALL)), NULL},
        {"0 inv acquire; 0 ok acquire; 1 inv acquire; 1 ok acquire; 0 inv "
         "release; 0 ok release",
         "mutex", "violation", CORE(OP(0, "[\"must\"]") "," OP(2, ALL)),
         "has an order"},
        {"0 inv add 1; 0 ok add 1; 0 inv read; 0 ok read [1]; 1 inv read; 1 ok "
         "read []",
         "set", "violation", CORE(OP(0, "[\"end\"]") "," OP(4, ALL)), NULL},
        {"0 inv add 1; 0 ok add 1; 0 inv read; 0 ok read [1]; 1 inv read; 1 ok "
         "read []",
         "set", "violation", CORE(OP(2, ALL) "," OP(4, ALL)), NULL},
        {"2 inv remove 1; 0 inv add 1; 0 ok add 1; 1 inv read; 1 ok read [];"
         "2 ok remove 1",
         "set", "violation", CORE(OP(1, ALL) "," OP(3, ALL)), "has an order"},
        {"0 inv add 2; 0 ok add 2; 1 inv read; 1 ok read 3", "counter",
         "violation", CORE(OP(0, "[]") "," OP(2, "[\"must\"]")), NULL},
        {"0 inv add 2; 0 ok add 2; 1 inv read; 1 ok read 3", "counter",
         "violation", CORE(OP(2, "[\"must\"]")), "is not in the core"},
        {"0 inv put \"a\"; 0 ok put \"a\"; 0 inv put \"b\"; 0 ok put \"b\"; 1 "
         "inv get; 1 ok get \"a\"",
         "kv", "violation", CORE(OP(0, ALL) "," OP(2, ALL) "," OP(4, ALL)),
         NULL},
    };

    TRY(rows);
}

#define MIXED                                                                  \
    "0 inv write k1 1; 0 ok write k1 1; 1 inv enqueue k2 2; 1 ok enqueue k2 2"
#define OBJECT(key, model, list)                                               \
    "{\"key\":" #key ",\"model\":\"" model "\",\"order\":[" list "]}"

Test(verify, several_models)
{
    static const struct row rows[] = {
        {MIXED, NULL, "pass",
         "[" OBJECT(1, "register", "0") "," OBJECT(2, "fifo-queue", "2") "]",
         NULL},
        {MIXED, NULL, "pass",
         "[" OBJECT(1, "register", "0") "," OBJECT(2, "register", "2") "]",
         "failed, or says nothing"},
        {MIXED, NULL, "pass",
         "[" OBJECT(1, "register", "0") "," OBJECT(2, "nonsense", "2") "]",
         "is not known here"},
        {MIXED, NULL, "pass", "[" OBJECT(1, "register", "0") "]",
         "no order has operation 2"},
        {MIXED, NULL, "pass", "[]", "no order has operation 0"},
        {MIXED, NULL, "pass",
         "[{\"key\":1,\"order\":[0]}," OBJECT(2, "fifo-queue", "2") "]",
         "neither it nor its object has a model"},
        {MIXED, "register", "pass",
         "[" OBJECT(1, "register", "0") "," OBJECT(2, "fifo-queue", "2") "]",
         "has a model of its own"},
        {MIXED, NULL, "pass",
         "[" OBJECT(1, "register", "0") "," OBJECT(
             2, "fifo-queue", "2") "," OBJECT(1, "register", "0") "]",
         "stands twice"},
        /* Nothing is sure of the second, and any model will do. */
        {"0 inv write k1 1; 0 ok write k1 1; 1 inv enqueue k2 2; 1 info "
         "enqueue "
         "k2 2",
         NULL, "pass", "[" OBJECT(1, "register", "0") "]", NULL},
        {"0 inv write k1 1; 0 ok write k1 1; 1 inv enqueue k2 2; 1 info "
         "enqueue "
         "k2 2; 2 inv write k2 1; 2 info write k2 1",
         NULL, "pass", "[" OBJECT(1, "register", "0") "]",
         "of an object of no model"},
        {OLD, NULL, "violation",
         "[{\"key\":null,\"model\":\"register\",\"minimal\":true,"
         "\"core\":[" OP(0, "[\"end\"]") "," OP(2, ALL) "," OP(4, ALL) "]}]",
         NULL},
        {OLD, NULL, "violation",
         "[{\"key\":null,\"model\":\"set\",\"minimal\":true,"
         "\"core\":[" OP(0, "[\"end\"]") "," OP(2, ALL) "," OP(4, ALL) "]}]",
         "failed, or says nothing"},
        /* Final reads are no part of it, whatever the model. */
        {"0 inv enqueue 1; 0 ok enqueue 1; 0 inv read final; 0 ok read 7 final",
         "fifo-queue", "pass", ORDER("0"), NULL},
    };

    TRY(rows);
}

#define FELL                                                                   \
    "0 inv add 5; 0 ok add 5; 0 inv read; 0 ok read 5; 1 inv add 1;"           \
    "1 ok add 1; 0 inv read; 0 ok read "

/* What ended before all that must have happened began: it may be in any state
 * then, but those calls cannot help any more. */
Test(verify, windows)
{
    static const struct row rows[] = {
        /* The write of 1 had ended when that of 2 began. */
        {OLD, "register", "violation", CORE(OP(2, ALL) "," OP(4, ALL)), NULL},
        {OLD, "register", "violation", CORE(OP(4, ALL)), "has an order"},
        {OLD, "register", "violation",
         CORE(OP(2, "[\"begin\",\"end\"]") "," OP(4, "[\"end\"]")),
         "has an order"},
        /* This one had not. */
        {"0 inv write 1; 1 inv write 2; 0 ok write 1; 1 ok write 2;"
         "0 inv read; 0 ok read 1",
         "register", "violation", CORE(OP(1, ALL) "," OP(4, ALL)),
         "has an order"},
        {FELL "5", "counter", "violation",
         CORE(OP(2, ALL) "," OP(4, ALL) "," OP(6, ALL)), NULL},
        {FELL "5", "counter", "violation", CORE(OP(2, ALL) "," OP(6, ALL)),
         "operation 4 changes"},
        {FELL "6", "counter", "violation",
         CORE(OP(2, ALL) "," OP(4, ALL) "," OP(6, ALL)), "operation 0 changes"},
        {FELL "7", "counter", "violation", CORE(OP(4, ALL) "," OP(6, ALL)),
         "operation 0 changes"},
        {"0 inv add 1; 0 ok add 1; 0 inv remove 1; 0 ok remove 1;"
         "0 inv add 1; 0 ok add 1; 1 inv contains 1; 1 ok contains false",
         "set", "violation", CORE(OP(4, ALL) "," OP(6, ALL)), NULL},
        {"0 inv add 1; 0 ok add 1; 0 inv add 2; 0 ok add 2; 0 inv remove 1;"
         "0 ok remove 1; 0 inv add 2; 0 ok add 2; 0 inv read; 0 ok read [1 2]",
         "set", "violation", CORE(OP(6, ALL) "," OP(8, ALL)), "has an order"},
    };

    TRY(rows);
}

#define MOST "9223372036854775807"
#define MOST_TWICE                                                             \
    "0 inv add " MOST "; 0 ok add " MOST "; 0 inv add " MOST                   \
    "; 0 ok add " MOST "; 0 inv read; 0 ok read "
#define THREE OP(0, ALL) "," OP(2, ALL) "," OP(4, ALL)

/* Sums beyond 63 bits are what they are. */
Test(verify, wide_sums)
{
    static const struct row rows[] = {
        {MOST_TWICE "-2", "counter", "pass", ORDER("0,2,4"), "operation 4"},
        {MOST_TWICE "-2", "counter", "violation", CORE(THREE), NULL},
        {MOST_TWICE "18446744073709551614", "counter", "pass", ORDER("0,2,4"),
         NULL},
        {MOST_TWICE "18446744073709551614", "counter", "violation", CORE(THREE),
         "has an order"},
    };

    TRY(rows);
}

/* A counter of a thousand adds, one after the other, takes no time. */
Test(verify, long_core, .timeout = 10)
{
    enum { ADDS = 1000 };
    struct ord_buf history;
    struct ord_buf objects;
    struct row row = {.model = "counter", .verdict = "violation"};

    ord_buf_init(&history, 1 << 20);
    ord_buf_init(&objects, 1 << 20);
    ord_buf_text(&objects, "[{\"key\":null,\"minimal\":false,\"core\":[");
    for (int i = 0; i < ADDS; i++) {
        ord_buf_text(&history, "0 inv add 1; 0 ok add 1;");
        ord_buf_printf(&objects, "{\"op\":%d,\"keep\":" ALL "},", 2 * i);
    }
    ord_buf_printf(&history, "0 inv read; 0 ok read %d", ADDS + 1);
    ord_buf_printf(&objects, "{\"op\":%d,\"keep\":" ALL "}]}]", 2 * ADDS);
    row.history = ord_buf_str(&history);
    row.objects = ord_buf_str(&objects);
    try_row(&row);
    ord_buf_fini(&history);
    ord_buf_fini(&objects);
}

Test(verify, other_files)
{
    static const char *const files[] = {
        "", "{", "[]", "{}", "{\"ordeal\":1}", "{\"ordeal_proof\":2}",
    };
    struct ord_history *h = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_parse_text(WWR, &h, &err), ORD_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct ord_verify_in in = {.history = h,
                                   .proof = ord_bytes_of(files[i]),
                                   .size_max = MEMORY_MAX};
        struct ord_verify_out out;

        cr_expect_eq(ord_verify(&in, &out, &err), ORD_EFORMAT, "%s", files[i]);
    }
    ord_history_free(&h);
}

/* A core that would take for ever is neither accepted nor refused. */
Test(verify, steps)
{
    struct row row = {OLD, "register", "violation",
                      CORE(OP(0, "[\"end\"]") "," OP(2, ALL) "," OP(4, ALL)),
                      NULL};
    struct ord_history *h = NULL;
    struct ord_err err = {0};
    struct ord_buf file;
    struct ord_verify_out out;
    struct ord_verify_in in = {.size_max = MEMORY_MAX, .steps_max = 2};

    cr_assert_eq(ord_history_parse_text(row.history, &h, &err), ORD_OK);
    ord_buf_init(&file, 1 << 20);
    write_file(h, &row, &file);
    in.history = h;
    in.proof = ord_buf_bytes(&file);
    cr_expect_eq(ord_verify(&in, &out, &err), ORD_ELIMIT);
    ord_buf_fini(&file);
    ord_history_free(&h);
}
