#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "histories/sql/sql.h"

static const char help[] =
    "ordeal export HISTORY --to edn|jsonl|sqlite [-o FILE] [--keyed] [--format "
    "FORMAT]\n"
    "Writes a history, in real-time order: as Jepsen's EDN or as JSON lines to "
    "standard\noutput or to FILE; as an SQLite database (tables ops and "
    "events, "
    "see `ordeal query\n--help`) to FILE, which must not exist.\n";

typedef int write_history(const struct ord_history *history, int fd,
                          struct ord_err *err);

struct args {
    struct ord_history_options how;
    write_history *write; /* NULL: SQLite */
    const char *to;
    const char *file;
    bool is_help;
};

static int take_to(const struct ord_cli *cli, struct args *args,
                   const char *name)
{
    args->to = name;
    args->write = NULL;
    if (strcmp(name, "edn") == 0)
        args->write = ord_history_write_edn;
    else if (strcmp(name, "jsonl") == 0)
        args->write = ord_history_write_jsonl;
    else if (strcmp(name, "sqlite") != 0)
        return ord_usage(cli, "--to: expected edn, jsonl or sqlite");
    return 0;
}

static int take(const struct ord_cli *cli, struct args *args, int option)
{
    switch (option) {
    case 't':
        return take_to(cli, args, optarg);
    case 'o':
        args->file = optarg;
        return 0;
    case 'f':
        return ord_take_format(cli, optarg, &args->how.format);
    case 'k':
        args->how.is_keyed = true;
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
        {"to", required_argument, NULL, 't'},
        {"format", required_argument, NULL, 'f'},
        {"keyed", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(cli->argc, cli->argv, "o:", options, NULL)) !=
           -1) {
        int code = take(cli, args, option);

        if (code != 0)
            return code;
    }
    if (args->is_help)
        return 0;
    if (optind + 1 != cli->argc || args->to == NULL)
        return ord_usage(cli, "expected one HISTORY and --to edn|jsonl|sqlite");
    if (args->write == NULL && args->file == NULL)
        return ord_usage(cli, "--to sqlite: say with -o which file");
    return 0;
}

/* Into a file beside the final one, renamed when it is whole. */
static int write_file(const struct ord_history *history,
                      const struct args *args, struct ord_err *err)
{
    struct ord_new_file file;

    if (args->write == NULL)
        return ord_sql_copy(history, args->file, err);
    if (ord_new_file_open(&file, args->file, err) != ORD_OK)
        return err->rc;
    if (args->write(history, file.fd, err) != ORD_OK) {
        ord_new_file_discard(&file);
        return ord_wrap(err, "%s", args->file);
    }
    return ord_new_file_publish(&file, err);
}

int ord_cmd_export(const struct ord_cli *cli)
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
    if (ord_history_path(cli->argv[optind], path, &err) != ORD_OK ||
        ord_history_open(path, &args.how, &history, &err) != ORD_OK ||
        (args.file != NULL
             ? write_file(history, &args, &err)
             : args.write(history, STDOUT_FILENO, &err)) != ORD_OK)
        code = ord_complain(&err);
    ord_history_free(&history);
    return code;
}
