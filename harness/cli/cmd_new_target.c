/* cmd_new_target.c -- `ordeal new-target`: the template, under a new name. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/cli.h"

static const char help[] =
    "ordeal new-target NAME [-o FOLDER]\n"
    "Writes a folder (default: ./NAME) in which a database can be put on "
    "trial, and\nwhich runs as it is: target.yaml, a client in Python and one "
    "in C, a campaign, and\na small server that yours takes the place of.  Its "
    "README.md says what to change.\n";

static const char *const files[] = {"target.yaml", "campaign.yaml",
                                    "client.py",   "client.c",
                                    "server.py",   "README.md"};

enum { FILE_SIZE_MAX = 1 << 20, NAME_SIZE_MAX = 40 };

static const char placeholder[] = "NAME";

/* A word that can stand in YAML, in a path and in a cell's id. */
static bool is_good_name(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++) {
        if (!islower((unsigned char)name[i]) &&
            !(i > 0 && (isdigit((unsigned char)name[i]) || name[i] == '-')))
            return false;
    }
    return size > 0 && size <= NAME_SIZE_MAX;
}

static void fill_in(struct ord_bytes text, const char *name,
                    struct ord_buf *out)
{
    const size_t size = sizeof placeholder - 1;
    const char *at = text.at;
    const char *end = text.at + text.size;

    while (at < end) {
        const char *next = memmem(at, (size_t)(end - at), placeholder, size);

        if (next == NULL)
            next = end;
        ord_buf_add(out, (struct ord_bytes){at, (size_t)(next - at)});
        if (next < end)
            ord_buf_text(out, name);
        at = next < end ? next + size : end;
    }
}

static int write_file(const char *from_dir, const char *to_dir,
                      const char *file, const char *name, struct ord_err *err)
{
    char path[ORD_PATH_MAX];
    struct ord_buf text, filled;
    int rc = ord_path_join(path, from_dir, file, err);

    ord_buf_init(&text, FILE_SIZE_MAX);
    ord_buf_init(&filled, FILE_SIZE_MAX);
    if (rc == ORD_OK)
        rc = ord_file_read(path, &text, err);
    if (rc == ORD_OK)
        fill_in(ord_buf_bytes(&text), name, &filled);
    if (rc == ORD_OK && filled.failed)
        rc = ord_fail(err, ORD_ENOMEM, "%s", file);
    if (rc == ORD_OK)
        rc = ord_path_join(path, to_dir, file, err);
    if (rc == ORD_OK)
        rc = ord_file_replace(path, ord_buf_bytes(&filled), err);
    ord_buf_fini(&filled);
    ord_buf_fini(&text);
    return rc;
}

static int write_folder(const struct ord_cli *cli, const char *name,
                        const char *folder, struct ord_err *err)
{
    char from[ORD_PATH_MAX];
    int rc = ord_path_join(from, cli->targets_dir, "../template", err);

    if (rc == ORD_OK && access(from, R_OK | X_OK) != 0)
        rc = ord_fail(err, ORD_EIO,
                      "%s: the template is not there: it is installed beside "
                      "the targets",
                      from);
    /* Never into a folder that is there: it may be somebody's work. */
    if (rc == ORD_OK && mkdir(folder, 0777) != 0)
        rc = errno == EEXIST
                 ? ord_fail(err, ORD_EUSAGE,
                            "%s exists: name another folder with -o", folder)
                 : ord_fail_errno(err, "make the folder %s", folder);
    for (size_t i = 0; rc == ORD_OK && i < sizeof files / sizeof *files; i++)
        rc = write_file(from, folder, files[i], name, err);
    return rc;
}

int ord_cmd_new_target(const struct ord_cli *cli)
{
    static const struct option options[] = {
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *folder = NULL;
    const char *name;
    struct ord_err err = {0};
    int option;

    while ((option = getopt_long(cli->argc, cli->argv, "o:", options, NULL)) !=
           -1) {
        if (option == 'h')
            return fputs(help, stdout) < 0 ? ORD_CELL_INFRASTRUCTURE : 0;
        if (option != 'o')
            return ord_usage(cli, "bad option");
        folder = optarg;
    }
    if (optind + 1 != cli->argc)
        return ord_usage(cli, "expected one NAME");
    name = cli->argv[optind];
    if (!is_good_name(name))
        return ord_usage(cli,
                         "'%s': expected a small letter, then small letters, "
                         "digits and -, at most %d",
                         name, NAME_SIZE_MAX);
    if (folder == NULL)
        folder = name;
    if (write_folder(cli, name, folder, &err) != ORD_OK)
        return ord_complain(&err);
    printf("%s: runs as it is:  ordeal run %s/campaign.yaml\n"
           "Then make it yours: %s/README.md says how.\n",
           folder, folder, folder);
    return 0;
}
