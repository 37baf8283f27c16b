/* claim.c -- reads a proof file claim by claim, and has each one checked. */
#include "harness/verify/claim.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "histories/digest.h"

enum { DIGEST_DIGITS = 16, STEPS_PRESET = 50000000 };

struct file { /* the proof, and how far its digest has come */
    struct verify *v;
    struct ord_json in;
    const char *digested;
    uint64_t digest;
};

bool ord_verify_refuse(struct verify *v, const char *format, ...)
{
    char what[ORD_VERIFY_WHY_SIZE];
    va_list args;

    v->out->is_accepted = false;
    if (v->out->why[0] != '\0')
        return false; /* the first reason is the reason */
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (v->check == 0)
        (void)snprintf(v->out->why, sizeof v->out->why, "%s", what);
    else if (v->object == 0)
        (void)snprintf(v->out->why, sizeof v->out->why, "check %u (%.*s): %s",
                       v->check, (int)v->claim->checker.size,
                       v->claim->checker.at, what);
    else
        (void)snprintf(v->out->why, sizeof v->out->why,
                       "check %u (%.*s), object %u: %s", v->check,
                       (int)v->claim->checker.size, v->claim->checker.at,
                       v->object, what);
    return false;
}

bool ord_verify_give_up(struct verify *v, int rc, const char *what)
{
    ORD_ASSERT(rc != ORD_OK);
    if (v->err->rc == ORD_OK)
        (void)ord_fail(v->err, rc, "check %u, object %u: %s", v->check,
                       v->object, what);
    return false;
}

bool ord_verify_need_calls(struct verify *v)
{
    const unsigned want =
        ORD_CALLS_KEYS | ORD_CALLS_PROCESSES | ORD_CALLS_SESSIONS;

    if (v->has_calls)
        return true;
    if (ord_calls_build(v->history, want, v->arena, &v->calls, v->err) !=
        ORD_OK)
        return false;
    v->has_calls = true;
    return true;
}

uint32_t ord_verify_call_at(const struct verify *v, int64_t index,
                            uint32_t *hint)
{
    const uint32_t *begin = v->calls.begin;
    uint32_t count = v->calls.count;
    uint32_t low = 0;
    uint32_t high = count;

    if (count == 0 || index < 0 || index >= v->calls.event_count)
        return UINT32_MAX;
    /* Doubling steps away from the hint, then halving. */
    if (*hint < count && begin[*hint] <= index) {
        low = *hint;
        for (uint32_t step = 1; low + step < count; step *= 2) {
            if (begin[low + step] > index) {
                high = low + step;
                break;
            }
            low += step;
        }
    } else if (*hint < count) {
        high = *hint;
        for (uint32_t step = 1; step <= high; step *= 2) {
            if (begin[high - step] <= index) {
                low = high - step;
                break;
            }
            high -= step;
        }
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (begin[middle] <= index)
            low = middle;
        else
            high = middle;
    }
    *hint = low;
    return begin[low] == index ? low : UINT32_MAX;
}

bool ord_verify_is_key(const struct verify *v, uint32_t object,
                       struct ord_bytes json)
{
    struct ord_buf text;
    bool is_equal;

    ORD_ASSERT(object < v->calls.key_count);
    ord_buf_init(&text, json.size + 64);
    ord_value_to_json(&v->calls.keys[object], &text);
    is_equal = !text.failed && ord_bytes_equal(ord_buf_bytes(&text), json);
    ord_buf_fini(&text);
    return is_equal;
}

bool ord_claim_option_is(const struct claim *claim, const char *name,
                         const char *value)
{
    for (uint32_t i = 0; i < claim->option_count; i++) {
        if (ord_bytes_is(claim->options[i].name, name))
            return ord_bytes_is(claim->options[i].value, value);
    }
    return false;
}

/* ---- reading ------------------------------------------------------------ */

/* The digest over all that stands before the digits of a member "digest". */
static bool check_digest(struct file *file)
{
    struct ord_bytes digits = {0};
    char want[DIGEST_DIGITS + 1];

    if (!ord_json_string(&file->in, &digits))
        return false;
    file->digest = ord_digest_bytes(
        file->digest, (struct ord_bytes){file->digested,
                                         (size_t)(digits.at - file->digested)});
    file->digested = digits.at;
    (void)snprintf(want, sizeof want, "%016llx",
                   (unsigned long long)file->digest);
    if (!ord_bytes_is(digits, want))
        return ord_verify_refuse(file->v,
                                 "the digest is not that of the file: it was "
                                 "changed here or before");
    return true;
}

