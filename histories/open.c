/* open.c -- which reader a file is for. */
#include <stdlib.h>

#include "histories/build.h"
#include "histories/log_format.h"
#include "histories/read.h"

enum { GUESS_SIZE = 1 << 12 };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

static struct ord_bytes trimmed(struct ord_bytes text)
{
    while (text.size > 0 && is_space(*text.at)) {
        text.at++;
        text.size--;
    }
    return text;
}

/* Behind '#': a tag such as jepsen.history.Op{, or only a comment? */
static bool is_tag(struct ord_bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];

        if (c == '{')
            return true; /* also #{, which then is refused as EDN */
        if (is_space(c) || c == ';')
            return false;
    }
    return false;
}

static bool guess(struct ord_bytes text, enum ord_history_format *format)
{
    char c = text.at[0];
    struct ord_bytes rest = {text.at + 1, text.size - 1};

    if (c == '{') {
        rest = trimmed(rest);
        *format = rest.size > 0 && rest.at[0] == '"' ? ORD_FORMAT_JSONL
                                                     : ORD_FORMAT_EDN;
    } else if (c == '[' || c == '(' || c == ';') {
        *format = ORD_FORMAT_EDN;
    } else if (c == '#') {
        *format = is_tag(rest) ? ORD_FORMAT_EDN : ORD_FORMAT_TEXT;
    } else if ((c >= '0' && c <= '9') || c == 'n') {
        *format = ORD_FORMAT_TEXT;
    } else {
        return false;
    }
    return true;
}

int ord_format_guess(struct ord_source *source, enum ord_history_format *format,
                     struct ord_err *err)
{
    size_t have = ord_source_need(source, GUESS_SIZE);
    size_t magic = have < ORD_LOG_MAGIC_SIZE ? have : ORD_LOG_MAGIC_SIZE;
    struct ord_bytes text = {source->at, have};

    if (ord_source_check(source, err) != ORD_OK && have == 0)
        return err->rc;
    if (have == 0)
        return ord_fail(err, ORD_EFORMAT, "is empty, expected a history");
    if (memcmp(source->at, ORD_LOG_MAGIC, magic) == 0) {
        *format = ORD_FORMAT_OWN;
        return ORD_OK;
    }
    text = trimmed(text);
    if (text.size > 0 && guess(text, format))
        return ORD_OK;
    return ord_fail(err, ORD_EFORMAT,
                    "not a history: expected a log of ordeal, EDN maps "
                    "{:type ...}, JSON lines {\"type\": ...} or the text form "
                    "`0 inv write 5`");
}

int ord_read_any(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err)
{
    enum ord_history_format format = how->format;

    if (format == ORD_FORMAT_GUESS &&
        ord_format_guess(source, &format, err) != ORD_OK)
        return err->rc;
    switch (format) {
    case ORD_FORMAT_OWN:
        return ord_read_own(source, how, out, err);
    case ORD_FORMAT_EDN:
        return ord_read_edn(source, how, out, err);
    case ORD_FORMAT_JSONL:
        return ord_read_jsonl(source, how, out, err);
    case ORD_FORMAT_TEXT:
        return ord_read_text(source, how, out, err);
    default:
        ORD_ASSERT(format != ORD_FORMAT_GUESS);
        return ord_fail(err, ORD_EUSAGE, "no such format");
    }
}

int ord_history_open(const char *path, const struct ord_history_options *how,
                     struct ord_history **out, struct ord_err *err)
{
    const struct ord_history_options any = {.format = ORD_FORMAT_GUESS};
    struct ord_source source;
    int rc;

    ORD_ASSERT(path != NULL);
    rc = ord_source_open(&source, path, err);
    if (rc == ORD_OK) {
        rc = ord_read_any(&source, how == NULL ? &any : how, out, err);
        ord_source_close(&source);
    }
    if (rc != ORD_OK)
        return ord_wrap(err, "%s",
                        strcmp(path, "-") == 0 ? "standard input" : path);
    return ORD_OK;
}
