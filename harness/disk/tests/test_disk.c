/* What survives a power cut, and what does not: as the directory shows it
 * through the kernel's caches, and as it lies beneath. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "support_disk.h"

struct row {
    char script[160];
    char ext4[64];  /* what is there afterwards, by the default model */
    char posix[64]; /* "=": the same */
};

static int body_row(struct rig *rig, void *arg)
{
    const struct row *row = arg;
    bool is_strict = rig->disk.model == ORD_DISK_POSIX;
    const char *want =
        is_strict && strcmp(row->posix, "=") != 0 ? row->posix : row->ext4;
    struct ord_disk_loss loss;
    char got[256];

    CHECK(rig_do(rig, row->script, &loss));
    CHECK(rig_list(rig, rig->dir, got, sizeof got));
    if (strcmp(got, want) != 0)
        (void)fprintf(stderr, "%s (%s)\n  want %s\n  got  %s\n", row->script,
                      is_strict ? "posix" : "ext4", want, got);
    CHECK(strcmp(got, want) == 0);
    return 0;
}

ParameterizedTestParameters(disk, power_cut)
{
    static struct row rows[] = {
        /* Content: lost unless synced, old bytes and size come back. */
        {"w a 0 old; D; w a 0 new; K 0", "a=old", "="},
        {"w a 0 old; D; w a 0 new; s a; K 0", "a=new", "="},
        {"w a 0 abc; D; w a 3 def; K 0", "a=abc", "="},
        {"w a 0 abc; D; w a 3 def; s a; w a 6 ghi; K 0", "a=abcdef", "="},
        {"w a 0 abcdef; D; w a 0 X; w a 5 YZ; w a 1 W; K 0", "a=abcdef", "="},
        {"w a 0 abc; D; w a 5 x; K 0", "a=abc", "="},
        {"w a 0 abcdef; D; t a 2; K 0", "a=abcdef", "="},
        {"w a 0 abcdef; D; t a 2; w a 0 Q; s a; t a 9; K 0", "a=Qb", "="},
        {"w a 0 abcdef; D; h a 1 3; K 0", "a=abcdef", "="},
        {"w a 0 abc; D; a a 0 6; K 0", "a=abc", "="},
        {"w a 0 abc; D; a a 0 6; s a; K 0", "a=abc...", "="},
        {"w a 0 abc; D; c a 600; K 0", "a=abc", "="},
        {"w a 0 abc; D; c a 600; s a; K 0", "a=abc(600)", "="},
        {"w a 0 abc; D; d a 0 X; w a 1 Y; K 0", "a=Xbc", "="},
        {"w a 0 abc; D; w a 1 Y; d a 0 X; K 0", "a=XYc", "="},
        {"w a 0 abcd; D; p a 0 XY; K 0", "a=abcd", "="},
        {"w a 0 abcd; D; P a 0 XY; K 0", "a=XYcd", "="},
        /* Names: gone unless somebody made them durable. */
        {"w a 0 x; K 0", "", "="},
        {"w a 0 x; s a; K 0", "a=x", ""},
        {"w a 0 x; S .; K 0", "a=", "="},
        {"w a 0 x; s a; S .; K 0", "a=x", "="},
        {"w a 0 x; D; u a; K 0", "a=x", "="},
        {"w a 0 x; D; u a; S .; K 0", "", "="},
        {"w a 0 x; D; r a b; K 0", "a=x", "="},
        {"w a 0 x; D; r a b; S .; K 0", "b=x", "="},
        {"w a 0 x; D; r a b; s b; K 0", "b=x", "a=x"},
        {"w a 0 x; w b 0 y; D; r a b; K 0", "a=x b=y", "="},
        {"w a 0 x; w b 0 y; D; r a b; S .; K 0", "b=x", "="},
        {"w a 0 x; w b 0 y; D; x a b; K 0", "a=x b=y", "="},
        {"w a 0 x; D; u a; w a 0 y; K 0", "a=x", "="},
        {"w a 0 x; D; u a; w a 0 y; s a; K 0", "a=y", "a=x"},
        {"w a 0 x; D; l a b; K 0", "a=x", "="},
        {"w a 0 x; D; l a b; u a; S .; K 0", "b=x", "="},
        {"y to a; K 0", "", "="},
        {"y to a; S .; K 0", "a->to", "="},
        /* A new file written aside, synced and renamed over the old. */
        {"w a 0 x; D; w b 0 new; s b; r b a; K 0", "a=x b=new", "a=x"},
        {"w a 0 x; D; w b 0 new; s b; r b a; S .; K 0", "a=new", "="},
        {"w a 0 x; D; w b 0 new; r b a; S .; K 0", "a=", "="},
        /* Directories. */
        {"m d; w d/f 0 x; s d/f; K 0", "d/ d/f=x", ""},
        {"m d; w d/f 0 x; s d/f; S d; K 0", "d/ d/f=x", ""},
        {"m d; w d/f 0 x; s d/f; S d; S .; K 0", "d/ d/f=x", "="},
        {"m d; S .; w d/f 0 x; K 0", "d/", "="},
        {"m d; w d/f 0 x; D; u d/f; R d; K 0", "d/ d/f=x", "="},
        {"m d; w d/f 0 x; D; u d/f; R d; S .; K 0", "", "="},
        {"m d; w d/f 0 x; D; r d e; w e/g 0 y; s e/g; K 0", "e/ e/f=x e/g=y",
         "d/ d/f=x"},
        {"m d; m e; w d/f 0 x; D; r d/f e/f; S e; K 0", "d/ e/ e/f=x", "="},
        /* What one directory did not make durable is no matter of another. */
        {"m d; m e; D; w d/f 0 x; w e/g 0 y; s e/g; K 0", "d/ e/ e/g=y",
         "d/ e/"},
        {"w a 0 x; w b 0 y; s b; K 0", "a= b=y", ""},
        /* Some of it survives: the oldest. */
        {"w a 0 1; w a 1 2; D; w a 2 3; w a 3 4; K 50", "a=123", "="},
        {"w a 0 1; D; w a 1 2; w b 0 x; u a; w a 0 9; K 60", "b=x", "="},
        {"w a 0 1; D; w a 1 2; K 100", "a=12", "="},
        /* Cut short and grown again: the middle comes back, too. */
        {"w a 0 abcdef; D; t a 2; w a 4 XY; t a 3; K 0", "a=abcdef", "="},
        {"w a 0 abcdef; D; t a 2; w a 4 XY; t a 3; K 34", "a=ab", "="},
        {"w a 0 abcdef; D; t a 2; w a 4 XY; t a 3; K 67", "a=ab..XY", "="},
    };
    return cr_make_param_array(struct row, rows, sizeof rows / sizeof *rows);
}

