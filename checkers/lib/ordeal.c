/* ordeal.c -- the public functions, over the checkers as they are.
 *
 * Nothing is decided here: names are looked up, limits filled in, errors
 * copied to the caller's array.
 */
#include "checkers/lib/ordeal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/lin.h"
#include "histories/build.h"
#include "histories/read.h"

#define API __attribute__((visibility("default")))
#define MEMORY_PRESET (UINT64_C(8) << 30)
#define STEPS_PRESET UINT64_C(200000000)

enum { OPTIONS_MAX = 16, KEY_TEXT_MAX = 1 << 16, EVENT_TEXT_MAX = 1 << 24 };

struct ordeal_history {
    struct ord_history *history;         /* owned; NULL until it is ended */
    struct ord_history_builder *builder; /* owned; NULL afterwards */
    struct ord_arena scratch;            /* of the values being added */
};

struct ordeal_result {
    struct ord_verdict verdict;
    struct ord_arena arena;
    const char *key; /* in the arena */
};

_Static_assert((int)ORDEAL_INVOKE == (int)ORD_OP_INVOKE, "types agree");
_Static_assert((int)ORDEAL_OK == (int)ORD_OP_OK, "types agree");
_Static_assert((int)ORDEAL_FAIL == (int)ORD_OP_FAIL, "types agree");
_Static_assert((int)ORDEAL_INFO == (int)ORD_OP_INFO, "types agree");

API const char *ordeal_version(void)
{
    return "1.0";
}

static void *failed(const struct ord_err *err, char *error)
{
    if (error != NULL)
        (void)snprintf(error, ORDEAL_ERROR_SIZE, "%s", err->text);
    return NULL;
}

static size_t memory_of(uint64_t memory_max)
{
    return (size_t)(memory_max == 0 ? MEMORY_PRESET : memory_max);
}

/* ---- histories ---------------------------------------------------------- */

static int take_options(const struct ordeal_read_options *options,
                        struct ord_history_options *how, struct ord_err *err)
{
    *how = (struct ord_history_options){.size_max = memory_of(0)};
    if (options == NULL)
        return ORD_OK;
    how->size_max = memory_of(options->memory_max);
    how->is_keyed = options->is_keyed != 0;
    if (options->format != NULL &&
        !ord_history_format_of(options->format, &how->format))
        return ord_fail(err, ORD_EUSAGE, "there is no format '%s'",
                        options->format);
    return ORD_OK;
}

/* Takes the history. */
static struct ordeal_history *wrapped(struct ord_history *history, char *error)
{
    struct ordeal_history *h = calloc(1, sizeof *h);
    struct ord_err err = {.text = "no memory"};

    if (h == NULL) {
        ord_history_free(&history);
        return failed(&err, error);
    }
    h->history = history;
    return h;
}

API struct ordeal_history *
ordeal_open(const char *path, const struct ordeal_read_options *options,
            char *error)
{
    struct ord_history_options how;
    struct ord_history *history = NULL;
    struct ord_err err = {0};

    if (take_options(options, &how, &err) != ORD_OK ||
        ord_history_open(path, &how, &history, &err) != ORD_OK)
        return failed(&err, error);
    return wrapped(history, error);
}

API struct ordeal_history *
ordeal_read(const void *bytes, size_t size,
            const struct ordeal_read_options *options, char *error)
{
    struct ord_history_options how;
    struct ord_history *history = NULL;
    struct ord_source source;
    struct ord_err err = {0};
    int rc;

    if (take_options(options, &how, &err) != ORD_OK)
        return failed(&err, error);
    ord_source_memory(&source, (struct ord_bytes){bytes, size});
    rc = ord_read_any(&source, &how, &history, &err);
    ord_source_close(&source);
    return rc != ORD_OK ? failed(&err, error) : wrapped(history, error);
}

API struct ordeal_history *ordeal_history_new(uint64_t memory_max, char *error)
{
    struct ordeal_history *h = wrapped(NULL, error);
    struct ord_err err = {0};

    if (h == NULL)
        return NULL;
    if (ord_history_builder_new(memory_of(memory_max), &h->builder, &err) !=
        ORD_OK) {
        free(h);
        return failed(&err, error);
    }
    ord_arena_init(&h->scratch, memory_of(memory_max));
    return h;
}

API void ordeal_history_free(struct ordeal_history *h)
{
    if (h == NULL)
        return;
    if (h->builder != NULL)
        ord_arena_fini(&h->scratch);
    ord_history_builder_free(&h->builder);
    ord_history_free(&h->history);
    free(h);
}

