/* control.h -- the seam between a cluster and where its nodes live.
 *
 * cluster.c and node.c keep names, phases and events; behind this table a
 * control makes it so: the sandbox on this machine (sandbox_control.c).
 * Controls for other machines and for a simulator fill in the same table.
 * Internal to this module.
 */
#ifndef ORD_CONTROL_CONTROL_H
#define ORD_CONTROL_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/base/file.h"
#include "harness/clock/clock.h"
#include "harness/control/child.h"
#include "harness/control/cluster.h"
#include "harness/control/node.h"
#include "harness/control/uplink.h"

enum { ORD_EVENTS_MAX = 4 * ORD_NODES_MAX };

struct ord_control_ops {
    const char *name;
    /* Builds network and wire.  On failure the caller calls close. */
    int (*open)(struct ord_cluster *cluster,
                const struct ord_cluster_config *config, struct ord_err *err);
    void (*close)(struct ord_cluster *cluster);
    /* The node has no process; returns once its program runs. */
    int (*start)(struct ord_cluster *cluster, uint32_t node,
                 const struct ord_command *command, struct ord_err *err);
    /* SIGTERM to the main program; true once it has ended, *exit is set. */
    bool (*terminate)(struct ord_cluster *cluster, uint32_t node,
                      int64_t grace_ns, struct ord_exit *exit);
    /* Not one process is left; nodes without any are fine. */
    int (*destroy)(struct ord_cluster *cluster, uint64_t nodes,
                   struct ord_err *err);
    /* Stops or continues every process, and has made sure of it. */
    int (*freeze)(struct ord_cluster *cluster, uint64_t nodes, bool freeze,
                  struct ord_err *err);
    bool (*all_stopped)(struct ord_cluster *cluster, uint64_t nodes);
    /* Asks for a graceful end; then how far it is. */
    bool (*stop_begin)(struct ord_cluster *cluster, uint32_t node);
    bool (*stop_look)(struct ord_cluster *cluster, uint32_t node,
                      struct ord_stop *out);
    /* Puts cluster->burdens[node] in force, and looks at its processes; false:
     * no answer. */
    bool (*burden)(struct ord_cluster *cluster, uint32_t node);
    bool (*survey)(struct ord_cluster *cluster, uint32_t node,
                   struct ord_survey *out);
    /* Takes in what nodes report, through ord_cluster_note. */
    void (*pump)(struct ord_cluster *cluster);
    /* A network namespace for probes; -1: the caller's. */
    int (*net_fd)(const struct ord_cluster *cluster, uint32_t node);
};

extern const struct ord_control_ops ord_control_sandbox;

/* What everybody may read of a node; the operator writes. */
struct ord_node_shared {
    _Atomic uint32_t phase;
    _Atomic uint32_t starts;
    _Atomic uint32_t exit; /* code << 1 | is_signal */
};

/* The operator's hold on a sandboxed node. */
struct ord_node_handle {
    pid_t pid; /* of its init; 0: there is none */
    int pidfd;
    int socket;             /* orders out, reports in */
    int log_fd;             /* the log file */
    struct ord_child guard; /* of its clock */
    int pipe_fd;    /* what the node still had to say when it was killed */
    bool is_ending; /* its main program's end is our doing */
    bool has_ended; /* the main program has, by itself or at our request */
    bool was_asked; /* the others, too */
    struct ord_exit exit;
    int64_t asked_ns, ended_ns;
};

struct ord_cluster {
    const struct ord_control_ops *ops;
    pid_t opener; /* the process that stops the switch */
    uint32_t node_count;
    uint64_t log_size_max;
    char run_dir[ORD_PATH_MAX];
    char names[ORD_PORTS_MAX][8];
    char ips[ORD_PORTS_MAX][16];
    char *logs[ORD_PORTS_MAX];      /* owned */
    struct ord_wire *wire;          /* owned */
    struct ord_node_shared *shared; /* owned; mapped */
    bool has_clocks;
    struct ord_clock clocks[ORD_PORTS_MAX]; /* by node; owned */
    bool has_disks;
    struct ord_disk disks[ORD_PORTS_MAX];         /* by node; owned */
    struct ord_child disk_daemons[ORD_PORTS_MAX]; /* the opener's */

    struct ord_event events[ORD_EVENTS_MAX]; /* a ring */
    uint32_t event_first;
    uint32_t event_count;
    pid_t event_owner; /* the process whose epoll this is */
    int event_fd;
    int pending_fd; /* an eventfd: the ring holds something */

    struct ord_uplinks uplinks;
    int switch_pidfd;
    struct ord_node_handle handles[ORD_PORTS_MAX];
    struct ord_burden burdens[ORD_PORTS_MAX]; /* of the operator's, by node */
};

/* Makes the nodes' data directories and lays a disk over each; of FUSE with a
 * daemon in a process of its own that ends with us. */
int ord_disks_open(struct ord_cluster *cluster,
                   const struct ord_cluster_config *config,
                   struct ord_err *err);
void ord_disks_close(struct ord_cluster *cluster);

/* A node reported this. */
void ord_cluster_note(struct ord_cluster *cluster,
                      const struct ord_event *event);
/* Adds a descriptor to the event epoll; false sets errno. */
bool ord_cluster_watch(struct ord_cluster *cluster, int fd);
void ord_node_set_phase(struct ord_cluster *cluster, uint32_t node,
                        enum ord_node_phase phase);

#endif
