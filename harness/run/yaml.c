#include "harness/run/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/file.h"

enum {
    DEPTH_MAX = 64,
    FILE_SIZE_MAX = 1 << 20,
    NODES_MAX = 1 << 18,
    TEXT_SIZE_MAX = 16 << 20, /* of all scalars, aliases unfolded */
    KEYS_MAX = 4096,          /* of a map */
};

struct loader {
    yaml_document_t *document;
    struct ord_arena *arena;
    const char *path;
    uint32_t node_count; /* an alias may not unfold without end */
    size_t text_size;    /* nor be copied so */
    struct ord_err *err;
};

int ord_yaml_fail(const struct ord_yaml *at, struct ord_err *err,
                  const char *format, ...)
{
    char text[ORD_ERR_TEXT_SIZE / 2];
    va_list args;

    ORD_ASSERT(at != NULL);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ord_fail(err, ORD_EUSAGE, "%s:%u: %s", at->path, at->line, text);
}

static int load_node(struct loader *in, const yaml_node_t *from, int depth,
                     struct ord_yaml *to);

/* Zero-terminated from here on, so nothing may hide behind a zero. */
static int check_text(struct loader *in, const struct ord_yaml *at,
                      const yaml_node_t *from)
{
    const char *text = (const char *)from->data.scalar.value;
    size_t size = from->data.scalar.length;

    if (memchr(text, '\0', size) != NULL)
        return ord_yaml_fail(at, in->err, "a NUL byte has no place here");
    in->text_size += size + 1;
    if (in->text_size > TEXT_SIZE_MAX)
        return ord_yaml_fail(at, in->err, "nested too deep or too large");
    return ORD_OK;
}

static int load_list(struct loader *in, const yaml_node_t *from, int depth,
                     struct ord_yaml *to)
{
    const yaml_node_item_t *first = from->data.sequence.items.start;
    size_t count = (size_t)(from->data.sequence.items.top - first);
    struct ord_yaml *items = ord_arena_zalloc(in->arena, count, sizeof *items);
    int rc = ORD_OK;

    if (items == NULL)
        return ord_fail(in->err, ORD_ENOMEM, "%s", in->path);
    to->kind = ORD_YAML_LIST;
    to->items = items;
    to->count = (uint32_t)count;
    for (size_t i = 0; i < count && rc == ORD_OK; i++)
        rc = load_node(in, yaml_document_get_node(in->document, first[i]),
                       depth + 1, &items[i]);
    return rc;
}

static int check_key(struct loader *in, const struct ord_yaml *map,
                     const yaml_node_t *key, const char *const *keys,
                     size_t count)
{
    struct ord_yaml at = *map;

    at.line = (uint32_t)key->start_mark.line + 1;
    if (key->type != YAML_SCALAR_NODE)
        return ord_yaml_fail(&at, in->err, "a key must be a plain word");
    if (check_text(in, &at, key) != ORD_OK)
        return in->err->rc;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(keys[i], (const char *)key->data.scalar.value) == 0)
            return ord_yaml_fail(&at, in->err, "key '%s' stands here twice",
                                 keys[i]);
    }
    return ORD_OK;
}

static int load_map(struct loader *in, const yaml_node_t *from, int depth,
                    struct ord_yaml *to)
{
    const yaml_node_pair_t *first = from->data.mapping.pairs.start;
    size_t count = (size_t)(from->data.mapping.pairs.top - first);
    struct ord_yaml *items = ord_arena_zalloc(in->arena, count, sizeof *items);
    const char **keys = ord_arena_zalloc(in->arena, count, sizeof *keys);
    int rc = ORD_OK;

    if (count > KEYS_MAX)
        return ord_yaml_fail(to, in->err, "over %d keys in one map", KEYS_MAX);
    if (items == NULL || keys == NULL)
        return ord_fail(in->err, ORD_ENOMEM, "%s", in->path);
    to->kind = ORD_YAML_MAP;
    to->items = items;
    to->keys = keys;
    to->count = (uint32_t)count;
    for (size_t i = 0; i < count && rc == ORD_OK; i++) {
        const yaml_node_t *key =
            yaml_document_get_node(in->document, first[i].key);

        rc = check_key(in, to, key, keys, i);
        if (rc != ORD_OK)
            break;
        keys[i] =
            ord_arena_strdup(in->arena, (const char *)key->data.scalar.value);
        if (keys[i] == NULL)
            return ord_fail(in->err, ORD_ENOMEM, "%s", in->path);
        rc = load_node(in, yaml_document_get_node(in->document, first[i].value),
                       depth + 1, &items[i]);
    }
    return rc;
}

