#include "harness/run/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/control/child.h"
#include "harness/control/sandbox.h"
#include "harness/report/html.h"
#include "harness/run/cell.h"
#include "harness/run/plan.h"

enum {
    SLOTS_MAX = 64,
    TICK_MS = 100,
    DIRS_MAX = 1000,
    FILES_MAX = 1 << 14, /* descriptors; the soft limit is often 1024 */
    FILES_SPARE = 64,
    CELL_JSON_SIZE_MAX = 64 << 20,
};

static const size_t CELL_ARENA_SIZE_MAX = (size_t)4 << 30;

struct slot {
    struct ord_facts *facts; /* shared memory, owned */
    pid_t pid;               /* 0: free */
    int pidfd;
    int control_fd; /* close it: finish now */
    uint32_t cell;  /* index in the campaign */
    char dir[ORD_PATH_MAX];
};

struct suite {
    const struct ord_campaign *campaign;
    const struct ord_suite_options *options;
    struct ord_arena *arena;
    struct ord_progress progress;
    struct slot slots[SLOTS_MAX];
    uint32_t slot_count;
    const struct ord_cell_result **results; /* by cell; NULL: not run */
    char dir[ORD_PATH_MAX];                 /* as the person gave it */
    char home[ORD_PATH_MAX]; /* the same from the root: nodes work elsewhere */
    pid_t pid;               /* our own */
    int signal_fd;
    int64_t begin_ns;
    uint32_t next;      /* cell to start */
    uint32_t bad_count; /* cells that did not pass */
    uint32_t interrupts;
    uint64_t files_max; /* descriptors that a process may have */
};

/* ---- folders
 * ------------------------------------------------------------------ */

/* A new folder under runs/, named for the campaign and the time. */
static int make_own_dir(struct suite *s, struct ord_err *err)
{
    struct timespec now;
    struct tm date;
    char stamp[32];

    if (clock_gettime(CLOCK_REALTIME, &now) != 0 ||
        localtime_r(&now.tv_sec, &date) == NULL ||
        strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &date) == 0)
        return ord_fail(err, ORD_EIO, "the time of day is not to be had");
    if (ord_mkdir_all("runs", err) != ORD_OK)
        return err->rc;
    for (int i = 0; i < DIRS_MAX; i++) {
        char suffix[16] = "";

        if (i > 0)
            snprintf(suffix, sizeof suffix, "-%d", i);
        snprintf(s->dir, sizeof s->dir, "runs/%s-%s%s", s->campaign->name,
                 stamp, suffix);
        if (mkdir(s->dir, 0755) == 0)
            return ORD_OK;
        if (errno != EEXIST)
            break;
    }
    return ord_fail_errno(err, "create folder %s", s->dir);
}

static int refuse_old(const struct suite *s, const char *path,
                      struct ord_err *err)
{
    if (s->options->is_resumed || access(path, F_OK) != 0)
        return ORD_OK;
    return ord_fail(err, ORD_EUSAGE,
                    "%s is there from another run; choose another folder, or "
                    "go on with --resume",
                    path);
}

static int make_dir(struct suite *s, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    int rc;

    if (s->options->out_dir == NULL)
        return make_own_dir(s, err);
    if (snprintf(s->dir, sizeof s->dir, "%s", s->options->out_dir) >=
        (int)sizeof s->dir)
        return ord_fail(err, ORD_EUSAGE, "--out: the path is too long");
    rc = ord_path_join(path, s->dir, ORD_RESULT_FILE, err);
    if (rc == ORD_OK)
        rc = refuse_old(s, path, err);
    for (uint32_t i = 0; i < s->campaign->cell_count && rc == ORD_OK; i++) {
        char name[ORD_CELL_FOLDER_SIZE];

        ord_cell_folder(&s->campaign->cells[i], name, sizeof name);
        rc = ord_path_join(path, s->dir, name, err);
        if (rc == ORD_OK)
            rc = refuse_old(s, path, err);
    }
    return rc == ORD_OK ? ord_mkdir_all(s->dir, err) : rc;
}

/* ---- results
 * --------------------------------------------------------------------- */

static struct ord_cell_result *new_result(struct suite *s)
{
    return ord_arena_zalloc(s->arena, 1, sizeof(struct ord_cell_result));
}

static void keep_result(struct suite *s, uint32_t cell,
                        struct ord_cell_result *result)
{
    char name[ORD_CELL_FOLDER_SIZE];

