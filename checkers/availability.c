/* availability.c -- how long reads and writes stood still.
 *
 * Measured:    per group (reads, writes) the longest stall: from an ok
 *              completion, or from the first attempt after it if nothing was
 *              open then, to the next ok completion; the window is from the
 *              first to the last invocation that is no final read.  A stall
 *              that lasts to the end of the window counts, but where nothing
 *              is open it ends with the last attempt: who does not ask is not
 *              refused.  A pause between failed attempts counts.
 * Claim:       with max_stall_ms, max_read_stall_ms or max_write_stall_ms, no
 *              stall of that group is longer.
 * Not claimed: anything, without an option: it measures and passes.
 * Unknown:     nothing was attempted; the history has no times; an option is
 *              not a number.
 * Cost:        O(events).
 */
#include <stdlib.h>

#include "checkers/proof.h"
#include "checkers/registry.h"

enum group { READS, WRITES, GROUPS };

struct track {
    uint64_t attempt_count;
    uint64_t ok_count;
    int64_t open_count;
    int64_t last_ns;         /* of the last event */
    int64_t since_ns;        /* start of this stall; -1: none */
    const struct ord_op *ok; /* the last ok completion */
    int64_t worst_ns;
    const struct ord_op *worst_from; /* ok before the worst stall or NULL */
    const struct ord_op *worst_to;   /* ok after it or NULL */
    const struct ord_op *first;      /* invocation */
    int64_t worst_start_ns;
};

static enum group group_of(const struct ord_op *op)
{
    switch (op->f) {
    case ORD_F_READ:
    case ORD_F_GET:
        return READS;
    case ORD_F_OTHER:
        return GROUPS;
    default:
        return WRITES;
    }
}

static void stall_ends(struct track *track, int64_t at_ns,
                       const struct ord_op *to)
{
    if (track->since_ns < 0)
        return;
    if (at_ns - track->since_ns > track->worst_ns) {
        track->worst_ns = at_ns - track->since_ns;
        track->worst_start_ns = track->since_ns;
        track->worst_from = track->ok;
        track->worst_to = to;
    }
}

static void invoked(struct track *track, const struct ord_op *op)
{
    track->attempt_count++;
    track->open_count++;
    track->last_ns = op->time_ns;
    if (track->first == NULL)
        track->first = op;
    if (track->since_ns < 0)
        track->since_ns = op->time_ns;
}

static void completed(struct track *track, const struct ord_op *op)
{
    track->open_count--;
    track->last_ns = op->time_ns;
    ORD_ASSERT(track->open_count >= 0);
    if (op->type != ORD_OP_OK)
        return;
    track->ok_count++;
    stall_ends(track, op->time_ns, op);
    track->ok = op;
    track->since_ns = track->open_count > 0 ? op->time_ns : -1;
}

static bool is_final(const struct ord_check_in *in, const struct ord_op *op)
{
    const struct ord_op *pair = ord_history_pair(in->history, op);

    return op->is_final || (pair != NULL && pair->is_final);
}

static void measure(const struct ord_check_in *in, struct track tracks[GROUPS])
{
    int64_t window_ns = 0;

    ORD_OPS (in->history, op) {
        if (op->process >= 0 && op->type == ORD_OP_INVOKE && !is_final(in, op))
            window_ns = op->time_ns;
    }
    ORD_OPS (in->history, op) {
        enum group group = group_of(op);

        if (op->process < 0 || group == GROUPS || is_final(in, op))
            continue;
        if (op->type == ORD_OP_INVOKE)
            invoked(&tracks[group], op);
        else
            completed(&tracks[group], op);
    }
    for (int i = 0; i < GROUPS; i++) {
        int64_t end_ns = window_ns;

        if (tracks[i].open_count == 0 && tracks[i].last_ns < end_ns)
            end_ns = tracks[i].last_ns;
        if (tracks[i].since_ns >= 0 && end_ns > tracks[i].since_ns)
            stall_ends(&tracks[i], end_ns, NULL);
    }
}

