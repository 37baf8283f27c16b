#include "targets/refdb/config.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "harness/base/clock.h"
#include "targets/refdb/cmd.h"

enum { CHOICES_MAX = 13, CHOICE_SIZE = 28 };

enum kind { KIND_CHOICE, KIND_DURATION, KIND_NUMBER, KIND_TEXT };

enum which {
    SET_ID,
    SET_IP,
    SET_PEERS,
    SET_DATA,
    SET_CLIENT_PORT,
    SET_PEER_PORT,
    SET_REPLICATION,
    SET_ACK,
    SET_LOG,
    SET_FAILOVER,
    SET_TIMEOUT,
    SET_CANDIDATE,
    SET_FENCING,
    SET_STONITH,
    SET_CONTROLLER,
    SET_SEMI_SYNC_TIMEOUT,
    SET_SNAPSHOT_AFTER,
    SET_REQUEST_TIMEOUT,
    SET_JOIN,
    SET_FSYNC,
    SET_MUTANT,
    SET_SEED,
    SET_COUNT,
};

struct spec {
    char name[20];
    enum kind kind;
    int64_t low; /* of a number, or of a duration in ms */
    int64_t high;
    char choice[CHOICES_MAX][CHOICE_SIZE];
};

static const struct spec specs[SET_COUNT] = {
    [SET_ID] = {"id", KIND_NUMBER, 1, RD_NODE_MAX, {""}},
    [SET_IP] = {"ip", KIND_TEXT, 0, 0, {""}},
    [SET_PEERS] = {"peers", KIND_TEXT, 0, 0, {""}},
    [SET_DATA] = {"data", KIND_TEXT, 0, 0, {""}},
    [SET_CLIENT_PORT] = {"client-port", KIND_NUMBER, 1, UINT16_MAX, {""}},
    [SET_PEER_PORT] = {"peer-port", KIND_NUMBER, 1, UINT16_MAX, {""}},
    [SET_REPLICATION] = {"replication", KIND_CHOICE, 0, 0, {"single-leader"}},
    [SET_ACK] =
        {"ack", KIND_CHOICE, 0, 0, {"async", "semi-sync", "sync", "quorum"}},
    [SET_LOG] = {"log", KIND_CHOICE, 0, 0, {"row"}},
    [SET_FAILOVER] =
        {"failover", KIND_CHOICE, 0, 0, {"manual", "controller", "election"}},
    [SET_TIMEOUT] = {"timeout", KIND_DURATION, 20, 60000, {""}},
    [SET_CANDIDATE] =
        {"candidate", KIND_CHOICE, 0, 0, {"most-up-to-date", "any"}},
    [SET_FENCING] = {"fencing", KIND_CHOICE, 0, 0, {"off", "on"}},
    [SET_STONITH] = {"stonith", KIND_CHOICE, 0, 0, {"off", "one", "both"}},
    [SET_CONTROLLER] = {"controller", KIND_NUMBER, 0, RD_NODE_MAX, {""}},
    [SET_SEMI_SYNC_TIMEOUT] =
        {"semi-sync-timeout", KIND_DURATION, 10, 60000, {""}},
    [SET_SNAPSHOT_AFTER] = {"snapshot-after", KIND_NUMBER, 1, 1000000, {""}},
    [SET_REQUEST_TIMEOUT] = {"request-timeout", KIND_DURATION, 10, 60000, {""}},
    [SET_JOIN] = {"join", KIND_CHOICE, 0, 0, {"off", "on"}},
    [SET_FSYNC] = {"fsync", KIND_CHOICE, 0, 0, {"off", "on"}},
    [SET_MUTANT] = {"mutant",
                    KIND_CHOICE,
                    0,
                    0,
                    {"none", "no-fsync-ack", "stale-leader-read",
                     "commit-minority", "forget-vote", "no-log-check",
                     "apply-twice", "member-no-commit-own-term",
                     "member-two-at-once", "member-counts-at-once",
                     "member-by-name", "removed-disrupts", "wall-lease"}},
    [SET_SEED] = {"seed", KIND_NUMBER, 0, INT64_MAX, {""}},
};

