/* init.h -- PID 1 of a node: runs its program, reaps, stops and continues all,
 * keeps the log within its limit.  Internal to this module.
 *
 * Orders and reports are one packet each on a SOCK_SEQPACKET pair; both ends
 * are the same program, so they are plain structs.
 */
#ifndef ORD_CONTROL_INIT_H
#define ORD_CONTROL_INIT_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/control/node.h"
#include "harness/disk/disk.h"

enum ord_order_kind {
    ORD_ORDER_TERMINATE, /* SIGTERM to the main program; no answer */
    ORD_ORDER_FREEZE,
    ORD_ORDER_THAW,
    ORD_ORDER_LOOK, /* is everything stopped? */
    ORD_ORDER_STOP, /* ask the program to end, as its command says; no answer */
    ORD_ORDER_SIGNAL, /* SIGTERM to every process; no answer */
    ORD_ORDER_BURDEN,
    ORD_ORDER_SURVEY,
};

struct ord_order {
    enum ord_order_kind kind;
    struct ord_burden burden; /* BURDEN */
};

enum ord_report_kind {
    ORD_REPORT_STARTED, /* err.rc tells how it went */
    ORD_REPORT_EXITED,
    ORD_REPORT_LOG_FULL,
    ORD_REPORT_ANSWER, /* to freeze, thaw, look, burden, survey */
};

struct ord_report {
    enum ord_report_kind kind;
    bool all_stopped;         /* ANSWER */
    uint32_t process_count;   /* ANSWER */
    struct ord_survey survey; /* ANSWER to survey */
    struct ord_exit exit;     /* EXITED */
    int64_t time_ns;
    struct ord_err err; /* STARTED */
};

struct ord_init_config {
    const char *name;       /* of the node */
    const char *hosts_path; /* goes over /etc/hosts */
    const struct ord_command *command;
    const struct ord_burden *burden; /* from the start on */
    int parent_pidfd;
    int net_fd;
    int socket;
    int log_fd;
    int clock_socket; /* to the guard of its clock; -1: it has none */
    int pipe_fds[2];  /* the program writes [1], init reads [0] */
    uint64_t log_size_max;
    const struct ord_disk *disks; /* by node; those of others are hidden */
    uint32_t node, node_count;
};

/* Call it in a child cloned into new pid, mount, UTS and IPC namespaces. */
_Noreturn void ord_init_run(const struct ord_init_config *config);

/* Moves what is in the pipe (at most 1 MiB per call) to the end of the log,
 * the part beyond the limit to nowhere; true when this call reached the limit
 * first. */
bool ord_log_drain(int pipe_fd, int log_fd, uint64_t size_max);

#endif
