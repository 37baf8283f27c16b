/* member.c -- a node stops being a member of the cluster, or becomes one.
 *
 * Inject: nothing waits.  In steps, with the target's own commands, asked at
 * whichever node answers: `leave`, then the node is killed and its data wiped;
 * `join`, then it is started as one that joins; before and after each the
 * cluster itself is asked who its members are.  replace: both, one after the
 * other.  remove and add: there and, in the last quarter of the time, back.
 * Heal: who was there at the beginning is a member again and runs, who was not
 * is none and does not; each step asks the cluster first, so it begins
 * wherever the fault, or an earlier heal, was interrupted.
 * Took hold: the cluster's list of members before and after.
 * Models: operators who scale a cluster, replace broken machines, and do so at
 * the worst of times.
 */
#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "harness/base/clock.h"
#include "nemesis/env.h"
#include "nemesis/registry.h"
#include "nemesis/who.h"

enum kind { REMOVE, REPLACE, ADD };

static const char *const kinds[] = {"remove", "replace", "add", NULL};

static const int64_t LOOK_NS = 3 * ORD_MS;   /* at a command that runs */
static const int64_t AGAIN_NS = 20 * ORD_MS; /* after one that failed */
static const int64_t HEAL_NS = 3 * ORD_S;
static const int64_t HEAL_AMID_NS = 300 * ORD_MS; /* others wait meanwhile */

struct change { /* of one node, until the cluster says that it is so */
    uint32_t node;
    bool is_in; /* what is wanted */
    bool is_done;
    bool is_tried; /* a command that changes something was given */
    uint32_t via;  /* who is asked */
    enum ord_member_verb verb;
    struct ord_member_job *job; /* NULL: none runs */
};

struct story { /* what took_hold tells */
    bool has_before, has_without, has_with;
    uint64_t before, without, with;
    int64_t without_ns, with_ns; /* after the injection */
};

struct membered {
    enum kind kind;
    struct change change;
    struct story story;
    int64_t back_ns; /* when to set about undoing it; ORD_NEVER: heal does */
    bool is_back;
};

/* ---- parameters ----------------------------------------------------------
 */

static int read_kind(const struct ord_nemesis_ops *ops,
                     const struct ord_fault_param *params, uint32_t count,
                     enum kind *kind, struct ord_err *err)
{
    uint32_t chosen = 0;
    int rc =
        ord_parse_choice("kind", ord_fault_param(ops, params, count, "kind"),
                         kinds, &chosen, err);

    *kind = (enum kind)chosen;
    return rc;
}

static uint32_t home_count(uint32_t given, uint32_t node_count)
{
    return given == 0 ? node_count : given;
}

/* Whom it may be about: the spare nodes, or those of the beginning. */
static uint64_t candidates(enum kind kind, uint32_t home, uint32_t node_count)
{
    uint64_t there = ord_all_nodes(home);

    return kind == ADD ? ord_all_nodes(node_count) & ~there : there;
}

static int read_who(const struct ord_nemesis_ops *ops,
                    const struct ord_fault_param *params, uint32_t count,
                    uint32_t node_count, struct ord_pick_nodes *pick,
                    struct ord_err *err)
{
    const char *text = ord_fault_param(ops, params, count, "who");

    *pick = (struct ord_pick_nodes){.pick = ORD_PICK_RANDOM};
    if (strcmp(text, "one") == 0)
        return ORD_OK;
    return ord_parse_nodes("who", text, node_count, pick, err);
}

static int member_check(const struct ord_nemesis_entry *entry,
                        uint32_t node_count, struct ord_err *err)
{
    const struct ord_nemesis_ops *ops = ord_nemesis_find(entry->fault);
    struct ord_pick_nodes pick;
    enum kind kind;
    int rc = read_kind(ops, entry->params, entry->param_count, &kind, err);

    if (rc == ORD_OK)
        rc = read_who(ops, entry->params, entry->param_count, node_count, &pick,
                      err);
    return rc;
}

static int member_plan(const struct ord_nemesis_entry *entry,
                       const struct ord_occasion *when,
                       const struct ord_plan_in *in, struct ord_fault_plan *out,
                       struct ord_err *err)
{
    const struct ord_nemesis_ops *ops = ord_nemesis_find(entry->fault);
    uint32_t home = home_count(in->home_count, in->node_count);
    struct ord_pick_nodes pick;
    uint64_t may;
    enum kind kind;

