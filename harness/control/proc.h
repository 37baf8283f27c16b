/* proc.h -- the system calls under child, sandbox and node: clones, pidfds,
 * descriptors.  Internal to this module.
 */
#ifndef ORD_CONTROL_PROC_H
#define ORD_CONTROL_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/base/err.h"

/* fork() into new namespaces (CLONE_NEW*), with a pidfd for the parent.
 * Returns like fork; errno on -1. */
pid_t ord_proc_clone(uint64_t flags, int *pidfd);

/* In a new child: SIGKILL for us when the parent thread ends, or at once if
 * the process `parent_pidfd` is dead already. */
void ord_proc_die_with(int parent_pidfd);

/* Closes every descriptor from 3 up, apart from `keep` (at most 80, any
 * order; -1s are fine). */
void ord_proc_close_others(const int *keep, uint32_t keep_count);

/* Default actions, nothing blocked. */
void ord_proc_reset_signals(void);

/* Puts /dev/null at descriptor `fd`. */
bool ord_proc_null_fd(int fd, int flags);

/* In a new mount namespace: nothing that is mounted here shows outside, nor
 * the other way round.  Works in a chroot too.  False sets errno. */
bool ord_proc_private_mounts(void);

/* Is our root no mount point?  The kernel makes no user namespace there. */
bool ord_proc_in_chroot(void);

/* open, write, close; false sets errno. */
bool ord_proc_write_file(const char *path, const char *text);

/* Reads size bytes unless the other end closes or deadline_ns passes; returns
 * how many came. */
size_t ord_proc_read_until(int fd, void *out, size_t size, int64_t deadline_ns);

/* Milliseconds for poll(2) until the deadline, rounded up, at least 0. */
int ord_poll_ms(int64_t deadline_ns);

#endif
