/* clock.c -- a node's clock is wrong: it jumps, drifts, strobes or steps.
 *
 * Inject: one store into the page that the node's processes read their clocks
 * by (harness/clock); children and programs started later read it, too.
 * Heal: the real clock is set right, as by an operator with `date`; monotonic
 * time keeps what a drift has given it, and so never steps back.  Only kind
 * "step" makes it step, either way, for programs that must bear even that.
 * Took hold: some process of the node has read the time since, and the clock
 * is off by what was asked for.
 * Models: a step by a time service or by hand, a bad crystal, a virtual
 * machine that is moved, a server whose clock jumps to and fro.
 * A clock has one law at a time: two clock faults never overlap on a node.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/json.h"
#include "harness/clock/clock.h"
#include "harness/control/cluster.h"
#include "harness/control/node.h"
#include "nemesis/env.h"
#include "nemesis/registry.h"
#include "nemesis/who.h"

enum kind { JUMP, DRIFT, STROBE, STEP };

static const char *const kinds[] = {"jump", "drift", "strobe", "step", NULL};
static const char *const eaches[] = {"same", "different", NULL};

enum { MAGNITUDES = 10 }; /* of what `different` draws: to a 1024th */

static const int64_t day_ns = 86400 * ORD_S;
static const int64_t tolerance_ns = 5 * ORD_MS;

struct skew { /* an entry's parameters, understood */
    uint32_t kind;
    uint32_t is_different; /* each node draws its own, up to what is given */
    int64_t by_ns;
    bool is_by_either; /* "+-": the sign is the seed's */
    int64_t rate_ppm;
    bool is_rate_either;
    int64_t period_ns;
};

struct moment { /* of one node */
    struct ord_clock_offset offset;
    int64_t at_ns;
};

struct skewed {
    uint64_t ran;
    struct skew skews[ORD_NODES_MAX + 1];
    struct moment before[ORD_NODES_MAX + 1]; /* drift: when it had begun */
};

/* "30s", "-2m", "+-500ms". */
static int parse_by(const char *text, struct skew *out, struct ord_err *err)
{
    bool is_negative = text[0] == '-';
    int64_t ns = 0;

    out->is_by_either = strncmp(text, "+-", 2) == 0;
    text += out->is_by_either ? 2 : is_negative || text[0] == '+';
    if (ord_duration_parse(ord_bytes_of(text), &ns, err) != ORD_OK)
        return ord_wrap(err, "by");
    if (ns < ORD_MS)
        return ord_fail(err, ORD_EUSAGE, "by: expected 1ms or more");
    out->by_ns = is_negative ? -ns : ns;
    return ORD_OK;
}

/* "5%", "-0.5%", "+-1%": the clock gains or loses that much. */
static int parse_rate(const char *text, struct skew *out, struct ord_err *err)
{
    size_t size = strlen(text);
    bool is_either = strncmp(text, "+-", 2) == 0;
    struct ord_json json = {.at = text + (is_either ? 2 : text[0] == '+'),
                            .end = text + size - (size > 0)};
    double percent = 0;

    if (size < 2 || text[size - 1] != '%' || !ord_json_real(&json, &percent) ||
        !ord_json_done(&json) || percent < -90 ||
        percent > (is_either ? 90 : 1000) || fabs(percent) < 1e-4)
        return ord_fail(err, ORD_EUSAGE,
                        "rate: %s: expected -90%% to 1000%%, as 5%%, -0.1%% or "
                        "+-1%%, and not 0%%",
                        text);
    out->rate_ppm = (int64_t)(percent * 10000);
    out->is_rate_either = is_either;
    return ORD_OK;
}

static int read_skew(const struct ord_nemesis_ops *ops,
                     const struct ord_fault_param *params, uint32_t count,
                     struct skew *out, struct ord_err *err)
{
    const char *period = ord_fault_param(ops, params, count, "period");
    int rc =
        ord_parse_choice("kind", ord_fault_param(ops, params, count, "kind"),
                         kinds, &out->kind, err);

