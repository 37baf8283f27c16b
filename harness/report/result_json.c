/* result_json.c -- results as JSON: one compact text, indented for files.
 *
 * Written by hand and not through jansson because a verdict may quote anything
 * that a database answered: ord_buf_json() makes UTF-8 of all of it.
 */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "harness/base/file.h"
#include "harness/report/json_out.h"
#include "harness/report/result.h"

void ord_out_next(struct ord_buf *out)
{
    char last = out->size > 0 ? out->at[out->size - 1] : '{';

    if (last != '{' && last != '[' && last != ':')
        ord_buf_char(out, ',');
}

void ord_out_name(struct ord_buf *out, const char *name)
{
    ord_out_next(out);
    ord_buf_json(out, ord_bytes_of(name));
    ord_buf_char(out, ':');
}

void ord_out_text(struct ord_buf *out, const char *name, const char *text)
{
    ord_out_name(out, name);
    if (text == NULL)
        ord_buf_text(out, "null");
    else
        ord_buf_json(out, ord_bytes_of(text));
}

void ord_out_uint(struct ord_buf *out, const char *name, uint64_t value)
{
    ord_out_name(out, name);
    ord_buf_printf(out, "%llu", (unsigned long long)value);
}

void ord_out_int(struct ord_buf *out, const char *name, int64_t value)
{
    ord_out_name(out, name);
    ord_buf_int(out, value);
}

void ord_out_real(struct ord_buf *out, const char *name, double value)
{
    ord_out_name(out, name);
    if (isfinite(value))
        ord_buf_printf(out, "%.15g", value);
    else
        ord_buf_text(out, "null");
}

void ord_out_bool(struct ord_buf *out, const char *name, bool value)
{
    ord_out_name(out, name);
    ord_buf_text(out, value ? "true" : "false");
}

static void out_indexes(struct ord_buf *out, const char *name,
                        const int64_t *indexes, uint32_t count)
{
    ord_out_name(out, name);
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        ord_out_next(out);
        ord_buf_int(out, indexes[i]);
    }
    ord_buf_char(out, ']');
}

static const char *outcome_word(enum ord_outcome outcome)
{
    return outcome == ORD_VALID     ? "pass"
           : outcome == ORD_INVALID ? "violation"
                                    : "unknown";
}

static void out_stats(struct ord_buf *out, const struct ord_verdict *verdict)
{
    ord_out_name(out, "stats");
    ord_buf_char(out, '{');
    for (uint32_t i = 0; i < verdict->stat_count; i++)
        ord_out_real(out, verdict->stats[i].name, verdict->stats[i].value);
    ord_buf_char(out, '}');
}

static void out_findings(struct ord_buf *out, const struct ord_verdict *verdict)
{
    ord_out_name(out, "findings");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < verdict->finding_count; i++) {
        const struct ord_finding *finding = &verdict->findings[i];

        ord_out_next(out);
        ord_buf_char(out, '{');
        ord_out_text(out, "why", finding->why);
        out_indexes(out, "ops", finding->ops, finding->op_count);
        ord_buf_char(out, '}');
    }
    ord_buf_char(out, ']');
}

static void out_check(struct ord_buf *out, const struct ord_check_result *check)
{
    const struct ord_verdict *verdict = &check->verdict;

    ord_out_next(out);
    ord_buf_char(out, '{');
    ord_out_text(out, "name", check->name);
    ord_out_text(out, "model", check->model);
    ord_out_text(out, "verdict", outcome_word(verdict->outcome));
    ord_out_text(out, "expected", ord_expected_name(check->expected));
    ord_out_text(out, "why", verdict->why);
    ord_out_name(out, "key");
    ord_value_to_json(&verdict->key, out);
    out_indexes(out, "ops", verdict->ops, verdict->op_count);
    ord_out_uint(out, "violations", verdict->violation_count);
    out_findings(out, verdict);
    out_stats(out, verdict);
    ord_buf_char(out, '}');
}

static void out_checks(struct ord_buf *out, const struct ord_cell_result *cell)
{
    ord_out_name(out, "checks");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < cell->check_count; i++)
        out_check(out, &cell->checks[i]);
    ord_buf_char(out, ']');
}

static void out_time(struct ord_buf *out, const char *name, int64_t time_ns)
{
    ord_out_name(out, name);
    if (time_ns == ORD_NONE)
        ord_buf_text(out, "null");
    else
        ord_buf_int(out, time_ns);
}

