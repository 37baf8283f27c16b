/* open.c -- which reader a file is for. */
#include <stdlib.h>

#include "histories/build.h"
#include "histories/log_format.h"
#include "histories/read.h"

enum { GUESS_SIZE = 1 << 12 };

struct ord_read_limits ord_read_limits(const struct ord_history_options *how)
{
    const size_t all = ord_history_size_max(how);

    return (struct ord_read_limits){
        .history = all - all / 4,
        .scratch = all / 8,
        .window = all / 8,
    };
}

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

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool ends_tag(char c)
{
    return is_space(c) || (c != '\0' && strchr("{[(;\"#^", c) != NULL);
}

static enum ord_history_format guess_bracket(struct ord_bytes rest);

/* Whether EDN begins with this '#': a tag such as `jepsen.history.Op{`, also
 * with blanks behind it or others in front of the form, or `#_`; else it is a
 * comment.  `#{` and `#"`, which no history begins with, are refused as EDN. */
static bool is_tag(struct ord_bytes text)
{
    int tags = 0;

    for (; text.size > 1 && text.at[0] == '#'; tags++) {
        text.at++;
        text.size--;
        if (!is_letter(text.at[0]))
            return memchr("_{^\"", text.at[0], 4) != NULL;
        while (text.size > 0 && !ends_tag(text.at[0])) {
            text.at++;
            text.size--;
        }
        text = trimmed(text);
    }
    if (text.size == 0) /* more than anybody looks at, or one word */
        return tags > 1;
    if (text.at[0] == '[') /* `# history` and `[1] call push(5)`? */
        return guess_bracket((struct ord_bytes){text.at + 1, text.size - 1}) ==
               ORD_FORMAT_EDN;
    return memchr("{(^", text.at[0], 3) != NULL;
}

static struct ord_bytes behind_line(struct ord_bytes text)
{
    const char *newline = memchr(text.at, '\n', text.size);

    if (newline == NULL)
        return (struct ord_bytes){text.at + text.size, 0};
    return (struct ord_bytes){newline + 1,
                              text.size - (size_t)(newline + 1 - text.at)};
}

static bool has(struct ord_bytes text, const char *word)
{
    return memmem(text.at, text.size, word, strlen(word)) != NULL;
}

static struct ord_bytes first_line(struct ord_bytes text)
{
    return (struct ord_bytes){text.at, text.size - behind_line(text).size};
}

/* The second word of a line that begins with a process tells the text form
 * (`0 inv write 5`) from Jepsen's history.txt (`0 :invoke :write 5`); lines of
 * a log begin with their level or the time. */
static bool is_log(struct ord_bytes text, bool *is_text)
{
    static const char *const types[] = {"inv", "invoke", "ok", "fail", "info"};
    struct ord_bytes line = first_line(text);
    struct ord_bytes word;

    while (line.size > 0 && !is_space(*line.at)) {
        line.at++;
        line.size--;
    }
    word = trimmed(line);
    for (line.size = 0; line.size < word.size; line.size++) {
        if (is_space(word.at[line.size]))
            break;
    }
    word.size = line.size;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        *is_text |= ord_bytes_is(word, types[i]);
    return !*is_text && ((word.size > 1 && word.at[0] == ':') ||
                         has(text, ":invoke") || has(text, "jepsen"));
}

/* '[' begins a vector of maps, an array of objects, or `[1] call ...`. */
static enum ord_history_format guess_bracket(struct ord_bytes rest)
{
    rest = trimmed(rest);
    if (rest.size > 0 && rest.at[0] >= '0' && rest.at[0] <= '9')
        return ORD_FORMAT_LIMO;
    if (rest.size == 0 || rest.at[0] != '{')
        return ORD_FORMAT_EDN;
    rest = trimmed((struct ord_bytes){rest.at + 1, rest.size - 1});
    return rest.size > 0 && rest.at[0] == '"' ? ORD_FORMAT_JSONL
                                              : ORD_FORMAT_EDN;
}

static bool guess(struct ord_bytes text, enum ord_history_format *format)
{
    bool has_object = false;
    bool is_text = false;
    char c;

    /* Comments from '#' on: the text form and call/return logs have them. */
    while (text.size > 0 && text.at[0] == '#' && !is_tag(text)) {
        has_object |= has(first_line(text), "@object");
        text = trimmed(behind_line(text));
    }
    if (text.size == 0 || has_object) {
        *format = has_object ? ORD_FORMAT_LIMO : ORD_FORMAT_TEXT;
        return true;
    }
    c = text.at[0];
    if (c == '{') {
        text = trimmed((struct ord_bytes){text.at + 1, text.size - 1});
        *format = text.size > 0 && text.at[0] == '"' ? ORD_FORMAT_JSONL
                                                     : ORD_FORMAT_EDN;
    } else if (c == '[') {
        *format = guess_bracket((struct ord_bytes){text.at + 1, text.size - 1});
    } else if (c == '(' || c == ';' || c == '#' || c == '^') {
        *format = ORD_FORMAT_EDN;
    } else if (is_log(text, &is_text)) {
        *format = ORD_FORMAT_PORCUPINE_ETCD;
    } else if (is_text || (c >= '0' && c <= '9') || c == 'n') {
        *format = ORD_FORMAT_TEXT;
    } else {
        return false;
    }
    return true;
}

