/* session.h -- what one session did to one object; for checkers only.
 *
 * A session is op->session, across processes and devices; else the process.
 * Only ok calls, no final reads.  Calls of one session may overlap, so there
 * are two orders: by begin, and by end.
 */
#ifndef ORD_CHECKERS_SESSION_H
#define ORD_CHECKERS_SESSION_H

#include "checkers/view.h"

struct ord_sessions {
    const struct ord_call **by_begin; /* all of the object, by session */
    const struct ord_call **by_end;
    uint32_t count;
    uint32_t at;
};

struct ord_session_run {
    const struct ord_call **by_begin;
    const struct ord_call **by_end;
    uint32_t count;
};

/* O(calls log calls). ORD_ENOMEM. */
int ord_sessions_init(struct ord_sessions *sessions,
                      const struct ord_view *view,
                      const struct ord_object *object, struct ord_arena *arena,
                      struct ord_err *err);
/* The next session; false: there is none. */
bool ord_sessions_next(struct ord_sessions *sessions,
                       struct ord_session_run *run);

#endif
