/* cluster.h -- the nodes of one run and the network between them.
 *
 * Opened by the conductor inside the sandbox; afterwards *one* process forked
 * from it, the operator, starts and stops nodes, commits to the wire, runs
 * probes and polls events.  Everybody may read states and counters.
 *
 * Node i (1..64) is called n<i> and lives at 10.77.0.(10+i)/24 on eth0 of a
 * network namespace that stays while its processes come and go.  Clients live
 * in the run's own network namespace at 10.77.0.1, port 0 of the switch.
 * A set of nodes is a mask: bit i-1 is node i.
 */
#ifndef ORD_CONTROL_CLUSTER_H
#define ORD_CONTROL_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/control/child.h"
#include "harness/control/link.h"
#include "harness/control/wire.h"
#include "harness/disk/disk.h"

enum ord_uplink {
    ORD_UPLINK_AUTO,   /* tun if /dev/net/tun opens, else packet */
    ORD_UPLINK_TUN,    /* a TUN device per node */
    ORD_UPLINK_PACKET, /* AF_PACKET on the outer end of a veth pair */
};

struct ord_cluster_config {
    uint32_t node_count; /* 1..ORD_NODES_MAX */
    uint64_t seed;       /* of the wire's decisions */
    enum ord_uplink uplink;
    const char *run_dir;       /* exists; n<i>.log and hosts appear there */
    const char *capture_path;  /* pcapng of all that passed, or NULL */
    uint64_t capture_size_max; /* bytes; 0: 256 MiB */
    uint32_t tcp_rto_max_ms;   /* 0: the kernel's 120 s; else at least 1000 */
    uint64_t log_size_max;     /* bytes per node's log; 0: 64 MiB */
    bool has_clocks; /* every node has a clock of its own (harness/clock) */
    bool has_disks;  /* run_dir/n<i> lies on a disk of ours (harness/disk) */
    enum ord_disk_model disk_model;
    enum ord_disk_backend disk_backend;
};

struct ord_cluster;
struct ord_clock; /* harness/clock/clock.h */

/* Builds the network and forks the switch: some 10 ms for 5 nodes.  Call it
 * as PID 1 of a sandbox.  ORD_EUSAGE elsewhere or for a bad config,
 * ORD_EDENIED, ORD_EIO. */
int ord_cluster_open(const struct ord_cluster_config *config,
                     struct ord_cluster **out, struct ord_err *err);
/* Kills all nodes that this process started; in the process that opened it
 * also stops the switch (which flushes the capture).  Nulls. */
void ord_cluster_close(struct ord_cluster **cluster);

uint32_t ord_cluster_node_count(const struct ord_cluster *cluster);
enum ord_uplink ord_cluster_uplink(const struct ord_cluster *cluster);
struct ord_wire *ord_cluster_wire(struct ord_cluster *cluster); /* lent */
/* "n3" and "10.77.0.13"; lent.  Node 0 is "clients", "10.77.0.1". */
const char *ord_node_name(const struct ord_cluster *cluster, uint32_t node);
const char *ord_node_ip(const struct ord_cluster *cluster, uint32_t node);
/* The node's clock, lent, for the operator; NULL: it has the host's. */
struct ord_clock *ord_node_clock(struct ord_cluster *cluster, uint32_t node);
/* Where a node keeps its data: run_dir/n<i>.  ORD_ELIMIT. */
int ord_node_dir(const struct ord_cluster *cluster, uint32_t node,
                 char out[ORD_PATH_MAX], struct ord_err *err);
/* The disk under run_dir/n<i>, lent, for the operator; NULL: it has none. */
struct ord_disk *ord_node_disk(struct ord_cluster *cluster, uint32_t node);
/* Empties the /dev/shm of a node that is down, as a power cut does. */
int ord_node_forget_shm(const struct ord_cluster *cluster, uint32_t node,
                        struct ord_err *err);
/* What nodes, and the scripts that prepare them, have written so far counts as
 * durable: in life it was long ago.  For the begin of the main phase. */
int ord_cluster_settle_disks(struct ord_cluster *cluster, struct ord_err *err);
/* A node whose disk is gone because its daemon died; 0: none. */
uint32_t ord_cluster_dead_disk(const struct ord_cluster *cluster);
const char *ord_node_log(const struct ord_cluster *cluster, uint32_t node);

/* Readable once the switch has died (a pidfd, lent): the run is worthless. */
int ord_cluster_switch_fd(const struct ord_cluster *cluster);
/* Why, as the switch itself put it; "" if it did not. */
const char *ord_cluster_switch_error(const struct ord_cluster *cluster);

/* --- events: what nodes do without being told --------------------------- */

enum ord_event_kind {
    ORD_EVENT_NONE,
    ORD_EVENT_EXITED,   /* the main program ended; see `exit` */
    ORD_EVENT_LOG_FULL, /* the log reached its limit; the rest is discarded */
    ORD_EVENT_DIED,     /* the node's init died: all its processes are dead */
};

struct ord_event {
    enum ord_event_kind kind;
    uint32_t node;
    struct ord_exit exit;
    int64_t time_ns; /* when it was noticed inside the node */
};

/* Readable when an event waits (an epoll; lent; the operator's only). */
int ord_cluster_event_fd(const struct ord_cluster *cluster);
/* The next event or ORD_EVENT_NONE; never blocks. */
struct ord_event ord_cluster_next_event(struct ord_cluster *cluster);

/* --- short helper programs: readiness, who is the primary --------------- */

struct ord_probe;

/* Starts argv in a node's network (0: the clients').  Its stdout and stderr
 * are kept, up to out_size_max bytes, the rest discarded.  Several at once are
 * fine. */
int ord_probe_start(struct ord_cluster *cluster, uint32_t node,
                    const char *const *argv, int64_t timeout_ns,
                    size_t out_size_max, struct ord_probe **out,
                    struct ord_err *err);
/* Never blocks.  Sets *ended; once it has, *exit too.  ORD_ETIMEOUT: it was
 * killed at its deadline. */
int ord_probe_poll(struct ord_probe *probe, bool *ended, struct ord_exit *exit,
                   struct ord_err *err);
int ord_probe_fd(const struct ord_probe *probe);           /* poll it; lent */
struct ord_buf *ord_probe_output(struct ord_probe *probe); /* lent */
void ord_probe_free(struct ord_probe **probe); /* kills it if it runs */

/* The three together; blocks at most timeout_ns. */
int ord_cluster_run(struct ord_cluster *cluster, uint32_t node,
                    const char *const *argv, int64_t timeout_ns,
                    struct ord_buf *out, struct ord_exit *exit,
                    struct ord_err *err);

#endif
