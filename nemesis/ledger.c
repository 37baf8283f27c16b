#include "nemesis/ledger.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/file.h"

enum { LINE_SIZE_MAX = 1 << 20, LEDGER_FAULTS_MAX = 2 * ORD_PLAN_MAX };

struct ord_ledger {
    int fd;
    struct ord_buf line;
};

int ord_ledger_open(const char *path, struct ord_ledger **out,
                    struct ord_err *err)
{
    struct ord_ledger *ledger = calloc(1, sizeof *ledger);

    if (ledger == NULL)
        return ord_fail(err, ORD_ENOMEM, "ledger %s", path);
    ord_buf_init(&ledger->line, LINE_SIZE_MAX);
    ledger->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (ledger->fd < 0) {
        ord_ledger_close(&ledger);
        return ord_fail_errno(err, "open %s", path);
    }
    *out = ledger;
    return ORD_OK;
}

void ord_ledger_close(struct ord_ledger **ledger)
{
    if (*ledger == NULL)
        return;
    if ((*ledger)->fd >= 0)
        (void)close((*ledger)->fd);
    ord_buf_fini(&(*ledger)->line);
    free(*ledger);
    *ledger = NULL;
}

static void begin_line(struct ord_ledger *ledger, const char *event,
                       int64_t time_ns)
{
    ord_buf_clear(&ledger->line);
    ord_buf_printf(&ledger->line, "{\"event\":\"%s\",\"time_ns\":%" PRId64,
                   event, time_ns);
}

/* One write: a line is there whole, or cut if the disk is full. */
static int end_line(struct ord_ledger *ledger, struct ord_err *err)
{
    ord_buf_text(&ledger->line, "}\n");
    if (ledger->line.failed)
        return ord_fail(err, ORD_ELIMIT, "ledger: a line over %d bytes",
                        LINE_SIZE_MAX);
    if (ord_write_all(ledger->fd, ord_buf_bytes(&ledger->line), err) != ORD_OK)
        return ord_wrap(err, "ledger");
    return ORD_OK;
}

int ord_ledger_intent(struct ord_ledger *ledger, int64_t time_ns,
                      const struct ord_fault *fault, struct ord_err *err)
{
    begin_line(ledger, "intent", time_ns);
    ord_buf_text(&ledger->line, ",\"fault\":");
    ord_fault_to_json(fault, &ledger->line);
    return end_line(ledger, err);
}

int ord_ledger_not_begun(struct ord_ledger *ledger, int64_t time_ns,
                         const struct ord_fault *fault, const char *why,
                         struct ord_err *err)
{
    begin_line(ledger, "not-begun", time_ns);
    ord_buf_text(&ledger->line, ",\"error\":");
    ord_buf_json(&ledger->line, ord_bytes_of(why));
    ord_buf_text(&ledger->line, ",\"fault\":");
    ord_fault_to_json(fault, &ledger->line);
    return end_line(ledger, err);
}

int ord_ledger_injected(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                        struct ord_err *err)
{
    begin_line(ledger, "injected", time_ns);
    ord_buf_printf(&ledger->line, ",\"id\":%u", id);
    return end_line(ledger, err);
}

int ord_ledger_failed(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                      const char *error, struct ord_err *err)
{
    begin_line(ledger, "failed", time_ns);
    ord_buf_printf(&ledger->line, ",\"id\":%u,\"error\":", id);
    ord_buf_json(&ledger->line, ord_bytes_of(error));
    return end_line(ledger, err);
}

int ord_ledger_held(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                    bool held, const char *evidence, struct ord_err *err)
{
    begin_line(ledger, "held", time_ns);
    ord_buf_printf(&ledger->line, ",\"id\":%u,\"held\":%s,\"evidence\":", id,
                   held ? "true" : "false");
    ord_buf_json(&ledger->line, ord_bytes_of(evidence));
    return end_line(ledger, err);
}

int ord_ledger_healed(struct ord_ledger *ledger, int64_t time_ns, uint32_t id,
                      struct ord_err *err)
{
    begin_line(ledger, "healed", time_ns);
    ord_buf_printf(&ledger->line, ",\"id\":%u", id);
    return end_line(ledger, err);
}

/* ---- reading ------------------------------------------------------------- */

struct line {
    struct ord_bytes event, fault, evidence, error;
    int64_t time_ns;
    int64_t id;
    bool held;
};

static bool read_value(struct ord_json *in, struct ord_bytes key,
                       struct line *out)
{
    if (ord_bytes_is(key, "event"))
        return ord_json_string(in, &out->event);
    if (ord_bytes_is(key, "time_ns"))
        return ord_json_int(in, &out->time_ns);
    if (ord_bytes_is(key, "id"))
        return ord_json_int(in, &out->id);
    if (ord_bytes_is(key, "held"))
        return ord_json_bool(in, &out->held);
    if (ord_bytes_is(key, "evidence"))
        return ord_json_string(in, &out->evidence);
    if (ord_bytes_is(key, "error"))
        return ord_json_string(in, &out->error);
    if (!ord_bytes_is(key, "fault"))
        return ord_json_skip(in);
    (void)ord_json_peek(in);
    out->fault.at = in->at;
    if (!ord_json_skip(in))
        return false;
    out->fault.size = (size_t)(in->at - out->fault.at);
    return true;
}

