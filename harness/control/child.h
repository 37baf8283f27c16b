/* child.h -- a child process that cannot outlive us or be lost.
 *
 * Own process group, parent-death signal (tied to the thread that spawns it),
 * a pidfd, default signals, no file descriptor but 0, 1 and 2.  Works inside
 * the sandbox and outside.
 */
#ifndef ORD_CONTROL_CHILD_H
#define ORD_CONTROL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/base/err.h"

struct ord_child_spec {
    const char *const *argv; /* ends with NULL; argv[0] is searched in PATH */
    const char *const *env;  /* ends with NULL; NULL: ours */
    const char *cwd;         /* NULL: ours */
    int in_fd;               /* borrowed; -1: /dev/null */
    int out_fd;              /* borrowed; -1: /dev/null */
    int err_fd;              /* borrowed; -1: /dev/null */
    int net_fd;              /* a network namespace to enter; -1: ours */
    const uint64_t *soft_limits; /* by enum ord_limit; NULL: ours */
    const int *clock_socket;     /* to the guard of its clock (harness/clock);
                                    NULL: it reads the host's */
};

struct ord_child {
    pid_t pid; /* 0: none */
    int pidfd; /* owned; poll it: readable once the child has ended */
};

#define ORD_CHILD_NONE ((struct ord_child){.pid = 0, .pidfd = -1})

/* How a process ended. */
struct ord_exit {
    bool is_signal;
    int code; /* the exit status, or the signal's number */
};

/* Returns once the program runs.  ORD_ENOTFOUND or ORD_EDENIED names the
 * program that cannot be run; ORD_EIO.  The caller reaps. */
int ord_child_spawn(const struct ord_child_spec *spec, struct ord_child *out,
                    struct ord_err *err);
/* Waits for the end and reaps; closes the pidfd.  timeout_ns 0 only looks.
 * ORD_ETIMEOUT: still runs. */
int ord_child_wait(struct ord_child *child, int64_t timeout_ns,
                   struct ord_exit *out, struct ord_err *err);
/* Sends the signal to the whole group; a child that has ended is fine. */
void ord_child_signal(const struct ord_child *child, int signal);
/* SIGKILL to the group, reaps (at most 2 s), closes.  ORD_CHILD_NONE is fine.
 */
void ord_child_kill(struct ord_child *child);

/* Readable once `pidfd` has ended?  Waits at most timeout_ns. */
bool ord_pidfd_ended(int pidfd, int64_t timeout_ns);
/* Reaps an ended child by its pidfd; does not close it. */
int ord_pidfd_reap(int pidfd, struct ord_exit *out, struct ord_err *err);

#endif
