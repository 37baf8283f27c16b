#include "ci/stress/judge.h"

#include <string.h>

#include "checkers/lin.h"

void judge_init(struct judge *judge)
{
    memset(judge, 0, sizeof *judge);
    ord_arena_init(&judge->arena, (size_t)64 << 20);
}

void judge_fini(struct judge *judge)
{
    ord_history_free(&judge->history);
    ord_arena_fini(&judge->arena);
}

static int build(struct judge *judge, const struct small *small,
                 struct ord_history **out, struct ord_err *err)
{
    struct ord_history_builder *builder = NULL;
    uint32_t count = small_events(small, &judge->values, judge->ops);
    int rc = ord_history_builder_new(0, &builder, err);

    for (uint32_t i = 0; i < count && rc == ORD_OK; i++)
        rc = ord_history_add(builder, &judge->ops[i], err);
    if (rc == ORD_OK)
        rc = ord_history_finish(&builder, false, out, err);
    ord_history_builder_free(&builder);
    return rc;
}

int judge_ask(struct judge *judge, const struct small *small, bool wants_proof,
              struct ord_err *err)
{
    struct ord_check_in in = {
        .arena = &judge->arena,
        .model = small->family->model,
        .wants_proof = wants_proof,
    };
    int rc;

    ord_arena_reset(&judge->arena);
    ord_history_free(&judge->history);
    rc = build(judge, small, &judge->history, err);
    if (rc != ORD_OK)
        return rc;
    in.history = judge->history;
    ord_check_run(ord_checker_find("linearizable"), &in, &judge->verdict);
    return ORD_OK;
}

/* ---- proofs ----------------------------------------------------------------
 */

static uint8_t key_of(const struct small *small, const struct ord_proof *proof)
{
    if (small->key_count == 1 || proof->key.kind != ORD_INT)
        return 0;
    return (uint8_t)(proof->key.as.number - 1);
}

/* The call in `brute` with that invocation; count if there is none. */
static uint32_t call_at(const struct brute *brute, uint32_t begin)
{
    for (uint32_t i = 0; i < brute->count; i++) {
        if (brute->calls[i].call->begin == begin)
            return i;
    }
    return brute->count;
}

static bool is_order(const struct ord_proof *proof, const struct small *small,
                     struct brute *brute)
{
    uint32_t order[SMALL_CALLS_MAX];

    brute_take(brute, small, key_of(small, proof));
    if (proof->count > SMALL_CALLS_MAX)
        return false;
    for (uint32_t i = 0; i < proof->count; i++)
        order[i] = call_at(brute, proof->ops[i]);
    return brute_accepts(brute, small->family, order, (uint32_t)proof->count);
}

/* The nth state that an object of that family may be in, as far as small
 * histories can tell; false: there are no more, or it has no windows. */
static bool state_at(const struct small_family *family, uint32_t n,
                     uint64_t *state)
{
    static const struct {
        const char *model;
        uint32_t count;
    } states[] = {{"register", 16},
                  {"cas-register", 16},
                  {"counter", 64},
                  {"set", 512},
                  {"multi-register", 4096}};

    *state = n;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(states[i].model, family->model) != 0)
            continue;
        if (strcmp(family->model, "set") == 0) /* elements 1 to 8, and 15 */
            *state = (n & 255) << 1 | (uint64_t)(n >> 8) << 15;
        return n < states[i].count;
    }
    return false;
}

/* What ended before all that must have happened began left the object in some
 * state: none of them leads on. */
static bool is_window(const uint8_t *keeps, const struct small_family *family,
                      struct brute *brute)
{
    struct small_family other = *family;
    uint32_t first = UINT32_MAX;
    uint32_t count = 0;

    for (uint32_t i = 0; i < brute->count; i++) {
        if ((keeps[i] & (2 | 4)) != 0 && brute->calls[i].begin < first)
            first = brute->calls[i].begin;
    }
    if (first == 0 || first == UINT32_MAX)
        return false;
    for (uint32_t i = 0; i < brute->count; i++) {
        const struct small_call *call = brute->calls[i].call;

        if (keeps[i] != 0 || call->type != ORD_OP_OK || call->done >= first)
            brute->calls[count++] = brute->calls[i];
    }
    brute->count = count;
    for (uint32_t n = 0; state_at(family, n, &other.start); n++) {
        if (brute_has_order(brute, &other))
            return false;
    }
    return state_at(family, 0, &other.start);
}

/* Keeps of the calls what the core says, and tries all orders again. */
static bool is_core(const struct ord_proof *proof, const struct small *small,
                    struct brute *brute)
{
    uint8_t keeps[SMALL_CALLS_MAX] = {0};

    brute_take(brute, small, key_of(small, proof));
    for (uint64_t i = 0; i < proof->count; i++) {
        uint32_t at = call_at(brute, (uint32_t)proof->ops[i]);

        if (at < brute->count)
            keeps[at] = proof->marks[i];
    }
    for (uint32_t i = 0; i < brute->count; i++)
        brute_keep(&brute->calls[i], keeps[i]);
    return !brute_has_order(brute, small->family) ||
           is_window(keeps, small->family, brute);
}

/* Keys in which a call succeeded. */
static uint32_t keys_with_calls(const struct small *small)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; i < small->count; i++) {
        if (small->calls[i].type == ORD_OP_OK)
            seen |= 1u << small->calls[i].key;
    }
    return (seen & 1) + (seen >> 1);
}

bool judge_proof_holds(struct judge *judge, const struct small *small,
                       struct brute *brute, const char **why)
{
    const struct ord_verdict *verdict = &judge->verdict;
    const struct ord_proof *proof = verdict->proof;
    uint32_t orders = 0;
    bool is_proved = false;

    for (; proof != NULL; proof = proof->next) {
        *why = "its order is none";
        if (proof->kind == ORD_PROOF_ORDER && !is_order(proof, small, brute))
            return false;
        orders += proof->kind == ORD_PROOF_ORDER;
        *why = "its core contradicts nothing";
        if (proof->kind == ORD_PROOF_CORE && !is_core(proof, small, brute))
            return false;
        is_proved |= proof->kind == ORD_PROOF_CORE;
    }
    if (verdict->outcome == ORD_VALID)
        is_proved = orders >= keys_with_calls(small);
    judge->proof_count += is_proved;
    judge->unproved_count += !is_proved && verdict->outcome != ORD_UNKNOWN;
    return true;
}
