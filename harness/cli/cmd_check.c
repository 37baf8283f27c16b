#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkers/fitting.h"
#include "checkers/lin.h"
#include "harness/cli/cli.h"
#include "harness/report/explain.h"
#include "harness/report/proof_json.h"
#include "harness/report/result.h"

enum {
    PICKED_MAX = 32,
    OPTIONS_MAX = 8,
    TUPLES_MAX = 100000, /* events to tell tuples by */
    OUTPUT_SIZE_MAX = 256 << 20,
    MEMORY_PRESET_GIB = 8
};

static const char help[] =
    "ordeal check HISTORY [--checker NAME]... [--model NAME] [--keyed]\n"
    "             [--set OPTION=VALUE]... [--format FORMAT] [--budget STEPS]\n"
    "             [--memory BYTES] [--proof FILE] [--json]\n"
    "Judges a history: a run's folder, a file, or - for standard input; plain "
    "or gzip.\n\n"
    "Without --checker: the checkers that the run itself used, else those that "
    "fit its\noperations (`ordeal list checkers`).\n"
    "--model   for linearizable (`ordeal list models`); else chosen by the "
    "operations\n"
    "--keyed   a value [k v] is key and value: Jepsen's independent tuples\n"
    "--set     an option of a checker, as `ordeal list checkers` tells them\n"
    "--format  own edn jsonl porcupine-etcd porcupine-kv limo text; else told "
    "from the\n          first bytes\n"
    "--budget  steps of a search, --memory bytes: beyond them the verdict is "
    "unknown\n"
    "--proof   writes what `ordeal verify` can check again\n";

struct picked {
    const struct ord_checker *checker;
    const char *model;
    struct ord_option options[OPTIONS_MAX]; /* as the run had them */
    uint32_t option_count;
};

struct args {
    struct ord_history_options how;
    struct picked picked[PICKED_MAX];
    uint32_t count;
    struct ord_option sets[OPTIONS_MAX]; /* --set, for all that know them */
    uint32_t set_count;
    const char *model;
    uint64_t steps;
    uint64_t memory;
    const char *proof; /* the file that it goes to; NULL: none is wanted */
    bool is_json;
    bool is_help;
};

/* ---- arguments -------------------------------------------------------------
 */

static int pick(const struct ord_cli *cli, struct args *args, const char *name,
                const char *model)
{
    const struct ord_checker *checker = ord_checker_find(name);

    if (checker == NULL)
        return ord_usage(cli, "there is no checker '%s'", name);
    if (args->count == PICKED_MAX)
        return ord_usage(cli, "more than %d checkers", PICKED_MAX);
    args->picked[args->count++] =
        (struct picked){.checker = checker, .model = model};
    return 0;
}

static int take_model(const struct ord_cli *cli, struct args *args,
                      const char *name)
{
    const struct ord_model *model = ord_model_find(name);

    if (model == NULL)
        return ord_usage(
            cli, "there is no model '%s' (see `ordeal list models`)", name);
    args->model = model->name;
    return 0;
}

static int take_set(const struct ord_cli *cli, struct args *args, char *text)
{
    char *equals = strchr(text, '=');

    if (equals == NULL || equals == text)
        return ord_usage(cli, "--set: expected option=value, found '%s'", text);
    if (args->set_count == OPTIONS_MAX)
        return ord_usage(cli, "more than %d times --set", OPTIONS_MAX);
    *equals = '\0'; /* argv is ours to cut */
    args->sets[args->set_count++] = (struct ord_option){text, equals + 1};
    return 0;
}