static bool read_options(struct ord_json *in, struct claim *claim)
{
    struct ord_bytes name;
    bool more = ord_json_enter(in, '{');

    while (more && ord_json_member(in, &name)) {
        struct ord_bytes value = {0};

        if (claim->option_count == CLAIM_OPTIONS_MAX ||
            !ord_json_string(in, &value))
            return false;
        claim->options[claim->option_count++] =
            (struct claim_option){name, value};
    }
    return more && ord_json_left(in, '}');
}

static bool read_stats(struct ord_json *in, struct claim *claim)
{
    struct ord_bytes name;
    bool more = ord_json_enter(in, '{');

    while (more && ord_json_member(in, &name)) {
        struct claim_stat stat = {.name = name, .value = NAN};

        if (claim->stat_count == CLAIM_STATS_MAX)
            return false;
        if (ord_json_peek(in) == ORD_JSON_NULL
                ? !ord_json_null(in)
                : !ord_json_real(in, &stat.value))
            return false;
        claim->stats[claim->stat_count++] = stat;
    }
    return more && ord_json_left(in, '}');
}

static bool read_ops(struct ord_json *in, struct claim *claim)
{
    bool more = ord_json_enter(in, '[');

    while (more && ord_json_element(in)) {
        if (claim->op_count == CLAIM_OPS_MAX ||
            !ord_json_int(in, &claim->ops[claim->op_count]))
            return false;
        claim->op_count++;
    }
    return more && ord_json_left(in, ']');
}

static bool read_verdict(struct ord_json *in, struct claim *claim)
{
    struct ord_bytes word = {0};

    if (!ord_json_string(in, &word))
        return false;
    if (ord_bytes_is(word, "pass"))
        claim->verdict = CLAIM_PASS;
    else if (ord_bytes_is(word, "violation"))
        claim->verdict = CLAIM_VIOLATION;
    else
        return ord_bytes_is(word, "unknown");
    return true;
}

/* The objects are read when all the rest is known; here they are passed over.
 */
static bool read_objects(struct ord_json *in, struct claim *claim)
{
    (void)ord_json_peek(in);
    claim->objects = *in;
    if (!ord_json_enter(in, '['))
        return false;
    claim->has_objects = ord_json_element(in);
    *in = claim->objects;
    return ord_json_skip(in);
}

static bool read_key(struct ord_json *in, struct claim *claim)
{
    (void)ord_json_peek(in);
    claim->key.at = in->at;
    if (!ord_json_skip(in))
        return false;
    claim->key.size = (size_t)(in->at - claim->key.at);
    return true;
}

enum member {
    CHECKER,
    MODEL,
    OPTIONS,
    VERDICT,
    WHY,
    KEY,
    VIOLATIONS,
    OPS,
    STATS,
    OBJECTS,
    DIGEST,
    MEMBERS
};

static const char *const members[MEMBERS] = {
    [CHECKER] = "checker",       [MODEL] = "model",   [OPTIONS] = "options",
    [VERDICT] = "verdict",       [WHY] = "why",       [KEY] = "key",
    [VIOLATIONS] = "violations", [OPS] = "ops",       [STATS] = "stats",
    [OBJECTS] = "objects",       [DIGEST] = "digest",
};

static bool read_member(struct file *file, struct claim *claim,
                        enum member member)
{
    struct ord_json *in = &file->in;
    struct ord_bytes why = {0};

    switch (member) {
    case CHECKER:
        return ord_json_string(in, &claim->checker);
    case MODEL:
        return ord_json_peek(in) == ORD_JSON_NULL
                   ? ord_json_null(in)
                   : ord_json_string(in, &claim->model);
    case OPTIONS:
        return read_options(in, claim);
    case VERDICT:
        return read_verdict(in, claim);
    case WHY:
        return ord_json_string(in, &why);
    case KEY:
        return read_key(in, claim);
    case VIOLATIONS:
        return ord_json_int(in, &claim->violations);
    case OPS:
        return read_ops(in, claim);
    case STATS:
        return read_stats(in, claim);
    case OBJECTS:
        return read_objects(in, claim);
    default:
        return check_digest(file);
    }
}

