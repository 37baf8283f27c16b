/* fitting.h -- which checkers a history is for, when nobody says.
 *
 * By what its clients did, and by what the first reads brought: numbers, lists
 * or maps of balances.  Each history gets one that judges its data, never only
 * one of how old reads are.  O(1), besides ord_history_facts().
 */
#ifndef ORD_CHECKERS_FITTING_H
#define ORD_CHECKERS_FITTING_H

#include "histories/history.h"

enum { ORD_FITTING_MAX = 12 };

/* Names of checkers, `stats` first; returns how many. */
uint32_t ord_fitting_checkers(const struct ord_history *history,
                              const char *names[ORD_FITTING_MAX]);

#endif
