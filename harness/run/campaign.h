/* campaign.h -- a campaign file, read into the cells that will run.
 *
 * A cell is one target setting x workload x nemesis x seed, with the verdict
 * that is expected of each checker.  ci/campaigns/README.md describes the
 * file.  Everything is resolved here: a bad name, setting or parameter is an
 * error with file and line before anything starts.
 */
#ifndef ORD_RUN_CAMPAIGN_H
#define ORD_RUN_CAMPAIGN_H

#include "checkers/checker.h"
#include "harness/gen/workload.h"
#include "harness/report/result.h"
#include "harness/run/target.h"
#include "nemesis/nemesis.h"

enum {
    ORD_CELLS_MAX = 100000,
    ORD_CHECKS_MAX = 24,
    ORD_SETTINGS_MAX = 64,
    ORD_WORD_SIZE_MAX = 120, /* a name or id that becomes part of a path */
    ORD_CELL_FOLDER_SIZE = 160,
};

struct ord_cell_check {
    const struct ord_checker *checker;
    const char *model; /* NULL: none */
    const struct ord_option *options;
    uint32_t option_count;
    enum ord_expected expected;
};

struct ord_cell {
    const char *campaign; /* its name */
    const char *id;       /* "C2/read-from=position", without the seed */
    const char *about;
    const struct ord_target *target;
    const char *const *client; /* instead of the target's; NULL: the target's */
    struct ord_setting settings[ORD_SETTINGS_MAX]; /* all of the target's */
    uint32_t setting_count;
    uint32_t node_count;   /* 1..64 */
    uint32_t start_count;  /* of these, members at the beginning */
    uint32_t client_count; /* 1..1024 */
    uint64_t seed;
    int64_t time_ns;    /* of the main phase */
    int64_t timeout_ns; /* of one operation */
    int64_t settle_ns;  /* for recovery and for convergence, each */
    double rate_per_s;  /* of all clients; 0: as fast as they can */
    const struct ord_workload_ops *workload;
    const struct ord_param *params;
    uint32_t param_count;
    const struct ord_nemesis_entry *written; /* as the file has them */
    const struct ord_nemesis_entry *entries; /* what the seed made of them */
    uint32_t entry_count;
    bool swarms_faults; /* see swarm.h */
    bool swarms_ops;
    const bool *kinds_left_out; /* of the workload's kinds; NULL: none is */
    uint32_t away_max; /* nodes down, frozen or out at once; 0: any number */
    struct ord_cell_check checks[ORD_CHECKS_MAX];
    uint32_t check_count;
    enum ord_expected liveness; /* PASS: it goes on and recovers */
    uint64_t steps_max;         /* budget of each check */
    uint64_t bytes_max;
    bool is_captured; /* write packets.pcapng */
    const char *path; /* the campaign file, and the cell's line in it */
    uint32_t line;
};

struct ord_campaign { /* in the arena it was loaded into */
    const char *name;
    const char *about;
    const char *path;
    uint32_t parallel;      /* cells at once; 0: as the machine allows */
    int64_t budget_ns;      /* no further cell starts after it; 0: none */
    struct ord_cell *cells; /* by id, then seed */
    uint32_t cell_count;
};

struct ord_campaign_options {
    const char *targets_dir;
    const char *bin_dir;
    const char *only; /* fnmatch pattern on cell ids; NULL: all */
    const uint64_t
        *seed; /* instead of all the file's seeds; NULL: the file's */
    const struct ord_setting *sets; /* --set: settings, or time, nodes,
                                       clients, rate, timeout, settle */
    uint32_t set_count;
};

/* ORD_EUSAGE with path:line and what was expected; ORD_ENOTFOUND. */
int ord_campaign_load(const char *path,
                      const struct ord_campaign_options *options,
                      struct ord_arena *arena, struct ord_campaign *out,
                      struct ord_err *err);

/* The cell's folder in the run's: "C2_read-from=position-s1".  No two cells of
 * a campaign share one.  size: at least ORD_CELL_FOLDER_SIZE. */
void ord_cell_folder(const struct ord_cell *cell, char *out, size_t size);
/* Neither empty nor long, no dot in front, no control character, none of the
 * forbidden ones. */
bool ord_is_path_word(const char *text, const char *forbidden);

/* The cell's schedule of faults, in the arena. */
int ord_cell_faults(const struct ord_cell *cell, struct ord_arena *arena,
                    struct ord_fault_plan *out, struct ord_err *err);
/* Can the cell's faults work on this machine? ORD_EDENIED and the like: path,
 * line, fault, what is missing. */
int ord_cell_probe(const struct ord_cell *cell, struct ord_err *err);
/* The cell's workload.  done: operations each worker has done so far; NULL
 * before the run. */
int ord_cell_workload(const struct ord_cell *cell, struct ord_arena *arena,
                      const uint64_t *done, struct ord_workload *out,
                      struct ord_err *err);

#endif
