/* edn_read.c -- histories as Jepsen, Knossos and elle-cli write them.
 *
 * One map an operation, one after the other or in one vector or list; keys in
 * any order, unknown ones skipped.  The order of the file is the truth.  Where
 * no operation has a :process, as in tests of checkers, all are of one process.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "histories/build.h"
#include "histories/edn.h"
#include "histories/fast.h"
#include "histories/read.h"

enum {
    HAS_PROCESS = 1 << 0,
    HAS_TYPE = 1 << 1,
    HAS_F = 1 << 2,
    HAS_ALL = HAS_PROCESS | HAS_TYPE | HAS_F,
};

struct edn_reader {
    struct ord_edn in;
    struct ord_history_builder *builder;
    struct ord_fast fast;
    bool is_general; /* no fast reading: for tests */
    bool is_keyed;
    bool is_anonymous; /* no operation names its process: all are of one */
    struct ord_op op;  /* the one being read */
    unsigned has;
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
    struct ord_value value;

    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    if (value.kind == ORD_TEXT)
        r->op.process = ORD_PROCESS_NEMESIS;
    else if (value.kind == ORD_INT && value.as.number >= 0)
        r->op.process = value.as.number;
    else
        return ord_edn_fail(&r->in, "a :process that is 0, 1, ... or a keyword",
                            err);
    r->has |= HAS_PROCESS;
    return ORD_OK;
}

static int take_type(struct edn_reader *r, struct ord_err *err)
{
    struct ord_bytes text;

    if (take_text(r, &text, err) != ORD_OK)
        return err->rc;
    if (!ord_op_type_of(text, &r->op.type))
        return ord_edn_fail(
            &r->in, "a :type of :invoke, :ok, :fail or :info before this", err);
    r->has |= HAS_TYPE;
    return ORD_OK;
}

static int take_f(struct edn_reader *r, struct ord_err *err)
{
    struct ord_bytes text;

    if (take_text(r, &text, err) != ORD_OK)
        return err->rc;
    r->op.f = (uint8_t)ord_f_of(text);
    r->op.name = text.at;
    r->has |= HAS_F;
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

/* The value of the key that stands in the token. */
static int take_field(struct edn_reader *r, struct ord_bytes key,
                      struct ord_err *err)
{
    struct ord_op *op = &r->op;

    if (ord_bytes_is(key, ":process"))
        return take_process(r, err);
    if (ord_bytes_is(key, ":type"))
        return take_type(r, err);
    if (ord_bytes_is(key, ":f"))
        return take_f(r, err);
    if (ord_bytes_is(key, ":value"))
        return ord_edn_value(&r->in, &op->value, err);
    if (ord_bytes_is(key, ":key"))
        return ord_edn_value(&r->in, &op->key, err);
    if (ord_bytes_is(key, ":time"))
        return take_number(r, &op->time_ns, err);
    if (ord_bytes_is(key, ":error"))
        return take_error(r, err);
    if (ord_bytes_is(key, ":node"))
        return take_node(r, err);
    if (ord_bytes_is(key, ":session"))
        return take_number(r, &op->session, err);
    if (ord_bytes_is(key, ":epoch"))
        return take_number(r, &op->epoch, err);
    if (ord_bytes_is(key, ":position"))
        return take_number(r, &op->position, err);
    if (ord_bytes_is(key, ":device"))
        return take_device(r, err);
    if (ord_bytes_is(key, ":final?") || ord_bytes_is(key, ":final"))
        return take_final(r, err);
    return ord_edn_skip(&r->in, err);
}

static int at_line(uint64_t line, struct ord_err *err)
{
    return ord_wrap(err, "line %" PRIu64, line);
}

static bool is_all_anonymous(const struct edn_reader *r)
{
    return r->is_anonymous || r->builder->history->count == 0;
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
            if (ord_edn_word(&r->in, err) != ORD_OK ||
                take_field(r, ord_buf_bytes(&r->in.token), err) != ORD_OK)
                return err->rc;
        } else if (ord_edn_skip(&r->in, err) != ORD_OK ||
                   ord_edn_skip(&r->in, err) != ORD_OK) {
            return err->rc; /* a key that is no keyword, and its value */
        }
    }
    if (r->has == (HAS_TYPE | HAS_F) && is_all_anonymous(r)) {
        r->is_anonymous = true;
        r->has = HAS_ALL;
        r->op.process = 0;
    }
    if (r->has != HAS_ALL)
        return ord_edn_fail(&r->in,
                            (r->has & HAS_PROCESS) == 0 ? ":process before this"
                            : (r->has & HAS_TYPE) == 0  ? ":type before this"
                                                        : ":f before this",
                            err);
    ord_source_skip(r->in.source);
    return ORD_OK;
}

static int take_op(struct edn_reader *r, struct ord_err *err)
{
    struct ord_op *op = &r->fast.op;
    uint64_t line = r->in.source->line;

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
        return at_line(line, err);
    }
    if (r->is_keyed && ord_split_key(op, err) != ORD_OK)
        return at_line(line, err);
    if (ord_history_add(r->builder, op, err) != ORD_OK)
        return at_line(line, err);
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
