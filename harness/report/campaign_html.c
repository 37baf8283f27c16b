/* campaign_html.c -- the index page of a campaign. */
#include <stdio.h>

#include "harness/base/file.h"
#include "harness/report/html.h"
#include "harness/report/table.h"

enum { FOUND_MAX = 64 << 10 };

/* A path as the value of href: what is not plain goes in as %XX, so that no
 * scheme and no markup can come of it. */
static void put_path(struct ord_buf *out, const char *path)
{
    ord_buf_text(out, "./");
    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-_./", c) != NULL)
            ord_buf_char(out, (char)c);
        else
            ord_buf_printf(out, "%%%02X", c);
    }
}

static void put_name(struct ord_buf *out, const struct ord_cell_result *cell)
{
    const char *name = cell->cell == NULL ? "?" : cell->cell;

    if (cell->dir == NULL || cell->verdict == ORD_CELL_SKIPPED) {
        ord_html_text(out, name);
        return;
    }
    ord_buf_text(out, "<a href=\"");
    put_path(out, cell->dir);
    ord_buf_char(out, '/');
    /* put_path() begins with "./", which is harmless in the middle, too. */
    put_path(out,
             cell->report_file == NULL ? "report.html" : cell->report_file);
    ord_buf_text(out, "\">");
    ord_html_text(out, name);
    ord_buf_text(out, "</a>");
}

static void put_sentences(struct ord_buf *out,
                          const struct ord_cell_result *cell)
{
    bool has_said = false;

    if (cell->verdict != ORD_CELL_PASS) {
        ord_buf_text(out, "<div class=\"stats\" style=\"white-space:normal\">");
        ord_html_text(out, cell->reason);
        ord_buf_text(out, "</div>");
        return;
    }
    for (uint32_t i = 0; i < cell->check_count && !has_said; i++) {
        const struct ord_check_result *check = &cell->checks[i];

        if (check->verdict.outcome != ORD_INVALID ||
            check->verdict.why[0] == '\0')
            continue;
        ord_buf_text(out, "<div class=\"stats\" style=\"white-space:normal\">");
        ord_html_text(out, check->verdict.why);
        ord_buf_text(out, "</div>");
        has_said = true;
    }
}

static void put_cell(struct ord_buf *out, const struct ord_cell_result *cell)
{
    struct ord_buf found;

    ord_buf_init(&found, FOUND_MAX);
    ord_table_found(cell, &found);
    ord_buf_text(out, "<tr><td class=\"cell\"><b>");
    put_name(out, cell);
    ord_buf_printf(out,
                   "</b></td><td class=\"num soft\">%llu</td>"
                   "<td class=\"op\">",
                   (unsigned long long)cell->seed);
    ord_html_text(out, cell->about == NULL ? "" : cell->about);
    ord_buf_text(out, "</td><td>");
    ord_html_text(out, ord_buf_str(&found));
    put_sentences(out, cell);
    ord_buf_text(out, "</td><td class=\"num\">");
    if (cell->faults_planned > 0)
        ord_buf_printf(out, "%u/%u", ord_faults_held(cell),
                       cell->faults_planned);
    ord_buf_text(out, "</td><td class=\"num\">");
    if (cell->phases.total_ms > 0)
        ord_buf_printf(out, "%.1f s", cell->phases.total_ms / 1000);
    ord_buf_printf(out,
                   "</td><td class=\"tight\"><span class=\"badge %s\">%s"
                   "</span></td></tr>\n",
                   ord_html_tone(cell->verdict),
                   ord_cell_verdict_name(cell->verdict));
    ord_buf_fini(&found);
}

static void put_summary(struct ord_buf *out,
                        const struct ord_campaign_result *campaign)
{
    const char *tone = ord_html_tone(campaign->verdict);
    const char *name = campaign->name == NULL ? "campaign" : campaign->name;
    uint32_t passed = 0;
    uint32_t skipped = 0;

    for (uint32_t i = 0; i < campaign->cell_count; i++) {
        passed += campaign->cells[i]->verdict == ORD_CELL_PASS;
        skipped += campaign->cells[i]->verdict == ORD_CELL_SKIPPED;
    }
    ord_buf_text(out, "<header><span class=\"brand\">ordeal</span>"
                      "<span class=\"crumbs\"><b>");
    ord_html_text(out, name);
    ord_buf_printf(out,
                   "</b></span><span class=\"badge %s\">%s</span></header>\n"
                   "<main><div class=\"hero %s\"><p class=\"kicker\">campaign"
                   "</p><h1>%u of %u cells ended as expected",
                   tone, ord_cell_verdict_name(campaign->verdict), tone, passed,
                   campaign->cell_count - skipped);
    if (skipped > 0)
        ord_buf_printf(out, ", %u not run", skipped);
    ord_buf_printf(out, "</h1><p class=\"about\">%.1f s in all</p></div>\n",
                   campaign->wall_ms / 1000);
}

int ord_campaign_html(const struct ord_campaign_result *campaign,
                      const char *path, struct ord_err *err)
{
    struct ord_buf out;
    char title[256];
    int rc = ORD_OK;

    ord_buf_init(&out, ORD_HTML_SIZE_MAX);
    snprintf(title, sizeof title, "%s: %s - ordeal",
             campaign->name == NULL ? "campaign" : campaign->name,
             ord_cell_verdict_name(campaign->verdict));
    ord_html_head(&out, title);
    put_summary(&out, campaign);
    ord_buf_text(&out, "<section class=\"card\"><div class=\"scroll\"><table>"
                       "<tr><th>cell</th><th class=\"num\">seed</th>"
                       "<th>about</th><th>found</th>"
                       "<th class=\"num\">faults held</th>"
                       "<th class=\"num\">time</th><th>verdict</th></tr>\n");
    for (uint32_t i = 0; i < campaign->cell_count; i++)
        put_cell(&out, campaign->cells[i]);
    ord_buf_text(&out, "</table></div></section></main>\n"
                       "<footer>made by ordeal " ORD_VERSION
                       "</footer></body></html>\n");
    if (out.failed)
        rc =
            ord_fail(err, ORD_ELIMIT, "index over %d bytes", ORD_HTML_SIZE_MAX);
    else
        rc = ord_file_replace(path, ord_buf_bytes(&out), err);
    ord_buf_fini(&out);
    return rc;
}
