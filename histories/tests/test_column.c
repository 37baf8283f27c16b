#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "histories/build.h"
#include "histories/calls.h"
#include "histories/log_format.h"
#include "support_history.h"

/* ---- columns ------------------------------------------------------------- */

enum shape {
    CONSTANT,
    ASCENDING,
    NOISE,
    NEGATIVE,
    WILD, /* any 64 bits */
    HEAVY,
    SHAPES
};

static int64_t number_of(struct ord_rng *rng, enum shape shape, int64_t i)
{
    uint64_t any = ord_rng_next(rng);

    switch (shape) {
    case CONSTANT:
        return 7;
    case ASCENDING:
        return 1000000007 * i + (int64_t)(any % 3);
    case NOISE:
        return (int64_t)(any % 1000000);
    case NEGATIVE:
        return (int64_t)(any % 100) - 50;
    case WILD:
        return (int64_t)any;
    default:
        return (int64_t)(any >> ord_rng_below(rng, 64) >> 1);
    }
}

static void round_trip(enum shape shape, uint32_t count, bool is_small)
{
    struct ord_rng rng = ord_rng_stream(count, "column", (uint64_t)shape);
    struct ord_packer packer = {0};
    struct ord_numbers in = {0};
    struct ord_numbers out = {0};
    struct ord_column column;
    struct ord_buf bytes;
    struct ord_err err = {0};

    for (uint32_t i = 0; i < count; i++)
        cr_assert(ord_numbers_push(&in, number_of(&rng, shape, i)));
    ord_buf_init(&bytes, 1 << 24);
    cr_assert_eq(
        ord_pack_numbers(&packer, &in, is_small, &bytes, &column, &err),
        ORD_OK);
    cr_expect_eq(bytes.size, (size_t)column.low_size + column.stored_size);
    column.at = (const unsigned char *)bytes.at;
    cr_assert_eq(ord_unpack_numbers(&packer, &column, &out, &err), ORD_OK, "%s",
                 err.text);
    cr_assert_eq(out.count, count);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(in.at[i], out.at[i], "shape %d at %u", (int)shape, i);
    ord_buf_fini(&bytes);
    free(in.at);
    free(out.at);
    ord_packer_fini(&packer);
}

Test(column, numbers_come_back, .timeout = 60)
{
    static const uint32_t counts[] = {1, 2, 7, 8, 9, 63, 64, 65, 1000, 30000};

    for (int shape = 0; shape < SHAPES; shape++) {
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            round_trip((enum shape)shape, counts[i], false);
            round_trip((enum shape)shape, counts[i], true);
        }
    }
}

Test(column, times_cost_what_they_tell)
{
    struct ord_rng rng = ord_rng_stream(1, "times", 0);
    struct ord_packer packer = {0};
    struct ord_numbers in = {0};
    struct ord_column column;
    struct ord_buf bytes;
    struct ord_err err = {0};
    int64_t now = 0;

    for (int i = 0; i < 8192; i++) {
        now += (int64_t)ord_rng_below(&rng, 1 << 16);
        cr_assert(ord_numbers_push(&in, now));
    }
    ord_buf_init(&bytes, 1 << 24);
    cr_assert_eq(ord_pack_numbers(&packer, &in, true, &bytes, &column, &err),
                 ORD_OK);
    /* 16 bits each are the least there is. */
    cr_expect_lt(bytes.size, 8192 * 2 + 1000, "%zu", bytes.size);
    ord_buf_fini(&bytes);
    free(in.at);
    ord_packer_fini(&packer);
}

/* ---- blocks with good checksums that make no sense ----------------------- */

struct event {
    int process;
    int bits; /* type, and more of a kind's bits */
    int f;
    int back;
    int number;
};

struct row {
    struct event events[4];
    int count;
    char want[48];  /* what is said of it; empty: it is fine */
    bool only_wide; /* calls do not look at processes */
};

enum {
    INV = ORD_OP_INVOKE,
    OK = ORD_OP_OK,
    SAME = ORD_KV_SAME << ORD_KIND_VALUE_SHIFT,
    NUMBER = ORD_KV_NUMBER << ORD_KIND_VALUE_SHIFT,
    MANY = ORD_KV_NUMBERS << ORD_KIND_VALUE_SHIFT,
    NODE = ORD_KF_COLUMN << ORD_KIND_NODE_SHIFT,
    KEY = ORD_KF_COLUMN << ORD_KIND_KEY_SHIFT,
    NODE_VALUE = ORD_KF_VALUE << ORD_KIND_NODE_SHIFT,
    W = ORD_F_WRITE,
    R = ORD_F_READ,
};

