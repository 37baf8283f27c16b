/* measure.h -- what judging one history costs, measured in a process of its
 * own, so that its peak of memory is only its own. */
#ifndef ORD_CI_BENCHMARKS_MEASURE_H
#define ORD_CI_BENCHMARKS_MEASURE_H

#include "checkers/checker.h"
#include "harness/gen/synth.h"

struct measured {
    bool is_over; /* false: it died, or ran out of CPU time */
    enum ord_outcome outcome;
    double load_s; /* CPU */
    double check_s;
    uint64_t peak_size; /* bytes of resident memory beyond what it began with,
                           while loading and checking */
    uint64_t event_count;
    uint64_t file_size;
    char why[256];
};

struct question {
    const char *path;
    enum ord_history_format format;
    const char *checker; /* NULL: only load */
    const char *model;
    bool wants_proof;
    size_t size_max;    /* bytes, of the history and again of the check */
    uint32_t cpu_max_s; /* then it is stopped */
};

/* Writes a generated history into our own format, and from there as text.
 * Each in a process of its own, which complains if that fails (false). */
bool generate_own(const struct ord_synth_config *config, const char *path);
bool export_text(const char *own, const char *path,
                 enum ord_history_format format);
struct measured measure(const struct question *question);

#endif
