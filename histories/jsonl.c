/* jsonl.c -- one JSON object a line, as we write it and as others do; also
 * objects over several lines, and all of them in one array.
 *
 * {"index":0,"time":123,"type":"invoke","process":0,"f":"write","key":3,
 *  "value":5,"node":"n1"}   with "session", "device", "epoch", "position",
 * "final", "error" where there is something to say.  Reading: members in any
 * order, unknown ones skipped, "index" too: the order of the lines counts.
 * Keywords that kept their colon (":invoke") are taken without it.  A process
 * may have a name: README.md.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "histories/build.h"
#include "histories/fast.h"
#include "histories/read.h"

enum {
    SCRATCH_KEEP = 1 << 16,
    HAS_PROCESS = 1 << 0,
    HAS_TYPE = 1 << 1,
    HAS_F = 1 << 2,
    HAS_ALL = HAS_PROCESS | HAS_TYPE | HAS_F,
};

struct json_reader {
    struct ord_json in;
    struct ord_arena arena; /* of one line */
    struct ord_history_builder *builder;
    struct ord_fast fast;
    bool is_general; /* no fast reading: for tests */
    bool is_keyed;
    struct ord_op op;
    unsigned has;
    const char *expected; /* what the line lacks, if it is refused */
    bool has_err;         /* a layer below has said why, in err */
};

/* Both from 1. */
struct place {
    uint64_t line;
    uint64_t column;
};

static bool refuse(struct json_reader *r, const char *expected)
{
    if (r->expected == NULL)
        r->expected = expected;
    return false;
}

/* A string without its escapes and, if it is a keyword, without its colon. */
static bool take_word(struct json_reader *r, struct ord_bytes *word)
{
    struct ord_bytes raw;

    if (!ord_json_string(&r->in, &raw))
        return false;
    *word = ord_json_unescape(&r->arena, raw);
    if (word->at == NULL)
        return false;
    if (word->size > 1 && word->at[0] == ':') {
        word->at++;
        word->size--;
    }
    return true;
}

static bool take_process(struct json_reader *r, struct ord_err *err)
{
    struct ord_bytes name;

    r->has |= HAS_PROCESS;
    if (ord_json_peek(&r->in) != ORD_JSON_STRING)
        return (ord_json_int(&r->in, &r->op.process) && r->op.process >= 0 &&
                ord_builder_may_number(r->builder, r->op.process)) ||
               refuse(r, "a \"process\" that is 0, 1, ... or a name");
    if (!ord_json_string(&r->in, &name))
        return false;
    name = ord_json_unescape(&r->arena, name);
    if (name.at == NULL)
        return false;
    if (ord_builder_process(r->builder, name, &r->op.process, err) == ORD_OK)
        return true;
    r->has_err = err->rc != ORD_EFORMAT;
    return !r->has_err && refuse(r, ord_arena_strdup(&r->arena, err->text));
}

static bool take_type(struct json_reader *r)
{
    struct ord_bytes word;

    r->has |= HAS_TYPE;
    return (take_word(r, &word) && ord_op_type_of(word, &r->op.type)) ||
           refuse(r, "a \"type\" of invoke, ok, fail or info");
}

static bool take_f(struct json_reader *r)
{
    struct ord_bytes word;

    r->has |= HAS_F;
    if (!take_word(r, &word))
        return refuse(r, "a string as \"f\"");
    r->op.f = (uint8_t)ord_f_of(word);
    r->op.name = word.at;
    return true;
}

/* null: nothing said. */
static bool take_number(struct json_reader *r, int64_t *out)
{
    return ord_json_null(&r->in) || ord_json_int(&r->in, out) ||
           refuse(r, "a whole number");
}

static bool take_device(struct json_reader *r)
{
    int64_t device = 0;

    if (!take_number(r, &device) || device < 0 || device > UINT8_MAX)
        return refuse(r, "a \"device\" from 0 to 255");
    r->op.device = (uint8_t)device;
    return true;
}

static bool take_error(struct json_reader *r)
{
    struct ord_bytes text;

    if (ord_json_null(&r->in))
        return true;
    if (ord_json_peek(&r->in) == ORD_JSON_STRING) {
        if (!ord_json_string(&r->in, &text))
            return false;
        text = ord_json_unescape(&r->arena, text);
        r->op.error = text.at;
        return text.at != NULL;
    }
    text.at = r->in.at; /* of another shape: as it stands */
    if (!ord_json_skip(&r->in))
        return false;
    text.size = (size_t)(r->in.at - text.at);
    r->op.error = ord_arena_copy(&r->arena, text);
    return r->op.error != NULL;
}