ParameterizedTestParameters(column, nonsense)
{
    static struct row rows[] = {
        {{{0, INV | NUMBER, W, 0, 1}, {0, OK | SAME, W, 0, 0}}, 2, "", false},
        {{{0, OK, W, 0, 0}}, 1, "operation 0", false},
        {{{0, INV, W, 0, 0}, {0, OK, W, 1, 0}}, 2, "operation 1", false},
        {{{0, INV, W, 0, 0}, {0, OK, W, -1, 0}}, 2, "operation 1", false},
        {{{0, INV, W, 0, 0}, {0, OK, W, 0, 0}, {0, OK, W, 0, 0}},
         3,
         "operation 2",
         false},
        {{{0, INV, W, 0, 0}, {0, OK, R, 0, 0}}, 2, "operation 1", false},
        {{{0, INV | KEY, R, 0, 1}, {0, OK | KEY, R, 0, 1}}, 2, "", false},
        {{{0, INV, R, 0, 0}, {0, OK | KEY, R, 0, 2}}, 2, "", false},
        {{{0, INV | KEY, R, 0, 1}, {0, OK | KEY, R, 0, 2}},
         2,
         "of another key",
         false},
        {{{0, INV, W, 0, 0}, {0, INV, W, 0, 0}},
         2,
         "has another one open",
         true},
        {{{-5, INV, W, 0, 0}}, 1, "process", true},
        {{{0, INV | SAME, W, 0, 0}}, 1, "a kind", false},
        {{{0, INV | NODE_VALUE, W, 0, 0}}, 1, "a kind", false},
        {{{0, INV | 1 << 20, W, 0, 0}}, 1, "a kind", false},
        {{{0, INV | ORD_KIND_NEMESIS, W, 0, 0}}, 1, "a kind", false},
        {{{0, INV | NODE, W, 0, 70}}, 1, "makes no sense", true},
        /* Three numbers follow, and there is none. */
        {{{0, INV | MANY, W, 0, 3}}, 1, "makes no sense", false},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

static struct ord_history *forge(const struct row *row, const char *path)
{
    static const char head[] = "{\"nodes\":[\"a\"]}";
    struct ord_history *history = NULL;
    struct ord_maker maker;
    struct ord_buf out;
    struct ord_err err = {0};

    ord_maker_init(&maker, 1 << 20);
    ord_buf_init(&out, 1 << 20);
    (void)ord_log_add_header(&out, ord_bytes_of(head));
    for (int i = 0; i < row->count; i++) {
        const struct event *e = &row->events[i];
        struct ord_op op = ord_op_empty();
        struct ord_made made = {
            .op = &op,
            .kind = {.bits = (uint32_t)e->bits,
                     .f = (uint8_t)e->f,
                     .name = ord_f_name((enum ord_f)e->f)},
            .back = (uint64_t)e->back,
        };

        op.process = e->process;
        op.time_ns = i;
        op.node = (uint16_t)e->number;
        op.value = op.key = ord_value_int(e->number);
        if ((e->bits & MANY) == MANY) /* a count, and nothing behind it */
            made.kind.bits ^= (uint32_t)(MANY ^ NUMBER);
        cr_assert(ord_maker_add(&maker, &made));
    }
    if ((row->events[0].bits & MANY) == MANY) {
        ord_buf_clear(&maker.bytes[ORD_COLUMN_KINDS]);
        ord_add_varint(&maker.bytes[ORD_COLUMN_KINDS], MANY);
        ord_add_text(&maker.bytes[ORD_COLUMN_KINDS], ord_bytes_of("write"));
    }
    cr_assert_eq(ord_maker_finish(&maker, true, &out, &err), ORD_OK);
    ord_maker_fini(&maker);
    cr_assert_eq(ord_file_replace(path, ord_buf_bytes(&out), &err), ORD_OK);
    ord_buf_fini(&out);
    cr_assert_eq(ord_history_open(path, NULL, &history, &err), ORD_OK, "%s",
                 err.text);
    cr_expect_eq(ord_history_count(history), row->count, "checksums are good");
    return history;
}

ParameterizedTest(struct row *row, column, nonsense, .timeout = 10)
{
    char path[PATH_SIZE];
    struct ord_history *h;
    struct ord_err err = {0};
    struct ord_err of_calls = {0};
    struct ord_arena arena;
    struct ord_calls calls;
    bool is_bad = row->want[0] != '\0';
    int seen = 0;
    int rc;

    fresh_path(path);
    h = forge(row, path);
    ORD_OPS (h, op)
        seen++;
    cr_expect_eq(seen, is_bad ? 0 : row->count);
    cr_expect_eq(ord_history_trouble(h, &err), is_bad ? ORD_EFORMAT : ORD_OK);
    cr_expect_not_null(strstr(err.text, row->want), "%s", err.text);
    ord_arena_init(&arena, 1 << 20);
    rc = ord_calls_build(h, 0, &arena, &calls, &of_calls);
    cr_expect_eq(rc, is_bad && !row->only_wide ? ORD_EFORMAT : ORD_OK, "%s: %s",
                 row->want, of_calls.text);
    ord_arena_fini(&arena);
    ord_history_free(&h);
    unlink(path);
}
