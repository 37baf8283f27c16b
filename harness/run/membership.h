/* membership.h -- the target's own commands that change who its members are.
 *
 * Each runs in the network of the node that is asked, as a program of its own
 * with a deadline, so nothing waits.  A node whose data was wiped is started
 * from then on as one that joins; a file beside its data remembers that.
 */
#ifndef ORD_RUN_MEMBERSHIP_H
#define ORD_RUN_MEMBERSHIP_H

#include "harness/control/cluster.h"
#include "harness/run/campaign.h"
#include "nemesis/env.h"

struct ord_membership {
    const struct ord_cell *cell;
    struct ord_cluster *cluster; /* borrowed */
    const char *nodes_dir;
    uint64_t listed; /* by the last answer: members, also joining ones */
};

/* Of the env's cluster; sets the env's side of it. */
void ord_membership_init(struct ord_membership *members,
                         const struct ord_cell *cell, const char *nodes_dir,
                         struct ord_nemesis_env *env);
/* How the node is started: of the members at the beginning, or joining. */
const char *const *ord_membership_start(const struct ord_membership *members,
                                        uint32_t node);
/* Why a fault of the entry cannot be with this target and these settings. */
int ord_membership_check(const struct ord_cell *cell, struct ord_err *err);
/* The nodes in `members`' output: one a line, by name, number or address, and
 * "joining" behind those that do not count yet.  False: nonsense. */
bool ord_membership_parse(const char *text, uint32_t node_count,
                          uint64_t *members, uint64_t *joining);

#endif
