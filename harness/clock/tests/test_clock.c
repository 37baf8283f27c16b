#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support_clock.h"

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define HOUR (3600 * S)

static struct lab lab;
static char reader[512];

static void begin(void)
{
    const char *bin = getenv("ORD_BIN");

    snprintf(reader, sizeof reader, "%s/clock-reader",
             bin == NULL ? "build/debug/bin" : bin);
    setenv("READER", reader, 1);
    lab_open(&lab);
}

static void end(void)
{
    lab_close(&lab);
}

TestSuite(clock, .init = begin, .fini = end, .timeout = 60);

/* How far off a number printed meanwhile is, by the host's clock: the nearest
 * that it may be. */
static int64_t off(int64_t shown, int64_t before, int64_t after)
{
    if (shown < before)
        return shown - before;
    return shown > after ? shown - after : 0;
}

static void expect_real(const char *script, int64_t skew, int64_t tolerance)
{
    int64_t before = host_real_ns();
    int64_t shown = (int64_t)lab_shell(&lab, script);
    int64_t after = host_real_ns();

    cr_expect_leq(llabs(off(shown - skew, before, after)), tolerance,
                  "%s: %" PRId64 " ns off", script,
                  off(shown - skew, before, after));
}

Test(clock, untouched_it_is_the_host_s)
{
    expect_real("$READER real", 0, 2048);
    cr_expect(ord_clock_is_seen(&lab.clock));
    cr_expect(ord_clock_is_true(&lab.clock));
}

/* Numbers go through a double here: 256 ns at this size. */
Test(clock, a_jump_is_exact)
{
    ord_clock_jump(&lab.clock, HOUR);
    cr_expect_not(ord_clock_is_seen(&lab.clock));
    expect_real("$READER real", HOUR, 2048);
    cr_expect(ord_clock_is_seen(&lab.clock));
    cr_expect_eq(ord_clock_offset(&lab.clock).real_ns, HOUR);
    cr_expect_eq(ord_clock_offset(&lab.clock).mono_ns, 0);
}

Test(clock, and_back)
{
    ord_clock_jump(&lab.clock, -HOUR);
    expect_real("$READER real", -HOUR, 2048);
}

Test(clock, children_of_a_shell_have_it)
{
    ord_clock_jump(&lab.clock, HOUR);
    expect_real("for i in 1 2 3; do (date +%s%N); done", HOUR, 2048);
}

Test(clock, programs_side_by_side)
{
    ord_clock_jump(&lab.clock, HOUR);
    expect_real("for i in 1 2 3 4 5 6 7 8 9 10; do for k in 1 2 3 4 5 6 7 8; "
                "do date +%s%N & done; wait; done",
                HOUR, 2048);
}

Test(clock, system_calls_that_avoid_the_vdso)
{
    ord_clock_jump(&lab.clock, HOUR);
    expect_real("$READER raw-real", HOUR, 2048);
}

/* Each clock has its own beginning. */
Test(clock, boottime_runs_with_monotonic_time)
{
    int64_t before = host_ns_of(CLOCK_BOOTTIME);
    int64_t shown;

    ord_clock_jump(&lab.clock, HOUR);
    ord_clock_jump_mono(&lab.clock, 7 * S);
    shown = (int64_t)lab_shell(&lab, "$READER boot");
    cr_expect_leq(llabs(off(shown - 7 * S, before, host_ns_of(CLOCK_BOOTTIME))),
                  2048);
}

/* The recipe's storm: 800 execs, eight at a time. */
Test(clock, a_storm_of_execs)
{
    ord_clock_jump(&lab.clock, HOUR);
    expect_real("t=$(mktemp -d); i=0; while [ $i -lt 100 ]; do i=$((i+1)); "
                "for k in 1 2 3 4 5 6 7 8; do date +%s >>$t/$k & done; wait; "
                "done; cat $t/* | sort -n | head -1 | sed 's/$/999999999/'; "
                "rm -r $t",
                HOUR, 60 * S);
    cr_expect_eq(ord_clock_blind(&lab.clock), 0);
}

