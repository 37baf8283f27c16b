/* term.h -- text for terminals: how wide, how coloured, how harmless.
 *
 * Texts may quote what a database answered; ord_term_text() lets no control
 * character through.  Widths are in columns.
 */
#ifndef ORD_REPORT_TERM_H
#define ORD_REPORT_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"

struct ord_term {
    uint32_t width; /* columns; 0: no limit (not a terminal) */
    bool is_tty;
    bool has_color;
};

enum ord_color {
    ORD_COLOR_NONE,
    ORD_COLOR_BOLD,
    ORD_COLOR_DIM,
    ORD_COLOR_RED,
    ORD_COLOR_GREEN,
    ORD_COLOR_YELLOW,
    ORD_COLOR_BLUE,
    ORD_COLOR_COUNT
};

/* What stands behind fd: NO_COLOR and TERM=dumb are honoured. */
struct ord_term ord_term_of(int fd);

/* Columns that the text takes once printed. */
uint32_t ord_text_width(const char *text);
/* Appends the text, control characters and bad UTF-8 as U+FFFD, line breaks
 * and tabs as spaces; cut to width_max columns with an ellipsis (0: whole).
 * Returns the columns it took. */
uint32_t ord_term_text(struct ord_buf *out, const char *text,
                       uint32_t width_max);
/* The same, filled up with spaces to exactly `width` columns. */
void ord_term_cell(struct ord_buf *out, const char *text, uint32_t width);
/* Words wrapped at term->width, every line after `indent` spaces; the first
 * line is taken to stand at column `column` already. */
void ord_term_wrap(struct ord_buf *out, const struct ord_term *term,
                   const char *text, uint32_t indent, uint32_t column);

void ord_term_color(struct ord_buf *out, const struct ord_term *term,
                    enum ord_color color);

#endif
