#include "harness/base/err.h"
#include "targets/refdb/core_int.h"

void rd_reset_deadline(struct rd_core *core, int64_t now)
{
    int64_t timeout = core->config.timeout_ns;

    core->deadline_ns =
        now + timeout + (int64_t)ord_rng_below(&core->rng, (uint64_t)timeout);
    /* candidate=any: the old leader lets the others go first. */
    if (core->config.is_any && core->last_leader == core->config.id)
        core->deadline_ns += 2 * timeout;
}

bool rd_hears_leader(const struct rd_core *core, int64_t now)
{
    if (core->role == RD_LEADER)
        return true;
    return now - core->heard_ns < core->config.timeout_ns;
}

void rd_clear_answers(struct rd_core *core)
{
    RD_PEERS(core, i)
    {
        core->peer[i].has_answered = false;
        core->peer[i].has_granted = false;
    }
}

static uint32_t count_granted(const struct rd_core *core)
{
    uint32_t count = core->is_voter ? 1 : 0;

    RD_VOTERS(core, i)
    if (core->peer[i].has_granted)
        count++;
    return count;
}

/* Asks one node for whatever this node is out for. */
void rd_ask(struct rd_core *core, uint32_t to, int64_t now)
{
    struct rd_msg msg = {
        .epoch = core->hard.epoch,
        .index = core->log.last,
        .index_epoch = rd_log_last_epoch(&core->log),
        .round = core->round,
    };

    if (core->role == RD_PRECANDIDATE) {
        msg.type = RD_PREVOTE;
        msg.epoch = core->hard.epoch + (core->config.is_fencing ? 1 : 0);
    } else if (core->role == RD_CANDIDATE) {
        msg.type = RD_VOTE;
    } else if (core->is_booting || core->is_querying) {
        msg.type = RD_QUERY;
    } else {
        return;
    }
    rd_send(core, &msg, to, false, now);
}

static void start_vote(struct rd_core *core, int64_t now)
{
    ORD_ASSERT(core->config.is_fencing);
    core->role = RD_CANDIDATE;
    core->hard = (struct rd_hard){.epoch = core->hard.epoch + 1,
                                  .vote = core->config.id};
    rd_save_hard(core);
    rd_reset_deadline(core, now);
    rd_clear_answers(core);
    if (count_granted(core) >= rd_majority(core)) {
        rd_become_leader(core, now);
        return;
    }
    RD_VOTERS(core, i)
    rd_ask(core, i, now);
}

/* Other acks than quorum may have acknowledged a write that a majority does
 * not hold: the candidate hears everybody who is there before it goes on. */
static bool has_waited(const struct rd_core *core, int64_t now)
{
    if (core->config.ack == RD_QUORUM || now >= core->window_ns)
        return true;
    RD_VOTERS(core, i)
    if (core->peer[i].is_linked && !core->peer[i].has_answered)
        return false;
    return true;
}

static void check_prevote(struct rd_core *core, int64_t now)
{
    ORD_ASSERT(core->role == RD_PRECANDIDATE);
    if (count_granted(core) < rd_majority(core) || !has_waited(core, now))
        return;
    if (core->is_outranked) {
        core->role = RD_FOLLOWER; /* the better one will stand */
        rd_reset_deadline(core, now);
        return;
    }
    if (core->config.is_fencing) {
        start_vote(core, now);
        return;
    }
    if (core->hard.epoch == 0)
        core->hard.epoch = 1;
    rd_become_leader(core, now);
}

void rd_start_prevote(struct rd_core *core, int64_t now)
{
    core->role = RD_PRECANDIDATE;
    if (core->leader != 0)
        core->last_leader = core->leader;
    core->leader = 0;
    core->round++;
    core->is_outranked = false;
    rd_reset_deadline(core, now);
    core->window_ns = now + core->config.timeout_ns / 2;
    rd_clear_answers(core);
    if (core->config.mutant == RD_MUTANT_REMOVED_DISRUPTS) {
        start_vote(core, now);
        return;
    }
    RD_VOTERS(core, i)
    rd_ask(core, i, now);
    check_prevote(core, now);
}

static bool is_up_to_date(const struct rd_core *core, uint64_t index,
                          uint64_t epoch)
{
    uint64_t own = rd_log_last_epoch(&core->log);

    return epoch > own || (epoch == own && index >= core->log.last);
}