Test(clock, a_program_that_is_not_there_is_no_harm)
{
    ord_clock_jump(&lab.clock, HOUR);
    expect_real("/nonexistent 2>/dev/null; PATH=/nonexistent:$PATH; date "
                "+%s%N",
                HOUR, 2048);
}

/* Waits that last 200 ms by the node's clock; the host's tells by how much the
 * kernel, which has its own, would have been wrong. */
static void expect_waits(const char *const *waits, int64_t at_least_ms)
{
    const char *argv[16] = {reader};
    struct program program;
    char line[64];
    int count = 0;

    for (; waits[count] != NULL; count++)
        argv[count + 1] = waits[count];
    lab_start(&lab, &program, argv);
    for (int i = 0; i < count; i++) {
        cr_assert(program_line(&program, line, sizeof line));
        cr_expect_geq(strtod(line, NULL), (double)at_least_ms, "%s: %s",
                      waits[i], line);
        cr_expect_leq(strtod(line, NULL), 2500, "%s: %s", waits[i], line);
    }
    program_end(&program);
}

static const char *const all_waits[] = {
    "cond",  "sem",       "sleep",      "timer",        "timerfd", "pi",
    "waitv", "mono-cond", "mono-sleep", "mono-timerfd", NULL};

/* Without care the kernel would wait for 4.2 s, by its own clock. */
Test(clock, absolute_deadlines)
{
    ord_clock_jump(&lab.clock, 4 * S);
    expect_waits(all_waits, 199);
}

Test(clock, absolute_deadlines_of_a_slow_clock)
{
    ord_clock_jump(&lab.clock, -100 * S);
    expect_waits(all_waits, 199);
}

/* What monotonic time has gained once, it keeps: 5 s. */
Test(clock, absolute_deadlines_after_a_drift)
{
    ord_clock_jump_mono(&lab.clock, 5 * S);
    ord_clock_drift(&lab.clock, 500000);
    expect_waits(all_waits, 199);
}

/* The clock is wrong for 100 of each 200 ms: whichever way it strikes, what
 * waits for 200 ms is awake when the clock first shows its deadline. */
Test(clock, absolute_deadlines_of_a_strobing_clock)
{
    static const char *const waits[] = {"cond",  "sem",     "sleep",
                                        "timer", "timerfd", NULL};

    ord_clock_strobe(&lab.clock, 10 * S, 100 * MS, 60 * S);
    expect_waits(waits, 0);
}

struct shown {
    int64_t real, mono;
    int64_t host_real, host_mono;
};

/* A line that the program prints from now on. */
static struct shown next(struct program *program)
{
    struct shown shown = {0};
    char line[128];
    struct pollfd out = {.fd = program->out_fd, .events = POLLIN};

    while (poll(&out, 1, 0) == 1)
        cr_assert(program_line(program, line, sizeof line));
    cr_assert(program_line(program, line, sizeof line));
    shown.host_real = host_real_ns();
    shown.host_mono = host_mono_ns();
    cr_assert_eq(sscanf(line, "%" SCNd64 " %" SCNd64, &shown.real, &shown.mono),
                 2);
    return shown;
}

static void follow(struct program *program)
{
    const char *const argv[] = {reader, "follow=2", NULL};

    lab_start(&lab, program, argv);
    (void)next(program);
}

/* The host stamps the line when it reads it: late, never early. */
enum { LATE_MS = 400 };

Test(clock, changes_reach_a_running_program)
{
    struct program program;
    struct shown shown;

    follow(&program);
    ord_clock_jump(&lab.clock, HOUR);
    shown = next(&program);
    cr_expect_leq(shown.real - shown.host_real, HOUR);
    cr_expect_geq(shown.real - shown.host_real, HOUR - LATE_MS * MS);
    ord_clock_reset(&lab.clock);
    shown = next(&program);
    cr_expect_leq(shown.real, shown.host_real);
    cr_expect_geq(shown.real - shown.host_real, -LATE_MS * MS);
    program_end(&program);
}