static bool take_node(struct json_reader *r, struct ord_err *err)
{
    struct ord_bytes raw;

    if (ord_json_peek(&r->in) != ORD_JSON_STRING)
        return ord_json_skip(&r->in);
    if (!ord_json_string(&r->in, &raw))
        return false;
    raw = ord_json_unescape(&r->arena, raw);
    if (raw.at == NULL)
        return false;
    r->has_err = ord_builder_node(r->builder, raw, &r->op.node, err) != ORD_OK;
    return !r->has_err;
}

static bool take_final(struct json_reader *r)
{
    return ord_json_null(&r->in) || ord_json_bool(&r->in, &r->op.is_final) ||
           refuse(r, "true or false as \"final\"");
}

static bool take_member(struct json_reader *r, struct ord_bytes key,
                        struct ord_err *err)
{
    struct ord_op *op = &r->op;

    if (ord_bytes_is(key, "time"))
        return take_number(r, &op->time_ns);
    if (ord_bytes_is(key, "type"))
        return take_type(r);
    if (ord_bytes_is(key, "process"))
        return take_process(r, err);
    if (ord_bytes_is(key, "f"))
        return take_f(r);
    if (ord_bytes_is(key, "key"))
        return ord_value_from_json(&r->in, &r->arena, &op->key);
    if (ord_bytes_is(key, "value"))
        return ord_value_from_json(&r->in, &r->arena, &op->value);
    if (ord_bytes_is(key, "node"))
        return take_node(r, err);
    if (ord_bytes_is(key, "epoch"))
        return take_number(r, &op->epoch);
    if (ord_bytes_is(key, "position"))
        return take_number(r, &op->position);
    if (ord_bytes_is(key, "session"))
        return take_number(r, &op->session);
    if (ord_bytes_is(key, "device"))
        return take_device(r);
    if (ord_bytes_is(key, "final") || ord_bytes_is(key, "final?"))
        return take_final(r);
    if (ord_bytes_is(key, "error"))
        return take_error(r);
    return ord_json_skip(&r->in);
}

static bool take_op(struct json_reader *r, struct ord_err *err)
{
    struct ord_bytes key;

    r->op = ord_op_empty();
    r->has = 0;
    if (!ord_json_enter(&r->in, '{'))
        return refuse(r, "an object {...}");
    while (ord_json_member(&r->in, &key)) {
        if (key.size > 1 && key.at[0] == ':') {
            key.at++;
            key.size--;
        }
        if (!take_member(r, key, err))
            return false;
    }
    if (!ord_json_left(&r->in, '}'))
        return refuse(r, "a member \"name\": value, or }");
    if (!ord_json_done(&r->in))
        return refuse(r, "the end of the line");
    if (r->has != HAS_ALL)
        return refuse(r, (r->has & HAS_PROCESS) == 0 ? "a \"process\""
                         : (r->has & HAS_TYPE) == 0  ? "a \"type\""
                                                     : "an \"f\"");
    return true;
}

static int wrap_at(const struct place *at, struct ord_err *err)
{
    return ord_wrap(err, "line %" PRIu64 ", column %" PRIu64, at->line,
                    at->column);
}

static int add(struct json_reader *r, struct ord_op *op, const struct place *at,
               struct ord_err *err)
{
    if ((r->is_keyed && ord_split_key(op, err) != ORD_OK) ||
        ord_history_add(r->builder, op, err) != ORD_OK)
        return wrap_at(at, err);
    return ORD_OK;
}

/* Bytes of the escape at `at`, which is a backslash; 0: it stands for no
 * character. */
