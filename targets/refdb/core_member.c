/* core_member.c -- who belongs to the cluster (Ongaro 2014, chapter 4).
 *
 * The list of members is an entry of the log and counts as soon as it is in
 * the log, so any two majorities of neighbouring lists have a node in common
 * as long as lists follow one another one by one: a leader first commits an
 * entry of its own epoch, then the one change, before it begins the next.  A
 * new node first takes the log without counting.
 *
 * A node that comes back without its disk has forgotten its votes and what it
 * has acknowledged, while nodes that lag behind may still have a list with its
 * id in it.  So the list holds identities, made with the disk, and no answer of
 * another identity counts: under its old id it is a new node, which has to be
 * removed and added like any other.
 */
#include "harness/base/err.h"
#include "targets/refdb/core_int.h"

/* Does that list let this node, as it is, count? */
static bool is_self(const struct rd_core *core,
                    const struct rd_members *members)
{
    uint32_t id = core->config.id;

    return rd_has(members->voters, id) &&
           (members->identity[id] == core->config.identity ||
            core->config.mutant == RD_MUTANT_MEMBER_BY_NAME);
}

bool rd_is_genuine(const struct rd_core *core, uint32_t id)
{
    return core->peer[id].identity == core->members.identity[id] ||
           core->config.mutant == RD_MUTANT_MEMBER_BY_NAME;
}

void rd_set_members(struct rd_core *core, const struct rd_members *members,
                    uint64_t index, int64_t now)
{
    uint64_t all = members->voters | members->joining;
    bool is_leader = core->role == RD_LEADER;

    core->members = *members;
    core->members_index = index;
    core->is_voter = is_self(core, members);
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++) {
        struct rd_peer *peer = &core->peer[i];
        bool is_other = i != core->config.id;
        bool was_member = peer->is_member;

        if (was_member && !rd_has(all, i) && is_leader)
            rd_stop_snapshot(core, i);
        peer->is_member = is_other && rd_has(all, i);
        peer->is_voter = is_other && rd_has(members->voters, i);
        if (!was_member && peer->is_member && is_leader)
            rd_reset_peer(core, i, now);
    }
    if (core->sync_id != 0 && !core->peer[core->sync_id].is_voter)
        core->sync_id = 0;
    core->out.members(core->out.ctx, members);
}

void rd_members_appended(struct rd_core *core, const struct rd_entry *entry,
                         int64_t now)
{
    struct rd_members members;

    if (rd_members_decode(entry->data, &members))
        rd_set_members(core, &members, entry->index, now);
}

void rd_members_rescan(struct rd_core *core, int64_t now)
{
    struct rd_members members;

    for (uint64_t i = core->log.last; i > core->applied; i--) {
        struct rd_entry entry = rd_log_at(&core->log, i);

        if (!rd_members_decode(entry.data, &members))
            continue;
        rd_set_members(core, &members, i, now);
        return;
    }
    rd_set_members(core, &core->settled, 0, now);
}

void rd_members_applied(struct rd_core *core, const struct rd_entry *entry)
{
    struct rd_members members;

    if (rd_members_decode(entry->data, &members))
        core->settled = members;
}

bool rd_may_lead(const struct rd_core *core)
{
    /* Until its removal is known to be committed, a node may be the only one
     * whose log is good enough. */
    return core->is_voter || is_self(core, &core->settled);
}

/* RD_PROPOSED: a change may begin now. */
static enum rd_proposal may_change(const struct rd_core *core, int64_t now)
{
    enum rd_mutant mutant = core->config.mutant;

    if (core->role != RD_LEADER || core->is_down)
        return RD_NOT_LEADER;
    if (rd_core_is_fenced(core, now))
        return RD_FENCED;
    /* A change of the leader before, of which this one does not know whether
     * it is committed, must be settled first. */
    if (core->commit < core->noop_index &&
        mutant != RD_MUTANT_MEMBER_NO_OWN_TERM)
        return RD_BUSY;
    if (core->members_index > core->commit &&
        mutant != RD_MUTANT_MEMBER_TWO_AT_ONCE)
        return RD_BUSY;
    return RD_PROPOSED;
}

static enum rd_proposal append(struct rd_core *core,
                               const struct rd_members *members,
                               uint64_t *index, int64_t now)
{
    struct rd_entry entry;
    struct ord_buf data;
    bool is_kept;

    ord_buf_init(&data, 1024);
    rd_members_encode(&data, members);
    is_kept = !data.failed &&
              rd_log_append(&core->log, core->hard.epoch, ord_buf_bytes(&data));
    ord_buf_fini(&data);
    if (!is_kept)
        return RD_TOO_MUCH;
    entry = rd_log_at(&core->log, core->log.last);
    core->out.append(core->out.ctx, &entry);
    *index = entry.index;
    rd_members_appended(core, &entry, now);
    return RD_PROPOSED;
}

