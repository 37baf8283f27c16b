/* patch.h -- puts the clock page of a node in front of a process's vDSO.
 *
 * The thread is seized, stopped, alone in its process and outside of the vDSO,
 * as after exec.  clock_fd is the page's descriptor in that process; it is
 * closed there, whatever comes of it.  Internal.
 *
 * Fast where the kernel keeps time in user space: the vDSO moves away with its
 * data, a copy of its code stays, and each of that copy's functions jumps:
 * those that tell the time to our code, all others to the moved vDSO.  Where
 * that cannot be, our code makes the system call.
 */
#ifndef ORD_CLOCK_PATCH_H
#define ORD_CLOCK_PATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "harness/base/err.h"

/* ORD_EDIED: the process ended meanwhile.  *is_fast: whether it may be fast,
 * and then whether it is. *stop_signal: SIGSTOP came meanwhile and is owed to
 * it, else 0; other signals wait. */
int ord_clock_patch(pid_t tid, int clock_fd, bool *is_fast, int *stop_signal,
                    struct ord_err *err);
/* Closes that descriptor of a process in which exec has failed. */
int ord_clock_drop(pid_t tid, int clock_fd, int *stop_signal,
                   struct ord_err *err);

#endif
