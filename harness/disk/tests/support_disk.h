/* support_disk.h -- a directory with a disk over it, for a test's body.
 *
 * The body runs in a process with mounts of its own, so it judges with CHECK
 * and returns 0 if all is well.
 */
#ifndef ORD_DISK_TESTS_SUPPORT_DISK_H
#define ORD_DISK_TESTS_SUPPORT_DISK_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "harness/disk/disk.h"

/* Ends the body, and says where and what. */
#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,           \
                          #condition);                                         \
            return 1;                                                          \
        }                                                                      \
    } while (0)

struct rig {
    struct ord_disk disk;
    pid_t daemon;
    char dir[64];
    struct ord_err err;
};

/* True if this machine lets us do it; else prints why not. */
bool rig_is_possible(void);
/* Runs body(rig, arg); its return value. */
int rig_run(enum ord_disk_model model, int (*body)(struct rig *, void *),
            void *arg);

/* Carries out `script`: commands separated by "; ".  False says which failed.
 *   w FILE OFFSET TEXT   write (created if it is not there)
 *   d FILE OFFSET TEXT   the same, opened with O_DSYNC
 *   p FILE OFFSET TEXT   write through a shared mapping, msync(MS_ASYNC)
 *   P FILE OFFSET TEXT   the same with MS_SYNC
 *   t FILE SIZE          truncate        a FILE OFFSET SIZE  fallocate
 *   h FILE OFFSET SIZE   punch a hole    c FILE MODE         chmod
 *   s FILE  S DIR        fsync           r A B  x A B        rename, exchange
 *   u FILE  R DIR        unlink, rmdir   m DIR  l A B  y A B mkdir, link,
 *                                                            symlink
 *   D                    all so far is durable
 *   K PERCENT            power cut, of which so much survives
 *   B SEED               power cut, torn at a byte; C SEED: at a sector */
bool rig_do(struct rig *rig, const char *script, struct ord_disk_loss *loss);
/* All there is, sorted: "a=text d/ d/b=text l->a"; bytes 0 as ".", a run of
 * 32 bytes or more as "<size>". */
bool rig_list(const struct rig *rig, const char *root, char *out, size_t size);

#endif
