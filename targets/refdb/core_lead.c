#include "harness/base/err.h"
#include "targets/refdb/core_int.h"

enum {
    WINDOW_ENTRIES = 4096,   /* in flight to one follower */
    EMPTY_LAG_ENTRIES = 100, /* an empty follower further back: snapshot */
    SNAP_TIMEOUTS = 10,      /* without an answer: given up */
};

struct read {
    uint64_t token;
    uint64_t index; /* to be applied first */
    uint64_t probe; /* to be confirmed by a majority first; 0: not at all */
};

static void start_snapshot(struct rd_core *core, uint32_t to, int64_t now)
{
    struct rd_peer *peer = &core->peer[to];

    if (peer->mode == RD_MODE_SNAPSHOT)
        return;
    peer->mode = RD_MODE_SNAPSHOT;
    peer->snap_deadline_ns = now + SNAP_TIMEOUTS * core->config.timeout_ns;
    core->snapshot_count++;
    core->out.snap_open(core->out.ctx, to);
}

void rd_stop_snapshot(struct rd_core *core, uint32_t to)
{
    struct rd_peer *peer = &core->peer[to];

    if (peer->mode != RD_MODE_SNAPSHOT)
        return;
    peer->mode = RD_MODE_PROBE;
    peer->is_waiting = false;
    core->out.snap_close(core->out.ctx, to);
}

static void fill_batch(struct rd_core *core, uint64_t from, struct rd_msg *msg)
{
    ord_buf_clear(&core->batch);
    for (uint64_t i = from; i <= core->log.last; i++) {
        struct rd_entry entry = rd_log_at(&core->log, i);

        if (msg->count >= RD_BATCH_COUNT_MAX ||
            (msg->count > 0 &&
             core->batch.size + entry.data.size > RD_BATCH_SIZE_MAX))
            break;
        rd_msg_put_entry(&core->batch, entry.epoch, entry.data);
        msg->count++;
    }
    ORD_ASSERT(!core->batch.failed);
    msg->data = ord_buf_bytes(&core->batch);
}

void rd_send_append(struct rd_core *core, uint32_t to, bool is_beat,
                    int64_t now)
{
    struct rd_peer *peer = &core->peer[to];
    struct rd_msg msg = {.type = RD_APPEND, .probe = core->probe};
    bool may_send = peer->mode == RD_MODE_STREAM || !peer->is_waiting;

    ORD_ASSERT(core->role == RD_LEADER);
    if (!peer->is_linked)
        return;
    /* Reads yet to come may share a probe that is due, so its number must not
     * leave before they are all in. */
    if (core->is_probe_due)
        msg.probe--;
    if (peer->mode != RD_MODE_SNAPSHOT && peer->next <= core->log.base)
        start_snapshot(core, to, now);
    if (peer->mode != RD_MODE_SNAPSHOT) {
        msg.index = peer->next - 1;
        msg.index_epoch = rd_log_epoch(&core->log, msg.index);
        msg.commit = core->commit;
        if (may_send && peer->next - 1 - peer->match < WINDOW_ENTRIES)
            fill_batch(core, peer->next, &msg);
        else if (may_send && peer->mode == RD_MODE_PROBE)
            fill_batch(core, peer->next, &msg);
    }
    if (msg.count == 0 && !is_beat)
        return;
    if (!core->config.is_fencing && !peer->is_announced) {
        msg.flags |= RD_FLAG_PROMOTED;
        peer->is_announced = true;
    }
    if (peer->mode == RD_MODE_STREAM)
        peer->next += msg.count;
    else
        peer->is_waiting = true;
    if (peer->sent_commit < msg.commit)
        peer->sent_commit = msg.commit;
    rd_send(core, &msg, to,
            core->config.ack != RD_ASYNC && !core->is_hard_dirty, now);
}

void rd_send_appends(struct rd_core *core, bool is_beat, int64_t now)
{
    bool is_probe = core->is_probe_due;

    core->is_probe_due = false;
    RD_PEERS(core, i)
    {
        struct rd_peer *peer = &core->peer[i];
        uint64_t before;
        bool is_news =
            peer->mode == RD_MODE_STREAM && peer->sent_commit < core->commit;
        bool is_due = is_beat || is_probe || is_news;

        if (is_beat)
            peer->is_waiting = false; /* probe again */
        do {
            before = peer->next;
            rd_send_append(core, i, is_due, now);
            is_due = false;
        } while (peer->mode == RD_MODE_STREAM && peer->next > before);
    }
}

