#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "histories/block.h"
#include "histories/calls.h"
#include "histories/log_format.h"
#include "histories/log_tail.h"
#include "support_history.h"

enum { MUTATIONS = 5000, CHANGES_MAX = 6 };

static void mutate(struct ord_rng *rng, char *at, size_t *size, size_t room)
{
    static const char *const words[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        "(",
                                        "#_",
                                        "#{",
                                        "\"",
                                        "\\",
                                        ":",
                                        ";",
                                        ",",
                                        "\n",
                                        "nil",
                                        ":type",
                                        ":ok",
                                        "\"type\":",
                                        "-",
                                        "9223372036854775808",
                                        "^",
                                        "#a ",
                                        "##Inf",
                                        "0",
                                        "N",
                                        "\\u",
                                        "@",
                                        "k",
                                        "n",
                                        "final",
                                        "!"};
    size_t where = ord_rng_below(rng, *size + 1);
    const char *word = words[ord_rng_below(rng, sizeof words / sizeof *words)];
    size_t some = ord_rng_below(rng, 16);

    switch (ord_rng_below(rng, 4)) {
    case 0: /* a bit */
        if (where < *size)
            at[where] = (char)(at[where] ^ (1 << ord_rng_below(rng, 8)));
        break;
    case 1: /* out with a few bytes */
        if (some > *size - where)
            some = *size - where;
        memmove(at + where, at + where + some, *size - where - some);
        *size -= some;
        break;
    case 2: /* in with a word */
        some = strlen(word);
        if (*size + some > room)
            break;
        memmove(at + where + some, at + where, *size - where);
        memcpy(at + where, word, some);
        *size += some;
        break;
    default: /* the end is cut */
        if (ord_rng_below(rng, 8) == 0)
            *size = where;
        break;
    }
}

static void sign_block(unsigned char *at, size_t columns, size_t size)
{
    unsigned char *head = at + ORD_BLOCK_HEAD_SIZE;
    size_t data = ORD_BLOCK_HEAD_SIZE + columns * ORD_COLUMN_HEAD_SIZE;

    for (size_t i = 0; i < columns && data <= size; i++) {
        size_t bytes = (size_t)ord_get32(head + 12) + ord_get32(head + 16);

        if (bytes > size - data)
            break;
        ord_put32(head + 20, (uint32_t)crc32_z(0, at + data, bytes));
        data += bytes;
        head += ORD_COLUMN_HEAD_SIZE;
    }
    ord_put32(at + 4, (uint32_t)crc32_z(0, at + 8,
                                        ORD_BLOCK_HEAD_SIZE - 8 +
                                            columns * ORD_COLUMN_HEAD_SIZE));
}

/* Puts right the checksums of a log, so that what they guard is tried too. */
static void sign(unsigned char *at, size_t size)
{
    size_t from = ORD_LOG_HEADER_SIZE;
    uint32_t meta;

    if (size < from)
        return;
    meta = ord_get32(at + 16);
    if (meta > size - from)
        return;
    ord_put32(at + 20, (uint32_t)crc32(crc32(0, at, 20), at + from, meta));
    from += ord_log_align(meta);
    while (from < size && size - from > ORD_BLOCK_HEAD_SIZE) {
        uint64_t block = ord_get64(at + from + 8);
        uint32_t columns = ord_get32(at + from + 40);

        if (block > size - from || columns > ORD_COLUMN_COUNT ||
            block <= ORD_BLOCK_HEAD_SIZE + columns * ORD_COLUMN_HEAD_SIZE)
            return;
        sign_block(at + from, columns, (size_t)block);
        from += (size_t)block;
    }
}

/* Calls are built from the same columns, and from no others. */
static void look_at_calls(const struct ord_history *h)
{
    const unsigned want =
        ORD_CALLS_KEYS | ORD_CALLS_PROCESSES | ORD_CALLS_SESSIONS;
    struct ord_err err = {0};
    struct ord_arena arena;
    struct ord_calls calls;
    bool is_good;

    ord_arena_init(&arena, 1 << 24);
    is_good = ord_calls_build(h, want, &arena, &calls, &err) == ORD_OK;
    for (uint32_t i = 0; is_good && i < calls.count; i++) {
        cr_assert_lt(calls.in[i], calls.atom_count);
        cr_assert(calls.end[i] == ORD_CALL_NEVER ||
                  calls.end[i] > calls.begin[i]);
    }
    cr_expect(is_good || err.text[0] != '\0');
    ord_arena_fini(&arena);
}