    ord_cell_folder(&s->campaign->cells[cell], name, sizeof name);
    result->dir = ord_arena_strdup(s->arena, name);
    s->results[cell] = result;
    if (result->verdict != ORD_CELL_PASS && result->verdict != ORD_CELL_SKIPPED)
        s->bad_count++;
}

static void judge_without_run(struct suite *s, uint32_t cell,
                              const char *skipped, const char *problem)
{
    struct ord_cell_result *result = new_result(s);
    struct ord_problem *reason = ord_arena_zalloc(s->arena, 1, sizeof *reason);

    if (result == NULL || reason == NULL)
        return;
    ord_cell_describe(&s->campaign->cells[cell], s->arena, result);
    result->skipped = skipped;
    if (problem != NULL) {
        *reason = (struct ord_problem){ORD_PROBLEM_INFRASTRUCTURE,
                                       ord_arena_strdup(s->arena, problem)};
        result->problems = reason;
        result->problem_count = 1;
    }
    ord_cell_judge(result);
    keep_result(s, cell, result);
}

static bool read_result(struct suite *s, const char *dir,
                        struct ord_cell_result *out, struct ord_err *err)
{
    char path[ORD_PATH_MAX];

    return ord_path_join(path, dir, ORD_RESULT_FILE, err) == ORD_OK &&
           ord_cell_read(path, s->arena, out, err) == ORD_OK;
}

/* ---- one cell's process
 * ------------------------------------------------------------ */

static _Noreturn void be_cell(struct suite *s, struct slot *slot,
                              int control_fd)
{
    const struct ord_cell_run run = {
        .cell = &s->campaign->cells[slot->cell],
        .dir = slot->dir,
        .facts = slot->facts,
        .control_fd = control_fd,
    };
    struct ord_arena arena;
    struct ord_cell_result result;
    struct ord_err err = {0};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != s->pid)
        _exit(ORD_CELL_INFRASTRUCTURE); /* it died before that */
    (void)prctl(PR_SET_NAME, "ordeal-cell");
    (void)setpgid(0, 0); /* Ctrl-C is for `ordeal run` alone */
    ord_arena_init(&arena, CELL_ARENA_SIZE_MAX);
    if (ord_cell_run(&run, &arena, &result, &err) != ORD_OK) {
        ord_facts_problem(slot->facts, ORD_PROBLEM_INFRASTRUCTURE,
                          "the result could not be written: %s", err.text);
        _exit(ORD_CELL_INFRASTRUCTURE);
    }
    ord_arena_fini(&arena);
    _exit(0);
}

static int spawn_cell(struct suite *s, struct slot *slot, struct ord_err *err)
{
    int pair[2];

    memset(slot->facts, 0, sizeof *slot->facts);
    if (pipe2(pair, O_CLOEXEC) != 0)
        return ord_fail_errno(err, "pipe");
    slot->pid = fork();
    if (slot->pid == 0) {
        close(pair[1]);
        for (uint32_t i = 0; i < s->slot_count; i++) {
            if (s->slots[i].control_fd >= 0)
                close(s->slots[i].control_fd);
        }
        be_cell(s, slot, pair[0]);
    }
    close(pair[0]);
    if (slot->pid < 0) {
        ord_fail_errno(err, "fork a process for the cell");
        slot->pid = 0;
        close(pair[1]);
        return err->rc;
    }
    slot->pidfd = (int)syscall(SYS_pidfd_open, slot->pid, 0);
    if (slot->pidfd < 0) {
        ord_fail_errno(err, "watch the cell's process");
        (void)kill(slot->pid, SIGKILL);
        (void)waitpid(slot->pid, NULL, 0);
        slot->pid = 0;
        close(pair[1]);
        return err->rc;
    }
    slot->control_fd = pair[1];
    return ORD_OK;
}

/* Descriptors that the busiest process of a cell holds at once. */
static uint64_t files_needed(const struct ord_cell *cell)
{
    return 2 * (uint64_t)cell->client_count + 8 * (uint64_t)cell->node_count +
           FILES_SPARE;
}

static int check_files(const struct suite *s, const struct ord_cell *cell,
                       struct ord_err *err)
{
    if (files_needed(cell) <= s->files_max)
        return ORD_OK;
    return ord_fail(err, ORD_ELIMIT,
                    "%u clients and %u nodes need %llu file descriptors, %llu "
                    "are allowed (raise the hard limit: ulimit -Hn)",
                    cell->client_count, cell->node_count,
                    (unsigned long long)files_needed(cell),
                    (unsigned long long)s->files_max);
}

