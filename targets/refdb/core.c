#include "targets/refdb/core.h"

#include "harness/base/err.h"
#include "targets/refdb/core_int.h"

static const size_t READS_SIZE_MAX = (size_t)1 << 20;
static const size_t BATCH_SIZE_MAX = (size_t)3 << 20;

uint32_t rd_majority(const struct rd_core *core)
{
    return rd_count(core->members.voters) / 2 + 1;
}

int64_t rd_beat_ns(const struct rd_core *core)
{
    return core->config.timeout_ns / 6;
}

const char *rd_role_name(const struct rd_core *core)
{
    static const char names[][10] = {
        [RD_FOLLOWER] = "follower",
        [RD_PRECANDIDATE] = "candidate",
        [RD_CANDIDATE] = "candidate",
        [RD_LEADER] = "leader",
    };

    return names[core->role];
}

static bool is_fresh(const struct rd_core *core)
{
    return core->hard.epoch == 0 && core->log.last == 0;
}

void rd_core_init(struct rd_core *core, const struct rd_core_config *config,
                  const struct rd_core_out *out, const struct rd_hard *hard,
                  const struct rd_log *log, uint64_t applied,
                  const struct rd_members *settled, int64_t now)
{
    bool is_first = !config->is_join && config->founders.voters != 0 &&
                    rd_has(config->founders.voters, config->id) &&
                    config->founders.voters % rd_bit(config->id) == 0;

    ORD_ASSERT(config->id >= 1 && config->id <= RD_NODE_MAX);
    ORD_ASSERT(applied >= log->base);
    ORD_ASSERT(applied <= log->last);
    *core = (struct rd_core){
        .config = *config,
        .out = *out,
        .hard = *hard,
        .log = *log,
        .commit = applied,
        .applied = applied,
        .persisted = log->last,
        .heard_ns = -(INT64_C(1) << 60),
        .fresh_ns = -(INT64_C(1) << 60),
        .rng = ord_rng_stream(config->seed, "refdb", config->id),
        .probe = 1,
    };
    ord_buf_init(&core->reads, READS_SIZE_MAX);
    ord_buf_init(&core->batch, BATCH_SIZE_MAX);
    if (settled != NULL)
        core->settled = *settled;
    else if (!config->is_join)
        core->settled = config->founders;
    rd_members_rescan(core, now);
    rd_reset_deadline(core, now);
    if (is_fresh(core) && is_first && config->ack == RD_QUORUM)
        core->deadline_ns = now;
    if (is_fresh(core) && is_first && config->ack != RD_QUORUM)
        core->is_booting = true;
    /* The restarted must not forget that a leader may still count on it. */
    if (!is_fresh(core) && config->ack != RD_QUORUM)
        core->heard_ns = now;
    core->is_resuming = hard->is_led && config->failover == RD_MANUAL;
    core->last_leader = hard->is_led ? config->id : 0;
}

void rd_core_fini(struct rd_core *core)
{
    ord_buf_fini(&core->reads);
    ord_buf_fini(&core->batch);
    rd_log_fini(&core->log);
}

void rd_send(struct rd_core *core, struct rd_msg *msg, uint32_t to,
             bool is_early, int64_t now)
{
    ORD_ASSERT(to >= 1 && to <= RD_NODE_MAX && to != core->config.id);
    msg->from = core->config.id;
    msg->identity = core->config.identity;
    msg->to = to;
    if (msg->epoch == 0)
        msg->epoch = core->hard.epoch;
    msg->last = core->log.last;
    msg->stamp = now;
    if (msg->echo == 0)
        msg->echo = core->peer[to].stamp;
    core->out.send(core->out.ctx, msg, is_early);
}

void rd_save_hard(struct rd_core *core)
{
    core->is_hard_dirty = true;
    core->out.hard(core->out.ctx, &core->hard);
}

void rd_reset_peer(struct rd_core *core, uint32_t id, int64_t now)
{
    struct rd_peer *peer = &core->peer[id];

    peer->mode = RD_MODE_PROBE;
    peer->next = core->log.last + 1;
    peer->match = peer->sent_commit = peer->probe_acked = peer->goal = 0;
    peer->is_waiting = peer->is_announced = false;
    peer->heard_ns = now;
    peer->heard_wall_ns = now + core->wall_ahead_ns;
}

