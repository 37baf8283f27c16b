#include "harness/report/explain.h"

#include <stdio.h>

#include "harness/report/opview.h"

enum {
    INDENT = 4,
    AXIS_MAX = 96,
    AXIS_MIN = 48,
    WIDTH_PRESET = 80,
    GAP = 4, /* columns between two moments, where there is room */
    MOMENTS_MAX = 2 * (ORD_EXPLAIN_OPS_MAX + ORD_EXPLAIN_FAULTS_MAX),
    LABEL_MAX = 16,
    ARENA_MAX = 8 << 20,
};

/* What one check's evidence looks like in time. */
struct scene {
    const struct ord_history *history;
    const struct ord_term *term;
    struct ord_op_view views[ORD_EVIDENCE_MAX];
    uint32_t view_count; /* of which ORD_EXPLAIN_OPS_MAX are drawn */
    uint32_t drawn;
    struct ord_fault_result faults[ORD_EXPLAIN_FAULTS_MAX];
    uint32_t fault_count;
    bool is_timed; /* else moments are places in the history */
    int64_t low_ns, high_ns;
    int64_t moments[MOMENTS_MAX]; /* rising, unique */
    uint32_t columns[MOMENTS_MAX];
    uint32_t moment_count;
    uint32_t label; /* width of the names of rows */
    uint32_t width; /* of the axis */
};

static void add_moment(struct scene *scene, int64_t time_ns)
{
    uint32_t at = scene->moment_count;

    if (time_ns < scene->low_ns)
        time_ns = scene->low_ns;
    if (time_ns > scene->high_ns)
        time_ns = scene->high_ns;
    for (uint32_t i = 0; i < scene->moment_count; i++)
        if (scene->moments[i] == time_ns)
            return;
    ORD_ASSERT(at < MOMENTS_MAX);
    for (; at > 0 && scene->moments[at - 1] > time_ns; at--)
        scene->moments[at] = scene->moments[at - 1];
    scene->moments[at] = time_ns;
    scene->moment_count++;
}

/* True to time first, then pushed apart from the left and from the right. */
static void place_moments(struct scene *scene)
{
    uint32_t last = scene->moment_count - 1;
    int64_t span = scene->high_ns - scene->low_ns;
    uint32_t gap = GAP;

    ORD_ASSERT(scene->moment_count > 0);
    ORD_ASSERT(scene->width > MOMENTS_MAX);
    if (last > 0 && (scene->width - 1) / last < gap)
        gap = (scene->width - 1) / last;
    for (uint32_t i = 0; i <= last; i++) {
        double part = span == 0 ? 0
                                : (double)(scene->moments[i] - scene->low_ns) /
                                      (double)span;

        scene->columns[i] = (uint32_t)(part * (scene->width - 1));
        if (i > 0 && scene->columns[i] < scene->columns[i - 1] + gap)
            scene->columns[i] = scene->columns[i - 1] + gap;
    }
    if (scene->columns[last] > scene->width - 1)
        scene->columns[last] = scene->width - 1;
    for (uint32_t i = last; i > 0; i--)
        if (scene->columns[i - 1] + gap > scene->columns[i])
            scene->columns[i - 1] = scene->columns[i] - gap;
}

static uint32_t column_of(const struct scene *scene, int64_t time_ns)
{
    for (uint32_t i = 0; i < scene->moment_count; i++)
        if (scene->moments[i] >= time_ns)
            return scene->columns[i];
    return scene->columns[scene->moment_count - 1];
}

static void take_faults(struct scene *scene,
                        const struct ord_fault_result *faults, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (scene->fault_count == ORD_EXPLAIN_FAULTS_MAX)
            return;
        if (faults[i].begin_ns > scene->high_ns ||
            (faults[i].end_ns != ORD_NONE && faults[i].end_ns < scene->low_ns))
            continue;
        scene->faults[scene->fault_count++] = faults[i];
    }
}

static uint32_t label_of(const struct ord_op_view *view, char out[LABEL_MAX])
{
    int size =
        snprintf(out, LABEL_MAX, "p%lld", (long long)view->invoke->process);

    return size < LABEL_MAX ? (uint32_t)size : LABEL_MAX - 1;
}

/* Other tools' times are labels: missing, or running backwards.  The order of
 * the events is the truth, and an axis must not contradict it. */
