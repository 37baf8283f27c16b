/* process.c -- what else can happen to the processes of a node: they are asked
 * to end, restarted in a storm, run slowly, or run out of something.
 *
 * Each kind is in a file of its own: process_stop.c, process_storm.c,
 * process_burden.c.  All reach every process of a node, daemons too, and are
 * carried out by the node's init, so nothing of them outlives the node.
 * Models: a deployment, a crash loop under a supervisor, a noisy neighbour, a
 * machine that swaps, leaked descriptors, a quota, a memory leak.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/process_kinds.h"
#include "nemesis/registry.h"
#include "nemesis/who.h"

static const char *const kinds[] = {"stop", "storm", "throttle", "limit", NULL};
_Static_assert(sizeof kinds / sizeof *kinds == ORD_PROCESS_KINDS + 1,
               "every kind has its name");

static const int64_t minute_ns = 60 * ORD_S;
static const uint64_t descriptors_max = 1 << 20;

static const struct ord_process_way *way_of(const struct ord_process *process)
{
    static const struct ord_process_way *const ways[] = {
        [ORD_PROCESS_STOP] = &ord_process_stop,
        [ORD_PROCESS_STORM] = &ord_process_storm,
        [ORD_PROCESS_THROTTLE] = &ord_process_throttle,
        [ORD_PROCESS_LIMIT] = &ord_process_limit,
    };

    return ways[process->kind];
}

/* ---- parameters -----------------------------------------------------------
 */

struct given { /* an entry's parameters, or a fault's */
    const struct ord_nemesis_ops *ops;
    const struct ord_fault_param *params;
    uint32_t count;
};

static const char *text_of(const struct given *given, const char *name)
{
    return ord_fault_param(given->ops, given->params, given->count, name);
}

/* A parameter of another kind would do nothing: that is a mistake. */
static int check_kind(const struct given *given, uint32_t kind,
                      struct ord_err *err)
{
    static const struct {
        const char *name;
        enum ord_process_kind kind;
    } rows[] = {
        {"within", ORD_PROCESS_STOP},     {"times", ORD_PROCESS_STORM},
        {"interval", ORD_PROCESS_STORM},  {"share", ORD_PROCESS_THROTTLE},
        {"period", ORD_PROCESS_THROTTLE}, {"descriptors", ORD_PROCESS_LIMIT},
        {"file_size", ORD_PROCESS_LIMIT}, {"memory", ORD_PROCESS_LIMIT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].kind != kind &&
            ord_fault_has(given->params, given->count, rows[i].name))
            return ord_fail(err, ORD_EUSAGE, "%s: expected only with kind: %s",
                            rows[i].name, kinds[rows[i].kind]);
    }
    return ORD_OK;
}

/* A duration from 1 ms up, or the word that stands for 0. */
static int read_time(const struct given *given, const char *name,
                     const char *word, int64_t high_ns, int64_t *out,
                     struct ord_err *err)
{
    const char *text = text_of(given, name);

    if (word != NULL && strcmp(text, word) == 0) {
        *out = 0;
        return ORD_OK;
    }
    if (ord_duration_parse(ord_bytes_of(text), out, err) != ORD_OK)
        return ord_wrap(err, "%s", name);
    if (*out < ORD_MS || *out > high_ns)
        return ord_fail(err, ORD_EUSAGE, "%s: %s: expected 1ms to %" PRId64 "s",
                        name, text, high_ns / ORD_S);
    return ORD_OK;
}

static int read_count(const struct given *given, const char *name, uint64_t low,
                      uint64_t high, uint64_t *out, struct ord_err *err)
{
    const char *text = text_of(given, name);
    char *end;

    *out = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || *out < low ||
        *out > high)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: %s: expected %" PRIu64 " to %" PRIu64, name, text,
                        low, high);
    return ORD_OK;
}

static int read_storm(const struct given *given, struct ord_process *out,
                      struct ord_err *err)
{
    uint64_t times;

    if (read_count(given, "times", 1, ORD_STORM_TIMES_MAX, &times, err) !=
        ORD_OK)
        return err->rc;
    out->times = (uint32_t)times;
    return read_time(given, "interval", "even", minute_ns, &out->interval_ns,
                     err);
}

static int read_throttle(const struct given *given, struct ord_process *out,
                         struct ord_err *err)
{
    if (ord_parse_ppm("share", text_of(given, "share"), &out->share_ppm, err) !=
        ORD_OK)
        return err->rc;
    if (out->share_ppm < ORD_SHARE_ALL / 100 ||
        out->share_ppm > ORD_SHARE_ALL / 100 * 99)
        return ord_fail(err, ORD_EUSAGE, "share: %s: expected 1%% to 99%%",
                        text_of(given, "share"));
    return read_time(given, "period", NULL, 10 * ORD_S, &out->period_ns, err);
}

