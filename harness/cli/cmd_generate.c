/* cmd_generate.c -- `ordeal generate`: synthetic histories, streamed. */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/cli.h"
#include "harness/gen/synth.h"
#include "histories/log.h"

static const char help[] =
    "ordeal generate --workload NAME --ops N -o FILE [option]...\n"
    "Writes a history of N operations of a simulated object, for benchmarks "
    "and tests.\n"
    "  --workload NAME     register cas-register multi-register kv counter "
    "mutex\n"
    "                      owner-mutex fifo-queue unordered-queue stack set "
    "set-full\n"
    "  --clients C         that are always busy (5)\n"
    "  --values unique|K   each written value is another one, or one of K "
    "(unique)\n"
    "  --keys K            objects in use at a time (1)\n"
    "  --ops-per-key M     then a fresh object takes its place\n"
    "  --info SHARE        of operations that crash, such as 0.01 (0)\n"
    "  --idle SHARE        how often a free client waits, such as 0.9 (0)\n"
    "  --bad ERROR         none, or one planted error: stale-read lost "
    "duplicate\n"
    "                      reorder phantom; not every workload has each "
    "(none)\n"
    "  --bad-at PLACE      how far in, 0 to 1 (0.99)\n"
    "  --seed S            (1)\n"
    "  --format own|edn|jsonl   (own; edn and jsonl can go to `-o -`)\n"
    "  -o FILE             must not exist\n";

enum { FLUSH_SIZE = 1 << 16, TEXT_MAX = 1 << 28 };

struct generate {
    struct ord_synth_config config;
    enum ord_history_format format;
    const char *path;
};

/* ---- writing ------------------------------------------------------------- */

static void edn_out(const struct ord_op *op, int64_t index, struct ord_buf *out)
{
    bool is_keyed = op->key.kind != ORD_NIL;

    ord_buf_text(out, "{:index ");
    ord_buf_int(out, index);
    ord_buf_text(out, ", :time ");
    ord_buf_int(out, op->time_ns);
    ord_buf_text(out, ", :type :");
    ord_buf_text(out, ord_op_type_name(op->type));
    ord_buf_text(out, ", :process ");
    ord_buf_int(out, op->process);
    ord_buf_text(out, ", :f :");
    ord_buf_text(out, op->name);
    ord_buf_text(out, is_keyed ? ", :value [" : ", :value ");
    if (is_keyed) {
        ord_value_to_edn(&op->key, out);
        ord_buf_char(out, ' ');
    }
    ord_value_to_edn(&op->value, out);
    ord_buf_text(out, is_keyed ? "]}\n" : "}\n");
}

static void jsonl_out(const struct ord_op *op, int64_t index,
                      struct ord_buf *out)
{
    ord_buf_text(out, "{\"index\":");
    ord_buf_int(out, index);
    ord_buf_text(out, ",\"time\":");
    ord_buf_int(out, op->time_ns);
    ord_buf_text(out, ",\"type\":\"");
    ord_buf_text(out, ord_op_type_name(op->type));
    ord_buf_text(out, "\",\"process\":");
    ord_buf_int(out, op->process);
    ord_buf_text(out, ",\"f\":\"");
    ord_buf_text(out, op->name);
    ord_buf_char(out, '"');
    if (op->key.kind != ORD_NIL) {
        ord_buf_text(out, ",\"key\":");
        ord_value_to_json(&op->key, out);
    }
    ord_buf_text(out, ",\"value\":");
    ord_value_to_json(&op->value, out);
    ord_buf_text(out, "}\n");
}

static int write_text(struct ord_synth *synth, enum ord_history_format format,
                      int fd, struct ord_err *err)
{
    struct ord_buf out;
    struct ord_op op;
    int64_t index = 0;
    int rc;

    ord_buf_init(&out, TEXT_MAX);
    while ((rc = ord_synth_next(synth, &op, err)) == ORD_OK) {
        if (format == ORD_FORMAT_EDN)
            edn_out(&op, index++, &out);
        else
            jsonl_out(&op, index++, &out);
        if (out.failed)
            rc = ord_fail(err, ORD_ENOMEM, "writing event %" PRId64, index);
        else if (out.size >= FLUSH_SIZE) {
            rc = ord_write_all(fd, ord_buf_bytes(&out), err);
            ord_buf_clear(&out);
        }
        if (rc != ORD_OK)
            break;
    }
    if (rc == ORD_ENOTFOUND)
        rc = ord_write_all(fd, ord_buf_bytes(&out), err);
    ord_buf_fini(&out);
    return rc;
}

static int write_own(struct ord_synth *synth, const char *path,
                     struct ord_err *err)
{
    struct ord_log *log = NULL;
    struct ord_err ignored = {0};
    struct ord_op op;
    int rc = ord_log_create(path, "{\"nodes\":[],\"start_ns\":0}", &log, err);

