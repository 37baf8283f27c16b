#include "harness/report/show.h"

#include <stdio.h>

#include "harness/base/clock.h"
#include "harness/report/opview.h"
#include "harness/report/table.h"

enum { TEXT_MAX = 64 << 10, LABEL_WIDTH = 12 };

static bool is_key(const struct ord_value *key, const char *wanted,
                   struct ord_buf *scratch)
{
    ord_buf_clear(scratch);
    ord_key_brief(key, scratch);
    if (strcmp(ord_buf_str(scratch), wanted) == 0)
        return true;
    ord_buf_clear(scratch);
    ord_value_brief(key, scratch);
    return strcmp(ord_buf_str(scratch), wanted) == 0;
}

static bool is_wanted(const struct ord_op *op, const struct ord_show *how,
                      struct ord_buf *scratch)
{
    if (op->process == ORD_PROCESS_NEMESIS || op->index == how->around)
        return true;
    if (how->has_process && op->process != how->process)
        return false;
    return how->key == NULL || is_key(&op->key, how->key, scratch);
}

static enum ord_color color_of(const struct ord_op *op)
{
    if (op->process == ORD_PROCESS_NEMESIS)
        return ORD_COLOR_YELLOW;
    switch ((enum ord_op_type)op->type) {
    case ORD_OP_INVOKE:
        return ORD_COLOR_DIM;
    case ORD_OP_OK:
        return ORD_COLOR_BLUE;
    case ORD_OP_FAIL:
    case ORD_OP_INFO:
        break;
    }
    return ORD_COLOR_RED;
}

static void put_what(const struct ord_history *history, const struct ord_op *op,
                     struct ord_buf *out)
{
    const struct ord_op *invoke = ord_history_pair(history, op);
    struct ord_clock_view clock;

    ord_buf_text(out, op->name);
    if (ord_op_clock(op, &clock)) {
        ord_buf_printf(out,
                       " of %s: ", ord_history_node_name(history, op->node));
        ord_clock_view_print(&clock, out);
        return;
    }
    if (op->key.kind != ORD_NIL) {
        ord_buf_char(out, ' ');
        ord_key_brief(&op->key, out);
    }
    if (op->value.kind != ORD_NIL ||
        (op->type == ORD_OP_OK && op->f == ORD_F_READ)) {
        ord_buf_char(out, ' ');
        ord_value_brief(&op->value, out);
    }
    if (op->session != ORD_NONE)
        ord_buf_printf(out, " u%lld", (long long)op->session);
    if (op->epoch != ORD_NONE)
        ord_buf_printf(out, " e%lld", (long long)op->epoch);
    if (op->is_final)
        ord_buf_text(out, " final");
    if (op->type != ORD_OP_INVOKE && invoke != NULL &&
        invoke->time_ns != ORD_NONE && op->time_ns != ORD_NONE)
        ord_buf_printf(out, "  %.2f ms",
                       (double)(op->time_ns - invoke->time_ns) /
                           (double)ORD_MS);
    if (op->type == ORD_OP_INVOKE && invoke == NULL)
        ord_buf_text(out, "  never answered");
    if (op->error != NULL)
        ord_buf_printf(out, "  (%s)", op->error);
}

static void put_event(const struct ord_history *history,
                      const struct ord_op *op, const struct ord_show *how,
                      const struct ord_term *term, struct ord_buf *out)
{
    bool is_mark = op->index == how->around || op->pair == how->around;
    struct ord_buf what;
    char when[24] = "";
    char head[128];
    uint32_t width;

    if (how->around == ORD_NONE)
        is_mark = false;
    ord_buf_init(&what, TEXT_MAX);
    put_what(history, op, &what);
    if (op->time_ns != ORD_NONE)
        snprintf(when, sizeof when, "%11.6f",
                 (double)op->time_ns / (double)ORD_S);
    if (op->process == ORD_PROCESS_NEMESIS)
        snprintf(head, sizeof head, "%s%8lld %11s  nemesis  ",
                 is_mark ? ">" : " ", (long long)op->index, when);
    else
        snprintf(head, sizeof head, "%s%8lld %11s  p%-5lld  %-4.16s %-6s ",
                 is_mark ? ">" : " ", (long long)op->index, when,
                 (long long)op->process,
                 ord_history_node_name(history, op->node),
                 ord_op_type_name((enum ord_op_type)op->type));
    ord_term_color(out, term, is_mark ? ORD_COLOR_BOLD : color_of(op));
    width = ord_term_text(out, head, 0);
    ord_term_text(out, ord_buf_str(&what),
                  term->width > width + 8 ? term->width - width : 0);
    ord_term_color(out, term, ORD_COLOR_NONE);
    ord_buf_char(out, '\n');
    ord_buf_fini(&what);
}

/* Which of the wanted events to print: [first, last). */
struct window {
    uint64_t first, last, total;
};

static struct window window_of(const struct ord_history *history,
                               const struct ord_show *how,
                               struct ord_buf *scratch)
{
    struct window window = {0, 0, 0};
    uint64_t centre = 0;