/* The limit in ms, -1 where there is none. */
static int limit_of(const struct ord_check_in *in, const char *name,
                    double *limit, struct ord_err *err)
{
    const char *text = ord_check_option(in, name);
    char *end = NULL;

    if (text == NULL)
        text = ord_check_option(in, "max_stall_ms");
    *limit = -1;
    if (text == NULL)
        return ORD_OK;
    *limit = strtod(text, &end);
    if (end == text || *end != '\0' || !(*limit >= 0))
        return ord_fail(err, ORD_EUSAGE, "%s: \"%s\" is no number of ms", name,
                        text);
    return ORD_OK;
}

static void found_stall(const struct ord_check_in *in, struct ord_verdict *out,
                        const struct track *track, const char *what,
                        double limit)
{
    struct ord_named named = {.ops = {track->worst_from, track->worst_to},
                              .count = 2};
    struct ord_op from = {.time_ns = track->worst_start_ns};
    struct ord_text last = {{0}};
    int64_t begin = track->worst_from == NULL ? track->first->index
                                              : track->worst_from->index;
    int64_t end = track->worst_to == NULL ? ord_history_count(in->history)
                                          : track->worst_to->index;

    if (track->worst_from == NULL && track->worst_to == NULL)
        named = (struct ord_named){.ops = {track->first}, .count = 1};
    if (track->worst_to != NULL)
        last = ord_text_when(track->worst_to);
    ord_found(in, out, &named,
              "no %s succeeded for %.0f ms, from %s %s%s%s; the limit is %.0f "
              "ms",
              what, (double)track->worst_ns / 1e6, ord_text_when(&from).at,
              track->worst_to == NULL ? "to the end of the load" : "to ",
              last.at, ord_text_faults(in->history, begin, end).at, limit);
}

static bool has_times(const struct track tracks[GROUPS])
{
    bool has = false;

    for (int i = 0; i < GROUPS; i++)
        has = has || (tracks[i].first != NULL && tracks[i].last_ns >= 0);
    return has;
}

static int available_check(const struct ord_check_in *in,
                           struct ord_verdict *out, struct ord_err *err)
{
    static const char *const options[GROUPS] = {"max_read_stall_ms",
                                                "max_write_stall_ms"};
    static const char *const words[GROUPS] = {"read", "write"};
    static const char *const stats[GROUPS][3] = {
        {"read_attempts", "read_ok_share", "read_stall_max_ms"},
        {"write_attempts", "write_ok_share", "write_stall_max_ms"}};
    struct track tracks[GROUPS] = {{.since_ns = -1}, {.since_ns = -1}};
    bool was_attempted = false;

    ORD_ASSERT(out->outcome == ORD_UNKNOWN); /* a pass has to be earned */
    measure(in, tracks);
    for (int i = 0; i < GROUPS; i++) {
        double limit = -1;
        double ms = (double)tracks[i].worst_ns / 1e6;

        if (limit_of(in, options[i], &limit, err) != ORD_OK)
            return err->rc;
        if (tracks[i].attempt_count == 0)
            continue;
        was_attempted = true;
        ord_stat(out, stats[i][0], (double)tracks[i].attempt_count);
        ord_stat(out, stats[i][1],
                 (double)tracks[i].ok_count / (double)tracks[i].attempt_count);
        ord_stat(out, stats[i][2], ms);
        if (limit >= 0 && ms > limit)
            found_stall(in, out, &tracks[i], words[i], limit);
    }
    if (out->violation_count > 0)
        return ORD_OK;
    if (!was_attempted)
        return ord_conclude(out, ORD_UNKNOWN, "nothing was attempted");
    if (!has_times(tracks))
        return ord_conclude(out, ORD_UNKNOWN, "the history has no times");
    return ord_conclude(out, ORD_VALID,
                        "longest stall: reads %.0f ms, writes %.0f ms",
                        (double)tracks[READS].worst_ns / 1e6,
                        (double)tracks[WRITES].worst_ns / 1e6);
}

const struct ord_checker ord_checker_availability = {
    .name = "availability",
    .claim = "no stall of reads or writes is longer than the limit given",
    .options = "max_stall_ms: longest stall allowed, of reads and of writes\n"
               "max_read_stall_ms: the same for reads\n"
               "max_write_stall_ms: the same for writes",
    .check = available_check,
};
