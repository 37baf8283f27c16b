/* cluster.c -- see cluster.h. */
#include "harness/control/cluster.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/control/control.h"
#include "harness/control/switch.h"
#include "harness/control/wire_shared.h"

static const uint64_t log_size_default = 64 << 20;

static size_t shared_size(const struct ord_cluster *cluster)
{
    return (cluster->node_count + 1) * sizeof *cluster->shared;
}

static int name_nodes(struct ord_cluster *cluster, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    char name[16];

    for (uint32_t i = 0; i <= cluster->node_count; i++) {
        uint32_t ipv4 = ord_port_ipv4(i);

        (void)snprintf(cluster->names[i], sizeof cluster->names[i],
                       i == 0 ? "clients" : "n%u", i);
        (void)snprintf(cluster->ips[i], sizeof cluster->ips[i], "%u.%u.%u.%u",
                       ipv4 >> 24, ipv4 >> 16 & 255, ipv4 >> 8 & 255,
                       ipv4 & 255);
        (void)snprintf(name, sizeof name, "%s.log", cluster->names[i]);
        if (ord_path_join(path, cluster->run_dir, name, err) != ORD_OK)
            return err->rc;
        cluster->logs[i] = strdup(path);
        if (cluster->logs[i] == NULL)
            return ord_fail(err, ORD_ENOMEM, "cluster");
    }
    return ORD_OK;
}

static int write_hosts(const struct ord_cluster *cluster, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    struct ord_buf text;
    int rc = ord_path_join(path, cluster->run_dir, "hosts", err);
    FILE *file;

    if (rc != ORD_OK)
        return rc;
    ord_buf_init(&text, 1 << 16);
    ord_buf_text(&text, "127.0.0.1 localhost\n");
    for (uint32_t i = 0; i <= cluster->node_count; i++)
        ord_buf_printf(&text, "%s %s\n", cluster->ips[i], cluster->names[i]);
    file = fopen(path, "we"); /* it need not survive a power cut */
    if (file == NULL || fputs(ord_buf_str(&text), file) < 0)
        rc = ord_fail_errno(err, "write %s", path);
    if (file != NULL && fclose(file) != 0 && rc == ORD_OK)
        rc = ord_fail_errno(err, "write %s", path);
    ord_buf_fini(&text);
    return rc;
}

static int check(const struct ord_cluster_config *config, struct ord_err *err)
{
    if (config->node_count < 1 || config->node_count > ORD_NODES_MAX)
        return ord_fail(err, ORD_EUSAGE, "%u nodes: 1 to %d are possible",
                        config->node_count, ORD_NODES_MAX);
    if (config->tcp_rto_max_ms != 0 &&
        (config->tcp_rto_max_ms < 1000 || config->tcp_rto_max_ms > 120000))
        return ord_fail(err, ORD_EUSAGE,
                        "tcp_rto_max_ms %u: 1000 to 120000, or 0 for the "
                        "kernel's own",
                        config->tcp_rto_max_ms);
    if (strlen(config->run_dir) >= ORD_PATH_MAX)
        return ord_fail(err, ORD_ELIMIT,
                        "the run directory's path is too long");
    if (getpid() != 1)
        return ord_fail(err, ORD_EUSAGE,
                        "a cluster is opened by the first "
                        "process of a sandbox only");
    return ORD_OK;
}

static int open_clocks(struct ord_cluster *cluster, struct ord_err *err)
{
    int rc = ord_clock_probe(err);

    cluster->has_clocks = true;
    for (uint32_t i = 1; rc == ORD_OK && i <= cluster->node_count; i++)
        rc = ord_clock_open(&cluster->clocks[i], err);
    return rc;
}