static bool read_line(struct ord_bytes text, struct line *out)
{
    struct ord_json in = {.at = text.at, .end = text.at + text.size};
    struct ord_bytes key;
    bool more = ord_json_enter(&in, '{');

    *out = (struct line){0};
    while (more && ord_json_member(&in, &key)) {
        if (!read_value(&in, key, out))
            return false;
    }
    return ord_json_left(&in, '}') && ord_json_done(&in) &&
           out->event.at != NULL;
}

static int add_fault(const struct line *line, struct ord_arena *arena,
                     struct ord_ledger_list *list, struct ord_err *err)
{
    struct ord_ledger_fault *fault;

    if (list->count >= LEDGER_FAULTS_MAX)
        return ord_fail(err, ORD_ELIMIT, "more than %d faults",
                        LEDGER_FAULTS_MAX);
    if (list->faults == NULL)
        list->faults =
            ord_arena_zalloc(arena, LEDGER_FAULTS_MAX, sizeof *fault);
    if (list->faults == NULL)
        return ord_fail(err, ORD_ENOMEM, "no memory");
    fault = &list->faults[list->count];
    *fault = (struct ord_ledger_fault){.intent_ns = line->time_ns,
                                       .injected_ns = -1,
                                       .healed_ns = -1,
                                       .evidence = ""};
    if (ord_fault_from_json(line->fault, arena, &fault->fault, err) != ORD_OK)
        return err->rc;
    list->count++;
    if (ord_bytes_is(line->event, "intent"))
        return ORD_OK;
    fault->healed_ns = line->time_ns; /* nothing is owed */
    if (line->error.at != NULL)
        fault->not_begun = ord_json_unescape(arena, line->error).at;
    return fault->not_begun != NULL
               ? ORD_OK
               : ord_fail(err, ORD_EFORMAT, "expected an error");
}

static int apply(const struct line *line, struct ord_arena *arena,
                 struct ord_ledger_list *list, struct ord_err *err)
{
    struct ord_ledger_fault *fault = NULL;
    const char *text = NULL;

    if (ord_bytes_is(line->event, "intent") ||
        ord_bytes_is(line->event, "not-begun"))
        return add_fault(line, arena, list, err);
    for (uint32_t i = list->count; i > 0 && fault == NULL; i--) {
        if (list->faults[i - 1].fault.id == line->id)
            fault = &list->faults[i - 1];
    }
    if (fault == NULL)
        return ord_fail(err, ORD_EFORMAT, "fault %" PRId64 " has no intent",
                        line->id);
    if (line->evidence.at != NULL)
        text = ord_json_unescape(arena, line->evidence).at;
    else if (line->error.at != NULL)
        text = ord_json_unescape(arena, line->error).at;
    if (ord_bytes_is(line->event, "injected"))
        fault->injected_ns = line->time_ns;
    else if (ord_bytes_is(line->event, "healed"))
        fault->healed_ns = line->time_ns;
    else if (text == NULL)
        return ord_fail(err, ORD_EFORMAT, "expected evidence or error");
    if (ord_bytes_is(line->event, "failed"))
        fault->error = text;
    if (ord_bytes_is(line->event, "held")) {
        fault->is_held = line->held;
        fault->evidence = text;
    }
    return ORD_OK;
}

int ord_ledger_read(const char *path, struct ord_arena *arena,
                    struct ord_ledger_list *out, struct ord_err *err)
{
    struct ord_buf file;
    size_t at = 0;
    uint32_t number = 0;
    int rc;

    *out = (struct ord_ledger_list){0};
    ord_buf_init(&file, ORD_LEDGER_SIZE_MAX);
    rc = ord_file_read(path, &file, err);
    while (rc == ORD_OK && at < file.size) {
        const char *begin = file.at + at;
        const char *end = memchr(begin, '\n', file.size - at);
        struct line line;

        number++;
        if (end == NULL) { /* the writer was killed, or the disk full */
            out->is_cut = true;
            break;
        }
        at += (size_t)(end - begin) + 1;
        if (!read_line((struct ord_bytes){begin, (size_t)(end - begin)}, &line))
            rc = ord_fail(err, ORD_EFORMAT,
                          "expected a JSON object of one "
                          "event");
        else
            rc = apply(&line, arena, out, err);
        if (rc != ORD_OK)
            rc = ord_wrap(err, "%s:%u", path, number);
    }
    ord_buf_fini(&file);
    return rc;
}

int ord_ledger_heal(const struct ord_ledger_list *list,
                    struct ord_nemesis_env *env, struct ord_arena *arena,
                    struct ord_err *err)
{
    int first = ORD_OK;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct ord_ledger_fault *fault = &list->faults[i];
        struct ord_fault_state state = {.fault = &fault->fault, .arena = arena};
        struct ord_err one;

        if (fault->healed_ns >= 0)
            continue;
        if (fault->fault.ops->heal(env, &state, &one) == ORD_OK ||
            first != ORD_OK)
            continue;
        first = one.rc;
        *err = one;
    }
    return first;
}
