/* guard.c -- the process that answers what filter.c makes others ask.
 *
 * One thread, one loop: questions come through the listeners, what traced
 * threads do through wait.  Each traced thread is in one state until it is let
 * go, some hundred microseconds later.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/clock/clock.h"
#include "harness/clock/deadline.h"
#include "harness/clock/page.h"
#include "harness/clock/patch.h"

enum {
    LISTENERS_MAX = 64,
    TRACED_MAX = 4096, /* at one moment */
    BATCH_MAX = 256,   /* waits per round, so that questions get their turn */
    SLOT_SIZE = sizeof(struct itimerspec),
    SLOT_COUNT = ORD_CLOCK_SLOTS_SIZE / SLOT_SIZE,
};

enum state {
    EXECUTING, /* inside exec: a stop at its end, or where it failed */
    LEAVING,   /* exec succeeded; stopping where the program begins */
    WAITING,   /* about to wait again, for another deadline */
};

struct traced {
    pid_t tid;
    pid_t tgid;
    enum state state;
    int clock_fd; /* EXECUTING: the page's, in that process; -1: none */
    /* WAITING: the call, and where its deadline stands now. */
    long number;
    uint32_t argument;
    uint64_t slot;
};

struct guard {
    const struct ord_clock *clock;
    int socket; /* -1: nobody sends any more */
    int stop_fd;
    int signal_fd;
    int listeners[LISTENERS_MAX];
    uint32_t listener_count;
    struct traced *traced;
    uint32_t traced_count;
    uint32_t next_slot;
};

/* ---- answers ------------------------------------------------------------ */

static void answer(int listener, uint64_t id, int64_t value, int error,
                   bool goes_on)
{
    struct seccomp_notif_resp out = {
        .id = id,
        .val = value,
        .error = error,
        .flags = goes_on ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
    };

    /* ENOENT: the thread is dead. */
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out);
}

static bool still_asks(int listener, uint64_t id)
{
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static bool put(pid_t pid, uint64_t at, void *bytes, size_t size)
{
    struct iovec from = {.iov_base = bytes, .iov_len = size};
    struct iovec to = {.iov_base = (void *)(uintptr_t)at, .iov_len = size};

    return process_vm_writev(pid, &from, 1, &to, 1, 0) == (ssize_t)size;
}

static bool get(pid_t pid, uint64_t at, void *bytes, size_t size)
{
    struct iovec to = {.iov_base = bytes, .iov_len = size};
    struct iovec from = {.iov_base = (void *)(uintptr_t)at, .iov_len = size};

    return process_vm_readv(pid, &to, 1, &from, 1, 0) == (ssize_t)size;
}

static int64_t host_time(long id)
{
    struct timespec now;

    (void)clock_gettime((clockid_t)id, &now);
    return ord_timespec_ns(now);
}

static uint32_t index_of(const struct guard *guard)
{
    return atomic_load_explicit(&guard->clock->page->index,
                                memory_order_acquire);
}

/* As the stub reads it. */
static int64_t node_time(const struct guard *guard, long id)
{
    struct ord_clock_page *page = guard->clock->page;
    uint32_t index;
    int64_t time_ns;

    do {
        index = index_of(guard);
        time_ns = host_time(id);
        time_ns += ord_clock_skew(page, index, ord_clock_kind(id), time_ns);
    } while (index != index_of(guard));
    atomic_store_explicit(&page->seen, index, memory_order_relaxed);
    return time_ns;
}

/* A clock call that did not come through the vDSO. */
static void tell_time(const struct guard *guard, int listener,
                      const struct seccomp_notif *asked)
{
    const uint64_t *arguments = (const uint64_t *)asked->data.args;
    pid_t pid = (pid_t)asked->pid;
    struct timespec now;
    bool is_fine = true;
    int64_t value = 0;

    if (asked->data.nr == SYS_clock_gettime) {
        long id = (int)arguments[0];

        if (ord_clock_kind(id) == ORD_CLOCK_OTHER) {
            answer(listener, asked->id, 0, 0, true);
            return;
        }
        now = ord_timespec_of(node_time(guard, id));
        is_fine = put(pid, arguments[1], &now, sizeof now);
    } else if (asked->data.nr == SYS_gettimeofday) {
        struct timeval time;
        struct timezone zone = {0, 0};

        now = ord_timespec_of(node_time(guard, CLOCK_REALTIME));
        time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
        is_fine =
            (arguments[0] == 0 || put(pid, arguments[0], &time, sizeof time)) &&
            (arguments[1] == 0 || put(pid, arguments[1], &zone, sizeof zone));
    } else {
        now = ord_timespec_of(node_time(guard, CLOCK_REALTIME_COARSE));
        value = now.tv_sec;
        is_fine =
            arguments[0] == 0 || put(pid, arguments[0], &value, sizeof value);
    }
    answer(listener, asked->id, is_fine ? value : 0, is_fine ? 0 : -EFAULT,
           false);
}

/* ---- tracing ------------------------------------------------------------ */

static pid_t group_of(pid_t tid)
{
    char path[64];
    char line[256];
    int tgid = 0;
    FILE *status;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    status = fopen(path, "re");
    if (status == NULL)
        return 0;
    while (fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "Tgid: %d", &tgid) == 1)
            break;
    }
    (void)fclose(status);
    return tgid;
}