/* The contact that makes a majority together with this node. */
static int64_t heard(const struct rd_core *core, uint32_t from)
{
    return core->config.mutant == RD_MUTANT_WALL_LEASE
               ? core->peer[from].heard_wall_ns
               : core->peer[from].heard_ns;
}

static void note_heard(struct rd_core *core, struct rd_peer *peer,
                       int64_t stamp)
{
    if (peer->heard_ns >= stamp)
        return;
    peer->heard_ns = stamp;
    peer->heard_wall_ns = stamp + core->wall_ahead_ns;
}

static int64_t majority_contact(const struct rd_core *core)
{
    int64_t best[RD_NODE_MAX];
    uint32_t count = 0;
    uint32_t need = rd_majority(core) - (core->is_voter ? 1 : 0);

    RD_VOTERS(core, i)
    {
        uint32_t at = count++;

        while (at > 0 && best[at - 1] < heard(core, i)) {
            best[at] = best[at - 1];
            at--;
        }
        best[at] = heard(core, i);
    }
    ORD_ASSERT(need <= count);
    return need == 0 ? INT64_MAX : best[need - 1];
}

bool rd_core_is_fenced(const struct rd_core *core, int64_t now)
{
    const struct rd_core_config *config = &core->config;
    int64_t contact = majority_contact(core);

    if (!config->is_fencing || core->role != RD_LEADER ||
        config->ack == RD_QUORUM)
        return false;
    if (config->failover == RD_CONTROLLER) {
        if (config->controller == config->id)
            return false;
        if (contact < core->peer[config->controller].heard_ns)
            contact = core->peer[config->controller].heard_ns;
    }
    return contact != INT64_MAX && now - contact > config->timeout_ns;
}

/* The highest index that a majority holds. */
static uint64_t majority_match(const struct rd_core *core)
{
    uint64_t best[RD_NODE_MAX];
    uint32_t count = core->is_voter ? 1 : 0;

    best[0] = core->persisted; /* a leader that is being removed only leads */
    RD_VOTERS(core, i)
    {
        uint32_t at = count++;

        while (at > 0 && best[at - 1] < core->peer[i].match) {
            best[at] = best[at - 1];
            at--;
        }
        best[at] = core->peer[i].match;
    }
    ORD_ASSERT(count >= rd_majority(core));
    return best[rd_majority(core) - 1];
}

static uint64_t committable(const struct rd_core *core)
{
    uint64_t index = core->persisted;

    switch (core->config.ack) {
    case RD_ASYNC:
        return index;
    case RD_SEMI_SYNC:
        if (core->members.voters == rd_bit(core->config.id))
            return index;
        if (core->sync_id == 0)
            return 0;
        if (core->peer[core->sync_id].match < index)
            index = core->peer[core->sync_id].match;
        return index;
    case RD_SYNC:
        RD_VOTERS(core, i)
        if (core->peer[i].match < index)
            index = core->peer[i].match;
        return index;
    case RD_QUORUM:
        break;
    }
    if (core->config.mutant != RD_MUTANT_COMMIT_MINORITY)
        index = majority_match(core);
    /* Entries of older epochs commit only along with one of ours. */
    return index >= core->noop_index ? index : 0;
}

/* The follower that may become the synchronous one: it has every acknowledged
 * write and is there.  0: none. */
static uint32_t best_sync(const struct rd_core *core, int64_t now)
{
    uint32_t best = 0;

    RD_VOTERS(core, i)
    {
        const struct rd_peer *peer = &core->peer[i];

        if (i == core->sync_id || !peer->is_linked ||
            peer->match < core->commit || peer->mode != RD_MODE_STREAM ||
            now - peer->heard_ns > core->config.semi_sync_ns)
            continue;
        if (best == 0 || core->peer[best].match < peer->match)
            best = i;
    }
    return best;
}

