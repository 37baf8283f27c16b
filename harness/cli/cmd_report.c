#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/report/html.h"
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

/* The campaign's own file holds little of each cell: theirs hold the rest. */
static int write_campaign(const char *dir, struct ord_campaign_result *campaign,
                          struct ord_arena *arena, const char *file,
                          struct ord_err *err)
{
    const struct ord_cell_result **cells =
        ord_arena_zalloc(arena, campaign->cell_count, sizeof *cells);

    if (cells == NULL)
        return ord_fail(err, ORD_ENOMEM, "report");
    for (uint32_t i = 0; i < campaign->cell_count; i++) {
        struct ord_cell_result *cell = ord_arena_zalloc(arena, 1, sizeof *cell);
        const char *name = campaign->cells[i]->dir;
        char folder[ORD_PATH_MAX];
        char path[ORD_PATH_MAX];
        struct ord_err ignored = {0};

        cells[i] = campaign->cells[i];
        if (cell == NULL || name == NULL ||
            ord_path_join(folder, dir, name, &ignored) != ORD_OK ||
            ord_path_join(path, folder, ORD_RESULT_FILE, &ignored) != ORD_OK ||
            access(path, R_OK) != 0 ||
            ord_cell_read(path, arena, cell, &ignored) != ORD_OK)
            continue; /* a cell that was skipped has none */
        cell->dir = name;
        cells[i] = cell;
    }
    campaign->cells = cells;
    return ord_campaign_html(campaign, file, err);
}

static int write_page(const char *dir, const char *file,
                      struct ord_arena *arena, struct ord_err *err)
{
    struct ord_cell_result *cell = ord_arena_zalloc(arena, 1, sizeof *cell);
    struct ord_campaign_result campaign = {0};
    struct ord_err why = {0};
    char result[ORD_PATH_MAX];
    char page[ORD_PATH_MAX];
    int rc = ord_path_join(result, dir, ORD_RESULT_FILE, err);

    if (cell == NULL)
        return ord_fail(err, ORD_ENOMEM, "report");
    if (rc == ORD_OK && access(result, F_OK) != 0)
        rc = ord_fail(err, ORD_ENOTFOUND,
                      "%s holds no %s: expected the folder of a run", dir,
                      ORD_RESULT_FILE);
    if (rc == ORD_OK && file == NULL)
        rc = ord_path_join(page, dir, ORD_REPORT_FILE, err);
    if (rc != ORD_OK)
        return rc;
    if (file == NULL)
        file = page;
    if (ord_cell_read(result, arena, cell, &why) == ORD_OK)
        rc = write_cell(dir, cell, file, err);
    else if (ord_campaign_read(result, arena, &campaign, err) == ORD_OK)
        rc = write_campaign(dir, &campaign, arena, file, err);
    else
        rc = ord_fail(err, why.rc, "%s", why.text);
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