static size_t escape_size(const char *at, const char *end)
{
    char text[6 + 6 + 1] = {0};
    size_t size = (size_t)(end - at) < 12 ? (size_t)(end - at) : 12;
    unsigned code;
    unsigned low;

    memcpy(text, at, size);
    if (text[1] == '\0' || text[1] != 'u')
        return strchr("\"\\/bfnrt", text[1]) != NULL && text[1] != '\0' ? 2 : 0;
    if (strspn(text + 2, "0123456789abcdefABCDEF") < 4 ||
        sscanf(text + 2, "%4x", &code) != 1)
        return 0;
    if (code < 0xd800 || code > 0xdfff)
        return 6;
    if (code > 0xdbff || text[6] != '\\' || text[7] != 'u' ||
        strspn(text + 8, "0123456789abcdefABCDEF") < 4 ||
        sscanf(text + 8, "%4x", &low) != 1 || low < 0xdc00 || low > 0xdfff)
        return 0;
    return 12;
}

/* The first bad escape of the last string before the scanner; NULL: none. */
static const char *bad_escape(const struct json_reader *r,
                              struct ord_bytes text)
{
    const char *bad = NULL;
    bool is_string = false;

    for (const char *at = text.at; at < r->in.at; at++) {
        size_t size = 2;

        if (*at == '"') {
            is_string = !is_string;
            bad = is_string ? NULL : bad;
        } else if (is_string && *at == '\\') {
            size = escape_size(at, r->in.at);
            if (size == 0 && bad == NULL)
                bad = at;
            at += size > 0 ? size - 1 : 1;
        }
    }
    return bad;
}

/* Where in the text the scanner stands, which may be lines behind `at`. */
static int fail_at(struct json_reader *r, struct ord_bytes text,
                   const struct place *at, struct ord_err *err)
{
    const char *bad = bad_escape(r, text);
    struct place now = *at;

    if (bad != NULL) {
        r->in.at = bad;
        r->expected = "an escape that stands for a character (\\n, \\\", "
                      "\\u0041; \\ud83d only in front of its other half)";
    }
    for (const char *c = text.at; c < r->in.at; c++) {
        now.column++;
        if (*c == '\n') {
            now.line++;
            now.column = 1;
        }
    }
    return ord_fail(
        err, ORD_EFORMAT, "line %" PRIu64 ", column %" PRIu64 ": expected %s",
        now.line, now.column,
        r->expected != NULL ? r->expected
                            : "a JSON value, nested at most 16 deep");
}

/* One object, and nothing behind it. */
static int take_text(struct json_reader *r, struct ord_bytes text,
                     const struct place *at, struct ord_err *err)
{
    r->in = (struct ord_json){.at = text.at, .end = text.at + text.size};
    r->expected = NULL;
    r->has_err = false;
    if (ord_json_done(&r->in))
        return ORD_OK; /* an empty line */
    if (take_op(r, err))
        return add(r, &r->op, at, err);
    if (r->has_err)
        return wrap_at(at, err);
    return fail_at(r, text, at, err);
}

/* ---- objects over several lines --------------------------------------------
 */

/* Tries to have byte i in the window. */
static bool has_byte(struct ord_source *s, size_t i, size_t *have)
{
    const size_t max = ord_source_max(s);

    if (i >= *have && i < max)
        *have = ord_source_need(s, i < max / 2 ? 2 * i + 1 : max);
    return i < *have;
}

/* Bytes of the object at the front, which is '{', by its brackets; 0: it does
 * not end, or not within what the window may have. */
static size_t object_size(struct ord_source *s)
{
    size_t have = ord_source_need(s, 1);
    size_t depth = 0;
    bool is_string = false;

    for (size_t i = 0; has_byte(s, i, &have); i++) {
        char c = s->at[i];

        if (c == '"')
            is_string = !is_string;
        else if (is_string)
            i += c == '\\'; /* what is escaped is no quote */
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return i + 1;
    }
    return 0;
}

static void skip_bytes(struct ord_source *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ord_source_skip(s);
}

static int skip_space(struct ord_source *s)
{
    int c = ord_source_peek(s);

    while (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        ord_source_skip(s);
        c = ord_source_peek(s);
    }
    return c;
}

static int fail_here(struct ord_source *s, const char *expected,
                     struct ord_err *err)
{
    if (ord_source_check(s, err) != ORD_OK)
        return err->rc;
    return ord_fail(err, ORD_EFORMAT,
                    "line %" PRIu64 ", column %" PRIu64 ": expected %s",
                    s->line, ord_source_column(s), expected);
}

/* Stands at the '{' of an object that may have several lines. */
static int take_object(struct json_reader *r, struct ord_source *s,
                       struct ord_err *err)
{
    const struct place at = {s->line, ord_source_column(s)};
    size_t size;
    int rc;

