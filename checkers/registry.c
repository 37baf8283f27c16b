/* registry.c -- the checkers there are: one line each. */
#include "checkers/registry.h"

#include <stddef.h>
#include <string.h>

static const struct ord_checker *const checkers[] = {
    &ord_checker_lost,
    &ord_checker_stale,
    &ord_checker_monotonic_reads,
    &ord_checker_read_your_writes,
    &ord_checker_causal,
    &ord_checker_convergence,
    &ord_checker_split_brain,
    &ord_checker_linearizable,
    &ord_checker_availability,
    &ord_checker_stats,
    &ord_checker_adya_g2,
    &ord_checker_bank,
    &ord_checker_counter,
    &ord_checker_queue,
    &ord_checker_set,
    &ord_checker_set_full,
    &ord_checker_total_queue,
    &ord_checker_unique_ids,
    &ord_checker_k_atomicity,
    &ord_checker_staleness,
    &ord_checker_monotonic_writes,
    &ord_checker_writes_follow_reads,
    &ord_checker_long_fork,
    &ord_checker_duplicated,
    &ord_checker_consistent_prefix,
    &ord_checker_sequential,
    NULL,
};

const struct ord_checker *const *ord_checkers(void)
{
    return checkers;
}

const struct ord_checker *ord_checker_find(const char *name)
{
    ORD_ASSERT(name != NULL);
    for (size_t i = 0; checkers[i] != NULL; i++) {
        if (strcmp(checkers[i]->name, name) == 0)
            return checkers[i];
    }
    return NULL;
}
