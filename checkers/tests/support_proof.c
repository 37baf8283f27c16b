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
    turned = *verdict;
    turned.violation_count++;
    cr_expect_not(is_accepted(checker, in, &turned, -1, &out) &&
                      strcmp(checker->name, "linearizable") != 0,
                  "%s\n  %s counted one too many", text, checker->name);
}
