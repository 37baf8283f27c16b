/* facts.h -- what the conductor of a cell learns, in memory that the cell's
 * own process shares, so that it survives the conductor's death. */
#ifndef ORD_RUN_FACTS_H
#define ORD_RUN_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/report/result.h"
#include "harness/run/lateness.h"

/* Notes leave room for what decides a verdict. */
enum { ORD_PROBLEMS_MAX = 12, ORD_NOTES_MAX = 6, ORD_PROBLEM_SIZE = 768 };

enum ord_phase { /* in order; `ordeal run` shows it */
                 ORD_PHASE_SETUP,
                 ORD_PHASE_START,
                 ORD_PHASE_MAIN,
                 ORD_PHASE_HEAL,
                 ORD_PHASE_FINAL,
                 ORD_PHASE_STOP,
                 ORD_PHASE_CHECK,
                 ORD_PHASE_DONE,
                 ORD_PHASE_COUNT
};

struct ord_fact_problem {
    enum ord_problem_kind kind;
    char text[ORD_PROBLEM_SIZE];
};

struct ord_facts {
    enum ord_phase phase;
    int64_t begin_ns[ORD_PHASE_COUNT]; /* CLOCK_MONOTONIC; 0: not reached */
    int64_t start_ns;                  /* time 0 of the history */
    uint64_t invoked;
    uint64_t ok;
    uint64_t fail;
    uint64_t info;
    uint32_t faults_begun;
    struct ord_lateness faults_late;  /* decisions to begin; the operator's */
    struct ord_lateness workers_late; /* operations that had a time */
    uint32_t final_rounds;
    bool is_agreed;         /* the last round's final reads agreed */
    uint32_t finals;        /* reads of the last round, */
    uint32_t finals_failed; /* and those that were not ok */
    bool is_interrupted;
    struct ord_fact_problem problems[ORD_PROBLEMS_MAX];
    uint32_t problem_count;
    uint32_t note_count;   /* of these */
    uint32_t unkept_count; /* beyond the room */
};

void ord_facts_problem(struct ord_facts *facts, enum ord_problem_kind kind,
                       const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void ord_facts_phase(struct ord_facts *facts, enum ord_phase phase);
const char *ord_phase_name(enum ord_phase phase);

#endif