static int take_json(struct ordeal_history *h, const char *text,
                     const char *what, struct ord_value *out,
                     struct ord_err *err)
{
    struct ord_json in = {.at = text};

    *out = ord_value_nil();
    if (text == NULL)
        return ORD_OK;
    in.end = text + strlen(text);
    if (!ord_value_from_json(&in, &h->scratch, out) || !ord_json_done(&in))
        return ord_fail(err, ORD_EFORMAT, "the %s is no JSON: %.100s", what,
                        text);
    return ORD_OK;
}

static int add(struct ordeal_history *h, const struct ordeal_event *event,
               struct ord_err *err)
{
    struct ord_op op = ord_op_empty();

    if (h->builder == NULL)
        return ord_fail(err, ORD_EUSAGE, "the history has ended");
    if (event->type < ORDEAL_INVOKE || event->type > ORDEAL_INFO)
        return ord_fail(err, ORD_EUSAGE, "there is no type %d", event->type);
    if (event->f == NULL || event->process < 0)
        return ord_fail(err, ORD_EUSAGE,
                        "an event needs f and a process of 0 "
                        "or more");
    ord_arena_reset(&h->scratch);
    if (take_json(h, event->key, "key", &op.key, err) != ORD_OK ||
        take_json(h, event->value, "value", &op.value, err) != ORD_OK)
        return err->rc;
    if (event->node != NULL &&
        ord_builder_node(h->builder,
                         (struct ord_bytes){event->node, strlen(event->node)},
                         &op.node, err) != ORD_OK)
        return err->rc;
    op.process = event->process;
    op.type = (uint8_t)event->type;
    op.name = event->f;
    op.f = (uint8_t)ord_f_of((struct ord_bytes){event->f, strlen(event->f)});
    op.time_ns = event->time_ns < 0 ? ORD_NONE : event->time_ns;
    op.session = event->session < 0 ? ORD_NONE : event->session;
    op.is_final = event->is_final != 0;
    return ord_history_add(h->builder, &op, err);
}

API int ordeal_add(struct ordeal_history *history,
                   const struct ordeal_event *event, char *error)
{
    struct ord_err err = {0};

    if (add(history, event, &err) == ORD_OK)
        return 0;
    (void)failed(&err, error);
    return err.rc;
}

API int ordeal_end(struct ordeal_history *h, char *error)
{
    struct ord_err err = {.rc = ORD_EUSAGE, .text = "the history has ended"};

    if (h->builder == NULL) {
        (void)failed(&err, error);
        return err.rc;
    }
    ord_arena_fini(&h->scratch);
    if (ord_history_finish(&h->builder, false, &h->history, &err) == ORD_OK)
        return 0;
    (void)failed(&err, error);
    return err.rc;
}

API int64_t ordeal_event_count(const struct ordeal_history *history)
{
    return history->history == NULL ? 0 : ord_history_count(history->history);
}

API size_t ordeal_event_text(const struct ordeal_history *history,
                             int64_t index, char *text, size_t size)
{
    struct ord_buf line;
    size_t needed;

    if (index < 0 || index >= ordeal_event_count(history))
        return 0;
    ord_buf_init(&line, EVENT_TEXT_MAX);
    ord_op_print(ord_history_op(history->history, index), &line);
    needed = line.size + 1;
    if (size > 0)
        (void)snprintf(text, size, "%s", ord_buf_str(&line));
    ord_buf_fini(&line);
    return needed;
}

/* ---- checking ----------------------------------------------------------- */

static const char *key_text(struct ordeal_result *result)
{
    struct ord_buf text;
    const char *copy = NULL;

    if (result->verdict.key.kind == ORD_NIL)
        return NULL;
    ord_buf_init(&text, KEY_TEXT_MAX);
    ord_value_to_json(&result->verdict.key, &text);
    if (!text.failed)
        copy = ord_arena_copy(&result->arena, ord_buf_bytes(&text));
    ord_buf_fini(&text);
    return copy;
}

static int count_options(const struct ord_checker *checker,
                         const struct ordeal_check_options *options,
                         struct ord_option out[OPTIONS_MAX], uint32_t *count,
                         struct ord_err *err)
{
    const char *const *at = options == NULL ? NULL : options->options;

    *count = 0;
    for (; at != NULL && at[0] != NULL; at += 2) {
        if (*count == OPTIONS_MAX || at[1] == NULL)
            return ord_fail(err, ORD_EUSAGE,
                            "options: expected at most %d pairs of name and "
                            "value",
                            OPTIONS_MAX);
        if (!ord_checker_has_option(checker, at[0]))
            return ord_fail(err, ORD_EUSAGE, "%s has no option '%s'",
                            checker->name, at[0]);
        out[(*count)++] = (struct ord_option){at[0], at[1]};
    }
    return ORD_OK;
}

