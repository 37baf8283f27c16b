/* Blocks, the recorder's two files, and whole operations made of them. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "harness/base/file.h"
#include "histories/build.h"
#include "histories/calls.h"
#include "histories/log_format.h"
#include "histories/log_tail.h"
#include "support_history.h"

static const char meta[] = "{\"nodes\": [\"alpha\", \"n2\", \"c\", \"d\", "
                           "\"e\"], \"start_ns\": 12}";

enum { ROWS = 16, EVENTS = 300 };

static void put_file(const char *path, struct ord_bytes bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct ord_err err = {0};

    cr_assert_geq(fd, 0);
    cr_assert_eq(ord_write_all(fd, bytes, &err), ORD_OK, "%s", err.text);
    close(fd);
}

static void tail_path(const char *path, char out[PATH_SIZE + 8])
{
    snprintf(out, PATH_SIZE + 8, "%s" ORD_TAIL_SUFFIX, path);
}

static struct ord_history *build(uint64_t seed, int count)
{
    struct ord_history_builder *builder = NULL;
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    struct story story;

    story_begin(&story, seed, true);
    cr_assert_eq(ord_history_builder_new(0, &builder, &err), ORD_OK);
    for (int i = 0; i < count; i++) {
        struct ord_op op = story_next(&story);

        cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK, "%s",
                     err.text);
    }
    story_end(&story);
    cr_assert_eq(ord_history_finish(&builder, false, &history, &err), ORD_OK);
    return history;
}

/* A log that makes a block every few rows; open still. */
static struct ord_log *record(const char *path, uint64_t seed, int count)
{
    struct ord_log *log = NULL;
    struct ord_err err = {0};
    struct story story;

    cr_assert_eq(ord_log_create(path, meta, &log, &err), ORD_OK, "%s",
                 err.text);
    ord_log_set_rows(log, ROWS);
    story_begin(&story, seed, true);
    for (int i = 0; i < count; i++) {
        struct ord_op op = story_next(&story);

        cr_assert_eq(ord_log_append(log, &op, ORD_NONE, ORD_NONE, &err), ORD_OK,
                     "%s", err.text);
    }
    story_end(&story);
    return log;
}

static void shut(struct ord_log **log)
{
    struct ord_err err = {0};

    cr_assert_eq(ord_log_close(log, &err), ORD_OK, "%s", err.text);
}

static struct ord_history *open_file(const char *path)
{
    struct ord_history *history = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_open(path, NULL, &history, &err), ORD_OK, "%s",
                 err.text);
    return history;
}

/* JSON lines name nodes, and so do not depend on their numbers. */
static void expect_equal(const struct ord_history *a,
                         const struct ord_history *b, uint64_t seed)
{
    cr_assert_eq(ord_history_count(a), ord_history_count(b));
    for (int64_t i = 0; i < ord_history_count(a); i++) {
        struct ord_buf x;
        struct ord_buf y;

        ord_buf_init(&x, 1 << 20);
        ord_buf_init(&y, 1 << 20);
        ord_op_print(ord_history_op(a, i), &x);
        ord_op_print(ord_history_op(b, i), &y);
        cr_assert_str_eq(ord_buf_str(&x), ord_buf_str(&y), "seed %lu",
                         (unsigned long)seed);
        cr_assert_eq(ord_history_op(a, i)->pair, ord_history_op(b, i)->pair);
        cr_assert_eq(ord_history_op(a, i)->time_ns,
                     ord_history_op(b, i)->time_ns);
        ord_buf_fini(&x);
        ord_buf_fini(&y);
    }
}

static bool is_prefix(const struct ord_history *history, struct ord_buf *whole)
{
    struct ord_buf part;
    bool is_good;

    jsonl_of(history, &part);
    is_good = part.size <= whole->size &&
              (part.size == 0 || memcmp(part.at, whole->at, part.size) == 0);
    ord_buf_fini(&part);
    return is_good;
}