Test(clock, drift_is_within_a_hundredth)
{
    struct program program;
    struct ord_clock_offset begin_offset;
    struct ord_clock_offset end_offset;
    int64_t begin_ns;
    double rate;

    follow(&program);
    ord_clock_drift(&lab.clock, 100000); /* 10 % */
    begin_ns = host_mono_ns();
    begin_offset = ord_clock_offset(&lab.clock);
    for (int i = 0; i < 100; i++)
        (void)next(&program);
    end_offset = ord_clock_offset(&lab.clock);
    rate = (double)(end_offset.mono_ns - begin_offset.mono_ns) /
           (double)(host_mono_ns() - begin_ns);
    cr_expect(fabs(rate - 0.1) < 0.001, "%f", rate);
    {
        struct shown shown = next(&program);

        cr_expect_gt(shown.mono - shown.host_mono,
                     end_offset.mono_ns - LATE_MS * MS);
    }
    ord_clock_reset(&lab.clock);
    cr_expect_geq(ord_clock_offset(&lab.clock).mono_ns, end_offset.mono_ns,
                  "it keeps what it has gained");
    cr_expect_eq(ord_clock_offset(&lab.clock).real_ns, 0);
    program_end(&program);
}

Test(clock, strobe_goes_to_and_fro_by_itself)
{
    struct program program;
    int off_count = 0;
    int true_count = 0;

    follow(&program);
    ord_clock_strobe(&lab.clock, HOUR, 20 * MS, 60 * S);
    for (int i = 0; i < 200; i++) {
        struct shown shown = next(&program);

        if (shown.real - shown.host_real > HOUR / 2)
            off_count++;
        else
            true_count++;
    }
    cr_expect_geq(off_count, 20);
    cr_expect_geq(true_count, 20);
    ord_clock_reset(&lab.clock);
    cr_expect_leq(next(&program).real, host_real_ns());
    program_end(&program);
}

/* Whatever is done to the clock, unless it is that which was asked for. */
Test(clock, monotonic_time_never_steps_back)
{
    const char *const argv[] = {reader, "steady=1500", NULL};
    struct program program;
    char line[64];

    lab_start(&lab, &program, argv);
    for (int i = 0; i < 60; i++) {
        ord_clock_drift(&lab.clock, i % 3 == 0 ? 500000 : -300000);
        ord_clock_jump(&lab.clock, i % 2 == 0 ? HOUR : -HOUR);
        if (i % 5 == 0)
            ord_clock_reset(&lab.clock);
    }
    cr_assert(program_line(&program, line, sizeof line));
    cr_expect_str_eq(line, "0");
    program_end(&program);
}

Test(clock, a_step_back_is_there_for_the_asking)
{
    const char *const argv[] = {reader, "steady=2000", NULL};
    struct program program;
    char line[64];

    lab_start(&lab, &program, argv);
    ord_clock_jump(&lab.clock, 0);
    while (!ord_clock_is_seen(&lab.clock)) /* until it looks */
        (void)poll(NULL, 0, 10);
    /* So far that a reader which was off its core for long sees it, too. */
    ord_clock_jump_mono(&lab.clock, -1000 * MS);
    cr_assert(program_line(&program, line, sizeof line));
    cr_expect_str_neq(line, "0", "the reader would see one");
    program_end(&program);
}

Test(clock, a_java_program)
{
    if (access("/usr/bin/java", X_OK) != 0)
        cr_skip_test("no java here");
    ord_clock_jump(&lab.clock, HOUR);
    expect_real("d=$(mktemp -d); printf 'class T { public static void "
                "main(String[] a) { System.gc(); "
                "System.out.println(System.currentTimeMillis() + \"000000\"); "
                "} }' > $d/T.java; java $d/T.java; rm -r $d",
                HOUR, 2 * MS);
}

Test(clock, a_python_program_with_threads)
{
    if (access("/usr/bin/python3", X_OK) != 0)
        cr_skip_test("no python here");
    ord_clock_jump(&lab.clock, HOUR);
    expect_real("/usr/bin/python3 -c 'import threading, time\n"
                "t = threading.Thread(target=lambda: print(time.time_ns()))\n"
                "t.start(); t.join()'",
                HOUR, 2048);
}
