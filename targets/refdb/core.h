/* core.h -- the replication logic of one node, without I/O of its own.
 *
 * Events go in as calls (a message, a link up or down, time, a proposal, a
 * read, "what you appended is on disk"); actions come out through struct
 * rd_core_out, called before the event's call returns and never calling back
 * into the core.  Time is the `now` of each call (ns, never running
 * backwards), randomness is seeded: the same events give the same actions.
 * One thread.  Quorum mode follows Ongaro, "Consensus: Bridging Theory and
 * Practice" (2014): sections 3.4-3.7, 6.4 (ReadIndex), 9.6 (pre-vote), 6.2
 * (a leader without a majority steps down), 10.2.1 (send before own fsync),
 * chapter 4 (one member at a time, joins before it counts).
 */
#ifndef RD_CORE_H
#define RD_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/rng.h"
#include "targets/refdb/log.h"
#include "targets/refdb/members.h"
#include "targets/refdb/msg.h"

enum rd_ack { RD_ASYNC, RD_SEMI_SYNC, RD_SYNC, RD_QUORUM };
enum rd_failover { RD_MANUAL, RD_CONTROLLER, RD_ELECTION };
enum rd_stonith { RD_STONITH_OFF, RD_STONITH_ONE, RD_STONITH_BOTH };
enum rd_role { RD_FOLLOWER, RD_PRECANDIDATE, RD_CANDIDATE, RD_LEADER };
enum rd_mode { RD_MODE_PROBE, RD_MODE_STREAM, RD_MODE_SNAPSHOT };

/* Bugs to be found by those who test the tester: mutants.md. */
enum rd_mutant {
    RD_MUTANT_NONE,
    RD_MUTANT_NO_FSYNC_ACK,
    RD_MUTANT_STALE_LEADER_READ,
    RD_MUTANT_COMMIT_MINORITY,
    RD_MUTANT_FORGET_VOTE,
    RD_MUTANT_NO_LOG_CHECK,
    RD_MUTANT_APPLY_TWICE,
    RD_MUTANT_MEMBER_NO_OWN_TERM,
    RD_MUTANT_MEMBER_TWO_AT_ONCE,
    RD_MUTANT_MEMBER_COUNTS_AT_ONCE,
    RD_MUTANT_MEMBER_BY_NAME,
    RD_MUTANT_REMOVED_DISRUPTS,
    RD_MUTANT_WALL_LEASE,
};

struct rd_core_config {
    uint32_t id;
    struct rd_members founders; /* members before the first entry */
    uint64_t identity;          /* kept on disk: 0 of a founder, else random */
    bool is_join; /* a node without data waits to be added to a cluster */
    enum rd_ack ack;
    enum rd_failover failover;
    enum rd_stonith stonith;
    enum rd_mutant mutant;
    bool is_any;     /* candidate=any */
    bool is_fencing; /* epochs are raised, checked, and leaders fenced */
    uint32_t controller;
    int64_t timeout_ns;
    int64_t semi_sync_ns;
    uint64_t snapshot_after; /* entries of lag beyond which a snapshot is due */
    uint64_t seed;
};

/* What has to survive a crash besides the log. */
struct rd_hard {
    uint64_t epoch;
    uint32_t vote;   /* whom this node voted for or appointed in epoch */
    uint32_t is_led; /* this node leads, or led last, in epoch */
};

struct rd_core_out {
    void *ctx;
    /* Early messages may leave before the sync, all others only after it. */
    void (*send)(void *ctx, const struct rd_msg *msg, bool is_early);
    /* Changes to be made durable by the next sync, in this order. */
    void (*hard)(void *ctx, const struct rd_hard *hard);
    void (*append)(void *ctx, const struct rd_entry *entry);
    void (*truncate)(void *ctx, uint64_t from);
    void (*trim)(void *ctx, uint64_t base, uint64_t base_epoch);
    /* Entry is committed: change the state; answer whoever proposed it. */
    void (*apply)(void *ctx, const struct rd_entry *entry, bool is_twice);
    /* Entry is about to be dropped without having been replicated. */
    void (*discard)(void *ctx, const struct rd_entry *entry);
    void (*read)(void *ctx, uint64_t token, bool is_ok);
    void (*lost)(void *ctx); /* leadership: pending proposals are uncertain */
    void (*role)(void *ctx);
    void (*note)(void *ctx, const char *what, uint64_t a, uint64_t b);
    /* Sender: open a snapshot for `to` and send its piece 0; send a further
     * piece; forget it.  The pieces are rd_core_snap() events. */
    void (*snap_open)(void *ctx, uint32_t to);
    void (*snap_next)(void *ctx, uint32_t to, uint64_t piece);
    void (*snap_close)(void *ctx, uint32_t to);
    /* Receiver: take a piece (0 starts anew); on the last one replace state
     * and log by it and say who the members were at that position.  False: bad
     * bytes, nothing was changed. */
    bool (*snap_data)(void *ctx, const struct rd_msg *msg,
                      struct rd_members *members);
    /* Another list of members counts from now on; lent for the call. */
    void (*members)(void *ctx, const struct rd_members *members);
    void (*shutdown)(void *ctx, const char *why);
};