Test(blocks, of_the_recorder_say_what_was_recorded, .timeout = 120)
{
    char tail[PATH_SIZE + 8];
    char path[PATH_SIZE];

    fresh_path(path);
    tail_path(path, tail);
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct ord_log *log = record(path, seed, EVENTS);
        struct ord_history *want = build(seed, EVENTS);
        struct ord_history *got = open_file(path); /* both files */
        struct ord_buf left;

        expect_equal(want, got, seed);
        cr_expect_eq(ord_history_torn_size(got), 0);
        ord_history_free(&got);
        slurp(tail, &left);
        shut(&log);
        cr_expect_neq(access(tail, F_OK), 0, "nothing is left of it");
        put_file(tail, ord_buf_bytes(&left));
        got = open_file(path);
        cr_expect_gt(got->block_count, 2);
        expect_equal(want, got, seed);
        cr_expect_eq(ord_history_torn_size(got), 0, "the tail is obsolete");
        ord_history_free(&got);
        unlink(tail);
        ord_buf_fini(&left);
        got = open_file(path);
        expect_equal(want, got, seed);
        cr_expect_eq(ord_history_torn_size(got), 0);
        ord_history_free(&got);
        ord_history_free(&want);
        unlink(path);
    }
}

/* Between a block and the tail that knows of it, and before and after. */
Test(blocks, a_crash_between_block_and_tail_doubles_nothing, .timeout = 120)
{
    char tail[PATH_SIZE + 8];
    char path[PATH_SIZE];
    char copy[PATH_SIZE];
    char copy_tail[PATH_SIZE + 8];
    struct ord_log *log = NULL;
    struct ord_err err = {0};
    struct ord_history *want = build(3, EVENTS);
    struct ord_buf whole;
    struct ord_buf last_tail;
    struct story story;
    off_t size = 0;
    int turns = 0;

    jsonl_of(want, &whole);
    fresh_path(path);
    fresh_path(copy);
    tail_path(path, tail);
    tail_path(copy, copy_tail);
    cr_assert_eq(ord_log_create(path, "{}", &log, &err), ORD_OK);
    ord_log_set_rows(log, ROWS);
    story_begin(&story, 3, true);
    slurp(tail, &last_tail);
    for (int i = 0; i < EVENTS; i++) {
        struct ord_op op = story_next(&story);
        struct ord_history *got;
        struct ord_buf main_bytes;
        struct stat info;

        cr_assert_eq(ord_log_append(log, &op, ORD_NONE, ORD_NONE, &err),
                     ORD_OK);
        cr_assert_eq(stat(path, &info), 0);
        if (info.st_size != size) {
            size = info.st_size;
            slurp(path, &main_bytes);
            put_file(copy, ord_buf_bytes(&main_bytes));
            put_file(copy_tail, ord_buf_bytes(&last_tail));
            got = open_file(copy);
            cr_expect_eq(ord_history_count(got), i, "the block is ignored");
            cr_expect_eq(ord_history_torn_size(got), 0);
            ord_history_free(&got);
            ord_buf_fini(&main_bytes);
            turns++;
        }
        ord_buf_fini(&last_tail);
        slurp(tail, &last_tail);
        got = open_file(path);
        cr_expect_eq(ord_history_count(got), i + 1);
        ord_history_free(&got);
    }
    cr_expect_gt(turns, 5);
    story_end(&story);
    shut(&log);
    ord_buf_fini(&whole);
    ord_buf_fini(&last_tail);
    ord_history_free(&want);
    unlink(path);
    unlink(copy);
    unlink(copy_tail);
}

/* What a crash may have left of either file, and what may happen to it. */
static void damage(struct ord_buf *main_bytes, struct ord_buf *tail_bytes,
                   struct ord_buf *whole, bool is_cut)
{
    char tail[PATH_SIZE + 8];
    char path[PATH_SIZE];
    size_t tail_size = (size_t)ord_torn_size(ord_buf_bytes(tail_bytes));
    int shorter = 0;

