/* edn_read.c -- histories as Jepsen, Knossos and elle-cli write them.
 *
 * One map an operation, one after the other or in one vector or list; keys in
 * any order, but none of ours twice, unknown ones skipped.  The order of the
 * file is the truth.  Where no operation has a :process, as in tests of
 * checkers, all are of one process.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "histories/build.h"
#include "histories/edn.h"
#include "histories/fast.h"
#include "histories/read.h"

struct edn_reader {
    struct ord_edn in;
    struct ord_history_builder *builder;
    struct ord_fast fast;
    bool is_general; /* no fast reading: for tests */
    bool is_keyed;
    bool is_anonymous; /* no operation names its process: all are of one */
    struct ord_op op;  /* the one being read */
    unsigned has;      /* bits: enum ord_fast_field */
};

/* The text of a keyword, string or symbol; everything else as it prints. */
static int take_text(struct edn_reader *r, struct ord_bytes *out,
                     struct ord_err *err)
{
    struct ord_value value;
    struct ord_buf printed;

    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    if (value.kind == ORD_TEXT) {
        *out = (struct ord_bytes){value.as.text, value.count};
        return ORD_OK;
    }
    ord_buf_init(&printed, ORD_EDN_TOKEN_MAX);
    ord_value_to_edn(&value, &printed);
    *out = (struct ord_bytes){
        ord_arena_copy(&r->in.arena, ord_buf_bytes(&printed)), printed.size};
    ord_buf_fini(&printed);
    return out->at == NULL || printed.failed
               ? ord_fail(err, ORD_ENOMEM, "a text too big")
               : ORD_OK;
}

static int take_process(struct edn_reader *r, struct ord_err *err)
{
    static const char who[] = "a :process that is 0, 1, ... or a name";
    char expected[ORD_ERR_TEXT_SIZE];
    struct ord_value value;
    bool is_number;
    int rc;
    int c;

    if (ord_edn_next(&r->in, &c, err) != ORD_OK)
        return err->rc;
    is_number = (c >= '0' && c <= '9') || c == '-' || c == '+';
    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    if (value.kind == ORD_INT && value.as.number >= 0 &&
        ord_builder_may_number(r->builder, value.as.number)) {
        r->op.process = value.as.number;
        return ORD_OK;
    }
    if (value.kind != ORD_TEXT || is_number)
        return ord_edn_fail(&r->in, who, err);
    rc = ord_builder_process(r->builder,
                             (struct ord_bytes){value.as.text, value.count},
                             &r->op.process, err);
    if (rc != ORD_EFORMAT)
        return rc;
    memcpy(expected, err->text, sizeof expected);
    return ord_edn_fail(&r->in, expected, err);
}

static int take_type(struct edn_reader *r, struct ord_err *err)
{
    struct ord_bytes text;

    if (take_text(r, &text, err) != ORD_OK)
        return err->rc;
    if (!ord_op_type_of(text, &r->op.type))
        return ord_edn_fail(
            &r->in, "a :type of :invoke, :ok, :fail or :info before this", err);
    return ORD_OK;
}

static int take_f(struct edn_reader *r, struct ord_err *err)
{
    struct ord_bytes text;

    if (take_text(r, &text, err) != ORD_OK)
        return err->rc;
    r->op.f = (uint8_t)ord_f_of(text);
    r->op.name = text.at;
    return ORD_OK;
}

static int take_error(struct edn_reader *r, struct ord_err *err)
{
    struct ord_value value;
    struct ord_buf printed;
    int c;

    if (ord_edn_next(&r->in, &c, err) != ORD_OK)
        return err->rc;
    if (c != '[' && c != '(' && c != '{' && c != '#') {
        if (ord_edn_value(&r->in, &value, err) != ORD_OK)
            return err->rc;
        if (value.kind == ORD_NIL)
            return ORD_OK;
        if (value.kind == ORD_TEXT) {
            r->op.error = value.as.text;
            return ORD_OK;
        }
    } else if (ord_edn_value(&r->in, &value, err) != ORD_OK) {
        return err->rc;
    }
    ord_buf_init(&printed, ORD_EDN_TOKEN_MAX);
    ord_value_to_edn(&value, &printed);
    r->op.error = ord_arena_copy(&r->in.arena, ord_buf_bytes(&printed));
    ord_buf_fini(&printed);
    return r->op.error == NULL ? ord_fail(err, ORD_ENOMEM, "an :error too big")
                               : ORD_OK;
}

