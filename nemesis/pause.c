/* pause.c -- freeze every process of a node, then let them run.
 *
 * Inject: SIGSTOP to the whole node; returns when every thread has stopped.
 * Heal: SIGCONT where no other fault keeps it frozen.  Took hold: all threads
 * were stopped still, just before healing, as the kernel tells.  A node that
 * another fault kills is frozen no longer; with the last one the pause is over.
 * Models: a GC pause, VM migration; sockets stay open, peers hear nothing.
 */
#include "nemesis/env.h"
#include "nemesis/registry.h"
#include "nemesis/who.h"

struct paused {
    uint64_t ran;
    bool was_stopped; /* right after inject */
};

static int pause_inject(struct ord_nemesis_env *env,
                        struct ord_fault_state *state, struct ord_err *err)
{
    struct paused *paused = ord_arena_zalloc(state->arena, 1, sizeof *paused);

    ORD_ASSERT(state->fault->nodes != 0);
    if (paused == NULL)
        return ord_fail(err, ORD_ENOMEM, "pause: no memory");
    state->before = paused;
    if (ord_env_claim(env, state->fault->id, false, state->fault->nodes,
                      &paused->ran, err) != ORD_OK)
        return ord_wrap(err, "pause");
    paused->was_stopped =
        paused->ran != 0 && ord_env_actions(env)->all_stopped(env, paused->ran);
    return ORD_OK;
}

static int pause_heal(struct ord_nemesis_env *env,
                      struct ord_fault_state *state, struct ord_err *err)
{
    if (ord_env_release(env, state->fault->id, false, state->fault->nodes,
                        err) != ORD_OK)
        return ord_wrap(err, "resume");
    return ORD_OK;
}

static int pause_took_hold(struct ord_nemesis_env *env,
                           struct ord_fault_state *state, bool *held,
                           struct ord_buf *evidence, struct ord_err *err)
{
    const struct paused *paused = state->before;
    uint64_t left; /* without those that another fault thawed and killed */

    (void)err;
    if (paused == NULL || paused->ran == 0) {
        *held = false;
        ord_buf_text(evidence, "none of its nodes was running");
        return ORD_OK;
    }
    left = paused->ran & ord_env_claimed_by(env, state->fault->id);
    *held = paused->was_stopped &&
            (left == 0 || ord_env_actions(env)->all_stopped(env, left));
    if (left != 0 || !*held) {
        ord_print_nodes(left != 0 ? left : paused->ran, evidence);
        ord_buf_text(evidence, *held
                                   ? ": every thread stopped from begin to end"
                                   : ": some thread was not stopped");
    }
    if (*held && left != paused->ran) {
        ord_buf_text(evidence, left != 0 ? "; " : "");
        ord_print_nodes(paused->ran & ~left, evidence);
        ord_buf_text(evidence, ": every thread stopped until another fault "
                               "killed it");
    }
    return ORD_OK;
}

static bool pause_is_over(const struct ord_nemesis_env *env,
                          const struct ord_fault_state *state)
{
    const struct paused *paused = state->before;

    return paused != NULL && paused->ran != 0 &&
           (paused->ran & ord_env_claimed_by(env, state->fault->id)) == 0;
}

static enum ord_grip pause_grip(const struct ord_fault *fault)
{
    (void)fault;
    return ORD_GRIP_FROZEN;
}

static const struct ord_fault_spec pause_params[] = {
    ORD_WHO_PARAM,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_pause = {
    .name = "pause",
    .about = "SIGSTOP to every process of a node: a long GC, a VM that moves",
    .params = pause_params,
    .check = ord_who_check,
    .plan = ord_who_plan,
    .needs_primary = ord_who_needs_primary,
    .resolve = ord_who_resolve,
    .inject = pause_inject,
    .heal = pause_heal,
    .took_hold = pause_took_hold,
    .is_over = pause_is_over,
    .grip = pause_grip,
    .wants_running = true,
};
