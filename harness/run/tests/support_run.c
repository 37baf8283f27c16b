#include "support_run.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char target[] =
    "ordeal: 1\n"
    "name: tiny\n"
    "node:\n"
    "  start: ['{bin}/tiny', '--me={node}', '{settings}']\n"
    "client: ['{bin}/ordeal-null-client']\n"
    "workloads: [set, register, list]\n"
    "settings:\n"
    "  way: {default: good, values: [good, bad]}\n"
    "  level: {default: ''}\n"
    "  who: {default: me, to: client}\n";

const char *bin_dir(void)
{
    const char *dir = getenv("ORD_BIN");

    cr_assert_not_null(dir, "ORD_BIN is not set");
    return dir;
}

void scratch_init(struct scratch *scratch)
{
    *scratch = (struct scratch){0};
    ord_arena_init(&scratch->arena, (size_t)1 << 30);
    snprintf(scratch->dir, sizeof scratch->dir, "/tmp/ordeal-run-XXXXXX");
    cr_assert_not_null(mkdtemp(scratch->dir));
    scratch->options.targets_dir = scratch->dir;
    scratch->options.bin_dir = bin_dir();
}

void scratch_fini(struct scratch *scratch)
{
    cr_expect_eq(ord_remove_all(scratch->dir, &scratch->err), ORD_OK);
    ord_arena_fini(&scratch->arena);
}

const char *scratch_file(struct scratch *scratch, const char *name,
                         struct ord_bytes text)
{
    char path[ORD_PATH_MAX];
    char folder[ORD_PATH_MAX];
    struct ord_err err = {0};
    FILE *file;

    cr_assert_eq(ord_path_join(path, scratch->dir, name, &err), ORD_OK);
    memcpy(folder, path, sizeof folder);
    *strrchr(folder, '/') = '\0';
    cr_assert_eq(ord_mkdir_all(folder, &err), ORD_OK, "%s", err.text);
    file = fopen(path, "we");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(text.at, 1, text.size, file), text.size);
    fclose(file);
    return ord_arena_strdup(&scratch->arena, path);
}

void scratch_target(struct scratch *scratch)
{
    scratch_file(scratch, "tiny/target.yaml", ord_bytes_of(target));
}

int scratch_campaign(struct scratch *scratch, const char *text)
{
    const char *path = scratch_file(scratch, "c.yaml", ord_bytes_of(text));

    scratch->err = (struct ord_err){0};
    return ord_campaign_load(path, &scratch->options, &scratch->arena,
                             &scratch->campaign, &scratch->err);
}

int scratch_cell(struct scratch *scratch, const char *lines)
{
    return scratch_campaign(
        scratch, ord_arena_printf(&scratch->arena,
                                  "ordeal: 1\nname: t\ncells:\n  - id: c\n"
                                  "    target: tiny\n    workload: set\n%s",
                                  lines));
}
