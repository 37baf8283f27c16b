/* disk.c -- a node's disk loses, refuses, delays, lies, or is damaged.
 *
 * power-cut: every process of the node dies at once, and what was not made
 *   durable by fsync is gone (harness/disk/disk.h says what counts); healing
 *   starts the node.  Took hold: so many changes were undone; where everything
 *   was durable there was nothing to lose, and it says so.
 * full, eio, lying-fsync, slow: in force until healed, for every process; the
 *   node is not touched.  Took hold: so many calls met it.
 * flip, truncate: the node is killed, its files damaged, and it is started
 *   again by the healing; nothing gives back what was in them.  Took hold:
 *   which file, where, what was there and what is.
 * Models: pulled plugs, full and dying disks, controllers with a volatile
 * cache, a slow SAN, bit rot, a file cut short by fsck.
 */
#include "nemesis/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "nemesis/disk_int.h"
#include "nemesis/registry.h"
#include "nemesis/who.h"

static const char *const kinds[] = {"power-cut",   "full", "eio",
                                    "lying-fsync", "slow", "flip",
                                    "truncate",    NULL};
_Static_assert(sizeof kinds / sizeof *kinds == DISK_KINDS + 1,
               "every kind has a name");
static const char *const models[] = {"ext4", "posix", NULL};
static const char *const backends[] = {"fuse", "ext4", NULL};
static const char *const tears[] = {"no", "sector", "byte", NULL};
static const char *const regions[] = {"tail", "head", "any", NULL};
static const char *const ops_names[] = {"read", "write", "fsync"};

static const uint64_t size_max = UINT64_C(1) << 40;

/* Which parameters a kind listens to; the others may not be given. */
static const struct {
    const char *name;
    uint32_t kinds; /* bit 1 << enum disk_kind */
} listeners[] = {
    {"keep", 1 << DISK_POWER_CUT},
    {"torn", 1 << DISK_POWER_CUT},
    {"op", 1 << DISK_EIO | 1 << DISK_SLOW},
    {"probability", 1 << DISK_EIO | 1 << DISK_SLOW | 1 << DISK_LYING_FSYNC},
    {"delay", 1 << DISK_SLOW},
    {"room", 1 << DISK_FULL},
    {"files", 1 << DISK_FULL | 1 << DISK_EIO | 1 << DISK_LYING_FSYNC |
                  1 << DISK_SLOW | 1 << DISK_FLIP | 1 << DISK_TRUNCATE},
    {"region", 1 << DISK_FLIP | 1 << DISK_TRUNCATE},
    {"count", 1 << DISK_FLIP},
    {"size", 1 << DISK_FLIP | 1 << DISK_TRUNCATE},
};

static const struct disk_kind_ops *ops_of(uint32_t kind)
{
    switch ((enum disk_kind)kind) {
    case DISK_POWER_CUT:
        return &ord_disk_power_ops;
    case DISK_FLIP:
    case DISK_TRUNCATE:
        return &ord_disk_damage_ops;
    default:
        return &ord_disk_rule_ops;
    }
}

/* ---- parameters ---------------------------------------------------------- */

/* "64KiB", "100": bytes. */
static int parse_size(const char *name, const char *text, uint64_t *out,
                      struct ord_err *err)
{
    static const struct {
        const char *unit;
        uint64_t factor;
    } units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}};
    size_t size = strlen(text);
    int64_t value = 0;

    for (uint32_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t unit = strlen(units[i].unit);
        struct ord_json json = {.at = text};

        if (size <= unit ||
            memcmp(text + size - unit, units[i].unit, unit) != 0)
            continue;
        json.end = text + size - unit;
        if (!ord_json_int(&json, &value) || !ord_json_done(&json) ||
            value < 0 || (uint64_t)value > size_max / units[i].factor)
            break;
        *out = (uint64_t)value * units[i].factor;
        return ORD_OK;
    }
    return ord_fail(err, ORD_EUSAGE,
                    "%s: %s: expected bytes, as 100, 64KiB, 8MiB, up to "
                    "1024GiB",
                    name, text);
}

/* "fsync", "write,fsync". */
static int parse_ops(const char *text, uint32_t *out, struct ord_err *err)
{
    *out = 0;
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, ", ");
        uint32_t one = 0;

        for (uint32_t i = 0; i < ORD_DISK_OPS; i++) {
            if (strlen(ops_names[i]) == size &&
                memcmp(at, ops_names[i], size) == 0)
                one = 1U << i;
        }
        if (one == 0)
            break;
        *out |= one;
        at += size;
        at += strspn(at, ", ");
        if (*at == '\0')
            return ORD_OK;
    }
    return ord_fail(err, ORD_EUSAGE,
                    "op: %s: expected read, write, fsync, or several of them "
                    "as write,fsync",
                    text);
}