static struct ordeal_result *run(const struct ord_checker *checker,
                                 const struct ord_check_in *question,
                                 uint64_t memory_max, struct ord_err *err)
{
    struct ordeal_result *result = calloc(1, sizeof *result);
    struct ord_check_in in = *question;

    if (result == NULL) {
        ord_fail(err, ORD_ENOMEM, "no memory");
        return NULL;
    }
    ord_arena_init(&result->arena, memory_of(memory_max));
    in.arena = &result->arena;
    ord_check_run(checker, &in, &result->verdict);
    if (result->verdict.is_misused) {
        ord_fail(err, ORD_EUSAGE, "%s: %s", checker->name, result->verdict.why);
        ordeal_result_free(result);
        return NULL;
    }
    result->key = key_text(result);
    return result;
}

API struct ordeal_result *
ordeal_check(const struct ordeal_history *history, const char *checker,
             const char *model, const struct ordeal_check_options *options,
             char *error)
{
    const struct ord_checker *found =
        checker == NULL ? NULL : ord_checker_find(checker);
    struct ord_option pairs[OPTIONS_MAX];
    struct ord_check_in in = {
        .history = history->history,
        .model = model,
        .options = pairs,
        .steps_max = options == NULL || options->steps_max == 0
                         ? STEPS_PRESET
                         : options->steps_max,
    };
    struct ordeal_result *result;
    struct ord_err err = {0};

    if (found == NULL)
        ord_fail(&err, ORD_EUSAGE, "there is no checker '%s'",
                 checker == NULL ? "" : checker);
    else if (model != NULL && strcmp(found->name, "linearizable") != 0)
        ord_fail(&err, ORD_EUSAGE, "%s has no model", found->name);
    else if (model != NULL && ord_model_find(model) == NULL)
        ord_fail(&err, ORD_EUSAGE, "there is no model '%s'", model);
    else if (history->history == NULL)
        ord_fail(&err, ORD_EUSAGE, "the history has not ended");
    else
        (void)count_options(found, options, pairs, &in.option_count, &err);
    if (err.rc != ORD_OK)
        return failed(&err, error);
    result = run(found, &in, options == NULL ? 0 : options->memory_max, &err);
    return result != NULL ? result : failed(&err, error);
}

API void ordeal_result_free(struct ordeal_result *result)
{
    if (result == NULL)
        return;
    ord_arena_fini(&result->arena);
    free(result);
}

API int ordeal_result_verdict(const struct ordeal_result *result)
{
    switch (result->verdict.outcome) {
    case ORD_VALID:
        return ORDEAL_PASS;
    case ORD_INVALID:
        return ORDEAL_VIOLATION;
    case ORD_UNKNOWN:
        break;
    }
    return ORDEAL_UNKNOWN;
}

API const char *ordeal_result_why(const struct ordeal_result *result)
{
    return result->verdict.why;
}

API size_t ordeal_result_ops(const struct ordeal_result *result,
                             const int64_t **indexes)
{
    *indexes = result->verdict.ops;
    return result->verdict.op_count;
}

API uint64_t ordeal_result_violations(const struct ordeal_result *result)
{
    return result->verdict.violation_count;
}

API const char *ordeal_result_key(const struct ordeal_result *result)
{
    return result->key;
}

API const char *ordeal_result_finding(const struct ordeal_result *result,
                                      size_t i)
{
    return i < result->verdict.finding_count ? result->verdict.findings[i].why
                                             : NULL;
}

API const char *ordeal_result_stat(const struct ordeal_result *result, size_t i,
                                   double *value)
{
    if (i >= result->verdict.stat_count)
        return NULL;
    if (value != NULL)
        *value = result->verdict.stats[i].value;
    return result->verdict.stats[i].name;
}

API const char *ordeal_checker(size_t i, const char **claim)
{
    const struct ord_checker *const *all = ord_checkers();

    for (size_t k = 0; all[k] != NULL; k++) {
        if (k != i)
            continue;
        if (claim != NULL)
            *claim = all[k]->claim;
        return all[k]->name;
    }
    return NULL;
}

API const char *ordeal_model(size_t i)
{
    const struct ord_model *const *all = ord_models();

    for (size_t k = 0; all[k] != NULL; k++) {
        if (k == i)
            return all[k]->name;
    }
    return NULL;
}
