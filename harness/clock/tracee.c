#include "harness/clock/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS_MAX = 64, CODE_32 = 0x23 /* cs of 32-bit code */ };

int ord_tracee_open(struct ord_tracee *tracee, pid_t tid, struct ord_err *err)
{
    /* The steps' own SIGTRAP, were it blocked, would lose its handler. */
    const uint64_t all = ~(UINT64_C(1) << (SIGTRAP - 1));
    char path[64];

    *tracee = (struct ord_tracee){.tid = tid, .memory_fd = -1};
    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)tid);
    tracee->memory_fd = open(path, O_RDWR | O_CLOEXEC);
    if (tracee->memory_fd < 0)
        return ord_fail_errno(err, "open %s", path);
    if (ptrace(PTRACE_GETREGS, tid, NULL, &tracee->saved) != 0 ||
        ptrace(PTRACE_GETSIGMASK, tid, (void *)sizeof tracee->saved_mask,
               &tracee->saved_mask) != 0 ||
        ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof all, &all) != 0)
        (void)ord_fail_errno(err, "registers of process %d", (int)tid);
    else if (tracee->saved.cs == CODE_32)
        (void)ord_fail(err, ORD_EUSAGE, "process %d is a 32-bit program",
                       (int)tid);
    else
        return ORD_OK;
    (void)ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof all,
                 &tracee->saved_mask);
    (void)close(tracee->memory_fd);
    return err->rc;
}

int ord_tracee_close(struct ord_tracee *tracee, struct ord_err *err)
{
    int rc = ORD_OK;

    if (ptrace(PTRACE_SETREGS, tracee->tid, NULL, &tracee->saved) != 0 ||
        ptrace(PTRACE_SETSIGMASK, tracee->tid,
               (void *)sizeof tracee->saved_mask, &tracee->saved_mask) != 0)
        rc = ord_fail_errno(err, "registers of process %d", (int)tracee->tid);
    (void)close(tracee->memory_fd);
    tracee->memory_fd = -1;
    return rc;
}

int ord_tracee_write(const struct ord_tracee *tracee, uint64_t at,
                     const void *bytes, size_t size, struct ord_err *err)
{
    if (pwrite(tracee->memory_fd, bytes, size, (off_t)at) == (ssize_t)size)
        return ORD_OK;
    return ord_fail_errno(err, "write to process %d", (int)tracee->tid);
}

int ord_tracee_read(const struct ord_tracee *tracee, uint64_t at, void *bytes,
                    size_t size, struct ord_err *err)
{
    if (pread(tracee->memory_fd, bytes, size, (off_t)at) == (ssize_t)size)
        return ORD_OK;
    return ord_fail_errno(err, "read from process %d", (int)tracee->tid);
}

static int step(struct ord_tracee *tracee, struct ord_err *err)
{
    int status = 0;
    pid_t got;

    if (ptrace(PTRACE_SINGLESTEP, tracee->tid, NULL, NULL) != 0)
        return ord_fail_errno(err, "step process %d", (int)tracee->tid);
    do {
        got = waitpid(tracee->tid, &status, __WALL);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return ord_fail_errno(err, "wait for process %d", (int)tracee->tid);
    if (!WIFSTOPPED(status))
        return ord_fail(err, ORD_EDIED, "process %d ended", (int)tracee->tid);
    /* Not one that stops it already: that one it goes back to by itself. */
    if (status >> 16 == 0 && WSTOPSIG(status) == SIGSTOP)
        tracee->has_stop = true;
    return ORD_OK;
}

int ord_tracee_call(struct ord_tracee *tracee, uint64_t at, long number,
                    const uint64_t arguments[6], int64_t *result,
                    struct ord_err *err)
{
    struct user_regs_struct regs = tracee->saved;

    regs.rip = at;
    regs.rax = (uint64_t)number;
    regs.orig_rax = (uint64_t)-1; /* nothing to restart */
    regs.rdi = arguments[0];
    regs.rsi = arguments[1];
    regs.rdx = arguments[2];
    regs.r10 = arguments[3];
    regs.r8 = arguments[4];
    regs.r9 = arguments[5];
    if (ptrace(PTRACE_SETREGS, tracee->tid, NULL, &regs) != 0)
        return ord_fail_errno(err, "registers of process %d", (int)tracee->tid);
    /* Other stops (a signal, a group stop) may come first. */
    for (int i = 0; i < STEPS_MAX; i++) {
        if (step(tracee, err) != ORD_OK)
            return err->rc;
        if (ptrace(PTRACE_GETREGS, tracee->tid, NULL, &regs) != 0)
            return ord_fail_errno(err, "registers of process %d",
                                  (int)tracee->tid);
        if (regs.rip != at) {
            *result = (int64_t)regs.rax;
            return ORD_OK;
        }
    }
    return ord_fail(err, ORD_EDIED, "process %d takes no step",
                    (int)tracee->tid);
}
