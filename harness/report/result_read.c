/* result_read.c -- results back from their JSON. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "harness/base/file.h"
#include "harness/report/result.h"

struct reader {
    struct ord_arena *arena;
    struct ord_err *err;
    int rc; /* the first failure stays */
};

static void bad(struct reader *in, const char *member, const char *expected)
{
    if (in->rc == ORD_OK)
        in->rc = ord_fail(in->err, ORD_EFORMAT, "'%s' should be %s", member,
                          expected);
}

static void *take(struct reader *in, size_t count, size_t size)
{
    void *at = ord_arena_zalloc(in->arena, count > 0 ? count : 1, size);

    if (at == NULL && in->rc == ORD_OK)
        in->rc = ord_fail(in->err, ORD_ENOMEM, "no memory for the result");
    return at;
}

static const char *copy_text(struct reader *in, const char *text)
{
    char *copy = ord_arena_strdup(in->arena, text);

    if (copy == NULL && in->rc == ORD_OK)
        in->rc = ord_fail(in->err, ORD_ENOMEM, "no memory for the result");
    return copy;
}

static const char *get_text(struct reader *in, const json_t *from,
                            const char *name)
{
    const json_t *at = json_object_get(from, name);

    if (at == NULL || json_is_null(at))
        return NULL;
    if (json_is_string(at))
        return copy_text(in, json_string_value(at));
    bad(in, name, "a text");
    return NULL;
}

static int64_t get_int(struct reader *in, const json_t *from, const char *name,
                       int64_t absent)
{
    const json_t *at = json_object_get(from, name);

    if (at == NULL || json_is_null(at))
        return absent;
    if (!json_is_integer(at))
        bad(in, name, "a whole number");
    return json_integer_value(at);
}

static uint64_t get_uint(struct reader *in, const json_t *from,
                         const char *name)
{
    int64_t value = get_int(in, from, name, 0);

    if (value < 0)
        bad(in, name, "a number from 0");
    return value < 0 ? 0 : (uint64_t)value;
}

/* From 2^63 on it is a text: see out_seed(). */
static uint64_t get_seed(struct reader *in, const json_t *from)
{
    const char *text = json_string_value(json_object_get(from, "seed"));
    char *end = NULL;
    uint64_t seed;

    if (text == NULL)
        return get_uint(in, from, "seed");
    errno = 0;
    seed = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        bad(in, "seed", "a number below 2^64");
    return seed;
}

static uint32_t get_uint32(struct reader *in, const json_t *from,
                           const char *name)
{
    uint64_t value = get_uint(in, from, name);

    if (value > UINT32_MAX)
        bad(in, name, "a number below 2^32");
    return (uint32_t)value;
}

static double get_real(struct reader *in, const json_t *from, const char *name,
                       double absent)
{
    const json_t *at = json_object_get(from, name);

    if (at == NULL || json_is_null(at))
        return absent;
    if (!json_is_number(at))
        bad(in, name, "a number");
    return json_number_value(at);
}

/* Elements of an array, bounded; NULL and 0 when it is not there. */
static const json_t *get_array(struct reader *in, const json_t *from,
                               const char *name, size_t max, uint32_t *count)
{
    const json_t *at = json_object_get(from, name);

    *count = 0;
    if (at == NULL)
        return NULL;
    if (!json_is_array(at) || json_array_size(at) > max) {
        bad(in, name, "an array that is not too long");
        return NULL;
    }
    *count = (uint32_t)json_array_size(at);
    return at;
}

static enum ord_cell_verdict get_verdict(struct reader *in, const json_t *from)
{
    enum ord_cell_verdict verdict = ORD_CELL_INFRASTRUCTURE;
    const char *text = json_string_value(json_object_get(from, "verdict"));

    if (text == NULL || !ord_cell_verdict_parse(ord_bytes_of(text), &verdict))
        bad(in, "verdict",
            "pass, violation, liveness, unknown, vacuous, "
            "infrastructure, unexpected-pass or skipped");
    return verdict;
}

