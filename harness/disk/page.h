/* page.h -- the memory that a disk's daemon and the operator share: which
 * faults are in force, and what each has done.
 *
 * A rule is written by the operator, then switched on by its number; the
 * daemon reads it at every call and counts.  Rules stay out of each other's
 * way, so faults may overlap.
 */
#ifndef ORD_DISK_PAGE_H
#define ORD_DISK_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

enum { ORD_DISK_RULES = 16, ORD_DISK_GLOB_SIZE = 64 };

enum ord_disk_op {
    ORD_DISK_READ,
    ORD_DISK_WRITE, /* also fallocate */
    ORD_DISK_FSYNC, /* also fdatasync, and of directories */
    ORD_DISK_OPS,
};

enum ord_disk_deed {
    ORD_DISK_EIO,  /* the call fails with EIO and changes nothing */
    ORD_DISK_SLOW, /* the call begins `delay` later */
    ORD_DISK_FULL, /* what needs more than `room` more bytes gets ENOSPC */
    ORD_DISK_LIE,  /* fsync answers that all is well and does nothing */
};

struct ord_disk_rule {
    uint32_t deed; /* enum ord_disk_deed */
    uint32_t ops;  /* bit 1 << enum ord_disk_op */
    uint32_t ppm;  /* EIO, SLOW, LIE: how many calls of a million */
    int64_t delay_ns;
    uint64_t room; /* bytes still free */
    uint64_t seed;
    char files[ORD_DISK_GLOB_SIZE]; /* paths in the data directory, "": all */
};

struct ord_disk_slot {
    _Atomic uint32_t fault_id; /* 0: nobody's */
    struct ord_disk_rule rule;
    _Atomic uint64_t calls;  /* that the rule is about */
    _Atomic uint64_t struck; /* of these */
    _Atomic uint64_t waited_ns;
    _Atomic uint64_t used; /* FULL: of its room */
};

struct ord_disk_page {
    _Atomic uint32_t rules; /* how many are in force */
    struct ord_disk_slot slots[ORD_DISK_RULES];
};

#endif
