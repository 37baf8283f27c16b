/* support_run.h -- a scratch folder, files in it, campaigns read from text. */
#ifndef ORD_RUN_TESTS_SUPPORT_RUN_H
#define ORD_RUN_TESTS_SUPPORT_RUN_H

#include "harness/base/file.h"
#include "harness/run/campaign.h"

/* One test's things; scratch_init() makes the folder, scratch_fini() removes
 * it and all below. */
struct scratch {
    struct ord_arena arena;
    struct ord_err err;
    struct ord_campaign_options options;
    struct ord_campaign campaign;
    char dir[ORD_PATH_MAX];
};

void scratch_init(struct scratch *scratch);
void scratch_fini(struct scratch *scratch);
/* Writes dir/name, making folders on the way; the path, in the arena. */
const char *scratch_file(struct scratch *scratch, const char *name,
                         struct ord_bytes text);
/* A target "tiny": settings `way` (good, bad), `level`, `who` (to the
 * client); workloads set, register, list. */
void scratch_target(struct scratch *scratch);
/* Loads the text as dir/c.yaml; the error is in scratch->err. */
int scratch_campaign(struct scratch *scratch, const char *text);
/* The same with one cell of target tiny: lines of the cell, indented by 4. */
int scratch_cell(struct scratch *scratch, const char *lines);
/* The folder of the programs under test: $ORD_BIN. */
const char *bin_dir(void);

#endif
