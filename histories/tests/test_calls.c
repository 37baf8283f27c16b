#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "support_history.h"

#include "harness/base/rng.h"
#include "histories/calls.h"

static void add_atom(const struct ord_calls *calls, uint32_t atom,
                     struct ord_buf *out)
{
    struct ord_value value = ord_atom_value(calls, atom);

    if (atom == ORD_ATOM_NONE) {
        ord_buf_char(out, '?');
        return;
    }
    ord_buf_printf(out, "%u:", atom);
    ord_value_to_edn(&value, out);
}

/* `BEGIN-END TYPE F IN>OUT`, joined by " | "; an end of NEVER is "*". */
static void tell(const struct ord_calls *calls, struct ord_buf *out)
{
    for (uint32_t i = 0; i < calls->count; i++) {
        ord_buf_printf(out, "%s%u-", i > 0 ? " | " : "", calls->begin[i]);
        if (calls->end[i] == ORD_CALL_NEVER)
            ord_buf_char(out, '*');
        else
            ord_buf_printf(out, "%u", calls->end[i]);
        ord_buf_printf(out, " %s %s ", ord_op_type_name(calls->type[i]),
                       ord_f_name(calls->f[i]));
        add_atom(calls, calls->in[i], out);
        ord_buf_char(out, '>');
        add_atom(calls, calls->out[i], out);
        if (calls->is_final != NULL && calls->is_final[i])
            ord_buf_text(out, " final");
        if (calls->process != NULL)
            ord_buf_printf(out, " p%u", calls->process[i]);
        if (calls->key != NULL) {
            ord_buf_text(out, " k");
            ord_value_to_edn(&calls->keys[calls->key[i]], out);
        }
    }
}

struct row {
    char text[200];
    char want[240]; /* what the calls are, or what the error says */
    unsigned asked;
    bool is_bad;
};

