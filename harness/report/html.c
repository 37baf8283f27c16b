#include "harness/report/html.h"

#include <stdio.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "harness/report/assets.h"
#include "harness/report/opview.h"
#include "harness/report/timeline.h"

#define ARROW "\xe2\x86\x92"
#define DOT " \xc2\xb7 "

enum {
    TEXT_MAX = 64 << 10,
    SENTENCE_LONG = 420, /* bytes: smaller letters from here on */
};

/* One page being written. */
struct page {
    const struct ord_cell_result *cell;
    const struct ord_history *history; /* NULL: none */
    struct ord_buf *out;
};

static void text(struct page *page, const char *value)
{
    ord_html_text(page->out, value == NULL ? "" : value);
}

static void raw(struct page *page, const char *markup)
{
    ord_buf_text(page->out, markup);
}

static bool is_found_as_expected(const struct ord_check_result *check)
{
    return check->verdict.outcome == ORD_INVALID &&
           check->expected == ORD_EXPECT_VIOLATION;
}

/* The check that the page leads with: an unexpected violation, else an
 * expected one; NULL: neither. */
static const struct ord_check_result *
lead_of(const struct ord_cell_result *cell)
{
    const struct ord_check_result *lead = NULL;

    for (uint32_t i = 0; i < cell->check_count; i++) {
        const struct ord_check_result *check = &cell->checks[i];

        if (check->verdict.outcome != ORD_INVALID)
            continue;
        if (!ord_check_result_is_expected(check))
            return check;
        if (lead == NULL && is_found_as_expected(check))
            lead = check;
    }
    return lead;
}

static void put_badge(struct page *page, const char *tone, const char *word)
{
    ord_buf_printf(page->out, "<span class=\"badge %s\">", tone);
    text(page, word);
    raw(page, "</span>");
}

static void put_header(struct page *page)
{
    const struct ord_cell_result *cell = page->cell;
    const struct ord_check_result *lead = lead_of(cell);

    raw(page, "<header><span class=\"brand\">ordeal</span>"
              "<span class=\"crumbs\">");
    if (cell->campaign != NULL) {
        text(page, cell->campaign);
        raw(page, " / ");
    }
    raw(page, "<b>");
    text(page, cell->cell);
    ord_buf_printf(page->out, "</b> / seed %llu</span>",
                   (unsigned long long)cell->seed);
    put_badge(page, ord_html_tone(cell->verdict),
              lead != NULL && cell->verdict == ORD_CELL_PASS
                  ? "cell passed: it ended as expected"
                  : ord_cell_verdict_name(cell->verdict));
    raw(page, "</header>\n<main>\n");
}

/* "refdb, 3 nodes, 6 clients, workload set; 5210 of 5300 operations ok, 1 of 1
 * faults took hold." */
static void put_about(struct page *page)
{
    const struct ord_cell_result *cell = page->cell;

    raw(page, "<p class=\"about\">");
    if (cell->about != NULL) {
        text(page, cell->about);
        raw(page, "<br>");
    }
    text(page, cell->target);
    ord_buf_printf(page->out, DOT "%u nodes" DOT "%u clients" DOT "workload ",
                   cell->nodes, cell->clients);
    text(page, cell->workload);
    ord_buf_printf(page->out, DOT "%llu of %llu operations ok",
                   (unsigned long long)cell->ops.ok,
                   (unsigned long long)cell->ops.invoked);
    if (cell->faults_planned > 0)
        ord_buf_printf(page->out, DOT "%u of %u faults took hold",
                       ord_faults_held(cell), cell->faults_planned);
    if (cell->faults_planned > 0 && cell->ops_main > 0)
        ord_buf_printf(page->out, ", met by %u%% of operations",
                       ord_met_percent(cell->ops_met, cell->ops_main));
    raw(page, "</p>");
}

static void put_hero(struct page *page)
{
    const struct ord_cell_result *cell = page->cell;
    const struct ord_check_result *lead = lead_of(cell);
    const char *tone = ord_html_tone(cell->verdict);
    const char *sentence = cell->reason;

    if (lead != NULL && cell->verdict != ORD_CELL_LIVENESS &&
        cell->verdict != ORD_CELL_INFRASTRUCTURE) {
        sentence = lead->verdict.why;
        tone = "bad";
    }
    ord_buf_printf(page->out, "<div class=\"hero %s\"><p class=\"kicker\">",
                   tone);
    if (sentence != cell->reason) {
        text(page, lead->name);
        raw(page, ": violation found");
        raw(page, is_found_as_expected(lead) ? ", as this cell expects" : "");
    } else {
        text(page, ord_cell_verdict_name(cell->verdict));
    }
    ord_buf_printf(page->out, "</p><h1%s>",
                   strlen(sentence) > SENTENCE_LONG ? " class=\"long\"" : "");
    text(page, sentence);
    raw(page, "</h1>");
    if (sentence != cell->reason && cell->verdict != ORD_CELL_PASS) {
        raw(page, "<p class=\"about\">");
        text(page, cell->reason);
        raw(page, "</p>");
    }
    put_about(page);
    raw(page, "</div>\n");
}

