#include "histories/edn.h"

#include <inttypes.h>
#include <stdio.h>

#include "harness/base/utf8.h"
#include "histories/number.h"

enum { SCRATCH_KEEP = 1 << 16 };

void ord_edn_init(struct ord_edn *in, struct ord_source *source,
                  size_t size_max)
{
    *in = (struct ord_edn){.source = source};
    ord_arena_init(&in->arena, size_max);
    ord_buf_init(&in->token,
                 size_max < ORD_EDN_TOKEN_MAX ? size_max : ORD_EDN_TOKEN_MAX);
}

void ord_edn_fini(struct ord_edn *in)
{
    ord_arena_fini(&in->arena);
    ord_buf_fini(&in->token);
}

void ord_edn_forget(struct ord_edn *in)
{
    if (in->arena.taken_size > SCRATCH_KEEP)
        ord_arena_fini(&in->arena);
}

int ord_edn_fail(struct ord_edn *in, const char *expected, struct ord_err *err)
{
    struct ord_source *s = in->source;
    char found[32] = "the end";
    int c = ord_source_peek(s);

    if (ord_source_check(s, err) != ORD_OK)
        return err->rc;
    if (c > ' ' && c < 0x7f)
        (void)snprintf(found, sizeof found, "'%c'", c);
    else if (c >= 0)
        (void)snprintf(found, sizeof found, "byte 0x%02x", (unsigned)c);
    return ord_fail(err, ORD_EFORMAT,
                    "line %" PRIu64 ", column %" PRIu64
                    ": expected %s, found %s",
                    s->line, ord_source_column(s), expected, found);
}

static int no_memory(struct ord_edn *in, struct ord_err *err)
{
    return ord_fail(err, ORD_ENOMEM,
                    "line %" PRIu64 ": a form too big for the memory allowed",
                    in->source->line);
}

static bool is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' ||
           c == '\f' || c == '\v';
}

static bool ends_word(int c)
{
    return c < 0 || is_space(c) || c == '(' || c == ')' || c == '[' ||
           c == ']' || c == '{' || c == '}' || c == '"' || c == ';';
}

static void skip_line(struct ord_source *s)
{
    int c = ord_source_peek(s);

    while (c >= 0 && c != '\n') {
        ord_source_skip(s);
        c = ord_source_peek(s);
    }
}

/* White space and comments. */
static int skip_blank(struct ord_edn *in)
{
    for (;;) {
        int c = ord_source_peek(in->source);

        if (is_space(c))
            ord_source_skip(in->source);
        else if (c == ';' && !in->is_text)
            skip_line(in->source);
        else
            return c;
    }
}

int ord_edn_word(struct ord_edn *in, struct ord_err *err)
{
    int c = ord_source_peek(in->source);

    ord_buf_clear(&in->token);
    while (!ends_word(c)) {
        ord_buf_char(&in->token, (char)c);
        ord_source_skip(in->source);
        c = ord_source_peek(in->source);
    }
    return in->token.failed ? no_memory(in, err) : ORD_OK;
}

/* Stands at '#': a dispatch that only stands before a form is skipped.
 * *is_form: the '#' is itself the begin of a form (a set, "##Inf", a regex),
 * which has not been consumed. */
static int skip_dispatch(struct ord_edn *in, bool *is_form, struct ord_err *err)
{
    struct ord_source *s = in->source;
    int second = ord_source_need(s, 2) < 2 ? -1 : (unsigned char)s->at[1];

    *is_form = second == '{' || second == '#' || second == '"';
    if (*is_form)
        return ORD_OK;
    ord_source_skip(s);
    if (second == '_') {
        ord_source_skip(s);
        return ord_edn_skip(in, err);
    }
    if (second == '\'') { /* a var: its symbol is the form */
        ord_source_skip(s);
        return ORD_OK;
    }
    /* #foo [..] or #foo/bar {..}: the tag goes, the form stays. */
    if (ord_edn_word(in, err) != ORD_OK)
        return err->rc;
    if (in->token.size == 0)
        return ord_edn_fail(in, "a tag behind #", err);
    return ORD_OK;
}

int ord_edn_next(struct ord_edn *in, int *c, struct ord_err *err)
{
    for (int i = 0; i < ORD_EDN_TAGS_MAX; i++) {
        bool is_form = true;

        *c = skip_blank(in);
        if (*c == '#') {
            if (skip_dispatch(in, &is_form, err) != ORD_OK)
                return err->rc;
        } else if (*c == '^') {
            is_form = false;
            ord_source_skip(in->source);
            if (ord_edn_skip(in, err) != ORD_OK)
                return err->rc;
        }
        if (is_form)
            return ORD_OK;
    }
    return ord_edn_fail(in, "fewer tags before one form", err);
}

