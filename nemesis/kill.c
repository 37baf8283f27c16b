/* kill.c -- every process of a node dies at once; healing starts it again.
 *
 * Inject: SIGKILL to the whole node, daemons and grandchildren too, and it
 * returns when all are dead.  Heal: starts those that no other fault keeps
 * down.  Took hold: they ran before and nothing of them was left after.
 * Models: a crash, the OOM killer, a power cut that loses no disk writes.
 */
#include "nemesis/env.h"
#include "nemesis/registry.h"
#include "nemesis/who.h"

struct killed {
    uint64_t ran;
    uint64_t survived;
};

static uint64_t running(struct ord_nemesis_env *env)
{
    return ord_env_actions(env)->running(env);
}

static int kill_inject(struct ord_nemesis_env *env,
                       struct ord_fault_state *state, struct ord_err *err)
{
    struct killed *killed = ord_arena_zalloc(state->arena, 1, sizeof *killed);

    ORD_ASSERT(state->fault->nodes != 0);
    if (killed == NULL)
        return ord_fail(err, ORD_ENOMEM, "kill: no memory");
    state->before = killed;
    if (ord_env_claim(env, state->fault->id, true, state->fault->nodes,
                      &killed->ran, err) != ORD_OK)
        return ord_wrap(err, "kill");
    killed->survived = killed->ran & running(env);
    return ORD_OK;
}

static int kill_heal(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     struct ord_err *err)
{
    if (ord_env_release(env, state->fault->id, true, state->fault->nodes,
                        err) != ORD_OK)
        return ord_wrap(err, "start again");
    return ORD_OK;
}

static int kill_took_hold(struct ord_nemesis_env *env,
                          struct ord_fault_state *state, bool *held,
                          struct ord_buf *evidence, struct ord_err *err)
{
    const struct killed *killed = state->before;

    (void)env;
    (void)err;
    *held = killed != NULL && killed->ran != 0 && killed->survived == 0;
    if (killed == NULL || killed->ran == 0) {
        ord_buf_text(evidence, "none of its nodes was running");
        return ORD_OK;
    }
    ord_print_nodes(*held ? killed->ran : killed->survived, evidence);
    ord_buf_text(evidence, *held ? ": all processes were running, then gone"
                                 : " still ran after the kill");
    return ORD_OK;
}

static enum ord_grip kill_grip(const struct ord_fault *fault)
{
    (void)fault;
    return ORD_GRIP_DOWN;
}

static const struct ord_fault_spec kill_params[] = {
    ORD_WHO_PARAM,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_kill = {
    .name = "kill",
    .about = "SIGKILL to every process of a node; healing starts it again",
    .params = kill_params,
    .check = ord_who_check,
    .plan = ord_who_plan,
    .needs_primary = ord_who_needs_primary,
    .resolve = ord_who_resolve,
    .inject = kill_inject,
    .heal = kill_heal,
    .took_hold = kill_took_hold,
    .grip = kill_grip,
};
