#include "harness/report/progress.h"

#include <stdio.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/report/table.h"

enum { OUT_MAX = 1 << 20, CELL_WIDTH = 8, VERDICT_WIDTH = 15 };

#define REDRAW_NS (100 * ORD_MS)

static void emit(struct ord_progress *progress, struct ord_buf *out)
{
    struct ord_err err;

    /* Nobody may be listening, and that is fine. */
    (void)ord_write_all(progress->fd, ord_buf_bytes(out), &err);
    ord_buf_fini(out);
}

/* Back to the first live line, and everything below it gone. */
static void erase(struct ord_progress *progress, struct ord_buf *out)
{
    if (progress->drawn > 0)
        ord_buf_printf(out, "\x1b[%uA\r\x1b[J", progress->drawn);
    progress->drawn = 0;
}

static void draw(struct ord_progress *progress, struct ord_buf *out,
                 int64_t now_ns)
{
    if (!progress->term.is_tty)
        return;
    for (uint32_t i = 0; i < ORD_PROGRESS_LINES_MAX; i++) {
        const struct ord_progress_line *line = &progress->lines[i];
        char text[512];

        if (!line->is_used)
            continue;
        snprintf(text, sizeof text, "%-*s %5.1f s  %-8s %9llu ops  %s",
                 CELL_WIDTH, line->cell,
                 (double)(now_ns - line->begin_ns) / (double)ORD_S, line->phase,
                 (unsigned long long)line->ops_ok, line->about);
        ord_term_color(out, &progress->term, ORD_COLOR_DIM);
        ord_term_text(out, text, progress->term.width - 1);
        ord_term_color(out, &progress->term, ORD_COLOR_NONE);
        ord_buf_char(out, '\n');
        progress->drawn++;
    }
    progress->drawn_ns = now_ns;
}

static struct ord_progress_line *line_of(struct ord_progress *progress,
                                         uint32_t slot)
{
    for (uint32_t i = 0; i < ORD_PROGRESS_LINES_MAX; i++)
        if (progress->lines[i].is_used && progress->lines[i].slot == slot)
            return &progress->lines[i];
    return NULL;
}

void ord_progress_init(struct ord_progress *progress, int fd,
                       const struct ord_term *term, uint32_t cell_count)
{
    ORD_ASSERT(fd >= 0);
    *progress = (struct ord_progress){
        .term = *term, .fd = fd, .cell_count = cell_count};
    if (progress->term.width == 0 && progress->term.is_tty)
        progress->term.width = 80;
}

void ord_progress_begin(struct ord_progress *progress, uint32_t slot,
                        const char *cell, const char *about, uint64_t seed,
                        int64_t now_ns)
{
    struct ord_progress_line *line = NULL;
    struct ord_buf out;

    ORD_ASSERT(line_of(progress, slot) == NULL);
    ord_buf_init(&out, OUT_MAX);
    for (uint32_t i = 0; line == NULL && i < ORD_PROGRESS_LINES_MAX; i++)
        if (!progress->lines[i].is_used)
            line = &progress->lines[i];
    if (line != NULL) {
        *line = (struct ord_progress_line){
            .seed = seed, .begin_ns = now_ns, .slot = slot, .is_used = true};
        snprintf(line->cell, sizeof line->cell, "%s", cell);
        snprintf(line->about, sizeof line->about, "%s",
                 about == NULL ? "" : about);
        snprintf(line->phase, sizeof line->phase, "start");
    }
    if (progress->term.is_tty) {
        erase(progress, &out);
        draw(progress, &out, now_ns);
    } else {
        ord_term_text(&out, cell, 0);
        ord_buf_printf(&out, " (seed %llu) begins", (unsigned long long)seed);
        ord_buf_text(&out, about == NULL ? "" : ": ");
        ord_term_text(&out, about == NULL ? "" : about, 0);
        ord_buf_char(&out, '\n');
    }
    emit(progress, &out);
}

void ord_progress_update(struct ord_progress *progress, uint32_t slot,
                         const char *phase, uint64_t ops_ok, int64_t now_ns)
{
    struct ord_progress_line *line = line_of(progress, slot);
    struct ord_buf out;

    if (line != NULL) {
        snprintf(line->phase, sizeof line->phase, "%s", phase);
        line->ops_ok = ops_ok;
    }
    if (!progress->term.is_tty || now_ns - progress->drawn_ns < REDRAW_NS)
        return;
    ord_buf_init(&out, OUT_MAX);
    erase(progress, &out);
    draw(progress, &out, now_ns);
    emit(progress, &out);
}

void ord_progress_end(struct ord_progress *progress, uint32_t slot,
                      const struct ord_cell_result *cell, int64_t now_ns)
{
    struct ord_progress_line *line = line_of(progress, slot);
    const struct ord_term *term = &progress->term;
    struct ord_buf out, found;
    char head[64];

    ord_buf_init(&out, OUT_MAX);
    ord_buf_init(&found, OUT_MAX);
    erase(progress, &out);
    progress->done_count++;
    snprintf(head, sizeof head, "[%u/%u] ", progress->done_count,
             progress->cell_count);
    ord_buf_text(&out, head);
    ord_term_cell(&out, cell->cell == NULL ? "?" : cell->cell, CELL_WIDTH);
    ord_buf_char(&out, ' ');
    ord_term_color(&out, term, ord_cell_verdict_color(cell->verdict));
    ord_term_cell(&out, ord_cell_verdict_name(cell->verdict), VERDICT_WIDTH);
    ord_term_color(&out, term, ORD_COLOR_NONE);
    if (line != NULL)
        ord_buf_printf(&out, " %5.1f s",
                       (double)(now_ns - line->begin_ns) / (double)ORD_S);
    ord_buf_text(&out, "  ");
    ord_table_found(cell, &found);
    /* The reason tells more than the checks when the harness had trouble. */
    ord_term_text(&out,
                  cell->verdict == ORD_CELL_PASS ? ord_buf_str(&found)
                                                 : cell->reason,
                  term->width > 50 ? term->width - 42 : 0);
    ord_buf_char(&out, '\n');
    if (line != NULL)
        line->is_used = false;
    draw(progress, &out, now_ns);
    emit(progress, &out);
    ord_buf_fini(&found);
}

void ord_progress_say(struct ord_progress *progress, const char *text,
                      int64_t now_ns)
{
    struct ord_buf out;

    ord_buf_init(&out, OUT_MAX);
    erase(progress, &out);
    ord_term_text(&out, text, 0);
    ord_buf_char(&out, '\n');
    draw(progress, &out, now_ns);
    emit(progress, &out);
}

void ord_progress_fini(struct ord_progress *progress)
{
    struct ord_buf out;

    ord_buf_init(&out, OUT_MAX);
    erase(progress, &out);
    emit(progress, &out);
}