    ORD_OPS (history, op) {
        if (!is_wanted(op, how, scratch))
            continue;
        if (op->index == how->around)
            centre = window.total;
        window.total++;
    }
    window.last = window.total;
    if (how->rows == 0 || window.total <= how->rows)
        return window;
    window.first = centre > how->rows / 2 ? centre - how->rows / 2 : 0;
    if (window.first > window.total - how->rows)
        window.first = window.total - how->rows;
    window.last = window.first + how->rows;
    return window;
}

int ord_show_history(const struct ord_history *history,
                     const struct ord_show *how, const struct ord_term *term,
                     struct ord_buf *out, struct ord_err *err)
{
    struct ord_buf scratch;
    struct window window;
    uint64_t at = 0;

    if (how->around != ORD_NONE &&
        (how->around < 0 || how->around >= ord_history_count(history)))
        return ord_fail(
            err, ORD_EUSAGE, "no event %lld: the history has %lld, from 0",
            (long long)how->around, (long long)ord_history_count(history));
    ord_buf_init(&scratch, TEXT_MAX);
    window = window_of(history, how, &scratch);
    if (window.first > 0)
        ord_buf_printf(out, "  ... %llu before\n",
                       (unsigned long long)window.first);
    ORD_OPS (history, op) {
        if (!is_wanted(op, how, &scratch))
            continue;
        if (at >= window.first && at < window.last)
            put_event(history, op, how, term, out);
        at++;
    }
    if (window.last < window.total)
        ord_buf_printf(out, "  ... %llu after\n",
                       (unsigned long long)(window.total - window.last));
    ord_buf_fini(&scratch);
    return ORD_OK;
}

/* ---- a cell ------------------------------------------------------------- */

static void put_row(const char *label, const char *text,
                    const struct ord_term *term, struct ord_buf *out)
{
    ord_term_cell(out, label, LABEL_WIDTH);
    ord_term_wrap(out, term, text, LABEL_WIDTH, LABEL_WIDTH);
    ord_buf_char(out, '\n');
}

static void put_faults(const struct ord_cell_result *cell,
                       const struct ord_term *term, struct ord_buf *out)
{
    struct ord_buf text;

    ord_buf_init(&text, TEXT_MAX);
    for (uint32_t i = 0; i < cell->fault_count; i++) {
        const struct ord_fault_result *fault = &cell->faults[i];

        ord_buf_clear(&text);
        ord_buf_printf(&text, "%s: %s, ", fault->fault, fault->what);
        if (fault->begin_ns != ORD_NONE)
            ord_time_print(fault->begin_ns, &text);
        ord_buf_text(&text, " to ");
        if (fault->end_ns != ORD_NONE)
            ord_time_print(fault->end_ns, &text);
        else
            ord_buf_text(&text, "the end");
        ord_buf_printf(&text, ", %s%s%s",
                       fault->held ? "held" : "did not take hold",
                       fault->evidence == NULL ? "" : ": ",
                       fault->evidence == NULL ? "" : fault->evidence);
        put_row(i == 0 ? "faults" : "", ord_buf_str(&text), term, out);
    }
    ord_buf_fini(&text);
}

static void put_what_ran(const struct ord_cell_result *cell,
                         const struct ord_term *term, struct ord_buf *out)
{
    struct ord_buf text;

    ord_buf_init(&text, TEXT_MAX);
    ord_buf_printf(
        &text, "%s %s, seed %llu", cell->campaign ? cell->campaign : "",
        cell->cell ? cell->cell : "?", (unsigned long long)cell->seed);
    put_row("cell", ord_buf_str(&text), term, out);
    if (cell->about != NULL)
        put_row("about", cell->about, term, out);
    ord_buf_clear(&text);
    ord_buf_printf(&text, "%s, %u nodes, %u clients, workload %s",
                   cell->target ? cell->target : "?", cell->nodes,
                   cell->clients, cell->workload ? cell->workload : "?");
    for (uint32_t i = 0; i < cell->setting_count; i++)
        ord_buf_printf(&text, ", %s=%s", cell->settings[i].name,
                       cell->settings[i].value);
    put_row("target", ord_buf_str(&text), term, out);
    ord_buf_clear(&text);
    ord_buf_printf(
        &text, "%llu invoked, %llu ok, %llu fail, %llu info",
        (unsigned long long)cell->ops.invoked, (unsigned long long)cell->ops.ok,
        (unsigned long long)cell->ops.fail, (unsigned long long)cell->ops.info);
    put_row("operations", ord_buf_str(&text), term, out);
    ord_buf_fini(&text);
}

void ord_show_cell(const struct ord_cell_result *cell,
                   const struct ord_term *term, struct ord_buf *out)
{
    put_what_ran(cell, term, out);
    put_faults(cell, term, out);
    for (uint32_t i = 0; i < cell->problem_count; i++)
        put_row("problem", cell->problems[i].what, term, out);
    ord_term_cell(out, "verdict", LABEL_WIDTH);
    ord_term_color(out, term, ord_cell_verdict_color(cell->verdict));
    ord_buf_text(out, ord_cell_verdict_name(cell->verdict));
    ord_term_color(out, term, ORD_COLOR_NONE);
    ord_buf_char(out, '\n');
    put_row("", cell->reason, term, out);
}
