/* proof_json.c -- see proof_json.h. */
#include "harness/report/proof_json.h"

#include "checkers/lin.h"
#include "harness/report/json_out.h"
#include "histories/digest.h"

enum { OUT_SIZE_MAX = 1 << 30 };

static void digest_now(struct ord_proof_file *file)
{
    struct ord_bytes rest = {file->out.at + file->digested,
                             file->out.size - file->digested};

    if (rest.size > 0)
        file->digest = ord_digest_bytes(file->digest, rest);
    file->digested = file->out.size;
}

/* Whenever there is much: only between elements whose commas are written by
 * hand, for ord_out_next() looks at the last byte. */
static int flush(struct ord_proof_file *file, size_t size_min,
                 struct ord_err *err)
{
    if (file->out.failed)
        return ord_fail(err, ORD_ENOMEM, "no memory to write the proof");
    if (file->file.fd < 0 || file->out.size < size_min)
        return ORD_OK;
    digest_now(file);
    if (ord_write_all(file->file.fd, ord_buf_bytes(&file->out), err) != ORD_OK)
        return ord_wrap(err, "%s", file->file.path);
    ord_buf_clear(&file->out);
    file->digested = 0;
    return ORD_OK;
}

static void out_digest(struct ord_proof_file *file)
{
    ord_buf_text(&file->out, ",\"digest\":\"");
    digest_now(file);
    ord_buf_printf(&file->out, "%016llx\"", (unsigned long long)file->digest);
}

int ord_proof_begin(struct ord_proof_file *file, const char *path,
                    const struct ord_history *history, bool is_keyed,
                    struct ord_err *err)
{
    uint64_t digest = 0;

    *file =
        (struct ord_proof_file){.file = {.fd = -1}, .digest = ORD_DIGEST_START};
    ord_buf_init(&file->out, OUT_SIZE_MAX);
    if (ord_history_digest(history, &digest, err) != ORD_OK)
        return err->rc;
    if (path != NULL && ord_new_file_open(&file->file, path, err) != ORD_OK)
        return err->rc;
    ord_buf_printf(&file->out, "{\"ordeal_proof\":%d", ORD_PROOF_VERSION);
    ord_buf_printf(
        &file->out, ",\n\"history\":{\"events\":%lld,\"digest\":\"%016llx\"}",
        (long long)ord_history_count(history), (unsigned long long)digest);
    ord_out_bool(&file->out, "keyed", is_keyed);
    ord_buf_text(&file->out, ",\n\"checks\":[");
    return flush(file, ORD_PROOF_FLUSH_SIZE, err);
}

static void out_keep(struct ord_buf *out, uint8_t keep)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } marks[] = {
        {ORD_KEEP_BEGIN, "begin"},
        {ORD_KEEP_END, "end"},
        {ORD_KEEP_MUST, "must"},
    };

    ord_buf_text(out, ",\"keep\":[");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if ((keep & marks[i].bit) == 0)
            continue;
        ord_out_next(out);
        ord_buf_printf(out, "\"%s\"", marks[i].name);
    }
    ord_buf_char(out, ']');
}

static void out_edge(struct ord_buf *out, uint8_t edge)
{
    static const char *const names[] = {
        [ORD_EDGE_REAL_TIME] = "real-time",
        [ORD_EDGE_SESSION] = "session",
        [ORD_EDGE_READS_FROM] = "reads-from",
        [ORD_EDGE_VERSION] = "version",
    };

    ORD_ASSERT(edge < sizeof names / sizeof *names);
    ord_buf_printf(out, ",\"edge\":\"%s\"", names[edge]);
}

/* names_model: the objects have several, so each says its own. */
static int out_object(struct ord_proof_file *file,
                      const struct ord_proof *proof, bool names_model,
                      struct ord_err *err)
{
    struct ord_buf *out = &file->out;
    bool is_core = proof->kind == ORD_PROOF_CORE;
    bool is_order = proof->kind == ORD_PROOF_ORDER;

