/* order.h -- what the operator and a disk's daemon say to each other: one
 * packet each; both ends are the same program.  Internal to this module.
 */
#ifndef ORD_DISK_ORDER_H
#define ORD_DISK_ORDER_H

#include "harness/disk/disk.h"

enum disk_order_kind { DISK_CUT, DISK_DROP_CACHES, DISK_SETTLE };

struct disk_order {
    enum disk_order_kind kind;
    struct ord_disk_cut cut;
};

struct disk_answer {
    struct ord_disk_loss loss;
};

#endif
