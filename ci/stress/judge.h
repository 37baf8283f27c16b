/* judge.h -- what ordeal says of a small history, and whether its proof holds
 * by brute force. */
#ifndef ORD_CI_STRESS_JUDGE_H
#define ORD_CI_STRESS_JUDGE_H

#include "checkers/checker.h"
#include "ci/stress/brute.h"

struct judge {
    struct ord_arena arena; /* of one check; reset for each */
    struct ord_verdict verdict;
    struct ord_history *history; /* owned; the last one */
    struct small_values values;
    struct ord_op ops[SMALL_EVENTS_MAX];
    uint64_t proof_count;    /* re-checked */
    uint64_t unproved_count; /* wanted, and there was none that we know */
};

void judge_init(struct judge *judge);
void judge_fini(struct judge *judge);

/* Builds the history and asks `linearizable`; the verdict is in judge->verdict
 * until the next call.  An error is ours: ORD_EFORMAT and so on. */
int judge_ask(struct judge *judge, const struct small *small, bool wants_proof,
              struct ord_err *err);
/* Does the proof of that verdict hold?  False: why says what is wrong. */
bool judge_proof_holds(struct judge *judge, const struct small *small,
                       struct brute *brute, const char **why);

#endif
