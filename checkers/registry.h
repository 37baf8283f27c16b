/* registry.h -- the descriptors that registry.c lists; one per checker. */
#ifndef ORD_CHECKERS_REGISTRY_H
#define ORD_CHECKERS_REGISTRY_H

#include "checkers/checker.h"

extern const struct ord_checker ord_checker_adya_g2;
extern const struct ord_checker ord_checker_availability;
extern const struct ord_checker ord_checker_bank;
extern const struct ord_checker ord_checker_causal;
extern const struct ord_checker ord_checker_consistent_prefix;
extern const struct ord_checker ord_checker_convergence;
extern const struct ord_checker ord_checker_counter;
extern const struct ord_checker ord_checker_duplicated;
extern const struct ord_checker ord_checker_k_atomicity;
extern const struct ord_checker ord_checker_linearizable;
extern const struct ord_checker ord_checker_long_fork;
extern const struct ord_checker ord_checker_lost;
extern const struct ord_checker ord_checker_monotonic_reads;
extern const struct ord_checker ord_checker_monotonic_writes;
extern const struct ord_checker ord_checker_queue;
extern const struct ord_checker ord_checker_read_your_writes;
extern const struct ord_checker ord_checker_sequential;
extern const struct ord_checker ord_checker_set;
extern const struct ord_checker ord_checker_set_full;
extern const struct ord_checker ord_checker_split_brain;
extern const struct ord_checker ord_checker_stale;
extern const struct ord_checker ord_checker_staleness;
extern const struct ord_checker ord_checker_stats;
extern const struct ord_checker ord_checker_total_queue;
extern const struct ord_checker ord_checker_unique_ids;
extern const struct ord_checker ord_checker_writes_follow_reads;

#endif