static int parse_choice(const struct spec *spec, struct ord_bytes text,
                        int64_t *value, struct ord_err *err)
{
    struct ord_buf names;
    int rc;

    for (int i = 0; i < CHOICES_MAX && spec->choice[i][0] != '\0'; i++)
        if (ord_bytes_is(text, spec->choice[i])) {
            *value = i;
            return ORD_OK;
        }
    ord_buf_init(&names, 512);
    for (int i = 0; i < CHOICES_MAX && spec->choice[i][0] != '\0'; i++)
        ord_buf_printf(&names, "%s%s", i == 0 ? "" : ", ", spec->choice[i]);
    rc = ord_fail(err, ORD_EUSAGE, "--%s=%.*s: expected one of %s", spec->name,
                  (int)text.size, text.at, ord_buf_str(&names));
    ord_buf_fini(&names);
    return rc;
}

static int parse_value(const struct spec *spec, struct ord_bytes text,
                       int64_t *value, struct ord_err *err)
{
    if (spec->kind == KIND_CHOICE)
        return parse_choice(spec, text, value, err);
    if (spec->kind == KIND_DURATION) {
        if (ord_duration_parse(text, value, err) != ORD_OK)
            return ord_wrap(err, "--%s=%.*s", spec->name, (int)text.size,
                            text.at);
        if (*value < spec->low * ORD_MS || *value > spec->high * ORD_MS)
            return ord_fail(
                err, ORD_EUSAGE,
                "--%s=%.*s: expected %" PRId64 "ms to %" PRId64 "ms",
                spec->name, (int)text.size, text.at, spec->low, spec->high);
        return ORD_OK;
    }
    if (!rd_parse_int(text, value) || *value < spec->low || *value > spec->high)
        return ord_fail(
            err, ORD_EUSAGE,
            "--%s=%.*s: expected a number from %" PRId64 " to %" PRId64,
            spec->name, (int)text.size, text.at, spec->low, spec->high);
    return ORD_OK;
}

static bool copy_ip(char out[RD_IP_SIZE], struct ord_bytes text)
{
    struct in_addr ip;

    if (text.size >= RD_IP_SIZE)
        return false;
    memcpy(out, text.at, text.size);
    out[text.size] = '\0';
    return inet_pton(AF_INET, out, &ip) == 1;
}

/* "1=10.77.0.11,2=10.77.0.12" */
static int parse_peers(struct rd_config *config, struct ord_bytes text,
                       struct ord_err *err)
{
    const char *end = text.at + text.size;

    for (const char *at = text.at; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        int64_t id = 0;
        struct ord_bytes name = {.at = at};
        struct ord_bytes ip = {.at = equals};

        if (equals != NULL) {
            name.size = (size_t)(equals - at);
            ip = (struct ord_bytes){.at = equals + 1,
                                    .size = (size_t)(stop - equals - 1)};
        }
        if (equals == NULL || !rd_parse_int(name, &id) || id < 1 ||
            id > RD_NODE_MAX || config->peer_ip[id][0] != '\0' ||
            !copy_ip(config->peer_ip[id], ip))
            return ord_fail(err, ORD_EUSAGE,
                            "--peers: expected ID=IPV4,... each id once, not "
                            "'%.*s'",
                            (int)(stop - at), at);
        at = comma == NULL ? end : comma + 1;
    }
    return ORD_OK;
}

static int set_text(struct rd_config *config, enum which which,
                    struct ord_bytes text, struct ord_err *err)
{
    if (which == SET_PEERS)
        return parse_peers(config, text, err);
    if (which == SET_IP) {
        if (!copy_ip(config->ip, text))
            return ord_fail(err, ORD_EUSAGE, "--ip: expected an IPv4 address");
        return ORD_OK;
    }
    if (text.size == 0 || text.size >= sizeof config->data)
        return ord_fail(err, ORD_EUSAGE, "--data: expected a directory");
    memcpy(config->data, text.at, text.size);
    config->data[text.size] = '\0';
    return ORD_OK;
}

