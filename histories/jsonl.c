/* jsonl.c -- one JSON object a line, as we write it and as others do.
 *
 * {"index":0,"time":123,"type":"invoke","process":0,"f":"write","key":3,
 *  "value":5,"node":"n1"}   with "session", "device", "epoch", "position",
 * "final", "error" where there is something to say.  Reading: members in any
 * order, unknown ones skipped, "index" too: the order of the lines counts.
 * Keywords that kept their colon (":invoke") are taken without it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "histories/build.h"
#include "histories/fast.h"
#include "histories/read.h"
#include "histories/write.h"

enum {
    SCRATCH_KEEP = 1 << 16,
    HAS_PROCESS = 1 << 0,
    HAS_TYPE = 1 << 1,
    HAS_F = 1 << 2,
    HAS_ALL = HAS_PROCESS | HAS_TYPE | HAS_F,
};

/* ---- reading ------------------------------------------------------------- */

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

static bool take_process(struct json_reader *r)
{
    struct ord_bytes word;

    r->has |= HAS_PROCESS;
    if (ord_json_peek(&r->in) == ORD_JSON_STRING) {
        r->op.process = ORD_PROCESS_NEMESIS;
        return take_word(r, &word);
    }
    return (ord_json_int(&r->in, &r->op.process) && r->op.process >= 0) ||
           refuse(r, "a \"process\" that is 0, 1, ... or \"nemesis\"");
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
        return take_process(r);
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

static int add(struct json_reader *r, struct ord_op *op, uint64_t line,
               struct ord_err *err)
{
    if ((r->is_keyed && ord_split_key(op, err) != ORD_OK) ||
        ord_history_add(r->builder, op, err) != ORD_OK)
        return ord_wrap(err, "line %" PRIu64, line);
    return ORD_OK;
}

static int take_line(struct json_reader *r, struct ord_bytes text,
                     uint64_t line, struct ord_err *err)
{
    r->in = (struct ord_json){.at = text.at, .end = text.at + text.size};
    r->expected = NULL;
    if (ord_json_done(&r->in))
        return ORD_OK; /* an empty line */
    r->has_err = false;
    if (!take_op(r, err)) {
        if (r->has_err)
            return ord_wrap(err, "line %" PRIu64, line);
        return ord_fail(
            err, ORD_EFORMAT, "line %" PRIu64 ", column %zu: expected %s", line,
            (size_t)(r->in.at - text.at) + 1,
            r->expected != NULL ? r->expected
                                : "a JSON value, nested at most 16 deep");
    }
    return add(r, &r->op, line, err);
}

static int take_all(struct json_reader *r, struct ord_source *source,
                    struct ord_err *err)
{
    for (;;) {
        uint64_t number = source->line;
        struct ord_bytes line;

        if (r->arena.taken_size > SCRATCH_KEEP)
            ord_arena_fini(&r->arena);
        if (!r->is_general && ord_source_peek(source) == '{' &&
            ord_fast_json(&r->fast, source) == ORD_FAST_DONE) {
            if (add(r, &r->fast.op, number, err) != ORD_OK)
                return err->rc;
            continue;
        }
        if (ord_source_line(source, &line, err) != ORD_OK)
            return err->rc;
        if (line.at == NULL)
            return ORD_OK;
        if (take_line(r, line, number, err) != ORD_OK)
            return err->rc;
    }
}

int ord_read_jsonl(struct ord_source *source,
                   const struct ord_history_options *how,
                   struct ord_history **out, struct ord_err *err)
{
    struct json_reader *r = calloc(1, sizeof *r);
    int rc;

    if (r == NULL)
        return ord_fail(err, ORD_ENOMEM, "a reader");
    ord_arena_init(&r->arena, ord_history_size_max(how));
    r->is_keyed = how->is_keyed;
    r->is_general = how->is_general;
    rc = ord_history_builder_new(ord_history_size_max(how), &r->builder, err);
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

/* ---- writing ------------------------------------------------------------- */

static void number_out(struct ord_buf *out, const char *name, int64_t number)
{
    ord_buf_text(out, name);
    ord_buf_int(out, number);
}

static void extras_out(const struct ord_history *history,
                       const struct ord_op *op, struct ord_buf *out)
{
    if (op->node != ORD_NODE_NONE) {
        ord_buf_text(out, ",\"node\":");
        ord_buf_json(out,
                     ord_bytes_of(ord_history_node_name(history, op->node)));
    }
    if (op->epoch != ORD_NONE)
        number_out(out, ",\"epoch\":", op->epoch);
    if (op->position != ORD_NONE)
        number_out(out, ",\"position\":", op->position);
    if (op->session != ORD_NONE)
        number_out(out, ",\"session\":", op->session);
    if (op->device != 0)
        number_out(out, ",\"device\":", op->device);
    if (op->is_final)
        ord_buf_text(out, ",\"final\":true");
    if (op->error != NULL) {
        ord_buf_text(out, ",\"error\":");
        ord_buf_json(out, ord_bytes_of(op->error));
    }
}

static void op_out(const struct ord_history *history, const struct ord_op *op,
                   struct ord_buf *out)
{
    number_out(out, "{\"index\":", op->index);
    number_out(out, ",\"time\":", op->time_ns);
    ord_buf_text(out, ",\"type\":\"");
    ord_buf_text(out, ord_op_type_name(op->type));
    ord_buf_text(out, "\",\"process\":");
    if (op->process == ORD_PROCESS_NEMESIS)
        ord_buf_text(out, "\"nemesis\"");
    else
        ord_buf_int(out, op->process);
    ord_buf_text(out, ",\"f\":");
    ord_buf_json(out, ord_bytes_of(op->name));
    if (op->key.kind != ORD_NIL) {
        ord_buf_text(out, ",\"key\":");
        ord_value_to_json(&op->key, out);
    }
    ord_buf_text(out, ",\"value\":");
    ord_value_to_json(&op->value, out);
    extras_out(history, op, out);
    ord_buf_text(out, "}\n");
}

int ord_history_write_jsonl(const struct ord_history *history, int fd,
                            struct ord_err *err)
{
    return ord_history_write_ops(history, fd, op_out, err);
}
