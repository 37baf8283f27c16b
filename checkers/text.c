/* text.c -- calls, times and faults in words. */
#include <stdio.h>
#include <string.h>

#include "checkers/proof.h"

enum { VALUE_WIDTH_MAX = 48, FAULT_WIDTH_MAX = 40 };

struct ord_text ord_text_value(const struct ord_value *value)
{
    struct ord_text text = {{0}};
    struct ord_buf buf;
    const char *all = NULL;

    ord_buf_init(&buf, 1 << 16);
    ord_value_to_edn(value, &buf);
    all = buf.failed ? "(a long value)" : ord_buf_str(&buf);
    (void)snprintf(text.at, sizeof text.at, "%.*s%s", VALUE_WIDTH_MAX, all,
                   strlen(all) > VALUE_WIDTH_MAX ? ".." : "");
    ord_buf_fini(&buf);
    return text;
}

struct ord_text ord_text_key(const struct ord_value *key)
{
    struct ord_text text = {{0}};

    if (key->kind == ORD_NIL)
        (void)snprintf(text.at, sizeof text.at, "the object");
    else if (key->kind == ORD_INT)
        (void)snprintf(text.at, sizeof text.at, "k%lld",
                       (long long)key->as.number);
    else if (key->kind == ORD_TEXT)
        (void)snprintf(text.at, sizeof text.at, "%.*s",
                       key->count < VALUE_WIDTH_MAX ? (int)key->count
                                                    : VALUE_WIDTH_MAX,
                       key->as.text);
    else
        text = ord_text_value(key);
    return text;
}

struct ord_text ord_text_when(const struct ord_op *op)
{
    struct ord_text text = {{0}};
    long long ms = op->time_ns / 1000000;

    if (op->time_ns < 0)
        (void)snprintf(text.at, sizeof text.at, "operation %lld",
                       (long long)op->index);
    else
        (void)snprintf(text.at, sizeof text.at, "%lld.%03lld s", ms / 1000,
                       ms % 1000);
    return text;
}

struct ord_text ord_text_on(const struct ord_view *view,
                            const struct ord_call *call)
{
    struct ord_text text = {{0}};

    if (call->node != ORD_NODE_NONE)
        (void)snprintf(text.at, sizeof text.at, " on %.40s",
                       ord_history_node_name(view->history, call->node));
    return text;
}

/* It is told by what it brought. */
static bool brings(const struct ord_call *call)
{
    return call->f == ORD_F_READ || call->f == ORD_F_GET ||
           call->f == ORD_F_DEQUEUE || call->f == ORD_F_POP ||
           call->f == ORD_F_DRAIN || call->f == ORD_F_GENERATE;
}

/* " from k4", or nothing where there is one object only. */
static struct ord_text at_key(const struct ord_call *call,
                              const struct ord_value *key)
{
    struct ord_text text = {{0}};
    const char *word = brings(call)           ? "from"
                       : call->f == ORD_F_CAS ? "on"
                                              : "to";

    if (key->kind != ORD_NIL)
        (void)snprintf(text.at, sizeof text.at, " %s %.60s", word,
                       ord_text_key(key).at);
    return text;
}

/* "17", "5 -> 7". */
static struct ord_text what(const struct ord_call *call)
{
    struct ord_text text = {{0}};

    if (call->f == ORD_F_CAS)
        (void)snprintf(text.at, sizeof text.at, "%.48s -> %.48s",
                       ord_text_value(ord_call_expected(call)).at,
                       ord_text_value(ord_call_value(call)).at);
    else if (!brings(call))
        text = ord_text_value(ord_call_value(call));
    else if (call->done != NULL)
        text = ord_text_value(&call->done->value);
    return text;
}

struct ord_text ord_text_call(const struct ord_view *view,
                              const struct ord_call *call)
{
    bool is_lock = call->f == ORD_F_ACQUIRE || call->f == ORD_F_RELEASE;
    struct ord_text text = {{0}};

    (void)snprintf(text.at, sizeof text.at,
                   "process %lld's %.20s%s%.60s%.40s%.40s",
                   (long long)call->inv->process, call->inv->name,
                   is_lock ? "" : " of ", is_lock ? "" : what(call).at,
                   at_key(call, &view->objects[call->object].key).at,
                   ord_text_on(view, call).at);
    return text;
}

struct ord_text ord_text_did(const struct ord_view *view,
                             const struct ord_call *call)
{
    static const char *const verbs[ORD_F_COUNT] = {
        [ORD_F_READ] = "read",        [ORD_F_WRITE] = "wrote",
        [ORD_F_CAS] = "set",          [ORD_F_ADD] = "added",
        [ORD_F_REMOVE] = "removed",   [ORD_F_APPEND] = "appended",
        [ORD_F_ENQUEUE] = "enqueued", [ORD_F_DEQUEUE] = "dequeued",
        [ORD_F_PUSH] = "pushed",      [ORD_F_POP] = "popped",
        [ORD_F_DRAIN] = "drained",    [ORD_F_GENERATE] = "generated",
    };
    struct ord_text text = {{0}};
    const struct ord_op *at =
        call->f == ORD_F_READ || call->done == NULL ? call->inv : call->done;
    const char *verb = verbs[call->f] != NULL ? verbs[call->f] : "did";

    (void)snprintf(text.at, sizeof text.at,
                   "process %lld %s %.60s%.40s at %.30s%.40s",
                   (long long)call->inv->process, verb, what(call).at,
                   at_key(call, &view->objects[call->object].key).at,
                   ord_text_when(at).at, ord_text_on(view, call).at);
    return text;
}