    if (read_kind(ops, entry->params, entry->param_count, &kind, err) !=
            ORD_OK ||
        read_who(ops, entry->params, entry->param_count, in->node_count, &pick,
                 err) != ORD_OK)
        return err->rc;
    may = candidates(kind, home, in->node_count);
    if (kind == ADD && may == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "kind: add: there is no spare node; expected "
                        "start-with below %u, the number of nodes",
                        in->node_count);
    if (kind != ADD && home < 2)
        return ord_fail(err, ORD_EUSAGE, "kind: %s: expected 2 members or more",
                        kinds[kind]);
    if (pick.pick == ORD_PICK_NAMED && (pick.nodes & ~may) != 0)
        return ord_fail(err, ORD_EUSAGE,
                        "who: expected nodes that are %s members at the "
                        "beginning, n1 to n%u are",
                        kind == ADD ? "no" : "", home);
    if (pick.pick == ORD_PICK_LEADER && kind == ADD)
        return ord_fail(err, ORD_EUSAGE,
                        "who: leader: expected only to be removed or replaced");
    return ord_plan_add(out, entry, when, in, err) == NULL ? err->rc : ORD_OK;
}

static bool member_needs_primary(const struct ord_fault *fault)
{
    return strcmp(ord_fault_param(fault->ops, fault->params, fault->param_count,
                                  "who"),
                  "leader") == 0;
}

static int member_resolve(struct ord_fault *fault, uint32_t node_count,
                          uint32_t primary, struct ord_err *err)
{
    uint32_t home = home_count(fault->home_count, node_count);
    uint32_t order[ORD_NODES_MAX];
    struct ord_pick_nodes pick;
    uint64_t may;
    enum kind kind;

    if (read_kind(fault->ops, fault->params, fault->param_count, &kind, err) !=
            ORD_OK ||
        read_who(fault->ops, fault->params, fault->param_count, node_count,
                 &pick, err) != ORD_OK)
        return err->rc;
    may = candidates(kind, home, node_count);
    fault->nodes = 0;
    if (pick.pick == ORD_PICK_NAMED)
        may &= pick.nodes;
    if (pick.pick == ORD_PICK_THAT && fault->that_node != 0)
        fault->nodes = ord_one_node(fault->that_node) & may;
    if (pick.pick == ORD_PICK_LEADER)
        fault->nodes = ord_pick_one(fault, &pick, node_count, primary);
    /* A spare that leads is not what this is about. */
    if ((fault->nodes & ~may) != 0)
        fault->nodes = 0;
    ord_fault_order(fault, node_count, order);
    for (uint32_t i = 0; i < node_count && fault->nodes == 0; i++) {
        bool is_later =
            pick.pick == ORD_PICK_LEADER && primary == ORD_PRIMARY_LATER;

        if (!is_later && pick.pick != ORD_PICK_THAT)
            fault->nodes = ord_one_node(order[i]) & may;
    }
    ord_fault_say(fault,
                  kind == REMOVE    ? "remove "
                  : kind == REPLACE ? "replace "
                                    : "add ",
                  fault->nodes, "");
    return ORD_OK;
}

/* ---- one change ----------------------------------------------------------
 */

/* The next one to ask: a node that runs and, if possible, stays. */
static uint32_t next_via(struct ord_nemesis_env *env, const struct change *c)
{
    uint64_t running = ord_env_actions(env)->running(env) & ~env->absent;

    for (uint32_t i = 1; i <= env->node_count; i++) {
        uint32_t node = (c->via + i - 1) % env->node_count + 1;

        if (ord_has_node(running, node))
            return node;
    }
    return 0;
}

static int ask(struct ord_nemesis_env *env, struct change *c,
               enum ord_member_verb verb, struct ord_err *err)
{
    c->verb = verb;
    c->is_tried = c->is_tried || verb != ORD_MEMBER_LIST;
    return env->members->begin(env->members_ctx, verb, c->via, c->node, &c->job,
                               err);
}

/* It is no member any more: nothing of it runs, nothing is left. */
static int bury(struct ord_nemesis_env *env, struct change *c,
                struct ord_err *err)
{
    uint64_t node = ord_one_node(c->node);
    const struct ord_node_actions *actions = ord_env_actions(env);

    env->absent |= node;
    if ((node & (actions->running(env) | actions->paused(env))) != 0 &&
        actions->kill(env, node, err) != ORD_OK)
        return err->rc;
    if (env->members->wipe(env->members_ctx, c->node, err) != ORD_OK)
        return err->rc;
    c->is_done = true;
    return ORD_OK;
}

/* The cluster has said who its members are: what is there to do? */
static int act(struct ord_nemesis_env *env, struct change *c,
               const struct ord_member_answer *said, struct ord_err *err)
{
    uint64_t node = ord_one_node(c->node);
    bool is_listed = ((said->members | said->joining) & node) != 0;

    if (!c->is_in && !is_listed)
        return bury(env, c, err);
    if (!c->is_in)
        return ask(env, c, ORD_MEMBER_LEAVE, err);
    if (!is_listed)
        return ask(env, c, ORD_MEMBER_JOIN, err);
    env->absent &= ~node;
    if (ord_env_start(env, node, err) != ORD_OK)
        return err->rc;
    c->is_done = (said->members & node) != 0;
    return ORD_OK;
}