static void out_share(struct ord_buf *out, uint64_t ops, uint64_t ops_main)
{
    ord_out_uint(out, "met", ops);
    ord_out_real(out, "share",
                 ops_main == 0 ? 0 : (double)ops / (double)ops_main);
}

/* What was asked for, tried, took hold, and was met, in all and by kind. */
static void out_exposure(struct ord_buf *out,
                         const struct ord_cell_result *cell)
{
    ord_out_name(out, "exposure");
    ord_buf_char(out, '{');
    ord_out_uint(out, "operations", cell->ops_main);
    out_share(out, cell->ops_met, cell->ops_main);
    ord_out_name(out, "faults");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < cell->kind_count; i++) {
        const struct ord_fault_kind *kind = &cell->kinds[i];

        ord_out_next(out);
        ord_buf_char(out, '{');
        ord_out_text(out, "fault", kind->fault);
        ord_out_uint(out, "asked", kind->asked);
        ord_out_uint(out, "tried", kind->tried);
        ord_out_uint(out, "held", kind->held);
        ord_out_uint(out, "not_begun", kind->not_begun);
        out_share(out, kind->ops, cell->ops_main);
        ord_buf_char(out, '}');
    }
    ord_buf_text(out, "]}");
}

static void out_fault(struct ord_buf *out, const struct ord_fault_result *fault)
{
    ord_out_next(out);
    ord_buf_char(out, '{');
    ord_out_uint(out, "id", fault->id);
    ord_out_text(out, "fault", fault->fault);
    ord_out_text(out, "what", fault->what);
    ord_out_int(out, "begin_ns", fault->begin_ns);
    out_time(out, "injected_ns", fault->injected_ns);
    out_time(out, "end_ns", fault->end_ns);
    ord_out_name(out, "nodes");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < ORD_NODES_MAX; i++) {
        if ((fault->nodes >> i & 1) == 0)
            continue;
        ord_out_next(out);
        ord_buf_int(out, (int64_t)i + 1);
    }
    ord_buf_char(out, ']');
    ord_out_bool(out, "held", fault->held);
    ord_out_text(out, "evidence", fault->evidence);
    ord_out_uint(out, "operations", fault->ops);
    if (fault->not_begun != NULL)
        ord_out_text(out, "not_begun", fault->not_begun);
    ord_buf_char(out, '}');
}

static void out_faults(struct ord_buf *out, const struct ord_cell_result *cell)
{
    ord_out_uint(out, "faults_planned", cell->faults_planned);
    ord_out_name(out, "faults");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < cell->fault_count; i++)
        out_fault(out, &cell->faults[i]);
    ord_buf_char(out, ']');
}

static void out_phases(struct ord_buf *out, const struct ord_phase_times *phase)
{
    const struct {
        const char *name;
        double ms;
    } rows[] = {
        {"ready_ms", phase->ready_ms}, {"main_ms", phase->main_ms},
        {"heal_ms", phase->heal_ms},   {"settle_ms", phase->settle_ms},
        {"final_ms", phase->final_ms}, {"check_ms", phase->check_ms},
        {"total_ms", phase->total_ms},
    };

    ord_out_name(out, "phases");
    ord_buf_char(out, '{');
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].ms >= 0)
            ord_out_real(out, rows[i].name, rows[i].ms);
    }
    ord_buf_char(out, '}');
}

static void out_late(struct ord_buf *out, const char *name,
                     const struct ord_lateness_result *late)
{
    ord_out_name(out, name);
    ord_buf_char(out, '{');
    ord_out_uint(out, "count", late->count);
    ord_out_real(out, "p50_ms", late->p50_ms);
    ord_out_real(out, "p99_ms", late->p99_ms);
    ord_out_real(out, "max_ms", late->max_ms);
    ord_buf_char(out, '}');
}

static void out_lateness(struct ord_buf *out,
                         const struct ord_cell_result *cell)
{
    ord_out_name(out, "lateness");
    ord_buf_char(out, '{');
    out_late(out, "faults", &cell->faults_late);
    out_late(out, "workers", &cell->workers_late);
    ord_buf_char(out, '}');
}

static void out_problems(struct ord_buf *out,
                         const struct ord_cell_result *cell)
{
    static const char *const kinds[] = {
        [ORD_PROBLEM_NOTE] = "note",
        [ORD_PROBLEM_LIVENESS] = "liveness",
        [ORD_PROBLEM_INFRASTRUCTURE] = "infrastructure",
    };

    ord_out_name(out, "problems");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < cell->problem_count; i++) {
        ord_out_next(out);
        ord_buf_char(out, '{');
        ord_out_text(out, "kind", kinds[cell->problems[i].kind]);
        ord_out_text(out, "what", cell->problems[i].what);
        ord_buf_char(out, '}');
    }
    ord_buf_char(out, ']');
}

