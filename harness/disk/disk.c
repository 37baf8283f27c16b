#include "harness/disk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/disk/ext4.h"
#include "harness/disk/order.h"

static const int answer_timeout_ms = 20 * 1000;
static const int hello_timeout_ms = 5 * 1000;

/* ---- mounting ------------------------------------------------------------ */

static int open_fuse(int *out, struct ord_err *err)
{
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd < 0 && (errno == EACCES || errno == EPERM))
        return ord_fail(err, ORD_EDENIED,
                        "disk: /dev/fuse may not be opened by this user; grant "
                        "it with `chmod 666 /dev/fuse` (usual distributions "
                        "do), or run as root");
    if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
        return ord_fail(err, ORD_EDENIED,
                        "disk: there is no /dev/fuse; load the kernel's fuse "
                        "module, or give the container `--device /dev/fuse`");
    if (fd < 0)
        return ord_fail_errno(err, "disk: open /dev/fuse");
    *out = fd;
    return ORD_OK;
}

int ord_disk_probe(struct ord_err *err)
{
    int fd = -1;
    int rc = open_fuse(&fd, err);

    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* The trash lies beside the directory, on the same file system, so that moving
 * there is a rename. */
static int open_trash(const char *dir, int *out, struct ord_err *err)
{
    char path[ORD_PATH_MAX];

    if (snprintf(path, sizeof path, "%s.undo", dir) >= (int)sizeof path)
        return ord_fail(err, ORD_ELIMIT, "disk: path over %d bytes",
                        ORD_PATH_MAX);
    if (ord_remove_all(path, err) != ORD_OK)
        return ord_wrap(err, "disk");
    if (mkdir(path, 0700) != 0)
        return ord_fail_errno(err, "disk: make %s", path);
    *out = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *out >= 0 ? ORD_OK : ord_fail_errno(err, "disk: open %s", path);
}

static int mount_over(const struct ord_disk *disk, struct ord_err *err)
{
    char options[160];

    (void)snprintf(options, sizeof options,
                   "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,"
                   "default_permissions",
                   disk->fuse_fd, (unsigned)geteuid(), (unsigned)getegid());
    if (mount("ordeal-disk", disk->dir, "fuse", MS_NOSUID | MS_NODEV,
              options) == 0)
        return ORD_OK;
    if (errno == EPERM || errno == EACCES)
        return ord_fail(err, ORD_EDENIED,
                        "disk: this user may not mount FUSE here, in a "
                        "namespace of its own (Linux 4.18 or newer lets it)");
    return ord_fail_errno(err, "disk: mount over %s", disk->dir);
}

int ord_disk_open(struct ord_disk *disk, const char *dir,
                  enum ord_disk_model model, struct ord_err *err)
{
    int sockets[2];
    int rc;

    *disk = ORD_DISK_NONE;
    disk->model = model;
    if (snprintf(disk->dir, sizeof disk->dir, "%s", dir) >=
        (int)sizeof disk->dir)
        return ord_fail(err, ORD_ELIMIT, "disk: path too long");
    if (open_fuse(&disk->fuse_fd, err) != ORD_OK ||
        open_trash(dir, &disk->trash_fd, err) != ORD_OK)
        goto fail;
    disk->below_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (disk->below_fd < 0) {
        (void)ord_fail_errno(err, "disk: open %s", dir);
        goto fail;
    }
    disk->page = mmap(NULL, sizeof *disk->page, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (disk->page == MAP_FAILED ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
        if (disk->page == MAP_FAILED)
            disk->page = NULL;
        (void)ord_fail_errno(err, "disk");
        goto fail;
    }
    disk->socket = sockets[0];
    disk->daemon_fd = sockets[1];
    if (mount_over(disk, err) == ORD_OK)
        return ORD_OK;
fail:
    rc = err->rc;
    disk->dir[0] = '\0'; /* nothing of ours is mounted there */
    ord_disk_close(disk);
    return rc;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void ord_disk_close(struct ord_disk *disk)
{
    char trash[ORD_PATH_MAX + 8];
    struct ord_err ignored;

    if (disk->dir[0] != '\0') {
        (void)umount2(disk->dir, MNT_DETACH);
        (void)snprintf(trash, sizeof trash, "%s.undo", disk->dir);
        (void)ord_remove_all(trash, &ignored);
    }
    close_fd(&disk->loop_fd);
    close_fd(&disk->below_fd);
    close_fd(&disk->trash_fd);
    close_fd(&disk->fuse_fd);
    close_fd(&disk->daemon_fd);
    close_fd(&disk->socket);
    if (disk->page != NULL)
        (void)munmap(disk->page, sizeof *disk->page);
    *disk = ORD_DISK_NONE;
}

int ord_disk_await_daemon(struct ord_disk *disk, struct ord_err *err)
{
    struct pollfd in = {.fd = disk->socket, .events = POLLIN};
    char hello;

    close_fd(&disk->fuse_fd);
    close_fd(&disk->daemon_fd);
    close_fd(&disk->below_fd);
    close_fd(&disk->trash_fd);
    if (poll(&in, 1, hello_timeout_ms) != 1 ||
        recv(disk->socket, &hello, 1, MSG_DONTWAIT) != 1)
        return ord_fail(err, ORD_EDIED, "disk: no daemon serves %s", disk->dir);
    return ORD_OK;
}

/* ---- orders -------------------------------------------------------------- */

static int ask(struct ord_disk *disk, const struct disk_order *order,
               struct disk_answer *answer, struct ord_err *err)
{
    struct pollfd in = {.fd = disk->socket, .events = POLLIN};

    if (send(disk->socket, order, sizeof *order, MSG_NOSIGNAL) !=
        (ssize_t)sizeof *order)
        return ord_fail(err, ORD_EDIED, "disk: the daemon of %s is gone",
                        disk->dir);
    if (poll(&in, 1, answer_timeout_ms) != 1)
        return ord_fail(err, ORD_ETIMEOUT, "disk: no answer for %d s",
                        answer_timeout_ms / 1000);
    if (recv(disk->socket, answer, sizeof *answer, MSG_DONTWAIT) !=
        (ssize_t)sizeof *answer)
        return ord_fail(err, ORD_EDIED, "disk: the daemon of %s has died",
                        disk->dir);
    return ORD_OK;
}

int ord_disk_power_cut(struct ord_disk *disk, const struct ord_disk_cut *cut,
                       struct ord_disk_loss *loss, struct ord_err *err)
{
    const struct disk_order order = {.kind = DISK_CUT, .cut = *cut};
    struct disk_answer answer;
    int fd;
    int rc;

    if (disk->backend == ORD_DISK_BY_EXT4)
        return ext4_power_cut(disk, loss, err);
    fd = open(disk->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Pages of mappings that are still on their way have to arrive first, or
     * they would survive. */
    if (fd >= 0) {
        (void)syncfs(fd);
        (void)close(fd);
    }
    rc = ask(disk, &order, &answer, err);
    if (rc == ORD_OK)
        *loss = answer.loss;
    return rc;
}

int ord_disk_settle(struct ord_disk *disk, struct ord_err *err)
{
    const struct disk_order order = {.kind = DISK_SETTLE};
    struct disk_answer ignored;

    if (disk->backend == ORD_DISK_BY_EXT4)
        return ext4_settle(disk, err);
    return ask(disk, &order, &ignored, err);
}

int ord_disk_drop_caches(struct ord_disk *disk, struct ord_err *err)
{
    const struct disk_order order = {.kind = DISK_DROP_CACHES};
    struct disk_answer ignored;

    return ask(disk, &order, &ignored, err);
}

/* ---- rules --------------------------------------------------------------- */

int ord_disk_rule_set(struct ord_disk *disk, uint32_t fault_id,
                      const struct ord_disk_rule *rule, struct ord_err *err)
{
    ORD_ASSERT(fault_id != 0);
    ORD_ASSERT(disk->page != NULL);
    ord_disk_rule_clear(disk, fault_id);
    for (uint32_t i = 0; i < ORD_DISK_RULES; i++) {
        struct ord_disk_slot *slot = &disk->page->slots[i];

        if (atomic_load(&slot->fault_id) != 0)
            continue;
        slot->rule = *rule;
        atomic_store(&slot->calls, 0);
        atomic_store(&slot->struck, 0);
        atomic_store(&slot->waited_ns, 0);
        atomic_store(&slot->used, 0);
        atomic_store(&slot->fault_id, fault_id);
        (void)atomic_fetch_add(&disk->page->rules, 1);
        return ORD_OK;
    }
    return ord_fail(err, ORD_ELIMIT, "disk: more than %d faults on one disk",
                    ORD_DISK_RULES);
}

void ord_disk_rule_clear(struct ord_disk *disk, uint32_t fault_id)
{
    for (uint32_t i = 0; disk->page != NULL && i < ORD_DISK_RULES; i++) {
        if (atomic_load(&disk->page->slots[i].fault_id) != fault_id)
            continue;
        atomic_store(&disk->page->slots[i].fault_id, 0);
        (void)atomic_fetch_sub(&disk->page->rules, 1);
    }
}

void ord_disk_rules_clear(struct ord_disk *disk)
{
    if (disk->page == NULL)
        return; /* BY_EXT4 */
    for (uint32_t i = 0; i < ORD_DISK_RULES; i++)
        atomic_store(&disk->page->slots[i].fault_id, 0);
    atomic_store(&disk->page->rules, 0);
}

const struct ord_disk_slot *ord_disk_rule_find(const struct ord_disk *disk,
                                               uint32_t fault_id)
{
    for (uint32_t i = 0; disk->page != NULL && i < ORD_DISK_RULES; i++) {
        if (atomic_load(&disk->page->slots[i].fault_id) == fault_id)
            return &disk->page->slots[i];
    }
    return NULL;
}