    ord_buf_text(out, "\n  {\"key\":");
    ord_value_to_json(&proof->key, out);
    if (names_model && proof->model != NULL)
        ord_out_text(out, "model", proof->model);
    if (is_core)
        ord_out_bool(out, "minimal", proof->is_minimal);
    if (proof->kind == ORD_PROOF_CYCLE)
        ord_out_uint(out, "length", proof->count);
    ord_buf_text(out, is_order  ? ",\"order\":["
                      : is_core ? ",\"core\":["
                                : ",\"cycle\":[");
    for (uint64_t i = 0; i < proof->count; i++) {
        if (i > 0)
            ord_buf_char(out, ',');
        if (!is_order)
            ord_buf_text(out, "\n   {\"op\":");
        ord_buf_int(out, proof->ops[i]);
        if (is_core)
            out_keep(out, proof->marks[i]);
        else if (!is_order)
            out_edge(out, proof->marks[i]);
        if (!is_order)
            ord_buf_char(out, '}');
        if ((i & 0xffff) == 0xffff &&
            flush(file, ORD_PROOF_FLUSH_SIZE, err) != ORD_OK)
            return err->rc;
    }
    ord_buf_text(out, "]}");
    return flush(file, ORD_PROOF_FLUSH_SIZE, err);
}

static int out_objects(struct ord_proof_file *file,
                       const struct ord_verdict *verdict, bool names_model,
                       struct ord_err *err)
{
    bool is_first = true;

    ord_buf_text(&file->out, ",\n \"objects\":[");
    for (const struct ord_proof *proof = verdict->proof;
         proof != NULL && verdict->outcome != ORD_UNKNOWN;
         proof = proof->next) {
        if (proof->kind == ORD_PROOF_FACTS)
            continue;
        if (!is_first)
            ord_buf_char(&file->out, ',');
        is_first = false;
        if (out_object(file, proof, names_model, err) != ORD_OK)
            return err->rc;
    }
    ord_buf_char(&file->out, ']');
    return ORD_OK;
}

static void out_facts(struct ord_buf *out, const struct ord_verdict *verdict)
{
    ord_out_text(out, "why", verdict->why);
    ord_out_name(out, "key");
    ord_value_to_json(&verdict->key, out);
    ord_out_uint(out, "violations", verdict->violation_count);
    ord_out_name(out, "ops");
    ord_buf_char(out, '[');
    for (uint32_t i = 0; i < verdict->op_count; i++) {
        ord_out_next(out);
        ord_buf_int(out, verdict->ops[i]);
    }
    ord_buf_char(out, ']');
    ord_out_name(out, "stats");
    ord_buf_char(out, '{');
    for (uint32_t i = 0; i < verdict->stat_count; i++)
        ord_out_real(out, verdict->stats[i].name, verdict->stats[i].value);
    ord_buf_char(out, '}');
}

int ord_proof_add(struct ord_proof_file *file, const struct ord_proof_of *of,
                  const struct ord_verdict *verdict, struct ord_err *err)
{
    static const char *const words[] = {
        [ORD_VALID] = "pass",
        [ORD_UNKNOWN] = "unknown",
        [ORD_INVALID] = "violation",
    };
    struct ord_buf *out = &file->out;
    /* Without one asked for, the checker tells which it used. */
    const char *model = of->model != NULL ? of->model : verdict->model;

    ORD_ASSERT(of->checker != NULL);
    if (file->out.size == 0 || out->at[out->size - 1] != '[')
        ord_buf_char(out, ',');
    ord_buf_text(out, "\n{");
    ord_out_text(out, "checker", of->checker);
    ord_out_text(out, "model", model);
    ord_out_name(out, "options");
    ord_buf_char(out, '{');
    for (uint32_t i = 0; i < of->option_count; i++)
        ord_out_text(out, of->options[i].name, of->options[i].value);
    ord_buf_char(out, '}');
    ord_out_text(out, "verdict", words[verdict->outcome]);
    out_facts(out, verdict);
    if (out_objects(file, verdict, model == NULL, err) != ORD_OK)
        return err->rc;
    out_digest(file);
    ord_buf_char(out, '}');
    /* What remains is small and tells the next check whether a comma is due. */
    return flush(file, ORD_PROOF_FLUSH_SIZE, err);
}

int ord_proof_end(struct ord_proof_file *file, struct ord_err *err)
{
    ord_buf_char(&file->out, ']');
    out_digest(file);
    ord_buf_text(&file->out, "}\n");
    if (flush(file, 0, err) != ORD_OK)
        return err->rc;
    if (file->file.fd < 0)
        return ORD_OK;
    return ord_new_file_publish(&file->file, err);
}

void ord_proof_discard(struct ord_proof_file *file)
{
    if (file->file.fd >= 0)
        ord_new_file_discard(&file->file);
    ord_buf_fini(&file->out);
}
