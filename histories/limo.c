/* limo.c -- call/return logs of concurrent objects, as Violin and LiMo keep
 * them.
 *
 *     # @object atomic-stack
 *     [1] call push(3)
 *     [2] call pop
 *     [1] return
 *     [2] return 3
 *
 * The number is a thread, or an operation of its own; `call push 3` is as good
 * as `call push(3)`.  What comes out of a pop is told by its return or, in
 * some generated logs, by its call: `call pop(3)`, `return`.  A return of
 * `empty`, or of nothing where nothing was told, means an empty object: nil.
 * Calls that never return stay open.  Lines from '#' on are comments, but
 * "@object" decides what `add`, `put`, `remove` and their like stand for.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "harness/base/rng.h"
#include "histories/build.h"
#include "histories/number.h"
#include "histories/read.h"

enum {
    ARGS_MAX = 64,
    NAME_MAX_SIZE = 255,
    SCRATCH_KEEP = 1 << 16,
};

enum object { OBJECT_NONE, OBJECT_QUEUE, OBJECT_STACK, OBJECT_SET };

/* What a name means for an object; OTHER: the name means itself. */
struct method {
    char name[12];
    uint8_t f[4]; /* by enum object */
};

static const struct method methods[] = {
    {"enq", {ORD_F_ENQUEUE, ORD_F_ENQUEUE, ORD_F_PUSH, ORD_F_ADD}},
    {"enqueue", {ORD_F_ENQUEUE, ORD_F_ENQUEUE, ORD_F_PUSH, ORD_F_ADD}},
    {"offer", {ORD_F_ENQUEUE, ORD_F_ENQUEUE, ORD_F_PUSH, ORD_F_ADD}},
    {"push", {ORD_F_PUSH, ORD_F_ENQUEUE, ORD_F_PUSH, ORD_F_ADD}},
    {"add", {ORD_F_ADD, ORD_F_ENQUEUE, ORD_F_PUSH, ORD_F_ADD}},
    {"insert", {ORD_F_ADD, ORD_F_ENQUEUE, ORD_F_PUSH, ORD_F_ADD}},
    {"put", {ORD_F_PUT, ORD_F_ENQUEUE, ORD_F_PUSH, ORD_F_ADD}},
    {"deq", {ORD_F_DEQUEUE, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"dequeue", {ORD_F_DEQUEUE, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"poll", {ORD_F_DEQUEUE, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"take", {ORD_F_DEQUEUE, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"pop", {ORD_F_POP, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"rem", {ORD_F_REMOVE, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"remove", {ORD_F_REMOVE, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"delete", {ORD_F_REMOVE, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_REMOVE}},
    {"get", {ORD_F_GET, ORD_F_DEQUEUE, ORD_F_POP, ORD_F_GET}},
    {"member", {ORD_F_CONTAINS, 0, 0, ORD_F_CONTAINS}},
    {"lock", {ORD_F_ACQUIRE, 0, 0, 0}},
    {"unlock", {ORD_F_RELEASE, 0, 0, 0}},
};

/* What a thread has open: its return has to carry it on. */
struct call {
    int64_t thread;
    bool is_open;
    bool is_used;
    uint8_t f;
    const char *name;
    struct ord_value told; /* in the arena `kept` */
};

struct limo_reader {
    struct ord_history_builder *builder;
    struct ord_arena arena; /* of one line */
    struct ord_arena kept;  /* texts of open calls, and names */
    struct call *calls;     /* owned; open addressing */
    size_t room;
    size_t count;
    size_t open_count;
    enum object object;
    bool is_keyed;
    struct ord_bytes line;
    const char *at; /* in the line */
    const char *end;
    uint64_t number; /* of the line */
};

static int refuse(const struct limo_reader *r, const char *expected,
                  struct ord_err *err)
{
    return ord_fail(err, ORD_EFORMAT,
                    "line %" PRIu64 ", column %zu: expected %s", r->number,
                    (size_t)(r->at - r->line.at) + 1, expected);
}

static int no_memory(const struct limo_reader *r, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "line %" PRIu64 ": more than the memory allowed",
                    r->number);
}

/* ---- calls that are open --------------------------------------------------
 */

static struct call *find(struct call *calls, size_t room, int64_t thread)
{
    size_t at = (size_t)ord_mix((uint64_t)thread) & (room - 1);

    /* Ends: at least a quarter of the places is free. */
    while (calls[at].is_used && calls[at].thread != thread)
        at = (at + 1) & (room - 1);
    return &calls[at];
}

/* Threads whose call returned are not carried over: where every operation has
 * a number of its own, few of them are open at a time. */
static bool grow(struct limo_reader *r)
{
    size_t open = 0;
    size_t room = 64;
    struct call *calls;

    for (size_t i = 0; i < r->room; i++)
        open += r->calls[i].is_used && r->calls[i].is_open;
    while (room / 4 < open)
        room *= 2;
    calls = calloc(room, sizeof *calls);
    if (calls == NULL)
        return false;
    for (size_t i = 0; i < r->room; i++) {
        if (r->calls[i].is_used && r->calls[i].is_open)
            *find(calls, room, r->calls[i].thread) = r->calls[i];
    }
    free(r->calls);
    r->calls = calls;
    r->room = room;
    r->count = open;
    return true;
}

static struct call *call_of(struct limo_reader *r, int64_t thread)
{
    struct call *call;

    if (r->count >= r->room / 4 * 3 && !grow(r))
        return NULL;
    call = find(r->calls, r->room, thread);
    if (!call->is_used) {
        *call = (struct call){.thread = thread, .is_used = true};
        r->count++;
    }
    return call;
}

/* ---- words and values -----------------------------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blank(struct limo_reader *r)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static struct ord_bytes take_name(struct limo_reader *r)
{
    struct ord_bytes name = {r->at, 0};

    while (r->at < r->end && is_name_byte(*r->at))
        r->at++;
    name.size = (size_t)(r->at - name.at);
    return name;
}

static bool is_word(struct ord_bytes text, const char *word)
{
    return text.size == strlen(word) &&
           strncasecmp(text.at, word, text.size) == 0;
}

static bool is_nothing(struct ord_bytes text)
{
    static const char *const words[] = {"empty", "null", "nil", "none"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (is_word(text, words[i]))
            return true;
    }
    return false;
}

static bool number_of(struct ord_bytes text, int64_t *out)
{
    bool is_negative = text.size > 1 && text.at[0] == '-';
    int64_t value = 0;

    if (text.size == 0)
        return false;
    for (size_t i = is_negative; i < text.size; i++) {
        int digit = text.at[i] - '0';

        if (digit < 0 || digit > 9 ||
            __builtin_mul_overflow(value, INT64_C(10), &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

static struct ord_value value_of(struct limo_reader *r, struct ord_bytes text)
{
    struct ord_value value = ord_value_int(0);

    if (text.size == 0 || is_nothing(text))
        return ord_value_nil();
    if (number_of(text, &value.as.number) ||
        ord_number_value(text, &r->arena, &value) == ORD_NUMBER_DONE)
        return value;
    if (is_word(text, "true") || is_word(text, "false"))
        return (struct ord_value){
            .kind = ORD_BOOL,
            .as = {.number = text.at[0] == 't' || text.at[0] == 'T'}};
    return (struct ord_value){.kind = ORD_TEXT,
                              .count = (uint32_t)text.size,
                              .as = {.text = text.at}};
}

/* `a, b` up to `end`: nil, one value or a list; commas within <> () [] {}
 * belong to the value. */
static int values_of(struct limo_reader *r, const char *end,
                     struct ord_value *out, struct ord_err *err)
{
    const char *from = r->at;
    int depth = 0;

    *out = ord_value_list(NULL, 0);
    for (; r->at <= end; r->at++) {
        char c = r->at == end ? ',' : *r->at;
        struct ord_bytes text;
        struct ord_value value;

        depth += c == '<' || c == '(' || c == '[' || c == '{';
        depth -= c == '>' || c == ')' || c == ']' || c == '}';
        if (c != ',' || (depth > 0 && r->at != end))
            continue;
        text = (struct ord_bytes){from, (size_t)(r->at - from)};
        while (text.size > 0 && is_blank(text.at[text.size - 1]))
            text.size--;
        for (; text.size > 0 && is_blank(*text.at); text.size--)
            text.at++;
        value = value_of(r, text);
        if (out->count == ARGS_MAX)
            return refuse(r, "at most 64 values", err);
        if (!ord_value_push(&r->arena, out, &value))
            return no_memory(r, err);
        from = r->at + 1;
    }
    r->at = end;
    if (out->count == 1)
        *out = out->as.items[0];
    return ORD_OK;
}

/* ---- lines ----------------------------------------------------------------
 */

/* Does its result come out of the object? */
static bool is_taking(uint8_t f)
{
    return f == ORD_F_DEQUEUE || f == ORD_F_POP;
}

static bool is_putting(uint8_t f)
{
    return f == ORD_F_ENQUEUE || f == ORD_F_PUSH;
}

static int name_op(struct limo_reader *r, struct ord_bytes name,
                   struct ord_op *op, struct ord_err *err)
{
    char *copy;

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (is_word(name, methods[i].name) &&
            methods[i].f[r->object] != ORD_F_OTHER) {
            op->f = methods[i].f[r->object];
            op->name = ord_f_name(op->f);
            return ORD_OK;
        }
    }
    copy = ord_arena_copy(&r->kept, name);
    if (copy == NULL)
        return no_memory(r, err);
    op->f = (uint8_t)ord_f_of(name);
    op->name = copy;
    return ORD_OK;
}

static int take_call(struct limo_reader *r, struct ord_op *op,
                     struct ord_err *err)
{
    struct call *call = call_of(r, op->process);
    struct ord_bytes name;
    const char *end = r->end;

    if (call == NULL)
        return no_memory(r, err);
    skip_blank(r);
    name = take_name(r);
    if (name.size == 0 || name.size > NAME_MAX_SIZE)
        return refuse(r, "a name: push, pop, enq, deq, ...", err);
    if (name_op(r, name, op, err) != ORD_OK)
        return err->rc;
    skip_blank(r);
    if (r->at < r->end && *r->at == '(') {
        end = r->end - 1;
        if (*end != ')')
            return refuse(r, "arguments (...) to the end of the line", err);
        r->at++;
    }
    if (values_of(r, end, &op->value, err) != ORD_OK)
        return err->rc;
    if (call->is_open)
        return ORD_OK; /* which the builder is going to refuse */
    call->is_open = true;
    r->open_count++;
    call->f = op->f;
    call->name = op->name;
    if (!ord_value_copy(&r->kept, &op->value, &call->told))
        return no_memory(r, err);
    if (is_taking(op->f))
        op->value = ord_value_nil();
    return ORD_OK;
}

static int take_return(struct limo_reader *r, struct ord_op *op,
                       struct ord_err *err)
{
    struct call *call = call_of(r, op->process);
    bool is_told;

    if (call == NULL)
        return no_memory(r, err);
    if (!call->is_open)
        return refuse(r, "a call of this thread before its return", err);
    skip_blank(r);
    is_told = r->at < r->end;
    if (values_of(r, r->end, &op->value, err) != ORD_OK)
        return err->rc;
    op->type = ORD_OP_OK;
    op->f = call->f;
    op->name = call->name;
    if (is_putting(op->f) && op->value.kind == ORD_BOOL &&
        op->value.as.number == 0)
        op->type = ORD_OP_FAIL; /* it was full */
    if (is_putting(op->f) || !is_told)
        op->value = call->told;
    call->is_open = false;
    r->open_count--;
    return ORD_OK;
}

static void take_object(struct limo_reader *r, struct ord_bytes comment)
{
    const char *at = memmem(comment.at, comment.size, "@object", 7);
    size_t size;

    if (at == NULL)
        return;
    size = comment.size - (size_t)(at - comment.at);
    if (memmem(at, size, "queue", 5) != NULL)
        r->object = OBJECT_QUEUE;
    else if (memmem(at, size, "stack", 5) != NULL)
        r->object = OBJECT_STACK;
    else if (memmem(at, size, "set", 3) != NULL)
        r->object = OBJECT_SET;
}

/* [12] call ... or [12] return ... */
static int take_event(struct limo_reader *r, struct ord_err *err)
{
    struct ord_op op = ord_op_empty();
    struct ord_bytes word = {r->at + 1, 0};
    int rc;

    if (*r->at != '[')
        return refuse(r, "[THREAD] call ... or [THREAD] return ...", err);
    while (word.at + word.size < r->end && word.at[word.size] != ']')
        word.size++;
    if (word.at + word.size == r->end || !number_of(word, &op.process) ||
        op.process < 0)
        return refuse(r, "[N], N a thread's number from 0", err);
    r->at = word.at + word.size + 1;
    skip_blank(r);
    word = take_name(r);
    if (is_word(word, "call"))
        rc = take_call(r, &op, err);
    else if (is_word(word, "return") || is_word(word, "ret"))
        rc = take_return(r, &op, err);
    else
        return refuse(r, "call or return before this", err);
    if (rc != ORD_OK)
        return rc;
    if ((r->is_keyed && ord_split_key(&op, err) != ORD_OK) ||
        ord_history_add(r->builder, &op, err) != ORD_OK)
        return ord_wrap(err, "line %" PRIu64, r->number);
    return ORD_OK;
}

static int take_line(struct limo_reader *r, struct ord_err *err)
{
    const char *comment = memchr(r->line.at, '#', r->line.size);

    r->at = r->line.at;
    r->end = r->line.at + r->line.size;
    if (comment != NULL) {
        take_object(r, (struct ord_bytes){comment, (size_t)(r->end - comment)});
        r->end = comment;
    }
    while (r->end > r->at && is_blank(r->end[-1]))
        r->end--;
    skip_blank(r);
    if (r->arena.taken_size > SCRATCH_KEEP)
        ord_arena_fini(&r->arena);
    if (r->open_count == 0 && r->kept.taken_size > SCRATCH_KEEP)
        ord_arena_fini(&r->kept);
    return r->at == r->end ? ORD_OK : take_event(r, err);
}

int ord_read_limo(struct ord_source *source,
                  const struct ord_history_options *how,
                  struct ord_history **out, struct ord_err *err)
{
    const struct ord_read_limits limits = ord_read_limits(how);
    struct limo_reader r = {.is_keyed = how->is_keyed};
    int rc = ord_history_builder_new(limits.history, &r.builder, err);

    ord_arena_init(&r.arena, limits.scratch / 2);
    ord_arena_init(&r.kept, limits.scratch / 2);
    if (rc == ORD_OK)
        r.builder->pairs_at_once = true;
    while (rc == ORD_OK) {
        r.number = source->line;
        rc = ord_source_line(source, &r.line, err);
        if (rc != ORD_OK || r.line.at == NULL)
            break;
        rc = take_line(&r, err);
    }
    if (rc == ORD_OK)
        rc = ord_builder_finish(&r.builder, ORD_ORDER_AS_ADDED, out, err);
    ord_history_builder_free(&r.builder);
    ord_arena_fini(&r.kept);
    ord_arena_fini(&r.arena);
    free(r.calls);
    return rc;
}
