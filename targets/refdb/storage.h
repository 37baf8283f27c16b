/* storage.h -- what a node keeps on disk: hard state, log, and state.
 *
 * One SQLite file in WAL mode, synchronous=FULL.  Changes gather in one
 * transaction that begins with the first of them; rd_storage_sync() makes it
 * durable (one fsync for all).  Nothing else blocks on the disk, apart from
 * SQLite's checkpoints.  One thread.  Every error is final: the caller ends
 * the process.  Errors: ORD_EFULL, ORD_EIO, ORD_EFORMAT (corrupt, or made by
 * another version), ORD_ENOMEM.
 */
#ifndef RD_STORAGE_H
#define RD_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "targets/refdb/cmd.h"
#include "targets/refdb/core.h"

struct rd_storage;  /* opaque */
struct rd_snapshot; /* a reader of one state as of one log position */

enum rd_read_kind {
    RD_READ_GET,
    RD_READ_SMEMBERS,
    RD_READ_LRANGE,
    RD_READ_LIST_OF_MEMBERS, /* not of the storage: node.h */
};

/* Opens or makes dir/refdb.sqlite.  *log is initialised and becomes the
 * caller's. */
int rd_storage_open(const char *dir, struct rd_storage **storage,
                    struct rd_hard *hard, struct rd_log *log, uint64_t *applied,
                    struct ord_err *err);
/* From here on nothing is made durable: a kill loses nothing, a power cut
 * does. */
int rd_storage_fsync_off(struct rd_storage *storage, struct ord_err *err);
/* Commits what is open.  Safe on NULL. */
void rd_storage_close(struct rd_storage **storage);

int rd_storage_hard(struct rd_storage *storage, const struct rd_hard *hard,
                    struct ord_err *err);
/* The members as of applied; *is_there is false if none were ever kept. */
int rd_storage_load_members(struct rd_storage *storage,
                            struct rd_members *members, bool *is_there,
                            struct ord_err *err);
/* Which of all that ever had its id this node is: what the disk holds, or
 * else `fresh`, which is then kept. */
int rd_storage_identity(struct rd_storage *storage, uint64_t fresh,
                        uint64_t *identity, struct ord_err *err);
/* Keeps them; an applied entry and a snapshot do that by themselves. */
int rd_storage_members(struct rd_storage *storage, struct ord_bytes members,
                       struct ord_err *err);
int rd_storage_append(struct rd_storage *storage, const struct rd_entry *entry,
                      struct ord_err *err);
int rd_storage_truncate(struct rd_storage *storage, uint64_t from,
                        struct ord_err *err);
int rd_storage_trim(struct rd_storage *storage, uint64_t base,
                    uint64_t base_epoch, struct ord_err *err);
/* Changes the state by one entry; an empty one only moves the position. */
int rd_storage_apply(struct rd_storage *storage, const struct rd_entry *entry,
                     struct rd_result *result, struct ord_err *err);
/* Makes all changes so far durable. */
int rd_storage_sync(struct rd_storage *storage, struct ord_err *err);
/* True: there are changes that must be synced before anything is promised. */
bool rd_storage_is_dirty(const struct rd_storage *storage);
/* True: only applied entries, which the log can bring back, are not synced. */
bool rd_storage_is_loose(const struct rd_storage *storage);

/* Appends the value in RESP: a bulk or nil, or an array of bulks. */
int rd_storage_read(struct rd_storage *storage, enum rd_read_kind kind,
                    struct ord_bytes key, struct ord_buf *out,
                    struct ord_err *err);

/* A reader of its own connection: writes go on beside it.  It sees the last
 * synced state; index and epoch tell its position. */
int rd_snapshot_open(const char *dir, struct rd_snapshot **snapshot,
                     uint64_t *index, uint64_t *epoch, struct ord_err *err);
/* Appends about piece_size bytes of rows; *is_last at the end. */
int rd_snapshot_next(struct rd_snapshot *snapshot, size_t piece_size,
                     struct ord_buf *out, bool *is_last, struct ord_err *err);
void rd_snapshot_close(struct rd_snapshot **snapshot);
/* Replaces state and log by the rows of all pieces.  ORD_EFORMAT on bad bytes:
 * then nothing was changed. */
int rd_storage_install(struct rd_storage *storage, struct ord_bytes rows,
                       uint64_t index, uint64_t epoch, struct ord_err *err);

#endif