static struct traced *find(struct guard *guard, pid_t tid)
{
    for (uint32_t i = 0; i < guard->traced_count; i++) {
        if (guard->traced[i].tid == tid || guard->traced[i].tgid == tid)
            return &guard->traced[i];
    }
    return NULL;
}

static void forget(struct guard *guard, struct traced *traced)
{
    *traced = guard->traced[--guard->traced_count];
}

static void let_go(struct guard *guard, struct traced *traced, pid_t tid,
                   int signal)
{
    (void)ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)signal);
    forget(guard, traced);
}

/* Its own thread, and where it is another the leader, whose number it takes
 * over when exec succeeds. */
static struct traced *seize(struct guard *guard, pid_t tid, bool is_exec)
{
    const uintptr_t options = is_exec ? PTRACE_O_TRACEEXEC : 0;
    pid_t tgid = is_exec ? group_of(tid) : tid;
    struct traced *traced;

    if (guard->traced_count == TRACED_MAX || tgid == 0 ||
        ptrace(PTRACE_SEIZE, tid, NULL, (void *)options) != 0)
        return NULL;
    if (tgid != tid)
        (void)ptrace(PTRACE_SEIZE, tgid, NULL, (void *)options);
    traced = &guard->traced[guard->traced_count++];
    *traced = (struct traced){.tid = tid, .tgid = tgid, .clock_fd = -1};
    return traced;
}

static void count_blind(const struct guard *guard)
{
    atomic_fetch_add_explicit(&guard->clock->page->blind, 1,
                              memory_order_relaxed);
}

/* Lends the page to the process that is about to exec; the descriptor stays
 * open across exec, and is closed when the page is mapped. */
static int lend_page(const struct guard *guard, int listener, uint64_t id)
{
    struct seccomp_notif_addfd add = {
        .id = id,
        .srcfd = (uint32_t)guard->clock->fd,
    };

    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
}

static void follow_exec(struct guard *guard, int listener,
                        const struct seccomp_notif *asked)
{
    struct traced *traced = seize(guard, (pid_t)asked->pid, true);

    if (traced != NULL) {
        traced->state = EXECUTING;
        traced->clock_fd = lend_page(guard, listener, asked->id);
    }
    /* Somebody else traces it, or no descriptor is free: it runs on without a
     * clock. */
    if ((traced == NULL || traced->clock_fd < 0) &&
        still_asks(listener, asked->id))
        count_blind(guard);
    /* Before the answer: after it, where exec fails at once, the program could
     * already be in its next one, unseen by us. */
    if (traced != NULL)
        (void)ptrace(PTRACE_INTERRUPT, traced->tid, NULL, NULL);
    answer(listener, asked->id, 0, 0, true);
}

/* Writes the deadline, put right, into a slot of the process; false: it stays
 * as it is. */
