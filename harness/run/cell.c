#include "harness/run/cell.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/child.h"
#include "harness/control/sandbox.h"
#include "harness/report/exposure.h"
#include "harness/report/html.h"
#include "harness/run/conductor.h"
#include "harness/run/plan.h"
#include "nemesis/ledger.h"

enum { CELL_JSON_SIZE_MAX = 64 << 20 };

static const int64_t SPARE_NS = 60 * ORD_S;  /* beyond all known deadlines */
static const int64_t LATE_NS = 100 * ORD_MS; /* worth telling */
static const size_t HISTORY_SIZE_MAX = (size_t)8 << 30;

static void add_problem(struct ord_cell_run const *run,
                        enum ord_problem_kind kind, const char *text)
{
    ord_facts_problem(run->facts, kind, "%s", text);
}

/* ---- running ----------------------------------------------------------------
 */

static int make_folders(const char *dir, struct ord_err *err)
{
    static const char *const names[] = {"nodes", "clients"};
    char path[ORD_PATH_MAX];
    int rc = ORD_OK;

    for (size_t i = 0; i < sizeof names / sizeof *names && rc == ORD_OK; i++) {
        rc = ord_path_join(path, dir, names[i], err);
        if (rc == ORD_OK)
            rc = ord_mkdir_all(path, err);
    }
    return rc;
}

static int write_cell_json(const struct ord_cell_run *run, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    struct ord_buf text;
    int rc = ord_path_join(path, run->dir, ORD_CELL_FILE, err);

    ord_buf_init(&text, CELL_JSON_SIZE_MAX);
    if (rc == ORD_OK)
        rc = ord_plan_cell_json(run->cell, 0, &text, err);
    if (rc == ORD_OK)
        rc = ord_file_replace(path, ord_buf_bytes(&text), err);
    ord_buf_fini(&text);
    return rc;
}

/* The longest that a run can last when everything keeps its deadline. */
static int64_t run_within_ns(const struct ord_cell *cell)
{
    return cell->time_ns + cell->target->ready_within_ns + 4 * cell->settle_ns +
           4 * cell->timeout_ns + SPARE_NS;
}

static void wait_for_conductor(const struct ord_cell_run *run, pid_t pid,
                               int pidfd)
{
    struct ord_exit exit = {0};
    struct ord_err err = {0};
    char text[128];

    if (!ord_pidfd_ended(pidfd, run_within_ns(run->cell))) {
        (void)kill(pid, SIGKILL);
        add_problem(run, ORD_PROBLEM_INFRASTRUCTURE,
                    "the run did not end in time and was stopped");
    }
    if (ord_pidfd_reap(pidfd, &exit, &err) != ORD_OK) {
        add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, err.text);
    } else if (exit.is_signal) {
        snprintf(text, sizeof text, "the conductor was killed by signal %d",
                 exit.code);
        add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, text);
    } else if (exit.code != 0 && run->facts->problem_count == 0) {
        snprintf(text, sizeof text, "the conductor exited with status %d",
                 exit.code);
        add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, text);
    }
    close(pidfd);
}

static void conduct(const struct ord_cell_run *run)
{
    struct ord_conductor_config config = {
        .cell = run->cell,
        .dir = run->dir,
        .facts = run->facts,
        .control_fd = run->control_fd,
    };
    const struct ord_sandbox_config sandbox = {
        .name = "ordeal",
        .keep_fds = &config.control_fd,
        .keep_count = config.control_fd >= 0 ? 1 : 0,
    };
    struct ord_err err = {0};
    pid_t pid = 0;
    int pidfd = -1;

    ord_facts_phase(run->facts, ORD_PHASE_SETUP);
    if (make_folders(run->dir, &err) != ORD_OK ||
        write_cell_json(run, &err) != ORD_OK ||
        ord_sandbox_spawn(&sandbox, ord_conductor_run, &config, &pid, &pidfd,
                          &err) != ORD_OK) {
        add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, err.text);
        return;
    }
    wait_for_conductor(run, pid, pidfd);
}

/* ---- checking
 * ---------------------------------------------------------------- */

