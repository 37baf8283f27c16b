#include "harness/run/cell_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"

enum { STEPS_MAX_PRESET = 1000000000, MEMORY_PRESET_MIB = 2048 };

static const struct ord_yaml *pick(const struct ord_cell_source *source,
                                   const char *key)
{
    const struct ord_yaml *at = ord_yaml_get(source->cell, key);

    if (at == NULL && source->defaults != NULL)
        at = ord_yaml_get(source->defaults, key);
    return at;
}

/* ---- settings -------------------------------------------------------------
 */

static bool is_allowed(const struct ord_setting_spec *spec, const char *value)
{
    if (spec->values == NULL)
        return true;
    for (const char *const *v = spec->values; *v != NULL; v++) {
        if (strcmp(*v, value) == 0)
            return true;
    }
    return false;
}

static int set_one(struct ord_cell *cell, const char *name, const char *value,
                   const struct ord_yaml *at, struct ord_err *err)
{
    const struct ord_setting_spec *spec =
        ord_target_setting(cell->target, name);

    if (spec == NULL)
        return ord_yaml_fail(at, err,
                             "target %s has no setting '%s' (see its "
                             "target.yaml)",
                             cell->target->name, name);
    if (!is_allowed(spec, value)) {
        char known[256] = "";

        for (const char *const *v = spec->values; *v != NULL; v++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s",
                     used > 0 ? ", " : "", *v);
        }
        return ord_yaml_fail(at, err, "%s: '%s' is not one of: %s", name, value,
                             known);
    }
    cell->settings[spec - cell->target->settings].value = value;
    return ORD_OK;
}

static int set_map(struct ord_cell *cell, const struct ord_yaml *map,
                   struct ord_err *err)
{
    int rc = ORD_OK;

    if (map == NULL)
        return ORD_OK;
    if (map->kind != ORD_YAML_MAP)
        return ord_yaml_fail(map, err, "expected settings: name: value");
    for (uint32_t i = 0; i < map->count && rc == ORD_OK; i++) {
        if (map->items[i].kind != ORD_YAML_SCALAR)
            return ord_yaml_fail(&map->items[i], err,
                                 "a setting is a plain value; for several "
                                 "use 'vary'");
        rc = set_one(cell, map->keys[i], map->items[i].text, &map->items[i],
                     err);
    }
    return rc;
}

static int set_from_command_line(const struct ord_cell_source *source,
                                 struct ord_cell *cell, struct ord_err *err)
{
    static const char *const keys[] = {"time", "nodes",   "clients",
                                       "rate", "timeout", "settle"};
    const struct ord_campaign_options *options = source->options;

    for (uint32_t i = 0; i < options->set_count; i++) {
        const struct ord_setting *set = &options->sets[i];
        bool is_key = false;

        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            is_key = is_key || strcmp(keys[k], set->name) == 0;
        if (is_key && ord_target_setting(cell->target, set->name) == NULL)
            continue; /* read with the cell's own keys */
        if (set_one(cell, set->name, set->value, source->cell, err) != ORD_OK)
            return ord_wrap(err, "--set %s=%s", set->name, set->value);
    }
    return ORD_OK;
}

static int read_settings(const struct ord_cell_source *source,
                         struct ord_cell *cell, struct ord_err *err)
{
    const struct ord_target *target = cell->target;
    int rc;

    if (target->setting_count > ORD_SETTINGS_MAX)
        return ord_yaml_fail(source->cell, err,
                             "target %s has over %d settings", target->name,
                             ORD_SETTINGS_MAX);
    cell->setting_count = target->setting_count;
    for (uint32_t i = 0; i < target->setting_count; i++)
        cell->settings[i] = (struct ord_setting){target->settings[i].name,
                                                 target->settings[i].preset};
    rc = source->defaults == NULL
             ? ORD_OK
             : set_map(cell, ord_yaml_get(source->defaults, "settings"), err);
    if (rc == ORD_OK)
        rc = set_map(cell, ord_yaml_get(source->cell, "settings"), err);
    for (uint32_t i = 0; i < source->vary_count && rc == ORD_OK; i++)
        rc = set_one(cell, source->vary[i].name, source->vary[i].value,
                     source->cell, err);
    return rc == ORD_OK ? set_from_command_line(source, cell, err) : rc;
}