    fresh_path(path);
    tail_path(path, tail);
    for (size_t i = 0; i < main_bytes->size + tail_size; i++) {
        struct ord_buf *bytes = i < main_bytes->size ? main_bytes : tail_bytes;
        size_t at = i < main_bytes->size ? i : i - main_bytes->size;
        struct ord_bytes a = ord_buf_bytes(main_bytes);
        struct ord_bytes b = {tail_bytes->at, tail_size};
        struct ord_history *h = NULL;
        struct ord_err err = {0};
        char kept = bytes->at[at];

        if (is_cut && bytes == main_bytes)
            a.size = at;
        else if (is_cut)
            b.size = at;
        else
            bytes->at[at] = (char)(kept ^ (1 << i % 8));
        put_file(path, a);
        put_file(tail, b);
        bytes->at[at] = kept;
        if (ord_history_open(path, NULL, &h, &err) != ORD_OK) {
            cr_expect_eq(err.rc, ORD_EFORMAT, "%zu: %s", i, err.text);
            continue;
        }
        cr_expect(is_prefix(h, whole), "byte %zu", i);
        cr_expect_eq(ord_history_trouble(h, &err), ORD_OK);
        if (ord_history_torn_size(h) > 0)
            shorter++;
        ord_history_free(&h);
    }
    cr_expect_gt(shorter, 100, "what is left out is told");
    unlink(path);
    unlink(tail);
}

static void with_both(bool is_cut)
{
    char tail[PATH_SIZE + 8];
    char path[PATH_SIZE];
    struct ord_log *log;
    struct ord_history *h;
    struct ord_buf main_bytes;
    struct ord_buf tail_bytes;
    struct ord_buf whole;

    fresh_path(path);
    tail_path(path, tail);
    log = record(path, 21, 90);
    slurp(path, &main_bytes);
    slurp(tail, &tail_bytes);
    h = open_file(path);
    jsonl_of(h, &whole);
    ord_history_free(&h);
    shut(&log);
    unlink(path);
    damage(&main_bytes, &tail_bytes, &whole, is_cut);
    ord_buf_fini(&main_bytes);
    ord_buf_fini(&tail_bytes);
    ord_buf_fini(&whole);
}

Test(blocks, both_files_cut_anywhere_leave_a_prefix, .timeout = 120)
{
    with_both(true);
}

Test(blocks, both_files_flipped_anywhere_leave_a_prefix, .timeout = 120)
{
    with_both(false);
}

Test(blocks, a_closed_file_cut_anywhere_reads_to_its_last_block, .timeout = 120)
{
    char path[PATH_SIZE];
    struct ord_log *log;
    struct ord_history *h;
    struct ord_buf bytes;
    struct ord_buf whole;
    int64_t last = -1;
    int steps = 0;

    fresh_path(path);
    log = record(path, 5, 120);
    shut(&log);
    slurp(path, &bytes);
    h = open_file(path);
    jsonl_of(h, &whole);
    ord_history_free(&h);
    for (size_t size = sizeof meta + ORD_LOG_HEADER_SIZE + 3;
         size <= bytes.size; size++) {
        put_file(path, (struct ord_bytes){bytes.at, size});
        h = open_file(path);
        cr_expect(is_prefix(h, &whole), "cut at %zu", size);
        cr_expect_geq(ord_history_count(h), last);
        steps += ord_history_count(h) > last;
        last = ord_history_count(h);
        ord_history_free(&h);
    }
    cr_expect_eq(last, 120);
    cr_expect_gt(steps, 3, "block by block");
    ord_buf_fini(&bytes);
    ord_buf_fini(&whole);
    unlink(path);
}

/* Version 1: a header, and then rows such as a tail has. */
Test(blocks, version_one_is_read)
{
    char tail[PATH_SIZE + 8];
    char path[PATH_SIZE];
    struct ord_log *log = NULL;
    struct ord_history *want;
    struct ord_history *got;
    struct ord_err err = {0};
    struct ord_buf old;
    struct ord_buf rows;
    uint32_t crc;

    fresh_path(path);
    tail_path(path, tail);
    log = record(path, 8, ROWS - 1); /* no block yet */
    slurp(path, &old);
    slurp(tail, &rows);
    want = open_file(path);
    shut(&log);
    ord_put32((unsigned char *)old.at + 8, ORD_LOG_VERSION_ROWS);
    crc = (uint32_t)crc32_z(0, (unsigned char *)old.at, 20);
    crc = (uint32_t)crc32_z(crc, (const unsigned char *)meta, strlen(meta));
    ord_put32((unsigned char *)old.at + 20, crc);
    old.size_max += rows.size;
    ord_buf_add(&old, (struct ord_bytes){rows.at + ORD_TAIL_HEADER_SIZE,
                                         rows.size - ORD_TAIL_HEADER_SIZE});
    put_file(path, ord_buf_bytes(&old));
    got = open_file(path);
    expect_equal(want, got, 8);
    ord_history_free(&got);
    ord_put32((unsigned char *)old.at + 8, 3);
    put_file(path, ord_buf_bytes(&old));
    cr_expect_eq(ord_history_open(path, NULL, &got, &err), ORD_EFORMAT);
    cr_expect_not_null(strstr(err.text, "version 3"), "%s", err.text);
    ord_history_free(&want);
    ord_buf_fini(&old);
    ord_buf_fini(&rows);
    unlink(path);
}

