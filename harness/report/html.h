/* html.h -- one self-contained HTML file per run, and an index of a campaign.
 *
 * No file beside it, no network, no library: style, script and data are inside
 * and a content policy forbids anything else.  Whatever a database, a setting
 * or an error said is escaped; it never becomes markup.
 */
#ifndef ORD_REPORT_HTML_H
#define ORD_REPORT_HTML_H

#include "harness/report/result.h"

enum { ORD_HTML_SIZE_MAX = 64 << 20 };

/* history may be NULL: then there is no timeline and operations are numbers
 * only.  Written through ord_file_replace(): blocks on two fsyncs.  O(events)
 * time; the file stays below some 2 MB.  ORD_ELIMIT, ORD_ENOMEM, ORD_EIO. */
int ord_report_html(const struct ord_cell_result *cell,
                    const struct ord_history *history, const char *path,
                    struct ord_err *err);
/* The index: a row per cell, a link to <dir>/<report_file> ("report.html" if
 * NULL) where dir is set.  Put it into the folder that dir is relative to. */
int ord_campaign_html(const struct ord_campaign_result *campaign,
                      const char *path, struct ord_err *err);

/* ---- for this folder ---------------------------------------------------- */
/* Text into markup or a quoted attribute; control characters and what is not
 * UTF-8 become U+FFFD. */
void ord_html_text(struct ord_buf *out, const char *text);
/* JSON into a script element: no '<', '>' or '&' is left in it. */
void ord_html_json(struct ord_buf *out, struct ord_bytes json);
/* "good", "bad", "warn" or "": the class of the colour of a verdict. */
const char *ord_html_tone(enum ord_cell_verdict verdict);
/* From <!doctype to <body>, with the style. */
void ord_html_head(struct ord_buf *out, const char *title);

#endif
