#include "ci/benchmarks/measure.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "histories/log.h"

static _Noreturn void give_up(const struct ord_err *err)
{
    (void)fprintf(stderr, "bench-checker: %s\n", err->text);
    _exit(1);
}

static void check(int rc, const struct ord_err *err)
{
    if (rc != ORD_OK)
        give_up(err);
}

/* ---- making files ----------------------------------------------------------
 */

static bool is_done(pid_t pid)
{
    int status = 0;

    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool generate_own(const struct ord_synth_config *config, const char *path)
{
    struct ord_synth *synth = NULL;
    struct ord_log *log = NULL;
    struct ord_err err = {0};
    struct ord_op op;
    pid_t pid;
    int rc;

    (void)unlink(path);
    pid = fork();
    if (pid != 0)
        return is_done(pid);
    check(ord_synth_new(config, &synth, &err), &err);
    check(ord_log_create(path, "{\"nodes\":[],\"start_ns\":0}", &log, &err),
          &err);
    while ((rc = ord_synth_next(synth, &op, &err)) == ORD_OK)
        check(ord_log_append(log, &op, ORD_NONE, ORD_NONE, &err), &err);
    if (rc != ORD_ENOTFOUND)
        give_up(&err);
    if (config->bad != ORD_SYNTH_VALID && !ord_synth_is_planted(synth)) {
        (void)ord_fail(&err, ORD_EUSAGE, "no %s in %" PRIu64 " operations",
                       ord_synth_bad_name(config->bad), config->ops);
        give_up(&err);
    }
    check(ord_log_close(&log, &err), &err);
    _exit(0);
}

bool export_text(const char *own, const char *path,
                 enum ord_history_format format)
{
    struct ord_history_options how = {.format = ORD_FORMAT_OWN};
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    pid_t pid = fork();
    int fd;

    if (pid != 0)
        return is_done(pid);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        (void)ord_fail_errno(&err, "create %s", path);
        give_up(&err);
    }
    check(ord_history_open(own, &how, &history, &err), &err);
    if (format == ORD_FORMAT_EDN)
        check(ord_history_write_edn(history, fd, &err), &err);
    else
        check(ord_history_write_jsonl(history, fd, &err), &err);
    _exit(0);
}

/* ---- measuring --------------------------------------------------------------
 */

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A field of /proc/self/status that is told in kB. */
static uint64_t status_size(const char *name)
{
    char line[256];
    uint64_t kb = 0;
    FILE *file = fopen("/proc/self/status", "re");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0)
            kb = strtoull(line + strlen(name), NULL, 10);
    }
    if (file != NULL)
        (void)fclose(file);
    return kb * 1024;
}

static void judge(const struct question *question,
                  const struct ord_history *history, struct measured *out)
{
    static struct ord_verdict verdict;
    struct ord_arena arena;
    struct ord_check_in in = {
        .history = history,
        .arena = &arena,
        .model = question->model,
        .wants_proof = question->wants_proof,
    };
    double start_s = cpu_s();

    ord_arena_init(&arena, question->size_max);
    ord_check_run(ord_checker_find(question->checker), &in, &verdict);
    out->check_s = cpu_s() - start_s;
    out->outcome = verdict.outcome;
    (void)snprintf(out->why, sizeof out->why, "%s", verdict.why);
    ord_arena_fini(&arena);
}

static struct measured here(const struct question *question)
{
    struct ord_history_options how = {.format = question->format,
                                      .size_max = question->size_max};
    struct ord_history *history = NULL;
    struct measured out = {.outcome = ORD_UNKNOWN};
    struct ord_err err = {0};
    struct stat info = {0};
    uint64_t before = status_size("VmRSS:");
    double start_s = cpu_s();

    check(ord_history_open(question->path, &how, &history, &err), &err);
    out.load_s = cpu_s() - start_s;
    out.event_count = (uint64_t)ord_history_count(history);
    if (question->checker != NULL)
        judge(question, history, &out);
    out.peak_size = status_size("VmHWM:") - before;
    if (stat(question->path, &info) == 0)
        out.file_size = (uint64_t)info.st_size;
    out.is_over = true;
    return out;
}

struct measured measure(const struct question *question)
{
    struct measured out = {.outcome = ORD_UNKNOWN};
    struct rlimit cpu = {question->cpu_max_s, question->cpu_max_s};
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return out;
    pid = fork();
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CPU, &cpu);
        out = here(question);
        _exit(write(fds[1], &out, sizeof out) == (ssize_t)sizeof out ? 0 : 1);
    }
    (void)close(fds[1]);
    if (pid > 0 && read(fds[0], &out, sizeof out) != (ssize_t)sizeof out)
        (void)snprintf(out.why, sizeof out.why,
                       "stopped after %" PRIu32 " s of CPU, or died",
                       question->cpu_max_s);
    (void)close(fds[0]);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    return out;
}
