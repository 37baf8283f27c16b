#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/verify/verify.h"

enum { MEMORY_PRESET_GIB = 8, OUTPUT_SIZE_MAX = 1 << 16 };

static const char help[] =
    "ordeal verify HISTORY PROOF [--keyed] [--format FORMAT] [--steps N]\n"
    "              [--memory BYTES]\n"
    "Checks again what `ordeal check HISTORY --proof PROOF` wrote, with code "
    "that shares\nnothing with the checkers: orders are replayed, cores are "
    "tried in every order,\nnumbers are counted again.  Exit: 0 accepted, 1 "
    "rejected, 3 undecided within N\nsteps, 5 unreadable, 64 no proof.\n";

struct args {
    struct ord_history_options how;
    uint64_t steps;
    uint64_t memory;
    bool is_help;
};

static int take(const struct ord_cli *cli, struct args *args, int option)
{
    switch (option) {
    case 'k':
        args->how.is_keyed = true;
        return 0;
    case 'f':
        return ord_take_format(cli, optarg, &args->how.format);
    case 's':
        return ord_parse_count(optarg, &args->steps) && args->steps > 0
                   ? 0
                   : ord_usage(cli, "--steps: '%s' is no number of steps",
                               optarg);
    case 'y':
        return ord_parse_count(optarg, &args->memory) && args->memory > 0
                   ? 0
                   : ord_usage(cli, "--memory: '%s' is no number of bytes",
                               optarg);
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
        {"keyed", no_argument, NULL, 'k'},
        {"format", required_argument, NULL, 'f'},
        {"steps", required_argument, NULL, 's'},
        {"memory", required_argument, NULL, 'y'},
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
    if (!args->is_help && optind + 2 != cli->argc)
        return ord_usage(cli, "expected one HISTORY and one PROOF");
    return 0;
}

static int say(const struct ord_verify_out *out)
{
    struct ord_buf text;
    int code;

    ord_buf_init(&text, OUTPUT_SIZE_MAX);
    if (!out->is_accepted) {
        ord_buf_printf(&text, "rejected: %s\n", out->why);
    } else {
        ord_buf_printf(&text, "accepted: %u verdicts", out->check_count);
        if (out->order_count > 0)
            ord_buf_printf(&text, ", %llu operations in order",
                           (unsigned long long)out->order_count);
        if (out->core_count > 0)
            ord_buf_printf(&text,
                           ", %llu operations that contradict each other",
                           (unsigned long long)out->core_count);
        if (out->figure_count > 0)
            ord_buf_printf(&text,
                           "; %u figures beside the verdicts are not counted "
                           "again",
                           out->figure_count);
        if (out->unknown_count > 0)
            ord_buf_printf(&text,
                           "; %u of them unknown: there is nothing to prove",
                           out->unknown_count);
        ord_buf_char(&text, '\n');
    }
    code = ord_say(STDOUT_FILENO, &text);
    ord_buf_fini(&text);
    return code != 0 ? code : out->is_accepted ? 0 : 1;
}

static int verify(const struct ord_cli *cli, struct args *args,
                  struct ord_buf *proof, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    struct ord_history *history = NULL;
    struct ord_verify_in in = {.size_max = args->memory,
                               .steps_max = args->steps};
    struct ord_verify_out out;
    int rc = ord_file_read(cli->argv[optind + 1], proof, err);

    if (rc == ORD_OK)
        rc = ord_history_path(cli->argv[optind], path, err);
    in.proof = ord_buf_bytes(proof);
    args->how.size_max = args->memory;
    args->how.is_keyed = args->how.is_keyed || ord_verify_is_keyed(in.proof);
    if (rc == ORD_OK)
        rc = ord_history_open(path, &args->how, &history, err);
    in.history = history;
    if (rc == ORD_OK)
        rc = ord_verify(&in, &out, err);
    ord_history_free(&history);
    return rc == ORD_OK ? say(&out) : rc;
}

int ord_cmd_verify(const struct ord_cli *cli)
{
    struct args args = {.memory = (uint64_t)MEMORY_PRESET_GIB << 30};
    struct ord_buf proof;
    struct ord_err err = {0};
    int code = parse(cli, &args);

    if (code != 0)
        return code;
    if (args.is_help) {
        fputs(help, stdout);
        return 0;
    }
    ord_buf_init(&proof, args.memory);
    code = verify(cli, &args, &proof, &err);
    ord_buf_fini(&proof);
    if (code == ORD_ELIMIT) {
        fprintf(stderr, "ordeal: %s\n", err.text);
        return ORD_CELL_UNKNOWN;
    }
    return code < 0 ? ord_complain(&err) : code;
}