/* ---- workload --------------------------------------------------------------
 */

static int unknown_param(const struct ord_yaml *at, const char *name,
                         const struct ord_workload_ops *ops,
                         struct ord_err *err)
{
    char known[256] = "";

    for (const struct ord_param_spec *p = ops->params;
         p != NULL && p->name != NULL; p++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s",
                 used > 0 ? ", " : "", p->name);
    }
    return ord_yaml_fail(at, err, "workload %s knows no '%s' (it knows: %s)",
                         ops->name, name, known);
}

static bool has_param(const struct ord_workload_ops *ops, const char *name)
{
    for (const struct ord_param_spec *p = ops->params;
         p != NULL && p->name != NULL; p++) {
        if (strcmp(p->name, name) == 0)
            return true;
    }
    return false;
}

static int read_params(const struct ord_yaml *map, struct ord_arena *arena,
                       struct ord_cell *cell, struct ord_err *err)
{
    struct ord_param *params =
        ord_arena_zalloc(arena, map->count, sizeof *params);

    if (params == NULL)
        return ord_yaml_fail(map, err, "no memory");
    for (uint32_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i], "name") == 0)
            continue;
        if (!has_param(cell->workload, map->keys[i]))
            return unknown_param(&map->items[i], map->keys[i], cell->workload,
                                 err);
        if (map->items[i].kind != ORD_YAML_SCALAR)
            return ord_yaml_fail(&map->items[i], err, "expected plain text");
        params[cell->param_count++] =
            (struct ord_param){map->keys[i], map->items[i].text};
    }
    cell->params = params;
    return ORD_OK;
}

static int check_workload(const struct ord_yaml *at, const char *name,
                          struct ord_cell *cell, struct ord_err *err)
{
    cell->workload = ord_workload_find(name);
    if (cell->workload == NULL)
        return ord_yaml_fail(at, err,
                             "there is no workload '%s' (see `ordeal list "
                             "workloads`)",
                             name);
    for (const char *const *w = cell->target->workloads; *w != NULL; w++) {
        if (strcmp(*w, name) == 0)
            return ORD_OK;
    }
    return ord_yaml_fail(at, err,
                         "the client of target %s does not speak "
                         "workload '%s' (see `workloads` in its target.yaml)",
                         cell->target->name, name);
}

static int read_workload(const struct ord_cell_source *source,
                         struct ord_arena *arena, struct ord_cell *cell,
                         struct ord_err *err)
{
    const struct ord_yaml *at = pick(source, "workload");
    const struct ord_yaml *name;
    int rc;

    if (at == NULL)
        return ord_yaml_fail(source->cell, err, "key 'workload' is missing");
    if (at->kind == ORD_YAML_SCALAR)
        return check_workload(at, at->text, cell, err);
    name = at->kind == ORD_YAML_MAP ? ord_yaml_get(at, "name") : NULL;
    if (name == NULL || name->kind != ORD_YAML_SCALAR)
        return ord_yaml_fail(at, err,
                             "expected a workload's name, or a map "
                             "with its name and parameters");
    rc = check_workload(name, name->text, cell, err);
    return rc == ORD_OK ? read_params(at, arena, cell, err) : rc;
}

/* ---- checkers and what is expected of them --------------------------------
 */

