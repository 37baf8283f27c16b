/* filter.c -- what a process of a node must ask the guard for (seccomp(2)).
 *
 * exec, always (also of 32-bit programs, which are not covered else: what they
 * start may be); the clock calls unless they come from our own code or from the
 * moved vDSO; calls with an absolute deadline, unless it stands in the slots,
 * where the guard has put it right.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/clock/clock.h"
#include "harness/clock/page.h"

#define LOAD(field)                                                            \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_AT(field, more)                                                   \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                         \
             offsetof(struct seccomp_data, field) + (more))
#define EQUAL(value, yes, no)                                                  \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define AT_LEAST(value, yes, no)                                               \
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (value), (yes), (no))
#define ANY_BIT(value, yes, no)                                                \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (value), (yes), (no))
#define AND(value) BPF_STMT(BPF_ALU | BPF_AND | BPF_K, (value))
#define END(action) BPF_STMT(BPF_RET | BPF_K, (action))

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif
enum { I386_EXECVE = 11, I386_EXECVEAT = 358, FUTEX_LOCK_PI_2 = 13 };

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define ASK BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)

#define HIGH(address) ((uint32_t)((address) >> 32))
#define LOW(address) ((uint32_t)(address))
#define CODE_END (ORD_CLOCK_CODE + ORD_CLOCK_RANGE_SIZE)
#define SLOTS_END (ORD_CLOCK_SLOTS + ORD_CLOCK_SLOTS_SIZE)

/* Each block is for one call and ends in an answer; EQUAL's last number steps
 * over it, to the next block. */
#define EXEC(number) LOAD(nr), EQUAL(number, 0, 1), ASK

/* From our own code: allowed. */
#define CLOCK(number)                                                          \
    LOAD(nr), EQUAL(number, 0, 7), LOAD_AT(instruction_pointer, 4),            \
        EQUAL(HIGH(ORD_CLOCK_CODE), 0, 3), LOAD(instruction_pointer),          \
        AT_LEAST(LOW(ORD_CLOCK_CODE), 0, 1), AT_LEAST(LOW(CODE_END), 0, 1),    \
        ASK, ALLOW

/* 10 statements: no deadline, or one in the slots, is allowed. */
#define DEADLINE(argument)                                                     \
    LOAD_AT(args[argument], 4), EQUAL(0, 0, 2), LOAD(args[argument]),          \
        EQUAL(0, 5, 4), EQUAL(HIGH(ORD_CLOCK_SLOTS), 0, 3),                    \
        LOAD(args[argument]), AT_LEAST(LOW(ORD_CLOCK_SLOTS), 0, 1),            \
        AT_LEAST(LOW(SLOTS_END), 0, 1), ASK, ALLOW

/* A call whose deadline, in that argument, is absolute always. */
#define TIMED(number, argument) EQUAL(number, 0, 10), DEADLINE(argument)

/* Or if this bit of argument 1 is set: the calls on timers. */
#define TIMER(number)                                                          \
    EQUAL(number, 0, 13), LOAD(args[1]), ANY_BIT(TIMER_ABSTIME, 1, 0), ALLOW,  \
        DEADLINE(2)

/* The number stays loaded from one block that is passed to the next. */
static const struct sock_filter program[] = {
    LOAD(arch),
    EQUAL(AUDIT_ARCH_X86_64, 7, 0),
    EQUAL(AUDIT_ARCH_I386, 1, 0),
    ALLOW,
    LOAD(nr),
    EQUAL(I386_EXECVE, 1, 0),
    EQUAL(I386_EXECVEAT, 0, 1),
    ASK,
    ALLOW,
    EXEC(SYS_execve),
    EXEC(SYS_execveat),
    CLOCK(SYS_clock_gettime),
    CLOCK(SYS_gettimeofday),
    CLOCK(SYS_time),
    LOAD(nr),
    EQUAL(SYS_futex, 0, 17),
    LOAD(args[1]),
    AND((uint32_t) ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)),
    EQUAL(FUTEX_WAIT_BITSET, 4, 0),
    EQUAL(FUTEX_LOCK_PI, 3, 0),
    EQUAL(FUTEX_WAIT_REQUEUE_PI, 2, 0),
    EQUAL(FUTEX_LOCK_PI_2, 1, 0),
    ALLOW,
    DEADLINE(3),
    TIMER(SYS_clock_nanosleep),
    TIMER(SYS_timerfd_settime),
    TIMER(SYS_timer_settime),
    TIMED(SYS_futex_waitv, 3),
    TIMED(SYS_futex_wait, 4),
    TIMED(SYS_mq_timedsend, 4),
    TIMED(SYS_mq_timedreceive, 4),
    ALLOW,
};

