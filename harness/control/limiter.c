/* limiter.c -- soft limits on all processes of a node; see herd.h.
 *
 * A child inherits its parent's limits, so who is lowered once has lowered its
 * descendants.  What is left: those born while we went through the list, and
 * programs that raise their soft limit to the hard one when they start (Go and
 * Java do): both are found by going through it again, every now and then.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/control/herd.h"

enum { PASSES_MAX = 8, LIMITS_FILE_SIZE = 4096, STATUS_SIZE = 4096 };

static const struct {
    unsigned resource;
    const char *label; /* in /proc/PID/limits */
} rows[ORD_LIMITS] = {
    [ORD_LIMIT_DESCRIPTORS] = {RLIMIT_NOFILE, "Max open files"},
    [ORD_LIMIT_FILE_SIZE] = {RLIMIT_FSIZE, "Max file size"},
    [ORD_LIMIT_MEMORY] = {RLIMIT_AS, "Max address space"},
};
_Static_assert(ORD_NO_LIMIT == RLIM_INFINITY, "no limit is no limit");

bool ord_limits_take(const uint64_t soft[ORD_LIMITS])
{
    for (uint32_t i = 0; i < ORD_LIMITS; i++) {
        struct rlimit limit;

        if (soft[i] == ORD_NO_LIMIT)
            continue;
        if (getrlimit(rows[i].resource, &limit) != 0)
            return false;
        if (limit.rlim_cur <= soft[i])
            continue;
        limit.rlim_cur = soft[i];
        if (setrlimit(rows[i].resource, &limit) != 0)
            return false;
    }
    return true;
}

void ord_limiter_init(struct ord_limiter *limiter,
                      const uint64_t soft[ORD_LIMITS])
{
    *limiter = (struct ord_limiter){0};
    memcpy(limiter->soft, soft, sizeof limiter->soft);
}

bool ord_limiter_is_idle(const struct ord_limiter *limiter)
{
    for (uint32_t i = 0; i < ORD_LIMITS; i++) {
        if (limiter->soft[i] != ORD_NO_LIMIT)
            return false;
    }
    return true;
}

/* ---- what they were before ------------------------------------------------
 */

struct person { /* a process, as one pass meets it */
    pid_t pid;
    struct ord_stat stat;
};

static struct ord_limited *find(const struct ord_limiter *limiter, pid_t pid)
{
    for (uint32_t i = 0; i < limiter->known_count; i++) {
        if (limiter->known[i].pid == pid)
            return &limiter->known[i];
    }
    return NULL;
}

/* Its entry, made if need be; NULL if there are too many. */
static struct ord_limited *know(struct ord_limiter *limiter,
                                const struct person *person)
{
    struct ord_limited *it = find(limiter, person->pid);

    if (limiter->known == NULL)
        limiter->known = calloc(ORD_HERD_MAX, sizeof *limiter->known);
    if (it != NULL && it->start == person->stat.start_ticks)
        return it;
    if (it == NULL) {
        if (limiter->known == NULL || limiter->known_count == ORD_HERD_MAX)
            return NULL;
        it = &limiter->known[limiter->known_count++];
    }
    *it = (struct ord_limited){.pid = person->pid,
                               .start = person->stat.start_ticks};
    for (uint32_t i = 0; i < ORD_LIMITS; i++)
        it->before[i] = ORD_UNKNOWN_LIMIT;
    return it;
}

static void forget_the_dead(struct ord_limiter *limiter)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < limiter->known_count; i++) {
        if (limiter->known[i].is_alive)
            limiter->known[kept++] = limiter->known[i];
    }
    limiter->known_count = kept;
}

/* Of a process that was born with our limit: its parent's, else ours. */
static uint64_t inherited(const struct ord_limiter *limiter, pid_t parent,
                          uint32_t i)
{
    const struct ord_limited *known = find(limiter, parent);
    struct rlimit own = {.rlim_cur = ORD_NO_LIMIT};

    if (known != NULL && known->before[i] != ORD_UNKNOWN_LIMIT)
        return known->before[i];
    (void)getrlimit(rows[i].resource, &own);
    return own.rlim_cur;
}

