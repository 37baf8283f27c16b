/* ordeal: replicated databases on trial. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/run/conductor.h"

static const struct {
    const char *name;
    int (*run)(const struct ord_cli *cli);
    const char *about;
} commands[] = {
    {"run", ord_cmd_run, "CAMPAIGN   put databases on trial, print verdicts"},
    {"plan", ord_cmd_plan, "CAMPAIGN  print what a run would do"},
    {"new-target", ord_cmd_new_target,
     "NAME  a folder for your database, which runs"},
    {"check", ord_cmd_check, "HISTORY  judge a recorded history"},
    {"verify", ord_cmd_verify, "HISTORY PROOF check a verdict's proof again"},
    {"show", ord_cmd_show, "HISTORY   page through a history"},
    {"report", ord_cmd_report, "RUN     write a run's report again"},
    {"query", ord_cmd_query, "WHAT SQL SQL over a history or over all runs"},
    {"import", ord_cmd_import,
     "FILE     another tool's history into our format"},
    {"export", ord_cmd_export,
     "HISTORY a history as EDN, JSON lines or SQLite"},
    {"generate", ord_cmd_generate, "-o FILE a history, made up: for tests"},
    {"list", ord_cmd_list,
     "WHAT      checkers, models, nemeses, workloads, "
     "targets, runs"},
};

static void print_help(FILE *to)
{
    fputs("ordeal puts replicated databases on trial.\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(to, "  ordeal %s %s\n", commands[i].name, commands[i].about);
    fputs("\n`ordeal COMMAND --help` tells more.  A HISTORY may be a run's "
          "folder, a file, or -.\n"
          "Exit: 0 pass, 1 violation, 2 liveness, 3 unknown, 4 vacuous, "
          "5 infrastructure,\n      6 unexpected pass, 64 usage.\n",
          to);
}

int ord_usage(const struct ord_cli *cli, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "ordeal %s: ", cli->argv[0]);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (see `ordeal %s --help`)\n", cli->argv[0]);
    return ORD_EXIT_USAGE;
}

int ord_complain(const struct ord_err *err)
{
    fprintf(stderr, "ordeal: %s\n", err->text);
    switch (err->rc) {
    case ORD_EUSAGE:
    case ORD_EFORMAT:
    case ORD_ENOTFOUND:
        return ORD_EXIT_USAGE;
    default:
        return ORD_CELL_INFRASTRUCTURE;
    }
}

static void say_skipped(const struct ord_err *why)
{
    fprintf(stderr, "ordeal: left out: %s\n", why->text);
}

int ord_open_catalogue(const char *folder, struct ord_catalogue **out,
                       struct ord_err *err)
{
    int rc;

    if (access(folder, F_OK) != 0)
        return ord_fail(err, ORD_EIO, "there is no folder '%s', so no runs",
                        folder);
    rc = ord_catalogue_open(folder, true, out, err);
    if (rc == ORD_EIO && access(folder, R_OK | X_OK) == 0)
        rc = ord_catalogue_open(folder, false, out, err);
    return rc == ORD_OK ? ord_catalogue_sync(*out, say_skipped, err) : rc;
}

int ord_take_format(const struct ord_cli *cli, const char *name,
                    enum ord_history_format *format)
{
    if (ord_history_format_of(name, format))
        return 0;
    return ord_usage(cli,
                     "--format: expected own, edn, jsonl, porcupine-etcd, "
                     "porcupine-kv, limo or text, found '%s'",
                     name);
}

static bool is_reader_gone(int fd)
{
    struct pollfd pipe = {.fd = fd, .events = POLLOUT};

    return poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0;
}

int ord_say(int fd, struct ord_buf *text)
{
    struct ord_err err = {0};

    if (text->failed) {
        ord_fail(&err, ORD_ENOMEM, "the output is too large");
        return ord_complain(&err);
    }
    if (ord_write_all(fd, ord_buf_bytes(text), &err) != ORD_OK) {
        if (is_reader_gone(fd))
            return 0; /* `ordeal ... | head` has read enough */
        ord_wrap(&err, "standard output");
        return ord_complain(&err);
    }
    return 0;
}