static void set_value(struct rd_config *config, enum which which, int64_t value)
{
    struct rd_core_config *core = &config->core;

    switch (which) {
    case SET_ID:
        core->id = (uint32_t)value;
        break;
    case SET_CLIENT_PORT:
        config->client_port = (uint16_t)value;
        break;
    case SET_PEER_PORT:
        config->peer_port = (uint16_t)value;
        break;
    case SET_ACK:
        core->ack = (enum rd_ack)value;
        break;
    case SET_FAILOVER:
        core->failover = (enum rd_failover)value;
        break;
    case SET_TIMEOUT:
        core->timeout_ns = value;
        break;
    case SET_CANDIDATE:
        core->is_any = value == 1;
        break;
    case SET_FENCING:
        core->is_fencing = value == 1;
        break;
    case SET_STONITH:
        core->stonith = (enum rd_stonith)value;
        break;
    case SET_CONTROLLER:
        core->controller = (uint32_t)value;
        break;
    case SET_SEMI_SYNC_TIMEOUT:
        core->semi_sync_ns = value;
        break;
    case SET_SNAPSHOT_AFTER:
        core->snapshot_after = (uint64_t)value;
        break;
    case SET_REQUEST_TIMEOUT:
        config->request_timeout_ns = value;
        break;
    case SET_JOIN:
        core->is_join = value == 1;
        break;
    case SET_FSYNC:
        config->is_fsync_off = value == 0;
        break;
    case SET_MUTANT:
        core->mutant = (enum rd_mutant)value;
        break;
    case SET_SEED:
        core->seed = (uint64_t)value;
        break;
    default:
        break; /* a choice of one */
    }
}

static int set(struct rd_config *config, struct ord_bytes name,
               struct ord_bytes value, struct ord_err *err)
{
    int64_t number = 0;

    for (int i = 0; i < SET_COUNT; i++) {
        if (!ord_bytes_is(name, specs[i].name))
            continue;
        if (specs[i].kind == KIND_TEXT)
            return set_text(config, (enum which)i, value, err);
        if (parse_value(&specs[i], value, &number, err) != ORD_OK)
            return err->rc;
        set_value(config, (enum which)i, number);
        return ORD_OK;
    }
    return ord_fail(err, ORD_EUSAGE, "unknown setting --%.*s", (int)name.size,
                    name.at);
}

static int check_quorum(const struct rd_core_config *core, struct ord_err *err)
{
    if (core->ack != RD_QUORUM)
        return ORD_OK;
    if (core->failover != RD_ELECTION)
        return ord_fail(err, ORD_EUSAGE,
                        "ack=quorum needs failover=election: leaders are "
                        "voted for");
    if (core->is_any)
        return ord_fail(err, ORD_EUSAGE,
                        "ack=quorum needs candidate=most-up-to-date");
    if (!core->is_fencing)
        return ord_fail(err, ORD_EUSAGE, "ack=quorum needs fencing=on");
    if (core->stonith != RD_STONITH_OFF)
        return ord_fail(err, ORD_EUSAGE,
                        "ack=quorum needs stonith=off: an old leader steps "
                        "down by itself");
    return ORD_OK;
}

