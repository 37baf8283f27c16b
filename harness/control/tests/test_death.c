/* test_death.c -- whoever dies when, nothing of a run is left.
 *
 * All processes forked from the supervisor carry a mapping of a marker file,
 * and those that were exec'd its name on their command line: so any that
 * outlives the run is found in /proc, whatever its parent is by then.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/sandbox.h"
#include "support_trial.h"

enum {
    FILE_MAX = 1 << 20,
    /* Supervisor, conductor, switch, operator, and of each of three nodes its
     * init and two shells. */
    ALL_MARKED = 4 + 3 * 3,
};

struct stage {
    _Atomic pid_t conductor;
    _Atomic bool is_full; /* nodes run */
};

struct play {
    struct stage *stage; /* shared with the test */
    char dir[64];
    char mark[80];
    enum ord_uplink uplink;
};

static bool file_has(const char *path, const char *text)
{
    static char content[FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got;

    if (fd < 0)
        return false;
    while (size < sizeof content &&
           (got = read(fd, content + size, sizeof content - size)) > 0)
        size += (size_t)got;
    (void)close(fd);
    return memmem(content, size, text, strlen(text)) != NULL;
}

static uint32_t count_marked(const char *mark)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    uint32_t count = 0;

    cr_assert_not_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[300];

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        (void)snprintf(path, sizeof path, "/proc/%s/maps", entry->d_name);
        if (!file_has(path, mark)) {
            (void)snprintf(path, sizeof path, "/proc/%s/cmdline",
                           entry->d_name);
            if (!file_has(path, mark))
                continue;
        }
        count++;
    }
    (void)closedir(dir);
    return count;
}

static int conduct(void *arg)
{
    struct play *play = arg;
    const struct ord_cluster_config config = {
        .node_count = 3, .run_dir = play->dir, .uplink = play->uplink};
    char script[256];
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct ord_cluster *cluster;
    struct ord_err err;

    if (ord_cluster_open(&config, &cluster, &err) != ORD_OK) {
        (void)fprintf(stderr, "open: %s\n", err.text);
        return 1;
    }
    (void)snprintf(script, sizeof script,
                   "setsid sh -c ': %s; while :; do :; done' & : %s; "
                   "while :; do :; done",
                   play->mark, play->mark);
    if (fork() == 0) { /* the operator */
        for (uint32_t node = 1; node <= 3; node++) {
            const struct ord_command command = {.argv = argv};

            if (ord_node_start(cluster, node, &command, &err) != ORD_OK)
                (void)fprintf(stderr, "%s\n", err.text);
        }
        play->stage->is_full = true;
        (void)pause();
    }
    for (;;)
        (void)pause();
}

static _Noreturn void supervise(struct play *play)
{
    const struct ord_sandbox_config config = {.name = "ordeal-death"};
    int fd = open(play->mark, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct ord_err err;
    pid_t pid;
    int pidfd;

    if (ftruncate(fd, 4096) != 0 ||
        mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
        _exit(1);
    if (ord_sandbox_spawn(&config, conduct, play, &pid, &pidfd, &err) !=
        ORD_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    play->stage->conductor = pid;
    for (;;)
        (void)pause();
}

/* Kills one of the two after delay_us, or once all is up if that is -1. */
static void die(enum ord_uplink uplink, bool kills_conductor, int delay_us)
{
    struct play play = {.uplink = uplink};
    struct ord_err err;
    int64_t killed_ns;
    uint32_t left;
    pid_t pid;

    (void)snprintf(play.dir, sizeof play.dir, "/tmp/ordeal-death-XXXXXX");
    cr_assert_not_null(mkdtemp(play.dir));
    (void)snprintf(play.mark, sizeof play.mark, "%s/mark", play.dir);
    play.stage = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid = fork();
    if (pid == 0)
        supervise(&play);
    for (int i = 0; delay_us < 0 && i < 1000 && !play.stage->is_full; i++)
        trial_sleep_ms(10);
    if (delay_us < 0) {
        cr_assert(play.stage->is_full);
        for (int i = 0; i < 200 && count_marked(play.mark) < ALL_MARKED; i++)
            trial_sleep_ms(20); /* the shells fork when they get to it */
        cr_expect_geq(count_marked(play.mark), ALL_MARKED,
                      "or this test is blind");
    }
    if (delay_us > 0)
        (void)ppoll(NULL, 0,
                    &(struct timespec){.tv_nsec = (long)delay_us * 1000}, NULL);
    for (int i = 0; kills_conductor && i < 1000 && play.stage->conductor == 0;
         i++)
        trial_sleep_ms(1);
    (void)kill(kills_conductor ? play.stage->conductor : pid, SIGKILL);
    killed_ns = ord_now_ns();
    do {
        left = count_marked(play.mark);
        trial_sleep_ms(5);
    } while (left > (kills_conductor ? 1 : 0) &&
             ord_now_ns() < killed_ns + ORD_S);
    cr_expect_eq(left, kills_conductor ? 1 : 0, "%u processes left", left);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)munmap(play.stage, 4096);
    (void)ord_remove_all(play.dir, &err);
}

static const int delays_us[] = {1,    300,  700,   1500,  2500,  4000,
                                6000, 9000, 14000, 25000, 50000, -1};

static size_t count_lines(const char *path)
{
    struct ord_buf buf;
    struct ord_err err;
    size_t lines = 0;

    ord_buf_init(&buf, FILE_MAX);
    cr_assert_eq(ord_file_read(path, &buf, &err), ORD_OK);
    for (size_t at = 0; at < buf.size; at++)
        lines += buf.at[at] == '\n';
    ord_buf_fini(&buf);
    return lines;
}

static void die_often(bool kills_conductor)
{
    size_t mounts = count_lines("/proc/self/mountinfo");
    size_t devices = count_lines("/proc/self/net/dev");

    if (!trial_is_possible())
        cr_skip_test("no sandbox");
    for (size_t i = 0; i < sizeof delays_us / sizeof *delays_us; i++)
        die(i % 2 == 0 ? ORD_UPLINK_AUTO : ORD_UPLINK_PACKET, kills_conductor,
            delays_us[i]);
    cr_expect_eq(count_lines("/proc/self/mountinfo"), mounts);
    cr_expect_eq(count_lines("/proc/self/net/dev"), devices);
}

Test(death, of_the_supervisor, .timeout = 120)
{
    die_often(false);
}

Test(death, of_the_conductor, .timeout = 120)
{
    die_often(true);
}
