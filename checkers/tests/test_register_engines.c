/* test_register_engines.c -- the engines of registers, on columns, against a
 * checker that tries every order; their orders and cores, too. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/lin.h"
#include "support_brute.h"

enum { CALLS = BRUTE_CALLS_MAX, ATOMS = BRUTE_VALUES_MAX };

struct columns {
    uint32_t begin[CALLS];
    uint32_t end[CALLS];
    uint32_t in[CALLS];
    uint32_t out[CALLS];
    uint8_t f[CALLS];
    uint8_t type[CALLS];
    uint8_t keep[CALLS]; /* for the oracle; else all */
    struct ord_lin lin;
};

static void fill(struct columns *c, const struct brute *brute, bool is_strict)
{
    uint32_t count = 0;

    memset(c, 0, sizeof *c);
    for (int64_t last = -1; count < brute->count; count++) {
        const struct brute_call *next = NULL;

        for (uint32_t i = 0; i < brute->count; i++) {
            if (brute->calls[i].begin > last &&
                (next == NULL || brute->calls[i].begin < next->begin))
                next = &brute->calls[i];
        }
        last = next->begin;
        c->begin[count] = (uint32_t)next->begin;
        c->end[count] =
            next->type == ORD_OP_OK ? (uint32_t)next->end : ORD_CALL_NEVER;
        if (is_strict && next->type == ORD_OP_FAIL && next->f == ORD_F_CAS)
            c->end[count] = (uint32_t)next->done;
        c->f[count] = next->f;
        c->type[count] = next->type;
        c->in[count] = next->f == ORD_F_READ ? ORD_ATOM_NIL : next->to;
        c->out[count] = next->f == ORD_F_CAS ? next->from : next->to;
        if (next->f == ORD_F_READ && next->type != ORD_OP_OK)
            c->out[count] = ORD_ATOM_NONE;
        c->keep[count] = ORD_KEEP_BEGIN | ORD_KEEP_END | ORD_KEEP_MUST;
    }
    c->lin = (struct ord_lin){.count = count,
                              .event_count = 1 << 20,
                              .begin = c->begin,
                              .end = c->end,
                              .in = c->in,
                              .out = c->out,
                              .f = c->f,
                              .type = c->type,
                              .atom_count = ATOMS,
                              .is_strict = is_strict,
                              .wants_order = true};
}

/* ---- every order -------------------------------------------------------- */

struct oracle {
    const struct columns *c;
    uint8_t seen[1 << CALLS][ATOMS];
};

static bool is_put(const struct columns *c, uint32_t i)
{
    return c->f[i] != ORD_F_READ && c->type[i] != ORD_OP_FAIL;
}

static bool is_free(const struct columns *c, uint32_t i)
{
    return c->keep[i] == 0 && is_put(c, i);
}

static bool is_must(const struct columns *c, uint32_t i)
{
    return (c->keep[i] & ORD_KEEP_MUST) != 0 && c->end[i] != ORD_CALL_NEVER;
}

static uint32_t end_of(const struct columns *c, uint32_t i)
{
    return (c->keep[i] & ORD_KEEP_END) != 0 ? c->end[i] : ORD_CALL_NEVER;
}

static bool happens(const struct columns *c, uint32_t i, uint32_t *now)
{
    if (c->f[i] == ORD_F_READ)
        return c->out[i] == *now;
    if (c->type[i] == ORD_OP_FAIL)
        return c->out[i] != *now;
    if (c->f[i] == ORD_F_CAS && c->out[i] != *now)
        return false;
    *now = c->in[i];
    return true;
}

static bool try_all(struct oracle *o, uint32_t left, uint32_t now)
{
    const struct columns *c = o->c;
    uint32_t first_end = ORD_CALL_NEVER;
    bool owes = false;

    if (o->seen[left][now])
        return false;
    o->seen[left][now] = 1;
    for (uint32_t i = 0; i < c->lin.count; i++) {
        if ((left >> i & 1) == 0 || !is_must(c, i))
            continue;
        owes = true;
        if (end_of(c, i) < first_end)
            first_end = end_of(c, i);
    }
    if (!owes)
        return true;
    for (uint32_t i = 0; i < c->lin.count; i++) {
        uint32_t value = now;
        uint32_t begin = (c->keep[i] & ORD_KEEP_BEGIN) ? c->begin[i] : 0;

        if (is_free(c, i)) {
            if (happens(c, i, &value) && try_all(o, left, value))
                return true;
            continue;
        }
        if ((left >> i & 1) == 0 || begin > first_end || !happens(c, i, &value))
            continue;
        if (try_all(o, left & ~(1U << i), value))
            return true;
    }
    return false;
}

static bool oracle(const struct columns *c)
{
    static struct oracle o; /* too large for the stack */
    uint32_t left = 0;

    for (uint32_t i = 0; i < c->lin.count; i++) {
        if (c->keep[i] == 0)
            continue;
        if (is_put(c, i) || c->end[i] != ORD_CALL_NEVER)
            left |= 1U << i;
    }
    memset(o.seen, 0, sizeof o.seen[0] << c->lin.count);
    o.c = c;
    return try_all(&o, left, ORD_ATOM_NIL);
}

/* ---- what is wrong with an answer --------------------------------------- */

