#include "harness/report/result.h"

#include <stdarg.h>
#include <stdio.h>

struct verdict_row {
    enum ord_cell_verdict verdict;
    int exit;
    const char *name;
};

/* From the best to the worst: the place is the rank. */
static const struct verdict_row verdicts[] = {
    {ORD_CELL_SKIPPED, 0, "skipped"},
    {ORD_CELL_PASS, 0, "pass"},
    {ORD_CELL_VACUOUS, 4, "vacuous"},
    {ORD_CELL_UNKNOWN, 3, "unknown"},
    {ORD_CELL_UNEXPECTED_PASS, 6, "unexpected-pass"},
    {ORD_CELL_INFRASTRUCTURE, 5, "infrastructure"},
    {ORD_CELL_LIVENESS, 2, "liveness"},
    {ORD_CELL_VIOLATION, 1, "violation"},
    {ORD_CELL_USAGE, 64, "usage"},
};

enum { VERDICT_COUNT = sizeof verdicts / sizeof verdicts[0] };

static const char *const expecteds[] = {
    [ORD_EXPECT_PASS] = "pass",
    [ORD_EXPECT_VIOLATION] = "violation",
    [ORD_EXPECT_UNKNOWN] = "unknown",
    [ORD_EXPECT_ANY] = "any",
};

enum { EXPECTED_COUNT = sizeof expecteds / sizeof expecteds[0] };

static int rank_of(enum ord_cell_verdict verdict)
{
    for (int i = 0; i < VERDICT_COUNT; i++)
        if (verdicts[i].verdict == verdict)
            return i;
    ORD_ASSERT(false); /* every verdict is in the table */
    return -1;
}

const char *ord_cell_verdict_name(enum ord_cell_verdict verdict)
{
    return verdicts[rank_of(verdict)].name;
}

int ord_cell_verdict_exit(enum ord_cell_verdict verdict)
{
    return verdicts[rank_of(verdict)].exit;
}

bool ord_cell_verdict_parse(struct ord_bytes name, enum ord_cell_verdict *out)
{
    for (int i = 0; i < VERDICT_COUNT; i++) {
        if (ord_bytes_is(name, verdicts[i].name)) {
            *out = verdicts[i].verdict;
            return true;
        }
    }
    return false;
}

enum ord_cell_verdict ord_cell_verdict_worse(enum ord_cell_verdict a,
                                             enum ord_cell_verdict b)
{
    return rank_of(a) >= rank_of(b) ? a : b;
}

const char *ord_expected_name(enum ord_expected expected)
{
    ORD_ASSERT((int)expected >= 0 && (int)expected < EXPECTED_COUNT);
    return expecteds[expected];
}

bool ord_expected_parse(struct ord_bytes name, enum ord_expected *out)
{
    for (int i = 0; i < EXPECTED_COUNT; i++) {
        if (ord_bytes_is(name, expecteds[i])) {
            *out = (enum ord_expected)i;
            return true;
        }
    }
    return false;
}

int ord_check_result_set(struct ord_check_result *out, struct ord_arena *arena,
                         const char *name, const char *model,
                         enum ord_expected expected,
                         const struct ord_verdict *verdict, struct ord_err *err)
{
    bool is_whole = true;

    ORD_ASSERT(name != NULL);
    *out = (struct ord_check_result){
        .name = ord_arena_strdup(arena, name),
        .model = model == NULL ? NULL : ord_arena_strdup(arena, model),
        .expected = expected,
        .verdict = *verdict,
    };
    is_whole = out->name != NULL && (model == NULL || out->model != NULL) &&
               ord_value_copy(arena, &verdict->key, &out->verdict.key);
    for (uint32_t i = 0; is_whole && i < verdict->finding_count; i++) {
        const char *why = ord_arena_strdup(arena, verdict->findings[i].why);

        out->verdict.findings[i].why = why;
        is_whole = why != NULL;
    }
    for (uint32_t i = 0; is_whole && i < verdict->stat_count; i++) {
        const char *stat = ord_arena_strdup(arena, verdict->stats[i].name);

        out->verdict.stats[i].name = stat;
        is_whole = stat != NULL;
    }
    if (!is_whole)
        return ord_fail(err, ORD_ENOMEM, "no memory for the verdict of %s",
                        name);
    return ORD_OK;
}