    if (rc == ORD_OK)
        rc = ord_parse_choice("each",
                              ord_fault_param(ops, params, count, "each"),
                              eaches, &out->is_different, err);
    if (rc == ORD_OK)
        rc = parse_by(ord_fault_param(ops, params, count, "by"), out, err);
    if (rc == ORD_OK)
        rc = parse_rate(ord_fault_param(ops, params, count, "rate"), out, err);
    if (rc == ORD_OK && ord_duration_parse(ord_bytes_of(period),
                                           &out->period_ns, err) != ORD_OK)
        rc = ord_wrap(err, "period");
    if (rc == ORD_OK && (out->period_ns < ORD_MS || out->period_ns > day_ns))
        rc = ord_fail(err, ORD_EUSAGE, "period: %s: expected 1ms to 24h",
                      period);
    return rc;
}

/* A parameter that this kind does not listen to was meant for another. */
static int check_listeners(const struct ord_nemesis_entry *entry, uint32_t kind,
                           struct ord_err *err)
{
    static const struct {
        const char *name;
        uint32_t kinds;
    } listeners[] = {
        {"by", 1 << JUMP | 1 << STROBE | 1 << STEP},
        {"rate", 1 << DRIFT},
        {"period", 1 << STROBE},
    };

    for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++) {
        if ((listeners[i].kinds >> kind & 1) == 0 &&
            ord_fault_has(entry->params, entry->param_count, listeners[i].name))
            return ord_fail(err, ORD_EUSAGE, "%s: kind %s has none",
                            listeners[i].name, kinds[kind]);
    }
    return ORD_OK;
}

static int clock_check(const struct ord_nemesis_entry *entry,
                       uint32_t node_count, struct ord_err *err)
{
    struct skew skew = {0};
    int rc = read_skew(ord_nemesis_find(entry->fault), entry->params,
                       entry->param_count, &skew, err);

    if (rc == ORD_OK)
        rc = check_listeners(entry, skew.kind, err);
    return rc == ORD_OK ? ord_who_check(entry, node_count, err) : rc;
}

/* A magnitude first, so that small ones come as well; then within it. */
static int64_t draw(struct ord_rng *rng, int64_t most)
{
    int64_t high = most >> ord_rng_below(rng, MAGNITUDES);
    int64_t drawn = ord_rng_range(rng, high / 2, high);

    return drawn > 0 ? drawn : 1;
}

/* What this seed makes of it for that node. */
static struct skew drawn_for(const struct skew *skew, uint64_t seed,
                             uint32_t node)
{
    struct ord_rng rng =
        ord_rng_stream(seed, "clock", skew->is_different != 0 ? node : 0);
    struct skew out = *skew;
    bool is_by_turned = ord_rng_below(&rng, 2) == 1 && skew->is_by_either;
    bool is_rate_turned = ord_rng_below(&rng, 2) == 1 && skew->is_rate_either;

    if (skew->is_different != 0) {
        out.by_ns = draw(&rng, llabs(skew->by_ns));
        out.rate_ppm = draw(&rng, llabs(skew->rate_ppm));
        out.by_ns *= skew->by_ns < 0 ? -1 : 1;
        out.rate_ppm *= skew->rate_ppm < 0 ? -1 : 1;
    }
    out.by_ns *= is_by_turned ? -1 : 1;
    out.rate_ppm *= is_rate_turned ? -1 : 1;
    return out;
}

static int skew_of(const struct ord_fault *fault, struct skew *out,
                   struct ord_err *err)
{
    return read_skew(fault->ops, fault->params, fault->param_count, out, err);
}

static void print_s(int64_t time_ns, char out[32])
{
    snprintf(out, 32, "%+.3f s", (double)time_ns / (double)ORD_S);
}

