/* undo.h -- notes what would undo a change, forgets it when the change is
 * durable, and undoes.  Internal to this module; the store's lock is held.
 *
 * A change is noted just before it is made (note_content) or just after it
 * was (the others): if the note cannot be taken it is ENOMEM, and the change
 * is not made or counts as durable.
 */
#ifndef ORD_DISK_UNDO_H
#define ORD_DISK_UNDO_H

#include "harness/disk/store.h"

/* About to write `size` bytes at offset, or (size 0) to change the size to
 * `offset`: saves what is overwritten or cut off.  False sets errno. */
bool note_content(struct store *store, struct inode *inode, uint64_t offset,
                  uint64_t size);
/* About to punch, zero or move what is from offset on: saves all of it. */
bool note_range(struct store *store, struct inode *inode, uint64_t offset,
                uint64_t size);
/* About to change mode or owner. */
bool note_attributes(struct store *store, struct inode *inode);
/* A name in dir has come into being. */
void note_born(struct store *store, struct inode *dir, const char *name,
               struct inode *inode);
/* Removes a name, into the trash; 0 or an errno. */
int take_name(struct store *store, struct inode *dir, const char *name,
              struct inode *inode);
/* rename(2) with flags 0, RENAME_NOREPLACE or RENAME_EXCHANGE; 0 or an errno.
 */
struct name_move {
    struct inode *from_dir;
    const char *from;
    struct inode *to_dir;
    const char *to;
    unsigned flags;
};
int move_name(struct store *store, const struct name_move *move);

/* fsync of a file or a directory. */
void make_durable(struct store *store, struct inode *inode, bool is_dir);

/* Undoes what is not durable, but for `keep_ppm` of it; afterwards everything
 * that is there is durable. */
void undo_all(struct store *store, const struct ord_disk_cut *cut,
              struct ord_disk_loss *loss);
/* Forgets all records: everything is durable. */
void undo_forget(struct store *store);

#endif
