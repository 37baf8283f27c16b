#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/report/table.h"
#include "harness/run/cell.h"
#include "harness/run/suite.h"

enum { OUTPUT_SIZE_MAX = 64 << 20 };

static const size_t ARENA_SIZE_MAX = (size_t)4 << 30;

static const char help[] =
    "ordeal run CAMPAIGN [--only PATTERN] [--seed N] [--out DIR] [--set "
    "key=value]...\n"
    "           [--parallel N] [--shard i/n] [--control sandbox] [--resume] "
    "[--fail-fast N] [--json]\n"
    "Runs a campaign's cells and prints a verdict for each.\n"
    "  --only PATTERN   only cells whose id matches (shell pattern)\n"
    "  --seed N         this seed instead of the campaign's\n"
    "  --out DIR        where it all goes (default runs/<campaign>-<time>)\n"
    "  --set key=value  a setting of the target, or nodes, clients, time, "
    "rate,\n"
    "                   timeout, settle\n"
    "  --parallel N     cells at once (default: the campaign's, else one per "
    "core)\n"
    "  --shard i/n      every n-th cell, beginning with the i-th\n"
    "  --resume         keep the cells of DIR that have a result\n"
    "  --fail-fast N    start nothing more after N cells that did not pass\n"
    "  --json           the campaign's result.json on standard output\n";

struct args {
    struct ord_campaign_args campaign;
    struct ord_suite_options suite;
    bool is_json;
    bool is_help;
};

static int parse_shard(const struct ord_cli *cli, struct args *args, char *text)
{
    char *slash = strchr(text, '/');
    uint64_t shard = 0;
    uint64_t count = 0;

    if (slash != NULL)
        *slash = '\0';
    if (slash == NULL || !ord_parse_count(text, &shard) ||
        !ord_parse_count(slash + 1, &count) || shard < 1 || shard > count ||
        count > ORD_CELLS_MAX)
        return ord_usage(cli, "--shard: expected i/n with 1 <= i <= n");
    args->suite.shard = (uint32_t)shard;
    args->suite.shard_count = (uint32_t)count;
    return 0;
}

static int parse_small(const struct ord_cli *cli, const char *name,
                       const char *text, uint32_t *out)
{
    uint64_t value;

    if (!ord_parse_count(text, &value) || value < 1 || value > ORD_CELLS_MAX)
        return ord_usage(cli, "%s: '%s' is no number above 0", name, text);
    *out = (uint32_t)value;
    return 0;
}

static int take(const struct ord_cli *cli, struct args *args, int option)
{
    switch (option) {
    case 'o':
    case 'n':
    case 's':
        return ord_campaign_arg(cli, &args->campaign, option, optarg);
    case 'd':
        args->suite.out_dir = optarg;
        return 0;
    case 'p':
        return parse_small(cli, "--parallel", optarg, &args->suite.parallel);
    case 'f':
        return parse_small(cli, "--fail-fast", optarg, &args->suite.fail_fast);
    case 'i':
        return parse_shard(cli, args, optarg);
    case 'c':
        if (strcmp(optarg, "sandbox") != 0)
            return ord_usage(cli, "--control %s: only sandbox is there so far",
                             optarg);
        return 0;
    case 'r':
        args->suite.is_resumed = true;
        return 0;
    case 'j':
        args->is_json = true;
        return 0;
    case 'h':
        args->is_help = true;
        return 0;
    default:
        return ord_usage(cli, "bad option");
    }
}

static int parse(const struct ord_cli *cli, struct args *args)
{
    static const struct option options[] = {
        {"only", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 'n'},
        {"out", required_argument, NULL, 'd'},
        {"set", required_argument, NULL, 's'},
        {"parallel", required_argument, NULL, 'p'},
        {"shard", required_argument, NULL, 'i'},
        {"control", required_argument, NULL, 'c'},
        {"resume", no_argument, NULL, 'r'},
        {"fail-fast", required_argument, NULL, 'f'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(cli->argc, cli->argv, "", options, NULL)) !=
           -1) {
        int code = take(cli, args, option);
        if (code != 0)
            return code;
    }
    if (args->is_help)
        return 0;
    if (optind + 1 != cli->argc)
        return ord_usage(cli, "expected one CAMPAIGN");
    if (args->suite.is_resumed && args->suite.out_dir == NULL)
        return ord_usage(cli, "--resume: say with --out which run to go on "
                              "with");
    return 0;
}

static int print(const struct ord_campaign_result *result, const char *dir,
                 bool is_json)
{
    const struct ord_term term = ord_term_of(STDOUT_FILENO);
    struct ord_buf out;
    int code;

    ord_buf_init(&out, OUTPUT_SIZE_MAX);
    if (is_json) {
        ord_campaign_to_json(result, &out);
        ord_buf_char(&out, '\n');
    } else {
        ord_table_campaign(result, &term, &out);
        ord_buf_printf(&out, "\nverdict: %s\nreport:  %s/%s\n",
                       ord_cell_verdict_name(result->verdict), dir,
                       ORD_REPORT_FILE);
    }
    code = ord_say(STDOUT_FILENO, &out);
    ord_buf_fini(&out);
    return code != 0 ? code : ord_cell_verdict_exit(result->verdict);
}

/* A row in the catalogue of runs/, or of the folder around --out where there
 * is one.  It can be made again from the runs: no error, no verdict. */
static void catalogue(const char *dir, bool is_ours)
{
    char parent[ORD_PATH_MAX];
    char path[ORD_PATH_MAX];
    struct ord_catalogue *runs = NULL;
    struct ord_err err = {0};
    char *slash;

    if (realpath(dir, parent) == NULL)
        return;
    slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent)
        return;
    *slash = '\0';
    if (!is_ours &&
        (ord_path_join(path, parent, ORD_CATALOGUE_FILE, &err) != ORD_OK ||
         access(path, F_OK) != 0))
        return;
    if (ord_catalogue_open(parent, true, &runs, &err) != ORD_OK ||
        ord_catalogue_add(runs, slash + 1, &err) != ORD_OK)
        fprintf(stderr, "ordeal: the run is not in the catalogue: %s\n",
                err.text);
    ord_catalogue_close(&runs);
}

int ord_cmd_run(const struct ord_cli *cli)
{
    struct args args = {
        .campaign = {.options = {.targets_dir = cli->targets_dir,
                                 .bin_dir = cli->bin_dir}}};
    struct ord_campaign campaign;
    struct ord_campaign_result result = {0};
    struct ord_arena arena;
    const char *dir = "";
    struct ord_err err = {0};
    int code = parse(cli, &args);

    if (code != 0)
        return code;
    if (args.is_help) {
        fputs(help, stdout);
        return 0;
    }
    args.suite.term = ord_term_of(STDERR_FILENO);
    ord_arena_init(&arena, ARENA_SIZE_MAX);
    if (ord_campaign_load(cli->argv[optind], &args.campaign.options, &arena,
                          &campaign, &err) != ORD_OK ||
        ord_suite_run(&campaign, &args.suite, &arena, &result, &dir, &err) !=
            ORD_OK)
        code = ord_complain(&err);
    /* What could not be written can still be said. */
    if (code == 0 || result.cell_count > 0) {
        int verdict = print(&result, dir, args.is_json);

        if (code == 0)
            catalogue(dir, args.suite.out_dir == NULL);

        code = code != 0 ? code : verdict;
    }
    ord_arena_fini(&arena);
    return code;
}