static int add_check(struct ord_cell *cell, const char *name, const char *model,
                     const struct ord_yaml *at, struct ord_err *err)
{
    const struct ord_checker *checker = ord_checker_find(name);

    if (checker == NULL)
        return ord_yaml_fail(at, err,
                             "there is no checker '%s' (see `ordeal list "
                             "checkers`)",
                             name);
    if (cell->check_count == ORD_CHECKS_MAX)
        return ord_yaml_fail(at, err, "over %d checkers", ORD_CHECKS_MAX);
    cell->checks[cell->check_count++] = (struct ord_cell_check){
        .checker = checker,
        .model = strcmp(name, "linearizable") == 0 ? model : NULL,
        /* Numbers, not a guarantee, unless the campaign says otherwise. */
        .expected =
            strcmp(name, "stats") == 0 ? ORD_EXPECT_ANY : ORD_EXPECT_PASS,
    };
    return ORD_OK;
}

static int read_options(const struct ord_yaml *map, struct ord_arena *arena,
                        struct ord_cell_check *check, struct ord_err *err)
{
    struct ord_option *options;

    if (map->kind != ORD_YAML_MAP)
        return ord_yaml_fail(map, err, "expected the checker's options");
    options = ord_arena_zalloc(arena, map->count, sizeof *options);
    if (options == NULL)
        return ord_yaml_fail(map, err, "no memory");
    for (uint32_t i = 0; i < map->count; i++) {
        const char *known = check->checker->options;

        if (map->items[i].kind != ORD_YAML_SCALAR)
            return ord_yaml_fail(&map->items[i], err, "expected plain text");
        if (strcmp(map->keys[i], "model") == 0) {
            check->model = map->items[i].text;
            continue;
        }
        if (known == NULL || strstr(known, map->keys[i]) == NULL)
            return ord_yaml_fail(&map->items[i], err,
                                 "checker %s knows no option '%s' (%s)",
                                 check->checker->name, map->keys[i],
                                 known != NULL ? known : "it has none");
        options[check->option_count++] =
            (struct ord_option){map->keys[i], map->items[i].text};
    }
    check->options = options;
    return ORD_OK;
}

static int read_check(const struct ord_yaml *at, const char *model,
                      struct ord_arena *arena, struct ord_cell *cell,
                      struct ord_err *err)
{
    int rc;

    if (at->kind == ORD_YAML_SCALAR)
        return add_check(cell, at->text, model, at, err);
    if (at->kind != ORD_YAML_MAP || at->count != 1)
        return ord_yaml_fail(at, err,
                             "expected a checker's name, or "
                             "{name: {option: value}}");
    rc = add_check(cell, at->keys[0], model, at, err);
    if (rc != ORD_OK)
        return rc;
    return read_options(&at->items[0], arena,
                        &cell->checks[cell->check_count - 1], err);
}

static int read_checks(const struct ord_cell_source *source,
                       struct ord_arena *arena, struct ord_cell *cell,
                       struct ord_err *err)
{
    const struct ord_yaml *list = pick(source, "checkers");
    struct ord_arena scratch;
    struct ord_workload workload;
    int rc;

    ord_arena_init(&scratch, (size_t)1 << 28);
    cell->seed = 1;
    rc = ord_cell_workload(cell, &scratch, NULL, &workload, err);
    ord_arena_fini(&scratch);
    if (rc != ORD_OK)
        return ord_wrap(err, "%s:%u: workload", source->cell->path,
                        source->cell->line);
    if (list != NULL && list->kind != ORD_YAML_LIST)
        return ord_yaml_fail(list, err, "expected a list of checkers");
    for (uint32_t i = 0; list != NULL && i < list->count && rc == ORD_OK; i++)
        rc = read_check(&list->items[i], workload.model, arena, cell, err);
    for (uint32_t i = 0; list == NULL && workload.checkers[i] != NULL; i++) {
        rc = add_check(cell, workload.checkers[i], workload.model, source->cell,
                       err);
        if (rc != ORD_OK)
            return rc;
    }
    return rc;
}

