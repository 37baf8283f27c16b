/* checker.c -- bench-checker: what judging histories costs.
 *
 * usage: bench-checker [--quick] [--big] [--only TEXT] [--etcd FOLDER]
 *                      [--own FILE]...
 *
 * Prints `name value unit goal`; CPU seconds, each history in a process of its
 * own.  Every figure also asserts its verdict: a wrong one is an error, one
 * that stays unknown is told as `NAME.decided 0`.  --big adds 100 million
 * operations by key; --etcd the logs of a folder, in one process, with proofs;
 * --own tells the bytes that an event takes in files of the recorder.
 */
#include <dirent.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ci/benchmarks/measure.h"
#include "harness/base/file.h"

enum { CPU_MAX_S = 60, CPU_BIG_S = 600, NAME_SIZE = 96 };

static const size_t GIB = (size_t)1 << 30;

struct bench {
    const char *only; /* NULL: all */
    bool is_quick;
    bool is_big;
    char dir[ORD_PATH_MAX];
    char path[ORD_PATH_MAX];
    uint32_t wrong_count;
};

/* Goals; 0: none. */
struct goals {
    double check_s;
    double load_s;
    double op_size;
    double peak_mb;
};

static void say(const char *name, const char *what, double value,
                const char *unit, double goal, char relation)
{
    (void)printf("%s.%s %.4g %s ", name, what, value, unit);
    if (goal > 0)
        (void)printf("%c=%.4g\n", relation, goal);
    else
        (void)printf("-\n");
    (void)fflush(stdout);
}

static bool is_wanted(const struct bench *bench, const char *name)
{
    return bench->only == NULL || strstr(name, bench->only) != NULL;
}

/* 1000000: 1e6 */
static void count_text(uint64_t count, char text[24])
{
    uint32_t zeros = 0;

    while (count >= 10 && count % 10 == 0) {
        count /= 10;
        zeros++;
    }
    (void)snprintf(text, 24, "%" PRIu64 "e%" PRIu32, count, zeros);
}

/* Names a case by what differs: register.unique.1e6.c20.i1.stale-read */
static void name_of(const struct ord_synth_config *config, char name[NAME_SIZE])
{
    char values[24] = "unique";
    char ops[24];

    count_text(config->ops, ops);
    if (config->values != 0)
        (void)snprintf(values, sizeof values, "%" PRIu32 "values",
                       config->values);
    (void)snprintf(
        name, NAME_SIZE, "%s.%s.%s.c%" PRIu32 ".i%g.%s", config->workload,
        values, ops, config->clients, 100 * config->info_share,
        config->bad == ORD_SYNTH_VALID ? "valid"
                                       : ord_synth_bad_name(config->bad));
}

static void tell(struct bench *bench, const char *name,
                 const struct ord_synth_config *config,
                 const struct goals *goals, const struct measured *got)
{
    enum ord_outcome want =
        config->bad == ORD_SYNTH_VALID ? ORD_VALID : ORD_INVALID;
    bool is_decided = got->is_over && got->outcome != ORD_UNKNOWN;
    double peak = (double)got->peak_size;

    if (is_decided && got->outcome != want) {
        bench->wrong_count++;
        (void)fprintf(stderr, "bench-checker: %s: WRONG: %s: %s\n", name,
                      ord_outcome_name(got->outcome), got->why);
    }
    if (!is_decided) {
        (void)fprintf(stderr, "bench-checker: %s: unknown: %s\n", name,
                      got->why);
        say(name, "decided", 0, "bool", 1, '>');
    }
    say(name, "check", got->check_s, "s", goals->check_s, '<');
    say(name, "load", got->load_s, "s", goals->load_s, '<');
    say(name, "peak", peak / (double)config->ops, "B/op", goals->op_size, '<');
    if (goals->peak_mb > 0)
        say(name, "memory", peak / 1e6, "MB", goals->peak_mb, '<');
}

