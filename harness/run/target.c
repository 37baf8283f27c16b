#include "harness/run/target.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/run/yaml.h"

enum { ARGV_MAX = 256, ARG_SIZE_MAX = 1 << 16 };

const char *ord_target_ip(struct ord_arena *arena, uint32_t node)
{
    ORD_ASSERT(node <= 64);
    return ord_arena_printf(arena, "10.77.0.%u", node == 0 ? 1 : 10 + node);
}

const struct ord_setting_spec *
ord_target_setting(const struct ord_target *target, const char *name)
{
    for (uint32_t i = 0; i < target->setting_count; i++) {
        if (strcmp(target->settings[i].name, name) == 0)
            return &target->settings[i];
    }
    return NULL;
}

const char *const *ord_target_command(const struct ord_target *target,
                                      const char *what)
{
    if (strcmp(what, "ready") == 0)
        return target->ready;
    if (strcmp(what, "settled") == 0)
        return target->settled;
    if (strcmp(what, "primary") == 0)
        return target->primary;
    return strcmp(what, "promote") == 0 ? target->promote : NULL;
}

/* ---- reading target.yaml ------------------------------------------------ */

static int read_setting(const struct ord_yaml *from, const char *name,
                        struct ord_arena *arena, struct ord_setting_spec *to,
                        struct ord_err *err)
{
    const struct ord_yaml *values = NULL;
    const char *whom = "node";
    const struct ord_yaml_field fields[] = {
        {"default", ORD_YAML_TEXT, &to->preset, 0, 0, false},
        {"about", ORD_YAML_TEXT, &to->about, 0, 0, false},
        {"values", ORD_YAML_STRINGS, &values, 0, 0, false},
        {"to", ORD_YAML_TEXT, &whom, 0, 0, false},
        {0},
    };
    int rc;

    to->name = name;
    to->preset = "";
    rc = ord_yaml_read(from, fields, err);
    if (rc == ORD_OK && values != NULL)
        rc = ord_yaml_argv(values, arena, &to->values, err);
    if (rc != ORD_OK)
        return rc;
    to->is_for_client = strcmp(whom, "client") == 0;
    if (!to->is_for_client && strcmp(whom, "node") != 0)
        return ord_yaml_fail(from, err, "'to' is node or client, not '%s'",
                             whom);
    return ORD_OK;
}

static int read_settings(const struct ord_yaml *from, struct ord_arena *arena,
                         struct ord_target *to, struct ord_err *err)
{
    struct ord_setting_spec *specs;

    if (from == NULL)
        return ORD_OK;
    specs = ord_arena_zalloc(arena, from->count, sizeof *specs);
    if (specs == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s", from->path);
    for (uint32_t i = 0; i < from->count; i++) {
        int rc =
            read_setting(&from->items[i], from->keys[i], arena, &specs[i], err);
        if (rc != ORD_OK)
            return rc;
    }
    to->settings = specs;
    to->setting_count = from->count;
    return ORD_OK;
}

static int read_env(const struct ord_yaml *from, struct ord_arena *arena,
                    struct ord_target *to, struct ord_err *err)
{
    const char **env;

    if (from == NULL)
        return ORD_OK;
    env = ord_arena_zalloc(arena, (size_t)from->count + 1, sizeof *env);
    for (uint32_t i = 0; env != NULL && i < from->count; i++) {
        if (from->items[i].kind != ORD_YAML_SCALAR)
            return ord_yaml_fail(&from->items[i], err, "expected plain text");
        env[i] = ord_arena_printf(arena, "%s=%s", from->keys[i],
                                  from->items[i].text);
    }
    to->env = env;
    return env != NULL ? ORD_OK : ord_fail(err, ORD_ENOMEM, "%s", from->path);
}

/* name: value, and as many more as there are. */
static int read_fixed(const struct ord_yaml *from, struct ord_arena *arena,
                      struct ord_target *to, struct ord_err *err)
{
    struct ord_setting *fixed;