static int run_check(const struct ord_cell *cell,
                     const struct ord_cell_check *check,
                     const struct ord_history *history, struct ord_arena *arena,
                     struct ord_check_result *out, struct ord_err *err)
{
    struct ord_verdict *verdict = ord_arena_zalloc(arena, 1, sizeof *verdict);
    struct ord_arena scratch;
    struct ord_check_in in = {
        .history = history,
        .arena = &scratch,
        .steps_max = cell->steps_max,
        .model = check->model,
        .options = check->options,
        .option_count = check->option_count,
    };
    int rc;

    if (verdict == NULL)
        return ord_fail(err, ORD_ENOMEM, "verdict of %s", check->checker->name);
    ord_arena_init(&scratch, cell->bytes_max);
    ord_check_run(check->checker, &in, verdict);
    rc = ord_check_result_set(out, arena, check->checker->name, check->model,
                              check->expected, verdict, err);
    ord_arena_fini(&scratch);
    return rc;
}

static void check_history(const struct ord_cell_run *run,
                          const struct ord_history *history,
                          struct ord_arena *arena, struct ord_cell_result *out)
{
    const struct ord_cell *cell = run->cell;
    struct ord_check_result *checks =
        ord_arena_zalloc(arena, cell->check_count, sizeof *checks);
    struct ord_err err = {0};

    for (uint32_t i = 0; checks != NULL && i < cell->check_count; i++) {
        if (run_check(cell, &cell->checks[i], history, arena, &checks[i],
                      &err) != ORD_OK) {
            add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, err.text);
            return;
        }
    }
    out->checks = checks;
    out->check_count = checks != NULL ? cell->check_count : 0;
}

static struct ord_history *open_history(const struct ord_cell_run *run)
{
    const struct ord_history_options how = {.format = ORD_FORMAT_OWN,
                                            .size_max = HISTORY_SIZE_MAX};
    struct ord_history *history = NULL;
    char path[ORD_PATH_MAX];
    struct ord_err err = {0};

    if (ord_path_join(path, run->dir, ORD_HISTORY_FILE, &err) != ORD_OK ||
        ord_history_open(path, &how, &history, &err) != ORD_OK) {
        if (run->facts->problem_count == 0)
            add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, err.text);
        return NULL;
    }
    return history;
}

/* ---- faults
 * -------------------------------------------------------------------- */

static uint32_t count_planned(const struct ord_fault_plan *plan,
                              const char *name)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < plan->count; i++)
        count += strcmp(plan->faults[i].ops->name, name) == 0;
    return count;
}

/* By name: what was asked for and what became of it. */
static void sum_up_kinds(const struct ord_fault_plan *plan,
                         struct ord_fault_kind *kinds,
                         struct ord_cell_result *out)
{
    out->kinds = kinds;
    for (uint32_t k = 0; ord_nemeses()[k] != NULL; k++) {
        struct ord_fault_kind kind = {.fault = ord_nemeses()[k]->name};
        uint32_t planned = count_planned(plan, kind.fault);

        for (uint32_t i = 0; i < out->fault_count; i++) {
            const struct ord_fault_result *fault = &out->faults[i];

            if (strcmp(fault->fault, kind.fault) != 0)
                continue;
            kind.asked++;
            kind.tried += fault->not_begun == NULL;
            kind.not_begun += fault->not_begun != NULL;
            kind.held += fault->held;
        }
        if (kind.asked < planned)
            kind.asked = planned; /* it never came to the others */
        if (kind.asked > 0)
            kinds[out->kind_count++] = kind;
    }
}

static uint32_t count_nemeses(void)
{
    uint32_t count = 0;

    while (ord_nemeses()[count] != NULL)
        count++;
    return count;
}

static void list_faults(const struct ord_cell_run *run,
                        const struct ord_history *history,
                        struct ord_arena *arena, struct ord_cell_result *out)
{
    struct ord_ledger_list list = {0};
    struct ord_fault_plan plan = {0};
    struct ord_fault_result *faults;
    struct ord_fault_kind *kinds =
        ord_arena_zalloc(arena, count_nemeses(), sizeof *kinds);
    char path[ORD_PATH_MAX];
    struct ord_err err = {0};

