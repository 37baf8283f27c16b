/* process_kinds.h -- what process.c and its kinds share; for nemesis/ only. */
#ifndef ORD_NEMESIS_PROCESS_KINDS_H
#define ORD_NEMESIS_PROCESS_KINDS_H

#include "harness/control/node.h"
#include "nemesis/env.h"
#include "nemesis/nemesis.h"

enum ord_process_kind {
    ORD_PROCESS_STOP,
    ORD_PROCESS_STORM,
    ORD_PROCESS_THROTTLE,
    ORD_PROCESS_LIMIT,
    ORD_PROCESS_KINDS,
};

enum { ORD_STORM_TIMES_MAX = 100 };

struct ord_process { /* a fault's parameters, understood */
    uint32_t kind;
    int64_t within_ns;   /* STOP; 0: as the target says */
    uint32_t times;      /* STORM */
    int64_t interval_ns; /* 0: the fault's time, divided by times */
    uint32_t share_ppm;  /* THROTTLE */
    int64_t period_ns;
    uint64_t soft[ORD_LIMITS]; /* LIMIT; ORD_NO_LIMIT: not this one */
};

/* As in ord_nemesis_ops; step may be NULL. */
struct ord_process_way {
    int (*inject)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                  const struct ord_process *process, struct ord_err *err);
    int (*step)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                int64_t now_ns, struct ord_err *err);
    int (*heal)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                struct ord_err *err);
    int (*took_hold)(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     const struct ord_process *process, bool *held,
                     struct ord_buf *evidence, struct ord_err *err);
};

extern const struct ord_process_way ord_process_stop;
extern const struct ord_process_way ord_process_storm;
extern const struct ord_process_way ord_process_throttle;
extern const struct ord_process_way ord_process_limit;

/* "64 descriptors, 1 MiB of a file" */
void ord_process_print_limits(const uint64_t soft[ORD_LIMITS],
                              struct ord_buf *out);

#endif