static int load_node(struct loader *in, const yaml_node_t *from, int depth,
                     struct ord_yaml *to)
{
    to->path = in->path;
    to->line = (uint32_t)from->start_mark.line + 1;
    if (depth > DEPTH_MAX || ++in->node_count > NODES_MAX)
        return ord_yaml_fail(to, in->err, "nested too deep or too large");
    switch (from->type) {
    case YAML_SEQUENCE_NODE:
        return load_list(in, from, depth, to);
    case YAML_MAPPING_NODE:
        return load_map(in, from, depth, to);
    default:
        to->kind = ORD_YAML_SCALAR;
        if (check_text(in, to, from) != ORD_OK)
            return in->err->rc;
        to->text = ord_arena_copy(
            in->arena, (struct ord_bytes){(const char *)from->data.scalar.value,
                                          from->data.scalar.length});
        return to->text != NULL ? ORD_OK
                                : ord_fail(in->err, ORD_ENOMEM, "%s", in->path);
    }
}

/* libyaml's time is quadratic in the depth, so this stops it early.  What is
 * no YAML passes here and is found by the loader. */
static int check_depth(struct loader *in, const struct ord_buf *text)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool is_over = false;
    int depth = 0;
    int rc = ORD_OK;

    if (yaml_parser_initialize(&parser) == 0)
        return ord_fail(in->err, ORD_ENOMEM, "%s", in->path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->at,
                                 text->size);
    while (!is_over && yaml_parser_parse(&parser, &event) != 0) {
        depth += event.type == YAML_SEQUENCE_START_EVENT ||
                 event.type == YAML_MAPPING_START_EVENT;
        depth -= event.type == YAML_SEQUENCE_END_EVENT ||
                 event.type == YAML_MAPPING_END_EVENT;
        if (depth > DEPTH_MAX)
            rc = ord_fail(in->err, ORD_EUSAGE,
                          "%s:%zu: nested too deep or too large", in->path,
                          event.start_mark.line + 1);
        is_over = rc != ORD_OK || event.type == YAML_STREAM_END_EVENT ||
                  event.type == YAML_NO_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

/* The next document of the stream; *line 0: there is none. */
static int parse(struct loader *in, yaml_parser_t *parser,
                 yaml_document_t *document, size_t *line)
{
    const yaml_node_t *root;

    *line = 0;
    if (yaml_parser_load(parser, document) == 0)
        return ord_fail(in->err, ORD_EUSAGE, "%s:%zu: %s", in->path,
                        parser->problem_mark.line + 1,
                        parser->problem != NULL ? parser->problem : "bad YAML");
    root = yaml_document_get_root_node(document);
    if (root != NULL)
        *line = document->start_mark.line + 1;
    return ORD_OK;
}

static int load_document(struct loader *in, struct ord_buf *text,
                         const struct ord_yaml **root)
{
    struct ord_yaml *top = ord_arena_zalloc(in->arena, 1, sizeof *top);
    yaml_document_t document;
    yaml_parser_t parser;
    size_t line = 0;
    int rc;

    if (top == NULL || yaml_parser_initialize(&parser) == 0)
        return ord_fail(in->err, ORD_ENOMEM, "%s", in->path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text->at,
                                 text->size);
    rc = parse(in, &parser, &document, &line);
    if (rc != ORD_OK)
        goto out;
    in->document = &document;
    if (line == 0)
        rc = ord_fail(in->err, ORD_EUSAGE, "%s:1: the file is empty", in->path);
    else
        rc = load_node(in, yaml_document_get_root_node(&document), 0, top);
    yaml_document_delete(&document);
    if (rc != ORD_OK)
        goto out;
    *root = top;
    rc = parse(in, &parser, &document, &line);
    if (rc != ORD_OK)
        goto out;
    yaml_document_delete(&document);
    if (line > 0)
        rc = ord_fail(in->err, ORD_EUSAGE,
                      "%s:%zu: a second document begins; one file holds one",
                      in->path, line);
out:
    yaml_parser_delete(&parser);
    return rc;
}

int ord_yaml_load(const char *path, struct ord_arena *arena,
                  const struct ord_yaml **root, struct ord_err *err)
{
    struct loader in = {.arena = arena, .err = err};
    struct ord_buf text;
    int rc;

    ord_buf_init(&text, FILE_SIZE_MAX);
    in.path = ord_arena_strdup(arena, path);
    if (in.path == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s", path);
    rc = ord_file_read(path, &text, err);
    if (rc == ORD_ELIMIT)
        rc = ord_fail(err, ORD_EUSAGE, "%s is over 1 MiB", path);
    if (rc == ORD_OK && text.size == 0)
        rc = ord_fail(err, ORD_EUSAGE, "%s:1: the file is empty", path);
    if (rc == ORD_OK)
        rc = check_depth(&in, &text);
    if (rc == ORD_OK)
        rc = load_document(&in, &text, root);
    ord_buf_fini(&text);
    return rc;
}

const struct ord_yaml *ord_yaml_get(const struct ord_yaml *map, const char *key)
{
    ORD_ASSERT(map->kind == ORD_YAML_MAP);
    for (uint32_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i], key) == 0)
            return &map->items[i];
    }
    return NULL;
}