    if (ord_cell_faults(run->cell, arena, &plan, &err) == ORD_OK)
        out->faults_planned = plan.count;
    if (ord_path_join(path, run->dir, ORD_LEDGER_FILE, &err) != ORD_OK ||
        access(path, R_OK) != 0 ||
        ord_ledger_read(path, arena, &list, &err) != ORD_OK)
        list = (struct ord_ledger_list){0};
    faults = ord_arena_zalloc(arena, list.count + 1, sizeof *faults);
    if (faults == NULL)
        return;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct ord_ledger_fault *from = &list.faults[i];

        faults[i] = (struct ord_fault_result){
            .id = from->fault.id,
            .fault = from->fault.ops->name,
            .what = from->fault.what,
            .begin_ns = from->intent_ns,
            .injected_ns = from->injected_ns,
            .end_ns = from->healed_ns,
            .nodes = from->fault.nodes,
            .held = from->is_held,
            .evidence =
                from->evidence[0] != '\0' ? from->evidence : from->error,
            .not_begun = from->not_begun,
        };
    }
    out->faults = faults;
    out->fault_count = list.count;
    if (out->faults_planned < list.count)
        out->faults_planned = list.count;
    if (kinds != NULL)
        sum_up_kinds(&plan, kinds, out);
    if (kinds != NULL && history != NULL &&
        ord_exposure(history, out, faults, kinds, arena, &err) != ORD_OK)
        add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, err.text);
}

/* ---- the result
 * ------------------------------------------------------------------ */

static double ms_between(const struct ord_facts *facts, enum ord_phase from,
                         enum ord_phase to)
{
    if (facts->begin_ns[from] == 0 || facts->begin_ns[to] == 0)
        return -1;
    return (double)(facts->begin_ns[to] - facts->begin_ns[from]) / 1e6;
}

static void put_times(const struct ord_facts *facts,
                      struct ord_phase_times *out)
{
    *out = (struct ord_phase_times){
        .ready_ms = ms_between(facts, ORD_PHASE_SETUP, ORD_PHASE_MAIN),
        .main_ms = ms_between(facts, ORD_PHASE_MAIN, ORD_PHASE_HEAL),
        .heal_ms = ms_between(facts, ORD_PHASE_HEAL, ORD_PHASE_FINAL),
        .settle_ms = -1,
        .final_ms = ms_between(facts, ORD_PHASE_FINAL, ORD_PHASE_STOP),
        .check_ms = ms_between(facts, ORD_PHASE_CHECK, ORD_PHASE_DONE),
        .total_ms = ms_between(facts, ORD_PHASE_SETUP, ORD_PHASE_DONE),
    };
}

static struct ord_lateness_result late_of(const struct ord_lateness *late)
{
    return (struct ord_lateness_result){
        .count = late->count,
        .p50_ms = (double)ord_lateness_quantile(late, 0.50) / 1e6,
        .p99_ms = (double)ord_lateness_quantile(late, 0.99) / 1e6,
        .max_ms = (double)late->max_ns / 1e6,
    };
}

static bool has_check(const struct ord_cell *cell, const char *name)
{
    for (uint32_t i = 0; i < cell->check_count; i++) {
        if (strcmp(cell->checks[i].checker->name, name) == 0)
            return true;
    }
    return false;
}

