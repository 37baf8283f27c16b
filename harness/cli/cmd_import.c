#include <getopt.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/cli.h"

static const char help[] =
    "ordeal import FILE -o HISTORY [--format FORMAT] [--keyed]\n"
    "Writes another tool's history (EDN, JSON lines, Porcupine's and "
    "call/return "
    "logs;\n- is standard input) in our own format: a tenth of the size, "
    "checked "
    "by sums, and\nloaded without parsing.  --keyed: a value [k v] is key and "
    "value.  HISTORY must not exist.\n";

struct args {
    struct ord_history_options how;
    const char *out;
    bool is_help;
};

static int parse(const struct ord_cli *cli, struct args *args)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"format", required_argument, NULL, 'f'},
        {"keyed", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(cli->argc, cli->argv, "o:", options, NULL)) !=
           -1) {
        int code = 0;

        if (option == 'o')
            args->out = optarg;
        else if (option == 'f')
            code = ord_take_format(cli, optarg, &args->how.format);
        else if (option == 'k')
            args->how.is_keyed = true;
        else if (option == 'h')
            args->is_help = true;
        else
            code = ord_usage(cli, "bad option");
        if (code != 0)
            return code;
    }
    if (!args->is_help && (optind + 1 != cli->argc || args->out == NULL))
        return ord_usage(cli, "expected one FILE and -o HISTORY");
    return 0;
}

/* Before anything is read, for that may take its time. */
static int check_new(const char *path, struct ord_err *err)
{
    struct stat info;

    if (lstat(path, &info) == 0)
        return ord_fail(err, ORD_EUSAGE,
                        "%s exists: remove it, or say -o NEWFILE", path);
    return ORD_OK;
}

int ord_cmd_import(const struct ord_cli *cli)
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
    if (check_new(args.out, &err) != ORD_OK ||
        ord_history_path(cli->argv[optind], path, &err) != ORD_OK ||
        ord_history_open(path, &args.how, &history, &err) != ORD_OK ||
        ord_history_write_own(history, args.out, &err) != ORD_OK)
        code = ord_complain(&err);
    ord_history_free(&history);
    return code;
}