static void run(struct bench *bench, const struct ord_synth_config *config,
                const struct goals *goals)
{
    struct question question = {
        .path = bench->path,
        .format = ORD_FORMAT_OWN,
        .checker = "linearizable",
        .model = ord_synth_model(config->workload),
        .size_max = config->ops >= 100000000 ? 24 * GIB : 8 * GIB,
        .cpu_max_s = config->ops >= 100000000 ? CPU_BIG_S : CPU_MAX_S,
    };
    char name[NAME_SIZE];
    struct measured got;

    name_of(config, name);
    if (!is_wanted(bench, name))
        return;
    if (!generate_own(config, bench->path)) {
        bench->wrong_count++;
        return;
    }
    got = measure(&question);
    tell(bench, name, config, goals, &got);
}

static struct ord_synth_config config_of(const char *workload, uint64_t ops,
                                         uint32_t clients)
{
    /* An error takes a few calls of each client to come about. */
    double late = 40.0 * clients / (double)ops;

    return (struct ord_synth_config){.workload = workload,
                                     .ops = ops,
                                     .clients = clients,
                                     .keys = 1,
                                     .bad_at = late < 0.01 ? 0.99 : 1 - late,
                                     .seed = 1};
}

/* ---- registers with unique values ---- */

static const uint32_t CLIENTS[] = {5, 20, 100};
static const double INFOS[] = {0, 0.001, 0.01, 0.1};

static void unique_registers(struct bench *bench, uint64_t ops)
{
    static const char *const workloads[] = {"register", "cas-register"};
    struct goals goals = {0};

    if (ops == 10000000)
        goals = (struct goals){.check_s = 2, .load_s = 1, .op_size = 100};
    for (int i = 0; i < 2 * 3 * 4 * 2; i++) {
        struct ord_synth_config config =
            config_of(workloads[i / 24], ops, CLIENTS[i / 8 % 3]);

        config.info_share = INFOS[i / 2 % 4];
        if (i % 2 != 0)
            config.bad = ORD_SYNTH_STALE_READ;
        /* 10 million take a while to make: not all of them. */
        if (ops == 10000000 &&
            (i / 2 % 4 == 1 || (i % 2 != 0 && i / 2 % 4 != 2)))
            continue;
        if (bench->is_quick && i / 8 % 3 != 1)
            continue;
        run(bench, &config, &goals);
    }
}

/* ---- repeated values ---- */

static void repeated_values(struct bench *bench)
{
    static const struct {
        const char *workload;
        uint32_t clients;
        double info_share;
        double goal_s;
    } rows[] = {
        {"register", 20, 0, 1},         {"register", 100, 0, 10},
        {"register", 20, 0.01, 1},      {"register", 100, 0.01, 10},
        {"cas-register", 20, 0, 1},     {"cas-register", 100, 0, 10},
        {"cas-register", 20, 0.01, 10}, {"cas-register", 5, 0.01, 0},
    };

    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct ord_synth_config config =
            config_of(rows[i / 2].workload, bench->is_quick ? 10000 : 100000,
                      rows[i / 2].clients);
        struct goals goals = {.check_s = rows[i / 2].goal_s, .peak_mb = 100};

        config.values = 5;
        config.info_share = rows[i / 2].info_share;
        if (i % 2 != 0)
            config.bad = ORD_SYNTH_STALE_READ;
        run(bench, &config, &goals);
    }
}

/* ---- queues, stacks, sets and the others ---- */