bool ord_check_result_is_expected(const struct ord_check_result *check)
{
    switch (check->expected) {
    case ORD_EXPECT_PASS:
        return check->verdict.outcome == ORD_VALID;
    case ORD_EXPECT_VIOLATION:
        return check->verdict.outcome == ORD_INVALID;
    case ORD_EXPECT_UNKNOWN:
        return check->verdict.outcome == ORD_UNKNOWN;
    case ORD_EXPECT_ANY:
        return true;
    }
    return false;
}

struct ord_op_counts ord_op_counts_of(const struct ord_history *history)
{
    struct ord_op_counts counts = {0};

    ORD_OPS (history, op) {
        if (op->process == ORD_PROCESS_NEMESIS)
            continue;
        counts.invoked += op->type == ORD_OP_INVOKE;
        counts.ok += op->type == ORD_OP_OK;
        counts.fail += op->type == ORD_OP_FAIL;
        counts.info += op->type == ORD_OP_INFO;
        /* Never answered: nobody knows, though no event says so. */
        counts.info += op->type == ORD_OP_INVOKE && op->pair == ORD_NO_PAIR;
    }
    return counts;
}

uint32_t ord_faults_held(const struct ord_cell_result *cell)
{
    uint32_t held = 0;

    for (uint32_t i = 0; i < cell->fault_count; i++)
        held += cell->faults[i].held;
    return held;
}

uint32_t ord_faults_not_begun(const struct ord_cell_result *cell)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < cell->fault_count; i++)
        count += cell->faults[i].not_begun != NULL;
    return count;
}

uint32_t ord_met_percent(uint64_t ops, uint64_t ops_main)
{
    double percent = ops_main == 0 ? 0 : 100.0 * (double)ops / (double)ops_main;

    if (ops == 0 || ops_main == 0)
        return 0;
    if (ops >= ops_main)
        return 100;
    return percent < 1 ? 1 : percent > 99 ? 99 : (uint32_t)(percent + 0.5);
}

/* ---- judging ------------------------------------------------------------ */

/* Says one deviation after another; one level of badness per round. */
struct judge {
    struct ord_cell_result *cell;
    struct ord_buf text;
    enum ord_cell_verdict level; /* only deviations of this one are written */
    uint32_t count;
    uint32_t unsaid;
};

/* Room that is kept for "; and 123 more". */
enum { REASON_TAIL_SIZE = 64, DEVIATION_SIZE = ORD_WHY_SIZE + 128 };

__attribute__((format(printf, 3, 4))) static void
deviation(struct judge *judge, enum ord_cell_verdict level, const char *format,
          ...)
{
    char text[DEVIATION_SIZE];
    va_list args;

    if (level != judge->level)
        return;
    judge->count++;
    judge->cell->verdict = ord_cell_verdict_worse(judge->cell->verdict, level);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (judge->text.size + strlen(text) + REASON_TAIL_SIZE >= ORD_REASON_SIZE) {
        judge->unsaid++;
        return;
    }
    if (judge->text.size > 0)
        ord_buf_text(&judge->text, "; ");
    ord_buf_text(&judge->text, text);
}

static uint32_t count_problems(const struct ord_cell_result *cell,
                               enum ord_problem_kind kind)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < cell->problem_count; i++)
        count += cell->problems[i].kind == kind;
    return count;
}

bool ord_is_stuck_as_expected(const struct ord_cell_result *cell)
{
    return cell->liveness != ORD_EXPECT_PASS &&
           count_problems(cell, ORD_PROBLEM_LIVENESS) > 0;
}

/* It never came to the first operation, and why is said: that nothing could be
 * judged then is no news. */
static bool is_stillborn(const struct ord_cell_result *cell)
{
    return cell->ops.invoked == 0 &&
           (count_problems(cell, ORD_PROBLEM_INFRASTRUCTURE) > 0 ||
            (count_problems(cell, ORD_PROBLEM_LIVENESS) > 0 &&
             cell->liveness == ORD_EXPECT_PASS));
}