static int parse_files(const char *text, struct disk_fault *out,
                       struct ord_err *err)
{
    if (text[0] == '\0' || strlen(text) >= ORD_DISK_GLOB_SIZE || text[0] == '/')
        return ord_fail(err, ORD_EUSAGE,
                        "files: %s: expected a pattern below the data "
                        "directory, as *.wal, of at most %d bytes",
                        text, ORD_DISK_GLOB_SIZE - 1);
    out->files = text;
    return ORD_OK;
}

static int read_all(const struct ord_nemesis_ops *ops,
                    const struct ord_fault_param *params, uint32_t count,
                    struct disk_fault *out, struct ord_err *err)
{
    uint64_t flips = 0;

#define TEXT(name) ord_fault_param(ops, params, count, name)
    if (ord_parse_choice("kind", TEXT("kind"), kinds, &out->kind, err) !=
            ORD_OK ||
        ord_parse_choice("torn", TEXT("torn"), tears, &out->torn, err) !=
            ORD_OK ||
        ord_parse_choice("model", TEXT("model"), models, &out->model, err) !=
            ORD_OK ||
        ord_parse_choice("backend", TEXT("backend"), backends, &out->backend,
                         err) != ORD_OK ||
        ord_parse_choice("region", TEXT("region"), regions, &out->region,
                         err) != ORD_OK ||
        ord_parse_ppm("keep", TEXT("keep"), &out->keep_ppm, err) != ORD_OK ||
        parse_ops(TEXT("op"), &out->ops, err) != ORD_OK ||
        ord_parse_ppm("probability", TEXT("probability"), &out->ppm, err) !=
            ORD_OK ||
        ord_parse_us("delay", TEXT("delay"), &out->delay_us, err) != ORD_OK ||
        parse_size("room", TEXT("room"), &out->room, err) != ORD_OK ||
        parse_files(TEXT("files"), out, err) != ORD_OK ||
        parse_size("count", TEXT("count"), &flips, err) != ORD_OK ||
        parse_size("size", TEXT("size"), &out->size, err) != ORD_OK)
        return err->rc;
#undef TEXT
    if (out->ppm == 0)
        return ord_fail(err, ORD_EUSAGE, "probability: expected more than 0%%");
    if (out->delay_us == 0)
        return ord_fail(err, ORD_EUSAGE, "delay: expected more than nothing");
    if (flips < 1 || flips > 10000)
        return ord_fail(err, ORD_EUSAGE, "count: expected 1 to 10000");
    if (out->size < 1)
        return ord_fail(err, ORD_EUSAGE, "size: expected 1 or more");
    out->count = (uint32_t)flips;
    return ORD_OK;
}

/* A real file system loses what it loses, and does nothing else. */
static int check_backend(const struct disk_fault *disk, struct ord_err *err)
{
    if (disk->backend != ORD_DISK_BY_EXT4)
        return ORD_OK;
    if (disk->kind != DISK_POWER_CUT)
        return ord_fail(err, ORD_EUSAGE,
                        "backend: ext4 can power-cut only; kind %s takes fuse",
                        kinds[disk->kind]);
    if (disk->keep_ppm != 0 || disk->torn != ORD_DISK_WHOLE ||
        disk->model != ORD_DISK_EXT4)
        return ord_fail(err, ORD_EUSAGE,
                        "backend: ext4 is as it is: keep, torn and model "
                        "posix take fuse");
    return ORD_OK;
}

int ord_disk_fault_read(const struct ord_nemesis_ops *ops,
                        const struct ord_fault_param *params, uint32_t count,
                        struct disk_fault *out, struct ord_err *err)
{
    if (read_all(ops, params, count, out, err) != ORD_OK)
        return err->rc;
    for (uint32_t i = 0; i < sizeof listeners / sizeof *listeners; i++) {
        if ((listeners[i].kinds & 1U << out->kind) == 0 &&
            ord_fault_has(params, count, listeners[i].name))
            return ord_fail(err, ORD_EUSAGE, "%s: is nothing to kind %s",
                            listeners[i].name, kinds[out->kind]);
    }
    return check_backend(out, err);
}

