/* support_trial.c -- see support_trial.h. */
#include "support_trial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/control/control.h"
#include "harness/control/sandbox.h"
#include "harness/control/switch.h"

enum { PROBE_PORT = 7000 };

struct job {
    struct trial_config *config;
    int (*body)(struct trial *);
};

static int run_body(void *arg)
{
    struct job *job = arg;
    struct trial trial = {.run_dir = job->config->run_dir};
    int result = 1;

    if (ord_cluster_open(&job->config->cluster, &trial.cluster, &trial.err) !=
        ORD_OK) {
        (void)fprintf(stderr, "open: %s\n", trial.err.text);
        return 1;
    }
    trial.wire = ord_cluster_wire(trial.cluster);
    result = job->body(&trial);
    if (result != 0 && trial.err.text[0] != '\0')
        (void)fprintf(stderr, "last error: %s\n", trial.err.text);
    ord_cluster_close(&trial.cluster);
    return result;
}

bool trial_is_possible(void)
{
    struct ord_err err;

    if (ord_sandbox_probe(&err) == ORD_OK)
        return true;
    (void)fprintf(stderr, "skipped: %s\n", err.text);
    return false;
}

bool trial_has_tun(void)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        (void)fprintf(stderr, "skipped: /dev/net/tun does not open here\n");
        return false;
    }
    (void)close(fd);
    return true;
}

int trial_run(struct trial_config *config, int (*body)(struct trial *))
{
    const struct ord_sandbox_config sandbox = {.name = "trial"};
    struct job job = {.config = config, .body = body};
    struct ord_exit ended = {.is_signal = false, .code = 0};
    struct ord_err err;
    pid_t pid;
    int pidfd;
    int rc;

    if (!trial_is_possible())
        return -1;
    (void)snprintf(config->run_dir, sizeof config->run_dir,
                   "/tmp/ordeal-trial-XXXXXX");
    if (mkdtemp(config->run_dir) == NULL)
        return 1;
    config->cluster.run_dir = config->run_dir;
    rc = ord_sandbox_spawn(&sandbox, run_body, &job, &pid, &pidfd, &err);
    if (rc == ORD_OK && !ord_pidfd_ended(pidfd, 60 * ORD_S))
        rc = ord_fail(&err, ORD_ETIMEOUT, "the trial takes too long");
    if (rc == ORD_OK)
        rc = ord_pidfd_reap(pidfd, &ended, &err);
    if (rc != ORD_OK)
        (void)fprintf(stderr, "trial: %s\n", err.text);
    if (!config->keeps_files)
        (void)ord_remove_all(config->run_dir, &err);
    return rc != ORD_OK || ended.is_signal ? 1 : ended.code;
}

int trial_socket(struct trial *trial, uint32_t node, int type, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(ord_port_ipv4(node)),
    };
    const int *nets = trial->cluster->uplinks.net_fds;
    int size = 8 << 20;
    int one = 1;
    int fd = -1;

    if (setns(nets[node], CLONE_NEWNET) == 0)
        fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
            (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
            (void)close(fd);
            fd = -1;
        }
    }
    (void)setns(nets[0], CLONE_NEWNET);
    return fd;
}

bool trial_connect(struct trial *trial, uint32_t from, uint32_t to,
                   uint16_t port, int *client, int *server)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(ord_port_ipv4(to)),
    };
    int listener = trial_socket(trial, to, SOCK_STREAM, port);

    *client = trial_socket(trial, from, SOCK_STREAM, 0);
    *server = -1;
    if (listener >= 0 && *client >= 0 && listen(listener, 1) == 0 &&
        connect(*client, (struct sockaddr *)&address, sizeof address) == 0)
        *server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    (void)close(listener);
    return *server >= 0;
}

bool trial_send(struct trial *trial, int fd, uint32_t to, uint16_t port,
                const void *data, size_t size)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(ord_port_ipv4(to)),
    };

    (void)trial;
    return sendto(fd, data, size, 0, (struct sockaddr *)&address,
                  sizeof address) == (ssize_t)size;
}

int trial_receive(int fd, void *data, size_t size, int timeout_ms)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};

    if (poll(&in, 1, timeout_ms) <= 0)
        return -1;
    return (int)recv(fd, data, size, MSG_DONTWAIT);
}

bool trial_passes(struct trial *trial, uint32_t from, uint32_t to)
{
    int out = trial_socket(trial, from, SOCK_DGRAM, 0);
    int in = trial_socket(trial, to, SOCK_DGRAM, PROBE_PORT);
    uint64_t cut = ord_wire_counts(trial->wire, from, to).cut;
    bool passes = false;
    char got[16];

    /* Long enough for any busy machine, unless the switch says that it has
     * dropped it: then a moment more, in case that is a lie. */
    if (out >= 0 && in >= 0 &&
        trial_send(trial, out, to, PROBE_PORT, "hello", 5)) {
        for (int i = 0; i < 400 && !passes; i++) {
            passes = trial_receive(in, got, sizeof got, 5) == 5;
            if (ord_wire_counts(trial->wire, from, to).cut > cut) {
                passes = passes || trial_receive(in, got, sizeof got, 20) == 5;
                break;
            }
        }
    }
    (void)close(out);
    (void)close(in);
    return passes;
}

int trial_fault(struct trial *trial, uint64_t fault_id, uint32_t from,
                uint32_t to, const struct ord_link *change)
{
    int rc =
        ord_wire_overlay(trial->wire, fault_id, from, to, change, &trial->err);

    return rc == ORD_OK ? ord_wire_commit(trial->wire, &trial->err) : rc;
}

int trial_fault_both(struct trial *trial, uint64_t fault_id, uint32_t a,
                     uint32_t b, const struct ord_link *change)
{
    int rc = ord_wire_overlay(trial->wire, fault_id, a, b, change, &trial->err);

    return rc == ORD_OK ? ord_wire_overlay(trial->wire, fault_id, b, a, change,
                                           &trial->err)
                        : rc;
}

void trial_sleep_ms(int time_ms)
{
    (void)poll(NULL, 0, time_ms);
}
