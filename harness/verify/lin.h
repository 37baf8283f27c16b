/* lin.h -- orders and cores of `linearizable`; only for harness/verify. */
#ifndef ORD_VERIFY_LIN_H
#define ORD_VERIFY_LIN_H

#include "harness/verify/step.h"

enum { /* what a core keeps of a call */
       KEEP_BEGIN = 1,
       KEEP_END = 2,
       KEEP_MUST = 4,
};

/* An array of indexes: replays it and marks its calls as seen. */
bool ord_verify_order(struct verify *v, const struct world *world,
                      struct ord_bytes key, struct ord_json *in);
/* After all orders: no call of the history was forgotten.  Without a model each
 * object has its own. */
bool ord_verify_all_ordered(struct verify *v, const struct world *world);

/* An array of {"op", "keep"}: no order of those calls exists. */
bool ord_verify_core(struct verify *v, const struct world *world,
                     struct ord_bytes key, struct ord_json *in);

/* The end of a call that failed, for a failed cas was answered, too. */
uint32_t ord_call_end(const struct verify *v, uint32_t call);

/* ---- the search --------------------------------------------------------- */

struct part { /* a call of a core */
    uint32_t call;
    uint32_t begin; /* 0: any time */
    uint32_t end;   /* event_count: any time; ORD_CALL_NEVER: perhaps never */
    uint32_t kind;  /* parts of one kind do the same */
    uint32_t slot;  /* while it is open */
    struct act act;
    uint8_t keep;
    bool is_look;
};

enum searched { SEARCH_NONE, SEARCH_FOUND, SEARCH_GAVE_UP };

/* Whether an order of the parts exists, by trying all of them: exact.  Takes
 * steps off v->steps_left. */
enum searched ord_verify_search(struct verify *v, const struct world *world,
                                struct part *parts, uint32_t count);

#endif
