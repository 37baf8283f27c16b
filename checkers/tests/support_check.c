/* support_check.c -- see support_check.h. */
#include "support_check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support_proof.h"

enum { ARENA_MAX = 256 << 20, STEPS_MAX = 100000000 };

static void run(struct checked *checked, const struct ord_checker *checker,
                const char *text, const struct ord_option *option)
{
    struct ord_err err = {0};
    struct ord_check_in in = {.arena = &checked->arena,
                              .steps_max = STEPS_MAX,
                              .wants_proof = true,
                              .options = option,
                              .option_count =
                                  option != NULL && option->name != NULL};

    checked->history = NULL;
    ord_arena_init(&checked->arena, ARENA_MAX);
    cr_assert_eq(ord_history_parse_text(text, &checked->history, &err), ORD_OK,
                 "%s: %s", text, err.text);
    in.history = checked->history;
    ord_check_run(checker, &in, &checked->verdict);
    check_proof(checker, &in, &checked->verdict, text);
}

void checked_init(struct checked *checked, const struct ord_checker *checker,
                  const char *text)
{
    run(checked, checker, text, NULL);
}

void checked_fini(struct checked *checked)
{
    ord_arena_fini(&checked->arena);
    ord_history_free(&checked->history);
}

double checked_stat(const struct checked *checked, const char *name)
{
    for (uint32_t i = 0; i < checked->verdict.stat_count; i++) {
        if (strcmp(checked->verdict.stats[i].name, name) == 0)
            return checked->verdict.stats[i].value;
    }
    return -1;
}

void check_rows(const struct ord_checker *checker, const struct check_row *rows,
                size_t count)
{
    bool is_loud = getenv("ORD_TEST_LOUD") != NULL;

    for (size_t i = 0; i < count; i++) {
        struct checked got;

        run(&got, checker, rows[i].history, &rows[i].option);
        cr_expect_eq(got.verdict.outcome, rows[i].want, "%s\n  is %s: %s",
                     rows[i].history, ord_outcome_name(got.verdict.outcome),
                     got.verdict.why);
        if (rows[i].why != NULL)
            cr_expect_not_null(strstr(got.verdict.why, rows[i].why),
                               "%s\n  why: %s", rows[i].history,
                               got.verdict.why);
        if (rows[i].want == ORD_INVALID)
            cr_expect_gt(got.verdict.op_count, 0, "%s: no evidence",
                         rows[i].history);
        if (is_loud)
            (void)fprintf(stderr, "%-9s %s\n          %s\n",
                          ord_outcome_name(got.verdict.outcome),
                          rows[i].history, got.verdict.why);
        checked_fini(&got);
    }
}

static const char *replay(const struct ord_history *history,
                          const struct ord_proof *proof, uint8_t *seen)
{
    struct ord_value now = ord_value_nil();
    int64_t newest = -1; /* the latest invocation so far */

    for (uint64_t i = 0; i < proof->count; i++) {
        const struct ord_op *inv = ord_history_op(history, proof->ops[i]);
        const struct ord_op *done = ord_history_pair(history, inv);

        if (!ord_value_equal(&inv->key, &proof->key))
            return "it is of another object";
        if (seen[inv->index]++)
            return "an operation stands twice in it";
        if (inv->type != ORD_OP_INVOKE ||
            (done != NULL && done->type == ORD_OP_FAIL))
            return "what failed is in it";
        if (inv->index > newest)
            newest = inv->index;
        if (done != NULL && done->type == ORD_OP_OK && done->index < newest)
            return "it breaks real time";
        if (inv->f == ORD_F_READ && !ord_value_equal(&done->value, &now))
            return "a read does not see the last write";
        if (inv->f == ORD_F_WRITE)
            now = inv->value;
        if (inv->f == ORD_F_CAS) {
            if (!ord_value_equal(&inv->value.as.items[0], &now))
                return "a cas did not find what it expected";
            now = inv->value.as.items[1];
        }
    }
    return NULL;
}

const char *check_order(const struct ord_history *history,
                        const struct ord_verdict *verdict)
{
    const char *wrong = NULL; /* without a proof every call is missing */
    uint8_t *seen = calloc((size_t)ord_history_count(history) + 1, 1);

    for (const struct ord_proof *proof = verdict->proof;
         proof != NULL && wrong == NULL; proof = proof->next)
        wrong = proof->kind == ORD_PROOF_ORDER ? replay(history, proof, seen)
                                               : "it is no order";
    ORD_OPS (history, op) {
        const struct ord_op *done = ord_history_pair(history, op);

        if (wrong == NULL && op->type == ORD_OP_INVOKE && !op->is_final &&
            op->process >= 0 && done != NULL && done->type == ORD_OP_OK &&
            !seen[op->index])
            wrong = "an acknowledged operation is not in it";
    }
    free(seen);
    return wrong;
}
