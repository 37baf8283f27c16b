/* support_weak.h -- small random histories of registers on replicas that keep
 * some guarantees and not others, and the guarantees themselves as a reader
 * with patience checks them: closures of small matrices and all orders, no code
 * shared with the checkers.
 */
#ifndef ORD_CHECKERS_TESTS_SUPPORT_WEAK_H
#define ORD_CHECKERS_TESTS_SUPPORT_WEAK_H

#include "harness/base/rng.h"
#include "histories/history.h"

enum {
    WEAK_CALLS_MAX = 14,
    WEAK_DEEDS_MAX = 2 * WEAK_CALLS_MAX,
    WEAK_KEYS_MAX = 3,
    WEAK_VALUES_MAX = WEAK_CALLS_MAX + 2,
};

enum weak_store {
    WEAK_ONE_COPY,   /* linearizable */
    WEAK_CONVERGING, /* causal delivery, the same winner everywhere */
    WEAK_MEMORY,     /* causal delivery, the last delivered wins */
    WEAK_LAGGING,    /* one log, replicas lag, sessions move between them */
    WEAK_EVENTUAL,   /* delivery in any order */
    WEAK_RANDOM,     /* a read returns anything that was written */
    WEAK_STORES
};

struct weak_call {
    int32_t begin; /* places in the history */
    int32_t end;   /* of an ok; else INT32_MAX */
    int32_t process;
    int32_t session; /* dense; of the process where none is told */
    uint8_t key, f, type;
    uint8_t value; /* written or read; 0: nil */
    uint8_t expected;
};

/* As trace.h has them, but found anew. */
struct weak_deed {
    int32_t call;
    bool is_read;
    int from; /* of a read: the deed; or WEAK_NIL, WEAK_NOBODY, WEAK_SEVERAL */
};

enum { WEAK_NIL = -1, WEAK_NOBODY = -2, WEAK_SEVERAL = -3 };

struct weak {
    enum weak_store store;
    bool has_sessions;
    struct weak_call calls[WEAK_CALLS_MAX];
    int count;
    struct weak_deed deeds[WEAK_DEEDS_MAX];
    int deed_count;
    bool is_open; /* some read saw one of several writes */
    bool so[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX]; /* session order */
    bool co[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX]; /* and reads-from; closed */
};

void weak_random(struct weak *weak, enum weak_store store, struct ord_rng *rng);
struct ord_history *weak_history(const struct weak *weak); /* caller frees */

/* Each is true if the pattern of that name is there. */
bool weak_is_thin(const struct weak *weak);
bool weak_breaks_cc(const struct weak *weak);
bool weak_breaks_ccv(const struct weak *weak);
bool weak_breaks_cm(const struct weak *weak);
bool weak_is_sequential(const struct weak *weak); /* needs is_open false */
int weak_key(const struct weak *weak, int deed);
/* Every deed reachable becomes related. */
void weak_close(bool m[WEAK_DEEDS_MAX][WEAK_DEEDS_MAX], int count);

#endif