/* ---- scalars ------------------------------------------------------------- */

static int hex(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* XXXX behind "\u"; -1 if that is not there. */
static int32_t take_hex4(struct ord_source *s)
{
    int32_t code = 0;

    for (int i = 0; i < 4; i++) {
        int digit = hex(ord_source_peek(s));

        if (digit < 0)
            return -1;
        code = code * 16 + digit;
        ord_source_skip(s);
    }
    return code;
}

/* A surrogate alone is no character: U+FFFD stands for it. */
static bool take_unicode(struct ord_edn *in)
{
    struct ord_source *s = in->source;
    int32_t code = take_hex4(s);
    char utf8[4];

    if (code < 0)
        return false;
    if (code >= 0xd800 && code <= 0xdbff && ord_source_need(s, 2) >= 2 &&
        s->at[0] == '\\' && s->at[1] == 'u') {
        int32_t low;

        ord_source_skip(s);
        ord_source_skip(s);
        low = take_hex4(s);
        if (low < 0)
            return false;
        code = low >= 0xdc00 && low <= 0xdfff
                   ? 0x10000 + (code - 0xd800) * 0x400 + (low - 0xdc00)
                   : 0xfffd;
    }
    if (code >= 0xd800 && code <= 0xdfff)
        code = 0xfffd;
    ord_buf_add(&in->token,
                (struct ord_bytes){utf8, ord_utf8_put(utf8, (uint32_t)code)});
    return true;
}

static int take_escape(struct ord_edn *in, struct ord_err *err)
{
    static const char plain[] = "\"\\/'tnrbf";
    static const char meant[] = "\"\\/'\t\n\r\b\f";
    struct ord_source *s = in->source;
    int c = ord_source_peek(s);
    const char *found = c <= 0 ? NULL : strchr(plain, c);

    if (found != NULL) {
        ord_buf_char(&in->token, meant[found - plain]);
        ord_source_skip(s);
        return ORD_OK;
    }
    if (c >= '0' && c <= '7') { /* octal, as Clojure writes it */
        int code = 0;

        for (int i = 0; i < 3 && c >= '0' && c <= '7'; i++) {
            code = code * 8 + (c - '0');
            ord_source_skip(s);
            c = ord_source_peek(s);
        }
        ord_buf_char(&in->token, (char)code);
        return ORD_OK;
    }
    if (c == 'u') {
        ord_source_skip(s);
        if (take_unicode(in))
            return ORD_OK;
    }
    return ord_edn_fail(in, "an escape (\\n, \\\", \\u0041, ...)", err);
}

/* A string into the token; stands at its first quote.  A regex keeps its
 * backslashes. */
static int take_string(struct ord_edn *in, bool is_regex, struct ord_err *err)
{
    struct ord_source *s = in->source;
    int c;

    ord_buf_clear(&in->token);
    ord_source_skip(s);
    while ((c = ord_source_peek(s)) >= 0) {
        ord_source_skip(s);
        if (c == '"')
            return in->token.failed ? no_memory(in, err) : ORD_OK;
        if (in->token.failed)
            return no_memory(in, err);
        if (c != '\\') {
            ord_buf_char(&in->token, (char)c);
        } else if (!is_regex) {
            if (take_escape(in, err) != ORD_OK)
                return err->rc;
        } else if ((c = ord_source_peek(s)) >= 0) {
            ord_buf_char(&in->token, '\\');
            ord_buf_char(&in->token, (char)c);
            ord_source_skip(s);
        }
    }
    return ord_edn_fail(in, "the closing quote of a string", err);
}

/* \a, \newline, \( : the byte behind the backslash always belongs to it. */
static int take_char(struct ord_edn *in, struct ord_err *err)
{
    static const char *const names[] = {"newline", "space",    "tab",
                                        "return",  "formfeed", "backspace"};
    static const char meant[] = "\n \t\r\f\b";
    struct ord_source *s = in->source;
    int first;
    char c;

    ord_source_skip(s);
    first = ord_source_peek(s);
    if (first < 0)
        return ord_edn_fail(in, "a character", err);
    ord_source_skip(s);
    if (ord_edn_word(in, err) != ORD_OK)
        return err->rc;
    c = (char)first;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i][0] == c &&
            ord_bytes_is(ord_buf_bytes(&in->token), names[i] + 1)) {
            c = meant[i];
            ord_buf_clear(&in->token);
        }
    }
    /* The first byte has to come before what the word had. */
    ord_buf_char(&in->token, c);
    if (in->token.failed)
        return no_memory(in, err);
    memmove(in->token.at + 1, in->token.at, in->token.size - 1);
    in->token.at[0] = c;
    return ORD_OK;
}