void rd_become_leader(struct rd_core *core, int64_t now)
{
    ORD_ASSERT(core->role != RD_LEADER);
    core->role = RD_LEADER;
    core->leader = core->config.id;
    core->is_booting = core->is_querying = core->is_resuming = false;
    core->is_deposed = false;
    core->hard.is_led = 1;
    rd_save_hard(core);
    core->failover_count++;
    core->sync_id = 0;
    core->progress_ns = now;
    core->beat_ns = now + rd_beat_ns(core);
    core->probe++;
    RD_PEERS(core, i)
    rd_reset_peer(core, i, now);
    core->out.role(core->out.ctx);
    if (rd_log_append(&core->log, core->hard.epoch, (struct ord_bytes){0})) {
        struct rd_entry noop = rd_log_at(&core->log, core->log.last);

        core->noop_index = core->log.last;
        core->out.append(core->out.ctx, &noop);
    }
    rd_send_appends(core, true, now);
}

void rd_follow(struct rd_core *core, uint32_t leader, int64_t now)
{
    bool was_leader = core->role == RD_LEADER;
    bool is_change = core->role != RD_FOLLOWER || core->leader != leader;

    ORD_ASSERT(leader != core->config.id);
    if (was_leader) {
        RD_PEERS(core, i)
        rd_stop_snapshot(core, i);
        rd_fail_reads(core);
        core->out.lost(core->out.ctx);
    }
    core->role = RD_FOLLOWER;
    if (core->leader != 0 && core->leader != leader)
        core->last_leader = core->leader;
    core->leader = leader;
    rd_reset_deadline(core, now);
    if (leader != 0) {
        core->is_booting = core->is_querying = core->is_resuming = false;
        if (is_change)
            core->mismatch = 0;
    }
    if (is_change && (leader != 0 || was_leader))
        core->out.role(core->out.ctx);
}

void rd_adopt_epoch(struct rd_core *core, uint64_t epoch, int64_t now)
{
    bool was_leader = core->role == RD_LEADER;

    ORD_ASSERT(epoch > core->hard.epoch);
    core->is_resuming = false;
    core->hard = (struct rd_hard){.epoch = epoch};
    rd_save_hard(core);
    if (was_leader)
        core->is_deposed = true;
    if (core->role != RD_FOLLOWER || core->leader != 0)
        rd_follow(core, 0, now);
}

void rd_shut_down(struct rd_core *core, const char *why)
{
    core->is_down = true;
    rd_fail_reads(core);
    core->out.lost(core->out.ctx);
    core->out.shutdown(core->out.ctx, why);
}

/* Whether a newer epoch in this message binds its receiver. */
static bool is_binding(const struct rd_core *core, const struct rd_msg *msg,
                       int64_t now)
{
    if (msg->type == RD_PREVOTE)
        return false;
    if (msg->type == RD_PREVOTE_REPLY && msg->flags & RD_FLAG_OK)
        return false;
    /* A candidate must not push aside a leader that others still hear: it may
     * have been removed and not know it. */
    if (msg->type == RD_VOTE && rd_hears_leader(core, now))
        return core->config.mutant == RD_MUTANT_REMOVED_DISRUPTS;
    return msg->type != RD_HELLO && msg->type != RD_PING;
}

static bool is_leading_word(const struct rd_msg *msg)
{
    return msg->type == RD_APPEND || msg->type == RD_DUEL;
}

/* An answer that counts towards a majority. */
static bool is_promise(const struct rd_msg *msg)
{
    return msg->type == RD_APPEND_REPLY || msg->type == RD_SNAP_REPLY ||
           msg->type == RD_PREVOTE_REPLY || msg->type == RD_VOTE_REPLY ||
           msg->type == RD_QUERY_REPLY;
}