    if (from == NULL)
        return ORD_OK;
    fixed = ord_arena_zalloc(arena, from->count, sizeof *fixed);
    if (fixed == NULL)
        return ord_fail(err, ORD_ENOMEM, "%s", from->path);
    for (uint32_t i = 0; i < from->count; i++) {
        if (from->items[i].kind != ORD_YAML_SCALAR)
            return ord_yaml_fail(&from->items[i], err, "expected plain text");
        fixed[i] = (struct ord_setting){from->keys[i], from->items[i].text};
    }
    to->fixed = fixed;
    to->fixed_count = from->count;
    return ORD_OK;
}

static int argv_or_null(const struct ord_yaml *from, struct ord_arena *arena,
                        const char *const **to, struct ord_err *err)
{
    return from == NULL ? ORD_OK : ord_yaml_argv(from, arena, to, err);
}

/* A signal's name, or a command. */
static int read_stop(const struct ord_yaml *from, struct ord_arena *arena,
                     struct ord_target *to, struct ord_err *err)
{
    const char *name = from->text;

    if (from->kind != ORD_YAML_SCALAR)
        return ord_yaml_argv(from, arena, &to->stop_argv, err);
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < SIGRTMIN; i++) {
        const char *known = sigabbrev_np(i);

        if (known == NULL || strcmp(known, name) != 0)
            continue;
        to->stop_signal = i;
        return ORD_OK;
    }
    return ord_yaml_fail(from, err,
                         "stop: expected a signal, as TERM or INT, or a "
                         "command as a list, not '%s'",
                         from->text);
}

static int read_membership(const struct ord_yaml *from, struct ord_arena *arena,
                           struct ord_target *to, struct ord_err *err)
{
    const struct ord_yaml *members = NULL;
    const struct ord_yaml *join = NULL;
    const struct ord_yaml *leave = NULL;
    const struct ord_yaml *start = NULL;
    const struct ord_yaml *fixed = NULL;
    const struct ord_yaml_field fields[] = {
        {"members", ORD_YAML_STRINGS, &members, 0, 0, true},
        {"join", ORD_YAML_STRINGS, &join, 0, 0, true},
        {"leave", ORD_YAML_STRINGS, &leave, 0, 0, true},
        {"start", ORD_YAML_STRINGS, &start, 0, 0, false},
        {"unless", ORD_YAML_MAPPING, &fixed, 0, 0, false},
        {0},
    };
    int rc = from == NULL ? ORD_OK : ord_yaml_read(from, fields, err);

    if (from == NULL || rc != ORD_OK)
        return rc;
    rc = ord_yaml_argv(members, arena, &to->members, err);
    if (rc == ORD_OK)
        rc = ord_yaml_argv(join, arena, &to->join, err);
    if (rc == ORD_OK)
        rc = ord_yaml_argv(leave, arena, &to->leave, err);
    if (rc == ORD_OK)
        rc = argv_or_null(start, arena, &to->start_joined, err);
    return rc == ORD_OK ? read_fixed(fixed, arena, to, err) : rc;
}

static int read_node(const struct ord_yaml *from, struct ord_arena *arena,
                     struct ord_target *to, struct ord_err *err)
{
    const struct ord_yaml *start = NULL;
    const struct ord_yaml *ready = NULL;
    const struct ord_yaml *settled = NULL;
    const struct ord_yaml *primary = NULL;
    const struct ord_yaml *promote = NULL;
    const struct ord_yaml *env = NULL;
    const struct ord_yaml *logs = NULL;
    const struct ord_yaml *stop = NULL;
    const struct ord_yaml_field fields[] = {
        {"start", ORD_YAML_STRINGS, &start, 0, 0, true},
        {"peer", ORD_YAML_TEXT, &to->peer, 0, 0, false},
        {"stop", ORD_YAML_NODE, &stop, 0, 0, false},
        {"grace", ORD_YAML_DURATION, &to->grace_ns, 0, 60 * ORD_S, false},
        {"ready", ORD_YAML_STRINGS, &ready, 0, 0, false},
        {"ready_within", ORD_YAML_DURATION, &to->ready_within_ns, ORD_MS,
         600 * ORD_S, false},
        {"settled", ORD_YAML_STRINGS, &settled, 0, 0, false},
        {"primary", ORD_YAML_STRINGS, &primary, 0, 0, false},
        {"promote", ORD_YAML_STRINGS, &promote, 0, 0, false},
        {"logs", ORD_YAML_STRINGS, &logs, 0, 0, false},
        {"env", ORD_YAML_MAPPING, &env, 0, 0, false},
        {0},
    };
    int rc = ord_yaml_read(from, fields, err);

