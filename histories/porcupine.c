/* porcupine.c -- operations as Jepsen logs them, which is also what Porcupine's
 * etcd tests are kept as, and Jepsen's history.txt.
 *
 *     INFO  jepsen.util - 0<TAB>:invoke<TAB>:cas<TAB>[1 3]
 *     INFO  jepsen.util - 0<TAB>:info<TAB>:cas<TAB>:timed-out
 *     0<TAB>:fail<TAB>:read<TAB>nil<TAB>:timed-out
 *
 * Process, type, function and value, with tabs or spaces between them, behind
 * whatever the logger puts in front; what follows the value is the error, and
 * so is a keyword in place of the value of an operation that did not succeed.
 * Pairs of a keyword and a value behind it (`:hint 38`) are passed over.
 * In a log, lines without a type (:invoke, :ok, :fail, :info) are somebody
 * else's.  A read that failed because its time was up is a read without an
 * answer: info.  A process may go on after an info: it then counts as a new
 * one, for its last operation stays open for ever.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "harness/base/rng.h"
#include "histories/build.h"
#include "histories/edn.h"
#include "histories/read.h"

enum { SUCCESSORS_MIN = 64 };

/* Numbers for processes that go on after a crash; the file's own are below. */
#define SUCCESSOR_FIRST INT64_C(1000000000)

struct alias {
    int64_t process; /* as the file has it */
    int64_t now;     /* the number under which it goes on */
    bool is_used;
};

struct log_reader {
    struct ord_edn in;
    struct ord_source text; /* one line */
    struct ord_history_builder *builder;
    struct alias *aliases; /* owned; of processes that crashed */
    size_t room;
    size_t count;
    int64_t next; /* fresh number */
    bool is_keyed;
    uint64_t number; /* of the line */
    struct ord_op op;
};

/* ---- processes that go on -------------------------------------------------
 */

static struct alias *find(struct alias *aliases, size_t room, int64_t process)
{
    size_t at = (size_t)ord_mix((uint64_t)process) & (room - 1);

    /* Ends: at least a quarter of the places is free. */
    while (aliases[at].is_used && aliases[at].process != process)
        at = (at + 1) & (room - 1);
    return &aliases[at];
}

static bool grow(struct log_reader *r)
{
    size_t room = r->room == 0 ? SUCCESSORS_MIN : r->room * 2;
    struct alias *aliases = calloc(room, sizeof *aliases);

    if (aliases == NULL)
        return false;
    for (size_t i = 0; i < r->room; i++) {
        if (r->aliases[i].is_used)
            *find(aliases, room, r->aliases[i].process) = r->aliases[i];
    }
    free(r->aliases);
    r->aliases = aliases;
    r->room = room;
    return true;
}

static int64_t process_now(const struct log_reader *r, int64_t process)
{
    const struct alias *alias;

    if (r->room == 0)
        return process;
    alias = find(r->aliases, r->room, process);
    return alias->is_used ? alias->now : process;
}

/* Whatever the process does next, a new one does. */
static bool succeed(struct log_reader *r, int64_t process)
{
    struct alias *alias;

    if (r->count >= r->room / 4 * 3 && !grow(r))
        return false;
    alias = find(r->aliases, r->room, process);
    r->count += !alias->is_used;
    *alias = (struct alias){process, r->next++, true};
    return true;
}

/* ---- where the operation stands in the line --------------------------------
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The word at or behind *at, which moves behind it; empty at the end. */
static struct ord_bytes next_word(const char **at, const char *end)
{
    struct ord_bytes word;

    while (*at < end && is_blank(**at))
        (*at)++;
    word = (struct ord_bytes){*at, 0};
    while (*at < end && !is_blank(**at))
        (*at)++;
    word.size = (size_t)(*at - word.at);
    return word;
}

static bool is_type(struct ord_bytes word, uint8_t *type)
{
    return word.size > 1 && word.at[0] == ':' &&
           ord_op_type_of((struct ord_bytes){word.at + 1, word.size - 1}, type);
}

static bool is_process(struct ord_bytes word)
{
    bool is_number = word.size > 0;

    for (size_t i = 0; i < word.size; i++)
        is_number &= word.at[i] >= '0' && word.at[i] <= '9';
    return is_number || (word.size > 1 && word.at[0] == ':') ||
           ord_bytes_is(word, "nemesis");
}