static void check_sync(struct rd_core *core, int64_t now)
{
    const struct rd_peer *sync = &core->peer[core->sync_id];
    int64_t limit = core->config.semi_sync_ns;
    uint32_t best;

    if (core->config.ack != RD_SEMI_SYNC)
        return;
    if (core->sync_id != 0 && sync->is_linked &&
        now - sync->heard_ns <= limit &&
        (core->commit == core->persisted || now - core->progress_ns <= limit))
        return;
    best = best_sync(core, now);
    if (best == 0)
        return;
    core->out.note(core->out.ctx, "semi-sync follower", best, core->sync_id);
    core->sync_id = best;
    core->progress_ns = now;
}

static bool is_confirmed(const struct rd_core *core, uint64_t probe)
{
    uint32_t count = core->is_voter ? 1 : 0;

    RD_VOTERS(core, i)
    if (core->peer[i].probe_acked >= probe)
        count++;
    return count >= rd_majority(core);
}

static void advance_reads(struct rd_core *core)
{
    size_t done = 0;

    while (done < core->reads.size) {
        struct read read;

        memcpy(&read, core->reads.at + done, sizeof read);
        if (core->applied < read.index ||
            (read.probe > 0 && !is_confirmed(core, read.probe)))
            break;
        done += sizeof read;
        core->out.read(core->out.ctx, read.token, true);
    }
    if (done > 0)
        ord_buf_consume(&core->reads, done);
}

void rd_fail_reads(struct rd_core *core)
{
    for (size_t at = 0; at < core->reads.size; at += sizeof(struct read)) {
        struct read read;

        memcpy(&read, core->reads.at + at, sizeof read);
        core->out.read(core->out.ctx, read.token, false);
    }
    ord_buf_clear(&core->reads);
}

/* The mutant takes the real clock for one that only goes forward. */
static bool has_wall_lease(const struct rd_core *core, int64_t now)
{
    return core->config.mutant == RD_MUTANT_WALL_LEASE &&
           core->commit >= core->noop_index &&
           now + core->wall_ahead_ns - majority_contact(core) <=
               core->config.timeout_ns;
}

enum rd_proposal rd_core_read(struct rd_core *core, uint64_t token, int64_t now)
{
    struct read read = {.token = token, .index = core->commit};

    if (core->role != RD_LEADER || core->is_down)
        return RD_NOT_LEADER;
    if (rd_core_is_fenced(core, now))
        return RD_FENCED;
    /* A new leader knows what is committed once its first entry is. */
    if (read.index < core->noop_index)
        read.index = core->noop_index;
    if (core->config.mutant == RD_MUTANT_STALE_LEADER_READ ||
        has_wall_lease(core, now))
        read.index = 0;
    else if (core->config.ack == RD_QUORUM)
        read.probe = core->probe + (core->is_probe_due ? 0 : 1);
    if (core->reads.size + sizeof read > core->reads.size_max)
        return RD_TOO_MUCH;
    ord_buf_add(&core->reads, (struct ord_bytes){.at = (const char *)&read,
                                                 .size = sizeof read});
    if (core->reads.failed) {
        core->reads.failed = false;
        return RD_TOO_MUCH;
    }
    if (read.probe > core->probe) {
        core->probe = read.probe;
        core->is_probe_due = true;
    }
    advance_reads(core);
    return RD_PROPOSED;
}

void rd_advance(struct rd_core *core, int64_t now)
{
    uint64_t index;

    ORD_ASSERT(core->role == RD_LEADER);
    check_sync(core, now);
    index = committable(core);
    if (index > core->commit && !rd_core_is_fenced(core, now)) {
        core->progress_ns = now;
        rd_apply_to(core, index);
    }
    advance_reads(core);
}

static void on_reject(struct rd_core *core, struct rd_peer *peer,
                      const struct rd_msg *msg, int64_t now)
{
    uint64_t hint = msg->commit;
    bool is_far;

    if (peer->mode == RD_MODE_SNAPSHOT || msg->index < peer->match)
        return; /* an old answer */
    if (hint > core->log.last)
        hint = core->log.last;
    if (hint + 1 > msg->index && msg->index > 0)
        hint = msg->index - 1;
    /* A snapshot holds what is applied: one that is no further than the
     * follower itself would be of no use to it. */
    is_far = core->applied > hint + core->config.snapshot_after ||
             (msg->last == 0 && core->applied > EMPTY_LAG_ENTRIES);
    if (msg->flags & RD_FLAG_SNAPSHOT || is_far) {
        start_snapshot(core, msg->from, now);
        return;
    }
    peer->mode = RD_MODE_PROBE;
    peer->is_waiting = false;
    peer->next = hint + 1;
    rd_send_append(core, msg->from, true, now);
}

