/* yaml.h -- YAML files as a tree that knows its lines.
 *
 * libyaml parses; this gives each node its file and line, so that every
 * complaint about a campaign or a target says where and what was expected.
 * Anchors and aliases work; a document may be 64 deep and 1 MiB long.
 */
#ifndef ORD_RUN_YAML_H
#define ORD_RUN_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"

enum ord_yaml_kind { ORD_YAML_SCALAR, ORD_YAML_LIST, ORD_YAML_MAP };

struct ord_yaml { /* in the arena it was loaded into */
    enum ord_yaml_kind kind;
    const char *path;
    uint32_t line;                /* from 1 */
    const char *text;             /* scalar, zero-terminated */
    const struct ord_yaml *items; /* list; a map's values */
    const char *const *keys;      /* a map's keys */
    uint32_t count;
};

/* ORD_EUSAGE with path:line for bad YAML and for duplicate keys. */
int ord_yaml_load(const char *path, struct ord_arena *arena,
                  const struct ord_yaml **root, struct ord_err *err);

/* "path:line: ..." and ORD_EUSAGE. */
int ord_yaml_fail(const struct ord_yaml *at, struct ord_err *err,
                  const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL if the map has no such key. */
const struct ord_yaml *ord_yaml_get(const struct ord_yaml *map,
                                    const char *key);

/* One key that a map may have, and where its value goes. */
enum ord_yaml_type {
    ORD_YAML_TEXT,     /* const char * */
    ORD_YAML_COUNT,    /* uint64_t; low..high */
    ORD_YAML_REAL,     /* double; low..high */
    ORD_YAML_BOOL,     /* bool */
    ORD_YAML_DURATION, /* int64_t ns; low..high ns, high 0: no limit */
    ORD_YAML_NODE,     /* const struct ord_yaml *, of any kind */
    ORD_YAML_STRINGS,  /* const struct ord_yaml *, a list of scalars */
    ORD_YAML_MAPPING,  /* const struct ord_yaml *, a map */
};

struct ord_yaml_field {
    const char *key; /* NULL at the end */
    enum ord_yaml_type type;
    void *to; /* left alone when the key is absent */
    int64_t low, high;
    bool is_required;
};

/* Reads a map by its fields; an unknown key, a wrong type, a value out of
 * range or a missing key is ORD_EUSAGE with path:line and what was expected. */
int ord_yaml_read(const struct ord_yaml *map,
                  const struct ord_yaml_field *fields, struct ord_err *err);
/* The same, but keys without a field are left to the caller. */
int ord_yaml_read_some(const struct ord_yaml *map,
                       const struct ord_yaml_field *fields,
                       struct ord_err *err);
int ord_yaml_bool(const struct ord_yaml *at, bool *value, struct ord_err *err);
int ord_yaml_duration(const struct ord_yaml *at, int64_t *ns,
                      struct ord_err *err);
int ord_yaml_count(const struct ord_yaml *at, uint64_t low, uint64_t high,
                   uint64_t *value, struct ord_err *err);
/* "a, b, c" of a map's or a list's scalars is not needed often: a scalar, or a
 * list of scalars as argv, NULL at the end, in the arena. */
int ord_yaml_argv(const struct ord_yaml *at, struct ord_arena *arena,
                  const char *const **argv, struct ord_err *err);

#endif
