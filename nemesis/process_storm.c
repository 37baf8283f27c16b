/* process_storm.c -- a node is killed and started, again and again.
 *
 * Inject: SIGKILL to the whole node and a start, and so on at an interval; who
 * is kept down by another fault is not started.  Heal: a start, if need be.
 * Took hold: how many starts were seen, each with processes of its own.
 * Models: a crash loop under a supervisor that always starts it again.
 */
#include "harness/base/clock.h"
#include "nemesis/params.h"
#include "nemesis/process_kinds.h"

enum { PIDS_TOLD_MAX = 8 };

struct storm {
    uint64_t ran;
    int64_t begin_ns;
    int64_t interval_ns;
    uint32_t times;
    uint32_t done;
    uint32_t starts[ORD_NODES_MAX + 1]; /* seen, with another process each */
    pid_t pids[ORD_NODES_MAX + 1][PIDS_TOLD_MAX];
    pid_t last[ORD_NODES_MAX + 1];
};

/* Which process is the node's init?  0: it has none. */
static pid_t pid_of(struct ord_nemesis_env *env, uint32_t node)
{
    struct ord_survey survey;
    struct ord_err ignored;

    if (env->cluster == NULL ||
        ord_node_survey(env->cluster, node, &survey, &ignored) != ORD_OK)
        return 0;
    return survey.process_count > 0 ? survey.pid : 0;
}

static void see(struct ord_nemesis_env *env, struct storm *storm)
{
    for (uint32_t node = 1; node <= env->node_count; node++) {
        pid_t pid = ord_has_node(storm->ran, node) ? pid_of(env, node) : 0;

        if (pid == 0 || pid == storm->last[node])
            continue;
        storm->last[node] = pid;
        if (storm->starts[node] < PIDS_TOLD_MAX)
            storm->pids[node][storm->starts[node]] = pid;
        storm->starts[node]++;
    }
}

/* One kill and one start. */
static int turn(struct ord_nemesis_env *env, struct ord_fault_state *state,
                struct ord_err *err)
{
    struct storm *storm = state->before;
    uint64_t struck;
    struct ord_err one;
    int rc;

    storm->done++;
    if (storm->done < storm->times)
        state->step_ns = storm->begin_ns + storm->done * storm->interval_ns;
    rc = ord_env_claim(env, state->fault->id, true, storm->ran, &struck, err);
    /* Whatever happened: it does not stay down because of us. */
    if (ord_env_release(env, state->fault->id, true, storm->ran, &one) !=
            ORD_OK &&
        rc == ORD_OK) {
        *err = one;
        rc = ord_wrap(err, "start again");
    }
    see(env, storm);
    return rc;
}

static int storm_inject(struct ord_nemesis_env *env,
                        struct ord_fault_state *state,
                        const struct ord_process *process, struct ord_err *err)
{
    struct storm *storm = ord_arena_zalloc(state->arena, 1, sizeof *storm);

    if (storm == NULL)
        return ord_fail(err, ORD_ENOMEM, "storm: no memory");
    state->before = storm;
    storm->begin_ns = state->injected_ns;
    storm->times = process->times;
    storm->interval_ns = process->interval_ns > 0
                             ? process->interval_ns
                             : state->fault->duration_ns / process->times;
    storm->ran = state->fault->nodes & (ord_env_actions(env)->running(env) |
                                        ord_env_actions(env)->paused(env));
    for (uint32_t node = 1; node <= env->node_count; node++)
        storm->last[node] =
            ord_has_node(storm->ran, node) ? pid_of(env, node) : 0;
    return storm->ran == 0 ? ORD_OK : turn(env, state, err);
}

static int storm_step(struct ord_nemesis_env *env,
                      struct ord_fault_state *state, int64_t now_ns,
                      struct ord_err *err)
{
    (void)now_ns;
    return turn(env, state, err);
}

static int storm_heal(struct ord_nemesis_env *env,
                      struct ord_fault_state *state, struct ord_err *err)
{
    if (ord_env_release(env, state->fault->id, true, state->fault->nodes,
                        err) != ORD_OK)
        return ord_wrap(err, "start again");
    return ORD_OK;
}

static int storm_took_hold(struct ord_nemesis_env *env,
                           struct ord_fault_state *state,
                           const struct ord_process *process, bool *held,
                           struct ord_buf *evidence, struct ord_err *err)
{
    const struct storm *storm = state->before;
    const char *gap = "";

    (void)process;
    (void)err;
    if (storm->ran == 0)
        ord_buf_text(evidence, "none of its nodes was running");
    for (uint32_t node = 1; node <= env->node_count; node++) {
        uint32_t starts = storm->starts[node];

        if (!ord_has_node(storm->ran, node))
            continue;
        *held = *held || starts > 0;
        ord_buf_printf(evidence, "%sn%u: %u of %u restarts seen", gap, node,
                       starts, storm->times);
        for (uint32_t i = 0; i < starts && i < PIDS_TOLD_MAX; i++)
            ord_buf_printf(evidence, "%s%d", i == 0 ? ", as process " : " ",
                           storm->pids[node][i]);
        gap = "; ";
    }
    return ORD_OK;
}

const struct ord_process_way ord_process_storm = {
    .inject = storm_inject,
    .step = storm_step,
    .heal = storm_heal,
    .took_hold = storm_took_hold,
};