static int want_scalar(const struct ord_yaml *at, const char *what,
                       struct ord_err *err)
{
    if (at->kind == ORD_YAML_SCALAR)
        return ORD_OK;
    return ord_yaml_fail(at, err, "expected %s, found a %s", what,
                         at->kind == ORD_YAML_LIST ? "list" : "map");
}

int ord_yaml_duration(const struct ord_yaml *at, int64_t *ns,
                      struct ord_err *err)
{
    struct ord_err why = {0};

    if (want_scalar(at, "a duration such as 20ms or 1.5s", err) != ORD_OK)
        return err->rc;
    if (ord_duration_parse(ord_bytes_of(at->text), ns, &why) != ORD_OK)
        return ord_yaml_fail(at, err, "%s", why.text);
    return ORD_OK;
}

int ord_yaml_count(const struct ord_yaml *at, uint64_t low, uint64_t high,
                   uint64_t *value, struct ord_err *err)
{
    char *end = NULL;
    unsigned long long number;

    if (want_scalar(at, "a whole number", err) != ORD_OK)
        return err->rc;
    errno = 0;
    number = strtoull(at->text, &end, 10);
    if (at->text[0] < '0' || at->text[0] > '9' || *end != '\0' || errno != 0)
        return ord_yaml_fail(at, err, "'%s' is no whole number", at->text);
    if (number < low || number > high)
        return ord_yaml_fail(at, err, "%s is not between %llu and %llu",
                             at->text, (unsigned long long)low,
                             (unsigned long long)high);
    *value = number;
    return ORD_OK;
}

static int read_real(const struct ord_yaml *at, int64_t low, int64_t high,
                     double *value, struct ord_err *err)
{
    char *end = NULL;
    double number;

    if (want_scalar(at, "a number", err) != ORD_OK)
        return err->rc;
    number = strtod(at->text, &end);
    if (at->text[0] == '\0' || *end != '\0')
        return ord_yaml_fail(at, err, "'%s' is no number", at->text);
    if (!(number >= (double)low && number <= (double)high))
        return ord_yaml_fail(at, err, "%s is not between %lld and %lld",
                             at->text, (long long)low, (long long)high);
    *value = number;
    return ORD_OK;
}

int ord_yaml_bool(const struct ord_yaml *at, bool *value, struct ord_err *err)
{
    if (want_scalar(at, "true or false", err) != ORD_OK)
        return err->rc;
    *value = strcmp(at->text, "true") == 0 || strcmp(at->text, "yes") == 0;
    if (!*value && strcmp(at->text, "false") != 0 &&
        strcmp(at->text, "no") != 0)
        return ord_yaml_fail(at, err, "expected true or false, found '%s'",
                             at->text);
    return ORD_OK;
}

static int want_strings(const struct ord_yaml *at, struct ord_err *err)
{
    if (at->kind != ORD_YAML_LIST)
        return ord_yaml_fail(at, err, "expected a list");
    for (uint32_t i = 0; i < at->count; i++) {
        int rc = want_scalar(&at->items[i], "a list of plain words", err);
        if (rc != ORD_OK)
            return rc;
    }
    return ORD_OK;
}

