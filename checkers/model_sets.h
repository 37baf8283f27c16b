/* model_sets.h -- the engines of the model set, and how they read its calls. */
#ifndef ORD_CHECKERS_MODEL_SETS_H
#define ORD_CHECKERS_MODEL_SETS_H

#include "checkers/exact.h"

enum ord_set_does {
    ORD_SET_SKIP,    /* nothing that matters */
    ORD_SET_ADD,     /* and it says nothing */
    ORD_SET_ADDED,   /* and it was new */
    ORD_SET_REMOVE,  /* and it says nothing */
    ORD_SET_REMOVED, /* and it was there */
    ORD_SET_PRESENT, /* contains that was true; an add of what was there */
    ORD_SET_ABSENT,
    ORD_SET_READ, /* all elements */
};

/* What a call does, by its function and its answer.  Where the completion of
 * an add or remove carries a truth, it is whether the set changed. */
enum ord_set_does ord_set_does(const struct ord_lin *lin, uint32_t call);

/* The elements that a read brought, as atoms of the history; lent. */
uint32_t ord_set_items(const struct ord_lin *lin, uint32_t call,
                       const uint32_t **items);

/* ORD_EFORMAT: a read brought something else than a list or nil. */
int ord_set_validate(const struct ord_lin *lin, struct ord_err *err);

/* Elements that were added and removed at most once, each alone; others go to
 * ord_set_exact() one by one.  No whole reads.  O(calls + atoms). */
int ord_set_elements(struct ord_lin *lin, struct ord_err *err);

/* Sets that only grow and are read as a whole: reads have to form a chain of
 * inclusion that agrees with time.  Declines where an element is added twice,
 * or anything but add and read.  O(calls + elements read). */
int ord_set_reads(struct ord_lin *lin, struct ord_err *err);

/* Anything else, element by element where there are no whole reads. */
int ord_set_exact(struct ord_lin *lin, struct ord_err *err);

/* The element alone: lin of the calls [first, first + count) of `by`, their
 * answer in *lin with the calls' numbers of *lin.  outcome ORD_VALID: the
 * order is in sub_order, as numbers of *lin (lent, in `scratch`). */
struct ord_set_part {
    const uint32_t *calls; /* by begin */
    uint32_t count;
    const uint32_t *order; /* out */
    uint32_t order_count;
};

int ord_set_decide_part(struct ord_lin *lin, struct ord_set_part *part,
                        struct ord_arena *scratch, struct ord_err *err);

#endif