static size_t read_text(const char *pid, const char *name, char *out,
                        size_t size)
{
    char path[64];
    ssize_t got = -1;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%.20s/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, out, size - 1);
        (void)close(fd);
    }
    out[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* The number after this word at a line's begin in /proc/PID/status. */
static bool read_id(const char *status, const char *word, unsigned *out)
{
    const char *at = strstr(status, word);

    return at != NULL && sscanf(at + strlen(word), " %u", out) == 1;
}

/* prlimit, also where root lacks CAP_SYS_RESOURCE (in many containers) and the
 * program has become somebody else: our *real* ids become its for a moment,
 * which is all that the kernel asks for. */
static bool limit_of(pid_t pid, unsigned resource, const struct rlimit *set,
                     struct rlimit *get)
{
    char status[STATUS_SIZE];
    char name[24];
    unsigned uid, gid;
    bool is_done = prlimit(pid, resource, set, get) == 0;

    if (is_done || errno != EPERM)
        return is_done;
    errno = ESRCH;
    (void)snprintf(name, sizeof name, "%d", pid);
    if (read_text(name, "status", status, sizeof status) == 0 ||
        !read_id(status, "\nUid:", &uid) || !read_id(status, "\nGid:", &gid))
        return false;
    {
        uid_t our_uid = getuid();
        gid_t our_gid = getgid();
        int error;

        is_done = setresgid(gid, (gid_t)-1, (gid_t)-1) == 0 &&
                  setresuid(uid, (uid_t)-1, (uid_t)-1) == 0 &&
                  prlimit(pid, resource, set, get) == 0;
        error = errno;
        (void)!setresuid(our_uid, (uid_t)-1, (uid_t)-1);
        (void)!setresgid(our_gid, (gid_t)-1, (gid_t)-1);
        errno = error;
    }
    return is_done;
}

/* ---- putting them in force ------------------------------------------------
 */

static bool set_soft(struct ord_limiter *limiter, pid_t pid, uint32_t i,
                     struct rlimit limit, uint64_t soft)
{
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    if (limit_of(pid, rows[i].resource, &limit, NULL))
        return true;
    limiter->refused++;
    return false;
}

/* One limit of one process, which was under `was`; true if it was changed. */
static bool treat(struct ord_limiter *limiter, const struct person *person,
                  struct ord_limited *known, uint32_t i, uint64_t was)
{
    uint64_t soft = limiter->soft[i];
    struct rlimit now;
    uint64_t before = ORD_UNKNOWN_LIMIT;

    if (!limit_of(person->pid, rows[i].resource, NULL, &now)) {
        limiter->refused += errno == EPERM;
        return false;
    }
    if (known != NULL)
        before = known->before[i];
    if (was != ORD_NO_LIMIT && now.rlim_cur == was &&
        before == ORD_UNKNOWN_LIMIT)
        before = inherited(limiter, person->stat.parent, i);
    else if (soft != ORD_NO_LIMIT && now.rlim_cur > soft &&
             (was == ORD_NO_LIMIT || now.rlim_cur != was)) {
        limiter->raised += was != ORD_NO_LIMIT;
        before = now.rlim_cur;
    }
    if (known != NULL)
        known->before[i] = before;
    if (soft != ORD_NO_LIMIT && now.rlim_cur > soft)
        return set_soft(limiter, person->pid, i, now, soft);
    /* Looser than it was, or none any more; who has set another: its own. */
    if (was != ORD_NO_LIMIT && now.rlim_cur == was && soft > was)
        return set_soft(limiter, person->pid, i, now,
                        before < soft ? before : soft);
    return false;
}

/* Once through the list; how many limits were changed. */
static uint32_t pass(struct ord_limiter *limiter,
                     const uint64_t was[ORD_LIMITS])
{
    const struct dirent *entry;
    uint32_t changed = 0;
    DIR *dir = opendir("/proc");

    for (uint32_t i = 0; i < limiter->known_count; i++)
        limiter->known[i].is_alive = false;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct ord_limited *known;
        struct person person;

        if (!isdigit((unsigned char)entry->d_name[0]) ||
            strcmp(entry->d_name, "1") == 0 ||
            !ord_stat_read(dirfd(dir), entry->d_name, &person.stat))
            continue;
        person.pid = (pid_t)strtol(entry->d_name, NULL, 10);
        known = know(limiter, &person);
        if (known != NULL)
            known->is_alive = true;
        for (uint32_t i = 0; i < ORD_LIMITS; i++)
            changed += treat(limiter, &person, known, i, was[i]);
    }
    if (dir != NULL)
        (void)closedir(dir);
    forget_the_dead(limiter);
    return changed;
}

