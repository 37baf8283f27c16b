/* synth.h -- histories of any size of a simulated object, with at most one
 * planted error: what benchmarks and tests of checkers are fed with.
 *
 * Clients call one or more objects.  In each step one client, drawn at random,
 * goes on by one stage: invocation, the moment in which the call takes effect,
 * return; so about two thirds of the clients have a call open.  A call that
 * crashes (info) takes effect at once (half), later than its end (a quarter)
 * or never (a quarter); its client goes on as a new process.
 *
 * The planted error is certain: no history of a correct object looks like it.
 * Where crashed calls could explain it away, those are not generated (say,
 * crashed dequeues where an element is to be lost).
 *
 * Pure and streaming: a seed gives the same events anywhere; the memory is
 * that of the objects.  About 0.1 us an event.
 */
#ifndef ORD_GEN_SYNTH_H
#define ORD_GEN_SYNTH_H

#include "harness/base/err.h"
#include "histories/history.h"

enum ord_synth_bad {
    ORD_SYNTH_VALID,
    ORD_SYNTH_STALE_READ, /* a value that was certainly overwritten */
    ORD_SYNTH_LOST,       /* acknowledged, and not there */
    ORD_SYNTH_DUPLICATE,  /* taken twice, or held by two */
    ORD_SYNTH_REORDER,    /* one overtook another that came before it */
    ORD_SYNTH_PHANTOM,    /* a value that nobody put there */
    ORD_SYNTH_BAD_COUNT
};

enum { ORD_SYNTH_CLIENTS_MAX = 100000 };

struct ord_synth_config {
    const char *workload; /* one of ord_synth_workloads() */
    enum ord_synth_bad bad;
    double bad_at; /* how far in, 0 to 1 */
    uint64_t ops;  /* invocations */
    uint32_t clients;
    uint32_t values;      /* so many different ones; 0: each is unique */
    uint32_t keys;        /* objects in use at a time; 1 and no ops_per_key:
                             operations carry no key */
    uint64_t ops_per_key; /* then a fresh object; 0: never */
    double info_share;    /* of the calls, 0 to 1 */
    double idle_share;    /* how often a free client does nothing, 0 to <1 */
    uint64_t seed;
};

struct ord_synth; /* opaque */

/* What there is, NULL at the end. */
const char *const *ord_synth_workloads(void);
/* The model that `linearizable` judges it by. */
const char *ord_synth_model(const char *workload);
const char *ord_synth_bad_name(enum ord_synth_bad bad); /* "stale-read" */
bool ord_synth_bad_of(const char *name, enum ord_synth_bad *bad);

/* ORD_EUSAGE: no such workload, it cannot have that error, or a number is out
 * of range; ORD_ENOMEM.  Owned by the caller. */
int ord_synth_new(const struct ord_synth_config *config, struct ord_synth **out,
                  struct ord_err *err);
void ord_synth_free(struct ord_synth **synth);

/* The next event; ORD_ENOTFOUND (err is not written) when there is none.  What
 * the value points to is lent until the next call.  ORD_ENOMEM. */
int ord_synth_next(struct ord_synth *synth, struct ord_op *op,
                   struct ord_err *err);
/* The error has happened: not so if the history was too short for it. */
bool ord_synth_is_planted(const struct ord_synth *synth);

/* All of it as a history, owned by the caller, within size_max bytes (0: no
 * limit); ORD_ELIMIT: the history was too short for the error. */
int ord_synth_history(const struct ord_synth_config *config, size_t size_max,
                      struct ord_history **out, struct ord_err *err);

#endif
