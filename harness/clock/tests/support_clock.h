/* support_clock.h -- programs that are started under a clock of their own. */
#ifndef ORD_CLOCK_TESTS_SUPPORT_CLOCK_H
#define ORD_CLOCK_TESTS_SUPPORT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "harness/clock/clock.h"

/* A clock with its guard; each test has one.  Skips where it cannot be. */
struct lab {
    struct ord_clock clock;
    pid_t guard;
    int socket;  /* of the next program */
    int stop_fd; /* closing it ends the guard */
};

void lab_open(struct lab *lab);
void lab_close(struct lab *lab);

struct program {
    pid_t pid;
    int in_fd;
    int out_fd;
};

/* Starts `argv[0]` under the lab's clock; once per lab. */
void lab_start(struct lab *lab, struct program *program,
               const char *const *argv);
/* Its next line; false: it has ended. */
bool program_line(struct program *program, char *line, size_t size);
/* Closes its input, waits; its exit status. */
int program_end(struct program *program);

/* The last line of `sh -c script` under the clock, as a number. */
double lab_shell(struct lab *lab, const char *script);
int64_t host_ns_of(clockid_t id);
int64_t host_real_ns(void);
int64_t host_mono_ns(void);

#endif
