#include "harness/base/err.h"
#include "targets/refdb/core_int.h"

static void trim(struct rd_core *core)
{
    uint64_t keep = core->config.snapshot_after;
    uint64_t base;

    if (core->applied - core->log.base < 2 * keep + RD_BATCH_COUNT_MAX)
        return;
    base = core->applied - keep;
    rd_log_trim(&core->log, base);
    core->out.trim(core->out.ctx, base, core->log.base_epoch);
}

void rd_apply_to(struct rd_core *core, uint64_t commit)
{
    ORD_ASSERT(commit <= core->log.last);
    if (commit > core->commit)
        core->commit = commit;
    while (core->applied < core->commit) {
        struct rd_entry entry = rd_log_at(&core->log, core->applied + 1);
        bool is_twice = core->config.mutant == RD_MUTANT_APPLY_TWICE &&
                        entry.index >= core->catch_up_from &&
                        entry.index <= core->catch_up_to;

        core->applied++;
        rd_members_applied(core, &entry);
        core->out.apply(core->out.ctx, &entry, is_twice);
    }
    trim(core);
}

/* This replica has all that was acknowledged when its leader sent `echo`, a
 * stamp of our own clock, back: so its lag is at most now - echo. */
static void note_freshness(struct rd_core *core, const struct rd_msg *msg)
{
    if (core->pending_commit == 0 && msg->echo > 0 && msg->commit > 0) {
        core->pending_commit = msg->commit;
        core->pending_fresh_ns = msg->echo;
    }
    if (core->pending_commit > 0 && core->applied >= core->pending_commit) {
        if (core->fresh_ns < core->pending_fresh_ns)
            core->fresh_ns = core->pending_fresh_ns;
        core->pending_commit = 0;
    }
    if (msg->echo > core->fresh_ns && msg->commit > 0 &&
        core->applied >= msg->commit)
        core->fresh_ns = msg->echo;
}

static void reply(struct rd_core *core, const struct rd_msg *msg, uint8_t flags,
                  uint64_t index, uint64_t hint, int64_t now)
{
    struct rd_msg answer = {
        .type = RD_APPEND_REPLY,
        .flags = flags,
        .index = index,
        .commit = hint,
        .probe = msg->probe,
        .echo = msg->stamp,
    };

    rd_send(core, &answer, msg->from, false, now);
}

static void note_mismatch(struct rd_core *core, uint64_t index)
{
    if (core->mismatch == 0 || index < core->mismatch)
        core->mismatch = index;
}

/* Every entry from there on is about to go; each is reported. */
static void discard_from(struct rd_core *core, uint64_t from)
{
    if (from <= core->log.base)
        from = core->log.base + 1;
    for (uint64_t i = from; i <= core->log.last; i++) {
        struct rd_entry entry = rd_log_at(&core->log, i);

        if (entry.data.size == 0 || rd_is_members(entry.data))
            continue; /* nobody's write */
        core->discard_count++;
        core->out.discard(core->out.ctx, &entry);
    }
}

/* Takes the entries; false when only a snapshot helps. */
static bool take_entries(struct rd_core *core, const struct rd_msg *msg,
                         int64_t now)
{
    struct ord_bytes rest = msg->data;
    struct ord_bytes data;
    uint64_t index = msg->index;
    uint64_t epoch;

    for (uint32_t i = 0; i < msg->count; i++) {
        struct rd_entry entry;

        if (!rd_msg_take_entry(&rest, &epoch, &data))
            return true; /* bad bytes from a peer: what came so far counts */
        index++;
        if (index <= core->log.last) {
            if (rd_log_epoch(&core->log, index) == epoch)
                continue;
            if (index <= core->applied) {
                note_mismatch(core, index);
                return false;
            }
            discard_from(core, index);
            rd_log_truncate(&core->log, index);
            core->out.truncate(core->out.ctx, index);
            if (core->persisted >= index)
                core->persisted = index - 1;
            if (core->members_index >= index)
                rd_members_rescan(core, now);
        }
        if (!rd_log_append(&core->log, epoch, data))
            return true;
        entry = rd_log_at(&core->log, index);
        core->out.append(core->out.ctx, &entry);
        rd_members_appended(core, &entry, now);
    }
    return true;
}