/* ---- more than 4 GiB ----------------------------------------------------- */

enum { HOLE = 1 << 29, HOLES = 9 };

/* The block of one event whose error is a text of HOLE zeros, which the file
 * system need not keep.  ERROR is the last column: the file just goes on. */
static void add_hole(int fd, uint64_t number, off_t *end)
{
    static const unsigned char zeros[1 << 16];
    struct ord_maker maker;
    struct ord_op op = ord_op_empty();
    struct ord_made made = {.op = &op};
    struct ord_buf out;
    struct ord_err err = {0};
    unsigned char size[ORD_VARINT_MAX];
    size_t head = (size_t)(ord_put_varint(size, HOLE) - size);
    unsigned char *at;
    uint32_t columns;
    uLong crc;

    ord_maker_init(&maker, 1 << 20);
    ord_buf_init(&out, 1 << 20);
    maker.first_event = number;
    op.process = ORD_PROCESS_NEMESIS;
    op.error = "";
    made.kind = (struct ord_kind){
        .bits = ORD_OP_INFO | ORD_KIND_NEMESIS | ORD_KIND_ERROR, .name = "x"};
    cr_assert(ord_maker_add(&maker, &made));
    cr_assert_eq(ord_maker_finish(&maker, false, &out, &err), ORD_OK);
    ord_maker_fini(&maker);
    out.size--; /* the size 0 of the empty text */
    ord_buf_add(&out, (struct ord_bytes){(char *)size, head});
    crc = crc32_z(0, size, head);
    for (int i = 0; i < HOLE / (int)sizeof zeros; i++)
        crc = crc32_z(crc, zeros, sizeof zeros);
    at = (unsigned char *)out.at;
    columns = ord_get32(at + 40);
    ord_put64(at + 8, out.size + HOLE);
    at += ORD_BLOCK_HEAD_SIZE + (columns - 1) * ORD_COLUMN_HEAD_SIZE;
    ord_put32(at + 8, (uint32_t)head + HOLE);
    ord_put32(at + 12, (uint32_t)head + HOLE);
    ord_put32(at + 20, (uint32_t)crc);
    at = (unsigned char *)out.at;
    ord_put32(at + 4, (uint32_t)crc32_z(0, at + 8,
                                        ORD_BLOCK_HEAD_SIZE - 8 +
                                            columns * ORD_COLUMN_HEAD_SIZE));
    cr_assert_eq(pwrite(fd, out.at, out.size, *end), (ssize_t)out.size);
    *end += (off_t)out.size + HOLE;
    ord_buf_fini(&out);
}

Test(blocks, a_file_of_more_than_four_gib, .timeout = 300)
{
    char path[PATH_SIZE];
    struct ord_history *h;
    struct ord_buf head;
    off_t end;
    int fd;

    if (getenv("ORDEAL_TEST_BIG") == NULL)
        cr_skip_test("set ORDEAL_TEST_BIG to have it run");
    fresh_path(path);
    ord_buf_init(&head, 1 << 10);
    (void)ord_log_add_header(&head, ord_bytes_of("{}"));
    put_file(path, ord_buf_bytes(&head));
    end = (off_t)head.size;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    for (uint64_t i = 0; i < HOLES; i++)
        add_hole(fd, i, &end);
    cr_assert_eq(ftruncate(fd, end), 0);
    close(fd);
    cr_expect_gt(end, INT64_C(1) << 32);
    h = open_file(path);
    cr_expect_eq(ord_history_count(h), HOLES);
    cr_expect_eq(ord_history_torn_size(h), 0);
    cr_expect_eq(ord_history_op(h, HOLES - 1)->index, HOLES - 1);
    cr_expect_str_empty(ord_history_op(h, HOLES - 1)->error, "zeros");
    ord_history_free(&h);
    ord_buf_fini(&head);
    unlink(path);
}

