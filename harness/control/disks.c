/* disks.c -- a disk of ours under each node's data directory; see control.h. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness/control/control.h"
#include "harness/control/proc.h"

static int start_daemon(struct ord_cluster *cluster, uint32_t node,
                        struct ord_err *err)
{
    struct ord_disk *disk = &cluster->disks[node];
    int parent_pidfd = pidfd_open(getpid(), 0);
    pid_t pid = parent_pidfd >= 0 ? fork() : -1;
    int rc = ORD_OK;

    if (pid == 0) {
        const int keep[] = {disk->below_fd, disk->trash_fd, disk->fuse_fd,
                            disk->daemon_fd, parent_pidfd};

        /* A group of its own: who signals the nodes does not mean it. */
        (void)setpgid(0, 0);
        ord_proc_reset_signals();
        ord_proc_die_with(parent_pidfd);
        ord_proc_close_others(keep, sizeof keep / sizeof *keep);
        (void)prctl(PR_SET_NAME, "ordeal-disk");
        _exit(ord_disk_serve(disk));
    }
    if (pid < 0)
        rc = ord_fail_errno(err, "fork the disk's daemon");
    else
        cluster->disk_daemons[node] =
            (struct ord_child){.pid = pid, .pidfd = pidfd_open(pid, 0)};
    if (parent_pidfd >= 0)
        (void)close(parent_pidfd);
    return rc == ORD_OK ? ord_disk_await_daemon(disk, err) : rc;
}

int ord_disks_open(struct ord_cluster *cluster,
                   const struct ord_cluster_config *config, struct ord_err *err)
{
    bool is_ext4 = config->disk_backend == ORD_DISK_BY_EXT4;
    int rc = is_ext4 ? ord_disk_probe_ext4(err) : ord_disk_probe(err);

    cluster->has_disks = true;
    for (uint32_t i = 1; rc == ORD_OK && i <= cluster->node_count; i++) {
        char dir[ORD_PATH_MAX];

        rc = ord_node_dir(cluster, i, dir, err);
        if (rc == ORD_OK)
            rc = ord_mkdir_all(dir, err);
        if (rc == ORD_OK && is_ext4)
            rc = ord_disk_open_ext4(&cluster->disks[i], dir, err);
        else if (rc == ORD_OK)
            rc =
                ord_disk_open(&cluster->disks[i], dir, config->disk_model, err);
        if (rc == ORD_OK && !is_ext4)
            rc = start_daemon(cluster, i, err);
    }
    return rc;
}

void ord_disks_close(struct ord_cluster *cluster)
{
    if (cluster->opener != getpid())
        return; /* they are still the opener's */
    for (uint32_t i = 1; i <= cluster->node_count; i++) {
        ord_disk_close(&cluster->disks[i]);
        ord_child_kill(&cluster->disk_daemons[i]);
    }
}

uint32_t ord_cluster_dead_disk(const struct ord_cluster *cluster)
{
    for (uint32_t i = 1; cluster->has_disks && i <= cluster->node_count; i++) {
        struct pollfd in = {.fd = cluster->disks[i].socket};

        if (poll(&in, 1, 0) == 1 && (in.revents & POLLHUP) != 0)
            return i;
    }
    return 0;
}

int ord_cluster_settle_disks(struct ord_cluster *cluster, struct ord_err *err)
{
    for (uint32_t i = 1; cluster->has_disks && i <= cluster->node_count; i++) {
        if (ord_disk_settle(&cluster->disks[i], err) != ORD_OK)
            return ord_wrap(err, "%s", cluster->names[i]);
    }
    return ORD_OK;
}
