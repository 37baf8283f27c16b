/* test_chroot.c -- a sandbox made from inside a chroot. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/control/sandbox.h"
#include "support_trial.h"

enum { REFUSED = 77, MOUNTS_MAX = 10000 };

static int count_mounts(void)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    int lines = 0;
    int c;

    if (mounts == NULL)
        return -1;
    while ((c = fgetc(mounts)) != EOF && lines < MOUNTS_MAX)
        lines += c == '\n';
    (void)fclose(mounts);
    return lines;
}

/* Moves into a folder that holds /proc and /dev and is no mount point.  What
 * is mounted is shared, as systemd has it. */
static bool enter_chroot(const char *dir)
{
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_SHARED, NULL) == 0 &&
           chdir(dir) == 0 && mkdir("proc", 0755) == 0 &&
           mkdir("dev", 0755) == 0 && mkdir("work", 0755) == 0 &&
           mount("proc", "proc", "proc", 0, NULL) == 0 &&
           mount("/dev", "dev", NULL, MS_BIND, NULL) == 0 && chroot(".") == 0 &&
           chdir("/work") == 0;
}

static int root_in_chroot(const char *dir)
{
    struct ord_err err = {.rc = ORD_OK};
    char here[64] = "";
    int before;

    if (!enter_chroot(dir))
        return REFUSED;
    before = count_mounts();
    CHECK(before == 2);
    if (ord_sandbox_probe(&err) != ORD_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    CHECK(err.rc == ORD_OK);
    CHECK(count_mounts() == before);
    CHECK(getcwd(here, sizeof here) != NULL && strcmp(here, "/work") == 0);
    return 0;
}

static int user_in_chroot(const char *dir)
{
    struct ord_err err = {.rc = ORD_OK};

    if (!enter_chroot(dir) || setgid(65534) != 0 || setuid(65534) != 0)
        return REFUSED;
    CHECK(ord_sandbox_probe(&err) == ORD_EDENIED);
    CHECK(strstr(err.text, "chroot") != NULL);
    return 0;
}

/* The exit code of body(), run in a process that may leave this world. */
static int run_apart(int (*body)(const char *dir))
{
    char dir[] = "/tmp/ordeal-chroot-XXXXXX";
    int status = 0;
    pid_t pid;

    cr_assert_not_null(mkdtemp(dir));
    (void)chmod(dir, 0755);
    pid = fork();
    if (pid == 0)
        _exit(body(dir));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(chdir(dir) == 0);
    (void)rmdir("proc");
    (void)rmdir("dev");
    (void)rmdir("work");
    (void)rmdir(dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_zero(int (*body)(const char *dir))
{
    int code;

    if (geteuid() != 0)
        cr_skip_test("only root may enter a chroot");
    code = run_apart(body);
    if (code == REFUSED)
        cr_skip_test("this root may make no mounts");
    cr_expect_eq(code, 0);
}

Test(chroot, root_gets_a_sandbox_that_leaks_no_mount, .timeout = 60)
{
    expect_zero(root_in_chroot);
}

Test(chroot, a_user_is_told_why_not, .timeout = 60)
{
    expect_zero(user_in_chroot);
}