/* Keeps the old result of the cell, if it is of the same cell and whole. */
static bool is_kept(struct suite *s, const struct slot *slot,
                    const struct ord_cell *cell)
{
    struct ord_cell_result *old = new_result(s);
    char path[ORD_PATH_MAX];
    struct ord_buf then;
    struct ord_buf now;
    struct ord_err ignored = {0};
    bool is_same;

    ord_buf_init(&then, CELL_JSON_SIZE_MAX);
    ord_buf_init(&now, CELL_JSON_SIZE_MAX);
    is_same =
        old != NULL && read_result(s, slot->dir, old, &ignored) &&
        ord_path_join(path, slot->dir, ORD_CELL_FILE, &ignored) == ORD_OK &&
        ord_file_read(path, &then, &ignored) == ORD_OK &&
        ord_plan_cell_json(cell, 0, &now, &ignored) == ORD_OK &&
        ord_bytes_equal(ord_buf_bytes(&then), ord_buf_bytes(&now));
    ord_buf_fini(&then);
    ord_buf_fini(&now);
    if (is_same)
        keep_result(s, slot->cell, old);
    return is_same;
}

static void start_cell(struct suite *s, struct slot *slot, uint32_t index)
{
    const struct ord_cell *cell = &s->campaign->cells[index];
    const char *missing = ord_target_missing(cell->target);
    char name[ORD_CELL_FOLDER_SIZE];
    struct ord_err err = {0};
    int rc;

    if (missing != NULL) {
        judge_without_run(s, index,
                          ord_arena_printf(s->arena,
                                           "target %s needs '%s', "
                                           "which is not installed",
                                           cell->target->name, missing),
                          NULL);
        return;
    }
    slot->cell = index;
    ord_cell_folder(cell, name, sizeof name);
    rc = ord_path_join(slot->dir, s->home, name, &err);
    if (rc == ORD_OK)
        rc = check_files(s, cell, &err);
    if (rc == ORD_OK && s->options->is_resumed) {
        if (is_kept(s, slot, cell))
            return;
        rc = ord_remove_all(slot->dir, &err);
    }
    if (rc == ORD_OK)
        rc = ord_mkdir_all(slot->dir, &err);
    if (rc == ORD_OK)
        rc = spawn_cell(s, slot, &err);
    if (rc != ORD_OK) {
        judge_without_run(s, index, NULL, err.text);
        return;
    }
    ord_progress_begin(&s->progress, (uint32_t)(slot - s->slots), cell->id,
                       cell->about, cell->seed, ord_now_ns());
}

static void note_dead_cell(struct suite *s, struct slot *slot,
                           const struct ord_exit *exit, const char *why)
{
    const struct ord_facts *facts = slot->facts;
    const char *told = NULL;
    char text[ORD_ERR_TEXT_SIZE + 64];

    /* The last one is nearest to the end. */
    for (uint32_t i = 0; i < facts->problem_count; i++) {
        if (facts->problems[i].kind == ORD_PROBLEM_INFRASTRUCTURE)
            told = facts->problems[i].text;
    }
    if (told != NULL)
        snprintf(text, sizeof text, "%s", told);
    else if (exit->is_signal)
        snprintf(text, sizeof text,
                 "the cell's process was killed by signal %d", exit->code);
    else
        snprintf(text, sizeof text, "the cell left no result: %s", why);
    judge_without_run(s, slot->cell, NULL, text);
}

static void end_cell(struct suite *s, struct slot *slot)
{
    struct ord_cell_result *result = new_result(s);
    struct ord_exit exit = {0};
    struct ord_err err = {0};

    (void)ord_pidfd_reap(slot->pidfd, &exit, &err);
    if (result != NULL && !exit.is_signal && exit.code == 0 &&
        read_result(s, slot->dir, result, &err))
        keep_result(s, slot->cell, result);
    else
        note_dead_cell(s, slot, &exit, err.text);
    close(slot->pidfd);
    if (slot->control_fd >= 0)
        close(slot->control_fd);
    slot->pid = 0;
    slot->pidfd = -1;
    slot->control_fd = -1;
    if (s->results[slot->cell] != NULL)
        ord_progress_end(&s->progress, (uint32_t)(slot - s->slots),
                         s->results[slot->cell], ord_now_ns());
}

/* ---- the loop
 * ------------------------------------------------------------------------- */

