/* test_open.c -- clusters of all sizes, what they refuse, what they record. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "harness/base/file.h"
#include "support_trial.h"

enum { PORT = 7300 };

static int ends_meet(struct trial *t)
{
    CHECK(trial_passes(t, 0, 64));
    CHECK(trial_passes(t, 64, 0));
    CHECK(trial_passes(t, 1, 64));
    CHECK(trial_passes(t, 37, 36));
    CHECK(ord_wire_counts(t->wire, 0, 64).passed == 1);
    CHECK(ord_wire_counts(t->wire, 64, 0).passed == 1);
    CHECK(strcmp(ord_node_name(t->cluster, 64), "n64") == 0);
    CHECK(strcmp(ord_node_ip(t->cluster, 64), "10.77.0.74") == 0);
    CHECK(strcmp(ord_node_ip(t->cluster, 0), "10.77.0.1") == 0);
    return 0;
}

/* 64 nodes split in two halves: 2 * 32 * 32 links in one commit. */
static int halves(struct trial *t)
{
    const struct ord_link cut = {.up = false};

    for (uint32_t a = 1; a <= 32; a++) {
        for (uint32_t b = 33; b <= 64; b++)
            CHECK(trial_fault_both(t, 1, a, b, &cut) == ORD_OK);
    }
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    CHECK(!trial_passes(t, 1, 64));
    CHECK(!trial_passes(t, 64, 1));
    CHECK(trial_passes(t, 1, 32));
    CHECK(trial_passes(t, 33, 64));
    return 0;
}

static int captured(struct trial *t)
{
    const struct ord_link cut = {.up = false};

    CHECK(trial_passes(t, 1, 2));
    CHECK(trial_fault(t, 1, 1, 2, &cut) == ORD_OK);
    CHECK(!trial_passes(t, 1, 2));
    return 0;
}

static int flood(struct trial *t)
{
    int out = trial_socket(t, 1, SOCK_DGRAM, 0);
    char data[1000] = "";

    for (int i = 0; i < 500; i++)
        CHECK(trial_send(t, out, 2, PORT, data, sizeof data));
    for (int i = 0; i < 500 && ord_wire_counts(t->wire, 1, 2).passed < 200; i++)
        trial_sleep_ms(10);
    (void)close(out);
    return 0;
}

/* Other programs may end the switch; it must not pass unnoticed. */
static int switch_dies(struct trial *t)
{
    bool ended = false;

    CHECK(!ord_pidfd_ended(ord_cluster_switch_fd(t->cluster), 0));
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK);
    for (pid_t pid = 2; pid < 10 && !ended; pid++) {
        (void)kill(pid, SIGKILL); /* it is the only other process here */
        ended =
            ord_pidfd_ended(ord_cluster_switch_fd(t->cluster), 100 * ORD_MS);
    }
    CHECK(ended);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_OK ||
          t->err.rc == ORD_ETIMEOUT);
    CHECK(ord_wire_commit(t->wire, &t->err) == ORD_ETIMEOUT);
    return 0;
}

static uint32_t word(const struct ord_buf *file, size_t at)
{
    uint32_t value = 0;

    if (at + sizeof value <= file->size)
        memcpy(&value, file->at + at, sizeof value);
    return value;
}

/* Walks the blocks as a reader would; the packets per interface. */
static bool walk(const struct ord_buf *file, uint32_t packets[2])
{
    size_t at = 0;

    packets[0] = packets[1] = 0;
    if (word(file, 0) != 0x0a0d0d0a || word(file, 8) != 0x1a2b3c4d)
        return false;
    while (at < file->size) {
        uint32_t size = word(file, at + 4);

        if (size < 12 || size % 4 != 0 || at + size > file->size ||
            word(file, at + size - 4) != size)
            return false;
        if (word(file, at) == 6) {
            uint32_t interface = word(file, at + 8);

            if (interface > 1 || word(file, at + 20) > size - 32 ||
                (uint8_t)file->at[at + 28] != 0x45)
                return false;
            packets[interface]++;
        }
        at += size;
    }
    return at == file->size;
}

static void run_capture(uint64_t size_max, int (*body)(struct trial *),
                        struct ord_buf *out)
{
    char path[] = "/tmp/ordeal-capture-XXXXXX";
    int fd = mkstemp(path);
    struct trial_config config = {.cluster = {.node_count = 2,
                                              .capture_path = path,
                                              .capture_size_max = size_max}};
    struct ord_err err;
    int result = trial_run(&config, body);

    (void)close(fd);
    ord_buf_init(out, 16 << 20);
    if (result == 0)
        cr_assert_eq(ord_file_read(path, out, &err), ORD_OK);
    (void)unlink(path);
    if (result < 0)
        cr_skip_test("no sandbox");
    cr_assert_eq(result, 0, "the trial failed, see above");
}

static void run(struct ord_cluster_config cluster, int (*body)(struct trial *))
{
    struct trial_config config = {.cluster = cluster};
    int result;

    if (cluster.uplink == ORD_UPLINK_TUN && !trial_has_tun())
        cr_skip_test("no /dev/net/tun");
    result = trial_run(&config, body);
    if (result < 0)
        cr_skip_test("no sandbox");
    cr_assert_eq(result, 0, "the trial failed, see above");
}

Test(open, sixty_four_tun, .timeout = 60)
{
    run((struct ord_cluster_config){.node_count = 64, .uplink = ORD_UPLINK_TUN},
        ends_meet);
}

Test(open, sixty_four_packet, .timeout = 60)
{
    run((struct ord_cluster_config){.node_count = 64,
                                    .uplink = ORD_UPLINK_PACKET},
        ends_meet);
}

Test(open, halves, .timeout = 60)
{
    run((struct ord_cluster_config){.node_count = 64}, halves);
}

Test(open, dead_switch, .timeout = 60)
{
    run((struct ord_cluster_config){.node_count = 1}, switch_dies);
}

Test(open, capture, .timeout = 60)
{
    struct ord_buf file;
    uint32_t packets[2];

    run_capture(0, captured, &file);
    cr_assert(walk(&file, packets));
    cr_expect_eq(packets[0], 1);
    cr_expect_eq(packets[1], 1);
    cr_expect_not_null(memmem(file.at, file.size, "port 1 to 2: cut", 16));
    ord_buf_fini(&file);
}

Test(open, capture_has_a_limit, .timeout = 60)
{
    struct ord_buf file;
    uint32_t packets[2];

    run_capture(100000, flood, &file);
    cr_assert(walk(&file, packets));
    cr_expect_leq(file.size, 100000);
    cr_expect_gt(packets[0], 50);
    ord_buf_fini(&file);
}

Test(open, refuses)
{
    struct ord_cluster_config config = {.node_count = 3, .run_dir = "/tmp"};
    struct ord_cluster *cluster;
    struct ord_err err;

    cr_expect_eq(ord_cluster_open(&config, &cluster, &err), ORD_EUSAGE);
    cr_expect_not_null(strstr(err.text, "first process of a sandbox"));
    config.node_count = 65;
    cr_expect_eq(ord_cluster_open(&config, &cluster, &err), ORD_EUSAGE);
    cr_expect_not_null(strstr(err.text, "65 nodes: 1 to 64"));
    config.node_count = 3;
    config.tcp_rto_max_ms = 10;
    cr_expect_eq(ord_cluster_open(&config, &cluster, &err), ORD_EUSAGE);
}
