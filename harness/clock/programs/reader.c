/* reader.c -- what a program sees of its clocks; for tests and for people:
 * `clock-reader WHAT...` prints a line for each.
 *
 *     real mono raw-real raw-mono    the clock in ns (raw: by system call)
 *     boot                           CLOCK_BOOTTIME likewise
 *     cost raw-cost                  ns per read
 *     cost=N                         likewise, in N threads at once
 *     cond sem sleep timer timerfd pi waitv
 *                                    ms that waiting 200 ms by an absolute
 *                                    deadline on the real clock takes, measured
 *                                    by the monotonic one
 *     mono-cond mono-sleep mono-timerfd
 *                                    likewise, deadline on the monotonic clock
 *     steady=MS                      steps back of the monotonic clocks in that
 *                                    time, seen by two threads
 *     follow=MS                      the real clock in ns, each MS until stdin
 *                                    ends
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { READS = 1000000, RAW_READS = 1000, WAIT_MS = 200, THREADS_MAX = 16 };

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

static int64_t ns_of(struct timespec time)
{
    return time.tv_sec * S + time.tv_nsec;
}

static int64_t now(clockid_t clock)
{
    struct timespec time;

    (void)clock_gettime(clock, &time);
    return ns_of(time);
}

static int64_t raw_now(clockid_t clock)
{
    struct timespec time = {0};

    (void)syscall(SYS_clock_gettime, clock, &time);
    return ns_of(time);
}

static double cost(int64_t (*read_clock)(clockid_t clock), int count)
{
    int64_t begin = now(CLOCK_MONOTONIC);

    for (int i = 0; i < count; i++)
        (void)read_clock(CLOCK_REALTIME);
    return (double)(now(CLOCK_MONOTONIC) - begin) / count;
}

struct costing {
    pthread_t thread;
    double ns;
};

static void *measure_cost(void *argument)
{
    struct costing *costing = argument;

    costing->ns = cost(now, READS);
    return NULL;
}

/* The mean of what each thread sees. */
static double cost_of_threads(long count)
{
    struct costing costings[THREADS_MAX] = {0};
    double sum = 0;

    count = count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count;
    for (long i = 1; i < count; i++)
        (void)pthread_create(&costings[i].thread, NULL, measure_cost,
                             &costings[i]);
    (void)measure_cost(&costings[0]);
    for (long i = 1; i < count; i++)
        (void)pthread_join(costings[i].thread, NULL);
    for (long i = 0; i < count; i++)
        sum += costings[i].ns;
    return sum / (double)count;
}

static void wait_cond(clockid_t clock, const struct timespec *until)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, clock);
    (void)pthread_cond_init(&cond, &attributes);
    (void)pthread_mutex_lock(&mutex);
    (void)pthread_cond_timedwait(&cond, &mutex, until);
    (void)pthread_mutex_unlock(&mutex);
}

static void wait_timer(const struct timespec *until)
{
    const struct itimerspec at = {.it_value = *until};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGUSR1};
    timer_t timer;
    sigset_t set;
    int signal;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    if (timer_create(CLOCK_REALTIME, &event, &timer) == 0 &&
        timer_settime(timer, TIMER_ABSTIME, &at, NULL) == 0)
        (void)sigwait(&set, &signal);
}

static void wait_timerfd(clockid_t clock, const struct timespec *until)
{
    const struct itimerspec at = {.it_value = *until};
    int fd = timerfd_create(clock, 0);
    uint64_t count;

    if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
        (void)!read(fd, &count, sizeof count);
    (void)close(fd);
}

static void *hold_for_ever(void *mutex)
{
    (void)pthread_mutex_lock(mutex);
    (void)pause();
    return NULL;
}

static void wait_pi(const struct timespec *until)
{
    static pthread_mutex_t mutex;
    pthread_mutexattr_t attributes;
    pthread_t holder;

    (void)pthread_mutexattr_init(&attributes);
    (void)pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    (void)pthread_mutex_init(&mutex, &attributes);
    (void)pthread_create(&holder, NULL, hold_for_ever, &mutex);
    while (pthread_mutex_trylock(&mutex) == 0) {
        (void)pthread_mutex_unlock(&mutex);
        (void)poll(NULL, 0, 1);
    }
    (void)pthread_mutex_timedlock(&mutex, until);
}

static void wait_waitv(const struct timespec *until)
{
    static uint32_t word;
    struct { /* struct futex_waitv */
        uint64_t value, address;
        uint32_t flags, reserved;
    } waiter = {.address = (uint64_t)(uintptr_t)&word, .flags = 2};

    (void)syscall(449, &waiter, 1, 0, until, CLOCK_REALTIME);
}

