#include "harness/run/swarm.h"

#include <inttypes.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/report/json_out.h"
#include "nemesis/draw.h"

enum { KINDS_MAX = 16 };

int ord_swarm_check(const struct ord_cell *cell, struct ord_arena *arena,
                    struct ord_err *err)
{
    const struct ord_plan_in in = {.arena = arena,
                                   .seed = cell->seed,
                                   .node_count = cell->node_count,
                                   .time_ns = cell->time_ns,
                                   .away_max = cell->away_max,
                                   .home_count = cell->start_count};

    for (uint32_t i = 0; i < cell->entry_count; i++) {
        if (ord_entry_check(&cell->written[i], &in, err) != ORD_OK)
            return ord_wrap(err, "%s:%u", cell->path, cell->written[i].line);
    }
    return ORD_OK;
}

static uint32_t count_kinds(const struct ord_cell *cell)
{
    const struct ord_workload_kind *kinds = cell->workload->kinds;
    uint32_t count = 0;

    while (kinds != NULL && kinds[count].name != NULL)
        count++;
    ORD_ASSERT(count <= KINDS_MAX);
    return count;
}

/* Do the cell's checkers come to a verdict without reads in the main phase? */
static bool can_do_without_reads(const struct ord_cell *cell)
{
    static const char *const names[] = {
        "linearizable", "lost",  "convergence", "split-brain",
        "availability", "stats", "unique-ids",  "total-queue"};

    for (uint32_t i = 0; i < cell->check_count; i++) {
        bool is_one = false;

        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            is_one =
                is_one || strcmp(cell->checks[i].checker->name, names[k]) == 0;
        if (!is_one)
            return false;
    }
    return true;
}

/* A run must change something, and what is judged must be there. */
static void take_in_again(const struct ord_cell *cell, uint32_t count,
                          bool *is_left_out)
{
    const struct ord_workload_kind *kinds = cell->workload->kinds;
    struct ord_rng rng = ord_rng_stream(cell->seed, "swarm-change", 0);
    bool needs_reads = !can_do_without_reads(cell);
    uint32_t changes[KINDS_MAX];
    uint32_t change_count = 0;
    bool has_change = false;

    for (uint32_t i = 0; i < count; i++) {
        if (kinds[i].role == ORD_KIND_READ && needs_reads)
            is_left_out[i] = false;
        if (kinds[i].role != ORD_KIND_CHANGE)
            continue;
        has_change = has_change || !is_left_out[i];
        changes[change_count++] = i;
    }
    if (change_count > 0 && !has_change)
        is_left_out[changes[ord_rng_below(&rng, change_count)]] = false;
}

/* The workload's parameters, with those kinds at nothing. */
static int leave_out(struct ord_cell *cell, uint32_t count,
                     const bool *is_left_out, struct ord_arena *arena,
                     struct ord_err *err)
{
    struct ord_param *params =
        ord_arena_zalloc(arena, cell->param_count + count, sizeof *params);
    uint32_t used = 0;

    if (params == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for parameters");
    for (uint32_t i = 0; i < cell->param_count; i++) {
        bool is_set = false;

        for (uint32_t k = 0; k < count; k++)
            is_set = is_set ||
                     (is_left_out[k] && strcmp(cell->workload->kinds[k].param,
                                               cell->params[i].name) == 0);
        if (!is_set)
            params[used++] = cell->params[i];
    }
    for (uint32_t k = 0; k < count; k++) {
        if (is_left_out[k])
            params[used++] = (struct ord_param){cell->workload->kinds[k].param,
                                                cell->workload->kinds[k].none};
    }
    cell->params = params;
    cell->param_count = used;
    return ORD_OK;
}

static int draw_ops(struct ord_cell *cell, struct ord_arena *arena,
                    struct ord_err *err)
{
    uint32_t count = count_kinds(cell);
    bool *is_left_out = ord_arena_zalloc(arena, count + 1, sizeof *is_left_out);

    if (is_left_out == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for operations");
    if (count == 0)
        return ORD_OK;
    /* One kind beside others that always stay: it may go. */
    ord_swarm_pick(cell->seed, "swarm-operations", count == 1 ? 2 : count,
                   is_left_out);
    take_in_again(cell, count, is_left_out);
    cell->kinds_left_out = is_left_out;
    return leave_out(cell, count, is_left_out, arena, err);
}

int ord_swarm_draw(struct ord_cell *cell, struct ord_arena *arena,
                   struct ord_err *err)
{
    struct ord_nemesis_entry *entries;

