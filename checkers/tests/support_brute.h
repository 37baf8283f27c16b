/* support_brute.h -- small random histories of one register, and a checker so
 * simple that it can be believed: it tries every order. */
#ifndef ORD_CHECKERS_TESTS_SUPPORT_BRUTE_H
#define ORD_CHECKERS_TESTS_SUPPORT_BRUTE_H

#include "harness/base/rng.h"
#include "histories/history.h"

enum { BRUTE_CALLS_MAX = 12, BRUTE_VALUES_MAX = 16 };

struct brute_call {
    int64_t begin; /* places among the events */
    int64_t end;   /* of an ok; else INT64_MAX */
    int64_t done;  /* of any completion */
    uint8_t f;     /* ORD_F_READ, ORD_F_WRITE, ORD_F_CAS */
    uint8_t type;  /* ORD_OP_OK, ORD_OP_FAIL, ORD_OP_INFO */
    uint8_t from;  /* 0: nil */
    uint8_t to;
};

struct brute {
    struct brute_call calls[BRUTE_CALLS_MAX];
    uint32_t count;
    uint32_t done_count; /* of events that have a completion */
};

/* A history that a real register might have produced, or (every second) one
 * with answers changed at random. */
void brute_random(struct brute *brute, struct ord_rng *rng);
bool brute_is_linearizable(const struct brute *brute);
/* As a history, of its own; the caller frees it. */
struct ord_history *brute_history(const struct brute *brute);
void brute_print(const struct brute *brute, struct ord_buf *out);

#endif