static bool fill_slot(const struct guard *guard, pid_t pid,
                      const struct ord_deadline *deadline, uint64_t from,
                      uint64_t slot)
{
    static const clockid_t ids[ORD_CLOCK_KINDS] = {
        [ORD_CLOCK_REAL] = CLOCK_REALTIME,  [ORD_CLOCK_TAI] = CLOCK_TAI,
        [ORD_CLOCK_MONO] = CLOCK_MONOTONIC, [ORD_CLOCK_RAW] = CLOCK_MONOTONIC,
        [ORD_CLOCK_BOOT] = CLOCK_BOOTTIME,
    };
    struct itimerspec spec = {0}; /* a timespec is its second half */
    size_t skipped = deadline->is_timer ? 0 : sizeof spec.it_interval;
    char *bytes = (char *)&spec + skipped;
    struct timespec *time = &spec.it_value;
    int64_t host_ns;

    if (!get(pid, from, bytes, sizeof spec - skipped) || time->tv_nsec < 0 ||
        time->tv_nsec >= ORD_CLOCK_S ||
        (deadline->is_timer && time->tv_sec == 0 && time->tv_nsec == 0))
        return false;
    host_ns = ord_deadline_host(guard->clock->page, index_of(guard),
                                deadline->kind, ord_timespec_ns(*time),
                                host_time(ids[deadline->kind]));
    if (host_ns == ord_timespec_ns(*time))
        return false;
    /* Before the beginning: over, but a timer is not to be switched off. */
    *time = ord_timespec_of(host_ns > 0 ? host_ns : 1);
    return put(pid, slot, bytes, sizeof spec - skipped);
}

/* The call is cut off with EINTR, which the program never sees: stopped on its
 * way out, the thread is sent back to make it again, with the deadline put
 * right. */
static void put_deadline_right(struct guard *guard, int listener,
                               const struct seccomp_notif *asked)
{
    pid_t pid = (pid_t)asked->pid;
    uint64_t slot =
        ORD_CLOCK_SLOTS + (uint64_t)SLOT_SIZE * (guard->next_slot % SLOT_COUNT);
    struct ord_deadline deadline;
    struct traced *traced = NULL;

    if (ord_deadline_of(&asked->data, pid, &deadline) &&
        fill_slot(guard, pid, &deadline, asked->data.args[deadline.argument],
                  slot) &&
        still_asks(listener, asked->id))
        traced = seize(guard, pid, false);
    if (traced == NULL) {
        answer(listener, asked->id, 0, 0, true);
        return;
    }
    guard->next_slot++;
    traced->state = WAITING;
    traced->number = asked->data.nr;
    traced->argument = deadline.argument;
    traced->slot = slot;
    (void)ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    answer(listener, asked->id, 0, -EINTR, false);
}

static void call_again(const struct traced *traced, pid_t tid)
{
    struct user_regs_struct regs;

    if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) != 0 ||
        (int64_t)regs.rax != -EINTR)
        return;    /* it is somewhere else: then EINTR it is */
    regs.rip -= 2; /* back onto the `syscall` */
    regs.rax = (uint64_t)traced->number;
    ord_deadline_move(&regs, traced->argument, traced->slot);
    (void)ptrace(PTRACE_SETREGS, tid, NULL, &regs);
}

static void say(const char *what, const struct ord_err *err)
{
    fprintf(stderr, "ordeal: clock: %s: %s\n", what, err->text);
}

/* Exec is over, one way or the other; returns the signal to go on with. */
static int finish_exec(struct guard *guard, const struct traced *traced,
                       pid_t tid)
{
    bool is_fast = atomic_load_explicit(&guard->clock->page->is_slow,
                                        memory_order_relaxed) == 0;
    int stop_signal = 0;
    struct ord_err err;

    if (traced->clock_fd < 0)
        return 0;
    if (traced->state == EXECUTING) { /* it has failed */
        (void)ord_clock_drop(tid, traced->clock_fd, &stop_signal, &err);
    } else if (ord_clock_patch(tid, traced->clock_fd, &is_fast, &stop_signal,
                               &err) != ORD_OK &&
               err.rc != ORD_EDIED) {
        count_blind(guard);
        say("a process runs by the host's clock", &err);
    }
    return stop_signal;
}

