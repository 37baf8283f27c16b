/* engine.h -- begins and ends the faults of a plan when they are due.
 *
 * A step function: the operator process calls it with the time and with what
 * it has noticed (who leads, how many operations are done) and sleeps itself.
 * Each fault is written to the ledger, then injected; when its time is over it
 * is asked whether it took hold, then healed.  What cannot be injected is
 * reported, healed at once, and the rest goes on.  What must not be in force
 * beside what is (overlap.h) is not begun, and that is reported, too.
 */
#ifndef ORD_NEMESIS_ENGINE_H
#define ORD_NEMESIS_ENGINE_H

#include "nemesis/env.h"
#include "nemesis/ledger.h"
#include "nemesis/nemesis.h"

struct ord_nemesis_engine;

enum ord_nemesis_event_kind {
    ORD_FAULT_BEGAN,
    ORD_FAULT_ENDED,
    ORD_FAULT_FAILED,    /* could not be injected; it has been healed */
    ORD_FAULT_NOT_BEGUN, /* must not be in force beside others */
};

struct ord_nemesis_event { /* texts are lent for the call */
    enum ord_nemesis_event_kind kind;
    const struct ord_fault *fault; /* lives as long as the engine */
    int64_t due_ns;       /* CLOCK_MONOTONIC; of a begin; ORD_NEVER else */
    int64_t begin_ns;     /* the decision to begin */
    int64_t done_ns;      /* when what this event reports was done */
    bool held;            /* ENDED */
    const char *evidence; /* ENDED: the measurement, one sentence */
    const char *error; /* FAILED, NOT_BEGUN: why; ENDED: heal's trouble; NULL:
                          none */
};

struct ord_nemesis_config {
    const struct ord_fault_plan *plan; /* copied */
    struct ord_nemesis_env *env;       /* borrowed */
    struct ord_ledger *ledger;         /* borrowed; NULL: none */
    uint32_t away_max;    /* nodes down, frozen or out at once; 0: any number */
    int64_t run_start_ns; /* CLOCK_MONOTONIC of the run's time 0, for the
                             ledger */
    /* What time it is after an action; NULL: ord_now_ns. */
    int64_t (*clock_ns)(void *ctx);
    void (*on_event)(void *ctx, const struct ord_nemesis_event *event);
    void *ctx; /* of both */
};

int ord_nemesis_engine_new(const struct ord_nemesis_config *config,
                           struct ord_nemesis_engine **out,
                           struct ord_err *err);
void ord_nemesis_engine_free(struct ord_nemesis_engine **engine);

/* The main phase begins: times of the plan count from now_ns. */
void ord_nemesis_start(struct ord_nemesis_engine *engine, int64_t now_ns);
/* Does one action that is due, if any; returns when to call again (now_ns or
 * earlier: at once), ORD_NEVER if nothing is scheduled.  Takes microseconds
 * for links, some 80 ms for a kill, at most about 2 s when a kill hangs. */
int64_t ord_nemesis_step(struct ord_nemesis_engine *engine, int64_t now_ns);

/* Who is the primary (0: nobody).  The first one is no change, and being
 * primary again after nobody was is none either. */
void ord_nemesis_leader_changed(struct ord_nemesis_engine *engine,
                                uint32_t primary, int64_t now_ns);
/* What an entry with ORD_ON_LOG or ORD_ON_OP waits for has come, from this
 * node (0: nobody's).  Within the cooldown of the one before, and while a fault
 * of the entry is to come or in force, it is nothing. */
void ord_nemesis_event_came(struct ord_nemesis_engine *engine, uint32_t entry,
                            uint32_t node, int64_t now_ns);
/* A node's program ended though nobody had asked it to.  Returns the fault that
 * explains it (one that may_crash, in force there or until just now): then the
 * node is started again as soon as no such fault is in force there.  NULL: it
 * has no excuse, and stays down until the final heal. */
const struct ord_fault *
ord_nemesis_node_ended(struct ord_nemesis_engine *engine, uint32_t node,
                       int64_t now_ns);
/* How many operations have completed, in all. */
void ord_nemesis_ops_done(struct ord_nemesis_engine *engine, uint64_t count,
                          int64_t now_ns);

/* Ends every fault in force, forgets those still to come, then resets every
 * link and makes every node run, whatever happened before.  What hampers nodes
 * (links, disks, clocks) is healed before frozen nodes are thawed and those
 * that are down are started.  Never stops early; the first error is returned;
 * calling it again tries again what failed.  Idempotent. */
int ord_nemesis_heal_all(struct ord_nemesis_engine *engine, int64_t now_ns,
                         struct ord_err *err);

struct ord_nemesis_counts {
    uint32_t planned; /* of the plan; events count when they come */
    uint32_t begun;
    uint32_t held; /* of those that ended */
    uint32_t failed;
    uint32_t not_begun;
    uint32_t in_force;
};
struct ord_nemesis_counts
ord_nemesis_counts(const struct ord_nemesis_engine *engine);

#endif