/* ---- timeline ----------------------------------------------------------- */

static void put_timeline(struct page *page)
{
    raw(page,
        "<section class=\"card\"><div class=\"bar\"><h2>Timeline</h2>"
        "<span class=\"push\"></span>"
        "<button data-group=\"node\" aria-pressed=\"true\">by node</button>"
        "<button data-group=\"process\" aria-pressed=\"false\">by process"
        "</button><span class=\"sep\"></span>"
        "<button data-act=\"proof\">evidence</button>"
        "<button data-act=\"all\">whole run</button>"
        "<button data-act=\"out\" aria-label=\"zoom out\">&minus;</button>"
        "<button data-act=\"in\" aria-label=\"zoom in\">+</button></div>"
        "<div class=\"chart\"><canvas id=\"overview\"></canvas>"
        "<canvas id=\"timeline\" tabindex=\"0\" aria-label=\"operations and "
        "faults over time; the tables below hold the same\"></canvas>"
        "<div id=\"tip\"></div></div>"
        "<noscript><p>The drawing needs JavaScript; the tables below do "
        "not.</p></noscript>"
        "<div class=\"legend\"><span><i class=\"l-ok\"></i>ok: it happened"
        "</span><span><i class=\"l-fail\"></i>fail: it surely did not</span>"
        "<span><i class=\"l-info\"></i>info: nobody knows</span>"
        "<span><i class=\"l-fault\"></i>fault in force</span>"
        "<span><i class=\"l-proof\"></i>evidence</span>"
        "<span>drag to move, Ctrl + wheel to zoom</span>"
        "<span id=\"drawn\"></span></div>"
        "</section>\n");
}

static int put_data(struct page *page, struct ord_err *err)
{
    struct ord_buf json;
    int rc;

    ord_buf_init(&json, ORD_HTML_SIZE_MAX);
    rc = ord_timeline_json(page->cell, page->history, &json, err);
    if (rc == ORD_OK && json.failed)
        rc = ord_fail(err, ORD_ELIMIT, "timeline over %d bytes",
                      ORD_HTML_SIZE_MAX);
    if (rc == ORD_OK) {
        raw(page, "<script type=\"application/json\" id=\"data\">");
        ord_html_json(page->out, ord_buf_bytes(&json));
        raw(page, "</script>\n<script>\n");
        raw(page, ord_asset_timeline_js);
        raw(page, "</script>\n");
    }
    ord_buf_fini(&json);
    return rc;
}

/* ---- evidence ----------------------------------------------------------- */

static void put_time(struct page *page, int64_t time_ns)
{
    if (time_ns == ORD_NONE)
        raw(page, "never");
    else
        ord_time_print(time_ns, page->out);
}

static void put_view(struct page *page, const struct ord_op_view *view,
                     uint32_t place)
{
    static const char *const meanings[] = {"?", "ok", "failed", "unknown"};
    const struct ord_op *last =
        view->complete == NULL ? view->invoke : view->complete;
    struct ord_buf words;

    ord_buf_init(&words, TEXT_MAX);
    ord_op_view_print(view, ARROW, &words);
    ord_buf_printf(page->out, "<tr data-ops=\"%lld\"><td>",
                   (long long)view->invoke->index);
    if (place < 26)
        ord_buf_printf(page->out, "<span class=\"letter\">%c</span>",
                       (char)('A' + place));
    raw(page, "</td><td class=\"mono op\">");
    text(page, ord_buf_str(&words));
    ord_buf_printf(page->out, "</td><td class=\"tight %s\">%s",
                   ord_op_type_name((enum ord_op_type)view->type),
                   meanings[view->type]);
    if (view->invoke->is_final)
        raw(page, " <span class=\"soft\">(final read)</span>");
    ord_buf_printf(page->out, "</td><td class=\"tight\">process %lld</td><td>",
                   (long long)view->invoke->process);
    text(page, ord_history_node_name(page->history, view->node));
    raw(page, "</td><td class=\"num\">");
    put_time(page, view->begin_ns);
    raw(page, "</td><td class=\"num\">");
    put_time(page, view->end_ns);
    raw(page, "</td><td>");
    text(page, last->error);
    ord_buf_printf(page->out, "</td><td class=\"num soft\">%lld</td></tr>",
                   (long long)view->invoke->index);
    ord_buf_fini(&words);
}

