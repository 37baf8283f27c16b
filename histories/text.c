/* text.c -- the form in which people write histories; see history.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/clock.h"
#include "histories/build.h"
#include "histories/edn.h"
#include "histories/read.h"

enum { MS_MAX = 1000000000, MS_DIGITS_MAX = 9, FRACTION_DIGITS = 6 };

struct text_reader {
    struct ord_edn in;
    struct ord_history_builder *builder;
    bool is_keyed;
    bool has_value;
    int64_t last_ns;
    struct ord_op op;
};

static bool ends_event(struct ord_source *s)
{
    int c = ord_source_peek(s);

    if (c == '#' && ord_source_need(s, 2) >= 2 && s->at[1] == '{')
        return false; /* a set */
    return c < 0 || c == ';' || c == '\n' || c == '#';
}

static void skip_spaces(struct ord_source *s)
{
    int c = ord_source_peek(s);

    while (c == ' ' || c == '\t' || c == '\r') {
        ord_source_skip(s);
        c = ord_source_peek(s);
    }
}

/* The digits that follow, as a number; -1: none, or more than int64 holds. */
static int64_t take_digits(struct ord_source *s)
{
    int64_t value = -1;
    int c = ord_source_peek(s);

    while (c >= '0' && c <= '9') {
        if (value < 0)
            value = 0;
        if (__builtin_mul_overflow(value, INT64_C(10), &value) ||
            __builtin_add_overflow(value, (int64_t)(c - '0'), &value))
            return -1;
        ord_source_skip(s);
        c = ord_source_peek(s);
    }
    return value;
}

/* The next word into a copy that lasts as long as the event. */
static int take_word(struct text_reader *r, const char *expected,
                     struct ord_bytes *out, struct ord_err *err)
{
    skip_spaces(r->in.source);
    if (ends_event(r->in.source))
        return ord_edn_fail(&r->in, expected, err);
    if (ord_edn_word(&r->in, err) != ORD_OK)
        return err->rc;
    if (r->in.token.size == 0)
        return ord_edn_fail(&r->in, expected, err);
    out->size = r->in.token.size;
    out->at = ord_arena_copy(&r->in.arena, ord_buf_bytes(&r->in.token));
    return out->at == NULL ? ord_fail(err, ORD_ENOMEM, "a word too big")
                           : ORD_OK;
}

static int take_head(struct text_reader *r, struct ord_err *err)
{
    static const char who[] = "a process (0, 1, ... or nemesis)";
    static const char type[] = "inv, ok, fail or info before this";
    struct ord_source *s = r->in.source;
    struct ord_bytes word;
    int c = ord_source_peek(s);

    if (c >= '0' && c <= '9') {
        r->op.process = take_digits(s);
        if (r->op.process < 0)
            return ord_edn_fail(&r->in, who, err);
    } else {
        if (take_word(r, who, &word, err) != ORD_OK)
            return err->rc;
        if (!ord_bytes_is(word, "nemesis"))
            return ord_edn_fail(&r->in, "nemesis or a number before this", err);
        r->op.process = ORD_PROCESS_NEMESIS;
    }
    if (take_word(r, type, &word, err) != ORD_OK)
        return err->rc;
    if (ord_bytes_is(word, "inv"))
        r->op.type = ORD_OP_INVOKE;
    else if (!ord_op_type_of(word, &r->op.type))
        return ord_edn_fail(&r->in, type, err);
    if (take_word(r, "a function (read, write, ...)", &word, err) != ORD_OK)
        return err->rc;
    r->op.f = (uint8_t)ord_f_of(word);
    r->op.name = word.at;
    return ORD_OK;
}

/* "@12.5": milliseconds. */
static int take_time(struct text_reader *r, struct ord_err *err)
{
    struct ord_source *s = r->in.source;
    int64_t ms;
    int64_t unit = ORD_MS;

    ord_source_skip(s);
    ms = take_digits(s);
    if (ms < 0 || ms > MS_MAX)
        return ord_edn_fail(&r->in, "milliseconds behind @", err);
    r->op.time_ns = ms * ORD_MS;
    if (ord_source_peek(s) != '.')
        return ORD_OK;
    ord_source_skip(s);
    for (int i = 0; i < FRACTION_DIGITS; i++) {
        int c = ord_source_peek(s);

        if (c < '0' || c > '9')
            break;
        unit /= 10;
        r->op.time_ns += (c - '0') * unit;
        ord_source_skip(s);
    }
    return ORD_OK;
}

static int take_number(struct text_reader *r, char letter, struct ord_err *err)
{
    int64_t number;

    ord_source_skip(r->in.source);
    number = take_digits(r->in.source);
    if (number < 0)
        return ord_edn_fail(&r->in, "a smaller number before this", err);
    if (letter == 'e')
        r->op.epoch = number;
    else if (letter == 'u')
        r->op.session = number;
    else if (letter == 'p')
        r->op.position = number;
    else if (letter == 'd' && number <= UINT8_MAX)
        r->op.device = (uint8_t)number;
    else if (letter == 'n' && number >= 1 && number <= ORD_NODES_MAX)
        r->op.node = (uint16_t)number;
    else
        return ord_edn_fail(&r->in, "a smaller number before this", err);
    return ORD_OK;
}

