/* verify_cases.h -- histories whose proofs are fuzzed, and what is true of
 * them. */
#ifndef ORD_CI_FUZZ_VERIFY_CASES_H
#define ORD_CI_FUZZ_VERIFY_CASES_H

#include <stdbool.h>

enum { VERIFY_CASES = 34 };

struct verify_case {
    const char *history; /* in the text form */
    const char *checker;
    const char *model; /* NULL: none */
    bool is_violation;
    const char *objects; /* a proof's; NULL: what the checker says */
};

extern const struct verify_case verify_cases[VERIFY_CASES];

#endif
