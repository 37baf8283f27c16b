/* ext4.h -- a disk that is a real ext4, in a file, on a loop device, whose
 * power cut is the kernel's own: a forced shutdown that does not write the
 * journal, and the journal's recovery by the next mount.  Internal to this
 * module; disk.h is the way in.
 */
#ifndef ORD_DISK_EXT4_H
#define ORD_DISK_EXT4_H

#include "harness/base/err.h"
#include "harness/disk/disk.h"

int ext4_power_cut(struct ord_disk *disk, struct ord_disk_loss *loss,
                   struct ord_err *err);
int ext4_settle(const struct ord_disk *disk, struct ord_err *err);

#endif
