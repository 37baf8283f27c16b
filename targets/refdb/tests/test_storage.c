#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/file.h"
#include "targets/refdb/storage.h"

struct store {
    char dir[64];
    struct rd_storage *storage;
    struct rd_hard hard;
    struct rd_log log;
    uint64_t applied;
    struct ord_err err;
};

static void store_open(struct store *store)
{
    cr_assert_eq(rd_storage_open(store->dir, &store->storage, &store->hard,
                                 &store->log, &store->applied, &store->err),
                 ORD_OK, "%s", store->err.text);
}

static void store_close(struct store *store)
{
    rd_log_fini(&store->log);
    rd_storage_close(&store->storage);
}

static void store_make(struct store *store)
{
    *store = (struct store){.dir = "/tmp/refdb-test-XXXXXX"};
    cr_assert_not_null(mkdtemp(store->dir));
    store_open(store);
}

static void store_drop(struct store *store)
{
    store_close(store);
    cr_expect_eq(ord_remove_all(store->dir, &store->err), ORD_OK);
}

static struct rd_result write_cmd(struct store *store, uint64_t index,
                                  enum rd_cmd_kind kind, const char *a,
                                  const char *b, const char *c)
{
    struct rd_cmd cmd = {.kind = kind, .count = c == NULL ? 2 : 3};
    struct rd_entry entry = {.index = index, .epoch = 1};
    struct rd_result result;
    struct ord_buf bytes;

    cmd.arg[0] = ord_bytes_of(a);
    cmd.arg[1] = ord_bytes_of(b);
    if (c != NULL)
        cmd.arg[2] = ord_bytes_of(c);
    ord_buf_init(&bytes, 1000);
    rd_cmd_encode(&bytes, &cmd);
    entry.data = ord_buf_bytes(&bytes);
    cr_assert_eq(rd_storage_append(store->storage, &entry, &store->err),
                 ORD_OK);
    cr_assert_eq(rd_storage_apply(store->storage, &entry, &result, &store->err),
                 ORD_OK);
    ord_buf_fini(&bytes);
    return result;
}

static void expect_read(struct store *store, enum rd_read_kind kind,
                        const char *key, const char *want)
{
    struct ord_buf out;

    ord_buf_init(&out, 10000);
    cr_assert_eq(rd_storage_read(store->storage, kind, ord_bytes_of(key), &out,
                                 &store->err),
                 ORD_OK);
    cr_expect_str_eq(ord_buf_str(&out), want, "%s", key);
    ord_buf_fini(&out);
}

/* One of everything. */
static void fill(struct store *store)
{
    cr_expect_eq(write_cmd(store, 1, RD_CMD_SET, "r", "1", NULL).kind,
                 RD_RESULT_OK);
    cr_expect_eq(write_cmd(store, 2, RD_CMD_CAS, "r", "2", "3").value, 0);
    cr_expect_eq(write_cmd(store, 3, RD_CMD_CAS, "r", "1", "3").value, 1);
    cr_expect_eq(write_cmd(store, 4, RD_CMD_CASNIL, "r", "4", NULL).value, 0);
    cr_expect_eq(write_cmd(store, 5, RD_CMD_CASNIL, "n", "4", NULL).value, 1);
    cr_expect_eq(write_cmd(store, 6, RD_CMD_SADD, "s", "b", NULL).value, 1);
    cr_expect_eq(write_cmd(store, 7, RD_CMD_SADD, "s", "b", NULL).value, 0);
    cr_expect_eq(write_cmd(store, 8, RD_CMD_SADD, "s", "a", NULL).value, 1);
    cr_expect_eq(write_cmd(store, 9, RD_CMD_RPUSH, "l", "y", NULL).value, 1);
    cr_expect_eq(write_cmd(store, 10, RD_CMD_RPUSH, "l", "x", NULL).value, 2);
    cr_expect_eq(write_cmd(store, 11, RD_CMD_INCRBY, "c", "5", NULL).value, 5);
    cr_expect_eq(write_cmd(store, 12, RD_CMD_INCRBY, "c", "-7", NULL).value,
                 -2);
    cr_expect_eq(write_cmd(store, 13, RD_CMD_INCRBY, "c", "x", NULL).kind,
                 RD_RESULT_BAD);
}

