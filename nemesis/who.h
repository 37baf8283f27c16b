/* who.h -- the parameter `who` of faults on nodes; for nemesis/ only. */
#ifndef ORD_NEMESIS_WHO_H
#define ORD_NEMESIS_WHO_H

#include "nemesis/params.h"

#define ORD_WHO_PARAM                                                          \
    {                                                                          \
        "who", "one",                                                          \
            "one | minority | majority | all | leader | rolling (each in "     \
            "turn, in shares of `for`, away in the first half of its share) "  \
            "| that node (whose event it was) | names as n1,n3"                \
    }

int ord_who_check(const struct ord_nemesis_entry *entry, uint32_t node_count,
                  struct ord_err *err);
int ord_who_plan(const struct ord_nemesis_entry *entry,
                 const struct ord_occasion *when, const struct ord_plan_in *in,
                 struct ord_fault_plan *out, struct ord_err *err);
bool ord_who_needs_primary(const struct ord_fault *fault);
/* Sets nodes and what: "n1 n3". */
int ord_who_resolve(struct ord_fault *fault, uint32_t node_count,
                    uint32_t primary, struct ord_err *err);

#endif
