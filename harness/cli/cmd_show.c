#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/report/show.h"
#include "harness/run/cell.h"

enum { OUTPUT_SIZE_MAX = 1 << 30, ROWS_PRESET = 40, ROWS_MAX = 100000000 };

static const char help[] =
    "ordeal show RUN|HISTORY [--around INDEX] [--process P] [--key K] "
    "[--rows N]\n"
    "            [--keyed] [--format FORMAT]\n"
    "Pages through a history, a line per event; of a run also its result.\n"
    "--around: the rows about this index.  --process and --key: only theirs.\n"
    "--rows: how many (40; 0: all).\n";

static int parse(const struct ord_cli *cli, struct ord_show *how,
                 struct ord_history_options *read, bool *is_help)
{
    static const struct option options[] = {
        {"keyed", no_argument, NULL, 'e'},
        {"format", required_argument, NULL, 'f'},
        {"around", required_argument, NULL, 'a'},
        {"process", required_argument, NULL, 'p'},
        {"key", required_argument, NULL, 'k'},
        {"rows", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    uint64_t number = 0;
    int option;

    while ((option = getopt_long(cli->argc, cli->argv, "", options, NULL)) !=
           -1) {
        if (option == '?')
            return ord_usage(cli, "bad option");
        if (option == 'f' && ord_take_format(cli, optarg, &read->format) != 0)
            return ORD_EXIT_USAGE;
        if (option == 'h')
            *is_help = true;
        else if (option == 'e')
            read->is_keyed = true;
        else if (option == 'f')
            continue;
        else if (option == 'k')
            how->key = optarg;
        else if (!ord_parse_count(optarg, &number) || number > ROWS_MAX)
            return ord_usage(cli, "'%s' is no number", optarg);
        if (option == 'a')
            how->around = (int64_t)number;
        if (option == 'r')
            how->rows = (uint32_t)number;
        if (option == 'p') {
            how->has_process = true;
            how->process = (int64_t)number;
        }
    }
    if (!*is_help && optind + 1 != cli->argc)
        return ord_usage(cli, "expected one RUN or HISTORY");
    return 0;
}

/* A run's folder has a result beside its history. */
static void show_result(const char *dir, const struct ord_term *term,
                        struct ord_arena *arena, struct ord_buf *out)
{
    struct ord_cell_result *cell = ord_arena_zalloc(arena, 1, sizeof *cell);
    char path[ORD_PATH_MAX];
    struct ord_err ignored = {0};

    if (cell != NULL &&
        ord_path_join(path, dir, ORD_RESULT_FILE, &ignored) == ORD_OK &&
        access(path, R_OK) == 0 &&
        ord_cell_read(path, arena, cell, &ignored) == ORD_OK) {
        ord_show_cell(cell, term, out);
        ord_buf_char(out, '\n');
    }
}

int ord_cmd_show(const struct ord_cli *cli)
{
    struct ord_history_options options = {.size_max = (size_t)16 << 30};
    const struct ord_term term = ord_term_of(STDOUT_FILENO);
    struct ord_show how = {.around = ORD_NONE, .rows = ROWS_PRESET};
    struct ord_history *history = NULL;
    char path[ORD_PATH_MAX];
    struct ord_arena arena;
    struct ord_buf out;
    struct ord_err err = {0};
    bool is_help = false;
    int code = parse(cli, &how, &options, &is_help);

    if (code != 0)
        return code;
    if (is_help) {
        fputs(help, stdout);
        return 0;
    }
    ord_arena_init(&arena, (size_t)1 << 30);
    ord_buf_init(&out, OUTPUT_SIZE_MAX);
    show_result(cli->argv[optind], &term, &arena, &out);
    if (ord_history_path(cli->argv[optind], path, &err) != ORD_OK ||
        ord_history_open(path, &options, &history, &err) != ORD_OK ||
        ord_show_history(history, &how, &term, &out, &err) != ORD_OK)
        code = ord_complain(&err);
    else
        code = ord_say(STDOUT_FILENO, &out);
    ord_history_free(&history);
    ord_buf_fini(&out);
    ord_arena_fini(&arena);
    return code;
}
