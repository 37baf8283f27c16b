/* versions.h -- who may have written a value of a register, and what replaced
 * it for certain; for checkers only.
 *
 * Certain order only: write a is before write b iff a was acknowledged before
 * b was invoked.  An ok cas is a write of its new value.  Failed writes did
 * not happen.  A write with an unknown end never has one.  The initial value,
 * nil, is before all.  Where a value was written twice, every question is
 * answered for all writes that a read may have seen.
 *
 * Cost: O(calls log calls) to build, O(log calls) a question.
 */
#ifndef ORD_CHECKERS_VERSIONS_H
#define ORD_CHECKERS_VERSIONS_H

#include "checkers/view.h"

struct ord_write {
    const struct ord_call *call;
    int64_t min_end; /* over the writes of this value up to this one */
    int64_t max_end;
};

struct ord_versions {
    struct ord_intern values;
    uint32_t *first; /* per value: into by_value; one more at the end */
    struct ord_write *writes;      /* by value, then by begin */
    const struct ord_call **acked; /* ok writes by end */
    uint32_t *newest; /* per place in acked: the latest begun so far */
    uint32_t acked_count;
};

/* The writes that a read of a value may have seen. count 0: none. */
struct ord_candidates {
    uint32_t count; /* the initial value counts as one */
    int64_t min_begin;
    int64_t max_begin;
    int64_t min_end;
    int64_t max_end;
    const struct ord_call *call; /* one of them; NULL: the initial value */
};

bool ord_call_is_write(
    const struct ord_call *call); /* write, cas; not failed */

/* Of a register.  ORD_ENOMEM. */
int ord_versions_init(struct ord_versions *versions,
                      const struct ord_view *view,
                      const struct ord_object *object, struct ord_arena *arena,
                      struct ord_err *err);

/* The writes of value that were invoked before the place `before`. */
struct ord_candidates ord_versions_of(const struct ord_versions *versions,
                                      const struct ord_value *value,
                                      int64_t before);

/* The first acknowledged of the writes that began after `end`, if it was
 * acknowledged before the place `before`; NULL: there is none. */
const struct ord_call *
ord_versions_replaced(const struct ord_versions *versions, int64_t end,
                      int64_t before);

#endif