static void others(struct bench *bench)
{
    static const struct {
        const char *workload;
        enum ord_synth_bad bad;
        double goal_s;
    } rows[] = {
        {"fifo-queue", ORD_SYNTH_REORDER, 1},
        {"stack", ORD_SYNTH_REORDER, 1},
        {"set", ORD_SYNTH_LOST, 1},
        {"unordered-queue", ORD_SYNTH_DUPLICATE, 0},
        {"counter", ORD_SYNTH_STALE_READ, 0},
        {"owner-mutex", ORD_SYNTH_DUPLICATE, 0},
        {"kv", ORD_SYNTH_STALE_READ, 0},
        {"multi-register", ORD_SYNTH_STALE_READ, 0},
    };

    for (size_t i = 0; i < 4 * sizeof rows / sizeof *rows; i++) {
        uint64_t ops = bench->is_quick ? 100000 : 1000000;
        struct ord_synth_config config =
            config_of(rows[i / 4].workload, ops, i / 2 % 2 == 0 ? 5 : 20);
        struct goals goals = {.check_s = rows[i / 4].goal_s};

        /* Without a goal: what the exact search does is told, too. */
        if (goals.check_s <= 0)
            config.ops = ops / 10;
        if (i % 2 != 0)
            config.bad = rows[i / 4].bad;
        run(bench, &config, &goals);
    }
}

static void big(struct bench *bench)
{
    struct ord_synth_config config = config_of("cas-register", 100000000, 20);
    struct goals goals = {.peak_mb = 24 * 1073.741824};

    config.keys = 10;
    config.ops_per_key = 1000;
    config.info_share = 0.01;
    run(bench, &config, &goals);
}

/* ---- files ---- */

static void readers(struct bench *bench)
{
    static const struct {
        const char *name;
        enum ord_history_format format;
        double goal;
    } rows[] = {{"read.edn", ORD_FORMAT_EDN, 200},
                {"read.jsonl", ORD_FORMAT_JSONL, 400}};
    struct ord_synth_config config =
        config_of("cas-register", bench->is_quick ? 100000 : 1000000, 20);
    char text[ORD_PATH_MAX];
    struct ord_err err = {0};

    config.info_share = 0.01;
    if (ord_path_join(text, bench->dir, "text", &err) != ORD_OK)
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct question question = {.path = text,
                                    .format = rows[i].format,
                                    .size_max = 8 * GIB,
                                    .cpu_max_s = CPU_MAX_S};
        struct measured got;

        if (!is_wanted(bench, rows[i].name))
            continue;
        got = (struct measured){.is_over = false};
        if (generate_own(&config, bench->path) &&
            export_text(bench->path, text, rows[i].format))
            got = measure(&question);
        if (!got.is_over || got.event_count != 2 * config.ops) {
            (void)fprintf(stderr, "bench-checker: %s: %s\n", rows[i].name,
                          got.why);
            bench->wrong_count++;
            continue;
        }
        say(rows[i].name, "speed", (double)got.file_size / 1e6 / got.load_s,
            "MB/s", rows[i].goal, '>');
        say(rows[i].name, "peak",
            (double)got.peak_size / (double)got.event_count, "B/event", 0, '<');
    }
}

static void own_file(struct bench *bench, const char *path)
{
    struct question question = {.path = path,
                                .format = ORD_FORMAT_OWN,
                                .size_max = 8 * GIB,
                                .cpu_max_s = CPU_MAX_S};
    struct measured got = measure(&question);

    if (!got.is_over || got.event_count == 0) {
        (void)fprintf(stderr, "bench-checker: %s: %s\n", path, got.why);
        bench->wrong_count++;
        return;
    }
    (void)printf("own.%" PRIu64 "events.size %.2f B/event <=6\n",
                 got.event_count,
                 (double)got.file_size / (double)got.event_count);
}

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What the corpus' list says of the log; UNKNOWN: it is not listed. */
static enum ord_outcome label_of(struct ord_buf *labels, const char *name)
{
    const char *line = strstr(ord_buf_str(labels), name);
    size_t size = line == NULL ? 0 : strcspn(line, "\n");

    if (line == NULL)
        return ORD_UNKNOWN;
    return memmem(line, size, "\tviolation", 10) != NULL ? ORD_INVALID
                                                         : ORD_VALID;
}

/* Read, judged, with its proof. */
static enum ord_outcome judge_log(const char *path, struct ord_arena *arena)
{
    static struct ord_verdict verdict;
    struct ord_history_options how = {.format = ORD_FORMAT_PORCUPINE_ETCD,
                                      .size_max = GIB};
    struct ord_check_in in = {
        .arena = arena, .model = "cas-register", .wants_proof = true};
    struct ord_history *history = NULL;
    struct ord_err err = {0};

