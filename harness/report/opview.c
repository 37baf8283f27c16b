#include "harness/report/opview.h"

#include <stdlib.h>

#include "harness/base/clock.h"
#include "harness/base/utf8.h"

enum { BRIEF_DEPTH_MAX = 3, FAULTS_MAX = 4096 };

struct ord_op_view ord_op_view_at(const struct ord_history *history,
                                  int64_t index)
{
    const struct ord_op *op = ord_history_op(history, index);
    const struct ord_op *pair = ord_history_pair(history, op);
    struct ord_op_view view = {.invoke = op, .end_ns = ORD_NONE};

    if (op->type == ORD_OP_INVOKE) {
        view.complete = pair;
    } else if (pair != NULL) {
        view.invoke = pair;
        view.complete = op;
    }
    view.begin_ns = view.invoke->time_ns;
    view.node = view.invoke->node;
    view.type = ORD_OP_INFO;
    if (view.complete != NULL) {
        view.end_ns = view.complete->time_ns;
        view.type = view.complete->type;
        if (view.complete->node != ORD_NODE_NONE)
            view.node = view.complete->node;
    }
    ORD_ASSERT(view.invoke != NULL);
    return view;
}

/* Cuts between characters. */
static void brief_text(struct ord_bytes text, struct ord_buf *out)
{
    size_t size = 0;

    while (size < text.size && size < ORD_VIEW_TEXT_MAX) {
        size_t step = ord_utf8_size(text.at + size, text.size - size);

        size += step == 0 ? 1 : step;
    }
    ord_buf_add(out, (struct ord_bytes){text.at, size});
    if (size < text.size)
        ord_buf_text(out, "\xe2\x80\xa6");
}

static void brief(const struct ord_value *value, int depth, struct ord_buf *out)
{
    if (value->kind == ORD_TEXT && value->count > ORD_VIEW_TEXT_MAX) {
        ord_buf_char(out, '"');
        brief_text((struct ord_bytes){value->as.text, value->count}, out);
        ord_buf_char(out, '"');
        return;
    }
    if (value->kind != ORD_LIST) {
        ord_value_to_edn(value, out);
        return;
    }
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < value->count; i++) {
        if (i > 0)
            ord_buf_char(out, ' ');
        if (i == ORD_VIEW_ITEMS_MAX || depth == BRIEF_DEPTH_MAX) {
            ord_buf_printf(out, "... of %u", value->count);
            break;
        }
        brief(&value->as.items[i], depth + 1, out);
    }
    ord_buf_char(out, ']');
}

void ord_value_brief(const struct ord_value *value, struct ord_buf *out)
{
    brief(value, 0, out);
}

void ord_key_brief(const struct ord_value *key, struct ord_buf *out)
{
    if (key->kind == ORD_NIL)
        return;
    if (key->kind == ORD_INT)
        ord_buf_char(out, 'k');
    if (key->kind == ORD_TEXT)
        brief_text((struct ord_bytes){key->as.text, key->count}, out);
    else
        ord_value_brief(key, out);
}

void ord_op_view_print(const struct ord_op_view *view, const char *arrow,
                       struct ord_buf *out)
{
    const struct ord_op *invoke = view->invoke;
    const struct ord_op *complete = view->complete;

    ord_buf_text(out, invoke->name);
    if (invoke->key.kind != ORD_NIL) {
        ord_buf_char(out, ' ');
        ord_key_brief(&invoke->key, out);
    }
    if (invoke->value.kind != ORD_NIL) {
        ord_buf_char(out, ' ');
        ord_value_brief(&invoke->value, out);
    }
    if (complete == NULL || complete->type != ORD_OP_OK)
        return;
    if (invoke->value.kind != ORD_NIL &&
        (complete->value.kind == ORD_NIL ||
         ord_value_equal(&invoke->value, &complete->value)))
        return;
    ord_buf_printf(out, " %s ", arrow);
    ord_value_brief(&complete->value, out);
}

void ord_time_print(int64_t time_ns, struct ord_buf *out)
{
    /* Cut, not rounded, as the checkers' sentences have it. */
    ord_buf_printf(out, "%lld.%03lld s", (long long)(time_ns / ORD_S),
                   (long long)(time_ns % ORD_S / ORD_MS));
}

static bool is_before(const struct ord_op_view *a, const struct ord_op_view *b)
{
    return a->begin_ns != b->begin_ns ? a->begin_ns < b->begin_ns
                                      : a->invoke->index < b->invoke->index;
}

