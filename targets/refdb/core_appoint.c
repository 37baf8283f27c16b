#include "harness/base/err.h"
#include "targets/refdb/core_int.h"

/* An epoch that no other node would choose on its own: they are dealt out in
 * turn. */
static uint64_t own_epoch(const struct rd_core *core)
{
    uint64_t epoch = core->hard.epoch + 1;

    while (epoch % RD_NODE_MAX != core->config.id - 1)
        epoch++;
    return epoch;
}

static void lead_in(struct rd_core *core, uint64_t epoch, int64_t now)
{
    core->hard = (struct rd_hard){.epoch = epoch, .vote = core->config.id};
    rd_become_leader(core, now);
}

static uint64_t next_epoch(const struct rd_core *core)
{
    if (core->config.is_fencing)
        return own_epoch(core);
    return core->hard.epoch == 0 ? 1 : core->hard.epoch;
}

bool rd_core_promote(struct rd_core *core, int64_t now)
{
    if (core->config.failover == RD_ELECTION || core->is_down ||
        !rd_may_lead(core))
        return false;
    if (core->role != RD_LEADER)
        lead_in(core, next_epoch(core), now);
    return true;
}

void rd_start_query(struct rd_core *core, int64_t now)
{
    ORD_ASSERT(core->role == RD_FOLLOWER);
    core->round++;
    core->window_ns = now + core->config.timeout_ns / 3;
    rd_clear_answers(core);
    RD_VOTERS(core, i)
    rd_ask(core, i, now);
}

void rd_on_query(struct rd_core *core, const struct rd_msg *msg, int64_t now)
{
    bool is_led = (core->role == RD_LEADER && !rd_core_is_fenced(core, now)) ||
                  (core->role != RD_LEADER && rd_hears_leader(core, now));
    struct rd_msg answer = {
        .type = RD_QUERY_REPLY,
        .flags = is_led ? RD_FLAG_OK : 0,
        .index = core->log.last,
        .index_epoch = rd_log_last_epoch(&core->log),
        .round = msg->round,
        .echo = msg->stamp,
    };

    rd_send(core, &answer, msg->from, false, now);
}

/* A node without data becomes the first leader once a majority is as new. */
static void check_boot(struct rd_core *core, int64_t now)
{
    uint32_t count = 1;

    RD_VOTERS(core, i)
    {
        if (!core->peer[i].has_answered)
            continue;
        if (core->peer[i].answer_epoch > 0 || core->hard.epoch > 0) {
            core->is_booting = false; /* there is a cluster already */
            rd_reset_deadline(core, now);
            return;
        }
        count++;
    }
    if (count >= rd_majority(core))
        lead_in(core, 1, now);
}

struct poll {
    uint32_t best;
    uint32_t silent; /* nodes that answer and hear no leader */
    bool is_complete;
};

static bool is_better(const struct rd_core *core, uint32_t id, uint64_t index,
                      uint64_t epoch, const struct rd_peer *best)
{
    if (core->config.is_any)
        return id != core->last_leader;
    return epoch > best->last_epoch ||
           (epoch == best->last_epoch && index > best->last_index);
}

static struct poll count_poll(const struct rd_core *core)
{
    struct rd_peer best = {.last_index = core->log.last,
                           .last_epoch = rd_log_last_epoch(&core->log)};
    struct poll poll = {
        .best = core->config.id, .silent = 1, .is_complete = true};
    uint32_t self = core->config.id;

    RD_VOTERS(core, i)
    {
        const struct rd_peer *peer = &core->peer[i];

        if (!peer->has_answered) {
            poll.is_complete = poll.is_complete && !peer->is_linked;
            continue;
        }
        if (core->config.is_fencing && peer->is_answer_led)
            continue;
        poll.silent++;
        /* any: ids ascend, so the last fit one is the highest. */
        if (core->config.is_any && i < self && self != core->last_leader)
            continue;
        if (!is_better(core, i, peer->last_index, peer->last_epoch, &best))
            continue;
        poll.best = i;
        best = *peer;
    }
    return poll;
}

