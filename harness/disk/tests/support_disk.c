/* support_disk.c -- see support_disk.h. */
#include "support_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/buf.h"

enum { COMMANDS_MAX = 200, NAMES_MAX = 100 };

bool rig_is_possible(void)
{
    struct ord_err err;

    if (ord_disk_probe(&err) == ORD_OK)
        return true;
    (void)fprintf(stderr, "skipped: %s\n", err.text);
    return false;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static bool enter_mounts(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char map[64];

    if (unshare(CLONE_NEWNS | (uid != 0 ? CLONE_NEWUSER : 0)) != 0)
        return false;
    if (uid != 0) {
        (void)write_file("/proc/self/setgroups", "deny");
        (void)snprintf(map, sizeof map, "0 %u 1", uid);
        (void)write_file("/proc/self/uid_map", map);
        (void)snprintf(map, sizeof map, "0 %u 1", gid);
        (void)write_file("/proc/self/gid_map", map);
    }
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int start(struct rig *rig, enum ord_disk_model model)
{
    if (ord_disk_open(&rig->disk, rig->dir, model, &rig->err) != ORD_OK)
        return -1;
    rig->daemon = fork();
    if (rig->daemon == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(rig->disk.socket);
        _exit(ord_disk_serve(&rig->disk));
    }
    return ord_disk_await_daemon(&rig->disk, &rig->err);
}

static int live(struct rig *rig, enum ord_disk_model model,
                int (*body)(struct rig *, void *), void *arg)
{
    int result = 1;

    if (!enter_mounts())
        (void)fprintf(stderr, "no mount namespace: %s\n", strerror(errno));
    else if (start(rig, model) != ORD_OK)
        (void)fprintf(stderr, "%s\n", rig->err.text);
    else
        result = body(rig, arg);
    ord_disk_close(&rig->disk);
    if (rig->daemon > 0) {
        (void)kill(rig->daemon, SIGKILL);
        (void)waitpid(rig->daemon, NULL, 0);
    }
    return result;
}

int rig_run(enum ord_disk_model model, int (*body)(struct rig *, void *),
            void *arg)
{
    struct rig rig = {.disk = ORD_DISK_NONE};
    struct ord_err ignored;
    int status = 0;
    pid_t pid;

    (void)snprintf(rig.dir, sizeof rig.dir, "/tmp/ordeal-disk-XXXXXX");
    if (mkdtemp(rig.dir) == NULL)
        return 1;
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(live(&rig, model, body, arg));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    (void)ord_remove_all(rig.dir, &ignored);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* ---- scripts ------------------------------------------------------------- */

struct words {
    char verb;
    char a[64];
    char b[64];
    char c[64];
};

static bool put(int dir, const struct words *w, int flags)
{
    int fd = openat(dir, w->a, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
    off_t at = (off_t)strtol(w->b, NULL, 10);
    bool ok =
        fd >= 0 && pwrite(fd, w->c, strlen(w->c), at) == (ssize_t)strlen(w->c);

    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static bool put_mapped(int dir, const struct words *w, int how)
{
    int fd = openat(dir, w->a, O_RDWR | O_CLOEXEC);
    size_t at = (size_t)strtol(w->b, NULL, 10);
    char *map =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    bool ok = map != MAP_FAILED;

    if (ok) {
        memcpy(map + at, w->c, strlen(w->c));
        ok = msync(map, 4096, how) == 0;
        (void)munmap(map, 4096);
    }
    if (fd >= 0)
        (void)close(fd);
    return ok;
}

static bool on_file(int dir, const struct words *w)
{
    int fd =
        openat(dir, w->a, w->verb == 'S' || w->verb == 's' ? O_RDONLY : O_RDWR);
    off_t x = (off_t)strtol(w->b, NULL, 10);
    off_t y = (off_t)strtol(w->c, NULL, 10);
    bool ok = false;

    if (fd < 0)
        return false;
    if (w->verb == 's' || w->verb == 'S')
        ok = fsync(fd) == 0;
    else if (w->verb == 't')
        ok = ftruncate(fd, x) == 0;
    else if (w->verb == 'a')
        ok = fallocate(fd, 0, x, y) == 0;
    else if (w->verb == 'h')
        ok = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, x, y) ==
             0;
    (void)close(fd);
    return ok;
}

static bool cut(struct rig *rig, const struct words *w,
                struct ord_disk_loss *loss)
{
    struct ord_disk_cut how = {.keep_ppm = 0};

    if (w->verb == 'D')
        how.keep_ppm = 1000000;
    else if (w->verb == 'K')
        how.keep_ppm = (uint32_t)strtoul(w->a, NULL, 10) * 10000;
    else
        how.seed = strtoul(w->a, NULL, 10);
    if (w->verb == 'B')
        how.torn = ORD_DISK_BYTE;
    if (w->verb == 'C')
        how.torn = ORD_DISK_SECTOR;
    return ord_disk_power_cut(&rig->disk, &how, loss, &rig->err) == ORD_OK;
}

static bool one(struct rig *rig, int dir, const struct words *w,
                struct ord_disk_loss *loss)
{
    switch (w->verb) {
    case 'w':
        return put(dir, w, 0);
    case 'd':
        return put(dir, w, O_DSYNC);
    case 'p':
        return put_mapped(dir, w, MS_ASYNC);
    case 'P':
        return put_mapped(dir, w, MS_SYNC);
    case 'c':
        return fchmodat(dir, w->a, (mode_t)strtol(w->b, NULL, 8), 0) == 0;
    case 'r':
        return renameat(dir, w->a, dir, w->b) == 0;
    case 'x':
        return renameat2(dir, w->a, dir, w->b, RENAME_EXCHANGE) == 0;
    case 'u':
        return unlinkat(dir, w->a, 0) == 0;
    case 'R':
        return unlinkat(dir, w->a, AT_REMOVEDIR) == 0;
    case 'm':
        return mkdirat(dir, w->a, 0755) == 0;
    case 'l':
        return linkat(dir, w->a, dir, w->b, 0) == 0;
    case 'y':
        return symlinkat(w->a, dir, w->b) == 0;
    case 'D':
    case 'K':
    case 'B':
    case 'C':
        return cut(rig, w, loss);
    default:
        return on_file(dir, w);
    }
}

bool rig_do(struct rig *rig, const char *script, struct ord_disk_loss *loss)
{
    int dir = open(rig->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = dir >= 0;

    for (uint32_t i = 0; ok && *script != '\0' && i < COMMANDS_MAX; i++) {
        struct words w = {.verb = 0};
        char text[200];
        size_t size = strcspn(script, ";");

        (void)snprintf(text, sizeof text, "%.*s", (int)size, script);
        (void)sscanf(text, " %c %63s %63s %63s", &w.verb, w.a, w.b, w.c);
        ok = one(rig, dir, &w, loss);
        if (!ok)
            (void)fprintf(stderr, "%s: %s\n", text, strerror(errno));
        script += size + (script[size] == ';');
    }
    if (dir >= 0)
        (void)close(dir);
    return ok;
}

/* ---- listing ------------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void list_file(int fd, struct ord_buf *out)
{
    char text[64];
    struct stat stat;
    ssize_t got = read(fd, text, sizeof text);

    (void)fstat(fd, &stat);
    if (got >= 32) {
        ord_buf_printf(out, "=<%lld>", (long long)stat.st_size);
        return;
    }
    ord_buf_char(out, '=');
    for (ssize_t i = 0; i < got; i++)
        ord_buf_char(out, text[i] == '\0' ? '.' : text[i]);
    if ((stat.st_mode & 0777) != 0644)
        ord_buf_printf(out, "(%o)", stat.st_mode & 0777U);
}

static void list_dir(const char *root, const char *below, struct ord_buf *out,
                     uint32_t depth)
{
    struct dirent **entries;
    char path[512];
    int count;

    (void)snprintf(path, sizeof path, "%s/%s", root, below);
    count = scandir(path, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char inner[256];
        char text[64] = "";
        int fd;

        (void)snprintf(inner, sizeof inner, "%s%s", below, name);
        (void)snprintf(path, sizeof path, "%s/%s", root, inner);
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            free(entries[i]);
            continue;
        }
        ord_buf_printf(out, "%s%s", out->size > 0 ? " " : "", inner);
        fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (entries[i]->d_type == DT_DIR) {
            ord_buf_char(out, '/');
            (void)snprintf(inner, sizeof inner, "%s%s/", below, name);
            if (depth < 8)
                list_dir(root, inner, out, depth + 1);
        } else if (entries[i]->d_type == DT_LNK) {
            (void)!readlink(path, text, sizeof text - 1);
            ord_buf_printf(out, "->%s", text);
        } else if (fd >= 0) {
            list_file(fd, out);
        }
        if (fd >= 0)
            (void)close(fd);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

bool rig_list(const struct rig *rig, const char *root, char *out, size_t size)
{
    struct ord_buf text;

    (void)rig;
    ord_buf_init(&text, size - 1);
    list_dir(root, "", &text, 0);
    (void)snprintf(out, size, "%s", ord_buf_str(&text));
    ord_buf_fini(&text);
    return true;
}