static void print_skew(const struct skew *skew, char out[96])
{
    char by[32];

    print_s(skew->by_ns, by);
    if (skew->kind == DRIFT)
        snprintf(out, 96, "%+.4g%%", (double)skew->rate_ppm / 10000);
    else if (skew->kind == STROBE)
        snprintf(out, 96, "%s every %.0f ms", by,
                 (double)skew->period_ns / (double)ORD_MS);
    else
        snprintf(out, 96, "%s", by);
}

static void say_each(struct ord_fault *fault, const struct skew *skew,
                     uint32_t node_count)
{
    struct ord_buf text;

    ord_buf_init(&text, 64 * ORD_NODES_MAX + 64);
    ord_buf_printf(&text, "%s", kinds[skew->kind]);
    for (uint32_t node = 1; node <= node_count; node++) {
        struct skew own = drawn_for(skew, fault->seed, node);
        char by[96];

        if (!ord_has_node(fault->nodes, node))
            continue;
        print_skew(&own, by);
        ord_buf_printf(&text, " n%u %s", node, by);
    }
    (void)snprintf(fault->what, sizeof fault->what, "%s", ord_buf_str(&text));
    ord_buf_fini(&text);
}

static int clock_resolve(struct ord_fault *fault, uint32_t node_count,
                         uint32_t primary, struct ord_err *err)
{
    struct skew skew = {0};
    struct skew own;
    char by[96];
    char text[128];

    if (skew_of(fault, &skew, err) != ORD_OK ||
        ord_who_resolve(fault, node_count, primary, err) != ORD_OK)
        return err->rc;
    if (skew.is_different != 0 && fault->nodes != 0) {
        say_each(fault, &skew, node_count);
        return ORD_OK;
    }
    own = drawn_for(&skew, fault->seed, 0);
    if (skew.is_different != 0)
        own = skew;
    print_skew(&own, by);
    snprintf(text, sizeof text, "%s %s%s ", kinds[skew.kind],
             skew.is_different != 0 ? "up to " : "", by);
    ord_fault_say(fault, text, fault->nodes, "");
    return ORD_OK;
}

static void apply(struct ord_clock *clock, const struct skew *skew)
{
    switch ((enum kind)skew->kind) {
    case JUMP:
        ord_clock_jump(clock, skew->by_ns);
        return;
    case DRIFT:
        ord_clock_drift(clock, skew->rate_ppm);
        return;
    case STROBE:
        ord_clock_strobe(clock, skew->by_ns, skew->period_ns, day_ns);
        return;
    case STEP:
        ord_clock_jump_mono(clock, skew->by_ns);
        return;
    }
}

static int clock_inject(struct ord_nemesis_env *env,
                        struct ord_fault_state *state, struct ord_err *err)
{
    struct skewed *skewed = ord_arena_zalloc(state->arena, 1, sizeof *skewed);
    struct skew skew = {0};

    ORD_ASSERT(state->fault->nodes != 0);
    if (skewed == NULL)
        return ord_fail(err, ORD_ENOMEM, "clock: no memory");
    if (skew_of(state->fault, &skew, err) != ORD_OK)
        return err->rc;
    skewed->ran = ord_env_actions(env)->running(env) & state->fault->nodes;
    state->before = skewed;
    for (uint32_t node = 1; node <= env->node_count; node++) {
        struct ord_clock *clock;

        if (!ord_has_node(state->fault->nodes, node))
            continue;
        clock = ord_node_clock(env->cluster, node);
        if (clock == NULL)
            return ord_fail(err, ORD_EUSAGE,
                            "clock: the nodes run by the host's clock");
        skewed->skews[node] = drawn_for(&skew, state->fault->seed, node);
        skewed->before[node].offset = ord_clock_offset(clock);
        apply(clock, &skewed->skews[node]);
        if (skew.kind == DRIFT)
            skewed->before[node] = (struct moment){
                .offset = ord_clock_offset(clock), .at_ns = ord_now_ns()};
    }
    return ORD_OK;
}

static int clock_heal(struct ord_nemesis_env *env,
                      struct ord_fault_state *state, struct ord_err *err)
{
    (void)err;
    ord_env_reset_clocks(env, state->fault->nodes);
    return ORD_OK;
}

