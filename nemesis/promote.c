/* promote.c -- another node is told to be the primary, as a failover does.
 *
 * Inject: the target's `promote` command is run for one node after the other,
 * in an order drawn by the seed, until one agrees (exit 0); one that is not fit
 * says no.  Who was the primary is not asked, nor stopped: that is for faults
 * beside this one (kill, partition), or for nobody, and then there are two.
 * Heal: every node but the newest primary (highest epoch) is killed and
 * started, for its start command decides whom it follows.  Took hold: the
 * node that agreed has said since, to `primary`, that it is the primary.
 * Models: a failover by hand, or by a manager that fences nobody.
 */
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/env.h"
#include "nemesis/params.h"
#include "nemesis/registry.h"

static const int64_t ORDER_NS = 2 * ORD_S;     /* for the command */
static const int64_t ASK_NS = 300 * ORD_MS;    /* for `primary` */
static const int64_t AGAIN_NS = 100 * ORD_MS;  /* until asked again */
static const int64_t PATIENCE_NS = 10 * ORD_S; /* then asked no more */

enum { ROUNDS = 3 };

struct promoted {
    uint32_t node; /* who agreed; 0: nobody */
    bool is_primary;
    int64_t took_ns; /* from the order to its word */
};

static int promote_check(const struct ord_nemesis_entry *entry,
                         uint32_t node_count, struct ord_err *err)
{
    const char *text =
        ord_fault_param(ord_nemesis_find(entry->fault), entry->params,
                        entry->param_count, "who");
    struct ord_pick_nodes pick;

    if (node_count < 2)
        return ord_fail(err, ORD_EUSAGE, "expected 2 nodes or more");
    if (strcmp(text, "one") == 0)
        return ORD_OK;
    if (ord_parse_nodes("who", text, node_count, &pick, err) != ORD_OK ||
        pick.pick != ORD_PICK_NAMED)
        return ord_fail(err, ORD_EUSAGE,
                        "who: %s: expected one, or names out of n1 to n%u",
                        text, node_count);
    return ORD_OK;
}

static bool promote_needs_primary(const struct ord_fault *fault)
{
    return strcmp(ord_fault_param(fault->ops, fault->params, fault->param_count,
                                  "who"),
                  "one") == 0;
}

/* The candidates: everybody but the primary, if there is one. */
static int promote_resolve(struct ord_fault *fault, uint32_t node_count,
                           uint32_t primary, struct ord_err *err)
{
    struct ord_pick_nodes pick;

    if (!promote_needs_primary(fault)) {
        if (ord_parse_nodes("who",
                            ord_fault_param(fault->ops, fault->params,
                                            fault->param_count, "who"),
                            node_count, &pick, err) != ORD_OK)
            return err->rc;
        fault->nodes = pick.nodes;
        ord_fault_say(fault, "", fault->nodes, "");
        return ORD_OK;
    }
    if (primary == ORD_PRIMARY_LATER) {
        ord_fault_say(fault, "another than ", 0, "");
        return ORD_OK;
    }
    fault->nodes = ord_all_nodes(node_count);
    if (primary != 0)
        fault->nodes &= ~ord_one_node(primary);
    ord_fault_say(fault, "one of ", fault->nodes, "");
    return ORD_OK;
}

static int ask(struct ord_nemesis_env *env, const char *what, uint32_t node,
               int64_t timeout_ns, struct ord_node_answer *answer,
               struct ord_err *err)
{
    *answer = (struct ord_node_answer){0};
    if (env->ask_target == NULL)
        return ord_fail(err, ORD_EUSAGE, "nobody can ask the target");
    return env->ask_target(env->ctx, what, node, timeout_ns, answer, err);
}

static int promote_inject(struct ord_nemesis_env *env,
                          struct ord_fault_state *state, struct ord_err *err)
{
    struct promoted *promoted =
        ord_arena_zalloc(state->arena, 1, sizeof *promoted);
    uint64_t fit = state->fault->nodes & ord_env_actions(env)->running(env);
    struct ord_node_answer answer = {0};
    uint32_t order[ORD_NODES_MAX];

