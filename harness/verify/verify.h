/* verify.h -- checks a proof again, with code that shares nothing with the
 * checkers.
 *
 * For people who do not want to trust the search: this is small, plain, and
 * near-linear.  What is accepted holds for the history given:
 *   pass       each call that counts stands once in an order that respects
 *              real time (or sessions) and explains every answer; or nothing
 *              is found that breaks the definition in the checker's header
 *   violation  the core's few calls have no such order, tried exhaustively;
 *              or a cycle each of whose steps is sure; or as many violations
 *              as are counted again here, by that definition
 *   unknown    claims nothing, so there is nothing to prove
 * README.md has this checker by checker, with costs and limits.
 */
#ifndef ORD_VERIFY_VERIFY_H
#define ORD_VERIFY_VERIFY_H

#include "histories/history.h"

enum {
    ORD_VERIFY_WHY_SIZE = 1024,
    ORD_VERIFY_CHECKS_MAX = 256,
};

struct ord_verify_in {
    const struct ord_history *history;
    struct ord_bytes proof; /* the file, borrowed */
    uint64_t size_max;      /* bytes of memory beside these two */
    uint64_t steps_max;     /* of all searches, and of clocks: a node and pass;
                               together; 0: 50 million */
};

struct ord_verify_out {
    bool is_accepted;
    uint32_t check_count;
    uint32_t unknown_count; /* verdicts that claim nothing */
    uint32_t figure_count;  /* told beside verdicts, and not counted again */
    uint64_t order_count;   /* calls that stand in orders */
    uint64_t core_count;    /* calls in cores and cycles */
    uint64_t steps;         /* of the searches */
    char why[ORD_VERIFY_WHY_SIZE]; /* rejected: which element, and why */
};

/* ORD_OK with out filled in, accepted or not; ORD_EFORMAT: this is no proof
 * file; ORD_ENOMEM; ORD_ELIMIT: the steps were used up, so neither.  Safe for
 * any bytes. */
int ord_verify(const struct ord_verify_in *in, struct ord_verify_out *out,
               struct ord_err *err);

/* What the proof says of the history's form: a value [k v] is key and value.
 * False also where it is no proof. */
bool ord_verify_is_keyed(struct ord_bytes proof);

#endif
