#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/report/run_dir.h"
#include "histories/sql/sql.h"

static const char help[] =
    "ordeal query RUN|HISTORY|FOLDER 'SQL' [--keyed] [--format FORMAT] [--tsv "
    "| --json]\n"
    "Runs SQL over a history, in place: the table ops has a row per operation, "
    "events\na row per event, those of the nemesis included.  It only "
    "reads.\n\n"
    "  ops     idx end_idx time_ns end_ns latency_ns process session device "
    "node\n"
    "          epoch position type f key value asked answer error final\n"
    "  events  idx pair time_ns process session device node epoch position "
    "type\n"
    "          f key value error final\n\n"
    "  ordeal query RUN 'select f, count(*), avg(latency_ns) from ops group by "
    "f'\n\n"
    "Of a campaign's folder, or one that holds such folders, it asks the "
    "catalogue:\n"
    "  runs cells checks anomalies stats faults settings\n"
    "  ordeal query runs 'select run, dir, checker, why from anomalies'\n\n"
    "nil is NULL, lists are JSON (json_each takes them apart).  --tsv: "
    "separated by\ntabs.  --json: {\"ordeal\":1,\"columns\":[..],\"rows\":"
    "[[..],..]}.\n";

struct args {
    struct ord_history_options how;
    enum ord_sql_form form;
    bool is_help;
};

static int parse(const struct ord_cli *cli, struct args *args)
{
    static const struct option options[] = {
        {"keyed", no_argument, NULL, 'k'},
        {"format", required_argument, NULL, 'f'},
        {"tsv", no_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(cli->argc, cli->argv, "", options, NULL)) !=
           -1) {
        int code = 0;

        if (option == 'k')
            args->how.is_keyed = true;
        else if (option == 'f')
            code = ord_take_format(cli, optarg, &args->how.format);
        else if (option == 't')
            args->form = ORD_SQL_TSV;
        else if (option == 'j')
            args->form = ORD_SQL_JSON;
        else if (option == 'h')
            args->is_help = true;
        else
            code = ord_usage(cli, "bad option");
        if (code != 0)
            return code;
    }
    if (!args->is_help && optind + 2 != cli->argc)
        return ord_usage(cli, "expected a RUN or HISTORY and one SQL text");
    return 0;
}

/* A folder without a history of its own. */
static bool is_folder_of_runs(const char *path)
{
    char history[ORD_PATH_MAX];
    struct ord_err ignored;
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode) &&
           ord_history_path(path, history, &ignored) != ORD_OK;
}

/* A campaign's folder is asked alone, and left as it is. */
static int open_runs(const char *folder, struct ord_catalogue **catalogue,
                     struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    int rc = ord_path_join(path, folder, ORD_RESULT_FILE, err);

    if (rc != ORD_OK)
        return rc;
    if (access(path, F_OK) != 0)
        return ord_open_catalogue(folder, catalogue, err);
    rc = ord_catalogue_open(folder, false, catalogue, err);
    return rc == ORD_OK ? ord_catalogue_add(*catalogue, ".", err) : rc;
}

static int query_runs(const char *folder, const char *sql,
                      const struct args *args)
{
    struct ord_catalogue *catalogue = NULL;
    struct ord_err err = {0};
    int code = 0;

    if (open_runs(folder, &catalogue, &err) != ORD_OK ||
        ord_catalogue_query(catalogue, sql, args->form, STDOUT_FILENO, &err) !=
            ORD_OK)
        code = ord_complain(&err);
    ord_catalogue_close(&catalogue);
    return code;
}

int ord_cmd_query(const struct ord_cli *cli)
{
    struct args args = {.how = {.size_max = (size_t)16 << 30}};
    struct ord_history *history = NULL;
    char path[ORD_PATH_MAX];
    struct ord_err err = {0};
    int code = parse(cli, &args);

    if (code != 0)
        return code;
    if (args.is_help) {
        fputs(help, stdout);
        return 0;
    }
    if (is_folder_of_runs(cli->argv[optind]))
        return query_runs(cli->argv[optind], cli->argv[optind + 1], &args);
    if (ord_history_path(cli->argv[optind], path, &err) != ORD_OK ||
        ord_history_open(path, &args.how, &history, &err) != ORD_OK ||
        ord_sql_query(history, cli->argv[optind + 1], args.form, 0,
                      STDOUT_FILENO, &err) != ORD_OK)
        code = ord_complain(&err);
    ord_history_free(&history);
    return code;
}
