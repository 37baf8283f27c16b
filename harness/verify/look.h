/* look.h -- registers, sets and lists as reads see them; only for the recounts
 * of harness/verify.
 *
 * Time is the order of the events.  The writes that a read may have seen are
 * those of its value that may have happened and began before it ended, and the
 * initial value, nil; a write is older than another for certain if it was
 * acknowledged before that one began.
 */
#ifndef ORD_VERIFY_LOOK_H
#define ORD_VERIFY_LOOK_H

#include "harness/verify/facts.h"
#include "harness/verify/step.h"

enum kind { KIND_EMPTY, KIND_REGISTER, KIND_SET, KIND_LIST, KIND_MIXED };

struct write { /* of a register, by value, then by begin */
    uint32_t value;
    uint32_t call;
    int64_t min_end; /* of those of the value up to this one */
    int64_t max_end;
};

struct acked { /* ok writes by end */
    int64_t end;
    int64_t newest; /* the latest begin up to this one */
};

struct member { /* of a set or list */
    int64_t acked;
    uint32_t add;
    uint32_t stamp;
    bool is_removed;
};

struct seen { /* the writes that a read may have seen */
    uint32_t count;
    int64_t min_begin, max_begin, min_end, max_end;
};

struct look {
    struct facts *f;
    enum kind kind;
    struct write *writes;
    uint32_t write_count;
    struct acked *acked;
    uint32_t acked_count;
    struct pairs ids; /* atom -> number of a member, from 1 */
    struct member *members;
    uint32_t member_count;
    int64_t *by_acked; /* ends of first acknowledgements, ascending */
    uint32_t by_acked_count;
    uint32_t stamp;
    uint32_t session_calls;
    uint64_t reads, hits, undecided;
};

/* What is done to the object that f has turned to. */
enum kind ord_look_kind(const struct facts *f);
/* Its writes, or its members, by l->kind; false: it is over, or it is mixed. */
bool ord_look_load(struct look *l);
struct seen ord_look_seen(const struct look *l, uint32_t read);
/* Some write began after `end` and was acknowledged before `place`. */
bool ord_look_replaced(const struct look *l, int64_t end, int64_t place);
/* NULL: nobody added or removed it, or failed to. */
struct member *ord_look_member(const struct look *l, uint32_t atom);
/* INT64_MAX: nobody saw it end. */
int64_t ord_look_end(const struct facts *f, uint32_t call);
/* It may have happened. */
bool ord_look_writes(const struct facts *f, uint32_t call);

static inline bool ord_look_ok_read(const struct facts *f, uint32_t call)
{
    return f->calls->f[call] == ORD_F_READ && f->calls->type[call] == ORD_OP_OK;
}

static inline bool ord_look_final(const struct facts *f, uint32_t call)
{
    return f->calls->is_final != NULL && f->calls->is_final[call] != 0;
}

#endif