static bool times_fit(const struct scene *scene)
{
    for (uint32_t i = 0; i < 2 * scene->drawn; i++) {
        const struct ord_op_view *a = &scene->views[i / 2];
        const struct ord_op *x = i % 2 == 0 ? a->invoke : a->complete;

        if (x != NULL && x->time_ns == ORD_NONE)
            return false;
        for (uint32_t k = 0; x != NULL && k < 2 * scene->drawn; k++) {
            const struct ord_op_view *b = &scene->views[k / 2];
            const struct ord_op *y = k % 2 == 0 ? b->invoke : b->complete;

            if (y != NULL && x->index < y->index && x->time_ns > y->time_ns)
                return false;
        }
    }
    return true;
}

static void use_places(struct scene *scene)
{
    for (uint32_t i = 0; i < scene->drawn; i++) {
        struct ord_op_view view = scene->views[i];
        uint32_t at = i;

        view.begin_ns = view.invoke->index;
        view.end_ns = view.complete != NULL ? view.complete->index : ORD_NONE;
        for (; at > 0 && scene->views[at - 1].begin_ns > view.begin_ns; at--)
            scene->views[at] = scene->views[at - 1];
        scene->views[at] = view;
    }
}

static void put_moment(const struct scene *scene, int64_t moment,
                       struct ord_buf *out)
{
    if (scene->is_timed)
        ord_time_print(moment, out);
    else
        ord_buf_printf(out, "#%lld", (long long)moment);
}

static bool scene_set(struct scene *scene, const struct ord_verdict *verdict,
                      const struct ord_fault_result *faults,
                      uint32_t fault_count)
{
    uint32_t width =
        scene->term->width == 0 ? WIDTH_PRESET : scene->term->width;
    char label[LABEL_MAX];

    scene->view_count = ord_op_views(scene->history, verdict->ops,
                                     verdict->op_count, scene->views);
    scene->drawn = scene->view_count < ORD_EXPLAIN_OPS_MAX
                       ? scene->view_count
                       : ORD_EXPLAIN_OPS_MAX;
    if (scene->drawn == 0)
        return false;
    scene->is_timed = times_fit(scene);
    if (!scene->is_timed) {
        use_places(scene);
        fault_count = 0; /* of which only the times are known */
    }
    scene->low_ns = scene->views[0].begin_ns;
    scene->high_ns = scene->low_ns;
    scene->label = sizeof "fault" - 1;
    for (uint32_t i = 0; i < scene->drawn; i++) {
        const struct ord_op_view *view = &scene->views[i];
        int64_t end_ns =
            view->end_ns == ORD_NONE ? view->begin_ns : view->end_ns;
        uint32_t size = label_of(view, label);

        scene->high_ns = end_ns > scene->high_ns ? end_ns : scene->high_ns;
        scene->label = size > scene->label ? size : scene->label;
    }
    take_faults(scene, faults, fault_count);
    for (uint32_t i = 0; i < scene->drawn; i++) {
        add_moment(scene, scene->views[i].begin_ns);
        if (scene->views[i].end_ns != ORD_NONE)
            add_moment(scene, scene->views[i].end_ns);
    }
    for (uint32_t i = 0; i < scene->fault_count; i++) {
        add_moment(scene, scene->faults[i].begin_ns);
        if (scene->faults[i].end_ns != ORD_NONE)
            add_moment(scene, scene->faults[i].end_ns);
    }
    width = width > INDENT + scene->label + 2
                ? width - INDENT - scene->label - 2
                : AXIS_MIN;
    scene->width = width < AXIS_MIN   ? AXIS_MIN
                   : width > AXIS_MAX ? AXIS_MAX
                                      : width;
    place_moments(scene);
    return true;
}

/* ---- printing ----------------------------------------------------------- */

static void put_line(const struct scene *scene, const char *label,
                     const char *line, enum ord_color color,
                     struct ord_buf *out)
{
    size_t size = strlen(line);

    while (size > 0 && line[size - 1] == ' ')
        size--;
    ord_buf_printf(out, "%*s", INDENT, "");
    ord_term_cell(out, label, scene->label);
    ord_buf_text(out, "  ");
    ord_term_color(out, scene->term, color);
    ord_buf_add(out, (struct ord_bytes){line, size});
    ord_term_color(out, scene->term, ORD_COLOR_NONE);
    ord_buf_char(out, '\n');
}

static void line_clear(const struct scene *scene, char line[AXIS_MAX + 1])
{
    memset(line, ' ', scene->width);
    line[scene->width] = '\0';
}

