/* suite.h -- all cells of a campaign, several at once, each in a process of
 * its own; their results gathered from what each wrote.
 *
 *     <out>/<cell>-s<seed>/     see cell.h
 *     <out>/report.html         the table, with links
 *     <out>/result.json         written last
 */
#ifndef ORD_RUN_SUITE_H
#define ORD_RUN_SUITE_H

#include "harness/report/progress.h"
#include "harness/run/campaign.h"

struct ord_suite_options {
    const char *out_dir;  /* created; NULL: runs/<campaign>-<time> */
    uint32_t parallel;    /* 0: the campaign's, else the machine's cores */
    uint32_t fail_fast;   /* stop after so many cells that did not pass */
    uint32_t shard;       /* 1..shard_count: run only each so-many-th cell */
    uint32_t shard_count; /* 0: all */
    bool is_resumed;      /* keep cells of out_dir that have a result */
    struct ord_term term; /* of standard error */
};

/* Blocks until all is done.  The first SIGINT, SIGTERM or SIGHUP ends the cells
 * early and reports; the second stops at once (ORD_EDIED).  *dir is where it
 * all went, in the arena.  ORD_EDENIED: no sandbox is to be had, and why.  If
 * only the writing failed, *out holds the results all the same; else it has no
 * cells. */
int ord_suite_run(const struct ord_campaign *campaign,
                  const struct ord_suite_options *options,
                  struct ord_arena *arena, struct ord_campaign_result *out,
                  const char **dir, struct ord_err *err);

#endif