static bool may_start(const struct suite *s)
{
    if (s->next >= s->campaign->cell_count || s->interrupts > 0)
        return false;
    if (s->options->fail_fast > 0 && s->bad_count >= s->options->fail_fast)
        return false;
    return s->campaign->budget_ns == 0 ||
           ord_now_ns() - s->begin_ns < s->campaign->budget_ns;
}

static bool is_of_shard(const struct suite *s, uint32_t index)
{
    return s->options->shard_count == 0 ||
           index % s->options->shard_count == s->options->shard - 1;
}

static void fill_slots(struct suite *s)
{
    for (uint32_t i = 0; i < s->slot_count; i++) {
        while (s->slots[i].pid == 0 && may_start(s)) {
            uint32_t index = s->next++;

            if (is_of_shard(s, index))
                start_cell(s, &s->slots[i], index);
        }
    }
}

static uint32_t running(const struct suite *s)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->slot_count; i++)
        count += s->slots[i].pid != 0;
    return count;
}

static void interrupt(struct suite *s)
{
    struct signalfd_siginfo info;

    if (read(s->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    s->interrupts++;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        struct slot *slot = &s->slots[i];

        if (slot->pid != 0 && s->interrupts > 1)
            (void)kill(slot->pid, SIGKILL);
        if (slot->control_fd >= 0)
            close(slot->control_fd);
        slot->control_fd = -1;
    }
    ord_progress_say(&s->progress,
                     s->interrupts == 1
                         ? "interrupted: finishing the running cells; once "
                           "more stops at once"
                         : "stopped",
                     ord_now_ns());
}

static void update_progress(struct suite *s)
{
    int64_t now_ns = ord_now_ns();

    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->slots[i].pid != 0)
            ord_progress_update(&s->progress, i,
                                ord_phase_name(s->slots[i].facts->phase),
                                s->slots[i].facts->ok, now_ns);
    }
}

static void wait_for_something(struct suite *s)
{
    struct pollfd fds[SLOTS_MAX + 1];
    nfds_t count = 0;

    fds[count++] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    for (uint32_t i = 0; i < s->slot_count; i++)
        fds[count++] =
            (struct pollfd){.fd = s->slots[i].pid != 0 ? s->slots[i].pidfd : -1,
                            .events = POLLIN};
    (void)poll(fds, count, TICK_MS);
    if ((fds[0].revents & POLLIN) != 0)
        interrupt(s);
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if ((fds[i + 1].revents & POLLIN) != 0 && s->slots[i].pid != 0)
            end_cell(s, &s->slots[i]);
    }
}

/* Better now than after ten minutes: can all faults work here? */
static int probe_faults(const struct suite *s, struct ord_err *err)
{
    const struct ord_campaign *campaign = s->campaign;

    for (uint32_t i = 0; i < campaign->cell_count; i++) {
        const struct ord_cell *cell = &campaign->cells[i];

        if (!is_of_shard(s, i) || (i > 0 && cell->written == cell[-1].written))
            continue; /* only the seed differs */
        if (ord_cell_probe(cell, err) != ORD_OK)
            return err->rc;
    }
    return ORD_OK;
}

/* ---- the whole
 * ---------------------------------------------------------------------------
 */

static uint64_t raise_files_max(void)
{
    struct rlimit limit = {0};

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    if (limit.rlim_cur < FILES_MAX && limit.rlim_cur < limit.rlim_max) {
        const struct rlimit higher = {
            .rlim_cur = limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX,
            .rlim_max = limit.rlim_max,
        };

        if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
            limit = higher;
    }
    return limit.rlim_cur;
}

