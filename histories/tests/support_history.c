#include "support_history.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "histories/read.h"

enum { OUT_MAX = 1 << 28 };

struct ord_history *read_bytes(struct ord_bytes bytes,
                               enum ord_history_format format,
                               struct ord_err *err)
{
    const struct ord_history_options how = {.format = format,
                                            .size_max = 1 << 26};
    struct ord_history *history = NULL;
    struct ord_source source;

    ord_source_memory(&source, bytes);
    if (ord_read_any(&source, &how, &history, err) != ORD_OK)
        return NULL;
    return history;
}

static void written(const struct ord_history *history, struct ord_buf *out,
                    int (*write_to)(const struct ord_history *, int,
                                    struct ord_err *))
{
    struct ord_err err = {0};
    int fd = memfd_create("history", MFD_CLOEXEC);
    off_t size;

    cr_assert_geq(fd, 0);
    cr_assert_eq(write_to(history, fd, &err), ORD_OK, "%s", err.text);
    size = lseek(fd, 0, SEEK_END);
    cr_assert_geq(size, 0);
    ord_buf_init(out, OUT_MAX);
    if (size > 0) {
        cr_assert_not_null(ord_buf_reserve(out, (size_t)size));
        cr_assert_eq(pread(fd, out->at, (size_t)size, 0), size);
        ord_buf_commit(out, (size_t)size);
    }
    (void)ord_buf_str(out);
    close(fd);
}

void jsonl_of(const struct ord_history *history, struct ord_buf *out)
{
    written(history, out, ord_history_write_jsonl);
}

void edn_of(const struct ord_history *history, struct ord_buf *out)
{
    written(history, out, ord_history_write_edn);
}

void fresh_path(char path[PATH_SIZE])
{
    const char *folder = getenv("TMPDIR");
    int fd;

    snprintf(path, PATH_SIZE, "%.90s/ordeal-test-XXXXXX",
             folder == NULL ? "/tmp" : folder);
    fd = mkstemp(path);
    cr_assert_geq(fd, 0, "%s", path);
    close(fd);
    unlink(path);
}

void slurp(const char *path, struct ord_buf *out)
{
    struct ord_err err = {0};

    ord_buf_init(out, OUT_MAX);
    cr_assert_eq(ord_file_read(path, out, &err), ORD_OK, "%s", err.text);
}

/* ---- stories ------------------------------------------------------------- */

void story_begin(struct story *story, uint64_t seed, bool is_rich)
{
    *story = (struct story){.rng = ord_rng_stream(seed, "story", 0),
                            .next_process = PROCESSES,
                            .is_rich = is_rich,
                            .has_keys = is_rich};
    ord_arena_init(&story->arena, 1 << 24);
    for (int i = 0; i < PROCESSES; i++)
        story->process[i] = i;
}

void story_end(struct story *story)
{
    ord_arena_fini(&story->arena);
}

static struct ord_value random_value(struct story *s, int depth)
{
    static const char *const texts[] = {
        "", "a", "read", "\"q\"\\\n\t", "\xc3\xa4\xf0\x9f\x98\x80", ":k", "5"};
    uint64_t kind = ord_rng_below(&s->rng, depth < 4 ? 6 : 4);
    struct ord_value *items;
    uint32_t count;

    switch (kind) {
    case 0:
        return ord_value_nil();
    case 1:
        return (struct ord_value){
            .kind = ORD_BOOL,
            .as = {.number = (int64_t)ord_rng_below(&s->rng, 2)}};
    case 2:
        return ord_value_int(
            (int64_t)(ord_rng_next(&s->rng) >> ord_rng_below(&s->rng, 64)) *
            (ord_rng_below(&s->rng, 2) ? 1 : -1));
    case 3: {
        const char *text = texts[ord_rng_below(&s->rng, 7)];

        return (struct ord_value){.kind = ORD_TEXT,
                                  .count = (uint32_t)strlen(text),
                                  .as = {.text = text}};
    }
    default:
        break;
    }
    count = (uint32_t)ord_rng_below(&s->rng, 5);
    items = ord_arena_zalloc(&s->arena, count, sizeof *items);
    cr_assert_not_null(items);
    for (uint32_t i = 0; i < count; i++)
        items[i] = random_value(s, depth + 1);
    return ord_value_list(items, count);
}