    if (rc == ORD_OK)
        rc = ord_yaml_argv(start, arena, &to->start, err);
    if (rc == ORD_OK)
        rc = argv_or_null(ready, arena, &to->ready, err);
    if (rc == ORD_OK)
        rc = argv_or_null(settled, arena, &to->settled, err);
    if (rc == ORD_OK)
        rc = argv_or_null(primary, arena, &to->primary, err);
    if (rc == ORD_OK)
        rc = argv_or_null(promote, arena, &to->promote, err);
    if (rc == ORD_OK)
        rc = argv_or_null(logs, arena, &to->logs, err);
    if (rc == ORD_OK && stop != NULL)
        rc = read_stop(stop, arena, to, err);
    return rc == ORD_OK ? read_env(env, arena, to, err) : rc;
}

static int read_target(const struct ord_yaml *root, struct ord_arena *arena,
                       struct ord_target *to, struct ord_err *err)
{
    const struct ord_yaml *node = NULL;
    const struct ord_yaml *client = NULL;
    const struct ord_yaml *needs = NULL;
    const struct ord_yaml *workloads = NULL;
    const struct ord_yaml *settings = NULL;
    const struct ord_yaml *membership = NULL;
    uint64_t version = 0;
    const struct ord_yaml_field fields[] = {
        {"ordeal", ORD_YAML_COUNT, &version, 1, 1, true},
        {"name", ORD_YAML_TEXT, &to->name, 0, 0, true},
        {"about", ORD_YAML_TEXT, &to->about, 0, 0, false},
        {"needs", ORD_YAML_STRINGS, &needs, 0, 0, false},
        {"node", ORD_YAML_MAPPING, &node, 0, 0, true},
        {"client", ORD_YAML_STRINGS, &client, 0, 0, true},
        {"timeout", ORD_YAML_DURATION, &to->timeout_ns, ORD_MS, 600 * ORD_S,
         false},
        {"workloads", ORD_YAML_STRINGS, &workloads, 0, 0, true},
        {"settings", ORD_YAML_MAPPING, &settings, 0, 0, false},
        {"membership", ORD_YAML_MAPPING, &membership, 0, 0, false},
        {0},
    };
    int rc = ord_yaml_read(root, fields, err);

    if (rc == ORD_OK)
        rc = ord_yaml_argv(client, arena, &to->client, err);
    if (rc == ORD_OK)
        rc = argv_or_null(needs, arena, &to->needs, err);
    if (rc == ORD_OK)
        rc = ord_yaml_argv(workloads, arena, &to->workloads, err);
    if (rc == ORD_OK)
        rc = read_node(node, arena, to, err);
    if (rc == ORD_OK)
        rc = read_membership(membership, arena, to, err);
    return rc == ORD_OK ? read_settings(settings, arena, to, err) : rc;
}

/* Fills in a command line for a node that might be, so that a bad placeholder
 * is found before anything runs. */
static int try_argv(const struct ord_yaml *at, const struct ord_target *target,
                    const char *const *argv, const char *data,
                    struct ord_arena *arena, struct ord_err *err)
{
    const struct ord_template in = {
        .target = target,
        .node = 1,
        .count = 1,
        .via = argv != NULL && (argv == target->members ||
                                argv == target->join || argv == target->leave),
        .data = data};
    const char *const *ignored = NULL;
    struct ord_err why = {0};

