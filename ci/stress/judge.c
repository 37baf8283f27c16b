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
    return !brute_has_order(brute, small->family);
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
