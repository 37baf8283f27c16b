/* elements.h -- the elements of a set or list: who added them, when they were
 * acknowledged; for checkers only.
 *
 * Failed adds did not happen.  An element that anybody may have removed is
 * left out of all claims (is_removed).  Cost: O(calls).
 */
#ifndef ORD_CHECKERS_ELEMENTS_H
#define ORD_CHECKERS_ELEMENTS_H

#include "checkers/view.h"

struct ord_element {
    const struct ord_call *add; /* first acknowledged, else first attempted */
    int64_t acked;              /* place of the first acknowledgement */
    int64_t begun;              /* first attempt that may have happened */
    uint32_t attempt_count;     /* that may have happened */
    bool is_removed;
};

struct ord_elements {
    struct ord_intern ids;
    struct ord_element *at; /* by id */
    uint32_t *by_acked;     /* ids of those acknowledged and never removed */
    uint32_t acked_count;
    uint32_t *stamps; /* by id, for the use of a checker; starts 0 */
};

/* Of a set or a list. ORD_ENOMEM. */
int ord_elements_init(struct ord_elements *elements,
                      const struct ord_view *view,
                      const struct ord_object *object, struct ord_arena *arena,
                      struct ord_err *err);
/* How many of by_acked were acknowledged before that place. */
uint32_t ord_elements_acked(const struct ord_elements *elements,
                            int64_t before);

/* Items of a read of a set or list (nil: none). */
static inline uint32_t ord_items(const struct ord_call *read,
                                 const struct ord_value **items)
{
    const struct ord_value *value = ord_call_value(read);

    *items = value->kind == ORD_LIST ? value->as.items : NULL;
    return value->kind == ORD_LIST ? value->count : 0;
}

static inline bool ord_object_is_bag(const struct ord_object *object)
{
    return object->kind == ORD_OBJECT_SET || object->kind == ORD_OBJECT_LIST;
}

#endif
