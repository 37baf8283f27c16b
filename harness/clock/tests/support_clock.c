#include "support_clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void lab_open(struct lab *lab)
{
    struct ord_err err = {0};
    int sockets[2];
    int stop[2];

    if (ord_clock_probe(&err) != ORD_OK)
        cr_skip_test("%s", err.text);
    cr_assert_eq(ord_clock_open(&lab->clock, &err), ORD_OK, "%s", err.text);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets),
                 0);
    cr_assert_eq(pipe2(stop, O_CLOEXEC), 0);
    lab->guard = fork();
    if (lab->guard == 0) {
        close(sockets[1]);
        close(stop[1]);
        ord_clock_guard(&lab->clock, sockets[0], stop[0]);
        _exit(0);
    }
    close(sockets[0]);
    close(stop[0]);
    lab->socket = sockets[1];
    lab->stop_fd = stop[1];
}

void lab_close(struct lab *lab)
{
    close(lab->stop_fd);
    if (lab->socket >= 0)
        close(lab->socket);
    cr_expect_eq(waitpid(lab->guard, NULL, 0), lab->guard);
    ord_clock_close(&lab->clock);
}

void lab_start(struct lab *lab, struct program *program,
               const char *const *argv)
{
    int in[2];
    int out[2];

    cr_assert_geq(lab->socket, 0, "one program per lab");
    cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    program->pid = fork();
    if (program->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        if (ord_clock_filter(lab->socket))
            execvp(argv[0], (char *const *)argv);
        _exit(errno == EPERM || errno == EACCES ? 77 : 127);
    }
    close(in[0]);
    close(out[1]);
    close(lab->socket);
    lab->socket = -1;
    program->in_fd = in[1];
    program->out_fd = out[0];
}

bool program_line(struct program *program, char *line, size_t size)
{
    size_t used = 0;

    while (used + 1 < size) {
        ssize_t got = read(program->out_fd, line + used, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || line[used] == '\n')
            break;
        used++;
    }
    line[used] = '\0';
    return used > 0;
}

int program_end(struct program *program)
{
    int status = 0;

    close(program->in_fd);
    close(program->out_fd);
    cr_assert_eq(waitpid(program->pid, &status, 0), program->pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        cr_skip_test("programs may not be given a clock here");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

double lab_shell(struct lab *lab, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct program program;
    char line[256];
    double number = 0;

    lab_start(lab, &program, argv);
    while (program_line(&program, line, sizeof line))
        number = strtod(line, NULL);
    cr_expect_eq(program_end(&program), 0, "%s", script);
    return number;
}

int64_t host_ns_of(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int64_t host_real_ns(void)
{
    return host_ns_of(CLOCK_REALTIME);
}

int64_t host_mono_ns(void)
{
    return host_ns_of(CLOCK_MONOTONIC);
}
