#include "harness/clock/deadline.h"

#include <inttypes.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "harness/base/err.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_futex_wait
#define SYS_futex_wait 455
#endif

enum { LINES_MAX = 4096 }; /* of a file in /proc */

static enum ord_clock_kind futex_kind(uint64_t operation)
{
    switch ((int)operation & FUTEX_CMD_MASK) {
    case FUTEX_LOCK_PI:
        return ORD_CLOCK_REAL;
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAIT_REQUEUE_PI:
    case 13: /* FUTEX_LOCK_PI2 */
        return ((int)operation & FUTEX_CLOCK_REALTIME) != 0 ? ORD_CLOCK_REAL
                                                            : ORD_CLOCK_MONO;
    default:
        return ORD_CLOCK_OTHER;
    }
}

/* The number behind `key` in the file, from the line that begins with `from`
 * on (NULL: the first one); -1: it is not there. */
static long number_in(const char *path, const char *from, const char *key)
{
    char line[256];
    FILE *file = fopen(path, "re");
    bool is_near = from == NULL;
    long number = -1;

    if (file == NULL)
        return -1;
    for (int i = 0; i < LINES_MAX && number < 0; i++) {
        if (fgets(line, sizeof line, file) == NULL)
            break;
        if (!is_near)
            is_near = strcmp(line, from) == 0;
        else if (strncmp(line, key, strlen(key)) == 0)
            (void)sscanf(line + strlen(key), " %ld", &number);
    }
    (void)fclose(file);
    return number;
}

static enum ord_clock_kind timer_kind(const struct seccomp_data *data,
                                      pid_t pid)
{
    char path[64];
    char from[32];
    long id;

    if (data->nr == SYS_timerfd_settime) {
        (void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)pid,
                       (int)data->args[0]);
        id = number_in(path, NULL, "clockid:");
    } else {
        (void)snprintf(path, sizeof path, "/proc/%d/timers", (int)pid);
        (void)snprintf(from, sizeof from, "ID: %d\n", (int)data->args[0]);
        id = number_in(path, from, "ClockID:");
    }
    return id < 0 ? ORD_CLOCK_OTHER : ord_clock_kind(id);
}

bool ord_deadline_of(const struct seccomp_data *data, pid_t pid,
                     struct ord_deadline *out)
{
    *out = (struct ord_deadline){.kind = ORD_CLOCK_REAL, .argument = 3};
    switch (data->nr) {
    case SYS_futex:
        out->kind = futex_kind(data->args[1]);
        break;
    case SYS_futex_waitv:
        out->kind = ord_clock_kind((int)data->args[4]);
        break;
    case SYS_futex_wait:
        out->argument = 4;
        out->kind = ord_clock_kind((int)data->args[5]);
        break;
    case SYS_mq_timedsend:
    case SYS_mq_timedreceive:
        out->argument = 4;
        break;
    case SYS_clock_nanosleep:
        out->argument = 2;
        out->kind = ord_clock_kind((int)data->args[0]);
        break;
    case SYS_timerfd_settime:
    case SYS_timer_settime:
        out->argument = 2;
        out->is_timer = true;
        out->kind = timer_kind(data, pid);
        break;
    default:
        return false;
    }
    return out->kind != ORD_CLOCK_OTHER && data->args[out->argument] != 0;
}

void ord_deadline_move(struct user_regs_struct *regs, uint32_t argument,
                       uint64_t address)
{
    ORD_ASSERT(argument >= 2);
    ORD_ASSERT(argument <= 4);
    if (argument == 2)
        regs->rdx = address;
    else if (argument == 3)
        regs->r10 = address;
    else
        regs->r8 = address;
}

static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return a > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

/* Where the law alone comes to show that time. */
static int64_t reached(const struct ord_clock_law *law, int64_t node_ns)
{
    ord_wide gone = (ord_wide)node_ns - law->from_ns - law->offset_ns;
    ord_wide host;

    gone = gone * (INT64_C(1) << 32) / ((INT64_C(1) << 32) + law->rate_q32);
    host = law->from_ns + gone;
    if (law->rate_q32 != 0)
        host++; /* what is rounded off here and there */
    return host > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)host;
}

/* The first moment from at_ns on when the strobing clock is in that half. */
static int64_t next_half(const struct ord_clock_bank *bank,
                         const struct ord_clock_law *law, int64_t at_ns,
                         bool is_wrong)
{
    int64_t since_ns = at_ns - law->from_ns;
    int64_t next_ns;

    if (ord_clock_is_wrong(bank, since_ns) == is_wrong)
        return at_ns;
    if (since_ns < 0)
        since_ns = 0;
    next_ns =
        add((since_ns / bank->strobe_period_ns + 1) * bank->strobe_period_ns,
            law->from_ns);
    if (next_ns - law->from_ns < bank->strobe_for_ns)
        return next_ns;
    /* The strobe ends before. */
    return is_wrong ? INT64_MAX : add(law->from_ns, bank->strobe_for_ns);
}

int64_t ord_deadline_host(const struct ord_clock_page *page, uint32_t index,
                          enum ord_clock_kind kind, int64_t deadline_ns,
                          int64_t now_ns)
{
    const struct ord_clock_bank *bank = &page->banks[index % ORD_CLOCK_BANKS];
    const struct ord_clock_law *law = &bank->laws[kind];
    int64_t right_ns = reached(law, deadline_ns);
    int64_t wrong_ns;

    if (!ord_clock_is_real(kind) || bank->strobe_period_ns <= 0)
        return right_ns;
    wrong_ns = reached(law, deadline_ns - bank->strobe_delta_ns);
    right_ns =
        next_half(bank, law, right_ns > now_ns ? right_ns : now_ns, false);
    wrong_ns =
        next_half(bank, law, wrong_ns > now_ns ? wrong_ns : now_ns, true);
    return right_ns < wrong_ns ? right_ns : wrong_ns;
}