static void judge_check(struct judge *judge,
                        const struct ord_check_result *check)
{
    const char *why = check->verdict.why;

    if (ord_check_result_is_expected(check))
        return;
    /* Who does not answer leaves checkers without an answer. */
    if (check->verdict.outcome == ORD_UNKNOWN &&
        check->expected == ORD_EXPECT_PASS &&
        ord_is_stuck_as_expected(judge->cell))
        return;
    switch (check->verdict.outcome) {
    case ORD_INVALID:
        deviation(judge, ORD_CELL_VIOLATION, "%s: %s", check->name, why);
        break;
    case ORD_UNKNOWN:
        if (is_stillborn(judge->cell))
            return;
        deviation(judge, ORD_CELL_UNKNOWN, "%s could not decide: %s",
                  check->name, why);
        break;
    case ORD_VALID:
        deviation(judge, ORD_CELL_UNEXPECTED_PASS,
                  "%s passed, though '%s' was expected", check->name,
                  ord_expected_name(check->expected));
        break;
    }
}

/* "; pause n1: none of its nodes was running": of the first that tells. */
static const char *why_not(const struct ord_cell_result *cell, char *out,
                           size_t size)
{
    out[0] = '\0';
    for (uint32_t i = 0; i < cell->fault_count; i++) {
        const struct ord_fault_result *fault = &cell->faults[i];
        const char *why =
            fault->not_begun != NULL ? fault->not_begun : fault->evidence;

        if (why == NULL)
            continue;
        snprintf(out, size, "; %s %s%s: %s", fault->fault, fault->what,
                 fault->not_begun != NULL ? ", not begun" : "", why);
        break;
    }
    if (out[0] == '\0' && cell->fault_count < cell->faults_planned)
        snprintf(out, size, "; what they wait for never came");
    return out;
}

static void judge_emptiness(struct judge *judge)
{
    const struct ord_cell_result *cell = judge->cell;
    char text[ORD_WHY_SIZE];

    if (cell->check_count == 0)
        deviation(judge, ORD_CELL_VACUOUS, "no checker looked at it");
    if (is_stillborn(cell))
        return;
    if (cell->ops.ok == 0)
        deviation(judge, ORD_CELL_VACUOUS,
                  "not one of %llu operations succeeded",
                  (unsigned long long)cell->ops.invoked);
    if (cell->faults_planned > 0 && ord_faults_held(cell) == 0)
        deviation(judge, ORD_CELL_VACUOUS, "no fault took hold (%u planned%s)",
                  cell->faults_planned, why_not(cell, text, sizeof text));
    else if (cell->faults_planned > 0 && cell->ops_main > 0 &&
             cell->ops_met == 0)
        deviation(judge, ORD_CELL_VACUOUS,
                  "none of %llu operations met a fault, though %u took hold",
                  (unsigned long long)cell->ops_main, ord_faults_held(cell));
}

static void judge_level(struct judge *judge, enum ord_cell_verdict level)
{
    const struct ord_cell_result *cell = judge->cell;

    judge->level = level;
    for (uint32_t i = 0; i < cell->problem_count; i++) {
        const struct ord_problem *problem = &cell->problems[i];

        if (problem->kind == ORD_PROBLEM_LIVENESS &&
            cell->liveness == ORD_EXPECT_PASS)
            deviation(judge, ORD_CELL_LIVENESS, "%s", problem->what);
        if (problem->kind == ORD_PROBLEM_INFRASTRUCTURE)
            deviation(judge, ORD_CELL_INFRASTRUCTURE, "%s", problem->what);
    }
    if (cell->liveness == ORD_EXPECT_VIOLATION &&
        count_problems(cell, ORD_PROBLEM_LIVENESS) == 0)
        deviation(judge, ORD_CELL_UNEXPECTED_PASS,
                  "it went on and recovered, though liveness was not expected");
    for (uint32_t i = 0; i < cell->check_count; i++)
        judge_check(judge, &cell->checks[i]);
    judge_emptiness(judge);
}

/* ", 12 of 14 faults took hold (1 not begun) and 43% of operations met them;
 * clock never did": who never did is said, for it tested nothing. */