static void check_poll(struct rd_core *core, int64_t now)
{
    struct poll poll = count_poll(core);
    struct rd_msg msg = {.type = RD_APPOINT, .round = core->round};

    if (!poll.is_complete && now < core->window_ns)
        return;
    core->is_querying = false;
    /* Whoever still hears the leader speaks against a failover. */
    if (core->config.is_fencing && poll.silent < rd_majority(core)) {
        core->window_ns = now + core->config.timeout_ns / 3;
        return;
    }
    core->heard_ns = now; /* leave the new one its time */
    core->out.note(core->out.ctx, "appoint", poll.best, core->last_leader);
    if (poll.best == core->config.id) {
        lead_in(core, next_epoch(core), now);
        return;
    }
    core->hard = (struct rd_hard){.epoch = next_epoch(core), .vote = poll.best};
    rd_save_hard(core);
    core->leader = 0;
    rd_send(core, &msg, poll.best, false, now);
}

void rd_on_query_reply(struct rd_core *core, const struct rd_msg *msg,
                       int64_t now)
{
    struct rd_peer *peer = &core->peer[msg->from];

    if (msg->round != core->round || core->role != RD_FOLLOWER ||
        (!core->is_booting && !core->is_querying))
        return;
    peer->has_answered = true;
    peer->is_answer_led = msg->flags & RD_FLAG_OK;
    peer->answer_epoch = msg->epoch;
    peer->last_index = msg->index;
    peer->last_epoch = msg->index_epoch;
    if (core->is_booting)
        check_boot(core, now);
    else
        check_poll(core, now);
}

void rd_on_appoint(struct rd_core *core, const struct rd_msg *msg,
                   bool is_newer, int64_t now)
{
    if (core->config.failover != RD_CONTROLLER || core->role == RD_LEADER ||
        msg->from != core->config.controller)
        return;
    /* Only the first word of an epoch counts, or an old one could make this
     * node lead twice. */
    if (core->config.is_fencing && !is_newer)
        return;
    lead_in(core, msg->epoch, now);
}

static void watch(struct rd_core *core, int64_t now)
{
    int64_t since = core->heard_ns;

    if (core->is_querying) {
        check_poll(core, now);
        return;
    }
    if (core->hard.epoch == 0 || now - since <= core->config.timeout_ns ||
        now < core->window_ns)
        return;
    core->is_querying = true;
    if (core->leader != 0)
        core->last_leader = core->leader;
    rd_start_query(core, now);
}

void rd_appoint_tick(struct rd_core *core, int64_t now)
{
    uint32_t linked = 1;

    if (core->is_booting) {
        if (rd_majority(core) == 1)
            lead_in(core, 1, now);
        else if (now >= core->window_ns)
            rd_start_query(core, now);
        return;
    }
    if (core->config.failover == RD_CONTROLLER &&
        core->config.controller == core->config.id && core->role == RD_FOLLOWER)
        watch(core, now);
    if (!core->is_resuming || now < core->deadline_ns || !rd_may_lead(core))
        return;
    RD_VOTERS(core, i)
    if (core->peer[i].is_linked)
        linked++;
    if (linked >= rd_majority(core) || !core->config.is_fencing)
        lead_in(core, next_epoch(core), now);
}

static bool is_lesser(const struct rd_core *core, const struct rd_msg *msg)
{
    if (core->hard.epoch != msg->epoch)
        return core->hard.epoch < msg->epoch;
    if (core->log.last != msg->last)
        return core->log.last < msg->last;
    return core->config.id < msg->from;
}

bool rd_duel(struct rd_core *core, const struct rd_msg *msg, int64_t now)
{
    struct rd_msg word = {.type = RD_DUEL};
    bool is_party = core->role == RD_LEADER || core->is_deposed;

    if (!is_party || core->config.stonith == RD_STONITH_OFF)
        return false;
    core->is_deposed = false;
    if (msg->type == RD_APPEND)
        rd_send(core, &word, msg->from, false, now);
    if (core->config.stonith == RD_STONITH_ONE && !is_lesser(core, msg))
        return false;
    rd_shut_down(core, "another leader was heard of (stonith)");
    return true;
}