/* Refuses what does not follow on from our log; true if refused. */
static bool is_refused(struct rd_core *core, const struct rd_msg *msg,
                       int64_t now)
{
    uint64_t hint;

    if (msg->index > core->log.last) {
        reply(core, msg, 0, msg->index, core->log.last, now);
        return true;
    }
    if (msg->index < core->log.base) {
        reply(core, msg, RD_FLAG_SNAPSHOT, msg->index, 0, now);
        return true;
    }
    if (rd_log_epoch(&core->log, msg->index) == msg->index_epoch)
        return false;
    note_mismatch(core, msg->index);
    if (msg->index == core->log.base) {
        reply(core, msg, RD_FLAG_SNAPSHOT, msg->index, 0, now);
        return true;
    }
    hint = rd_log_run_start(&core->log, msg->index) - 1;
    reply(core, msg, 0, msg->index, hint, now);
    return true;
}

/* Whether this node listens to that leader. */
static bool accepts(struct rd_core *core, const struct rd_msg *msg, int64_t now)
{
    uint64_t epoch = core->hard.epoch;

    if (msg->epoch < epoch) {
        /* The reply carries our epoch: the old leader learns of it. */
        reply(core, msg, 0, msg->index, core->log.last, now);
        return false;
    }
    ORD_ASSERT(msg->epoch == epoch);
    if (core->role == RD_LEADER)
        return false; /* two leaders in one epoch: neither gives way */
    if (!core->config.is_fencing && core->leader != 0 &&
        core->leader != msg->from && !(msg->flags & RD_FLAG_PROMOTED) &&
        rd_hears_leader(core, now))
        return false;
    if (core->role != RD_FOLLOWER || core->leader != msg->from)
        rd_follow(core, msg->from, now);
    core->heard_ns = now;
    rd_reset_deadline(core, now);
    return true;
}

void rd_on_append(struct rd_core *core, const struct rd_msg *msg, int64_t now)
{
    uint64_t before = core->log.last;
    uint64_t match;

    if (!accepts(core, msg, now))
        return;
    if (msg->index == 0 && msg->count == 0) {
        reply(core, msg, RD_FLAG_OK, 0, 0, now); /* heartbeat, no position */
        return;
    }
    if (is_refused(core, msg, now))
        return;
    if (!take_entries(core, msg, now)) {
        reply(core, msg, RD_FLAG_SNAPSHOT, msg->index, 0, now);
        return;
    }
    match = msg->index + msg->count;
    if (match > core->log.last)
        match = core->log.last;
    if (core->is_catching_up && core->log.last > before + 1) {
        core->is_catching_up = false;
        core->catch_up_from = before + 1;
        core->catch_up_to = core->log.last;
    }
    rd_apply_to(core, msg->commit < match ? msg->commit : match);
    note_freshness(core, msg);
    reply(core, msg, RD_FLAG_OK, match, 0, now);
}

static void install(struct rd_core *core, const struct rd_msg *msg,
                    const struct rd_members *members, int64_t now)
{
    uint64_t from = core->mismatch;

    if (from != 0)
        discard_from(core, from);
    rd_log_reset(&core->log, msg->index, msg->index_epoch);
    core->commit = core->applied = msg->index;
    core->persisted = msg->index;
    core->mismatch = 0;
    core->pending_commit = 0;
    core->snapshot_count++;
    core->settled = *members;
    rd_members_rescan(core, now);
}

void rd_on_snap(struct rd_core *core, const struct rd_msg *msg, int64_t now)
{
    struct rd_msg answer = {
        .type = RD_SNAP_REPLY,
        .flags = msg->flags & RD_FLAG_LAST,
        .index = msg->index,
        .round = msg->round,
        .echo = msg->stamp,
    };
    struct rd_members members;
    bool is_wanted;

    if (!accepts(core, msg, now))
        return;
    if (msg->round == 0) {
        core->piece = 0;
        core->piece_index = msg->index;
    }
    is_wanted = msg->round == core->piece && msg->index == core->piece_index;
    /* A log that holds the snapshot's entry holds all before it, and what it
     * has beyond may have been promised: nothing is taken back. */
    if (is_wanted && core->config.is_fencing && core->mismatch == 0 &&
        msg->index >= core->log.base && msg->index <= core->log.last &&
        rd_log_epoch(&core->log, msg->index) == msg->index_epoch) {
        is_wanted = false;
        answer.flags |= RD_FLAG_OK | RD_FLAG_LAST; /* go on from there */
        rd_apply_to(core, msg->index);
    }
    if (is_wanted && core->out.snap_data(core->out.ctx, msg, &members)) {
        core->piece++;
        answer.flags |= RD_FLAG_OK;
        if (msg->flags & RD_FLAG_LAST)
            install(core, msg, &members, now);
    }
    rd_send(core, &answer, msg->from, false, now);
}