static enum ord_outcome outcome_of(struct reader *in, const char *text)
{
    if (text != NULL && strcmp(text, "pass") == 0)
        return ORD_VALID;
    if (text != NULL && strcmp(text, "violation") == 0)
        return ORD_INVALID;
    if (text == NULL || strcmp(text, "unknown") != 0)
        bad(in, "verdict", "pass, violation or unknown");
    return ORD_UNKNOWN;
}

static uint32_t get_indexes(struct reader *in, const json_t *from,
                            int64_t *indexes, size_t max)
{
    uint32_t count;
    const json_t *list = get_array(in, from, "ops", max, &count);

    for (uint32_t i = 0; i < count; i++) {
        const json_t *at = json_array_get(list, i);

        if (!json_is_integer(at))
            bad(in, "ops", "a list of indexes");
        indexes[i] = json_integer_value(at);
    }
    return count;
}

static struct ord_value get_key(struct reader *in, const json_t *from)
{
    const json_t *at = json_object_get(from, "key");
    struct ord_value key = ord_value_nil();
    struct ord_json scan = {0};
    char *text = NULL;

    if (at == NULL || json_is_null(at))
        return key;
    text = json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT);
    if (text != NULL) {
        scan = (struct ord_json){.at = text, .end = text + strlen(text)};
        if (!ord_value_from_json(&scan, in->arena, &key))
            bad(in, "key", "a value");
    }
    free(text);
    return key;
}

static void get_stats(struct reader *in, const json_t *from,
                      struct ord_verdict *verdict)
{
    json_t *stats = json_object_get(from, "stats");
    const char *name;
    json_t *value;

    json_object_foreach(stats, name, value)
    {
        if (verdict->stat_count == ORD_STATS_MAX) {
            bad(in, "stats", "fewer");
            return;
        }
        verdict->stats[verdict->stat_count++] = (struct ord_stat){
            .name = copy_text(in, name),
            .value = json_number_value(value),
        };
    }
}

static void get_check(struct reader *in, const json_t *from,
                      struct ord_check_result *out)
{
    struct ord_verdict *verdict = &out->verdict;
    const char *expected = json_string_value(json_object_get(from, "expected"));
    const char *why = json_string_value(json_object_get(from, "why"));
    const json_t *list;

    out->name = get_text(in, from, "name");
    if (out->name == NULL)
        bad(in, "name", "the name of a checker");
    out->model = get_text(in, from, "model");
    if (expected != NULL &&
        !ord_expected_parse(ord_bytes_of(expected), &out->expected))
        bad(in, "expected", "pass, violation, unknown or any");
    verdict->outcome =
        outcome_of(in, json_string_value(json_object_get(from, "verdict")));
    snprintf(verdict->why, sizeof verdict->why, "%s", why == NULL ? "" : why);
    verdict->key = get_key(in, from);
    verdict->op_count = get_indexes(in, from, verdict->ops, ORD_EVIDENCE_MAX);
    verdict->violation_count = get_uint(in, from, "violations");
    list = get_array(in, from, "findings", ORD_FINDINGS_MAX,
                     &verdict->finding_count);
    for (uint32_t i = 0; i < verdict->finding_count; i++) {
        const json_t *at = json_array_get(list, i);
        struct ord_finding *finding = &verdict->findings[i];

        finding->why = get_text(in, at, "why");
        if (finding->why == NULL)
            finding->why = "";
        finding->op_count = get_indexes(in, at, finding->ops, 4);
    }
    get_stats(in, from, verdict);
}

static void get_checks(struct reader *in, const json_t *from,
                       struct ord_cell_result *out)
{
    const json_t *list =
        get_array(in, from, "checks", ORD_RESULT_ITEMS_MAX, &out->check_count);
    struct ord_check_result *checks =
        take(in, out->check_count, sizeof *checks);

    if (checks == NULL)
        return;
    for (uint32_t i = 0; i < out->check_count; i++)
        get_check(in, json_array_get(list, i), &checks[i]);
    out->checks = checks;
}

static uint64_t get_nodes(struct reader *in, const json_t *from)
{
    uint64_t nodes = 0;
    uint32_t count;
    const json_t *list = get_array(in, from, "nodes", ORD_NODES_MAX, &count);

    for (uint32_t i = 0; i < count; i++) {
        int64_t node = json_integer_value(json_array_get(list, i));

        if (node < 1 || node > ORD_NODES_MAX)
            bad(in, "nodes", "a list of node numbers from 1");
        else
            nodes |= UINT64_C(1) << (node - 1);
    }
    return nodes;
}