static int read_limits(const struct given *given, struct ord_process *out,
                       struct ord_err *err)
{
    static const char *const names[ORD_LIMITS] = {
        [ORD_LIMIT_DESCRIPTORS] = "descriptors",
        [ORD_LIMIT_FILE_SIZE] = "file_size",
        [ORD_LIMIT_MEMORY] = "memory",
    };
    bool is_any = false;

    for (uint32_t i = 0; i < ORD_LIMITS; i++) {
        const char *text = text_of(given, names[i]);
        int rc;

        out->soft[i] = ORD_NO_LIMIT;
        if (strcmp(text, "own") == 0)
            continue;
        is_any = true;
        rc = i == ORD_LIMIT_DESCRIPTORS
                 ? read_count(given, names[i], 0, descriptors_max,
                              &out->soft[i], err)
                 : ord_parse_size(names[i], text, &out->soft[i], err);
        if (rc != ORD_OK)
            return rc;
    }
    if (!is_any)
        return ord_fail(err, ORD_EUSAGE,
                        "kind: limit: expected one of descriptors, file_size, "
                        "memory");
    return ORD_OK;
}

static int read_all(const struct given *given, struct ord_process *out,
                    struct ord_err *err)
{
    int rc = ord_parse_choice("kind", text_of(given, "kind"), kinds, &out->kind,
                              err);

    if (rc == ORD_OK)
        rc = check_kind(given, out->kind, err);
    if (rc != ORD_OK)
        return rc;
    switch ((enum ord_process_kind)out->kind) {
    case ORD_PROCESS_STOP:
        return read_time(given, "within", "target", minute_ns, &out->within_ns,
                         err);
    case ORD_PROCESS_STORM:
        return read_storm(given, out, err);
    case ORD_PROCESS_THROTTLE:
        return read_throttle(given, out, err);
    case ORD_PROCESS_LIMIT:
    case ORD_PROCESS_KINDS:
        break;
    }
    return read_limits(given, out, err);
}

static int process_of(const struct ord_fault *fault, struct ord_process *out,
                      struct ord_err *err)
{
    const struct given given = {fault->ops, fault->params, fault->param_count};

    *out = (struct ord_process){0};
    return read_all(&given, out, err);
}

static int process_check(const struct ord_nemesis_entry *entry,
                         uint32_t node_count, struct ord_err *err)
{
    const struct given given = {ord_nemesis_find(entry->fault), entry->params,
                                entry->param_count};
    struct ord_process process = {0};
    bool is_rolling;

    if (read_all(&given, &process, err) != ORD_OK)
        return err->rc;
    is_rolling = strcmp(text_of(&given, "who"), "rolling") == 0;
    if (process.kind == ORD_PROCESS_STORM && process.interval_ns == 0 &&
        entry->for_low_ns == 0)
        return ord_fail(
            err, ORD_EUSAGE,
            "interval: even: expected a time, as there is no `for`");
    if (process.kind == ORD_PROCESS_STORM && entry->for_low_ns > 0 &&
        process.interval_ns * (process.times - 1) >
            (is_rolling ? entry->for_low_ns / node_count / 2
                        : entry->for_low_ns))
        return ord_fail(err, ORD_EUSAGE,
                        "times, interval: %u starts do not fit into `for`",
                        process.times);
    return ord_who_check(entry, node_count, err);
}

void ord_process_print_limits(const uint64_t soft[ORD_LIMITS],
                              struct ord_buf *out)
{
    static const char *const names[ORD_LIMITS] = {
        [ORD_LIMIT_DESCRIPTORS] = "descriptors",
        [ORD_LIMIT_FILE_SIZE] = "bytes a file",
        [ORD_LIMIT_MEMORY] = "bytes of memory",
    };
    const char *comma = "";

    for (uint32_t i = 0; i < ORD_LIMITS; i++) {
        if (soft[i] == ORD_NO_LIMIT)
            continue;
        ord_buf_printf(out, "%s%" PRIu64 " %s", comma, soft[i], names[i]);
        comma = ", ";
    }
}

