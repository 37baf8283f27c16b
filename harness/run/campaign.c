#include "harness/run/campaign.h"

#include <fnmatch.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/base/rng.h"
#include "harness/run/cell_read.h"
#include "harness/run/swarm.h"
#include "harness/run/watch.h"
#include "harness/run/yaml.h"
#include "nemesis/disk.h"
#include "nemesis/draw.h"

enum { VARY_MAX = 8, VARIANTS_MAX = 1000, SEEDS_MAX = ORD_CELLS_MAX };

struct seeds {
    const uint64_t *at;
    uint32_t count;
};

struct reader {
    const struct ord_campaign_options *options;
    struct ord_arena *arena;
    struct ord_campaign *out;
    const struct ord_yaml *defaults; /* NULL: none */
    char dir[ORD_PATH_MAX];          /* of the campaign file */
    uint32_t room;
    struct ord_err *err;
};

/* ---- seeds: a number of them, a list, or from and count ------------------ */

static int seed_range(struct reader *in, const struct ord_yaml *at,
                      uint64_t from, uint64_t count, struct seeds *out)
{
    uint64_t *seeds = ord_arena_zalloc(in->arena, count, sizeof *seeds);

    if (seeds == NULL)
        return ord_yaml_fail(at, in->err, "no memory for %llu seeds",
                             (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++)
        seeds[i] = from + i;
    *out = (struct seeds){seeds, (uint32_t)count};
    return ORD_OK;
}

static int compare_seeds(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* A seed that stands twice would give two cells one folder. */
static int check_seeds(struct reader *in, const struct ord_yaml *at,
                       const struct seeds *seeds)
{
    uint64_t *sorted =
        ord_arena_zalloc(in->arena, seeds->count, sizeof *sorted);

    if (sorted == NULL)
        return ord_yaml_fail(at, in->err, "no memory");
    memcpy(sorted, seeds->at, seeds->count * sizeof *sorted);
    qsort(sorted, seeds->count, sizeof *sorted, compare_seeds);
    for (uint32_t i = 1; i < seeds->count; i++) {
        if (sorted[i] == sorted[i - 1])
            return ord_yaml_fail(at, in->err, "seed %llu stands here twice",
                                 (unsigned long long)sorted[i]);
    }
    return ORD_OK;
}

static int read_seeds(struct reader *in, const struct ord_yaml *at,
                      struct seeds *out)
{
    uint64_t from = 1;
    uint64_t count = 1;
    uint64_t *seeds;
    const struct ord_yaml_field fields[] = {
        {"from", ORD_YAML_COUNT, &from, 0, INT64_MAX, false},
        {"count", ORD_YAML_COUNT, &count, 1, SEEDS_MAX, true},
        {0},
    };
    int rc = ORD_OK;

    if (in->options->seed != NULL) {
        *out = (struct seeds){in->options->seed, 1};
        return ORD_OK;
    }
    if (at == NULL) {
        static const uint64_t preset = 1;

        *out = (struct seeds){&preset, 1};
        return ORD_OK;
    }
    if (at->kind == ORD_YAML_SCALAR)
        rc = ord_yaml_count(at, 1, SEEDS_MAX, &count, in->err);
    if (at->kind == ORD_YAML_MAP)
        rc = ord_yaml_read(at, fields, in->err);
    if (rc != ORD_OK)
        return rc;
    if (at->kind != ORD_YAML_LIST)
        return seed_range(in, at, from, count, out);
    seeds = ord_arena_zalloc(in->arena, at->count, sizeof *seeds);
    for (uint32_t i = 0; i < at->count && rc == ORD_OK && seeds != NULL; i++)
        rc = ord_yaml_count(&at->items[i], 0, INT64_MAX, &seeds[i], in->err);
    if (seeds == NULL || at->count == 0)
        return ord_yaml_fail(at, in->err, "expected at least one seed");
    *out = (struct seeds){seeds, at->count};
    return rc == ORD_OK ? check_seeds(in, at, out) : rc;
}

/* ---- vary: a product of settings ----------------------------------------- */

struct variant {
    struct ord_setting settings[VARY_MAX];
    uint32_t count;
};

static int check_vary(const struct ord_yaml *vary, uint64_t *total,
                      struct ord_err *err)
{
    *total = 1;
    if (vary == NULL)
        return ORD_OK;
    if (vary->kind != ORD_YAML_MAP || vary->count > VARY_MAX)
        return ord_yaml_fail(vary, err,
                             "expected a map of at most %d settings, each "
                             "with a list of values",
                             VARY_MAX);
    for (uint32_t i = 0; i < vary->count; i++) {
        const struct ord_yaml *values = &vary->items[i];

        if (values->kind != ORD_YAML_LIST || values->count == 0)
            return ord_yaml_fail(values, err, "expected a list of values");
        for (uint32_t k = 0; k < values->count; k++) {
            if (values->items[k].kind != ORD_YAML_SCALAR)
                return ord_yaml_fail(&values->items[k], err,
                                     "expected a plain value");
        }
        *total *= values->count;
        if (*total > VARIANTS_MAX)
            return ord_yaml_fail(vary, err, "more than %d combinations",
                                 VARIANTS_MAX);
    }
    return ORD_OK;
}

static void pick_variant(const struct ord_yaml *vary, uint64_t number,
                         struct variant *out)
{
    out->count = 0;
    for (uint32_t i = 0; vary != NULL && i < vary->count; i++) {
        const struct ord_yaml *values = &vary->items[i];

        out->settings[out->count++] = (struct ord_setting){
            vary->keys[i], values->items[number % values->count].text};
        number /= values->count;
    }
}

static const char *variant_id(struct ord_arena *arena, const char *id,
                              const struct variant *variant)
{
    for (uint32_t i = 0; id != NULL && i < variant->count; i++)
        id = ord_arena_printf(arena, "%s%c%s=%s", id, i == 0 ? '/' : ',',
                              variant->settings[i].name,
                              variant->settings[i].value);
    return id;
}

/* ---- cells ----------------------------------------------------------------
 */

static int add_cell(struct reader *in, const struct ord_cell *cell,
                    const struct ord_yaml *at)
{
    struct ord_campaign *to = in->out;

    if (to->cell_count == ORD_CELLS_MAX)
        return ord_yaml_fail(at, in->err, "more than %d cells", ORD_CELLS_MAX);
    if (to->cell_count == in->room) {
        uint32_t room = in->room == 0 ? 64 : in->room * 2;
        struct ord_cell *cells =
            ord_arena_zalloc(in->arena, room, sizeof *cells);

        if (cells == NULL)
            return ord_yaml_fail(at, in->err, "no memory for so many cells");
        if (to->cell_count > 0)
            memcpy(cells, to->cells, to->cell_count * sizeof *cells);
        to->cells = cells;
        in->room = room;
    }
    to->cells[to->cell_count++] = *cell;
    return ORD_OK;
}

static bool is_wanted(const struct reader *in, const char *id)
{
    return in->options->only == NULL ||
           fnmatch(in->options->only, id, 0) == 0 ||
           strcmp(in->options->only, id) == 0;
}

static int read_variant(struct reader *in, const struct ord_yaml *at,
                        const struct variant *variant,
                        const struct seeds *seeds)
{
    struct ord_cell_source source = {
        .cell = at,
        .defaults = in->defaults,
        .vary = variant->settings,
        .vary_count = variant->count,
        .options = in->options,
        .dir = in->dir,
    };
    struct ord_cell cell = {
        .campaign = in->out->name,
        .path = in->out->path,
        .line = at->line,
    };
    int rc = ord_cell_from_yaml(&source, in->arena, &cell, in->err);

    if (rc != ORD_OK)
        return rc;
    cell.id = variant_id(in->arena, cell.id, variant);
    if (cell.id == NULL)
        return ord_yaml_fail(at, in->err, "no memory");
    for (uint32_t i = 0; i < seeds->count && is_wanted(in, cell.id); i++) {
        struct ord_cell one = cell;

        one.seed = seeds->at[i];
        rc = ord_swarm_draw(&one, in->arena, in->err);
        if (rc == ORD_OK)
            rc = add_cell(in, &one, at);
        if (rc != ORD_OK)
            return rc;
    }
    return ORD_OK;
}

static int read_cell(struct reader *in, const struct ord_yaml *at)
{
    const struct ord_yaml *vary;
    const struct ord_yaml *seeds_at;
    struct seeds seeds = {0};
    uint64_t total = 1;
    int rc;

    if (at->kind != ORD_YAML_MAP)
        return ord_yaml_fail(at, in->err, "expected a cell: a map with an id");
    vary = ord_yaml_get(at, "vary");
    seeds_at = ord_yaml_get(at, "seeds");
    if (seeds_at == NULL && in->defaults != NULL)
        seeds_at = ord_yaml_get(in->defaults, "seeds");
    rc = read_seeds(in, seeds_at, &seeds);
    if (rc == ORD_OK)
        rc = check_vary(vary, &total, in->err);
    for (uint64_t i = 0; i < total && rc == ORD_OK; i++) {
        struct variant variant;

        pick_variant(vary, i, &variant);
        rc = read_variant(in, at, &variant, &seeds);
    }
    return rc;
}

static int compare_ids(const void *a, const void *b)
{
    const struct ord_cell *x = *(const struct ord_cell *const *)a;
    const struct ord_cell *y = *(const struct ord_cell *const *)b;
    int order = strcmp(x->id, y->id);

    return order != 0 ? order : (x > y) - (x < y);
}

/* No two cells of one id, apart from their seeds. */
static int check_ids(struct reader *in)
{
    const struct ord_campaign *to = in->out;
    const struct ord_cell **firsts =
        ord_arena_zalloc(in->arena, to->cell_count, sizeof *firsts);
    uint32_t count = 0;

    if (firsts == NULL)
        return ord_fail(in->err, ORD_ENOMEM, "%s", to->path);
    for (uint32_t i = 0; i < to->cell_count; i++) {
        /* The cells of one variant share the text itself. */
        if (i == 0 || to->cells[i].id != to->cells[i - 1].id)
            firsts[count++] = &to->cells[i];
    }
    qsort(firsts, count, sizeof(struct ord_cell *), compare_ids);
    for (uint32_t i = 1; i < count; i++) {
        if (strcmp(firsts[i]->id, firsts[i - 1]->id) == 0)
            return ord_fail(in->err, ORD_EUSAGE,
                            "%s:%u: another cell is called '%s' already",
                            to->path, firsts[i]->line, firsts[i]->id);
    }
    return ORD_OK;
}

/* Plans each cell once, so that a wrong fault or parameter is found now. */
static int try_plans(struct reader *in)
{
    for (uint32_t i = 0; i < in->out->cell_count; i++) {
        const struct ord_cell *cell = &in->out->cells[i];
        struct ord_arena scratch;
        struct ord_workload workload;
        struct ord_fault_plan faults;
        int rc;

        if (i > 0 && cell->id == cell[-1].id)
            continue; /* only the seed differs */
        ord_arena_init(&scratch, (size_t)1 << 28);
        rc = ord_cell_workload(cell, &scratch, NULL, &workload, in->err);
        if (rc != ORD_OK)
            ord_wrap(in->err, "%s:%u: cell %s", cell->path, cell->line,
                     cell->id);
        else
            rc = ord_swarm_check(cell, &scratch, in->err);
        if (rc == ORD_OK)
            rc = ord_cell_faults(cell, &scratch, &faults, in->err);
        ord_arena_fini(&scratch);
        if (rc != ORD_OK)
            return rc;
    }
    return ORD_OK;
}

static int read_campaign(struct reader *in, const struct ord_yaml *root)
{
    const struct ord_yaml *cells = NULL;
    uint64_t version = 0;
    uint64_t parallel = 0;
    const struct ord_yaml_field fields[] = {
        {"ordeal", ORD_YAML_COUNT, &version, 1, 1, true},
        {"name", ORD_YAML_TEXT, &in->out->name, 0, 0, true},
        {"about", ORD_YAML_TEXT, &in->out->about, 0, 0, false},
        {"parallel", ORD_YAML_COUNT, &parallel, 1, 64, false},
        {"budget", ORD_YAML_DURATION, &in->out->budget_ns, ORD_S, 0, false},
        {"defaults", ORD_YAML_MAPPING, &in->defaults, 0, 0, false},
        {"cells", ORD_YAML_NODE, &cells, 0, 0, true},
        {0},
    };
    int rc = ord_yaml_read(root, fields, in->err);

    if (rc != ORD_OK)
        return rc;
    in->out->parallel = (uint32_t)parallel;
    if (!ord_is_path_word(in->out->name, "/ "))
        return ord_yaml_fail(root, in->err,
                             "'name' is part of a path: no blanks, no '/', no "
                             "dot in front, at most %d bytes",
                             ORD_WORD_SIZE_MAX);
    if (cells->kind != ORD_YAML_LIST || cells->count == 0)
        return ord_yaml_fail(cells, in->err, "expected a list of cells");
    for (uint32_t i = 0; i < cells->count && rc == ORD_OK; i++)
        rc = read_cell(in, &cells->items[i]);
    if (rc == ORD_OK && in->out->cell_count == 0)
        rc = ord_fail(in->err, ORD_EUSAGE, "%s: no cell is called '%s'",
                      in->out->path,
                      in->options->only != NULL ? in->options->only : "");
    if (rc == ORD_OK)
        rc = check_ids(in);
    return rc == ORD_OK ? try_plans(in) : rc;
}

int ord_campaign_load(const char *path,
                      const struct ord_campaign_options *options,
                      struct ord_arena *arena, struct ord_campaign *out,
                      struct ord_err *err)
{
    struct reader in = {
        .options = options, .arena = arena, .out = out, .err = err};
    const struct ord_yaml *root = NULL;
    char copy[ORD_PATH_MAX];
    int rc;

    *out = (struct ord_campaign){.about = "",
                                 .path = ord_arena_strdup(arena, path)};
    if (out->path == NULL ||
        snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return ord_fail(err, ORD_EUSAGE,
                        "the path of the campaign is too long");
    snprintf(in.dir, sizeof in.dir, "%s", dirname(copy));
    rc = ord_yaml_load(path, arena, &root, err);
    return rc == ORD_OK ? read_campaign(&in, root) : rc;
}

/* ---- names in the file system ---------------------------------------------
 */

bool ord_is_path_word(const char *text, const char *forbidden)
{
    size_t size = strlen(text);

    if (size == 0 || size > ORD_WORD_SIZE_MAX || text[0] == '.' ||
        strpbrk(text, forbidden) != NULL)
        return false;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    }
    return true;
}

/* May it stand in a folder's name as it is, behind the cell's own word? */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || strchr(".=+-,", c) != NULL;
}

void ord_cell_folder(const struct ord_cell *cell, char *out, size_t size)
{
    const char *varied = strchr(cell->id, '/');
    struct ord_bytes id = ord_bytes_of(cell->id);
    bool is_exact = id.size <= ORD_WORD_SIZE_MAX;
    uint64_t hash = 0;

    ORD_ASSERT(size >= ORD_CELL_FOLDER_SIZE);
    snprintf(out, size, "%.*s", ORD_WORD_SIZE_MAX, cell->id);
    for (size_t i = 0; i < id.size; i++) {
        bool is_kept =
            varied == NULL || id.at + i <= varied || is_plain(id.at[i]);

        hash = ord_mix(hash ^ (unsigned char)id.at[i]);
        is_exact = is_exact && is_kept;
        if (i < ORD_WORD_SIZE_MAX &&
            (!is_kept || id.at[i] == '/' || id.at[i] == ','))
            out[i] = '_';
    }
    if (!is_exact) /* what was replaced or cut off must still tell them apart */
        snprintf(out + strlen(out), size - strlen(out), "-h%08x",
                 (uint32_t)hash);
    snprintf(out + strlen(out), size - strlen(out), "-s%llu",
             (unsigned long long)cell->seed);
}

/* ---- what a cell is made of ---------------------------------------------- */

/* A fault may need a command that the target does not have. */
static int check_commands(const struct ord_cell *cell, struct ord_err *err)
{
    for (uint32_t i = 0; i < cell->entry_count; i++) {
        const struct ord_nemesis_ops *ops =
            ord_nemesis_find(cell->entries[i].fault);
        const char *missing = ops->asks_target;

        if (missing == NULL)
            continue;
        if (ord_target_command(cell->target, missing) != NULL)
            missing = "primary";
        if (ord_target_command(cell->target, missing) == NULL)
            return ord_fail(err, ORD_EUSAGE,
                            "%s:%u: %s: target %s has no '%s' in its "
                            "target.yaml",
                            cell->path, cell->entries[i].line, ops->name,
                            cell->target->name, missing);
    }
    return ORD_OK;
}

int ord_cell_faults(const struct ord_cell *cell, struct ord_arena *arena,
                    struct ord_fault_plan *out, struct ord_err *err)
{
    const struct ord_plan_in in = {
        .arena = arena,
        .seed = cell->seed,
        .node_count = cell->node_count,
        .time_ns = cell->time_ns,
        .away_max = cell->away_max,
        .home_count =
            cell->start_count < cell->node_count ? cell->start_count : 0,
    };

    struct ord_disk_wish wish;
    uint32_t bad = 0;
    int rc =
        ord_fault_plan(cell->entries, cell->entry_count, &in, out, &bad, err);

    if (rc == ORD_OK)
        rc = ord_disk_wish(cell->entries, cell->entry_count, &wish, &bad, err);
    if (rc == ORD_OK && wish.backend == ORD_DISK_BY_EXT4 &&
        ord_watch_is_needed(cell) && cell->target->logs != NULL)
        return ord_fail(err, ORD_EUSAGE,
                        "%s: disk: backend ext4: `on: log` keeps the target's "
                        "logs open, and that disk could not be cut; take fuse",
                        cell->path);
    if (rc != ORD_OK && bad < cell->entry_count)
        return ord_wrap(err, "%s:%u", cell->path, cell->entries[bad].line);
    return rc == ORD_OK ? check_commands(cell, err) : rc;
}

int ord_cell_probe(const struct ord_cell *cell, struct ord_err *err)
{
    struct ord_arena arena;
    int rc = ORD_OK;

    ord_arena_init(&arena, (size_t)1 << 26);
    for (uint32_t i = 0; i < cell->entry_count && rc == ORD_OK; i++) {
        rc = ord_entry_probe(&cell->written[i], &arena, err);
        if (rc != ORD_OK)
            rc = ord_wrap(err, "%s:%u", cell->path, cell->written[i].line);
    }
    ord_arena_fini(&arena);
    return rc;
}

int ord_cell_workload(const struct ord_cell *cell, struct ord_arena *arena,
                      const uint64_t *done, struct ord_workload *out,
                      struct ord_err *err)
{
    const struct ord_workload_in in = {
        .shape = {.arena = arena,
                  .seed = cell->seed,
                  .worker_count = cell->client_count,
                  .node_count = cell->start_count},
        .time_ns = cell->time_ns,
        .rate_per_s = cell->rate_per_s,
        .params = cell->params,
        .param_count = cell->param_count,
        .done = done,
    };

    *out = (struct ord_workload){0};
    return cell->workload->build(&in, out, err);
}
