/* result.h -- what a cell and a campaign came to: judged, written, read back.
 *
 * Plain data.  Texts and arrays are borrowed from whoever filled them in, as a
 * rule one arena per run; ord_*_read() puts all of it into the caller's arena.
 * Nothing here reads a clock.
 */
#ifndef ORD_REPORT_RESULT_H
#define ORD_REPORT_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "checkers/checker.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"

/* The value is the exit code, but SKIPPED exits 0. */
enum ord_cell_verdict {
    ORD_CELL_PASS = 0,
    ORD_CELL_VIOLATION = 1,
    ORD_CELL_LIVENESS = 2,
    ORD_CELL_UNKNOWN = 3,
    ORD_CELL_VACUOUS = 4,
    ORD_CELL_INFRASTRUCTURE = 5,
    ORD_CELL_UNEXPECTED_PASS = 6,
    ORD_CELL_SKIPPED = 7,
    ORD_CELL_USAGE = 64,
};

enum {
    ORD_REASON_SIZE = 8192,
    ORD_RESULT_ITEMS_MAX = 4096,    /* of each list that is read back */
    ORD_RESULT_SIZE_MAX = 64 << 20, /* bytes of a result.json */
    ORD_FORMAT_VERSION = 1,         /* "ordeal": 1 */
};

const char *ord_cell_verdict_name(enum ord_cell_verdict verdict);
int ord_cell_verdict_exit(enum ord_cell_verdict verdict);
bool ord_cell_verdict_parse(struct ord_bytes name, enum ord_cell_verdict *out);
/* The worse of the two, from the worst: usage, violation, liveness,
 * infrastructure, unexpected pass, unknown, vacuous, pass, skipped. */
enum ord_cell_verdict ord_cell_verdict_worse(enum ord_cell_verdict a,
                                             enum ord_cell_verdict b);

enum ord_expected {
    ORD_EXPECT_PASS,
    ORD_EXPECT_VIOLATION,
    ORD_EXPECT_UNKNOWN,
    ORD_EXPECT_ANY,
};

const char *ord_expected_name(enum ord_expected expected);
bool ord_expected_parse(struct ord_bytes name, enum ord_expected *out);

struct ord_check_result {
    const char *name;  /* of the checker */
    const char *model; /* NULL: it takes none */
    enum ord_expected expected;
    struct ord_verdict verdict; /* ->order is not kept in JSON */
};

/* Fills in *out with deep copies in the arena, so that the arena of the check
 * may go.  ORD_ENOMEM. */
int ord_check_result_set(struct ord_check_result *out, struct ord_arena *arena,
                         const char *name, const char *model,
                         enum ord_expected expected,
                         const struct ord_verdict *verdict,
                         struct ord_err *err);
bool ord_check_result_is_expected(const struct ord_check_result *check);

struct ord_fault_result {
    uint32_t id;
    const char *fault;   /* "partition" */
    const char *what;    /* "isolate n1" */
    int64_t begin_ns;    /* since the start of the run, the history's scale */
    int64_t injected_ns; /* when it was there; ORD_NONE: never, or not known */
    int64_t end_ns;      /* ORD_NONE: it never ended, or never began */
    uint64_t nodes;      /* bit i-1 is node i; 0: all, or not known */
    bool held;
    const char *evidence;  /* the measurement that shows it; NULL: none */
    const char *not_begun; /* why it was never tried; NULL: it was */
    uint64_t ops; /* operations of the main phase that met it (exposure.h) */
};

/* All faults of one name. */
struct ord_fault_kind {
    const char *fault;
    uint32_t asked; /* by the plan, and by events that came */
    uint32_t tried;
    uint32_t held;
    uint32_t not_begun;
    uint64_t ops; /* operations that met one that held */
};

enum ord_problem_kind {
    ORD_PROBLEM_NOTE,     /* worth telling; changes no verdict */
    ORD_PROBLEM_LIVENESS, /* never ready, recovered or converged; a crash of
                             the target that no fault explains */
    ORD_PROBLEM_INFRASTRUCTURE, /* the harness or the machine failed */
};

struct ord_problem {
    enum ord_problem_kind kind;
    const char *what; /* one sentence without a full stop */
};

struct ord_phase_times { /* ms; negative: it did not get there */
    double ready_ms, main_ms, heal_ms, settle_ms, final_ms, check_ms, total_ms;
};

/* How late the harness itself was, in ms. */
struct ord_lateness_result {
    uint64_t count;
    double p50_ms, p99_ms, max_ms;
};

struct ord_op_counts { /* without the nemesis */
    uint64_t invoked, ok, fail, info;
};

/* Counts the clients' events of a history. */
struct ord_op_counts ord_op_counts_of(const struct ord_history *history);

