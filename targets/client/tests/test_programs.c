/* The null client answers, each bad client misbehaves as it says. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"

enum { SAY_MS = 5000, SHORT_MS = 300, OUT_MAX = 32 << 20, LONG_MIN = 10000000 };

static pid_t pid;
static int to = -1;
static int from = -1;
static struct ord_buf out; /* all that it said and nobody took yet */

#define INIT                                                                   \
    "{\"ordeal\":1,\"node\":\"n1\",\"ip\":\"10.77.0.11\",\"seed\":1,"          \
    "\"timeout_ms\":1000,\"workload\":\"register\",\"settings\":{}}\n"
#define OP(id) "{\"id\":" #id ",\"f\":\"write\",\"value\":5}\n"
#define READY "{\"ready\":true}\n"

static void start(const char *name, const char *way, const char *count)
{
    posix_spawn_file_actions_t actions;
    char path[1024];
    char first[32];
    char second[32];
    char *argv[] = {path, way != NULL ? first : NULL,
                    count != NULL ? second : NULL, NULL};
    int in[2];
    int answers[2];

    (void)snprintf(path, sizeof path, "%s/%s", getenv("ORD_BIN"), name);
    (void)snprintf(first, sizeof first, "%s", way != NULL ? way : "");
    (void)snprintf(second, sizeof second, "%s", count != NULL ? count : "");
    cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(answers, O_CLOEXEC), 0);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    (void)posix_spawn_file_actions_adddup2(&actions, answers[1], 1);
    cr_assert_eq(posix_spawn(&pid, path, &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(in[0]);
    (void)close(answers[1]);
    to = in[1];
    from = answers[0];
    (void)signal(SIGPIPE, SIG_IGN);
    ord_buf_init(&out, OUT_MAX);
}

static void say(const char *text)
{
    (void)!write(to, text, strlen(text));
}

/* Reads for that long or until `lines` ends of line have come. */
static const char *hear(int lines, int64_t for_ms)
{
    int64_t deadline_ns = ord_now_ns() + for_ms * ORD_MS;
    int seen = 0;

    for (size_t i = 0; i < out.size; i++)
        seen += out.at[i] == '\n';
    while (seen < lines && ord_now_ns() < deadline_ns) {
        struct pollfd ready = {.fd = from, .events = POLLIN};
        char *room = ord_buf_reserve(&out, 1 << 16);
        ssize_t got;

        cr_assert_not_null(room);
        if (poll(&ready, 1, 10) <= 0)
            continue;
        got = read(from, room, 1 << 16);
        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got; i++)
            seen += room[i] == '\n';
        ord_buf_commit(&out, (size_t)got);
    }
    return ord_buf_str(&out);
}

/* Its exit code; -1 if it had to be killed or died of a signal. */
static int end(void)
{
    int64_t deadline_ns = ord_now_ns() + SHORT_MS * ORD_MS * 4;
    int status = 0;

    (void)close(to);
    (void)close(from);
    ord_buf_fini(&out);
    while (waitpid(pid, &status, WNOHANG) != pid) {
        if (ord_now_ns() > deadline_ns) {
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, &status, 0);
            return -1;
        }
        (void)poll(NULL, 0, 5);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void drop(size_t size)
{
    ord_buf_consume(&out, size);
}

TestSuite(client_programs, .timeout = 60);

Test(client_programs, null_answers_ok_at_once)
{
    start("ordeal-null-client", NULL, NULL);
    say(INIT);
    cr_expect_str_eq(hear(1, SAY_MS), READY);
    drop(out.size);
    say(OP(1) "{\"id\":2,\"f\":\"read\"}\n{\"id\":3,");
    cr_expect_not_null(strstr(hear(2, SAY_MS), "{\"id\":1,\"type\":\"ok\""));
    cr_expect_not_null(
        strstr(hear(2, SAY_MS), "{\"id\":2,\"type\":\"ok\",\"value\":null"));
    drop(out.size);
    say("\"f\":\"dance\"}\n"); /* the other half */
    cr_expect_str_eq(hear(1, SAY_MS),
                     "{\"id\":3,\"type\":\"fail\",\"error\":\"unknown "
                     "function\"}\n");
    cr_expect_eq(end(), 0);
}

Test(client_programs, bad_input_ends_a_client_with_64)
{
    static const char *const inputs[] = {
        "nonsense\n",
        "\n",
        INIT "{\"f\":\"read\"}\n",
        INIT "what?\n",
        INIT OP(1) "{\"id\":2,\"f\":\"read\"}}\n",
    };

    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        start("ordeal-null-client", NULL, NULL);
        say(inputs[i]);
        (void)hear(100, SHORT_MS);
        cr_expect_eq(end(), 64, "%s", inputs[i]);
    }
}