static double wait_ms(const char *how)
{
    bool is_mono = strncmp(how, "mono-", 5) == 0;
    clockid_t clock = is_mono ? CLOCK_MONOTONIC : CLOCK_REALTIME;
    int64_t deadline = now(clock) + WAIT_MS * MS;
    const struct timespec until = {.tv_sec = deadline / S,
                                   .tv_nsec = deadline % S};
    int64_t begin = now(CLOCK_MONOTONIC);
    sem_t semaphore;

    how += is_mono ? 5 : 0;
    if (strcmp(how, "cond") == 0) {
        wait_cond(clock, &until);
    } else if (strcmp(how, "sem") == 0) {
        (void)sem_init(&semaphore, 0, 0);
        (void)sem_timedwait(&semaphore, &until);
    } else if (strcmp(how, "timer") == 0) {
        wait_timer(&until);
    } else if (strcmp(how, "timerfd") == 0) {
        wait_timerfd(clock, &until);
    } else if (strcmp(how, "pi") == 0) {
        wait_pi(&until);
    } else if (strcmp(how, "waitv") == 0) {
        wait_waitv(&until);
    } else {
        (void)clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL);
    }
    return (double)(now(CLOCK_MONOTONIC) - begin) / (double)MS;
}

static bool is_wait(const char *what)
{
    static const char *const waits[] = {
        "cond", "sem",   "sleep",     "timer",      "timerfd",
        "pi",   "waitv", "mono-cond", "mono-sleep", "mono-timerfd"};

    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        if (strcmp(what, waits[i]) == 0)
            return true;
    }
    return false;
}

struct watch {
    int64_t until;
    int64_t steps_back;
};

static void *watch_monotonic(void *argument)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
                                       CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME};
    enum { COUNT = sizeof clocks / sizeof *clocks };
    struct watch *watch = argument;
    int64_t last[COUNT] = {0};

    while (last[0] < watch->until) {
        for (int i = 0; i < COUNT; i++) {
            int64_t next = now(clocks[i]);

            watch->steps_back += next < last[i];
            last[i] = next;
        }
    }
    return NULL;
}

static int64_t steps_back(int64_t for_ns)
{
    int64_t until = now(CLOCK_MONOTONIC) + for_ns;
    struct watch watches[2] = {{until, 0}, {until, 0}};
    pthread_t other;

    if (pthread_create(&other, NULL, watch_monotonic, &watches[1]) != 0)
        return -1;
    (void)watch_monotonic(&watches[0]);
    (void)pthread_join(other, NULL);
    return watches[0].steps_back + watches[1].steps_back;
}

static void follow(int each_ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

    do {
        printf("%" PRId64 " %" PRId64 "\n", now(CLOCK_REALTIME),
               now(CLOCK_MONOTONIC));
        (void)fflush(stdout);
    } while (poll(&in, 1, each_ms) == 0);
}

static int tell(const char *what)
{
    const char *equals = strchr(what, '=');
    long number = equals != NULL ? strtol(equals + 1, NULL, 10) : 0;

    if (strcmp(what, "real") == 0)
        printf("%" PRId64 "\n", now(CLOCK_REALTIME));
    else if (strcmp(what, "mono") == 0)
        printf("%" PRId64 "\n", now(CLOCK_MONOTONIC));
    else if (strcmp(what, "boot") == 0)
        printf("%" PRId64 "\n", now(CLOCK_BOOTTIME));
    else if (strcmp(what, "raw-real") == 0)
        printf("%" PRId64 "\n", raw_now(CLOCK_REALTIME));
    else if (strcmp(what, "raw-mono") == 0)
        printf("%" PRId64 "\n", raw_now(CLOCK_MONOTONIC));
    else if (strcmp(what, "cost") == 0)
        printf("%.1f\n", cost(now, READS));
    else if (strncmp(what, "cost=", 5) == 0)
        printf("%.1f\n", cost_of_threads(number));
    else if (strcmp(what, "raw-cost") == 0)
        printf("%.1f\n", cost(raw_now, RAW_READS));
    else if (strncmp(what, "steady=", 7) == 0)
        printf("%" PRId64 "\n", steps_back(number * MS));
    else if (strncmp(what, "follow=", 7) == 0)
        follow((int)number);
    else if (is_wait(what))
        printf("%.1f\n", wait_ms(what));
    else
        return 64;
    (void)fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    int code = argc > 1 ? 0 : 64;

    for (int i = 1; i < argc && code == 0; i++)
        code = tell(argv[i]);
    return code;
}
