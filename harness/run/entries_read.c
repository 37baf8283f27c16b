/* The nemesis list of a cell: what, when, and how long. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/run/cell_read.h"
#include "harness/run/membership.h"

enum { AT_MAX = 16 };

/* "500ms" or "500ms..2s". */
static int read_span(const struct ord_yaml *at, struct ord_arena *arena,
                     int64_t *low, int64_t *high, struct ord_err *err)
{
    struct ord_yaml part = *at;
    char *copy;
    char *dots;
    int rc;

    if (at->kind != ORD_YAML_SCALAR)
        return ord_yaml_fail(at, err, "expected 500ms or 500ms..2s");
    copy = ord_arena_strdup(arena, at->text);
    dots = copy != NULL ? strstr(copy, "..") : NULL;
    if (dots == NULL) {
        rc = ord_yaml_duration(at, low, err);
        *high = *low;
        return rc;
    }
    *dots = '\0';
    part.text = copy;
    rc = ord_yaml_duration(&part, low, err);
    part.text = dots + 2;
    if (rc == ORD_OK)
        rc = ord_yaml_duration(&part, high, err);
    if (rc == ORD_OK && *low > *high)
        return ord_yaml_fail(at, err, "'%s' ends before it begins", at->text);
    return rc;
}

static int read_at(const struct ord_yaml *at, struct ord_nemesis_entry *to,
                   struct ord_err *err)
{
    int rc = ORD_OK;

    if (at->kind == ORD_YAML_SCALAR) {
        to->at_count = 1;
        return ord_yaml_duration(at, &to->at_ns[0], err);
    }
    if (at->kind != ORD_YAML_LIST || at->count == 0 || at->count > AT_MAX)
        return ord_yaml_fail(at, err, "expected a time, or a list of up to %d",
                             AT_MAX);
    for (uint32_t i = 0; i < at->count && rc == ORD_OK; i++)
        rc = ord_yaml_duration(&at->items[i], &to->at_ns[i], err);
    to->at_count = at->count;
    return rc;
}

static int read_on_log(const struct ord_yaml *at, struct ord_nemesis_entry *to,
                       struct ord_err *err)
{
    const struct ord_yaml_field fields[] = {
        {"log", ORD_YAML_TEXT, &to->on, 0, 0, true},
        {"cooldown", ORD_YAML_DURATION, &to->cooldown_ns, ORD_MS, 0, false},
        {0},
    };
    regex_t pattern;
    char why[128];
    int bad;

    to->trigger = ORD_ON_LOG;
    if (ord_yaml_read(at, fields, err) != ORD_OK)
        return err->rc;
    bad = regcomp(&pattern, to->on, REG_EXTENDED | REG_NOSUB);
    if (bad != 0) {
        (void)regerror(bad, &pattern, why, sizeof why);
        return ord_yaml_fail(at, err,
                             "log: '%s' is not a POSIX extended regular "
                             "expression: %s",
                             to->on, why);
    }
    regfree(&pattern);
    return ORD_OK;
}

static int read_on_op(const struct ord_yaml *at, struct ord_nemesis_entry *to,
                      struct ord_err *err)
{
    const char *type = "invoke";
    const struct ord_yaml_field fields[] = {
        {"op", ORD_YAML_TEXT, &to->on, 0, 0, true},
        {"type", ORD_YAML_TEXT, &type, 0, 0, false},
        {"cooldown", ORD_YAML_DURATION, &to->cooldown_ns, ORD_MS, 0, false},
        {0},
    };
    uint8_t one = 0;

    to->trigger = ORD_ON_OP;
    if (ord_yaml_read(at, fields, err) != ORD_OK)
        return err->rc;
    if (ord_f_of(ord_bytes_of(to->on)) == ORD_F_OTHER)
        return ord_yaml_fail(at, err,
                             "op: no workload has an operation '%s'; expected "
                             "read, write, cas, add ...",
                             to->on);
    to->op_types = 1 << ORD_OP_OK | 1 << ORD_OP_FAIL | 1 << ORD_OP_INFO;
    if (strcmp(type, "done") == 0)
        return ORD_OK;
    if (!ord_op_type_of(ord_bytes_of(type), &one))
        return ord_yaml_fail(at, err,
                             "type: expected invoke, ok, fail, info, or done "
                             "for any of the last three, not '%s'",
                             type);
    to->op_types = 1U << one;
    return ORD_OK;
}

static int read_on(const struct ord_yaml *at, struct ord_nemesis_entry *to,
                   struct ord_err *err)
{
    const struct ord_yaml_field fields[] = {
        {"ops", ORD_YAML_COUNT, &to->ops_count, 1, INT64_MAX, true},
        {0},
    };

    if (at->kind == ORD_YAML_SCALAR && strcmp(at->text, "leader-change") == 0) {
        to->trigger = ORD_ON_LEADER_CHANGE;
        return ORD_OK;
    }
    if (at->kind == ORD_YAML_MAP && ord_yaml_get(at, "log") != NULL)
        return read_on_log(at, to, err);
    if (at->kind == ORD_YAML_MAP && ord_yaml_get(at, "op") != NULL)
        return read_on_op(at, to, err);
    to->trigger = ORD_ON_OPS;
    if (at->kind != ORD_YAML_MAP)
        return ord_yaml_fail(at, err,
                             "expected leader-change or one of {ops: N}, "
                             "{log: PATTERN}, {op: NAME}");
    return ord_yaml_read(at, fields, err);
}

