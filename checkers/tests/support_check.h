/* support_check.h -- tables of histories and the verdicts that they must get.
 */
#ifndef ORD_CHECKERS_TESTS_SUPPORT_CHECK_H
#define ORD_CHECKERS_TESTS_SUPPORT_CHECK_H

#include "checkers/checker.h"

/* Most rows need no option. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct check_row {
    const char *history; /* in the text form of histories/history.h */
    enum ord_outcome want;
    const char *why; /* NULL, or a part of the sentence */
    struct ord_option option;
};

/* A failed expectation names the row's history and the sentence. */
void check_rows(const struct ord_checker *checker, const struct check_row *rows,
                size_t count);

struct checked {
    struct ord_history *history;
    struct ord_arena arena;
    struct ord_verdict verdict;
};

void checked_init(struct checked *checked, const struct ord_checker *checker,
                  const char *text);
void checked_fini(struct checked *checked);
double checked_stat(const struct checked *checked, const char *name);

/* The order proves that the history is linearizable; NULL, or what is wrong.
 * Shares no code with the checker. */
const char *check_order(const struct ord_history *history,
                        const struct ord_verdict *verdict);

#define CHECK_ROWS(checker, rows)                                              \
    check_rows(&(checker), rows, sizeof(rows) / sizeof *(rows))

#endif