/* The process, followed by a type; empty: there is none in this line. */
static struct ord_bytes find_process(struct ord_bytes line)
{
    const char *at = line.at;
    const char *end = line.at + line.size;
    struct ord_bytes last = {0};
    uint8_t type;

    for (;;) {
        struct ord_bytes word = next_word(&at, end);

        if (word.size == 0)
            return (struct ord_bytes){0};
        if (is_type(word, &type) && last.size > 0 && is_process(last))
            return last;
        last = word;
    }
}

/* ---- the operation ---------------------------------------------------------
 */

static int take_process(struct log_reader *r, struct ord_bytes word,
                        int64_t *process, struct ord_err *err)
{
    *process = 0;
    if (word.at[0] < '0' || word.at[0] > '9') {
        *process = ORD_PROCESS_NEMESIS;
        return ORD_OK;
    }
    for (size_t i = 0; i < word.size && *process < SUCCESSOR_FIRST; i++)
        *process = *process * 10 + (word.at[i] - '0');
    if (*process >= SUCCESSOR_FIRST)
        return ord_edn_fail(&r->in, "a process below 1000000000 before this",
                            err);
    return ORD_OK;
}

static struct ord_bytes rest_of(struct ord_source *s)
{
    struct ord_bytes rest;

    while (s->at < s->end && is_blank(*s->at))
        s->at++;
    rest = (struct ord_bytes){s->at, (size_t)(s->end - s->at)};
    while (rest.size > 0 && is_blank(rest.at[rest.size - 1]))
        rest.size--;
    return rest;
}

/* All that is left, as an error's text; a lone keyword without its colon. */
static int take_error(struct log_reader *r, struct ord_err *err)
{
    struct ord_bytes rest = rest_of(&r->text);

    r->text.at = r->text.end;
    if (rest.size == 0 || ord_bytes_is(rest, "nil"))
        return ORD_OK;
    if (rest.size > 1 && rest.at[0] == ':' &&
        memchr(rest.at, ' ', rest.size) == NULL) {
        rest.at++;
        rest.size--;
    }
    r->op.error = ord_arena_copy(&r->in.arena, rest);
    return r->op.error == NULL ? ord_fail(err, ORD_ENOMEM, "an error too big")
                               : ORD_OK;
}

/* What the nemesis did is for people: EDN if it is, else as it stands. */
static int take_nemesis(struct log_reader *r, struct ord_err *err)
{
    struct ord_bytes rest = rest_of(&r->text);
    struct ord_err ignored;

    if (rest.size == 0)
        return ORD_OK;
    if (ord_edn_value(&r->in, &r->op.value, &ignored) == ORD_OK &&
        (r->text.at == rest.at + rest.size ||
         memchr(rest.at, '\t', rest.size) != NULL))
        return take_error(r, err);
    r->text.at = r->text.end;
    r->op.value =
        (struct ord_value){.kind = ORD_TEXT,
                           .count = (uint32_t)rest.size,
                           .as = {.text = ord_arena_copy(&r->in.arena, rest)}};
    return r->op.value.as.text == NULL
               ? ord_fail(err, ORD_ENOMEM, "a value too big")
               : ORD_OK;
}

/* Pairs of a keyword and a value, as `:hint 38`: not for us. */
static int skip_hints(struct log_reader *r, struct ord_err *err)
{
    struct ord_bytes rest = rest_of(&r->text);

    while (rest.size > 0) {
        if (rest.at[0] != ':' || memchr(rest.at, ' ', rest.size) == NULL)
            return ord_edn_fail(&r->in, "the end of the line", err);
        if (ord_edn_skip(&r->in, err) != ORD_OK ||
            ord_edn_skip(&r->in, err) != ORD_OK)
            return err->rc;
        rest = rest_of(&r->text);
    }
    return ORD_OK;
}

static int take_value(struct log_reader *r, struct ord_err *err)
{
    struct ord_bytes rest = rest_of(&r->text);
    bool may_be_error = r->op.type == ORD_OP_FAIL || r->op.type == ORD_OP_INFO;

    if (rest.size == 0)
        return ORD_OK;
    if (may_be_error && rest.at[0] == ':' &&
        memchr(rest.at, ' ', rest.size) == NULL &&
        memchr(rest.at, '\t', rest.size) == NULL)
        return take_error(r, err);
    if (ord_edn_value(&r->in, &r->op.value, err) != ORD_OK)
        return err->rc;
    if (may_be_error)
        return take_error(r, err);
    return skip_hints(r, err);
}