static int disk_check(const struct ord_nemesis_entry *entry,
                      uint32_t node_count, struct ord_err *err)
{
    struct disk_fault disk;
    int rc = ord_disk_fault_read(ord_nemesis_find(entry->fault), entry->params,
                                 entry->param_count, &disk, err);

    return rc == ORD_OK ? ord_who_check(entry, node_count, err) : rc;
}

int ord_disk_wish(const struct ord_nemesis_entry *entries, uint32_t count,
                  struct ord_disk_wish *out, uint32_t *bad_entry,
                  struct ord_err *err)
{
    *out = (struct ord_disk_wish){.has_disks = false};
    for (uint32_t i = 0; i < count; i++) {
        struct disk_fault disk;

        if (strcmp(entries[i].fault, ord_nemesis_disk.name) != 0 ||
            entries[i].is_left_out)
            continue;
        if (bad_entry != NULL)
            *bad_entry = i;
        if (ord_disk_fault_read(&ord_nemesis_disk, entries[i].params,
                                entries[i].param_count, &disk, err) != ORD_OK)
            return err->rc;
        if (!ops_of(disk.kind)->needs_disk)
            continue;
        if (out->has_disks && disk.model != (uint32_t)out->model)
            return ord_fail(err, ORD_EUSAGE,
                            "model: %s: another disk fault of this cell has "
                            "%s, and there is one disk",
                            models[disk.model], models[out->model]);
        if (out->has_disks && disk.backend != (uint32_t)out->backend)
            return ord_fail(err, ORD_EUSAGE,
                            "backend: %s: another disk fault of this cell has "
                            "%s, and there is one disk",
                            backends[disk.backend], backends[out->backend]);
        out->has_disks = true;
        out->backend = (enum ord_disk_backend)disk.backend;
        out->model = (enum ord_disk_model)disk.model;
    }
    return ORD_OK;
}

/* ---- the fault ----------------------------------------------------------- */

static int fault_of(const struct ord_fault *fault, struct disk_fault *out,
                    struct ord_err *err)
{
    return ord_disk_fault_read(fault->ops, fault->params, fault->param_count,
                               out, err);
}

static void say_ops(uint32_t ops, char out[40])
{
    size_t size = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i < ORD_DISK_OPS; i++) {
        if ((ops & 1U << i) != 0)
            size += (size_t)snprintf(out + size, 40 - size, "%s%s",
                                     size > 0 ? "," : "", ops_names[i]);
    }
}

static int disk_resolve(struct ord_fault *fault, uint32_t node_count,
                        uint32_t primary, struct ord_err *err)
{
    struct disk_fault disk;
    char text[120];
    char ops[40];

    if (fault_of(fault, &disk, err) != ORD_OK ||
        ord_who_resolve(fault, node_count, primary, err) != ORD_OK)
        return err->rc;
    say_ops(disk.ops, ops);
    if (disk.kind == DISK_EIO)
        (void)snprintf(text, sizeof text, "eio on %.4g%% of %s ",
                       (double)disk.ppm / 1e4, ops);
    else if (disk.kind == DISK_SLOW)
        (void)snprintf(text, sizeof text, "%s slow by %.4g ms ", ops,
                       disk.delay_us / 1e3);
    else if (disk.kind == DISK_POWER_CUT && disk.torn != ORD_DISK_WHOLE)
        (void)snprintf(text, sizeof text, "power-cut, torn %s ",
                       tears[disk.torn]);
    else
        (void)snprintf(text, sizeof text, "%s ", kinds[disk.kind]);
    ord_fault_say(fault, text, fault->nodes, "");
    return ORD_OK;
}

static enum ord_grip disk_grip(const struct ord_fault *fault)
{
    struct disk_fault disk;
    struct ord_err ignored;

    if (fault_of(fault, &disk, &ignored) != ORD_OK)
        return ORD_GRIP_RUNS;
    return ops_of(disk.kind)->kills ? ORD_GRIP_DOWN : ORD_GRIP_RUNS;
}

/* The entry is as written, maybe with ranges and lists: only its kind matters,
 * and several kinds count as one that needs a disk. */
static int disk_probe(const struct ord_nemesis_entry *entry,
                      struct ord_err *err)
{
    uint32_t kind = DISK_POWER_CUT;
    uint32_t backend = ORD_DISK_BY_FUSE;

