/* queues.h -- what is put into queues and stacks and taken out again, in
 * columns; for checkers only.
 *
 * A put is an enqueue or push.  A take is an ok dequeue or pop of a value that
 * is not nil, or one item of what an ok drain brought.
 */
#ifndef ORD_CHECKERS_QUEUES_H
#define ORD_CHECKERS_QUEUES_H

#include "checkers/teller.h"

#define ORD_PUT_FS (UINT64_C(1) << ORD_F_ENQUEUE | UINT64_C(1) << ORD_F_PUSH)
#define ORD_TAKE_FS                                                            \
    (UINT64_C(1) << ORD_F_DEQUEUE | UINT64_C(1) << ORD_F_POP |                 \
     UINT64_C(1) << ORD_F_DRAIN)

static inline bool ord_call_is_put(const struct ord_calls *calls, uint32_t call)
{
    return (ORD_PUT_FS >> calls->f[call] & 1) != 0;
}

static inline bool ord_put_may_happen(const struct ord_calls *calls,
                                      uint32_t call, bool fail_may_happen)
{
    return ord_call_is_put(calls, call) &&
           (calls->type[call] != ORD_OP_FAIL || fail_may_happen);
}

/* What an ok dequeue, pop or drain took; *single is room for one of them. */
static inline uint32_t ord_take_items(const struct ord_calls *calls,
                                      uint32_t call, uint32_t *single,
                                      const uint32_t **items)
{
    ORD_ASSERT(calls->type[call] == ORD_OP_OK);
    if (calls->f[call] == ORD_F_DRAIN)
        return ord_atom_items(calls, calls->out[call], items);
    *single = calls->out[call];
    *items = single;
    return *single != ORD_ATOM_NIL && *single != ORD_ATOM_NONE;
}

/* Somebody did what is done to queues and stacks. */
bool ord_object_is_queue(const struct ord_teller *teller);
/* Ends a verdict UNKNOWN where a queue has other functions, too. */
int ord_conclude_odd_queue(struct ord_teller *teller, uint32_t key,
                           uint32_t odd);

#endif