/* Why this may never be done with these settings; NULL: it may. */
static const char *refusal(const struct rd_core *core, uint32_t id, bool is_add,
                           uint32_t ip)
{
    const struct rd_members *members = &core->members;
    bool is_there = rd_has(members->voters | members->joining, id);

    if (!core->config.is_fencing)
        return "fencing=off: two leaders could count by different lists";
    if (is_add)
        return is_there && members->ip[id] != ip
                   ? "that node is a member at another address"
                   : NULL;
    if (members->voters == rd_bit(id))
        return "the last member stays";
    if (core->config.failover == RD_CONTROLLER && id == core->config.controller)
        return "failover=controller: that node decides, it stays";
    if (core->config.failover == RD_MANUAL && id == core->config.id)
        return "failover=manual: PROMOTE another node first";
    return NULL;
}

enum rd_proposal rd_core_change(struct rd_core *core, uint32_t id, bool is_add,
                                uint32_t ip, uint64_t *index, const char **why,
                                int64_t now)
{
    struct rd_members members = core->members;
    enum rd_proposal may = may_change(core, now);

    if (may == RD_NOT_LEADER || may == RD_FENCED)
        return may;
    *why = refusal(core, id, is_add, ip);
    if (*why != NULL)
        return RD_REFUSED;
    if (may != RD_PROPOSED)
        return may;
    if (is_add == rd_has(members.voters | members.joining, id))
        return RD_DONE;
    if (!is_add) {
        members.voters &= ~rd_bit(id);
        members.joining &= ~rd_bit(id);
    } else if (core->config.mutant == RD_MUTANT_MEMBER_COUNTS_AT_ONCE) {
        members.voters |= rd_bit(id);
    } else {
        members.joining |= rd_bit(id);
    }
    members.ip[id] = is_add ? ip : 0;
    members.identity[id] = 0;
    return append(core, &members, index, now);
}

/* The log is shipped in rounds, each up to where the log ended when it began;
 * a node counts after a round that was short: then it is nearly level. */
static bool has_caught_up(struct rd_core *core, uint32_t id, int64_t now)
{
    struct rd_peer *peer = &core->peer[id];
    bool is_done = peer->goal > 0 && peer->match >= peer->goal;

    if (is_done && now - peer->goal_ns <= core->config.timeout_ns)
        return true;
    if (is_done || peer->goal == 0) {
        peer->goal = core->log.last;
        peer->goal_ns = now;
    }
    return false;
}

/* Others than quorum acknowledge what only the leader may have: it hands over
 * all of it before it goes. */
static bool may_go(const struct rd_core *core)
{
    bool is_anybody = false;

    if (core->config.ack == RD_QUORUM)
        return true;
    RD_VOTERS(core, i)
    {
        if (!core->peer[i].is_linked)
            continue;
        is_anybody = true;
        if (core->peer[i].match < core->log.last)
            return false;
    }
    return is_anybody;
}

bool rd_is_leaving(const struct rd_core *core)
{
    return core->role == RD_LEADER && !rd_may_lead(core);
}

void rd_member_tick(struct rd_core *core, int64_t now)
{
    struct rd_members members = core->members;
    uint64_t index;

    if (core->role != RD_LEADER)
        return;
    if (rd_is_leaving(core)) {
        if (!may_go(core))
            return;
        core->out.note(core->out.ctx, "removed leader", core->config.id, 0);
        rd_follow(core, 0, now);
        return;
    }
    if (members.joining == 0 || may_change(core, now) != RD_PROPOSED)
        return;
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++) {
        const struct rd_peer *peer = &core->peer[i];

        if (!rd_has(members.joining, i) || !peer->is_linked ||
            peer->mode != RD_MODE_STREAM)
            continue;
        if (!rd_is_genuine(core, i)) {
            members.identity[i] = peer->identity; /* now it is known */
        } else if (has_caught_up(core, i, now)) {
            members.joining &= ~rd_bit(i);
            members.voters |= rd_bit(i);
            core->out.note(core->out.ctx, "counts from now on", i, 0);
        } else {
            continue;
        }
        (void)append(core, &members, &index, now);
        return;
    }
}