static int fill(struct ord_cluster *cluster,
                const struct ord_cluster_config *config, struct ord_err *err)
{
    int rc;

    cluster->ops = &ord_control_sandbox;
    cluster->opener = getpid();
    cluster->node_count = config->node_count;
    cluster->log_size_max =
        config->log_size_max != 0 ? config->log_size_max : log_size_default;
    cluster->event_fd = cluster->pending_fd = cluster->switch_pidfd = -1;
    (void)snprintf(cluster->run_dir, sizeof cluster->run_dir, "%s",
                   config->run_dir);
    for (uint32_t i = 0; i < ORD_PORTS_MAX; i++) {
        cluster->handles[i] = (struct ord_node_handle){.pidfd = -1,
                                                       .socket = -1,
                                                       .log_fd = -1,
                                                       .pipe_fd = -1,
                                                       .guard = ORD_CHILD_NONE};
        cluster->clocks[i] = ORD_CLOCK_NONE;
        cluster->burdens[i] = ord_burden_none();
        cluster->disks[i] = ORD_DISK_NONE;
        cluster->disk_daemons[i] = ORD_CHILD_NONE;
        cluster->uplinks.port_fds[i] = cluster->uplinks.net_fds[i] = -1;
    }
    cluster->shared = mmap(NULL, shared_size(cluster), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (cluster->shared == MAP_FAILED) {
        cluster->shared = NULL;
        return ord_fail_errno(err, "map the nodes' states");
    }
    rc = name_nodes(cluster, err);
    if (rc == ORD_OK)
        rc = write_hosts(cluster, err);
    if (rc == ORD_OK && config->has_clocks)
        rc = open_clocks(cluster, err);
    if (rc == ORD_OK && config->has_disks)
        rc = ord_disks_open(cluster, config, err);
    if (rc == ORD_OK)
        rc = ord_wire_new(cluster->node_count + 1, config->seed, &cluster->wire,
                          err);
    return rc;
}

int ord_cluster_open(const struct ord_cluster_config *config,
                     struct ord_cluster **out, struct ord_err *err)
{
    struct ord_cluster *cluster;
    int rc = check(config, err);

    if (rc != ORD_OK)
        return rc;
    cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL)
        return ord_fail(err, ORD_ENOMEM, "cluster");
    rc = fill(cluster, config, err);
    if (rc == ORD_OK)
        rc = cluster->ops->open(cluster, config, err);
    if (rc != ORD_OK) {
        ord_cluster_close(&cluster);
        return rc;
    }
    *out = cluster;
    return ORD_OK;
}

void ord_cluster_close(struct ord_cluster **cluster)
{
    struct ord_cluster *c = *cluster;

    *cluster = NULL;
    if (c == NULL)
        return;
    c->ops->close(c);
    ord_disks_close(c);
    ord_wire_free(&c->wire);
    for (uint32_t i = 0; i < ORD_PORTS_MAX; i++)
        free(c->logs[i]);
    for (uint32_t i = 0; i < ORD_PORTS_MAX; i++)
        ord_clock_close(&c->clocks[i]);
    if (c->shared != NULL)
        (void)munmap(c->shared, shared_size(c));
    if (c->event_fd >= 0)
        (void)close(c->event_fd);
    if (c->pending_fd >= 0)
        (void)close(c->pending_fd);
    free(c);
}

struct ord_clock *ord_node_clock(struct ord_cluster *cluster, uint32_t node)
{
    ORD_ASSERT(node >= 1);
    ORD_ASSERT(node <= cluster->node_count);
    return cluster->has_clocks ? &cluster->clocks[node] : NULL;
}

int ord_node_dir(const struct ord_cluster *cluster, uint32_t node,
                 char out[ORD_PATH_MAX], struct ord_err *err)
{
    ORD_ASSERT(node >= 1);
    ORD_ASSERT(node <= cluster->node_count);
    return ord_path_join(out, cluster->run_dir, cluster->names[node], err);
}

struct ord_disk *ord_node_disk(struct ord_cluster *cluster, uint32_t node)
{
    ORD_ASSERT(node >= 1);
    ORD_ASSERT(node <= cluster->node_count);
    return cluster->has_disks ? &cluster->disks[node] : NULL;
}