uint32_t ord_op_views(const struct ord_history *history, const int64_t *indexes,
                      uint32_t count, struct ord_op_view *views)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct ord_op_view view;
        bool is_new = true;
        uint32_t at;

        if (indexes[i] < 0 || indexes[i] >= ord_history_count(history))
            continue;
        view = ord_op_view_at(history, indexes[i]);
        for (uint32_t k = 0; k < kept; k++)
            if (views[k].invoke == view.invoke)
                is_new = false;
        if (!is_new)
            continue;
        for (at = kept; at > 0 && is_before(&view, &views[at - 1]); at--)
            views[at] = views[at - 1];
        views[at] = view;
        kept++;
    }
    return kept;
}

/* ---- faults ------------------------------------------------------------- */

static bool is_fault_event(const struct ord_op *op, const char *word)
{
    const struct ord_value *items = op->value.as.items;

    return op->process == ORD_PROCESS_NEMESIS && op->value.kind == ORD_LIST &&
           op->value.count >= 3 && items[0].kind == ORD_TEXT &&
           items[1].kind == ORD_INT && items[2].kind == ORD_TEXT &&
           ord_bytes_is((struct ord_bytes){items[0].as.text, items[0].count},
                        word);
}

int ord_history_faults(const struct ord_history *history,
                       struct ord_arena *arena,
                       const struct ord_fault_result **faults, uint32_t *count,
                       struct ord_err *err)
{
    struct ord_history_facts facts;
    struct ord_fault_result *list;
    uint32_t room = 0;
    uint32_t used = 0;

    *faults = NULL;
    *count = 0;
    /* Without looking at a single operation, where nothing was done. */
    if (ord_history_facts(history, &facts, err) == ORD_OK && !facts.has_nemesis)
        return ORD_OK;
    ORD_OPS (history, op)
        room += is_fault_event(op, "begin") && room < FAULTS_MAX;
    if (room == 0)
        return ORD_OK;
    list = ord_arena_zalloc(arena, room, sizeof *list);
    if (list == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory for %u faults", room);
    ORD_OPS (history, op) {
        const struct ord_value *items = op->value.as.items;

        if (is_fault_event(op, "begin") && used < room) {
            list[used++] = (struct ord_fault_result){
                .id = (uint32_t)items[1].as.number,
                .fault = op->name,
                .what =
                    ord_arena_copy(arena, (struct ord_bytes){items[2].as.text,
                                                             items[2].count}),
                .begin_ns = op->time_ns,
                .end_ns = ORD_NONE,
                .held = true,
            };
            if (list[used - 1].what == NULL)
                return ord_fail(err, ORD_ENOMEM, "no memory for the faults");
        }
        if (!is_fault_event(op, "end"))
            continue;
        for (uint32_t i = 0; i < used; i++)
            if (list[i].id == (uint32_t)items[1].as.number &&
                list[i].end_ns == ORD_NONE)
                list[i].end_ns = op->time_ns;
    }
    *faults = list;
    *count = used;
    return ORD_OK;
}

/* ---- clocks ------------------------------------------------------------- */

bool ord_op_clock(const struct ord_op *op, struct ord_clock_view *out)
{
    enum { ITEMS = 7 };
    const struct ord_value *items = op->value.as.items;

    if (op->process != ORD_PROCESS_NEMESIS || op->value.kind != ORD_LIST ||
        op->value.count < ITEMS || items[0].kind != ORD_TEXT ||
        !ord_bytes_is((struct ord_bytes){items[0].as.text, items[0].count},
                      "offset"))
        return false;
    for (uint32_t i = 1; i < ITEMS; i++) {
        if (items[i].kind != ORD_INT)
            return false;
    }
    *out = (struct ord_clock_view){
        .fault_id = (uint32_t)items[1].as.number,
        .real_ns = items[2].as.number,
        .mono_ns = items[3].as.number,
        .rate_ppm = items[4].as.number,
        .strobe_ns = items[5].as.number,
        .strobe_period_ns = items[6].as.number,
    };
    return true;
}

void ord_clock_view_print(const struct ord_clock_view *view,
                          struct ord_buf *out)
{
    enum { SHOWN_NS = 500000 }; /* less is no millisecond */
    size_t size = out->size;

    if (llabs(view->real_ns) >= SHOWN_NS)
        ord_buf_printf(out, "%+.3f s", (double)view->real_ns / 1e9);
    if (view->rate_ppm != 0)
        ord_buf_printf(out, "%srate %+.4g%%", out->size > size ? ", " : "",
                       (double)view->rate_ppm / 1e4);
    if (view->strobe_ns != 0)
        ord_buf_printf(out, "%sstrobe %+.3f s every %.4g ms",
                       out->size > size ? ", " : "",
                       (double)view->strobe_ns / 1e9,
                       (double)view->strobe_period_ns / 1e6);
    if (out->size == size)
        ord_buf_text(out, "true");
    if (llabs(view->mono_ns) >= SHOWN_NS)
        ord_buf_printf(out, ", monotonic %+.3f s", (double)view->mono_ns / 1e9);
}
