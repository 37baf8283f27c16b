#include "harness/report/exposure.h"

#include <stdlib.h>
#include <string.h>

struct span { /* both ends belong to it */
    int64_t begin_ns, end_ns;
};

struct spans { /* in order, none touches another */
    struct span *at;
    uint32_t count;
};

static bool is_counted(const struct ord_fault_result *fault)
{
    return fault->held && fault->not_begun == NULL && fault->begin_ns >= 0;
}

static struct span span_of(const struct ord_fault_result *fault)
{
    struct span span = {fault->begin_ns, fault->end_ns};

    if (fault->end_ns < 0)
        span.end_ns = INT64_MAX;
    return span;
}

static int by_begin(const void *a, const void *b)
{
    const struct span *x = a, *y = b;

    return (x->begin_ns > y->begin_ns) - (x->begin_ns < y->begin_ns);
}

/* When faults of this name (NULL: any) were in force, and held. */
static int unite(const struct ord_cell_result *cell, const char *name,
                 struct ord_arena *arena, struct spans *out)
{
    uint32_t count = 0;

    out->count = 0;
    out->at = ord_arena_zalloc(arena, cell->fault_count + 1, sizeof *out->at);
    if (out->at == NULL)
        return ORD_ENOMEM;
    for (uint32_t i = 0; i < cell->fault_count; i++) {
        const struct ord_fault_result *fault = &cell->faults[i];

        if (is_counted(fault) &&
            (name == NULL || strcmp(fault->fault, name) == 0))
            out->at[count++] = span_of(fault);
    }
    qsort(out->at, count, sizeof *out->at, by_begin);
    for (uint32_t i = 0; i < count; i++) {
        struct span *last = &out->at[out->count > 0 ? out->count - 1 : 0];

        if (out->count == 0 || out->at[i].begin_ns > last->end_ns)
            out->at[out->count++] = out->at[i];
        else if (out->at[i].end_ns > last->end_ns)
            last->end_ns = out->at[i].end_ns;
    }
    return ORD_OK;
}

/* The first span that ends at or after begin_ns decides. */
static bool meets(const struct spans *spans, struct span op)
{
    uint32_t low = 0;
    uint32_t high = spans->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (spans->at[middle].end_ns < op.begin_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low < spans->count && spans->at[low].begin_ns <= op.end_ns;
}

/* ---- per fault: all operations but those before it and those after it ------
 */

struct ends { /* faults in the order of one of their ends */
    int64_t *at;
    uint64_t *count; /* operations that this fault, and those behind it (before
                        it), do not meet */
    uint32_t size;
};

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int ends_init(struct ends *ends, const struct ord_cell_result *cell,
                     bool is_begin, struct ord_arena *arena)
{
    ends->size = 0;
    ends->at = ord_arena_zalloc(arena, cell->fault_count + 1, sizeof *ends->at);
    ends->count =
        ord_arena_zalloc(arena, cell->fault_count + 1, sizeof *ends->count);
    if (ends->at == NULL || ends->count == NULL)
        return ORD_ENOMEM;
    for (uint32_t i = 0; i < cell->fault_count; i++) {
        struct span span = span_of(&cell->faults[i]);

        if (is_counted(&cell->faults[i]))
            ends->at[ends->size++] = is_begin ? span.begin_ns : span.end_ns;
    }
    qsort(ends->at, ends->size, sizeof *ends->at, by_time);
    return ORD_OK;
}

/* How many are at most (or less than) time_ns. */
static uint32_t rank(const struct ends *ends, int64_t time_ns, bool or_equal)
{
    uint32_t low = 0;
    uint32_t high = ends->size;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ends->at[middle] < time_ns ||
            (or_equal && ends->at[middle] == time_ns))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct exposure {
    struct ord_cell_result *cell;
    struct ord_fault_kind *kinds;
    struct spans any;
    struct spans *of_kind;
    struct ends begins, ends;
};

static void take_op(struct exposure *x, struct span op)
{
    x->cell->ops_main++;
    if (x->begins.size == 0)
        return;
    x->cell->ops_met += meets(&x->any, op);
    for (uint32_t i = 0; i < x->cell->kind_count; i++)
        x->kinds[i].ops += meets(&x->of_kind[i], op);
    /* Over before the faults from here on; begun after those before here. */
    x->begins.count[rank(&x->begins, op.end_ns, true)]++;
    x->ends.count[rank(&x->ends, op.begin_ns, false)]++;
}

static void sum_up(const struct exposure *x, struct ord_fault_result *faults)
{
    const struct ends *begins = &x->begins;
    const struct ends *ends = &x->ends;

    for (uint32_t i = 1; i < begins->size; i++)
        begins->count[i] += begins->count[i - 1];
    for (uint32_t i = ends->size; i > 0; i--)
        ends->count[i - 1] += ends->count[i];
    for (uint32_t i = 0; i < x->cell->fault_count; i++) {
        struct span span = span_of(&faults[i]);

        if (!is_counted(&faults[i]))
            continue;
        faults[i].ops = x->cell->ops_main -
                        begins->count[rank(begins, span.begin_ns, false)] -
                        ends->count[rank(ends, span.end_ns, false) + 1];
    }
}

int ord_exposure(const struct ord_history *history,
                 struct ord_cell_result *cell, struct ord_fault_result *faults,
                 struct ord_fault_kind *kinds, struct ord_arena *arena,
                 struct ord_err *err)
{
    struct exposure x = {.cell = cell, .kinds = kinds};
    const struct ord_op *first = ord_history_first(history);

    ORD_ASSERT(faults == cell->faults);
    ORD_ASSERT(kinds == cell->kinds);
    cell->ops_main = 0;
    cell->ops_met = 0;
    x.of_kind =
        ord_arena_zalloc(arena, cell->kind_count + 1, sizeof *x.of_kind);
    if (x.of_kind == NULL || unite(cell, NULL, arena, &x.any) != ORD_OK ||
        ends_init(&x.begins, cell, true, arena) != ORD_OK ||
        ends_init(&x.ends, cell, false, arena) != ORD_OK)
        return ord_fail(err, ORD_ENOMEM, "exposure to faults");
    for (uint32_t i = 0; i < cell->kind_count; i++) {
        kinds[i].ops = 0;
        if (unite(cell, kinds[i].fault, arena, &x.of_kind[i]) != ORD_OK)
            return ord_fail(err, ORD_ENOMEM, "exposure to faults");
    }
    ORD_OPS (history, op) {
        if (op->type != ORD_OP_INVOKE || op->is_final ||
            op->process == ORD_PROCESS_NEMESIS)
            continue;
        take_op(&x, (struct span){op->time_ns, op->pair == ORD_NO_PAIR
                                                   ? INT64_MAX
                                                   : first[op->pair].time_ns});
    }
    sum_up(&x, faults);
    return ORD_OK;
}
