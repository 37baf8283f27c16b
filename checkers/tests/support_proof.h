/* support_proof.h -- every verdict of a table is proved, and verified. */
#ifndef ORD_CHECKERS_TESTS_SUPPORT_PROOF_H
#define ORD_CHECKERS_TESTS_SUPPORT_PROOF_H

#include "checkers/checker.h"

/* The proof is accepted; turned round, or with a byte changed, it is not.
 * `text` names the history where that is not so. */
void check_proof(const struct ord_checker *checker,
                 const struct ord_check_in *in,
                 const struct ord_verdict *verdict, const char *text);

#endif
