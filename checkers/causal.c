/* causal.c -- nobody sees an effect without its cause.
 *
 * Registers, each value written once.  Deed a is causally before b (co) iff
 * there is a path of steps "earlier in one session" and "the read saw that
 * write"; a cas is a read and then a write.
 * Claim:       level cc (the default; causal consistency): no read returned a
 *              value that nobody had begun to write when it ended (ThinAirRead;
 *              that excludes CyclicCO, too, for then one of the reads saw the
 *              future); none returned nil although a write of that object is
 *              co-before it (WriteCOInitRead), nor a write w although another
 *              write of the object lies between w and the read in co
 *              (WriteCORead).
 *              level ccv (causal convergence): besides, co together with all
 *              w1 -> w2 of one object where a read that saw w2 has w1 co-before
 *              it, has no cycle (CyclicCF): replicas can agree on one order.
 *              level cm (causal memory): besides cc, for each session the least
 *              order hb that holds co and w1 -> w2 whenever a read of that
 *              session that saw w2 has w1 hb-before it, has no cycle
 * (CyclicHB), and no nil-read has a write of its object before it
 *              (WriteHBInitRead): each session sees one order.
 * Not claimed: real time; final reads; unfinished writes that nobody saw; that
 *              a cas is atomic, or that a failed one saw another value; sets
 *              and lists: consistent-prefix judges those.
 * Unknown:     a read object is no register; a read returned a value that was
 *              written more than once (what can be said without that read is
 *              said); no read could be judged; the budget of steps or memory
 *              is used up.
 * Cost:        cc, ccv: O(calls x sessions) at worst; see causality.h.  cm: the
 *              same per round where all sessions together have no cycle, else
 *              once more for each session.
 * Source:      Bouajjani, Enea, Guerraoui, Hamza: On verifying causal
 *              consistency, POPL 2017; for speed Moldrup, Pavlogiannis: AWDIT,
 *              PLDI 2025.  A violation names the pattern and the path.
 */
#include <stdio.h>
#include <string.h>

#include "checkers/causality.h"
#include "checkers/registry.h"
#include "checkers/saturation.h"

#define STEPS_DEFAULT UINT64_C(200000000)

enum level { LEVEL_CC, LEVEL_CCV, LEVEL_CM };

struct causal {
    const struct ord_check_in *in;
    struct ord_verdict *out;
    struct ord_trace trace;
    struct ord_causality order;
    enum level level;
    bool is_cut; /* while looking for cycles */
};

/* A read of what nobody had begun to write. */
static void found_thin_air(struct causal *causal, uint32_t read)
{
    const struct ord_trace *t = &causal->trace;
    struct ord_named named = {.key = t->calls.keys[ord_deed_key(t, read)],
                              .ops = {ord_deed_op(t, read)},
                              .count = 1};
    struct ord_text why;

    if (ord_found_enough(causal->out))
        return;
    if (causal->out->violation_count == 0)
        ord_trace_prove(t, causal->in, causal->out, ORD_PROOF_FACTS, &read,
                        NULL, 1);
    why = ord_deed_unwritten(t, read, &named);
    ord_found(causal->in, causal->out, &named,
              "out of thin air: %s, and %s (ThinAirRead)",
              ord_deed_did(t, read).at, why.at);
}

static void find_thin_air(struct causal *causal)
{
    const struct ord_trace *t = &causal->trace;

    for (uint32_t i = 0; i < t->count; i++) {
        if (ord_deed_is_read(t, i) && t->from[i] == ORD_FROM_NOBODY)
            found_thin_air(causal, i);
    }
}

static void found_bad(void *data, const struct ord_causal_bad *bad)
{
    static const char *const initial[] = {
        "an effect without its cause",
        "although its session already depended on a later version",
        " (WriteCOInitRead)"};
    static const char *const older[] = {
        "an effect without its cause",
        "although its session already depended on a later version",
        " (WriteCORead)"};
    struct causal *causal = data;

    ord_causal_accuse(&causal->order, causal->in, causal->out, bad,
                      bad->saw == ORD_FROM_INITIAL ? initial : older);
}

/* ---- ccv and cm ---------------------------------------------------------- */

static void found_cycle(struct causal *causal, const struct ord_saturation *sat)
{
    const struct ord_trace *t = &causal->trace;
    bool is_nil = sat->cycle_count == 2 && ord_deed_is_read(t, sat->cycle[1]) &&
                  t->from[sat->cycle[1]] == ORD_FROM_INITIAL;
    struct ord_named named = {
        .key = t->calls.keys[ord_deed_key(t, sat->cycle[0])]};
    char text[700];

    ord_causal_describe(t, sat->cycle, sat->marks,
                        is_nil ? 1 : sat->cycle_count + 1, text, sizeof text);
    for (uint32_t i = 0; i < sat->cycle_count && named.count < ORD_NAMED_MAX;
         i++)
        named.ops[named.count++] = ord_deed_op(t, sat->cycle[i]);
    if (is_nil)
        ord_found(causal->in, causal->out, &named,
                  "%s, although its session must put this before it: %s "
                  "(WriteHBInitRead)",
                  ord_deed_did(t, sat->cycle[1]).at, text);
    else
        ord_found(causal->in, causal->out, &named,
                  "%s: %s; and so round again to the first (%s)",
                  causal->level == LEVEL_CCV
                      ? "replicas cannot agree on one order"
                      : "a session cannot have seen one order",
                  text, causal->level == LEVEL_CCV ? "CyclicCF" : "CyclicHB");
    if (causal->out->violation_count != 1)
        return;
    for (uint32_t i = 0; i < sat->cycle_count; i++) {
        ord_evidence(causal->out, ord_deed_op(t, sat->cycle[i]));
        if (sat->whys[i] != UINT32_MAX)
            ord_evidence(causal->out, ord_deed_op(t, sat->whys[i]));
    }
    ord_trace_prove(t, causal->in, causal->out, ORD_PROOF_CYCLE, sat->cycle,
                    sat->marks, sat->cycle_count);
}

