/* verdict.c -- how a checker says what it found. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checkers/checker.h"
#include "checkers/proof.h"

int ord_conclude(struct ord_verdict *out, enum ord_outcome outcome,
                 const char *format, ...)
{
    va_list args;

    ORD_ASSERT(format != NULL);
    out->outcome = outcome;
    va_start(args, format);
    (void)vsnprintf(out->why, sizeof out->why, format, args);
    va_end(args);
    return ORD_OK;
}

static void evidence_index(struct ord_verdict *out, int64_t index)
{
    uint32_t at = 0;

    if (index < 0)
        return;
    while (at < out->op_count && out->ops[at] < index)
        at++;
    if (at < out->op_count && out->ops[at] == index)
        return;
    if (out->op_count == ORD_EVIDENCE_MAX)
        return;
    memmove(&out->ops[at + 1], &out->ops[at],
            (out->op_count - at) * sizeof out->ops[0]);
    out->ops[at] = index;
    out->op_count++;
    ORD_ASSERT(out->op_count <= ORD_EVIDENCE_MAX);
}

void ord_evidence(struct ord_verdict *out, const struct ord_op *op)
{
    if (op == NULL)
        return;
    evidence_index(out, op->index);
    evidence_index(out, op->pair);
}

void ord_stat(struct ord_verdict *out, const char *name, double value)
{
    ORD_ASSERT(name != NULL);
    if (out->stat_count == ORD_STATS_MAX)
        return;
    out->stats[out->stat_count].name = name;
    out->stats[out->stat_count].value = value;
    out->stat_count++;
}

const char *ord_check_option(const struct ord_check_in *in, const char *name)
{
    for (uint32_t i = 0; i < in->option_count; i++) {
        if (strcmp(in->options[i].name, name) == 0)
            return in->options[i].value;
    }
    return NULL;
}

const char *ord_outcome_name(enum ord_outcome outcome)
{
    static const char *const names[] = {
        [ORD_VALID] = "pass",
        [ORD_UNKNOWN] = "unknown",
        [ORD_INVALID] = "violation",
    };

    ORD_ASSERT((size_t)outcome < sizeof names / sizeof *names);
    return names[outcome];
}

static void keep_finding(const struct ord_check_in *in, struct ord_verdict *out,
                         const struct ord_named *named, const char *why)
{
    struct ord_finding *finding = NULL;
    const char *copy = NULL;

    if (out->finding_count == ORD_FINDINGS_MAX)
        return;
    copy = ord_arena_strdup(in->arena, why);
    if (copy == NULL)
        return; /* it is still counted */
    finding = &out->findings[out->finding_count++];
    finding->why = copy;
    finding->op_count = 0;
    for (uint32_t i = 0; i < named->count && i < 4; i++) {
        if (named->ops[i] != NULL)
            finding->ops[finding->op_count++] = named->ops[i]->index;
    }
}

bool ord_found_enough(struct ord_verdict *out)
{
    if (out->violation_count <= ORD_FINDINGS_MAX)
        return false;
    out->violation_count++;
    return true;
}

void ord_found(const struct ord_check_in *in, struct ord_verdict *out,
               const struct ord_named *named, const char *format, ...)
{
    char why[ORD_WHY_SIZE];
    va_list args;

    ORD_ASSERT(named->count <= ORD_NAMED_MAX);
    out->violation_count++;
    if (out->violation_count > ORD_FINDINGS_MAX + 1)
        return;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    if (out->violation_count > 1) {
        keep_finding(in, out, named, why);
        return;
    }
    (void)ord_conclude(out, ORD_INVALID, "%s", why);
    out->key = named->key;
    for (uint32_t i = 0; i < named->count; i++)
        ord_evidence(out, named->ops[i]);
}

/* Options are told as lines that begin with `name:`. */
bool ord_checker_has_option(const struct ord_checker *checker, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = checker->options; at != NULL && *at != '\0';) {
        if (strncmp(at, name, size) == 0 && at[size] == ':')
            return true;
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1 + strspn(at + 1, " ");
    }
    return false;
}

void ord_check_run(const struct ord_checker *checker,
                   const struct ord_check_in *in, struct ord_verdict *out)
{
    struct ord_err err = {0};

    ORD_ASSERT(in->history != NULL);
    ORD_ASSERT(in->arena != NULL);
    *out = (struct ord_verdict){.outcome = ORD_UNKNOWN};
    /* What the checker did not get to see may be the very violation. */
    if (checker->check(in, out, &err) == ORD_OK &&
        ord_history_trouble(in->history, &err) == ORD_OK)
        return;
    /* A violation that was proved stays one, whatever failed after it. */
    if (out->outcome == ORD_INVALID)
        return;
    out->is_misused = err.rc == ORD_EUSAGE;
    (void)ord_conclude(out, ORD_UNKNOWN, "%.*s", (int)sizeof out->why - 1,
                       err.text);
}