static void say_faults(struct ord_buf *text, const struct ord_cell_result *cell)
{
    const char *gap = "; ";
    uint32_t none = 0;

    ord_buf_printf(text, ", %u of %u faults took hold", ord_faults_held(cell),
                   cell->faults_planned);
    if (ord_faults_not_begun(cell) > 0)
        ord_buf_printf(text, " (%u not begun)", ord_faults_not_begun(cell));
    if (cell->ops_main > 0)
        ord_buf_printf(text, " and %u%% of operations met them",
                       ord_met_percent(cell->ops_met, cell->ops_main));
    for (uint32_t i = 0; i < cell->kind_count; i++) {
        if (cell->kinds[i].held > 0)
            continue;
        ord_buf_printf(text, "%s%s", gap, cell->kinds[i].fault);
        gap = ", ";
        none++;
    }
    if (none > 0)
        ord_buf_text(text, " never did");
}

/* What a pass rests on: "as expected, lost: ...; 5 checks passed; ...". */
static void say_pass(struct ord_buf *text, const struct ord_cell_result *cell)
{
    uint32_t passed = 0;

    for (uint32_t i = 0; i < cell->problem_count; i++) {
        if (cell->problems[i].kind == ORD_PROBLEM_LIVENESS &&
            text->size + DEVIATION_SIZE < ORD_REASON_SIZE)
            ord_buf_printf(text, "as expected, liveness: %s; ",
                           cell->problems[i].what);
    }
    for (uint32_t i = 0; i < cell->check_count; i++) {
        const struct ord_check_result *check = &cell->checks[i];

        passed += check->verdict.outcome == ORD_VALID;
        if (check->verdict.outcome != ORD_INVALID ||
            check->expected != ORD_EXPECT_VIOLATION)
            continue;
        if (text->size + DEVIATION_SIZE < ORD_REASON_SIZE)
            ord_buf_printf(text, "as expected, %s: %s; ", check->name,
                           check->verdict.why);
    }
    ord_buf_printf(text, "%u of %u checks passed, %llu of %llu operations ok",
                   passed, cell->check_count, (unsigned long long)cell->ops.ok,
                   (unsigned long long)cell->ops.invoked);
    if (cell->faults_planned > 0)
        say_faults(text, cell);
}

static void reason_set(struct ord_cell_result *cell, struct ord_buf *text)
{
    snprintf(cell->reason, sizeof cell->reason, "%s", ord_buf_str(text));
}

void ord_cell_judge(struct ord_cell_result *cell)
{
    struct judge judge = {.cell = cell};

    /* A pass with nothing against it; rank 0 would let `skipped` in. */
    cell->verdict = ORD_CELL_PASS;
    if (cell->skipped != NULL) {
        cell->verdict = ORD_CELL_SKIPPED;
        snprintf(cell->reason, sizeof cell->reason, "%s", cell->skipped);
        return;
    }
    ord_buf_init(&judge.text, ORD_REASON_SIZE - 1);
    for (int i = VERDICT_COUNT - 1; i >= 0; i--)
        judge_level(&judge, verdicts[i].verdict);
    if (judge.count == 0)
        say_pass(&judge.text, cell);
    if (judge.unsaid > 0)
        ord_buf_printf(&judge.text, "; and %u more", judge.unsaid);
    reason_set(cell, &judge.text);
    ord_buf_fini(&judge.text);
    ORD_ASSERT((judge.count > 0) == (cell->verdict != ORD_CELL_PASS));
}

void ord_campaign_judge(struct ord_campaign_result *campaign)
{
    enum ord_cell_verdict worst = ORD_CELL_SKIPPED;

    for (uint32_t i = 0; i < campaign->cell_count; i++)
        worst = ord_cell_verdict_worse(worst, campaign->cells[i]->verdict);
    campaign->verdict = campaign->cell_count == 0 ? ORD_CELL_VACUOUS : worst;
}

enum ord_cell_verdict ord_checks_worst(const struct ord_check_result *checks,
                                       uint32_t count)
{
    enum ord_outcome worst = ORD_VALID;

    for (uint32_t i = 0; i < count; i++)
        if (checks[i].verdict.outcome > worst)
            worst = checks[i].verdict.outcome;
    if (count == 0)
        return ORD_CELL_VACUOUS;
    return worst == ORD_INVALID   ? ORD_CELL_VIOLATION
           : worst == ORD_UNKNOWN ? ORD_CELL_UNKNOWN
                                  : ORD_CELL_PASS;
}