/* ---- writing our own ----------------------------------------------------- */

Test(blocks, are_written_as_they_were_built, .timeout = 60)
{
    char path[PATH_SIZE];
    struct ord_err err = {0};

    fresh_path(path);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct ord_history *want = build(seed, 1000);
        struct ord_history *got;

        cr_assert_eq(ord_history_write_own(want, path, &err), ORD_OK, "%s",
                     err.text);
        got = open_file(path);
        expect_equal(want, got, seed);
        ord_history_free(&got);
        /* What was packed small is packed so again. */
        got = open_file(path);
        cr_assert_eq(ord_history_write_own(got, path, &err), ORD_OK);
        ord_history_free(&got);
        got = open_file(path);
        expect_equal(want, got, seed);
        ord_history_free(&got);
        ord_history_free(&want);
    }
    unlink(path);
}

Test(blocks, a_full_disk_leaves_the_old_file, .timeout = 60)
{
    const struct rlimit limit = {1 << 14, 1 << 14};
    char path[PATH_SIZE];
    struct ord_err err = {0};
    struct ord_history *small = build(1, 10);
    struct ord_history *large = build(1, 20000);
    struct ord_history *got;

    fresh_path(path);
    cr_assert_eq(ord_history_write_own(small, path, &err), ORD_OK);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_neq(ord_history_write_own(large, path, &err), ORD_OK);
    cr_expect_not_null(strstr(err.text, path), "%s", err.text);
    got = open_file(path);
    expect_equal(small, got, 1);
    ord_history_free(&got);
    ord_history_free(&small);
    ord_history_free(&large);
    unlink(path);
}

/* ---- whole operations ---------------------------------------------------- */

static struct ord_history *many(int count)
{
    struct ord_history_builder *builder = NULL;
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    struct ord_op op = ord_op_empty();

    cr_assert_eq(ord_history_builder_new(0, &builder, &err), ORD_OK);
    op.f = ORD_F_WRITE;
    for (int i = 0; i < count; i++) {
        bool is_late = i == count - 1;

        /* The first one is answered at the very end. */
        op.process = i == 0 || is_late ? 7 : 8;
        op.type =
            i == 0 || (i % 2 == 1 && !is_late) ? ORD_OP_INVOKE : ORD_OP_OK;
        op.value = ord_value_int(i == 0 || is_late ? 0 : (i + 1) / 2);
        op.time_ns = i;
        cr_assert_eq(ord_history_add(builder, &op, &err), ORD_OK, "%s",
                     err.text);
    }
    cr_assert_eq(ord_history_finish(&builder, false, &history, &err), ORD_OK);
    return history;
}

Test(blocks, operations_are_whole_wherever_one_begins_to_ask, .timeout = 60)
{
    enum { COUNT = 200000 };

    for (int round = 0; round < 4; round++) {
        static const int64_t asked[] = {COUNT - 1, 0, 70000, 131072};
        struct ord_history *h = many(COUNT);
        const struct ord_op *op = ord_history_op(h, asked[round]);
        const struct ord_op *last;
        int64_t at = 0;

        cr_expect_eq(op->index, asked[round]);
        cr_expect_eq(ord_history_pair(h, op)->pair, op->index);
        last = ord_history_op(h, COUNT - 1);
        cr_expect_eq(last->pair, 0);
        cr_expect_eq(last->process, 7);
        cr_expect_eq(last->value.as.number, 0);
        cr_expect_eq(ord_history_pair(h, last)->index, 0);
        ORD_OPS (h, each)
            cr_assert_eq(each->index, at++);
        cr_expect_eq(at, COUNT);
        cr_expect_eq(ord_history_op(h, asked[round]), op, "it stays there");
        ord_history_free(&h);
    }
}