static int expect_one(struct ord_cell *cell, const char *name,
                      const struct ord_yaml *at, struct ord_err *err)
{
    enum ord_expected *to = NULL;

    if (strcmp(name, "liveness") == 0)
        to = &cell->liveness;
    for (uint32_t i = 0; i < cell->check_count; i++) {
        if (strcmp(cell->checks[i].checker->name, name) == 0)
            to = &cell->checks[i].expected;
    }
    if (to == NULL)
        return ord_yaml_fail(at, err, "checker '%s' does not run in this cell",
                             name);
    if (at->kind == ORD_YAML_SCALAR &&
        ord_expected_parse(ord_bytes_of(at->text), to) &&
        (to != &cell->liveness || *to != ORD_EXPECT_UNKNOWN))
        return ORD_OK;
    return ord_yaml_fail(at, err, "expected pass, violation%s or any",
                         to == &cell->liveness ? "" : ", unknown");
}

static int read_expect(const struct ord_cell_source *source,
                       struct ord_cell *cell, struct ord_err *err)
{
    const struct ord_yaml *map = pick(source, "expect");
    int rc = ORD_OK;

    if (map == NULL)
        return ORD_OK;
    if (map->kind == ORD_YAML_SCALAR && strcmp(map->text, "liveness") == 0) {
        cell->liveness = ORD_EXPECT_VIOLATION;
        return ORD_OK;
    }
    if (map->kind != ORD_YAML_MAP)
        return ord_yaml_fail(
            map, err,
            "expected a map (checker: verdict), or the word liveness");
    for (uint32_t i = 0; i < map->count && rc == ORD_OK; i++)
        rc = expect_one(cell, map->keys[i], &map->items[i], err);
    return rc;
}

/* ---- the cell's plain keys ------------------------------------------------
 */

struct plain {
    const char *target;
    const struct ord_yaml *client;
    const struct ord_yaml *ignored;
    uint64_t nodes;
    uint64_t start_with;
    uint64_t clients;
    uint64_t steps;
    uint64_t memory_mib;
    uint64_t away_max;
    bool keeps_majority;
    double rate;
};

static int read_plain(const struct ord_yaml *map, bool is_cell,
                      struct ord_cell *cell, struct plain *to,
                      struct ord_err *err)
{
    const struct ord_yaml_field fields[] = {
        {"target", ORD_YAML_TEXT, &to->target, 0, 0, false},
        {"client", ORD_YAML_STRINGS, &to->client, 0, 0, false},
        {"nodes", ORD_YAML_COUNT, &to->nodes, 1, ORD_NODES_MAX, false},
        {"start-with", ORD_YAML_COUNT, &to->start_with, 1, ORD_NODES_MAX,
         false},
        {"clients", ORD_YAML_COUNT, &to->clients, 1, ORD_WORKERS_MAX, false},
        {"time", ORD_YAML_DURATION, &cell->time_ns, ORD_MS, 0, false},
        {"timeout", ORD_YAML_DURATION, &cell->timeout_ns, ORD_MS, 0, false},
        {"settle", ORD_YAML_DURATION, &cell->settle_ns, ORD_MS, 0, false},
        {"rate", ORD_YAML_REAL, &to->rate, 0, 10000000, false},
        {"steps", ORD_YAML_COUNT, &to->steps, 1, INT64_MAX, false},
        {"memory_mib", ORD_YAML_COUNT, &to->memory_mib, 1, 1 << 20, false},
        {"away-max", ORD_YAML_COUNT, &to->away_max, 1, ORD_NODES_MAX, false},
        {"keep-majority", ORD_YAML_BOOL, &to->keeps_majority, 0, 0, false},
        {"capture", ORD_YAML_BOOL, &cell->is_captured, 0, 0, false},
        /* Read elsewhere; here so that other keys are found to be wrong. */
        {"seeds", ORD_YAML_NODE, &to->ignored, 0, 0, false},
        {"settings", ORD_YAML_MAPPING, &to->ignored, 0, 0, false},
        {"workload", ORD_YAML_NODE, &to->ignored, 0, 0, false},
        {"nemesis", ORD_YAML_NODE, &to->ignored, 0, 0, false},
        {"checkers", ORD_YAML_NODE, &to->ignored, 0, 0, false},
        {"swarm", ORD_YAML_NODE, &to->ignored, 0, 0, false},
        {"expect", ORD_YAML_NODE, &to->ignored, 0, 0, false},
        {"about", ORD_YAML_TEXT, &cell->about, 0, 0, false},
        {is_cell ? "vary" : NULL, ORD_YAML_NODE, &to->ignored, 0, 0, false},
        {"id", ORD_YAML_TEXT, &cell->id, 0, 0, true},
        {0},
    };