static const char *const names[ORD_FORMAT_COUNT] = {
    [ORD_FORMAT_OWN] = "own",
    [ORD_FORMAT_EDN] = "edn",
    [ORD_FORMAT_JSONL] = "jsonl",
    [ORD_FORMAT_TEXT] = "text",
    [ORD_FORMAT_PORCUPINE_ETCD] = "porcupine-etcd",
    [ORD_FORMAT_PORCUPINE_KV] = "porcupine-kv",
    [ORD_FORMAT_LIMO] = "limo",
};

bool ord_history_format_of(const char *name, enum ord_history_format *format)
{
    for (int i = ORD_FORMAT_GUESS + 1; i < ORD_FORMAT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *format = (enum ord_history_format)i;
            return true;
        }
    }
    return false;
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
                    "{:type ...}, JSON lines {\"type\": ...}, a log of Jepsen "
                    "`0 :invoke :write 5`, calls and returns `[1] call "
                    "push(5)`, or the text form `0 inv write 5`");
}

/* Some editors put the byte order mark of UTF-8 in front. */
static void skip_mark(struct ord_source *source)
{
    if (ord_source_need(source, 3) >= 3 &&
        memcmp(source->at, "\xef\xbb\xbf", 3) == 0)
        source->at += 3;
}

static int read_as(struct ord_source *source, enum ord_history_format format,
                   const struct ord_history_options *how,
                   struct ord_history **out, struct ord_err *err)
{
    switch (format) {
    case ORD_FORMAT_OWN:
        return ord_read_own(source, how, out, err);
    case ORD_FORMAT_EDN:
        return ord_read_edn(source, how, out, err);
    case ORD_FORMAT_JSONL:
        return ord_read_jsonl(source, how, out, err);
    case ORD_FORMAT_TEXT:
        return ord_read_text(source, how, out, err);
    case ORD_FORMAT_PORCUPINE_ETCD:
        return ord_read_jepsen_log(source, how, out, err);
    case ORD_FORMAT_PORCUPINE_KV:
        return ord_read_edn(source, how, out, err);
    case ORD_FORMAT_LIMO:
        return ord_read_limo(source, how, out, err);
    default:
        ORD_ASSERT(format != ORD_FORMAT_GUESS);
        return ord_fail(err, ORD_EUSAGE, "no such format");
    }
}

static bool begins_with_list(const struct ord_source *source)
{
    struct ord_bytes text = {source->at, (size_t)(source->end - source->at)};

    text = trimmed(text);
    return text.size > 0 && (text.at[0] == '[' || text.at[0] == '(');
}

/* A file in which a guessed format has found nothing was not meant so, if it is
 * no empty list. */
static int check_some(const char *name, bool is_list, struct ord_history **out,
                      struct ord_err *err)
{
    if (is_list || ord_history_count(*out) > 0)
        return ORD_OK;
    ord_history_free(out);
    return ord_fail(err, ORD_EFORMAT,
                    "no operation in it: it looks like the format %s, but "
                    "nothing in it is one; --format says what it is",
                    name);
}

int ord_read_any(struct ord_source *source,
                 const struct ord_history_options *how,
                 struct ord_history **out, struct ord_err *err)
{
    enum ord_history_format format = how->format;
    bool is_list;

    source->window_max = ord_read_limits(how).window;
    skip_mark(source);
    if (format != ORD_FORMAT_GUESS)
        return read_as(source, format, how, out, err);
    if (ord_format_guess(source, &format, err) != ORD_OK)
        return err->rc;
    is_list = format == ORD_FORMAT_OWN || begins_with_list(source);
    if (read_as(source, format, how, out, err) != ORD_OK)
        return err->rc;
    return check_some(names[format], is_list, out, err);
}

int ord_history_open(const char *path, const struct ord_history_options *how,
                     struct ord_history **out, struct ord_err *err)
{
    const struct ord_history_options any = {.format = ORD_FORMAT_GUESS};
    struct ord_source source;
    bool is_own = false;
    int rc = ORD_OK;

    ORD_ASSERT(path != NULL);
    if (how == NULL)
        how = &any;
    if (how->format == ORD_FORMAT_GUESS || how->format == ORD_FORMAT_OWN)
        rc = ord_own_open(path, how, &is_own, out, err);
    if (rc == ORD_OK && !is_own) {
        rc = ord_source_open(&source, path, err);
        if (rc == ORD_OK) {
            rc = ord_read_any(&source, how, out, err);
            ord_source_close(&source);
        }
    }
    if (rc != ORD_OK)
        return ord_wrap(err, "%s",
                        strcmp(path, "-") == 0 ? "standard input" : path);
    return ORD_OK;
}