static int take_node(struct edn_reader *r, struct ord_err *err)
{
    struct ord_value value;

    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    if (value.kind != ORD_TEXT)
        return ORD_OK; /* nil, or something that is no name */
    return ord_builder_node(r->builder,
                            (struct ord_bytes){value.as.text, value.count},
                            &r->op.node, err);
}

/* A number of ours; another tool's extra of the same name may be anything. */
static int take_number(struct edn_reader *r, int64_t *out, struct ord_err *err)
{
    struct ord_value value;

    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    if (value.kind == ORD_INT)
        *out = value.as.number;
    return ORD_OK;
}

static int take_device(struct edn_reader *r, struct ord_err *err)
{
    int64_t device = 0;

    if (take_number(r, &device, err) != ORD_OK)
        return err->rc;
    if (device >= 0 && device <= UINT8_MAX)
        r->op.device = (uint8_t)device;
    return ORD_OK;
}

static int take_final(struct edn_reader *r, struct ord_err *err)
{
    struct ord_value value;

    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    r->op.is_final = value.kind == ORD_BOOL && value.as.number != 0;
    return ORD_OK;
}

static int take_field(struct edn_reader *r, enum ord_fast_field field,
                      struct ord_err *err)
{
    struct ord_op *op = &r->op;

    switch (field) {
    case ORD_FIELD_PROCESS:
        return take_process(r, err);
    case ORD_FIELD_TYPE:
        return take_type(r, err);
    case ORD_FIELD_F:
        return take_f(r, err);
    case ORD_FIELD_VALUE:
        return ord_edn_value(&r->in, &op->value, err);
    case ORD_FIELD_KEY:
        return ord_edn_value(&r->in, &op->key, err);
    case ORD_FIELD_TIME:
        return take_number(r, &op->time_ns, err);
    case ORD_FIELD_ERROR:
        return take_error(r, err);
    case ORD_FIELD_NODE:
        return take_node(r, err);
    case ORD_FIELD_SESSION:
        return take_number(r, &op->session, err);
    case ORD_FIELD_EPOCH:
        return take_number(r, &op->epoch, err);
    case ORD_FIELD_POSITION:
        return take_number(r, &op->position, err);
    case ORD_FIELD_DEVICE:
        return take_device(r, err);
    case ORD_FIELD_FINAL:
        return take_final(r, err);
    default:
        return ord_edn_skip(&r->in, err);
    }
}

/* Stands at the ':' of a key. */
static int take_pair(struct edn_reader *r, struct ord_err *err)
{
    const uint64_t line = r->in.source->line;
    const uint64_t column = ord_source_column(r->in.source);
    struct ord_bytes key;
    enum ord_fast_field field;

    if (ord_edn_word(&r->in, err) != ORD_OK)
        return err->rc;
    key = ord_buf_bytes(&r->in.token);
    field = ord_fast_field_of(key.at + 1, key.size - 1);
    if (field != ORD_FIELD_OTHER && (r->has & 1U << field) != 0)
        return ord_fail(err, ORD_EFORMAT,
                        "line %" PRIu64 ", column %" PRIu64
                        ": expected another key, found %.*s once more",
                        line, column, (int)key.size, key.at);
    r->has |= 1U << field;
    return take_field(r, field, err);
}

/* What every operation has to have. */
static const char *lacks(const struct edn_reader *r)
{
    if ((r->has & 1U << ORD_FIELD_PROCESS) == 0)
        return ":process (0, 1, ... or a name) before this";
    if ((r->has & 1U << ORD_FIELD_TYPE) == 0)
        return ":type before this";
    return (r->has & 1U << ORD_FIELD_F) == 0 ? ":f before this" : NULL;
}

