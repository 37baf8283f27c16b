#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/run/plan.h"

enum { OPS_PRESET = 8, OPS_MAX = 1000000 };

static const size_t ARENA_SIZE_MAX = (size_t)4 << 30;
static const size_t OUTPUT_SIZE_MAX = (size_t)1 << 30;

static const char help[] =
    "ordeal plan CAMPAIGN [--only PATTERN] [--seed N] [--set key=value]... "
    "[--ops N] [--json]\n"
    "Prints, for each cell, its settings, the schedule of faults and the first "
    "N (8)\noperations of each worker.  The same seed prints the same bytes.  "
    "A time is when an\noperation is due at the earliest; what depends on the "
    "run (who leads, when an event\ncomes) says so.  A fault that must not "
    "begin "
    "beside another says why; one that cannot\nwork on this machine is named "
    "on "
    "standard error.\n";

static int parse(const struct ord_cli *cli, struct ord_campaign_args *args,
                 uint64_t *ops, bool *is_json, bool *is_help)
{
    static const struct option options[] = {
        {"only", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 'n'},
        {"set", required_argument, NULL, 's'},
        {"ops", required_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;
    int code = 0;

    while (code == 0 && (option = getopt_long(cli->argc, cli->argv, "", options,
                                              NULL)) != -1) {
        if (option == 'h')
            *is_help = true;
        else if (option == 'j')
            *is_json = true;
        else if (option == '?')
            code = ord_usage(cli, "bad option");
        else if (option != 'k')
            code = ord_campaign_arg(cli, args, option, optarg);
        else if (!ord_parse_count(optarg, ops) || *ops > OPS_MAX)
            code = ord_usage(cli, "--ops: '%s' is no number up to %d", optarg,
                             OPS_MAX);
    }
    if (code == 0 && !*is_help && optind + 1 != cli->argc)
        code = ord_usage(cli, "expected one CAMPAIGN");
    return code;
}

/* Cell by cell: ten thousand of them are no reason to hold them all. */
static int print(const struct ord_campaign *campaign, uint32_t ops,
                 bool is_json, struct ord_buf *out, struct ord_err *err)
{
    int code = 0;

    if (is_json)
        ord_buf_text(out, "{\"ordeal\":1,\"kind\":\"plans\",\"cells\":[");
    for (uint32_t i = 0; i < campaign->cell_count && code == 0; i++) {
        const struct ord_cell *cell = &campaign->cells[i];
        int rc;

        if (is_json && i > 0)
            ord_buf_char(out, ',');
        rc = is_json ? ord_plan_cell_json(cell, ops, out, err)
                     : ord_plan_cell_text(cell, ops, out, err);
        code = rc == ORD_OK ? ord_say(STDOUT_FILENO, out) : ord_complain(err);
        ord_buf_clear(out);
    }
    if (is_json && code == 0) {
        ord_buf_text(out, "]}\n");
        code = ord_say(STDOUT_FILENO, out);
    }
    return code;
}

/* To standard error: the plan itself is the same on every machine. */
static void warn(const struct ord_campaign *campaign)
{
    for (uint32_t i = 0; i < campaign->cell_count; i++) {
        const struct ord_cell *cell = &campaign->cells[i];
        struct ord_err why = {0};

        if (i > 0 && cell->written == cell[-1].written)
            continue;
        if (ord_cell_probe(cell, &why) != ORD_OK)
            fprintf(stderr, "ordeal: %s\n", why.text);
    }
}

int ord_cmd_plan(const struct ord_cli *cli)
{
    struct ord_campaign_args args = {
        .options = {.targets_dir = cli->targets_dir, .bin_dir = cli->bin_dir}};
    struct ord_campaign campaign;
    struct ord_arena arena;
    struct ord_buf out;
    struct ord_err err = {0};
    uint64_t ops = OPS_PRESET;
    bool is_json = false;
    bool is_help = false;
    int code = parse(cli, &args, &ops, &is_json, &is_help);

    if (code != 0)
        return code;
    if (is_help) {
        fputs(help, stdout);
        return 0;
    }
    ord_arena_init(&arena, ARENA_SIZE_MAX);
    ord_buf_init(&out, OUTPUT_SIZE_MAX);
    if (ord_campaign_load(cli->argv[optind], &args.options, &arena, &campaign,
                          &err) != ORD_OK)
        code = ord_complain(&err);
    else
        code = print(&campaign, (uint32_t)ops, is_json, &out, &err);
    if (code == 0)
        warn(&campaign);
    ord_buf_fini(&out);
    ord_arena_fini(&arena);
    return code;
}
