#include "harness/disk/record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void trash_name(uint64_t number, char out[TRASH_NAME_SIZE])
{
    (void)snprintf(out, TRASH_NAME_SIZE, "%llu", (unsigned long long)number);
}

struct record *record_new(enum record_kind kind, struct inode *inode)
{
    struct record *record = calloc(1, sizeof *record);

    if (record == NULL)
        return NULL;
    record->kind = kind;
    record->inode = inode;
    inode_ref(inode);
    return record;
}

bool record_name(struct name *name, struct inode *dir, const char *text)
{
    name->text = strdup(text);
    if (name->text == NULL)
        return false;
    name->dir = dir;
    inode_ref(dir);
    return true;
}

static struct record_list *kin_of(struct store *store,
                                  const struct record *record)
{
    return record_is_about_names(record) ? &store->names
                                         : &record->inode->content;
}

void record_add(struct store *store, struct record *record)
{
    struct record_list *kin = kin_of(store, record);

    record->older = store->all.newest;
    if (record->older != NULL)
        record->older->newer = record;
    else
        store->all.oldest = record;
    store->all.newest = record;
    record->older_kin = kin->newest;
    if (record->older_kin != NULL)
        record->older_kin->newer_kin = record;
    else
        kin->oldest = record;
    kin->newest = record;
    store->record_count++;
    store->saved_bytes += record->saved_size;
    record->inode->name_records += record_is_about_names(record);
    while (store->record_count > RECORDS_MAX ||
           (store->saved_bytes > SAVED_MAX && store->record_count > 1))
        record_settle(store, store->all.oldest);
}

static void take_out(struct store *store, struct record *record)
{
    struct record_list *kin = kin_of(store, record);

    if (record->older != NULL)
        record->older->newer = record->newer;
    else
        store->all.oldest = record->newer;
    if (record->newer != NULL)
        record->newer->older = record->older;
    else
        store->all.newest = record->older;
    if (record->older_kin != NULL)
        record->older_kin->newer_kin = record->newer_kin;
    else
        kin->oldest = record->newer_kin;
    if (record->newer_kin != NULL)
        record->newer_kin->older_kin = record->older_kin;
    else
        kin->newest = record->older_kin;
    store->record_count--;
    store->saved_bytes -= record->saved_size;
    record->inode->name_records -= record_is_about_names(record);
}

static void drop_name(struct store *store, struct name *name)
{
    free(name->text);
    if (name->dir != NULL)
        inode_unref(store, name->dir);
}

void record_free(struct store *store, struct record *record)
{
    bool is_listed = record->older != NULL || record->newer != NULL ||
                     store->all.oldest == record;

    if (is_listed)
        take_out(store, record);
    drop_name(store, &record->at);
    drop_name(store, &record->from);
    if (record->victim != NULL)
        inode_unref(store, record->victim);
    inode_rest(record->inode);
    inode_unref(store, record->inode);
    free(record->saved);
    free(record);
}

/* Nobody will want it back: what was noted about its content is moot. */
static void bury(struct store *store, struct inode *inode, uint64_t number)
{
    char name[TRASH_NAME_SIZE];
    struct stat stat;

    trash_name(number, name);
    if (inode->trashed > 0)
        inode->trashed--;
    if (unlinkat(store->trash_fd, name, 0) != 0)
        (void)unlinkat(store->trash_fd, name, AT_REMOVEDIR);
    if (fstat(inode->fd, &stat) != 0 || stat.st_nlink > 0)
        return;
    while (inode->content.oldest != NULL)
        record_free(store, inode->content.oldest);
}

void record_settle(struct store *store, struct record *record)
{
    struct inode *gone =
        record->kind == RECORD_GONE ? record->inode : record->victim;

    if (record->trash_number != 0) {
        inode_ref(gone);
        bury(store, gone, record->trash_number);
        inode_unref(store, gone);
    }
    record_free(store, record);
}
