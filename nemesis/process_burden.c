/* process_burden.c -- nodes that are slow, and nodes that run out of something.
 *
 * Inject: the node's init stops all its processes for a part of each period, or
 * lowers their soft limits; those that are started later are under it, too.
 * Several at one node: the smaller share, the lower limit.
 * Heal: no share, the limits that each had; who ended for want of something is
 * started again.
 * Took hold: every thread was seen stopped, and how much processor time was
 * used, against before; limits read back from /proc, who ended, and what its
 * log says.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/cluster.h"
#include "nemesis/params.h"
#include "nemesis/process_kinds.h"

enum { LOG_PART_MAX = 1 << 20 };

struct burdened {
    uint64_t ran;
    off_t log_at[ORD_NODES_MAX + 1]; /* where each log ended before */
};

static off_t log_end(struct ord_nemesis_env *env, uint32_t node)
{
    int fd = open(ord_node_log(env->cluster, node), O_RDONLY | O_CLOEXEC);
    off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

    if (fd >= 0)
        (void)close(fd);
    return end;
}

static int inject(struct ord_nemesis_env *env, struct ord_fault_state *state,
                  const struct ord_burden *burden, struct ord_err *err)
{
    struct burdened *before = ord_arena_zalloc(state->arena, 1, sizeof *before);

    if (before == NULL)
        return ord_fail(err, ORD_ENOMEM, "process: no memory");
    if (env->cluster == NULL)
        return ord_fail(err, ORD_EUSAGE, "process: there is no cluster");
    before->ran = state->fault->nodes & (ord_env_actions(env)->running(env) |
                                         ord_env_actions(env)->paused(env));
    for (uint32_t node = 1; node <= env->node_count; node++)
        before->log_at[node] = log_end(env, node);
    state->before = before;
    return ord_env_burden(env, state->fault->id, state->fault->nodes, burden,
                          err);
}

static int heal(struct ord_nemesis_env *env, struct ord_fault_state *state,
                struct ord_err *err)
{
    return ord_env_unburden(env, state->fault->id, state->fault->nodes, err);
}

/* ---- slow -----------------------------------------------------------------
 */

static int throttle_inject(struct ord_nemesis_env *env,
                           struct ord_fault_state *state,
                           const struct ord_process *process,
                           struct ord_err *err)
{
    struct ord_burden burden = ord_burden_none();

    burden.share_ppm = process->share_ppm;
    burden.period_ns = process->period_ns;
    return inject(env, state, &burden, err);
}

static double percent(int64_t part, int64_t whole)
{
    return whole <= 0 ? 0 : 100 * (double)part / (double)whole;
}

/* Stopped at most looks; or at some, and a node that was busy (5 % of a
 * processor) used half as much at most: where processes come and go all the
 * time, some thread is held up inside the kernel (vfork) at many a look. */
static bool was_throttled(const struct ord_survey *survey)
{
    double before = percent(survey->before_cpu_ns, survey->before_ns);
    double during = percent(survey->throttled_cpu_ns, survey->throttled_ns);

    if (survey->stopped_ns == 0 || survey->looks_stopped == 0)
        return false;
    return survey->looks_stopped * 4 >= survey->looks * 3 ||
           (before >= 5 && during * 2 <= before);
}

static int throttle_took_hold(struct ord_nemesis_env *env,
                              struct ord_fault_state *state,
                              const struct ord_process *process, bool *held,
                              struct ord_buf *evidence, struct ord_err *err)
{
    const char *gap = "";

    (void)process;
    (void)err;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_survey survey;
        struct ord_err why;

        if (!ord_has_node(state->fault->nodes, node))
            continue;
        ord_buf_printf(evidence, "%sn%u: ", gap, node);
        gap = "; ";
        if (ord_node_survey(env->cluster, node, &survey, &why) != ORD_OK) {
            ord_buf_text(evidence, "does not run");
            continue;
        }
        *held = *held || was_throttled(&survey);
        ord_buf_printf(evidence,
                       "stopped for %.1f%% of %.2f s in %u periods, seen so in "
                       "%u of %u looks; used %.1f%% of a processor, %.1f%% "
                       "before",
                       percent(survey.stopped_ns, survey.throttled_ns),
                       (double)survey.throttled_ns / (double)ORD_S,
                       survey.stops, survey.looks_stopped, survey.looks,
                       percent(survey.throttled_cpu_ns, survey.throttled_ns),
                       percent(survey.before_cpu_ns, survey.before_ns));
    }
    return ORD_OK;
}

const struct ord_process_way ord_process_throttle = {
    .inject = throttle_inject,
    .heal = heal,
    .took_hold = throttle_took_hold,
};

/* ---- short of something ---------------------------------------------------
 */

static int limit_inject(struct ord_nemesis_env *env,
                        struct ord_fault_state *state,
                        const struct ord_process *process, struct ord_err *err)
{
    struct ord_burden burden = ord_burden_none();

    memcpy(burden.soft, process->soft, sizeof burden.soft);
    return inject(env, state, &burden, err);
}