/* Mutants of the bytes through one reader; they may be refused with a reason,
 * and whatever is accepted must keep the rules. */
static void fuzz(struct ord_bytes seed, enum ord_history_format format)
{
    struct ord_rng rng = ord_rng_stream(1, "fuzz", (uint64_t)format);
    size_t room = seed.size + 1024;
    char *work = malloc(room);
    int accepted = 0;

    cr_assert_not_null(work);
    for (int i = 0; i < MUTATIONS; i++) {
        size_t size = seed.size;
        struct ord_err err = {0};
        struct ord_history *h;
        char *exact;

        memcpy(work, seed.at, size);
        for (uint64_t j = ord_rng_below(&rng, CHANGES_MAX) + 1; j > 0; j--)
            mutate(&rng, work, &size, room);
        if (format == ORD_FORMAT_OWN && i % 4 != 0)
            sign((unsigned char *)work, size);
        exact = malloc(size + 1); /* ASan sees a read beyond it */
        memcpy(exact, work, size);
        h = read_bytes((struct ord_bytes){exact, size}, format, &err);
        free(exact);
        if (h == NULL) {
            cr_assert_str_not_empty(err.text);
            continue;
        }
        accepted++;
        ORD_OPS (h, op) {
            const struct ord_op *pair = ord_history_pair(h, op);

            cr_assert(pair == NULL || (pair->pair == op->index &&
                                       pair->process == op->process));
        }
        look_at_calls(h);
        ord_history_free(&h);
    }
    cr_expect_gt(accepted, 0);
    free(work);
}

static struct ord_history *tell(int count)
{
    struct ord_history_builder *b = NULL;
    struct ord_history *h = NULL;
    struct ord_err err = {0};
    struct story story;

    cr_assert_eq(ord_history_builder_new(0, &b, &err), ORD_OK);
    story_begin(&story, 3, true);
    for (int i = 0; i < count; i++) {
        struct ord_op op = story_next(&story);

        cr_assert_eq(ord_history_add(b, &op, &err), ORD_OK);
    }
    story_end(&story);
    cr_assert_eq(ord_history_finish(&b, false, &h, &err), ORD_OK);
    return h;
}

Test(fuzz, jsonl, .timeout = 120)
{
    struct ord_history *h = tell(12);
    struct ord_buf bytes;

    jsonl_of(h, &bytes);
    fuzz(ord_buf_bytes(&bytes), ORD_FORMAT_JSONL);
    ord_buf_fini(&bytes);
    ord_history_free(&h);
}

Test(fuzz, edn, .timeout = 120)
{
    struct ord_history *h = tell(12);
    struct ord_buf bytes;

    edn_of(h, &bytes);
    fuzz(ord_buf_bytes(&bytes), ORD_FORMAT_EDN);
    ord_buf_fini(&bytes);
    ord_history_free(&h);
}

Test(fuzz, text, .timeout = 120)
{
    fuzz(ord_bytes_of("0 inv write k1 5 @1.5 ; 1 inv read k\"a\" n2 # c\n"
                      "0 ok write k1 5 e3 u4 ; 1 ok read k\"a\" nil n2 final\n"
                      "nemesis info cut [[1 2] #{:a \"b\"} \\c] !\"why\"\n"),
         ORD_FORMAT_TEXT);
}

Test(fuzz, jepsen_log, .timeout = 120)
{
    fuzz(ord_bytes_of("INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]\n"
                      "INFO  jepsen.util - 0   :info   :cas   :timed-out\n"
                      "x\n:nemesis\t:info\t:start\t{\"a\" #{1}}\r\n"
                      "0\t:invoke\t:read\tnil\n0\t:fail\t:read\tnil\tno"),
         ORD_FORMAT_PORCUPINE_ETCD);
}

