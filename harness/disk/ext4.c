#include "harness/disk/ext4.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/loop.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/disk/contents.h"

enum { LOOP_MAJOR = 7, TRIES = 100 };

static const off_t image_size = (off_t)4 << 30; /* sparse */
static const int64_t gone_timeout_ns = 10 * ORD_S;

/* From the kernel's fs/ext4/ext4.h, which is not installed. */
static const unsigned long shutdown_request = _IOR('X', 125, uint32_t);
static const uint32_t shutdown_no_log_flush = 2;

/* ---- whether at all ------------------------------------------------------ */

static const char *find_mkfs(void)
{
    static const char *const places[] = {
        "/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4", "/usr/local/sbin/mkfs.ext4",
        "/usr/bin/mkfs.ext4", "/bin/mkfs.ext4"};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

/* Root of the machine, and allowed to mount: a user namespace's root may
 * mount FUSE, but no file system that lies on a device. */
static bool is_real_root(void)
{
    struct __user_cap_header_struct header = {.version =
                                                  _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    unsigned inside = 1, outside = 1, count = 0;
    FILE *map = fopen("/proc/self/uid_map", "re");
    char line[80] = "";

    if (map != NULL) {
        if (fgets(line, sizeof line, map) == NULL ||
            sscanf(line, "%u %u %u", &inside, &outside, &count) != 3)
            count = 0;
        (void)fclose(map);
    }
    return geteuid() == 0 && inside == 0 && outside == 0 &&
           count == UINT32_MAX && syscall(SYS_capget, &header, data) == 0 &&
           (data[0].effective & 1U << CAP_SYS_ADMIN) != 0;
}

int ord_disk_probe_ext4(struct ord_err *err)
{
    int control;

    if (!is_real_root())
        return ord_fail(err, ORD_EDENIED,
                        "disk: backend ext4 needs root (with CAP_SYS_ADMIN, "
                        "and not that of a user namespace); run as root, or "
                        "take backend fuse");
    if (find_mkfs() == NULL)
        return ord_fail(err, ORD_EDENIED,
                        "disk: backend ext4 needs mkfs.ext4, which is not in "
                        "/usr/sbin or /sbin; install e2fsprogs, or take "
                        "backend fuse");
    control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return ord_fail(err, ORD_EDENIED,
                        "disk: backend ext4 needs /dev/loop-control (%s); load "
                        "the kernel's loop module, or take backend fuse",
                        strerror(errno));
    (void)close(control);
    return ORD_OK;
}

/* ---- making one ---------------------------------------------------------- */

static int make_fs(const char *image, struct ord_err *err)
{
    char *const argv[] = {(char[]){"mkfs.ext4"},
                          (char[]){"-q"},
                          (char[]){"-F"},
                          (char[]){"-m"},
                          (char[]){"0"},
                          (char[]){"-E"},
                          (char[]){"lazy_itable_init=1,nodiscard"},
                          (char[]){"-J"},
                          (char[]){"size=4"},
                          (char *)(uintptr_t)image,
                          NULL};
    const char *program = find_mkfs();
    posix_spawn_file_actions_t actions;
    int status = -1;
    int rc;
    pid_t pid;

    if (program == NULL)
        return ord_fail(err, ORD_EDENIED, "disk: there is no mkfs.ext4");
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ord_fail(err, ORD_ENOMEM, "disk: no memory");
    rc =
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (rc == 0)
        rc = posix_spawn(&pid, program, &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        errno = rc;
        return ord_fail_errno(err, "disk: start %s", program);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0
               ? ORD_OK
               : ord_fail(err, ORD_EIO, "disk: %s failed (wait status %d)",
                          program, status);
}

/* Where /dev is not the kernel's own, a fresh number may have no node there:
 * it gets one beside the data, for as long as it takes to open it. */
static int open_loop(long number, const char *dir)
{
    char path[ORD_PATH_MAX + 8];
    int fd;

    (void)snprintf(path, sizeof path, "/dev/loop%ld", number);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    (void)snprintf(path, sizeof path, "%s.loop", dir);
    (void)unlink(path);
    if (mknod(path, S_IFBLK | 0600, makedev(LOOP_MAJOR, (unsigned)number)) != 0)
        return -1;
    fd = open(path, O_RDWR | O_CLOEXEC);
    (void)unlink(path);
    return fd;
}

/* The kernel detaches it when nobody has it open or mounted any more, however
 * we end. */
static int attach(struct ord_disk *disk, int image, struct ord_err *err)
{
    const struct loop_config config = {
        .fd = (uint32_t)image,
        .info.lo_flags = LO_FLAGS_AUTOCLEAR,
    };
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int rc = ORD_OK;
    int kept;

    if (control < 0)
        return ord_fail_errno(err, "disk: open /dev/loop-control");
    for (uint32_t i = 0; i < TRIES; i++) {
        long number = ioctl(control, LOOP_CTL_GET_FREE);
        int fd = number >= 0 ? open_loop(number, disk->dir) : -1;

        rc = ORD_OK;
        if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
            disk->loop_fd = fd;
            break;
        }
        kept = errno;
        rc = ord_fail_errno(err, "disk: attach a loop device");
        if (fd >= 0)
            (void)close(fd);
        if (kept != EBUSY)
            break; /* else somebody else was faster */
    }
    (void)close(control);
    return rc;
}

static int mount_it(const struct ord_disk *disk, struct ord_err *err)
{
    char device[40];

    (void)snprintf(device, sizeof device, "/proc/self/fd/%d", disk->loop_fd);
    if (mount(device, disk->dir, "ext4", MS_NOSUID | MS_NODEV,
              "noinit_itable") == 0)
        return ORD_OK;
    return ord_fail_errno(err, "disk: mount ext4 over %s", disk->dir);
}

static int make_image(const char *dir, int *out, struct ord_err *err)
{
    char path[ORD_PATH_MAX + 8];

    (void)snprintf(path, sizeof path, "%s.ext4", dir);
    *out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (*out < 0 || ftruncate(*out, image_size) != 0)
        return ord_fail_errno(err, "disk: make %s", path);
    return make_fs(path, err);
}

int ord_disk_open_ext4(struct ord_disk *disk, const char *dir,
                       struct ord_err *err)
{
    char path[ORD_PATH_MAX + 16];
    int image = -1;
    int rc;

    *disk = ORD_DISK_NONE;
    disk->backend = ORD_DISK_BY_EXT4;
    if (snprintf(disk->dir, sizeof disk->dir, "%s", dir) >=
        (int)sizeof disk->dir)
        return ord_fail(err, ORD_ELIMIT, "disk: path too long");
    rc = make_image(dir, &image, err);
    if (rc == ORD_OK)
        rc = attach(disk, image, err);
    if (rc == ORD_OK)
        rc = mount_it(disk, err);
    if (image >= 0)
        (void)close(image);
    if (rc != ORD_OK) {
        disk->dir[0] = '\0'; /* nothing of ours is mounted there */
        ord_disk_close(disk);
        return rc;
    }
    /* Some programs refuse a data directory that is not empty. */
    (void)snprintf(path, sizeof path, "%s/lost+found", dir);
    (void)rmdir(path);
    return ext4_settle(disk, err);
}

int ord_disk_hide(const struct ord_disk *disk, struct ord_err *err)
{
    if (disk->backend != ORD_DISK_BY_EXT4 || disk->dir[0] == '\0')
        return ORD_OK;
    return umount2(disk->dir, MNT_DETACH) == 0
               ? ORD_OK
               : ord_fail_errno(err, "disk: hide %s", disk->dir);
}

/* ---- orders -------------------------------------------------------------- */

int ext4_settle(const struct ord_disk *disk, struct ord_err *err)
{
    int fd = open(disk->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = ORD_OK;

    if (fd < 0 || syncfs(fd) != 0)
        rc = ord_fail_errno(err, "disk: sync %s", disk->dir);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int shut_down(const struct ord_disk *disk, struct ord_err *err)
{
    uint32_t how = shutdown_no_log_flush;
    int fd = open(disk->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = ORD_OK;

    if (fd < 0 || ioctl(fd, shutdown_request, &how) != 0)
        rc = ord_fail_errno(err, "disk: shut down the ext4 of %s", disk->dir);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* The mounted file system has the device for itself alone, until the last
 * namespace that knows it is gone: a dead node's is within milliseconds. */
static bool is_released(const struct ord_disk *disk)
{
    char device[40];
    int fd;

    (void)snprintf(device, sizeof device, "/proc/self/fd/%d", disk->loop_fd);
    fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

static int unmount(const struct ord_disk *disk, struct ord_err *err)
{
    int64_t deadline_ns = ord_now_ns() + gone_timeout_ns;
    bool is_mounted = true;

    for (;;) {
        if (is_mounted && umount2(disk->dir, 0) == 0)
            is_mounted = false;
        else if (is_mounted && errno != EBUSY)
            break;
        if (!is_mounted && is_released(disk))
            return ORD_OK;
        if (ord_now_ns() >= deadline_ns)
            break;
        (void)poll(NULL, 0, 2);
    }
    return ord_fail_errno(err, "disk: unmount %s", disk->dir);
}

int ext4_power_cut(struct ord_disk *disk, struct ord_disk_loss *loss,
                   struct ord_err *err)
{
    struct contents before = {0};
    struct contents after = {0};
    int rc = contents_read(disk->dir, &before, err);

    if (rc == ORD_OK)
        rc = shut_down(disk, err);
    if (rc == ORD_OK)
        rc = unmount(disk, err);
    if (rc == ORD_OK)
        rc = mount_it(disk, err);
    if (rc == ORD_OK)
        rc = contents_read(disk->dir, &after, err);
    if (rc == ORD_OK)
        contents_compare(&before, &after, loss);
    contents_free(&before);
    contents_free(&after);
    return rc;
}