/* Keys outlive the arena: an answer has its invocation's. */
static struct ord_value random_key(struct story *s)
{
    static const struct ord_value items[] = {
        {.kind = ORD_INT, .as = {.number = 1}},
        {.kind = ORD_TEXT, .count = 2, .as = {.text = ":k"}}};
    static const struct ord_value keys[] = {
        {.kind = ORD_NIL},
        {.kind = ORD_BOOL, .as = {.number = 1}},
        {.kind = ORD_INT, .as = {.number = 7}},
        {.kind = ORD_INT, .as = {.number = INT64_MIN}},
        {.kind = ORD_TEXT, .count = 0, .as = {.text = ""}},
        {.kind = ORD_TEXT, .count = 4, .as = {.text = "\"\n\xc3\xa4"}},
        {.kind = ORD_LIST, .count = 2, .as = {.items = items}},
        {.kind = ORD_LIST},
    };

    return keys[ord_rng_below(&s->rng, sizeof keys / sizeof *keys)];
}

static void enrich(struct story *s, struct ord_op *op)
{
    op->node = (uint16_t)ord_rng_below(&s->rng, 6);
    if (ord_rng_below(&s->rng, 2))
        op->session = ord_rng_range(&s->rng, 0, 1000);
    if (ord_rng_below(&s->rng, 2))
        op->epoch = ord_rng_range(&s->rng, 0, INT64_MAX);
    if (ord_rng_below(&s->rng, 2))
        op->position = ord_rng_range(&s->rng, 0, 1 << 30);
    op->device = (uint8_t)ord_rng_below(&s->rng, 256);
    op->is_final = ord_rng_below(&s->rng, 8) == 0;
    if (op->type != ORD_OP_INVOKE && ord_rng_below(&s->rng, 3) == 0)
        op->error = ord_rng_below(&s->rng, 2) ? "timeout" : "no \"luck\"\n";
}

static struct ord_op invent(struct story *s)
{
    static const char *const others[] = {"isolate", "x/y", "two words", "drop"};
    struct ord_op op = ord_op_empty();

    op.type = ORD_OP_INVOKE;
    op.f = (uint8_t)ord_rng_below(&s->rng, s->is_rich ? ORD_F_COUNT : 4);
    op.name = op.f == ORD_F_OTHER ? others[ord_rng_below(&s->rng, 4)]
                                  : ord_f_name(op.f);
    return op;
}

struct ord_op story_next(struct story *s)
{
    int who = (int)ord_rng_below(&s->rng, PROCESSES);
    struct ord_op op;

    if (s->arena.taken_size > 1 << 16)
        ord_arena_fini(&s->arena);
    s->now_ns += (int64_t)ord_rng_below(&s->rng, 1000);
    if (ord_rng_below(&s->rng, 20) == 0) {
        op = invent(s);
        op.process = ORD_PROCESS_NEMESIS;
        op.type = ORD_OP_INFO;
    } else if (s->is_open[who]) {
        op = s->open[who];
        if (s->has_keys &&
            (op.key.kind == ORD_NIL || ord_rng_below(&s->rng, 3) == 0))
            op.key = op.key.kind == ORD_NIL ? random_key(s) : ord_value_nil();
        op.type = (uint8_t)ord_rng_range(&s->rng, ORD_OP_OK, ORD_OP_INFO);
        s->is_open[who] = false;
        if (op.type == ORD_OP_INFO)
            s->process[who] = s->next_process++;
    } else {
        op = invent(s);
        op.process = s->process[who];
        if (s->has_keys)
            op.key = random_key(s);
        s->open[who] = op;
        s->is_open[who] = true;
    }
    op.time_ns = s->now_ns;
    if (op.f == ORD_F_WRITE && op.type != ORD_OP_INVOKE)
        op.value = ord_value_nil(); /* another value would be refused */
    else
        op.value = s->is_rich ? random_value(s, 0)
                              : ord_value_int(ord_rng_range(&s->rng, 0, 9));
    if (s->is_rich)
        enrich(s, &op);
    return op;
}
