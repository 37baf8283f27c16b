/* disk.h -- what a cell's disk faults want to lie under the nodes before they
 * start.
 */
#ifndef ORD_NEMESIS_DISK_H
#define ORD_NEMESIS_DISK_H

#include "harness/disk/disk.h"
#include "nemesis/nemesis.h"

struct ord_disk_wish {
    bool has_disks; /* only cells that need one pay for it */
    enum ord_disk_model model;
    enum ord_disk_backend backend;
};

/* ORD_EUSAGE if two entries of a cell want different things; *bad_entry (may
 * be NULL) is the index of the second.  The entries have been checked. */
int ord_disk_wish(const struct ord_nemesis_entry *entries, uint32_t count,
                  struct ord_disk_wish *out, uint32_t *bad_entry,
                  struct ord_err *err);

#endif
