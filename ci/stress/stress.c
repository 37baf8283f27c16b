/* stress.c -- do checkers and brute force agree on millions of small histories?
 *
 * Exit: 0 they agree on all, 1 they do not (the history is printed), 64 usage.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "checkers/lin.h"
#include "ci/stress/engines.h"

static const char help[] =
    "stress [--family NAME] [--count N] [--seed S] [--jobs J] "
    "[--proofs ONE_IN]\n"
    "Judges N random small histories of each family (of all, if none is named) "
    "by the\nchecker, by each engine of the model alone, and by brute force; "
    "of "
    "one in ONE_IN\n(16; 0: none) the proof, too.  --list names the "
    "families; --self-test breaks the brute\nforce and looks whether that is "
    "found in each family.\n";

enum { JOBS_MAX = 64, SHOWN_MAX = 3, EXIT_USAGE = 64 };

struct counts {
    uint64_t histories;
    uint64_t valid;
    uint64_t invalid;
    uint64_t unknown_valid; /* undecided; brute force says valid */
    uint64_t unknown_invalid;
    uint64_t proofs;
    uint64_t unproved;
    uint64_t disagreements;
    struct engines engines;
    double cpu_s;
};

struct stress {
    const char *family; /* NULL: all */
    uint64_t count;
    uint64_t seed;
    uint64_t jobs;
    uint64_t proof_one_in;
    bool is_self_test;
};

static void complain(const struct small *small, const struct judge *judge,
                     const char *what, uint64_t seed, uint64_t index)
{
    struct ord_buf text;

    ord_buf_init(&text, 1 << 16);
    small_print(small, &text);
    fprintf(stderr,
            "stress: %s: %s\n  seed %" PRIu64 ", history %" PRIu64
            "\n  ordeal: %s: %s\n  %s\n",
            small->family->name, what, seed, index,
            ord_outcome_name(judge->verdict.outcome), judge->verdict.why,
            ord_buf_str(&text));
    ord_buf_fini(&text);
}

/* The verdict on one history; what is wrong with it, or NULL. */
static const char *look(struct judge *judge, struct brute *brute,
                        const struct small *small, bool wants_proof,
                        struct counts *counts)
{
    struct ord_err err = {0};
    const char *why = NULL;
    bool is_valid = brute_is_valid(brute, small);

    counts->histories++;
    if (judge_ask(judge, small, wants_proof, &err) != ORD_OK) {
        snprintf(judge->verdict.why, sizeof judge->verdict.why, "%s", err.text);
        return "the history is refused";
    }
    switch (judge->verdict.outcome) {
    case ORD_UNKNOWN:
        counts->unknown_valid += is_valid;
        counts->unknown_invalid += !is_valid;
        return NULL;
    case ORD_VALID:
        counts->valid++;
        if (!is_valid)
            return "brute force finds no order";
        break;
    case ORD_INVALID:
        counts->invalid++;
        if (is_valid)
            return "brute force finds an order";
        break;
    }
    if (wants_proof && !judge_proof_holds(judge, small, brute, &why))
        return why;
    return NULL;
}

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct counts run(const struct stress *stress,
                         const struct small_family *family, uint64_t job)
{
    struct judge *judge = calloc(1, sizeof *judge);
    struct brute *brute = calloc(1, sizeof *brute);
    struct counts counts = {0};
    uint64_t seed = ord_hash(stress->seed, job, 0);
    struct small small;

    ORD_ASSERT(judge != NULL);
    ORD_ASSERT(brute != NULL);
    judge_init(judge);
    brute->is_broken = stress->is_self_test;
    for (uint64_t i = job; i < stress->count; i += stress->jobs) {
        struct ord_rng rng = {ord_hash(seed, i, 1)};
        bool wants_proof = stress->proof_one_in != 0 &&
                           ord_rng_next(&rng) % stress->proof_one_in == 0;
        const char *wrong;

        small_random(family, &rng, &small);
        wrong = look(judge, brute, &small, wants_proof, &counts);
        if (wrong == NULL) {
            wrong = engines_look(&counts.engines, judge, &small, brute, &rng);
            if (wrong != NULL)
                snprintf(judge->verdict.why, sizeof judge->verdict.why, "%s",
                         counts.engines.why);
        }
        if (wrong != NULL && counts.disagreements++ < SHOWN_MAX &&
            !stress->is_self_test)
            complain(&small, judge, wrong, stress->seed, i);
    }
    counts.cpu_s = cpu_s();
    counts.proofs = judge->proof_count;
    counts.unproved = judge->unproved_count;
    judge_fini(judge);
    free(judge);
    free(brute);
    return counts;
}