struct ord_text ord_text_who(const struct ord_call *call)
{
    struct ord_text text = {{0}};
    const struct ord_op *op = call->inv;
    bool has = op->session != ORD_NONE;

    (void)snprintf(text.at, sizeof text.at, "%s %lld",
                   has ? "session" : "process",
                   (long long)(has ? op->session : op->process));
    return text;
}

struct ord_text ord_text_unwritten(const struct ord_view *view,
                                   const struct ord_object *object,
                                   const struct ord_value *value,
                                   struct ord_named *named)
{
    struct ord_text text = {"nobody had written that value"};
    const struct ord_call *calls = ord_object_calls(view, object);

    for (uint32_t i = 0; i < object->count; i++) {
        if ((calls[i].f != ORD_F_WRITE && calls[i].f != ORD_F_CAS) ||
            !ord_value_equal(ord_call_value(&calls[i]), value))
            continue;
        if (calls[i].type != ORD_OP_FAIL)
            break;
        (void)snprintf(text.at, sizeof text.at,
                       "the only write of that value had been told that it "
                       "failed: %s, at %s",
                       ord_text_call(view, &calls[i]).at,
                       ord_text_when(calls[i].done).at);
        ORD_ASSERT(named->count < ORD_NAMED_MAX);
        named->ops[named->count++] = calls[i].inv;
        break;
    }
    return text;
}

void ord_text_odd(const struct ord_view *view, const struct ord_object *object,
                  char *text, size_t text_size)
{
    size_t size = strlen(text);
    const struct ord_call *odd = object->odd;

    ORD_ASSERT(size < text_size);
    if (object->kind == ORD_OBJECT_SET || object->kind == ORD_OBJECT_LIST)
        (void)snprintf(text + size, text_size - size, "it is a %s",
                       object->kind == ORD_OBJECT_SET ? "set" : "list");
    else if (odd == NULL)
        (void)snprintf(text + size, text_size - size, "nothing is known of it");
    else
        (void)snprintf(text + size, text_size - size,
                       "process %lld's %.30s at %s does not fit%s",
                       (long long)odd->inv->process, odd->inv->name,
                       ord_text_when(odd->inv).at,
                       odd == ord_object_calls(view, object)
                           ? ""
                           : " what was done to it before");
}

bool ord_conclude_odd(struct ord_verdict *out, const struct ord_view *view)
{
    char odd[ORD_TEXT_SIZE];

    for (uint32_t i = 0; i < view->object_count; i++) {
        const struct ord_object *object = &view->objects[i];
        const struct ord_call *calls = ord_object_calls(view, object);

        for (uint32_t j = 0;
             object->kind == ORD_OBJECT_MIXED && j < object->count; j++) {
            if (calls[j].f != ORD_F_READ || calls[j].type != ORD_OP_OK)
                continue;
            odd[0] = '\0';
            ord_text_odd(view, object, odd, sizeof odd);
            (void)ord_conclude(out, ORD_UNKNOWN,
                               "%s is no register, set or list: %s",
                               ord_text_key(&object->key).at, odd);
            return true;
        }
    }
    return false;
}

static bool item_is(const struct ord_value *item, const char *word)
{
    return item->kind == ORD_TEXT && item->count == strlen(word) &&
           memcmp(item->as.text, word, item->count) == 0;
}

/* An event ["begin"|"end", id, what] of the nemesis; NULL for any other. */
static const struct ord_value *fault_event(const struct ord_op *op)
{
    if (op->process != ORD_PROCESS_NEMESIS || op->value.kind != ORD_LIST ||
        op->value.count < 2)
        return NULL;
    return op->value.as.items;
}

/* The place where the fault begun at `begin` ended; ORD_NEVER if it did not. */
static int64_t fault_end(const struct ord_history *history,
                         const struct ord_op *begin)
{
    const struct ord_value *first = fault_event(begin);
    int64_t count = ord_history_count(history);

    for (int64_t i = begin->index + 1; i < count; i++) {
        const struct ord_op *op = ord_history_op(history, i);
        const struct ord_value *items = fault_event(op);

        if (items != NULL && item_is(&items[0], "end") &&
            ord_value_equal(&items[1], &first[1]))
            return i;
    }
    return ORD_NEVER;
}

struct ord_text ord_text_faults(const struct ord_history *history, int64_t from,
                                int64_t to)
{
    enum { NAMED_MAX = 2 };
    struct ord_text text = {{0}};
    size_t size = 0;
    uint32_t named = 0;

    ORD_OPS (history, op) {
        const struct ord_value *items = fault_event(op);
        struct ord_text say = {{0}};

        if (op->index > to || named == NAMED_MAX)
            break;
        if (items == NULL || !item_is(&items[0], "begin") ||
            fault_end(history, op) < from)
            continue;
        if (op->value.count > 2 && items[2].kind == ORD_TEXT)
            (void)snprintf(say.at, sizeof say.at, " (%.*s)",
                           items[2].count < FAULT_WIDTH_MAX
                               ? (int)items[2].count
                               : FAULT_WIDTH_MAX,
                           items[2].as.text);
        (void)snprintf(text.at + size, sizeof text.at - size, "%s%.20s%s",
                       named == 0 ? ", while " : " and ", op->name, say.at);
        size = strlen(text.at);
        named++;
    }
    if (named > 0)
        (void)snprintf(text.at + size, sizeof text.at - size, " was in force");
    return text;
}

double ord_ms_between(const struct ord_op *from, const struct ord_op *to)
{
    if (from->time_ns < 0 || to->time_ns < 0)
        return 0;
    return (double)(to->time_ns - from->time_ns) / 1e6;
}
