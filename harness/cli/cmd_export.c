#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "histories/history.h"

static const char help[] =
    "ordeal export HISTORY --to edn|jsonl\n"
    "Writes a history to standard output, in real-time order, as Jepsen's EDN "
    "or as JSON\nlines.\n";

typedef int write_history(const struct ord_history *history, int fd,
                          struct ord_err *err);

static write_history *writer_of(const char *name)
{
    if (strcmp(name, "edn") == 0)
        return ord_history_write_edn;
    return strcmp(name, "jsonl") == 0 ? ord_history_write_jsonl : NULL;
}

int ord_cmd_export(const struct ord_cli *cli)
{
    static const struct option options[] = {
        {"to", required_argument, NULL, 't'},
        {"keyed", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct ord_history_options how = {.size_max = (size_t)16 << 30};
    struct ord_history *history = NULL;
    write_history *write = NULL;
    char path[ORD_PATH_MAX];
    struct ord_err err = {0};
    int option;
    int code = 0;

    while ((option = getopt_long(cli->argc, cli->argv, "", options, NULL)) !=
           -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option == 'k')
            how.is_keyed = true;
        if (option == 't')
            write = writer_of(optarg);
        if (option == '?' || (option == 't' && write == NULL))
            return ord_usage(cli, "--to: expected edn or jsonl");
    }
    if (optind + 1 != cli->argc || write == NULL)
        return ord_usage(cli, "expected one HISTORY and --to edn|jsonl");
    if (ord_history_path(cli->argv[optind], path, &err) != ORD_OK ||
        ord_history_open(path, &how, &history, &err) != ORD_OK ||
        write(history, STDOUT_FILENO, &err) != ORD_OK)
        code = ord_complain(&err);
    ord_history_free(&history);
    return code;
}
