/* support_proof.c -- see support_proof.h. */
#include "support_proof.h"

#include <criterion/criterion.h>
#include <string.h>

#include "harness/report/proof_json.h"
#include "harness/verify/verify.h"

enum { MEMORY_MAX = 256 << 20 };

static bool is_accepted(const struct ord_checker *checker,
                        const struct ord_check_in *in,
                        const struct ord_verdict *verdict, int64_t changed,
                        struct ord_verify_out *out)
{
    const struct ord_proof_of of = {.checker = checker->name,
                                    .model = in->model,
                                    .options = in->options,
                                    .option_count = in->option_count};
    struct ord_proof_file file;
    struct ord_verify_in question = {.history = in->history,
                                     .size_max = MEMORY_MAX};
    struct ord_err err = {0};
    int rc = ORD_OK;

    cr_assert_eq(ord_proof_begin(&file, NULL, in->history, false, &err), ORD_OK,
                 "%s", err.text);
    cr_assert_eq(ord_proof_add(&file, &of, verdict, &err), ORD_OK);
    cr_assert_eq(ord_proof_end(&file, &err), ORD_OK);
    if (changed >= 0)
        file.out.at[changed % (int64_t)(file.out.size - 1)] ^= 1;
    question.proof = ord_buf_bytes(&file.out);
    rc = ord_verify(&question, out, &err);
    cr_expect(rc == ORD_OK || rc == ORD_EFORMAT, "%s", err.text);
    ord_proof_discard(&file);
    return rc == ORD_OK && out->is_accepted;
}

/* What is counted: each of its numbers one too many, an operation less. */
static void change_counts(const struct ord_checker *checker,
                          const struct ord_check_in *in,
                          const struct ord_verdict *verdict, const char *text)
{
    struct ord_verdict changed = *verdict;
    struct ord_verify_out out;

    changed.violation_count++;
    cr_expect_not(is_accepted(checker, in, &changed, -1, &out),
                  "%s\n  %s counted one too many", text, checker->name);
    for (uint32_t i = 0; i < verdict->stat_count; i++) {
        changed = *verdict;
        changed.stats[i].value += 1;
        cr_expect_not(is_accepted(checker, in, &changed, -1, &out) &&
                          out.figure_count == 0,
                      "%s\n  %s: %s is one more", text, checker->name,
                      verdict->stats[i].name);
    }
    if (verdict->op_count == 0 || verdict->op_count == ORD_EVIDENCE_MAX)
        return;
    changed = *verdict;
    if (ord_history_op(in->history, changed.ops[0])->pair < 0 ||
        ord_history_op(in->history, changed.ops[changed.op_count - 1])->pair <
            0)
        return; /* an unfinished call is as good as another, or none */
    changed.op_count--;
    cr_expect_not(is_accepted(checker, in, &changed, -1, &out),
                  "%s\n  %s: an operation was dropped", text, checker->name);
    changed.op_count++;
    changed.ops[0] = changed.ops[0] == 0 ? 1 : changed.ops[0] - 1;
    cr_expect_not(is_accepted(checker, in, &changed, -1, &out),
                  "%s\n  %s: an operation was changed", text, checker->name);
}

/* An order: an element dropped, or doubled.  (Of a cycle the file has the
 * length, too: ci/e2e/test_verify.py.) */
static void change_objects(const struct ord_checker *checker,
                           const struct ord_check_in *in,
                           const struct ord_verdict *verdict, const char *text)
{
    struct ord_verdict changed = *verdict;
    struct ord_proof proof;
    struct ord_verify_out out;
    uint32_t *ops = NULL;
    size_t count = 0;

    if (verdict->proof == NULL || verdict->proof->kind != ORD_PROOF_ORDER)
        return;
    proof = *verdict->proof;
    count = proof.count;
    ops = ord_arena_zalloc(in->arena, count + 1, sizeof *ops);
    cr_assert(ops != NULL);
    changed.proof = &proof;
    proof.ops = ops;
    for (size_t at = 0; at < count; at++) {
        for (size_t i = 0; i <= count; i++)
            ops[i] = verdict->proof->ops[i <= at ? i : i - 1];
        proof.count = count + 1;
        cr_expect_not(is_accepted(checker, in, &changed, -1, &out),
                      "%s\n  %s: element %zu was doubled", text, checker->name,
                      at + 1);
        for (size_t i = at; i + 1 < count; i++)
            ops[i] = ops[i + 2];
        proof.count = count - 1;
        cr_expect_not(is_accepted(checker, in, &changed, -1, &out),
                      "%s\n  %s: element %zu was dropped", text, checker->name,
                      at + 1);
    }
}

void check_proof(const struct ord_checker *checker,
                 const struct ord_check_in *in,
                 const struct ord_verdict *verdict, const char *text)
{
    struct ord_verdict turned = *verdict;
    struct ord_verify_out out;
    bool is_violation = verdict->outcome == ORD_INVALID;

    cr_expect(is_accepted(checker, in, verdict, -1, &out),
              "%s\n  is %s by %s: %s\n  verify: %s", text,
              ord_outcome_name(verdict->outcome), checker->name, verdict->why,
              out.why);
    /* Nobody counts again what this checker counts; the digests speak. */
    cr_expect_not(
        is_accepted(checker, in, verdict, verdict->op_count * 37 + 5, &out),
        "%s\n  a byte was changed", text);
    if (verdict->outcome == ORD_UNKNOWN)
        return;
    turned.outcome = is_violation ? ORD_VALID : ORD_INVALID;
    turned.violation_count = is_violation ? 0 : 1;
    cr_expect_not(is_accepted(checker, in, &turned, -1, &out),
                  "%s\n  %s was turned round", text, checker->name);
    if (strcmp(checker->name, "linearizable") == 0)
        return; /* its cores are tried in harness/verify/tests */
    change_counts(checker, in, verdict, text);
    change_objects(checker, in, verdict, text);
}