int ord_node_forget_shm(const struct ord_cluster *cluster, uint32_t node,
                        struct ord_err *err)
{
    char dir[ORD_PATH_MAX];

    (void)snprintf(dir, sizeof dir, "/dev/shm/%s", cluster->names[node]);
    return access(dir, F_OK) == 0 ? ord_remove_all(dir, err) : ORD_OK;
}

uint32_t ord_cluster_node_count(const struct ord_cluster *cluster)
{
    return cluster->node_count;
}

enum ord_uplink ord_cluster_uplink(const struct ord_cluster *cluster)
{
    return cluster->uplinks.kind;
}

struct ord_wire *ord_cluster_wire(struct ord_cluster *cluster)
{
    return cluster->wire;
}

const char *ord_node_name(const struct ord_cluster *cluster, uint32_t node)
{
    ORD_ASSERT(node <= cluster->node_count);
    return cluster->names[node];
}

const char *ord_node_ip(const struct ord_cluster *cluster, uint32_t node)
{
    ORD_ASSERT(node <= cluster->node_count);
    return cluster->ips[node];
}

const char *ord_node_log(const struct ord_cluster *cluster, uint32_t node)
{
    ORD_ASSERT(node <= cluster->node_count);
    return cluster->logs[node];
}

int ord_cluster_switch_fd(const struct ord_cluster *cluster)
{
    return cluster->switch_pidfd;
}

const char *ord_cluster_switch_error(const struct ord_cluster *cluster)
{
    return ord_wire_shared(cluster->wire)->error;
}

/* The epoll belongs to the process that polls it: made on its first use. */
static bool own_events(struct ord_cluster *cluster)
{
    struct epoll_event event = {.events = EPOLLIN};

    if (cluster->event_owner == getpid())
        return cluster->event_fd >= 0;
    cluster->event_owner = getpid();
    cluster->event_count = 0;
    cluster->event_fd = epoll_create1(EPOLL_CLOEXEC);
    cluster->pending_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return cluster->event_fd >= 0 && cluster->pending_fd >= 0 &&
           epoll_ctl(cluster->event_fd, EPOLL_CTL_ADD, cluster->pending_fd,
                     &event) == 0;
}

bool ord_cluster_watch(struct ord_cluster *cluster, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return own_events(cluster) &&
           epoll_ctl(cluster->event_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void ord_cluster_note(struct ord_cluster *cluster,
                      const struct ord_event *event)
{
    uint64_t one = 1;
    uint32_t at;

    /* Beyond the ring's room the oldest news is dropped: the phases, which
     * are what matters, are up to date all the same. */
    if (cluster->event_count == ORD_EVENTS_MAX) {
        cluster->event_first = (cluster->event_first + 1) % ORD_EVENTS_MAX;
        cluster->event_count--;
    }
    at = (cluster->event_first + cluster->event_count) % ORD_EVENTS_MAX;
    cluster->events[at] = *event;
    cluster->event_count++;
    if (own_events(cluster))
        (void)!write(cluster->pending_fd, &one, sizeof one);
}

int ord_cluster_event_fd(const struct ord_cluster *cluster)
{
    /* Making the epoll is no change that a caller could see. */
    struct ord_cluster *c = (struct ord_cluster *)(uintptr_t)cluster;

    return own_events(c) ? c->event_fd : -1;
}

struct ord_event ord_cluster_next_event(struct ord_cluster *cluster)
{
    struct ord_event event = {.kind = ORD_EVENT_NONE};
    uint64_t ignored;

    if (!own_events(cluster))
        return event;
    cluster->ops->pump(cluster);
    if (cluster->event_count == 0) {
        (void)!read(cluster->pending_fd, &ignored, sizeof ignored);
        return event;
    }
    event = cluster->events[cluster->event_first];
    cluster->event_first = (cluster->event_first + 1) % ORD_EVENTS_MAX;
    cluster->event_count--;
    return event;
}