bool ord_parse_count(const char *text, uint64_t *out)
{
    char *end = NULL;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

int ord_campaign_arg(const struct ord_cli *cli, struct ord_campaign_args *args,
                     int option, const char *value)
{
    struct ord_campaign_options *options = &args->options;
    char *equals;

    switch (option) {
    case 'o':
        options->only = value;
        return 0;
    case 'n':
        if (!ord_parse_count(value, &args->seed))
            return ord_usage(cli, "--seed: '%s' is no number", value);
        options->seed = &args->seed;
        return 0;
    default:
        break;
    }
    equals = strchr(value, '=');
    if (equals == NULL || equals == value)
        return ord_usage(cli, "--set: expected key=value, found '%s'", value);
    if (options->set_count == ORD_SETS_MAX)
        return ord_usage(cli, "more than %d times --set", ORD_SETS_MAX);
    *equals = '\0'; /* argv is ours to cut */
    args->sets[options->set_count++] = (struct ord_setting){value, equals + 1};
    options->sets = args->sets;
    return 0;
}

/* Says why there is no history in the folder: a campaign's has cells. */
static int explain_no_history(const char *dir, struct ord_err *err)
{
    DIR *entries = opendir(dir);
    char folder[ORD_PATH_MAX];
    char path[ORD_PATH_MAX];
    char example[NAME_MAX + 1] = "";
    struct ord_err ignored = {0};
    struct dirent *entry;

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        bool is_first =
            example[0] == '\0' || strcmp(entry->d_name, example) < 0;

        if (!is_first || entry->d_name[0] == '.' ||
            ord_path_join(folder, dir, entry->d_name, &ignored) != ORD_OK ||
            ord_path_join(path, folder, ORD_HISTORY_FILE, &ignored) != ORD_OK ||
            access(path, F_OK) != 0)
            continue;
        snprintf(example, sizeof example, "%s", entry->d_name);
    }
    if (entries != NULL)
        closedir(entries);
    if (example[0] != '\0')
        return ord_fail(err, ORD_ENOTFOUND,
                        "%s is the folder of a campaign: name one of its "
                        "cells, such as %s/%s",
                        dir, dir, example);
    return ord_fail(err, ORD_ENOTFOUND,
                    "%s holds no %s: expected the folder of a cell's run, or a "
                    "file",
                    dir, ORD_HISTORY_FILE);
}

int ord_history_path(const char *run_or_file, char out[ORD_PATH_MAX],
                     struct ord_err *err)
{
    struct stat info;

    if (strcmp(run_or_file, "-") != 0 && stat(run_or_file, &info) == 0 &&
        S_ISDIR(info.st_mode)) {
        if (ord_path_join(out, run_or_file, ORD_HISTORY_FILE, err) != ORD_OK)
            return err->rc;
        return access(out, F_OK) == 0 ? ORD_OK
                                      : explain_no_history(run_or_file, err);
    }
    if (snprintf(out, ORD_PATH_MAX, "%s", run_or_file) >= ORD_PATH_MAX)
        return ord_fail(err, ORD_EUSAGE, "the path is too long");
    return ORD_OK;
}

/* A file that we open later must not become somebody's standard output. */
static bool hold_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* The lowest free descriptor is fd: those below are taken. */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return false;
    }
    return true;
}

/* Histories are mapped: who cuts the file while we read it takes pages away. */
static void on_cut_file(int signal)
{
    static const char words[] =
        "ordeal: a file that was being read has become shorter, or its disk "
        "fails: try again when nobody writes to it, or on a copy\n";

    (void)signal;
    (void)!write(STDERR_FILENO, words, sizeof words - 1);
    _exit(ORD_CELL_INFRASTRUCTURE);
}

static int find_folders(struct ord_cli *cli, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    const char *targets = getenv("ORDEAL_TARGETS");

    if (size < 0)
        return ord_fail_errno(err, "read /proc/self/exe");
    path[size] = '\0';
    snprintf(cli->bin_dir, sizeof cli->bin_dir, "%s", dirname(path));
    if (targets != NULL && targets[0] != '\0') {
        snprintf(cli->targets_dir, sizeof cli->targets_dir, "%s", targets);
        return ORD_OK;
    }
    return ord_path_join(cli->targets_dir, cli->bin_dir,
                         "../share/ordeal/targets", err);
}

int main(int argc, char **argv)
{
    static struct ord_cli cli;
    struct ord_err err = {0};

    if (!hold_standard_files())
        return ORD_CELL_INFRASTRUCTURE;
    (void)signal(SIGPIPE, SIG_IGN); /* write errors are looked at instead */
    (void)signal(SIGBUS, on_cut_file);
    if (argc < 2) {
        print_help(stderr);
        return ORD_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("ordeal " ORD_VERSION);
        return 0;
    }
    if (find_folders(&cli, &err) != ORD_OK)
        return ord_complain(&err);
    cli.argc = argc - 1;
    cli.argv = argv + 1;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(&cli);
    }
    fprintf(stderr, "ordeal: there is no command '%s' (see `ordeal --help`)\n",
            argv[1]);
    return ORD_EXIT_USAGE;
}
