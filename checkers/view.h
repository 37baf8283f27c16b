/* view.h -- a history as calls, grouped by object; for checkers only.
 *
 * A call is an invocation with what became of it.  Order is by the place in
 * the history: a came before b for certain iff a.end < b.begin.  Events of the
 * nemesis and processes below 0 are left out.  All memory is the arena's.
 */
#ifndef ORD_CHECKERS_VIEW_H
#define ORD_CHECKERS_VIEW_H

#include "checkers/checker.h"

#define ORD_NEVER INT64_MAX    /* the end of a call that nobody saw end */
#define ORD_BEFORE INT64_C(-1) /* begin and end of the initial value */

/* Told by the functions used on it; MIXED where they do not fit together or
 * one is not known here: nothing may be claimed about such an object. */
enum ord_object_kind {
    ORD_OBJECT_EMPTY,
    ORD_OBJECT_REGISTER, /* read, write, cas */
    ORD_OBJECT_SET,      /* read, add, remove */
    ORD_OBJECT_LIST,     /* read, append */
    ORD_OBJECT_MIXED,
};

struct ord_call {
    const struct ord_op *inv;
    const struct ord_op *done; /* NULL: no completion on record */
    int64_t begin;             /* index of inv */
    int64_t end;               /* of an ok completion; else ORD_NEVER */
    uint32_t object;
    uint16_t node; /* who answered, else who was asked */
    uint8_t f;
    uint8_t type; /* ORD_OP_OK, ORD_OP_FAIL or ORD_OP_INFO */
    bool is_final;
};

struct ord_object {
    struct ord_value key;
    uint32_t first; /* into calls */
    uint32_t count;
    enum ord_object_kind kind;
    const struct ord_call *odd; /* MIXED: the first that does not fit */
};

struct ord_view {
    const struct ord_history *history;
    struct ord_call *calls;     /* by object, then by begin */
    struct ord_object *objects; /* in the order of their first call */
    uint32_t call_count;
    uint32_t object_count;
};

/* O(events). ORD_ENOMEM, ORD_ELIMIT (2^31 events), ORD_EFORMAT (a cas without
 * [old new]). */
int ord_view_init(struct ord_view *view, const struct ord_check_in *in,
                  struct ord_err *err);

/* What a read returned, what a write, add or append wrote, what a cas put. */
const struct ord_value *ord_call_value(const struct ord_call *call);
/* What a cas expected. */
const struct ord_value *ord_call_expected(const struct ord_call *call);

static inline const struct ord_call *
ord_object_calls(const struct ord_view *view, const struct ord_object *object)
{
    return view->calls + object->first;
}

/* An ok read that was no look at the outcome. */
static inline bool ord_call_is_read(const struct ord_call *call)
{
    return call->f == ORD_F_READ && call->type == ORD_OP_OK && !call->is_final;
}

/* Who it was done for: a session, else a process; total order. */
int ord_call_compare_session(const struct ord_call *a,
                             const struct ord_call *b);
/* For qsort over pointers to calls: by end, then by begin. */
int ord_call_compare_end(const void *a, const void *b);

/* Values to small numbers: ids count from 0 in the order of their coming. */
#define ORD_NO_ID UINT32_MAX

struct ord_intern {
    uint32_t *slots; /* id + 1; 0: free */
    struct ord_value *values;
    uint32_t slot_count; /* a power of two */
    uint32_t count;
    uint32_t count_max;
};

/* For at most count_max different values; false without memory. */
bool ord_intern_init(struct ord_intern *intern, struct ord_arena *arena,
                     uint32_t count_max);
/* Borrows what the value points to. */
uint32_t ord_intern_add(struct ord_intern *intern,
                        const struct ord_value *value);
uint32_t ord_intern_find(const struct ord_intern *intern,
                         const struct ord_value *value); /* or ORD_NO_ID */

#endif
