/* html_text.c -- escaping, and the head that all pages share. */
#include "harness/base/utf8.h"
#include "harness/report/assets.h"
#include "harness/report/html.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void ord_html_text(struct ord_buf *out, const char *text)
{
    while (*text != '\0') {
        size_t size = ord_utf8_size(text, strnlen(text, 4));
        uint8_t c = (uint8_t)*text;

        if (size == 0 || c == 0x7f || (c < 0x20 && c != '\n' && c != '\t'))
            ord_buf_text(out, REPLACEMENT);
        else if (c == '&')
            ord_buf_text(out, "&amp;");
        else if (c == '<')
            ord_buf_text(out, "&lt;");
        else if (c == '>')
            ord_buf_text(out, "&gt;");
        else if (c == '"')
            ord_buf_text(out, "&quot;");
        else if (c == '\'')
            ord_buf_text(out, "&#39;");
        else
            ord_buf_add(out, (struct ord_bytes){text, size});
        text += size == 0 ? 1 : size;
    }
}

void ord_html_json(struct ord_buf *out, struct ord_bytes json)
{
    size_t start = 0;

    /* In JSON these stand inside strings only, where an escape is the same. */
    for (size_t i = 0; i < json.size; i++) {
        char c = json.at[i];

        if (c != '<' && c != '>' && c != '&')
            continue;
        ord_buf_add(out, (struct ord_bytes){json.at + start, i - start});
        ord_buf_printf(out, "\\u%04x", (unsigned)c);
        start = i + 1;
    }
    ord_buf_add(out, (struct ord_bytes){json.at + start, json.size - start});
}

const char *ord_html_tone(enum ord_cell_verdict verdict)
{
    switch (verdict) {
    case ORD_CELL_PASS:
        return "good";
    case ORD_CELL_VIOLATION:
    case ORD_CELL_LIVENESS:
    case ORD_CELL_INFRASTRUCTURE:
    case ORD_CELL_USAGE:
        return "bad";
    case ORD_CELL_UNKNOWN:
    case ORD_CELL_VACUOUS:
    case ORD_CELL_UNEXPECTED_PASS:
        return "warn";
    case ORD_CELL_SKIPPED:
        break;
    }
    return "";
}

void ord_html_head(struct ord_buf *out, const char *title)
{
    ord_buf_text(out,
                 "<!doctype html>\n<html lang=\"en\"><head>"
                 "<meta charset=\"utf-8\">"
                 "<meta name=\"viewport\" "
                 "content=\"width=device-width, initial-scale=1\">"
                 "<meta http-equiv=\"Content-Security-Policy\" "
                 "content=\"default-src 'none'; style-src 'unsafe-inline'; "
                 "script-src 'unsafe-inline'\">"
                 "<meta name=\"generator\" content=\"ordeal " ORD_VERSION "\">"
                 "<title>");
    ord_html_text(out, title);
    ord_buf_text(out, "</title><style>\n");
    ord_buf_text(out, ord_asset_report_css);
    ord_buf_text(out, "</style></head><body>\n");
}
