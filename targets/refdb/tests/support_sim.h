/* support_sim.h -- several cores in one process, under a seeded schedule.
 *
 * Time goes in steps of a millisecond.  Messages take the real codec and may
 * be late, lost, doubled or overtaken; nodes crash, at worst between sending
 * and syncing, and lose what was not synced.  Oracles run all the time; the
 * first broken promise is kept as text.
 */
#ifndef RD_SUPPORT_SIM_H
#define RD_SUPPORT_SIM_H

#include "targets/refdb/core.h"

enum {
    SIM_NODES_MAX = 6,
    SIM_ENTRIES_MAX = 2048,
    SIM_MSGS_MAX = 4096,
    SIM_WRITES_MAX = 4096,
    SIM_EPOCHS_MAX = 8192,
};

struct sim_disk {
    struct rd_hard hard;
    uint64_t base;
    uint64_t base_epoch;
    uint64_t last;
    uint64_t applied;
    uint64_t epoch[SIM_ENTRIES_MAX];
    bool has_members; /* as of applied: */
    struct rd_members members;
    uint64_t value[SIM_ENTRIES_MAX]; /* 0: a no-op; sim_members_value() */
    uint64_t state[SIM_ENTRIES_MAX]; /* value applied at each index */
};

struct sim_node {
    struct sim *sim;
    uint32_t id;
    bool is_up;
    bool is_paused;
    bool is_shut; /* by stonith */
    uint64_t identity;
    bool is_join; /* started to be added, not as a founder */
    struct rd_core core;
    struct sim_disk disk; /* what a crash leaves */
    struct sim_disk now;
    uint64_t discards;
    struct sim_disk
        *snap[SIM_NODES_MAX + 1]; /* state being sent, by receiver */
};

struct sim_msg {
    int64_t at_ms;
    uint32_t link_round;
    uint32_t from;
    uint32_t to;
    bool is_late; /* waits for its sender's sync */
    char *bytes;
    size_t size;
};

struct sim_write {
    uint64_t value;
    uint64_t index;
    uint64_t epoch;
    uint32_t node;
    bool is_acked;
};

struct sim_read {
    uint64_t wanted; /* highest index acknowledged when it began */
    bool is_open;
};

struct sim {
    struct rd_core_config config;
    uint32_t count;
    struct ord_rng rng;
    int64_t now_ms;
    struct sim_node node[SIM_NODES_MAX + 1];
    bool is_cut[SIM_NODES_MAX + 1][SIM_NODES_MAX + 1]; /* from, to */
    bool is_link[SIM_NODES_MAX + 1][SIM_NODES_MAX + 1];
    uint32_t link_round[SIM_NODES_MAX + 1][SIM_NODES_MAX + 1];
    int64_t cut_ms[SIM_NODES_MAX + 1][SIM_NODES_MAX + 1];
    struct sim_msg msg[SIM_MSGS_MAX];
    uint32_t msg_count;
    uint32_t drop; /* per mille */
    uint32_t delay_max_ms;
    struct sim_write write[SIM_WRITES_MAX];
    uint32_t write_count;
    uint64_t acked_index; /* highest */
    uint64_t committed[SIM_ENTRIES_MAX];
    bool is_committed[SIM_ENTRIES_MAX];
    struct rd_members settled; /* the newest list that any node has applied */
    uint64_t settled_index;
    uint64_t settled_count;
    struct sim_read read[256];
    uint32_t read_count;
    uint64_t reads_done;
    uint32_t leader_of[SIM_EPOCHS_MAX];
    uint32_t ackers_of[SIM_EPOCHS_MAX]; /* bit set of nodes */
    uint64_t acks;
    char broken[256]; /* "": every promise was kept */
};

struct sim *sim_new(const struct rd_core_config *config, uint32_t count,
                    uint64_t seed);
/* Nodes 1 .. founders run as a cluster; founders + 1 .. count are down and
 * will start as nodes to be added. */
struct sim *sim_new_of(const struct rd_core_config *config, uint32_t count,
                       uint32_t founders, uint64_t seed);
void sim_free(struct sim *sim);
void sim_start(struct sim *sim, uint32_t id);
void sim_crash(struct sim *sim, uint32_t id);
/* Down, without its disk; it will start as a node to be added. */
void sim_wipe(struct sim *sim, uint32_t id);
/* Asks that node to add or remove another. */
enum rd_proposal sim_change(struct sim *sim, uint32_t at, uint32_t id,
                            bool is_add);
/* Voters (or all who take the log), as the leader has settled it; 0: none. */
uint64_t sim_voters(const struct sim *sim);
void sim_cut(struct sim *sim, uint32_t from, uint32_t to, bool is_cut);
void sim_heal(struct sim *sim);
/* One millisecond. */
void sim_step(struct sim *sim);
void sim_run(struct sim *sim, int64_t ms);
/* Proposes a new value at that node; false if it refused. */
bool sim_propose(struct sim *sim, uint32_t id);
void sim_read_at(struct sim *sim, uint32_t id);
/* A live leader of the highest epoch whose first entry is applied; 0: none. */
uint32_t sim_leader(const struct sim *sim);
/* Acknowledged values that this node's state does not hold. */
uint32_t sim_lost_at(const struct sim *sim, uint32_t id);

#endif
