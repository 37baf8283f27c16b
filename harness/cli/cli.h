/* cli.h -- the subcommands of `ordeal`.
 *
 * Data on stdout, talk and progress on stderr.  Each returns the exit code of
 * DESIGN.md section 6.
 */
#ifndef ORD_CLI_CLI_H
#define ORD_CLI_CLI_H

#include "harness/base/err.h"
#include "harness/base/file.h"
#include "harness/catalogue/catalogue.h"
#include "harness/run/campaign.h"
#include "histories/history.h"

enum { ORD_EXIT_USAGE = 64, ORD_SETS_MAX = 64 };

struct ord_cli {
    char bin_dir[ORD_PATH_MAX];     /* of this program */
    char targets_dir[ORD_PATH_MAX]; /* <bin>/../share/ordeal/targets, or
                                       $ORDEAL_TARGETS */
    int argc;                       /* of the subcommand, its name first */
    char **argv;
};

int ord_cmd_run(const struct ord_cli *cli);
int ord_cmd_plan(const struct ord_cli *cli);
int ord_cmd_check(const struct ord_cli *cli);
int ord_cmd_verify(const struct ord_cli *cli);
int ord_cmd_show(const struct ord_cli *cli);
int ord_cmd_report(const struct ord_cli *cli);
int ord_cmd_query(const struct ord_cli *cli);
int ord_cmd_import(const struct ord_cli *cli);
int ord_cmd_export(const struct ord_cli *cli);
int ord_cmd_generate(const struct ord_cli *cli);
int ord_cmd_new_target(const struct ord_cli *cli);
int ord_cmd_list(const struct ord_cli *cli);

/* "ordeal run: ..." on stderr with a hint at --help; returns 64. */
int ord_usage(const struct ord_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "ordeal: ..." on stderr; returns 64 for ORD_EUSAGE, ORD_EFORMAT and
 * ORD_ENOTFOUND, else 5. */
int ord_complain(const struct ord_err *err);
/* Text to a descriptor, whole or not at all as far as we can tell. */
int ord_say(int fd, struct ord_buf *text);

/* The value of --format; 64 with a complaint if there is no such format. */
int ord_take_format(const struct ord_cli *cli, const char *name,
                    enum ord_history_format *format);

/* The catalogue of the folder, up to date; what it cannot keep there it keeps
 * in memory.  Runs that cannot be read are named on stderr. */
int ord_open_catalogue(const char *folder, struct ord_catalogue **out,
                       struct ord_err *err);

/* What run and plan share: --only, --seed, --set key=value. */
struct ord_campaign_args {
    struct ord_campaign_options options;
    struct ord_setting sets[ORD_SETS_MAX];
    uint64_t seed;
};
/* Takes one such option; 64 with a complaint if its value is bad, else 0. */
int ord_campaign_arg(const struct ord_cli *cli, struct ord_campaign_args *args,
                     int option, const char *value);
bool ord_parse_count(const char *text, uint64_t *out);
/* A run's folder, or a history's file, to the file. */
int ord_history_path(const char *run_or_file, char out[ORD_PATH_MAX],
                     struct ord_err *err);

#endif