static void get_faults(struct reader *in, const json_t *from,
                       struct ord_cell_result *out)
{
    const json_t *list =
        get_array(in, from, "faults", ORD_RESULT_ITEMS_MAX, &out->fault_count);
    struct ord_fault_result *faults =
        take(in, out->fault_count, sizeof *faults);

    if (faults == NULL)
        return;
    for (uint32_t i = 0; i < out->fault_count; i++) {
        const json_t *at = json_array_get(list, i);

        faults[i] = (struct ord_fault_result){
            .id = get_uint32(in, at, "id"),
            .fault = get_text(in, at, "fault"),
            .what = get_text(in, at, "what"),
            .begin_ns = get_int(in, at, "begin_ns", ORD_NONE),
            .injected_ns = get_int(in, at, "injected_ns", ORD_NONE),
            .end_ns = get_int(in, at, "end_ns", ORD_NONE),
            .nodes = get_nodes(in, at),
            .held = json_is_true(json_object_get(at, "held")),
            .evidence = get_text(in, at, "evidence"),
            .not_begun = get_text(in, at, "not_begun"),
            .ops = get_uint(in, at, "operations"),
        };
        if (faults[i].fault == NULL || faults[i].what == NULL)
            bad(in, "faults", "a list with 'fault' and 'what' in each");
    }
    out->faults = faults;
}

static void get_late(struct reader *in, const json_t *cell, const char *name,
                     struct ord_lateness_result *out)
{
    const json_t *from =
        json_object_get(json_object_get(cell, "lateness"), name);

    if (from == NULL)
        return;
    *out = (struct ord_lateness_result){
        .count = get_uint(in, from, "count"),
        .p50_ms = get_real(in, from, "p50_ms", 0),
        .p99_ms = get_real(in, from, "p99_ms", 0),
        .max_ms = get_real(in, from, "max_ms", 0),
    };
}

static void get_exposure(struct reader *in, const json_t *cell,
                         struct ord_cell_result *out)
{
    const json_t *from = json_object_get(cell, "exposure");
    const json_t *list =
        get_array(in, from, "faults", ORD_RESULT_ITEMS_MAX, &out->kind_count);
    struct ord_fault_kind *kinds = take(in, out->kind_count, sizeof *kinds);

    if (kinds == NULL)
        return;
    for (uint32_t i = 0; i < out->kind_count; i++) {
        const json_t *at = json_array_get(list, i);

        kinds[i] = (struct ord_fault_kind){
            .fault = get_text(in, at, "fault"),
            .asked = get_uint32(in, at, "asked"),
            .tried = get_uint32(in, at, "tried"),
            .held = get_uint32(in, at, "held"),
            .not_begun = get_uint32(in, at, "not_begun"),
            .ops = get_uint(in, at, "met"),
        };
        if (kinds[i].fault == NULL)
            bad(in, "exposure", "a list of faults with 'fault' in each");
    }
    out->kinds = kinds;
    out->ops_main = get_uint(in, from, "operations");
    out->ops_met = get_uint(in, from, "met");
}

static enum ord_problem_kind problem_kind(struct reader *in, const char *text)
{
    if (text != NULL && strcmp(text, "note") == 0)
        return ORD_PROBLEM_NOTE;
    if (text != NULL && strcmp(text, "liveness") == 0)
        return ORD_PROBLEM_LIVENESS;
    if (text == NULL || strcmp(text, "infrastructure") != 0)
        bad(in, "kind", "note, liveness or infrastructure");
    return ORD_PROBLEM_INFRASTRUCTURE;
}

static void get_problems(struct reader *in, const json_t *from,
                         struct ord_cell_result *out)
{
    const json_t *list = get_array(in, from, "problems", ORD_RESULT_ITEMS_MAX,
                                   &out->problem_count);
    struct ord_problem *problems =
        take(in, out->problem_count, sizeof *problems);