/* Starts a job in a process of its own; its counts come through the pipe. */
static int start(const struct stress *stress, const struct small_family *family,
                 uint64_t job)
{
    int fds[2];
    pid_t pid;

    ORD_ASSERT(pipe2(fds, O_CLOEXEC) == 0);
    pid = fork();
    ORD_ASSERT(pid >= 0);
    if (pid == 0) {
        struct counts counts = run(stress, family, job);

        _exit(write(fds[1], &counts, sizeof counts) == sizeof counts ? 0 : 1);
    }
    (void)close(fds[1]);
    return fds[0];
}

static void add_engine(struct engine_counts *all,
                       const struct engine_counts *one)
{
    all->asked += one->asked;
    all->valid += one->valid;
    all->invalid += one->invalid;
    all->unknown += one->unknown;
    all->declined += one->declined;
}

static void add(struct counts *all, const struct counts *one)
{
    add_engine(&all->engines.fast, &one->engines.fast);
    add_engine(&all->engines.exact, &one->engines.exact);
    all->cpu_s += one->cpu_s;
    all->histories += one->histories;
    all->valid += one->valid;
    all->invalid += one->invalid;
    all->unknown_valid += one->unknown_valid;
    all->unknown_invalid += one->unknown_invalid;
    all->proofs += one->proofs;
    all->unproved += one->unproved;
    all->disagreements += one->disagreements;
}

static void print_engine(const char *name, const struct engine_counts *c)
{
    if (c->asked > 0)
        printf("  %s asked %" PRIu64 " valid %" PRIu64 " invalid %" PRIu64
               " unknown %" PRIu64 " declined %" PRIu64 "\n",
               name, c->asked, c->valid, c->invalid, c->unknown, c->declined);
}

static void print(const struct small_family *family, const struct counts *all)
{
    printf("%s histories %" PRIu64 " valid %" PRIu64 " invalid %" PRIu64
           " undecided %" PRIu64 " (%" PRIu64
           " of them invalid) proofs %" PRIu64 " unproved %" PRIu64
           " disagreements %" PRIu64 " us %.2f\n",
           family->name, all->histories, all->valid, all->invalid,
           all->unknown_valid + all->unknown_invalid, all->unknown_invalid,
           all->proofs, all->unproved, all->disagreements,
           all->cpu_s * 1e6 / (double)(all->histories + 1));
    print_engine("fast", &all->engines.fast);
    print_engine("exact", &all->engines.exact);
    (void)fflush(stdout);
}

static bool stress_family(const struct stress *stress,
                          const struct small_family *family)
{
    struct counts all = {0};
    int fds[JOBS_MAX];

    for (uint64_t job = 0; job < stress->jobs; job++)
        fds[job] = start(stress, family, job);
    for (uint64_t job = 0; job < stress->jobs; job++) {
        struct counts one;

        if (read(fds[job], &one, sizeof one) == sizeof one)
            add(&all, &one);
        else
            all.disagreements++; /* it died */
        (void)close(fds[job]);
        (void)wait(NULL);
    }
    print(family, &all);
    return all.disagreements == 0;
}

static bool is_known(const char *model)
{
    return ord_model_find(model) != NULL;
}

static bool parse(struct stress *stress, int argc, char **argv)
{
    static const struct option options[] = {
        {"family", required_argument, NULL, 'f'},
        {"count", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'},
        {"proofs", required_argument, NULL, 'p'},
        {"list", no_argument, NULL, 'l'},
        {"self-test", no_argument, NULL, 't'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        uint64_t number = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);

        if (option == 'f')
            stress->family = optarg;
        else if (option == 'n')
            stress->count = number;
        else if (option == 's')
            stress->seed = number;
        else if (option == 'j')
            stress->jobs = number;
        else if (option == 'p')
            stress->proof_one_in = number;
        else if (option == 't')
            stress->is_self_test = true;
        else
            return false;
    }
    return optind == argc && stress->jobs > 0 && stress->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
    struct stress stress = {
        .count = 100000, .seed = 1, .jobs = 1, .proof_one_in = 16};
    bool agrees = true;
    bool is_found = false;

    if (!parse(&stress, argc, argv)) {
        fputs(help, stderr);
        for (const struct small_family *f = small_families; f->name != NULL;
             f++)
            fprintf(stderr, "  %s%s\n", f->name,
                    is_known(f->model) ? "" : " (no such model yet)");
        return EXIT_USAGE;
    }
    for (const struct small_family *f = small_families; f->name != NULL; f++) {
        if (stress.family != NULL && strcmp(stress.family, f->name) != 0)
            continue;
        is_found = true;
        if (is_known(f->model))
            agrees &= stress_family(&stress, f) != stress.is_self_test;
        else
            printf("%s: there is no model %s\n", f->name, f->model);
    }
    if (!is_found) {
        fprintf(stderr, "stress: there is no family '%s'\n", stress.family);
        return EXIT_USAGE;
    }
    return agrees ? 0 : 1;
}