void rd_core_step(struct rd_core *core, const struct rd_msg *msg, int64_t now)
{
    bool is_newer = msg->epoch > core->hard.epoch;

    /* Strangers are heard: this node may not know yet that they belong here,
     * nor that they no longer do. */
    if (core->is_down || msg->from < 1 || msg->from > RD_NODE_MAX ||
        msg->from == core->config.id)
        return;
    if (core->peer[msg->from].stamp < msg->stamp)
        core->peer[msg->from].stamp = msg->stamp;
    core->peer[msg->from].identity = msg->identity;
    if (is_leading_word(msg) && rd_duel(core, msg, now))
        return;
    if (is_newer && is_binding(core, msg, now))
        rd_adopt_epoch(core, msg->epoch, now);
    if (is_promise(msg) && core->peer[msg->from].is_voter &&
        !rd_is_genuine(core, msg->from))
        return;
    switch (msg->type) {
    case RD_APPEND:
        rd_on_append(core, msg, now);
        break;
    case RD_APPEND_REPLY:
        rd_on_append_reply(core, msg, now);
        break;
    case RD_PREVOTE:
    case RD_VOTE:
        rd_on_vote(core, msg, now);
        break;
    case RD_PREVOTE_REPLY:
    case RD_VOTE_REPLY:
        rd_on_vote_reply(core, msg, now);
        break;
    case RD_SNAP:
        rd_on_snap(core, msg, now);
        break;
    case RD_SNAP_REPLY:
        rd_on_snap_reply(core, msg, now);
        break;
    case RD_QUERY:
        rd_on_query(core, msg, now);
        break;
    case RD_QUERY_REPLY:
        rd_on_query_reply(core, msg, now);
        break;
    case RD_APPOINT:
        rd_on_appoint(core, msg, is_newer, now);
        break;
    default:
        break;
    }
}

void rd_core_link(struct rd_core *core, uint32_t peer_id, bool is_up,
                  int64_t now)
{
    struct rd_peer *peer = &core->peer[peer_id];

    ORD_ASSERT(peer_id >= 1 && peer_id <= RD_NODE_MAX);
    peer->is_linked = is_up;
    peer->stamp = 0; /* it may have come back with another clock */
    core->is_catching_up = true;
    if (core->is_down)
        return;
    if (core->role == RD_LEADER) {
        /* What was under way is lost; a node may also have come back empty. */
        rd_stop_snapshot(core, peer_id);
        peer->mode = RD_MODE_PROBE;
        peer->next = core->log.last + 1;
        peer->match = peer->sent_commit = peer->goal = 0;
        peer->is_waiting = false;
        if (is_up && peer->is_member)
            rd_send_append(core, peer_id, true, now);
        return;
    }
    if (is_up && peer->is_voter)
        rd_ask(core, peer_id, now);
}

void rd_core_tick(struct rd_core *core, int64_t now)
{
    if (core->is_down)
        return;
    if (core->role == RD_LEADER) {
        rd_lead_tick(core, now);
        return;
    }
    rd_appoint_tick(core, now);
    if (core->config.failover == RD_ELECTION && core->role != RD_LEADER)
        rd_elect_tick(core, now);
}

void rd_core_flush(struct rd_core *core, int64_t now)
{
    /* An async leader ships only what it has already acknowledged. */
    if (core->role != RD_LEADER || core->is_down ||
        core->config.ack == RD_ASYNC)
        return;
    rd_send_appends(core, false, now);
}

void rd_core_synced(struct rd_core *core, int64_t now)
{
    core->persisted = core->log.last;
    core->is_hard_dirty = false;
    if (core->role != RD_LEADER || core->is_down)
        return;
    rd_advance(core, now);
    rd_send_appends(core, false, now);
}

enum rd_proposal rd_core_propose(struct rd_core *core, struct ord_bytes data,
                                 uint64_t *index, int64_t now)
{
    struct rd_entry entry;

    ORD_ASSERT(data.size > 0);
    if (core->role != RD_LEADER || core->is_down || rd_is_leaving(core))
        return RD_NOT_LEADER;
    if (rd_core_is_fenced(core, now))
        return RD_FENCED;
    if (core->commit == core->log.last)
        core->progress_ns = now;
    if (!rd_log_append(&core->log, core->hard.epoch, data))
        return RD_TOO_MUCH;
    entry = rd_log_at(&core->log, core->log.last);
    core->out.append(core->out.ctx, &entry);
    *index = core->log.last;
    return RD_PROPOSED;
}

bool rd_core_is_ready(const struct rd_core *core, int64_t now)
{
    if (core->is_down)
        return false;
    if (core->role == RD_LEADER)
        return !rd_core_is_fenced(core, now) &&
               core->applied >= core->noop_index;
    return core->leader != 0 && now - core->heard_ns <= core->config.timeout_ns;
}

int64_t rd_core_lag_ns(const struct rd_core *core, int64_t now)
{
    if (core->role == RD_LEADER && !rd_core_is_fenced(core, now))
        return 0;
    return now - core->fresh_ns;
}
