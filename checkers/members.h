/* members.h -- the elements of one set or list, in columns: who added them and
 * when they were acknowledged; for checkers only.
 *
 * As elements.h, for calls of histories/calls.h: by atom, one object after the
 * other in the same memory, 24 bytes an atom.  Failed adds did not happen,
 * unless `fail_may_happen`: then they may have.
 */
#ifndef ORD_CHECKERS_MEMBERS_H
#define ORD_CHECKERS_MEMBERS_H

#include "checkers/teller.h"

#define ORD_MEMBER_FS                                                          \
    (UINT64_C(1) << ORD_F_READ | UINT64_C(1) << ORD_F_ADD |                    \
     UINT64_C(1) << ORD_F_REMOVE | UINT64_C(1) << ORD_F_APPEND |               \
     UINT64_C(1) << ORD_F_CONTAINS)

struct ord_member {
    uint32_t add;   /* first acknowledged, else first attempted, else first
                       failed; ORD_CALL_NEVER: nobody ever tried */
    uint32_t acked; /* place of its first acknowledgement, or NEVER */
    uint32_t begun; /* of its first attempt that may have happened, or NEVER */
    uint32_t attempts; /* that may have happened */
    bool is_removed;   /* somebody may have removed it */
    bool is_listed;    /* appended: a list may hold it once per attempt */
    bool is_marked;    /* for the use of a checker; starts false */
};

struct ord_members {
    struct ord_member *at; /* by atom */
    uint32_t *list;        /* atoms that somebody tried to add or remove */
    uint32_t count;
    bool fail_may_happen;
};

/* ORD_ENOMEM. */
int ord_members_init(struct ord_members *members,
                     const struct ord_teller *teller, struct ord_err *err);
/* Those of the object that the teller has turned to.  O(its calls). */
void ord_members_load(struct ord_members *members,
                      const struct ord_teller *teller);

/* The items of a read of a set or list; nil: none.  False: it brought neither.
 */
bool ord_members_read(const struct ord_teller *teller, uint32_t read,
                      uint32_t *count, const uint32_t **items);

/* Why an item may not be in a read that ended at `end`, or NULL: it may.
 * *call: the add that is named with it, or ORD_CALL_NEVER. */
const char *ord_member_phantom(const struct ord_members *members,
                               const struct ord_teller *teller, uint32_t atom,
                               uint32_t end, uint32_t *call);

/* Ends a verdict UNKNOWN where an object of adds has other functions, too. */
int ord_conclude_odd_member(struct ord_teller *teller, uint32_t key,
                            uint32_t odd);

#endif