    if (problems == NULL)
        return;
    for (uint32_t i = 0; i < out->problem_count; i++) {
        const json_t *at = json_array_get(list, i);

        problems[i].kind =
            problem_kind(in, json_string_value(json_object_get(at, "kind")));
        problems[i].what = get_text(in, at, "what");
        if (problems[i].what == NULL)
            bad(in, "problems", "a list with 'what' in each");
    }
    out->problems = problems;
}

static void get_settings(struct reader *in, const json_t *from,
                         struct ord_cell_result *out)
{
    json_t *settings = json_object_get(from, "settings");
    size_t count = json_object_size(settings);
    struct ord_option *pairs = take(in, count, sizeof *pairs);
    const char *name;
    json_t *value;

    if (pairs == NULL)
        return;
    json_object_foreach(settings, name, value)
    {
        const char *text = json_string_value(value);

        if (text == NULL)
            bad(in, name, "a text");
        pairs[out->setting_count++] = (struct ord_option){
            .name = copy_text(in, name),
            .value = copy_text(in, text == NULL ? "" : text),
        };
    }
    out->settings = pairs;
}

static void get_phases(struct reader *in, const json_t *from,
                       struct ord_phase_times *out)
{
    const json_t *at = json_object_get(from, "phases");

    *out = (struct ord_phase_times){
        .ready_ms = get_real(in, at, "ready_ms", -1),
        .main_ms = get_real(in, at, "main_ms", -1),
        .heal_ms = get_real(in, at, "heal_ms", -1),
        .settle_ms = get_real(in, at, "settle_ms", -1),
        .final_ms = get_real(in, at, "final_ms", -1),
        .check_ms = get_real(in, at, "check_ms", -1),
        .total_ms = get_real(in, at, "total_ms", -1),
    };
}

static void get_cell(struct reader *in, const json_t *from,
                     struct ord_cell_result *out)
{
    const json_t *ops = json_object_get(from, "operations");
    const json_t *files = json_object_get(from, "files");
    const char *reason = json_string_value(json_object_get(from, "reason"));
    const char *liveness = get_text(in, from, "expected_liveness");

    out->cell = get_text(in, from, "cell");
    out->campaign = get_text(in, from, "campaign");
    out->about = get_text(in, from, "about");
    out->seed = get_seed(in, from);
    out->target = get_text(in, from, "target");
    out->workload = get_text(in, from, "workload");
    out->nodes = get_uint32(in, from, "nodes");
    out->clients = get_uint32(in, from, "clients");
    out->skipped = get_text(in, from, "skipped");
    out->faults_planned = get_uint32(in, from, "faults_planned");
    out->history_file = get_text(in, files, "history");
    out->ledger_file = get_text(in, files, "ledger");
    out->report_file = get_text(in, files, "report");
    out->ops = (struct ord_op_counts){
        .invoked = get_uint(in, ops, "invoked"),
        .ok = get_uint(in, ops, "ok"),
        .fail = get_uint(in, ops, "fail"),
        .info = get_uint(in, ops, "info"),
    };
    if (liveness != NULL &&
        !ord_expected_parse(ord_bytes_of(liveness), &out->liveness))
        bad(in, "expected_liveness", "pass, violation or any");
    get_settings(in, from, out);
    get_checks(in, from, out);
    get_faults(in, from, out);
    get_exposure(in, from, out);
    get_late(in, from, "faults", &out->faults_late);
    get_late(in, from, "workers", &out->workers_late);
    get_problems(in, from, out);
    get_phases(in, from, &out->phases);
    out->verdict = get_verdict(in, from);
    snprintf(out->reason, sizeof out->reason, "%s",
             reason == NULL ? "" : reason);
}

static json_t *load(struct ord_bytes text, const char *kind,
                    struct ord_err *err)
{
    json_error_t trouble;
    json_t *tree = json_loadb(text.at, text.size, JSON_ALLOW_NUL, &trouble);
    const char *got;

    if (tree == NULL) {
        ord_fail(err, ORD_EFORMAT, "line %d: %s", trouble.line, trouble.text);
        return NULL;
    }
    got = json_string_value(json_object_get(tree, "kind"));
    if (got != NULL && strcmp(got, kind) == 0 &&
        json_integer_value(json_object_get(tree, "ordeal")) ==
            ORD_FORMAT_VERSION)
        return tree;
    ord_fail(err, ORD_EFORMAT,
             "not the result of a %s in version %d of the format", kind,
             ORD_FORMAT_VERSION);
    json_decref(tree);
    return NULL;
}