    if (!r->is_general && ord_fast_json(&r->fast, s, false) == ORD_FAST_DONE)
        return add(r, &r->fast.op, &at, err);
    size = object_size(s);
    if (size == 0 && !s->is_ended)
        return ord_fail(err, ORD_ELIMIT,
                        "line %" PRIu64 ": an object longer than %zu bytes",
                        at.line, ord_source_max(s));
    if (size == 0) /* the error is where the end of the input is met */
        size = (size_t)(s->end - s->at);
    rc = take_text(r, (struct ord_bytes){s->at, size}, &at, err);
    if (ord_source_check(s, err) != ORD_OK)
        return err->rc;
    if (rc == ORD_OK)
        skip_bytes(s, size);
    return rc;
}

/* Stands behind the '[' around all. */
static int take_array(struct json_reader *r, struct ord_source *s,
                      struct ord_err *err)
{
    int c = skip_space(s);

    while (c == '{') {
        if (r->arena.taken_size > SCRATCH_KEEP)
            ord_arena_fini(&r->arena);
        if (take_object(r, s, err) != ORD_OK)
            return err->rc;
        c = skip_space(s);
        if (c != ',')
            break;
        ord_source_skip(s);
        c = skip_space(s);
        if (c != '{')
            return fail_here(s, "an object {...}", err);
    }
    if (c != ']')
        return fail_here(s, "an object {...}, a comma or ]", err);
    ord_source_skip(s);
    c = skip_space(s);
    return c < 0 ? ord_source_check(s, err) : fail_here(s, "the end", err);
}

/* ---- one object a line ------------------------------------------------------
 */

/* The lines of the object at the front, if there are several: then it is read.
 * What stands behind its end is for the next line. */
static int take_lines(struct json_reader *r, struct ord_source *s,
                      bool *was_read, struct ord_err *err)
{
    size_t size = object_size(s);

    *was_read = size > 0 && memchr(s->at, '\n', size) != NULL;
    return *was_read ? take_object(r, s, err) : ORD_OK;
}

static int take_line(struct json_reader *r, struct ord_source *s,
                     struct ord_err *err)
{
    const struct place at = {s->line, ord_source_column(s)};
    struct ord_bytes line;
    bool was_read = false;
    int rc;

    if (ord_source_peek(s) == '{') {
        if (!r->is_general && ord_fast_json(&r->fast, s, true) == ORD_FAST_DONE)
            return add(r, &r->fast.op, &at, err);
        rc = take_lines(r, s, &was_read, err);
        if (was_read)
            return rc;
    }
    if (ord_source_line(s, &line, err) != ORD_OK)
        return err->rc;
    if (line.at == NULL)
        return ORD_OK;
    return take_text(r, line, &at, err);
}

static int take_all(struct json_reader *r, struct ord_source *s,
                    struct ord_err *err)
{
    if (skip_space(s) == '[') {
        ord_source_skip(s);
        return take_array(r, s, err);
    }
    while (ord_source_peek(s) >= 0) {
        if (r->arena.taken_size > SCRATCH_KEEP)
            ord_arena_fini(&r->arena);
        if (take_line(r, s, err) != ORD_OK)
            return err->rc;
    }
    return ord_source_check(s, err);
}

int ord_read_jsonl(struct ord_source *source,
                   const struct ord_history_options *how,
                   struct ord_history **out, struct ord_err *err)
{
    struct json_reader *r = calloc(1, sizeof *r);
    int rc;

    if (r == NULL)
        return ord_fail(err, ORD_ENOMEM, "a reader");
    ord_arena_init(&r->arena, ord_read_limits(how).scratch);
    r->is_keyed = how->is_keyed;
    r->is_general = how->is_general;
    rc =
        ord_history_builder_new(ord_read_limits(how).history, &r->builder, err);
    if (rc == ORD_OK) {
        r->builder->pairs_at_once = true;
        ord_fast_init(&r->fast, &r->arena, r->builder);
        rc = take_all(r, source, err);
    }
    if (rc == ORD_OK)
        rc = ord_builder_finish(&r->builder, ORD_ORDER_AS_ADDED, out, err);
    ord_history_builder_free(&r->builder);
    ord_fast_fini(&r->fast);
    ord_arena_fini(&r->arena);
    free(r);
    return rc;
}
