/* rows.c -- one run as rows. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "harness/catalogue/catalogue_int.h"

enum { OPS_TEXT_MAX = 1 << 16, KEY_TEXT_MAX = 1 << 12 };

struct rows {
    sqlite3 *db;
    const char *run;
    struct ord_err *err;
    int rc; /* the first error; nothing is done after it */
};

/* Inserts one row.  types has a letter for each column: s text (NULL allowed),
 * i int64_t, r double. */
static void put(struct rows *rows, const char *sql, const char *types, ...)
{
    sqlite3_stmt *row = NULL;
    va_list args;

    if (rows->rc != ORD_OK)
        return;
    if (sqlite3_prepare_v2(rows->db, sql, -1, &row, NULL) != SQLITE_OK) {
        rows->rc = ord_catalogue_fail(rows->db, rows->err);
        return;
    }
    va_start(args, types);
    for (int i = 1; *types != '\0'; i++, types++) {
        if (*types == 's')
            sqlite3_bind_text(row, i, va_arg(args, const char *), -1,
                              SQLITE_TRANSIENT);
        else if (*types == 'i')
            sqlite3_bind_int64(row, i, va_arg(args, int64_t));
        else
            sqlite3_bind_double(row, i, va_arg(args, double));
    }
    va_end(args);
    if (sqlite3_step(row) != SQLITE_DONE)
        rows->rc = ord_catalogue_fail(rows->db, rows->err);
    sqlite3_finalize(row);
}

static void put_anomaly(struct rows *rows, const char *dir,
                        const struct ord_check_result *check, const char *key,
                        const char *why, const int64_t *ops, uint32_t count)
{
    struct ord_buf text;

    ord_buf_init(&text, OPS_TEXT_MAX);
    ord_buf_char(&text, '[');
    for (uint32_t i = 0; i < count; i++)
        ord_buf_printf(&text, "%s%lld", i > 0 ? "," : "", (long long)ops[i]);
    ord_buf_char(&text, ']');
    put(rows, "insert into anomalies values (?, ?, ?, ?, ?, ?)", "ssssss",
        rows->run, dir, check->name, key, why, ord_buf_str(&text));
    ord_buf_fini(&text);
}

static void put_check(struct rows *rows, const char *dir,
                      const struct ord_check_result *check)
{
    const struct ord_verdict *verdict = &check->verdict;
    struct ord_buf buf;
    const char *key = NULL;

    ord_buf_init(&buf, KEY_TEXT_MAX);
    if (verdict->key.kind != ORD_NIL) {
        ord_value_to_json(&verdict->key, &buf);
        key = ord_buf_str(&buf);
    }
    put(rows, "insert into checks values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ssssssssi", rows->run, dir, check->name, check->model,
        ord_expected_name(check->expected), ord_outcome_name(verdict->outcome),
        verdict->why, key, (int64_t)verdict->violation_count);
    if (verdict->outcome == ORD_INVALID)
        put_anomaly(rows, dir, check, key, verdict->why, verdict->ops,
                    verdict->op_count);
    for (uint32_t i = 0; i < verdict->finding_count; i++) {
        const struct ord_finding *finding = &verdict->findings[i];

        put_anomaly(rows, dir, check, NULL, finding->why, finding->ops,
                    finding->op_count);
    }
    for (uint32_t i = 0; i < verdict->stat_count; i++)
        put(rows, "insert into stats values (?, ?, ?, ?, ?)", "ssssr",
            rows->run, dir, check->name, verdict->stats[i].name,
            verdict->stats[i].value);
    ord_buf_fini(&buf);
}

static void put_fault(struct rows *rows, const char *dir,
                      const struct ord_fault_result *fault)
{
    put(rows,
        "insert into faults values (?, ?, ?, ?, ?, nullif(?, -1), nullif(?, "
        "-1), nullif(?, -1), ?, ?, ?, ?)",
        "ssissiiiissi", rows->run, dir, (int64_t)fault->id, fault->fault,
        fault->what, fault->begin_ns, fault->injected_ns, fault->end_ns,
        (int64_t)fault->held, fault->evidence, fault->not_begun,
        (int64_t)fault->ops);
}

static void put_kind(struct rows *rows, const char *dir,
                     const struct ord_fault_kind *kind)
{
    put(rows, "insert into fault_kinds values (?, ?, ?, ?, ?, ?, ?, ?)",
        "sssiiiii", rows->run, dir, kind->fault, (int64_t)kind->asked,
        (int64_t)kind->tried, (int64_t)kind->held, (int64_t)kind->not_begun,
        (int64_t)kind->ops);
}

static void put_cell(struct rows *rows, const struct ord_cell_result *cell)
{
    const char *dir = cell->dir == NULL ? "." : cell->dir;

    put(rows,
        "insert into cells values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?)",
        "ssssssiiissiiiiiiiiir", rows->run, dir, cell->cell, cell->about,
        cell->target, cell->workload, (int64_t)cell->seed, (int64_t)cell->nodes,
        (int64_t)cell->clients, ord_cell_verdict_name(cell->verdict),
        cell->reason, (int64_t)cell->ops.invoked, (int64_t)cell->ops.ok,
        (int64_t)cell->ops.fail, (int64_t)cell->ops.info,
        (int64_t)cell->faults_planned, (int64_t)ord_faults_held(cell),
        (int64_t)ord_faults_not_begun(cell), (int64_t)cell->ops_main,
        (int64_t)cell->ops_met, cell->phases.total_ms);
    for (uint32_t i = 0; i < cell->setting_count; i++)
        put(rows, "insert into settings values (?, ?, ?, ?)", "ssss", rows->run,
            dir, cell->settings[i].name, cell->settings[i].value);
    for (uint32_t i = 0; i < cell->check_count; i++)
        put_check(rows, dir, &cell->checks[i]);
    for (uint32_t i = 0; i < cell->fault_count; i++)
        put_fault(rows, dir, &cell->faults[i]);
    for (uint32_t i = 0; i < cell->kind_count; i++)
        put_kind(rows, dir, &cell->kinds[i]);
}

static void delete_rows(struct rows *rows)
{
    static const char *const statements[] = {
        "delete from runs where run = ?",
        "delete from cells where run = ?",
        "delete from checks where run = ?",
        "delete from anomalies where run = ?",
        "delete from stats where run = ?",
        "delete from faults where run = ?",
        "delete from fault_kinds where run = ?",
        "delete from settings where run = ?",
    };

    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        put(rows, statements[i], "s", rows->run);
}

int ord_catalogue_put(sqlite3 *db, const char *run,
                      const struct ord_campaign_result *campaign,
                      int64_t written_ns, struct ord_err *err)
{
    struct rows rows = {.db = db, .run = run, .err = err, .rc = ORD_OK};
    time_t seconds = (time_t)(written_ns / 1000000000);
    char finished[32] = "";
    struct tm date;
    int64_t passed = 0;

    if (gmtime_r(&seconds, &date) != NULL)
        (void)strftime(finished, sizeof finished, "%Y-%m-%d %H:%M:%S", &date);
    delete_rows(&rows);
    for (uint32_t i = 0; i < campaign->cell_count; i++) {
        put_cell(&rows, campaign->cells[i]);
        passed += campaign->cells[i]->verdict == ORD_CELL_PASS;
    }
    put(&rows, "insert into runs values (?, ?, ?, ?, ?, ?, ?, ?)", "sssiirsi",
        run, campaign->name, ord_cell_verdict_name(campaign->verdict),
        (int64_t)campaign->cell_count, passed, campaign->wall_ms, finished,
        written_ns);
    return rows.rc;
}
