/* checker.h -- a checker: history and budget in, verdict and proof out.
 *
 * Pure: no clock, no socket, no randomness, no globals, so a verdict repeats
 * on any machine.  Budgets count steps and bytes, never seconds.
 */
#ifndef ORD_CHECKERS_CHECKER_H
#define ORD_CHECKERS_CHECKER_H

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "histories/history.h"

/* Ordered, so that merging is taking the greater.  A verdict starts UNKNOWN:
 * a pass has to be earned. */
enum ord_outcome { ORD_VALID, ORD_UNKNOWN, ORD_INVALID };

enum {
    ORD_WHY_SIZE = 1024,
    ORD_EVIDENCE_MAX = 64, /* operations named by a verdict */
    ORD_STATS_MAX = 64,
    ORD_FINDINGS_MAX = 16, /* further violations, one sentence each */
};

struct ord_option {
    const char *name;
    const char *value;
};

struct ord_check_in {
    const struct ord_history *history;
    struct ord_arena *arena; /* of this check; its limit is the byte budget */
    uint64_t steps_max;      /* of a search; 0: 200 million, some seconds */
    const char *model;       /* NULL where the checker takes none */
    const struct ord_option *options;
    uint32_t option_count;
    bool wants_proof; /* fill in out->proof; costs memory */
};

struct ord_stat {
    const char *name; /* unit last: "stall_max_ms" */
    double value;
};

struct ord_finding { /* one violation beyond the first */
    const char *why;
    int64_t ops[4];
    uint32_t op_count;
};

/* What `ordeal verify` re-checks, object by object; in the arena of the check.
 * ORDER: all that happened, in an order that explains it.
 * CORE:  the fewest calls that already contradict each other, with what is
 *        kept of each (ORD_KEEP_*, lin.h).
 * CYCLE: calls each of which came before the next, and the last before the
 *        first; a mark says why (enum ord_edge).
 * FACTS: nothing but the verdict's evidence and stats: verify counts again. */
enum ord_proof_kind {
    ORD_PROOF_FACTS,
    ORD_PROOF_ORDER,
    ORD_PROOF_CORE,
    ORD_PROOF_CYCLE,
};

enum ord_edge {
    ORD_EDGE_REAL_TIME,  /* it ended before the next began */
    ORD_EDGE_SESSION,    /* same session (or process), earlier */
    ORD_EDGE_READS_FROM, /* the next read what it wrote */
    ORD_EDGE_VERSION,    /* its version is older: see the checker */
};

struct ord_proof {
    const struct ord_proof *next;
    struct ord_value key; /* ORD_NIL: the history has one object */
    const char *model;    /* ORDER and CORE of linearizable, else NULL */
    enum ord_proof_kind kind;
    const uint32_t *ops;  /* indexes of invocations */
    const uint8_t *marks; /* CORE and CYCLE: one each; else NULL */
    uint64_t count;
    bool is_minimal; /* CORE: no further relaxation keeps it violating */
};

/* Texts are in the arena of the check. */
struct ord_verdict {
    enum ord_outcome outcome;
    char why[ORD_WHY_SIZE]; /* one sentence that a person can follow, with the
                               operations named: process, value, time, node */
    struct ord_value key;   /* of the first violation; ORD_NIL if it has none */
    int64_t ops[ORD_EVIDENCE_MAX]; /* indexes of the operations that prove it */
    uint32_t op_count;
    uint64_t violation_count; /* all that were found */
    struct ord_finding findings[ORD_FINDINGS_MAX];
    uint32_t finding_count;
    struct ord_stat stats[ORD_STATS_MAX];
    uint32_t stat_count;
    const char *model; /* linearizable: the one used; NULL: none, or several */
    const struct ord_proof *proof; /* NULL unless wanted */
    bool is_misused; /* UNKNOWN for an option or a model that is none */
};

struct ord_checker {
    const char *name;
    const char *claim;   /* what a pass says, one line */
    const char *options; /* NULL, or "max_stall_ms: ..." one per line */
    int (*check)(const struct ord_check_in *in, struct ord_verdict *out,
                 struct ord_err *err);
};

/* All checkers, NULL at the end; and by name (NULL: there is none). */
const struct ord_checker *const *ord_checkers(void);
const struct ord_checker *ord_checker_find(const char *name);

/* Whether it has such an option. */
bool ord_checker_has_option(const struct ord_checker *checker,
                            const char *name);

/* Runs it: starts the verdict UNKNOWN, turns a checker's error into UNKNOWN
 * with that error as the reason. */
void ord_check_run(const struct ord_checker *checker,
                   const struct ord_check_in *in, struct ord_verdict *out);

/* ---- for checkers ------------------------------------------------------- */
/* Sets outcome and sentence; returns ORD_OK. */
int ord_conclude(struct ord_verdict *out, enum ord_outcome outcome,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Names an operation as evidence; adds its pair too, keeps indexes sorted and
 * unique, ignores what is beyond ORD_EVIDENCE_MAX. */
void ord_evidence(struct ord_verdict *out, const struct ord_op *op);
void ord_stat(struct ord_verdict *out, const char *name, double value);
/* The option's value or NULL. */
const char *ord_check_option(const struct ord_check_in *in, const char *name);
const char *ord_outcome_name(enum ord_outcome outcome); /* pass unknown ... */

#endif