static void out_files(struct ord_buf *out, const struct ord_cell_result *cell)
{
    ord_out_name(out, "files");
    ord_buf_char(out, '{');
    if (cell->history_file != NULL)
        ord_out_text(out, "history", cell->history_file);
    if (cell->ledger_file != NULL)
        ord_out_text(out, "ledger", cell->ledger_file);
    if (cell->report_file != NULL)
        ord_out_text(out, "report", cell->report_file);
    ord_buf_char(out, '}');
}

static void out_settings(struct ord_buf *out,
                         const struct ord_cell_result *cell)
{
    ord_out_name(out, "settings");
    ord_buf_char(out, '{');
    for (uint32_t i = 0; i < cell->setting_count; i++)
        ord_out_text(out, cell->settings[i].name, cell->settings[i].value);
    ord_buf_char(out, '}');
}

static void out_operations(struct ord_buf *out, const struct ord_op_counts *ops)
{
    ord_out_name(out, "operations");
    ord_buf_char(out, '{');
    ord_out_uint(out, "invoked", ops->invoked);
    ord_out_uint(out, "ok", ops->ok);
    ord_out_uint(out, "fail", ops->fail);
    ord_out_uint(out, "info", ops->info);
    ord_buf_char(out, '}');
}

static void out_head(struct ord_buf *out, const char *kind)
{
    ord_buf_char(out, '{');
    ord_out_int(out, "ordeal", ORD_FORMAT_VERSION);
    if (kind != NULL)
        ord_out_text(out, "kind", kind);
}

/* Readers of JSON take 63 bits; a greater seed is a text. */
static void out_seed(struct ord_buf *out, uint64_t seed)
{
    if (seed <= INT64_MAX) {
        ord_out_uint(out, "seed", seed);
        return;
    }
    ord_out_name(out, "seed");
    ord_buf_printf(out, "\"%llu\"", (unsigned long long)seed);
}

void ord_cell_to_json(const struct ord_cell_result *cell, struct ord_buf *out)
{
    out_head(out, "cell");
    ord_out_text(out, "cell", cell->cell);
    ord_out_text(out, "campaign", cell->campaign);
    ord_out_text(out, "about", cell->about);
    out_seed(out, cell->seed);
    ord_out_text(out, "target", cell->target);
    out_settings(out, cell);
    ord_out_text(out, "workload", cell->workload);
    ord_out_uint(out, "nodes", cell->nodes);
    ord_out_uint(out, "clients", cell->clients);
    ord_out_text(out, "verdict", ord_cell_verdict_name(cell->verdict));
    ord_out_int(out, "exit", ord_cell_verdict_exit(cell->verdict));
    ord_out_text(out, "reason", cell->reason);
    if (cell->skipped != NULL)
        ord_out_text(out, "skipped", cell->skipped);
    out_checks(out, cell);
    ord_out_text(out, "expected_liveness", ord_expected_name(cell->liveness));
    out_faults(out, cell);
    out_exposure(out, cell);
    out_phases(out, &cell->phases);
    out_lateness(out, cell);
    out_operations(out, &cell->ops);
    out_problems(out, cell);
    out_files(out, cell);
    ord_buf_char(out, '}');
}

/* A checker may have looked twice, with two models: the worse counts. */
static void out_check_words(struct ord_buf *out,
                            const struct ord_cell_result *cell)
{
    for (uint32_t i = 0; i < cell->check_count; i++) {
        const char *name = cell->checks[i].name;
        enum ord_outcome worst = cell->checks[i].verdict.outcome;
        bool is_first = true;

        for (uint32_t k = 0; k < cell->check_count; k++) {
            const struct ord_check_result *other = &cell->checks[k];

            if (strcmp(name, other->name) != 0)
                continue;
            is_first = is_first && k >= i;
            if (other->verdict.outcome > worst)
                worst = other->verdict.outcome;
        }
        if (is_first)
            ord_out_text(out, name, outcome_word(worst));
    }
}

static void out_campaign_cell(struct ord_buf *out,
                              const struct ord_cell_result *cell)
{
    ord_out_next(out);
    ord_buf_char(out, '{');
    ord_out_text(out, "cell", cell->cell);
    ord_out_text(out, "about", cell->about);
    out_seed(out, cell->seed);
    ord_out_text(out, "verdict", ord_cell_verdict_name(cell->verdict));
    ord_out_text(out, "reason", cell->reason);
    ord_out_text(out, "dir", cell->dir);
    ord_out_real(out, "total_ms", cell->phases.total_ms);
    ord_out_name(out, "checks");
    ord_buf_char(out, '{');
    out_check_words(out, cell);
    ord_buf_text(out, "}}");
}