/* Whether the candidate's log and rank will do. */
static bool is_fit(const struct rd_core *core, const struct rd_msg *msg)
{
    if (core->config.mutant == RD_MUTANT_NO_LOG_CHECK)
        return true;
    if (core->config.is_any)
        return msg->type == RD_VOTE || core->config.id < msg->from ||
               core->config.id == core->last_leader;
    return is_up_to_date(core, msg->index, msg->index_epoch);
}

static bool is_granted(struct rd_core *core, const struct rd_msg *msg,
                       int64_t now)
{
    bool is_idle = core->role != RD_LEADER &&
                   (!rd_hears_leader(core, now) ||
                    core->config.mutant == RD_MUTANT_REMOVED_DISRUPTS);

    if (!is_fit(core, msg)) {
        int64_t soon =
            now + (int64_t)ord_rng_below(
                      &core->rng, (uint64_t)core->config.timeout_ns / 4 + 1);

        /* Then this node is the one who ought to stand. */
        if (is_idle && core->role == RD_FOLLOWER && soon < core->deadline_ns)
            core->deadline_ns = soon;
        return false;
    }
    if (!is_idle)
        return false;
    if (msg->type == RD_PREVOTE)
        return core->config.is_fencing ? msg->epoch > core->hard.epoch
                                       : msg->epoch >= core->hard.epoch;
    if (msg->epoch != core->hard.epoch)
        return false;
    return core->hard.vote == 0 || core->hard.vote == msg->from;
}

void rd_on_vote(struct rd_core *core, const struct rd_msg *msg, int64_t now)
{
    bool is_yes =
        core->config.failover == RD_ELECTION && is_granted(core, msg, now);
    struct rd_msg answer = {
        .type = msg->type == RD_VOTE ? RD_VOTE_REPLY : RD_PREVOTE_REPLY,
        .flags = is_yes ? RD_FLAG_OK : 0,
        .index = core->log.last,
        .index_epoch = rd_log_last_epoch(&core->log),
        .round = msg->round,
        .echo = msg->stamp,
    };

    if (is_yes && msg->type == RD_VOTE) {
        if (core->hard.vote != msg->from) {
            core->hard.vote = msg->from;
            rd_save_hard(core);
        }
        if (core->role != RD_FOLLOWER)
            rd_follow(core, 0, now);
        rd_reset_deadline(core, now);
    }
    if (answer.type == RD_PREVOTE_REPLY && is_yes)
        answer.epoch = msg->epoch;
    rd_send(core, &answer, msg->from, false, now);
}

void rd_on_vote_reply(struct rd_core *core, const struct rd_msg *msg,
                      int64_t now)
{
    struct rd_peer *peer = &core->peer[msg->from];
    bool is_vote = msg->type == RD_VOTE_REPLY;

    if (core->role != (is_vote ? RD_CANDIDATE : RD_PRECANDIDATE) ||
        msg->round != core->round ||
        (is_vote && msg->epoch != core->hard.epoch))
        return;
    peer->has_answered = true;
    if (msg->flags & RD_FLAG_OK)
        peer->has_granted = true;
    if (is_vote) {
        if (count_granted(core) >= rd_majority(core))
            rd_become_leader(core, now);
        return;
    }
    if (!core->config.is_any && core->config.ack != RD_QUORUM &&
        core->config.mutant != RD_MUTANT_NO_LOG_CHECK &&
        (msg->index_epoch > rd_log_last_epoch(&core->log) ||
         (msg->index_epoch == rd_log_last_epoch(&core->log) &&
          msg->index > core->log.last)))
        core->is_outranked = true;
    if (core->config.is_any && msg->from > core->config.id &&
        msg->from != core->last_leader && !(msg->flags & RD_FLAG_OK))
        core->is_outranked = true;
    check_prevote(core, now);
}

void rd_elect_tick(struct rd_core *core, int64_t now)
{
    ORD_ASSERT(core->role != RD_LEADER);
    if (core->is_booting || !rd_may_lead(core))
        return;
    if (core->role == RD_PRECANDIDATE && now < core->deadline_ns) {
        check_prevote(core, now);
        return;
    }
    if (now >= core->deadline_ns)
        rd_start_prevote(core, now);
}
