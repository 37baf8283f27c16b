#include "harness/report/term.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "harness/base/err.h"
#include "harness/base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define ELLIPSIS "\xe2\x80\xa6"

enum { WIDTH_PRESET = 80, WIDTH_MIN = 40, WRAP_INDENT_ROOM = 20 };

struct ord_term ord_term_of(int fd)
{
    struct ord_term term = {0};
    struct winsize size = {0};
    const char *no_color = getenv("NO_COLOR");
    const char *kind = getenv("TERM");

    if (isatty(fd) == 0)
        return term;
    term.is_tty = kind != NULL && strcmp(kind, "dumb") != 0;
    term.has_color = term.is_tty && (no_color == NULL || *no_color == '\0');
    term.width = WIDTH_PRESET;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        term.width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
    return term;
}

struct range {
    uint32_t low, high;
};

/* The main ranges of UAX #11 and of combining marks: enough for tables. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};
static const struct range zero[] = {
    {0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff},
};
/* Marks that turn the direction of the text around them. */
static const struct range turning[] = {
    {0x200e, 0x200f}, {0x202a, 0x202e}, {0x2066, 0x2069}};

static bool is_within(const struct range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].low && c <= ranges[i].high)
            return true;
    return false;
}

#define IS_IN(ranges, c) is_within(ranges, sizeof ranges / sizeof ranges[0], c)

/* One character as it will be printed. */
struct glyph {
    struct ord_bytes bytes;
    size_t taken; /* bytes of the text */
    uint32_t width;
};

static uint32_t code_point(const char *at, size_t size)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (uint8_t)at[0] & masks[size];

    for (size_t i = 1; i < size; i++)
        c = c << 6 | ((uint8_t)at[i] & 0x3f);
    return c;
}

static struct glyph glyph_at(const char *text)
{
    size_t size = ord_utf8_size(text, strnlen(text, 4));
    struct glyph glyph = {.bytes = {REPLACEMENT, 3}, .taken = 1, .width = 1};
    uint32_t c;

    ORD_ASSERT(*text != '\0');
    if (size == 0)
        return glyph;
    ORD_ASSERT(size <= 4);
    c = code_point(text, size);
    glyph.taken = size;
    if (c == '\n' || c == '\t' || c == '\r')
        glyph.bytes = (struct ord_bytes){" ", 1};
    else if (c >= 0x20 && (c < 0x7f || c > 0x9f) && !IS_IN(turning, c))
        glyph.bytes = (struct ord_bytes){text, size};
    else
        return glyph;
    glyph.width = IS_IN(zero, c) ? 0 : IS_IN(wide, c) ? 2 : 1;
    return glyph;
}

uint32_t ord_text_width(const char *text)
{
    uint32_t width = 0;

    while (*text != '\0') {
        struct glyph glyph = glyph_at(text);

        width += glyph.width;
        text += glyph.taken;
    }
    return width;
}

uint32_t ord_term_text(struct ord_buf *out, const char *text,
                       uint32_t width_max)
{
    bool is_cut = width_max > 0 && ord_text_width(text) > width_max;
    uint32_t limit = is_cut ? width_max - 1 : UINT32_MAX;
    uint32_t width = 0;

    while (*text != '\0') {
        struct glyph glyph = glyph_at(text);

        if (width + glyph.width > limit)
            break;
        ord_buf_add(out, glyph.bytes);
        width += glyph.width;
        text += glyph.taken;
    }
    if (is_cut)
        ord_buf_text(out, ELLIPSIS);
    return width + is_cut;
}

void ord_term_cell(struct ord_buf *out, const char *text, uint32_t width)
{
    uint32_t taken = width == 0 ? 0 : ord_term_text(out, text, width);

    for (; taken < width; taken++)
        ord_buf_char(out, ' ');
}

static void line_break(struct ord_buf *out, uint32_t indent)
{
    ord_buf_char(out, '\n');
    for (uint32_t i = 0; i < indent; i++)
        ord_buf_char(out, ' ');
}

void ord_term_wrap(struct ord_buf *out, const struct ord_term *term,
                   const char *text, uint32_t indent, uint32_t column)
{
    uint32_t limit = term->width == 0 ? UINT32_MAX : term->width;
    bool is_first = true;

    if (limit < indent + WRAP_INDENT_ROOM)
        limit = indent + WRAP_INDENT_ROOM;
    while (*text != '\0') {
        size_t size = strcspn(text, " \t\n\r");
        uint32_t width = 0;
        struct glyph glyph;

        for (size_t i = 0; i < size; i += glyph.taken) {
            glyph = glyph_at(text + i);
            width += glyph.width;
        }
        if (size > 0) {
            if (!is_first && column + 1 + width > limit) {
                line_break(out, indent);
                column = indent;
            } else if (!is_first) {
                ord_buf_char(out, ' ');
                column++;
            }
            for (size_t i = 0; i < size; i += glyph.taken) {
                glyph = glyph_at(text + i);
                ord_buf_add(out, glyph.bytes);
            }
            column += width;
            is_first = false;
        }
        text += size;
        text += strspn(text, " \t\n\r");
    }
}

void ord_term_color(struct ord_buf *out, const struct ord_term *term,
                    enum ord_color color)
{
    static const char *const codes[ORD_COLOR_COUNT] = {
        [ORD_COLOR_NONE] = "\x1b[0m",   [ORD_COLOR_BOLD] = "\x1b[1m",
        [ORD_COLOR_DIM] = "\x1b[2m",    [ORD_COLOR_RED] = "\x1b[31m",
        [ORD_COLOR_GREEN] = "\x1b[32m", [ORD_COLOR_YELLOW] = "\x1b[33m",
        [ORD_COLOR_BLUE] = "\x1b[34m",
    };

    ORD_ASSERT(color < ORD_COLOR_COUNT);
    if (term->has_color)
        ord_buf_text(out, codes[color]);
}