ParameterizedTestParameters(calls, columns)
{
    static struct row rows[] = {
        {"", "", 0, false},
        {"nemesis info kill", "", 0, false},
        {"0 inv write 5; 0 ok write 5; 0 inv read; 0 ok read 5",
         "0-1 ok write 1:5>1:5 | 2-3 ok read 0:nil>1:5", 0, false},
        {"0 inv write 5; 1 inv read; 0 ok write; 1 ok read nil",
         "0-2 ok write 1:5>1:5 | 1-3 ok read 0:nil>0:nil", 0, false},
        /* Nobody knows what these brought; a failed one has no end. */
        {"0 inv write 5; 1 inv read; 0 info write; 1 fail read; 2 inv read",
         "0-* info write 1:5>? | 1-* fail read 0:nil>? | 4-* info read 0:nil>?",
         0, false},
        {"0 inv cas [1 2]; 0 fail cas; 1 inv cas [3 1]; 1 ok cas [3 1]",
         "0-* fail cas 2:2>1:1 | 2-3 ok cas 1:1>3:3", 0, false},
        {"0 inv cas; 0 ok cas [1 2]", "0-1 ok cas 2:2>1:1", 0, false},
        {"0 inv read; 0 ok read; 1 inv cas 5", "operation 2: a cas needs", 0,
         true},
        {"0 inv cas [1 2 3]", "operation 0: a cas needs [old new]", 0, true},
        {"nemesis info cut; 7 inv enqueue 1; 3 inv dequeue; nemesis info heal; "
         "3 ok dequeue 1 final; 7 ok enqueue 1; 3 inv contains 1; "
         "3 ok contains true",
         "1-5 ok enqueue 1:1>1:1 p0 | 2-4 ok dequeue 0:nil>1:1 final p1 | "
         "6-7 ok contains 1:1>2:true p1",
         ORD_CALLS_PROCESSES, false},
        /* Equal lists are one atom, and so are equal texts. */
        {"0 inv add \"a\"; 0 ok add \"a\"; 1 inv read; 1 ok read [\"a\" [1]]; "
         "1 inv read; 1 ok read [\"a\" [1]]; 1 inv read; 1 ok read []",
         "0-1 ok add 1:\"a\">1:\"a\" | 2-3 ok read 0:nil>4:[\"a\" [1]] | "
         "4-5 ok read 0:nil>4:[\"a\" [1]] | 6-7 ok read 0:nil>5:[]",
         0, false},
        {"0 inv write false; 0 ok write; 0 inv write 0; 0 ok write; "
         "0 inv write \"0\"; 0 ok write; 0 inv write false",
         "0-1 ok write 1:false>1:false | 2-3 ok write 2:0>2:0 | "
         "4-5 ok write 3:\"0\">3:\"0\" | 6-* info write 1:false>?",
         0, false},
        {"0 inv write k1 5; 1 inv read k\"b\"; 0 ok write k1; 1 ok read k\"b\" "
         "5; 1 inv read; 1 ok read k1 5",
         "0-2 ok write 1:5>1:5 k1 | 1-3 ok read 0:nil>1:5 k\"b\" | "
         "4-5 ok read 0:nil>1:5 k1",
         0, false},
        {"0 inv write k1 5; 1 inv read; 1 ok read 3",
         "0-* info write 1:5>? k1 | 1-2 ok read 0:nil>2:3 knil", 0, false},
        /* What it was answered with differs from what was asked. */
        {"0 inv add 1; 0 ok add 7", "0-1 ok add 1:1>2:7", 0, false},
        {"0 inv generate; 0 ok generate -9223372036854775808; 0 inv write "
         "9223372036854775807",
         "0-1 ok generate 0:nil>1:-9223372036854775808 | "
         "2-* info write 2:9223372036854775807>?",
         0, false},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, calls, columns, .timeout = 5)
{
    struct ord_history *history = NULL;
    struct ord_arena arena;
    struct ord_calls calls;
    struct ord_err err = {0};
    struct ord_buf out;
    int rc;

    ord_arena_init(&arena, 1 << 20);
    ord_buf_init(&out, 1 << 16);
    cr_assert_eq(ord_history_parse_text(row->text, &history, &err), ORD_OK,
                 "%s", err.text);
    rc = ord_calls_build(history, row->asked, &arena, &calls, &err);
    if (row->is_bad) {
        cr_expect_eq(rc, ORD_EFORMAT);
        cr_expect_not_null(strstr(err.text, row->want), "%s", err.text);
    } else {
        cr_assert_eq(rc, ORD_OK, "%s: %s", row->text, err.text);
        tell(&calls, &out);
        cr_expect_str_eq(ord_buf_str(&out), row->want);
        cr_expect_eq(calls.event_count, ord_history_count(history));
    }
    ord_buf_fini(&out);
    ord_arena_fini(&arena);
    ord_history_free(&history);
}

Test(calls, are_grouped_by_object)
{
    static const uint32_t by_key[] = {0, 3, 1, 2, 4};
    static const uint32_t key_first[] = {0, 2, 3, 5};
    struct ord_history *h = NULL;
    struct ord_arena arena;
    struct ord_calls calls;
    struct ord_err err = {0};

    ord_arena_init(&arena, 1 << 20);
    cr_assert_eq(ord_history_parse_text("0 inv read k9; 1 inv read k8; 2 inv "
                                        "read k7; 3 inv read k9; 4 inv read k7",
                                        &h, &err),
                 ORD_OK);
    cr_assert_eq(ord_calls_build(h, 0, &arena, &calls, &err), ORD_OK);
    cr_assert_eq(calls.key_count, 3);
    cr_expect_eq(calls.keys[0].as.number, 9);
    cr_expect_eq(calls.keys[2].as.number, 7);
    cr_expect_eq(memcmp(calls.by_key, by_key, sizeof by_key), 0);
    cr_expect_eq(memcmp(calls.key_first, key_first, sizeof key_first), 0);
    ord_history_free(&h);

    cr_assert_eq(
        ord_history_parse_text("0 inv read k9; 1 inv read k9", &h, &err),
        ORD_OK);
    cr_assert_eq(ord_calls_build(h, 0, &arena, &calls, &err), ORD_OK);
    cr_expect_eq(calls.key_count, 1);
    cr_expect_eq(calls.keys[0].as.number, 9);
    cr_expect_null(calls.key);
    cr_expect_null(calls.by_key, "nobody asked");
    cr_assert_eq(ord_calls_build(h, ORD_CALLS_KEYS, &arena, &calls, &err),
                 ORD_OK);
    cr_expect_null(calls.key);
    cr_assert_not_null(calls.by_key);
    cr_expect_eq(calls.by_key[1], 1);
    cr_expect_eq(calls.key_first[1], 2);
    ord_history_free(&h);
    ord_arena_fini(&arena);
}

Test(calls, items_of_lists_are_atoms)
{
    struct ord_history *h = NULL;
    struct ord_arena arena;
    struct ord_calls calls;
    struct ord_err err = {0};
    const uint32_t *items;
    int64_t number;

    ord_arena_init(&arena, 1 << 20);
    cr_assert_eq(ord_history_parse_text("0 inv add 7; 0 ok add 7; 1 inv read; "
                                        "1 ok read [8 7 nil]; 1 inv add 8",
                                        &h, &err),
                 ORD_OK);
    cr_assert_eq(ord_calls_build(h, 0, &arena, &calls, &err), ORD_OK);
    cr_assert_eq(ord_atom_items(&calls, calls.out[1], &items), 3);
    cr_expect_eq(items[0], calls.in[2]);
    cr_expect_eq(items[1], calls.in[0]);
    cr_expect_eq(items[2], ORD_ATOM_NIL);
    cr_expect(ord_atom_int(&calls, items[0], &number));
    cr_expect_eq(number, 8);
    cr_expect_not(ord_atom_int(&calls, calls.out[1], &number));
    cr_expect_not(ord_atom_int(&calls, ORD_ATOM_NONE, &number));
    cr_expect_eq(ord_atom_items(&calls, calls.in[0], &items), 0);
    cr_expect_null(items);
    cr_expect_eq(ord_atom_items(&calls, ORD_ATOM_NONE, &items), 0);
    ord_history_free(&h);
    ord_arena_fini(&arena);
}

/* One call after another by what the history itself says. */
static void expect_same(const struct ord_history *h,
                        const struct ord_calls *calls)
{
    uint32_t at = 0;

    ORD_OPS (h, op) {
        const struct ord_op *done = ord_history_pair(h, op);
        struct ord_value value;

        if (op->process < 0 || op->type != ORD_OP_INVOKE)
            continue;
        cr_assert_lt(at, calls->count);
        cr_expect_eq(calls->begin[at], op->index);
        cr_expect_eq(calls->f[at], op->f);
        cr_expect_eq(calls->type[at], done == NULL ? ORD_OP_INFO : done->type);
        cr_expect_eq(calls->end[at], done == NULL || done->type != ORD_OP_OK
                                         ? ORD_CALL_NEVER
                                         : (uint32_t)done->index);
        value = ord_atom_value(calls, calls->in[at]);
        cr_expect(op->f == ORD_F_CAS || ord_value_equal(&value, &op->value));
        value =
            calls->key == NULL ? calls->keys[0] : calls->keys[calls->key[at]];
        cr_expect(ord_value_equal(&value, &op->key) || op->key.kind == ORD_NIL);
        at++;
    }
    cr_expect_eq(at, calls->count);
}

static struct ord_history *random_history(uint64_t seed, int count)
{
    struct ord_history_builder *builder = NULL;
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    struct story story;

    story_begin(&story, seed, seed % 2 != 0);
    cr_assert_eq(ord_history_builder_new(0, &builder, &err), ORD_OK);
    for (int i = 0; i < count; i++) {
        struct ord_op op = story_next(&story);

        if (op.f == ORD_F_CAS) {
            op.f = ORD_F_ADD;
            op.name = "add";
        }
        cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK);
    }
    cr_assert_eq(ord_history_finish(&builder, false, &history, &err), ORD_OK,
                 "%s", err.text);
    story_end(&story);
    return history;
}