/* Each member once, in the order of the schema, the digest last. */
static bool read_claim(struct file *file, struct claim *claim)
{
    struct ord_bytes name;
    uint32_t next = 0;

    if (!ord_json_enter(&file->in, '{'))
        return false;
    while (ord_json_member(&file->in, &name)) {
        if (next == MEMBERS || !ord_bytes_is(name, members[next]) ||
            !read_member(file, claim, (enum member)next))
            return false;
        next++;
    }
    return next == MEMBERS && ord_json_left(&file->in, '}');
}

/* ---- judging ------------------------------------------------------------ */

static bool names(const struct claim *claim, int64_t index)
{
    for (uint32_t i = 0; i < claim->op_count; i++) {
        if (claim->ops[i] == index)
            return true;
    }
    return claim->op_count >= CLAIM_OPS_FULL;
}

/* They ascend, and stand with their invocations or completions. */
static bool check_ops(struct verify *v)
{
    const struct claim *claim = v->claim;

    for (uint32_t i = 0; i < claim->op_count; i++) {
        int64_t index = claim->ops[i];
        const struct ord_op *op;

        if (index < 0 || index >= ord_history_count(v->history))
            return ord_verify_refuse(v, "operation %lld is not in the history",
                                     (long long)index);
        if (i > 0 && index <= claim->ops[i - 1])
            return ord_verify_refuse(v, "its operations do not ascend");
        op = ord_history_op(v->history, index);
        if (op->pair >= 0 && !names(claim, op->pair))
            return ord_verify_refuse(v, "operation %lld is named without %lld",
                                     (long long)index, (long long)op->pair);
    }
    return true;
}

static bool check_claim(struct verify *v)
{
    const struct claim *claim = v->claim;
    struct ord_verify_out *out = v->out;
    bool is_linearizable = ord_bytes_is(claim->checker, "linearizable");

    out->check_count++;
    if (claim->verdict == CLAIM_UNKNOWN) {
        out->unknown_count++;
        if (claim->has_objects)
            return ord_verify_refuse(v, "the verdict is unknown, yet it has "
                                        "objects");
    }
    if (claim->verdict == CLAIM_PASS && claim->violations != 0)
        return ord_verify_refuse(v, "a pass with violations");
    if (claim->verdict == CLAIM_VIOLATION && claim->violations < 1)
        return ord_verify_refuse(v, "a violation without a violation");
    if (!ord_verify_need_calls(v))
        return false;
    if (!check_ops(v))
        return false;
    if (!is_linearizable)
        return ord_verify_facts(v);
    return claim->verdict == CLAIM_UNKNOWN || ord_verify_linearizable(v);
}

static bool read_checks(struct file *file)
{
    struct verify *v = file->v;
    struct claim *claim = ord_arena_zalloc(v->arena, 1, sizeof *claim);
    bool more = ord_json_enter(&file->in, '[');

    if (claim == NULL)
        return ord_verify_give_up(v, ORD_ENOMEM, "no memory");
    v->claim = claim;
    while (more && ord_json_element(&file->in)) {
        if (v->check == ORD_VERIFY_CHECKS_MAX)
            return ord_verify_refuse(v, "more than %d checks",
                                     ORD_VERIFY_CHECKS_MAX);
        *claim = (struct claim){.verdict = CLAIM_UNKNOWN};
        v->check++;
        v->object = 0;
        if (!read_claim(file, claim) || !check_claim(v))
            return false;
    }
    v->check = 0;
    return more && ord_json_left(&file->in, ']');
}

