/* store.h -- the directory beneath: its inodes as the daemon holds them, and
 * the changes that are not durable yet.  Internal to this module.
 *
 * One lock guards all of it; every function here wants it held.  An inode is
 * held by descriptor, not by path, so renames do not matter; its number is
 * not used again while we hold it.
 */
#ifndef ORD_DISK_STORE_H
#define ORD_DISK_STORE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "harness/disk/disk.h"

enum { INODE_BUCKETS = 1 << 14 };

struct record; /* undo.c */

/* A list of records that is walked from either end. */
struct record_list {
    struct record *oldest;
    struct record *newest;
};

struct inode {
    struct inode *next; /* in its bucket */
    dev_t dev;
    ino_t number;
    int fd;                     /* O_PATH */
    int data_fd;                /* to read and write with; -1: not open */
    uint64_t lookups;           /* how often the kernel holds it */
    uint32_t opens;             /* by programs */
    uint32_t refs;              /* by records, and by whoever works with it */
    uint32_t trashed;           /* how many of its names are in the trash */
    struct record_list content; /* of its data, size, mode and owner */
    uint32_t name_records;      /* that are about a name of it */
    uint64_t wanted;            /* passes of undo.c that want its names, ... */
    uint64_t walked;            /* ... and all that happened in it */
    uint64_t lost_bytes;
    /* Of rollback.c. */
    bool is_lost; /* counted */
    bool is_resized;
    uint64_t size; /* that it will have */
    struct inode *next_resized;
    enum { SCRATCH_UNKNOWN, SCRATCH_NO, SCRATCH_YES } scratch; /* rollback.c */
};

struct store {
    pthread_mutex_t lock;
    enum ord_disk_model model;
    struct inode root;
    int trash_fd;
    uint64_t trash_count;     /* names the next thing in the trash */
    char below[ORD_PATH_MAX]; /* path, for people */
    struct inode *buckets[INODE_BUCKETS];

    struct record_list all;   /* by time */
    struct record_list names; /* those about names, by time */
    uint64_t record_count;
    uint64_t saved_bytes;
    uint64_t pass; /* of undo.c */
};

/* Takes over both descriptors.  False sets errno. */
bool store_init(struct store *store, enum ord_disk_model model, int below_fd,
                int trash_fd);

/* The inode of a name in dir, with one more ref; NULL sets errno. */
struct inode *store_find(struct store *store, const struct inode *dir,
                         const char *name);
void inode_ref(struct inode *inode);
/* Drops a ref; an inode that nobody holds any more is freed. */
void inode_unref(struct store *store, struct inode *inode);
/* The same for what the kernel holds. */
void inode_forget(struct store *store, struct inode *inode, uint64_t lookups);
/* A descriptor to read and write with; -1 sets errno. */
int inode_data_fd(struct inode *inode);
/* Closes it if nobody needs it. */
void inode_rest(struct inode *inode);
bool inode_stat(const struct inode *inode, struct stat *out);
/* Where it is in the data directory, for people and patterns; "?" if it is
 * nowhere. */
void inode_path(const struct store *store, const struct inode *inode, char *out,
                size_t size);

#endif
