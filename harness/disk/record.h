/* record.h -- one change that is not durable yet; for undo*.c only. */
#ifndef ORD_DISK_RECORD_H
#define ORD_DISK_RECORD_H

#include "harness/disk/store.h"

enum { RECORDS_MAX = 1 << 18, SAVED_MAX = 256 << 20, TRASH_NAME_SIZE = 24 };

enum record_kind {
    RECORD_CONTENT,    /* bytes or size */
    RECORD_ATTRIBUTES, /* mode, owner */
    RECORD_BORN,       /* a name came into being */
    RECORD_GONE,       /* a name was removed */
    RECORD_MOVED,      /* a name was moved, maybe over another */
};

struct name { /* an entry of a directory; ref held */
    struct inode *dir;
    char *text; /* owned */
};

struct record {
    struct record *older, *newer;         /* of all */
    struct record *older_kin, *newer_kin; /* of the inode's content, or of all
                                             names */
    enum record_kind kind;
    struct inode *inode; /* ref held */
    /* CONTENT */
    uint64_t offset;
    uint64_t size;     /* how much was written or cut off */
    uint64_t old_size; /* of the file */
    uint64_t saved_size;
    void *saved; /* what was at offset; owned */
    bool is_write;
    /* ATTRIBUTES */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    /* BORN, GONE: at; MOVED: from -> at, over victim */
    struct name at;
    struct name from;
    struct inode *victim;  /* ref held; NULL: nothing was there */
    uint64_t trash_number; /* of what was removed; 0: nothing */
    bool is_exchange;
};

/* Appends; may make the oldest durable to stay within the limits. */
void record_add(struct store *store, struct record *record);
/* Takes it out of all lists and frees it, its refs and names. */
void record_free(struct store *store, struct record *record);
/* Its change is durable: what it kept in the trash goes, too. */
void record_settle(struct store *store, struct record *record);
/* A new one with its refs; NULL: no memory. */
struct record *record_new(enum record_kind kind, struct inode *inode);
bool record_name(struct name *name, struct inode *dir, const char *text);

static inline bool record_is_about_names(const struct record *record)
{
    return record->kind >= RECORD_BORN;
}

void trash_name(uint64_t number, char out[TRASH_NAME_SIZE]);

#endif