    if (rc != ORD_OK)
        return rc;
    while ((rc = ord_synth_next(synth, &op, err)) == ORD_OK) {
        rc = ord_log_append(log, &op, ORD_NONE, ORD_NONE, err);
        if (rc != ORD_OK)
            break;
    }
    if (rc == ORD_ENOTFOUND)
        return ord_log_close(&log, err);
    (void)ord_log_close(&log, &ignored);
    return rc;
}

static int generate(const struct generate *g, struct ord_err *err)
{
    bool is_stdout = strcmp(g->path, "-") == 0;
    struct ord_synth *synth = NULL;
    int fd = STDOUT_FILENO;
    int rc = ord_synth_new(&g->config, &synth, err);

    if (rc == ORD_OK && g->format == ORD_FORMAT_OWN) {
        rc = write_own(synth, g->path, err);
    } else if (rc == ORD_OK) {
        if (!is_stdout)
            fd = open(g->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        rc = fd < 0 ? ord_fail_errno(err, "create %s", g->path)
                    : write_text(synth, g->format, fd, err);
        if (!is_stdout && fd >= 0 && close(fd) != 0 && rc == ORD_OK)
            rc = ord_fail_errno(err, "write %s", g->path);
    }
    if (rc == ORD_OK && g->config.bad != ORD_SYNTH_VALID &&
        !ord_synth_is_planted(synth)) {
        rc = ord_fail(err, ORD_EUSAGE,
                      "a history of %" PRIu64 " operations is too short for "
                      "the error %s: say more --ops",
                      g->config.ops, ord_synth_bad_name(g->config.bad));
        if (!is_stdout)
            (void)unlink(g->path); /* it is not what was asked for */
    }
    ord_synth_free(&synth);
    return rc;
}

/* ---- options ------------------------------------------------------------- */

static bool parse_share(const char *text, double *out)
{
    char *rest = NULL;

    *out = strtod(text, &rest);
    return rest != text && *rest == '\0' && *out >= 0 && *out <= 1;
}

static bool parse_u32(const char *text, uint32_t *out)
{
    uint64_t number;

    if (!ord_parse_count(text, &number) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool parse_format(const char *text, enum ord_history_format *out)
{
    if (strcmp(text, "own") == 0)
        *out = ORD_FORMAT_OWN;
    else if (strcmp(text, "edn") == 0)
        *out = ORD_FORMAT_EDN;
    else if (strcmp(text, "jsonl") == 0)
        *out = ORD_FORMAT_JSONL;
    else
        return false;
    return true;
}

static bool take(struct generate *g, int option, const char *text)
{
    struct ord_synth_config *config = &g->config;

    switch (option) {
    case 'w':
        config->workload = text;
        return ord_synth_model(text) != NULL;
    case 'n':
        return ord_parse_count(text, &config->ops);
    case 'c':
        return parse_u32(text, &config->clients);
    case 'v':
        config->values = 0;
        return strcmp(text, "unique") == 0 ||
               (parse_u32(text, &config->values) && config->values > 0);
    case 'k':
        return parse_u32(text, &config->keys);
    case 'm':
        return ord_parse_count(text, &config->ops_per_key);
    case 'i':
        return parse_share(text, &config->info_share);
    case 'd':
        return parse_share(text, &config->idle_share);
    case 'b':
        return ord_synth_bad_of(text, &config->bad);
    case 'a':
        return parse_share(text, &config->bad_at);
    case 's':
        return ord_parse_count(text, &config->seed);
    case 'f':
        return parse_format(text, &g->format);
    default:
        g->path = text;
        return true;
    }
}

int ord_cmd_generate(const struct ord_cli *cli)
{
    static const struct option options[] = {
        {"workload", required_argument, NULL, 'w'},
        {"ops", required_argument, NULL, 'n'},
        {"clients", required_argument, NULL, 'c'},
        {"values", required_argument, NULL, 'v'},
        {"keys", required_argument, NULL, 'k'},
        {"ops-per-key", required_argument, NULL, 'm'},
        {"info", required_argument, NULL, 'i'},
        {"idle", required_argument, NULL, 'd'},
        {"bad", required_argument, NULL, 'b'},
        {"bad-at", required_argument, NULL, 'a'},
        {"seed", required_argument, NULL, 's'},
        {"format", required_argument, NULL, 'f'},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct generate g = {
        .config = {.clients = 5, .keys = 1, .bad_at = 0.99, .seed = 1},
        .format = ORD_FORMAT_OWN,
    };
    struct ord_err err = {0};
    int option;

    while ((option = getopt_long(cli->argc, cli->argv, "o:", options, NULL)) !=
           -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option == '?')
            return ord_usage(cli, "bad arguments");
        if (!take(&g, option, optarg))
            return ord_usage(cli, "what is '%s'?", optarg);
    }
    if (optind != cli->argc || g.config.workload == NULL || g.path == NULL ||
        g.config.ops == 0)
        return ord_usage(cli, "expected --workload, --ops and -o");
    return generate(&g, &err) == ORD_OK ? 0 : ord_complain(&err);
}