    if (ord_history_open(path, &how, &history, &err) != ORD_OK) {
        (void)fprintf(stderr, "bench-checker: %s: %s\n", path, err.text);
        return ORD_UNKNOWN;
    }
    ord_arena_reset(arena);
    in.history = history;
    ord_check_run(ord_checker_find("linearizable"), &in, &verdict);
    ord_history_free(&history);
    return verdict.outcome;
}

/* All logs of the corpus' folder, in this process. */
static void etcd_logs(struct bench *bench, const char *folder)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;
    struct ord_arena arena;
    struct ord_buf labels;
    struct ord_err err = {0};
    char path[ORD_PATH_MAX];
    uint32_t count = 0;
    double took_s = 0;

    ord_arena_init(&arena, GIB);
    ord_buf_init(&labels, 1 << 20);
    if (ord_path_join(path, folder, "../LABELS.tsv", &err) == ORD_OK)
        (void)ord_file_read(path, &labels, &err);
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        enum ord_outcome label = label_of(&labels, entry->d_name);
        enum ord_outcome outcome;
        double start_s = cpu_s();

        if (strncmp(entry->d_name, "etcd_", 5) != 0 || label == ORD_UNKNOWN ||
            ord_path_join(path, folder, entry->d_name, &err) != ORD_OK)
            continue;
        outcome = judge_log(path, &arena);
        took_s += cpu_s() - start_s;
        count++;
        if (outcome == label)
            continue;
        bench->wrong_count++;
        (void)fprintf(stderr, "bench-checker: %s: WRONG: %s\n", path,
                      ord_outcome_name(outcome));
    }
    if (entries != NULL)
        (void)closedir(entries);
    ord_arena_fini(&arena);
    ord_buf_fini(&labels);
    if (count > 0)
        (void)printf("etcd.%" PRIu32 "logs.all %.4f s <=0.1\n", count, took_s);
}

/* ---- main ---- */

static void run_all(struct bench *bench)
{
    readers(bench);
    unique_registers(bench, 10000);
    unique_registers(bench, 100000);
    if (!bench->is_quick) {
        unique_registers(bench, 1000000);
        unique_registers(bench, 10000000);
    }
    repeated_values(bench);
    others(bench);
    if (bench->is_big)
        big(bench);
}

static int usage(void)
{
    (void)fputs("usage: bench-checker [--quick] [--big] [--only TEXT] "
                "[--etcd FOLDER] [--own FILE]...\n",
                stderr);
    return 64;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"quick", no_argument, NULL, 'q'},
        {"big", no_argument, NULL, 'b'},
        {"only", required_argument, NULL, 'o'},
        {"etcd", required_argument, NULL, 'e'},
        {"own", required_argument, NULL, 'w'},
        {0},
    };
    static struct bench bench;
    const char *tmp = getenv("TMPDIR");
    struct ord_err err = {0};
    bool is_files_only = false;
    int option;

    (void)snprintf(bench.dir, sizeof bench.dir, "%s/ordeal-bench-XXXXXX",
                   tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(bench.dir) == NULL ||
        ord_path_join(bench.path, bench.dir, "history", &err) != ORD_OK) {
        perror(bench.dir);
        return 5;
    }
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'q')
            bench.is_quick = true;
        else if (option == 'b')
            bench.is_big = true;
        else if (option == 'o')
            bench.only = optarg;
        else if (option == 'e')
            etcd_logs(&bench, optarg);
        else if (option == 'w')
            own_file(&bench, optarg);
        else
            return usage();
        is_files_only |= option == 'e' || option == 'w';
    }
    if (!is_files_only)
        run_all(&bench);
    (void)ord_remove_all(bench.dir, &err);
    return bench.wrong_count == 0 ? 0 : 1;
}