static int read_field(const struct ord_yaml *at,
                      const struct ord_yaml_field *field, struct ord_err *err)
{
    int rc = ORD_OK;

    switch (field->type) {
    case ORD_YAML_TEXT:
        rc = want_scalar(at, "a plain word or text", err);
        if (rc == ORD_OK)
            *(const char **)field->to = at->text;
        return rc;
    case ORD_YAML_COUNT:
        return ord_yaml_count(at, (uint64_t)field->low, (uint64_t)field->high,
                              field->to, err);
    case ORD_YAML_REAL:
        return read_real(at, field->low, field->high, field->to, err);
    case ORD_YAML_BOOL:
        return ord_yaml_bool(at, field->to, err);
    case ORD_YAML_DURATION:
        rc = ord_yaml_duration(at, field->to, err);
        if (rc == ORD_OK &&
            (*(int64_t *)field->to < field->low ||
             (field->high > 0 && *(int64_t *)field->to > field->high)))
            return field->high == 0
                       ? ord_yaml_fail(at, err, "%s is less than %gs", at->text,
                                       (double)field->low / 1e9)
                       : ord_yaml_fail(at, err, "%s is not between %gs and %gs",
                                       at->text, (double)field->low / 1e9,
                                       (double)field->high / 1e9);
        return rc;
    case ORD_YAML_STRINGS:
        rc = want_strings(at, err);
        break;
    case ORD_YAML_MAPPING:
        if (at->kind != ORD_YAML_MAP)
            rc = ord_yaml_fail(at, err, "expected a map of key: value");
        break;
    case ORD_YAML_NODE:
        break;
    }
    if (rc == ORD_OK)
        *(const struct ord_yaml **)field->to = at;
    return rc;
}

static int unknown_key(const struct ord_yaml *map, uint32_t i,
                       const struct ord_yaml_field *fields, struct ord_err *err)
{
    char known[ORD_ERR_TEXT_SIZE / 4] = "";
    size_t used = 0;

    for (const struct ord_yaml_field *f = fields; f->key != NULL; f++) {
        int size = snprintf(known + used, sizeof known - used, "%s%s",
                            used > 0 ? ", " : "", f->key);
        if (size < 0 || (size_t)size >= sizeof known - used)
            break;
        used += (size_t)size;
    }
    return ord_yaml_fail(&map->items[i], err,
                         "unknown key '%s' (expected one of: %s)", map->keys[i],
                         known);
}

static int read_map(const struct ord_yaml *map,
                    const struct ord_yaml_field *fields, bool is_strict,
                    struct ord_err *err)
{
    if (map->kind != ORD_YAML_MAP)
        return ord_yaml_fail(map, err, "expected a map of key: value");
    for (uint32_t i = 0; i < map->count; i++) {
        const struct ord_yaml_field *f = fields;
        int rc;

        while (f->key != NULL && strcmp(f->key, map->keys[i]) != 0)
            f++;
        if (f->key == NULL && !is_strict)
            continue;
        if (f->key == NULL)
            return unknown_key(map, i, fields, err);
        rc = read_field(&map->items[i], f, err);
        if (rc != ORD_OK)
            return rc;
    }
    for (const struct ord_yaml_field *f = fields; f->key != NULL; f++) {
        if (f->is_required && ord_yaml_get(map, f->key) == NULL)
            return ord_yaml_fail(map, err, "key '%s' is missing", f->key);
    }
    return ORD_OK;
}

int ord_yaml_read(const struct ord_yaml *map,
                  const struct ord_yaml_field *fields, struct ord_err *err)
{
    return read_map(map, fields, true, err);
}

int ord_yaml_read_some(const struct ord_yaml *map,
                       const struct ord_yaml_field *fields, struct ord_err *err)
{
    return read_map(map, fields, false, err);
}

int ord_yaml_argv(const struct ord_yaml *at, struct ord_arena *arena,
                  const char *const **argv, struct ord_err *err)
{
    const char **out;
    int rc = want_strings(at, err);

    if (rc != ORD_OK)
        return rc;
    if (at->count == 0)
        return ord_yaml_fail(at, err, "expected a program and its arguments");
    out = ord_arena_zalloc(arena, (size_t)at->count + 1, sizeof *out);
    if (out == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s", at->path);
    for (uint32_t i = 0; i < at->count; i++)
        out[i] = at->items[i].text;
    *argv = out;
    return ORD_OK;
}
