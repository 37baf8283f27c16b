/* sandbox.h -- a process tree with a network, mounts and pids of its own.
 *
 * The process made here is PID 1 of a new pid namespace, in new mount,
 * network, UTS and IPC namespaces; without root also in a new user namespace,
 * where it is root.  When it ends, or when the process (precisely: the thread)
 * that made it ends, by any means, the kernel kills everything in it and frees
 * its interfaces and mounts.  There is nothing to clean up.
 */
#ifndef ORD_CONTROL_SANDBOX_H
#define ORD_CONTROL_SANDBOX_H

#include <stdint.h>
#include <sys/types.h>

#include "harness/base/err.h"

struct ord_sandbox_config {
    const char *name;    /* hostname and process name inside; NULL: "ordeal" */
    const int *keep_fds; /* beside 0, 1, 2; all others are closed inside */
    uint32_t keep_count;
};

/* Runs fn(arg) as PID 1 of a new sandbox, in a copy of this process's memory;
 * its return value is the exit status.  stdin is /dev/null; the loopback is
 * up; /proc shows the sandbox.  As PID 1 it ignores signals that it does not
 * handle, and orphans become its children.  Takes 1-5 ms; returns once the
 * sandbox is complete (deadline 10 s).  The caller owns *pidfd and reaps *pid.
 * ORD_EDENIED says which setting forbids it and how to grant it; ORD_EIO. */
int ord_sandbox_spawn(const struct ord_sandbox_config *config,
                      int (*fn)(void *arg), void *arg, pid_t *pid, int *pidfd,
                      struct ord_err *err);

/* Tells whether sandboxes can be made, by making an empty one that ends at
 * once.  Errors as above. */
int ord_sandbox_probe(struct ord_err *err);

#endif