struct ord_cell_result {
    const char *cell;     /* "A2" */
    const char *campaign; /* may be NULL */
    const char *about;    /* one line; may be NULL */
    const char *target, *workload;
    const struct ord_option *settings;
    uint32_t setting_count;
    uint32_t nodes, clients;
    uint64_t seed;

    const struct ord_check_result *checks;
    uint32_t check_count;
    enum ord_expected liveness;            /* of the problems of that kind */
    const struct ord_fault_result *faults; /* that began, or should have */
    uint32_t fault_count;
    uint32_t faults_planned; /* 0: none was asked for */
    const struct ord_fault_kind *kinds;
    uint32_t kind_count;
    uint64_t ops_main; /* operations of the main phase; 0: not counted */
    uint64_t ops_met;  /* those that met a fault that held */
    const struct ord_problem *problems;
    uint32_t problem_count;
    struct ord_phase_times phases;
    struct ord_lateness_result faults_late;  /* decisions to begin a fault */
    struct ord_lateness_result workers_late; /* operations that had a time */
    struct ord_op_counts ops;
    const char *dir; /* as the campaign's result.json names it; may be NULL */
    const char *history_file, *ledger_file, *report_file; /* in dir, or NULL */
    const char *skipped; /* why it was not run; NULL: it was */

    /* Set by ord_cell_judge(). */
    enum ord_cell_verdict verdict;
    char reason[ORD_REASON_SIZE];
};

struct ord_campaign_result {
    const char *name;
    const struct ord_cell_result *const *cells;
    uint32_t cell_count;
    double wall_ms;
    enum ord_cell_verdict verdict; /* set by ord_campaign_judge() */
};

/* Sets verdict and reason from all the rest.  Every deviation is in the
 * reason, the worst first; beyond ORD_REASON_SIZE it says how many more.
 *   a check differs from what was expected: violation, unexpected pass, unknown
 *   a problem: its kind, but liveness may be expected; then its absence is an
 *   unexpected pass, and a check that could not decide is what comes of it
 *   faults were planned and none held, or no operation met one that held;
 *   no operation ok; no check: vacuous
 *   skipped != NULL: skipped, whatever else there is */
void ord_cell_judge(struct ord_cell_result *cell);
/* Liveness was not expected (or did not matter), and was not there. */
bool ord_is_stuck_as_expected(const struct ord_cell_result *cell);
/* The worst of the cells; no cell at all is vacuous. */
void ord_campaign_judge(struct ord_campaign_result *campaign);
uint32_t ord_faults_held(const struct ord_cell_result *cell);
uint32_t ord_faults_not_begun(const struct ord_cell_result *cell);
/* Of the main phase's operations, in percent; rounded, but not up to 100 nor
 * down to 0.  0 where nothing was counted. */
uint32_t ord_met_percent(uint64_t ops, uint64_t ops_main);

/* ---- JSON: harness/report/schema/ --------------------------------------- */
/* Appended to out without white space; look at out->failed. */
void ord_cell_to_json(const struct ord_cell_result *cell, struct ord_buf *out);
void ord_campaign_to_json(const struct ord_campaign_result *campaign,
                          struct ord_buf *out);
/* `ordeal check --json`; the verdict is the worst outcome. */
void ord_checks_to_json(const struct ord_check_result *checks, uint32_t count,
                        struct ord_buf *out);
/* pass, violation or unknown; ORD_CELL_VACUOUS for no check. */
enum ord_cell_verdict ord_checks_worst(const struct ord_check_result *checks,
                                       uint32_t count);

/* Indented, through ord_file_replace(): blocks on two fsyncs. */
int ord_cell_write(const struct ord_cell_result *cell, const char *path,
                   struct ord_err *err);
int ord_campaign_write(const struct ord_campaign_result *campaign,
                       const char *path, struct ord_err *err);

/* ORD_EFORMAT names the member and what was expected.  Unknown members are
 * ignored, members that are not there leave 0 or NULL. */
int ord_cell_parse(struct ord_bytes json, struct ord_arena *arena,
                   struct ord_cell_result *out, struct ord_err *err);
int ord_cell_read(const char *path, struct ord_arena *arena,
                  struct ord_cell_result *out, struct ord_err *err);
/* Cells come back with what a campaign's file holds of them: cell, about,
 * seed, verdict, reason, dir, checks by name and outcome, total_ms. */
int ord_campaign_parse(struct ord_bytes json, struct ord_arena *arena,
                       struct ord_campaign_result *out, struct ord_err *err);
int ord_campaign_read(const char *path, struct ord_arena *arena,
                      struct ord_campaign_result *out, struct ord_err *err);

#endif
