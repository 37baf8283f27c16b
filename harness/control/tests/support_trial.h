/* support_trial.h -- runs a test's body as the conductor of a small cluster.
 *
 * The body is in another process than Criterion, so it judges with CHECK and
 * returns 0 if all is well.
 */
#ifndef ORD_CONTROL_TESTS_SUPPORT_TRIAL_H
#define ORD_CONTROL_TESTS_SUPPORT_TRIAL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/control/cluster.h"
#include "harness/control/node.h"

/* Ends the body, and says where and what. */
#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,           \
                          #condition);                                         \
            return 1;                                                          \
        }                                                                      \
    } while (0)

struct trial {
    struct ord_cluster *cluster;
    struct ord_wire *wire;
    const char *run_dir;
    struct ord_err err;
};

struct trial_config {
    struct ord_cluster_config cluster; /* run_dir is filled in */
    bool keeps_files; /* for the test to look at; it removes run_dir */
    char run_dir[64]; /* out */
};

/* Runs body(trial) in a sandbox with that cluster open; its return value, or
 * -1 if sandboxes are refused here: then the reason has been printed. */
int trial_run(struct trial_config *config, int (*body)(struct trial *));

/* True if this machine lets us do it; else prints why not. */
bool trial_is_possible(void);
bool trial_has_tun(void);

/* A socket in the network of a node (0: the clients'), bound to port on its
 * address; UDP ones have a receive buffer for thousands of frames. */
int trial_socket(struct trial *trial, uint32_t node, int type, uint16_t port);
/* A TCP connection from a socket of one node to one of another. */
bool trial_connect(struct trial *trial, uint32_t from, uint32_t to,
                   uint16_t port, int *client, int *server);
/* Sends one UDP payload from `fd` to a node's port. */
bool trial_send(struct trial *trial, int fd, uint32_t to, uint16_t port,
                const void *data, size_t size);
/* Receives one within timeout_ms; -1 if none came. */
int trial_receive(int fd, void *data, size_t size, int timeout_ms);
/* Can a datagram pass from node to node? */
bool trial_passes(struct trial *trial, uint32_t from, uint32_t to);
/* Lays a change on a link and commits. */
int trial_fault(struct trial *trial, uint64_t fault_id, uint32_t from,
                uint32_t to, const struct ord_link *change);
/* The same in both directions, without committing. */
int trial_fault_both(struct trial *trial, uint64_t fault_id, uint32_t a,
                     uint32_t b, const struct ord_link *change);
void trial_sleep_ms(int time_ms);

#endif