static void tell(struct story *story, struct change *c,
                 const struct ord_member_answer *said, int64_t age_ns)
{
    uint64_t all = said->members | said->joining;
    bool is_listed = ord_has_node(all, c->node);

    if (!story->has_before && !c->is_tried) {
        story->has_before = true;
        story->before = said->members;
    }
    if (!is_listed && c->is_tried && !c->is_in && !story->has_without) {
        story->has_without = true;
        story->without = said->members;
        story->without_ns = age_ns;
    }
    if (ord_has_node(said->members, c->node) && c->is_tried &&
        !story->has_with && c->is_in) {
        story->has_with = true;
        story->with = said->members;
        story->with_ns = age_ns;
    }
}

/* One step.  *wait_ns: how long until the next is worth while.  Whatever goes
 * wrong with one node is tried at another. */
static int pursue(struct ord_nemesis_env *env, struct change *c,
                  struct story *story, int64_t age_ns, int64_t *wait_ns,
                  struct ord_err *err)
{
    struct ord_member_answer said = {0};

    *wait_ns = LOOK_NS;
    if (c->job == NULL) {
        if (c->via == 0 ||
            !ord_has_node(ord_env_actions(env)->running(env) & ~env->absent,
                          c->via))
            c->via = next_via(env, c);
        *wait_ns = c->via == 0 ? AGAIN_NS : LOOK_NS;
        return c->via == 0 ? ORD_OK : ask(env, c, ORD_MEMBER_LIST, err);
    }
    if (env->members->look(c->job, &said, err) != ORD_OK)
        return err->rc;
    if (!said.is_over)
        return ORD_OK;
    env->members->drop(&c->job);
    if (!said.is_yes) {
        c->via = next_via(env, c);
        *wait_ns = AGAIN_NS;
        return ORD_OK;
    }
    if (c->verb != ORD_MEMBER_LIST) {
        *wait_ns = 0;
        return ORD_OK; /* and now ask whether it is so */
    }
    tell(story, c, &said, age_ns);
    if (act(env, c, &said, err) != ORD_OK)
        return err->rc;
    if (c->job == NULL)
        *wait_ns = c->is_done ? 0 : AGAIN_NS;
    return ORD_OK;
}

static void want(struct ord_nemesis_env *env, struct change *c, bool is_in)
{
    if (c->job != NULL)
        env->members->drop(&c->job);
    c->is_in = is_in;
    c->is_done = false;
}

/* ---- the fault -----------------------------------------------------------
 */

static int member_inject(struct ord_nemesis_env *env,
                         struct ord_fault_state *state, struct ord_err *err)
{
    const struct ord_fault *fault = state->fault;
    struct membered *m = ord_arena_zalloc(state->arena, 1, sizeof *m);

    if (m == NULL)
        return ord_fail(err, ORD_ENOMEM, "member: no memory");
    if (env->members == NULL)
        return ord_fail(err, ORD_EUSAGE,
                        "member: the target's members never change");
    if (read_kind(fault->ops, fault->params, fault->param_count, &m->kind,
                  err) != ORD_OK)
        return err->rc;
    m->back_ns = fault->duration_ns == 0 || m->kind == REPLACE
                     ? ORD_NEVER
                     : state->injected_ns + fault->duration_ns * 3 / 4;
    if (fault->nodes == 0)
        return ORD_OK;
    m->change = (struct change){.node = ord_first_node(fault->nodes),
                                .is_in = m->kind == ADD};
    m->change.via = ord_has_node(fault->nodes, 1) ? 2 : 1;
    state->before = m;
    state->step_ns = state->injected_ns;
    return ORD_OK;
}

static int member_step(struct ord_nemesis_env *env,
                       struct ord_fault_state *state, int64_t now_ns,
                       struct ord_err *err)
{
    struct membered *m = state->before;
    struct change *c = &m->change;
    int64_t wait_ns = AGAIN_NS;
    int rc = ORD_OK;

    if (!m->is_back && now_ns >= m->back_ns) {
        m->is_back = true;
        want(env, c, !c->is_in);
    }
    if (!c->is_done)
        rc = pursue(env, c, &m->story, now_ns - state->injected_ns, &wait_ns,
                    err);
    if (c->is_done && m->kind == REPLACE && !c->is_in) {
        want(env, c, true);
        wait_ns = 0;
    }
    state->step_ns = now_ns + wait_ns;
    if (c->is_done)
        state->step_ns = m->is_back ? ORD_NEVER : m->back_ns;
    return rc;
}