static int saturate(struct causal *causal, struct ord_arena *arena,
                    uint32_t session, struct ord_saturation *sat,
                    struct ord_err *err)
{
    *sat = (struct ord_saturation){.trace = &causal->trace,
                                   .arena = arena,
                                   .steps_left = causal->order.steps_left,
                                   .derives = causal->level == LEVEL_CM,
                                   .session = session};
    if (causal->level == LEVEL_CCV) {
        sat->pairs = causal->order.pairs;
        sat->pair_count = causal->order.pair_count;
    }
    return ord_saturate(sat, err);
}

/* Where the reads of all sessions together lead to no cycle, those of one do
 * not; else each session is asked for itself. */
static int check_cycles(struct causal *causal, struct ord_err *err)
{
    struct ord_saturation sat;
    struct ord_arena arena;
    int rc = ORD_OK;

    if (causal->trace.count == 0)
        return ORD_OK;
    ord_arena_init(&arena, causal->in->arena->size_max);
    rc = saturate(causal, &arena, ORD_ANY_SESSION, &sat, err);
    if (rc == ORD_OK && sat.outcome == ORD_INVALID &&
        causal->level == LEVEL_CCV)
        found_cycle(causal, &sat);
    for (uint32_t i = 0;
         rc == ORD_OK && sat.outcome != ORD_VALID && !causal->is_cut &&
         causal->level == LEVEL_CM && i < causal->trace.session_count;
         i++) {
        struct ord_saturation one;

        ord_arena_reset(&arena);
        rc = saturate(causal, &arena, i, &one, err);
        if (rc == ORD_OK && one.outcome == ORD_INVALID)
            found_cycle(causal, &one);
        causal->is_cut = rc == ORD_OK && one.outcome == ORD_UNKNOWN;
    }
    ord_arena_fini(&arena);
    return rc;
}

static int read_level(struct causal *causal, struct ord_err *err)
{
    static const char *const names[] = {
        [LEVEL_CC] = "cc", [LEVEL_CCV] = "ccv", [LEVEL_CM] = "cm"};
    const char *text = ord_check_option(causal->in, "level");

    for (int i = LEVEL_CC; i <= LEVEL_CM; i++) {
        if (text == NULL || strcmp(text, names[i]) == 0) {
            causal->level = (enum level)i;
            return ORD_OK;
        }
    }
    return ord_fail(err, ORD_EUSAGE, "level: cc, ccv or cm");
}

static int conclude(struct causal *causal)
{
    struct ord_verdict *out = causal->out;
    const struct ord_trace *t = &causal->trace;

    ord_stat(out, "reads", (double)causal->order.judged_count);
    ord_stat(out, "sessions", (double)t->session_count);
    ord_stat(out, "violations", (double)out->violation_count);
    if (out->violation_count > 0)
        return ORD_OK;
    if (causal->order.is_cut || causal->is_cut)
        return ord_conclude(out, ORD_UNKNOWN,
                            "the budget of steps is used up: %u operations of "
                            "%u sessions",
                            t->count, t->session_count);
    if (ord_trace_is_odd(t, 0, out) || ord_trace_is_open(t, out))
        return ORD_OK;
    if (causal->order.judged_count == 0)
        return ord_conclude(out, ORD_UNKNOWN, "no read could be judged");
    return ord_conclude(out, ORD_VALID,
                        "none of %llu reads saw an effect without its cause",
                        (unsigned long long)causal->order.judged_count);
}

static int causal_check(const struct ord_check_in *in, struct ord_verdict *out,
                        struct ord_err *err)
{
    uint64_t steps_left = in->steps_max == 0 ? STEPS_DEFAULT : in->steps_max;
    struct causal causal = {.in = in, .out = out};

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    if (read_level(&causal, err) != ORD_OK ||
        ord_trace_init(&causal.trace, in, err) != ORD_OK)
        return err->rc;
    find_thin_air(&causal);
    causal.order =
        (struct ord_causality){.trace = &causal.trace,
                               .arena = in->arena,
                               .steps_left = &steps_left,
                               .wants_pairs = causal.level == LEVEL_CCV,
                               .found = found_bad,
                               .data = &causal};
    if (ord_causality_run(&causal.order, err) != ORD_OK)
        return err->rc;
    if (causal.level != LEVEL_CC && out->violation_count == 0 &&
        !causal.order.is_cut && check_cycles(&causal, err) != ORD_OK)
        return err->rc;
    return conclude(&causal);
}

const struct ord_checker ord_checker_causal = {
    .name = "causal",
    .claim = "nobody sees an effect without its cause",
    .options = "level: cc, or ccv (replicas agree on one order), or cm (each "
               "session sees one order)",
    .check = causal_check,
};