    return ord_yaml_read(map, fields, err);
}

static const char *set_value(const struct ord_cell_source *source,
                             const char *name)
{
    const char *value = NULL;

    for (uint32_t i = 0; i < source->options->set_count; i++) {
        if (strcmp(source->options->sets[i].name, name) == 0)
            value = source->options->sets[i].value;
    }
    return value;
}

/* --set time=5s and the like: as if they stood in the cell. */
static int read_plain_sets(const struct ord_cell_source *source,
                           struct ord_cell *cell, struct plain *to,
                           struct ord_err *err)
{
    static const char *const names[] = {"nodes",   "clients", "time",
                                        "timeout", "settle",  "rate"};
    struct ord_yaml items[sizeof names / sizeof *names + 1];
    const char *keys[sizeof names / sizeof *names + 1];
    struct ord_yaml map = *source->cell;
    uint32_t used = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = set_value(source, names[i]);

        if (value == NULL)
            continue;
        items[used] = *source->cell;
        items[used].kind = ORD_YAML_SCALAR;
        items[used].text = value;
        items[used].path = "--set";
        items[used].line = 1;
        keys[used++] = names[i];
    }
    map.items = items;
    map.keys = keys;
    map.count = used;
    return read_plain(&map, false, cell, to, err);
}

/* How many nodes may be down, frozen or removed at once. */
static int read_away(const struct ord_cell_source *source,
                     struct ord_cell *cell, const struct plain *from,
                     struct ord_err *err)
{
    uint32_t minority = (cell->start_count - 1) / 2;

    cell->away_max = (uint32_t)from->away_max;
    if (!from->keeps_majority)
        return ORD_OK;
    if (minority == 0)
        return ord_yaml_fail(source->cell, err,
                             "keep-majority: of %u nodes none may be away; "
                             "expected 3 nodes or more",
                             cell->start_count);
    if (cell->away_max == 0 || cell->away_max > minority)
        cell->away_max = minority;
    return ORD_OK;
}

static int read_keys(const struct ord_cell_source *source,
                     struct ord_cell *cell, struct plain *to,
                     struct ord_err *err)
{
    int rc = ORD_OK;

    if (source->defaults != NULL)
        rc = read_plain(source->defaults, false, cell, to, err);
    if (rc == ORD_OK)
        rc = read_plain(source->cell, true, cell, to, err);
    if (rc == ORD_OK && source->options->set_count > 0)
        rc = read_plain_sets(source, cell, to, err);
    if (rc != ORD_OK)
        return rc;
    if (!ord_is_path_word(cell->id, "/ ,="))
        return ord_yaml_fail(source->cell, err,
                             "'id' is part of a path: no blanks, no '/', ',' "
                             "or '=', no dot in front, at most %d bytes",
                             ORD_WORD_SIZE_MAX);
    cell->node_count = (uint32_t)to->nodes;
    cell->start_count =
        (uint32_t)(to->start_with == 0 ? to->nodes : to->start_with);
    if (cell->start_count > cell->node_count)
        return ord_yaml_fail(source->cell, err,
                             "start-with: %u: expected at most %u, the number "
                             "of nodes",
                             cell->start_count, cell->node_count);
    cell->client_count = (uint32_t)to->clients;
    cell->rate_per_s = to->rate;
    cell->steps_max = to->steps;
    cell->bytes_max = to->memory_mib << 20;
    return read_away(source, cell, to, err);
}

