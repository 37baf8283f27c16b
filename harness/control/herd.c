/* herd.c -- see herd.h. */
#include "harness/control/herd.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"

enum { PROCESSES_MAX = 1 << 16 };

static const int64_t freeze_timeout_ns = 1800 * ORD_MS;
static const int64_t freeze_retry_ns = 100 * ORD_MS;

bool ord_stat_read(int dir, const char *pid, struct ord_stat *out)
{
    char path[300];
    char text[1024];
    unsigned long long user = 0, system = 0, start = 0;
    const char *end;
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "%s/stat", pid);
    fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    end = strrchr(text, ')'); /* the name before it may hold anything */
    if (end == NULL ||
        sscanf(end + 1,
               " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu "
               "%*d %*d %*d %*d %llu",
               &out->state, &out->parent, &user, &system, &start) != 5)
        return false;
    out->child_ticks = user + system;
    out->start_ticks = start;
    return true;
}

/* The next process but us, or NULL at the end. */
static const char *next_pid(DIR *dir)
{
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            strcmp(entry->d_name, "1") != 0)
            return entry->d_name;
    }
    return NULL;
}

/* ---- stopped or not -------------------------------------------------------
 */

static bool process_is_stopped(const char *pid)
{
    char path[300];
    const struct dirent *entry;
    bool stopped = true;
    DIR *dir;

    (void)snprintf(path, sizeof path, "/proc/%s/task", pid);
    dir = opendir(path);
    if (dir == NULL)
        return true; /* it has just ended */
    while (stopped && (entry = readdir(dir)) != NULL) {
        struct ord_stat stat;

        if (isdigit((unsigned char)entry->d_name[0]) &&
            ord_stat_read(dirfd(dir), entry->d_name, &stat) &&
            strchr("TtZX", stat.state) == NULL)
            stopped = false;
    }
    (void)closedir(dir);
    return stopped;
}

bool ord_herd_look(uint32_t *process_count)
{
    DIR *dir = opendir("/proc");
    const char *pid;
    bool stopped = dir != NULL;

    *process_count = 0;
    while (*process_count < PROCESSES_MAX && (pid = next_pid(dir)) != NULL) {
        (*process_count)++;
        stopped = stopped && process_is_stopped(pid);
    }
    if (dir != NULL)
        (void)closedir(dir);
    return stopped;
}

static void pause_ns(long time_ns)
{
    (void)ppoll(NULL, 0, &(struct timespec){.tv_nsec = time_ns}, NULL);
}

bool ord_herd_freeze(uint32_t *process_count)
{
    int64_t start_ns = ord_now_ns();
    int64_t retry_ns = start_ns + freeze_retry_ns;

    (void)kill(-1, SIGSTOP);
    while (!ord_herd_look(process_count)) {
        int64_t now_ns = ord_now_ns();

        if (now_ns - start_ns > freeze_timeout_ns)
            return false;
        /* A parent inside vfork() stops only after its child has moved on, and
         * that is stopped: let all run for a moment, then try again. */
        if (now_ns > retry_ns) {
            (void)kill(-1, SIGCONT);
            pause_ns(2 * ORD_MS);
            retry_ns = now_ns + freeze_retry_ns;
        }
        (void)kill(-1, SIGSTOP); /* also those born meanwhile */
        pause_ns(100 * ORD_US);
    }
    return true;
}

/* ---- processor time -------------------------------------------------------
 */

static int64_t of_timeval(struct timeval time)
{
    return (int64_t)time.tv_sec * ORD_S + (int64_t)time.tv_usec * ORD_US;
}

int64_t ord_herd_cpu_ns(void)
{
    int64_t tick_ns = ORD_S / sysconf(_SC_CLK_TCK);
    struct rusage gone;
    const char *pid;
    int64_t sum_ns = 0;
    DIR *dir = opendir("/proc");

    /* Orphans come to us, and so does the time of their children. */
    if (getrusage(RUSAGE_CHILDREN, &gone) == 0)
        sum_ns = of_timeval(gone.ru_utime) + of_timeval(gone.ru_stime);
    while ((pid = next_pid(dir)) != NULL) {
        struct ord_stat stat;
        struct timespec used;
        clockid_t clock;

        /* To the nanosecond; stat has it in ticks. */
        if (clock_getcpuclockid((pid_t)strtol(pid, NULL, 10), &clock) == 0 &&
            clock_gettime(clock, &used) == 0)
            sum_ns += used.tv_sec * ORD_S + used.tv_nsec;
        if (ord_stat_read(dirfd(dir), pid, &stat))
            sum_ns += (int64_t)stat.child_ticks * tick_ns;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return sum_ns;
}