static void expect_filled(struct store *store)
{
    expect_read(store, RD_READ_GET, "r", "$1\r\n3\r\n");
    expect_read(store, RD_READ_GET, "n", "$1\r\n4\r\n");
    expect_read(store, RD_READ_GET, "none", "$-1\r\n");
    expect_read(store, RD_READ_GET, "c", "$2\r\n-2\r\n");
    expect_read(store, RD_READ_SMEMBERS, "s", "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
    expect_read(store, RD_READ_LRANGE, "l", "*2\r\n$1\r\ny\r\n$1\r\nx\r\n");
    expect_read(store, RD_READ_LRANGE, "none", "*0\r\n");
}

Test(storage, what_was_synced_is_there_again, .timeout = 20)
{
    struct store store;
    struct rd_hard hard = {.epoch = 4, .vote = 2, .is_led = 1};

    store_make(&store);
    fill(&store);
    cr_expect_eq(rd_storage_hard(store.storage, &hard, &store.err), ORD_OK);
    cr_expect(rd_storage_is_dirty(store.storage));
    cr_expect_eq(rd_storage_sync(store.storage, &store.err), ORD_OK);
    cr_expect_not(rd_storage_is_dirty(store.storage));
    store_close(&store);
    store_open(&store);
    cr_expect_eq(store.hard.epoch, 4);
    cr_expect_eq(store.hard.vote, 2);
    cr_expect_eq(store.hard.is_led, 1);
    cr_expect_eq(store.log.last, 13);
    cr_expect_eq(store.applied, 13);
    expect_filled(&store);
    store_drop(&store);
}

/* kill -9 between two syncs: all of the first is there, nothing of the
 * second. */
Test(storage, a_kill_leaves_the_last_sync, .timeout = 20)
{
    struct store store;
    pid_t child;
    int status;

    store_make(&store);
    store_close(&store);
    child = fork();
    if (child == 0) {
        struct rd_entry entry = {.index = 14, .epoch = 2};
        struct rd_hard hard = {.epoch = 9};

        store_open(&store);
        fill(&store);
        if (rd_storage_sync(store.storage, &store.err) != ORD_OK ||
            rd_storage_append(store.storage, &entry, &store.err) != ORD_OK ||
            rd_storage_hard(store.storage, &hard, &store.err) != ORD_OK)
            _exit(1);
        (void)raise(SIGKILL);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    store_open(&store);
    cr_expect_eq(store.log.last, 13);
    cr_expect_eq(store.hard.epoch, 0);
    expect_filled(&store);
    store_drop(&store);
}

Test(storage, truncated_and_trimmed_logs_reopen, .timeout = 20)
{
    struct store store;

    store_make(&store);
    fill(&store);
    for (uint64_t i = 14; i <= 20; i++) {
        struct rd_entry entry = {.index = i, .epoch = 2};

        cr_assert_eq(rd_storage_append(store.storage, &entry, &store.err),
                     ORD_OK);
    }
    cr_expect_eq(rd_storage_truncate(store.storage, 17, &store.err), ORD_OK);
    cr_expect_eq(rd_storage_trim(store.storage, 10, 1, &store.err), ORD_OK);
    store_close(&store);
    store_open(&store);
    cr_expect_eq(store.log.base, 10);
    cr_expect_eq(store.log.base_epoch, 1);
    cr_expect_eq(store.log.last, 16);
    cr_expect_eq(rd_log_last_epoch(&store.log), 2);
    store_drop(&store);
}

Test(storage, a_snapshot_is_of_one_moment_and_installs, .timeout = 20)
{
    struct store from;
    struct store to;
    struct rd_snapshot *snapshot = NULL;
    struct ord_buf rows;
    uint64_t index;
    uint64_t epoch;
    bool is_last = false;

    store_make(&from);
    store_make(&to);
    fill(&from);
    cr_assert_eq(rd_storage_sync(from.storage, &from.err), ORD_OK);
    cr_assert_eq(
        rd_snapshot_open(from.dir, &snapshot, &index, &epoch, &from.err),
        ORD_OK, "%s", from.err.text);
    (void)write_cmd(&from, 14, RD_CMD_SET, "r", "later", NULL);
    cr_assert_eq(rd_storage_sync(from.storage, &from.err), ORD_OK);
    ord_buf_init(&rows, 10000);
    for (int i = 0; i < 100 && !is_last; i++)
        cr_assert_eq(rd_snapshot_next(snapshot, rows.size + 1, &rows, &is_last,
                                      &from.err),
                     ORD_OK);
    cr_assert(is_last);
    rd_snapshot_close(&snapshot);
    (void)write_cmd(&to, 1, RD_CMD_SET, "stray", "1", NULL);
    cr_expect_eq(rd_storage_install(to.storage,
                                    (struct ord_bytes){rows.at, rows.size - 1},
                                    index, epoch, &to.err),
                 ORD_EFORMAT);
    expect_read(&to, RD_READ_GET, "stray", "$1\r\n1\r\n");
    cr_assert_eq(rd_storage_install(to.storage, ord_buf_bytes(&rows), index,
                                    epoch, &to.err),
                 ORD_OK, "%s", to.err.text);
    store_close(&to);
    store_open(&to);
    cr_expect_eq(index, 13);
    cr_expect_eq(to.applied, 13);
    cr_expect_eq(to.log.last, 13);
    expect_filled(&to);
    expect_read(&to, RD_READ_GET, "stray", "$-1\r\n");
    ord_buf_fini(&rows);
    store_drop(&from);
    store_drop(&to);
}

Test(storage, a_corrupt_file_is_one_clear_error, .timeout = 20)
{
    struct store store;
    char path[128];

    store_make(&store);
    store_close(&store);
    snprintf(path, sizeof path, "%s/refdb.sqlite", store.dir);
    cr_assert_eq(
        ord_file_replace(path, ord_bytes_of("this is no database"), &store.err),
        ORD_OK);
    cr_expect_eq(rd_storage_open(store.dir, &store.storage, &store.hard,
                                 &store.log, &store.applied, &store.err),
                 ORD_EFORMAT, "%s", store.err.text);
    cr_expect_eq(ord_remove_all(store.dir, &store.err), ORD_OK);
}

Test(storage, members_outlive_a_restart_and_travel_with_a_snapshot,
     .timeout = 20)
{
    struct rd_members members = {.voters = 7, .joining = 8, .cluster = 5};
    struct rd_members got;
    struct rd_entry entry = {.index = 1, .epoch = 1};
    struct rd_snapshot *snapshot = NULL;
    struct rd_result result;
    struct store from;
    struct store to;
    struct ord_buf data;
    struct ord_buf rows;
    uint64_t index;
    uint64_t epoch;
    uint64_t identity = 0;
    bool is_there;
    bool is_last = false;

    members.ip[4] = 77;
    members.identity[4] = 99;
    ord_buf_init(&data, 1000);
    ord_buf_init(&rows, 10000);
    rd_members_encode(&data, &members);
    entry.data = ord_buf_bytes(&data);
    store_make(&from);
    store_make(&to);
    cr_expect_eq(
        rd_storage_load_members(from.storage, &got, &is_there, &from.err),
        ORD_OK);
    cr_expect_not(is_there);
    cr_expect_eq(rd_storage_identity(from.storage, 42, &identity, &from.err),
                 ORD_OK);
    cr_expect_eq(identity, 42);
    cr_assert_eq(rd_storage_append(from.storage, &entry, &from.err), ORD_OK);
    cr_assert_eq(rd_storage_apply(from.storage, &entry, &result, &from.err),
                 ORD_OK);
    store_close(&from);
    store_open(&from);
    cr_expect_eq(rd_storage_identity(from.storage, 43, &identity, &from.err),
                 ORD_OK);
    cr_expect_eq(identity, 42, "it is who it was");
    cr_assert_eq(
        rd_snapshot_open(from.dir, &snapshot, &index, &epoch, &from.err),
        ORD_OK);
    cr_assert_eq(rd_snapshot_next(snapshot, 9000, &rows, &is_last, &from.err),
                 ORD_OK);
    rd_snapshot_close(&snapshot);
    cr_assert_eq(rd_storage_install(to.storage, ord_buf_bytes(&rows), index,
                                    epoch, &to.err),
                 ORD_OK);
    cr_expect_eq(rd_storage_load_members(to.storage, &got, &is_there, &to.err),
                 ORD_OK);
    cr_expect(is_there);
    cr_expect_eq(memcmp(&got, &members, sizeof got), 0);
    ord_buf_fini(&data);
    ord_buf_fini(&rows);
    store_drop(&from);
    store_drop(&to);
}