/* Stands at the '{' of an operation. */
static int take_op_slowly(struct edn_reader *r, struct ord_err *err)
{
    int c;

    r->op = ord_op_empty();
    r->has = 0;
    ord_source_skip(r->in.source);
    for (;;) {
        if (ord_edn_next(&r->in, &c, err) != ORD_OK)
            return err->rc;
        if (c == '}')
            break;
        if (c == ':') {
            if (take_pair(r, err) != ORD_OK)
                return err->rc;
        } else if (ord_edn_skip(&r->in, err) != ORD_OK ||
                   ord_edn_skip(&r->in, err) != ORD_OK) {
            return err->rc; /* a key that is no keyword, and its value */
        }
    }
    if ((r->has & 1U << ORD_FIELD_PROCESS) == 0 &&
        (r->is_anonymous || r->builder->history->count == 0)) {
        r->is_anonymous = true;
        r->has |= 1U << ORD_FIELD_PROCESS;
        r->op.process = 0;
    }
    if (lacks(r) != NULL)
        return ord_edn_fail(&r->in, lacks(r), err);
    ord_source_skip(r->in.source);
    return ORD_OK;
}

static int take_op(struct edn_reader *r, struct ord_err *err)
{
    struct ord_op *op = &r->fast.op;
    const uint64_t line = r->in.source->line;
    const uint64_t column = ord_source_column(r->in.source);

    ord_edn_forget(&r->in);
    if (r->is_general ||
        ord_fast_edn(&r->fast, r->in.source) != ORD_FAST_DONE) {
        if (take_op_slowly(r, err) != ORD_OK)
            return err->rc;
        op = &r->op;
    }
    /* The nemesis names itself also where clients do not. */
    if (r->is_anonymous && op->process > 0) {
        (void)ord_fail(err, ORD_EFORMAT,
                       "expected no :process, for the operations before had "
                       "none");
        return ord_wrap(err, "line %" PRIu64 ", column %" PRIu64, line, column);
    }
    if ((r->is_keyed && ord_split_key(op, err) != ORD_OK) ||
        ord_history_add(r->builder, op, err) != ORD_OK)
        return ord_wrap(err, "line %" PRIu64 ", column %" PRIu64, line, column);
    return ORD_OK;
}

static int take_all(struct edn_reader *r, struct ord_err *err)
{
    struct ord_source *s = r->in.source;
    int close = 0; /* of the outer vector or list, once inside */
    bool was_closed = false;
    int c;

    for (;;) {
        if (ord_edn_next(&r->in, &c, err) != ORD_OK)
            return err->rc;
        if (c == '{' && !was_closed) {
            if (take_op(r, err) != ORD_OK)
                return err->rc;
        } else if ((c == '[' || c == '(') && close == 0 &&
                   r->builder->history->count == 0) {
            close = c == '[' ? ']' : ')';
            ord_source_skip(s);
        } else if (close != 0 && c == close && !was_closed) {
            was_closed = true;
            ord_source_skip(s);
        } else if (c < 0 && (close == 0 || was_closed)) {
            return ord_source_check(s, err);
        } else {
            return ord_edn_fail(&r->in,
                                was_closed     ? "the end"
                                : close == ']' ? "an operation {...} or ]"
                                : close == ')' ? "an operation {...} or )"
                                               : "an operation {...}",
                                err);
        }
    }
}

int ord_read_edn(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err)
{
    struct edn_reader *r = calloc(1, sizeof *r);
    int rc;

    if (r == NULL)
        return ord_fail(err, ORD_ENOMEM, "a reader");
    ord_edn_init(&r->in, source, ord_read_limits(how).scratch);
    r->is_keyed = how->is_keyed;
    r->is_general = how->is_general;
    rc =
        ord_history_builder_new(ord_read_limits(how).history, &r->builder, err);
    if (rc == ORD_OK) {
        r->builder->pairs_at_once = true;
        ord_fast_init(&r->fast, &r->in.arena, r->builder);
        rc = take_all(r, err);
    }
    if (rc == ORD_OK)
        rc = ord_builder_finish(&r->builder, ORD_ORDER_AS_ADDED, out, err);
    ord_history_builder_free(&r->builder);
    ord_fast_fini(&r->fast);
    ord_edn_fini(&r->in);
    free(r);
    return rc;
}