    if (argv == NULL)
        return ORD_OK;
    if (argv[0][0] == '\0')
        return ord_yaml_fail(at, err, "the program's name is empty");
    if (ord_template_argv(&in, argv, arena, &ignored, &why) != ORD_OK)
        return ord_yaml_fail(at, err, "%s", why.text);
    return ORD_OK;
}

static int try_membership(const struct ord_yaml *at, struct ord_arena *arena,
                          const struct ord_target *target, struct ord_err *err)
{
    int rc = try_argv(ord_yaml_get(at, "start"), target, target->start_joined,
                      "data", arena, err);

    if (rc == ORD_OK)
        rc = try_argv(ord_yaml_get(at, "members"), target, target->members,
                      NULL, arena, err);
    if (rc == ORD_OK)
        rc = try_argv(ord_yaml_get(at, "join"), target, target->join, NULL,
                      arena, err);
    return rc == ORD_OK ? try_argv(ord_yaml_get(at, "leave"), target,
                                   target->leave, NULL, arena, err)
                        : rc;
}

static int try_templates(const struct ord_yaml *root, struct ord_arena *arena,
                         const struct ord_target *target, struct ord_err *err)
{
    const struct ord_yaml *node = ord_yaml_get(root, "node");
    const struct {
        const char *key;
        const char *const *argv;
        const char *data; /* what {data} may stand for; NULL: nothing */
    } rows[] = {
        {"start", target->start, "data"},    {"ready", target->ready, NULL},
        {"settled", target->settled, NULL},  {"logs", target->logs, "data"},
        {"stop", target->stop_argv, "data"}, {"primary", target->primary, NULL},
        {"promote", target->promote, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (try_argv(ord_yaml_get(node, rows[i].key), target, rows[i].argv,
                     rows[i].data, arena, err) != ORD_OK)
            return err->rc;
    }
    if (target->members != NULL &&
        try_membership(ord_yaml_get(root, "membership"), arena, target, err) !=
            ORD_OK)
        return err->rc;
    return try_argv(ord_yaml_get(root, "client"), target, target->client, NULL,
                    arena, err);
}

static int find_folder(const char *name_or_dir, const char *from_dir,
                       const char *targets_dir, char path[ORD_PATH_MAX],
                       struct ord_err *err)
{
    bool is_path = strchr(name_or_dir, '/') != NULL || name_or_dir[0] == '.';
    const char *base = is_path ? from_dir : targets_dir;
    char file[ORD_PATH_MAX];
    int rc;

    if (name_or_dir[0] == '/')
        rc = snprintf(path, ORD_PATH_MAX, "%s", name_or_dir) < ORD_PATH_MAX
                 ? ORD_OK
                 : ord_fail(err, ORD_ELIMIT, "target path too long");
    else
        rc = ord_path_join(path, base, name_or_dir, err);
    if (rc == ORD_OK)
        rc = ord_path_join(file, path, "target.yaml", err);
    if (rc != ORD_OK)
        return rc;
    if (access(file, R_OK) != 0)
        return ord_fail(err, ORD_ENOTFOUND,
                        "target '%s': there is no readable %s (see `ordeal "
                        "list targets`)",
                        name_or_dir, file);
    /* Nodes and clients run elsewhere: {target} has to be good there, too. */
    if (realpath(path, file) == NULL)
        return ord_fail_errno(err, "target '%s': %s", name_or_dir, path);
    memcpy(path, file, strlen(file) + 1);
    return ORD_OK;
}

int ord_target_load(const char *name_or_dir, const char *from_dir,
                    const char *targets_dir, const char *bin_dir,
                    struct ord_arena *arena, const struct ord_target **out,
                    struct ord_err *err)
{
    struct ord_target *to = ord_arena_zalloc(arena, 1, sizeof *to);
    const struct ord_yaml *root = NULL;
    char dir[ORD_PATH_MAX];
    char file[ORD_PATH_MAX];
    int rc = find_folder(name_or_dir, from_dir, targets_dir, dir, err);

    if (rc == ORD_OK)
        rc = ord_path_join(file, dir, "target.yaml", err);
    if (rc == ORD_OK)
        rc = ord_yaml_load(file, arena, &root, err);
    if (rc != ORD_OK)
        return rc;
    if (to == NULL)
        return ord_fail(err, ORD_ENOMEM, "target %s", name_or_dir);
    *to = (struct ord_target){
        .peer = "{node}={ip}",
        .stop_signal = SIGTERM,
        .about = "",
        .grace_ns = 2 * ORD_S,
        .ready_within_ns = 10 * ORD_S,
        .timeout_ns = ORD_S,
        .dir = ord_arena_strdup(arena, dir),
        .bin = ord_arena_strdup(arena, bin_dir),
    };
    if (to->dir == NULL || to->bin == NULL)
        return ord_fail(err, ORD_ENOMEM, "target %s", name_or_dir);
    rc = read_target(root, arena, to, err);
    if (rc == ORD_OK)
        rc = try_templates(root, arena, to, err);
    *out = to;
    return rc;
}

/* ---- templates ---------------------------------------------------------- */

static void expand(const struct ord_template *in, const char *text,
                   struct ord_buf *out, bool *is_known);

static void put_peers(const struct ord_template *in, uint64_t nodes,
                      struct ord_buf *out, bool *is_known)
{
    const char *comma = "";

    for (uint32_t i = 1; i <= 64; i++) {
        struct ord_template peer = *in;

        if ((nodes >> (i - 1) & 1) == 0)
            continue;
        peer.node = i;
        ord_buf_text(out, comma);
        comma = ",";
        if (strstr(in->target->peer, "{peers}") != NULL ||
            strstr(in->target->peer, "{members}") != NULL)
            *is_known = false; /* would have no end */
        else
            expand(&peer, in->target->peer, out, is_known);
    }
}

static uint64_t founders(const struct ord_template *in)
{
    return in->count >= 64 ? UINT64_MAX : (UINT64_C(1) << in->count) - 1;
}

static void put_placeholder(const struct ord_template *in,
                            struct ord_bytes name, struct ord_buf *out,
                            bool *is_known)
{
    if (ord_bytes_is(name, "bin"))
        ord_buf_text(out, in->target->bin);
    else if (ord_bytes_is(name, "target"))
        ord_buf_text(out, in->target->dir);
    else if (ord_bytes_is(name, "node"))
        ord_buf_printf(out, "n%u", in->node);
    else if (ord_bytes_is(name, "index"))
        ord_buf_printf(out, "%u", in->node);
    else if (ord_bytes_is(name, "count"))
        ord_buf_printf(out, "%u", in->count);
    else if (ord_bytes_is(name, "ip"))
        ord_buf_printf(out, "10.77.0.%u", in->node == 0 ? 1 : 10 + in->node);
    else if (ord_bytes_is(name, "seed"))
        ord_buf_printf(out, "%llu", (unsigned long long)in->seed);
    else if (ord_bytes_is(name, "data") && in->data != NULL)
        ord_buf_text(out, in->data);
    else if (ord_bytes_is(name, "peers"))
        put_peers(in, founders(in), out, is_known);
    else if (ord_bytes_is(name, "members"))
        put_peers(in, in->members != 0 ? in->members : founders(in), out,
                  is_known);
    else if (ord_bytes_is(name, "via") && in->via != 0)
        ord_buf_printf(out, "10.77.0.%u", 10 + in->via);
    else
        *is_known = false;
}

static void expand(const struct ord_template *in, const char *text,
                   struct ord_buf *out, bool *is_known)
{
    while (*text != '\0') {
        const char *close = *text == '{' ? strchr(text, '}') : NULL;

        if (close == NULL) {
            ord_buf_char(out, *text++);
            continue;
        }
        put_placeholder(
            in, (struct ord_bytes){text + 1, (size_t)(close - text - 1)}, out,
            is_known);
        text = close + 1;
    }
}

static int put_settings(const struct ord_template *in, struct ord_arena *arena,
                        const char **out, uint32_t *used, struct ord_err *err)
{
    for (uint32_t i = 0; i < in->setting_count; i++) {
        const struct ord_setting_spec *spec =
            ord_target_setting(in->target, in->settings[i].name);

        ORD_ASSERT(spec != NULL);
        if (spec->is_for_client || in->settings[i].value[0] == '\0')
            continue;
        if (*used == ARGV_MAX)
            return ord_fail(err, ORD_EUSAGE, "over %d arguments", ARGV_MAX);
        out[*used] = ord_arena_printf(arena, "--%s=%s", spec->name,
                                      in->settings[i].value);
        if (out[(*used)++] == NULL)
            return ord_fail(err, ORD_ENOMEM, "command line");
    }
    return ORD_OK;
}

static int put_argument(const struct ord_template *in, const char *argument,
                        struct ord_arena *arena, const char **out,
                        struct ord_err *err)
{
    struct ord_buf text;
    bool is_known = true;
    int rc = ORD_OK;

    ord_buf_init(&text, ARG_SIZE_MAX);
    expand(in, argument, &text, &is_known);
    if (!is_known)
        rc = ord_fail(err, ORD_EUSAGE,
                      "'%s' has a placeholder that means nothing here "
                      "(targets/README.md has them all)",
                      argument);
    else if (text.failed)
        rc = ord_fail(err, ORD_EUSAGE, "'%.64s' is over %d bytes long",
                      argument, ARG_SIZE_MAX);
    else
        *out = ord_arena_copy(arena, ord_buf_bytes(&text));
    if (rc == ORD_OK && *out == NULL)
        rc = ord_fail(err, ORD_ENOMEM, "command line");
    ord_buf_fini(&text);
    return rc;
}

int ord_template_argv(const struct ord_template *in, const char *const *argv,
                      struct ord_arena *arena, const char *const **out,
                      struct ord_err *err)
{
    const char **to = ord_arena_zalloc(arena, ARGV_MAX + 1, sizeof *to);
    uint32_t used = 0;
    int rc = ORD_OK;

    if (to == NULL)
        return ord_fail(err, ORD_ENOMEM, "command line");
    for (uint32_t i = 0; argv[i] != NULL && rc == ORD_OK; i++) {
        if (used == ARGV_MAX)
            rc = ord_fail(err, ORD_EUSAGE, "over %d arguments", ARGV_MAX);
        else if (strcmp(argv[i], "{settings}") == 0)
            rc = put_settings(in, arena, to, &used, err);
        else
            rc = put_argument(in, argv[i], arena, &to[used++], err);
    }
    if (rc != ORD_OK)
        return ord_wrap(err, "target %s", in->target->name);
    *out = to;
    return ORD_OK;
}

static bool is_program(const char *dir, size_t dir_size, const char *name)
{
    char path[ORD_PATH_MAX];

    return snprintf(path, sizeof path, "%.*s/%s", (int)dir_size, dir, name) <
               (int)sizeof path &&
           access(path, X_OK) == 0;
}

static bool is_in_path(const char *name)
{
    const char *path = getenv("PATH");

    while (path != NULL && *path != '\0') {
        size_t size = strcspn(path, ":");

        if (is_program(path, size, name))
            return true;
        path += size + (path[size] == ':' ? 1 : 0);
    }
    return false;
}

/* Is there a file of this path, in which '*' stands for anything? */
static bool is_there(const char *path)
{
    glob_t found = {0};
    bool is_found = false;

    if (glob(path, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && !is_found; i++)
            is_found = access(found.gl_pathv[i], R_OK) == 0;
    }
    globfree(&found);
    return is_found;
}

const char *ord_target_missing(const struct ord_target *target)
{
    for (uint32_t i = 0; target->needs != NULL && target->needs[i] != NULL;
         i++) {
        const char *name = target->needs[i];

        if (strchr(name, '/') != NULL
                ? !is_there(name)
                : !is_in_path(name) &&
                      !is_program(target->bin, strlen(target->bin), name))
            return name;
    }
    return NULL;
}
