/* core_int.h -- what the files of the core share among themselves. */
#ifndef RD_CORE_INT_H
#define RD_CORE_INT_H

#include "targets/refdb/core.h"

/* Every other node that takes the log, by id; and of these who counts. */
#define RD_PEERS(core, i)                                                      \
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++)                                \
        if ((core)->peer[i].is_member)
#define RD_VOTERS(core, i)                                                     \
    for (uint32_t i = 1; i <= RD_NODE_MAX; i++)                                \
        if ((core)->peer[i].is_voter)

/* core.c */
uint32_t rd_majority(const struct rd_core *core);
/* Another node as the leader knows it before it has heard of it. */
void rd_reset_peer(struct rd_core *core, uint32_t id, int64_t now);
int64_t rd_beat_ns(const struct rd_core *core);
void rd_send(struct rd_core *core, struct rd_msg *msg, uint32_t to,
             bool is_early, int64_t now);
void rd_save_hard(struct rd_core *core);
void rd_become_leader(struct rd_core *core, int64_t now);
/* Stops leading or standing; whoever leads now, 0 = unknown. */
void rd_follow(struct rd_core *core, uint32_t leader, int64_t now);
void rd_adopt_epoch(struct rd_core *core, uint64_t epoch, int64_t now);
void rd_shut_down(struct rd_core *core, const char *why);

/* core_lead.c: the leader's side of replication */
void rd_send_append(struct rd_core *core, uint32_t to, bool is_beat,
                    int64_t now);
void rd_send_appends(struct rd_core *core, bool is_beat, int64_t now);
void rd_on_append_reply(struct rd_core *core, const struct rd_msg *msg,
                        int64_t now);
void rd_on_snap_reply(struct rd_core *core, const struct rd_msg *msg,
                      int64_t now);
void rd_advance(struct rd_core *core, int64_t now);
void rd_fail_reads(struct rd_core *core);
void rd_stop_snapshot(struct rd_core *core, uint32_t to);
void rd_lead_tick(struct rd_core *core, int64_t now);

/* core_follow.c: the follower's side */
void rd_on_append(struct rd_core *core, const struct rd_msg *msg, int64_t now);
void rd_on_snap(struct rd_core *core, const struct rd_msg *msg, int64_t now);
void rd_apply_to(struct rd_core *core, uint64_t commit);

/* core_member.c: who belongs to the cluster */
/* The list that counts after the log has changed. */
void rd_set_members(struct rd_core *core, const struct rd_members *members,
                    uint64_t index, int64_t now);
/* An entry was appended: the list in it, if there is one, counts at once. */
void rd_members_appended(struct rd_core *core, const struct rd_entry *entry,
                         int64_t now);
/* The log has lost its end, or all of it to a snapshot. */
void rd_members_rescan(struct rd_core *core, int64_t now);
void rd_members_applied(struct rd_core *core, const struct rd_entry *entry);
/* May this node stand for election? */
bool rd_may_lead(const struct rd_core *core);
/* Is whoever speaks under that id the member that is meant? */
bool rd_is_genuine(const struct rd_core *core, uint32_t id);
/* A leader that has been removed: it only hands over. */
bool rd_is_leaving(const struct rd_core *core);
/* A leader lets those who have caught up count; one that is removed goes. */
void rd_member_tick(struct rd_core *core, int64_t now);

/* core_elect.c: who leads */
void rd_reset_deadline(struct rd_core *core, int64_t now);
bool rd_hears_leader(const struct rd_core *core, int64_t now);
void rd_start_prevote(struct rd_core *core, int64_t now);
void rd_ask(struct rd_core *core, uint32_t to, int64_t now);
void rd_on_vote(struct rd_core *core, const struct rd_msg *msg, int64_t now);
void rd_on_vote_reply(struct rd_core *core, const struct rd_msg *msg,
                      int64_t now);
void rd_elect_tick(struct rd_core *core, int64_t now);
void rd_clear_answers(struct rd_core *core);

/* core_appoint.c: bootstrap, controller, manual promotion, duels */
void rd_start_query(struct rd_core *core, int64_t now);
void rd_on_query(struct rd_core *core, const struct rd_msg *msg, int64_t now);
void rd_on_query_reply(struct rd_core *core, const struct rd_msg *msg,
                       int64_t now);
void rd_on_appoint(struct rd_core *core, const struct rd_msg *msg,
                   bool is_newer, int64_t now);
void rd_appoint_tick(struct rd_core *core, int64_t now);
/* True: this node shuts down. */
bool rd_duel(struct rd_core *core, const struct rd_msg *msg, int64_t now);

#endif