/* Of many blocks a few are paired by themselves; it shows nowhere. */
Test(blocks, operations_are_paired_from_anywhere, .timeout = 120)
{
    enum { MANY = 200 * ROWS, LOOKS = 8 };
    char tail[PATH_SIZE + 8];
    char path[PATH_SIZE];

    fresh_path(path);
    tail_path(path, tail);
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct ord_log *log = record(path, seed, MANY);
        struct ord_history *whole;
        struct ord_history *part;

        shut(&log);
        whole = open_file(path);
        part = open_file(path);
        (void)ord_history_first(whole);
        for (uint64_t look = 0; look < LOOKS; look++) {
            int64_t i = (int64_t)(((seed * LOOKS + look) * 2654435761) %
                                  (uint64_t)ord_history_count(whole));
            const struct ord_op *a = ord_history_op(whole, i);
            const struct ord_op *b = ord_history_op(part, i);
            const struct ord_op *x = ord_history_pair(whole, a);
            const struct ord_op *y = ord_history_pair(part, b);

            cr_assert_eq(a->pair, b->pair, "seed %lu: %ld", (unsigned long)seed,
                         (long)i);
            cr_assert_eq(a->process, b->process);
            cr_assert_eq(x == NULL, y == NULL);
            cr_assert(x == NULL || (x->pair == i && y->pair == i));
        }
        expect_equal(whole, part, seed);
        ord_history_free(&whole);
        ord_history_free(&part);
        unlink(path);
        unlink(tail);
    }
}

Test(blocks, memory_for_operations_is_bounded, .timeout = 60)
{
    enum { COUNT = 100000 };
    const struct ord_history_options how = {.size_max = 4 << 20};
    struct ord_history *h = many(COUNT);
    struct ord_err err = {0};
    struct ord_arena arena;
    struct ord_calls calls;
    char path[PATH_SIZE];
    int seen = 0;

    fresh_path(path);
    cr_assert_eq(ord_history_write_own(h, path, &err), ORD_OK);
    ord_history_free(&h);
    cr_assert_eq(ord_history_open(path, &how, &h, &err), ORD_OK, "%s",
                 err.text);
    cr_expect_eq(ord_history_trouble(h, &err), ORD_OK);
    ORD_OPS (h, op)
        seen += op->index >= 0;
    cr_expect_eq(seen, 0, "all or none");
    cr_expect_eq(ord_history_trouble(h, &err), ORD_ENOMEM);
    cr_expect_not_null(strstr(err.text, "need more than"), "%s", err.text);
    cr_expect_eq(ord_history_op(h, 5)->process, ORD_PROCESS_NEMESIS);
    cr_expect_null(ord_history_pair(h, ord_history_op(h, 5)));
    /* The columns are enough for calls. */
    ord_arena_init(&arena, 4 << 20);
    cr_expect_eq(ord_calls_build(h, 0, &arena, &calls, &err), ORD_OK);
    cr_expect_eq(calls.count, COUNT / 2);
    ord_arena_fini(&arena);
    ord_history_free(&h);
    unlink(path);
}

/* ---- facts --------------------------------------------------------------- */

Test(blocks, tell_what_occurs)
{
    struct ord_history_facts facts;
    struct ord_history *h = NULL;
    struct ord_err err = {0};

    cr_assert_eq(ord_history_parse_text("0 inv write 1; 0 ok write 1; nemesis "
                                        "info kill k3 final; 1 inv read",
                                        &h, &err),
                 ORD_OK);
    cr_assert_eq(ord_history_facts(h, &facts, &err), ORD_OK);
    cr_expect_eq(facts.fs, 1u << ORD_F_WRITE | 1u << ORD_F_READ);
    cr_expect(facts.has_nemesis);
    cr_expect_not(facts.has_keys || facts.has_final || facts.has_nodes ||
                  facts.has_sessions || facts.reads_ask);
    cr_expect_eq(facts.call_count, 2);
    ord_history_free(&h);
    cr_assert_eq(
        ord_history_parse_text("0 inv read [1 nil]; 0 ok read [1 2] n1 "
                               "final; 1 inv add k2 3 u4",
                               &h, &err),
        ORD_OK);
    cr_assert_eq(ord_history_facts(h, &facts, &err), ORD_OK);
    cr_expect(facts.reads_ask && facts.has_final && facts.has_nodes &&
              facts.has_keys && facts.has_sessions);
    ord_history_free(&h);
}
