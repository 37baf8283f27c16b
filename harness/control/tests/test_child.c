/* test_child.c -- children run, fail clearly, end, and are never lost. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/child.h"
#include "harness/control/sandbox.h"
#include "support_trial.h"

static struct ord_child_spec spec_of(const char *const *argv)
{
    return (struct ord_child_spec){
        .argv = argv, .in_fd = -1, .out_fd = -1, .err_fd = -1, .net_fd = -1};
}

static struct ord_child spawn(const char *script, int out_fd)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct ord_child_spec spec = spec_of(argv);
    struct ord_child child = ORD_CHILD_NONE;
    struct ord_err err = {.text = ""};

    spec.out_fd = out_fd;
    cr_assert_eq(ord_child_spawn(&spec, &child, &err), ORD_OK, "%s", err.text);
    return child;
}

Test(child, exits, .timeout = 10)
{
    struct ord_child child = spawn("exit 3", -1);
    struct ord_exit ended;
    struct ord_err err;

    cr_assert_eq(ord_child_wait(&child, 5 * ORD_S, &ended, &err), ORD_OK);
    cr_expect_eq(ended.code, 3);
    cr_expect_not(ended.is_signal);
    cr_expect_eq(child.pid, 0);
    cr_expect_eq(child.pidfd, -1);
}

Test(child, is_waited_for_no_longer_than_asked, .timeout = 10)
{
    struct ord_child child = spawn("sleep 100", -1);
    struct ord_exit ended;
    struct ord_err err;
    int64_t start_ns = ord_now_ns();

    cr_expect_eq(ord_child_wait(&child, 0, &ended, &err), ORD_ETIMEOUT);
    cr_expect_eq(ord_child_wait(&child, 50 * ORD_MS, &ended, &err),
                 ORD_ETIMEOUT);
    cr_expect_geq(ord_now_ns() - start_ns, 50 * ORD_MS);
    ord_child_signal(&child, SIGTERM);
    cr_assert_eq(ord_child_wait(&child, 5 * ORD_S, &ended, &err), ORD_OK);
    cr_expect(ended.is_signal);
    cr_expect_eq(ended.code, SIGTERM);
}

/* The whole group goes: the pipe's last writer is gone, so it ends. */
Test(child, dies_with_its_group, .timeout = 10)
{
    struct ord_child child;
    char text[8];
    int pipes[2];

    cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
    child = spawn("sleep 100 & echo up; sleep 100", pipes[1]);
    (void)close(pipes[1]);
    cr_assert_eq(read(pipes[0], text, sizeof text), 3);
    ord_child_kill(&child);
    cr_expect_eq(read(pipes[0], text, sizeof text), 0);
    (void)close(pipes[0]);
    ord_child_kill(&child); /* none is fine */
}

Test(child, gets_only_its_own_descriptors, .timeout = 10)
{
    struct ord_child child;
    struct ord_exit ended;
    struct ord_err err;
    char text[64] = "";
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
    int pipes[2];

    cr_assert_geq(leak, 0);
    cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
    /* Without a pipe, for the shell would hold its ends for a moment. */
    child = spawn("ls /proc/$$/fd; readlink /proc/$$/fd/0", pipes[1]);
    cr_assert_eq(ord_child_wait(&child, 5 * ORD_S, &ended, &err), ORD_OK);
    (void)close(pipes[1]);
    for (size_t size = 0; size < sizeof text - 1;) {
        ssize_t got = read(pipes[0], text + size, sizeof text - 1 - size);

        if (got <= 0)
            break;
        size += (size_t)got;
    }
    cr_expect_str_eq(text, "0\n1\n2\n/dev/null\n");
    (void)close(pipes[0]);
    (void)close(leak);
}

Test(child, that_cannot_run_is_named, .timeout = 10)
{
    const char *const none[] = {"/no/such/program", NULL};
    const char *const data[] = {"/etc/passwd", NULL};
    const char *const good[] = {"true", NULL};
    struct ord_child_spec spec = spec_of(none);
    struct ord_child child;
    struct ord_err err;

    cr_expect_eq(ord_child_spawn(&spec, &child, &err), ORD_ENOTFOUND);
    cr_expect_not_null(strstr(err.text, "/no/such/program"));
    spec = spec_of(data);
    cr_expect_eq(ord_child_spawn(&spec, &child, &err), ORD_EDENIED);
    cr_expect_not_null(strstr(err.text, "/etc/passwd"));
    spec = spec_of(good);
    spec.cwd = "/no/such/dir";
    cr_expect_lt(ord_child_spawn(&spec, &child, &err), 0);
    cr_expect_not_null(strstr(err.text, "/no/such/dir"));
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "a child was not reaped");
}

Test(child, dies_with_its_parent, .timeout = 10)
{
    _Atomic pid_t *grandchild = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t parent;
    pid_t ended = 0;
    int status = 0;

    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* the orphan comes to us */
    parent = fork();
    if (parent == 0) {
        *grandchild = spawn("sleep 100", -1).pid;
        for (;;)
            (void)pause();
    }
    for (int i = 0; i < 1000 && *grandchild == 0; i++)
        trial_sleep_ms(5);
    cr_assert_gt(*grandchild, 0);
    cr_expect_eq(kill(*grandchild, 0), 0);
    (void)kill(parent, SIGKILL);
    (void)waitpid(parent, NULL, 0);
    for (int i = 0; i < 200 && ended != *grandchild; i++) {
        trial_sleep_ms(5);
        ended = waitpid(*grandchild, &status, WNOHANG);
    }
    cr_expect_eq(ended, *grandchild);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    (void)munmap(grandchild, 4096);
}

static int inside(void *arg)
{
    const int *keep = arg;
    char name[64] = "";
    char target[64] = "";
    int fds = 0;

    (void)gethostname(name, sizeof name);
    (void)!readlink("/proc/self/fd/0", target, sizeof target - 1);
    for (int fd = 3; fd < 100; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    if (getpid() != 1 || getuid() != 0 || strcmp(name, "inside") != 0 ||
        strcmp(target, "/dev/null") != 0 || fds != 1 ||
        fcntl(*keep, F_GETFD) < 0 || access("/proc/1/stat", F_OK) != 0 ||
        access("/proc/2/stat", F_OK) == 0)
        return 1;
    return 42;
}

Test(child, sandbox_is_what_it_says, .timeout = 20)
{
    int extra = open("/dev/null", O_RDONLY);
    int keep = open("/dev/null", O_RDONLY);
    const struct ord_sandbox_config config = {
        .name = "inside", .keep_fds = &keep, .keep_count = 1};
    struct ord_exit ended;
    struct ord_err err;
    pid_t pid;
    int pidfd;

    if (!trial_is_possible())
        cr_skip_test("no sandbox");
    cr_assert_eq(ord_sandbox_spawn(&config, inside, &keep, &pid, &pidfd, &err),
                 ORD_OK, "%s", err.text);
    cr_assert(ord_pidfd_ended(pidfd, 10 * ORD_S));
    cr_assert_eq(ord_pidfd_reap(pidfd, &ended, &err), ORD_OK);
    cr_expect_eq(ended.code, 42);
    cr_expect_not(ended.is_signal);
    (void)close(pidfd);
    (void)close(extra);
    (void)close(keep);
}
