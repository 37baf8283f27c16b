/* fs.h -- the daemon's side: FUSE calls become calls on the directory
 * beneath, with notes of how to undo them.  Internal to this module.
 */
#ifndef ORD_DISK_FS_H
#define ORD_DISK_FS_H

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>

#include "harness/disk/store.h"

struct fs {
    struct store store;
    struct ord_disk_page *page; /* borrowed */
    struct fuse_session *session;
};

static inline struct fs *fs_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static inline struct inode *inode_of(struct fs *fs, fuse_ino_t number)
{
    return number == FUSE_ROOT_ID ? &fs->store.root
                                  : (struct inode *)(uintptr_t)number;
}

/* Names and attributes (fs.c), what is in files (fs_data.c). */
void fs_add_names(struct fuse_lowlevel_ops *ops);
void fs_add_data(struct fuse_lowlevel_ops *ops);

/* gate.c: waits and fails as the rules in force say; 0 or an errno. */
struct gate {
    struct inode *inode;
    enum ord_disk_op op;
    uint64_t growth; /* bytes that it needs more */
};
int gate_pass(fuse_req_t request, const struct gate *gate);
/* Is this fsync to do nothing? */
bool gate_lies(fuse_req_t request, struct inode *inode);
/* Does a rule say that the disk is full, and how much is left? */
bool gate_is_full(const struct fs *fs, uint64_t *room);

/* After a power cut what the kernel keeps of files is not true any more; takes
 * the lock itself. */
void fs_drop_caches(struct fs *fs);

#endif