/* |A---| from one column to another, or |A---> when it never ended. */
static void draw_span(char *line, uint32_t from, uint32_t to, char fill,
                      char letter, bool is_open)
{
    ORD_ASSERT(from <= to);
    ORD_ASSERT(to <= AXIS_MAX);
    for (uint32_t i = from; i <= to; i++)
        line[i] = fill;
    line[from] = '|';
    line[to] = is_open ? '>' : '|';
    if (letter == '\0')
        return;
    line[to > from + 1 ? from + 1 : from] = letter;
}

static void put_axis(const struct scene *scene, struct ord_buf *out)
{
    struct ord_buf text;
    char line[AXIS_MAX + 1];

    line_clear(scene, line);
    ord_buf_init(&text, sizeof line);
    put_moment(scene, scene->low_ns, &text);
    if (text.size <= scene->width)
        memcpy(line, text.at, text.size);
    ord_buf_clear(&text);
    put_moment(scene, scene->high_ns, &text);
    if (2 * text.size + 2 <= scene->width)
        memcpy(line + scene->width - text.size, text.at, text.size);
    put_line(scene, "", line, ORD_COLOR_DIM, out);
    ord_buf_fini(&text);
}

static void put_processes(const struct scene *scene, struct ord_buf *out)
{
    bool is_done[ORD_EXPLAIN_OPS_MAX] = {false};

    for (uint32_t i = 0; i < scene->drawn; i++) {
        char line[AXIS_MAX + 1];
        char label[LABEL_MAX];

        if (is_done[i])
            continue;
        line_clear(scene, line);
        for (uint32_t k = i; k < scene->drawn; k++) {
            const struct ord_op_view *view = &scene->views[k];
            bool is_open = view->end_ns == ORD_NONE;

            if (view->invoke->process != scene->views[i].invoke->process)
                continue;
            is_done[k] = true;
            draw_span(line, column_of(scene, view->begin_ns),
                      is_open ? scene->width - 1
                              : column_of(scene, view->end_ns),
                      '-', (char)('A' + k), is_open);
        }
        label_of(&scene->views[i], label);
        put_line(scene, label, line, ORD_COLOR_NONE, out);
    }
}

static void put_faults(const struct scene *scene, struct ord_buf *out)
{
    for (uint32_t i = 0; i < scene->fault_count; i++) {
        const struct ord_fault_result *fault = &scene->faults[i];
        bool is_open =
            fault->end_ns == ORD_NONE || fault->end_ns > scene->high_ns;
        uint32_t from = column_of(scene, fault->begin_ns);
        uint32_t to =
            is_open ? scene->width - 1 : column_of(scene, fault->end_ns);
        char line[AXIS_MAX + 1];

        line_clear(scene, line);
        draw_span(line, from, to, '=', '\0', is_open);
        if (fault->begin_ns < scene->low_ns)
            line[from] = '<';
        put_line(scene, i == 0 ? "fault" : "", line, ORD_COLOR_YELLOW, out);
    }
}

static void put_when(const struct scene *scene, const struct ord_op_view *view,
                     struct ord_buf *out)
{
    put_moment(scene, view->begin_ns, out);
    ord_buf_text(out, view->end_ns == ORD_NONE ? ", never answered" : " to ");
    if (view->end_ns != ORD_NONE)
        put_moment(scene, view->end_ns, out);
    if (scene->is_timed)
        ord_buf_printf(out, "  #%lld", (long long)view->invoke->index);
}

