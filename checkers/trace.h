/* trace.h -- what sessions did to registers, and which write each read saw;
 * for checkers only.
 *
 * A deed is a read, or a write that certainly happened: one acknowledged, or
 * seen by a read.  A cas that succeeded is two deeds in a row, the read of what
 * it expected and the write of what it put; a get is a read, a put a write.
 * Deeds are numbered by the place of their invocation.  Left out: what failed,
 * final reads, reads without an answer, unfinished writes that nobody saw,
 * objects that are no register.
 *
 * A read saw the one write of its value that was invoked before it ended; where
 * there are several (or, for nil, one besides the initial value) nobody knows.
 * A read that ended before anybody began to write its value, or that saw what a
 * cas put whose own source began only later (or never), saw what nobody wrote.
 * A session is op->session, across processes and devices; else the process.
 * Of two deeds of a session, one is earlier for certain iff it ended before the
 * other began (or is the read of the same cas).
 *
 * Cost: O(events), about 40 bytes a call beyond those of calls.h.
 */
#ifndef ORD_CHECKERS_TRACE_H
#define ORD_CHECKERS_TRACE_H

#include "checkers/proof.h"
#include "checkers/view.h"
#include "histories/calls.h"

enum { /* kinds of deed, or'ed */
       ORD_DEED_READ = 1,
       ORD_DEED_WRITE = 2,
       ORD_DEED_CAS = 4, /* the two parts of one */
};

/* What a read saw, where that is no deed. */
#define ORD_FROM_INITIAL UINT32_MAX       /* nil, and nobody wrote it */
#define ORD_FROM_NOBODY (UINT32_MAX - 1)  /* nobody had begun to write it */
#define ORD_FROM_SEVERAL (UINT32_MAX - 2) /* written more than once */
#define ORD_FROM_IS_DEED(from) ((from) < ORD_FROM_SEVERAL)

struct ord_trace {
    const struct ord_history *history;
    struct ord_calls calls;
    uint8_t *key_kind; /* enum ord_object_kind, by key */
    uint32_t count;
    uint32_t *call; /* of each deed: its place in calls */
    uint32_t *from; /* READ: the write seen; WRITE: how many reads saw it */
    uint8_t *kind;
    uint32_t *session; /* of each call, dense */
    uint32_t session_count;
    uint32_t *by_session;    /* deeds by session, then begin */
    uint32_t *session_first; /* session_count + 1 */
    uint32_t *by_key;        /* deeds by key, then begin */
    uint32_t *key_first;     /* key_count + 1 */
    uint32_t read_count;
    uint32_t several_count; /* reads of a value written more than once */
    uint32_t several;       /* the first of them: a deed */
};

/* ORD_ENOMEM, and what ord_calls_build() fails with. */
int ord_trace_init(struct ord_trace *trace, const struct ord_check_in *in,
                   struct ord_err *err);

static inline uint32_t ord_deed_begin(const struct ord_trace *t, uint32_t deed)
{
    return t->calls.begin[t->call[deed]];
}

/* ORD_CALL_NEVER: nobody saw it end. */
static inline uint32_t ord_deed_end(const struct ord_trace *t, uint32_t deed)
{
    return t->calls.end[t->call[deed]];
}

static inline uint32_t ord_deed_key(const struct ord_trace *t, uint32_t deed)
{
    return t->calls.key == NULL ? 0 : t->calls.key[t->call[deed]];
}

static inline uint32_t ord_deed_session(const struct ord_trace *t,
                                        uint32_t deed)
{
    return t->session[t->call[deed]];
}

static inline bool ord_deed_is_read(const struct ord_trace *t, uint32_t deed)
{
    return (t->kind[deed] & ORD_DEED_READ) != 0;
}

/* a is earlier in a session than b, both being of it. */
static inline bool ord_deed_precedes(const struct ord_trace *t, uint32_t a,
                                     uint32_t b)
{
    return ord_deed_end(t, a) < ord_deed_begin(t, b) ||
           (a + 1 == b && t->call[a] == t->call[b]);
}

/* ---- words --------------------------------------------------------------- */
const struct ord_op *ord_deed_op(const struct ord_trace *t, uint32_t deed);
const struct ord_op *ord_deed_done(const struct ord_trace *t, uint32_t deed);
/* What a read saw, what a write put. */
struct ord_value ord_deed_value(const struct ord_trace *t, uint32_t deed);
/* As ord_text_call() and its sisters of proof.h. */
struct ord_text ord_deed_text(const struct ord_trace *t, uint32_t deed);
struct ord_text ord_deed_did(const struct ord_trace *t, uint32_t deed);
struct ord_text ord_deed_who(const struct ord_trace *t, uint32_t deed);
/* "nobody had begun to write that value", or which failed call did. */
struct ord_text ord_deed_unwritten(const struct ord_trace *t, uint32_t read,
                                   struct ord_named *named);
/* Ends a verdict UNKNOWN if a read object is none of the kinds (bits of
 * 1 << enum ord_object_kind) that the checker judges; false: none is. */
bool ord_trace_is_odd(const struct ord_trace *t, unsigned kinds,
                      struct ord_verdict *out);
/* Ends it UNKNOWN, naming the first read of a repeated value; false: none. */
bool ord_trace_is_open(const struct ord_trace *t, struct ord_verdict *out);
/* Adds a cycle or facts to the proof, if one is wanted: deeds in order, and why
 * each came before the next (NULL for what has no marks). */
void ord_trace_prove(const struct ord_trace *t, const struct ord_check_in *in,
                     struct ord_verdict *out, enum ord_proof_kind kind,
                     const uint32_t *deeds, const uint8_t *marks,
                     uint32_t count);

#endif