static int take(const struct ord_cli *cli, struct args *args, int option)
{
    switch (option) {
    case 's':
        return take_set(cli, args, optarg);
    case 'c':
        return pick(cli, args, optarg, NULL);
    case 'm':
        return take_model(cli, args, optarg);
    case 'k':
        args->how.is_keyed = true;
        return 0;
    case 'f':
        return ord_take_format(cli, optarg, &args->how.format);
    case 'b':
        return ord_parse_count(optarg, &args->steps) && args->steps > 0
                   ? 0
                   : ord_usage(cli, "--budget: '%s' is no number of steps",
                               optarg);
    case 'y':
        return ord_parse_count(optarg, &args->memory) && args->memory > 0
                   ? 0
                   : ord_usage(cli, "--memory: '%s' is no number of bytes",
                               optarg);
    case 'j':
        args->is_json = true;
        return 0;
    case 'p':
        args->proof = optarg;
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
        {"checker", required_argument, NULL, 'c'},
        {"model", required_argument, NULL, 'm'},
        {"keyed", no_argument, NULL, 'k'},
        {"format", required_argument, NULL, 'f'},
        {"set", required_argument, NULL, 's'},
        {"budget", required_argument, NULL, 'b'},
        {"memory", required_argument, NULL, 'y'},
        {"json", no_argument, NULL, 'j'},
        {"proof", required_argument, NULL, 'p'},
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
    if (!args->is_help && optind + 1 != cli->argc)
        return ord_usage(cli, "expected one HISTORY");
    return 0;
}

/* ---- which checkers
 * ---------------------------------------------------------- */

/* One member of a check: its name, its model, or one of its options. */
static bool take_member(struct ord_json *in, struct ord_bytes key,
                        struct ord_arena *arena, struct picked *found)
{
    struct ord_bytes value = {0};
    const char *text;

    if (!ord_json_string(in, &value))
        return false;
    text = ord_arena_copy(arena, value);
    if (text == NULL)
        return false;
    if (ord_bytes_is(key, "name")) {
        found->checker = ord_checker_find(text);
    } else if (ord_bytes_is(key, "model")) {
        found->model = text;
    } else if (found->option_count < OPTIONS_MAX) {
        struct ord_option *option = &found->options[found->option_count++];

        *option = (struct ord_option){ord_arena_copy(arena, key), text};
        return option->name != NULL;
    }
    return true;
}

/* The recorder wrote "checks":[{"name":..,"model":..,OPTION:..}] into the
 * meta, all of it text. */
static void pick_from_meta(const char *meta, struct ord_arena *arena,
                           struct args *args)
{
    struct ord_json in = {.at = meta, .end = meta + strlen(meta)};
    struct ord_bytes key;
    bool more = ord_json_enter(&in, '{');

    while (more && ord_json_member(&in, &key)) {
        if (!ord_bytes_is(key, "checks")) {
            if (!ord_json_skip(&in))
                return;
            continue;
        }
        if (!ord_json_enter(&in, '['))
            return;
        while (ord_json_element(&in)) {
            struct picked found = {0};

            if (!ord_json_enter(&in, '{'))
                return;
            while (ord_json_member(&in, &key)) {
                if (!take_member(&in, key, arena, &found))
                    return;
            }
            if (!ord_json_left(&in, '}'))
                return;
            if (found.checker != NULL && args->count < PICKED_MAX)
                args->picked[args->count++] = found;
        }
        return;
    }
}

static void pick_by_operations(const struct ord_cli *cli,
                               const struct ord_history *history,
                               struct args *args)
{
    const char *names[ORD_FITTING_MAX];
    uint32_t count = ord_fitting_checkers(history, names);

    for (uint32_t i = 0; i < count; i++)
        (void)pick(cli, args, names[i], NULL);
}

static void choose(const struct ord_cli *cli, const struct ord_history *history,
                   struct ord_arena *arena, struct args *args)
{
    if (args->count == 0 && args->model != NULL)
        (void)pick(cli, args, "linearizable", args->model);
    if (args->count == 0)
        pick_from_meta(ord_history_meta(history), arena, args);
    if (args->count == 0)
        pick_by_operations(cli, history, args);
    for (uint32_t i = 0; i < args->count; i++) {
        struct picked *p = &args->picked[i];

        if (strcmp(p->checker->name, "linearizable") != 0)
            p->model = NULL;
        else if (args->model != NULL)
            p->model = args->model;
    }
}

static void set_option(struct picked *p, const struct ord_option *set)
{
    uint32_t at = 0;

    while (at < p->option_count && strcmp(p->options[at].name, set->name) != 0)
        at++;
    if (at == OPTIONS_MAX)
        return;
    p->options[at] = *set;
    if (at == p->option_count)
        p->option_count++;
}

/* Each --set goes to every chosen checker that knows it; one at least must. */
static int spread_sets(const struct ord_cli *cli, struct args *args)
{
    for (uint32_t i = 0; i < args->set_count; i++) {
        bool is_known = false;

        for (uint32_t k = 0; k < args->count; k++) {
            if (!ord_checker_has_option(args->picked[k].checker,
                                        args->sets[i].name))
                continue;
            set_option(&args->picked[k], &args->sets[i]);
            is_known = true;
        }
        if (!is_known)
            return ord_usage(cli,
                             "--set %s: no checker that was chosen has such an "
                             "option",
                             args->sets[i].name);
    }
    return 0;
}

/* ---- checking
 * ------------------------------------------------------------------ */

static int check_one(const struct ord_check_in *in, const struct picked *p,
                     struct ord_proof_file *proof, struct ord_verdict *verdict,
                     struct ord_err *err)
{
    const struct ord_proof_of of = {.checker = p->checker->name,
                                    .model = p->model,
                                    .options = p->options,
                                    .option_count = p->option_count};

    ord_check_run(p->checker, in, verdict);
    if (!in->wants_proof)
        return ORD_OK;
    return ord_proof_add(proof, &of, verdict, err);
}

static int check_all(const struct ord_history *history, const struct args *args,
                     struct ord_arena *arena, struct ord_proof_file *proof,
                     struct ord_check_result *results, struct ord_err *err)
{
    int rc = ORD_OK;

    for (uint32_t i = 0; i < args->count && rc == ORD_OK; i++) {
        const struct picked *p = &args->picked[i];
        struct ord_verdict *verdict =
            ord_arena_zalloc(arena, 1, sizeof *verdict);
        struct ord_arena scratch;
        const struct ord_check_in in = {
            .history = history,
            .arena = &scratch,
            .steps_max = args->steps,
            .model = p->model,
            .options = p->options,
            .option_count = p->option_count,
            .wants_proof = args->proof != NULL,
        };

        if (verdict == NULL)
            return ord_fail(err, ORD_ENOMEM, "verdicts");
        ord_arena_init(&scratch, args->memory);
        rc = check_one(&in, p, proof, verdict, err);
        if (verdict->is_misused)
            rc = ord_fail(err, ORD_EUSAGE, "%s: %s", p->checker->name,
                          verdict->why);
        if (rc == ORD_OK)
            rc = ord_check_result_set(&results[i], arena, p->checker->name,
                                      p->model != NULL ? p->model
                                                       : verdict->model,
                                      ORD_EXPECT_PASS, verdict, err);
        ord_arena_fini(&scratch);
    }
    return rc;
}

static int check(const struct ord_history *history, const struct args *args,
                 struct ord_arena *arena, struct ord_check_result *results,
                 struct ord_err *err)
{
    struct ord_proof_file proof = {.file = {.fd = -1}};
    int rc = ORD_OK;

    if (args->proof != NULL)
        rc = ord_proof_begin(&proof, args->proof, history, args->how.is_keyed,
                             err);
    if (rc == ORD_OK)
        rc = check_all(history, args, arena, &proof, results, err);
    if (rc == ORD_OK && args->proof != NULL)
        rc = ord_proof_end(&proof, err);
    ord_proof_discard(&proof);
    return rc;
}

/* Only set and set-full were asked for: to them [key value] is an element like
 * any other, as to Jepsen, and their sentences speak of --keyed. */
static bool takes_tuples(const struct args *args)
{
    for (uint32_t i = 0; i < args->count; i++) {
        const struct ord_checker *checker = args->picked[i].checker;

        if (checker != ord_checker_find("set") &&
            checker != ord_checker_find("set-full"))
            return false;
    }
    return args->count > 0;
}

/* Jepsen's independent tuples, unsplit: each read asks for [key nil].  Judged
 * as one register whose values are pairs, a sound history would be accused. */
static int refuse_tuples(const struct ord_history *history,
                         const struct args *args, struct ord_err *err)
{
    int64_t count = ord_history_count(history);
    int64_t tuple_count = 0;
    struct ord_history_facts facts;

    if (takes_tuples(args))
        return ORD_OK;
    /* The first look makes no operation. */
    if (ord_history_facts(history, &facts, err) != ORD_OK)
        return err->rc;
    if (!facts.reads_ask)
        return ORD_OK;
    for (int64_t i = 0; i < count && i < TUPLES_MAX; i++) {
        const struct ord_op *op = ord_history_op(history, i);
        const struct ord_value *value = &op->value;

        if (op->process == ORD_PROCESS_NEMESIS || op->f != ORD_F_READ ||
            op->type != ORD_OP_INVOKE)
            continue;
        if (op->key.kind != ORD_NIL || value->kind != ORD_LIST ||
            value->count != 2 || value->as.items[1].kind != ORD_NIL)
            return ORD_OK;
        tuple_count++;
    }
    if (tuple_count == 0)
        return ORD_OK;
    return ord_fail(err, ORD_EUSAGE,
                    "its reads ask for [key nil], as Jepsen's independent "
                    "tuples do: check it with --keyed");
}

static int print(const struct ord_history *history, const struct args *args,
                 const struct ord_check_result *results)
{
    const struct ord_term term = ord_term_of(STDOUT_FILENO);
    struct ord_buf out;
    int code;

    if (ord_history_torn_size(history) > 0)
        fprintf(stderr,
                "ordeal: the recording was cut: read to its last whole record, "
                "%llu bytes behind it are left out\n",
                (unsigned long long)ord_history_torn_size(history));
    ord_buf_init(&out, OUTPUT_SIZE_MAX);
    if (args->is_json) {
        ord_checks_to_json(results, args->count, &out);
        ord_buf_char(&out, '\n');
    } else {
        ord_explain_checks(results, args->count, history, &term, &out);
    }
    code = ord_say(STDOUT_FILENO, &out);
    ord_buf_fini(&out);
    return code != 0
               ? code
               : ord_cell_verdict_exit(ord_checks_worst(results, args->count));
}

int ord_cmd_check(const struct ord_cli *cli)
{
    struct args args = {
        .steps = 200000000,
        .memory = (uint64_t)MEMORY_PRESET_GIB << 30,
    };
    struct ord_check_result results[PICKED_MAX];
    struct ord_history *history = NULL;
    char path[ORD_PATH_MAX];
    struct ord_arena arena;
    struct ord_err err = {0};
    int code = parse(cli, &args);

    if (code != 0)
        return code;
    if (args.is_help) {
        fputs(help, stdout);
        return 0;
    }
    args.how.size_max = args.memory;
    ord_arena_init(&arena, args.memory);
    if (ord_history_path(cli->argv[optind], path, &err) != ORD_OK ||
        ord_history_open(path, &args.how, &history, &err) != ORD_OK ||
        refuse_tuples(history, &args, &err) != ORD_OK) {
        code = ord_complain(&err);
    } else {
        choose(cli, history, &arena, &args);
        code = spread_sets(cli, &args);
        if (code != 0)
            goto out;
        if (check(history, &args, &arena, results, &err) != ORD_OK)
            code = ord_complain(&err);
        else
            code = print(history, &args, results);
    }
out:
    ord_history_free(&history);
    ord_arena_fini(&arena);
    return code;
}