void ord_campaign_to_json(const struct ord_campaign_result *campaign,
                          struct ord_buf *out)
{
    out_head(out, "campaign");
    ord_out_text(out, "name", campaign->name);
    ord_out_text(out, "verdict", ord_cell_verdict_name(campaign->verdict));
    ord_out_int(out, "exit", ord_cell_verdict_exit(campaign->verdict));
    ord_out_real(out, "wall_ms", campaign->wall_ms);
    ord_out_name(out, "cells");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < campaign->cell_count; i++)
        out_campaign_cell(out, campaign->cells[i]);
    ord_buf_text(out, "]}");
}

/* {"<key as a person reads it>": verdict} for the key of the violation. */
static void out_keys(struct ord_buf *out, const struct ord_verdict *verdict)
{
    struct ord_buf key;

    ord_out_name(out, "keys");
    ord_buf_char(out, '{');
    if (verdict->key.kind != ORD_NIL) {
        ord_buf_init(&key, ORD_RESULT_SIZE_MAX);
        ord_value_to_edn(&verdict->key, &key);
        ord_out_text(out, ord_buf_str(&key), outcome_word(verdict->outcome));
        ord_buf_fini(&key);
    }
    ord_buf_char(out, '}');
}

void ord_checks_to_json(const struct ord_check_result *checks, uint32_t count,
                        struct ord_buf *out)
{
    out_head(out, NULL);
    ord_out_text(out, "verdict",
                 ord_cell_verdict_name(ord_checks_worst(checks, count)));
    ord_out_name(out, "checks");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        const struct ord_verdict *verdict = &checks[i].verdict;

        ord_out_next(out);
        ord_buf_char(out, '{');
        ord_out_text(out, "name", checks[i].name);
        ord_out_text(out, "model", checks[i].model);
        ord_out_text(out, "verdict", outcome_word(verdict->outcome));
        ord_out_text(out, "why", verdict->why);
        out_keys(out, verdict);
        out_indexes(out, "ops", verdict->ops, verdict->op_count);
        ord_out_uint(out, "violations", verdict->violation_count);
        out_findings(out, verdict);
        out_stats(out, verdict);
        ord_buf_char(out, '}');
    }
    ord_buf_text(out, "]}");
}

/* Indents by reading it back: what is written has been parsed once. */
static int write_indented(const struct ord_buf *compact, const char *path,
                          struct ord_err *err)
{
    json_error_t trouble;
    json_t *tree = NULL;
    char *text = NULL;
    struct ord_buf whole;
    int rc = ORD_OK;

    if (compact->failed)
        return ord_fail(err, ORD_ELIMIT, "%s: over %d bytes", path,
                        ORD_RESULT_SIZE_MAX);
    ord_buf_init(&whole, 2 * (size_t)ORD_RESULT_SIZE_MAX);
    tree = json_loadb(compact->at, compact->size, JSON_ALLOW_NUL, &trouble);
    if (tree == NULL) {
        rc = ord_fail(err, ORD_EFORMAT, "%s: %s", path, trouble.text);
        goto out;
    }
    text = json_dumps(tree, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
    if (text != NULL) {
        ord_buf_text(&whole, text);
        ord_buf_char(&whole, '\n');
    }
    if (text == NULL || whole.failed)
        rc = ord_fail(err, ORD_ENOMEM, "%s: no memory for it", path);
    else
        rc = ord_file_replace(path, ord_buf_bytes(&whole), err);
out:
    ord_buf_fini(&whole);
    free(text);
    json_decref(tree);
    return rc;
}

int ord_cell_write(const struct ord_cell_result *cell, const char *path,
                   struct ord_err *err)
{
    struct ord_buf out;
    int rc;

    ord_buf_init(&out, ORD_RESULT_SIZE_MAX);
    ord_cell_to_json(cell, &out);
    rc = write_indented(&out, path, err);
    ord_buf_fini(&out);
    return rc;
}

int ord_campaign_write(const struct ord_campaign_result *campaign,
                       const char *path, struct ord_err *err)
{
    struct ord_buf out;
    int rc;

    ord_buf_init(&out, ORD_RESULT_SIZE_MAX);
    ord_campaign_to_json(campaign, &out);
    rc = write_indented(&out, path, err);
    ord_buf_fini(&out);
    return rc;
}