static const char *judge_order(const struct columns *c)
{
    const struct ord_lin *lin = &c->lin;
    uint32_t newest = 0;
    uint32_t now = ORD_ATOM_NIL;
    uint32_t seen = 0;

    if (lin->order == NULL)
        return "no order";
    for (uint32_t k = 0; k < lin->order_count; k++) {
        uint32_t i = lin->order[k];

        if (i >= lin->count || (seen >> i & 1) != 0)
            return "no call, or twice";
        seen |= 1U << i;
        if (c->begin[i] > newest)
            newest = c->begin[i];
        if (c->end[i] < newest)
            return "not in real time";
        if ((c->type[i] == ORD_OP_FAIL && !is_must(c, i)) ||
            !happens(c, i, &now))
            return "not what the register does";
    }
    for (uint32_t i = 0; i < lin->count; i++) {
        if (is_must(c, i) && (seen >> i & 1) == 0)
            return "a call is missing";
    }
    return NULL;
}

static const char *judge_core(const struct columns *c)
{
    struct columns part = *c;

    if (c->lin.reason == ORD_LIN_UNSAID || c->lin.why_count == 0)
        return "no reason";
    if (c->lin.core_count == 0)
        return "no core";
    memset(part.keep, 0, sizeof part.keep);
    for (uint32_t k = 0; k < c->lin.core_count; k++) {
        if (k > 0 && c->lin.core[k].call <= c->lin.core[k - 1].call)
            return "the core is not sorted";
        part.keep[c->lin.core[k].call] = c->lin.core[k].keep;
    }
    /* A call that began after all has ended cannot help. */
    for (uint32_t i = 0; i < c->lin.count; i++) {
        uint32_t last = 0;

        for (uint32_t k = 0; k < c->lin.core_count; k++) {
            uint32_t end = c->end[c->lin.core[k].call];

            if ((c->lin.core[k].keep & ORD_KEEP_END) != 0 && end > last)
                last = end;
        }
        if (part.keep[i] == 0 && c->begin[i] > last)
            part.keep[i] = ORD_KEEP_BEGIN; /* optional, too late */
    }
    return oracle(&part) ? "the core can be explained" : NULL;
}

static uint64_t number_of(const char *name, uint64_t usual)
{
    const char *text = getenv(name);

    return text == NULL ? usual : strtoull(text, NULL, 10);
}

struct tally { /* of what came out, and the steps to give */
    uint64_t valid;
    uint64_t invalid;
    uint64_t declined;
    uint64_t open;
    uint64_t steps; /* 0: plenty */
};

static void compare(const struct brute *brute, bool is_strict,
                    ord_lin_engine *engine, struct ord_arena *arena,
                    struct tally *tally)
{
    struct columns c;
    struct ord_err err = {0};
    uint64_t steps = tally->steps == 0 ? 100000000 : tally->steps;
    const char *wrong = NULL;
    bool want = false;

    fill(&c, brute, is_strict);
    c.lin.arena = arena;
    c.lin.steps_left = &steps;
    c.lin.outcome = ORD_UNKNOWN;
    cr_assert_eq(engine(&c.lin, &err), ORD_OK, "%s", err.text);
    if (c.lin.is_declined) {
        tally->declined++;
        return;
    }
    if (c.lin.outcome == ORD_UNKNOWN && tally->steps != 0) {
        tally->open++;
        cr_assert_neq(c.lin.why[0], '\0');
        return;
    }
    want = oracle(&c);
    if (c.lin.outcome != (want ? ORD_VALID : ORD_INVALID))
        wrong = want ? "is valid" : "is invalid";
    else
        wrong = want ? judge_order(&c) : judge_core(&c);
    tally->valid += want;
    tally->invalid += !want;
    if (wrong != NULL) {
        struct ord_buf say;

        ord_buf_init(&say, 1 << 16);
        brute_print(brute, &say);
        for (uint32_t k = 0; k < c.lin.core_count; k++)
            ord_buf_printf(&say, "core %u keep %u\n", c.lin.core[k].call,
                           c.lin.core[k].keep);
        cr_assert(false, "%s (strict %d, reason %d, outcome %d)\n%s", wrong,
                  is_strict, c.lin.reason, (int)c.lin.outcome,
                  ord_buf_str(&say));
    }
}

static void compare_many(ord_lin_engine *engine, const char *name,
                         struct tally *tally)
{
    uint64_t count = number_of("ORD_BRUTE_COUNT", 30000);
    uint64_t seed = number_of("ORD_BRUTE_SEED", 1);
    struct ord_arena arena;

    ord_arena_init(&arena, 1 << 24);
    for (uint64_t i = 0; i < count; i++) {
        struct ord_rng rng = ord_rng_stream(seed, name, i);
        struct brute brute;

        ord_arena_reset(&arena);
        if (tally->steps != 0)
            tally->steps = 1 + i % 150;
        brute_random(&brute, &rng);
        compare(&brute, i % 4 == 3, engine, &arena, tally);
    }
    ord_arena_fini(&arena);
    /* Otherwise this shows nothing. */
    cr_expect_gt(tally->valid, count / 20);
    cr_expect_gt(tally->invalid, count / 20);
}

Test(register_engines, zones, .timeout = 7200)
{
    struct tally tally = {0};

    compare_many(ord_model_find("cas-register")->fast, "zones", &tally);
    cr_expect_gt(tally.declined, 0);
}

Test(register_engines, search, .timeout = 7200)
{
    struct tally tally = {0};

    compare_many(ord_model_find("cas-register")->exact, "search", &tally);
    cr_expect_eq(tally.declined, 0);
}

/* Undecided is fine then; wrong is not. */
Test(register_engines, search_with_few_steps, .timeout = 7200)
{
    struct tally tally = {.steps = 1};

    compare_many(ord_model_find("cas-register")->exact, "few", &tally);
    cr_expect_gt(tally.open, 100);
}
