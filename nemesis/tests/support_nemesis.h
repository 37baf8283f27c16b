/* support_nemesis.h -- entries from text, and a cluster that only pretends. */
#ifndef ORD_NEMESIS_TESTS_SUPPORT_NEMESIS_H
#define ORD_NEMESIS_TESTS_SUPPORT_NEMESIS_H

#include "nemesis/env.h"
#include "nemesis/nemesis.h"

/* "partition shape=halves at=1000 at=2000 for=100-200 every=500-500
 * on=leader on=ops:100 on=log:text on=op:cas cool=100 delay=5": the fault, then
 * times in ms and parameters. Lives in the arena. */
struct ord_nemesis_entry entry_of(struct ord_arena *arena, const char *text);

/* Plans it on node_count nodes for 10 s with this seed; asserts that it works.
 */
struct ord_fault_plan plan_of(struct ord_arena *arena, const char *text,
                              uint32_t node_count, uint64_t seed);
/* The error of planning it, "" if there is none. */
const char *plan_error(struct ord_arena *arena, const char *text,
                       uint32_t node_count);
/* The cut matrix: "n1>n2 n2>n1", "c" for clients. */
const char *links_text(struct ord_arena *arena, const struct ord_fault *fault);
const char *nodes_text(struct ord_arena *arena, uint64_t nodes);

/* Nodes of a simulated cluster; every action is written down. */
struct fake {
    struct ord_nemesis_env env;
    uint64_t running, paused;
    struct ord_buf said; /* "kill n1 n2; start n1; " */
    int64_t now_ns;
    bool fail_kill, fail_pause, fail_resume;
    uint64_t fail_start;
};

void fake_init(struct fake *fake, uint32_t node_count);
void fake_fini(struct fake *fake);
/* What was said since the last call. */
const char *fake_said(struct ord_arena *arena, struct fake *fake);

#endif
