/* log.h -- the replicated log of one node, in memory.
 *
 * Entries base+1 .. last, each with the epoch it was written in.  Entries up
 * to base were applied and dropped; base_epoch is the epoch of entry base.
 * Two growing buffers, no allocation per entry.  Append and lookup are O(1),
 * trimming is O(what stays).  Not durable: storage.h keeps the same on disk.
 */
#ifndef RD_LOG_H
#define RD_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/buf.h"

enum { RD_ENTRY_SIZE_MAX = 1 << 20 }; /* bytes of one command */

struct rd_entry {
    uint64_t index;
    uint64_t epoch;
    struct ord_bytes data; /* lent until the log changes; empty: a no-op */
};

struct rd_log {
    uint64_t base;
    uint64_t base_epoch;
    uint64_t last;
    struct ord_buf slots; /* owned: epoch, end of data, one per entry */
    struct ord_buf data;  /* owned */
};

void rd_log_init(struct rd_log *log, uint64_t base, uint64_t base_epoch);
void rd_log_fini(struct rd_log *log);
/* False when a limit or memory is reached; the log is then unchanged. */
bool rd_log_append(struct rd_log *log, uint64_t epoch, struct ord_bytes data);
/* base < index <= last. */
struct rd_entry rd_log_at(const struct rd_log *log, uint64_t index);
/* base <= index <= last. */
uint64_t rd_log_epoch(const struct rd_log *log, uint64_t index);
uint64_t rd_log_last_epoch(const struct rd_log *log);
/* The first index > base of the run of equal epochs that holds index. */
uint64_t rd_log_run_start(const struct rd_log *log, uint64_t index);
/* Drops from .. last; base < from. */
void rd_log_truncate(struct rd_log *log, uint64_t from);
/* Drops everything up to base; old base <= base <= last. */
void rd_log_trim(struct rd_log *log, uint64_t base);
/* Forgets all: the next entry is base + 1. */
void rd_log_reset(struct rd_log *log, uint64_t base, uint64_t base_epoch);

#endif
