/* planted.c -- one error of each kind in a large history: is it found?
 *
 * usage: planted [--ops N] [--only TEXT].  Every workload with every error that
 * it can have, with unique and with 5 values, with and without crashed calls,
 * and without an error; judged by `linearizable`, and by the checkers that are
 * there for that error.  Unknown is an answer for repeated values, and where
 * there is no near-linear algorithm.
 * Exit: 0 all as planted, 1 not.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkers/lin.h"
#include "harness/gen/synth.h"

enum { NAME_SIZE = 96, MEMORY_MAX = 1 << 30, STEPS_FEW = 20000 };

/* No near-linear algorithm is known: a search, of a few steps here. */
/* Nor for stacks with crashed calls. */
static const char hard[] = "multi-register kv counter owner-mutex";

struct planted {
    const char *only; /* NULL: all */
    uint64_t ops;
    uint64_t count;
    uint64_t wrong;
    uint64_t unknown;
};

/* Further checkers that must find it, and pass where there is nothing. */
static const struct {
    const char *workload;
    enum ord_synth_bad bad;
    const char *checker;
} others[] = {
    {"register", ORD_SYNTH_STALE_READ, "stale"},
    {"cas-register", ORD_SYNTH_STALE_READ, "stale"},
    {"counter", ORD_SYNTH_STALE_READ, "counter"},
    {"counter", ORD_SYNTH_PHANTOM, "counter"},
    {"fifo-queue", ORD_SYNTH_DUPLICATE, "queue"},
    {"unordered-queue", ORD_SYNTH_DUPLICATE, "queue"},
    {"stack", ORD_SYNTH_DUPLICATE, "queue"},
    {"fifo-queue", ORD_SYNTH_PHANTOM, "queue"},
    {"set-full", ORD_SYNTH_LOST, "set-full"},
    {"set-full", ORD_SYNTH_PHANTOM, "set-full"},
    {"set-full", ORD_SYNTH_LOST, "set"},
};

static void judge(struct planted *planted, const struct ord_history *history,
                  const struct ord_synth_config *config, const char *checker,
                  const char *name)
{
    static struct ord_verdict verdict;
    struct ord_arena arena;
    bool is_linearizable = strcmp(checker, "linearizable") == 0;
    bool may_be_unknown =
        config->values != 0 || strstr(hard, config->workload) != NULL ||
        (config->info_share > 0 && strcmp(config->workload, "stack") == 0);
    enum ord_outcome want =
        config->bad == ORD_SYNTH_VALID ? ORD_VALID : ORD_INVALID;
    struct ord_check_in in = {
        .history = history,
        .arena = &arena,
        .model = is_linearizable ? ord_synth_model(config->workload) : NULL,
        .steps_max = may_be_unknown ? STEPS_FEW : 0,
    };

    ord_arena_init(&arena, MEMORY_MAX);
    ord_check_run(ord_checker_find(checker), &in, &verdict);
    planted->count++;
    if (verdict.outcome == ORD_UNKNOWN && may_be_unknown) {
        planted->unknown++;
        printf("%s: %s: unknown: %s\n", name, checker, verdict.why);
    } else if (verdict.outcome != want) {
        planted->wrong++;
        printf("%s: %s: WRONG: %s: %s\n", name, checker,
               ord_outcome_name(verdict.outcome), verdict.why);
    }
    (void)fflush(stdout);
    ord_arena_fini(&arena);
}

static void look(struct planted *planted, const struct ord_synth_config *config)
{
    struct ord_history *history = NULL;
    struct ord_err err = {0};
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "%s values %" PRIu32 " info %g %s",
             config->workload, config->values, config->info_share,
             ord_synth_bad_name(config->bad));
    if (planted->only != NULL && strstr(name, planted->only) == NULL)
        return;
    if (ord_synth_history(config, 0, &history, &err) != ORD_OK) {
        /* It cannot have that error; or the error needs more operations. */
        planted->wrong += err.rc != ORD_EUSAGE;
        if (err.rc != ORD_EUSAGE)
            printf("%s: %s\n", name, err.text);
        return;
    }
    if (ord_model_find(ord_synth_model(config->workload)) != NULL)
        judge(planted, history, config, "linearizable", name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bool is_bad = config->bad == others[i].bad;

        if (strcmp(others[i].workload, config->workload) == 0 &&
            (is_bad || config->bad == ORD_SYNTH_VALID) &&
            ord_checker_find(others[i].checker) != NULL)
            judge(planted, history, config, others[i].checker, name);
    }
    ord_history_free(&history);
}

static void look_at_all(struct planted *planted)
{
    static const double infos[] = {0, 0.01};

    for (uint32_t w = 0; ord_synth_workloads()[w] != NULL; w++) {
        for (int i = 0; i < ORD_SYNTH_BAD_COUNT * 4; i++) {
            struct ord_synth_config config = {
                .workload = ord_synth_workloads()[w],
                .bad = (enum ord_synth_bad)(i / 4),
                .bad_at = 0.9,
                .ops = planted->ops,
                .clients = 5,
                .keys = 1,
                .values = i % 2 == 0 ? 0 : 5,
                .info_share = infos[i / 2 % 2],
                .seed = 7,
            };

            look(planted, &config);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"ops", required_argument, NULL, 'n'},
        {"only", required_argument, NULL, 'o'},
        {0},
    };
    struct planted planted = {.ops = 20000};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            planted.ops = strtoull(optarg, NULL, 10);
        else if (option == 'o')
            planted.only = optarg;
        else
            planted.ops = 0;
    }
    if (optind != argc || planted.ops == 0) {
        fputs("usage: planted [--ops N] [--only TEXT]\n", stderr);
        return 64;
    }
    look_at_all(&planted);
    printf("planted: %" PRIu64 " verdicts, %" PRIu64 " wrong, %" PRIu64
           " unknown\n",
           planted.count, planted.wrong, planted.unknown);
    return planted.wrong == 0 ? 0 : 1;
}
