/* disk.h -- a data directory whose disk can lose, refuse, delay and lie, for
 * programs that know nothing of it.
 *
 * A file system in user space (FUSE) lies over the directory.  It writes
 * through: what is in the directory beneath is always what the node sees.
 * Before each change it notes what would undo it, and forgets the note once
 * the change is durable; a power cut undoes, newest first, what was not.  So
 * there is no cache to get wrong, and a node that is merely killed loses
 * nothing, as in life.
 *
 * What is durable, by model:
 * - ORD_DISK_EXT4, the default: fsync and fdatasync of a file, and each write
 *   to one opened with O_SYNC or O_DSYNC, make durable the file's data, size,
 *   mode and owner, and the names it got before (creation, link, rename), with
 *   whatever happened earlier in the directories of these names, and these
 *   directories' own names.  fsync of a directory does that for the directory.
 *   This is what ext4, xfs and btrfs all do in practice, and not more: on ext4
 *   an fsync of any file would also commit every other directory.
 * - ORD_DISK_POSIX, strict: fsync of a file is about its content alone, of a
 *   directory about the names in it alone; a directory whose own name was not
 *   made durable is lost with all that is in it.
 * In both, changes of one directory become durable in their order, a rename is
 * never half done, and neither closing a file, nor renaming over one, nor time
 * makes anything durable.  O_DIRECT alone does not either.  msync makes its
 * pages reach the file, and MS_SYNC is an fsync.
 * Not modelled: sync() and syncfs(), which the kernel does not pass on; times
 * and extended attributes (there are none of these); the reordering of writes
 * among files, but for what `keep` and `torn` do.
 *
 * Notes are bounded (RECORDS_MAX, SAVED_MAX in undo.c): beyond, the oldest
 * become durable, as when a kernel writes back for want of memory.
 *
 * Cost: 20-60 us a call where a kernel's file system takes 1-5 us; fsync does
 * not reach the host's disk.
 *
 * Instead of all this a disk may be the real thing (ORD_DISK_BY_EXT4): an ext4
 * of 4 GiB in a sparse file beside the directory, on a loop device.  Its power
 * cut is a forced shutdown without the journal's end, and the journal's
 * recovery: lost is what the kernel had not yet written back.  It has no rules
 * and no choice of what survives, fsync costs what it costs on the host, and
 * it takes real root.
 */
#ifndef ORD_DISK_DISK_H
#define ORD_DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/file.h"
#include "harness/disk/page.h"

enum ord_disk_model { ORD_DISK_EXT4, ORD_DISK_POSIX };
enum ord_disk_backend { ORD_DISK_BY_FUSE, ORD_DISK_BY_EXT4 };

struct ord_disk {
    char dir[ORD_PATH_MAX]; /* over which it lies */
    enum ord_disk_backend backend;
    int loop_fd; /* BY_EXT4; all that follows is BY_FUSE */
    enum ord_disk_model model;
    struct ord_disk_page *page; /* owned; mapped, shared */
    int below_fd;               /* the directory beneath */
    int trash_fd;  /* beside it: what was unlinked and may come back */
    int fuse_fd;   /* the daemon's alone after ord_disk_close_daemon_side */
    int daemon_fd; /* likewise: its end of the socket */
    int socket;    /* the operator's end: orders out, answers in */
};

#define ORD_DISK_NONE                                                          \
    ((struct ord_disk){.loop_fd = -1,                                          \
                       .below_fd = -1,                                         \
                       .trash_fd = -1,                                         \
                       .fuse_fd = -1,                                          \
                       .daemon_fd = -1,                                        \
                       .socket = -1})

/* Can this process mount such a disk?  ORD_EDENIED says why not. */
int ord_disk_probe(struct ord_err *err);
int ord_disk_probe_ext4(struct ord_err *err);

/* Mounts over dir, which exists, in this mount namespace.  Nobody may look
 * into it before a daemon serves it.  ORD_EDENIED, ORD_EIO. */
int ord_disk_open(struct ord_disk *disk, const char *dir,
                  enum ord_disk_model model, struct ord_err *err);
/* BY_EXT4: the same, without a daemon.  The image stays, as dir.ext4. */
int ord_disk_open_ext4(struct ord_disk *disk, const char *dir,
                       struct ord_err *err);
/* Not in this mount namespace: a real file system lives for as long as any
 * namespace has it mounted, and could not be cut.  BY_FUSE: nothing to do. */
int ord_disk_hide(const struct ord_disk *disk, struct ord_err *err);
/* Unmounts, and removes what it kept beside dir. */
void ord_disk_close(struct ord_disk *disk);

/* The daemon's life, in a process of its own, which must be single-threaded
 * when it begins: serves until it is unmounted, or the other end of the socket
 * is closed.  Returns the exit status. */
int ord_disk_serve(struct ord_disk *disk);
/* In the process that opened it, once the daemon has been forked: from here on
 * the end of the daemon is the end of the mount.  Returns when it serves. */
int ord_disk_await_daemon(struct ord_disk *disk, struct ord_err *err);

/* ---- for the operator ----------------------------------------------------*/

enum ord_disk_torn { ORD_DISK_WHOLE, ORD_DISK_SECTOR, ORD_DISK_BYTE };

struct ord_disk_cut {
    uint32_t keep_ppm; /* share of the changes not made durable that is on the
                          disk all the same: the oldest of them */
    enum ord_disk_torn torn; /* the last write on the disk is there in part */
    uint64_t seed;           /* of where it is cut */
};

struct ord_disk_loss {
    uint64_t changes; /* undone; without those of files that are shared memory
                         by nature (SQLite's *-shm), ... */
    uint64_t scratch; /* ... which are these */
    uint64_t kept;    /* not durable, and on the disk all the same */
    uint64_t writes;  /* of the changes: writes and truncations, ... */
    uint64_t bytes;   /* ... how much they wrote or cut off, */
    uint32_t files;   /* ... in how many files */
    uint64_t names;   /* of the changes: names made, removed, moved */
    uint64_t torn_at; /* offset in the file; 0: nothing was torn */
    char what[400];   /* the files, those that lost most first */
    char torn[128];   /* which file was torn */
};

/* The power goes: every process that uses the disk must be dead.  Takes
 * milliseconds per thousand changes.  ORD_EDIED: the daemon is gone.
 * BY_EXT4: of the cut nothing may be asked for; the loss is what differs, its
 * writes are pages of 4 KiB; takes about 2 ms per MiB of data. */
int ord_disk_power_cut(struct ord_disk *disk, const struct ord_disk_cut *cut,
                       struct ord_disk_loss *loss, struct ord_err *err);
/* All that was written so far is durable, as if it had been long ago. */
int ord_disk_settle(struct ord_disk *disk, struct ord_err *err);
/* Pages that the kernel keeps are read again: for faults of reading. */
int ord_disk_drop_caches(struct ord_disk *disk, struct ord_err *err);

/* In force with the next call of a process.  ORD_ELIMIT: too many rules. */
int ord_disk_rule_set(struct ord_disk *disk, uint32_t fault_id,
                      const struct ord_disk_rule *rule, struct ord_err *err);
/* Idempotent. */
void ord_disk_rule_clear(struct ord_disk *disk, uint32_t fault_id);
void ord_disk_rules_clear(struct ord_disk *disk);
/* The fault's rule with its counts; NULL: it has none. */
const struct ord_disk_slot *ord_disk_rule_find(const struct ord_disk *disk,
                                               uint32_t fault_id);

#endif