struct rd_peer {
    bool is_member; /* voting or joining: the log is for it */
    bool is_voter;
    bool is_linked;
    enum rd_mode mode;
    uint64_t next;
    uint64_t match;       /* durable there, as far as the leader knows */
    uint64_t sent_commit; /* newest commit it has been told */
    uint64_t probe_acked;
    int64_t heard_ns;      /* our newest stamp that came back */
    int64_t heard_wall_ns; /* the same by the real clock: mutant wall-lease */
    int64_t stamp;         /* its newest stamp, to be echoed */
    bool is_waiting;       /* probe sent, no reply yet */
    bool is_announced;
    bool has_answered; /* this election or query round */
    bool has_granted;
    bool is_answer_led; /* it hears a leader */
    uint64_t last_index;
    uint64_t last_epoch;
    uint64_t answer_epoch;
    int64_t snap_deadline_ns;
    uint64_t identity; /* of whoever speaks under this id */
    uint64_t goal;     /* joining: end of the log when this round began */
    int64_t goal_ns;
};

struct rd_core {
    struct rd_core_config config;
    struct rd_core_out out;
    struct ord_rng rng;
    struct rd_hard hard;
    bool is_hard_dirty; /* hard has changed since the last sync */
    struct rd_log log;
    uint64_t commit;
    uint64_t applied;
    uint64_t persisted;
    enum rd_role role;
    uint32_t leader;
    uint32_t last_leader; /* the one before, for candidate=any */
    struct rd_peer peer[RD_NODE_MAX + 1];
    struct rd_members settled; /* as of applied */
    struct rd_members members; /* as of the log's end: these count */
    uint64_t members_index;    /* of their entry; 0: none beyond applied */
    bool is_voter;

    int64_t heard_ns;      /* a leader, last */
    int64_t wall_ahead_ns; /* the caller's: real minus monotonic time; for the
                              mutant wall-lease only */
    int64_t deadline_ns;   /* of follower or candidate: start an election */
    int64_t window_ns;     /* answers are awaited until then */
    uint64_t round;
    bool is_booting;
    bool is_querying;
    bool is_resuming; /* manual: led before the restart, may go on */
    bool is_deposed;  /* led until a newer epoch was heard of */
    bool is_outranked;
    bool is_down; /* shut down: does nothing more */

    uint64_t noop_index; /* leader: first entry of its own */
    uint64_t probe;
    bool is_probe_due;
    int64_t beat_ns; /* next heartbeat */
    uint32_t sync_id;
    int64_t progress_ns;
    struct ord_buf reads;
    struct ord_buf batch;

    int64_t fresh_ns; /* when this replica last had all its leader had */
    int64_t pending_fresh_ns;
    uint64_t pending_commit;
    uint64_t mismatch; /* lowest index known to differ from the leader's */
    uint64_t piece;    /* next one of the snapshot being received */
    uint64_t piece_index;
    bool is_catching_up; /* linked anew: mutant apply-twice */
    uint64_t catch_up_from;
    uint64_t catch_up_to;

    uint64_t failover_count;
    uint64_t snapshot_count;
    uint64_t discard_count;
};

enum rd_proposal {
    RD_PROPOSED,
    RD_NOT_LEADER,
    RD_FENCED,
    RD_TOO_MUCH,
    RD_DONE,    /* it is so already */
    RD_BUSY,    /* another change of members is under way, or a new leader */
    RD_REFUSED, /* never: *why says the reason */
};

/* log (taken over), hard, applied and settled, the members as of applied (NULL:
 * none yet), are what storage holds. */
void rd_core_init(struct rd_core *core, const struct rd_core_config *config,
                  const struct rd_core_out *out, const struct rd_hard *hard,
                  const struct rd_log *log, uint64_t applied,
                  const struct rd_members *settled, int64_t now);
void rd_core_fini(struct rd_core *core);

void rd_core_tick(struct rd_core *core, int64_t now);
void rd_core_link(struct rd_core *core, uint32_t peer, bool is_up, int64_t now);
void rd_core_step(struct rd_core *core, const struct rd_msg *msg, int64_t now);
/* Ends a turn before the sync: sends what may leave early. */
void rd_core_flush(struct rd_core *core, int64_t now);
/* All changes handed out so far are durable. */
void rd_core_synced(struct rd_core *core, int64_t now);

/* On RD_PROPOSED the entry has *index in the current epoch. */
enum rd_proposal rd_core_propose(struct rd_core *core, struct ord_bytes data,
                                 uint64_t *index, int64_t now);
/* A linearizable read: out.read(token) follows, maybe at once. */
enum rd_proposal rd_core_read(struct rd_core *core, uint64_t token,
                              int64_t now);
/* Adds (ip: network byte order) or removes a node: RD_PROPOSED, RD_DONE or why
 * not.  An added node counts once it has caught up, by an entry of its own. */
enum rd_proposal rd_core_change(struct rd_core *core, uint32_t id, bool is_add,
                                uint32_t ip, uint64_t *index, const char **why,
                                int64_t now);
/* False where the settings leave that to others, or this is no member. */
bool rd_core_promote(struct rd_core *core, int64_t now);
/* A piece of the snapshot for `to`: state as of index, whose epoch is known. */
void rd_core_snap(struct rd_core *core, uint32_t to, uint64_t index,
                  uint64_t index_epoch, uint64_t piece, struct ord_bytes data,
                  bool is_last, int64_t now);

bool rd_core_is_fenced(const struct rd_core *core, int64_t now);
bool rd_core_is_ready(const struct rd_core *core, int64_t now);
/* ns since this node last had everything its leader had acknowledged. */
int64_t rd_core_lag_ns(const struct rd_core *core, int64_t now);
const char *rd_role_name(const struct rd_core *core);

#endif