static void put_index_list(struct page *page, const int64_t *indexes,
                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        ord_buf_printf(page->out, "%s%lld", i > 0 ? " " : "",
                       (long long)indexes[i]);
}

static void put_findings(struct page *page, const struct ord_verdict *verdict)
{
    if (verdict->finding_count == 0)
        return;
    ord_buf_printf(page->out,
                   "<details><summary>%u more of %llu found</summary>"
                   "<ol class=\"more\">",
                   verdict->finding_count,
                   (unsigned long long)verdict->violation_count);
    for (uint32_t i = 0; i < verdict->finding_count; i++) {
        const struct ord_finding *finding = &verdict->findings[i];

        raw(page, "<li>");
        text(page, finding->why);
        if (page->history != NULL && finding->op_count > 0) {
            raw(page, " <button class=\"link\" data-set=\"1\" data-ops=\"");
            put_index_list(page, finding->ops, finding->op_count);
            raw(page, "\">show</button>");
        }
        raw(page, "</li>");
    }
    raw(page, "</ol></details>");
}

/* The sentence of the lead stands at the top of the page already. */
static void put_evidence(struct page *page,
                         const struct ord_check_result *check, bool is_lead)
{
    const struct ord_verdict *verdict = &check->verdict;
    struct ord_op_view views[ORD_EVIDENCE_MAX];
    uint32_t count = 0;

    if (page->history != NULL)
        count =
            ord_op_views(page->history, verdict->ops, verdict->op_count, views);
    raw(page, "<section class=\"card\"><div class=\"bar\"><h2>Evidence: ");
    text(page, check->name);
    raw(page, "</h2><span class=\"push\"></span>");
    if (count > 0) {
        raw(page, "<button data-set=\"1\" data-ops=\"");
        put_index_list(page, verdict->ops, verdict->op_count);
        raw(page, "\">show on the timeline</button>");
    }
    raw(page, "</div>");
    if (!is_lead) {
        raw(page, "<p>");
        text(page, verdict->why);
        raw(page, "</p>");
    }
    if (count > 0) {
        raw(page, "<div class=\"scroll\"><table><tr><th></th><th>operation</th>"
                  "<th>outcome</th><th>process</th><th>node</th>"
                  "<th class=\"num\">asked</th><th class=\"num\">answered</th>"
                  "<th>error</th><th class=\"num\">index</th></tr>");
        for (uint32_t i = 0; i < count; i++)
            put_view(page, &views[i], i);
        raw(page, "</table></div>");
    }
    put_findings(page, verdict);
    raw(page, "</section>\n");
}

/* ---- tables ------------------------------------------------------------- */

static void put_check(struct page *page, const struct ord_check_result *check)
{
    const struct ord_verdict *verdict = &check->verdict;
    bool is_expected = ord_check_result_is_expected(check);
    const char *word = verdict->outcome == ORD_VALID     ? "pass"
                       : verdict->outcome == ORD_INVALID ? "violation"
                                                         : "unknown";
    const char *tone = verdict->outcome == ORD_VALID
                           ? (is_expected ? "good" : "warn")
                       : verdict->outcome == ORD_INVALID ? "bad"
                                                         : "warn";

    raw(page, "<tr><td class=\"tight\"><b>");
    text(page, check->name);
    raw(page, "</b>");
    if (check->model != NULL) {
        raw(page, "<br><span class=\"soft\">");
        text(page, check->model);
        raw(page, "</span>");
    }
    raw(page, "</td><td class=\"tight\">");
    put_badge(page, tone, word);
    raw(page, "</td><td class=\"tight\">");
    raw(page, check->expected == ORD_EXPECT_ANY ? "either way"
              : is_expected                     ? "as expected"
                                                : "<b>not expected</b>");
    raw(page, "</td><td>");
    text(page, verdict->why);
    if (verdict->stat_count > 0)
        raw(page, "<div class=\"stats\">");
    for (uint32_t i = 0; i < verdict->stat_count; i++) {
        raw(page, "<span>");
        text(page, verdict->stats[i].name);
        ord_buf_printf(page->out, " %.6g</span> ", verdict->stats[i].value);
    }
    raw(page, verdict->stat_count > 0 ? "</div></td></tr>" : "</td></tr>");
}

