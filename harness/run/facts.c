#include "harness/run/facts.h"

#include <stdarg.h>
#include <stdio.h>

#include "harness/base/clock.h"

void ord_facts_problem(struct ord_facts *facts, enum ord_problem_kind kind,
                       const char *format, ...)
{
    va_list args;

    struct ord_fact_problem *to = &facts->problems[facts->problem_count];

    if (facts->problem_count == ORD_PROBLEMS_MAX ||
        (kind == ORD_PROBLEM_NOTE && facts->note_count == ORD_NOTES_MAX)) {
        facts->unkept_count++;
        return;
    }
    facts->problem_count++;
    facts->note_count += kind == ORD_PROBLEM_NOTE;
    to->kind = kind;
    va_start(args, format);
    vsnprintf(to->text, sizeof to->text, format, args);
    va_end(args);
}

void ord_facts_phase(struct ord_facts *facts, enum ord_phase phase)
{
    ORD_ASSERT(phase < ORD_PHASE_COUNT);
    facts->phase = phase;
    facts->begin_ns[phase] = ord_now_ns();
}

const char *ord_phase_name(enum ord_phase phase)
{
    static const char *const names[] = {"setup", "start", "main",  "heal",
                                        "final", "stop",  "check", "done"};

    _Static_assert(sizeof names / sizeof *names == ORD_PHASE_COUNT,
                   "every phase has its name");
    ORD_ASSERT(phase < ORD_PHASE_COUNT);
    return names[phase];
}
