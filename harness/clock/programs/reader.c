/* reader.c -- what a program sees of its clocks; for tests and for people:
 * `clock-reader WHAT...` prints a line for each.
 *
 *     real mono raw-real raw-mono    the clock in ns (raw: by system call)
 *     cost raw-cost                  ns per read
 *     cond sem sleep                 ms that waiting 200 ms by an absolute
 *                                    deadline on the real clock takes
 *     steady=MS                      steps back of the monotonic clock in that
 *                                    time, seen by two threads
 *     follow=MS                      the real clock in ns, each MS until stdin
 *                                    ends
 */
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { READS = 1000000, RAW_READS = 1000, WAIT_MS = 200 };

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

static double wait_ms(const char *how)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
    int64_t deadline = now(CLOCK_REALTIME) + WAIT_MS * MS;
    const struct timespec until = {.tv_sec = deadline / S,
                                   .tv_nsec = deadline % S};
    int64_t begin = now(CLOCK_MONOTONIC);
    sem_t semaphore;

    if (strcmp(how, "cond") == 0) {
        (void)pthread_mutex_lock(&mutex);
        (void)pthread_cond_timedwait(&cond, &mutex, &until);
        (void)pthread_mutex_unlock(&mutex);
    } else if (strcmp(how, "sem") == 0) {
        (void)sem_init(&semaphore, 0, 0);
        (void)sem_timedwait(&semaphore, &until);
    } else {
        (void)clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
    }
    return (double)(now(CLOCK_MONOTONIC) - begin) / (double)MS;
}

struct watch {
    int64_t until;
    int64_t steps_back;
};

static void *watch_monotonic(void *argument)
{
    struct watch *watch = argument;
    int64_t last = now(CLOCK_MONOTONIC);

    while (last < watch->until) {
        int64_t next = now(CLOCK_MONOTONIC);

        watch->steps_back += next < last;
        last = next;
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
    else if (strcmp(what, "raw-real") == 0)
        printf("%" PRId64 "\n", raw_now(CLOCK_REALTIME));
    else if (strcmp(what, "raw-mono") == 0)
        printf("%" PRId64 "\n", raw_now(CLOCK_MONOTONIC));
    else if (strcmp(what, "cost") == 0)
        printf("%.1f\n", cost(now, READS));
    else if (strcmp(what, "raw-cost") == 0)
        printf("%.1f\n", cost(raw_now, RAW_READS));
    else if (strncmp(what, "steady=", 7) == 0)
        printf("%" PRId64 "\n", steps_back(number * MS));
    else if (strncmp(what, "follow=", 7) == 0)
        follow((int)number);
    else if (strcmp(what, "cond") == 0 || strcmp(what, "sem") == 0 ||
             strcmp(what, "sleep") == 0)
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