/* What the facts mean for the verdict beyond what was noted at once. */
static void conclude(const struct ord_cell_run *run)
{
    const struct ord_facts *facts = run->facts;
    char text[ORD_PROBLEM_SIZE + 64];

    if (facts->unkept_count > 0) {
        snprintf(text, sizeof text, "%u further problems are not listed",
                 facts->unkept_count);
        add_problem(run, ORD_PROBLEM_NOTE, text);
    }
    if (ord_lateness_quantile(&facts->workers_late, 0.99) > LATE_NS) {
        snprintf(text, sizeof text,
                 "the machine was too busy for this: one operation in a "
                 "hundred began over %.0f ms late",
                 (double)LATE_NS / 1e6);
        add_problem(run, ORD_PROBLEM_NOTE, text);
    }
    if (facts->is_interrupted)
        add_problem(run, ORD_PROBLEM_NOTE,
                    "interrupted: the main phase was cut short");
    if (facts->ok == 0 && facts->invoked > 0 && facts->problem_count > 0) {
        snprintf(text, sizeof text, "no operation succeeded; %s",
                 facts->problems[0].text);
        add_problem(run, ORD_PROBLEM_INFRASTRUCTURE, text);
    }
    if (facts->ok > 0 && facts->final_rounds > 0 && facts->finals_failed > 0) {
        snprintf(text, sizeof text,
                 "%u of %u final reads had no answer within %.1f s of the "
                 "healing",
                 facts->finals_failed, facts->finals,
                 (double)run->cell->settle_ns / 1e9);
        add_problem(run, ORD_PROBLEM_LIVENESS, text);
    } else if (facts->ok > 0 && facts->final_rounds > 0 && !facts->is_agreed &&
               !has_check(run->cell, "convergence")) {
        snprintf(text, sizeof text,
                 "the replicas did not agree within %.1f s of the healing",
                 (double)run->cell->settle_ns / 1e9);
        add_problem(run, ORD_PROBLEM_LIVENESS, text);
    }
}

static void put_problems(const struct ord_facts *facts, struct ord_arena *arena,
                         struct ord_cell_result *out)
{
    uint32_t kept = facts->problem_count;
    struct ord_problem *to = ord_arena_zalloc(arena, kept, sizeof *to);

    if (to == NULL)
        return;
    for (uint32_t i = 0; i < kept; i++)
        to[i] = (struct ord_problem){facts->problems[i].kind,
                                     facts->problems[i].text};
    out->problems = to;
    out->problem_count = kept;
}

void ord_cell_describe(const struct ord_cell *cell, struct ord_arena *arena,
                       struct ord_cell_result *out)
{
    struct ord_option *settings =
        ord_arena_zalloc(arena, cell->setting_count, sizeof *settings);

    *out = (struct ord_cell_result){
        .cell = cell->id,
        .campaign = cell->campaign,
        .about = cell->about,
        .target = cell->target->name,
        .workload = cell->workload->name,
        .nodes = cell->node_count,
        .clients = cell->client_count,
        .seed = cell->seed,
        .liveness = cell->liveness,
    };
    for (uint32_t i = 0; settings != NULL && i < cell->setting_count; i++)
        settings[i] = (struct ord_option){cell->settings[i].name,
                                          cell->settings[i].value};
    out->settings = settings;
    out->setting_count = settings != NULL ? cell->setting_count : 0;
}

static int write_report(const struct ord_cell_run *run,
                        const struct ord_cell_result *result,
                        const struct ord_history *history, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    int rc = ord_path_join(path, run->dir, ORD_REPORT_FILE, err);

    return rc == ORD_OK ? ord_report_html(result, history, path, err) : rc;
}

int ord_cell_run(const struct ord_cell_run *run, struct ord_arena *arena,
                 struct ord_cell_result *out, struct ord_err *err)
{
    struct ord_facts *facts = run->facts;
    struct ord_history *history;
    char path[ORD_PATH_MAX];
    int rc;

    ord_cell_describe(run->cell, arena, out);
    conduct(run);
    ord_facts_phase(facts, ORD_PHASE_CHECK);
    history = open_history(run);
    if (history != NULL)
        check_history(run, history, arena, out);
    list_faults(run, history, arena, out);
    conclude(run);
    put_problems(facts, arena, out);
    out->ops = (struct ord_op_counts){facts->invoked, facts->ok, facts->fail,
                                      facts->info};
    out->history_file = ORD_HISTORY_FILE;
    out->ledger_file = ORD_LEDGER_FILE;
    out->report_file = ORD_REPORT_FILE;
    ord_facts_phase(facts, ORD_PHASE_DONE);
    put_times(facts, &out->phases);
    out->faults_late = late_of(&facts->faults_late);
    out->workers_late = late_of(&facts->workers_late);
    ord_cell_judge(out);
    rc = write_report(run, out, history, err);
    ord_history_free(&history);
    if (rc == ORD_OK)
        rc = ord_path_join(path, run->dir, ORD_RESULT_FILE, err);
    return rc == ORD_OK ? ord_cell_write(out, path, err) : rc;
}