static void repeat(struct ord_limiter *limiter, const uint64_t was[ORD_LIMITS])
{
    for (uint32_t i = 0; i < PASSES_MAX; i++) {
        if (pass(limiter, was) == 0)
            return;
    }
}

void ord_limiter_set(struct ord_limiter *limiter,
                     const uint64_t soft[ORD_LIMITS])
{
    uint64_t was[ORD_LIMITS];

    if (memcmp(limiter->soft, soft, sizeof limiter->soft) == 0)
        return;
    memcpy(was, limiter->soft, sizeof was);
    memcpy(limiter->soft, soft, sizeof limiter->soft);
    limiter->raised = limiter->refused = 0;
    repeat(limiter, was);
    for (uint32_t k = 0; k < limiter->known_count; k++) {
        for (uint32_t i = 0; i < ORD_LIMITS; i++) {
            if (soft[i] == ORD_NO_LIMIT)
                limiter->known[k].before[i] = ORD_UNKNOWN_LIMIT;
        }
    }
    if (ord_limiter_is_idle(limiter)) {
        free(limiter->known);
        limiter->known = NULL;
        limiter->known_count = 0;
    }
}

void ord_limiter_keep(struct ord_limiter *limiter)
{
    uint64_t was[ORD_LIMITS];

    if (ord_limiter_is_idle(limiter))
        return;
    memcpy(was, limiter->soft, sizeof was);
    repeat(limiter, was);
}

/* ---- reading them back ----------------------------------------------------
 */

static uint64_t read_back(const char *text, uint32_t i)
{
    const char *at = strstr(text, rows[i].label);
    unsigned long long soft = 0;

    if (at == NULL || sscanf(at + strlen(rows[i].label), " %llu", &soft) != 1)
        return ORD_NO_LIMIT; /* "unlimited" */
    return soft;
}

static uint64_t count_descriptors(const char *pid)
{
    const struct dirent *entry;
    char path[64];
    uint64_t count = 0;
    DIR *dir;

    (void)snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    if (dir != NULL)
        (void)closedir(dir);
    return count;
}

/* Within one more step of it: a descriptor, or a thread's stack of 64 KiB. */
static bool has_reached(const char *pid, uint32_t i, uint64_t soft)
{
    char text[64];

    if (i == ORD_LIMIT_DESCRIPTORS)
        return count_descriptors(pid) >= soft;
    if (i == ORD_LIMIT_MEMORY && read_text(pid, "statm", text, sizeof text) > 0)
        return strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) +
                   65536 >
               soft;
    return false;
}

void ord_limiter_read(const struct ord_limiter *limiter,
                      uint32_t held[ORD_LIMITS], uint32_t reached[ORD_LIMITS])
{
    const struct dirent *entry;
    DIR *dir = opendir("/proc");

    memset(held, 0, ORD_LIMITS * sizeof *held);
    memset(reached, 0, ORD_LIMITS * sizeof *reached);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char text[LIMITS_FILE_SIZE];

        if (!isdigit((unsigned char)entry->d_name[0]) ||
            strcmp(entry->d_name, "1") == 0 ||
            read_text(entry->d_name, "limits", text, sizeof text) == 0)
            continue;
        for (uint32_t i = 0; i < ORD_LIMITS; i++) {
            if (limiter->soft[i] == ORD_NO_LIMIT ||
                read_back(text, i) > limiter->soft[i])
                continue;
            held[i]++;
            reached[i] += has_reached(entry->d_name, i, limiter->soft[i]);
        }
    }
    if (dir != NULL)
        (void)closedir(dir);
}
