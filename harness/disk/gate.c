/* gate.c -- rules of the page, applied to one call; see fs.h. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/rng.h"
#include "harness/disk/fs.h"

static const int64_t slice_ns = 5 * ORD_MS;

static bool is_about(const struct fs *fs, const struct ord_disk_slot *slot,
                     const struct inode *inode)
{
    char path[ORD_PATH_MAX];
    const char *name;

    if (slot->rule.files[0] == '\0')
        return true;
    inode_path(&fs->store, inode, path, sizeof path);
    name = strrchr(path, '/');
    return fnmatch(slot->rule.files, path, 0) == 0 ||
           (name != NULL && fnmatch(slot->rule.files, name + 1, 0) == 0);
}

/* The next slot after `from` whose rule is in force, says that and is about
 * this call; NULL: none. */
static struct ord_disk_slot *next_slot(const struct fs *fs, uint32_t *from,
                                       enum ord_disk_deed deed,
                                       enum ord_disk_op op,
                                       const struct inode *inode)
{
    for (; *from < ORD_DISK_RULES; (*from)++) {
        struct ord_disk_slot *slot = &fs->page->slots[*from];

        if (atomic_load(&slot->fault_id) != 0 && slot->rule.deed == deed &&
            (slot->rule.ops & 1U << op) != 0 && is_about(fs, slot, inode)) {
            (*from)++;
            return slot;
        }
    }
    return NULL;
}

/* Counts the call; does chance strike it? */
static bool strikes(struct ord_disk_slot *slot)
{
    uint64_t count = atomic_fetch_add(&slot->calls, 1);

    if (ord_hash(slot->rule.seed, count, 0) % 1000000 >= slot->rule.ppm)
        return false;
    (void)atomic_fetch_add(&slot->struck, 1);
    return true;
}

/* Is the caller gone, or is a SIGKILL or SIGSTOP waiting for it?  The kernel
 * waits for our answer before it acts on either. */
static bool is_awaited(pid_t pid, bool *is_killed)
{
    char path[64];
    char text[4096];
    uint64_t mask = 0;
    const uint64_t dies = UINT64_C(1) << (SIGKILL - 1);
    const uint64_t stops = dies | UINT64_C(1) << (SIGSTOP - 1);
    const char *names[] = {"\nSigPnd:", "\nShdPnd:"};
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return *is_killed = true; /* it is gone */
    got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    text[got > 0 ? got : 0] = '\0';
    for (uint32_t i = 0; i < 2; i++) {
        const char *line = strstr(text, names[i]);

        if (line != NULL)
            mask |= strtoull(line + strlen(names[i]), NULL, 16);
    }
    *is_killed = (mask & dies) != 0;
    return (mask & stops) != 0;
}

/* False: the caller was killed meanwhile. */
static bool linger(fuse_req_t request, struct ord_disk_slot *slot)
{
    bool is_killed = false;
    uint32_t id = atomic_load(&slot->fault_id);
    int64_t begin_ns = ord_now_ns();
    int64_t end_ns = begin_ns + slot->rule.delay_ns;
    int64_t now_ns = begin_ns;

    while (now_ns < end_ns && atomic_load(&slot->fault_id) == id) {
        int64_t left_ns = end_ns - now_ns;

        if (left_ns > slice_ns)
            left_ns = slice_ns;
        (void)ppoll(NULL, 0, &(struct timespec){.tv_nsec = left_ns}, NULL);
        if (is_awaited(fuse_req_ctx(request)->pid, &is_killed))
            break;
        now_ns = ord_now_ns();
    }
    (void)atomic_fetch_add(&slot->waited_ns,
                           (uint64_t)(ord_now_ns() - begin_ns));
    return !is_killed;
}

static bool has_room(struct ord_disk_slot *slot, uint64_t growth)
{
    uint64_t used = atomic_load(&slot->used);

    if (growth == 0)
        return true;
    (void)atomic_fetch_add(&slot->calls, 1);
    while (growth <= slot->rule.room && used <= slot->rule.room - growth) {
        if (atomic_compare_exchange_weak(&slot->used, &used, used + growth))
            return true;
    }
    (void)atomic_fetch_add(&slot->struck, 1);
    return false;
}

int gate_pass(fuse_req_t request, const struct gate *gate)
{
    const struct fs *fs = fs_of(request);
    struct ord_disk_slot *slot;

    if (atomic_load(&fs->page->rules) == 0)
        return 0;
    for (uint32_t at = 0;
         (slot = next_slot(fs, &at, ORD_DISK_SLOW, gate->op, gate->inode));) {
        /* What a dead program asked for need not happen any more; pages that
         * the kernel writes by itself nobody waits for, but those who end. */
        if (fuse_req_ctx(request)->pid != 0 && strikes(slot) &&
            !linger(request, slot))
            return EINTR;
    }
    for (uint32_t at = 0;
         (slot = next_slot(fs, &at, ORD_DISK_EIO, gate->op, gate->inode));) {
        if (strikes(slot))
            return EIO;
    }
    for (uint32_t at = 0;
         (slot = next_slot(fs, &at, ORD_DISK_FULL, gate->op, gate->inode));) {
        if (!has_room(slot, gate->growth))
            return ENOSPC;
    }
    return 0;
}

bool gate_lies(fuse_req_t request, struct inode *inode)
{
    const struct fs *fs = fs_of(request);
    const struct ord_disk_slot *slot;
    uint32_t at = 0;

    if (atomic_load(&fs->page->rules) == 0)
        return false;
    slot = next_slot(fs, &at, ORD_DISK_LIE, ORD_DISK_FSYNC, inode);
    return slot != NULL && strikes(&fs->page->slots[at - 1]);
}

bool gate_is_full(const struct fs *fs, uint64_t *room)
{
    bool is_full = false;

    *room = UINT64_MAX;
    for (uint32_t i = 0; i < ORD_DISK_RULES; i++) {
        const struct ord_disk_slot *slot = &fs->page->slots[i];
        uint64_t used = atomic_load(&slot->used);
        uint64_t left = slot->rule.room > used ? slot->rule.room - used : 0;

        if (atomic_load(&slot->fault_id) == 0 ||
            slot->rule.deed != ORD_DISK_FULL)
            continue;
        is_full = true;
        if (left < *room)
            *room = left;
    }
    return is_full;
}