/* swarm: yes, or {faults: yes, operations: no}. */
static int read_swarm(const struct ord_yaml *at, struct ord_cell *cell,
                      struct ord_err *err)
{
    bool both = false;
    const struct ord_yaml_field fields[] = {
        {"faults", ORD_YAML_BOOL, &cell->swarms_faults, 0, 0, false},
        {"operations", ORD_YAML_BOOL, &cell->swarms_ops, 0, 0, false},
        {0},
    };

    if (at == NULL)
        return ORD_OK;
    if (at->kind == ORD_YAML_MAP)
        return ord_yaml_read(at, fields, err);
    if (ord_yaml_bool(at, &both, err) != ORD_OK)
        return ord_yaml_fail(at, err,
                             "expected yes, no, or {faults: yes, operations: "
                             "no}");
    cell->swarms_faults = both;
    cell->swarms_ops = both;
    return ORD_OK;
}

/* The cell's own client, its placeholders tried out. */
static int read_client(const struct ord_yaml *at, struct ord_arena *arena,
                       struct ord_cell *cell, struct ord_err *err)
{
    const struct ord_template in = {.target = cell->target, .count = 1};
    const char *const *ignored = NULL;
    struct ord_err why = {0};

    if (ord_yaml_argv(at, arena, &cell->client, err) != ORD_OK)
        return err->rc;
    if (ord_template_argv(&in, cell->client, arena, &ignored, &why) != ORD_OK)
        return ord_yaml_fail(at, err, "%s", why.text);
    return ORD_OK;
}

int ord_cell_from_yaml(const struct ord_cell_source *source,
                       struct ord_arena *arena, struct ord_cell *cell,
                       struct ord_err *err)
{
    struct plain plain = {
        .nodes = 3,
        .clients = 5,
        .steps = STEPS_MAX_PRESET,
        .memory_mib = MEMORY_PRESET_MIB,
    };
    const struct ord_campaign_options *options = source->options;
    int rc;

    cell->about = "";
    cell->time_ns = 5 * ORD_S;
    cell->settle_ns = 5 * ORD_S;
    if (source->cell->kind != ORD_YAML_MAP)
        return ord_yaml_fail(source->cell, err, "expected a map");
    rc = read_keys(source, cell, &plain, err);
    if (rc != ORD_OK)
        return rc;
    if (plain.target == NULL)
        return ord_yaml_fail(source->cell, err, "key 'target' is missing");
    rc = ord_target_load(plain.target, source->dir, options->targets_dir,
                         options->bin_dir, arena, &cell->target, err);
    if (rc == ORD_ENOTFOUND) {
        struct ord_err why = *err;
        return ord_yaml_fail(pick(source, "target"), err, "%s", why.text);
    }
    if (rc == ORD_OK && plain.client != NULL)
        rc = read_client(plain.client, arena, cell, err);
    if (rc == ORD_OK && cell->timeout_ns == 0)
        cell->timeout_ns = cell->target->timeout_ns;
    if (rc == ORD_OK)
        rc = read_settings(source, cell, err);
    if (rc == ORD_OK)
        rc = read_workload(source, arena, cell, err);
    if (rc == ORD_OK)
        rc = read_checks(source, arena, cell, err);
    if (rc == ORD_OK)
        rc = read_expect(source, cell, err);
    if (rc == ORD_OK)
        rc = read_swarm(pick(source, "swarm"), cell, err);
    if (rc == ORD_OK && pick(source, "nemesis") != NULL)
        rc = ord_entries_read(pick(source, "nemesis"), arena, cell, err);
    return rc;
}