    if (promoted == NULL)
        return ord_fail(err, ORD_ENOMEM, "promote: no memory");
    state->before = promoted;
    ord_fault_order(state->fault, env->node_count, order);
    for (uint32_t i = 0; i < env->node_count && promoted->node == 0; i++) {
        if (!ord_has_node(fit, order[i]))
            continue;
        if (ask(env, "promote", order[i], ORDER_NS, &answer, err) != ORD_OK)
            return ord_wrap(err, "promote");
        if (answer.is_yes)
            promoted->node = order[i];
    }
    if (promoted->node == 0)
        return ord_fail(err, ORD_EIO, "promote: no node agreed%s%s",
                        answer.text[0] != '\0' ? "; the last said: " : "",
                        answer.text);
    state->step_ns = state->injected_ns + AGAIN_NS;
    return ORD_OK;
}

/* Asks until it says that it is the primary. */
static int promote_step(struct ord_nemesis_env *env,
                        struct ord_fault_state *state, int64_t now_ns,
                        struct ord_err *err)
{
    struct promoted *promoted = state->before;
    struct ord_node_answer answer;

    if (ask(env, "primary", promoted->node, ASK_NS, &answer, err) != ORD_OK)
        return ord_wrap(err, "promote");
    promoted->is_primary = answer.is_yes;
    promoted->took_ns = now_ns - state->injected_ns;
    if (!answer.is_yes && promoted->took_ns < PATIENCE_NS)
        state->step_ns = now_ns + AGAIN_NS;
    return ORD_OK;
}

static int promote_took_hold(struct ord_nemesis_env *env,
                             struct ord_fault_state *state, bool *held,
                             struct ord_buf *evidence, struct ord_err *err)
{
    const struct promoted *promoted = state->before;

    (void)env;
    (void)err;
    *held = promoted != NULL && promoted->is_primary;
    if (promoted == NULL || promoted->node == 0)
        ord_buf_text(evidence, "no node agreed");
    else if (*held)
        ord_buf_printf(evidence,
                       "n%u agreed, and said within %.1f s that it is the "
                       "primary",
                       promoted->node, (double)promoted->took_ns / 1e9);
    else
        ord_buf_printf(evidence,
                       "n%u agreed, and never said that it is the primary",
                       promoted->node);
    return ORD_OK;
}

/* Whom the others shall follow: 0 if nobody says that it is a primary.  Asked
 * several times: on a busy machine one may not answer in time. */
static int newest_primary(struct ord_nemesis_env *env, uint32_t *newest,
                          struct ord_err *err)
{
    uint64_t running = ord_env_actions(env)->running(env);
    int64_t epoch = 0;

    *newest = 0;
    for (uint32_t i = 0; i < ROUNDS * env->node_count; i++) {
        uint32_t node = i % env->node_count + 1;
        struct ord_node_answer answer;

        if (!ord_has_node(running, node))
            continue;
        if (ask(env, "primary", node, ASK_NS, &answer, err) != ORD_OK)
            return err->rc;
        if (!answer.is_yes || (*newest != 0 && answer.number <= epoch))
            continue;
        *newest = node;
        epoch = answer.number;
    }
    return ORD_OK;
}

static int promote_heal(struct ord_nemesis_env *env,
                        struct ord_fault_state *state, struct ord_err *err)
{
    uint64_t others, struck;
    uint32_t newest;

    if (newest_primary(env, &newest, err) != ORD_OK)
        return ord_wrap(err, "promote");
    if (newest == 0)
        return ORD_OK; /* nobody to follow: they stay what they are */
    others = ord_all_nodes(env->node_count) & ~ord_one_node(newest);
    if (ord_env_claim(env, state->fault->id, true, others, &struck, err) !=
            ORD_OK ||
        ord_env_release(env, state->fault->id, true, others, err) != ORD_OK)
        return ord_wrap(err, "promote: have the others follow n%u", newest);
    return ORD_OK;
}

static const struct ord_fault_spec promote_params[] = {
    {"who", "one",
     "one (that is not the primary) | names as n2,n3: candidates; the first "
     "one that agrees is it"},
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_promote = {
    .name = "promote",
    .about = "tells another node to be the primary; healing restarts all "
             "others, which follow it",
    .params = promote_params,
    .check = promote_check,
    .needs_primary = promote_needs_primary,
    .resolve = promote_resolve,
    .inject = promote_inject,
    .step = promote_step,
    .heal = promote_heal,
    .took_hold = promote_took_hold,
    .wants_running = true,
    .asks_target = "promote",
};
