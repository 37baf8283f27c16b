/* operator.h -- the process that owns the nodes and the faults of a run.
 *
 * The conductor forks it once the network stands, and they talk over a
 * SOCK_SEQPACKET pair: orders in, notices out.  It may block for some
 * milliseconds (a kill, a start) without disturbing the clients' clock.
 */
#ifndef ORD_RUN_OPERATOR_H
#define ORD_RUN_OPERATOR_H

#include "harness/clock/clock.h"
#include "harness/control/cluster.h"
#include "harness/run/campaign.h"
#include "harness/run/lateness.h"

enum ord_order_kind {
    ORD_ORDER_START, /* start all nodes; READY or FAILED comes back */
    ORD_ORDER_BEGIN, /* the main phase begins at value (CLOCK_MONOTONIC) */
    ORD_ORDER_OPS,   /* value operations have completed */
    ORD_ORDER_EVENT, /* what entry `value` waits for came, at `node` */
    ORD_ORDER_HEAL,  /* heal everything; HEALED or FAILED comes back */
    ORD_ORDER_QUIT,  /* kill all nodes and exit; no answer */
};

struct ord_order {
    enum ord_order_kind kind;
    int64_t value;
    uint32_t node;
};

enum ord_notice_kind {
    ORD_NOTICE_READY,
    ORD_NOTICE_HEALED,
    ORD_NOTICE_FAILED, /* START or HEAL came to nothing; text says why */
    ORD_NOTICE_FAULT_BEGAN,
    ORD_NOTICE_FAULT_ENDED,
    ORD_NOTICE_FAULT_FAILED,
    ORD_NOTICE_FAULT_NOT_BEGUN,
    ORD_NOTICE_NODE_ENDED,  /* by itself: no fault wanted it down */
    ORD_NOTICE_NODE_FALLEN, /* because of a fault; it will be started again */
    ORD_NOTICE_LOG_FULL,
    ORD_NOTICE_CLOCK,        /* how far off node's clock is, since fault_id */
    ORD_NOTICE_HEAL_TROUBLE, /* the final heal failed, once or for good */
};

struct ord_notice {
    enum ord_notice_kind kind;
    bool is_infrastructure; /* FAILED, HEAL_TROUBLE: not the target's fault */
    bool held;
    uint32_t fault_id;
    uint32_t node;
    int64_t begin_ns; /* CLOCK_MONOTONIC */
    int64_t time_ns;
    struct ord_clock_state clock;
    char fault[32];
    char what[160];
    char text[700];
};

struct ord_operator_config {
    const struct ord_cell *cell;
    struct ord_cluster *cluster; /* borrowed */
    const char *nodes_dir;       /* data folders: <nodes_dir>/n1 ... */
    const char *ledger_path;
    int64_t run_start_ns;
    struct ord_lateness *late; /* of decisions to begin a fault; shared */
    int orders_fd;             /* SOCK_SEQPACKET, both directions */
};

/* Runs until QUIT or until the other end is gone; returns the exit status. */
int ord_operator_run(const struct ord_operator_config *config);

#endif