/* "A  add k4 17  ok  p1 n1  1.241 s to 1.244 s  #2598" */
static void put_legend(const struct scene *scene, struct ord_buf *out)
{
    struct ord_buf text;
    uint32_t width = 0;

    ord_buf_init(&text, 1 << 16);
    for (uint32_t i = 0; i < scene->drawn; i++) {
        uint32_t size;

        ord_buf_clear(&text);
        ord_op_view_print(&scene->views[i], "->", &text);
        size = ord_text_width(ord_buf_str(&text));
        width = size > width ? size : width;
    }
    width = width > 40 ? 40 : width;
    for (uint32_t i = 0; i < scene->drawn; i++) {
        const struct ord_op_view *view = &scene->views[i];
        char label[LABEL_MAX];

        ord_buf_clear(&text);
        ord_op_view_print(view, "->", &text);
        label_of(view, label);
        ord_buf_printf(out, "%*s%c  ", INDENT, "", (char)('A' + i));
        ord_term_cell(out, ord_buf_str(&text), width);
        ord_buf_printf(out, "  %-4s  %-*s  ",
                       ord_op_type_name((enum ord_op_type)view->type),
                       (int)scene->label, label);
        ord_term_text(out, ord_history_node_name(scene->history, view->node),
                      0);
        ord_buf_text(out, "  ");
        put_when(scene, view, out);
        ord_buf_printf(out, "%s\n", view->invoke->is_final ? " final" : "");
    }
    if (scene->view_count > scene->drawn)
        ord_buf_printf(out, "%*s... and %u more\n", INDENT, "",
                       scene->view_count - scene->drawn);
    for (uint32_t i = 0; i < scene->fault_count; i++) {
        ord_buf_printf(out, "%*s=  ", INDENT, "");
        ord_term_text(out, scene->faults[i].fault, 0);
        ord_buf_text(out, ": ");
        ord_term_text(out, scene->faults[i].what, 0);
        ord_buf_text(out, ", from ");
        ord_time_print(scene->faults[i].begin_ns, out);
        if (scene->faults[i].end_ns != ORD_NONE) {
            ord_buf_text(out, " to ");
            ord_time_print(scene->faults[i].end_ns, out);
        }
        ord_buf_char(out, '\n');
    }
    ord_buf_fini(&text);
}

static void put_head(const struct ord_check_result *check,
                     const struct ord_term *term, struct ord_buf *out)
{
    const struct ord_verdict *verdict = &check->verdict;
    static const char *const words[] = {
        [ORD_VALID] = "pass",
        [ORD_UNKNOWN] = "unknown",
        [ORD_INVALID] = "violation",
    };
    static const enum ord_color colors[] = {
        [ORD_VALID] = ORD_COLOR_GREEN,
        [ORD_UNKNOWN] = ORD_COLOR_YELLOW,
        [ORD_INVALID] = ORD_COLOR_RED,
    };

    ord_term_color(out, term, ORD_COLOR_BOLD);
    ord_term_text(out, check->name, 0);
    ord_term_color(out, term, ORD_COLOR_NONE);
    if (check->model != NULL) {
        ord_buf_text(out, " (");
        ord_term_text(out, check->model, 0);
        ord_buf_char(out, ')');
    }
    ord_buf_text(out, ": ");
    ord_term_color(out, term, colors[verdict->outcome]);
    ord_buf_text(out, words[verdict->outcome]);
    ord_term_color(out, term, ORD_COLOR_NONE);
    if (verdict->violation_count > 1)
        ord_buf_printf(out, " (%llu found)",
                       (unsigned long long)verdict->violation_count);
    ord_buf_char(out, '\n');
    if (verdict->why[0] == '\0')
        return;
    ord_buf_printf(out, "%*s", INDENT, "");
    ord_term_wrap(out, term, verdict->why, INDENT, INDENT);
    ord_buf_char(out, '\n');
}

static void put_findings(const struct ord_verdict *verdict,
                         const struct ord_term *term, struct ord_buf *out)
{
    for (uint32_t i = 0; i < verdict->finding_count; i++) {
        ord_buf_printf(out, "%*s%s", INDENT, "", i == 0 ? "also: " : "      ");
        ord_term_wrap(out, term, verdict->findings[i].why, INDENT + 6,
                      INDENT + 6);
        ord_buf_char(out, '\n');
    }
}

void ord_explain_checks(const struct ord_check_result *checks, uint32_t count,
                        const struct ord_history *history,
                        const struct ord_term *term, struct ord_buf *out)
{
    const struct ord_fault_result *faults = NULL;
    uint32_t fault_count = 0;
    struct ord_arena arena;
    struct ord_err err;

    ord_arena_init(&arena, ARENA_MAX);
    /* Without memory for the faults the operations still tell the tale. */
    if (history != NULL)
        (void)ord_history_faults(history, &arena, &faults, &fault_count, &err);
    for (uint32_t i = 0; i < count; i++) {
        const struct ord_verdict *verdict = &checks[i].verdict;
        struct scene scene = {.history = history, .term = term};

        put_head(&checks[i], term, out);
        if (verdict->outcome == ORD_VALID)
            continue;
        if (history != NULL &&
            scene_set(&scene, verdict, faults, fault_count)) {
            ord_buf_char(out, '\n');
            put_axis(&scene, out);
            put_processes(&scene, out);
            put_faults(&scene, out);
            ord_buf_char(out, '\n');
            put_legend(&scene, out);
        }
        put_findings(verdict, term, out);
        ord_buf_text(out, i + 1 < count ? "\n" : "");
    }
    ord_arena_fini(&arena);
}