static int open_slots(struct suite *s, struct ord_err *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t want = s->options->parallel;

    if (want == 0)
        want = s->campaign->parallel;
    if (want == 0)
        want = cores > 1 ? (uint32_t)cores : 1;
    s->slot_count = want < SLOTS_MAX ? want : SLOTS_MAX;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        void *at = mmap(NULL, sizeof(struct ord_facts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (at == MAP_FAILED)
            return ord_fail_errno(err, "shared memory");
        s->slots[i] = (struct slot){.facts = at, .pidfd = -1, .control_fd = -1};
    }
    return ORD_OK;
}

static int open_signals(struct suite *s, sigset_t *old, struct ord_err *err)
{
    struct sigaction hangup;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    /* nohup stays in force; else a terminal that goes away ends the run. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, old) != 0)
        return ord_fail_errno(err, "sigprocmask");
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd >= 0 ? ORD_OK : ord_fail_errno(err, "signalfd");
}

/* Cells that were never begun are in the table, with the reason. */
static void list_unrun(struct suite *s)
{
    const char *why =
        s->interrupts > 0 ? "not run: the campaign was interrupted"
        : s->options->fail_fast > 0 && s->bad_count >= s->options->fail_fast
            ? "not run: enough other cells did not pass "
              "(--fail-fast)"
            : "not run: the campaign's time budget was used up";
    uint32_t count = 0;

    for (uint32_t i = s->next; i < s->campaign->cell_count; i++) {
        if (!is_of_shard(s, i))
            continue;
        judge_without_run(s, i, why, NULL);
        count++;
    }
    if (count > 0)
        fprintf(stderr, "ordeal: %u of the cells were %s\n", count, why);
}

static int finish(struct suite *s, struct ord_campaign_result *out,
                  struct ord_err *err)
{
    const struct ord_cell_result **kept =
        ord_arena_zalloc(s->arena, s->campaign->cell_count, sizeof *kept);
    char path[ORD_PATH_MAX];
    int rc;

    if (kept == NULL)
        return ord_fail(err, ORD_ENOMEM, "results");
    *out = (struct ord_campaign_result){
        .name = s->campaign->name,
        .cells = kept,
        .wall_ms = (double)(ord_now_ns() - s->begin_ns) / 1e6};
    for (uint32_t i = 0; i < s->campaign->cell_count; i++) {
        if (s->results[i] != NULL)
            kept[out->cell_count++] = s->results[i];
    }
    ord_campaign_judge(out);
    rc = ord_path_join(path, s->dir, ORD_REPORT_FILE, err);
    if (rc == ORD_OK)
        rc = ord_campaign_html(out, path, err);
    if (rc == ORD_OK)
        rc = ord_path_join(path, s->dir, ORD_RESULT_FILE, err);
    return rc == ORD_OK ? ord_campaign_write(out, path, err) : rc;
}

static int run_all(struct suite *s, struct ord_campaign_result *out,
                   struct ord_err *err)
{
    ord_progress_init(&s->progress, STDERR_FILENO, &s->options->term,
                      s->campaign->cell_count);
    do {
        fill_slots(s);
        wait_for_something(s);
        update_progress(s);
    } while (running(s) > 0 || may_start(s));
    ord_progress_fini(&s->progress);
    if (s->interrupts > 1)
        return ord_fail(err, ORD_EDIED,
                        "stopped by a second interrupt; what was recorded is "
                        "in %s",
                        s->dir);
    list_unrun(s);
    return finish(s, out, err);
}

int ord_suite_run(const struct ord_campaign *campaign,
                  const struct ord_suite_options *options,
                  struct ord_arena *arena, struct ord_campaign_result *out,
                  const char **dir, struct ord_err *err)
{
    struct suite *s = ord_arena_zalloc(arena, 1, sizeof *s);
    sigset_t old;
    int rc;

    *out = (struct ord_campaign_result){0};
    if (s == NULL)
        return ord_fail(err, ORD_ENOMEM, "campaign");
    *s = (struct suite){.campaign = campaign,
                        .options = options,
                        .arena = arena,
                        .pid = getpid(),
                        .signal_fd = -1,
                        .files_max = raise_files_max(),
                        .begin_ns = ord_now_ns()};
    s->results =
        ord_arena_zalloc(arena, campaign->cell_count, sizeof *s->results);
    if (s->results == NULL)
        return ord_fail(err, ORD_ENOMEM, "%u cells", campaign->cell_count);
    rc = ord_sandbox_probe(err);
    if (rc == ORD_OK)
        rc = probe_faults(s, err);
    if (rc == ORD_OK)
        rc = make_dir(s, err);
    if (rc == ORD_OK && realpath(s->dir, s->home) == NULL)
        rc = ord_fail_errno(err, "find the folder %s", s->dir);
    if (rc != ORD_OK)
        return rc;
    *dir = s->dir;
    rc = open_signals(s, &old, err);
    if (rc == ORD_OK)
        rc = open_slots(s, err);
    if (rc == ORD_OK)
        rc = run_all(s, out, err);
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->slots[i].facts != NULL)
            (void)munmap(s->slots[i].facts, sizeof *s->slots[i].facts);
    }
    if (s->signal_fd >= 0)
        close(s->signal_fd);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    return rc;
}
