/* tracee.h -- a stopped thread of another process: its memory, its registers,
 * and system calls made in its name (ptrace(2), x86-64).  Internal.
 *
 * All of it by the thread that seized it.
 */
#ifndef ORD_CLOCK_TRACEE_H
#define ORD_CLOCK_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "harness/base/err.h"

struct ord_tracee {
    pid_t tid;
    int memory_fd; /* /proc/TID/mem */
    struct user_regs_struct saved;
    uint64_t saved_mask;
    bool has_stop; /* SIGSTOP came, which no mask keeps out, and was put off */
};

/* The thread is seized and stopped.  Saves its registers, blocks its signals.
 * ORD_EUSAGE: it runs 32-bit code. */
int ord_tracee_open(struct ord_tracee *tracee, pid_t tid, struct ord_err *err);
/* Puts registers and mask back; the thread stays stopped. */
int ord_tracee_close(struct ord_tracee *tracee, struct ord_err *err);

int ord_tracee_write(const struct ord_tracee *tracee, uint64_t at,
                     const void *bytes, size_t size, struct ord_err *err);
int ord_tracee_read(const struct ord_tracee *tracee, uint64_t at, void *bytes,
                    size_t size, struct ord_err *err);

/* Runs one system call at the `syscall` instruction that stands at `at`; its
 * result, or -errno, in *result.  Waits for it: some 10 us. */
int ord_tracee_call(struct ord_tracee *tracee, uint64_t at, long number,
                    const uint64_t arguments[6], int64_t *result,
                    struct ord_err *err);

#endif