static int text_out(struct ord_edn *in, struct ord_bytes text,
                    struct ord_value *out, struct ord_err *err)
{
    *out = (struct ord_value){.kind = ORD_TEXT, .count = (uint32_t)text.size};
    out->as.text = ord_arena_copy(&in->arena, text);
    return out->as.text == NULL ? no_memory(in, err) : ORD_OK;
}

/* [+-]digits[N] within int64. */
static bool int_of(struct ord_bytes word, int64_t *out)
{
    size_t i = word.size > 0 && (word.at[0] == '+' || word.at[0] == '-');
    bool is_negative = i == 1 && word.at[0] == '-';
    int64_t value = 0;

    if (word.size > 0 && word.at[word.size - 1] == 'N')
        word.size--;
    if (i >= word.size)
        return false;
    for (; i < word.size; i++) {
        int digit = word.at[i] - '0';

        if (digit < 0 || digit > 9 ||
            __builtin_mul_overflow(value, INT64_C(10), &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
            return false;
    }
    *out = value;
    return true;
}

/* 1.5, 1e3, 1.5M, and what int64 does not hold, with or without its N. */
static enum ord_number number_of(struct ord_edn *in, struct ord_bytes word,
                                 struct ord_value *out)
{
    char last = word.at[word.size - 1];

    if (last == 'M' || last == 'N')
        word.size--;
    if (last == 'N' && (memchr(word.at, '.', word.size) != NULL ||
                        memchr(word.at, 'e', word.size) != NULL))
        return ORD_NUMBER_NONE;
    return ord_number_value(word, &in->arena, out);
}

static int word_value(struct ord_edn *in, struct ord_value *out,
                      struct ord_err *err)
{
    struct ord_bytes word;

    if (ord_edn_word(in, err) != ORD_OK)
        return err->rc;
    word = ord_buf_bytes(&in->token);
    if (word.size == 0)
        return ord_edn_fail(in, "a value", err);
    *out = ord_value_nil();
    if (int_of(word, &out->as.number)) {
        out->kind = ORD_INT;
        return ORD_OK;
    }
    switch (number_of(in, word, out)) {
    case ORD_NUMBER_DONE:
        return ORD_OK;
    case ORD_NUMBER_FULL:
        return no_memory(in, err);
    default:
        break;
    }
    *out = ord_value_nil();
    if (ord_bytes_is(word, "nil"))
        return ORD_OK;
    if (ord_bytes_is(word, "true") || ord_bytes_is(word, "false")) {
        *out = (struct ord_value){.kind = ORD_BOOL,
                                  .as = {.number = word.at[0] == 't'}};
        return ORD_OK;
    }
    while (word.size > 1 && (word.at[0] == ':' || word.at[0] == '#')) {
        word.at++; /* :read, ::read, ##Inf */
        word.size--;
    }
    return text_out(in, word, out, err);
}

/* ---- collections --------------------------------------------------------- */

static int value_at(struct ord_edn *in, struct ord_value *out, int depth,
                    struct ord_err *err);

/* Behind '[', '(' or "#{". */
static int items_in(struct ord_edn *in, char close, int depth,
                    struct ord_value *out, struct ord_err *err)
{
    struct ord_value item;
    int c;

    *out = ord_value_list(NULL, 0);
    for (;;) {
        if (ord_edn_next(in, &c, err) != ORD_OK)
            return err->rc;
        if (c == close)
            break;
        if (value_at(in, &item, depth + 1, err) != ORD_OK)
            return err->rc;
        if (!ord_value_push(&in->arena, out, &item))
            return no_memory(in, err);
    }
    ord_source_skip(in->source);
    return ORD_OK;
}

static int pairs_in(struct ord_edn *in, int depth, struct ord_value *out,
                    struct ord_err *err)
{
    struct ord_value item;
    int c;

    *out = ord_value_list(NULL, 0);
    for (;;) {
        struct ord_value pair = ord_value_list(NULL, 0);

        if (ord_edn_next(in, &c, err) != ORD_OK)
            return err->rc;
        if (c == '}')
            break;
        for (int i = 0; i < 2; i++) {
            if (value_at(in, &item, depth + 2, err) != ORD_OK)
                return err->rc;
            if (!ord_value_push(&in->arena, &pair, &item))
                return no_memory(in, err);
        }
        if (!ord_value_push(&in->arena, out, &pair))
            return no_memory(in, err);
    }
    ord_source_skip(in->source);
    ord_value_sort(out);
    return ORD_OK;
}

static int collection_at(struct ord_edn *in, int c, struct ord_value *out,
                         int depth, struct ord_err *err)
{
    int rc;

    if (depth + (c == '{') >= ORD_VALUE_DEPTH_MAX)
        return ord_edn_fail(in, "a value nested at most 16 deep", err);
    ord_source_skip(in->source);
    if (c == '{')
        return pairs_in(in, depth, out, err);
    if (c != '#')
        return items_in(in, c == '[' ? ']' : ')', depth, out, err);
    ord_source_skip(in->source);
    rc = items_in(in, '}', depth, out, err);
    if (rc == ORD_OK)
        ord_value_sort(out);
    return rc;
}

static int value_at(struct ord_edn *in, struct ord_value *out, int depth,
                    struct ord_err *err)
{
    bool is_regex = false;
    int c;
    int rc;

    if (ord_edn_next(in, &c, err) != ORD_OK)
        return err->rc;
    if (c == '#') {
        char second = in->source->at[1];

        if (second == '#')
            return word_value(in, out, err);
        if (second == '{')
            return collection_at(in, c, out, depth, err);
        ord_source_skip(in->source);
        is_regex = true;
        c = '"';
    }
    switch (c) {
    case '[':
    case '(':
    case '{':
        return collection_at(in, c, out, depth, err);
    case '"':
    case '\\':
        rc = c == '"' ? take_string(in, is_regex, err) : take_char(in, err);
        return rc == ORD_OK ? text_out(in, ord_buf_bytes(&in->token), out, err)
                            : rc;
    default:
        return word_value(in, out, err);
    }
}

int ord_edn_value(struct ord_edn *in, struct ord_value *out,
                  struct ord_err *err)
{
    return value_at(in, out, 0, err);
}

/* ---- skipping ------------------------------------------------------------ */

/* One token outside of brackets; stands at its first byte c. */
static int skip_scalar(struct ord_edn *in, int c, struct ord_err *err)
{
    if (c == '"')
        return take_string(in, true, err);
    if (c == '\\')
        return take_char(in, err);
    if (ord_edn_word(in, err) != ORD_OK)
        return err->rc;
    return in->token.size == 0 ? ord_edn_fail(in, "a form", err) : ORD_OK;
}

/* Moves over what stands before a form.  *more: further forms that go with
 * it (#_ and ^ take one).  False: c begins a form or closes one. */
static bool skip_prefix(struct ord_edn *in, int c, size_t *more,
                        struct ord_err *err)
{
    struct ord_source *s = in->source;
    int second = ord_source_need(s, 2) < 2 ? -1 : (unsigned char)s->at[1];

    *more = 0;
    if (c == '^' || (c == '#' && second == '_')) {
        *more = 1;
        ord_source_skip(s);
        if (c == '#')
            ord_source_skip(s);
        return true;
    }
    if (c != '#' || second == '#' || second == '\'')
        return false;
    ord_source_skip(s);
    if (second != '{' && second != '"' && second != '(' && second != '[')
        (void)ord_edn_word(in, err); /* a tag */
    return true;
}

int ord_edn_skip(struct ord_edn *in, struct ord_err *err)
{
    struct ord_source *s = in->source;
    char close[ORD_EDN_NEST_MAX];
    size_t forms = 1;
    size_t more;
    int depth = 0;

    for (;;) {
        int c = skip_blank(in);

        if (skip_prefix(in, c, &more, err)) {
            forms += depth == 0 ? more : 0;
            continue;
        }
        if (c == '[' || c == '(' || c == '{') {
            if (depth == ORD_EDN_NEST_MAX)
                return ord_edn_fail(in, "a form nested at most 512 deep", err);
            close[depth++] = c == '[' ? ']' : c == '(' ? ')' : '}';
            ord_source_skip(s);
            continue;
        }
        if (depth > 0 && c == close[depth - 1]) {
            ord_source_skip(s);
            depth--;
        } else if (skip_scalar(in, c, err) != ORD_OK) {
            return err->rc;
        }
        if (depth == 0 && --forms == 0)
            return ORD_OK;
    }
}