    if (cell->swarms_ops && draw_ops(cell, arena, err) != ORD_OK)
        return err->rc;
    if (!cell->swarms_faults &&
        !ord_entries_vary(cell->written, cell->entry_count))
        return ORD_OK;
    entries = ord_arena_zalloc(arena, cell->entry_count + 1, sizeof *entries);
    if (entries == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for faults");
    cell->entries = entries;
    return ord_entries_draw(cell->written, cell->entry_count, cell->seed,
                            cell->swarms_faults, arena, entries, err);
}

/* ---- telling --------------------------------------------------------------
 */

static void put_range(struct ord_buf *out, const char *name, int64_t low_ns,
                      int64_t high_ns)
{
    if (high_ns > 0)
        ord_buf_printf(out, " %s %" PRId64 "..%" PRId64 "ms", name,
                       low_ns / ORD_MS, high_ns / ORD_MS);
}

static void put_entry(const struct ord_nemesis_entry *entry,
                      struct ord_buf *out)
{
    ord_buf_printf(out, "    %s %s", entry->is_left_out ? "out" : "in ",
                   entry->fault);
    for (uint32_t i = 0; i < entry->param_count; i++)
        ord_buf_printf(out, " %s=%s", entry->params[i].name,
                       entry->params[i].value);
    put_range(out, "every", entry->every_low_ns, entry->every_high_ns);
    put_range(out, "for", entry->for_low_ns, entry->for_high_ns);
    ord_buf_char(out, '\n');
}

void ord_swarm_print(const struct ord_cell *cell, struct ord_buf *out)
{
    if (cell->kinds_left_out != NULL)
        ord_buf_text(out, "  swarm, operations:");
    for (uint32_t i = 0; cell->kinds_left_out != NULL && i < count_kinds(cell);
         i++)
        ord_buf_printf(out, "%s %s %s", i > 0 ? "," : "",
                       cell->workload->kinds[i].name,
                       cell->kinds_left_out[i] ? "left out" : "left in");
    if (cell->kinds_left_out != NULL)
        ord_buf_char(out, '\n');
    if (cell->entries == cell->written)
        return;
    ord_buf_printf(out, "  %s, as the seed has drawn them:\n",
                   cell->swarms_faults ? "swarm, faults" : "faults");
    for (uint32_t i = 0; i < cell->entry_count; i++)
        put_entry(&cell->entries[i], out);
}

static void json_range(struct ord_buf *out, const char *name, int64_t low_ns,
                       int64_t high_ns)
{
    ord_out_name(out, name);
    ord_buf_printf(out, "[%" PRId64 ",%" PRId64 "]", low_ns, high_ns);
}

static void json_entry(const struct ord_nemesis_entry *entry,
                       struct ord_buf *out)
{
    ord_out_next(out);
    ord_buf_char(out, '{');
    ord_out_text(out, "fault", entry->fault);
    ord_out_bool(out, "left_out", entry->is_left_out);
    ord_out_name(out, "params");
    ord_buf_char(out, '{');
    for (uint32_t i = 0; i < entry->param_count; i++)
        ord_out_text(out, entry->params[i].name, entry->params[i].value);
    ord_buf_char(out, '}');
    json_range(out, "every_ns", entry->every_low_ns, entry->every_high_ns);
    json_range(out, "for_ns", entry->for_low_ns, entry->for_high_ns);
    ord_buf_char(out, '}');
}

void ord_swarm_json(const struct ord_cell *cell, struct ord_buf *out)
{
    if (cell->entries == cell->written && cell->kinds_left_out == NULL)
        return;
    ord_buf_printf(out, ",\"swarm\":{");
    ord_out_name(out, "operations");
    ord_buf_char(out, '{');
    for (uint32_t i = 0; cell->kinds_left_out != NULL && i < count_kinds(cell);
         i++)
        ord_out_text(out, cell->workload->kinds[i].name,
                     cell->kinds_left_out[i] ? "left out" : "left in");
    ord_buf_char(out, '}');
    ord_out_name(out, "faults");
    ord_buf_char(out, '[');
    for (uint32_t i = 0;
         cell->entries != cell->written && i < cell->entry_count; i++)
        json_entry(&cell->entries[i], out);
    ord_buf_text(out, "]}");
}
