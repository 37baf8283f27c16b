/* contents.h -- what a directory holds, page by page, to tell what a power cut
 * of a real disk took.  Internal to this module.
 *
 * Reads every file once, about 1 ms per MiB; keeps 8 bytes per 4 KiB.
 */
#ifndef ORD_DISK_CONTENTS_H
#define ORD_DISK_CONTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/disk/disk.h"

struct contents_entry {
    char *path; /* owned; below the directory */
    uint32_t type;
    uint64_t size;
    size_t first; /* of its pages */
};

struct contents {
    struct contents_entry *entries; /* owned; by path */
    size_t count, room;
    uint64_t *pages; /* owned; a hash of each */
    size_t page_count, page_room;
};

/* Of regular files, directories and links in dir, on its file system alone.
 * Free it also after a failure.  ORD_ELIMIT: too much of it, ORD_EIO. */
int contents_read(const char *dir, struct contents *out, struct ord_err *err);
void contents_free(struct contents *contents);

/* What of `before` is not in `after`: loss->writes are pages of 4 KiB that
 * differ, loss->bytes how much is in them. */
void contents_compare(const struct contents *before,
                      const struct contents *after, struct ord_disk_loss *loss);

#endif