static int limit_heal(struct ord_nemesis_env *env,
                      struct ord_fault_state *state, struct ord_err *err)
{
    struct ord_err one;
    int rc = heal(env, state, err);

    if (ord_env_start(env, state->fault->nodes, &one) != ORD_OK &&
        rc == ORD_OK) {
        *err = one;
        rc = ord_wrap(err, "start again");
    }
    return rc;
}

static uint32_t count_words(const char *text, const char *words)
{
    uint32_t count = 0;

    while ((text = strcasestr(text, words)) != NULL) {
        count++;
        text += strlen(words);
    }
    return count;
}

/* What the program itself said of it, since the fault began. */
static void tell_log(struct ord_nemesis_env *env, uint32_t node, off_t from,
                     struct ord_arena *arena, struct ord_buf *out)
{
    static const char *const words[] = {
        "too many open files", "file too large", "file size limit exceeded",
        "cannot allocate memory", "out of memory"};
    char *text = ord_arena_alloc(arena, LOG_PART_MAX + 1);
    int fd = open(ord_node_log(env->cluster, node), O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    if (fd >= 0 && text != NULL)
        got = pread(fd, text, LOG_PART_MAX, from);
    if (fd >= 0)
        (void)close(fd);
    if (got <= 0)
        return;
    text[got] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint32_t count = count_words(text, words[i]);

        if (count > 0)
            ord_buf_printf(out, ", its log says \"%s\" %u times", words[i],
                           count);
    }
}

/* Nobody can come so far: it changes nothing. */
static bool is_beyond_reach(uint32_t limit, uint64_t soft)
{
    struct rlimit own;

    if (limit == ORD_LIMIT_DESCRIPTORS)
        return getrlimit(RLIMIT_NOFILE, &own) == 0 && soft >= own.rlim_cur;
    return soft / (uint64_t)sysconf(_SC_PAGESIZE) >=
           (uint64_t)sysconf(_SC_PHYS_PAGES);
}

/* Sets whether the limits of this process's fault are on all of the node. */
static bool tell_limits(const struct ord_survey *survey,
                        const struct ord_process *process, struct ord_buf *out)
{
    static const char *const names[ORD_LIMITS] = {
        [ORD_LIMIT_DESCRIPTORS] = "open files",
        [ORD_LIMIT_FILE_SIZE] = "file size",
        [ORD_LIMIT_MEMORY] = "address space",
    };
    const char *comma = "";
    bool is_on = survey->process_count > 0;

    for (uint32_t i = 0; i < ORD_LIMITS; i++) {
        if (process->soft[i] == ORD_NO_LIMIT)
            continue;
        is_on =
            is_on && survey->limited[i] > 0 &&
            (survey->reached[i] > 0 || !is_beyond_reach(i, process->soft[i]));
        ord_buf_printf(out, "%s%s at most %" PRIu64 " in %u of %u processes",
                       comma, names[i], process->soft[i], survey->limited[i],
                       survey->process_count);
        if (survey->reached[i] > 0)
            ord_buf_printf(out, ", %u of which have reached it",
                           survey->reached[i]);
        comma = ", ";
    }
    if (survey->raised > 0)
        ord_buf_printf(out, ", raised by them and lowered again %u times",
                       survey->raised);
    if (survey->refused > 0)
        ord_buf_printf(out, ", refused by the kernel %u times",
                       survey->refused);
    return is_on;
}

static int limit_took_hold(struct ord_nemesis_env *env,
                           struct ord_fault_state *state,
                           const struct ord_process *process, bool *held,
                           struct ord_buf *evidence, struct ord_err *err)
{
    const struct burdened *before = state->before;
    const char *gap = "";

    (void)err;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_node_state now;
        struct ord_survey survey;
        struct ord_err why;

        if (!ord_has_node(state->fault->nodes, node))
            continue;
        ord_buf_printf(evidence, "%sn%u: ", gap, node);
        gap = "; ";
        now = ord_node_state(env->cluster, node);
        if (ord_node_survey(env->cluster, node, &survey, &why) == ORD_OK) {
            *held = tell_limits(&survey, process, evidence) || *held;
        } else if (now.phase == ORD_NODE_EXITED &&
                   ord_has_node(before->ran, node)) {
            *held = true;
            ord_buf_printf(evidence, "ended by %s %d",
                           now.exit.is_signal ? "signal" : "exiting with",
                           now.exit.code);
        } else {
            ord_buf_text(evidence, "does not run");
        }
        tell_log(env, node, before->log_at[node], state->arena, evidence);
    }
    return ORD_OK;
}

const struct ord_process_way ord_process_limit = {
    .inject = limit_inject,
    .heal = limit_heal,
    .took_hold = limit_took_hold,
};
