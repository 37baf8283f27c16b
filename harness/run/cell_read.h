/* cell_read.h -- one cell of a campaign file, with the file's defaults. */
#ifndef ORD_RUN_CELL_READ_H
#define ORD_RUN_CELL_READ_H

#include "harness/run/campaign.h"
#include "harness/run/yaml.h"

struct ord_cell_source { /* the later wins: defaults, cell, vary, --set */
    const struct ord_yaml *cell;
    const struct ord_yaml *defaults; /* NULL: none */
    const struct ord_setting *vary;
    uint32_t vary_count;
    const struct ord_campaign_options *options;
    const char *dir; /* of the campaign file */
};

/* Sets all of the cell but campaign, path, line and seed.  ORD_EUSAGE. */
int ord_cell_from_yaml(const struct ord_cell_source *source,
                       struct ord_arena *arena, struct ord_cell *cell,
                       struct ord_err *err);
/* The cell's nemesis list. */
int ord_entries_read(const struct ord_yaml *list, struct ord_arena *arena,
                     struct ord_cell *cell, struct ord_err *err);

#endif