static int take_error(struct text_reader *r, struct ord_err *err)
{
    struct ord_value value;

    ord_source_skip(r->in.source);
    if (ends_event(r->in.source))
        return ord_edn_fail(&r->in, "an error's text", err);
    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    if (value.kind != ORD_TEXT)
        return ord_edn_fail(&r->in, "an error's text before this", err);
    r->op.error = value.as.text;
    return ORD_OK;
}

static int take_value(struct text_reader *r, struct ord_err *err)
{
    struct ord_value value;
    bool is_word;
    int c = ord_source_peek(r->in.source);

    is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (r->has_value && !is_word)
        return ord_edn_fail(&r->in, "one value", err);
    if (ord_edn_value(&r->in, &value, err) != ORD_OK)
        return err->rc;
    if (is_word && value.kind == ORD_TEXT) {
        r->op.is_final = strcmp(value.as.text, "final") == 0;
        return r->op.is_final
                   ? ORD_OK
                   : ord_edn_fail(&r->in,
                                  "a value, a key k1, a node n1, @MS, e1, u1, "
                                  "p1, d1 or final before this",
                                  err);
    }
    if (r->has_value)
        return ord_edn_fail(&r->in, "one value before this", err);
    r->op.value = value;
    r->has_value = true;
    return ORD_OK;
}

static int take_extra(struct text_reader *r, struct ord_err *err)
{
    struct ord_source *s = r->in.source;
    int c = ord_source_peek(s);
    int second = ord_source_need(s, 2) < 2 ? -1 : (unsigned char)s->at[1];

    if (c == '@')
        return take_time(r, err);
    if (c == '!')
        return take_error(r, err);
    if (c == 'k') {
        ord_source_skip(s);
        if (ends_event(s) || second == ' ' || second == '\t')
            return ord_edn_fail(&r->in, "a key right behind k", err);
        return ord_edn_value(&r->in, &r->op.key, err);
    }
    if (c > 0 && strchr("neupd", c) != NULL && second >= '0' && second <= '9')
        return take_number(r, (char)c, err);
    return take_value(r, err);
}

static int take_event(struct text_reader *r, struct ord_err *err)
{
    struct ord_source *s = r->in.source;
    const uint64_t line = s->line;
    const uint64_t column = ord_source_column(s);

    ord_edn_forget(&r->in);
    r->op = ord_op_empty();
    r->op.time_ns = r->last_ns + ORD_MS;
    r->has_value = false;
    if (take_head(r, err) != ORD_OK)
        return err->rc;
    for (;;) {
        skip_spaces(s);
        if (ends_event(s))
            break;
        if (take_extra(r, err) != ORD_OK)
            return err->rc;
    }
    r->last_ns = r->op.time_ns;
    if ((r->is_keyed && ord_split_key(&r->op, err) != ORD_OK) ||
        ord_history_add(r->builder, &r->op, err) != ORD_OK)
        return ord_wrap(err, "line %" PRIu64 ", column %" PRIu64, line, column);
    return ORD_OK;
}

static int take_all(struct text_reader *r, struct ord_err *err)
{
    struct ord_source *s = r->in.source;

    for (;;) {
        int c;

        skip_spaces(s);
        c = ord_source_peek(s);
        if (c < 0)
            return ord_source_check(s, err);
        if (c == ';' || c == '\n') {
            ord_source_skip(s);
        } else if (c == '#') {
            while (c >= 0 && c != '\n') {
                ord_source_skip(s);
                c = ord_source_peek(s);
            }
        } else if (take_event(r, err) != ORD_OK) {
            return err->rc;
        }
    }
}

int ord_read_text(struct ord_source *source,
                  const struct ord_history_options *how,
                  struct ord_history **out, struct ord_err *err)
{
    struct text_reader *r = calloc(1, sizeof *r);
    int rc;

    if (r == NULL)
        return ord_fail(err, ORD_ENOMEM, "a reader");
    ord_edn_init(&r->in, source, ord_read_limits(how).scratch);
    r->in.is_text = true;
    r->is_keyed = how->is_keyed;
    r->last_ns = -ORD_MS;
    rc =
        ord_history_builder_new(ord_read_limits(how).history, &r->builder, err);
    if (rc == ORD_OK) {
        r->builder->pairs_at_once = true;
        rc = take_all(r, err);
    }
    if (rc == ORD_OK)
        rc = ord_builder_finish(&r->builder, ORD_ORDER_AS_ADDED, out, err);
    ord_history_builder_free(&r->builder);
    ord_edn_fini(&r->in);
    free(r);
    return rc;
}

int ord_history_parse_text(const char *text, struct ord_history **out,
                           struct ord_err *err)
{
    const struct ord_history_options how = {.format = ORD_FORMAT_TEXT};
    struct ord_source source;

    ord_source_memory(&source, ord_bytes_of(text));
    return ord_read_text(&source, &how, out, err);
}