static int process_resolve(struct ord_fault *fault, uint32_t node_count,
                           uint32_t primary, struct ord_err *err)
{
    struct ord_process process;
    struct ord_buf text;

    if (process_of(fault, &process, err) != ORD_OK ||
        ord_who_resolve(fault, node_count, primary, err) != ORD_OK)
        return err->rc;
    ord_buf_init(&text, 1024);
    switch ((enum ord_process_kind)process.kind) {
    case ORD_PROCESS_STOP:
        ord_buf_text(&text, "stop ");
        break;
    case ORD_PROCESS_STORM:
        ord_buf_printf(&text, "%u restarts of ", process.times);
        break;
    case ORD_PROCESS_THROTTLE:
        ord_buf_printf(&text, "%.4g%% of the time for ",
                       process.share_ppm / 1e4);
        break;
    case ORD_PROCESS_LIMIT:
    case ORD_PROCESS_KINDS:
        ord_process_print_limits(process.soft, &text);
        ord_buf_text(&text, " for ");
        break;
    }
    ord_fault_say(fault, ord_buf_str(&text), fault->nodes, "");
    ord_buf_fini(&text);
    return ORD_OK;
}

/* ---- in force -------------------------------------------------------------
 */

static int process_inject(struct ord_nemesis_env *env,
                          struct ord_fault_state *state, struct ord_err *err)
{
    struct ord_process process;

    ORD_ASSERT(state->fault->nodes != 0);
    if (process_of(state->fault, &process, err) != ORD_OK)
        return err->rc;
    return way_of(&process)->inject(env, state, &process, err);
}

static int process_step(struct ord_nemesis_env *env,
                        struct ord_fault_state *state, int64_t now_ns,
                        struct ord_err *err)
{
    struct ord_process process;

    if (process_of(state->fault, &process, err) != ORD_OK)
        return err->rc;
    ORD_ASSERT(way_of(&process)->step != NULL);
    return way_of(&process)->step(env, state, now_ns, err);
}

static int process_heal(struct ord_nemesis_env *env,
                        struct ord_fault_state *state, struct ord_err *err)
{
    struct ord_process process;

    if (process_of(state->fault, &process, err) != ORD_OK)
        return err->rc;
    return way_of(&process)->heal(env, state, err);
}

static int process_took_hold(struct ord_nemesis_env *env,
                             struct ord_fault_state *state, bool *held,
                             struct ord_buf *evidence, struct ord_err *err)
{
    struct ord_process process;

    *held = false;
    if (process_of(state->fault, &process, err) != ORD_OK)
        return err->rc;
    if (state->before == NULL) {
        ord_buf_text(evidence, "it never began");
        return ORD_OK;
    }
    return way_of(&process)->took_hold(env, state, &process, held, evidence,
                                       err);
}

static enum ord_grip process_grip(const struct ord_fault *fault)
{
    struct ord_process process;
    struct ord_err ignored;

    if (process_of(fault, &process, &ignored) != ORD_OK)
        return ORD_GRIP_RUNS;
    return process.kind == ORD_PROCESS_STOP || process.kind == ORD_PROCESS_STORM
               ? ORD_GRIP_DOWN
               : ORD_GRIP_RUNS;
}

/* Who runs out of something may well end. */
static bool process_may_crash(const struct ord_fault *fault)
{
    struct ord_process process;
    struct ord_err ignored;

    return process_of(fault, &process, &ignored) == ORD_OK &&
           process.kind == ORD_PROCESS_LIMIT;
}

static const struct ord_fault_spec process_params[] = {
    {"kind", "stop",
     "stop (asked to end, as target.yaml says) | storm (killed and started, "
     "several times) | throttle (stopped for a part of the time) | limit (runs "
     "out of something)"},
    {"within", "target",
     "stop: SIGKILL to whoever is left then, 1ms to 60s; target: its `grace`"},
    {"times", "5", "storm: starts, 1 to 100"},
    {"interval", "even",
     "storm: from one start to the next, 1ms to 60s; even: `for` divided by "
     "times"},
    {"share", "10%", "throttle: part of the time in which it runs, 1% to 99%"},
    {"period", "100ms", "throttle: it runs, then stands, in each; 1ms to 10s"},
    {"descriptors", "own",
     "limit: open files of each process (RLIMIT_NOFILE), 0 to 1048576"},
    {"file_size", "own",
     "limit: size of each file it writes (RLIMIT_FSIZE), 0 to 1000GB"},
    {"memory", "own",
     "limit: address space of each process (RLIMIT_AS), 0 to 1000GB"},
    ORD_WHO_PARAM,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_process = {
    .name = "process",
    .about = "a node is asked to end, crashes again and again, is slow, or "
             "runs out of descriptors, file size or memory",
    .params = process_params,
    .check = process_check,
    .plan = ord_who_plan,
    .needs_primary = ord_who_needs_primary,
    .resolve = process_resolve,
    .inject = process_inject,
    .step = process_step,
    .heal = process_heal,
    .took_hold = process_took_hold,
    .grip = process_grip,
    .may_crash_of = process_may_crash,
};