static int read_when(const struct ord_yaml *map, struct ord_arena *arena,
                     struct ord_nemesis_entry *to, struct ord_err *err)
{
    const struct ord_yaml *at = ord_yaml_get(map, "at");
    const struct ord_yaml *every = ord_yaml_get(map, "every");
    const struct ord_yaml *on = ord_yaml_get(map, "on");
    const struct ord_yaml *span = ord_yaml_get(map, "for");
    const struct ord_yaml *after = ord_yaml_get(map, "after");
    int rc = ORD_OK;

    to->trigger = ORD_AT_TIME;
    if ((at != NULL) + (every != NULL) + (on != NULL) != 1)
        return ord_yaml_fail(map, err,
                             "say when: exactly one of 'at: 1s', 'every: "
                             "500ms..2s' or 'on: leader-change'");
    if (at != NULL)
        rc = read_at(at, to, err);
    if (rc == ORD_OK && every != NULL)
        rc =
            read_span(every, arena, &to->every_low_ns, &to->every_high_ns, err);
    if (rc == ORD_OK && every != NULL && to->every_low_ns == 0)
        rc = ord_yaml_fail(every, err, "every: expected more than nothing");
    if (rc == ORD_OK && on != NULL)
        rc = read_on(on, to, err);
    if (rc == ORD_OK && after != NULL)
        rc = ord_yaml_duration(after, &to->delay_ns, err);
    if (rc == ORD_OK && span != NULL)
        rc = read_span(span, arena, &to->for_low_ns, &to->for_high_ns, err);
    return rc;
}

static bool is_about_when(const char *key)
{
    static const char *const keys[] = {"fault", "at",    "every",
                                       "on",    "after", "for"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return false;
}

/* A parameter: a text, or a list of which each seed draws one. */
static int read_param(const struct ord_yaml *at, struct ord_arena *arena,
                      const char *name, struct ord_fault_param *param,
                      struct ord_choice *choice, struct ord_err *err)
{
    const char **values;

    *param = (struct ord_fault_param){name, at->text};
    if (at->kind == ORD_YAML_SCALAR)
        return ORD_OK;
    if (at->kind != ORD_YAML_LIST || at->count == 0)
        return ord_yaml_fail(at, err,
                             "expected plain text, or a list of it from which "
                             "each seed draws");
    values = ord_arena_zalloc(arena, at->count, sizeof *values);
    for (uint32_t i = 0; i < at->count; i++) {
        if (values == NULL || at->items[i].kind != ORD_YAML_SCALAR)
            return ord_yaml_fail(&at->items[i], err, "expected plain text");
        values[i] = at->items[i].text;
    }
    *choice = (struct ord_choice){.values = values, .count = at->count};
    param->value = values[0];
    return ORD_OK;
}

static int read_params(const struct ord_yaml *map, struct ord_arena *arena,
                       struct ord_nemesis_entry *to, struct ord_err *err)
{
    struct ord_fault_param *params =
        ord_arena_zalloc(arena, map->count, sizeof *params);
    struct ord_choice *choices =
        ord_arena_zalloc(arena, map->count, sizeof *choices);

    if (params == NULL || choices == NULL)
        return ord_yaml_fail(map, err, "no memory");
    to->params = params;
    to->choices = choices;
    for (uint32_t i = 0; i < map->count; i++) {
        struct ord_choice *choice = &choices[to->choice_count];

        if (is_about_when(map->keys[i]))
            continue;
        if (read_param(&map->items[i], arena, map->keys[i],
                       &params[to->param_count], choice, err) != ORD_OK)
            return err->rc;
        choice->param = to->param_count++;
        to->choice_count += choice->count > 0;
    }
    return ORD_OK;
}

static int read_entry(const struct ord_yaml *map, struct ord_arena *arena,
                      const struct ord_cell *cell, struct ord_nemesis_entry *to,
                      struct ord_err *err)
{
    const struct ord_yaml *fault =
        map->kind == ORD_YAML_MAP ? ord_yaml_get(map, "fault") : NULL;
    struct ord_err why = {0};

    if (fault == NULL || fault->kind != ORD_YAML_SCALAR)
        return ord_yaml_fail(map, err, "expected a map with 'fault: NAME'");
    if (ord_nemesis_find(fault->text) == NULL)
        return ord_yaml_fail(fault, err,
                             "there is no fault '%s' (see `ordeal list "
                             "nemeses`)",
                             fault->text);
    *to = (struct ord_nemesis_entry){.fault = fault->text, .line = map->line};
    if (ord_nemesis_find(fault->text)->changes_members &&
        ord_membership_check(cell, &why) != ORD_OK)
        return ord_yaml_fail(fault, err, "%s", why.text);
    if (read_params(map, arena, to, err) != ORD_OK)
        return err->rc;
    return read_when(map, arena, to, err);
}

int ord_entries_read(const struct ord_yaml *list, struct ord_arena *arena,
                     struct ord_cell *cell, struct ord_err *err)
{
    struct ord_nemesis_entry *entries;
    int rc = ORD_OK;

    if (list->kind != ORD_YAML_LIST)
        return ord_yaml_fail(list, err, "expected a list of faults");
    entries = ord_arena_zalloc(arena, list->count, sizeof *entries);
    if (entries == NULL)
        return ord_yaml_fail(list, err, "no memory");
    for (uint32_t i = 0; i < list->count && rc == ORD_OK; i++)
        rc = read_entry(&list->items[i], arena, cell, &entries[i], err);
    cell->written = entries;
    cell->entries = entries;
    cell->entry_count = list->count;
    return rc;
}
