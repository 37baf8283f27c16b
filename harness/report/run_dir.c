#include "harness/report/run_dir.h"

#include <unistd.h>

#include "harness/base/file.h"

/* The cell's own file, if it has one that can be read. */
static bool read_cell(const char *dir, const char *name,
                      struct ord_arena *arena, struct ord_cell_result *out)
{
    char folder[ORD_PATH_MAX];
    char path[ORD_PATH_MAX];
    struct ord_err ignored;

    return name != NULL &&
           ord_path_join(folder, dir, name, &ignored) == ORD_OK &&
           ord_path_join(path, folder, ORD_RESULT_FILE, &ignored) == ORD_OK &&
           access(path, R_OK) == 0 &&
           ord_cell_read(path, arena, out, &ignored) == ORD_OK;
}

static int fill_cells(const char *dir, struct ord_arena *arena,
                      struct ord_campaign_result *campaign, struct ord_err *err)
{
    const struct ord_cell_result **cells =
        ord_arena_zalloc(arena, campaign->cell_count, sizeof *cells);

    if (cells == NULL && campaign->cell_count > 0)
        return ord_fail(err, ORD_ENOMEM, "%u cells", campaign->cell_count);
    for (uint32_t i = 0; i < campaign->cell_count; i++) {
        struct ord_cell_result *cell = ord_arena_zalloc(arena, 1, sizeof *cell);

        cells[i] = campaign->cells[i];
        if (cell == NULL ||
            !read_cell(dir, campaign->cells[i]->dir, arena, cell))
            continue;
        cell->dir = campaign->cells[i]->dir;
        cells[i] = cell;
    }
    campaign->cells = cells;
    return ORD_OK;
}

int ord_run_read(const char *dir, struct ord_arena *arena,
                 struct ord_campaign_result *out, struct ord_err *err)
{
    const struct ord_cell_result **cells =
        ord_arena_zalloc(arena, 1, sizeof *cells);
    struct ord_cell_result *cell = ord_arena_zalloc(arena, 1, sizeof *cell);
    char path[ORD_PATH_MAX];
    struct ord_err why = {0};

    *out = (struct ord_campaign_result){0};
    if (cells == NULL || cell == NULL)
        return ord_fail(err, ORD_ENOMEM, "the result of a run");
    if (ord_path_join(path, dir, ORD_RESULT_FILE, err) != ORD_OK)
        return err->rc;
    if (access(path, F_OK) != 0)
        return ord_fail(err, ORD_ENOTFOUND,
                        "%s holds no %s: expected the folder of a run", dir,
                        ORD_RESULT_FILE);
    if (ord_cell_read(path, arena, cell, &why) != ORD_OK) {
        if (ord_campaign_read(path, arena, out, err) == ORD_OK)
            return fill_cells(dir, arena, out, err);
        return ord_fail(err, why.rc, "%s", why.text);
    }
    cells[0] = cell;
    out->cells = cells;
    out->cell_count = 1;
    out->name = cell->campaign;
    out->wall_ms = cell->phases.total_ms;
    out->verdict = cell->verdict;
    return ORD_OK;
}
