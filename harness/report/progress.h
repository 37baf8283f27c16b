/* progress.h -- what a person sees while cells run.
 *
 * On a terminal one live line per running cell, drawn again in place at most
 * every 100 ms; elsewhere one plain line when a cell starts and one when it
 * ends.  Writes to fd (standard error, as a rule) and ignores write errors:
 * talk never decides anything.  Not for several threads; the caller gives the
 * time, nothing here reads a clock.
 */
#ifndef ORD_REPORT_PROGRESS_H
#define ORD_REPORT_PROGRESS_H

#include "harness/report/result.h"
#include "harness/report/term.h"

enum { ORD_PROGRESS_LINES_MAX = 64 };

struct ord_progress_line {
    char cell[32];
    char about[96];
    char phase[32];
    uint64_t seed, ops_ok;
    int64_t begin_ns;
    uint32_t slot; /* the caller's number for it */
    bool is_used;
};

struct ord_progress {
    struct ord_progress_line lines[ORD_PROGRESS_LINES_MAX];
    struct ord_term term;
    int fd;
    uint32_t cell_count, done_count;
    uint32_t drawn;   /* live lines on the screen now */
    int64_t drawn_ns; /* when */
};

/* cell_count: of the whole campaign.  term as ord_term_of(fd) says. */
void ord_progress_init(struct ord_progress *progress, int fd,
                       const struct ord_term *term, uint32_t cell_count);
/* slot tells cells that run at the same time apart: any number.  Beyond
 * ORD_PROGRESS_LINES_MAX at once a cell has no live line. */
void ord_progress_begin(struct ord_progress *progress, uint32_t slot,
                        const char *cell, const char *about, uint64_t seed,
                        int64_t now_ns);
/* phase: "main", "heal"; ops_ok: operations so far. */
void ord_progress_update(struct ord_progress *progress, uint32_t slot,
                         const char *phase, uint64_t ops_ok, int64_t now_ns);
void ord_progress_end(struct ord_progress *progress, uint32_t slot,
                      const struct ord_cell_result *cell, int64_t now_ns);
/* A line of talk that does not disturb the live lines; no line break in it. */
void ord_progress_say(struct ord_progress *progress, const char *text,
                      int64_t now_ns);
/* Clears the live lines. */
void ord_progress_fini(struct ord_progress *progress);

#endif