static int check(struct rd_config *config, struct ord_err *err)
{
    struct rd_core_config *core = &config->core;
    uint32_t highest = 0;

    if (core->id == 0 || config->ip[0] == '\0' || config->data[0] == '\0')
        return ord_fail(err, ORD_EUSAGE,
                        "usage: refdb --id N --ip IP --peers 1=IP,2=IP,... "
                        "--data DIR [--KEY=VALUE]...");
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++) {
        if (config->peer_ip[i][0] == '\0')
            continue;
        core->founders.voters |= rd_bit(i);
        core->founders.ip[i] = inet_addr(config->peer_ip[i]);
        config->cluster = ord_hash(config->cluster, i,
                                   core->founders.ip[i] + (uint64_t)core->ack);
        highest = i;
    }
    core->founders.cluster = config->cluster;
    if (core->is_join)
        config->cluster = 0;
    if (config->peer_ip[core->id][0] == '\0' && !core->is_join)
        return ord_fail(err, ORD_EUSAGE,
                        "--peers does not name node %u (and --join is off)",
                        core->id);
    if (core->controller == 0)
        core->controller = highest;
    if (core->controller == 0 || config->peer_ip[core->controller][0] == '\0')
        return ord_fail(err, ORD_EUSAGE, "--controller=%u is not among --peers",
                        core->controller);
    return check_quorum(core, err);
}

int rd_config_parse(struct rd_config *config, int argc, char *const argv[],
                    struct ord_err *err)
{
    *config = (struct rd_config){
        .core =
            {
                .ack = RD_QUORUM,
                .failover = RD_ELECTION,
                .is_fencing = true,
                .timeout_ns = 300 * ORD_MS,
                .semi_sync_ns = 200 * ORD_MS,
                .snapshot_after = 5000,
                .seed = (uint64_t)ord_now_ns(),
            },
        .client_port = 6379,
        .peer_port = 7000,
        .request_timeout_ns = ORD_S,
    };
    for (int i = 1; i < argc; i++) {
        struct ord_bytes name = ord_bytes_of(argv[i]);
        const char *equals = strchr(argv[i], '=');
        struct ord_bytes value;

        if (name.size < 3 || memcmp(name.at, "--", 2) != 0)
            return ord_fail(err, ORD_EUSAGE, "expected --KEY=VALUE, not '%s'",
                            argv[i]);
        name.at += 2;
        name.size -= 2;
        if (equals != NULL) {
            name.size = (size_t)(equals - name.at);
            value = ord_bytes_of(equals + 1);
        } else if (i + 1 < argc) {
            value = ord_bytes_of(argv[++i]);
        } else {
            return ord_fail(err, ORD_EUSAGE, "%s needs a value", argv[i]);
        }
        if (set(config, name, value, err) != ORD_OK)
            return err->rc;
    }
    return check(config, err);
}

void rd_config_print(const struct rd_config *config, struct ord_buf *out)
{
    const struct rd_core_config *core = &config->core;

    ord_buf_printf(out, "node:%u\nnodes:%u\n", core->id,
                   rd_count(core->founders.voters));
    ord_buf_printf(out, "ack:%s\n", specs[SET_ACK].choice[core->ack]);
    ord_buf_printf(out, "failover:%s\n",
                   specs[SET_FAILOVER].choice[core->failover]);
    ord_buf_printf(out, "candidate:%s\n",
                   specs[SET_CANDIDATE].choice[core->is_any]);
    ord_buf_printf(out, "fencing:%s\n",
                   specs[SET_FENCING].choice[core->is_fencing]);
    ord_buf_printf(out, "stonith:%s\n",
                   specs[SET_STONITH].choice[core->stonith]);
    ord_buf_printf(out, "fsync:%s\n",
                   specs[SET_FSYNC].choice[!config->is_fsync_off]);
    ord_buf_printf(out, "mutant:%s\n", specs[SET_MUTANT].choice[core->mutant]);
    ord_buf_printf(out, "controller:%u\n", core->controller);
    ord_buf_printf(out, "timeout-ms:%" PRId64 "\n", core->timeout_ns / ORD_MS);
    ord_buf_printf(out, "semi-sync-timeout-ms:%" PRId64 "\n",
                   core->semi_sync_ns / ORD_MS);
    ord_buf_printf(out, "request-timeout-ms:%" PRId64 "\n",
                   config->request_timeout_ns / ORD_MS);
    ord_buf_printf(out, "snapshot-after:%" PRIu64 "\n", core->snapshot_after);
    ord_buf_printf(out, "replication:single-leader\nlog:row\n");
}