#define FILTER_FLAGS                                                           \
    (SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

static int install(void)
{
    const struct sock_fprog filter = {
        .len = (unsigned short)(sizeof program / sizeof *program),
        .filter = (struct sock_filter *)(uintptr_t)program, /* only read */
    };
    long fd =
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, FILTER_FLAGS, &filter);

    /* Without privileges only where exec gives none either. */
    if (fd < 0 && errno == EACCES &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, FILTER_FLAGS,
                     &filter);
    return (int)fd;
}

static bool send_fd(int socket, int fd)
{
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *head;

    memset(&control, 0, sizeof control);
    head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

bool ord_clock_filter(int socket)
{
    int listener = install();
    bool sent = listener >= 0 && send_fd(socket, listener);
    int error = errno;

    if (listener >= 0)
        (void)close(listener);
    (void)close(socket);
    errno = error;
    return sent;
}

/* ---- can it be done here? ----------------------------------------------- */

/* A child that asks for the filter, says what came of it, and waits. */
static _Noreturn void be_tried(int out_fd)
{
    int error = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (install() < 0)
        error = errno;
    (void)!write(out_fd, &error, sizeof error);
    for (;;)
        (void)pause();
}

static int yama_scope(void)
{
    char text[8] = "0";
    int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!read(fd, text, sizeof text - 1);
        (void)close(fd);
    }
    return text[0] - '0';
}

static int judge(pid_t child, int error, struct ord_err *err)
{
    int scope = yama_scope();

    if (error == EBUSY)
        return ord_fail(err, ORD_EDENIED,
                        "clocks of nodes need a seccomp listener of their own, "
                        "and this process is under one already");
    if (error != 0)
        return ord_fail(err, ORD_EDENIED,
                        "clocks of nodes need a seccomp filter, which is "
                        "refused here: %s",
                        strerror(error));
    /* Scope 2 wants a privilege that the sandbox of a plain user gives. */
    if (ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0 ||
        (scope == 2 && geteuid() != 0))
        return ORD_OK;
    return ord_fail(err, ORD_EDENIED,
                    "clocks of nodes need ptrace, which is refused here: %s "
                    "(kernel.yama.ptrace_scope is %d; containers may need "
                    "--cap-add=SYS_PTRACE)",
                    strerror(errno), scope);
}

static int try_it(struct ord_err *err)
{
    int pipes[2];
    int error = ECHILD;
    pid_t child;
    int rc;

    if (pipe2(pipes, O_CLOEXEC) != 0)
        return ord_fail_errno(err, "pipe");
    child = fork();
    if (child == 0)
        be_tried(pipes[1]);
    (void)close(pipes[1]);
    if (child > 0 && read(pipes[0], &error, sizeof error) != sizeof error)
        error = ECHILD;
    (void)close(pipes[0]);
    if (child < 0)
        return ord_fail_errno(err, "fork");
    rc = judge(child, error, err);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, __WALL);
    return rc;
}

int ord_clock_probe(struct ord_err *err)
{
#if !defined(__x86_64__)
    return ord_fail(err, ORD_EDENIED,
                    "clocks of nodes are there for x86-64 only");
#endif
    /* A kernel that knows the flags misses the filter: EFAULT. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, FILTER_FLAGS, NULL) !=
            -1 ||
        errno != EFAULT)
        return ord_fail(err, ORD_EDENIED,
                        "clocks of nodes need a kernel with seccomp user "
                        "notification (Linux 5.19 or newer)");
    return try_it(err);
}