Test(client_programs, a_line_without_end_is_refused)
{
    static char part[1 << 16];

    memset(part, ' ', sizeof part - 1);
    start("ordeal-null-client", NULL, NULL);
    say(INIT);
    (void)hear(1, SAY_MS);
    for (int i = 0; i < 20; i++)
        say(part);
    (void)hear(100, SHORT_MS);
    cr_expect_eq(end(), 64);
}

Test(client_programs, half_a_line_at_the_end_is_nobodys)
{
    start("ordeal-null-client", NULL, NULL);
    say(INIT "{\"id\":1,\"f\":\"read\"}");
    cr_expect_str_eq(hear(2, SHORT_MS), READY);
    cr_expect_eq(end(), 0);
}

/* Two good answers first, each. */
static const char *misbehave(const char *way, int lines, int64_t for_ms)
{
    start("ordeal-bad-client", way, "2");
    say(INIT OP(1) OP(2));
    cr_assert_not_null(strstr(hear(3, SAY_MS), "{\"id\":2,\"type\":\"ok\""),
                       "%s", way);
    drop(out.size);
    say(OP(3));
    return hear(lines, for_ms);
}

Test(client_programs, hang)
{
    cr_expect_str_eq(misbehave("hang", 1, SHORT_MS), "");
    cr_expect_eq(end(), -1, "not even the end of its input wakes it");
}

Test(client_programs, exit)
{
    cr_expect_str_eq(misbehave("exit", 1, SAY_MS), "");
    cr_expect_eq(end(), 3);
}

Test(client_programs, garbage)
{
    cr_expect_neq(misbehave("garbage", 1, SAY_MS)[0], '{');
    (void)end();
}

Test(client_programs, long_line)
{
    (void)misbehave("long", 1, SAY_MS);
    cr_expect_gt(out.size, LONG_MIN);
    cr_expect_null(memchr(out.at, '\n', LONG_MIN));
    (void)end();
}

Test(client_programs, twice)
{
    const char *first = strstr(misbehave("twice", 2, SAY_MS), "\"id\":3,");

    cr_assert_not_null(first);
    cr_expect_not_null(strstr(first + 1, "\"id\":3,"));
    (void)end();
}

Test(client_programs, wrong_id)
{
    cr_expect_str_eq(misbehave("wrong-id", 2, SHORT_MS),
                     "{\"id\":1003,\"type\":\"ok\"}\n");
    (void)end();
}

Test(client_programs, bad_type)
{
    cr_expect_str_eq(misbehave("bad-type", 2, SHORT_MS),
                     "{\"id\":3,\"type\":\"maybe\"}\n");
    (void)end();
}

Test(client_programs, slow_start)
{
    int64_t begin_ns = ord_now_ns();

    start("ordeal-bad-client", "slow-start", "400");
    say(INIT);
    cr_expect_str_eq(hear(1, SAY_MS), READY);
    cr_expect_geq(ord_now_ns() - begin_ns, 400 * ORD_MS);
    cr_expect_eq(end(), 0);
}

Test(client_programs, die_at_start)
{
    start("ordeal-bad-client", "die-at-start", NULL);
    say(INIT);
    cr_expect_str_eq(hear(1, SAY_MS), "");
    cr_expect_eq(end(), 3);
}

Test(client_programs, bad_arguments)
{
    static const char *const ways[] = {"sing", "--ready", ""};

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        start("ordeal-bad-client", ways[i], NULL);
        cr_expect_eq(end(), 64, "%s", ways[i]);
    }
    start("ordeal-null-client", "--primary", "10.77.0.11");
    cr_expect_eq(end(), 64);
    start("ordeal-null-client", "--ready", "10.77.0.11");
    cr_expect_eq(end(), 0);
}