static bool read_history(struct file *file)
{
    struct verify *v = file->v;
    struct ord_json *in = &file->in;
    struct ord_bytes name;
    struct ord_bytes digest = {0};
    int64_t events = -1;
    char want[DIGEST_DIGITS + 1];

    if (!ord_json_enter(in, '{') || !ord_json_member(in, &name) ||
        !ord_bytes_is(name, "events") || !ord_json_int(in, &events) ||
        !ord_json_member(in, &name) || !ord_bytes_is(name, "digest") ||
        !ord_json_string(in, &digest) || ord_json_member(in, &name) ||
        !ord_json_left(in, '}'))
        return false;
    if (events != ord_history_count(v->history))
        return ord_verify_refuse(
            v, "the proof is of another history: of %lld events, not %lld",
            (long long)events, (long long)ord_history_count(v->history));
    if (!ord_verify_need_calls(v))
        return false;
    (void)snprintf(want, sizeof want, "%016llx",
                   (unsigned long long)ord_calls_digest(&v->calls));
    if (!ord_bytes_is(digest, want))
        return ord_verify_refuse(v, "the proof is of another history: the "
                                    "digest of its events is different");
    return true;
}

bool ord_verify_is_keyed(struct ord_bytes proof)
{
    struct ord_json in = {.at = proof.at, .end = proof.at + proof.size};
    struct ord_bytes name;
    bool is_keyed = false;

    if (proof.size == 0 || !ord_json_enter(&in, '{'))
        return false;
    while (ord_json_member(&in, &name)) {
        if (ord_bytes_is(name, "keyed"))
            return ord_json_bool(&in, &is_keyed) && is_keyed;
        if (!ord_json_skip(&in))
            return false;
    }
    return false;
}

static bool read_file(struct file *file, bool *is_proof)
{
    struct ord_json *in = &file->in;
    struct ord_bytes name;
    int64_t version = 0;
    bool is_keyed = false;

    *is_proof = ord_json_enter(in, '{') && ord_json_member(in, &name) &&
                ord_bytes_is(name, "ordeal_proof") &&
                ord_json_int(in, &version) && version == 1;
    if (!*is_proof)
        return false;
    return ord_json_member(in, &name) && ord_bytes_is(name, "history") &&
           read_history(file) && ord_json_member(in, &name) &&
           ord_bytes_is(name, "keyed") && ord_json_bool(in, &is_keyed) &&
           ord_json_member(in, &name) && ord_bytes_is(name, "checks") &&
           read_checks(file) && ord_json_member(in, &name) &&
           ord_bytes_is(name, "digest") && check_digest(file) &&
           !ord_json_member(in, &name) && ord_json_left(in, '}') &&
           ord_json_done(in);
}

static int64_t line_of(const struct file *file, const char *start)
{
    int64_t line = 1;

    for (const char *at = start; at < file->in.at; at++)
        line += *at == '\n';
    return line;
}

int ord_verify(const struct ord_verify_in *in, struct ord_verify_out *out,
               struct ord_err *err)
{
    struct ord_arena arena;
    struct ord_arena scratch;
    struct ord_err trouble = {.rc = ORD_OK};
    struct verify v = {
        .history = in->history,
        .arena = &arena,
        .scratch = &scratch,
        .steps_left = in->steps_max == 0 ? STEPS_PRESET : in->steps_max,
        .out = out,
        .err = &trouble,
    };
    struct file file = {
        .v = &v,
        .in = {.at = in->proof.at, .end = in->proof.at + in->proof.size},
        .digested = in->proof.at,
        .digest = ORD_DIGEST_START,
    };
    uint64_t steps = v.steps_left;
    bool is_proof = false;
    bool holds;

    ORD_ASSERT(in->history != NULL);
    *out = (struct ord_verify_out){0};
    ord_arena_init(&arena, in->size_max);
    ord_arena_init(&scratch, in->size_max);
    holds = in->proof.size > 0 && read_file(&file, &is_proof);
    out->is_accepted = holds;
    out->steps = steps - v.steps_left;
    ord_arena_fini(&scratch);
    ord_arena_fini(&arena);
    if (trouble.rc != ORD_OK)
        return ord_fail(err, trouble.rc, "%s", trouble.text);
    if (!is_proof)
        return ord_fail(err, ORD_EFORMAT,
                        "this is no proof that `ordeal check --proof` wrote");
    if (!holds && out->why[0] == '\0')
        (void)snprintf(out->why, sizeof out->why,
                       "line %lld is not as the proof's schema has it",
                       (long long)line_of(&file, in->proof.at));
    return ORD_OK;
}
