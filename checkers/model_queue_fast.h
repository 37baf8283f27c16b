/* model_queue_fast.h -- queues and bags whose values are put once each: the
 * state of the engine, shared by its files.
 *
 * An element is put in [put_begin, put_end] and taken in [take_begin,
 * take_end]; ends are cut to what the other call allows (it was put before it
 * was taken), and an element that nobody is known to have taken has NEVER for
 * the latter two.
 */
#ifndef ORD_CHECKERS_MODEL_QUEUE_FAST_H
#define ORD_CHECKERS_MODEL_QUEUE_FAST_H

#include "checkers/model_points.h"

struct ord_element {
    uint32_t put_begin;
    uint32_t put_end;
    uint32_t take_begin;
    uint32_t take_end;
    uint32_t put;  /* calls */
    uint32_t take; /* ORD_LIN_NONE */
};

struct ord_queue_fast {
    struct ord_lin *lin;
    bool is_fifo;
    struct ord_element *elements; /* by put_begin */
    uint32_t count;
    uint32_t *by_put_end; /* elements */
    uint32_t *left;       /* those that nobody is known to have taken, by
                             put_end */
    uint32_t left_count;
    uint32_t *taker; /* of each in left: the element whose take demands it, or
                        ORD_LIN_NONE */
    uint32_t *takes; /* calls that took nobody knows what, by begin */
    uint32_t take_count;
    uint32_t *empties; /* calls that found nothing, by begin */
    uint32_t empty_count;
    uint32_t *empty_at; /* where each happened */
    uint32_t eaten;     /* of left, from the start: eaten by takes */
};

/* From calls to elements; is_declined where the values are not unique, INVALID
 * where an answer has no cause. */
int ord_queue_fast_read(struct ord_queue_fast *q, struct ord_err *err);
/* Elements of a queue where it is known which call took what each call put:
 * its number + 1, 0 for none.  No take is unknown then. */
int ord_queue_fast_match(struct ord_queue_fast *q, const uint32_t *take,
                         struct ord_err *err);
/* Puts the elements' calls and these two lists into a core.  with_left: what
 * is left matters, and so do the takes that may have eaten it. */
int ord_queue_fast_core(struct ord_queue_fast *q, const uint32_t *elements,
                        uint32_t count, uint32_t empty, bool with_left,
                        struct ord_err *err);
/* Where each empty answer may be: empty_at, eaten; INVALID: one has no place.
 * Exact for bags, and for queues after their own checks; necessary and, where
 * no take is unknown, sufficient for stacks. */
int ord_queue_fast_empties(struct ord_queue_fast *q, struct ord_err *err);
/* The order of a valid answer, once it is known where each empty happened and
 * how many are eaten. */
int ord_queue_fast_order(struct ord_queue_fast *q, struct ord_err *err);

#endif