    if (entry != NULL &&
        ord_parse_choice("kind",
                         ord_fault_param(&ord_nemesis_disk, entry->params,
                                         entry->param_count, "kind"),
                         kinds, &kind, err) != ORD_OK)
        kind = DISK_POWER_CUT;
    if (entry != NULL &&
        ord_parse_choice("backend",
                         ord_fault_param(&ord_nemesis_disk, entry->params,
                                         entry->param_count, "backend"),
                         backends, &backend, err) != ORD_OK)
        backend = ORD_DISK_BY_FUSE;
    if (!ops_of(kind)->needs_disk)
        return ORD_OK;
    return backend == ORD_DISK_BY_EXT4 ? ord_disk_probe_ext4(err)
                                       : ord_disk_probe(err);
}

static int disk_inject(struct ord_nemesis_env *env,
                       struct ord_fault_state *state, struct ord_err *err)
{
    struct disk_fault disk;

    ORD_ASSERT(state->fault->nodes != 0);
    if (fault_of(state->fault, &disk, err) != ORD_OK)
        return err->rc;
    return ops_of(disk.kind)->inject(env, state, &disk, err);
}

static int disk_heal(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     struct ord_err *err)
{
    struct disk_fault disk;

    if (fault_of(state->fault, &disk, err) != ORD_OK)
        return err->rc;
    return ops_of(disk.kind)->heal(env, state, err);
}

static int disk_took_hold(struct ord_nemesis_env *env,
                          struct ord_fault_state *state, bool *held,
                          struct ord_buf *evidence, struct ord_err *err)
{
    struct disk_fault disk;

    *held = false;
    if (fault_of(state->fault, &disk, err) != ORD_OK)
        return err->rc;
    if (state->before == NULL) {
        ord_buf_text(evidence, "it was not injected");
        return ORD_OK;
    }
    return ops_of(disk.kind)->took_hold(env, state, held, evidence, err);
}

int ord_disk_restart(struct ord_nemesis_env *env, struct ord_fault_state *state,
                     struct ord_err *err)
{
    if (ord_env_release(env, state->fault->id, true, state->fault->nodes,
                        err) != ORD_OK)
        return ord_wrap(err, "start again");
    return ORD_OK;
}

static const struct ord_fault_spec disk_params[] = {
    {"kind", "power-cut",
     "power-cut (unsynced changes are lost) | full | eio | lying-fsync | slow "
     "| flip (bits of a stopped node's files) | truncate (the same)"},
    {"keep", "0%",
     "power-cut: share of the unsynced changes that survives, the oldest; 0% "
     "to 100%"},
    {"torn", "no",
     "power-cut: the last write that survives is cut in the middle: no | "
     "sector (of 512 bytes) | byte"},
    {"model", "ext4",
     "what fsync of a file makes durable: ext4 (its names, too) | posix (its "
     "content alone); one for the cell"},
    {"backend", "fuse",
     "what the disk is: fuse (of ours) | ext4 (a real one on a loop device, "
     "for power-cut without keep and torn; needs root); one for the cell"},
    {"op", "fsync", "eio, slow: read | write | fsync, several as write,fsync"},
    {"probability", "100%", "eio, slow, lying-fsync: share of the calls"},
    {"delay", "100ms", "slow: how much longer, up to 60s"},
    {"room", "0", "full: bytes still free, as 64KiB; up to 1024GiB"},
    {"files", "*",
     "pattern of names or paths in the data directory; not for power-cut"},
    {"region", "any",
     "flip, truncate: where in the file: tail | head | any; truncate cuts off "
     "up to `size` at the tail, leaves up to `size` of the head"},
    {"count", "1", "flip: bits, 1 to 10000"},
    {"size", "4KiB", "flip, truncate: of the region, 1 to 1024GiB"},
    ORD_WHO_PARAM,
    {NULL, NULL, NULL},
};

const struct ord_nemesis_ops ord_nemesis_disk = {
    .name = "disk",
    .about = "a disk loses what was not synced, is full, fails, lies, is slow, "
             "or its files are damaged",
    .params = disk_params,
    .check = disk_check,
    .plan = ord_who_plan,
    .needs_primary = ord_who_needs_primary,
    .resolve = disk_resolve,
    .inject = disk_inject,
    .heal = disk_heal,
    .took_hold = disk_took_hold,
    /* Nothing is excluded: a power cut under an fsync that lies is the point.
     */
    .grip = disk_grip,
    .may_crash = true,
    .needs = "/dev/fuse, but for flip and truncate; root, mkfs.ext4 and "
             "/dev/loop-control for backend ext4",
    .probe = disk_probe,
};