void rd_on_append_reply(struct rd_core *core, const struct rd_msg *msg,
                        int64_t now)
{
    struct rd_peer *peer = &core->peer[msg->from];

    if (core->role != RD_LEADER || msg->epoch != core->hard.epoch ||
        !peer->is_member)
        return;
    note_heard(core, peer, msg->echo);
    if (peer->probe_acked < msg->probe)
        peer->probe_acked = msg->probe;
    if (!(msg->flags & RD_FLAG_OK)) {
        on_reject(core, peer, msg, now);
        rd_advance(core, now);
        return;
    }
    if (peer->match < msg->index && msg->index <= core->log.last)
        peer->match = msg->index;
    if (peer->mode == RD_MODE_PROBE && msg->index + 1 >= peer->next) {
        peer->mode = RD_MODE_STREAM;
        peer->is_waiting = false;
        peer->next = peer->match + 1;
    }
    if (peer->next <= peer->match)
        peer->next = peer->match + 1;
    rd_advance(core, now);
    rd_send_append(core, msg->from, false, now);
}

void rd_core_snap(struct rd_core *core, uint32_t to, uint64_t index,
                  uint64_t index_epoch, uint64_t piece, struct ord_bytes data,
                  bool is_last, int64_t now)
{
    struct rd_msg msg = {
        .type = RD_SNAP,
        .flags = is_last ? RD_FLAG_LAST : 0,
        .index = index,
        .index_epoch = index_epoch,
        .round = piece,
        .data = data,
    };

    ORD_ASSERT(index <= core->applied);
    if (core->role != RD_LEADER || core->peer[to].mode != RD_MODE_SNAPSHOT)
        return;
    rd_send(core, &msg, to, false, now);
}

void rd_on_snap_reply(struct rd_core *core, const struct rd_msg *msg,
                      int64_t now)
{
    struct rd_peer *peer = &core->peer[msg->from];

    if (core->role != RD_LEADER || msg->epoch != core->hard.epoch ||
        !peer->is_member)
        return;
    note_heard(core, peer, msg->echo);
    if (peer->mode != RD_MODE_SNAPSHOT)
        return;
    if (!(msg->flags & RD_FLAG_OK)) {
        rd_stop_snapshot(core, msg->from);
        return;
    }
    peer->snap_deadline_ns = now + SNAP_TIMEOUTS * core->config.timeout_ns;
    if (!(msg->flags & RD_FLAG_LAST)) {
        core->out.snap_next(core->out.ctx, msg->from, msg->round + 1);
        return;
    }
    rd_stop_snapshot(core, msg->from);
    if (msg->index > core->log.last)
        return;
    peer->match = msg->index;
    peer->next = msg->index + 1;
    rd_advance(core, now);
    rd_send_append(core, msg->from, true, now);
}

void rd_lead_tick(struct rd_core *core, int64_t now)
{
    int64_t contact = majority_contact(core);

    ORD_ASSERT(core->role == RD_LEADER);
    if (core->config.mutant == RD_MUTANT_WALL_LEASE && contact != INT64_MAX)
        contact -= core->wall_ahead_ns;
    RD_PEERS(core, i)
    if (core->peer[i].mode == RD_MODE_SNAPSHOT &&
        now >= core->peer[i].snap_deadline_ns)
        rd_stop_snapshot(core, i);
    if (core->config.ack == RD_QUORUM && contact != INT64_MAX &&
        core->config.mutant != RD_MUTANT_STALE_LEADER_READ &&
        now - contact > core->config.timeout_ns) {
        rd_follow(core, 0, now);
        return;
    }
    if (now >= core->beat_ns) {
        core->beat_ns = now + rd_beat_ns(core);
        rd_send_appends(core, true, now);
    }
    rd_advance(core, now);
    rd_member_tick(core, now);
}