Test(fuzz, limo, .timeout = 120)
{
    fuzz(ord_bytes_of("# @object atomic-queue\n[1] call enq(?<0,1>)\n"
                      "  [2] call deq()\n[1] return\n[2] return empty # x\n"
                      "[2] call poll(a)\n[1] call f(1, 2)\n[2] return"),
         ORD_FORMAT_LIMO);
}

Test(fuzz, log, .timeout = 120)
{
    char path[PATH_SIZE];
    struct ord_history *h = tell(12);
    struct ord_log *log = NULL;
    struct ord_err err = {0};
    struct ord_buf bytes;

    fresh_path(path);
    cr_assert_eq(ord_log_create(path, "{\"nodes\":[\"a\"]}", &log, &err),
                 ORD_OK);
    ORD_OPS (h, op)
        cr_assert_eq(ord_log_append(log, op, 5, 6, &err), ORD_OK);
    cr_assert_eq(ord_log_close(&log, &err), ORD_OK);
    slurp(path, &bytes);
    fuzz(ord_buf_bytes(&bytes), ORD_FORMAT_OWN);
    ord_buf_fini(&bytes);
    ord_history_free(&h);
    unlink(path);
}

/* A mapped file of many blocks, asked for a few operations at random first:
 * each block is paired by itself, from columns that may contradict others. */
static bool look_around(const char *path, struct ord_rng *rng)
{
    const struct ord_history_options how = {.format = ORD_FORMAT_OWN,
                                            .size_max = 1 << 26};
    struct ord_history *h = NULL;
    struct ord_err err = {0};
    bool is_good;

    if (ord_history_open(path, &how, &h, &err) != ORD_OK) {
        cr_assert_str_not_empty(err.text);
        return false;
    }
    for (int i = 0; i < 4 && ord_history_count(h) > 0; i++) {
        uint64_t at = ord_rng_below(rng, (uint64_t)ord_history_count(h));
        const struct ord_op *op = ord_history_op(h, (int64_t)at);

        cr_assert(op->pair == ORD_NO_PAIR ||
                  (op->pair >= 0 && op->pair < ord_history_count(h)));
        (void)ord_history_pair(h, op);
    }
    look_at_calls(h);
    ORD_OPS (h, op) {
        const struct ord_op *pair = ord_history_pair(h, op);

        cr_assert(pair == NULL || pair->process == op->process);
    }
    is_good = ord_history_trouble(h, &err) == ORD_OK;
    ord_history_free(&h);
    return is_good;
}

Test(fuzz, blocks, .timeout = 300)
{
    struct ord_rng rng = ord_rng_stream(1, "blocks", 0);
    struct ord_history *h = tell(160);
    struct ord_log *log = NULL;
    struct ord_err err = {0};
    struct ord_buf bytes;
    char path[PATH_SIZE];
    const char *more = getenv("ORD_FUZZ_COUNT");
    int count = more != NULL ? (int)strtol(more, NULL, 10) : MUTATIONS / 2;
    int good = 0;
    char *work;

    fresh_path(path);
    cr_assert_eq(ord_log_create(path, "{}", &log, &err), ORD_OK);
    ord_log_set_rows(log, 4);
    ORD_OPS (h, op)
        cr_assert_eq(ord_log_append(log, op, 5, 6, &err), ORD_OK);
    cr_assert_eq(ord_log_close(&log, &err), ORD_OK);
    slurp(path, &bytes);
    work = malloc(bytes.size);
    for (int i = 0; i < count; i++) {
        int fd;

        memcpy(work, bytes.at, bytes.size);
        for (uint64_t j = ord_rng_below(&rng, CHANGES_MAX); j > 0; j--)
            work[ord_rng_below(&rng, bytes.size)] ^=
                (char)(1 << ord_rng_below(&rng, 8));
        sign((unsigned char *)work, bytes.size);
        fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        cr_assert_eq(write(fd, work, bytes.size), (ssize_t)bytes.size);
        close(fd);
        good += look_around(path, &rng);
    }
    cr_expect_gt(good, count / 10);
    cr_expect_lt(good, count);
    free(work);
    ord_buf_fini(&bytes);
    ord_history_free(&h);
    unlink(path);
}
