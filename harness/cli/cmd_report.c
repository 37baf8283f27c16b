#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/report/html.h"
#include "harness/report/run_dir.h"
#include "harness/run/cell.h"

static const char help[] =
    "ordeal report RUN [-o FILE]\n"
    "Writes the page of a cell's run again (default: report.html in its "
    "folder), from its\nresult.json and its history alone; of a campaign's "
    "folder, the table of its cells.\n";

static int write_cell(const char *dir, const struct ord_cell_result *cell,
                      const char *file, struct ord_err *err)
{
    const struct ord_history_options options = {.size_max = (size_t)16 << 30};
    struct ord_history *history = NULL;
    char path[ORD_PATH_MAX];
    int rc = ord_history_path(dir, path, err);

    if (rc == ORD_OK)
        rc = ord_history_open(path, &options, &history, err);
    if (rc == ORD_OK)
        rc = ord_report_html(cell, history, file, err);
    ord_history_free(&history);
    return rc;
}

static int write_page(const char *dir, const char *file,
                      struct ord_arena *arena, struct ord_err *err)
{
    struct ord_campaign_result campaign;
    char page[ORD_PATH_MAX];
    int rc = ord_run_read(dir, arena, &campaign, err);

    if (rc == ORD_OK && file == NULL) {
        rc = ord_path_join(page, dir, ORD_REPORT_FILE, err);
        file = page;
    }
    if (rc != ORD_OK)
        return rc;
    if (campaign.cell_count == 1 && campaign.cells[0]->dir == NULL)
        rc = write_cell(dir, campaign.cells[0], file, err);
    else
        rc = ord_campaign_html(&campaign, file, err);
    if (rc == ORD_OK)
        printf("%s\n", file);
    return rc;
}

int ord_cmd_report(const struct ord_cli *cli)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *file = NULL;
    struct ord_arena arena;
    struct ord_err err = {0};
    int option;
    int code = 0;

    while ((option = getopt_long(cli->argc, cli->argv, "o:", options, NULL)) !=
           -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option == '?')
            return ord_usage(cli, "bad option");
        file = optarg;
    }
    if (optind + 1 != cli->argc)
        return ord_usage(cli, "expected one RUN");
    ord_arena_init(&arena, (size_t)1 << 30);
    if (write_page(cli->argv[optind], file, &arena, &err) != ORD_OK)
        code = ord_complain(&err);
    ord_arena_fini(&arena);
    return code;
}