ParameterizedTest(struct row *row, disk, power_cut, .timeout = 30)
{
    if (!rig_is_possible())
        cr_skip_test("no FUSE here: see above");
    cr_expect_eq(rig_run(ORD_DISK_EXT4, body_row, row), 0);
    cr_expect_eq(rig_run(ORD_DISK_POSIX, body_row, row), 0);
}

/* ---- torn writes --------------------------------------------------------- */

/* The last write that survives is there up to some byte, and whole before. */
static int body_torn(struct rig *rig, void *arg)
{
    struct ord_disk_loss loss;
    char got[256];
    uint32_t lengths = 0;

    (void)arg;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        char script[200];
        size_t size;

        (void)snprintf(script, sizeof script,
                       "w a 0 0123; D; w a 4 abcdefghij; w a 14 lost; B %u",
                       seed);
        CHECK(rig_do(rig, script, &loss));
        CHECK(rig_list(rig, rig->dir, got, sizeof got));
        size = strlen(got) - 2;
        CHECK(strncmp(got, "a=0123abcdefghij", size + 2) == 0);
        CHECK(size > 4 && size < 14);
        CHECK(loss.torn_at == size && strcmp(loss.torn, "a") == 0);
        lengths |= 1U << size;
        CHECK(rig_do(rig, "u a", &loss));
    }
    CHECK(__builtin_popcount(lengths) > 3); /* not always at the same byte */
    /* An overwrite: its end is the old one's. */
    CHECK(rig_do(rig, "w b 0 oooooooo; D; w b 0 nnnnnnnn; B 1", &loss));
    CHECK(rig_list(rig, rig->dir, got, sizeof got));
    CHECK(strncmp(got, "b=n", 3) == 0 && got[9] == 'o');
    /* Nothing that small is torn at a sector's end. */
    CHECK(rig_do(rig, "D; w b 0 nnnnnnnn; C 1", &loss));
    CHECK(rig_list(rig, rig->dir, got, sizeof got));
    CHECK(loss.torn_at == 0 && loss.changes == 1);
    CHECK(rig_do(rig, "D; w b 508 nnnnnnnn; C 1", &loss));
    CHECK(rig_list(rig, rig->dir, got, sizeof got));
    CHECK(loss.torn_at == 512 && strcmp(got, "b=<512>") == 0);
    return 0;
}

Test(disk, a_torn_write_is_there_up_to_some_byte, .timeout = 30)
{
    if (!rig_is_possible())
        cr_skip_test("no FUSE here: see above");
    cr_expect_eq(rig_run(ORD_DISK_EXT4, body_torn, NULL), 0);
}

/* ---- figures ------------------------------------------------------------- */

static int body_loss(struct rig *rig, void *arg)
{
    struct ord_disk_loss loss;

    (void)arg;
    CHECK(rig_do(rig,
                 "m d; w d/a 0 0123456789; w b 0 xyz; w c-shm 0 x; D; "
                 "w d/a 2 ABCD; w b 3 more; t b 1; w c-shm 0 y; u b; w n 0 q; "
                 "K 0",
                 &loss));
    CHECK(loss.changes == 6); /* 4 of content, 2 of names: b gone, n born */
    CHECK(loss.writes == 4);
    CHECK(loss.names == 2);
    CHECK(loss.bytes == 4 + 4 + 6 + 1);
    CHECK(loss.files == 3);
    CHECK(loss.scratch == 1);
    CHECK(strcmp(loss.what, "b 10 bytes, d/a 4 bytes, n 1 bytes") == 0);
    CHECK(rig_do(rig, "K 0", &loss));
    CHECK(loss.changes == 0 && loss.kept == 0);
    return 0;
}

Test(disk, a_power_cut_counts_what_it_undid, .timeout = 30)
{
    if (!rig_is_possible())
        cr_skip_test("no FUSE here: see above");
    cr_expect_eq(rig_run(ORD_DISK_EXT4, body_loss, NULL), 0);
}