static void on_stop(struct guard *guard, struct traced *traced, pid_t tid,
                    int status)
{
    int event = status >> 16;
    int signal = 0;

    if (event == PTRACE_EVENT_EXEC) {
        traced->state = LEAVING;
        traced->tid = tid; /* a thread that was another is the leader now */
        traced->tgid = tid;
        (void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
        (void)ptrace(PTRACE_CONT, tid, NULL, NULL);
        return;
    }
    if (event != PTRACE_EVENT_STOP) { /* a signal on its way: let it through */
        (void)ptrace(PTRACE_CONT, tid, NULL,
                     (void *)(intptr_t)WSTOPSIG(status));
        return;
    }
    if (tid != traced->tid) { /* the leader, by a SIGSTOP: goes on with it */
        (void)ptrace(PTRACE_LISTEN, tid, NULL, NULL);
        return;
    }
    if (traced->state == WAITING)
        call_again(traced, tid);
    else
        signal = finish_exec(guard, traced, tid);
    if (traced->tgid != tid) /* its stop will find nobody, and let it go */
        (void)ptrace(PTRACE_INTERRUPT, traced->tgid, NULL, NULL);
    let_go(guard, traced, tid, signal);
}

static void look_at_traced(struct guard *guard)
{
    struct signalfd_siginfo ignored;

    (void)!read(guard->signal_fd, &ignored, sizeof ignored);
    for (int i = 0; i < BATCH_MAX; i++) {
        int status = 0;
        pid_t tid = waitpid(-1, &status, WNOHANG | __WALL);
        struct traced *traced;

        if (tid <= 0)
            return;
        traced = find(guard, tid);
        if (WIFSTOPPED(status) && traced != NULL)
            on_stop(guard, traced, tid, status);
        else if (WIFSTOPPED(status)) /* a leader whose thread has gone on */
            (void)ptrace(
                PTRACE_DETACH, tid, NULL,
                (void *)(intptr_t)(status >> 16 == 0 ? WSTOPSIG(status) : 0));
        else if (traced != NULL && tid == traced->tid)
            forget(guard, traced);
    }
}

/* ---- the loop ----------------------------------------------------------- */

static void hear(struct guard *guard, int listener)
{
    struct seccomp_notif asked;

    memset(&asked, 0, sizeof asked);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0)
        return; /* it died while it asked */
    if (asked.data.arch != AUDIT_ARCH_X86_64) {
        follow_exec(guard, listener, &asked); /* all that is asked there */
        return;
    }
    switch (asked.data.nr) {
    case SYS_execve:
    case SYS_execveat:
        follow_exec(guard, listener, &asked);
        return;
    case SYS_clock_gettime:
    case SYS_gettimeofday:
    case SYS_time:
        tell_time(guard, listener, &asked);
        return;
    default:
        put_deadline_right(guard, listener, &asked);
        return;
    }
}

/* One more listener; false: nobody is left to send any. */
static bool take_listener(struct guard *guard)
{
    char byte;
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
    int fd;

    if (recvmsg(guard->socket, &message, MSG_CMSG_CLOEXEC) <= 0)
        return false;
    head = CMSG_FIRSTHDR(&message);
    if (head == NULL || head->cmsg_type != SCM_RIGHTS)
        return true;
    memcpy(&fd, CMSG_DATA(head), sizeof fd);
    if (guard->listener_count == LISTENERS_MAX)
        (void)close(fd); /* its programs get ENOSYS: never so many */
    else
        guard->listeners[guard->listener_count++] = fd;
    return true;
}

static void serve(struct guard *guard)
{
    struct pollfd fds[3 + LISTENERS_MAX];

    while (guard->socket >= 0 || guard->listener_count > 0) {
        uint32_t count = guard->listener_count;

        fds[0] = (struct pollfd){.fd = guard->stop_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = guard->signal_fd, .events = POLLIN};
        fds[2] = (struct pollfd){.fd = guard->socket, .events = POLLIN};
        for (uint32_t i = 0; i < count; i++)
            fds[3 + i] =
                (struct pollfd){.fd = guard->listeners[i], .events = POLLIN};
        if (poll(fds, 3 + count, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents != 0)
            return;
        look_at_traced(guard);
        for (uint32_t i = count; i-- > 0;) {
            if (fds[3 + i].revents & POLLIN) {
                hear(guard, guard->listeners[i]);
            } else if (fds[3 + i].revents != 0) { /* its last process ended */
                (void)close(guard->listeners[i]);
                guard->listeners[i] = guard->listeners[--guard->listener_count];
            }
        }
        if (fds[2].revents != 0 && !take_listener(guard)) {
            (void)close(guard->socket);
            guard->socket = -1;
        }
    }
}

void ord_clock_guard(const struct ord_clock *clock, int socket, int stop_fd)
{
    struct guard guard = {.clock = clock, .socket = socket, .stop_fd = stop_fd};
    sigset_t child;

    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child, NULL);
    guard.signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    guard.traced = calloc(TRACED_MAX, sizeof *guard.traced);
    if (guard.signal_fd >= 0 && guard.traced != NULL)
        serve(&guard);
    for (uint32_t i = 0; i < guard.listener_count; i++)
        (void)close(guard.listeners[i]);
    if (guard.socket >= 0)
        (void)close(guard.socket);
    if (guard.signal_fd >= 0)
        (void)close(guard.signal_fd);
    free(guard.traced);
}
