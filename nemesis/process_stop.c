/* process_stop.c -- a node is asked to end, as by who runs it; healing starts
 * it again.
 *
 * Inject: the target's stop signal to its main program, or its stop command;
 * once that has ended, SIGTERM to whoever it left behind; after a bound SIGKILL
 * to whoever is left.  Nobody waits meanwhile: it goes on in steps.
 * Heal: SIGKILL to who is still at it, then a start.
 * Took hold: how it ended and how long that took, or that it had to be killed.
 * Models: a deployment, a reboot: what is a rolling restart with who: rolling.
 */
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/params.h"
#include "nemesis/process_kinds.h"

static const int64_t look_every_ns = 10 * ORD_MS;
static const int64_t within_preset_ns = 2 * ORD_S;

enum how {
    WAITING,
    ENDED,  /* all of it, by itself */
    FORCED, /* with SIGKILL, in the end */
    GONE,   /* another fault was faster */
};

struct stopping {
    uint64_t ran;
    int64_t within_ns;
    int64_t deadline_ns;
    enum how how[ORD_NODES_MAX + 1];
    struct ord_stop stop[ORD_NODES_MAX + 1];
};

static int stop_step(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     int64_t now_ns, struct ord_err *err)
{
    struct stopping *stopping = state->before;
    bool is_waiting = false;
    int rc = ORD_OK;

    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_stop *stop = &stopping->stop[node];
        struct ord_err one;

        if (!ord_has_node(stopping->ran, node) ||
            stopping->how[node] != WAITING)
            continue;
        if (ord_node_stop_look(env->cluster, node, stop, &one) != ORD_OK) {
            stopping->how[node] = GONE;
            continue;
        }
        if (stop->has_ended && stop->still_there == 0)
            stopping->how[node] = ENDED;
        else if (now_ns >= stopping->deadline_ns)
            stopping->how[node] = FORCED;
        else
            is_waiting = true;
        if (stopping->how[node] != WAITING &&
            ord_node_stop_end(env->cluster, node, &one) != ORD_OK) {
            rc = one.rc;
            *err = one;
        }
    }
    if (is_waiting)
        state->step_ns = now_ns + look_every_ns < stopping->deadline_ns
                             ? now_ns + look_every_ns
                             : stopping->deadline_ns;
    return rc;
}

static int stop_inject(struct ord_nemesis_env *env,
                       struct ord_fault_state *state,
                       const struct ord_process *process, struct ord_err *err)
{
    struct stopping *stopping =
        ord_arena_zalloc(state->arena, 1, sizeof *stopping);
    int64_t now_ns = ord_now_ns();

    if (stopping == NULL)
        return ord_fail(err, ORD_ENOMEM, "stop: no memory");
    if (env->cluster == NULL)
        return ord_fail(err, ORD_EUSAGE, "stop: there is no cluster");
    stopping->within_ns = process->within_ns;
    if (stopping->within_ns == 0)
        stopping->within_ns =
            env->stop_within_ns > 0 ? env->stop_within_ns : within_preset_ns;
    /* When the fault is over, so is the waiting. */
    if (state->fault->duration_ns > 0 &&
        state->fault->duration_ns < stopping->within_ns)
        stopping->within_ns = state->fault->duration_ns;
    stopping->deadline_ns = now_ns + stopping->within_ns;
    if (ord_env_hold(env, state->fault->id, state->fault->nodes, &stopping->ran,
                     err) != ORD_OK)
        return ord_wrap(err, "stop");
    state->before = stopping;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        enum ord_node_phase phase;

        if (!ord_has_node(stopping->ran, node) ||
            ord_node_is_stopping(env->cluster, node) ||
            ord_node_stop_begin(env->cluster, node, err) == ORD_OK)
            continue;
        phase = ord_node_state(env->cluster, node).phase;
        if (phase == ORD_NODE_RUNNING || phase == ORD_NODE_PAUSED)
            return err->rc;
        /* It ended by itself in this very moment. */
        stopping->ran &= ~ord_one_node(node);
    }
    state->step_ns = now_ns + look_every_ns;
    return ORD_OK;
}

static int stop_heal(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     struct ord_err *err)
{
    int first = ORD_OK;
    struct ord_err one;

    for (uint32_t node = 1; node <= env->node_count; node++) {
        if (env->cluster == NULL || !ord_has_node(state->fault->nodes, node) ||
            ord_node_stop_end(env->cluster, node, &one) == ORD_OK ||
            first != ORD_OK)
            continue;
        first = one.rc;
        *err = one;
    }
    if (ord_env_release(env, state->fault->id, true, state->fault->nodes,
                        &one) != ORD_OK &&
        first == ORD_OK) {
        *err = one;
        first = ord_wrap(err, "start again");
    }
    return first;
}

static void tell_one(const struct stopping *stopping, uint32_t node,
                     struct ord_buf *out)
{
    const struct ord_stop *stop = &stopping->stop[node];
    double took_s = (double)stop->took_ns / (double)ORD_S;

    if (stopping->how[node] == GONE) {
        ord_buf_printf(out, "n%u: was killed otherwise", node);
        return;
    }
    if (!stop->has_ended)
        ord_buf_printf(out, "n%u: had not ended after %.3f s", node, took_s);
    else if (stop->exit.is_signal)
        ord_buf_printf(out, "n%u: ended by signal %d after %.3f s", node,
                       stop->exit.code, took_s);
    else
        ord_buf_printf(out, "n%u: exited with status %d after %.3f s", node,
                       stop->exit.code, took_s);
    if (stopping->how[node] == WAITING)
        ord_buf_text(out, ", and is killed now");
    else if (stopping->how[node] == FORCED && stop->has_ended)
        ord_buf_printf(
            out, ", but %u it left behind had to be killed after %.3f s",
            stop->still_there, (double)stopping->within_ns / (double)ORD_S);
    else if (stopping->how[node] == FORCED)
        ord_buf_text(out, ", and was killed");
}

static int stop_took_hold(struct ord_nemesis_env *env,
                          struct ord_fault_state *state,
                          const struct ord_process *process, bool *held,
                          struct ord_buf *evidence, struct ord_err *err)
{
    const struct stopping *stopping = state->before;
    const char *gap = "";

    (void)process;
    (void)err;
    if (stopping->ran == 0)
        ord_buf_text(evidence, "none of its nodes was running");
    for (uint32_t node = 1; node <= env->node_count; node++) {
        if (!ord_has_node(stopping->ran, node))
            continue;
        ord_buf_text(evidence, gap);
        tell_one(stopping, node, evidence);
        gap = "; ";
        *held = *held || stopping->how[node] == ENDED ||
                stopping->how[node] == FORCED;
    }
    return ORD_OK;
}

const struct ord_process_way ord_process_stop = {
    .inject = stop_inject,
    .step = stop_step,
    .heal = stop_heal,
    .took_hold = stop_took_hold,
};