/* Has the clock gained what was asked for? Says what it has. */
static bool is_off(const struct skew *skew, const struct moment *before,
                   struct ord_clock_offset now, char out[64])
{
    int64_t gained = skew->kind == JUMP ? now.real_ns - before->offset.real_ns
                                        : now.mono_ns - before->offset.mono_ns;
    double lasted;

    if (skew->kind == JUMP || skew->kind == STEP) {
        print_s(gained, out);
        return llabs(gained - skew->by_ns) <= tolerance_ns;
    }
    if (skew->kind == STROBE) { /* whichever half this is */
        print_s(skew->by_ns, out);
        return true;
    }
    /* The host's time that has passed, from ours: the same clock. */
    lasted = (double)(ord_now_ns() - before->at_ns);
    if (lasted <= 0)
        return false;
    snprintf(out, 64, "%+.4g%% over %.1f s", 100 * (double)gained / lasted,
             lasted / (double)ORD_S);
    return fabs((double)gained / lasted * 1e6 - (double)skew->rate_ppm) <
           fabs((double)skew->rate_ppm) / 100 + 10;
}

static int clock_took_hold(struct ord_nemesis_env *env,
                           struct ord_fault_state *state, bool *held,
                           struct ord_buf *evidence, struct ord_err *err)
{
    const struct skewed *skewed = state->before;
    const char *comma = "";

    (void)err;
    *held = false;
    if (skewed == NULL || skewed->ran == 0) {
        ord_buf_text(evidence, "none of its nodes was running");
        return ORD_OK;
    }
    for (uint32_t node = 1; node <= env->node_count; node++) {
        const struct ord_clock *clock;
        char off[64] = "";
        bool is_read;
        uint32_t blind;

        if (!ord_has_node(skewed->ran, node))
            continue;
        clock = ord_node_clock(env->cluster, node);
        is_read = ord_clock_is_seen(clock);
        if (is_off(&skewed->skews[node], &skewed->before[node],
                   ord_clock_offset(clock), off) &&
            is_read)
            *held = true;
        ord_buf_printf(
            evidence, "%s%s: %s, %s", comma, ord_node_name(env->cluster, node),
            off, is_read ? "read by its processes" : "nobody has read it");
        blind = ord_clock_blind(clock);
        if (blind > 0)
            ord_buf_printf(evidence, " (%u of them have the host's)", blind);
        comma = "; ";
    }
    return ORD_OK;
}

static int clock_probe(const struct ord_nemesis_entry *entry,
                       struct ord_err *err)
{
    (void)entry;
    return ord_clock_probe(err);
}

static const struct ord_fault_spec clock_params[] = {
    {"kind", "jump",
     "jump (the real clock steps) | drift (real and monotonic clock run at "
     "another speed) | strobe (the real clock steps to and fro) | step "
     "(monotonic time steps, and stays so)"},
    {"by", "+-30s",
     "jump, strobe, step: how far, as 30s, -2m; +-: the seed's sign"},
    {"rate", "10%",
     "drift: gain or loss, -90% to 1000%, or +-90% at most; +-: likewise"},
    {"period", "200ms",
     "strobe: half of it right, half of it wrong; 1ms to "
     "24h"},
    {"each", "same",
     "same | different (each node draws its own, from a 1024th of by and rate "
     "up to them)"},
    ORD_WHO_PARAM,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_clock = {
    .name = "clock",
    .about = "a node's clock jumps, drifts or strobes, for every process of it",
    .params = clock_params,
    .check = clock_check,
    .plan = ord_who_plan,
    .needs_primary = ord_who_needs_primary,
    .resolve = clock_resolve,
    .inject = clock_inject,
    .heal = clock_heal,
    .took_hold = clock_took_hold,
    .excludes = "clock",
    .needs = "x86-64, Linux 5.19, seccomp notification, ptrace of children",
    .probe = clock_probe,
};