/* Pursues it until it is so; blocks, at most until the deadline. */
static int finish(struct ord_nemesis_env *env, struct change *c,
                  int64_t deadline_ns, struct ord_err *err)
{
    struct story ignored = {0};
    int rc = ORD_OK;

    while (!c->is_done && ord_now_ns() < deadline_ns) {
        int64_t wait_ns;

        rc = pursue(env, c, &ignored, 0, &wait_ns, err);
        if (rc != ORD_OK)
            wait_ns = AGAIN_NS;
        if (!c->is_done)
            (void)poll(NULL, 0, (int)(wait_ns / ORD_MS));
    }
    if (c->job != NULL)
        env->members->drop(&c->job);
    if (c->is_done)
        return ORD_OK;
    if (rc != ORD_OK)
        return ord_wrap(err, "member: n%u", c->node);
    return ord_fail(err, ORD_ETIMEOUT,
                    "member: n%u %s: the cluster did not say so in time",
                    c->node, c->is_in ? "is to be a member" : "is to leave");
}

static int member_heal(struct ord_nemesis_env *env,
                       struct ord_fault_state *state, struct ord_err *err)
{
    struct membered *m = state->before;
    uint32_t home = home_count(state->fault->home_count, env->node_count);
    int64_t deadline_ns =
        ord_now_ns() + (env->is_final ? HEAL_NS : HEAL_AMID_NS);
    int first = ORD_OK;

    if (env->members == NULL)
        return ORD_OK;
    if (m != NULL) {
        bool is_so =
            m->change.is_done && m->change.is_in == (m->change.node <= home);

        if (m->change.job != NULL)
            env->members->drop(&m->change.job);
        if (is_so && !env->is_final)
            return ORD_OK;
    }
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct change c = {.node = node, .is_in = node <= home};
        struct ord_err one;

        if (!ord_has_node(state->fault->nodes, node) ||
            finish(env, &c, deadline_ns, &one) == ORD_OK || first != ORD_OK)
            continue;
        first = one.rc;
        *err = one;
    }
    return first;
}

static void print_list(struct ord_buf *out, const char *before, uint64_t nodes)
{
    ord_buf_text(out, before);
    ord_print_nodes(nodes, out);
}

static int member_took_hold(struct ord_nemesis_env *env,
                            struct ord_fault_state *state, bool *held,
                            struct ord_buf *evidence, struct ord_err *err)
{
    const struct membered *m = state->before;
    const struct story *story = &m->story;

    (void)env;
    (void)err;
    *held = false;
    if (m == NULL || !story->has_before) {
        ord_buf_text(evidence, "the cluster did not say who its members are");
        return ORD_OK;
    }
    *held = m->kind == ADD       ? story->has_with
            : m->kind == REPLACE ? story->has_without && story->has_with
                                 : story->has_without;
    print_list(evidence, "members ", story->before);
    if (m->kind == ADD && story->has_with) {
        print_list(evidence, "; ", story->with);
        ord_buf_printf(evidence, " after %.3f s",
                       (double)story->with_ns / (double)ORD_S);
    }
    if (story->has_without) {
        print_list(evidence, "; ", story->without);
        ord_buf_printf(evidence, " after %.3f s",
                       (double)story->without_ns / (double)ORD_S);
    }
    if (m->kind != ADD && story->has_with) {
        print_list(evidence, "; ", story->with);
        ord_buf_printf(evidence, " after %.3f s, with new data",
                       (double)story->with_ns / (double)ORD_S);
    }
    if (!*held)
        ord_buf_text(evidence, "; no more than that was to be had");
    return ORD_OK;
}

static enum ord_grip member_grip(const struct ord_fault *fault)
{
    (void)fault;
    return ORD_GRIP_OUT;
}

static const struct ord_fault_spec member_params[] = {
    {"kind", "remove",
     "remove (out, its data gone; and back as new) | replace (out and back as "
     "new at once) | add (a spare node, see start-with; and out again)"},
    {"who", "one",
     "one (by seed) | leader | names; of add: among the spare nodes"},
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_member = {
    .name = "member",
    .about = "a node is removed from the cluster, replaced or added, by the "
             "target's own commands; back in the last quarter of the time",
    .params = member_params,
    .check = member_check,
    .plan = member_plan,
    .needs_primary = member_needs_primary,
    .resolve = member_resolve,
    .inject = member_inject,
    .step = member_step,
    .heal = member_heal,
    .took_hold = member_took_hold,
    .grip = member_grip,
    .excludes = "member",
    .may_crash = true, /* a member that is removed may end by itself */
    .changes_members = true,
    .needs = "a target with `membership` in its target.yaml",
};