static void put_checks(struct page *page)
{
    raw(page, "<section class=\"card\"><h2>Checks</h2><div class=\"scroll\">"
              "<table><tr><th>checker</th><th>verdict</th><th></th>"
              "<th>why</th></tr>");
    for (uint32_t i = 0; i < page->cell->check_count; i++)
        put_check(page, &page->cell->checks[i]);
    raw(page, "</table></div></section>\n");
}

static void put_kinds(struct page *page)
{
    const struct ord_cell_result *cell = page->cell;

    if (cell->kind_count == 0)
        return;
    raw(page, "<div class=\"scroll\"><table><tr><th>fault</th>"
              "<th class=\"num\">asked for</th><th class=\"num\">tried</th>"
              "<th class=\"num\">took hold</th><th class=\"num\">not begun"
              "</th><th class=\"num\">operations that met one</th></tr>");
    for (uint32_t i = 0; i < cell->kind_count; i++) {
        const struct ord_fault_kind *kind = &cell->kinds[i];

        raw(page, "<tr><td>");
        text(page, kind->fault);
        ord_buf_printf(page->out,
                       "</td><td class=\"num\">%u</td><td class=\"num\">%u"
                       "</td><td class=\"num\">%u</td><td class=\"num\">%u"
                       "</td><td class=\"num\">%llu (%u%%)</td></tr>",
                       kind->asked, kind->tried, kind->held, kind->not_begun,
                       (unsigned long long)kind->ops,
                       ord_met_percent(kind->ops, cell->ops_main));
    }
    raw(page, "</table></div>");
}

static void put_faults(struct page *page)
{
    const struct ord_cell_result *cell = page->cell;

    if (cell->faults_planned == 0 && cell->fault_count == 0)
        return;
    raw(page, "<section class=\"card\"><h2>Faults</h2>");
    put_kinds(page);
    raw(page, "<div class=\"scroll\">"
              "<table><tr><th class=\"num\">id</th><th>fault</th><th>what</th>"
              "<th class=\"num\">from</th><th class=\"num\">to</th>"
              "<th>took hold</th><th class=\"num\">met by</th>"
              "<th>measured</th></tr>");
    for (uint32_t i = 0; i < cell->fault_count; i++) {
        const struct ord_fault_result *fault = &cell->faults[i];

        ord_buf_printf(page->out, "<tr><td class=\"num\">%u</td><td>",
                       fault->id);
        text(page, fault->fault);
        raw(page, "</td><td>");
        text(page, fault->what);
        raw(page, "</td><td class=\"num\">");
        put_time(page, fault->begin_ns);
        raw(page, "</td><td class=\"num\">");
        put_time(page, fault->end_ns);
        raw(page, "</td><td class=\"tight\">");
        put_badge(page, fault->held ? "good" : "warn",
                  fault->held                ? "yes"
                  : fault->not_begun != NULL ? "not begun"
                                             : "no");
        ord_buf_printf(page->out, "</td><td class=\"num\">%llu</td><td>",
                       (unsigned long long)fault->ops);
        text(page,
             fault->not_begun != NULL ? fault->not_begun : fault->evidence);
        raw(page, "</td></tr>");
    }
    raw(page, "</table></div></section>\n");
}

static void put_pair(struct page *page, const char *name, const char *value)
{
    raw(page, "<tr><td class=\"soft tight\">");
    text(page, name);
    raw(page, "</td><td class=\"mono\">");
    text(page, value);
    raw(page, "</td></tr>");
}

static void put_ms(struct page *page, const char *name, double ms)
{
    char value[64];

    if (ms < 0)
        return;
    snprintf(value, sizeof value, "%.1f ms", ms);
    put_pair(page, name, value);
}

static void put_count(struct page *page, const char *name, uint64_t count)
{
    char value[32];

    snprintf(value, sizeof value, "%llu", (unsigned long long)count);
    put_pair(page, name, value);
}

static void put_late(struct page *page, const char *name,
                     const struct ord_lateness_result *late)
{
    char value[96];

    if (late->count == 0)
        return;
    snprintf(value, sizeof value,
             "half by %.2f ms, 1%% by %.1f ms, at most %.1f ms", late->p50_ms,
             late->p99_ms, late->max_ms);
    put_pair(page, name, value);
}

