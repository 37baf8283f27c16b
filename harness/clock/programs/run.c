/* run.c -- a program under a clock of its own:
 * `clock-run [--slow] PROGRAM ARGUMENT...`; --slow: read by system calls.
 *
 * Commands come from standard input, a line each; "ok" answers, or a line that
 * says what was asked:
 *
 *     jump NS | drift PPM | strobe NS PERIOD_NS | step NS | reset
 *     offset     real_ns mono_ns rate_ppm
 *     blind      processes that could not be given the clock
 *
 * The program reads nothing and writes to standard error.  At the end of the
 * input, or when this dies, it and all that it started are killed.  77: clocks
 * cannot be changed here; standard error says why.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/clock/clock.h"

enum { LINE_MAX_SIZE = 128, CANNOT = 77 };

static const int64_t day_ns = INT64_C(86400) * 1000000000;

static void obey(struct ord_clock *clock, const char *line)
{
    struct ord_clock_state state = ord_clock_state(clock);
    int64_t a = 0;
    int64_t b = 0;
    char what[16] = "";

    (void)sscanf(line, "%15s %" SCNd64 " %" SCNd64, what, &a, &b);
    if (strcmp(what, "jump") == 0) {
        ord_clock_jump(clock, a);
    } else if (strcmp(what, "drift") == 0) {
        ord_clock_drift(clock, a);
    } else if (strcmp(what, "strobe") == 0 && b > 0) {
        ord_clock_strobe(clock, a, b, day_ns);
    } else if (strcmp(what, "step") == 0) {
        ord_clock_jump_mono(clock, a);
    } else if (strcmp(what, "reset") == 0) {
        ord_clock_reset(clock);
    } else if (strcmp(what, "offset") == 0) {
        printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", state.offset.real_ns,
               state.offset.mono_ns, state.rate_ppm);
        return;
    } else if (strcmp(what, "blind") == 0) {
        printf("%u\n", ord_clock_blind(clock));
        return;
    } else {
        printf("what?\n");
        return;
    }
    printf("ok\n");
}

static _Noreturn void be_program(int socket, char **argv)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    if (freopen("/dev/null", "r", stdin) != NULL &&
        dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 && ord_clock_filter(socket))
        (void)execvp(argv[0], argv);
    perror(argv[0]);
    _exit(errno == EPERM || errno == EACCES ? CANNOT : 127);
}

static _Noreturn void be_guard(const struct ord_clock *clock, int socket,
                               int stop_fd)
{
    /* What reads our output is not to wait for the guard. */
    (void)setpgid(0, 0);
    (void)close(STDOUT_FILENO);
    ord_clock_guard(clock, socket, stop_fd);
    _exit(0);
}

static int serve(struct ord_clock *clock, char **argv)
{
    char line[LINE_MAX_SIZE];
    int sockets[2];
    int stop[2];
    pid_t guard;
    pid_t program;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0 ||
        pipe2(stop, O_CLOEXEC) != 0)
        return 1;
    guard = fork();
    if (guard == 0) {
        (void)close(sockets[1]);
        (void)close(stop[1]);
        be_guard(clock, sockets[0], stop[0]);
    }
    (void)close(sockets[0]);
    program = fork();
    if (program == 0)
        be_program(sockets[1], argv);
    (void)close(sockets[1]);
    if (guard < 0 || program < 0)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        obey(clock, line);
        (void)fflush(stdout);
    }
    (void)kill(-program, SIGKILL);
    (void)waitpid(program, NULL, 0);
    (void)close(stop[1]);
    (void)waitpid(guard, NULL, 0);
    return 0;
}

int main(int argc, char **argv)
{
    struct ord_clock clock = ORD_CLOCK_NONE;
    struct ord_err err = {0};
    bool is_slow = argc > 1 && strcmp(argv[1], "--slow") == 0;
    int code;

    argc -= is_slow;
    argv += is_slow;
    if (argc < 2)
        return 64;
    if (ord_clock_probe(&err) != ORD_OK ||
        ord_clock_open(&clock, &err) != ORD_OK) {
        fprintf(stderr, "clock-run: %s\n", err.text);
        return CANNOT;
    }
    if (is_slow)
        ord_clock_slow(&clock);
    code = serve(&clock, argv + 1);
    ord_clock_close(&clock);
    return code;
}