/* Stands at the process. */
static int take_op(struct log_reader *r, struct ord_err *err)
{
    struct ord_source *s = &r->text;
    struct ord_bytes word;
    int64_t process;
    char *name;

    r->op = ord_op_empty();
    word = next_word(&s->at, s->end);
    if (take_process(r, word, &process, err) != ORD_OK)
        return err->rc;
    word = next_word(&s->at, s->end);
    if (!is_type(word, &r->op.type))
        return ord_edn_fail(&r->in,
                            "a type (:invoke :ok :fail :info) before "
                            "this",
                            err);
    word = next_word(&s->at, s->end);
    if (word.size < 2 || word.at[0] != ':')
        return ord_edn_fail(&r->in,
                            "a function (:read, :write ...) before "
                            "this",
                            err);
    word.at++;
    word.size--;
    name = ord_arena_copy(&r->in.arena, word);
    if (name == NULL)
        return ord_fail(err, ORD_ENOMEM, "a name too big");
    r->op.name = name;
    r->op.f = (uint8_t)ord_f_of(word);
    r->op.process = process;
    if (process == ORD_PROCESS_NEMESIS)
        return take_nemesis(r, err);
    r->op.process = process_now(r, process);
    if (take_value(r, err) != ORD_OK)
        return err->rc;
    if (r->op.type == ORD_OP_FAIL && r->op.f == ORD_F_READ &&
        r->op.error != NULL && strcmp(r->op.error, "timed-out") == 0)
        r->op.type = ORD_OP_INFO;
    if (r->op.type == ORD_OP_INFO && !succeed(r, process))
        return ord_fail(err, ORD_ENOMEM, "%zu processes", r->count);
    return ORD_OK;
}

/* A line that begins with the operation, or is said to come from the printer
 * of operations, has to be one. */
static bool has_to_be_op(struct ord_bytes line)
{
    const char *at = line.at;
    struct ord_bytes first = next_word(&at, line.at + line.size);

    return first.size > 0 &&
           (is_process(first) ||
            (ord_bytes_is(first, "INFO") &&
             memmem(line.at, line.size, " jepsen.util - ", 15) != NULL));
}

static int take_line(struct log_reader *r, struct ord_bytes line,
                     struct ord_err *err)
{
    struct ord_bytes process = find_process(line);

    ord_edn_forget(&r->in);
    ord_source_memory(&r->text, line);
    r->text.line = r->number;
    if (process.size == 0 && !has_to_be_op(line))
        return ORD_OK;
    if (process.size == 0)
        return ord_edn_fail(
            &r->in, "an operation: process, :type, :function, value", err);
    r->text.at = process.at;
    if (take_op(r, err) != ORD_OK)
        return err->rc;
    if ((r->is_keyed && ord_split_key(&r->op, err) != ORD_OK) ||
        ord_history_add(r->builder, &r->op, err) != ORD_OK)
        return ord_wrap(err, "line %" PRIu64, r->number);
    return ORD_OK;
}

static int take_all(struct log_reader *r, struct ord_source *source,
                    struct ord_err *err)
{
    for (;;) {
        struct ord_bytes line;

        r->number = source->line;
        if (ord_source_line(source, &line, err) != ORD_OK)
            return err->rc;
        if (line.at == NULL)
            return ORD_OK;
        if (take_line(r, line, err) != ORD_OK)
            return err->rc;
    }
}

int ord_read_jepsen_log(struct ord_source *source,
                        const struct ord_history_options *how,
                        struct ord_history **out, struct ord_err *err)
{
    struct log_reader r = {.next = SUCCESSOR_FIRST, .is_keyed = how->is_keyed};
    int rc;

    ord_edn_init(&r.in, &r.text, ord_read_limits(how).scratch);
    rc = ord_history_builder_new(ord_read_limits(how).history, &r.builder, err);
    if (rc == ORD_OK) {
        r.builder->pairs_at_once = true;
        rc = take_all(&r, source, err);
    }
    if (rc == ORD_OK)
        rc = ord_builder_finish(&r.builder, ORD_ORDER_AS_ADDED, out, err);
    ord_history_builder_free(&r.builder);
    ord_edn_fini(&r.in);
    free(r.aliases);
    return rc;
}