static void put_setup(struct page *page)
{
    const struct ord_cell_result *cell = page->cell;
    const struct ord_phase_times *phases = &cell->phases;

    raw(page, "<section class=\"card\"><div class=\"grid\"><div>"
              "<h2>Setting</h2><table>");
    put_pair(page, "target", cell->target);
    for (uint32_t i = 0; i < cell->setting_count; i++)
        put_pair(page, cell->settings[i].name, cell->settings[i].value);
    put_pair(page, "workload", cell->workload);
    put_count(page, "nodes", cell->nodes);
    put_count(page, "clients", cell->clients);
    put_late(page, "faults begun late", &cell->faults_late);
    put_late(page, "operations begun late", &cell->workers_late);
    put_count(page, "seed", cell->seed);
    raw(page, "</table></div><div><h2>Run</h2><table>");
    put_ms(page, "start until ready", phases->ready_ms);
    put_ms(page, "load", phases->main_ms);
    put_ms(page, "heal", phases->heal_ms);
    put_ms(page, "settle", phases->settle_ms);
    put_ms(page, "final reads", phases->final_ms);
    put_ms(page, "check", phases->check_ms);
    put_ms(page, "in all", phases->total_ms);
    put_count(page, "operations", cell->ops.invoked);
    put_count(page, "ok", cell->ops.ok);
    put_count(page, "fail", cell->ops.fail);
    put_count(page, "info", cell->ops.info);
    raw(page, "</table></div></div>");
    if (cell->campaign != NULL) {
        raw(page, "<h3 style=\"margin-top:14px\">Run it again</h3>"
                  "<pre>ordeal run FILE --only '");
        text(page, cell->cell);
        ord_buf_printf(page->out, "' --seed %llu</pre>",
                       (unsigned long long)cell->seed);
        raw(page, "<p>FILE: the campaign ");
        text(page, cell->campaign);
        raw(page, "</p>");
    }
    raw(page, "</section>\n");
}

static void put_problems(struct page *page)
{
    static const char *const kinds[] = {"note", "liveness", "infrastructure"};
    const struct ord_cell_result *cell = page->cell;

    if (cell->problem_count == 0)
        return;
    raw(page, "<section class=\"card\"><h2>Problems</h2><table>");
    for (uint32_t i = 0; i < cell->problem_count; i++) {
        raw(page, "<tr><td class=\"tight\">");
        put_badge(page, cell->problems[i].kind == ORD_PROBLEM_NOTE ? "" : "bad",
                  kinds[cell->problems[i].kind]);
        raw(page, "</td><td>");
        text(page, cell->problems[i].what);
        raw(page, "</td></tr>");
    }
    raw(page, "</table></section>\n");
}

static void put_footer(struct page *page)
{
    raw(page, "</main><footer>");
    if (page->cell->history_file != NULL) {
        raw(page, "history: <code>");
        text(page, page->cell->history_file);
        raw(page, "</code>" DOT);
    }
    raw(page, "made by ordeal " ORD_VERSION "; this file needs no other"
              "</footer>\n");
}

static int put_page(struct page *page, struct ord_err *err)
{
    const struct ord_cell_result *cell = page->cell;
    const struct ord_check_result *lead = lead_of(cell);
    char title[256];
    int rc = ORD_OK;

    snprintf(title, sizeof title, "%s" DOT "%s" DOT "ordeal",
             cell->cell == NULL ? "run" : cell->cell,
             ord_cell_verdict_name(cell->verdict));
    ord_html_head(page->out, title);
    put_header(page);
    put_hero(page);
    if (page->history != NULL)
        put_timeline(page);
    if (lead != NULL)
        put_evidence(page, lead, true);
    for (uint32_t i = 0; i < cell->check_count; i++)
        if (&cell->checks[i] != lead &&
            cell->checks[i].verdict.outcome != ORD_VALID &&
            cell->checks[i].verdict.op_count > 0)
            put_evidence(page, &cell->checks[i], false);
    put_checks(page);
    put_faults(page);
    put_problems(page);
    put_setup(page);
    put_footer(page);
    if (page->history != NULL)
        rc = put_data(page, err);
    raw(page, "</body></html>\n");
    return rc;
}

int ord_report_html(const struct ord_cell_result *cell,
                    const struct ord_history *history, const char *path,
                    struct ord_err *err)
{
    struct ord_buf out;
    struct page page = {cell, history, &out};
    int rc;

    ord_buf_init(&out, ORD_HTML_SIZE_MAX);
    rc = put_page(&page, err);
    if (rc == ORD_OK && out.failed)
        rc = ord_fail(err, ORD_ELIMIT, "report over %d bytes",
                      ORD_HTML_SIZE_MAX);
    if (rc == ORD_OK)
        rc = ord_file_replace(path, ord_buf_bytes(&out), err);
    ord_buf_fini(&out);
    return rc;
}