int ord_cell_parse(struct ord_bytes json, struct ord_arena *arena,
                   struct ord_cell_result *out, struct ord_err *err)
{
    struct reader in = {.arena = arena, .err = err, .rc = ORD_OK};
    json_t *tree = load(json, "cell", err);

    if (tree == NULL)
        return ORD_EFORMAT;
    *out = (struct ord_cell_result){0};
    get_cell(&in, tree, out);
    json_decref(tree);
    return in.rc;
}

static void get_campaign_cell(struct reader *in, const json_t *from,
                              struct ord_cell_result *out)
{
    json_t *checks = json_object_get(from, "checks");
    const char *reason = json_string_value(json_object_get(from, "reason"));
    struct ord_check_result *list =
        take(in, json_object_size(checks), sizeof *list);
    const char *name;
    json_t *value;

    if (list == NULL)
        return;
    out->cell = get_text(in, from, "cell");
    out->about = get_text(in, from, "about");
    out->seed = get_seed(in, from);
    out->dir = get_text(in, from, "dir");
    out->phases.total_ms = get_real(in, from, "total_ms", -1);
    out->verdict = get_verdict(in, from);
    snprintf(out->reason, sizeof out->reason, "%s",
             reason == NULL ? "" : reason);
    json_object_foreach(checks, name, value)
    {
        struct ord_check_result *check = &list[out->check_count++];

        check->name = copy_text(in, name);
        check->expected = ORD_EXPECT_ANY;
        check->verdict.outcome = outcome_of(in, json_string_value(value));
    }
    out->checks = list;
}

int ord_campaign_parse(struct ord_bytes json, struct ord_arena *arena,
                       struct ord_campaign_result *out, struct ord_err *err)
{
    struct reader in = {.arena = arena, .err = err, .rc = ORD_OK};
    json_t *tree = load(json, "campaign", err);
    const struct ord_cell_result **cells = NULL;
    const json_t *list;

    if (tree == NULL)
        return ORD_EFORMAT;
    *out = (struct ord_campaign_result){0};
    out->name = get_text(&in, tree, "name");
    out->wall_ms = get_real(&in, tree, "wall_ms", 0);
    out->verdict = get_verdict(&in, tree);
    list =
        get_array(&in, tree, "cells", ORD_RESULT_ITEMS_MAX, &out->cell_count);
    cells = take(&in, out->cell_count, sizeof *cells);
    for (uint32_t i = 0; in.rc == ORD_OK && i < out->cell_count; i++) {
        struct ord_cell_result *cell = take(&in, 1, sizeof *cell);

        if (cell == NULL)
            break;
        get_campaign_cell(&in, json_array_get(list, i), cell);
        cells[i] = cell;
    }
    out->cells = cells;
    json_decref(tree);
    return in.rc;
}

int ord_cell_read(const char *path, struct ord_arena *arena,
                  struct ord_cell_result *out, struct ord_err *err)
{
    struct ord_buf text;
    int rc;

    ord_buf_init(&text, ORD_RESULT_SIZE_MAX);
    rc = ord_file_read(path, &text, err);
    if (rc == ORD_OK) {
        rc = ord_cell_parse(ord_buf_bytes(&text), arena, out, err);
        if (rc != ORD_OK)
            rc = ord_wrap(err, "%s", path);
    }
    ord_buf_fini(&text);
    return rc;
}

int ord_campaign_read(const char *path, struct ord_arena *arena,
                      struct ord_campaign_result *out, struct ord_err *err)
{
    struct ord_buf text;
    int rc;

    ord_buf_init(&text, ORD_RESULT_SIZE_MAX);
    rc = ord_file_read(path, &text, err);
    if (rc == ORD_OK) {
        rc = ord_campaign_parse(ord_buf_bytes(&text), arena, out, err);
        if (rc != ORD_OK)
            rc = ord_wrap(err, "%s", path);
    }
    ord_buf_fini(&text);
    return rc;
}