Test(calls, say_what_the_history_says, .timeout = 60)
{
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct ord_history *h = random_history(seed, 2000);
        struct ord_arena arena;
        struct ord_calls calls;
        struct ord_err err = {0};

        ord_arena_init(&arena, 1 << 24);
        cr_assert_eq(ord_calls_build(h, ORD_CALLS_KEYS, &arena, &calls, &err),
                     ORD_OK, "%s", err.text);
        expect_same(h, &calls);
        /* Equal atoms are equal values, and the other way round. */
        for (uint32_t a = 0; a < calls.atom_count; a += 7) {
            struct ord_value x = ord_atom_value(&calls, a);

            for (uint32_t b = 0; b < calls.atom_count; b++) {
                struct ord_value y = ord_atom_value(&calls, b);

                cr_assert_eq(a == b, ord_value_equal(&x, &y));
            }
        }
        ord_arena_fini(&arena);
        ord_history_free(&h);
    }
}

Test(calls, memory_is_bounded, .timeout = 60)
{
    struct ord_history *h = random_history(1, 2000);
    struct ord_calls calls;
    struct ord_err err = {0};
    int rc = ORD_ENOMEM;

    for (size_t size = 64; size < 1 << 22 && rc != ORD_OK; size += size / 8) {
        struct ord_arena arena;

        ord_arena_init(&arena, size);
        rc = ord_calls_build(h, 0, &arena, &calls, &err);
        cr_expect_leq(arena.taken_size, size);
        cr_expect(rc == ORD_OK || rc == ORD_ENOMEM, "%d", rc);
        ord_arena_fini(&arena);
    }
    cr_expect_eq(rc, ORD_OK);
    ord_history_free(&h);
}
